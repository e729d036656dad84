/* Two muscles compared: symmetry of left and right, load share, co-activation, and a warning of cross-talk.
 *
 * The indices are plain functions of numbers that the caller has made comparable, which for different muscles
 * means percent of a reference; each is NaN where it is not known. Soleus and gastrocnemius are synergists:
 * their share is a load share, never co-contraction.
 *
 * Cross-talk is looked for by the peak of the normalised cross-correlation of two band-passed signals within
 * +-30 ms (Winter, Fuglevand & Archer 1994, J Electromyogr Kinesiol 4:15-26). It warns and does not judge:
 * signals from the end of the fibres reach a distant electrode in another shape, so that cross-talk may leave
 * the correlation small, and motor units driven together, mains or a common artefact raise it without
 * cross-talk (Farina, Merletti, Indino & Graven-Nielsen 2004, Methods Inf Med 43:30-35). One instance serves
 * one pair of signals, one thread. */
#ifndef EMG_DSP_COMPARISON_H
#define EMG_DSP_COMPARISON_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

/* Symmetry index of Robinson, Herzog & Nigg 1987, 100 (L - R) / (0.5 (L + R)), -200..200, positive when the
 * left side is larger. left, right: activation in one unit; left_noise, right_noise: what each side shows at
 * rest, in the same unit, >= 0, and 0 where that is to be left out of account. NaN when a value is not finite
 * or <= 0, a noise is NaN, or a side is below twice its own noise (6 dB), where noise is a quarter of its
 * power or more. */
EMG_REALTIME double emg_symmetry_percent(double left, double right, double left_noise, double right_noise);

/* Share of soleus in soleus + gastrocnemius, both in percent of reference, 0..100; NaN when one is negative,
 * not finite, or both are 0. */
EMG_REALTIME double emg_share_percent(double soleus, double gastrocnemius);

/* Common area of two envelopes of n samples, 2 x integral of the lesser / integral of the sum x 100 (Falconer
 * & Winter 1985), 0 when they never overlap, 100 when they are equal; each normalised to its own reference.
 * NaN when n is 0, a sample is negative or not finite, or both envelopes are 0 throughout. */
EMG_REALTIME double emg_coactivation_percent(const float *agonist, const float *antagonist, size_t n);

struct emg_crosstalk;

struct emg_crosstalk_config {
    double rate_hz;   /* of both signals, > 0 */
    double window_s;  /* newest signal that is looked at, > 0; rounded to whole samples, 2..2^20 */
    double max_lag_s; /* lags searched on either side, >= 0; rounded to whole samples, fewer than the window's
                         half */
};

/* Warn where the peak reaches this magnitude, both muscles have been active in the window, and neither
 * carries hum or another flag (two open inputs share 0.9 and more of their mains). It holds for the window
 * and lags below, for 20-450 Hz, and for at least 0.45 s of activity in the window.
 *
 * Found by simulation: independent pairs with the spectrum of dsp/simulate.h, bursts in step, 20000 windows
 * each. The largest of many lags is far from 0 by chance alone, the more so the less activity and bandwidth
 * the window holds. |r|: median, 99.9 % quantile, share of windows at 0.5 or more.
 *
 *   fresh (60, 120 Hz): static           0.08   0.15   none
 *                       0.25 s of 0.7 s  0.15   0.28   none      (running)
 *   fatigued (30, 60):  static           0.10   0.21   none
 *                       0.25 s of 0.7 s  0.18   0.37   none
 *                       0.4 s of 1.1 s   0.19   0.38   none      (walking)
 *                       0.4 s of 1.4 s   0.21   0.45   none      (slowly)
 *                       0.25 s of 1.1 s  0.23   0.48   0.06 %
 *                       0.25 s of 1.5 s  0.27   0.56   0.6 %     (less activity than it holds for)
 *
 * 0.5 is the least multiple of 0.05 with at most 0.1 % false warnings in all but the last. Of two equally
 * strong muscles, one of which also shows a share of the other (in amplitude), it then warns in 3 to 24 % of
 * windows for a share of 0.5, in 61 to 73 % for 0.6, in 88 % or more for 0.7 and in 98 % or more for 0.8.
 * Only gross cross-talk, or an electrode on the wrong muscle, is seen; no warning proves nothing. */
#define EMG_CROSSTALK_WARN_R    0.5
#define EMG_CROSSTALK_WINDOW_S  2.0
#define EMG_CROSSTALK_MAX_LAG_S 0.03

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_crosstalk_create(struct emg_crosstalk **out, const struct emg_crosstalk_config *config);

/* Takes n synchronous samples of the two signals, microvolts, zero-mean (band-passed alike). A sample that is
 * not finite, or beyond 1e15 so that its square would overflow, counts as 0. */
EMG_REALTIME void emg_crosstalk_execute(struct emg_crosstalk *q, const float *a, const float *b, size_t n);

/* The normalised cross-correlation, -1..1, at the lag where it is largest in magnitude; *lag_s is that lag,
 * positive when b follows a. Each lag is normalised by the energy of what overlaps at it, so that a delayed
 * copy gives 1. Both are NaN until window_s have arrived, and while a signal is 0 throughout the window.
 * Computed anew at each call, so that nothing drifts; costs window times lags. */
EMG_REALTIME double emg_crosstalk_peak(const struct emg_crosstalk *q, double *lag_s);

/* Says that the next sample does not follow the last one: the window begins anew, as freshly created. */
EMG_REALTIME void emg_crosstalk_interrupt(struct emg_crosstalk *q);

void emg_crosstalk_destroy(struct emg_crosstalk *q); /* NULL is a no-op */

#endif
