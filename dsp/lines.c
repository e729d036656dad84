#include "dsp/lines.h"

#include "dsp/phasor.h"
#include "dsp/simd.h"

#include <math.h>
#include <string.h>

static bool is_there(const struct emg_lines *lines, size_t k)
{
    return lines->re[k] != 0.0 || lines->im[k] != 0.0;
}

/* The harmonics' phasors over eight samples, one harmonic after the other. */
struct turning {
    emg_octet once_re, once_im, re, im; /* of the fundamental; of the present harmonic */
};

/* The fundamental from sample `first` on. */
static struct turning begin(double angle, long first)
{
    const struct emg_phasor step = emg_phasor_unit(angle);
    struct turning t = {.re = {0.0F}};
    struct emg_phasor at = emg_phasor_unit(angle * (double)first);

    for (size_t i = 0; i < EMG_OCTET; i++, at = emg_phasor_product(at, step)) {
        t.once_re[i] = (float)at.re;
        t.once_im[i] = (float)at.im;
    }
    t.re = t.once_re;
    t.im = t.once_im;
    return t;
}

static inline __attribute__((always_inline)) void go_on(struct turning *t)
{
    const emg_octet re = t->re * t->once_re - t->im * t->once_im;
    t->im = t->re * t->once_im + t->im * t->once_re;
    t->re = re;
}

/* A line: x(i + 8) = 2 cos(8 k angle) x(i) - x(i - 8). */
struct line {
    emg_octet before, now;
};

static inline __attribute__((always_inline)) struct line
line_of(const struct turning *before, const struct turning *now, double re, double im)
{
    const float a = (float)re, b = (float)im;
    return (struct line){a * before->re - b * before->im, a * now->re - b * now->im};
}

static inline __attribute__((always_inline)) void advance(struct line *line, float twice_cosine)
{
    const emg_octet now = line->now;
    line->now = twice_cosine * now - line->before;
    line->before = now;
}

/* Of n_lines harmonics, eight samples at a time. */
EMG_VECTORISED static void draw(const struct emg_lines *from, const struct emg_lines *to, size_t n_lines,
                                double angle, float *y, size_t n)
{
    const emg_octet place = {0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F};
    struct turning before = begin(angle, -EMG_OCTET), now = begin(angle, 0);
    const struct emg_phasor eight = emg_phasor_unit(EMG_OCTET * angle);
    struct emg_phasor turn = eight;

    memset(y, 0, (n + EMG_OCTET - 1) / EMG_OCTET * EMG_OCTET * sizeof *y);
    for (size_t k = 0; k < n_lines; k++) {
        const float twice_cosine = (float)(2.0 * turn.re);
        struct line a = line_of(&before, &now, from->re[k], from->im[k]);
        if (from->re[k] == to->re[k] && from->im[k] == to->im[k]) {
            for (size_t i = 0; i < n; i += EMG_OCTET, advance(&a, twice_cosine))
                *(emg_octet *)(void *)(y + i) += a.now;
        } else {
            struct line b = line_of(&before, &now, to->re[k], to->im[k]);
            emg_octet way = place / (float)n;
            for (size_t i = 0; i < n; i += EMG_OCTET) {
                *(emg_octet *)(void *)(y + i) += a.now + way * (b.now - a.now);
                way += (float)EMG_OCTET / (float)n;
                advance(&a, twice_cosine);
                advance(&b, twice_cosine);
            }
        }
        turn = emg_phasor_product(turn, eight);
        go_on(&before);
        go_on(&now);
    }
}

bool emg_lines_draw(const struct emg_lines *from, const struct emg_lines *to, double angle, float *y,
                    size_t n)
{
    size_t n_lines = EMG_LINES_MAX;
    while (n_lines > 0 && !is_there(from, n_lines - 1) && !is_there(to, n_lines - 1))
        n_lines--;
    if (n_lines > 0)
        draw(from, to, n_lines, angle, y, n);
    return n_lines > 0;
}
