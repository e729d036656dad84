#include "dsp/mains.h"

#include "dsp/lines.h"
#include "dsp/mains_fit.h"
#include "dsp/phasor.h"
#include "dsp/samples.h"
#include "dsp/simd.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* In cycles of nominal mains. Over 6 cycles the main lobe of the window ends 4/6 of a line spacing from a
 * line: no harmonic leaks into another, nor motion into any, by more than -92 dB. */
enum { WINDOW_CYCLES = 6, HOP_CYCLES = 2 };

enum {
    HARMONICS = EMG_MAINS_HARMONICS_MAX,
    FOLDS = WINDOW_CYCLES / HOP_CYCLES,
    FIT_HOPS = 4, /* from one fit to the next */
    MOMENTS = 14, /* terms of the series for the window's transform near 0 Hz */
};

/* 4-term Blackman-Harris: side lobes below -92 dB (Harris 1978, Proc. IEEE 66:51). */
static const double BLACKMAN_HARRIS[4] = {0.35875, -0.48829, 0.14128, -0.01168};

struct emg_mains {
    double rate_hz, nominal_hz;
    size_t harmonics, halves;
    size_t window, hop; /* samples */
    double noise_bandwidth_hz;
    double moments[MOMENTS];

    double spacing_hz;          /* of the bins at the harmonics: nominal, if the hop were not rounded */
    float *weights;             /* [window] the window, of unit gain for an amplitude */
    float *folded;              /* [hop] the newest window, its hops laid upon each other */
    fftwf_complex *bins;        /* [hop / 2 + 1] their transform */
    fftwf_plan transform;       /* folded -> bins */
    struct emg_phasor *centred; /* [hop / 2 + 1] what turns a bin's phase to the window's centre */
    float *newest;              /* [window] a sliding window of the input */
    size_t held;

    struct emg_mains_fit *fit;
    struct emg_mains_line line;  /* the newest fit */
    double lines_uv, between_uv; /* of the newest window */
    double removed_uv;

    /* Each line is (from + (to - from) i / hop) times a phasor that goes on by `turn` with each sample i of a
     * hop. */
    bool subtracting;
    size_t in_hop, hops; /* samples of this hop; hops so far */
    struct emg_lines from, to;
    double turn;    /* of the fundamental, radians per sample */
    float *line_uv; /* [hop, rounded up to octets] what is subtracted */
};

static double window_at(size_t i, size_t n)
{
    const double angle = 2.0 * PI * ((double)i + 0.5) / (double)n;
    double sum = 0.0;

    for (unsigned m = 0; m < 4; m++)
        sum += BLACKMAN_HARRIS[m] * cos(m * angle);
    return sum;
}

static void design(struct emg_mains *q)
{
    const size_t n = q->window;
    const double centre = 0.5 * (double)(n - 1);
    double sum = 0.0, square = 0.0;

    for (size_t i = 0; i < n; i++) {
        sum += window_at(i, n);
        square += window_at(i, n) * window_at(i, n);
    }
    for (size_t i = 0; i < n; i++) {
        const double scaled = window_at(i, n) / sum, t_s = ((double)i - centre) / q->rate_hz;
        double moment = scaled;
        q->weights[i] = (float)(2.0 * scaled);
        for (size_t m = 0; m < MOMENTS; m++) {
            q->moments[m] += moment;
            moment *= -t_s * t_s / (double)((2 * m + 1) * (2 * m + 2));
        }
    }
    /* Time is counted from the centre of the window, so that its transform is real. */
    for (size_t m = 0; m <= q->hop / 2; m++)
        q->centred[m] = emg_phasor_unit(2.0 * PI * fmod((double)m * centre, (double)q->hop) / (double)q->hop);
    q->noise_bandwidth_hz = q->rate_hz * square / (sum * sum);
}

/* Hops per independent hop: the windows of neighbours share samples. */
static double overlap_of(const struct emg_mains *q)
{
    const size_t n = q->window;
    double square = 0.0, overlap = 1.0;

    for (size_t i = 0; i < n; i++)
        square += window_at(i, n) * window_at(i, n);
    for (size_t lag = q->hop; lag < n; lag += q->hop) {
        double sum_of_products = 0.0;
        for (size_t i = 0; i + lag < n; i++)
            sum_of_products += window_at(i, n) * window_at(i + lag, n);
        overlap += 2.0 * sum_of_products / square;
    }
    return overlap;
}

/* Response of the window's transform `offset_hz` beside its bin. */
static double droop(const struct emg_mains *q, double offset_hz)
{
    const double square = 4.0 * PI * PI * offset_hz * offset_hz;
    double sum = 0.0;

    for (size_t m = MOMENTS; m-- > 0;)
        sum = sum * square + q->moments[m];
    return sum;
}

static bool config_is_valid(const struct emg_mains_config *c)
{
    return c->rate_hz >= 500.0 && c->rate_hz <= 4200.0 && (c->nominal_hz == 50.0 || c->nominal_hz == 60.0) &&
           c->highest_hz >= c->nominal_hz && isfinite(c->highest_hz);
}

static enum emg_error allocate(struct emg_mains *q)
{
    q->weights = calloc(q->window, sizeof *q->weights);
    q->newest = calloc(q->window, sizeof *q->newest);
    q->line_uv = calloc(q->hop + EMG_OCTET, sizeof *q->line_uv);
    q->centred = calloc(q->hop / 2 + 1, sizeof *q->centred);
    q->folded = fftwf_alloc_real(q->hop);
    q->bins = fftwf_alloc_complex(q->hop / 2 + 1);
    if (!q->weights || !q->newest || !q->line_uv || !q->centred || !q->folded || !q->bins)
        return EMG_ERROR_MEMORY;
    q->transform = fftwf_plan_dft_r2c_1d((int)q->hop, q->folded, q->bins, FFTW_ESTIMATE);
    if (!q->transform)
        return EMG_ERROR_MEMORY;
    const struct emg_mains_fit_config fit = {.nominal_hz = q->nominal_hz,
                                             .hop_s = (double)q->hop / q->rate_hz,
                                             .harmonics = q->harmonics,
                                             .halves = q->halves,
                                             .overlap = overlap_of(q)};
    return emg_mains_fit_create(&q->fit, &fit);
}

enum emg_error emg_mains_create(struct emg_mains **out, const struct emg_mains_config *config)
{
    *out = NULL;
    if (!config_is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_mains *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;

    const double highest_hz = fmin(config->highest_hz, 0.48 * config->rate_hz);
    q->rate_hz = config->rate_hz;
    q->nominal_hz = config->nominal_hz;
    q->harmonics = (size_t)fmin(floor(highest_hz / q->nominal_hz * (1.0 + 1e-12)), HARMONICS);
    /* The one above the highest harmonic only where it keeps clear of half the rate. */
    q->halves = q->harmonics;
    if (q->halves > 1 && ((double)q->harmonics + 0.75) * q->nominal_hz > 0.5 * q->rate_hz)
        q->halves--;
    q->hop = (size_t)lround(HOP_CYCLES * q->rate_hz / q->nominal_hz);
    q->window = q->hop * FOLDS;
    q->spacing_hz = HOP_CYCLES * q->rate_hz / (double)q->hop;

    const enum emg_error error = allocate(q);
    if (error != EMG_OK) {
        emg_mains_destroy(q);
        return error;
    }
    design(q);
    emg_mains_reset(q);
    *out = q;
    return EMG_OK;
}

/* Lays the hops of the newest window, weighted, upon each other: what repeats with the hop stays as it is,
 * and all else that is asked for is half a period of that apart. Its mean is taken off first: what of an
 * offset leaks would look like a line at exactly nominal, since a hop is a whole number of cycles. */
EMG_VECTORISED static void fold(const float *restrict x, const float *restrict weights, size_t hop,
                                float *restrict folded)
{
    enum { LANES = EMG_OCTET };
    const size_t n = FOLDS * hop;
    double sums[LANES] = {0.0}, sum = 0.0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sums[k] += (double)x[i + k];
    for (; i < n; i++)
        sum += (double)x[i];
    for (size_t k = 0; k < LANES; k++)
        sum += sums[k];
    const float mean = (float)(sum / (double)n);
    for (i = 0; i < hop; i++)
        folded[i] = weights[i] * (x[i] - mean) + weights[i + hop] * (x[i + hop] - mean) +
                    weights[i + 2 * hop] * (x[i + 2 * hop] - mean);
}

static struct emg_phasor bin_of(const struct emg_mains *q, size_t m)
{
    const struct emg_phasor bin = {(double)q->bins[m][0], (double)q->bins[m][1]};
    return emg_phasor_product(bin, q->centred[m]);
}

/* Amplitudes at the harmonics and powers half-way [HARMONICS] of the newest window. */
static void transform_window(const struct emg_mains *q, struct emg_phasor *amplitude, double *half)
{
    fold(q->newest, q->weights, q->hop, q->folded);
    fftwf_execute(q->transform);
    for (size_t k = 0; k < q->harmonics; k++)
        amplitude[k] = bin_of(q, HOP_CYCLES * (k + 1));
    for (size_t b = 0; b < q->halves; b++)
        half[b] = emg_phasor_power(bin_of(q, HOP_CYCLES * (b + 1) + HOP_CYCLES / 2));
}

/* RMS at the lines and of all else: power is half a squared amplitude, density the mean of both neighbours.
 */
static void measure(struct emg_mains *q, const struct emg_phasor *amplitude, const double *half)
{
    double lines = 0.0, between = 0.0;

    for (size_t k = 0; k < q->harmonics; k++) {
        const double width_hz = k == 0 ? 1.5 * q->nominal_hz - 20.0 : q->nominal_hz;
        const double below = half[k > 0 ? k - 1 : 0], above = half[k < q->halves ? k : k - 1];
        const double density = 0.25 * (below + above) / q->noise_bandwidth_hz;
        between += density * width_hz;
        lines += 0.5 * emg_phasor_power(amplitude[k]);
    }
    q->lines_uv = sqrt(lines);
    q->between_uv = sqrt(between);
}

/* Amplitudes to subtract: shrunk by their own variance, so that a harmonic which is not there costs little,
 * and carried from the centre of the newest window to its end. */
static void aim(struct emg_mains *q)
{
    const struct emg_mains_line *line = &q->line;
    const double ahead_s = 0.5 * (double)(q->window + 1) / q->rate_hz;
    const double cycles = ahead_s * (line->frequency_hz + 0.5 * line->drift_hz_s * ahead_s);
    struct emg_phasor turned[HARMONICS];
    double removed = 0.0;

    emg_phasor_powers(2.0 * PI * cycles, turned, q->harmonics);
    for (size_t k = 0; k < q->harmonics; k++) {
        const double order = (double)(k + 1), p = emg_phasor_power(line->amplitude[k]);
        const double kept = p > line->variance[k] ? 1.0 - line->variance[k] / p : 0.0;
        const double scale = kept / droop(q, order * (line->frequency_hz - q->spacing_hz));
        const struct emg_phasor to = emg_phasor_product(
            line->amplitude[k], (struct emg_phasor){scale * turned[k].re, scale * turned[k].im});
        q->to.re[k] = to.re;
        q->to.im[k] = to.im;
        removed += 0.5 * emg_phasor_power(to);
    }
    q->removed_uv = sqrt(removed);
}

static void aim_at_nothing(struct emg_mains *q)
{
    q->to = (struct emg_lines){{0.0}, {0.0}};
    q->removed_uv = 0.0;
}

/* What is subtracted now, carried on to the end of the hop. */
static void carry_on(struct emg_mains *q)
{
    struct emg_phasor turned[HARMONICS];

    emg_phasor_powers(q->turn * (double)q->hop, turned, q->harmonics);
    for (size_t k = 0; k < q->harmonics; k++) {
        const struct emg_phasor at = {q->to.re[k], q->to.im[k]};
        const struct emg_phasor now = emg_phasor_product(at, turned[k]);
        q->to.re[k] = now.re;
        q->to.im[k] = now.im;
    }
    q->from = q->to;
}

/* Takes the newest window, and fits the line to all every FIT_HOPS hops. A line just found is subtracted once
 * the next fit has confirmed it. */
static void update_line(struct emg_mains *q)
{
    const bool is_found = q->line.locked;
    struct emg_phasor amplitude[HARMONICS] = {{0.0, 0.0}};
    double half[HARMONICS] = {0.0};

    transform_window(q, amplitude, half);
    measure(q, amplitude, half);
    emg_mains_fit_take(q->fit, amplitude, half);
    if (++q->hops % FIT_HOPS != 0)
        return;
    q->line = emg_mains_fit_execute(q->fit);
    if (is_found && q->line.locked)
        aim(q);
    else
        aim_at_nothing(q);
    const double middle_s = 0.5 * (double)(q->window + 1 + FIT_HOPS * q->hop) / q->rate_hz;
    const double frequency_hz = q->line.frequency_hz + q->line.drift_hz_s * middle_s;
    q->turn = 2.0 * PI * frequency_hz / q->rate_hz;
}

/* What is subtracted moves to the new estimate within the hop, in the new estimate's frequency. */
static void begin_hop(struct emg_mains *q)
{
    carry_on(q);
    update_line(q);
    q->subtracting = emg_lines_draw(&q->from, &q->to, q->turn, q->line_uv, q->hop);
}

void emg_mains_execute(struct emg_mains *q, const float *x, float *y, size_t n)
{
    while (n > 0) {
        const size_t left = q->window - q->held, take = n < left ? n : left;
        float *taken = q->newest + q->held;
        emg_copy_finite(taken, x, take);
        for (size_t i = 0; i < take; i++)
            y[i] = q->subtracting ? taken[i] - q->line_uv[q->in_hop + i] : taken[i];
        q->held += take;
        q->in_hop += take;
        if (q->held == q->window) {
            begin_hop(q);
            q->held -= q->hop;
            memmove(q->newest, q->newest + q->hop, q->held * sizeof *q->newest);
            q->in_hop = 0;
        }
        x += take;
        y += take;
        n -= take;
    }
}

struct emg_mains_state emg_mains_state(const struct emg_mains *q)
{
    return (struct emg_mains_state){
        .locked = q->line.locked,
        .frequency_hz = q->line.locked ? q->line.frequency_hz : NAN,
        .removed_uv = q->removed_uv,
        .lines_uv = q->lines_uv,
        .between_uv = q->between_uv,
    };
}

void emg_mains_reset(struct emg_mains *q)
{
    emg_mains_fit_reset(q->fit);
    q->line = (struct emg_mains_line){.frequency_hz = q->nominal_hz};
    q->held = 0;
    q->lines_uv = NAN;
    q->between_uv = NAN;
    q->subtracting = false;
    q->in_hop = 0;
    q->hops = 0;
    q->turn = 0.0;
    aim_at_nothing(q);
}

void emg_mains_destroy(struct emg_mains *q)
{
    if (!q)
        return;
    emg_mains_fit_destroy(q->fit);
    if (q->transform)
        fftwf_destroy_plan(q->transform);
    fftwf_free(q->bins);
    fftwf_free(q->folded);
    free(q->centred);
    free(q->line_uv);
    free(q->newest);
    free(q->weights);
    free(q);
}
