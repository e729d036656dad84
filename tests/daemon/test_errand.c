#include "daemon/errand.h"

#include "daemon/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ERRANDS = 200 };

static struct emg_errand errand;
static _Atomic bool stop;

static void rest(void)
{
    emg_clock_sleep_until(emg_clock_monotonic_ns() + 100000);
}

/* A worker that answers with what it was asked. */
static void *work(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop)) {
        const struct emg_command *command = emg_errand_take(&errand);
        if (command == NULL) {
            rest();
            continue;
        }
        const struct emg_answer answer = {.ok = true, .frame = (uint64_t)command->seconds};
        emg_errand_answer(&errand, &answer);
    }
    return NULL;
}

static void each_command_gets_its_own_answer(void **state)
{
    (void)state;
    pthread_t worker;
    memset(&errand, 0, sizeof errand);
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&worker, NULL, work, NULL), 0);
    for (unsigned i = 0; i < ERRANDS; i++) {
        const struct emg_command command = {.seconds = i};
        struct emg_answer answer;
        assert_true(emg_errand_run(&errand, &command, 60, &answer));
        assert_true(answer.ok && answer.frame == i);
    }
    atomic_store(&stop, true);
    (void)pthread_join(worker, NULL);
}

static void what_nobody_takes_is_withdrawn(void **state)
{
    (void)state;
    memset(&errand, 0, sizeof errand);
    const struct emg_command command = {.seconds = 1};
    struct emg_answer answer;
    assert_false(emg_errand_run(&errand, &command, 0.01, &answer));
    assert_null(emg_errand_take(&errand));
}

static void *take_at_last(void *argument)
{
    (void)argument;
    while (emg_errand_take(&errand) == NULL)
        rest();
    for (int i = 0; i < 500; i++)
        rest(); /* longer than it is waited for */
    const struct emg_answer answer = {.ok = true, .frame = 7};
    emg_errand_answer(&errand, &answer);
    return NULL;
}

static void what_has_been_taken_is_waited_for(void **state)
{
    (void)state;
    pthread_t worker;
    memset(&errand, 0, sizeof errand);
    assert_int_equal(pthread_create(&worker, NULL, take_at_last, NULL), 0);
    const struct emg_command command = {.seconds = 1};
    struct emg_answer answer = {.frame = 0};
    /* Withdrawn before the thread has begun is right, too: then it is asked again. */
    while (!emg_errand_run(&errand, &command, 0.02, &answer))
        ;
    assert_int_equal(answer.frame, 7);
    (void)pthread_join(worker, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_gets_its_own_answer),
        cmocka_unit_test(what_nobody_takes_is_withdrawn),
        cmocka_unit_test(what_has_been_taken_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
