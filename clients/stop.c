#include "clients/stop.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

int emg_stop_open(double seconds)
{
    if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
        return -1;
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGALRM);
    if (sigprocmask(SIG_BLOCK, &ending, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    const int fd = signalfd(-1, &ending, SFD_CLOEXEC);
    if (fd < 0 || !isfinite(seconds))
        return fd;
    const double whole = floor(seconds);
    struct itimerval limit = {
        .it_value = {.tv_sec = (time_t)whole, .tv_usec = (suseconds_t)((seconds - whole) * 1e6)},
    };
    if (whole == 0 && limit.it_value.tv_usec == 0)
        limit.it_value.tv_usec = 1; /* zero would mean no limit */
    return setitimer(ITIMER_REAL, &limit, NULL) == 0 ? fd : -1;
}
