#include "daemon/worker.h"

#include "daemon/clock.h"
#include "daemon/intake.h"
#include "daemon/schedule.h"
#include "dsp/realtime.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t POLL_NS = 500000;
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
    _Atomic bool refused;

    /* the thread's own */
    struct emg_intake intake;
    int64_t load_since_ns, busy_ns; /* of the stretch that the next load figure covers */
    int64_t heard_ns, told_ns;      /* last block; last block or status without one */
    enum emg_stream_state told;
    bool has_start;
};

static void take_message(void *context, const struct emg_message *message, size_t n_bytes)
{
    struct emg_worker *w = context;
    struct emg_message *room = NULL;
    while ((room = emg_ring_reserve(w->config.messages, n_bytes)) == NULL) {
        if (w->config.capture->info.realtime || atomic_load_explicit(&w->stop, memory_order_relaxed)) {
            atomic_fetch_add_explicit(&w->messages_dropped, 1, memory_order_relaxed);
            return;
        }
        emg_clock_sleep_until(emg_clock_monotonic_ns() + POLL_NS);
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
    *out = w;
    return EMG_OK;
}

void emg_worker_wire(const struct emg_worker *w, struct emg_wire *wire)
{
    emg_analysis_wire(w->analysis, wire);
}

/* Once a second of host time: the share of it that analysis took, and how full the ring became. */
static void measure_load(struct emg_worker *w, int64_t now_ns)
{
    if (now_ns - w->load_since_ns < STATUS_NS)
        return;
    const bool realtime = w->config.capture->info.realtime;
    const bool paced = realtime || w->config.config->source.speed > 0;
    const double load = 100.0 * (double)w->busy_ns / (double)(now_ns - w->load_since_ns);
    const double peak = emg_ring_take_peak_percent(w->config.frames);
    emg_analysis_set_load(w->analysis, realtime ? peak : NAN, paced ? load : NAN);
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
    emg_clock_sleep_until(now_ns + POLL_NS);
}

static void set_start(struct emg_worker *w, const struct emg_block *block)
{
    const double seconds = (double)(block->first_frame + block->n_frames) / w->config.capture->info.rate_hz;
    emg_analysis_set_start(w->analysis, emg_clock_unix_time(block->host_ns) - seconds);
    if (w->config.capture->info.realtime)
        emg_analysis_set_clock(w->analysis, &w->intake.clock, emg_clock_unix_time(0));
    w->has_start = true;
}

static void *work(void *argument)
{
    struct emg_worker *w = argument;
    emg_realtime_flush_denormals();
    (void)pthread_setname_np(pthread_self(), "emgd worker");
    if (w->config.capture->info.realtime)
        atomic_store(&w->refused, !emg_schedule_fifo(EMG_PRIORITY_WORKER));
    w->load_since_ns = w->heard_ns = w->told_ns = emg_clock_monotonic_ns();
    w->told = EMG_STREAM_WAITING;
    emg_analysis_tell_state(w->analysis, EMG_STREAM_WAITING);
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        const int64_t begin_ns = emg_clock_monotonic_ns();
        atomic_fetch_add_explicit(&w->rounds, 1, memory_order_relaxed);
        measure_load(w, begin_ns);
        const struct emg_block *block = emg_intake_next(&w->intake, begin_ns);
        if (block == NULL) {
            idle(w, begin_ns);
            continue;
        }
        if (!w->has_start && block->n_frames > 0)
            set_start(w, block);
        if (block->last && emg_capture_state(w->config.capture) == EMG_STREAM_LOST)
            emg_analysis_tell_state(w->analysis, EMG_STREAM_LOST);
        emg_analysis_execute(w->analysis, block);
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
        emg_clock_sleep_until(emg_clock_monotonic_ns() + POLL_NS);
    return EMG_OK;
}

bool emg_worker_realtime_refused(const struct emg_worker *w)
{
    return atomic_load(&w->refused);
}

uint64_t emg_worker_rounds(const struct emg_worker *w)
{
    return atomic_load_explicit(&w->rounds, memory_order_relaxed);
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
