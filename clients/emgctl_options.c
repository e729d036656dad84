#include "clients/emgctl_options.h"

#include "clients/arguments.h"
#include "clients/feed.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONTROL_ENDPOINT "tcp://127.0.0.1:5557"
#define SECRET_FILE      "emg.secret"

enum {
    OPTION_CONTROL,
    OPTION_DATA,
    OPTION_SERVER_KEY,
    OPTION_SECRET_KEY,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_NO_WAIT,
    OPTION_COUNT,
    OPTION_SECONDS,
    OPTION_SECRET,
    OPTION_PUBLIC,
    OPTION_HELP,
    OPTION_VERSION,
    OPTIONS
};

const struct emg_ctl_option emg_ctl_option_table[] = {
    [OPTION_CONTROL] = {"control", "ENDPOINT", 0, false, "of emgd's control socket (" CONTROL_ENDPOINT ")"},
    [OPTION_DATA] = {"data", "ENDPOINT", 0, false, "of emgd's data socket (" EMG_FEED_ENDPOINT ")"},
    [OPTION_SERVER_KEY] = {"server-key", "KEY", 0, true,
                           "public key of an emgd with security.mode \"curve\", or its file"},
    [OPTION_SECRET_KEY] = {"secret-key", "FILE", 0, true, "your own key for it (emgctl keygen)"},
    [OPTION_TIMEOUT] = {"timeout", "SECONDS", EMG_CTL_REQUEST | EMG_CTL_MEASURE, false,
                        "to wait for the reply, or for a lost signal, 0.001 to 86400 (15)"},
    [OPTION_JSON] = {"json", NULL, EMG_CTL_REQUEST | EMG_CTL_MEASURE, false,
                     "JSON, on a terminal too; results as JSON lines"},
    [OPTION_NO_WAIT] = {"no-wait", NULL, EMG_CTL_MEASURE, false, "do not wait for the results"},
    [OPTION_COUNT] = {"count", "N", EMG_CTL_WATCH, false, "end after N lines"},
    [OPTION_SECONDS] = {"seconds", "S", EMG_CTL_WATCH, false, "end after S seconds"},
    [OPTION_SECRET] = {"secret", "FILE", EMG_CTL_KEYGEN, true, "where the secret key goes (" SECRET_FILE ")"},
    [OPTION_PUBLIC] = {"public", "FILE", EMG_CTL_KEYGEN, true,
                       "where the public key goes, besides being printed"},
    [OPTION_HELP] = {"help", NULL, 0, false, "of the command, or of all"},
    [OPTION_VERSION] = {"version", NULL, 0, false, "print it"},
};
const size_t emg_ctl_n_options = OPTIONS;

/* Returns false when the value is wrong, having said so. */
static bool take(struct emg_ctl_options *options, int option)
{
    switch (option) {
    case OPTION_CONTROL:
        options->control = optarg;
        break;
    case OPTION_DATA:
        options->data = optarg;
        break;
    case OPTION_SERVER_KEY:
        options->server_key = optarg;
        break;
    case OPTION_SECRET_KEY:
        options->secret_key = optarg;
        break;
    case OPTION_TIMEOUT:
        return emg_argument_number("emgctl", "--timeout", optarg, 0.001, 86400, &options->timeout_s);
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_NO_WAIT:
        options->no_wait = true;
        break;
    case OPTION_COUNT:
        return emg_argument_number("emgctl", "--count", optarg, 1, 1e15, &options->count);
    case OPTION_SECONDS:
        return emg_argument_number("emgctl", "--seconds", optarg, 0.001, 1e9, &options->seconds);
    case OPTION_SECRET:
        options->secret_out = optarg;
        break;
    case OPTION_PUBLIC:
        options->public_out = optarg;
        break;
    case OPTION_HELP:
        options->help = true;
        break;
    default:
        options->version = true;
        break;
    }
    return true;
}

bool emg_ctl_options_parse(struct emg_ctl_options *options, int argc, char **argv, int *first)
{
    enum { FIRST_CODE = 256 }; /* beyond every character */
    struct option known[OPTIONS + 1] = {0};
    for (int i = 0; i < OPTIONS; i++)
        known[i] = (struct option){
            .name = emg_ctl_option_table[i].name,
            .has_arg = emg_ctl_option_table[i].value != NULL ? required_argument : no_argument,
            .val = FIRST_CODE + i,
        };
    *options = (struct emg_ctl_options){
        .control = CONTROL_ENDPOINT,
        .data = EMG_FEED_ENDPOINT,
        .timeout_s = 15,
        .count = INFINITY,
        .seconds = INFINITY,
        .secret_out = SECRET_FILE,
    };
    opterr = 0;
    for (;;) {
        const int code = getopt_long(argc, argv, ":", known, NULL);
        if (code == -1)
            break;
        if (code < FIRST_CODE) {
            fprintf(stderr, "emgctl: %s%s; see emgctl --help\n",
                    code == ':' ? "a value is missing behind " : "no such option: ", argv[optind - 1]);
            return false;
        }
        options->given |= 1U << (code - FIRST_CODE);
        if (!take(options, code - FIRST_CODE))
            return false;
    }
    *first = optind;
    return true;
}

const struct emg_ctl_option *emg_ctl_options_misfit(const struct emg_ctl_options *options,
                                                    enum emg_ctl_action action)
{
    for (size_t i = 0; i < emg_ctl_n_options; i++) {
        const unsigned actions = emg_ctl_option_table[i].actions;
        if ((options->given >> i & 1U) != 0 && actions != 0 && (actions & (unsigned)action) == 0)
            return &emg_ctl_option_table[i];
    }
    return NULL;
}
