/* What a record costs on its way through emgd's ring, JACK's and libsoundio's.
 *
 *   bench_ring [RUNS]     default: 15 runs of each ring, in turns
 *
 * Records of 16 bytes and of 4 KiB, copied in and out as the users of each ring do, and all bytes compared
 * behind it, which is part of the figures. "One thread" fills a quarter of the ring and empties it, and so
 * on: CPU time. "Two threads" have a core each and yield when there is no room or no record: elapsed time,
 * and that of handing a cache line from core to core, which depends on where the two lie. */
#include "daemon/ring.h"

#include "tests/bench/bench.h"

#include <jack/ringbuffer.h>
#include <pthread.h>
#include <sched.h>
#include <soundio/soundio.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { EMGD, JACK, SOUNDIO, RINGS };
enum { SMALL = 16, LARGE = 4096, CAPACITY = 1 << 20, SOURCE = 1 << 14, MAX_RUNS = 99 };

static const char *const names[] = {"emgd", "JACK", "libsoundio"};

static struct emg_ring *emgd;
static jack_ringbuffer_t *jack;
static struct SoundIoRingBuffer *soundio;
static uint64_t source[SOURCE / sizeof(uint64_t)]; /* no two of its words are the same */
static size_t n_records;                           /* of a run */

/* Made anew for each ring and size, so that each is called as if there were no other. */
#define ALONE static inline __attribute__((always_inline))

ALONE bool put(int ring, const void *record, size_t n)
{
    if (ring == EMGD) {
        void *room = emg_ring_reserve(emgd, n);
        if (room == NULL)
            return false;
        memcpy(room, record, n);
        emg_ring_commit(emgd);
        return true;
    }
    if (ring == JACK) {
        if (jack_ringbuffer_write_space(jack) < n)
            return false;
        return jack_ringbuffer_write(jack, record, n) == n;
    }
    if (soundio_ring_buffer_free_count(soundio) < (int)n)
        return false;
    memcpy(soundio_ring_buffer_write_ptr(soundio), record, n);
    soundio_ring_buffer_advance_write_ptr(soundio, (int)n);
    return true;
}

/* How many records may be taken: JACK's and libsoundio's users ask once for all; emgd's just take them. */
ALONE size_t ready(int ring, size_t n)
{
    if (ring == EMGD)
        return SIZE_MAX;
    if (ring == JACK)
        return jack_ringbuffer_read_space(jack) / n;
    return (size_t)soundio_ring_buffer_fill_count(soundio) / n;
}

ALONE bool take(int ring, void *record, size_t n)
{
    if (ring == EMGD) {
        size_t n_bytes = 0;
        const void *front = emg_ring_front(emgd, &n_bytes);
        if (front == NULL)
            return false;
        memcpy(record, front, n);
        emg_ring_release(emgd);
        return true;
    }
    if (ring == JACK)
        return jack_ringbuffer_read(jack, record, n) == n;
    memcpy(record, soundio_ring_buffer_read_ptr(soundio), n);
    soundio_ring_buffer_advance_read_ptr(soundio, (int)n);
    return true;
}

ALONE const uint64_t *record_at(size_t i, size_t n)
{
    return source + i * n % SOURCE / sizeof source[0];
}

/* 0 when the record is the i-th one. */
ALONE uint64_t difference(const uint64_t *record, size_t i, size_t n)
{
    const uint64_t *expected = record_at(i, n);
    uint64_t wrong = 0;
    for (size_t k = 0; k < n / sizeof record[0]; k++)
        wrong |= record[k] ^ expected[k];
    return wrong;
}

/* Takes what is there, from the i-th record on; returns the number of the next one. */
ALONE size_t take_all(int ring, size_t i, size_t n, uint64_t *wrong)
{
    uint64_t record[LARGE / sizeof(uint64_t)];
    for (size_t left = ready(ring, n); left > 0 && take(ring, record, n); left--)
        *wrong |= difference(record, i++, n);
    return i;
}

ALONE uint64_t alternate(int ring, size_t n)
{
    uint64_t wrong = 0;
    for (size_t written = 0, read = 0; read < n_records;) {
        for (size_t k = 0; k < CAPACITY / 4 / n; k++, written++)
            if (!put(ring, record_at(written, n), n))
                return 1;
        read = take_all(ring, read, n, &wrong);
        wrong |= read ^ written;
    }
    return wrong;
}

ALONE uint64_t produce(int ring, size_t n)
{
    for (size_t i = 0; i < n_records; i++)
        while (!put(ring, record_at(i, n), n))
            sched_yield();
    return 0;
}

ALONE uint64_t consume(int ring, size_t n)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < n_records;) {
        const size_t next = take_all(ring, i, n, &wrong);
        if (next == i)
            sched_yield();
        i = next;
    }
    return wrong;
}

#define OF_SIZE(does, ring, n)                                                                               \
    ((ring) == EMGD ? does(EMGD, n) : (ring) == JACK ? does(JACK, n) : does(SOUNDIO, n))
#define OF(does, ring, n) ((n) == SMALL ? OF_SIZE(does, ring, SMALL) : OF_SIZE(does, ring, LARGE))

struct task {
    int ring;
    size_t n;
};

static void take_core(size_t core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (pthread_setaffinity_np(pthread_self(), sizeof cores, &cores) != 0)
        bench_fail("bench_ring", "two cores are needed");
}

static void *produce_on_core(void *argument)
{
    const struct task *task = argument;
    take_core(1);
    (void)OF(produce, task->ring, task->n);
    return NULL;
}

static double with_one_thread(int ring, size_t n)
{
    const double begin_ns = bench_thread_ns();
    const uint64_t wrong = OF(alternate, ring, n);
    const double spent_ns = bench_thread_ns() - begin_ns;
    if (wrong != 0)
        bench_fail("bench_ring", "a record was not what was written");
    return spent_ns / (double)n_records;
}

static double with_two_threads(int ring, size_t n)
{
    struct task task = {ring, n};
    pthread_t producer;
    const double begin_ns = bench_wall_ns();
    if (pthread_create(&producer, NULL, produce_on_core, &task) != 0)
        bench_fail("bench_ring", "there is no second thread");
    const uint64_t wrong = OF(consume, ring, n);
    const double spent_ns = bench_wall_ns() - begin_ns;
    (void)pthread_join(producer, NULL);
    if (wrong != 0)
        bench_fail("bench_ring", "a record was not what was written");
    return spent_ns / (double)n_records;
}

static void compare(const char *threads, double (*measure)(int, size_t), size_t n, int runs)
{
    double ns[RINGS][MAX_RUNS], median[RINGS];
    char what[64];
    n_records = (n == SMALL ? (size_t)1 << 24 : (size_t)1 << 27) / n;
    for (int run = 0; run < runs; run++)
        for (int ring = 0; ring < RINGS; ring++)
            ns[ring][run] = measure(ring, n);
    for (int ring = 0; ring < RINGS; ring++)
        median[ring] = bench_quantile(ns[ring], (size_t)runs, 0.5);
    for (int ring = 1; ring < RINGS; ring++) {
        snprintf(what, sizeof what, "ring, %zu bytes, %s, %s", n, threads, names[ring]);
        bench_print(what, median[ring], "ns");
    }
    snprintf(what, sizeof what, "ring, %zu bytes, %s, emgd", n, threads);
    bench_print_against(what, median[EMGD], "ns", names[JACK], median[JACK], n == SMALL ? ">= 3" : ">= 0.9");
    bench_print_against(what, median[EMGD], "ns", names[SOUNDIO], median[SOUNDIO],
                        n == SMALL ? ">= 10" : NULL);
}

int main(int argc, char **argv)
{
    const int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 15;
    struct SoundIo *library = soundio_create();
    if (runs < 1 || runs > MAX_RUNS)
        bench_fail("bench_ring", "usage: bench_ring [RUNS]");
    if (library == NULL || emg_ring_create(&emgd, CAPACITY) != EMG_OK ||
        (jack = jack_ringbuffer_create(CAPACITY)) == NULL ||
        (soundio = soundio_ring_buffer_create(library, CAPACITY)) == NULL)
        bench_fail("bench_ring", "there is too little memory");
    for (size_t i = 0; i < SOURCE / sizeof source[0]; i++)
        source[i] = 0x9E3779B97F4A7C15U * (uint64_t)(i + 1);
    take_core(0);
    compare("one thread", with_one_thread, SMALL, runs);
    compare("one thread", with_one_thread, LARGE, runs);
    compare("two threads", with_two_threads, SMALL, runs);
    compare("two threads", with_two_threads, LARGE, runs);
    soundio_ring_buffer_destroy(soundio);
    jack_ringbuffer_free(jack);
    emg_ring_destroy(emgd);
    soundio_destroy(library);
    return 0;
}
