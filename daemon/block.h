/* Blocks of frames on the ring from capture to worker. A loss, whatever its cause, is a jump of the frame
 * index; a loss of which nobody told the length is a mark, of which the worker's end (daemon/intake.h) makes
 * a jump.
 *
 * The writer belongs to the capture thread, the reader's side of the ring to the worker. */
#ifndef EMG_DAEMON_BLOCK_H
#define EMG_DAEMON_BLOCK_H

#include "daemon/ring.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum emg_gap_cause {
    EMG_GAP_NONE,
    EMG_GAP_RING_FULL, /* the worker did not keep up */
    EMG_GAP_OVERFLOW,  /* the device or its driver lost frames */
    EMG_GAP_HOLE,      /* the backend reported frames without data */
    EMG_GAP_DEVICE,    /* the device was away */
    EMG_GAP_STALL,     /* the stream stood still for a while */
    EMG_GAP_RECORDER,  /* the recording misses them: the disk did not keep up */
};

struct emg_block {
    uint64_t first_frame; /* since the stream began */
    int64_t host_ns;      /* CLOCK_MONOTONIC at arrival */
    uint32_t n_frames;    /* 0 only in the last block */
    uint16_t gap_cause;   /* enum emg_gap_cause of the jump before this block, if there is one */
    uint8_t last;         /* 1: the stream ends at first_frame + n_frames */
    uint8_t uncounted;    /* 1: beside that jump, a number of frames that nobody told may be missing here */
    float samples[];      /* [n_frames][channels], microvolts */
};

struct emg_block_writer {
    struct emg_ring *ring;
    unsigned n_channels;
    struct emg_block *open;
    uint64_t next_frame;
    uint16_t gap_cause; /* of the loss since the last block written */
    bool uncounted;
};

void emg_block_writer_init(struct emg_block_writer *writer, struct emg_ring *ring, unsigned n_channels);

/* Room for the samples of n_frames frames (> 0), or NULL when the ring is full: then the caller waits, or
 * gives them up with emg_block_skip. */
EMG_REALTIME float *emg_block_begin(struct emg_block_writer *writer, uint32_t n_frames);

/* Publishes the begun block: frames next_frame .. next_frame + n_frames - 1. */
EMG_REALTIME void emg_block_end(struct emg_block_writer *writer, int64_t host_ns);

/* Counts n_frames frames as lost: the next block's index jumps over them. */
EMG_REALTIME void emg_block_skip(struct emg_block_writer *writer, uint64_t n_frames,
                                 enum emg_gap_cause cause);

/* Says that frames may have been lost whose number is not known: the next block is marked uncounted. */
EMG_REALTIME void emg_block_doubt(struct emg_block_writer *writer, enum emg_gap_cause cause);

/* Publishes the last block, which also carries a loss at the very end. Returns false when the ring is full:
 * try again. */
EMG_REALTIME bool emg_block_finish(struct emg_block_writer *writer, int64_t host_ns);

#endif
