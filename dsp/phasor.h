/* Complex amplitudes as two plain doubles: their products round the same with every compiler. */
#ifndef EMG_DSP_PHASOR_H
#define EMG_DSP_PHASOR_H

#include <math.h>
#include <stddef.h>

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

/* e^(i angle), its square, its third power, ... [n] */
static inline void emg_phasor_powers(double angle, struct emg_phasor *powers, size_t n)
{
    const struct emg_phasor unit = emg_phasor_unit(angle);
    struct emg_phasor power = unit;
    for (size_t k = 0; k < n; k++, power = emg_phasor_product(power, unit))
        powers[k] = power;
}

static inline double emg_phasor_power(struct emg_phasor a)
{
    return a.re * a.re + a.im * a.im;
}

#endif
