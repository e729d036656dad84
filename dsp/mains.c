#include "dsp/mains.h"

#include "dsp/mains_fit.h"
#include "dsp/phasor.h"
#include "dsp/simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* In cycles of nominal mains. Over 6 cycles the main lobe of the window ends 4/6 of a line spacing from a
 * line: no harmonic leaks into another, nor motion into any, by more than -92 dB. */
enum { WINDOW_CYCLES = 6, HOP_CYCLES = 2 };

enum {
    HARMONICS = EMG_MAINS_FIT_HARMONICS_MAX,
    BINS = 2 * HARMONICS,
    MOMENTS = 14, /* terms of the series for the window's transform near 0 Hz */
};

/* 4-term Blackman-Harris: side lobes below -92 dB (Harris 1978, Proc. IEEE 66:51). */
static const double BLACKMAN_HARRIS[4] = {0.35875, -0.48829, 0.14128, -0.01168};

/* The window times cosine and minus sine of some bins, at one of its samples. */
struct waves {
    float re[EMG_QUAD], im[EMG_QUAD];
};

/* A complex number for each harmonic, 0 where there is none. */
struct lines {
    double re[HARMONICS], im[HARMONICS];
};

struct emg_mains {
    double rate_hz, nominal_hz;
    size_t harmonics, halves;
    size_t window, hop; /* samples */
    double noise_bandwidth_hz;
    double moments[MOMENTS];

    size_t groups;       /* of EMG_QUAD bins */
    struct waves *table; /* [groups][(window + 1) / 2] */
    double *folded;      /* [(window + 1) / 2][2] the window's even and odd part */
    float *newest;       /* [window] a sliding window of the input */
    size_t held;

    struct emg_mains_fit *fit;
    struct emg_mains_line line;  /* the newest fit */
    double lines_uv, between_uv; /* of the newest window */
    double removed_uv;

    /* Each line is (from + (to - from) i / hop) * turning at sample i of a hop. */
    bool subtracting;
    size_t in_hop;
    struct lines from, to, turning, step;
};

static double window_at(size_t i, size_t n)
{
    const double angle = 2.0 * PI * ((double)i + 0.5) / (double)n;
    double sum = 0.0;

    for (unsigned m = 0; m < 4; m++)
        sum += BLACKMAN_HARRIS[m] * cos(m * angle);
    return sum;
}

/* Frequencies in units of nominal: the harmonics 1, 2, ..., then 1.5, 2.5, ... */
static double multiple_of(const struct emg_mains *q, size_t bin)
{
    return bin < q->harmonics ? (double)(bin + 1) : (double)(bin - q->harmonics) + 1.5;
}

/* Time is counted from the centre of the window, so that its transform is real; the second half of the table
 * would mirror the first. */
static void design(struct emg_mains *q)
{
    const size_t n = q->window, bins = q->harmonics + q->halves;
    const double centre = 0.5 * (double)(n - 1);
    double sum = 0.0, square = 0.0;

    for (size_t i = 0; i < n; i++) {
        sum += window_at(i, n);
        square += window_at(i, n) * window_at(i, n);
    }
    for (size_t i = 0; i < n; i++) {
        const double scaled = window_at(i, n) / sum, t_s = ((double)i - centre) / q->rate_hz;
        double moment = scaled;
        for (size_t m = 0; m < MOMENTS; m++) {
            q->moments[m] += moment;
            moment *= -t_s * t_s / (double)((2 * m + 1) * (2 * m + 2));
        }
        for (size_t b = 0; b < bins && 2 * i < n; b++) {
            const struct emg_phasor e = emg_phasor_unit(-2.0 * PI * multiple_of(q, b) * q->nominal_hz * t_s);
            struct waves *waves = &q->table[b / EMG_QUAD * ((n + 1) / 2) + i];
            waves->re[b % EMG_QUAD] = (float)(2.0 * scaled * e.re);
            waves->im[b % EMG_QUAD] = (float)(2.0 * scaled * e.im);
        }
    }
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
    q->groups = (q->harmonics + q->halves + EMG_QUAD - 1) / EMG_QUAD;
    q->table = calloc(q->groups * ((q->window + 1) / 2), sizeof *q->table);
    q->folded = calloc((q->window + 1) / 2 * 2, sizeof *q->folded);
    q->newest = calloc(q->window, sizeof *q->newest);
    if (!q->table || !q->folded || !q->newest)
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
    q->window = q->hop * WINDOW_CYCLES / HOP_CYCLES;

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

typedef float floats __attribute__((vector_size(EMG_QUAD * sizeof(float)), aligned(4), may_alias));

/* Transforms a folded window into EMG_QUAD bins by their part of the table. */
EMG_VECTORISED static void transform_bins(const double *folded, const struct waves *table, size_t n,
                                          double *re, double *im)
{
    emg_quad real = {0.0}, imaginary = {0.0};

    for (size_t i = 0; i < n; i++) {
        const floats *cosine = (const floats *)(const void *)table[i].re;
        const floats *sine = (const floats *)(const void *)table[i].im;
        real += folded[2 * i] * __builtin_convertvector(*cosine, emg_quad);
        imaginary += folded[2 * i + 1] * __builtin_convertvector(*sine, emg_quad);
    }
    memcpy(re, &real, sizeof real);
    memcpy(im, &imaginary, sizeof imaginary);
}

/* Amplitudes at the harmonics and powers half-way [HARMONICS] of the newest window. Its mean is taken off
 * first: what of an offset leaks would look like a line at exactly nominal, since a hop is a whole number of
 * cycles. */
static void transform_window(const struct emg_mains *q, struct emg_phasor *amplitude, double *half)
{
    const size_t rows = (q->window + 1) / 2;
    double re[BINS + EMG_QUAD] = {0.0}, im[BINS + EMG_QUAD] = {0.0}, mean = 0.0;

    for (size_t i = 0; i < q->window; i++)
        mean += (double)q->newest[i];
    mean /= (double)q->window;
    for (size_t i = 0; i < rows; i++) {
        const size_t mirrored = q->window - 1 - i;
        const double x = (double)q->newest[i] - mean;
        const double y = mirrored > i ? (double)q->newest[mirrored] - mean : 0.0;
        q->folded[2 * i] = x + y;
        q->folded[2 * i + 1] = x - y;
    }
    for (size_t g = 0; g < q->groups; g++)
        transform_bins(q->folded, q->table + rows * g, rows, re + EMG_QUAD * g, im + EMG_QUAD * g);
    for (size_t k = 0; k < q->harmonics; k++)
        amplitude[k] = (struct emg_phasor){re[k], im[k]};
    for (size_t b = 0; b < q->halves; b++) {
        const size_t bin = q->harmonics + b;
        half[b] = re[bin] * re[bin] + im[bin] * im[bin];
    }
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
    double removed = 0.0;

    for (size_t k = 0; k < q->harmonics; k++) {
        const double order = (double)(k + 1), p = emg_phasor_power(line->amplitude[k]);
        const double kept = p > line->variance[k] ? 1.0 - line->variance[k] / p : 0.0;
        const double scale = kept / droop(q, order * (line->frequency_hz - q->nominal_hz));
        const struct emg_phasor e = emg_phasor_unit(2.0 * PI * order * cycles);
        const struct emg_phasor to =
            emg_phasor_product(line->amplitude[k], (struct emg_phasor){scale * e.re, scale * e.im});
        q->to.re[k] = to.re;
        q->to.im[k] = to.im;
        removed += 0.5 * emg_phasor_power(to);
    }
    q->removed_uv = sqrt(removed);
}

static void aim_at_nothing(struct emg_mains *q)
{
    q->to = (struct lines){{0.0}, {0.0}};
    q->removed_uv = 0.0;
}

/* A line just found is subtracted once the next hop has confirmed it. */
static void update_line(struct emg_mains *q)
{
    const bool is_found = q->line.locked;
    struct emg_phasor amplitude[HARMONICS] = {{0.0, 0.0}};
    double half[HARMONICS] = {0.0};

    transform_window(q, amplitude, half);
    measure(q, amplitude, half);
    q->line = emg_mains_fit_execute(q->fit, amplitude, half);
    if (is_found && q->line.locked)
        aim(q);
    else
        aim_at_nothing(q);
}

static void turn(struct lines *lines, const struct lines *by)
{
    for (size_t k = 0; k < HARMONICS; k++) {
        const double re = lines->re[k] * by->re[k] - lines->im[k] * by->im[k];
        lines->im[k] = lines->re[k] * by->im[k] + lines->im[k] * by->re[k];
        lines->re[k] = re;
    }
}

static bool is_there(const struct lines *lines, size_t k)
{
    return lines->re[k] != 0.0 || lines->im[k] != 0.0;
}

/* What is subtracted moves to the new estimate within the hop, in the new estimate's frequency. */
static void begin_hop(struct emg_mains *q)
{
    const double middle_s = 0.5 * (double)(q->window + 1 + q->hop) / q->rate_hz;

    q->from = q->to;
    turn(&q->from, &q->turning);
    update_line(q);
    const double frequency_hz = q->line.frequency_hz + q->line.drift_hz_s * middle_s;
    q->subtracting = false;
    for (size_t k = 0; k < q->harmonics; k++) {
        const struct emg_phasor step =
            emg_phasor_unit(2.0 * PI * (double)(k + 1) * frequency_hz / q->rate_hz);
        q->turning.re[k] = 1.0;
        q->turning.im[k] = 0.0;
        q->step.re[k] = step.re;
        q->step.im[k] = step.im;
        q->subtracting = q->subtracting || is_there(&q->from, k) || is_there(&q->to, k);
    }
}

/* Takes the lines off n samples, all of one hop. */
EMG_VECTORISED static void subtract(struct emg_mains *q, const float *x, float *y, size_t n)
{
    enum { MOST = HARMONICS / EMG_QUAD };
    const size_t groups = (q->harmonics + EMG_QUAD - 1) / EMG_QUAD;
    const emg_quad *step_re = emg_const_quads(q->step.re);
    const emg_quad *step_im = emg_const_quads(q->step.im);
    emg_quad *turning_re = emg_quads(q->turning.re), *turning_im = emg_quads(q->turning.im);
    emg_quad from_re[MOST], from_im[MOST], way_re[MOST], way_im[MOST];

    for (size_t g = 0; g < groups; g++) {
        from_re[g] = emg_const_quads(q->from.re)[g];
        from_im[g] = emg_const_quads(q->from.im)[g];
        way_re[g] = emg_const_quads(q->to.re)[g] - from_re[g];
        way_im[g] = emg_const_quads(q->to.im)[g] - from_im[g];
    }
    for (size_t i = 0; i < n; i++) {
        const double share = (double)(q->in_hop + i) / (double)q->hop;
        emg_quad sum = {0.0};
        for (size_t g = 0; g < groups; g++) {
            const emg_quad re = turning_re[g], im = turning_im[g];
            sum += (from_re[g] + share * way_re[g]) * re - (from_im[g] + share * way_im[g]) * im;
            turning_re[g] = re * step_re[g] - im * step_im[g];
            turning_im[g] = re * step_im[g] + im * step_re[g];
        }
        y[i] = (float)((double)x[i] - emg_quad_sum(&sum));
    }
}

void emg_mains_execute(struct emg_mains *q, const float *x, float *y, size_t n)
{
    while (n > 0) {
        const size_t left = q->window - q->held, take = n < left ? n : left;
        float *taken = q->newest + q->held;
        for (size_t i = 0; i < take; i++)
            y[i] = taken[i] = isfinite(x[i]) ? x[i] : 0.0F;
        if (q->subtracting)
            subtract(q, taken, y, take);
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
    q->turning = (struct lines){{0.0}, {0.0}};
    aim_at_nothing(q);
}

void emg_mains_destroy(struct emg_mains *q)
{
    if (!q)
        return;
    emg_mains_fit_destroy(q->fit);
    free(q->newest);
    free(q->folded);
    free(q->table);
    free(q);
}
