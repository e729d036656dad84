/* The capture callback against a libsoundio of the test's own: two functions that hand out what a test has
 * laid ready. */
#include "daemon/soundio_read.h"

#include "daemon/clock.h"
#include "daemon/stream.h"
#include "tests/allocations.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHANNELS = 3, MOST_FRAMES = 8192 };
static const double PERIOD_S = 0.01;

static struct {
    int32_t words[MOST_FRAMES][CHANNELS]; /* the device's memory, interleaved */
    struct SoundIoChannelArea areas[CHANNELS];
    int next;            /* frame that the next read begins with */
    int period;          /* most frames given at once */
    bool all_or_nothing; /* as JACK */
    bool hole;           /* gives NULL areas */
    int begin_error, end_error;
    bool overflow_in_begin, overflow_in_end;
    int begun, ended;
} device;

static struct SoundIoInStream stream;
static struct emg_soundio_reader reader;
static struct emg_ring *ring;
static _Atomic int state_now;

int soundio_instream_begin_read(struct SoundIoInStream *in, struct SoundIoChannelArea **areas,
                                int *frame_count)
{
    device.begun++;
    if (device.begin_error != 0)
        return device.begin_error;
    if (device.all_or_nothing && *frame_count != device.period)
        return SoundIoErrorInvalid;
    if (device.overflow_in_begin)
        emg_soundio_overflow(in);
    *frame_count = *frame_count < device.period ? *frame_count : device.period;
    for (int channel = 0; channel < CHANNELS; channel++)
        device.areas[channel] = (struct SoundIoChannelArea){(char *)&device.words[device.next][channel],
                                                            (int)sizeof device.words[0]};
    *areas = device.hole ? NULL : device.areas;
    device.next += *frame_count;
    return 0;
}

int soundio_instream_end_read(struct SoundIoInStream *in)
{
    device.ended++;
    if (device.overflow_in_end)
        emg_soundio_overflow(in);
    return device.end_error;
}

static void attach(void)
{
    struct emg_block_writer writer;
    emg_block_writer_init(&writer, ring, CHANNELS);
    emg_soundio_reader_attach(&reader, &writer);
}

static int set_up(void **state)
{
    (void)state;
    memset(&device, 0, sizeof device);
    device.period = MOST_FRAMES;
    for (int frame = 0; frame < MOST_FRAMES; frame++)
        for (int channel = 0; channel < CHANNELS; channel++)
            device.words[frame][channel] = (frame * 256 + channel) * 256;
    atomic_store(&state_now, EMG_STREAM_WAITING);
    assert_int_equal(emg_ring_create(&ring, 1 << 20), EMG_OK);
    /* a full scale of 2^23 microvolts: one step of 24 bits is one microvolt */
    double full_scale_uv[EMG_MAX_CHANNELS];
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++)
        full_scale_uv[i] = 8388608.0;
    emg_soundio_reader_init(&reader, PERIOD_S, &state_now);
    emg_soundio_reader_set_format(&reader, EMG_SOUNDIO_S32, full_scale_uv);
    attach();
    stream = (struct SoundIoInStream){.userdata = &reader};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    emg_ring_destroy(ring);
    return 0;
}

/* Takes every block off the ring; counts delivered frames, checks each sample against its frame index. */
static uint64_t delivered(uint64_t *lost, enum emg_gap_cause *cause)
{
    uint64_t frames = 0, next = 0;
    size_t n = 0;
    const struct emg_block *block = NULL;
    *lost = 0;
    *cause = EMG_GAP_NONE;
    while ((block = emg_ring_front(ring, &n)) != NULL) {
        if (block->first_frame != next) {
            *lost += block->first_frame - next;
            *cause = (enum emg_gap_cause)block->gap_cause;
        }
        for (uint32_t i = 0; i < block->n_frames; i++)
            for (uint32_t channel = 0; channel < CHANNELS; channel++)
                assert_true(block->samples[i * CHANNELS + channel] ==
                            (float)((int)(block->first_frame + i) * 256 + (int)channel));
        frames += block->n_frames;
        next = block->first_frame + block->n_frames;
        emg_ring_release(ring);
    }
    return frames;
}

static void delivers_every_sample_in_its_place_and_says_that_the_stream_runs(void **state)
{
    (void)state;
    uint64_t lost = 0;
    enum emg_gap_cause cause = EMG_GAP_NONE;
    device.period = 700;
    emg_soundio_read(&stream, 0, 5000);
    emg_soundio_read(&stream, 0, 0);
    assert_int_equal(delivered(&lost, &cause), 5000);
    assert_int_equal(lost, 0);
    assert_int_equal(device.begun, device.ended);
    assert_int_equal(atomic_load(&state_now), EMG_STREAM_RUNNING);
}

static void asks_jack_for_all_of_its_period_at_once(void **state)
{
    (void)state;
    uint64_t lost = 0;
    enum emg_gap_cause cause = EMG_GAP_NONE;
    device.period = 4096;
    device.all_or_nothing = true;
    emg_soundio_read(&stream, 4096, 4096);
    assert_int_equal(delivered(&lost, &cause), 4096);
    assert_int_equal(lost, 0);
}

/* One read of 1000 good frames, one of `frames` in the present trouble, one of 1000 good frames again. */
static void good_trouble_good(int frames)
{
    const int begin_error = device.begin_error, end_error = device.end_error;
    const bool hole = device.hole, in_begin = device.overflow_in_begin, in_end = device.overflow_in_end;
    device.begin_error = device.end_error = 0;
    device.hole = device.overflow_in_begin = device.overflow_in_end = false;
    emg_soundio_read(&stream, 0, 1000);
    device.begin_error = begin_error;
    device.end_error = end_error;
    device.hole = hole;
    device.overflow_in_begin = in_begin;
    device.overflow_in_end = in_end;
    emg_soundio_read(&stream, 0, frames);
    device.begin_error = device.end_error = 0;
    device.hole = device.overflow_in_begin = device.overflow_in_end = false;
    device.next = (int)reader.writer.next_frame;
    emg_soundio_read(&stream, 0, 1000);
}

static void counts_a_hole_as_lost_and_still_ends_the_read(void **state)
{
    (void)state;
    uint64_t lost = 0;
    enum emg_gap_cause cause = EMG_GAP_NONE;
    device.hole = true;
    good_trouble_good(500);
    assert_int_equal(delivered(&lost, &cause), 2000);
    assert_int_equal(lost, 500);
    assert_int_equal(cause, EMG_GAP_HOLE);
    assert_int_equal(device.begun, device.ended);
}

static void throws_away_what_an_overflow_has_spoilt(void **state)
{
    (void)state;
    uint64_t lost = 0;
    enum emg_gap_cause cause = EMG_GAP_NONE;
    device.overflow_in_begin = true;
    good_trouble_good(500);
    assert_int_equal(delivered(&lost, &cause), 2000);
    assert_int_equal(lost, 500);
    assert_int_equal(cause, EMG_GAP_OVERFLOW);
    tear_down(state);
    set_up(state);
    device.overflow_in_end = true;
    good_trouble_good(500);
    assert_int_equal(delivered(&lost, &cause), 2000);
    assert_int_equal(lost, 500);
    assert_int_equal(cause, EMG_GAP_OVERFLOW);
}

static void reports_a_broken_stream_and_loses_what_it_held(void **state)
{
    (void)state;
    uint64_t lost = 0;
    enum emg_gap_cause cause = EMG_GAP_NONE;
    device.begin_error = SoundIoErrorStreaming;
    good_trouble_good(500);
    assert_int_equal(delivered(&lost, &cause), 2000);
    assert_int_equal(lost, 500);
    assert_int_equal(atomic_load(&reader.error), SoundIoErrorStreaming);
}

static void counts_what_a_full_ring_does_not_take(void **state)
{
    (void)state;
    uint64_t lost = 0;
    enum emg_gap_cause cause = EMG_GAP_NONE;
    struct emg_ring *large = ring;
    assert_int_equal(emg_ring_create(&ring, 1 << 16), EMG_OK);
    attach();
    emg_soundio_read(&stream, 0, MOST_FRAMES);
    const uint64_t first = delivered(&lost, &cause);
    assert_true(first > 0 && first < MOST_FRAMES);
    device.next = 0;
    emg_soundio_read(&stream, 0, 0);
    assert_int_equal(reader.writer.next_frame, MOST_FRAMES);
    assert_true(emg_block_finish(&reader.writer, 0));
    size_t n = 0;
    const struct emg_block *last = emg_ring_front(ring, &n);
    assert_int_equal(last->first_frame, MOST_FRAMES);
    assert_int_equal(last->gap_cause, EMG_GAP_RING_FULL);
    emg_ring_destroy(large);
}

static const struct emg_block *newest(void)
{
    size_t n = 0;
    const struct emg_block *block = emg_ring_front(ring, &n), *next = block;
    while (next != NULL) {
        block = next;
        next = emg_ring_after(ring, block, &n);
    }
    return block;
}

static void marks_what_comes_after_an_overrun_or_a_standstill_as_uncounted(void **state)
{
    (void)state;
    emg_soundio_read(&stream, 0, 100);
    emg_soundio_read(&stream, 0, 100);
    assert_int_equal(newest()->uncounted, 0);
    device.overflow_in_begin = true;
    emg_soundio_read(&stream, 0, 100);
    device.overflow_in_begin = false;
    emg_soundio_read(&stream, 0, 100);
    assert_int_equal(newest()->uncounted, 1);
    assert_int_equal(newest()->gap_cause, EMG_GAP_OVERFLOW);
    emg_soundio_read(&stream, 0, 100);
    assert_int_equal(newest()->uncounted, 0);
    /* as if the last frames had come six periods ago */
    atomic_store(&reader.heard_ns, emg_clock_monotonic_ns() - (int64_t)(6e9 * PERIOD_S));
    emg_soundio_read(&stream, 0, 100);
    assert_int_equal(newest()->uncounted, 1);
    assert_int_equal(newest()->gap_cause, EMG_GAP_STALL);
}

static void says_that_a_lost_stream_runs_again_with_its_first_block(void **state)
{
    (void)state;
    atomic_store(&state_now, EMG_STREAM_LOST);
    device.hole = true;
    emg_soundio_read(&stream, 0, 100);
    assert_int_equal(atomic_load(&state_now), EMG_STREAM_LOST);
    device.hole = false;
    emg_soundio_read(&stream, 0, 100);
    assert_int_equal(atomic_load(&state_now), EMG_STREAM_RUNNING);
}

static void takes_what_nobody_wants_any_more_and_touches_nothing(void **state)
{
    (void)state;
    emg_soundio_reader_close(&reader);
    const struct emg_block_writer before = reader.writer;
    emg_soundio_read(&stream, 0, 5000);
    assert_int_equal(device.next, 5000);
    assert_int_equal(device.begun, device.ended);
    assert_memory_equal(&before, &reader.writer, sizeof before);
    assert_null(newest());
    assert_int_equal(atomic_load(&state_now), EMG_STREAM_WAITING);
}

static void converts_every_format_to_microvolts(void **state)
{
    (void)state;
    static const struct {
        enum emg_soundio_format format;
        uint32_t word; /* little-endian sample */
        float uv;
    } cases[] = {{EMG_SOUNDIO_S32, 0x40000000, 2500},
                 {EMG_SOUNDIO_S32, 0x80000000, -5000},
                 {EMG_SOUNDIO_S24, 0x00400000, 2500},
                 {EMG_SOUNDIO_S24, 0x55800000, -5000}, /* the top byte is not the sign */
                 {EMG_SOUNDIO_S16, 0x00004000, 2500},
                 {EMG_SOUNDIO_S16, 0x00008000, -5000},
                 {EMG_SOUNDIO_FLOAT, 0x3f000000, 2500},
                 {EMG_SOUNDIO_FLOAT, 0xbf800000, -5000},
                 /* what has more than 24 bits is rounded to them, and stays within them */
                 {EMG_SOUNDIO_S32, 0x00000180, (float)(2 * 5000 / 8388608.0)},
                 {EMG_SOUNDIO_S32, 0x7fffffff, (float)(8388607 * (5000 / 8388608.0))},
                 {EMG_SOUNDIO_FLOAT, 0x3f800000, (float)(8388607 * (5000 / 8388608.0))},
                 {EMG_SOUNDIO_FLOAT, 0x33400000, 0}};
    double full_scale_uv[EMG_MAX_CHANNELS];
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++)
        full_scale_uv[i] = i == 1 ? 5000 : 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        emg_soundio_reader_set_format(&reader, cases[i].format, full_scale_uv);
        attach();
        memcpy(&device.words[0][1], &cases[i].word, sizeof cases[i].word);
        device.next = 0;
        emg_soundio_read(&stream, 0, 1);
        size_t n = 0;
        const struct emg_block *block = emg_ring_front(ring, &n);
        assert_true(block->samples[1] == cases[i].uv);
        emg_ring_release(ring);
    }
}

static void allocates_nothing(void **state)
{
    (void)state;
    if (!EMG_ALLOCATIONS_COUNTED) {
        print_message("a sanitizer has an allocator of its own: not counted in this build\n");
        return;
    }
    const unsigned long before = allocations;
    for (int i = 0; i < 100; i++) {
        device.next = 0;
        device.hole = i % 7 == 0;
        device.overflow_in_begin = i % 11 == 0;
        emg_soundio_read(&stream, 0, 4000);
    }
    assert_int_equal(allocations - before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(delivers_every_sample_in_its_place_and_says_that_the_stream_runs,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_jack_for_all_of_its_period_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_a_hole_as_lost_and_still_ends_the_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(throws_away_what_an_overflow_has_spoilt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reports_a_broken_stream_and_loses_what_it_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_what_a_full_ring_does_not_take, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_what_comes_after_an_overrun_or_a_standstill_as_uncounted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_that_a_lost_stream_runs_again_with_its_first_block, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(takes_what_nobody_wants_any_more_and_touches_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(converts_every_format_to_microvolts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(allocates_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
