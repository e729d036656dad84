#include "daemon/soundio_read.h"

#include "daemon/bdf.h"
#include "daemon/clock.h"
#include "daemon/stream.h"
#include "dsp/simd.h"

#include <string.h>

enum { BLOCK_FRAMES = 1024 };
static const double STALL_PERIODS = 5;

void emg_soundio_reader_init(struct emg_soundio_reader *reader, double period_s, _Atomic int *state)
{
    memset(reader, 0, sizeof *reader);
    reader->stall_ns = (int64_t)(1e9 * STALL_PERIODS * period_s);
    reader->state = state;
    atomic_init(&reader->closed, true);
}

void emg_soundio_reader_set_format(struct emg_soundio_reader *reader, enum emg_soundio_format format,
                                   const double *full_scale_uv)
{
    reader->format = format;
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++)
        reader->step_uv[i] = emg_bdf_step_uv(full_scale_uv[i]);
}

void emg_soundio_reader_attach(struct emg_soundio_reader *reader, const struct emg_block_writer *writer)
{
    reader->writer = *writer;
    /* The capture thread may be older than the ring: this is what makes both known to it. */
    atomic_store(&reader->closed, false);
}

/* To the nearest whole number, of two the even one: what is smaller than the last place of the sum is lost.
 */
static inline double rounded(double steps)
{
    const double large = 0x1.8p52;
    return steps + large - large;
}

/* In steps of 24 bits. NaN stays what it is. */
static inline __attribute__((always_inline)) double load(enum emg_soundio_format format, const char *sample)
{
    const double most = 8388607.0, least = -8388608.0;
    int32_t word = 0;
    int16_t half = 0;
    float number = 0;
    double steps = 0;
    switch (format) {
    case EMG_SOUNDIO_S32:
        memcpy(&word, sample, sizeof word);
        steps = rounded(word / 256.0);
        break;
    case EMG_SOUNDIO_S24:
        /* The fourth byte need not be the sign. */
        memcpy(&word, sample, sizeof word);
        return (double)(int32_t)((uint32_t)word << 8) / 256.0;
    case EMG_SOUNDIO_S16:
        memcpy(&half, sample, sizeof half);
        return half * 256.0;
    case EMG_SOUNDIO_FLOAT:
    case EMG_SOUNDIO_FORMATS:
        memcpy(&number, sample, sizeof number);
        steps = rounded((double)number * -least);
        break;
    }
    return steps > most ? most : steps < least ? least : steps;
}

static size_t size_of(enum emg_soundio_format format)
{
    return format == EMG_SOUNDIO_S16 ? sizeof(int16_t) : sizeof(int32_t);
}

/* Whether the channels lie side by side and have one scale: as devices have them, and quickly converted. */
static bool is_packed(const struct emg_soundio_reader *reader, const struct SoundIoChannelArea *areas)
{
    const unsigned n_channels = reader->writer.n_channels;
    const size_t size = size_of(reader->format);
    for (unsigned channel = 0; channel < n_channels; channel++)
        if (areas[channel].ptr != areas[0].ptr + channel * size ||
            areas[channel].step != (int)(n_channels * size) ||
            !(reader->step_uv[channel] == reader->step_uv[0]))
            return false;
    return true;
}

static inline __attribute__((always_inline)) void convert_alike(enum emg_soundio_format format,
                                                                const char *from, size_t step, double step_uv,
                                                                float *to, size_t stride, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i * stride] = (float)(load(format, from + i * step) * step_uv);
}

/* n samples that follow each other. */
EMG_VECTORISED static void convert_packed(enum emg_soundio_format format, const char *from, double step_uv,
                                          float *to, size_t n)
{
    switch (format) {
    case EMG_SOUNDIO_S32:
        convert_alike(EMG_SOUNDIO_S32, from, sizeof(int32_t), step_uv, to, 1, n);
        break;
    case EMG_SOUNDIO_S24:
        convert_alike(EMG_SOUNDIO_S24, from, sizeof(int32_t), step_uv, to, 1, n);
        break;
    case EMG_SOUNDIO_S16:
        convert_alike(EMG_SOUNDIO_S16, from, sizeof(int16_t), step_uv, to, 1, n);
        break;
    case EMG_SOUNDIO_FLOAT:
    case EMG_SOUNDIO_FORMATS:
        convert_alike(EMG_SOUNDIO_FLOAT, from, sizeof(float), step_uv, to, 1, n);
        break;
    }
}

/* Frames `first` and following of the areas, one area for each channel, into samples [n_frames][channels]. */
EMG_REALTIME static void convert(const struct emg_soundio_reader *reader,
                                 const struct SoundIoChannelArea *areas, int first, int n_frames,
                                 float *samples)
{
    const unsigned n_channels = reader->writer.n_channels;
    const size_t n = (size_t)n_frames;
    if (is_packed(reader, areas)) {
        convert_packed(reader->format, areas[0].ptr + (ptrdiff_t)areas[0].step * first, reader->step_uv[0],
                       samples, n * n_channels);
        return;
    }
    for (unsigned channel = 0; channel < n_channels; channel++) {
        const char *from = areas[channel].ptr + (ptrdiff_t)areas[channel].step * first;
        convert_alike(reader->format, from, (size_t)areas[channel].step, reader->step_uv[channel],
                      samples + channel, n_channels, n);
    }
}

/* Writes blocks; the last one, whose length is returned, is left open for the caller to publish or discard.
 */
EMG_REALTIME static int write_blocks(struct emg_soundio_reader *reader,
                                     const struct SoundIoChannelArea *areas, int n_frames, int64_t host_ns)
{
    int open = 0;
    for (int first = 0; first < n_frames; first += BLOCK_FRAMES) {
        if (open > 0)
            emg_block_end(&reader->writer, host_ns);
        const int n = n_frames - first < BLOCK_FRAMES ? n_frames - first : BLOCK_FRAMES;
        float *samples = emg_block_begin(&reader->writer, (uint32_t)n);
        if (samples != NULL)
            convert(reader, areas, first, n, samples);
        else
            emg_block_skip(&reader->writer, (uint64_t)n, EMG_GAP_RING_FULL);
        open = samples != NULL ? n : 0;
    }
    return open;
}

/* A server that overflows while nobody takes its frames does not tell. */
EMG_REALTIME static void notice_stall(struct emg_soundio_reader *reader, int64_t host_ns)
{
    const int64_t heard_ns = atomic_load(&reader->heard_ns);
    if (heard_ns != 0 && host_ns - heard_ns > reader->stall_ns)
        emg_block_doubt(&reader->writer, EMG_GAP_STALL);
    atomic_store(&reader->heard_ns, host_ns);
}

/* Counts n_frames that an overrun has spoilt; it does not tell how many more it took. */
EMG_REALTIME static void skip_overrun(struct emg_soundio_reader *reader, int n_frames)
{
    emg_block_skip(&reader->writer, (uint64_t)n_frames, EMG_GAP_OVERFLOW);
    emg_block_doubt(&reader->writer, EMG_GAP_OVERFLOW);
}

/* The writer and the ring are touched between these two alone, which hold no call of libsoundio's, so that
 * closing never waits for a call that hangs. */
EMG_REALTIME static bool enter(struct emg_soundio_reader *reader)
{
    atomic_store(&reader->busy, true);
    if (!atomic_load(&reader->closed))
        return true;
    atomic_store(&reader->busy, false);
    return false;
}

EMG_REALTIME static void leave(struct emg_soundio_reader *reader)
{
    atomic_store(&reader->busy, false);
}

/* Reads once; returns the frames dealt with, 0 when nothing more is to be had now. What nobody wants any more
 * is taken all the same: ALSA's capture thread would call again at once, without end. */
EMG_REALTIME static int read_once(struct emg_soundio_reader *reader, struct SoundIoInStream *stream,
                                  int asked, int64_t host_ns)
{
    struct SoundIoChannelArea *areas = NULL;
    int got = asked, open = 0;
    const bool lost_before = atomic_exchange(&reader->overflowed, false);
    int error = soundio_instream_begin_read(stream, &areas, &got);
    if (error != SoundIoErrorNone)
        emg_soundio_error(stream, error);
    else if (got <= 0)
        return 0;
    const bool spoilt = error != SoundIoErrorNone || atomic_exchange(&reader->overflowed, false);
    if (enter(reader)) {
        notice_stall(reader, host_ns);
        if (spoilt || lost_before) /* where in these frames the loss is, is not known */
            skip_overrun(reader, error != SoundIoErrorNone ? asked : got);
        else if (areas == NULL)
            emg_block_skip(&reader->writer, (uint64_t)got, EMG_GAP_HOLE);
        else
            open = write_blocks(reader, areas, got, host_ns);
        leave(reader);
    }
    /* ALSA has restarted the device inside begin_read: the areas are stale or point nowhere, and there is
     * nothing left that end_read could take. */
    if (spoilt)
        return 0;
    error = soundio_instream_end_read(stream);
    if (error != SoundIoErrorNone)
        emg_soundio_error(stream, error);
    if (open == 0 || !enter(reader))
        return got;
    /* Overrun while they were copied: the device may have written over them. */
    if (error != SoundIoErrorNone || atomic_exchange(&reader->overflowed, false)) {
        skip_overrun(reader, open);
    } else {
        atomic_store(reader->state,
                     EMG_STREAM_RUNNING); /* before the block, so that none is seen while lost */
        emg_block_end(&reader->writer, host_ns);
    }
    leave(reader);
    return got;
}

EMG_REALTIME void emg_soundio_read(struct SoundIoInStream *stream, int least_frames, int most_frames)
{
    struct emg_soundio_reader *reader = stream->userdata;
    const int64_t host_ns = emg_clock_monotonic_ns();
    int left = most_frames;
    while (left > 0) {
        /* JACK, which names a least, gives all of its period at once or nothing. */
        const int asked = least_frames > 0 || left < BLOCK_FRAMES ? left : BLOCK_FRAMES;
        const int taken = read_once(reader, stream, asked, host_ns);
        left = taken > 0 ? left - taken : 0;
    }
}

EMG_REALTIME void emg_soundio_overflow(struct SoundIoInStream *stream)
{
    struct emg_soundio_reader *reader = stream->userdata;
    atomic_store(&reader->overflowed, true);
}

EMG_REALTIME void emg_soundio_error(struct SoundIoInStream *stream, int error)
{
    struct emg_soundio_reader *reader = stream->userdata;
    atomic_store(&reader->error, error);
}

void emg_soundio_reader_close(struct emg_soundio_reader *reader)
{
    atomic_store(&reader->closed, true);
    while (atomic_load(&reader->busy))
        emg_clock_sleep_until(emg_clock_monotonic_ns() + 100000);
}
