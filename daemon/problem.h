/* What went wrong, in words for the person at the keyboard. Plain value; any thread. */
#ifndef EMG_DAEMON_PROBLEM_H
#define EMG_DAEMON_PROBLEM_H

#include "dsp/error.h"

/* One line: names the file (with line), key, label or device, what is wrong with it, and what to do. */
struct emg_problem {
    char text[512];
};

/* Writes the message (cut to fit; control characters become '?') and returns `error`, so that a function can
 * end with `return emg_problem_set(problem, EMG_ERROR_X, ...)`. problem may be NULL. */
enum emg_error emg_problem_set(struct emg_problem *problem, enum emg_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
