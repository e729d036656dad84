/* Runs a call that may never return on a thread of its own, and gives it up after a time.
 *
 * For libraries that can hang with no way to cancel them. Any thread that may wait. */
#ifndef EMG_DAEMON_DEADLINE_H
#define EMG_DAEMON_DEADLINE_H

#include "dsp/error.h"

struct emg_deadline_call {
    void (*work)(void *context);
    /* When time is up, on the caller's thread: takes back from context what must not be touched any more. */
    void (*abandon)(void *context);
    /* Should work return after all, on its own thread: frees context. Both may be NULL. */
    void (*late)(void *context);
};

/* Runs call->work(context) on a new thread, which inherits signal mask and scheduling, and waits for it.
 *
 * EMG_OK            it has returned.
 * EMG_ERROR_DEVICE  it had not after limit_s: the thread is abandoned, deliberately, and owns context now.
 * EMG_ERROR_IO      there was no thread to be had: nothing was run. */
enum emg_error emg_deadline_run(const struct emg_deadline_call *call, void *context, double limit_s);

#endif
