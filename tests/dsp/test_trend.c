#include "dsp/trend.h"

#include "fixtures/golden_spectrum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct emg_trend *create(size_t capacity)
{
    struct emg_trend *q = NULL;
    assert_int_equal(emg_trend_create(&q, capacity), EMG_OK);
    assert_non_null(q);
    return q;
}

static void assert_near(double value, double truth, double tolerance)
{
    if (!(fabs(value - truth) <= tolerance)) {
        fail_msg("%.10g is not within %g of %.10g", value, tolerance, truth);
    }
}

static void assert_no_line(struct emg_trend_fit fit)
{
    assert_true(isnan(fit.intercept) && isnan(fit.slope_per_min) && isnan(fit.ci95_low_per_min) &&
                isnan(fit.ci95_high_per_min));
}

static double half_width(struct emg_trend_fit fit)
{
    return 0.5 * (fit.ci95_high_per_min - fit.ci95_low_per_min);
}

static double normal(uint64_t *random)
{
    /* Sum of twelve uniform numbers: normal as far as 1.96 SD need it. */
    double sum = -6.0;
    for (int i = 0; i < 12; i++) {
        *random = *random * 6364136223846793005U + 1442695040888963407U;
        sum += (double)(*random >> 11) * 0x1p-53;
    }
    return sum;
}

static void check_golden_fit(const double *points, const double *fit, size_t n)
{
    struct emg_trend *q = create(256);
    for (size_t i = 0; i < n; i++) {
        emg_trend_execute(q, points[3 * i], points[3 * i + 1], points[3 * i + 2]);
    }
    const struct emg_trend_fit got = emg_trend_fit(q);
    assert_int_equal(got.points, n);
    assert_near(got.duration_s, points[3 * n - 3] - points[0], 1e-9);
    assert_near(got.intercept, fit[0], 1e-7);
    assert_near(got.slope_per_min, fit[1], 1e-8);
    assert_near(got.ci95_low_per_min, fit[2], 1e-4);
    assert_near(got.ci95_high_per_min, fit[3], 1e-4);
    emg_trend_destroy(q);
}

static void weighted_fit_and_its_interval_equal_the_reference(void **state)
{
    (void)state;
    check_golden_fit(golden_trend_tight, golden_trend_tight_fit, 24);
    check_golden_fit(golden_trend_loose, golden_trend_loose_fit, 24);
}

/* Zeros with unit errors leave the interval as Student's quantile over sqrt(sum of squared times). */
static void interval_uses_students_quantile_for_every_number_of_points(void **state)
{
    (void)state;
    struct emg_trend *q = create(2048);
    for (size_t j = 0; j < sizeof golden_dof / sizeof golden_dof[0]; j++) {
        const size_t n = golden_dof[j] + 2U;
        emg_trend_reset(q);
        for (size_t i = 0; i < n; i++) {
            emg_trend_execute(q, 60.0 * (double)i, 0.0, 1.0);
        }
        const double squares = (double)n * ((double)n * (double)n - 1.0) / 12.0;
        const struct emg_trend_fit fit = emg_trend_fit(q);
        assert_near(half_width(fit) * sqrt(squares), golden_t975[j], 1e-4);
        assert_near(fit.slope_per_min, 0.0, 0.0);
    }
    emg_trend_destroy(q);
}

static void times_far_from_zero_lose_no_accuracy(void **state)
{
    (void)state;
    struct emg_trend *q = create(64);
    for (int i = 0; i < 50; i++) {
        emg_trend_execute(q, 1.75e9 + 2.0 * i, 100.0 - 0.5 * i, 1.0);
    }
    const struct emg_trend_fit fit = emg_trend_fit(q);
    assert_near(fit.slope_per_min, -15.0, 1e-9);
    assert_near(fit.intercept, 100.0, 1e-9);
    assert_near(fit.duration_s, 98.0, 0.0);
    emg_trend_destroy(q);
}

static void a_point_of_large_error_hardly_counts(void **state)
{
    (void)state;
    struct emg_trend *q = create(64);
    for (int i = 0; i < 20; i++) {
        emg_trend_execute(q, i, 50.0 + 0.1 * i, i == 19 ? 1e6 : 1.0);
        emg_trend_execute(q, i, i == 19 ? 1e4 : 50.0 + 0.1 * i, i == 19 ? 1e6 : 1.0);
    }
    assert_near(emg_trend_fit(q).slope_per_min, 6.0, 1e-3);
    emg_trend_destroy(q);
}

/* Share of `trials` series of 60 points, true slope -0.6 per minute, whose interval holds the truth. */
static double coverage(double r, double se, size_t trials, uint64_t seed)
{
    struct emg_trend *q = create(64);
    size_t held = 0;
    for (size_t j = 0; j < trials; j++) {
        double e = normal(&seed);
        emg_trend_reset(q);
        for (int i = 0; i < 60; i++) {
            emg_trend_execute(q, 10.0 * i, 90.0 - 0.1 * i + 3.0 * e, se);
            e = r * e + sqrt(1.0 - r * r) * normal(&seed);
        }
        const struct emg_trend_fit fit = emg_trend_fit(q);
        held += fit.ci95_low_per_min < -0.6 && fit.ci95_high_per_min > -0.6;
    }
    emg_trend_destroy(q);
    return (double)held / (double)trials;
}

static void interval_holds_the_true_slope_in_95_of_100_white_series(void **state)
{
    (void)state;
    const double known = coverage(0.0, 3.0, 4000, 1);
    const double understated = coverage(0.0, 1.5, 4000, 2);
    print_message("white: %.3f with the right errors, %.3f with errors half as large\n", known, understated);
    assert_true(known >= 0.93 && known <= 0.97);
    assert_true(understated >= 0.93 && understated <= 0.97);
}

static void interval_allows_for_autocorrelated_residuals(void **state)
{
    (void)state;
    const double held = coverage(0.5, 3.0, 4000, 3);
    print_message("AR(1), r = 0.5: %.3f\n", held);
    assert_true(held >= 0.88 && held <= 0.97);
}

static void alternating_residuals_do_not_narrow_the_interval(void **state)
{
    (void)state;
    struct emg_trend *zero = create(64);
    struct emg_trend *alternating = create(64);
    for (int i = 0; i < 40; i++) {
        emg_trend_execute(zero, i, 0.0, 1.0);
        emg_trend_execute(alternating, i, i % 2 == 0 ? 0.5 : -0.5, 1.0);
    }
    const double expected = half_width(emg_trend_fit(zero));
    assert_near(half_width(emg_trend_fit(alternating)), expected, 1e-12);
    emg_trend_destroy(zero);
    emg_trend_destroy(alternating);
}

static void full_array_merges_into_points_of_equal_standing(void **state)
{
    (void)state;
    /* Points given, points kept, for a capacity of 16. */
    static const size_t kept[][2] = {{16, 16},  {17, 9},  {18, 9},  {19, 10},  {32, 16},
                                     {33, 9},   {36, 9},  {37, 10}, {64, 16},  {65, 9},
                                     {128, 16}, {129, 9}, {144, 9}, {145, 10}, {100000, 13}};
    for (size_t j = 0; j < sizeof kept / sizeof kept[0]; j++) {
        struct emg_trend *q = create(16);
        for (size_t i = 0; i < kept[j][0]; i++) {
            emg_trend_execute(q, 5.0 + (double)i, 7.0 - 0.25 * (double)i, 1.0);
        }
        const struct emg_trend_fit fit = emg_trend_fit(q);
        assert_int_equal(fit.points, kept[j][1]);
        assert_near(fit.duration_s, (double)kept[j][0] - 1.0, 0.0);
        assert_near(fit.slope_per_min, -15.0, 1e-7);
        assert_near(fit.intercept, 7.0, 1e-7 * (double)kept[j][0]);
        emg_trend_destroy(q);
    }
}

static void merging_keeps_the_slope_and_its_interval(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct emg_trend *all = create(4000);
        struct emg_trend *few = create(64);
        uint64_t random = seed;
        for (int i = 0; i < 3600; i++) {
            const double se = 2.0 + i % 3;
            const double value = 95.0 - 0.002 * i + se * normal(&random);
            emg_trend_execute(all, i, value, se);
            emg_trend_execute(few, i, value, se);
        }
        const struct emg_trend_fit a = emg_trend_fit(all);
        const struct emg_trend_fit b = emg_trend_fit(few);
        assert_int_equal(a.points, 3600);
        assert_true(b.points >= 32 && b.points <= 64);
        assert_near(b.duration_s, a.duration_s, 0.0);
        assert_near(b.slope_per_min, a.slope_per_min, 0.1 * half_width(a));
        assert_near(b.intercept, a.intercept, 0.05);
        assert_true(half_width(b) > 0.9 * half_width(a) && half_width(b) < 1.6 * half_width(a));
        emg_trend_destroy(all);
        emg_trend_destroy(few);
    }
}

static void fewer_than_three_points_have_no_line(void **state)
{
    (void)state;
    struct emg_trend *q = create(16);
    for (size_t n = 0; n < 3; n++) {
        const struct emg_trend_fit fit = emg_trend_fit(q);
        assert_int_equal(fit.points, n);
        assert_near(fit.duration_s, n == 2 ? 1.5 : 0.0, 0.0);
        assert_no_line(fit);
        emg_trend_execute(q, 1.5 * (double)n, 1.0, 1.0);
    }
    assert_true(isfinite(emg_trend_fit(q).ci95_high_per_min));
    emg_trend_destroy(q);
}

static void points_all_at_one_time_have_no_line(void **state)
{
    (void)state;
    struct emg_trend *q = create(16);
    for (int i = 0; i < 40; i++) {
        emg_trend_execute(q, 0.1, 1.0 + 0.3 * i, 0.1 + 0.01 * i);
        assert_no_line(emg_trend_fit(q));
    }
    assert_near(emg_trend_fit(q).duration_s, 0.0, 0.0);
    emg_trend_destroy(q);
}

static void unusable_points_are_ignored(void **state)
{
    (void)state;
    static const double bad[][3] = {{(double)NAN, 1.0, 1.0},  {(double)INFINITY, 1.0, 1.0},
                                    {20.0, (double)NAN, 1.0}, {20.0, -(double)INFINITY, 1},
                                    {20.0, 1.0, (double)NAN}, {20.0, 1.0, (double)INFINITY},
                                    {20.0, 1.0, 0.0},         {20.0, 1.0, -1.0},
                                    {20.0, 1.0, 1e-200},      {20.0, 1.0, 1e200},
                                    {8.9, 1.0, 1.0}};
    struct emg_trend *clean = create(16);
    struct emg_trend *mixed = create(16);

    emg_trend_execute(mixed, (double)NAN, 1.0, 1.0);
    for (int i = 0; i < 10; i++) {
        emg_trend_execute(clean, i, i * i, 1.0);
        emg_trend_execute(mixed, i, i * i, 1.0);
    }
    for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
        emg_trend_execute(mixed, bad[j][0], bad[j][1], bad[j][2]);
    }
    const struct emg_trend_fit a = emg_trend_fit(clean);
    const struct emg_trend_fit b = emg_trend_fit(mixed);
    assert_memory_equal(&a, &b, sizeof a);
    emg_trend_destroy(clean);
    emg_trend_destroy(mixed);
}

static void reset_leaves_it_as_freshly_created(void **state)
{
    (void)state;
    struct emg_trend *fresh = create(16);
    struct emg_trend *used = create(16);
    for (int i = 0; i < 1000; i++) {
        emg_trend_execute(used, 1000.0 + i, i % 7, 2.0);
    }
    emg_trend_reset(used);
    assert_int_equal(emg_trend_fit(used).points, 0);
    for (int i = 0; i < 50; i++) {
        emg_trend_execute(fresh, i, i % 5, 1.0);
        emg_trend_execute(used, i, i % 5, 1.0);
        const struct emg_trend_fit a = emg_trend_fit(fresh);
        const struct emg_trend_fit b = emg_trend_fit(used);
        assert_int_equal(a.points, b.points);
        assert_near(b.duration_s, a.duration_s, 0.0);
        if (i >= 2) {
            assert_memory_equal(&a, &b, sizeof a);
        }
    }
    emg_trend_destroy(fresh);
    emg_trend_destroy(used);
}

static void capacities_outside_their_range_are_refused(void **state)
{
    (void)state;
    static const size_t bad[] = {0, 1, 14, 15, 17, 1001, ((size_t)1 << 24) + 2, SIZE_MAX, SIZE_MAX - 1};
    for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
        struct emg_trend *q = (struct emg_trend *)&q;
        assert_int_equal(emg_trend_create(&q, bad[j]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
}

static void destroying_nothing_is_allowed(void **state)
{
    (void)state;
    emg_trend_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighted_fit_and_its_interval_equal_the_reference),
        cmocka_unit_test(interval_uses_students_quantile_for_every_number_of_points),
        cmocka_unit_test(times_far_from_zero_lose_no_accuracy),
        cmocka_unit_test(a_point_of_large_error_hardly_counts),
        cmocka_unit_test(interval_holds_the_true_slope_in_95_of_100_white_series),
        cmocka_unit_test(interval_allows_for_autocorrelated_residuals),
        cmocka_unit_test(alternating_residuals_do_not_narrow_the_interval),
        cmocka_unit_test(full_array_merges_into_points_of_equal_standing),
        cmocka_unit_test(merging_keeps_the_slope_and_its_interval),
        cmocka_unit_test(fewer_than_three_points_have_no_line),
        cmocka_unit_test(points_all_at_one_time_have_no_line),
        cmocka_unit_test(unusable_points_are_ignored),
        cmocka_unit_test(reset_leaves_it_as_freshly_created),
        cmocka_unit_test(capacities_outside_their_range_are_refused),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
