#include "daemon/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, ALIGNMENT = 16, PAGE = 4096, SMALLEST = PAGE, LARGEST = 1 << 30 };

/* Stands before every record. A record that would cross the end of the memory is preceded by a skip mark that
 * fills the rest, so that records stay contiguous. */
struct record_header {
    uint32_t step;    /* bytes from this header to the next one, a multiple of ALIGNMENT */
    uint32_t n_bytes; /* of the record; SKIP: no record, go on at the start of the memory */
    uint64_t unused;
};

static const uint32_t SKIP = UINT32_MAX;

/* Positions count bytes since creation and never wrap in practice (2^64); their low bits index the memory. */
struct emg_ring {
    /* constant after creation */
    unsigned char *memory;
    uint64_t capacity;

    /* the producer's line */
    _Alignas(LINE) _Atomic uint64_t written;
    uint64_t start; /* of the next record: `written`, or behind the skip mark that stands there */
    uint64_t reserved_step;
    uint64_t room; /* bytes from `start` on that are known to be free and not cut by the end of the memory */

    /* the consumer's line */
    _Alignas(LINE) _Atomic uint64_t read;
    uint64_t written_seen;
    uint64_t peak;
};

_Static_assert(sizeof(struct record_header) == ALIGNMENT, "records must stay aligned behind their header");

enum emg_error emg_ring_create(struct emg_ring **out, size_t capacity)
{
    *out = NULL;
    if (capacity == 0 || capacity > LARGEST)
        return EMG_ERROR_ARGUMENT;
    size_t rounded = SMALLEST;
    while (rounded < capacity)
        rounded *= 2;
    struct emg_ring *ring = aligned_alloc(LINE, sizeof *ring);
    if (ring == NULL)
        return EMG_ERROR_MEMORY;
    memset(ring, 0, sizeof *ring);
    ring->memory = aligned_alloc(PAGE, rounded);
    if (ring->memory == NULL) {
        free(ring);
        return EMG_ERROR_MEMORY;
    }
    /* All pages at once; touched one by one they take longer than all the rest of the start. */
    (void)madvise(ring->memory, rounded, MADV_POPULATE_WRITE);
    memset(ring->memory, 0, rounded);
    ring->capacity = rounded;
    atomic_init(&ring->written, 0);
    atomic_init(&ring->read, 0);
    *out = ring;
    return EMG_OK;
}

static struct record_header *header_at(const struct emg_ring *ring, uint64_t position)
{
    return (struct record_header *)(void *)(ring->memory + (position & (ring->capacity - 1)));
}

static void *put_header(struct emg_ring *ring, uint64_t step, size_t n_bytes)
{
    struct record_header *header = header_at(ring, ring->start);
    header->step = (uint32_t)step;
    header->n_bytes = (uint32_t)n_bytes;
    ring->reserved_step = step;
    return header + 1;
}

/* Looks at what the consumer has given back since the last time, and, where the record would cross the end of
 * the memory, behind it. */
static void *reserve_anew(struct emg_ring *ring, uint64_t step, size_t n_bytes)
{
    const uint64_t limit = atomic_load_explicit(&ring->read, memory_order_acquire) + ring->capacity;
    uint64_t to_end = ring->capacity - (ring->start & (ring->capacity - 1));
    if (step > to_end && ring->start + to_end + step <= limit) {
        *header_at(ring, ring->start) = (struct record_header){.step = (uint32_t)to_end, .n_bytes = SKIP};
        ring->start += to_end;
        to_end = ring->capacity;
    }
    ring->room = limit - ring->start < to_end ? limit - ring->start : to_end;
    return step <= ring->room ? put_header(ring, step, n_bytes) : NULL;
}

void *emg_ring_reserve(struct emg_ring *ring, size_t n_bytes)
{
    if (n_bytes > ring->capacity / 4)
        return NULL;
    const uint64_t step =
        (sizeof(struct record_header) + n_bytes + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
    if (step > ring->room)
        return reserve_anew(ring, step, n_bytes);
    return put_header(ring, step, n_bytes);
}

void emg_ring_commit(struct emg_ring *ring)
{
    const uint64_t step = ring->reserved_step;
    assert(step > 0);
    ring->reserved_step = 0;
    ring->room -= step;
    ring->start += step;
    atomic_store_explicit(&ring->written, ring->start, memory_order_release);
}

static void see_written(struct emg_ring *ring, uint64_t read)
{
    ring->written_seen = atomic_load_explicit(&ring->written, memory_order_acquire);
    if (ring->written_seen - read > ring->peak)
        ring->peak = ring->written_seen - read;
}

void *emg_ring_front(struct emg_ring *ring, size_t *n_bytes)
{
    uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    if (ring->written_seen == read) {
        see_written(ring, read);
        if (ring->written_seen == read)
            return NULL;
    }
    struct record_header *header = header_at(ring, read);
    if (header->n_bytes == SKIP) {
        read += header->step;
        atomic_store_explicit(&ring->read, read, memory_order_release);
        header = header_at(ring, read);
    }
    *n_bytes = header->n_bytes;
    return header + 1;
}

const void *emg_ring_after(struct emg_ring *ring, const void *record, size_t *n_bytes)
{
    const struct record_header *header = (const struct record_header *)record - 1;
    const uint64_t mask = ring->capacity - 1;
    const uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    const uint64_t offset = (uint64_t)((const unsigned char *)header - ring->memory);
    uint64_t next = read + ((offset - read) & mask) + header->step;
    if (next == ring->written_seen)
        see_written(ring, read);
    if (next == ring->written_seen)
        return NULL;
    header = header_at(ring, next);
    if (header->n_bytes == SKIP) {
        next += header->step;
        header = header_at(ring, next);
    }
    *n_bytes = header->n_bytes;
    return header + 1;
}

void emg_ring_release(struct emg_ring *ring)
{
    const uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    assert(ring->written_seen != read);
    atomic_store_explicit(&ring->read, read + header_at(ring, read)->step, memory_order_release);
}

double emg_ring_take_peak_percent(struct emg_ring *ring)
{
    const double percent = 100.0 * (double)ring->peak / (double)ring->capacity;
    ring->peak = 0;
    return percent;
}

void emg_ring_destroy(struct emg_ring *ring)
{
    if (ring == NULL)
        return;
    free(ring->memory);
    free(ring);
}
