#include "dsp/quality.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct emg_quality_config config = {.rate_hz = 48000, .full_scale_uv = 5000, .hold_s = 0.25};

static struct emg_quality *make_quality(void)
{
    struct emg_quality *q = NULL;
    assert_int_equal(emg_quality_create(&q, &config), EMG_OK);
    return q;
}

/* A sine of 100 Hz with an offset, cut off at full scale; n samples from sample `first`. */
static void feed_sine(struct emg_quality *q, double amplitude_uv, double offset_uv, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        const double value = offset_uv + amplitude_uv * sin(2 * M_PI * 100 * (double)i / 48000);
        const float x = (float)fmax(-5000, fmin(5000, value));
        emg_quality_execute(q, &x, 1);
    }
}

static void feed_constant(struct emg_quality *q, float value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        emg_quality_execute(q, &value, 1);
}

static void refuses_what_has_no_meaning(void **state)
{
    (void)state;
    struct emg_quality *q = (struct emg_quality *)1;
    struct emg_quality_config bad = config;
    bad.rate_hz = 0;
    assert_int_equal(emg_quality_create(&q, &bad), EMG_ERROR_ARGUMENT);
    assert_null(q);
    bad = config;
    bad.full_scale_uv = NAN;
    assert_int_equal(emg_quality_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = config;
    bad.hold_s = -1;
    assert_int_equal(emg_quality_create(&q, &bad), EMG_ERROR_ARGUMENT);
    emg_quality_destroy(NULL);
}

static void flags_a_signal_that_reaches_full_scale_and_no_other(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_sine(q, 4900, 0, 0, 48000);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_sine(q, 1000, 3900, 0, 48000); /* an offset is no clipping */
    assert_int_equal(emg_quality_flags(q), 0);
    feed_sine(q, 6000, 0, 0, 480);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_reset(q);
    feed_sine(q, 5000, 0, 0, 480); /* just reaches full scale */
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_reset(q);
    feed_sine(q, 1000, -4500, 0, 480); /* one rail is enough */
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_destroy(q);
}

static void needs_a_run_of_a_tenth_of_a_millisecond_on_one_rail(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_constant(q, 5000, 4);
    feed_constant(q, 0, 1);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, 5000, 4);
    feed_constant(q, -5000, 4);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, -5000, 1);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_destroy(q);
}

static void flags_a_value_that_is_no_number_at_once(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct emg_quality *q = make_quality();
        feed_sine(q, 100, 0, 0, 100);
        feed_constant(q, values[i], 1);
        assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
        emg_quality_destroy(q);
    }
}

static void flags_a_value_that_has_not_changed_for_a_tenth_of_a_second(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_sine(q, 100, 0, 0, 1000);
    feed_constant(q, 123, 4800);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, 123, 1);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_FLAT);
    emg_quality_destroy(q);
}

static void holds_a_flag_for_its_time_and_then_lets_go(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_constant(q, 5000, 5);
    feed_sine(q, 100, 0, 1, 12000);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    feed_sine(q, 100, 0, 12001, 1);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, 0, 9600);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_FLAT);
    emg_quality_reset(q);
    assert_int_equal(emg_quality_flags(q), 0);
    emg_quality_destroy(q);
}

static void decides_the_same_however_the_input_is_cut(void **state)
{
    (void)state;
    enum { N = 60000 };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < N; i++)
        x[i] = i / 10000 % 2 ? 77 : (float)(6000 * sin(2 * M_PI * 5 * (double)i / 48000));
    struct emg_quality *whole = make_quality(), *pieces = make_quality();
    uint32_t random = 1;
    for (size_t done = 0; done < N;) {
        random = random * 1664525U + 1013904223U;
        size_t take = (random >> 8) % 500;
        take = take < N - done ? take : N - done;
        emg_quality_execute(whole, x + done, take);
        for (size_t i = 0; i < take; i++)
            emg_quality_execute(pieces, x + done + i, 1);
        done += take;
        assert_int_equal(emg_quality_flags(pieces), emg_quality_flags(whole));
    }
    emg_quality_destroy(pieces);
    emg_quality_destroy(whole);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_has_no_meaning),
        cmocka_unit_test(flags_a_signal_that_reaches_full_scale_and_no_other),
        cmocka_unit_test(needs_a_run_of_a_tenth_of_a_millisecond_on_one_rail),
        cmocka_unit_test(flags_a_value_that_is_no_number_at_once),
        cmocka_unit_test(flags_a_value_that_has_not_changed_for_a_tenth_of_a_second),
        cmocka_unit_test(holds_a_flag_for_its_time_and_then_lets_go),
        cmocka_unit_test(decides_the_same_however_the_input_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
