/* Tells active muscle from rest, sample by sample, with a double threshold on the short-time RMS.
 *
 * The level is the RMS over 50 ms, taken every 10 ms. Noise and activity come from the levels of the last
 * 30 s (Agostini & Knaflitz 2012 give the reasoning for cyclic signals): the noise is the RMS of all levels
 * up to twice their 10 % quantile, the activity their 90 % quantile. A contraction begins when the level
 * stays for 60 ms above the threshold, the geometric mean of noise and activity but at least 2 x noise, and
 * ends when it stays for 50 ms below 0.75 x the threshold (two thresholds and minimum durations after Bonato
 * 1998). Both edges are then dated by maximum likelihood within the 100 ms before the crossing (Staude & Wolf
 * 1999), for which the output lags by a constant delay. A spike alone is no contraction, and a rest of less
 * than about 100 ms is bridged. A stretch without contrast, 90 % quantile below 3 x the 10 % quantile, is one
 * long contraction when its median level exceeds 10 uV; it ends where the level falls below a third of that
 * 10 % quantile, for the same 50 ms. One instance serves one channel, one thread. */
#ifndef EMG_DSP_ONSET_H
#define EMG_DSP_ONSET_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_onset;

enum emg_onset_mode {
    EMG_ONSET_AUTO,   /* as described above */
    EMG_ONSET_STATIC, /* all signal is one contraction */
    EMG_ONSET_GATED,  /* by the two thresholds only: a signal without contrast is rest */
};

struct emg_onset_config {
    double rate_hz; /* 500..1e6 */
    enum emg_onset_mode mode;
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_onset_create(struct emg_onset **out, const struct emg_onset_config *config);

/* Samples by which the output of execute lags behind its input: 160 ms, or 0 in static mode. Who cuts a
 * signal by burst delays that signal as much. */
size_t emg_onset_delay(const struct emg_onset *q);

/* Takes n band-passed samples x (microvolts; one that is not finite counts as 0); writes to burst[i] what is
 * decided about the sample emg_onset_delay before x[i]: 0 for rest, or the number of the contraction it
 * belongs to (1, 2, ... since creation). For what lies before the first sample, and until 1 s of levels is
 * known, all is rest, except in static mode. */
EMG_REALTIME void emg_onset_execute(struct emg_onset *q, const float *x, uint32_t *burst, size_t n);

/* Whether the muscle is active now: the state that the newest levels give, not yet dated. */
EMG_REALTIME bool emg_onset_active(const struct emg_onset *q);

/* Estimated noise level in microvolts RMS; NaN until 1 s of levels is known. In a stretch without contrast
 * that is taken as a contraction the noise is unknown: NaN, as always in static mode. */
EMG_REALTIME double emg_onset_noise_uv(const struct emg_onset *q);

/* Forgets the signal in progress (ends a contraction, in static mode too, and drops what is still in the
 * delay) but keeps the level history and the burst count: what a gap calls for. */
EMG_REALTIME void emg_onset_interrupt(struct emg_onset *q);

void emg_onset_reset(struct emg_onset *q);
void emg_onset_destroy(struct emg_onset *q); /* NULL is a no-op */

#endif
