#include "clients/emgctl.h"

#include <math.h>
#include <string.h>

static bool is_of(const char *name, const char *muscle)
{
    const char *dot = strchr(name, '.');
    return strncmp(dot != NULL ? dot + 1 : name, muscle, strlen(muscle)) == 0;
}

/* Bending the knee slackens gastrocnemius, so that soleus works alone; straight, both work. */
static void instruct_posture(const json_t *muscles, const char *how)
{
    bool soleus = false, gastrocnemius = false, other = false;
    for (size_t i = 0; i < json_array_size(muscles); i++) {
        const char *name = json_string_value(json_array_get(muscles, i));
        if (name == NULL)
            continue;
        soleus = soleus || is_of(name, "soleus");
        gastrocnemius = gastrocnemius || is_of(name, "gastrocnemius");
        other = other || (!is_of(name, "soleus") && !is_of(name, "gastrocnemius"));
    }
    if (soleus)
        fprintf(stderr,
                "Soleus: knee bent to about 90 degrees; push the forefoot down against resistance, %s.\n",
                how);
    if (gastrocnemius)
        fprintf(stderr, "Gastrocnemius: knee straight; push the forefoot down against resistance, %s.\n",
                how);
    if (soleus && gastrocnemius)
        fputs("Better one after the other: they want different knees.\n", stderr);
    if (other)
        fprintf(stderr, "%s: contract against resistance, %s.\n",
                soleus || gastrocnemius ? "The others" : "All", how);
}

void emg_ctl_result_instruct(const struct emg_ctl_request *request, const json_t *muscles)
{
    const char *method = json_string_value(json_object_get(request->body, "method"));
    if (strcmp(request->command, "rest.start") == 0)
        fputs("Lie or sit still, muscles relaxed.\n", stderr);
    else if (strcmp(request->command, "baseline.start") == 0 ||
             (method != NULL && strncmp(method, "dynamic", strlen("dynamic")) == 0))
        fputs("Go on walking or running.\n", stderr);
    else
        instruct_posture(muscles, method != NULL && strcmp(method, "submaximal") == 0
                                      ? "with the force agreed on, and hold"
                                      : "as hard as you can, and hold");
}

static double number(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void print_text(FILE *out, const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    emg_ctl_print_plain(out, text != NULL ? text : otherwise);
}

/* What is not known is a dash, as everywhere. */
static void print_number(const char *before, double value, int decimals, const char *unit)
{
    fputs(before, stdout);
    if (isfinite(value))
        printf("%.*f", decimals, value);
    else
        fputs("--", stdout);
    fputs(unit, stdout);
}

static void print_flags(FILE *out, const json_t *body, const char *before)
{
    const json_t *flags = json_object_get(body, "flags");
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *flag = json_string_value(json_array_get(flags, i));
        fputs(i == 0 ? before : ", ", out);
        emg_ctl_print_plain(out, flag != NULL ? flag : "?");
    }
}

static void print_reference(const json_t *body)
{
    const json_t *reference = json_object_get(body, "reference");
    print_number(": 100 % is ", number(reference, "uv"), 1, " uV RMS (");
    print_text(stdout, body, "method", "?");
    fputs(", ", stdout);
    print_text(stdout, reference, "id", "?");
    putchar(')');
}

static void print_evidence(const json_t *body)
{
    const json_int_t contractions = json_integer_value(json_object_get(body, "contractions"));
    print_number(", ", number(body, "seconds"), 1, " s");
    if (contractions > 0)
        printf(" of %" JSON_INTEGER_FORMAT " contraction%s", contractions, contractions == 1 ? "" : "s");
    if (isfinite(number(body, "snr_db")))
        print_number(", ", number(body, "snr_db"), 0, " dB above the noise");
    print_flags(stdout, body, "; warning: ");
    putchar('\n');
}

bool emg_ctl_result_print(const char *topic, const json_t *body, bool accepted_too)
{
    if (!json_is_true(json_object_get(body, "accepted"))) {
        fputs("emgctl: ", stderr);
        print_text(stderr, body, "muscle", "?");
        fputs(": refused: ", stderr);
        print_text(stderr, body, "reason", "no reason is told");
        print_flags(stderr, body, "; ");
        fputc('\n', stderr);
        return false;
    }
    if (!accepted_too)
        return true;
    print_text(stdout, body, "muscle", "?");
    if (strcmp(topic, "event.rest") == 0) {
        print_number(": noise ", number(body, "uv"), 2, " uV RMS");
    } else if (strcmp(topic, "event.baseline") == 0) {
        print_number(": median frequency ", number(body, "mdf_hz"), 1, " Hz");
        print_number(" +- ", number(body, "mdf_se_hz"), 1, " (SE)");
    } else {
        print_reference(body);
    }
    print_evidence(body);
    return true;
}
