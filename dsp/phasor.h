/* Complex amplitudes as two plain doubles: their products round the same with every compiler. */
#ifndef EMG_DSP_PHASOR_H
#define EMG_DSP_PHASOR_H

#include <math.h>

struct emg_phasor {
    double re, im;
};

static inline struct emg_phasor emg_phasor_product(struct emg_phasor a, struct emg_phasor b)
{
    return (struct emg_phasor){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline struct emg_phasor emg_phasor_unit(double angle)
{
    return (struct emg_phasor){cos(angle), sin(angle)};
}

static inline double emg_phasor_power(struct emg_phasor a)
{
    return a.re * a.re + a.im * a.im;
}

#endif
