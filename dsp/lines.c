#include "dsp/lines.h"

#include "dsp/simd.h"

static bool is_there(const struct emg_lines *lines, size_t k)
{
    return lines->re[k] != 0.0 || lines->im[k] != 0.0;
}

/* Four samples' phasors of the fundamental, and what turns them to the next four. */
struct turning {
    emg_quad re, im;
    struct emg_phasor by;
};

static inline __attribute__((always_inline)) void take_turn(struct turning *t, float *re, float *im)
{
    for (size_t i = 0; i < EMG_QUAD; i++) {
        re[i] = (float)t->re[i];
        im[i] = (float)t->im[i];
    }
    const emg_quad turned = t->re * t->by.re - t->im * t->by.im;
    t->im = t->re * t->by.im + t->im * t->by.re;
    t->re = turned;
}

/* Of n_lines harmonics: a polynomial in the fundamental's phasor (Horner), eight samples at a time. */
EMG_VECTORISED static void draw(const struct emg_lines *from, const struct emg_lines *to, size_t n_lines,
                                const struct emg_phasor *step, float *y, size_t n)
{
    const emg_octet place = {0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F};
    struct turning turning = {{0.0}, {0.0}, {1.0, 0.0}};
    for (size_t i = 0; i < EMG_QUAD; i++) {
        turning.re[i] = turning.by.re;
        turning.im[i] = turning.by.im;
        turning.by = emg_phasor_product(turning.by, *step);
    }
    for (size_t i = 0; i < n; i += EMG_OCTET) {
        float cosine[EMG_OCTET], sine[EMG_OCTET];
        take_turn(&turning, cosine, sine);
        take_turn(&turning, cosine + EMG_QUAD, sine + EMG_QUAD);
        const emg_octet c = *emg_octets(cosine), s = *emg_octets(sine);
        const emg_octet way = (place + (float)i) / (float)n;
        emg_octet re = {0.0F}, im = {0.0F};
        for (size_t k = n_lines; k-- > 0;) {
            const emg_octet a = re + ((float)from->re[k] + way * (float)(to->re[k] - from->re[k]));
            const emg_octet b = im + ((float)from->im[k] + way * (float)(to->im[k] - from->im[k]));
            re = a * c - b * s;
            im = a * s + b * c;
        }
        *(emg_octet *)(void *)(y + i) = re;
    }
}

bool emg_lines_draw(const struct emg_lines *from, const struct emg_lines *to, struct emg_phasor step,
                    float *y, size_t n)
{
    size_t n_lines = EMG_LINES_MAX;
    while (n_lines > 0 && !is_there(from, n_lines - 1) && !is_there(to, n_lines - 1))
        n_lines--;
    if (n_lines > 0)
        draw(from, to, n_lines, &step, y, n);
    return n_lines > 0;
}
