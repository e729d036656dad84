/* The test in progress: what the control commands say of it, and what it has established so far.
 *
 * Plain values and their JSON forms; any thread. The analysis (daemon/analysis.h) owns the session in
 * progress and changes it at a certain frame; everybody else has copies. */
#ifndef EMG_DAEMON_SESSION_H
#define EMG_DAEMON_SESSION_H

#include "daemon/config.h"
#include "daemon/problem.h"
#include "dsp/measure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EMG_SESSION_ID_SIZE = 40,  /* "20261123T074200Z-P07" */
    EMG_PARTICIPANT_SIZE = 17, /* a code */
    EMG_NOTES_SIZE = 121,
    EMG_TEXT_SIZE = 65,      /* label of a stage or marker */
    EMG_SESSION_BINS = 2100, /* of a PSD of rest, at most */
};

struct emg_stage {
    unsigned number; /* from 1; 0: none has begun */
    char label[EMG_TEXT_SIZE];
    double speed_m_s, incline_percent; /* NaN: not told */
};

struct emg_reference {
    double uv;       /* NaN: none */
    char id[16];     /* of this reference measurement */
    char method[16]; /* how it was measured */
};

/* What has been established about one muscle. */
struct emg_session_muscle {
    char name[EMG_NAME_SIZE];
    struct emg_reference reference;
    struct emg_rest rest; /* rms_uv NaN: none */
    float rest_psd[EMG_SESSION_BINS];
    struct emg_baseline baseline; /* mdf_hz NaN: none */
};

struct emg_session {
    char id[EMG_SESSION_ID_SIZE]; /* "": no session */
    char participant[EMG_PARTICIPANT_SIZE];
    char notes[EMG_NOTES_SIZE];
    double start_t; /* Unix time */
    struct emg_stage stage;
    bool recording;      /* it is being recorded */
    unsigned references; /* measured so far, for the next one's id */
    size_t n_muscles;
    struct emg_session_muscle muscles[]; /* [n_muscles] as in the montage */
};

/* --- commands --- */

enum emg_command_kind {
    EMG_COMMAND_SESSION_START,
    EMG_COMMAND_SESSION_STOP,
    EMG_COMMAND_STAGE,
    EMG_COMMAND_MARKER,
    EMG_COMMAND_REST_START,
    EMG_COMMAND_REFERENCE_START,
    EMG_COMMAND_REFERENCE_SET,
    EMG_COMMAND_BASELINE_START,
    EMG_COMMAND_RECORD_START, /* to the analysis: begin anew */
    EMG_COMMAND_RECORD_STOP,
    EMG_COMMANDS,
};

struct emg_command {
    enum emg_command_kind kind;
    char session[EMG_SESSION_ID_SIZE]; /* session.start: the new one's id */
    char participant[EMG_PARTICIPANT_SIZE];
    char notes[EMG_NOTES_SIZE];
    char label[EMG_TEXT_SIZE];
    double t; /* session.start: Unix time */
    double speed_m_s, incline_percent;
    double seconds;
    double uv;
    enum emg_measure method;
    uint64_t muscles; /* bit i: muscle i of the montage */
};

/* Name of a command on the wire, as in "session.start". */
const char *emg_command_name(enum emg_command_kind kind);

/* The kind so named; EMG_COMMANDS: none. */
enum emg_command_kind emg_command_find(const char *name);

/* Name of a method of reference, as in "mvc". */
const char *emg_command_method_name(enum emg_measure method);

/* Reads a command's arguments out of a request; "command" and "id" in it are passed over, any other unknown
 * argument is an error. muscles [n_muscles] are the montage's names. Errors, each naming the argument and
 * what it may be: EMG_ERROR_ARGUMENT, EMG_ERROR_NOT_FOUND (a muscle that is not measured). */
enum emg_error emg_command_read(struct emg_command *command, enum emg_command_kind kind,
                                const json_t *request, const char (*muscles)[EMG_NAME_SIZE], size_t n_muscles,
                                struct emg_problem *problem);

/* Writes the arguments as a JSON object that emg_command_read reads back to the same command, into text
 * [size]. Returns false when it does not fit. */
bool emg_command_write(const struct emg_command *command, const char (*muscles)[EMG_NAME_SIZE],
                       size_t n_muscles, char *text, size_t size);

/* Whether text is fit for a participant's code: 1 to 16 letters, digits, '-' and '_', with at least one
 * digit, and at most three letters in a row but for words like "subject". A name or an e-mail address is not.
 */
bool emg_session_is_code(const char *text);

/* --- the session on disk --- */

/* All of the session; floating-point values come back to the last bit. NULL when there is no memory. */
json_t *emg_session_json(const struct emg_session *session);

/* The reverse, for the muscles of a montage: names [n_muscles]; what the JSON says of others is passed over.
 * Returns NULL, with the message, when it is not a session's. The caller frees it. */
struct emg_session *emg_session_of_json(const json_t *json, const char (*names)[EMG_NAME_SIZE],
                                        size_t n_muscles, struct emg_problem *problem);

/* A session in which nothing has been established, for these muscles. NULL when there is no memory. */
struct emg_session *emg_session_create(const char (*names)[EMG_NAME_SIZE], size_t n_muscles);

/* Forgets all but the muscles' names. */
void emg_session_clear(struct emg_session *session);

size_t emg_session_bytes(size_t n_muscles); /* of the struct with so many muscles */

#endif
