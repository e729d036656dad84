#include "clients/emgtop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Several periods of 1 s each; a machine under load may be late. */
static const int64_t STATUS_LIFE_NS = 3000000000;
static const int64_t LEG_LIFE_NS = 5000000000;

static const double CADENCE_LIFE_S = 5;
static const double SCALE_DECAY =
    0.9988; /* of the bars, for each of ten pictures a second: by half in a minute */

static const char *const sides[EMG_TOP_SIDES] = {"left", "right"};

static void forget_legs(struct emg_top *top)
{
    for (size_t i = 0; i < EMG_TOP_SIDES; i++)
        top->legs[i] = (struct emg_top_leg){.soleus_share_percent = NAN, .cadence = NAN, .end_frame = NAN};
}

static void forget_status(struct emg_top *top)
{
    top->arrival_ns = 0;
    top->ended = false;
    top->state[0] = top->source[0] = top->session[0] = top->stage[0] = top->stage_session[0] =
        top->measuring[0] = '\0';
    top->recording_failure[0] = '\0';
    top->rate_hz = top->frames = top->gaps = top->frames_lost = top->frame = NAN;
    top->measuring_s = top->recording_s = NAN;
}

/* Field by field: the courses are large, and are not read behind their n. */
void emg_top_init(struct emg_top *top, const char *endpoint)
{
    top->endpoint = endpoint;
    forget_status(top);
    forget_legs(top);
    top->malformed = 0;
    top->largest_uv = top->largest_percent = 0;
    top->n_muscles = top->n_events = 0;
    top->event_kinds = 0;
}

/* Whether the status tells of the stream that is shown already. */
static bool is_same_stream(const struct emg_top *top, const char *source, const json_t *body)
{
    const json_t *muscles = json_object_get(body, "muscles");
    if (top->arrival_ns == 0 || strcmp(source, top->source) != 0 ||
        json_array_size(muscles) != top->n_muscles || emg_top_field_number(body, "frames") < top->frames)
        return false;
    for (size_t i = 0; i < top->n_muscles; i++) {
        char name[EMG_NAME_SIZE];
        emg_top_copy_text(name, sizeof name, json_array_get(muscles, i));
        if (strcmp(name, top->muscles[i].name) != 0)
            return false;
    }
    return true;
}

static void begin_stream(struct emg_top *top, const char *source, const json_t *muscles)
{
    (void)snprintf(top->source, sizeof top->source, "%s", source);
    const size_t n = json_array_size(muscles);
    top->n_muscles = n < EMG_MAX_CHANNELS ? n : EMG_MAX_CHANNELS;
    for (size_t i = 0; i < top->n_muscles; i++)
        emg_top_muscle_begin(&top->muscles[i], json_array_get(muscles, i));
    forget_legs(top);
    top->frame = NAN;
    top->largest_uv = top->largest_percent = 0;
}

static void update_status(struct emg_top *top, const json_t *body, int64_t now_ns)
{
    char source[sizeof top->source];
    emg_top_copy_text(source, sizeof source, json_object_get(body, "source"));
    if (!is_same_stream(top, source, body))
        begin_stream(top, source, json_object_get(body, "muscles"));
    emg_top_copy_text(top->state, sizeof top->state, json_object_get(body, "state"));
    emg_top_copy_text(top->session, sizeof top->session, json_object_get(body, "session"));
    top->ended = strcmp(top->state, "ended") == 0;
    top->rate_hz = emg_top_field_number(body, "rate_hz");
    top->frames = emg_top_field_number(body, "frames");
    top->gaps = emg_top_field_number(body, "gaps");
    top->frames_lost = emg_top_field_number(body, "frames_lost");
    const json_t *measuring = json_object_get(body, "measuring");
    emg_top_copy_text(top->measuring, sizeof top->measuring, json_object_get(measuring, "kind"));
    top->measuring_s = emg_top_field_number(measuring, "seconds_left");
    top->recording_s = emg_top_field_number(json_object_get(body, "recording"), "seconds");
    emg_top_copy_text(top->recording_failure, sizeof top->recording_failure,
                      json_object_get(body, "recording_failure"));
    top->arrival_ns = now_ns;
}

static struct emg_top_muscle *find_muscle(struct emg_top *top, const char *name)
{
    for (size_t i = 0; i < top->n_muscles; i++)
        if (strcmp(top->muscles[i].name, name) == 0)
            return &top->muscles[i];
    return NULL;
}

static void update_symmetry(struct emg_top *top, const char *name, const json_t *body, int64_t now_ns)
{
    char left[EMG_NAME_SIZE];
    (void)snprintf(left, sizeof left, "left.%s", name);
    struct emg_top_muscle *muscle = find_muscle(top, left);
    if (muscle != NULL)
        muscle->symmetry = (struct emg_top_symmetry){now_ns, emg_top_field_number(body, "index_percent")};
}

static void update_leg(struct emg_top *top, const char *kind, const char *side, const json_t *body,
                       int64_t now_ns)
{
    struct emg_top_leg *leg = strcmp(side, sides[0]) == 0 ? &top->legs[0] : &top->legs[1];
    if (strcmp(kind, "leg") == 0) {
        leg->arrival_ns = now_ns;
        leg->soleus_share_percent = emg_top_field_number(body, "soleus_share_percent");
    } else {
        leg->cadence = emg_top_field_number(body, "cadence_steps_per_min");
        leg->end_frame = emg_top_field_number(body, "end_frame");
    }
}

static void update_muscle(struct emg_top *top, const char *kind, struct emg_top_muscle *muscle,
                          const struct emg_feed_message *message, int64_t now_ns)
{
    const bool is_activation = strcmp(kind, "activation") == 0;
    if (is_activation && emg_top_field_number(message->json, "seq") <= muscle->seq) {
        emg_top_init(top, top->endpoint); /* it surely is another daemon */
        return;
    }
    emg_top_muscle_update(muscle, kind, message, now_ns);
    if (is_activation) /* fmax ignores NaN */
        top->frame = fmax(top->frame, emg_top_field_number(message->json, "frame"));
    if (strcmp(kind, "fatigue") == 0) /* its RMS is of seconds, and is no bar */
        return;
    top->largest_uv = fmax(top->largest_uv, emg_top_field_number(message->json, "rms_uv"));
    top->largest_percent =
        fmax(top->largest_percent, emg_top_field_number(message->json, "percent_reference"));
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
    /* after a silence it may be another daemon: what its numbers come from is not known before its status */
    if (top->arrival_ns == 0 || emg_top_silence_s(top, now_ns) > 0)
        return;
    char kind[16] = "";
    const char *of = strchr(message->topic, '.');
    if (of == NULL || (size_t)(of - message->topic) >= sizeof kind)
        return;
    memcpy(kind, message->topic, (size_t)(of - message->topic));
    of++;
    struct emg_top_muscle *muscle = find_muscle(top, of);
    if (strcmp(kind, "event") == 0)
        emg_top_update_event(top, message->topic, message->json);
    else if (strcmp(kind, "leg") == 0 || strcmp(kind, "stride") == 0)
        update_leg(top, kind, of, message->json, now_ns);
    else if (strcmp(kind, "symmetry") == 0)
        update_symmetry(top, of, message->json, now_ns);
    else if (muscle != NULL)
        update_muscle(top, kind, muscle, message, now_ns);
}

/* --- time --- */

double emg_top_age_s(const struct emg_top *top, double frame)
{
    const double age_s = (top->frame - frame) / top->rate_hz;
    return isfinite(age_s) ? age_s : INFINITY;
}

void emg_top_settle(struct emg_top *top, int64_t now_ns)
{
    const bool silent = emg_top_silence_s(top, now_ns) > 0;
    const bool lost = silent || strcmp(top->state, "lost") == 0;
    for (size_t i = 0; i < top->n_muscles; i++)
        emg_top_muscle_settle(top, &top->muscles[i], lost, silent, now_ns);
    for (size_t i = 0; i < EMG_TOP_SIDES; i++) {
        struct emg_top_leg *leg = &top->legs[i];
        if (lost || now_ns - leg->arrival_ns > LEG_LIFE_NS)
            leg->soleus_share_percent = leg->cadence = NAN;
        if (emg_top_age_s(top, leg->end_frame) > CADENCE_LIFE_S)
            leg->cadence = NAN;
    }
    if (!lost) {
        top->largest_uv *= SCALE_DECAY;
        top->largest_percent *= SCALE_DECAY;
    }
}

double emg_top_silence_s(const struct emg_top *top, int64_t now_ns)
{
    const int64_t silence_ns = top->arrival_ns != 0 ? now_ns - top->arrival_ns : 0;
    return silence_ns > STATUS_LIFE_NS ? (double)silence_ns * 1e-9 : 0;
}

const char *emg_top_origin(const struct emg_top *top)
{
    return emg_top_behind(top->source, "synth:") != NULL  ? "SIMULATED"
           : emg_top_behind(top->source, "file:") != NULL ? "REPLAY"
                                                          : "";
}
