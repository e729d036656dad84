#include "clients/emgctl_words.h"

#include <stdio.h>
#include <string.h>

#define METHODS                                                                                              \
    "  method=METHOD    mvc (default): as hard as you can, the highest RMS over 0.5 s counts\n"              \
    "                   submaximal: a contraction held, its RMS counts\n"                                    \
    "                   dynamic_peak, dynamic_mean: go on walking or running, at least 5 contractions\n"

const struct emg_ctl_word emg_ctl_words[] = {
    {"session start", "session.start", "participant= notes=", false, "begin the test of a participant",
     "  participant=CODE a code such as P07, never a name: letters, digits, - and _, 16 at most\n"
     "  notes=TEXT       one line, 120 bytes at most; no names either\n"
     "Everything that was measured before is forgotten. To report on the test later, begin a recording "
     "first.\n"
     "Example: emgctl session start participant=P07 notes=\"second visit\"\n"},
    {"session stop", "session.stop", "", false, "end it", "Example: emgctl session stop\n"},
    {"rest", "rest.start", "seconds=", true, "measure the noise of each muscle at rest",
     "  seconds=S        1 to 3600 (10)\n"
     "Lie or sit still, muscles relaxed. Waits for the result; exit code 1 when one is refused.\n"
     "Example: emgctl rest seconds=10\n"},
    {"reference", "reference.start", "muscles= seconds= method=", true, "measure what 100 percent is",
     "  muscles=NAMES    as in left.soleus,right.soleus; or all\n"
     "  seconds=S        1 to 3600 (5)\n" METHODS
     "Soleus: knee bent to about 90 degrees. Gastrocnemius: knee straight. Push the forefoot down against\n"
     "resistance, hold, let go. Waits for the result; exit code 1 when one is refused.\n"
     "Example: emgctl reference muscles=left.soleus seconds=8\n"},
    {"reference set", "reference.set", "muscle= uv= method=", false,
     "tell a reference that was measured elsewhere",
     "  muscle=NAME      as in left.soleus\n"
     "  uv=MICROVOLTS    RMS that counts as 100 percent\n" METHODS
     "Example: emgctl reference set muscle=left.soleus uv=320 method=mvc\n"},
    {"baseline", "baseline.start", "seconds=", true, "measure the median frequency when fresh",
     "  seconds=S        1 to 3600 (60), within one stage\n"
     "Shifts are told from it; without it, from the first minute. Waits for the result; exit code 1 when one "
     "is\n"
     "refused.\n"
     "Example: emgctl baseline seconds=60\n"},
    {"stage", "stage", "label= speed_m_s= incline_percent=", false, "begin the next stage of the run",
     "  label=TEXT       64 bytes at most\n"
     "  speed_m_s=V      of the treadmill, 0 to 20 (10 km/h are 2.78)\n"
     "  incline_percent=P  -50 to 50\n"
     "Trends and verdicts begin anew.\n"
     "Example: emgctl stage label=\"10 km/h\" speed_m_s=2.78 incline_percent=1\n"},
    {"marker", "marker", "label=", false, "mark this moment",
     "  label=TEXT       64 bytes at most\n"
     "Example: emgctl marker label=\"stumbled\"\n"},
    {"record start", "record.start", "path=", false, "begin a recording",
     "  path=FILE        inside recording.directory; default: by time and participant\n"
     "Filters, spectra and trends begin anew, so that a report of the recording gives the live numbers "
     "again.\n"
     "Example: emgctl record start\n"},
    {"record stop", "record.stop", "", false, "end it", "Example: emgctl record stop\n"},
    {"status", "status", "", false, "the last status message", "Example: emgctl status\n"},
    {"snapshot", "snapshot", "", false, "the last message of every topic without an array",
     "Example: emgctl snapshot\n"},
    {"config", "config", "", false, "the configuration in effect", "Example: emgctl config\n"},
    {"devices", "devices", "", false, "the capture devices", "Example: emgctl devices\n"},
    {"ping", "ping", "", false, "whether emgd is there", "Example: emgctl ping\n"},
    {"shutdown", "shutdown", "", false, "end emgd", "Example: emgctl shutdown\n"},
    {"watch", NULL, "activation. fatigue. event. status burst. stride. leg. symmetry.", false,
     "print the stream as JSON lines",
     "  TOPIC...         topics that begin so; none: every topic\n"
     "  --count N, --seconds S  end after so many lines, or so long\n"
     "Example: emgctl watch fatigue. event.\n"},
    {"repair", NULL, "", false, "make a recording readable that was not closed",
     "  FILE...          BDF or EDF; what is whole in it is kept\n"
     "Example: emgctl repair 20261123T074200Z-P07.bdf\n"},
    {"keygen", NULL, "", false, "make a pair of keys for security.mode \"curve\"",
     "  --secret FILE    where the secret key goes (emg.secret); for its owner only, never over another "
     "file\n"
     "  --public FILE    where the public key goes, too; it is printed in any case\n"
     "Example: emgctl keygen --secret ~/.config/emgd/secret\n"},
    {"help", NULL, "", false, "say more of a command", "Example: emgctl help reference\n"},
};
const size_t emg_ctl_n_words = sizeof emg_ctl_words / sizeof emg_ctl_words[0];

/* How many of the words given are those of the command; 0: they are others. */
static size_t matching(const struct emg_ctl_word *word, const char *const *words, size_t n)
{
    const char *space = strchr(word->words, ' ');
    const size_t first = space != NULL ? (size_t)(space - word->words) : strlen(word->words);
    if (n == 0 || strlen(words[0]) != first || strncmp(words[0], word->words, first) != 0)
        return 0;
    if (space == NULL)
        return 1;
    return n > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

const struct emg_ctl_word *emg_ctl_word_find(const char *const *words, size_t n, size_t *used)
{
    const struct emg_ctl_word *best = NULL;
    *used = 0;
    for (size_t i = 0; i < emg_ctl_n_words; i++) {
        const struct emg_ctl_word *word = &emg_ctl_words[i];
        size_t k = matching(word, words, n);
        if (n > 0 && word->wire != NULL && strcmp(words[0], word->wire) == 0)
            k = 1;
        if (k > *used) {
            best = word;
            *used = k;
        }
    }
    return best;
}

/* Levenshtein's distance. */
static size_t edits(const char *a, const char *b)
{
    enum { LONGEST = 31 };
    const size_t n_a = strlen(a), n_b = strlen(b);
    size_t row[LONGEST + 1];
    if (n_b > LONGEST)
        return n_b;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            const size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < other ? change : other;
        }
    }
    return row[n_b];
}

const char *emg_ctl_word_suggest(const char *word)
{
    size_t best = 3; /* nearer than that */
    const char *nearest = NULL;
    for (size_t i = 0; i < emg_ctl_n_words; i++) {
        const struct emg_ctl_word *known = &emg_ctl_words[i];
        const size_t by_wire = known->wire != NULL ? edits(word, known->wire) : best;
        const size_t by_words = edits(word, known->words);
        const size_t distance = by_wire < by_words ? by_wire : by_words;
        const char *space = strchr(known->words, ' ');
        const bool is_half = space != NULL && strncmp(word, known->words, strlen(word)) == 0;
        if (distance < best || (is_half && nearest == NULL)) {
            best = distance < best ? distance : best;
            nearest = known->words;
        }
    }
    return nearest;
}

void emg_ctl_word_print(const struct emg_ctl_word *word)
{
    printf("emgctl %s: %s\n\n%s", word->words, word->summary, word->help);
    if (word->wire != NULL && strcmp(word->wire, word->words) != 0)
        printf("On the wire, and as well here: %s\n", word->wire);
}

void emg_ctl_words_print(void)
{
    for (size_t i = 0; i < emg_ctl_n_words; i++)
        printf("  %-15s %s\n", emg_ctl_words[i].words, emg_ctl_words[i].summary);
}
