/* How far the analysis is, on one line of a terminal, erased at the end. Main thread. */
#ifndef EMG_CLIENTS_REPORT_PROGRESS_H
#define EMG_CLIENTS_REPORT_PROGRESS_H

#include <stdbool.h>

struct emg_report_progress {
    bool shown; /* standard error is a terminal, and standard output is none that lines go to */
    double rate_hz, frames_total; /* 0: not known beforehand */
    double begin_s, told_s;       /* CLOCK_MONOTONIC */
};

/* lines: standard output gets lines of the stream meanwhile. */
void emg_report_progress_begin(struct emg_report_progress *progress, bool lines, double rate_hz,
                               double frames_total);
void emg_report_progress_tell(struct emg_report_progress *progress, double frames);
void emg_report_progress_end(struct emg_report_progress *progress);

#endif
