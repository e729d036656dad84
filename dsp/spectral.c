#include "dsp/spectral.h"

#include "dsp/course.h"
#include "dsp/noise.h"
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

struct emg_spectral {
    struct emg_spectral_config config;
    struct emg_sos *band;
    struct emg_slicer *slicer;
    struct emg_spectrum *spectrum; /* of contractions */
    struct emg_noise *noise;
    struct emg_course *course;
    enum emg_verdict verdict; /* the last one */

    bool measuring;    /* a baseline */
    uint64_t measured; /* samples since that began */
    size_t earlier;    /* samples to come whose marks tell of the last stage */

    size_t bins, first_bin, n_bins; /* of the transform; of the published band */
    double df_hz;
    float *correction; /* [bins] 1 / |H|^2 inside the band, 0 outside */
    float *slice;      /* [bins] scratch: one slice, corrected */
    float *psd;        /* [bins] pooled and corrected, as of the last emg_spectral_fatigue */
    struct emg_spectrum_pool pool;
    float *published; /* [bins] the same, noise taken off */

    uint32_t chosen[CHUNK]; /* marks of one kind */
};

static struct emg_spectrum_config spectrum_config(const struct emg_spectral_config *c, double pool_s)
{
    return (struct emg_spectrum_config){
        .rate_hz = c->rate_hz,
        .slice_s = SLICE_S,
        .tapers = TAPERS,
        .pool_s = pool_s,
        .shortest_s = SHORTEST_SLICE_S,
        .highest_hz = c->high_hz,
    };
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

static enum emg_error create_cutting(struct emg_spectral *q)
{
    const struct emg_spectral_config *c = &q->config;
    const struct emg_sos_config band = {c->rate_hz, FILTER_LOW * c->low_hz,
                                        fmin(FILTER_HIGH * c->high_hz, HIGHEST_EDGE * c->rate_hz),
                                        FILTER_ORDER};
    const struct emg_spectrum_config spectrum = spectrum_config(c, c->pool_s);
    enum emg_error error = emg_sos_create(&q->band, &band);
    if (error == EMG_OK)
        error = emg_spectrum_create(&q->spectrum, &spectrum);
    if (error != EMG_OK)
        return error;
    const struct emg_slicer_config slicer = {c->delay, emg_spectrum_slice_min(q->spectrum),
                                             emg_spectrum_slice_max(q->spectrum)};
    return emg_slicer_create(&q->slicer, &slicer);
}

static enum emg_error create_all(struct emg_spectral *q)
{
    const struct emg_spectral_config *c = &q->config;
    enum emg_error error = create_cutting(q);
    if (error != EMG_OK)
        return error;
    q->bins = emg_spectrum_bins(q->spectrum);
    q->df_hz = emg_spectrum_df_hz(q->spectrum);
    q->correction = calloc(q->bins, sizeof q->correction[0]);
    q->slice = calloc(q->bins, sizeof q->slice[0]);
    q->psd = calloc(q->bins, sizeof q->psd[0]);
    q->published = calloc(q->bins, sizeof q->published[0]);
    if (q->correction == NULL || q->slice == NULL || q->psd == NULL || q->published == NULL)
        return EMG_ERROR_MEMORY;
    design_correction(q);
    const struct emg_noise_config noise = {spectrum_config(c, REST_POOL_S), c->delay, q->correction,
                                           q->first_bin, q->n_bins};
    const struct emg_course_config course = {q->bins, q->df_hz, c->low_hz, c->high_hz};
    error = emg_noise_create(&q->noise, &noise);
    return error == EMG_OK ? emg_course_create(&q->course, &course) : error;
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
    emg_spectral_reset(q);
    *out = q;
    return EMG_OK;
}

struct emg_sos *emg_spectral_filter(struct emg_spectral *q)
{
    return q->band;
}

static void correct(const struct emg_spectral *q, const float *psd, float *corrected)
{
    for (size_t k = 0; k < q->bins; k++)
        corrected[k] = psd[k] * q->correction[k];
}

/* To be subtracted; NULL: it is not known. */
static const struct emg_course_noise *noise_of(const struct emg_spectral *q, struct emg_course_noise *noise)
{
    const struct emg_noise_spectrum rest = emg_noise_spectrum(q->noise);
    *noise = (struct emg_course_noise){rest.psd, rest.effective_s, rest.dof};
    return rest.psd != NULL ? noise : NULL;
}

/* `taken`: samples of the chunk in progress up to the end of the slice's marks. */
static bool lies_in_measurement(const struct emg_spectral *q, const struct emg_slice *slice, size_t taken)
{
    return q->measuring && q->measured + taken >= q->config.delay + slice->n;
}

static void take_active(struct emg_spectral *q, const struct emg_slice *slice, bool measured, double end_s)
{
    const float *psd = emg_spectrum_execute(q->spectrum, slice->x, slice->n, slice->burst);
    const struct emg_spectrum_extent extent = emg_spectrum_newest(q->spectrum);
    struct emg_course_noise noise;
    correct(q, psd, q->slice);
    emg_course_execute(q->course, q->slice, &extent, noise_of(q, &noise), end_s);
    if (measured)
        emg_course_measure(q->course, q->slice, &extent);
}

static bool is_contraction(uint32_t mark)
{
    return mark != EMG_ONSET_QUIET && mark != EMG_ONSET_UNSURE;
}

static void cut(struct emg_spectral *q, const float *x, const uint32_t *marks, size_t n, double origin_s,
                uint64_t sample)
{
    struct emg_slice slice;
    for (size_t i = 0; i < n; i++)
        q->chosen[i] = i >= q->earlier && is_contraction(marks[i]) ? marks[i] : 0;
    q->earlier -= n < q->earlier ? n : q->earlier;
    for (size_t i = 0; i < n;) {
        i += emg_slicer_execute(q->slicer, x + i, q->chosen + i, n - i, &slice);
        if (slice.n > 0)
            take_active(q, &slice, lies_in_measurement(q, &slice, i),
                        origin_s + (double)(sample + i) / q->config.rate_hz);
    }
}

void emg_spectral_execute(struct emg_spectral *q, const float *x, const uint32_t *marks, size_t n,
                          double origin_s, uint64_t sample)
{
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t take = n - i < CHUNK ? n - i : CHUNK;
        cut(q, x + i, marks + i, take, origin_s, sample + i);
        emg_noise_execute(q->noise, x + i, marks + i, take);
        q->measured += take;
    }
}

void emg_spectral_discard(struct emg_spectral *q)
{
    emg_slicer_discard(q->slicer);
    emg_noise_discard(q->noise);
}

void emg_spectral_interrupt(struct emg_spectral *q)
{
    emg_sos_reset(q->band);
    emg_slicer_reset(q->slicer);
    emg_noise_interrupt(q->noise);
    q->measuring = false;
    q->earlier = 0;
}

void emg_spectral_begin_stage(struct emg_spectral *q)
{
    emg_slicer_discard(q->slicer);
    emg_spectrum_reset(q->spectrum);
    q->pool = (struct emg_spectrum_pool){0};
    emg_course_begin_stage(q->course);
    q->verdict = EMG_VERDICT_UNDETERMINED;
    q->earlier = q->config.delay;
}

void emg_spectral_begin_measurement(struct emg_spectral *q, enum emg_measure kind, size_t after)
{
    emg_noise_cancel(q->noise);
    if (kind == EMG_MEASURE_REST)
        emg_noise_begin(q->noise, after);
    emg_course_begin_measurement(q->course);
    q->measuring = kind == EMG_MEASURE_BASELINE;
    q->measured = 0;
}

void emg_spectral_take_rest(struct emg_spectral *q, double rms_uv)
{
    emg_noise_take(q->noise, rms_uv);
}

struct emg_rest emg_spectral_rest(const struct emg_spectral *q, float *psd, size_t n_max)
{
    return emg_noise_rest(q->noise, psd, n_max);
}

bool emg_spectral_set_rest(struct emg_spectral *q, const struct emg_rest *rest, const float *psd)
{
    return emg_noise_set_rest(q->noise, rest, psd);
}

struct emg_spectral_baseline emg_spectral_end_baseline(struct emg_spectral *q)
{
    struct emg_course_noise noise;
    struct emg_spectral_baseline baseline;
    baseline.indices = emg_course_measured(q->course, noise_of(q, &noise), &baseline.seconds);
    baseline.snr_db = 10 * log10(baseline.indices.power_uv2 / baseline.indices.noise_uv2);
    q->measuring = false;
    return baseline;
}

struct emg_baseline emg_spectral_baseline(const struct emg_spectral *q)
{
    return emg_course_baseline(q->course);
}

void emg_spectral_set_baseline(struct emg_spectral *q, const struct emg_baseline *baseline)
{
    emg_course_set_baseline(q->course, baseline);
}

static struct emg_fatigue_indices pooled_indices(const struct emg_spectral *q)
{
    const struct emg_noise_spectrum rest = emg_noise_spectrum(q->noise);
    const struct emg_fatigue_spectrum spectrum = {
        .psd = q->psd,
        .noise = rest.psd,
        .n_bins = q->bins,
        .df_hz = q->df_hz,
        .low_hz = q->config.low_hz,
        .high_hz = q->config.high_hz,
        .seconds = q->pool.effective_s,
        .dof = q->pool.dof,
        .bandwidth_hz = q->pool.bandwidth_hz,
        .noise_seconds = rest.effective_s,
        .noise_dof = rest.dof,
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
    const float *noise = emg_noise_spectrum(q->noise).psd;
    for (size_t k = 0; k < q->bins; k++)
        q->published[k] = q->psd[k] - (noise != NULL ? noise[k] : 0);
}

struct emg_spectral_fatigue emg_spectral_fatigue(struct emg_spectral *q, double valid_s, bool bad)
{
    struct emg_course_noise noise;
    emg_course_advance(q->course, noise_of(q, &noise), valid_s);
    q->pool = emg_spectrum_pool(q->spectrum, q->psd);
    correct(q, q->psd, q->psd);
    publish_psd(q);

    const struct emg_course_state course = emg_course_state(q->course);
    struct emg_spectral_fatigue f = {
        .indices = pooled_indices(q),
        .seconds = q->pool.seconds,
        .bursts = q->pool.bursts,
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
    return q->pool.seconds > 0 ? q->n_bins : 0;
}

size_t emg_spectral_psd_max(const struct emg_spectral *q)
{
    return q->n_bins;
}

void emg_spectral_reset(struct emg_spectral *q)
{
    emg_spectral_interrupt(q);
    emg_spectrum_reset(q->spectrum);
    q->pool = (struct emg_spectrum_pool){0};
    emg_noise_reset(q->noise);
    emg_course_reset(q->course);
    q->verdict = EMG_VERDICT_UNDETERMINED;
}

void emg_spectral_destroy(struct emg_spectral *q)
{
    if (q == NULL)
        return;
    emg_course_destroy(q->course);
    emg_noise_destroy(q->noise);
    free(q->published);
    free(q->psd);
    free(q->slice);
    free(q->correction);
    emg_slicer_destroy(q->slicer);
    emg_spectrum_destroy(q->spectrum);
    emg_sos_destroy(q->band);
    free(q);
}
