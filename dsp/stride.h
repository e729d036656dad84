/* Gait cycles of one leg, from its foot switch or from the contractions of its soleus.
 *
 * Foot switch: a cycle lasts from contact to contact (dsp/footswitch.h). A contact less than 0.45 s after the
 * one before it is the same foot still rolling on; more than 2.5 s after it the leg stood.
 *
 * EMG: a cycle lasts from the onset of the stride's main contraction to that of the next stride. Among the
 * newest 16 contractions, dynamic programming looks for the chain of main ones that keeps the most regular
 * time, for every period that two of them suggest (the recursion of Ellis 2007 for musical beats, with
 * explicit costs). A step of the chain spans one to three periods and gains 2.2, the log likelihood ratio of
 * its timing (SD 7 % of the period) against times without order. It costs
 * - dev^2 / 2 SD^2, dev the deviation of onset or middle, whichever keeps better time; at most 25 %;
 * - 2 for each stride missed;
 * - 0.5 + 2 r for each contraction left out on the way, r its iEMG over the upper quartile of all;
 * - ln(r)^2 / 0.245, at most 1.5, for a main contraction weaker than that quartile.
 *
 * A contraction that begins less than 120 ms after a main one is the rest of it behind a dip: it adds to its
 * iEMG, and to leave it out costs 0.5. With each step, what came before counts 0.85 times as much, so that a
 * new speed prevails within a few strides. A main contraction lasts at most 80 % of the period. Where they
 * alternate between strong and weak (t > 5 on their logarithms, six at least), the muscle fires twice a
 * stride and every other one is left out.
 *
 * A chain is believed with three steps of one period each and a score of 2.5, and 1 more for each contraction
 * before it that belongs to no cycle, to 7.5; near the period known already, with a score of 2.5, to which
 * keeping that period after a gap adds 1.5. Its cycles are known then, those from before included. A step to
 * the newest contraction waits for the next one to confirm it when it deviates by more than 12 %, or by more
 * than 6 % and r < 0.5. A step over a missed stride gives no cycle. After six contractions without a chain to
 * believe in, the period is forgotten.
 *
 * Cycles last 0.45 to 2.5 s: running takes 0.6-0.8 s, walking 0.9-1.3 s. One instance serves one leg, one
 * thread. */
#ifndef EMG_DSP_STRIDE_H
#define EMG_DSP_STRIDE_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_stride;

enum emg_stride_source {
    EMG_STRIDE_FOOTSWITCH,
    EMG_STRIDE_EMG,
};

struct emg_stride_config {
    double rate_hz; /* of the frames, 500..1e6 */
    enum emg_stride_source source;
    double threshold; /* foot switch: share of full scale, 0..1 */
};

struct emg_stride_burst {
    uint64_t onset_frame, offset_frame; /* of the first sample in it, and of the first one behind it */
    double iemg_uv_s;
};

struct emg_stride_cycle {
    uint64_t first_frame, end_frame; /* of this contact or onset, and of the next one */
    double cycle_s;
};

struct emg_stride_state {
    unsigned strides;             /* cycles since reset */
    double cadence_steps_per_min; /* 120 / median of the newest cycles, at most 9; NaN: there are none, or the
                                     newest ended more than 5 s before what was last given */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_stride_create(struct emg_stride **out, const struct emg_stride_config *config);

/* Takes samples x [n] of the foot switch, x[0] at frame first_frame, as share of full scale; at most 50 s of
 * them between two rounds of emg_stride_next. One that is NaN changes nothing. A first_frame that does
 * not follow the samples before it is taken for a gap. Nothing for an instance fed by EMG. */
EMG_REALTIME void emg_stride_footswitch(struct emg_stride *q, const float *x, size_t n, uint64_t first_frame);

/* Takes a finished contraction of the soleus. One that is empty, out of order, from before the last gap or of
 * no finite positive iEMG is ignored. Nothing for an instance fed by a foot switch. */
EMG_REALTIME void emg_stride_burst(struct emg_stride *q, const struct emg_stride_burst *burst);

/* Pops the oldest cycle that is known and not yet popped; false: there is none. Cycles come in order and
 * never overlap. Of more than 128 that wait the oldest are lost. */
EMG_REALTIME bool emg_stride_next(struct emg_stride *q, struct emg_stride_cycle *cycle);

/* Says that nothing more will come: what waits for the next contraction to be sure of is known now. */
EMG_REALTIME void emg_stride_finish(struct emg_stride *q);

EMG_REALTIME struct emg_stride_state emg_stride_state(const struct emg_stride *q);

/* Says that the next sample is frame first_frame and that those before it since the last one are lost: no
 * cycle spans the gap; cycles known, cadence and period stay. */
EMG_REALTIME void emg_stride_interrupt(struct emg_stride *q, uint64_t first_frame);

void emg_stride_reset(struct emg_stride *q);
void emg_stride_destroy(struct emg_stride *q); /* NULL is a no-op */

#endif
