#include "daemon/block.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct emg_ring *make_ring(size_t capacity)
{
    struct emg_ring *ring = NULL;
    assert_int_equal(emg_ring_create(&ring, capacity), EMG_OK);
    return ring;
}

static void numbers_frames_without_a_break_when_nothing_is_lost(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(1 << 16);
    struct emg_block_writer writer;
    emg_block_writer_init(&writer, ring, 3);
    for (uint32_t i = 0; i < 4; i++) {
        float *samples = emg_block_begin(&writer, 10 + i);
        for (uint32_t k = 0; k < (10 + i) * 3; k++)
            samples[k] = (float)k;
        emg_block_end(&writer, (int64_t)i);
    }
    uint64_t next = 0;
    for (uint32_t i = 0; i < 4; i++) {
        size_t n = 0;
        const struct emg_block *block = emg_ring_front(ring, &n);
        assert_int_equal(n, sizeof *block + (10 + i) * 3 * sizeof(float));
        assert_int_equal(block->first_frame, next);
        assert_int_equal(block->n_frames, 10 + i);
        assert_int_equal(block->host_ns, i);
        assert_int_equal(block->gap_cause, EMG_GAP_NONE);
        assert_int_equal(block->last, 0);
        next += block->n_frames;
        emg_ring_release(ring);
    }
    emg_ring_destroy(ring);
}

static void shows_a_loss_as_a_jump_with_its_cause_once(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(1 << 16);
    struct emg_block_writer writer;
    emg_block_writer_init(&writer, ring, 1);
    assert_non_null(emg_block_begin(&writer, 5));
    emg_block_skip(&writer, 7, EMG_GAP_OVERFLOW); /* gives the begun block up */
    assert_non_null(emg_block_begin(&writer, 5));
    emg_block_end(&writer, 0);
    assert_non_null(emg_block_begin(&writer, 5));
    emg_block_end(&writer, 0);
    emg_block_skip(&writer, 0, EMG_GAP_HOLE);
    emg_block_skip(&writer, 2, EMG_GAP_HOLE);
    assert_true(emg_block_finish(&writer, 0));

    size_t n = 0;
    const struct emg_block *block = emg_ring_front(ring, &n);
    assert_int_equal(block->first_frame, 7);
    assert_int_equal(block->gap_cause, EMG_GAP_OVERFLOW);
    emg_ring_release(ring);
    block = emg_ring_front(ring, &n);
    assert_int_equal(block->first_frame, 12);
    assert_int_equal(block->gap_cause, EMG_GAP_NONE);
    emg_ring_release(ring);
    block = emg_ring_front(ring, &n);
    assert_int_equal(block->first_frame, 19);
    assert_int_equal(block->n_frames, 0);
    assert_int_equal(block->gap_cause, EMG_GAP_HOLE);
    assert_int_equal(block->last, 1);
    emg_ring_release(ring);
    assert_null(emg_ring_front(ring, &n));
    emg_ring_destroy(ring);
}

static void a_doubt_marks_the_next_block_alone(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(4096);
    struct emg_block_writer writer;
    emg_block_writer_init(&writer, ring, 1);
    emg_block_doubt(&writer, EMG_GAP_DEVICE);
    for (int i = 0; i < 2; i++) {
        assert_non_null(emg_block_begin(&writer, 5));
        emg_block_end(&writer, 0);
    }
    size_t n = 0;
    const struct emg_block *block = emg_ring_front(ring, &n);
    assert_int_equal(block->first_frame, 0);
    assert_int_equal(block->uncounted, 1);
    assert_int_equal(block->gap_cause, EMG_GAP_DEVICE);
    emg_ring_release(ring);
    block = emg_ring_front(ring, &n);
    assert_int_equal(block->uncounted, 0);
    emg_ring_destroy(ring);
}

/* The frame index itself is the signal, cut to the 24 bits that a float holds exactly. */
static float ramp(uint64_t frame)
{
    return (float)(frame & 0xffffff);
}

struct run {
    struct emg_ring *ring;
    uint64_t frames;
    uint32_t block_frames;
    int drop_when_full;
};

static void *send_ramp(void *argument)
{
    const struct run *run = argument;
    struct emg_block_writer writer;
    emg_block_writer_init(&writer, run->ring, 1);
    while (writer.next_frame < run->frames) {
        const uint64_t left = run->frames - writer.next_frame;
        const uint32_t n = left < run->block_frames ? (uint32_t)left : run->block_frames;
        float *samples = emg_block_begin(&writer, n);
        if (samples == NULL) {
            if (run->drop_when_full)
                emg_block_skip(&writer, n, EMG_GAP_RING_FULL);
            else
                sched_yield();
            continue;
        }
        for (uint32_t i = 0; i < n; i++)
            samples[i] = ramp(writer.next_frame + i);
        emg_block_end(&writer, 0);
    }
    while (!emg_block_finish(&writer, 0))
        sched_yield();
    return NULL;
}

struct tally {
    uint64_t delivered, lost, wrong, gaps;
};

/* Takes blocks until the last one; rests now and then for `rest_every` blocks to let the ring overflow. */
static struct tally take_ramp(struct emg_ring *ring, unsigned rest_every)
{
    struct tally tally = {0};
    uint64_t next = 0;
    for (unsigned blocks = 1;; blocks++) {
        size_t n = 0;
        const struct emg_block *block = emg_ring_front(ring, &n);
        if (block == NULL) {
            sched_yield();
            continue;
        }
        tally.lost += block->first_frame - next;
        tally.gaps += block->first_frame != next;
        tally.wrong += (block->first_frame != next) != (block->gap_cause != EMG_GAP_NONE);
        for (uint32_t i = 0; i < block->n_frames; i++)
            tally.wrong += block->samples[i] != ramp(block->first_frame + i);
        tally.delivered += block->n_frames;
        next = block->first_frame + block->n_frames;
        const int last = block->last;
        emg_ring_release(ring);
        if (last)
            return tally;
        for (unsigned i = 0; rest_every != 0 && blocks % rest_every == 0 && i < 20; i++)
            sched_yield();
    }
}

static void delivers_a_hundred_million_frames_in_order_between_two_threads(void **state)
{
    (void)state;
    struct run run = {.ring = make_ring(1 << 20), .frames = 100000000, .block_frames = 480};
    pthread_t sender;
    assert_int_equal(pthread_create(&sender, NULL, send_ramp, &run), 0);
    const struct tally tally = take_ramp(run.ring, 0);
    pthread_join(sender, NULL);
    assert_int_equal(tally.wrong, 0);
    assert_int_equal(tally.lost, 0);
    assert_int_equal(tally.delivered, run.frames);
    emg_ring_destroy(run.ring);
}

static void under_overflow_delivered_and_reported_lost_make_all_that_was_sent(void **state)
{
    (void)state;
    struct run run = {
        .ring = make_ring(1 << 14), .frames = 5000000, .block_frames = 333, .drop_when_full = 1};
    pthread_t sender;
    assert_int_equal(pthread_create(&sender, NULL, send_ramp, &run), 0);
    const struct tally tally = take_ramp(run.ring, 3);
    pthread_join(sender, NULL);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.lost > 0 && tally.gaps > 0);
    assert_true(tally.delivered > 0);
    assert_int_equal(tally.delivered + tally.lost, run.frames);
    emg_ring_destroy(run.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_doubt_marks_the_next_block_alone),
        cmocka_unit_test(numbers_frames_without_a_break_when_nothing_is_lost),
        cmocka_unit_test(shows_a_loss_as_a_jump_with_its_cause_once),
        cmocka_unit_test(delivers_a_hundred_million_frames_in_order_between_two_threads),
        cmocka_unit_test(under_overflow_delivered_and_reported_lost_make_all_that_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
