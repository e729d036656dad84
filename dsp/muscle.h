/* One muscle's whole chain, from raw device samples to activation, contractions and fatigue, as straight
 * code.
 *
 *   raw -> quality
 *       -> decimator -> mains removal -> spectral path (band-pass, spectra, course)
 *                                     -> amplitude band -> envelope, onset -> contractions, profile
 *                                     -> 2-20 Hz -> motion
 *
 * One instance serves one muscle and belongs to one thread; create and destroy on one thread at a time
 * (FFTW). Cutting the input into other pieces gives the same results bit for bit. */
#ifndef EMG_DSP_MUSCLE_H
#define EMG_DSP_MUSCLE_H

#include "dsp/error.h"
#include "dsp/measure.h"
#include "dsp/onset.h"
#include "dsp/profile.h"
#include "dsp/realtime.h"
#include "dsp/spectral.h"

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
    double mains_hz;              /* nominal: 50 or 60; 0: mains is left alone */
    double rms_s;
    double envelope_hz;
    double spectral_s;        /* seconds of active signal that a spectrum pools */
    bool strides;             /* whether emg_muscle_next_stride_burst is wanted */
    unsigned profile_strides; /* that an ensemble profile averages, 1..100 */
    enum emg_onset_mode mode;
};

struct emg_muscle_activation {
    double rms_uv, envelope_uv; /* NaN while unsettled or of bad quality (EMG_FLAGS_BAD) */
    bool active;
    uint32_t flags; /* enum emg_quality_flag, or'ed */
};

/* A contraction that is over. */
struct emg_muscle_burst {
    uint64_t onset_frame, offset_frame; /* of the first sample in it, and of the first one behind it */
    double duration_s;
    uint64_t centre_frame;             /* mean time of its energy */
    double spread_s;                   /* SD of the energy about it */
    double rms_uv, peak_uv, iemg_uv_s; /* peak: largest magnitude; iEMG: integral of the rectified signal */
    double snr_db;                     /* NaN while the noise is unknown */
    uint32_t flags;                    /* that were up during it */
    bool cut;                          /* the signal ended before it did */
};

struct emg_muscle_fatigue {
    struct emg_spectral_fatigue spectral;
    uint32_t flags;
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_muscle_create(struct emg_muscle **out, const struct emg_muscle_config *config);

/* Sampling rate behind the decimator, and the spectral band in effect. */
double emg_muscle_rate_hz(const struct emg_muscle *m);
void emg_muscle_band_hz(const struct emg_muscle *m, double band_hz[2]);

/* Takes n raw samples x, microvolts. */
EMG_REALTIME void emg_muscle_execute(struct emg_muscle *m, const float *x, size_t n);

/* The same for several muscles, n samples x[i] for muscle i: same results, less time. They have the same
 * configuration but for full scale, mode and strides, and have been executed, interrupted and restarted
 * alike. */
EMG_REALTIME void emg_muscles_execute(struct emg_muscle *const *muscles, size_t n_muscles,
                                      const float *const *x, size_t n);

/* Says that the next sample is frame first_frame and that those before it since the last one are lost:
 * filters start anew, nothing spans the gap, and noise level, spectra, baseline and trend are kept. */
EMG_REALTIME void emg_muscle_interrupt(struct emg_muscle *m, uint64_t first_frame);

/* Says that everything begins anew with frame first_frame: as freshly created, nothing being lost; results
 * that were set are forgotten, too. */
EMG_REALTIME void emg_muscle_restart(struct emg_muscle *m, uint64_t first_frame);

/* Says that another stage of the test begins: the pooled spectrum, trends and the verdict begin anew;
 * baseline, also one that is being gathered, and noise are kept. */
EMG_REALTIME void emg_muscle_begin_stage(struct emg_muscle *m);

/* Begins to measure with the next sample, or once the filters have settled (dsp/trial.h tells how); a
 * measurement in progress is dropped, EMG_MEASURE_NONE begins none. The end gives the result, refused where
 * the evidence does not carry it. An accepted rest becomes the noise that contractions and spectra are told
 * from until the next one; an accepted baseline becomes the one of the shifts, for good, and takes 2 s of
 * contractions and 10 dB. What interrupts the signal spoils a measurement in progress. */
EMG_REALTIME void emg_muscle_begin_measurement(struct emg_muscle *m, enum emg_measure kind);
EMG_REALTIME struct emg_measurement emg_muscle_end_measurement(struct emg_muscle *m);

/* The rest in effect with its PSD, uncorrected uV^2/Hz, psd [at most n_max bins; emg_muscle_psd_max suffice];
 * rms_uv is NaN, and nothing is written, when none was measured or set, or n_max is too small. Setting what
 * was got gives the same results from then on, bit for bit. Returns false, changing nothing, when the PSD is
 * none of this muscle's. */
struct emg_rest emg_muscle_rest(const struct emg_muscle *m, float *psd, size_t n_max);
EMG_REALTIME bool emg_muscle_set_rest(struct emg_muscle *m, const struct emg_rest *rest, const float *psd);

/* The baseline in effect, if it was measured by emg_muscle_begin_measurement or set; else NaN. Setting one
 * whose mdf_hz is NaN changes nothing. */
EMG_REALTIME struct emg_baseline emg_muscle_baseline(const struct emg_muscle *m);
EMG_REALTIME void emg_muscle_set_baseline(struct emg_muscle *m, const struct emg_baseline *baseline);

/* Says that no more samples will come: what is still held back is taken, and a contraction in progress ends
 * here. Only contractions, fatigue and profiles are of use afterwards. */
EMG_REALTIME void emg_muscle_finish(struct emg_muscle *m);

/* The newest values. */
EMG_REALTIME struct emg_muscle_activation emg_muscle_activation(const struct emg_muscle *m);
EMG_REALTIME struct emg_muscle_fatigue emg_muscle_fatigue(struct emg_muscle *m);

/* Pops the oldest contraction that is over and not yet popped; false: there is none. Of more than 16 that
 * wait the oldest are lost. */
EMG_REALTIME bool emg_muscle_next_burst(struct emg_muscle *m, struct emg_muscle_burst *burst);

/* The same, weaker contractions and their weak beginnings included: what gait cycles are told by. */
EMG_REALTIME bool emg_muscle_next_stride_burst(struct emg_muscle *m, struct emg_muscle_burst *burst);

/* RMS in microvolts of the amplitude band over the newest 10 s of good signal, active or not; NaN until there
 * is a second of it. Rest level of the onset detector; NaN while unknown. */
EMG_REALTIME double emg_muscle_level_uv(const struct emg_muscle *m);
EMG_REALTIME double emg_muscle_noise_uv(const struct emg_muscle *m);

/* Adds the gait cycle from first_frame to end_frame to the ensemble profile of the linear envelope; false
 * when it is not, or no longer, known in full. The profile has EMG_PROFILE_POINTS points; returns its
 * strides. */
EMG_REALTIME bool emg_muscle_add_cycle(struct emg_muscle *m, uint64_t first_frame, uint64_t end_frame);
EMG_REALTIME unsigned emg_muscle_profile(const struct emg_muscle *m, float *mean, float *sd);

/* Raises or lowers the cross-talk flag, which only a comparison with another muscle can give. */
EMG_REALTIME void emg_muscle_set_crosstalk(struct emg_muscle *m, bool crosstalk);

/* The corrected pooled PSD of the last emg_muscle_fatigue: *psd [returned count] in uV^2/Hz, valid until the
 * next call; bin k at *f0_hz + k * *df_hz. Returns 0 when nothing has been pooled. */
EMG_REALTIME size_t emg_muscle_psd(const struct emg_muscle *m, const float **psd, double *f0_hz,
                                   double *df_hz);

/* The samples of the amplitude band since the last call, oldest first, and the frame of the first one. At
 * most half a second is kept; a gap begins anew. *x stays valid until the next execute. */
EMG_REALTIME size_t emg_muscle_take_waveform(struct emg_muscle *m, const float **x, uint64_t *first_frame);

/* Most samples that emg_muscle_take_waveform gives, most bins that emg_muscle_psd gives. */
size_t emg_muscle_waveform_max(const struct emg_muscle *m);
size_t emg_muscle_psd_max(const struct emg_muscle *m);

void emg_muscle_destroy(struct emg_muscle *m); /* NULL is a no-op */

#endif
