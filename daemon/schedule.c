#include "daemon/schedule.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>

bool emg_schedule_fifo(int priority)
{
    const struct sched_param parameters = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0;
}

void emg_schedule_punctual(void)
{
    const unsigned long slack_ns = 1000;
    (void)prctl(PR_SET_TIMERSLACK, slack_ns);
}

bool emg_schedule_lock_memory(void)
{
    return mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;
}
