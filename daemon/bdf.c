#include "daemon/bdf_header.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TIME_BYTES = 22, /* "+1844674407370.9551615": the last tick that 64 bits count */
    MAX_WAITING = 256,
};

/* The time "+T\24\24\0" and one annotation "+T\25D\24TEXT\24\0". */
_Static_assert((TIME_BYTES + 3) + (TIME_BYTES + 1 + TIME_BYTES + 1 + EMG_BDF_TEXT_MAX + 2) <=
                   EMG_BDF_ANNOTATION_BYTES,
               "a record holds any annotation");

struct annotation {
    uint64_t first_frame, n_frames;
    char text[EMG_BDF_TEXT_MAX + 1];
};

struct emg_bdf {
    int fd;
    int failure; /* errno of the write that failed; 0: none has */
    struct emg_bdf_layout layout;
    uint64_t n_records;
    size_t filled; /* frames in the record in progress */
    size_t first_waiting, n_waiting;
    struct annotation waiting[MAX_WAITING]; /* a ring */
    unsigned char record[];
};

/* Writes all of it or returns errno. */
static int write_at(int fd, const void *bytes, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        const ssize_t wrote = pwrite(fd, (const char *)bytes + done, n - done, (off_t)(offset + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return wrote < 0 ? errno : ENOSPC;
        done += (size_t)wrote;
    }
    return 0;
}

static enum emg_error tell_failure(int failure, struct emg_problem *problem)
{
    return emg_problem_set(problem, EMG_ERROR_IO, "cannot write the recording: %s", strerror(failure));
}

enum emg_error emg_bdf_create(struct emg_bdf **out, int fd, const struct emg_bdf_config *config,
                              struct emg_problem *problem)
{
    struct emg_bdf_layout layout;
    char header[EMG_BDF_HEADER_BYTES_MAX];
    *out = NULL;
    const enum emg_error error = emg_bdf_header_make(config, &layout, header, problem);
    if (error != EMG_OK)
        return error;
    struct emg_bdf *bdf = calloc(1, sizeof *bdf + layout.record_bytes);
    if (bdf == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "no memory for a recording");
    const int failure = write_at(fd, header, layout.header_bytes, 0);
    if (failure != 0) {
        free(bdf);
        return tell_failure(failure, problem);
    }
    bdf->fd = fd;
    bdf->layout = layout;
    *out = bdf;
    return EMG_OK;
}

/* --- annotations --- */

/* Exact but for the rounding to a tick: no product of rate and duration. */
static uint64_t ticks_at(const struct emg_bdf_layout *layout, uint64_t frame)
{
    const uint64_t n = layout->record_frames;
    return frame / n * layout->record_ticks + (frame % n * layout->record_ticks + n / 2) / n;
}

/* Seconds, without trailing zeros; returns the length. */
static size_t print_ticks(char *text, size_t size, uint64_t ticks)
{
    const uint64_t seconds = ticks / EMG_BDF_TICKS_PER_S, fraction = ticks % EMG_BDF_TICKS_PER_S;
    if (fraction == 0)
        return (size_t)snprintf(text, size, "%" PRIu64, seconds);
    size_t n = (size_t)snprintf(text, size, "%" PRIu64 ".%07" PRIu64, seconds, fraction);
    while (text[n - 1] == '0')
        text[--n] = '\0';
    return n;
}

bool emg_bdf_annotate(struct emg_bdf *bdf, uint64_t first_frame, uint64_t n_frames, const char *text)
{
    if (bdf->n_waiting == MAX_WAITING || text[0] == '\0')
        return false;
    struct annotation *a = &bdf->waiting[(bdf->first_waiting + bdf->n_waiting++) % MAX_WAITING];
    size_t n = strnlen(text, EMG_BDF_TEXT_MAX + 1);
    if (n > EMG_BDF_TEXT_MAX)
        for (n = EMG_BDF_TEXT_MAX; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    for (size_t i = 0; i < n; i++)
        a->text[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    a->text[n] = '\0';
    a->first_frame = first_frame;
    a->n_frames = n_frames;
    return true;
}

/* The annotation as a time-stamped list of one; returns its bytes, 0 when they do not fit. */
static size_t print_annotation(const struct emg_bdf_layout *layout, const struct annotation *a, char *list,
                               size_t room)
{
    char onset[32], duration[32] = "";
    const uint64_t begin = ticks_at(layout, a->first_frame);
    const uint64_t end = ticks_at(layout, a->first_frame + a->n_frames);
    const size_t onset_bytes = print_ticks(onset, sizeof onset, layout->start_ticks + begin);
    const size_t duration_bytes = a->n_frames > 0 ? print_ticks(duration, sizeof duration, end - begin) : 0;
    const size_t n =
        1 + onset_bytes + (duration_bytes > 0) + duration_bytes + 1 + strlen(a->text) + sizeof "\x14";
    if (n > room)
        return 0;
    (void)snprintf(list, n, "+%s%s%s\x14%s\x14", onset, duration_bytes > 0 ? "\x15" : "", duration, a->text);
    return n;
}

/* The time of the record in progress, and what waits as far as there is room. */
static void fill_annotations(struct emg_bdf *bdf)
{
    const struct emg_bdf_layout *layout = &bdf->layout;
    char *lists = (char *)bdf->record + layout->record_bytes - EMG_BDF_ANNOTATION_BYTES;
    char time[32];
    print_ticks(time, sizeof time, layout->start_ticks + bdf->n_records * layout->record_ticks);
    memset(lists, 0, EMG_BDF_ANNOTATION_BYTES);
    size_t used = (size_t)snprintf(lists, EMG_BDF_ANNOTATION_BYTES, "+%s\x14\x14", time) + 1;
    while (bdf->n_waiting > 0) {
        const struct annotation *a = &bdf->waiting[bdf->first_waiting];
        const size_t n = print_annotation(layout, a, lists + used, EMG_BDF_ANNOTATION_BYTES - used);
        if (n == 0)
            break;
        used += n;
        bdf->first_waiting = (bdf->first_waiting + 1) % MAX_WAITING;
        bdf->n_waiting--;
    }
}

/* --- records --- */

static void write_record(struct emg_bdf *bdf)
{
    const struct emg_bdf_layout *layout = &bdf->layout;
    const uint64_t offset = layout->header_bytes + bdf->n_records * layout->record_bytes;
    fill_annotations(bdf);
    bdf->failure = write_at(bdf->fd, bdf->record, layout->record_bytes, offset);
    if (bdf->failure != 0) {
        (void)!ftruncate(bdf->fd, (off_t)offset);
        return;
    }
    bdf->n_records++;
    bdf->filled = 0;
}

static uint32_t digital(float x_uv, double step_uv)
{
    const double most = 8388607.0, least = -8388608.0;
    const double d = isfinite(x_uv) ? fmax(least, fmin(nearbyint((double)x_uv / step_uv), most)) : most;
    return (uint32_t)(int32_t)d;
}

/* At most what the record in progress has room for. */
static void fill_samples(struct emg_bdf *bdf, const float *samples, size_t n_frames)
{
    const size_t n_channels = bdf->layout.n_channels;
    for (size_t c = 0; c < n_channels; c++) {
        const double step_uv = bdf->layout.step_uv[c];
        unsigned char *bytes =
            bdf->record + EMG_BDF_SAMPLE_BYTES * (c * bdf->layout.record_frames + bdf->filled);
        if (samples == NULL) {
            memset(bytes, 0, EMG_BDF_SAMPLE_BYTES * n_frames);
            continue;
        }
        for (size_t i = 0; i < n_frames; i++, bytes += EMG_BDF_SAMPLE_BYTES) {
            const uint32_t d = digital(samples[i * n_channels + c], step_uv);
            bytes[0] = (unsigned char)d;
            bytes[1] = (unsigned char)(d >> 8);
            bytes[2] = (unsigned char)(d >> 16);
        }
    }
    bdf->filled += n_frames;
}

enum emg_error emg_bdf_add(struct emg_bdf *bdf, const float *samples, size_t n_frames,
                           struct emg_problem *problem)
{
    while (n_frames > 0 && bdf->failure == 0) {
        const size_t room = bdf->layout.record_frames - bdf->filled;
        const size_t n = n_frames < room ? n_frames : room;
        fill_samples(bdf, samples, n);
        samples = samples != NULL ? samples + n * bdf->layout.n_channels : NULL;
        n_frames -= n;
        if (bdf->filled == bdf->layout.record_frames)
            write_record(bdf);
    }
    return bdf->failure != 0 ? tell_failure(bdf->failure, problem) : EMG_OK;
}

uint64_t emg_bdf_frames(const struct emg_bdf *bdf)
{
    return emg_bdf_written(bdf) + bdf->filled;
}

uint64_t emg_bdf_written(const struct emg_bdf *bdf)
{
    return bdf->n_records * bdf->layout.record_frames;
}

enum emg_error emg_bdf_close(struct emg_bdf *bdf, struct emg_problem *problem)
{
    while (bdf->failure == 0 && (bdf->filled > 0 || bdf->n_waiting > 0)) {
        fill_samples(bdf, NULL, bdf->layout.record_frames - bdf->filled);
        write_record(bdf);
    }
    char number[24];
    (void)snprintf(number, sizeof number, "%-*" PRIu64, EMG_BDF_NUMBER_WIDTH, bdf->n_records);
    const int failure = write_at(bdf->fd, number, EMG_BDF_NUMBER_WIDTH, EMG_BDF_AT_RECORDS);
    if (bdf->failure == 0)
        bdf->failure = failure;
    const enum emg_error error = bdf->failure != 0 ? tell_failure(bdf->failure, problem) : EMG_OK;
    free(bdf);
    return error;
}

void emg_bdf_abandon(struct emg_bdf *bdf)
{
    free(bdf);
}
