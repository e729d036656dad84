#include "dsp/samples.h"

#include "dsp/simd.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

EMG_VECTORISED static void copy_finite(float *restrict to, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = fabsf(x[i]) <= FLT_MAX ? x[i] : 0.0F;
}

void emg_copy_finite(float *to, const float *x, size_t n)
{
    copy_finite(to, x, n);
}

EMG_VECTORISED static double sum(const float *x, size_t n)
{
    emg_quad sums = {0.0};
    size_t i = 0;
    for (; i + EMG_QUAD <= n; i += EMG_QUAD)
        sums += (emg_quad){(double)x[i], (double)x[i + 1], (double)x[i + 2], (double)x[i + 3]};
    for (; i < n; i++)
        sums[i % EMG_QUAD] += (double)x[i];
    return emg_quad_sum(&sums);
}

double emg_sum(const float *x, size_t n)
{
    return sum(x, n);
}

EMG_VECTORISED static double sum_of_squares(const float *x, size_t n)
{
    emg_quad sums = {0.0};
    size_t i = 0;
    for (; i + EMG_QUAD <= n; i += EMG_QUAD) {
        const emg_quad now = {(double)x[i], (double)x[i + 1], (double)x[i + 2], (double)x[i + 3]};
        sums += now * now;
    }
    for (; i < n; i++)
        sums[i % EMG_QUAD] += (double)x[i] * (double)x[i];
    return emg_quad_sum(&sums);
}

double emg_sum_of_squares(const float *x, size_t n)
{
    return sum_of_squares(x, n);
}

enum { TOGETHER = 4 };

typedef float floats __attribute__((vector_size(TOGETHER * sizeof(float)), aligned(4), may_alias));

static bool are_neighbours(const struct emg_split *wanted)
{
    for (size_t i = 1; i < TOGETHER; i++)
        if (wanted[i].channel != wanted[0].channel + i)
            return false;
    return true;
}

/* Four frames, of which four channels are wanted, at a time. */
static size_t split_four(const float *x, size_t n_channels, size_t n, const struct emg_split *wanted,
                         float *const y[TOGETHER])
{
    const floats scale = {wanted[0].scale, wanted[1].scale, wanted[2].scale, wanted[3].scale};
    size_t i = 0;

    for (; i + TOGETHER <= n; i += TOGETHER, x += TOGETHER * n_channels) {
        const floats a = scale * *(const floats *)(const void *)x;
        const floats b = scale * *(const floats *)(const void *)(x + n_channels);
        const floats c = scale * *(const floats *)(const void *)(x + 2 * n_channels);
        const floats d = scale * *(const floats *)(const void *)(x + 3 * n_channels);
        const floats ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                     cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const floats ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                     cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        *(floats *)(void *)(y[0] + i) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        *(floats *)(void *)(y[1] + i) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        *(floats *)(void *)(y[2] + i) = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
        *(floats *)(void *)(y[3] + i) = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
    }
    return i;
}

void emg_split_frames(const float *frames, size_t n_channels, size_t n, const struct emg_split *wanted,
                      size_t n_wanted, float *const *y)
{
    for (size_t w = 0; w < n_wanted;) {
        const bool four = n_wanted - w >= TOGETHER && are_neighbours(wanted + w);
        const size_t count = four ? TOGETHER : 1;
        const size_t done =
            four ? split_four(frames + wanted[w].channel, n_channels, n, wanted + w, y + w) : 0;
        for (size_t k = w; k < w + count; k++)
            for (size_t i = done; i < n; i++)
                y[k][i] = wanted[k].scale * frames[i * n_channels + wanted[k].channel];
        w += count;
    }
}
