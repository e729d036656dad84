/* Finds when a foot comes down, from the signal of its foot switch.
 *
 * The signal is up when it rises above the threshold and down when it falls to 80 % of it. Contact counts
 * once the signal has stayed up for 10 ms, which outlives a spike but not the decay that an AC-coupled input
 * makes of a step, and release once it has stayed down for 25 ms, which outlives the bounce of a contact; a
 * contact is dated at its first edge. A foot that is down from the first sample has not just come down. One
 * instance serves one foot, one thread. */
#ifndef EMG_DSP_FOOTSWITCH_H
#define EMG_DSP_FOOTSWITCH_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_footswitch;

struct emg_footswitch_config {
    double rate_hz;   /* 500..1e6 */
    double threshold; /* share of full scale, 0..1 */
};

struct emg_footswitch_contact {
    bool is_found;
    uint64_t frame; /* at which the foot came down */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_footswitch_create(struct emg_footswitch **out, const struct emg_footswitch_config *config);

/* Takes samples x [n] as share of full scale, x[0] at frame first_frame, which follows the samples taken
 * before since creation or reset. One that is NaN changes nothing. Stops behind the sample that makes a
 * contact sure. Returns the samples taken, at least 1 unless n is 0; *contact is that contact or is not
 * found. */
EMG_REALTIME size_t emg_footswitch_execute(struct emg_footswitch *q, const float *x, size_t n,
                                           uint64_t first_frame, struct emg_footswitch_contact *contact);

EMG_REALTIME void emg_footswitch_reset(struct emg_footswitch *q);
void emg_footswitch_destroy(struct emg_footswitch *q); /* NULL is a no-op */

#endif
