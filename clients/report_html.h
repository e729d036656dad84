/* A report as one page to read and to print: plain words on top, figures and tables below. It refers to
 * nothing outside of itself and holds no script. Main thread. */
#ifndef EMG_CLIENTS_REPORT_HTML_H
#define EMG_CLIENTS_REPORT_HTML_H

#include "clients/report_model.h"
#include "clients/report_sidecar.h"

#include <stdio.h>

void emg_report_write_html(const struct emg_report *r, const struct emg_report_sidecar *sidecar, FILE *out);

/* Its parts: report_style.c, report_summary.c, report_summary_balance.c, report_tables.c, report_methods.c.
 */
const char *emg_report_style(void);
void emg_report_write_summary(const struct emg_report *r, FILE *out);
void emg_report_write_balance(const struct emg_report *r, FILE *out); /* of the summary: the comparisons */
void emg_report_write_protocol_table(const struct emg_report *r, FILE *out);
void emg_report_write_quality_table(const struct emg_report *r, FILE *out);
void emg_report_write_activity_table(const struct emg_report *r, FILE *out);
void emg_report_write_fatigue_table(const struct emg_report *r, FILE *out);
void emg_report_write_gait_table(const struct emg_report *r, FILE *out);
void emg_report_write_balance_table(const struct emg_report *r, FILE *out);
void emg_report_write_methods(const struct emg_report *r, const struct emg_report_sidecar *sidecar,
                              FILE *out);

void emg_report_write_muscle(const struct emg_report *r, size_t muscle, FILE *out);

/* "left soleus and right soleus"; bit i: muscle i. */
void emg_report_write_muscles(const struct emg_report *r, uint64_t muscles, FILE *out);

/* As the end of a sentence. */
void emg_report_write_why_no_reference(const struct emg_report *r, size_t muscle, FILE *out);

/* "stage 2 (10 km/h)", escaped; "the recording" when there is but the whole. */
void emg_report_write_stage_name(const struct emg_report *r, size_t stage, FILE *out);

#endif
