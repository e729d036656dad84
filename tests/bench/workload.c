#include "tests/bench/workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;
static const double MAINS_UV = 20;

static void fail(const char *what)
{
    (void)fprintf(stderr, "workload: %s\n", what);
    exit(1);
}

/* A muscle of a runner: left and right in turn, contracting half a cycle apart. */
static void create_muscle(struct emg_workload *w, unsigned channel)
{
    const struct emg_simulate_config muscle = {
        .rate_hz = w->rate_hz,
        .seed = channel + 1,
        .course = EMG_SIMULATE_STRIDE,
        .rms_uv = 200,
        .noise_uv = 2,
        .fl_hz = 60,
        .fh_hz = 120,
        .fatigue = 0.2,
        .fatigue_s = 300,
        .cycle_s = 0.7,
        .cycle_seed = 7,
        .cycle_cv = 0.02,
        .burst_start = channel % 2 == 0 ? 0.1 : 0.6,
        .burst_length = 0.35,
        .ramp_s = 1,
    };
    if (emg_simulate_create(&w->muscles[channel], &muscle) != EMG_OK)
        fail("the muscle cannot be simulated");
}

static void configure(struct emg_workload *w)
{
    static const char *const names[] = {"soleus", "gastrocnemius_medialis", "gastrocnemius_lateralis",
                                        "tibialis_anterior"};
    struct emg_problem problem;
    if (emg_config_load(&w->config, "/dev/null", NULL, 0, &problem) != EMG_OK)
        fail(problem.text);
    w->stream = (struct emg_stream_info){.rate_hz = w->rate_hz, .n_channels = w->channels, .has_start = true};
    w->montage.n_muscles = w->channels;
    for (unsigned i = 0; i < w->channels; i++) {
        struct emg_montage_muscle *muscle = &w->montage.muscles[i];
        *muscle = (struct emg_montage_muscle){
            .channel = i, .scale = 1, .full_scale_uv = 5000, .reference_uv = 200, .reference_method = "mvc"};
        if (i < 8)
            (void)snprintf(muscle->name, sizeof muscle->name, "%s.%s", i % 2 == 0 ? "left" : "right",
                           names[i / 2]);
        else
            (void)snprintf(muscle->name, sizeof muscle->name, "%s.channel_%u", i % 2 == 0 ? "left" : "right",
                           i + 1);
    }
}

void emg_workload_create(struct emg_workload *w, unsigned channels, double rate_hz)
{
    *w = (struct emg_workload){.channels = channels, .rate_hz = rate_hz};
    for (unsigned channel = 0; channel < channels; channel++)
        create_muscle(w, channel);
    configure(w);
}

size_t emg_workload_block_bytes(const struct emg_workload *w, uint32_t n_frames)
{
    return (sizeof(struct emg_block) + (size_t)n_frames * w->channels * sizeof(float) + 15) / 16 * 16;
}

void emg_workload_fill(struct emg_workload *w, struct emg_block *block, uint32_t n_frames)
{
    *block = (struct emg_block){.first_frame = w->next_frame, .n_frames = n_frames};
    for (unsigned channel = 0; channel < w->channels; channel++) {
        float *x = block->samples + channel;
        emg_simulate_execute(w->muscles[channel], x, w->channels, n_frames);
        for (uint32_t i = 0; i < n_frames; i++) {
            const double t = (double)(w->next_frame + i) / w->rate_hz;
            x[(size_t)i * w->channels] +=
                (float)(MAINS_UV * (sin(2 * PI * 50.02 * t) + 0.3 * sin(2 * PI * 150.06 * t + channel)));
        }
    }
    w->next_frame += n_frames;
}

static void count(void *context, const struct emg_message *message, size_t n_bytes)
{
    (void)message;
    (void)n_bytes;
    ++*(uint64_t *)context;
}

struct emg_analysis *emg_workload_analysis(const struct emg_workload *w, uint64_t *messages)
{
    struct emg_analysis *a = NULL;
    struct emg_problem problem;
    *messages = 0;
    if (emg_analysis_create(&a, &w->config, &w->stream, &w->montage, count, messages, &problem) != EMG_OK)
        fail(problem.text);
    return a;
}

void emg_workload_destroy(struct emg_workload *w)
{
    for (unsigned channel = 0; channel < w->channels; channel++)
        emg_simulate_destroy(w->muscles[channel]);
}
