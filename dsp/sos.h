/* Butterworth band edges as second-order sections.
 *
 * Bilinear transform with pre-warping (Oppenheim & Schafer, Discrete-Time Signal Processing, ch. 7); state
 * in double, since a float section at 20 Hz loses accuracy. One instance serves one channel, one thread. */
#ifndef EMG_DSP_SOS_H
#define EMG_DSP_SOS_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_sos;

/* The two edges are cascaded; with neither, samples pass through unchanged. */
struct emg_sos_config {
    double rate_hz;     /* > 0 */
    double highpass_hz; /* lower band edge, -3 dB; 0: none; else < rate_hz / 2 */
    double lowpass_hz;  /* upper band edge, -3 dB; 0: none; else > highpass_hz and < rate_hz / 2 */
    unsigned order;     /* of each edge: 1..8 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_sos_create(struct emg_sos **out, const struct emg_sos_config *config);

/* Filters n samples from x to y (microvolts); x and y may be the same array. A sample that is not finite
 * counts as 0: it would otherwise stay in the state for ever. */
EMG_REALTIME void emg_sos_execute(struct emg_sos *q, const float *x, float *y, size_t n);

enum { EMG_SOS_TOGETHER = 4 };

/* Several filters of the same configuration at once, 1..EMG_SOS_TOGETHER: filter i from x[i] to y[i], as if
 * alone, in little more time than one. */
EMG_REALTIME void emg_sos_execute_together(struct emg_sos *const *q, size_t n_filters, const float *const *x,
                                           float *const *y, size_t n);

/* Amplitude response (1 = unchanged) at frequency_hz. */
double emg_sos_response(const struct emg_sos *q, double frequency_hz);

void emg_sos_reset(struct emg_sos *q);
void emg_sos_destroy(struct emg_sos *q); /* NULL is a no-op */

#endif
