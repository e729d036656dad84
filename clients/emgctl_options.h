/* The options of emgctl: one table behind the parsing, the help and the completion.
 *
 * Main thread. */
#ifndef EMG_CLIENTS_EMGCTL_OPTIONS_H
#define EMG_CLIENTS_EMGCTL_OPTIONS_H

#include "clients/emgctl_words.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_ctl_option {
    const char *name;  /* without the dashes */
    const char *value; /* as help shows it; NULL: takes none */
    unsigned actions;  /* bits of emg_ctl_action that it belongs to; 0: any */
    bool is_file;      /* the value is the name of a file */
    const char *help;
};

extern const struct emg_ctl_option emg_ctl_option_table[];
extern const size_t emg_ctl_n_options;

struct emg_ctl_options {
    const char *control, *data;          /* endpoints */
    const char *server_key, *secret_key; /* of CURVE (clients/curve.h); NULL: none */
    double timeout_s;
    double count, seconds;               /* of watch; INFINITY: no limit */
    const char *secret_out, *public_out; /* files of keygen; public_out NULL: none */
    bool json, no_wait, help, version;
    unsigned given; /* bit i: option i of the table */
};

/* Reads the options and moves them to the front; *first gets the index of the first other word. Returns
 * false when one is wrong, having said so. */
bool emg_ctl_options_parse(struct emg_ctl_options *options, int argc, char **argv, int *first);

/* The first option given that does not belong to the action; NULL: all do. */
const struct emg_ctl_option *emg_ctl_options_misfit(const struct emg_ctl_options *options,
                                                    enum emg_ctl_action action);

#endif
