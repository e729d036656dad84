/* The JSON beside a recording: what a paper has to tell of it (ISEK, CEDE), and what a replay needs to begin
 * as the live analysis did.
 *
 * Plain functions; any thread. Sources: Merletti 1999 (ISEK), Besomi et al. 2019 and 2020 (CEDE), J
 * Electromyogr Kinesiol 48:128 and 53:102438. */
#ifndef EMG_DAEMON_RECORDER_SIDECAR_H
#define EMG_DAEMON_RECORDER_SIDECAR_H

#include "daemon/bdf.h"
#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/session.h"
#include "daemon/stream.h"

enum { EMG_SIDECAR_GAPS = 1000 };

struct emg_sidecar_gap {
    uint64_t first_frame, frames_lost; /* of the stream */
    const char *cause;
};

struct emg_sidecar {
    const struct emg_config *config;
    const struct emg_stream_info *stream;
    const struct emg_montage *montage;
    const struct emg_bdf_config *bdf;
    const struct emg_session *session;     /* as the recording began */
    const struct emg_session *session_end; /* as it was last; NULL: it goes on */
    uint64_t first_frame;                  /* of the stream */
    bool complete;                         /* ended as asked, and nothing is missing at its end */
    const char *failure;                   /* why it ended otherwise; NULL: it did not */
    double seconds;                        /* in the file */
    uint64_t frames, n_gaps;
    const struct emg_sidecar_gap *gaps; /* the first EMG_SIDECAR_GAPS of them */
};

/* Fills what the file's header says: labels, electrodes, filters, full scales (of a muscle: its own). Needs
 * bdf->rate_hz. */
void emg_sidecar_fill_channels(struct emg_bdf_config *bdf, const struct emg_config *config,
                               const struct emg_stream_info *stream, const struct emg_montage *montage);

/* Up to where a recording leaves the spectrum of the stream as it is; NaN: everywhere, it is not decimated.
 */
double emg_sidecar_lowpass_hz(const struct emg_bdf_config *bdf, const struct emg_stream_info *stream);

/* The whole text; NULL when there is no memory. The caller frees it. */
char *emg_sidecar_text(const struct emg_sidecar *sidecar);

#endif
