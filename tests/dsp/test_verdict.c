#include "dsp/verdict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Enough of everything, and a slope that is certainly falling. */
static struct emg_evidence good(void)
{
    return (struct emg_evidence){
        .seconds = 10, .snr_db = 20, .points = 60, .duration_s = 600, .ci95_percent = {-2.0, -0.5}};
}

static void expect(const struct emg_evidence *evidence, enum emg_verdict verdict, enum emg_reason reason)
{
    enum emg_reason got = EMG_REASON_FLAT;
    assert_int_equal(emg_verdict(evidence, &got), verdict);
    assert_int_equal(got, reason);
}

static void gives_a_verdict_when_the_interval_excludes_zero(void **state)
{
    (void)state;
    struct emg_evidence e = good();
    expect(&e, EMG_VERDICT_FATIGUING, EMG_REASON_FALLING);
    e.ci95_percent[0] = 0.4;
    e.ci95_percent[1] = 1.2;
    expect(&e, EMG_VERDICT_RECOVERING, EMG_REASON_RISING);
}

/* An interval that just excludes 0 keeps a verdict and does not begin one. */
static void begins_with_more_evidence_than_it_lasts_with(void **state)
{
    (void)state;
    struct emg_evidence e = good();
    e.ci95_percent[0] = -2.1;
    e.ci95_percent[1] = -0.3;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_WAITING);
    e.before = EMG_VERDICT_RECOVERING;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_WAITING);
    e.before = EMG_VERDICT_FATIGUING;
    expect(&e, EMG_VERDICT_FATIGUING, EMG_REASON_FALLING);
    e.ci95_percent[1] = 0.1;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_WIDE_INTERVAL);
    e.ci95_percent[0] = 0.1;
    e.ci95_percent[1] = 1.1;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_WAITING);
    e.ci95_percent[1] = 0.9; /* whatever it is, it does not matter */
    expect(&e, EMG_VERDICT_STEADY, EMG_REASON_FLAT);
    e.before = EMG_VERDICT_RECOVERING;
    expect(&e, EMG_VERDICT_RECOVERING, EMG_REASON_RISING);
}

static void calls_steady_only_what_cannot_hide_a_relevant_change(void **state)
{
    (void)state;
    struct emg_evidence e = good();
    e.ci95_percent[0] = -0.4;
    e.ci95_percent[1] = 0.3;
    expect(&e, EMG_VERDICT_STEADY, EMG_REASON_FLAT);
    e.ci95_percent[0] = -1.2;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_WIDE_INTERVAL);
    e.ci95_percent[0] = -0.1;
    e.ci95_percent[1] = 1.2;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_WIDE_INTERVAL);
}

/* Overall and newest interval, percent per minute. */
static void expect_broken(double low, double high, double last_low, double last_high,
                          enum emg_verdict verdict, enum emg_reason reason)
{
    struct emg_evidence e = good();
    e.ci95_percent[0] = low;
    e.ci95_percent[1] = high;
    e.broken = true;
    e.last_ci95_percent[0] = last_low;
    e.last_ci95_percent[1] = last_high;
    expect(&e, verdict, reason);
}

static void judges_a_broken_trend_by_its_newest_segment(void **state)
{
    (void)state;
    expect_broken(0.5, 2.0, -3.0, -1.0, EMG_VERDICT_FATIGUING, EMG_REASON_FALLING);
    expect_broken(-2.0, -0.5, 1.0, 3.0, EMG_VERDICT_RECOVERING, EMG_REASON_RISING);
    expect_broken(-0.1, 0.1, -3.0, -1.0, EMG_VERDICT_FATIGUING, EMG_REASON_FALLING);
    expect_broken(-3.0, 3.0, -0.4, 0.4, EMG_VERDICT_STEADY, EMG_REASON_FLAT);
    expect_broken(-0.1, 0.1, -1.2, 0.4, EMG_VERDICT_UNDETERMINED, EMG_REASON_WIDE_INTERVAL);
}

static void does_not_forget_a_change_that_has_levelled_off(void **state)
{
    (void)state;
    expect_broken(-2.0, -0.5, -0.4, 0.4, EMG_VERDICT_FATIGUING, EMG_REASON_FELL_THEN_LEVEL);
    expect_broken(-2.0, -0.5, -5.0, 4.0, EMG_VERDICT_FATIGUING, EMG_REASON_FELL_THEN_LEVEL);
    expect_broken(0.5, 2.0, -0.4, 0.4, EMG_VERDICT_RECOVERING, EMG_REASON_ROSE_THEN_LEVEL);
}

static void reads_the_newest_segment_only_when_there_is_a_break(void **state)
{
    (void)state;
    struct emg_evidence e = good();
    e.last_ci95_percent[0] = NAN;
    e.last_ci95_percent[1] = NAN;
    expect(&e, EMG_VERDICT_FATIGUING, EMG_REASON_FALLING);
    e.broken = true;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_TOO_SHORT);
    e.last_ci95_percent[0] = -1;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_TOO_SHORT);
    e.last_ci95_percent[0] = NAN;
    e.last_ci95_percent[1] = 1;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_TOO_SHORT);
}

static void names_the_first_thing_that_is_missing(void **state)
{
    (void)state;
    struct emg_evidence e = good();
    e.points = 7;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_TOO_SHORT);
    e = good();
    e.duration_s = 59;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_TOO_SHORT);
    e = good();
    e.ci95_percent[1] = NAN;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_TOO_SHORT);
    e.snr_db = 9.9;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_LOW_SNR);
    e.snr_db = NAN;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_NOISE_UNKNOWN);
    e.bad_quality = 1;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_BAD_QUALITY);
    e.seconds = 0;
    expect(&e, EMG_VERDICT_UNDETERMINED, EMG_REASON_NO_SIGNAL);
}

static void joins_amplitude_and_spectrum_only_when_both_changes_are_certain(void **state)
{
    (void)state;
    const double up[2] = {0.1, 0.5}, down[2] = {-0.5, -0.1}, level[2] = {-0.1, 0.1}, unknown[2] = {NAN, NAN};
    assert_int_equal(emg_jasa(down, up), EMG_JASA_FATIGUE);
    assert_int_equal(emg_jasa(up, up), EMG_JASA_FORCE_INCREASE);
    assert_int_equal(emg_jasa(up, down), EMG_JASA_RECOVERY);
    assert_int_equal(emg_jasa(down, down), EMG_JASA_FORCE_DECREASE);
    assert_int_equal(emg_jasa(down, level), EMG_JASA_NONE);
    assert_int_equal(emg_jasa(level, up), EMG_JASA_NONE);
    assert_int_equal(emg_jasa(unknown, up), EMG_JASA_NONE);
    assert_int_equal(emg_jasa(down, unknown), EMG_JASA_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_more_evidence_than_it_lasts_with),
        cmocka_unit_test(gives_a_verdict_when_the_interval_excludes_zero),
        cmocka_unit_test(calls_steady_only_what_cannot_hide_a_relevant_change),
        cmocka_unit_test(judges_a_broken_trend_by_its_newest_segment),
        cmocka_unit_test(does_not_forget_a_change_that_has_levelled_off),
        cmocka_unit_test(reads_the_newest_segment_only_when_there_is_a_break),
        cmocka_unit_test(names_the_first_thing_that_is_missing),
        cmocka_unit_test(joins_amplitude_and_spectrum_only_when_both_changes_are_certain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
