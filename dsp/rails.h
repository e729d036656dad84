/* What raw samples tell of the converter and its input: clipping, a flat line, an open input.
 *
 * Each state holds on for a time after its last cause. One instance serves one channel, one thread. */
#ifndef EMG_DSP_RAILS_H
#define EMG_DSP_RAILS_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_rails;

/* All > 0 and finite, but hold_s may be 0. Errors: EMG_ERROR_MEMORY; then *out is NULL. */
enum emg_error emg_rails_create(struct emg_rails **out, double rate_hz, double full_scale_uv, double hold_s);

/* Takes n raw samples x, microvolts. */
EMG_REALTIME void emg_rails_execute(struct emg_rails *q, const float *x, size_t n);

/* A run of at least 2 samples, and of at least 0.1 ms, at or beyond 99.9 % of full scale with one sign, or
 * any sample that is not finite. */
EMG_REALTIME bool emg_rails_clipping(const struct emg_rails *q);

/* No change of value for 100 ms. */
EMG_REALTIME bool emg_rails_flat(const struct emg_rails *q);

/* An input that swings between the amplifier's rails, which may lie below full scale: within 250 ms at least
 * half of the samples lie within 2 % of half the range from either extreme, with at least 4 changes from one
 * to the other, and half the range is 10 % of full scale or more (a sine has 13 % of its samples there, EMG
 * less than 1 %). */
EMG_REALTIME bool emg_rails_open(const struct emg_rails *q);

void emg_rails_reset(struct emg_rails *q);
void emg_rails_destroy(struct emg_rails *q); /* NULL is a no-op */

#endif
