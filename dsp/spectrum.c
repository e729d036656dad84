#include "dsp/spectrum.h"

#include <assert.h>
#include <fftw3.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_SAMPLES_MAX ((size_t)1 << 20)
#define RING_FLOATS_MAX   ((size_t)1 << 26)

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

    float *time;          /* [n_fft] */
    fftwf_complex *freq;  /* [n_bins] */
    double *sum;          /* [n_bins] over tapers, or over slices */
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
           c->shortest_s <= c->slice_s && round(c->shortest_s * c->rate_hz) > (double)c->tapers;
}

static enum emg_error allocate(struct emg_spectrum *q)
{
    if (q->n_slots > RING_FLOATS_MAX / q->n_bins) {
        return EMG_ERROR_MEMORY;
    }
    q->time = fftwf_malloc(q->n_fft * sizeof *q->time);
    q->freq = fftwf_malloc(q->n_bins * sizeof *q->freq);
    q->sum = fftwf_malloc(q->n_bins * sizeof *q->sum);
    q->psds = fftwf_malloc(q->n_slots * q->n_bins * sizeof *q->psds);
    q->slots = calloc(q->n_slots, sizeof *q->slots);
    if (!q->time || !q->freq || !q->sum || !q->psds || !q->slots) {
        return EMG_ERROR_MEMORY;
    }
    /* Touched here, so that no page fault is left for the worker. */
    memset(q->time, 0, q->n_fft * sizeof *q->time);
    memset(q->freq, 0, q->n_bins * sizeof *q->freq);
    memset(q->sum, 0, q->n_bins * sizeof *q->sum);
    memset(q->psds, 0, q->n_slots * q->n_bins * sizeof *q->psds);
    q->transform = fftwf_plan_dft_r2c_1d((int)q->n_fft, q->time, q->freq, FFTW_ESTIMATE);
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

/* y[i] = (x[i] - mean) sin(pi k (i + 1) / (n + 1)): the k-th sine taper without its factor
 * sqrt(2 / (n + 1)). The sine comes from a rotation in double, whose error grows only like n epsilon. */
static void taper_slice(const float *x, size_t n, double mean, unsigned k, float *y)
{
    const double step = pi * (double)k / (double)(n + 1);
    const double step_cos = cos(step);
    const double step_sin = sin(step);
    double c = step_cos;
    double s = step_sin;

    for (size_t i = 0; i < n; i++) {
        y[i] = (float)(((double)x[i] - mean) * s);
        const double turned = c * step_cos - s * step_sin;
        s = s * step_cos + c * step_sin;
        c = turned;
    }
}

const float *emg_spectrum_execute(struct emg_spectrum *q, const float *x, size_t n, uint32_t burst)
{
    assert(n >= q->slice_min && n <= q->slice_max);

    const double mean = mean_of(x, n);
    const unsigned tapers = tapers_of(q, n);
    memset(q->sum, 0, q->n_bins * sizeof *q->sum);
    memset(q->time + n, 0, (q->n_fft - n) * sizeof *q->time);
    for (unsigned k = 1; k <= tapers; k++) {
        taper_slice(x, n, mean, k, q->time);
        fftwf_execute(q->transform);
        for (size_t i = 0; i < q->n_bins; i++) {
            const double re = (double)q->freq[i][0];
            const double im = (double)q->freq[i][1];
            q->sum[i] += re * re + im * im;
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
        for (size_t i = 0; i < q->n_bins; i++) {
            q->sum[i] += weight * (double)slice[i];
        }
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
    fftwf_free(q->time);
    fftwf_free(q->freq);
    fftwf_free(q->sum);
    fftwf_free(q->psds);
    free(q->slots);
    free(q);
}
