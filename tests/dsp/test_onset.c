#include "dsp/onset.h"

#include "dsp/simulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double RATE_HZ = 2000;

static struct emg_onset *make_onset(enum emg_onset_mode mode)
{
    struct emg_onset *q = NULL;
    const struct emg_onset_config config = {.rate_hz = RATE_HZ, .mode = mode};
    assert_int_equal(emg_onset_create(&q, &config), EMG_OK);
    return q;
}

/* EMG of rms_uv on a floor of 2 uV; the caller frees. */
static float *simulate(enum emg_simulate_course course, double rms_uv, double seconds, uint64_t seed,
                       size_t *n)
{
    struct emg_simulate *simulation = NULL;
    const struct emg_simulate_config config = {.rate_hz = RATE_HZ,
                                               .seed = seed,
                                               .course = course,
                                               .rms_uv = rms_uv,
                                               .noise_uv = 2 / sqrt(2),
                                               .fl_hz = 60,
                                               .fh_hz = 120,
                                               .fatigue_s = 100,
                                               .cycle_s = 0.7,
                                               .burst_start = 0.3,
                                               .burst_length = 0.4,
                                               .ramp_s = 1};
    assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
    *n = (size_t)(seconds * RATE_HZ);
    float *x = malloc(*n * sizeof *x);
    assert_non_null(x);
    emg_simulate_execute(simulation, x, 1, *n);
    emg_simulate_destroy(simulation);
    return x;
}

/* Contraction numbers of n samples, in the samples' own time; the caller frees. */
static uint32_t *execute(struct emg_onset *q, const float *x, size_t n)
{
    const size_t delay = emg_onset_delay(q);
    uint32_t *burst = calloc(n + delay, sizeof *burst);
    assert_non_null(burst);
    emg_onset_execute(q, x, burst, n);
    memmove(burst, burst + delay, (n - delay) * sizeof *burst);
    memset(burst + n - delay, 0, delay * sizeof *burst);
    return burst;
}

static void refuses_rates_and_modes_that_it_cannot_serve(void **state)
{
    (void)state;
    struct emg_onset *q = (struct emg_onset *)1;
    assert_int_equal(emg_onset_create(&q, &(struct emg_onset_config){.rate_hz = 499}), EMG_ERROR_ARGUMENT);
    assert_null(q);
    assert_int_equal(emg_onset_create(&q, &(struct emg_onset_config){.rate_hz = NAN}), EMG_ERROR_ARGUMENT);
    const struct emg_onset_config unknown = {.rate_hz = 2000, .mode = (enum emg_onset_mode)7};
    assert_int_equal(emg_onset_create(&q, &unknown), EMG_ERROR_ARGUMENT);
    emg_onset_destroy(NULL);
}

/* Bursts whose edges are abrupt: gated noise of rms_uv, so that onset and offset are known to the sample. */
static void check_bursts(double rms_uv, double bias_s, double sd_s)
{
    size_t n = 0;
    float *active = simulate(EMG_SIMULATE_STATIC, rms_uv, 100, 4, &n);
    float *rest = simulate(EMG_SIMULATE_REST, 0, 100, 5, &n);
    const size_t cycle = 1400, on = 400, off = 960; /* 0.7 s, 40 % of it active */
    for (size_t i = 0; i < n; i++)
        if (i % cycle >= on && i % cycle < off)
            rest[i] = active[i];
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, rest, n);

    size_t onsets = 0, offsets = 0;
    double onset_error = 0, offset_error = 0, square = 0;
    for (size_t i = 2 * cycle; i < n - cycle; i++) {
        if (burst[i] == burst[i - 1])
            continue;
        assert_true(burst[i] == 0 || burst[i - 1] == 0);
        const double error = (double)(i % cycle) - (double)(burst[i] != 0 ? on : off);
        *(burst[i] != 0 ? &onset_error : &offset_error) += error;
        *(burst[i] != 0 ? &onsets : &offsets) += 1;
        square += error * error;
    }
    const size_t cycles = n / cycle - 3;
    assert_true(onsets >= cycles && onsets <= cycles + 1);
    assert_true(offsets >= cycles && offsets <= cycles + 1);
    assert_true(fabs(onset_error / (double)onsets) <= bias_s * RATE_HZ);
    assert_true(fabs(offset_error / (double)offsets) <= bias_s * RATE_HZ);
    assert_true(sqrt(square / (double)(onsets + offsets)) <= sd_s * RATE_HZ);
    assert_true(fabs(emg_onset_noise_uv(q) - 2) < 0.3);
    free(burst);
    free(rest);
    free(active);
    emg_onset_destroy(q);
}

static void finds_each_burst_once_and_dates_its_edges(void **state)
{
    (void)state;
    check_bursts(20, 0.001, 0.003);           /* SNR 20 dB */
    check_bursts(2 * sqrt(10), 0.005, 0.010); /* 10 dB */
}

static size_t count_active(const uint32_t *burst, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += burst[i] != 0;
    return count;
}

static void takes_noise_alone_for_rest(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 60, 6, &n);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    assert_int_equal(count_active(burst, n), 0);
    assert_false(emg_onset_active(q));
    assert_true(fabs(emg_onset_noise_uv(q) - 2) < 0.2);
    free(burst);
    free(x);
    emg_onset_destroy(q);
}

static void takes_a_stretch_without_contrast_for_one_contraction_unless_told_otherwise(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_STATIC, 100, 30, 7, &n);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    for (size_t i = (size_t)(1.2 * RATE_HZ); i < n - emg_onset_delay(q); i++)
        assert_int_equal(burst[i], 1);
    assert_true(emg_onset_active(q));
    assert_true(isnan(emg_onset_noise_uv(q)));
    free(burst);
    emg_onset_destroy(q);
    q = make_onset(EMG_ONSET_GATED);
    burst = execute(q, x, n);
    assert_int_equal(count_active(burst, n), 0);
    free(burst);
    emg_onset_destroy(q);
    q = make_onset(EMG_ONSET_STATIC);
    assert_int_equal(emg_onset_delay(q), 0);
    burst = execute(q, x, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(burst[i], 1);
    free(burst);
    free(x);
    emg_onset_destroy(q);
}

static void a_contraction_without_contrast_ends_with_the_signal_and_the_next_one_counts_on(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_STATIC, 100, 40, 7, &n);
    float *rest = simulate(EMG_SIMULATE_REST, 0, 40, 9, &n);
    const size_t end = (size_t)(35 * RATE_HZ), again = (size_t)(36 * RATE_HZ),
                 slack = (size_t)(0.02 * RATE_HZ);
    memcpy(x + end, rest, (again - end) * sizeof *x);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    assert_int_equal(burst[end - slack], 1);
    for (size_t i = end + slack; i < again - slack; i++)
        assert_int_equal(burst[i], 0);
    for (size_t i = again + slack; i < n - emg_onset_delay(q); i++)
        assert_int_equal(burst[i], 2);
    free(burst);
    free(rest);
    free(x);
    emg_onset_destroy(q);
}

static void takes_a_spike_for_no_contraction(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 20, 6, &n);
    for (size_t i = 5000; i < n; i += 1400)
        x[i] += 500;
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    assert_int_equal(count_active(burst, n), 0);
    free(burst);
    free(x);
    emg_onset_destroy(q);
}

static void decides_the_same_however_the_input_is_cut(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_STRIDE, 50, 10, 8, &n);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *whole = calloc(n, sizeof *whole), *pieces = calloc(n, sizeof *pieces);
    emg_onset_execute(q, x, whole, n);
    const double noise_uv = emg_onset_noise_uv(q);
    emg_onset_reset(q);
    assert_true(isnan(emg_onset_noise_uv(q)));
    uint32_t random = 3;
    for (size_t done = 0; done < n;) {
        random = random * 1664525U + 1013904223U;
        size_t take = (random >> 8) % 50;
        take = take < n - done ? take : n - done;
        emg_onset_execute(q, x + done, pieces + done, take);
        done += take;
    }
    assert_memory_equal(pieces, whole, n * sizeof *whole);
    assert_true(emg_onset_noise_uv(q) == noise_uv);
    free(pieces);
    free(whole);
    free(x);
    emg_onset_destroy(q);
}

static void an_interruption_ends_a_contraction_and_keeps_the_noise_level(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_STRIDE, 50, 10, 8, &n);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = calloc(n, sizeof *burst);
    emg_onset_execute(q, x, burst, n);
    const double noise_uv = emg_onset_noise_uv(q);
    uint32_t newest = 0;
    for (size_t i = 0; i < n; i++)
        newest = burst[i] > newest ? burst[i] : newest;
    emg_onset_interrupt(q);
    assert_false(emg_onset_active(q));
    assert_true(emg_onset_noise_uv(q) == noise_uv);
    emg_onset_execute(q, x, burst, n);
    assert_int_equal(count_active(burst, emg_onset_delay(q)), 0);
    size_t first = 0;
    while (first < n - 1 && burst[first] == 0)
        first++;
    assert_int_equal(burst[first], newest + 1);
    assert_true(first < 2 * 1400); /* it need not learn the noise level again */
    free(burst);
    free(x);
    emg_onset_destroy(q);
}

static void an_interruption_begins_a_new_contraction_in_static_mode(void **state)
{
    (void)state;
    const float x[3] = {0};
    uint32_t burst[3];
    struct emg_onset *q = make_onset(EMG_ONSET_STATIC);
    emg_onset_interrupt(q);
    emg_onset_execute(q, x, burst, 3);
    assert_int_equal(burst[0], 1);
    assert_true(isnan(emg_onset_noise_uv(q)));
    emg_onset_interrupt(q);
    emg_onset_execute(q, x, burst, 3);
    assert_int_equal(burst[2], 2);
    emg_onset_reset(q);
    emg_onset_execute(q, x, burst, 3);
    assert_int_equal(burst[0], 1);
    emg_onset_destroy(q);
}

static void counts_what_is_not_finite_as_silence(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_STRIDE, 50, 10, 8, &n);
    for (size_t i = 0; i < n; i += 97)
        x[i] = i % 2 ? NAN : INFINITY;
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    const size_t active = count_active(burst, n);
    assert_true(active > n / 5 && active < n / 2);
    assert_true(isfinite(emg_onset_noise_uv(q)));
    free(burst);
    free(x);
    emg_onset_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_rates_and_modes_that_it_cannot_serve),
        cmocka_unit_test(finds_each_burst_once_and_dates_its_edges),
        cmocka_unit_test(takes_noise_alone_for_rest),
        cmocka_unit_test(takes_a_stretch_without_contrast_for_one_contraction_unless_told_otherwise),
        cmocka_unit_test(a_contraction_without_contrast_ends_with_the_signal_and_the_next_one_counts_on),
        cmocka_unit_test(takes_a_spike_for_no_contraction),
        cmocka_unit_test(decides_the_same_however_the_input_is_cut),
        cmocka_unit_test(an_interruption_ends_a_contraction_and_keeps_the_noise_level),
        cmocka_unit_test(an_interruption_begins_a_new_contraction_in_static_mode),
        cmocka_unit_test(counts_what_is_not_finite_as_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
