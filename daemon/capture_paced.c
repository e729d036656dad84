#include "daemon/capture_paced.h"

#include "daemon/clock.h"

#include <string.h>

enum { LARGEST_BLOCK_SAMPLES = 8192 };
static const double BLOCK_S = 0.01;
static const int64_t RETRY_NS = 200000;
static const int64_t FINISH_LIMIT_NS = 1000000000;

static bool wait_for_room(const struct emg_paced *paced)
{
    emg_clock_sleep_until(emg_clock_monotonic_ns() + RETRY_NS);
    return !atomic_load_explicit(&paced->stop, memory_order_relaxed);
}

/* In real time, blocks as a device would give; otherwise as long as is useful. */
static uint32_t block_frames(const struct emg_paced *paced)
{
    const uint32_t most = LARGEST_BLOCK_SAMPLES / paced->writer.n_channels;
    const uint32_t paced_frames = (uint32_t)(paced->capture->info.rate_hz * paced->speed * BLOCK_S);
    if (paced->speed == 0 || paced_frames > most)
        return most;
    return paced_frames > 0 ? paced_frames : 1;
}

static void finish(struct emg_paced *paced)
{
    const int64_t limit = emg_clock_monotonic_ns() + FINISH_LIMIT_NS;
    while (!emg_block_finish(&paced->writer, emg_clock_monotonic_ns()))
        if (!wait_for_room(paced) && emg_clock_monotonic_ns() > limit)
            break;
}

static void *deliver(void *argument)
{
    struct emg_paced *paced = argument;
    struct emg_capture *capture = paced->capture;
    struct emg_block_writer *writer = &paced->writer;
    const uint32_t n = block_frames(paced);
    const int64_t start_ns = emg_clock_monotonic_ns();
    const double frames_per_ns = capture->info.rate_hz * paced->speed / 1e9;
    float samples[LARGEST_BLOCK_SAMPLES];

    (void)pthread_setname_np(pthread_self(), "emgd capture");
    while (!atomic_load_explicit(&paced->stop, memory_order_relaxed)) {
        const size_t got = paced->read(paced->context, samples, n, &capture->failure);
        if (got == 0)
            break;
        if (paced->speed > 0)
            emg_clock_sleep_until(
                start_ns +
                (int64_t)((double)(writer->next_frame - capture->first_frame + got) / frames_per_ns));
        float *room = NULL;
        while ((room = emg_block_begin(writer, (uint32_t)got)) == NULL && wait_for_room(paced))
            ;
        if (room == NULL)
            break;
        memcpy(room, samples, got * writer->n_channels * sizeof samples[0]);
        emg_block_end(writer, emg_clock_monotonic_ns());
        atomic_store_explicit(&capture->state, EMG_STREAM_RUNNING, memory_order_release);
    }
    const int state = capture->failure.text[0] != '\0' ? EMG_STREAM_LOST : EMG_STREAM_ENDED;
    atomic_store_explicit(&capture->state, state, memory_order_release);
    finish(paced);
    return NULL;
}

enum emg_error emg_paced_start(struct emg_paced *paced, struct emg_capture *capture, emg_paced_read *read,
                               void *context, double speed, struct emg_ring *ring,
                               struct emg_problem *problem)
{
    paced->capture = capture;
    paced->read = read;
    paced->context = context;
    paced->speed = speed;
    atomic_init(&paced->stop, false);
    emg_block_writer_init(&paced->writer, ring, capture->info.n_channels);
    paced->writer.next_frame = capture->first_frame;
    if (pthread_create(&paced->thread, NULL, deliver, paced) != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "source \"%s\": no thread could be started",
                               capture->info.source);
    paced->started = true;
    return EMG_OK;
}

void emg_paced_stop(struct emg_paced *paced)
{
    if (!paced->started)
        return;
    atomic_store_explicit(&paced->stop, true, memory_order_relaxed);
    (void)pthread_join(paced->thread, NULL);
    paced->started = false;
}
