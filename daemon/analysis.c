#include "daemon/analysis_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double STATUS_HZ = 1.0;
static const double FATIGUE_HZ = 1.0;
static const double WAVEFORM_HZ = 20.0;
static const double CONTRACTIONS_HZ = 50.0;

static void ticker_init(struct ticker *ticker, double rate_hz, double hz)
{
    *ticker = (struct ticker){.period_frames = rate_hz / hz, .k = 1};
    ticker->due = (uint64_t)floor(ticker->period_frames);
}

/* Goes on to the first instant after `frame`. */
static void ticker_advance(struct ticker *ticker, uint64_t frame)
{
    const uint64_t k = (uint64_t)((double)frame / ticker->period_frames);
    ticker->k = k > ticker->k ? k : ticker->k;
    do {
        ticker->due = (uint64_t)floor((double)ticker->k * ticker->period_frames);
        if (ticker->due > frame)
            return;
        ticker->k++;
    } while (1);
}

/* Gait cycles are told by these. */
static bool is_calf(const struct emg_montage_muscle *muscle)
{
    const char *name = emg_montage_bare_name(muscle);
    return strcmp(name, "soleus") == 0 || strncmp(name, "gastrocnemius", strlen("gastrocnemius")) == 0;
}

static enum emg_error create_muscles(struct emg_analysis *a, const struct emg_config *config,
                                     struct emg_problem *problem)
{
    static const enum emg_onset_mode modes[] = {[EMG_MODE_AUTO] = EMG_ONSET_AUTO,
                                                [EMG_MODE_STATIC] = EMG_ONSET_STATIC,
                                                [EMG_MODE_GATED] = EMG_ONSET_GATED};
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const struct emg_muscle_config muscle = {
            .rate_hz = a->stream.rate_hz,
            .full_scale_uv = a->montage.muscles[i].full_scale_uv,
            .band_hz = {config->analysis.band_hz[0], config->analysis.band_hz[1]},
            .amplitude_highpass_hz = config->analysis.amplitude_highpass_hz,
            .front_end_highpass_hz = config->source.highpass_hz,
            .rms_s = config->analysis.rms_ms / 1000,
            .envelope_hz = config->analysis.envelope_hz,
            .mains_hz = config->analysis.mains_hz,
            .spectral_s = config->analysis.spectral_seconds,
            .strides = is_calf(&a->montage.muscles[i]),
            .profile_strides = config->analysis.profile_strides,
            .mode = modes[config->analysis.mode],
        };
        const enum emg_error error = emg_muscle_create(&a->muscles[i], &muscle);
        if (error != EMG_OK)
            return emg_problem_set(problem, error,
                                   "muscle \"%s\": cannot be analysed with these settings at %g Hz: %s",
                                   a->montage.muscles[i].name, a->stream.rate_hz, emg_strerror(error));
        a->channels[i] = (struct emg_split){a->montage.muscles[i].channel, a->montage.muscles[i].scale};
    }
    return EMG_OK;
}

static enum emg_error create_buffers(struct emg_analysis *a, struct emg_problem *problem)
{
    size_t n_array = 0;
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const size_t waveform = emg_muscle_waveform_max(a->muscles[i]);
        const size_t psd = emg_muscle_psd_max(a->muscles[i]);
        n_array = waveform > n_array ? waveform : n_array;
        n_array = psd > n_array ? psd : n_array;
    }
    n_array = n_array > EMG_PROFILE_POINTS ? n_array : EMG_PROFILE_POINTS;
    a->message_max = sizeof *a->message + n_array * sizeof a->message->array[0];
    a->message = calloc(1, a->message_max);
    a->held = calloc(a->montage.n_muscles + 1, EMG_ANALYSIS_ROW * sizeof a->held[0]);
    a->switched = calloc(EMG_ANALYSIS_HELD, sizeof a->switched[0]);
    if (a->message == NULL || a->held == NULL || a->switched == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "analysis: %s", emg_strerror(EMG_ERROR_MEMORY));
    return EMG_OK;
}

static void fill_wire(struct emg_analysis *a)
{
    struct emg_wire *wire = &a->wire;
    memcpy(wire->source, a->stream.source, sizeof wire->source);
    wire->rate_hz = a->stream.rate_hz;
    wire->n_channels = a->stream.n_channels;
    wire->n_muscles = a->montage.n_muscles;
    for (size_t i = 0; i < wire->n_muscles; i++)
        memcpy(wire->muscles[i], a->montage.muscles[i].name, sizeof wire->muscles[i]);
    for (size_t i = 0; i < a->gait.n_pairs; i++)
        (void)snprintf(wire->pairs[i], sizeof wire->pairs[i], "%s", a->gait.pairs[i].name);
    wire->analysis_rate_hz = emg_muscle_rate_hz(a->muscles[0]);
    emg_muscle_band_hz(a->muscles[0], wire->band_hz);
}

static enum emg_error create_session(struct emg_analysis *a, struct emg_problem *problem)
{
    a->session = emg_session_create((const char(*)[EMG_NAME_SIZE])a->wire.muscles, a->wire.n_muscles);
    if (a->session == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "analysis: %s", emg_strerror(EMG_ERROR_MEMORY));
    emg_analysis_set_configured_references(a);
    return EMG_OK;
}

enum emg_error emg_analysis_create(struct emg_analysis **out, const struct emg_config *config,
                                   const struct emg_stream_info *stream, const struct emg_montage *montage,
                                   emg_analysis_emit *emit, void *context, struct emg_problem *problem)
{
    *out = NULL;
    struct emg_analysis *a = calloc(1, sizeof *a);
    if (a == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "analysis: %s", emg_strerror(EMG_ERROR_MEMORY));
    a->stream = *stream;
    a->montage = *montage;
    a->emit = emit;
    a->context = context;
    a->start_t = stream->has_start ? stream->start_t : NAN;
    a->status.state = EMG_STREAM_WAITING;
    a->status.ring_peak_percent = NAN;
    a->epoch_t = NAN;
    a->status.load_percent = NAN;
    a->status.clock_ppm = NAN;
    a->status.clock_ppm_se = NAN;
    for (size_t i = 0; i < sizeof a->status.latency_ms / sizeof a->status.latency_ms[0]; i++)
        a->status.latency_ms[i] = NAN;
    ticker_init(&a->tickers[TICK_ACTIVATION], stream->rate_hz, config->analysis.activation_hz);
    ticker_init(&a->tickers[TICK_CONTRACTIONS], stream->rate_hz, CONTRACTIONS_HZ);
    ticker_init(&a->tickers[TICK_WAVEFORM], stream->rate_hz, WAVEFORM_HZ);
    ticker_init(&a->tickers[TICK_FATIGUE], stream->rate_hz, FATIGUE_HZ);
    ticker_init(&a->tickers[TICK_STATUS], stream->rate_hz, STATUS_HZ);
    enum emg_error error = create_muscles(a, config, problem);
    if (error == EMG_OK)
        error = emg_gait_init(&a->gait, &a->montage, a->muscles, stream->rate_hz, problem);
    if (error == EMG_OK)
        error = create_buffers(a, problem);
    if (error == EMG_OK) {
        fill_wire(a);
        error = create_session(a, problem);
    }
    if (error != EMG_OK) {
        emg_analysis_destroy(a);
        return error;
    }
    *out = a;
    return EMG_OK;
}

void emg_analysis_wire(const struct emg_analysis *a, struct emg_wire *wire)
{
    *wire = a->wire;
}

void emg_analysis_set_start(struct emg_analysis *a, double start_t)
{
    a->start_t = start_t;
}

void emg_analysis_set_clock(struct emg_analysis *a, const struct emg_drift *clock, double epoch_t)
{
    a->clock = clock;
    a->epoch_t = epoch_t;
}

/* Emits every topic that is due before next_frame, in a fixed order. */
static void emit_due(struct emg_analysis *a)
{
    static void (*const emitters[TICKS])(struct emg_analysis *) = {
        [TICK_ACTIVATION] = emg_analysis_emit_activation,
        [TICK_CONTRACTIONS] = emg_analysis_emit_contractions,
        [TICK_WAVEFORM] = emg_analysis_emit_waveform,
        [TICK_FATIGUE] = emg_analysis_emit_fatigue,
        [TICK_STATUS] = emg_analysis_emit_status,
    };
    for (size_t i = 0; i < TICKS; i++) {
        if (a->tickers[i].due != a->next_frame)
            continue;
        emg_analysis_catch_up(a);
        emitters[i](a);
        ticker_advance(&a->tickers[i], a->next_frame);
    }
}

void emg_analysis_take_gap(struct emg_analysis *a, uint64_t first_frame, enum emg_gap_cause cause)
{
    const uint64_t lost = first_frame - a->next_frame;
    emg_analysis_catch_up(a);
    a->status.gaps++;
    a->status.frames_lost += lost;
    emg_analysis_emit_contractions(a); /* their frames are counted from the last gap */
    emg_analysis_emit_gap(a, lost, cause);
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        emg_muscle_interrupt(a->muscles[i], first_frame);
    for (size_t i = 0; i < EMG_SIDES; i++)
        if (a->gait.sides[i].leg != NULL)
            emg_leg_interrupt(a->gait.sides[i].leg, first_frame);
    for (size_t i = 0; i < TICKS; i++)
        if (a->tickers[i].due <= first_frame)
            ticker_advance(&a->tickers[i], first_frame);
    a->next_frame = first_frame;
}

void emg_analysis_catch_up(struct emg_analysis *a)
{
    const float *held[EMG_MAX_CHANNELS];
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        held[i] = a->held + i * EMG_ANALYSIS_ROW;
    emg_muscles_execute(a->muscles, a->montage.n_muscles, held, a->n_held);
    a->n_held = 0;
}

/* Takes n frames, no more than to the next instant at which something is due. */
static void take_stretch(struct emg_analysis *a, const float *frames, size_t n)
{
    const size_t n_channels = a->stream.n_channels, n_muscles = a->montage.n_muscles;
    float *rows[EMG_MAX_CHANNELS];
    for (size_t i = 0; i < n_muscles; i++)
        rows[i] = a->held + i * EMG_ANALYSIS_ROW + a->n_held;
    emg_split_frames(frames, n_channels, n, a->channels, n_muscles, rows);
    a->n_held += n;
    for (size_t i = 0; i < EMG_SIDES; i++) {
        const struct emg_montage_footswitch *footswitch = &a->montage.footswitches[i];
        if (!footswitch->present || a->gait.sides[i].leg == NULL)
            continue;
        const struct emg_split channel = {footswitch->channel, footswitch->scale};
        emg_split_frames(frames, n_channels, n, &channel, 1, &a->switched);
        emg_leg_footswitch(a->gait.sides[i].leg, a->switched, n, a->next_frame);
    }
    a->next_frame += n;
    a->status.frames += n;
}

/* Where the stream ends for the analysis: what follows in a recording only fills its last record. */
static uint64_t end_frame(const struct emg_analysis *a)
{
    return a->script != NULL ? a->script->end_frame : UINT64_MAX;
}

static void take_clock(struct emg_analysis *a)
{
    const struct emg_drift_state clock = emg_drift_state(a->clock);
    a->status.clock_ppm = clock.ppm;
    a->status.clock_ppm_se = clock.ppm_se;
}

/* Frames from the next one on, at most n, until something is due. */
static size_t stretch_length(const struct emg_analysis *a, size_t n)
{
    const uint64_t appointment = emg_analysis_next_appointment(a), end = end_frame(a);
    uint64_t due = appointment < end ? appointment : end;
    for (size_t i = 0; i < TICKS; i++)
        due = a->tickers[i].due < due ? a->tickers[i].due : due;
    n = n < EMG_ANALYSIS_HELD - a->n_held ? n : EMG_ANALYSIS_HELD - a->n_held;
    return due - a->next_frame < n ? (size_t)(due - a->next_frame) : n;
}

static void execute_frames(struct emg_analysis *a, const struct emg_block *block)
{
    for (size_t done = 0; done < block->n_frames;) {
        emg_analysis_keep_appointments(a);
        const uint64_t here = block->first_frame + done;
        const size_t left = block->n_frames - done;
        if (here >= end_frame(a))
            return;
        if (here < a->next_frame) { /* what pads a gap of a recording */
            done += a->next_frame - here < left ? (size_t)(a->next_frame - here) : left;
            continue;
        }
        const size_t n = stretch_length(a, left);
        take_stretch(a, block->samples + done * a->stream.n_channels, n);
        emit_due(a);
        if (a->n_held == EMG_ANALYSIS_HELD)
            emg_analysis_catch_up(a);
        done += n;
    }
}

void emg_analysis_execute(struct emg_analysis *a, const struct emg_block *block)
{
    a->arrival_ns = block->host_ns;
    if (a->clock != NULL)
        take_clock(a);
    if (block->n_frames > 0)
        emg_analysis_emit_device(a, EMG_STREAM_RUNNING);
    if (block->first_frame > a->next_frame && block->first_frame < end_frame(a))
        emg_analysis_take_gap(a, block->first_frame, (enum emg_gap_cause)block->gap_cause);
    execute_frames(a, block);
    emg_analysis_keep_appointments(a);
    if (block->last) {
        emg_analysis_catch_up(a);
        emg_analysis_emit_last_contractions(a);
        emg_analysis_tell_state(a, EMG_STREAM_ENDED);
    }
}

void emg_analysis_tell_state(struct emg_analysis *a, enum emg_stream_state state)
{
    a->arrival_ns = 0; /* no frame completes these messages */
    emg_analysis_emit_device(a, state);
    emg_analysis_emit_status(a);
}

void emg_analysis_set_realtime(struct emg_analysis *a, bool granted)
{
    a->status.realtime = granted ? EMG_REALTIME_GRANTED : EMG_REALTIME_REFUSED;
}

void emg_analysis_set_load(struct emg_analysis *a, double ring_peak_percent, double load_percent)
{
    a->status.ring_peak_percent = ring_peak_percent;
    a->status.load_percent = load_percent;
}

void emg_analysis_restart(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        emg_muscle_restart(a->muscles[i], a->next_frame);
        a->verdicts[i] = EMG_VERDICT_UNDETERMINED;
        a->flags[i] = 0;
        memset(a->flag_frames[i], 0, sizeof a->flag_frames[i]);
        a->shift_percent[i] = NAN;
    }
    for (size_t i = 0; i < EMG_SIDES; i++)
        if (a->gait.sides[i].leg != NULL)
            emg_leg_restart(a->gait.sides[i].leg, a->next_frame);
    for (size_t i = 0; i < TICKS; i++)
        ticker_advance(&a->tickers[i], a->next_frame);
    emg_analysis_restore_results(a);
}

size_t emg_analysis_message_max(const struct emg_analysis *a)
{
    return a->message_max;
}

void emg_analysis_destroy(struct emg_analysis *a)
{
    if (a == NULL)
        return;
    free(a->session);
    emg_gait_destroy(&a->gait);
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        emg_muscle_destroy(a->muscles[i]);
    free(a->held);
    free(a->switched);
    free(a->message);
    free(a);
}
