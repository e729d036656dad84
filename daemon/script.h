/* What a recording says that happened while it was made: the commands and the gaps, each at its frame.
 *
 * Made before the analysis begins; read-only afterwards. */
#ifndef EMG_DAEMON_SCRIPT_H
#define EMG_DAEMON_SCRIPT_H

#include "daemon/block.h"
#include "daemon/montage.h"
#include "daemon/problem.h"
#include "daemon/recording.h"
#include "daemon/session.h"

#include <stddef.h>
#include <stdint.h>

struct emg_script_step {
    uint64_t frame;           /* it happened before this one, of the stream that was recorded */
    size_t order;             /* in the file */
    uint64_t frames_lost;     /* > 0: a gap, which the recording has padded; else a command */
    enum emg_gap_cause cause; /* of a gap */
    struct emg_command command;
};

struct emg_script {
    uint64_t first_frame;        /* of the recording, in the stream that was recorded */
    uint64_t end_frame;          /* what follows only fills the last record; UINT64_MAX: not told */
    struct emg_session *session; /* as it was when the recording began; NULL: nothing is known of it */
    struct emg_script_step *steps;
    size_t n_steps; /* in the order of frames */
};

/* Reads the annotations of a recording and the session in its sidecar (the same path with .json instead of
 * its extension). *out is NULL when the recording was not made by emgd: there is nothing to follow. What
 * cannot be read is passed over, but a recording that says more than was understood must not look like one
 * that says less: the problem then tells it, with EMG_OK. Errors: EMG_ERROR_MEMORY. */
enum emg_error emg_script_create(struct emg_script **out, const struct emg_recording *recording,
                                 const char *path, const struct emg_montage *montage,
                                 struct emg_problem *problem);

void emg_script_destroy(struct emg_script *script); /* NULL is a no-op */

#endif
