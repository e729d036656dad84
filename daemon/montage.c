#include "daemon/montage.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Share of full scale at which a foot switch that nobody has configured counts as closed. */
static const double LABELLED_THRESHOLD = 0.5;

/* The abbreviations of the labels that emgd itself writes. */
static const struct {
    const char *word, *muscle;
} short_words[] = {
    {"sol", "soleus"},
    {"gm", "gastrocnemius_medialis"},
    {"gl", "gastrocnemius_lateralis"},
    {"ta", "tibialis_anterior"},
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The muscle word of "EMG <L|R> <muscle>" with its side; NULL when the label does not read so. */
static const char *word_of_label(const char *label, const char **side)
{
    while (is_space(*label))
        label++;
    if (strncasecmp(label, "EMG", 3) != 0 || !is_space(label[3]))
        return NULL;
    label += 3;
    while (is_space(*label))
        label++;
    const char letter = (char)toupper((unsigned char)label[0]);
    if ((letter != 'L' && letter != 'R') || !is_space(label[1]))
        return NULL;
    *side = letter == 'L' ? "left" : "right";
    label++;
    while (is_space(*label))
        label++;
    return *label != '\0' ? label : NULL;
}

static size_t trimmed_length(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && is_space(text[length - 1]))
        length--;
    return length;
}

bool emg_montage_name_of_label(const char *label, char name[EMG_NAME_SIZE])
{
    const char *side = NULL, *word = word_of_label(label, &side);
    if (word == NULL)
        return false;
    const size_t length = trimmed_length(word);
    char muscle[EMG_NAME_SIZE];
    if (length >= sizeof muscle)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char c = word[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        muscle[i] = plain ? (char)tolower((unsigned char)c) : '_';
    }
    muscle[length] = '\0';
    const char *full = muscle;
    for (size_t i = 0; i < sizeof short_words / sizeof short_words[0]; i++) {
        if (strcmp(muscle, short_words[i].word) == 0)
            full = short_words[i].muscle;
    }
    return (size_t)snprintf(name, EMG_NAME_SIZE, "%s.%s", side, full) < EMG_NAME_SIZE;
}

/* What the stream offers, cut to fit: "EMG L SOL", "EMG L GM", ... */
static void list_labels(const struct emg_stream_info *stream, char *text, size_t size)
{
    const char more[] = ", ...";
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < stream->n_channels; i++) {
        const char *label = stream->channels[i].label;
        if (label[0] == '\0')
            continue;
        const size_t length = strlen(label) + (used > 0 ? 4 : 2);
        if (used + length + sizeof more > size) {
            (void)snprintf(text + used, size - used, "%s", used > 0 ? more : "...");
            return;
        }
        (void)snprintf(text + used, size - used, "%s\"%s\"", used > 0 ? ", " : "", label);
        used += length;
    }
    if (used == 0)
        (void)snprintf(text, size, "none");
}

/* Whether `wanted` means this channel: its label as written or, on the muscle's own side, the word in it. */
static bool label_means(const char *label, const char *wanted, const char *muscle)
{
    if (strcmp(label, wanted) == 0)
        return true;
    const char *side = NULL, *word = word_of_label(label, &side);
    return word != NULL && strncmp(muscle, side, strlen(side)) == 0 &&
           strlen(wanted) == trimmed_length(word) && strncasecmp(word, wanted, strlen(wanted)) == 0;
}

static enum emg_error find_label(const struct emg_config_muscle *muscle, const struct emg_stream_info *stream,
                                 unsigned *channel, struct emg_problem *problem)
{
    const unsigned none = stream->n_channels;
    unsigned found = none;
    for (unsigned i = 0; i < stream->n_channels; i++) {
        if (!label_means(stream->channels[i].label, muscle->label, muscle->name))
            continue;
        if (found != none)
            return emg_problem_set(
                problem, EMG_ERROR_ARGUMENT,
                "muscle %s: channels %u and %u both read \"%s\"; use channel instead of label", muscle->name,
                found + 1, i + 1, muscle->label);
        found = i;
    }
    if (found == none) {
        char labels[240];
        list_labels(stream, labels, sizeof labels);
        return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                               "muscle %s: no channel has the label \"%s\"; the labels are: %s", muscle->name,
                               muscle->label, labels);
    }
    *channel = found;
    return EMG_OK;
}

/* A channel and a label that lead to different channels would measure the wrong muscle in silence. */
static enum emg_error check_label(const struct emg_config_muscle *muscle,
                                  const struct emg_stream_info *stream, struct emg_problem *problem)
{
    const char *own = stream->channels[muscle->channel - 1].label;
    if (muscle->label[0] == '\0' || label_means(own, muscle->label, muscle->name))
        return EMG_OK;
    for (unsigned i = 0; i < stream->n_channels; i++) {
        if (label_means(stream->channels[i].label, muscle->label, muscle->name))
            return emg_problem_set(
                problem, EMG_ERROR_ARGUMENT,
                "muscle %s: its label \"%s\" is on channel %u, but channel %u is configured, "
                "which has \"%s\"; leave one of them out",
                muscle->name, muscle->label, i + 1, muscle->channel, own);
    }
    return EMG_OK;
}

static enum emg_error find_channel(const struct emg_config_muscle *muscle,
                                   const struct emg_stream_info *stream, unsigned *channel,
                                   struct emg_problem *problem)
{
    if (muscle->channel == 0)
        return find_label(muscle, stream, channel, problem);
    if (muscle->channel > stream->n_channels)
        return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                               "muscle %s: there is no channel %u; the stream has %u", muscle->name,
                               muscle->channel, stream->n_channels);
    *channel = muscle->channel - 1;
    return check_label(muscle, stream, problem);
}

static struct emg_montage_muscle *add(struct emg_montage *montage, const char *name, unsigned channel,
                                      const struct emg_channel *source)
{
    struct emg_montage_muscle *muscle = &montage->muscles[montage->n_muscles++];
    *muscle = (struct emg_montage_muscle){
        .channel = channel, .scale = 1, .full_scale_uv = source->full_scale_uv, .reference_uv = NAN};
    (void)snprintf(muscle->name, sizeof muscle->name, "%s", name);
    return muscle;
}

static enum emg_error create_configured(struct emg_montage *montage, const struct emg_config *config,
                                        const struct emg_stream_info *stream, struct emg_problem *problem)
{
    for (size_t i = 0; i < config->n_muscles; i++) {
        const struct emg_config_muscle *wanted = &config->muscles[i];
        unsigned channel = 0;
        const enum emg_error error = find_channel(wanted, stream, &channel, problem);
        if (error != EMG_OK)
            return error;
        const struct emg_channel *source = &stream->channels[channel];
        if (!source->usable)
            return emg_problem_set(
                problem, EMG_ERROR_ARGUMENT,
                "muscle %s: channel %u%s%s%s cannot be used: another rate than the stream's, or "
                "not a voltage",
                wanted->name, channel + 1, source->label[0] != '\0' ? " \"" : "", source->label,
                source->label[0] != '\0' ? "\"" : "");
        for (size_t j = 0; j < montage->n_muscles; j++) {
            if (montage->muscles[j].channel == channel)
                return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                                       "muscle %s: channel %u is taken by muscle %s", wanted->name,
                                       channel + 1, montage->muscles[j].name);
        }
        struct emg_montage_muscle *muscle = add(montage, wanted->name, channel, source);
        if (!source->calibrated && wanted->full_scale_uv > 0) {
            assert(source->full_scale_uv > 0);
            muscle->scale = (float)(wanted->full_scale_uv / source->full_scale_uv);
            muscle->full_scale_uv = wanted->full_scale_uv;
        }
        if (wanted->reference_uv > 0)
            muscle->reference_uv = wanted->reference_uv;
        memcpy(muscle->reference_method, wanted->reference_method, sizeof muscle->reference_method);
    }
    return EMG_OK;
}

static bool is_footswitch(const struct emg_montage *montage, unsigned channel)
{
    for (size_t i = 0; i < EMG_SIDES; i++)
        if (montage->footswitches[i].present && montage->footswitches[i].channel == channel)
            return true;
    return false;
}

static bool has_name(const struct emg_montage *montage, const char *name)
{
    for (size_t i = 0; i < montage->n_muscles; i++) {
        if (strcmp(montage->muscles[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A label that reads left.channel_N must not take the name of the N-th channel. */
static void name_channel(const struct emg_montage *montage, const struct emg_channel *source,
                         unsigned channel, char name[EMG_NAME_SIZE])
{
    static const char numbered[] = "left.channel_";
    if (!emg_montage_name_of_label(source->label, name) ||
        strncmp(name, numbered, sizeof numbered - 1) == 0 || has_name(montage, name))
        (void)snprintf(name, EMG_NAME_SIZE, "%s%u", numbered, channel + 1);
}

static enum emg_error create_all(struct emg_montage *montage, const struct emg_stream_info *stream,
                                 struct emg_problem *problem)
{
    for (unsigned i = 0; i < stream->n_channels; i++) {
        char name[EMG_NAME_SIZE];
        if (!stream->channels[i].usable || is_footswitch(montage, i))
            continue;
        name_channel(montage, &stream->channels[i], i, name);
        (void)add(montage, name, i, &stream->channels[i]);
    }
    if (montage->n_muscles == 0)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%.200s: none of its %u channels can be analysed",
                               stream->source, stream->n_channels);
    return EMG_OK;
}

static void add_footswitch(struct emg_montage *montage, enum emg_side side, unsigned channel,
                           double threshold, const struct emg_stream_info *stream)
{
    montage->footswitches[side] = (struct emg_montage_footswitch){
        .present = true,
        .channel = channel,
        .scale = (float)(1 / stream->channels[channel].full_scale_uv),
        .threshold = threshold,
    };
}

static void find_labelled_footswitches(struct emg_montage *montage, const struct emg_stream_info *stream)
{
    static const char *const labels[EMG_SIDES] = {[EMG_SIDE_LEFT] = "SW L", [EMG_SIDE_RIGHT] = "SW R"};
    for (unsigned i = 0; i < stream->n_channels; i++)
        for (size_t side = 0; side < EMG_SIDES; side++)
            if (stream->channels[i].usable && strcasecmp(stream->channels[i].label, labels[side]) == 0)
                add_footswitch(montage, (enum emg_side)side, i, LABELLED_THRESHOLD, stream);
}

static enum emg_error find_footswitches(struct emg_montage *montage, const struct emg_config *config,
                                        const struct emg_stream_info *stream, struct emg_problem *problem)
{
    if (config->n_footswitches == 0 && config->n_muscles == 0)
        find_labelled_footswitches(montage, stream);
    for (size_t i = 0; i < config->n_footswitches; i++) {
        const struct emg_config_footswitch *wanted = &config->footswitches[i];
        if (wanted->channel > stream->n_channels)
            return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                                   "footswitch %s: there is no channel %u; the stream has %u", wanted->side,
                                   wanted->channel, stream->n_channels);
        const enum emg_side side = strcmp(wanted->side, "left") == 0 ? EMG_SIDE_LEFT : EMG_SIDE_RIGHT;
        add_footswitch(montage, side, wanted->channel - 1, wanted->threshold, stream);
    }
    return EMG_OK;
}

enum emg_side emg_montage_side(const struct emg_montage_muscle *muscle)
{
    return strncmp(muscle->name, "left.", 5) == 0 ? EMG_SIDE_LEFT : EMG_SIDE_RIGHT;
}

const char *emg_montage_bare_name(const struct emg_montage_muscle *muscle)
{
    return strchr(muscle->name, '.') + 1;
}

enum emg_error emg_montage_create(struct emg_montage *montage, const struct emg_config *config,
                                  const struct emg_stream_info *stream, struct emg_problem *problem)
{
    assert(stream->n_channels <= EMG_MAX_CHANNELS);
    memset(montage, 0, sizeof *montage);
    const enum emg_error error = find_footswitches(montage, config, stream, problem);
    if (error != EMG_OK)
        return error;
    if (config->n_muscles > 0)
        return create_configured(montage, config, stream, problem);
    return create_all(montage, stream, problem);
}
