#include "daemon/recorder_file.h"

#include "daemon/bdf.h"
#include "daemon/recorder_sidecar.h"
#include "daemon/version.h"
#include "dsp/decimator.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double STOP_DB = 80.0;
static const double LONGEST_GAP_S = 3600.0;

enum { CHUNK = 4096 };

struct emg_recorder_file {
    struct emg_recorder_file_config config;
    struct emg_session *session;
    struct emg_bdf_config bdf_config;
    struct emg_bdf *bdf;
    bool failed;           /* the file takes nothing more */
    unsigned factor;       /* frames of the stream in one of the file */
    uint64_t delay_frames; /* of the stream, that the file is late by */
    uint64_t next_frame;
    uint64_t n_gaps;
    struct emg_sidecar_gap gaps[EMG_SIDECAR_GAPS];
    struct emg_decimator *decimators[EMG_MAX_CHANNELS]; /* where factor > 1 */
    float mono[CHUNK], thin[CHUNK + 1];
    float frames[]; /* [(CHUNK + 1) * n_channels] */
};

double emg_recorder_rate_hz(const struct emg_config *config, const struct emg_stream_info *stream,
                            unsigned *factor)
{
    const double wanted = config->recording.rate_hz > 0 ? config->recording.rate_hz : stream->rate_hz;
    *factor = (unsigned)fmax(1, round(stream->rate_hz / wanted));
    return stream->rate_hz / *factor;
}

/* What to tell beside what the file knows itself. */
struct state {
    bool complete;
    const char *failure;
    const struct emg_session *session_end;
    uint64_t frames;
};

static enum emg_error write_sidecar(const struct emg_recorder_file *f, const struct state *state,
                                    struct emg_problem *problem)
{
    const struct emg_recorder_place *place = &f->config.place;
    const struct emg_sidecar sidecar = {
        .config = f->config.config,
        .stream = f->config.stream,
        .montage = f->config.montage,
        .bdf = &f->bdf_config,
        .session = f->session,
        .session_end = state->session_end,
        .first_frame = f->config.first_frame,
        .complete = state->complete,
        .failure = state->failure,
        .seconds = (double)state->frames / f->bdf_config.rate_hz,
        .frames = state->frames,
        .n_gaps = f->n_gaps,
        .gaps = f->gaps,
    };
    char name[sizeof place->name + 8];
    (void)snprintf(name, sizeof name, "%.*s.json", (int)(strlen(place->name) - strlen(".bdf")), place->name);
    char *text = emg_sidecar_text(&sidecar);
    const int failure = text != NULL ? emg_recorder_replace(place->directory_fd, name, text) : ENOMEM;
    free(text);
    if (failure != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: its .json cannot be written: %s", place->path,
                               strerror(failure));
    return EMG_OK;
}

static enum emg_error create_decimators(struct emg_recorder_file *f)
{
    const double rate_hz = f->config.stream->rate_hz;
    const struct emg_decimator_config config = {
        rate_hz, f->factor, emg_sidecar_lowpass_hz(&f->bdf_config, f->config.stream), STOP_DB};
    enum emg_error error = EMG_OK;
    for (unsigned i = 0; f->factor > 1 && i < f->bdf_config.n_channels && error == EMG_OK; i++)
        error = emg_decimator_create(&f->decimators[i], &config);
    if (f->factor > 1 && error == EMG_OK)
        f->delay_frames = (uint64_t)llround(emg_decimator_delay_s(f->decimators[0]) * rate_hz);
    /* The file begins before the first frame by what its samples are late. */
    f->bdf_config.start_t = f->config.t - (double)f->delay_frames / rate_hz;
    return error;
}

/* The first annotation: what a replay begins with. */
static void annotate_start(struct emg_recorder_file *f)
{
    char text[EMG_BDF_TEXT_MAX + 1];
    const char *id = f->session->id, *quote = id[0] != '\0' ? "\"" : "";
    (void)snprintf(text, sizeof text,
                   "recording.start {\"frame\":%" PRIu64
                   ",\"session\":%s%s%s,\"rate_hz\":%.17g,\"version\":\"%s\"}",
                   f->factor == 1 ? f->config.first_frame : 0, quote, id[0] != '\0' ? id : "null", quote,
                   f->bdf_config.rate_hz, EMG_VERSION);
    (void)emg_bdf_annotate(f->bdf, 0, 0, text);
}

static void destroy(struct emg_recorder_file *f)
{
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++)
        emg_decimator_destroy(f->decimators[i]);
    emg_recorder_place_close(&f->config.place);
    free(f->session);
    free(f);
}

enum emg_error emg_recorder_file_create(struct emg_recorder_file **out,
                                        const struct emg_recorder_file_config *config,
                                        struct emg_problem *problem)
{
    *out = NULL;
    const size_t n_channels = config->stream->n_channels,
                 bytes = emg_session_bytes(config->session->n_muscles);
    struct emg_recorder_file *f = calloc(1, sizeof *f + (CHUNK + 1) * n_channels * sizeof f->frames[0]);
    struct emg_session *session = malloc(bytes);
    if (f == NULL || session == NULL) {
        free(f);
        free(session);
        struct emg_recorder_place place = config->place;
        emg_recorder_place_close(&place);
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "no memory for a recording");
    }
    f->config = *config;
    f->session = memcpy(session, config->session, bytes);
    f->next_frame = config->first_frame;
    f->bdf_config.rate_hz = emg_recorder_rate_hz(config->config, config->stream, &f->factor);
    (void)snprintf(f->bdf_config.participant, sizeof f->bdf_config.participant, "%s", session->participant);
    (void)snprintf(f->bdf_config.equipment, sizeof f->bdf_config.equipment, "emgd_%s", EMG_VERSION);
    emg_sidecar_fill_channels(&f->bdf_config, config->config, config->stream, config->montage);
    enum emg_error error = create_decimators(f);
    if (error != EMG_OK)
        emg_problem_write(problem, "recording.rate_hz: %g Hz cannot be had from %g Hz", f->bdf_config.rate_hz,
                          config->stream->rate_hz);
    if (error == EMG_OK)
        error = emg_bdf_create(&f->bdf, config->place.fd, &f->bdf_config, problem);
    if (error == EMG_OK)
        error = write_sidecar(f, &(struct state){.complete = false}, problem);
    if (error != EMG_OK) {
        emg_bdf_abandon(f->bdf);
        destroy(f);
        return error;
    }
    annotate_start(f);
    *out = f;
    return EMG_OK;
}

static uint64_t frames_since_begin(const struct emg_recorder_file *f, uint64_t frame)
{
    return frame > f->config.first_frame ? frame - f->config.first_frame : 0;
}

/* Appends to the file; samples NULL: zeros. */
static enum emg_error append(struct emg_recorder_file *f, const float *samples, uint64_t n_frames,
                             struct emg_problem *problem)
{
    const enum emg_error error = emg_bdf_add(f->bdf, samples, (size_t)n_frames, problem);
    f->failed |= error != EMG_OK;
    return error;
}

/* Up to CHUNK frames of the stream, samples NULL: zeros; returns how many they become in f->frames. */
static size_t thin_out(struct emg_recorder_file *f, const float *samples, size_t n_frames)
{
    const size_t n_channels = f->bdf_config.n_channels;
    size_t n = 0;
    for (size_t c = 0; c < n_channels; c++) {
        for (size_t i = 0; i < n_frames; i++)
            f->mono[i] = samples != NULL ? samples[i * n_channels + c] : 0;
        n = emg_decimator_execute(f->decimators[c], f->mono, f->thin, n_frames);
        for (size_t i = 0; i < n; i++)
            f->frames[i * n_channels + c] = f->thin[i];
    }
    return n;
}

/* Frames of the stream; samples NULL: zeros. */
static enum emg_error add(struct emg_recorder_file *f, const float *samples, uint64_t n_frames,
                          struct emg_problem *problem)
{
    enum emg_error error = EMG_OK;
    if (f->factor == 1)
        return append(f, samples, n_frames, problem);
    while (n_frames > 0 && error == EMG_OK) {
        const size_t n = n_frames < CHUNK ? (size_t)n_frames : CHUNK;
        error = append(f, f->frames, thin_out(f, samples, n), problem);
        samples = samples != NULL ? samples + n * f->bdf_config.n_channels : NULL;
        n_frames -= n;
    }
    return error;
}

/* The same as add with zeros. The filters have to see only those that differ from silence: as many as they
 * hear back, and what is left over of whole frames of the file. */
static enum emg_error add_silence(struct emg_recorder_file *f, uint64_t n_frames, struct emg_problem *problem)
{
    const uint64_t heard = 2 * f->delay_frames + 1;
    const uint64_t unheard = n_frames > heard ? (n_frames - heard) / f->factor : 0;
    const enum emg_error error = add(f, NULL, n_frames - unheard * f->factor, problem);
    return error == EMG_OK ? append(f, NULL, unheard, problem) : error;
}

static enum emg_error pad(struct emg_recorder_file *f, uint64_t frame, const char *cause,
                          struct emg_problem *problem)
{
    const uint64_t lost = frame - f->next_frame, begin = frames_since_begin(f, f->next_frame);
    /* A decimated file bears marks of the gap's edges, before it and behind it. */
    const uint64_t end = begin + lost + 2 * f->delay_frames;
    char text[EMG_BDF_TEXT_MAX + 1];
    if ((double)lost > LONGEST_GAP_S * f->config.stream->rate_hz)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: ends here, since more than an hour is missing",
                               f->config.place.path);
    (void)snprintf(text, sizeof text,
                   "gap {\"first_frame\":%" PRIu64 ",\"frames_lost\":%" PRIu64 ",\"cause\":\"%s\"}",
                   f->next_frame, lost, cause);
    if (f->n_gaps < EMG_SIDECAR_GAPS)
        f->gaps[f->n_gaps] = (struct emg_sidecar_gap){f->next_frame, lost, cause};
    f->n_gaps++;
    emg_recorder_file_annotate(f, f->next_frame, text);
    (void)emg_bdf_annotate(f->bdf, begin / f->factor, (end + f->factor - 1) / f->factor - begin / f->factor,
                           "BAD_gap");
    f->next_frame = frame;
    return add_silence(f, lost, problem);
}

enum emg_error emg_recorder_file_add(struct emg_recorder_file *f, uint64_t frame, const float *samples,
                                     size_t n_frames, const char *cause, struct emg_problem *problem)
{
    const enum emg_error error = frame > f->next_frame ? pad(f, frame, cause, problem) : EMG_OK;
    f->next_frame += n_frames;
    return error == EMG_OK ? add(f, samples, n_frames, problem) : error;
}

void emg_recorder_file_annotate(struct emg_recorder_file *f, uint64_t frame, const char *text)
{
    const uint64_t place = frames_since_begin(f, frame) + f->delay_frames;
    (void)emg_bdf_annotate(f->bdf, place / f->factor, 0, text);
}

enum emg_error emg_recorder_file_sync(struct emg_recorder_file *f, struct emg_problem *problem)
{
    const struct emg_recorder_place *place = &f->config.place;
    if (!emg_recorder_place_holds(place))
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: was removed or renamed while it was written",
                               place->path);
    if (fdatasync(place->fd) != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: %s", place->path, strerror(errno));
    return EMG_OK;
}

uint64_t emg_recorder_file_frames(const struct emg_recorder_file *f)
{
    return emg_bdf_frames(f->bdf);
}

uint64_t emg_recorder_file_gaps(const struct emg_recorder_file *f)
{
    return f->n_gaps;
}

double emg_recorder_file_seconds(const struct emg_recorder_file *f)
{
    return (double)emg_bdf_frames(f->bdf) / f->bdf_config.rate_hz;
}

const char *emg_recorder_file_path(const struct emg_recorder_file *f)
{
    return f->config.place.path;
}

enum emg_error emg_recorder_file_end(struct emg_recorder_file *f, const struct emg_session *session,
                                     const char *failure, uint64_t *frames, struct emg_problem *problem)
{
    char text[EMG_BDF_TEXT_MAX + 1];
    struct emg_problem unsaid;
    if (failure == NULL && add(f, NULL, f->delay_frames, problem) != EMG_OK) /* what the filters still hold */
        failure = problem->text;
    struct state state = {
        .failure = failure,
        .session_end = session != NULL ? session : f->session,
        .frames = f->failed ? emg_bdf_written(f->bdf) : emg_bdf_frames(f->bdf),
    };
    *frames = state.frames;
    (void)snprintf(text, sizeof text, "recording.stop {\"frames\":%" PRIu64 "}", state.frames);
    (void)emg_bdf_annotate(f->bdf, state.frames, 0, text);
    const uint64_t written = emg_bdf_written(f->bdf);
    enum emg_error error = emg_bdf_close(f->bdf, problem);
    if (error != EMG_OK && !f->failed)
        *frames = state.frames = written;
    state.complete = failure == NULL && error == EMG_OK;
    if (error != EMG_OK && failure == NULL)
        state.failure = problem->text;
    if (emg_recorder_place_holds(&f->config.place)) {
        const enum emg_error told = write_sidecar(f, &state, state.failure == NULL ? problem : &unsaid);
        error = error != EMG_OK ? error : told;
    }
    if (error == EMG_OK)
        error = emg_recorder_file_sync(f, problem);
    destroy(f);
    return error;
}
