/* The worker's end of the ring of blocks: gives each block its final place in the stream.
 *
 * A block that is marked uncounted is held back, with all behind it, until the device's clock
 * (daemon/drift.h) tells how many frames are missing before it: the least delay of the blocks that follow
 * against what the clock's line foretells. A backlog that comes in a burst leaves no delay behind, and so
 * nothing is missing; else the index jumps by the delay, which is right to a few milliseconds: to what the
 * following callbacks are late.
 *
 * An analysis that does not keep up is helped by dropping whole blocks, many at a time: a few long gaps cost
 * fewer windows than many short ones, and the latency stays bounded.
 *
 * One thread, the worker's; no allocation, no clock is read. */
#ifndef EMG_DAEMON_INTAKE_H
#define EMG_DAEMON_INTAKE_H

#include "daemon/block.h"
#include "daemon/drift.h"
#include "daemon/ring.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stdint.h>

/* To be read by the functions below alone. */
struct emg_intake {
    struct emg_ring *ring;
    bool realtime;
    struct emg_drift clock;
    uint64_t shift; /* frames by which the writer's index is short of ours */
    bool placed;    /* the front block has its place */

    int64_t asked_ns, busy_ns; /* when last asked; for how long the ring has not been empty */
    bool dropped, doubt;       /* before the next block */
};

/* realtime: frames come by themselves. Else nothing is dropped, held back or timed. */
void emg_intake_init(struct emg_intake *q, struct emg_ring *ring, double rate_hz, bool realtime);

/* The next block, in its place, or NULL: there is none, or it is held back. It stays the same until it is
 * released. now_ns: CLOCK_MONOTONIC. */
EMG_REALTIME const struct emg_block *emg_intake_next(struct emg_intake *q, int64_t now_ns);

EMG_REALTIME void emg_intake_release(struct emg_intake *q);

#endif
