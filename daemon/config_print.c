#include "daemon/config.h"
#include "daemon/config_keys.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The fewest digits that read back the same. */
static void print_number(double value, FILE *out)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    (void)fputs(text, out);
}

static void print_text(const char *text, FILE *out)
{
    (void)fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        /* ${NAME} in quotes would be read as an environment variable */
        if (*c == '"' || *c == '\\' || (*c == '$' && c[1] == '{'))
            (void)fputc('\\', out);
        (void)fputc(*c, out);
    }
    (void)fputc('"', out);
}

static void print_value(const struct emg_config_key *key, const void *item, FILE *out)
{
    const void *field = (const char *)item + key->offset;
    const double *number = field;
    switch (key->type) {
    case EMG_CONFIG_SPEED:
        if (*number == 0)
            print_text("max", out);
        else
            print_number(*number, out);
        break;
    case EMG_CONFIG_NUMBER:
        print_number(*number, out);
        break;
    case EMG_CONFIG_BAND:
        (void)fputc('{', out);
        print_number(number[0], out);
        (void)fputs(", ", out);
        print_number(number[1], out);
        (void)fputc('}', out);
        break;
    case EMG_CONFIG_COUNT:
        (void)fprintf(out, "%u", *(const unsigned *)field);
        break;
    case EMG_CONFIG_SEED:
        (void)fprintf(out, "%" PRIu64, *(const uint64_t *)field);
        break;
    case EMG_CONFIG_TEXT:
        print_text(field, out);
        break;
    case EMG_CONFIG_MODE:
        print_text(key->choices[*(const enum emg_mode *)field], out);
        break;
    case EMG_CONFIG_FLAG:
        (void)fputs(*(const bool *)field ? "true" : "false", out);
        break;
    }
}

/* "1000 to 192000 Hz, default 48000" */
static void print_facts(const struct emg_config_key *key, FILE *out)
{
    char allowed[160];
    emg_config_key_describe(key, allowed, sizeof allowed);
    (void)fprintf(out, "%s%s", allowed, allowed[0] != '\0' ? ", " : "");
    if (key->fallback == NULL)
        (void)fputs("required", out);
    else if (key->type == EMG_CONFIG_TEXT || key->type == EMG_CONFIG_MODE)
        (void)fprintf(out, "default \"%s\"", key->fallback);
    else
        (void)fprintf(out, "default %s", key->fallback);
}

static void print_section(const struct emg_config_section *section, const void *item, FILE *out)
{
    (void)fprintf(out, "%s {\n", section->name);
    for (size_t k = 0; k < section->n_keys; k++) {
        const struct emg_config_key *key = &section->keys[k];
        (void)fprintf(out, "    # %s (", key->help);
        print_facts(key, out);
        (void)fprintf(out, ")\n    %s = ", key->name);
        print_value(key, item, out);
        (void)fputc('\n', out);
    }
    (void)fputs("}\n", out);
}

/* One line for each item, with only what differs from the defaults. */
static void print_titled(const struct emg_config_section *section, const struct emg_config *config, FILE *out)
{
    union {
        struct emg_config_muscle muscle;
        struct emg_config_footswitch footswitch;
    } defaults;
    memset(&defaults, 0, sizeof defaults);
    emg_config_key_defaults(section, &defaults);
    for (size_t k = 0; k < section->n_keys; k++) {
        const struct emg_config_key *key = &section->keys[k];
        (void)fprintf(out, "#   %-14s %s (", key->name, key->help);
        print_facts(key, out);
        (void)fputs(")\n", out);
    }
    for (size_t i = 0; i < emg_config_section_count(section, config); i++) {
        const char *item = (const char *)config + emg_config_section_offset(section, i);
        size_t n_printed = 0;
        (void)fprintf(out, "%s \"%s\" {", section->name, item);
        for (size_t k = 0; k < section->n_keys; k++) {
            const struct emg_config_key *key = &section->keys[k];
            if (memcmp(item + key->offset, (const char *)&defaults + key->offset, key->size) == 0)
                continue;
            (void)fprintf(out, "%s%s = ", n_printed++ == 0 ? " " : "  ", key->name);
            print_value(key, item, out);
        }
        (void)fputs(" }\n", out);
    }
}

void emg_config_print(const struct emg_config *config, FILE *out)
{
    (void)fputs(
        "# Configuration of emgd. Looked for in this order: --config FILE, $XDG_CONFIG_HOME/emgd/emgd.conf,\n"
        "# /etc/emgd/emgd.conf. What is left out has its default.\n",
        out);
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        (void)fprintf(out, "\n# %s\n", section->help);
        if (section->titled)
            print_titled(section, config, out);
        else
            print_section(section, (const char *)config + emg_config_section_offset(section, 0), out);
    }
}

void emg_config_print_help(FILE *out)
{
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        for (size_t k = 0; k < section->n_keys; k++) {
            char path[EMG_CONFIG_PATH_SIZE];
            emg_config_key_path(section, section->titled ? "NAME" : NULL, section->keys[k].name, path);
            (void)fprintf(out, "  %-31s %s (", path, section->keys[k].help);
            print_facts(&section->keys[k], out);
            (void)fputs(")\n", out);
        }
    }
}

static json_t *value_json(const struct emg_config_key *key, const void *item)
{
    const void *field = (const char *)item + key->offset;
    const double *number = field;
    switch (key->type) {
    case EMG_CONFIG_SPEED:
        return *number == 0 ? json_string("max") : json_real(*number);
    case EMG_CONFIG_NUMBER:
        return json_real(*number);
    case EMG_CONFIG_BAND:
        return json_pack("[ff]", number[0], number[1]);
    case EMG_CONFIG_COUNT:
        return json_integer(*(const unsigned *)field);
    case EMG_CONFIG_SEED:
        return json_integer((json_int_t) * (const uint64_t *)field);
    case EMG_CONFIG_TEXT:
        return json_string(field);
    case EMG_CONFIG_MODE:
        return json_string(key->choices[*(const enum emg_mode *)field]);
    case EMG_CONFIG_FLAG:
        return json_boolean(*(const bool *)field);
    }
    return NULL;
}

/* The functions that set a new value refuse NULL, which is how a failed allocation comes to be seen. */
static json_t *item_json(const struct emg_config_section *section, const void *item)
{
    json_t *object = json_object();
    for (size_t k = 0; k < section->n_keys; k++) {
        if (json_object_set_new(object, section->keys[k].name, value_json(&section->keys[k], item)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *section_json(const struct emg_config_section *section, const struct emg_config *config)
{
    if (!section->titled)
        return item_json(section, (const char *)config + emg_config_section_offset(section, 0));
    json_t *object = json_object();
    for (size_t i = 0; i < emg_config_section_count(section, config); i++) {
        const char *item = (const char *)config + emg_config_section_offset(section, i);
        if (json_object_set_new(object, item, item_json(section, item)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

bool emg_config_json(const struct emg_config *config, char *text, size_t size)
{
    bool fits = false;
    json_t *object = json_object();
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        if (json_object_set_new(object, section->name, section_json(section, config)) != 0)
            goto out;
    }
    /* 15 digits show every number as it was written */
    const size_t length = json_dumpb(object, text, size, JSON_COMPACT | JSON_REAL_PRECISION(15));
    fits = length > 0 && length < size;
    if (fits)
        text[length] = '\0';
out:
    if (!fits && size > 0)
        text[0] = '\0';
    json_decref(object);
    return fits;
}
