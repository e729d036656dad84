#include "daemon/recording.h"

#include "daemon/recording_format.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RATE_MIN_HZ 1000.0
#define RATE_MAX_HZ 192000.0

bool emg_recording_read_at(const struct emg_recording *r, uint64_t offset, void *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        const ssize_t got = pread(r->fd, (char *)bytes + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

enum emg_error emg_recording_set_shape(struct emg_recording *r, size_t n_channels, double rate_hz,
                                       struct emg_problem *problem)
{
    if (n_channels == 0 || n_channels > EMG_MAX_CHANNELS)
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED, "%s: has %zu channels; 1 to %d can be read",
                               r->path, n_channels, EMG_MAX_CHANNELS);
    if (!(rate_hz >= RATE_MIN_HZ && rate_hz <= RATE_MAX_HZ))
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED,
                               "%s: its rate is %g Hz; %g to %g Hz can be read", r->path, rate_hz,
                               RATE_MIN_HZ, RATE_MAX_HZ);
    r->info.n_channels = (unsigned)n_channels;
    r->info.rate_hz = rate_hz;
    return EMG_OK;
}

static enum emg_error open_file(struct emg_recording *r, struct emg_problem *problem)
{
    /* O_NONBLOCK: a FIFO given by mistake must be refused below, not waited for. */
    r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (r->fd < 0) {
        const bool missing = errno == ENOENT || errno == ENOTDIR;
        return emg_problem_set(problem, missing ? EMG_ERROR_NOT_FOUND : EMG_ERROR_IO, "%s: %s", r->path,
                               strerror(errno));
    }
    struct stat status;
    if (fstat(r->fd, &status) != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: %s", r->path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: is a directory, not a recording", r->path);
    if (!S_ISREG(status.st_mode))
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: is not a regular file", r->path);
    r->size_bytes = (uint64_t)status.st_size;
    r->modified_t = (double)status.st_mtim.tv_sec + 1e-9 * (double)status.st_mtim.tv_nsec;
    return EMG_OK;
}

static enum emg_error find_reader(struct emg_recording *r, struct emg_problem *problem)
{
    static const struct emg_recording_reader *const readers[] = {&emg_recording_edf, &emg_recording_audio};
    unsigned char head[EMG_RECORDING_HEAD_SIZE] = {0};
    const size_t n = r->size_bytes < sizeof head ? (size_t)r->size_bytes : sizeof head;
    if (n == 0)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: is empty", r->path);
    if (!emg_recording_read_at(r, 0, head, n))
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: cannot be read", r->path);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (readers[i]->recognises(head)) {
            r->reader = readers[i];
            return EMG_OK;
        }
    }
    return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: is not BDF, EDF, WAV, W64, RF64 or FLAC", r->path);
}

enum emg_error emg_recording_open(struct emg_recording **out, const char *path, double full_scale_uv,
                                  struct emg_problem *problem)
{
    assert(full_scale_uv > 0.0 && isfinite(full_scale_uv));
    *out = NULL;
    if (strlen(path) >= EMG_PATH_SIZE)
        return emg_problem_set(problem, EMG_ERROR_IO, "%.100s...: path longer than %d bytes", path,
                               EMG_PATH_SIZE - 1);
    struct emg_recording *r = calloc(1, sizeof *r);
    if (r == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: out of memory", path);
    memcpy(r->path, path, strlen(path) + 1);
    enum emg_error error = open_file(r, problem);
    if (error == EMG_OK)
        error = find_reader(r, problem);
    if (error == EMG_OK)
        error = r->reader->open(r, full_scale_uv, problem);
    if (error != EMG_OK) {
        emg_recording_close(r);
        return error;
    }
    *out = r;
    return EMG_OK;
}

const struct emg_stream_info *emg_recording_info(const struct emg_recording *r)
{
    return &r->info;
}

size_t emg_recording_read(struct emg_recording *r, float *samples, size_t n_frames, enum emg_error *error,
                          struct emg_problem *problem)
{
    const bool length_known = r->info.n_frames != 0;
    *error = EMG_OK;
    if (length_known && n_frames > r->info.n_frames - r->next_frame)
        n_frames = (size_t)(r->info.n_frames - r->next_frame);
    if (n_frames == 0)
        return 0;
    const size_t n = r->failed ? 0 : r->reader->read(r, samples, n_frames);
    r->next_frame += n;
    if (n < n_frames && length_known)
        r->failed = true;
    if (n == 0 && r->failed)
        *error = emg_problem_set(problem, EMG_ERROR_IO,
                                 "%s: cannot be read on from frame %" PRIu64 " of %" PRIu64
                                 ": damaged, or changed since it was opened",
                                 r->path, r->next_frame, r->info.n_frames);
    return n;
}

void emg_recording_close(struct emg_recording *r)
{
    if (r == NULL)
        return;
    if (r->state != NULL)
        r->reader->close(r);
    if (r->fd >= 0)
        (void)close(r->fd);
    emg_recording_free_annotations(r);
    free(r);
}
