/* What a source says of its stream before the first frame. Plain values; read-only once filled. */
#ifndef EMG_DAEMON_STREAM_H
#define EMG_DAEMON_STREAM_H

#include "daemon/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum emg_stream_state { EMG_STREAM_WAITING, EMG_STREAM_RUNNING, EMG_STREAM_LOST, EMG_STREAM_ENDED };

struct emg_channel {
    char label[EMG_LABEL_SIZE]; /* as in the file, trimmed; "" when channels have no labels */
    double full_scale_uv;       /* largest magnitude, in the microvolts that the stream delivers */
    bool calibrated;            /* the file gives physical units: configured full scales do not apply */
    bool usable; /* false: other rate than the stream's, or not a voltage; delivered as zeros */
};

struct emg_stream_info {
    char source[EMG_PATH_SIZE]; /* the specification, as configured */
    double rate_hz;
    unsigned n_channels;
    struct emg_channel channels[EMG_MAX_CHANNELS];
    uint64_t n_frames; /* of a recording; 0: not known beforehand */
    bool has_start;    /* start_t is known beforehand (a recording) */
    double start_t;    /* Unix time of frame 0 */
    bool realtime;     /* frames come by themselves and are lost when nobody takes them */
};

/* `spec` fits, since the configuration it comes from holds it in a field of the same size. */
static inline void emg_stream_set_source(struct emg_stream_info *info, const char *spec)
{
    strncpy(info->source, spec, sizeof info->source - 1);
    info->source[sizeof info->source - 1] = '\0';
}

#endif
