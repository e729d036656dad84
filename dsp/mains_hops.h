/* The newest hops of the mains stage: amplitudes at the harmonics, powers half-way between them, and how much
 * each hop counts. Plain data of mains_fit and mains_search; belongs to their thread. */
#ifndef EMG_DSP_MAINS_HOPS_H
#define EMG_DSP_MAINS_HOPS_H

#include "dsp/phasor.h"
#include "dsp/realtime.h"

#include <stddef.h>

enum {
    EMG_MAINS_HARMONICS_MAX = 16,
    EMG_MAINS_HISTORY = 120, /* hops that are kept: 4 s at 60 Hz, 4.8 s at 50 */
};

/* A number, or a complex one, for each harmonic; what lies behind the last harmonic is 0. */
struct emg_mains_row {
    double x[EMG_MAINS_HARMONICS_MAX];
};

struct emg_mains_complex_row {
    double re[EMG_MAINS_HARMONICS_MAX], im[EMG_MAINS_HARMONICS_MAX];
};

/* To be zeroed and its first line set; `known` hops may be used, of which that at `at` is the newest. */
struct emg_mains_hops {
    size_t harmonics, halves;                          /* 1..16; powers half-way, 1..harmonics */
    double overlap;                                    /* hops per independent hop */
    struct emg_mains_complex_row z[EMG_MAINS_HISTORY]; /* amplitudes near k x nominal, a ring */
    struct emg_mains_row half[EMG_MAINS_HISTORY];      /* powers near (k + 1/2) x nominal, likewise */
    size_t at, known;
    double weight[EMG_MAINS_HISTORY]; /* of the newest hops, as last weighed, newest first */
};

/* Place in the rings of the hop that is `age` hops older than the newest. */
static inline size_t emg_mains_hops_place(const struct emg_mains_hops *q, size_t age)
{
    return age <= q->at ? q->at - age : q->at + EMG_MAINS_HISTORY - age;
}

/* Vectors of four that hold all harmonics. */
static inline size_t emg_mains_hops_quads(const struct emg_mains_hops *q)
{
    return (q->harmonics + 3) / 4;
}

static inline double emg_mains_power(const struct emg_mains_complex_row *row, size_t k)
{
    return row->re[k] * row->re[k] + row->im[k] * row->im[k];
}

/* Takes one hop: amplitude [harmonics], half [halves]. */
EMG_REALTIME void emg_mains_hops_take(struct emg_mains_hops *q, const struct emg_phasor *amplitude,
                                      const double *half);

/* Weights the newest hops, the sum of weights being 1, by the inverse of their EMG power: that half-way, each
 * relative to its mean, over the hop and its neighbours. Returns the number of hops that count as independent
 * and equally weighted, 0 for a signal without power. */
EMG_REALTIME double emg_mains_hops_weigh(struct emg_mains_hops *q, size_t hops);

/* Variance of the weighted sum of the newest hops half-way between the harmonics, [16]. */
EMG_REALTIME void emg_mains_hops_between(const struct emg_mains_hops *q, size_t hops, double *half);

/* Density at harmonic k (from 0) that the density half-way gives, [halves] in any unit of power. Below the
 * first harmonic motion may reign: there the slope of the two above goes on, if the spectrum falls. */
EMG_REALTIME double emg_mains_hops_beside(const struct emg_mains_hops *q, const double *half, size_t k);

/* Weight of the noise half-way against that beside the line itself, in degrees of freedom. */
#define EMG_MAINS_PRIOR_DOF 4.0

static inline double emg_mains_dof(double independent)
{
    return independent - 1.0 + EMG_MAINS_PRIOR_DOF;
}

/* Joins the variance that the residuals give, `own`, with that half-way. */
static inline double emg_mains_variance(double independent, double own, double half)
{
    return ((independent - 1.0) * own + EMG_MAINS_PRIOR_DOF * half) / emg_mains_dof(independent);
}

#endif
