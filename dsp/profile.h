/* Ensemble profile of one muscle: mean and standard deviation of its envelope over the gait cycle.
 *
 * The envelope is kept as means over about 5 ms, each dated at the middle of what it averages, so that the
 * averaging delays nothing; a cycle takes its 101 points, 0 to 100 % of it, by linear interpolation between
 * them. Positions are counted in samples given since reset, fractions included; sample 0 is at position 0.
 * Mean and deviation are computed anew from the cycles kept, so that nothing drifts. One instance serves one
 * muscle, one thread. */
#ifndef EMG_DSP_PROFILE_H
#define EMG_DSP_PROFILE_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_profile;

enum { EMG_PROFILE_POINTS = 101 };

struct emg_profile_config {
    double rate_hz; /* of the envelope, 50..1e6 */
    double
        keep_s; /* of envelope kept, > 0, at most 3600: the longest cycle and what passes until it is known */
    unsigned strides; /* newest cycles averaged, 1..100 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_profile_create(struct emg_profile **out, const struct emg_profile_config *config);

/* Takes n samples of the envelope, microvolts. */
EMG_REALTIME void emg_profile_execute(struct emg_profile *q, const float *envelope_uv, size_t n);

/* Adds the cycle from one position to another to the ensemble, in place of the oldest one when that is full.
 * False, and nothing added: it is empty; begins more than keep_s ago, or too soon behind reset or
 * emg_profile_clear_history (2.5 ms suffice); ends too near to the newest sample (7.5 ms suffice); spans or
 * borders on a sample that is not finite. */
EMG_REALTIME bool emg_profile_cycle(struct emg_profile *q, double first_sample, double end_sample);

/* Writes mean and standard deviation (n - 1) in microvolts; returns the number of cycles n. The mean is NaN
 * when n < 1, the deviation when n < 2. */
EMG_REALTIME unsigned emg_profile_mean(const struct emg_profile *q, float mean[EMG_PROFILE_POINTS],
                                       float sd[EMG_PROFILE_POINTS]);

/* Forgets the envelope, for a gap: no cycle spans it. Positions count on, and the ensemble stays. */
EMG_REALTIME void emg_profile_clear_history(struct emg_profile *q);

void emg_profile_reset(struct emg_profile *q);
void emg_profile_destroy(struct emg_profile *q); /* NULL is a no-op */

#endif
