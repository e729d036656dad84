/* The commands of emgctl in the words of a person, and what there is to say of each.
 *
 * Constants; any thread. */
#ifndef EMG_CLIENTS_EMGCTL_WORDS_H
#define EMG_CLIENTS_EMGCTL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct emg_ctl_word {
    const char *words; /* "reference set", as a person says it; one or two words */
    const char *wire;  /* the command that is sent; NULL: emgctl does it itself */
    const char *keys;  /* names of arguments, for completion */
    bool measures;     /* results come later, as events */
    const char *summary, *help;
};

extern const struct emg_ctl_word emg_ctl_words[];
extern const size_t emg_ctl_n_words;

/* The command that the first of n words say, by a person's words or by the wire's name; *used gets how many
 * of them. NULL: none; the words are then sent as they are. */
const struct emg_ctl_word *emg_ctl_word_find(const char *const *words, size_t n, size_t *used);

/* The nearest command to a wrong one, as a person says it; NULL: none is near. */
const char *emg_ctl_word_suggest(const char *word);

/* Prints the help of one command, or the list of all. */
void emg_ctl_word_print(const struct emg_ctl_word *word);
void emg_ctl_words_print(void);

#endif
