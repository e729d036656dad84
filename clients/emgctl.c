#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/feed.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: emgctl [--control ENDPOINT] [--timeout SECONDS] COMMAND [KEY=VALUE]...\n"
    "       emgctl [--data ENDPOINT] [--count N] [--seconds S] watch [TOPIC]...\n"
    "\n"
    "Sends one command to emgd and prints its reply, or prints the stream as JSON lines.\n"
    "\n"
    "  COMMAND              ping, status, config, devices, snapshot, shutdown\n"
    "  KEY=VALUE            an argument of the command; a VALUE that is JSON is sent as such,\n"
    "                       any other as a string: seconds=10 label='start of stage 2'\n"
    "  watch [TOPIC]...     topics that begin so; none: every topic. Ends when the stream ends\n"
    "\n"
    "  --control ENDPOINT   of the daemon's control socket (tcp://127.0.0.1:5557)\n"
    "  --timeout SECONDS    to wait for the reply (3)\n"
    "  --data ENDPOINT      of the daemon's data socket (" EMG_FEED_ENDPOINT ")\n"
    "  --count N            end after N lines\n"
    "  --seconds S          end after S seconds\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

struct options {
    const char *control, *data;
    double timeout_s, count, seconds;
    bool for_request, for_watch; /* an option of the one or the other was given */
};

enum {
    OPTION_CONTROL = 256,
    OPTION_DATA,
    OPTION_TIMEOUT,
    OPTION_COUNT,
    OPTION_SECONDS,
    OPTION_HELP,
    OPTION_VERSION
};

static int usage(const char *problem, const char *word)
{
    fprintf(stderr, "emgctl: %s%s; see emgctl --help\n", problem, word);
    return EMG_EXIT_USAGE;
}

/* Returns an exit code, or -1 to go on. */
static int take_option(struct options *options, int option, const char *word)
{
    bool good = true;
    switch (option) {
    case OPTION_CONTROL:
        options->control = optarg;
        break;
    case OPTION_DATA:
        options->data = optarg;
        break;
    case OPTION_TIMEOUT:
        options->for_request = true;
        good = emg_argument_number("emgctl", "--timeout", optarg, 0.001, 86400, &options->timeout_s);
        break;
    case OPTION_COUNT:
        options->for_watch = true;
        good = emg_argument_number("emgctl", "--count", optarg, 1, 1e15, &options->count);
        break;
    case OPTION_SECONDS:
        options->for_watch = true;
        good = emg_argument_number("emgctl", "--seconds", optarg, 0.001, 1e9, &options->seconds);
        break;
    case OPTION_HELP:
        fputs(help, stdout);
        return EMG_EXIT_DONE;
    case OPTION_VERSION:
        emg_argument_version("emgctl");
        return EMG_EXIT_DONE;
    default:
        return usage(option == ':' ? "a value is missing behind " : "no such option: ", word);
    }
    return good ? -1 : EMG_EXIT_USAGE;
}

static int parse_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"control", required_argument, NULL, OPTION_CONTROL},
        {"data", required_argument, NULL, OPTION_DATA},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"count", required_argument, NULL, OPTION_COUNT},
        {"seconds", required_argument, NULL, OPTION_SECONDS},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (;;) {
        const int option = getopt_long(argc, argv, ":", known, NULL);
        if (option == -1)
            return -1;
        const int code = take_option(options, option, argv[optind - 1]);
        if (code >= 0)
            return code;
    }
}

/* A number, true, false, null, an array, an object or a quoted string is meant as such. */
static json_t *read_value(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    return value != NULL ? value : json_string(text);
}

/* Adds "key=value"; returns what is wrong with it, or NULL. */
static const char *add_argument(json_t *body, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return "not of the form KEY=VALUE: ";
    char *key = strndup(text, (size_t)(equals - text));
    const char *problem = NULL;
    if (key == NULL)
        problem = "no memory for ";
    else if (strcmp(key, "command") == 0 || (strcmp(key, "id") != 0 && json_object_get(body, key) != NULL))
        problem = "given twice: ";
    else if (json_object_set_new(body, key, read_value(equals + 1)) != 0)
        problem = "not valid UTF-8: ";
    free(key);
    return problem;
}

static int request(const struct options *options, char **words, int n_words)
{
    int code;
    json_t *body = json_object();
    if (json_object_set_new(body, "command", json_string(words[0])) != 0) {
        code = usage("not valid UTF-8: ", words[0]);
        goto release;
    }
    json_object_set_new(body, "id", json_integer(getpid()));
    for (int i = 1; i < n_words; i++) {
        const char *problem = add_argument(body, words[i]);
        if (problem != NULL) {
            code = usage(problem, words[i]);
            goto release;
        }
    }
    code = emg_ctl_request(&(struct emg_ctl_request){
        .endpoint = options->control,
        .timeout_s = options->timeout_s,
        .command = words[0],
        .body = body,
    });

release:
    json_decref(body);
    return code;
}

int main(int argc, char **argv)
{
    struct options options = {
        .control = "tcp://127.0.0.1:5557",
        .data = EMG_FEED_ENDPOINT,
        .timeout_s = 3,
        .count = INFINITY,
        .seconds = INFINITY,
    };
    const int code = parse_options(&options, argc, argv);
    if (code >= 0)
        return code;
    char **words = argv + optind;
    const int n_words = argc - optind;
    if (n_words == 0)
        return usage("a command is missing", "");
    if (strcmp(words[0], "watch") != 0)
        return options.for_watch ? usage("--count and --seconds belong to watch, not to ", words[0])
                                 : request(&options, words, n_words);
    if (options.for_request)
        return usage("--timeout does not belong to ", words[0]);
    return emg_ctl_watch(&(struct emg_ctl_watch){
        .endpoint = options.data,
        .topics = (const char *const *)(words + 1),
        .n_topics = (size_t)(n_words - 1),
        .count = options.count,
        .seconds = options.seconds,
    });
}
