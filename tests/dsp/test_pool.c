#include "dsp/pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_near(value, truth, tolerance) assert_true(fabs((value) - (truth)) <= (tolerance))

enum { BINS = 5 };

static struct emg_pool *make(void)
{
    struct emg_pool *q = NULL;
    assert_int_equal(emg_pool_create(&q, BINS), EMG_OK);
    return q;
}

static void add(struct emg_pool *q, float value, double seconds)
{
    float psd[BINS];
    for (size_t k = 0; k < BINS; k++)
        psd[k] = value + (float)k;
    const struct emg_spectrum_extent slice = {.seconds = seconds, .inflated_s = 2 * seconds, .square_s = 3};
    emg_pool_execute(q, psd, &slice);
}

static void is_the_mean_weighted_by_length(void **state)
{
    (void)state;
    struct emg_pool *q = make();
    float psd[BINS];
    add(q, 10, 0.5);
    add(q, 40, 0.1);
    emg_pool_mean(q, psd);
    for (size_t k = 0; k < BINS; k++)
        assert_near((double)psd[k], 15 + (double)k, 1e-5);
    const struct emg_spectrum_extent extent = emg_pool_extent(q);
    assert_near(extent.seconds, 0.6, 1e-12);
    assert_near(extent.inflated_s, 1.2, 1e-12);
    assert_near(extent.square_s, 6, 1e-12);
    emg_pool_destroy(q);
}

static void without_a_slice_it_is_zero_also_after_reset(void **state)
{
    (void)state;
    struct emg_pool *q = make();
    float psd[BINS] = {9, 9, 9, 9, 9};
    emg_pool_mean(q, psd);
    for (size_t k = 0; k < BINS; k++)
        assert_true(psd[k] == 0);
    add(q, (float)NAN, 1);
    emg_pool_reset(q);
    assert_true(emg_pool_extent(q).seconds == 0 && emg_pool_extent(q).square_s == 0);
    add(q, 7, 0.3);
    emg_pool_mean(q, psd);
    assert_near((double)psd[4], 11, 1e-5); /* what was not finite is gone, too */
    emg_pool_destroy(q);
}

static void refuses_to_have_no_bins(void **state)
{
    (void)state;
    struct emg_pool *q = (struct emg_pool *)1;
    assert_int_equal(emg_pool_create(&q, 0), EMG_ERROR_ARGUMENT);
    assert_null(q);
    assert_int_equal(emg_pool_create(&q, SIZE_MAX / 4), EMG_ERROR_MEMORY);
    assert_null(q);
    emg_pool_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_mean_weighted_by_length),
        cmocka_unit_test(without_a_slice_it_is_zero_also_after_reset),
        cmocka_unit_test(refuses_to_have_no_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
