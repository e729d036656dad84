#include "daemon/wire.h"

#include "daemon/json.h"
#include "daemon/wire_body.h"

#include <stdio.h>
#include <string.h>

/* Significant digits: Unix time to better than a microsecond. */
enum { TIME_DIGITS = 16 };

enum topic_kind { OF_ALL, OF_MUSCLE, OF_SIDE, OF_PAIR };
static const struct {
    const char *name;
    enum topic_kind kind;
    bool has_array;
} topics[] = {
    [EMG_TOPIC_STATUS] = {"status", OF_ALL, false},
    [EMG_TOPIC_ACTIVATION] = {"activation", OF_MUSCLE, false},
    [EMG_TOPIC_FATIGUE] = {"fatigue", OF_MUSCLE, false},
    [EMG_TOPIC_SPECTRUM] = {"spectrum", OF_MUSCLE, true},
    [EMG_TOPIC_WAVEFORM] = {"waveform", OF_MUSCLE, true},
    [EMG_TOPIC_BURST] = {"burst", OF_MUSCLE, false},
    [EMG_TOPIC_PROFILE] = {"profile", OF_MUSCLE, true},
    [EMG_TOPIC_STRIDE] = {"stride", OF_SIDE, false},
    [EMG_TOPIC_LEG] = {"leg", OF_SIDE, false},
    [EMG_TOPIC_SYMMETRY] = {"symmetry", OF_PAIR, false},
    [EMG_TOPIC_EVENT_GAP] = {"event.gap", OF_ALL, false},
    [EMG_TOPIC_EVENT_DEVICE] = {"event.device", OF_ALL, false},
    [EMG_TOPIC_EVENT_FATIGUE] = {"event.fatigue", OF_ALL, false},
    [EMG_TOPIC_EVENT_QUALITY] = {"event.quality", OF_ALL, false},
    [EMG_TOPIC_EVENT_SESSION] = {"event.session", OF_ALL, false},
    [EMG_TOPIC_EVENT_STAGE] = {"event.stage", OF_ALL, false},
    [EMG_TOPIC_EVENT_MARKER] = {"event.marker", OF_ALL, false},
    [EMG_TOPIC_EVENT_REST] = {"event.rest", OF_ALL, false},
    [EMG_TOPIC_EVENT_REFERENCE] = {"event.reference", OF_ALL, false},
    [EMG_TOPIC_EVENT_BASELINE] = {"event.baseline", OF_ALL, false},
    [EMG_TOPIC_EVENT_RECORDING] = {"event.recording", OF_ALL, false},
};

bool emg_wire_has_array(enum emg_topic topic)
{
    return topics[topic].has_array;
}

size_t emg_wire_topic(const struct emg_wire *wire, const struct emg_message *message, char *topic)
{
    static const char *const sides[] = {[EMG_SIDE_LEFT] = "left", [EMG_SIDE_RIGHT] = "right"};
    const char *name = topics[message->topic].name;
    const char *of = "";
    switch (topics[message->topic].kind) {
    case OF_ALL:
        break;
    case OF_MUSCLE:
        of = wire->muscles[message->index];
        break;
    case OF_SIDE:
        of = sides[message->index];
        break;
    case OF_PAIR:
        of = wire->pairs[message->index];
        break;
    }
    const size_t n = strlen(name), n_of = strlen(of);
    memcpy(topic, name, n + 1);
    if (n_of == 0)
        return n;
    topic[n] = '.';
    memcpy(topic + n + 1, of, n_of + 1);
    return n + 1 + n_of;
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
    emg_json_string(&json, "session", message->session[0] != '\0' ? message->session : NULL);
    emg_wire_put(&json, wire, message);
    emg_json_close_object(&json);
    return json.length;
}

bool emg_wire_annotation(const struct emg_wire *wire, const struct emg_message *message, char *text,
                         size_t size)
{
    const char *name = topics[message->topic].name;
    const char *kind = strchr(name, '.');
    const bool is_told = message->topic == EMG_TOPIC_EVENT_GAP || message->topic == EMG_TOPIC_EVENT_SESSION ||
                         message->topic == EMG_TOPIC_EVENT_STAGE || message->topic == EMG_TOPIC_EVENT_MARKER;
    if (strncmp(name, "event.", strlen("event.")) != 0 || is_told)
        return false;
    const int used = snprintf(text, size, "%s ", kind + 1);
    struct emg_json json;
    emg_json_init(&json, text + used, size - (size_t)used);
    emg_json_open_object(&json, NULL);
    emg_wire_put(&json, wire, message);
    emg_json_close_object(&json);
    return !json.overflow;
}

size_t emg_wire_line(const char *topic, const char *body, char *line)
{
    if (body[0] != '{')
        return 0;
    struct emg_json json;
    emg_json_init(&json, line, EMG_TOPIC_SIZE + EMG_BODY_SIZE);
    emg_json_open_object(&json, NULL);
    emg_json_string(&json, "topic", topic);
    emg_json_members(&json, body);
    emg_json_close_object(&json);
    return json.overflow ? 0 : json.length;
}
