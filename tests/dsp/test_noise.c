#include "dsp/noise.h"

#include "dsp/onset.h"
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

enum { RATE = 2000, DELAY = 320, BINS = 1025, FIRST = 20, BAND = 441, CHUNK = 97 };

static float correction[BINS];

static struct emg_noise_config config(void)
{
    for (size_t k = 0; k < BINS; k++)
        correction[k] = k >= FIRST && k < FIRST + BAND ? 1 + 0.001F * (float)k : 0;
    return (struct emg_noise_config){
        .slices = {.rate_hz = RATE, .slice_s = 0.5, .tapers = 4, .pool_s = 20, .shortest_s = 0.1},
        .delay = DELAY,
        .correction = correction,
        .first_bin = FIRST,
        .n_bins = BAND,
    };
}

static struct emg_noise *make(void)
{
    struct emg_noise *q = NULL;
    const struct emg_noise_config c = config();
    assert_int_equal(emg_noise_create(&q, &c), EMG_OK);
    return q;
}

/* White noise of density rms^2 / 500 Hz below 1000 Hz. Caller frees. */
static float *simulate(double rms_uv, uint64_t seed, size_t n)
{
    struct emg_simulate *simulation = NULL;
    const struct emg_simulate_config c = {.rate_hz = RATE,
                                          .seed = seed,
                                          .course = EMG_SIMULATE_REST,
                                          .noise_uv = rms_uv,
                                          .fl_hz = 60,
                                          .fh_hz = 120,
                                          .fatigue_s = 1};
    assert_int_equal(emg_simulate_create(&simulation, &c), EMG_OK);
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    emg_simulate_execute(simulation, x, 1, n);
    emg_simulate_destroy(simulation);
    return x;
}

/* Feeds n samples that are all marked alike, in pieces of at most `piece`. */
static void feed(struct emg_noise *q, const float *x, uint32_t mark, size_t n, size_t piece)
{
    uint32_t marks[CHUNK];
    for (size_t i = 0; i < CHUNK; i++)
        marks[i] = mark;
    for (size_t done = 0; done < n;) {
        const size_t take = n - done < piece ? n - done : piece;
        emg_noise_execute(q, x + done, marks, take);
        done += take;
    }
}

/* Density over the band, correction divided out. */
static double density(const struct emg_noise *q)
{
    double sum = 0;
    const float *psd = emg_noise_spectrum(q).psd;
    assert_non_null(psd);
    for (size_t k = FIRST; k < FIRST + BAND; k++)
        sum += (double)(psd[k] / correction[k]) / BAND;
    return sum;
}

static void gathers_quiet_signal_and_knows_nothing_before_there_is_a_second_of_it(void **state)
{
    (void)state;
    struct emg_noise *q = make();
    float *x = simulate(2, 1, 20000);
    feed(q, x, EMG_ONSET_UNSURE, DELAY, CHUNK);
    feed(q, x, EMG_ONSET_QUIET, 1500, CHUNK);
    assert_null(emg_noise_spectrum(q).psd);
    feed(q, x + 1500, 3, 8000, CHUNK); /* a contraction */
    assert_null(emg_noise_spectrum(q).psd);
    feed(q, x + 9500, EMG_ONSET_QUIET, 8000, CHUNK);
    assert_near(density(q), 4.0 / 500, 0.06 * 4 / 500);
    assert_true(emg_noise_spectrum(q).psd[FIRST - 1] == 0 && emg_noise_spectrum(q).psd[FIRST + BAND] == 0);
    assert_near(emg_noise_spectrum(q).effective_s, 4.0, 0.8);
    free(x);
    emg_noise_destroy(q);
}

static void a_rest_that_is_measured_takes_its_place_and_stays(void **state)
{
    (void)state;
    struct emg_noise *q = make();
    float *quiet = simulate(2, 1, 20000), *rest = simulate(4, 2, 50 * RATE), psd[BAND];
    feed(q, quiet, EMG_ONSET_QUIET, 20000, CHUNK);
    assert_true(isnan(emg_noise_rest(q, psd, BAND).rms_uv));
    emg_noise_begin(q, 1000);
    feed(q, quiet, 7, 1000, CHUNK);     /* left out */
    feed(q, rest, 7, 50 * RATE, CHUNK); /* longer than the pool, whatever the marks */
    assert_near(density(q), 4.0 / 500, 0.06 * 4 / 500);
    emg_noise_take(q, 3.9);
    const double measured = density(q);
    assert_near(measured, 16.0 / 500, 0.02 * 16 / 500);
    feed(q, quiet, EMG_ONSET_QUIET, 20000, CHUNK);
    assert_true(density(q) == measured);
    const struct emg_rest r = emg_noise_rest(q, psd, BAND);
    assert_true(r.rms_uv == 3.9 && r.n_bins == BAND);
    assert_near(r.seconds, 50, 1e-9);
    assert_near(r.dof, 800, 20);
    assert_true(isnan(emg_noise_rest(q, psd, BAND - 1).rms_uv));
    free(quiet);
    free(rest);
    emg_noise_destroy(q);
}

static void a_remainder_of_a_tenth_of_a_second_counts_a_shorter_one_does_not(void **state)
{
    (void)state;
    struct emg_noise *q = make();
    float *x = simulate(2, 1, 20000), psd[BAND];
    emg_noise_begin(q, 0);
    feed(q, x, 0, 4200, CHUNK);
    emg_noise_take(q, 2);
    assert_near(emg_noise_rest(q, psd, BAND).seconds, 2.1, 1e-9);
    emg_noise_begin(q, 0);
    feed(q, x, 0, 4199, CHUNK);
    emg_noise_take(q, 2);
    assert_near(emg_noise_rest(q, psd, BAND).seconds, 2.0, 1e-9);
    free(x);
    emg_noise_destroy(q);
}

static void what_was_got_can_be_set_and_gives_the_same_bits(void **state)
{
    (void)state;
    struct emg_noise *measured = make(), *other = make();
    float *x = simulate(3, 5, 20000), psd[BAND], again[BAND];
    emg_noise_begin(measured, 0);
    feed(measured, x, 0, 20000, CHUNK);
    emg_noise_take(measured, 2.9);
    const struct emg_rest r = emg_noise_rest(measured, psd, BAND);
    feed(other, x, EMG_ONSET_QUIET, 9999, CHUNK);
    assert_true(emg_noise_set_rest(other, &r, psd));
    const struct emg_noise_spectrum a = emg_noise_spectrum(measured), b = emg_noise_spectrum(other);
    assert_memory_equal(a.psd, b.psd, BINS * sizeof a.psd[0]);
    assert_true(a.effective_s == b.effective_s && a.dof == b.dof);
    const struct emg_rest s = emg_noise_rest(other, again, BAND);
    assert_memory_equal(psd, again, sizeof psd);
    assert_true(r.rms_uv == s.rms_uv && r.seconds == s.seconds && r.n_bins == s.n_bins);
    free(x);
    emg_noise_destroy(measured);
    emg_noise_destroy(other);
}

static void sets_nothing_that_is_no_rest_of_this_muscle(void **state)
{
    (void)state;
    struct emg_noise *q = make();
    float psd[BAND + 1];
    for (size_t k = 0; k <= BAND; k++)
        psd[k] = 1;
    const struct emg_rest good = {.rms_uv = 2, .seconds = 5, .effective_s = 4, .dof = 80, .n_bins = BAND};
    struct emg_rest bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].n_bins = BAND - 1;
    bad[1].n_bins = BAND + 1;
    bad[2].rms_uv = (double)NAN;
    bad[3].rms_uv = 0;
    bad[4].rms_uv = INFINITY;
    bad[5].seconds = 0.9;
    bad[6].effective_s = 0;
    bad[7].dof = (double)NAN;
    for (size_t i = 0; i < 8; i++)
        assert_false(emg_noise_set_rest(q, &bad[i], psd));
    static const float none[] = {(float)NAN, -1, INFINITY};
    for (size_t i = 0; i < 3; i++) {
        psd[BAND - 1] = none[i];
        assert_false(emg_noise_set_rest(q, &good, psd));
    }
    assert_null(emg_noise_spectrum(q).psd);
    psd[BAND - 1] = 0;
    assert_true(emg_noise_set_rest(q, &good, psd));
    assert_non_null(emg_noise_spectrum(q).psd);
    emg_noise_destroy(q);
}

static void a_gap_or_a_cancellation_ends_the_measurement_and_keeps_what_was_known(void **state)
{
    (void)state;
    struct emg_noise *q = make();
    float *x = simulate(2, 1, 20000);
    feed(q, x, EMG_ONSET_QUIET, 20000, CHUNK);
    const double before = density(q);
    emg_noise_begin(q, 0);
    feed(q, x, EMG_ONSET_UNSURE, 800, CHUNK);
    emg_noise_interrupt(q);
    assert_true(density(q) == before);
    emg_noise_begin(q, 0);
    emg_noise_cancel(q);
    feed(q, x, EMG_ONSET_UNSURE, 20000, CHUNK);
    emg_noise_discard(q);
    assert_true(density(q) == before);
    free(x);
    emg_noise_destroy(q);
}

static void gives_the_same_bits_however_the_input_is_cut_and_after_reset(void **state)
{
    (void)state;
    struct emg_noise *a = make(), *b = make();
    float *x = simulate(2, 1, 30000), *junk = simulate(50, 3, 30000);
    feed(b, junk, EMG_ONSET_QUIET, 30000, CHUNK);
    emg_noise_begin(b, 0);
    feed(b, junk, EMG_ONSET_QUIET, 30000, CHUNK);
    emg_noise_take(b, 50);
    emg_noise_begin(b, 100);
    emg_noise_reset(b);
    assert_null(emg_noise_spectrum(b).psd);
    struct emg_noise *both[] = {a, b};
    static const size_t pieces[] = {CHUNK, 1};
    for (int i = 0; i < 2; i++)
        feed(both[i], x, EMG_ONSET_QUIET, 30000, pieces[i]);
    assert_memory_equal(emg_noise_spectrum(a).psd, emg_noise_spectrum(b).psd, BINS * sizeof(float));
    for (int i = 0; i < 2; i++) {
        emg_noise_begin(both[i], 77);
        feed(both[i], x + 1000, 5, 20000, pieces[i]);
        emg_noise_take(both[i], 2);
    }
    assert_memory_equal(emg_noise_spectrum(a).psd, emg_noise_spectrum(b).psd, BINS * sizeof(float));
    assert_true(emg_noise_spectrum(a).dof == emg_noise_spectrum(b).dof);
    free(x);
    free(junk);
    emg_noise_destroy(a);
    emg_noise_destroy(b);
}

static void refuses_a_band_outside_the_spectrum(void **state)
{
    (void)state;
    struct emg_noise *q = (struct emg_noise *)1;
    struct emg_noise_config bad = config();
    bad.n_bins = BINS - FIRST + 1;
    assert_int_equal(emg_noise_create(&q, &bad), EMG_ERROR_ARGUMENT);
    assert_null(q);
    bad = config();
    bad.n_bins = 0;
    assert_int_equal(emg_noise_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = config();
    bad.first_bin = BINS;
    assert_int_equal(emg_noise_create(&q, &bad), EMG_ERROR_ARGUMENT);
    bad = config();
    bad.slices.rate_hz = 0;
    assert_int_equal(emg_noise_create(&q, &bad), EMG_ERROR_ARGUMENT);
    emg_noise_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_quiet_signal_and_knows_nothing_before_there_is_a_second_of_it),
        cmocka_unit_test(a_rest_that_is_measured_takes_its_place_and_stays),
        cmocka_unit_test(a_remainder_of_a_tenth_of_a_second_counts_a_shorter_one_does_not),
        cmocka_unit_test(what_was_got_can_be_set_and_gives_the_same_bits),
        cmocka_unit_test(sets_nothing_that_is_no_rest_of_this_muscle),
        cmocka_unit_test(a_gap_or_a_cancellation_ends_the_measurement_and_keeps_what_was_known),
        cmocka_unit_test(gives_the_same_bits_however_the_input_is_cut_and_after_reset),
        cmocka_unit_test(refuses_a_band_outside_the_spectrum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
