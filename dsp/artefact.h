/* What spoils a recording of surface EMG: for the synthetic source, the tests and the self-test.
 *
 * Altered in place, in the order of the real signal path:
 *   EMG -> + cross-talk -> electrode loss -> + mains + motion + offset -> front-end high-pass -> clipping.
 * A configuration of zeros leaves every sample as it is. The same configuration gives the same samples,
 * however the calls are cut; one artefact's randomness does not change with another's values. One instance
 * serves one channel, one thread. */
#ifndef EMG_DSP_ARTEFACT_H
#define EMG_DSP_ARTEFACT_H

#include "dsp/error.h"

#include <stddef.h>
#include <stdint.h>

struct emg_artefact;

enum { EMG_ARTEFACT_HARMONICS = 8 }; /* the 2nd to the 9th */

struct emg_artefact_config {
    double rate_hz; /* 1000..1e6 */
    uint64_t seed;  /* of phases, bumps and noise */

    /* Cross-talk: the neighbour's signal, delayed (to the nearest sample), is added. */
    double crosstalk;          /* share of it, 0..1 */
    double crosstalk_delay_ms; /* 0..1000 */

    /* Electrode loss: EMG and cross-talk give way to mains and white noise, and come back, by a linear fade
     * of 10 ms that begins at loss_s and at loss_s + loss_length_s. */
    double loss_s;        /* since the beginning; 0: never */
    double loss_length_s; /* 0: for ever */
    double loss_period_s; /* begins again each this many seconds, >= loss_length_s + 0.01; 0: once */
    double loss_mains_uv; /* RMS of the fundamental alone, at the mains' frequency, >= 0 */
    double loss_noise_uv; /* a density, as noise_uv in dsp/simulate.h: RMS over 0..rate/2 is
                           * loss_noise_uv * sqrt(rate_hz / 1000), >= 0 */

    /* Mains: the frequency is mains_hz + mains_drift_hz * sin(2 pi t / mains_drift_s), alike on every
     * channel, since they hang on one grid; the phase is its integral and so without a jump. Phases at t = 0
     * are random. Harmonics that can reach rate_hz / 2 are left out, as a converter's own filter would. */
    double mains_uv;       /* RMS of the fundamental, >= 0; in all, with the harmonics h given,
                            * mains_uv * sqrt(1 + sum of h^2) */
    double mains_hz;       /* with its drift > 0 and < rate_hz / 2 where there is mains at all */
    double mains_drift_hz; /* largest deviation, >= 0 */
    double mains_drift_s;  /* > 0 where it drifts */
    double
        mains_harmonics[EMG_ARTEFACT_HARMONICS]; /* RMS of the 2nd, 3rd ... relative to mains_uv, 0..1000 */

    /* Motion: bumps sin^3(pi u) cos(pi u), u = 0..1 over 0.2..0.5 s (random): one swing there and back of 2
     * to 10 Hz without a mean, of whose power less than 0.1 % lies above 20 Hz. At most 16 at a time. */
    double motion_peak_uv;  /* of each bump, to either side, >= 0; 0: none, and all below is void */
    double motion_rate_hz;  /* a second, on average, of random polarity, 0.5..1.5 of 1 / rate apart; 0..10 */
    double motion_period_s; /* instead: one each period from 0 on, the first swing upward; 0, or >= 0.1 */

    double offset_uv;   /* at the front end's input: the high-pass, which has settled to it, removes it */
    double highpass_hz; /* -3 dB edge of the front end's first-order high-pass, 0 (none)..rate_hz / 20 */
    double clip_uv;     /* full scale: magnitudes above are held at it; 0: none */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above or not finite, for a loss that repeats and
 * has no length, or for motion with both a rate and a period; EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_artefact_create(struct emg_artefact **out, const struct emg_artefact_config *config);

/* Spoils n samples in microvolts, y[0], y[stride], y[2 * stride], ...; neighbour, laid out alike, is the
 * channel that talks across, before its own artefacts; NULL counts as silence.
 *
 * The front end is analogue, f / sqrt(f^2 + fc^2). A first-order section g (1 - 1/z) / (1 - p / z) stands for
 * it whose g and p match 1 / |H|^2 = 1 + (fc / f)^2 in its terms f^-2 and f^0. The next is (pi fc / rate)^2
 * x^2 / 15 with x = pi f / rate: up to 450 Hz at 2000 Hz the magnitude is within 0.002 % with fc = 20 Hz and
 * 0.05 % with 100 Hz. (The bilinear transform is off by 0.03 % and 0.8 %, a matched pole by more.) */
void emg_artefact_execute(struct emg_artefact *q, float *y, const float *neighbour, size_t stride, size_t n);

/* A bump of motion begins with the next sample, the first swing upward: for those who know when the foot
 * strikes. */
void emg_artefact_strike(struct emg_artefact *q);

void emg_artefact_reset(struct emg_artefact *q);   /* begins again with the same seed */
void emg_artefact_destroy(struct emg_artefact *q); /* NULL is a no-op */

#endif
