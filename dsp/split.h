/* Frames of interleaved channels taken apart. Belongs to whoever calls; no state. */
#ifndef EMG_DSP_SPLIT_H
#define EMG_DSP_SPLIT_H

#include "dsp/realtime.h"

#include <stddef.h>

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
