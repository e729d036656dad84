#include "daemon/recording_format.h"

#include <inttypes.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

struct audio {
    SNDFILE *file;
    double full_scale_uv;
};

static bool audio_recognises(const unsigned char head[EMG_RECORDING_HEAD_SIZE])
{
    /* The first bytes of Wave64's GUID for "riff". */
    static const unsigned char w64[8] = {'r', 'i', 'f', 'f', 0x2e, 0x91, 0xcf, 0x11};
    const bool wave = memcmp(head + 8, "WAVE", 4) == 0;
    return (wave && (memcmp(head, "RIFF", 4) == 0 || memcmp(head, "RF64", 4) == 0)) ||
           memcmp(head, w64, sizeof w64) == 0 || memcmp(head, "fLaC", 4) == 0;
}

static enum emg_error check_encoding(const struct emg_recording *r, const SF_INFO *form,
                                     struct emg_problem *problem)
{
    switch (form->format & SF_FORMAT_TYPEMASK) {
    case SF_FORMAT_WAV:
    case SF_FORMAT_WAVEX:
    case SF_FORMAT_W64:
    case SF_FORMAT_RF64:
    case SF_FORMAT_FLAC:
        break;
    default:
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: is not BDF, EDF, WAV, W64, RF64 or FLAC",
                               r->path);
    }
    switch (form->format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_PCM_24:
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT:
    case SF_FORMAT_DOUBLE:
        return EMG_OK;
    default:
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED,
                               "%s: its samples are companded or compressed with loss; use PCM or float",
                               r->path);
    }
}

static uint64_t little_endian(const unsigned char *bytes, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* Finds the chunk of samples. Returns the bytes that its header promises in *promised and those that the file
 * has left in *held, or false when the header leaves the length open, as programs that write to a pipe do.
 * libsndfile would shorten a cut file without a word. */
static bool find_samples(const struct emg_recording *r, bool w64, uint64_t *promised, uint64_t *held)
{
    enum { CHUNKS_MAX = 1000 }; /* bounds the work on a hostile file */
    const size_t size_at = w64 ? 16 : 4;
    const unsigned size_width = w64 ? 8 : 4;
    const size_t header_bytes = size_at + size_width;
    uint64_t offset = w64 ? 40 : 12;
    uint64_t rf64_bytes = 0; /* of samples, from the chunk "ds64" that comes first in RF64 */
    for (int i = 0; i < CHUNKS_MAX; i++) {
        unsigned char header[24] = {0}, ds64[16];
        if (!emg_recording_read_at(r, offset, header, header_bytes))
            return false;
        uint64_t bytes = little_endian(header + size_at, size_width);
        if (w64) {
            if (bytes < header_bytes)
                return false;
            bytes -= header_bytes;
        }
        offset += header_bytes;
        if (memcmp(header, "ds64", 4) == 0 && emg_recording_read_at(r, offset, ds64, sizeof ds64))
            rf64_bytes = little_endian(ds64 + 8, 8);
        if (memcmp(header, "data", 4) == 0) {
            if (!w64 && bytes == UINT32_MAX)
                bytes = rf64_bytes;
            *promised = bytes;
            *held = r->size_bytes - offset;
            return bytes != 0;
        }
        const uint64_t padding = w64 ? (8 - bytes % 8) % 8 : bytes % 2;
        if (bytes > r->size_bytes || offset + bytes + padding >= r->size_bytes)
            return false;
        offset += bytes + padding;
    }
    return false;
}

static enum emg_error check_length(const struct emg_recording *r, SNDFILE *file, const SF_INFO *form,
                                   struct emg_problem *problem)
{
    if (form->frames <= 0)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: holds no samples, or was not closed properly",
                               r->path);
    const int type = form->format & SF_FORMAT_TYPEMASK;
    if (type == SF_FORMAT_FLAC) {
        if (form->frames == SF_COUNT_MAX)
            return EMG_OK;
        /* Only the last frame tells whether compressed data are all there. */
        float frame[EMG_MAX_CHANNELS];
        if (sf_seek(file, form->frames - 1, SEEK_SET) < 0 || sf_readf_float(file, frame, 1) != 1 ||
            sf_seek(file, 0, SEEK_SET) != 0)
            return emg_problem_set(problem, EMG_ERROR_FORMAT,
                                   "%s: truncated or damaged: the last of the %" PRId64
                                   " frames that its header promises cannot be read",
                                   r->path, (int64_t)form->frames);
        return EMG_OK;
    }
    uint64_t promised = 0, held = 0;
    if (find_samples(r, type == SF_FORMAT_W64, &promised, &held) && promised > held)
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: truncated: the header promises %" PRIu64 " bytes of samples, the file "
                               "holds %" PRIu64,
                               r->path, promised, held);
    return EMG_OK;
}

static void describe(struct emg_recording *r, const SF_INFO *form, double full_scale_uv)
{
    struct emg_stream_info *info = &r->info;
    for (unsigned c = 0; c < info->n_channels; c++) {
        info->channels[c].full_scale_uv = full_scale_uv;
        info->channels[c].usable = true;
    }
    if (form->frames == SF_COUNT_MAX)
        return;
    info->n_frames = (uint64_t)form->frames;
    info->has_start = true;
    info->start_t = r->modified_t - (double)form->frames / info->rate_hz;
}

static enum emg_error audio_open(struct emg_recording *r, double full_scale_uv, struct emg_problem *problem)
{
    SF_INFO form = {0};
    SNDFILE *file = sf_open_fd(r->fd, SFM_READ, &form, SF_FALSE);
    if (file == NULL)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: truncated or damaged: %s", r->path,
                               sf_strerror(NULL));
    enum emg_error error = check_encoding(r, &form, problem);
    if (error == EMG_OK)
        error = emg_recording_set_shape(r, (size_t)form.channels, (double)form.samplerate, problem);
    if (error == EMG_OK)
        error = check_length(r, file, &form, problem);
    if (error != EMG_OK)
        goto fail;
    struct audio *audio = malloc(sizeof *audio);
    if (audio == NULL) {
        error = emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: out of memory", r->path);
        goto fail;
    }
    *audio = (struct audio){.file = file, .full_scale_uv = full_scale_uv};
    r->state = audio;
    describe(r, &form, full_scale_uv);
    return EMG_OK;

fail:
    (void)sf_close(file);
    return error;
}

static size_t audio_read(struct emg_recording *r, float *samples, size_t n_frames)
{
    const struct audio *audio = r->state;
    const sf_count_t got = sf_readf_float(audio->file, samples, (sf_count_t)n_frames);
    const size_t n = got > 0 ? (size_t)got : 0;
    for (size_t i = 0; i < n * r->info.n_channels; i++)
        samples[i] = (float)((double)samples[i] * audio->full_scale_uv);
    return n;
}

static void audio_close(struct emg_recording *r)
{
    struct audio *audio = r->state;
    (void)sf_close(audio->file);
    free(audio);
}

const struct emg_recording_reader emg_recording_audio = {
    .recognises = audio_recognises,
    .open = audio_open,
    .read = audio_read,
    .close = audio_close,
};
