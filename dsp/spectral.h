/* The spectral path of one muscle: from the decimated signal to fatigue with its evidence.
 *
 *   x -> band-pass -> slices of contractions -> pool of the newest seconds --> MDF, MNF, FInsm5, SNR
 *                                            -> course: baseline, trends  --> slope, JASA, verdict
 *                  -> slices of quiet rest   -> pool of noise, subtracted from either
 *
 * A rest that is measured or set takes the place of the quiet slices, such a baseline that of the course's.
 * Spectra are divided by the squared response of the band-pass and of the front end. One instance serves one
 * muscle and belongs to one thread; create and destroy on one thread at a time (FFTW). Cutting the input into
 * other pieces gives the same results bit for bit. */
#ifndef EMG_DSP_SPECTRAL_H
#define EMG_DSP_SPECTRAL_H

#include "dsp/error.h"
#include "dsp/fatigue.h"
#include "dsp/measure.h"
#include "dsp/realtime.h"
#include "dsp/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_spectral;
struct emg_sos;

struct emg_spectral_config {
    double rate_hz;               /* of the samples */
    double low_hz, high_hz;       /* the band */
    double front_end_highpass_hz; /* first-order high-pass of the front end; 0: none */
    double pool_s;                /* seconds of active signal that a spectrum pools */
    size_t delay;                 /* samples by which burst numbers lag behind their samples */
};

struct emg_spectral_fatigue {
    struct emg_fatigue_indices indices; /* of the pooled spectrum; NaN without one */
    double seconds;                     /* of signal pooled */
    unsigned bursts;                    /* contractions it comes from */
    double rms_uv, snr_db;              /* in the band, noise taken off; SNR NaN while noise is unknown */
    double ln_finsm5;                   /* relative to the baseline */
    double baseline_mdf_hz, shift_percent;
    double slope_hz_per_min, slope_percent_per_min, slope_ci95_percent_per_min[2]; /* overall */
    double break_s; /* of the trend, after its first point; NaN: none is evident */
    double recent_percent_per_min,
        recent_ci95_percent_per_min[2]; /* slope since the break; NaN without one */
    enum emg_jasa jasa;
    enum emg_verdict verdict;
    enum emg_reason reason;
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_spectral_create(struct emg_spectral **out, const struct emg_spectral_config *config);

/* The band-pass that samples have to go through before they are taken; an interruption starts it anew. */
struct emg_sos *emg_spectral_filter(struct emg_spectral *q);

/* Takes samples x [n] (microvolts), which have gone through the filter. marks [n] is what the samples `delay`
 * before them are, as emg_onset_execute tells it; x[i] stands for the time origin_s + (sample + i) / rate_hz,
 * seconds since the stream began. */
EMG_REALTIME void emg_spectral_execute(struct emg_spectral *q, const float *x, const uint32_t *marks,
                                       size_t n, double origin_s, uint64_t sample);

/* Gives up the slices in progress: their signal is spoilt. */
EMG_REALTIME void emg_spectral_discard(struct emg_spectral *q);

/* Filters start anew, nothing spans the gap; pools, baseline and trends are kept. A measurement in progress
 * ends without a result. */
EMG_REALTIME void emg_spectral_interrupt(struct emg_spectral *q);

/* The pool, the trends and the verdict begin anew with the next sample; noise and baseline are kept, also one
 * that is being gathered. */
EMG_REALTIME void emg_spectral_begin_stage(struct emg_spectral *q);

/* Begins to measure with the next sample: for EMG_MEASURE_REST the spectrum of all samples but the next
 * `after`, whatever their marks; for EMG_MEASURE_BASELINE that of the slices of contractions that lie in it.
 * For anything else it ends what is in progress. */
EMG_REALTIME void emg_spectral_begin_measurement(struct emg_spectral *q, enum emg_measure kind, size_t after);

/* Ends the rest that is being measured; it is the noise from now on, until the next one or a reset. rms_uv is
 * handed on in emg_spectral_rest. */
EMG_REALTIME void emg_spectral_take_rest(struct emg_spectral *q, double rms_uv);

/* Ends the baseline that is being measured and gives it. It takes effect by emg_spectral_set_baseline. */
struct emg_spectral_baseline {
    struct emg_fatigue_indices indices; /* NaN without signal */
    double seconds;                     /* of signal that they rest on */
    double snr_db;                      /* NaN while noise is unknown */
};
EMG_REALTIME struct emg_spectral_baseline emg_spectral_end_baseline(struct emg_spectral *q);

/* As emg_muscle_rest, emg_muscle_set_rest, emg_muscle_baseline and emg_muscle_set_baseline. */
struct emg_rest emg_spectral_rest(const struct emg_spectral *q, float *psd, size_t n_max);
EMG_REALTIME bool emg_spectral_set_rest(struct emg_spectral *q, const struct emg_rest *rest,
                                        const float *psd);
EMG_REALTIME struct emg_baseline emg_spectral_baseline(const struct emg_spectral *q);
EMG_REALTIME void emg_spectral_set_baseline(struct emg_spectral *q, const struct emg_baseline *baseline);

/* The newest values; valid_s: seconds of signal so far without gaps; bad: the signal's quality now forbids a
 * verdict. */
EMG_REALTIME struct emg_spectral_fatigue emg_spectral_fatigue(struct emg_spectral *q, double valid_s,
                                                              bool bad);

/* The corrected PSD behind the last emg_spectral_fatigue, noise taken off: *psd [returned count] in uV^2/Hz,
 * valid until the next call; bin k at *f0_hz + k * *df_hz. Returns 0 when nothing has been pooled. */
EMG_REALTIME size_t emg_spectral_psd(const struct emg_spectral *q, const float **psd, double *f0_hz,
                                     double *df_hz);

size_t emg_spectral_psd_max(const struct emg_spectral *q); /* most bins that emg_spectral_psd gives */

void emg_spectral_reset(struct emg_spectral *q);
void emg_spectral_destroy(struct emg_spectral *q); /* NULL is a no-op */

#endif
