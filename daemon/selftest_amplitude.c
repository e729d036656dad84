#include "daemon/selftest_trials.h"

#include <math.h>
#include <stdlib.h>

/* RMS of the closed form over the band, and its equivalent bandwidth (integral P)^2 / integral P^2. */
static void truth_of(const struct emg_selftest_shape *shape, double *rms_uv, double *bandwidth_hz)
{
    double power = 0, square = 0;
    for (double f = 20.005; f < 450; f += 0.01) {
        const double p = emg_simulate_psd(f, shape->fl_hz, shape->fh_hz, EMG_SELFTEST_RMS_UV);
        power += 0.01 * p;
        square += 0.01 * p * p;
    }
    *rms_uv = sqrt(power);
    *bandwidth_hz = power * power / square;
}

static void rms(struct emg_selftest *test)
{
    const double window_s = 0.25;
    for (size_t i = 0; i < 2; i++) {
        const struct emg_selftest_shape *shape = &emg_selftest_shapes[i];
        struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_STATIC, 1);
        config.rms_s = window_s;
        const size_t n = (size_t)(1 * EMG_SELFTEST_RATE_HZ);
        struct emg_tally square = {0}, level = {0};
        for (unsigned trial = 0; trial < 16 * test->options.trials; trial++) {
            const struct emg_simulate_config emg = emg_selftest_emg(shape, 1000 + trial);
            float *x = emg_selftest_signal(&emg, n);
            struct emg_muscle *m = emg_selftest_make_muscle(&config);
            emg_muscle_execute(m, x, n);
            const double rms_uv = emg_muscle_activation(m).rms_uv;
            emg_tally_add(&level, rms_uv);
            emg_tally_add(&square, rms_uv * rms_uv);
            emg_muscle_destroy(m);
            free(x);
        }
        double rms_uv = 0, bandwidth_hz = 0;
        truth_of(shape, &rms_uv, &bandwidth_hz);
        const double gain = sqrt(emg_tally_mean(&square)) / rms_uv;
        const double theory = 1 / (2 * sqrt(bandwidth_hz * window_s));
        const double cv = emg_tally_sd(&level) / emg_tally_mean(&level);
        char what[64];
        (void)snprintf(what, sizeof what, "RMS over 0.25 s, %s", shape->name);
        emg_selftest_tell(test, what, "gain error", gain - 1,
                          emg_tally_mean_se(&square) / (2 * emg_tally_mean(&square)), -0.01, 0.01);
        emg_selftest_tell(test, what, "CV / theory", cv / theory, cv / theory / sqrt(2.0 * level.n),
                          -INFINITY, 1.1);
    }
}

struct edges {
    struct emg_tally onset_ms, offset_ms;
    unsigned bursts, wrong;
};

enum { BURSTS = 8 };
static const double FIRST_S = 1.5, PERIOD_S = 1.0, LENGTH_S = 0.3;
static const double WRONG_S = 0.1; /* an edge farther from the truth than this is wrong, and so is a burst
                                      that is missing or too many */

static float *abrupt_bursts(const struct emg_selftest_shape *shape, uint64_t seed, double snr_db, size_t n)
{
    struct emg_simulate_config emg = emg_selftest_emg(shape, seed);
    float *x = emg_selftest_signal(&emg, n);
    emg.course = EMG_SIMULATE_REST;
    emg.seed = seed + 7777777;
    emg.noise_uv = emg_selftest_noise_uv(emg.rms_uv * pow(10, -snr_db / 20));
    float *noise = emg_selftest_signal(&emg, n);
    for (size_t i = 0; i < n; i++) {
        const double since_s = (double)i / EMG_SELFTEST_RATE_HZ - FIRST_S;
        const bool active = since_s >= 0 && fmod(since_s, PERIOD_S) < LENGTH_S;
        x[i] = noise[i] + (active ? x[i] : 0);
    }
    free(noise);
    return x;
}

static void judge_bursts(struct edges *edges, struct emg_muscle *m)
{
    bool found[BURSTS] = {false};
    struct emg_muscle_burst burst;
    while (emg_muscle_next_burst(m, &burst)) {
        const double onset_s = (double)burst.onset_frame / EMG_SELFTEST_RATE_HZ;
        const double offset_s = (double)burst.offset_frame / EMG_SELFTEST_RATE_HZ;
        const int k = (int)lround((onset_s - FIRST_S) / PERIOD_S);
        const double onset_error_s = onset_s - (FIRST_S + k * PERIOD_S);
        const double offset_error_s = offset_s - (FIRST_S + k * PERIOD_S + LENGTH_S);
        if (k < 0 || k >= BURSTS || found[k] || fabs(onset_error_s) > WRONG_S ||
            fabs(offset_error_s) > WRONG_S) {
            edges->wrong++;
            continue;
        }
        found[k] = true;
        emg_tally_add(&edges->onset_ms, 1000 * onset_error_s);
        emg_tally_add(&edges->offset_ms, 1000 * offset_error_s);
    }
    edges->bursts += BURSTS;
    for (size_t k = 0; k < BURSTS; k++)
        edges->wrong += !found[k];
}

static void onset(struct emg_selftest *test)
{
    static const struct {
        double snr_db, bias_ms, sd_ms, wrong;
        bool is_goal;
    } rows[] = {{20, 5, 10, 0.02, false}, {10, 5, 10, 0.02, false}, {8, 10, 15, INFINITY, true}};
    const size_t n = (size_t)((FIRST_S + BURSTS * PERIOD_S) * EMG_SELFTEST_RATE_HZ);
    const struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_AUTO, 2);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct edges edges = {.bursts = 0};
        for (unsigned trial = 0; trial < test->options.trials; trial++) {
            float *x = abrupt_bursts(&emg_selftest_shapes[trial % 2], 1000 + trial, rows[row].snr_db, n);
            struct emg_muscle *m = emg_selftest_make_muscle(&config);
            emg_muscle_execute(m, x, n);
            judge_bursts(&edges, m);
            emg_muscle_destroy(m);
            free(x);
        }
        char what[64];
        (void)snprintf(what, sizeof what, "onset, abrupt bursts, %g dB, ms", rows[row].snr_db);
        if (rows[row].is_goal) {
            emg_selftest_tell(test, what, "bias", emg_tally_mean(&edges.onset_ms),
                              emg_tally_mean_se(&edges.onset_ms), -rows[row].bias_ms, rows[row].bias_ms);
            emg_selftest_tell_goal(test, what, "SD", emg_tally_sd(&edges.onset_ms),
                                   emg_tally_sd_se(&edges.onset_ms), -INFINITY, rows[row].sd_ms);
        } else {
            emg_selftest_tell_spread(test, what, &edges.onset_ms, 0, rows[row].bias_ms, rows[row].sd_ms);
        }
        (void)snprintf(what, sizeof what, "offset, abrupt bursts, %g dB, ms", rows[row].snr_db);
        emg_selftest_tell_spread(test, what, &edges.offset_ms, 0, rows[row].bias_ms, rows[row].sd_ms);
        if (isinf(rows[row].wrong))
            continue;
        (void)snprintf(what, sizeof what, "bursts, %g dB", rows[row].snr_db);
        const double share = (double)edges.wrong / edges.bursts;
        emg_selftest_tell(test, what, "wrong", share, sqrt(share / edges.bursts), -INFINITY, rows[row].wrong);
    }
}

void emg_selftest_amplitude(struct emg_selftest *test)
{
    rms(test);
    onset(test);
}
