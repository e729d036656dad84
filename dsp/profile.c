#include "dsp/profile.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const double KEPT_RATE_HZ = 200.0;
static const double KEEP_MOST_S = 3600.0;

enum { STRIDES_MOST = 100 };

struct cycle {
    float uv[EMG_PROFILE_POINTS];
};

struct emg_profile {
    unsigned strides;
    size_t per_mean; /* samples */

    uint64_t n_samples; /* since reset */
    double sum;         /* of the mean in progress ... */
    size_t in_sum;      /* ... and its samples */

    float *means; /* [capacity], a ring: mean k at k % capacity */
    size_t capacity;
    uint64_t n_means;       /* since origin_sample */
    uint64_t origin_sample; /* the first one since reset or clear_history */

    struct cycle *cycles; /* [strides]: cycle k at k % strides */
    unsigned n_cycles, next_cycle;
};

static bool is_valid(const struct emg_profile_config *c)
{
    return c->rate_hz >= 50.0 && c->rate_hz <= 1e6 && c->keep_s > 0.0 && c->keep_s <= KEEP_MOST_S &&
           c->strides >= 1 && c->strides <= STRIDES_MOST;
}

enum emg_error emg_profile_create(struct emg_profile **out, const struct emg_profile_config *config)
{
    *out = NULL;
    if (!is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_profile *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->strides = config->strides;
    q->per_mean = (size_t)fmax(1.0, floor(config->rate_hz / KEPT_RATE_HZ));
    /* One more: the mean before the first point. */
    q->capacity = (size_t)ceil(config->keep_s * config->rate_hz / (double)q->per_mean) + 1;
    q->means = calloc(q->capacity, sizeof q->means[0]);
    q->cycles = calloc(q->strides, sizeof q->cycles[0]);
    if (q->means == NULL || q->cycles == NULL) {
        emg_profile_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    *out = q;
    return EMG_OK;
}

void emg_profile_execute(struct emg_profile *q, const float *envelope_uv, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        q->sum += (double)envelope_uv[i];
        if (++q->in_sum < q->per_mean)
            continue;
        q->means[q->n_means++ % q->capacity] = (float)(q->sum / (double)q->per_mean);
        q->sum = 0.0;
        q->in_sum = 0;
    }
    q->n_samples += n;
}

/* Where among the means a position lies. */
static double place(const struct emg_profile *q, double sample)
{
    const double middle = 0.5 * (double)(q->per_mean - 1);
    return (sample - (double)q->origin_sample - middle) / (double)q->per_mean;
}

bool emg_profile_cycle(struct emg_profile *q, double first_sample, double end_sample)
{
    const double first = place(q, first_sample);
    const double end = place(q, end_sample);
    const uint64_t oldest = q->n_means > q->capacity ? q->n_means - q->capacity : 0;
    if (!(first < end) || !(first >= (double)oldest) || q->n_means == 0 || !(end <= (double)(q->n_means - 1)))
        return false;
    struct cycle cycle;
    for (size_t i = 0; i < EMG_PROFILE_POINTS; i++) {
        const double share = (double)i / (EMG_PROFILE_POINTS - 1);
        const double at = i < EMG_PROFILE_POINTS - 1 ? first + (end - first) * share : end;
        const uint64_t before = (uint64_t)at;
        const uint64_t after = before + 1 < q->n_means ? before + 1 : before;
        const double a = (double)q->means[before % q->capacity];
        const double b = (double)q->means[after % q->capacity];
        cycle.uv[i] = (float)(a + (b - a) * (at - (double)before));
        if (!isfinite(cycle.uv[i]))
            return false;
    }
    q->cycles[q->next_cycle] = cycle;
    q->next_cycle = (q->next_cycle + 1) % q->strides;
    q->n_cycles += q->n_cycles < q->strides;
    return true;
}

unsigned emg_profile_mean(const struct emg_profile *q, float mean[EMG_PROFILE_POINTS],
                          float sd[EMG_PROFILE_POINTS])
{
    const double n = (double)q->n_cycles;
    for (size_t i = 0; i < EMG_PROFILE_POINTS; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < q->n_cycles; k++)
            sum += (double)q->cycles[k].uv[i];
        double square = 0.0;
        for (size_t k = 0; k < q->n_cycles; k++) {
            const double deviation = (double)q->cycles[k].uv[i] - sum / n;
            square += deviation * deviation;
        }
        mean[i] = q->n_cycles > 0 ? (float)(sum / n) : NAN;
        sd[i] = q->n_cycles > 1 ? (float)sqrt(square / (n - 1.0)) : NAN;
    }
    return q->n_cycles;
}

void emg_profile_clear_history(struct emg_profile *q)
{
    q->sum = 0.0;
    q->in_sum = 0;
    q->n_means = 0;
    q->origin_sample = q->n_samples;
}

void emg_profile_reset(struct emg_profile *q)
{
    q->n_samples = 0;
    q->n_cycles = q->next_cycle = 0;
    emg_profile_clear_history(q);
}

void emg_profile_destroy(struct emg_profile *q)
{
    if (q == NULL)
        return;
    free(q->cycles);
    free(q->means);
    free(q);
}
