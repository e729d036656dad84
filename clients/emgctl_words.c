#include "clients/emgctl_words.h"

#include <string.h>

#define METHOD(is_needed)                                                                                    \
    {                                                                                                        \
        "method", "METHOD", EMG_CTL_METHOD, is_needed,                                                       \
            "mvc (default): as hard as you can, the highest RMS over 0.5 s counts\n"                         \
            "submaximal: a contraction held, its RMS counts\n"                                               \
            "dynamic_peak, dynamic_mean: go on walking or running; mean of the\n"                            \
            "contractions' peaks, or mean over the task"                                                     \
    }
#define SECONDS(text)                                                                                        \
    {                                                                                                        \
        "seconds", "S", EMG_CTL_JSON, false, text                                                            \
    }
#define LABEL                                                                                                \
    {                                                                                                        \
        "label", "TEXT", EMG_CTL_TEXT, true, "one line, 64 bytes at most"                                    \
    }
#define WAITS                                                                                                \
    "exit code 1 when one of them is refused (the reason is told) or none comes.\n"                          \
    "--json: the results as JSON lines; --no-wait: only the reply"

const char *const emg_ctl_methods[] = {"mvc", "submaximal", "dynamic_peak", "dynamic_mean", NULL};

const struct emg_ctl_word emg_ctl_words[] = {
    {
        .words = "session start",
        .wire = "session.start",
        .action = EMG_CTL_REQUEST,
        .summary = "begin the test of a participant",
        .arguments = {{"participant", "CODE", EMG_CTL_TEXT, true,
                       "such as P07, never a name: 1 to 16 letters, digits, - and _, with a\n"
                       "digit and no more than three letters in a row"},
                      {"notes", "TEXT", EMG_CTL_TEXT, false, "one line, 120 bytes at most; no names either"}},
        .more = "Everything that was measured before is forgotten. To report on the test later,\n"
                "begin a recording first (emgctl record start).",
        .gives = "the session's id, and the recording that it goes into",
        .example = "emgctl session start participant=P07 notes=\"second visit\"",
    },
    {
        .words = "session stop",
        .wire = "session.stop",
        .action = EMG_CTL_REQUEST,
        .summary = "end it",
        .gives = "the frame and the time of its end",
        .example = "emgctl session stop",
    },
    {
        .words = "session events",
        .wire = "session.events",
        .action = EMG_CTL_REQUEST,
        .summary = "what has been told of the session",
        .gives = "a list of topics and bodies, the oldest first",
        .example = "emgctl session events",
    },
    {
        .words = "rest",
        .wire = "rest.start",
        .action = EMG_CTL_MEASURE,
        .summary = "measure the noise of each muscle at rest",
        .arguments = {SECONDS("seconds, 1 to 3600 (10)")},
        .more = "Lie or sit still, muscles relaxed.",
        .gives = "for each muscle its noise in microvolts RMS, when the time is over;\n" WAITS,
        .example = "emgctl rest seconds=10",
    },
    {
        .words = "reference",
        .wire = "reference.start",
        .action = EMG_CTL_MEASURE,
        .summary = "measure what 100 percent is",
        .arguments = {{"muscles", "NAMES", EMG_CTL_MUSCLES, true, "such as left.soleus,right.soleus; or all"},
                      SECONDS("seconds, 1 to 3600 (5)"),
                      METHOD(false)},
        .more = "Soleus: knee bent to about 90 degrees. Gastrocnemius: knee straight. Push the\n"
                "forefoot down against resistance. Dynamic methods: go on walking or running.",
        .gives = "for each muscle what counts as 100 percent, in microvolts RMS, when the\n"
                 "time is over; " WAITS,
        .example = "emgctl reference muscles=left.soleus seconds=5 method=mvc",
    },
    {
        .words = "reference set",
        .wire = "reference.set",
        .action = EMG_CTL_REQUEST,
        .summary = "tell a reference that was measured elsewhere",
        .arguments = {{"muscle", "NAME", EMG_CTL_MUSCLE, true, "such as left.soleus"},
                      {"uv", "U", EMG_CTL_JSON, true,
                       "microvolts RMS that count as 100 percent, 0.001 to 1000000"},
                      METHOD(false)},
        .gives = "the frame and the time from which it counts",
        .example = "emgctl reference set muscle=left.soleus uv=320 method=mvc",
    },
    {
        .words = "baseline",
        .wire = "baseline.start",
        .action = EMG_CTL_MEASURE,
        .summary = "measure the median frequency when fresh",
        .arguments = {SECONDS("seconds, 1 to 3600 (60), within one stage")},
        .more = "Go on walking or running. Shifts are told from it; without it, from the first\n"
                "minute.",
        .gives = "for each muscle its median frequency in Hz with the standard error, when\n"
                 "the time is over; " WAITS,
        .example = "emgctl baseline seconds=60",
    },
    {
        .words = "stage",
        .wire = "stage",
        .action = EMG_CTL_REQUEST,
        .summary = "begin the next stage of the run",
        .arguments = {LABEL,
                      {"speed_m_s", "V", EMG_CTL_JSON, false,
                       "metres per second, 0 to 20 (10 km/h are 2.78)"},
                      {"incline_percent", "P", EMG_CTL_JSON, false, "percent, -50 to 50"}},
        .more = "Trends and verdicts begin anew.",
        .gives = "the frame and the time at which it begins",
        .example = "emgctl stage label=\"10 km/h\" speed_m_s=2.78 incline_percent=1",
    },
    {
        .words = "marker",
        .wire = "marker",
        .action = EMG_CTL_REQUEST,
        .summary = "mark this moment",
        .arguments = {LABEL},
        .gives = "its frame and time",
        .example = "emgctl marker label=stumbled",
    },
    {
        .words = "record start",
        .wire = "record.start",
        .action = EMG_CTL_REQUEST,
        .summary = "begin a recording",
        .arguments = {{"path", "FILE", EMG_CTL_TEXT, false,
                       "inside emgd's recording.directory (named by time and participant)"}},
        .more = "Filters, spectra and trends begin anew, so that a report of the recording gives\n"
                "the live numbers again. No file is ever written over.",
        .gives = "the path and the first frame",
        .example = "emgctl record start",
    },
    {
        .words = "record stop",
        .wire = "record.stop",
        .action = EMG_CTL_REQUEST,
        .summary = "end it",
        .gives = "the path, seconds, frames and gaps, once the file is complete",
        .example = "emgctl record stop",
    },
    {
        .words = "status",
        .wire = "status",
        .action = EMG_CTL_REQUEST,
        .summary = "the last status message",
        .gives = "its body: state, source, muscles, losses, clock, recording, measurement",
        .example = "emgctl status",
    },
    {
        .words = "snapshot",
        .wire = "snapshot",
        .action = EMG_CTL_REQUEST,
        .summary = "the last message of every topic without an array",
        .gives = "a list of topics and bodies",
        .example = "emgctl snapshot",
    },
    {
        .words = "config",
        .wire = "config",
        .action = EMG_CTL_REQUEST,
        .summary = "the configuration in effect",
        .gives = "every key with its value",
        .example = "emgctl config",
    },
    {
        .words = "devices",
        .wire = "devices",
        .action = EMG_CTL_REQUEST,
        .summary = "the capture devices",
        .gives = "for each backend its devices",
        .example = "emgctl devices",
    },
    {
        .words = "ping",
        .wire = "ping",
        .action = EMG_CTL_REQUEST,
        .summary = "whether emgd is there",
        .gives = "its version, and the protocol's",
        .example = "emgctl ping",
    },
    {
        .words = "shutdown",
        .wire = "shutdown",
        .action = EMG_CTL_REQUEST,
        .summary = "end emgd",
        .gives = "that it is on its way",
        .example = "emgctl shutdown",
    },
    {
        .words = "watch",
        .action = EMG_CTL_WATCH,
        .summary = "print the stream as JSON lines",
        .others = "[TOPIC]...",
        .completions = "activation. burst. event. fatigue. leg. profile. spectrum. status stride. symmetry. "
                       "waveform.",
        .more = "A TOPIC stands for all topics that begin so; none: every topic.",
        .gives = "one line a message, {\"topic\": ..., ...body}, until the stream ends",
        .example = "emgctl watch fatigue. event.",
    },
    {
        .words = "repair",
        .action = EMG_CTL_REPAIR,
        .summary = "make a recording readable that was not closed",
        .others = "FILE...",
        .completions = "",
        .more = "Every whole record, with its annotations, is kept. emgd need not run.",
        .gives = "for each file what is in it and what was done",
        .example = "emgctl repair 20261123T074200Z-P07.bdf",
    },
    {
        .words = "keygen",
        .action = EMG_CTL_KEYGEN,
        .summary = "make a pair of keys for security.mode \"curve\"",
        .more = "No file is ever written over. The secret key's file is its owner's alone.",
        .gives = "the public key, for emgd's allowed_keys",
        .example = "emgctl keygen --secret ~/.config/emgd/secret --public emg.key",
    },
    {
        .words = "help",
        .action = EMG_CTL_HELP,
        .summary = "say more of a command",
        .others = "[COMMAND]",
        .gives = "its arguments with units and ranges, an example, what comes back",
        .example = "emgctl help reference",
    },
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
        if (k == 0 && n > 0 && word->wire != NULL && strcmp(words[0], word->wire) == 0)
            k = 1;
        if (k > *used) {
            best = word;
            *used = k;
        }
    }
    return best;
}

static const struct emg_ctl_argument *own_argument(const struct emg_ctl_word *word, const char *key)
{
    for (size_t i = 0; word->arguments[i].key != NULL; i++)
        if (strcmp(word->arguments[i].key, key) == 0)
            return &word->arguments[i];
    return NULL;
}

const struct emg_ctl_argument *emg_ctl_word_argument(const struct emg_ctl_word *word, const char *key)
{
    const struct emg_ctl_argument *argument = word != NULL ? own_argument(word, key) : NULL;
    for (size_t i = 0; argument == NULL && i < emg_ctl_n_words; i++)
        argument = own_argument(&emg_ctl_words[i], key);
    return argument;
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
        const bool is_half =
            space != NULL && word[0] != '\0' && strncmp(word, known->words, strlen(word)) == 0;
        if (distance < best || (is_half && nearest == NULL)) {
            best = distance < best ? distance : best;
            nearest = known->words;
        }
    }
    return nearest;
}

bool emg_ctl_word_is_first(const char *first)
{
    const size_t n = strlen(first);
    for (size_t i = 0; i < emg_ctl_n_words; i++)
        if (strncmp(emg_ctl_words[i].words, first, n) == 0 && emg_ctl_words[i].words[n] == ' ')
            return true;
    return false;
}
