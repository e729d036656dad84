#include "dsp/mains_fit.h"

#include "dsp/mains_hops.h"
#include "dsp/mains_search.h"
#include "dsp/simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

enum {
    HARMONICS = EMG_MAINS_HARMONICS_MAX,
    SHORT = 25,   /* hops of the short search, for a line that has just appeared */
    FEWEST = 8,   /* hops below which nothing is decided */
    SETTLING = 4, /* refinements from the grid's point to the maximum */
};

/* How many of the newest hops are asked whether the line is still the same. */
enum { RECENTS = 2 };
static const size_t RECENT[RECENTS] = {5, 10};

static const double FARTHEST_HZ = 1.3;    /* a line that is tracked beyond this is none */
static const double DRIFT_SD_HZ_S = 0.01; /* prior of the frequency's rate of change */
static const double ENTRY = 4.0;          /* |amplitude|^2 over its variance for a say in the frequency */
static const double ALONE = 12.0;         /* most that one harmonic may bring to the log likelihood */
static const double LOUD = 0.2;           /* of their number's share of the weights: hops in a contraction */
static const double SHAPE = 3.0; /* by which the spectrum of a contraction may exceed that half-way */
/* Excess of the log likelihood ratio below which the line is gone, and above which it has changed. */
static const double RELEASE = -10.0, CHANGED = -6.0;

/* Of the newest hops, `hops` of them: */
struct fit {
    size_t hops;
    double independent;                           /* hops that count as independent and equally weighted */
    struct emg_mains_complex_row mean;            /* complex amplitude at the centre of the newest window */
    struct emg_mains_complex_row recent[RECENTS]; /* the part that the newest of them have in it */
    struct emg_mains_complex_row along, bend;     /* sums of w t z and w t^2 z, t in hops before the newest */
    double spread[HARMONICS];                     /* what the weighted hops scatter about the mean, squared */
    double half[HARMONICS];                       /* variance of the same half-way between the harmonics */
    double variance[HARMONICS];                   /* of mean, E|error|^2 */
    double line[HARMONICS]; /* log likelihood ratio of a line against none, its noise unknown */
};

struct emg_mains_fit {
    double nominal_hz, hop_s;
    struct emg_mains_hops newest;
    struct emg_mains_search *search;

    bool locked, turn;
    double frequency_hz, drift_hz_s; /* at the centre of the newest window */
};

static bool config_is_valid(const struct emg_mains_fit_config *c)
{
    return (c->nominal_hz == 50.0 || c->nominal_hz == 60.0) && c->hop_s > 0.0 && c->hop_s <= 0.1 &&
           c->harmonics > 0 && c->harmonics <= HARMONICS && c->halves > 0 && c->halves <= c->harmonics &&
           c->overlap >= 1.0 && isfinite(c->overlap);
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
    q->newest.harmonics = config->harmonics;
    q->newest.halves = config->halves;
    q->newest.overlap = config->overlap;
    const enum emg_error error =
        emg_mains_search_create(&q->search, config->nominal_hz, config->hop_s, config->harmonics);
    if (error != EMG_OK) {
        emg_mains_fit_destroy(q);
        return error;
    }
    emg_mains_fit_reset(q);
    *out = q;
    return EMG_OK;
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
    struct emg_phasor turn[HARMONICS], more[HARMONICS];
    struct emg_mains_complex_row first, faster;
    double squares = 0.0;

    emg_phasor_powers(first_turn + 0.5 * bend, turn, HARMONICS);
    emg_phasor_powers(bend, more, HARMONICS);
    for (size_t k = 0; k < HARMONICS; k++) {
        first.re[k] = turn[k].re;
        first.im[k] = turn[k].im;
        faster.re[k] = more[k].re;
        faster.im[k] = more[k].im;
    }
    for (size_t age = 0; age < f->hops; age++)
        squares += q->newest.weight[age] * q->newest.weight[age];
    for (size_t k = 0; k < emg_mains_hops_quads(&q->newest); k++) {
        const emg_quad faster_re = emg_const_quads(faster.re)[k], faster_im = emg_const_quads(faster.im)[k];
        emg_quad step_re = emg_const_quads(first.re)[k], step_im = emg_const_quads(first.im)[k];
        emg_quad re = {1.0, 1.0, 1.0, 1.0}, im = {0.0};
        emg_quad sum_re = {0.0}, sum_im = {0.0}, once_re = {0.0}, once_im = {0.0}, twice_re = {0.0},
                 twice_im = {0.0}, square_re = {0.0}, square_im = {0.0}, power = {0.0};
        for (size_t age = 0; age < f->hops; age++) {
            const struct emg_mains_complex_row *z = &q->newest.z[emg_mains_hops_place(&q->newest, age)];
            const emg_quad z_re = emg_const_quads(z->re)[k], z_im = emg_const_quads(z->im)[k];
            const double weight = q->newest.weight[age];
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

/* Means of the harmonics, their variances, and the evidence for a line at each. */
static void fit_harmonics(const struct emg_mains_fit *q, struct fit *f)
{
    const double dof = emg_mains_dof(f->independent);

    for (size_t k = 0; k < q->newest.harmonics; k++) {
        const double own =
            fmax(f->spread[k], 0.0) * q->newest.overlap * f->independent / (f->independent - 1.0);
        f->variance[k] =
            emg_mains_variance(f->independent, own, emg_mains_hops_beside(&q->newest, f->half, k));
        f->line[k] = likelihood_ratio(emg_mains_power(&f->mean, k), f->variance[k], dof);
    }
}

/* Variance of what the newest hops bring to the weighted mean of each harmonic, `recent` of them, when they
 * are a contraction among rest: the weights and the spectrum's shape are not to be relied on, what is
 * half-way near the harmonic is. */
static void variance_in_contraction(const struct emg_mains_fit *q, size_t recent, double *variance)
{
    double half[HARMONICS] = {0.0}, smooth[HARMONICS] = {0.0};

    emg_mains_hops_between(&q->newest, recent, half);
    for (size_t b = 0; b < q->newest.halves; b++) {
        const size_t first = b > 0 ? b - 1 : 0, last = b + 1 < q->newest.halves ? b + 1 : b;
        smooth[b] = 0.0;
        for (size_t i = first; i <= last; i++)
            smooth[b] += half[i] / (double)(last - first + 1);
    }
    for (size_t k = 0; k < q->newest.harmonics; k++)
        variance[k] = SHAPE * emg_mains_hops_beside(&q->newest, smooth, k);
}

/* Whether the newest hops, RECENT[i] of them, have another line than those before. */
static bool has_changed(const struct emg_mains_fit *q, const struct fit *f, size_t i)
{
    const size_t recent = RECENT[i];
    double likelihood[HARMONICS] = {0.0}, variance[HARMONICS], weight = 0.0;
    double dof = emg_mains_dof(f->independent), least = INFINITY;

    if (f->hops < recent + RECENT[0] || !(f->independent > 1.5))
        return false;
    for (size_t age = 0; age < recent; age++) {
        weight += q->newest.weight[age];
        least = fmin(least, q->newest.weight[age]);
    }
    if (1.0 - weight < LOUD * (double)(f->hops - recent) / (double)f->hops)
        return false; /* those before were a contraction and count little anyway */
    /* The recent mean less the whole one is (1 - weight) of what it is less the earlier one. */
    for (size_t k = 0; k < q->newest.harmonics; k++)
        variance[k] = f->variance[k] * weight * (1.0 - weight);
    if (least < LOUD / (double)f->hops) {
        variance_in_contraction(q, recent, variance);
        dof = EMG_MAINS_PRIOR_DOF;
    }
    for (size_t k = 0; k < q->newest.harmonics; k++) {
        const struct emg_phasor apart = {f->recent[i].re[k] - weight * f->mean.re[k],
                                         f->recent[i].im[k] - weight * f->mean.im[k]};
        likelihood[k] = likelihood_ratio(emg_phasor_power(apart), variance[k], dof);
    }
    return excess(likelihood, q->newest.harmonics) > CHANGED;
}

/* Moments of the weights: means of t, t^2, t^3 and t^4, t in hops before the newest. */
static void moments_of(const struct emg_mains_fit *q, size_t hops, double moments[4])
{
    for (size_t m = 0; m < 4; m++)
        moments[m] = 0.0;
    for (size_t age = 0; age < hops; age++) {
        const double t = (double)age, wt = q->newest.weight[age] * t, wt2 = wt * t;
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
    for (size_t k = 0; k < q->newest.harmonics; k++) {
        const double ratio = emg_mains_power(&f->mean, k) / f->variance[k], order = (double)(k + 1);
        const double weight = ratio > ENTRY ? order / f->variance[k] : 0.0;
        const double re = f->mean.re[k], im = f->mean.im[k];
        information += weight * order * emg_mains_power(&f->mean, k);
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
    const size_t hops = q->newest.known;
    struct fit f = {.hops = hops};

    f.independent = emg_mains_hops_weigh(&q->newest, hops);
    if (!(f.independent > 1.5))
        return f;
    emg_mains_hops_between(&q->newest, hops, f.half);
    add_up(q, &f);
    fit_harmonics(q, &f);
    fit_frequency(q, &f);
    return f;
}

/* Takes the line at frequency_hz as the one to follow, and forgets the hops before the newest ones, if the
 * fit over these confirms it. */
static struct fit try_lock(struct emg_mains_fit *q, double frequency_hz, size_t hops)
{
    const size_t known = q->newest.known;
    struct fit f = {0};

    q->newest.known = hops;
    q->frequency_hz = frequency_hz;
    q->drift_hz_s = 0.0;
    for (unsigned i = 0; i < SETTLING; i++)
        f = refine(q);
    q->locked = excess(f.line, q->newest.harmonics) > 0.0;
    if (!q->locked)
        q->newest.known = known;
    return f;
}

static struct fit acquire(struct emg_mains_fit *q)
{
    /* In turn, so that the cost of a hop stays even. */
    q->turn = !q->turn;
    const size_t hops = q->turn && q->newest.known > SHORT ? SHORT : q->newest.known;
    if (hops < FEWEST)
        return (struct fit){0};
    const struct emg_mains_candidate found = emg_mains_search_execute(q->search, &q->newest, hops);
    if (!(excess(found.line, q->newest.harmonics) > 0.0))
        return (struct fit){0};
    return try_lock(q, found.frequency_hz, hops);
}

static struct fit track(struct emg_mains_fit *q)
{
    struct fit f = refine(q);
    for (size_t i = 0; i < RECENTS; i++)
        if (has_changed(q, &f, i)) {
            q->newest.known = RECENT[i];
            f = refine(q);
            break;
        }
    q->locked =
        excess(f.line, q->newest.harmonics) > RELEASE && fabs(q->frequency_hz - q->nominal_hz) < FARTHEST_HZ;
    return f;
}

void emg_mains_fit_take(struct emg_mains_fit *q, const struct emg_phasor *amplitude, const double *half)
{
    emg_mains_hops_take(&q->newest, amplitude, half);
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
    q->newest.at = 0;
    q->newest.known = 0;
    q->locked = false;
    q->turn = false;
    q->frequency_hz = q->nominal_hz;
    q->drift_hz_s = 0.0;
}

void emg_mains_fit_destroy(struct emg_mains_fit *q)
{
    if (!q)
        return;
    emg_mains_search_destroy(q->search);
    free(q);
}
