#include "dsp/fatigue.h"

#include <math.h>
#include <stdbool.h>

/* A band of a spectrum that is linear between its bins. Segment k is the part of the band between bins k and
 * k + 1; k runs from `first` to `end` (exclusive). */
struct band {
    const float *psd;
    double df_hz;
    double low_hz;
    double high_hz;
    size_t first;
    size_t end;
};

struct segment {
    double from_hz, to_hz; /* from <= to */
    double from, to;       /* P at the two ends */
};

/* Gauss-Legendre on -1..1 with four points, exact for polynomials to degree 7 (f^5 P has degree 6). */
static const double gauss_node[4] = {-0.86113631159405257522, -0.33998104358485626480, 0.33998104358485626480,
                                     0.86113631159405257522};
static const double gauss_weight[4] = {0.34785484513745385737, 0.65214515486254614263, 0.65214515486254614263,
                                       0.34785484513745385737};

static bool band_init(struct band *band, const float *psd, size_t n_bins, double df_hz, double low_hz,
                      double high_hz)
{
    if (n_bins < 2 || !(df_hz > 0.0) || !(low_hz > 0.0)) {
        return false;
    }
    const double top_hz = (double)(n_bins - 1) * df_hz;
    if (high_hz > top_hz) {
        high_hz = top_hz;
    }
    if (!(low_hz < high_hz)) {
        return false;
    }
    *band = (struct band){.psd = psd, .df_hz = df_hz, .low_hz = low_hz, .high_hz = high_hz};
    band->first = (size_t)(low_hz / df_hz);
    band->end = (size_t)fmin(ceil(high_hz / df_hz), (double)(n_bins - 1));
    for (size_t k = band->first; k <= band->end; k++) {
        if (!isfinite(psd[k])) {
            return false;
        }
    }
    return true;
}

static struct segment segment_at(const struct band *band, size_t k)
{
    const double left_hz = (double)k * band->df_hz;
    const double right_hz = (double)(k + 1) * band->df_hz;
    const double left = fmax((double)band->psd[k], 0.0);
    const double right = fmax((double)band->psd[k + 1], 0.0);
    const double slope = (right - left) / band->df_hz;

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

static double segment_power(struct segment s)
{
    return 0.5 * (s.from + s.to) * (s.to_hz - s.from_hz);
}

static double band_power(const struct band *band)
{
    double power = 0.0;
    for (size_t k = band->first; k < band->end; k++) {
        power += segment_power(segment_at(band, k));
    }
    return power;
}

/* Frequency below which `part` of the band's power lies, 0 < part <= band_power. */
static double quantile_hz(const struct band *band, double part)
{
    double below = 0.0;
    for (size_t k = band->first; k < band->end; k++) {
        const struct segment s = segment_at(band, k);
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
    if (!(s.to_hz > s.from_hz)) {
        return 0.0;
    }
    const double width_hz = s.to_hz - s.from_hz;
    const double slope = (s.to - s.from) / width_hz;
    const double offset = s.from - slope * s.from_hz;
    return offset * log1p(width_hz / s.from_hz) + slope * width_hz;
}

struct moments {
    double inverse; /* of f^-1 P */
    double first;   /* of f P */
    double fifth;   /* of f^5 P */
    double square;  /* of P^2 */
};

static struct moments band_moments(const struct band *band)
{
    struct moments m = {0};
    for (size_t k = band->first; k < band->end; k++) {
        const struct segment s = segment_at(band, k);
        const double half_hz = 0.5 * (s.to_hz - s.from_hz);
        m.inverse += inverse_moment(s);
        for (size_t j = 0; j < 4; j++) {
            const double f = s.from_hz + half_hz * (1.0 + gauss_node[j]);
            const double p = s.from + 0.5 * (s.to - s.from) * (1.0 + gauss_node[j]);
            const double w = half_hz * gauss_weight[j];
            m.first += w * f * p;
            m.fifth += w * f * f * f * f * f * p;
            m.square += w * p * p;
        }
    }
    return m;
}

/* Integral of (f - centre)^2 P^2. */
static double band_square_spread(const struct band *band, double centre_hz)
{
    double sum = 0.0;
    for (size_t k = band->first; k < band->end; k++) {
        const struct segment s = segment_at(band, k);
        const double half_hz = 0.5 * (s.to_hz - s.from_hz);
        for (size_t j = 0; j < 4; j++) {
            const double f = s.from_hz + half_hz * (1.0 + gauss_node[j]);
            const double p = s.from + 0.5 * (s.to - s.from) * (1.0 + gauss_node[j]);
            sum += half_hz * gauss_weight[j] * (f - centre_hz) * (f - centre_hz) * p * p;
        }
    }
    return sum;
}

struct emg_fatigue_indices emg_fatigue_indices(const float *psd, size_t n_bins, double df_hz, double low_hz,
                                               double high_hz, double seconds)
{
    struct emg_fatigue_indices out = {NAN, NAN, NAN, NAN, NAN, NAN};
    struct band band;

    if (!band_init(&band, psd, n_bins, df_hz, low_hz, high_hz)) {
        return out;
    }
    const double power = band_power(&band);
    if (!(power > 0.0)) {
        return out;
    }
    const struct moments m = band_moments(&band);
    out.power_uv2 = power;
    out.mdf_hz = quantile_hz(&band, 0.5 * power);
    out.mnf_hz = m.first / power;
    out.ln_insm5 = log(m.inverse / m.fifth);
    if (!(seconds > 0.0)) {
        return out;
    }
    const double around_hz = quantile_hz(&band, 0.55 * power) - quantile_hz(&band, 0.45 * power);
    const double density = 0.1 * power / around_hz;
    out.mdf_se_hz = sqrt(m.square / seconds) / (2.0 * density);
    out.mnf_se_hz = sqrt(band_square_spread(&band, out.mnf_hz) / seconds) / power;
    return out;
}
