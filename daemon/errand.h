/* One command on its way from the control thread to the worker, and the answer on its way back.
 *
 * One thread asks at a time; the worker looks in between two blocks, and never waits. */
#ifndef EMG_DAEMON_ERRAND_H
#define EMG_DAEMON_ERRAND_H

#include "daemon/analysis.h"

#include <stdatomic.h>
#include <stdbool.h>

struct emg_errand {
    _Atomic int state;
    struct emg_command command;
    struct emg_answer answer;
};

/* Asker. Hands the command over and waits for the answer; returns false, and the command is not carried out,
 * when the worker does not take it within seconds. */
bool emg_errand_run(struct emg_errand *e, const struct emg_command *command, double seconds,
                    struct emg_answer *answer);

/* Worker. The command that waits, NULL: none; then its answer is filled in, and given back. */
EMG_REALTIME const struct emg_command *emg_errand_take(struct emg_errand *e);
EMG_REALTIME void emg_errand_answer(struct emg_errand *e, const struct emg_answer *answer);

#endif
