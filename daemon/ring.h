/* Lock-free single-producer single-consumer ring of variable-length records.
 *
 * One thread writes (reserve, commit), one thread reads (front, release); create and destroy while neither
 * does. Records are contiguous and 16-byte aligned. Each side keeps what it has last seen of the other's
 * index on its own cache line, so that a call normally touches no shared line but the one it publishes. */
#ifndef EMG_DAEMON_RING_H
#define EMG_DAEMON_RING_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_ring;

/* capacity: bytes, rounded up to a power of two, 4096 at least; the memory is touched before this returns. A
 * record may take at most a quarter of it. Errors: EMG_ERROR_ARGUMENT (0, or above 1 GiB), EMG_ERROR_MEMORY;
 * then *out is NULL. */
enum emg_error emg_ring_create(struct emg_ring **out, size_t capacity);

/* Producer: room for a record of n_bytes, or NULL when the ring is too full (or n_bytes above a quarter of
 * it). Nothing is visible to the consumer before commit; a second reserve without commit takes the first
 * one's place. */
EMG_REALTIME void *emg_ring_reserve(struct emg_ring *ring, size_t n_bytes);

/* Producer: publishes the reserved record. */
EMG_REALTIME void emg_ring_commit(struct emg_ring *ring);

/* Consumer: the oldest record and its length, or NULL when there is none. It stays valid, and the consumer
 * may write to it, until release. */
EMG_REALTIME void *emg_ring_front(struct emg_ring *ring, size_t *n_bytes);

/* Consumer: the record behind one that front or after gave since the last release, or NULL when there is none
 * yet. */
EMG_REALTIME const void *emg_ring_after(struct emg_ring *ring, const void *record, size_t *n_bytes);

/* Consumer: gives the front record's room back. Call only after front gave a record. */
EMG_REALTIME void emg_ring_release(struct emg_ring *ring);

/* Consumer: the highest fill since the last call, in percent of the capacity, as the consumer has seen it. */
EMG_REALTIME double emg_ring_take_peak_percent(struct emg_ring *ring);

void emg_ring_destroy(struct emg_ring *ring); /* NULL is a no-op */

#endif
