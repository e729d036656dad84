/* What recording.c shares with its readers, one for each family of formats. Internal to emg_recording. */
#ifndef EMG_DAEMON_RECORDING_FORMAT_H
#define EMG_DAEMON_RECORDING_FORMAT_H

#include "daemon/problem.h"
#include "daemon/recording.h"
#include "daemon/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EMG_RECORDING_HEAD_SIZE = 12 }; /* bytes that tell the format */

struct emg_recording {
    const struct emg_recording_reader *reader;
    void *state; /* the reader's; NULL until its open has succeeded */
    struct emg_stream_info info;
    char path[EMG_PATH_SIZE];
    int fd; /* a regular file, open for reading and still at offset 0: read it with emg_recording_read_at */
    uint64_t size_bytes;
    double modified_t;                  /* Unix time */
    struct emg_annotation *annotations; /* [n_annotations], each with its text */
    size_t n_annotations;
    uint64_t next_frame; /* to be delivered */
    bool failed;         /* a read has failed: nothing more comes */
};

struct emg_recording_reader {
    bool (*recognises)(const unsigned char head[EMG_RECORDING_HEAD_SIZE]);
    /* Fills r->info (zeroed before) and r->state. On error r->state is NULL and nothing is left behind. */
    enum emg_error (*open)(struct emg_recording *r, double full_scale_uv, struct emg_problem *problem);
    /* Reads the next frames; fewer than n_frames only at the end or after an error, which recording.c tells
     * apart by the length of the recording. */
    size_t (*read)(struct emg_recording *r, float *samples, size_t n_frames);
    void (*close)(struct emg_recording *r);
};

extern const struct emg_recording_reader emg_recording_edf, emg_recording_audio;

/* Reads exactly n bytes at the offset; false when the file does not hold them or the system refuses. */
bool emg_recording_read_at(const struct emg_recording *r, uint64_t offset, void *bytes, size_t n);

/* Frees r->annotations. */
void emg_recording_free_annotations(struct emg_recording *r);

/* Sets rate and channel count in r->info. Errors: EMG_ERROR_UNSUPPORTED (either is out of range). */
enum emg_error emg_recording_set_shape(struct emg_recording *r, size_t n_channels, double rate_hz,
                                       struct emg_problem *problem);

#endif
