#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/emgctl_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(const char *problem, const char *word)
{
    fprintf(stderr, "emgctl: %s%s; see emgctl --help\n", problem, word);
    return EMG_EXIT_USAGE;
}

static json_t *read_names(const char *text)
{
    json_t *names = json_array();
    for (const char *name = text; name != NULL;) {
        const char *comma = strchr(name, ',');
        json_t *string = json_stringn(name, comma != NULL ? (size_t)(comma - name) : strlen(name));
        if (json_array_append_new(names, string) != 0) {
            json_decref(names);
            return NULL;
        }
        name = comma != NULL ? comma + 1 : NULL;
    }
    return names;
}

/* Texts are texts: label=5 is the string "5". NULL: not valid UTF-8. */
static json_t *read_value(const struct emg_ctl_word *word, const char *key, const char *text)
{
    const struct emg_ctl_argument *argument = emg_ctl_word_argument(word, key);
    const enum emg_ctl_kind kind = argument != NULL ? argument->kind : EMG_CTL_JSON;
    if (kind != EMG_CTL_JSON && kind != EMG_CTL_MUSCLES)
        return json_string(text);
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value != NULL)
        return value;
    return kind == EMG_CTL_MUSCLES && strcmp(text, "all") != 0 ? read_names(text) : json_string(text);
}

/* Adds "key=value"; returns what is wrong with it, or NULL. */
static const char *add_argument(json_t *body, const struct emg_ctl_word *word, const char *text)
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
    else if (json_object_set_new(body, key, read_value(word, key, equals + 1)) != 0)
        problem = "not valid UTF-8: ";
    free(key);
    return problem;
}

/* Sends the command of the name with its arguments words [n_words]. */
static int request(const struct emg_ctl_options *options, const struct emg_ctl_word *word, const char *name,
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
        const char *problem = add_argument(body, word, words[i]);
        if (problem != NULL) {
            (void)usage(problem, words[i]);
            goto release;
        }
    }
    const struct emg_ctl_measure measure = {
        .request = {.endpoint = options->control,
                    .server_key = options->server_key,
                    .secret_key = options->secret_key,
                    .timeout_s = options->timeout_s,
                    .command = name,
                    .body = body,
                    .stop_fd = -1,
                    .sentence = !options->json && isatty(STDOUT_FILENO)},
        .data = options->data,
        .json = options->json,
    };
    const bool measures = word != NULL && word->action == EMG_CTL_MEASURE && !options->no_wait;
    code = measures ? emg_ctl_measure(&measure) : emg_ctl_request(&measure.request, NULL);

release:
    json_decref(body);
    return code;
}

static int watch(const struct emg_ctl_options *options, char **topics, int n_topics)
{
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

static int carry_out(const struct emg_ctl_options *options, const struct emg_ctl_word *word, char **words,
                     int n_words)
{
    switch (word->action) {
    case EMG_CTL_WATCH:
        return watch(options, words, n_words);
    case EMG_CTL_REPAIR:
        return repair(words, n_words);
    case EMG_CTL_KEYGEN:
        return n_words > 0 ? usage("what is this for? ", words[0])
                           : emg_ctl_keygen(options->secret_out, options->public_out);
    case EMG_CTL_HELP:
        return emg_ctl_help((const char *const *)words, (size_t)n_words);
    default:
        return request(options, word, word->wire, words, n_words);
    }
}

/* A command that is not in the table is sent all the same, since a later daemon may know it; but no daemon
 * has commands of two words. */
static int request_unknown(const struct emg_ctl_options *options, char **words, int n_words)
{
    if (n_words < 2 || strchr(words[1], '=') != NULL)
        return request(options, NULL, words[0], words + 1, n_words - 1);
    char both[64];
    (void)snprintf(both, sizeof both, "%s %s", words[0], words[1]);
    const char *near = emg_ctl_word_suggest(both);
    if (near == NULL && emg_ctl_word_is_first(words[0]))
        near = emg_ctl_word_suggest(words[0]);
    if (near == NULL)
        return usage("not of the form KEY=VALUE: ", words[1]);
    fprintf(stderr, "emgctl: no such command: %s %s; do you mean \"%s\"?\n", words[0], words[1], near);
    return EMG_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--complete") == 0)
        return emg_ctl_complete(argv + 2, argc - 2);
    struct emg_ctl_options options;
    int first = 0;
    if (!emg_ctl_options_parse(&options, argc, argv, &first))
        return EMG_EXIT_USAGE;
    char **words = argv + first;
    const int n_words = argc - first;
    size_t used = 0;
    const struct emg_ctl_word *word = emg_ctl_word_find((const char *const *)words, (size_t)n_words, &used);
    if (options.version) {
        emg_argument_version("emgctl");
        return EMG_EXIT_DONE;
    }
    if (options.help)
        return emg_ctl_help((const char *const *)words, (size_t)n_words);
    if (n_words == 0)
        return usage("a command is missing", "");
    const struct emg_ctl_option *misfit =
        emg_ctl_options_misfit(&options, word != NULL ? word->action : EMG_CTL_REQUEST);
    if (misfit != NULL) {
        fprintf(stderr, "emgctl: --%s does not belong to %s; see emgctl --help\n", misfit->name,
                word != NULL ? word->words : words[0]);
        return EMG_EXIT_USAGE;
    }
    return word != NULL ? carry_out(&options, word, words + used, n_words - (int)used)
                        : request_unknown(&options, words, n_words);
}
