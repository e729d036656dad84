#include "dsp/trend.h"

#include "fixtures/golden_trend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
                isnan(fit.ci95_high_per_min) && isnan(fit.break_s) && isnan(fit.last_per_min) &&
                isnan(fit.last_ci95_low_per_min) && isnan(fit.last_ci95_high_per_min));
    assert_false(fit.broken);
}

static void assert_same(const struct emg_trend_fit *a, const struct emg_trend_fit *b)
{
    assert_int_equal(a->points, b->points);
    assert_int_equal(a->broken, b->broken);
    const double x[] = {a->duration_s,
                        a->intercept,
                        a->slope_per_min,
                        a->ci95_low_per_min,
                        a->ci95_high_per_min,
                        a->break_s,
                        a->last_per_min,
                        a->last_ci95_low_per_min,
                        a->last_ci95_high_per_min};
    const double y[] = {b->duration_s,
                        b->intercept,
                        b->slope_per_min,
                        b->ci95_low_per_min,
                        b->ci95_high_per_min,
                        b->break_s,
                        b->last_per_min,
                        b->last_ci95_low_per_min,
                        b->last_ci95_high_per_min};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        assert_true((isnan(x[i]) && isnan(y[i])) || x[i] == y[i]);
    }
}

static void assert_straight(const struct emg_trend_fit *fit)
{
    assert_false(fit->broken);
    assert_true(isnan(fit->break_s));
    assert_true(fit->last_per_min == fit->slope_per_min &&
                fit->last_ci95_low_per_min == fit->ci95_low_per_min &&
                fit->last_ci95_high_per_min == fit->ci95_high_per_min);
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

static struct emg_trend_fit check_golden_fit(const double *points, const double *fit, size_t n)
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
    return got;
}

static void weighted_fit_and_its_interval_equal_the_reference(void **state)
{
    (void)state;
    const struct emg_trend_fit tight = check_golden_fit(golden_tight, golden_tight_fit, 24);
    const struct emg_trend_fit loose = check_golden_fit(golden_loose, golden_loose_fit, 24);
    assert_straight(&tight);
    assert_straight(&loose);
}

static void broken_line_and_its_intervals_equal_the_reference(void **state)
{
    (void)state;
    const double *points[] = {golden_tight_break, golden_loose_break};
    const double *fits[] = {golden_tight_break_fit, golden_loose_break_fit};
    for (size_t j = 0; j < 2; j++) {
        const struct emg_trend_fit got = check_golden_fit(points[j], fits[j], 60);
        assert_true(got.broken);
        assert_near(got.break_s, fits[j][4], 1e-7);
        assert_near(got.last_per_min, fits[j][5], 1e-7);
        assert_near(got.last_ci95_low_per_min, fits[j][6], 1e-4);
        assert_near(got.last_ci95_high_per_min, fits[j][7], 1e-4);
    }
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

/* A course of 60 points, 10 s apart, with AR(1) noise. */
struct course {
    double start;
    double fall;
    double fall_s;     /* level after it */
    double constant_s; /* of an exponential fall; 0: linear */
    double sd, r;
    double se; /* as stated */
};

static double course_mean(const struct course *c, double t_s)
{
    const double end_s = fmin(t_s, c->fall_s);
    if (c->constant_s > 0.0) {
        return c->start -
               c->fall * (1.0 - exp(-end_s / c->constant_s)) / (1.0 - exp(-c->fall_s / c->constant_s));
    }
    return c->start - c->fall * end_s / c->fall_s;
}

struct tally {
    double slope_held;   /* share of intervals that hold the slope of the line through the noiseless course */
    double level_held;   /* share of the broken ones whose last interval holds 0 */
    double broken;       /* share */
    double down, up;     /* shares of intervals below and above 0, by the last slope or the overall one */
    double se, break_sd; /* mean half-width / 1.96; about the true break */
};

static struct tally simulate(const struct course *c, size_t trials, uint64_t seed)
{
    struct emg_trend *q = create(64);
    for (int i = 0; i < 60; i++) {
        emg_trend_execute(q, 10.0 * i, course_mean(c, 10.0 * i), 1.0);
    }
    const double truth = emg_trend_fit(q).slope_per_min;
    struct tally sum = {0};
    for (size_t j = 0; j < trials; j++) {
        double e = normal(&seed);
        emg_trend_reset(q);
        for (int i = 0; i < 60; i++) {
            emg_trend_execute(q, 10.0 * i, course_mean(c, 10.0 * i) + c->sd * e, c->se);
            e = c->r * e + sqrt(1.0 - c->r * c->r) * normal(&seed);
        }
        const struct emg_trend_fit fit = emg_trend_fit(q);
        const bool down = fit.last_ci95_high_per_min < 0.0;
        const bool up = fit.last_ci95_low_per_min > 0.0;
        sum.slope_held += fit.ci95_low_per_min < truth && fit.ci95_high_per_min > truth;
        sum.down += down || (!up && fit.ci95_high_per_min < 0.0);
        sum.up += up || (!down && fit.ci95_low_per_min > 0.0);
        sum.se += half_width(fit) / 1.96;
        if (fit.broken) {
            sum.broken += 1.0;
            sum.level_held += !down && !up;
            sum.break_sd += (fit.break_s - c->fall_s) * (fit.break_s - c->fall_s);
        }
    }
    emg_trend_destroy(q);
    const double n = (double)trials;
    return (struct tally){
        .slope_held = sum.slope_held / n,
        .level_held = sum.level_held / sum.broken,
        .broken = sum.broken / n,
        .down = sum.down / n,
        .up = sum.up / n,
        .se = sum.se / n,
        .break_sd = sqrt(sum.break_sd / sum.broken),
    };
}

static const struct course straight = {.start = 95.7, .fall = 9.57, .fall_s = 600.0, .sd = 2.3, .se = 2.3};

static void interval_holds_the_true_slope_in_95_of_100_white_series(void **state)
{
    (void)state;
    struct course c = straight;
    const double known = simulate(&c, 4000, 1).slope_held;
    c.se = 1.15;
    const double understated = simulate(&c, 4000, 2).slope_held;
    print_message("white: %.3f with the right errors, %.3f with errors half as large\n", known, understated);
    assert_true(known >= 0.94 && known <= 0.975);
    assert_true(understated >= 0.94 && understated <= 0.97);
}

static void interval_allows_for_autocorrelated_residuals(void **state)
{
    (void)state;
    struct course c = straight;
    c.r = 0.5;
    const double known = simulate(&c, 4000, 3).slope_held;
    c.se = 1.15;
    const double understated = simulate(&c, 4000, 4).slope_held;
    print_message("AR(1), r = 0.5: %.3f with the right errors, %.3f with errors half as large\n", known,
                  understated);
    assert_true(known >= 0.93 && known <= 0.975);
    assert_true(understated >= 0.925 && understated <= 0.97);
}

static void straight_courses_are_not_called_broken(void **state)
{
    (void)state;
    struct course c = straight;
    c.se = 1.15;
    const double white = simulate(&c, 4000, 5).broken;
    c.r = 0.5;
    const double correlated = simulate(&c, 4000, 6).broken;
    print_message("called broken: white %.4f, AR(1) %.4f\n", white, correlated);
    assert_true(white <= 0.003);
    assert_true(correlated <= 0.01);
}

static void fall_that_levels_off_is_found_and_its_bend_does_not_count_as_noise(void **state)
{
    (void)state;
    const struct course c = {.start = 95.0, .fall = 14.25, .fall_s = 180.0, .sd = 2.5, .se = 2.5};
    const struct tally tally = simulate(&c, 2000, 7);
    print_message("found %.3f, break +- %.0f s, overall slope held %.3f, level held %.3f, slope SE %.3f\n",
                  tally.broken, tally.break_sd, tally.slope_held, tally.level_held, tally.se);
    assert_true(tally.broken >= 0.99);
    assert_true(tally.break_sd < 30.0);
    assert_true(tally.slope_held >= 0.94 && tally.slope_held <= 0.975);
    assert_true(tally.level_held >= 0.93 && tally.level_held <= 0.97);
    /* sqrt(12 / 60) 2.5 Hz / 10 min is 0.112; about the straight line it would come out near 0.16. */
    assert_true(tally.se < 0.13);
}

static void fall_of_10_percent_in_10_minutes_is_detected_with_few_false_alarms(void **state)
{
    (void)state;
    struct course c = straight;
    const struct tally linear = simulate(&c, 2000, 8);
    c.constant_s = 180.0;
    const struct tally curved = simulate(&c, 2000, 9);
    c.fall = 0.0;
    const struct tally level = simulate(&c, 4000, 10);
    print_message("detected %.3f linear, %.3f exponential; SE %.3f, %.3f; false alarms %.3f down, %.3f up\n",
                  linear.down, curved.down, linear.se, curved.se, level.down, level.up);
    assert_true(linear.se <= 0.2 && curved.se <= 0.2);
    assert_true(linear.down >= 0.95 && curved.down >= 0.95);
    assert_true(level.down + level.up <= 0.05);
}

static struct emg_trend_fit fit_bent(size_t before, size_t after, double start_s, double se)
{
    struct emg_trend *q = create(256);
    for (size_t i = 0; i < before + after; i++) {
        const double i_last = i < before ? (double)i : (double)before - 1.0;
        emg_trend_execute(q, start_s + 10.0 * (double)i, 95.0 - i_last, se);
    }
    const struct emg_trend_fit fit = emg_trend_fit(q);
    emg_trend_destroy(q);
    return fit;
}

static void break_leaves_eight_points_on_either_side(void **state)
{
    (void)state;
    struct emg_trend_fit fit = fit_bent(8, 7, 0.0, 0.1);
    assert_straight(&fit);
    fit = fit_bent(8, 8, 0.0, 0.1);
    assert_true(fit.broken);
    assert_near(fit.break_s, 70.0, 1e-9);
    assert_near(fit.last_per_min, 0.0, 1e-9);
    /* 12 points in 100 are less than 15 %: the nearest break allowed is the fifteenth. */
    fit = fit_bent(12, 88, 0.0, 1.0);
    assert_true(fit.broken);
    assert_near(fit.break_s, 140.0, 1e-9);
}

static void break_far_from_time_zero_loses_no_accuracy(void **state)
{
    (void)state;
    const struct emg_trend_fit near = fit_bent(30, 40, 0.0, 0.5);
    const struct emg_trend_fit far = fit_bent(30, 40, 1.75e9, 0.5);
    assert_true(near.broken && far.broken);
    assert_near(near.break_s, 290.0, 6.0);
    assert_near(far.break_s, near.break_s, 1e-5);
    assert_near(far.last_per_min, near.last_per_min, 1e-7);
    assert_near(far.ci95_low_per_min, near.ci95_low_per_min, 1e-7);
}

static void points_at_two_times_or_of_one_weight_give_finite_limits(void **state)
{
    (void)state;
    struct emg_trend *two_times = create(64);
    struct emg_trend *one_weight = create(64);
    for (int i = 0; i < 40; i++) {
        emg_trend_execute(two_times, i < 20 ? 3.7 : 1000.1, 90.0 + i % 5 - 10.0 * (i >= 20), 0.3);
        emg_trend_execute(one_weight, i, i < 20 ? -i : -20.0, i == 30 ? 1e-9 : 1.0);
    }
    const struct emg_trend_fit a = emg_trend_fit(two_times);
    const struct emg_trend_fit b = emg_trend_fit(one_weight);
    assert_straight(&a);
    assert_true(isfinite(a.ci95_low_per_min) && isfinite(a.ci95_high_per_min));
    assert_true(isfinite(b.ci95_low_per_min) && isfinite(b.last_ci95_low_per_min));
    emg_trend_destroy(two_times);
    emg_trend_destroy(one_weight);
}

/* Every break between two of the times fits the same; only one that leaves two times after it has a slope. */
static void slope_after_a_break_comes_from_more_than_one_time(void **state)
{
    (void)state;
    struct emg_trend *q = create(64);
    for (int j = 0; j < 50; j++) {
        emg_trend_reset(q);
        for (int i = 0; i < 60; i++) {
            const double t_s = i < 20 ? 0.0 : i < 40 ? 300.1 + 7.3 * j : 900.7;
            emg_trend_execute(q, t_s, (i < 20 ? 100.0 : 80.0) + (i % 2 == 0 ? 0.1 : -0.1), 0.5);
        }
        const struct emg_trend_fit fit = emg_trend_fit(q);
        assert_true(fit.broken);
        assert_true(fit.break_s <= 300.1 + 7.3 * j);
        assert_near(fit.last_per_min, 0.0, 1e-9);
        assert_true(fit.last_ci95_high_per_min > 0.01 && fit.last_ci95_high_per_min < 0.1);
    }
    emg_trend_destroy(q);
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
    assert_same(&a, &b);
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
        assert_same(&a, &b);
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
        cmocka_unit_test(broken_line_and_its_intervals_equal_the_reference),
        cmocka_unit_test(interval_uses_students_quantile_for_every_number_of_points),
        cmocka_unit_test(times_far_from_zero_lose_no_accuracy),
        cmocka_unit_test(a_point_of_large_error_hardly_counts),
        cmocka_unit_test(interval_holds_the_true_slope_in_95_of_100_white_series),
        cmocka_unit_test(interval_allows_for_autocorrelated_residuals),
        cmocka_unit_test(straight_courses_are_not_called_broken),
        cmocka_unit_test(fall_that_levels_off_is_found_and_its_bend_does_not_count_as_noise),
        cmocka_unit_test(fall_of_10_percent_in_10_minutes_is_detected_with_few_false_alarms),
        cmocka_unit_test(break_leaves_eight_points_on_either_side),
        cmocka_unit_test(break_far_from_time_zero_loses_no_accuracy),
        cmocka_unit_test(points_at_two_times_or_of_one_weight_give_finite_limits),
        cmocka_unit_test(slope_after_a_break_comes_from_more_than_one_time),
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
