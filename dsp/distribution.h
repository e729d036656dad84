/* The distribution of the newest levels of a signal: its quantiles and the noise in it.
 *
 * A histogram in dB over the newest 3000 levels, and one over the newest 1000. Of the first 30 levels after a
 * beginning, which may hold the transient of a filter, only those up to twice their own 10 % quantile are
 * kept. One instance belongs to one thread. */
#ifndef EMG_DSP_DISTRIBUTION_H
#define EMG_DSP_DISTRIBUTION_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_distribution;

struct emg_distribution_noise {
    double uv;
    double levels; /* that it was estimated from */
};

/* Errors: EMG_ERROR_MEMORY; then *out is NULL. */
enum emg_error emg_distribution_create(struct emg_distribution **out);

/* Takes one level, microvolts RMS, 0.001 to 10^6. */
EMG_REALTIME void emg_distribution_execute(struct emg_distribution *q, double level_uv);

/* Levels that are kept; whether the first 30 are over. */
EMG_REALTIME size_t emg_distribution_count(const struct emg_distribution *q);
EMG_REALTIME bool emg_distribution_is_settled(const struct emg_distribution *q);

/* Of all levels, their 10 %, 90 % and 50 % quantiles; of the newest 1000, the 90 % quantile, 0 where there is
 * none. To be asked only once it is settled, but for the last one. */
EMG_REALTIME double emg_distribution_low_uv(struct emg_distribution *q);
EMG_REALTIME double emg_distribution_high_uv(struct emg_distribution *q);
EMG_REALTIME double emg_distribution_middle_uv(struct emg_distribution *q);
EMG_REALTIME double emg_distribution_activity_uv(struct emg_distribution *q);

/* RMS of the levels up to twice the 10 % quantile, which emg_distribution_low_uv must have been asked for
 * since the newest level. Unlike the quantile it has next to no bias. */
EMG_REALTIME struct emg_distribution_noise emg_distribution_noise(const struct emg_distribution *q);

/* The next 30 levels are first ones. */
void emg_distribution_begin(struct emg_distribution *q);

void emg_distribution_reset(struct emg_distribution *q);
void emg_distribution_destroy(struct emg_distribution *q); /* NULL is a no-op */

#endif
