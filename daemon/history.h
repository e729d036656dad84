/* The events of the session in progress, as they were published: what a client that comes in its middle has
 * missed. The oldest are given up when there are very many.
 *
 * Not synchronised: the owner locks. */
#ifndef EMG_DAEMON_HISTORY_H
#define EMG_DAEMON_HISTORY_H

#include "daemon/json.h"
#include "daemon/wire.h"

enum { EMG_HISTORY_EVENTS = 512 };

struct emg_history {
    size_t n; /* ever put since the session began */
    struct {
        enum emg_topic topic;
        char *body;
    } events[EMG_HISTORY_EVENTS];
};

/* Takes in a message with its body, when it is an event that a session consists of; the start of a session
 * begins anew. Without memory the event is left out. */
void emg_history_put(struct emg_history *history, const struct emg_message *message, const char *body);

/* Writes the array "messages": {topic, body} of each, the oldest first. */
void emg_history_json(const struct emg_history *history, const struct emg_wire *wire, struct emg_json *json);

void emg_history_clear(struct emg_history *history);

#endif
