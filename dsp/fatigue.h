/* Spectral fatigue indices of one power spectrum. Pure functions; any thread.
 *
 * MDF and MNF after SENIAM; standard errors by the delta method on the cumulative spectrum; FInsm5 after
 * Dimitrov et al. 2006, Med Sci Sports Exerc 38:1971. */
#ifndef EMG_DSP_FATIGUE_H
#define EMG_DSP_FATIGUE_H

#include "dsp/realtime.h"

#include <stddef.h>

struct emg_fatigue_spectrum {
    const float *psd;   /* [n_bins] one-sided, uV^2/Hz, bin k at k * df_hz, linear between bins */
    const float *noise; /* [n_bins] PSD of rest, subtracted; NULL: none */
    size_t n_bins;
    double df_hz;
    double low_hz, high_hz; /* the band: 0 < low_hz < high_hz <= (n_bins - 1) * df_hz; either may lie between
                               bins, and a high_hz beyond the last bin means the last bin */
    double seconds;         /* effective seconds of signal that psd rests on */
    double dof;             /* degrees of freedom of each of its bins; infinite: a spectrum without error */
    double bandwidth_hz;    /* half-bandwidth of its spectral window, >= 0 */
    double noise_seconds, noise_dof; /* the same of noise, > 0 */
};

/* P is psd - noise, S is psd, N is noise; T and Tn their seconds. The variance of a linear functional
 * integral w P df is V(w) = integral w^2 (S^2 / T + N^2 / Tn) df; the squares are freed of what the spectra's
 * own scatter adds to them, a factor 1 + 2 / dof. */
struct emg_fatigue_indices {
    double power_uv2; /* integral of P over the band */
    double noise_uv2; /* integral of N over the band; NaN without noise */
    double mdf_hz;    /* half of the power lies below */
    double mdf_se_hz; /* sqrt(V(w)) / (2 P(MDF)), w = -1 below the MDF and 1 above, but rising evenly within
                       * the half-bandwidth of the spectral window, since the spectrum is smooth on that
                       * scale; P(MDF) is the mean of P between the frequencies below which 45 and 55 % of the
                       * power lie (Siddiqui 1960): the estimate of P at one frequency alone would make the
                       * standard error scatter */
    double mnf_hz;    /* integral f P / integral P */
    double mnf_se_hz; /* sqrt(V(f - MNF)) / integral P */
    double ln_insm5;  /* ln(integral f^-1 P / integral f^5 P), f in Hz, not yet relative to a baseline */
    double ln_insm5_se;
};

/* All integrals are those of the piecewise linear spectra, exact up to rounding. P may be negative where
 * the noise's estimate exceeds the signal's: cutting it at zero there would bias every index. Every index
 * is NaN when the band holds no power, is empty or outside the spectrum, or touches a bin that is not finite;
 * standard errors are NaN when seconds <= 0; ln_insm5 also when one of its integrals is not positive. */
EMG_REALTIME struct emg_fatigue_indices emg_fatigue_indices(const struct emg_fatigue_spectrum *spectrum);

#endif
