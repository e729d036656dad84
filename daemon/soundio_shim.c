/* Keeps libsoundio 2.0.0 from crashing on a PulseAudio server that has no sink or no source.
 *
 * It copies the names of the server's default sink and source without asking whether there are any. Its call
 * of pa_context_get_server_info lands here first, for the dynamic linker prefers the program's own symbols;
 * this one asks libpulse and makes an empty name of a missing one. The declarations are those of libpulse's
 * stable interface (pulse/introspect.h, pulse/sample.h). Called on libpulse's own thread. */
#include "daemon/soundio_shim.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct pa_context;
struct pa_operation;

struct pa_server_info {
    const char *user_name, *host_name, *server_version, *server_name;
    struct {
        int format;
        uint32_t rate;
        uint8_t channels;
    } sample_spec;
    const char *default_sink_name, *default_source_name;
    /* more follows, which libsoundio does not read */
};
