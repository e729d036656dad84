/* Samples copied and added up, and frames of interleaved channels taken apart. Pure; any thread. */
#ifndef EMG_DSP_SAMPLES_H
#define EMG_DSP_SAMPLES_H

#include "dsp/realtime.h"

#include <stddef.h>

/* Copies n samples of x, 0 in place of what is not finite, to where they do not overlap. */
EMG_REALTIME void emg_copy_finite(float *to, const float *x, size_t n);

EMG_REALTIME double emg_sum(const float *x, size_t n);
EMG_REALTIME double emg_sum_of_squares(const float *x, size_t n);

/* One channel to take out, and what to multiply it by. */
struct emg_split {
    size_t channel; /* counted from 0, < n_channels of the frames */
    float scale;
};

/* Writes to y[i] the n samples of wanted[i] (n_wanted of them) in the n frames of n_channels each. Four that
 * follow each other as they do in the frames take little more time than one. */
EMG_REALTIME void emg_split_frames(const float *frames, size_t n_channels, size_t n,
                                   const struct emg_split *wanted, size_t n_wanted, float *const *y);

#endif
