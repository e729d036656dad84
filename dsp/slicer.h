/* Cuts contractions into slices for the spectrum.
 *
 * Onset tells late which contraction a sample belongs to, so the samples are held back by its delay. A slice
 * holds one contraction only; the rest of a contraction that is shorter than the shortest slice is left out.
 * One instance serves one channel, one thread. */
#ifndef EMG_DSP_SLICER_H
#define EMG_DSP_SLICER_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>
#include <stdint.h>

struct emg_slicer;

struct emg_slicer_config {
    size_t delay;    /* samples by which burst numbers lag behind their samples */
    size_t shortest; /* slice in samples, > 0, <= longest */
    size_t longest;
};

struct emg_slice {
    const float *x; /* [n], microvolts */
    size_t n;       /* 0: no slice */
    uint32_t burst; /* number of its contraction */
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_slicer_create(struct emg_slicer **out, const struct emg_slicer_config *config);

/* Takes samples x [n], and burst [n]: what the samples `delay` before them belong to, 0 for what no slice may
 * hold. Stops behind the sample that completes a slice. Returns the samples taken; *slice is the slice, valid
 * until the next call, or has n = 0. */
EMG_REALTIME size_t emg_slicer_execute(struct emg_slicer *q, const float *x, const uint32_t *burst, size_t n,
                                       struct emg_slice *slice);

/* Gives the slice in progress up; the samples held back stay. */
EMG_REALTIME void emg_slicer_discard(struct emg_slicer *q);

void emg_slicer_reset(struct emg_slicer *q);
void emg_slicer_destroy(struct emg_slicer *q); /* NULL is a no-op */

#endif
