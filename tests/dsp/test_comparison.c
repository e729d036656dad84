#include "dsp/comparison.h"

#include "dsp/simulate.h"
#include "dsp/sos.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double RATE_HZ = 2000.0;

enum { WINDOW = 4000, MAX_LAG = 60, LONG = 3 * WINDOW };

static float a[LONG], b[LONG], spare[LONG];

static struct emg_crosstalk *make_crosstalk(void)
{
    struct emg_crosstalk *q = NULL;
    const struct emg_crosstalk_config config = {RATE_HZ, EMG_CROSSTALK_WINDOW_S, EMG_CROSSTALK_MAX_LAG_S};
    assert_int_equal(emg_crosstalk_create(&q, &config), EMG_OK);
    return q;
}

static void fill_white(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        double sum = -6.0;
        for (unsigned k = 0; k < 12; k++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            sum += (double)(seed >> 11) * 0x1p-53;
        }
        x[i] = (float)(50.0 * sum);
    }
}

static double peak_of(const float *x, const float *y, double *lag_s)
{
    struct emg_crosstalk *q = make_crosstalk();
    emg_crosstalk_execute(q, x, y, WINDOW);
    const double r = emg_crosstalk_peak(q, lag_s);
    emg_crosstalk_destroy(q);
    return r;
}

/* The definition, in double. */
static double reference_r(const float *x, const float *y, long lag)
{
    double xy = 0.0, xx = 0.0, yy = 0.0;
    for (long i = 0; i < WINDOW; i++) {
        if (i + lag < 0 || i + lag >= WINDOW)
            continue;
        const double u = x[i], v = y[i + lag];
        xy += u * v;
        xx += u * u;
        yy += v * v;
    }
    return xy / sqrt(xx * yy);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not within %g of %.9g", value, tolerance, expected);
}

static void symmetry_is_the_difference_in_percent_of_the_mean(void **state)
{
    (void)state;
    assert_near(emg_symmetry_percent(30.0, 20.0, 0.0, 0.0), 40.0, 1e-12);
    assert_near(emg_symmetry_percent(20.0, 30.0, 1.0, 2.0), -40.0, 1e-12);
    assert_near(emg_symmetry_percent(7.0, 7.0, 1.0, 1.0), 0.0, 0.0);
    assert_near(emg_symmetry_percent(1e9, 1e-9, 0.0, 0.0), 200.0, 1e-9);
}

static void symmetry_is_unknown_near_the_noise_or_without_both_sides(void **state)
{
    (void)state;
    assert_near(emg_symmetry_percent(4.0, 6.0, 2.0, 3.0), -40.0, 1e-12); /* exactly twice the noise */
    assert_true(isnan(emg_symmetry_percent(3.999, 6.0, 2.0, 3.0)));
    assert_true(isnan(emg_symmetry_percent(4.0, 5.999, 2.0, 3.0)));
    static const double not_usable[] = {NAN, 0.0, -1.0, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof not_usable / sizeof not_usable[0]; i++) {
        assert_true(isnan(emg_symmetry_percent(not_usable[i], 5.0, 0.0, 0.0)));
        assert_true(isnan(emg_symmetry_percent(5.0, not_usable[i], 0.0, 0.0)));
    }
    assert_true(isnan(emg_symmetry_percent(5.0, 5.0, NAN, 0.0)));
    assert_true(isnan(emg_symmetry_percent(5.0, 5.0, 0.0, NAN)));
}

static void share_is_that_of_soleus_in_the_sum(void **state)
{
    (void)state;
    assert_near(emg_share_percent(30.0, 10.0), 75.0, 1e-12);
    assert_near(emg_share_percent(150.0, 50.0), 75.0, 1e-12); /* over 100 % of reference is real */
    assert_near(emg_share_percent(0.0, 10.0), 0.0, 0.0);
    assert_near(emg_share_percent(10.0, 0.0), 100.0, 0.0);
    assert_true(isnan(emg_share_percent(0.0, 0.0)));
    static const double not_usable[] = {NAN, -1.0, INFINITY};
    for (size_t i = 0; i < sizeof not_usable / sizeof not_usable[0]; i++) {
        assert_true(isnan(emg_share_percent(not_usable[i], 10.0)));
        assert_true(isnan(emg_share_percent(10.0, not_usable[i])));
    }
}

static void coactivation_is_the_common_area(void **state)
{
    (void)state;
    enum { N = 1000 };
    for (size_t i = 0; i < N; i++) { /* two triangles that mirror each other: they share half of their area */
        a[i] = (float)i;
        b[i] = (float)(N - 1 - i);
    }
    assert_near(emg_coactivation_percent(a, b, N), 100.0 * 2.0 * 249500.0 / 999000.0, 1e-9);
    assert_near(emg_coactivation_percent(b, a, N), emg_coactivation_percent(a, b, N), 0.0);
    assert_near(emg_coactivation_percent(a, a, N), 100.0, 0.0);
    for (size_t i = 0; i < N; i++)
        b[i] = 0.25F * a[i];
    assert_near(emg_coactivation_percent(a, b, N), 40.0, 1e-9); /* 2 x 0.25 / 1.25 */
    for (size_t i = 0; i < N; i++)
        (i < N / 2 ? a : b)[i] = 0.0F;
    assert_near(emg_coactivation_percent(a, b, N), 0.0, 0.0);
}

static void coactivation_is_unknown_without_envelopes(void **state)
{
    (void)state;
    const float one[3] = {1.0F, 1.0F, 1.0F}, none[3] = {0.0F, 0.0F, 0.0F};
    static const float not_usable[] = {NAN, -1.0F, INFINITY};
    assert_true(isnan(emg_coactivation_percent(one, one, 0)));
    assert_true(isnan(emg_coactivation_percent(none, none, 3)));
    assert_near(emg_coactivation_percent(one, none, 3), 0.0, 0.0);
    for (size_t i = 0; i < sizeof not_usable / sizeof not_usable[0]; i++) {
        const float bad[3] = {1.0F, not_usable[i], 1.0F};
        assert_true(isnan(emg_coactivation_percent(bad, one, 3)));
        assert_true(isnan(emg_coactivation_percent(one, bad, 3)));
    }
}

static void refuses_what_the_header_excludes(void **state)
{
    (void)state;
    static const struct emg_crosstalk_config refused[] = {
        {0.0, 2.0, 0.03},    {-2000.0, -2.0, 0.0},  {NAN, 2.0, 0.03},        {INFINITY, 2.0, 0.03},
        {2000.0, 0.0, 0.0},  {2000.0, -2.0, 0.03},  {2000.0, NAN, 0.03},     {2000.0, INFINITY, 0.03},
        {2000.0, 0.0005, 0}, {2000.0, 600.0, 0.03}, {2000.0, 2.0, -0.0001},  {2000.0, 2.0, NAN},
        {2000.0, 2.0, 1.0},  {2000.0, 2.0, 1e300},  {2000.0, 2.0, INFINITY},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct emg_crosstalk *q = (struct emg_crosstalk *)&q;
        assert_int_equal(emg_crosstalk_create(&q, &refused[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_crosstalk_destroy(NULL);
}

static void smallest_and_largest_windows_work(void **state)
{
    (void)state;
    const float x[2] = {3.0F, 1.0F}, y[2] = {1.0F, 2.0F};
    struct emg_crosstalk *q = NULL;
    double lag_s = 1.0;
    assert_int_equal(emg_crosstalk_create(&q, &(struct emg_crosstalk_config){1000.0, 0.002, 0.0}), EMG_OK);
    emg_crosstalk_execute(q, x, y, 2);
    assert_near(emg_crosstalk_peak(q, &lag_s), 5.0 / sqrt(50.0), 1e-6);
    assert_near(lag_s, 0.0, 0.0);
    assert_false(signbit(lag_s));
    emg_crosstalk_destroy(q);
    assert_int_equal(emg_crosstalk_create(&q, &(struct emg_crosstalk_config){1.0, 1048576.0, 524287.0}),
                     EMG_OK);
    assert_true(isnan(emg_crosstalk_peak(q, &lag_s)));
    emg_crosstalk_destroy(q);
}

static void finds_every_delay_and_its_sign(void **state)
{
    (void)state;
    fill_white(a, LONG, 1);
    for (long delay = -MAX_LAG; delay <= MAX_LAG; delay++) {
        double lag_s = NAN;
        const float sign = delay % 2 == 0 ? 0.1F : -7.0F; /* neither gain nor sign matters to the lag */
        for (long i = 0; i < WINDOW; i++)
            b[i] = sign * a[WINDOW + i - delay];
        assert_near(peak_of(a + WINDOW, b, &lag_s), sign > 0.0F ? 1.0 : -1.0, 1e-6);
        assert_near(lag_s, (double)delay / RATE_HZ, 1e-12);
    }
}

static void looks_no_further_than_the_largest_lag(void **state)
{
    (void)state;
    double lag_s = NAN;
    fill_white(a, LONG, 2);
    assert_true(fabs(peak_of(a + MAX_LAG, a, &lag_s)) > 0.99);
    assert_true(fabs(peak_of(a + MAX_LAG + 1, a, &lag_s)) < 0.1);
    assert_true(fabs(peak_of(a, a + MAX_LAG + 1, &lag_s)) < 0.1);
}

static void mixture_has_the_correlation_of_its_shares(void **state)
{
    (void)state;
    static const float shares[] = {0.3F, 0.5F, 1.0F, -2.0F};
    fill_white(a, LONG, 3);
    fill_white(spare, LONG, 4);
    for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
        const double share = (double)shares[k];
        double lag_s = NAN;
        for (size_t i = 0; i < WINDOW; i++)
            b[i] = spare[i] + shares[k] * a[100 + i - 9]; /* 4.5 ms behind */
        /* 4 standard errors of a correlation of 4000 independent samples */
        const double expected = share / sqrt(1.0 + share * share);
        assert_near(peak_of(a + 100, b, &lag_s), expected,
                    4.0 * (1.0 - expected * expected) / sqrt((double)WINDOW));
        assert_near(lag_s, 0.0045, 1e-12);
    }
}

static void agrees_with_the_definition_in_double_precision(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 5; trial++) {
        fill_white(a, WINDOW, 10 + trial);
        fill_white(b, WINDOW, 20 + trial);
        for (size_t i = 0; i < WINDOW; i++) { /* bursts at the window's edges too */
            const float burst = (i + 700 * trial) % 1400 < 300 ? 1.0F : 1e-3F;
            a[i] *= burst;
            b[i] *= burst;
        }
        double best = 0.0, lag_s = NAN;
        long best_lag = 0;
        for (long lag = -MAX_LAG; lag <= MAX_LAG; lag++) {
            const double r = reference_r(a, b, lag);
            if (fabs(r) > fabs(best)) {
                best = r;
                best_lag = lag;
            }
        }
        assert_near(peak_of(a, b, &lag_s) / best, 1.0, 1e-5);
        assert_near(lag_s, (double)best_lag / RATE_HZ, 1e-12);
    }
}

static void sees_the_newest_window_only_and_nothing_before_it_is_full(void **state)
{
    (void)state;
    struct emg_crosstalk *q = make_crosstalk();
    double lag_s = 1.0, fresh_lag_s = 2.0;
    fill_white(a, LONG, 5);
    fill_white(b, LONG, 6);
    for (size_t i = 0; i < LONG - WINDOW; i++)
        a[i] = b[i] = 1e6F * a[i]; /* loud and alike: a running sum would keep traces of it */
    for (size_t i = 1; i < WINDOW; i += 499) {
        emg_crosstalk_interrupt(q);
        emg_crosstalk_execute(q, a, b, i);
        assert_true(isnan(emg_crosstalk_peak(q, &lag_s)) && isnan(lag_s));
    }
    emg_crosstalk_interrupt(q);
    emg_crosstalk_execute(q, a, b, WINDOW - 1);
    assert_true(isnan(emg_crosstalk_peak(q, &lag_s)));
    emg_crosstalk_execute(q, a + WINDOW - 1, b + WINDOW - 1, 1);
    assert_near(emg_crosstalk_peak(q, &lag_s), 1.0, 1e-6);
    emg_crosstalk_execute(q, a + WINDOW, b + WINDOW, LONG - WINDOW);
    const double r = emg_crosstalk_peak(q, &lag_s);
    const double fresh = peak_of(a + LONG - WINDOW, b + LONG - WINDOW, &fresh_lag_s);
    assert_memory_equal(&r, &fresh, sizeof r);
    assert_memory_equal(&lag_s, &fresh_lag_s, sizeof lag_s);
    assert_true(fabs(r) < 0.1);
    emg_crosstalk_destroy(q);
}

static void gives_the_same_however_the_input_is_cut(void **state)
{
    (void)state;
    const size_t n = LONG - 1234;
    double whole_lag_s = NAN, lag_s = NAN;
    struct emg_crosstalk *q = make_crosstalk();
    fill_white(a, LONG, 7);
    fill_white(b, LONG, 8);
    emg_crosstalk_execute(q, a, b, n);
    const double whole = emg_crosstalk_peak(q, &whole_lag_s);
    for (uint32_t pieces = 1; pieces <= 10; pieces++) {
        uint32_t random = pieces;
        emg_crosstalk_interrupt(q); /* which leaves it as freshly created, wherever the ring stands */
        for (size_t done = 0; done < n;) {
            random = random * 1664525U + 1013904223U;
            size_t take = (random >> 8) % 4 == 0 ? (random >> 12) % 2 : (random >> 12) % 5000;
            take = take < n - done ? take : n - done;
            emg_crosstalk_execute(q, a + done, b + done, take);
            (void)emg_crosstalk_peak(q, &lag_s);
            done += take;
        }
        const double r = emg_crosstalk_peak(q, &lag_s);
        assert_memory_equal(&r, &whole, sizeof r);
        assert_memory_equal(&lag_s, &whole_lag_s, sizeof lag_s);
    }
    emg_crosstalk_destroy(q);
}

static void an_interrupt_parts_what_lies_before_it_from_what_follows(void **state)
{
    (void)state;
    struct emg_crosstalk *q = make_crosstalk();
    double lag_s = 1.0, fresh_lag_s = 1.0;
    fill_white(a, LONG, 9);
    fill_white(b, LONG, 10);
    emg_crosstalk_execute(q, a, a, WINDOW + 17);
    emg_crosstalk_interrupt(q);
    assert_true(isnan(emg_crosstalk_peak(q, &lag_s)) && isnan(lag_s));
    emg_crosstalk_execute(q, a, b, WINDOW - 1);
    assert_true(isnan(emg_crosstalk_peak(q, &lag_s)));
    emg_crosstalk_execute(q, a + WINDOW - 1, b + WINDOW - 1, 1);
    const double r = emg_crosstalk_peak(q, &lag_s), fresh = peak_of(a, b, &fresh_lag_s);
    assert_memory_equal(&r, &fresh, sizeof r);
    assert_memory_equal(&lag_s, &fresh_lag_s, sizeof lag_s);
    emg_crosstalk_destroy(q);
}

static void samples_that_are_not_finite_or_absurd_count_as_zero(void **state)
{
    (void)state;
    static const float absurd[] = {NAN, INFINITY, -INFINITY, 3e38F, -2e15F};
    double lag_s = NAN, zero_lag_s = NAN;
    fill_white(a, WINDOW, 11);
    memcpy(spare, a, sizeof spare);
    for (size_t i = 0; i < WINDOW; i += 37) {
        a[i] = absurd[i % 5];
        spare[i] = 0.0F;
    }
    fill_white(b, WINDOW, 12);
    for (size_t i = 10; i < WINDOW; i++)
        b[i] += spare[i - 10];
    const double r = peak_of(a, b, &lag_s), zero = peak_of(spare, b, &zero_lag_s);
    assert_memory_equal(&r, &zero, sizeof r);
    assert_near(lag_s, 0.005, 1e-12);
    assert_near(zero_lag_s, lag_s, 0.0);
    for (size_t i = 0; i < WINDOW; i++) { /* the loudest that count */
        a[i] = i % 2 ? 1e15F : -1e15F;
        b[i] = -a[i];
    }
    assert_near(fabs(peak_of(a, b, &lag_s)), 1.0, 1e-6);
    for (size_t i = 0; i < WINDOW; i++)
        a[i] = NAN;
    assert_true(isnan(peak_of(a, b, &lag_s)) && isnan(lag_s));
}

static void silence_has_no_correlation(void **state)
{
    (void)state;
    double lag_s = 1.0;
    memset(a, 0, sizeof a);
    fill_white(b, WINDOW, 13);
    assert_true(isnan(peak_of(a, b, &lag_s)) && isnan(lag_s));
    assert_true(isnan(peak_of(b, a, &lag_s)) && isnan(lag_s));
    assert_true(isnan(peak_of(a, a, &lag_s)) && isnan(lag_s));
    memset(b, 0, sizeof b);
    a[WINDOW - 1] = b[0] = 1.0F; /* energy, but never together within the lags */
    assert_near(peak_of(a, b, &lag_s), 0.0, 0.0);
    assert_near(lag_s, 0.0, 0.0);
}

/* Windows of 300 in which two muscles in step, the second with a share of the first, reach the warning. */
static unsigned warnings(enum emg_simulate_course course, double fl_hz, float share)
{
    struct emg_simulate *source[2];
    struct emg_sos *band[2];
    const struct emg_sos_config edges = {
        .rate_hz = RATE_HZ, .highpass_hz = 20.0, .lowpass_hz = 450.0, .order = 2};
    for (uint64_t i = 0; i < 2; i++) {
        const struct emg_simulate_config config = {.rate_hz = RATE_HZ,
                                                   .seed = 100 + i,
                                                   .course = course,
                                                   .rms_uv = 100.0,
                                                   .noise_uv = 2.0,
                                                   .fl_hz = fl_hz,
                                                   .fh_hz = 2.0 * fl_hz,
                                                   .fatigue_s = 1.0,
                                                   .cycle_s = 0.7,
                                                   .cycle_seed = 1,
                                                   .cycle_cv = 0.03,
                                                   .burst_length = 0.25 / 0.7};
        assert_int_equal(emg_simulate_create(&source[i], &config), EMG_OK);
        assert_int_equal(emg_sos_create(&band[i], &edges), EMG_OK);
    }
    struct emg_crosstalk *q = make_crosstalk();
    unsigned count = 0;
    for (unsigned window = 0; window < 300; window++) {
        double lag_s = NAN;
        emg_simulate_execute(source[0], a, 1, WINDOW);
        emg_simulate_execute(source[1], b, 1, WINDOW);
        for (size_t i = 0; i < WINDOW; i++)
            b[i] += share * a[i];
        emg_sos_execute(band[0], a, a, WINDOW);
        emg_sos_execute(band[1], b, b, WINDOW);
        emg_crosstalk_execute(q, a, b, WINDOW);
        count += fabs(emg_crosstalk_peak(q, &lag_s)) >= EMG_CROSSTALK_WARN_R;
    }
    emg_crosstalk_destroy(q);
    for (size_t i = 0; i < 2; i++) {
        emg_sos_destroy(band[i]);
        emg_simulate_destroy(source[i]);
    }
    return count;
}

static void independent_muscles_give_no_warning_and_gross_cross_talk_gives_one(void **state)
{
    (void)state;
    assert_int_equal(warnings(EMG_SIMULATE_STATIC, 60.0, 0.0F), 0);
    assert_int_equal(warnings(EMG_SIMULATE_STRIDE, 60.0, 0.0F), 0);
    assert_int_equal(warnings(EMG_SIMULATE_STRIDE, 30.0, 0.0F), 0);
    assert_in_range(warnings(EMG_SIMULATE_STATIC, 60.0, 0.8F), 300, 300);
    assert_in_range(warnings(EMG_SIMULATE_STRIDE, 30.0, 0.8F), 285, 300);
    assert_in_range(warnings(EMG_SIMULATE_STRIDE, 30.0, 0.6F), 150, 240); /* as the header owns: 62 % */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symmetry_is_the_difference_in_percent_of_the_mean),
        cmocka_unit_test(symmetry_is_unknown_near_the_noise_or_without_both_sides),
        cmocka_unit_test(share_is_that_of_soleus_in_the_sum),
        cmocka_unit_test(coactivation_is_the_common_area),
        cmocka_unit_test(coactivation_is_unknown_without_envelopes),
        cmocka_unit_test(refuses_what_the_header_excludes),
        cmocka_unit_test(smallest_and_largest_windows_work),
        cmocka_unit_test(finds_every_delay_and_its_sign),
        cmocka_unit_test(looks_no_further_than_the_largest_lag),
        cmocka_unit_test(mixture_has_the_correlation_of_its_shares),
        cmocka_unit_test(agrees_with_the_definition_in_double_precision),
        cmocka_unit_test(sees_the_newest_window_only_and_nothing_before_it_is_full),
        cmocka_unit_test(gives_the_same_however_the_input_is_cut),
        cmocka_unit_test(an_interrupt_parts_what_lies_before_it_from_what_follows),
        cmocka_unit_test(samples_that_are_not_finite_or_absurd_count_as_zero),
        cmocka_unit_test(silence_has_no_correlation),
        cmocka_unit_test(independent_muscles_give_no_warning_and_gross_cross_talk_gives_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
