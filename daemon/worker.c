#include "daemon/worker.h"

#include "daemon/clock.h"
#include "dsp/realtime.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t POLL_NS = 500000;
static const int64_t STATUS_NS = 1000000000;

struct emg_worker {
    struct emg_worker_config config;
    struct emg_analysis *analysis;
    pthread_t thread;
    bool started;
    _Atomic bool stop;
    _Atomic uint64_t messages_dropped;
    _Atomic uint64_t rounds;

    /* the thread's own */
    int64_t load_since_ns, busy_ns; /* of the stretch that the next load figure covers */
    int64_t heard_ns;               /* last block, or last status without one */
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
    w->load_since_ns = now_ns;
    w->busy_ns = 0;
}

/* A live source that gives nothing is told of once a second; a replay goes on by itself. */
static void idle(struct emg_worker *w, int64_t now_ns)
{
    if (w->config.capture->info.realtime && now_ns - w->heard_ns >= STATUS_NS) {
        const enum emg_stream_state state = emg_capture_state(w->config.capture);
        emg_analysis_tell_state(w->analysis, state == EMG_STREAM_RUNNING ? EMG_STREAM_LOST : state);
        w->heard_ns = now_ns;
    }
    emg_clock_sleep_until(now_ns + POLL_NS);
}

static void set_start(struct emg_worker *w, const struct emg_block *block)
{
    const double seconds = (double)(block->first_frame + block->n_frames) / w->config.capture->info.rate_hz;
    emg_analysis_set_start(w->analysis, emg_clock_unix_time(block->host_ns) - seconds);
    emg_analysis_set_epoch(w->analysis, emg_clock_unix_time(0));
    w->has_start = true;
}

static void *work(void *argument)
{
    struct emg_worker *w = argument;
    emg_realtime_flush_denormals();
    w->load_since_ns = w->heard_ns = emg_clock_monotonic_ns();
    emg_analysis_tell_state(w->analysis, EMG_STREAM_WAITING);
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        const int64_t begin_ns = emg_clock_monotonic_ns();
        atomic_fetch_add_explicit(&w->rounds, 1, memory_order_relaxed);
        measure_load(w, begin_ns);
        size_t n_bytes = 0;
        const struct emg_block *block = emg_ring_front(w->config.frames, &n_bytes);
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
        emg_ring_release(w->config.frames);
        if (last)
            break;
        w->heard_ns = emg_clock_monotonic_ns();
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
    return EMG_OK;
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
