/* Holds samples back by a fixed number of them; what came before the first one is 0.
 *
 * One instance belongs to one thread. */
#ifndef EMG_DSP_DELAY_H
#define EMG_DSP_DELAY_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_delay;

enum { EMG_DELAY_MOST = 256 }; /* samples at once */

/* Errors: EMG_ERROR_ARGUMENT for a delay above 2^24 samples, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_delay_create(struct emg_delay **out, size_t delay);

/* Takes samples x [n], n <= EMG_DELAY_MOST; one that is not finite counts as 0. Returns those that came
 * `delay` before them, [n], valid until the next call. */
EMG_REALTIME const float *emg_delay_execute(struct emg_delay *q, const float *x, size_t n);

void emg_delay_reset(struct emg_delay *q);
void emg_delay_destroy(struct emg_delay *q); /* NULL is a no-op */

#endif
