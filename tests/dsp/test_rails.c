#include "dsp/rails.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RATE = 2000, N = 2 * RATE };
static const double FULL_SCALE_UV = 5000, HOLD_S = 0.25;

static float x[N];

static struct emg_rails *make(void)
{
    struct emg_rails *q = NULL;
    assert_int_equal(emg_rails_create(&q, RATE, FULL_SCALE_UV, HOLD_S), EMG_OK);
    return q;
}

/* Noise well inside the rails, never twice the same value. */
static int set_up(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (size_t i = 0; i < N; i++) {
        random = random * 1664525U + 1013904223U;
        x[i] = (float)(random >> 8) / 16777216.0F * 200.0F - 100.0F + (i % 2 == 0 ? 0.001F : 0.0F);
    }
    return 0;
}

static bool is_calm(const struct emg_rails *q)
{
    return !emg_rails_clipping(q) && !emg_rails_flat(q) && !emg_rails_open(q);
}

static void a_muscle_is_calm(void **state)
{
    (void)state;
    struct emg_rails *q = make();
    emg_rails_execute(q, x, N);
    assert_true(is_calm(q));
    emg_rails_destroy(q);
    emg_rails_destroy(NULL);
}

static void two_samples_on_one_rail_clip_for_a_while(void **state)
{
    (void)state;
    struct emg_rails *q = make();
    x[100] = 5000.0F;
    x[101] = -5000.0F; /* one on either is none */
    emg_rails_execute(q, x, 200);
    assert_true(is_calm(q));
    x[300] = x[301] = 4996.0F;
    emg_rails_execute(q, x + 200, 101);
    assert_false(emg_rails_clipping(q));
    emg_rails_execute(q, x + 301, 1);
    assert_true(emg_rails_clipping(q));
    emg_rails_execute(q, x + 302, (size_t)(HOLD_S * RATE));
    assert_true(emg_rails_clipping(q));
    emg_rails_execute(q, x + 302 + (size_t)(HOLD_S * RATE), 1);
    assert_true(is_calm(q));
    x[1500] = NAN;
    emg_rails_execute(q, x + 1500, 1);
    assert_true(emg_rails_clipping(q));
    emg_rails_reset(q);
    assert_true(is_calm(q));
    emg_rails_destroy(q);
}

static void a_tenth_of_a_second_without_change_is_flat(void **state)
{
    (void)state;
    struct emg_rails *q = make();
    for (size_t i = 500; i <= 700; i++)
        x[i] = 12.5F;
    emg_rails_execute(q, x, 700);
    assert_true(is_calm(q));
    emg_rails_execute(q, x + 700, 1);
    assert_true(emg_rails_flat(q) && !emg_rails_clipping(q) && !emg_rails_open(q));
    emg_rails_destroy(q);
}

static void what_swings_between_rails_below_full_scale_is_open(void **state)
{
    (void)state;
    struct emg_rails *q = make();
    for (size_t i = 0; i < N; i++)
        x[i] = (i / 20 % 2 == 0 ? 900.0F : -900.0F) + x[i] * 0.1F;
    emg_rails_execute(q, x, RATE / 2);
    assert_true(emg_rails_open(q));
    emg_rails_destroy(q);
    q = make();
    for (size_t i = 0; i < N; i++)
        x[i] = 900.0F * sinf(0.3F * (float)i);
    emg_rails_execute(q, x, N);
    assert_false(emg_rails_open(q));
    emg_rails_destroy(q);
}

static void any_cut_tells_the_same(void **state)
{
    (void)state;
    struct emg_rails *whole = make(), *cut = make();
    for (size_t i = 0; i < N; i++)
        x[i] = i / 700 % 2 == 0 ? x[i] : i % 3 == 0 ? 5000.0F : x[i / 50 * 50];
    for (size_t done = 0; done < N;) {
        const size_t wanted = 1 + done % 37, take = wanted < N - done ? wanted : N - done;
        emg_rails_execute(whole, x + done, take);
        for (size_t i = 0; i < take; i++)
            emg_rails_execute(cut, x + done + i, 1);
        assert_int_equal(emg_rails_clipping(whole), emg_rails_clipping(cut));
        assert_int_equal(emg_rails_flat(whole), emg_rails_flat(cut));
        assert_int_equal(emg_rails_open(whole), emg_rails_open(cut));
        done += take;
    }
    emg_rails_destroy(cut);
    emg_rails_destroy(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_muscle_is_calm, set_up),
        cmocka_unit_test_setup(two_samples_on_one_rail_clip_for_a_while, set_up),
        cmocka_unit_test_setup(a_tenth_of_a_second_without_change_is_flat, set_up),
        cmocka_unit_test_setup(what_swings_between_rails_below_full_scale_is_open, set_up),
        cmocka_unit_test_setup(any_cut_tells_the_same, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
