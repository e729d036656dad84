/* A device at 48 kHz whose callbacks come each 10 ms and a little late, and what becomes of its blocks. */
#include "daemon/intake.h"

#include "tests/allocations.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RATE_HZ = 48000, PERIOD = 480, CHANNELS = 1, WRAP = PERIOD << 14 };
static const int64_t START_NS = 1000000000000, ROUND_NS = 500000;
static const double TRUE_RATE_HZ = RATE_HZ * (1 + 100e-6);

static struct emg_ring *ring;
static struct emg_block_writer writer;
static struct emg_intake intake;
static int64_t now_ns;
static uint64_t sampled; /* by the device, since the start */
static uint32_t noise;

/* Of what came out: every sample is the number of the frame that the device sampled. */
static struct {
    uint64_t frames, next, lost, gaps;
    enum emg_gap_cause cause; /* of the last gap */
    double worst_s;           /* largest difference of a block's place from the truth */
    double last_s;
    int64_t oldest_ns; /* that a block was when it came out */
} out;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(emg_ring_create(&ring, 8 << 20), EMG_OK);
    emg_block_writer_init(&writer, ring, CHANNELS);
    emg_intake_init(&intake, ring, RATE_HZ, true);
    now_ns = START_NS;
    sampled = 0;
    noise = 1;
    memset(&out, 0, sizeof out);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    emg_ring_destroy(ring);
    return 0;
}

static int64_t time_of(uint64_t frame)
{
    return START_NS + (int64_t)(1e9 * (double)frame / TRUE_RATE_HZ);
}

/* One block of what the device samples next, heard at host_ns. */
static void deliver_at(int64_t host_ns)
{
    float *samples = emg_block_begin(&writer, PERIOD);
    assert_non_null(samples);
    for (unsigned i = 0; i < PERIOD; i++)
        samples[i] = (float)((sampled + i) % WRAP);
    sampled += PERIOD;
    emg_block_end(&writer, host_ns);
}

static void take_one(const struct emg_block *block)
{
    if (block->first_frame != out.next) {
        assert_true(block->first_frame > out.next);
        out.gaps++;
        out.lost += block->first_frame - out.next;
        out.cause = (enum emg_gap_cause)block->gap_cause;
    }
    for (unsigned i = 0; i < block->n_frames; i++)
        assert_true(block->samples[i] == block->samples[0] + (float)i);
    if (block->n_frames > 0) {
        const double off = remainder((double)block->first_frame - (double)block->samples[0], WRAP);
        out.last_s = off / RATE_HZ;
        out.worst_s = fmax(out.worst_s, fabs(out.last_s));
        out.oldest_ns = now_ns - block->host_ns > out.oldest_ns ? now_ns - block->host_ns : out.oldest_ns;
    }
    out.frames += block->n_frames;
    out.next = block->first_frame + block->n_frames;
}

/* The worker until now_ns = until_ns; each block costs it so much time. */
static void work_until(int64_t until_ns, int64_t cost_ns)
{
    while (now_ns < until_ns) {
        const struct emg_block *block = emg_intake_next(&intake, now_ns);
        if (block == NULL) {
            now_ns += ROUND_NS;
            continue;
        }
        assert_ptr_equal(emg_intake_next(&intake, now_ns), block);
        take_one(block);
        emg_intake_release(&intake);
        now_ns += cost_ns;
    }
}

static int64_t jitter_ns(void)
{
    noise = noise * 1664525U + 1013904223U;
    return (int64_t)(noise >> 8) * 2000000 / (1 << 24);
}

static void run(double seconds, int64_t cost_ns)
{
    const uint64_t end = sampled + (uint64_t)(seconds * RATE_HZ);
    while (sampled < end) {
        const int64_t due_ns = time_of(sampled + PERIOD) + jitter_ns();
        work_until(due_ns, cost_ns);
        deliver_at(due_ns);
    }
}

/* The device samples, and nobody hears of it. */
static void miss(double seconds)
{
    sampled += (uint64_t)(seconds * RATE_HZ);
}

static void finish(void)
{
    work_until(now_ns + 1000000000, 1000);
    assert_int_equal(out.frames + out.lost, out.next);
}

static void frames_that_all_come_keep_their_places(void **state)
{
    (void)state;
    run(30, 1000);
    finish();
    assert_int_equal(out.frames, sampled);
    assert_int_equal(out.gaps, 0);
    assert_true(out.oldest_ns <= 2 * ROUND_NS);
}

/* Right to 3 ms, and to what is known of the device's rate after so many seconds. */
static void a_device_that_was_away_leaves_a_gap_of_the_right_length(void **state)
{
    (void)state;
    static const double before_s[] = {2, 8, 70};
    static const double away_s[] = {0.5, 3, 600};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++) {
            tear_down(state);
            set_up(state);
            run(before_s[i], 1000);
            miss(away_s[k]);
            emg_block_doubt(&writer, EMG_GAP_DEVICE);
            run(5, 1000);
            finish();
            assert_int_equal(out.gaps, 1);
            assert_int_equal(out.cause, EMG_GAP_DEVICE);
            const double rate_se = before_s[i] < 3 ? 150e-6 : before_s[i] < 10 ? 50e-6 : 3e-6;
            const double unknown_s = rate_se * away_s[k];
            assert_true(out.worst_s < 0.003 + unknown_s);
        }
}

static void an_overrun_counts_what_it_took_beside_what_it_spoilt(void **state)
{
    (void)state;
    run(20, 1000);
    miss(0.150);
    emg_block_skip(&writer, PERIOD, EMG_GAP_OVERFLOW);
    emg_block_doubt(&writer, EMG_GAP_OVERFLOW);
    run(5, 1000);
    finish();
    assert_int_equal(out.gaps, 1);
    assert_int_equal(out.cause, EMG_GAP_OVERFLOW);
    assert_true(out.worst_s < 0.003);
    assert_true(out.lost >= PERIOD);
}

static void several_losses_do_not_add_up_to_an_error(void **state)
{
    (void)state;
    run(20, 1000);
    for (unsigned i = 0; i < 30; i++) {
        miss(0.2 + 0.01 * i);
        emg_block_doubt(&writer, EMG_GAP_DEVICE);
        run(2, 1000);
    }
    finish();
    assert_int_equal(out.gaps, 30);
    assert_true(out.worst_s < 0.030);
    assert_true(fabs(out.last_s) < 0.030);
}

/* The process stood still for three seconds, and the server kept everything. */
static void a_backlog_that_was_kept_is_no_loss(void **state)
{
    (void)state;
    run(20, 1000);
    const int64_t woken_ns = now_ns + 3000000000;
    emg_block_doubt(&writer, EMG_GAP_STALL);
    now_ns = woken_ns;
    while (time_of(sampled + PERIOD) < woken_ns)
        deliver_at(woken_ns + 1000000);
    run(5, 200000);
    finish();
    assert_int_equal(out.gaps, 0);
    assert_int_equal(out.frames, sampled);
    assert_true(out.worst_s == 0);
}

/* The first block of it comes alone, the others after some more of standing still. */
static void a_backlog_that_comes_in_pieces_is_no_loss(void **state)
{
    (void)state;
    run(20, 1000);
    const int64_t woken_ns = now_ns + 3000000000;
    for (int64_t piece_ns = 0; piece_ns <= 300000000; piece_ns += 100000000) {
        work_until(woken_ns + piece_ns, 1000);
        emg_block_doubt(&writer, EMG_GAP_STALL);
        deliver_at(woken_ns + piece_ns);
    }
    work_until(woken_ns + 400000000, 1000);
    emg_block_doubt(&writer, EMG_GAP_STALL);
    while (time_of(sampled + PERIOD) < woken_ns + 400000000)
        deliver_at(woken_ns + 400000000);
    run(5, 1000);
    finish();
    assert_int_equal(out.gaps, 0);
    assert_true(out.worst_s == 0);
}

/* It kept two seconds of five. */
static void a_backlog_that_was_cut_is_a_loss_of_what_is_missing(void **state)
{
    (void)state;
    run(20, 1000);
    const int64_t woken_ns = now_ns + 5000000000;
    emg_block_doubt(&writer, EMG_GAP_STALL);
    miss(3);
    now_ns = woken_ns;
    while (time_of(sampled + PERIOD) < woken_ns)
        deliver_at(woken_ns + 1000000);
    run(5, 1000);
    finish();
    assert_int_equal(out.gaps, 1);
    assert_int_equal(out.cause, EMG_GAP_STALL);
    assert_true(out.worst_s < 0.003);
}

static void a_hiccup_costs_neither_frames_nor_time(void **state)
{
    (void)state;
    run(20, 1000);
    out.oldest_ns = 0;
    for (unsigned i = 0; i < 20; i++) {
        const int64_t late_ns = time_of(sampled + 8 * PERIOD);
        work_until(late_ns, 1000);
        emg_block_doubt(&writer, EMG_GAP_STALL);
        for (unsigned k = 0; k < 8; k++)
            deliver_at(late_ns);
        run(1, 1000);
    }
    finish();
    assert_int_equal(out.gaps, 0);
    assert_true(out.oldest_ns <= 2 * ROUND_NS);
}

/* Each block of 10 ms costs the worker 15. */
static void an_analysis_that_is_too_slow_loses_whole_stretches_and_stays_near_the_present(void **state)
{
    (void)state;
    run(20, 1000);
    run(60, 15000000);
    const uint64_t gaps = out.gaps, lost = out.lost;
    assert_int_equal(out.cause, EMG_GAP_RING_FULL);
    assert_in_range(gaps, 10, 60);
    assert_true((double)lost / RATE_HZ > 18 && (double)lost / RATE_HZ < 25);
    assert_true(out.oldest_ns < 1500000000);
    run(10, 1000);
    finish();
    assert_true(out.gaps <= gaps + 1);
    assert_int_equal(out.frames + out.lost, sampled);
    assert_true(out.worst_s == 0);
}

static void a_loss_among_dropped_blocks_is_still_counted(void **state)
{
    (void)state;
    run(20, 1000);
    run(0.9, 30000000);
    miss(0.5);
    emg_block_doubt(&writer, EMG_GAP_DEVICE);
    run(5, 30000000);
    run(10, 1000);
    finish();
    assert_true(fabs(out.last_s) < 0.005);
}

static void the_last_block_comes_even_after_a_doubt(void **state)
{
    (void)state;
    run(2, 1000);
    emg_block_doubt(&writer, EMG_GAP_DEVICE);
    assert_true(emg_block_finish(&writer, now_ns));
    finish();
    assert_null(emg_intake_next(&intake, now_ns));
    assert_int_equal(out.frames, sampled);
}

/* A replay has no clock, and is never late. */
static void a_replay_is_handed_on_as_it_is(void **state)
{
    (void)state;
    emg_intake_init(&intake, ring, RATE_HZ, false);
    for (unsigned i = 0; i < 500; i++) {
        deliver_at(START_NS);
        emg_block_doubt(&writer, EMG_GAP_STALL);
    }
    work_until(now_ns + 100000000000, 100000000);
    assert_int_equal(out.frames, sampled);
    assert_int_equal(out.gaps, 0);
}

static void allocates_nothing(void **state)
{
    (void)state;
    if (!EMG_ALLOCATIONS_COUNTED) {
        print_message("a sanitizer has an allocator of its own: not counted in this build\n");
        return;
    }
    const unsigned long before = allocations;
    run(5, 1000);
    miss(1);
    emg_block_doubt(&writer, EMG_GAP_DEVICE);
    run(20, 15000000);
    assert_int_equal(allocations - before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(frames_that_all_come_keep_their_places),
        TEST(a_device_that_was_away_leaves_a_gap_of_the_right_length),
        TEST(an_overrun_counts_what_it_took_beside_what_it_spoilt),
        TEST(several_losses_do_not_add_up_to_an_error),
        TEST(a_backlog_that_was_kept_is_no_loss),
        TEST(a_backlog_that_comes_in_pieces_is_no_loss),
        TEST(a_backlog_that_was_cut_is_a_loss_of_what_is_missing),
        TEST(a_hiccup_costs_neither_frames_nor_time),
        TEST(an_analysis_that_is_too_slow_loses_whole_stretches_and_stays_near_the_present),
        TEST(a_loss_among_dropped_blocks_is_still_counted),
        TEST(the_last_block_comes_even_after_a_doubt),
        TEST(a_replay_is_handed_on_as_it_is),
        TEST(allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
