/* Tells active muscle from rest, sample by sample, with a double threshold on the short-time RMS.
 *
 * The level is the RMS over 50 ms, taken every 10 ms. Noise comes from the levels of the last 30 s (Agostini
 * & Knaflitz 2012 give the reasoning for cyclic signals): the RMS of all levels up to twice their 10 %
 * quantile. Activity is the 90 % quantile of the last 10 s, so that weak contractions are soon found again
 * after strong ones. A contraction begins when the level stays for 60 ms above the threshold and ends when it
 * stays for 50 ms below half of it (two thresholds and minimum durations after Bonato 1998). A spike alone is
 * no contraction, and a rest of less than about 100 ms is bridged.
 *
 * The threshold lies a given share of the way from noise to activity (half of it dates edges half-way up;
 * less finds weak contractions and weak beginnings too), but no lower than false alarms allow: 2 x the noise
 * where that is well known; where it was estimated from few levels, the factor that noise exceeds as seldom
 * by the F distribution (2.3 after 0.3 s of rest). A contraction ends no lower than at 0.75 of that limit,
 * well above the noise.
 *
 * Both edges are dated by maximum likelihood within the 100 ms before the crossing (Staude & Wolf 1999), for
 * which the output lags by a constant delay. The powers compared are at most 30-fold (15 dB) apart, centred
 * on the threshold: an abrupt edge is dated as well as by the true powers, a slow one near where it crosses
 * the threshold instead of where it leaves the noise.
 *
 * The first 0.3 s after the beginning or an interruption may hold the transient of a filter. Of their levels
 * only those up to twice their own 10 % quantile are kept, and nothing is decided before they are over,
 * unless the noise level is given. So the first contraction is found when about 0.3 s of rest, transients
 * aside, comes before it. A recording that begins inside a contraction takes that for noise until 10 % of the
 * levels are rest: from the second contraction on all is right.
 *
 * A stretch of at least 3 s without contrast, 90 % quantile below 2.5 x the 10 % quantile, is one long
 * contraction when its median level exceeds 10 uV; it ends where the level falls below a third of that 10 %
 * quantile, for the same 50 ms. One instance serves one channel, one thread. */
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
    double share; /* of the way in amplitude from noise to activity at which a contraction begins, 0..1 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_onset_create(struct emg_onset **out, const struct emg_onset_config *config);

/* Samples by which the output of execute lags behind its input: 160 ms, or 0 in static mode. Who cuts a
 * signal by burst delays that signal as much. */
size_t emg_onset_delay(const struct emg_onset *q);

/* What a sample may be besides part of a contraction. */
#define EMG_ONSET_QUIET  UINT32_C(0)
#define EMG_ONSET_UNSURE UINT32_MAX

/* Takes n band-passed samples x (microvolts; one that is not finite counts as 0); writes to burst[i] what is
 * decided about the sample emg_onset_delay before x[i]: the number of the contraction it belongs to (1, 2,
 * ... since creation), EMG_ONSET_QUIET for rest fit to measure noise on, or EMG_ONSET_UNSURE for all else.
 *
 * Quiet is a sample at least 50 ms behind the last offset, and behind the beginning or an interruption, where
 * the level centred on it is at most 2 x noise. It also lies 50 ms before the next onset as far as the delay
 * can tell: an onset is known 60 to 160 ms late, which leaves a margin of 0 to 100 ms: all 50 ms for nearly
 * every abrupt one; the slower the onset the less, and then the level keeps its beginning out. */
EMG_REALTIME void emg_onset_execute(struct emg_onset *q, const float *x, uint32_t *burst, size_t n);

/* Gives the noise level, microvolts RMS in the band of x, as a recording of rest has told it: thresholds use
 * it from the next level on, nothing waits for the first 0.3 s, and contrast is not asked for. A value that
 * is not finite or not above 0, NaN by custom, leads back to estimating. Kept across interruptions. */
EMG_REALTIME void emg_onset_set_noise_uv(struct emg_onset *q, double noise_uv);

/* Whether the muscle is active now: the state that the newest levels give, not yet dated. */
EMG_REALTIME bool emg_onset_active(const struct emg_onset *q);

/* Noise level in microvolts RMS: the one given, else the estimated one. That is NaN while the first 0.3 s are
 * not over, while a stretch without contrast is taken, or might come to be taken, for a contraction, and in
 * static mode. */
EMG_REALTIME double emg_onset_noise_uv(const struct emg_onset *q);

/* Forgets the signal in progress (ends a contraction, in static mode too, and drops what is still in the
 * delay) but keeps the level history and the burst count: what a gap calls for. */
EMG_REALTIME void emg_onset_interrupt(struct emg_onset *q);

void emg_onset_reset(struct emg_onset *q);
void emg_onset_destroy(struct emg_onset *q); /* NULL is a no-op */

#endif
