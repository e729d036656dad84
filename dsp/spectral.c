#include "dsp/spectral.h"

#include "dsp/course.h"
#include "dsp/onset.h"
#include "dsp/slicer.h"
#include "dsp/sos.h"
#include "dsp/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILTER_ORDER = 4, TAPERS = 4, CHUNK = 64 };
static const double SLICE_S = 0.5;
static const double SHORTEST_SLICE_S = 0.1;
static const double REST_POOL_S = 20.0;
/* The band ends where the integrals do. The filter before only keeps out what would leak into it, and its own
 * edges lie outside: dividing a steep edge out of a smoothed spectrum leaves a bias. */
static const double FILTER_LOW = 0.5, FILTER_HIGH = 1.1; /* x the band's edges */
static const double HIGHEST_EDGE = 0.49;                 /* of the rate */
static const double REST_NEEDED_S = 1.0;

/* Slices of one kind of signal and their pooled, corrected spectrum. */
struct gathering {
    struct emg_slicer *slicer;
    struct emg_spectrum *spectrum;
    float *psd; /* [bins] as of the last renewal */
    struct emg_spectrum_pool pool;
};

struct emg_spectral {
    struct emg_spectral_config config;
    struct emg_sos *band;
    struct gathering active, rest;
    struct emg_course *course;
    enum emg_verdict verdict; /* the last one */

    size_t bins, first_bin, n_bins; /* of the transform; of the published band */
    double df_hz;
    float *correction; /* [bins] 1 / |H|^2 inside the band, 0 outside */
    float *slice;      /* [bins] scratch: one slice, corrected */
    float *published;  /* [bins] */

    float banded[CHUNK];
    uint32_t chosen[CHUNK]; /* marks of one kind */
};

static enum emg_error create_gathering(struct gathering *g, const struct emg_spectral_config *c,
                                       double pool_s)
{
    const struct emg_spectrum_config spectrum = {
        .rate_hz = c->rate_hz,
        .slice_s = SLICE_S,
        .tapers = TAPERS,
        .pool_s = pool_s,
        .shortest_s = SHORTEST_SLICE_S,
    };
    const enum emg_error error = emg_spectrum_create(&g->spectrum, &spectrum);
    if (error != EMG_OK)
        return error;
    const struct emg_slicer_config slicer = {c->delay, emg_spectrum_slice_min(g->spectrum),
                                             emg_spectrum_slice_max(g->spectrum)};
    g->psd = calloc(emg_spectrum_bins(g->spectrum), sizeof g->psd[0]);
    return g->psd != NULL ? emg_slicer_create(&g->slicer, &slicer) : EMG_ERROR_MEMORY;
}

/* Power response of a first-order high-pass with its -3 dB edge at edge_hz. */
static double first_order_power(double frequency_hz, double edge_hz)
{
    const double ratio = edge_hz / frequency_hz;
    return 1 / (1 + ratio * ratio);
}

static void design_correction(struct emg_spectral *q)
{
    /* One bin beyond each edge is kept, since the band ends between bins. */
    q->first_bin = (size_t)floor(q->config.low_hz / q->df_hz);
    const size_t last_bin = (size_t)fmin(ceil(q->config.high_hz / q->df_hz), (double)(q->bins - 1));
    q->n_bins = last_bin - q->first_bin + 1;
    for (size_t k = q->first_bin > 0 ? q->first_bin : 1; k <= last_bin; k++) {
        const double f = (double)k * q->df_hz;
        const double band = emg_sos_response(q->band, f);
        q->correction[k] = (float)(1 / (band * band * first_order_power(f, q->config.front_end_highpass_hz)));
    }
}

static enum emg_error create_all(struct emg_spectral *q)
{
    const struct emg_spectral_config *c = &q->config;
    const struct emg_sos_config band = {c->rate_hz, FILTER_LOW * c->low_hz,
                                        fmin(FILTER_HIGH * c->high_hz, HIGHEST_EDGE * c->rate_hz),
                                        FILTER_ORDER};
    enum emg_error error = emg_sos_create(&q->band, &band);
    if (error == EMG_OK)
        error = create_gathering(&q->active, c, c->pool_s);
    if (error == EMG_OK)
        error = create_gathering(&q->rest, c, REST_POOL_S);
    if (error != EMG_OK)
        return error;
    q->bins = emg_spectrum_bins(q->active.spectrum);
    q->df_hz = emg_spectrum_df_hz(q->active.spectrum);
    q->correction = calloc(q->bins, sizeof q->correction[0]);
    q->slice = calloc(q->bins, sizeof q->slice[0]);
    q->published = calloc(q->bins, sizeof q->published[0]);
    if (q->correction == NULL || q->slice == NULL || q->published == NULL)
        return EMG_ERROR_MEMORY;
    design_correction(q);
    const struct emg_course_config course = {q->bins, q->df_hz, c->low_hz, c->high_hz};
    return emg_course_create(&q->course, &course);
}

enum emg_error emg_spectral_create(struct emg_spectral **out, const struct emg_spectral_config *config)
{
    *out = NULL;
    if (!(config->front_end_highpass_hz >= 0) || !(config->low_hz > 0) ||
        !(config->high_hz > config->low_hz) || !(config->high_hz < config->rate_hz / 2))
        return EMG_ERROR_ARGUMENT;
    struct emg_spectral *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    const enum emg_error error = create_all(q);
    if (error != EMG_OK) {
        emg_spectral_destroy(q);
        return error;
    }
    *out = q;
    return EMG_OK;
}

static void correct(const struct emg_spectral *q, const float *psd, float *corrected)
{
    for (size_t k = 0; k < q->bins; k++)
        corrected[k] = psd[k] * q->correction[k];
}

static void renew(const struct emg_spectral *q, struct gathering *g)
{
    g->pool = emg_spectrum_pool(g->spectrum, g->psd);
    correct(q, g->psd, g->psd);
}

static bool noise_is_known(const struct emg_spectral *q)
{
    return q->rest.pool.seconds >= REST_NEEDED_S;
}

static void take_active(struct emg_spectral *q, const struct emg_slice *slice, double end_s)
{
    const float *psd = emg_spectrum_execute(q->active.spectrum, slice->x, slice->n, slice->burst);
    const struct emg_spectrum_extent extent = emg_spectrum_newest(q->active.spectrum);
    const struct emg_course_noise noise = {q->rest.psd, q->rest.pool.effective_s, q->rest.pool.dof};
    correct(q, psd, q->slice);
    emg_course_execute(q->course, q->slice, &extent, noise_is_known(q) ? &noise : NULL, end_s);
}

static void take_rest(struct emg_spectral *q, const struct emg_slice *slice)
{
    emg_spectrum_execute(q->rest.spectrum, slice->x, slice->n, slice->burst);
    renew(q, &q->rest);
}

static bool is_contraction(uint32_t mark)
{
    return mark != EMG_ONSET_QUIET && mark != EMG_ONSET_UNSURE;
}

static void cut(struct emg_spectral *q, const uint32_t *marks, size_t n, double end_s)
{
    struct emg_slice slice;
    for (size_t i = 0; i < n; i++)
        q->chosen[i] = is_contraction(marks[i]) ? marks[i] : 0;
    for (size_t i = 0; i < n;) {
        i += emg_slicer_execute(q->active.slicer, q->banded + i, q->chosen + i, n - i, &slice);
        if (slice.n > 0)
            take_active(q, &slice, end_s);
    }
    for (size_t i = 0; i < n; i++)
        q->chosen[i] = marks[i] == EMG_ONSET_QUIET ? 1 : 0;
    for (size_t i = 0; i < n;) {
        i += emg_slicer_execute(q->rest.slicer, q->banded + i, q->chosen + i, n - i, &slice);
        if (slice.n > 0)
            take_rest(q, &slice);
    }
}

void emg_spectral_execute(struct emg_spectral *q, const float *x, const uint32_t *marks, size_t n,
                          double end_s)
{
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t take = n - i < CHUNK ? n - i : CHUNK;
        emg_sos_execute(q->band, x + i, q->banded, take);
        cut(q, marks + i, take, end_s);
    }
}

void emg_spectral_discard(struct emg_spectral *q)
{
    emg_slicer_discard(q->active.slicer);
    emg_slicer_discard(q->rest.slicer);
}

void emg_spectral_interrupt(struct emg_spectral *q)
{
    emg_sos_reset(q->band);
    emg_slicer_reset(q->active.slicer);
    emg_slicer_reset(q->rest.slicer);
}

static struct emg_fatigue_indices pooled_indices(const struct emg_spectral *q)
{
    const struct emg_spectrum_pool *active = &q->active.pool, *rest = &q->rest.pool;
    const struct emg_fatigue_spectrum spectrum = {
        .psd = q->active.psd,
        .noise = noise_is_known(q) ? q->rest.psd : NULL,
        .n_bins = q->bins,
        .df_hz = q->df_hz,
        .low_hz = q->config.low_hz,
        .high_hz = q->config.high_hz,
        .seconds = active->effective_s,
        .dof = active->dof,
        .bandwidth_hz = active->bandwidth_hz,
        .noise_seconds = rest->effective_s,
        .noise_dof = rest->dof,
    };
    return emg_fatigue_indices(&spectrum);
}

static void judge(struct emg_spectral *q, struct emg_spectral_fatigue *f,
                  const struct emg_course_state *course, bool bad)
{
    const double to_percent = 100 / course->mdf.intercept;
    f->slope_hz_per_min = course->mdf.slope_per_min;
    f->slope_percent_per_min = to_percent * course->mdf.slope_per_min;
    f->slope_ci95_percent_per_min[0] = to_percent * course->mdf.ci95_low_per_min;
    f->slope_ci95_percent_per_min[1] = to_percent * course->mdf.ci95_high_per_min;
    f->break_s = course->mdf.broken ? course->mdf.break_s : NAN;
    f->recent_percent_per_min = course->mdf.broken ? to_percent * course->mdf.last_per_min : NAN;
    f->recent_ci95_percent_per_min[0] =
        course->mdf.broken ? to_percent * course->mdf.last_ci95_low_per_min : NAN;
    f->recent_ci95_percent_per_min[1] =
        course->mdf.broken ? to_percent * course->mdf.last_ci95_high_per_min : NAN;
    const double rms_ci95[2] = {course->rms.ci95_low_per_min, course->rms.ci95_high_per_min};
    f->jasa = emg_jasa(f->slope_ci95_percent_per_min, rms_ci95);
    const struct emg_evidence evidence = {
        .seconds = f->seconds,
        .bad_quality = bad,
        .snr_db = f->snr_db,
        .points = course->mdf.points,
        .duration_s = course->mdf.duration_s,
        .ci95_percent = {f->slope_ci95_percent_per_min[0], f->slope_ci95_percent_per_min[1]},
        .broken = course->mdf.broken,
        .before = q->verdict,
        .last_ci95_percent = {f->recent_ci95_percent_per_min[0], f->recent_ci95_percent_per_min[1]},
    };
    f->verdict = emg_verdict(&evidence, &f->reason);
    q->verdict = f->verdict;
}

static void publish_psd(struct emg_spectral *q)
{
    const bool subtract = noise_is_known(q);
    for (size_t k = 0; k < q->bins; k++)
        q->published[k] = q->active.psd[k] - (subtract ? q->rest.psd[k] : 0);
}

struct emg_spectral_fatigue emg_spectral_fatigue(struct emg_spectral *q, double valid_s, bool bad)
{
    const struct emg_course_noise noise = {q->rest.psd, q->rest.pool.effective_s, q->rest.pool.dof};
    emg_course_advance(q->course, noise_is_known(q) ? &noise : NULL, valid_s);
    renew(q, &q->active);
    publish_psd(q);

    const struct emg_course_state course = emg_course_state(q->course);
    struct emg_spectral_fatigue f = {
        .indices = pooled_indices(q),
        .seconds = q->active.pool.seconds,
        .bursts = q->active.pool.bursts,
        .baseline_mdf_hz = course.baseline_mdf_hz,
    };
    f.rms_uv = sqrt(f.indices.power_uv2);
    f.snr_db = 10 * log10(f.indices.power_uv2 / f.indices.noise_uv2);
    f.ln_finsm5 = f.indices.ln_insm5 - course.baseline_ln_insm5;
    f.shift_percent = 100 * (f.indices.mdf_hz / course.baseline_mdf_hz - 1);
    judge(q, &f, &course, bad);
    return f;
}

size_t emg_spectral_psd(const struct emg_spectral *q, const float **psd, double *f0_hz, double *df_hz)
{
    *psd = q->published + q->first_bin;
    *df_hz = q->df_hz;
    *f0_hz = (double)q->first_bin * q->df_hz;
    return q->active.pool.seconds > 0 ? q->n_bins : 0;
}

size_t emg_spectral_psd_max(const struct emg_spectral *q)
{
    return q->n_bins;
}

static void destroy_gathering(struct gathering *g)
{
    emg_slicer_destroy(g->slicer);
    emg_spectrum_destroy(g->spectrum);
    free(g->psd);
}

void emg_spectral_destroy(struct emg_spectral *q)
{
    if (q == NULL)
        return;
    emg_course_destroy(q->course);
    free(q->published);
    free(q->slice);
    free(q->correction);
    destroy_gathering(&q->rest);
    destroy_gathering(&q->active);
    emg_sos_destroy(q->band);
    free(q);
}
