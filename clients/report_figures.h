/* The numbers that a report tells of its stages. Functions of a finished model; what is not known is NaN.
 *
 * stage: number of a reported stage, from 1; 0: all of them together. One thread. */
#ifndef EMG_CLIENTS_REPORT_FIGURES_H
#define EMG_CLIENTS_REPORT_FIGURES_H

#include "clients/report_model.h"

#include <stddef.h>

/* Median with quartiles. */
struct emg_report_spread {
    size_t n; /* values it comes from; 0: none */
    double median, low, high;
};

/* Mean MDF over a while. Spectra pool many contractions and overlap: the standard error is that of as many
 * as are apart. */
struct emg_report_mdf {
    double mdf_hz, se_hz;
};

struct emg_report_figures {
    double seconds; /* of the stage */
    size_t bursts;
    double burst_rms_uv; /* mean over contractions */
    struct emg_report_mdf first, last;
    double window_s;                      /* a minute at begin and end, or half of what there is */
    double change_percent;                /* from first to last */
    double snr_db;                        /* median */
    const struct emg_muscle_fatigue *end; /* the last word of the stage; NULL: none */
    enum emg_verdict verdict;
    enum emg_reason reason;
};

struct emg_report_figures emg_report_figures(const struct emg_report *r, size_t stage, size_t muscle);

/* Whether a spectrum of this muscle counts in a stage (> 0): it lies in it, holds nothing from before, as
 * none does, and pools enough to be looked at by itself. */
bool emg_report_is_of_stage(const struct emg_report *r, size_t stage, size_t muscle, size_t spectrum);

/* Sum of the reported stages' messages, and of the moments. */
struct emg_report_activity emg_report_activity(const struct emg_report *r, size_t stage, size_t muscle);

double emg_report_sd(const struct emg_report_moments *moments);

/* Of the whole test: fatiguing when it was at the end of a stage; else steady, else recovering, when it was
 * so at the end of one; `stage` is the last one that is so. */
struct emg_report_judgement {
    enum emg_verdict verdict;
    enum emg_reason reason;
    size_t stage;
};
struct emg_report_judgement emg_report_judge(const struct emg_report *r, size_t muscle);

/* The share and the symmetry look back over 10 s: the first ones of a stage are left out. */
struct emg_report_spread emg_report_share(const struct emg_report *r, size_t stage, enum emg_side side);
struct emg_report_spread emg_report_coactivation(const struct emg_report *r, size_t stage,
                                                 enum emg_side side);
struct emg_report_spread emg_report_symmetry(const struct emg_report *r, size_t stage, size_t pair);
struct emg_report_spread emg_report_cycle_s(const struct emg_report *r, size_t stage, enum emg_side side);

/* Noise RMS of a muscle: as measured at rest, else what its spectra had taken off last. */
double emg_report_noise_uv(const struct emg_report *r, size_t muscle);

#endif
