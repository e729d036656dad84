#include "daemon/control_session.h"

#include "daemon/bdf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const double CLOSE_S = 10.0;

enum { TIME_DIGITS = 16, DIGITS = 9 };

static bool refuse(struct emg_control_refusal *refusal, const char *code, const char *message)
{
    (void)snprintf(refusal->code, sizeof refusal->code, "%s", code);
    (void)snprintf(refusal->message, sizeof refusal->message, "%s", message);
    return false;
}

static bool run(struct emg_control_session *s, const struct emg_command *command, struct emg_answer *answer,
                struct emg_control_refusal *refusal)
{
    if (!emg_worker_command(s->worker, command, answer))
        return refuse(refusal, "not_running",
                      "the stream does not run (it has not begun, or has ended): nothing was done");
    return answer->ok || refuse(refusal, answer->code, answer->message);
}

/* Id of a session that starts now: the time, so that it is unique and in order, and the participant. */
static void make_session_id(struct emg_command *command)
{
    struct timespec now;
    struct tm utc;
    char stamp[20];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    (void)snprintf(command->session, sizeof command->session, "%s-%s", stamp, command->participant);
    command->t = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool read_command(const struct emg_control_session *s, enum emg_command_kind kind,
                         const json_t *request, struct emg_command *command,
                         struct emg_control_refusal *refusal)
{
    const char(*names)[EMG_NAME_SIZE] = (const char(*)[EMG_NAME_SIZE])s->wire->muscles;
    struct emg_problem problem;
    char text[EMG_BDF_TEXT_MAX];
    const bool own_id = json_object_get(request, "session") != NULL || json_object_get(request, "t") != NULL;
    if (kind == EMG_COMMAND_SESSION_START && own_id)
        return refuse(refusal, "bad_argument",
                      "session.start takes participant, notes; the id is given by emgd");
    const enum emg_error error =
        emg_command_read(command, kind, request, names, s->wire->n_muscles, &problem);
    if (error != EMG_OK)
        return refuse(refusal, error == EMG_ERROR_NOT_FOUND ? "not_found" : "bad_argument", problem.text);
    if (kind == EMG_COMMAND_SESSION_START)
        make_session_id(command);
    /* It becomes an annotation of the recording. */
    if (!emg_command_write(command, names, s->wire->n_muscles, text,
                           sizeof text - strlen(emg_command_name(kind)) - 1))
        return refuse(refusal, "bad_argument", "the arguments are too long for a recording's annotation");
    return true;
}

static void put_recording_path(const struct emg_control_session *s, struct emg_json *json)
{
    struct emg_recorder_state state;
    emg_recorder_state(s->recorder, &state);
    emg_json_string(json, "recording", state.on ? state.path : NULL);
}

static void put_measurement(const struct emg_control_session *s, const struct emg_answer *answer,
                            struct emg_json *json)
{
    emg_json_open_array(json, "muscles");
    for (size_t i = 0; i < s->wire->n_muscles; i++)
        if ((answer->muscles >> i & 1) != 0)
            emg_json_string(json, NULL, s->wire->muscles[i]);
    emg_json_close_array(json);
    emg_json_number(json, "seconds", answer->seconds, DIGITS);
    emg_json_unsigned(json, "frame", answer->frame);
    emg_json_unsigned(json, "end_frame", answer->end_frame);
}

static void put_answer(const struct emg_control_session *s, const struct emg_command *command,
                       const struct emg_answer *answer, struct emg_json *json)
{
    if (answer->muscles != 0) {
        put_measurement(s, answer, json);
        return;
    }
    emg_json_unsigned(json, "frame", answer->frame);
    emg_json_number(json, "t", answer->t, TIME_DIGITS);
    if (command->kind != EMG_COMMAND_SESSION_START)
        return;
    emg_json_string(json, "session", command->session);
    put_recording_path(s, json);
}

static bool start_recording(struct emg_control_session *s, const struct emg_command *command,
                            const json_t *request, struct emg_json *json, struct emg_control_refusal *refusal)
{
    const json_t *path = json_object_get(request, "path");
    struct emg_problem problem;
    char path_in_effect[EMG_PATH_SIZE];
    struct emg_answer answer;
    if (path != NULL &&
        (!json_is_string(path) || json_string_length(path) != strlen(json_string_value(path))))
        return refuse(refusal, "bad_argument", "\"path\" must be a string");
    const enum emg_error error =
        emg_recorder_open(s->recorder, json_string_value(path), s->participant, path_in_effect, &problem);
    if (error != EMG_OK)
        return refuse(refusal, error == EMG_ERROR_ARGUMENT ? "bad_argument" : "failed", problem.text);
    if (!run(s, command, &answer, refusal))
        return false;
    emg_json_string(json, "path", path_in_effect);
    emg_json_unsigned(json, "frame", answer.frame);
    return true;
}

static bool stop_recording(struct emg_control_session *s, const struct emg_command *command,
                           struct emg_json *json, struct emg_control_refusal *refusal)
{
    struct emg_recorder_state state;
    struct emg_recorder_event event;
    struct emg_answer answer;
    emg_recorder_state(s->recorder, &state);
    if (!state.on)
        return refuse(refusal, "not_recording", "nothing is being recorded");
    if (!run(s, command, &answer, refusal))
        return false;
    if (!emg_recorder_wait_closed(s->recorder, CLOSE_S, &event))
        return refuse(refusal, "failed", "the file is not closed yet: the disk is slow; see event.recording");
    if (event.change == EMG_RECORDER_FAILED)
        return refuse(refusal, "failed", event.reason);
    emg_json_string(json, "path", event.path);
    emg_json_number(json, "seconds", event.seconds, DIGITS);
    emg_json_unsigned(json, "frames", event.frames);
    emg_json_unsigned(json, "gaps", event.gaps);
    return true;
}

bool emg_control_session_run(struct emg_control_session *s, enum emg_command_kind kind, const json_t *request,
                             struct emg_json *json, struct emg_control_refusal *refusal)
{
    struct emg_command command;
    struct emg_answer answer;
    if (!read_command(s, kind, request, &command, refusal))
        return false;
    if (kind == EMG_COMMAND_RECORD_START)
        return start_recording(s, &command, request, json, refusal);
    if (kind == EMG_COMMAND_RECORD_STOP)
        return stop_recording(s, &command, json, refusal);
    if (!run(s, &command, &answer, refusal))
        return false;
    if (kind == EMG_COMMAND_SESSION_START || kind == EMG_COMMAND_SESSION_STOP)
        memcpy(s->participant, command.participant, sizeof s->participant);
    put_answer(s, &command, &answer, json);
    return true;
}
