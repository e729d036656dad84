/* Host time as the daemon uses it. Any thread; vDSO calls, no system call. */
#ifndef EMG_DAEMON_CLOCK_H
#define EMG_DAEMON_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t emg_clock_monotonic_ns(void);

/* Unix time (UTC, seconds) of a CLOCK_MONOTONIC instant, by the offset between the two clocks now. */
double emg_clock_unix_time(int64_t monotonic_ns);

/* Sleeps until a CLOCK_MONOTONIC instant; returns at once when it has passed. */
void emg_clock_sleep_until(int64_t monotonic_ns);

#endif
