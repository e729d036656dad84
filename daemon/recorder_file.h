/* One recording in progress: frames and annotations of the stream become a file with its sidecar.
 *
 * One instance belongs to one thread, the recorder's. */
#ifndef EMG_DAEMON_RECORDER_FILE_H
#define EMG_DAEMON_RECORDER_FILE_H

#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/problem.h"
#include "daemon/recorder_files.h"
#include "daemon/session.h"
#include "daemon/stream.h"

#include <stdint.h>

struct emg_recorder_file;

struct emg_recorder_file_config {
    const struct emg_config *config;
    const struct emg_stream_info *stream;
    const struct emg_montage *montage;
    struct emg_recorder_place place;   /* taken over */
    uint64_t first_frame;              /* of the stream */
    double t;                          /* Unix time of it */
    const struct emg_session *session; /* copied */
};

/* Frames in a second of the recording, by recording.rate_hz. */
double emg_recorder_rate_hz(const struct emg_config *config, const struct emg_stream_info *stream,
                            unsigned *factor);

/* Writes header and sidecar. Errors: those of emg_bdf_create, EMG_ERROR_IO. On error *out is NULL, and the
 * place is closed. */
enum emg_error emg_recorder_file_create(struct emg_recorder_file **out,
                                        const struct emg_recorder_file_config *config,
                                        struct emg_problem *problem);

/* Takes n_frames frames of the stream, frame `frame` first; what is missing since the last ones is padded and
 * annotated (decimated: as long as the filter hears of it). Errors: EMG_ERROR_IO; then it is to be ended. */
enum emg_error emg_recorder_file_add(struct emg_recorder_file *f, uint64_t frame, const float *samples,
                                     size_t n_frames, const char *cause, struct emg_problem *problem);

void emg_recorder_file_annotate(struct emg_recorder_file *f, uint64_t frame, const char *text);

/* Brings it to the disk. Errors: EMG_ERROR_IO, also when the file is no longer under its name. */
enum emg_error emg_recorder_file_sync(struct emg_recorder_file *f, struct emg_problem *problem);

uint64_t emg_recorder_file_frames(const struct emg_recorder_file *f); /* in the file */
uint64_t emg_recorder_file_gaps(const struct emg_recorder_file *f);
double emg_recorder_file_seconds(const struct emg_recorder_file *f);
const char *emg_recorder_file_path(const struct emg_recorder_file *f);

/* Closes in order what can be closed, and frees it. session: as it was last, for the sidecar; NULL: as it was
 * at the beginning. failure: why it ends before it was asked to; NULL: it does not. Errors: EMG_ERROR_IO,
 * which is not told when there was a failure already. *frames gets what is in the file then. */
enum emg_error emg_recorder_file_end(struct emg_recorder_file *f, const struct emg_session *session,
                                     const char *failure, uint64_t *frames, struct emg_problem *problem);

#endif
