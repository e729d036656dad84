/* Integer-factor decimation from the device rate to the analysis rate of about 2 kHz.
 *
 * Where the factor has a divisor for it, a cascade of moving averages comes first, which have their zeros
 * where the band would be folded upon (Hogenauer 1981, IEEE Trans. ASSP 29:155); then, or alone, a
 * linear-phase Kaiser-windowed FIR (Oppenheim & Schafer, Discrete-Time Signal Processing, ch. 7), which also
 * takes back what the averages take from the band. Both are computed only at their output instants. One
 * instance serves one channel and belongs to one thread. */
#ifndef EMG_DSP_DECIMATOR_H
#define EMG_DSP_DECIMATOR_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_decimator;

struct emg_decimator_config {
    double rate_hz;  /* input rate, > 0 */
    unsigned factor; /* input frames per output sample, >= 1; 1 passes samples through unchanged */
    double pass_hz;  /* flat within 0.01 dB up to here, 0 < pass_hz < rate_hz / factor / 2 */
    double stop_db;  /* attenuation of everything that folds into 0..pass_hz, 40..120 (float coefficients) */
};

/* The factor that brings `rate_hz` to about 2 kHz: 1 below 4200 Hz, else floor(rate_hz / 2000). */
unsigned emg_decimator_factor(double rate_hz);

/* What EMG needs: by that factor, flat to 500 Hz (0.49 of a lower rate), 80 dB. */
struct emg_decimator_config emg_decimator_config(double rate_hz);

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, or for a pass band so near half the output
 * rate that the filter would take more than 65535 coefficients; EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_decimator_create(struct emg_decimator **out, const struct emg_decimator_config *config);

/* Consumes n input samples x (microvolts) and writes the outputs that complete within them to y, which must
 * not overlap x; returns their number, at most n / factor + 1. Output m since reset completes with input
 * m * factor, so it stands for the time m * factor / rate_hz - delay. Before the first input lie zeros; an
 * input that is not finite counts as 0. The same input cut anywhere gives the same output bit for bit. */
EMG_REALTIME size_t emg_decimator_execute(struct emg_decimator *q, const float *x, float *y, size_t n);

/* Group delay in seconds (constant: the filter is linear phase), a whole number of input samples. */
double emg_decimator_delay_s(const struct emg_decimator *q);

/* Amplitude response (1 = unchanged) at frequency_hz of the input spectrum. */
double emg_decimator_response(const struct emg_decimator *q, double frequency_hz);

void emg_decimator_reset(struct emg_decimator *q);
void emg_decimator_destroy(struct emg_decimator *q); /* NULL is a no-op */

#endif
