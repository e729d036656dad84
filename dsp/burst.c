#include "dsp/burst.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct emg_burst_meter {
    struct emg_burst_config config;
    float *held; /* [delay + 1], a ring */
    size_t at;
    uint64_t taken; /* samples of x */

    uint32_t number; /* of the contraction in progress, 0: none */
    uint64_t first_sample, count;
    double square_uv2, magnitude_uv, peak_uv; /* the first two are sums */
    double moment, second_moment; /* sums of x^2 times the samples since the first one, and squared */
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
    q->held = calloc(config->delay + 1, sizeof q->held[0]);
    if (q->held == NULL) {
        emg_burst_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    *out = q;
    return EMG_OK;
}

static float hold_back(struct emg_burst_meter *q, float newest)
{
    q->held[q->at] = isfinite(newest) ? newest : 0.0F;
    q->at = q->at < q->config.delay ? q->at + 1 : 0;
    q->taken++;
    return q->held[q->at];
}

static struct emg_burst measure(const struct emg_burst_meter *q)
{
    const bool silent = !(q->square_uv2 > 0);
    const double mean = silent ? 0.5 * (double)q->count : q->moment / q->square_uv2;
    const double square = silent ? mean * mean : q->second_moment / q->square_uv2;
    return (struct emg_burst){
        .number = q->number,
        .first_sample = q->first_sample,
        .end_sample = q->first_sample + q->count,
        .rms_uv = sqrt(q->square_uv2 / (double)q->count),
        .peak_uv = q->peak_uv,
        .iemg_uv_s = q->magnitude_uv / q->config.rate_hz,
        .centre_sample = (double)q->first_sample + mean,
        .spread_samples = sqrt(fmax(square - mean * mean, 0)),
    };
}

static void begin(struct emg_burst_meter *q, uint32_t number, uint64_t first_sample)
{
    q->number = number;
    q->first_sample = first_sample;
    q->count = 0;
    q->square_uv2 = 0;
    q->magnitude_uv = 0;
    q->peak_uv = 0;
    q->moment = 0;
    q->second_moment = 0;
}

size_t emg_burst_execute(struct emg_burst_meter *q, const float *x, const uint32_t *burst, size_t n,
                         struct emg_burst *out)
{
    *out = (struct emg_burst){.number = 0};
    for (size_t i = 0; i < n; i++) {
        const double sample = (double)hold_back(q, x[i]);
        const bool exists = q->taken > q->config.delay; /* before the first sample there is nothing */
        const uint32_t number = exists && burst[i] != UINT32_MAX ? burst[i] : 0;
        if (number != q->number) {
            if (q->number != 0)
                *out = measure(q);
            begin(q, number, q->taken - 1 - q->config.delay);
        }
        const double since = (double)q->count++;
        q->square_uv2 += sample * sample;
        q->moment += sample * sample * since;
        q->second_moment += sample * sample * since * since;
        q->magnitude_uv += fabs(sample);
        q->peak_uv = fmax(q->peak_uv, fabs(sample));
        if (out->number != 0)
            return i + 1;
    }
    return n;
}

void emg_burst_reset(struct emg_burst_meter *q)
{
    memset(q->held, 0, (q->config.delay + 1) * sizeof q->held[0]);
    q->at = 0;
    q->taken = 0;
    begin(q, 0, 0);
}

void emg_burst_destroy(struct emg_burst_meter *q)
{
    if (q == NULL)
        return;
    free(q->held);
    free(q);
}
