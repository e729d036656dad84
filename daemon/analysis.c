#include "daemon/analysis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STATUS_HZ = 1.0;
static const double FATIGUE_HZ = 1.0;
static const double WAVEFORM_HZ = 20.0;

/* The instants at which a topic is due: before frame floor(k * period). */
struct ticker {
    double period_frames;
    uint64_t k, due;
};

enum { TICK_ACTIVATION, TICK_WAVEFORM, TICK_FATIGUE, TICK_STATUS, TICKS };

struct emg_analysis {
    struct emg_stream_info stream;
    struct emg_montage montage;
    struct emg_wire wire;
    emg_analysis_emit *emit;
    void *context;

    struct emg_muscle *muscles[EMG_MAX_CHANNELS];
    struct ticker tickers[TICKS];
    uint64_t seq[EMG_TOPIC_COUNT][EMG_MAX_CHANNELS];
    struct emg_message *message; /* scratch, message_max bytes */
    size_t message_max;
    float *mono; /* [longest] one channel of a stretch */
    size_t longest;

    double start_t;
    int64_t arrival_ns;
    uint64_t next_frame;
    struct emg_status status;
};

enum { LONGEST_STRETCH_FRAMES = 4096 };

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
            .spectral_s = config->analysis.spectral_seconds,
            .mode = modes[config->analysis.mode],
        };
        const enum emg_error error = emg_muscle_create(&a->muscles[i], &muscle);
        if (error != EMG_OK)
            return emg_problem_set(problem, error,
                                   "muscle \"%s\": cannot be analysed with these settings at %g Hz: %s",
                                   a->montage.muscles[i].name, a->stream.rate_hz, emg_strerror(error));
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
    a->message_max = sizeof *a->message + n_array * sizeof a->message->array[0];
    a->message = calloc(1, a->message_max);
    a->longest = LONGEST_STRETCH_FRAMES;
    a->mono = calloc(a->longest, sizeof a->mono[0]);
    if (a->message == NULL || a->mono == NULL)
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
    wire->analysis_rate_hz = emg_muscle_rate_hz(a->muscles[0]);
    emg_muscle_band_hz(a->muscles[0], wire->band_hz);
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
    a->status.load_percent = NAN;
    for (size_t i = 0; i < sizeof a->status.latency_ms / sizeof a->status.latency_ms[0]; i++)
        a->status.latency_ms[i] = NAN;
    ticker_init(&a->tickers[TICK_ACTIVATION], stream->rate_hz, config->analysis.activation_hz);
    ticker_init(&a->tickers[TICK_WAVEFORM], stream->rate_hz, WAVEFORM_HZ);
    ticker_init(&a->tickers[TICK_FATIGUE], stream->rate_hz, FATIGUE_HZ);
    ticker_init(&a->tickers[TICK_STATUS], stream->rate_hz, STATUS_HZ);
    enum emg_error error = create_muscles(a, config, problem);
    if (error == EMG_OK)
        error = create_buffers(a, problem);
    if (error != EMG_OK) {
        emg_analysis_destroy(a);
        return error;
    }
    fill_wire(a);
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

static struct emg_message *message_begin(struct emg_analysis *a, enum emg_topic topic, size_t muscle)
{
    struct emg_message *message = a->message;
    message->topic = topic;
    message->muscle = (uint32_t)muscle;
    message->seq = ++a->seq[topic][muscle];
    message->frame = a->next_frame > 0 ? a->next_frame - 1 : 0;
    message->t = a->start_t + (double)message->frame / a->stream.rate_hz;
    message->arrival_ns = a->arrival_ns;
    message->n_array = 0;
    return message;
}

static void message_end(struct emg_analysis *a)
{
    a->emit(a->context, a->message, sizeof *a->message + a->message->n_array * sizeof a->message->array[0]);
}

static void emit_activation(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        message_begin(a, EMG_TOPIC_ACTIVATION, i)->body.activation = emg_muscle_activation(a->muscles[i]);
        message_end(a);
    }
}

static void emit_waveform(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const float *x = NULL;
        uint64_t first_frame = 0;
        const size_t n = emg_muscle_take_waveform(a->muscles[i], &x, &first_frame);
        if (n == 0)
            continue;
        struct emg_message *message = message_begin(a, EMG_TOPIC_WAVEFORM, i);
        message->body.waveform.first_frame = first_frame;
        message->n_array = (uint32_t)n;
        memcpy(message->array, x, n * sizeof x[0]);
        message_end(a);
    }
}

static void emit_fatigue(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        message_begin(a, EMG_TOPIC_FATIGUE, i)->body.fatigue = emg_muscle_fatigue(a->muscles[i]);
        message_end(a);
        const float *psd = NULL;
        double f0_hz = 0, df_hz = 0;
        const size_t n = emg_muscle_psd(a->muscles[i], &psd, &f0_hz, &df_hz);
        if (n == 0)
            continue;
        struct emg_message *message = message_begin(a, EMG_TOPIC_SPECTRUM, i);
        message->body.spectrum.f0_hz = f0_hz;
        message->body.spectrum.df_hz = df_hz;
        message->n_array = (uint32_t)n;
        memcpy(message->array, psd, n * sizeof psd[0]);
        message_end(a);
    }
}

static void emit_status(struct emg_analysis *a)
{
    message_begin(a, EMG_TOPIC_STATUS, 0)->body.status = a->status;
    message_end(a);
}

/* Emits every topic that is due before next_frame, in a fixed order. */
static void emit_due(struct emg_analysis *a)
{
    static void (*const emitters[TICKS])(struct emg_analysis *) = {
        [TICK_ACTIVATION] = emit_activation,
        [TICK_WAVEFORM] = emit_waveform,
        [TICK_FATIGUE] = emit_fatigue,
        [TICK_STATUS] = emit_status,
    };
    for (size_t i = 0; i < TICKS; i++) {
        if (a->tickers[i].due != a->next_frame)
            continue;
        emitters[i](a);
        ticker_advance(&a->tickers[i], a->next_frame);
    }
}

static void tell_device(struct emg_analysis *a, enum emg_stream_state state)
{
    if (a->status.state == state)
        return;
    a->status.state = state;
    message_begin(a, EMG_TOPIC_EVENT_DEVICE, 0)->body.device = state;
    message_end(a);
}

/* Takes a jump of the frame index to first_frame. */
static void take_gap(struct emg_analysis *a, uint64_t first_frame, enum emg_gap_cause cause)
{
    const uint64_t lost = first_frame - a->next_frame;
    a->status.gaps++;
    a->status.frames_lost += lost;
    struct emg_message *message = message_begin(a, EMG_TOPIC_EVENT_GAP, 0);
    message->body.gap =
        (struct emg_gap_event){.first_frame = a->next_frame, .frames_lost = lost, .cause = cause};
    message_end(a);
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        emg_muscle_interrupt(a->muscles[i], first_frame);
    for (size_t i = 0; i < TICKS; i++)
        if (a->tickers[i].due <= first_frame)
            ticker_advance(&a->tickers[i], first_frame);
    a->next_frame = first_frame;
}

/* Runs n frames, no more than to the next instant at which something is due, through every muscle. */
static void execute_stretch(struct emg_analysis *a, const float *frames, size_t n)
{
    const size_t n_channels = a->stream.n_channels;
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const struct emg_montage_muscle *muscle = &a->montage.muscles[i];
        const float *x = frames + muscle->channel;
        for (size_t k = 0; k < n; k++)
            a->mono[k] = muscle->scale * x[k * n_channels];
        emg_muscle_execute(a->muscles[i], a->mono, n);
    }
    a->next_frame += n;
    a->status.frames += n;
}

void emg_analysis_execute(struct emg_analysis *a, const struct emg_block *block)
{
    a->arrival_ns = block->host_ns;
    if (block->n_frames > 0)
        tell_device(a, EMG_STREAM_RUNNING);
    if (block->first_frame != a->next_frame)
        take_gap(a, block->first_frame, (enum emg_gap_cause)block->gap_cause);
    for (size_t done = 0; done < block->n_frames;) {
        size_t n = block->n_frames - done;
        n = n < a->longest ? n : a->longest;
        for (size_t i = 0; i < TICKS; i++) {
            const uint64_t left = a->tickers[i].due - a->next_frame;
            n = left < n ? (size_t)left : n;
        }
        execute_stretch(a, block->samples + done * a->stream.n_channels, n);
        emit_due(a);
        done += n;
    }
    if (block->last)
        emg_analysis_tell_state(a, EMG_STREAM_ENDED);
}

void emg_analysis_tell_state(struct emg_analysis *a, enum emg_stream_state state)
{
    tell_device(a, state);
    emit_status(a);
}

void emg_analysis_set_load(struct emg_analysis *a, double ring_peak_percent, double load_percent)
{
    a->status.ring_peak_percent = ring_peak_percent;
    a->status.load_percent = load_percent;
}

size_t emg_analysis_message_max(const struct emg_analysis *a)
{
    return a->message_max;
}

void emg_analysis_destroy(struct emg_analysis *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        emg_muscle_destroy(a->muscles[i]);
    free(a->mono);
    free(a->message);
    free(a);
}
