#include "dsp/spectral.h"

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

#define assert_near(value, truth, tolerance) assert_true(fabs((value) - (truth)) <= (tolerance))

enum { CHUNK = 100, DELAY = 320 };
static const double RATE_HZ = 2000;
static const double MDF_HZ = 95.67;

static const struct emg_spectral_config usual = {
    .rate_hz = 2000, .low_hz = 20, .high_hz = 450, .pool_s = 10, .delay = DELAY};

static struct emg_spectral *make(const struct emg_spectral_config *config)
{
    struct emg_spectral *q = NULL;
    assert_int_equal(emg_spectral_create(&q, config), EMG_OK);
    return q;
}

static float *simulate(double rms_uv, double noise_uv, uint64_t seed, size_t n)
{
    struct emg_simulate *simulation = NULL;
    const struct emg_simulate_config config = {.rate_hz = RATE_HZ,
                                               .seed = seed,
                                               .course = EMG_SIMULATE_STATIC,
                                               .rms_uv = rms_uv,
                                               .noise_uv = noise_uv,
                                               .fl_hz = 60,
                                               .fh_hz = 120,
                                               .fatigue_s = 1};
    assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    emg_simulate_execute(simulation, x, 1, n);
    emg_simulate_destroy(simulation);
    return x;
}

/* Feeds n samples that are all marked alike. */
static void feed(struct emg_spectral *q, const float *x, uint32_t mark, size_t n, double *t_s)
{
    uint32_t marks[CHUNK];
    for (size_t i = 0; i < CHUNK; i++)
        marks[i] = mark;
    for (size_t done = 0; done < n; done += CHUNK) {
        float banded[CHUNK];
        emg_sos_execute(emg_spectral_filter(q), x + done, banded, CHUNK);
        *t_s += CHUNK / RATE_HZ;
        emg_spectral_execute(q, banded, marks, CHUNK, *t_s - (double)CHUNK / RATE_HZ, 0);
    }
}

/* A contraction of 1 s follows a rest of 1 s, n_pairs times; noise of 8 dB below the EMG is in both. The
 * marks lag by DELAY, which the first DELAY samples of each half are left out for. */
static struct emg_spectral_fatigue contract_and_rest(bool with_rest)
{
    const size_t n = 2000;
    struct emg_spectral *q = make(&usual);
    double t_s = 0;
    for (uint32_t k = 0; k < 12; k++) {
        float *rest = simulate(0, 40, 2 * k + 1, n), *emg = simulate(100, 40, 2 * k + 2, n);
        feed(q, rest, EMG_ONSET_UNSURE, DELAY + 80, &t_s);
        feed(q, rest + DELAY + 80, with_rest ? EMG_ONSET_QUIET : EMG_ONSET_UNSURE, n - DELAY - 80, &t_s);
        feed(q, emg, EMG_ONSET_UNSURE, DELAY + 80, &t_s);
        feed(q, emg + DELAY + 80, k + 1, n - DELAY - 80, &t_s);
        free(rest);
        free(emg);
    }
    const struct emg_spectral_fatigue f = emg_spectral_fatigue(q, t_s, false);
    emg_spectral_destroy(q);
    return f;
}

static void takes_the_noise_of_rest_off_the_spectrum(void **state)
{
    (void)state;
    const struct emg_spectral_fatigue raw = contract_and_rest(false), corrected = contract_and_rest(true);
    assert_near(raw.indices.mdf_hz - corrected.indices.mdf_hz, 6.8,
                1.5); /* 102.5 Hz without the correction */
    assert_true(isnan(raw.snr_db));
    assert_near(corrected.indices.mdf_hz, MDF_HZ, 4 * corrected.indices.mdf_se_hz);
    assert_true(corrected.indices.mdf_se_hz > 1.5 && corrected.indices.mdf_se_hz < 3.5);
    /* 40 uV over 0..500 Hz of 0..1000 are 37 uV in the band; the rest of the noise is beyond it */
    assert_near(corrected.snr_db, 20 * log10(98.5 / 37.1), 0.7);
    assert_near(corrected.rms_uv, 98.5, 6);
    assert_near(corrected.seconds, 9.6, 0.7);
    assert_int_equal(corrected.bursts, raw.bursts);
}

static void holds_the_verdict_back_while_the_signal_is_bad_and_names_the_reason(void **state)
{
    (void)state;
    struct emg_spectral *q = make(&usual);
    struct emg_spectral_fatigue f = emg_spectral_fatigue(q, 0, false);
    assert_int_equal(f.verdict, EMG_VERDICT_UNDETERMINED);
    assert_int_equal(f.reason, EMG_REASON_NO_SIGNAL);
    assert_true(isnan(f.indices.mdf_hz) && isnan(f.rms_uv) && isnan(f.snr_db) && f.seconds == 0);
    const float *psd = NULL;
    double f0_hz = 0, df_hz = 0, t_s = 0;
    assert_int_equal(emg_spectral_psd(q, &psd, &f0_hz, &df_hz), 0);

    float *x = simulate(100, 1, 5, 4000);
    feed(q, x, 1, 4000, &t_s);
    f = emg_spectral_fatigue(q, t_s, true);
    assert_int_equal(f.reason, EMG_REASON_BAD_QUALITY);
    assert_true(isfinite(f.indices.mdf_hz));
    f = emg_spectral_fatigue(q, t_s, false);
    assert_int_equal(f.reason, EMG_REASON_NOISE_UNKNOWN);
    const size_t n = emg_spectral_psd(q, &psd, &f0_hz, &df_hz);
    assert_true(n > 400 && n <= emg_spectral_psd_max(q));
    assert_true(f0_hz <= 20 && f0_hz + (double)(n - 1) * df_hz >= 450);
    free(x);
    emg_spectral_destroy(q);
}

static void gives_up_slices_that_are_spoilt_or_cut_by_a_gap(void **state)
{
    (void)state;
    struct emg_spectral *q = make(&usual);
    float *x = simulate(100, 1, 5, 4000);
    double t_s = 0;
    for (int k = 0; k < 8; k++) { /* 0.4 s each: a slice would be complete with 0.5 s */
        feed(q, x, 1, 800, &t_s);
        if (k % 2 == 0)
            emg_spectral_discard(q);
        else
            emg_spectral_interrupt(q);
    }
    assert_true(emg_spectral_fatigue(q, t_s, false).seconds == 0);
    feed(q, x, 1, 1100, &t_s);
    assert_true(emg_spectral_fatigue(q, t_s, false).seconds == 0.5);
    free(x);
    emg_spectral_destroy(q);
}

static void refuses_settings_that_make_no_sense(void **state)
{
    (void)state;
    struct emg_spectral *q = (struct emg_spectral *)1;
    struct emg_spectral_config bad = usual;
    bad.low_hz = 0;
    assert_int_equal(emg_spectral_create(&q, &bad), EMG_ERROR_ARGUMENT);
    assert_null(q);
    bad = usual;
    bad.high_hz = 1000;
    assert_int_equal(emg_spectral_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = usual;
    bad.pool_s = 0.1;
    assert_int_equal(emg_spectral_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = usual;
    bad.front_end_highpass_hz = -1;
    assert_int_equal(emg_spectral_create(&q, &bad), EMG_ERROR_ARGUMENT);
    emg_spectral_destroy(NULL);
}

/* A contraction of n samples. */
static void contract(struct emg_spectral *q, double rms_uv, uint64_t seed, size_t n, double *t_s)
{
    float *x = simulate(rms_uv, 1, seed, n);
    feed(q, x, 1, n, t_s);
    free(x);
}

static void lets_no_stage_mix_with_the_one_before(void **state)
{
    (void)state;
    struct emg_spectral *q = make(&usual);
    double t_s = 0;
    contract(q, 1000, 1, 10900, &t_s);
    assert_true(emg_spectral_fatigue(q, t_s, false).seconds > 4);
    emg_spectral_begin_stage(q);
    const float *psd = NULL;
    double f0_hz = 0, df_hz = 0;
    assert_int_equal(emg_spectral_psd(q, &psd, &f0_hz, &df_hz), 0);
    struct emg_spectral_fatigue f = emg_spectral_fatigue(q, t_s, false);
    assert_true(f.seconds == 0 && f.bursts == 0 && f.reason == EMG_REASON_NO_SIGNAL);
    /* 160 ms of the last stage are still held back */
    contract(q, 10, 2, 3400, &t_s);
    f = emg_spectral_fatigue(q, t_s, false);
    assert_near(f.seconds, 1.5, 1e-9);
    assert_near(f.rms_uv, 10, 1.5);
    emg_spectral_destroy(q);
}

static void measures_the_baseline_of_what_lies_in_it(void **state)
{
    (void)state;
    struct emg_spectral *q = make(&usual);
    double t_s = 0;
    contract(q, 1000, 1, 4300, &t_s); /* a slice is in progress */
    emg_spectral_begin_measurement(q, EMG_MEASURE_BASELINE, 0);
    contract(q, 10, 2, 4900, &t_s);
    struct emg_spectral_baseline b = emg_spectral_end_baseline(q);
    /* the slices in progress at either end, and what is held back, are left out */
    assert_true(b.seconds >= 1.5 && b.seconds <= 2.0 && isnan(b.snr_db));
    assert_near(b.indices.power_uv2, 98, 30);
    assert_near(b.indices.mdf_hz, MDF_HZ, 4 * b.indices.mdf_se_hz);
    const struct emg_baseline baseline = {b.indices.mdf_hz, b.indices.ln_insm5};
    assert_true(isnan(emg_spectral_baseline(q).mdf_hz));
    emg_spectral_set_baseline(q, &baseline);
    assert_true(emg_spectral_baseline(q).mdf_hz == baseline.mdf_hz);
    const struct emg_spectral_fatigue f = emg_spectral_fatigue(q, t_s, false);
    assert_true(f.baseline_mdf_hz == baseline.mdf_hz);
    assert_near(f.shift_percent, 100 * (f.indices.mdf_hz / baseline.mdf_hz - 1), 1e-9);
    assert_near(f.ln_finsm5, f.indices.ln_insm5 - baseline.ln_insm5, 1e-9);
    emg_spectral_begin_measurement(q, EMG_MEASURE_BASELINE, 0);
    contract(q, 10, 2, 4900, &t_s);
    emg_spectral_interrupt(q);
    contract(q, 10, 2, 4900, &t_s);
    assert_true(emg_spectral_end_baseline(q).seconds < 2.5);
    emg_spectral_destroy(q);
}

/* All that is told after the same signal, as numbers. */
static void tell(struct emg_spectral *q, uint64_t seed, double numbers[12])
{
    double t_s = 0;
    float *rest = simulate(0, 20, seed, 8000);
    feed(q, rest, EMG_ONSET_QUIET, 8000, &t_s);
    free(rest);
    contract(q, 100, seed + 1, 30000, &t_s);
    const struct emg_spectral_fatigue f = emg_spectral_fatigue(q, t_s, false);
    const double all[12] = {f.indices.mdf_hz,   f.indices.mdf_se_hz,
                            f.indices.ln_insm5, f.seconds,
                            f.bursts,           f.rms_uv,
                            f.snr_db,           f.slope_hz_per_min,
                            f.ln_finsm5,        f.baseline_mdf_hz,
                            f.shift_percent,    f.reason};
    memcpy(numbers, all, sizeof all);
}

static void after_reset_is_as_new(void **state)
{
    (void)state;
    struct emg_spectral *fresh = make(&usual), *used = make(&usual);
    double expected[12], found[12], t_s = 70;
    tell(used, 11, found);
    emg_spectral_begin_measurement(used, EMG_MEASURE_REST, 10);
    contract(used, 5, 3, 10000, &t_s);
    emg_spectral_take_rest(used, 5);
    emg_spectral_set_baseline(used, &(struct emg_baseline){50, -20});
    emg_spectral_begin_measurement(used, EMG_MEASURE_BASELINE, 0);
    emg_spectral_begin_stage(used);
    emg_spectral_reset(used);
    float psd[2048];
    assert_true(isnan(emg_spectral_rest(used, psd, 2048).rms_uv) &&
                isnan(emg_spectral_baseline(used).mdf_hz));
    tell(fresh, 21, expected);
    tell(used, 21, found);
    assert_memory_equal(found, expected, sizeof found);
    const float *a = NULL, *b = NULL;
    double f0_hz = 0, df_hz = 0;
    const size_t n = emg_spectral_psd(fresh, &a, &f0_hz, &df_hz);
    assert_int_equal(emg_spectral_psd(used, &b, &f0_hz, &df_hz), n);
    assert_memory_equal(a, b, n * sizeof *a);
    emg_spectral_destroy(fresh);
    emg_spectral_destroy(used);
}

static void takes_off_a_rest_that_was_measured_until_the_next_one(void **state)
{
    (void)state;
    struct emg_spectral *q = make(&usual);
    double t_s = 0;
    float *rest = simulate(0, 40, 1, 20000), *loud = simulate(0, 80, 2, 20000),
          *emg = simulate(100, 40, 3, 24000);
    feed(q, loud, EMG_ONSET_QUIET, 20000, &t_s);
    emg_spectral_begin_measurement(q, EMG_MEASURE_REST, 2000);
    feed(q, loud, EMG_ONSET_UNSURE, 2000, &t_s); /* left out */
    feed(q, rest, EMG_ONSET_UNSURE, 18000, &t_s);
    emg_spectral_take_rest(q, 37);
    feed(q, loud, EMG_ONSET_QUIET, 20000, &t_s);
    feed(q, emg, 1, 24000, &t_s);
    const struct emg_spectral_fatigue f = emg_spectral_fatigue(q, t_s, false);
    assert_near(f.indices.noise_uv2, 37.1 * 37.1, 0.05 * 37.1 * 37.1);
    assert_near(f.indices.mdf_hz, MDF_HZ, 4 * f.indices.mdf_se_hz);
    float psd[2048];
    const struct emg_rest r = emg_spectral_rest(q, psd, 2048);
    assert_true(r.rms_uv == 37 && r.n_bins == emg_spectral_psd_max(q));
    assert_near(r.seconds, 9, 0.1);
    double sum = 0;
    for (size_t k = 0; k < r.n_bins; k++)
        sum += (double)psd[k] / r.n_bins;
    assert_near(sum, 40.0 * 40 / 500, 0.06 * 3.2);
    free(rest);
    free(loud);
    free(emg);
    emg_spectral_destroy(q);
}

/* Rest and then 80 s of a contraction whose spectrum falls. */
static struct emg_spectral_fatigue tire(struct emg_spectral *q, double fatigue, uint64_t seed)
{
    struct emg_simulate *simulation = NULL;
    const struct emg_simulate_config config = {.rate_hz = RATE_HZ,
                                               .seed = seed,
                                               .course = EMG_SIMULATE_STATIC,
                                               .rms_uv = 100,
                                               .noise_uv = 1,
                                               .fl_hz = 60,
                                               .fh_hz = 120,
                                               .fatigue = fatigue,
                                               .fatigue_s = 100};
    const size_t n = 160000;
    float *rest = simulate(0, 1, seed, 4000), *x = malloc(n * sizeof *x);
    double t_s = 0;
    assert_non_null(x);
    assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
    emg_simulate_execute(simulation, x, 1, n);
    emg_simulate_destroy(simulation);
    feed(q, rest, EMG_ONSET_QUIET, 4000, &t_s);
    feed(q, x, 1, n, &t_s);
    free(rest);
    free(x);
    return emg_spectral_fatigue(q, t_s, false);
}

/* A fall too small to begin a verdict is enough to keep one. */
static void lets_no_verdict_linger_beyond_its_stage_or_a_reset(void **state)
{
    (void)state;
    struct emg_spectral *q = make(&usual);
    assert_int_equal(tire(q, 0.5, 7).verdict, EMG_VERDICT_FATIGUING);
    emg_spectral_begin_stage(q);
    assert_int_equal(tire(q, 0.06, 1).reason, EMG_REASON_WAITING);
    emg_spectral_reset(q);
    assert_int_equal(tire(q, 0.5, 7).verdict, EMG_VERDICT_FATIGUING);
    emg_spectral_reset(q);
    assert_int_equal(tire(q, 0.06, 1).reason, EMG_REASON_WAITING);
    emg_spectral_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_noise_of_rest_off_the_spectrum),
        cmocka_unit_test(holds_the_verdict_back_while_the_signal_is_bad_and_names_the_reason),
        cmocka_unit_test(gives_up_slices_that_are_spoilt_or_cut_by_a_gap),
        cmocka_unit_test(refuses_settings_that_make_no_sense),
        cmocka_unit_test(lets_no_stage_mix_with_the_one_before),
        cmocka_unit_test(measures_the_baseline_of_what_lies_in_it),
        cmocka_unit_test(after_reset_is_as_new),
        cmocka_unit_test(takes_off_a_rest_that_was_measured_until_the_next_one),
        cmocka_unit_test(lets_no_verdict_linger_beyond_its_stage_or_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
