#include "dsp/footswitch.h"

#include <math.h>
#include <stdlib.h>

static const double RELEASE = 0.8; /* of the threshold */
static const double CONTACT_S = 0.010, BOUNCE_S = 0.025;

struct emg_footswitch {
    struct emg_footswitch_config config;
    bool known;           /* some sample has told up from down */
    bool up;              /* the signal is above the threshold, and has been ... */
    uint64_t since_frame; /* ... from here on */
    bool down;            /* the foot, after debouncing */
    bool pending;         /* it may have come down ... */
    uint64_t edge_frame;  /* ... here */
};

static bool is_valid(const struct emg_footswitch_config *c)
{
    return c->rate_hz >= 500.0 && c->rate_hz <= 1e6 && c->threshold >= 0.0 && c->threshold <= 1.0;
}

enum emg_error emg_footswitch_create(struct emg_footswitch **out, const struct emg_footswitch_config *config)
{
    *out = NULL;
    if (!is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_footswitch *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    *out = q;
    return EMG_OK;
}

/* Draws the conclusions from a signal that has stayed where it is until now_frame. */
static void settle(struct emg_footswitch *q, uint64_t now_frame, struct emg_footswitch_contact *contact)
{
    const double stayed_s = (double)(now_frame - q->since_frame) / q->config.rate_hz;
    if (!q->up) {
        if (stayed_s >= BOUNCE_S)
            q->down = q->pending = false;
        return;
    }
    if (!q->pending || stayed_s < CONTACT_S)
        return;
    q->pending = false;
    q->down = true;
    *contact = (struct emg_footswitch_contact){.is_found = true, .frame = q->edge_frame};
}

static void turn(struct emg_footswitch *q, uint64_t frame)
{
    q->up = !q->up;
    q->since_frame = frame;
    if (q->up && !q->down && !q->pending) {
        q->pending = true;
        q->edge_frame = frame;
    }
}

/* Index of the first sample from i on that the signal turns with, n: there is none. */
static size_t find_edge(const struct emg_footswitch *q, const float *x, size_t i, size_t n)
{
    const float threshold = (float)q->config.threshold;
    const float release = (float)(RELEASE * q->config.threshold);
    if (q->up) {
        while (i < n && !(x[i] <= release))
            i++;
    } else {
        while (i < n && !(x[i] > threshold))
            i++;
    }
    return i;
}

size_t emg_footswitch_execute(struct emg_footswitch *q, const float *x, size_t n, uint64_t first_frame,
                              struct emg_footswitch_contact *contact)
{
    *contact = (struct emg_footswitch_contact){.is_found = false};
    size_t i = 0;
    while (!q->known && i < n) {
        q->known = !isnan(x[i]);
        q->up = q->down = x[i] > (float)q->config.threshold;
        q->since_frame = first_frame + i++;
    }
    while (i < n) {
        i = find_edge(q, x, i, n);
        settle(q, first_frame + i, contact);
        if (i < n)
            turn(q, first_frame + i++);
        if (contact->is_found)
            break;
    }
    return i;
}

void emg_footswitch_reset(struct emg_footswitch *q)
{
    *q = (struct emg_footswitch){.config = q->config};
}

void emg_footswitch_destroy(struct emg_footswitch *q)
{
    free(q);
}
