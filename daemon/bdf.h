/* Writes recordings as BDF+C (24-bit European Data Format, continuous), with its annotations inside each data
 * record, so that what was written before a crash is whole.
 *
 * The header holds -1 as the number of records until the file is closed; only whole records are ever
 * appended. A record lasts 0.1 to 0.5 s (a rate that no such record holds in whole frames: up to 1 s), as
 * short as the annotations' share of the file stays small. One instance belongs to one thread; it does no
 * buffering but the record in progress.
 * Source: https://www.edfplus.info/specs/edfplus.html, https://www.biosemi.com/faq/file_format.htm */
#ifndef EMG_DAEMON_BDF_H
#define EMG_DAEMON_BDF_H

#include "daemon/config.h"
#include "daemon/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EMG_BDF_TEXT_MAX = 480, /* longest text of an annotation in bytes: EDFlib cuts at 512 */
};

struct emg_bdf;

struct emg_bdf_channel {
    char label[17]; /* "EMG L SOL", "SW L", "CH 5"; as all texts of the header: ASCII, others become '?' */
    char transducer[81];  /* electrodes */
    char prefilter[81];   /* as in "HP:12Hz" */
    double full_scale_uv; /* for digital -8388608; emg_bdf_step_uv tells what one digital step is */
};

struct emg_bdf_config {
    double rate_hz;       /* frames per second; a whole number of frames must fit a record of 1 s or less */
    double start_t;       /* Unix time of the first frame, to 100 ns; outside of 1985..2084: not told */
    char participant[17]; /* a code; "" becomes X, as the format wants */
    char equipment[33];   /* name and version of what records; "" becomes X */
    unsigned n_channels;
    struct emg_bdf_channel channels[EMG_MAX_CHANNELS];
};

/* Microvolts that one digital step stands for when full scale is full_scale_uv: that / 2^23, as the eight
 * characters of the header can say it, which is exact for all sensible values. Defined for every value: below
 * 0.00001 and what is no number counts as 0.00001 uV, above 9999 V as 9999 V. */
double emg_bdf_step_uv(double full_scale_uv);

/* Writes the header to fd, a new empty file that stays the caller's. Errors: EMG_ERROR_ARGUMENT (a rate of
 * which no whole number of frames fits a record, no channel or too many, a channel labelled as annotations),
 * EMG_ERROR_IO naming the reason, EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_bdf_create(struct emg_bdf **out, int fd, const struct emg_bdf_config *config,
                              struct emg_problem *problem);

/* Appends n_frames frames, interleaved microvolts [n_frames * n_channels]: rounded to the nearest step,
 * clipped to 24 bits, what is not finite as positive full scale. NULL pads with zeros. Errors: EMG_ERROR_IO
 * (disk full, file gone): then the file holds whole records up to some frame, and nothing more can be
 * appended. */
enum emg_error emg_bdf_add(struct emg_bdf *bdf, const float *samples, size_t n_frames,
                           struct emg_problem *problem);

/* Adds an annotation of n_frames frames (0: an instant) from first_frame on, counted from the file's first.
 * UTF-8 of at most EMG_BDF_TEXT_MAX bytes without control characters; longer is cut between characters,
 * control characters become '?'. It is written with the record in progress, or one of the next when that is
 * full. Returns false when too many (256) wait, or the text is empty. */
bool emg_bdf_annotate(struct emg_bdf *bdf, uint64_t first_frame, uint64_t n_frames, const char *text);

uint64_t emg_bdf_frames(const struct emg_bdf *bdf);  /* added so far */
uint64_t emg_bdf_written(const struct emg_bdf *bdf); /* of those in whole records of the file */

/* Fills the record in progress with zeros, writes what annotations wait, and puts the number of records into
 * the header. The file is then complete; fd stays open. Frees *bdf in any case. After an error of
 * emg_bdf_add, too, the header gets the number of records; the error is then told once more. */
enum emg_error emg_bdf_close(struct emg_bdf *bdf, struct emg_problem *problem);

/* Frees without touching the file. NULL is a no-op. */
void emg_bdf_abandon(struct emg_bdf *bdf);

/* --- files that were not closed --- */

struct emg_bdf_repair {
    uint64_t records; /* whole ones, now told by the header */
    double seconds;
    uint64_t cut_bytes; /* of a partial record at the end, taken off */
    bool changed;       /* false: it was in order */
};

/* Whether the file at path is a BDF+ whose number of records is -1. */
bool emg_bdf_is_unfinished(const char *path);

/* Makes a BDF or BDF+ (EDF, EDF+ too) that was not closed, or was cut, readable again: takes off a partial
 * record and writes the number of whole ones into the header. Of BDF+ and EDF+ those at the end count as
 * partial, too, that hold no time (after a power cut a file may end in bytes that were never written). A file
 * that is in order is left alone (its figures are filled in, cut_bytes is 0). A file that another program
 * holds a write lock (flock) on is refused. Errors, naming the path: EMG_ERROR_NOT_FOUND, EMG_ERROR_IO,
 * EMG_ERROR_FORMAT (no such file format, header damaged, no whole record): then it is as it was. */
enum emg_error emg_bdf_repair(const char *path, struct emg_bdf_repair *repair, struct emg_problem *problem);

#endif
