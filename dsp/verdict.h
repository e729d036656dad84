/* Turns evidence about a muscle's fatigue into a verdict with its reason, or into "undetermined". Pure
 * functions; any thread. */
#ifndef EMG_DSP_VERDICT_H
#define EMG_DSP_VERDICT_H

#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

enum emg_verdict {
    EMG_VERDICT_UNDETERMINED,
    EMG_VERDICT_FATIGUING,
    EMG_VERDICT_STEADY,
    EMG_VERDICT_RECOVERING
};

/* Why: for undetermined what is missing, else what the verdict rests on. */
enum emg_reason {
    EMG_REASON_NO_SIGNAL,     /* no contraction long enough for a spectrum yet */
    EMG_REASON_BAD_QUALITY,   /* the signal is clipped or flat now */
    EMG_REASON_NOISE_UNKNOWN, /* no quiet part seen, so no signal-to-noise ratio */
    EMG_REASON_LOW_SNR,       /* below 10 dB */
    EMG_REASON_TOO_SHORT,     /* fewer than 8 points, or less than a minute, in the trend */
    EMG_REASON_WIDE_INTERVAL, /* the interval holds 0 and also changes that would matter */
    EMG_REASON_FALLING,       /* the 95 % interval of the MDF's slope, after the break if any, lies below 0 */
    EMG_REASON_RISING,        /* above 0 */
    EMG_REASON_FLAT,          /* within +-1 % per minute: no relevant change */
    EMG_REASON_FELL_THEN_LEVEL, /* overall below 0, since a break no certain change */
    EMG_REASON_ROSE_THEN_LEVEL, /* overall above 0 */
    EMG_REASON_WAITING,         /* the interval excludes 0, but not by enough to begin a verdict */
};

/* Joint analysis of spectrum and amplitude (Luttmann et al. 2000, J Electromyogr Kinesiol 10:213). */
enum emg_jasa {
    EMG_JASA_NONE,
    EMG_JASA_FATIGUE,
    EMG_JASA_FORCE_INCREASE,
    EMG_JASA_RECOVERY,
    EMG_JASA_FORCE_DECREASE
};

struct emg_evidence {
    double seconds; /* of signal pooled; 0: none */
    int bad_quality;
    double snr_db;               /* NaN: unknown */
    size_t points;               /* in the trend */
    double duration_s;           /* of the trend */
    double ci95_percent[2];      /* of the MDF's slope, percent of its intercept per minute; NaN: unknown */
    bool broken;                 /* the trend has a break */
    double last_ci95_percent[2]; /* as above for the slope after the break; not read without one */
    enum emg_verdict before;     /* the verdict so far */
};

/* A verdict is asked for again and again while points come in: of 200 steady muscles watched for ten minutes
 * 42 % had an interval that excluded 0 at some time, 3 % one that did at 1.6 times its width. Fatiguing and
 * recovering begin with the latter, and last while the interval itself excludes 0 (the reason of sequential
 * tests; Robbins 1970, Ann Math Stat 41:1397). The slope after the break decides, if there is one; where that
 * is not certain of its sign, the overall one, since a muscle whose MDF fell and has levelled off is no
 * fresher for it; else how narrow the first is: an interval within +-1 % per minute is equivalent to no
 * change (the reason of equivalence tests), also when it leaves 0 out by a little. */
EMG_REALTIME enum emg_verdict emg_verdict(const struct emg_evidence *evidence, enum emg_reason *reason);

/* From the 95 % intervals of both slopes, in any unit: EMG_JASA_NONE unless both exclude 0. */
EMG_REALTIME enum emg_jasa emg_jasa(const double mdf_ci95[2], const double rms_ci95[2]);

#endif
