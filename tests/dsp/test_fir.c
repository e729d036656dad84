#include "dsp/fir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 9000, MOST_TAPS = 67 };

static float x[N], h[MOST_TAPS], y[N + 1], pieces[N + 1];

static int set_up(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (size_t i = 0; i < N; i++) {
        random = random * 1664525U + 1013904223U;
        x[i] = (float)(random >> 8) / 8388608.0F - 1.0F;
    }
    for (size_t i = 0; i < MOST_TAPS; i++)
        h[i] = (float)(i + 1) / MOST_TAPS;
    return 0;
}

static struct emg_fir *make(size_t taps, size_t factor)
{
    struct emg_fir *q = NULL;
    assert_int_equal(emg_fir_create(&q, h, taps, factor), EMG_OK);
    return q;
}

/* By the definition, in double. */
static double output(size_t taps, size_t factor, size_t m)
{
    double sum = 0.0;
    for (size_t i = 0; i < taps; i++)
        if (m * factor >= i)
            sum += (double)h[taps - 1 - i] * (double)x[m * factor - i];
    return sum;
}

static void outputs_are_sums_of_products(void **state)
{
    (void)state;
    const size_t taps[] = {1, 7, 8, 9, 29, MOST_TAPS}, factors[] = {1, 2, 3, 8, 24, 100};
    for (size_t t = 0; t < sizeof taps / sizeof taps[0]; t++)
        for (size_t f = 0; f < sizeof factors / sizeof factors[0]; f++) {
            struct emg_fir *q = make(taps[t], factors[f]);
            const size_t n = emg_fir_execute(q, x, y, N);
            assert_int_equal(n, (N + factors[f] - 1) / factors[f]);
            for (size_t m = 0; m < n; m++)
                assert_true(fabs((double)y[m] - output(taps[t], factors[f], m)) < 1e-4);
            emg_fir_destroy(q);
        }
}

static void any_cut_gives_the_same_output_bit_for_bit(void **state)
{
    (void)state;
    const size_t factors[] = {1, 5, 8};
    for (size_t f = 0; f < sizeof factors / sizeof factors[0]; f++) {
        struct emg_fir *q = make(29, factors[f]);
        const size_t n = emg_fir_execute(q, x, y, N);
        uint32_t random = 1;
        size_t made = 0;
        emg_fir_reset(q);
        for (size_t done = 0; done < N;) {
            random = random * 1664525U + 1013904223U;
            const size_t wanted = (random >> 8) % 40, left = N - done;
            const size_t take = wanted < left ? wanted : left;
            made += emg_fir_execute(q, x + done, pieces + made, take);
            done += take;
        }
        assert_int_equal(made, n);
        assert_memory_equal(y, pieces, n * sizeof y[0]);
        emg_fir_destroy(q);
    }
}

static void a_sample_that_is_not_finite_counts_as_zero(void **state)
{
    (void)state;
    const float bad[] = {1.0F, NAN, INFINITY, -INFINITY}, good[] = {1.0F, 0.0F, 0.0F, 0.0F};
    struct emg_fir *q = make(9, 1);
    assert_int_equal(emg_fir_execute(q, bad, y, 4), 4);
    emg_fir_reset(q);
    assert_int_equal(emg_fir_execute(q, good, pieces, 4), 4);
    assert_memory_equal(y, pieces, 4 * sizeof y[0]);
    emg_fir_destroy(q);
    emg_fir_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_sums_of_products),
        cmocka_unit_test(any_cut_gives_the_same_output_bit_for_bit),
        cmocka_unit_test(a_sample_that_is_not_finite_counts_as_zero),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
