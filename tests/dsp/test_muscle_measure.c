#include "dsp/muscle.h"

#include "dsp/quality.h"
#include "dsp/simulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(value, truth, tolerance) assert_true(fabs((value) - (truth)) <= (tolerance))

enum { RATE = 2000, BINS_MAX = 2100 };

/* RMS of the test spectrum inside 20..450 Hz, of 1 in all: by numeric integration. */
static double share_in_band(void)
{
    double power = 0;
    for (double f = 20.05; f < 450; f += 0.1)
        power += 0.1 * emg_simulate_psd(f, 60, 120, 1);
    return sqrt(power);
}

static struct emg_muscle *make_muscle(enum emg_onset_mode mode)
{
    const struct emg_muscle_config config = {
        .rate_hz = RATE,
        .full_scale_uv = 5000,
        .band_hz = {20, 450},
        .amplitude_highpass_hz = 20,
        .rms_s = 0.05,
        .envelope_hz = 10,
        .mains_hz = 50,
        .spectral_s = 10,
        .strides = true,
        .profile_strides = 10,
        .mode = mode,
    };
    struct emg_muscle *m = NULL;
    assert_int_equal(emg_muscle_create(&m, &config), EMG_OK);
    return m;
}

static struct emg_simulate_config simulation(enum emg_simulate_course course, double rms_uv, uint64_t seed)
{
    return (struct emg_simulate_config){
        .rate_hz = RATE,
        .seed = seed,
        .course = course,
        .rms_uv = rms_uv,
        .noise_uv = 1.5,
        .fl_hz = 60,
        .fh_hz = 120,
        .fatigue_s = 100,
        .cycle_s = 0.72,
        .burst_length = 0.4,
        .ramp_s = 1,
    };
}

/* Caller frees. */
static float *simulate(const struct emg_simulate_config *config, size_t n)
{
    struct emg_simulate *s = NULL;
    assert_int_equal(emg_simulate_create(&s, config), EMG_OK);
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    emg_simulate_execute(s, x, 1, n);
    emg_simulate_destroy(s);
    return x;
}

static void go(struct emg_muscle *m, enum emg_simulate_course course, double rms_uv, uint64_t seed,
               double seconds)
{
    const struct emg_simulate_config config = simulation(course, rms_uv, seed);
    const size_t n = (size_t)(seconds * RATE);
    float *x = simulate(&config, n);
    emg_muscle_execute(m, x, n);
    free(x);
}

static struct emg_measurement measure(struct emg_muscle *m, enum emg_measure kind,
                                      enum emg_simulate_course course, double rms_uv, uint64_t seed,
                                      double seconds)
{
    emg_muscle_begin_measurement(m, kind);
    go(m, course, rms_uv, seed, seconds);
    return emg_muscle_end_measurement(m);
}

static double rms(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)n);
}

static void rest_tells_the_noise_of_contractions_and_spectra(void **state)
{
    (void)state;
    float psd[BINS_MAX];
    double mean_uv = 0;
    const double truth_uv = 1.5 * sqrt(430.0 / 500);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
        const struct emg_measurement r = measure(m, EMG_MEASURE_REST, EMG_SIMULATE_REST, 0, seed, 5);
        assert_int_equal(r.refusal, EMG_REFUSAL_NONE);
        assert_near(r.seconds, 4.7, 1e-9); /* the filters settle first */
        assert_true(isnan(r.mdf_hz) && isnan(r.snr_db) && r.contractions == 0);
        assert_near(r.uv, truth_uv, 4 * 0.012 * truth_uv);
        mean_uv += r.uv / 8;
        assert_true(emg_muscle_noise_uv(m) == r.uv);
        const struct emg_rest rest = emg_muscle_rest(m, psd, BINS_MAX);
        assert_true(rest.rms_uv == r.uv && rest.n_bins == emg_muscle_psd_max(m));
        assert_near(rest.seconds, 4.7, 1e-9);
        double sum = 0;
        for (size_t k = 0; k < rest.n_bins; k++)
            sum += (double)psd[k] / rest.n_bins;
        assert_near(sum, 2.25 / 500, 0.1 * 2.25 / 500);
        /* contractions that follow at once, without a rest between */
        go(m, EMG_SIMULATE_STATIC, 100, seed, 10);
        const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
        assert_near(f.snr_db, 20 * log10(100 * share_in_band() / r.uv), 1);
        assert_true(emg_muscle_noise_uv(m) == r.uv && f.bursts == 1);
        go(m, EMG_SIMULATE_REST, 0, seed, 1);
        struct emg_muscle_burst b;
        assert_true(emg_muscle_next_burst(m, &b));
        assert_near(b.snr_db, 10 * log10(b.rms_uv * b.rms_uv / (r.uv * r.uv) - 1), 1e-9);
        assert_true(emg_muscle_next_stride_burst(m, &b)); /* goes by the same noise */
        assert_near(b.snr_db, 10 * log10(b.rms_uv * b.rms_uv / (r.uv * r.uv) - 1), 1e-9);
        emg_muscle_destroy(m);
    }
    assert_near(mean_uv, truth_uv, 0.02 * truth_uv);
}

static void rest_is_refused_with_the_reason_and_then_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        enum emg_simulate_course course;
        double rms_uv, seconds;
        enum emg_refusal refusal;
    } cases[] = {
        {EMG_SIMULATE_STRIDE, 100, 5, EMG_REFUSAL_NOT_AT_REST},
        {EMG_SIMULATE_RAMP, 10, 5, EMG_REFUSAL_NOT_AT_REST},
        {EMG_SIMULATE_STATIC, 100, 5, EMG_REFUSAL_NOISE_TOO_HIGH},
        {EMG_SIMULATE_REST, 0, 1.99, EMG_REFUSAL_TOO_SHORT},
    };
    struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
    float psd[BINS_MAX];
    go(m, EMG_SIMULATE_REST, 0, 1, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct emg_measurement r =
            measure(m, EMG_MEASURE_REST, cases[i].course, cases[i].rms_uv, 7, cases[i].seconds);
        assert_int_equal(r.kind, EMG_MEASURE_REST);
        assert_int_equal(r.refusal, cases[i].refusal);
        assert_true(isnan(emg_muscle_rest(m, psd, BINS_MAX).rms_uv));
    }
    go(m, EMG_SIMULATE_REST, 0, 2, 1);
    assert_true(measure(m, EMG_MEASURE_REST, EMG_SIMULATE_REST, 0, 3, 2).refusal == EMG_REFUSAL_NONE);
    assert_true(isnan(emg_muscle_rest(m, psd, emg_muscle_psd_max(m) - 1).rms_uv)); /* no room */
    emg_muscle_destroy(m);
}

static void a_gap_or_bad_signal_spoils_every_measurement(void **state)
{
    (void)state;
    struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
    go(m, EMG_SIMULATE_REST, 0, 1, 3);
    uint64_t frame = 3 * RATE;
    for (enum emg_measure kind = EMG_MEASURE_REST; kind <= EMG_MEASURE_BASELINE; kind++) {
        emg_muscle_begin_measurement(m, kind);
        go(m, EMG_SIMULATE_REST, 0, 2, 3);
        frame += 4 * RATE;
        emg_muscle_interrupt(m, frame);
        go(m, EMG_SIMULATE_REST, 0, 3, 3);
        frame += 3 * RATE;
        struct emg_measurement r = emg_muscle_end_measurement(m);
        assert_true(r.kind == kind && r.refusal == EMG_REFUSAL_GAP);
        frame += 4 * RATE;
        emg_muscle_interrupt(m, frame);
        go(m, EMG_SIMULATE_REST, 0, 3, 0.5);
        r = measure(m, kind, EMG_SIMULATE_REST, 0, 4, 5.5); /* one before it is told, but spoils nothing */
        frame += 6 * RATE;
        assert_true(r.refusal != EMG_REFUSAL_GAP && r.flags == EMG_FLAG_GAP);
        emg_muscle_begin_measurement(m, kind);
        go(m, EMG_SIMULATE_STATIC, 6000, 2, 0.1); /* clips */
        go(m, EMG_SIMULATE_STRIDE, 100, 2, 4.9);
        frame += 5 * RATE;
        r = emg_muscle_end_measurement(m);
        assert_true(r.kind == kind && r.refusal == EMG_REFUSAL_BAD_QUALITY);
        assert_true((r.flags & EMG_FLAG_CLIPPING) != 0);
    }
    assert_int_equal(emg_muscle_end_measurement(m).refusal, EMG_REFUSAL_CANCELLED); /* none is in progress */
    emg_muscle_begin_measurement(m, EMG_MEASURE_REST);
    emg_muscle_begin_measurement(m, EMG_MEASURE_NONE);
    assert_int_equal(emg_muscle_end_measurement(m).kind, EMG_MEASURE_NONE);
    emg_muscle_destroy(m);
}

static void references_agree_with_the_signal_they_were_made_of(void **state)
{
    (void)state;
    const double share = share_in_band();
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
        struct emg_simulate_config config = simulation(EMG_SIMULATE_RAMP, 200, seed);
        config.ramp_s = 3;
        config.noise_uv = 0;
        const size_t n = 12 * RATE;
        float *clean = simulate(&config, n);
        config.noise_uv = 1.5;
        float *x = simulate(&config, n);
        double highest_uv = 0;
        for (size_t i = 0; i + RATE / 2 <= n; i += 20)
            highest_uv = fmax(highest_uv, share * rms(clean + i, RATE / 2));
        go(m, EMG_SIMULATE_REST, 0, 20 + seed, 3);
        emg_muscle_begin_measurement(m, EMG_MEASURE_MVC);
        emg_muscle_execute(m, x, n);
        struct emg_measurement r = emg_muscle_end_measurement(m);
        assert_int_equal(r.refusal, EMG_REFUSAL_NONE);
        assert_near(r.uv, highest_uv, 0.03 * highest_uv);
        assert_true(r.contractions >= 1 && r.seconds == 0.5);
        assert_near(r.snr_db, 20 * log10(highest_uv / 1.4), 1.5);
        free(clean);
        free(x);

        go(m, EMG_SIMULATE_REST, 0, 30 + seed, 12); /* onset forgets the stronger contraction */
        emg_muscle_begin_measurement(m, EMG_MEASURE_SUBMAXIMAL);
        go(m, EMG_SIMULATE_REST, 0, 40 + seed, 1);
        config = simulation(EMG_SIMULATE_STATIC, 60, 50 + seed);
        x = simulate(&config, 6 * RATE);
        emg_muscle_execute(m, x, 6 * RATE);
        go(m, EMG_SIMULATE_REST, 0, 60 + seed, 1);
        r = emg_muscle_end_measurement(m);
        assert_int_equal(r.refusal, EMG_REFUSAL_NONE);
        const double held_uv = share * rms(x + RATE / 4, 11 * RATE / 2);
        assert_near(r.uv, held_uv, 0.03 * held_uv);
        assert_near(r.uv, 60 * share, 3 * 0.016 * 60);
        assert_near(r.seconds, 5.5, 0.1);
        assert_int_equal(r.contractions, 1);
        free(x);
        emg_muscle_destroy(m);
    }
}

/* Levels of the signal itself, 50 ms about each sample. */
static double level(const float *x, size_t at)
{
    return rms(x + at - 50, 100);
}

static void dynamic_references_agree_with_the_signal_they_were_made_of(void **state)
{
    (void)state;
    const double share = share_in_band();
    enum { N = 20 * RATE, CYCLE = 1440, BURST = 576 };
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct emg_simulate_config config = simulation(EMG_SIMULATE_STRIDE, 200, seed);
        float *x = simulate(&config, N);
        double peaks_uv = 0, levels_uv = 0;
        for (size_t k = 1; k < 26; k++) {
            double highest = 0;
            for (size_t i = k * CYCLE; i < k * CYCLE + BURST; i++)
                highest = fmax(highest, level(x, i));
            peaks_uv += share * highest / 25;
        }
        for (size_t i = CYCLE; i < 26 * CYCLE; i++)
            levels_uv += share * level(x, i) / (25 * CYCLE);
        struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO), *other = make_muscle(EMG_ONSET_AUTO);
        go(m, EMG_SIMULATE_REST, 0, 20 + seed, 2);
        go(other, EMG_SIMULATE_REST, 0, 20 + seed, 2);
        emg_muscle_begin_measurement(m, EMG_MEASURE_DYNAMIC_PEAK);
        emg_muscle_begin_measurement(other, EMG_MEASURE_DYNAMIC_MEAN);
        emg_muscle_execute(m, x, N);
        emg_muscle_execute(other, x, N);
        struct emg_measurement r = emg_muscle_end_measurement(m);
        assert_true(r.refusal == EMG_REFUSAL_NONE && r.contractions >= 25 && r.contractions <= 28);
        assert_near(r.uv, peaks_uv, 0.03 * peaks_uv);
        assert_true(r.snr_db > 35);
        r = emg_muscle_end_measurement(other);
        assert_int_equal(r.refusal, EMG_REFUSAL_NONE);
        assert_near(r.uv, levels_uv, 0.03 * levels_uv);
        assert_near(r.seconds, (r.contractions - 1) * 0.72, 0.1);
        assert_int_equal(measure(m, EMG_MEASURE_DYNAMIC_PEAK, EMG_SIMULATE_STRIDE, 200, seed, 3).refusal,
                         EMG_REFUSAL_FEW_CONTRACTIONS);
        emg_muscle_destroy(m);
        emg_muscle_destroy(other);
        free(x);
    }
}

static void without_a_rest_before_it_a_contraction_held_all_along_is_no_reference(void **state)
{
    (void)state;
    static const enum emg_onset_mode modes[] = {EMG_ONSET_AUTO, EMG_ONSET_STATIC};
    for (size_t i = 0; i < 2; i++) {
        struct emg_muscle *m = make_muscle(modes[i]);
        struct emg_measurement r = measure(m, EMG_MEASURE_MVC, EMG_SIMULATE_STATIC, 200, 5, 8);
        assert_true(r.refusal == EMG_REFUSAL_LOW_SNR && isnan(r.snr_db) && r.contractions == 1);
        go(m, EMG_SIMULATE_REST, 0, 3, 1);
        assert_int_equal(measure(m, EMG_MEASURE_REST, EMG_SIMULATE_REST, 0, 5, 4).refusal, EMG_REFUSAL_NONE);
        r = measure(m, EMG_MEASURE_MVC, EMG_SIMULATE_STATIC, 200, 5, 8);
        assert_true(r.refusal == EMG_REFUSAL_NONE && r.snr_db > 40);
        emg_muscle_destroy(m);
    }
}

static void nothing_that_rests_is_a_reference_or_a_baseline(void **state)
{
    (void)state;
    struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
    go(m, EMG_SIMULATE_REST, 0, 3, 3);
    for (enum emg_measure kind = EMG_MEASURE_MVC; kind <= EMG_MEASURE_BASELINE; kind++)
        assert_int_equal(measure(m, kind, EMG_SIMULATE_REST, 0, 5, 5).refusal, EMG_REFUSAL_NO_CONTRACTION);
    assert_true(isnan(emg_muscle_baseline(m).mdf_hz));
    emg_muscle_destroy(m);
}

static void a_baseline_is_the_median_frequency_of_its_contractions(void **state)
{
    (void)state;
    unsigned within_2_se = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
        go(m, EMG_SIMULATE_STATIC, 250, 100 + seed, 1); /* none of this is in it */
        go(m, EMG_SIMULATE_REST, 0, 200 + seed, 2);
        const struct emg_measurement r =
            measure(m, EMG_MEASURE_BASELINE, EMG_SIMULATE_STRIDE, 200, seed, seed % 2 ? 20 : 12);
        assert_int_equal(r.refusal, EMG_REFUSAL_NONE);
        assert_near(r.mdf_hz, 95.67, 4 * r.mdf_se_hz);
        within_2_se += fabs(r.mdf_hz - 95.67) < 2 * r.mdf_se_hz;
        assert_true(r.mdf_se_hz > 1 && r.mdf_se_hz < 4);
        assert_true(isnan(r.uv) && r.snr_db > 30 && r.seconds > 3 && r.seconds < 9 && r.contractions >= 15);
        const struct emg_baseline b = emg_muscle_baseline(m);
        assert_true(b.mdf_hz == r.mdf_hz && isfinite(b.ln_insm5));
        const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
        assert_true(f.baseline_mdf_hz == r.mdf_hz);
        assert_near(f.shift_percent, 100 * (f.indices.mdf_hz / r.mdf_hz - 1), 1e-9);
        emg_muscle_destroy(m);
    }
    assert_true(within_2_se >= 17);
}

static void the_first_minute_makes_no_baseline_over_one_that_was_measured(void **state)
{
    (void)state;
    struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
    go(m, EMG_SIMULATE_STRIDE, 200, 1, 5);
    struct emg_measurement r = measure(m, EMG_MEASURE_BASELINE, EMG_SIMULATE_STRIDE, 200, 2, 3);
    assert_int_equal(r.refusal, EMG_REFUSAL_TOO_SHORT);
    assert_true(r.seconds > 0.5 && r.seconds < 2 && isnan(emg_muscle_baseline(m).mdf_hz));
    r = measure(m, EMG_MEASURE_BASELINE, EMG_SIMULATE_STRIDE, 3, 2, 20);
    assert_int_equal(r.refusal, EMG_REFUSAL_LOW_SNR); /* 1.4 uV of noise */
    r = measure(m, EMG_MEASURE_BASELINE, EMG_SIMULATE_STRIDE, 200, 3, 20);
    assert_int_equal(r.refusal, EMG_REFUSAL_NONE);
    go(m, EMG_SIMULATE_STRIDE, 200, 4, 40);
    assert_true(emg_muscle_fatigue(m).spectral.baseline_mdf_hz == r.mdf_hz);
    emg_muscle_destroy(m);

    m = make_muscle(EMG_ONSET_AUTO); /* and after the minute it is replaced */
    go(m, EMG_SIMULATE_STRIDE, 200, 4, 61);
    const double automatic_hz = emg_muscle_fatigue(m).spectral.baseline_mdf_hz;
    assert_true(isfinite(automatic_hz) && isnan(emg_muscle_baseline(m).mdf_hz));
    r = measure(m, EMG_MEASURE_BASELINE, EMG_SIMULATE_STRIDE, 200, 3, 20);
    assert_true(emg_muscle_fatigue(m).spectral.baseline_mdf_hz == r.mdf_hz && r.mdf_hz != automatic_hz);
    emg_muscle_destroy(m);
}

static void a_stage_begins_trends_and_pool_anew_and_keeps_baseline_and_noise(void **state)
{
    (void)state;
    struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
    go(m, EMG_SIMULATE_STRIDE, 200, 1, 70);
    const struct emg_spectral_fatigue before = emg_muscle_fatigue(m).spectral;
    const double noise_uv = emg_muscle_noise_uv(m);
    assert_true(isfinite(before.slope_hz_per_min) && before.reason != EMG_REASON_NO_SIGNAL);
    emg_muscle_begin_stage(m);
    struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
    assert_true(f.seconds == 0 && isnan(f.slope_hz_per_min) && f.reason == EMG_REASON_NO_SIGNAL);
    assert_true(f.baseline_mdf_hz == before.baseline_mdf_hz && emg_muscle_noise_uv(m) == noise_uv);
    go(m, EMG_SIMULATE_STRIDE, 200, 2, 5);
    f = emg_muscle_fatigue(m).spectral;
    assert_true(f.seconds > 1 && f.seconds < 2.5 && f.baseline_mdf_hz == before.baseline_mdf_hz);
    assert_true(isfinite(f.snr_db));
    emg_muscle_destroy(m);
}

/* What follows from rest and baseline, as numbers. */
struct account {
    double numbers[400][14];
    size_t n;
    float psd[BINS_MAX];
};

static void note(struct account *a, struct emg_muscle *m)
{
    const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
    const struct emg_muscle_activation now = emg_muscle_activation(m);
    const double all[14] = {
        f.indices.mdf_hz, f.indices.mdf_se_hz,    f.indices.noise_uv2, f.snr_db, f.ln_finsm5,
        f.seconds,        f.shift_percent,        f.slope_hz_per_min,  f.reason, now.rms_uv,
        now.active,       emg_muscle_noise_uv(m), f.baseline_mdf_hz,   now.flags};
    memcpy(a->numbers[a->n++], all, sizeof all);
    struct emg_muscle_burst b;
    while (emg_muscle_next_burst(m, &b) || emg_muscle_next_stride_burst(m, &b)) {
        const double burst[14] = {(double)b.onset_frame, (double)b.offset_frame, b.rms_uv, b.snr_db, b.flags};
        memcpy(a->numbers[a->n++], burst, sizeof burst);
    }
}

static struct account *listen(struct emg_muscle *m, uint64_t seed)
{
    struct account *a = calloc(1, sizeof *a);
    assert_non_null(a);
    for (int k = 0; k < 10; k++) {
        go(m, EMG_SIMULATE_STRIDE, 40, seed + (uint64_t)k, 3);
        note(a, m);
    }
    const float *psd = NULL;
    double f0_hz = 0, df_hz = 0;
    const size_t n = emg_muscle_psd(m, &psd, &f0_hz, &df_hz);
    memcpy(a->psd, psd, n * sizeof *psd);
    return a;
}

static void assert_same(struct account *a, struct account *b)
{
    assert_memory_equal(a, b, sizeof *a);
    assert_true(a->n > 60);
    free(a);
    free(b);
}

static void what_was_measured_can_be_set_and_gives_the_same_bits(void **state)
{
    (void)state;
    float psd[BINS_MAX], again[BINS_MAX];
    struct emg_muscle *kept = make_muscle(EMG_ONSET_AUTO), *set = make_muscle(EMG_ONSET_AUTO);
    go(kept, EMG_SIMULATE_RAMP, 40, 1, 5);
    go(set, EMG_SIMULATE_RAMP, 40, 1, 5);
    go(kept, EMG_SIMULATE_REST, 0, 1, 1);
    go(set, EMG_SIMULATE_REST, 0, 1, 1);

    /* one measures, the other one sees the same and is told the result */
    assert_int_equal(measure(kept, EMG_MEASURE_REST, EMG_SIMULATE_REST, 0, 2, 5.003).refusal,
                     EMG_REFUSAL_NONE);
    go(set, EMG_SIMULATE_REST, 0, 2, 5.003);
    const struct emg_rest rest = emg_muscle_rest(kept, psd, BINS_MAX);
    assert_true(emg_muscle_set_rest(set, &rest, psd));
    assert_int_equal(measure(kept, EMG_MEASURE_BASELINE, EMG_SIMULATE_STRIDE, 40, 3, 12).refusal,
                     EMG_REFUSAL_NONE);
    go(set, EMG_SIMULATE_STRIDE, 40, 3, 12);
    const struct emg_baseline baseline = emg_muscle_baseline(kept);
    emg_muscle_set_baseline(set, &baseline);
    assert_same(listen(kept, 10), listen(set, 10));

    /* after a restart */
    emg_muscle_restart(kept, 999999);
    assert_true(isnan(emg_muscle_rest(kept, again, BINS_MAX).rms_uv));
    assert_true(emg_muscle_set_rest(kept, &rest, psd));
    emg_muscle_set_baseline(kept, &baseline);
    struct emg_muscle *fresh = make_muscle(EMG_ONSET_AUTO);
    emg_muscle_restart(fresh, 999999);
    assert_true(emg_muscle_set_rest(fresh, &rest, psd));
    emg_muscle_set_baseline(fresh, &baseline);
    assert_same(listen(kept, 20), listen(fresh, 20));
    const struct emg_rest got = emg_muscle_rest(kept, again, BINS_MAX);
    assert_true(got.rms_uv == rest.rms_uv && got.seconds == rest.seconds && got.dof == rest.dof);
    assert_true(got.effective_s == rest.effective_s && got.n_bins == rest.n_bins);
    assert_memory_equal(psd, again, rest.n_bins * sizeof psd[0]);
    assert_true(emg_muscle_baseline(kept).mdf_hz == baseline.mdf_hz);
    emg_muscle_destroy(fresh);
    emg_muscle_destroy(kept);
    emg_muscle_destroy(set);
}

static void takes_no_rest_of_another_kind_of_muscle(void **state)
{
    (void)state;
    struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
    float psd[BINS_MAX] = {0};
    struct emg_rest rest = {.rms_uv = 2, .seconds = 5, .effective_s = 4, .dof = 80, .n_bins = 440};
    rest.n_bins = (uint32_t)emg_muscle_psd_max(m) + 1;
    assert_false(emg_muscle_set_rest(m, &rest, psd));
    assert_true(isnan(emg_muscle_noise_uv(m)));
    rest.n_bins--;
    assert_true(emg_muscle_set_rest(m, &rest, psd));
    assert_true(emg_muscle_noise_uv(m) == 2);
    emg_muscle_destroy(m);
}

/* Every kind of measurement in turn, begun and ended at odd frames. */
static void tell(struct emg_muscle *m, const float *x, size_t n, uint32_t cut,
                 struct emg_measurement *results)
{
    for (size_t done = 0, k = 0; done < n; k++) {
        const size_t end = done + 5 * RATE + 7 < n ? done + 5 * RATE + 7 : n;
        emg_muscle_begin_measurement(m, EMG_MEASURE_REST + (enum emg_measure)(k % 6));
        while (done < end) {
            cut = cut * 1664525U + 1013904223U;
            size_t take = cut == 1013904223U ? end - done : (cut >> 8) % 41;
            take = take < end - done ? take : end - done;
            emg_muscle_execute(m, x + done, take);
            done += take;
        }
        results[k] = emg_muscle_end_measurement(m);
    }
}

static void measures_the_same_bits_however_the_input_is_cut(void **state)
{
    (void)state;
    static const enum emg_simulate_course courses[] = {EMG_SIMULATE_REST, EMG_SIMULATE_STATIC,
                                                       EMG_SIMULATE_RAMP, EMG_SIMULATE_STRIDE};
    size_t accepted = 0;
    for (size_t c = 0; c < 4; c++) {
        const struct emg_simulate_config config = simulation(courses[c], 200, c + 1);
        struct emg_measurement whole[6], pieces[6];
        const size_t n = 30 * RATE;
        float *x = simulate(&config, n);
        struct emg_muscle *m = make_muscle(EMG_ONSET_AUTO);
        tell(m, x, n, 0, whole);
        emg_muscle_restart(m, 0);
        tell(m, x, n, 5, pieces);
        for (size_t k = 0; k < 6; k++) {
            accepted += whole[k].refusal == EMG_REFUSAL_NONE;
            assert_int_equal(whole[k].refusal, pieces[k].refusal);
            assert_memory_equal(&whole[k].uv, &pieces[k].uv, sizeof whole[k].uv);
            assert_memory_equal(&whole[k].mdf_hz, &pieces[k].mdf_hz, sizeof whole[k].mdf_hz);
            assert_memory_equal(&whole[k].snr_db, &pieces[k].snr_db, sizeof whole[k].snr_db);
            assert_true(whole[k].seconds == pieces[k].seconds && whole[k].flags == pieces[k].flags);
            assert_true(whole[k].contractions == pieces[k].contractions);
        }
        emg_muscle_destroy(m);
        free(x);
    }
    assert_true(accepted >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rest_tells_the_noise_of_contractions_and_spectra),
        cmocka_unit_test(rest_is_refused_with_the_reason_and_then_changes_nothing),
        cmocka_unit_test(a_gap_or_bad_signal_spoils_every_measurement),
        cmocka_unit_test(references_agree_with_the_signal_they_were_made_of),
        cmocka_unit_test(dynamic_references_agree_with_the_signal_they_were_made_of),
        cmocka_unit_test(without_a_rest_before_it_a_contraction_held_all_along_is_no_reference),
        cmocka_unit_test(nothing_that_rests_is_a_reference_or_a_baseline),
        cmocka_unit_test(a_baseline_is_the_median_frequency_of_its_contractions),
        cmocka_unit_test(the_first_minute_makes_no_baseline_over_one_that_was_measured),
        cmocka_unit_test(a_stage_begins_trends_and_pool_anew_and_keeps_baseline_and_noise),
        cmocka_unit_test(what_was_measured_can_be_set_and_gives_the_same_bits),
        cmocka_unit_test(takes_no_rest_of_another_kind_of_muscle),
        cmocka_unit_test(measures_the_same_bits_however_the_input_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
