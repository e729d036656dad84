/* The commands of emgctl in the words of a person, and what there is to say of each: the one table behind
 * the words, the help and the completion.
 *
 * Constants; any thread. */
#ifndef EMG_CLIENTS_EMGCTL_WORDS_H
#define EMG_CLIENTS_EMGCTL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* What emgctl does for a command; bits, so that an option can belong to several. */
enum emg_ctl_action {
    EMG_CTL_REQUEST = 1U << 0,
    EMG_CTL_MEASURE = 1U << 1, /* a request whose results come later, as events */
    EMG_CTL_WATCH = 1U << 2,
    EMG_CTL_REPAIR = 1U << 3,
    EMG_CTL_KEYGEN = 1U << 4,
    EMG_CTL_HELP = 1U << 5,
};

/* How an argument's value is read and completed. */
enum emg_ctl_kind {
    EMG_CTL_JSON, /* what is JSON is sent as such, anything else as a string */
    EMG_CTL_TEXT,
    EMG_CTL_METHOD,
    EMG_CTL_MUSCLE,
    EMG_CTL_MUSCLES, /* names in a row, with commas */
};

enum { EMG_CTL_ARGUMENTS_MAX = 3 };

struct emg_ctl_argument {
    const char *key, *value; /* as help shows them: "seconds", "S" */
    enum emg_ctl_kind kind;
    bool needed;
    const char *help; /* unit, range and (default) */
};

struct emg_ctl_word {
    const char *words; /* "reference set", as a person says it; one or two words */
    const char *wire;  /* the command that is sent; NULL: emgctl does it itself */
    enum emg_ctl_action action;
    const char *summary;
    struct emg_ctl_argument arguments[EMG_CTL_ARGUMENTS_MAX + 1]; /* key NULL ends them */
    const char *others;      /* "[TOPIC]...": words that are no arguments */
    const char *completions; /* of those, in a row; "": names of files; NULL: none */
    const char *more, *gives, *example;
};

extern const struct emg_ctl_word emg_ctl_words[];
extern const size_t emg_ctl_n_words;

extern const char *const emg_ctl_methods[]; /* NULL ends them */

/* The command that the first of n words say, by a person's words or by the wire's name; *used gets how many
 * of them. NULL: none; the words are then sent as they are. */
const struct emg_ctl_word *emg_ctl_word_find(const char *const *words, size_t n, size_t *used);

/* The command's argument of that name, else any command's, since a later daemon may take it; NULL: unknown.
 * word may be NULL. */
const struct emg_ctl_argument *emg_ctl_word_argument(const struct emg_ctl_word *word, const char *key);

/* The nearest command to a wrong one, as a person says it; NULL: none is near. */
const char *emg_ctl_word_suggest(const char *word);

/* Whether there are commands of two words that begin with this one. */
bool emg_ctl_word_is_first(const char *first);

#endif
