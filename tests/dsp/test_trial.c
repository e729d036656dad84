#include "dsp/trial.h"

#include "dsp/simulate.h"
#include "dsp/sos.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(value, truth, tolerance) assert_true(fabs((value) - (truth)) <= (tolerance))

enum { RATE = 2000, DELAY = 320, BAD = 7, HUM = 8 };

static struct emg_trial *make(size_t delay)
{
    struct emg_trial *q = NULL;
    const struct emg_trial_config config = {RATE, delay, BAD};
    assert_int_equal(emg_trial_create(&q, &config), EMG_OK);
    return q;
}

/* EMG of emg_uv, or noise of the band when that is 0, band-passed. Caller frees. */
static float *simulate(double emg_uv, double noise_uv, uint64_t seed, size_t n)
{
    struct emg_simulate *simulation = NULL;
    struct emg_sos *band = NULL;
    const struct emg_sos_config edges = {RATE, 20, 450, 4};
    const struct emg_simulate_config config = {.rate_hz = RATE,
                                               .seed = seed,
                                               .course = emg_uv > 0 ? EMG_SIMULATE_STATIC : EMG_SIMULATE_REST,
                                               .rms_uv = emg_uv,
                                               .noise_uv = noise_uv,
                                               .fl_hz = 60,
                                               .fh_hz = 120,
                                               .fatigue_s = 1};
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
    assert_int_equal(emg_sos_create(&band, &edges), EMG_OK);
    for (int k = 0; k < 2; k++) { /* once for the filter to settle */
        emg_simulate_execute(simulation, x, 1, n);
        emg_sos_execute(band, x, x, n);
    }
    emg_sos_destroy(band);
    emg_simulate_destroy(simulation);
    return x;
}

/* Signal with its contractions. */
struct scene {
    size_t n;
    float *x;
    uint32_t *number;
};

static struct scene scene(float *x, size_t n)
{
    struct scene s = {n, x, calloc(n, sizeof *s.number)};
    assert_non_null(s.number);
    return s;
}

static void free_scene(struct scene *s)
{
    free(s->x);
    free(s->number);
}

/* Every `cycle` samples from `first` on, contractions that take 40 % of it. */
static struct scene strides(size_t n, size_t first, size_t cycle)
{
    struct scene s = scene(simulate(100, 0, 3, n), n);
    float *noise = simulate(0, 1, 4, n);
    for (size_t i = 0; i < n; i++) {
        const size_t since = i + cycle - first % cycle;
        const bool is_active = i >= first && since % cycle < cycle * 4 / 10;
        s.number[i] = is_active ? (uint32_t)(since / cycle) : i % 7 == 0 ? UINT32_MAX : 0;
        s.x[i] = noise[i] + (is_active ? s.x[i] : 0);
    }
    free(noise);
    return s;
}

/* Feeds samples [from, to) of a scene; marks lag by the delay, random pieces unless cut is 0. */
static void feed(struct emg_trial *q, const struct scene *s, size_t delay, size_t from, size_t to,
                 uint32_t cut)
{
    uint32_t *marks = calloc(s->n + 1, sizeof *marks);
    assert_non_null(marks);
    for (size_t i = from; i < to; i++)
        marks[i] = i >= delay ? s->number[i - delay] : UINT32_MAX;
    for (size_t done = from; done < to;) {
        cut = cut * 1664525U + 1013904223U;
        size_t take = cut == 1013904223U ? to - from : (cut >> 8) % 60;
        take = take < to - done ? take : to - done;
        emg_trial_execute(q, s->x + done, marks + done, 0, take);
        done += take;
    }
    free(marks);
}

static struct emg_measurement measure(const struct scene *s, enum emg_measure kind, size_t from, size_t to,
                                      double noise_uv)
{
    struct emg_trial *q = make(DELAY);
    emg_trial_begin(q, kind, 0);
    feed(q, s, DELAY, from, to, 0);
    const struct emg_measurement m = emg_trial_result(q, noise_uv);
    assert_int_equal(m.kind, kind);
    assert_true(isnan(m.mdf_hz) && isnan(m.mdf_se_hz));
    emg_trial_destroy(q);
    return m;
}

static double rms(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)n);
}

static void rest_is_the_rms_of_all_that_is_quiet(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct scene s = scene(simulate(0, 3, seed, 10000), 10000);
        const struct emg_measurement m = measure(&s, EMG_MEASURE_REST, 0, 10000, (double)NAN);
        assert_int_equal(m.refusal, EMG_REFUSAL_NONE);
        assert_near(m.uv, rms(s.x, 10000), 1e-9);
        assert_near(m.uv, 3 * sqrt(430.0 / 500), 3 * 0.06);
        assert_true(m.seconds == 5 && m.contractions == 0 && isnan(m.snr_db) && m.flags == 0);
        free_scene(&s);
    }
}

static void rest_holds_no_contraction_however_short_and_no_change(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        for (size_t n = 4000; n <= 10000; n += 6000) {
            struct scene s = scene(simulate(0, 1, seed, n), n);
            for (size_t i = 0; i < 600; i++) /* 0.3 s at 3 x the noise, somewhere */
                s.x[seed * (n - 600) / 20 + i] *= 3;
            assert_int_equal(measure(&s, EMG_MEASURE_REST, 0, n, (double)NAN).refusal,
                             EMG_REFUSAL_NOT_AT_REST);
            free_scene(&s);
            s = scene(simulate(2, 0, seed, n), n); /* the spectrum of EMG: it scatters more */
            assert_int_equal(measure(&s, EMG_MEASURE_REST, 0, n, (double)NAN).refusal, EMG_REFUSAL_NONE);
            for (size_t i = 1000 * seed / 20; i < n; i += 1000)
                for (size_t k = 0; k < 100 && i + k < n; k++) /* short ones, without a pause of 0.5 s */
                    s.x[i + k] *= 3.5F;
            assert_int_equal(measure(&s, EMG_MEASURE_REST, 0, n, (double)NAN).refusal,
                             EMG_REFUSAL_NOT_AT_REST);
            free_scene(&s);
            s = scene(simulate(2, 0, seed, n), n);
            for (size_t i = n / 2; i < n; i++)
                s.x[i] *= 2;
            assert_int_equal(measure(&s, EMG_MEASURE_REST, 0, n, (double)NAN).refusal,
                             EMG_REFUSAL_NOT_AT_REST);
            free_scene(&s);
        }
    }
}

static void rest_takes_two_seconds_of_a_noise_that_may_be_one(void **state)
{
    (void)state;
    struct scene s = scene(simulate(50, 0, 1, 10000), 10000);
    struct emg_measurement m = measure(&s, EMG_MEASURE_REST, 0, 10000, (double)NAN);
    assert_int_equal(m.refusal, EMG_REFUSAL_NOISE_TOO_HIGH); /* a contraction that is held */
    assert_near(m.uv, 49, 5);
    m = measure(&s, EMG_MEASURE_REST, 0, 3999, (double)NAN);
    assert_int_equal(m.refusal, EMG_REFUSAL_TOO_SHORT);
    assert_int_equal(measure(&s, EMG_MEASURE_REST, 0, 0, (double)NAN).refusal, EMG_REFUSAL_TOO_SHORT);
    for (size_t i = 0; i < s.n; i++)
        s.x[i] = 0.4F * s.x[i] + 0.4F * s.x[(i + 5000) % 10000];
    assert_true(rms(s.x, s.n) > 20);
    assert_int_equal(measure(&s, EMG_MEASURE_REST, 0, 10000, (double)NAN).refusal,
                     EMG_REFUSAL_NOISE_TOO_HIGH);
    memset(s.x, 0, s.n * sizeof s.x[0]);
    assert_int_equal(measure(&s, EMG_MEASURE_REST, 0, 10000, (double)NAN).refusal, EMG_REFUSAL_BAD_QUALITY);
    free_scene(&s);
}

/* Rest 1 s, contraction 3 s whose strength rises and falls, rest 2 s. */
static struct scene effort(void)
{
    struct scene s = scene(simulate(100, 0, 7, 12000), 12000);
    float *noise = simulate(0, 1, 8, 12000);
    for (size_t i = 0; i < s.n; i++) {
        const double t = ((double)i - 2000) / 6000;
        s.number[i] = t >= 0 && t < 1 ? 1 : 0;
        s.x[i] = (float)(t >= 0 && t < 1 ? 0.2 + sin(3.14159265 * t) : 0) * s.x[i] + noise[i];
    }
    free(noise);
    return s;
}

static void mvc_is_the_highest_rms_over_half_a_second(void **state)
{
    (void)state;
    struct scene s = effort();
    double highest = 0;
    for (size_t i = 0; i + 1000 <= s.n; i++)
        highest = fmax(highest, rms(s.x + i, 1000));
    struct emg_measurement m = measure(&s, EMG_MEASURE_MVC, 0, s.n, 1);
    assert_int_equal(m.refusal, EMG_REFUSAL_NONE);
    assert_near(m.uv, highest, 1e-9 * highest);
    assert_near(m.snr_db, 20 * log10(m.uv), 0.01);
    assert_true(m.seconds == 0.5 && m.contractions == 1);
    m = measure(&s, EMG_MEASURE_MVC, 0, 1999, 1);
    assert_int_equal(m.refusal, EMG_REFUSAL_TOO_SHORT);
    assert_int_equal(measure(&s, EMG_MEASURE_MVC, 0, 2000 + DELAY, 1).refusal, EMG_REFUSAL_NO_CONTRACTION);
    /* a contraction that is not over yet will do, once it is known */
    m = measure(&s, EMG_MEASURE_MVC, 0, 2001 + DELAY, 0.1);
    assert_true(m.refusal == EMG_REFUSAL_NONE && m.contractions == 1);
    free_scene(&s);
}

static void a_reference_stands_ten_decibels_above_a_noise_that_is_known(void **state)
{
    (void)state;
    struct scene s = effort();
    const double uv = measure(&s, EMG_MEASURE_MVC, 0, s.n, 1).uv;
    assert_int_equal(measure(&s, EMG_MEASURE_MVC, 0, s.n, 0.999 * uv / sqrt(11)).refusal, EMG_REFUSAL_NONE);
    struct emg_measurement m = measure(&s, EMG_MEASURE_MVC, 0, s.n, 1.001 * uv / sqrt(11));
    assert_int_equal(m.refusal, EMG_REFUSAL_LOW_SNR);
    assert_true(m.uv == uv);
    assert_near(m.snr_db, 10, 0.02);
    m = measure(&s, EMG_MEASURE_MVC, 0, s.n, (double)NAN);
    assert_true(m.refusal == EMG_REFUSAL_LOW_SNR && isnan(m.snr_db) && m.uv == uv);
    m = measure(&s, EMG_MEASURE_MVC, 0, s.n, 1000);
    assert_true(m.refusal == EMG_REFUSAL_LOW_SNR && isnan(m.snr_db));
    free_scene(&s);
}

static void submaximal_is_the_rms_of_the_longest_contraction_less_its_edges(void **state)
{
    (void)state;
    struct scene s = effort();
    for (size_t i = 9000; i < 11000; i++)
        s.number[i] = 2; /* a shorter one */
    struct emg_measurement m = measure(&s, EMG_MEASURE_SUBMAXIMAL, 0, s.n, 1);
    assert_int_equal(m.refusal, EMG_REFUSAL_NONE);
    assert_near(m.uv, rms(s.x + 2500, 5000), 1e-9 * m.uv);
    assert_true(m.seconds == 2.5 && m.contractions == 2);
    /* where the measurement cuts it off there is an edge, too, as far as contractions are known then */
    m = measure(&s, EMG_MEASURE_SUBMAXIMAL, 3000, 7000 + DELAY, 1);
    assert_int_equal(m.refusal, EMG_REFUSAL_NONE);
    assert_near(m.uv, rms(s.x + 3500, 3000), 1e-9 * m.uv);
    m = measure(&s, EMG_MEASURE_SUBMAXIMAL, 3000, 5999 + DELAY, 1);
    assert_int_equal(m.refusal, EMG_REFUSAL_TOO_SHORT);
    assert_near(m.seconds, 0.9995, 1e-9);
    assert_int_equal(measure(&s, EMG_MEASURE_SUBMAXIMAL, 0, 2000, 1).refusal, EMG_REFUSAL_NO_CONTRACTION);
    m = measure(&s, EMG_MEASURE_SUBMAXIMAL, 0, 2800, 1);
    assert_true(m.refusal == EMG_REFUSAL_TOO_SHORT && isnan(m.uv));
    free_scene(&s);
}

/* Mean over contractions that begin at `first` and every `cycle` later, of the highest RMS over 50 ms. */
static double mean_peak(const struct scene *s, size_t first, size_t cycle, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        double highest = 0;
        for (size_t i = first + k * cycle; i + 100 <= first + k * cycle + cycle * 4 / 10; i++)
            highest = fmax(highest, rms(s->x + i, 100));
        sum += highest;
    }
    return sum / (double)count;
}

static double mean_level(const struct scene *s, size_t from, size_t to)
{
    double sum = 0;
    for (size_t i = from; i < to; i++)
        sum += rms(s->x + i - 99, 100);
    return sum / (double)(to - from);
}

static void dynamic_references_rest_on_whole_contractions(void **state)
{
    (void)state;
    struct scene s = strides(14000, 1000, 1400); /* onsets at 1000, 2400, ... */
    /* from within the first contraction to within the eighth */
    struct emg_measurement m = measure(&s, EMG_MEASURE_DYNAMIC_PEAK, 1200, 11000 + DELAY, 1);
    assert_int_equal(m.refusal, EMG_REFUSAL_NONE);
    assert_int_equal(m.contractions, 6);
    assert_near(m.uv, mean_peak(&s, 2400, 1400, 6), 1e-9 * m.uv);
    assert_near(m.seconds, 6 * 0.28, 1e-9);
    assert_near(m.snr_db, 39.8, 1);
    m = measure(&s, EMG_MEASURE_DYNAMIC_MEAN, 1200, 11000 + DELAY, 1);
    assert_int_equal(m.refusal, EMG_REFUSAL_NONE);
    assert_int_equal(m.contractions, 6);
    assert_near(m.uv, mean_level(&s, 2400, 2400 + 5 * 1400), 1e-9 * m.uv);
    assert_near(m.uv, 98 * 0.43, 3);
    assert_near(m.seconds, 3.5, 1e-9);
    free_scene(&s);
}

static void dynamic_references_take_five_whole_contractions(void **state)
{
    (void)state;
    struct scene s = strides(14000, 1000, 1400);
    for (enum emg_measure kind = EMG_MEASURE_DYNAMIC_PEAK; kind <= EMG_MEASURE_DYNAMIC_MEAN; kind++) {
        /* the fifth ends at 1000 + 4 x 1400 + 560 */
        struct emg_measurement m = measure(&s, kind, 500, 7160 + DELAY, 1);
        assert_int_equal(m.refusal, EMG_REFUSAL_FEW_CONTRACTIONS);
        assert_true(m.contractions == 4 && isnan(m.uv));
        m = measure(&s, kind, 500, 7161 + DELAY, 1);
        assert_true(m.refusal == EMG_REFUSAL_NONE && m.contractions == 5);
        assert_int_equal(measure(&s, kind, 500, 7161 + DELAY, 40).refusal, EMG_REFUSAL_LOW_SNR);
        assert_int_equal(measure(&s, kind, 0, 1000, 1).refusal, EMG_REFUSAL_NO_CONTRACTION);
    }
    free_scene(&s);
}

static void begins_where_it_is_told_to(void **state)
{
    (void)state;
    struct scene s = scene(simulate(0, 3, 1, 12000), 12000);
    for (size_t i = 0; i < 1000; i++)
        s.x[i] = 1000; /* a filter that settles */
    struct emg_trial *q = make(DELAY);
    emg_trial_begin(q, EMG_MEASURE_REST, 1000);
    feed(q, &s, DELAY, 0, 12000, 5);
    const struct emg_measurement m = emg_trial_result(q, (double)NAN);
    assert_int_equal(m.refusal, EMG_REFUSAL_NONE);
    assert_near(m.uv, rms(s.x + 1000, 11000), 1e-9);
    assert_true(m.seconds == 5.5);
    emg_trial_destroy(q);
    free_scene(&s);
}

static void says_what_was_wrong_with_the_signal(void **state)
{
    (void)state;
    struct scene s = strides(14000, 1000, 1400);
    struct emg_trial *q = make(DELAY);
    static const enum emg_measure kinds[] = {EMG_MEASURE_REST, EMG_MEASURE_DYNAMIC_PEAK,
                                             EMG_MEASURE_BASELINE};
    for (size_t i = 0; i < 3; i++) {
        emg_trial_begin(q, kinds[i], 0);
        assert_int_equal(emg_trial_kind(q), kinds[i]);
        feed(q, &s, DELAY, 0, 12000, 0);
        emg_trial_flag(q, HUM);
        assert_true(emg_trial_result(q, 1).refusal != EMG_REFUSAL_BAD_QUALITY);
        assert_int_equal(emg_trial_result(q, 1).flags, HUM);
        const float x = 1;
        const uint32_t number = 0;
        emg_trial_execute(q, &x, &number, 4, 0); /* no sample, no flag */
        assert_int_equal(emg_trial_result(q, 1).flags, HUM);
        emg_trial_execute(q, &x, &number, 4, 1);
        assert_int_equal(emg_trial_result(q, 1).refusal, EMG_REFUSAL_BAD_QUALITY);
        assert_int_equal(emg_trial_result(q, 1).flags, HUM | 4);
        emg_trial_interrupt(q);
        assert_int_equal(emg_trial_result(q, 1).refusal, EMG_REFUSAL_GAP);
    }
    emg_trial_begin(q, EMG_MEASURE_BASELINE, 0);
    feed(q, &s, DELAY, 0, 12000, 0);
    const struct emg_measurement m = emg_trial_result(q, 1);
    assert_true(m.refusal == EMG_REFUSAL_NONE && m.contractions == 8 && isnan(m.uv) && m.flags == 0);
    emg_trial_begin(q, EMG_MEASURE_NONE, 0);
    assert_int_equal(emg_trial_result(q, 1).refusal, EMG_REFUSAL_CANCELLED);
    emg_trial_destroy(q);
    free_scene(&s);
}

static void assert_same(const struct emg_measurement *a, const struct emg_measurement *b)
{
    assert_int_equal(a->refusal, b->refusal);
    assert_memory_equal(&a->uv, &b->uv, sizeof a->uv);
    assert_memory_equal(&a->snr_db, &b->snr_db, sizeof a->snr_db);
    assert_true(a->seconds == b->seconds && a->contractions == b->contractions && a->flags == b->flags);
}

static void gives_the_same_bits_however_the_input_is_cut_and_after_junk(void **state)
{
    (void)state;
    static const size_t delays[] = {0, DELAY};
    struct scene s = strides(14000, 1000, 1400), junk = strides(5000, 100, 3000);
    for (size_t i = 0; i < junk.n; i++)
        junk.x[i] *= i % 500 == 0 ? (float)NAN : 1e6F;
    for (size_t d = 0; d < 2; d++) {
        struct emg_trial *whole = make(delays[d]), *pieces = make(delays[d]);
        for (enum emg_measure kind = EMG_MEASURE_REST; kind <= EMG_MEASURE_BASELINE; kind++) {
            emg_trial_begin(whole, kind, 100);
            feed(whole, &s, delays[d], 0, s.n, 0);
            emg_trial_begin(pieces, EMG_MEASURE_SUBMAXIMAL, 0);
            emg_trial_flag(pieces, BAD);
            feed(pieces, &junk, delays[d], 0, junk.n, 0);
            emg_trial_interrupt(pieces);
            if (kind == EMG_MEASURE_MVC)
                emg_trial_reset(pieces);
            emg_trial_begin(pieces, kind, 100);
            feed(pieces, &s, delays[d], 0, s.n, (uint32_t)kind + 1);
            const struct emg_measurement a = emg_trial_result(whole, 1), b = emg_trial_result(pieces, 1);
            assert_same(&a, &b);
        }
        emg_trial_destroy(whole);
        emg_trial_destroy(pieces);
    }
    free_scene(&s);
    free_scene(&junk);
}

static void refuses_settings_that_make_no_sense(void **state)
{
    (void)state;
    static const struct emg_trial_config bad[] = {
        {499, 0, 0}, {1.1e6, 0, 0}, {(double)NAN, 0, 0}, {2000, SIZE_MAX, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_trial *q = (struct emg_trial *)1;
        assert_int_equal(emg_trial_create(&q, &bad[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_trial_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rest_is_the_rms_of_all_that_is_quiet),
        cmocka_unit_test(rest_holds_no_contraction_however_short_and_no_change),
        cmocka_unit_test(rest_takes_two_seconds_of_a_noise_that_may_be_one),
        cmocka_unit_test(mvc_is_the_highest_rms_over_half_a_second),
        cmocka_unit_test(a_reference_stands_ten_decibels_above_a_noise_that_is_known),
        cmocka_unit_test(submaximal_is_the_rms_of_the_longest_contraction_less_its_edges),
        cmocka_unit_test(dynamic_references_rest_on_whole_contractions),
        cmocka_unit_test(dynamic_references_take_five_whole_contractions),
        cmocka_unit_test(begins_where_it_is_told_to),
        cmocka_unit_test(says_what_was_wrong_with_the_signal),
        cmocka_unit_test(gives_the_same_bits_however_the_input_is_cut_and_after_junk),
        cmocka_unit_test(refuses_settings_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
