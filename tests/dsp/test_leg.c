#include "dsp/leg.h"

#include "dsp/quality.h"
#include "dsp/simulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(value, truth, tolerance) assert_true(fabs((value) - (truth)) <= (tolerance))

enum { RATE = 2000, STEP = 100, SOLEUS = 0, GASTROCNEMIUS = 1, ANTAGONIST = 2, MUSCLES = 3 };
static const double CYCLE_S = 0.72;

/* A leg that walks: soleus and gastrocnemius at the same part of the cycle, the antagonist at another one. */
struct walk {
    struct emg_muscle *muscles[MUSCLES];
    struct emg_simulate *signals[MUSCLES];
    struct emg_leg *leg;
    uint64_t frame;
    unsigned cycles;
    double longest_s, shortest_s;
    float crosstalk; /* share of the soleus in the gastrocnemius */
};

static void begin(struct walk *walk, bool footswitch)
{
    static const double starts[MUSCLES] = {0.10, 0.05, 0.60}, rms_uv[MUSCLES] = {200, 100, 150};
    const struct emg_muscle_config muscle = {.rate_hz = RATE,
                                             .full_scale_uv = 5000,
                                             .band_hz = {20, 450},
                                             .amplitude_highpass_hz = 20,
                                             .mains_hz = 50,
                                             .rms_s = 0.05,
                                             .envelope_hz = 10,
                                             .spectral_s = 10,
                                             .strides = true,
                                             .profile_strides = 10,
                                             .mode = EMG_ONSET_AUTO};
    *walk = (struct walk){.shortest_s = INFINITY};
    struct emg_leg_config config = {.rate_hz = RATE,
                                    .n_muscles = MUSCLES,
                                    .soleus = SOLEUS,
                                    .gastrocnemius = GASTROCNEMIUS,
                                    .antagonist = ANTAGONIST,
                                    .footswitch = footswitch,
                                    .threshold = 0.5};
    for (size_t i = 0; i < MUSCLES; i++) {
        const struct emg_simulate_config signal = {.rate_hz = RATE,
                                                   .seed = 10 + i,
                                                   .course = EMG_SIMULATE_STRIDE,
                                                   .rms_uv = rms_uv[i],
                                                   .noise_uv = 2,
                                                   .fl_hz = 60,
                                                   .fh_hz = 120,
                                                   .fatigue_s = 1,
                                                   .cycle_s = CYCLE_S,
                                                   .cycle_cv = 0.02,
                                                   .burst_start = starts[i],
                                                   .burst_length = 0.35};
        assert_int_equal(emg_simulate_create(&walk->signals[i], &signal), EMG_OK);
        assert_int_equal(emg_muscle_create(&walk->muscles[i], &muscle), EMG_OK);
        config.muscles[i] = walk->muscles[i];
    }
    assert_int_equal(emg_leg_create(&walk->leg, &config), EMG_OK);
}

static void step(struct walk *walk)
{
    float x[MUSCLES][STEP], contact[STEP];
    const float *waveforms[MUSCLES];
    size_t n[MUSCLES];
    for (size_t i = 0; i < MUSCLES; i++) {
        uint64_t first_frame = 0;
        emg_simulate_execute(walk->signals[i], x[i], 1, STEP);
        for (size_t k = 0; i == GASTROCNEMIUS && k < STEP; k++)
            x[i][k] += walk->crosstalk * x[SOLEUS][k];
        emg_muscle_execute(walk->muscles[i], x[i], STEP);
        n[i] = emg_muscle_take_waveform(walk->muscles[i], &waveforms[i], &first_frame);
    }
    for (size_t k = 0; k < STEP; k++)
        contact[k] = fmod((double)(walk->frame + k) / RATE, CYCLE_S) < 0.3 ? 0.9F : 0.0F;
    emg_leg_execute(walk->leg);
    emg_leg_footswitch(walk->leg, contact, STEP, walk->frame);
    emg_leg_waveforms(walk->leg, waveforms[SOLEUS], waveforms[GASTROCNEMIUS], n[SOLEUS]);
    walk->frame += STEP;
    struct emg_stride_cycle cycle;
    while (emg_leg_next_cycle(walk->leg, walk->frame, &cycle)) {
        walk->cycles++;
        walk->longest_s = fmax(walk->longest_s, cycle.cycle_s);
        walk->shortest_s = fmin(walk->shortest_s, cycle.cycle_s);
    }
}

static void go(struct walk *walk, double seconds)
{
    for (int k = 0; k < (int)(seconds * RATE / STEP); k++)
        step(walk);
}

static void end(struct walk *walk)
{
    emg_leg_destroy(walk->leg);
    for (size_t i = 0; i < MUSCLES; i++) {
        emg_muscle_destroy(walk->muscles[i]);
        emg_simulate_destroy(walk->signals[i]);
    }
}

static void finds_the_cycles_of_the_soleus_and_averages_every_muscle_over_them(void **state)
{
    (void)state;
    struct walk walk;
    begin(&walk, false);
    go(&walk, 20);
    assert_true(walk.cycles >= 24 && walk.cycles <= 27);
    assert_true(walk.shortest_s > 0.6 && walk.longest_s < 0.85);
    assert_int_equal(emg_leg_strides(walk.leg).strides, walk.cycles);
    assert_near(emg_leg_strides(walk.leg).cadence_steps_per_min, 120 / CYCLE_S, 5);
    float mean[EMG_PROFILE_POINTS], sd[EMG_PROFILE_POINTS];
    assert_int_equal(emg_muscle_profile(walk.muscles[SOLEUS], mean, sd), 10);
    assert_true(mean[18] > 100 && mean[18] < 220); /* inside its burst: 0.8 of the RMS */
    assert_true(mean[65] < 20 && mean[50] < 40);
    assert_int_equal(emg_muscle_profile(walk.muscles[ANTAGONIST], mean, sd), 10);
    assert_true(mean[18] < 15 && mean[67] > 60); /* half a cycle later */
    end(&walk);
}

static void takes_the_cycles_from_the_foot_switch_where_there_is_one(void **state)
{
    (void)state;
    struct walk walk;
    begin(&walk, true);
    go(&walk, 10);
    assert_true(walk.cycles >= 12 && walk.cycles <= 13);
    assert_near(walk.shortest_s, CYCLE_S, 1e-3);
    assert_near(walk.longest_s, CYCLE_S, 1e-3);
    end(&walk);
}

static void compares_in_percent_of_reference_or_not_at_all(void **state)
{
    (void)state;
    struct walk walk;
    begin(&walk, false);
    go(&walk, 15);
    static const double none[MUSCLES] = {(double)NAN, (double)NAN, (double)NAN},
                        all[MUSCLES] = {400, 200, 300};
    struct emg_leg_comparison c = emg_leg_compare(walk.leg, none);
    assert_true(isnan(c.soleus_share_percent) && isnan(c.coactivation_percent));
    assert_true(fabs(c.crosstalk_r) < 0.5 && fabs(c.crosstalk_lag_ms) <= 30);
    c = emg_leg_compare(walk.leg, all);
    assert_near(c.soleus_share_percent, 50, 3);
    assert_true(c.coactivation_percent >= 0 && c.coactivation_percent < 30);
    end(&walk);
}

static void warns_of_cross_talk_and_takes_the_warning_back(void **state)
{
    (void)state;
    static const double none[MUSCLES] = {(double)NAN, (double)NAN, (double)NAN};
    struct walk walk;
    begin(&walk, false);
    go(&walk, 5);
    (void)emg_leg_compare(walk.leg, none);
    assert_true((emg_muscle_activation(walk.muscles[SOLEUS]).flags & EMG_FLAG_CROSSTALK) == 0);
    walk.crosstalk = 0.6F;
    go(&walk, 5);
    const struct emg_leg_comparison c = emg_leg_compare(walk.leg, none);
    assert_true(c.crosstalk_r > 0.5 && fabs(c.crosstalk_lag_ms) < 1);
    assert_true((emg_muscle_activation(walk.muscles[SOLEUS]).flags & EMG_FLAG_CROSSTALK) != 0);
    assert_true((emg_muscle_activation(walk.muscles[GASTROCNEMIUS]).flags & EMG_FLAG_CROSSTALK) != 0);
    assert_true((emg_muscle_activation(walk.muscles[ANTAGONIST]).flags & EMG_FLAG_CROSSTALK) == 0);
    walk.crosstalk = 0;
    go(&walk, 5);
    (void)emg_leg_compare(walk.leg, none);
    assert_true((emg_muscle_activation(walk.muscles[SOLEUS]).flags & EMG_FLAG_CROSSTALK) == 0);
    end(&walk);
}

static void lets_no_cycle_span_a_gap(void **state)
{
    (void)state;
    struct walk walk;
    begin(&walk, false);
    go(&walk, 10);
    walk.frame += 3 * RATE;
    for (size_t i = 0; i < MUSCLES; i++)
        emg_muscle_interrupt(walk.muscles[i], walk.frame);
    emg_leg_interrupt(walk.leg, walk.frame);
    const unsigned before = walk.cycles;
    go(&walk, 10);
    assert_true(walk.cycles - before >= 8);
    assert_true(walk.longest_s < 0.85);
    end(&walk);
}

static void refuses_a_leg_without_muscles(void **state)
{
    (void)state;
    struct emg_leg *leg = (struct emg_leg *)1;
    const struct emg_leg_config config = {.rate_hz = RATE};
    assert_int_equal(emg_leg_create(&leg, &config), EMG_ERROR_ARGUMENT);
    assert_null(leg);
    emg_leg_destroy(NULL);
}

static void note(double *numbers, size_t *n, double value)
{
    numbers[(*n)++] = value;
}

/* What a leg tells in `seconds` of the walk of new signals. */
static size_t tell(struct walk *walk, double seconds, double *numbers)
{
    static const double reference_uv[MUSCLES] = {400, 200, 300};
    size_t n = 0;
    for (size_t i = 0; i < MUSCLES; i++)
        emg_simulate_reset(walk->signals[i]);
    walk->cycles = 0;
    walk->longest_s = 0;
    walk->shortest_s = INFINITY;
    for (int k = 0; k < (int)seconds; k++) {
        go(walk, 1);
        const struct emg_leg_comparison c = emg_leg_compare(walk->leg, reference_uv);
        const struct emg_stride_state s = emg_leg_strides(walk->leg);
        note(numbers, &n, c.soleus_share_percent);
        note(numbers, &n, c.coactivation_percent);
        note(numbers, &n, c.crosstalk_r);
        note(numbers, &n, c.crosstalk_lag_ms);
        note(numbers, &n, s.strides);
        note(numbers, &n, s.cadence_steps_per_min);
        note(numbers, &n, walk->cycles);
        note(numbers, &n, walk->longest_s);
        note(numbers, &n, walk->shortest_s);
    }
    for (size_t i = 0; i < MUSCLES; i++)
        emg_muscle_finish(walk->muscles[i]);
    emg_leg_finish(walk->leg);
    struct emg_stride_cycle cycle;
    while (emg_leg_next_cycle(walk->leg, UINT64_MAX, &cycle))
        note(numbers, &n, (double)cycle.end_frame);
    return n;
}

static void restart(struct walk *walk, uint64_t first_frame)
{
    walk->frame = first_frame;
    for (size_t i = 0; i < MUSCLES; i++)
        emg_muscle_restart(walk->muscles[i], first_frame);
    emg_leg_restart(walk->leg, first_frame);
}

static void after_a_restart_is_as_new(void **state)
{
    (void)state;
    double expected[256], found[256];
    for (int footswitch = 0; footswitch < 2; footswitch++) {
        struct walk fresh, used;
        begin(&fresh, footswitch == 1);
        begin(&used, footswitch == 1);
        used.crosstalk = 0.6F;
        go(&used, 7.3);
        (void)tell(&used, 8, found);
        used.crosstalk = 0;
        go(&used, 1.5); /* a contact at 16.56 s: its cycle waits for the envelopes */
        const double seconds = 4;
        restart(&fresh, 987654);
        restart(&used, 987654);
        struct emg_stride_cycle cycle;
        assert_false(emg_leg_next_cycle(used.leg, UINT64_MAX, &cycle));
        const size_t n = tell(&fresh, seconds, expected);
        assert_int_equal(tell(&used, seconds, found), n);
        assert_memory_equal(found, expected, n * sizeof found[0]);
        assert_true(n > 36);
        end(&fresh);
        end(&used);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_cycles_of_the_soleus_and_averages_every_muscle_over_them),
        cmocka_unit_test(takes_the_cycles_from_the_foot_switch_where_there_is_one),
        cmocka_unit_test(compares_in_percent_of_reference_or_not_at_all),
        cmocka_unit_test(warns_of_cross_talk_and_takes_the_warning_back),
        cmocka_unit_test(lets_no_cycle_span_a_gap),
        cmocka_unit_test(refuses_a_leg_without_muscles),
        cmocka_unit_test(after_a_restart_is_as_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
