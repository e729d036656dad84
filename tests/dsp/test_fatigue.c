#include "dsp/fatigue.h"

#include "dsp/spectrum.h"
#include "fixtures/golden_spectrum.h"

#include <fftw3.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BINS 1025

static const double rate_hz = GOLDEN_RATE_HZ;
static const double pi = 3.14159265358979323846;

/* Shwedyk's spectrum, and its medians over 20-450 Hz. */
struct shape {
    double low_hz, high_hz, mdf_hz;
};
static const struct shape fresh = {60.0, 120.0, 95.67};
static const struct shape fatigued = {30.0, 60.0, 51.83};

static double shape_psd(struct shape s, double f)
{
    const double l2 = s.low_hz * s.low_hz;
    const double h2 = s.high_hz * s.high_hz;
    const double f2 = f * f;
    return h2 * h2 * f2 / ((f2 + l2) * (f2 + h2) * (f2 + h2));
}

/* Of a spectrum without noise. */
static struct emg_fatigue_indices indices(const float *psd, size_t n_bins, double df_hz, double low_hz,
                                          double high_hz, double seconds)
{
    const struct emg_fatigue_spectrum spectrum = {.psd = psd,
                                                  .n_bins = n_bins,
                                                  .df_hz = df_hz,
                                                  .low_hz = low_hz,
                                                  .high_hz = high_hz,
                                                  .seconds = seconds,
                                                  .dof = (double)INFINITY};
    return emg_fatigue_indices(&spectrum);
}

static void assert_near(double value, double truth, double tolerance)
{
    if (!(fabs(value - truth) <= tolerance)) {
        fail_msg("%.10g is not within %g of %.10g", value, tolerance, truth);
    }
}

static void assert_all_nan(struct emg_fatigue_indices x)
{
    assert_true(isnan(x.power_uv2) && isnan(x.mdf_hz) && isnan(x.mdf_se_hz) && isnan(x.mnf_hz) &&
                isnan(x.mnf_se_hz) && isnan(x.ln_insm5) && isnan(x.ln_insm5_se));
}

static void assert_all_finite(struct emg_fatigue_indices x)
{
    assert_true(isfinite(x.power_uv2) && isfinite(x.mdf_hz) && isfinite(x.mdf_se_hz) && isfinite(x.mnf_hz) &&
                isfinite(x.mnf_se_hz) && isfinite(x.ln_insm5) && isfinite(x.ln_insm5_se));
}

static struct emg_fatigue_indices indices_of_shape(struct shape s, float *psd)
{
    const double df_hz = rate_hz / 2048.0;
    for (size_t k = 0; k < BINS; k++) {
        psd[k] = (float)(1e-3 * shape_psd(s, (double)k * df_hz));
    }
    return indices(psd, BINS, df_hz, 20.0, 450.0, 1.0);
}

static void mdf_of_the_analytic_spectra_is_within_0_05_hz(void **state)
{
    (void)state;
    static float psd[BINS];
    assert_near(indices_of_shape(fresh, psd).mdf_hz, fresh.mdf_hz, 0.05);
    assert_near(indices_of_shape(fatigued, psd).mdf_hz, fatigued.mdf_hz, 0.05);
}

static void standard_error_on_the_analytic_spectra_is_that_of_the_delta_method(void **state)
{
    (void)state;
    static float psd[BINS];
    assert_near(indices_of_shape(fresh, psd).mdf_se_hz, 5.43, 0.05);
    assert_near(indices_of_shape(fatigued, psd).mdf_se_hz, 4.03, 0.05);
}

static void all_indices_equal_their_numerical_reference(void **state)
{
    (void)state;
    float psd[257];
    for (size_t k = 0; k < 257; k++) {
        psd[k] = (float)golden_psd_short[k];
    }
    const struct emg_fatigue_indices x = indices(psd, 257, GOLDEN_STRIDE * rate_hz / 2048.0, GOLDEN_LOW_HZ,
                                                 GOLDEN_HIGH_HZ, GOLDEN_SHORT / rate_hz);
    assert_near(x.power_uv2, GOLDEN_POWER_UV2, 1e-9 * GOLDEN_POWER_UV2);
    assert_near(x.mdf_hz, GOLDEN_MDF_HZ, 1e-7);
    assert_near(x.mdf_se_hz, GOLDEN_MDF_SE_HZ, 1e-7);
    assert_near(x.mnf_hz, GOLDEN_MNF_HZ, 1e-7);
    assert_near(x.mnf_se_hz, GOLDEN_MNF_SE_HZ, 1e-7);
    assert_near(x.ln_insm5, GOLDEN_LN_INSM5, 1e-8);
    assert_near(x.ln_insm5_se, GOLDEN_LN_INSM5_SE, 1e-7);
}

/* P = f, so that every integral has a closed form, on a grid of 50 Hz with both edges between bins. */
static void band_edges_between_bins_are_exact(void **state)
{
    (void)state;
    static const double edges[][2] = {
        {33.3, 441.7}, {0.01, 499.0}, {50.0, 450.0}, {110.0, 120.0}, {1.0, 500.0}};
    float psd[11];
    for (size_t k = 0; k < 11; k++) {
        psd[k] = 50.0F * (float)k;
    }
    for (size_t j = 0; j < sizeof edges / sizeof edges[0]; j++) {
        const double a = edges[j][0];
        const double b = edges[j][1];
        const struct emg_fatigue_indices x = indices(psd, 11, 50.0, a, b, 4.0);
        const double power = (b * b - a * a) / 2.0;
        const double mnf = (b * b * b - a * a * a) / 3.0 / power;
        const double at55 = sqrt(a * a + 1.1 * power);
        const double at45 = sqrt(a * a + 0.9 * power);
        const double square = (b * b * b - a * a * a) / 3.0;
        /* integral of (f - m)^2 f^2 */
        const double spread = (pow(b, 5) - pow(a, 5)) / 5.0 - mnf * (pow(b, 4) - pow(a, 4)) / 2.0 +
                              mnf * mnf * (pow(b, 3) - pow(a, 3)) / 3.0;

        assert_near(x.power_uv2, power, 1e-10 * power);
        assert_near(x.mdf_hz, sqrt((a * a + b * b) / 2.0), 1e-8);
        assert_near(x.mnf_hz, mnf, 1e-8);
        assert_near(x.ln_insm5, log((b - a) / ((pow(b, 7) - pow(a, 7)) / 7.0)), 1e-9);
        assert_near(x.mdf_se_hz, sqrt(square / 4.0) / (2.0 * 0.1 * power / (at55 - at45)), 1e-7);
        assert_near(x.mnf_se_hz, sqrt(spread / 4.0) / power, 1e-7);
    }
}

static void indices_scale_with_power_and_time_as_they_must(void **state)
{
    (void)state;
    static float psd[BINS];
    const double df_hz = rate_hz / 2048.0;
    const struct emg_fatigue_indices x = indices_of_shape(fresh, psd);
    const struct emg_fatigue_indices longer = indices(psd, BINS, df_hz, 20.0, 450.0, 4.0);
    for (size_t k = 0; k < BINS; k++) {
        psd[k] *= 0x1p-40F;
    }
    const struct emg_fatigue_indices weak = indices(psd, BINS, df_hz, 20.0, 450.0, 1.0);

    assert_near(longer.mdf_se_hz, x.mdf_se_hz / 2.0, 1e-12);
    assert_near(longer.mnf_se_hz, x.mnf_se_hz / 2.0, 1e-12);
    assert_near(weak.power_uv2, x.power_uv2 * 0x1p-40, 1e-25);
    assert_near(weak.mdf_hz, x.mdf_hz, 1e-9);
    assert_near(weak.mdf_se_hz, x.mdf_se_hz, 1e-9);
    assert_near(weak.mnf_hz, x.mnf_hz, 1e-9);
    assert_near(weak.ln_insm5, x.ln_insm5, 1e-9);
}

/* Of V(1), 4 W / 3 at the median is not there. */
static void spectral_window_makes_the_standard_error_smaller(void **state)
{
    (void)state;
    static float psd[BINS];
    const struct emg_fatigue_indices x = indices_of_shape(fresh, psd);
    struct emg_fatigue_spectrum s = {.psd = psd,
                                     .n_bins = BINS,
                                     .df_hz = rate_hz / 2048.0,
                                     .low_hz = 20,
                                     .high_hz = 450,
                                     .seconds = 1,
                                     .dof = (double)INFINITY,
                                     .bandwidth_hz = 8};
    const struct emg_fatigue_indices smooth = emg_fatigue_indices(&s);
    /* SE^2 = V / (4 P^2): the density at the median cancels */
    assert_near(x.mdf_se_hz * x.mdf_se_hz - smooth.mdf_se_hz * smooth.mdf_se_hz, 8.0 / 3.0, 1e-6);
    assert_true(smooth.mnf_se_hz == x.mnf_se_hz && smooth.ln_insm5_se == x.ln_insm5_se);
    s.bandwidth_hz = 1000;
    assert_near(emg_fatigue_indices(&s).mdf_se_hz, 0.5 * x.mdf_se_hz, 1e-9);
}

static void index_rises_and_frequencies_fall_with_fatigue(void **state)
{
    (void)state;
    static float psd[BINS];
    const struct emg_fatigue_indices before = indices_of_shape(fresh, psd);
    const struct emg_fatigue_indices after = indices_of_shape(fatigued, psd);
    assert_true(after.ln_insm5 > before.ln_insm5 + 1.0);
    assert_true(after.mnf_hz < before.mnf_hz - 20.0);
}

/* Signal over rest: the indices are those of the difference, negative parts and all. */
static void noise_is_subtracted_and_widens_the_standard_errors(void **state)
{
    (void)state;
    static float signal[BINS], noise[BINS], both[BINS];
    const double df_hz = rate_hz / 2048.0;
    const struct emg_fatigue_indices clean = indices_of_shape(fresh, signal);
    const double level = clean.power_uv2 / 10 / 430; /* 10 dB in the band */
    for (size_t k = 0; k < BINS; k++) {
        noise[k] = (float)level;
        both[k] = signal[k] + noise[k];
    }
    struct emg_fatigue_spectrum s = {.psd = both,
                                     .noise = noise,
                                     .n_bins = BINS,
                                     .df_hz = df_hz,
                                     .low_hz = 20,
                                     .high_hz = 450,
                                     .seconds = 1,
                                     .dof = (double)INFINITY,
                                     .noise_seconds = 4,
                                     .noise_dof = (double)INFINITY};
    const struct emg_fatigue_indices x = emg_fatigue_indices(&s);
    assert_near(x.mdf_hz, clean.mdf_hz, 1e-4);
    assert_near(x.mnf_hz, clean.mnf_hz, 1e-4);
    assert_near(x.ln_insm5, clean.ln_insm5, 1e-5);
    assert_near(x.noise_uv2, level * 430, 1e-6 * level * 430);
    assert_true(isnan(clean.noise_uv2));

    double total = 0; /* V(1) by the trapezoidal rule on a fine grid */
    for (double f = 20.005; f < 450; f += 0.01) {
        const double p = 1e-3 * shape_psd(fresh, f) + level;
        total += 0.01 * (p * p + level * level / 4);
    }
    double plain = 0;
    for (double f = 20.005; f < 450; f += 0.01)
        plain += 0.01 * 1e-6 * shape_psd(fresh, f) * shape_psd(fresh, f);
    assert_near(x.mdf_se_hz / clean.mdf_se_hz, sqrt(total / plain), 1e-3);
    assert_true(x.mnf_se_hz > clean.mnf_se_hz && x.ln_insm5_se > clean.ln_insm5_se);

    s.psd = noise;
    s.noise = both;
    assert_all_nan(emg_fatigue_indices(&s)); /* no power is left */
    noise[30] = NAN;
    s.psd = both;
    s.noise = noise;
    assert_all_nan(emg_fatigue_indices(&s));
}

static void single_line_is_its_own_median_and_a_gap_at_the_median_is_survived(void **state)
{
    (void)state;
    float psd[257] = {0};
    psd[25] = 3.0F;
    struct emg_fatigue_indices x = indices(psd, 257, 4.0, 20.0, 450.0, 1.0);
    assert_near(x.power_uv2, 12.0, 1e-9);
    assert_near(x.mdf_hz, 100.0, 1e-9);
    assert_near(x.mnf_hz, 100.0, 1e-9);

    psd[50] = 3.0F;
    x = indices(psd, 257, 4.0, 20.0, 450.0, 1.0);
    assert_all_finite(x);
    assert_true(x.mdf_hz >= 104.0 - 1e-6 && x.mdf_hz <= 196.0 + 1e-6);
    assert_true(x.mdf_se_hz > 50.0);
}

static void spectra_without_an_answer_give_nan(void **state)
{
    (void)state;
    static float psd[257];
    assert_all_nan(indices(psd, 257, 4.0, 20.0, 450.0, 1.0)); /* no power */
    for (size_t k = 0; k < 257; k++) {
        psd[k] = -1.0F;
    }
    assert_all_nan(indices(psd, 257, 4.0, 20.0, 450.0, 1.0));
    for (size_t k = 0; k < 257; k++) {
        psd[k] = 1.0F;
    }
    /* 20..450 Hz touches bins 5..113. */
    psd[4] = NAN;
    psd[114] = INFINITY;
    assert_all_finite(indices(psd, 257, 4.0, 20.0, 450.0, 1.0));
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const size_t touched[] = {5, 60, 113};
    for (size_t j = 0; j < 3; j++) {
        for (size_t i = 0; i < 3; i++) {
            psd[touched[i]] = bad[j];
            assert_all_nan(indices(psd, 257, 4.0, 20.0, 450.0, 1.0));
            psd[touched[i]] = 1.0F;
        }
    }
}

static void bands_outside_the_spectrum_give_nan(void **state)
{
    (void)state;
    static float psd[257];
    for (size_t k = 0; k < 257; k++) {
        psd[k] = 1.0F;
    }
    assert_all_nan(indices(psd, 257, 4.0, 0.0, 450.0, 1.0));
    assert_all_nan(indices(psd, 257, 4.0, 450.0, 450.0, 1.0));
    assert_all_nan(indices(psd, 257, 4.0, 450.0, 20.0, 1.0));
    assert_all_nan(indices(psd, 257, 4.0, 1024.0, 2000.0, 1.0));
    assert_all_nan(indices(psd, 257, 4.0, (double)NAN, 450.0, 1.0));
    assert_all_nan(indices(psd, 257, 4.0, 20.0, (double)NAN, 1.0));
    assert_all_nan(indices(psd, 257, 0.0, 20.0, 450.0, 1.0));
    assert_all_nan(indices(psd, 1, 4.0, 1.0, 2.0, 1.0));
    /* Up to the last bin, also where rounding put the edge a little beyond it. */
    assert_near(indices(psd, 257, 4.0, 24.0, 1024.0, 1.0).mdf_hz, 524.0, 1e-9);
    assert_near(indices(psd, 257, 4.0, 24.0, 1024.0000001, 1.0).mdf_hz, 524.0, 1e-9);
}

static void without_a_duration_only_the_standard_errors_are_nan(void **state)
{
    (void)state;
    static float psd[BINS];
    static const double none[] = {0.0, -1.0, (double)NAN};
    (void)indices_of_shape(fresh, psd);
    for (size_t j = 0; j < 3; j++) {
        const struct emg_fatigue_indices x = indices(psd, BINS, rate_hz / 2048.0, 20.0, 450.0, none[j]);
        assert_true(isnan(x.mdf_se_hz) && isnan(x.mnf_se_hz));
        assert_true(isfinite(x.mdf_hz) && isfinite(x.mnf_hz) && isfinite(x.ln_insm5));
    }
}

/* Gaussian noise by synthesis in the frequency domain: complex normal numbers times sqrt(P), back to time. */
#define SYNTH 4096

static double uniform(uint64_t *random)
{
    *random += 0x9E3779B97F4A7C15U;
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

struct synth {
    fftwf_complex *freq;
    float *time;
    fftwf_plan plan;
    uint64_t random;
};

static void synth_open(struct synth *s, uint64_t seed)
{
    s->freq = fftwf_malloc((SYNTH / 2 + 1) * sizeof *s->freq);
    s->time = fftwf_malloc(SYNTH * sizeof *s->time);
    s->plan = fftwf_plan_dft_c2r_1d(SYNTH, s->freq, s->time, FFTW_ESTIMATE);
    s->random = seed;
}

static const float *synth_run(struct synth *s, struct shape shape)
{
    for (size_t k = 0; k <= SYNTH / 2; k++) {
        const double amplitude = sqrt(shape_psd(shape, (double)k * rate_hz / SYNTH));
        const double radius = amplitude * sqrt(-2.0 * log(uniform(&s->random)));
        const double angle = 2.0 * pi * uniform(&s->random);
        s->freq[k][0] = (float)(radius * cos(angle));
        s->freq[k][1] = (float)(radius * sin(angle));
    }
    fftwf_execute(s->plan);
    return s->time;
}

static void synth_close(struct synth *s)
{
    fftwf_destroy_plan(s->plan);
    fftwf_free(s->freq);
    fftwf_free(s->time);
}

struct outcome {
    double mdf_bias_hz, mdf_sd_hz, mdf_se_ratio;
    double mnf_sd_hz, mnf_se_ratio;
};

/* 500 spectra of two adjacent slices of 0.5 s, four tapers. */
static struct outcome monte_carlo(struct shape shape)
{
    enum { trials = 500 };
    const struct emg_spectrum_config config = {
        .rate_hz = rate_hz, .slice_s = 0.5, .tapers = 4, .pool_s = 0.99, .shortest_s = 0.1};
    static float psd[BINS];
    struct emg_spectrum *spectrum = NULL;
    struct synth synth;
    double mdf = 0.0, mdf2 = 0.0, mdf_se = 0.0, mnf = 0.0, mnf2 = 0.0, mnf_se = 0.0;

    assert_int_equal(emg_spectrum_create(&spectrum, &config), EMG_OK);
    const size_t n = emg_spectrum_slice_max(spectrum);
    synth_open(&synth, 1);
    for (size_t j = 0; j < trials; j++) {
        const float *x = synth_run(&synth, shape);
        emg_spectrum_execute(spectrum, x, n, 1);
        emg_spectrum_execute(spectrum, x + n, n, 1);
        const struct emg_spectrum_pool pool = emg_spectrum_pool(spectrum, psd);
        assert_int_equal(pool.slices, 2);
        const struct emg_fatigue_spectrum estimated = {.psd = psd,
                                                       .n_bins = BINS,
                                                       .df_hz = emg_spectrum_df_hz(spectrum),
                                                       .low_hz = 20.0,
                                                       .high_hz = 450.0,
                                                       .seconds = pool.effective_s,
                                                       .dof = pool.dof,
                                                       .bandwidth_hz = pool.bandwidth_hz};
        const struct emg_fatigue_indices i = emg_fatigue_indices(&estimated);
        mdf += i.mdf_hz / trials;
        mdf2 += i.mdf_hz * i.mdf_hz / trials;
        mdf_se += i.mdf_se_hz / trials;
        mnf += i.mnf_hz / trials;
        mnf2 += i.mnf_hz * i.mnf_hz / trials;
        mnf_se += i.mnf_se_hz / trials;
    }
    synth_close(&synth);
    emg_spectrum_destroy(spectrum);

    struct outcome out = {.mdf_bias_hz = mdf - shape.mdf_hz, .mdf_sd_hz = sqrt(mdf2 - mdf * mdf)};
    out.mnf_sd_hz = sqrt(mnf2 - mnf * mnf);
    out.mdf_se_ratio = mdf_se / out.mdf_sd_hz;
    out.mnf_se_ratio = mnf_se / out.mnf_sd_hz;
    print_message("MDF %.2f Hz: bias %.2f, SD %.2f, SE/SD %.3f; MNF: SD %.2f, SE/SD %.3f\n", shape.mdf_hz,
                  out.mdf_bias_hz, out.mdf_sd_hz, out.mdf_se_ratio, out.mnf_sd_hz, out.mnf_se_ratio);
    return out;
}

static void one_second_of_fresh_signal_reaches_the_accuracy_promised(void **state)
{
    (void)state;
    const struct outcome x = monte_carlo(fresh);
    assert_near(x.mdf_bias_hz, 0.0, 0.7);
    assert_true(x.mdf_sd_hz <= 6.0);
    assert_near(x.mdf_se_ratio, 1.0, 0.1);
    assert_near(x.mnf_se_ratio, 1.0, 0.1);
}

static void one_second_of_fatigued_signal_reaches_the_accuracy_promised(void **state)
{
    (void)state;
    const struct outcome x = monte_carlo(fatigued);
    assert_near(x.mdf_bias_hz, 0.0, 0.8);
    assert_true(x.mdf_sd_hz <= 4.3);
    assert_near(x.mdf_se_ratio, 1.0, 0.1);
    assert_near(x.mnf_se_ratio, 1.0, 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mdf_of_the_analytic_spectra_is_within_0_05_hz),
        cmocka_unit_test(standard_error_on_the_analytic_spectra_is_that_of_the_delta_method),
        cmocka_unit_test(all_indices_equal_their_numerical_reference),
        cmocka_unit_test(band_edges_between_bins_are_exact),
        cmocka_unit_test(indices_scale_with_power_and_time_as_they_must),
        cmocka_unit_test(spectral_window_makes_the_standard_error_smaller),
        cmocka_unit_test(index_rises_and_frequencies_fall_with_fatigue),
        cmocka_unit_test(noise_is_subtracted_and_widens_the_standard_errors),
        cmocka_unit_test(single_line_is_its_own_median_and_a_gap_at_the_median_is_survived),
        cmocka_unit_test(spectra_without_an_answer_give_nan),
        cmocka_unit_test(bands_outside_the_spectrum_give_nan),
        cmocka_unit_test(without_a_duration_only_the_standard_errors_are_nan),
        cmocka_unit_test(one_second_of_fresh_signal_reaches_the_accuracy_promised),
        cmocka_unit_test(one_second_of_fatigued_signal_reaches_the_accuracy_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
