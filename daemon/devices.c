#include "daemon/devices.h"

#include "daemon/soundio_backend.h"

#include <math.h>
#include <stdlib.h>

/* All that there is; NULL without memory. */
static struct emg_soundio_list *list_all(void)
{
    struct emg_soundio_list *list = calloc(1, sizeof *list);
    struct emg_problem problem;
    if (list != NULL && emg_soundio_list_all(list, &problem) != EMG_OK)
        list->n_devices = 0;
    return list;
}

void emg_devices_print(FILE *out)
{
    struct emg_soundio_list *list = list_all();
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n_devices; i++) {
        const struct emg_soundio_device *device = &list->devices[i];
        (void)fprintf(out, "soundio:%s:%s\n    %s%s%s\n", device->backend, device->id, device->name,
                      device->serial[0] != '\0' ? ", serial " : "", device->serial);
        if (device->failure[0] != '\0')
            (void)fprintf(out, "    %s\n", device->failure);
        else
            (void)fprintf(out, "    %u..%u channels, %u..%u Hz\n", emg_soundio_min_channels(device),
                          emg_soundio_max_channels(device), device->rate_min_hz, device->rate_max_hz);
    }
    for (size_t i = 0; i < EMG_SOUNDIO_BACKENDS; i++)
        if (list->backends[i].problem.text[0] != '\0')
            (void)fprintf(out, "%s: %s\n", emg_soundio_backend_names[i], list->backends[i].problem.text);
    free(list);
}

static void put_device(struct emg_json *json, const struct emg_soundio_device *device)
{
    char spec[160];
    const bool known = device->failure[0] == '\0';
    (void)snprintf(spec, sizeof spec, "soundio:%s:%s", device->backend, device->id);
    emg_json_open_object(json, NULL);
    emg_json_string(json, "spec", spec);
    emg_json_string(json, "backend", device->backend);
    emg_json_string(json, "id", device->id);
    emg_json_string(json, "serial", device->serial[0] != '\0' ? device->serial : NULL);
    emg_json_string(json, "name", device->name);
    emg_json_number(json, "channels_min", known ? emg_soundio_min_channels(device) : (double)NAN, 9);
    emg_json_number(json, "channels_max", known ? emg_soundio_max_channels(device) : (double)NAN, 9);
    emg_json_number(json, "rate_min_hz", known ? device->rate_min_hz : (double)NAN, 9);
    emg_json_number(json, "rate_max_hz", known ? device->rate_max_hz : (double)NAN, 9);
    emg_json_string(json, "problem", known ? NULL : device->failure);
    emg_json_close_object(json);
}

void emg_devices_json(struct emg_json *json)
{
    struct emg_soundio_list *list = list_all();
    emg_json_open_array(json, "devices");
    for (size_t i = 0; list != NULL && i < list->n_devices; i++)
        put_device(json, &list->devices[i]);
    emg_json_close_array(json);
    emg_json_open_array(json, "backends");
    for (size_t i = 0; list != NULL && i < EMG_SOUNDIO_BACKENDS; i++) {
        const char *problem = list->backends[i].problem.text;
        emg_json_open_object(json, NULL);
        emg_json_string(json, "name", emg_soundio_backend_names[i]);
        emg_json_string(json, "problem", problem[0] != '\0' ? problem : NULL);
        emg_json_close_object(json);
    }
    emg_json_close_array(json);
    free(list);
}
