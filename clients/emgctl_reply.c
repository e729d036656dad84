#include "clients/emgctl.h"

#include <math.h>
#include <string.h>
#include <time.h>

static void print_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    emg_ctl_print_plain(stdout, text != NULL ? text : "?");
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* " at 14:03:07 (frame 123)", in the time of the place. */
static void print_moment(const json_t *reply)
{
    const double t = number(reply, "t");
    const time_t seconds = isfinite(t) ? (time_t)t : 0;
    struct tm local;
    char text[16];
    if (isfinite(t) && localtime_r(&seconds, &local) != NULL &&
        strftime(text, sizeof text, "%H:%M:%S", &local) > 0)
        printf(" at %s", text);
    printf(" (frame %" JSON_INTEGER_FORMAT ")\n", json_integer_value(json_object_get(reply, "frame")));
}

static void print_session_start(const json_t *request, const json_t *reply)
{
    (void)request;
    const bool recording = json_is_string(json_object_get(reply, "recording"));
    fputs("session ", stdout);
    print_text(reply, "session");
    fputs(recording ? " has begun, recorded in "
                    : " has begun; NOTHING IS BEING RECORDED: emgctl record start",
          stdout);
    if (recording)
        print_text(reply, "recording");
    putchar('\n');
}

static void print_session_stop(const json_t *request, const json_t *reply)
{
    (void)request;
    fputs("the session has ended", stdout);
    print_moment(reply);
}

static void print_stage(const json_t *request, const json_t *reply)
{
    fputs("stage \"", stdout);
    print_text(request, "label");
    putchar('"');
    if (json_is_number(json_object_get(request, "speed_m_s")))
        printf(", %g m/s", number(request, "speed_m_s"));
    if (json_is_number(json_object_get(request, "incline_percent")))
        printf(", %g %%", number(request, "incline_percent"));
    fputs(" begins", stdout);
    print_moment(reply);
}

static void print_marker(const json_t *request, const json_t *reply)
{
    fputs("marker \"", stdout);
    print_text(request, "label");
    putchar('"');
    print_moment(reply);
}

static void print_reference_set(const json_t *request, const json_t *reply)
{
    print_text(request, "muscle");
    printf(": 100 %% is %g uV", number(request, "uv"));
    print_moment(reply);
}

static void print_record_start(const json_t *request, const json_t *reply)
{
    (void)request;
    fputs("recording into ", stdout);
    print_text(reply, "path");
    printf(" from frame %" JSON_INTEGER_FORMAT " on\n", json_integer_value(json_object_get(reply, "frame")));
}

static void print_record_stop(const json_t *request, const json_t *reply)
{
    (void)request;
    const json_int_t gaps = json_integer_value(json_object_get(reply, "gaps"));
    print_text(reply, "path");
    printf(": %.1f s, %" JSON_INTEGER_FORMAT " frames", number(reply, "seconds"),
           json_integer_value(json_object_get(reply, "frames")));
    if (gaps == 0)
        puts(", no gaps");
    else
        printf(", %" JSON_INTEGER_FORMAT " gap%s\n", gaps, gaps == 1 ? "" : "s");
}

static void print_measurement(const json_t *request, const json_t *reply)
{
    (void)request;
    printf("measuring for %g s:", number(reply, "seconds"));
    const json_t *muscles = json_object_get(reply, "muscles");
    for (size_t i = 0; i < json_array_size(muscles); i++) {
        const char *name = json_string_value(json_array_get(muscles, i));
        fputs(i > 0 ? ", " : " ", stdout);
        emg_ctl_print_plain(stdout, name != NULL ? name : "?");
    }
    putchar('\n');
}

bool emg_ctl_reply_print(const struct emg_ctl_request *request, const json_t *reply)
{
    static const struct {
        const char *command;
        void (*print)(const json_t *request, const json_t *reply);
    } sentences[] = {
        {"session.start", print_session_start},
        {"session.stop", print_session_stop},
        {"stage", print_stage},
        {"marker", print_marker},
        {"reference.set", print_reference_set},
        {"record.start", print_record_start},
        {"record.stop", print_record_stop},
        {"rest.start", print_measurement},
        {"reference.start", print_measurement},
        {"baseline.start", print_measurement},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        if (strcmp(request->command, sentences[i].command) == 0) {
            sentences[i].print(request->body, reply);
            return true;
        }
    return false;
}
