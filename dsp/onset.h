/* Tells active muscle from rest, sample by sample, with a double threshold on the short-time RMS.
 *
 * The level is the RMS over 50 ms, taken every 10 ms. The noise level is the RMS of the quietest parts of the
 * last 30 s: of all levels up to twice their 10 % quantile (Agostini & Knaflitz 2012 give the reasoning for
 * cyclic signals). A contraction begins when the level stays above 2 x noise for 30 ms and ends when it stays
 * below 1.5 x noise for 50 ms (two thresholds and minimum durations after Bonato 1998); each edge is then
 * dated, in retrospect, to the sample at which a change of variance is most likely (Staude & Wolf 1999, Med
 * Eng Phys 21:449). A stretch without contrast, 90 % quantile below 3 x the 10 % quantile, is one long
 * contraction when its median level exceeds 10 uV, else rest. One instance serves one channel, one thread. */
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
    double rate_hz; /* >= 500 */
    enum emg_onset_mode mode;
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_onset_create(struct emg_onset **out, const struct emg_onset_config *config);

/* What emg_onset_execute writes lies this many samples behind what it takes; 0 in static mode. */
size_t emg_onset_delay(const struct emg_onset *q);

/* Takes n band-passed samples x (microvolts); writes to burst, for each of the samples emg_onset_delay before
 * them, 0 for rest or the number of the contraction it belongs to (1, 2, ... since creation). Until 1 s of
 * levels is known all is rest, except in static mode. A sample that is not finite counts as 0. */
EMG_REALTIME void emg_onset_execute(struct emg_onset *q, const float *x, uint32_t *burst, size_t n);

/* Whether the muscle is active now: the state that the newest levels give, not yet dated. */
EMG_REALTIME bool emg_onset_active(const struct emg_onset *q);

/* Estimated noise level in microvolts RMS; NaN until 1 s of levels is known. In a stretch without contrast
 * that is taken as a contraction the noise is unknown: NaN. */
EMG_REALTIME double emg_onset_noise_uv(const struct emg_onset *q);

/* Forgets the signal in progress (ends a contraction) but keeps the level history and the burst count: what
 * a gap calls for. */
EMG_REALTIME void emg_onset_interrupt(struct emg_onset *q);

void emg_onset_reset(struct emg_onset *q);
void emg_onset_destroy(struct emg_onset *q); /* NULL is a no-op */

#endif
