/* Who may connect: CURVE on both sockets with a list of client keys, or, without it, this machine only.
 *
 * In mode "curve" a thread of its own answers ZeroMQ's question (ZAP, RFC 27) for each new connection. It
 * reads the list anew each time, so that a key is added or revoked without a restart; connections that stand
 * keep standing. While the list cannot be read or has a line that is no key, nobody new gets in, and that is
 * said once. Functions are for the main thread. */
#ifndef EMG_DAEMON_SECURITY_H
#define EMG_DAEMON_SECURITY_H

#include "daemon/config.h"
#include "daemon/problem.h"

#include <stdbool.h>

struct emg_security;

/* Key files are text: a key of 40 characters (Z85) in a line, behind it, if at all, a space and a name; lines
 * that begin with # are comments (no key begins so). The file of the secret key holds one and is its owner's
 * alone; the public key follows from it.
 *
 * Comes before any socket of this context is bound. Mode "none": *out is NULL, which every function takes.
 * Also raises this process's limit of open files as far as it may, since each connection is one.
 * Errors: EMG_ERROR_ARGUMENT (a file is missing, unreadable, malformed or open to others; names key and
 * file), EMG_ERROR_UNSUPPORTED (libzmq without CURVE), EMG_ERROR_IO, EMG_ERROR_MEMORY. */
enum emg_error emg_security_create(struct emg_security **out, void *zmq_context,
                                   const struct emg_config *config, struct emg_problem *problem);

/* Puts the socket under this rule and binds it. An ipc:// endpoint is this user's alone, and takes the place
 * of a socket that nobody listens on, but of nothing else. Returns false with errno, for zmq_strerror. Sets
 * the process's umask for a moment. */
bool emg_security_bind(const struct emg_security *s, void *socket, const char *endpoint);

/* Comes after the sockets are closed and before the context ends; NULL is a no-op. */
void emg_security_destroy(struct emg_security *s);

#endif
