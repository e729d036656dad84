#include "daemon/deadline.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* Freed by whichever side is the last to need it. */
struct task {
    struct emg_deadline_call call;
    void *context;
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    bool done, abandoned;
};

static struct task *create_task(void)
{
    struct task *task = calloc(1, sizeof *task);
    pthread_condattr_t attributes;
    if (task == NULL)
        return NULL;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&task->returned, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&task->mutex, NULL);
    return task;
}

static void destroy_task(struct task *task)
{
    (void)pthread_cond_destroy(&task->returned);
    (void)pthread_mutex_destroy(&task->mutex);
    free(task);
}

static void *run(void *argument)
{
    struct task *task = argument;
    task->call.work(task->context);
    (void)pthread_mutex_lock(&task->mutex);
    task->done = true;
    const bool abandoned = task->abandoned;
    (void)pthread_cond_signal(&task->returned);
    (void)pthread_mutex_unlock(&task->mutex);
    if (!abandoned)
        return NULL;
    if (task->call.late != NULL)
        task->call.late(task->context);
    destroy_task(task);
    return NULL;
}

static struct timespec after(double limit_s)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    const double whole_s = (double)(time_t)limit_s;
    t.tv_sec += (time_t)whole_s;
    t.tv_nsec += (long)((limit_s - whole_s) * 1e9);
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

enum emg_error emg_deadline_run(const struct emg_deadline_call *call, void *context, double limit_s)
{
    pthread_t thread;
    struct task *task = create_task();
    if (task == NULL)
        return EMG_ERROR_IO;
    task->call = *call;
    task->context = context;
    const struct timespec limit = after(limit_s);
    if (pthread_create(&thread, NULL, run, task) != 0) {
        destroy_task(task);
        return EMG_ERROR_IO;
    }
    (void)pthread_mutex_lock(&task->mutex);
    while (!task->done && pthread_cond_timedwait(&task->returned, &task->mutex, &limit) == 0)
        ;
    const bool done = task->done;
    if (!done && call->abandon != NULL)
        call->abandon(context);
    task->abandoned = !done;
    (void)pthread_mutex_unlock(&task->mutex);
    if (!done) {
        (void)pthread_detach(thread);
        return EMG_ERROR_DEVICE;
    }
    (void)pthread_join(thread, NULL);
    destroy_task(task);
    return EMG_OK;
}
