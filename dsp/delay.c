#include "dsp/delay.h"

#include "dsp/samples.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const size_t LONGEST = (size_t)1 << 24;

/* The newest samples in one piece: when the end is reached, those that are still needed move to the front. */
struct emg_delay {
    size_t delay, capacity, filled;
    float x[];
};

enum emg_error emg_delay_create(struct emg_delay **out, size_t delay)
{
    *out = NULL;
    if (delay > LONGEST)
        return EMG_ERROR_ARGUMENT;
    const size_t capacity = 3 * (delay + EMG_DELAY_MOST);
    struct emg_delay *q = calloc(1, sizeof *q + capacity * sizeof q->x[0]);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->delay = delay;
    q->capacity = capacity;
    emg_delay_reset(q);
    *out = q;
    return EMG_OK;
}

const float *emg_delay_execute(struct emg_delay *q, const float *x, size_t n)
{
    assert(n <= EMG_DELAY_MOST);
    if (q->filled + n > q->capacity) {
        memmove(q->x, q->x + q->filled - q->delay, q->delay * sizeof q->x[0]);
        q->filled = q->delay;
    }
    emg_copy_finite(q->x + q->filled, x, n);
    q->filled += n;
    return q->x + q->filled - n - q->delay;
}

void emg_delay_reset(struct emg_delay *q)
{
    memset(q->x, 0, q->delay * sizeof q->x[0]);
    q->filled = q->delay;
}

void emg_delay_destroy(struct emg_delay *q)
{
    free(q);
}
