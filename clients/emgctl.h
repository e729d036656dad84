/* The two things that emgctl does: one request, or watching the stream. */
#ifndef EMG_CLIENTS_EMGCTL_H
#define EMG_CLIENTS_EMGCTL_H

#include <jansson.h>
#include <stddef.h>

struct emg_ctl_request {
    const char *endpoint; /* of the control socket */
    double timeout_s;
    const char *command;
    const json_t *body; /* the request as it is sent */
};

/* Sends the request and prints the reply on standard output, or what is wrong on standard error. Returns the
 * exit code. */
int emg_ctl_request(const struct emg_ctl_request *request);

struct emg_ctl_watch {
    const char *endpoint;      /* of the data socket */
    const char *const *topics; /* [n_topics] prefixes; none: everything */
    size_t n_topics;
    double count;   /* of lines; INFINITY: no limit */
    double seconds; /* INFINITY: no limit */
};

/* Prints messages as JSON lines until the stream ends, a limit is reached or a signal comes. Returns the exit
 * code. */
int emg_ctl_watch(const struct emg_ctl_watch *watch);

#endif
