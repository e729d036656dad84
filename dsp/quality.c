#include "dsp/quality.h"

#include <math.h>
#include <stdlib.h>

/* The converter's extreme codes and the rounding of its driver lie within this share of full scale. */
static const double RAIL_SHARE = 0.999;

static const double CLIP_S = 1e-4;
static const double FLAT_S = 0.1;

struct emg_quality {
    float rail_uv;
    uint64_t clip_samples; /* shortest run on one rail */
    uint64_t flat_changes; /* shortest sequence of equal neighbours */
    uint64_t hold_samples;

    uint64_t n; /* samples taken */
    float last;
    int rail; /* of the last sample: -1, 0 or 1 */
    uint64_t rail_run, equal_run;
    uint64_t clip_until, flat_until; /* the flag is up while n has not passed this; 0: never raised */
};

/* Samples in `seconds`, bounded so that counters cannot overflow. */
static uint64_t samples(double seconds, double rate_hz)
{
    /* 0.1 s at 1000 Hz must be 100 samples, whatever the product's last bit says. */
    return (uint64_t)ceil(fmin(seconds * rate_hz * (1.0 - 1e-12), 0x1p62));
}

enum emg_error emg_quality_create(struct emg_quality **out, const struct emg_quality_config *config)
{
    *out = NULL;
    if (!(config->rate_hz > 0.0) || !isfinite(config->rate_hz) || !(config->full_scale_uv > 0.0) ||
        !isfinite(config->full_scale_uv) || !(config->hold_s >= 0.0) || !isfinite(config->hold_s))
        return EMG_ERROR_ARGUMENT;
    struct emg_quality *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;

    const uint64_t clip_samples = samples(CLIP_S, config->rate_hz);
    q->rail_uv = (float)(RAIL_SHARE * config->full_scale_uv);
    q->clip_samples = clip_samples > 2 ? clip_samples : 2;
    q->flat_changes = samples(FLAT_S, config->rate_hz);
    q->hold_samples = samples(config->hold_s, config->rate_hz);
    emg_quality_reset(q);
    *out = q;
    return EMG_OK;
}

void emg_quality_execute(struct emg_quality *q, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int rail = x[i] >= q->rail_uv ? 1 : (x[i] <= -q->rail_uv ? -1 : 0);

        q->n++;
        q->rail_run = rail == 0 ? 0 : (rail == q->rail ? q->rail_run + 1 : 1);
        q->rail = rail;
        if (q->rail_run >= q->clip_samples || !isfinite(x[i]))
            q->clip_until = q->n + q->hold_samples;

        q->equal_run = x[i] == q->last ? q->equal_run + 1 : 0;
        q->last = x[i];
        if (q->equal_run >= q->flat_changes)
            q->flat_until = q->n + q->hold_samples;
    }
}

uint32_t emg_quality_flags(const struct emg_quality *q)
{
    uint32_t flags = 0;

    if (q->clip_until > 0 && q->n <= q->clip_until)
        flags |= EMG_FLAG_CLIPPING;
    if (q->flat_until > 0 && q->n <= q->flat_until)
        flags |= EMG_FLAG_FLAT;
    return flags;
}

void emg_quality_reset(struct emg_quality *q)
{
    q->n = 0;
    q->last = NAN; /* equal to nothing */
    q->rail = 0;
    q->rail_run = 0;
    q->equal_run = 0;
    q->clip_until = 0;
    q->flat_until = 0;
}

void emg_quality_destroy(struct emg_quality *q)
{
    free(q);
}
