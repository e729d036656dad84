#include "dsp/profile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 30000, POINTS = EMG_PROFILE_POINTS };

static const double RATE_HZ = 2004.5;
static const double PER_MEAN = 10.0; /* 2004.5 Hz / 200 Hz, whole samples */

static float x[N];

struct profile {
    unsigned n;
    float mean[POINTS], sd[POINTS];
};

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525U + 1013904223U;
    return *random >> 8;
}

static int set_up(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (size_t i = 0; i < N; i++)
        x[i] = 50.0F + 40.0F * (float)sin(0.004 * (double)i) + (float)(next_random(&random) % 1000) * 0.01F;
    return 0;
}

static struct emg_profile *make_profile(double keep_s, unsigned strides)
{
    struct emg_profile *q = NULL;
    const struct emg_profile_config config = {RATE_HZ, keep_s, strides};
    assert_int_equal(emg_profile_create(&q, &config), EMG_OK);
    return q;
}

static struct profile mean_of(const struct emg_profile *q)
{
    struct profile p = {0};
    p.n = emg_profile_mean(q, p.mean, p.sd);
    return p;
}

/* The same by its definition, straight from the samples: the mean over the ten samples about each whole
 * multiple, and a line between two of them. origin: the sample where the first ten begin. */
static double expected_point(double sample, size_t origin)
{
    const double at = (sample - (double)origin - 0.5 * (PER_MEAN - 1.0)) / PER_MEAN;
    const size_t k = (size_t)floor(at);
    double mean[2] = {0.0, 0.0};
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < (size_t)PER_MEAN; i++)
            mean[m] += (double)x[origin + (k + m) * (size_t)PER_MEAN + i] / PER_MEAN;
    return mean[0] * (1.0 - (at - (double)k)) + mean[1] * (at - (double)k);
}

static void assert_ensemble(const struct profile *p, const double (*cycles)[2], size_t n, size_t origin)
{
    assert_int_equal(p->n, n);
    for (size_t i = 0; i < POINTS; i++) {
        double sum = 0.0;
        double square = 0.0;
        for (size_t k = 0; k < n; k++) {
            const double at = cycles[k][0] + (cycles[k][1] - cycles[k][0]) * (double)i / 100.0;
            const double y = expected_point(at, origin);
            sum += y;
            square += y * y;
        }
        const double mean = sum / (double)n;
        assert_true(fabs((double)p->mean[i] - mean) < 1e-5 * mean);
        if (n < 2)
            assert_true(isnan(p->sd[i]));
        else
            assert_true(fabs((double)p->sd[i] - sqrt((square - sum * mean) / (double)(n - 1))) < 1e-4);
    }
}

static void refuses_values_outside_the_ranges(void **state)
{
    (void)state;
    static const struct emg_profile_config wrong[] = {
        {49.0, 8.0, 10},   {1.1e6, 8.0, 10},   {NAN, 8.0, 10},  {2000.0, 0.0, 10},  {2000.0, -1.0, 10},
        {2000.0, NAN, 10}, {2000.0, 4000, 10}, {2000.0, 8., 0}, {2000.0, 8.0, 101},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct emg_profile *q = (struct emg_profile *)1;
        assert_int_equal(emg_profile_create(&q, &wrong[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_profile_destroy(NULL);
}

static void an_empty_ensemble_has_no_mean_and_one_cycle_no_deviation(void **state)
{
    (void)state;
    struct emg_profile *q = make_profile(8.0, 5);
    struct profile p = mean_of(q);
    assert_int_equal(p.n, 0);
    for (size_t i = 0; i < POINTS; i++)
        assert_true(isnan(p.mean[i]) && isnan(p.sd[i]));
    emg_profile_execute(q, x, 5000);
    assert_true(emg_profile_cycle(q, 1000.25, 2600.5));
    p = mean_of(q);
    assert_ensemble(&p, (const double[][2]){{1000.25, 2600.5}}, 1, 0);
    emg_profile_destroy(q);
}

static void mean_and_deviation_are_those_of_the_newest_cycles(void **state)
{
    (void)state;
    static const double cycles[][2] = {
        {100.0, 1500.0}, {1500.0, 3011.7}, {3011.7, 4400.1}, {4400.1, 6000.9}, {7000.3, 8400.0}};
    struct emg_profile *q = make_profile(8.0, 3);
    emg_profile_execute(q, x, 10000);
    for (size_t k = 0; k < 5; k++) {
        assert_true(emg_profile_cycle(q, cycles[k][0], cycles[k][1]));
        const size_t n = k + 1 < 3 ? k + 1 : 3;
        const struct profile p = mean_of(q);
        assert_ensemble(&p, cycles + (k + 1 - n), n, 0);
    }
    emg_profile_destroy(q);
}

static void the_boxcar_delays_nothing(void **state)
{
    (void)state;
    float *ramp = malloc(N * sizeof *ramp);
    assert_non_null(ramp);
    for (size_t i = 0; i < N; i++)
        ramp[i] = (float)i; /* its own position */
    struct emg_profile *q = make_profile(8.0, 3);
    emg_profile_execute(q, ramp, 12000);
    assert_true(emg_profile_cycle(q, 10000.0, 11234.5));
    const struct profile p = mean_of(q);
    for (size_t i = 0; i < POINTS; i++)
        assert_true(fabs((double)p.mean[i] - (10000.0 + 12.345 * (double)i)) < 2e-3);
    emg_profile_destroy(q);
    free(ramp);
}

static void takes_cycles_of_the_last_keep_s_seconds_only(void **state)
{
    (void)state;
    struct emg_profile *q = make_profile(2.0, 3);
    const double keep = 2.0 * RATE_HZ;
    for (size_t n = 20000; n < 20025; n++) { /* wherever the mean in progress stands */
        emg_profile_reset(q);
        emg_profile_execute(q, x, n);
        const double newest = (double)n;
        assert_true(emg_profile_cycle(q, newest - keep, newest - 1000.0));
        assert_false(emg_profile_cycle(q, newest - keep - 3.0 * PER_MEAN, newest - 1000.0));
        assert_true(emg_profile_cycle(q, newest - 1000.0, newest - 0.0075 * RATE_HZ));
        assert_false(emg_profile_cycle(q, newest - 1000.0, newest));
        assert_false(emg_profile_cycle(q, newest + 1000.0, newest + 2000.0));
        assert_int_equal(mean_of(q).n, 2);
    }
    emg_profile_destroy(q);
}

static void takes_the_first_and_the_last_mean_but_nothing_beyond(void **state)
{
    (void)state;
    struct emg_profile *q = make_profile(8.0, 3);
    assert_false(emg_profile_cycle(q, 4.5, 994.5));
    emg_profile_execute(q, x, 1000); /* means from 4.5 to 994.5 */
    assert_false(emg_profile_cycle(q, 4.4, 994.5));
    assert_false(emg_profile_cycle(q, 4.5, 994.6));
    assert_int_equal(mean_of(q).n, 0);
    assert_true(emg_profile_cycle(q, 4.5, 994.5));
    const struct profile p = mean_of(q);
    double first = 0.0;
    double last = 0.0;
    for (size_t i = 0; i < 10; i++) {
        first += (double)x[i] / 10.0;
        last += (double)x[990 + i] / 10.0;
    }
    assert_true(fabs((double)p.mean[0] - first) < 1e-4 && fabs((double)p.mean[100] - last) < 1e-4);
    emg_profile_destroy(q);
}

static void refuses_cycles_that_are_none(void **state)
{
    (void)state;
    static const double wrong[][2] = {{500, 500}, {900, 500},      {NAN, 900},           {500, NAN},
                                      {-5, 900},  {500, INFINITY}, {-INFINITY, INFINITY}};
    struct emg_profile *q = make_profile(8.0, 3);
    emg_profile_execute(q, x, 2000);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(emg_profile_cycle(q, wrong[i][0], wrong[i][1]));
    assert_int_equal(mean_of(q).n, 0);
    emg_profile_destroy(q);
}

static void a_sample_that_is_not_finite_spoils_its_cycle_only(void **state)
{
    (void)state;
    struct emg_profile *q = make_profile(8.0, 3);
    const float wrong[] = {NAN, INFINITY};
    for (size_t i = 0; i < 2; i++) {
        emg_profile_reset(q);
        emg_profile_execute(q, x, 2000);
        emg_profile_execute(q, &wrong[i], 1);
        emg_profile_execute(q, x + 2001, 4000);
        assert_true(emg_profile_cycle(q, 100.0, 1900.0));
        assert_false(emg_profile_cycle(q, 1900.0, 3500.0));
        assert_true(emg_profile_cycle(q, 3500.0, 5000.0));
        const struct profile p = mean_of(q);
        assert_ensemble(&p, (const double[][2]){{100.0, 1900.0}, {3500.0, 5000.0}}, 2, 0);
    }
    emg_profile_destroy(q);
}

static void no_cycle_spans_a_gap_and_the_ensemble_outlasts_it(void **state)
{
    (void)state;
    static const double cycles[][2] = {{100.0, 1500.0}, {3100.4, 4700.6}};
    struct emg_profile *q = make_profile(8.0, 3);
    emg_profile_execute(q, x, 3003);
    assert_true(emg_profile_cycle(q, cycles[0][0], cycles[0][1]));
    emg_profile_clear_history(q);
    emg_profile_execute(q, x + 3003, 2000);
    assert_false(emg_profile_cycle(q, 1500.0, 2900.0));
    assert_false(emg_profile_cycle(q, 2900.0, 4500.0));
    assert_false(emg_profile_cycle(q, 3003.0, 4500.0));
    const struct profile before = mean_of(q);
    assert_ensemble(&before, cycles, 1, 0);
    assert_true(emg_profile_cycle(q, cycles[1][0], cycles[1][1]));
    const struct profile p = mean_of(q);
    assert_int_equal(p.n, 2);
    for (size_t i = 0; i < POINTS; i++) {
        const double a = expected_point(100.0 + 14.0 * (double)i, 0);
        const double b = expected_point(3100.4 + 16.002 * (double)i, 3003);
        assert_true(fabs((double)p.mean[i] - 0.5 * (a + b)) < 1e-3);
        assert_true(fabs((double)p.sd[i] - fabs(a - b) / sqrt(2.0)) < 1e-3);
    }
    emg_profile_destroy(q);
}

static void run(struct emg_profile *q, struct profile *p, uint32_t pieces)
{
    uint32_t random = pieces;
    double first = 50.0;
    for (size_t done = 0; done < N;) {
        size_t take = pieces == 0 ? 1000 : next_random(&random) % 40;
        take = take < N - done ? take : N - done;
        emg_profile_execute(q, x + done, take);
        done += take;
        for (; first + 1600.0 < (double)done; first += 1500.0)
            assert_true(emg_profile_cycle(q, first, first + 1500.0));
    }
    *p = mean_of(q);
}

static void gives_the_same_however_the_input_is_cut_and_after_reset(void **state)
{
    (void)state;
    struct emg_profile *q = make_profile(2.5, 100);
    struct profile whole;
    run(q, &whole, 0);
    assert_int_equal(whole.n, 19);
    for (uint32_t pieces = 1; pieces < 6; pieces++) {
        struct profile cut;
        emg_profile_reset(q);
        assert_int_equal(mean_of(q).n, 0);
        assert_false(emg_profile_cycle(q, 28000.0, 29000.0));
        run(q, &cut, pieces);
        assert_memory_equal(&cut, &whole, sizeof cut);
    }
    emg_profile_destroy(q);
}

static void earlier_cycles_leave_no_trace(void **state)
{
    (void)state;
    struct emg_profile *q = make_profile(8.0, 2);
    const double cycles[][2] = {{100.0, 1500.0}, {1600.0, 3100.4}};
    for (unsigned k = 0; k < 200; k++) {
        const float huge = 1e30F / (float)(k + 1);
        for (size_t i = 0; i < 2000; i++)
            emg_profile_execute(q, &huge, 1);
        const double now = 2000.0 * (double)(k + 1);
        assert_true(emg_profile_cycle(q, now - 1500.0, now - 100.0));
    }
    emg_profile_clear_history(q);
    const double origin = 2000.0 * 200.0;
    emg_profile_execute(q, x, 5000);
    for (size_t k = 0; k < 2; k++)
        assert_true(emg_profile_cycle(q, origin + cycles[k][0], origin + cycles[k][1]));
    const struct profile p = mean_of(q);
    assert_ensemble(&p, cycles, 2, 0);
    emg_profile_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(refuses_values_outside_the_ranges, set_up),
        cmocka_unit_test_setup(an_empty_ensemble_has_no_mean_and_one_cycle_no_deviation, set_up),
        cmocka_unit_test_setup(mean_and_deviation_are_those_of_the_newest_cycles, set_up),
        cmocka_unit_test_setup(the_boxcar_delays_nothing, set_up),
        cmocka_unit_test_setup(takes_cycles_of_the_last_keep_s_seconds_only, set_up),
        cmocka_unit_test_setup(takes_the_first_and_the_last_mean_but_nothing_beyond, set_up),
        cmocka_unit_test_setup(refuses_cycles_that_are_none, set_up),
        cmocka_unit_test_setup(a_sample_that_is_not_finite_spoils_its_cycle_only, set_up),
        cmocka_unit_test_setup(no_cycle_spans_a_gap_and_the_ensemble_outlasts_it, set_up),
        cmocka_unit_test_setup(gives_the_same_however_the_input_is_cut_and_after_reset, set_up),
        cmocka_unit_test_setup(earlier_cycles_leave_no_trace, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
