#include "dsp/fatigue.h"

#include <math.h>
#include <stdbool.h>

/* A band of spectra that are linear between their bins. Segment k is the part of the band between bins k and
 * k + 1; k runs from `first` to `end` (exclusive). */
struct band {
    const struct emg_fatigue_spectrum *spectrum;
    double low_hz, high_hz;
    size_t first, end;
};

struct segment {
    double from_hz, to_hz; /* from <= to */
    double from, to;       /* P at the two ends */
};

/* Gauss-Legendre on -1..1 with four points, exact for polynomials to degree 7 (f^5 P has degree 6). */
enum { NODES = 4 };
static const double gauss_node[NODES] = {-0.86113631159405257522, -0.33998104358485626480,
                                         0.33998104358485626480, 0.86113631159405257522};
static const double gauss_weight[NODES] = {0.34785484513745385737, 0.65214515486254614263,
                                           0.65214515486254614263, 0.34785484513745385737};

static bool band_init(struct band *band, const struct emg_fatigue_spectrum *s)
{
    if (s->n_bins < 2 || !(s->df_hz > 0.0) || !(s->low_hz > 0.0))
        return false;
    *band = (struct band){.spectrum = s, .low_hz = s->low_hz, .high_hz = s->high_hz};
    band->high_hz = fmin(s->high_hz, (double)(s->n_bins - 1) * s->df_hz);
    if (!(band->low_hz < band->high_hz) || isnan(s->high_hz))
        return false;
    band->first = (size_t)(band->low_hz / s->df_hz);
    band->end = (size_t)fmin(ceil(band->high_hz / s->df_hz), (double)(s->n_bins - 1));
    for (size_t k = band->first; k <= band->end; k++)
        if (!isfinite(s->psd[k]) || (s->noise != NULL && !isfinite(s->noise[k])))
            return false;
    return true;
}

/* The segment k with the densities left and right at its two bins. */
static struct segment segment_between(const struct band *band, size_t k, double left, double right)
{
    const double df_hz = band->spectrum->df_hz;
    const double left_hz = (double)k * df_hz;
    const double right_hz = (double)(k + 1) * df_hz;
    const double slope = (right - left) / df_hz;

    struct segment s = {.from_hz = left_hz, .to_hz = right_hz, .from = left, .to = right};
    if (band->low_hz > left_hz) {
        s.from_hz = fmin(band->low_hz, right_hz);
        s.from = left + slope * (s.from_hz - left_hz);
    }
    if (band->high_hz < right_hz) {
        s.to_hz = fmax(band->high_hz, s.from_hz);
        s.to = left + slope * (s.to_hz - left_hz);
    }
    return s;
}

static double noise_at(const struct band *band, size_t bin)
{
    return band->spectrum->noise != NULL ? (double)band->spectrum->noise[bin] : 0.0;
}

static double signal_at(const struct band *band, size_t bin)
{
    return (double)band->spectrum->psd[bin] - noise_at(band, bin);
}

static struct segment signal_segment(const struct band *band, size_t k)
{
    return segment_between(band, k, signal_at(band, k), signal_at(band, k + 1));
}

static double segment_power(struct segment s)
{
    return 0.5 * (s.from + s.to) * (s.to_hz - s.from_hz);
}

static double signal_power(const struct band *band)
{
    double power = 0.0;
    for (size_t k = band->first; k < band->end; k++)
        power += segment_power(signal_segment(band, k));
    return power;
}

static double noise_power(const struct band *band)
{
    double power = 0.0;
    for (size_t k = band->first; k < band->end; k++)
        power += segment_power(segment_between(band, k, noise_at(band, k), noise_at(band, k + 1)));
    return power;
}

/* Frequency below which `part` of the band's power lies, 0 < part <= signal_power. */
static double quantile_hz(const struct band *band, double part)
{
    double below = 0.0;
    for (size_t k = band->first; k < band->end; k++) {
        const struct segment s = signal_segment(band, k);
        const double power = segment_power(s);
        if (below + power < part) {
            below += power;
            continue;
        }
        /* from x + slope x^2 / 2 = rest, in the form that loses no digits when the slope is small. */
        const double rest = part - below;
        const double slope = (s.to - s.from) / (s.to_hz - s.from_hz);
        const double root = sqrt(fmax(s.from * s.from + 2.0 * slope * rest, 0.0));
        return fmin(s.from_hz + 2.0 * rest / (s.from + root), s.to_hz);
    }
    return band->high_hz;
}

/* Integral of P / f over a segment, where P = offset + slope f. */
static double inverse_moment(struct segment s)
{
    if (!(s.to_hz > s.from_hz))
        return 0.0;
    const double width_hz = s.to_hz - s.from_hz;
    const double slope = (s.to - s.from) / width_hz;
    const double offset = s.from - slope * s.from_hz;
    return offset * log1p(width_hz / s.from_hz) + slope * width_hz;
}

struct moments {
    double inverse; /* of f^-1 P */
    double first;   /* of f P */
    double fifth;   /* of f^5 P */
};

static struct moments signal_moments(const struct band *band)
{
    struct moments m = {0};
    for (size_t k = band->first; k < band->end; k++) {
        const struct segment s = signal_segment(band, k);
        const double half_hz = 0.5 * (s.to_hz - s.from_hz);
        m.inverse += inverse_moment(s);
        for (size_t j = 0; j < NODES; j++) {
            const double f = s.from_hz + half_hz * (1.0 + gauss_node[j]);
            const double p = s.from + 0.5 * (s.to - s.from) * (1.0 + gauss_node[j]);
            const double w = half_hz * gauss_weight[j];
            m.first += w * f * p;
            m.fifth += w * f * f * f * f * f * p;
        }
    }
    return m;
}

/* From the square of an estimated density to its variance times frequency. */
static double scale_of(double seconds, double dof)
{
    return 1.0 / ((1.0 + 2.0 / dof) * seconds);
}

/* Variances of the integrals of P, (f - mnf) P and (f^-1 / inverse - f^5 / fifth) P. */
struct variances {
    double power, centred, index;
};

static struct variances signal_variances(const struct band *band, double mnf_hz, struct moments m)
{
    const struct emg_fatigue_spectrum *s = band->spectrum;
    const double scale = scale_of(s->seconds, s->dof);
    const double noise_scale = s->noise != NULL ? scale_of(s->noise_seconds, s->noise_dof) : 0.0;
    struct variances v = {0};
    for (size_t k = band->first; k < band->end; k++) {
        const struct segment total = segment_between(band, k, (double)s->psd[k], (double)s->psd[k + 1]);
        const struct segment noise = segment_between(band, k, noise_at(band, k), noise_at(band, k + 1));
        const double half_hz = 0.5 * (total.to_hz - total.from_hz);
        for (size_t j = 0; j < NODES; j++) {
            const double place = 0.5 * (1.0 + gauss_node[j]);
            const double f = total.from_hz + 2.0 * half_hz * place;
            const double p = total.from + (total.to - total.from) * place;
            const double n = noise.from + (noise.to - noise.from) * place;
            const double w = half_hz * gauss_weight[j] * (scale * p * p + noise_scale * n * n);
            const double index = 1.0 / (f * m.inverse) - f * f * f * f * f / m.fifth;
            v.power += w;
            v.centred += w * (f - mnf_hz) * (f - mnf_hz);
            v.index += w * index * index;
        }
    }
    return v;
}

/* Part of the variance V(1) that the rise of w within the spectral window takes away: integral of 1 - (f /
 * W)^2 over -W..W about the MDF. */
static double smoothed_variance(const struct band *band, double mdf_hz, double density, double variance)
{
    const struct emg_fatigue_spectrum *s = band->spectrum;
    const double noise = noise_at(band, (size_t)(mdf_hz / s->df_hz));
    const double total = density + noise;
    const double part = scale_of(s->seconds, s->dof) * total * total +
                        (s->noise != NULL ? scale_of(s->noise_seconds, s->noise_dof) * noise * noise : 0.0);
    return fmin(4.0 / 3.0 * s->bandwidth_hz * part, 0.75 * variance);
}

struct emg_fatigue_indices emg_fatigue_indices(const struct emg_fatigue_spectrum *spectrum)
{
    struct emg_fatigue_indices out = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    struct band band;

    if (!band_init(&band, spectrum))
        return out;
    const double power = signal_power(&band);
    if (!(power > 0.0))
        return out;
    const struct moments m = signal_moments(&band);
    const bool has_index = m.inverse > 0.0 && m.fifth > 0.0;
    out.power_uv2 = power;
    out.noise_uv2 = spectrum->noise != NULL ? noise_power(&band) : NAN;
    out.mdf_hz = quantile_hz(&band, 0.5 * power);
    out.mnf_hz = m.first / power;
    out.ln_insm5 = has_index ? log(m.inverse / m.fifth) : NAN;
    if (!(spectrum->seconds > 0.0))
        return out;
    const struct variances v = signal_variances(&band, out.mnf_hz, m);
    const double around_hz = quantile_hz(&band, 0.55 * power) - quantile_hz(&band, 0.45 * power);
    const double density = 0.1 * power / around_hz;
    out.mdf_se_hz = sqrt(v.power - smoothed_variance(&band, out.mdf_hz, density, v.power)) / (2.0 * density);
    out.mnf_se_hz = sqrt(v.centred) / power;
    out.ln_insm5_se = has_index ? sqrt(v.index) : NAN;
    return out;
}
