/* What stands in the JSON file beside a recording of the equipment and the session, as text. Main thread. */
#ifndef EMG_CLIENTS_REPORT_SIDECAR_H
#define EMG_CLIENTS_REPORT_SIDECAR_H

enum { EMG_REPORT_FACT_SIZE = 256 };

/* "": not told. */
struct emg_report_sidecar {
    char electrodes[EMG_REPORT_FACT_SIZE], inter_electrode_mm[EMG_REPORT_FACT_SIZE];
    char placement[EMG_REPORT_FACT_SIZE], skin[EMG_REPORT_FACT_SIZE];
    char front_end[EMG_REPORT_FACT_SIZE], gain[EMG_REPORT_FACT_SIZE];
    char input_impedance_mohm[EMG_REPORT_FACT_SIZE], cmrr_db[EMG_REPORT_FACT_SIZE];
    char participant[EMG_REPORT_FACT_SIZE], notes[EMG_REPORT_FACT_SIZE];
};

/* Of <name>.json beside the recording <name>.<anything>; all "" where there is none or it is no such file. */
void emg_report_read_sidecar(struct emg_report_sidecar *sidecar, const char *recording);

#endif
