#include "dsp/level.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_near(value, truth, tolerance) assert_true(fabs((value) - (truth)) <= (tolerance))

static struct emg_level *make(double rate_hz, size_t seconds)
{
    struct emg_level *q = NULL;
    const struct emg_level_config config = {rate_hz, seconds};
    assert_int_equal(emg_level_create(&q, &config), EMG_OK);
    return q;
}

static void feed(struct emg_level *q, float x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        emg_level_execute(q, &x, 1);
}

static void is_the_rms_of_the_newest_whole_seconds(void **state)
{
    (void)state;
    struct emg_level *q = make(1000.4, 3);
    feed(q, 5, 999);
    assert_true(isnan(emg_level_uv(q)));
    feed(q, -5, 1);
    assert_near(emg_level_uv(q), 5, 1e-12);
    feed(q, 1, 1999); /* one second of it counts */
    assert_near(emg_level_uv(q), sqrt((25.0 + 1) / 2), 1e-12);
    feed(q, 1, 1);
    assert_near(emg_level_uv(q), sqrt((25.0 + 1 + 1) / 3), 1e-12);
    feed(q, 2, 1000);
    assert_near(emg_level_uv(q), sqrt((1.0 + 1 + 4) / 3), 1e-12);
    emg_level_destroy(q);
}

static void gives_the_same_bits_however_the_input_is_cut_and_after_reset(void **state)
{
    (void)state;
    enum { N = 5000 };
    static float x[N];
    uint32_t random = 1;
    for (size_t i = 0; i < N; i++) {
        random = random * 1664525U + 1013904223U;
        x[i] = (float)(random >> 8) / 1e5F - 80;
    }
    struct emg_level *whole = make(1000, 4), *pieces = make(1000, 4);
    emg_level_execute(whole, x, N);
    feed(pieces, 1e6F, 7777);
    emg_level_reset(pieces);
    assert_true(isnan(emg_level_uv(pieces)));
    for (size_t done = 0; done < N;) {
        random = random * 1664525U + 1013904223U;
        size_t take = (random >> 8) % 50;
        take = take < N - done ? take : N - done;
        emg_level_execute(pieces, x + done, take);
        done += take;
    }
    assert_true(emg_level_uv(pieces) == emg_level_uv(whole));
    emg_level_destroy(whole);
    emg_level_destroy(pieces);
}

static void refuses_what_makes_no_sense(void **state)
{
    (void)state;
    static const struct emg_level_config bad[] = {
        {0.9, 10}, {1.1e6, 10}, {(double)NAN, 10}, {1000, 0}, {1000, 3601}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_level *q = (struct emg_level *)1;
        assert_int_equal(emg_level_create(&q, &bad[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_level_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_rms_of_the_newest_whole_seconds),
        cmocka_unit_test(gives_the_same_bits_however_the_input_is_cut_and_after_reset),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
