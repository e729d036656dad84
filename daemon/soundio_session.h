/* One connection to a capture device through libsoundio, from finding the device to closing it.
 *
 * Whatever in libsoundio can hang is called on a thread of its own and given up after a time; that thread is
 * then abandoned with all it uses, which is why everything libsoundio sees is in a session of its own.
 *
 * Functions are for the main thread. All signals must be blocked: one taken on a thread of libsoundio's ends
 * the capture. */
#ifndef EMG_DAEMON_SOUNDIO_SESSION_H
#define EMG_DAEMON_SOUNDIO_SESSION_H

#include "daemon/block.h"
#include "daemon/problem.h"
#include "daemon/soundio_device.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What is to be opened. */
struct emg_soundio_wish {
    char backend[16];
    char device[EMG_PATH_SIZE]; /* as configured */
    struct emg_soundio_need need;
    double full_scale_uv[EMG_MAX_CHANNELS]; /* of each channel */
    double period_s;
    struct emg_soundio_device before; /* it must be this one again; id "": any that fits */
};

/* What was opened. */
struct emg_soundio_opened {
    struct emg_soundio_device device;
    unsigned channels;
    bool realtime_refused; /* of the thread that captures; known once started */
};

struct emg_soundio_session;

/* Counts the sessions that are not gone yet: one that has been ended may hang on. */
struct emg_soundio_tally;

/* NULL: out of memory. */
struct emg_soundio_tally *emg_soundio_tally_create(void);
int emg_soundio_tally_sessions(const struct emg_soundio_tally *tally);
void emg_soundio_tally_destroy(struct emg_soundio_tally *tally); /* NULL is a no-op */

/* Makes a session that does nothing yet; NULL: out of memory. *state, which becomes RUNNING with each block,
 * must live until the session's end. */
struct emg_soundio_session *emg_soundio_session_create(const struct emg_soundio_wish *wish,
                                                       _Atomic int *state, struct emg_soundio_tally *tally);

/* Begins to find and open the device. Errors: EMG_ERROR_IO (no thread). */
enum emg_error emg_soundio_session_begin_open(struct emg_soundio_session *s);

/* Begins to start what was opened, or to open and start: blocks go on where *writer stands. Errors:
 * EMG_ERROR_IO. */
enum emg_error emg_soundio_session_begin_start(struct emg_soundio_session *s,
                                               const struct emg_block_writer *writer);

/* Whether what was begun is still going on. */
bool emg_soundio_session_is_busy(const struct emg_soundio_session *s);

/* Waits for what was begun, limit_s at most, and says what came of it. Errors, naming the device:
 * EMG_ERROR_DEVICE (it does not answer, is in use, does not give what was asked, is another than before), and
 * those of emg_soundio_choose. After an error the session is good for nothing but its end. */
enum emg_error emg_soundio_session_wait(struct emg_soundio_session *s, double limit_s,
                                        struct emg_problem *problem);

const struct emg_soundio_opened *emg_soundio_session_opened(const struct emg_soundio_session *s);

/* CLOCK_MONOTONIC of the newest frames; 0: there were none yet. */
int64_t emg_soundio_session_heard_ns(const struct emg_soundio_session *s);

/* NULL while the running session has its device, else why it has not. */
const char *emg_soundio_session_trouble(struct emg_soundio_session *s);

/* Ends the session, and waits for that for half a second at most. If it was started, *writer becomes where
 * its blocks have come to; nothing touches the ring any more. NULL is a no-op. */
void emg_soundio_session_end(struct emg_soundio_session *s, struct emg_block_writer *writer);

#endif
