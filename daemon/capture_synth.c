#include "daemon/capture.h"
#include "daemon/capture_paced.h"
#include "dsp/simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SYNTH_CHANNELS = 4, SEED_STEP = 1000003 };
static const double NOISE_UV = 2.0;
/* Fresh corner frequencies of the test spectrum: MDF 95.67 Hz over 20-450 Hz. */
static const double FL_HZ = 60.0, FH_HZ = 120.0;

/* One electrode pair of the simulated runner. */
struct synth_channel {
    const char *label;
    double rms_uv;
    double burst_start, burst_length; /* of the gait cycle */
    double fatigue;                   /* final fall of the spectrum */
};

struct synth_scenario {
    const char *name;
    enum emg_simulate_course course;
    double fatigue_s;
    struct synth_channel channels[SYNTH_CHANNELS];
};

/* Running at 166 steps per minute; left and right half a cycle apart. The calf works from just before foot
 * strike to mid stance; the left soleus tires. */
static const double CYCLE_S = 0.723, CYCLE_CV = 0.02, RAMP_S = 10.0;
static const struct synth_scenario scenarios[] = {
    {"treadmill",
     EMG_SIMULATE_STRIDE,
     300.0,
     {{"EMG L SOL", 180, 0.00, 0.42, 0.25},
      {"EMG L GM", 150, 0.95, 0.38, 0.05},
      {"EMG R SOL", 190, 0.50, 0.42, 0.05},
      {"EMG R GM", 140, 0.45, 0.38, 0.05}}},
    {"static",
     EMG_SIMULATE_STATIC,
     60.0,
     {{"EMG L SOL", 120, 0, 0.5, 0.30},
      {"EMG L GM", 90, 0, 0.5, 0.20},
      {"EMG R SOL", 125, 0, 0.5, 0},
      {"EMG R GM", 95, 0, 0.5, 0}}},
    {"rest",
     EMG_SIMULATE_REST,
     60.0,
     {{"EMG L SOL", 0, 0, 0.5, 0},
      {"EMG L GM", 0, 0, 0.5, 0},
      {"EMG R SOL", 0, 0, 0.5, 0},
      {"EMG R GM", 0, 0, 0.5, 0}}},
    {"ramp",
     EMG_SIMULATE_RAMP,
     60.0,
     {{"EMG L SOL", 300, 0, 0.5, 0},
      {"EMG L GM", 250, 0, 0.5, 0},
      {"EMG R SOL", 300, 0, 0.5, 0},
      {"EMG R GM", 250, 0, 0.5, 0}}},
};

struct capture_synth {
    struct emg_capture base;
    unsigned n_channels;
    struct emg_simulate *channels[EMG_MAX_CHANNELS];
    uint64_t frames, end_frame; /* end_frame 0: endless */
    double speed;
    struct emg_paced paced;
};

static void close_synth(struct emg_capture *base)
{
    struct capture_synth *synth = (struct capture_synth *)base;
    emg_paced_stop(&synth->paced);
    for (unsigned i = 0; i < synth->n_channels; i++)
        emg_simulate_destroy(synth->channels[i]);
    free(synth);
}

static const struct synth_scenario *find_scenario(const char *name)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

static enum emg_error create_channel(struct emg_simulate **out, const struct synth_scenario *scenario,
                                     unsigned i, const struct emg_config_source *source)
{
    const struct synth_channel *channel = &scenario->channels[i % SYNTH_CHANNELS];
    const struct emg_simulate_config config = {
        .rate_hz = source->rate_hz,
        .seed = source->seed + SEED_STEP * (uint64_t)i,
        .course = scenario->course,
        .rms_uv = channel->rms_uv,
        .noise_uv = NOISE_UV,
        .fl_hz = FL_HZ,
        .fh_hz = FH_HZ,
        .fatigue = channel->fatigue,
        .fatigue_s = scenario->fatigue_s,
        .cycle_s = CYCLE_S,
        .cycle_cv = CYCLE_CV,
        .cycle_seed = source->seed,
        .burst_start = channel->burst_start,
        .burst_length = channel->burst_length,
        .ramp_s = RAMP_S,
    };
    return emg_simulate_create(out, &config);
}

static void fill_info(struct capture_synth *synth, const struct synth_scenario *scenario,
                      const struct emg_config *config)
{
    struct emg_stream_info *info = &synth->base.info;
    emg_stream_set_source(info, config->source.spec);
    info->rate_hz = config->source.rate_hz;
    info->n_channels = synth->n_channels;
    info->n_frames = synth->end_frame;
    for (unsigned i = 0; i < synth->n_channels; i++) {
        struct emg_channel *channel = &info->channels[i];
        if (i < SYNTH_CHANNELS)
            (void)snprintf(channel->label, sizeof channel->label, "%s", scenario->channels[i].label);
        channel->full_scale_uv = config->source.full_scale_uv;
        channel->calibrated = true;
        channel->usable = true;
    }
}

static enum emg_error open_synth(struct emg_capture **out, const char *rest, const struct emg_config *config,
                                 struct emg_problem *problem)
{
    *out = NULL;
    const struct synth_scenario *scenario = find_scenario(rest);
    if (scenario == NULL)
        return emg_problem_set(
            problem, EMG_ERROR_ARGUMENT,
            "source \"synth:%s\": no such scenario; there are treadmill, static, rest, ramp", rest);
    struct capture_synth *synth = calloc(1, sizeof *synth);
    if (synth == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "synth:%s: %s", rest,
                               emg_strerror(EMG_ERROR_MEMORY));
    synth->base.kind = &emg_capture_synth;
    atomic_init(&synth->base.state, EMG_STREAM_WAITING);
    synth->speed = config->source.speed;
    synth->end_frame = (uint64_t)llround(config->source.duration_s * config->source.rate_hz);
    const unsigned wanted = config->source.channels > 0 ? config->source.channels : SYNTH_CHANNELS;
    for (; synth->n_channels < wanted; synth->n_channels++) {
        const enum emg_error error =
            create_channel(&synth->channels[synth->n_channels], scenario, synth->n_channels, &config->source);
        if (error != EMG_OK) {
            close_synth(&synth->base);
            return emg_problem_set(problem, error, "synth:%s: cannot be simulated at %g Hz: %s", rest,
                                   config->source.rate_hz, emg_strerror(error));
        }
    }
    fill_info(synth, scenario, config);
    *out = &synth->base;
    return EMG_OK;
}

static size_t read_synth(void *context, float *samples, size_t n_frames, struct emg_problem *problem)
{
    (void)problem;
    struct capture_synth *synth = context;
    if (synth->end_frame > 0 && n_frames > synth->end_frame - synth->frames)
        n_frames = (size_t)(synth->end_frame - synth->frames);
    for (unsigned i = 0; i < synth->n_channels; i++)
        emg_simulate_execute(synth->channels[i], samples + i, synth->n_channels, n_frames);
    synth->frames += n_frames;
    return n_frames;
}

static enum emg_error start_synth(struct emg_capture *base, struct emg_ring *ring,
                                  struct emg_problem *problem)
{
    struct capture_synth *synth = (struct capture_synth *)base;
    return emg_paced_start(&synth->paced, base, read_synth, synth, synth->speed, ring, problem);
}

static void stop_synth(struct emg_capture *base)
{
    emg_paced_stop(&((struct capture_synth *)base)->paced);
}

const struct emg_capture_kind emg_capture_synth = {
    .prefix = "synth:",
    .open = open_synth,
    .start = start_synth,
    .stop = stop_synth,
    .close = close_synth,
};
