/* A recording as overlapping Hann windows, one line of CSV for each: what most of the literature has.
 *
 * Each muscle goes through decimator, mains removal and the spectral band's filter; nothing is gated, but no
 * window spans a gap or the 0.25 s in which the filters settle. One instance; main thread. */
#ifndef EMG_CLIENTS_REPORT_WINDOWS_H
#define EMG_CLIENTS_REPORT_WINDOWS_H

#include "daemon/montage.h"
#include "daemon/problem.h"
#include "daemon/script.h"
#include "daemon/wire.h"

#include <stdio.h>

struct emg_report_windows;

/* window_s seconds of which `overlap`, a share, is common with the next one; mains_hz 0: mains stays. wire
 * and montage are kept. script NULL: no gaps are known of. Errors, with their message: EMG_ERROR_ARGUMENT,
 * EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_report_windows_create(struct emg_report_windows **out, double mains_hz,
                                         const struct emg_wire *wire, const struct emg_montage *montage,
                                         const struct emg_script *script, double window_s, double overlap,
                                         FILE *lines, struct emg_problem *problem);

/* Takes the recording's next n_frames frames and writes the windows that complete. */
void emg_report_windows_execute(struct emg_report_windows *q, const float *frames, size_t n_frames);

void emg_report_windows_destroy(struct emg_report_windows *q); /* NULL is a no-op */

#endif
