#include "daemon/capture.h"

#include <string.h>

enum emg_error emg_capture_open(struct emg_capture **out, const struct emg_config *config,
                                struct emg_problem *problem)
{
    static const struct emg_capture_kind *const kinds[] = {&emg_capture_soundio, &emg_capture_file,
                                                           &emg_capture_synth};
    const char *spec = config->source.spec;
    *out = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t length = strlen(kinds[i]->prefix);
        if (strncmp(spec, kinds[i]->prefix, length) == 0)
            return kinds[i]->open(out, spec + length, config, problem);
    }
    return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                           "source \"%s\": use soundio:BACKEND:DEVICE, file:PATH or synth:SCENARIO", spec);
}

enum emg_error emg_capture_start(struct emg_capture *capture, struct emg_ring *ring,
                                 struct emg_problem *problem)
{
    return capture->kind->start(capture, ring, problem);
}

void emg_capture_poll(struct emg_capture *capture)
{
    if (capture->kind->poll != NULL)
        capture->kind->poll(capture);
}

enum emg_stream_state emg_capture_state(const struct emg_capture *capture)
{
    return (enum emg_stream_state)atomic_load_explicit(&capture->state, memory_order_acquire);
}

void emg_capture_stop(struct emg_capture *capture)
{
    capture->kind->stop(capture);
}

void emg_capture_close(struct emg_capture *capture)
{
    if (capture != NULL)
        capture->kind->close(capture);
}
