#include "dsp/spectrum.h"

#include "fixtures/golden_spectrum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BINS      GOLDEN_BINS
#define SLICE_MAX GOLDEN_FULL

static const struct emg_spectrum_config usual = {
    .rate_hz = GOLDEN_RATE_HZ, .slice_s = 0.5, .tapers = GOLDEN_TAPERS, .pool_s = 2.0, .shortest_s = 0.1};

static struct emg_spectrum *create(const struct emg_spectrum_config *config)
{
    struct emg_spectrum *q = NULL;
    assert_int_equal(emg_spectrum_create(&q, config), EMG_OK);
    assert_non_null(q);
    return q;
}

/* The samples that fixtures/golden_spectrum.py makes, from any state of its generator. */
static void make_slice(float *x, size_t n, uint32_t state)
{
    int32_t u[4] = {0, 0, 0, 0};
    for (size_t i = 0; i < n + 3; i++) {
        state = state * 1664525U + 1013904223U;
        u[i % 4] = (int32_t)(state >> 16) - 32768;
        if (i >= 3) {
            x[i - 3] = (float)(u[0] + u[1] + u[2] + u[3]) / 64.0F + 1000.0F;
        }
    }
}

static const uint32_t golden_state = 20240521U;

static double mean_power(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum / (double)n;
}

static double total(const float *psd)
{
    double sum = 0.0;
    for (size_t i = 0; i < BINS; i++) {
        sum += (double)psd[i];
    }
    return sum;
}

static void check_against_golden(size_t n, const double *golden, double golden_sum)
{
    static float x[SLICE_MAX];
    struct emg_spectrum *q = create(&usual);
    const double df_hz = emg_spectrum_df_hz(q);

    make_slice(x, n, golden_state);
    const float *psd = emg_spectrum_execute(q, x, n, 1);
    double peak = 0.0;
    for (size_t i = 0; i < BINS; i += GOLDEN_STRIDE) {
        peak = fmax(peak, golden[i / GOLDEN_STRIDE]);
    }
    for (size_t i = 0; i < BINS; i += GOLDEN_STRIDE) {
        const double truth = golden[i / GOLDEN_STRIDE];
        const double f = (double)i * df_hz;
        assert_true(fabs((double)psd[i] - truth) <= 1e-6 * peak);
        if (f >= 20.0 && f <= 450.0) {
            assert_true(fabs((double)psd[i] - truth) <= 1e-5 * truth);
        }
    }
    assert_true(fabs(total(psd) - golden_sum) <= 1e-6 * golden_sum);
    emg_spectrum_destroy(q);
}

static void psd_of_a_full_slice_equals_the_double_precision_reference(void **state)
{
    (void)state;
    check_against_golden(GOLDEN_FULL, golden_psd_full, golden_psd_sums[0]);
}

static void psd_of_a_short_odd_slice_equals_the_double_precision_reference(void **state)
{
    (void)state;
    check_against_golden(GOLDEN_SHORT, golden_psd_short, golden_psd_sums[1]);
}

static void sizes_follow_rate_and_slice(void **state)
{
    (void)state;
    struct emg_spectrum *q = create(&usual);
    assert_int_equal(emg_spectrum_bins(q), 1025);
    assert_true(fabs(emg_spectrum_df_hz(q) - GOLDEN_RATE_HZ / 2048.0) < 1e-12);
    assert_int_equal(emg_spectrum_slice_max(q), 1002);
    assert_int_equal(emg_spectrum_slice_min(q), 200);
    emg_spectrum_destroy(q);

    /* 0.29 * 100 is just below 29 in binary. */
    struct emg_spectrum_config config = usual;
    config.rate_hz = 100.0;
    config.slice_s = 0.32;
    config.shortest_s = 0.29;
    q = create(&config);
    assert_int_equal(emg_spectrum_slice_min(q), 29);
    assert_int_equal(emg_spectrum_slice_max(q), 32);
    assert_int_equal(emg_spectrum_bins(q), 33);
    emg_spectrum_destroy(q);
}

static void sum_over_bins_times_df_is_the_variance_of_white_noise(void **state)
{
    (void)state;
    static float x[SLICE_MAX];
    struct emg_spectrum *q = create(&usual);
    uint32_t random = 1;
    double measured = 0.0;

    for (size_t j = 0; j < 100; j++) {
        for (size_t i = 0; i < SLICE_MAX; i++) {
            random = random * 1664525U + 1013904223U;
            x[i] = (float)(int32_t)(random >> 8) / 16777216.0F - 0.5F;
        }
        measured += total(emg_spectrum_execute(q, x, SLICE_MAX, 1)) * emg_spectrum_df_hz(q) / 100.0;
    }
    assert_true(fabs(measured * 12.0 - 1.0) < 0.01); /* 1/12: variance of a uniform number */
    emg_spectrum_destroy(q);
}

static void power_of_a_sine_stands_at_its_frequency(void **state)
{
    (void)state;
    static float x[SLICE_MAX];
    struct emg_spectrum *q = create(&usual);
    const double df_hz = emg_spectrum_df_hz(q);
    double near_hz = 0.0;

    for (size_t i = 0; i < SLICE_MAX; i++) {
        x[i] = (float)(30.0 * sin(2.0 * 3.14159265358979 * 123.4 * (double)i / GOLDEN_RATE_HZ));
    }
    const float *psd = emg_spectrum_execute(q, x, SLICE_MAX, 1);
    for (size_t i = 0; i < BINS; i++) {
        if (fabs((double)i * df_hz - 123.4) < 10.0) { /* half-bandwidth (K + 1) / (2 T) = 7 Hz */
            near_hz += (double)psd[i] * df_hz;
        }
    }
    assert_true(fabs(near_hz / 450.0 - 1.0) < 0.01);
    assert_true(fabs(total(psd) * df_hz / 450.0 - 1.0) < 0.01);
    emg_spectrum_destroy(q);
}

static void offset_of_the_input_leaves_no_power(void **state)
{
    (void)state;
    static float x[SLICE_MAX];
    struct emg_spectrum *q = create(&usual);
    for (size_t i = 0; i < SLICE_MAX; i++) {
        x[i] = 12345.678F;
    }
    const float *psd = emg_spectrum_execute(q, x, SLICE_MAX, 1);
    assert_true(total(psd) * emg_spectrum_df_hz(q) < 1e-12 * mean_power(x, SLICE_MAX));
    emg_spectrum_destroy(q);
}

static void psd_depends_on_the_slice_alone_bit_for_bit(void **state)
{
    (void)state;
    static float x[SLICE_MAX + 8];
    static float expected[BINS];
    struct emg_spectrum *fresh = create(&usual);
    struct emg_spectrum *used = create(&usual);

    for (size_t n = 200; n <= SLICE_MAX; n += 401) {
        for (size_t offset = 0; offset < 8; offset++) {
            emg_spectrum_reset(fresh);
            make_slice(x, n, golden_state);
            memcpy(expected, emg_spectrum_execute(fresh, x, n, 1), sizeof expected);
            make_slice(x, SLICE_MAX, (uint32_t)offset);
            emg_spectrum_execute(used, x, SLICE_MAX - offset, 2);
            make_slice(x + offset, n, golden_state);
            const float *psd = emg_spectrum_execute(used, x + offset, n, 3);
            assert_memory_equal(psd, expected, sizeof expected);
        }
    }
    emg_spectrum_destroy(fresh);
    emg_spectrum_destroy(used);
}

/* Runs `count` slices of these lengths and keeps their PSDs. */
static void run_slices(struct emg_spectrum *q, const size_t *lengths, const uint32_t *bursts, size_t count,
                       float (*psds)[BINS])
{
    static float x[SLICE_MAX];
    for (size_t j = 0; j < count; j++) {
        make_slice(x, lengths[j], (uint32_t)(j + 1));
        memcpy(psds[j], emg_spectrum_execute(q, x, lengths[j], bursts[j]), sizeof psds[j]);
    }
}

static void check_pool(struct emg_spectrum *q, const size_t *lengths, size_t from, size_t to, unsigned bursts,
                       float (*psds)[BINS])
{
    static float psd[BINS];
    const struct emg_spectrum_pool pool = emg_spectrum_pool(q, psd);
    double samples = 0.0;
    for (size_t j = from; j < to; j++) {
        samples += (double)lengths[j];
    }
    assert_int_equal(pool.slices, to - from);
    assert_int_equal(pool.bursts, bursts);
    assert_true(fabs(pool.seconds - samples / GOLDEN_RATE_HZ) < 1e-9);
    for (size_t i = 0; i < BINS; i++) {
        double mean = 0.0;
        for (size_t j = from; j < to; j++) {
            mean += (double)lengths[j] * (double)psds[j][i] / samples;
        }
        assert_true(fabs((double)psd[i] - mean) <= 1e-7 * mean);
    }
}

static void pool_is_the_length_weighted_mean_of_the_newest_slices(void **state)
{
    (void)state;
    /* Pool: 2 s, 4009.1 samples. */
    static const size_t lengths[] = {1002, 700, 251, 1002, 1002, 1002, 1002, 501, 251, 1002};
    static const uint32_t bursts[] = {9, 9, 9, 4, 4, 5, 5, 5, 6, 7};
    static float psds[10][BINS];
    struct emg_spectrum *q = create(&usual);

    run_slices(q, lengths, bursts, 3, psds);
    check_pool(q, lengths, 0, 3, 1, psds);
    emg_spectrum_reset(q);
    run_slices(q, lengths, bursts, 7, psds);
    check_pool(q, lengths, 2, 7, 3, psds); /* four full slices: 4008 samples, one too few */
    emg_spectrum_reset(q);
    run_slices(q, lengths, bursts, 10, psds);
    check_pool(q, lengths, 4, 10, 4, psds);
    check_pool(q, lengths, 4, 10, 4, psds);
    emg_spectrum_destroy(q);
}

static void pool_is_filled_by_the_shortest_slices_and_survives_many_turns_of_the_ring(void **state)
{
    (void)state;
    static float x[SLICE_MAX];
    static float psd[BINS];
    struct emg_spectrum *q = create(&usual);
    const size_t n = emg_spectrum_slice_min(q);
    struct emg_spectrum_pool pool;

    make_slice(x, SLICE_MAX, 3);
    for (uint32_t j = 0; j < 1000; j++) {
        emg_spectrum_execute(q, x, n, j);
        pool = emg_spectrum_pool(q, psd);
        assert_int_equal(pool.slices, j < 21 ? j + 1 : 21);
        assert_int_equal(pool.bursts, pool.slices);
    }
    assert_true(pool.seconds >= 2.0);
    for (size_t j = 0; j < 4; j++) {
        emg_spectrum_execute(q, x, SLICE_MAX, 2000);
    }
    pool = emg_spectrum_pool(q, psd);
    assert_int_equal(pool.slices, 5);
    assert_int_equal(pool.bursts, 2);
    emg_spectrum_destroy(q);
}

static void pool_keeps_no_more_than_its_greatest_number_of_slices(void **state)
{
    (void)state;
    const struct emg_spectrum_config config = {
        .rate_hz = 100.0, .slice_s = 0.1, .tapers = 1, .pool_s = 600.0, .shortest_s = 0.02};
    static float x[10];
    float psd[17];
    struct emg_spectrum *q = create(&config);
    assert_int_equal(emg_spectrum_bins(q), 17);
    for (uint32_t j = 0; j < 10000; j++) {
        emg_spectrum_execute(q, x, 2, 1);
    }
    assert_int_equal(emg_spectrum_pool(q, psd).slices, EMG_SPECTRUM_SLICES_MAX);
    emg_spectrum_destroy(q);
}

static void slice_that_is_not_finite_leaves_no_trace_once_it_has_left_the_pool(void **state)
{
    (void)state;
    static const size_t lengths[] = {1002, 1002, 1002, 1002, 1002};
    static const uint32_t bursts[] = {1, 1, 1, 1, 1};
    static float psds[5][BINS];
    static float x[SLICE_MAX];
    static float psd[BINS];
    struct emg_spectrum *q = create(&usual);

    make_slice(x, SLICE_MAX, 1);
    x[500] = NAN;
    emg_spectrum_execute(q, x, SLICE_MAX, 1);
    emg_spectrum_pool(q, psd);
    assert_true(isnan(psd[100]));
    run_slices(q, lengths, bursts, 5, psds);
    check_pool(q, lengths, 0, 5, 1, psds);
    emg_spectrum_destroy(q);
}

/* K = 6 at 1002 samples: 6, 4 at 500, 3 at 251, and never fewer than 2. */
static void extent_knows_what_tapers_and_changing_power_cost(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double tapers;
    } cases[] = {{1002, 6}, {500, 4}, {251, 3}, {200, 3}};
    static float x[SLICE_MAX];
    struct emg_spectrum *q = create(&usual);
    assert_true(emg_spectrum_newest(q).seconds == 0.0);
    for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
        const size_t n = cases[j].n;
        make_slice(x, n, 5);
        emg_spectrum_execute(q, x, n, 1);
        const struct emg_spectrum_extent e = emg_spectrum_newest(q);
        assert_true(fabs(e.seconds - (double)n / GOLDEN_RATE_HZ) < 1e-12);
        assert_true(fabs(emg_spectrum_bandwidth_hz(&e) - 0.5 * (cases[j].tapers + 1) / e.seconds) < 1e-9);
        assert_true(fabs(e.inflated_s / e.seconds - (1 + 0.5 / cases[j].tapers)) < 1e-12);
    }
    /* half of the slice silent: half of its length counts */
    make_slice(x, SLICE_MAX, 5);
    emg_spectrum_execute(q, x, SLICE_MAX, 1);
    const struct emg_spectrum_extent whole = emg_spectrum_newest(q);
    for (size_t i = 0; i < SLICE_MAX; i++)
        x[i] = i < SLICE_MAX / 2 ? 1000.0F : x[i];
    emg_spectrum_execute(q, x, SLICE_MAX, 1);
    const struct emg_spectrum_extent half = emg_spectrum_newest(q);
    const double kurtosis = 3 * whole.square_s * whole.square_s / whole.inflated_fourth / whole.seconds;
    const double kurtosis_half = 3 * half.square_s * half.square_s / half.inflated_fourth / half.seconds;
    assert_true(fabs(kurtosis_half / kurtosis - 0.5) < 0.1);
    assert_true(emg_spectrum_effective_s(&half) < 0.65 * emg_spectrum_effective_s(&whole));

    struct emg_spectrum_extent sum = {0};
    assert_true(emg_spectrum_effective_s(&sum) == 0.0 && emg_spectrum_dof(&sum) == 0.0);
    emg_spectrum_extend(&sum, &whole);
    emg_spectrum_extend(&sum, &whole);
    assert_true(fabs(emg_spectrum_effective_s(&sum) / emg_spectrum_effective_s(&whole) - 2) < 1e-9);
    assert_true(fabs(emg_spectrum_dof(&whole) - 12) < 1e-9 && fabs(emg_spectrum_dof(&sum) - 24) < 1e-9);
    emg_spectrum_destroy(q);
}

static void empty_pool_is_all_zero(void **state)
{
    (void)state;
    static float psd[BINS];
    struct emg_spectrum *q = create(&usual);
    memset(psd, 1, sizeof psd);
    const struct emg_spectrum_pool pool = emg_spectrum_pool(q, psd);
    assert_true(pool.seconds == 0.0);
    assert_int_equal(pool.slices, 0);
    assert_int_equal(pool.bursts, 0);
    for (size_t i = 0; i < BINS; i++) {
        assert_true(psd[i] == 0.0F);
    }
    emg_spectrum_destroy(q);
}

static void reset_leaves_it_as_freshly_created(void **state)
{
    (void)state;
    static const size_t lengths[] = {1002, 251, 700};
    static const uint32_t bursts[] = {1, 2, 2};
    static float psds[3][BINS];
    static float expected[BINS];
    static float psd[BINS];
    struct emg_spectrum *fresh = create(&usual);
    struct emg_spectrum *used = create(&usual);

    run_slices(fresh, lengths, bursts, 3, psds);
    const struct emg_spectrum_pool wanted = emg_spectrum_pool(fresh, expected);
    for (size_t j = 0; j < 17; j++) {
        run_slices(used, lengths, bursts, 3, psds);
    }
    emg_spectrum_reset(used);
    assert_int_equal(emg_spectrum_pool(used, psd).slices, 0);
    run_slices(used, lengths, bursts, 3, psds);
    const struct emg_spectrum_pool got = emg_spectrum_pool(used, psd);
    assert_memory_equal(psd, expected, sizeof psd);
    assert_true(got.seconds == wanted.seconds && got.slices == wanted.slices && got.bursts == wanted.bursts);
    emg_spectrum_destroy(fresh);
    emg_spectrum_destroy(used);
}

static void assert_refused(struct emg_spectrum_config config, enum emg_error error)
{
    struct emg_spectrum *q = (struct emg_spectrum *)&config;
    assert_int_equal(emg_spectrum_create(&q, &config), error);
    assert_null(q);
}

#define REFUSED(field, value)                                                                                \
    do {                                                                                                     \
        struct emg_spectrum_config config = usual;                                                           \
        config.field = value;                                                                                \
        assert_refused(config, EMG_ERROR_ARGUMENT);                                                          \
    } while (0)

static void values_outside_their_ranges_are_refused(void **state)
{
    (void)state;
    REFUSED(rate_hz, 0.0);
    REFUSED(rate_hz, -2000.0);
    REFUSED(rate_hz, (double)NAN);
    REFUSED(rate_hz, (double)INFINITY);
    REFUSED(rate_hz, 2.2e6);
    REFUSED(slice_s, 0.049);
    REFUSED(slice_s, 2.1);
    REFUSED(slice_s, (double)NAN);
    REFUSED(tapers, 0);
    REFUSED(tapers, 17);
    REFUSED(pool_s, 0.49);
    REFUSED(pool_s, 600.1);
    REFUSED(pool_s, (double)NAN);
    REFUSED(shortest_s, 0.0);
    REFUSED(shortest_s, 0.51);
    REFUSED(shortest_s, (double)NAN);
    REFUSED(shortest_s, 0.003); /* 6 samples cannot carry 6 tapers and a mean */
}

static void pool_beyond_256_mib_is_a_memory_error(void **state)
{
    (void)state;
    const struct emg_spectrum_config config = {
        .rate_hz = 8000.0, .slice_s = 2.0, .tapers = 6, .pool_s = 600.0, .shortest_s = 0.1};
    assert_refused(config, EMG_ERROR_MEMORY);
}

static void extreme_values_inside_their_ranges_are_accepted(void **state)
{
    (void)state;
    static float x[4096];
    struct emg_spectrum_config config = {
        .rate_hz = 2000.0, .slice_s = 2.0, .tapers = 16, .pool_s = 2.0, .shortest_s = 2.0};
    struct emg_spectrum *q = create(&config);
    assert_int_equal(emg_spectrum_bins(q), 4097);
    make_slice(x, 4000, 1);
    assert_true(isfinite(emg_spectrum_execute(q, x, 4000, 1)[4096]));
    emg_spectrum_destroy(q);

    config = (struct emg_spectrum_config){
        .rate_hz = 2000.0, .slice_s = 0.05, .tapers = 1, .pool_s = 600.0, .shortest_s = 0.001};
    q = create(&config);
    assert_int_equal(emg_spectrum_slice_min(q), 2);
    assert_true(isfinite(emg_spectrum_execute(q, x, 2, 1)[0]));
    emg_spectrum_destroy(q);
}

static void destroying_nothing_is_allowed(void **state)
{
    (void)state;
    emg_spectrum_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(psd_of_a_full_slice_equals_the_double_precision_reference),
        cmocka_unit_test(psd_of_a_short_odd_slice_equals_the_double_precision_reference),
        cmocka_unit_test(sizes_follow_rate_and_slice),
        cmocka_unit_test(sum_over_bins_times_df_is_the_variance_of_white_noise),
        cmocka_unit_test(power_of_a_sine_stands_at_its_frequency),
        cmocka_unit_test(offset_of_the_input_leaves_no_power),
        cmocka_unit_test(psd_depends_on_the_slice_alone_bit_for_bit),
        cmocka_unit_test(pool_is_the_length_weighted_mean_of_the_newest_slices),
        cmocka_unit_test(pool_is_filled_by_the_shortest_slices_and_survives_many_turns_of_the_ring),
        cmocka_unit_test(pool_keeps_no_more_than_its_greatest_number_of_slices),
        cmocka_unit_test(slice_that_is_not_finite_leaves_no_trace_once_it_has_left_the_pool),
        cmocka_unit_test(extent_knows_what_tapers_and_changing_power_cost),
        cmocka_unit_test(empty_pool_is_all_zero),
        cmocka_unit_test(reset_leaves_it_as_freshly_created),
        cmocka_unit_test(values_outside_their_ranges_are_refused),
        cmocka_unit_test(pool_beyond_256_mib_is_a_memory_error),
        cmocka_unit_test(extreme_values_inside_their_ranges_are_accepted),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
