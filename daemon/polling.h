/* When a thread that polls looks again: often around the instant at which something is expected, seldom long
 * before. What comes on time waits for 0.05 ms at most, what is up to 1.5 ms early or comes late for 0.5 ms,
 * and all else for 2 ms; each look costs some 10 us. Pure; any thread. */
#ifndef EMG_DAEMON_POLLING_H
#define EMG_DAEMON_POLLING_H

#include <stdint.h>

/* Between the looks of a thread that expects nothing. */
enum { EMG_POLL_NS = 500000 };

/* Instants are of one clock; expected_ns: when something is expected, 0: it is not known. */
static inline int64_t emg_poll_next(int64_t now_ns, int64_t expected_ns)
{
    const int64_t often_ns = 50000, early_ns = 50000, late_ns = 400000, soon_ns = 1500000, long_ns = 2000000;
    const int64_t begin_ns = expected_ns - early_ns, soon = expected_ns - soon_ns;
    if (now_ns < soon)
        return now_ns + long_ns < soon ? now_ns + long_ns : soon;
    if (now_ns < begin_ns)
        return now_ns + EMG_POLL_NS < begin_ns ? now_ns + EMG_POLL_NS : begin_ns;
    return now_ns + (now_ns < expected_ns + late_ns ? often_ns : EMG_POLL_NS);
}

#endif
