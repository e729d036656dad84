/* Writes JSON text into a fixed buffer: no allocation, numbers by one rule, everything that is not finite as
 * null.
 *
 * Values of one writer belong to one thread. A text that does not fit sets `overflow` and is cut; the caller
 * checks it once at the end. */
#ifndef EMG_DAEMON_JSON_H
#define EMG_DAEMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_json {
    char *text;
    size_t size, length;
    bool overflow;
};

void emg_json_init(struct emg_json *json, char *text, size_t size);

/* A key of NULL writes an array element or the outermost value. Else it is written as it is: a name of ours,
 * without anything that JSON would have escaped. */
void emg_json_open_object(struct emg_json *json, const char *key);
void emg_json_close_object(struct emg_json *json);
void emg_json_open_array(struct emg_json *json, const char *key);
void emg_json_close_array(struct emg_json *json);
void emg_json_null(struct emg_json *json, const char *key);
void emg_json_bool(struct emg_json *json, const char *key, bool value);
void emg_json_unsigned(struct emg_json *json, const char *key, uint64_t value);

/* With `digits` significant digits (1..17), the text that %.*g gives. */
void emg_json_number(struct emg_json *json, const char *key, double value, int digits);

/* `value` is JSON text already. */
void emg_json_raw(struct emg_json *json, const char *key, const char *value);

/* What is in `object`, JSON text of an object without space around it, as members of the open one. */
void emg_json_members(struct emg_json *json, const char *object);

/* value NULL writes null; what is not valid UTF-8 is written as U+FFFD. */
void emg_json_string(struct emg_json *json, const char *key, const char *value);

#endif
