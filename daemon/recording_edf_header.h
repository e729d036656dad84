/* Reads and checks the header of an EDF, EDF+, BDF or BDF+ recording. Internal to emg_recording. */
#ifndef EMG_DAEMON_RECORDING_EDF_HEADER_H
#define EMG_DAEMON_RECORDING_EDF_HEADER_H

#include "daemon/recording_format.h"

enum { EMG_EDF_MAX_SIGNALS = 640 }; /* EDFlib's limit */

/* mantissa * 10^exponent: as written, without rounding. */
struct emg_edf_decimal {
    double mantissa;
    int exponent;
};

struct emg_edf_signal {
    char label[17]; /* trimmed */
    double unit_uv; /* of its physical dimension; 0: not a voltage */
    double physical_min, physical_max;
    long digital_min, digital_max;
    long samples_per_record;
};

struct emg_edf_header {
    bool bdf;
    long n_records;
    struct emg_edf_decimal record_s;
    uint64_t header_bytes, record_bytes;
    size_t n_channels; /* the signals that are not annotations, in their order; may be 0 */
    struct emg_edf_signal channels[EMG_MAX_CHANNELS];
    size_t n_annotations; /* signals of EDF+ or BDF+; may be 0 */
    struct {
        uint64_t offset, bytes; /* in a record */
    } annotations[EMG_EDF_MAX_SIGNALS];
};

/* Reads the header, all of it checked, and compares it with the file's size. To be done before EDFlib sees
 * the file: EDFlib says only that something is wrong, and adds up the sizes of a record without regard to
 * overflow. Errors: EMG_ERROR_FORMAT, EMG_ERROR_MEMORY, EMG_ERROR_UNSUPPORTED (discontinuous, too many
 * signals, records too large for EDFlib). */
enum emg_error emg_edf_header_read(const struct emg_recording *r, struct emg_edf_header *header,
                                   struct emg_problem *problem);

/* The rate of a signal, rounded once: 1000.0 and not nearly so for 10 samples in 0.01 s. */
double emg_edf_header_rate_hz(const struct emg_edf_header *header, long samples_per_record);

/* Reads the annotations of all records into r->annotations, which emg_recording_free_annotations frees, also
 * after an error. Of more than can be sensible (262144, or 64 MiB of text) the first ones. Errors:
 * EMG_ERROR_MEMORY, EMG_ERROR_IO. */
enum emg_error emg_edf_annotations_read(struct emg_recording *r, const struct emg_edf_header *header,
                                        struct emg_problem *problem);

#endif
