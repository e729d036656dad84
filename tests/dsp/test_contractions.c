#include "dsp/contractions.h"

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

enum { RATE = 2000, UNSETTLED = 600, SECONDS = 10, SAMPLES = SECONDS * RATE };

static struct emg_contractions *make(double share)
{
    struct emg_contractions *q = NULL;
    const struct emg_contractions_config config = {{RATE, EMG_ONSET_AUTO, share}, UNSETTLED};
    assert_int_equal(emg_contractions_create(&q, &config), EMG_OK);
    return q;
}

/* Bursts of 0.3 s each second from 1 s on, of 200 uV, every other one of `weak` of that; noise of 2 uV. */
static float *bursts(double weak)
{
    struct emg_simulate *simulation = NULL;
    struct emg_simulate_config config = {.rate_hz = RATE,
                                         .seed = 4,
                                         .course = EMG_SIMULATE_STATIC,
                                         .rms_uv = 200,
                                         .fl_hz = 60,
                                         .fh_hz = 120,
                                         .fatigue_s = 1};
    float *x = malloc(SAMPLES * sizeof *x), *noise = malloc(SAMPLES * sizeof *noise);
    assert_true(x != NULL && noise != NULL);
    assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
    emg_simulate_execute(simulation, x, 1, SAMPLES);
    emg_simulate_destroy(simulation);
    config.course = EMG_SIMULATE_REST;
    config.noise_uv = 2;
    assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
    emg_simulate_execute(simulation, noise, 1, SAMPLES);
    emg_simulate_destroy(simulation);
    for (size_t i = 0; i < SAMPLES; i++) {
        const size_t second = i / RATE;
        const double amplitude = second >= 1 && i % RATE < 600 ? (second % 2 ? 1 : weak) : 0;
        x[i] = (float)(amplitude * (double)x[i]) + noise[i];
    }
    free(noise);
    return x;
}

/* Feeds n samples in pieces and counts what has ended. */
static size_t feed(struct emg_contractions *q, const float *x, size_t n, uint32_t flags,
                   struct emg_contraction *found)
{
    uint32_t marks[97];
    size_t count = 0;
    for (size_t done = 0; done < n;) {
        const size_t take = n - done < 97 ? n - done : 97;
        emg_contractions_execute(q, x + done, flags, marks, take);
        done += take;
        while (emg_contractions_next(q, &found[count]))
            count++;
    }
    return count;
}

static void hands_out_each_contraction_once_with_what_was_measured(void **state)
{
    (void)state;
    struct emg_contraction found[32];
    struct emg_contractions *q = make(0.5);
    float *x = bursts(1);
    assert_int_equal(feed(q, x, SAMPLES, 4, found), 9);
    for (size_t k = 0; k < 9; k++) {
        assert_near((double)found[k].burst.first_sample, (double)((k + 1) * RATE), 40);
        assert_near((double)found[k].burst.end_sample, (double)((k + 1) * RATE + 600), 40);
        assert_near(found[k].burst.rms_uv, 200, 40);
        assert_near(found[k].burst.centre_sample, (double)((k + 1) * RATE + 300), 60);
        assert_near(found[k].burst.spread_samples, 600 / sqrt(12), 40);
        assert_near(found[k].snr_db, 38, 5); /* 2 uV in 1000 Hz of band are 2.8 uV at this rate */
        assert_int_equal(found[k].flags, 4);
        assert_false(found[k].cut);
    }
    assert_true(emg_contractions_noise_uv(q) > 2 && emg_contractions_noise_uv(q) < 4);
    free(x);
    emg_contractions_destroy(q);
}

static void finds_weaker_ones_with_a_smaller_share(void **state)
{
    (void)state;
    struct emg_contraction found[32];
    float *x = bursts(0.35);
    struct emg_contractions *half = make(0.5), *fifth = make(0.2);
    const size_t strong = feed(half, x, SAMPLES, 0, found);
    assert_true(strong >= 5 && strong <= 6); /* and perhaps one before the strong ones were known */
    assert_int_equal(feed(fifth, x, SAMPLES, 0, found), 9);
    free(x);
    emg_contractions_destroy(half);
    emg_contractions_destroy(fifth);
}

static void ends_the_last_one_with_the_signal_and_says_that_it_is_cut(void **state)
{
    (void)state;
    static float silence[1000];
    struct emg_contraction found[32];
    struct emg_contractions *q = make(0.5);
    float *x = bursts(1);
    const size_t n = 3 * RATE + 400;
    assert_int_equal(feed(q, x, n, 0, found), 2);
    emg_contractions_finish(q);
    assert_int_equal(feed(q, silence, 1000, 0, found), 1);
    assert_true(found[0].cut);
    assert_near((double)found[0].burst.first_sample, 3.0 * RATE, 40);
    assert_near((double)found[0].burst.end_sample, (double)n, 40);
    free(x);
    emg_contractions_destroy(q);
}

static void marks_nothing_before_the_filters_have_settled_or_across_an_interruption(void **state)
{
    (void)state;
    struct emg_contractions *q = make(0.5);
    struct emg_contraction found[32];
    float *x = bursts(1);
    static uint32_t marks[SAMPLES];
    emg_contractions_execute(q, x, 0, marks, SAMPLES);
    for (size_t i = 0; i < UNSETTLED + emg_contractions_delay(q); i++)
        assert_true(marks[i] == EMG_ONSET_UNSURE);
    size_t count = 0;
    while (emg_contractions_next(q, &found[count]))
        count++;
    assert_int_equal(count, 9);
    emg_contractions_interrupt(q);
    assert_int_equal(feed(q, x + 3 * RATE + 300, RATE, 0, found), 0); /* it begins inside one */
    emg_contractions_interrupt(q);
    assert_int_equal(feed(q, x, 2 * RATE, 0, found), 1);
    assert_near((double)found[0].burst.first_sample, RATE, 40); /* samples count anew */
    free(x);
    emg_contractions_destroy(q);
}

static void refuses_what_onset_refuses(void **state)
{
    (void)state;
    struct emg_contractions *q = (struct emg_contractions *)1;
    const struct emg_contractions_config slow = {{100, EMG_ONSET_AUTO, 0.5}, 0};
    assert_int_equal(emg_contractions_create(&q, &slow), EMG_ERROR_ARGUMENT);
    assert_null(q);
    const struct emg_contractions_config share = {{RATE, EMG_ONSET_AUTO, 1.5}, 0};
    assert_int_equal(emg_contractions_create(&q, &share), EMG_ERROR_ARGUMENT);
    emg_contractions_destroy(NULL);
}

static void after_reset_is_as_new(void **state)
{
    (void)state;
    struct emg_contraction expected[32], found[32];
    static uint32_t marks[SAMPLES], marks_again[SAMPLES];
    struct emg_contractions *fresh = make(0.5), *used = make(0.5);
    float *x = bursts(1);
    for (int k = 0; k < 2; k++)
        (void)feed(used, x + 500, 7 * RATE, 2, found);
    emg_contractions_execute(used, x, 2, marks, SAMPLES); /* some wait */
    emg_contractions_set_noise_uv(used, 50);
    emg_contractions_finish(used);
    emg_contractions_reset(used);
    assert_false(emg_contractions_next(used, found));
    assert_true(isnan(emg_contractions_noise_uv(used)) && !emg_contractions_active(used));
    emg_contractions_execute(fresh, x, 1, marks, SAMPLES);
    emg_contractions_execute(used, x, 1, marks_again, SAMPLES);
    assert_memory_equal(marks, marks_again, sizeof marks);
    for (size_t k = 0; emg_contractions_next(fresh, &expected[k]); k++) {
        assert_true(emg_contractions_next(used, &found[k]));
        assert_true(found[k].burst.number == expected[k].burst.number && found[k].cut == expected[k].cut);
        assert_true(found[k].burst.rms_uv == expected[k].burst.rms_uv);
        assert_true(found[k].snr_db == expected[k].snr_db && found[k].flags == expected[k].flags);
    }
    assert_false(emg_contractions_next(used, found));
    free(x);
    emg_contractions_destroy(fresh);
    emg_contractions_destroy(used);
}

static void goes_by_the_noise_level_that_it_is_given(void **state)
{
    (void)state;
    struct emg_contraction found[32];
    struct emg_contractions *q = make(0.2);
    float *x = bursts(0.35);
    emg_contractions_set_noise_uv(q, 60); /* twice that is above the weak ones' 70 uV */
    assert_int_equal(feed(q, x, SAMPLES, 0, found), 5);
    assert_near(found[4].snr_db, 20 * log10(200 / 60.0), 1.5);
    assert_true(emg_contractions_noise_uv(q) == 60);
    free(x);
    emg_contractions_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_each_contraction_once_with_what_was_measured),
        cmocka_unit_test(finds_weaker_ones_with_a_smaller_share),
        cmocka_unit_test(ends_the_last_one_with_the_signal_and_says_that_it_is_cut),
        cmocka_unit_test(marks_nothing_before_the_filters_have_settled_or_across_an_interruption),
        cmocka_unit_test(refuses_what_onset_refuses),
        cmocka_unit_test(after_reset_is_as_new),
        cmocka_unit_test(goes_by_the_noise_level_that_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
