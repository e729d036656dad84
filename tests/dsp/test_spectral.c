#include "dsp/spectral.h"

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
        *t_s += CHUNK / RATE_HZ;
        emg_spectral_execute(q, x + done, marks, CHUNK, *t_s);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_noise_of_rest_off_the_spectrum),
        cmocka_unit_test(holds_the_verdict_back_while_the_signal_is_bad_and_names_the_reason),
        cmocka_unit_test(gives_up_slices_that_are_spoilt_or_cut_by_a_gap),
        cmocka_unit_test(refuses_settings_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
