/* Runs a call that may never return on a thread of its own, and gives it up after a time.
 *
 * For libraries that can hang with no way to cancel them. Any thread that may wait. */
#ifndef EMG_DAEMON_DEADLINE_H
#define EMG_DAEMON_DEADLINE_H

#include "dsp/error.h"

#include <stdbool.h>

struct emg_deadline_call {
    void (*work)(void *context);
    /* Should work return after it was given up, on its own thread: frees context. May be NULL. */
    void (*late)(void *context);
};

struct emg_deadline; /* a call under way */

/* Runs call->work(context) on a new thread, which inherits signal mask and scheduling. Errors: EMG_ERROR_IO,
 * there was no thread to be had: then nothing is run and *out is NULL. */
enum emg_error emg_deadline_begin(struct emg_deadline **out, const struct emg_deadline_call *call,
                                  void *context);

/* Waits until it has returned, limit_s at most; returns whether it has. */
bool emg_deadline_wait(struct emg_deadline *d, double limit_s);

/* Gives d back.
 *
 * EMG_OK            the call has returned.
 * EMG_ERROR_DEVICE  it has not: the thread is abandoned, deliberately, and owns context now. */
enum emg_error emg_deadline_end(struct emg_deadline *d);

/* All of it: begins, waits and ends. */
enum emg_error emg_deadline_run(const struct emg_deadline_call *call, void *context, double limit_s);

#endif
