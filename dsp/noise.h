/* Power spectrum of a muscle's noise at rest: that of the newest quiet signal, until a rest is measured or
 * set.
 *
 * One instance serves one muscle and belongs to one thread; create and destroy on one thread at a time
 * (FFTW). */
#ifndef EMG_DSP_NOISE_H
#define EMG_DSP_NOISE_H

#include "dsp/error.h"
#include "dsp/measure.h"
#include "dsp/realtime.h"
#include "dsp/spectrum.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_noise;

struct emg_noise_config {
    struct emg_spectrum_config slices; /* pool_s: of the quiet signal; a measured rest has no limit */
    size_t delay;                      /* samples by which marks lag behind their samples */
    const float *correction;  /* [bins] each spectrum is multiplied by it, 0 outside the band; the caller's,
                                 outlives */
    size_t first_bin, n_bins; /* of the band: what emg_noise_rest hands out */
};

struct emg_noise_spectrum {
    const float *psd; /* [bins] corrected, uV^2/Hz; NULL while less than a second of rest is known */
    double effective_s, dof;
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_noise_create(struct emg_noise **out, const struct emg_noise_config *config);

/* Takes samples x [n], microvolts; marks [n] is what the samples `delay` before them are, as
 * emg_onset_execute tells it. */
EMG_REALTIME void emg_noise_execute(struct emg_noise *q, const float *x, const uint32_t *marks, size_t n);

/* As of the newest slice; valid until the next call. */
EMG_REALTIME struct emg_noise_spectrum emg_noise_spectrum(const struct emg_noise *q);

/* Begins to measure a rest: all samples but the next `after`, whatever their marks. Taking it ends that and
 * makes it the noise from now on, in place of quiet signal; rms_uv is handed on. A remainder shorter than the
 * shortest slice is left out. */
EMG_REALTIME void emg_noise_begin(struct emg_noise *q, size_t after);
EMG_REALTIME void emg_noise_take(struct emg_noise *q, double rms_uv);
EMG_REALTIME void emg_noise_cancel(struct emg_noise *q);

/* The rest in effect and the band of its PSD, not corrected, [at most n_max bins]; rms_uv is NaN, and nothing
 * is written, when none was measured or set, or n_max is too small. Setting what was got gives the same
 * spectrum bit for bit; false, and nothing is changed, when n_bins differs or something in it is no spectrum
 * of rest. */
struct emg_rest emg_noise_rest(const struct emg_noise *q, float *psd, size_t n_max);
EMG_REALTIME bool emg_noise_set_rest(struct emg_noise *q, const struct emg_rest *rest, const float *psd);

/* Gives up the quiet slice in progress: its signal is spoilt. */
EMG_REALTIME void emg_noise_discard(struct emg_noise *q);

/* Nothing spans the gap; what is known is kept, what is being measured is not. */
EMG_REALTIME void emg_noise_interrupt(struct emg_noise *q);

void emg_noise_reset(struct emg_noise *q);
void emg_noise_destroy(struct emg_noise *q); /* NULL is a no-op */

#endif
