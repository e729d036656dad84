#include "dsp/mains_search.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HARMONICS = 9 };

static const double PI = 3.14159265358979323846, HOP_S = 0.04;

static uint64_t random_state;

static double uniform(void)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return ((double)(random_state >> 11) + 0.5) * 0x1p-53;
}

/* Complex normal, E|z|^2 = 1. */
static struct emg_phasor noise(void)
{
    const double magnitude = sqrt(-log(uniform()));
    const struct emg_phasor e = emg_phasor_unit(2.0 * PI * uniform());
    return (struct emg_phasor){magnitude * e.re, magnitude * e.im};
}

/* White noise of power 1 and lines of amplitude line_uv at the odd harmonics. */
static void fill(struct emg_mains_hops *hops, double frequency_hz, double line_uv)
{
    *hops = (struct emg_mains_hops){.harmonics = HARMONICS, .halves = HARMONICS, .overlap = 1.0};
    for (int hop = 0; hop < EMG_MAINS_HISTORY; hop++) {
        struct emg_phasor amplitude[HARMONICS];
        double half[HARMONICS];
        for (size_t k = 0; k < HARMONICS; k++) {
            const struct emg_phasor e =
                emg_phasor_unit(2.0 * PI * (double)(k + 1) * frequency_hz * HOP_S * hop + (double)k);
            const double line = k % 2 == 0 ? line_uv : 0.0;
            amplitude[k] = noise();
            amplitude[k].re += line * e.re;
            amplitude[k].im += line * e.im;
            half[k] = emg_phasor_power(noise());
        }
        emg_mains_hops_take(hops, amplitude, half);
    }
}

static struct emg_mains_search *make(double nominal_hz)
{
    struct emg_mains_search *q = NULL;
    assert_int_equal(emg_mains_search_create(&q, nominal_hz, HOP_S, HARMONICS), EMG_OK);
    return q;
}

static void finds_a_line_wherever_it_is(void **state)
{
    (void)state;
    static struct emg_mains_hops hops;
    struct emg_mains_search *q = make(50.0);
    random_state = 1;
    for (double offset_hz = -1.0; offset_hz <= 1.0; offset_hz += 0.25) {
        fill(&hops, 50.0 + offset_hz, 2.0);
        const struct emg_mains_candidate found = emg_mains_search_execute(q, &hops, EMG_MAINS_HISTORY);
        assert_true(fabs(found.frequency_hz - 50.0 - offset_hz) < 0.03);
        for (size_t k = 0; k < HARMONICS; k++)
            assert_true(k % 2 == 0 ? found.line[k] > 40.0 : found.line[k] < 20.0);
    }
    emg_mains_search_destroy(q);
}

static void a_few_hops_tell_it_less_exactly(void **state)
{
    (void)state;
    static struct emg_mains_hops hops;
    struct emg_mains_search *q = make(50.0);
    random_state = 2;
    fill(&hops, 50.4, 5.0);
    const struct emg_mains_candidate found = emg_mains_search_execute(q, &hops, 20);
    assert_true(fabs(found.frequency_hz - 50.4) < 0.1);
    emg_mains_search_destroy(q);
}

static void noise_gives_little_evidence(void **state)
{
    (void)state;
    static struct emg_mains_hops hops;
    struct emg_mains_search *q = make(50.0);
    random_state = 3;
    for (unsigned t = 0; t < 30; t++) {
        double sum = 0.0;
        fill(&hops, 50.0, 0.0);
        const struct emg_mains_candidate found = emg_mains_search_execute(q, &hops, EMG_MAINS_HISTORY);
        for (size_t k = 0; k < HARMONICS; k++)
            sum += found.line[k];
        assert_true(sum < HARMONICS + 5.0 * sqrt(HARMONICS) + 12.0); /* what mains_fit asks for */
    }
    emg_mains_search_destroy(q);
}

static void without_power_there_is_none(void **state)
{
    (void)state;
    static struct emg_mains_hops hops;
    struct emg_mains_search *q = make(60.0);
    hops = (struct emg_mains_hops){.harmonics = HARMONICS, .halves = HARMONICS, .overlap = 1.0, .known = 50};
    const struct emg_mains_candidate found = emg_mains_search_execute(q, &hops, 50);
    assert_true(found.frequency_hz == 60.0 && found.line[0] == 0.0);
    emg_mains_search_destroy(q);
    emg_mains_search_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_line_wherever_it_is),
        cmocka_unit_test(a_few_hops_tell_it_less_exactly),
        cmocka_unit_test(noise_gives_little_evidence),
        cmocka_unit_test(without_power_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
