#include "dsp/verdict.h"

#include <math.h>

enum { POINTS_NEEDED = 8 };
static const double SNR_NEEDED_DB = 10.0;
static const double BEGIN_WIDTH = 1.6; /* x the 95 % interval: 99.8 % at one look */
static const double SECONDS_NEEDED = 60.0;
static const double STEADY_PERCENT_PER_MIN = 1.0; /* a 10 % fall in ten minutes must never pass as steady */

/* What the trend is not yet or not now good for; EMG_REASON_FLAT: nothing is amiss. */
static enum emg_reason missing(const struct emg_evidence *evidence)
{
    const double *all = evidence->ci95_percent;
    const double *last = evidence->broken ? evidence->last_ci95_percent : all;
    if (!(evidence->seconds > 0))
        return EMG_REASON_NO_SIGNAL;
    if (evidence->bad_quality)
        return EMG_REASON_BAD_QUALITY;
    if (isnan(evidence->snr_db))
        return EMG_REASON_NOISE_UNKNOWN;
    if (evidence->snr_db < SNR_NEEDED_DB)
        return EMG_REASON_LOW_SNR;
    if (evidence->points < POINTS_NEEDED || evidence->duration_s < SECONDS_NEEDED || isnan(all[0]) ||
        isnan(all[1]) || isnan(last[0]) || isnan(last[1]))
        return EMG_REASON_TOO_SHORT;
    return EMG_REASON_FLAT;
}

static double half_width(const double ci[2], enum emg_verdict wanted, enum emg_verdict before)
{
    return 0.5 * (ci[1] - ci[0]) * (before == wanted ? 1 : BEGIN_WIDTH);
}

static bool is_below(const double ci[2], enum emg_verdict before)
{
    return 0.5 * (ci[0] + ci[1]) + half_width(ci, EMG_VERDICT_FATIGUING, before) < 0;
}

static bool is_above(const double ci[2], enum emg_verdict before)
{
    return 0.5 * (ci[0] + ci[1]) - half_width(ci, EMG_VERDICT_RECOVERING, before) > 0;
}

static bool excludes_zero(const double ci[2])
{
    return ci[0] > 0 || ci[1] < 0;
}

enum emg_verdict emg_verdict(const struct emg_evidence *evidence, enum emg_reason *reason)
{
    *reason = missing(evidence);
    if (*reason != EMG_REASON_FLAT)
        return EMG_VERDICT_UNDETERMINED;

    const double *all = evidence->ci95_percent;
    const double *last = evidence->broken ? evidence->last_ci95_percent : all;
    *reason = EMG_REASON_FALLING;
    if (is_below(last, evidence->before))
        return EMG_VERDICT_FATIGUING;
    *reason = EMG_REASON_RISING;
    if (is_above(last, evidence->before))
        return EMG_VERDICT_RECOVERING;
    *reason = EMG_REASON_FELL_THEN_LEVEL;
    if (is_below(all, evidence->before))
        return EMG_VERDICT_FATIGUING;
    *reason = EMG_REASON_ROSE_THEN_LEVEL;
    if (is_above(all, evidence->before))
        return EMG_VERDICT_RECOVERING;
    *reason = EMG_REASON_FLAT;
    if (last[0] >= -STEADY_PERCENT_PER_MIN && last[1] <= STEADY_PERCENT_PER_MIN)
        return EMG_VERDICT_STEADY;
    *reason = EMG_REASON_WAITING;
    if (excludes_zero(last) || excludes_zero(all))
        return EMG_VERDICT_UNDETERMINED;
    *reason = EMG_REASON_WIDE_INTERVAL;
    return EMG_VERDICT_UNDETERMINED;
}

enum emg_jasa emg_jasa(const double mdf_ci95[2], const double rms_ci95[2])
{
    const int mdf_up = mdf_ci95[0] > 0;
    const int mdf_down = mdf_ci95[1] < 0;
    const int rms_up = rms_ci95[0] > 0;
    const int rms_down = rms_ci95[1] < 0;
    if (rms_up && mdf_down)
        return EMG_JASA_FATIGUE;
    if (rms_up && mdf_up)
        return EMG_JASA_FORCE_INCREASE;
    if (rms_down && mdf_up)
        return EMG_JASA_RECOVERY;
    if (rms_down && mdf_down)
        return EMG_JASA_FORCE_DECREASE;
    return EMG_JASA_NONE;
}
