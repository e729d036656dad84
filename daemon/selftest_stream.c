#include "daemon/analysis.h"
#include "daemon/drift.h"
#include "daemon/selftest_trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (double)(*state >> 11) * 0x1p-53;
}

/* A minute of callbacks of 10 ms each, up to 5 ms late, from a device up to 150 ppm off. */
static void one_minute(uint64_t seed, struct emg_tally *ppm, struct emg_tally *wander_ms)
{
    const double rate_hz = 48000, block = 480;
    uint64_t state = seed * 977 + 1;
    const double error_ppm = 300 * uniform(&state) - 150;
    const double device_hz = rate_hz * (1 + 1e-6 * error_ppm);
    struct emg_drift drift;
    struct emg_tally error_ms = {0};
    emg_drift_init(&drift, rate_hz);
    for (unsigned k = 1; k <= 6000; k++) {
        const uint64_t frames = (uint64_t)(block * k);
        const double true_ns = 1e9 * (double)frames / device_hz;
        emg_drift_add(&drift, frames, (int64_t)(true_ns + 5e6 * uniform(&state)));
        if (k > 3000 && k % 100 == 0)
            emg_tally_add(&error_ms, 1e-6 * ((double)emg_drift_time_ns(&drift, frames) - true_ns));
    }
    emg_tally_add(ppm, emg_drift_state(&drift).ppm - error_ppm);
    emg_tally_add(wander_ms, emg_tally_sd(&error_ms));
}

static double rms(const struct emg_tally *tally)
{
    const double mean = emg_tally_mean(tally), sd = emg_tally_sd(tally);
    return sqrt(mean * mean + sd * sd);
}

static void clock_drift(struct emg_selftest *test)
{
    struct emg_tally ppm = {0}, wander_ms = {0};
    for (unsigned trial = 0; trial < test->options.trials; trial++)
        one_minute(trial + 1, &ppm, &wander_ms);
    const double share = 1 / sqrt(2.0 * ppm.n);
    emg_selftest_tell(test, "clock, +-150 ppm, callbacks 0-5 ms late, 60 s", "RMS error ppm", rms(&ppm),
                      rms(&ppm) * share, -INFINITY, 1);
    emg_selftest_tell(test, "clock, +-150 ppm, callbacks 0-5 ms late, 60 s", "wander RMS ms", rms(&wander_ms),
                      rms(&wander_ms) * share, -INFINITY, 0.1);
}

struct gap_watch {
    uint64_t lost, told, end_frame;
    unsigned spanning; /* amplitudes told whose window reaches back over the gap */
};

static void watch(void *context, const struct emg_message *message, size_t n_bytes)
{
    struct gap_watch *w = context;
    (void)n_bytes;
    if (message->topic == EMG_TOPIC_EVENT_GAP)
        w->told = message->body.gap.frames_lost;
    if (message->topic == EMG_TOPIC_ACTIVATION && w->told > 0 &&
        !isnan(message->body.activation.now.rms_uv) &&
        message->frame < w->end_frame + (uint64_t)(0.05 * EMG_SELFTEST_RATE_HZ))
        w->spanning++;
}

static void send(struct emg_analysis *a, struct emg_simulate *signal, uint64_t first_frame, uint32_t n)
{
    struct emg_block *block = malloc(sizeof *block + n * sizeof block->samples[0]);
    if (block == NULL)
        return;
    *block = (struct emg_block){.first_frame = first_frame, .n_frames = n, .gap_cause = EMG_GAP_HOLE};
    emg_simulate_execute(signal, block->samples, 1, n);
    emg_analysis_execute(a, block);
    free(block);
}

/* Two seconds of signal, a gap of 1 to 1000 ms, two seconds. */
static void one_gap(uint64_t seed, const struct emg_config *config, struct gap_watch *w)
{
    const struct emg_stream_info stream = {.rate_hz = EMG_SELFTEST_RATE_HZ, .n_channels = 1};
    struct emg_montage montage = {.n_muscles = 1};
    (void)snprintf(montage.muscles[0].name, sizeof montage.muscles[0].name, "left.soleus");
    montage.muscles[0].scale = 1;
    montage.muscles[0].full_scale_uv = 5000;
    montage.muscles[0].reference_uv = NAN;
    struct emg_problem problem;
    struct emg_analysis *a = NULL;
    if (emg_analysis_create(&a, config, &stream, &montage, watch, w, &problem) != EMG_OK)
        return;
    const struct emg_simulate_config emg = emg_selftest_emg(&emg_selftest_shapes[0], seed);
    struct emg_simulate *signal = emg_selftest_make_simulate(&emg);
    const uint32_t n = (uint32_t)(2 * EMG_SELFTEST_RATE_HZ);
    uint64_t state = seed;
    (void)uniform(&state);
    w->lost = (uint64_t)((0.001 + uniform(&state)) * EMG_SELFTEST_RATE_HZ);
    w->told = 0;
    w->end_frame = n + w->lost;
    send(a, signal, 0, n);
    send(a, signal, w->end_frame, n);
    emg_simulate_destroy(signal);
    emg_analysis_destroy(a);
}

static void gaps(struct emg_selftest *test)
{
    struct emg_config *config = malloc(sizeof *config);
    struct emg_problem problem;
    if (config == NULL || emg_config_load(config, "/dev/null", NULL, 0, &problem) != EMG_OK) {
        free(config);
        emg_selftest_tell(test, "gap", "could not be run", NAN, 0, 0, 0);
        return;
    }
    struct gap_watch w = {0};
    double worst_ms = 0;
    for (unsigned trial = 0; trial < test->options.trials; trial++) {
        one_gap(trial + 1, config, &w);
        worst_ms = fmax(worst_ms, 1000 * fabs((double)w.told - (double)w.lost) / EMG_SELFTEST_RATE_HZ);
    }
    free(config);
    emg_selftest_tell(test, "gap of 1-1000 ms", "length error ms", worst_ms, 0, -INFINITY, 2);
    emg_selftest_tell(test, "gap of 1-1000 ms", "spanning metrics", w.spanning, 0, -INFINITY, 0);
}

void emg_selftest_stream(struct emg_selftest *test)
{
    clock_drift(test);
    gaps(test);
}
