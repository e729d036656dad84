/* What the command lines of the client programs have in common.
 *
 * Messages go to standard error. */
#ifndef EMG_CLIENTS_ARGUMENTS_H
#define EMG_CLIENTS_ARGUMENTS_H

#include <stdbool.h>

/* The exit codes of every program of the house. */
enum { EMG_EXIT_DONE, EMG_EXIT_FAILED, EMG_EXIT_USAGE };

/* Reads a number in min..max out of an option's text; says what is wrong and returns false when it is none.
 */
bool emg_argument_number(const char *program, const char *option, const char *text, double min, double max,
                         double *value);

/* Says that an endpoint cannot be connected to, for the reason in errno; returns the exit code. */
int emg_argument_bad_endpoint(const char *program, const char *option, const char *endpoint);

/* Prints "<program> <version>" on standard output. */
void emg_argument_version(const char *program);

#endif
