/* The source "soundio:BACKEND:DEVICE": a capture device through libsoundio.
 *
 * All signals must be blocked before open: a signal taken on one of libsoundio's threads ends the capture.
 * Whatever in libsoundio can hang is called on a thread of its own and given up after a time; that thread is
 * then abandoned with all it uses, which is why everything libsoundio sees is in a struct session apart. */
#include "daemon/capture.h"

#include "daemon/clock.h"
#include "daemon/deadline.h"
#include "daemon/log.h"
#include "daemon/soundio_backend.h"
#include "daemon/soundio_read.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double OPEN_LIMIT_S = 5, START_LIMIT_S = 5, END_LIMIT_S = 1;
static const int64_t FINISH_LIMIT_NS = 1000000000, FINISH_RETRY_NS = 1000000;

/* Below the kernel's own threads for interrupts (50). */
enum { CAPTURE_PRIORITY = 40 };

struct session {
    struct SoundIo *soundio;
    struct SoundIoDevice *device;
    struct SoundIoInStream *stream;
    struct emg_soundio_events events;
    struct emg_soundio_reader reader;

    /* what is asked */
    struct emg_soundio_device wanted;
    struct emg_soundio_choice choice;
    int rate_hz;
    double latency_s;

    /* what came of it */
    enum emg_error error;
    struct emg_problem problem;
    bool realtime_refused;
};

struct soundio_capture {
    struct emg_capture base;
    struct session *session; /* NULL: ended or abandoned */
    bool started;
};

/* May hang: ALSA joins its capture thread, which waits for a device that has fallen silent. */
static void destroy_session(void *context)
{
    struct session *s = context;
    soundio_instream_destroy(s->stream);
    soundio_device_unref(s->device);
    if (s->soundio != NULL)
        soundio_destroy(s->soundio);
    free(s);
}

static enum emg_error open_stream(struct session *s)
{
    s->stream = soundio_instream_create(s->device);
    if (s->stream == NULL)
        return emg_problem_set(&s->problem, EMG_ERROR_MEMORY, "device \"%s\": out of memory", s->wanted.id);
    const enum SoundIoFormat format = emg_soundio_native_format(s->choice.format);
    s->stream->name = "emgd capture";
    s->stream->format = format;
    s->stream->sample_rate = s->rate_hz;
    s->stream->layout = emg_soundio_layout(s->device, s->choice.channels);
    s->stream->software_latency = s->latency_s;
    s->stream->userdata = &s->reader;
    s->stream->read_callback = emg_soundio_read;
    s->stream->overflow_callback = emg_soundio_overflow;
    s->stream->error_callback = emg_soundio_error;

    const int error = soundio_instream_open(s->stream);
    if (error != SoundIoErrorNone)
        return emg_problem_set(&s->problem, EMG_ERROR_DEVICE,
                               "device \"%s\": cannot be opened at %d Hz with %u channels: %s; in use by "
                               "another program?",
                               s->wanted.id, s->rate_hz, s->choice.channels, soundio_strerror(error));
    /* A layout that could not be set is as it should be with ALSA and JACK: the channels then arrive in the
     * device's own order. PulseAudio would mix them. */
    const bool mixed = s->stream->layout_error != SoundIoErrorNone &&
                       s->soundio->current_backend == SoundIoBackendPulseAudio;
    if (s->stream->format != format || s->stream->sample_rate != s->rate_hz ||
        s->stream->layout.channel_count != (int)s->choice.channels || mixed)
        return emg_problem_set(&s->problem, EMG_ERROR_DEVICE,
                               "device \"%s\": gives %s, %d Hz, %d channels%s instead of what was asked",
                               s->wanted.id, soundio_format_string(s->stream->format), s->stream->sample_rate,
                               s->stream->layout.channel_count, mixed ? ", mixed," : "");
    return emg_soundio_check_hardware(&s->wanted, "/proc/asound", (unsigned)s->rate_hz, s->choice.channels,
                                      &s->problem);
}

static void open_session(void *context)
{
    struct session *s = context;
    struct emg_problem refusal = {{0}};
    s->error = emg_soundio_connect(&s->soundio, s->wanted.backend, &s->events, &refusal);
    if (s->error != EMG_OK) {
        emg_problem_write(&s->problem, "%s: %s", s->wanted.backend, refusal.text);
        return;
    }
    s->device = emg_soundio_find(s->soundio, &s->wanted);
    if (s->device != NULL)
        s->error = open_stream(s);
    else
        s->error =
            emg_problem_set(&s->problem, EMG_ERROR_NOT_FOUND, "device \"%s\": has just gone", s->wanted.id);
}

/* The capture thread of ALSA becomes real-time only by inheriting it from the thread that starts it. */
static void start_session(void *context)
{
    struct session *s = context;
    const struct sched_param priority = {.sched_priority = CAPTURE_PRIORITY};
    if (s->soundio->current_backend == SoundIoBackendAlsa)
        s->realtime_refused = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) != 0;
    const int error = soundio_instream_start(s->stream);
    if (error != SoundIoErrorNone)
        s->error = emg_problem_set(&s->problem, EMG_ERROR_DEVICE, "device \"%s\": does not start: %s",
                                   s->wanted.id, soundio_strerror(error));
}

static void close_reader(void *context)
{
    struct session *s = context;
    emg_soundio_reader_close(&s->reader);
}

static void end_session(struct soundio_capture *c)
{
    static const struct emg_deadline_call call = {.work = destroy_session};
    struct session *s = c->session;
    c->session = NULL;
    if (s == NULL)
        return;
    close_reader(s);
    if (emg_deadline_run(&call, s, END_LIMIT_S) == EMG_ERROR_IO)
        destroy_session(s);
}

/* Runs work on the session; when that fails, the session is no more. */
static enum emg_error run(struct soundio_capture *c, void (*work)(void *), double limit_s,
                          struct emg_problem *problem)
{
    const struct emg_deadline_call call = {.work = work, .abandon = close_reader, .late = destroy_session};
    struct session *s = c->session;
    const struct emg_soundio_device device = s->wanted;
    enum emg_error error = emg_deadline_run(&call, s, limit_s);
    if (error == EMG_ERROR_DEVICE) {
        c->session = NULL;
        return emg_problem_set(problem, error, "device \"%s\": %s does not answer within %g s", device.id,
                               device.backend, limit_s);
    }
    if (error == EMG_ERROR_IO)
        (void)emg_problem_set(problem, error, "device \"%s\": no thread to be had", device.id);
    else if (s->error != EMG_OK)
        error = emg_problem_set(problem, s->error, "%s", s->problem.text);
    if (error != EMG_OK)
        end_session(c);
    return error;
}

static void fill_info(struct soundio_capture *c, const struct emg_config *config)
{
    struct emg_stream_info *info = &c->base.info;
    (void)snprintf(info->source, sizeof info->source, "%s", config->source.spec);
    info->rate_hz = c->session->rate_hz;
    info->n_channels = c->session->choice.channels;
    info->realtime = true;
    for (unsigned i = 0; i < info->n_channels; i++)
        info->channels[i] =
            (struct emg_channel){.full_scale_uv = config->source.full_scale_uv, .usable = true};
}

/* PulseAudio gives bursts of 2 s unless told otherwise by the environment. */
static void ask_latency(const char *backend, double latency_ms)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%.0f", latency_ms < 1 ? 1 : latency_ms);
    if (strcmp(backend, "pulseaudio") == 0)
        (void)setenv("PULSE_LATENCY_MSEC", text, 0);
}

/* Finds the device that `rest`, BACKEND:DEVICE, means. */
static enum emg_error choose(struct session *s, const char *rest, const struct emg_config *config,
                             struct emg_problem *problem)
{
    const char *colon = strchr(rest, ':');
    char backend[16];
    if (colon == NULL || colon == rest || colon[1] == '\0' || colon - rest >= (ptrdiff_t)sizeof backend)
        return emg_problem_set(
            problem, EMG_ERROR_ARGUMENT,
            "source \"%s\": use soundio:BACKEND:DEVICE with BACKEND alsa, pulseaudio or jack "
            "(emgd --list-devices)",
            config->source.spec);
    (void)snprintf(backend, sizeof backend, "%.*s", (int)(colon - rest), rest);

    struct emg_soundio_need need;
    enum emg_error error = emg_soundio_need_from_config(&need, config, problem);
    if (error != EMG_OK)
        return error;
    struct emg_soundio_list *list = malloc(sizeof *list);
    if (list == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "source \"%s\": out of memory",
                               config->source.spec);
    error = emg_soundio_list(list, backend, problem);
    for (size_t i = 0; i < EMG_SOUNDIO_BACKENDS && error == EMG_OK; i++)
        if (list->backends[i].problem.text[0] != '\0')
            error = emg_problem_set(problem, EMG_ERROR_DEVICE, "source \"%s\": %s", config->source.spec,
                                    list->backends[i].problem.text);
    if (error == EMG_OK)
        error = emg_soundio_choose(&s->choice, list->devices, list->n_devices, colon + 1, &need, problem);
    if (error == EMG_OK) {
        s->wanted = list->devices[s->choice.index];
        s->rate_hz = (int)need.rate_hz;
        s->latency_s = config->source.latency_ms / 1000;
        ask_latency(backend, config->source.latency_ms);
    }
    free(list);
    return error;
}

static enum emg_error open_soundio(struct emg_capture **out, const char *rest,
                                   const struct emg_config *config, struct emg_problem *problem)
{
    *out = NULL;
    struct soundio_capture *c = calloc(1, sizeof *c);
    struct session *s = calloc(1, sizeof *s);
    if (c == NULL || s == NULL) {
        free(c);
        free(s);
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "source \"%s\": out of memory",
                               config->source.spec);
    }
    c->base.kind = &emg_capture_soundio;
    atomic_init(&c->base.state, EMG_STREAM_WAITING);
    enum emg_error error = choose(s, rest, config, problem);
    if (error != EMG_OK) {
        free(s);
        free(c);
        return error;
    }
    c->session = s;
    emg_soundio_reader_init(&s->reader, s->choice.format, config->source.full_scale_uv, &c->base.state);
    fill_info(c, config);
    error = run(c, open_session, OPEN_LIMIT_S, problem);
    if (error != EMG_OK) {
        free(c);
        return error;
    }
    *out = &c->base;
    return EMG_OK;
}

static enum emg_error start_soundio(struct emg_capture *capture, struct emg_ring *ring,
                                    struct emg_problem *problem)
{
    struct soundio_capture *c = (struct soundio_capture *)capture;
    if (c->session == NULL || c->started)
        return emg_problem_set(problem, EMG_ERROR_DEVICE, "source \"%s\": can be started once only",
                               capture->info.source);
    emg_soundio_reader_attach(&c->session->reader, ring, capture->info.n_channels);
    const enum emg_error error = run(c, start_session, START_LIMIT_S, problem);
    if (error != EMG_OK)
        return error;
    c->started = true;
    if (c->session->realtime_refused)
        emg_log("WARNING: real-time scheduling was refused: samples may be lost when the machine is busy; "
                "give the user an rtprio limit of %d",
                CAPTURE_PRIORITY);
    return EMG_OK;
}

static void lose(struct emg_capture *capture, const char *reason)
{
    struct session *s = ((struct soundio_capture *)capture)->session;
    emg_soundio_reader_close(&s->reader);
    (void)emg_problem_set(&capture->failure, EMG_ERROR_DEVICE, "device \"%s\": %s", s->wanted.id, reason);
    atomic_store_explicit(&capture->state, EMG_STREAM_LOST, memory_order_release);
}

/* A backend that can no longer list its devices has not lost the stream for that: the stream itself tells. */
static bool is_listed(struct session *s)
{
    soundio_flush_events(s->soundio);
    if (s->events.disconnected != SoundIoErrorNone)
        return true;
    struct SoundIoDevice *device = emg_soundio_find(s->soundio, &s->wanted);
    soundio_device_unref(device);
    return device != NULL;
}

static void poll_soundio(struct emg_capture *capture)
{
    struct session *s = ((struct soundio_capture *)capture)->session;
    if (s == NULL || emg_capture_state(capture) == EMG_STREAM_LOST)
        return;
    const bool signalled = atomic_exchange(&s->events.signalled, false);
    if (atomic_load(&s->reader.error) != SoundIoErrorNone)
        lose(capture, "the stream broke off: unplugged, or its server has ended");
    else if (signalled && !is_listed(s))
        /* PulseAudio has silently moved the stream to some other source. */
        lose(capture, "was removed");
}

static void stop_soundio(struct emg_capture *capture)
{
    struct soundio_capture *c = (struct soundio_capture *)capture;
    if (!c->started || c->session == NULL)
        return;
    emg_soundio_reader_close(&c->session->reader);
    struct emg_block_writer writer = c->session->reader.writer;
    end_session(c);
    const int64_t limit_ns = emg_clock_monotonic_ns() + FINISH_LIMIT_NS;
    while (!emg_block_finish(&writer, emg_clock_monotonic_ns()) && emg_clock_monotonic_ns() < limit_ns)
        emg_clock_sleep_until(emg_clock_monotonic_ns() + FINISH_RETRY_NS);
    if (emg_capture_state(capture) != EMG_STREAM_LOST)
        atomic_store_explicit(&capture->state, EMG_STREAM_ENDED, memory_order_release);
}

static void close_soundio(struct emg_capture *capture)
{
    struct soundio_capture *c = (struct soundio_capture *)capture;
    stop_soundio(capture);
    end_session(c);
    free(c);
}

const struct emg_capture_kind emg_capture_soundio = {
    .prefix = "soundio:",
    .open = open_soundio,
    .start = start_soundio,
    .poll = poll_soundio,
    .stop = stop_soundio,
    .close = close_soundio,
};
