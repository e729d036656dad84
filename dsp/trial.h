/* Measures how strong the signal is while the person does as told: at rest, or for a reference.
 *
 * Results are RMS values of the signal as it comes, its noise included: what is later put in percent of a
 * reference includes it, too. Contractions are those that onset finds. They become known late, so a
 * measurement ends, for what is told from contractions, that delay (160 ms) before its last sample; and a
 * contraction is whole when its beginning and its end are known by then. A level is the RMS over 50 ms.
 *
 * Rest: the RMS of all signal. It is no rest when the highest of the levels, taken every 10 ms, exceeds 2.75
 * x their 10 % quantile, or the highest RMS over 0.5 s exceeds 1.6 x the lowest; it is no noise above 20 uV.
 * Simulated, noise in 20 to 450 Hz and noise with the spectrum of EMG are refused in less than 0.1 % of rests
 * of 2 to 60 s, and a contraction of 0.3 s that raises the level twofold is missed in 0.1 %, threefold never.
 * It takes 2 s.
 *
 * MVC: the highest RMS over 0.5 s. It takes 1 s, and a contraction in it.
 *
 * Submaximal: the RMS of the longest contraction in it, less 0.25 s at either edge, also where only the
 * measurement cuts it off; 1 s must be left. Within 10 s of a contraction more than twice as strong, onset
 * finds it late.
 *
 * Dynamic peak: of each whole contraction the highest level of those that lie in it; their mean. Dynamic
 * mean: the mean of all levels from the onset of the first whole contraction to that of the last one. Either
 * takes 5 whole contractions.
 *
 * The SNR of a reference is that of its RMS, of a dynamic one that of the RMS in its whole contractions.
 * Below 10 dB, and when the noise is not known, there is no telling the muscle from it.
 *
 * One instance serves one channel, one thread. */
#ifndef EMG_DSP_TRIAL_H
#define EMG_DSP_TRIAL_H

#include "dsp/error.h"
#include "dsp/measure.h"
#include "dsp/realtime.h"

#include <stddef.h>
#include <stdint.h>

struct emg_trial;

struct emg_trial_config {
    double rate_hz;     /* 500..1e6 */
    size_t delay;       /* samples by which contraction numbers lag behind their samples: emg_onset_delay */
    uint32_t bad_flags; /* signal with one of these is no measurement */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_trial_create(struct emg_trial **out, const struct emg_trial_config *config);

/* Begins anew with the sample `after` from now; those before are left out. Of a baseline only flags, seconds
 * and contractions are told. EMG_MEASURE_NONE: nothing is measured from now on. */
EMG_REALTIME void emg_trial_begin(struct emg_trial *q, enum emg_measure kind, size_t after);

/* Takes n samples x (microvolts, band-passed; one that is not finite counts as 0) and what the samples
 * `delay` before them are: the number of their contraction, or 0 or UINT32_MAX for none, as emg_onset_execute
 * tells it. `flags` are up. */
EMG_REALTIME void emg_trial_execute(struct emg_trial *q, const float *x, const uint32_t *contraction,
                                    uint32_t flags, size_t n);

/* Says that these flags are up, too. */
EMG_REALTIME void emg_trial_flag(struct emg_trial *q, uint32_t flags);

/* Says that samples were lost. */
EMG_REALTIME void emg_trial_interrupt(struct emg_trial *q);

/* What is being measured. */
EMG_REALTIME enum emg_measure emg_trial_kind(const struct emg_trial *q);

/* The result so far, and whether it is to be refused. noise_uv: RMS of the noise; NaN: not known. */
EMG_REALTIME struct emg_measurement emg_trial_result(const struct emg_trial *q, double noise_uv);

void emg_trial_reset(struct emg_trial *q);
void emg_trial_destroy(struct emg_trial *q); /* NULL is a no-op */

#endif
