#include "dsp/course.h"

#include "dsp/pool.h"

#include <math.h>
#include <stdlib.h>

enum { TREND_POINTS = 4096 };
static const double BASELINE_S = 60.0;
static const double BASELINE_ACTIVE_S = 2.0;
static const double POINT_S = 2.0;
/* Equivalent bandwidth of surface EMG for the spread of its RMS: CV = 1 / (2 sqrt(B T)). */
static const double RMS_BANDWIDTH_HZ = 193.0;

static const struct emg_baseline no_baseline = {(double)NAN, (double)NAN};

struct emg_course {
    struct emg_course_config config;
    struct emg_pool *first, *point, *measured; /* of the first minute; of the next point; of a measurement */
    float *mean;                               /* scratch [n_bins] */
    bool has_baseline, baseline_is_set;
    struct emg_baseline baseline;
    struct emg_trend *mdf, *rms;
};

enum emg_error emg_course_create(struct emg_course **out, const struct emg_course_config *config)
{
    *out = NULL;
    if (config->n_bins < 2 || !(config->df_hz > 0) || !(config->low_hz > 0) ||
        !(config->high_hz > config->low_hz) || config->high_hz > (double)(config->n_bins - 1) * config->df_hz)
        return EMG_ERROR_ARGUMENT;
    struct emg_course *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    q->mean = calloc(config->n_bins, sizeof *q->mean);
    if (q->mean == NULL || emg_pool_create(&q->first, config->n_bins) != EMG_OK ||
        emg_pool_create(&q->point, config->n_bins) != EMG_OK ||
        emg_pool_create(&q->measured, config->n_bins) != EMG_OK ||
        emg_trend_create(&q->mdf, TREND_POINTS) != EMG_OK ||
        emg_trend_create(&q->rms, TREND_POINTS) != EMG_OK) {
        emg_course_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    emg_course_reset(q);
    *out = q;
    return EMG_OK;
}

static struct emg_fatigue_indices pool_indices(struct emg_course *q, const struct emg_pool *pool,
                                               const struct emg_course_noise *noise)
{
    const struct emg_course_config *c = &q->config;
    const struct emg_spectrum_extent extent = emg_pool_extent(pool);
    emg_pool_mean(pool, q->mean);
    struct emg_fatigue_spectrum spectrum = {
        .psd = q->mean,
        .n_bins = c->n_bins,
        .df_hz = c->df_hz,
        .low_hz = c->low_hz,
        .high_hz = c->high_hz,
        .seconds = emg_spectrum_effective_s(&extent),
        .dof = emg_spectrum_dof(&extent),
        .bandwidth_hz = emg_spectrum_bandwidth_hz(&extent),
    };
    if (noise != NULL) {
        spectrum.noise = noise->psd;
        spectrum.noise_seconds = noise->effective_s;
        spectrum.noise_dof = noise->dof;
    }
    return emg_fatigue_indices(&spectrum);
}

void emg_course_execute(struct emg_course *q, const float *psd, const struct emg_spectrum_extent *extent,
                        const struct emg_course_noise *noise, double t_s)
{
    if (!q->has_baseline)
        emg_pool_execute(q->first, psd, extent);
    emg_pool_execute(q->point, psd, extent);
    const struct emg_spectrum_extent point = emg_pool_extent(q->point);
    if (point.seconds < POINT_S)
        return;
    const struct emg_fatigue_indices indices = pool_indices(q, q->point, noise);
    const double rms_uv = sqrt(indices.power_uv2);
    const double effective_s = emg_spectrum_effective_s(&point);
    emg_trend_execute(q->mdf, t_s, indices.mdf_hz, indices.mdf_se_hz);
    emg_trend_execute(q->rms, t_s, rms_uv, rms_uv / (2 * sqrt(RMS_BANDWIDTH_HZ * effective_s)));
    emg_pool_reset(q->point);
}

void emg_course_advance(struct emg_course *q, const struct emg_course_noise *noise, double valid_s)
{
    if (q->has_baseline || valid_s < BASELINE_S || emg_pool_extent(q->first).seconds < BASELINE_ACTIVE_S)
        return;
    const struct emg_fatigue_indices indices = pool_indices(q, q->first, noise);
    q->baseline = (struct emg_baseline){indices.mdf_hz, indices.ln_insm5};
    q->has_baseline = true;
}

struct emg_course_state emg_course_state(const struct emg_course *q)
{
    return (struct emg_course_state){
        .baseline_mdf_hz = q->baseline.mdf_hz,
        .baseline_ln_insm5 = q->baseline.ln_insm5,
        .mdf = emg_trend_fit(q->mdf),
        .rms = emg_trend_fit(q->rms),
    };
}

void emg_course_begin_stage(struct emg_course *q)
{
    emg_pool_reset(q->point);
    emg_trend_reset(q->mdf);
    emg_trend_reset(q->rms);
}

void emg_course_begin_measurement(struct emg_course *q)
{
    emg_pool_reset(q->measured);
}

void emg_course_measure(struct emg_course *q, const float *psd, const struct emg_spectrum_extent *extent)
{
    emg_pool_execute(q->measured, psd, extent);
}

struct emg_fatigue_indices emg_course_measured(struct emg_course *q, const struct emg_course_noise *noise,
                                               double *seconds)
{
    *seconds = emg_pool_extent(q->measured).seconds;
    return pool_indices(q, q->measured, noise);
}

void emg_course_set_baseline(struct emg_course *q, const struct emg_baseline *baseline)
{
    if (!(baseline->mdf_hz > 0 && isfinite(baseline->mdf_hz)))
        return;
    q->baseline = *baseline;
    q->has_baseline = true;
    q->baseline_is_set = true;
}

struct emg_baseline emg_course_baseline(const struct emg_course *q)
{
    return q->baseline_is_set ? q->baseline : no_baseline;
}

void emg_course_reset(struct emg_course *q)
{
    emg_course_begin_stage(q);
    emg_course_begin_measurement(q);
    emg_pool_reset(q->first);
    q->has_baseline = false;
    q->baseline_is_set = false;
    q->baseline = no_baseline;
}

void emg_course_destroy(struct emg_course *q)
{
    if (q == NULL)
        return;
    emg_trend_destroy(q->rms);
    emg_trend_destroy(q->mdf);
    free(q->mean);
    emg_pool_destroy(q->measured);
    emg_pool_destroy(q->point);
    emg_pool_destroy(q->first);
    free(q);
}
