/* Sine-taper multitaper power spectra of slices of signal, pooled over the most recent seconds.
 *
 * Riedel & Sidorenko 1995, IEEE Trans. Signal Processing 43:188. Single-precision FFTW, planned with
 * FFTW_ESTIMATE so that the same input gives the same spectrum in every run. One instance serves one muscle
 * and one thread; creation and destruction of all instances must happen on one thread at a time (FFTW's
 * planner is not thread-safe). */
#ifndef EMG_DSP_SPECTRUM_H
#define EMG_DSP_SPECTRUM_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stddef.h>
#include <stdint.h>

/* The pool keeps at most this many slices, 600 s of 0.125 s. Where pool_s / shortest_s is larger, a pool of
 * only the shortest slices stays short of pool_s. */
#define EMG_SPECTRUM_SLICES_MAX 4800

struct emg_spectrum;

struct emg_spectrum_config {
    double rate_hz;    /* > 0; slice_s * rate_hz at most 2^20 samples */
    double slice_s;    /* longest slice, 0.05..2 s */
    unsigned tapers;   /* K of the longest slice, 1..16, fewer than the samples of the shortest slice. The
                          half-bandwidth of a slice of T seconds is (K + 1) / (2 T) Hz, so shorter ones have
                          fewer:   K sqrt(T / slice_s), rounded, but 2 where K allows */
    double pool_s;     /* seconds of signal that are pooled, >= slice_s, <= 600 */
    double shortest_s; /* slices shorter than this are refused, > 0, <= slice_s */
    double highest_hz; /* bins above the first one here are left out; 0: none */
};

/* Memory: one PSD (4 bytes a bin) for each of the pool_s / shortest_s slices that fill the pool, 20 MB for
 * 600 s of 0.125 s slices at 2 kHz. Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above,
 * EMG_ERROR_MEMORY, also for a pool of more than 256 MiB. On error *out is NULL. */
enum emg_error emg_spectrum_create(struct emg_spectrum **out, const struct emg_spectrum_config *config);

/* Number of bins (from 0 Hz to highest_hz or rate/2, inclusive) and their distance in Hz; the transform is
 * zero-padded to the power of two that is at least twice the longest slice. */
size_t emg_spectrum_bins(const struct emg_spectrum *q);
double emg_spectrum_df_hz(const struct emg_spectrum *q);

/* Longest and shortest slice in samples: slice_s and shortest_s rounded to the nearest sample. */
size_t emg_spectrum_slice_max(const struct emg_spectrum *q);
size_t emg_spectrum_slice_min(const struct emg_spectrum *q);

/* Adds one slice x of n samples (microvolts; slice_min <= n <= slice_max) that belongs to contraction
 * `burst`. The slice's mean is removed. Returns its one-sided PSD in uV^2/Hz, [bins], valid until the next
 * call: the sum over bins times df is the slice's variance for a stationary signal. */
EMG_REALTIME const float *emg_spectrum_execute(struct emg_spectrum *q, const float *x, size_t n,
                                               uint32_t burst);

/* What a sum of length-weighted slices rests on. Sine tapers weigh the ends of a slice less, which costs a
 * share 1 / (2 K) of its information; a signal whose power changes inside or between the slices is worth less
 * than its length, by its kurtosis against that of Gaussian noise. */
struct emg_spectrum_extent {
    double seconds;
    double inflated_s;      /* sum of T (1 + 1 / (2 K)) */
    double square_s;        /* integral of x^2, uV^2 s */
    double inflated_fourth; /* sum of (integral of x^4) (1 + 1 / (2 K)) */
    double squares_per_dof; /* sum of (integral of x^2)^2 / (2 K) */
    double window;          /* sum of (K + 1) / 2, half-bandwidth times length */
};

/* Of the newest slice. */
struct emg_spectrum_extent emg_spectrum_newest(const struct emg_spectrum *q);

void emg_spectrum_extend(struct emg_spectrum_extent *sum, const struct emg_spectrum_extent *slice);

/* Seconds of stationary signal that would give spectra as certain; at most inflated_s; 0 for nothing. */
double emg_spectrum_effective_s(const struct emg_spectrum_extent *sum);

/* Equivalent degrees of freedom of each bin of the summed spectrum: 2 K for one slice, more for more, slices
 * of little power counting little; 0 for nothing. */
double emg_spectrum_dof(const struct emg_spectrum_extent *sum);

/* Half-bandwidth of the spectral window in Hz, the mean over the slices by length; 0 for nothing. */
double emg_spectrum_bandwidth_hz(const struct emg_spectrum_extent *sum);

struct emg_spectrum_pool {
    double seconds;                        /* signal in the pool */
    double effective_s, dof, bandwidth_hz; /* emg_spectrum_effective_s, ... */
    unsigned slices;                       /* in the pool */
    unsigned bursts; /* contractions that the slices come from: runs of slices with the same `burst` */
};

/* Writes to psd [bins] the length-weighted mean PSD of the newest slices that together reach pool_s (all of
 * them when they do not yet). With no slice, psd is all zero and seconds is 0. The sums are made anew from
 * the oldest slice to the newest, so what has left the pool leaves no trace, a slice that was not finite
 * included. */
EMG_REALTIME struct emg_spectrum_pool emg_spectrum_pool(struct emg_spectrum *q, float *psd);

void emg_spectrum_reset(struct emg_spectrum *q);   /* empties the pool */
void emg_spectrum_destroy(struct emg_spectrum *q); /* NULL is a no-op */

#endif
