/* The figures of a report, each an SVG. Functions of a finished model. */
#ifndef EMG_CLIENTS_REPORT_CHARTS_H
#define EMG_CLIENTS_REPORT_CHARTS_H

#include "clients/report_model.h"

#include <stdio.h>

/* Muscles in the order to show them: soleus first, gastrocnemius, the others; left before right. */
void emg_report_order(const struct emg_report *r, size_t order[EMG_MAX_CHANNELS]);

/* What was done when: stages, measurements, markers, gaps. */
void emg_report_chart_protocol(const struct emg_report *r, FILE *out);

/* Mean RMS by stage of a muscle and of the same one on the other side (EMG_REPORT_NO_MUSCLE: not measured).
 */
void emg_report_chart_activity(const struct emg_report *r, FILE *out, size_t muscle, size_t other);

/* Course of the MDF over the stages, to the scale that `other` also fits on. */
void emg_report_chart_course(const struct emg_report *r, FILE *out, size_t muscle, size_t other);

/* Mean envelope over the gait cycle at the end of a stage, to the scale of all its stages. */
void emg_report_chart_profile(const struct emg_report *r, FILE *out, size_t stage, size_t muscle,
                              size_t other);

/* Load share of the soleus by stage and leg; symmetry by stage and muscle. */
void emg_report_chart_share(const struct emg_report *r, FILE *out);
void emg_report_chart_symmetry(const struct emg_report *r, FILE *out);

#endif
