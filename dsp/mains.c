#include "dsp/mains.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* In cycles of nominal mains. Over 6 cycles the main lobe of the window ends 4/6 of a line spacing from a
 * line: no harmonic leaks into another, nor motion into any, by more than -92 dB. */
enum { WINDOW_CYCLES = 6, HOP_CYCLES = 2 };

enum {
    HARMONICS = EMG_MAINS_HARMONICS_MAX,
    MOMENTS = 14,  /* terms of the series for the window's transform near 0 Hz */
    HISTORY = 120, /* hops that the estimate may use: 4 s at 60 Hz, 4.8 s at 50 */
    SHORT = 25,    /* hops of the short search, for a line that has just appeared */
    FEWEST = 8,    /* hops below which nothing is decided */
    FFT = 256,     /* of the search: 2.5 points a resolution cell or more */
    SETTLING = 4,  /* refinements from the grid's point to the maximum */
};

/* How many of the newest hops are asked whether the line is still the same. */
static const size_t RECENT[] = {5, 10};

/* 4-term Blackman-Harris: side lobes below -92 dB (Harris 1978, Proc. IEEE 66:51). */
static const double BLACKMAN_HARRIS[4] = {0.35875, -0.48829, 0.14128, -0.01168};

static const double RANGE_HZ = 1.05;      /* of the search about nominal */
static const double FARTHEST_HZ = 1.3;    /* a line that is tracked beyond this is none */
static const double DRIFT_SD_HZ_S = 0.01; /* prior of the frequency's rate of change */
static const double QUIETEST = 1e-5;      /* floor of a hop's EMG power, relative to the mean */
static const double PRIOR_DOF = 4.0; /* weight of the noise half-way against that beside the line itself */
static const double ENTRY = 4.0;     /* |amplitude|^2 over its variance for a say in the frequency */
static const double ALONE = 12.0;    /* most that one harmonic may bring to the log likelihood */
static const double LOUD = 0.2;      /* of their number's share of the weights: hops in a contraction */
static const double SHAPE = 3.0;     /* by which the spectrum of a contraction may exceed that half-way */
/* Excess of the log likelihood ratio below which the line is gone, and above which it has changed. */
static const double RELEASE = -10.0, CHANGED = -6.0;

struct point {
    double re, im;
};

/* Of the newest hops, `hops` of them: */
struct fit {
    size_t hops;
    double independent;           /* hops that count as independent and equally weighted */
    struct point mean[HARMONICS]; /* complex amplitude at the centre of the newest window */
    double half[HARMONICS];       /* variance of the same half-way between the harmonics */
    double variance[HARMONICS];   /* of mean, E|error|^2 */
    double line[HARMONICS];       /* log likelihood ratio of a line against none, its noise unknown */
};

struct emg_mains {
    double rate_hz, nominal_hz, hop_s;
    size_t harmonics, halves;
    size_t window, hop; /* samples */
    double overlap;     /* hops per independent hop */
    double noise_bandwidth_hz;
    double moments[MOMENTS];

    float *table;  /* [window][2 * (harmonics + halves)] the window times cosine and minus sine */
    float *newest; /* [window] a sliding window of the input */
    size_t held;

    struct point z[HARMONICS][HISTORY]; /* amplitudes at k x nominal, a ring */
    double half[HARMONICS][HISTORY];    /* powers at (k + 1/2) x nominal, likewise */
    size_t at, known;                   /* newest hop; hops up to it that may be used */
    double lines_uv, between_uv;        /* of the newest window */

    double weight[HISTORY]; /* of the hops in a fit, newest first */
    struct point demodulated[HARMONICS][HISTORY];
    fftwf_complex *series;           /* [FFT] */
    fftwf_complex *lines[HARMONICS]; /* [FFT] */
    fftwf_plan transform;

    bool locked, turn;
    double frequency_hz, drift_hz_s; /* at the centre of the newest window */
    double removed_uv;

    /* Each line is (from + (to - from) i / hop) * turning at sample i of a hop. */
    bool subtracting;
    size_t in_hop;
    struct point from[HARMONICS], to[HARMONICS], turning[HARMONICS], step[HARMONICS];
};

static struct point product(struct point a, struct point b)
{
    return (struct point){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static struct point unit(double angle)
{
    return (struct point){cos(angle), sin(angle)};
}

static double power(struct point a)
{
    return a.re * a.re + a.im * a.im;
}

static double window_at(size_t i, size_t n)
{
    const double angle = 2.0 * PI * ((double)i + 0.5) / (double)n;
    double sum = 0.0;

    for (unsigned m = 0; m < 4; m++)
        sum += BLACKMAN_HARRIS[m] * cos(m * angle);
    return sum;
}

/* Frequencies in units of nominal: the harmonics 1, 2, ..., then 1.5, 2.5, ... */
static double multiple_of(const struct emg_mains *q, size_t bin)
{
    return bin < q->harmonics ? (double)(bin + 1) : (double)(bin - q->harmonics) + 1.5;
}

/* Time is counted from the centre of the window, so that its transform is real. */
static void design(struct emg_mains *q)
{
    const size_t n = q->window, bins = q->harmonics + q->halves;
    const double centre = 0.5 * (double)(n - 1);
    double sum = 0.0, square = 0.0;

    for (size_t i = 0; i < n; i++) {
        sum += window_at(i, n);
        square += window_at(i, n) * window_at(i, n);
    }
    for (size_t i = 0; i < n; i++) {
        const double scaled = window_at(i, n) / sum, t_s = ((double)i - centre) / q->rate_hz;
        double moment = scaled;
        for (size_t m = 0; m < MOMENTS; m++) {
            q->moments[m] += moment;
            moment *= -t_s * t_s / (double)((2 * m + 1) * (2 * m + 2));
        }
        for (size_t b = 0; b < bins; b++) {
            const struct point e = unit(-2.0 * PI * multiple_of(q, b) * q->nominal_hz * t_s);
            q->table[2 * (i * bins + b)] = (float)(2.0 * scaled * e.re);
            q->table[2 * (i * bins + b) + 1] = (float)(2.0 * scaled * e.im);
        }
    }
    q->noise_bandwidth_hz = q->rate_hz * square / (sum * sum);

    q->overlap = 1.0;
    for (size_t lag = q->hop; lag < n; lag += q->hop) {
        double sum_of_products = 0.0;
        for (size_t i = 0; i + lag < n; i++)
            sum_of_products += window_at(i, n) * window_at(i + lag, n);
        q->overlap += 2.0 * sum_of_products / square;
    }
}

/* Response of the window's transform `offset_hz` beside its bin. */
static double droop(const struct emg_mains *q, double offset_hz)
{
    const double square = 4.0 * PI * PI * offset_hz * offset_hz;
    double sum = 0.0;

    for (size_t m = MOMENTS; m-- > 0;)
        sum = sum * square + q->moments[m];
    return sum;
}

static bool config_is_valid(const struct emg_mains_config *c)
{
    return c->rate_hz >= 500.0 && c->rate_hz <= 4200.0 && (c->nominal_hz == 50.0 || c->nominal_hz == 60.0) &&
           c->highest_hz >= c->nominal_hz && isfinite(c->highest_hz);
}

static enum emg_error allocate(struct emg_mains *q)
{
    q->table = calloc(2 * q->window * (q->harmonics + q->halves), sizeof *q->table);
    q->newest = calloc(q->window, sizeof *q->newest);
    q->series = fftwf_alloc_complex(FFT);
    if (!q->table || !q->newest || !q->series)
        return EMG_ERROR_MEMORY;
    for (size_t k = 0; k < q->harmonics; k++) {
        q->lines[k] = fftwf_alloc_complex(FFT);
        if (!q->lines[k])
            return EMG_ERROR_MEMORY;
        memset(q->lines[k], 0, FFT * sizeof *q->lines[k]);
    }
    memset(q->series, 0, FFT * sizeof *q->series);
    q->transform = fftwf_plan_dft_1d(FFT, q->series, q->lines[0], FFTW_FORWARD, FFTW_ESTIMATE);
    return q->transform ? EMG_OK : EMG_ERROR_MEMORY;
}

enum emg_error emg_mains_create(struct emg_mains **out, const struct emg_mains_config *config)
{
    *out = NULL;
    if (!config_is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_mains *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;

    const double highest_hz = fmin(config->highest_hz, 0.48 * config->rate_hz);
    q->rate_hz = config->rate_hz;
    q->nominal_hz = config->nominal_hz;
    q->harmonics = (size_t)fmin(floor(highest_hz / q->nominal_hz * (1.0 + 1e-12)), HARMONICS);
    /* The one above the highest harmonic only where it keeps clear of half the rate. */
    q->halves = q->harmonics;
    if (q->halves > 1 && ((double)q->harmonics + 0.75) * q->nominal_hz > 0.5 * q->rate_hz)
        q->halves--;
    q->hop = (size_t)lround(HOP_CYCLES * q->rate_hz / q->nominal_hz);
    q->hop_s = (double)q->hop / q->rate_hz;
    q->window = q->hop * WINDOW_CYCLES / HOP_CYCLES;

    const enum emg_error error = allocate(q);
    if (error != EMG_OK) {
        emg_mains_destroy(q);
        return error;
    }
    design(q);
    emg_mains_reset(q);
    *out = q;
    return EMG_OK;
}

/* Place in the rings of the hop that is `age` hops older than the newest. */
static size_t place_of(const struct emg_mains *q, size_t age)
{
    return (q->at + HISTORY - age) % HISTORY;
}

/* Density at harmonic k (from 0) that the density half-way gives, [halves] in any unit of power. Below the
 * first harmonic motion may reign: there the slope of the two above goes on, if the spectrum falls. */
static double beside(const struct emg_mains *q, const double *half, size_t k)
{
    if (k == 0) {
        const double slope = q->halves > 1 && half[1] > 0.0 ? sqrt(half[0] / half[1]) : 1.0;
        return half[0] * fmin(fmax(slope, 1.0), 2.0);
    }
    return k < q->halves ? 0.5 * (half[k - 1] + half[k]) : half[k - 1];
}

/* Adds the newest window as a hop. Its mean is taken off first: what of an offset leaks would look like a
 * line at exactly nominal, since a hop is a whole number of cycles. */
static void transform_window(struct emg_mains *q)
{
    const size_t bins = q->harmonics + q->halves;
    double sums[4 * HARMONICS] = {0.0}, half[HARMONICS] = {0.0};
    double mean = 0.0, lines = 0.0, between = 0.0;

    for (size_t i = 0; i < q->window; i++)
        mean += (double)q->newest[i];
    mean /= (double)q->window;
    for (size_t i = 0; i < q->window; i++) {
        const double x = (double)q->newest[i] - mean;
        const float *row = q->table + 2 * bins * i;
        for (size_t b = 0; b < 2 * bins; b++)
            sums[b] += x * (double)row[b];
    }

    q->at = (q->at + 1) % HISTORY;
    q->known = q->known < HISTORY ? q->known + 1 : HISTORY;
    for (size_t k = 0; k < q->harmonics; k++) {
        q->z[k][q->at] = (struct point){sums[2 * k], sums[2 * k + 1]};
        lines += 0.5 * power(q->z[k][q->at]);
    }
    for (size_t b = 0; b < q->halves; b++) {
        const double *sum = sums + 2 * (q->harmonics + b);
        half[b] = sum[0] * sum[0] + sum[1] * sum[1];
        q->half[b][q->at] = half[b];
    }
    for (size_t k = 0; k < q->harmonics; k++) {
        const double width_hz = k == 0 ? 1.5 * q->nominal_hz - 20.0 : q->nominal_hz;
        const double density = 0.5 * (k == 0 ? half[0] : beside(q, half, k)) / q->noise_bandwidth_hz;
        between += density * width_hz;
    }
    q->lines_uv = sqrt(lines);
    q->between_uv = sqrt(between);
}

/* Weights the newest hops, the sum of weights being 1, by the inverse of their EMG power: that half-way, each
 * relative to its mean, over the hop and its neighbours. Returns the number of hops that count, 0 for a
 * signal without power. */
static double weight_hops(struct emg_mains *q, size_t hops)
{
    double level[HISTORY] = {0.0};
    double sum = 0.0, squares = 0.0;

    for (size_t b = 0; b < q->halves; b++) {
        double total = 0.0;
        for (size_t age = 0; age < hops; age++)
            total += q->half[b][place_of(q, age)];
        if (!(total > 0.0))
            return 0.0;
        for (size_t age = 0; age < hops; age++)
            level[age] += q->half[b][place_of(q, age)] / (total * (double)q->halves);
    }
    for (size_t age = 0; age < hops; age++) {
        const double newer = level[age > 0 ? age - 1 : 0], older = level[age + 1 < hops ? age + 1 : age];
        q->weight[age] = 1.0 / ((newer + level[age] + older) / 3.0 + QUIETEST / (double)hops);
        sum += q->weight[age];
    }
    for (size_t age = 0; age < hops; age++) {
        q->weight[age] /= sum;
        squares += q->weight[age] * q->weight[age];
    }
    return 1.0 / (squares * q->overlap);
}

/* Variance of the weighted sum of the newest hops half-way between the harmonics, [halves]. */
static void variance_between(const struct emg_mains *q, size_t hops, double *half)
{
    for (size_t b = 0; b < q->halves; b++) {
        half[b] = 0.0;
        for (size_t age = 0; age < hops; age++)
            half[b] += q->weight[age] * q->weight[age] * q->half[b][place_of(q, age)] * q->overlap;
    }
}

/* Joins the variance that the residuals give, `own`, with that half-way. */
static double join(double independent, double own, double half)
{
    return ((independent - 1.0) * own + PRIOR_DOF * half) / (independent - 1.0 + PRIOR_DOF);
}

/* Log likelihood ratio of a complex mean of power p against zero, its variance known with dof degrees of
 * freedom: exponentially distributed with mean 1 where there is no line. */
static double likelihood_ratio(double p, double variance, double dof)
{
    return variance > 0.0 ? dof * log1p(p / (variance * dof)) : 0.0;
}

/* How far the log likelihood ratio of a line exceeds what noise reaches about once in 10^8, in whichever
 * number m of harmonics it does so most: without a line the sum over m has a Gamma(m) distribution. One
 * harmonic without others is no mains, unless it is the first. */
static double excess(const double *likelihood, size_t harmonics)
{
    double sum = 0.0, most = -INFINITY;

    for (size_t k = 0; k < harmonics; k++) {
        const double m = (double)(k + 1);
        sum += k > 0 ? fmin(likelihood[k], ALONE) : likelihood[k];
        most = fmax(most, sum - (m + 5.0 * sqrt(m) + 12.0));
    }
    return most;
}

/* Turns every hop of every harmonic back by the phase that the model gives it. */
static void demodulate(struct emg_mains *q, size_t hops)
{
    for (size_t age = 0; age < hops; age++) {
        const double t_s = -(double)age * q->hop_s;
        const struct point e = unit(-2.0 * PI * t_s * (q->frequency_hz + 0.5 * q->drift_hz_s * t_s));
        struct point turned = e;
        for (size_t k = 0; k < q->harmonics; k++) {
            q->demodulated[k][age] = product(q->z[k][place_of(q, age)], turned);
            turned = product(turned, e);
        }
    }
}

/* Weighted mean of harmonic k, and its variance. */
static void fit_harmonic(const struct emg_mains *q, size_t k, struct fit *f)
{
    const struct point *b = q->demodulated[k];
    struct point mean = {0.0, 0.0};
    double spread = 0.0;

    for (size_t age = 0; age < f->hops; age++) {
        mean.re += q->weight[age] * b[age].re;
        mean.im += q->weight[age] * b[age].im;
    }
    for (size_t age = 0; age < f->hops; age++) {
        const struct point rest = {b[age].re - mean.re, b[age].im - mean.im};
        spread += q->weight[age] * q->weight[age] * power(rest);
    }
    const double own = spread * q->overlap * f->independent / (f->independent - 1.0);
    const double dof = f->independent - 1.0 + PRIOR_DOF;
    f->mean[k] = mean;
    f->variance[k] = join(f->independent, own, beside(q, f->half, k));
    f->line[k] = likelihood_ratio(power(mean), f->variance[k], dof);
}

/* Variance of what the newest hops bring to the weighted mean of each harmonic, `recent` of them, when they
 * are a contraction among rest: the weights and the spectrum's shape are not to be relied on, what is
 * half-way near the harmonic is. */
static void variance_in_contraction(const struct emg_mains *q, size_t recent, double *variance)
{
    double half[HARMONICS] = {0.0}, smooth[HARMONICS] = {0.0};

    variance_between(q, recent, half);
    for (size_t b = 0; b < q->halves; b++) {
        const size_t first = b > 0 ? b - 1 : 0, last = b + 1 < q->halves ? b + 1 : b;
        smooth[b] = 0.0;
        for (size_t i = first; i <= last; i++)
            smooth[b] += half[i] / (double)(last - first + 1);
    }
    for (size_t k = 0; k < q->harmonics; k++)
        variance[k] = SHAPE * beside(q, smooth, k);
}

/* Whether the newest hops, `recent` of them, have another line than those before. */
static bool has_changed(const struct emg_mains *q, const struct fit *f, size_t recent)
{
    double likelihood[HARMONICS] = {0.0}, variance[HARMONICS], weight = 0.0;
    double dof = f->independent - 1.0 + PRIOR_DOF, least = INFINITY;

    if (f->hops < recent + RECENT[0] || !(f->independent > 1.5))
        return false;
    for (size_t age = 0; age < recent; age++) {
        weight += q->weight[age];
        least = fmin(least, q->weight[age]);
    }
    if (1.0 - weight < LOUD * (double)(f->hops - recent) / (double)f->hops)
        return false; /* those before were a contraction and count little anyway */
    /* The recent mean less the whole one is (1 - weight) of what it is less the earlier one. */
    for (size_t k = 0; k < q->harmonics; k++)
        variance[k] = f->variance[k] * weight * (1.0 - weight);
    if (least < LOUD / (double)f->hops) {
        variance_in_contraction(q, recent, variance);
        dof = PRIOR_DOF;
    }
    for (size_t k = 0; k < q->harmonics; k++) {
        struct point apart = {0.0, 0.0};
        for (size_t age = 0; age < recent; age++) {
            apart.re += q->weight[age] * (q->demodulated[k][age].re - f->mean[k].re);
            apart.im += q->weight[age] * (q->demodulated[k][age].im - f->mean[k].im);
        }
        likelihood[k] = likelihood_ratio(power(apart), variance[k], dof);
    }
    return excess(likelihood, q->harmonics) > CHANGED;
}

/* One Gauss-Newton step for frequency and rate of change on the phases of the harmonics that stand out of the
 * noise; each harmonic's own phase is projected out, the rate has a prior of zero mean. */
static void fit_frequency(struct emg_mains *q, const struct fit *f)
{
    double gain[HARMONICS], information = 0.0, mean[2] = {0.0, 0.0};
    double a = 0.0, b = 0.0, c = 0.0, along = 0.0, bend = 0.0;

    for (size_t k = 0; k < q->harmonics; k++) {
        const double ratio = power(f->mean[k]) / f->variance[k], order = (double)(k + 1);
        gain[k] = ratio > ENTRY ? order / f->variance[k] : 0.0;
        information += gain[k] * order * power(f->mean[k]);
    }
    for (size_t age = 0; age < f->hops; age++) {
        const double t_s = -(double)age * q->hop_s;
        mean[0] += q->weight[age] * 2.0 * PI * t_s;
        mean[1] += q->weight[age] * PI * t_s * t_s;
    }
    for (size_t age = 0; age < f->hops; age++) {
        const double t_s = -(double)age * q->hop_s, w = 2.0 * q->weight[age];
        const double u = 2.0 * PI * t_s - mean[0], v = PI * t_s * t_s - mean[1];
        double ahead = 0.0;
        for (size_t k = 0; k < q->harmonics; k++) {
            const struct point z = q->demodulated[k][age], m = f->mean[k];
            ahead += gain[k] * (m.re * z.im - m.im * z.re);
        }
        a += w * information * u * u;
        b += w * information * u * v;
        c += w * information * v * v;
        along += w * ahead * u;
        bend += w * ahead * v;
    }
    c += 1.0 / (DRIFT_SD_HZ_S * DRIFT_SD_HZ_S);
    bend -= q->drift_hz_s / (DRIFT_SD_HZ_S * DRIFT_SD_HZ_S);
    const double determinant = a * c - b * b;
    if (!(determinant > 0.0))
        return;
    q->frequency_hz += (c * along - b * bend) / determinant;
    q->drift_hz_s += (a * bend - b * along) / determinant;
}

/* Fits the known hops at the present frequency and moves that towards the maximum. */
static struct fit refine(struct emg_mains *q)
{
    const size_t hops = q->known;
    struct fit f = {.hops = hops};

    f.independent = weight_hops(q, hops);
    if (!(f.independent > 1.5))
        return f;
    variance_between(q, hops, f.half);
    demodulate(q, hops);
    for (size_t k = 0; k < q->harmonics; k++)
        fit_harmonic(q, k, &f);
    fit_frequency(q, &f);
    return f;
}

/* A frequency found by the search. */
struct candidate {
    double frequency_hz;
    double line[HARMONICS]; /* as in a fit */
};

/* Power of the mean of harmonic k at frequency_hz, from its transformed series. A hop is a whole number of
 * cycles of nominal only up to its rounding to samples. */
static double power_at(const struct emg_mains *q, size_t k, double frequency_hz)
{
    const long bin = lround((double)(k + 1) * frequency_hz * FFT * q->hop_s);
    const fftwf_complex *z = q->lines[k] + bin % FFT;

    return (double)(*z)[0] * (double)(*z)[0] + (double)(*z)[1] * (double)(*z)[1];
}

/* The most likely frequency in the whole range, by the newest hops. The grid is that of the highest harmonic.
 */
static struct candidate search(struct emg_mains *q, size_t hops)
{
    struct candidate found = {.frequency_hz = q->nominal_hz};
    const double independent = weight_hops(q, hops);
    double total[HARMONICS] = {0.0}, half[HARMONICS], best = 0.0;
    if (!(independent > 1.5))
        return found;

    variance_between(q, hops, half);
    for (size_t k = 0; k < q->harmonics; k++) {
        for (size_t age = 0; age < hops; age++) {
            const struct point z = q->z[k][place_of(q, age)];
            q->series[hops - 1 - age][0] = (float)(q->weight[age] * z.re);
            q->series[hops - 1 - age][1] = (float)(q->weight[age] * z.im);
            total[k] += q->weight[age] * q->weight[age] * power(z) * q->overlap;
        }
        memset(q->series + hops, 0, (FFT - hops) * sizeof *q->series);
        fftwf_execute_dft(q->transform, q->series, q->lines[k]);
    }

    const double dof = independent - 1.0 + PRIOR_DOF;
    const double step_hz = 1.0 / (FFT * q->hop_s * (double)q->harmonics);
    const long steps = lround(RANGE_HZ / step_hz);
    for (long i = -steps; i <= steps; i++) {
        const double frequency_hz = q->nominal_hz + (double)i * step_hz;
        double ratio[HARMONICS], likelihood = 1.0;
        for (size_t k = 0; k < q->harmonics; k++) {
            const double p = power_at(q, k, frequency_hz);
            const double own = fmax(total[k] - p / independent, 0.0) * independent / (independent - 1.0);
            ratio[k] = 1.0 + p / (join(independent, own, beside(q, half, k)) * dof);
            likelihood *= ratio[k];
        }
        if (likelihood > best) {
            best = likelihood;
            found.frequency_hz = frequency_hz;
            memcpy(found.line, ratio, sizeof ratio);
        }
    }
    for (size_t k = 0; k < q->harmonics; k++)
        found.line[k] = best > 0.0 ? dof * log(found.line[k]) : 0.0;
    return found;
}

static void unlock(struct emg_mains *q)
{
    q->locked = false;
    q->removed_uv = 0.0;
    memset(q->to, 0, sizeof q->to);
}

/* Takes the line at frequency_hz as the one to follow, and forgets the hops before the newest ones, if the
 * fit over these confirms it. */
static void try_lock(struct emg_mains *q, double frequency_hz, size_t hops)
{
    const size_t known = q->known;
    struct fit f = {0};

    q->known = hops;
    q->frequency_hz = frequency_hz;
    q->drift_hz_s = 0.0;
    for (unsigned i = 0; i < SETTLING; i++)
        f = refine(q);
    q->locked = excess(f.line, q->harmonics) > 0.0;
    if (!q->locked)
        q->known = known;
}

static void acquire(struct emg_mains *q)
{
    /* In turn, so that the cost of a hop stays even. */
    q->turn = !q->turn;
    const size_t hops = q->turn && q->known > SHORT ? SHORT : q->known;
    if (hops < FEWEST)
        return;
    const struct candidate found = search(q, hops);
    if (excess(found.line, q->harmonics) > 0.0)
        try_lock(q, found.frequency_hz, hops);
}

/* Amplitudes to subtract: shrunk by their own variance, so that a harmonic which is not there costs little,
 * and carried from the centre of the newest window to its end. */
static void aim(struct emg_mains *q, const struct fit *f)
{
    const double ahead_s = 0.5 * (double)(q->window + 1) / q->rate_hz;
    const double cycles = ahead_s * (q->frequency_hz + 0.5 * q->drift_hz_s * ahead_s);
    double removed = 0.0;

    for (size_t k = 0; k < q->harmonics; k++) {
        const double order = (double)(k + 1), p = power(f->mean[k]);
        const double kept = p > f->variance[k] ? 1.0 - f->variance[k] / p : 0.0;
        const double scale = kept / droop(q, order * (q->frequency_hz - q->nominal_hz));
        const struct point e = unit(2.0 * PI * order * cycles);
        q->to[k] = product(f->mean[k], (struct point){scale * e.re, scale * e.im});
        removed += 0.5 * power(q->to[k]);
    }
    q->removed_uv = sqrt(removed);
}

static void track(struct emg_mains *q)
{
    q->frequency_hz += q->drift_hz_s * q->hop_s;
    struct fit f = refine(q);
    for (size_t i = 0; i < sizeof RECENT / sizeof RECENT[0]; i++)
        if (has_changed(q, &f, RECENT[i])) {
            q->known = RECENT[i];
            f = refine(q);
            break;
        }
    q->locked = excess(f.line, q->harmonics) > RELEASE && fabs(q->frequency_hz - q->nominal_hz) < FARTHEST_HZ;
    if (q->locked)
        aim(q, &f);
    else
        unlock(q);
}

/* What is subtracted moves to the new estimate within the hop, in the new estimate's frequency. */
static void begin_hop(struct emg_mains *q)
{
    const double middle_s = 0.5 * (double)(q->window + 1 + q->hop) / q->rate_hz;

    for (size_t k = 0; k < q->harmonics; k++)
        q->from[k] = product(q->to[k], q->turning[k]);
    if (q->locked)
        track(q);
    else {
        unlock(q);
        acquire(q);
    }
    const double frequency_hz = q->frequency_hz + q->drift_hz_s * middle_s;
    q->subtracting = false;
    for (size_t k = 0; k < q->harmonics; k++) {
        q->turning[k] = (struct point){1.0, 0.0};
        q->step[k] = unit(2.0 * PI * (double)(k + 1) * frequency_hz / q->rate_hz);
        q->subtracting = q->subtracting || power(q->from[k]) > 0.0 || power(q->to[k]) > 0.0;
    }
}

static double next_lines(struct emg_mains *q)
{
    const double share = (double)q->in_hop / (double)q->hop;
    double sum = 0.0;

    for (size_t k = 0; k < q->harmonics; k++) {
        const struct point from = q->from[k], to = q->to[k], e = q->turning[k];
        sum += (from.re + share * (to.re - from.re)) * e.re - (from.im + share * (to.im - from.im)) * e.im;
        q->turning[k] = product(e, q->step[k]);
    }
    return sum;
}

void emg_mains_execute(struct emg_mains *q, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float value = isfinite(x[i]) ? x[i] : 0.0F;

        q->newest[q->held++] = value;
        y[i] = q->subtracting ? (float)((double)value - next_lines(q)) : value;
        q->in_hop++;
        if (q->held < q->window)
            continue;
        transform_window(q);
        begin_hop(q);
        q->held -= q->hop;
        memmove(q->newest, q->newest + q->hop, q->held * sizeof *q->newest);
        q->in_hop = 0;
    }
}

struct emg_mains_state emg_mains_state(const struct emg_mains *q)
{
    return (struct emg_mains_state){
        .locked = q->locked,
        .frequency_hz = q->locked ? q->frequency_hz : NAN,
        .removed_uv = q->removed_uv,
        .lines_uv = q->lines_uv,
        .between_uv = q->between_uv,
    };
}

void emg_mains_reset(struct emg_mains *q)
{
    q->held = 0;
    q->at = 0;
    q->known = 0;
    q->lines_uv = NAN;
    q->between_uv = NAN;
    q->turn = false;
    q->subtracting = false;
    q->in_hop = 0;
    q->frequency_hz = q->nominal_hz;
    q->drift_hz_s = 0.0;
    memset(q->turning, 0, sizeof q->turning);
    unlock(q);
}

void emg_mains_destroy(struct emg_mains *q)
{
    if (!q)
        return;
    if (q->transform)
        fftwf_destroy_plan(q->transform);
    for (size_t k = 0; k < q->harmonics; k++)
        fftwf_free(q->lines[k]);
    fftwf_free(q->series);
    free(q->newest);
    free(q->table);
    free(q);
}
