/* A configuration while it is being read: the values so far and where each came from. Only for config*.c;
 * main thread. */
#ifndef EMG_DAEMON_CONFIG_DRAFT_H
#define EMG_DAEMON_CONFIG_DRAFT_H

#include "daemon/config.h"
#include "daemon/config_keys.h"
#include "daemon/problem.h"

/* Both 0: the default. */
struct emg_config_origin {
    int line;            /* in config->file, from 1 */
    const char *setting; /* borrowed */
};

struct emg_config_draft {
    struct emg_config *config;
    struct emg_problem *problem;
    /* by section, then by key, or in titled sections by item (where it was last touched) */
    struct emg_config_origin origins[EMG_CONFIG_N_SECTIONS][EMG_MAX_CHANNELS];
};

/* Returns error, with the message behind "FILE:LINE: " or "--set SETTING: ". */
enum emg_error emg_config_draft_fail(const struct emg_config_draft *draft, struct emg_config_origin origin,
                                     enum emg_error error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The unknown key or section `name`, with the nearest known one; section NULL: not inside a section. */
enum emg_error emg_config_draft_fail_unknown(const struct emg_config_draft *draft,
                                             struct emg_config_origin origin,
                                             const struct emg_config_section *section, const char *name);

/* The item of a titled section with this title, added with its defaults when it is new; others: the section
 * itself, and title is ignored. Errors: EMG_ERROR_ARGUMENT (not a muscle's name or a side, too many). */
enum emg_error emg_config_draft_item(struct emg_config_draft *draft, struct emg_config_origin origin,
                                     const struct emg_config_section *section, const char *title,
                                     size_t *index);

/* Sets the element-th element of a key; element WHOLE: the whole value, lists included. Errors:
 * EMG_ERROR_FORMAT (no such key), EMG_ERROR_ARGUMENT. */
enum { EMG_CONFIG_WHOLE = -1 };
enum emg_error emg_config_draft_set(struct emg_config_draft *draft, struct emg_config_origin origin,
                                    const struct emg_config_section *section, const char *title,
                                    const char *key, int element, const char *value);

/* Reads a file, with config->file already naming it. Errors: EMG_ERROR_NOT_FOUND, EMG_ERROR_IO,
 * EMG_ERROR_FORMAT, EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY. */
enum emg_error emg_config_file_read(struct emg_config_draft *draft);

/* Gives the file's text, NUL-terminated, with comments turned into spaces; for free(). Errors:
 * EMG_ERROR_NOT_FOUND, EMG_ERROR_IO (unreadable, a directory), EMG_ERROR_FORMAT (not text, too large, a
 * string, comment or section that never ends), EMG_ERROR_MEMORY. */
enum emg_error emg_config_text_read(const struct emg_config_draft *draft, char **out);

/* Everything that is about more than one key. Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_UNSUPPORTED. */
enum emg_error emg_config_check(const struct emg_config_draft *draft);

#endif
