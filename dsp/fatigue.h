/* Spectral fatigue indices of one power spectrum. Pure functions; any thread.
 *
 * MDF and MNF after SENIAM; standard error of the MDF by the delta method on the cumulative spectrum;
 * FInsm5 after Dimitrov et al. 2006, Med Sci Sports Exerc 38:1971. */
#ifndef EMG_DSP_FATIGUE_H
#define EMG_DSP_FATIGUE_H

#include "dsp/realtime.h"

#include <stddef.h>

struct emg_fatigue_indices {
    double power_uv2; /* integral of P over the band */
    double mdf_hz;    /* half of the power lies below */
    double mdf_se_hz; /* sqrt(integral P^2 df / T) / (2 P(MDF)), P(MDF) being the mean of P between the
                         frequencies below which 45 and 55 % of the power lie (Siddiqui 1960): the estimate
                         of P at one frequency alone would make the standard error scatter */
    double mnf_hz;    /* integral f P / integral P */
    double mnf_se_hz; /* sqrt(integral (f - MNF)^2 P^2 df / T) / integral P */
    double ln_insm5;  /* ln(integral f^-1 P / integral f^5 P), f in Hz, not yet relative to a baseline */
};

/* Indices of the one-sided PSD psd [n_bins] (uV^2/Hz, bin k at k * df_hz, taken as linear between bins) over
 * low_hz..high_hz (0 < low_hz < high_hz <= (n_bins - 1) * df_hz; either may lie between bins, and a high_hz
 * beyond the last bin means the last bin), estimated from `seconds` of signal. All integrals are those of
 * the piecewise linear P, exact up to rounding. Negative bins count as zero. Every index is NaN when the band
 * holds no power, is empty or outside the spectrum, or touches a bin that is not finite; standard errors are
 * NaN when seconds <= 0. */
EMG_REALTIME struct emg_fatigue_indices emg_fatigue_indices(const float *psd, size_t n_bins, double df_hz,
                                                            double low_hz, double high_hz, double seconds);

#endif
