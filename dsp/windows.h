/* Spectra and indices of windows that follow each other whatever the muscle does: one Hann taper,
 * overlapping, as most of the literature has them.
 *
 * Welch 1967, IEEE Trans. Audio Electroacoust. 15:70, of which each window is kept. Two channels share one
 * complex transform (single-precision FFTW, planned with FFTW_ESTIMATE), zero-padded to a power of two. One
 * instance serves channels that are sampled together and one thread; creation and destruction of all
 * instances must happen on one thread at a time (FFTW's planner is not thread-safe). */
#ifndef EMG_DSP_WINDOWS_H
#define EMG_DSP_WINDOWS_H

#include "dsp/error.h"
#include "dsp/fatigue.h"
#include "dsp/realtime.h"

#include <stddef.h>
#include <stdint.h>

struct emg_windows;

struct emg_windows_config {
    double rate_hz;         /* > 0 */
    size_t n_channels;      /* 1..64 */
    double window_s;        /* 64 to 2^20 samples */
    double overlap;         /* share of a window that the next one has in common with it, 0..0.95 */
    double low_hz, high_hz; /* the band of the indices, 0 < low_hz < high_hz <= rate_hz / 2 */
};

struct emg_window {
    size_t channel;
    uint64_t first_sample;              /* since creation or reset */
    double rms_uv;                      /* of its samples as they are */
    struct emg_fatigue_indices indices; /* of its PSD in the band, its mean taken off; no errors, no noise */
};

/* Takes one window; called while execute runs. */
typedef void emg_windows_take(void *context, const struct emg_window *window);

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_windows_create(struct emg_windows **out, const struct emg_windows_config *config);

/* Takes n samples x[i] of channel i, microvolts; one that is not finite counts as 0. Gives each window that
 * completes, channel by channel. */
EMG_REALTIME void emg_windows_execute(struct emg_windows *q, const float *const *x, size_t n,
                                      emg_windows_take *take, void *context);

void emg_windows_reset(struct emg_windows *q);
void emg_windows_destroy(struct emg_windows *q); /* NULL is a no-op */

#endif
