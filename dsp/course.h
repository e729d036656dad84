/* One muscle's spectral course over a recording: the baseline and the trends of MDF and amplitude.
 *
 * Takes the corrected PSD of each slice of active signal in the order of time. The baseline is the first
 * minute of valid signal, active or not, and longer until it holds 2 s of active signal, unless one is
 * measured or set. The trends are fitted to points that share no signal: each pools 2 s. One instance serves
 * one muscle, one thread. */
#ifndef EMG_DSP_COURSE_H
#define EMG_DSP_COURSE_H

#include "dsp/error.h"
#include "dsp/fatigue.h"
#include "dsp/measure.h"
#include "dsp/realtime.h"
#include "dsp/spectrum.h"
#include "dsp/trend.h"

#include <stddef.h>

struct emg_course;

struct emg_course_config {
    size_t n_bins; /* of each PSD */
    double df_hz;
    double low_hz, high_hz; /* the band, inside the PSD */
};

/* PSD of rest. */
struct emg_course_noise {
    const float *psd; /* [n_bins] */
    double effective_s, dof;
};

struct emg_course_state {
    double baseline_mdf_hz;   /* NaN until the baseline is complete */
    double baseline_ln_insm5; /* NaN until then */
    struct emg_trend_fit mdf; /* Hz */
    struct emg_trend_fit rms; /* uV */
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_course_create(struct emg_course **out, const struct emg_course_config *config);

/* Adds a slice: psd [n_bins] in uV^2/Hz, what it rests on, and the time of its end in seconds since the
 * stream began. `noise` is subtracted from what completes with this slice; NULL: none. */
EMG_REALTIME void emg_course_execute(struct emg_course *q, const float *psd,
                                     const struct emg_spectrum_extent *extent,
                                     const struct emg_course_noise *noise, double t_s);

/* Tells how much valid signal, active or not, there has been: seconds since the stream began without gaps. */
EMG_REALTIME void emg_course_advance(struct emg_course *q, const struct emg_course_noise *noise,
                                     double valid_s);

EMG_REALTIME struct emg_course_state emg_course_state(const struct emg_course *q);

/* Points and trends begin anew; the baseline is kept, also one that is being gathered. */
EMG_REALTIME void emg_course_begin_stage(struct emg_course *q);

/* Pools slices of their own for a baseline: begins anew, adds a slice as execute has it, and gives the
 * indices, NaN without a slice, and the seconds of signal that they rest on. */
EMG_REALTIME void emg_course_begin_measurement(struct emg_course *q);
EMG_REALTIME void emg_course_measure(struct emg_course *q, const float *psd,
                                     const struct emg_spectrum_extent *extent);
EMG_REALTIME struct emg_fatigue_indices
emg_course_measured(struct emg_course *q, const struct emg_course_noise *noise, double *seconds);

/* Replaces the baseline for good: the first minute no longer makes one. A median frequency that is not finite
 * changes nothing. The other gives the baseline in effect if it was set so, else NaN. */
EMG_REALTIME void emg_course_set_baseline(struct emg_course *q, const struct emg_baseline *baseline);
EMG_REALTIME struct emg_baseline emg_course_baseline(const struct emg_course *q);

void emg_course_reset(struct emg_course *q);
void emg_course_destroy(struct emg_course *q); /* NULL is a no-op */

#endif
