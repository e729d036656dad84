#include "daemon/options.h"

#include <getopt.h>
#include <stdbool.h>
#include <string.h>

enum { OPTION_SOURCE = 1000, OPTION_SPEED, OPTION_SET, OPTION_CONFIG };

static enum emg_error add_setting(struct emg_options *options, const char *setting,
                                  struct emg_problem *problem)
{
    if (options->n_settings == EMG_MOST_SETTINGS)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "more than %d settings on the command line",
                               EMG_MOST_SETTINGS);
    options->settings[options->n_settings++] = setting;
    return EMG_OK;
}

/* Adds key=value as a setting that lives in storage [size]; a later one takes the place of an earlier one. */
static enum emg_error add_key(struct emg_options *options, char *storage, size_t size, const char *key,
                              const char *value, struct emg_problem *problem)
{
    const bool is_new = storage[0] == '\0';
    if ((size_t)snprintf(storage, size, "%s=%s", key, value) >= size)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%s: too long: %.40s...", key, value);
    return is_new ? add_setting(options, storage, problem) : EMG_OK;
}

enum emg_error emg_options_parse(struct emg_options *options, int argc, char **argv,
                                 struct emg_problem *problem)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"source", required_argument, NULL, OPTION_SOURCE},
        {"speed", required_argument, NULL, OPTION_SPEED},
        {"set", required_argument, NULL, OPTION_SET},
        {"list-devices", no_argument, NULL, EMG_ACTION_LIST_DEVICES},
        {"check-config", no_argument, NULL, EMG_ACTION_CHECK_CONFIG},
        {"print-config", no_argument, NULL, EMG_ACTION_PRINT_CONFIG},
        {"selftest", no_argument, NULL, EMG_ACTION_SELFTEST},
        {"version", no_argument, NULL, EMG_ACTION_VERSION},
        {"help", no_argument, NULL, EMG_ACTION_HELP},
        {NULL, 0, NULL, 0},
    };
    *options = (struct emg_options){.action = EMG_ACTION_RUN};
    opterr = 0;
    enum emg_error error = EMG_OK;
    int option = 0;
    while (error == EMG_OK && (option = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        const char *argument = argv[optind - 1];
        switch (option) {
        case OPTION_CONFIG:
            options->config_path = optarg;
            break;
        case OPTION_SOURCE:
            error = add_key(options, options->source, sizeof options->source, "source.spec", optarg, problem);
            break;
        case OPTION_SPEED:
            error = add_key(options, options->speed, sizeof options->speed, "source.speed", optarg, problem);
            break;
        case OPTION_SET:
            error = add_setting(options, optarg, problem);
            break;
        case ':':
            return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%s: needs a value; see emgd --help",
                                   argument);
        case '?':
            return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%s: no such option; see emgd --help",
                                   argument);
        default:
            options->action = (enum emg_action)option;
        }
    }
    if (error == EMG_OK && optind < argc)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%s: what is this for? See emgd --help",
                               argv[optind]);
    return error;
}

void emg_options_print_help(FILE *out)
{
    (void)fputs(
        "Usage: emgd [--config FILE] [--source SPEC] [--speed 1|N|max] [--set KEY=VALUE]...\n"
        "       emgd --list-devices | --check-config | --print-config | --selftest | --version | --help\n"
        "\n"
        "Captures surface EMG, turns it into activation and fatigue of each muscle, and publishes both over "
        "ZeroMQ.\n"
        "\n"
        "  --config FILE     read this configuration instead of $XDG_CONFIG_HOME/emgd/emgd.conf or "
        "/etc/emgd/emgd.conf\n"
        "  --source SPEC     soundio:BACKEND:DEVICE, file:PATH or synth:SCENARIO (treadmill, static, rest,\n"
        "                    ramp, mains, artefacts)\n"
        "  --speed 1|N|max   of a file or simulation: real time, N times that, or as fast as it goes\n"
        "  --set KEY=VALUE   any configuration key, as in --set analysis.mains_hz=60 or\n"
        "                    --set 'muscle.\"left.soleus\".channel=3'\n"
        "  --list-devices    capture devices of every backend that runs\n"
        "  --check-config    say whether the configuration is valid, and end\n"
        "  --print-config    print the configuration in effect, and end\n"
        "  --selftest        measure bias and spread of every metric on simulated signals, and end\n"
        "\n"
        "Configuration keys:\n",
        out);
}
