#include "dsp/windows.h"
#include "fixtures/golden_filters.h"
#include "fixtures/golden_windows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { CHANNELS = 2, MOST = 8000, MOST_WINDOWS = 64 };

static float x[3][MOST];

struct taken {
    size_t n;
    struct emg_window windows[MOST_WINDOWS];
};

static void take(void *context, const struct emg_window *window)
{
    struct taken *taken = context;
    assert_true(taken->n < MOST_WINDOWS);
    taken->windows[taken->n++] = *window;
}

static struct emg_windows *make(const struct emg_windows_config *config)
{
    struct emg_windows *q = NULL;
    assert_int_equal(emg_windows_create(&q, config), EMG_OK);
    return q;
}

static void run(struct emg_windows *q, size_t n_channels, size_t n, size_t piece, struct taken *taken)
{
    const float *from[3];
    taken->n = 0;
    for (size_t done = 0; done < n; done += piece) {
        for (size_t i = 0; i < n_channels; i++)
            from[i] = x[i] + done;
        emg_windows_execute(q, from, n - done < piece ? n - done : piece, take, taken);
    }
}

static size_t fill(double rate_hz)
{
    static const double offsets[CHANNELS] = GOLDEN_WINDOWS_OFFSETS;
    const size_t n = (size_t)(GOLDEN_WINDOWS_SECONDS * rate_hz);
    uint32_t state = 1;
    for (size_t c = 0; c < CHANNELS; c++)
        for (size_t i = 0; i < n; i++)
            x[c][i] = (float)((double)golden_noise(&state) + offsets[c]);
    return n;
}

static void assert_near(double value, double truth)
{
    if (!(fabs(value - truth) <= 1e-4 * fabs(truth)))
        fail_msg("%.9g is not %.9g", value, truth);
}

static void its_figures_are_those_of_scipy(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof golden_windows / sizeof golden_windows[0]; c++) {
        const struct emg_windows_config config = {golden_windows[c].rate_hz,  CHANNELS,
                                                  golden_windows[c].window_s, golden_windows[c].overlap,
                                                  golden_windows[c].low_hz,   golden_windows[c].high_hz};
        struct emg_windows *q = make(&config);
        struct taken taken;
        run(q, CHANNELS, fill(config.rate_hz), 77, &taken);
        assert_int_equal(taken.n, golden_windows[c].n);
        for (size_t i = 0; i < taken.n; i++) {
            const struct golden_window *golden = &golden_windows[c].windows[i];
            const struct emg_window *window = &taken.windows[i];
            assert_int_equal(window->channel, golden->channel);
            assert_int_equal(window->first_sample, golden->first_sample);
            assert_near(window->rms_uv, golden->rms_uv);
            assert_near(window->indices.power_uv2, golden->power_uv2);
            assert_near(window->indices.mdf_hz, golden->mdf_hz);
            assert_near(window->indices.mnf_hz, golden->mnf_hz);
            assert_near(window->indices.ln_insm5, golden->ln_insm5);
        }
        emg_windows_destroy(q);
    }
}

static void any_cut_and_a_reset_give_the_same_bit_for_bit(void **state)
{
    (void)state;
    const struct emg_windows_config config = {2000, CHANNELS, 1, 0.5, 20, 450};
    const size_t n = fill(config.rate_hz), pieces[] = {1, 19, 1000, 2001};
    struct emg_windows *q = make(&config);
    struct taken whole, cut;
    run(q, CHANNELS, n, n, &whole);
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        emg_windows_reset(q);
        run(q, CHANNELS, n, pieces[p], &cut);
        assert_int_equal(cut.n, whole.n);
        for (size_t i = 0; i < whole.n; i++) {
            assert_int_equal(cut.windows[i].first_sample, whole.windows[i].first_sample);
            assert_true(cut.windows[i].rms_uv == whole.windows[i].rms_uv);
            assert_true(cut.windows[i].indices.mdf_hz == whole.windows[i].indices.mdf_hz);
        }
    }
    emg_windows_destroy(q);
}

/* The neighbour in the transform is up to 120 dB stronger: an open input beside a resting muscle. */
static void a_loud_neighbour_changes_nothing(void **state)
{
    (void)state;
    const struct emg_windows_config pair = {2000, 2, 1, 0.5, 20, 450}, single = {2000, 1, 1, 0.5, 20, 450};
    const float gains[] = {1e3F, 1e6F, 1e-6F};
    for (size_t g = 0; g < sizeof gains / sizeof gains[0]; g++) {
        const size_t n = fill(2000);
        struct taken together, alone;
        for (size_t i = 0; i < n; i++)
            x[1][i] *= gains[g];
        struct emg_windows *q = make(&pair);
        run(q, 2, n, n, &together);
        emg_windows_destroy(q);
        q = make(&single);
        run(q, 1, n, n, &alone);
        memcpy(x[0], x[1], sizeof x[0]);
        for (size_t i = 0; i < alone.n; i++) {
            assert_near(together.windows[2 * i].indices.mdf_hz, alone.windows[i].indices.mdf_hz);
            assert_near(together.windows[2 * i].indices.power_uv2, alone.windows[i].indices.power_uv2);
        }
        emg_windows_reset(q);
        run(q, 1, n, n, &alone);
        for (size_t i = 0; i < alone.n; i++) {
            assert_near(together.windows[2 * i + 1].indices.mdf_hz, alone.windows[i].indices.mdf_hz);
            assert_near(together.windows[2 * i + 1].indices.power_uv2, alone.windows[i].indices.power_uv2);
        }
        emg_windows_destroy(q);
    }
}

static void an_odd_number_of_channels_works(void **state)
{
    (void)state;
    const struct emg_windows_config config = {2000, 3, 1, 0, 20, 450};
    const size_t n = fill(2000);
    struct taken taken;
    memcpy(x[2], x[0], sizeof x[0]);
    x[2][100] = NAN; /* counts as 0 */
    x[0][100] = 0;
    struct emg_windows *q = make(&config);
    run(q, 3, n, n, &taken);
    assert_int_equal(taken.n, 6);
    for (size_t i = 0; i < taken.n; i += 3) {
        assert_int_equal(taken.windows[i + 2].channel, 2);
        assert_near(taken.windows[i + 2].rms_uv, taken.windows[i].rms_uv);
        assert_near(taken.windows[i + 2].indices.mdf_hz, taken.windows[i].indices.mdf_hz);
    }
    emg_windows_destroy(q);
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    const struct emg_windows_config bad[] = {
        {0, 2, 1, 0.5, 20, 450},     {NAN, 2, 1, 0.5, 20, 450},   {2000, 0, 1, 0.5, 20, 450},
        {2000, 65, 1, 0.5, 20, 450}, {2000, 2, 0.03, 0, 20, 450}, {2000, 2, 600, 0, 20, 450},
        {2000, 2, 1, -0.1, 20, 450}, {2000, 2, 1, 0.96, 20, 450}, {2000, 2, 1, NAN, 20, 450},
        {2000, 2, 1, 0.5, 0, 450},   {2000, 2, 1, 0.5, 450, 450}, {2000, 2, 1, 0.5, 20, 1001},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct emg_windows *q = NULL;
        assert_int_equal(emg_windows_create(&q, &bad[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_windows_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_figures_are_those_of_scipy),
        cmocka_unit_test(any_cut_and_a_reset_give_the_same_bit_for_bit),
        cmocka_unit_test(a_loud_neighbour_changes_nothing),
        cmocka_unit_test(an_odd_number_of_channels_works),
        cmocka_unit_test(values_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
