/* Standard output in large pieces, which neither hides its end nor keeps the program from ending.
 *
 * One instance; belongs to one thread. */
#ifndef EMG_CLIENTS_OUTPUT_H
#define EMG_CLIENTS_OUTPUT_H

#include <stddef.h>

struct emg_output;

enum emg_output_state {
    EMG_OUTPUT_OPEN,
    EMG_OUTPUT_STOPPED, /* the program is told to end while nobody takes the output */
    EMG_OUTPUT_CLOSED,  /* its reader is gone */
    EMG_OUTPUT_FAILED,  /* errno tells why */
};

/* stop_fd as emg_stop_open gives it. Returns NULL with errno. */
struct emg_output *emg_output_create(int stop_fd);

/* Appends n bytes; writes only when there is much to write. */
enum emg_output_state emg_output_put(struct emg_output *output, const char *text, size_t n);

/* Writes everything that is waiting. Once closed or failed an output stays so. */
enum emg_output_state emg_output_flush(struct emg_output *output);

void emg_output_destroy(struct emg_output *output); /* NULL is a no-op; writes nothing */

#endif
