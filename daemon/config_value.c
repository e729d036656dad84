#include "daemon/config_keys.h"

#include <confuse.h>
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum emg_error refuse(const struct emg_config_key *key, const char *text, const char *why,
                             struct emg_problem *problem)
{
    char allowed[160];
    emg_config_key_describe(key, allowed, sizeof allowed);
    return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%.60s\" %s: %s", text, why, allowed);
}

/* Decimal only: strtod alone would also take "nan", "inf" and hexadecimal. An overflow is beyond every range.
 */
static bool parse_number(const char *text, double *value)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
        return false;
    char *end;
    *value = strtod(text, &end) + 0.0; /* no -0 */
    return *end == '\0';
}

static bool in_range(const struct emg_config_key *key, double value)
{
    if (key->or_zero && value == 0)
        return true;
    return value <= key->max && (key->above_min ? value > key->min : value >= key->min);
}

static enum emg_error set_number(const struct emg_config_key *key, double *field, const char *text,
                                 struct emg_problem *problem)
{
    double value;
    if (!parse_number(text, &value))
        return refuse(key, text, "is not a number", problem);
    if (!in_range(key, value))
        return refuse(key, text, "is out of range", problem);
    *field = value;
    return EMG_OK;
}

static enum emg_error set_whole(const struct emg_config_key *key, void *field, const char *text,
                                struct emg_problem *problem)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return refuse(key, text, "is not a whole number", problem);
    errno = 0;
    const unsigned long long value = strtoull(text, NULL, 10);
    if (errno != 0 || !in_range(key, (double)value) || value > (unsigned long long)key->max)
        return refuse(key, text, "is out of range", problem);
    if (key->type == EMG_CONFIG_SEED)
        *(uint64_t *)field = value;
    else
        *(unsigned *)field = (unsigned)value;
    return EMG_OK;
}

static const char *const *find_choice(const struct emg_config_key *key, const char *text)
{
    const char *const *choice = key->choices;
    while (*choice != NULL && strcmp(*choice, text) != 0)
        choice++;
    return *choice != NULL ? choice : NULL;
}

/* The configuration is published as JSON, which is UTF-8: jansson takes nothing else for a string. */
static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);
    const bool valid = string != NULL;
    json_decref(string);
    return valid;
}

static enum emg_error set_text(const struct emg_config_key *key, char *field, const char *text,
                               struct emg_problem *problem)
{
    const size_t length = strlen(text);
    if (key->choices != NULL && find_choice(key, text) == NULL)
        return refuse(key, text, "is none of the choices", problem);
    if ((double)length < key->min)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "must not be empty");
    if (length >= key->size)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "\"%.60s...\" is too long: %zu bytes, at most %zu", text, length,
                               key->size - 1);
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f)
            return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%.60s\" has a control character in it",
                                   text);
    }
    if (!is_utf8(text))
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%.60s\" is not UTF-8 text", text);
    memset(field, 0, key->size);
    memcpy(field, text, length + 1);
    return EMG_OK;
}

static enum emg_error set_mode(const struct emg_config_key *key, enum emg_mode *field, const char *text,
                               struct emg_problem *problem)
{
    const char *const *choice = find_choice(key, text);
    if (choice == NULL)
        return refuse(key, text, "is none of the choices", problem);
    *field = (enum emg_mode)(choice - key->choices);
    return EMG_OK;
}

static enum emg_error set_flag(const struct emg_config_key *key, bool *field, const char *text,
                               struct emg_problem *problem)
{
    const int value = cfg_parse_boolean(text);
    if (value < 0)
        return refuse(key, text, "is neither", problem);
    *field = value != 0;
    return EMG_OK;
}

enum emg_error emg_config_key_set_element(const struct emg_config_key *key, void *item, size_t index,
                                          const char *text, struct emg_problem *problem)
{
    void *field = (char *)item + key->offset;
    switch (key->type) {
    case EMG_CONFIG_SPEED:
        if (strcmp(text, "max") == 0) {
            *(double *)field = 0;
            return EMG_OK;
        }
        return set_number(key, field, text, problem);
    case EMG_CONFIG_NUMBER:
        return set_number(key, field, text, problem);
    case EMG_CONFIG_BAND:
        if (index >= 2)
            return refuse(key, text, "is one number too many", problem);
        return set_number(key, (double *)field + index, text, problem);
    case EMG_CONFIG_COUNT:
    case EMG_CONFIG_SEED:
        return set_whole(key, field, text, problem);
    case EMG_CONFIG_TEXT:
        return set_text(key, field, text, problem);
    case EMG_CONFIG_MODE:
        return set_mode(key, field, text, problem);
    case EMG_CONFIG_FLAG:
        return set_flag(key, field, text, problem);
    }
    return EMG_ERROR_ARGUMENT;
}

/* "{20, 450}" or "20,450". */
static enum emg_error set_band(const struct emg_config_key *key, void *item, const char *text,
                               struct emg_problem *problem)
{
    char low[32], high[32], rest;
    const int n =
        sscanf(text, text[0] == '{' ? " { %31[^ ,{}] , %31[^ ,{}] } %c" : " %31[^ ,{}] , %31[^ ,{}] %c", low,
               high, &rest);
    if (n != 2 || (text[0] == '{') != (text[strlen(text) - 1] == '}'))
        return refuse(key, text, "is not two numbers", problem);
    const enum emg_error error = emg_config_key_set_element(key, item, 0, low, problem);
    return error != EMG_OK ? error : emg_config_key_set_element(key, item, 1, high, problem);
}

enum emg_error emg_config_key_set(const struct emg_config_key *key, void *item, const char *text,
                                  struct emg_problem *problem)
{
    if (key->type == EMG_CONFIG_BAND)
        return set_band(key, item, text, problem);
    return emg_config_key_set_element(key, item, 0, text, problem);
}

static void describe_choices(const struct emg_config_key *key, char *text, size_t size)
{
    text[0] = '\0';
    for (const char *const *choice = key->choices; *choice != NULL; choice++) {
        const size_t used = strlen(text);
        (void)snprintf(text + used, size - used, "%s\"%s\"", used > 0 ? ", " : "", *choice);
    }
}

void emg_config_key_describe(const struct emg_config_key *key, char *text, size_t size)
{
    switch (key->type) {
    case EMG_CONFIG_FLAG:
        (void)snprintf(text, size, "true or false");
        return;
    case EMG_CONFIG_MODE:
    case EMG_CONFIG_TEXT:
        if (key->choices != NULL)
            describe_choices(key, text, size);
        else
            text[0] = '\0';
        return;
    default:
        (void)snprintf(text, size, "%s%s%.16g to %.16g%s%s%s",
                       key->type == EMG_CONFIG_BAND ? "two numbers, rising, " : "",
                       key->or_zero     ? "0 or "
                       : key->above_min ? "above "
                                        : "",
                       key->min, key->max, key->unit != NULL ? " " : "", key->unit != NULL ? key->unit : "",
                       key->type == EMG_CONFIG_SPEED ? ", or \"max\"" : "");
    }
}
