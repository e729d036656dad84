#include "dsp/mains_search.h"

#include "dsp/simd.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FFT = 256,   /* 2.5 points a resolution cell or more */
    GRID = 1024, /* frequencies at most, for hops of 0.1 s and all harmonics */
};

static const double RANGE_HZ = 1.05; /* about nominal */

struct emg_mains_search {
    double nominal_hz, hop_s;
    size_t harmonics;
    fftwf_complex *series, *line; /* [FFT] one harmonic's hops, oldest first, and their transform */
    double (*ratio)[FFT];         /* [harmonics] likelihood of a line against none, by its frequency */
    fftwf_plan transform;
};

enum emg_error emg_mains_search_create(struct emg_mains_search **out, double nominal_hz, double hop_s,
                                       size_t harmonics)
{
    *out = NULL;
    struct emg_mains_search *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->nominal_hz = nominal_hz;
    q->hop_s = hop_s;
    q->harmonics = harmonics;
    q->series = fftwf_alloc_complex(FFT);
    q->line = fftwf_alloc_complex(FFT);
    q->ratio = calloc(harmonics, sizeof *q->ratio);
    if (q->series != NULL && q->line != NULL && q->ratio != NULL) {
        memset(q->series, 0, FFT * sizeof *q->series);
        memset(q->line, 0, FFT * sizeof *q->line);
        q->transform = fftwf_plan_dft_1d(FFT, q->series, q->line, FFTW_FORWARD, FFTW_ESTIMATE);
    }
    if (q->transform == NULL) {
        emg_mains_search_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    *out = q;
    return EMG_OK;
}

/* Transforms the weighted series of harmonic k, and writes the likelihood ratio of a line against none at
 * each of its bins to the ratios. */
EMG_VECTORISED static void transform_series(struct emg_mains_search *q, const struct emg_mains_hops *newest,
                                            size_t k, size_t hops, double independent, const double *half)
{
    const double dof = emg_mains_dof(independent), beside_uv2 = emg_mains_hops_beside(newest, half, k);
    const double unbiased = independent / (independent - 1.0);
    double total = 0.0, *ratio = q->ratio[k];

    for (size_t age = 0; age < hops; age++) {
        const struct emg_mains_complex_row *z = &newest->z[emg_mains_hops_place(newest, age)];
        const double weight = newest->weight[age];
        q->series[hops - 1 - age][0] = (float)(weight * z->re[k]);
        q->series[hops - 1 - age][1] = (float)(weight * z->im[k]);
        total += weight * weight * emg_mains_power(z, k) * newest->overlap;
    }
    memset(q->series + hops, 0, (FFT - hops) * sizeof *q->series);
    fftwf_execute_dft(q->transform, q->series, q->line);
    for (size_t bin = 0; bin < FFT; bin++) {
        const double re = (double)q->line[bin][0], im = (double)q->line[bin][1];
        const double p = re * re + im * im, left = total - p / independent;
        const double own = (left > 0.0 ? left : 0.0) * unbiased;
        ratio[bin] = 1.0 + p / (emg_mains_variance(independent, own, beside_uv2) * dof);
    }
}

/* The grid is that of the highest harmonic; a hop is a whole number of cycles of nominal only up to its
 * rounding to samples. */
struct emg_mains_candidate emg_mains_search_execute(struct emg_mains_search *q, struct emg_mains_hops *newest,
                                                    size_t hops)
{
    struct emg_mains_candidate found = {.frequency_hz = q->nominal_hz};
    const double independent = emg_mains_hops_weigh(newest, hops);
    double half[EMG_MAINS_HARMONICS_MAX] = {0.0}, best = 0.0;
    if (!(independent > 1.5))
        return found;

    const double step_hz = 1.0 / (FFT * q->hop_s * (double)q->harmonics);
    const size_t beside_nominal = (size_t)lround(RANGE_HZ / step_hz), points = 2 * beside_nominal + 1;
    const double lowest_hz = q->nominal_hz - (double)beside_nominal * step_hz;
    double likelihood[GRID];
    for (size_t i = 0; i < points; i++)
        likelihood[i] = 1.0;
    emg_mains_hops_between(newest, hops, half);
    for (size_t k = 0; k < q->harmonics; k++) {
        const double first = (double)(k + 1) * lowest_hz * FFT * q->hop_s + 0.5; /* truncation rounds */
        const double step = (double)(k + 1) * step_hz * FFT * q->hop_s;
        transform_series(q, newest, k, hops, independent, half);
        for (size_t i = 0; i < points; i++)
            likelihood[i] *= q->ratio[k][(size_t)(first + (double)i * step) % FFT];
    }
    for (size_t i = 0; i < points; i++)
        if (likelihood[i] > best) {
            best = likelihood[i];
            found.frequency_hz = lowest_hz + (double)i * step_hz;
        }
    const double dof = emg_mains_dof(independent);
    for (size_t k = 0; k < q->harmonics && best > 0.0; k++) {
        const double bin = (double)(k + 1) * found.frequency_hz * FFT * q->hop_s + 0.5;
        found.line[k] = dof * log(q->ratio[k][(size_t)bin % FFT]);
    }
    return found;
}

void emg_mains_search_destroy(struct emg_mains_search *q)
{
    if (q == NULL)
        return;
    if (q->transform != NULL)
        fftwf_destroy_plan(q->transform);
    free(q->ratio);
    fftwf_free(q->line);
    fftwf_free(q->series);
    free(q);
}
