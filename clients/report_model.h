/* What a report knows of a test: the messages of the analysis, gathered by stage and muscle as they come.
 *
 * A stage of the report lasts from event.stage to the next one or to the session's end; what comes before the
 * first one is preparation. Where none was told, everything is one stage. Readable by all who write reports;
 * changed by the functions here alone. One thread. */
#ifndef EMG_CLIENTS_REPORT_MODEL_H
#define EMG_CLIENTS_REPORT_MODEL_H

#include "daemon/config.h"
#include "daemon/stream.h"
#include "daemon/wire.h"
#include "dsp/quality.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EMG_REPORT_STAGE_NONE = 0, EMG_REPORT_NO_MUSCLE = EMG_MAX_CHANNELS };

/* Mean and spread of what has been given. */
struct emg_report_moments {
    uint64_t n;
    double mean, square; /* square: sum of the squared deviations */
    double peak;
};

/* How a muscle worked in a stage, from its activation messages; those of bad quality count as unusable. */
struct emg_report_activity {
    uint64_t n, usable, active;
    uint64_t flags[EMG_FLAGS]; /* messages with each */
    struct emg_report_moments uv, percent;
    struct emg_reference reference; /* last one in effect; uv NaN: none */
};

struct emg_report_profile {
    unsigned strides; /* 0: none */
    bool percent;     /* of reference; else microvolts */
    float mean[EMG_PROFILE_POINTS], sd[EMG_PROFILE_POINTS];
};

struct emg_report_stage {
    struct emg_stage told;
    uint64_t first_frame, end_frame;
    struct emg_report_activity *activities; /* [n_muscles] */
    struct emg_report_profile *profiles;    /* [n_muscles] the last of the stage */
};

struct emg_report_spectrum { /* once a second */
    uint64_t frame;
    double active_s; /* of contraction so far */
    struct emg_muscle_fatigue of;
};

struct emg_report_burst {
    struct emg_muscle_burst of;
    double reference_uv;
};

struct emg_report_muscle {
    struct emg_report_spectrum *spectra;
    size_t n_spectra;
    struct emg_report_burst *bursts;
    size_t n_bursts;
    double active_s;
    double rest_uv;                   /* of the newest rest that was accepted; NaN: none */
    bool has_measurement;             /* `reference` holds the newest measurement of one */
    struct emg_measurement reference; /* its evidence, accepted or not */
};

struct emg_report_cycle {
    struct emg_stride_cycle of;
    double cadence_steps_per_min;
    enum emg_stride_source source;
};

struct emg_report_comparison {
    uint64_t frame;
    struct emg_leg_comparison of;
};

struct emg_report_side {
    struct emg_report_cycle *cycles;
    size_t n_cycles;
    struct emg_report_comparison *comparisons;
    size_t n_comparisons;
    size_t soleus, gastrocnemius, antagonist; /* of the muscles; EMG_REPORT_NO_MUSCLE: not measured */
};

struct emg_report_symmetry {
    uint64_t frame;
    double index_percent;
    bool percent;
};

struct emg_report_pair {
    size_t muscles[EMG_SIDES];
    struct emg_report_symmetry *symmetries;
    size_t n_symmetries;
};

struct emg_report_event {
    enum emg_topic topic;
    uint64_t frame;
    size_t muscle; /* EMG_REPORT_NO_MUSCLE: of none */
    char label[EMG_NOTES_SIZE];
    struct emg_stage stage;
    struct emg_gap_event gap;
    enum emg_session_change session;
    enum emg_stream_state device;
    enum emg_verdict verdict, before;
    enum emg_reason reason;
    uint32_t flags;
    struct emg_measurement result;
    struct emg_reference reference;
    char method[16];
};

struct emg_report {
    const struct emg_config *config;
    const struct emg_stream_info *stream;
    struct emg_wire wire;
    const char *recording; /* its path */
    char participant[EMG_PARTICIPANT_SIZE], notes[EMG_NOTES_SIZE];
    bool in_session; /* at some time */
    uint64_t first_frame, end_frame;
    struct emg_report_stage *stages; /* [0]: everything; the others as they were told */
    size_t n_stages;
    size_t open_stage; /* index of the one in progress; 0: none */
    struct emg_report_muscle muscles[EMG_MAX_CHANNELS];
    struct emg_report_side sides[EMG_SIDES];
    struct emg_report_pair pairs[EMG_MAX_CHANNELS / 2];
    size_t n_pairs;
    struct emg_report_event *events;
    size_t n_events;
    uint64_t gaps, frames_lost;
    double *scratch; /* [n_scratch] for medians */
    size_t n_scratch;
    bool out_of_memory; /* something is missing */
};

/* config, stream and recording must outlive it. Returns NULL when there is no memory. */
struct emg_report *emg_report_create(const struct emg_config *config, const struct emg_stream_info *stream,
                                     const struct emg_wire *wire, const char *recording);

/* Before the first message: where the recording begins in the stream that was recorded, and what the session
 * had established by then. */
void emg_report_begin(struct emg_report *r, uint64_t first_frame, const struct emg_session *session);

void emg_report_take(struct emg_report *r, const struct emg_message *message);

/* After the last message: what is read from it now is complete. Returns false when memory did not suffice,
 * and something is missing. */
bool emg_report_finish(struct emg_report *r);

/* The stages to report: as they were told, else everything as one. */
const struct emg_report_stage *emg_report_stages(const struct emg_report *r, size_t *n);

/* Number of the reported stage, from 1, that a frame is in; EMG_REPORT_STAGE_NONE: in none. */
size_t emg_report_stage_of(const struct emg_report *r, uint64_t frame);

enum emg_side emg_report_side_of(const struct emg_report *r, size_t muscle);
const char *emg_report_bare_name(const struct emg_report *r, size_t muscle); /* without the side */

/* The same muscle of the other side; EMG_REPORT_NO_MUSCLE: it is not measured. */
size_t emg_report_other_side(const struct emg_report *r, size_t muscle);

/* Seconds since the recording's first frame. */
double emg_report_seconds(const struct emg_report *r, uint64_t frame);

void emg_report_destroy(struct emg_report *r); /* NULL is a no-op */

#endif
