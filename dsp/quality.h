/* Signal quality of one raw channel at the device rate: clipping and flat line.
 *
 * One instance serves one channel, one thread. */
#ifndef EMG_DSP_QUALITY_H
#define EMG_DSP_QUALITY_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>
#include <stdint.h>

/* The flags of the wire protocol, as bits. */
enum emg_quality_flag {
    EMG_FLAG_CLIPPING = 1U << 0,
    EMG_FLAG_FLAT = 1U << 1,
    EMG_FLAG_ELECTRODE_OFF = 1U << 2,
    EMG_FLAG_HUM = 1U << 3,
    EMG_FLAG_MOTION = 1U << 4,
    EMG_FLAG_NOISY = 1U << 5,
    EMG_FLAG_CROSSTALK = 1U << 6,
    EMG_FLAG_GAP = 1U << 7,
    EMG_FLAG_UNSETTLED = 1U << 8,
};

struct emg_quality;

struct emg_quality_config {
    double rate_hz;       /* of the raw samples, > 0 */
    double full_scale_uv; /* largest magnitude the converter can give, > 0 */
    double hold_s;        /* a flag stays up this long after its last cause, >= 0 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_quality_create(struct emg_quality **out, const struct emg_quality_config *config);

/* Takes n raw samples x (microvolts). Clipping: a run of at least 2 samples, and of at least 0.1 ms, at or
 * beyond 99.9 % of full scale with one sign, or any sample that is not finite. Flat: no change of value for
 * 100 ms. */
EMG_REALTIME void emg_quality_execute(struct emg_quality *q, const float *x, size_t n);

/* The flags that are up now: EMG_FLAG_CLIPPING and EMG_FLAG_FLAT, or'ed. */
EMG_REALTIME uint32_t emg_quality_flags(const struct emg_quality *q);

void emg_quality_reset(struct emg_quality *q);
void emg_quality_destroy(struct emg_quality *q); /* NULL is a no-op */

#endif
