/* Reads recordings frame by frame: BDF, BDF+, EDF, EDF+ through EDFlib; WAV, W64, RF64, FLAC through
 * libsndfile.
 *
 * One instance belongs to one thread. EDFlib keeps a global table: open and close on one thread at a time. */
#ifndef EMG_DAEMON_RECORDING_H
#define EMG_DAEMON_RECORDING_H

#include "daemon/problem.h"
#include "daemon/stream.h"

#include <stddef.h>

struct emg_recording;

/* Opens the recording at `path`. Audio samples are scaled so that full scale is full_scale_uv (> 0): integers
 * by 2^(bits-1), floating point by 1, and there NaN and infinities stay what they are. EDF and BDF are scaled
 * by their physical minimum and maximum, in V, mV, uV or nV (a range that lies about zero as nearly as its
 * characters can tell has no offset, and the gain of its minimum); what lies outside the digital range is
 * clipped to it. The start time is the header's (EDF/BDF: taken as UTC, with its subsecond); for audio the
 * file's modification time minus its duration. The format is told by the content, not by the file's name.
 * Errors, each naming the path: EMG_ERROR_NOT_FOUND (missing); EMG_ERROR_IO (unreadable, a directory, an EDF
 * or BDF that this process has open already); EMG_ERROR_FORMAT (not one of these formats, truncated, empty,
 * damaged, not closed properly); EMG_ERROR_UNSUPPORTED (a rate below 1000 Hz or above 192 kHz, too many
 * channels, discontinuous EDF+D/BDF+D, no voltage among the signals, audio that is companded or compressed
 * with loss). On error *out is NULL. */
enum emg_error emg_recording_open(struct emg_recording **out, const char *path, double full_scale_uv,
                                  struct emg_problem *problem);

/* Filled but for `source` and `realtime` (false). For EDF/BDF the rate is that of the most numerous rate
 * among the voltage channels (the higher one on a tie); annotation signals are no channels; full_scale_uv is
 * 0 where a channel is not usable. FLAC that was written to a pipe may have no length: n_frames is 0 and
 * has_start false. */
const struct emg_stream_info *emg_recording_info(const struct emg_recording *r);

/* Reads up to n_frames frames, interleaved, microvolts, into samples [n_frames * n_channels]; returns the
 * frames read, 0 at the end. A read error is an early end: the call that returns 0 sets *error to
 * EMG_ERROR_IO and fills the problem; else *error is EMG_OK. */
size_t emg_recording_read(struct emg_recording *r, float *samples, size_t n_frames, enum emg_error *error,
                          struct emg_problem *problem);

struct emg_annotation {
    double onset_s, duration_s; /* since the first frame; duration 0: an instant, or not told */
    char *text;                 /* UTF-8, NUL-terminated */
};

/* The annotations of a BDF+ or EDF+ in the order of the file, without the timekeeping ones; owned by the
 * recording. *n is 0 for other formats. Damaged ones are left out. */
const struct emg_annotation *emg_recording_annotations(const struct emg_recording *r, size_t *n);

void emg_recording_close(struct emg_recording *r); /* NULL is a no-op */

#endif
