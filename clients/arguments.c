#include "clients/arguments.h"

#include "daemon/wire.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

bool emg_argument_number(const char *program, const char *option, const char *text, double min, double max,
                         double *value)
{
    char *end;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && *value >= min && *value <= max)
        return true;
    fprintf(stderr, "%s: %s takes a number from %g to %g, not '%s'\n", program, option, min, max, text);
    return false;
}

int emg_argument_bad_endpoint(const char *program, const char *option, const char *endpoint)
{
    const bool usage = errno == EINVAL || errno == EPROTONOSUPPORT || errno == ENOCOMPATPROTO;
    fprintf(stderr, "%s: %s '%s': %s\n", program, option, endpoint,
            usage ? "not a ZeroMQ endpoint such as tcp://127.0.0.1:5556" : zmq_strerror(errno));
    return usage ? EMG_EXIT_USAGE : EMG_EXIT_FAILED;
}

/* The version is the one that messages carry, so it is read out of one: the wire is all that clients know. */
void emg_argument_version(const char *program)
{
    const struct emg_wire wire = {0};
    const struct emg_message status = {.topic = EMG_TOPIC_STATUS};
    char body[EMG_BODY_SIZE];
    emg_wire_body(&wire, &status, body);
    json_t *json = json_loads(body, 0, NULL);
    printf("%s %s\n", program, json_string_value(json_object_get(json, "version")));
    json_decref(json);
}
