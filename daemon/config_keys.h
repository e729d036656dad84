/* The one table of configuration keys: section, name, type, unit, default, range or choices, help. Constant;
 * any thread.
 *
 * Parsing, checking, --print-config, --help, the JSON form and the documented example all follow it: a new
 * key is a member of its struct in config.h and a row here. */
#ifndef EMG_DAEMON_CONFIG_KEYS_H
#define EMG_DAEMON_CONFIG_KEYS_H

#include "daemon/config.h"
#include "daemon/problem.h"
#include "dsp/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    EMG_CONFIG_N_SECTIONS = 8,
    EMG_CONFIG_MAX_KEYS = 12,                  /* of one section */
    EMG_CONFIG_PATH_SIZE = EMG_NAME_SIZE + 64, /* of muscle."left.soleus".channel */
};

enum emg_config_type {
    EMG_CONFIG_NUMBER, /* double */
    EMG_CONFIG_SPEED,  /* double; "max" is 0 */
    EMG_CONFIG_BAND,   /* double[2] */
    EMG_CONFIG_COUNT,  /* unsigned */
    EMG_CONFIG_SEED,   /* uint64_t, up to what every reader of JSON gets right */
    EMG_CONFIG_TEXT,   /* char[size], UTF-8 without control characters */
    EMG_CONFIG_MODE,   /* enum emg_mode, in the order of the choices */
    EMG_CONFIG_FLAG,   /* bool */
};

struct emg_config_key {
    const char *name;
    enum emg_config_type type;
    size_t offset, size;        /* of the member in its section's struct */
    const char *fallback;       /* the default as written in a file; NULL: there is none, the key is a must */
    double min, max;            /* TEXT: min is the least length */
    bool above_min;             /* min itself is not allowed */
    bool or_zero;               /* 0 is allowed beside min..max */
    const char *unit;           /* NULL: none */
    const char *const *choices; /* NULL-terminated; NULL: free */
    const char *help;
};

struct emg_config_section {
    const char *name;
    const char *help;
    bool titled; /* many, each with a name: the first member of its struct */
    size_t offset, stride;
    size_t count_offset, capacity; /* of titled ones */
    const struct emg_config_key *keys;
    size_t n_keys;
};

extern const struct emg_config_section emg_config_sections[EMG_CONFIG_N_SECTIONS];

/* NULL when there is none. */
const struct emg_config_section *emg_config_section_find(const char *name);
const struct emg_config_key *emg_config_key_find(const struct emg_config_section *section, const char *name);

/* How many of a section the configuration has (1 when it is not titled), and where the i-th begins in it. */
size_t emg_config_section_count(const struct emg_config_section *section, const struct emg_config *config);
size_t emg_config_section_offset(const struct emg_config_section *section, size_t i);

/* The dotted name: source.rate_hz, muscle."left.soleus".channel. title NULL for sections without. */
void emg_config_key_path(const struct emg_config_section *section, const char *title, const char *key,
                         char path[EMG_CONFIG_PATH_SIZE]);

/* What was probably meant by an unknown name: a section, a key of the same section, or the dotted name of one
 * elsewhere. NULL when nothing is near. section NULL: `name` was found where a section should be. */
const char *emg_config_key_suggest(const struct emg_config_section *section, const char *name,
                                   char path[EMG_CONFIG_PATH_SIZE]);

/* Gives every key of one section's struct its default. */
void emg_config_key_defaults(const struct emg_config_section *section, void *item);

/* Reads a value into its member of the section's struct `item`. set takes the whole value, set_element the
 * index-th of a list (0 where the value is none). EMG_ERROR_ARGUMENT with what is wrong with the value,
 * without the key's name, and the member as it was. */
enum emg_error emg_config_key_set(const struct emg_config_key *key, void *item, const char *text,
                                  struct emg_problem *problem);
enum emg_error emg_config_key_set_element(const struct emg_config_key *key, void *item, size_t index,
                                          const char *text, struct emg_problem *problem);

/* Range or choices with the unit: "1000 to 192000 Hz"; "" for free text. */
void emg_config_key_describe(const struct emg_config_key *key, char *text, size_t size);

#endif
