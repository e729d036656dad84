#include "dsp/distribution.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct emg_distribution *make(void)
{
    struct emg_distribution *q = NULL;
    assert_int_equal(emg_distribution_create(&q), EMG_OK);
    return q;
}

static void give(struct emg_distribution *q, double level_uv, size_t n)
{
    for (size_t i = 0; i < n; i++)
        emg_distribution_execute(q, level_uv);
}

/* The histogram's bins are a quarter of a dB, 3 %. */
static void assert_near(double value, double truth)
{
    if (!(fabs(value / truth - 1.0) < 0.03))
        fail_msg("%g is not %g", value, truth);
}

static void quantiles_lie_where_they_should(void **state)
{
    (void)state;
    struct emg_distribution *q = make();
    give(q, 1.0, 30);
    for (size_t i = 0; i < 1000; i++)
        emg_distribution_execute(q, 1.0 + (double)(i * 617 % 1000) / 10.0);
    assert_int_equal(emg_distribution_count(q), 1030);
    assert_near(emg_distribution_low_uv(q), 1.0 + 7.3);
    assert_near(emg_distribution_middle_uv(q), 1.0 + 48.5);
    assert_near(emg_distribution_high_uv(q), 1.0 + 89.7);
    assert_near(emg_distribution_activity_uv(q), 1.0 + 90.0);
    emg_distribution_destroy(q);
}

static void old_levels_are_forgotten(void **state)
{
    (void)state;
    struct emg_distribution *q = make();
    give(q, 100.0, 3030);
    give(q, 2.0, 1000);
    assert_near(emg_distribution_high_uv(q), 100.0);
    assert_near(emg_distribution_activity_uv(q), 2.0);
    give(q, 2.0, 2000);
    assert_int_equal(emg_distribution_count(q), 3000);
    assert_near(emg_distribution_high_uv(q), 2.0);
    assert_near(emg_distribution_low_uv(q), 2.0);
    emg_distribution_destroy(q);
}

static void noise_is_the_rms_of_the_quiet_levels(void **state)
{
    (void)state;
    struct emg_distribution *q = make();
    give(q, 2.0, 530);
    give(q, 3.0, 470);
    give(q, 50.0, 1000);
    assert_near(emg_distribution_low_uv(q), 2.0);
    const struct emg_distribution_noise noise = emg_distribution_noise(q);
    assert_near(noise.uv, sqrt((530 * 4.0 + 470 * 9.0) / 1000));
    assert_true(noise.levels == 1000.0);
    emg_distribution_destroy(q);
}

static void of_the_first_levels_the_quiet_ones_are_kept(void **state)
{
    (void)state;
    struct emg_distribution *q = make();
    assert_true(emg_distribution_activity_uv(q) == 0.0);
    give(q, 500.0, 10);
    give(q, 2.0, 19);
    assert_false(emg_distribution_is_settled(q));
    assert_int_equal(emg_distribution_count(q), 0);
    give(q, 2.0, 1);
    assert_true(emg_distribution_is_settled(q));
    assert_int_equal(emg_distribution_count(q), 20);
    assert_near(emg_distribution_high_uv(q), 2.0);
    give(q, 4.0, 5);
    emg_distribution_begin(q); /* what is kept stays */
    give(q, 300.0, 20);
    assert_false(emg_distribution_is_settled(q));
    give(q, 4.0, 10);
    assert_int_equal(emg_distribution_count(q), 35);
    emg_distribution_destroy(q);
}

static void levels_beyond_reason_do_no_harm(void **state)
{
    (void)state;
    struct emg_distribution *q = make();
    give(q, 0.0, 100);
    give(q, 1e30, 100);
    assert_true(isfinite(emg_distribution_low_uv(q)) && isfinite(emg_distribution_high_uv(q)));
    assert_true(isfinite(emg_distribution_noise(q).uv));
    emg_distribution_reset(q);
    assert_int_equal(emg_distribution_count(q), 0);
    emg_distribution_destroy(q);
    emg_distribution_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_lie_where_they_should),
        cmocka_unit_test(old_levels_are_forgotten),
        cmocka_unit_test(noise_is_the_rms_of_the_quiet_levels),
        cmocka_unit_test(of_the_first_levels_the_quiet_ones_are_kept),
        cmocka_unit_test(levels_beyond_reason_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
