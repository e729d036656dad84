#include "dsp/mains_hops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HARMONICS = 5 };

#define assert_near(value, truth) assert_true(fabs((value) - (truth)) <= 1e-12 * (1.0 + fabs(truth)))

static struct emg_mains_hops hops;

static int set_up(void **state)
{
    (void)state;
    hops = (struct emg_mains_hops){.harmonics = HARMONICS, .halves = HARMONICS, .overlap = 1.0};
    return 0;
}

/* A hop whose amplitudes tell its number, with `power` half-way everywhere. */
static void take(double number, double power)
{
    struct emg_phasor amplitude[HARMONICS];
    double half[HARMONICS];
    for (size_t k = 0; k < HARMONICS; k++) {
        amplitude[k] = (struct emg_phasor){number, -number};
        half[k] = power * (double)(k + 1);
    }
    emg_mains_hops_take(&hops, amplitude, half);
}

static void the_newest_hops_are_kept(void **state)
{
    (void)state;
    for (int i = 1; i <= EMG_MAINS_HISTORY + 7; i++) {
        take(i, 1.0);
        assert_int_equal(hops.known, i < EMG_MAINS_HISTORY ? i : EMG_MAINS_HISTORY);
        for (size_t age = 0; age < hops.known; age++) {
            const struct emg_mains_complex_row *z = &hops.z[emg_mains_hops_place(&hops, age)];
            assert_true(z->re[0] == (double)i - (double)age && z->im[HARMONICS - 1] == -z->re[0]);
            assert_true(z->re[HARMONICS] == 0.0);
        }
    }
}

static void alike_they_count_alike(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        take(i, 3.0);
    assert_near(emg_mains_hops_weigh(&hops, 40), 40.0);
    for (size_t age = 0; age < 40; age++)
        assert_near(hops.weight[age], 1.0 / 40);
    hops.overlap = 2.0;
    assert_near(emg_mains_hops_weigh(&hops, 40), 20.0);
}

/* Thirty quiet hops among as many with 10000 times their power, a neighbour on each side counting as loud. */
static void loud_ones_count_little(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++)
        take(i, i < 30 ? 1e4 : 1.0);
    const double independent = emg_mains_hops_weigh(&hops, 60);
    double sum = 0.0, half[EMG_MAINS_HARMONICS_MAX];
    for (size_t age = 0; age < 60; age++)
        sum += hops.weight[age];
    assert_near(sum, 1.0);
    assert_true(independent > 28.0 && independent < 30.0);
    assert_true(hops.weight[0] > 1000 * hops.weight[59]);
    emg_mains_hops_between(&hops, 60, half);
    for (size_t k = 0; k < HARMONICS; k++) /* of a mean of 29 with power 1 and more */
        assert_true(fabs(half[k] * 29 / (double)(k + 1) - 1.0) < 0.1);
}

static void without_power_none_counts(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        take(i, 0.0);
    assert_true(emg_mains_hops_weigh(&hops, 20) == 0.0);
}

static void beside_a_harmonic_is_the_mean_of_its_neighbours(void **state)
{
    (void)state;
    const double half[HARMONICS] = {4.0, 2.0, 6.0, 8.0, 1.0}, steep[HARMONICS] = {100.0, 1.0, 1.0, 1.0, 1.0};
    assert_near(emg_mains_hops_beside(&hops, half, 2), 4.0);
    assert_near(emg_mains_hops_beside(&hops, half, 4), 4.5);
    assert_near(emg_mains_hops_beside(&hops, half, 0), 4.0 * sqrt(2.0));
    assert_near(emg_mains_hops_beside(&hops, steep, 0), 200.0);
    hops.halves = HARMONICS - 1;
    assert_near(emg_mains_hops_beside(&hops, half, 4), 8.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_newest_hops_are_kept, set_up),
        cmocka_unit_test_setup(alike_they_count_alike, set_up),
        cmocka_unit_test_setup(loud_ones_count_little, set_up),
        cmocka_unit_test_setup(without_power_none_counts, set_up),
        cmocka_unit_test_setup(beside_a_harmonic_is_the_mean_of_its_neighbours, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
