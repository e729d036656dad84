/* When a thread that polls looks again: often around the instant at which something is expected, seldom
 * otherwise. What comes on time waits for 0.05 ms at most, what does not for 0.5 ms, at the cost of few more
 * rounds than without. Pure; any thread. */
#ifndef EMG_DAEMON_POLLING_H
#define EMG_DAEMON_POLLING_H

#include <stdint.h>

/* Between the looks of a thread that expects nothing. */
enum { EMG_POLL_NS = 500000 };

/* Instants are of one clock; expected_ns: when something is expected, 0: it is not known. */
static inline int64_t emg_poll_next(int64_t now_ns, int64_t expected_ns)
{
    const int64_t often_ns = 50000, early_ns = 50000, late_ns = 400000;
    const int64_t begin_ns = expected_ns - early_ns, seldom = now_ns + EMG_POLL_NS;
    if (now_ns < begin_ns)
        return seldom < begin_ns ? seldom : begin_ns;
    return now_ns < expected_ns + late_ns ? now_ns + often_ns : seldom;
}

#endif
