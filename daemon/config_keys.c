#include "daemon/config_keys.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Enough for every key and section name; anything longer is near to none of them. */
enum { MAX_NAME = 47 };

/* The last whole number that every reader of JSON gets right. */
#define MOST_EXACT 9007199254740991.0

#define KEY(section, field, kind, written, ...)                                                              \
    {                                                                                                        \
        .name = #field, .type = EMG_CONFIG_##kind, .offset = offsetof(struct emg_config_##section, field),   \
        .size = sizeof(((struct emg_config_##section *)NULL)->field), .fallback = (written), __VA_ARGS__     \
    }
#define RANGE(lowest, highest) .min = (lowest), .max = (highest)
#define ABOVE(lowest, highest) .above_min = true, RANGE(lowest, highest)
#define NOT_EMPTY              .min = 1
#define HELP(text)             .help = (text)
#define KEYS(table)            .keys = (table), .n_keys = sizeof(table) / sizeof((table)[0])
#define SECTION(section)                                                                                     \
    .name = #section, .offset = offsetof(struct emg_config, section),                                        \
    .stride = sizeof(struct emg_config_##section)
#define TITLED(section, list)                                                                                \
    .name = #section, .titled = true, .offset = offsetof(struct emg_config, list),                           \
    .stride = sizeof(struct emg_config_##section), .count_offset = offsetof(struct emg_config, n_##list),    \
    .capacity = sizeof(((struct emg_config *)NULL)->list) / sizeof(struct emg_config_##section)

static_assert(offsetof(struct emg_config_muscle, name) == 0, "the title comes first");
static_assert(offsetof(struct emg_config_footswitch, side) == 0, "the title comes first");

static const char *const modes[] = {"auto", "static", "gated", NULL};
static const char *const reference_methods[] = {"mvc", "submaximal", "dynamic_peak", "dynamic_mean", NULL};
static const char *const security_modes[] = {"none", "curve", NULL};

static const struct emg_config_key source_keys[] = {
    KEY(source, spec, TEXT, "soundio:alsa:CARD=EMG", NOT_EMPTY,
        HELP("what to read: soundio:BACKEND:DEVICE, file:PATH or synth:SCENARIO")),
    KEY(source, speed, SPEED, "1", ABOVE(0, 1e6),
        HELP("of a replay or simulation: N times real time, or as fast as it goes")),
    KEY(source, rate_hz, NUMBER, "48000", RANGE(1000, 192000), .unit = "Hz",
        HELP("asked of a device, given to a simulation; a file has its own")),
    KEY(source, channels, COUNT, "0", RANGE(0, EMG_MAX_CHANNELS),
        HELP("asked of a device; 0: the fewest that hold every configured channel")),
    KEY(source, full_scale_uv, NUMBER, "5000", ABOVE(0, 1e7), .unit = "uV",
        HELP("at the electrode for a full-scale sample, where a file does not know better")),
    KEY(source, highpass_hz, NUMBER, "0", RANGE(0, 100), .unit = "Hz",
        HELP("-3 dB edge of the front end's own first-order high-pass; 0: none")),
    KEY(source, latency_ms, NUMBER, "10", RANGE(1, 200), .unit = "ms", HELP("asked of a device")),
    KEY(source, duration_s, NUMBER, "0", RANGE(0, 864000), .unit = "s", HELP("of a simulation; 0: endless")),
    KEY(source, seed, SEED, "1", RANGE(0, MOST_EXACT),
        HELP("of a simulation: the same seed gives the same signal")),
};

static const struct emg_config_key muscle_keys[] = {
    KEY(muscle, channel, COUNT, "0", RANGE(0, EMG_MAX_CHANNELS),
        HELP("of the stream, counted from 1; 0: found by label")),
    KEY(muscle, label, TEXT, "", HELP("of the channel in a recording, or the muscle's word in it")),
    KEY(muscle, full_scale_uv, NUMBER, "0", RANGE(0, 1e7), .unit = "uV",
        HELP("of this channel; 0: the source's")),
    KEY(muscle, reference_uv, NUMBER, "0", RANGE(0, 1e6), .unit = "uV",
        HELP("RMS that counts as 100 percent of reference; 0: none")),
    KEY(muscle, reference_method, TEXT, "mvc", .choices = reference_methods,
        HELP("how reference_uv was measured")),
};

static const struct emg_config_key footswitch_keys[] = {
    KEY(footswitch, channel, COUNT, NULL, RANGE(1, EMG_MAX_CHANNELS), HELP("of the stream, counted from 1")),
    KEY(footswitch, threshold, NUMBER, "0.5", RANGE(0, 1),
        HELP("share of full scale at which the switch counts as closed")),
};

static const struct emg_config_key analysis_keys[] = {
    KEY(analysis, band_hz, BAND, "{20, 450}", RANGE(1, 5000), .unit = "Hz",
        HELP("band of the spectrum and of what is derived from it")),
    KEY(analysis, mains_hz, NUMBER, "50", RANGE(45, 65), .or_zero = true, .unit = "Hz",
        HELP("removed with its harmonics; 0: off")),
    KEY(analysis, activation_hz, NUMBER, "50", RANGE(1, 200), .unit = "Hz",
        HELP("activation messages a second")),
    KEY(analysis, spectral_seconds, NUMBER, "10", RANGE(1, 120), .unit = "s",
        HELP("active signal pooled into one spectrum")),
    KEY(analysis, mode, MODE, "auto", .choices = modes,
        HELP("static: all is active; gated: only bursts; auto: as the signal shows")),
    KEY(analysis, rms_ms, NUMBER, "50", RANGE(5, 1000), .unit = "ms", HELP("window of the RMS")),
    KEY(analysis, envelope_hz, NUMBER, "10", RANGE(1, 50), .unit = "Hz",
        HELP("low-pass of the linear envelope: 4 to 6 walking, 10 to 20 running")),
    KEY(analysis, amplitude_highpass_hz, NUMBER, "20", RANGE(5, 200), .unit = "Hz",
        HELP("high-pass before the amplitudes: 35 to 50 running")),
    KEY(analysis, profile_strides, COUNT, "10", RANGE(1, 100), .unit = "strides",
        HELP("newest gait cycles that a profile averages")),
};

static const struct emg_config_key publish_keys[] = {
    KEY(publish, data, TEXT, "tcp://127.0.0.1:5556",
        HELP(
            "endpoint of the stream: tcp://127.0.0.1:PORT or ipc://PATH; with curve any tcp://ADDRESS:PORT")),
    KEY(publish, control, TEXT, "tcp://127.0.0.1:5557", HELP("endpoint of the commands")),
    KEY(publish, hwm, COUNT, "1000", RANGE(1, 1e6), .unit = "messages",
        HELP("kept for a slow subscriber before some are dropped")),
    KEY(publish, wait_s, NUMBER, "2", RANGE(0, 3600), .unit = "s",
        HELP("a replay waits this long for its first subscriber")),
};

static const struct emg_config_key security_keys[] = {
    KEY(security, mode, TEXT, "none", .choices = security_modes,
        HELP("curve: encryption, and only known keys get in")),
    KEY(security, secret_key_file, TEXT, "",
        HELP("of curve: the file of this server's secret key, for its owner only; see emgctl keygen")),
    KEY(security, allowed_keys, TEXT, "",
        HELP("of curve: the file of the clients' public keys, one a line; read for each new connection")),
};

static const struct emg_config_key recording_keys[] = {
    KEY(recording, directory, TEXT, ".", NOT_EMPTY, HELP("where recordings are written")),
    KEY(recording, automatic, FLAG, "false",
        HELP("record from the start, whenever emgd runs on a device or a simulation")),
    KEY(recording, rate_hz, NUMBER, "0", RANGE(1000, 192000), .or_zero = true, .unit = "Hz",
        HELP("of recordings, the nearest whole fraction of the stream's; 0: the stream's, which alone gives "
             "the live numbers again")),
};

static const struct emg_config_key equipment_keys[] = {
    KEY(equipment, electrodes, TEXT, "", HELP("material, shape and size, as in \"Ag/AgCl disc, 10 mm\"")),
    KEY(equipment, inter_electrode_mm, NUMBER, "0", RANGE(0, 200), .unit = "mm",
        HELP("distance of the electrodes' centres; 0: not told")),
    KEY(equipment, placement, TEXT, "", HELP("as in \"SENIAM\"")),
    KEY(equipment, skin, TEXT, "", HELP("preparation, as in \"shaved, abraded, alcohol\"")),
    KEY(equipment, front_end, TEXT, "", HELP("amplifier and converter: maker and type")),
    KEY(equipment, gain, NUMBER, "0", RANGE(0, 1e6), HELP("of the amplifier; 0: not told")),
    KEY(equipment, input_impedance_mohm, NUMBER, "0", RANGE(0, 1e9), .unit = "MOhm",
        HELP("of the amplifier; 0: not told")),
    KEY(equipment, cmrr_db, NUMBER, "0", RANGE(0, 200), .unit = "dB",
        HELP("common-mode rejection; 0: not told")),
};

const struct emg_config_section emg_config_sections[EMG_CONFIG_N_SECTIONS] = {
    {SECTION(source), KEYS(source_keys), .help = "Where the samples come from."},
    {TITLED(muscle, muscles), KEYS(muscle_keys),
     .help =
         "Which channel is which muscle, left.NAME or right.NAME; none: every channel, named by its label."},
    {TITLED(footswitch, footswitches), KEYS(footswitch_keys),
     .help = "Which channel is the foot switch of the side \"left\" or \"right\"."},
    {SECTION(analysis), KEYS(analysis_keys), .help = "How the signal is analysed."},
    {SECTION(publish), KEYS(publish_keys), .help = "ZeroMQ endpoints."},
    {SECTION(security), KEYS(security_keys),
     .help = "Who may connect: with mode \"none\" only this machine."},
    {SECTION(recording), KEYS(recording_keys), .help = "Recordings on disk."},
    {SECTION(equipment), KEYS(equipment_keys),
     .help = "What a report has to tell of electrodes and amplifier; kept with each recording."},
};

const struct emg_config_section *emg_config_section_find(const char *name)
{
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        if (strcmp(emg_config_sections[i].name, name) == 0)
            return &emg_config_sections[i];
    }
    return NULL;
}

const struct emg_config_key *emg_config_key_find(const struct emg_config_section *section, const char *name)
{
    for (size_t i = 0; i < section->n_keys; i++) {
        if (strcmp(section->keys[i].name, name) == 0)
            return &section->keys[i];
    }
    return NULL;
}

size_t emg_config_section_count(const struct emg_config_section *section, const struct emg_config *config)
{
    if (!section->titled)
        return 1;
    size_t count;
    memcpy(&count, (const char *)config + section->count_offset, sizeof count);
    return count;
}

size_t emg_config_section_offset(const struct emg_config_section *section, size_t i)
{
    return section->offset + i * section->stride;
}

void emg_config_key_path(const struct emg_config_section *section, const char *title, const char *key,
                         char path[EMG_CONFIG_PATH_SIZE])
{
    if (title != NULL)
        (void)snprintf(path, EMG_CONFIG_PATH_SIZE, "%s.\"%.*s\".%s", section->name, EMG_NAME_SIZE - 1, title,
                       key);
    else
        (void)snprintf(path, EMG_CONFIG_PATH_SIZE, "%s.%s", section->name, key);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance. Both at most MAX_NAME long. */
static size_t edits(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b);
    size_t row[MAX_NAME + 1];
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smaller(change, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[n_b];
}

/* How far a known name is from what was written: edits, but a name begun right and cut short is near. */
static size_t distance(const char *written, const char *known)
{
    const size_t length = strlen(written);
    if (length >= 3 && strncmp(written, known, length) == 0)
        return 1;
    return edits(written, known);
}

const char *emg_config_key_suggest(const struct emg_config_section *section, const char *name,
                                   char path[EMG_CONFIG_PATH_SIZE])
{
    const size_t far = 3, elsewhere = 1;
    size_t best = far;
    if (strlen(name) > MAX_NAME)
        return NULL;
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *known = &emg_config_sections[i];
        const size_t d = section == NULL ? distance(name, known->name) : far;
        if (d < best) {
            best = d;
            (void)snprintf(path, EMG_CONFIG_PATH_SIZE, "%s", known->name);
        }
        for (size_t k = 0; k < known->n_keys; k++) {
            const size_t e = distance(name, known->keys[k].name) + (known != section ? elsewhere : 0);
            if (e >= best)
                continue;
            best = e;
            if (known == section)
                (void)snprintf(path, EMG_CONFIG_PATH_SIZE, "%s", known->keys[k].name);
            else
                emg_config_key_path(known, known->titled ? "NAME" : NULL, known->keys[k].name, path);
        }
    }
    return best < far ? path : NULL;
}

void emg_config_key_defaults(const struct emg_config_section *section, void *item)
{
    for (size_t k = 0; k < section->n_keys; k++) {
        const struct emg_config_key *key = &section->keys[k];
        if (key->fallback == NULL)
            continue;
        const enum emg_error error = emg_config_key_set(key, item, key->fallback, NULL);
        assert(error == EMG_OK);
        (void)error;
    }
}
