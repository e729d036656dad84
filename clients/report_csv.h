/* A report as tidy tables for a statistics program (RFC 4180). Main thread. */
#ifndef EMG_CLIENTS_REPORT_CSV_H
#define EMG_CLIENTS_REPORT_CSV_H

#include "clients/report_model.h"
#include "clients/report_output.h"

/* Writes bursts.csv, strides.csv, fatigue.csv, stages.csv, summary.csv and events.csv into a directory; what
 * fails is told when that is committed. */
void emg_report_write_csv(const struct emg_report *r, struct emg_report_output *output);

#endif
