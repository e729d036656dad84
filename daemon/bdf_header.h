/* Lays out a BDF+C and makes its header. Internal to emg_bdf; plain functions, any thread.
 *
 * Source: https://www.edfplus.info/specs/edf.html, https://www.edfplus.info/specs/edfplus.html */
#ifndef EMG_DAEMON_BDF_HEADER_H
#define EMG_DAEMON_BDF_HEADER_H

#include "daemon/bdf.h"

enum {
    EMG_BDF_PART_BYTES = 256, /* of the fixed part, and of each signal's share of the columns */
    EMG_BDF_HEADER_BYTES_MAX = EMG_BDF_PART_BYTES * (EMG_MAX_CHANNELS + 2),
    EMG_BDF_AT_RECORDS = 236, /* where the number of records stands, and how wide */
    EMG_BDF_NUMBER_WIDTH = 8,
    EMG_BDF_SAMPLE_BYTES = 3,
    EMG_BDF_ANNOTATION_BYTES = 3 * 192, /* in a record, behind the samples */
    EMG_BDF_TICKS_PER_S = 10000000,     /* EDFlib's unit of time: 100 ns */
};

struct emg_bdf_layout {
    size_t n_channels, header_bytes, record_frames, record_bytes;
    uint64_t record_ticks;
    uint64_t start_ticks; /* of the first frame since the second that the header tells */
    double step_uv[EMG_MAX_CHANNELS];
};

/* Fills the layout and the header, whose number of records is -1. Errors: as emg_bdf_create's, but for input
 * and output. */
enum emg_error emg_bdf_header_make(const struct emg_bdf_config *config, struct emg_bdf_layout *layout,
                                   char header[EMG_BDF_HEADER_BYTES_MAX], struct emg_problem *problem);

#endif
