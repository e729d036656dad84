/* Records what the analysis is given, on a thread of its own behind a ring of its own: a BDF+C with a JSON
 * sidecar, and the session in progress, for a daemon that starts again.
 *
 * Nothing that the disk does holds up the worker: what does not fit the ring is a gap of the recording. Each
 * function names its thread. */
#ifndef EMG_DAEMON_RECORDER_H
#define EMG_DAEMON_RECORDER_H

#include "daemon/block.h"
#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/problem.h"
#include "daemon/session.h"
#include "daemon/stream.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stdint.h>

struct emg_recorder;

enum emg_recorder_change { EMG_RECORDER_STARTED, EMG_RECORDER_STOPPED, EMG_RECORDER_FAILED };

struct emg_recorder_event {
    enum emg_recorder_change change;
    char path[EMG_PATH_SIZE];
    double seconds; /* in the file */
    uint64_t frames, gaps;
    char reason[256]; /* of a failure: path, what happened, and what had been written */
};

struct emg_recorder_state {
    bool on; /* begun, and its file not closed yet */
    char path[EMG_PATH_SIZE];
    double seconds; /* in the file so far */
    uint64_t frames, gaps;
    char failure[256]; /* why the last recording ended before it was stopped; "": it did not */
};

/* Main thread. Logs every unfinished recording found in recording.directory, with what to do. Starts the
 * thread. Errors: EMG_ERROR_MEMORY, EMG_ERROR_IO (thread). */
enum emg_error emg_recorder_create(struct emg_recorder **out, const struct emg_config *config,
                                   const struct emg_stream_info *stream, const struct emg_montage *montage,
                                   struct emg_problem *problem);

/* Control thread. Makes the files that the next emg_recorder_begin writes to: created 0600, never over
 * another file. path: inside recording.directory (relative to it, or absolute in it; no ".." and no symbolic
 * link leads out of it), ".bdf" added where it does not end so; NULL: <directory>/<time>[-<participant>].bdf.
 * (with "-2" and so on when that exists). path_out gets the one in effect. Errors, naming the path:
 * EMG_ERROR_ARGUMENT (outside of the directory; a recording is on already; recording.rate_hz gives a rate
 * that no file can have), EMG_ERROR_IO (exists, no permission, no directory, disk full), EMG_ERROR_MEMORY. A
 * file that was opened and never begun is removed by the next open, and at the end. */
enum emg_error emg_recorder_open(struct emg_recorder *r, const char *path, const char *participant,
                                 char path_out[EMG_PATH_SIZE], struct emg_problem *problem);

/* Worker. Begins with frame first_frame, whose Unix time is t, in the file made by the last open; the session
 * so far goes into the sidecar. */
EMG_REALTIME void emg_recorder_begin(struct emg_recorder *r, uint64_t first_frame, double t,
                                     const struct emg_session *session);

/* Worker. Takes a block of any length that has its final place. When `wait` (a replay) it waits for room;
 * else what finds none is a gap of the cause "recorder". A jump of the frame index is padded with zeros and
 * annotated "BAD_gap" over its length, and `gap {"first_frame":...,"frames_lost":...,"cause":...}` at its
 * beginning; one of more than an hour ends the recording as a failure. No-op while not begun. */
EMG_REALTIME void emg_recorder_put(struct emg_recorder *r, const struct emg_block *block, bool wait);

/* Worker. Annotates frame `frame` of the stream; no-op while not begun. */
EMG_REALTIME void emg_recorder_annotate(struct emg_recorder *r, uint64_t frame, const char *text);

/* Worker. The recording ends with the last frame that was put, whether there was room for it or not; the
 * thread closes the file. No-op while not begun. */
EMG_REALTIME void emg_recorder_end(struct emg_recorder *r);

/* Worker. Keeps the session on disk, as it now is (id "": removes it): recording.directory/emgd-session.json,
 * written anew and renamed, 0600. */
EMG_REALTIME void emg_recorder_keep(struct emg_recorder *r, const struct emg_session *session);

/* Control thread. Waits until the file that emg_recorder_end ended is closed; *event tells of it. Returns
 * false when that takes longer than seconds. */
bool emg_recorder_wait_closed(struct emg_recorder *r, double seconds, struct emg_recorder_event *event);

/* Any thread. What there is to tell now. */
void emg_recorder_state(struct emg_recorder *r, struct emg_recorder_state *state);

/* Publisher. The next thing that happened and was not told yet; false: nothing. */
bool emg_recorder_next_event(struct emg_recorder *r, struct emg_recorder_event *event);

/* Main thread. The session that a daemon before this one left unfinished, for the muscles of this montage;
 * NULL: none. The caller frees it. */
struct emg_session *emg_recorder_unfinished_session(const struct emg_config *config,
                                                    const struct emg_montage *montage);

/* Main thread. Writes out what is on the ring, closes the file in order and ends the thread; NULL is a no-op.
 */
void emg_recorder_destroy(struct emg_recorder *r);

#endif
