#include "dsp/windows.h"

#include "dsp/samples.h"
#include "dsp/simd.h"

#include <fftw3.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS_MAX = 64 };
static const double SHORTEST = 64, LONGEST = 1048576; /* samples */
static const double PI = 3.14159265358979323846;

struct emg_windows {
    struct emg_windows_config config;
    size_t window, hop; /* samples */
    size_t n_fft, n_bins;
    double scale; /* from |F|^2 to a one-sided density */

    float *newest; /* [n_channels][window] */
    size_t held;   /* samples of each */
    uint64_t first_sample;

    float *weights;           /* [window] */
    fftwf_complex *time;      /* [n_fft] a channel's window, and the next one's as the imaginary part */
    fftwf_complex *frequency; /* [n_fft] */
    fftwf_plan transform;
    float *psd[2]; /* [n_bins] */
};

static bool config_is_valid(const struct emg_windows_config *c)
{
    const double samples = round(c->window_s * c->rate_hz);
    return c->rate_hz > 0 && isfinite(c->rate_hz) && c->n_channels >= 1 && c->n_channels <= CHANNELS_MAX &&
           samples >= SHORTEST && samples <= LONGEST && c->overlap >= 0 && c->overlap <= 0.95 &&
           c->low_hz > 0 && c->high_hz > c->low_hz && c->high_hz <= c->rate_hz / 2;
}

static enum emg_error allocate(struct emg_windows *q)
{
    q->newest = calloc(q->config.n_channels * q->window, sizeof q->newest[0]);
    q->weights = calloc(q->window, sizeof q->weights[0]);
    q->psd[0] = calloc(q->n_bins, sizeof q->psd[0][0]);
    q->psd[1] = calloc(q->n_bins, sizeof q->psd[1][0]);
    q->time = fftwf_alloc_complex(q->n_fft);
    q->frequency = fftwf_alloc_complex(q->n_fft);
    if (!q->newest || !q->weights || !q->psd[0] || !q->psd[1] || !q->time || !q->frequency)
        return EMG_ERROR_MEMORY;
    memset(q->time, 0, q->n_fft * sizeof q->time[0]);
    memset(q->frequency, 0, q->n_fft * sizeof q->frequency[0]);
    q->transform = fftwf_plan_dft_1d((int)q->n_fft, q->time, q->frequency, FFTW_FORWARD, FFTW_ESTIMATE);
    return q->transform ? EMG_OK : EMG_ERROR_MEMORY;
}

static void design(struct emg_windows *q)
{
    double squares = 0;
    for (size_t i = 0; i < q->window; i++) {
        const double weight = 0.5 - 0.5 * cos(2 * PI * (double)i / (double)q->window);
        q->weights[i] = (float)weight;
        squares += weight * weight;
    }
    q->scale = 2 / (q->config.rate_hz * squares);
}

enum emg_error emg_windows_create(struct emg_windows **out, const struct emg_windows_config *config)
{
    *out = NULL;
    if (!config_is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_windows *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    q->window = (size_t)lround(config->window_s * config->rate_hz);
    q->hop = (size_t)fmax(1, round((double)q->window * (1 - config->overlap)));
    for (q->n_fft = 1; q->n_fft < q->window;)
        q->n_fft *= 2;
    /* The bin behind the band is the last that is needed. */
    const double last = ceil(config->high_hz * (double)q->n_fft / config->rate_hz);
    const size_t all = q->n_fft / 2 + 1;
    q->n_bins = last + 1 < (double)all ? (size_t)last + 1 : all;
    const enum emg_error error = allocate(q);
    if (error != EMG_OK) {
        emg_windows_destroy(q);
        return error;
    }
    design(q);
    *out = q;
    return EMG_OK;
}

struct sums {
    double x, square;
};

static struct sums sums_of(const float *x, size_t n)
{
    return (struct sums){emg_sum(x, n), emg_sum_of_squares(x, n)};
}

/* What a window is less, and what it is multiplied by, before it is transformed. */
struct level {
    float mean, gain;
};

/* A power of two, which rounds nothing, brings every window to about 1: else a weak channel would be lost in
 * the rounding of a strong one beside it. */
static struct level level_of(const struct sums *sums, size_t n)
{
    const double mean = sums->x / (double)n, variance = sums->square / (double)n - mean * mean;
    const int exponent = variance > 0 ? ilogb(variance) / 2 : 0;
    const int most = 60; /* its square is a float, too */
    return (struct level){(float)mean, ldexpf(1.0F, exponent > most    ? -most
                                                    : exponent < -most ? most
                                                                       : -exponent)};
}

/* Lays two windows into one complex signal. */
EMG_VECTORISED static void join(const float *restrict a, const struct level *a_level, const float *restrict b,
                                const struct level *b_level, const float *restrict weights,
                                float *restrict joined, size_t n)
{
    const float a_mean = a_level->mean, a_gain = a_level->gain, b_mean = b_level->mean,
                b_gain = b_level->gain;
    for (size_t i = 0; i < n; i++) {
        joined[2 * i] = weights[i] * ((a[i] - a_mean) * a_gain);
        joined[2 * i + 1] = weights[i] * ((b[i] - b_mean) * b_gain);
    }
}

/* Takes the transform of two real signals apart: with z and z' at a frequency and at its negative, the one's
 * is (z + conj z') / 2, the other's (z - conj z') / 2i. */
EMG_VECTORISED static void part(const float *restrict z, size_t n_fft, float a_scale, float *restrict a,
                                float b_scale, float *restrict b, size_t n_bins)
{
    a[0] = 0.5F * a_scale * z[0] * z[0];
    b[0] = 0.5F * b_scale * z[1] * z[1];
    for (size_t k = 1; k < n_bins; k++) {
        const float re = z[2 * k], im = z[2 * k + 1];
        const float mirrored_re = z[2 * (n_fft - k)], mirrored_im = z[2 * (n_fft - k) + 1];
        const float sum_re = re + mirrored_re, sum_im = im - mirrored_im;
        const float difference_re = re - mirrored_re, difference_im = im + mirrored_im;
        a[k] = 0.25F * a_scale * (sum_re * sum_re + sum_im * sum_im);
        b[k] = 0.25F * b_scale * (difference_re * difference_re + difference_im * difference_im);
    }
    if (n_bins == n_fft / 2 + 1) {
        a[n_bins - 1] *= 0.5F;
        b[n_bins - 1] *= 0.5F;
    }
}

/* From |F|^2 of what was multiplied by the level's gain to a one-sided density. */
static float scale_of(const struct emg_windows *q, const struct level *level)
{
    return (float)(q->scale / ((double)level->gain * (double)level->gain));
}

static void give(struct emg_windows *q, size_t channel, const struct sums *sums, const float *psd,
                 emg_windows_take *take, void *context)
{
    const struct emg_fatigue_spectrum spectrum = {
        .psd = psd,
        .n_bins = q->n_bins,
        .df_hz = q->config.rate_hz / (double)q->n_fft,
        .low_hz = q->config.low_hz,
        .high_hz = q->config.high_hz,
    };
    const struct emg_window window = {
        .channel = channel,
        .first_sample = q->first_sample,
        .rms_uv = sqrt(sums->square / (double)q->window),
        .indices = emg_fatigue_indices(&spectrum),
    };
    take(context, &window);
}

/* Two channels, or the last one beside itself. */
static void take_windows(struct emg_windows *q, emg_windows_take *take, void *context)
{
    for (size_t channel = 0; channel < q->config.n_channels; channel += 2) {
        const bool two = channel + 1 < q->config.n_channels;
        const float *a = q->newest + channel * q->window, *b = two ? a + q->window : a;
        const struct sums sums[2] = {sums_of(a, q->window), sums_of(b, q->window)};
        const struct level a_level = level_of(&sums[0], q->window), b_level = level_of(&sums[1], q->window);
        join(a, &a_level, b, &b_level, q->weights, (float *)q->time, q->window);
        fftwf_execute(q->transform);
        part((const float *)q->frequency, q->n_fft, scale_of(q, &a_level), q->psd[0], scale_of(q, &b_level),
             q->psd[1], q->n_bins);
        give(q, channel, &sums[0], q->psd[0], take, context);
        if (two)
            give(q, channel + 1, &sums[1], q->psd[1], take, context);
    }
}

void emg_windows_execute(struct emg_windows *q, const float *const *x, size_t n, emg_windows_take *take,
                         void *context)
{
    for (size_t done = 0; done < n;) {
        const size_t room = q->window - q->held, some = n - done < room ? n - done : room;
        for (size_t i = 0; i < q->config.n_channels; i++)
            emg_copy_finite(q->newest + i * q->window + q->held, x[i] + done, some);
        q->held += some;
        done += some;
        if (q->held < q->window)
            continue;
        take_windows(q, take, context);
        q->held -= q->hop;
        q->first_sample += q->hop;
        for (size_t i = 0; i < q->config.n_channels; i++) {
            float *newest = q->newest + i * q->window;
            memmove(newest, newest + q->hop, q->held * sizeof newest[0]);
        }
    }
}

void emg_windows_reset(struct emg_windows *q)
{
    q->held = 0;
    q->first_sample = 0;
}

void emg_windows_destroy(struct emg_windows *q)
{
    if (q == NULL)
        return;
    if (q->transform)
        fftwf_destroy_plan(q->transform);
    fftwf_free(q->frequency);
    fftwf_free(q->time);
    free(q->psd[1]);
    free(q->psd[0]);
    free(q->weights);
    free(q->newest);
    free(q);
}
