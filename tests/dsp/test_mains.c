#include "dsp/mains.h"
#include "dsp/simulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double PI = 3.14159265358979323846;

enum { LINES = 9 };

/* EMG of 150 uV with 2 uV of noise, and mains. */
struct scene {
    double rate_hz, nominal_hz;
    enum emg_simulate_course course;
    double fl_hz, fh_hz;
    double mains_uv; /* RMS of all harmonics */
    double offset_hz, drift_hz_s;
    bool odd;    /* strong odd harmonics, else 1/k */
    bool single; /* no harmonics */
    double dc_uv, motion_uv;
};

static const struct scene usual = {.rate_hz = 2000,
                                   .nominal_hz = 50,
                                   .course = EMG_SIMULATE_STATIC,
                                   .fl_hz = 60,
                                   .fh_hz = 120,
                                   .mains_uv = 75,
                                   .offset_hz = 0.37};

static struct emg_mains *make_mains(double rate_hz, double nominal_hz)
{
    const struct emg_mains_config config = {rate_hz, nominal_hz, 450};
    struct emg_mains *q = NULL;
    assert_int_equal(emg_mains_create(&q, &config), EMG_OK);
    return q;
}

static float *allocate(size_t n)
{
    float *x = calloc(n, sizeof *x);
    assert_non_null(x);
    return x;
}

static void simulate(const struct scene *s, uint64_t seed, float *x, size_t n)
{
    const struct emg_simulate_config config = {.rate_hz = s->rate_hz,
                                               .seed = seed,
                                               .course = s->course,
                                               .rms_uv = 150,
                                               .noise_uv = 2,
                                               .fl_hz = s->fl_hz,
                                               .fh_hz = s->fh_hz,
                                               .fatigue_s = 1,
                                               .cycle_s = 0.72,
                                               .cycle_seed = seed,
                                               .cycle_cv = 0.03,
                                               .burst_length = 0.25 / 0.72,
                                               .ramp_s = 1};
    struct emg_simulate *q = NULL;
    assert_int_equal(emg_simulate_create(&q, &config), EMG_OK);
    emg_simulate_execute(q, x, 1, n);
    emg_simulate_destroy(q);
}

/* Complex amplitudes of the harmonics. */
struct lines {
    size_t n;
    double re[LINES], im[LINES];
};

static struct lines make_lines(const struct scene *s, uint64_t seed)
{
    struct lines lines = {0};
    double power = 0.0;

    while (lines.n < (s->single ? 1 : LINES) &&
           (double)(lines.n + 1) * (s->nominal_hz + 1.0) < 0.47 * s->rate_hz) {
        const double k = (double)++lines.n, phase = (double)seed * 2.399 * k * k;
        const double amplitude = !s->odd ? 1.0 / k : (lines.n % 2 ? 1.0 / sqrt(k) : 0.1 / k);
        lines.re[lines.n - 1] = amplitude * cos(phase);
        lines.im[lines.n - 1] = amplitude * sin(phase);
        power += 0.5 * amplitude * amplitude;
    }
    for (size_t k = 0; k < lines.n; k++) {
        lines.re[k] *= s->mains_uv / sqrt(power);
        lines.im[k] *= s->mains_uv / sqrt(power);
    }
    return lines;
}

static double mains_at(const struct scene *s, const struct lines *lines, size_t i)
{
    const double t_s = (double)i / s->rate_hz;
    const double angle = 2.0 * PI * t_s * (s->nominal_hz + s->offset_hz + 0.5 * s->drift_hz_s * t_s);
    const double c = cos(angle), d = sin(angle);
    double re = c, im = d, sum = 0.0;

    for (size_t k = 0; k < lines->n; k++) {
        sum += lines->re[k] * re - lines->im[k] * im;
        const double turned = re * c - im * d;
        im = re * d + im * c;
        re = turned;
    }
    return sum;
}

/* Makes signal [n] with mains and without. */
static void make_scene(const struct scene *s, uint64_t seed, float *with, float *without, size_t n)
{
    const struct lines lines = make_lines(s, seed);

    simulate(s, seed, without, n);
    for (size_t i = 0; i < n; i++) {
        const double motion = s->motion_uv * sqrt(2.0) * sin(2.0 * PI * 2.0 * (double)i / s->rate_hz);
        without[i] += (float)(s->dc_uv + motion);
        with[i] = (float)((double)without[i] + mains_at(s, &lines, i));
    }
}

static double rms_of_difference(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)a[i] - (double)b[i];
        sum += difference * difference;
    }
    return sqrt(sum / (double)n);
}

/* RMS over trials of what is left of the mains, and of the EMG that is lost, in the 2 s after 3 s; the last
 * state is checked for the frequency. */
static double residual_uv(const struct scene *scene, unsigned trials, double tolerance_hz)
{
    const size_t settled = (size_t)(3.0 * scene->rate_hz), n = (size_t)(5.0 * scene->rate_hz);
    float *with = allocate(n), *without = allocate(n);
    struct emg_mains *q = make_mains(scene->rate_hz, scene->nominal_hz);
    double sum = 0.0;

    for (unsigned t = 0; t < trials; t++) {
        struct scene s = *scene;
        s.offset_hz = -0.99 + 1.98 * (double)t / (double)trials;
        if (s.drift_hz_s > 0.0) {
            s.offset_hz *= 0.9;
            s.drift_hz_s *= s.offset_hz > 0.0 ? -1.0 : 1.0;
        }
        make_scene(&s, t + 1, with, without, n);
        emg_mains_reset(q);
        emg_mains_execute(q, with, with, n);
        const double rms = rms_of_difference(with + settled, without + settled, n - settled);
        sum += rms * rms;

        const struct emg_mains_state state = emg_mains_state(q);
        assert_true(state.locked);
        const double truth = s.nominal_hz + s.offset_hz + s.drift_hz_s * 5.0;
        assert_true(fabs(state.frequency_hz - truth) < tolerance_hz);
        assert_true(fabs(state.removed_uv - s.mains_uv) < 0.2 * s.mains_uv);
    }
    emg_mains_destroy(q);
    free(without);
    free(with);
    return sqrt(sum / trials);
}

static void refuses_what_has_no_meaning(void **state)
{
    (void)state;
    static const struct emg_mains_config bad[] = {
        {499, 50, 450}, {4201, 50, 450},  {NAN, 50, 450}, {2000, 55, 450},
        {2000, 0, 450}, {2000, NAN, 450}, {2000, 50, 49}, {2000, 50, INFINITY},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_mains *q = (struct emg_mains *)1;
        assert_int_equal(emg_mains_create(&q, &bad[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_mains_destroy(NULL);
}

static void works_at_every_rate_and_number_of_harmonics(void **state)
{
    (void)state;
    static const struct emg_mains_config good[] = {
        {500, 60, 60}, {500, 50, 1e9}, {4200, 50, 2016}, {4200, 60, 100}};
    for (size_t c = 0; c < sizeof good / sizeof good[0]; c++) {
        struct emg_mains *q = NULL;
        assert_int_equal(emg_mains_create(&q, &good[c]), EMG_OK);
        const size_t n = (size_t)(2.0 * good[c].rate_hz);
        double left = 0.0;
        for (size_t i = 0; i < n; i++) {
            const double x = 100.0 * sin(2.0 * PI * (good[c].nominal_hz + 0.5) * (double)i / good[c].rate_hz);
            const double noise = (double)(i * 2654435761U % 1024U) / 512.0 - 1.0;
            float y = (float)(x + noise);
            emg_mains_execute(q, &y, &y, 1);
            if (i > n / 2)
                left = fmax(left, fabs((double)y - noise));
        }
        assert_true(left < 1.0);
        emg_mains_destroy(q);
    }
}

static void leaves_a_signal_without_mains_as_it_is_bit_for_bit(void **state)
{
    (void)state;
    static const enum emg_simulate_course courses[] = {EMG_SIMULATE_STATIC, EMG_SIMULATE_STRIDE,
                                                       EMG_SIMULATE_REST};
    enum { N = 120000 };
    float *x = allocate(N), *y = allocate(N);
    for (size_t c = 0; c < 6; c++) {
        struct scene s = usual;
        s.course = courses[c % 3];
        s.fl_hz = c < 3 ? 60 : 30;
        s.fh_hz = c < 3 ? 120 : 60;
        struct emg_mains *q = make_mains(2000, 50);
        simulate(&s, c + 11, x, N);
        emg_mains_execute(q, x, y, N);
        assert_memory_equal(x, y, N * sizeof *x);
        const struct emg_mains_state now = emg_mains_state(q);
        assert_false(now.locked);
        assert_true(isnan(now.frequency_hz));
        assert_true(now.removed_uv == 0.0);
        emg_mains_destroy(q);
    }
    free(y);
    free(x);
}

/* What is left cannot be less than what the EMG itself hides: its density at each harmonic over the seconds
 * of the fit, for two amplitudes and the shared phase: about 10 uV here. */
static void removes_mains_and_harmonics_from_a_static_contraction(void **state)
{
    (void)state;
    struct scene s = usual;
    assert_true(residual_uv(&s, 30, 0.04) < 13.0);
    s.fl_hz = 30;
    s.fh_hz = 60;
    s.odd = true;
    assert_true(residual_uv(&s, 30, 0.02) < 13.0);
    s.drift_hz_s = 0.02;
    assert_true(residual_uv(&s, 30, 0.02) < 13.0);
    s = usual;
    s.drift_hz_s = 0.02;
    assert_true(residual_uv(&s, 30, 0.04) < 14.0);
    s = usual;
    s.nominal_hz = 60;
    assert_true(residual_uv(&s, 30, 0.05) < 17.0);
}

static void removes_mains_at_other_rates_with_offset_and_motion(void **state)
{
    (void)state;
    struct scene s = usual;
    s.rate_hz = 1000;
    assert_true(residual_uv(&s, 30, 0.04) < 14.0);
    s.nominal_hz = 60;
    assert_true(residual_uv(&s, 30, 0.05) < 17.0);
    s = usual;
    s.rate_hz = 44100.0 / 22.0;
    s.dc_uv = 2000;
    s.motion_uv = 100;
    assert_true(residual_uv(&s, 30, 0.04) < 14.0);
}

static void removes_a_line_without_harmonics(void **state)
{
    (void)state;
    struct scene s = usual;
    s.single = true;
    assert_true(residual_uv(&s, 60, 0.06) < 15.0);
}

static void learns_mains_in_the_rest_between_contractions(void **state)
{
    (void)state;
    struct scene s = usual;
    s.course = EMG_SIMULATE_STRIDE;
    assert_true(residual_uv(&s, 30, 0.02) < 0.8);
    s.dc_uv = -2000;
    s.motion_uv = 100;
    s.odd = true;
    s.fl_hz = 30;
    s.fh_hz = 60;
    assert_true(residual_uv(&s, 30, 0.02) < 0.8);
    s.drift_hz_s = 0.02;
    assert_true(residual_uv(&s, 30, 0.02) < 2.0);
}

static void locks_within_a_second(void **state)
{
    (void)state;
    enum { TRIALS = 60, N = 2000 };
    float *with = allocate(N), *without = allocate(N);
    double sum = 0.0;
    for (unsigned t = 0; t < TRIALS; t++) {
        struct scene s = usual;
        s.offset_hz = -0.95 + 1.9 * t / TRIALS;
        struct emg_mains *q = make_mains(2000, 50);
        make_scene(&s, 100 + t, with, without, N);
        size_t i = 0;
        while (i < N && !emg_mains_state(q).locked) {
            emg_mains_execute(q, with + i, with + i, 1);
            i++;
        }
        assert_in_range(i, 1, N - 1);
        sum += (double)i / 2000.0;
        emg_mains_destroy(q);
    }
    assert_true(sum / TRIALS < 0.65);
    free(without);
    free(with);
}

/* 6 s with mains before_uv, 4 s with after_uv: RMS of what is left in each half second of the latter. */
static void change_mains(double before_uv, double after_uv, enum emg_simulate_course course,
                         double left_uv[8], bool *locked)
{
    enum { TRIALS = 10, BEFORE = 12000, AFTER = 8000, PART = 1000 };
    float *x = allocate(BEFORE + AFTER), *y = allocate(BEFORE + AFTER);
    struct scene s = usual;
    s.course = course;
    s.mains_uv = 1.0;
    *locked = false;
    memset(left_uv, 0, 8 * sizeof *left_uv);
    for (unsigned t = 0; t < TRIALS; t++) {
        struct emg_mains *q = make_mains(2000, 50);
        const struct lines lines = make_lines(&s, t);
        simulate(&s, t + 500, x, BEFORE + AFTER);
        for (size_t i = 0; i < BEFORE + AFTER; i++)
            y[i] = (float)((double)x[i] + (i < BEFORE ? before_uv : after_uv) * mains_at(&s, &lines, i));
        emg_mains_execute(q, y, y, BEFORE + AFTER);
        for (size_t part = 0; part < 8; part++) {
            const size_t first = BEFORE + part * PART;
            const double rms = rms_of_difference(y + first, x + first, PART);
            left_uv[part] += rms * rms;
        }
        *locked = *locked || emg_mains_state(q).locked;
        emg_mains_destroy(q);
    }
    for (size_t part = 0; part < 8; part++)
        left_uv[part] = sqrt(left_uv[part] / TRIALS);
    free(y);
    free(x);
}

static void lets_go_when_the_mains_ends(void **state)
{
    (void)state;
    double left_uv[8];
    bool locked;
    change_mains(75, 0, EMG_SIMULATE_STRIDE, left_uv, &locked);
    assert_true(left_uv[1] == 0.0 && left_uv[7] == 0.0);
    assert_false(locked);
    change_mains(300, 0, EMG_SIMULATE_STATIC, left_uv, &locked);
    assert_true(left_uv[1] < 30.0 && left_uv[4] == 0.0);
    assert_false(locked);
    change_mains(75, 0, EMG_SIMULATE_STATIC, left_uv, &locked);
    assert_true(left_uv[2] < 40.0 && left_uv[7] == 0.0);
    assert_false(locked);
}

static void follows_a_mains_whose_amplitude_changes(void **state)
{
    (void)state;
    double left_uv[8];
    bool locked;
    change_mains(75, 200, EMG_SIMULATE_STATIC, left_uv, &locked);
    assert_true(left_uv[2] < 30.0 && left_uv[6] < 16.0);
    change_mains(300, 30, EMG_SIMULATE_STRIDE, left_uv, &locked);
    assert_true(left_uv[1] < 2.0 && left_uv[7] < 1.0);
    change_mains(0, 75, EMG_SIMULATE_STATIC, left_uv, &locked);
    assert_true(left_uv[2] < 40.0 && left_uv[7] < 18.0);
}

static void takes_no_lone_tone_for_mains(void **state)
{
    (void)state;
    static const double tones_hz[] = {449.8, 53.0, 75.0, 300.9};
    enum { N = 20000 };
    float *x = allocate(N), *y = allocate(N);
    for (size_t tone = 0; tone < sizeof tones_hz / sizeof tones_hz[0]; tone++) {
        struct emg_mains *q = make_mains(2000, 50);
        simulate(&usual, 7, x, N);
        for (size_t i = 0; i < N; i++)
            x[i] += (float)(20.0 * sin(2.0 * PI * tones_hz[tone] * (double)i / 2000.0));
        emg_mains_execute(q, x, y, N);
        assert_memory_equal(x, y, N * sizeof *x);
        emg_mains_destroy(q);
    }
    free(y);
    free(x);
}

static void takes_no_offset_for_mains(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct emg_mains *q = make_mains(2000, 60); /* no whole number of samples a cycle */
    uint32_t random = 1;
    for (size_t i = 0; i < N; i++) {
        random = random * 1664525U + 1013904223U;
        const float x = 100000.0F + (float)(random >> 16) / 65536.0F;
        float y;
        emg_mains_execute(q, &x, &y, 1);
        assert_true(x == y);
    }
    emg_mains_destroy(q);
}

static void measures_lines_and_all_else(void **state)
{
    (void)state;
    struct emg_mains *q = make_mains(2000, 50);
    assert_true(isnan(emg_mains_state(q).lines_uv) && isnan(emg_mains_state(q).between_uv));
    for (size_t i = 0; i < 4000; i++) {
        const float x = (float)(1000.0 + 100.0 * sqrt(2.0) * sin(2.0 * PI * 50.0 * (double)i / 2000.0));
        float y;
        emg_mains_execute(q, &x, &y, 1);
    }
    const struct emg_mains_state sine = emg_mains_state(q);
    assert_true(fabs(sine.lines_uv - 100.0) < 0.01);
    assert_true(sine.between_uv < 4.0);

    /* Noise of 10 uV from 0 to 1000 Hz: 0.1 uV^2/Hz, of which 20 to 475 Hz are to be told. */
    const struct emg_simulate_config config = {.rate_hz = 2000,
                                               .seed = 3,
                                               .course = EMG_SIMULATE_REST,
                                               .noise_uv = 10.0 / sqrt(2.0),
                                               .fl_hz = 60,
                                               .fh_hz = 120,
                                               .fatigue_s = 1};
    struct emg_simulate *noise = NULL;
    assert_int_equal(emg_simulate_create(&noise, &config), EMG_OK);
    emg_mains_reset(q);
    double lines = 0.0, between = 0.0;
    enum { HOPS = 3000 };
    for (size_t hop = 0; hop < HOPS; hop++) {
        float x[80];
        emg_simulate_execute(noise, x, 1, 80);
        emg_mains_execute(q, x, x, 80);
        if (hop < 3)
            continue;
        const struct emg_mains_state now = emg_mains_state(q);
        lines += now.lines_uv * now.lines_uv / (HOPS - 3);
        between += now.between_uv * now.between_uv / (HOPS - 3);
    }
    assert_true(fabs(between / 45.5 - 1.0) < 0.03);
    assert_true(fabs(lines / between - 0.33) < 0.02);
    emg_simulate_destroy(noise);
    emg_mains_destroy(q);
}

static void counts_a_sample_that_is_not_finite_as_zero(void **state)
{
    (void)state;
    enum { N = 8000 };
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    float *x = allocate(N), *zeroed = allocate(N), *other = allocate(N);
    make_scene(&usual, 5, x, other, N);
    memcpy(zeroed, x, N * sizeof *x);
    for (size_t i = 50; i < N; i += 97) {
        x[i] = bad[i % 3];
        zeroed[i] = 0.0F;
    }
    struct emg_mains *a = make_mains(2000, 50), *b = make_mains(2000, 50);
    emg_mains_execute(a, x, x, N);
    emg_mains_execute(b, zeroed, zeroed, N);
    assert_memory_equal(x, zeroed, N * sizeof *x);
    for (size_t i = 0; i < N; i++)
        assert_true(isfinite(x[i]));
    emg_mains_destroy(b);
    emg_mains_destroy(a);
    free(other);
    free(zeroed);
    free(x);
}

static void gives_finite_output_for_any_input(void **state)
{
    (void)state;
    struct emg_mains *q = make_mains(2000, 60);
    for (size_t i = 0; i < 40000; i++) {
        const size_t part = i / 8000;
        const float square = i / 17 % 2 ? 5e6F : -5e6F;
        const float pulse = i % 1000 == 0 ? 1e9F : 0.0F;
        const float line = (float)(1e-3 * sin(2.0 * PI * 60.0 * (double)i / 2000.0));
        const float values[] = {0.0F, square, pulse, line, 1e6F};
        float y;
        emg_mains_execute(q, &values[part], &y, 1);
        assert_true(isfinite(y));
        assert_true(i < 200 || isfinite(emg_mains_state(q).lines_uv + emg_mains_state(q).between_uv));
    }
    emg_mains_destroy(q);
}

static void gives_the_same_however_the_input_is_cut(void **state)
{
    (void)state;
    enum { N = 20000 };
    float *x = allocate(N), *other = allocate(N), *whole = allocate(N), *pieces = allocate(N);
    make_scene(&usual, 9, x, other, N);
    struct emg_mains *q = make_mains(2000, 50);
    emg_mains_execute(q, x, whole, N);
    const double frequency_hz = emg_mains_state(q).frequency_hz;
    assert_true(rms_of_difference(whole, x, N) > 50.0);

    emg_mains_reset(q);
    uint32_t random = 1;
    for (size_t done = 0; done < N;) {
        random = random * 1664525U + 1013904223U;
        size_t take = (random >> 8) % 7 == 0 ? (random >> 16) % 700 : (random >> 16) % 3;
        take = take < N - done ? take : N - done;
        emg_mains_execute(q, x + done, pieces + done, take);
        done += take;
    }
    assert_memory_equal(whole, pieces, N * sizeof *x);
    assert_true(emg_mains_state(q).frequency_hz == frequency_hz);

    emg_mains_reset(q);
    assert_false(emg_mains_state(q).locked);
    assert_true(isnan(emg_mains_state(q).lines_uv));
    emg_mains_execute(q, x, x, N); /* in place, too */
    assert_memory_equal(whole, x, N * sizeof *x);
    emg_mains_destroy(q);
    free(pieces);
    free(whole);
    free(other);
    free(x);
}

static void removes_as_well_after_minutes_as_at_first(void **state)
{
    (void)state;
    enum { BLOCK = 2000, BLOCKS = 180 };
    float *x = allocate(BLOCK), *y = allocate(BLOCK);
    struct emg_mains *q = make_mains(2000, 50);
    double worst = 0.0;
    for (size_t block = 0; block < BLOCKS; block++) {
        /* A line that is the same in each second, over EMG that begins anew in each. */
        struct scene s = usual;
        s.course = EMG_SIMULATE_STRIDE;
        s.offset_hz = 0.0;
        make_scene(&s, 1, y, x, BLOCK);
        emg_mains_execute(q, y, y, BLOCK);
        if (block >= 3)
            worst = fmax(worst, rms_of_difference(y, x, BLOCK));
    }
    assert_true(worst < 1.0);
    emg_mains_destroy(q);
    free(y);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_has_no_meaning),
        cmocka_unit_test(works_at_every_rate_and_number_of_harmonics),
        cmocka_unit_test(leaves_a_signal_without_mains_as_it_is_bit_for_bit),
        cmocka_unit_test(removes_mains_and_harmonics_from_a_static_contraction),
        cmocka_unit_test(removes_mains_at_other_rates_with_offset_and_motion),
        cmocka_unit_test(removes_a_line_without_harmonics),
        cmocka_unit_test(learns_mains_in_the_rest_between_contractions),
        cmocka_unit_test(locks_within_a_second),
        cmocka_unit_test(lets_go_when_the_mains_ends),
        cmocka_unit_test(follows_a_mains_whose_amplitude_changes),
        cmocka_unit_test(takes_no_lone_tone_for_mains),
        cmocka_unit_test(takes_no_offset_for_mains),
        cmocka_unit_test(measures_lines_and_all_else),
        cmocka_unit_test(counts_a_sample_that_is_not_finite_as_zero),
        cmocka_unit_test(gives_finite_output_for_any_input),
        cmocka_unit_test(gives_the_same_however_the_input_is_cut),
        cmocka_unit_test(removes_as_well_after_minutes_as_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
