#include "daemon/session.h"

#include "daemon/json.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static const double DEFAULT_REST_S = 10, DEFAULT_REFERENCE_S = 5, DEFAULT_BASELINE_S = 60;
static const double LONGEST_S = 3600;

enum argument {
    ARGUMENT_PARTICIPANT = 1U << 0,
    ARGUMENT_NOTES = 1U << 1,
    ARGUMENT_SESSION = 1U << 2, /* the id and the time come from the daemon */
    ARGUMENT_LABEL = 1U << 3,
    ARGUMENT_SPEED = 1U << 4,
    ARGUMENT_INCLINE = 1U << 5,
    ARGUMENT_SECONDS = 1U << 6,
    ARGUMENT_MUSCLES = 1U << 7,
    ARGUMENT_MUSCLE = 1U << 8,
    ARGUMENT_METHOD = 1U << 9,
    ARGUMENT_UV = 1U << 10,
    ARGUMENT_PATH = 1U << 11, /* read by who opens it */
};

static const struct {
    const char *name;
    unsigned takes, needs;
    double seconds; /* by default */
} commands[EMG_COMMANDS] = {
    [EMG_COMMAND_SESSION_START] = {"session.start", ARGUMENT_PARTICIPANT | ARGUMENT_NOTES | ARGUMENT_SESSION,
                                   ARGUMENT_PARTICIPANT, 0},
    [EMG_COMMAND_SESSION_STOP] = {"session.stop", 0, 0, 0},
    [EMG_COMMAND_STAGE] = {"stage", ARGUMENT_LABEL | ARGUMENT_SPEED | ARGUMENT_INCLINE, ARGUMENT_LABEL, 0},
    [EMG_COMMAND_MARKER] = {"marker", ARGUMENT_LABEL, ARGUMENT_LABEL, 0},
    [EMG_COMMAND_REST_START] = {"rest.start", ARGUMENT_SECONDS, 0, DEFAULT_REST_S},
    [EMG_COMMAND_REFERENCE_START] = {"reference.start", ARGUMENT_MUSCLES | ARGUMENT_SECONDS | ARGUMENT_METHOD,
                                     ARGUMENT_MUSCLES, DEFAULT_REFERENCE_S},
    [EMG_COMMAND_REFERENCE_SET] = {"reference.set", ARGUMENT_MUSCLE | ARGUMENT_UV | ARGUMENT_METHOD,
                                   ARGUMENT_MUSCLE | ARGUMENT_UV, 0},
    [EMG_COMMAND_BASELINE_START] = {"baseline.start", ARGUMENT_SECONDS, 0, DEFAULT_BASELINE_S},
    [EMG_COMMAND_RECORD_START] = {"record.start", ARGUMENT_PATH, 0, 0},
    [EMG_COMMAND_RECORD_STOP] = {"record.stop", 0, 0, 0},
};

static const struct {
    const char *key;
    unsigned argument;
} keys[] = {
    {"participant", ARGUMENT_PARTICIPANT},
    {"notes", ARGUMENT_NOTES},
    {"session", ARGUMENT_SESSION},
    {"t", ARGUMENT_SESSION},
    {"label", ARGUMENT_LABEL},
    {"speed_m_s", ARGUMENT_SPEED},
    {"incline_percent", ARGUMENT_INCLINE},
    {"seconds", ARGUMENT_SECONDS},
    {"muscles", ARGUMENT_MUSCLES},
    {"muscle", ARGUMENT_MUSCLE},
    {"method", ARGUMENT_METHOD},
    {"uv", ARGUMENT_UV},
    {"path", ARGUMENT_PATH},
};

static const char *const methods[] = {
    [EMG_MEASURE_MVC] = "mvc",
    [EMG_MEASURE_SUBMAXIMAL] = "submaximal",
    [EMG_MEASURE_DYNAMIC_PEAK] = "dynamic_peak",
    [EMG_MEASURE_DYNAMIC_MEAN] = "dynamic_mean",
};

const char *emg_command_name(enum emg_command_kind kind)
{
    return commands[kind].name;
}

enum emg_command_kind emg_command_find(const char *name)
{
    for (unsigned kind = 0; kind < EMG_COMMANDS; kind++)
        if (strcmp(name, commands[kind].name) == 0)
            return (enum emg_command_kind)kind;
    return EMG_COMMANDS;
}

const char *emg_command_method_name(enum emg_measure method)
{
    return methods[method];
}

static bool is_word_for_a_person(const char *word, size_t n)
{
    static const char *const words[] = {"subject", "participant", "patient", "runner", "athlete",
                                        "proband", "pilot",       "test",    "demo"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == n && strncasecmp(words[i], word, n) == 0)
            return true;
    return false;
}

bool emg_session_is_code(const char *text)
{
    const size_t longest = EMG_PARTICIPANT_SIZE - 1, most_letters = 3;
    size_t letters = 0, digits = 0, i = 0;
    for (; text[i] != '\0'; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (i == longest || c >= 0x80 || !(isalnum(c) || c == '-' || c == '_'))
            return false;
        letters = isalpha(c) ? letters + 1 : 0;
        digits += isdigit(c) != 0;
        if (letters > most_letters && !isalpha((unsigned char)text[i + 1]) &&
            !is_word_for_a_person(text + i + 1 - letters, letters))
            return false;
    }
    return digits > 0;
}

/* Of ASCII, or U+0080 to U+009F as UTF-8; c is followed by a NUL at least. */
static bool is_control(const unsigned char *c)
{
    return c[0] < ' ' || c[0] == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0);
}

/* Plain text of one line: what ends up in a recording, a message and a report. */
static enum emg_error read_text(const json_t *value, const char *key, char *text, size_t size, bool needed,
                                struct emg_problem *problem)
{
    const char *string = json_string_value(value);
    if (string == NULL)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%s\" must be a string", key);
    const size_t n = json_string_length(value);
    if (n >= size || n != strlen(string))
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%s\" may have %zu bytes at most", key,
                               size - 1);
    if (n == 0 && needed)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%s\" is empty", key);
    for (size_t i = 0; i < n; i++)
        if (is_control((const unsigned char *)string + i))
            return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                                   "\"%s\" must be one line without control characters", key);
    memcpy(text, string, n + 1);
    return EMG_OK;
}

static enum emg_error read_number(const json_t *value, const char *key, double least, double most,
                                  double *number, struct emg_problem *problem)
{
    if (!json_is_number(value) || !(json_number_value(value) >= least && json_number_value(value) <= most))
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%s\" must be a number, %g to %g", key, least,
                               most);
    *number = json_number_value(value);
    return EMG_OK;
}

static enum emg_error read_method(const json_t *value, enum emg_measure *method, struct emg_problem *problem)
{
    const char *name = json_string_value(value);
    for (size_t i = EMG_MEASURE_MVC; name != NULL && i <= EMG_MEASURE_DYNAMIC_MEAN; i++)
        if (strcmp(name, methods[i]) == 0) {
            *method = (enum emg_measure)i;
            return EMG_OK;
        }
    return emg_problem_set(
        problem, EMG_ERROR_ARGUMENT,
        "\"method\" must be \"mvc\", \"submaximal\", \"dynamic_peak\" or \"dynamic_mean\"");
}

static enum emg_error add_muscle(const json_t *value, const char (*names)[EMG_NAME_SIZE], size_t n_names,
                                 uint64_t *muscles, struct emg_problem *problem)
{
    const char *name = json_string_value(value);
    if (name == NULL)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "a muscle is named by a string, as in \"left.soleus\"");
    for (size_t i = 0; i < n_names; i++)
        if (strcmp(name, names[i]) == 0) {
            *muscles |= UINT64_C(1) << i;
            return EMG_OK;
        }
    return emg_problem_set(problem, EMG_ERROR_NOT_FOUND, "no muscle \"%.64s\" is measured; see \"status\"",
                           name);
}

static enum emg_error read_muscles(const json_t *value, const char (*names)[EMG_NAME_SIZE], size_t n_names,
                                   uint64_t *muscles, struct emg_problem *problem)
{
    if (json_is_string(value) && strcmp(json_string_value(value), "all") == 0) {
        *muscles = n_names < 64 ? (UINT64_C(1) << n_names) - 1 : UINT64_MAX;
        return EMG_OK;
    }
    if (!json_is_array(value))
        return add_muscle(value, names, n_names, muscles, problem);
    enum emg_error error = EMG_OK;
    for (size_t i = 0; i < json_array_size(value) && error == EMG_OK; i++)
        error = add_muscle(json_array_get(value, i), names, n_names, muscles, problem);
    if (error == EMG_OK && *muscles == 0)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"muscles\" names none");
    return error;
}

static enum emg_error read_participant(const json_t *value, char *participant, struct emg_problem *problem)
{
    const char *text = json_string_value(value);
    if (text == NULL || json_string_length(value) != strlen(text) || !emg_session_is_code(text))
        return emg_problem_set(
            problem, EMG_ERROR_ARGUMENT,
            "\"participant\" must be a code such as \"P07\", never a name or an address: 1 "
            "to 16 letters, digits, '-' and '_', with a digit, and no more than three "
            "letters in a row");
    memcpy(participant, text, strlen(text) + 1);
    return EMG_OK;
}

static enum emg_error read_argument(struct emg_command *command, unsigned argument, const char *key,
                                    const json_t *value, const char (*names)[EMG_NAME_SIZE], size_t n_names,
                                    struct emg_problem *problem)
{
    switch (argument) {
    case ARGUMENT_PARTICIPANT:
        return read_participant(value, command->participant, problem);
    case ARGUMENT_NOTES:
        return read_text(value, key, command->notes, sizeof command->notes, false, problem);
    case ARGUMENT_SESSION:
        if (strcmp(key, "t") == 0)
            return read_number(value, key, 0, 1e12, &command->t, problem);
        return read_text(value, key, command->session, sizeof command->session, true, problem);
    case ARGUMENT_LABEL:
        return read_text(value, key, command->label, sizeof command->label, true, problem);
    case ARGUMENT_SPEED:
        return read_number(value, key, 0, 20, &command->speed_m_s, problem);
    case ARGUMENT_INCLINE:
        return read_number(value, key, -50, 50, &command->incline_percent, problem);
    case ARGUMENT_SECONDS:
        return read_number(value, key, 1, LONGEST_S, &command->seconds, problem);
    case ARGUMENT_MUSCLES:
        return read_muscles(value, names, n_names, &command->muscles, problem);
    case ARGUMENT_MUSCLE:
        return add_muscle(value, names, n_names, &command->muscles, problem);
    case ARGUMENT_METHOD:
        return read_method(value, &command->method, problem);
    case ARGUMENT_UV:
        return read_number(value, key, 1e-3, 1e6, &command->uv, problem);
    default:
        return EMG_OK;
    }
}

static unsigned argument_of_key(const char *key)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i].key) == 0)
            return keys[i].argument;
    return 0;
}

static enum emg_error unknown_argument(enum emg_command_kind kind, const char *key,
                                       struct emg_problem *problem)
{
    char list[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && used < sizeof list; i++)
        if ((commands[kind].takes & keys[i].argument & ~(unsigned)ARGUMENT_SESSION) != 0)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s %s", used > 0 ? "," : "", keys[i].key);
    return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%s takes no \"%.40s\"; it takes%s",
                           commands[kind].name, key, used > 0 ? list : " nothing");
}

enum emg_error emg_command_read(struct emg_command *command, enum emg_command_kind kind,
                                const json_t *request, const char (*muscles)[EMG_NAME_SIZE], size_t n_muscles,
                                struct emg_problem *problem)
{
    *command = (struct emg_command){
        .kind = kind,
        .speed_m_s = NAN,
        .incline_percent = NAN,
        .uv = NAN,
        .t = NAN,
        .seconds = commands[kind].seconds,
        .method = EMG_MEASURE_MVC,
    };
    unsigned given = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)request, key, value)
    {
        if (strcmp(key, "command") == 0 || strcmp(key, "id") == 0)
            continue;
        const unsigned argument = argument_of_key(key);
        if ((commands[kind].takes & argument) == 0)
            return unknown_argument(kind, key, problem);
        const enum emg_error error =
            read_argument(command, argument, key, value, muscles, n_muscles, problem);
        if (error != EMG_OK)
            return error;
        given |= argument;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if ((commands[kind].needs & ~given & keys[i].argument) != 0)
            return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%s needs \"%s\"", commands[kind].name,
                                   keys[i].key);
    if (kind == EMG_COMMAND_REST_START || kind == EMG_COMMAND_BASELINE_START)
        command->muscles = n_muscles < 64 ? (UINT64_C(1) << n_muscles) - 1 : UINT64_MAX;
    return EMG_OK;
}

static void write_number(struct emg_json *json, const char *key, double value)
{
    const int digits = 17;
    if (!isnan(value))
        emg_json_number(json, key, value, digits);
}

static void write_muscles(struct emg_json *json, uint64_t muscles, const char (*names)[EMG_NAME_SIZE],
                          size_t n_names)
{
    const bool all = muscles == (n_names < 64 ? (UINT64_C(1) << n_names) - 1 : UINT64_MAX);
    if (all) {
        emg_json_string(json, "muscles", "all");
        return;
    }
    emg_json_open_array(json, "muscles");
    for (size_t i = 0; i < n_names; i++)
        if ((muscles >> i & 1) != 0)
            emg_json_string(json, NULL, names[i]);
    emg_json_close_array(json);
}

static void write_arguments(struct emg_json *json, const struct emg_command *command,
                            const char (*names)[EMG_NAME_SIZE], size_t n_names)
{
    const unsigned takes = commands[command->kind].takes;
    if ((takes & ARGUMENT_PARTICIPANT) != 0)
        emg_json_string(json, "participant", command->participant);
    if ((takes & ARGUMENT_NOTES) != 0 && command->notes[0] != '\0')
        emg_json_string(json, "notes", command->notes);
    if ((takes & ARGUMENT_SESSION) != 0) {
        emg_json_string(json, "session", command->session);
        write_number(json, "t", command->t);
    }
    if ((takes & ARGUMENT_LABEL) != 0)
        emg_json_string(json, "label", command->label);
    if ((takes & ARGUMENT_SPEED) != 0)
        write_number(json, "speed_m_s", command->speed_m_s);
    if ((takes & ARGUMENT_INCLINE) != 0)
        write_number(json, "incline_percent", command->incline_percent);
    if ((takes & ARGUMENT_MUSCLES) != 0)
        write_muscles(json, command->muscles, names, n_names);
    for (size_t i = 0; (takes & ARGUMENT_MUSCLE) != 0 && i < n_names; i++)
        if ((command->muscles >> i & 1) != 0)
            emg_json_string(json, "muscle", names[i]);
    if ((takes & ARGUMENT_SECONDS) != 0)
        write_number(json, "seconds", command->seconds);
    if ((takes & ARGUMENT_METHOD) != 0)
        emg_json_string(json, "method", methods[command->method]);
    if ((takes & ARGUMENT_UV) != 0)
        write_number(json, "uv", command->uv);
}

bool emg_command_write(const struct emg_command *command, const char (*muscles)[EMG_NAME_SIZE],
                       size_t n_muscles, char *text, size_t size)
{
    struct emg_json json;
    emg_json_init(&json, text, size);
    emg_json_open_object(&json, NULL);
    write_arguments(&json, command, muscles, n_muscles);
    emg_json_close_object(&json);
    return !json.overflow;
}
