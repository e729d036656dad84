/* A finite impulse response, computed only at every `factor`-th sample.
 *
 * One instance serves one channel and belongs to one thread. */
#ifndef EMG_DSP_FIR_H
#define EMG_DSP_FIR_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_fir;

/* Takes a copy of h [taps], the newest sample's coefficient last; taps and factor are at least 1. Errors:
 * EMG_ERROR_MEMORY; then *out is NULL. */
enum emg_error emg_fir_create(struct emg_fir **out, const float *h, size_t taps, size_t factor);

/* Consumes n samples x and writes the outputs that complete within them to y, which must not overlap x;
 * returns their number, at most n / factor + 1. Output m since reset completes with input m * factor. Before
 * the first input lie zeros; an input that is not finite counts as 0. The same input cut anywhere gives the
 * same output bit for bit. */
EMG_REALTIME size_t emg_fir_execute(struct emg_fir *q, const float *x, float *y, size_t n);

void emg_fir_reset(struct emg_fir *q);
void emg_fir_destroy(struct emg_fir *q); /* NULL is a no-op */

#endif
