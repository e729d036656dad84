#include "dsp/delay.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 20000 };

static float x[N];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++)
        x[i] = (float)(i + 1);
    return 0;
}

static struct emg_delay *make(size_t delay)
{
    struct emg_delay *q = NULL;
    assert_int_equal(emg_delay_create(&q, delay), EMG_OK);
    return q;
}

/* In pieces of 0 to the most samples. */
static void assert_delays(struct emg_delay *q, size_t delay)
{
    uint32_t random = 1;
    for (size_t done = 0; done < N;) {
        random = random * 1664525U + 1013904223U;
        const size_t wanted = (random >> 8) % (EMG_DELAY_MOST + 1), left = N - done;
        const size_t n = wanted < left ? wanted : left;
        const float *y = emg_delay_execute(q, x + done, n);
        for (size_t i = 0; i < n; i++)
            assert_true(y[i] == (done + i < delay ? 0.0F : x[done + i - delay]));
        done += n;
    }
}

static void samples_come_out_later(void **state)
{
    (void)state;
    const size_t delays[] = {0, 1, 7, 255, 256, 257, 1000, 15000};
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        struct emg_delay *q = make(delays[i]);
        assert_delays(q, delays[i]);
        emg_delay_destroy(q);
    }
}

static void a_reset_forgets_them(void **state)
{
    (void)state;
    struct emg_delay *q = make(100);
    assert_delays(q, 100);
    emg_delay_reset(q);
    assert_delays(q, 100);
    emg_delay_destroy(q);
}

static void what_is_not_finite_counts_as_0(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY, 3.0F};
    struct emg_delay *q = make(0);
    const float *y = emg_delay_execute(q, bad, 4);
    assert_true(y[0] == 0.0F && y[1] == 0.0F && y[2] == 0.0F && y[3] == 3.0F);
    emg_delay_destroy(q);
}

static void a_delay_beyond_reason_is_refused(void **state)
{
    (void)state;
    struct emg_delay *q = NULL;
    assert_int_equal(emg_delay_create(&q, SIZE_MAX), EMG_ERROR_ARGUMENT);
    assert_null(q);
    emg_delay_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_out_later),
        cmocka_unit_test(a_reset_forgets_them),
        cmocka_unit_test(what_is_not_finite_counts_as_0),
        cmocka_unit_test(a_delay_beyond_reason_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
