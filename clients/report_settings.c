#include "clients/report_settings.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Writes a value as a configuration file has it; returns false for what none has. */
static bool print_value(char *text, size_t size, const json_t *value)
{
    const int digits = 15;
    if (json_is_array(value) && json_array_size(value) == 2)
        return snprintf(text, size, "{%.*g, %.*g}", digits, json_number_value(json_array_get(value, 0)),
                        digits, json_number_value(json_array_get(value, 1))) > 0;
    if (json_is_number(value))
        return snprintf(text, size, "%.*g", digits, json_number_value(value)) > 0;
    if (json_is_boolean(value))
        return snprintf(text, size, "%s", json_is_true(value) ? "true" : "false") > 0;
    return json_is_string(value) && json_string_length(value) > 0 &&
           snprintf(text, size, "%s", json_string_value(value)) > 0;
}

static void add(struct emg_report_settings *settings, const char *section, const char *key,
                const json_t *value)
{
    char text[128];
    if (settings->n == EMG_REPORT_RECORDED_MAX || !print_value(text, sizeof text, value))
        return;
    const int n =
        snprintf(settings->texts[settings->n], EMG_REPORT_SETTING_SIZE, "%s.%s=%s", section, key, text);
    settings->n += n > 0 && n < EMG_REPORT_SETTING_SIZE;
}

static void add_all(struct emg_report_settings *settings, const char *section, const json_t *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)keys, key, value)
    {
        add(settings, section, key, value);
    }
}

/* What a recording has scaled already needs no full scale, and no label of another file. */
static void add_channels(struct emg_report_settings *settings, const char *section, const json_t *titles)
{
    static const char *const keys[] = {"channel", "threshold", "reference_uv", "reference_method"};
    const char *title;
    json_t *item;
    json_object_foreach((json_t *)titles, title, item)
    {
        char name[96];
        (void)snprintf(name, sizeof name, "%s.\"%.70s\"", section, title);
        if (json_integer_value(json_object_get(item, "channel")) == 0)
            continue; /* found by its label, then as now */
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            add(settings, name, keys[i], json_object_get(item, keys[i]));
    }
}

void emg_report_settings_read(struct emg_report_settings *settings, const char *recording)
{
    char path[PATH_MAX];
    const char *slash = strrchr(recording, '/'), *dot = strrchr(recording, '.');
    const size_t stem =
        dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - recording) : strlen(recording);
    settings->n = 0;
    if (stem + sizeof ".json" > sizeof path)
        return;
    (void)snprintf(path, sizeof path, "%.*s.json", (int)stem, recording);
    json_t *json = json_load_file(path, 0, NULL);
    const json_t *configuration = json_object_get(json, "configuration");
    add_all(settings, "analysis", json_object_get(configuration, "analysis"));
    add_channels(settings, "muscle", json_object_get(configuration, "muscle"));
    add_channels(settings, "footswitch", json_object_get(configuration, "footswitch"));
    add(settings, "source", "highpass_hz",
        json_object_get(json_object_get(configuration, "source"), "highpass_hz"));
    json_decref(json);
}
