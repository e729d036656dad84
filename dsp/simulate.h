/* Surface EMG with a spectrum known in closed form: for the synthetic source, the tests and the self-test.
 *
 * Gaussian noise with the power spectrum of Shwedyk et al. 1977 as used by Stulen & De Luca 1981:
 *   P(f) = k fh^4 f^2 / [(f^2 + fl^2)(f^2 + fh^2)^2].
 * It is the sampled output of the continuous system s fh^2 / ((s + fl)(s + fh)^2) (frequencies in rad/s)
 * driven by white noise, stepped exactly (matrix exponential and the exact covariance of the noise over one
 * step), so the spectrum is right at every rate. Stride modulation multiplies it by a raised-cosine burst;
 * white noise is added last. The same configuration gives the same samples, however the calls are cut. One
 * instance, one channel, one thread. */
#ifndef EMG_DSP_SIMULATE_H
#define EMG_DSP_SIMULATE_H

#include "dsp/error.h"

#include <stddef.h>
#include <stdint.h>

struct emg_simulate;

/* Amplitude over time; 1 stands for rms_uv. */
enum emg_simulate_course {
    EMG_SIMULATE_STATIC, /* always 1 */
    EMG_SIMULATE_REST,   /* always 0: noise only */
    EMG_SIMULATE_STRIDE, /* one burst each cycle */
    EMG_SIMULATE_RAMP,   /* rises linearly 0..1 over ramp_s, holds 1 for ramp_s, falls over ramp_s, rests
                            ramp_s, and again */
};

struct emg_simulate_config {
    double rate_hz; /* 1000..1e6 */
    uint64_t seed;
    enum emg_simulate_course course;
    double rms_uv;   /* of the EMG where the amplitude is 1, >= 0 */
    double noise_uv; /* RMS of white noise over 0..rate/2 is noise_uv * sqrt(rate_hz / 1000): a density, so
                      * that the noise in any band is the same at every rate; >= 0 */
    double fl_hz, fh_hz; /* spectrum when fresh, > 0, < rate_hz / 2 */
    double fatigue;      /* fl and fh fall to (1 - fatigue) of these, 0 <= fatigue < 1, ... */
    double fatigue_s;    /* ... as 1 - fatigue * (1 - exp(-t / fatigue_s)); > 0; updated every 0.5 s */
    double cycle_s;      /* stride: duration of a gait cycle, > 0 */
    uint64_t cycle_seed; /* stride: channels with the same one and the same cycle keep step with each other */
    double cycle_cv;     /* stride: coefficient of variation of cycle_s, 0..0.2 */
    double burst_start;  /* stride: phase at which the burst begins, 0..1 */
    double burst_length; /* stride: its share of the cycle, > 0, < 1; 15 % of it at each end is the
                            raised-cosine edge */
    double ramp_s;       /* ramp: > 0 */
};

/* Errors: EMG_ERROR_ARGUMENT for a value outside the ranges above (those marked stride or ramp count only in
 * that course), EMG_ERROR_MEMORY. On error *out is NULL. */
enum emg_error emg_simulate_create(struct emg_simulate **out, const struct emg_simulate_config *config);

/* Writes n samples in microvolts to y[0], y[stride], y[2 * stride], ... */
void emg_simulate_execute(struct emg_simulate *q, float *y, size_t stride, size_t n);

/* Phase of the gait cycle, 0 up to 1, at the next sample: what keeps a foot switch in step with the bursts.
 * NaN in a course other than stride. Asking changes no sample. */
double emg_simulate_phase(struct emg_simulate *q);

/* The closed form: one-sided PSD in uV^2/Hz at frequency_hz of a unit-amplitude EMG with rms_uv over all
 * frequencies and the given corner frequencies. */
double emg_simulate_psd(double frequency_hz, double fl_hz, double fh_hz, double rms_uv);

/* Median frequency of the closed form over low_hz..high_hz, by numeric integration, within 0.001 Hz; NaN
 * unless 0 <= low_hz < high_hz and both corner frequencies are > 0. */
double emg_simulate_mdf_hz(double fl_hz, double fh_hz, double low_hz, double high_hz);

void emg_simulate_reset(struct emg_simulate *q);   /* begins again with the same seed */
void emg_simulate_destroy(struct emg_simulate *q); /* NULL is a no-op */

#endif
