#include "daemon/wire_body.h"

#include "daemon/version.h"
#include "dsp/quality.h"

#include <math.h>

/* Significant digits: single-precision values keep all of theirs. */
enum { DIGITS = 9 };

static const char *const state_names[] = {"waiting", "running", "lost", "ended"};
static const char *const cause_names[] = {"none",   "ring_full", "overflow", "hole",
                                          "device", "stall",     "recorder"};
static const char *const verdict_names[] = {"undetermined", "fatiguing", "steady", "recovering"};
static const char *const jasa_names[] = {NULL, "fatigue", "force_increase", "recovery", "force_decrease"};
static const char *const measure_names[] = {
    [EMG_MEASURE_REST] = "rest",
    [EMG_MEASURE_MVC] = "reference",
    [EMG_MEASURE_SUBMAXIMAL] = "reference",
    [EMG_MEASURE_DYNAMIC_PEAK] = "reference",
    [EMG_MEASURE_DYNAMIC_MEAN] = "reference",
    [EMG_MEASURE_BASELINE] = "baseline",
};
static const char *const session_names[] = {"started", "stopped", "resumed"};
static const char *const refusal_texts[] = {
    [EMG_REFUSAL_NONE] = NULL,
    [EMG_REFUSAL_GAP] = "samples were lost during it: measure again",
    [EMG_REFUSAL_BAD_QUALITY] =
        "clipped, flat, or electrode off: mend it, show a contraction, then measure again",
    [EMG_REFUSAL_TOO_SHORT] = "not enough good signal: measure for longer",
    [EMG_REFUSAL_NOT_AT_REST] = "the muscle was not at rest: relax, then measure again",
    [EMG_REFUSAL_NOISE_TOO_HIGH] = "the level is too high for rest: check electrodes, skin and cables",
    [EMG_REFUSAL_NO_CONTRACTION] = "no contraction stands out from the noise: measure again",
    [EMG_REFUSAL_FEW_CONTRACTIONS] = "fewer than 5 whole contractions: measure for longer",
    [EMG_REFUSAL_LOW_SNR] =
        "the signal is less than 10 dB above its noise: check the electrodes, contract harder",
    [EMG_REFUSAL_CANCELLED] = "something else began before it was over: measure again",
};
static const char *const unit_names[] = {[false] = "uV", [true] = "percent_reference"};
static const char *const flag_names[] = {
    "clipping", "flat", "electrode_off", "hum", "motion", "noisy", "crosstalk", "gap", "unsettled",
};
static const char *const reason_texts[] = {
    [EMG_REASON_NO_SIGNAL] = "no contraction long enough for a spectrum yet",
    [EMG_REASON_BAD_QUALITY] = "the signal is clipped or flat",
    [EMG_REASON_NOISE_UNKNOWN] = "the noise level is not known: no rest has been seen",
    [EMG_REASON_LOW_SNR] = "the signal is less than 10 dB above its noise",
    [EMG_REASON_TOO_SHORT] = "not enough contractions yet for a trend",
    [EMG_REASON_WIDE_INTERVAL] =
        "the trend is too uncertain: its 95 % interval holds both none and a relevant change",
    [EMG_REASON_FALLING] = "the median frequency falls: the 95 % interval of its slope is below zero",
    [EMG_REASON_RISING] = "the median frequency rises: the 95 % interval of its slope is above zero",
    [EMG_REASON_FLAT] =
        "the median frequency holds: the 95 % interval of its slope is within 1 % per minute of zero",
    [EMG_REASON_FELL_THEN_LEVEL] = "the median frequency fell first and has shown no certain change since",
    [EMG_REASON_WAITING] =
        "the 95 % interval of the slope excludes zero by so little that chance may do it: waiting for more",
    [EMG_REASON_ROSE_THEN_LEVEL] = "the median frequency rose first and has shown no certain change since",
};

static void put(struct emg_json *json, const char *key, double value)
{
    emg_json_number(json, key, value, DIGITS);
}

static void put_pair(struct emg_json *json, const char *key, const double value[2])
{
    if (isnan(value[0]) || isnan(value[1])) {
        emg_json_null(json, key);
        return;
    }
    emg_json_open_array(json, key);
    put(json, NULL, value[0]);
    put(json, NULL, value[1]);
    emg_json_close_array(json);
}

static void put_flags(struct emg_json *json, uint32_t flags)
{
    emg_json_open_array(json, "flags");
    for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++)
        if ((flags & 1U << i) != 0)
            emg_json_string(json, NULL, flag_names[i]);
    emg_json_close_array(json);
}

static void put_quality(struct emg_json *json, uint32_t flags)
{
    emg_json_string(json, "quality", (flags & EMG_FLAGS_BAD) != 0 ? "bad" : flags != 0 ? "warn" : "ok");
    put_flags(json, flags);
}

static void put_array(struct emg_json *json, uint32_t n)
{
    emg_json_open_object(json, "array");
    emg_json_string(json, "dtype", "<f4");
    emg_json_open_array(json, "shape");
    emg_json_unsigned(json, NULL, n);
    emg_json_close_array(json);
    emg_json_close_object(json);
}

static void put_measuring(struct emg_json *json, const struct emg_wire *wire,
                          const struct emg_measuring *measuring)
{
    if (measuring->kind == EMG_MEASURE_NONE) {
        emg_json_null(json, "measuring");
        return;
    }
    emg_json_open_object(json, "measuring");
    emg_json_string(json, "kind", measure_names[measuring->kind]);
    emg_json_open_array(json, "muscles");
    for (size_t i = 0; i < wire->n_muscles; i++)
        if ((measuring->muscles >> i & 1) != 0)
            emg_json_string(json, NULL, wire->muscles[i]);
    emg_json_close_array(json);
    emg_json_unsigned(json, "end_frame", measuring->end_frame);
    put(json, "seconds_left", measuring->seconds_left);
    emg_json_close_object(json);
}

static void put_recording(struct emg_json *json, const struct emg_recording_status *recording)
{
    if (!recording->on) {
        emg_json_null(json, "recording");
        return;
    }
    emg_json_open_object(json, "recording");
    emg_json_string(json, "path", recording->path);
    put(json, "seconds", recording->seconds);
    emg_json_close_object(json);
}

static void put_status(struct emg_json *json, const struct emg_wire *wire, const struct emg_status *status)
{
    emg_json_string(json, "state", state_names[status->state]);
    emg_json_string(json, "source", wire->source);
    put(json, "rate_hz", wire->rate_hz);
    emg_json_unsigned(json, "channels", wire->n_channels);
    emg_json_open_array(json, "muscles");
    for (size_t i = 0; i < wire->n_muscles; i++)
        emg_json_string(json, NULL, wire->muscles[i]);
    emg_json_close_array(json);
    emg_json_unsigned(json, "frames", status->frames);
    emg_json_unsigned(json, "gaps", status->gaps);
    emg_json_unsigned(json, "frames_lost", status->frames_lost);
    put(json, "ring_peak_percent", status->ring_peak_percent);
    emg_json_unsigned(json, "messages_dropped", status->messages_dropped);
    put(json, "clock_ppm", status->clock_ppm);
    put(json, "clock_ppm_se", status->clock_ppm_se);
    put(json, "load_percent", status->load_percent);
    if (status->realtime == EMG_REALTIME_NOT_ASKED)
        emg_json_null(json, "realtime");
    else
        emg_json_bool(json, "realtime", status->realtime == EMG_REALTIME_GRANTED);
    emg_json_open_object(json, "latency_ms");
    put(json, "p50", status->latency_ms[0]);
    put(json, "p99", status->latency_ms[1]);
    put(json, "max", status->latency_ms[2]);
    emg_json_close_object(json);
    put_recording(json, &wire->recording);
    emg_json_string(json, "recording_failure",
                    wire->recording.failure[0] != '\0' ? wire->recording.failure : NULL);
    put_measuring(json, wire, &status->measuring);
    emg_json_string(json, "version", EMG_VERSION);
}

static void put_reference(struct emg_json *json, const struct emg_reference *reference)
{
    if (isnan(reference->uv)) {
        emg_json_null(json, "reference");
        return;
    }
    emg_json_open_object(json, "reference");
    emg_json_string(json, "id", reference->id);
    emg_json_string(json, "method", reference->method);
    put(json, "uv", reference->uv);
    emg_json_close_object(json);
}

static void put_activation(struct emg_json *json, const struct emg_muscle_activation *a,
                           const struct emg_reference *reference)
{
    put(json, "rms_uv", a->rms_uv);
    put(json, "envelope_uv", a->envelope_uv);
    put(json, "percent_reference", 100 * a->rms_uv / reference->uv);
    put_reference(json, reference);
    emg_json_bool(json, "active", a->active);
    put_quality(json, a->flags);
}

static void put_burst(struct emg_json *json, const struct emg_muscle_burst *b, double reference_uv)
{
    emg_json_unsigned(json, "onset_frame", b->onset_frame);
    emg_json_unsigned(json, "offset_frame", b->offset_frame);
    put(json, "duration_s", b->duration_s);
    put(json, "rms_uv", b->rms_uv);
    put(json, "peak_uv", b->peak_uv);
    put(json, "iemg_uv_s", b->iemg_uv_s);
    put(json, "percent_reference", 100 * b->rms_uv / reference_uv);
    put(json, "snr_db", b->snr_db);
    put_flags(json, b->flags);
}

static void put_profile(struct emg_json *json, const struct emg_message *message)
{
    put_array(json, message->n_array);
    emg_json_open_array(json, "sd_array");
    for (size_t i = 0; i < EMG_PROFILE_POINTS; i++)
        put(json, NULL, (double)message->body.profile.sd[i]);
    emg_json_close_array(json);
    emg_json_unsigned(json, "strides", message->body.profile.strides);
    emg_json_string(json, "unit", unit_names[message->body.profile.percent]);
}

static void put_stride(struct emg_json *json, const struct emg_message *message)
{
    const struct emg_stride_cycle *cycle = &message->body.stride.cycle;
    put(json, "cycle_s", cycle->cycle_s);
    put(json, "cadence_steps_per_min", message->body.stride.state.cadence_steps_per_min);
    emg_json_string(json, "source", message->body.stride.source == EMG_STRIDE_EMG ? "emg" : "footswitch");
    emg_json_unsigned(json, "strides", message->body.stride.state.strides);
    emg_json_unsigned(json, "first_frame", cycle->first_frame);
    emg_json_unsigned(json, "end_frame", cycle->end_frame);
}

static void put_leg(struct emg_json *json, const struct emg_leg_comparison *leg)
{
    put(json, "soleus_share_percent", leg->soleus_share_percent);
    put(json, "coactivation_percent", leg->coactivation_percent);
    put(json, "crosstalk_r", leg->crosstalk_r);
    put(json, "crosstalk_lag_ms", leg->crosstalk_lag_ms);
}

static void put_symmetry(struct emg_json *json, const struct emg_message *message)
{
    const double *activation = message->body.symmetry.activation;
    const double *shift = message->body.symmetry.shift_percent;
    put(json, "index_percent", message->body.symmetry.index_percent);
    put(json, "activation_left", activation[EMG_SIDE_LEFT]);
    put(json, "activation_right", activation[EMG_SIDE_RIGHT]);
    emg_json_string(json, "unit", unit_names[message->body.symmetry.percent]);
    put(json, "shift_percent_left", shift[EMG_SIDE_LEFT]);
    put(json, "shift_percent_right", shift[EMG_SIDE_RIGHT]);
}

static void put_fatigue(struct emg_json *json, const struct emg_wire *wire,
                        const struct emg_muscle_fatigue *message)
{
    const struct emg_spectral_fatigue *f = &message->spectral;
    put(json, "mdf_hz", f->indices.mdf_hz);
    put(json, "mdf_se_hz", f->indices.mdf_se_hz);
    put(json, "mnf_hz", f->indices.mnf_hz);
    put(json, "mnf_se_hz", f->indices.mnf_se_hz);
    put(json, "rms_uv", f->rms_uv);
    put(json, "ln_finsm5", f->ln_finsm5);
    put(json, "ln_finsm5_se", isnan(f->ln_finsm5) ? NAN : f->indices.ln_insm5_se);
    put_pair(json, "band_hz", wire->band_hz);
    emg_json_unsigned(json, "bursts", f->bursts);
    put(json, "seconds", f->seconds);
    put(json, "snr_db", f->snr_db);
    put(json, "baseline_mdf_hz", f->baseline_mdf_hz);
    put(json, "shift_percent", f->shift_percent);
    put(json, "slope_hz_per_min", f->slope_hz_per_min);
    put(json, "slope_percent_per_min", f->slope_percent_per_min);
    put_pair(json, "slope_ci95_percent_per_min", f->slope_ci95_percent_per_min);
    put(json, "break_s", f->break_s);
    put(json, "recent_slope_percent_per_min", f->recent_percent_per_min);
    put_pair(json, "recent_slope_ci95_percent_per_min", f->recent_ci95_percent_per_min);
    emg_json_string(json, "jasa", jasa_names[f->jasa]);
    emg_json_string(json, "verdict", verdict_names[f->verdict]);
    emg_json_string(json, "reason", reason_texts[f->reason]);
    put_quality(json, message->flags);
}

static void put_stage(struct emg_json *json, const struct emg_stage *stage)
{
    emg_json_unsigned(json, "number", stage->number);
    emg_json_string(json, "label", stage->label);
    put(json, "speed_m_s", stage->speed_m_s);
    put(json, "incline_percent", stage->incline_percent);
}

static void put_session(struct emg_json *json, const struct emg_message *message)
{
    emg_json_string(json, "state", session_names[message->body.session_event.change]);
    emg_json_string(json, "participant", message->body.session_event.participant);
    emg_json_string(json, "notes", message->body.session_event.notes);
}

static void put_result(struct emg_json *json, const struct emg_wire *wire, const struct emg_message *message)
{
    const struct emg_measurement *of = &message->body.result.of;
    emg_json_string(json, "muscle", wire->muscles[message->body.result.muscle]);
    emg_json_bool(json, "accepted", of->refusal == EMG_REFUSAL_NONE);
    emg_json_string(json, "reason", refusal_texts[of->refusal]);
    if (message->topic == EMG_TOPIC_EVENT_REFERENCE) {
        emg_json_string(json, "method", message->body.result.method);
        put_reference(json, &message->body.result.reference);
    }
    if (message->topic == EMG_TOPIC_EVENT_BASELINE) {
        put(json, "mdf_hz", of->mdf_hz);
        put(json, "mdf_se_hz", of->mdf_se_hz);
    } else {
        put(json, "uv", of->uv);
    }
    put(json, "seconds", of->seconds);
    if (message->topic != EMG_TOPIC_EVENT_REST)
        emg_json_unsigned(json, "contractions", of->contractions);
    put(json, "snr_db", of->snr_db);
    put_flags(json, of->flags);
}

static void put_recording_event(struct emg_json *json, const struct emg_recording_status *recording)
{
    static const char *const names[] = {"started", "stopped", "failed"};
    emg_json_string(json, "state", names[recording->change]);
    emg_json_string(json, "path", recording->path);
    put(json, "seconds", recording->seconds);
    emg_json_unsigned(json, "frames", recording->frames);
    emg_json_unsigned(json, "gaps", recording->gaps);
    emg_json_string(json, "reason", recording->failure[0] != '\0' ? recording->failure : NULL);
}

void emg_wire_put(struct emg_json *json, const struct emg_wire *wire, const struct emg_message *message)
{
    switch (message->topic) {
    case EMG_TOPIC_STATUS:
        put_status(json, wire, &message->body.status);
        break;
    case EMG_TOPIC_ACTIVATION:
        put_activation(json, &message->body.activation.now, &message->body.activation.reference);
        break;
    case EMG_TOPIC_FATIGUE:
        put_fatigue(json, wire, &message->body.fatigue);
        break;
    case EMG_TOPIC_SPECTRUM:
        put_array(json, message->n_array);
        put(json, "f0_hz", message->body.spectrum.f0_hz);
        put(json, "df_hz", message->body.spectrum.df_hz);
        break;
    case EMG_TOPIC_WAVEFORM:
        put_array(json, message->n_array);
        put(json, "rate_hz", wire->analysis_rate_hz);
        emg_json_unsigned(json, "first_frame", message->body.waveform.first_frame);
        break;
    case EMG_TOPIC_BURST:
        put_burst(json, &message->body.burst.of, message->body.burst.reference_uv);
        break;
    case EMG_TOPIC_PROFILE:
        put_profile(json, message);
        break;
    case EMG_TOPIC_STRIDE:
        put_stride(json, message);
        break;
    case EMG_TOPIC_LEG:
        put_leg(json, &message->body.leg);
        break;
    case EMG_TOPIC_SYMMETRY:
        put_symmetry(json, message);
        break;
    case EMG_TOPIC_EVENT_GAP:
        emg_json_unsigned(json, "first_frame", message->body.gap.first_frame);
        emg_json_unsigned(json, "frames_lost", message->body.gap.frames_lost);
        emg_json_string(json, "cause", cause_names[message->body.gap.cause]);
        break;
    case EMG_TOPIC_EVENT_DEVICE:
        emg_json_string(json, "state", state_names[message->body.device]);
        break;
    case EMG_TOPIC_EVENT_FATIGUE:
        emg_json_string(json, "muscle", wire->muscles[message->body.fatigue_event.muscle]);
        emg_json_string(json, "verdict", verdict_names[message->body.fatigue_event.verdict]);
        emg_json_string(json, "before", verdict_names[message->body.fatigue_event.before]);
        emg_json_string(json, "reason", reason_texts[message->body.fatigue_event.reason]);
        break;
    case EMG_TOPIC_EVENT_QUALITY:
        emg_json_string(json, "muscle", wire->muscles[message->body.quality_event.muscle]);
        put_quality(json, message->body.quality_event.flags);
        break;
    case EMG_TOPIC_EVENT_SESSION:
        put_session(json, message);
        break;
    case EMG_TOPIC_EVENT_STAGE:
        put_stage(json, &message->body.stage);
        break;
    case EMG_TOPIC_EVENT_MARKER:
        emg_json_string(json, "label", message->body.marker.label);
        break;
    case EMG_TOPIC_EVENT_REST:
    case EMG_TOPIC_EVENT_REFERENCE:
    case EMG_TOPIC_EVENT_BASELINE:
        put_result(json, wire, message);
        break;
    case EMG_TOPIC_EVENT_RECORDING:
        put_recording_event(json, &wire->recording);
        break;
    case EMG_TOPIC_COUNT:
        break;
    }
}
