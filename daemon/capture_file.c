#include "daemon/capture.h"
#include "daemon/capture_paced.h"
#include "daemon/recording.h"

#include <stdlib.h>

struct capture_file {
    struct emg_capture base;
    struct emg_recording *recording;
    struct emg_paced paced;
    double speed;
};

static void close_file(struct emg_capture *base)
{
    struct capture_file *file = (struct capture_file *)base;
    emg_paced_stop(&file->paced);
    emg_recording_close(file->recording);
    free(file);
}

static enum emg_error open_file(struct emg_capture **out, const char *rest, const struct emg_config *config,
                                struct emg_problem *problem)
{
    *out = NULL;
    struct capture_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: %s", rest, emg_strerror(EMG_ERROR_MEMORY));
    const enum emg_error error =
        emg_recording_open(&file->recording, rest, config->source.full_scale_uv, problem);
    if (error != EMG_OK) {
        free(file);
        return error;
    }
    file->base.kind = &emg_capture_file;
    file->base.recording = file->recording;
    file->base.info = *emg_recording_info(file->recording);
    emg_stream_set_source(&file->base.info, config->source.spec);
    file->speed = config->source.speed;
    atomic_init(&file->base.state, EMG_STREAM_WAITING);
    *out = &file->base;
    return EMG_OK;
}

static size_t read_file(void *context, float *samples, size_t n_frames, struct emg_problem *problem)
{
    enum emg_error error = EMG_OK;
    return emg_recording_read(context, samples, n_frames, &error, problem);
}

static enum emg_error start_file(struct emg_capture *base, struct emg_ring *ring, struct emg_problem *problem)
{
    struct capture_file *file = (struct capture_file *)base;
    return emg_paced_start(&file->paced, base, read_file, file->recording, file->speed, ring, problem);
}

static void stop_file(struct emg_capture *base)
{
    emg_paced_stop(&((struct capture_file *)base)->paced);
}

const struct emg_capture_kind emg_capture_file = {
    .prefix = "file:",
    .open = open_file,
    .start = start_file,
    .stop = stop_file,
    .close = close_file,
};
