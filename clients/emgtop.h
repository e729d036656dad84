/* What emgtop knows of the stream, and its two ways to show it.
 *
 * Everything belongs to one thread. A number that is not known is NaN; a text is UTF-8 without control
 * characters, "" when not known. Times of arrival are CLOCK_MONOTONIC in nanoseconds, 0: none. */
#ifndef EMG_CLIENTS_EMGTOP_H
#define EMG_CLIENTS_EMGTOP_H

#include "clients/feed.h"
#include "clients/output.h"
#include "daemon/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EMG_TOP_COURSE = 3600, /* points, one a second */
    EMG_TOP_PROFILE = 101, /* points of a gait cycle */
    EMG_TOP_EVENTS = 16,
    EMG_TOP_EVENT_SIZE = 240,
    EMG_TOP_SIDES = 2,
};

enum emg_top_activity { EMG_TOP_UNKNOWN, EMG_TOP_AT_REST, EMG_TOP_ACTIVE };

struct emg_top_activation {
    int64_t arrival_ns;
    double t;
    double rms_uv, percent_reference;
    enum emg_top_activity activity;
    char quality[16];
    char flags[160];  /* in the words of the protocol: "hum, electrode off" */
    char advice[240]; /* in those for people: "electrode off?" */
};

struct emg_top_burst {
    int64_t arrival_ns;
    double offset_frame;
    double rms_uv, percent_reference;
};

struct emg_top_fatigue {
    int64_t arrival_ns;
    double mdf_hz, mdf_se_hz, shift_percent;
    double slope_percent_per_min, slope_ci95_percent_per_min[2];
    char verdict[16], reason[160];
};

/* The amplitude that stands as a number beside the bar: of the last contraction when it is recent, else of a
 * moment ago, so that it can be read. */
struct emg_top_reading {
    int64_t taken_ns;
    double value;
    bool is_percent, is_contraction;
};

struct emg_top_course {
    size_t n;
    double t[EMG_TOP_COURSE]; /* Unix time, s, rising */
    float mdf_hz[EMG_TOP_COURSE], mdf_se_hz[EMG_TOP_COURSE];
};

struct emg_top_profile {
    int64_t arrival_ns;
    double strides;
    bool is_percent;
    float mean[EMG_TOP_PROFILE];
};

struct emg_top_symmetry { /* known for the left one of a pair */
    int64_t arrival_ns;
    double index_percent;
};

struct emg_top_muscle {
    char name[EMG_NAME_SIZE];
    struct emg_top_activation activation;
    struct emg_top_burst burst;
    struct emg_top_fatigue fatigue;
    struct emg_top_reading reading;
    struct emg_top_profile profile;
    struct emg_top_symmetry symmetry;
    struct emg_top_course course;
    double seq; /* of the last activation */
};

struct emg_top_leg {
    int64_t arrival_ns;
    double soleus_share_percent;
    double cadence, end_frame; /* of the newest gait cycle */
};

struct emg_top_event {
    bool is_alarm;
    char text[EMG_TOP_EVENT_SIZE];
};

struct emg_top {
    const char *endpoint;
    int64_t arrival_ns; /* of the last status */
    bool ended;
    char state[16], source[256];
    double rate_hz, frames, gaps, frames_lost;
    double frame;       /* the newest that is known of */
    unsigned malformed; /* messages left out */

    char session[64];            /* id */
    char stage[80];              /* "stage 2: 10 km/h", the last of the session below */
    char stage_session[64];      /* its session's id */
    char measuring[16];          /* kind */
    double measuring_s;          /* until it ends */
    double recording_s;          /* NaN: none */
    char recording_failure[160]; /* of the last one */

    double largest_uv, largest_percent; /* of all muscles lately: bars compare */
    size_t n_muscles;
    struct emg_top_muscle muscles[EMG_MAX_CHANNELS];
    struct emg_top_leg legs[EMG_TOP_SIDES]; /* left, right */
    size_t n_events;                        /* since the stream began; the last ones are kept */
    struct emg_top_event events[EMG_TOP_EVENTS];
    unsigned event_kinds; /* those that have come, bits by the table of emgtop_events.c */
};

/* emgtop_fields.c: reads a JSON body. */

double emg_top_field_number(const json_t *body, const char *key); /* NaN: none */

/* Copies a string, "" when it is none, and replaces in it what a terminal would obey. */
void emg_top_copy_text(char *text, size_t size, const json_t *value);

/* The part of a text behind its prefix, or NULL. */
const char *emg_top_behind(const char *text, const char *prefix);

/* emgtop_model.c */

void emg_top_init(struct emg_top *top, const char *endpoint);

/* Takes in a message. */
void emg_top_update(struct emg_top *top, const struct emg_feed_message *message, int64_t now_ns);

/* Makes unknown what has not been renewed for so long that it says nothing of now, and takes the readings. Is
 * to be called before each picture. */
void emg_top_settle(struct emg_top *top, int64_t now_ns);

/* Seconds since the last status when one is overdue, else 0. */
double emg_top_silence_s(const struct emg_top *top, int64_t now_ns);

/* "SIMULATED", "REPLAY" or "". */
const char *emg_top_origin(const struct emg_top *top);

/* Signal time between a frame and now, in seconds; INFINITY: not known. */
double emg_top_age_s(const struct emg_top *top, double frame);

/* emgtop_muscle.c */

/* Of a stream that begins. */
void emg_top_muscle_begin(struct emg_top_muscle *muscle, const json_t *name);

/* Takes in a message of this muscle; kind is what its topic begins with. */
void emg_top_muscle_update(struct emg_top_muscle *muscle, const char *kind,
                           const struct emg_feed_message *message, int64_t now_ns);

/* Of emg_top_settle; lost: no signal comes, silent: no message does. */
void emg_top_muscle_settle(const struct emg_top *top, struct emg_top_muscle *muscle, bool lost, bool silent,
                           int64_t now_ns);

/* emgtop_events.c */

/* Takes in a message of a topic that begins with "event.". */
void emg_top_update_event(struct emg_top *top, const char *topic, const json_t *body);

/* Takes in the events of a reply to `snapshot`, but those whose kind has come by the stream. */
void emg_top_update_snapshot(struct emg_top *top, const json_t *reply);

/* The i-th newest, or NULL. */
const struct emg_top_event *emg_top_event(const struct emg_top *top, size_t i);

/* emgtop_snapshot.c: asks, over the control socket, what was there before emgtop. */

struct emg_top_snapshot;

/* Returns NULL after saying on standard error what is wrong; connecting goes on in the background. */
struct emg_top_snapshot *emg_top_snapshot_create(const struct emg_feed_source *source);

/* Asks once for each stream, and takes the reply when it is there; never waits. */
void emg_top_snapshot_exchange(struct emg_top_snapshot *snapshot, struct emg_top *top);

void emg_top_snapshot_destroy(struct emg_top_snapshot *snapshot); /* NULL is a no-op */

/* emgtop_text.c */

enum { EMG_TOP_NUMBER_SIZE = 24, EMG_TOP_WORDS_SIZE = 64 };

/* Writes value with so many decimals, and its sign when that is asked for, or "--"; returns text
 * [EMG_TOP_NUMBER_SIZE]. */
const char *emg_top_number(char *text, double value, int decimals, bool sign);

/* Text, or "--" for "". */
const char *emg_top_word(const char *text);

const char *emg_top_activity_word(enum emg_top_activity activity);

/* "left gastrocnemius medialis" for left.gastrocnemius_medialis; returns text [EMG_TOP_WORDS_SIZE]. */
const char *emg_top_muscle_words(char *text, const char *muscle);

/* What to do about a flag of the protocol. */
const char *emg_top_flag_advice(const char *flag);

/* How full a bar is. *full is its full scale, a round number, in percent of reference or,
 * where there is none, in microvolts; the same for all muscles. NaN: not known. */
double emg_top_bar_share(const struct emg_top *top, const struct emg_top_muscle *muscle, double *full);

/* emgtop_plain.c: lines, for what is not a terminal. */

/* Says what has changed in the stream's state; told [size] keeps what was said last, "" at first. */
void emg_top_tell_state(const struct emg_top *top, int64_t now_ns, char *told, size_t size,
                        struct emg_output *output);

/* One line per muscle. */
void emg_top_print_lines(const struct emg_top *top, struct emg_output *output);

#endif
