/* What emgctl does: one request, a measurement, watching the stream, keys, repairs. */
#ifndef EMG_CLIENTS_EMGCTL_H
#define EMG_CLIENTS_EMGCTL_H

#include "clients/feed.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct emg_ctl_request {
    const char *endpoint;                /* of the control socket */
    const char *server_key, *secret_key; /* of CURVE (clients/curve.h); NULL: none */
    double timeout_s;
    const char *command;
    const json_t *body; /* the request as it is sent */
};

/* Sends the request and prints the reply on standard output, or gives it to *reply where that is not NULL;
 * what is wrong goes to standard error. Returns the exit code. */
int emg_ctl_request(const struct emg_ctl_request *request, json_t **reply);

struct emg_ctl_measure {
    struct emg_ctl_request request; /* rest.start, reference.start or baseline.start */
    const char *data;               /* endpoint of the data socket */
    bool json;                      /* results as JSON lines */
};

/* Sends the request, counts down on a terminal, and prints the results as they come. Returns the exit code:
 * failed when one was refused. */
int emg_ctl_measure(const struct emg_ctl_measure *measure);

/* Makes a pair of CURVE keys: files as they are named (public_path NULL: none), the public one printed.
 * Returns the exit code. */
int emg_ctl_keygen(const char *secret_path, const char *public_path);

struct emg_ctl_watch {
    struct emg_feed_source source;
    const char *const *topics; /* [n_topics] prefixes; none: everything */
    size_t n_topics;
    double count;   /* of lines; INFINITY: no limit */
    double seconds; /* INFINITY: no limit */
};

/* Prints messages as JSON lines until the stream ends, a limit is reached or a signal comes. Returns the exit
 * code. */
int emg_ctl_watch(const struct emg_ctl_watch *watch);

/* Makes a recording that was not closed readable again (emg_bdf_repair) and prints what it did. Returns the
 * exit code. */
int emg_ctl_repair(const char *path);

#endif
