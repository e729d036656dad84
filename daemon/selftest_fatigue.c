#include "daemon/selftest_trials.h"

#include <math.h>
#include <stdlib.h>

/* A stride of 0.72 s with a burst of 250 ms. */
static const double CYCLE_S = 0.72;
static const double BURST_S = 0.25;

static struct emg_simulate_config strides_of(const struct emg_selftest_shape *shape, uint64_t seed,
                                             double snr_db)
{
    struct emg_simulate_config emg = emg_selftest_emg(shape, seed);
    emg.course = EMG_SIMULATE_STRIDE;
    emg.cycle_s = CYCLE_S;
    emg.cycle_cv = 0.02;
    emg.burst_start = 0.2;
    emg.burst_length = BURST_S / CYCLE_S;
    emg.noise_uv = emg_selftest_noise_uv(emg.rms_uv * pow(10, -snr_db / 20));
    return emg;
}

static void ten_strides(struct emg_selftest *test)
{
    static const double sd_hz[] = {4.3, 3.0};
    for (size_t i = 0; i < 2; i++) {
        const struct emg_selftest_shape *shape = &emg_selftest_shapes[i];
        const struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_AUTO, 10 * BURST_S);
        const size_t n = (size_t)(24 * CYCLE_S * EMG_SELFTEST_RATE_HZ);
        struct emg_tally mdf = {0}, se = {0}, snr = {0};
        for (unsigned trial = 0; trial < 2 * test->options.trials; trial++) {
            const struct emg_simulate_config emg = strides_of(shape, 1000 + trial, 10);
            float *x = emg_selftest_signal(&emg, n);
            struct emg_muscle *m = emg_selftest_make_muscle(&config);
            emg_muscle_execute(m, x, n);
            const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
            emg_tally_add(&mdf, f.indices.mdf_hz);
            emg_tally_add(&se, f.indices.mdf_se_hz);
            emg_tally_add(&snr, f.snr_db);
            emg_muscle_destroy(m);
            free(x);
        }
        char what[64];
        (void)snprintf(what, sizeof what, "MDF, 10 strides of 250 ms, 10 dB, %s, Hz", shape->name);
        emg_selftest_tell_spread(test, what, &mdf, emg_simulate_mdf_hz(shape->fl_hz, shape->fh_hz, 20, 450),
                                 1.5, sd_hz[i]);
        const double ratio = emg_tally_mean(&se) / emg_tally_sd(&mdf);
        emg_selftest_tell(test, what, "reported SE / SD", ratio, ratio / sqrt(2.0 * mdf.n), 0.9, 1.1);
    }
}

struct run {
    double slope_hz_per_min;
    bool is_fatiguing;  /* the verdict at the end */
    bool was_judged;    /* fatiguing or recovering at any time */
    bool excludes_zero; /* the slope's 95 % interval at the end */
};

/* Ten minutes of running; the fall of 10 % is nearly even: fl and fh follow 1 - f (1 - exp(-t / 50 min)). */
static struct run ten_minutes(double fall, uint64_t seed)
{
    const double seconds = 600, time_constant_s = 3000;
    struct emg_simulate_config emg = strides_of(&emg_selftest_shapes[0], seed, 20);
    struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_AUTO, 10);
    emg.rate_hz = 1000;
    emg.fatigue = fall / (1 - exp(-seconds / time_constant_s));
    emg.fatigue_s = time_constant_s;
    config.rate_hz = emg.rate_hz;
    struct emg_simulate *simulation = emg_selftest_make_simulate(&emg);
    struct emg_muscle *m = emg_selftest_make_muscle(&config);
    float x[1000];
    struct run run = {.slope_hz_per_min = NAN};
    for (int second = 0; second < (int)seconds; second++) {
        emg_simulate_execute(simulation, x, 1, 1000);
        emg_muscle_execute(m, x, 1000);
        const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
        run.slope_hz_per_min = f.slope_hz_per_min;
        run.is_fatiguing = f.verdict == EMG_VERDICT_FATIGUING;
        run.excludes_zero = f.slope_ci95_percent_per_min[0] > 0 || f.slope_ci95_percent_per_min[1] < 0;
        run.was_judged = run.was_judged || run.is_fatiguing || f.verdict == EMG_VERDICT_RECOVERING;
    }
    emg_muscle_destroy(m);
    emg_simulate_destroy(simulation);
    return run;
}

static void ten_minute_run(struct emg_selftest *test)
{
    const unsigned trials = test->options.trials < 500 ? test->options.trials / 8 + 2 : test->options.trials;
    struct emg_tally slope = {0};
    unsigned detected = 0, alarms = 0, excluded = 0;
    for (unsigned trial = 0; trial < trials; trial++) {
        const struct run falls = ten_minutes(0.1, 2 * trial + 1);
        emg_tally_add(&slope, falls.slope_hz_per_min);
        detected += falls.is_fatiguing;
        const struct run holds = ten_minutes(0, 2 * trial + 2);
        alarms += holds.was_judged;
        excluded += holds.excludes_zero;
    }
    const double share = 1.0 / trials;
    emg_selftest_tell_goal(test, "10 min run, MDF level, interval at the end", "excludes 0", excluded * share,
                           sqrt(0.95 * 0.05 * share), -INFINITY, 0.05);
    emg_selftest_tell(test, "10 min run, MDF down 10 %", "slope SE Hz/min", emg_tally_sd(&slope),
                      emg_tally_sd_se(&slope), -INFINITY, 0.2);
    emg_selftest_tell(test, "10 min run, MDF down 10 %, verdict at the end", "detected", detected * share,
                      sqrt(0.95 * 0.05 * share), 0.95, INFINITY);
    emg_selftest_tell(test, "10 min run, MDF level, any verdict at any time", "false alarms", alarms * share,
                      sqrt(0.95 * 0.05 * share), -INFINITY, 0.05);
}

/* The index by the closed form, and the least SD that any estimate from T seconds of signal in white noise
 * can have which takes its spectrum as unknown: sqrt(integral w^2 (P + N)^2 / T), w = f^-1 / M-1 - f^5 / M5.
 */
static double truth_ln_insm5(const struct emg_selftest_shape *shape, double snr_db, double seconds,
                             double *bound)
{
    const double step_hz = 0.01;
    double power = 0, inverse = 0, fifth = 0, variance = 0;
    for (double f = 20 + step_hz / 2; f < 450; f += step_hz) {
        const double p = step_hz * emg_simulate_psd(f, shape->fl_hz, shape->fh_hz, 1);
        power += p;
        inverse += p / f;
        fifth += p * pow(f, 5);
    }
    const double noise = power * pow(10, -snr_db / 10) / 430;
    for (double f = 20 + step_hz / 2; f < 450; f += step_hz) {
        const double p = emg_simulate_psd(f, shape->fl_hz, shape->fh_hz, 1) + noise;
        const double w = 1 / (f * inverse) - pow(f, 5) / fifth;
        variance += step_hz * w * w * p * p / seconds;
    }
    *bound = sqrt(variance);
    return log(inverse / fifth);
}

/* Bursts of half a second, rest between. */
static void spectral_index(struct emg_selftest *test)
{
    const double snr_db = 15;
    for (size_t i = 0; i < 2; i++) {
        const struct emg_selftest_shape *shape = &emg_selftest_shapes[i];
        const struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_AUTO, 2);
        const size_t n = (size_t)(12 * EMG_SELFTEST_RATE_HZ);
        struct emg_tally index = {0}, seconds = {0};
        for (unsigned trial = 0; trial < 4 * test->options.trials; trial++) {
            struct emg_simulate_config emg = strides_of(shape, 1000 + trial, snr_db);
            emg.cycle_s = 1.5;
            emg.burst_length = 0.62 / 1.5; /* of which 0.5 s are at full strength */
            float *x = emg_selftest_signal(&emg, n);
            struct emg_muscle *m = emg_selftest_make_muscle(&config);
            emg_muscle_execute(m, x, n);
            const struct emg_spectral_fatigue f = emg_muscle_fatigue(m).spectral;
            emg_tally_add(&index, f.indices.ln_insm5);
            emg_tally_add(&seconds, f.seconds);
            emg_muscle_destroy(m);
            free(x);
        }
        char what[64];
        double bound = 0;
        const double truth = truth_ln_insm5(shape, snr_db, emg_tally_mean(&seconds), &bound);
        const double sd = emg_tally_sd(&index), sd_se = emg_tally_sd_se(&index);
        (void)snprintf(what, sizeof what, "ln FInsm5, T = 2 s, 15 dB, %s", shape->name);
        emg_selftest_tell(test, what, "bias", emg_tally_mean(&index) - truth, emg_tally_mean_se(&index), -0.1,
                          0.1);
        if (bound < 0.1)
            emg_selftest_tell(test, what, "SD", sd, sd_se, -INFINITY, 0.1);
        else
            emg_selftest_tell_goal(test, what, "SD", sd, sd_se, -INFINITY, 0.1);
        emg_selftest_tell(test, what, "SD / least possible", sd / bound, sd_se / bound, -INFINITY, 1.25);
    }
}

void emg_selftest_fatigue(struct emg_selftest *test)
{
    ten_strides(test);
    ten_minute_run(test);
    spectral_index(test);
}
