/* From blocks of frames to messages: the same code live, replayed and in a report, so that they agree.
 *
 * Each topic has its own clock of frames: the k-th message of a topic at h Hz uses the samples before frame
 * floor(k * rate / h), whatever the block sizes. A jump of the frame index voids what spans it, is told by
 * event.gap, and keeps baselines and trends. One instance belongs to one thread; nothing allocates after
 * creation. */
#ifndef EMG_DAEMON_ANALYSIS_H
#define EMG_DAEMON_ANALYSIS_H

#include "daemon/block.h"
#include "daemon/config.h"
#include "daemon/drift.h"
#include "daemon/montage.h"
#include "daemon/problem.h"
#include "daemon/script.h"
#include "daemon/session.h"
#include "daemon/stream.h"
#include "daemon/wire.h"

#include <stddef.h>

struct emg_analysis;

/* Takes one finished message of n_bytes; it is valid during the call only. Called on the thread that
 * executes. */
typedef void emg_analysis_emit(void *context, const struct emg_message *message, size_t n_bytes);

/* Makes the pipelines of all muscles. Errors, with their message: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. On
 * error *out is NULL. */
enum emg_error emg_analysis_create(struct emg_analysis **out, const struct emg_config *config,
                                   const struct emg_stream_info *stream, const struct emg_montage *montage,
                                   emg_analysis_emit *emit, void *context, struct emg_problem *problem);

/* Fills what the text form of this stream's messages needs. */
void emg_analysis_wire(const struct emg_analysis *a, struct emg_wire *wire);

/* Unix time of frame 0; to be set before the first block where the stream does not know it. */
void emg_analysis_set_start(struct emg_analysis *a, double start_t);

/* To be set before the first block of a device: its clock's fit to the host's, kept up by the caller with
 * every block before it is analysed, by which its frames are dated; and the Unix time of CLOCK_MONOTONIC's
 * zero, as it was when the stream began. Later steps of the wall clock move nothing. */
void emg_analysis_set_clock(struct emg_analysis *a, const struct emg_drift *clock, double epoch_t);

/* What became of a command. */
struct emg_answer {
    bool ok;
    char code[24], message[256]; /* when it is refused: a word for programs, a sentence for people */
    uint64_t frame, end_frame;   /* it takes effect before frame; a measurement ends before end_frame */
    double t;                    /* Unix time of frame */
    double seconds;              /* of a measurement */
    uint64_t muscles;            /* of a measurement: bit i is muscle i */
};

/* Carries out a command, which takes effect before the next frame, and emits its event. record.start: all but
 * what the session has established begins anew with the next frame, so that what is recorded from there on
 * gives the same numbers again. */
EMG_REALTIME void emg_analysis_command(struct emg_analysis *a, const struct emg_command *command,
                                       struct emg_answer *answer);

/* The session in progress and what has been established, within it or without one; and the next frame. */
const struct emg_session *emg_analysis_session(const struct emg_analysis *a);
uint64_t emg_analysis_next_frame(const struct emg_analysis *a);

/* Unix time of a frame. */
double emg_analysis_time_of(const struct emg_analysis *a, uint64_t frame);

/* Before the first block: takes up a session that was left unfinished, and tells it. */
void emg_analysis_resume(struct emg_analysis *a, const struct emg_session *session);

/* Before the first block: the stream is a recording that begins with script->first_frame, and what the script
 * says is done at its frames. It must outlive the analysis. */
void emg_analysis_follow(struct emg_analysis *a, const struct emg_script *script);

/* Analyses one block and emits what completes in it. The first one is preceded by event.device "running", the
 * last one is followed by event.device and status "ended". */
EMG_REALTIME void emg_analysis_execute(struct emg_analysis *a, const struct emg_block *block);

/* Emits event.device when the state is new, and a status: for the times when no frames come. */
EMG_REALTIME void emg_analysis_tell_state(struct emg_analysis *a, enum emg_stream_state state);

/* Whether all that was asked of the kernel for real time was granted, as the next status messages tell. */
EMG_REALTIME void emg_analysis_set_realtime(struct emg_analysis *a, bool granted);

/* What the next status messages carry of the ring and the worker; NaN, as at the start, for unknown. */
EMG_REALTIME void emg_analysis_set_load(struct emg_analysis *a, double ring_peak_percent,
                                        double load_percent);

/* Largest message that is ever emitted, in bytes. */
size_t emg_analysis_message_max(const struct emg_analysis *a);

void emg_analysis_destroy(struct emg_analysis *a); /* NULL is a no-op */

#endif
