/* What a stretch of signal is measured for while the person does as told, with its evidence.
 *
 * Plain values; any thread. */
#ifndef EMG_DSP_MEASURE_H
#define EMG_DSP_MEASURE_H

#include <stdint.h>

enum emg_measure {
    EMG_MEASURE_NONE,
    EMG_MEASURE_REST,
    EMG_MEASURE_MVC,          /* reference: the highest RMS over 0.5 s */
    EMG_MEASURE_SUBMAXIMAL,   /* reference: RMS of the contraction held */
    EMG_MEASURE_DYNAMIC_PEAK, /* reference: mean over contractions of the highest RMS (50 ms) in each */
    EMG_MEASURE_DYNAMIC_MEAN, /* reference: mean RMS over the whole task, rests between contractions included
                               */
    EMG_MEASURE_BASELINE,
};

/* Why a result is not taken. */
enum emg_refusal {
    EMG_REFUSAL_NONE,
    EMG_REFUSAL_GAP,              /* samples were lost in it */
    EMG_REFUSAL_BAD_QUALITY,      /* clipping, flat line or electrode off in it */
    EMG_REFUSAL_TOO_SHORT,        /* not enough good signal in it */
    EMG_REFUSAL_NOT_AT_REST,      /* rest: the muscle contracted, or the level changed */
    EMG_REFUSAL_NOISE_TOO_HIGH,   /* rest: the level is no baseline noise */
    EMG_REFUSAL_NO_CONTRACTION,   /* nothing stands out from the noise */
    EMG_REFUSAL_FEW_CONTRACTIONS, /* dynamic: fewer than 5 whole ones */
    EMG_REFUSAL_LOW_SNR,          /* less than 10 dB above the noise; snr_db NaN: which is not known */
    EMG_REFUSAL_CANCELLED,        /* the session, the stream or the recording ended or began before it did */
};

/* A result. What was measured stands in it also when it is refused, as far as there is any. RMS values are of
 * the signal as it comes, its noise included. */
struct emg_measurement {
    enum emg_measure kind;
    enum emg_refusal refusal;
    double uv; /* of rest: RMS of the noise; of a reference: RMS that counts as 100 %; else NaN */
    double mdf_hz, mdf_se_hz; /* of a baseline; else NaN */
    double seconds;           /* of signal that the result rests on */
    unsigned contractions;    /* in it, whole ones where it is dynamic; 0 for rest */
    double snr_db;            /* NaN: unknown */
    uint32_t flags;           /* enum emg_quality_flag, that were up during it */
};

/* The noise of a muscle at rest; its PSD, uncorrected uV^2/Hz, stands beside it. */
struct emg_rest {
    double rms_uv;                    /* in the amplitude band; NaN: none */
    double seconds, effective_s, dof; /* what the PSD rests on */
    uint32_t n_bins;                  /* of the PSD, which covers the spectral band */
};

struct emg_baseline {
    double mdf_hz, ln_insm5; /* NaN: none */
};

#endif
