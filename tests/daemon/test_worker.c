#include "daemon/worker.h"

#include "daemon/clock.h"
#include "tests/allocations.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum { RATE_HZ = 2000, BLOCK = 20 };

static struct emg_config config;
static struct emg_montage montage;
static struct emg_capture capture;
static struct emg_ring *frames, *messages;
static struct emg_worker *worker;
static struct emg_block_writer writer;
static int done_fd;

/* A worker between two rings; the messages of each topic that have been taken off the second one. */
static struct {
    uint64_t taken[EMG_TOPIC_COUNT], seq[EMG_TOPIC_COUNT], holes;
    enum emg_stream_state state;
    bool lost; /* a status said so */
} seen;

static void set_up(bool realtime, size_t message_bytes)
{
    struct emg_problem problem;
    assert_int_equal(emg_config_load(&config, "/dev/null", NULL, 0, &problem), EMG_OK);
    memset(&capture, 0, sizeof capture);
    memset(&seen, 0, sizeof seen);
    capture.info = (struct emg_stream_info){.rate_hz = RATE_HZ, .n_channels = 1, .realtime = realtime};
    atomic_init(&capture.state, EMG_STREAM_RUNNING);
    montage =
        (struct emg_montage){.n_muscles = 1, .muscles = {{"left.soleus", 0, 1, 5000, (double)NAN, "mvc"}}};
    assert_int_equal(emg_ring_create(&frames, 1 << 20), EMG_OK);
    assert_int_equal(emg_ring_create(&messages, message_bytes), EMG_OK);
    emg_block_writer_init(&writer, frames, 1);
    done_fd = eventfd(0, EFD_CLOEXEC);
    const struct emg_worker_config worker_config = {
        .config = &config,
        .montage = &montage,
        .capture = &capture,
        .frames = frames,
        .messages = messages,
        .done_fd = done_fd,
    };
    assert_int_equal(emg_worker_create(&worker, &worker_config, &problem), EMG_OK);
    assert_int_equal(emg_worker_start(worker, &problem), EMG_OK);
}

static void tear_down(void)
{
    emg_worker_destroy(worker);
    emg_ring_destroy(messages);
    emg_ring_destroy(frames);
    (void)close(done_fd);
}

static void rest(void)
{
    emg_clock_sleep_until(emg_clock_monotonic_ns() + 500000);
}

static void feed(double seconds)
{
    for (unsigned i = 0; i < (unsigned)(seconds * RATE_HZ / BLOCK); i++) {
        float *samples = NULL;
        while ((samples = emg_block_begin(&writer, BLOCK)) == NULL)
            rest();
        for (unsigned k = 0; k < BLOCK; k++)
            samples[k] = (float)((i * 7919U + k * 104729U) % 211U) - 105;
        emg_block_end(&writer, emg_clock_monotonic_ns());
    }
}

/* Takes what there is. */
static void take(void)
{
    size_t n_bytes = 0;
    const struct emg_message *message = NULL;
    while ((message = emg_ring_front(messages, &n_bytes)) != NULL) {
        seen.taken[message->topic]++;
        seen.holes += message->seq != seen.seq[message->topic] + 1;
        seen.seq[message->topic] = message->seq;
        if (message->topic == EMG_TOPIC_STATUS)
            seen.state = message->body.status.state;
        seen.lost = seen.lost || (message->topic == EMG_TOPIC_STATUS && seen.state == EMG_STREAM_LOST);
        emg_ring_release(messages);
    }
}

static bool is_done(void)
{
    struct pollfd done = {.fd = done_fd, .events = POLLIN};
    return poll(&done, 1, 0) > 0;
}

static void end_stream(void)
{
    while (!emg_block_finish(&writer, emg_clock_monotonic_ns()))
        rest();
}

static void analyses_all_that_comes_and_tells_when_it_is_done(void **state)
{
    (void)state;
    set_up(true, 1 << 20);
    feed(3);
    end_stream();
    while (!is_done())
        take();
    take();
    assert_int_equal(seen.taken[EMG_TOPIC_ACTIVATION], 150);
    assert_int_equal(seen.taken[EMG_TOPIC_FATIGUE], 3);
    assert_int_equal(seen.state, EMG_STREAM_ENDED);
    assert_int_equal(seen.holes, 0);
    assert_int_equal(emg_worker_messages_dropped(worker), 0);
    tear_down();
}

static void allocates_nothing_after_start(void **state)
{
    (void)state;
    if (!EMG_ALLOCATIONS_COUNTED) {
        print_message("a sanitizer has an allocator of its own: not counted in this build\n");
        return;
    }
    set_up(true, 1 << 24); /* for all, should nobody come to take them */
    while (seen.taken[EMG_TOPIC_STATUS] == 0)
        take(); /* the thread runs */
    const unsigned long before = allocations;
    feed(30);
    emg_block_skip(&writer, 1000, EMG_GAP_OVERFLOW);
    feed(40);
    end_stream();
    while (!is_done())
        take();
    assert_int_equal(allocations - before, 0);
    assert_int_equal(seen.taken[EMG_TOPIC_EVENT_GAP], 1);
    tear_down();
}

static void live_it_gives_messages_up_that_nobody_takes_and_counts_them(void **state)
{
    (void)state;
    set_up(true, 1 << 16);
    feed(5);
    end_stream();
    while (!is_done())
        rest();
    take();
    uint64_t taken = 0;
    for (size_t topic = 0; topic < EMG_TOPIC_COUNT; topic++)
        taken += seen.taken[topic];
    assert_true(emg_worker_messages_dropped(worker) > 0);
    /* 250 activations, 100 waveforms, 5 fatigues, 2 device events, status at the start, the end and 5 times
     * between; spectra as there are contractions */
    assert_in_range(taken + emg_worker_messages_dropped(worker), 364, 380);
    tear_down();
}

static void in_a_replay_it_waits_for_whoever_takes_them(void **state)
{
    (void)state;
    set_up(false, 1 << 16);
    feed(5);
    end_stream();
    while (!is_done()) {
        rest();
        take();
    }
    take();
    assert_int_equal(emg_worker_messages_dropped(worker), 0);
    assert_int_equal(seen.holes, 0);
    assert_int_equal(seen.taken[EMG_TOPIC_ACTIVATION], 250);
    tear_down();
}

static void live_it_says_that_nothing_comes(void **state)
{
    (void)state;
    set_up(true, 1 << 20);
    feed(0.1);
    while (seen.state != EMG_STREAM_LOST)
        take();
    assert_int_equal(seen.taken[EMG_TOPIC_EVENT_DEVICE], 2); /* running, lost */
    feed(1);
    while (seen.state != EMG_STREAM_RUNNING)
        take();
    assert_int_equal(seen.taken[EMG_TOPIC_EVENT_DEVICE], 3);
    tear_down();
}

/* The capture says so, long before the silence would. */
/* A capture tells that it runs before its first block is there. */
static void the_wait_for_the_first_frame_is_no_silence(void **state)
{
    (void)state;
    set_up(true, 1 << 20);
    atomic_store(&capture.state, EMG_STREAM_WAITING);
    for (unsigned i = 0; i < 800; i++)
        rest();
    atomic_store(&capture.state, EMG_STREAM_RUNNING);
    for (unsigned i = 0; i < 60; i++)
        rest();
    feed(1);
    while (seen.state != EMG_STREAM_RUNNING)
        take();
    assert_false(seen.lost);
    tear_down();
}

static void a_device_that_is_lost_is_told_at_once(void **state)
{
    (void)state;
    set_up(true, 1 << 20);
    feed(0.1);
    while (seen.taken[EMG_TOPIC_EVENT_DEVICE] == 0)
        take();
    atomic_store(&capture.state, EMG_STREAM_LOST);
    while (seen.state != EMG_STREAM_LOST)
        take();
    assert_int_equal(seen.taken[EMG_TOPIC_EVENT_DEVICE], 2);
    /* back: the blocks wait until the clock has told how many frames are missing */
    atomic_store(&capture.state, EMG_STREAM_RUNNING);
    emg_block_doubt(&writer, EMG_GAP_DEVICE);
    feed(0.5);
    while (seen.taken[EMG_TOPIC_EVENT_GAP] == 0)
        take();
    assert_true(seen.taken[EMG_TOPIC_EVENT_DEVICE] == 3);
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(analyses_all_that_comes_and_tells_when_it_is_done),
        cmocka_unit_test(allocates_nothing_after_start),
        cmocka_unit_test(live_it_gives_messages_up_that_nobody_takes_and_counts_them),
        cmocka_unit_test(in_a_replay_it_waits_for_whoever_takes_them),
        cmocka_unit_test(live_it_says_that_nothing_comes),
        cmocka_unit_test(the_wait_for_the_first_frame_is_no_silence),
        cmocka_unit_test(a_device_that_is_lost_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
