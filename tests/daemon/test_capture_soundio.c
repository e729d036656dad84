/* The source "soundio:" and its way back from a loss, against a libsoundio of the test's own, whose devices
 * come and go, break off, stand still, refuse and hang. Their samples are a ramp by the host's clock, which
 * counts on while nobody listens; and that clock can leap, so that no test waits for a limit. */
#include "daemon/capture.h"

#include "daemon/block.h"
#include "daemon/clock.h"
#include "daemon/intake.h"
#include "daemon/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <soundio/soundio.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { RATE_HZ = 48000, PERIOD = 480, CHANNELS = 2, MOST_FRAMES = 1024, STEP = 256, MOST_CONNECTIONS = 16 };
static const int64_t NS_PER_S = 1000000000, PERIOD_NS = 10000000, ROUND_NS = 20000000;

/* Half a second, and many times as much for a busy machine; where a hanging call is rightly waited for, it is
 * 5 s. */
static const int64_t PROMPT_NS = 4000000000;

/* The length of a gap is found from the delay of callbacks. */
enum { TOLERANCE = RATE_HZ / 100 };

/* Of 20 ms: a second, and patience. */
enum { ROUNDS_1S = 50, MOST_ROUNDS = 500 };

enum { AMPLIFIER, WEBCAM, TWIN, DEVICES };
static const struct {
    const char *id, *name;
} devices[DEVICES] = {
    {"source.amplifier", "EMG amplifier"}, {"source.webcam", "Webcam"}, {"source.twin", "EMG amplifier"}};

enum place { NOWHERE, CONNECT, FLUSH, OPEN, START, DESTROY };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;

static struct {
    /* with the mutex */
    enum place trap; /* where the next call hangs */
    int hanging;
    bool let_go;
    struct SoundIo *connected[MOST_CONNECTIONS];

    int64_t epoch_ns; /* frame 0 of the ramp */
    enum SoundIoFormat format;
    int rate_hz, channels; /* granted instead of what is asked for; 0: what is asked for */

    _Atomic int64_t leapt_ns;
    _Atomic bool present[DEVICES];
    _Atomic int opens[DEVICES]; /* attempts */
    _Atomic int refusals;       /* of the next attempts */
    _Atomic bool has_server, breaks_off, stands_still, lags, overruns;
    _Atomic int connections, streams, references; /* not given back yet */
    _Atomic int streams_created;
} fake;

static struct {
    int lines;
    char text[1024]; /* of the newest line */
} logged;

void emg_log(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(logged.text, sizeof logged.text, format, arguments);
    va_end(arguments);
    logged.lines++;
}

int64_t emg_clock_monotonic_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec + atomic_load(&fake.leapt_ns);
}

double emg_clock_unix_time(int64_t monotonic_ns)
{
    return 1e-9 * (double)monotonic_ns;
}

void emg_clock_sleep_until(int64_t monotonic_ns)
{
    const int64_t at_ns = monotonic_ns - atomic_load(&fake.leapt_ns);
    const struct timespec t = {.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};
    if (at_ns > 0)
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void leap(double seconds)
{
    atomic_fetch_add(&fake.leapt_ns, (int64_t)(1e9 * seconds));
}

static void lay_trap(enum place place)
{
    (void)pthread_mutex_lock(&mutex);
    fake.trap = place;
    (void)pthread_mutex_unlock(&mutex);
}

static void let_go(void)
{
    (void)pthread_mutex_lock(&mutex);
    fake.trap = NOWHERE;
    fake.let_go = true;
    (void)pthread_cond_broadcast(&released);
    (void)pthread_mutex_unlock(&mutex);
}

static bool hangs(void)
{
    (void)pthread_mutex_lock(&mutex);
    const bool hanging = fake.hanging > 0;
    (void)pthread_mutex_unlock(&mutex);
    return hanging;
}

/* Lets itself go after half a minute, so that whoever waits for it fails instead of hanging, too. */
static void hang_in(enum place place)
{
    struct timespec limit;
    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    (void)pthread_mutex_lock(&mutex);
    if (fake.trap == place) {
        fake.trap = NOWHERE;
        fake.hanging++;
        while (!fake.let_go && pthread_cond_timedwait(&released, &mutex, &limit) == 0)
            ;
        fake.hanging--;
    }
    (void)pthread_mutex_unlock(&mutex);
}

struct connection {
    struct SoundIo io;
    bool listed[DEVICES]; /* as of the last flush */
};

struct reference {
    struct SoundIoDevice device;
    int which;
    char id[32], name[32];
    enum SoundIoFormat format;
    struct SoundIoSampleRateRange rate;
};

struct stream {
    struct SoundIoInStream in;
    int which;
    bool started;
    pthread_t thread;
    _Atomic bool ends;
    uint64_t next; /* frame of the ramp */
    int given;     /* by the read that has begun */
    int32_t words[MOST_FRAMES][CHANNELS];
    struct SoundIoChannelArea areas[CHANNELS];
};

struct SoundIo *soundio_create(void)
{
    struct connection *c = calloc(1, sizeof *c);
    atomic_fetch_add(&fake.connections, 1);
    return &c->io;
}

static void replace_connection(const struct SoundIo *old, struct SoundIo *new)
{
    size_t i = 0;
    (void)pthread_mutex_lock(&mutex);
    while (i < MOST_CONNECTIONS && fake.connected[i] != old)
        i++;
    if (i < MOST_CONNECTIONS)
        fake.connected[i] = new;
    (void)pthread_mutex_unlock(&mutex);
}

int soundio_connect_backend(struct SoundIo *io, enum SoundIoBackend backend)
{
    hang_in(CONNECT);
    if (!atomic_load(&fake.has_server))
        return SoundIoErrorInitAudioBackend;
    io->current_backend = backend;
    replace_connection(NULL, io);
    return SoundIoErrorNone;
}

void soundio_destroy(struct SoundIo *io)
{
    replace_connection(io, NULL);
    free(io);
    atomic_fetch_sub(&fake.connections, 1);
}

static void signal_change(void)
{
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < MOST_CONNECTIONS; i++)
        if (fake.connected[i] != NULL)
            fake.connected[i]->on_events_signal(fake.connected[i]);
    (void)pthread_mutex_unlock(&mutex);
}

void soundio_flush_events(struct SoundIo *io)
{
    struct connection *c = (struct connection *)io;
    hang_in(FLUSH);
    if (!atomic_load(&fake.has_server)) {
        io->on_backend_disconnect(io, SoundIoErrorBackendDisconnected);
        return;
    }
    for (int i = 0; i < DEVICES; i++)
        c->listed[i] = atomic_load(&fake.present[i]);
    io->on_devices_change(io);
}

int soundio_input_device_count(struct SoundIo *io)
{
    const struct connection *c = (const struct connection *)io;
    int n = 0;
    for (int i = 0; i < DEVICES; i++)
        n += c->listed[i];
    return n;
}

struct SoundIoDevice *soundio_get_input_device(struct SoundIo *io, int index)
{
    const struct connection *c = (const struct connection *)io;
    int which = 0;
    for (int left = index; left > 0 || !c->listed[which]; which++)
        left -= c->listed[which];
    struct reference *r = calloc(1, sizeof *r);
    r->which = which;
    (void)snprintf(r->id, sizeof r->id, "%s", devices[which].id);
    (void)snprintf(r->name, sizeof r->name, "%s", devices[which].name);
    r->format = SoundIoFormatS32NE;
    r->rate = (struct SoundIoSampleRateRange){RATE_HZ, RATE_HZ};
    r->device = (struct SoundIoDevice){
        .soundio = io,
        .id = r->id,
        .name = r->name,
        .current_layout = {.channel_count = CHANNELS,
                           .channels = {SoundIoChannelIdFrontLeft, SoundIoChannelIdFrontRight}},
        .formats = &r->format,
        .format_count = 1,
        .sample_rates = &r->rate,
        .sample_rate_count = 1,
        .sample_rate_current = RATE_HZ,
        .ref_count = 1,
    };
    atomic_fetch_add(&fake.references, 1);
    return &r->device;
}

void soundio_device_unref(struct SoundIoDevice *device)
{
    if (device == NULL || --device->ref_count > 0)
        return;
    free(device);
    atomic_fetch_sub(&fake.references, 1);
}

struct SoundIoInStream *soundio_instream_create(struct SoundIoDevice *device)
{
    struct stream *s = calloc(1, sizeof *s);
    s->in.device = device;
    s->which = ((struct reference *)device)->which;
    device->ref_count++;
    atomic_fetch_add(&fake.streams, 1);
    atomic_fetch_add(&fake.streams_created, 1);
    return &s->in;
}

int soundio_instream_open(struct SoundIoInStream *in)
{
    const int which = ((struct stream *)in)->which;
    atomic_fetch_add(&fake.opens[which], 1);
    hang_in(OPEN);
    if (atomic_load(&fake.refusals) > 0) {
        atomic_fetch_sub(&fake.refusals, 1);
        return SoundIoErrorOpeningDevice;
    }
    if (fake.format != SoundIoFormatInvalid)
        in->format = fake.format;
    if (fake.rate_hz > 0)
        in->sample_rate = fake.rate_hz;
    if (fake.channels > 0)
        in->layout.channel_count = fake.channels;
    return atomic_load(&fake.present[which]) ? SoundIoErrorNone : SoundIoErrorNoSuchDevice;
}

static uint64_t sampled(void)
{
    return (uint64_t)((emg_clock_monotonic_ns() - fake.epoch_ns) / 1000 * RATE_HZ / 1000000);
}

static void *capture_frames(void *argument)
{
    struct stream *s = argument;
    int64_t due_ns = emg_clock_monotonic_ns();
    while (!atomic_load(&s->ends)) {
        const int64_t now_ns = emg_clock_monotonic_ns();
        due_ns = due_ns + PERIOD_NS > now_ns ? due_ns + PERIOD_NS : now_ns;
        emg_clock_sleep_until(due_ns);
        if (atomic_exchange(&fake.breaks_off, false)) {
            s->in.error_callback(&s->in, SoundIoErrorStreaming);
            return NULL;
        }
        uint64_t n = sampled();
        if (atomic_load(&fake.lags) && n > s->next + PERIOD / 2)
            n = s->next + PERIOD / 2;
        if (atomic_load(&fake.stands_still) || !atomic_load(&fake.present[s->which]))
            s->next = n;
        else if (n > s->next)
            s->in.read_callback(&s->in, 0, (int)(n - s->next));
    }
    return NULL;
}

int soundio_instream_start(struct SoundIoInStream *in)
{
    struct stream *s = (struct stream *)in;
    hang_in(START);
    s->next = sampled();
    s->started = pthread_create(&s->thread, NULL, capture_frames, s) == 0;
    return s->started ? SoundIoErrorNone : SoundIoErrorSystemResources;
}

/* While it hangs, the stream goes on calling back. */
void soundio_instream_destroy(struct SoundIoInStream *in)
{
    struct stream *s = (struct stream *)in;
    if (s == NULL)
        return;
    hang_in(DESTROY);
    atomic_store(&s->ends, true);
    if (s->started)
        (void)pthread_join(s->thread, NULL);
    soundio_device_unref(in->device);
    free(s);
    atomic_fetch_sub(&fake.streams, 1);
}

int soundio_instream_begin_read(struct SoundIoInStream *in, struct SoundIoChannelArea **areas,
                                int *frame_count)
{
    struct stream *s = (struct stream *)in;
    *frame_count = *frame_count < MOST_FRAMES ? *frame_count : MOST_FRAMES;
    for (int frame = 0; frame < *frame_count; frame++) {
        const int32_t word = (int32_t)(s->next + (uint64_t)frame) * STEP;
        s->words[frame][0] = word;
        s->words[frame][1] = -word;
    }
    for (int channel = 0; channel < CHANNELS; channel++)
        s->areas[channel] =
            (struct SoundIoChannelArea){(char *)&s->words[0][channel], (int)sizeof s->words[0]};
    *areas = s->areas;
    s->given = *frame_count;
    /* the device has been restarted: what it held is lost */
    if (atomic_exchange(&fake.overruns, false)) {
        in->overflow_callback(in);
        s->next = sampled();
    }
    return SoundIoErrorNone;
}

int soundio_instream_end_read(struct SoundIoInStream *in)
{
    struct stream *s = (struct stream *)in;
    s->next += (uint64_t)s->given;
    return SoundIoErrorNone;
}

static struct emg_config config;
static struct emg_problem problem;
static struct emg_ring *ring;
static struct emg_intake intake;
static struct emg_capture *capture;

/* What came off the ring, in the places that the worker's end gave it. */
static struct {
    uint64_t frames, gaps, lost;
    uint64_t next_frame, next_sampled;
    enum emg_gap_cause cause; /* of the last gap */
    bool last;
} out;

static int set_up(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(&logged, 0, sizeof logged);
    memset(&out, 0, sizeof out);
    atomic_store(&fake.has_server, true);
    atomic_store(&fake.present[AMPLIFIER], true);
    atomic_store(&fake.present[WEBCAM], true);
    fake.epoch_ns = emg_clock_monotonic_ns();
    problem.text[0] = '\0';
    assert_int_equal(emg_ring_create(&ring, 4 << 20), EMG_OK);
    emg_intake_init(&intake, ring, RATE_HZ, true);
    return 0;
}

/* Whatever hung has returned, and has given back all it had. */
static bool all_is_given_back(void)
{
    let_go();
    for (int i = 0; i < MOST_ROUNDS; i++) {
        if (atomic_load(&fake.connections) == 0 && atomic_load(&fake.streams) == 0 &&
            atomic_load(&fake.references) == 0)
            return true;
        emg_clock_sleep_until(emg_clock_monotonic_ns() + ROUND_NS);
    }
    return false;
}

static int tear_down(void **state)
{
    (void)state;
    emg_capture_close(capture);
    capture = NULL;
    emg_ring_destroy(ring);
    ring = NULL;
    return all_is_given_back() ? 0 : -1;
}

static void check_block(const struct emg_block *block)
{
    assert_false(out.last);
    out.last = block->last;
    if (block->n_frames == 0) {
        assert_int_equal(block->first_frame, out.next_frame);
        return;
    }
    const uint64_t first = (uint64_t)block->samples[0];
    for (uint32_t i = 0; i < block->n_frames; i++)
        for (uint32_t channel = 0; channel < CHANNELS; channel++)
            assert_true(block->samples[i * CHANNELS + channel] ==
                        (float)(first + i) * (channel == 0 ? 1.0F : -1.0F));
    if (out.frames > 0) {
        assert_true(first >= out.next_sampled && block->first_frame >= out.next_frame);
        const uint64_t truth = first - out.next_sampled, lost = block->first_frame - out.next_frame;
        if (truth > 0 || lost > 0) {
            assert_in_range(lost + TOLERANCE, truth, truth + 2 * (uint64_t)TOLERANCE);
            out.gaps++;
            out.lost += lost;
            out.cause = (enum emg_gap_cause)block->gap_cause;
        }
    }
    out.frames += block->n_frames;
    out.next_frame = block->first_frame + block->n_frames;
    out.next_sampled = first + block->n_frames;
}

static void drain(void)
{
    const struct emg_block *block = NULL;
    while ((block = emg_intake_next(&intake, emg_clock_monotonic_ns())) != NULL) {
        check_block(block);
        emg_intake_release(&intake);
    }
}

/* For main, which must not wait for what hangs. */
static void expect_promptness(void (*call)(struct emg_capture *))
{
    const int64_t begun_ns = emg_clock_monotonic_ns();
    call(capture);
    assert_true(emg_clock_monotonic_ns() - begun_ns < PROMPT_NS);
}

/* What main thread and worker do meanwhile. */
static void go_on(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        expect_promptness(emg_capture_poll);
        drain();
        emg_clock_sleep_until(emg_clock_monotonic_ns() + ROUND_NS);
    }
}

/* In steps that are too short to be taken for a standstill of our own. */
static void let_pass(double seconds)
{
    static const double STEP_S = 0.1;
    for (double passed_s = 0; passed_s < seconds; passed_s += STEP_S) {
        leap(STEP_S);
        expect_promptness(emg_capture_poll);
        drain();
    }
}

static void expect(enum emg_stream_state state, int most_rounds)
{
    for (int i = 0; i < most_rounds && emg_capture_state(capture) != state; i++)
        go_on(1);
    assert_int_equal(emg_capture_state(capture), state);
}

static void receive(uint64_t n_frames)
{
    const uint64_t before = out.frames;
    for (int i = 0; i < MOST_ROUNDS && out.frames < before + n_frames; i++)
        go_on(1);
    assert_true(out.frames >= before + n_frames);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_RUNNING);
}

static enum emg_error open_source(const char *source)
{
    char spec[96];
    (void)snprintf(spec, sizeof spec, "source.spec=soundio:pulseaudio:%s", source);
    /* a step of the ramp is a microvolt */
    const char *const settings[] = {spec, "source.rate_hz=48000", "source.latency_ms=10",
                                    "source.full_scale_uv=8388608"};
    assert_int_equal(
        emg_config_load(&config, "/dev/null", settings, sizeof settings / sizeof settings[0], &problem),
        EMG_OK);
    return emg_capture_open(&capture, &config, &problem);
}

static void open_amplifier(const char *source)
{
    assert_int_equal(open_source(source), EMG_OK);
    assert_int_equal(emg_capture_start(capture, ring, &problem), EMG_OK);
    expect(EMG_STREAM_RUNNING, MOST_ROUNDS);
    receive(RATE_HZ / 5);
    assert_int_equal(out.gaps, 0);
}

static void lose_the_stream(void)
{
    atomic_store(&fake.breaks_off, true);
    expect(EMG_STREAM_LOST, ROUNDS_1S);
}

static void expect_return_with_one_gap(enum emg_gap_cause cause)
{
    expect(EMG_STREAM_RUNNING, MOST_ROUNDS);
    receive(RATE_HZ / 5);
    assert_int_equal(out.gaps, 1);
    assert_int_equal(out.cause, cause);
}

static void wait_until_it_hangs(void)
{
    for (int i = 0; i < MOST_ROUNDS && !hangs(); i++)
        go_on(1);
    assert_true(hangs());
}

static void stop_and_find_the_end_on_the_ring(void)
{
    expect_promptness(emg_capture_stop);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_ENDED);
    const int64_t held_ns = NS_PER_S; /* nothing is held back for so long */
    const struct emg_block *block = NULL;
    while ((block = emg_intake_next(&intake, emg_clock_monotonic_ns() + held_ns)) != NULL) {
        check_block(block);
        emg_intake_release(&intake);
    }
    assert_true(out.last);
}

static void delivers_every_sample_and_says_that_it_runs_with_the_first(void **state)
{
    (void)state;
    atomic_store(&fake.stands_still, true);
    assert_int_equal(open_source(devices[AMPLIFIER].id), EMG_OK);
    assert_int_equal(capture->info.n_channels, CHANNELS);
    assert_int_equal(emg_capture_start(capture, ring, &problem), EMG_OK);
    go_on(5);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_WAITING);
    assert_int_equal(out.frames, 0);
    atomic_store(&fake.stands_still, false);
    expect(EMG_STREAM_RUNNING, MOST_ROUNDS);
    receive(RATE_HZ / 2);
    assert_int_equal(out.gaps, 0);
    stop_and_find_the_end_on_the_ring();
    assert_int_equal(logged.lines, 0);
}

static void comes_back_with_one_gap_of_the_right_length_when_the_stream_broke_off(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.refusals, 2);
    lose_the_stream();
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_true(out.lost > 0);
    assert_int_equal(atomic_load(&fake.opens[AMPLIFIER]), 4);
    assert_non_null(strstr(logged.text, "is back"));
}

static void counts_what_an_overrun_took_in_the_same_session(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.lags, true);
    go_on(20);
    atomic_store(&fake.overruns, true);
    atomic_store(&fake.lags, false);
    expect_return_with_one_gap(EMG_GAP_OVERFLOW);
    assert_int_equal(atomic_load(&fake.streams_created), 1);
}

static void waits_for_a_server_that_has_ended(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.has_server, false);
    signal_change();
    lose_the_stream();
    go_on(20);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_LOST);
    assert_non_null(strstr(logged.text, "its server does not run"));
    atomic_store(&fake.has_server, true);
    expect_return_with_one_gap(EMG_GAP_DEVICE);
}

static void waits_for_a_device_that_was_removed_and_opens_no_other(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.present[AMPLIFIER], false);
    signal_change();
    expect(EMG_STREAM_LOST, ROUNDS_1S);
    go_on(20);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_LOST);
    assert_int_equal(atomic_load(&fake.opens[AMPLIFIER]), 1);
    atomic_store(&fake.present[AMPLIFIER], true);
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_int_equal(atomic_load(&fake.opens[AMPLIFIER]), 2);
    assert_int_equal(atomic_load(&fake.opens[WEBCAM]), 0);
}

static void keeps_running_when_some_other_device_is_removed(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.present[WEBCAM], false);
    signal_change();
    go_on(5);
    receive(RATE_HZ / 10);
    assert_int_equal(out.gaps, 0);
    assert_int_equal(atomic_load(&fake.streams_created), 1);
}

static void refuses_another_device_of_the_same_name(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].name);
    atomic_store(&fake.present[AMPLIFIER], false);
    atomic_store(&fake.present[TWIN], true);
    lose_the_stream();
    go_on(20);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_LOST);
    assert_non_null(strstr(logged.text, "there is another one in its place: source.twin"));
    atomic_store(&fake.present[AMPLIFIER], true);
    atomic_store(&fake.present[TWIN], false);
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_int_equal(atomic_load(&fake.opens[TWIN]), 0);
}

static void finds_its_device_again_beside_one_of_the_same_name(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].name);
    atomic_store(&fake.present[TWIN], true);
    lose_the_stream();
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_int_equal(atomic_load(&fake.opens[TWIN]), 0);
}

/* PulseAudio's libsoundio waits for the server's list without a limit. */
static void goes_on_while_a_server_that_told_of_a_change_hangs(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    lay_trap(FLUSH);
    signal_change();
    wait_until_it_hangs();
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_RUNNING);
    let_pass(1);
    expect(EMG_STREAM_LOST, ROUNDS_1S);
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_true(hangs());
    let_go();
    receive(RATE_HZ / 5);
    assert_int_equal(out.gaps, 1);
}

static void gives_a_device_that_opens_slowly_time_to_start(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    lay_trap(OPEN);
    lose_the_stream();
    wait_until_it_hangs();
    let_pass(7);
    let_go();
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_int_equal(atomic_load(&fake.opens[AMPLIFIER]), 2);
}

static void sits_a_short_standstill_out(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.stands_still, true);
    go_on(5);
    let_pass(0.9);
    go_on(2);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_RUNNING);
    atomic_store(&fake.stands_still, false);
    expect_return_with_one_gap(EMG_GAP_STALL);
    assert_true(out.lost > (uint64_t)(0.9 * RATE_HZ));
    assert_int_equal(atomic_load(&fake.streams_created), 1);
}

static void takes_no_standstill_of_its_own_for_one_of_the_device(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.stands_still, true);
    go_on(5);
    leap(3);
    go_on(5);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_RUNNING);
    atomic_store(&fake.stands_still, false);
    expect_return_with_one_gap(EMG_GAP_STALL);
    assert_int_equal(atomic_load(&fake.streams_created), 1);
}

static void opens_a_stream_anew_that_stands_still_for_long(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.stands_still, true);
    let_pass(2);
    expect(EMG_STREAM_LOST, ROUNDS_1S);
    /* the next one opens and starts, but gives nothing either */
    for (int i = 0; i < MOST_ROUNDS && atomic_load(&fake.streams_created) < 2; i++)
        go_on(1);
    go_on(5);
    assert_int_equal(atomic_load(&fake.streams_created), 2);
    let_pass(5);
    for (int i = 0; i < MOST_ROUNDS && atomic_load(&fake.streams_created) < 3; i++)
        go_on(1);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_LOST);
    atomic_store(&fake.stands_still, false);
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_int_equal(atomic_load(&fake.streams_created), 3);
}

static void tries_again_with_growing_pauses_and_says_so_once(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.refusals, INT32_MAX);
    lose_the_stream();
    const int lines = logged.lines;
    const int64_t until_ns = emg_clock_monotonic_ns() + 3 * NS_PER_S;
    while (emg_clock_monotonic_ns() < until_ns) {
        leap(0.04);
        go_on(1);
    }
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_LOST);
    assert_in_range(atomic_load(&fake.opens[AMPLIFIER]) - 1, 3, 8);
    assert_int_equal(logged.lines - lines, 1);
}

/* On the way back, in every call that may hang: the one that hangs is left behind, and should it return after
 * all, nothing of it comes between. */
static void leaves_a_call_behind_that_hangs_on_the_way_back(void **state)
{
    (void)state;
    static const enum place places[] = {CONNECT, OPEN, START};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        open_amplifier(devices[AMPLIFIER].id);
        lay_trap(places[i]);
        lose_the_stream();
        wait_until_it_hangs();
        go_on(5);
        assert_int_equal(emg_capture_state(capture), EMG_STREAM_LOST);
        assert_true(hangs());
        let_pass(10);
        expect_return_with_one_gap(EMG_GAP_DEVICE);
        assert_true(hangs());
        let_go();
        receive(RATE_HZ / 5);
        assert_int_equal(out.gaps, 1);
        stop_and_find_the_end_on_the_ring();
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void stops_while_a_call_hangs(void **state)
{
    (void)state;
    static const enum place places[] = {CONNECT, OPEN, START};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        open_amplifier(devices[AMPLIFIER].id);
        lay_trap(places[i]);
        lose_the_stream();
        wait_until_it_hangs();
        stop_and_find_the_end_on_the_ring();
        assert_true(hangs());
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void goes_on_while_the_end_of_a_lost_stream_hangs(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    lay_trap(DESTROY);
    atomic_store(&fake.present[AMPLIFIER], false);
    signal_change();
    expect(EMG_STREAM_LOST, ROUNDS_1S);
    assert_true(hangs());
    /* from now on the old stream calls back, too */
    atomic_store(&fake.present[AMPLIFIER], true);
    expect_return_with_one_gap(EMG_GAP_DEVICE);
    assert_true(hangs());
    assert_int_equal(atomic_load(&fake.streams), 2);
    let_go();
    receive(RATE_HZ / 5);
    assert_int_equal(out.gaps, 1);
}

static void stops_and_closes_while_the_end_of_the_stream_hangs(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    lay_trap(DESTROY);
    stop_and_find_the_end_on_the_ring();
    emg_capture_close(capture);
    capture = NULL;
    emg_ring_destroy(ring);
    ring = NULL;
    /* it still calls back */
    emg_clock_sleep_until(emg_clock_monotonic_ns() + 10 * PERIOD_NS);
    assert_true(hangs());
}

static void gives_a_start_up_that_hangs_from_the_beginning(void **state)
{
    (void)state;
    assert_int_equal(open_source(devices[AMPLIFIER].id), EMG_OK);
    lay_trap(START);
    assert_int_equal(emg_capture_start(capture, ring, &problem), EMG_ERROR_DEVICE);
    assert_non_null(strstr(problem.text, devices[AMPLIFIER].id));
    assert_non_null(strstr(problem.text, "does not answer"));
    emg_capture_close(capture);
    capture = NULL;
    assert_true(hangs());
    assert_int_equal(out.frames, 0);
}

static void expect_refusal(const char *granted)
{
    assert_int_equal(open_source(devices[AMPLIFIER].id), EMG_ERROR_DEVICE);
    assert_null(capture);
    assert_non_null(strstr(problem.text, devices[AMPLIFIER].id));
    assert_non_null(strstr(problem.text, granted));
}

static void refuses_what_was_not_asked_for_by_name(void **state)
{
    (void)state;
    fake.format = SoundIoFormatS16NE;
    expect_refusal("signed 16-bit");
    fake.format = SoundIoFormatInvalid;
    fake.rate_hz = 44100;
    expect_refusal("44100 Hz");
    fake.rate_hz = 0;
    fake.channels = 1;
    expect_refusal("1 channels");
    fake.channels = 0;
    open_amplifier(devices[AMPLIFIER].id);
}

static void refuses_on_the_way_back_what_was_not_asked_for(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    fake.rate_hz = 44100;
    lose_the_stream();
    go_on(20);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_LOST);
    assert_non_null(strstr(logged.text, "44100 Hz"));
}

static void ends_with_the_last_block_when_it_is_stopped_while_lost(void **state)
{
    (void)state;
    open_amplifier(devices[AMPLIFIER].id);
    atomic_store(&fake.present[AMPLIFIER], false);
    lose_the_stream();
    go_on(10);
    const uint64_t frames = out.frames;
    stop_and_find_the_end_on_the_ring();
    assert_int_equal(out.frames, frames);
    emg_capture_stop(capture);
    assert_int_equal(emg_capture_state(capture), EMG_STREAM_ENDED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivers_every_sample_and_says_that_it_runs_with_the_first),
        TEST(comes_back_with_one_gap_of_the_right_length_when_the_stream_broke_off),
        TEST(counts_what_an_overrun_took_in_the_same_session),
        TEST(waits_for_a_server_that_has_ended),
        TEST(waits_for_a_device_that_was_removed_and_opens_no_other),
        TEST(keeps_running_when_some_other_device_is_removed),
        TEST(refuses_another_device_of_the_same_name),
        TEST(finds_its_device_again_beside_one_of_the_same_name),
        TEST(goes_on_while_a_server_that_told_of_a_change_hangs),
        TEST(gives_a_device_that_opens_slowly_time_to_start),
        TEST(sits_a_short_standstill_out),
        TEST(takes_no_standstill_of_its_own_for_one_of_the_device),
        TEST(opens_a_stream_anew_that_stands_still_for_long),
        TEST(tries_again_with_growing_pauses_and_says_so_once),
        TEST(leaves_a_call_behind_that_hangs_on_the_way_back),
        TEST(stops_while_a_call_hangs),
        TEST(goes_on_while_the_end_of_a_lost_stream_hangs),
        TEST(stops_and_closes_while_the_end_of_the_stream_hangs),
        TEST(gives_a_start_up_that_hangs_from_the_beginning),
        TEST(refuses_what_was_not_asked_for_by_name),
        TEST(refuses_on_the_way_back_what_was_not_asked_for),
        TEST(ends_with_the_last_block_when_it_is_stopped_while_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
