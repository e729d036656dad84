/* The settings that a recording was made with, from the JSON beside it, so that a report analyses as was done
 * live.
 *
 * Plain functions; main thread. */
#ifndef EMG_CLIENTS_REPORT_SETTINGS_H
#define EMG_CLIENTS_REPORT_SETTINGS_H

#include <stddef.h>

enum { EMG_REPORT_RECORDED_MAX = 512, EMG_REPORT_SETTING_SIZE = 224 };

struct emg_report_settings {
    char texts[EMG_REPORT_RECORDED_MAX][EMG_REPORT_SETTING_SIZE]; /* "section.key=value" */
    size_t n;
};

/* Fills it with all of section `analysis`, the muscles, the foot switches and the front end's high-pass; with
 * nothing where there is no such JSON. */
void emg_report_settings_read(struct emg_report_settings *settings, const char *recording);

#endif
