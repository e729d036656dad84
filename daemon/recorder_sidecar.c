#include "daemon/recorder_sidecar.h"

#include "daemon/version.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double PASS_SHARE = 0.4; /* of the rate */

static const struct emg_montage_muscle *muscle_of(const struct emg_montage *montage, unsigned channel)
{
    for (size_t i = 0; i < montage->n_muscles; i++)
        if (montage->muscles[i].channel == channel)
            return &montage->muscles[i];
    return NULL;
}

/* The side whose foot switch the channel is; EMG_SIDES: none. */
static size_t footswitch_side(const struct emg_montage *montage, unsigned channel)
{
    for (size_t i = 0; i < EMG_SIDES; i++)
        if (montage->footswitches[i].present && montage->footswitches[i].channel == channel)
            return i;
    return EMG_SIDES;
}

/* EDF+'s way to name a signal. */
static void make_label(char label[17], const struct emg_montage *montage, unsigned channel)
{
    static const struct {
        const char *name, *word;
    } words[] = {{"soleus", "SOL"},
                 {"gastrocnemius_medialis", "GM"},
                 {"gastrocnemius_lateralis", "GL"},
                 {"tibialis_anterior", "TA"}};
    const struct emg_montage_muscle *muscle = muscle_of(montage, channel);
    const size_t side = footswitch_side(montage, channel);
    if (muscle == NULL) {
        if (side < EMG_SIDES)
            (void)snprintf(label, 17, "SW %c", side == EMG_SIDE_LEFT ? 'L' : 'R');
        else
            (void)snprintf(label, 17, "CH %u", channel + 1);
        return;
    }
    const char *word = emg_montage_bare_name(muscle);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i].name) == 0)
            word = words[i].word;
    (void)snprintf(label, 17, "EMG %c %.10s", emg_montage_side(muscle) == EMG_SIDE_LEFT ? 'L' : 'R', word);
}

/* Names that were cut may be the same then: the second one ends in its channel's number. */
static void make_unlike(struct emg_bdf_config *bdf, unsigned channel)
{
    char *label = bdf->channels[channel].label, tail[8];
    for (unsigned i = 0; i < channel; i++) {
        if (strcmp(label, bdf->channels[i].label) != 0)
            continue;
        const int n = snprintf(tail, sizeof tail, "_%u", channel + 1);
        memcpy(label + strnlen(label, (size_t)(16 - n)), tail, (size_t)n + 1);
        return;
    }
}

/* As in "Ag/AgCl disc, 10 mm, 20 mm apart". */
static void make_transducer(char transducer[81], const struct emg_config_equipment *e)
{
    char distance[32] = "";
    if (e->inter_electrode_mm > 0)
        (void)snprintf(distance, sizeof distance, "%s%.6g mm apart", e->electrodes[0] != '\0' ? ", " : "",
                       e->inter_electrode_mm);
    (void)snprintf(transducer, 81, "%.*s%s", (int)(80 - strlen(distance)), e->electrodes, distance);
}

/* As in "HP:12Hz LP:800Hz". */
static void make_prefilter(char prefilter[81], double highpass_hz, double lowpass_hz)
{
    char low[32] = "";
    if (isfinite(lowpass_hz))
        (void)snprintf(low, sizeof low, "%sLP:%.6gHz", highpass_hz > 0 ? " " : "", lowpass_hz);
    if (highpass_hz > 0)
        (void)snprintf(prefilter, 81, "HP:%.6gHz%s", highpass_hz, low);
    else
        (void)snprintf(prefilter, 81, "%s", low);
}

double emg_sidecar_lowpass_hz(const struct emg_bdf_config *bdf, const struct emg_stream_info *stream)
{
    return bdf->rate_hz < stream->rate_hz ? PASS_SHARE * bdf->rate_hz : NAN;
}

static double full_scale_uv(const struct emg_config *config, const struct emg_channel *channel,
                            const struct emg_montage_muscle *muscle)
{
    if (muscle != NULL && muscle->full_scale_uv > 0)
        return muscle->full_scale_uv;
    return channel->full_scale_uv > 0 ? channel->full_scale_uv : config->source.full_scale_uv;
}

void emg_sidecar_fill_channels(struct emg_bdf_config *bdf, const struct emg_config *config,
                               const struct emg_stream_info *stream, const struct emg_montage *montage)
{
    bdf->n_channels = stream->n_channels;
    for (unsigned i = 0; i < stream->n_channels; i++) {
        struct emg_bdf_channel *channel = &bdf->channels[i];
        const struct emg_montage_muscle *muscle = muscle_of(montage, i);
        make_label(channel->label, montage, i);
        make_unlike(bdf, i);
        channel->full_scale_uv = full_scale_uv(config, &stream->channels[i], muscle);
        if (muscle != NULL)
            make_transducer(channel->transducer, &config->equipment);
        else if (footswitch_side(montage, i) < EMG_SIDES)
            (void)snprintf(channel->transducer, sizeof channel->transducer, "foot switch");
        make_prefilter(channel->prefilter, config->source.highpass_hz, emg_sidecar_lowpass_hz(bdf, stream));
    }
}

static json_t *told(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *number(double value)
{
    return isfinite(value) && value != 0 ? json_real(value) : json_null();
}

static json_t *equipment_json(const struct emg_config_equipment *e)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "electrodes", told(e->electrodes),
                     "inter_electrode_mm", number(e->inter_electrode_mm), "placement", told(e->placement),
                     "skin", told(e->skin), "front_end", told(e->front_end), "gain", number(e->gain),
                     "input_impedance_mohm", number(e->input_impedance_mohm), "cmrr_db", number(e->cmrr_db));
}

static json_t *channels_json(const struct emg_sidecar *s)
{
    json_t *channels = json_array();
    for (unsigned i = 0; i < s->stream->n_channels; i++) {
        const struct emg_montage_muscle *muscle = muscle_of(s->montage, i);
        const size_t side = footswitch_side(s->montage, i);
        const struct emg_bdf_channel *channel = &s->bdf->channels[i];
        (void)json_array_append_new(
            channels,
            json_pack("{s:i, s:s, s:o, s:o, s:s, s:f, s:f}", "channel", (int)i + 1, "label", channel->label,
                      "muscle", muscle != NULL ? json_string(muscle->name) : json_null(), "footswitch",
                      side < EMG_SIDES ? json_string(side == EMG_SIDE_LEFT ? "left" : "right") : json_null(),
                      "unit", "uV", "full_scale_uv", channel->full_scale_uv, "step_uv",
                      emg_bdf_step_uv(channel->full_scale_uv)));
    }
    return channels;
}

static json_t *gaps_json(const struct emg_sidecar *s)
{
    json_t *gaps = json_array();
    for (uint64_t i = 0; i < s->n_gaps && i < EMG_SIDECAR_GAPS; i++)
        (void)json_array_append_new(
            gaps, json_pack("{s:I, s:I, s:s}", "first_frame", (json_int_t)s->gaps[i].first_frame,
                            "frames_lost", (json_int_t)s->gaps[i].frames_lost, "cause", s->gaps[i].cause));
    return gaps;
}

/* What 100 percent of each muscle's activation means. */
static json_t *normalisation_json(const struct emg_session *session)
{
    json_t *muscles = json_array();
    for (size_t i = 0; i < session->n_muscles; i++) {
        const struct emg_session_muscle *muscle = &session->muscles[i];
        const bool known = isfinite(muscle->reference.uv);
        (void)json_array_append_new(muscles,
                                    json_pack("{s:s, s:o, s:o, s:o}", "muscle", muscle->name, "id",
                                              known ? told(muscle->reference.id) : json_null(), "method",
                                              known ? told(muscle->reference.method) : json_null(), "uv",
                                              number(muscle->reference.uv)));
    }
    return muscles;
}

/* NULL, or no memory: null. */
static json_t *session_json(const struct emg_session *session)
{
    json_t *json = session != NULL ? emg_session_json(session) : NULL;
    return json != NULL ? json : json_null();
}

static json_t *configuration_json(const struct emg_config *config)
{
    enum { SIZE = 64 * 1024 };
    char *text = malloc(SIZE);
    json_t *json = text != NULL && emg_config_json(config, text, SIZE) ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return json != NULL ? json : json_null();
}

/* ISO 8601 in UTC, or null outside of its years of four digits. */
static json_t *time_json(double t)
{
    const double year_0 = -62167219200.0, year_10000 = 253402300800.0;
    if (!(t >= year_0 && t < year_10000))
        return json_null();
    const time_t seconds = (time_t)floor(t);
    char text[32];
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + n, sizeof text - n, ".%03dZ", (int)((t - floor(t)) * 1000));
    return json_string(text);
}

char *emg_sidecar_text(const struct emg_sidecar *s)
{
    json_t *json = json_pack(
        "{s:s, s:i, s:s, s:b, s:o, s:s, s:o, s:o, s:f, s:f, s:I, s:I, s:f, s:I, s:o, "
        "s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:o, s:o}",
        "format", "emgd recording", "format_version", 1, "emgd_version", EMG_VERSION, "complete", s->complete,
        "failure", told(s->failure != NULL ? s->failure : ""), "source", s->stream->source, "start",
        time_json(s->bdf->start_t), "start_t", number(s->bdf->start_t), "rate_hz", s->bdf->rate_hz,
        "stream_rate_hz", s->stream->rate_hz, "first_frame", (json_int_t)s->first_frame, "frames",
        (json_int_t)s->frames, "seconds", s->seconds, "n_gaps", (json_int_t)s->n_gaps, "gaps", gaps_json(s),
        "channels", channels_json(s), "equipment", equipment_json(&s->config->equipment), "filters",
        "highpass_hz", number(s->config->source.highpass_hz), "lowpass_hz",
        number(emg_sidecar_lowpass_hz(s->bdf, s->stream)), "normalisation",
        normalisation_json(s->session_end != NULL ? s->session_end : s->session), "session",
        session_json(s->session), "session_end", session_json(s->session_end), "configuration",
        configuration_json(s->config));
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    return text;
}
