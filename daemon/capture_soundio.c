/* The source "soundio:BACKEND:DEVICE": a capture device through libsoundio, that comes back when it was lost.
 *
 * A stream that breaks off, whose device is removed or that gives nothing for two seconds is ended, and the
 * device is opened anew, again and again with growing pauses, until it gives frames. The first block behind
 * the loss is marked uncounted: the clocks tell how long it was (daemon/intake.h). */
#include "daemon/capture.h"

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/schedule.h"
#include "daemon/soundio_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double OPEN_LIMIT_S = 5, START_LIMIT_S = 5;
static const int64_t RETURN_LIMIT_NS = 10000000000;
enum { MOST_HANGING = 4 }; /* sessions that were given up and may wake yet */
static const int64_t FINISH_LIMIT_NS = 300000000, FINISH_RETRY_NS = 1000000;

/* A stream that has stood still for so long, or has given nothing for so long since its start, is opened
 * anew. */
static const int64_t STANDSTILL_NS = 2000000000, SLOWEST_START_NS = 5000000000;

/* Who has not looked for longer has stood still himself, and cannot tell that of a device. */
static const int64_t LONGEST_BLINK_NS = 500000000;

static const int64_t FIRST_PAUSE_NS = 100000000, LONGEST_PAUSE_NS = 1000000000;

struct soundio_capture {
    struct emg_capture base;
    struct emg_soundio_wish wish;
    struct emg_soundio_tally *tally;
    struct emg_soundio_session *session; /* NULL: none just now */
    struct emg_block_writer writer;      /* while no session has it */
    bool started;
    int64_t polled_ns;

    /* while the device is lost */
    int64_t lost_ns;  /* since when; 0: it is not */
    int64_t since_ns; /* when the session was open, or it last gave frames, as far as we have looked */
    int64_t begun_ns; /* when the session was begun */
    int64_t retry_ns, pause_ns;
    struct emg_problem problem; /* of the last attempt */
};

static void fill_info(struct soundio_capture *c, const struct emg_config *config)
{
    struct emg_stream_info *info = &c->base.info;
    (void)snprintf(info->source, sizeof info->source, "%s", config->source.spec);
    info->rate_hz = c->wish.need.rate_hz;
    info->n_channels = emg_soundio_session_opened(c->session)->channels;
    info->realtime = true;
    for (unsigned i = 0; i < info->n_channels; i++)
        info->channels[i] = (struct emg_channel){.full_scale_uv = c->wish.full_scale_uv[i], .usable = true};
}

/* PulseAudio gives bursts of 2 s unless told otherwise by the environment. */
static void ask_latency(const char *backend, double latency_ms)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%.0f", latency_ms < 1 ? 1 : latency_ms);
    if (strcmp(backend, "pulseaudio") == 0)
        (void)setenv("PULSE_LATENCY_MSEC", text, 0);
}

static void fill_full_scales(struct emg_soundio_wish *wish, const struct emg_config *config)
{
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++)
        wish->full_scale_uv[i] = config->source.full_scale_uv;
    for (size_t i = 0; i < config->n_muscles; i++)
        if (config->muscles[i].channel > 0 && config->muscles[i].full_scale_uv > 0)
            wish->full_scale_uv[config->muscles[i].channel - 1] = config->muscles[i].full_scale_uv;
}

/* Fills the wish from `rest`, BACKEND:DEVICE, and the configuration. */
static enum emg_error make_wish(struct emg_soundio_wish *wish, const char *rest,
                                const struct emg_config *config, struct emg_problem *problem)
{
    const char *colon = strchr(rest, ':');
    if (colon == NULL || colon == rest || colon[1] == '\0' || colon - rest >= (ptrdiff_t)sizeof wish->backend)
        return emg_problem_set(
            problem, EMG_ERROR_ARGUMENT,
            "source \"%s\": use soundio:BACKEND:DEVICE with BACKEND alsa, pulseaudio or jack "
            "(emgd --list-devices)",
            config->source.spec);
    (void)snprintf(wish->backend, sizeof wish->backend, "%.*s", (int)(colon - rest), rest);
    (void)snprintf(wish->device, sizeof wish->device, "%s", colon + 1);
    fill_full_scales(wish, config);
    wish->period_s = config->source.latency_ms / 1000;
    ask_latency(wish->backend, config->source.latency_ms);
    return emg_soundio_need_from_config(&wish->need, config, problem);
}

static enum emg_error open_first(struct soundio_capture *c, struct emg_problem *problem)
{
    c->tally = emg_soundio_tally_create();
    if (c->tally != NULL)
        c->session = emg_soundio_session_create(&c->wish, &c->base.state, c->tally);
    if (c->session == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "device \"%s\": out of memory", c->wish.device);
    const enum emg_error error = emg_soundio_session_begin_open(c->session);
    if (error != EMG_OK)
        return emg_problem_set(problem, error, "device \"%s\": no thread to be had", c->wish.device);
    return emg_soundio_session_wait(c->session, OPEN_LIMIT_S, problem);
}

static enum emg_error open_soundio(struct emg_capture **out, const char *rest,
                                   const struct emg_config *config, struct emg_problem *problem)
{
    *out = NULL;
    struct soundio_capture *c = calloc(1, sizeof *c);
    if (c == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "source \"%s\": out of memory",
                               config->source.spec);
    c->base.kind = &emg_capture_soundio;
    atomic_init(&c->base.state, EMG_STREAM_WAITING);
    enum emg_error error = make_wish(&c->wish, rest, config, problem);
    if (error == EMG_OK)
        error = open_first(c, problem);
    if (error != EMG_OK) {
        emg_soundio_session_end(c->session, &c->writer);
        emg_soundio_tally_destroy(c->tally);
        free(c);
        return error;
    }
    fill_info(c, config);
    *out = &c->base;
    return EMG_OK;
}

static enum emg_error start_soundio(struct emg_capture *capture, struct emg_ring *ring,
                                    struct emg_problem *problem)
{
    struct soundio_capture *c = (struct soundio_capture *)capture;
    const struct emg_soundio_opened *opened = emg_soundio_session_opened(c->session);
    c->wish.before = opened->device;
    c->wish.need.channels = opened->channels;
    emg_block_writer_init(&c->writer, ring, opened->channels);
    enum emg_error error = emg_soundio_session_begin_start(c->session, &c->writer);
    if (error != EMG_OK)
        return emg_problem_set(problem, error, "device \"%s\": no thread to be had", c->wish.device);
    error = emg_soundio_session_wait(c->session, START_LIMIT_S, problem);
    if (error != EMG_OK)
        return error;
    atomic_store(&capture->realtime_refused, emg_soundio_session_opened(c->session)->realtime_refused);
    c->since_ns = emg_clock_monotonic_ns();
    c->pause_ns = FIRST_PAUSE_NS;
    c->started = true;
    return EMG_OK;
}

/* Ends the session, to try again after a pause. */
static void give_up_session(struct soundio_capture *c, const struct emg_problem *problem)
{
    const int64_t now_ns = emg_clock_monotonic_ns();
    if (strcmp(c->problem.text, problem->text) != 0)
        emg_log("%s; it is tried again until it is back", problem->text);
    c->problem = *problem;
    emg_soundio_session_end(c->session, &c->writer);
    c->session = NULL;
    emg_block_doubt(&c->writer, EMG_GAP_DEVICE);
    if (c->lost_ns == 0)
        c->lost_ns = c->since_ns;
    c->retry_ns = now_ns + c->pause_ns;
    c->pause_ns = 2 * c->pause_ns < LONGEST_PAUSE_NS ? 2 * c->pause_ns : LONGEST_PAUSE_NS;
    atomic_store_explicit(&c->base.state, EMG_STREAM_LOST, memory_order_release);
}

static void lose(struct soundio_capture *c, const char *reason)
{
    struct emg_problem problem;
    emg_problem_write(&problem, "device \"%s\": %s", c->wish.device, reason);
    give_up_session(c, &problem);
}

static void try_again(struct soundio_capture *c, int64_t now_ns)
{
    if (now_ns < c->retry_ns || emg_soundio_tally_sessions(c->tally) >= MOST_HANGING)
        return;
    c->begun_ns = c->since_ns = now_ns;
    c->session = emg_soundio_session_create(&c->wish, &c->base.state, c->tally);
    if (c->session == NULL || emg_soundio_session_begin_start(c->session, &c->writer) != EMG_OK)
        lose(c, "no memory or thread to be had");
}

/* A session that is still being opened. */
static void watch_return(struct soundio_capture *c, int64_t now_ns)
{
    c->since_ns = now_ns;
    if (now_ns - c->begun_ns > RETURN_LIMIT_NS)
        lose(c, "does not answer");
}

static void watch(struct soundio_capture *c, int64_t now_ns)
{
    const int64_t heard_ns = emg_soundio_session_heard_ns(c->session);
    const char *trouble = emg_soundio_session_trouble(c->session);
    if (heard_ns > c->since_ns) {
        c->since_ns = heard_ns;
        c->pause_ns = FIRST_PAUSE_NS;
        if (c->lost_ns != 0)
            emg_log("device \"%s\": is back after %.1f s", c->wish.device,
                    1e-9 * (double)(heard_ns - c->lost_ns));
        if (c->lost_ns != 0 &&
            (emg_soundio_session_opened(c->session)->realtime_refused || !emg_schedule_lock_memory()))
            atomic_store(&c->base.realtime_refused, true);
        c->lost_ns = 0;
        c->problem.text[0] = '\0';
    }
    if (trouble != NULL)
        lose(c, trouble);
    else if (now_ns - c->since_ns > (heard_ns != 0 ? STANDSTILL_NS : SLOWEST_START_NS))
        lose(c, "gives no samples");
}

static void poll_soundio(struct emg_capture *capture)
{
    struct soundio_capture *c = (struct soundio_capture *)capture;
    const int64_t now_ns = emg_clock_monotonic_ns();
    struct emg_problem problem = {.text = ""};
    if (now_ns - c->polled_ns > LONGEST_BLINK_NS)
        c->since_ns = now_ns;
    c->polled_ns = now_ns;
    if (c->session == NULL) {
        try_again(c, now_ns);
    } else if (emg_soundio_session_is_busy(c->session)) {
        watch_return(c, now_ns);
    } else if (c->lost_ns != 0 && emg_soundio_session_wait(c->session, 0, &problem) != EMG_OK) {
        give_up_session(c, &problem);
    } else {
        watch(c, now_ns);
    }
}

static void stop_soundio(struct emg_capture *capture)
{
    struct soundio_capture *c = (struct soundio_capture *)capture;
    emg_soundio_session_end(c->session, &c->writer);
    c->session = NULL;
    if (!c->started)
        return;
    c->started = false;
    const int64_t limit_ns = emg_clock_monotonic_ns() + FINISH_LIMIT_NS;
    while (!emg_block_finish(&c->writer, emg_clock_monotonic_ns()) && emg_clock_monotonic_ns() < limit_ns)
        emg_clock_sleep_until(emg_clock_monotonic_ns() + FINISH_RETRY_NS);
    atomic_store_explicit(&capture->state, EMG_STREAM_ENDED, memory_order_release);
}

static void close_soundio(struct emg_capture *capture)
{
    stop_soundio(capture);
    emg_soundio_tally_destroy(((struct soundio_capture *)capture)->tally);
    free(capture);
}

const struct emg_capture_kind emg_capture_soundio = {
    .prefix = "soundio:",
    .open = open_soundio,
    .start = start_soundio,
    .poll = poll_soundio,
    .stop = stop_soundio,
    .close = close_soundio,
};
