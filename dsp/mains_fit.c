#include "dsp/mains_fit.h"

#include "dsp/simd.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

enum {
    HARMONICS = EMG_MAINS_FIT_HARMONICS_MAX,
    HISTORY = 120, /* hops that the estimate may use: 4 s at 60 Hz, 4.8 s at 50 */
    SHORT = 25,    /* hops of the short search, for a line that has just appeared */
    FEWEST = 8,    /* hops below which nothing is decided */
    FFT = 256,     /* of the search: 2.5 points a resolution cell or more */
    GRID = 1024,   /* frequencies of the search at most, for hops of 0.1 s and all harmonics */
    SETTLING = 4,  /* refinements from the grid's point to the maximum */
};

/* How many of the newest hops are asked whether the line is still the same. */
enum { RECENTS = 2 };
static const size_t RECENT[RECENTS] = {5, 10};

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

/* A number, or a complex one, for each harmonic; what lies behind the last harmonic is 0. */
struct row {
    double x[HARMONICS];
};

struct complex_row {
    double re[HARMONICS], im[HARMONICS];
};

/* Of the newest hops, `hops` of them: */
struct fit {
    size_t hops;
    double independent;                 /* hops that count as independent and equally weighted */
    struct complex_row mean;            /* complex amplitude at the centre of the newest window */
    struct complex_row recent[RECENTS]; /* the part that the newest of them have in it */
    struct complex_row along, bend;     /* sums of w t z and w t^2 z, t in hops before the newest */
    double spread[HARMONICS];           /* what the weighted hops scatter about the mean, squared */
    double half[HARMONICS];             /* variance of the same half-way between the harmonics */
    double variance[HARMONICS];         /* of mean, E|error|^2 */
    double line[HARMONICS];             /* log likelihood ratio of a line against none, its noise unknown */
};

struct emg_mains_fit {
    double nominal_hz, hop_s;
    size_t harmonics, halves;
    size_t quads;   /* that hold all harmonics */
    double overlap; /* hops per independent hop */

    struct complex_row z[HISTORY]; /* amplitudes at k x nominal, a ring */
    struct row half[HISTORY];      /* powers at (k + 1/2) x nominal, likewise */
    size_t at, known;              /* newest hop; hops up to it that may be used */

    double weight[HISTORY];       /* of the hops in a fit, newest first */
    fftwf_complex *series, *line; /* [FFT] one harmonic's hops, and their transform */
    double (*ratio)[FFT];         /* [harmonics] likelihood of a line against none, by its frequency */
    fftwf_plan transform;

    bool locked, turn;
    double frequency_hz, drift_hz_s; /* at the centre of the newest window */
};

static bool config_is_valid(const struct emg_mains_fit_config *c)
{
    return (c->nominal_hz == 50.0 || c->nominal_hz == 60.0) && c->hop_s > 0.0 && c->hop_s <= 0.1 &&
           c->harmonics > 0 && c->harmonics <= HARMONICS && c->halves > 0 && c->halves <= c->harmonics &&
           c->overlap >= 1.0 && isfinite(c->overlap);
}

static enum emg_error allocate(struct emg_mains_fit *q)
{
    q->series = fftwf_alloc_complex(FFT);
    q->line = fftwf_alloc_complex(FFT);
    q->ratio = calloc(q->harmonics, sizeof *q->ratio);
    if (!q->series || !q->line || !q->ratio)
        return EMG_ERROR_MEMORY;
    memset(q->series, 0, FFT * sizeof *q->series);
    memset(q->line, 0, FFT * sizeof *q->line);
    q->transform = fftwf_plan_dft_1d(FFT, q->series, q->line, FFTW_FORWARD, FFTW_ESTIMATE);
    return q->transform ? EMG_OK : EMG_ERROR_MEMORY;
}

enum emg_error emg_mains_fit_create(struct emg_mains_fit **out, const struct emg_mains_fit_config *config)
{
    *out = NULL;
    if (!config_is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_mains_fit *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;
    q->nominal_hz = config->nominal_hz;
    q->hop_s = config->hop_s;
    q->harmonics = config->harmonics;
    q->halves = config->halves;
    q->quads = (config->harmonics + EMG_QUAD - 1) / EMG_QUAD;
    q->overlap = config->overlap;
    const enum emg_error error = allocate(q);
    if (error != EMG_OK) {
        emg_mains_fit_destroy(q);
        return error;
    }
    emg_mains_fit_reset(q);
    *out = q;
    return EMG_OK;
}

/* Place in the rings of the hop that is `age` hops older than the newest. */
static size_t place_of(const struct emg_mains_fit *q, size_t age)
{
    return age <= q->at ? q->at - age : q->at + HISTORY - age;
}

/* Density at harmonic k (from 0) that the density half-way gives, [halves] in any unit of power. Below the
 * first harmonic motion may reign: there the slope of the two above goes on, if the spectrum falls. */
static double beside(const struct emg_mains_fit *q, const double *half, size_t k)
{
    if (k == 0) {
        const double slope = q->halves > 1 && half[1] > 0.0 ? sqrt(half[0] / half[1]) : 1.0;
        return half[0] * fmin(fmax(slope, 1.0), 2.0);
    }
    return k < q->halves ? 0.5 * (half[k - 1] + half[k]) : half[k - 1];
}

/* Weights the newest hops, the sum of weights being 1, by the inverse of their EMG power: that half-way, each
 * relative to its mean, over the hop and its neighbours. Returns the number of hops that count, 0 for a
 * signal without power. */
EMG_VECTORISED static double weight_hops(struct emg_mains_fit *q, size_t hops)
{
    double level[HISTORY + 2] = {0.0}, scale[HARMONICS] = {0.0}; /* level: from [1] on */
    double sum = 0.0, squares = 0.0;

    for (size_t k = 0; k < q->quads; k++) {
        emg_quad total = {0.0};
        for (size_t age = 0; age < hops; age++)
            total += emg_const_quads(q->half[place_of(q, age)].x)[k];
        memcpy(scale + EMG_QUAD * k, &total, sizeof total);
    }
    for (size_t b = 0; b < q->halves; b++) {
        if (!(scale[b] > 0.0))
            return 0.0;
        scale[b] = 1.0 / (scale[b] * (double)q->halves);
    }
    for (size_t age = 0; age < hops; age++) {
        const emg_quad *half = emg_const_quads(q->half[place_of(q, age)].x);
        emg_quad share = {0.0};
        for (size_t k = 0; k < q->quads; k++)
            share += half[k] * emg_const_quads(scale)[k];
        level[age + 1] = emg_quad_sum(&share);
    }
    level[0] = level[1];
    level[hops + 1] = level[hops];
    const double floor = QUIETEST / (double)hops;
    for (size_t age = 0; age < hops; age++)
        q->weight[age] = 1.0 / ((level[age] + level[age + 1] + level[age + 2]) * (1.0 / 3.0) + floor);
    for (size_t age = 0; age < hops; age++)
        sum += q->weight[age];
    for (size_t age = 0; age < hops; age++)
        q->weight[age] *= 1.0 / sum;
    for (size_t age = 0; age < hops; age++)
        squares += q->weight[age] * q->weight[age];
    return 1.0 / (squares * q->overlap);
}

/* Variance of the weighted sum of the newest hops half-way between the harmonics. */
EMG_VECTORISED static void variance_between(const struct emg_mains_fit *q, size_t hops,
                                            double half[HARMONICS])
{
    for (size_t k = 0; k < q->quads; k++) {
        emg_quad sum = {0.0};
        for (size_t age = 0; age < hops; age++)
            sum += q->weight[age] * q->weight[age] * q->overlap *
                   emg_const_quads(q->half[place_of(q, age)].x)[k];
        memcpy(half + EMG_QUAD * k, &sum, sizeof sum);
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

/* Turns every hop of every harmonic back by the phase that the model gives it: with t the age times the hop's
 * length, by 2 pi t (f - drift t / 2), of which the second differences are the same everywhere; and adds them
 * up. Sums over t and t^2 come from sums of sums. What the hops scatter about their mean m is the sum of
 * w^2 |z|^2 - 2 w^2 Re(m* z) + w^2 |m|^2. */
EMG_VECTORISED static void add_up(struct emg_mains_fit *q, struct fit *f)
{
    const double first_turn = 2.0 * PI * q->frequency_hz * q->hop_s, n = (double)f->hops;
    const double bend = -2.0 * PI * q->drift_hz_s * q->hop_s * q->hop_s;
    struct complex_row first, faster;
    double squares = 0.0;

    for (size_t k = 0; k < HARMONICS; k++) {
        const double order = (double)(k + 1);
        const struct emg_phasor turn = emg_phasor_unit(order * (first_turn + 0.5 * bend));
        const struct emg_phasor more = emg_phasor_unit(order * bend);
        first.re[k] = turn.re;
        first.im[k] = turn.im;
        faster.re[k] = more.re;
        faster.im[k] = more.im;
    }
    for (size_t age = 0; age < f->hops; age++)
        squares += q->weight[age] * q->weight[age];
    for (size_t k = 0; k < q->quads; k++) {
        const emg_quad faster_re = emg_const_quads(faster.re)[k], faster_im = emg_const_quads(faster.im)[k];
        emg_quad step_re = emg_const_quads(first.re)[k], step_im = emg_const_quads(first.im)[k];
        emg_quad re = {1.0, 1.0, 1.0, 1.0}, im = {0.0};
        emg_quad sum_re = {0.0}, sum_im = {0.0}, once_re = {0.0}, once_im = {0.0}, twice_re = {0.0},
                 twice_im = {0.0}, square_re = {0.0}, square_im = {0.0}, power = {0.0};
        for (size_t age = 0; age < f->hops; age++) {
            const struct complex_row *z = &q->z[place_of(q, age)];
            const emg_quad z_re = emg_const_quads(z->re)[k], z_im = emg_const_quads(z->im)[k];
            const double weight = q->weight[age];
            const emg_quad x = weight * (z_re * re - z_im * im), y = weight * (z_re * im + z_im * re);
            for (size_t i = 0; i < RECENTS; i++)
                if (age == RECENT[i]) {
                    emg_quads(f->recent[i].re)[k] = sum_re;
                    emg_quads(f->recent[i].im)[k] = sum_im;
                }
            sum_re += x;
            sum_im += y;
            once_re += sum_re;
            once_im += sum_im;
            twice_re += once_re;
            twice_im += once_im;
            square_re += weight * x;
            square_im += weight * y;
            power += x * x + y * y;
            const emg_quad next = re * step_re - im * step_im;
            im = re * step_im + im * step_re;
            re = next;
            const emg_quad step = step_re * faster_re - step_im * faster_im;
            step_im = step_re * faster_im + step_im * faster_re;
            step_re = step;
        }
        emg_quads(f->mean.re)[k] = sum_re;
        emg_quads(f->mean.im)[k] = sum_im;
        emg_quads(f->along.re)[k] = n * sum_re - once_re;
        emg_quads(f->along.im)[k] = n * sum_im - once_im;
        emg_quads(f->bend.re)[k] = n * n * sum_re - 2.0 * n * once_re + 2.0 * twice_re - once_re;
        emg_quads(f->bend.im)[k] = n * n * sum_im - 2.0 * n * once_im + 2.0 * twice_im - once_im;
        const emg_quad spread = power - 2.0 * (sum_re * square_re + sum_im * square_im) +
                                squares * (sum_re * sum_re + sum_im * sum_im);
        emg_quads(f->spread)[k] = spread;
    }
}

static double power_of(const struct complex_row *row, size_t k)
{
    return row->re[k] * row->re[k] + row->im[k] * row->im[k];
}

/* Means of the harmonics, their variances, and the evidence for a line at each. */
static void fit_harmonics(const struct emg_mains_fit *q, struct fit *f)
{
    const double dof = f->independent - 1.0 + PRIOR_DOF;

    for (size_t k = 0; k < q->harmonics; k++) {
        const double own = fmax(f->spread[k], 0.0) * q->overlap * f->independent / (f->independent - 1.0);
        f->variance[k] = join(f->independent, own, beside(q, f->half, k));
        f->line[k] = likelihood_ratio(power_of(&f->mean, k), f->variance[k], dof);
    }
}

/* Variance of what the newest hops bring to the weighted mean of each harmonic, `recent` of them, when they
 * are a contraction among rest: the weights and the spectrum's shape are not to be relied on, what is
 * half-way near the harmonic is. */
static void variance_in_contraction(const struct emg_mains_fit *q, size_t recent, double *variance)
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

/* Whether the newest hops, RECENT[i] of them, have another line than those before. */
static bool has_changed(const struct emg_mains_fit *q, const struct fit *f, size_t i)
{
    const size_t recent = RECENT[i];
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
        const struct emg_phasor apart = {f->recent[i].re[k] - weight * f->mean.re[k],
                                         f->recent[i].im[k] - weight * f->mean.im[k]};
        likelihood[k] = likelihood_ratio(emg_phasor_power(apart), variance[k], dof);
    }
    return excess(likelihood, q->harmonics) > CHANGED;
}

/* Moments of the weights: means of t, t^2, t^3 and t^4, t in hops before the newest. */
static void moments_of(const struct emg_mains_fit *q, size_t hops, double moments[4])
{
    for (size_t m = 0; m < 4; m++)
        moments[m] = 0.0;
    for (size_t age = 0; age < hops; age++) {
        const double t = (double)age, wt = q->weight[age] * t, wt2 = wt * t;
        moments[0] += wt;
        moments[1] += wt2;
        moments[2] += wt2 * t;
        moments[3] += wt2 * t * t;
    }
}

/* One Gauss-Newton step for frequency and rate of change on the phases of the harmonics that stand out of the
 * noise; each harmonic's own phase is projected out, the rate has a prior of zero mean. The phase of order 1
 * changes by u = -2 pi t hop_s a Hz and by v = pi t^2 hop_s^2 a Hz/s. */
static void fit_frequency(struct emg_mains_fit *q, const struct fit *f)
{
    const double per_hz = -2.0 * PI * q->hop_s, per_hz_s = PI * q->hop_s * q->hop_s;
    double information = 0.0, ahead_u = 0.0, ahead_v = 0.0, t[4];

    moments_of(q, f->hops, t);
    for (size_t k = 0; k < q->harmonics; k++) {
        const double ratio = power_of(&f->mean, k) / f->variance[k], order = (double)(k + 1);
        const double weight = ratio > ENTRY ? order / f->variance[k] : 0.0;
        const double re = f->mean.re[k], im = f->mean.im[k];
        information += weight * order * power_of(&f->mean, k);
        /* Imaginary parts of conj(mean) times the sums about their own means; that of conj(mean) mean is 0.
         */
        ahead_u += weight * (re * f->along.im[k] - im * f->along.re[k]);
        ahead_v += weight * (re * f->bend.im[k] - im * f->bend.re[k]);
    }
    const double a = 2.0 * information * per_hz * per_hz * (t[1] - t[0] * t[0]);
    const double b = 2.0 * information * per_hz * per_hz_s * (t[2] - t[0] * t[1]);
    const double c = 2.0 * information * per_hz_s * per_hz_s * (t[3] - t[1] * t[1]) +
                     1.0 / (DRIFT_SD_HZ_S * DRIFT_SD_HZ_S);
    const double along = 2.0 * per_hz * ahead_u;
    const double bend = 2.0 * per_hz_s * ahead_v - q->drift_hz_s / (DRIFT_SD_HZ_S * DRIFT_SD_HZ_S);
    const double determinant = a * c - b * b;
    if (!(determinant > 0.0))
        return;
    q->frequency_hz += (c * along - b * bend) / determinant;
    q->drift_hz_s += (a * bend - b * along) / determinant;
}

/* Fits the known hops at the present frequency and moves that towards the maximum. */
static struct fit refine(struct emg_mains_fit *q)
{
    const size_t hops = q->known;
    struct fit f = {.hops = hops};

    f.independent = weight_hops(q, hops);
    if (!(f.independent > 1.5))
        return f;
    variance_between(q, hops, f.half);
    add_up(q, &f);
    fit_harmonics(q, &f);
    fit_frequency(q, &f);
    return f;
}

/* A frequency found by the search. */
struct candidate {
    double frequency_hz;
    double line[HARMONICS]; /* as in a fit */
};

/* Transforms the weighted series of harmonic k, and writes the likelihood ratio of a line against none at
 * each of its bins to ratio [FFT]. */
EMG_VECTORISED static void transform_series(struct emg_mains_fit *q, size_t k, size_t hops,
                                            double independent, const double *half, double *ratio)
{
    const double dof = independent - 1.0 + PRIOR_DOF, beside_uv2 = beside(q, half, k);
    const double unbiased = independent / (independent - 1.0);
    double total = 0.0;

    for (size_t age = 0; age < hops; age++) {
        const struct complex_row *z = &q->z[place_of(q, age)];
        q->series[hops - 1 - age][0] = (float)(q->weight[age] * z->re[k]);
        q->series[hops - 1 - age][1] = (float)(q->weight[age] * z->im[k]);
        total += q->weight[age] * q->weight[age] * power_of(z, k) * q->overlap;
    }
    memset(q->series + hops, 0, (FFT - hops) * sizeof *q->series);
    fftwf_execute_dft(q->transform, q->series, q->line);
    for (size_t bin = 0; bin < FFT; bin++) {
        const double re = (double)q->line[bin][0], im = (double)q->line[bin][1];
        const double p = re * re + im * im, left = total - p / independent;
        const double own = (left > 0.0 ? left : 0.0) * unbiased;
        ratio[bin] = 1.0 + p / (join(independent, own, beside_uv2) * dof);
    }
}

/* The most likely frequency in the whole range, by the newest hops. The grid is that of the highest harmonic;
 * a hop is a whole number of cycles of nominal only up to its rounding to samples. */
static struct candidate search(struct emg_mains_fit *q, size_t hops)
{
    struct candidate found = {.frequency_hz = q->nominal_hz};
    const double independent = weight_hops(q, hops);
    double half[HARMONICS] = {0.0}, best = 0.0;
    if (!(independent > 1.5))
        return found;

    const double step_hz = 1.0 / (FFT * q->hop_s * (double)q->harmonics);
    const size_t beside_nominal = (size_t)lround(RANGE_HZ / step_hz), points = 2 * beside_nominal + 1;
    const double lowest_hz = q->nominal_hz - (double)beside_nominal * step_hz;
    double likelihood[GRID];
    for (size_t i = 0; i < points; i++)
        likelihood[i] = 1.0;
    variance_between(q, hops, half);
    for (size_t k = 0; k < q->harmonics; k++) {
        const double first = (double)(k + 1) * lowest_hz * FFT * q->hop_s + 0.5; /* truncation rounds */
        const double step = (double)(k + 1) * step_hz * FFT * q->hop_s;
        transform_series(q, k, hops, independent, half, q->ratio[k]);
        for (size_t i = 0; i < points; i++)
            likelihood[i] *= q->ratio[k][(size_t)(first + (double)i * step) % FFT];
    }
    for (size_t i = 0; i < points; i++)
        if (likelihood[i] > best) {
            best = likelihood[i];
            found.frequency_hz = lowest_hz + (double)i * step_hz;
        }
    const double dof = independent - 1.0 + PRIOR_DOF;
    for (size_t k = 0; k < q->harmonics && best > 0.0; k++) {
        const double bin = (double)(k + 1) * found.frequency_hz * FFT * q->hop_s + 0.5;
        found.line[k] = dof * log(q->ratio[k][(size_t)bin % FFT]);
    }
    return found;
}

/* Takes the line at frequency_hz as the one to follow, and forgets the hops before the newest ones, if the
 * fit over these confirms it. */
static struct fit try_lock(struct emg_mains_fit *q, double frequency_hz, size_t hops)
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
    return f;
}

static struct fit acquire(struct emg_mains_fit *q)
{
    /* In turn, so that the cost of a hop stays even. */
    q->turn = !q->turn;
    const size_t hops = q->turn && q->known > SHORT ? SHORT : q->known;
    if (hops < FEWEST)
        return (struct fit){0};
    const struct candidate found = search(q, hops);
    if (!(excess(found.line, q->harmonics) > 0.0))
        return (struct fit){0};
    return try_lock(q, found.frequency_hz, hops);
}

static struct fit track(struct emg_mains_fit *q)
{
    struct fit f = refine(q);
    for (size_t i = 0; i < RECENTS; i++)
        if (has_changed(q, &f, i)) {
            q->known = RECENT[i];
            f = refine(q);
            break;
        }
    q->locked = excess(f.line, q->harmonics) > RELEASE && fabs(q->frequency_hz - q->nominal_hz) < FARTHEST_HZ;
    return f;
}

void emg_mains_fit_take(struct emg_mains_fit *q, const struct emg_phasor *amplitude, const double *half)
{
    q->at = (q->at + 1) % HISTORY;
    q->known = q->known < HISTORY ? q->known + 1 : HISTORY;
    for (size_t k = 0; k < q->harmonics; k++) {
        q->z[q->at].re[k] = amplitude[k].re;
        q->z[q->at].im[k] = amplitude[k].im;
    }
    for (size_t b = 0; b < q->halves; b++)
        q->half[q->at].x[b] = half[b];
    if (q->locked)
        q->frequency_hz += q->drift_hz_s * q->hop_s;
}

struct emg_mains_line emg_mains_fit_execute(struct emg_mains_fit *q)
{
    const struct fit f = q->locked ? track(q) : acquire(q);
    struct emg_mains_line line = {
        .locked = q->locked, .frequency_hz = q->frequency_hz, .drift_hz_s = q->drift_hz_s};
    for (size_t k = 0; k < HARMONICS; k++)
        line.amplitude[k] = (struct emg_phasor){f.mean.re[k], f.mean.im[k]};
    memcpy(line.variance, f.variance, sizeof f.variance);
    return line;
}

void emg_mains_fit_reset(struct emg_mains_fit *q)
{
    q->at = 0;
    q->known = 0;
    q->locked = false;
    q->turn = false;
    q->frequency_hz = q->nominal_hz;
    q->drift_hz_s = 0.0;
}

void emg_mains_fit_destroy(struct emg_mains_fit *q)
{
    if (!q)
        return;
    if (q->transform)
        fftwf_destroy_plan(q->transform);
    free(q->ratio);
    fftwf_free(q->line);
    fftwf_free(q->series);
    free(q);
}
