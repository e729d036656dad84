#include "daemon/deadline.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Freed by whichever side is the last to need it. */
struct emg_deadline {
    struct emg_deadline_call call;
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    bool done, abandoned;
};

static struct emg_deadline *create_task(void)
{
    struct emg_deadline *task = calloc(1, sizeof *task);
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

static void destroy_task(struct emg_deadline *task)
{
    (void)pthread_cond_destroy(&task->returned);
    (void)pthread_mutex_destroy(&task->mutex);
    free(task);
}

static void *run(void *argument)
{
    struct emg_deadline *task = argument;
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

enum emg_error emg_deadline_begin(struct emg_deadline **out, const struct emg_deadline_call *call,
                                  void *context)
{
    struct emg_deadline *task = create_task();
    *out = NULL;
    if (task == NULL)
        return EMG_ERROR_IO;
    task->call = *call;
    task->context = context;
    if (pthread_create(&task->thread, NULL, run, task) != 0) {
        destroy_task(task);
        return EMG_ERROR_IO;
    }
    *out = task;
    return EMG_OK;
}

bool emg_deadline_wait(struct emg_deadline *d, double limit_s)
{
    const struct timespec limit = after(limit_s);
    (void)pthread_mutex_lock(&d->mutex);
    while (!d->done && pthread_cond_timedwait(&d->returned, &d->mutex, &limit) == 0)
        ;
    const bool done = d->done;
    (void)pthread_mutex_unlock(&d->mutex);
    return done;
}

enum emg_error emg_deadline_end(struct emg_deadline *d)
{
    const pthread_t thread = d->thread;
    (void)pthread_mutex_lock(&d->mutex);
    const bool done = d->done;
    d->abandoned = !done;
    (void)pthread_mutex_unlock(&d->mutex);
    if (!done) {
        (void)pthread_detach(thread);
        return EMG_ERROR_DEVICE;
    }
    (void)pthread_join(thread, NULL);
    destroy_task(d);
    return EMG_OK;
}

enum emg_error emg_deadline_run(const struct emg_deadline_call *call, void *context, double limit_s)
{
    struct emg_deadline *task = NULL;
    const enum emg_error error = emg_deadline_begin(&task, call, context);
    if (error != EMG_OK)
        return error;
    (void)emg_deadline_wait(task, limit_s);
    return emg_deadline_end(task);
}
