#include "daemon/deadline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct job {
    pthread_t thread;
    _Atomic bool may_return, late;
};

static void pause_ms(long ms)
{
    const struct timespec t = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&t, NULL);
}

static void note_thread(void *context)
{
    struct job *job = context;
    job->thread = pthread_self();
}

static void hang(void *context)
{
    struct job *job = context;
    while (!atomic_load(&job->may_return))
        pause_ms(1);
}

static void on_late(void *context)
{
    struct job *job = context;
    atomic_store(&job->late, true);
}

static void work_that_returns_is_waited_for_on_another_thread(void **state)
{
    (void)state;
    const struct emg_deadline_call call = {.work = note_thread, .late = on_late};
    struct job job = {.thread = pthread_self()};
    assert_int_equal(emg_deadline_run(&call, &job, 60), EMG_OK);
    assert_false(pthread_equal(job.thread, pthread_self()));
    assert_false(job.late);
}

static void work_that_hangs_is_abandoned_and_cleans_up_when_it_returns_after_all(void **state)
{
    (void)state;
    const struct emg_deadline_call call = {.work = hang, .late = on_late};
    static struct job job;
    assert_int_equal(emg_deadline_run(&call, &job, 0.05), EMG_ERROR_DEVICE);
    assert_false(job.late);
    atomic_store(&job.may_return, true);
    while (!atomic_load(&job.late))
        pause_ms(1);
}

static void a_call_can_be_watched_without_waiting(void **state)
{
    (void)state;
    const struct emg_deadline_call call = {.work = hang, .late = on_late};
    static struct job job;
    struct emg_deadline *task = NULL;
    assert_int_equal(emg_deadline_begin(&task, &call, &job), EMG_OK);
    assert_false(emg_deadline_wait(task, 0));
    atomic_store(&job.may_return, true);
    assert_true(emg_deadline_wait(task, 60));
    assert_true(emg_deadline_wait(task, 0));
    assert_int_equal(emg_deadline_end(task), EMG_OK);
    assert_false(job.late);
}

static void late_may_be_left_out(void **state)
{
    (void)state;
    const struct emg_deadline_call call = {.work = hang};
    static struct job job;
    assert_int_equal(emg_deadline_run(&call, &job, 0.01), EMG_ERROR_DEVICE);
    atomic_store(&job.may_return, true);
    pause_ms(20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_that_returns_is_waited_for_on_another_thread),
        cmocka_unit_test(work_that_hangs_is_abandoned_and_cleans_up_when_it_returns_after_all),
        cmocka_unit_test(a_call_can_be_watched_without_waiting),
        cmocka_unit_test(late_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
