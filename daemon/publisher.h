/* The data socket: takes the worker's messages and publishes them on an XPUB socket from a thread of its own.
 *
 * Functions are for the main thread, but for emg_publisher_snapshot, _history and _status (any thread). */
#ifndef EMG_DAEMON_PUBLISHER_H
#define EMG_DAEMON_PUBLISHER_H

#include "daemon/json.h"
#include "daemon/problem.h"
#include "daemon/ring.h"
#include "daemon/wire.h"
#include "daemon/worker.h"

#include <stdbool.h>

struct emg_publisher;
struct emg_security;

struct emg_publisher_config {
    void *context;        /* ZeroMQ's */
    const char *endpoint; /* to bind */
    const struct emg_security *security;
    unsigned hwm; /* messages queued per subscriber */
    struct emg_ring *messages;
    const struct emg_worker *worker; /* NULL: no status is among the messages */
    struct emg_recorder *recorder;   /* NULL: none */
    bool lossless; /* a replay: wait for subscribers that are behind, up to ten seconds, rather than drop */
};

/* Binds the socket. Errors: EMG_ERROR_IO naming the endpoint (in use, not allowed), EMG_ERROR_MEMORY. On
 * error *out is NULL. */
enum emg_error emg_publisher_create(struct emg_publisher **out, const struct emg_publisher_config *config,
                                    struct emg_problem *problem);

/* Starts the thread; wire is copied. Errors: EMG_ERROR_IO. */
enum emg_error emg_publisher_start(struct emg_publisher *p, const struct emg_wire *wire,
                                   struct emg_problem *problem);

/* Whether somebody has subscribed, and for 0.2 s nobody new has: then the first message reaches all who were
 * waiting. */
bool emg_publisher_has_audience(const struct emg_publisher *p);

/* Writes the array "messages": the last {topic, body} of every topic without an array. */
void emg_publisher_snapshot(struct emg_publisher *p, struct emg_json *json);

/* Writes the array "messages": the events of the session, {topic, body}, the oldest first (daemon/history.h).
 */
void emg_publisher_history(struct emg_publisher *p, struct emg_json *json);

/* Writes "status": the body of the last status, null when there was none. */
void emg_publisher_status(struct emg_publisher *p, struct emg_json *json);

/* Lets the thread end by itself once it has published what is still on the ring. The worker must have ended.
 */
void emg_publisher_finish(struct emg_publisher *p);
bool emg_publisher_has_ended(const struct emg_publisher *p);

/* Finishes and waits for the thread's end. What subscribers have not taken by then is kept for them for a
 * minute after a lossless replay; when the end is urgent, nobody is waited for, and half a second is all they
 * have. */
void emg_publisher_stop(struct emg_publisher *p, bool urgent);

void emg_publisher_destroy(struct emg_publisher *p); /* stops first; NULL is a no-op */

#endif
