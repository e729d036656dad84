#include "dsp/level.h"

#include <math.h>
#include <stdlib.h>

enum { SECONDS_MOST = 3600 };

struct emg_level {
    size_t seconds, second; /* kept; samples in one */
    size_t at, count;
    double sum;      /* of squares, of the second in progress ... */
    size_t samples;  /* ... and its samples */
    double square[]; /* [seconds] means, a ring */
};

enum emg_error emg_level_create(struct emg_level **out, const struct emg_level_config *config)
{
    *out = NULL;
    if (!(config->rate_hz >= 1 && config->rate_hz <= 1e6) || config->seconds == 0 ||
        config->seconds > SECONDS_MOST)
        return EMG_ERROR_ARGUMENT;
    struct emg_level *q = calloc(1, sizeof *q + config->seconds * sizeof q->square[0]);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->seconds = config->seconds;
    q->second = (size_t)lround(config->rate_hz);
    *out = q;
    return EMG_OK;
}

void emg_level_execute(struct emg_level *q, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        q->sum += (double)x[i] * (double)x[i];
        if (++q->samples < q->second)
            continue;
        q->square[q->at] = q->sum / (double)q->second;
        q->at = (q->at + 1) % q->seconds;
        q->count += q->count < q->seconds;
        q->sum = 0;
        q->samples = 0;
    }
}

double emg_level_uv(const struct emg_level *q)
{
    double sum = 0;
    for (size_t i = 0; i < q->count; i++)
        sum += q->square[i];
    return q->count > 0 ? sqrt(sum / (double)q->count) : NAN;
}

void emg_level_reset(struct emg_level *q)
{
    q->at = 0;
    q->count = 0;
    q->sum = 0;
    q->samples = 0;
}

void emg_level_destroy(struct emg_level *q)
{
    free(q);
}
