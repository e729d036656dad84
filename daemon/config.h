/* The configuration: file, command line and defaults, parsed once into one constant struct.
 *
 * One table of keys (config_keys.c) gives section, name, type, unit, default, range and help, and drives
 * parsing, --help, --print-config and the documented example. Used on the main thread before anything starts;
 * read-only afterwards. */
#ifndef EMG_DAEMON_CONFIG_H
#define EMG_DAEMON_CONFIG_H

#include "daemon/problem.h"
#include "dsp/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    EMG_MAX_CHANNELS = 64, /* of a stream, and so of muscles */
    EMG_NAME_SIZE = 64,    /* "left.gastrocnemius_medialis" and a NUL */
    EMG_LABEL_SIZE = 96,
    EMG_PATH_SIZE = 1024,
};

struct emg_config_source {
    char spec[EMG_PATH_SIZE]; /* soundio:BACKEND:DEVICE, file:PATH or synth:SCENARIO */
    double speed;   /* of a replay or simulation: 1 real time, N times that, 0 as fast as it goes ("max") */
    double rate_hz; /* asked of a device, given to a simulation; a file has its own */
    unsigned channels;    /* asked of a device; 0: the fewest it offers that hold every configured channel */
    double full_scale_uv; /* microvolts at the electrode for a full-scale sample */
    double highpass_hz;   /* -3 dB edge of the front end's own first-order high-pass; 0: none */
    double latency_ms;    /* asked of a device */
    double duration_s;    /* of a simulation; 0: endless */
    uint64_t seed;        /* of a simulation */
};

struct emg_config_muscle {
    char name[EMG_NAME_SIZE];   /* <side>.<muscle> */
    unsigned channel;           /* from 1; 0: found by label */
    char label[EMG_LABEL_SIZE]; /* in the recording; "": none */
    double full_scale_uv;       /* 0: the source's */
    double reference_uv;        /* RMS that counts as 100 percent; 0: none */
    char reference_method[16];  /* how it was measured */
};

struct emg_config_footswitch {
    char side[8];
    unsigned channel;
    double threshold; /* share of full scale */
};

enum emg_mode { EMG_MODE_AUTO, EMG_MODE_STATIC, EMG_MODE_GATED };

struct emg_config_analysis {
    double band_hz[2];
    double mains_hz; /* 0: off */
    double activation_hz;
    double spectral_seconds;
    enum emg_mode mode;
    double rms_ms;
    double envelope_hz;
    double amplitude_highpass_hz;
    unsigned profile_strides;
};

struct emg_config_publish {
    char data[256], control[256]; /* ZeroMQ endpoints */
    unsigned hwm;
    double wait_s; /* a replay waits this long for its first subscriber */
};

struct emg_config_security {
    char mode[16]; /* "none" or "curve" */
    char secret_key_file[EMG_PATH_SIZE], allowed_keys[EMG_PATH_SIZE];
};

struct emg_config_recording {
    char directory[EMG_PATH_SIZE];
    bool automatic;
    double rate_hz; /* 0: the stream's */
};

/* What a paper has to tell of electrodes and amplifier (Merletti 1999, ISEK; Besomi et al. 2019, CEDE, J
 * Electromyogr Kinesiol 48:128). "" and 0: not told. */
struct emg_config_equipment {
    char electrodes[EMG_LABEL_SIZE];
    double inter_electrode_mm;
    char placement[EMG_LABEL_SIZE], skin[EMG_LABEL_SIZE], front_end[EMG_LABEL_SIZE];
    double gain, input_impedance_mohm, cmrr_db;
};

struct emg_config {
    char file[EMG_PATH_SIZE]; /* read from; "" when there was none */
    struct emg_config_source source;
    struct emg_config_muscle muscles[EMG_MAX_CHANNELS];
    size_t n_muscles;
    struct emg_config_footswitch footswitches[2];
    size_t n_footswitches;
    struct emg_config_analysis analysis;
    struct emg_config_publish publish;
    struct emg_config_security security;
    struct emg_config_recording recording;
    struct emg_config_equipment equipment;
};

/* Fills *config from defaults, then a file, then settings "section.key=value" in their order (muscle and
 * footswitch as 'muscle."left.soleus".channel=3', which also adds the section when it is new).
 *   path      the file of --config; NULL: $XDG_CONFIG_HOME/emgd/emgd.conf (or $HOME/.config/...), then
 *             /etc/emgd/emgd.conf, then none
 *   settings  [n_settings]
 * The whole is then checked: ranges, endpoints (without curve loopback or ipc only), unique muscle names and
 * channels. Errors, each with its message (file:line: or the setting): EMG_ERROR_NOT_FOUND (file),
 * EMG_ERROR_IO (file unreadable or a directory), EMG_ERROR_FORMAT (syntax, unknown key, not text, over 1
 * MiB), EMG_ERROR_ARGUMENT (value), EMG_ERROR_MEMORY. On error *config is not to be used. */
enum emg_error emg_config_load(struct emg_config *config, const char *path, const char *const *settings,
                               size_t n_settings, struct emg_problem *problem);

/* Writes the whole configuration in the file's own syntax, with the help as comments; reading it back gives
 * the same configuration. */
void emg_config_print(const struct emg_config *config, FILE *out);

/* Writes one line per key: name, default, range with unit, help. */
void emg_config_print_help(FILE *out);

/* Writes the configuration as a JSON object (no trailing newline) into text, at most size bytes with its NUL.
 * Secret values are not part of it. Returns false when it does not fit. */
bool emg_config_json(const struct emg_config *config, char *text, size_t size);

/* Whether `name` is a muscle's name: "left." or "right." and [a-z0-9_]+, shorter than EMG_NAME_SIZE. */
bool emg_config_is_muscle_name(const char *name);

#endif
