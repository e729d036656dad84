#include "clients/arguments.h"

#include "daemon/version.h"

#include <errno.h>
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

void emg_argument_version(const char *program)
{
    printf("%s %s\n", program, EMG_VERSION);
}
