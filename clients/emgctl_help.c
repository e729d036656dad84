#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/emgctl_options.h"

#include <stdio.h>
#include <string.h>

enum { INDENT = 22 };

/* "  --name VALUE   help", the help's further lines below its first. */
static void print_entry(const char *name, const char *between, const char *value, const char *help)
{
    int n = printf("  %s%s%s", name, value != NULL ? between : "", value != NULL ? value : "");
    if (n > INDENT - 2) {
        putchar('\n');
        n = 0;
    }
    for (const char *line = help; line != NULL; n = 0) {
        const char *end = strchr(line, '\n');
        printf("%*s%.*s\n", INDENT - n, "", end != NULL ? (int)(end - line) : (int)strlen(line), line);
        line = end != NULL ? end + 1 : NULL;
    }
}

static void print_option(const struct emg_ctl_option *option)
{
    char name[32];
    (void)snprintf(name, sizeof name, "--%s", option->name);
    print_entry(name, " ", option->value, option->help);
}

static void print_usage(const struct emg_ctl_word *word)
{
    printf("usage: emgctl [OPTION]... %s", word->words);
    for (size_t i = 0; word->arguments[i].key != NULL; i++) {
        const struct emg_ctl_argument *a = &word->arguments[i];
        printf(a->needed ? " %s=%s" : " [%s=%s]", a->key, a->value);
    }
    if (word->others != NULL)
        printf(" %s", word->others);
    putchar('\n');
}

static void print_word(const struct emg_ctl_word *word)
{
    print_usage(word);
    printf("\nemgctl %s: %s.\n", word->words, word->summary);
    if (word->more != NULL)
        puts(word->more);
    putchar('\n');
    for (size_t i = 0; word->arguments[i].key != NULL; i++)
        print_entry(word->arguments[i].key, "=", word->arguments[i].value, word->arguments[i].help);
    for (size_t i = 0; i < emg_ctl_n_options; i++)
        if ((emg_ctl_option_table[i].actions & (unsigned)word->action) != 0)
            print_option(&emg_ctl_option_table[i]);
    printf("\nGives %s.\nExample: %s\n", word->gives, word->example);
    if (word->wire != NULL && strcmp(word->wire, word->words) != 0)
        printf("On the wire, and as well here: %s\n", word->wire);
}

static void print_all(void)
{
    puts("usage: emgctl [OPTION]... COMMAND [KEY=VALUE]...\n"
         "       emgctl help COMMAND\n"
         "\n"
         "Runs a test with emgd: sends one command and prints what it gives, or prints the\n"
         "stream. A VALUE that is JSON is sent as such, any other as a string.\n");
    for (size_t i = 0; i < emg_ctl_n_words; i++)
        print_entry(emg_ctl_words[i].words, "", NULL, emg_ctl_words[i].summary);
    putchar('\n');
    for (size_t i = 0; i < emg_ctl_n_options; i++)
        print_option(&emg_ctl_option_table[i]);
    puts("\nExit codes: 0 done, 1 failed or refused, 2 wrong usage.");
}

/* All commands of two words that begin with this one; returns whether there are any. */
static bool print_group(const char *first, bool begun)
{
    const size_t n = strlen(first);
    for (size_t i = 0; i < emg_ctl_n_words; i++) {
        if (strncmp(emg_ctl_words[i].words, first, n) != 0 || emg_ctl_words[i].words[n] != ' ')
            continue;
        if (begun)
            putchar('\n');
        print_word(&emg_ctl_words[i]);
        begun = true;
    }
    return begun;
}

int emg_ctl_help(const char *const *words, size_t n)
{
    size_t used = 0;
    const struct emg_ctl_word *word = emg_ctl_word_find(words, n, &used);
    if (n == 0) {
        print_all();
    } else if (word != NULL) {
        print_word(word);
        if (used == 1 && strcmp(words[0], word->words) == 0)
            (void)print_group(words[0], true);
    } else if (!print_group(words[0], false)) {
        const char *near = emg_ctl_word_suggest(words[0]);
        fprintf(stderr, "emgctl: no such command: %s", words[0]);
        fprintf(stderr, near != NULL ? "; do you mean \"%s\"?\n" : "; see emgctl --help\n", near);
        return EMG_EXIT_USAGE;
    }
    return EMG_EXIT_DONE;
}
