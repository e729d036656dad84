#include "daemon/soundio_session.h"

#include "daemon/clock.h"
#include "daemon/deadline.h"
#include "daemon/schedule.h"
#include "daemon/soundio_backend.h"
#include "daemon/soundio_card.h"
#include "daemon/soundio_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double END_LIMIT_S = 0.5;

/* For a server to say which devices there are. */
static const int64_t LOOK_LIMIT_NS = 1000000000;

/* Freed by the last of its creator and the sessions. */
struct emg_soundio_tally {
    _Atomic int holders;
};

struct emg_soundio_session {
    struct SoundIo *soundio;
    struct SoundIoDevice *device;
    struct SoundIoInStream *stream;
    struct emg_soundio_events events;
    struct emg_soundio_reader reader;

    struct emg_soundio_wish wish;
    struct emg_soundio_tally *tally;
    struct emg_deadline *task; /* what was begun; NULL: nothing */
    struct emg_deadline *look; /* whether the device is still listed; NULL: nobody looks */
    int64_t look_ns;           /* since when */
    bool attached;
    _Atomic bool given_up;

    /* what came of it: for the task's thread while there is one */
    struct emg_soundio_choice choice;
    struct emg_soundio_opened opened;
    enum emg_error error;
    struct emg_problem problem;
    bool listed; /* for the thread that looks, while there is one */
};

struct emg_soundio_tally *emg_soundio_tally_create(void)
{
    struct emg_soundio_tally *tally = calloc(1, sizeof *tally);
    if (tally != NULL)
        atomic_init(&tally->holders, 1);
    return tally;
}

int emg_soundio_tally_sessions(const struct emg_soundio_tally *tally)
{
    return atomic_load(&tally->holders) - 1;
}

void emg_soundio_tally_destroy(struct emg_soundio_tally *tally)
{
    if (tally != NULL && atomic_fetch_sub(&tally->holders, 1) == 1)
        free(tally);
}

/* May hang: ALSA joins its capture thread, which waits for a device that has fallen silent. */
static void destroy(void *context)
{
    struct emg_soundio_session *s = context;
    struct emg_soundio_tally *tally = s->tally;
    soundio_instream_destroy(s->stream);
    soundio_device_unref(s->device);
    if (s->soundio != NULL)
        soundio_destroy(s->soundio);
    free(s);
    emg_soundio_tally_destroy(tally);
}

struct emg_soundio_session *emg_soundio_session_create(const struct emg_soundio_wish *wish,
                                                       _Atomic int *state, struct emg_soundio_tally *tally)
{
    struct emg_soundio_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->wish = *wish;
    s->tally = tally;
    atomic_fetch_add(&tally->holders, 1);
    emg_soundio_reader_init(&s->reader, wish->period_s, state);
    return s;
}

static bool is_same(const struct emg_soundio_device *a, const struct emg_soundio_device *b)
{
    if (a->serial[0] != '\0' || b->serial[0] != '\0')
        return strcmp(a->serial, b->serial) == 0;
    return a->card[0] != '\0' ? strcmp(a->card, b->card) == 0 : strcmp(a->id, b->id) == 0;
}

static enum emg_error choose_named(struct emg_soundio_session *s, const struct emg_soundio_list *list,
                                   const char *wanted)
{
    const struct emg_soundio_wish *wish = &s->wish;
    const enum emg_error error =
        emg_soundio_choose(&s->choice, list->devices, list->n_devices, wanted, &wish->need, &s->problem);
    if (error != EMG_OK)
        return error;
    s->opened.device = list->devices[s->choice.index];
    s->opened.channels = s->choice.channels;
    if (wish->before.id[0] == '\0' || is_same(&wish->before, &s->opened.device))
        return EMG_OK;
    return emg_problem_set(&s->problem, EMG_ERROR_DEVICE,
                           "device \"%s\": there is another one in its place: %s, serial number \"%s\"",
                           wish->device, s->opened.device.id, s->opened.device.serial);
}

/* It may be called otherwise when it is plugged in again, or have a namesake by now. */
static enum emg_error choose_before(struct emg_soundio_session *s, const struct emg_soundio_list *list,
                                    enum emg_error error)
{
    const struct emg_soundio_device *before = &s->wish.before;
    const struct emg_problem problem = s->problem;
    char serial[sizeof before->serial + 8];
    (void)snprintf(serial, sizeof serial, "SERIAL=%s", before->serial);
    if (before->id[0] != '\0' &&
        choose_named(s, list, before->serial[0] != '\0' ? serial : before->id) == EMG_OK)
        return EMG_OK;
    s->problem = problem;
    return error;
}

/* Finds the device that is wished for. */
static enum emg_error choose(struct emg_soundio_session *s)
{
    const struct emg_soundio_wish *wish = &s->wish;
    struct emg_soundio_list *list = malloc(sizeof *list);
    if (list == NULL)
        return emg_problem_set(&s->problem, EMG_ERROR_MEMORY, "device \"%s\": out of memory", wish->device);
    enum emg_error error = emg_soundio_list(list, wish->backend, &s->problem);
    for (size_t i = 0; i < EMG_SOUNDIO_BACKENDS && error == EMG_OK; i++)
        if (list->backends[i].problem.text[0] != '\0')
            error = emg_problem_set(&s->problem, EMG_ERROR_DEVICE, "device \"%s\": %s: %s", wish->device,
                                    wish->backend, list->backends[i].problem.text);
    if (error == EMG_OK)
        error = choose_named(s, list, wish->device);
    if (error != EMG_OK && list->n_devices > 0)
        error = choose_before(s, list, error);
    free(list);
    return error;
}

static enum emg_error open_stream(struct emg_soundio_session *s)
{
    const char *id = s->opened.device.id;
    const int rate_hz = (int)s->wish.need.rate_hz;
    s->stream = soundio_instream_create(s->device);
    if (s->stream == NULL)
        return emg_problem_set(&s->problem, EMG_ERROR_MEMORY, "device \"%s\": out of memory", id);
    const enum SoundIoFormat format = emg_soundio_native_format(s->choice.format);
    s->stream->name = "emgd capture";
    s->stream->format = format;
    s->stream->sample_rate = rate_hz;
    s->stream->layout = emg_soundio_layout(s->device, s->choice.channels);
    s->stream->software_latency = s->wish.period_s;
    s->stream->userdata = &s->reader;
    s->stream->read_callback = emg_soundio_read;
    s->stream->overflow_callback = emg_soundio_overflow;
    s->stream->error_callback = emg_soundio_error;

    const int error = soundio_instream_open(s->stream);
    if (error != SoundIoErrorNone)
        return emg_problem_set(&s->problem, EMG_ERROR_DEVICE,
                               "device \"%s\": cannot be opened at %d Hz with %u channels: %s; in use by "
                               "another program?",
                               id, rate_hz, s->choice.channels, soundio_strerror(error));
    /* A layout that could not be set is as it should be with ALSA and JACK: the channels then arrive in the
     * device's own order. PulseAudio would mix them. */
    const bool mixed = s->stream->layout_error != SoundIoErrorNone &&
                       s->soundio->current_backend == SoundIoBackendPulseAudio;
    if (s->stream->format != format || s->stream->sample_rate != rate_hz ||
        s->stream->layout.channel_count != (int)s->choice.channels || mixed)
        return emg_problem_set(&s->problem, EMG_ERROR_DEVICE,
                               "device \"%s\": gives %s, %d Hz, %d channels%s instead of what was asked", id,
                               soundio_format_string(s->stream->format), s->stream->sample_rate,
                               s->stream->layout.channel_count, mixed ? ", mixed," : "");
    return emg_soundio_check_hardware(&s->opened.device, "/proc/asound", (unsigned)rate_hz,
                                      s->choice.channels, &s->problem);
}

/* What was given up takes the device from nobody when it wakes. */
static bool is_given_up(struct emg_soundio_session *s)
{
    if (!atomic_load(&s->given_up))
        return false;
    s->error = EMG_ERROR_DEVICE;
    return true;
}

static void open_session(void *context)
{
    struct emg_soundio_session *s = context;
    struct emg_problem refusal = {{0}};
    s->error = choose(s);
    if (s->error != EMG_OK || is_given_up(s))
        return;
    emg_soundio_reader_set_format(&s->reader, s->choice.format, s->wish.full_scale_uv);
    /* The thread that captures from PulseAudio begins with the connection, and inherits this. */
    if (strcmp(s->wish.backend, "pulseaudio") == 0)
        s->opened.realtime_refused = !emg_schedule_fifo(EMG_PRIORITY_CAPTURE);
    s->error = emg_soundio_connect(&s->soundio, s->wish.backend, &s->events, &refusal);
    if (s->error != EMG_OK) {
        emg_problem_write(&s->problem, "%s: %s", s->wish.backend, refusal.text);
        return;
    }
    if (is_given_up(s))
        return;
    s->device = emg_soundio_find(s->soundio, &s->opened.device);
    s->error = s->device != NULL ? open_stream(s)
                                 : emg_problem_set(&s->problem, EMG_ERROR_NOT_FOUND,
                                                   "device \"%s\": has just gone", s->opened.device.id);
}

/* The capture thread of ALSA becomes real-time only by inheriting it from the thread that starts it. */
static void start_session(void *context)
{
    struct emg_soundio_session *s = context;
    if (s->soundio == NULL)
        open_session(s);
    if (s->error != EMG_OK || is_given_up(s))
        return;
    if (s->soundio->current_backend == SoundIoBackendAlsa)
        s->opened.realtime_refused = !emg_schedule_fifo(EMG_PRIORITY_CAPTURE);
    const int error = soundio_instream_start(s->stream);
    if (error != SoundIoErrorNone)
        s->error = emg_problem_set(&s->problem, EMG_ERROR_DEVICE, "device \"%s\": does not start: %s",
                                   s->opened.device.id, soundio_strerror(error));
}

enum emg_error emg_soundio_session_begin_open(struct emg_soundio_session *s)
{
    static const struct emg_deadline_call call = {.work = open_session, .late = destroy};
    return emg_deadline_begin(&s->task, &call, s);
}

enum emg_error emg_soundio_session_begin_start(struct emg_soundio_session *s,
                                               const struct emg_block_writer *writer)
{
    static const struct emg_deadline_call call = {.work = start_session, .late = destroy};
    emg_soundio_reader_attach(&s->reader, writer);
    s->attached = true;
    return emg_deadline_begin(&s->task, &call, s);
}

bool emg_soundio_session_is_busy(const struct emg_soundio_session *s)
{
    return s->task != NULL && !emg_deadline_wait(s->task, 0);
}

enum emg_error emg_soundio_session_wait(struct emg_soundio_session *s, double limit_s,
                                        struct emg_problem *problem)
{
    if (s->task != NULL && !emg_deadline_wait(s->task, limit_s))
        return emg_problem_set(problem, EMG_ERROR_DEVICE, "device \"%s\": %s does not answer within %g s",
                               s->wish.device, s->wish.backend, limit_s);
    if (s->task != NULL)
        (void)emg_deadline_end(s->task);
    s->task = NULL;
    return s->error == EMG_OK ? EMG_OK : emg_problem_set(problem, s->error, "%s", s->problem.text);
}

const struct emg_soundio_opened *emg_soundio_session_opened(const struct emg_soundio_session *s)
{
    return &s->opened;
}

int64_t emg_soundio_session_heard_ns(const struct emg_soundio_session *s)
{
    return atomic_load(&s->reader.heard_ns);
}

/* A backend that can no longer list its devices has not lost the stream for that: the stream itself tells.
 * May hang: PulseAudio is asked, and waited for without a limit. */
static void look(void *context)
{
    struct emg_soundio_session *s = context;
    soundio_flush_events(s->soundio);
    s->listed = true;
    if (s->events.disconnected != SoundIoErrorNone)
        return;
    struct SoundIoDevice *device = emg_soundio_find(s->soundio, &s->opened.device);
    soundio_device_unref(device);
    s->listed = device != NULL;
}

const char *emg_soundio_session_trouble(struct emg_soundio_session *s)
{
    static const struct emg_deadline_call call = {.work = look, .late = destroy};
    const int64_t now_ns = emg_clock_monotonic_ns();
    if (atomic_load(&s->reader.error) != SoundIoErrorNone)
        return "the stream broke off: unplugged, or its server has ended";
    if (s->look == NULL && atomic_exchange(&s->events.signalled, false)) {
        s->look_ns = now_ns;
        (void)emg_deadline_begin(&s->look, &call, s);
    }
    if (s->look == NULL)
        return NULL;
    if (!emg_deadline_wait(s->look, 0))
        return now_ns - s->look_ns > LOOK_LIMIT_NS ? "its server does not answer" : NULL;
    (void)emg_deadline_end(s->look);
    s->look = NULL;
    return s->listed ? NULL : "was removed";
}

void emg_soundio_session_end(struct emg_soundio_session *s, struct emg_block_writer *writer)
{
    static const struct emg_deadline_call call = {.work = destroy};
    if (s == NULL)
        return;
    struct emg_deadline *task = s->task != NULL ? s->task : s->look;
    emg_soundio_reader_close(&s->reader);
    if (s->attached)
        *writer = s->reader.writer;
    atomic_store(&s->given_up, true);
    if (task != NULL && emg_deadline_end(task) != EMG_OK)
        return; /* it destroys itself, should it ever return */
    if (emg_deadline_run(&call, s, END_LIMIT_S) == EMG_ERROR_IO)
        destroy(s);
}
