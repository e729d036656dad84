#include "daemon/block.h"

#include <assert.h>

void emg_block_writer_init(struct emg_block_writer *writer, struct emg_ring *ring, unsigned n_channels)
{
    *writer = (struct emg_block_writer){.ring = ring, .n_channels = n_channels};
}

static struct emg_block *reserve(struct emg_block_writer *writer, uint32_t n_frames)
{
    const size_t n_samples = (size_t)n_frames * writer->n_channels;
    struct emg_block *block =
        emg_ring_reserve(writer->ring, sizeof *block + n_samples * sizeof block->samples[0]);
    if (block == NULL)
        return NULL;
    block->first_frame = writer->next_frame;
    block->n_frames = n_frames;
    block->gap_cause = writer->gap_cause;
    block->last = 0;
    block->uncounted = writer->uncounted;
    return block;
}

float *emg_block_begin(struct emg_block_writer *writer, uint32_t n_frames)
{
    assert(n_frames > 0);
    writer->open = reserve(writer, n_frames);
    return writer->open != NULL ? writer->open->samples : NULL;
}

void emg_block_end(struct emg_block_writer *writer, int64_t host_ns)
{
    assert(writer->open != NULL);
    writer->open->host_ns = host_ns;
    writer->next_frame += writer->open->n_frames;
    writer->gap_cause = EMG_GAP_NONE;
    writer->uncounted = false;
    writer->open = NULL;
    emg_ring_commit(writer->ring);
}

void emg_block_skip(struct emg_block_writer *writer, uint64_t n_frames, enum emg_gap_cause cause)
{
    if (n_frames == 0)
        return;
    writer->open = NULL;
    writer->next_frame += n_frames;
    writer->gap_cause = (uint16_t)cause;
}

void emg_block_doubt(struct emg_block_writer *writer, enum emg_gap_cause cause)
{
    writer->open = NULL;
    writer->uncounted = true;
    writer->gap_cause = (uint16_t)cause;
}

bool emg_block_finish(struct emg_block_writer *writer, int64_t host_ns)
{
    struct emg_block *block = reserve(writer, 0);
    if (block == NULL)
        return false;
    block->host_ns = host_ns;
    block->last = 1;
    emg_ring_commit(writer->ring);
    return true;
}
