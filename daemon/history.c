#include "daemon/history.h"

#include <stdlib.h>
#include <string.h>

static bool belongs_to_session(enum emg_topic topic)
{
    switch (topic) {
    case EMG_TOPIC_EVENT_SESSION:
    case EMG_TOPIC_EVENT_STAGE:
    case EMG_TOPIC_EVENT_MARKER:
    case EMG_TOPIC_EVENT_REST:
    case EMG_TOPIC_EVENT_REFERENCE:
    case EMG_TOPIC_EVENT_BASELINE:
    case EMG_TOPIC_EVENT_RECORDING:
        return true;
    default:
        return false;
    }
}

void emg_history_put(struct emg_history *history, const struct emg_message *message, const char *body)
{
    if (!belongs_to_session(message->topic))
        return;
    if (message->topic == EMG_TOPIC_EVENT_SESSION &&
        message->body.session_event.change == EMG_SESSION_STARTED)
        emg_history_clear(history);
    char *copy = strdup(body);
    if (copy == NULL)
        return;
    const size_t place = history->n++ % EMG_HISTORY_EVENTS;
    free(history->events[place].body);
    history->events[place].topic = message->topic;
    history->events[place].body = copy;
}

void emg_history_json(const struct emg_history *history, const struct emg_wire *wire, struct emg_json *json)
{
    const size_t n = history->n < EMG_HISTORY_EVENTS ? history->n : EMG_HISTORY_EVENTS;
    emg_json_open_array(json, "messages");
    for (size_t i = history->n - n; i < history->n; i++) {
        const struct emg_message message = {.topic = history->events[i % EMG_HISTORY_EVENTS].topic};
        char topic[EMG_TOPIC_SIZE];
        (void)emg_wire_topic(wire, &message, topic);
        emg_json_open_object(json, NULL);
        emg_json_string(json, "topic", topic);
        emg_json_raw(json, "body", history->events[i % EMG_HISTORY_EVENTS].body);
        emg_json_close_object(json);
    }
    emg_json_close_array(json);
}

void emg_history_clear(struct emg_history *history)
{
    for (size_t i = 0; i < EMG_HISTORY_EVENTS; i++)
        free(history->events[i].body);
    *history = (struct emg_history){.n = 0};
}
