#include "clients/emgtop.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LABEL_SIZE = 160 };

/* What the words of an event are made of. */
struct telling {
    const json_t *body;
    struct emg_top_event *event;
};

static bool is(const json_t *body, const char *key, const char *word)
{
    const char *value = json_string_value(json_object_get(body, key));
    return value != NULL && strcmp(value, word) == 0;
}

/* The text of a field; label [LABEL_SIZE]. */
static const char *field(char *label, const json_t *body, const char *key)
{
    emg_top_copy_text(label, LABEL_SIZE, json_object_get(body, key));
    return label;
}

static const char *muscle_of(char *words, const json_t *body)
{
    char name[LABEL_SIZE];
    return emg_top_muscle_words(words, field(name, body, "muscle"));
}

/* Appends to the event, whose text begins with its time of day. */
__attribute__((format(printf, 2, 3))) static void say(struct emg_top_event *event, const char *format, ...)
{
    const size_t n = strlen(event->text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(event->text + n, sizeof event->text - n, format, arguments);
    va_end(arguments);
}

static void tell_session(const struct telling *t)
{
    char participant[LABEL_SIZE], state[LABEL_SIZE];
    say(t->event, "session of %s %s", field(participant, t->body, "participant"),
        field(state, t->body, "state"));
}

static void tell_stage(const struct telling *t)
{
    char label[LABEL_SIZE];
    say(t->event, "stage %.0f: %s", emg_top_field_number(t->body, "number"), field(label, t->body, "label"));
}

static void tell_marker(const struct telling *t)
{
    char label[LABEL_SIZE];
    say(t->event, "marker: %s", field(label, t->body, "label"));
}

static void tell_gap(const struct telling *t)
{
    char cause[LABEL_SIZE];
    t->event->is_alarm = true;
    say(t->event, "GAP: %.0f frames lost (%s)", emg_top_field_number(t->body, "frames_lost"),
        field(cause, t->body, "cause"));
}

static void tell_device(const struct telling *t)
{
    char state[LABEL_SIZE];
    t->event->is_alarm = is(t->body, "state", "lost");
    if (t->event->is_alarm)
        say(t->event, "SIGNAL LOST");
    else if (is(t->body, "state", "running"))
        say(t->event, "the signal comes");
    else
        say(t->event, "the stream: %s", field(state, t->body, "state"));
}

static void tell_recording(const struct telling *t)
{
    char path[LABEL_SIZE], reason[LABEL_SIZE];
    (void)field(path, t->body, "path");
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    t->event->is_alarm = is(t->body, "state", "failed");
    if (t->event->is_alarm)
        say(t->event, "RECORDING FAILED: %s", field(reason, t->body, "reason"));
    else if (is(t->body, "state", "started"))
        say(t->event, "recording to %s", name);
    else
        say(t->event, "recording ended: %s, %.0f s", name, emg_top_field_number(t->body, "seconds"));
}

static void tell_measured(const struct telling *t, const char *kind, const char *key, const char *unit)
{
    char words[EMG_TOP_WORDS_SIZE], reason[LABEL_SIZE], value[EMG_TOP_NUMBER_SIZE];
    (void)muscle_of(words, t->body);
    t->event->is_alarm = json_is_false(json_object_get(t->body, "accepted"));
    if (t->event->is_alarm)
        say(t->event, "%s: %s refused: %s", words, kind, field(reason, t->body, "reason"));
    else
        say(t->event, "%s: %s %s %s", words, kind,
            emg_top_number(value, emg_top_field_number(t->body, key), 1, false), unit);
}

static void tell_rest(const struct telling *t)
{
    tell_measured(t, "rest", "uv", "µV");
}

static void tell_reference(const struct telling *t)
{
    tell_measured(t, "reference", "uv", "µV");
}

static void tell_baseline(const struct telling *t)
{
    tell_measured(t, "baseline", "mdf_hz", "Hz");
}

static void tell_fatigue(const struct telling *t)
{
    char words[EMG_TOP_WORDS_SIZE], verdict[LABEL_SIZE], before[LABEL_SIZE];
    say(t->event, "%s: %s (was %s)", muscle_of(words, t->body), field(verdict, t->body, "verdict"),
        field(before, t->body, "before"));
}

static void tell_quality(const struct telling *t)
{
    char words[EMG_TOP_WORDS_SIZE], flag[LABEL_SIZE];
    const json_t *flags = json_object_get(t->body, "flags");
    t->event->is_alarm = is(t->body, "quality", "bad");
    say(t->event, "%s: ", muscle_of(words, t->body));
    for (size_t i = 0; i < json_array_size(flags); i++) {
        emg_top_copy_text(flag, sizeof flag, json_array_get(flags, i));
        say(t->event, "%s%s", i > 0 ? ", " : "", emg_top_flag_advice(flag));
    }
    if (json_array_size(flags) == 0)
        say(t->event, "signal good");
}

static const struct {
    const char *topic;
    void (*tell)(const struct telling *);
} kinds[] = {
    {"event.session", tell_session}, {"event.stage", tell_stage},         {"event.marker", tell_marker},
    {"event.gap", tell_gap},         {"event.device", tell_device},       {"event.recording", tell_recording},
    {"event.rest", tell_rest},       {"event.reference", tell_reference}, {"event.baseline", tell_baseline},
    {"event.fatigue", tell_fatigue}, {"event.quality", tell_quality},
};

/* Begins the event's text with the time of day here. */
static void say_time(struct emg_top_event *event, double t)
{
    struct tm local;
    const time_t whole = t >= 0 && t < 253402300800.0 ? (time_t)t : -1; /* up to the year 9999 */
    event->text[0] = '\0';
    if (whole < 0 || localtime_r(&whole, &local) == NULL)
        say(event, "--:--:--  ");
    else
        (void)strftime(event->text, sizeof event->text, "%H:%M:%S  ", &local);
}

/* Keeps what the head of the screen says of the session. */
static void keep_stage(struct emg_top *top, const char *topic, const json_t *body)
{
    if (strcmp(topic, "event.session") == 0 && !is(body, "state", "resumed"))
        top->stage[0] = '\0';
    if (strcmp(topic, "event.stage") != 0)
        return;
    char label[LABEL_SIZE];
    (void)snprintf(top->stage, sizeof top->stage, "stage %.0f: %.60s", emg_top_field_number(body, "number"),
                   field(label, body, "label"));
    emg_top_copy_text(top->stage_session, sizeof top->stage_session, json_object_get(body, "session"));
}

void emg_top_update_event(struct emg_top *top, const char *topic, const json_t *body)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(topic, kinds[i].topic) != 0)
            continue;
        struct emg_top_event *event = &top->events[top->n_events++ % EMG_TOP_EVENTS];
        event->is_alarm = false;
        say_time(event, emg_top_field_number(body, "t"));
        kinds[i].tell(&(struct telling){body, event});
        keep_stage(top, topic, body);
        top->event_kinds |= 1U << i;
    }
}

static int by_frame(const void *a, const void *b)
{
    const double of_a = emg_top_field_number(json_object_get(*(json_t *const *)a, "body"), "frame");
    const double of_b = emg_top_field_number(json_object_get(*(json_t *const *)b, "body"), "frame");
    return (of_a > of_b) - (of_a < of_b);
}

static bool has_come(unsigned come, const char *topic)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(topic, kinds[i].topic) == 0)
            return (come & 1U << i) != 0;
    return true;
}

void emg_top_update_snapshot(struct emg_top *top, const json_t *reply)
{
    const json_t *earlier[sizeof kinds / sizeof kinds[0]] = {NULL};
    size_t n = 0;
    const json_t *messages = json_object_get(reply, "messages");
    for (size_t i = 0; i < json_array_size(messages) && n < sizeof kinds / sizeof kinds[0]; i++) {
        const json_t *message = json_array_get(messages, i);
        const char *topic = json_string_value(json_object_get(message, "topic"));
        if (topic != NULL && !has_come(top->event_kinds, topic))
            earlier[n++] = message;
    }
    qsort(earlier, n, sizeof(const json_t *), by_frame);
    for (size_t i = 0; i < n; i++)
        emg_top_update_event(top, json_string_value(json_object_get(earlier[i], "topic")),
                             json_object_get(earlier[i], "body"));
}

const struct emg_top_event *emg_top_event(const struct emg_top *top, size_t i)
{
    return i < top->n_events && i < EMG_TOP_EVENTS ? &top->events[(top->n_events - 1 - i) % EMG_TOP_EVENTS]
                                                   : NULL;
}
