#include "dsp/noise.h"

#include "dsp/onset.h"
#include "dsp/pool.h"
#include "dsp/slicer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 };
static const double NEEDED_S = 1.0;

struct emg_noise {
    struct emg_noise_config config;
    size_t bins;
    struct emg_spectrum *spectrum; /* of quiet slices */
    struct emg_slicer *quiet;

    bool measuring;
    size_t after; /* samples that a measurement is still to leave out */
    struct emg_spectrum *measured_spectrum;
    struct emg_slicer *measured_slicer;
    struct emg_pool *measured;

    struct emg_rest given; /* measured or set; rms_uv NaN: none */
    float *given_psd;      /* [bins] not corrected; only the band counts */

    float *psd; /* [bins] the noise, corrected */
    double seconds, effective_s, dof;

    uint32_t chosen[CHUNK], all[CHUNK]; /* to a slicer: what belongs together */
};

static enum emg_error create_slicing(struct emg_spectrum **spectrum, struct emg_slicer **slicer,
                                     const struct emg_spectrum_config *config, size_t delay)
{
    const enum emg_error error = emg_spectrum_create(spectrum, config);
    if (error != EMG_OK)
        return error;
    const struct emg_slicer_config slices = {delay, emg_spectrum_slice_min(*spectrum),
                                             emg_spectrum_slice_max(*spectrum)};
    return emg_slicer_create(slicer, &slices);
}

static enum emg_error create_all(struct emg_noise *q)
{
    const struct emg_noise_config *c = &q->config;
    struct emg_spectrum_config measured = c->slices;
    measured.pool_s = measured.slice_s; /* they are pooled here */
    enum emg_error error = create_slicing(&q->spectrum, &q->quiet, &c->slices, c->delay);
    if (error == EMG_OK)
        error = create_slicing(&q->measured_spectrum, &q->measured_slicer, &measured, 0);
    if (error != EMG_OK)
        return error;
    q->bins = emg_spectrum_bins(q->spectrum);
    if (c->n_bins == 0 || c->first_bin >= q->bins || c->n_bins > q->bins - c->first_bin)
        return EMG_ERROR_ARGUMENT;
    q->given_psd = calloc(q->bins, sizeof q->given_psd[0]);
    q->psd = calloc(q->bins, sizeof q->psd[0]);
    if (q->given_psd == NULL || q->psd == NULL)
        return EMG_ERROR_MEMORY;
    return emg_pool_create(&q->measured, q->bins);
}

enum emg_error emg_noise_create(struct emg_noise **out, const struct emg_noise_config *config)
{
    *out = NULL;
    struct emg_noise *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    for (size_t i = 0; i < CHUNK; i++)
        q->all[i] = 1;
    const enum emg_error error = create_all(q);
    if (error != EMG_OK) {
        emg_noise_destroy(q);
        return error;
    }
    emg_noise_reset(q);
    *out = q;
    return EMG_OK;
}

static bool is_given(const struct emg_noise *q)
{
    return !isnan(q->given.rms_uv);
}

static void correct(struct emg_noise *q, const float *psd)
{
    for (size_t k = 0; k < q->bins; k++)
        q->psd[k] = psd[k] * q->config.correction[k];
}

static void take_quiet(struct emg_noise *q, const struct emg_slice *slice)
{
    if (slice->n == 0)
        return;
    emg_spectrum_execute(q->spectrum, slice->x, slice->n, slice->burst);
    const struct emg_spectrum_pool pool = emg_spectrum_pool(q->spectrum, q->psd);
    q->seconds = pool.seconds;
    q->effective_s = pool.effective_s;
    q->dof = pool.dof;
    correct(q, q->psd);
}

static void take_measured(struct emg_noise *q, const struct emg_slice *slice)
{
    if (slice->n == 0)
        return;
    const float *psd = emg_spectrum_execute(q->measured_spectrum, slice->x, slice->n, slice->burst);
    const struct emg_spectrum_extent extent = emg_spectrum_newest(q->measured_spectrum);
    emg_pool_execute(q->measured, psd, &extent);
}

static void cut_quiet(struct emg_noise *q, const float *x, const uint32_t *marks, size_t n)
{
    struct emg_slice slice;
    for (size_t i = 0; i < n; i++)
        q->chosen[i] = marks[i] == EMG_ONSET_QUIET ? 1 : 0;
    for (size_t i = 0; i < n;) {
        i += emg_slicer_execute(q->quiet, x + i, q->chosen + i, n - i, &slice);
        take_quiet(q, &slice);
    }
}

static void cut_measured(struct emg_noise *q, const float *x, size_t n)
{
    struct emg_slice slice;
    const size_t left_out = n < q->after ? n : q->after;
    q->after -= left_out;
    for (size_t i = left_out; i < n;) {
        i += emg_slicer_execute(q->measured_slicer, x + i, q->all, n - i, &slice);
        take_measured(q, &slice);
    }
}

void emg_noise_execute(struct emg_noise *q, const float *x, const uint32_t *marks, size_t n)
{
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t some = n - i < CHUNK ? n - i : CHUNK;
        if (!is_given(q))
            cut_quiet(q, x + i, marks + i, some);
        if (q->measuring)
            cut_measured(q, x + i, some);
    }
}

struct emg_noise_spectrum emg_noise_spectrum(const struct emg_noise *q)
{
    return (struct emg_noise_spectrum){q->seconds >= NEEDED_S ? q->psd : NULL, q->effective_s, q->dof};
}

void emg_noise_begin(struct emg_noise *q, size_t after)
{
    emg_slicer_reset(q->measured_slicer);
    emg_pool_reset(q->measured);
    q->measuring = true;
    q->after = after;
}

/* given_psd is the noise from now on. */
static void give(struct emg_noise *q, const struct emg_rest *rest)
{
    q->given = *rest;
    q->seconds = rest->seconds;
    q->effective_s = rest->effective_s;
    q->dof = rest->dof;
    correct(q, q->given_psd);
}

void emg_noise_take(struct emg_noise *q, double rms_uv)
{
    const float nothing = 0;
    const uint32_t end = 0;
    struct emg_slice slice;
    (void)emg_slicer_execute(q->measured_slicer, &nothing, &end, 1, &slice);
    take_measured(q, &slice);
    emg_pool_mean(q->measured, q->given_psd);
    const struct emg_spectrum_extent extent = emg_pool_extent(q->measured);
    const struct emg_rest rest = {
        .rms_uv = rms_uv,
        .seconds = extent.seconds,
        .effective_s = emg_spectrum_effective_s(&extent),
        .dof = emg_spectrum_dof(&extent),
        .n_bins = (uint32_t)q->config.n_bins,
    };
    give(q, &rest);
    q->measuring = false;
}

void emg_noise_cancel(struct emg_noise *q)
{
    q->measuring = false;
}

struct emg_rest emg_noise_rest(const struct emg_noise *q, float *psd, size_t n_max)
{
    const struct emg_noise_config *c = &q->config;
    if (!is_given(q) || n_max < c->n_bins)
        return (struct emg_rest){.rms_uv = NAN};
    memcpy(psd, q->given_psd + c->first_bin, c->n_bins * sizeof psd[0]);
    return q->given;
}

static bool is_rest(const struct emg_noise *q, const struct emg_rest *rest, const float *psd)
{
    if (rest->n_bins != q->config.n_bins || !(rest->rms_uv > 0 && isfinite(rest->rms_uv)) ||
        !(rest->seconds >= NEEDED_S && rest->effective_s > 0 && rest->dof > 0))
        return false;
    for (size_t k = 0; k < rest->n_bins; k++)
        if (!(psd[k] >= 0 && isfinite(psd[k])))
            return false;
    return true;
}

bool emg_noise_set_rest(struct emg_noise *q, const struct emg_rest *rest, const float *psd)
{
    if (!is_rest(q, rest, psd))
        return false;
    memcpy(q->given_psd + q->config.first_bin, psd, rest->n_bins * sizeof psd[0]);
    give(q, rest);
    return true;
}

void emg_noise_discard(struct emg_noise *q)
{
    emg_slicer_discard(q->quiet);
}

void emg_noise_interrupt(struct emg_noise *q)
{
    emg_slicer_reset(q->quiet);
    q->measuring = false;
}

void emg_noise_reset(struct emg_noise *q)
{
    emg_noise_interrupt(q);
    emg_spectrum_reset(q->spectrum);
    q->given = (struct emg_rest){.rms_uv = NAN};
    q->seconds = 0;
    q->effective_s = 0;
    q->dof = 0;
}

void emg_noise_destroy(struct emg_noise *q)
{
    if (q == NULL)
        return;
    emg_pool_destroy(q->measured);
    emg_slicer_destroy(q->measured_slicer);
    emg_spectrum_destroy(q->measured_spectrum);
    emg_slicer_destroy(q->quiet);
    emg_spectrum_destroy(q->spectrum);
    free(q->psd);
    free(q->given_psd);
    free(q);
}
