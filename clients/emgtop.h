/* What emgtop knows of the stream, and its two ways to show it.
 *
 * Everything belongs to one thread. A number that is not known is NaN; a text is printable ASCII, "" when not
 * known. */
#ifndef EMG_CLIENTS_EMGTOP_H
#define EMG_CLIENTS_EMGTOP_H

#include "clients/feed.h"
#include "clients/output.h"
#include "daemon/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum emg_top_activity { EMG_TOP_UNKNOWN, EMG_TOP_AT_REST, EMG_TOP_ACTIVE };

struct emg_top_activation {
    int64_t arrival_ns; /* CLOCK_MONOTONIC; 0: none */
    double t;
    double rms_uv, percent_reference;
    enum emg_top_activity activity;
    char quality[16], flags[160]; /* flags as words: "hum, electrode off" */
};

struct emg_top_fatigue {
    int64_t arrival_ns;
    double mdf_hz, mdf_se_hz, shift_percent;
    double slope_percent_per_min, slope_ci95_percent_per_min[2];
    char verdict[16], reason[160];
};

struct emg_top_muscle {
    char name[EMG_NAME_SIZE];
    struct emg_top_activation activation;
    struct emg_top_fatigue fatigue;
    double seq;        /* of the last activation */
    double largest_uv; /* RMS seen so far; 0: none */
};

struct emg_top {
    const char *endpoint;
    int64_t arrival_ns; /* of the last status; 0: none yet */
    bool ended;
    char state[16], source[256];
    double rate_hz, frames, gaps, frames_lost;
    unsigned malformed; /* messages left out */
    size_t n_muscles;
    struct emg_top_muscle muscles[EMG_MAX_CHANNELS];
};

/* emgtop_model.c */

void emg_top_init(struct emg_top *top, const char *endpoint);

/* Takes in a message; now_ns is CLOCK_MONOTONIC. */
void emg_top_update(struct emg_top *top, const struct emg_feed_message *message, int64_t now_ns);

/* Makes unknown what has not been renewed for so long that it says nothing of now. */
void emg_top_expire(struct emg_top *top, int64_t now_ns);

/* Seconds since the last status when one is overdue, else 0. */
double emg_top_silence_s(const struct emg_top *top, int64_t now_ns);

/* "SIMULATED", "REPLAY" or "". */
const char *emg_top_origin(const struct emg_top *top);

/* emgtop_text.c */

enum { EMG_TOP_NUMBER_SIZE = 24 };

/* Writes value with so many decimals, and its sign when that is asked for, or "--"; returns text
 * [EMG_TOP_NUMBER_SIZE]. */
const char *emg_top_number(char *text, double value, int decimals, bool sign);

/* Text, or "--" for "". */
const char *emg_top_word(const char *text);

const char *emg_top_activity_word(enum emg_top_activity activity);

/* The quality and what it suffers from, in words, "bad: clipping, electrode off", into text [size]. */
void emg_top_quality(char *text, size_t size, const struct emg_top_activation *activation);

/* Writes a bar of `width` characters and a NUL into text [width + 1]: of the reference, which above 100 %
 * ends in '>', or without one of *scale_uv, a round number that nothing seen so far exceeds. *scale_uv is NaN
 * when there is a reference. */
void emg_top_bar(char *text, size_t width, const struct emg_top_muscle *muscle, double *scale_uv);

/* emgtop_plain.c: lines, for what is not a terminal. */

/* Says what has changed in the stream's state; told [size] keeps what was said last, "" at first. */
void emg_top_tell_state(const struct emg_top *top, int64_t now_ns, char *told, size_t size,
                        struct emg_output *output);

/* One line per muscle. */
void emg_top_print_lines(const struct emg_top *top, struct emg_output *output);

/* emgtop_screen.c: a picture on the terminal that standard output is. */

void emg_top_screen_enter(struct emg_output *output);
void emg_top_screen_draw(const struct emg_top *top, int64_t now_ns, struct emg_output *output);
void emg_top_screen_leave(struct emg_output *output);

#endif
