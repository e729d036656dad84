/* The fields of each topic's body, for daemon/wire.c alone. */
#ifndef EMG_DAEMON_WIRE_BODY_H
#define EMG_DAEMON_WIRE_BODY_H

#include "daemon/json.h"
#include "daemon/wire.h"

/* Adds what is the message's own to the open object. */
void emg_wire_put(struct emg_json *json, const struct emg_wire *wire, const struct emg_message *message);

#endif
