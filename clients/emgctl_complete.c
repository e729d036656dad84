#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/emgctl_options.h"

#include <stdlib.h>
#include <string.h>

static const double PATIENCE_S = 0.5; /* a shell waits for it */

struct completion {
    const char *partial;
    struct emg_ctl_options options;
    char **words; /* [n_words], neither options nor the partial one */
    size_t n_words, used;
    const struct emg_ctl_word *word; /* NULL: none is complete yet */
};

/* Prints head followed by the n first characters of tail when it goes on from the partial word. */
static void offer_part(const struct completion *c, const char *head, const char *tail, size_t n)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%s%.*s", head, (int)n, tail);
    if (strncmp(text, c->partial, strlen(c->partial)) == 0)
        puts(text);
}

static void offer(const struct completion *c, const char *head, const char *tail)
{
    offer_part(c, head, tail, strlen(tail));
}

/* The words of commands that follow on the n words given. */
static void offer_commands(const struct completion *c, char **words, size_t n)
{
    const char *last = "";
    for (size_t i = 0; i < emg_ctl_n_words && n < 2; i++) {
        const char *name = emg_ctl_words[i].words;
        const size_t first = strcspn(name, " ");
        if (n == 0 && (strncmp(name, last, first) != 0 || strlen(last) < first))
            offer_part(c, "", name, first);
        if (n == 1 && name[first] == ' ' && strlen(words[0]) == first && strncmp(name, words[0], first) == 0)
            offer(c, "", name + first + 1);
        last = name;
    }
}

static void offer_options(const struct completion *c)
{
    for (size_t i = 0; i < emg_ctl_n_options; i++) {
        const unsigned actions = emg_ctl_option_table[i].actions;
        if (c->word == NULL || actions == 0 || (actions & (unsigned)c->word->action) != 0)
            offer(c, "--", emg_ctl_option_table[i].name);
    }
}

static bool is_given(const struct completion *c, const char *key)
{
    const size_t n = strlen(key);
    for (size_t i = c->used; i < c->n_words; i++)
        if (strncmp(c->words[i], key, n) == 0 && c->words[i][n] == '=')
            return true;
    return false;
}

static json_t *ask_status(const struct completion *c)
{
    json_t *body = json_pack("{s:s}", "command", "status");
    json_t *reply = NULL;
    (void)emg_ctl_request(
        &(struct emg_ctl_request){
            .endpoint = c->options.control,
            .server_key = c->options.server_key,
            .secret_key = c->options.secret_key,
            .timeout_s = c->options.timeout_s < PATIENCE_S ? c->options.timeout_s : PATIENCE_S,
            .command = "status",
            .body = body,
            .stop_fd = -1,
        },
        &reply);
    json_decref(body);
    return reply;
}

/* Whether one of the names in a row before n characters of text is this one. */
static bool is_in_row(const char *text, size_t n, const char *name)
{
    for (size_t i = 0; i < n;) {
        const size_t length = strcspn(text + i, ",");
        if (length == strlen(name) && strncmp(text + i, name, length) == 0)
            return true;
        i += length + 1;
    }
    return false;
}

/* As the running daemon names them; head is the word up to the name that is being written. */
static void offer_muscles(const struct completion *c, const char *value, bool row)
{
    char head[256];
    const char *comma = row ? strrchr(value, ',') : NULL;
    const char *name_begins = comma != NULL ? comma + 1 : value;
    const size_t n_head = (size_t)(name_begins - c->partial);
    json_t *reply = ask_status(c);
    const json_t *muscles = json_object_get(json_object_get(reply, "status"), "muscles");
    (void)snprintf(head, sizeof head, "%.*s", (int)n_head, c->partial);
    if (row && comma == NULL)
        offer(c, head, "all");
    for (size_t i = 0; i < json_array_size(muscles); i++) {
        const char *name = json_string_value(json_array_get(muscles, i));
        if (name != NULL && name[strcspn(name, "\n")] == '\0' &&
            !is_in_row(value, (size_t)(name_begins - value), name))
            offer(c, head, name);
    }
    json_decref(reply);
}

static void offer_value(const struct completion *c, const char *equals)
{
    char key[64], head[80];
    (void)snprintf(key, sizeof key, "%.*s", (int)(equals - c->partial), c->partial);
    (void)snprintf(head, sizeof head, "%s=", key);
    const struct emg_ctl_argument *argument = emg_ctl_word_argument(c->word, key);
    if (argument == NULL)
        return;
    if (argument->kind == EMG_CTL_MUSCLE || argument->kind == EMG_CTL_MUSCLES)
        offer_muscles(c, equals + 1, argument->kind == EMG_CTL_MUSCLES);
    for (size_t i = 0; argument->kind == EMG_CTL_METHOD && emg_ctl_methods[i] != NULL; i++)
        offer(c, head, emg_ctl_methods[i]);
}

/* What may follow behind a whole command. */
static void offer_arguments(const struct completion *c)
{
    const char *others = c->word->completions;
    if (c->word->action == EMG_CTL_HELP)
        offer_commands(c, c->words + c->used, c->n_words - c->used);
    for (size_t i = 0; c->word->arguments[i].key != NULL; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s=", c->word->arguments[i].key);
        if (!is_given(c, c->word->arguments[i].key))
            offer(c, "", key);
    }
    if (others != NULL && others[0] == '\0')
        puts(":files");
    for (size_t i = 0; others != NULL && others[i] != '\0';) {
        const size_t n = strcspn(others + i, " ");
        offer_part(c, "", others + i, n);
        i += n + (others[i + n] == ' ');
    }
}

/* The option that is still without its value after all words; NULL: none is. */
static const struct emg_ctl_option *open_option(char **words, size_t n)
{
    const struct emg_ctl_option *open = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct emg_ctl_option *option = NULL;
        for (size_t k = 0; open == NULL && strncmp(words[i], "--", 2) == 0 && k < emg_ctl_n_options; k++)
            if (strcmp(words[i] + 2, emg_ctl_option_table[k].name) == 0)
                option = &emg_ctl_option_table[k];
        open = option != NULL && option->value != NULL ? option : NULL;
    }
    return open;
}

static void complete(struct completion *c)
{
    const char *equals = strchr(c->partial, '=');
    c->word = emg_ctl_word_find((const char *const *)c->words, c->n_words, &c->used);
    if (c->partial[0] == '-') {
        offer_options(c);
    } else if (equals != NULL) {
        offer_value(c, equals);
    } else {
        if (c->word == NULL || c->word->action != EMG_CTL_HELP)
            offer_commands(c, c->words, c->n_words);
        if (c->word != NULL)
            offer_arguments(c);
    }
}

int emg_ctl_complete(char **words, int n)
{
    static char program[] = "emgctl";
    if (n < 1 || freopen("/dev/null", "w", stderr) == NULL)
        return EMG_EXIT_FAILED;
    const size_t n_before = (size_t)n - 1;
    const struct emg_ctl_option *open = open_option(words, n_before);
    if (open != NULL) {
        if (open->is_file)
            puts(":files");
        return EMG_EXIT_DONE;
    }
    char **arguments = calloc(n_before + 2, sizeof *arguments);
    if (arguments == NULL)
        return EMG_EXIT_FAILED;
    arguments[0] = program;
    memcpy(arguments + 1, words, n_before * sizeof *words);
    struct completion c = {.partial = words[n_before]};
    int first = 0;
    if (emg_ctl_options_parse(&c.options, (int)n_before + 1, arguments, &first)) {
        c.words = arguments + first;
        c.n_words = n_before + 1 - (size_t)first;
        complete(&c);
    }
    free(arguments);
    return EMG_EXIT_DONE;
}
