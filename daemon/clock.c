#include "daemon/clock.h"

#include <errno.h>
#include <time.h>

static const int64_t NS_PER_S = 1000000000;

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t emg_clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double emg_clock_unix_time(int64_t monotonic_ns)
{
    const int64_t unix_ns = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC) + monotonic_ns;
    const int64_t seconds = unix_ns / NS_PER_S;
    return (double)seconds + (double)(unix_ns - seconds * NS_PER_S) / (double)NS_PER_S;
}

void emg_clock_sleep_until(int64_t monotonic_ns)
{
    const struct timespec t = {.tv_sec = monotonic_ns / NS_PER_S, .tv_nsec = monotonic_ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}
