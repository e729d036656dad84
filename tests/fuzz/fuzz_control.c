/* Any text as a control request, taken for a command of each kind: it is read, or refused with a message;
 * what is read comes back from its written form, and also from a recording's annotation. */
#include "daemon/bdf.h"
#include "daemon/recording.h"
#include "daemon/session.h"
#include "tests/fuzz/memory_file.h"

#include <jansson.h>
#include <math.h>

enum { FEW = 4 };

struct names {
    char names[EMG_MAX_CHANNELS][EMG_NAME_SIZE];
    size_t n;
};

static void make_names(struct names *names, size_t n)
{
    static const char *const muscles[] = {"left.soleus", "right.soleus", "left.gastrocnemius_medialis"};
    const size_t n_muscles = sizeof muscles / sizeof muscles[0];
    names->n = n;
    for (size_t i = 0; i < n; i++)
        if (i < n_muscles)
            (void)snprintf(names->names[i], sizeof names->names[i], "%s", muscles[i]);
        else
            (void)snprintf(names->names[i], sizeof names->names[i], "left.channel_%zu", i + 1);
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same(const struct emg_command *a, const struct emg_command *b)
{
    return a->kind == b->kind && strcmp(a->session, b->session) == 0 &&
           strcmp(a->participant, b->participant) == 0 && strcmp(a->notes, b->notes) == 0 &&
           strcmp(a->label, b->label) == 0 && same_number(a->t, b->t) &&
           same_number(a->speed_m_s, b->speed_m_s) && same_number(a->incline_percent, b->incline_percent) &&
           same_number(a->seconds, b->seconds) && same_number(a->uv, b->uv) && a->method == b->method &&
           a->muscles == b->muscles;
}

static void check_written(const struct emg_command *command, const char *text, const struct names *names)
{
    struct emg_command again;
    struct emg_problem problem = {""};
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_object(json), "a command is written as a JSON object");
    const enum emg_error error =
        emg_command_read(&again, command->kind, json, names->names, names->n, &problem);
    if (error != EMG_OK || !same(command, &again))
        (void)fprintf(stderr, "%s %s: %s\n", emg_command_name(command->kind), text, problem.text);
    must(error == EMG_OK, "a written command can be read");
    must(same(command, &again), "a written command is the same when it is read");
    json_decref(json);
}

/* The way of a command to a replay: it is written into a recording and read out of it. */
static void check_recorded(const char *text)
{
    const struct emg_bdf_config config = {
        .rate_hz = 1000, .n_channels = 1, .channels = {{.label = "CH 1", .full_scale_uv = 5000}}};
    const struct memory_file file = memory_file_open("", 0);
    struct emg_bdf *bdf;
    struct emg_recording *r;
    struct emg_problem problem = {""};
    size_t n;
    must(emg_bdf_create(&bdf, file.fd, &config, &problem) == EMG_OK, "a recording begins");
    must(emg_bdf_add(bdf, NULL, 1, &problem) == EMG_OK, "a recording has frames");
    must(emg_bdf_annotate(bdf, 0, 0, text), "a command can be recorded");
    must(emg_bdf_close(bdf, &problem) == EMG_OK, "a recording is closed");
    must(emg_recording_open(&r, file.path, 1.0, &problem) == EMG_OK, "a recording can be read");
    const struct emg_annotation *annotations = emg_recording_annotations(r, &n);
    const bool is_same = n == 1 && strcmp(annotations[0].text, text) == 0;
    if (!is_same)
        (void)fprintf(stderr, "written: %s\nread:    %s\n", text, n > 0 ? annotations[0].text : "nothing");
    must(is_same, "a command comes back from its annotation");
    emg_recording_close(r);
    memory_file_close(&file);
}

static void check_kind(enum emg_command_kind kind, const json_t *request, const struct names *names)
{
    struct emg_command command;
    struct emg_problem problem = {""};
    char text[8192], annotation[EMG_BDF_TEXT_MAX + 1];
    if (emg_command_read(&command, kind, request, names->names, names->n, &problem) != EMG_OK) {
        must(is_line(problem.text), "a refusal says why, in one line");
        return;
    }
    if (kind == EMG_COMMAND_SESSION_START && command.session[0] == '\0') /* the daemon's to give */
        (void)snprintf(command.session, sizeof command.session, "20260102T030405Z-%s", command.participant);
    must(emg_command_write(&command, names->names, names->n, text, sizeof text), "a command can be written");
    check_written(&command, text, names);
    const int length = snprintf(annotation, sizeof annotation, "%s %s", emg_command_name(kind), text);
    if (length < (int)sizeof annotation) /* longer ones are refused before they do anything */
        check_recorded(annotation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *request = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct names few, most;
    make_names(&few, FEW);
    make_names(&most, EMG_MAX_CHANNELS);
    for (unsigned kind = 0; json_is_object(request) && kind < EMG_COMMANDS; kind++) {
        check_kind((enum emg_command_kind)kind, request, &few);
        check_kind((enum emg_command_kind)kind, request, &most);
    }
    json_decref(request);
    return 0;
}
