#include "dsp/mains_fit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double PI = 3.14159265358979323846;

enum { HARMONICS = 9, SETTLED = 130 /* hops, more than the fit remembers */ };

static const struct emg_mains_fit_config usual = {50.0, 0.04, HARMONICS, HARMONICS, 1.0};

/* Hops with white noise, independent of each other, and a line. */
struct scene {
    double nominal_hz, hop_s;
    double offset_hz, drift_hz_s;
    double amplitude_uv[HARMONICS];
    double noise_uv; /* sqrt(E|noise|^2) of each amplitude */
    double loud;     /* factor of the noise in 15 of 25 hops */
};

static const struct scene clear = {.nominal_hz = 50.0,
                                   .hop_s = 0.04,
                                   .offset_hz = 0.37,
                                   .amplitude_uv = {30.0, 3.0, 15.0, 2.0, 8.0, 1.0, 4.0, 0.0, 2.0},
                                   .noise_uv = 10.0,
                                   .loud = 1.0};

static double uniform(uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return ((double)(*random >> 11) + 0.5) * 0x1p-53;
}

/* Complex normal, E|z|^2 = 1. */
static struct emg_phasor noise(uint64_t *random)
{
    const double magnitude = sqrt(-log(uniform(random)));
    const struct emg_phasor e = emg_phasor_unit(2.0 * PI * uniform(random));
    return (struct emg_phasor){magnitude * e.re, magnitude * e.im};
}

static double frequency_at(const struct scene *s, size_t hop)
{
    return s->nominal_hz + s->offset_hz + s->drift_hz_s * s->hop_s * (double)hop;
}

static struct emg_phasor line_at(const struct scene *s, size_t k, size_t hop)
{
    const double t_s = s->hop_s * (double)hop, order = (double)(k + 1);
    const double cycles = t_s * (s->nominal_hz + s->offset_hz + 0.5 * s->drift_hz_s * t_s);
    const struct emg_phasor e = emg_phasor_unit(order * 2.0 * PI * cycles + 2.399 * order * order);
    return (struct emg_phasor){s->amplitude_uv[k] * e.re, s->amplitude_uv[k] * e.im};
}

static struct emg_mains_line give_hop(struct emg_mains_fit *q, const struct scene *s, size_t hop,
                                      uint64_t *random)
{
    const double noise_uv = hop % 25 < 15 ? s->loud * s->noise_uv : s->noise_uv;
    struct emg_phasor amplitude[HARMONICS];
    double half[HARMONICS];
    for (size_t k = 0; k < HARMONICS; k++) {
        const struct emg_phasor line = line_at(s, k, hop), beside = noise(random);
        amplitude[k] = (struct emg_phasor){line.re + noise_uv * beside.re, line.im + noise_uv * beside.im};
        half[k] = noise_uv * noise_uv * emg_phasor_power(noise(random));
    }
    emg_mains_fit_take(q, amplitude, half);
    return emg_mains_fit_execute(q);
}

/* Gives hops first to end - 1; returns the last fit. */
static struct emg_mains_line give(struct emg_mains_fit *q, const struct scene *s, size_t first, size_t end,
                                  uint64_t *random)
{
    struct emg_mains_line line = {0};
    for (size_t hop = first; hop < end; hop++)
        line = give_hop(q, s, hop, random);
    return line;
}

static struct emg_mains_fit *make_fit(const struct emg_mains_fit_config *config)
{
    struct emg_mains_fit *q = NULL;
    assert_int_equal(emg_mains_fit_create(&q, config), EMG_OK);
    return q;
}

/* |error|^2 of the amplitudes, of harmonic k. */
static double error_of(const struct emg_mains_line *line, const struct scene *s, size_t k, size_t hop)
{
    const struct emg_phasor truth = line_at(s, k, hop), is = line->amplitude[k];
    return emg_phasor_power((struct emg_phasor){is.re - truth.re, is.im - truth.im});
}

struct errors {
    double frequency_hz, drift_hz_s; /* RMS */
    double amplitude_uv;             /* RMS of |error| */
    double normalised;               /* mean of |error|^2 over the variance that is claimed */
};

/* Of settled fits over a range of offsets. */
static struct errors try_scene(const struct scene *scene, unsigned trials)
{
    struct errors e = {0};
    struct emg_mains_fit *q = make_fit(&usual);
    uint64_t random = 1;
    for (unsigned t = 0; t < trials; t++) {
        struct scene s = *scene;
        s.offset_hz = (-0.95 + 1.9 * t / trials) * (s.drift_hz_s > 0.0 ? 0.8 : 1.0);
        emg_mains_fit_reset(q);
        const struct emg_mains_line line = give(q, &s, 0, SETTLED, &random);
        assert_true(line.locked);
        e.frequency_hz += pow(line.frequency_hz - frequency_at(&s, SETTLED - 1), 2.0) / trials;
        e.drift_hz_s += pow(line.drift_hz_s - s.drift_hz_s, 2.0) / trials;
        for (size_t k = 0; k < HARMONICS; k++) {
            const double square = error_of(&line, &s, k, SETTLED - 1);
            e.amplitude_uv += square / (trials * HARMONICS);
            e.normalised += square / line.variance[k] / (trials * HARMONICS);
        }
    }
    emg_mains_fit_destroy(q);
    e.frequency_hz = sqrt(e.frequency_hz);
    e.drift_hz_s = sqrt(e.drift_hz_s);
    e.amplitude_uv = sqrt(e.amplitude_uv);
    print_message("errors: %.5f Hz, %.5f Hz/s, %.3f uV, %.2f of the variance\n", e.frequency_hz, e.drift_hz_s,
                  e.amplitude_uv, e.normalised);
    return e;
}

static void refuses_values_outside_the_ranges(void **state)
{
    (void)state;
    static const struct emg_mains_fit_config wrong[] = {
        {55.0, 0.04, 9, 9, 1.0},  {NAN, 0.04, 9, 9, 1.0},  {50.0, 0.0, 9, 9, 1.0},
        {50.0, 0.11, 9, 9, 1.0},  {50.0, NAN, 9, 9, 1.0},  {50.0, 0.04, 0, 0, 1.0},
        {50.0, 0.04, 17, 9, 1.0}, {50.0, 0.04, 9, 0, 1.0}, {50.0, 0.04, 9, 10, 1.0},
        {50.0, 0.04, 9, 9, 0.9},  {50.0, 0.04, 9, 9, NAN}, {50.0, 0.04, 9, 9, INFINITY},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct emg_mains_fit *q = (struct emg_mains_fit *)1;
        assert_int_equal(emg_mains_fit_create(&q, &wrong[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_mains_fit_destroy(NULL);
}

static void finds_no_line_in_noise(void **state)
{
    (void)state;
    static const double loud[] = {1.0, 50.0};
    for (size_t i = 0; i < 2; i++) {
        struct scene s = clear;
        struct emg_mains_fit *q = make_fit(&usual);
        uint64_t random = 5 + i;
        s.loud = loud[i];
        memset(s.amplitude_uv, 0, sizeof s.amplitude_uv);
        for (size_t hop = 0; hop < 3000; hop++)
            assert_false(give_hop(q, &s, hop, &random).locked);
        emg_mains_fit_destroy(q);
    }
}

/* 120 hops tell an amplitude whose frequency is known with an error of 10 / sqrt(120) = 0.91 uV; what the
 * phase at the end of the hops is uncertain by comes on top where the line is strong. */
static void tells_frequency_and_amplitudes_as_well_as_the_noise_allows(void **state)
{
    (void)state;
    const struct errors e = try_scene(&clear, 60);
    assert_true(e.frequency_hz < 0.01 && e.drift_hz_s < 0.006);
    assert_true(e.amplitude_uv > 0.85 && e.amplitude_uv < 1.4);
    assert_true(e.normalised > 0.8 && e.normalised < 2.5);
}

static void claims_the_variance_that_an_absent_harmonic_has(void **state)
{
    (void)state;
    struct emg_mains_fit *q = make_fit(&usual);
    uint64_t random = 3;
    double normalised = 0.0;
    enum { TRIALS = 200, ABSENT = 7 };
    for (unsigned t = 0; t < TRIALS; t++) {
        emg_mains_fit_reset(q);
        const struct emg_mains_line line = give(q, &clear, 0, SETTLED, &random);
        normalised += error_of(&line, &clear, ABSENT, SETTLED - 1) / line.variance[ABSENT] / TRIALS;
    }
    emg_mains_fit_destroy(q);
    assert_true(fabs(normalised - 1.0) < 0.25); /* 3.5 SD */
}

static void follows_a_frequency_that_drifts(void **state)
{
    (void)state;
    struct scene s = clear;
    s.noise_uv = 1.0;
    s.drift_hz_s = 0.03; /* 3 SD of the prior */
    const struct errors e = try_scene(&s, 30);
    assert_true(e.frequency_hz < 0.002 && e.drift_hz_s < 0.001);
    assert_true(e.amplitude_uv < 0.4);
}

static void follows_it_no_farther_than_1_3_hz(void **state)
{
    (void)state;
    struct scene s = clear;
    struct emg_mains_fit *q = make_fit(&usual);
    uint64_t random = 4;
    bool was_locked = false;
    s.offset_hz = 0.9;
    s.drift_hz_s = 0.03;
    for (size_t hop = 0; hop < 500; hop++) { /* to 1.5 Hz */
        const struct emg_mains_line line = give_hop(q, &s, hop, &random);
        const double offset_hz = frequency_at(&s, hop) - s.nominal_hz;
        if (hop >= 100 && offset_hz < 1.25)
            assert_true(line.locked && fabs(line.frequency_hz - frequency_at(&s, hop)) < 0.05);
        if (was_locked && line.locked)
            assert_true(fabs(line.frequency_hz - s.nominal_hz) < 1.3);
        was_locked = line.locked;
    }
    emg_mains_fit_destroy(q);
}

/* The 40 % of hops with noise of 2 uV tell an amplitude with an error of 2 / sqrt(48) = 0.29 uV; all of them
 * alike, 100 uV in the others, with 7 uV. */
static void hops_with_more_noise_count_less(void **state)
{
    (void)state;
    struct scene s = clear;
    s.noise_uv = 2.0;
    s.loud = 50.0;
    const struct errors e = try_scene(&s, 30);
    assert_true(e.frequency_hz < 0.005);
    assert_true(e.amplitude_uv < 0.9);
}

static void works_at_60_hz_with_hops_that_are_no_whole_number_of_cycles(void **state)
{
    (void)state;
    const struct emg_mains_fit_config config = {60.0, 67.0 / 2000.0, HARMONICS, HARMONICS - 1, 1.0};
    struct scene s = clear;
    struct emg_mains_fit *q = make_fit(&config);
    uint64_t random = 8;
    s.nominal_hz = config.nominal_hz;
    s.hop_s = config.hop_s;
    for (double offset_hz = -0.9; offset_hz < 1.0; offset_hz += 0.3) {
        s.offset_hz = offset_hz;
        emg_mains_fit_reset(q);
        const struct emg_mains_line line = give(q, &s, 0, SETTLED, &random);
        assert_true(line.locked && fabs(line.frequency_hz - frequency_at(&s, 0)) < 0.03);
        assert_true(error_of(&line, &s, 0, SETTLED - 1) < 16.0);
    }
    emg_mains_fit_destroy(q);
}

static void a_lone_tone_is_mains_only_at_the_first_harmonic(void **state)
{
    (void)state;
    for (size_t k = 0; k < HARMONICS; k++) {
        struct scene s = clear;
        struct emg_mains_fit *q = make_fit(&usual);
        uint64_t random = 20 + k;
        memset(s.amplitude_uv, 0, sizeof s.amplitude_uv);
        s.amplitude_uv[k] = 30.0;
        assert_true(give(q, &s, 0, SETTLED, &random).locked == (k == 0));
        emg_mains_fit_destroy(q);
    }
}

static void finds_a_line_within_half_a_second_and_lets_go_of_it(void **state)
{
    (void)state;
    struct scene without = clear;
    struct emg_mains_fit *q = make_fit(&usual);
    uint64_t random = 6;
    memset(without.amplitude_uv, 0, sizeof without.amplitude_uv);
    assert_false(give(q, &clear, 0, 7, &random).locked); /* too few hops to tell */
    for (int i = -1; i <= 1; i++) {
        struct scene s = clear;
        s.offset_hz = i;
        emg_mains_fit_reset(q);
        const struct emg_mains_line line = give(q, &s, 0, 14, &random);
        assert_true(line.locked && fabs(line.frequency_hz - frequency_at(&s, 0)) < 0.15);
    }
    emg_mains_fit_reset(q);
    assert_true(give(q, &clear, 0, 14, &random).locked);
    assert_true(give(q, &clear, 14, 200, &random).locked);
    assert_false(give(q, &without, 200, 225, &random).locked);
    assert_true(give(q, &clear, 225, 300, &random).locked); /* found among hops that have none */
    emg_mains_fit_destroy(q);
}

static void forgets_what_was_before_a_change_of_amplitude(void **state)
{
    (void)state;
    struct scene after = clear;
    struct emg_mains_fit *q = make_fit(&usual);
    uint64_t random = 7;
    for (size_t k = 0; k < HARMONICS; k++)
        after.amplitude_uv[k] *= 3.0;
    give(q, &clear, 0, 200, &random);
    /* With all hops alike the first harmonic would be wrong by 55 uV, then by 40. */
    const struct emg_mains_line soon = give(q, &after, 200, 210, &random);
    assert_true(soon.locked && error_of(&soon, &after, 0, 209) < 25.0 * 25.0);
    const struct emg_mains_line later = give(q, &after, 210, 240, &random);
    assert_true(later.locked && error_of(&later, &after, 0, 239) < 10.0 * 10.0);
    emg_mains_fit_destroy(q);
}

static void reset_is_as_fresh(void **state)
{
    (void)state;
    struct scene without = clear;
    struct emg_mains_fit *used = make_fit(&usual), *fresh = make_fit(&usual);
    uint64_t random = 9;
    memset(without.amplitude_uv, 0, sizeof without.amplitude_uv);
    assert_false(give(used, &without, 0, 31, &random).locked); /* an odd number: the searches take turns */
    assert_true(give(used, &clear, 31, 150, &random).locked);
    emg_mains_fit_reset(used);
    uint64_t again = random;
    for (size_t hop = 0; hop < 150; hop++) {
        const struct scene *s = hop < 40 ? &without : &clear;
        const struct emg_mains_line a = give_hop(used, s, hop, &random);
        const struct emg_mains_line b = give_hop(fresh, s, hop, &again);
        assert_true(a.locked == b.locked && a.frequency_hz == b.frequency_hz);
        assert_true(a.drift_hz_s == b.drift_hz_s);
        assert_memory_equal(a.amplitude, b.amplitude, sizeof a.amplitude);
        assert_memory_equal(a.variance, b.variance, sizeof a.variance);
    }
    emg_mains_fit_destroy(fresh);
    emg_mains_fit_destroy(used);
}

static void works_with_one_harmonic_and_with_all(void **state)
{
    (void)state;
    static const size_t harmonics[] = {1, EMG_MAINS_HARMONICS_MAX};
    for (size_t i = 0; i < 2; i++) {
        const struct emg_mains_fit_config config = {50.0, 0.04, harmonics[i], harmonics[i], 1.0};
        struct emg_mains_fit *q = make_fit(&config);
        struct emg_mains_line line = {0};
        uint64_t random = 10;
        for (size_t hop = 0; hop < SETTLED; hop++) {
            struct emg_phasor amplitude[EMG_MAINS_HARMONICS_MAX];
            double half[EMG_MAINS_HARMONICS_MAX];
            for (size_t k = 0; k < harmonics[i]; k++) {
                const struct emg_phasor e =
                    emg_phasor_unit(2.0 * PI * (double)(k + 1) * 50.2 * 0.04 * (double)hop);
                const struct emg_phasor beside = noise(&random);
                amplitude[k] = (struct emg_phasor){10.0 * e.re + beside.re, 10.0 * e.im + beside.im};
                half[k] = emg_phasor_power(noise(&random));
            }
            emg_mains_fit_take(q, amplitude, half);
            line = emg_mains_fit_execute(q);
        }
        assert_true(line.locked && fabs(line.frequency_hz - 50.2) < 0.01);
        emg_mains_fit_destroy(q);
    }
}

static void nothing_and_the_largest_values_are_no_line(void **state)
{
    (void)state;
    static const double values[] = {0.0, 1e-30, 1e30};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct scene s = clear;
        struct emg_mains_fit *q = make_fit(&usual);
        uint64_t random = 11;
        memset(s.amplitude_uv, 0, sizeof s.amplitude_uv);
        s.noise_uv = values[i];
        for (size_t hop = 0; hop < 300; hop++)
            assert_false(give_hop(q, &s, hop, &random).locked);
        const struct emg_mains_line found = give(q, &clear, 300, 500, &random);
        assert_true(isfinite(found.frequency_hz) && found.locked);
        emg_mains_fit_destroy(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_values_outside_the_ranges),
        cmocka_unit_test(finds_no_line_in_noise),
        cmocka_unit_test(tells_frequency_and_amplitudes_as_well_as_the_noise_allows),
        cmocka_unit_test(claims_the_variance_that_an_absent_harmonic_has),
        cmocka_unit_test(follows_a_frequency_that_drifts),
        cmocka_unit_test(follows_it_no_farther_than_1_3_hz),
        cmocka_unit_test(hops_with_more_noise_count_less),
        cmocka_unit_test(works_at_60_hz_with_hops_that_are_no_whole_number_of_cycles),
        cmocka_unit_test(a_lone_tone_is_mains_only_at_the_first_harmonic),
        cmocka_unit_test(finds_a_line_within_half_a_second_and_lets_go_of_it),
        cmocka_unit_test(forgets_what_was_before_a_change_of_amplitude),
        cmocka_unit_test(reset_is_as_fresh),
        cmocka_unit_test(works_with_one_harmonic_and_with_all),
        cmocka_unit_test(nothing_and_the_largest_values_are_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
