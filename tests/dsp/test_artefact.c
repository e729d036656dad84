#include "dsp/artefact.h"
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

static const struct emg_artefact_config NOTHING = {.rate_hz = 2000, .seed = 7};

static struct emg_artefact *make(const struct emg_artefact_config *config)
{
    struct emg_artefact *q = NULL;
    assert_int_equal(emg_artefact_create(&q, config), EMG_OK);
    return q;
}

/* The artefacts of a silent channel. The caller frees. */
static float *run(const struct emg_artefact_config *config, size_t n)
{
    struct emg_artefact *q = make(config);
    float *y = calloc(n, sizeof *y);
    assert_non_null(y);
    emg_artefact_execute(q, y, NULL, 1, n);
    emg_artefact_destroy(q);
    return y;
}

/* White noise of 100 uV RMS. The caller frees. */
static float *noise(size_t n, uint64_t seed)
{
    const struct emg_simulate_config config = {.rate_hz = 1000,
                                               .seed = seed,
                                               .course = EMG_SIMULATE_REST,
                                               .noise_uv = 100,
                                               .fl_hz = 60,
                                               .fh_hz = 120,
                                               .fatigue_s = 1};
    struct emg_simulate *q = NULL;
    assert_int_equal(emg_simulate_create(&q, &config), EMG_OK);
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

/* RMS of the component at a frequency that has whole periods in n samples. */
static double rms_at(const float *x, size_t n, double frequency_hz, double rate_hz)
{
    double re = 0, im = 0;
    for (size_t i = 0; i < n; i++) {
        const double angle = 2 * M_PI * frequency_hz * (double)i / rate_hz;
        re += (double)x[i] * cos(angle);
        im += (double)x[i] * sin(angle);
    }
    return sqrt(2 * (re * re + im * im)) / (double)n;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not %.9g within %g", value, expected, tolerance);
}

static void refuses_values_outside_their_ranges(void **state)
{
    (void)state;
#define BAD(...)                                                                                             \
    {                                                                                                        \
        .rate_hz = 2000, __VA_ARGS__                                                                         \
    }
    static const struct emg_artefact_config bad[] = {
        {.rate_hz = 999},
        {.rate_hz = NAN},
        BAD(.crosstalk = 1.1),
        BAD(.crosstalk = -0.1),
        BAD(.crosstalk_delay_ms = 1001),
        BAD(.loss_s = -1),
        BAD(.loss_s = INFINITY),
        BAD(.loss_s = 1, .loss_period_s = 5),
        BAD(.loss_s = 1, .loss_length_s = 5, .loss_period_s = 5),
        BAD(.loss_s = 1, .loss_noise_uv = NAN),
        BAD(.loss_s = 1, .loss_mains_uv = 5),
        BAD(.mains_uv = 1),
        BAD(.mains_uv = -1, .mains_hz = 50),
        BAD(.mains_uv = 1, .mains_hz = 1000),
        BAD(.mains_uv = 1, .mains_hz = 50, .mains_drift_hz = 1),
        BAD(.mains_uv = 1, .mains_hz = 50, .mains_drift_hz = 50, .mains_drift_s = 1),
        BAD(.mains_uv = 1, .mains_hz = 50, .mains_drift_hz = -1, .mains_drift_s = 1),
        BAD(.mains_uv = 1, .mains_hz = 50, .mains_harmonics = {0, -1}),
        BAD(.motion_peak_uv = -1),
        BAD(.motion_peak_uv = 1, .motion_rate_hz = 11),
        BAD(.motion_peak_uv = 1, .motion_period_s = 0.05),
        BAD(.motion_peak_uv = 1, .motion_period_s = 1, .motion_rate_hz = 1),
        BAD(.offset_uv = NAN),
        BAD(.highpass_hz = 101),
        BAD(.highpass_hz = -1),
        BAD(.clip_uv = -1),
    };
#undef BAD
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_artefact *q = (struct emg_artefact *)1;
        if (emg_artefact_create(&q, &bad[i]) != EMG_ERROR_ARGUMENT)
            fail_msg("bad configuration %zu was taken", i);
        assert_null(q);
    }
    emg_artefact_destroy(NULL);
}

static void zeros_leave_every_sample_as_it_is(void **state)
{
    (void)state;
    enum { N = 5000 };
    float *x = noise(N, 1), *y = noise(N, 1);
    struct emg_artefact *q = make(&NOTHING);
    emg_artefact_strike(q);
    emg_artefact_execute(q, y, x, 1, N);
    assert_memory_equal(x, y, N * sizeof *x);
    emg_artefact_destroy(q);
    free(x);
    free(y);
}

static void mains_have_the_asked_rms_in_each_harmonic_and_in_all(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct emg_artefact_config config = NOTHING;
    config.mains_uv = 40;
    config.mains_hz = 50;
    const double harmonics[] = {0.1, 0.5, 0, 0.3, 0.05, 0.2, 0, 0.1};
    memcpy(config.mains_harmonics, harmonics, sizeof harmonics);
    float *x = run(&config, N);
    double sum = 1;
    assert_near(rms_at(x, N, 50, 2000), 40, 1e-4);
    for (size_t i = 0; i < 8; i++) {
        sum += harmonics[i] * harmonics[i];
        assert_near(rms_at(x, N, 50.0 * (double)(i + 2), 2000), 40 * harmonics[i], 1e-4);
    }
    assert_near(rms(x, N), 40 * sqrt(sum), 1e-3);

    config.seed++; /* other phases, the same power */
    float *other = run(&config, N);
    assert_memory_not_equal(x, other, N * sizeof *x);
    assert_near(rms(other, N), 40 * sqrt(sum), 1e-3);
    free(other);
    free(x);

    config.rate_hz = 1000; /* 540 Hz would fold to 460 */
    config.mains_hz = 60;
    x = run(&config, 20000);
    assert_near(rms_at(x, 20000, 420, 1000), 8, 1e-4);
    assert_near(rms_at(x, 20000, 460, 1000), 0, 1e-4);
    assert_near(rms(x, 20000), 40 * sqrt(sum - 0.01), 1e-3);
    free(x);
}

/* Against the frequency's numeric integral: both quadratures of the truth over 0.1 s pieces give the phase.
 */
static void drifting_mains_follow_the_course_of_their_frequency_without_a_jump(void **state)
{
    (void)state;
    enum { N = 120000, PIECE = 200 };
    struct emg_artefact_config config = NOTHING;
    config.mains_uv = 100;
    config.mains_hz = 50.2;
    config.mains_drift_hz = 0.8;
    config.mains_drift_s = 20;
    config.mains_harmonics[1] = 0.2;
    float *x = run(&config, N);
    double angle = 0, first = NAN, re = 0, im = 0, largest = 0;
    for (size_t i = 0; i < N; i++) {
        const double weight = pow(sin(M_PI * (double)(i % PIECE) / PIECE), 2);
        re += weight * (double)x[i] * cos(angle);
        im += weight * (double)x[i] * sin(angle);
        if (i % PIECE == PIECE - 1) {
            const double phase = atan2(im, re);
            if (isnan(first))
                first = phase;
            largest = fmax(largest, fabs(remainder(phase - first, 2 * M_PI)));
            re = im = 0;
        }
        const double middle_s = ((double)i + 0.5) / 2000;
        angle += 2 * M_PI * (50.2 + 0.8 * sin(2 * M_PI * middle_s / 20)) / 2000;
    }
    assert_true(largest < 0.01);
    /* the steepest slope of a 51 Hz sinusoid with its third harmonic at 2000 Hz */
    for (size_t i = 1; i < N; i++)
        assert_true(fabs((double)(x[i] - x[i - 1])) < 1.01 * sqrt(2) * 100 * 1.6 * 2 * M_PI * 51 / 2000);
    free(x);
}

static void motion_lies_under_20_hz_and_keeps_its_peak_and_its_rate(void **state)
{
    (void)state;
    enum { LENGTH = 16384, SEGMENTS = 50, N = LENGTH * SEGMENTS };
    struct emg_artefact_config config = NOTHING;
    config.motion_peak_uv = 300;
    config.motion_rate_hz = 0.5; /* apart from each other: 1 s at least */
    float *x = run(&config, N);
    float *windowed = fftwf_malloc(LENGTH * sizeof *windowed);
    fftwf_complex *spectrum = fftwf_malloc((LENGTH / 2 + 1) * sizeof *spectrum);
    fftwf_plan plan = fftwf_plan_dft_r2c_1d(LENGTH, windowed, spectrum, FFTW_ESTIMATE);
    double low = 0, middle = 0, high = 0;
    for (size_t s = 0; s < SEGMENTS; s++) {
        for (size_t i = 0; i < LENGTH; i++)
            windowed[i] = (float)((double)x[s * LENGTH + i] * pow(sin(M_PI * (double)i / LENGTH), 2));
        fftwf_execute(plan);
        for (size_t k = 0; k <= LENGTH / 2; k++) {
            const double f = (double)k * 2000 / LENGTH;
            const double power = (double)(spectrum[k][0] * spectrum[k][0] + spectrum[k][1] * spectrum[k][1]);
            *(f < 1 ? &low : f < 20 ? &middle : &high) += power;
        }
    }
    assert_true(high < 1e-3 * middle);
    assert_true(low < 0.1 * middle);

    size_t up = 0, bumps = 0, silent = 2000;
    double extreme[2] = {0, 0};
    for (size_t i = 0; i < N; i++) {
        extreme[0] = fmin(extreme[0], (double)x[i]);
        extreme[1] = fmax(extreme[1], (double)x[i]);
        if (x[i] != 0 && silent >= 500) {
            bumps++;
            up += x[i] > 0;
        }
        silent = x[i] == 0 ? silent + 1 : 0;
    }
    assert_near(extreme[0], -300, 0.1);
    assert_near(extreme[1], 300, 0.1);
    assert_near((double)bumps, 0.5 * N / 2000, 12); /* SD of an interval: 0.29 of its mean */
    assert_near((double)up / (double)bumps, 0.5, 0.12);
    fftwf_destroy_plan(plan);
    fftwf_free(spectrum);
    fftwf_free(windowed);
    free(x);
}

static void motion_keeps_to_a_period_or_to_the_strikes_that_it_is_told(void **state)
{
    (void)state;
    enum { CYCLE = 1600, CYCLES = 50, N = CYCLE * CYCLES };
    struct emg_artefact_config config = NOTHING;
    config.motion_peak_uv = 100;
    config.motion_period_s = 0.8;
    float *x = run(&config, N), *again = calloc(N, sizeof *again);
    struct emg_artefact *q = make(&config);
    emg_artefact_execute(q, again, NULL, 1, 5000);
    emg_artefact_reset(q);
    memset(again, 0, N * sizeof *again);
    emg_artefact_execute(q, again, NULL, 1, N);
    assert_memory_equal(again, x, N * sizeof *x);
    emg_artefact_destroy(q);
    free(again);
    for (size_t k = 0; k < CYCLES; k++) {
        double peak = 0;
        size_t length = 0;
        for (size_t i = 0; i < CYCLE; i++) {
            peak = fmax(peak, (double)x[k * CYCLE + i]);
            if (x[k * CYCLE + i] != 0)
                length = i;
        }
        assert_true(x[k * CYCLE + 20] > 0); /* upward first */
        assert_true(length > 395 && length < 1000);
        assert_near(peak, 100, 0.1);
    }
    free(x);

    config.motion_period_s = 0;
    q = make(&config);
    x = calloc(N, sizeof *x);
    emg_artefact_execute(q, x, NULL, 1, 333);
    emg_artefact_strike(q);
    emg_artefact_execute(q, x + 333, NULL, 1, N - 333);
    assert_true(rms(x, 334) == 0);
    assert_true(x[334] > 0 && rms(x + 333, 400) > 10);
    assert_true(rms(x + 1334, N - 1334) == 0);

    for (int i = 0; i < 100; i++) /* more than fit at a time */
        emg_artefact_strike(q);
    emg_artefact_execute(q, x, NULL, 1, N);
    for (size_t i = 0; i < N; i++)
        assert_true(fabsf(x[i]) < 16 * 100);
    emg_artefact_destroy(q);
    free(x);
}

static void crosstalk_is_a_share_of_the_neighbour_delayed(void **state)
{
    (void)state;
    enum { N = 3000, STRIDE = 2 };
    float *own = noise(N, 1), *neighbour = noise(N, 2);
    static const double delays_ms[] = {0, 2, 17.3};
    for (size_t d = 0; d < 3; d++) {
        struct emg_artefact_config config = NOTHING;
        config.crosstalk = 0.5;
        config.crosstalk_delay_ms = delays_ms[d];
        const size_t delay = (size_t)lround(delays_ms[d] * 2);
        float frames[N * STRIDE];
        for (size_t i = 0; i < N; i++) {
            frames[i * STRIDE] = own[i];
            frames[i * STRIDE + 1] = neighbour[i];
        }
        struct emg_artefact *q = make(&config);
        emg_artefact_execute(q, frames, frames + 1, STRIDE, N);
        for (size_t i = 0; i < N; i++) {
            const double added = i >= delay ? 0.5 * (double)neighbour[i - delay] : 0;
            assert_near((double)frames[i * STRIDE], (double)own[i] + added, 1e-4);
            assert_true(frames[i * STRIDE + 1] == neighbour[i]);
        }
        /* without a neighbour only what is still under way arrives */
        float rest[100] = {0};
        emg_artefact_execute(q, rest, NULL, 1, 100);
        for (size_t i = 0; i < 100; i++)
            assert_near((double)rest[i], i < delay ? 0.5 * (double)neighbour[N - delay + i] : 0, 1e-4);
        emg_artefact_destroy(q);
    }
    free(own);
    free(neighbour);
}

static void a_lost_electrode_gives_mains_and_noise_until_it_is_back(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct emg_artefact_config config = NOTHING;
    config.loss_s = 2;
    config.loss_length_s = 3;
    config.loss_period_s = 10;
    config.loss_mains_uv = 200;
    config.loss_noise_uv = 10; /* 14.14 uV RMS at 2000 Hz */
    config.mains_hz = 50;
    float *x = noise(N, 1), *y = noise(N, 1), *silent = run(&config, N);
    struct emg_artefact *q = make(&config);
    emg_artefact_execute(q, y, NULL, 1, N);
    for (size_t period = 0; period < 2; period++) {
        const size_t lost = 4000 + 20000 * period, back = lost + 6000;
        assert_memory_equal(y + lost - 4000, x + lost - 4000, 4001 * sizeof *x);
        for (size_t i = 0; i <= 20; i++) { /* 10 ms */
            assert_near((double)y[lost + i] - (double)silent[lost + i],
                        (double)x[lost + i] * (1 - (double)i / 20), 1e-3);
            assert_near((double)y[back + i] - (double)silent[back + i], (double)x[back + i] * (double)i / 20,
                        1e-3);
        }
        assert_memory_equal(y + lost + 21, silent + lost + 21, 5979 * sizeof *y); /* nothing of the EMG */
        assert_near(rms_at(y + lost + 20, 5960, 50, 2000), 200, 1.5);
        const double all = rms(y + lost + 20, 5960), mains = rms_at(y + lost + 20, 5960, 50, 2000);
        assert_near(sqrt(all * all - mains * mains), 14.142, 0.5);
        const size_t next = period == 0 ? 24000 : N;
        assert_memory_equal(y + back + 21, x + back + 21, (next - back - 21) * sizeof *x);
    }
    emg_artefact_destroy(q);

    config.loss_period_s = 0; /* for ever, and to nothing at all: a flat line */
    config.loss_length_s = 0;
    config.loss_mains_uv = config.loss_noise_uv = 0;
    memcpy(y, x, N * sizeof *y);
    q = make(&config);
    emg_artefact_execute(q, y, NULL, 1, N);
    assert_true(rms(y, 4000) > 90);
    assert_true(rms(y + 4021, N - 4021) == 0);
    emg_artefact_destroy(q);
    free(silent);
    free(y);
    free(x);
}

/* The DFT of the impulse response, taken until it has died away, against the analogue magnitude. */
static void the_front_end_has_the_magnitude_of_the_analogue_one(void **state)
{
    (void)state;
    static const double rates_hz[] = {2000, 4000, 48000, 192000}, corners_hz[] = {1, 4, 10, 20, 50, 100};
    for (size_t r = 0; r < 4; r++)
        for (size_t k = 0; k < 6; k++) {
            struct emg_artefact_config config = NOTHING;
            config.rate_hz = rates_hz[r];
            config.highpass_hz = corners_hz[k];
            const size_t n = (size_t)(2.5 * rates_hz[r] / corners_hz[k]); /* exp(-15.7) */
            float *x = calloc(n, sizeof *x);
            assert_non_null(x);
            x[0] = 1e6F;
            struct emg_artefact *q = make(&config);
            emg_artefact_execute(q, x, NULL, 1, n);
            static const double frequencies_hz[] = {1, 4, 20, 150, 450};
            for (size_t f = 0; f < sizeof frequencies_hz / sizeof frequencies_hz[0]; f++) {
                const double hz = frequencies_hz[f], step = 2 * M_PI * hz / rates_hz[r];
                double re = 0, im = 0, c = 1, s = 0;
                for (size_t i = 0; i < n; i++) {
                    re += (double)x[i] * c;
                    im += (double)x[i] * s;
                    const double next = c * cos(step) - s * sin(step);
                    s = s * cos(step) + c * sin(step);
                    c = next;
                }
                const double ratio = sqrt(re * re + im * im) / 1e6 / (hz / hypot(hz, corners_hz[k]));
                assert_near(ratio, 1, corners_hz[k] <= 20 ? 3e-5 : 6e-4);
            }
            emg_artefact_destroy(q);
            free(x);
        }
}

static void the_offset_is_removed_by_the_front_end_and_clipping_comes_last(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct emg_artefact_config config = NOTHING;
    config.offset_uv = 250;
    float *x = run(&config, N);
    for (size_t i = 0; i < N; i++)
        assert_true(x[i] == 250);
    free(x);

    config.clip_uv = 200;
    x = run(&config, N);
    for (size_t i = 0; i < N; i++)
        assert_true(x[i] == 200);
    free(x);

    config.highpass_hz = 10; /* settled: no transient at the beginning */
    x = run(&config, N);
    for (size_t i = 0; i < N; i++)
        assert_true(x[i] == 0);
    free(x);

    config.mains_uv = 300;
    config.mains_hz = 50.3;
    x = run(&config, N);
    size_t held = 0;
    for (size_t i = 0; i < N; i++) {
        assert_true(fabsf(x[i]) <= 200);
        held += fabsf(x[i]) == 200;
    }
    /* a sinusoid with a peak of 300 sqrt(2) 50 / hypot(50, 10) = 416 is beyond 200 for 1 - 2/pi asin(200/416)
     */
    assert_near((double)held / N, 1 - 2 / M_PI * asin(200 / 416.02), 0.02);
    free(x);
}

static struct emg_artefact_config everything(void)
{
    struct emg_artefact_config config = NOTHING;
    config.crosstalk = 0.3;
    config.crosstalk_delay_ms = 5;
    config.loss_s = 1;
    config.loss_length_s = 0.5;
    config.loss_period_s = 2;
    config.loss_mains_uv = 100;
    config.loss_noise_uv = 5;
    config.mains_uv = 30;
    config.mains_hz = 50;
    config.mains_drift_hz = 0.5;
    config.mains_drift_s = 7;
    config.mains_harmonics[1] = 0.5;
    config.motion_peak_uv = 200;
    config.motion_rate_hz = 5;
    config.offset_uv = 40;
    config.highpass_hz = 10;
    config.clip_uv = 300;
    return config;
}

static void gives_the_same_samples_however_the_calls_are_cut_and_after_reset(void **state)
{
    (void)state;
    enum { N = 20000, STRIDE = 3 };
    struct emg_artefact_config config = everything();
    float *whole = noise(N, 1), *neighbour = noise(N, 2);
    float *frames = malloc(sizeof(float) * N * STRIDE);
    assert_non_null(frames);
    struct emg_artefact *q = make(&config);
    emg_artefact_execute(q, whole, neighbour, 1, N);
    for (int round = 0; round < 3; round++) {
        float *x = noise(N, 1);
        for (size_t i = 0; i < N; i++) {
            frames[i * STRIDE] = x[i];
            frames[i * STRIDE + 1] = neighbour[i];
            frames[i * STRIDE + 2] = 5;
        }
        free(x);
        emg_artefact_reset(q);
        uint32_t random = 9;
        for (size_t done = 0; done < N;) {
            random = random * 1664525U + 1013904223U;
            size_t take = (random >> 8) % (round == 0 ? 2 : 300);
            take = take < N - done ? take : N - done;
            float *y = frames + done * STRIDE;
            emg_artefact_execute(q, y, y + 1, STRIDE, take);
            done += take;
        }
        for (size_t i = 0; i < N; i++) {
            assert_true(frames[i * STRIDE] == whole[i]);
            assert_true(frames[i * STRIDE + 1] == neighbour[i] && frames[i * STRIDE + 2] == 5);
        }
    }
    emg_artefact_destroy(q);
    config.seed++;
    q = make(&config);
    float *other = noise(N, 1);
    emg_artefact_execute(q, other, neighbour, 1, N);
    assert_memory_not_equal(other, whole, N * sizeof *other);
    emg_artefact_destroy(q);
    free(other);
    free(frames);
    free(neighbour);
    free(whole);
}

/* What each artefact adds alone is what it adds in company, as long as the chain is linear. */
static void one_artefacts_randomness_does_not_change_with_another(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct emg_artefact_config both = NOTHING, mains = NOTHING, motion = NOTHING;
    both.mains_uv = mains.mains_uv = 30;
    both.mains_hz = mains.mains_hz = 60;
    both.mains_harmonics[4] = 0.4;
    mains.mains_harmonics[4] = 0.4;
    both.motion_peak_uv = motion.motion_peak_uv = 100;
    both.motion_rate_hz = motion.motion_rate_hz = 3;
    float *sum = run(&both, N), *a = run(&mains, N), *b = run(&motion, N);
    for (size_t i = 0; i < N; i++)
        assert_near((double)sum[i], (double)a[i] + (double)b[i], 1e-3);
    free(sum);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_values_outside_their_ranges),
        cmocka_unit_test(zeros_leave_every_sample_as_it_is),
        cmocka_unit_test(mains_have_the_asked_rms_in_each_harmonic_and_in_all),
        cmocka_unit_test(drifting_mains_follow_the_course_of_their_frequency_without_a_jump),
        cmocka_unit_test(motion_lies_under_20_hz_and_keeps_its_peak_and_its_rate),
        cmocka_unit_test(motion_keeps_to_a_period_or_to_the_strikes_that_it_is_told),
        cmocka_unit_test(crosstalk_is_a_share_of_the_neighbour_delayed),
        cmocka_unit_test(a_lost_electrode_gives_mains_and_noise_until_it_is_back),
        cmocka_unit_test(the_front_end_has_the_magnitude_of_the_analogue_one),
        cmocka_unit_test(the_offset_is_removed_by_the_front_end_and_clipping_comes_last),
        cmocka_unit_test(gives_the_same_samples_however_the_calls_are_cut_and_after_reset),
        cmocka_unit_test(one_artefacts_randomness_does_not_change_with_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
