#include "daemon/recorder.h"

#include "daemon/bdf.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/recorder_file.h"
#include "daemon/recorder_files.h"
#include "daemon/recorder_sidecar.h"
#include "daemon/ring.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double RING_S = 8.0;
static const double LEAST_RATE_HZ = 1000.0; /* that a recording can be read and analysed with */
static const int64_t POLL_NS = 20000000, WAIT_NS = 500000, SYNC_NS = 1000000000;

enum {
    MOST_RING_BYTES = 64 << 20,
    PIECE_BYTES = 256 << 10,      /* of a block, at most, as one item */
    ANNOTATION_BYTES = 256 << 10, /* that blocks leave to annotations */
    END_BYTES = 4096,             /* that all leave to the end of a recording */
    MOST_EVENTS = 16,
};

enum item_kind { ITEM_BEGIN, ITEM_BLOCK, ITEM_ANNOTATION, ITEM_END, ITEM_KEEP };

struct item {
    enum item_kind kind;
    enum emg_gap_cause cause; /* of frames missing before this */
    uint64_t frame;
    size_t n_frames;
    double t;
    _Alignas(16) unsigned char payload[]; /* a session, samples or a text */
};

enum phase { IDLE, OPENED, ON }; /* ON: from emg_recorder_begin until the file is closed */

struct emg_recorder {
    const struct emg_config *config;
    struct emg_stream_info stream;
    struct emg_montage montage;
    struct emg_ring *ring;
    size_t block_reserve; /* bytes of the ring that blocks leave to the others */
    bool scaled;          /* some muscle has another full scale than its channel */
    float scales[EMG_MAX_CHANNELS];
    pthread_t thread;
    bool started;
    _Atomic bool stop;

    /* the worker's own */
    bool begun, dropped;
    uint64_t end_frame; /* behind the last frame that was put */
    enum emg_gap_cause end_cause;

    _Atomic enum phase phase;
    _Atomic bool refused;    /* the beginning found no room */
    _Atomic unsigned n_lost; /* annotations and sessions that found none */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t closed;
    struct emg_recorder_place place; /* while OPENED, and until the thread takes it */
    struct emg_recorder_state state;
    struct emg_recorder_event events[MOST_EVENTS], last; /* a ring; the last end of a recording */
    size_t first_event, n_events;

    /* the thread's own */
    struct emg_recorder_file *file;
    struct emg_session *session; /* as it was last, once that has changed */
    bool session_changed;        /* since the file began */
    int64_t sync_ns;
};

/* --- the thread --- */

static void push_event(struct emg_recorder *r, const struct emg_recorder_event *event)
{
    if (r->n_events == MOST_EVENTS) {
        r->first_event = (r->first_event + 1) % MOST_EVENTS;
        r->n_events--;
    }
    r->events[(r->first_event + r->n_events++) % MOST_EVENTS] = *event;
}

/* "<path>: <what happened>; <what there is of the recording>" */
static void put_reason(struct emg_recorder_event *event, const struct emg_problem *problem)
{
    const size_t n = strlen(event->path), longest = 100;
    const char *what = problem->text;
    char written[64] = "nothing had been written";
    if (strncmp(what, event->path, n) == 0 && strncmp(what + n, ": ", 2) == 0)
        what += n + 2;
    if (event->frames > 0)
        (void)snprintf(written, sizeof written, "its first %.1f s had been written", event->seconds);
    (void)snprintf(event->reason, sizeof event->reason, "%s%.100s: %.88s; %s", n > longest ? "..." : "",
                   n > longest ? event->path + n - longest : event->path, what, written);
}

/* The recording is over: in order, or because of a problem. */
static void tell_end(struct emg_recorder *r, struct emg_recorder_event *event,
                     const struct emg_problem *problem)
{
    event->change = problem != NULL ? EMG_RECORDER_FAILED : EMG_RECORDER_STOPPED;
    if (problem != NULL) {
        put_reason(event, problem);
        emg_log("RECORDING FAILED: %s", event->reason);
    }
    (void)pthread_mutex_lock(&r->mutex);
    atomic_store(&r->phase, IDLE);
    r->state = (struct emg_recorder_state){.on = false};
    memcpy(r->state.failure, event->reason, sizeof r->state.failure);
    r->last = *event;
    push_event(r, event);
    (void)pthread_cond_broadcast(&r->closed);
    (void)pthread_mutex_unlock(&r->mutex);
}

static void end_file(struct emg_recorder *r, const struct emg_problem *failure)
{
    struct emg_recorder_event event = {.gaps = emg_recorder_file_gaps(r->file)};
    struct emg_problem problem;
    unsigned factor = 1;
    (void)snprintf(event.path, sizeof event.path, "%s", emg_recorder_file_path(r->file));
    const enum emg_error error =
        emg_recorder_file_end(r->file, r->session_changed ? r->session : NULL,
                              failure != NULL ? failure->text : NULL, &event.frames, &problem);
    r->file = NULL;
    event.seconds = (double)event.frames / emg_recorder_rate_hz(r->config, &r->stream, &factor);
    tell_end(r, &event, failure != NULL ? failure : error != EMG_OK ? &problem : NULL);
}

static void note_progress(struct emg_recorder *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->state.seconds = emg_recorder_file_seconds(r->file);
    r->state.frames = emg_recorder_file_frames(r->file);
    r->state.gaps = emg_recorder_file_gaps(r->file);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* The file that was opened, which is the thread's from now on. */
static struct emg_recorder_place take_place(struct emg_recorder *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    const struct emg_recorder_place place = r->place;
    r->place.fd = r->place.directory_fd = -1;
    (void)pthread_mutex_unlock(&r->mutex);
    return place;
}

/* A file that holds nothing is worth nothing. */
static void fail_to_begin(struct emg_recorder *r, struct emg_recorder_place *place,
                          const struct emg_problem *problem)
{
    struct emg_recorder_event event = {.seconds = 0};
    memcpy(event.path, place->path, sizeof event.path);
    emg_recorder_place_remove(place);
    emg_recorder_place_close(place);
    tell_end(r, &event, problem);
}

static void begin_file(struct emg_recorder *r, const struct item *item)
{
    struct emg_problem problem;
    struct emg_recorder_event event = {.change = EMG_RECORDER_STARTED};
    struct emg_recorder_file_config config = {
        .config = r->config,
        .stream = &r->stream,
        .montage = &r->montage,
        .place = take_place(r),
        .first_frame = item->frame,
        .t = item->t,
        .session = (const struct emg_session *)(const void *)item->payload,
    };
    struct emg_recorder_place spare = config.place; /* to remove the file when it is closed already */
    spare.fd = -1;
    spare.directory_fd = fcntl(config.place.directory_fd, F_DUPFD_CLOEXEC, 0);
    memcpy(event.path, config.place.path, sizeof event.path);
    if (emg_recorder_file_create(&r->file, &config, &problem) != EMG_OK) {
        fail_to_begin(r, &spare, &problem);
        return;
    }
    emg_recorder_place_close(&spare);
    r->session_changed = false;
    (void)pthread_mutex_lock(&r->mutex);
    push_event(r, &event);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* The ring was full when a recording was to begin. */
static void refuse_to_begin(struct emg_recorder *r)
{
    struct emg_problem problem;
    if (!atomic_exchange(&r->refused, false))
        return;
    struct emg_recorder_place place = take_place(r);
    emg_problem_write(&problem, "the disk does not keep up");
    fail_to_begin(r, &place, &problem);
}

static const char *cause_name(enum emg_gap_cause cause)
{
    static const char *const names[] = {
        [EMG_GAP_NONE] = "recorder",     [EMG_GAP_RING_FULL] = "ring_full", [EMG_GAP_OVERFLOW] = "overflow",
        [EMG_GAP_HOLE] = "hole",         [EMG_GAP_DEVICE] = "device",       [EMG_GAP_STALL] = "stall",
        [EMG_GAP_RECORDER] = "recorder",
    };
    return names[cause];
}

/* A recording is in each muscle's own microvolts, since whoever reads it scales no further. */
static void scale(const struct emg_recorder *r, float *samples, size_t n_frames)
{
    for (size_t i = 0; r->scaled && i < n_frames; i++, samples += r->stream.n_channels)
        for (unsigned c = 0; c < r->stream.n_channels; c++)
            samples[c] *= r->scales[c];
}

/* The frames of an item, or of its end only what is missing before it. */
static void add_frames(struct emg_recorder *r, struct item *item)
{
    struct emg_problem problem;
    float *samples = (float *)(void *)item->payload;
    scale(r, samples, item->n_frames);
    if (emg_recorder_file_add(r->file, item->frame, samples, item->n_frames, cause_name(item->cause),
                              &problem) != EMG_OK)
        end_file(r, &problem);
}

/* The end of a session says no more of it, and so is not the last state of it. */
static void keep(struct emg_recorder *r, const struct emg_session *session)
{
    emg_recorder_keep_session(r->config->recording.directory, session);
    if (session->id[0] == '\0' || session->n_muscles != r->session->n_muscles)
        return;
    memcpy(r->session, session, emg_session_bytes(session->n_muscles));
    r->session_changed = true;
}

static void take(struct emg_recorder *r, struct item *item)
{
    if (item->kind == ITEM_BEGIN)
        begin_file(r, item);
    else if (item->kind == ITEM_KEEP)
        keep(r, (const struct emg_session *)(const void *)item->payload);
    else if (r->file == NULL)
        return; /* it has failed: the rest is not wanted */
    else if (item->kind == ITEM_ANNOTATION)
        emg_recorder_file_annotate(r->file, item->frame, (const char *)item->payload);
    else
        add_frames(r, item);
    if (item->kind == ITEM_END && r->file != NULL)
        end_file(r, NULL);
}

static void drain(struct emg_recorder *r)
{
    size_t n = 0;
    struct item *item = NULL;
    while ((item = emg_ring_front(r->ring, &n)) != NULL) {
        take(r, item);
        emg_ring_release(r->ring);
    }
    const unsigned n_lost = atomic_exchange(&r->n_lost, 0);
    if (n_lost > 0)
        emg_log("recorder: the disk does not keep up: %u annotations or states of the session are lost",
                n_lost);
}

static void sync_file(struct emg_recorder *r)
{
    struct emg_problem problem;
    const int64_t now_ns = emg_clock_monotonic_ns();
    if (r->file == NULL)
        return;
    note_progress(r);
    if (now_ns - r->sync_ns < SYNC_NS)
        return;
    r->sync_ns = now_ns;
    if (emg_recorder_file_sync(r->file, &problem) != EMG_OK)
        end_file(r, &problem);
}

static void *run(void *argument)
{
    struct emg_recorder *r = argument;
    sigset_t too_large;
    (void)pthread_setname_np(pthread_self(), "emgd recorder");
    (void)sigemptyset(&too_large); /* a limit of file sizes is a full disk, not the end of the daemon */
    (void)sigaddset(&too_large, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &too_large, NULL);
    for (;;) {
        const bool stop = atomic_load_explicit(&r->stop, memory_order_acquire);
        drain(r);
        refuse_to_begin(r);
        sync_file(r);
        if (stop)
            break;
        emg_clock_sleep_until(emg_clock_monotonic_ns() + POLL_NS);
    }
    if (r->file != NULL)
        end_file(r, NULL);
    return NULL;
}

/* --- the main thread --- */

/* Foot switches and what is no muscle stay as they are. */
static void take_scales(struct emg_recorder *r)
{
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++)
        r->scales[i] = 1;
    for (size_t i = 0; i < r->montage.n_muscles; i++) {
        r->scales[r->montage.muscles[i].channel] = r->montage.muscles[i].scale;
        r->scaled |= r->montage.muscles[i].scale != 1;
    }
}

static enum emg_error create_ring(struct emg_recorder *r)
{
    const double wanted = RING_S * r->stream.rate_hz * r->stream.n_channels * (double)sizeof(float);
    r->block_reserve = emg_session_bytes(r->montage.n_muscles) + ANNOTATION_BYTES;
    /* A quarter of it must hold a piece of a block and the reserve. */
    const double least = 4.0 * (double)(r->block_reserve + PIECE_BYTES + END_BYTES);
    return emg_ring_create(&r->ring, (size_t)fmin(least + wanted, MOST_RING_BYTES));
}

enum emg_error emg_recorder_create(struct emg_recorder **out, const struct emg_config *config,
                                   const struct emg_stream_info *stream, const struct emg_montage *montage,
                                   struct emg_problem *problem)
{
    *out = NULL;
    struct emg_recorder *r = calloc(1, sizeof *r);
    if (r == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "recorder: %s", emg_strerror(EMG_ERROR_MEMORY));
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&r->mutex, NULL);
    (void)pthread_cond_init(&r->closed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    r->config = config;
    r->stream = *stream;
    r->montage = *montage;
    r->place.fd = r->place.directory_fd = -1;
    take_scales(r);
    emg_recorder_tell_unfinished(config->recording.directory);
    enum emg_error error = create_ring(r);
    r->session = calloc(1, emg_session_bytes(montage->n_muscles));
    if (error == EMG_OK && r->session == NULL)
        error = EMG_ERROR_MEMORY;
    if (r->session != NULL)
        r->session->n_muscles = montage->n_muscles;
    if (error == EMG_OK && pthread_create(&r->thread, NULL, run, r) != 0)
        error = EMG_ERROR_IO;
    r->started = error == EMG_OK;
    if (error != EMG_OK) {
        emg_recorder_destroy(r);
        return emg_problem_set(problem, error, "recorder: %s", emg_strerror(error));
    }
    *out = r;
    return EMG_OK;
}

static void remove_stale(struct emg_recorder *r)
{
    enum phase opened = OPENED;
    if (!atomic_compare_exchange_strong(&r->phase, &opened, IDLE))
        return;
    emg_recorder_place_remove(&r->place);
    emg_recorder_place_close(&r->place);
}

void emg_recorder_destroy(struct emg_recorder *r)
{
    if (r == NULL)
        return;
    atomic_store_explicit(&r->stop, true, memory_order_release);
    if (r->started)
        (void)pthread_join(r->thread, NULL);
    remove_stale(r);
    emg_ring_destroy(r->ring);
    free(r->session);
    (void)pthread_cond_destroy(&r->closed);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r);
}

struct emg_session *emg_recorder_unfinished_session(const struct emg_config *config,
                                                    const struct emg_montage *montage)
{
    return emg_recorder_find_session(config->recording.directory, montage);
}

/* --- the control thread --- */

/* Whether such a file can be: at this rate, and with room for its header. */
static enum emg_error try_header(const struct emg_recorder *r, const struct emg_recorder_place *place,
                                 struct emg_problem *problem)
{
    struct emg_bdf *bdf = NULL;
    struct emg_problem why;
    struct emg_bdf_config config = {.start_t = NAN};
    unsigned factor = 1;
    config.rate_hz = emg_recorder_rate_hz(r->config, &r->stream, &factor);
    if (config.rate_hz < LEAST_RATE_HZ)
        return emg_problem_set(
            problem, EMG_ERROR_ARGUMENT,
            "recording.rate_hz: %g Hz are %g Hz of the stream's %g Hz, which is too slow for "
            "a recording; from %g Hz on it can be analysed",
            r->config->recording.rate_hz, config.rate_hz, r->stream.rate_hz, LEAST_RATE_HZ);
    emg_sidecar_fill_channels(&config, r->config, &r->stream, &r->montage);
    const enum emg_error error = emg_bdf_create(&bdf, place->fd, &config, &why);
    emg_bdf_abandon(bdf);
    return error != EMG_OK ? emg_problem_set(problem, error, "%s: %s", place->path, why.text) : EMG_OK;
}

enum emg_error emg_recorder_open(struct emg_recorder *r, const char *path, const char *participant,
                                 char path_out[EMG_PATH_SIZE], struct emg_problem *problem)
{
    const char *directory = r->config->recording.directory;
    struct emg_recorder_place place;
    enum emg_error error = EMG_OK;
    (void)pthread_mutex_lock(&r->mutex);
    remove_stale(r);
    if (atomic_load(&r->phase) == ON)
        error = emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                                "%s is being recorded; end it with record.stop first", r->state.path);
    (void)pthread_mutex_unlock(&r->mutex);
    if (error != EMG_OK)
        return error;
    error = path != NULL ? emg_recorder_place_make(&place, directory, path, ".bdf", problem)
                         : emg_recorder_place_make_by_time(&place, directory, participant, ".bdf", problem);
    if (error != EMG_OK)
        return error;
    error = try_header(r, &place, problem);
    if (error != EMG_OK) {
        emg_recorder_place_remove(&place);
        emg_recorder_place_close(&place);
        return error;
    }
    memcpy(path_out, place.path, sizeof place.path);
    (void)pthread_mutex_lock(&r->mutex);
    r->place = place;
    r->state = (struct emg_recorder_state){.on = false};
    memcpy(r->state.path, place.path, sizeof r->state.path);
    atomic_store(&r->phase, OPENED);
    (void)pthread_mutex_unlock(&r->mutex);
    return EMG_OK;
}

static struct timespec time_in(double seconds)
{
    const int64_t ns = emg_clock_monotonic_ns() + (int64_t)(1e9 * fmin(fmax(seconds, 0), 1e6));
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

bool emg_recorder_wait_closed(struct emg_recorder *r, double seconds, struct emg_recorder_event *event)
{
    const struct timespec limit = time_in(seconds);
    (void)pthread_mutex_lock(&r->mutex);
    while (atomic_load(&r->phase) != IDLE && pthread_cond_timedwait(&r->closed, &r->mutex, &limit) == 0)
        ;
    const bool closed = atomic_load(&r->phase) == IDLE;
    *event = r->last;
    (void)pthread_mutex_unlock(&r->mutex);
    return closed;
}

/* --- the publisher --- */

void emg_recorder_state(struct emg_recorder *r, struct emg_recorder_state *state)
{
    (void)pthread_mutex_lock(&r->mutex);
    *state = r->state;
    state->on = atomic_load(&r->phase) == ON;
    (void)pthread_mutex_unlock(&r->mutex);
}

bool emg_recorder_next_event(struct emg_recorder *r, struct emg_recorder_event *event)
{
    (void)pthread_mutex_lock(&r->mutex);
    const bool any = r->n_events > 0;
    if (any) {
        *event = r->events[r->first_event];
        r->first_event = (r->first_event + 1) % MOST_EVENTS;
        r->n_events--;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return any;
}

/* --- the worker --- */

/* Room for an item that leaves `rest` bytes to others; NULL: there is none. */
static struct item *reserve(struct emg_recorder *r, enum item_kind kind, size_t payload, size_t rest)
{
    const size_t bytes = sizeof(struct item) + payload;
    if (emg_ring_reserve(r->ring, bytes + rest) == NULL)
        return NULL;
    struct item *item = emg_ring_reserve(r->ring, bytes);
    *item = (struct item){.kind = kind, .cause = EMG_GAP_NONE, .t = NAN};
    return item;
}

/* NULL: it is lost, which the thread tells. */
static struct item *reserve_or_count(struct emg_recorder *r, enum item_kind kind, size_t payload)
{
    struct item *item = reserve(r, kind, payload, END_BYTES);
    if (item == NULL)
        atomic_fetch_add_explicit(&r->n_lost, 1, memory_order_relaxed);
    return item;
}

void emg_recorder_begin(struct emg_recorder *r, uint64_t first_frame, double t,
                        const struct emg_session *session)
{
    const size_t bytes = emg_session_bytes(session->n_muscles);
    enum phase opened = OPENED;
    r->begun = false;
    if (!atomic_compare_exchange_strong(&r->phase, &opened, ON))
        return;
    struct item *item = reserve(r, ITEM_BEGIN, bytes, END_BYTES);
    r->begun = item != NULL;
    r->dropped = false;
    r->end_frame = first_frame;
    r->end_cause = EMG_GAP_NONE;
    if (item == NULL) {
        atomic_store(&r->refused, true);
        return;
    }
    item->frame = first_frame;
    item->t = t;
    memcpy(item->payload, session, bytes);
    emg_ring_commit(r->ring);
}

static bool put_piece(struct emg_recorder *r, const struct emg_block *block, uint32_t first,
                      uint32_t n_frames, bool wait)
{
    const size_t frame_bytes = r->stream.n_channels * sizeof block->samples[0];
    struct item *item = NULL;
    while ((item = reserve(r, ITEM_BLOCK, n_frames * frame_bytes, r->block_reserve)) == NULL && wait)
        emg_clock_sleep_until(emg_clock_monotonic_ns() + WAIT_NS);
    if (item == NULL)
        return false;
    item->frame = block->first_frame + first;
    item->n_frames = n_frames;
    item->cause = r->dropped ? EMG_GAP_RECORDER : (enum emg_gap_cause)block->gap_cause;
    memcpy(item->payload, block->samples + (size_t)first * r->stream.n_channels, n_frames * frame_bytes);
    emg_ring_commit(r->ring);
    return true;
}

void emg_recorder_put(struct emg_recorder *r, const struct emg_block *block, bool wait)
{
    const uint32_t most = (uint32_t)(PIECE_BYTES / (r->stream.n_channels * sizeof block->samples[0]));
    if (!r->begun)
        return;
    for (uint32_t done = 0; done < block->n_frames;) {
        const uint32_t left = block->n_frames - done, n_frames = left < most ? left : most;
        r->dropped = !put_piece(r, block, done, n_frames, wait);
        done += n_frames;
    }
    r->end_frame = block->first_frame + block->n_frames;
    r->end_cause = r->dropped ? EMG_GAP_RECORDER : (enum emg_gap_cause)block->gap_cause;
}

void emg_recorder_annotate(struct emg_recorder *r, uint64_t frame, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    struct item *item = r->begun ? reserve_or_count(r, ITEM_ANNOTATION, bytes) : NULL;
    if (item == NULL)
        return;
    item->frame = frame;
    memcpy(item->payload, text, bytes);
    emg_ring_commit(r->ring);
}

void emg_recorder_end(struct emg_recorder *r)
{
    /* There is always room: a recording begins when the one before it has been closed. */
    struct item *item = r->begun ? reserve(r, ITEM_END, 0, 0) : NULL;
    r->begun = false;
    if (item == NULL)
        return;
    item->frame = r->end_frame;
    item->cause = r->end_cause;
    emg_ring_commit(r->ring);
}

void emg_recorder_keep(struct emg_recorder *r, const struct emg_session *session)
{
    const size_t bytes = emg_session_bytes(session->n_muscles);
    struct item *item = reserve_or_count(r, ITEM_KEEP, bytes);
    if (item == NULL)
        return;
    memcpy(item->payload, session, bytes);
    emg_ring_commit(r->ring);
}
