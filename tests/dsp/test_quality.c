#include "dsp/quality.h"

#include "dsp/mains.h"
#include "dsp/simulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct emg_quality_config config = {.rate_hz = 48000, .full_scale_uv = 5000, .hold_s = 0.25};

static struct emg_quality *make_quality(void)
{
    struct emg_quality *q = NULL;
    assert_int_equal(emg_quality_create(&q, &config), EMG_OK);
    return q;
}

/* A sine of 100 Hz with an offset, cut off at full scale; n samples from sample `first`. */
static void feed_sine(struct emg_quality *q, double amplitude_uv, double offset_uv, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        const double value = offset_uv + amplitude_uv * sin(2 * M_PI * 100 * (double)i / 48000);
        const float x = (float)fmax(-5000, fmin(5000, value));
        emg_quality_execute(q, &x, 1);
    }
}

static void feed_constant(struct emg_quality *q, float value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        emg_quality_execute(q, &value, 1);
}

static void refuses_what_has_no_meaning(void **state)
{
    (void)state;
    struct emg_quality *q = (struct emg_quality *)1;
    struct emg_quality_config bad = config;
    bad.rate_hz = 0;
    assert_int_equal(emg_quality_create(&q, &bad), EMG_ERROR_ARGUMENT);
    assert_null(q);
    bad = config;
    bad.full_scale_uv = NAN;
    assert_int_equal(emg_quality_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = config;
    bad.hold_s = -1;
    assert_int_equal(emg_quality_create(&q, &bad), EMG_ERROR_ARGUMENT);
    emg_quality_destroy(NULL);
}

static void flags_a_signal_that_reaches_full_scale_and_no_other(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_sine(q, 4900, 0, 0, 48000);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_sine(q, 1000, 3900, 0, 48000); /* an offset is no clipping */
    assert_int_equal(emg_quality_flags(q), 0);
    feed_sine(q, 6000, 0, 0, 480);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_reset(q);
    feed_sine(q, 5000, 0, 0, 480); /* just reaches full scale */
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_reset(q);
    feed_sine(q, 1000, -4500, 0, 480); /* one rail is enough */
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_destroy(q);
}

static void needs_a_run_of_a_tenth_of_a_millisecond_on_one_rail(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_constant(q, 5000, 4);
    feed_constant(q, 0, 1);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, 5000, 4);
    feed_constant(q, -5000, 4);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, -5000, 1);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    emg_quality_destroy(q);
}

static void flags_a_value_that_is_no_number_at_once(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct emg_quality *q = make_quality();
        feed_sine(q, 100, 0, 0, 100);
        feed_constant(q, values[i], 1);
        assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
        emg_quality_destroy(q);
    }
}

static void flags_a_value_that_has_not_changed_for_a_tenth_of_a_second(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_sine(q, 100, 0, 0, 1000);
    feed_constant(q, 123, 4800);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, 123, 1);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_FLAT);
    emg_quality_destroy(q);
}

static void holds_a_flag_for_its_time_and_then_lets_go(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    feed_constant(q, 5000, 5);
    feed_sine(q, 100, 0, 1, 12000);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING);
    feed_sine(q, 100, 0, 12001, 1);
    assert_int_equal(emg_quality_flags(q), 0);
    feed_constant(q, 0, 9600);
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_FLAT);
    emg_quality_reset(q);
    assert_int_equal(emg_quality_flags(q), 0);
    emg_quality_destroy(q);
}

static void decides_the_same_however_the_input_is_cut(void **state)
{
    (void)state;
    enum { N = 60000 };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < N; i++)
        x[i] = i / 10000 % 2 ? 77 : (float)(6000 * sin(2 * M_PI * 5 * (double)i / 48000));
    struct emg_quality *whole = make_quality(), *pieces = make_quality();
    uint32_t random = 1;
    for (size_t done = 0; done < N;) {
        random = random * 1664525U + 1013904223U;
        size_t take = (random >> 8) % 500;
        take = take < N - done ? take : N - done;
        emg_quality_execute(whole, x + done, take);
        for (size_t i = 0; i < take; i++)
            emg_quality_execute(pieces, x + done + i, 1);
        done += take;
        assert_int_equal(emg_quality_flags(pieces), emg_quality_flags(whole));
    }
    emg_quality_destroy(pieces);
    emg_quality_destroy(whole);
    free(x);
}

/* A wave of `hz` between the rails rail_uv, that pass from one to the other within `edge` of a half cycle. */
static float wave(double hz, double rail_uv, double edge, size_t i, double rate_hz)
{
    return (float)fmax(-rail_uv, fmin(rail_uv, rail_uv / edge * sin(2 * M_PI * hz * (double)i / rate_hz)));
}

static void flags_an_open_input_between_rails_below_full_scale(void **state)
{
    (void)state;
    const struct emg_quality_config slow = {.rate_hz = 1000, .full_scale_uv = 1275, .hold_s = 0.25};
    struct emg_quality *q = NULL;
    assert_int_equal(emg_quality_create(&q, &slow), EMG_OK);
    for (size_t i = 0; i < 313; i++) {
        const float x = 240 + wave(154, 1000, 0.2, i, 1000);
        assert_true(i > 250 || emg_quality_flags(q) == 0);
        emg_quality_execute(q, &x, 1);
    }
    assert_int_equal(emg_quality_flags(q), EMG_FLAG_CLIPPING | EMG_FLAG_ELECTRODE_OFF);
    for (size_t i = 0; i < 1000; i++) {
        const float x = wave(20, 100, 1, i, 1000);
        emg_quality_execute(q, &x, 1);
    }
    assert_int_equal(emg_quality_flags(q), 0);
    emg_quality_destroy(q);
}

static void takes_no_signal_for_one_between_rails(void **state)
{
    (void)state;
    const struct emg_simulate_config emg = {
        .rate_hz = 48000, .seed = 1, .rms_uv = 700, .noise_uv = 2, .fl_hz = 30, .fh_hz = 60, .fatigue_s = 1};
    struct emg_simulate *simulate = NULL;
    assert_int_equal(emg_simulate_create(&simulate, &emg), EMG_OK);
    struct emg_quality *q = make_quality();
    for (size_t i = 0; i < 144000; i++) {
        const size_t second = i / 48000;
        float x;
        emg_simulate_execute(simulate, &x, 1, 1);
        if (second == 0)
            x = wave(50, 4900, 1, i, 48000); /* a sine */
        else if (second == 1)
            x = wave(50, 450, 0.1, i, 48000); /* too small to be rails */
        else if (i % 48000 < 24000)
            x = 0.01F * x + (i % 48000 < 12000 ? -1500.0F : 1500.0F); /* an electrode that moves */
        emg_quality_execute(q, &x, 1);
        assert_int_equal(emg_quality_flags(q), 0);
    }
    emg_quality_destroy(q);
    emg_simulate_destroy(simulate);
}

static const double OBSERVED_S = 0.016;

/* A good channel: EMG of 150 uV on mains of 30 uV. */
static const struct emg_quality_observation contraction = {.seconds = OBSERVED_S,
                                                           .lines_uv = 92,
                                                           .between_uv = 150,
                                                           .removed_uv = 30,
                                                           .low_uv = 30,
                                                           .band_uv = 150,
                                                           .noise_uv = 2,
                                                           .active = true};
static const struct emg_quality_observation rest = {.seconds = OBSERVED_S,
                                                    .lines_uv = 30,
                                                    .between_uv = 2,
                                                    .removed_uv = 30,
                                                    .low_uv = 2,
                                                    .band_uv = 3,
                                                    .noise_uv = 2};

/* Flags but for hum, which mains of 30 uV is, that were up at any time. */
static uint32_t observe(struct emg_quality *q, const struct emg_quality_observation *o, double seconds)
{
    uint32_t flags = 0;
    for (double t = 0; t < seconds; t += o->seconds) {
        emg_quality_observe(q, o);
        flags |= emg_quality_flags(q);
    }
    return flags & ~(uint32_t)EMG_FLAG_HUM;
}

/* Seconds until the flag is up, or down; 99 if that takes longer than 20 s. */
static double wait_for(struct emg_quality *q, const struct emg_quality_observation *o, uint32_t flag, bool up)
{
    for (double t = 0; t < 20; t += o->seconds) {
        if (((emg_quality_flags(q) & flag) != 0) == up)
            return t;
        emg_quality_observe(q, o);
    }
    return 99;
}

static struct emg_quality_observation with_lines(struct emg_quality_observation o, double lines_uv)
{
    o.lines_uv = lines_uv;
    o.removed_uv = lines_uv;
    return o;
}

static void flags_an_electrode_that_comes_off_and_its_return(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    struct emg_quality_observation off = with_lines(rest, 61);
    off.active = true; /* the step looks like a burst */
    assert_int_equal(observe(q, &contraction, 1), 0);
    assert_int_equal(observe(q, &rest, 8), 0);
    assert_int_equal(observe(q, &contraction, 0.3), 0);
    assert_int_equal(observe(q, &off, 0.08), 0);
    assert_true(wait_for(q, &off, EMG_FLAG_ELECTRODE_OFF, true) < 0.04);
    assert_int_equal(observe(q, &off, 30), EMG_FLAG_ELECTRODE_OFF);
    const double back_s = wait_for(q, &contraction, EMG_FLAG_ELECTRODE_OFF, false);
    assert_true(back_s >= 0.25 && back_s < 0.5);
    assert_int_equal(observe(q, &off, 0.05), 0);
    assert_true(wait_for(q, &off, EMG_FLAG_ELECTRODE_OFF, true) < 0.1);
    const double calm_s = wait_for(q, &rest, EMG_FLAG_ELECTRODE_OFF, false);
    assert_true(calm_s >= 0.25 && calm_s < 0.3);
    emg_quality_destroy(q);
}

/* A loss that a gap hides is told as fast as any other, since the level before is remembered. */
static void remembers_across_a_gap_what_it_saw(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality(), *fresh = make_quality();
    struct emg_quality_observation lost = rest;
    lost.lines_uv = 200;
    lost.removed_uv = 200;
    assert_int_equal(observe(q, &contraction, 5), 0);
    emg_quality_interrupt(q);
    assert_int_equal(emg_quality_flags(q), 0);
    assert_true(wait_for(q, &lost, EMG_FLAG_ELECTRODE_OFF, true) < 0.25);
    assert_int_equal(observe(fresh, &contraction, 5), 0);
    emg_quality_reset(fresh);
    assert_true(wait_for(fresh, &lost, EMG_FLAG_ELECTRODE_OFF, true) > 0.5);
    emg_quality_destroy(q);
    emg_quality_destroy(fresh);
}

static void takes_no_rest_for_an_electrode_that_is_off(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    struct emg_quality_observation o = with_lines(contraction, 75), quiet = with_lines(rest, 75);
    o.lines_uv = 120;
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(observe(q, &o, 0.4), 0);
        assert_int_equal(observe(q, &quiet, 0.4), 0);
    }
    assert_int_equal(observe(q, &quiet, 120), 0); /* a long rest */

    /* Mains that a contraction hides. */
    emg_quality_reset(q);
    o = with_lines(contraction, 0);
    o.lines_uv = 90;
    quiet = with_lines(rest, 14);
    assert_int_equal(observe(q, &o, 10), 0);
    assert_int_equal(observe(q, &quiet, 60), 0);

    /* Mains that rises under EMG, and what cannot be told from rest. */
    assert_int_equal(observe(q, &contraction, 10), 0);
    o = with_lines(contraction, 500);
    assert_int_equal(observe(q, &o, 30), 0);
    assert_int_equal(observe(q, &contraction, 30), 0);
    quiet = with_lines(rest, 0.5);
    assert_int_equal(observe(q, &quiet, 30), 0);
    emg_quality_destroy(q);
}

static void learns_a_mains_that_rose_once_emg_is_seen_with_it(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    const struct emg_quality_observation quiet = with_lines(rest, 80);
    struct emg_quality_observation o = with_lines(contraction, 80);
    o.lines_uv = 120;
    assert_int_equal(observe(q, &contraction, 5), 0);
    assert_int_equal(observe(q, &quiet, 0.5), EMG_FLAG_ELECTRODE_OFF);
    for (size_t i = 0; i < 2; i++) {
        observe(q, &o, 0.2);
        observe(q, &quiet, 0.5);
    }
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(observe(q, &o, 0.2), 0);
        assert_int_equal(observe(q, &quiet, 0.5), 0);
    }
    emg_quality_destroy(q);
}

static void flags_a_channel_that_never_had_an_electrode(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    struct emg_quality_observation o = with_lines(rest, 6);
    assert_int_equal(observe(q, &o, 0.98), 0);
    assert_true(wait_for(q, &o, EMG_FLAG_ELECTRODE_OFF, true) < 0.1);
    emg_quality_reset(q);
    o.lines_uv = 1.9;
    o.between_uv = 0.2;
    assert_int_equal(observe(q, &o, 20), 0);
    emg_quality_reset(q);
    o.lines_uv = 6;
    o.between_uv = 3.1; /* 79 % */
    assert_int_equal(observe(q, &o, 20), 0);

    /* One that came off with little mains: after 10 s without EMG. */
    emg_quality_reset(q);
    const struct emg_quality_observation clean = with_lines(contraction, 0);
    assert_int_equal(observe(q, &clean, 3), 0);
    o = with_lines(rest, 30);
    assert_int_equal(observe(q, &o, 9.9), 0);
    assert_true(wait_for(q, &o, EMG_FLAG_ELECTRODE_OFF, true) < 0.2);
    assert_true(wait_for(q, &clean, EMG_FLAG_ELECTRODE_OFF, false) < 0.6);
    emg_quality_destroy(q);
}

static void flags_hum_beyond_what_is_tolerable(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    struct emg_quality_observation o = contraction;
    o.removed_uv = 37; /* 24.7 % */
    assert_true(wait_for(q, &o, EMG_FLAG_HUM, true) > 20);
    o.removed_uv = 38;
    const double after_s = wait_for(q, &o, EMG_FLAG_HUM, true);
    assert_true(after_s >= 1.0 && after_s < 1.05);
    o.removed_uv = 28; /* 18.7 % */
    assert_true(wait_for(q, &o, EMG_FLAG_HUM, false) > 20);
    o.removed_uv = 26;
    assert_true(wait_for(q, &o, EMG_FLAG_HUM, false) < 0.3);
    o = with_lines(rest, 2.9);
    assert_true(wait_for(q, &o, EMG_FLAG_HUM, true) > 20);
    o = with_lines(rest, 3.1);
    assert_true(wait_for(q, &o, EMG_FLAG_HUM, true) < 1.05);
    emg_quality_destroy(q);
}

static void flags_motion_that_emg_does_not_explain(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    struct emg_quality_observation o = contraction;
    o.low_uv = 149;
    assert_int_equal(observe(q, &o, 5), 0);
    o.low_uv = 151;
    assert_int_equal(observe(q, &o, 0.1), 0);
    assert_true(wait_for(q, &o, EMG_FLAG_MOTION, true) < 0.05);
    o.low_uv = 110;
    assert_true(wait_for(q, &o, EMG_FLAG_MOTION, false) > 20);
    o.low_uv = 100;
    assert_true(wait_for(q, &o, EMG_FLAG_MOTION, false) < 0.3);

    /* The filter's ringing after a contraction, and the wander of a quiet channel. */
    for (double t = 0; t < 2; t += OBSERVED_S) {
        o.low_uv = 100 * exp(-t / 0.5);
        o.band_uv = 3;
        assert_int_equal(observe(q, &o, OBSERVED_S), 0);
    }
    o.low_uv = 4.9;
    assert_int_equal(observe(q, &o, 10), 0);
    o.low_uv = 5.1;
    assert_true(wait_for(q, &o, EMG_FLAG_MOTION, true) < 0.2);
    emg_quality_destroy(q);
}

static void flags_a_noisy_rest(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    struct emg_quality_observation o = contraction;
    o.noise_uv = 5.0;
    assert_int_equal(observe(q, &o, 1), 0);
    o.noise_uv = 5.1;
    assert_int_equal(observe(q, &o, 1.9), 0);
    assert_int_equal(observe(q, &o, 0.2), EMG_FLAG_NOISY);
    o.noise_uv = 4.1;
    assert_true(wait_for(q, &o, EMG_FLAG_NOISY, false) > 20);
    o.noise_uv = 3.9;
    assert_true(wait_for(q, &o, EMG_FLAG_NOISY, false) < 0.3);
    emg_quality_destroy(q);
}

static void raises_nothing_from_what_is_unknown(void **state)
{
    (void)state;
    struct emg_quality *q = make_quality();
    struct emg_quality_observation unknown = {OBSERVED_S, NAN, NAN, NAN, NAN, NAN, NAN, true};
    assert_int_equal(observe(q, &unknown, 20), 0);
    unknown.low_uv = 1000;
    unknown.lines_uv = 1000;
    unknown.removed_uv = NAN;
    assert_int_equal(observe(q, &unknown, 20), 0);
    assert_int_equal(emg_quality_flags(q), 0);
    /* Nor does it spoil what comes after. */
    const struct emg_quality_observation off = with_lines(rest, 100);
    assert_int_equal(observe(q, &contraction, 3), 0);
    assert_true(wait_for(q, &off, EMG_FLAG_ELECTRODE_OFF, true) < 0.2);
    emg_quality_destroy(q);
}

static void begins_anew_after_a_reset(void **state)
{
    (void)state;
    struct emg_quality *used = make_quality(), *fresh = make_quality();
    const struct emg_quality_observation off = with_lines(rest, 100);
    struct emg_quality_observation o = contraction;
    o.low_uv = 1000;
    o.noise_uv = 10;
    for (size_t i = 0; i < 2; i++) {
        observe(used, &o, 5);
        observe(used, &off, 15);
        feed_sine(used, 4900, 0, 0, 5000);
    }
    assert_int_not_equal(emg_quality_flags(used), 0);
    emg_quality_reset(used);
    assert_int_equal(emg_quality_flags(used), 0);
    for (size_t i = 0; i < 2000; i++) {
        const struct emg_quality_observation *next = i % 700 < 400 ? &contraction : &off;
        emg_quality_observe(used, next);
        emg_quality_observe(fresh, next);
        assert_int_equal(emg_quality_flags(used), emg_quality_flags(fresh));
    }
    emg_quality_destroy(fresh);
    emg_quality_destroy(used);
}

/* EMG, static or in bursts of 0.25 s each 0.72 s, and mains, through the mains stage. */
struct channel {
    struct emg_mains *mains;
    struct emg_simulate *emg;
    struct emg_quality *quality;
    bool strides;
    size_t n;
};

enum { STEP = 32 }; /* samples at 2 kHz between observations */

static void open_channel(struct channel *c, bool strides, double rms_uv, uint64_t seed)
{
    const struct emg_mains_config mains = {2000, 50, 450};
    const struct emg_simulate_config emg = {.rate_hz = 2000,
                                            .seed = seed,
                                            .course = strides ? EMG_SIMULATE_STRIDE : EMG_SIMULATE_STATIC,
                                            .rms_uv = rms_uv,
                                            .noise_uv = 2,
                                            .fl_hz = seed % 2 ? 60 : 30,
                                            .fh_hz = seed % 2 ? 120 : 60,
                                            .fatigue_s = 1,
                                            .cycle_s = 0.72,
                                            .burst_length = 0.25 / 0.72};
    c->n = 0;
    c->strides = strides;
    c->quality = make_quality();
    assert_int_equal(emg_mains_create(&c->mains, &mains), EMG_OK);
    assert_int_equal(emg_simulate_create(&c->emg, &emg), EMG_OK);
}

static void close_channel(struct channel *c)
{
    emg_simulate_destroy(c->emg);
    emg_mains_destroy(c->mains);
    emg_quality_destroy(c->quality);
}

/* One step, in which EMG fades by `fade` a sample from *gain; returns the flags. */
static uint32_t step_channel(struct channel *c, double *gain, double fade, double mains_uv, double hz)
{
    float x[STEP];
    emg_simulate_execute(c->emg, x, 1, STEP);
    for (size_t i = 0; i < STEP; i++, c->n++) {
        *gain = fmax(0, *gain - fade);
        x[i] = (float)(*gain * (double)x[i] + mains_uv * sqrt(2) * sin(2 * M_PI * hz * (double)c->n / 2000));
    }
    emg_mains_execute(c->mains, x, x, STEP);
    const struct emg_mains_state now = emg_mains_state(c->mains);
    const double cycle_s = fmod((double)c->n / 2000, 0.72);
    const bool is_burst = cycle_s > 0.06 && cycle_s < 0.3;
    const struct emg_quality_observation o = {
        .seconds = STEP / 2000.0,
        .lines_uv = now.lines_uv,
        .between_uv = now.between_uv,
        .removed_uv = now.removed_uv,
        .low_uv = NAN,
        .band_uv = NAN,
        .noise_uv = NAN,
        .active = !c->strides || is_burst || *gain < 1, /* the step looks like a burst */
    };
    emg_quality_observe(c->quality, &o);
    return emg_quality_flags(c->quality);
}

static void flags_simulated_losses_within_a_quarter_of_a_second(void **state)
{
    (void)state;
    enum { LOSSES = 200 };
    for (unsigned t = 0; t < LOSSES; t++) {
        struct channel c;
        const bool strides = t % 4 >= 2;
        const double rms_uv = 100 + t % 101, mains_uv = 100 + 400.0 * t / LOSSES,
                     hz = 49 + 2.0 * (t % 23) / 23;
        const size_t loss = (strides ? 16000 : 3000) + 7 * t;
        double gain = 1;
        open_channel(&c, strides, rms_uv, t + 1);
        while (c.n < loss)
            assert_int_equal(step_channel(&c, &gain, 0, 0, hz) & EMG_FLAG_ELECTRODE_OFF, 0);
        const size_t lost = c.n;
        while (!(step_channel(&c, &gain, 0.05, mains_uv, hz) & EMG_FLAG_ELECTRODE_OFF))
            assert_in_range(c.n - lost, 0, 500 - STEP);
        close_channel(&c);
    }
}

static void keeps_silent_on_simulated_emg_with_mains_and_without(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 8; t++) {
        struct channel c;
        double gain = 1;
        uint32_t flags = 0;
        open_channel(&c, t % 4 >= 2, 150, t + 1);
        while (c.n < 200000)
            flags |= step_channel(&c, &gain, 0, t < 4 ? 0 : 75, 50.2);
        assert_int_equal(flags, t < 4 ? 0 : EMG_FLAG_HUM);
        close_channel(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_has_no_meaning),
        cmocka_unit_test(flags_a_signal_that_reaches_full_scale_and_no_other),
        cmocka_unit_test(needs_a_run_of_a_tenth_of_a_millisecond_on_one_rail),
        cmocka_unit_test(flags_a_value_that_is_no_number_at_once),
        cmocka_unit_test(flags_a_value_that_has_not_changed_for_a_tenth_of_a_second),
        cmocka_unit_test(holds_a_flag_for_its_time_and_then_lets_go),
        cmocka_unit_test(decides_the_same_however_the_input_is_cut),
        cmocka_unit_test(flags_an_open_input_between_rails_below_full_scale),
        cmocka_unit_test(takes_no_signal_for_one_between_rails),
        cmocka_unit_test(flags_an_electrode_that_comes_off_and_its_return),
        cmocka_unit_test(remembers_across_a_gap_what_it_saw),
        cmocka_unit_test(takes_no_rest_for_an_electrode_that_is_off),
        cmocka_unit_test(learns_a_mains_that_rose_once_emg_is_seen_with_it),
        cmocka_unit_test(flags_a_channel_that_never_had_an_electrode),
        cmocka_unit_test(flags_hum_beyond_what_is_tolerable),
        cmocka_unit_test(flags_motion_that_emg_does_not_explain),
        cmocka_unit_test(flags_a_noisy_rest),
        cmocka_unit_test(raises_nothing_from_what_is_unknown),
        cmocka_unit_test(begins_anew_after_a_reset),
        cmocka_unit_test(flags_simulated_losses_within_a_quarter_of_a_second),
        cmocka_unit_test(keeps_silent_on_simulated_emg_with_mains_and_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
