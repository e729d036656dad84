/* The command line of emgtop. */
#ifndef EMG_CLIENTS_EMGTOP_OPTIONS_H
#define EMG_CLIENTS_EMGTOP_OPTIONS_H

#include <stdbool.h>

struct emg_top_options {
    const char *data, *control, *server_key, *secret_key; /* control NULL: nothing is asked */
    double seconds;                                       /* INFINITY: no limit */
    bool plain;
};

/* Returns an exit code, after saying what is to be said, or -1 to go on. */
int emg_top_options_read(struct emg_top_options *options, int argc, char **argv);

#endif
