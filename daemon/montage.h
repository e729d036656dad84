/* Which channel of the stream is which muscle. Pure; any thread. */
#ifndef EMG_DAEMON_MONTAGE_H
#define EMG_DAEMON_MONTAGE_H

#include "daemon/config.h"
#include "daemon/problem.h"
#include "daemon/stream.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_montage_muscle {
    char name[EMG_NAME_SIZE]; /* <side>.<muscle> */
    unsigned channel;         /* index into the frame, from 0 */
    float scale;              /* delivered microvolts to this muscle's microvolts */
    double full_scale_uv;     /* after scale */
    double reference_uv;      /* NaN: none */
    char reference_method[16];
};

struct emg_montage_footswitch {
    bool present;
    unsigned channel;
    float scale;      /* delivered microvolts to share of full scale */
    double threshold; /* share of full scale */
};

enum emg_side { EMG_SIDE_LEFT, EMG_SIDE_RIGHT, EMG_SIDES };

struct emg_montage {
    struct emg_montage_muscle muscles[EMG_MAX_CHANNELS];
    size_t n_muscles;
    struct emg_montage_footswitch footswitches[EMG_SIDES];
};

/* Side of a muscle, and its name without the side. */
enum emg_side emg_montage_side(const struct emg_montage_muscle *muscle);
const char *emg_montage_bare_name(const struct emg_montage_muscle *muscle);

/* Reads an EDF+ label "EMG <L|R> <muscle>" into a muscle's name; SOL, GM, GL, TA stand for their SENIAM
 * names, any other word is taken in lower case with everything outside [a-z0-9] as '_'. Upper and lower case
 * are the same. Returns false when the label does not read so or the name is too long. */
bool emg_montage_name_of_label(const char *label, char name[EMG_NAME_SIZE]);

/* Fills *montage. A configured muscle is found by its channel; when that is 0 by its label, which is the
 * label as written in the file or, on the muscle's own side, the muscle word in it. Without any, every usable
 * channel that is no footswitch (configured, or, without any configured, labelled "SW L" or "SW R") is
 * analysed: under its label's name, or as left.channel_N (N from 1); a second channel with the same name
 * becomes left.channel_N too. Errors, each naming the muscle and channel or label: EMG_ERROR_NOT_FOUND (the
 * channel or label of a muscle, or the channel of a footswitch, is not in the stream), EMG_ERROR_ARGUMENT
 * (two muscles on one channel, a label on two channels or on another one than the configured channel, an
 * unusable channel, no usable channel at all). */
enum emg_error emg_montage_create(struct emg_montage *montage, const struct emg_config *config,
                                  const struct emg_stream_info *stream, struct emg_problem *problem);

#endif
