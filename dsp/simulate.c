#include "dsp/simulate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* Share of a burst that each raised-cosine edge takes. */
static const double EDGE_SHARE = 0.15;

/* Cycle durations are drawn within this many standard deviations, so that with the largest cycle_cv (0.2) the
 * shortest is a fifth of cycle_s. */
static const double CYCLE_LIMIT_SD = 4.0;

/* Ziggurat of Marsaglia & Tsang 2000, J. Statistical Software 5(8): 128 layers, and where the tail begins. */
#define LAYERS 128
static const double TAIL_START = 3.442619855899;

#define STATES 3
typedef double matrix[STATES][STATES];

struct random {
    uint64_t s[4];
};

struct emg_simulate {
    struct emg_simulate_config config;

    /* Separate generators: the EMG does not change with the noise, nor either with the cycles. */
    struct random emg, noise, cycle;
    uint64_t accept[LAYERS];    /* below this the 53-bit number is inside the layer's rectangle for certain */
    double width[LAYERS];       /* of a layer, divided by 2^53 */
    double density[LAYERS + 1]; /* exp(-x^2 / 2) at a layer's right edge; 1 at the top */
    double noise_rms_uv;

    matrix transition;       /* of the state over one sample */
    matrix noise_factor;     /* lower Cholesky factor of the noise that enters over one sample */
    double state[STATES];    /* stationary covariance is the identity at any fl and fh */
    uint64_t n;              /* samples since the beginning */
    uint64_t update_samples; /* between updates of fl and fh */
    uint64_t next_update;
    double cycle_start, cycle_samples; /* of the present cycle, in samples */
};

/* xoshiro256** of Blackman & Vigna 2021, ACM Trans. Math. Software 47(4). */
static inline uint64_t rotate_left(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64U - by));
}

static inline uint64_t random_bits(struct random *r)
{
    uint64_t *s = r->s;
    const uint64_t bits = rotate_left(s[1] * 5U, 7) * 9U;
    const uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return bits;
}

/* Fills the generator's state from the sequence *seed with splitmix64 (Steele, Lea & Flood 2014). */
static void random_seed(struct random *r, uint64_t *seed)
{
    for (size_t i = 0; i < 4; i++) {
        *seed += 0x9e3779b97f4a7c15U;
        uint64_t z = *seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        r->s[i] = z ^ (z >> 31);
    }
}

/* Uniform in (0, 1], so that its logarithm is finite. */
static double random_uniform(struct random *r)
{
    return (double)((random_bits(r) >> 11) + 1U) * 0x1p-53;
}

/* Layers of equal area under exp(-x^2 / 2); layer 0 is the base with the tail, drawn as a wider rectangle. */
static void ziggurat_design(struct emg_simulate *q)
{
    const double r = TAIL_START;
    const double area = r * exp(-0.5 * r * r) + sqrt(0.5 * PI) * erfc(r / sqrt(2.0));
    double right = area / exp(-0.5 * r * r);
    double inner = r;

    for (size_t i = 0; i < LAYERS; i++) {
        q->width[i] = right * 0x1p-53;
        q->accept[i] = (uint64_t)(inner / right * 0x1p53);
        q->density[i] = exp(-0.5 * right * right);
        right = inner;
        const double top = exp(-0.5 * right * right) + area / right;
        inner = top < 1.0 ? sqrt(-2.0 * log(top)) : 0.0;
    }
    q->density[LAYERS] = 1.0;
}

static double ziggurat_tail(struct random *r)
{
    double x, y;

    do {
        x = -log(random_uniform(r)) / TAIL_START;
        y = -log(random_uniform(r));
    } while (2.0 * y < x * x);
    return TAIL_START + x;
}

/* Standard normal deviate. Layer, sign and position come from disjoint bits of one number. */
static inline double random_gaussian(const struct emg_simulate *q, struct random *r)
{
    for (;;) {
        const uint64_t bits = random_bits(r);
        const size_t layer = bits % LAYERS;
        const double sign = (bits & 0x100U) ? -1.0 : 1.0;
        const uint64_t position = bits >> 11;
        const double x = (double)position * q->width[layer];

        if (position < q->accept[layer])
            return sign * x;
        if (layer == 0)
            return sign * ziggurat_tail(r);

        const double low = q->density[layer], high = q->density[layer + 1];
        if (low + random_uniform(r) * (high - low) < exp(-0.5 * x * x))
            return sign * x;
    }
}

static void multiply(const matrix a, const matrix b, matrix out)
{
    for (size_t i = 0; i < STATES; i++)
        for (size_t j = 0; j < STATES; j++)
            out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

/* The system in Schwarz form: A + A' + B B' = 0, so the stationary covariance is the identity whatever the
 * corner frequencies, and state[1] / w = const * s / ((s + a) (s + b)^2) is the EMG with variance 1. Changing
 * fl and fh therefore leaves the RMS alone and moves no state. */
static double system_design(double fl_hz, double fh_hz, matrix a)
{
    const double low = 2.0 * PI * fl_hz, high = 2.0 * PI * fh_hz;
    const double damping = low + 2.0 * high;
    const double couple_01 = high * sqrt(low / damping);
    const double couple_12 = (low + high) * sqrt(2.0 * high / damping);

    memset(a, 0, sizeof(matrix));
    a[0][1] = couple_01;
    a[1][0] = -couple_01;
    a[1][2] = couple_12;
    a[2][1] = -couple_12;
    a[2][2] = -damping;
    return sqrt(2.0 * damping); /* B = (0, 0, this) */
}

/* exp(A h) and the covariance, integral of exp(A t) B B' exp(A' t) over 0..h, of the noise that enters in h.
 * Series for a fraction of h, then doubling: sums of positive semidefinite matrices only, so each element of
 * the nearly singular covariance keeps its relative accuracy (I - Phi Phi' would lose it: the elements range
 * from h to h^5). */
static void system_step(const matrix a, double b, double h, matrix phi, matrix covariance)
{
    enum { TERMS = 16 };
    double fraction = h;
    unsigned doublings = 0;
    while ((fabs(a[2][2]) + fabs(a[1][2]) + fabs(a[0][1])) * fraction > 0.25) {
        fraction *= 0.5;
        doublings++;
    }

    double impulse[TERMS][STATES] = {{0.0, 0.0, b}}; /* Taylor terms of exp(A t) B at t = fraction */
    matrix term = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}}, next;
    memcpy(phi, term, sizeof(matrix));
    for (size_t k = 1; k < TERMS; k++) {
        multiply(a, term, next);
        for (size_t i = 0; i < STATES; i++) {
            for (size_t j = 0; j < STATES; j++) {
                term[i][j] = next[i][j] * fraction / (double)k;
                phi[i][j] += term[i][j];
            }
            impulse[k][i] = term[i][2] * b;
        }
    }
    for (size_t i = 0; i < STATES; i++)
        for (size_t j = 0; j < STATES; j++) {
            covariance[i][j] = 0.0;
            for (size_t k = TERMS; k-- > 0;)
                for (size_t l = TERMS; l-- > 0;)
                    covariance[i][j] += fraction * impulse[k][i] * impulse[l][j] / (double)(k + l + 1);
        }

    for (; doublings > 0; doublings--) {
        matrix left, transposed, added;
        for (size_t i = 0; i < STATES; i++)
            for (size_t j = 0; j < STATES; j++)
                transposed[i][j] = phi[j][i];
        multiply(phi, covariance, left);
        multiply(left, transposed, added);
        for (size_t i = 0; i < STATES; i++)
            for (size_t j = 0; j < STATES; j++)
                covariance[i][j] += added[i][j];
        multiply(phi, phi, next);
        memcpy(phi, next, sizeof(matrix));
    }
}

/* Cholesky's relative error does not depend on the scales of the states; a pivot that rounding has taken
 * below zero stands for a state that no noise of its own enters. */
static void factor_lower(const matrix covariance, matrix lower)
{
    memset(lower, 0, sizeof(matrix));
    for (size_t j = 0; j < STATES; j++) {
        double pivot = covariance[j][j];
        for (size_t k = 0; k < j; k++)
            pivot -= lower[j][k] * lower[j][k];
        if (pivot <= 0.0)
            continue;
        lower[j][j] = sqrt(pivot);
        for (size_t i = j + 1; i < STATES; i++) {
            double sum = covariance[i][j];
            for (size_t k = 0; k < j; k++)
                sum -= lower[i][k] * lower[j][k];
            lower[i][j] = sum / lower[j][j];
        }
    }
}

static void update_spectrum(struct emg_simulate *q)
{
    const struct emg_simulate_config *c = &q->config;
    const double t_s = (double)q->n / c->rate_hz;
    const double share = 1.0 - c->fatigue * (1.0 - exp(-t_s / c->fatigue_s));
    matrix a, covariance;

    const double b = system_design(share * c->fl_hz, share * c->fh_hz, a);
    system_step(a, b, 1.0 / c->rate_hz, q->transition, covariance);
    factor_lower(covariance, q->noise_factor);
}

static void begin_cycle(struct emg_simulate *q)
{
    const struct emg_simulate_config *c = &q->config;
    const double deviate = random_gaussian(q, &q->cycle);
    const double limited = fmin(fmax(deviate, -CYCLE_LIMIT_SD), CYCLE_LIMIT_SD);

    q->cycle_start += q->cycle_samples;
    q->cycle_samples = c->cycle_s * c->rate_hz * (1.0 + c->cycle_cv * limited);
}

static double cycle_phase(struct emg_simulate *q)
{
    while ((double)q->n >= q->cycle_start + q->cycle_samples)
        begin_cycle(q);
    return ((double)q->n - q->cycle_start) / q->cycle_samples;
}

static double stride_amplitude(struct emg_simulate *q)
{
    const struct emg_simulate_config *c = &q->config;

    double since = cycle_phase(q) - c->burst_start;
    if (since < 0.0)
        since += 1.0; /* a burst that runs over the end of its cycle */
    const double place = since / c->burst_length;
    if (place >= 1.0)
        return 0.0;
    const double from_end = fmin(place, 1.0 - place);
    return from_end >= EDGE_SHARE ? 1.0 : 0.5 - 0.5 * cos(PI * from_end / EDGE_SHARE);
}

static double ramp_amplitude(const struct emg_simulate *q)
{
    const double place = fmod((double)q->n / q->config.rate_hz / q->config.ramp_s, 4.0);

    return fmax(0.0, fmin(fmin(place, 1.0), 3.0 - place));
}

static double amplitude(struct emg_simulate *q)
{
    switch (q->config.course) {
    case EMG_SIMULATE_STRIDE:
        return stride_amplitude(q);
    case EMG_SIMULATE_RAMP:
        return ramp_amplitude(q);
    case EMG_SIMULATE_REST:
        return 0.0;
    case EMG_SIMULATE_STATIC:
        break;
    }
    return 1.0;
}

static inline double next_emg(struct emg_simulate *q)
{
    const double *x = q->state;
    const double g0 = random_gaussian(q, &q->emg);
    const double g1 = random_gaussian(q, &q->emg);
    const double g2 = random_gaussian(q, &q->emg);
    double next[STATES];

    for (size_t i = 0; i < STATES; i++) {
        const double *phi = q->transition[i], *l = q->noise_factor[i];
        next[i] = phi[0] * x[0] + phi[1] * x[1] + phi[2] * x[2] + (l[0] * g0 + l[1] * g1 + l[2] * g2);
    }
    memcpy(q->state, next, sizeof next);
    return next[1];
}

static bool within(double value, double low, double high)
{
    return value >= low && value <= high; /* false for NaN */
}

static bool course_is_valid(const struct emg_simulate_config *c)
{
    switch (c->course) {
    case EMG_SIMULATE_STATIC:
    case EMG_SIMULATE_REST:
        return true;
    case EMG_SIMULATE_STRIDE:
        return isfinite(c->cycle_s) && c->cycle_s * c->rate_hz >= 1.0 && within(c->cycle_cv, 0.0, 0.2) &&
               within(c->burst_start, 0.0, 1.0) && c->burst_length > 0.0 && c->burst_length < 1.0;
    case EMG_SIMULATE_RAMP:
        return isfinite(c->ramp_s) && c->ramp_s > 0.0;
    }
    return false;
}

static bool config_is_valid(const struct emg_simulate_config *c)
{
    if (!within(c->rate_hz, 1000.0, 1e6) || !within(c->rms_uv, 0.0, 1e9) || !within(c->noise_uv, 0.0, 1e9))
        return false;
    const double nyquist_hz = c->rate_hz / 2.0;
    if (!(c->fl_hz > 0.0 && c->fl_hz < nyquist_hz && c->fh_hz > 0.0 && c->fh_hz < nyquist_hz))
        return false;
    if (!(c->fatigue >= 0.0 && c->fatigue < 1.0) || !(c->fatigue_s > 0.0) || isinf(c->fatigue_s))
        return false;
    return course_is_valid(c);
}

enum emg_error emg_simulate_create(struct emg_simulate **out, const struct emg_simulate_config *config)
{
    *out = NULL;
    if (!config_is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_simulate *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;

    q->config = *config;
    q->noise_rms_uv = config->noise_uv * sqrt(config->rate_hz / 1000.0);
    q->update_samples = (uint64_t)llround(0.5 * config->rate_hz);
    ziggurat_design(q);
    emg_simulate_reset(q);
    *out = q;
    return EMG_OK;
}

void emg_simulate_execute(struct emg_simulate *q, float *y, size_t stride, size_t n)
{
    const double rms_uv = q->config.rms_uv, noise_uv = q->noise_rms_uv;
    const bool has_emg = rms_uv > 0.0 && q->config.course != EMG_SIMULATE_REST;
    const bool has_noise = noise_uv > 0.0;

    for (size_t i = 0; i < n; i++, q->n++) {
        double sum = 0.0;
        if (has_emg) {
            if (q->n == q->next_update) {
                if (q->config.fatigue > 0.0)
                    update_spectrum(q);
                q->next_update += q->update_samples;
            }
            sum = rms_uv * amplitude(q) * next_emg(q);
        }
        if (has_noise)
            sum += noise_uv * random_gaussian(q, &q->noise);
        y[i * stride] = (float)sum;
    }
}

double emg_simulate_phase(struct emg_simulate *q)
{
    return q->config.course == EMG_SIMULATE_STRIDE ? cycle_phase(q) : NAN;
}

void emg_simulate_reset(struct emg_simulate *q)
{
    uint64_t seed = q->config.seed;

    random_seed(&q->emg, &seed);
    random_seed(&q->noise, &seed);
    seed = q->config.cycle_seed;
    random_seed(&q->cycle, &seed);
    q->n = 0;
    q->next_update = q->update_samples;
    update_spectrum(q);
    for (size_t i = 0; i < STATES; i++)
        q->state[i] = random_gaussian(q, &q->emg);
    q->cycle_start = 0.0;
    q->cycle_samples = 0.0;
    if (q->config.course == EMG_SIMULATE_STRIDE)
        begin_cycle(q);
}

void emg_simulate_destroy(struct emg_simulate *q)
{
    free(q);
}

double emg_simulate_psd(double frequency_hz, double fl_hz, double fh_hz, double rms_uv)
{
    const double f2 = frequency_hz * frequency_hz;
    const double high2 = f2 + fh_hz * fh_hz;
    /* The integral over 0..infinity of f^2 / [(f^2 + fl^2)(f^2 + fh^2)^2] is pi / (4 fh (fl + fh)^2). */
    const double scale = 4.0 * fh_hz * (fl_hz + fh_hz) * (fl_hz + fh_hz) / PI;

    return rms_uv * rms_uv * scale * f2 / ((f2 + fl_hz * fl_hz) * high2 * high2);
}

/* Simpson's rule over f = fh tan(u), which makes the integrand smooth over any band. */
static double band_power(double fl_hz, double fh_hz, double low_u, double high_u)
{
    enum { INTERVALS = 4096 };
    const double h = (high_u - low_u) / INTERVALS;
    double sum = 0.0;

    for (unsigned i = 0; i <= INTERVALS; i++) {
        const double tangent = tan(low_u + h * (double)i);
        const double weight = i == 0 || i == INTERVALS ? 1.0 : (i % 2 ? 4.0 : 2.0);
        sum += weight * emg_simulate_psd(fh_hz * tangent, fl_hz, fh_hz, 1.0) * (1.0 + tangent * tangent);
    }
    return sum * h / 3.0 * fh_hz;
}

double emg_simulate_mdf_hz(double fl_hz, double fh_hz, double low_hz, double high_hz)
{
    if (!(fl_hz > 0.0 && fh_hz > 0.0 && low_hz >= 0.0 && low_hz < high_hz && isfinite(high_hz)))
        return NAN;
    const double low_u = atan(low_hz / fh_hz);
    double below = low_u, above = atan(high_hz / fh_hz);
    const double half = 0.5 * band_power(fl_hz, fh_hz, below, above);

    for (unsigned i = 0; i < 48; i++) {
        const double middle = 0.5 * (below + above);
        if (band_power(fl_hz, fh_hz, low_u, middle) < half)
            below = middle;
        else
            above = middle;
    }
    return fh_hz * tan(0.5 * (below + above));
}
