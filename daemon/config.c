#include "daemon/config.h"

#include "daemon/config_draft.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char system_file[] = "/etc/emgd/emgd.conf";

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

bool emg_config_is_muscle_name(const char *name)
{
    const char *muscle = NULL;
    if (strncmp(name, "left.", 5) == 0)
        muscle = name + 5;
    else if (strncmp(name, "right.", 6) == 0)
        muscle = name + 6;
    if (muscle == NULL || muscle[0] == '\0' || strlen(name) >= EMG_NAME_SIZE)
        return false;
    return muscle[strspn(muscle, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
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

/* Cuts spaces at both ends of text, and one pair of quotes around it. */
static char *strip(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t", text[length - 1]) != NULL)
        length--;
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    text[length] = '\0';
    return text;
}

/* section.key=value or section."title".key=value. A shell may have eaten the quotes: the title is all between
 * the first dot and the last one before the key. */
static enum emg_error apply_setting(struct emg_config_draft *draft, const char *setting)
{
    const struct emg_config_origin origin = {.setting = setting};
    char *text = strdup(setting);
    if (text == NULL)
        return emg_config_draft_fail(draft, origin, EMG_ERROR_MEMORY, "out of memory");

    enum emg_error error = EMG_OK;
    char *value = strchr(text, '=');
    if (value != NULL)
        *value++ = '\0';
    char *title = strchr(text, '.'), *key = strrchr(text, '.');
    if (value == NULL || key == NULL) {
        error =
            emg_config_draft_fail(draft, origin, EMG_ERROR_FORMAT, "is not of the form section.key=value");
        goto out;
    }
    const bool has_title = title != key;
    *title++ = '\0';
    *key++ = '\0';
    const char *name = strip(text);
    const struct emg_config_section *section = emg_config_section_find(name);
    if (section == NULL)
        error = emg_config_draft_fail_unknown(draft, origin, NULL, name);
    else if (has_title != section->titled)
        error = emg_config_draft_fail(draft, origin, EMG_ERROR_FORMAT, "write %s%s", section->name,
                                      section->titled ? ".\"NAME\".KEY=VALUE" : ".KEY=VALUE");
    else
        error = emg_config_draft_set(draft, origin, section, has_title ? strip(title) : NULL, strip(key),
                                     EMG_CONFIG_WHOLE, strip(value));
out:
    free(text);
    return error;
}

/* Makes PATH the configuration's file. */
static enum emg_error name_file(struct emg_config_draft *draft, const char *directory, const char *path)
{
    struct emg_config *config = draft->config;
    const int length = snprintf(config->file, sizeof config->file, "%s%s", directory, path);
    if (length < 0 || (size_t)length >= sizeof config->file)
        return emg_config_draft_fail(draft, (struct emg_config_origin){0}, EMG_ERROR_ARGUMENT,
                                     "the path of the configuration file is too long, at most %zu bytes",
                                     sizeof config->file - 1);
    return EMG_OK;
}

/* The first of the places that has a file is read; none is no error. */
static enum emg_error search(struct emg_config_draft *draft)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const bool has_base = base != NULL && base[0] == '/'; /* the XDG specification: ignore relative paths */
    const struct {
        const char *directory, *path;
    } places[] = {
        {has_base ? base : home, has_base ? "/emgd/emgd.conf" : "/.config/emgd/emgd.conf"},
        {"", system_file},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i].directory == NULL)
            continue;
        enum emg_error error = name_file(draft, places[i].directory, places[i].path);
        if (error == EMG_OK)
            error = emg_config_file_read(draft);
        if (error != EMG_ERROR_NOT_FOUND)
            return error;
    }
    draft->config->file[0] = '\0';
    if (draft->problem != NULL)
        draft->problem->text[0] = '\0';
    return EMG_OK;
}

enum emg_error emg_config_load(struct emg_config *config, const char *path, const char *const *settings,
                               size_t n_settings, struct emg_problem *problem)
{
    struct emg_config_draft draft = {.config = config, .problem = problem};
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        if (!section->titled)
            emg_config_key_defaults(section, (char *)config + section->offset);
    }
    enum emg_error error;
    if (path == NULL)
        error = search(&draft);
    else if ((error = name_file(&draft, "", path)) == EMG_OK)
        error = emg_config_file_read(&draft);
    for (size_t i = 0; i < n_settings && error == EMG_OK; i++)
        error = apply_setting(&draft, settings[i]);
    return error == EMG_OK ? emg_config_check(&draft) : error;
}
