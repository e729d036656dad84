/* What the parts of the analysis share: the signal's (analysis.c), the messages' (analysis_emit.c) and the
 * session's (analysis_session.c). For these alone. */
#ifndef EMG_DAEMON_ANALYSIS_STATE_H
#define EMG_DAEMON_ANALYSIS_STATE_H

#include "daemon/analysis.h"
#include "daemon/drift.h"
#include "daemon/gait.h"
#include "dsp/quality.h"
#include "dsp/samples.h"

#include <stdint.h>

/* The instants at which a topic is due: before frame floor(k * period). */
struct ticker {
    double period_frames;
    uint64_t k, due;
};

enum { TICK_ACTIVATION, TICK_CONTRACTIONS, TICK_WAVEFORM, TICK_FATIGUE, TICK_STATUS, TICKS };

struct emg_analysis {
    struct emg_stream_info stream;
    struct emg_montage montage;
    struct emg_wire wire;
    emg_analysis_emit *emit;
    void *context;

    struct emg_muscle *muscles[EMG_MAX_CHANNELS];
    struct emg_gait gait;
    struct emg_session *session;
    struct emg_measuring measuring;                    /* seconds_left is void */
    const struct emg_script *script;                   /* NULL: none */
    size_t step;                                       /* of the script, the next one */
    enum emg_verdict verdicts[EMG_MAX_CHANNELS];       /* last told */
    uint32_t flags[EMG_MAX_CHANNELS];                  /* last told */
    uint64_t flag_frames[EMG_MAX_CHANNELS][EMG_FLAGS]; /* the newest frame at which each was up */
    double shift_percent[EMG_MAX_CHANNELS];
    struct ticker tickers[TICKS];
    uint64_t seq[EMG_TOPIC_COUNT][EMG_MAX_CHANNELS];
    struct emg_message *message; /* scratch, message_max bytes */
    size_t message_max;
    struct emg_split channels[EMG_MAX_CHANNELS]; /* of the muscles */
    float *held;   /* [n_muscles][EMG_ANALYSIS_ROW] their samples that have come but not been analysed ... */
    size_t n_held; /* ... so many of each */
    float *switched; /* [EMG_ANALYSIS_HELD] samples of a foot switch */

    double start_t;
    double epoch_t; /* Unix time of the host clock's zero; of a device */
    int64_t arrival_ns;
    uint64_t next_frame;
    const struct emg_drift *clock; /* of a device; NULL: frames are dated by the nominal rate */
    struct emg_status status;
};

/* Samples wait for each other, at most so many, until something is due: few long stretches cost less than
 * many short ones. The lengths of a row keep rows out of each other's way in the cache. */
enum { EMG_ANALYSIS_HELD = 4096, EMG_ANALYSIS_ROW = EMG_ANALYSIS_HELD + 16 };

/* Analyses what is held. To be called before the muscles are asked or told anything. */
void emg_analysis_catch_up(struct emg_analysis *a);

/* References of the configuration, for muscles without one. */
void emg_analysis_set_configured_references(struct emg_analysis *a);

/* Everything but what the session has established begins anew with the next frame. */
void emg_analysis_restart(struct emg_analysis *a);

/* Gives the muscles the rest and the baseline that the session has established. */
void emg_analysis_restore_results(struct emg_analysis *a);

/* Takes a jump of the frame index to first_frame. */
void emg_analysis_take_gap(struct emg_analysis *a, uint64_t first_frame, enum emg_gap_cause cause);

/* The next frame at which the script or a measurement wants to be called; UINT64_MAX: none. */
uint64_t emg_analysis_next_appointment(const struct emg_analysis *a);

/* Does what is due before the next frame. */
void emg_analysis_keep_appointments(struct emg_analysis *a);

/* Begin a message in a->message; it is then filled and sent. */
struct emg_message *emg_analysis_message_begin(struct emg_analysis *a, enum emg_topic topic, size_t index);
void emg_analysis_message_end(struct emg_analysis *a);

/* Each emits all messages of its kind that there are now. */
void emg_analysis_emit_activation(struct emg_analysis *a);
void emg_analysis_emit_contractions(struct emg_analysis *a);      /* and gait cycles with their profiles */
void emg_analysis_emit_last_contractions(struct emg_analysis *a); /* no more frames will come */
void emg_analysis_emit_waveform(struct emg_analysis *a);
void emg_analysis_emit_fatigue(struct emg_analysis *a); /* and spectra, comparisons, changes of a verdict */
void emg_analysis_emit_status(struct emg_analysis *a);
void emg_analysis_emit_gap(struct emg_analysis *a, uint64_t frames_lost, enum emg_gap_cause cause);

/* Tells the state when it is new. */
void emg_analysis_emit_device(struct emg_analysis *a, enum emg_stream_state state);

#endif
