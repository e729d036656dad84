/* Length-weighted mean of the spectra of any number of slices of signal.
 *
 * One instance serves one muscle, one thread. */
#ifndef EMG_DSP_POOL_H
#define EMG_DSP_POOL_H

#include "dsp/error.h"
#include "dsp/realtime.h"
#include "dsp/spectrum.h"

#include <stddef.h>

struct emg_pool;

/* Errors: EMG_ERROR_ARGUMENT when n_bins is 0, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_pool_create(struct emg_pool **out, size_t n_bins);

/* Adds a slice: psd [n_bins] in uV^2/Hz and what it rests on. */
EMG_REALTIME void emg_pool_execute(struct emg_pool *q, const float *psd,
                                   const struct emg_spectrum_extent *slice);

/* What the slices rest on together; .seconds is 0 when there are none. */
EMG_REALTIME struct emg_spectrum_extent emg_pool_extent(const struct emg_pool *q);

/* Writes the mean to psd [n_bins]; all zero when there are no slices. */
EMG_REALTIME void emg_pool_mean(const struct emg_pool *q, float *psd);

EMG_REALTIME void emg_pool_reset(struct emg_pool *q); /* empties it */
void emg_pool_destroy(struct emg_pool *q);            /* NULL is a no-op */

#endif
