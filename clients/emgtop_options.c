#include "clients/emgtop_options.h"

#include "clients/arguments.h"
#include "clients/feed.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONTROL_ENDPOINT "tcp://127.0.0.1:5557"

static const char help[] =
    "usage: emgtop [OPTION]...\n"
    "\n"
    "Shows what emgd measures: activation, median frequency and fatigue of each muscle. Ends when the "
    "stream\n"
    "ends, by the key q and by Ctrl-C; the key ? tells what the signs mean.\n"
    "\n"
    "  --data ENDPOINT     of emgd's data socket (" EMG_FEED_ENDPOINT ")\n"
    "  --control ENDPOINT  of its control socket, which is asked once for what was before: the stage\n"
    "                      (" CONTROL_ENDPOINT "; with --data: none)\n"
    "  --server-key KEY    of an emgd with security.mode \"curve\": its public key, or the file with it\n"
    "  --secret-key FILE   your own\n"
    "  --seconds S         end after S seconds\n"
    "  --plain             a line per muscle and second, as when standard output is not a terminal\n"
    "  --help, --version\n"
    "\n"
    "NO_COLOR=1 in the environment: without colours.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

static const struct option known[] = {
    {"data", required_argument, NULL, 'd'},
    {"control", required_argument, NULL, 'c'},
    {"server-key", required_argument, NULL, 'k'},
    {"secret-key", required_argument, NULL, 'K'},
    {"seconds", required_argument, NULL, 's'},
    {"plain", no_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static int take_option(struct emg_top_options *options, int option, char **argv)
{
    switch (option) {
    case 'd':
        options->data = optarg;
        return -1;
    case 'c':
        options->control = optarg;
        return -1;
    case 'k':
        options->server_key = optarg;
        return -1;
    case 'K':
        options->secret_key = optarg;
        return -1;
    case 's':
        return emg_argument_number("emgtop", "--seconds", optarg, 0.001, 1e9, &options->seconds)
                   ? -1
                   : EMG_EXIT_USAGE;
    case 'p':
        options->plain = true;
        return -1;
    case 'h':
        (void)fputs(help, stdout);
        return EMG_EXIT_DONE;
    case 'v':
        emg_argument_version("emgtop");
        return EMG_EXIT_DONE;
    default:
        fprintf(stderr, "emgtop: %s'%s'; see emgtop --help\n",
                option == ':' ? "a value is missing behind " : "no such option: ", argv[optind - 1]);
        return EMG_EXIT_USAGE;
    }
}

int emg_top_options_read(struct emg_top_options *options, int argc, char **argv)
{
    *options = (struct emg_top_options){.seconds = INFINITY};
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        const int code = take_option(options, option, argv);
        if (code >= 0)
            return code;
    }
    if (optind < argc) {
        fprintf(stderr, "emgtop: unexpected argument '%s'; see emgtop --help\n", argv[optind]);
        return EMG_EXIT_USAGE;
    }
    /* the control socket here belongs to the data socket here */
    if (options->control == NULL && options->data == NULL)
        options->control = CONTROL_ENDPOINT;
    if (options->data == NULL)
        options->data = EMG_FEED_ENDPOINT;
    return -1;
}
