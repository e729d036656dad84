/* Usage: test_drift [TRIALS]. With a number of trials it prints the table of figures for each kind of delay
 * instead of testing. */
#include "daemon/drift.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const double RATE_HZ = 48000;
static const int64_t BOOTED_NS = 7654321098765;

enum delay {
    PUNCTUAL,
    UNIFORM,
    EXPONENTIAL,
    QUANTISED, /* to the next tick of that many ms, 20 us of exponential jitter behind it */
    SUM,       /* of two uniform ones: density falls to 0 at the least */
    IN_PAIRS,  /* every other block comes with the next, which is exponentially late */
};

struct sim {
    double ppm, ppm_per_min;
    double block_s;
    enum delay delay;
    double delay_ms; /* largest, mean, or the tick */
    uint64_t random;

    uint64_t frames;
    double now_s;   /* true host time of frames, less BOOTED_NS */
    double phase_s; /* of the ticks */
    double heard_s; /* of the callback before: they come in order */
    double stall_s[2];
    double pair_s; /* when the block that waits will come; 0: none waits */
};

static double uniform(struct sim *s)
{
    s->random += 0x9e3779b97f4a7c15;
    uint64_t z = s->random; /* SplitMix64: Steele, Lea & Flood 2014 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(struct sim *s)
{
    return -log(uniform(s));
}

static double rate_hz(const struct sim *s)
{
    return RATE_HZ * (1 + (s->ppm + s->ppm_per_min * s->now_s / 60) * 1e-6);
}

static double delayed_s(struct sim *s)
{
    const double ms = s->delay_ms / 1e3;
    switch (s->delay) {
    case UNIFORM:
        return s->now_s + uniform(s) * ms;
    case EXPONENTIAL:
        return s->now_s + exponential(s) * ms;
    case QUANTISED:
        return ceil((s->now_s + s->phase_s) / ms) * ms - s->phase_s + exponential(s) * 20e-6;
    case SUM:
        return s->now_s + (uniform(s) + uniform(s)) / 2 * ms;
    case IN_PAIRS:
        if (s->pair_s > 0) {
            const double t_s = s->pair_s;
            s->pair_s = 0;
            return t_s;
        }
        s->pair_s = s->now_s + s->block_s / (rate_hz(s) / RATE_HZ) + exponential(s) * ms;
        return s->pair_s;
    case PUNCTUAL:
    default:
        return s->now_s;
    }
}

static void advance(struct sim *s, uint64_t frames)
{
    s->frames += frames;
    s->now_s += (double)frames / rate_hz(s);
}

/* Makes the next block and returns when its callback comes. */
static int64_t next_ns(struct sim *s)
{
    advance(s, (uint64_t)llround(s->block_s * RATE_HZ));
    double t_s = delayed_s(s);
    if (t_s >= s->stall_s[0] && t_s < s->stall_s[1])
        t_s = s->stall_s[1];
    s->heard_s = fmax(s->heard_s, t_s);
    return BOOTED_NS + llround(s->heard_s * 1e9);
}

static void run(struct sim *s, struct emg_drift *q, double until_s)
{
    while (s->now_s < until_s) {
        const int64_t ns = next_ns(s);
        emg_drift_add(q, s->frames, ns);
    }
}

/* What the model says of the newest frame, less the truth. */
static double error_ms(const struct sim *s, const struct emg_drift *q)
{
    return ((double)(emg_drift_time_ns(q, s->frames) - BOOTED_NS) / 1e9 - s->now_s) * 1e3;
}

static double true_ppm(const struct sim *s)
{
    return s->ppm + s->ppm_per_min * s->now_s / 60;
}

static struct sim simulation(enum delay delay, double delay_ms, double ppm, uint64_t seed)
{
    struct sim s = {.delay = delay, .delay_ms = delay_ms, .ppm = ppm, .random = seed, .block_s = 0.01};
    s.phase_s = uniform(&s);
    return s;
}

struct figures {
    double ppm_rms, ppm_worst;
    double se_ratio; /* RMS of the standard errors, by the RMS of the errors */
    double wander_rms_ms, wander_max_ms, step_max_ms;
    double early_max_ms; /* largest error of a time from 1 s to 60 s */
};

struct wander {
    unsigned n;
    double sum, square, low, high;
};

static void note(struct wander *w, double ms)
{
    w->low = w->n == 0 ? ms : fmin(w->low, ms);
    w->high = w->n == 0 ? ms : fmax(w->high, ms);
    w->n++;
    w->sum += ms;
    w->square += ms * ms;
}

/* One minute of callbacks. From 30 s on the time's error may wander about its own mean; its step is that of a
 * frame's time as one more callback is taken. */
static struct wander watch(struct sim *s, struct emg_drift *q, struct figures *f)
{
    struct wander w = {0};
    while (s->now_s < 60) {
        const int64_t ns = next_ns(s);
        const double before_ms = error_ms(s, q);
        emg_drift_add(q, s->frames, ns);
        const double ms = error_ms(s, q);
        if (s->now_s > 1)
            f->early_max_ms = fmax(f->early_max_ms, fabs(ms));
        if (s->now_s <= 30)
            continue;
        f->step_max_ms = fmax(f->step_max_ms, fabs(ms - before_ms));
        note(&w, ms);
    }
    return w;
}

static struct figures measure(enum delay delay, double delay_ms, unsigned trials)
{
    struct figures f = {0};
    double error = 0, se = 0, wander = 0;
    for (unsigned i = 0; i < trials; i++) {
        struct sim s = simulation(delay, delay_ms, 0, 1000 + i);
        struct emg_drift q;
        s.ppm = 300 * uniform(&s) - 150;
        emg_drift_init(&q, RATE_HZ);
        const struct wander w = watch(&s, &q, &f);
        const struct emg_drift_state state = emg_drift_state(&q);
        const double mean_ms = w.sum / w.n;
        f.wander_max_ms = fmax(f.wander_max_ms, fmax(w.high - mean_ms, mean_ms - w.low));
        wander += w.square / w.n - mean_ms * mean_ms;
        error += pow(state.ppm - s.ppm, 2);
        f.ppm_worst = fmax(f.ppm_worst, fabs(state.ppm - s.ppm));
        se += state.ppm_se * state.ppm_se;
    }
    f.ppm_rms = sqrt(error / trials);
    f.se_ratio = sqrt(se / error);
    f.wander_rms_ms = sqrt(wander / trials);
    return f;
}

static const struct {
    const char *what;
    enum delay delay;
    double ms;
} KINDS[] = {
    {"uniform, to 1 ms", UNIFORM, 1},
    {"uniform, to 5 ms", UNIFORM, 5},
    {"uniform, to 10 ms", UNIFORM, 10},
    {"exponential, mean 0.2 ms", EXPONENTIAL, 0.2},
    {"exponential, mean 2 ms", EXPONENTIAL, 2},
    {"exponential, mean 10 ms", EXPONENTIAL, 10},
    {"in pairs, exponential 2 ms", IN_PAIRS, 2},
    {"quantised to 0.125 ms", QUANTISED, 0.125},
    {"quantised to 1 ms", QUANTISED, 1},
    {"sum of uniforms, to 2 ms", SUM, 2},
    {"sum of uniforms, to 10 ms", SUM, 10},
};

static void keeps_to_the_required_accuracy_after_a_minute_of_late_callbacks(void **state)
{
    (void)state;
    static const struct {
        enum delay delay;
        double ms;
    } kinds[] = {{UNIFORM, 1},      {UNIFORM, 10}, {EXPONENTIAL, 0.2},
                 {EXPONENTIAL, 10}, {IN_PAIRS, 2}, {QUANTISED, 0.125}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct figures f = measure(kinds[i].delay, kinds[i].ms, 60);
        assert_true(f.ppm_rms <= 1);
        assert_true(f.wander_rms_ms <= 0.1);
        assert_true(f.wander_max_ms <= 0.2);
        assert_true(f.step_max_ms <= 0.02);
        assert_true(f.se_ratio >= 0.5 && f.se_ratio <= 2);
    }
}

static void tells_the_sign_and_size_of_a_steady_drift_exactly(void **state)
{
    (void)state;
    for (int ppm = -150; ppm <= 150; ppm += 75) {
        struct sim s = simulation(PUNCTUAL, 0, ppm, 1);
        struct emg_drift q;
        emg_drift_init(&q, RATE_HZ);
        run(&s, &q, 30);
        assert_true(fabs(emg_drift_state(&q).ppm - ppm) < 0.001);
        assert_true(emg_drift_state(&q).ppm_se < 0.001);
        assert_true(fabs(error_ms(&s, &q)) < 1e-5);
    }
}

static void gives_times_at_once_within_a_millisecond_for_blocks_of_any_size(void **state)
{
    (void)state;
    static const double blocks_s[] = {0.0002, 0.001, 0.01, 0.05};
    for (size_t i = 0; i < 4; i++)
        for (int ppm = -150; ppm <= 150; ppm += 150) {
            struct sim s = simulation(UNIFORM, 2, ppm, 7 + i);
            struct emg_drift q;
            s.block_s = blocks_s[i];
            emg_drift_init(&q, RATE_HZ);
            while (s.now_s < 40) {
                const int64_t ns = next_ns(&s);
                emg_drift_add(&q, s.frames, ns);
                assert_true(fabs(error_ms(&s, &q)) < (s.now_s > 0.25 ? 1 : 2));
            }
            assert_true(fabs(emg_drift_state(&q).ppm - ppm) < 2);
        }
}

static void knows_nothing_before_the_first_callback_and_no_rate_before_ten_seconds(void **state)
{
    (void)state;
    struct sim s = simulation(UNIFORM, 1, 60, 3);
    struct emg_drift q;
    emg_drift_init(&q, RATE_HZ);
    assert_int_equal(emg_drift_time_ns(&q, 0), 0);
    assert_true(isnan(emg_drift_state(&q).ppm) && isnan(emg_drift_state(&q).ppm_se));
    assert_true(emg_drift_state(&q).window_s == 0);

    emg_drift_add(&q, 1000, BOOTED_NS);
    assert_int_equal(emg_drift_time_ns(&q, 1000), BOOTED_NS);
    assert_int_equal(emg_drift_time_ns(&q, 49000), BOOTED_NS + 1000000000);
    assert_int_equal(emg_drift_time_ns(&q, 0), BOOTED_NS - 20833333);

    emg_drift_init(&q, RATE_HZ);
    run(&s, &q, 9.9);
    assert_true(isnan(emg_drift_state(&q).ppm) && isnan(emg_drift_state(&q).ppm_se));
    run(&s, &q, 11.1);
    assert_true(fabs(emg_drift_state(&q).ppm - 60) < 5);
    assert_true(emg_drift_state(&q).ppm_se > 0 && emg_drift_state(&q).ppm_se < 5);
    assert_true(emg_drift_state(&q).window_s > 8 && emg_drift_state(&q).window_s < 11);
}

static void times_are_continuous_over_frames_and_bend_only_from_the_newest_on(void **state)
{
    (void)state;
    struct sim s = simulation(UNIFORM, 10, -120, 5);
    struct emg_drift q;
    emg_drift_init(&q, RATE_HZ);
    run(&s, &q, 12.05);
    for (unsigned second = 0; second < 40; second++) {
        run(&s, &q, s.now_s + 1);
        const uint64_t from = s.frames - 96000;
        for (uint64_t n = from; n < from + 960000; n += 480) {
            const int64_t step_ns = emg_drift_time_ns(&q, n + 480) - emg_drift_time_ns(&q, n);
            assert_true(llabs(step_ns - 10000000) < 2000); /* 200 ppm: drift and slew */
        }
    }
}

static void a_stall_that_ends_in_a_burst_moves_nothing(void **state)
{
    (void)state;
    static const double starts_s[] = {0.5, 4.25, 33, 55.75};
    for (size_t i = 0; i < 4; i++) {
        struct sim s = simulation(EXPONENTIAL, 0.5, 90, 11);
        struct emg_drift q;
        s.stall_s[0] = starts_s[i];
        s.stall_s[1] = starts_s[i] + 2;
        emg_drift_init(&q, RATE_HZ);
        run(&s, &q, 12);
        while (s.now_s < 60) {
            const int64_t ns = next_ns(&s);
            emg_drift_add(&q, s.frames, ns);
            assert_true(fabs(error_ms(&s, &q)) < 0.15);
        }
        assert_true(fabs(emg_drift_state(&q).ppm - 90) < 0.2);
    }
}

/* Half a second late for five seconds on end, as when the host is overloaded. */
static void seconds_that_are_late_as_a_whole_move_nothing(void **state)
{
    (void)state;
    struct sim s = simulation(EXPONENTIAL, 0.5, -40, 12);
    struct emg_drift q;
    emg_drift_init(&q, RATE_HZ);
    run(&s, &q, 30);
    while (s.now_s < 60) {
        const int64_t late_ns = s.now_s > 40 && s.now_s < 45 ? 500000000 : 0;
        const int64_t ns = next_ns(&s);
        emg_drift_add(&q, s.frames, ns + late_ns);
        assert_true(fabs(error_ms(&s, &q)) < 0.1);
    }
    assert_true(fabs(emg_drift_state(&q).ppm + 40) < 0.2);
}

static void a_constant_delay_shifts_every_time_by_as_much(void **state)
{
    (void)state;
    struct sim s = simulation(UNIFORM, 1, 25, 13);
    struct emg_drift prompt, late;
    emg_drift_init(&prompt, RATE_HZ);
    emg_drift_init(&late, RATE_HZ);
    while (s.now_s < 60) {
        const int64_t ns = next_ns(&s);
        emg_drift_add(&prompt, s.frames, ns);
        emg_drift_add(&late, s.frames, ns + 10000000);
    }
    assert_true(emg_drift_state(&prompt).ppm == emg_drift_state(&late).ppm);
    assert_int_equal(emg_drift_time_ns(&late, 12345) - emg_drift_time_ns(&prompt, 12345), 10000000);
}

static void a_gap_of_known_length_disturbs_nothing(void **state)
{
    (void)state;
    static const double gaps_s[] = {0.0003, 0.2, 7, 100, 600};
    for (size_t i = 0; i < 5; i++) {
        struct sim s = simulation(EXPONENTIAL, 0.2, 130, 14);
        struct emg_drift q;
        emg_drift_init(&q, RATE_HZ);
        run(&s, &q, 40.2);
        advance(&s, (uint64_t)(gaps_s[i] * RATE_HZ));
        s.heard_s = 0;
        const double end_s = s.now_s + 30;
        while (s.now_s < end_s) {
            run(&s, &q, s.now_s + 0.02);
            assert_true(fabs(error_ms(&s, &q)) < 0.05);
        }
        assert_true(fabs(emg_drift_state(&q).ppm - 130) < 0.1);
    }
}

static void a_restart_begins_the_offset_anew_and_keeps_the_rate(void **state)
{
    (void)state;
    struct sim s = simulation(EXPONENTIAL, 0.2, -140, 15);
    struct emg_drift q;
    emg_drift_init(&q, RATE_HZ);
    run(&s, &q, 60);

    advance(&s, 480000);
    s.frames -= 12345; /* the gap's length was guessed wrong */
    s.heard_s = 0;
    const int64_t ns = next_ns(&s);
    emg_drift_restart(&q, s.frames, ns);
    assert_int_equal(emg_drift_time_ns(&q, s.frames), ns);
    assert_true(fabs(emg_drift_state(&q).ppm + 140) < 0.1);
    assert_true(emg_drift_state(&q).ppm_se > 4.9 && emg_drift_state(&q).ppm_se < 5.1);
    assert_true(emg_drift_state(&q).window_s == 0);
    assert_true(fabs((double)(emg_drift_time_ns(&q, s.frames + 480000) - ns) - 1e10 * (1 + 140e-6)) < 2000);
    for (unsigned i = 0; i < 1200; i++) {
        run(&s, &q, s.now_s + 0.05);
        assert_true(fabs(error_ms(&s, &q)) < 0.2);
        assert_true(fabs(emg_drift_state(&q).ppm + 140) < 2);
    }
    assert_true(emg_drift_state(&q).ppm_se < 0.1);
    assert_true(fabs(error_ms(&s, &q)) < 0.02);
}

static void a_silence_beyond_the_window_is_a_restart(void **state)
{
    (void)state;
    struct sim s = simulation(EXPONENTIAL, 0.2, 77, 16);
    struct emg_drift q;
    emg_drift_init(&q, RATE_HZ);
    run(&s, &q, 60);
    advance(&s, (uint64_t)(5000 * RATE_HZ));
    s.frames -= 4800;
    run(&s, &q, s.now_s + 2.5);
    assert_true(emg_drift_state(&q).window_s < 3);
    assert_true(fabs(emg_drift_state(&q).ppm - 77) < 0.2);
    assert_true(fabs(error_ms(&s, &q)) < 0.1);
}

static void follows_the_temperature(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct sim s = simulation(EXPONENTIAL, 0.5, 20, 17);
        struct emg_drift q;
        emg_drift_init(&q, RATE_HZ);
        run(&s, &q, 900);
        const double begin_s = s.now_s;
        struct wander w = {0};
        while (s.now_s < begin_s + 2400) {
            s.ppm_per_min = sign * 0.1;
            s.ppm = 20 - sign * 0.1 * begin_s / 60;
            run(&s, &q, s.now_s + 1);
            note(&w, error_ms(&s, &q));
            assert_true(fabs(emg_drift_state(&q).ppm - true_ppm(&s)) < 0.7);
        }
        assert_true(w.high - w.sum / w.n < 0.1 && w.sum / w.n - w.low < 0.1);
    }
}

static void stays_exact_for_days_on_a_host_long_up(void **state)
{
    (void)state;
    struct sim s = simulation(EXPONENTIAL, 0.2, -150, 18);
    struct emg_drift q;
    const uint64_t begun = 1ULL << 52; /* frames */
    const int64_t up_ns = 3LL * 365 * 86400 * 1000000000;
    s.block_s = 0.05;
    emg_drift_init(&q, RATE_HZ);
    while (s.now_s < 3 * 86400) {
        const int64_t ns = next_ns(&s);
        emg_drift_add(&q, begun + s.frames, up_ns + ns);
    }
    const double ms =
        ((double)(emg_drift_time_ns(&q, begun + s.frames) - up_ns - BOOTED_NS) / 1e9 - s.now_s) * 1e3;
    assert_true(fabs(ms) < 0.02);
    assert_true(fabs(emg_drift_state(&q).ppm + 150) < 0.02);
    assert_true(emg_drift_state(&q).ppm_se < 0.02);
    assert_true(emg_drift_state(&q).window_s > 540 && emg_drift_state(&q).window_s <= 640);
}

static void several_callbacks_at_one_instant_count_as_the_newest_of_them(void **state)
{
    (void)state;
    struct sim s = simulation(EXPONENTIAL, 0.5, 33, 19);
    struct emg_drift whole, cut;
    emg_drift_init(&whole, RATE_HZ);
    emg_drift_init(&cut, RATE_HZ);
    emg_drift_add(&whole, 0, BOOTED_NS);
    emg_drift_add(&cut, 0, BOOTED_NS);
    while (s.now_s < 60) {
        const int64_t ns = next_ns(&s);
        emg_drift_add(&whole, s.frames, ns);
        /* The first of a second's callbacks closes the slot before: there the newest frame is another one. */
        emg_drift_add(&cut, s.frames - 100, ns);
        emg_drift_add(&cut, s.frames - 1, ns);
        emg_drift_add(&cut, s.frames, ns);
    }
    assert_true(emg_drift_state(&whole).ppm == emg_drift_state(&cut).ppm);
    assert_true(llabs(emg_drift_time_ns(&whole, s.frames) - emg_drift_time_ns(&cut, s.frames)) < 1000);
}

static void init_is_a_fresh_start(void **state)
{
    (void)state;
    struct sim before = simulation(UNIFORM, 3, 100, 20);
    struct sim s = simulation(UNIFORM, 3, -100, 21), same = s;
    struct emg_drift used, fresh;
    emg_drift_init(&fresh, RATE_HZ);
    emg_drift_init(&used, RATE_HZ);
    run(&before, &used, 50);
    emg_drift_init(&used, RATE_HZ);
    run(&s, &used, 25);
    run(&same, &fresh, 25);
    assert_true(emg_drift_state(&used).ppm == emg_drift_state(&fresh).ppm);
    assert_int_equal(emg_drift_time_ns(&used, 999), emg_drift_time_ns(&fresh, 999));
}

static void callbacks_without_a_frame_tell_nothing(void **state)
{
    (void)state;
    struct sim s = simulation(EXPONENTIAL, 0.5, 44, 22);
    struct emg_drift q, with_empty;
    emg_drift_init(&q, RATE_HZ);
    emg_drift_init(&with_empty, RATE_HZ);
    while (s.now_s < 60) {
        const int64_t ns = next_ns(&s);
        emg_drift_add(&q, s.frames, ns);
        emg_drift_add(&with_empty, s.frames, ns);
        emg_drift_add(&with_empty, s.frames, ns + 4000000);
    }
    assert_true(emg_drift_state(&q).ppm == emg_drift_state(&with_empty).ppm);
    assert_int_equal(emg_drift_time_ns(&q, 0), emg_drift_time_ns(&with_empty, 0));
    for (int64_t i = 1; i < 4000; i++)
        emg_drift_add(&with_empty, s.frames, BOOTED_NS + 60000000000 + i * 50000000);
    assert_int_equal(emg_drift_time_ns(&q, 0), emg_drift_time_ns(&with_empty, 0));
}

static void nonsense_leaves_every_number_finite(void **state)
{
    (void)state;
    struct sim s = simulation(UNIFORM, 3, 0, 21);
    struct emg_drift q;
    emg_drift_init(&q, RATE_HZ);
    for (unsigned i = 0; i < 20000; i++) {
        const double u = uniform(&s);
        if (u < 0.3)
            s.frames += (uint64_t)(uniform(&s) * 48000);
        else if (u < 0.4)
            s.frames -= (uint64_t)(uniform(&s) * 96000);
        s.now_s += (uniform(&s) - 0.4) * (u > 0.99 ? 2000 : 1);
        emg_drift_add(&q, s.frames, BOOTED_NS + (int64_t)(s.now_s * 1e9));
        if (u > 0.999)
            emg_drift_restart(&q, s.frames, BOOTED_NS);
        const struct emg_drift_state seen = emg_drift_state(&q);
        assert_true(!isinf(seen.ppm) && !isinf(seen.ppm_se) && isfinite(seen.window_s));
        assert_true(isnan(seen.ppm) == isnan(seen.ppm_se));
        (void)emg_drift_time_ns(&q, s.frames);
    }
}

static void print_figures(unsigned trials)
{
    (void)printf("%-28s %8s %8s %8s %9s %9s %9s %9s\n", "delay", "ppm RMS", "worst", "SE / SD", "wander ms",
                 "max", "step", "from 1 s");
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        const struct figures f = measure(KINDS[i].delay, KINDS[i].ms, trials);
        (void)printf("%-28s %8.3f %8.3f %8.2f %9.4f %9.4f %9.4f %9.3f\n", KINDS[i].what, f.ppm_rms,
                     f.ppm_worst, f.se_ratio, f.wander_rms_ms, f.wander_max_ms, f.step_max_ms,
                     f.early_max_ms);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_to_the_required_accuracy_after_a_minute_of_late_callbacks),
        cmocka_unit_test(tells_the_sign_and_size_of_a_steady_drift_exactly),
        cmocka_unit_test(gives_times_at_once_within_a_millisecond_for_blocks_of_any_size),
        cmocka_unit_test(knows_nothing_before_the_first_callback_and_no_rate_before_ten_seconds),
        cmocka_unit_test(times_are_continuous_over_frames_and_bend_only_from_the_newest_on),
        cmocka_unit_test(a_stall_that_ends_in_a_burst_moves_nothing),
        cmocka_unit_test(seconds_that_are_late_as_a_whole_move_nothing),
        cmocka_unit_test(a_constant_delay_shifts_every_time_by_as_much),
        cmocka_unit_test(a_gap_of_known_length_disturbs_nothing),
        cmocka_unit_test(a_restart_begins_the_offset_anew_and_keeps_the_rate),
        cmocka_unit_test(a_silence_beyond_the_window_is_a_restart),
        cmocka_unit_test(follows_the_temperature),
        cmocka_unit_test(stays_exact_for_days_on_a_host_long_up),
        cmocka_unit_test(several_callbacks_at_one_instant_count_as_the_newest_of_them),
        cmocka_unit_test(init_is_a_fresh_start),
        cmocka_unit_test(callbacks_without_a_frame_tell_nothing),
        cmocka_unit_test(nonsense_leaves_every_number_finite),
    };
    if (argc > 1) {
        print_figures((unsigned)strtoul(argv[1], NULL, 10));
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
