/* Takes frames out of a libsoundio input stream and puts them on the ring as blocks of microvolts.
 *
 * emg_soundio_read and emg_soundio_overflow are called by libsoundio on its capture thread (JACK reports an
 * overflow from another one); all else is for the main thread. Only the capture thread touches the writer
 * until the reader is closed, after that only the main thread. */
#ifndef EMG_DAEMON_SOUNDIO_READ_H
#define EMG_DAEMON_SOUNDIO_READ_H

#include "daemon/block.h"
#include "daemon/soundio_device.h"
#include "dsp/realtime.h"

#include <soundio/soundio.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The userdata of the input stream. */
struct emg_soundio_reader {
    struct emg_block_writer writer;
    enum emg_soundio_format format;
    double step_uv[EMG_MAX_CHANNELS]; /* microvolts of one step of 24 bits */
    int64_t stall_ns;                 /* after a longer silence frames may be missing */
    _Atomic int *state;               /* enum emg_stream_state; becomes RUNNING with each block */
    _Atomic int64_t heard_ns;         /* CLOCK_MONOTONIC of the newest frames; 0: none yet */
    _Atomic int error;                /* enum SoundIoError: the stream has broken down; 0: it has not */
    _Atomic bool overflowed;          /* frames were lost since the last read */
    _Atomic bool closed;              /* what comes is discarded; writer and ring are not touched */
    _Atomic bool busy;
};

/* period_s: of the callbacks. */
void emg_soundio_reader_init(struct emg_soundio_reader *reader, double period_s, _Atomic int *state);

/* To be called before the stream starts. full_scale_uv [EMG_MAX_CHANNELS]: microvolts of a full-scale sample
 * of each channel. What has more than 24 bits is rounded to them, as a recording holds it. */
void emg_soundio_reader_set_format(struct emg_soundio_reader *reader, enum emg_soundio_format format,
                                   const double *full_scale_uv);

/* Opens the reader, to go on where *writer stands: until then, what comes is discarded. */
void emg_soundio_reader_attach(struct emg_soundio_reader *reader, const struct emg_block_writer *writer);

/* Read callback. Every frame that the backend tells of is delivered, or counted as lost with its cause. */
EMG_REALTIME void emg_soundio_read(struct SoundIoInStream *stream, int least_frames, int most_frames);

/* Overflow and error callbacks. */
EMG_REALTIME void emg_soundio_overflow(struct SoundIoInStream *stream);
EMG_REALTIME void emg_soundio_error(struct SoundIoInStream *stream, int error);

/* After this returns the callback touches neither writer nor ring nor state any more, however long libsoundio
 * goes on calling it. Idempotent. */
void emg_soundio_reader_close(struct emg_soundio_reader *reader);

#endif
