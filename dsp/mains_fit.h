/* Tells whether there is mains in the newest seconds, at which frequency, and how large each harmonic is.
 *
 * Each hop brings the complex amplitudes near the harmonics of nominal mains and the powers half-way between
 * them. The frequency is the maximum-likelihood one over the newest 120 hops (4 to 5 s): the maximum of the
 * periodogram summed over harmonics, each divided by its noise, each hop weighted by the inverse of the EMG's
 * power. A line is found when its log likelihood ratio exceeds what noise reaches about once in 10^8, and
 * followed from then on with a frequency that may drift; where the newest 5 or 10 hops disagree with those
 * before them, these are forgotten. One instance serves one channel, one thread; creation and destruction of
 * all instances must happen on one thread at a time (FFTW's planner is not thread-safe). */
#ifndef EMG_DSP_MAINS_FIT_H
#define EMG_DSP_MAINS_FIT_H

#include "dsp/error.h"
#include "dsp/mains_hops.h"
#include "dsp/phasor.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_mains_fit;

struct emg_mains_fit_config {
    double nominal_hz; /* 50 or 60; the line is sought within 1 Hz of it */
    double hop_s;      /* from one hop to the next, > 0, <= 0.1 */
    size_t harmonics;  /* 1..EMG_MAINS_HARMONICS_MAX */
    size_t halves;     /* 1..harmonics: powers half-way, above the first harmonic, above the second, ... */
    double overlap;    /* hops per independent hop, >= 1, finite */
};

struct emg_mains_line {
    bool locked;
    /* At the centre of the newest window; the last guess unless locked. */
    double frequency_hz, drift_hz_s;
    /* While locked, [harmonics]: at that centre, as the windows show them. */
    struct emg_phasor amplitude[EMG_MAINS_HARMONICS_MAX];
    double variance[EMG_MAINS_HARMONICS_MAX]; /* of amplitude, E|error|^2 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above, EMG_ERROR_MEMORY. On error *out is NULL.
 */
enum emg_error emg_mains_fit_create(struct emg_mains_fit **out, const struct emg_mains_fit_config *config);

/* Takes one hop: the amplitude [harmonics] of harmonic k = 1, 2, ... near k x nominal, its phase counted from
 * the centre of the hop's window, and |amplitude|^2 [halves] near 1.5, 2.5, ... x nominal. */
EMG_REALTIME void emg_mains_fit_take(struct emg_mains_fit *q, const struct emg_phasor *amplitude,
                                     const double *half);

/* Fits the line to the hops that were taken. */
EMG_REALTIME struct emg_mains_line emg_mains_fit_execute(struct emg_mains_fit *q);

void emg_mains_fit_reset(struct emg_mains_fit *q);
void emg_mains_fit_destroy(struct emg_mains_fit *q); /* NULL is a no-op */

#endif
