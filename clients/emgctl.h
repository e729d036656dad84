/* What emgctl does: one request, a measurement, watching the stream, keys, repairs, help, completion. */
#ifndef EMG_CLIENTS_EMGCTL_H
#define EMG_CLIENTS_EMGCTL_H

#include "clients/feed.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct emg_ctl_request {
    const char *endpoint;                /* of the control socket */
    const char *server_key, *secret_key; /* of CURVE (clients/curve.h); NULL: none */
    double timeout_s;
    const char *command;
    const json_t *body; /* the request as it is sent */
    int stop_fd;        /* ends the wait for the reply, as emg_stop_open gives it; -1: none */
    bool sentence;      /* print the reply as a sentence where there is one */
};

/* Sends the request and prints the reply on standard output, or gives it to *reply where that is not NULL;
 * what is wrong goes to standard error. Returns the exit code. */
int emg_ctl_request(const struct emg_ctl_request *request, json_t **reply);

/* Prints in one line what the reply says of a command of a test; returns false when it is no such command. */
bool emg_ctl_reply_print(const struct emg_ctl_request *request, const json_t *reply);

/* Prints text from elsewhere, which a terminal must not take for commands. */
void emg_ctl_print_plain(FILE *out, const char *text);

struct emg_ctl_measure {
    struct emg_ctl_request request; /* rest.start, reference.start or baseline.start */
    const char *data;               /* endpoint of the data socket */
    bool json;                      /* results as JSON lines */
};

/* Sends the request, counts down on a terminal, and prints the results as they come. Returns the exit code:
 * failed when one was refused or did not come. */
int emg_ctl_measure(const struct emg_ctl_measure *measure);

/* What the person with the electrodes has to do, on standard error; muscles is an array of names. */
void emg_ctl_result_instruct(const struct emg_ctl_request *request, const json_t *muscles);

/* Prints a result, body of event.rest, event.reference or event.baseline; returns whether it was accepted. A
 * refusal goes to standard error. accepted_too: else only that. */
bool emg_ctl_result_print(const char *topic, const json_t *body, bool accepted_too);

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

/* Prints the help of the command that the n words say, or of all. Returns the exit code. */
int emg_ctl_help(const char *const *words, size_t n);

/* For a shell: prints what the last of the words [n] behind "emgctl" may become, one a line; the line
 * ":files" stands for names of files. Says nothing else, whatever is wrong. Returns the exit code. */
int emg_ctl_complete(char **words, int n);

#endif
