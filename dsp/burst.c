#include "dsp/burst.h"

#include "dsp/delay.h"
#include "dsp/simd.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Sums, and the highest, over every fourth sample of a contraction: they fix the order of addition, so that
 * it does not matter how the samples were cut. */
struct quarters {
    double square_uv2[EMG_QUAD], magnitude_uv[EMG_QUAD], peak_uv[EMG_QUAD];
    double moment[EMG_QUAD], second_moment[EMG_QUAD]; /* of x^2 times the samples since the first one, and
                                                         squared */
};

struct emg_burst_meter {
    struct emg_burst_config config;
    struct emg_delay *delay;
    uint64_t taken; /* samples of x */

    uint32_t number; /* of the contraction in progress, 0: none */
    uint64_t first_sample, count;
    struct quarters sums;
};

enum emg_error emg_burst_create(struct emg_burst_meter **out, const struct emg_burst_config *config)
{
    *out = NULL;
    if (!(config->rate_hz > 0 && isfinite(config->rate_hz)) || config->delay == SIZE_MAX)
        return EMG_ERROR_ARGUMENT;
    struct emg_burst_meter *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    const enum emg_error error = emg_delay_create(&q->delay, config->delay);
    if (error != EMG_OK) {
        emg_burst_destroy(q);
        return error;
    }
    *out = q;
    return EMG_OK;
}

static double sum_of(const double *quarters)
{
    return emg_quad_sum(emg_const_quads(quarters));
}

static struct emg_burst measure(const struct emg_burst_meter *q)
{
    const struct quarters *sums = &q->sums;
    const double square_uv2 = sum_of(sums->square_uv2);
    const bool silent = !(square_uv2 > 0);
    const double mean = silent ? 0.5 * (double)q->count : sum_of(sums->moment) / square_uv2;
    const double square = silent ? mean * mean : sum_of(sums->second_moment) / square_uv2;
    double peak_uv = 0;
    for (size_t i = 0; i < EMG_QUAD; i++)
        peak_uv = fmax(peak_uv, sums->peak_uv[i]);
    return (struct emg_burst){
        .number = q->number,
        .first_sample = q->first_sample,
        .end_sample = q->first_sample + q->count,
        .rms_uv = sqrt(square_uv2 / (double)q->count),
        .peak_uv = peak_uv,
        .iemg_uv_s = sum_of(sums->magnitude_uv) / q->config.rate_hz,
        .centre_sample = (double)q->first_sample + mean,
        .spread_samples = sqrt(fmax(square - mean * mean, 0)),
    };
}

static void begin(struct emg_burst_meter *q, uint32_t number, uint64_t first_sample)
{
    q->number = number;
    q->first_sample = first_sample;
    q->count = 0;
    q->sums = (struct quarters){{0}, {0}, {0}, {0}, {0}};
}

static void add(struct emg_burst_meter *q, float x)
{
    const size_t i = q->count % EMG_QUAD;
    const double since = (double)q->count++, magnitude = fabs((double)x), square = magnitude * magnitude;
    q->sums.square_uv2[i] += square;
    q->sums.moment[i] += square * since;
    q->sums.second_moment[i] += square * since * since;
    q->sums.magnitude_uv[i] += magnitude;
    q->sums.peak_uv[i] = fmax(q->sums.peak_uv[i], magnitude);
}

/* As `add` for 4 n samples, from the first quarter on. */
EMG_VECTORISED static void add_quads(struct quarters *sums, uint64_t count, const float *x, size_t n)
{
    struct quarters s = *sums;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < EMG_QUAD; k++) {
            const double since = (double)(int64_t)(count + EMG_QUAD * i + k);
            const double magnitude = fabs((double)x[EMG_QUAD * i + k]), square = magnitude * magnitude;
            s.square_uv2[k] += square;
            s.moment[k] += square * since;
            s.second_moment[k] += square * since * since;
            s.magnitude_uv[k] += magnitude;
            s.peak_uv[k] = magnitude > s.peak_uv[k] ? magnitude : s.peak_uv[k];
        }
    *sums = s;
}

static void extend(struct emg_burst_meter *q, const float *x, size_t n)
{
    for (; n > 0 && q->count % EMG_QUAD != 0; n--)
        add(q, *x++);
    add_quads(&q->sums, q->count, x, n / EMG_QUAD);
    q->count += n / EMG_QUAD * EMG_QUAD;
    for (x += n / EMG_QUAD * EMG_QUAD, n %= EMG_QUAD; n > 0; n--)
        add(q, *x++);
}

static uint32_t number_of(uint32_t burst)
{
    return burst != UINT32_MAX ? burst : 0;
}

/* Samples from the first one on, at most n, that belong to the same; before the first sample there is
 * nothing. */
static size_t run_length(const struct emg_burst_meter *q, const uint32_t *burst, size_t n)
{
    const uint64_t before = q->taken < q->config.delay ? q->config.delay - q->taken : 0;
    size_t run = 1;
    n = n < EMG_DELAY_MOST ? n : EMG_DELAY_MOST;
    if (before > 0)
        return before < n ? (size_t)before : n;
    while (run < n && number_of(burst[run]) == number_of(burst[0]))
        run++;
    return run;
}

size_t emg_burst_execute(struct emg_burst_meter *q, const float *x, const uint32_t *burst, size_t n,
                         struct emg_burst *out)
{
    *out = (struct emg_burst){.number = 0};
    for (size_t i = 0; i < n;) {
        const uint32_t number = q->taken < q->config.delay ? 0 : number_of(burst[i]);
        size_t run = run_length(q, burst + i, n - i);
        if (number != q->number) {
            if (q->number != 0) {
                *out = measure(q);
                run = 1;
            }
            begin(q, number, q->taken - q->config.delay);
        }
        const float *delayed = emg_delay_execute(q->delay, x + i, run);
        if (number != 0)
            extend(q, delayed, run);
        q->taken += run;
        i += run;
        if (out->number != 0)
            return i;
    }
    return n;
}

void emg_burst_reset(struct emg_burst_meter *q)
{
    emg_delay_reset(q->delay);
    q->taken = 0;
    begin(q, 0, 0);
}

void emg_burst_destroy(struct emg_burst_meter *q)
{
    if (q == NULL)
        return;
    emg_delay_destroy(q->delay);
    free(q);
}
