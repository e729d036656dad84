/* Removes mains and its harmonics by subtracting sinusoids that follow its frequency, amplitudes and phases.
 *
 * A notch takes the EMG out with the line and misses a line that is off its frequency (Mewett, Reynolds &
 * Nazeran 2004, Med Biol Eng Comput 42:524); a subtracted estimate does neither. Every 2 cycles of nominal
 * mains the newest 6 cycles are transformed at the harmonics and half-way between them, and every 8 cycles
 * the line is fitted to the newest 4 to 5 s of these, in which the rest between contractions counts most
 * (dsp/mains_fit.h). Without a significant line nothing is subtracted: the output is the input bit for bit.
 * Zero delay. One instance serves one channel, one thread; creation and destruction of all instances must
 * happen on one thread at a time (FFTW's planner is not thread-safe). */
#ifndef EMG_DSP_MAINS_H
#define EMG_DSP_MAINS_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_mains;

struct emg_mains_config {
    double rate_hz;    /* 500..4200 */
    double nominal_hz; /* 50 or 60; the line is sought within 1 Hz of it */
    double highest_hz; /* harmonics up to here and below 0.48 x rate, at most the first 16; >= nominal_hz */
};

struct emg_mains_state {
    bool locked;
    double frequency_hz; /* of the fundamental, now; NaN unless locked */
    double removed_uv;   /* RMS of what is being subtracted; 0 unless locked */
    /* Of the newest 6 cycles of nominal mains (0.12 or 0.1 s), NaN before the first: RMS at the lines, which
     * contains about a third of the EMG's power too, that beside them; and RMS of all else in the band of the
     * harmonics, 20 Hz to half a line spacing above the highest, from the density half-way between the lines.
     * A line itself appears half-way at about -29 dB. */
    double lines_uv, between_uv;
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_mains_create(struct emg_mains **out, const struct emg_mains_config *config);

/* Writes to y the n samples of x (microvolts) less the predicted lines; x and y may be the same array. An
 * offset and motion below 20 Hz may still be in x. A sample that is not finite counts as 0. */
EMG_REALTIME void emg_mains_execute(struct emg_mains *q, const float *x, float *y, size_t n);

EMG_REALTIME struct emg_mains_state emg_mains_state(const struct emg_mains *q);

EMG_REALTIME void emg_mains_reset(struct emg_mains *q);
void emg_mains_destroy(struct emg_mains *q); /* NULL is a no-op */

#endif
