#include "clients/emgweb.h"

#include "clients/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_ENDPOINT "tcp://127.0.0.1:5557"

static const char help[] =
    "usage: emgweb [--listen ADDRESS:PORT] [OPTION]...\n"
    "\n"
    "Serves the dashboard: what emgd measures, live, the guided test and its report. Needs no network but "
    "the\n"
    "browser's connection. Ctrl-C ends it.\n"
    "\n"
    "  --listen ADDRESS:PORT  (127.0.0.1:8080); beyond this computer only with a token, which is in the "
    "address\n"
    "                         that emgweb prints; port 0: any that is free\n"
    "  --data ENDPOINT        of emgd's data socket (" EMG_FEED_ENDPOINT ")\n"
    "  --control ENDPOINT     of its control socket (" CONTROL_ENDPOINT ")\n"
    "  --recordings DIR       emgd's recording.directory, for the reports (.)\n"
    "  --server-key KEY       of an emgd with security.mode \"curve\": its public key, or the file with it\n"
    "  --secret-key FILE      your own\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

static int usage(const char *problem, const char *word)
{
    fprintf(stderr, "emgweb: %s%s; see emgweb --help\n", problem, word);
    return EMG_EXIT_USAGE;
}

/* "127.0.0.1:8080", "[::1]:8080". */
static bool read_listen(struct emg_web_options *o, const char *text)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    const long port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    const bool brackets = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
    const char *host = brackets ? text + 1 : text;
    const size_t n = colon != NULL ? (size_t)(colon - host) - brackets : 0;
    if (n == 0 || n >= sizeof o->host || end == colon + 1 || *end != '\0' || port < 0 || port > 65535)
        return false;
    (void)snprintf(o->host, sizeof o->host, "%.*s", (int)n, host);
    o->port = (int)port;
    o->is_loopback = strncmp(o->host, "127.", 4) == 0 || strcmp(o->host, "::1") == 0;
    return true;
}

enum {
    OPTION_LISTEN = 256,
    OPTION_DATA,
    OPTION_CONTROL,
    OPTION_RECORDINGS,
    OPTION_SERVER_KEY,
    OPTION_SECRET_KEY,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option known[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"data", required_argument, NULL, OPTION_DATA},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"recordings", required_argument, NULL, OPTION_RECORDINGS},
    {"server-key", required_argument, NULL, OPTION_SERVER_KEY},
    {"secret-key", required_argument, NULL, OPTION_SECRET_KEY},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

/* Returns an exit code, or -1: go on. */
static int take_option(struct emg_web_options *o, int option, char **argv)
{
    switch (option) {
    case OPTION_LISTEN:
        return read_listen(o, optarg) ? -1 : usage("--listen wants ADDRESS:PORT, not ", optarg);
    case OPTION_DATA:
        o->feed.endpoint = optarg;
        return -1;
    case OPTION_CONTROL:
        o->control = optarg;
        return -1;
    case OPTION_RECORDINGS:
        o->recordings = optarg;
        return -1;
    case OPTION_SERVER_KEY:
        o->feed.server_key = optarg;
        return -1;
    case OPTION_SECRET_KEY:
        o->feed.secret_key = optarg;
        return -1;
    case OPTION_HELP:
        fputs(help, stdout);
        return EMG_EXIT_DONE;
    case OPTION_VERSION:
        emg_argument_version("emgweb");
        return EMG_EXIT_DONE;
    default:
        return usage(option == ':' ? "a value is missing behind " : "no such option: ", argv[optind - 1]);
    }
}

int emg_web_options_read(struct emg_web_options *o, int argc, char **argv)
{
    *o = (struct emg_web_options){
        .feed.endpoint = EMG_FEED_ENDPOINT, .control = CONTROL_ENDPOINT, .recordings = "."};
    (void)read_listen(o, "127.0.0.1:8080");
    opterr = 0;
    for (;;) {
        const int option = getopt_long(argc, argv, ":", known, NULL);
        if (option == -1)
            return optind < argc ? usage("what is this for? ", argv[optind]) : -1;
        const int code = take_option(o, option, argv);
        if (code >= 0)
            return code;
    }
}
