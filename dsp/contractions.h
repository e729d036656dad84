/* One muscle's contractions: found by onset, measured once they are over, and handed out in order.
 *
 * One instance serves one channel, one thread. */
#ifndef EMG_DSP_CONTRACTIONS_H
#define EMG_DSP_CONTRACTIONS_H

#include "dsp/burst.h"
#include "dsp/error.h"
#include "dsp/onset.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_contractions;

struct emg_contractions_config {
    struct emg_onset_config onset;
    size_t
        unsettled; /* samples after the beginning or an interruption that are in no contraction and no rest */
};

struct emg_contraction {
    struct emg_burst burst; /* samples counted since the beginning or the last interruption */
    double snr_db;  /* by the noise level when it is popped; NaN while that is unknown or not below it */
    uint32_t flags; /* that were given while it lasted, or'ed */
    bool cut;       /* the signal ended before it did */
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_contractions_create(struct emg_contractions **out,
                                       const struct emg_contractions_config *config);

/* As emg_onset_delay, emg_onset_active and emg_onset_noise_uv. */
size_t emg_contractions_delay(const struct emg_contractions *q);
EMG_REALTIME bool emg_contractions_active(const struct emg_contractions *q);
EMG_REALTIME double emg_contractions_noise_uv(const struct emg_contractions *q);

/* Gives the noise level to contractions from now on, as emg_onset_set_noise_uv. */
EMG_REALTIME void emg_contractions_set_noise_uv(struct emg_contractions *q, double noise_uv);

/* Takes n samples x (microvolts, band-passed) and the quality flags that are up; writes marks [n] as
 * emg_onset_execute does. */
EMG_REALTIME void emg_contractions_execute(struct emg_contractions *q, const float *x, uint32_t flags,
                                           uint32_t *marks, size_t n);

/* Says that what is given from now on is silence behind the signal's end: a contraction that ends in it is
 * cut. */
EMG_REALTIME void emg_contractions_finish(struct emg_contractions *q);

/* Pops the oldest contraction that is over and not yet popped; false: there is none. Of more than 16 that
 * wait the oldest are lost. */
EMG_REALTIME bool emg_contractions_next(struct emg_contractions *q, struct emg_contraction *contraction);

/* Forgets the signal in progress: for a gap. What waits to be popped stays; pop it before the next sample,
 * since samples count anew. */
EMG_REALTIME void emg_contractions_interrupt(struct emg_contractions *q);

void emg_contractions_reset(struct emg_contractions *q);
void emg_contractions_destroy(struct emg_contractions *q); /* NULL is a no-op */

#endif
