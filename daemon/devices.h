/* The list of capture devices, as --list-devices and the `devices` command give it. Any one thread. */
#ifndef EMG_DAEMON_DEVICES_H
#define EMG_DAEMON_DEVICES_H

#include "daemon/json.h"

#include <stdio.h>

/* Writes a line per device: what to put into source.spec, its name, channels and rates; and why a backend has
 * none. */
void emg_devices_print(FILE *out);

/* Writes the arrays "devices" and "backends". */
void emg_devices_json(struct emg_json *json);

#endif
