/* The worker thread: takes blocks off the ring, runs the analysis, and puts its messages on the ring to the
 * publisher.
 *
 * It polls (daemon/polling.h), so that the capture callback need not wake it, and allocates nothing after
 * start. Functions are for the main thread, but where it says otherwise. */
#ifndef EMG_DAEMON_WORKER_H
#define EMG_DAEMON_WORKER_H

#include "daemon/analysis.h"
#include "daemon/capture.h"
#include "daemon/errand.h"
#include "daemon/problem.h"
#include "daemon/recorder.h"
#include "daemon/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct emg_worker;

struct emg_worker_config {
    const struct emg_config *config;
    const struct emg_montage *montage;
    const struct emg_capture *capture;
    struct emg_ring *frames;           /* from the capture */
    struct emg_ring *messages;         /* to the publisher; records are struct emg_message */
    struct emg_recorder *recorder;     /* NULL: nothing is recorded */
    const struct emg_script *script;   /* what a recording says that happened; NULL: nothing */
    const struct emg_session *session; /* to be taken up again; NULL: none */
    int done_fd;                       /* an eventfd that is told when the last block has been analysed */
};

/* Makes the analysis. The message "waiting" is emitted at start. Errors: those of emg_analysis_create. On
 * error *out is NULL. */
enum emg_error emg_worker_create(struct emg_worker **out, const struct emg_worker_config *config,
                                 struct emg_problem *problem);

/* What the text form of the messages needs. */
void emg_worker_wire(const struct emg_worker *w, struct emg_wire *wire);

/* Hands a command to the thread, which carries it out between two blocks, and waits for the answer; returns
 * false when there is none in time, and the command is then not carried out. For record.start a file must
 * have been opened with emg_recorder_open. One thread at a time. */
bool emg_worker_command(struct emg_worker *w, const struct emg_command *command, struct emg_answer *answer);

/* Starts the thread, and waits until it runs. Errors: EMG_ERROR_IO. */
enum emg_error emg_worker_start(struct emg_worker *w, struct emg_problem *problem);

/* Whether the system refused the thread its fixed priority; live, and once started. Any thread. */
bool emg_worker_realtime_refused(const struct emg_worker *w);

/* Rounds that the thread has made; it makes one every two milliseconds or so, with or without frames. Any
 * thread.
 */
uint64_t emg_worker_rounds(const struct emg_worker *w);

/* CLOCK_MONOTONIC of the next block if the source keeps its pace, 0: it has none, or it is not known yet. Any
 * thread. */
int64_t emg_worker_expected_ns(const struct emg_worker *w);

/* Messages given up because the publisher did not keep up. Any thread. */
uint64_t emg_worker_messages_dropped(const struct emg_worker *w);

/* Ends the thread: at once, with what is on the ring left there. After the last block it has ended by itself.
 */
void emg_worker_stop(struct emg_worker *w);

void emg_worker_destroy(struct emg_worker *w); /* stops first; NULL is a no-op */

#endif
