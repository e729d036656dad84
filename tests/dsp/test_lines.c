#include "dsp/lines.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 168, ROUNDED = 176 };

static const double PI = 3.14159265358979323846;

/* By the definition. */
static double sum_at(const struct emg_lines *from, const struct emg_lines *to, double turn, size_t i,
                     size_t n)
{
    const double way = (double)i / (double)n;
    double sum = 0.0;
    for (size_t k = 0; k < EMG_LINES_MAX; k++) {
        const double angle = turn * (double)(k + 1) * (double)i;
        sum += (from->re[k] + way * (to->re[k] - from->re[k])) * cos(angle) -
               (from->im[k] + way * (to->im[k] - from->im[k])) * sin(angle);
    }
    return sum;
}

static void assert_drawn(const struct emg_lines *from, const struct emg_lines *to, double turn)
{
    float y[ROUNDED];
    double amplitudes = 0.0;
    for (size_t k = 0; k < EMG_LINES_MAX; k++)
        amplitudes += fmax(hypot(from->re[k], from->im[k]), hypot(to->re[k], to->im[k]));
    const size_t lengths[] = {17, 80, 81, MOST};
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        assert_true(emg_lines_draw(from, to, turn, y, lengths[l]));
        for (size_t i = 0; i < lengths[l]; i++)
            if (fabs((double)y[i] - sum_at(from, to, turn, i, lengths[l])) > 2e-5 * amplitudes)
                fail_msg("sample %zu of %zu: %g", i, lengths[l], (double)y[i]);
    }
}

static void lines_are_drawn_as_they_are_defined(void **state)
{
    (void)state;
    struct emg_lines from = {{0.0}, {0.0}}, to = {{0.0}, {0.0}};
    for (size_t k = 0; k < EMG_LINES_MAX; k++) {
        from.re[k] = 100.0 / (double)(k + 1);
        from.im[k] = 30.0 - 3.0 * (double)k;
        to.re[k] = -50.0 + (double)(7 * k);
        to.im[k] = 20.0 / (double)(k + 2);
    }
    assert_drawn(&from, &to, 2.0 * PI * 50.02 / 2000.0);
    assert_drawn(&from, &to, 2.0 * PI * 61.0 / 1000.0);
    assert_drawn(&from, &from, 2.0 * PI * 61.0 / 1000.0);
    for (double beside = -1e-4; beside < 1e-4; beside += 7e-6)
        assert_drawn(&from, &from, PI / 8.0 + beside); /* an even harmonic goes round in eight samples */
}

static void a_line_that_comes_or_goes_is_drawn(void **state)
{
    (void)state;
    const struct emg_lines nothing = {{0.0}, {0.0}}, third = {{0.0, 0.0, 5.0}, {0.0, 0.0, -2.0}};
    assert_drawn(&nothing, &third, 0.157);
    assert_drawn(&third, &nothing, 0.157);
    assert_drawn(&third, &third, 0.157);
}

static void of_nothing_nothing_is_drawn(void **state)
{
    (void)state;
    const struct emg_lines nothing = {{0.0}, {0.0}};
    float y[8] = {3.0F};
    assert_false(emg_lines_draw(&nothing, &nothing, 0.1, y, 8));
    assert_true(y[0] == 3.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_drawn_as_they_are_defined),
        cmocka_unit_test(a_line_that_comes_or_goes_is_drawn),
        cmocka_unit_test(of_nothing_nothing_is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
