/* The control socket: one JSON request in, one JSON reply out, on a ROUTER socket with a thread of its own.
 *
 * Bad input of any kind gets an error reply and changes nothing. Functions are for the main thread. */
#ifndef EMG_DAEMON_CONTROL_H
#define EMG_DAEMON_CONTROL_H

#include "daemon/config.h"
#include "daemon/control_session.h"
#include "daemon/problem.h"
#include "daemon/publisher.h"

struct emg_control;
struct emg_security;

struct emg_control_config {
    void *context;        /* ZeroMQ's */
    const char *endpoint; /* to bind */
    const struct emg_security *security;
    const struct emg_config *config;
    struct emg_publisher *publisher;
    struct emg_control_session session; /* what the commands of a session need */
    int shutdown_fd;                    /* an eventfd that is told when a client asks for shutdown */
};

/* Binds the socket and starts the thread. Errors: EMG_ERROR_IO naming the endpoint, EMG_ERROR_MEMORY. On
 * error *out is NULL. */
enum emg_error emg_control_create(struct emg_control **out, const struct emg_control_config *config,
                                  struct emg_problem *problem);

void emg_control_destroy(struct emg_control *c); /* ends the thread; NULL is a no-op */

#endif
