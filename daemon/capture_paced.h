/* Delivers frames that are read rather than listened to - a recording, a simulation - from a thread of its
 * own, at a pace.
 *
 * The reader can be held back, so nothing is ever lost: when the ring is full the thread waits. */
#ifndef EMG_DAEMON_CAPTURE_PACED_H
#define EMG_DAEMON_CAPTURE_PACED_H

#include "daemon/block.h"
#include "daemon/capture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Reads up to n_frames frames into samples; returns their number, 0 at the end. On a failure it fills the
 * problem and returns 0. */
typedef size_t emg_paced_read(void *context, float *samples, size_t n_frames, struct emg_problem *problem);

struct emg_paced {
    struct emg_capture *capture;
    emg_paced_read *read;
    void *context;
    double speed; /* 0: as fast as it goes */
    struct emg_block_writer writer;
    pthread_t thread;
    bool started;
    _Atomic bool stop;
};

/* Starts delivery of what `read` gives into ring. Errors: EMG_ERROR_IO (no thread). */
enum emg_error emg_paced_start(struct emg_paced *paced, struct emg_capture *capture, emg_paced_read *read,
                               void *context, double speed, struct emg_ring *ring,
                               struct emg_problem *problem);

/* Ends delivery and the thread. Idempotent; a no-op before start. */
void emg_paced_stop(struct emg_paced *paced);

#endif
