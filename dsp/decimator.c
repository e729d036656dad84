#include "dsp/decimator.h"

#include "dsp/simd.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = EMG_OCTET, /* independent partial sums: they vectorise, and fix the order of summation */
    AT_ONCE = 4,       /* outputs */
    CHUNK = 1024,      /* input samples between two moves of the history */
    TAPS_MAX = 65535,
};

static const double PI = 3.14159265358979323846;

/* Kaiser's estimates err for short filters: the margin and the extra taps cover the worst miss found over
 * rates of 4 to 192 kHz and pass bands of 0.2 to 0.9 of half the output rate. The pass band ripples as much
 * as the stop band does, and twice that seen from 0 Hz, where the gain is held at 1: hence a minimum for 0.01
 * dB. */
static const double ATTENUATION_MIN_DB = 68.0;
static const double ATTENUATION_MARGIN_DB = 4.0;
static const double EXTRA_TAPS = 4.0;

/* `padded` is `taps` rounded up to whole lanes; the padding coefficients are zero and meet the oldest
 * samples. The history is the padded - 1 samples that are still needed, and room for two chunks. */
struct emg_decimator {
    double rate_hz;
    size_t factor;
    size_t taps;
    size_t padded;
    size_t fill; /* samples in the history */
    size_t next; /* where in the history, or how far beyond it, the next output's newest sample belongs */
    float *coefficients;
    float *history;
    float storage[];
};

unsigned emg_decimator_factor(double rate_hz)
{
    if (!(rate_hz >= 4200.0))
        return 1;
    double factor = floor(rate_hz / 2000.0);
    return factor < (double)UINT_MAX ? (unsigned)factor : UINT_MAX;
}

static bool is_valid(const struct emg_decimator_config *c)
{
    if (!isfinite(c->rate_hz) || !(c->rate_hz > 0.0) || c->factor < 1)
        return false;
    if (!(c->pass_hz > 0.0 && c->pass_hz < c->rate_hz / c->factor / 2.0))
        return false;
    return c->stop_db >= 40.0 && c->stop_db <= 120.0;
}

static double attenuation_db(const struct emg_decimator_config *c)
{
    return fmax(c->stop_db, ATTENUATION_MIN_DB) + ATTENUATION_MARGIN_DB;
}

/* Kaiser's estimate of the length (Oppenheim & Schafer, section on the Kaiser window), made odd so that the
 * delay is a whole number of input samples. */
static double taps_needed(const struct emg_decimator_config *c)
{
    if (c->factor == 1)
        return 1.0;
    double transition_hz = c->rate_hz / c->factor - 2.0 * c->pass_hz;
    double width = 2.0 * PI * transition_hz / c->rate_hz;
    double taps = ceil((attenuation_db(c) - 7.95) / (2.285 * width) + 1.0) + EXTRA_TAPS;
    return fmod(taps, 2.0) == 0.0 ? taps + 1.0 : taps;
}

/* Modified Bessel function of the first kind and order 0, by its power series. */
static double bessel_i0(double x)
{
    double term = 1.0;
    double sum = 1.0;

    for (double k = 1.0; term > 1e-17 * sum; k += 1.0) {
        term *= (x / (2.0 * k)) * (x / (2.0 * k));
        sum += term;
    }
    return sum;
}

/* A sinc with its edge half-way between pass and stop band, which is half the output rate, times the window;
 * k input samples from the centre. Not yet of unit gain. */
static double windowed_sinc(double k, double half, double factor, double beta)
{
    double sinc = k > 0.0 ? sin(PI * k / factor) / (PI * k) : 1.0 / factor;
    double place = k / half;
    return sinc * bessel_i0(beta * sqrt(1.0 - place * place));
}

static void design(struct emg_decimator *q, double attenuation)
{
    float *h = q->coefficients + (q->padded - q->taps);
    size_t half = q->taps / 2;
    if (half == 0) {
        h[0] = 1.0F;
        return;
    }

    double beta = 0.1102 * (attenuation - 8.7);
    double gain = 0.0;
    for (size_t k = 0; k <= half; k++) {
        double value = windowed_sinc((double)k, (double)half, (double)q->factor, beta);
        gain += k == 0 ? value : 2.0 * value;
    }

    double excess = -1.0;
    for (size_t k = 0; k <= half; k++) {
        double value = windowed_sinc((double)k, (double)half, (double)q->factor, beta) / gain;
        h[half - k] = h[half + k] = (float)value;
        excess += (k == 0 ? 1.0 : 2.0) * (double)h[half + k];
    }

    /* The outermost pair takes up what rounding left of the gain at 0 Hz: it is small enough to hold it. */
    h[0] = h[2 * half] = (float)((double)h[0] - excess / 2.0);
}

enum emg_error emg_decimator_create(struct emg_decimator **out, const struct emg_decimator_config *config)
{
    *out = NULL;
    if (!is_valid(config))
        return EMG_ERROR_ARGUMENT;
    double needed = taps_needed(config);
    if (needed > TAPS_MAX)
        return EMG_ERROR_ARGUMENT;

    size_t taps = (size_t)needed;
    size_t padded = (taps + LANES - 1) / LANES * LANES;
    size_t history = padded - 1 + 2 * CHUNK;
    struct emg_decimator *q = calloc(1, sizeof *q + (padded + history) * sizeof q->storage[0]);
    if (q == NULL)
        return EMG_ERROR_MEMORY;

    q->rate_hz = config->rate_hz;
    q->factor = config->factor;
    q->taps = taps;
    q->padded = padded;
    q->coefficients = q->storage;
    q->history = q->storage + padded;
    design(q, attenuation_db(config));
    emg_decimator_reset(q);
    *out = q;
    return EMG_OK;
}

static inline float sum(const emg_octet *s)
{
    return (((*s)[0] + (*s)[4]) + ((*s)[2] + (*s)[6])) + (((*s)[1] + (*s)[5]) + ((*s)[3] + (*s)[7]));
}

/* Writes the sums of products of h [n] with AT_ONCE stretches of x that begin `step` apart; n is a multiple
 * of LANES. Alone, each addition would wait for the one before it. */
EMG_VECTORISED static void dots(const float *h, const float *x, size_t step, size_t n, float *y)
{
    emg_octet s[AT_ONCE] = {{0.0F}};

    for (size_t i = 0; i < n; i += LANES) {
        const emg_octet c = *emg_octets(h + i);
        for (size_t k = 0; k < AT_ONCE; k++)
            s[k] += c * *emg_octets(x + k * step + i);
    }
    for (size_t k = 0; k < AT_ONCE; k++)
        y[k] = sum(&s[k]);
}

EMG_VECTORISED static float dot(const float *h, const float *x, size_t n)
{
    emg_octet s = {0.0F};

    for (size_t i = 0; i < n; i += LANES)
        s += *emg_octets(h + i) * *emg_octets(x + i);
    return sum(&s);
}

EMG_VECTORISED static void copy_finite(float *restrict to, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = fabsf(x[i]) <= FLT_MAX ? x[i] : 0.0F;
}

static size_t capacity(const struct emg_decimator *q)
{
    return q->padded - 1 + 2 * CHUNK;
}

static void append(struct emg_decimator *q, const float *x, size_t n)
{
    copy_finite(q->history + q->fill, x, n);
    q->fill += n;
}

/* Writes the outputs whose newest samples are there; returns their number. */
static size_t filter(struct emg_decimator *q, float *y)
{
    size_t made = 0;

    for (; q->next + (AT_ONCE - 1) * q->factor < q->fill; q->next += AT_ONCE * q->factor, made += AT_ONCE)
        dots(q->coefficients, q->history + q->next - (q->padded - 1), q->factor, q->padded, y + made);
    for (; q->next < q->fill; q->next += q->factor)
        y[made++] = dot(q->coefficients, q->history + q->next - (q->padded - 1), q->padded);
    return made;
}

/* Moves the samples that later outputs may need to the front. */
static void make_room(struct emg_decimator *q)
{
    size_t keep = q->padded - 1;
    size_t done = q->fill - keep;

    memmove(q->history, q->history + done, keep * sizeof q->history[0]);
    q->fill = keep;
    q->next -= done;
}

size_t emg_decimator_execute(struct emg_decimator *q, const float *x, float *y, size_t n)
{
    size_t made = 0;

    while (n > 0) {
        const size_t take = n < CHUNK ? n : CHUNK;
        if (q->fill + take > capacity(q))
            make_room(q);
        append(q, x, take);
        x += take;
        n -= take;
        made += filter(q, y + made);
    }
    return made;
}

double emg_decimator_delay_s(const struct emg_decimator *q)
{
    size_t half = q->taps / 2;
    return (double)half / q->rate_hz;
}

double emg_decimator_response(const struct emg_decimator *q, double frequency_hz)
{
    size_t half = q->taps / 2;
    const float *centre = q->coefficients + (q->padded - q->taps) + half;
    double step = 2.0 * PI * frequency_hz / q->rate_hz;
    double sum = (double)centre[0];

    for (size_t k = 1; k <= half; k++)
        sum += 2.0 * (double)centre[k] * cos(step * (double)k);
    return fabs(sum);
}

void emg_decimator_reset(struct emg_decimator *q)
{
    memset(q->history, 0, capacity(q) * sizeof q->history[0]);
    q->fill = q->padded - 1;
    q->next = q->padded - 1;
}

void emg_decimator_destroy(struct emg_decimator *q)
{
    free(q);
}
