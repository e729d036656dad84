/* Measures each contraction once it is over: when it was, how strong.
 *
 * Onset tells late which contraction a sample belongs to, so the samples are held back by its delay. Sums are
 * double. One instance serves one channel, one thread. */
#ifndef EMG_DSP_BURST_H
#define EMG_DSP_BURST_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>
#include <stdint.h>

struct emg_burst_meter;

struct emg_burst_config {
    double rate_hz; /* > 0, finite */
    size_t delay;   /* samples by which burst numbers lag behind their samples: emg_onset_delay */
};

struct emg_burst {
    uint32_t number;                   /* of the contraction; 0: none has ended */
    uint64_t first_sample, end_sample; /* the latter exclusive; samples of x since creation or reset */
    double rms_uv;
    double peak_uv;                       /* largest magnitude */
    double iemg_uv_s;                     /* integral of the rectified signal */
    double centre_sample, spread_samples; /* mean time of its energy, and the energy's SD about it */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_burst_create(struct emg_burst_meter **out, const struct emg_burst_config *config);

/* Takes samples x [n] (microvolts; one that is not finite counts as 0), and burst [n]: the number of the
 * contraction that the samples `delay` before them belong to; 0 and UINT32_MAX stand for none, as they do in
 * emg_onset_execute. Stops behind the number that tells that a contraction has ended. Returns the samples
 * taken, at least 1 unless n is 0; *out is that contraction or has number 0. */
EMG_REALTIME size_t emg_burst_execute(struct emg_burst_meter *q, const float *x, const uint32_t *burst,
                                      size_t n, struct emg_burst *out);

/* Begins anew; a contraction in progress is given up, since its end is not known. */
void emg_burst_reset(struct emg_burst_meter *q);
void emg_burst_destroy(struct emg_burst_meter *q); /* NULL is a no-op */

#endif
