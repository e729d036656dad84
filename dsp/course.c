#include "dsp/course.h"

#include "dsp/fatigue.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TREND_POINTS = 4096 };
static const double BASELINE_S = 60.0;
static const double BASELINE_ACTIVE_S = 2.0;
static const double POINT_S = 2.0;
/* Equivalent bandwidth of surface EMG for the spread of its RMS: CV = 1 / (2 sqrt(B T)). */
static const double RMS_BANDWIDTH_HZ = 193.0;

/* Length-weighted sum of slices. */
struct pool {
    double *sum; /* [n_bins] */
    struct emg_spectrum_extent extent;
};

struct emg_course {
    struct emg_course_config config;
    struct pool baseline, point;
    float *mean; /* scratch [n_bins] */
    bool has_baseline;
    double baseline_mdf_hz, baseline_ln_insm5;
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
    q->baseline.sum = calloc(config->n_bins, sizeof *q->baseline.sum);
    q->point.sum = calloc(config->n_bins, sizeof *q->point.sum);
    q->mean = calloc(config->n_bins, sizeof *q->mean);
    if (q->baseline.sum == NULL || q->point.sum == NULL || q->mean == NULL ||
        emg_trend_create(&q->mdf, TREND_POINTS) != EMG_OK ||
        emg_trend_create(&q->rms, TREND_POINTS) != EMG_OK) {
        emg_course_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    emg_course_reset(q);
    *out = q;
    return EMG_OK;
}

static void pool_clear(struct pool *pool, size_t n_bins)
{
    memset(pool->sum, 0, n_bins * sizeof pool->sum[0]);
    pool->extent = (struct emg_spectrum_extent){0};
}

static void pool_add(struct pool *pool, const float *psd, size_t n_bins,
                     const struct emg_spectrum_extent *extent)
{
    for (size_t k = 0; k < n_bins; k++)
        pool->sum[k] += extent->seconds * (double)psd[k];
    emg_spectrum_extend(&pool->extent, extent);
}

static struct emg_fatigue_indices pool_indices(struct emg_course *q, const struct pool *pool,
                                               const struct emg_course_noise *noise)
{
    const struct emg_course_config *c = &q->config;
    for (size_t k = 0; k < c->n_bins; k++)
        q->mean[k] = (float)(pool->sum[k] / pool->extent.seconds);
    struct emg_fatigue_spectrum spectrum = {
        .psd = q->mean,
        .n_bins = c->n_bins,
        .df_hz = c->df_hz,
        .low_hz = c->low_hz,
        .high_hz = c->high_hz,
        .seconds = emg_spectrum_effective_s(&pool->extent),
        .dof = emg_spectrum_dof(&pool->extent),
        .bandwidth_hz = emg_spectrum_bandwidth_hz(&pool->extent),
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
    const size_t n_bins = q->config.n_bins;
    if (!q->has_baseline)
        pool_add(&q->baseline, psd, n_bins, extent);
    pool_add(&q->point, psd, n_bins, extent);
    if (q->point.extent.seconds < POINT_S)
        return;
    const struct emg_fatigue_indices indices = pool_indices(q, &q->point, noise);
    const double rms_uv = sqrt(indices.power_uv2);
    const double effective_s = emg_spectrum_effective_s(&q->point.extent);
    emg_trend_execute(q->mdf, t_s, indices.mdf_hz, indices.mdf_se_hz);
    emg_trend_execute(q->rms, t_s, rms_uv, rms_uv / (2 * sqrt(RMS_BANDWIDTH_HZ * effective_s)));
    pool_clear(&q->point, n_bins);
}

void emg_course_advance(struct emg_course *q, const struct emg_course_noise *noise, double valid_s)
{
    if (q->has_baseline || valid_s < BASELINE_S || q->baseline.extent.seconds < BASELINE_ACTIVE_S)
        return;
    const struct emg_fatigue_indices indices = pool_indices(q, &q->baseline, noise);
    q->baseline_mdf_hz = indices.mdf_hz;
    q->baseline_ln_insm5 = indices.ln_insm5;
    q->has_baseline = true;
}

struct emg_course_state emg_course_state(const struct emg_course *q)
{
    return (struct emg_course_state){
        .baseline_mdf_hz = q->baseline_mdf_hz,
        .baseline_ln_insm5 = q->baseline_ln_insm5,
        .mdf = emg_trend_fit(q->mdf),
        .rms = emg_trend_fit(q->rms),
    };
}

void emg_course_reset(struct emg_course *q)
{
    pool_clear(&q->baseline, q->config.n_bins);
    pool_clear(&q->point, q->config.n_bins);
    q->has_baseline = false;
    q->baseline_mdf_hz = NAN;
    q->baseline_ln_insm5 = NAN;
    emg_trend_reset(q->mdf);
    emg_trend_reset(q->rms);
}

void emg_course_destroy(struct emg_course *q)
{
    if (q == NULL)
        return;
    emg_trend_destroy(q->rms);
    emg_trend_destroy(q->mdf);
    free(q->mean);
    free(q->point.sum);
    free(q->baseline.sum);
    free(q);
}
