#include "daemon/worker.h"

#include "daemon/bdf.h"
#include "daemon/clock.h"
#include "daemon/intake.h"
#include "daemon/polling.h"
#include "daemon/schedule.h"
#include "dsp/realtime.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double ANSWER_S = 2.0;
static const int64_t STATUS_NS = 1000000000;

/* A stream is lost after so many of the device's periods without a frame, but not for a mere hiccup. */
static const double SILENT_PERIODS = 5;
static const int64_t LEAST_SILENCE_NS = 300000000;

struct emg_worker {
    struct emg_worker_config config;
    struct emg_analysis *analysis;
    pthread_t thread;
    bool started;
    _Atomic bool stop;
    _Atomic uint64_t messages_dropped;
    _Atomic uint64_t rounds;
    _Atomic int64_t expected_ns; /* the next block, 0: not known */
    _Atomic bool refused;
    struct emg_errand errand;

    /* the thread's own */
    struct emg_intake intake;
    struct emg_wire wire; /* of annotations */
    bool recording;
    int64_t load_since_ns, busy_ns; /* of the stretch that the next load figure covers */
    int64_t heard_ns, told_ns;      /* last block; last block or status without one */
    enum emg_stream_state told;
    bool has_start;
};

/* For a daemon that starts again; a replay keeps nothing. */
static void keep_session(struct emg_worker *w)
{
    if (w->config.recorder != NULL && w->config.script == NULL)
        emg_recorder_keep(w->config.recorder, emg_analysis_session(w->analysis));
}

/* Events are part of a recording, results part of the session on disk. */
static void record_event(struct emg_worker *w, const struct emg_message *message)
{
    char text[EMG_BDF_TEXT_MAX + 1];
    const uint64_t frame = emg_analysis_next_frame(w->analysis);
    if (w->recording && emg_wire_annotation(&w->wire, message, text, sizeof text))
        emg_recorder_annotate(w->config.recorder, frame, text);
    if (message->topic == EMG_TOPIC_EVENT_REST || message->topic == EMG_TOPIC_EVENT_REFERENCE ||
        message->topic == EMG_TOPIC_EVENT_BASELINE)
        keep_session(w);
}

static void take_message(void *context, const struct emg_message *message, size_t n_bytes)
{
    struct emg_worker *w = context;
    struct emg_message *room = NULL;
    if (w->config.recorder != NULL)
        record_event(w, message);
    while ((room = emg_ring_reserve(w->config.messages, n_bytes)) == NULL) {
        if (w->config.capture->info.realtime || atomic_load_explicit(&w->stop, memory_order_relaxed)) {
            atomic_fetch_add_explicit(&w->messages_dropped, 1, memory_order_relaxed);
            return;
        }
        emg_clock_sleep_until(emg_clock_monotonic_ns() + EMG_POLL_NS);
    }
    memcpy(room, message, n_bytes);
    emg_ring_commit(w->config.messages);
}

enum emg_error emg_worker_create(struct emg_worker **out, const struct emg_worker_config *config,
                                 struct emg_problem *problem)
{
    *out = NULL;
    struct emg_worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "worker: %s", emg_strerror(EMG_ERROR_MEMORY));
    w->config = *config;
    w->has_start = config->capture->info.has_start;
    emg_intake_init(&w->intake, config->frames, config->capture->info.rate_hz,
                    config->capture->info.realtime);
    const enum emg_error error = emg_analysis_create(&w->analysis, config->config, &config->capture->info,
                                                     config->montage, take_message, w, problem);
    if (error != EMG_OK) {
        free(w);
        return error;
    }
    emg_analysis_wire(w->analysis, &w->wire);
    if (config->script != NULL)
        emg_analysis_follow(w->analysis, config->script);
    *out = w;
    return EMG_OK;
}

void emg_worker_wire(const struct emg_worker *w, struct emg_wire *wire)
{
    emg_analysis_wire(w->analysis, wire);
}

/* Of the stream in host time; 0: as fast as it goes. */
static double speed_of(const struct emg_worker *w)
{
    return w->config.capture->info.realtime ? 1 : w->config.config->source.speed;
}

/* Once a second of host time: the share of it that analysis took, and how full the ring became. */
static void measure_load(struct emg_worker *w, int64_t now_ns)
{
    if (now_ns - w->load_since_ns < STATUS_NS)
        return;
    const bool realtime = w->config.capture->info.realtime;
    const double load = 100.0 * (double)w->busy_ns / (double)(now_ns - w->load_since_ns);
    const double peak = emg_ring_take_peak_percent(w->config.frames);
    emg_analysis_set_load(w->analysis, realtime ? peak : NAN, speed_of(w) > 0 ? load : NAN);
    if (realtime)
        emg_analysis_set_realtime(w->analysis, !atomic_load(&w->refused) &&
                                                   !atomic_load(&w->config.capture->realtime_refused));
    w->load_since_ns = now_ns;
    w->busy_ns = 0;
}

static bool is_silent(const struct emg_worker *w, int64_t now_ns)
{
    const int64_t limit_ns = (int64_t)(SILENT_PERIODS * 1e6 * w->config.config->source.latency_ms);
    return now_ns - w->heard_ns > (limit_ns > LEAST_SILENCE_NS ? limit_ns : LEAST_SILENCE_NS);
}

/* A live source that gives nothing is told of at once, and then once a second; a replay goes on by itself. */
static void idle(struct emg_worker *w, int64_t now_ns)
{
    enum emg_stream_state state = emg_capture_state(w->config.capture);
    if (state == EMG_STREAM_WAITING)
        w->heard_ns = now_ns; /* a capture runs from its first block on, which may still be on its way */
    if (state == EMG_STREAM_RUNNING && is_silent(w, now_ns))
        state = EMG_STREAM_LOST;
    const bool due = state != EMG_STREAM_RUNNING && now_ns - w->told_ns >= STATUS_NS;
    if (w->config.capture->info.realtime && (state != w->told || due)) {
        emg_analysis_tell_state(w->analysis, state);
        w->told = state;
        w->told_ns = now_ns;
    }
    emg_clock_sleep_until(emg_poll_next(now_ns, emg_worker_expected_ns(w)));
}

static void set_start(struct emg_worker *w, const struct emg_block *block)
{
    const double seconds = (double)(block->first_frame + block->n_frames) / w->config.capture->info.rate_hz;
    emg_analysis_set_start(w->analysis, emg_clock_unix_time(block->host_ns) - seconds);
    if (w->config.capture->info.realtime)
        emg_analysis_set_clock(w->analysis, &w->intake.clock, emg_clock_unix_time(0));
    w->has_start = true;
}

static void begin_recording(struct emg_worker *w, const struct emg_answer *answer)
{
    emg_recorder_begin(w->config.recorder, answer->frame, answer->t, emg_analysis_session(w->analysis));
    w->recording = true;
}

static void end_recording(struct emg_worker *w)
{
    if (w->recording)
        emg_recorder_end(w->config.recorder);
    w->recording = false;
}

static void annotate_command(const struct emg_worker *w, const struct emg_command *command, uint64_t frame)
{
    char text[EMG_BDF_TEXT_MAX + 1];
    const int used = snprintf(text, sizeof text, "%s ", emg_command_name(command->kind));
    (void)emg_command_write(command, (const char(*)[EMG_NAME_SIZE])w->wire.muscles, w->wire.n_muscles,
                            text + used, sizeof text - (size_t)used);
    emg_recorder_annotate(w->config.recorder, frame, text);
}

static void run_errand(struct emg_worker *w)
{
    const struct emg_command *command = emg_errand_take(&w->errand);
    struct emg_answer answer;
    if (command == NULL)
        return;
    emg_analysis_command(w->analysis, command, &answer);
    if (answer.ok && command->kind == EMG_COMMAND_RECORD_START)
        begin_recording(w, &answer);
    else if (answer.ok && command->kind == EMG_COMMAND_RECORD_STOP)
        end_recording(w);
    else if (answer.ok && w->recording)
        annotate_command(w, command, answer.frame);
    if (answer.ok)
        keep_session(w);
    emg_errand_answer(&w->errand, &answer);
}

/* The publisher, too, looks out for it: so only once its messages are on their way. */
static void expect_next(struct emg_worker *w, const struct emg_block *block)
{
    const double frames_per_s = speed_of(w) * w->config.capture->info.rate_hz;
    const int64_t expected_ns =
        frames_per_s > 0 ? block->host_ns + (int64_t)(1e9 * block->n_frames / frames_per_s) : 0;
    atomic_store_explicit(&w->expected_ns, expected_ns, memory_order_relaxed);
}

static void analyse(struct emg_worker *w, const struct emg_block *block)
{
    if (w->recording)
        emg_recorder_put(w->config.recorder, block, !w->config.capture->info.realtime);
    emg_analysis_execute(w->analysis, block);
    expect_next(w, block);
    if (block->last)
        end_recording(w);
}

static void *work(void *argument)
{
    struct emg_worker *w = argument;
    emg_realtime_flush_denormals();
    (void)pthread_setname_np(pthread_self(), "emgd worker");
    emg_schedule_punctual();
    if (w->config.capture->info.realtime)
        atomic_store(&w->refused, !emg_schedule_fifo(EMG_PRIORITY_WORKER));
    w->load_since_ns = w->heard_ns = w->told_ns = emg_clock_monotonic_ns();
    w->told = EMG_STREAM_WAITING;
    emg_analysis_tell_state(w->analysis, EMG_STREAM_WAITING);
    if (w->config.session != NULL)
        emg_analysis_resume(w->analysis, w->config.session);
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        const int64_t begin_ns = emg_clock_monotonic_ns();
        atomic_fetch_add_explicit(&w->rounds, 1, memory_order_relaxed);
        measure_load(w, begin_ns);
        run_errand(w);
        const struct emg_block *block = emg_intake_next(&w->intake, begin_ns);
        if (block == NULL) {
            idle(w, begin_ns);
            continue;
        }
        if (!w->has_start && block->n_frames > 0)
            set_start(w, block);
        if (block->last && emg_capture_state(w->config.capture) == EMG_STREAM_LOST)
            emg_analysis_tell_state(w->analysis, EMG_STREAM_LOST);
        analyse(w, block);
        const bool last = block->last != 0;
        emg_intake_release(&w->intake);
        if (last)
            break;
        w->heard_ns = w->told_ns = emg_clock_monotonic_ns();
        w->told = EMG_STREAM_RUNNING;
        w->busy_ns += w->heard_ns - begin_ns;
    }
    const uint64_t one = 1;
    if (write(w->config.done_fd, &one, sizeof one) < 0)
        return NULL; /* only when nobody listens any more */
    return NULL;
}

enum emg_error emg_worker_start(struct emg_worker *w, struct emg_problem *problem)
{
    if (pthread_create(&w->thread, NULL, work, w) != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "worker: no thread could be started");
    w->started = true;
    while (emg_worker_rounds(w) == 0)
        emg_clock_sleep_until(emg_clock_monotonic_ns() + EMG_POLL_NS);
    return EMG_OK;
}

bool emg_worker_command(struct emg_worker *w, const struct emg_command *command, struct emg_answer *answer)
{
    return emg_errand_run(&w->errand, command, ANSWER_S, answer);
}

bool emg_worker_realtime_refused(const struct emg_worker *w)
{
    return atomic_load(&w->refused);
}

uint64_t emg_worker_rounds(const struct emg_worker *w)
{
    return atomic_load_explicit(&w->rounds, memory_order_relaxed);
}

int64_t emg_worker_expected_ns(const struct emg_worker *w)
{
    return atomic_load_explicit(&w->expected_ns, memory_order_relaxed);
}

uint64_t emg_worker_messages_dropped(const struct emg_worker *w)
{
    return atomic_load_explicit(&w->messages_dropped, memory_order_relaxed);
}

void emg_worker_stop(struct emg_worker *w)
{
    if (!w->started)
        return;
    atomic_store_explicit(&w->stop, true, memory_order_relaxed);
    (void)pthread_join(w->thread, NULL);
    w->started = false;
}

void emg_worker_destroy(struct emg_worker *w)
{
    if (w == NULL)
        return;
    emg_worker_stop(w);
    emg_analysis_destroy(w->analysis);
    free(w);
}
