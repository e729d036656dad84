/* The source contract: open, start, stop, close; the same for a device, a recording and a simulation.
 *
 * Every function is for the main thread. A source delivers blocks (daemon/block.h) from a thread or callback
 * of its own. */
#ifndef EMG_DAEMON_CAPTURE_H
#define EMG_DAEMON_CAPTURE_H

#include "daemon/config.h"
#include "daemon/problem.h"
#include "daemon/ring.h"
#include "daemon/stream.h"

#include <stdatomic.h>

struct emg_recording;

/* What each kind of source begins with; only the sources themselves look inside. */
struct emg_capture {
    const struct emg_capture_kind *kind;
    struct emg_stream_info info;           /* complete once open has returned */
    const struct emg_recording *recording; /* that it delivers; NULL: it is none */
    uint64_t first_frame;                  /* index of the first one that is delivered; set before start */
    _Atomic int state;             /* enum emg_stream_state; LOST: for ever, or until the device is back */
    struct emg_problem failure;    /* set before the state becomes LOST for ever; empty when nothing failed */
    _Atomic bool realtime_refused; /* priority of the thread that captures, or locked memory */
};

struct emg_capture_kind {
    const char *prefix; /* of the specification: "soundio:", "file:", "synth:" */
    /* rest: the specification behind the prefix. On error *out is NULL. */
    enum emg_error (*open)(struct emg_capture **out, const char *rest, const struct emg_config *config,
                           struct emg_problem *problem);
    enum emg_error (*start)(struct emg_capture *capture, struct emg_ring *ring, struct emg_problem *problem);
    void (*poll)(struct emg_capture *capture); /* NULL where there is nothing to poll */
    void (*stop)(struct emg_capture *capture);
    void (*close)(struct emg_capture *capture);
};

extern const struct emg_capture_kind emg_capture_soundio, emg_capture_file, emg_capture_synth;

/* Opens the source that config->source.spec names and checks that it gives what was asked. Errors, each
 * naming the file, device or scenario: those of emg_recording_open for a file; EMG_ERROR_ARGUMENT (a
 * specification that is none), EMG_ERROR_NOT_FOUND (no such device or scenario), EMG_ERROR_DEVICE (the device
 * does not offer rate, channels or format; the server is not there). */
enum emg_error emg_capture_open(struct emg_capture **out, const struct emg_config *config,
                                struct emg_problem *problem);

/* Begins delivery into ring. The state becomes RUNNING with the first block. Errors: EMG_ERROR_DEVICE,
 * EMG_ERROR_IO (thread). */
enum emg_error emg_capture_start(struct emg_capture *capture, struct emg_ring *ring,
                                 struct emg_problem *problem);

/* To be called about twenty times a second between start and stop: a device that was lost is opened again
 * when it is back. */
void emg_capture_poll(struct emg_capture *capture);

enum emg_stream_state emg_capture_state(const struct emg_capture *capture);

/* Ends delivery; when it returns, the last block (block.last) is on the ring unless the ring stayed full.
 * Idempotent, and a no-op before start. */
void emg_capture_stop(struct emg_capture *capture);

void emg_capture_close(struct emg_capture *capture); /* stops first; NULL is a no-op */

#endif
