#include "daemon/schedule.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

bool emg_schedule_fifo(int priority)
{
    const struct sched_param parameters = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0;
}

bool emg_schedule_lock_memory(void)
{
    return mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;
}
