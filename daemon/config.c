#include "daemon/config.h"

#include "daemon/config_draft.h"

#include <stdlib.h>
#include <string.h>

static const char system_file[] = "/etc/emgd/emgd.conf";

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
