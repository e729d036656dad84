#include "daemon/script.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of the montage in one array, as commands want them. */
struct names {
    char names[EMG_MAX_CHANNELS][EMG_NAME_SIZE];
    size_t n;
};

static void take_names(struct names *names, const struct emg_montage *montage)
{
    names->n = montage->n_muscles;
    for (size_t i = 0; i < names->n; i++)
        memcpy(names->names[i], montage->muscles[i].name, sizeof names->names[i]);
}

/* The JSON object behind "<word> " when the text begins with that word; NULL: it does not. */
static json_t *object_behind(const char *text, const char *word)
{
    const size_t n = strlen(word);
    if (strncmp(text, word, n) != 0 || text[n] != ' ')
        return NULL;
    json_t *json = json_loads(text + n + 1, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

static uint64_t frame_number(const json_t *json, const char *key)
{
    const json_int_t value = json_integer_value(json_object_get(json, key));
    return value > 0 ? (uint64_t)value : 0;
}

static bool read_gap(const json_t *json, struct emg_script_step *step)
{
    static const char *const causes[] = {
        [EMG_GAP_RING_FULL] = "ring_full", [EMG_GAP_OVERFLOW] = "overflow", [EMG_GAP_HOLE] = "hole",
        [EMG_GAP_DEVICE] = "device",       [EMG_GAP_STALL] = "stall",       [EMG_GAP_RECORDER] = "recorder",
    };
    const char *cause = json_string_value(json_object_get(json, "cause"));
    step->frame = frame_number(json, "first_frame");
    step->frames_lost = frame_number(json, "frames_lost");
    step->cause = EMG_GAP_RECORDER;
    for (size_t i = EMG_GAP_RING_FULL; cause != NULL && i < sizeof causes / sizeof causes[0]; i++)
        if (strcmp(cause, causes[i]) == 0)
            step->cause = (enum emg_gap_cause)i;
    return step->frames_lost > 0;
}

/* Returns false for what is neither a command nor a gap. */
static bool read_step(const char *text, uint64_t frame, const struct names *names,
                      struct emg_script_step *step, size_t *not_understood)
{
    *step = (struct emg_script_step){.frame = frame};
    json_t *gap = object_behind(text, "gap");
    if (gap != NULL) {
        const bool good = read_gap(gap, step);
        json_decref(gap);
        *not_understood += !good;
        return good;
    }
    for (unsigned kind = 0; kind < EMG_COMMAND_RECORD_START; kind++) {
        json_t *arguments = object_behind(text, emg_command_name((enum emg_command_kind)kind));
        if (arguments == NULL)
            continue;
        const bool good = emg_command_read(&step->command, (enum emg_command_kind)kind, arguments,
                                           names->names, names->n, NULL) == EMG_OK;
        json_decref(arguments);
        *not_understood += !good;
        return good;
    }
    return false;
}

/* By frame, and what happened at the same frame in the order of the file. */
static int compare_steps(const void *a, const void *b)
{
    const struct emg_script_step *x = a, *y = b;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void sort_steps(struct emg_script *script)
{
    for (size_t i = 0; i < script->n_steps; i++)
        script->steps[i].order = i;
    qsort(script->steps, script->n_steps, sizeof script->steps[0], compare_steps);
}

/* The number that the annotation `word` has for `key`; returns false when there is no such annotation. */
static bool find_number(const struct emg_annotation *annotations, size_t n, const char *word, const char *key,
                        uint64_t *number)
{
    for (size_t i = 0; i < n; i++) {
        json_t *json = object_behind(annotations[i].text, word);
        if (json == NULL)
            continue;
        *number = frame_number(json, key);
        json_decref(json);
        return true;
    }
    return false;
}

static void read_sidecar(struct emg_script *script, const char *path, const struct names *names)
{
    char sidecar[EMG_PATH_SIZE + 8];
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const size_t stem = dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - path) : strlen(path);
    (void)snprintf(sidecar, sizeof sidecar, "%.*s.json", (int)stem, path);
    json_t *json = json_load_file(sidecar, 0, NULL);
    if (json != NULL)
        script->session = emg_session_of_json(json_object_get(json, "session"), names->names, names->n, NULL);
    json_decref(json);
}

enum emg_error emg_script_create(struct emg_script **out, const struct emg_recording *recording,
                                 const char *path, const struct emg_montage *montage,
                                 struct emg_problem *problem)
{
    *out = NULL;
    if (problem != NULL)
        problem->text[0] = '\0';
    size_t n = 0, not_understood = 0;
    const struct emg_annotation *annotations = emg_recording_annotations(recording, &n);
    uint64_t first_frame = 0, n_frames = 0;
    if (!find_number(annotations, n, "recording.start", "frame", &first_frame))
        return EMG_OK;
    struct names *names = calloc(1, sizeof *names);
    struct emg_script *script = calloc(1, sizeof *script);
    if (script != NULL)
        script->steps = calloc(n, sizeof script->steps[0]);
    if (names == NULL || script == NULL || script->steps == NULL) {
        free(names);
        emg_script_destroy(script);
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: %s", path, emg_strerror(EMG_ERROR_MEMORY));
    }
    take_names(names, montage);
    script->first_frame = first_frame;
    script->end_frame = UINT64_MAX;
    if (find_number(annotations, n, "recording.stop", "frames", &n_frames))
        script->end_frame = first_frame + n_frames;
    for (size_t i = 0; i < n; i++) {
        const double rate_hz = emg_recording_info(recording)->rate_hz;
        const uint64_t frame = first_frame + (uint64_t)llround(fmax(0, annotations[i].onset_s) * rate_hz);
        script->n_steps +=
            read_step(annotations[i].text, frame, names, &script->steps[script->n_steps], &not_understood);
    }
    sort_steps(script);
    read_sidecar(script, path, names);
    free(names);
    *out = script;
    if (not_understood > 0)
        emg_problem_write(problem,
                          "%s: %zu of its annotations are not understood: what they did is missing from "
                          "the figures",
                          path, not_understood);
    return EMG_OK;
}

void emg_script_destroy(struct emg_script *script)
{
    if (script == NULL)
        return;
    free(script->session);
    free(script->steps);
    free(script);
}
