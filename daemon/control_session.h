/* The control commands that change a session or a recording. Used on the control thread. */
#ifndef EMG_DAEMON_CONTROL_SESSION_H
#define EMG_DAEMON_CONTROL_SESSION_H

#include "daemon/json.h"
#include "daemon/recorder.h"
#include "daemon/session.h"
#include "daemon/wire.h"
#include "daemon/worker.h"

#include <jansson.h>

struct emg_control_session {
    struct emg_worker *worker;
    struct emg_recorder *recorder;
    const struct emg_wire *wire;            /* names of the muscles */
    char participant[EMG_PARTICIPANT_SIZE]; /* of the session in progress; "": none */
};

/* Why a command was refused: a word for programs, a sentence for people. */
struct emg_control_refusal {
    char code[24], message[512];
};

/* Carries out a command of the kind; writes what it gives into the open reply object. Returns false, with
 * *refusal filled and nothing changed, when it is refused. */
bool emg_control_session_run(struct emg_control_session *s, enum emg_command_kind kind, const json_t *request,
                             struct emg_json *json, struct emg_control_refusal *refusal);

#endif
