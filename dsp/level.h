/* RMS of a signal over its newest whole seconds.
 *
 * One instance serves one channel, one thread. */
#ifndef EMG_DSP_LEVEL_H
#define EMG_DSP_LEVEL_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_level;

struct emg_level_config {
    double rate_hz; /* 1..1e6 */
    size_t seconds; /* at most, 1..3600 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_level_create(struct emg_level **out, const struct emg_level_config *config);

/* Takes n samples x, microvolts. What is left out between calls leaves no trace. */
EMG_REALTIME void emg_level_execute(struct emg_level *q, const float *x, size_t n);

/* In microvolts; NaN until there is a second of it. */
EMG_REALTIME double emg_level_uv(const struct emg_level *q);

void emg_level_reset(struct emg_level *q);
void emg_level_destroy(struct emg_level *q); /* NULL is a no-op */

#endif
