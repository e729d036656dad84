#include "clients/report_sidecar.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A long text is cut, at worst inside a character. */
static void take(char *fact, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        (void)snprintf(fact, EMG_REPORT_FACT_SIZE, "%s", json_string_value(value));
    else if (json_is_number(value))
        (void)snprintf(fact, EMG_REPORT_FACT_SIZE, "%.10g", json_number_value(value));
}

void emg_report_read_sidecar(struct emg_report_sidecar *sidecar, const char *recording)
{
    char path[PATH_MAX];
    const char *slash = strrchr(recording, '/'), *dot = strrchr(recording, '.');
    const size_t stem =
        dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - recording) : strlen(recording);
    memset(sidecar, 0, sizeof *sidecar);
    if (stem + sizeof ".json" > sizeof path)
        return;
    (void)snprintf(path, sizeof path, "%.*s.json", (int)stem, recording);
    json_t *json = json_load_file(path, 0, NULL);
    const json_t *equipment = json_object_get(json, "equipment"), *session = json_object_get(json, "session");
    take(sidecar->electrodes, equipment, "electrodes");
    take(sidecar->inter_electrode_mm, equipment, "inter_electrode_mm");
    take(sidecar->placement, equipment, "placement");
    take(sidecar->skin, equipment, "skin");
    take(sidecar->front_end, equipment, "front_end");
    take(sidecar->gain, equipment, "gain");
    take(sidecar->input_impedance_mohm, equipment, "input_impedance_mohm");
    take(sidecar->cmrr_db, equipment, "cmrr_db");
    take(sidecar->participant, session, "participant");
    take(sidecar->notes, session, "notes");
    json_decref(json);
}
