/* What went wrong, in words for the person at the keyboard. Plain value; any thread. */
#ifndef EMG_DAEMON_PROBLEM_H
#define EMG_DAEMON_PROBLEM_H

#include "dsp/error.h"

/* One line: names the file (with line), key, label or device, what is wrong with it, and what to do. */
struct emg_problem {
    char text[512];
};

/* Writes the message, cut to fit, control characters as '?'. problem may be NULL. */
void emg_problem_write(struct emg_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, as an expression whose value is `error`: a function can end with `return emg_problem_set(problem,
 * EMG_ERROR_X, ...)`. */
#define emg_problem_set(problem, error, ...)                                                                 \
    (emg_problem_write((problem), __VA_ARGS__), (enum emg_error)(error))

#endif
