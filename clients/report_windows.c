#include "clients/report_windows.h"

#include "dsp/decimator.h"
#include "dsp/mains.h"
#include "dsp/samples.h"
#include "dsp/sos.h"
#include "dsp/windows.h"

#include <math.h>
#include <stdlib.h>

enum { TOGETHER = EMG_SOS_TOGETHER, STRETCH = 1024, FILTER_ORDER = 4 };
static const double SETTLE_S = 0.25; /* as emgd's analysis has it */

struct muscle {
    struct emg_decimator *decimator;
    struct emg_mains *mains; /* NULL: off */
    struct emg_sos *band;
    float raw[STRETCH], x[STRETCH + 1];
};

struct emg_report_windows {
    const struct emg_montage *montage;
    const struct emg_wire *wire;
    const struct emg_script *script; /* NULL: none */
    size_t step;                     /* of the script, the next one */
    double delay_s;                  /* of the decimators */
    double window_s;
    uint64_t first_frame, frame,
        origin;    /* of the recording; the next one; that at which the filters started */
    uint64_t skip; /* frames that only pad a gap */
    size_t settling,
        unsettled;          /* samples behind the decimators until the filters have settled; still to come */
    struct muscle *muscles; /* [n_muscles] */
    struct emg_windows *windows;
    FILE *lines;
};

static enum emg_error create_muscle(struct muscle *m, const struct emg_wire *wire, double mains_hz)
{
    const double rate_hz = wire->analysis_rate_hz;
    const struct emg_decimator_config decimator = emg_decimator_config(wire->rate_hz);
    const struct emg_mains_config mains = {rate_hz, mains_hz, wire->band_hz[1]};
    const struct emg_sos_config band = {rate_hz, wire->band_hz[0], wire->band_hz[1], FILTER_ORDER};
    enum emg_error error = emg_decimator_create(&m->decimator, &decimator);
    if (error == EMG_OK && mains_hz > 0)
        error = emg_mains_create(&m->mains, &mains);
    return error == EMG_OK ? emg_sos_create(&m->band, &band) : error;
}

static enum emg_error create(struct emg_report_windows *q, double mains_hz, double overlap)
{
    const struct emg_wire *wire = q->wire;
    const struct emg_windows_config windows = {wire->analysis_rate_hz, wire->n_muscles, q->window_s, overlap,
                                               wire->band_hz[0],       wire->band_hz[1]};
    q->muscles = calloc(wire->n_muscles, sizeof q->muscles[0]);
    if (q->muscles == NULL)
        return EMG_ERROR_MEMORY;
    enum emg_error error = emg_windows_create(&q->windows, &windows);
    for (size_t i = 0; i < wire->n_muscles && error == EMG_OK; i++)
        error = create_muscle(&q->muscles[i], wire, mains_hz);
    if (error == EMG_OK)
        q->delay_s = emg_decimator_delay_s(q->muscles[0].decimator);
    q->settling = q->unsettled = (size_t)ceil(SETTLE_S * wire->analysis_rate_hz);
    return error;
}

enum emg_error emg_report_windows_create(struct emg_report_windows **out, double mains_hz,
                                         const struct emg_wire *wire, const struct emg_montage *montage,
                                         const struct emg_script *script, double window_s, double overlap,
                                         FILE *lines, struct emg_problem *problem)
{
    *out = NULL;
    struct emg_report_windows *q = calloc(1, sizeof *q);
    enum emg_error error = EMG_ERROR_MEMORY;
    if (q != NULL) {
        q->montage = montage;
        q->wire = wire;
        q->script = script;
        q->window_s = window_s;
        q->first_frame = q->frame = q->origin = script != NULL ? script->first_frame : 0;
        q->lines = lines;
        error = create(q, mains_hz, overlap);
    }
    if (error != EMG_OK) {
        emg_report_windows_destroy(q);
        return emg_problem_set(problem, error, "windows of %g s at %g Hz: %s", window_s, wire->rate_hz,
                               emg_strerror(error));
    }
    (void)fputs("muscle,t_s,rms_uv,power_uv2,mdf_hz,mnf_hz,ln_insm5\r\n", lines);
    *out = q;
    return EMG_OK;
}

static void write_figure(FILE *lines, double value, const char *end)
{
    if (isfinite(value))
        (void)fprintf(lines, "%.9g", value);
    (void)fputs(end, lines);
}

/* Its time is that of its middle, at the electrode. */
static void write_window(void *context, const struct emg_window *window)
{
    const struct emg_report_windows *q = context;
    const double begin_s = (double)(q->origin - q->first_frame) / q->wire->rate_hz;
    const double first = (double)q->settling + (double)window->first_sample;
    const double t_s = begin_s + first / q->wire->analysis_rate_hz + q->window_s / 2 - q->delay_s;
    (void)fprintf(q->lines, "%s,%.6f,", q->montage->muscles[window->channel].name, t_s);
    write_figure(q->lines, window->rms_uv, ",");
    write_figure(q->lines, window->indices.power_uv2, ",");
    write_figure(q->lines, window->indices.mdf_hz, ",");
    write_figure(q->lines, window->indices.mnf_hz, ",");
    write_figure(q->lines, window->indices.ln_insm5, "\r\n");
}

/* Behind the decimator, up to TOGETHER muscles from the first one on. */
static void filter(struct emg_report_windows *q, size_t first, size_t n_muscles, size_t n)
{
    struct emg_sos *bands[TOGETHER];
    const float *from[TOGETHER];
    float *to[TOGETHER];
    for (size_t i = 0; i < n_muscles; i++) {
        struct muscle *m = &q->muscles[first + i];
        if (m->mains != NULL)
            emg_mains_execute(m->mains, m->x, m->x, n);
        bands[i] = m->band;
        from[i] = to[i] = m->x;
    }
    emg_sos_execute_together(bands, n_muscles, from, to, n);
}

static void execute_stretch(struct emg_report_windows *q, const float *frames, size_t n)
{
    const size_t n_muscles = q->montage->n_muscles;
    const float *x[EMG_MAX_CHANNELS];
    size_t made = 0;
    for (size_t i = 0; i < n_muscles; i++) {
        struct muscle *m = &q->muscles[i];
        const struct emg_split wanted = {q->montage->muscles[i].channel, q->montage->muscles[i].scale};
        float *raw = m->raw;
        emg_split_frames(frames, q->wire->n_channels, n, &wanted, 1, &raw);
        made = emg_decimator_execute(m->decimator, m->raw, m->x, n);
        x[i] = m->x;
    }
    for (size_t i = 0; i < n_muscles; i += TOGETHER)
        filter(q, i, n_muscles - i < TOGETHER ? n_muscles - i : TOGETHER, made);
    const size_t unsettled = q->unsettled < made ? q->unsettled : made;
    q->unsettled -= unsettled;
    for (size_t i = 0; i < n_muscles; i++)
        x[i] += unsettled;
    emg_windows_execute(q->windows, x, made - unsettled, write_window, q);
}

/* All begins anew behind it. */
static void take_gap(struct emg_report_windows *q, uint64_t frames_lost)
{
    q->skip = frames_lost;
    q->origin = q->frame + frames_lost;
    q->unsettled = q->settling;
    emg_windows_reset(q->windows);
    for (size_t i = 0; i < q->montage->n_muscles; i++) {
        emg_decimator_reset(q->muscles[i].decimator);
        emg_sos_reset(q->muscles[i].band);
        if (q->muscles[i].mains != NULL)
            emg_mains_reset(q->muscles[i].mains);
    }
}

/* Frames from the next one on, at most n, until a gap or the end. */
static size_t stretch_length(struct emg_report_windows *q, size_t n)
{
    if (q->script == NULL)
        return n;
    uint64_t end = q->script->end_frame;
    for (; q->step < q->script->n_steps; q->step++) {
        const struct emg_script_step *step = &q->script->steps[q->step];
        if (step->frames_lost == 0)
            continue;
        if (step->frame > q->frame) {
            end = step->frame < end ? step->frame : end;
            break;
        }
        take_gap(q, step->frames_lost);
    }
    const uint64_t left = end > q->frame ? end - q->frame : 0;
    return left < n ? (size_t)left : n;
}

void emg_report_windows_execute(struct emg_report_windows *q, const float *frames, size_t n_frames)
{
    for (size_t done = 0; done < n_frames;) {
        const size_t left = n_frames - done < STRETCH ? n_frames - done : STRETCH;
        size_t n = stretch_length(q, left);
        if (q->skip > 0) {
            n = q->skip < left ? (size_t)q->skip : left;
            q->skip -= n;
        } else if (n == 0) {
            return; /* what follows only fills the last record */
        } else {
            execute_stretch(q, frames + done * q->wire->n_channels, n);
        }
        q->frame += n;
        done += n;
    }
}

void emg_report_windows_destroy(struct emg_report_windows *q)
{
    if (q == NULL)
        return;
    for (size_t i = 0; q->muscles != NULL && i < q->montage->n_muscles; i++) {
        emg_sos_destroy(q->muscles[i].band);
        emg_mains_destroy(q->muscles[i].mains);
        emg_decimator_destroy(q->muscles[i].decimator);
    }
    free(q->muscles);
    emg_windows_destroy(q->windows);
    free(q);
}
