/* One leg: its gait cycles and profiles, the load share of soleus and gastrocnemius, co-activation with an
 * antagonist, and a warning of cross-talk.
 *
 * It uses muscles that belong to others and live longer. One instance belongs to their thread. */
#ifndef EMG_DSP_LEG_H
#define EMG_DSP_LEG_H

#include "dsp/error.h"
#include "dsp/muscle.h"
#include "dsp/realtime.h"
#include "dsp/stride.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EMG_LEG_MUSCLES_MAX = 64 };

struct emg_leg;

struct emg_leg_config {
    double rate_hz; /* of the frames */
    struct emg_muscle *muscles[EMG_LEG_MUSCLES_MAX];
    size_t n_muscles;
    size_t soleus, gastrocnemius, antagonist; /* indices into muscles; n_muscles: it is not measured */
    bool footswitch;
    double threshold; /* of the foot switch, share of full scale */
};

struct emg_leg_comparison {
    double soleus_share_percent;          /* of soleus + gastrocnemius, both in percent of reference */
    double coactivation_percent;          /* of soleus and antagonist over the mean gait cycle */
    double crosstalk_r, crosstalk_lag_ms; /* soleus and gastrocnemius; lag positive when the latter follows */
};

/* Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_leg_create(struct emg_leg **out, const struct emg_leg_config *config);

/* Takes n samples of the foot switch, share of full scale, the first one at first_frame. */
EMG_REALTIME void emg_leg_footswitch(struct emg_leg *leg, const float *x, size_t n, uint64_t first_frame);

/* Takes what its muscle has newly found of contractions. Where there is no foot switch, those of the soleus
 * are the strides, or those of the gastrocnemius where soleus is not measured; that muscle must have been
 * created with `strides`. */
EMG_REALTIME void emg_leg_execute(struct emg_leg *leg);

/* Says that no more samples will come. */
EMG_REALTIME void emg_leg_finish(struct emg_leg *leg);

/* Takes the synchronous waveforms of soleus and gastrocnemius. */
EMG_REALTIME void emg_leg_waveforms(struct emg_leg *leg, const float *soleus, const float *gastrocnemius,
                                    size_t n);

/* Pops the oldest gait cycle that is known, and that all muscles' envelopes have passed by now_frame, and
 * adds it to their profiles; false: there is none. */
EMG_REALTIME bool emg_leg_next_cycle(struct emg_leg *leg, uint64_t now_frame, struct emg_stride_cycle *cycle);

EMG_REALTIME struct emg_stride_state emg_leg_strides(const struct emg_leg *leg);

/* Renews the cross-talk flags and compares; reference_uv [n_muscles]: NaN for a muscle without one. */
EMG_REALTIME struct emg_leg_comparison emg_leg_compare(struct emg_leg *leg, const double *reference_uv);

/* As emg_muscle_interrupt, which the muscles themselves get from their owner. */
EMG_REALTIME void emg_leg_interrupt(struct emg_leg *leg, uint64_t first_frame);

/* As freshly created, the next sample being frame first_frame; the muscles are restarted by their owner. */
EMG_REALTIME void emg_leg_restart(struct emg_leg *leg, uint64_t first_frame);

void emg_leg_destroy(struct emg_leg *leg); /* NULL is a no-op */

#endif
