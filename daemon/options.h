/* emgd's command line. Main thread. */
#ifndef EMG_DAEMON_OPTIONS_H
#define EMG_DAEMON_OPTIONS_H

#include "daemon/problem.h"

#include <stddef.h>
#include <stdio.h>

enum emg_action {
    EMG_ACTION_RUN,
    EMG_ACTION_LIST_DEVICES,
    EMG_ACTION_CHECK_CONFIG,
    EMG_ACTION_PRINT_CONFIG,
    EMG_ACTION_SELFTEST,
    EMG_ACTION_VERSION,
    EMG_ACTION_HELP,
};

enum { EMG_MOST_SETTINGS = 256, EMG_SETTING_SIZE = 1200 };

struct emg_options {
    enum emg_action action;
    const char *config_path;                 /* NULL: none given */
    const char *settings[EMG_MOST_SETTINGS]; /* "section.key=value", in the order of the command line */
    size_t n_settings;
    char source[EMG_SETTING_SIZE],
        speed[64]; /* storage for the settings that --source and --speed stand for */
};

/* Reads the command line; `options` points into argv. Errors: EMG_ERROR_ARGUMENT naming the argument. */
enum emg_error emg_options_parse(struct emg_options *options, int argc, char **argv,
                                 struct emg_problem *problem);

void emg_options_print_help(FILE *out);

#endif
