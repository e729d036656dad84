#include "daemon/analysis_state.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void emg_analysis_set_configured_references(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const struct emg_montage_muscle *muscle = &a->montage.muscles[i];
        struct emg_reference *reference = &a->session->muscles[i].reference;
        if (!isnan(reference->uv))
            continue;
        *reference = (struct emg_reference){.uv = muscle->reference_uv, .id = "configuration"};
        memcpy(reference->method, muscle->reference_method, sizeof reference->method);
    }
}

void emg_analysis_restore_results(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const struct emg_session_muscle *muscle = &a->session->muscles[i];
        if (!isnan(muscle->rest.rms_uv))
            (void)emg_muscle_set_rest(a->muscles[i], &muscle->rest, muscle->rest_psd);
        if (!isnan(muscle->baseline.mdf_hz))
            emg_muscle_set_baseline(a->muscles[i], &muscle->baseline);
    }
}

static enum emg_topic topic_of(enum emg_measure kind)
{
    return kind == EMG_MEASURE_REST       ? EMG_TOPIC_EVENT_REST
           : kind == EMG_MEASURE_BASELINE ? EMG_TOPIC_EVENT_BASELINE
                                          : EMG_TOPIC_EVENT_REFERENCE;
}

static void tell_result(struct emg_analysis *a, size_t muscle, const struct emg_measurement *result)
{
    struct emg_message *message = emg_analysis_message_begin(a, topic_of(result->kind), 0);
    message->body.result.muscle = (uint32_t)muscle;
    message->body.result.of = *result;
    message->body.result.reference = a->session->muscles[muscle].reference;
    message->body.result.method[0] = '\0';
    if (message->topic == EMG_TOPIC_EVENT_REFERENCE)
        (void)snprintf(message->body.result.method, sizeof message->body.result.method, "%s",
                       emg_command_method_name(result->kind));
    emg_analysis_message_end(a);
}

static void set_reference(struct emg_analysis *a, size_t muscle, enum emg_measure method, double uv)
{
    struct emg_reference *reference = &a->session->muscles[muscle].reference;
    *reference = (struct emg_reference){.uv = uv};
    (void)snprintf(reference->id, sizeof reference->id, "r%u", a->session->references);
    (void)snprintf(reference->method, sizeof reference->method, "%s", emg_command_method_name(method));
}

static void keep_result(struct emg_analysis *a, size_t i, const struct emg_measurement *result)
{
    struct emg_session_muscle *muscle = &a->session->muscles[i];
    if (result->refusal != EMG_REFUSAL_NONE)
        return;
    if (result->kind == EMG_MEASURE_REST)
        muscle->rest = emg_muscle_rest(a->muscles[i], muscle->rest_psd, EMG_SESSION_BINS);
    else if (result->kind == EMG_MEASURE_BASELINE)
        muscle->baseline = emg_muscle_baseline(a->muscles[i]);
    else
        set_reference(a, i, result->kind, result->uv);
}

static bool is_measured(const struct emg_measuring *measuring, size_t muscle)
{
    return (measuring->muscles >> muscle & 1) != 0;
}

static void end_measurement(struct emg_analysis *a)
{
    const struct emg_measuring measuring = a->measuring;
    a->measuring.kind = EMG_MEASURE_NONE;
    a->session->references += topic_of(measuring.kind) == EMG_TOPIC_EVENT_REFERENCE;
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        if (!is_measured(&measuring, i))
            continue;
        const struct emg_measurement result = emg_muscle_end_measurement(a->muscles[i]);
        keep_result(a, i, &result);
        tell_result(a, i, &result);
    }
}

/* What is in progress gives no result any more, and says so. */
static void cancel_measurement(struct emg_analysis *a)
{
    const struct emg_measuring measuring = a->measuring;
    const struct emg_measurement none = {
        .kind = measuring.kind,
        .refusal = EMG_REFUSAL_CANCELLED,
        .uv = NAN,
        .mdf_hz = NAN,
        .mdf_se_hz = NAN,
        .snr_db = NAN,
    };
    if (measuring.kind == EMG_MEASURE_NONE)
        return;
    a->measuring.kind = EMG_MEASURE_NONE;
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        if (!is_measured(&measuring, i))
            continue;
        emg_muscle_begin_measurement(a->muscles[i], EMG_MEASURE_NONE);
        tell_result(a, i, &none);
    }
}

static void begin_measurement(struct emg_analysis *a, enum emg_measure kind,
                              const struct emg_command *command, struct emg_answer *answer)
{
    a->measuring = (struct emg_measuring){
        .kind = kind,
        .muscles = command->muscles,
        .end_frame = a->next_frame + (uint64_t)llround(command->seconds * a->stream.rate_hz),
    };
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        if (is_measured(&a->measuring, i))
            emg_muscle_begin_measurement(a->muscles[i], kind);
    answer->end_frame = a->measuring.end_frame;
    answer->seconds = command->seconds;
    answer->muscles = command->muscles;
}

static void tell_session(struct emg_analysis *a, enum emg_session_change change)
{
    struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_EVENT_SESSION, 0);
    message->body.session_event.change = change;
    memcpy(message->body.session_event.participant, a->session->participant, sizeof a->session->participant);
    memcpy(message->body.session_event.notes, a->session->notes, sizeof a->session->notes);
    emg_analysis_message_end(a);
}

static void start_session(struct emg_analysis *a, const struct emg_command *command)
{
    struct emg_session *session = a->session;
    const bool recording = session->recording;
    cancel_measurement(a);
    emg_session_clear(session);
    session->recording = recording;
    memcpy(session->id, command->session, sizeof session->id);
    memcpy(session->participant, command->participant, sizeof session->participant);
    memcpy(session->notes, command->notes, sizeof session->notes);
    session->start_t = command->t;
    emg_analysis_set_configured_references(a);
    emg_analysis_restart(a);
    tell_session(a, EMG_SESSION_STARTED);
}

static void stop_session(struct emg_analysis *a)
{
    cancel_measurement(a);
    tell_session(a, EMG_SESSION_STOPPED);
    a->session->id[0] = a->session->participant[0] = a->session->notes[0] = '\0';
    a->session->stage = (struct emg_stage){.speed_m_s = NAN, .incline_percent = NAN};
}

static void begin_stage(struct emg_analysis *a, const struct emg_command *command)
{
    struct emg_stage *stage = &a->session->stage;
    stage->number++;
    memcpy(stage->label, command->label, sizeof stage->label);
    stage->speed_m_s = command->speed_m_s;
    stage->incline_percent = command->incline_percent;
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        emg_muscle_begin_stage(a->muscles[i]);
    emg_analysis_message_begin(a, EMG_TOPIC_EVENT_STAGE, 0)->body.stage = *stage;
    emg_analysis_message_end(a);
}

static void mark(struct emg_analysis *a, const struct emg_command *command)
{
    struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_EVENT_MARKER, 0);
    memcpy(message->body.marker.label, command->label, sizeof message->body.marker.label);
    emg_analysis_message_end(a);
}

static void give_reference(struct emg_analysis *a, const struct emg_command *command)
{
    const struct emg_measurement given = {
        .kind = command->method,
        .uv = command->uv,
        .mdf_hz = NAN,
        .mdf_se_hz = NAN,
        .snr_db = NAN,
    };
    a->session->references++;
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        if ((command->muscles >> i & 1) == 0)
            continue;
        set_reference(a, i, command->method, command->uv);
        tell_result(a, i, &given);
    }
}

static void refuse(struct emg_answer *answer, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(struct emg_answer *answer, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(answer->message, sizeof answer->message, format, arguments);
    va_end(arguments);
    (void)snprintf(answer->code, sizeof answer->code, "%s", code);
    answer->ok = false;
}

static bool is_measurement(enum emg_command_kind kind)
{
    return kind == EMG_COMMAND_REST_START || kind == EMG_COMMAND_REFERENCE_START ||
           kind == EMG_COMMAND_BASELINE_START;
}

/* Whether it may be carried out now. */
static bool is_possible(const struct emg_analysis *a, const struct emg_command *command,
                        struct emg_answer *answer)
{
    const bool in_session = a->session->id[0] != '\0';
    if (command->kind == EMG_COMMAND_SESSION_START && in_session)
        refuse(answer, "session_active", "session %s is in progress; end it with session.stop first",
               a->session->id);
    else if (command->kind == EMG_COMMAND_SESSION_STOP && !in_session)
        refuse(answer, "no_session", "no session is in progress");
    else if (is_measurement(command->kind) && a->measuring.kind != EMG_MEASURE_NONE)
        refuse(answer, "busy", "another measurement is in progress and ends in %.1f s",
               (double)(a->measuring.end_frame - a->next_frame) / a->stream.rate_hz);
    else if (command->kind == EMG_COMMAND_STAGE && a->measuring.kind == EMG_MEASURE_BASELINE)
        refuse(answer, "busy", "the baseline is being measured, within one stage, and ends in %.1f s",
               (double)(a->measuring.end_frame - a->next_frame) / a->stream.rate_hz);
    return answer->ok;
}

void emg_analysis_command(struct emg_analysis *a, const struct emg_command *command,
                          struct emg_answer *answer)
{
    emg_analysis_catch_up(a);
    *answer = (struct emg_answer){
        .ok = true,
        .frame = a->next_frame,
        .end_frame = a->next_frame,
        .t = emg_analysis_time_of(a, a->next_frame),
    };
    if (!is_possible(a, command, answer))
        return;
    a->arrival_ns = 0; /* no frame completes these messages */
    switch (command->kind) {
    case EMG_COMMAND_SESSION_START:
        start_session(a, command);
        break;
    case EMG_COMMAND_SESSION_STOP:
        stop_session(a);
        break;
    case EMG_COMMAND_STAGE:
        begin_stage(a, command);
        break;
    case EMG_COMMAND_MARKER:
        mark(a, command);
        break;
    case EMG_COMMAND_REST_START:
        begin_measurement(a, EMG_MEASURE_REST, command, answer);
        break;
    case EMG_COMMAND_REFERENCE_START:
        begin_measurement(a, command->method, command, answer);
        break;
    case EMG_COMMAND_REFERENCE_SET:
        give_reference(a, command);
        break;
    case EMG_COMMAND_BASELINE_START:
        begin_measurement(a, EMG_MEASURE_BASELINE, command, answer);
        break;
    case EMG_COMMAND_RECORD_START:
        cancel_measurement(a);
        emg_analysis_restart(a);
        a->session->recording = true;
        break;
    case EMG_COMMAND_RECORD_STOP:
        a->session->recording = false;
        break;
    case EMG_COMMANDS:
        break;
    }
}

const struct emg_session *emg_analysis_session(const struct emg_analysis *a)
{
    return a->session;
}

uint64_t emg_analysis_next_frame(const struct emg_analysis *a)
{
    return a->next_frame;
}

static void take_session(struct emg_analysis *a, const struct emg_session *session)
{
    memcpy(a->session, session, emg_session_bytes(session->n_muscles));
    emg_analysis_set_configured_references(a);
    emg_analysis_restore_results(a);
}

void emg_analysis_resume(struct emg_analysis *a, const struct emg_session *session)
{
    take_session(a, session);
    a->session->recording = false;
    tell_session(a, EMG_SESSION_RESUMED);
}

void emg_analysis_follow(struct emg_analysis *a, const struct emg_script *script)
{
    a->script = script;
    a->next_frame = script->first_frame;
    a->start_t -= (double)script->first_frame / a->stream.rate_hz;
    emg_analysis_restart(a);
    if (script->session != NULL)
        take_session(a, script->session);
}

uint64_t emg_analysis_next_appointment(const struct emg_analysis *a)
{
    const uint64_t step =
        a->script != NULL && a->step < a->script->n_steps ? a->script->steps[a->step].frame : UINT64_MAX;
    const uint64_t end = a->measuring.kind != EMG_MEASURE_NONE ? a->measuring.end_frame : UINT64_MAX;
    return step < end ? step : end;
}

static void take_step(struct emg_analysis *a, const struct emg_script_step *step)
{
    struct emg_answer answer;
    if (step->frames_lost > 0)
        emg_analysis_take_gap(a, a->next_frame + step->frames_lost, step->cause);
    else
        emg_analysis_command(a, &step->command, &answer);
}

void emg_analysis_keep_appointments(struct emg_analysis *a)
{
    while (emg_analysis_next_appointment(a) <= a->next_frame) {
        emg_analysis_catch_up(a);
        if (a->measuring.kind != EMG_MEASURE_NONE && a->measuring.end_frame <= a->next_frame)
            end_measurement(a);
        else
            take_step(a, &a->script->steps[a->step++]);
    }
}
