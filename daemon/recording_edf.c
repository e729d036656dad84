#include "daemon/recording_edf_header.h"

#include <edflib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of all channels, read at a time: at least 128 KiB of the file, so that EDFlib, which goes through the file
 * once for each channel, finds it in the page cache. */
enum { BLOCK_SAMPLES = 65536 };

struct edf {
    int handle;
    double gain_uv[EMG_MAX_CHANNELS], offset_uv[EMG_MAX_CHANNELS];
    size_t block_frames, block_used, block_filled;
    uint64_t n_loaded; /* frames of the recording that have been in the block */
    int *digital;      /* [block_frames], of one channel */
    float block[];     /* [block_frames * n_channels], interleaved */
};

static bool edf_recognises(const unsigned char head[EMG_RECORDING_HEAD_SIZE])
{
    static const unsigned char bdf[8] = {0xff, 'B', 'I', 'O', 'S', 'E', 'M', 'I'};
    return memcmp(head, bdf, sizeof bdf) == 0 || memcmp(head, "0       ", 8) == 0;
}

/* The most numerous number of samples in a record among the voltages, the higher one on a tie; 0 without one.
 */
static long choose_samples_per_record(const struct emg_edf_header *header)
{
    long best = 0;
    size_t best_count = 0;
    for (size_t i = 0; i < header->n_channels; i++) {
        const long candidate = header->channels[i].samples_per_record;
        size_t count = 0;
        for (size_t k = 0; k < header->n_channels; k++)
            count += header->channels[k].unit_uv > 0.0 && header->channels[k].samples_per_record == candidate;
        if (count > best_count || (count == best_count && count > 0 && candidate > best)) {
            best = candidate;
            best_count = count;
        }
    }
    return best;
}

static enum emg_error describe(struct emg_recording *r, const struct emg_edf_header *header,
                               struct emg_problem *problem)
{
    struct emg_stream_info *info = &r->info;
    const long samples_per_record = choose_samples_per_record(header);
    if (samples_per_record == 0)
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED, "%s: has no signal in V, mV, uV or nV",
                               r->path);
    if (!(header->record_s.mantissa > 0.0))
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: its data records last 0 s", r->path);
    const double rate_hz = emg_edf_header_rate_hz(header, samples_per_record);
    const enum emg_error error = emg_recording_set_shape(r, header->n_channels, rate_hz, problem);
    if (error != EMG_OK)
        return error;
    info->n_frames = (uint64_t)samples_per_record * (uint64_t)header->n_records;
    for (size_t c = 0; c < header->n_channels; c++) {
        const struct emg_edf_signal *s = &header->channels[c];
        struct emg_channel *channel = &info->channels[c];
        memcpy(channel->label, s->label, sizeof s->label);
        channel->calibrated = true;
        channel->usable = s->unit_uv > 0.0 && s->samples_per_record == samples_per_record;
        if (channel->usable)
            channel->full_scale_uv = s->unit_uv * fmax(fabs(s->physical_min), fabs(s->physical_max));
    }
    return EMG_OK;
}

static const char *edflib_message(int code)
{
    switch (code) {
    case EDFLIB_MALLOC_ERROR:
        return "out of memory";
    case EDFLIB_NO_SUCH_FILE_OR_DIRECTORY:
        return "cannot be opened again";
    case EDFLIB_FILE_CONTAINS_FORMAT_ERRORS:
        return "damaged: its start date or EDF+ fields (patient, recording, annotations) are not valid";
    case EDFLIB_MAXFILES_REACHED:
        return "too many EDF and BDF recordings are open";
    case EDFLIB_FILE_ALREADY_OPENED:
        return "is open already; it can be read only once at a time";
    default:
        return "EDFlib cannot read it";
    }
}

static enum emg_error edflib_error(int code)
{
    switch (code) {
    case EDFLIB_MALLOC_ERROR:
        return EMG_ERROR_MEMORY;
    case EDFLIB_FILE_CONTAINS_FORMAT_ERRORS:
        return EMG_ERROR_FORMAT;
    default:
        return EMG_ERROR_IO;
    }
}

/* Opens the file with EDFlib, which opens it by its path a second time, and makes sure that it sees the same.
 */
static enum emg_error open_edflib(struct emg_recording *r, const struct emg_edf_header *header, int *handle,
                                  struct emg_problem *problem)
{
    struct edf_hdr_struct *edflib = malloc(sizeof *edflib);
    if (edflib == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: out of memory", r->path);
    enum emg_error error = EMG_OK;
    if (edfopen_file_readonly(r->path, edflib, EDFLIB_DO_NOT_READ_ANNOTATIONS) != 0) {
        const int code = edflib->filetype;
        error = emg_problem_set(problem, edflib_error(code), "%s: %s", r->path, edflib_message(code));
        goto done;
    }
    bool same =
        edflib->datarecords_in_file == header->n_records && edflib->edfsignals == (int)header->n_channels;
    for (size_t c = 0; same && c < header->n_channels; c++)
        same = edflib->signalparam[c].smp_in_datarecord == header->channels[c].samples_per_record;
    if (!same) {
        (void)edfclose_file(edflib->handle);
        error = emg_problem_set(problem, EMG_ERROR_IO, "%s: changed while it was being opened", r->path);
        goto done;
    }
    *handle = edflib->handle;
    struct tm start = {
        .tm_year = edflib->startdate_year - 1900,
        .tm_mon = edflib->startdate_month - 1,
        .tm_mday = edflib->startdate_day,
        .tm_hour = edflib->starttime_hour,
        .tm_min = edflib->starttime_minute,
        .tm_sec = edflib->starttime_second,
    };
    r->info.has_start = true;
    r->info.start_t =
        (double)timegm(&start) + (double)edflib->starttime_subsecond / (double)EDFLIB_TIME_DIMENSION;

done:
    free(edflib);
    return error;
}

/* Whether its range is that of digital values without an offset, as nearly as the eight characters of the
 * physical maximum can tell: an even number of bits has one more value below zero than above, and
 * 5000 * 8388607/8388608 has more digits than fit. */
static bool is_about_zero(const struct emg_edf_signal *s)
{
    if (s->digital_min >= 0 || s->digital_max <= 0)
        return false;
    const double maximum = s->physical_min * ((double)s->digital_max / (double)s->digital_min);
    int decimals = maximum < 0.0 ? 5 : 6; /* "-0.12345", "0.123456" */
    for (double rest = fabs(maximum); rest >= 10.0 && decimals > 0; rest /= 10.0)
        decimals--;
    const double rounding = 0.5 * pow(10.0, -decimals);
    return fabs(s->physical_max - maximum) <= rounding * (1.0 + 1e-6);
}

static void calibrate(struct edf *edf, const struct emg_edf_header *header)
{
    for (size_t c = 0; c < header->n_channels; c++) {
        const struct emg_edf_signal *s = &header->channels[c];
        const double low_uv = s->unit_uv * s->physical_min, high_uv = s->unit_uv * s->physical_max;
        const double low = (double)s->digital_min, high = (double)s->digital_max;
        if (is_about_zero(s)) {
            edf->gain_uv[c] = low_uv / low;
            continue;
        }
        edf->gain_uv[c] = (high_uv - low_uv) / (high - low);
        edf->offset_uv[c] = (low_uv * high - high_uv * low) / (high - low);
    }
}

static enum emg_error edf_open(struct emg_recording *r, double full_scale_uv, struct emg_problem *problem)
{
    (void)full_scale_uv; /* the file has its own */
    struct emg_edf_header header;
    struct edf *edf = NULL;
    enum emg_error error = emg_edf_header_read(r, &header, problem);
    if (error == EMG_OK)
        error = describe(r, &header, problem);
    if (error != EMG_OK)
        return error;

    const size_t block_frames = BLOCK_SAMPLES / header.n_channels;
    edf = calloc(1, sizeof *edf + block_frames * header.n_channels * sizeof edf->block[0]);
    int *digital = malloc(block_frames * sizeof *digital);
    if (edf == NULL || digital == NULL) {
        error = emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: out of memory", r->path);
        goto fail;
    }
    error = emg_edf_annotations_read(r, &header, problem);
    if (error == EMG_OK)
        error = open_edflib(r, &header, &edf->handle, problem);
    if (error != EMG_OK)
        goto fail;
    calibrate(edf, &header);
    edf->block_frames = block_frames;
    edf->digital = digital;
    r->state = edf;
    return EMG_OK;

fail:
    free(digital);
    free(edf);
    return error;
}

static bool refill(struct emg_recording *r)
{
    struct edf *edf = r->state;
    const uint64_t left = r->info.n_frames - edf->n_loaded;
    const size_t n = left < edf->block_frames ? (size_t)left : edf->block_frames;
    const size_t stride = r->info.n_channels;
    edf->block_used = edf->block_filled = 0;
    for (size_t c = 0; c < stride; c++) {
        if (!r->info.channels[c].usable)
            continue; /* zeros since the beginning */
        if (edfread_digital_samples(edf->handle, (int)c, (int)n, edf->digital) != (int)n)
            return false;
        const double gain_uv = edf->gain_uv[c], offset_uv = edf->offset_uv[c];
        float *samples = edf->block + c;
        for (size_t i = 0; i < n; i++)
            samples[i * stride] = (float)(gain_uv * (double)edf->digital[i] + offset_uv);
    }
    edf->n_loaded += n;
    edf->block_filled = n;
    return n > 0;
}

static size_t edf_read(struct emg_recording *r, float *samples, size_t n_frames)
{
    struct edf *edf = r->state;
    const size_t n_channels = r->info.n_channels;
    size_t done = 0;
    while (done < n_frames) {
        if (edf->block_used == edf->block_filled && !refill(r))
            break;
        const size_t available = edf->block_filled - edf->block_used;
        const size_t n = n_frames - done < available ? n_frames - done : available;
        memcpy(samples + done * n_channels, edf->block + edf->block_used * n_channels,
               n * n_channels * sizeof *samples);
        edf->block_used += n;
        done += n;
    }
    return done;
}

static void edf_close(struct emg_recording *r)
{
    struct edf *edf = r->state;
    (void)edfclose_file(edf->handle);
    free(edf->digital);
    free(edf);
}

const struct emg_recording_reader emg_recording_edf = {
    .recognises = edf_recognises,
    .open = edf_open,
    .read = edf_read,
    .close = edf_close,
};
