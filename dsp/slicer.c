#include "dsp/slicer.h"

#include "dsp/delay.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct emg_slicer {
    struct emg_slicer_config config;
    struct emg_delay *delay;
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
    q->x = calloc(config->longest, sizeof q->x[0]);
    const enum emg_error error = q->x != NULL ? emg_delay_create(&q->delay, config->delay) : EMG_ERROR_MEMORY;
    if (error != EMG_OK) {
        emg_slicer_destroy(q);
        return error;
    }
    *out = q;
    return EMG_OK;
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

/* Samples from the first one on, at most n, that belong to the same. */
static size_t run_length(const uint32_t *burst, size_t n)
{
    size_t run = 1;
    while (run < n && burst[run] == burst[0])
        run++;
    return run;
}

size_t emg_slicer_execute(struct emg_slicer *q, const float *x, const uint32_t *burst, size_t n,
                          struct emg_slice *slice)
{
    *slice = (struct emg_slice){.n = 0};
    for (size_t i = 0; i < n;) {
        /* The next contraction must not overwrite the slice that is being given: its first sample waits for
         * the next call. */
        if (q->n > 0 && burst[i] != q->burst && complete(q, slice))
            return i;
        const size_t room = burst[i] == 0 ? n : q->config.longest - q->n;
        size_t most = n - i < EMG_DELAY_MOST ? n - i : EMG_DELAY_MOST;
        most = most < room ? most : room;
        const size_t run = run_length(burst + i, most);
        const float *delayed = emg_delay_execute(q->delay, x + i, run);
        if (burst[i] != 0) {
            q->burst = burst[i];
            memcpy(q->x + q->n, delayed, run * sizeof delayed[0]);
            q->n += run;
        }
        i += run;
        if (q->n == q->config.longest) {
            (void)complete(q, slice);
            return i;
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
    emg_delay_reset(q->delay);
    q->n = 0;
}

void emg_slicer_destroy(struct emg_slicer *q)
{
    if (q == NULL)
        return;
    emg_delay_destroy(q->delay);
    free(q->x);
    free(q);
}
