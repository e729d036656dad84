#include "dsp/burst.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 2000, DELAY = 320 };

static struct emg_burst_meter *make_burst(size_t delay)
{
    struct emg_burst_meter *q = NULL;
    const struct emg_burst_config config = {.rate_hz = 2000, .delay = delay};
    assert_int_equal(emg_burst_create(&q, &config), EMG_OK);
    return q;
}

struct signal {
    float x[N];
    uint32_t burst[N]; /* lags by DELAY */
};

/* Contractions 1 and 2 adjoin, 3 comes after rest, 4 is cut off by the end; samples all differ. */
static uint32_t truth(size_t sample)
{
    if (sample < 100)
        return 0;
    if (sample < 350)
        return 1;
    if (sample < 352)
        return 2;
    if (sample < 900)
        return sample < 600 ? 0 : UINT32_MAX;
    if (sample < 901)
        return 3;
    return sample < 1500 ? UINT32_MAX : 4;
}

static struct signal make_signal(void)
{
    struct signal s;
    for (size_t i = 0; i < N; i++) {
        s.x[i] = (float)(300 * sin((double)(i * i) * 0.001) - 20 + (double)i / 50);
        s.burst[i] = i < DELAY ? 0 : truth(i - DELAY);
    }
    return s;
}

static void check(const struct emg_burst *b, const float *x, size_t first, size_t end)
{
    double square = 0, magnitude = 0, peak = 0;
    for (size_t i = first; i < end; i++) {
        const double sample = (double)x[i];
        square += sample * sample;
        magnitude += fabs(sample);
        peak = fabs(sample) > peak ? fabs(sample) : peak;
    }
    assert_int_equal(b->first_sample, first);
    assert_int_equal(b->end_sample, end);
    assert_true(fabs(b->rms_uv - sqrt(square / (double)(end - first))) < 1e-9);
    assert_true(fabs(b->iemg_uv_s - magnitude / 2000) < 1e-9);
    assert_true(b->peak_uv == peak);
}

static void refuses_what_is_no_rate(void **state)
{
    (void)state;
    const double rates[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        struct emg_burst_meter *q = (struct emg_burst_meter *)1;
        const struct emg_burst_config config = {.rate_hz = rates[i], .delay = 3};
        assert_int_equal(emg_burst_create(&q, &config), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    struct emg_burst_meter *q = (struct emg_burst_meter *)1;
    assert_int_equal(emg_burst_create(&q, &(struct emg_burst_config){.rate_hz = 2000, .delay = SIZE_MAX}),
                     EMG_ERROR_ARGUMENT);
    assert_null(q);
    emg_burst_destroy(NULL);
}

static void measures_each_contraction_at_its_own_samples(void **state)
{
    (void)state;
    const struct signal s = make_signal();
    static const size_t edges[3][2] = {{100, 350}, {350, 352}, {900, 901}};
    struct emg_burst_meter *q = make_burst(DELAY);
    size_t done = 0;
    struct emg_burst b;
    for (uint32_t k = 0; k < 3; k++) {
        done += emg_burst_execute(q, s.x + done, s.burst + done, N - done, &b);
        assert_int_equal(b.number, k + 1);
        assert_int_equal(done, edges[k][1] + DELAY + 1);
        check(&b, s.x, edges[k][0], edges[k][1]);
    }
    assert_int_equal(emg_burst_execute(q, s.x + done, s.burst + done, N - done, &b), N - done);
    assert_int_equal(b.number, 0); /* the fourth has not ended */
    emg_burst_destroy(q);
}

static void needs_no_delay(void **state)
{
    (void)state;
    const float x[5] = {7, 3, -4, 5, 9};
    const uint32_t burst[5] = {8, 8, 8, 0, 0};
    struct emg_burst_meter *q = make_burst(0);
    struct emg_burst b;
    assert_int_equal(emg_burst_execute(q, x, burst, 5, &b), 4);
    assert_int_equal(b.number, 8);
    check(&b, x, 0, 3);
    emg_burst_destroy(q);
}

static void a_contraction_cut_off_by_reset_gives_none_and_counting_begins_anew(void **state)
{
    (void)state;
    const struct signal s = make_signal();
    struct emg_burst_meter *q = make_burst(DELAY);
    struct emg_burst b;
    assert_int_equal(emg_burst_execute(q, s.x, s.burst, DELAY + 200, &b), DELAY + 200);
    emg_burst_reset(q);
    const float x[2] = {1, 1};
    const uint32_t rest[2] = {0, 0};
    assert_int_equal(emg_burst_execute(q, x, rest, 2, &b), 2);
    assert_int_equal(b.number, 0);
    emg_burst_reset(q);
    assert_true(emg_burst_execute(q, s.x, s.burst, N, &b) > 0);
    check(&b, s.x, 100, 350);
    emg_burst_destroy(q);
}

static void a_number_for_what_lies_before_the_first_sample_counts_for_nothing(void **state)
{
    (void)state;
    const float x[6] = {1, 2, 3, 4, 5, 6};
    const uint32_t burst[6] = {5, 5, 5, 5, 0, 0};
    struct emg_burst_meter *q = make_burst(3);
    struct emg_burst b;
    assert_int_equal(emg_burst_execute(q, x, burst, 6, &b), 5);
    assert_int_equal(b.number, 5);
    check(&b, x, 0, 1);
    emg_burst_destroy(q);
}

static void measures_the_same_however_the_input_is_cut(void **state)
{
    (void)state;
    const struct signal s = make_signal();
    struct emg_burst whole[8], pieces[8];
    size_t n_whole = 0, n_pieces = 0;
    struct emg_burst_meter *q = make_burst(DELAY);
    memset(whole, 0, sizeof whole);
    memset(pieces, 0, sizeof pieces);
    for (size_t done = 0; done < N;) {
        struct emg_burst b;
        done += emg_burst_execute(q, s.x + done, s.burst + done, N - done, &b);
        if (b.number > 0)
            whole[n_whole++] = b;
    }
    emg_burst_reset(q);
    uint32_t random = 5;
    for (size_t done = 0; done < N;) {
        random = random * 1664525U + 1013904223U;
        size_t take = (random >> 8) % 4;
        take = take < N - done ? take : N - done;
        struct emg_burst b;
        done += emg_burst_execute(q, s.x + done, s.burst + done, take, &b);
        if (b.number > 0)
            pieces[n_pieces++] = b;
    }
    assert_int_equal(n_whole, 3);
    assert_int_equal(n_pieces, 3);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(pieces[k].number, whole[k].number);
        assert_int_equal(pieces[k].first_sample, whole[k].first_sample);
        assert_int_equal(pieces[k].end_sample, whole[k].end_sample);
        assert_true(pieces[k].rms_uv == whole[k].rms_uv && pieces[k].peak_uv == whole[k].peak_uv &&
                    pieces[k].iemg_uv_s == whole[k].iemg_uv_s);
    }
    emg_burst_destroy(q);
}

static void counts_what_is_not_finite_as_silence(void **state)
{
    (void)state;
    const float x[4] = {NAN, -2, INFINITY, 1}, silent[4] = {0, -2, 0, 1};
    const uint32_t burst[4] = {1, 1, 1, 0};
    struct emg_burst_meter *q = make_burst(0);
    struct emg_burst b;
    assert_int_equal(emg_burst_execute(q, x, burst, 4, &b), 4);
    check(&b, silent, 0, 3);
    emg_burst_destroy(q);
}

/* In float the sum of squares would stop growing. */
static void stays_exact_over_a_long_contraction(void **state)
{
    (void)state;
    float x[1000];
    uint32_t burst[1000];
    for (size_t i = 0; i < 1000; i++) {
        x[i] = i % 2 ? 100.1F : -100.1F;
        burst[i] = 1;
    }
    struct emg_burst_meter *q = make_burst(0);
    struct emg_burst b;
    for (size_t i = 0; i < 20000; i++)
        assert_int_equal(emg_burst_execute(q, x, burst, 1000, &b), 1000);
    assert_int_equal(emg_burst_execute(q, x, (const uint32_t[]){0}, 1, &b), 1);
    assert_int_equal(b.end_sample, 20000000);
    assert_true(fabs(b.rms_uv / (double)100.1F - 1) < 1e-9);
    assert_true(fabs(b.iemg_uv_s / (10000 * (double)100.1F) - 1) < 1e-9);
    emg_burst_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_rate),
        cmocka_unit_test(measures_each_contraction_at_its_own_samples),
        cmocka_unit_test(needs_no_delay),
        cmocka_unit_test(a_contraction_cut_off_by_reset_gives_none_and_counting_begins_anew),
        cmocka_unit_test(a_number_for_what_lies_before_the_first_sample_counts_for_nothing),
        cmocka_unit_test(measures_the_same_however_the_input_is_cut),
        cmocka_unit_test(counts_what_is_not_finite_as_silence),
        cmocka_unit_test(stays_exact_over_a_long_contraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
