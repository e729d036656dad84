/* What emgreport was asked for on its command line. Plain values; main thread. */
#ifndef EMG_CLIENTS_REPORT_OPTIONS_H
#define EMG_CLIENTS_REPORT_OPTIONS_H

#include "daemon/config.h"

#include <stddef.h>

enum { EMG_REPORT_SETTINGS_MAX = 256 };

enum emg_report_format { EMG_REPORT_JSONL, EMG_REPORT_CSV, EMG_REPORT_HTML, EMG_REPORT_WINDOWS };

enum emg_report_parsed {
    EMG_REPORT_GO_ON,
    EMG_REPORT_TOLD,  /* help or version has been printed */
    EMG_REPORT_USAGE, /* wrong, and said so on standard error */
};

struct emg_report_options {
    const char *recording, *config;
    const char *output; /* NULL: standard output */
    enum emg_report_format format;
    double window_s, overlap;                          /* of the windows; the latter a share */
    const char *settings[EMG_REPORT_SETTINGS_MAX + 1]; /* the recording as source.spec comes last */
    size_t n_settings;
    char spec[EMG_PATH_SIZE + 32];
};

/* Points into argv, and settings into *options itself: it must stay where it is. */
enum emg_report_parsed emg_report_parse(struct emg_report_options *options, int argc, char **argv);

#endif
