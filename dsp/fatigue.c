#include "dsp/fatigue.h"

#include "dsp/simd.h"

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

/* Gauss-Legendre on 0..1 with four points, exact for polynomials to degree 7 (f^5 P has degree 6; P / f is
 * nearly one within a bin). */
enum { NODES = EMG_QUAD };
static const double gauss_place[NODES] = {0.06943184420297371239, 0.33000947820757186760,
                                          0.66999052179242813240, 0.93056815579702628761};
static const double gauss_weight[NODES] = {0.17392742256872692869, 0.32607257743127307131,
                                           0.32607257743127307131, 0.17392742256872692869};

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

    struct segment s = {.from_hz = left_hz, .to_hz = right_hz, .from = left, .to = right};
    if (band->low_hz > left_hz) {
        s.from_hz = fmin(band->low_hz, right_hz);
        s.from = left + (right - left) / df_hz * (s.from_hz - left_hz);
    }
    if (band->high_hz < right_hz) {
        s.to_hz = fmax(band->high_hz, s.from_hz);
        s.to = left + (right - left) / df_hz * (s.to_hz - left_hz);
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

/* Densities and noise of four bins. */
static inline __attribute__((always_inline)) void read_bins(const struct band *band, size_t bin,
                                                            emg_quad *density, emg_quad *noise)
{
    const float *s = band->spectrum->psd + bin, *n = band->spectrum->noise;
    *density = (emg_quad){(double)s[0], (double)s[1], (double)s[2], (double)s[3]};
    *noise = (emg_quad){0.0};
    if (n != NULL) {
        n += bin;
        *noise = (emg_quad){(double)n[0], (double)n[1], (double)n[2], (double)n[3]};
    }
}

static struct segment signal_segment(const struct band *band, size_t k)
{
    return segment_between(band, k, signal_at(band, k), signal_at(band, k + 1));
}

static double segment_power(struct segment s)
{
    return 0.5 * (s.from + s.to) * (s.to_hz - s.from_hz);
}

/* Of a search for quantiles: the segment it has come to, and the power below that. */
struct search {
    size_t k;
    double below;
};

/* Frequency below which `part` of the band's power lies, 0 < part <= that power; a search goes upwards. */
static double quantile_hz(const struct band *band, double part, struct search *at)
{
    for (; at->k < band->end; at->k++) {
        const struct segment s = signal_segment(band, at->k);
        const double power = segment_power(s);
        if (at->below + power < part) {
            at->below += power;
            continue;
        }
        /* from x + slope x^2 / 2 = rest, in the form that loses no digits when the slope is small. */
        const double rest = part - at->below;
        const double slope = (s.to - s.from) / (s.to_hz - s.from_hz);
        const double root = sqrt(fmax(s.from * s.from + 2.0 * slope * rest, 0.0));
        return fmin(s.from_hz + 2.0 * rest / (s.from + root), s.to_hz);
    }
    return band->high_hz;
}

struct moments {
    double power, noise; /* of P, and of what was subtracted for it */
    double inverse;      /* of f^-1 P */
    double first;        /* of f P */
    double fifth;        /* of f^5 P */
};

/* Four values of f and P, and what df is there in each. */
static inline __attribute__((always_inline)) void
add_moments(const emg_quad *f, const emg_quad *p, emg_quad *inverse, emg_quad *first, emg_quad *fifth)
{
    const emg_quad fp = *f * *p, square = *f * *f;
    *first += fp;
    *fifth += fp * square * square;
    *inverse += *p / *f;
}

/* Whole segments, four at a time, from `first` on; returns the first that is left. */
EMG_VECTORISED static size_t add_whole_segments(const struct band *band, size_t first, size_t end,
                                                struct moments *m)
{
    const double df_hz = band->spectrum->df_hz;
    emg_quad power = {0.0}, noise = {0.0}, inverse = {0.0}, once = {0.0}, fifth = {0.0};
    size_t k = first;

    for (; k + EMG_QUAD <= end; k += EMG_QUAD) {
        emg_quad left, right, left_noise, right_noise;
        read_bins(band, k, &left, &left_noise);
        read_bins(band, k + 1, &right, &right_noise);
        left -= left_noise;
        right -= right_noise;
        power += left + right;
        noise += left_noise + right_noise;
        const emg_quad at = (double)k + (emg_quad){0.0, 1.0, 2.0, 3.0};
        for (size_t i = 0; i < NODES; i++) {
            const emg_quad f = df_hz * (at + gauss_place[i]);
            const emg_quad p = df_hz * gauss_weight[i] * (left + (right - left) * gauss_place[i]);
            add_moments(&f, &p, &inverse, &once, &fifth);
        }
    }
    m->power += 0.5 * df_hz * emg_quad_sum(&power);
    m->noise += 0.5 * df_hz * emg_quad_sum(&noise);
    m->inverse += emg_quad_sum(&inverse);
    m->first += emg_quad_sum(&once);
    m->fifth += emg_quad_sum(&fifth);
    return k;
}

static void add_segment(const struct band *band, size_t k, struct moments *m)
{
    const emg_quad place = *emg_const_quads(gauss_place), gauss = *emg_const_quads(gauss_weight);
    const struct segment s = signal_segment(band, k);
    const double width_hz = s.to_hz - s.from_hz;
    const emg_quad f = s.from_hz + width_hz * place;
    const emg_quad p = width_hz * gauss * (s.from + (s.to - s.from) * place);
    emg_quad inverse = {0.0}, first = {0.0}, fifth = {0.0};

    add_moments(&f, &p, &inverse, &first, &fifth);
    m->power += segment_power(s);
    m->noise += segment_power(segment_between(band, k, noise_at(band, k), noise_at(band, k + 1)));
    m->inverse += emg_quad_sum(&inverse);
    m->first += emg_quad_sum(&first);
    m->fifth += emg_quad_sum(&fifth);
}

static struct moments signal_moments(const struct band *band)
{
    struct moments m = {0};
    size_t k = band->first;

    if (k < band->end)
        add_segment(band, k++, &m); /* of it, as of the last one, the band may hold a part */
    for (k = add_whole_segments(band, k, band->end - 1, &m); k < band->end; k++)
        add_segment(band, k, &m);
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

EMG_VECTORISED static struct variances signal_variances(const struct band *band, double mnf_hz,
                                                        struct moments m)
{
    const struct emg_fatigue_spectrum *s = band->spectrum;
    const double scale = scale_of(s->seconds, s->dof);
    const double noise_scale = s->noise != NULL ? scale_of(s->noise_seconds, s->noise_dof) : 0.0;
    const double per_inverse = 1.0 / m.inverse, per_fifth = 1.0 / m.fifth;
    const emg_quad place = *emg_const_quads(gauss_place), gauss = *emg_const_quads(gauss_weight);
    emg_quad power = {0.0}, centred = {0.0}, index = {0.0};

    for (size_t k = band->first; k < band->end; k++) {
        const struct segment total = segment_between(band, k, (double)s->psd[k], (double)s->psd[k + 1]);
        const struct segment noise = segment_between(band, k, noise_at(band, k), noise_at(band, k + 1));
        const double width_hz = total.to_hz - total.from_hz;
        const emg_quad f = total.from_hz + width_hz * place;
        const emg_quad p = total.from + (total.to - total.from) * place;
        const emg_quad n = noise.from + (noise.to - noise.from) * place;
        const emg_quad w = width_hz * gauss * (scale * p * p + noise_scale * n * n);
        const emg_quad away = f - mnf_hz, square = f * f;
        const emg_quad influence = per_inverse / f - square * square * f * per_fifth;
        power += w;
        centred += w * away * away;
        index += w * influence * influence;
    }
    return (struct variances){emg_quad_sum(&power), emg_quad_sum(&centred), emg_quad_sum(&index)};
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
    const struct moments m = signal_moments(&band);
    const double power = m.power;
    if (!(power > 0.0))
        return out;
    struct search at = {band.first, 0.0};
    const double below_hz = quantile_hz(&band, 0.45 * power, &at);
    const bool has_index = m.inverse > 0.0 && m.fifth > 0.0;
    out.power_uv2 = power;
    out.noise_uv2 = spectrum->noise != NULL ? m.noise : NAN;
    out.mdf_hz = quantile_hz(&band, 0.5 * power, &at);
    out.mnf_hz = m.first / power;
    out.ln_insm5 = has_index ? log(m.inverse / m.fifth) : NAN;
    if (!(spectrum->seconds > 0.0))
        return out;
    const struct variances v = signal_variances(&band, out.mnf_hz, m);
    const double around_hz = quantile_hz(&band, 0.55 * power, &at) - below_hz;
    const double density = 0.1 * power / around_hz;
    out.mdf_se_hz = sqrt(v.power - smoothed_variance(&band, out.mdf_hz, density, v.power)) / (2.0 * density);
    out.mnf_se_hz = sqrt(v.centred) / power;
    out.ln_insm5_se = has_index ? sqrt(v.index) : NAN;
    return out;
}
