#include "dsp/envelope.h"
#include "fixtures/golden_filters.h"
#include "tests/allocations.h"

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

enum { N = 4000 };

static struct emg_envelope *make(double rate_hz, double rms_s, double lowpass_hz)
{
    struct emg_envelope_config config = {rate_hz, rms_s, lowpass_hz};
    struct emg_envelope *q = NULL;
    assert_int_equal(emg_envelope_create(&q, &config), EMG_OK);
    assert_non_null(q);
    return q;
}

static void fill_noise(float *x, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++)
        x[i] = golden_noise(&state);
}

static void assert_close(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g is not %.12g within %g", value, expected, tolerance);
}

static void its_output_is_that_of_scipy(void **state)
{
    (void)state;
    float x[GOLDEN_ENVELOPE_INPUTS];
    float y[GOLDEN_ENVELOPE_STRIDE];
    fill_noise(x, GOLDEN_ENVELOPE_INPUTS);
    memset(x + GOLDEN_ENVELOPE_INPUTS / 2, 0, sizeof x / 2);

    for (size_t c = 0; c < sizeof golden_envelope / sizeof golden_envelope[0]; c++) {
        double rate_hz = golden_envelope[c].rate_hz;
        struct emg_envelope *q =
            make(rate_hz, golden_envelope[c].window / rate_hz, golden_envelope[c].lowpass_hz);
        for (size_t k = 0; k < GOLDEN_ENVELOPE_INPUTS / GOLDEN_ENVELOPE_STRIDE; k++) {
            emg_envelope_execute(q, x + k * GOLDEN_ENVELOPE_STRIDE, y, GOLDEN_ENVELOPE_STRIDE);
            assert_close((double)y[GOLDEN_ENVELOPE_STRIDE - 1], golden_envelope[c].linear[k], 1e-4);
            if (isnan(golden_envelope[c].rms[k]))
                assert_true(isnan(emg_envelope_rms_uv(q)));
            else
                assert_close(emg_envelope_rms_uv(q), golden_envelope[c].rms[k], 1e-5);
        }
        emg_envelope_destroy(q);
    }
}

static void a_sinusoid_has_its_textbook_amplitudes(void **state)
{
    (void)state;
    float x[N];
    struct emg_envelope *q = make(2000.0, 0.25, 5.0);

    for (size_t i = 0; i < N; i++)
        x[i] = (float)(300.0 * sin(2.0 * PI * 100.0 * (double)i / 2000.0 + 0.3));
    emg_envelope_execute(q, x, x, N);
    assert_close(emg_envelope_rms_uv(q), 300.0 / sqrt(2.0), 1e-3);
    /* |sin| sampled 20 times a cycle has the mean 2/pi but for its aliased harmonics, below 1 %. */
    double sum = 0.0;
    for (size_t i = N / 2; i < N; i++)
        sum += (double)x[i];
    assert_close(sum / (N / 2), 300.0 * 2.0 / PI, 3.0);
    emg_envelope_destroy(q);
}

static void a_steady_level_comes_out_at_its_own_height(void **state)
{
    (void)state;
    float x[N];
    struct emg_envelope *q = make(2000.0, 0.1, 6.0);

    for (size_t i = 0; i < N; i++)
        x[i] = i % 2 == 0 ? 42.0F : -42.0F;
    emg_envelope_execute(q, x, x, N);
    assert_close((double)x[N - 1], 42.0, 1e-4);
    assert_close(emg_envelope_rms_uv(q), 42.0, 1e-9);
    emg_envelope_destroy(q);
}

/* Rectified, a carrier that swings by half its height at f gives a level that swings by half times the gain.
 */
static void the_lowpass_is_a_second_order_butterworth(void **state)
{
    (void)state;
    static const double swings_hz[] = {1.0, 5.0, 10.0, 20.0};
    float x[N];

    for (size_t k = 0; k < sizeof swings_hz / sizeof swings_hz[0]; k++) {
        struct emg_envelope *q = make(2000.0, 0.1, 5.0);
        double re = 0.0;
        double im = 0.0;
        for (size_t i = 0; i < N; i++) {
            double level = 100.0 + 50.0 * sin(2.0 * PI * swings_hz[k] * (double)i / 2000.0);
            x[i] = (float)(i % 2 == 0 ? level : -level);
        }
        emg_envelope_execute(q, x, x, N);
        for (size_t i = N / 2; i < N; i++) {
            re += (double)x[i] * cos(2.0 * PI * swings_hz[k] * (double)i / 2000.0);
            im += (double)x[i] * sin(2.0 * PI * swings_hz[k] * (double)i / 2000.0);
        }
        double gain = 2.0 * hypot(re, im) / (N / 2) / 50.0;
        double ratio = tan(PI * swings_hz[k] / 2000.0) / tan(PI * 5.0 / 2000.0);
        assert_close(gain, 1.0 / sqrt(1.0 + pow(ratio, 4.0)), 1e-5);
        emg_envelope_destroy(q);
    }
}

static void it_never_falls_below_zero_after_a_burst(void **state)
{
    (void)state;
    float x[N];
    struct emg_envelope *q = make(2000.0, 0.1, 20.0);
    size_t clamped = 0;

    fill_noise(x, N / 2);
    memset(x + N / 2, 0, sizeof x / 2);
    emg_envelope_execute(q, x, x, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(x[i] >= 0.0F);
        clamped += i > N / 2 && x[i] == 0.0F;
    }
    assert_true(clamped > 20);
    emg_envelope_destroy(q);
}

static void the_rms_is_nan_until_its_window_is_full(void **state)
{
    (void)state;
    float x[100];
    float y[100];
    struct emg_envelope *q = make(1000.0, 0.1, 5.0);

    for (size_t i = 0; i < 100; i++)
        x[i] = 3.0F;
    assert_true(isnan(emg_envelope_rms_uv(q)));
    emg_envelope_execute(q, x, y, 99);
    assert_true(isnan(emg_envelope_rms_uv(q)));
    emg_envelope_execute(q, x, y, 1);
    assert_close(emg_envelope_rms_uv(q), 3.0, 1e-12);
    emg_envelope_reset(q);
    assert_true(isnan(emg_envelope_rms_uv(q)));
    emg_envelope_destroy(q);
}

static void the_rms_forgets_what_has_left_its_window(void **state)
{
    (void)state;
    float x[N];
    struct emg_envelope *q = make(2000.0, 0.05, 5.0);

    for (size_t i = 0; i < N; i++)
        x[i] = i < N - 100 ? 1e6F : 0.5F;
    emg_envelope_execute(q, x, x, N);
    assert_close(emg_envelope_rms_uv(q), 0.5, 1e-12);
    emg_envelope_destroy(q);
}

static void the_window_is_rounded_to_whole_samples(void **state)
{
    (void)state;
    static const struct {
        double rate_hz, rms_s;
        size_t samples;
    } cases[] = {{2000.0, 0.1, 200}, {2004.5454, 0.1, 200}, {1000.0, 0.0026, 3}, {1000.0, 1e-9, 1}};
    float x[200] = {0.0F};
    float y[200];

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct emg_envelope *q = make(cases[c].rate_hz, cases[c].rms_s, 5.0);
        emg_envelope_execute(q, x, y, cases[c].samples - 1);
        assert_true(isnan(emg_envelope_rms_uv(q)));
        emg_envelope_execute(q, x, y, 1);
        assert_close(emg_envelope_rms_uv(q), 0.0, 0.0);
        emg_envelope_destroy(q);
    }
}

static void any_cut_gives_the_same_output_bit_for_bit(void **state)
{
    (void)state;
    float x[N];
    float whole[N];
    float pieces[N];
    struct emg_envelope *q = make(2000.0, 0.1, 5.0);
    uint32_t dice = 7;

    fill_noise(x, N);
    emg_envelope_execute(q, x, whole, N);
    double whole_rms = emg_envelope_rms_uv(q);
    for (int trial = 0; trial < 20; trial++) {
        emg_envelope_reset(q);
        for (size_t done = 0; done < N;) {
            dice = dice * 1664525U + 1013904223U;
            size_t piece = (dice >> 16) % (trial < 10 ? 3U : 500U);
            piece = piece < N - done ? piece : N - done;
            emg_envelope_execute(q, x + done, pieces + done, piece);
            done += piece;
        }
        double rms = emg_envelope_rms_uv(q);
        assert_memory_equal(whole, pieces, sizeof whole);
        assert_memory_equal(&whole_rms, &rms, sizeof rms);
    }
    emg_envelope_destroy(q);
}

static void input_and_output_may_be_the_same_array(void **state)
{
    (void)state;
    float x[N];
    float y[N];
    struct emg_envelope *q = make(2000.0, 0.1, 5.0);

    fill_noise(x, N);
    emg_envelope_execute(q, x, y, N);
    double rms = emg_envelope_rms_uv(q);
    emg_envelope_reset(q);
    emg_envelope_execute(q, x, x, N);
    assert_memory_equal(x, y, sizeof x);
    assert_close(emg_envelope_rms_uv(q), rms, 0.0);
    emg_envelope_destroy(q);
}

static void reset_leaves_it_as_freshly_created(void **state)
{
    (void)state;
    float x[N];
    float fresh[N];
    float again[N];
    /* 137 samples: the second run starts elsewhere in the window unless reset goes back to its start. */
    struct emg_envelope *q = make(2000.0, 0.0685, 5.0);

    fill_noise(x, N);
    emg_envelope_execute(q, x, fresh, N);
    double fresh_rms = emg_envelope_rms_uv(q);
    emg_envelope_execute(q, x, again, N / 3);
    assert_memory_not_equal(fresh, again, N / 3 * sizeof fresh[0]);
    emg_envelope_reset(q);
    emg_envelope_execute(q, x, again, N);
    double again_rms = emg_envelope_rms_uv(q);
    assert_memory_equal(fresh, again, sizeof fresh);
    assert_memory_equal(&fresh_rms, &again_rms, sizeof fresh_rms);
    emg_envelope_destroy(q);
}

static void a_sample_that_is_not_finite_counts_as_zero(void **state)
{
    (void)state;
    static const float strange[] = {NAN, INFINITY, -INFINITY};
    float x[N];
    float expected[N];
    float y[N];
    struct emg_envelope *q = make(2000.0, 0.1, 5.0);

    for (size_t k = 0; k < 3; k++) {
        fill_noise(x, N);
        x[0] = x[100] = x[N - 5] = 0.0F;
        emg_envelope_reset(q);
        emg_envelope_execute(q, x, expected, N);
        double rms = emg_envelope_rms_uv(q);
        x[0] = x[100] = x[N - 5] = strange[k];
        emg_envelope_reset(q);
        emg_envelope_execute(q, x, y, N);
        assert_memory_equal(expected, y, sizeof y);
        assert_close(emg_envelope_rms_uv(q), rms, 0.0);
    }
    emg_envelope_destroy(q);
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct emg_envelope_config bad[] = {
        {0.0, 0.1, 5.0},       {-2000.0, 0.1, 5.0},   {NAN, 0.1, 5.0},         {INFINITY, 0.1, 5.0},
        {2000.0, 0.0, 5.0},    {2000.0, -0.1, 5.0},   {2000.0, NAN, 5.0},      {2000.0, INFINITY, 5.0},
        {2000.0, 1e9, 5.0},    {2000.0, 0.1, 0.0},    {2000.0, 0.1, -5.0},     {2000.0, 0.1, NAN},
        {2000.0, 0.1, 1000.0}, {2000.0, 0.1, 1500.0}, {2000.0, 0.1, INFINITY}, {1e300, 1e300, 5.0},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_envelope *q = (struct emg_envelope *)(uintptr_t)1;
        assert_int_equal(emg_envelope_create(&q, &bad[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
}

static void lack_of_memory_is_an_error(void **state)
{
    (void)state;
#if EMG_ALLOCATIONS_COUNTED
    struct emg_envelope_config config = {2000.0, 0.1, 5.0};
    struct emg_envelope *q = (struct emg_envelope *)(uintptr_t)1;
    memory_is_out = true;
    enum emg_error error = emg_envelope_create(&q, &config);
    memory_is_out = false;
    assert_int_equal(error, EMG_ERROR_MEMORY);
    assert_null(q);
#else
    skip();
#endif
}

static void destroying_null_is_a_no_op(void **state)
{
    (void)state;
    emg_envelope_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_output_is_that_of_scipy),
        cmocka_unit_test(a_sinusoid_has_its_textbook_amplitudes),
        cmocka_unit_test(a_steady_level_comes_out_at_its_own_height),
        cmocka_unit_test(the_lowpass_is_a_second_order_butterworth),
        cmocka_unit_test(it_never_falls_below_zero_after_a_burst),
        cmocka_unit_test(the_rms_is_nan_until_its_window_is_full),
        cmocka_unit_test(the_rms_forgets_what_has_left_its_window),
        cmocka_unit_test(the_window_is_rounded_to_whole_samples),
        cmocka_unit_test(any_cut_gives_the_same_output_bit_for_bit),
        cmocka_unit_test(input_and_output_may_be_the_same_array),
        cmocka_unit_test(reset_leaves_it_as_freshly_created),
        cmocka_unit_test(a_sample_that_is_not_finite_counts_as_zero),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(lack_of_memory_is_an_error),
        cmocka_unit_test(destroying_null_is_a_no_op),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
