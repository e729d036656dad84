#include "daemon/wire.h"

#include "daemon/json.h"
#include "daemon/version.h"
#include "dsp/quality.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Significant digits: single-precision values keep all of theirs; Unix time to better than a microsecond. */
enum { DIGITS = 9, TIME_DIGITS = 16 };

static const char *const state_names[] = {"waiting", "running", "lost", "ended"};
static const char *const cause_names[] = {"none", "ring_full", "overflow", "hole", "device"};
static const char *const verdict_names[] = {"undetermined", "fatiguing", "steady", "recovering"};
static const char *const jasa_names[] = {NULL, "fatigue", "force_increase", "recovery", "force_decrease"};
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
};

static const uint32_t BAD_FLAGS = EMG_FLAG_CLIPPING | EMG_FLAG_FLAT | EMG_FLAG_ELECTRODE_OFF;

size_t emg_wire_topic(const struct emg_wire *wire, const struct emg_message *message, char *topic)
{
    static const char *const names[] = {
        [EMG_TOPIC_STATUS] = "status",
        [EMG_TOPIC_ACTIVATION] = "activation",
        [EMG_TOPIC_FATIGUE] = "fatigue",
        [EMG_TOPIC_SPECTRUM] = "spectrum",
        [EMG_TOPIC_WAVEFORM] = "waveform",
        [EMG_TOPIC_EVENT_GAP] = "event.gap",
        [EMG_TOPIC_EVENT_DEVICE] = "event.device",
    };
    const char *name = names[message->topic];
    const bool of_muscle = message->topic >= EMG_TOPIC_ACTIVATION && message->topic <= EMG_TOPIC_WAVEFORM;
    const int n = of_muscle ? snprintf(topic, EMG_TOPIC_SIZE, "%s.%s", name, wire->muscles[message->muscle])
                            : snprintf(topic, EMG_TOPIC_SIZE, "%s", name);
    return (size_t)n;
}

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

static void put_quality(struct emg_json *json, uint32_t flags)
{
    emg_json_string(json, "quality", (flags & BAD_FLAGS) != 0 ? "bad" : flags != 0 ? "warn" : "ok");
    emg_json_open_array(json, "flags");
    for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++)
        if ((flags & 1U << i) != 0)
            emg_json_string(json, NULL, flag_names[i]);
    emg_json_close_array(json);
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
    emg_json_null(json, "clock_ppm");
    emg_json_null(json, "clock_ppm_se");
    put(json, "load_percent", status->load_percent);
    emg_json_open_object(json, "latency_ms");
    put(json, "p50", status->latency_ms[0]);
    put(json, "p99", status->latency_ms[1]);
    put(json, "max", status->latency_ms[2]);
    emg_json_close_object(json);
    emg_json_null(json, "recording");
    emg_json_string(json, "version", EMG_VERSION);
}

static void put_activation(struct emg_json *json, const struct emg_muscle_activation *a)
{
    put(json, "rms_uv", a->rms_uv);
    put(json, "envelope_uv", a->envelope_uv);
    emg_json_null(json, "percent_reference");
    emg_json_null(json, "reference");
    emg_json_bool(json, "active", a->active);
    put_quality(json, a->flags);
}

static void put_fatigue(struct emg_json *json, const struct emg_wire *wire,
                        const struct emg_muscle_fatigue *f)
{
    put(json, "mdf_hz", f->indices.mdf_hz);
    put(json, "mdf_se_hz", f->indices.mdf_se_hz);
    put(json, "mnf_hz", f->indices.mnf_hz);
    put(json, "mnf_se_hz", f->indices.mnf_se_hz);
    put(json, "rms_uv", f->rms_uv);
    put(json, "ln_finsm5", f->ln_finsm5);
    put_pair(json, "band_hz", wire->band_hz);
    emg_json_unsigned(json, "bursts", f->bursts);
    put(json, "seconds", f->seconds);
    put(json, "snr_db", f->snr_db);
    put(json, "baseline_mdf_hz", f->baseline_mdf_hz);
    put(json, "shift_percent", f->shift_percent);
    put(json, "slope_hz_per_min", f->slope_hz_per_min);
    put(json, "slope_percent_per_min", f->slope_percent_per_min);
    put_pair(json, "slope_ci95_percent_per_min", f->slope_ci95_percent_per_min);
    emg_json_string(json, "jasa", jasa_names[f->jasa]);
    emg_json_string(json, "verdict", verdict_names[f->verdict]);
    emg_json_string(json, "reason", reason_texts[f->reason]);
    put_quality(json, f->flags);
}

static void put_body(struct emg_json *json, const struct emg_wire *wire, const struct emg_message *message)
{
    switch (message->topic) {
    case EMG_TOPIC_STATUS:
        put_status(json, wire, &message->body.status);
        break;
    case EMG_TOPIC_ACTIVATION:
        put_activation(json, &message->body.activation);
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
    case EMG_TOPIC_EVENT_GAP:
        emg_json_unsigned(json, "first_frame", message->body.gap.first_frame);
        emg_json_unsigned(json, "frames_lost", message->body.gap.frames_lost);
        emg_json_string(json, "cause", cause_names[message->body.gap.cause]);
        break;
    case EMG_TOPIC_EVENT_DEVICE:
        emg_json_string(json, "state", state_names[message->body.device]);
        break;
    case EMG_TOPIC_COUNT:
        break;
    }
}

size_t emg_wire_body(const struct emg_wire *wire, const struct emg_message *message, char *body)
{
    struct emg_json json;
    emg_json_init(&json, body, EMG_BODY_SIZE);
    emg_json_open_object(&json, NULL);
    emg_json_unsigned(&json, "v", EMG_PROTOCOL_VERSION);
    emg_json_unsigned(&json, "seq", message->seq);
    emg_json_number(&json, "t", message->t, TIME_DIGITS);
    emg_json_unsigned(&json, "frame", message->frame);
    emg_json_null(&json, "session");
    put_body(&json, wire, message);
    emg_json_close_object(&json);
    return json.length;
}

size_t emg_wire_line(const char *topic, const char *body, char *line)
{
    const size_t size = EMG_TOPIC_SIZE + EMG_BODY_SIZE;
    if (body[0] != '{')
        return 0;
    struct emg_json json;
    emg_json_init(&json, line, size);
    emg_json_open_object(&json, NULL);
    emg_json_string(&json, "topic", topic);
    const int n =
        snprintf(line + json.length, size - json.length, "%s%s", body[1] == '}' ? "" : ",", body + 1);
    return json.overflow || n < 0 || json.length + (size_t)n >= size ? 0 : json.length + (size_t)n;
}
