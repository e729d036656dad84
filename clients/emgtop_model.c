#include "clients/emgtop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Several periods each: 50 Hz, 1 Hz, 1 Hz; a machine under load may be late. */
static const int64_t ACTIVATION_LIFE_NS = 2000000000;
static const int64_t FATIGUE_LIFE_NS = 5000000000;
static const int64_t STATUS_LIFE_NS = 3000000000;

static double number(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Text from elsewhere must not reach the terminal as commands, nor as letters that it may not have. */
static void copy_text(char *text, size_t size, const json_t *value)
{
    const char *from = json_is_string(value) ? json_string_value(value) : "";
    size_t n = 0;
    for (; from[n] != '\0' && n + 1 < size; n++)
        text[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
    text[n] = '\0';
}

static void forget_activation(struct emg_top_activation *a)
{
    *a = (struct emg_top_activation){.t = NAN, .rms_uv = NAN, .percent_reference = NAN};
}

static void forget_fatigue(struct emg_top_fatigue *f)
{
    *f = (struct emg_top_fatigue){
        .mdf_hz = NAN,
        .mdf_se_hz = NAN,
        .shift_percent = NAN,
        .slope_percent_per_min = NAN,
        .slope_ci95_percent_per_min = {NAN, NAN},
    };
}

void emg_top_init(struct emg_top *top, const char *endpoint)
{
    *top = (struct emg_top){
        .endpoint = endpoint, .rate_hz = NAN, .frames = NAN, .gaps = NAN, .frames_lost = NAN};
}

/* Whether the status tells of the stream that is shown already. */
static bool is_same_stream(const struct emg_top *top, const char *source, const json_t *muscles)
{
    if (top->arrival_ns == 0 || strcmp(source, top->source) != 0 ||
        json_array_size(muscles) != top->n_muscles)
        return false;
    for (size_t i = 0; i < top->n_muscles; i++) {
        char name[EMG_NAME_SIZE];
        copy_text(name, sizeof name, json_array_get(muscles, i));
        if (strcmp(name, top->muscles[i].name) != 0)
            return false;
    }
    return true;
}

static void begin_stream(struct emg_top *top, const char *source, const json_t *muscles)
{
    snprintf(top->source, sizeof top->source, "%s", source);
    const size_t n = json_array_size(muscles);
    top->n_muscles = n < EMG_MAX_CHANNELS ? n : EMG_MAX_CHANNELS;
    for (size_t i = 0; i < top->n_muscles; i++) {
        struct emg_top_muscle *muscle = &top->muscles[i];
        copy_text(muscle->name, sizeof muscle->name, json_array_get(muscles, i));
        forget_activation(&muscle->activation);
        forget_fatigue(&muscle->fatigue);
        muscle->seq = NAN;
        muscle->largest_uv = 0;
    }
}

static void update_status(struct emg_top *top, const json_t *body, int64_t now_ns)
{
    char source[sizeof top->source];
    copy_text(source, sizeof source, json_object_get(body, "source"));
    const json_t *muscles = json_object_get(body, "muscles");
    if (!is_same_stream(top, source, muscles))
        begin_stream(top, source, muscles);
    copy_text(top->state, sizeof top->state, json_object_get(body, "state"));
    top->ended = strcmp(top->state, "ended") == 0;
    top->rate_hz = number(body, "rate_hz");
    top->frames = number(body, "frames");
    top->gaps = number(body, "gaps");
    top->frames_lost = number(body, "frames_lost");
    top->arrival_ns = now_ns;
}

static void copy_flags(char *text, size_t size, const json_t *flags)
{
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(flags) && n < size; i++) {
        char flag[32];
        copy_text(flag, sizeof flag, json_array_get(flags, i));
        for (char *c = flag; *c != '\0'; c++)
            if (*c == '_')
                *c = ' ';
        n += (size_t)snprintf(text + n, size - n, "%s%s", i > 0 ? ", " : "", flag);
    }
}

static void update_activation(struct emg_top_muscle *muscle, const json_t *body, int64_t now_ns)
{
    struct emg_top_activation *a = &muscle->activation;
    const json_t *active = json_object_get(body, "active");
    muscle->seq = number(body, "seq");
    a->arrival_ns = now_ns;
    a->t = number(body, "t");
    a->rms_uv = number(body, "rms_uv");
    a->percent_reference = number(body, "percent_reference");
    a->activity = json_is_true(active)    ? EMG_TOP_ACTIVE
                  : json_is_false(active) ? EMG_TOP_AT_REST
                                          : EMG_TOP_UNKNOWN;
    copy_text(a->quality, sizeof a->quality, json_object_get(body, "quality"));
    copy_flags(a->flags, sizeof a->flags, json_object_get(body, "flags"));
    if (a->rms_uv > muscle->largest_uv)
        muscle->largest_uv = a->rms_uv;
}

static void update_fatigue(struct emg_top_fatigue *f, const json_t *body, int64_t now_ns)
{
    const json_t *ci = json_object_get(body, "slope_ci95_percent_per_min");
    f->arrival_ns = now_ns;
    f->mdf_hz = number(body, "mdf_hz");
    f->mdf_se_hz = number(body, "mdf_se_hz");
    f->shift_percent = number(body, "shift_percent");
    f->slope_percent_per_min = number(body, "slope_percent_per_min");
    for (size_t i = 0; i < 2; i++) {
        const json_t *limit = json_array_get(ci, i);
        f->slope_ci95_percent_per_min[i] = json_is_number(limit) ? json_number_value(limit) : NAN;
    }
    copy_text(f->verdict, sizeof f->verdict, json_object_get(body, "verdict"));
    copy_text(f->reason, sizeof f->reason, json_object_get(body, "reason"));
}

static struct emg_top_muscle *find_muscle(struct emg_top *top, const char *name)
{
    for (size_t i = 0; i < top->n_muscles; i++)
        if (strcmp(top->muscles[i].name, name) == 0)
            return &top->muscles[i];
    return NULL;
}

/* The part of the topic behind its prefix, or NULL. */
static const char *behind(const char *topic, const char *prefix)
{
    const size_t n = strlen(prefix);
    return strncmp(topic, prefix, n) == 0 ? topic + n : NULL;
}

void emg_top_update(struct emg_top *top, const struct emg_feed_message *message, int64_t now_ns)
{
    if (message->problem != NULL) {
        top->malformed++;
        return;
    }
    if (strcmp(message->topic, "status") == 0) {
        update_status(top, message->json, now_ns);
        return;
    }
    const char *of_activation = behind(message->topic, "activation.");
    const char *of_fatigue = behind(message->topic, "fatigue.");
    struct emg_top_muscle *muscle = of_activation != NULL ? find_muscle(top, of_activation)
                                    : of_fatigue != NULL  ? find_muscle(top, of_fatigue)
                                                          : NULL;
    /* after a silence it may be another daemon: what its numbers come from is not known before its status */
    if (muscle == NULL || emg_top_silence_s(top, now_ns) > 0)
        return;
    if (of_fatigue != NULL)
        update_fatigue(&muscle->fatigue, message->json, now_ns);
    else if (number(message->json, "seq") <= muscle->seq)
        emg_top_init(top, top->endpoint); /* it surely is another one */
    else
        update_activation(muscle, message->json, now_ns);
}

void emg_top_expire(struct emg_top *top, int64_t now_ns)
{
    const bool lost = strcmp(top->state, "lost") == 0;
    for (size_t i = 0; i < top->n_muscles; i++) {
        struct emg_top_muscle *muscle = &top->muscles[i];
        if (lost || now_ns - muscle->activation.arrival_ns > ACTIVATION_LIFE_NS)
            forget_activation(&muscle->activation);
        if (now_ns - muscle->fatigue.arrival_ns > FATIGUE_LIFE_NS)
            forget_fatigue(&muscle->fatigue);
    }
}

double emg_top_silence_s(const struct emg_top *top, int64_t now_ns)
{
    const int64_t silence_ns = top->arrival_ns != 0 ? now_ns - top->arrival_ns : 0;
    return silence_ns > STATUS_LIFE_NS ? (double)silence_ns * 1e-9 : 0;
}

const char *emg_top_origin(const struct emg_top *top)
{
    return behind(top->source, "synth:") != NULL  ? "SIMULATED"
           : behind(top->source, "file:") != NULL ? "REPLAY"
                                                  : "";
}
