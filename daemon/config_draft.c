#include "daemon/config_draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The end of a path says more than its beginning, and a long one must leave room for the message. */
static const char *tail(const char *path, size_t most)
{
    const size_t length = strlen(path);
    return length > most ? path + length - most : path;
}

enum emg_error emg_config_draft_fail(const struct emg_config_draft *draft, struct emg_config_origin origin,
                                     enum emg_error error, const char *format, ...)
{
    struct emg_problem what;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what.text, sizeof what.text, format, arguments);
    va_end(arguments);

    const char *file = draft->config->file;
    const char *shown = tail(file, 160);
    const char *cut = shown != file ? "..." : "";
    if (origin.setting != NULL)
        return emg_problem_set(draft->problem, error, "--set %.120s: %s", origin.setting, what.text);
    if (origin.line > 0)
        return emg_problem_set(draft->problem, error, "%s%s:%d: %s", cut, shown, origin.line, what.text);
    if (file[0] != '\0')
        return emg_problem_set(draft->problem, error, "%s%s: %s", cut, shown, what.text);
    return emg_problem_set(draft->problem, error, "%s", what.text);
}

enum emg_error emg_config_draft_fail_unknown(const struct emg_config_draft *draft,
                                             struct emg_config_origin origin,
                                             const struct emg_config_section *section, const char *name)
{
    char near[EMG_CONFIG_PATH_SIZE];
    const char *hint = emg_config_key_suggest(section, name, near);
    return emg_config_draft_fail(draft, origin, EMG_ERROR_FORMAT, "unknown %s \"%.60s\"%s%s%s%s%s",
                                 section != NULL ? "key" : "section", name, section != NULL ? " in " : "",
                                 section != NULL ? section->name : "", hint != NULL ? "; did you mean " : "",
                                 hint != NULL ? hint : "", hint != NULL ? "?" : "");
}

static enum emg_error check_title(const struct emg_config_draft *draft, struct emg_config_origin origin,
                                  const struct emg_config_section *section, const char *title)
{
    if (strcmp(section->name, "muscle") == 0) {
        if (!emg_config_is_muscle_name(title))
            return emg_config_draft_fail(
                draft, origin, EMG_ERROR_ARGUMENT,
                "muscle \"%.80s\" is not a muscle's name; write left.NAME or right.NAME "
                "with NAME of a-z, 0-9 and _, shorter than %d in all",
                title, EMG_NAME_SIZE);
    } else if (strcmp(title, "left") != 0 && strcmp(title, "right") != 0) {
        return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT,
                                     "%s \"%.80s\" is not a side; write \"left\" or \"right\"", section->name,
                                     title);
    }
    return EMG_OK;
}

enum emg_error emg_config_draft_item(struct emg_config_draft *draft, struct emg_config_origin origin,
                                     const struct emg_config_section *section, const char *title,
                                     size_t *index)
{
    const size_t n = emg_config_section_count(section, draft->config);
    *index = 0;
    if (!section->titled)
        return EMG_OK;
    for (; *index < n; (*index)++) {
        if (strcmp((const char *)draft->config + emg_config_section_offset(section, *index), title) == 0)
            return EMG_OK;
    }
    const enum emg_error error = check_title(draft, origin, section, title);
    if (error != EMG_OK)
        return error;
    if (n >= section->capacity)
        return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT,
                                     "%s \"%s\" is one too many, at most %zu", section->name, title,
                                     section->capacity);
    char *item = (char *)draft->config + emg_config_section_offset(section, n);
    memcpy(item, title, strlen(title) + 1);
    emg_config_key_defaults(section, item);
    draft->origins[section - emg_config_sections][n] = origin;
    memcpy((char *)draft->config + section->count_offset, &(size_t){n + 1}, sizeof(size_t));
    return EMG_OK;
}

enum emg_error emg_config_draft_set(struct emg_config_draft *draft, struct emg_config_origin origin,
                                    const struct emg_config_section *section, const char *title,
                                    const char *key_name, int element, const char *value)
{
    const struct emg_config_key *key = emg_config_key_find(section, key_name);
    if (key == NULL)
        return emg_config_draft_fail_unknown(draft, origin, section, key_name);
    size_t index;
    enum emg_error error = emg_config_draft_item(draft, origin, section, title, &index);
    if (error != EMG_OK)
        return error;

    char *item = (char *)draft->config + emg_config_section_offset(section, index);
    struct emg_problem detail;
    if (element == EMG_CONFIG_WHOLE)
        error = emg_config_key_set(key, item, value, &detail);
    else
        error = emg_config_key_set_element(key, item, (size_t)element, value, &detail);
    if (error != EMG_OK) {
        char path[EMG_CONFIG_PATH_SIZE];
        emg_config_key_path(section, section->titled ? title : NULL, key->name, path);
        if (origin.setting != NULL) /* which names the key itself */
            return emg_config_draft_fail(draft, origin, error, "%s", detail.text);
        return emg_config_draft_fail(draft, origin, error, "%s: %s", path, detail.text);
    }
    const size_t place = section->titled ? index : (size_t)(key - section->keys);
    draft->origins[section - emg_config_sections][place] = origin;
    return EMG_OK;
}
