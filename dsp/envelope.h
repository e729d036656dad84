/* Amplitude of a band-passed EMG two ways: moving RMS, and full-wave rectification with a low-pass.
 *
 * Terms and parameters after Besomi et al. 2020 (CEDE). One instance serves one channel, one thread. */
#ifndef EMG_DSP_ENVELOPE_H
#define EMG_DSP_ENVELOPE_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_envelope;

struct emg_envelope_config {
    double rate_hz;    /* > 0 */
    double rms_s;      /* RMS window in seconds, > 0; rounded to whole samples, 1..2^24 */
    double lowpass_hz; /* second-order Butterworth after rectification, -3 dB; > 0, < rate_hz / 2 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_envelope_create(struct emg_envelope **out, const struct emg_envelope_config *config);

/* Takes n samples x (microvolts) and writes their linear envelope to y (microvolts, never negative, mean
 * rectified value for a stationary signal); x and y may be the same array. A sample that is not finite
 * counts as 0: it would otherwise stay in the state for ever. */
EMG_REALTIME void emg_envelope_execute(struct emg_envelope *q, const float *x, float *y, size_t n);

/* RMS in microvolts of the newest rms_s seconds; NaN until that many samples have arrived since reset.
 * Computed anew at each call, so that nothing drifts; costs one pass over the window. */
EMG_REALTIME double emg_envelope_rms_uv(const struct emg_envelope *q);

void emg_envelope_reset(struct emg_envelope *q);
void emg_envelope_destroy(struct emg_envelope *q); /* NULL is a no-op */

#endif
