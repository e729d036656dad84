#include "dsp/muscle.h"

#include "dsp/quality.h"
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

static struct emg_muscle_config muscle_config(double rate_hz)
{
    return (struct emg_muscle_config){
        .rate_hz = rate_hz,
        .full_scale_uv = 5000,
        .band_hz = {20, 450},
        .amplitude_highpass_hz = 20,
        .rms_s = 0.05,
        .envelope_hz = 10,
        .mains_hz = 50,
        .spectral_s = 10,
        .profile_strides = 10,
        .mode = EMG_ONSET_AUTO,
    };
}

static struct emg_muscle *make_muscle(const struct emg_muscle_config *config)
{
    struct emg_muscle *m = NULL;
    assert_int_equal(emg_muscle_create(&m, config), EMG_OK);
    return m;
}

/* Caller frees. */
static float *simulate(double rate_hz, enum emg_simulate_course course, double seconds, uint64_t seed,
                       size_t *n)
{
    struct emg_simulate *simulation = NULL;
    const struct emg_simulate_config config = {
        .rate_hz = rate_hz,
        .seed = seed,
        .course = course,
        .rms_uv = 200,
        .noise_uv = 1,
        .fl_hz = 60,
        .fh_hz = 120,
        .fatigue_s = 100,
        .cycle_s = 0.72,
        .burst_length = 0.4,
        .ramp_s = 1,
    };
    assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
    *n = (size_t)(seconds * rate_hz);
    float *x = malloc(*n * sizeof *x);
    assert_non_null(x);
    emg_simulate_execute(simulation, x, 1, *n);
    emg_simulate_destroy(simulation);
    return x;
}

static struct emg_spectral_fatigue fatigue_of(const struct emg_muscle_config *config, const float *x,
                                              size_t n)
{
    struct emg_muscle *m = make_muscle(config);
    emg_muscle_execute(m, x, n);
    const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
    emg_muscle_destroy(m);
    return f;
}

static void refuses_what_it_cannot_analyse(void **state)
{
    (void)state;
    struct emg_muscle *m = (struct emg_muscle *)1;
    struct emg_muscle_config bad = muscle_config(999);
    assert_int_equal(emg_muscle_create(&m, &bad), EMG_ERROR_ARGUMENT);
    assert_null(m);
    bad = muscle_config(192001);
    assert_int_equal(emg_muscle_create(&m, &bad), EMG_ERROR_ARGUMENT);
    bad = muscle_config(48000);
    bad.band_hz[0] = 450;
    assert_int_equal(emg_muscle_create(&m, &bad), EMG_ERROR_ARGUMENT);
    bad = muscle_config(48000);
    bad.full_scale_uv = 0;
    assert_int_equal(emg_muscle_create(&m, &bad), EMG_ERROR_ARGUMENT);
    emg_muscle_destroy(NULL);
}

static void finds_amplitude_and_median_frequency_of_a_static_contraction_at_every_rate(void **state)
{
    (void)state;
    static const double rates_hz[] = {1000, 2000, 4000, 8000, 44100, 48000, 192000};
    for (size_t i = 0; i < sizeof rates_hz / sizeof rates_hz[0]; i++) {
        size_t n = 0;
        float *x = simulate(rates_hz[i], EMG_SIMULATE_STATIC, 14, 42 + i, &n);
        const struct emg_muscle_config config = muscle_config(rates_hz[i]);
        const struct emg_spectral_fatigue f = fatigue_of(&config, x, n);
        assert_near(f.seconds, 10, 0.6);
        assert_near(f.indices.mdf_hz, 95.67, 4 * f.indices.mdf_se_hz);
        assert_true(f.indices.mdf_se_hz > 1.0 && f.indices.mdf_se_hz < 2.5);
        assert_near(f.rms_uv, 200 * 0.98, 200 * 0.05);
        assert_int_equal(f.bursts, 1);
        assert_true(isnan(f.baseline_mdf_hz) && isnan(f.shift_percent));
        assert_int_equal(f.verdict, EMG_VERDICT_UNDETERMINED);
        free(x);
    }
}

static void pools_only_the_contractions_of_a_stride_and_knows_their_snr(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(48000, EMG_SIMULATE_STRIDE, 40, 5, &n);
    const struct emg_muscle_config config = muscle_config(48000);
    const struct emg_spectral_fatigue f = fatigue_of(&config, x, n);
    assert_near(f.seconds, 10, 0.6);
    assert_true(f.bursts >= 25 && f.bursts <= 50);
    assert_true(f.snr_db > 25 && f.snr_db < 50);
    assert_near(f.indices.mdf_hz, 95.67, 4 * f.indices.mdf_se_hz + 1.5);
    free(x);
}

/* All that a muscle tells, at fixed frames. */
struct account {
    double activation[200][4], fatigue[20][20]; /* as numbers: a struct has bytes between its members */
    double bursts[100][8];
    float profile[2][EMG_PROFILE_POINTS];
    float psd[4096];
    float waveform[32768];
    size_t n_activation, n_fatigue, n_bursts, n_psd, n_waveform;
};

static void note_fatigue(double numbers[20], struct emg_muscle *m)
{
    const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
    const double all[20] = {f.indices.power_uv2,
                            f.indices.mdf_hz,
                            f.indices.mdf_se_hz,
                            f.indices.mnf_hz,
                            f.indices.mnf_se_hz,
                            f.indices.ln_insm5,
                            f.seconds,
                            f.bursts,
                            f.rms_uv,
                            f.snr_db,
                            f.slope_hz_per_min,
                            f.slope_percent_per_min,
                            f.verdict,
                            f.reason,
                            f.jasa,
                            emg_muscle_activation(m).flags,
                            f.baseline_mdf_hz,
                            f.indices.noise_uv2,
                            emg_muscle_level_uv(m),
                            emg_muscle_noise_uv(m)};
    memcpy(numbers, all, sizeof all);
}

static void note_bursts(struct account *account, struct emg_muscle *m)
{
    struct emg_muscle_burst b;
    while (emg_muscle_next_burst(m, &b) || emg_muscle_next_stride_burst(m, &b)) {
        const double all[8] = {(double)b.onset_frame,
                               (double)b.offset_frame,
                               (double)b.centre_frame,
                               b.rms_uv,
                               b.peak_uv,
                               b.iemg_uv_s,
                               b.snr_db,
                               b.flags};
        memcpy(account->bursts[account->n_bursts++], all, sizeof all);
    }
}

/* The muscle's next frame is first_frame. */
static struct account *listen_to(struct emg_muscle *m, const struct emg_muscle_config *config, const float *x,
                                 size_t n, uint32_t cut, uint64_t first_frame)
{
    struct account *account = calloc(1, sizeof *account);
    assert_non_null(account);
    const size_t tick = (size_t)(config->rate_hz / 20);
    for (size_t done = 0; done < n;) {
        const size_t to_tick = tick - done % tick;
        cut = cut * 1664525U + 1013904223U;
        size_t take = cut == 1013904223U ? to_tick : (cut >> 8) % 700;
        take = take < to_tick ? take : to_tick;
        emg_muscle_execute(m, x + done, take);
        done += take;
        if (take == 0 || done % tick != 0)
            continue;
        const struct emg_muscle_activation a = emg_muscle_activation(m);
        const double numbers[] = {a.rms_uv, a.envelope_uv, a.active, a.flags};
        memcpy(account->activation[account->n_activation++], numbers, sizeof numbers);
        const float *waveform = NULL;
        uint64_t frame = 0;
        const size_t n_waveform = emg_muscle_take_waveform(m, &waveform, &frame);
        memcpy(account->waveform + account->n_waveform, waveform, n_waveform * sizeof *waveform);
        account->n_waveform += n_waveform;
        note_bursts(account, m);
        if (done % (tick * 20) == 0)
            note_fatigue(account->fatigue[account->n_fatigue++], m);
        if (done == n / 2)
            (void)emg_muscle_add_cycle(m, first_frame + n / 4, first_frame + n / 3);
    }
    (void)emg_muscle_profile(m, account->profile[0], account->profile[1]);
    const float *psd = NULL;
    double f0_hz = 0, df_hz = 0;
    account->n_psd = emg_muscle_psd(m, &psd, &f0_hz, &df_hz);
    memcpy(account->psd, psd, account->n_psd * sizeof *psd);
    return account;
}

static struct account *listen(const struct emg_muscle_config *config, const float *x, size_t n, uint32_t cut)
{
    struct emg_muscle *m = make_muscle(config);
    struct account *account = listen_to(m, config, x, n, cut, 0);
    emg_muscle_destroy(m);
    return account;
}

static void gives_the_same_bits_however_the_input_is_cut(void **state)
{
    (void)state;
    static const double rates_hz[] = {1000, 44100, 48000};
    for (size_t i = 0; i < sizeof rates_hz / sizeof rates_hz[0]; i++) {
        size_t n = 0;
        float *x = simulate(rates_hz[i], EMG_SIMULATE_STRIDE, 6, 9, &n);
        for (size_t k = n / 2; k < n / 2 + n / 100; k++)
            x[k] = 6000; /* some clipping on the way */
        struct emg_muscle_config config = muscle_config(rates_hz[i]);
        config.mode = i == 0 ? EMG_ONSET_STATIC : EMG_ONSET_AUTO;
        struct account *whole = listen(&config, x, n, 0);
        assert_true(whole->n_activation == 120 && whole->n_fatigue == 6 && whole->n_waveform > 5900 &&
                    whole->n_psd > 100);
        for (uint32_t cut = 1; cut < 4; cut++) {
            struct account *pieces = listen(&config, x, n, cut);
            assert_memory_equal(pieces, whole, sizeof *whole);
            free(pieces);
        }
        free(whole);
        free(x);
    }
}

/* All that can leave a trace. */
static void wear(struct emg_muscle *m, const float *x, size_t n)
{
    float mean[EMG_PROFILE_POINTS], sd[EMG_PROFILE_POINTS];
    emg_muscle_begin_measurement(m, EMG_MEASURE_BASELINE);
    emg_muscle_execute(m, x, n);
    (void)emg_muscle_end_measurement(m);
    (void)emg_muscle_fatigue(m);
    assert_true(emg_muscle_add_cycle(m, n / 2, n / 2 + n / 10));
    emg_muscle_interrupt(m, 2 * n);
    emg_muscle_execute(m, x, n / 2 + 7);
    assert_int_equal(emg_muscle_profile(m, mean, sd), 1);
    emg_muscle_begin_stage(m);
    emg_muscle_set_crosstalk(m, true);
    emg_muscle_set_baseline(m, &(struct emg_baseline){50, -20});
    emg_muscle_finish(m);
    emg_muscle_begin_measurement(m, EMG_MEASURE_REST);
    emg_muscle_execute(m, x + n / 2 - 99, n / 2 + 99);
}

static void after_a_restart_is_as_new_but_for_the_frame(void **state)
{
    (void)state;
    static const double rates_hz[] = {2000, 48000};
    for (size_t i = 0; i < 4; i++) {
        const double rate_hz = rates_hz[i % 2];
        struct emg_muscle_config config = muscle_config(rate_hz);
        config.strides = true;
        config.mode = i < 2 ? EMG_ONSET_AUTO : EMG_ONSET_STATIC;
        size_t n = 0, n_junk = 0;
        float *x = simulate(rate_hz, EMG_SIMULATE_STRIDE, 6, 9, &n);
        float *junk = simulate(rate_hz, EMG_SIMULATE_STRIDE, 8, 5, &n_junk);
        for (size_t k = 0; k < n_junk; k++)
            junk[k] += 80 * (float)sin(6.2831853 * 49.8 * (double)k / rate_hz) +
                       (k + 600 > n_junk ? 3000 : 0) + (k == n_junk - 9 ? 6000 : 0);
        struct emg_muscle *fresh = make_muscle(&config), *used = make_muscle(&config);
        wear(used, junk, n_junk);
        const uint64_t first_frame = i == 0 ? 0 : 1234567;
        if (i > 0) /* from frame 0 on a fresh one is as one that was restarted there */
            emg_muscle_restart(fresh, first_frame);
        emg_muscle_restart(used, first_frame);
        assert_int_equal(emg_muscle_activation(used).flags, EMG_FLAG_UNSETTLED); /* nothing was lost */
        assert_true(isnan(emg_muscle_baseline(used).mdf_hz) && isnan(emg_muscle_noise_uv(used)));
        struct account *expected = listen_to(fresh, &config, x, n, 0, first_frame);
        struct account *found = listen_to(used, &config, x, n, 3, first_frame);
        assert_memory_equal(found, expected, sizeof *found);
        assert_int_equal(emg_muscle_end_measurement(used).refusal, EMG_REFUSAL_CANCELLED);
        assert_true(isfinite(found->profile[0][0]) &&
                    (found->n_bursts >= 8 || config.mode == EMG_ONSET_STATIC));
        free(expected);
        free(found);
        emg_muscle_destroy(fresh);
        emg_muscle_destroy(used);
        free(x);
        free(junk);
    }
}

static void takes_the_first_minute_anew_after_a_restart(void **state)
{
    (void)state;
    const struct emg_muscle_config config = muscle_config(2000);
    size_t n = 0;
    float *x = simulate(2000, EMG_SIMULATE_STATIC, 61, 3, &n);
    struct emg_muscle *m = make_muscle(&config);
    emg_muscle_execute(m, x, n);
    assert_true(isfinite(emg_muscle_fatigue(m).spectral.baseline_mdf_hz));
    emg_muscle_restart(m, n);
    emg_muscle_execute(m, x, n - 4000);
    assert_true(isnan(emg_muscle_fatigue(m).spectral.baseline_mdf_hz));
    emg_muscle_execute(m, x, 2000);
    assert_true(isfinite(emg_muscle_fatigue(m).spectral.baseline_mdf_hz));
    free(x);
    emg_muscle_destroy(m);
}

static void measures_the_same_level_however_the_beginning_is_cut(void **state)
{
    (void)state;
    const struct emg_muscle_config config = muscle_config(2000);
    size_t n = 0;
    float *x = simulate(2000, EMG_SIMULATE_STATIC, 1.6, 3, &n);
    struct emg_muscle *whole = make_muscle(&config), *pieces = make_muscle(&config);
    emg_muscle_execute(whole, x, n);
    for (size_t k = 0; k < n; k++)
        emg_muscle_execute(pieces, x + k, 1);
    assert_true(isfinite(emg_muscle_level_uv(whole)));
    assert_true(emg_muscle_level_uv(whole) == emg_muscle_level_uv(pieces));
    free(x);
    emg_muscle_destroy(whole);
    emg_muscle_destroy(pieces);
}

static void lets_nothing_span_a_gap_and_keeps_what_it_knew(void **state)
{
    (void)state;
    const struct emg_muscle_config config = muscle_config(2000);
    size_t n = 0;
    float *x = simulate(2000, EMG_SIMULATE_STATIC, 70, 3, &n);
    struct emg_muscle *m = make_muscle(&config);
    emg_muscle_execute(m, x, n);
    const struct emg_spectral_fatigue before = emg_muscle_fatigue(m).spectral;
    assert_true(isfinite(before.baseline_mdf_hz));

    const uint64_t first_frame = n + 12345;
    emg_muscle_interrupt(m, first_frame);
    struct emg_muscle_activation a = emg_muscle_activation(m);
    assert_true(isnan(a.rms_uv) && isnan(a.envelope_uv) && !a.active);
    assert_int_equal(a.flags, EMG_FLAG_GAP | EMG_FLAG_UNSETTLED);
    const struct emg_spectral_fatigue after = emg_muscle_fatigue(m).spectral;
    assert_true(after.indices.mdf_hz == before.indices.mdf_hz &&
                after.baseline_mdf_hz == before.baseline_mdf_hz);

    /* the first slice after the gap can only begin once the filters have settled */
    emg_muscle_execute(m, x, (size_t)(0.3 * 2000));
    const float *waveform = NULL;
    uint64_t frame = 0;
    /* 600 less what the filters delay, so that the first one stood at the electrode at first_frame */
    assert_int_equal(emg_muscle_take_waveform(m, &waveform, &frame), 596);
    assert_int_equal(frame, first_frame);
    emg_muscle_execute(m, x + 600, 800);
    a = emg_muscle_activation(m);
    assert_true(isfinite(a.rms_uv) && isfinite(a.envelope_uv));
    assert_int_equal(a.flags, EMG_FLAG_GAP);
    emg_muscle_execute(m, x + 1400, 700);
    assert_int_equal(emg_muscle_activation(m).flags, 0);
    free(x);
    emg_muscle_destroy(m);
}

static void keeps_clipped_signal_out_of_the_spectrum_and_says_so(void **state)
{
    (void)state;
    const struct emg_muscle_config config = muscle_config(48000);
    size_t n = 0;
    float *x = simulate(48000, EMG_SIMULATE_STATIC, 5, 3, &n);
    for (size_t k = 0; k < n; k++)
        x[k] = x[k] > 100 ? 5000 : x[k] < -100 ? -5000 : x[k];
    struct emg_muscle *m = make_muscle(&config);
    emg_muscle_execute(m, x, n);
    assert_true((emg_muscle_activation(m).flags & EMG_FLAG_CLIPPING) != 0);
    const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
    assert_true(f.seconds == 0 && isnan(f.indices.mdf_hz) && isnan(f.rms_uv));
    const float *psd = NULL;
    double f0_hz = 0, df_hz = 0;
    assert_int_equal(emg_muscle_psd(m, &psd, &f0_hz, &df_hz), 0);
    emg_muscle_destroy(m);
    free(x);
}

static void lowers_the_band_where_nyquist_demands(void **state)
{
    (void)state;
    struct emg_muscle_config config = muscle_config(1000);
    config.band_hz[1] = 500;
    struct emg_muscle *m = make_muscle(&config);
    double band_hz[2];
    emg_muscle_band_hz(m, band_hz);
    assert_true(band_hz[0] == 20 && band_hz[1] == 450);
    assert_true(emg_muscle_rate_hz(m) == 1000);
    emg_muscle_destroy(m);
    config = muscle_config(44100);
    m = make_muscle(&config);
    assert_near(emg_muscle_rate_hz(m), 2004.545454, 1e-6);
    emg_muscle_destroy(m);
}

/* A first-order high-pass at 20 Hz, as a USB front end has one, takes low frequencies away. */
static void divides_the_front_end_out_of_the_spectrum(void **state)
{
    (void)state;
    size_t n = 0;
    float *x = simulate(48000, EMG_SIMULATE_STATIC, 12, 8, &n);
    struct emg_muscle_config config = muscle_config(48000);
    const double untouched_hz = fatigue_of(&config, x, n).indices.mdf_hz;
    const double a = exp(-2 * M_PI * 20 / 48000);
    double slow = 0;
    for (size_t k = 0; k < n; k++) {
        slow = a * slow + (1 - a) * (double)x[k];
        x[k] = (float)((double)x[k] - slow);
    }
    const double raised_hz = fatigue_of(&config, x, n).indices.mdf_hz;
    config.front_end_highpass_hz = 20;
    const double corrected_hz = fatigue_of(&config, x, n).indices.mdf_hz;
    assert_true(raised_hz - untouched_hz > 1.0);
    assert_near(corrected_hz, untouched_hz, 0.3);
    free(x);
}

static void stays_finite_whatever_comes_in(void **state)
{
    (void)state;
    const struct emg_muscle_config config = muscle_config(48000);
    struct emg_muscle *m = make_muscle(&config);
    size_t n = 0;
    float *x = simulate(48000, EMG_SIMULATE_STATIC, 2, 1, &n);
    for (size_t k = 1000; k < n; k += 1000)
        x[k] = k % 3000 == 0 ? NAN : k % 3000 == 1000 ? INFINITY : -INFINITY;
    emg_muscle_execute(m, x, n);
    assert_true((emg_muscle_activation(m).flags & EMG_FLAG_CLIPPING) != 0);
    memset(x, 0, n * sizeof *x);
    for (int i = 0; i < 3; i++)
        emg_muscle_execute(m, x, n);
    const struct emg_muscle_activation a = emg_muscle_activation(m);
    assert_true(isnan(a.rms_uv) && isnan(a.envelope_uv)); /* a flat line is no measurement */
    assert_true((a.flags & EMG_FLAG_FLAT) != 0);
    free(x);
    x = simulate(48000, EMG_SIMULATE_STATIC, 2, 1, &n);
    emg_muscle_execute(m, x, n);
    assert_near(emg_muscle_activation(m).rms_uv, 200, 120);
    free(x);
    emg_muscle_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_it_cannot_analyse),
        cmocka_unit_test(finds_amplitude_and_median_frequency_of_a_static_contraction_at_every_rate),
        cmocka_unit_test(pools_only_the_contractions_of_a_stride_and_knows_their_snr),
        cmocka_unit_test(gives_the_same_bits_however_the_input_is_cut),
        cmocka_unit_test(after_a_restart_is_as_new_but_for_the_frame),
        cmocka_unit_test(takes_the_first_minute_anew_after_a_restart),
        cmocka_unit_test(measures_the_same_level_however_the_beginning_is_cut),
        cmocka_unit_test(lets_nothing_span_a_gap_and_keeps_what_it_knew),
        cmocka_unit_test(keeps_clipped_signal_out_of_the_spectrum_and_says_so),
        cmocka_unit_test(lowers_the_band_where_nyquist_demands),
        cmocka_unit_test(divides_the_front_end_out_of_the_spectrum),
        cmocka_unit_test(stays_finite_whatever_comes_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
