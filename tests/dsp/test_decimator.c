#include "dsp/decimator.h"
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

static const double RATES_HZ[] = {4200.0,  5999.0,  8000.0,  11025.0, 16000.0,  22050.0, 32000.0,
                                  44100.0, 48000.0, 88200.0, 96000.0, 176400.0, 192000.0};
enum { N_RATES = sizeof RATES_HZ / sizeof RATES_HZ[0], N = 6000 };

static struct emg_decimator *make(double rate_hz, unsigned factor, double pass_hz, double stop_db)
{
    struct emg_decimator_config config = {rate_hz, factor, pass_hz, stop_db};
    struct emg_decimator *q = NULL;
    assert_int_equal(emg_decimator_create(&q, &config), EMG_OK);
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

static double in_db(double gain)
{
    return 20.0 * log10(gain + 1e-30);
}

static void the_factor_brings_every_rate_to_about_2_khz(void **state)
{
    (void)state;
    assert_int_equal(emg_decimator_factor(1000.0), 1);
    assert_int_equal(emg_decimator_factor(2000.0), 1);
    assert_int_equal(emg_decimator_factor(4199.9), 1);
    assert_int_equal(emg_decimator_factor(4200.0), 2);
    assert_int_equal(emg_decimator_factor(5999.9), 2);
    assert_int_equal(emg_decimator_factor(44100.0), 22);
    assert_int_equal(emg_decimator_factor(48000.0), 24);
    assert_int_equal(emg_decimator_factor(192000.0), 96);
    for (double rate_hz = 4200.0; rate_hz <= 192000.0; rate_hz += 97.0) {
        double output_hz = rate_hz / emg_decimator_factor(rate_hz);
        assert_true(output_hz >= 2000.0 && output_hz < 3000.0);
    }
}

static void the_factor_of_a_senseless_rate_is_safe(void **state)
{
    (void)state;
    assert_int_equal(emg_decimator_factor(0.0), 1);
    assert_int_equal(emg_decimator_factor(-48000.0), 1);
    assert_int_equal(emg_decimator_factor(NAN), 1);
    assert_true(emg_decimator_factor(INFINITY) >= 1);
    assert_true(emg_decimator_factor(1e300) >= 1);
}

static void its_output_is_that_of_scipy(void **state)
{
    (void)state;
    enum { MOST = GOLDEN_DECIMATOR_OUTPUTS * 96 };
    float x[MOST];
    float y[GOLDEN_DECIMATOR_OUTPUTS + 1];
    fill_noise(x, MOST);

    for (size_t c = 0; c < sizeof golden_decimator / sizeof golden_decimator[0]; c++) {
        unsigned factor = golden_decimator[c].factor;
        struct emg_decimator *q = make(golden_decimator[c].rate_hz, factor, golden_decimator[c].pass_hz,
                                       golden_decimator[c].stop_db);
        size_t made = emg_decimator_execute(q, x, y, GOLDEN_DECIMATOR_OUTPUTS * factor);
        assert_int_equal(made, GOLDEN_DECIMATOR_OUTPUTS);
        /* A millionth of full scale, which is 1000 uV. */
        for (size_t i = 0; i < made; i++)
            assert_close((double)y[i], golden_decimator[c].y[i], 1e-3);
        emg_decimator_destroy(q);
    }
}

static void assert_specification(const struct emg_decimator *q, double rate_hz, unsigned factor,
                                 double pass_hz, double stop_db)
{
    double stop_hz = rate_hz / factor - pass_hz;
    enum { GRID = 2000 };

    assert_close(emg_decimator_response(q, 0.0), 1.0, 1e-9);
    for (int i = 0; i <= GRID / 10; i++)
        assert_close(in_db(emg_decimator_response(q, pass_hz * i * 10 / GRID)), 0.0, 0.01);
    for (int i = 0; i <= GRID; i++) {
        /* Denser near the edge, where the highest lobes are. */
        double f_hz = stop_hz + (rate_hz / 2.0 - stop_hz) * i * i / GRID / GRID;
        double level_db = in_db(emg_decimator_response(q, f_hz));
        if (!(level_db <= -stop_db))
            fail_msg("%g Hz by %u: %.2f dB at %g Hz", rate_hz, factor, level_db, f_hz);
    }
}

static void the_band_to_500_hz_is_flat_and_nothing_folds_into_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_RATES; i++) {
        unsigned factor = emg_decimator_factor(RATES_HZ[i]);
        struct emg_decimator *q = make(RATES_HZ[i], factor, 500.0, 80.0);
        assert_specification(q, RATES_HZ[i], factor, 500.0, 80.0);
        emg_decimator_destroy(q);
    }
}

static void other_bands_and_attenuations_hold_too(void **state)
{
    (void)state;
    static const double stops_db[] = {40.0, 60.0, 100.0, 120.0};
    static const double rates_hz[] = {4200.0, 5700.0, 8100.0, 48000.0};

    for (size_t s = 0; s < sizeof stops_db / sizeof stops_db[0]; s++)
        for (size_t i = 0; i < sizeof rates_hz / sizeof rates_hz[0]; i++)
            for (double part = 0.1; part < 0.45; part += 0.1) {
                unsigned factor = emg_decimator_factor(rates_hz[i]);
                double pass_hz = part * rates_hz[i] / factor;
                struct emg_decimator *q = make(rates_hz[i], factor, pass_hz, stops_db[s]);
                assert_specification(q, rates_hz[i], factor, pass_hz, stops_db[s]);
                emg_decimator_destroy(q);
            }
}

/* Feeds a sinusoid of 1000 uV; y gets at least `outputs` values, of which those from the returned index on
 * are past the filter's settling. */
static size_t run_sinusoid(struct emg_decimator *q, double f_hz, double rate_hz, unsigned factor, float *y,
                           size_t outputs)
{
    float x[96];
    size_t made = 0;

    for (size_t i = 0; made < outputs; i += factor) {
        for (size_t k = 0; k < factor; k++)
            x[k] = (float)(1000.0 * sin(2.0 * PI * f_hz * (double)(i + k) / rate_hz));
        made += emg_decimator_execute(q, x, y + made, factor);
    }
    return (size_t)ceil(2.0 * emg_decimator_delay_s(q) * rate_hz / factor) + 1;
}

static void a_sinusoid_in_the_band_arrives_whole_and_on_time(void **state)
{
    (void)state;
    static const double frequencies_hz[] = {1.0, 20.0, 95.67, 250.0, 450.0, 500.0};
    float y[201];

    for (size_t r = 0; r < N_RATES; r++) {
        double rate_hz = RATES_HZ[r];
        unsigned factor = emg_decimator_factor(rate_hz);
        struct emg_decimator *q = make(rate_hz, factor, 500.0, 80.0);
        for (size_t k = 0; k < sizeof frequencies_hz / sizeof frequencies_hz[0]; k++) {
            emg_decimator_reset(q);
            size_t first = run_sinusoid(q, frequencies_hz[k], rate_hz, factor, y, 200);
            for (size_t m = first; m < 200; m++) {
                double t_s = (double)m * factor / rate_hz - emg_decimator_delay_s(q);
                assert_close((double)y[m], 1000.0 * sin(2.0 * PI * frequencies_hz[k] * t_s), 1.0);
            }
        }
        emg_decimator_destroy(q);
    }
}

static void a_sinusoid_that_would_fold_into_the_band_is_gone(void **state)
{
    (void)state;
    float y[201];

    for (size_t r = 0; r < N_RATES; r++) {
        double rate_hz = RATES_HZ[r];
        unsigned factor = emg_decimator_factor(rate_hz);
        double output_hz = rate_hz / factor;
        struct emg_decimator *q = make(rate_hz, factor, 500.0, 80.0);
        for (unsigned band = 1; band <= factor / 2; band++)
            for (double offset_hz = -500.0; offset_hz <= 500.0; offset_hz += 243.0) {
                double f_hz = band * output_hz + offset_hz;
                if (f_hz > rate_hz / 2.0 || (band > 3 && band + 2 < factor / 2))
                    continue;
                emg_decimator_reset(q);
                size_t first = run_sinusoid(q, f_hz, rate_hz, factor, y, 100);
                for (size_t m = first; m < 100; m++)
                    assert_close((double)y[m], 0.0, 0.1);
            }
        emg_decimator_destroy(q);
    }
}

static void a_steady_level_comes_out_at_its_own_height(void **state)
{
    (void)state;
    float x[N];
    float y[N];

    for (size_t i = 0; i < N; i++)
        x[i] = 1000.0F;
    for (size_t r = 0; r < N_RATES; r++) {
        struct emg_decimator *q = make(RATES_HZ[r], emg_decimator_factor(RATES_HZ[r]), 500.0, 80.0);
        size_t made = emg_decimator_execute(q, x, y, N);
        assert_close((double)y[made - 1], 1000.0, 1e-3);
        emg_decimator_destroy(q);
    }
}

static void an_impulse_shows_a_symmetric_filter_and_its_delay(void **state)
{
    (void)state;
    enum { FACTOR = 24, MOST = 401 };
    float taps[MOST] = {0.0F};
    float x[MOST];
    float y[MOST / FACTOR + 2];
    struct emg_decimator *q = make(48000.0, FACTOR, 500.0, 80.0);
    double delay = emg_decimator_delay_s(q) * 48000.0;
    size_t half = (size_t)lround(delay);

    /* Output 16 at input 384 shows coefficient 384 - i for an impulse at input i. */
    for (size_t i = 0; i <= 384; i++) {
        memset(x, 0, sizeof x);
        x[i] = 1.0F;
        emg_decimator_reset(q);
        emg_decimator_execute(q, x, y, MOST);
        taps[384 - i] = y[16];
    }
    assert_close(delay, (double)half, 1e-9);
    assert_true(half > 50 && half < 190);
    for (size_t k = 0; k <= half; k++)
        assert_true(taps[half - k] == taps[half + k]);
    assert_true(taps[0] != 0.0F);
    for (size_t i = 2 * half + 1; i < MOST; i++)
        assert_true(taps[i] == 0.0F);
    emg_decimator_destroy(q);
}

static void a_factor_of_1_passes_samples_unchanged(void **state)
{
    (void)state;
    float x[N];
    float y[N];
    static const double rates_hz[] = {1000.0, 1024.0, 2000.0, 4100.0};

    fill_noise(x, N);
    for (size_t r = 0; r < sizeof rates_hz / sizeof rates_hz[0]; r++) {
        struct emg_decimator *q = make(rates_hz[r], 1, 450.0, 80.0);
        assert_int_equal(emg_decimator_execute(q, x, y, N), N);
        assert_memory_equal(x, y, sizeof x);
        assert_close(emg_decimator_delay_s(q), 0.0, 0.0);
        assert_close(emg_decimator_response(q, 432.1), 1.0, 0.0);
        emg_decimator_destroy(q);
    }
}

static void any_cut_gives_the_same_output_bit_for_bit(void **state)
{
    (void)state;
    static const double rates_hz[] = {2000.0, 5000.0, 44100.0, 192000.0};
    float x[N];
    float whole[N];
    float pieces[N];
    uint32_t dice = 7;

    fill_noise(x, N);
    for (size_t r = 0; r < sizeof rates_hz / sizeof rates_hz[0]; r++) {
        unsigned factor = emg_decimator_factor(rates_hz[r]);
        struct emg_decimator *q = make(rates_hz[r], factor, 500.0, 80.0);
        size_t total = emg_decimator_execute(q, x, whole, N);
        assert_int_equal(total, (N + factor - 1) / factor);
        for (unsigned trial = 0; trial < 20; trial++) {
            size_t made = 0;
            emg_decimator_reset(q);
            for (size_t done = 0; done < N;) {
                dice = dice * 1664525U + 1013904223U;
                size_t piece = (dice >> 16) % (trial < 10 ? 3U : 1U << (trial - 5));
                piece = piece < N - done ? piece : N - done;
                size_t now = emg_decimator_execute(q, x + done, pieces + made, piece);
                assert_true(now <= piece / factor + 1);
                made += now;
                done += piece;
            }
            assert_int_equal(made, total);
            assert_memory_equal(whole, pieces, total * sizeof whole[0]);
        }
        emg_decimator_destroy(q);
    }
}

static void an_output_appears_with_the_input_that_completes_it(void **state)
{
    (void)state;
    float x = 1.0F;
    float y[2];
    struct emg_decimator *q = make(44100.0, 22, 500.0, 80.0);

    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(emg_decimator_execute(q, &x, y, 0), 0);
        assert_int_equal(emg_decimator_execute(q, &x, y, 1), i % 22 == 0 ? 1 : 0);
    }
    emg_decimator_destroy(q);
}

static void reset_leaves_it_as_freshly_created(void **state)
{
    (void)state;
    float x[N];
    float fresh[N];
    float again[N];
    struct emg_decimator *q = make(44100.0, 22, 500.0, 80.0);

    fill_noise(x, N);
    size_t made = emg_decimator_execute(q, x, fresh, N);
    emg_decimator_execute(q, x, again, 1777);
    emg_decimator_reset(q);
    assert_int_equal(emg_decimator_execute(q, x, again, N), made);
    assert_memory_equal(fresh, again, made * sizeof fresh[0]);
    emg_decimator_destroy(q);
}

static void a_sample_that_is_not_finite_counts_as_zero(void **state)
{
    (void)state;
    static const float strange[] = {NAN, INFINITY, -INFINITY};
    float x[N];
    float expected[N];
    float y[N];
    struct emg_decimator *q = make(48000.0, 24, 500.0, 80.0);

    for (size_t k = 0; k < 3; k++) {
        fill_noise(x, N);
        x[0] = x[100] = x[1023] = x[5990] = 0.0F;
        emg_decimator_reset(q);
        size_t made = emg_decimator_execute(q, x, expected, N);
        x[0] = x[100] = x[1023] = x[5990] = strange[k];
        emg_decimator_reset(q);
        assert_int_equal(emg_decimator_execute(q, x, y, N), made);
        assert_memory_equal(expected, y, made * sizeof y[0]);
    }
    emg_decimator_destroy(q);
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct emg_decimator_config bad[] = {
        {0.0, 24, 500.0, 80.0},        {-48000.0, 24, 500.0, 80.0},
        {NAN, 24, 500.0, 80.0},        {INFINITY, 24, 500.0, 80.0},
        {48000.0, 0, 500.0, 80.0},     {48000.0, 24, 0.0, 80.0},
        {48000.0, 24, -500.0, 80.0},   {48000.0, 24, NAN, 80.0},
        {48000.0, 24, 1000.0, 80.0},   {48000.0, 24, 2000.0, 80.0},
        {48000.0, 24, 500.0, 39.9},    {48000.0, 24, 500.0, 120.1},
        {48000.0, 24, 500.0, NAN},     {1000.0, 1, 500.0, 80.0},
        {48000.0, 24, 999.9999, 80.0}, {48000.0, UINT32_MAX, 1e-6, 80.0},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_decimator *q = (struct emg_decimator *)(uintptr_t)1;
        assert_int_equal(emg_decimator_create(&q, &bad[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
}

static void a_very_steep_filter_still_holds_its_promise(void **state)
{
    (void)state;
    struct emg_decimator *q = make(48000.0, 24, 980.0, 80.0);
    assert_true(emg_decimator_delay_s(q) > 0.03);
    for (double f_hz = 0.0; f_hz <= 980.0; f_hz += 49.0)
        assert_close(in_db(emg_decimator_response(q, f_hz)), 0.0, 0.01);
    for (double f_hz = 1020.0; f_hz <= 3000.0; f_hz += 9.7)
        assert_true(in_db(emg_decimator_response(q, f_hz)) <= -80.0);
    emg_decimator_destroy(q);
}

static void lack_of_memory_is_an_error(void **state)
{
    (void)state;
#if EMG_ALLOCATIONS_COUNTED
    struct emg_decimator_config config = {48000.0, 24, 500.0, 80.0};
    struct emg_decimator *q = (struct emg_decimator *)(uintptr_t)1;
    memory_is_out = true;
    enum emg_error error = emg_decimator_create(&q, &config);
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
    emg_decimator_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_factor_brings_every_rate_to_about_2_khz),
        cmocka_unit_test(the_factor_of_a_senseless_rate_is_safe),
        cmocka_unit_test(its_output_is_that_of_scipy),
        cmocka_unit_test(the_band_to_500_hz_is_flat_and_nothing_folds_into_it),
        cmocka_unit_test(other_bands_and_attenuations_hold_too),
        cmocka_unit_test(a_sinusoid_in_the_band_arrives_whole_and_on_time),
        cmocka_unit_test(a_sinusoid_that_would_fold_into_the_band_is_gone),
        cmocka_unit_test(a_steady_level_comes_out_at_its_own_height),
        cmocka_unit_test(an_impulse_shows_a_symmetric_filter_and_its_delay),
        cmocka_unit_test(a_factor_of_1_passes_samples_unchanged),
        cmocka_unit_test(any_cut_gives_the_same_output_bit_for_bit),
        cmocka_unit_test(an_output_appears_with_the_input_that_completes_it),
        cmocka_unit_test(reset_leaves_it_as_freshly_created),
        cmocka_unit_test(a_sample_that_is_not_finite_counts_as_zero),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(a_very_steep_filter_still_holds_its_promise),
        cmocka_unit_test(lack_of_memory_is_an_error),
        cmocka_unit_test(destroying_null_is_a_no_op),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
