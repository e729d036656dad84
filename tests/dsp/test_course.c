#include "dsp/course.h"

#include "dsp/simulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_near(value, truth, tolerance) assert_true(fabs((value) - (truth)) <= (tolerance))

enum { BINS = 1025 };
static const struct emg_course_config config = {
    .n_bins = BINS, .df_hz = 1000.0 / 1024, .low_hz = 20, .high_hz = 450};

static struct emg_course *make_course(void)
{
    struct emg_course *q = NULL;
    assert_int_equal(emg_course_create(&q, &config), EMG_OK);
    return q;
}

/* The test spectrum with both corner frequencies scaled. */
static void fill(float *psd, double scale, double rms_uv)
{
    for (size_t k = 0; k < BINS; k++)
        psd[k] = (float)emg_simulate_psd((double)k * config.df_hz, 60 * scale, 120 * scale, rms_uv);
}

/* A slice of half a second of stationary signal. */
static void add(struct emg_course *q, const float *psd, double t_s)
{
    const struct emg_spectrum_extent extent = {.seconds = 0.5,
                                               .inflated_s = 0.5625,
                                               .square_s = 0.5,
                                               .inflated_fourth = 1.6875,
                                               .squares_per_dof = 0.03125};
    emg_course_execute(q, psd, &extent, NULL, t_s);
}

static void subtracts_the_noise_from_points_and_baseline(void **state)
{
    (void)state;
    struct emg_course *q = make_course();
    float psd[BINS], rest[BINS];
    fill(psd, 1, 100);
    for (size_t k = 0; k < BINS; k++) {
        rest[k] = 3;
        psd[k] += 3;
    }
    const struct emg_spectrum_extent extent = {
        .seconds = 2, .inflated_s = 2.25, .square_s = 2, .inflated_fourth = 6.75, .squares_per_dof = 0.125};
    const struct emg_course_noise noise = {rest, 10, 100};
    for (int i = 0; i < 20; i++)
        emg_course_execute(q, psd, &extent, &noise, 3 * i);
    emg_course_advance(q, &noise, 60);
    const struct emg_course_state s = emg_course_state(q);
    assert_near(s.baseline_mdf_hz, 95.67, 0.05);
    assert_near(s.mdf.intercept, 95.67, 0.05);
    assert_near(s.rms.intercept, 100, 2.5); /* the power beyond the band is missing */
    emg_course_destroy(q);
}

static void refuses_a_band_outside_the_spectrum(void **state)
{
    (void)state;
    struct emg_course *q = (struct emg_course *)1;
    struct emg_course_config bad = config;
    bad.high_hz = 1001;
    assert_int_equal(emg_course_create(&q, &bad), EMG_ERROR_ARGUMENT);
    assert_null(q);
    bad = config;
    bad.low_hz = 0;
    assert_int_equal(emg_course_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = config;
    bad.high_hz = bad.low_hz;
    assert_int_equal(emg_course_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = config;
    bad.n_bins = 1;
    assert_int_equal(emg_course_create(&q, &bad), EMG_ERROR_ARGUMENT);
    emg_course_destroy(NULL);
}

static void takes_the_baseline_from_the_first_minute_and_keeps_it(void **state)
{
    (void)state;
    struct emg_course *q = make_course();
    float psd[BINS];
    fill(psd, 1, 100);
    for (int i = 0; i < 100; i++)
        add(q, psd, 0.6 * i);
    emg_course_advance(q, NULL, 59.9);
    assert_true(isnan(emg_course_state(q).baseline_mdf_hz));
    assert_true(isnan(emg_course_state(q).baseline_ln_insm5));
    emg_course_advance(q, NULL, 60);
    assert_near(emg_course_state(q).baseline_mdf_hz, 95.67, 0.05);
    assert_true(isfinite(emg_course_state(q).baseline_ln_insm5));
    fill(psd, 0.5, 100);
    for (int i = 0; i < 100; i++)
        add(q, psd, 60 + 0.6 * i);
    emg_course_advance(q, NULL, 120);
    assert_near(emg_course_state(q).baseline_mdf_hz, 95.67, 0.05);
    emg_course_destroy(q);
}

static void waits_with_the_baseline_until_there_are_two_seconds_of_contraction(void **state)
{
    (void)state;
    struct emg_course *q = make_course();
    float psd[BINS];
    fill(psd, 0.5, 100);
    emg_course_advance(q, NULL, 100);
    for (int i = 0; i < 3; i++)
        add(q, psd, 100 + i);
    emg_course_advance(q, NULL, 104);
    assert_true(isnan(emg_course_state(q).baseline_mdf_hz));
    add(q, psd, 104);
    emg_course_advance(q, NULL, 105);
    assert_near(emg_course_state(q).baseline_mdf_hz, 51.83, 0.05);
    emg_course_destroy(q);
}

static void finds_the_slopes_of_frequency_and_amplitude_from_points_of_two_seconds(void **state)
{
    (void)state;
    struct emg_course *q = make_course();
    float psd[BINS];
    /* ten minutes: the spectrum shrinks by 10 %, the amplitude grows from 100 to 150 uV */
    uint32_t random = 1;
    for (int i = 0; i < 1200; i++) {
        const double t = 0.5 * (i + 1);
        random = random * 1664525U + 1013904223U;
        const double scatter = 1 + 0.1 * ((random >> 8) / 16777216.0 - 0.5);
        fill(psd, scatter * (1 - 0.1 * t / 600), scatter * (100 + 50 * t / 600));
        add(q, psd, t);
    }
    const struct emg_course_state s = emg_course_state(q);
    assert_int_equal(s.mdf.points, 300);
    assert_near(s.mdf.duration_s, 598, 1e-9);
    assert_near(s.mdf.slope_per_min, -0.91, 0.03);
    assert_true(s.mdf.ci95_low_per_min < s.mdf.slope_per_min &&
                s.mdf.slope_per_min < s.mdf.ci95_high_per_min);
    assert_true(s.mdf.ci95_high_per_min < 0);
    assert_near(s.rms.slope_per_min, 5, 0.3);
    assert_true(s.rms.ci95_low_per_min > 0);
    emg_course_destroy(q);
}

static void after_reset_is_as_new(void **state)
{
    (void)state;
    struct emg_course *q = make_course();
    float psd[BINS];
    fill(psd, 1, 100);
    for (int i = 0; i < 100; i++)
        add(q, psd, i);
    emg_course_advance(q, NULL, 100);
    emg_course_reset(q);
    assert_int_equal(emg_course_state(q).mdf.points, 0);
    assert_true(isnan(emg_course_state(q).baseline_mdf_hz));
    emg_course_advance(q, NULL, 100);
    assert_true(isnan(emg_course_state(q).baseline_mdf_hz));
    emg_course_destroy(q);
}

static void begins_trends_anew_with_a_stage_and_keeps_the_baseline_being_gathered(void **state)
{
    (void)state;
    struct emg_course *q = make_course();
    float psd[BINS];
    fill(psd, 0.5, 100);
    for (int i = 0; i < 22; i++) /* two slices are left of a point */
        add(q, psd, i);
    assert_int_equal(emg_course_state(q).mdf.points, 5);
    emg_course_begin_stage(q);
    assert_int_equal(emg_course_state(q).mdf.points, 0);
    assert_int_equal(emg_course_state(q).rms.points, 0);
    fill(psd, 1, 100);
    for (int i = 0; i < 15; i++)
        add(q, psd, 100 + i);
    assert_int_equal(emg_course_state(q).mdf.points, 3); /* none with slices of the last stage */
    assert_near(emg_course_state(q).mdf.intercept, 95.67, 0.05);
    assert_near(emg_course_state(q).mdf.duration_s, 8, 1e-9);
    emg_course_advance(q, NULL, 60);
    const double baseline_hz = emg_course_state(q).baseline_mdf_hz;
    assert_true(baseline_hz > 55 && baseline_hz < 80); /* of both stages */
    emg_course_begin_stage(q);
    assert_true(emg_course_state(q).baseline_mdf_hz == baseline_hz);
    emg_course_destroy(q);
}

static void measures_a_baseline_of_its_own_slices(void **state)
{
    (void)state;
    struct emg_course *q = make_course();
    float psd[BINS], rest[BINS];
    double seconds = -1;
    const struct emg_spectrum_extent extent = {.seconds = 0.5,
                                               .inflated_s = 0.5625,
                                               .square_s = 0.5,
                                               .inflated_fourth = 1.6875,
                                               .squares_per_dof = 0.03125};
    assert_true(isnan(emg_course_measured(q, NULL, &seconds).mdf_hz) && seconds == 0);
    fill(psd, 0.5, 100);
    emg_course_measure(q, psd, &extent);
    emg_course_begin_measurement(q);
    fill(psd, 1, 100);
    for (size_t k = 0; k < BINS; k++) {
        rest[k] = 3;
        psd[k] += 3;
    }
    for (int i = 0; i < 5; i++)
        emg_course_measure(q, psd, &extent);
    const struct emg_course_noise noise = {rest, 10, 100};
    const struct emg_fatigue_indices indices = emg_course_measured(q, &noise, &seconds);
    assert_near(indices.mdf_hz, 95.67, 0.05);
    assert_near(indices.mdf_se_hz, 5.5 / sqrt(2.2), 1.0);
    assert_near(seconds, 2.5, 1e-12);
    assert_int_equal(emg_course_state(q).mdf.points, 0);
    emg_course_destroy(q);
}

static void a_baseline_that_is_set_stays(void **state)
{
    (void)state;
    static const struct emg_baseline set = {80, -30}, none = {(double)NAN, -30}, other = {70, (double)NAN};
    struct emg_course *q = make_course();
    float psd[BINS];
    fill(psd, 1, 100);
    emg_course_set_baseline(q, &none);
    assert_true(isnan(emg_course_baseline(q).mdf_hz) && isnan(emg_course_state(q).baseline_mdf_hz));
    for (int i = 0; i < 100; i++)
        add(q, psd, i);
    emg_course_set_baseline(q, &set);
    emg_course_advance(q, NULL, 100);
    assert_true(emg_course_state(q).baseline_mdf_hz == 80 && emg_course_state(q).baseline_ln_insm5 == -30);
    assert_true(emg_course_baseline(q).mdf_hz == 80 && emg_course_baseline(q).ln_insm5 == -30);
    emg_course_set_baseline(q, &other);
    assert_true(emg_course_baseline(q).mdf_hz == 70 && isnan(emg_course_baseline(q).ln_insm5));
    emg_course_reset(q);
    assert_true(isnan(emg_course_baseline(q).mdf_hz));
    for (int i = 0; i < 100; i++)
        add(q, psd, i);
    emg_course_advance(q, NULL, 100);
    assert_near(emg_course_state(q).baseline_mdf_hz, 95.67, 0.05);
    assert_true(isnan(emg_course_baseline(q).mdf_hz)); /* it was not set */
    emg_course_set_baseline(q, &set);
    assert_true(emg_course_state(q).baseline_mdf_hz == 80);
    emg_course_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_band_outside_the_spectrum),
        cmocka_unit_test(subtracts_the_noise_from_points_and_baseline),
        cmocka_unit_test(takes_the_baseline_from_the_first_minute_and_keeps_it),
        cmocka_unit_test(waits_with_the_baseline_until_there_are_two_seconds_of_contraction),
        cmocka_unit_test(finds_the_slopes_of_frequency_and_amplitude_from_points_of_two_seconds),
        cmocka_unit_test(after_reset_is_as_new),
        cmocka_unit_test(begins_trends_anew_with_a_stage_and_keeps_the_baseline_being_gathered),
        cmocka_unit_test(measures_a_baseline_of_its_own_slices),
        cmocka_unit_test(a_baseline_that_is_set_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
