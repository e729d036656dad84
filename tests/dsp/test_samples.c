#include "dsp/samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST_CHANNELS = 11, MOST = 37 };

/* Of any number of frames, each wanted sample and no other is written. */
static void assert_splits(size_t n_channels, const struct emg_split *wanted, size_t n_wanted)
{
    float frames[MOST * MOST_CHANNELS], y[MOST_CHANNELS][MOST + 1], *to[MOST_CHANNELS];
    for (size_t i = 0; i < MOST * n_channels; i++)
        frames[i] = (float)(i + 1);
    for (size_t n = 0; n <= MOST; n++) {
        for (size_t w = 0; w < n_wanted; w++) {
            to[w] = y[w];
            y[w][n] = -1.0F;
        }
        emg_split_frames(frames, n_channels, n, wanted, n_wanted, to);
        for (size_t w = 0; w < n_wanted; w++) {
            for (size_t i = 0; i < n; i++)
                assert_true(y[w][i] == wanted[w].scale * frames[i * n_channels + wanted[w].channel]);
            assert_true(y[w][n] == -1.0F);
        }
    }
}

static void channels_in_order_come_apart(void **state)
{
    (void)state;
    struct emg_split wanted[MOST_CHANNELS];
    for (size_t n_channels = 1; n_channels <= MOST_CHANNELS; n_channels++) {
        for (size_t i = 0; i < n_channels; i++)
            wanted[i] = (struct emg_split){i, 0.5F + (float)i};
        assert_splits(n_channels, wanted, n_channels);
    }
}

static void channels_in_any_order_come_apart(void **state)
{
    (void)state;
    const struct emg_split backwards[] = {{5, 1.0F}, {4, 2.0F}, {3, 3.0F}, {2, 4.0F}};
    const struct emg_split twice[] = {{2, 1.0F}, {2, 2.0F}, {3, 3.0F}, {4, 4.0F}, {5, 5.0F}, {0, 6.0F}};
    const struct emg_split with_a_hole[] = {{0, 1.0F}, {1, 2.0F}, {2, 3.0F}, {4, 4.0F}, {5, 5.0F}};
    assert_splits(6, backwards, 4);
    assert_splits(6, twice, 6);
    assert_splits(6, with_a_hole, 5);
}

static void all_are_added_up(void **state)
{
    (void)state;
    float x[MOST];
    double sum = 0, squares = 0;
    for (size_t i = 0; i < MOST; i++) {
        assert_true(emg_sum(x, i) == sum);
        assert_true(emg_sum_of_squares(x, i) == squares);
        x[i] = (float)(3 * i) - 20.5F;
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
}

static void nothing_wanted_is_nothing_done(void **state)
{
    (void)state;
    const float frames[4] = {1, 2, 3, 4};
    emg_split_frames(frames, 4, 1, NULL, 0, NULL);
}

static void what_is_not_finite_is_copied_as_0(void **state)
{
    (void)state;
    float x[MOST], y[MOST + 1];
    for (size_t n = 0; n <= MOST; n++) {
        for (size_t i = 0; i < MOST; i++)
            x[i] = i % 5 == 1 ? NAN : i % 5 == 2 ? INFINITY : i % 5 == 3 ? -INFINITY : -(float)i;
        y[n] = 7.0F;
        emg_copy_finite(y, x, n);
        for (size_t i = 0; i < n; i++)
            assert_true(y[i] == (i % 5 == 0 || i % 5 == 4 ? x[i] : 0.0F));
        assert_true(y[n] == 7.0F);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_in_order_come_apart),
        cmocka_unit_test(channels_in_any_order_come_apart),
        cmocka_unit_test(what_is_not_finite_is_copied_as_0),
        cmocka_unit_test(all_are_added_up),
        cmocka_unit_test(nothing_wanted_is_nothing_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
