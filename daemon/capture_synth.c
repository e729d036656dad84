#include "daemon/bdf.h"
#include "daemon/capture.h"
#include "daemon/capture_paced.h"
#include "daemon/synth_scenario.h"
#include "dsp/artefact.h"
#include "dsp/simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED_STEP = 1000003, CHUNK_FRAMES = 256 };
static const double NOISE_UV = 2.0;
/* Fresh corner frequencies of the test spectrum: MDF 95.67 Hz over 20-450 Hz. */
static const double FL_HZ = 60.0, FH_HZ = 120.0;
/* Running at 166 steps per minute. */
static const double CYCLE_S = 0.723, CYCLE_CV = 0.02, RAMP_S = 10.0;

static const double STANCE_SHARE = 0.4;    /* of the gait cycle, from foot strike */
static const double SWITCH_ON_SHARE = 0.9; /* of full scale */

struct synth_line {
    const struct emg_synth_channel *channel;
    struct emg_simulate *emg;      /* NULL: a foot switch */
    struct emg_artefact *artefact; /* NULL: none */
    double full_scale_uv, step_uv;
    bool is_shaken; /* by foot strikes */
};

struct capture_synth {
    struct emg_capture base;
    unsigned n_channels;
    struct synth_line lines[EMG_MAX_CHANNELS];
    struct emg_simulate *gait;      /* the clock of foot strikes; NULL: nobody asks for them */
    double phase[1 + CHUNK_FRAMES]; /* of the gait cycle: of the last chunk's last frame, and of this chunk */
    uint64_t frames, end_frame;     /* end_frame 0: endless */
    double speed;
    struct emg_paced paced;
};

static void close_synth(struct emg_capture *base)
{
    struct capture_synth *synth = (struct capture_synth *)base;
    emg_paced_stop(&synth->paced);
    for (unsigned i = 0; i < synth->n_channels; i++) {
        emg_artefact_destroy(synth->lines[i].artefact);
        emg_simulate_destroy(synth->lines[i].emg);
    }
    emg_simulate_destroy(synth->gait);
    free(synth);
}

static struct emg_simulate_config simulate_config(const struct emg_synth_scenario *scenario,
                                                  const struct emg_synth_channel *channel, uint64_t seed,
                                                  const struct emg_config_source *source)
{
    return (struct emg_simulate_config){
        .rate_hz = source->rate_hz,
        .seed = seed,
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
}

static enum emg_error create_line(struct synth_line *line, const struct emg_synth_scenario *scenario,
                                  unsigned index, uint64_t seed, const struct emg_config_source *source)
{
    line->channel = &scenario->channels[index];
    line->full_scale_uv = source->full_scale_uv;
    if (line->channel->is_footswitch)
        return EMG_OK;
    const struct emg_simulate_config simulate = simulate_config(scenario, line->channel, seed, source);
    const enum emg_error error = emg_simulate_create(&line->emg, &simulate);
    struct emg_artefact_config artefact = {.rate_hz = 0};
    const bool is_spoilt = emg_synth_scenario_artefact(scenario, index, &artefact);
    if (error != EMG_OK || (!is_spoilt && source->highpass_hz == 0))
        return error;
    artefact.highpass_hz = source->highpass_hz;
    artefact.rate_hz = source->rate_hz;
    artefact.seed = seed;
    line->is_shaken = artefact.motion_peak_uv > 0;
    if (artefact.clip_uv > 0)
        line->full_scale_uv = artefact.clip_uv;
    return emg_artefact_create(&line->artefact, &artefact);
}

/* The same cycles as every channel's, without a signal. */
static enum emg_error create_gait(struct emg_simulate **out, const struct emg_synth_scenario *scenario,
                                  const struct emg_config_source *source)
{
    struct emg_simulate_config config = simulate_config(scenario, scenario->channels, source->seed, source);
    config.rms_uv = 0;
    config.noise_uv = 0;
    return emg_simulate_create(out, &config);
}

static enum emg_error create_lines(struct capture_synth *synth, const struct emg_synth_scenario *scenario,
                                   const struct emg_config_source *source)
{
    const unsigned wanted = source->channels > 0 ? source->channels : EMG_SYNTH_PATTERN;
    bool needs_gait = false;
    for (unsigned i = 0; i < wanted; i++) {
        struct synth_line *line = &synth->lines[i];
        const unsigned index = emg_synth_scenario_channel(scenario, i, wanted);
        synth->n_channels = i + 1;
        const enum emg_error error =
            create_line(line, scenario, index, source->seed + SEED_STEP * (uint64_t)i, source);
        if (error != EMG_OK)
            return error;
        line->step_uv = emg_bdf_step_uv(line->full_scale_uv);
        needs_gait = needs_gait || line->is_shaken || line->channel->is_footswitch;
    }
    return needs_gait ? create_gait(&synth->gait, scenario, source) : EMG_OK;
}

static void fill_info(struct capture_synth *synth, const struct emg_synth_scenario *scenario,
                      const struct emg_config *config)
{
    struct emg_stream_info *info = &synth->base.info;
    emg_stream_set_source(info, config->source.spec);
    info->rate_hz = config->source.rate_hz;
    info->n_channels = synth->n_channels;
    info->n_frames = synth->end_frame;
    for (unsigned i = 0; i < synth->n_channels; i++) {
        struct emg_channel *channel = &info->channels[i];
        const struct synth_line *line = &synth->lines[i];
        if (emg_synth_scenario_channel(scenario, i, synth->n_channels) == i) /* repetitions have no label */
            (void)snprintf(channel->label, sizeof channel->label, "%s", line->channel->label);
        channel->full_scale_uv = line->full_scale_uv;
        channel->calibrated = true;
        channel->usable = true;
    }
}

static enum emg_error open_synth(struct emg_capture **out, const char *rest, const struct emg_config *config,
                                 struct emg_problem *problem)
{
    *out = NULL;
    const struct emg_synth_scenario *scenario = emg_synth_scenario_find(rest);
    if (scenario == NULL) {
        char names[128];
        emg_synth_scenario_names(names, sizeof names);
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "source \"synth:%s\": no such scenario; there are %s", rest, names);
    }
    struct capture_synth *synth = calloc(1, sizeof *synth);
    if (synth == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "synth:%s: %s", rest,
                               emg_strerror(EMG_ERROR_MEMORY));
    synth->base.kind = &emg_capture_synth;
    atomic_init(&synth->base.state, EMG_STREAM_WAITING);
    synth->speed = config->source.speed;
    synth->end_frame = (uint64_t)llround(config->source.duration_s * config->source.rate_hz);
    const enum emg_error error = create_lines(synth, scenario, &config->source);
    if (error != EMG_OK) {
        close_synth(&synth->base);
        return emg_problem_set(problem, error, "synth:%s: cannot be simulated at %g Hz: %s", rest,
                               config->source.rate_hz, emg_strerror(error));
    }
    fill_info(synth, scenario, config);
    *out = &synth->base;
    return EMG_OK;
}

static void advance_gait(struct capture_synth *synth, size_t n)
{
    if (synth->gait == NULL)
        return;
    for (size_t f = 1; f <= n; f++) {
        float nothing = 0;
        synth->phase[f] = emg_simulate_phase(synth->gait);
        emg_simulate_execute(synth->gait, &nothing, 1, 1);
    }
}

/* Phase of this side's own cycle, 0 at its foot strike. */
static double side_phase(const struct synth_line *line, double phase)
{
    const double since = phase - line->channel->foot_strike;
    return since < 0 ? since + 1 : since;
}

static void press(const struct synth_line *line, const double *phase, float *y, size_t stride, size_t n)
{
    const float on_uv = (float)(SWITCH_ON_SHARE * line->full_scale_uv);
    for (size_t f = 0; f < n; f++)
        y[f * stride] = side_phase(line, phase[f]) < STANCE_SHARE ? on_uv : 0.0F;
}

/* phase: from the frame before on. */
static void spoil(struct synth_line *line, const double *phase, float *y, const float *neighbour,
                  size_t stride, size_t n)
{
    size_t done = 0;
    for (size_t f = 0; line->is_shaken && f < n; f++) {
        if (side_phase(line, phase[f + 1]) >= side_phase(line, phase[f]))
            continue;
        emg_artefact_execute(line->artefact, y + done * stride, neighbour ? neighbour + done * stride : NULL,
                             stride, f - done);
        emg_artefact_strike(line->artefact);
        done = f;
    }
    emg_artefact_execute(line->artefact, y + done * stride, neighbour ? neighbour + done * stride : NULL,
                         stride, n - done);
}

/* As a converter of 24 bits gives it, and a recording holds it. */
static void convert(const struct synth_line *line, float *y, size_t stride, size_t n)
{
    for (size_t f = 0; f < n; f++) {
        const double steps = nearbyint((double)y[f * stride] / line->step_uv);
        y[f * stride] = (float)(line->step_uv * fmax(-8388608.0, fmin(steps, 8388607.0)));
    }
}

static void read_chunk(struct capture_synth *synth, float *samples, size_t n)
{
    const size_t stride = synth->n_channels;
    advance_gait(synth, n);
    for (unsigned i = 0; i < synth->n_channels; i++) {
        const struct synth_line *line = &synth->lines[i];
        if (line->emg != NULL)
            emg_simulate_execute(line->emg, samples + i, stride, n);
        else
            press(line, synth->phase + 1, samples + i, stride, n);
    }
    /* From the last on: a neighbour talks across before its own artefacts. */
    for (unsigned i = synth->n_channels; i-- > 0;)
        if (synth->lines[i].artefact != NULL)
            spoil(&synth->lines[i], synth->phase, samples + i, i > 0 ? samples + i - 1 : NULL, stride, n);
    synth->phase[0] = synth->phase[n];
    for (unsigned i = 0; i < synth->n_channels; i++)
        convert(&synth->lines[i], samples + i, stride, n);
}

static size_t read_synth(void *context, float *samples, size_t n_frames, struct emg_problem *problem)
{
    (void)problem;
    struct capture_synth *synth = context;
    if (synth->end_frame > 0 && n_frames > synth->end_frame - synth->frames)
        n_frames = (size_t)(synth->end_frame - synth->frames);
    for (size_t done = 0; done < n_frames;) {
        const size_t n = n_frames - done < CHUNK_FRAMES ? n_frames - done : CHUNK_FRAMES;
        read_chunk(synth, samples + done * synth->n_channels, n);
        done += n;
    }
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
