/* The sum of a fundamental and its harmonics, sample by sample. Pure; any thread. */
#ifndef EMG_DSP_LINES_H
#define EMG_DSP_LINES_H

#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

enum { EMG_LINES_MAX = 16 };

/* A complex amplitude for each harmonic, 0 where there is none. */
struct emg_lines {
    double re[EMG_LINES_MAX], im[EMG_LINES_MAX];
};

/* Writes to y [n rounded up to a multiple of 8] the real part of the sum over k of
 * (from_k + (to_k - from_k) i / n) e^(j k i angle), k = 1, 2, ..., for samples i = 0 to n - 1. Right to
 * 2e-5 of the sum of the amplitudes for n up to 200. Returns false, writing nothing, when both are all 0. */
EMG_REALTIME bool emg_lines_draw(const struct emg_lines *from, const struct emg_lines *to, double angle,
                                 float *y, size_t n);

#endif
