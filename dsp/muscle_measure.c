#include "dsp/muscle.h"

#include "dsp/muscle_state.h"

static const double BASELINE_S = 2.0; /* of contractions */
static const double BASELINE_SNR_DB = 10.0;

void emg_muscle_begin_stage(struct emg_muscle *m)
{
    emg_spectral_begin_stage(m->spectral);
}

void emg_muscle_begin_measurement(struct emg_muscle *m, enum emg_measure kind)
{
    const size_t unsettled = emg_muscle_unsettled(m);
    emg_trial_begin(m->trial, kind, unsettled);
    emg_trial_flag(m->trial, emg_muscle_flags(m));
    emg_spectral_begin_measurement(m->spectral, kind, unsettled);
}

/* A new noise level tells contractions from rest. */
static void set_noise_uv(struct emg_muscle *m, double noise_uv)
{
    emg_contractions_set_noise_uv(m->contractions, noise_uv);
    if (m->strides != NULL)
        emg_contractions_set_noise_uv(m->strides, noise_uv);
}

static void take_rest(struct emg_muscle *m, const struct emg_measurement *result)
{
    if (result->refusal != EMG_REFUSAL_NONE)
        return;
    emg_spectral_take_rest(m->spectral, result->uv);
    set_noise_uv(m, result->uv);
}

static enum emg_refusal judge_baseline(const struct emg_measurement *result)
{
    if (result->contractions == 0)
        return EMG_REFUSAL_NO_CONTRACTION;
    if (result->seconds < BASELINE_S)
        return EMG_REFUSAL_TOO_SHORT;
    return result->snr_db >= BASELINE_SNR_DB ? EMG_REFUSAL_NONE : EMG_REFUSAL_LOW_SNR;
}

static void take_baseline(struct emg_muscle *m, struct emg_measurement *result)
{
    if (result->refusal != EMG_REFUSAL_NONE)
        return;
    const struct emg_spectral_baseline measured = emg_spectral_end_baseline(m->spectral);
    result->mdf_hz = measured.indices.mdf_hz;
    result->mdf_se_hz = measured.indices.mdf_se_hz;
    result->seconds = measured.seconds;
    result->snr_db = measured.snr_db;
    result->refusal = judge_baseline(result);
    const struct emg_baseline baseline = {measured.indices.mdf_hz, measured.indices.ln_insm5};
    if (result->refusal == EMG_REFUSAL_NONE)
        emg_spectral_set_baseline(m->spectral, &baseline);
}

struct emg_measurement emg_muscle_end_measurement(struct emg_muscle *m)
{
    if (emg_trial_kind(m->trial) != EMG_MEASURE_NONE)
        emg_trial_flag(m->trial, emg_muscle_flags(m));
    struct emg_measurement result = emg_trial_result(m->trial, emg_muscle_noise_uv(m));
    if (result.kind == EMG_MEASURE_REST)
        take_rest(m, &result);
    else if (result.kind == EMG_MEASURE_BASELINE)
        take_baseline(m, &result);
    emg_muscle_begin_measurement(m, EMG_MEASURE_NONE);
    return result;
}

struct emg_rest emg_muscle_rest(const struct emg_muscle *m, float *psd, size_t n_max)
{
    return emg_spectral_rest(m->spectral, psd, n_max);
}

bool emg_muscle_set_rest(struct emg_muscle *m, const struct emg_rest *rest, const float *psd)
{
    if (!emg_spectral_set_rest(m->spectral, rest, psd))
        return false;
    set_noise_uv(m, rest->rms_uv);
    return true;
}

struct emg_baseline emg_muscle_baseline(const struct emg_muscle *m)
{
    return emg_spectral_baseline(m->spectral);
}

void emg_muscle_set_baseline(struct emg_muscle *m, const struct emg_baseline *baseline)
{
    emg_spectral_set_baseline(m->spectral, baseline);
}
