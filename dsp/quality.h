/* Signal quality of one channel: from its raw samples (clipping, flat line, rails) and from what other stages
 * measure (electrode off, hum, motion, noise).
 *
 * One instance serves one channel, one thread. */
#ifndef EMG_DSP_QUALITY_H
#define EMG_DSP_QUALITY_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The flags of the wire protocol, as bits. */
enum emg_quality_flag {
    EMG_FLAG_CLIPPING = 1U << 0,
    EMG_FLAG_FLAT = 1U << 1,
    EMG_FLAG_ELECTRODE_OFF = 1U << 2,
    EMG_FLAG_HUM = 1U << 3,
    EMG_FLAG_MOTION = 1U << 4,
    EMG_FLAG_NOISY = 1U << 5,
    EMG_FLAG_CROSSTALK = 1U << 6,
    EMG_FLAG_GAP = 1U << 7,
    EMG_FLAG_UNSETTLED = 1U << 8,
};

/* Signal with one of these is no measurement of the muscle. */
#define EMG_FLAGS_BAD ((uint32_t)(EMG_FLAG_CLIPPING | EMG_FLAG_FLAT | EMG_FLAG_ELECTRODE_OFF))

enum { EMG_FLAGS = 9 };

struct emg_quality;

struct emg_quality_config {
    double rate_hz;       /* of the raw samples, > 0 */
    double full_scale_uv; /* largest magnitude the converter can give, > 0 */
    double hold_s;        /* a flag stays up this long after its last cause, >= 0 */
};

/* What other stages measure, in microvolts RMS; NaN: unknown, which raises no flag. */
struct emg_quality_observation {
    double seconds;              /* since the last observation, >= 0 */
    double lines_uv, between_uv; /* at the mains lines and between them (struct emg_mains_state) */
    double removed_uv;           /* mains as it is being removed, 0 without a significant line */
    double low_uv, band_uv;      /* 2..20 Hz, and the EMG band, of the same newest 0.5 s */
    double noise_uv;             /* rest level of the EMG band */
    bool active;                 /* the muscle, by the onset detector */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_quality_create(struct emg_quality **out, const struct emg_quality_config *config);

/* Takes n raw samples x (microvolts), from which come clipping, flat, and, as clipping and electrode off, an
 * open input (dsp/rails.h). */
EMG_REALTIME void emg_quality_execute(struct emg_quality *q, const float *x, size_t n);

/* Takes one observation; to be called every 8..20 ms. A flag rises when its condition has lasted for the
 * time given and falls hold_s after its weaker condition has ended.
 *
 * Electrode off, where mains takes the place of EMG. Either EMG was seen in the last 10 s, and 0.5 s in all;
 * for 80 ms the lines hold 90 % of the power and exceed twice the mains that the EMG was seen with (at least
 * 0.15 of the EMG: less may hide in it), and what is between them is below half of the EMG. Ends below 75 %
 * or 0.7 of that level.
 *
 * Or no EMG has been seen for 10 s, or ever; in averages over 1 s the lines hold 80 % and exceed 2 uV, twice
 * the mains and a tenth of the EMG that were last seen, and all else is below half of that EMG. Ends as
 * above.
 *
 * So the rest between contractions may hold steady mains. EMG is seen when for 0.15 s the muscle is active
 * and the lines hold less than 80 %; a burst of 0.25 s counts about 0.1 s. An electrode that comes off and
 * picks up no mains cannot be told from rest.
 *
 * Hum: the removed mains exceeds 3 uV (a good baseline is 1-3 uV) and 25 % of all else, averaged over 1 s,
 * for 1 s; ends below 2 uV or 18 %.
 *
 * Motion: 2..20 Hz holds for 100 ms more power than the EMG band did at its highest of late (forgotten with a
 * time constant of 1 s in amplitude), and more than 5 uV; ends below half of that power. EMG's own share is
 * about a tenth at an MDF of 50 Hz; movement artefact lies below 20 Hz (De Luca et al. 2010, J Biomech
 * 43:1573).
 *
 * Noisy: the rest level exceeds 5 uV for 2 s, since it is first estimated from what little was seen; ends
 * below 4. */
EMG_REALTIME void emg_quality_observe(struct emg_quality *q,
                                      const struct emg_quality_observation *observation);

/* The flags that are up now, or'ed: clipping, flat, electrode off, hum, motion, noisy. */
EMG_REALTIME uint32_t emg_quality_flags(const struct emg_quality *q);

/* For a gap: flags fall and windows begin anew; what was seen of EMG and mains is kept. */
EMG_REALTIME void emg_quality_interrupt(struct emg_quality *q);

void emg_quality_reset(struct emg_quality *q);
void emg_quality_destroy(struct emg_quality *q); /* NULL is a no-op */

#endif
