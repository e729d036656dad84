#include "daemon/block.h"
#include "daemon/capture.h"
#include "daemon/synth_scenario.h"

#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RATE = 2000 };

/* What a scenario gives, channel by channel. */
struct take {
    struct emg_stream_info info;
    size_t n;
    float *frames;
};

static struct emg_config configure(const char *spec, unsigned channels, double seconds)
{
    struct emg_config config = {
        .source = {
            .rate_hz = RATE, .channels = channels, .full_scale_uv = 5000, .duration_s = seconds, .seed = 3}};
    (void)snprintf(config.source.spec, sizeof config.source.spec, "%s", spec);
    return config;
}

static struct take record(const char *spec, unsigned channels, double seconds)
{
    const struct emg_config config = configure(spec, channels, seconds);
    struct emg_problem problem = {0};
    struct emg_capture *capture = NULL;
    struct emg_ring *ring = NULL;
    assert_int_equal(emg_capture_open(&capture, &config, &problem), EMG_OK);
    assert_int_equal(emg_ring_create(&ring, 1 << 20), EMG_OK);
    struct take take = {.info = capture->info};
    const size_t n_channels = take.info.n_channels;
    take.frames = malloc((size_t)(seconds * RATE) * n_channels * sizeof(float));
    assert_non_null(take.frames);
    assert_int_equal(emg_capture_start(capture, ring, &problem), EMG_OK);
    for (bool last = false; !last;) {
        size_t size = 0;
        const struct emg_block *block = emg_ring_front(ring, &size);
        if (block == NULL) {
            sched_yield();
            continue;
        }
        assert_true(take.n + block->n_frames <= (size_t)(seconds * RATE));
        memcpy(take.frames + take.n * n_channels, block->samples,
               block->n_frames * n_channels * sizeof(float));
        take.n += block->n_frames;
        last = block->last != 0;
        emg_ring_release(ring);
    }
    emg_capture_stop(capture);
    emg_capture_close(capture);
    emg_ring_destroy(ring);
    assert_int_equal(take.n, (size_t)(seconds * RATE));
    return take;
}

static double value(const struct take *take, size_t frame, unsigned channel)
{
    return (double)take->frames[frame * take->info.n_channels + channel];
}

static double rms(const struct take *take, unsigned channel, double from_s, double to_s)
{
    double sum = 0;
    const size_t from = (size_t)(from_s * RATE), to = (size_t)(to_s * RATE);
    for (size_t i = from; i < to; i++)
        sum += value(take, i, channel) * value(take, i, channel);
    return sqrt(sum / (double)(to - from));
}

/* RMS of what the second take has more than the first. */
static double rms_apart(const struct take *a, const struct take *b, unsigned channel, double from_s,
                        double to_s)
{
    double sum = 0;
    const size_t from = (size_t)(from_s * RATE), to = (size_t)(to_s * RATE);
    for (size_t i = from; i < to; i++)
        sum += pow(value(b, i, channel) - value(a, i, channel), 2);
    return sqrt(sum / (double)(to - from));
}

static void an_unknown_scenario_is_refused_with_all_that_there_are(void **state)
{
    (void)state;
    const struct emg_config config = configure("synth:swim", 4, 1);
    struct emg_problem problem = {0};
    struct emg_capture *capture = (struct emg_capture *)1;
    assert_int_equal(emg_capture_open(&capture, &config, &problem), EMG_ERROR_ARGUMENT);
    assert_null(capture);
    assert_non_null(strstr(problem.text, "treadmill, static, rest, ramp, mains, artefacts"));
}

static void channels_have_the_scenarios_labels_and_repeat_without_one(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        unsigned channels;
        const char *labels[10];
    } cases[] = {
        {"synth:treadmill", 0, {"EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM"}},
        {"synth:treadmill", 3, {"EMG L SOL", "EMG L GM", "EMG R SOL"}},
        {"synth:treadmill", 5, {"EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM", ""}},
        {"synth:mains", 7, {"EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM", "EMG L TA", "EMG R TA", ""}},
        {"synth:artefacts",
         10,
         {"EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM", "EMG L TA", "EMG R TA", "SW L", "SW R", "", ""}},
        {"synth:static", 8, {"EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM", "", "", "", ""}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct take take = record(cases[k].spec, cases[k].channels, 0.1);
        assert_int_equal(take.info.n_channels, cases[k].channels > 0 ? cases[k].channels : 4);
        for (unsigned i = 0; i < take.info.n_channels; i++)
            assert_string_equal(take.info.channels[i].label, cases[k].labels[i]);
        free(take.frames);
    }
}

/* Blocks of 2048 and of 1170 frames: where they are cut does not show either. */
static void more_channels_do_not_change_the_first_four(void **state)
{
    (void)state;
    static const char *const specs[] = {"synth:treadmill", "synth:mains", "synth:artefacts"};
    for (size_t k = 0; k < 3; k++) {
        struct take four = record(specs[k], 4, 25), seven = record(specs[k], 7, 25);
        for (size_t i = 0; i < four.n; i++)
            assert_memory_equal(four.frames + i * 4, seven.frames + i * 7, 4 * sizeof(float));
        free(four.frames);
        free(seven.frames);
    }
}

/* Each muscle's share of its power while its own foot is down. */
static void foot_switches_and_tibialis_anterior_keep_step_with_the_calf(void **state)
{
    (void)state;
    struct take take = record("synth:treadmill", 8, 60);
    for (unsigned side = 0; side < 2; side++) {
        const unsigned calf = 2 * side, tibialis = 4 + side, foot = 6 + side;
        double down = 0, calf_down = 0, calf_all = 0, tibialis_down = 0, tibialis_all = 0;
        size_t strikes = 0;
        for (size_t i = 0; i < take.n; i++) {
            const bool is_down = value(&take, i, foot) != 0;
            assert_true(!is_down || value(&take, i, foot) == 4500);
            strikes += is_down && i > 0 && value(&take, i - 1, foot) == 0;
            const double a = pow(value(&take, i, calf), 2), b = pow(value(&take, i, tibialis), 2);
            down += is_down;
            calf_all += a;
            calf_down += is_down ? a : 0;
            tibialis_all += b;
            tibialis_down += is_down ? b : 0;
        }
        assert_true(strikes >= 80 && strikes <= 86); /* 60 s of 0.723 s */
        assert_true(fabs(down / (double)take.n - 0.4) < 0.01);
        assert_true(calf_down > 0.98 * calf_all); /* its 42 % begin with the stance */
        assert_true(tibialis_down < 0.02 * tibialis_all);
        /* 35 % of the cycle, of which 30 % are edges with 3/8 of the power */
        assert_true(fabs(rms(&take, tibialis, 0, 60) / (120 * sqrt(0.35 * (0.7 + 0.3 * 0.375))) - 1) < 0.05);
    }
    free(take.frames);
}

static void mains_have_half_the_rms_of_the_emg(void **state)
{
    (void)state;
    static const double rms_uv[] = {180, 150, 190, 140, 120, 120};
    struct take clean = record("synth:treadmill", 8, 20), spoilt = record("synth:mains", 8, 20);
    for (unsigned i = 0; i < 8; i++) {
        const double expected = i < 6 ? 0.5 * rms_uv[i] : 0;
        assert_true(fabs(rms_apart(&clean, &spoilt, i, 0, 20) - expected) <= 0.005 * expected);
    }
    free(clean.frames);
    free(spoilt.frames);
}

static void artefacts_spoil_each_channel_of_the_calf_in_its_own_way(void **state)
{
    (void)state;
    struct take clean = record("synth:treadmill", 8, 100), spoilt = record("synth:artefacts", 8, 100);

    /* left soleus: a bump from each foot strike on */
    size_t strikes = 0, shaken = 0;
    for (size_t i = 1; i + 400 < clean.n; i++) {
        if (value(&clean, i - 1, 6) != 0 || value(&clean, i, 6) == 0)
            continue;
        double peak = 0;
        for (size_t k = i; k < i + 400; k++)
            peak = fmax(peak, fabs(value(&spoilt, k, 0) - value(&clean, k, 0)));
        strikes++;
        shaken += fabs(peak - 500) < 5;
        assert_true(fabs(value(&spoilt, i, 0) - value(&clean, i, 0)) < 1); /* the last one is over */
    }
    assert_true(strikes > 130 && shaken == strikes);

    /* left gastrocnemius: lost from 20 to 30 s, and again from 80 s */
    static const double on_s[][2] = {{0, 20}, {30.02, 80}, {90.02, 100}},
                        off_s[][2] = {{20.02, 30}, {80.02, 90}};
    for (size_t k = 0; k < 3; k++)
        assert_true(rms_apart(&clean, &spoilt, 1, on_s[k][0], on_s[k][1]) == 0);
    for (size_t k = 0; k < 2; k++)
        assert_true(fabs(rms(&spoilt, 1, off_s[k][0], off_s[k][1]) - 300) < 3);

    /* right soleus: held at its full scale, else as it was */
    size_t held = 0, active = 0;
    assert_true(spoilt.info.channels[2].full_scale_uv == 300);
    for (size_t i = 0; i < clean.n; i++) {
        const double truth = value(&clean, i, 2), limited = fmin(fmax(truth, -300), 300);
        assert_true(fabs(value(&spoilt, i, 2) - limited) < 1e-3); /* both to 24 bits */
        held += truth != limited;
        active += fabs(truth) > 20;
    }
    assert_true(held > active / 50);

    /* right gastrocnemius: half of the right soleus as it is before the clipping, 2 ms later */
    for (size_t i = 4; i < clean.n; i++)
        assert_true(fabs(value(&spoilt, i, 3) - value(&clean, i, 3) - 0.5 * value(&clean, i - 4, 2)) < 1e-3);

    for (unsigned i = 4; i < 8; i++)
        assert_true(rms_apart(&clean, &spoilt, i, 0, 100) == 0);
    free(clean.frames);
    free(spoilt.frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_scenario_is_refused_with_all_that_there_are),
        cmocka_unit_test(channels_have_the_scenarios_labels_and_repeat_without_one),
        cmocka_unit_test(more_channels_do_not_change_the_first_four),
        cmocka_unit_test(foot_switches_and_tibialis_anterior_keep_step_with_the_calf),
        cmocka_unit_test(mains_have_half_the_rms_of_the_emg),
        cmocka_unit_test(artefacts_spoil_each_channel_of_the_calf_in_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
