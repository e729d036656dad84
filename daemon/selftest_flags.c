#include "daemon/selftest_trials.h"
#include "dsp/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum fault { CLIPPED, FLAT, ELECTRODE_OFF };
static const struct {
    const char *name;
    uint32_t flag;
} faults[] = {[CLIPPED] = {"clipping", EMG_FLAG_CLIPPING},
              [FLAT] = {"flat", EMG_FLAG_FLAT},
              [ELECTRODE_OFF] = {"electrode off", EMG_FLAG_ELECTRODE_OFF}};

static const double FAULT_S = 4.0, WITHIN_S = 0.25, WATCH_S = 0.01;

static struct emg_simulate_config run_of(uint64_t seed)
{
    struct emg_simulate_config emg = emg_selftest_emg(&emg_selftest_shapes[0], seed);
    emg.course = seed % 2 == 0 ? EMG_SIMULATE_STRIDE : EMG_SIMULATE_STATIC;
    emg.cycle_s = 0.72;
    emg.cycle_cv = 0.02;
    emg.burst_length = 0.4;
    emg.burst_start = 0.1;
    emg.noise_uv = 2;
    return emg;
}

/* From FAULT_S on. Half of the channels have had some mains all the time. */
static void spoil(float *x, size_t n, enum fault fault, uint64_t seed)
{
    const size_t from = (size_t)(FAULT_S * EMG_SELFTEST_RATE_HZ);
    const struct emg_artefact_config artefact = {
        .rate_hz = EMG_SELFTEST_RATE_HZ,
        .seed = seed,
        .mains_uv = seed % 4 < 2 ? 10 : 0,
        .mains_hz = 49.9,
        .loss_s = fault == ELECTRODE_OFF ? FAULT_S : 0,
        .loss_mains_uv = 100 + (double)(seed % 5) * 100,
        .loss_noise_uv = 5,
    };
    struct emg_artefact *q = emg_selftest_make_artefact(&artefact);
    emg_artefact_execute(q, x, NULL, 1, n);
    emg_artefact_destroy(q);
    for (size_t i = from; i < n; i++) {
        if (fault == FLAT)
            x[i] = 12.5F;
        else if (fault == CLIPPED)
            x[i] = fmaxf(-5000, fminf(5000, 60 * x[i]));
    }
}

static bool is_flagged_in_time(enum fault fault, uint64_t seed)
{
    const struct emg_simulate_config emg = run_of(seed);
    const struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_AUTO, 2);
    const size_t from = (size_t)(FAULT_S * EMG_SELFTEST_RATE_HZ);
    const size_t n = (size_t)((FAULT_S + 2) * EMG_SELFTEST_RATE_HZ);
    const size_t step = (size_t)(WATCH_S * EMG_SELFTEST_RATE_HZ);
    /* Clipping begins with the first contraction. */
    const double allowed_s = WITHIN_S + (fault == CLIPPED ? emg.cycle_s : 0);
    float *x = emg_selftest_signal(&emg, n);
    spoil(x, n, fault, seed);
    struct emg_muscle *m = emg_selftest_make_muscle(&config);
    emg_muscle_execute(m, x, from);
    bool flagged = false;
    for (size_t i = from; i + step <= from + (size_t)(allowed_s * EMG_SELFTEST_RATE_HZ) && !flagged;
         i += step) {
        emg_muscle_execute(m, x + i, step);
        flagged = (emg_muscle_activation(m).flags & faults[fault].flag) != 0;
    }
    emg_muscle_destroy(m);
    free(x);
    return flagged;
}

static void detections(struct emg_selftest *test)
{
    const unsigned trials = test->options.trials;
    for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++) {
        unsigned flagged = 0;
        for (unsigned trial = 0; trial < trials; trial++)
            flagged += is_flagged_in_time((enum fault)fault, trial + 1);
        char what[64];
        (void)snprintf(what, sizeof what, "%s, flagged within 250 ms", faults[fault].name);
        emg_selftest_tell(test, what, "share", (double)flagged / trials, sqrt(0.01 / trials), 0.99, INFINITY);
    }
}

/* Times that a flag comes up on good channels: static, strides and rest, with and without 50 Hz of half the
 * EMG's RMS. Each trial is half a minute. */
static void false_alarms(struct emg_selftest *test)
{
    const double seconds = 30;
    const struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_AUTO, 2);
    const unsigned trials = test->options.trials < 500 ? test->options.trials / 2 + 1 : test->options.trials;
    const size_t n = (size_t)(seconds * EMG_SELFTEST_RATE_HZ), step = (size_t)(0.05 * EMG_SELFTEST_RATE_HZ);
    unsigned alarms[sizeof faults / sizeof faults[0]] = {0};
    for (unsigned trial = 0; trial < trials; trial++) {
        struct emg_simulate_config emg = run_of(trial + 1);
        if (trial % 4 == 3)
            emg.course = EMG_SIMULATE_REST;
        const struct emg_artefact_config artefact = {.rate_hz = EMG_SELFTEST_RATE_HZ,
                                                     .seed = trial,
                                                     .mains_uv = trial % 4 < 2 ? 100 : 0,
                                                     .mains_hz = 50.1};
        float *x = emg_selftest_signal(&emg, n);
        struct emg_artefact *q = emg_selftest_make_artefact(&artefact);
        emg_artefact_execute(q, x, NULL, 1, n);
        emg_artefact_destroy(q);
        struct emg_muscle *m = emg_selftest_make_muscle(&config);
        uint32_t before = 0;
        for (size_t i = 0; i + step <= n; i += step) {
            emg_muscle_execute(m, x + i, step);
            const uint32_t flags = emg_muscle_activation(m).flags;
            for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++)
                alarms[fault] += (flags & ~before & faults[fault].flag) != 0;
            before = flags;
        }
        emg_muscle_destroy(m);
        free(x);
    }
    const double hours = trials * seconds / 3600;
    for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++) {
        char what[64];
        (void)snprintf(what, sizeof what, "%s, on good channels", faults[fault].name);
        emg_selftest_tell(test, what, "false an hour", alarms[fault] / hours, sqrt(alarms[fault]) / hours,
                          -INFINITY, 1);
    }
}

void emg_selftest_flags(struct emg_selftest *test)
{
    detections(test);
    false_alarms(test);
}
