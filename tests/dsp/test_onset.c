#include "dsp/onset.h"

#include "dsp/simulate.h"
#include "dsp/sos.h"

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
    const struct emg_onset_config config = {.rate_hz = RATE_HZ, .mode = mode, .share = 0.5};
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

static uint32_t contraction(uint32_t mark)
{
    return mark != EMG_ONSET_QUIET && mark != EMG_ONSET_UNSURE ? mark : 0;
}

/* What is decided about n samples, in the samples' own time; the caller frees. */
static uint32_t *mark(struct emg_onset *q, const float *x, size_t n)
{
    const size_t delay = emg_onset_delay(q);
    uint32_t *burst = calloc(n + delay, sizeof *burst);
    assert_non_null(burst);
    emg_onset_execute(q, x, burst, n);
    memmove(burst, burst + delay, (n - delay) * sizeof *burst);
    for (size_t i = n - delay; i < n; i++)
        burst[i] = EMG_ONSET_UNSURE;
    return burst;
}

/* The same as contraction numbers, 0 for all else. */
static uint32_t *execute(struct emg_onset *q, const float *x, size_t n)
{
    uint32_t *burst = mark(q, x, n);
    for (size_t i = 0; i < n; i++)
        burst[i] = contraction(burst[i]);
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
    const size_t cycle = 1800, on = 800, off = 1360; /* 0.9 s; the first one after 0.4 s of rest */
    for (size_t i = 0; i < n; i++)
        if (i % cycle >= on && i % cycle < off)
            rest[i] = active[i];
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, rest, n);

    size_t onsets = 0, offsets = 0;
    double onset_error = 0, offset_error = 0, square = 0;
    for (size_t i = 400; i < n - cycle; i++) {
        if (burst[i] == burst[i - 1])
            continue;
        assert_true(burst[i] == 0 || burst[i - 1] == 0);
        const double error = (double)(i % cycle) - (double)(burst[i] != 0 ? on : off);
        *(burst[i] != 0 ? &onset_error : &offset_error) += error;
        *(burst[i] != 0 ? &onsets : &offsets) += 1;
        square += error * error;
    }
    const size_t cycles = n / cycle - 1;
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
    check_bursts(20, 0.002, 0.005);           /* SNR 20 dB */
    check_bursts(2 * sqrt(10), 0.005, 0.010); /* 10 dB */
}

static size_t count_active(const uint32_t *burst, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += contraction(burst[i]) != 0;
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
    for (size_t i = (size_t)(3.2 * RATE_HZ); i < n - emg_onset_delay(q); i++)
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

static void noise_gives_no_contraction_in_its_first_seconds_whatever_offset_it_starts_with(void **state)
{
    (void)state;
    struct emg_sos *band = NULL;
    const struct emg_sos_config config = {
        .rate_hz = RATE_HZ, .highpass_hz = 20, .lowpass_hz = 450, .order = 4};
    assert_int_equal(emg_sos_create(&band, &config), EMG_OK);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        size_t n = 0;
        float *x = simulate(EMG_SIMULATE_REST, 0, 2, seed, &n);
        for (size_t i = 0; i < n; i++)
            x[i] += seed % 2 ? 5000.0F : 0.0F;
        emg_sos_reset(band);
        emg_sos_execute(band, x, x, n);
        emg_onset_reset(q);
        uint32_t *burst = execute(q, x, n);
        assert_int_equal(count_active(burst, n), 0);
        assert_true(fabs(emg_onset_noise_uv(q) - 2 * sqrt(0.43)) < 0.2); /* 430 of 1000 Hz */
        free(burst);
        free(x);
    }
    emg_onset_destroy(q);
    emg_sos_destroy(band);
}

/* x = rest, but active from..end seconds. */
static void insert(float *x, const float *active, double from_s, double end_s)
{
    for (size_t i = (size_t)(from_s * RATE_HZ); i < (size_t)(end_s * RATE_HZ); i++)
        x[i] = active[i];
}

static double edge_s(const uint32_t *burst, size_t n, uint32_t number, bool end)
{
    for (size_t i = 1; i < n; i++)
        if (burst[end ? i - 1 : i] == number && burst[end ? i : i - 1] != number)
            return (double)i / RATE_HZ;
    return NAN;
}

static void finds_the_first_contraction_after_a_third_of_a_second_of_rest_under_a_transient(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 2, 12, &n);
    float *active = simulate(EMG_SIMULATE_STATIC, 20, 2, 13, &n);
    insert(x, active, 0.35, 0.6);
    insert(x, active, 1.0, 1.3);
    for (size_t i = 0; i < 400; i++) /* as a filter rings from an offset */
        x[i] += (float)(5000 * exp(-(double)i / 40) * cos((double)i / 15));
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    assert_true(fabs(edge_s(burst, n, 1, false) - 0.35) < 0.01);
    assert_true(fabs(edge_s(burst, n, 1, true) - 0.6) < 0.02);
    assert_true(fabs(edge_s(burst, n, 2, false) - 1.0) < 0.01);
    assert_true(fabs(edge_s(burst, n, 2, true) - 1.3) < 0.02);
    free(burst);
    free(active);
    free(x);
    emg_onset_destroy(q);
}

static void is_right_from_the_second_contraction_on_where_it_starts_inside_one(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 4, 14, &n);
    float *active = simulate(EMG_SIMULATE_STATIC, 20, 4, 15, &n);
    insert(x, active, 0, 0.5);
    for (double from_s = 1; from_s < 4; from_s += 0.75)
        insert(x, active, from_s, from_s + 0.25);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    const double first_s = edge_s(burst, n, 1, false);
    assert_true(fabs(first_s - 1) < 0.015);
    for (uint32_t k = 1; k <= 4; k++)
        assert_true(fabs(edge_s(burst, n, k, true) - (first_s + 0.25 + 0.75 * (k - 1))) < 0.03);
    assert_true(fabs(emg_onset_noise_uv(q) - 2) < 0.4);
    free(burst);
    free(active);
    free(x);
    emg_onset_destroy(q);
}

/* The muscle's tension rises and falls over half a second: where the EMG leaves the noise is no use. */
static void dates_slow_edges_where_the_level_is_about_half_way(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 60, 16, &n);
    float *active = simulate(EMG_SIMULATE_STATIC, 100, 60, 17, &n);
    double duration_s = 0;
    for (size_t i = 0; i < n; i++) {
        const double phase_s = fmod((double)i / RATE_HZ, 3);
        x[i] += (float)fmin(fmax(fmin(phase_s - 1, 2.5 - phase_s) / 0.5, 0), 1) * active[i];
    }
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    for (uint32_t k = 2; k <= 20; k++) /* of the first one nothing says yet how strong activity is */
        duration_s += (edge_s(burst, n, k, true) - edge_s(burst, n, k, false)) / 19;
    assert_true(fabs(duration_s - 1) < 0.1);
    assert_true(isnan(edge_s(burst, n, 21, false)));
    free(burst);
    free(active);
    free(x);
    emg_onset_destroy(q);
}

/* Of a sine the level is known: nothing is left to chance. */
static void asks_for_more_where_the_noise_level_is_known_from_little(void **state)
{
    (void)state;
    const size_t n = (size_t)(21 * RATE_HZ);
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        const double time_s = (double)i / RATE_HZ;
        const bool higher = (time_s >= 0.4 && time_s < 0.6) || (time_s >= 20 && time_s < 20.2);
        x[i] = (float)((higher ? 2.3 : 1) * 2 * sin(2 * 3.14159265358979 * 100 * time_s));
    }
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    assert_true(fabs(edge_s(burst, n, 1, false) - 20) < 0.02);
    free(burst);
    free(x);
    emg_onset_destroy(q);
}

static void a_weak_contraction_ends_though_the_noise_behind_it_is_a_little_higher(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 30, 25, &n);
    float *weak = simulate(EMG_SIMULATE_STATIC, 6, 30, 26, &n);
    insert(x, weak, 20, 20.5);
    for (size_t i = (size_t)(20.5 * RATE_HZ); i < n; i++)
        x[i] *= 1.25F;
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    assert_true(fabs(edge_s(burst, n, 1, true) - 20.5) < 0.03);
    free(burst);
    free(weak);
    free(x);
    emg_onset_destroy(q);
}

static void finds_weak_contractions_ten_seconds_after_strong_ones(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 25, 18, &n);
    float *strong = simulate(EMG_SIMULATE_STATIC, 500, 25, 19, &n);
    float *weak = simulate(EMG_SIMULATE_STATIC, 50, 25, 20, &n);
    insert(x, strong, 2, 8);
    for (double from_s = 18; from_s < 24; from_s++)
        insert(x, weak, from_s, from_s + 0.3);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = execute(q, x, n);
    for (uint32_t k = 0; k < 6; k++)
        assert_true(fabs(edge_s(burst, n, 2 + k, false) - (18 + k)) < 0.02);
    free(burst);
    free(weak);
    free(strong);
    free(x);
    emg_onset_destroy(q);
}

static void a_given_noise_level_leaves_nothing_blind(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 3, 21, &n);
    float *active = simulate(EMG_SIMULATE_STATIC, 20, 3, 22, &n);
    insert(x, active, 0.1, 2);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    emg_onset_set_noise_uv(q, 2);
    assert_true(emg_onset_noise_uv(q) == 2);
    uint32_t *burst = execute(q, x, n);
    assert_true(fabs(edge_s(burst, n, 1, false) - 0.1) < 0.01);
    assert_true(fabs(edge_s(burst, n, 1, true) - 2) < 0.02);
    free(burst);
    emg_onset_interrupt(q);
    burst = execute(q, active, n); /* contraction from the first sample on, and no contrast */
    for (size_t i = (size_t)(0.01 * RATE_HZ); i < n - emg_onset_delay(q); i++)
        assert_int_equal(burst[i], 2);
    assert_true(emg_onset_noise_uv(q) == 2);
    free(burst);
    const double none[] = {0, -1, INFINITY, NAN};
    for (size_t i = 0; i < 4; i++) {
        emg_onset_set_noise_uv(q, 2);
        emg_onset_set_noise_uv(q, none[i]);
        assert_true(isnan(emg_onset_noise_uv(q)));
    }
    emg_onset_set_noise_uv(q, 2);
    emg_onset_reset(q);
    assert_true(isnan(emg_onset_noise_uv(q)));
    free(active);
    free(x);
    emg_onset_destroy(q);
}

static void quiet_rest_keeps_away_from_contractions_and_from_what_is_not_known(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(EMG_SIMULATE_REST, 0, 60, 23, &n);
    float *active = simulate(EMG_SIMULATE_STATIC, 20, 60, 24, &n);
    for (double from_s = 1; from_s < 60; from_s++)
        insert(x, active, from_s, from_s + 0.3);
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    uint32_t *burst = mark(q, x, n);
    size_t quiet = 0, near = 0;
    const size_t end = n - emg_onset_delay(q);
    for (size_t i = 0; i < end; i++) {
        const double phase_s = fmod((double)i / RATE_HZ, 1);
        const double time_s = (double)i / RATE_HZ;
        if (burst[i] != EMG_ONSET_QUIET)
            continue;
        quiet++;
        assert_true(time_s > 0.3);
        assert_true(time_s < 1 || phase_s > 0.325);
        near += phase_s > 0.96;
    }
    const double possible = 59 * (0.7 - 0.1) * RATE_HZ; /* 50 ms at either side of each contraction */
    assert_true((double)quiet > 0.9 * possible && (double)quiet < 1.05 * possible);
    assert_true((double)near < 0.01 * possible);
    free(burst);
    emg_onset_reset(q);
    burst = mark(q, active, n / 2); /* taken for a contraction, but not from its beginning */
    for (size_t i = 0; i < n / 2; i++)
        assert_int_not_equal(burst[i], EMG_ONSET_QUIET);
    free(burst);
    free(active);
    free(x);
    emg_onset_destroy(q);
}

static void says_nothing_about_what_lies_before_the_first_sample(void **state)
{
    (void)state;
    struct emg_onset *q = make_onset(EMG_ONSET_AUTO);
    const float x[2] = {0};
    uint32_t burst[2];
    assert_int_equal(emg_onset_delay(q), 320);
    for (size_t i = 0; i < 160; i++) {
        emg_onset_execute(q, x, burst, 2);
        assert_int_equal(burst[0], EMG_ONSET_UNSURE);
        assert_int_equal(burst[1], EMG_ONSET_UNSURE);
    }
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
        newest = contraction(burst[i]) > newest ? burst[i] : newest;
    emg_onset_interrupt(q);
    assert_false(emg_onset_active(q));
    assert_true(emg_onset_noise_uv(q) == noise_uv);
    emg_onset_execute(q, x, burst, n);
    assert_int_equal(count_active(burst, emg_onset_delay(q)), 0);
    size_t first = 0;
    while (first < n - 1 && contraction(burst[first]) == 0)
        first++;
    assert_int_equal(burst[first], newest + 1);
    assert_true(first < 2 * (size_t)1400); /* it need not learn the noise level again */
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
        cmocka_unit_test(noise_gives_no_contraction_in_its_first_seconds_whatever_offset_it_starts_with),
        cmocka_unit_test(finds_the_first_contraction_after_a_third_of_a_second_of_rest_under_a_transient),
        cmocka_unit_test(is_right_from_the_second_contraction_on_where_it_starts_inside_one),
        cmocka_unit_test(dates_slow_edges_where_the_level_is_about_half_way),
        cmocka_unit_test(asks_for_more_where_the_noise_level_is_known_from_little),
        cmocka_unit_test(a_weak_contraction_ends_though_the_noise_behind_it_is_a_little_higher),
        cmocka_unit_test(finds_weak_contractions_ten_seconds_after_strong_ones),
        cmocka_unit_test(a_given_noise_level_leaves_nothing_blind),
        cmocka_unit_test(quiet_rest_keeps_away_from_contractions_and_from_what_is_not_known),
        cmocka_unit_test(says_nothing_about_what_lies_before_the_first_sample),
        cmocka_unit_test(decides_the_same_however_the_input_is_cut),
        cmocka_unit_test(an_interruption_ends_a_contraction_and_keeps_the_noise_level),
        cmocka_unit_test(an_interruption_begins_a_new_contraction_in_static_mode),
        cmocka_unit_test(counts_what_is_not_finite_as_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
