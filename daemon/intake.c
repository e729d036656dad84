#include "daemon/intake.h"

#include <math.h>

/* What the worker must have been behind for, without a pause, and by how much, until blocks are dropped; and
 * how old the oldest is that is kept then. One wait of the whole process (it was stopped, the machine slept)
 * counts for no more than a moment: its backlog is soon worked off. */
static const int64_t BEHIND_NS = 1000000000, LATE_NS = 500000000, FRESH_NS = 50000000, MOMENT_NS = 50000000;

/* How long callbacks are waited for that are less late, by so much: those of a device that was started anew,
 * or what a server has kept of a stream that stood still. */
static const int64_t ANEW_HOLD_NS = 200000000, STALL_HOLD_NS = 500000000;
static const double FALL_S = 0.005;

/* Where frames may be missing, but need not: less than this is a callback's delay. */
static const double DELAY_S = 0.02;

void emg_intake_init(struct emg_intake *q, struct emg_ring *ring, double rate_hz, bool realtime)
{
    *q = (struct emg_intake){.ring = ring, .realtime = realtime};
    emg_drift_init(&q->clock, rate_hz);
}

static void drop_stale(struct emg_intake *q, int64_t now_ns)
{
    size_t n = 0;
    const struct emg_block *block = NULL;
    while ((block = emg_ring_front(q->ring, &n)) != NULL && !block->last &&
           now_ns - block->host_ns > FRESH_NS) {
        q->dropped = true;
        q->doubt = q->doubt || block->uncounted;
        emg_ring_release(q->ring);
    }
    q->busy_ns = 0;
}

/* Whether the analysis falls further and further behind. */
static bool is_behind(struct emg_intake *q, const struct emg_block *front, int64_t now_ns)
{
    const int64_t round_ns = now_ns - q->asked_ns;
    q->busy_ns += round_ns < MOMENT_NS ? round_ns : MOMENT_NS;
    return q->busy_ns > BEHIND_NS && now_ns - front->host_ns > LATE_NS;
}

/* The device or its driver was started anew. */
static bool is_certain(const struct emg_block *block)
{
    return block->gap_cause == EMG_GAP_DEVICE || block->gap_cause == EMG_GAP_OVERFLOW;
}

static double delay_s(const struct emg_intake *q, const struct emg_block *block)
{
    const uint64_t end = block->first_frame + q->shift + block->n_frames;
    return 1e-9 * (double)(block->host_ns - emg_drift_time_ns(&q->clock, end));
}

/* What comes behind the next restart tells nothing of the loss before the front block. */
static bool is_end(const struct emg_block *block, const struct emg_block *front)
{
    return block->last || (block != front && block->uncounted && is_certain(block));
}

/* Finds how many frames are missing before the front block. Returns false when it is too soon to tell. */
static bool count_missing(const struct emg_intake *q, const struct emg_block *front, int64_t now_ns,
                          uint64_t *missing)
{
    const struct emg_block *block = front;
    const int64_t hold_ns = is_certain(front) ? ANEW_HOLD_NS : STALL_HOLD_NS;
    int64_t fell_ns = front->host_ns;
    double least_s = INFINITY;
    size_t n = 0;
    *missing = 0;
    if (!q->clock.begun || front->n_frames == 0)
        return true;
    /* A block behind another standstill still tells: had anything been missing, it would be late, too. */
    while (block != NULL && !is_end(block, front)) {
        const double late_s = delay_s(q, block);
        if (late_s < least_s - FALL_S)
            fell_ns = block->host_ns;
        least_s = fmin(least_s, late_s);
        block = emg_ring_after(q->ring, block, &n);
    }
    if (!is_certain(front) && least_s < DELAY_S)
        return true;
    *missing =
        (uint64_t)fmax(round(emg_drift_frames(&q->clock, least_s)), front->gap_cause == EMG_GAP_DEVICE);
    return block != NULL || now_ns - fell_ns >= hold_ns;
}

/* Gives the front block its place; returns false while it is held back. */
static bool place(struct emg_intake *q, struct emg_block *block, int64_t now_ns)
{
    uint64_t missing = 0;
    bool anew = false;
    if (q->dropped)
        block->gap_cause = EMG_GAP_RING_FULL;
    if (q->doubt)
        block->uncounted = 1;
    if (q->realtime && block->uncounted) {
        if (!count_missing(q, block, now_ns, &missing))
            return false;
        anew = missing > 0 || is_certain(block);
    }
    q->shift += missing;
    block->first_frame += q->shift;
    q->placed = true;
    q->dropped = q->doubt = false;
    if (!q->realtime || block->n_frames == 0)
        return true;
    if (anew)
        emg_drift_restart(&q->clock, block->first_frame + block->n_frames, block->host_ns);
    else
        emg_drift_add(&q->clock, block->first_frame + block->n_frames, block->host_ns);
    return true;
}

const struct emg_block *emg_intake_next(struct emg_intake *q, int64_t now_ns)
{
    size_t n = 0;
    struct emg_block *block = emg_ring_front(q->ring, &n);
    if (block != NULL && !q->placed && q->realtime && is_behind(q, block, now_ns)) {
        drop_stale(q, now_ns);
        block = emg_ring_front(q->ring, &n);
    }
    q->asked_ns = now_ns;
    if (block != NULL && (q->placed || place(q, block, now_ns)))
        return block;
    q->busy_ns = 0;
    return NULL;
}

void emg_intake_release(struct emg_intake *q)
{
    emg_ring_release(q->ring);
    q->placed = false;
}
