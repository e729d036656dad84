#include "dsp/slicer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct emg_slicer {
    struct emg_slicer_config config;
    float *held; /* [delay + 1], a ring */
    size_t at;
    float *x; /* [longest] the slice in progress */
    size_t n;
    uint32_t burst;
};

enum emg_error emg_slicer_create(struct emg_slicer **out, const struct emg_slicer_config *config)
{
    *out = NULL;
    if (config->shortest == 0 || config->longest < config->shortest)
        return EMG_ERROR_ARGUMENT;
    struct emg_slicer *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    q->held = calloc(config->delay + 1, sizeof q->held[0]);
    q->x = calloc(config->longest, sizeof q->x[0]);
    if (q->held == NULL || q->x == NULL) {
        emg_slicer_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    *out = q;
    return EMG_OK;
}

static float hold_back(struct emg_slicer *q, float newest)
{
    q->held[q->at] = newest;
    q->at = q->at < q->config.delay ? q->at + 1 : 0;
    return q->held[q->at];
}

/* Ends the slice in progress; returns whether it is long enough to be one. */
static bool complete(struct emg_slicer *q, struct emg_slice *slice)
{
    const bool is_slice = q->n >= q->config.shortest;
    if (is_slice)
        *slice = (struct emg_slice){.x = q->x, .n = q->n, .burst = q->burst};
    q->n = 0;
    return is_slice;
}

size_t emg_slicer_execute(struct emg_slicer *q, const float *x, const uint32_t *burst, size_t n,
                          struct emg_slice *slice)
{
    *slice = (struct emg_slice){.n = 0};
    for (size_t i = 0; i < n; i++) {
        /* The next contraction must not overwrite the slice that is being given: its first sample waits for
         * the next call. */
        if (q->n > 0 && burst[i] != q->burst && complete(q, slice))
            return i;
        const float sample = hold_back(q, x[i]);
        if (burst[i] == 0)
            continue;
        q->burst = burst[i];
        q->x[q->n++] = sample;
        if (q->n == q->config.longest) {
            (void)complete(q, slice);
            return i + 1;
        }
    }
    return n;
}

void emg_slicer_discard(struct emg_slicer *q)
{
    q->n = 0;
}

void emg_slicer_reset(struct emg_slicer *q)
{
    memset(q->held, 0, (q->config.delay + 1) * sizeof q->held[0]);
    q->at = 0;
    q->n = 0;
}

void emg_slicer_destroy(struct emg_slicer *q)
{
    if (q == NULL)
        return;
    free(q->x);
    free(q->held);
    free(q);
}
