/* A file or directory that appears under its name only when it is complete.
 *
 * Until then it has another name beside it; what fails on the way leaves nothing behind, and what was there
 * before is untouched. SIGINT, SIGTERM and SIGHUP wait meanwhile. One instance; main thread. */
#ifndef EMG_CLIENTS_REPORT_OUTPUT_H
#define EMG_CLIENTS_REPORT_OUTPUT_H

#include "daemon/problem.h"

#include <stdbool.h>
#include <stdio.h>

struct emg_report_output;

/* path NULL: standard output. A file replaces one of the same name; what is no regular file (a device, a
 * pipe) is written directly. A directory must be new or empty, and becomes 0700. Errors, each naming the
 * path: EMG_ERROR_IO, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_report_output_create(struct emg_report_output **out, const char *path, bool directory,
                                        struct emg_problem *problem);

/* Where to write. In a directory a file of this name, after the one before it; NULL when it cannot be made,
 * which commit then tells. */
FILE *emg_report_output_file(struct emg_report_output *output, const char *name);

/* Whether the program has been told to end. */
bool emg_report_output_is_interrupted(const struct emg_report_output *output);

/* Gives it its name. Errors, naming the path: EMG_ERROR_IO. */
enum emg_error emg_report_output_commit(struct emg_report_output *output, struct emg_problem *problem);

/* What was not committed is removed; a signal that waited is taken now, and ends the program as it would
 * have. NULL is a no-op. */
void emg_report_output_destroy(struct emg_report_output *output);

#endif
