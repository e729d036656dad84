#include "daemon/analysis.h"

#include "dsp/quality.h"
#include "dsp/simulate.h"
#include "tests/allocations.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHANNELS = 3 };

static struct emg_config config;
static struct emg_stream_info stream;
static struct emg_montage montage;
static struct emg_problem problem;

/* Every message as text, with the bytes of its array. */
struct transcript {
    struct emg_wire wire;
    char *text;
    size_t length, size;
    uint64_t messages[EMG_TOPIC_COUNT];
    struct emg_message last[EMG_TOPIC_COUNT];
    double fatigue_rms_uv[2]; /* the newest of each muscle */
    uint64_t largest;
    bool silent; /* only count */
};

static void take(void *context, const struct emg_message *message, size_t n_bytes)
{
    struct transcript *transcript = context;
    transcript->messages[message->topic]++;
    transcript->last[message->topic] = *message;
    transcript->largest = n_bytes > transcript->largest ? n_bytes : transcript->largest;
    if (message->topic == EMG_TOPIC_FATIGUE)
        transcript->fatigue_rms_uv[message->index] = message->body.fatigue.spectral.rms_uv;
    if (transcript->silent)
        return;
    const size_t most = EMG_TOPIC_SIZE + EMG_BODY_SIZE + n_bytes;
    if (transcript->size - transcript->length < most) {
        transcript->size = 2 * transcript->size + most;
        transcript->text = realloc(transcript->text, transcript->size);
        assert_non_null(transcript->text);
    }
    char *text = transcript->text + transcript->length;
    text += emg_wire_topic(&transcript->wire, message, text);
    text += emg_wire_body(&transcript->wire, message, text);
    const size_t n_array = message->n_array * sizeof message->array[0];
    memcpy(text, message->array, n_array);
    transcript->length = (size_t)(text - transcript->text) + n_array;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(emg_config_load(&config, "/dev/null", NULL, 0, &problem), EMG_OK);
    stream =
        (struct emg_stream_info){.rate_hz = 44100, .n_channels = CHANNELS, .has_start = true, .start_t = 1e9};
    montage = (struct emg_montage){
        .n_muscles = 2,
        .muscles = {{"left.soleus", 2, 1, 5000, NAN, "mvc"}, {"right.soleus", 0, 0.5F, 5000, 250, "mvc"}},
    };
    return 0;
}

static struct emg_analysis *make_analysis(struct transcript *transcript)
{
    struct emg_analysis *a = NULL;
    assert_int_equal(emg_analysis_create(&a, &config, &stream, &montage, take, transcript, &problem), EMG_OK);
    emg_analysis_wire(a, &transcript->wire);
    return a;
}

/* Interleaved samples of n frames; the caller frees. */
static float *simulate(size_t n)
{
    float *x = calloc(n * CHANNELS, sizeof *x);
    assert_non_null(x);
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        struct emg_simulate *simulation = NULL;
        const struct emg_simulate_config simulated = {.rate_hz = stream.rate_hz,
                                                      .seed = channel,
                                                      .course = EMG_SIMULATE_STRIDE,
                                                      .rms_uv = 100,
                                                      .noise_uv = 2,
                                                      .fl_hz = 60,
                                                      .fh_hz = 120,
                                                      .fatigue_s = 100,
                                                      .cycle_s = 0.7,
                                                      .burst_length = 0.4,
                                                      .ramp_s = 1};
        assert_int_equal(emg_simulate_create(&simulation, &simulated), EMG_OK);
        emg_simulate_execute(simulation, x + channel, CHANNELS, n);
        emg_simulate_destroy(simulation);
    }
    return x;
}

static void send(struct emg_analysis *a, const float *x, uint64_t first_frame, uint32_t n, bool last)
{
    struct emg_block *block = malloc(sizeof *block + n * CHANNELS * sizeof(float));
    assert_non_null(block);
    *block = (struct emg_block){
        .first_frame = first_frame, .host_ns = 1, .n_frames = n, .gap_cause = EMG_GAP_OVERFLOW, .last = last};
    if (n > 0)
        memcpy(block->samples, x, n * CHANNELS * sizeof(float));
    emg_analysis_execute(a, block);
    free(block);
}

static void run(struct transcript *transcript, const float *x, size_t n, uint32_t cut)
{
    struct emg_analysis *a = make_analysis(transcript);
    emg_analysis_tell_state(a, EMG_STREAM_WAITING);
    for (size_t done = 0; done < n;) {
        cut = cut * 1664525U + 1013904223U;
        size_t take_frames = 1 + (cut >> 8) % 10000;
        take_frames = take_frames < n - done ? take_frames : n - done;
        send(a, x + done * CHANNELS, done, (uint32_t)take_frames, false);
        done += take_frames;
    }
    send(a, NULL, n, 0, true);
    assert_true(transcript->largest <= emg_analysis_message_max(a));
    emg_analysis_destroy(a);
}

static void says_the_same_to_the_last_bit_whatever_the_block_sizes(void **state)
{
    (void)state;
    const size_t n = (size_t)(4.5 * 44100);
    float *x = simulate(n);
    struct transcript one = {.size = 0};
    run(&one, x, n, 1);
    for (uint32_t cut = 2; cut < 5; cut++) {
        struct transcript other = {.size = 0};
        run(&other, x, n, cut);
        assert_int_equal(other.length, one.length);
        assert_memory_equal(other.text, one.text, one.length);
        free(other.text);
    }
    free(one.text);
    free(x);
}

static void publishes_each_topic_at_its_rate_by_the_count_of_frames(void **state)
{
    (void)state;
    const size_t n = 5 * 44100 + 100;
    float *x = simulate(n);
    struct transcript t = {.size = 0};
    run(&t, x, n, 1);
    assert_int_equal(t.messages[EMG_TOPIC_ACTIVATION], 2 * 250);
    assert_int_equal(t.messages[EMG_TOPIC_WAVEFORM], 2 * 100);
    assert_int_equal(t.messages[EMG_TOPIC_FATIGUE], 2 * 5);
    assert_int_equal(t.messages[EMG_TOPIC_STATUS], 5 + 2); /* and at the start and the end */
    assert_int_equal(t.messages[EMG_TOPIC_EVENT_DEVICE], 2);
    assert_int_equal(t.messages[EMG_TOPIC_LEG], 2 * 5);
    assert_int_equal(t.messages[EMG_TOPIC_SYMMETRY], 5);
    assert_int_equal(t.messages[EMG_TOPIC_EVENT_GAP], 0);
    assert_int_equal(t.last[EMG_TOPIC_ACTIVATION].seq, 250);
    assert_int_equal(t.last[EMG_TOPIC_ACTIVATION].frame, 5 * 44100 - 1);
    assert_true(fabs(t.last[EMG_TOPIC_ACTIVATION].t - (1e9 + (5 * 44100 - 1) / 44100.0)) < 1e-6);
    assert_int_equal(t.last[EMG_TOPIC_STATUS].body.status.state, EMG_STREAM_ENDED);
    assert_int_equal(t.last[EMG_TOPIC_STATUS].body.status.frames, n);
    free(t.text);
    free(x);
}

static void takes_each_muscle_from_its_channel_and_scale(void **state)
{
    (void)state;
    const size_t n = 5 * 44100;
    float *x = simulate(n);
    for (size_t i = 0; i < n; i++)
        x[i * CHANNELS] = 4 * x[i * CHANNELS + 2];
    struct transcript t = {.size = 0};
    struct emg_analysis *a = make_analysis(&t);
    send(a, x, 0, (uint32_t)n, false);
    /* right.soleus comes from channel 0, four times as strong, with a scale of one half */
    const double *rms_uv = t.fatigue_rms_uv;
    assert_true(rms_uv[0] > 50);
    assert_true(fabs(rms_uv[1] / rms_uv[0] - 2) < 0.02);
    emg_analysis_destroy(a);
    free(t.text);
    free(x);
}

static void tells_a_jump_of_the_frames_and_goes_on_behind_it(void **state)
{
    (void)state;
    const size_t n = 3 * 44100;
    float *x = simulate(n);
    struct transcript t = {.size = 0};
    struct emg_analysis *a = make_analysis(&t);
    send(a, x, 0, (uint32_t)n, false);
    const uint64_t activations = t.messages[EMG_TOPIC_ACTIVATION];
    send(a, x, n + 44100, 2000, false); /* one second is missing */
    assert_int_equal(t.messages[EMG_TOPIC_EVENT_GAP], 1);
    const struct emg_gap_event gap = t.last[EMG_TOPIC_EVENT_GAP].body.gap;
    assert_int_equal(gap.first_frame, n);
    assert_int_equal(gap.frames_lost, 44100);
    assert_int_equal(gap.cause, EMG_GAP_OVERFLOW);
    assert_int_equal(t.messages[EMG_TOPIC_ACTIVATION], activations + 2 * 2); /* none for the missing second */
    assert_int_equal(t.last[EMG_TOPIC_ACTIVATION].frame, n + 44100 + 2 * 882 - 1);
    assert_true(isnan(t.last[EMG_TOPIC_ACTIVATION].body.activation.now.rms_uv));
    assert_true((t.last[EMG_TOPIC_ACTIVATION].body.activation.now.flags & EMG_FLAG_GAP) != 0);
    send(a, NULL, n + 44100 + 2000 + 500, 0, true); /* a loss at the very end */
    assert_int_equal(t.messages[EMG_TOPIC_EVENT_GAP], 2);
    const struct emg_status status = t.last[EMG_TOPIC_STATUS].body.status;
    assert_int_equal(status.gaps, 2);
    assert_int_equal(status.frames_lost, 44100 + 500);
    assert_int_equal(status.frames + status.frames_lost, n + 44100 + 2500);
    emg_analysis_destroy(a);
    free(t.text);
    free(x);
}

/* Both soleus walk in step with each other, since simulate() gives every channel the same cycle. */
static void tells_contractions_strides_profiles_and_comparisons(void **state)
{
    (void)state;
    stream.rate_hz = 8000;
    const size_t n = 20 * 8000;
    float *x = simulate(n);
    struct transcript t = {.silent = true};
    struct emg_analysis *a = make_analysis(&t);
    send(a, x, 0, (uint32_t)n, false);
    const uint64_t strides = t.messages[EMG_TOPIC_STRIDE];
    send(a, NULL, n, 0, true);
    /* 28 cycles of 0.7 s on either side, fewer by the first and the last */
    assert_true(t.messages[EMG_TOPIC_BURST] >= 2 * 27 && t.messages[EMG_TOPIC_BURST] <= 2 * 29);
    assert_true(strides >= 2 * 24 && t.messages[EMG_TOPIC_STRIDE] <= 2 * 28);
    assert_true(t.messages[EMG_TOPIC_STRIDE] >= strides); /* what waited for the end */
    assert_int_equal(t.messages[EMG_TOPIC_PROFILE], t.messages[EMG_TOPIC_STRIDE]);
    assert_int_equal(t.last[EMG_TOPIC_PROFILE].n_array, EMG_PROFILE_POINTS);
    assert_int_equal(t.last[EMG_TOPIC_PROFILE].body.profile.strides, 10);
    assert_true(fabs(t.last[EMG_TOPIC_STRIDE].body.stride.cycle.cycle_s - 0.7) < 0.1);
    assert_int_equal(t.last[EMG_TOPIC_STRIDE].body.stride.source, EMG_STRIDE_EMG);
    assert_true(fabs(t.last[EMG_TOPIC_STRIDE].body.stride.state.cadence_steps_per_min - 120 / 0.7) < 8);
    const struct emg_muscle_burst burst = t.last[EMG_TOPIC_BURST].body.burst.of;
    assert_true(burst.duration_s > 0.15 && burst.duration_s < 0.35 && burst.rms_uv > 30 && burst.snr_db > 20);
    /* one side has a reference, so the sides compare in microvolts; right.soleus has half the scale */
    assert_false(t.last[EMG_TOPIC_SYMMETRY].body.symmetry.percent);
    assert_true(fabs(t.last[EMG_TOPIC_SYMMETRY].body.symmetry.index_percent - 66.7) < 12);
    assert_true(isnan(t.last[EMG_TOPIC_LEG].body.leg.soleus_share_percent)); /* no gastrocnemius */
    emg_analysis_destroy(a);
    free(x);
}

static void tells_a_new_state_once_and_a_status_each_time(void **state)
{
    (void)state;
    struct transcript t = {.size = 0};
    stream.has_start = false;
    struct emg_analysis *a = make_analysis(&t);
    emg_analysis_tell_state(a, EMG_STREAM_WAITING);
    assert_true(isnan(t.last[EMG_TOPIC_STATUS].t));
    assert_int_equal(t.messages[EMG_TOPIC_EVENT_DEVICE], 0);
    emg_analysis_set_start(a, 5);
    emg_analysis_set_load(a, 12, 34);
    emg_analysis_tell_state(a, EMG_STREAM_LOST);
    emg_analysis_tell_state(a, EMG_STREAM_LOST);
    assert_int_equal(t.messages[EMG_TOPIC_EVENT_DEVICE], 1);
    assert_int_equal(t.messages[EMG_TOPIC_STATUS], 3);
    assert_true(t.last[EMG_TOPIC_STATUS].t == 5);
    assert_true(t.last[EMG_TOPIC_STATUS].body.status.load_percent == 34);
    assert_true(t.last[EMG_TOPIC_STATUS].body.status.ring_peak_percent == 12);
    emg_analysis_destroy(a);
    free(t.text);
}

/* A device 150 ppm fast is 45 ms ahead after five minutes by its nominal rate. */
static void dates_a_devices_frames_by_the_hosts_clock(void **state)
{
    (void)state;
    const double true_hz = 44100 * (1 + 150e-6), epoch_t = 1e9;
    const uint32_t n = 441;
    struct emg_block *block = calloc(1, sizeof *block + n * CHANNELS * sizeof(float));
    assert_non_null(block);
    stream.has_start = false;
    stream.realtime = true;
    struct transcript t = {.silent = true};
    struct emg_analysis *a = make_analysis(&t);
    struct emg_drift clock;
    emg_drift_init(&clock, stream.rate_hz);
    emg_analysis_set_clock(a, &clock, epoch_t);
    uint32_t random = 1;
    double worst_s = 0;
    for (uint64_t k = 0; k < 300 * 100; k++) {
        random = random * 1664525U + 1013904223U;
        const double late_s = 0.002 * (random >> 8) / 16777216.0;
        *block = (struct emg_block){.first_frame = k * n, .n_frames = n};
        block->host_ns = 5000000000 + (int64_t)(1e9 * ((double)((k + 1) * n) / true_hz + late_s));
        emg_drift_add(&clock, block->first_frame + n, block->host_ns);
        emg_analysis_execute(a, block);
        const struct emg_message *status = &t.last[EMG_TOPIC_STATUS];
        if (t.messages[EMG_TOPIC_STATUS] > 1)
            worst_s = fmax(worst_s, fabs(status->t - (epoch_t + 5 + (double)status->frame / true_hz)));
    }
    assert_true(worst_s < 1e-3);
    assert_true(fabs(t.last[EMG_TOPIC_STATUS].body.status.clock_ppm - 150) < 0.5);
    assert_true(t.last[EMG_TOPIC_STATUS].body.status.clock_ppm_se < 1);
    emg_analysis_destroy(a);
    free(block);
}

static void allocates_nothing_after_creation(void **state)
{
    (void)state;
    if (!EMG_ALLOCATIONS_COUNTED) {
        print_message("a sanitizer has an allocator of its own: not counted in this build\n");
        return;
    }
    const uint32_t n = 44100;
    float *x = simulate(n);
    struct emg_block *block = malloc(sizeof *block + n * CHANNELS * sizeof(float));
    assert_non_null(block);
    struct transcript t = {.silent = true};
    struct emg_analysis *a = make_analysis(&t);
    const unsigned long before = allocations;
    /* past the baseline, over gaps, to the end */
    for (uint64_t second = 0; second < 80; second++) {
        *block = (struct emg_block){.first_frame = (second + second / 20) * n, .n_frames = n};
        memcpy(block->samples, x, n * CHANNELS * sizeof(float));
        emg_analysis_execute(a, block);
    }
    *block = (struct emg_block){.first_frame = 1000 * (uint64_t)n, .last = 1};
    emg_analysis_execute(a, block);
    assert_int_equal(allocations - before, 0);
    assert_true(isfinite(t.last[EMG_TOPIC_FATIGUE].body.fatigue.spectral.baseline_mdf_hz));
    assert_int_equal(t.messages[EMG_TOPIC_EVENT_GAP], 4);
    emg_analysis_destroy(a);
    assert_true(allocations > before);
    free(block);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(says_the_same_to_the_last_bit_whatever_the_block_sizes, set_up),
        cmocka_unit_test_setup(publishes_each_topic_at_its_rate_by_the_count_of_frames, set_up),
        cmocka_unit_test_setup(takes_each_muscle_from_its_channel_and_scale, set_up),
        cmocka_unit_test_setup(tells_a_jump_of_the_frames_and_goes_on_behind_it, set_up),
        cmocka_unit_test_setup(tells_contractions_strides_profiles_and_comparisons, set_up),
        cmocka_unit_test_setup(tells_a_new_state_once_and_a_status_each_time, set_up),
        cmocka_unit_test_setup(dates_a_devices_frames_by_the_hosts_clock, set_up),
        cmocka_unit_test_setup(allocates_nothing_after_creation, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
