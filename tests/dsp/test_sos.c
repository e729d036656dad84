#include "dsp/sos.h"
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

static struct emg_sos *make(double rate_hz, double highpass_hz, double lowpass_hz, unsigned order)
{
    struct emg_sos_config config = {rate_hz, highpass_hz, lowpass_hz, order};
    struct emg_sos *q = NULL;
    assert_int_equal(emg_sos_create(&q, &config), EMG_OK);
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
    float x[GOLDEN_SOS_INPUTS];
    float y[GOLDEN_SOS_INPUTS];
    fill_noise(x, GOLDEN_SOS_INPUTS);

    for (size_t c = 0; c < sizeof golden_sos / sizeof golden_sos[0]; c++) {
        struct emg_sos *q = make(golden_sos[c].rate_hz, golden_sos[c].highpass_hz, golden_sos[c].lowpass_hz,
                                 golden_sos[c].order);
        emg_sos_execute(q, x, y, GOLDEN_SOS_INPUTS);
        /* Half an ulp of the float output at 1000 uV is 3e-5. */
        for (size_t i = GOLDEN_SOS_STRIDE - 1; i < GOLDEN_SOS_INPUTS; i += GOLDEN_SOS_STRIDE)
            assert_close((double)y[i], golden_sos[c].y[i / GOLDEN_SOS_STRIDE], 1e-4);
        emg_sos_destroy(q);
    }
}

static void together_they_do_as_each_alone(void **state)
{
    (void)state;
    for (size_t n_filters = 1; n_filters <= EMG_SOS_TOGETHER; n_filters++) {
        static float x[EMG_SOS_TOGETHER][N], y[EMG_SOS_TOGETHER][N], alone[N];
        struct emg_sos *q[EMG_SOS_TOGETHER], *single = make(2000, 20, 450, 4);
        const float *from[EMG_SOS_TOGETHER];
        float *to[EMG_SOS_TOGETHER];
        for (size_t i = 0; i < n_filters; i++) {
            q[i] = make(2000, 20, 450, 4);
            fill_noise(x[i], N);
            x[i][17 * i] = i == 1 ? NAN : 5000.0F;
        }
        for (size_t done = 0, take = 1; done < N;
             done += take, take = N - done < 3 * take ? N - done : 3 * take) {
            for (size_t i = 0; i < n_filters; i++) {
                from[i] = x[i] + done;
                to[i] = y[i] + done;
            }
            emg_sos_execute_together(q, n_filters, from, to, take);
        }
        for (size_t i = 0; i < n_filters; i++) {
            emg_sos_reset(single);
            emg_sos_execute(single, x[i], alone, N);
            assert_memory_equal(y[i], alone, sizeof alone);
            emg_sos_destroy(q[i]);
        }
        emg_sos_destroy(single);
    }
}

/* The bilinear transform maps f to tan(pi f / rate), where the analogue Butterworth response holds exactly.
 */
static double butterworth(double f_hz, double rate_hz, double highpass_hz, double lowpass_hz, unsigned order)
{
    double w = tan(PI * f_hz / rate_hz);
    double gain = 1.0;
    if (highpass_hz > 0.0)
        gain /= sqrt(1.0 + pow(tan(PI * highpass_hz / rate_hz) / w, 2.0 * order));
    if (lowpass_hz > 0.0)
        gain /= sqrt(1.0 + pow(w / tan(PI * lowpass_hz / rate_hz), 2.0 * order));
    return gain;
}

static void every_order_has_the_butterworth_response(void **state)
{
    (void)state;
    static const struct {
        double rate_hz, highpass_hz, lowpass_hz;
    } cases[] = {
        {2000.0, 20.0, 450.0}, {1000.0, 20.0, 450.0}, {44100.0 / 22.0, 50.0, 0.0},
        {2000.0, 0.0, 450.0},  {4000.0, 5.0, 500.0},  {192000.0, 20.0, 450.0},
    };

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double rate_hz = cases[c].rate_hz;
        double highpass_hz = cases[c].highpass_hz;
        double lowpass_hz = cases[c].lowpass_hz;
        for (unsigned order = 1; order <= 8; order++) {
            struct emg_sos *q = make(rate_hz, highpass_hz, lowpass_hz, order);
            for (double f_hz = rate_hz / 1024.0; f_hz < rate_hz / 2.0; f_hz += rate_hz / 1024.0) {
                double expected = butterworth(f_hz, rate_hz, highpass_hz, lowpass_hz, order);
                assert_close(emg_sos_response(q, f_hz), expected, 1e-9);
            }
            emg_sos_destroy(q);
        }
    }
}

static void each_edge_lies_at_minus_3_db(void **state)
{
    (void)state;
    for (unsigned order = 1; order <= 8; order++) {
        struct emg_sos *highpass = make(2000.0, 20.0, 0.0, order);
        struct emg_sos *lowpass = make(2000.0, 0.0, 450.0, order);
        assert_close(emg_sos_response(highpass, 20.0), sqrt(0.5), 1e-9);
        assert_close(emg_sos_response(lowpass, 450.0), sqrt(0.5), 1e-9);
        assert_close(emg_sos_response(highpass, 0.0), 0.0, 1e-12);
        assert_close(emg_sos_response(highpass, 1000.0), 1.0, 1e-12);
        assert_close(emg_sos_response(lowpass, 0.0), 1.0, 1e-9);
        assert_close(emg_sos_response(lowpass, 1000.0), 0.0, 1e-12);
        emg_sos_destroy(highpass);
        emg_sos_destroy(lowpass);
    }
}

/* Amplitude of the last half of y at a frequency of which that half holds whole cycles. */
static double amplitude_at(const float *y, size_t n, double f_hz, double rate_hz)
{
    double re = 0.0;
    double im = 0.0;
    for (size_t i = n / 2; i < n; i++) {
        re += (double)y[i] * cos(2.0 * PI * f_hz * (double)i / rate_hz);
        im += (double)y[i] * sin(2.0 * PI * f_hz * (double)i / rate_hz);
    }
    return 2.0 * hypot(re, im) / (double)(n - n / 2);
}

static void a_sinusoid_comes_out_as_the_response_says(void **state)
{
    (void)state;
    static const double frequencies_hz[] = {5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 450.0, 700.0, 950.0};
    float x[N];

    for (size_t k = 0; k < sizeof frequencies_hz / sizeof frequencies_hz[0]; k++) {
        struct emg_sos *q = make(2000.0, 20.0, 450.0, 4);
        for (size_t i = 0; i < N; i++)
            x[i] = (float)(1000.0 * sin(2.0 * PI * frequencies_hz[k] * (double)i / 2000.0));
        emg_sos_execute(q, x, x, N);
        double gain = amplitude_at(x, N, frequencies_hz[k], 2000.0) / 1000.0;
        assert_close(gain, emg_sos_response(q, frequencies_hz[k]), 1e-6);
        emg_sos_destroy(q);
    }
}

static void an_electrode_offset_of_100_mv_leaves_no_trace(void **state)
{
    (void)state;
    float x[N];
    struct emg_sos *q = make(2000.0, 20.0, 450.0, 4);

    for (size_t i = 0; i < N; i++)
        x[i] = 1e5F;
    emg_sos_execute(q, x, x, N);
    assert_true(fabsf(x[0]) > 1e3F);
    for (size_t i = N / 2; i < N; i++)
        assert_close((double)x[i], 0.0, 1e-6);
    emg_sos_destroy(q);
}

static void without_edges_samples_pass_unchanged(void **state)
{
    (void)state;
    float x[N];
    float y[N];
    struct emg_sos *q = make(2000.0, 0.0, 0.0, 4);

    fill_noise(x, N);
    emg_sos_execute(q, x, y, N);
    assert_memory_equal(x, y, sizeof x);
    assert_close(emg_sos_response(q, 123.0), 1.0, 0.0);
    emg_sos_destroy(q);
}

static void any_cut_gives_the_same_output_bit_for_bit(void **state)
{
    (void)state;
    float x[N];
    float whole[N];
    float pieces[N];
    struct emg_sos *q = make(2000.0, 20.0, 450.0, 5);
    uint32_t dice = 7;

    fill_noise(x, N);
    emg_sos_execute(q, x, whole, N);
    for (int trial = 0; trial < 20; trial++) {
        emg_sos_reset(q);
        for (size_t done = 0; done < N;) {
            dice = dice * 1664525U + 1013904223U;
            size_t piece = (dice >> 16) % (trial < 10 ? 3U : 200U);
            piece = piece < N - done ? piece : N - done;
            emg_sos_execute(q, x + done, pieces + done, piece);
            done += piece;
        }
        assert_memory_equal(whole, pieces, sizeof whole);
    }
    emg_sos_destroy(q);
}

static void input_and_output_may_be_the_same_array(void **state)
{
    (void)state;
    float x[N];
    float y[N];
    struct emg_sos *q = make(2000.0, 20.0, 450.0, 4);

    fill_noise(x, N);
    emg_sos_execute(q, x, y, N);
    emg_sos_reset(q);
    emg_sos_execute(q, x, x, N);
    assert_memory_equal(x, y, sizeof x);
    emg_sos_destroy(q);
}

static void reset_leaves_it_as_freshly_created(void **state)
{
    (void)state;
    float x[N];
    float fresh[N];
    float again[N];

    fill_noise(x, N);
    for (unsigned order = 1; order <= 8; order++) {
        struct emg_sos *q = make(2000.0, 20.0, 450.0, order);
        emg_sos_execute(q, x, fresh, N);
        emg_sos_execute(q, x, again, N);
        assert_memory_not_equal(fresh, again, sizeof fresh);
        emg_sos_reset(q);
        emg_sos_execute(q, x, again, N);
        assert_memory_equal(fresh, again, sizeof fresh);
        emg_sos_destroy(q);
    }
}

static void a_sample_that_is_not_finite_counts_as_zero(void **state)
{
    (void)state;
    static const float strange[] = {NAN, INFINITY, -INFINITY};
    float x[N];
    float expected[N];
    float y[N];
    struct emg_sos *q = make(2000.0, 20.0, 450.0, 4);

    for (size_t k = 0; k < 3; k++) {
        fill_noise(x, N);
        x[0] = x[100] = x[101] = 0.0F;
        emg_sos_reset(q);
        emg_sos_execute(q, x, expected, N);
        x[0] = x[100] = x[101] = strange[k];
        emg_sos_reset(q);
        emg_sos_execute(q, x, y, N);
        assert_memory_equal(expected, y, sizeof y);
    }
    emg_sos_destroy(q);
}

static void silence_stays_silent(void **state)
{
    (void)state;
    float x[100] = {0.0F};
    struct emg_sos *q = make(2000.0, 20.0, 450.0, 4);

    emg_sos_execute(q, x, x, 100);
    for (size_t i = 0; i < 100; i++)
        assert_true(x[i] == 0.0F);
    emg_sos_destroy(q);
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct emg_sos_config bad[] = {
        {0.0, 20.0, 450.0, 4},        {-2000.0, 20.0, 450.0, 4},  {NAN, 20.0, 450.0, 4},
        {INFINITY, 20.0, 450.0, 4},   {2000.0, -20.0, 450.0, 4},  {2000.0, NAN, 450.0, 4},
        {2000.0, 1000.0, 0.0, 4},     {2000.0, 20.0, 1000.0, 4},  {2000.0, 20.0, NAN, 4},
        {2000.0, 20.0, INFINITY, 4},  {2000.0, 20.0, -450.0, 4},  {2000.0, 450.0, 450.0, 4},
        {2000.0, 450.0, 20.0, 4},     {2000.0, 20.0, 450.0, 0},   {2000.0, 20.0, 450.0, 9},
        {2000.0, 20.0, 450.0, 1000U}, {2000.0, INFINITY, 0.0, 4}, {2000.0, 0.0, 0.0, 0},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_sos *q = (struct emg_sos *)(uintptr_t)1;
        assert_int_equal(emg_sos_create(&q, &bad[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
}

static void edges_next_to_the_limits_stay_finite(void **state)
{
    (void)state;
    float x[N];
    float y[N];
    struct emg_sos *q = make(2000.0, 0.01, 999.9, 8);

    fill_noise(x, N);
    emg_sos_execute(q, x, y, N);
    for (size_t i = 0; i < N; i++)
        assert_true(fabsf(y[i]) < 1e4F);
    emg_sos_destroy(q);
}

static void lack_of_memory_is_an_error(void **state)
{
    (void)state;
#if EMG_ALLOCATIONS_COUNTED
    struct emg_sos_config config = {2000.0, 20.0, 450.0, 4};
    struct emg_sos *q = (struct emg_sos *)(uintptr_t)1;
    memory_is_out = true;
    enum emg_error error = emg_sos_create(&q, &config);
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
    emg_sos_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_output_is_that_of_scipy),
        cmocka_unit_test(together_they_do_as_each_alone),
        cmocka_unit_test(every_order_has_the_butterworth_response),
        cmocka_unit_test(each_edge_lies_at_minus_3_db),
        cmocka_unit_test(a_sinusoid_comes_out_as_the_response_says),
        cmocka_unit_test(an_electrode_offset_of_100_mv_leaves_no_trace),
        cmocka_unit_test(without_edges_samples_pass_unchanged),
        cmocka_unit_test(any_cut_gives_the_same_output_bit_for_bit),
        cmocka_unit_test(input_and_output_may_be_the_same_array),
        cmocka_unit_test(reset_leaves_it_as_freshly_created),
        cmocka_unit_test(a_sample_that_is_not_finite_counts_as_zero),
        cmocka_unit_test(silence_stays_silent),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(edges_next_to_the_limits_stay_finite),
        cmocka_unit_test(lack_of_memory_is_an_error),
        cmocka_unit_test(destroying_null_is_a_no_op),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
