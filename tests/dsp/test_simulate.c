#include "dsp/simulate.h"

#include <fftw3.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct emg_simulate_config static_config(double rate_hz)
{
    return (struct emg_simulate_config){.rate_hz = rate_hz,
                                        .seed = 11,
                                        .course = EMG_SIMULATE_STATIC,
                                        .rms_uv = 100,
                                        .fl_hz = 60,
                                        .fh_hz = 120,
                                        .fatigue_s = 100,
                                        .cycle_s = 0.7,
                                        .burst_length = 0.4,
                                        .ramp_s = 2};
}

static struct emg_simulate *make(const struct emg_simulate_config *config)
{
    struct emg_simulate *q = NULL;
    assert_int_equal(emg_simulate_create(&q, config), EMG_OK);
    return q;
}

/* The caller frees. */
static float *run(const struct emg_simulate_config *config, size_t n)
{
    struct emg_simulate *q = make(config);
    float *y = malloc(n * sizeof *y);
    assert_non_null(y);
    emg_simulate_execute(q, y, 1, n);
    emg_simulate_destroy(q);
    return y;
}

static double rms(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)n);
}

static void refuses_values_outside_their_ranges(void **state)
{
    (void)state;
    struct emg_simulate *q = (struct emg_simulate *)1;
    struct emg_simulate_config bad = static_config(2000);
    bad.rate_hz = 999;
    assert_int_equal(emg_simulate_create(&q, &bad), EMG_ERROR_ARGUMENT);
    assert_null(q);
    bad = static_config(2000);
    bad.fh_hz = 1000;
    assert_int_equal(emg_simulate_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = static_config(2000);
    bad.fatigue = 1;
    assert_int_equal(emg_simulate_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = static_config(2000);
    bad.rms_uv = NAN;
    assert_int_equal(emg_simulate_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = static_config(2000);
    bad.course = EMG_SIMULATE_STRIDE;
    bad.cycle_s = 0;
    assert_int_equal(emg_simulate_create(&q, &bad), EMG_ERROR_ARGUMENT);
    emg_simulate_destroy(NULL);
}

static void the_closed_form_has_the_power_and_the_medians_of_the_literature(void **state)
{
    (void)state;
    double power = 0;
    for (double f = 0.05; f < 20000; f += 0.1)
        power += 0.1 * emg_simulate_psd(f, 60, 120, 100);
    assert_true(fabs(power - 1e4) < 10);
    assert_true(fabs(emg_simulate_mdf_hz(60, 120, 20, 450) - 95.67) < 0.01);
    assert_true(fabs(emg_simulate_mdf_hz(30, 60, 20, 450) - 51.83) < 0.01);
}

/* Averaged Hann periodograms of 0.512 s against the closed form folded at Nyquist. */
static void has_the_spectrum_of_the_closed_form_at_every_rate(void **state)
{
    (void)state;
    static const double rates_hz[] = {1000, 2000, 48000};
    for (size_t r = 0; r < sizeof rates_hz / sizeof rates_hz[0]; r++) {
        const double rate_hz = rates_hz[r];
        const size_t length = (size_t)(rate_hz * 0.512), segments = 400;
        const struct emg_simulate_config config = static_config(rate_hz);
        float *x = run(&config, length * segments);
        float *windowed = fftwf_malloc(length * sizeof *windowed);
        fftwf_complex *spectrum = fftwf_malloc((length / 2 + 1) * sizeof *spectrum);
        double *psd = calloc(length / 2 + 1, sizeof *psd);
        fftwf_plan plan = fftwf_plan_dft_r2c_1d((int)length, windowed, spectrum, FFTW_ESTIMATE);
        for (size_t s = 0; s < segments; s++) {
            for (size_t i = 0; i < length; i++)
                windowed[i] = (float)((double)x[s * length + i] * sin(M_PI * (double)i / (double)length) *
                                      sin(M_PI * (double)i / (double)length));
            fftwf_execute(plan);
            for (size_t k = 0; k <= length / 2; k++)
                psd[k] += 2 * (double)(spectrum[k][0] * spectrum[k][0] + spectrum[k][1] * spectrum[k][1]) /
                          (0.375 * (double)length * rate_hz * (double)segments);
        }
        /* bands of about 20 Hz: 1.5 independent bins each x 400 segments */
        const double df = rate_hz / (double)length;
        for (size_t k = (size_t)(10 / df); (double)(k + 10) * df < fmin(600, 0.48 * rate_hz); k += 10) {
            double measured = 0, truth = 0;
            for (size_t j = k; j < k + 10; j++) {
                measured += psd[j];
                for (int fold = 0; fold < 4; fold++) {
                    truth += emg_simulate_psd((double)j * df + fold * rate_hz, 60, 120, 100);
                    truth += emg_simulate_psd((fold + 1) * rate_hz - (double)j * df, 60, 120, 100);
                }
            }
            assert_true(fabs(measured / truth - 1) < 0.10);
        }
        fftwf_destroy_plan(plan);
        free(psd);
        fftwf_free(spectrum);
        fftwf_free(windowed);
        free(x);
    }
}

/* Far above its peak the spectrum falls by 12 dB an octave, at 192 kHz to 1e-14: an error in the nearly
 * singular noise of one step would show there first. */
static void follows_the_closed_form_up_to_nyquist(void **state)
{
    (void)state;
    static const size_t LENGTH = 4096, SEGMENTS = 60;
    static const double rates_hz[] = {48000, 192000}, fls_hz[] = {60, 15};
    float *windowed = fftwf_malloc(LENGTH * sizeof *windowed);
    fftwf_complex *spectrum = fftwf_malloc((LENGTH / 2 + 1) * sizeof *spectrum);
    fftwf_plan plan = fftwf_plan_dft_r2c_1d((int)LENGTH, windowed, spectrum, FFTW_ESTIMATE);
    double *measured = malloc((LENGTH / 2 + 1) * sizeof *measured);
    assert_non_null(measured);
    for (size_t r = 0; r < sizeof rates_hz / sizeof rates_hz[0]; r++) {
        struct emg_simulate_config config = static_config(rates_hz[r]);
        config.fl_hz = fls_hz[r];
        config.fh_hz = 2 * fls_hz[r];
        float *x = run(&config, LENGTH * SEGMENTS);
        memset(measured, 0, (LENGTH / 2 + 1) * sizeof *measured);
        for (size_t s = 0; s < SEGMENTS; s++) {
            for (size_t i = 0; i < LENGTH; i++)
                windowed[i] =
                    (float)((double)x[s * LENGTH + i] * pow(sin(M_PI * (double)i / (double)LENGTH), 2));
            fftwf_execute(plan);
            for (size_t k = 0; k <= LENGTH / 2; k++)
                measured[k] += 2 *
                               (double)(spectrum[k][0] * spectrum[k][0] + spectrum[k][1] * spectrum[k][1]) /
                               (0.375 * (double)(LENGTH * SEGMENTS) * rates_hz[r]);
        }
        for (size_t low = LENGTH / 32; low < LENGTH / 2; low *= 2) { /* octaves */
            double ratio = 0;
            for (size_t k = low; k < 2 * low; k++) {
                const double f = (double)k * rates_hz[r] / (double)LENGTH;
                double truth = 0;
                for (int fold = 0; fold < 20; fold++) {
                    truth += emg_simulate_psd(f + fold * rates_hz[r], config.fl_hz, config.fh_hz, 100);
                    truth += emg_simulate_psd((fold + 1) * rates_hz[r] - f, config.fl_hz, config.fh_hz, 100);
                }
                ratio += measured[k] / truth / (double)low;
            }
            assert_true(fabs(ratio - 1) < 0.10);
        }
        free(x);
    }
    free(measured);
    fftwf_destroy_plan(plan);
    fftwf_free(spectrum);
    fftwf_free(windowed);
}

static void the_noise_is_white_and_gaussian(void **state)
{
    (void)state;
    /* P(|x| > 1, 2, 3, 4 SD); the ziggurat's tail begins at 3.44 SD */
    static const double beyond[] = {0.317311, 0.0455003, 0.00269980, 6.33425e-5};
    enum { N = 2000000 };
    struct emg_simulate_config config = static_config(1000);
    config.course = EMG_SIMULATE_REST;
    config.noise_uv = 1;
    float *x = run(&config, N);
    size_t count[4] = {0};
    double product = 0, sum = 0;
    for (size_t i = 1; i < N; i++) {
        for (size_t k = 0; k < 4; k++)
            count[k] += fabsf(x[i]) > (float)(k + 1);
        product += (double)x[i] * (double)x[i - 1];
        sum += (double)x[i];
    }
    for (size_t k = 0; k < 4; k++)
        assert_true(fabs((double)count[k] - beyond[k] * N) < 4 * sqrt(beyond[k] * N));
    assert_true(fabs(product) < 4 * sqrt(N));
    assert_true(fabs(sum) < 4 * sqrt(N));
    free(x);
}

static void has_the_asked_rms_and_noise_density(void **state)
{
    (void)state;
    static const double rates_hz[] = {1000, 48000, 192000};
    for (size_t r = 0; r < sizeof rates_hz / sizeof rates_hz[0]; r++) {
        struct emg_simulate_config config = static_config(rates_hz[r]);
        const size_t n = (size_t)(rates_hz[r] * (r == 0 ? 400 : 40)), n_noise = 100000;
        float *x = run(&config, n);
        assert_true(fabs(rms(x, n) - 100) < (r == 0 ? 0.6 : 1.5)); /* 3 standard errors */
        free(x);
        config.course = EMG_SIMULATE_REST;
        config.noise_uv = 3;
        x = run(&config, n_noise);
        assert_true(fabs(rms(x, n_noise) / (3 * sqrt(rates_hz[r] / 1000)) - 1) < 0.01);
        free(x);
    }
}

static void bursts_come_once_a_cycle_at_their_phase(void **state)
{
    (void)state;
    struct emg_simulate_config config = static_config(2000);
    config.course = EMG_SIMULATE_STRIDE;
    config.burst_start = 0.8; /* runs over the end of its cycle */
    const size_t cycle = 1400, cycles = 200;
    float *x = run(&config, cycle * cycles);
    double power[1400] = {0};
    for (size_t i = cycle; i < cycle * cycles; i++)
        power[i % cycle] += (double)x[i] * (double)x[i] / (double)(cycles - 1);
    /* 40 % of the cycle from 80 % on; rest elsewhere; full amplitude between the edges */
    for (size_t i = 0; i < cycle; i++) {
        const double since = fmod((double)i / 1400 - 0.8 + 1, 1) / 0.4;
        if (since > 1.01 && since < 2.49)
            assert_true(power[i] < 1e-6);
    }
    double middle = 0;
    for (size_t i = 0; i < 196; i++) /* from 20 % to 55 % of the burst */
        middle += power[(1120 + 112 + i) % cycle] / 196;
    assert_true(fabs(sqrt(middle) - 100) < 3);
    double edges = 0, truth = 0; /* raised cosines over 84 samples at each end of the burst's 560 */
    for (size_t i = 0; i < 84; i++) {
        const double amplitude = 0.5 - 0.5 * cos(M_PI * (double)i / 84);
        const double weight = 84.0 - (double)i; /* the foot counts most */
        edges += weight * (power[(1120 + i) % cycle] + power[(1120 + 560 - i) % cycle]);
        truth += weight * 2e4 * amplitude * amplitude;
    }
    assert_true(fabs(edges / truth - 1) < 0.1);
    free(x);
}

/* Start of each burst, in samples. */
static size_t find_starts(const float *x, size_t n, size_t *starts, size_t most)
{
    size_t count = 0, silent = 0;
    for (size_t i = 0; i < n && count < most; i++) {
        if (x[i] != 0 && silent > 100)
            starts[count++] = i;
        silent = x[i] == 0 ? silent + 1 : 0;
    }
    return count;
}

static void cycles_vary_as_asked_and_channels_with_one_cycle_seed_keep_step(void **state)
{
    (void)state;
    enum { MOST = 300 };
    static size_t left[MOST], right[MOST], other[MOST];
    struct emg_simulate_config config = static_config(1000);
    config.course = EMG_SIMULATE_STRIDE;
    config.cycle_cv = 0.05;
    config.burst_start = 0.3;
    config.cycle_seed = 5;
    const size_t n = 700 * MOST;
    float *x = run(&config, n);
    const size_t count = find_starts(x, n, left, MOST);
    free(x);
    config.seed = 12;
    x = run(&config, n);
    assert_int_equal(find_starts(x, n, right, MOST), count);
    free(x);
    config.cycle_seed = 6;
    x = run(&config, n);
    (void)find_starts(x, n, other, MOST);
    free(x);
    double sum = 0, square = 0;
    size_t apart = 0;
    for (size_t i = 1; i < count; i++) {
        const double cycle = (double)(left[i] - left[i - 1]);
        sum += cycle;
        square += cycle * cycle;
        assert_true(left[i] <= right[i] + 1 && right[i] <= left[i] + 1);
        apart += other[i] > left[i] + 5 || left[i] > other[i] + 5;
    }
    const double mean = sum / (double)(count - 1);
    const double cv = sqrt(square / (double)(count - 1) - mean * mean) / mean;
    assert_true(fabs(mean - 700) < 10);
    assert_true(cv > 0.03 && cv < 0.07);
    assert_true(apart > count / 2);
}

static void tells_the_phase_that_its_bursts_keep_to_and_changes_no_sample_by_it(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct emg_simulate_config config = static_config(1000);
    config.course = EMG_SIMULATE_STRIDE;
    config.cycle_cv = 0.1;
    config.cycle_seed = 5;
    config.burst_start = 0.3;
    float *x = run(&config, N);
    struct emg_simulate *asked = make(&config);
    config.rms_uv = 0; /* a clock alone keeps the same cycles, however seldom it is asked */
    struct emg_simulate *clock = make(&config);
    size_t strikes = 0;
    double last = -1;
    for (size_t i = 0; i < N; i++) {
        float y, nothing;
        const double phase = emg_simulate_phase(asked);
        if (i % 997 == 0)
            assert_true(emg_simulate_phase(clock) == phase);
        emg_simulate_execute(clock, &nothing, 1, 1);
        emg_simulate_execute(asked, &y, 1, 1);
        assert_true(y == x[i]);
        assert_true(phase >= 0 && phase < 1);
        assert_true((y != 0) == (phase > 0.3 && phase < 0.7) || fabs(fabs(phase - 0.5) - 0.2) < 0.01);
        strikes += phase < last;
        last = phase;
    }
    assert_true(strikes > 50 && strikes < 65); /* 40 s of 0.7 s */
    emg_simulate_destroy(clock);
    emg_simulate_destroy(asked);
    free(x);
    config.course = EMG_SIMULATE_STATIC;
    struct emg_simulate *still = make(&config);
    assert_true(isnan(emg_simulate_phase(still)));
    emg_simulate_destroy(still);
}

static void a_ramp_rises_holds_falls_and_rests(void **state)
{
    (void)state;
    struct emg_simulate_config config = static_config(2000);
    config.course = EMG_SIMULATE_RAMP;
    config.ramp_s = 20;
    float *x = run(&config, 160000);
    assert_true(fabs(rms(x + 19000, 2000) - 50) < 8); /* half way up */
    assert_true(fabs(rms(x + 40000, 40000) - 100) < 4);
    assert_true(fabs(rms(x + 99000, 2000) - 50) < 8);
    assert_true(rms(x + 120000, 40000) == 0);
    free(x);
}

static void fatigue_lowers_the_spectrum_and_not_the_amplitude(void **state)
{
    (void)state;
    struct emg_simulate_config config = static_config(2000);
    config.fatigue = 0.5;
    config.fatigue_s = 20;
    const size_t n = 2000 * 200;
    float *x = run(&config, n);
    /* zero crossings follow the spectrum's second moment, so their rate halves with the corner frequencies */
    size_t early = 0, late = 0;
    for (size_t i = 1; i < 4000; i++)
        early += (x[i] > 0) != (x[i - 1] > 0);
    for (size_t i = n - 39999; i < n; i++)
        late += (x[i] > 0) != (x[i - 1] > 0);
    const double ratio = (double)late / 10 / (double)early;
    assert_true(ratio > 0.45 && ratio < 0.65);
    assert_true(fabs(rms(x, n / 10) - 100) < 5);
    assert_true(fabs(rms(x + n / 2, n / 2) - 100) < 3);
    free(x);
}

static void gives_the_same_samples_however_the_calls_are_cut_and_after_reset(void **state)
{
    (void)state;
    enum { N = 20000, STRIDE = 3 };
    struct emg_simulate_config config = static_config(2000);
    config.course = EMG_SIMULATE_STRIDE;
    config.cycle_cv = 0.1;
    config.fatigue = 0.3;
    config.noise_uv = 2;
    float *whole = run(&config, N);
    struct emg_simulate *q = make(&config);
    float *pieces = calloc(N * STRIDE, sizeof *pieces);
    for (int round = 0; round < 2; round++) {
        uint32_t random = 9;
        for (size_t done = 0; done < N;) {
            random = random * 1664525U + 1013904223U;
            size_t take = (random >> 8) % 300;
            take = take < N - done ? take : N - done;
            emg_simulate_execute(q, pieces + done * STRIDE, STRIDE, take);
            done += take;
        }
        for (size_t i = 0; i < N; i++) {
            assert_true(pieces[i * STRIDE] == whole[i]);
            assert_true(pieces[i * STRIDE + 1] == 0);
        }
        emg_simulate_reset(q);
    }
    config.seed++;
    float *other = run(&config, N);
    assert_memory_not_equal(other, whole, N * sizeof *other);
    free(other);
    free(pieces);
    free(whole);
    emg_simulate_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_values_outside_their_ranges),
        cmocka_unit_test(the_closed_form_has_the_power_and_the_medians_of_the_literature),
        cmocka_unit_test(has_the_spectrum_of_the_closed_form_at_every_rate),
        cmocka_unit_test(follows_the_closed_form_up_to_nyquist),
        cmocka_unit_test(the_noise_is_white_and_gaussian),
        cmocka_unit_test(has_the_asked_rms_and_noise_density),
        cmocka_unit_test(bursts_come_once_a_cycle_at_their_phase),
        cmocka_unit_test(cycles_vary_as_asked_and_channels_with_one_cycle_seed_keep_step),
        cmocka_unit_test(tells_the_phase_that_its_bursts_keep_to_and_changes_no_sample_by_it),
        cmocka_unit_test(a_ramp_rises_holds_falls_and_rests),
        cmocka_unit_test(fatigue_lowers_the_spectrum_and_not_the_amplitude),
        cmocka_unit_test(gives_the_same_samples_however_the_calls_are_cut_and_after_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
