#include "daemon/session.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t emg_session_bytes(size_t n_muscles)
{
    return sizeof(struct emg_session) + n_muscles * sizeof(struct emg_session_muscle);
}

void emg_session_clear(struct emg_session *session)
{
    session->id[0] = session->participant[0] = session->notes[0] = '\0';
    session->start_t = NAN;
    session->stage = (struct emg_stage){.speed_m_s = NAN, .incline_percent = NAN};
    session->references = 0;
    session->recording = false;
    for (size_t i = 0; i < session->n_muscles; i++) {
        struct emg_session_muscle *muscle = &session->muscles[i];
        muscle->reference = (struct emg_reference){.uv = NAN};
        muscle->rest = (struct emg_rest){.rms_uv = NAN};
        muscle->baseline = (struct emg_baseline){NAN, NAN};
    }
}

struct emg_session *emg_session_create(const char (*names)[EMG_NAME_SIZE], size_t n_muscles)
{
    struct emg_session *session = calloc(1, emg_session_bytes(n_muscles));
    if (session == NULL)
        return NULL;
    session->n_muscles = n_muscles;
    for (size_t i = 0; i < n_muscles; i++)
        memcpy(session->muscles[i].name, names[i], sizeof session->muscles[i].name);
    emg_session_clear(session);
    return session;
}

/* null for what is unknown. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *muscle_json(const struct emg_session_muscle *muscle)
{
    const struct emg_rest *rest = &muscle->rest;
    json_t *psd = json_array();
    for (uint32_t k = 0; !isnan(rest->rms_uv) && k < rest->n_bins; k++)
        (void)json_array_append_new(psd, number((double)muscle->rest_psd[k]));
    return json_pack(
        "{s:s, s:{s:o, s:s, s:s}, s:{s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o}}", "muscle", muscle->name,
        "reference", "uv", number(muscle->reference.uv), "id", muscle->reference.id, "method",
        muscle->reference.method, "rest", "rms_uv", number(rest->rms_uv), "seconds", number(rest->seconds),
        "effective_s", number(rest->effective_s), "dof", number(rest->dof), "psd_uv2_per_hz", psd, "baseline",
        "mdf_hz", number(muscle->baseline.mdf_hz), "ln_insm5", number(muscle->baseline.ln_insm5));
}

json_t *emg_session_json(const struct emg_session *session)
{
    json_t *muscles = json_array();
    for (size_t i = 0; i < session->n_muscles; i++)
        if (json_array_append_new(muscles, muscle_json(&session->muscles[i])) != 0) {
            json_decref(muscles);
            return NULL;
        }
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:b, s:{s:i, s:s, s:o, s:o}, s:i, s:o}", "id", session->id, "participant",
        session->participant, "notes", session->notes, "start_t", number(session->start_t), "recording",
        session->recording, "stage", "number", (int)session->stage.number, "label", session->stage.label,
        "speed_m_s", number(session->stage.speed_m_s), "incline_percent",
        number(session->stage.incline_percent), "references", (int)session->references, "muscles", muscles);
}

static double get_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void get_text(const json_t *object, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    size_t n = value != NULL ? strnlen(value, size - 1) : 0;
    while (n > 0 && ((unsigned char)value[n] & 0xc0) == 0x80)
        n--; /* not inside of a character */
    memcpy(text, n > 0 ? value : "", n);
    text[n] = '\0';
}

static unsigned get_count(const json_t *object, const char *key)
{
    const json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 && value < 1000000 ? (unsigned)value : 0;
}

static bool is_density(const json_t *value)
{
    return json_is_number(value) && json_number_value(value) >= 0 &&
           json_number_value(value) < (double)FLT_MAX;
}

/* Without its level, or with a PSD that is not whole, it is no rest. */
static void get_rest(const json_t *json, struct emg_session_muscle *muscle)
{
    const json_t *psd = json_object_get(json, "psd_uv2_per_hz");
    const size_t n = json_array_size(psd);
    if (n == 0 || n > EMG_SESSION_BINS || !(get_number(json, "rms_uv") > 0))
        return;
    for (size_t k = 0; k < n; k++) {
        const json_t *value = json_array_get(psd, k);
        if (!is_density(value))
            return;
        muscle->rest_psd[k] = (float)json_number_value(value);
    }
    muscle->rest = (struct emg_rest){
        .rms_uv = get_number(json, "rms_uv"),
        .seconds = get_number(json, "seconds"),
        .effective_s = get_number(json, "effective_s"),
        .dof = get_number(json, "dof"),
        .n_bins = (uint32_t)n,
    };
}

static void get_muscle(const json_t *json, struct emg_session *session)
{
    const char *name = json_string_value(json_object_get(json, "muscle"));
    for (size_t i = 0; i < session->n_muscles; i++) {
        struct emg_session_muscle *muscle = &session->muscles[i];
        if (name == NULL || strcmp(name, muscle->name) != 0)
            continue;
        const json_t *reference = json_object_get(json, "reference");
        const json_t *baseline = json_object_get(json, "baseline");
        muscle->reference.uv = get_number(reference, "uv");
        get_text(reference, "id", muscle->reference.id, sizeof muscle->reference.id);
        get_text(reference, "method", muscle->reference.method, sizeof muscle->reference.method);
        get_rest(json_object_get(json, "rest"), muscle);
        muscle->baseline.mdf_hz = get_number(baseline, "mdf_hz");
        muscle->baseline.ln_insm5 = get_number(baseline, "ln_insm5");
    }
}

struct emg_session *emg_session_of_json(const json_t *json, const char (*names)[EMG_NAME_SIZE],
                                        size_t n_muscles, struct emg_problem *problem)
{
    const json_t *muscles = json_object_get(json, "muscles");
    const char *id = json_string_value(json_object_get(json, "id"));
    struct emg_session *session = NULL;
    if (id == NULL || !json_is_array(muscles)) {
        emg_problem_write(problem, "is no session: \"id\" and \"muscles\" are missing");
        return NULL;
    }
    session = emg_session_create(names, n_muscles);
    if (session == NULL) {
        emg_problem_write(problem, "%s", emg_strerror(EMG_ERROR_MEMORY));
        return NULL;
    }
    const json_t *stage = json_object_get(json, "stage");
    get_text(json, "id", session->id, sizeof session->id);
    get_text(json, "participant", session->participant, sizeof session->participant);
    get_text(json, "notes", session->notes, sizeof session->notes);
    session->start_t = get_number(json, "start_t");
    session->recording = json_is_true(json_object_get(json, "recording"));
    session->references = get_count(json, "references");
    session->stage.number = get_count(stage, "number");
    get_text(stage, "label", session->stage.label, sizeof session->stage.label);
    session->stage.speed_m_s = get_number(stage, "speed_m_s");
    session->stage.incline_percent = get_number(stage, "incline_percent");
    for (size_t i = 0; i < json_array_size(muscles); i++)
        get_muscle(json_array_get(muscles, i), session);
    return session;
}
