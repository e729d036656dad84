#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/emgctl_words.h"
#include "clients/feed.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: emgctl [OPTION]... COMMAND [KEY=VALUE]...\n"
    "       emgctl help COMMAND\n"
    "\n"
    "Runs a test with emgd: sends one command and prints what it gives, or prints the stream.\n"
    "\n";
static const char options_text[] =
    "\n"
    "  KEY=VALUE            an argument of the command; a VALUE that is JSON is sent as such,\n"
    "                       any other as a string: seconds=10 label='start of stage 2'\n"
    "\n"
    "  --control ENDPOINT   of the daemon's control socket (tcp://127.0.0.1:5557)\n"
    "  --data ENDPOINT      of the daemon's data socket (" EMG_FEED_ENDPOINT ")\n"
    "  --server-key KEY     of an emgd with security.mode \"curve\": its public key, or the file with it\n"
    "  --secret-key FILE    your own\n"
    "  --timeout SECONDS    to wait for the reply (15)\n"
    "  --json               results of measurements as JSON lines\n"
    "  --no-wait            do not wait for them\n"
    "  --count N            watch: end after N lines\n"
    "  --seconds S          watch: end after S seconds\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done, 1 failed or refused, 2 wrong usage.\n";

struct options {
    const char *control, *data;
    double timeout_s, count, seconds;
    const char *secret, *public;         /* files of keygen */
    const char *server_key, *secret_key; /* of CURVE */
    bool json, no_wait, help;
    bool for_request, for_watch; /* an option of the one or the other was given */
};

enum {
    OPTION_CONTROL = 256,
    OPTION_DATA,
    OPTION_TIMEOUT,
    OPTION_COUNT,
    OPTION_SECONDS,
    OPTION_JSON,
    OPTION_NO_WAIT,
    OPTION_SECRET,
    OPTION_PUBLIC,
    OPTION_SERVER_KEY,
    OPTION_SECRET_KEY,
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
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_NO_WAIT:
        options->no_wait = true;
        break;
    case OPTION_SECRET:
        options->secret = optarg;
        break;
    case OPTION_PUBLIC:
        options->public = optarg;
        break;
    case OPTION_SERVER_KEY:
        options->server_key = optarg;
        break;
    case OPTION_SECRET_KEY:
        options->secret_key = optarg;
        break;
    case OPTION_HELP:
        options->help = true;
        break;
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
        {"json", no_argument, NULL, OPTION_JSON},
        {"no-wait", no_argument, NULL, OPTION_NO_WAIT},
        {"server-key", required_argument, NULL, OPTION_SERVER_KEY},
        {"secret-key", required_argument, NULL, OPTION_SECRET_KEY},
        {"secret", required_argument, NULL, OPTION_SECRET},
        {"public", required_argument, NULL, OPTION_PUBLIC},
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

/* Texts are texts. Of other arguments a number, true, false, null, an array, an object or a quoted string is
 * meant as such; names of muscles may stand in a row. */
static json_t *read_value(const char *key, const char *text)
{
    static const char *const texts[] = {"participant", "notes", "label", "path", "muscle", "method"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(key, texts[i]) == 0)
            return json_string(text);
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value != NULL || strcmp(key, "muscles") != 0 || strchr(text, ',') == NULL)
        return value != NULL ? value : json_string(text);
    json_t *names = json_array();
    for (const char *name = text; name != NULL;) {
        const char *comma = strchr(name, ',');
        (void)json_array_append_new(
            names, json_stringn(name, comma != NULL ? (size_t)(comma - name) : strlen(name)));
        name = comma != NULL ? comma + 1 : NULL;
    }
    return names;
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
    else if (json_object_set_new(body, key, read_value(key, equals + 1)) != 0)
        problem = "not valid UTF-8: ";
    free(key);
    return problem;
}

/* Sends the command of the name with its arguments words [n_words]. */
static int request(const struct options *options, const struct emg_ctl_word *word, const char *name,
                   char **words, int n_words)
{
    int code = EMG_EXIT_USAGE;
    json_t *body = json_object();
    if (json_object_set_new(body, "command", json_string(name)) != 0) {
        (void)usage("not valid UTF-8: ", name);
        goto release;
    }
    json_object_set_new(body, "id", json_integer(getpid()));
    for (int i = 0; i < n_words; i++) {
        const char *problem = add_argument(body, words[i]);
        if (problem != NULL) {
            (void)usage(problem, words[i]);
            goto release;
        }
    }
    const struct emg_ctl_measure measure = {
        .request = {.endpoint = options->control,
                    .timeout_s = options->timeout_s,
                    .server_key = options->server_key,
                    .secret_key = options->secret_key,
                    .command = name,
                    .body = body},
        .data = options->data,
        .json = options->json,
    };
    code = word != NULL && word->measures && !options->no_wait ? emg_ctl_measure(&measure)
                                                               : emg_ctl_request(&measure.request, NULL);

release:
    json_decref(body);
    return code;
}

static int watch(const struct options *options, char **topics, int n_topics)
{
    if (options->for_request)
        return usage("--timeout does not belong to ", "watch");
    return emg_ctl_watch(&(struct emg_ctl_watch){
        .source = {options->data, options->server_key, options->secret_key},
        .topics = (const char *const *)topics,
        .n_topics = (size_t)n_topics,
        .count = options->count,
        .seconds = options->seconds,
    });
}

static int repair(char **paths, int n_paths)
{
    int code = n_paths > 0 ? EMG_EXIT_DONE : usage("repair needs the name of a file", "");
    for (int i = 0; i < n_paths; i++)
        if (emg_ctl_repair(paths[i]) != EMG_EXIT_DONE)
            code = EMG_EXIT_FAILED;
    return code;
}

static int help(const struct emg_ctl_word *word, char **words, int n_words)
{
    size_t used = 0;
    if (n_words > 0)
        word = emg_ctl_word_find((const char *const *)words, (size_t)n_words, &used);
    if (n_words > 0 && word == NULL)
        return usage("no such command: ", words[0]);
    if (word != NULL) {
        emg_ctl_word_print(word);
        return EMG_EXIT_DONE;
    }
    fputs(usage_text, stdout);
    emg_ctl_words_print();
    fputs(options_text, stdout);
    return EMG_EXIT_DONE;
}

/* What emgctl does itself. */
static int do_it(const struct options *options, const struct emg_ctl_word *word, char **words, int n_words)
{
    if (strcmp(word->words, "watch") == 0)
        return watch(options, words, n_words);
    if (strcmp(word->words, "repair") == 0)
        return repair(words, n_words);
    if (strcmp(word->words, "help") == 0)
        return help(NULL, words, n_words);
    return n_words > 0 ? usage("what is this for? ", words[0])
                       : emg_ctl_keygen(options->secret, options->public);
}

int main(int argc, char **argv)
{
    struct options options = {
        .control = "tcp://127.0.0.1:5557",
        .data = EMG_FEED_ENDPOINT,
        .timeout_s = 15,
        .count = INFINITY,
        .seconds = INFINITY,
        .secret = "emg.secret",
    };
    const int code = parse_options(&options, argc, argv);
    if (code >= 0)
        return code;
    char **words = argv + optind;
    const int n_words = argc - optind;
    size_t used = 0;
    const struct emg_ctl_word *word = emg_ctl_word_find((const char *const *)words, (size_t)n_words, &used);
    if (options.help)
        return help(word, NULL, 0);
    if (n_words == 0)
        return usage("a command is missing", "");
    if (options.for_watch && (word == NULL || strcmp(word->words, "watch") != 0))
        return usage("--count and --seconds belong to watch, not to ", words[0]);
    if (word != NULL && word->wire == NULL)
        return do_it(&options, word, words + used, n_words - (int)used);
    return word != NULL ? request(&options, word, word->wire, words + used, n_words - (int)used)
                        : request(&options, NULL, words[0], words + 1, n_words - 1);
}
