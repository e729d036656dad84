/* One muscle's whole chain, from raw device samples to activation and fatigue, as straight code.
 *
 *   raw -> quality
 *       -> decimator -> band-pass ------> slices of contractions -> spectrum -> course of MDF and amplitude
 *                    -> amplitude band -> envelope, onset
 *
 * One instance serves one muscle and belongs to one thread; create and destroy on one thread at a time
 * (FFTW). Cutting the input into other pieces gives the same results bit for bit. */
#ifndef EMG_DSP_MUSCLE_H
#define EMG_DSP_MUSCLE_H

#include "dsp/error.h"
#include "dsp/fatigue.h"
#include "dsp/onset.h"
#include "dsp/realtime.h"
#include "dsp/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_muscle;

struct emg_muscle_config {
    double rate_hz;       /* of the raw samples, 1000..192000 */
    double full_scale_uv; /* > 0 */
    double band_hz[2]; /* spectral band; the upper edge is lowered to 0.45 of the analysis rate where it must
                          be */
    double amplitude_highpass_hz; /* lower edge for RMS and envelope; the upper one is the band's */
    double front_end_highpass_hz; /* first-order high-pass of the front end, divided out of the spectrum; 0:
                                     none */
    double rms_s;
    double envelope_hz;
    double spectral_s; /* seconds of active signal that a spectrum pools */
    enum emg_onset_mode mode;
};

struct emg_muscle_activation {
    double rms_uv, envelope_uv; /* NaN while unsettled */
    bool active;
    uint32_t flags; /* enum emg_quality_flag, or'ed */
};

struct emg_muscle_fatigue {
    struct emg_fatigue_indices indices; /* of the pooled spectrum; NaN without one */
    double seconds;                     /* of signal pooled */
    unsigned bursts;                    /* contractions it comes from */
    double rms_uv, snr_db;
    double ln_finsm5; /* relative to the baseline */
    double baseline_mdf_hz, shift_percent;
    double slope_hz_per_min, slope_percent_per_min, slope_ci95_percent_per_min[2];
    enum emg_jasa jasa;
    enum emg_verdict verdict;
    enum emg_reason reason;
    uint32_t flags;
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_muscle_create(struct emg_muscle **out, const struct emg_muscle_config *config);

/* Sampling rate behind the decimator, and the spectral band in effect. */
double emg_muscle_rate_hz(const struct emg_muscle *m);
void emg_muscle_band_hz(const struct emg_muscle *m, double band_hz[2]);

/* Takes n raw samples x, microvolts. */
EMG_REALTIME void emg_muscle_execute(struct emg_muscle *m, const float *x, size_t n);

/* Says that the next sample is frame first_frame and that those before it since the last one are lost:
 * filters start anew, nothing spans the gap, and noise level, spectra, baseline and trend are kept. */
EMG_REALTIME void emg_muscle_interrupt(struct emg_muscle *m, uint64_t first_frame);

/* The newest values. */
EMG_REALTIME struct emg_muscle_activation emg_muscle_activation(const struct emg_muscle *m);
EMG_REALTIME struct emg_muscle_fatigue emg_muscle_fatigue(struct emg_muscle *m);

/* The corrected pooled PSD of the last emg_muscle_fatigue: *psd [returned count] in uV^2/Hz, valid until the
 * next call; bin k at *f0_hz + k * *df_hz. Returns 0 when nothing has been pooled. */
EMG_REALTIME size_t emg_muscle_psd(const struct emg_muscle *m, const float **psd, double *f0_hz,
                                   double *df_hz);

/* The band-passed samples since the last call, oldest first, and the frame of the first one. At most half a
 * second is kept; a gap begins anew. *x stays valid until the next execute. */
EMG_REALTIME size_t emg_muscle_take_waveform(struct emg_muscle *m, const float **x, uint64_t *first_frame);

/* Most samples that emg_muscle_take_waveform gives, most bins that emg_muscle_psd gives. */
size_t emg_muscle_waveform_max(const struct emg_muscle *m);
size_t emg_muscle_psd_max(const struct emg_muscle *m);

void emg_muscle_destroy(struct emg_muscle *m); /* NULL is a no-op */

#endif
