/* Results and events as messages: the only place that knows a topic or a field of the stream.
 *
 * struct emg_message is what the worker hands to the publisher; its text form is made on the publisher's
 * thread (or by a client that replays). Pure; any thread. */
#ifndef EMG_DAEMON_WIRE_H
#define EMG_DAEMON_WIRE_H

#include "daemon/block.h"
#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/session.h"
#include "daemon/stream.h"
#include "dsp/leg.h"
#include "dsp/muscle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EMG_PROTOCOL_VERSION = 1,
    EMG_TOPIC_SIZE = EMG_NAME_SIZE + 32,
    EMG_BODY_SIZE = 16384, /* status with 64 muscle names and a long source */
};

enum emg_topic {
    EMG_TOPIC_STATUS,
    EMG_TOPIC_ACTIVATION,
    EMG_TOPIC_FATIGUE,
    EMG_TOPIC_SPECTRUM,
    EMG_TOPIC_WAVEFORM,
    EMG_TOPIC_BURST,
    EMG_TOPIC_PROFILE,
    EMG_TOPIC_STRIDE,
    EMG_TOPIC_LEG,
    EMG_TOPIC_SYMMETRY,
    EMG_TOPIC_EVENT_GAP,
    EMG_TOPIC_EVENT_DEVICE,
    EMG_TOPIC_EVENT_FATIGUE,
    EMG_TOPIC_EVENT_QUALITY,
    EMG_TOPIC_EVENT_SESSION,
    EMG_TOPIC_EVENT_STAGE,
    EMG_TOPIC_EVENT_MARKER,
    EMG_TOPIC_EVENT_REST,
    EMG_TOPIC_EVENT_REFERENCE,
    EMG_TOPIC_EVENT_BASELINE,
    EMG_TOPIC_EVENT_RECORDING, /* made by the publisher */
    EMG_TOPIC_COUNT,
};

enum emg_realtime_grant { EMG_REALTIME_NOT_ASKED, EMG_REALTIME_GRANTED, EMG_REALTIME_REFUSED };

/* A measurement in progress; kind NONE: there is none. */
struct emg_measuring {
    enum emg_measure kind;
    uint64_t muscles; /* bit i: muscle i */
    uint64_t end_frame;
    double seconds_left;
};

enum emg_recording_change { EMG_RECORDING_STARTED, EMG_RECORDING_STOPPED, EMG_RECORDING_FAILED };

/* The recorder as the publisher sees it. */
struct emg_recording_status {
    bool on;
    enum emg_recording_change change; /* of an event */
    double seconds;
    uint64_t frames, gaps;
    char path[EMG_PATH_SIZE];
    char failure[256]; /* "": none */
};

enum emg_session_change { EMG_SESSION_STARTED, EMG_SESSION_STOPPED, EMG_SESSION_RESUMED };

struct emg_status {
    enum emg_stream_state state;
    enum emg_realtime_grant realtime;   /* priorities and locked memory */
    uint64_t frames, gaps, frames_lost; /* delivered; jumps; frames in them */
    double ring_peak_percent;           /* NaN: no ring that could overflow */
    double load_percent;                /* NaN: not in real time */
    double clock_ppm, clock_ppm_se;     /* by which the device is faster than the host; NaN: unknown */
    struct emg_measuring measuring;
    /* filled by the publisher: */
    uint64_t messages_dropped;
    double latency_ms[3]; /* p50, p99, max; NaN: unknown */
};

struct emg_gap_event {
    uint64_t first_frame, frames_lost;
    enum emg_gap_cause cause;
};

struct emg_message {
    enum emg_topic topic;
    uint32_t index; /* of the muscle, side or pair of muscles that the topic is of; 0 for the others */
    uint64_t seq, frame;
    char session[EMG_SESSION_ID_SIZE]; /* "": none */
    double t;                          /* Unix time of `frame`; NaN: no frame yet */
    int64_t arrival_ns;                /* CLOCK_MONOTONIC of the block that completed it; 0: none */
    union {
        struct emg_status status;
        struct {
            struct emg_muscle_activation now;
            struct emg_reference reference;
        } activation;
        struct emg_muscle_fatigue fatigue;
        struct {
            double f0_hz, df_hz;
        } spectrum;
        struct {
            uint64_t first_frame;
        } waveform;
        struct {
            struct emg_muscle_burst of;
            double reference_uv; /* NaN: none */
        } burst;
        struct {
            unsigned strides;
            bool percent; /* of reference; else microvolts */
            float sd[EMG_PROFILE_POINTS];
        } profile;
        struct {
            struct emg_stride_cycle cycle;
            struct emg_stride_state state;
            enum emg_stride_source source;
        } stride;
        struct emg_leg_comparison leg;
        struct {
            double index_percent, activation[EMG_SIDES], shift_percent[EMG_SIDES];
            bool percent; /* activation is in percent of reference; else microvolts */
        } symmetry;
        struct emg_gap_event gap;
        enum emg_stream_state device;
        struct {
            uint32_t muscle;
            enum emg_verdict verdict, before;
            enum emg_reason reason;
        } fatigue_event;
        struct {
            uint32_t muscle, flags;
        } quality_event;
        struct {
            enum emg_session_change change;
            char participant[EMG_PARTICIPANT_SIZE], notes[EMG_NOTES_SIZE];
        } session_event;
        struct emg_stage stage;
        struct {
            char label[EMG_TEXT_SIZE];
        } marker;
        struct {
            uint32_t muscle;
            struct emg_measurement of;
            struct emg_reference reference; /* of event.reference: in effect from now on; uv NaN: none */
            char method[16];
        } result; /* event.rest, event.reference, event.baseline */
    } body;
    uint32_t n_array;
    float array[]; /* [n_array] */
};

/* What the text needs beside the message; constant for a stream but for `recording`, which its owner keeps
 * up.
 */
struct emg_wire {
    char source[EMG_PATH_SIZE];
    double rate_hz, analysis_rate_hz;
    double band_hz[2];
    unsigned n_channels;
    size_t n_muscles;
    char muscles[EMG_MAX_CHANNELS][EMG_NAME_SIZE];
    char pairs[EMG_MAX_CHANNELS / 2][EMG_NAME_SIZE]; /* muscles measured on both sides, without the side */
    struct emg_recording_status recording;
};

/* Whether messages of this topic have an array. */
bool emg_wire_has_array(enum emg_topic topic);

/* Topic of a message, ASCII, into topic [EMG_TOPIC_SIZE]; returns its length. */
size_t emg_wire_topic(const struct emg_wire *wire, const struct emg_message *message, char *topic);

/* Body of a message, one JSON object without a newline, into body [EMG_BODY_SIZE]; returns its length. */
size_t emg_wire_body(const struct emg_wire *wire, const struct emg_message *message, char *body);

/* Text of the annotation that a recording holds of an event, "<kind> <JSON object>", into text [size].
 * Returns false for other messages, for events that repeat an annotation (of a gap, of a command), and when
 * it does not fit. */
bool emg_wire_annotation(const struct emg_wire *wire, const struct emg_message *message, char *text,
                         size_t size);

/* The line that stands for a message in a text stream: {"topic": ..., ...body}, no newline, into line
 * [EMG_TOPIC_SIZE + EMG_BODY_SIZE]; body is a JSON object. Returns its length, 0 when body is not an object
 * or too long. */
size_t emg_wire_line(const char *topic, const char *body, char *line);

#endif
