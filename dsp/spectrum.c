#include "dsp/spectrum.h"

#include "dsp/simd.h"

#include <assert.h>
#include <fftw3.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_SAMPLES_MAX ((size_t)1 << 20)
#define RING_FLOATS_MAX   ((size_t)1 << 26)

enum { PAIRS = 2 };

static const double pi = 3.14159265358979323846;

struct slot {
    size_t n;
    uint32_t burst;
    struct emg_spectrum_extent extent;
};

struct emg_spectrum {
    double rate_hz;
    double pool_samples;
    unsigned tapers;
    size_t slice_min;
    size_t slice_max;
    size_t n_fft;
    size_t n_bins;

    /* A slice tapered four times over, as two complex signals: the real parts by one taper, the imaginary
     * ones by the next. */
    fftwf_complex *time[PAIRS]; /* [n_fft], 0 from `silent` on */
    size_t silent;
    fftwf_complex *freq;  /* [n_fft] */
    double *sum;          /* [n_bins, rounded up to quads] over tapers, or over slices */
    fftwf_plan transform; /* time -> freq */

    float *psds;        /* [n_slots][n_bins], a ring */
    struct slot *slots; /* [n_slots] */
    size_t n_slots;
    size_t next;
    size_t filled;
};

static bool config_is_valid(const struct emg_spectrum_config *c)
{
    /* Written so that NaN fails. */
    return c->rate_hz > 0.0 && c->slice_s >= 0.05 && c->slice_s <= 2.0 &&
           c->slice_s * c->rate_hz <= (double)SLICE_SAMPLES_MAX && c->tapers >= 1 && c->tapers <= 16 &&
           c->pool_s >= c->slice_s && c->pool_s <= 600.0 && c->shortest_s > 0.0 &&
           c->shortest_s <= c->slice_s && c->highest_hz >= 0.0 &&
           round(c->shortest_s * c->rate_hz) > (double)c->tapers;
}

static enum emg_error allocate(struct emg_spectrum *q)
{
    if (q->n_slots > RING_FLOATS_MAX / q->n_bins) {
        return EMG_ERROR_MEMORY;
    }
    const size_t sums = q->n_bins + EMG_QUAD;
    for (size_t i = 0; i < PAIRS; i++)
        q->time[i] = fftwf_alloc_complex(q->n_fft);
    q->freq = fftwf_alloc_complex(q->n_fft);
    q->sum = fftwf_malloc(sums * sizeof *q->sum);
    q->psds = fftwf_malloc(q->n_slots * q->n_bins * sizeof *q->psds);
    q->slots = calloc(q->n_slots, sizeof *q->slots);
    if (!q->time[0] || !q->time[1] || !q->freq || !q->sum || !q->psds || !q->slots) {
        return EMG_ERROR_MEMORY;
    }
    /* Touched here, so that no page fault is left for the worker. */
    for (size_t i = 0; i < PAIRS; i++)
        memset(q->time[i], 0, q->n_fft * sizeof *q->time[i]);
    memset(q->freq, 0, q->n_fft * sizeof *q->freq);
    memset(q->sum, 0, sums * sizeof *q->sum);
    memset(q->psds, 0, q->n_slots * q->n_bins * sizeof *q->psds);
    q->transform = fftwf_plan_dft_1d((int)q->n_fft, q->time[0], q->freq, FFTW_FORWARD, FFTW_ESTIMATE);
    return q->transform ? EMG_OK : EMG_ERROR_MEMORY;
}

enum emg_error emg_spectrum_create(struct emg_spectrum **out, const struct emg_spectrum_config *config)
{
    *out = NULL;
    if (!config_is_valid(config)) {
        return EMG_ERROR_ARGUMENT;
    }
    struct emg_spectrum *q = calloc(1, sizeof *q);
    if (!q) {
        return EMG_ERROR_MEMORY;
    }
    q->rate_hz = config->rate_hz;
    q->pool_samples = config->pool_s * config->rate_hz;
    q->tapers = config->tapers;
    q->slice_max = (size_t)lround(config->slice_s * config->rate_hz);
    q->slice_min = (size_t)lround(config->shortest_s * config->rate_hz);
    q->n_fft = 2;
    while (q->n_fft < 2 * q->slice_max) {
        q->n_fft *= 2;
    }
    q->n_bins = q->n_fft / 2 + 1;
    if (config->highest_hz > 0.0)
        q->n_bins = (size_t)fmin(ceil(config->highest_hz / emg_spectrum_df_hz(q)) + 1.0, (double)q->n_bins);
    q->n_slots = (size_t)fmin(ceil(q->pool_samples / (double)q->slice_min), (double)EMG_SPECTRUM_SLICES_MAX);

    enum emg_error error = allocate(q);
    if (error != EMG_OK) {
        emg_spectrum_destroy(q);
        return error;
    }
    *out = q;
    return EMG_OK;
}

size_t emg_spectrum_bins(const struct emg_spectrum *q)
{
    return q->n_bins;
}

double emg_spectrum_df_hz(const struct emg_spectrum *q)
{
    return q->rate_hz / (double)q->n_fft;
}

size_t emg_spectrum_slice_max(const struct emg_spectrum *q)
{
    return q->slice_max;
}

size_t emg_spectrum_slice_min(const struct emg_spectrum *q)
{
    return q->slice_min;
}

static unsigned tapers_of(const struct emg_spectrum *q, size_t n)
{
    const double wanted = round((double)q->tapers * sqrt((double)n / (double)q->slice_max));
    const unsigned fewest = q->tapers < 2 ? q->tapers : 2;
    return wanted > (double)fewest ? (unsigned)wanted : fewest;
}

static struct emg_spectrum_extent extent_of(const struct emg_spectrum *q, const float *x, size_t n,
                                            double mean, unsigned tapers)
{
    const double inflation = 1.0 + 0.5 / (double)tapers;
    double square = 0.0, fourth = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double s = ((double)x[i] - mean) * ((double)x[i] - mean);
        square += s;
        fourth += s * s;
    }
    const double seconds = (double)n / q->rate_hz;
    const double square_s = square / q->rate_hz;
    return (struct emg_spectrum_extent){.seconds = seconds,
                                        .inflated_s = inflation * seconds,
                                        .square_s = square_s,
                                        .inflated_fourth = inflation * fourth / q->rate_hz,
                                        .squares_per_dof = square_s * square_s / (2.0 * (double)tapers),
                                        .window = 0.5 * ((double)tapers + 1.0)};
}

void emg_spectrum_extend(struct emg_spectrum_extent *sum, const struct emg_spectrum_extent *slice)
{
    sum->seconds += slice->seconds;
    sum->inflated_s += slice->inflated_s;
    sum->square_s += slice->square_s;
    sum->inflated_fourth += slice->inflated_fourth;
    sum->squares_per_dof += slice->squares_per_dof;
    sum->window += slice->window;
}

double emg_spectrum_effective_s(const struct emg_spectrum_extent *sum)
{
    if (!(sum->inflated_s > 0.0)) {
        return 0.0;
    }
    const double stationary = sum->seconds * sum->seconds / sum->inflated_s;
    if (!(sum->inflated_fourth > 0.0)) {
        return stationary;
    }
    return fmin(stationary, 3.0 * sum->square_s * sum->square_s / sum->inflated_fourth);
}

double emg_spectrum_dof(const struct emg_spectrum_extent *sum)
{
    return sum->squares_per_dof > 0.0 ? sum->square_s * sum->square_s / sum->squares_per_dof : 0.0;
}

double emg_spectrum_bandwidth_hz(const struct emg_spectrum_extent *sum)
{
    return sum->seconds > 0.0 ? sum->window / sum->seconds : 0.0;
}

static double mean_of(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
    }
    return sum / (double)n;
}

/* Tapers x - mean with the k-th sine taper and the three after it, sin(pi k (i + 1) / (n + 1)), without their
 * factor sqrt(2 / (n + 1)): the first and second are the real and imaginary parts of `one`, the others those
 * of `two`. What lies behind the last taper is 0. The sines come from rotations in double, whose error grows
 * only like n epsilon. */
EMG_VECTORISED static void taper_slice(const float *x, size_t n, double mean, unsigned k, unsigned last,
                                       fftwf_complex *one, fftwf_complex *two)
{
    emg_quad step_re = {0.0}, step_im = {0.0};
    for (unsigned i = 0; i < EMG_QUAD; i++) {
        const double step = k + i <= last ? pi * (double)(k + i) / (double)(n + 1) : 0.0;
        step_re[i] = cos(step);
        step_im[i] = sin(step);
    }
    emg_quad c = step_re, s = step_im;
    for (size_t i = 0; i < n; i++) {
        const emg_quad y = ((double)x[i] - mean) * s;
        one[i][0] = (float)y[0];
        one[i][1] = (float)y[1];
        two[i][0] = (float)y[2];
        two[i][1] = (float)y[3];
        const emg_quad turned = c * step_re - s * step_im;
        s = s * step_re + c * step_im;
        c = turned;
    }
}

/* Adds up |F|^2 of both real signals that make up a complex one whose transform is z: half of |z|^2 at a
 * frequency and at its negative. */
EMG_VECTORISED static void add_powers(const fftwf_complex *z, size_t n_fft, double *sum, size_t n_bins)
{
    sum[0] += (double)z[0][0] * (double)z[0][0] + (double)z[0][1] * (double)z[0][1];
    for (size_t i = 1; i < n_bins; i++) {
        const double re = (double)z[i][0], im = (double)z[i][1];
        const double mirrored_re = (double)z[n_fft - i][0], mirrored_im = (double)z[n_fft - i][1];
        sum[i] += 0.5 * ((re * re + im * im) + (mirrored_re * mirrored_re + mirrored_im * mirrored_im));
    }
}

const float *emg_spectrum_execute(struct emg_spectrum *q, const float *x, size_t n, uint32_t burst)
{
    assert(n >= q->slice_min && n <= q->slice_max);

    const double mean = mean_of(x, n);
    const unsigned tapers = tapers_of(q, n);
    memset(q->sum, 0, q->n_bins * sizeof *q->sum);
    for (size_t i = 0; i < PAIRS && n < q->silent; i++)
        memset(q->time[i] + n, 0, (q->silent - n) * sizeof *q->time[i]);
    q->silent = n;
    for (unsigned k = 1; k <= tapers; k += 2 * PAIRS) {
        taper_slice(x, n, mean, k, tapers, q->time[0], q->time[1]);
        for (unsigned i = 0; i < PAIRS && k + 2 * i <= tapers; i++) {
            fftwf_execute_dft(q->transform, q->time[i], q->freq);
            add_powers(q->freq, q->n_fft, q->sum, q->n_bins);
        }
    }

    /* Twice for the negative frequencies, which the bins at 0 and rate / 2 do not have; 2 / (n + 1) is the
     * tapers' factor. */
    const double scale = 2.0 * (2.0 / (double)(n + 1)) / (q->rate_hz * (double)tapers);
    float *psd = q->psds + q->next * q->n_bins;
    for (size_t i = 0; i < q->n_bins; i++) {
        psd[i] = (float)(q->sum[i] * scale);
    }
    psd[0] = (float)(q->sum[0] * 0.5 * scale);
    if (q->n_bins == q->n_fft / 2 + 1)
        psd[q->n_bins - 1] = (float)(q->sum[q->n_bins - 1] * 0.5 * scale);

    q->slots[q->next] = (struct slot){.n = n, .burst = burst, .extent = extent_of(q, x, n, mean, tapers)};
    q->next = (q->next + 1) % q->n_slots;
    if (q->filled < q->n_slots) {
        q->filled++;
    }
    return psd;
}

/* Place in the ring of the slice that is `age` slices old; 1 is the newest. */
static size_t place_of(const struct emg_spectrum *q, size_t age)
{
    return (q->next + q->n_slots - age) % q->n_slots;
}

struct emg_spectrum_extent emg_spectrum_newest(const struct emg_spectrum *q)
{
    return q->filled > 0 ? q->slots[place_of(q, 1)].extent : (struct emg_spectrum_extent){0};
}

EMG_VECTORISED static void add_weighted(const float *restrict x, double weight, double *restrict sum,
                                        size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += weight * (double)x[i];
}

struct emg_spectrum_pool emg_spectrum_pool(struct emg_spectrum *q, float *psd)
{
    size_t used = 0;
    size_t samples = 0;
    while (used < q->filled && (double)samples < q->pool_samples) {
        used++;
        samples += q->slots[place_of(q, used)].n;
    }
    if (used == 0) {
        memset(psd, 0, q->n_bins * sizeof *psd);
        return (struct emg_spectrum_pool){0};
    }

    struct emg_spectrum_pool pool = {.seconds = (double)samples / q->rate_hz, .slices = (unsigned)used};
    struct emg_spectrum_extent extent = {0};
    uint32_t last_burst = 0;
    memset(q->sum, 0, q->n_bins * sizeof *q->sum);
    for (size_t age = used; age >= 1; age--) {
        const size_t place = place_of(q, age);
        const struct slot slot = q->slots[place];
        const float *slice = q->psds + place * q->n_bins;
        const double weight = (double)slot.n;
        add_weighted(slice, weight, q->sum, q->n_bins);
        if (age == used || slot.burst != last_burst) {
            pool.bursts++;
        }
        last_burst = slot.burst;
        emg_spectrum_extend(&extent, &slot.extent);
    }
    for (size_t i = 0; i < q->n_bins; i++) {
        psd[i] = (float)(q->sum[i] / (double)samples);
    }
    pool.effective_s = emg_spectrum_effective_s(&extent);
    pool.dof = emg_spectrum_dof(&extent);
    pool.bandwidth_hz = emg_spectrum_bandwidth_hz(&extent);
    return pool;
}

void emg_spectrum_reset(struct emg_spectrum *q)
{
    q->next = 0;
    q->filled = 0;
}

void emg_spectrum_destroy(struct emg_spectrum *q)
{
    if (!q) {
        return;
    }
    if (q->transform) {
        fftwf_destroy_plan(q->transform);
    }
    for (size_t i = 0; i < PAIRS; i++)
        fftwf_free(q->time[i]);
    fftwf_free(q->freq);
    fftwf_free(q->sum);
    fftwf_free(q->psds);
    free(q->slots);
    free(q);
}
