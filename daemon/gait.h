/* The legs and the left-right pairs that a montage makes of its muscles.
 *
 * Uses the muscles of the analysis it serves, on that analysis's thread; nothing allocates after creation. */
#ifndef EMG_DAEMON_GAIT_H
#define EMG_DAEMON_GAIT_H

#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/problem.h"
#include "daemon/stream.h"
#include "dsp/leg.h"
#include "dsp/muscle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_gait_side {
    struct emg_leg *leg;              /* NULL: nothing is measured on this side */
    enum emg_stride_source source;    /* of its gait cycles */
    size_t muscles[EMG_MAX_CHANNELS]; /* their indices in the montage */
    size_t n_muscles;
    size_t soleus, gastrocnemius; /* indices into `muscles`; n_muscles: not measured */
};

/* A muscle that is measured on both sides. */
struct emg_gait_pair {
    const char *name;          /* without the side */
    size_t muscles[EMG_SIDES]; /* indices in the montage */
};

struct emg_gait {
    struct emg_gait_side sides[EMG_SIDES];
    struct emg_gait_pair pairs[EMG_MAX_CHANNELS / 2];
    size_t n_pairs;
};

/* Fills *gait; muscles [montage->n_muscles] and the montage must outlive it. On error, with its message,
 * *gait holds nothing that needs destroying. */
enum emg_error emg_gait_init(struct emg_gait *gait, const struct emg_montage *montage,
                             struct emg_muscle *const *muscles, double rate_hz, struct emg_problem *problem);

void emg_gait_destroy(struct emg_gait *gait);

#endif
