#include "dsp/comparison.h"

#include "dsp/simd.h"

#include <math.h>
#include <stdlib.h>

/* A side nearer to its noise than this ratio (6 dB) says more about the noise than about the muscle. */
static const double NOISE_RATIO = 2.0;

#define WINDOW_MAX ((double)(1 << 20))

/* A window of squares of this size still adds up to a finite float. */
static const float SAMPLE_LIMIT = 1e15F;

double emg_symmetry_percent(double left, double right, double left_noise, double right_noise)
{
    if (!(left > 0.0) || !(right > 0.0) || !isfinite(left + right))
        return NAN;
    if (!(left >= NOISE_RATIO * left_noise) || !(right >= NOISE_RATIO * right_noise))
        return NAN;
    return 100.0 * (left - right) / (0.5 * (left + right));
}

double emg_share_percent(double soleus, double gastrocnemius)
{
    const double sum = soleus + gastrocnemius;
    if (!(soleus >= 0.0) || !(gastrocnemius >= 0.0) || !(sum > 0.0) || !isfinite(sum))
        return NAN;
    return 100.0 * soleus / sum;
}

double emg_coactivation_percent(const float *agonist, const float *antagonist, size_t n)
{
    double common = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double x = agonist[i], y = antagonist[i];
        if (!(x >= 0.0) || !(y >= 0.0))
            return NAN;
        common += x < y ? x : y;
        sum += x + y;
    }
    if (!(sum > 0.0) || !isfinite(sum))
        return NAN;
    return 100.0 * 2.0 * common / sum;
}

enum { AT_ONCE = 4 }; /* lags */

struct emg_crosstalk {
    double rate_hz;
    size_t n, max_lag; /* samples */
    float *a, *b; /* [2 n, and some that are 0] rings written twice, n apart: the window is n samples from
                     `at` on */
    size_t at, filled;
    double *before, *after; /* [max_lag + AT_ONCE] sums of products, a earlier than b and later, by lag */
};

enum emg_error emg_crosstalk_create(struct emg_crosstalk **out, const struct emg_crosstalk_config *config)
{
    *out = NULL;
    const double n = round(config->window_s * config->rate_hz);
    const double max_lag = round(config->max_lag_s * config->rate_hz);
    if (!(config->rate_hz > 0.0) || !(n >= 2.0 && n <= WINDOW_MAX) || !(config->max_lag_s >= 0.0) ||
        !(max_lag < n / 2.0))
        return EMG_ERROR_ARGUMENT;
    struct emg_crosstalk *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;
    q->rate_hz = config->rate_hz;
    q->n = (size_t)n;
    q->max_lag = (size_t)max_lag;
    q->a = calloc(2 * q->n + AT_ONCE, sizeof q->a[0]);
    q->b = calloc(2 * q->n + AT_ONCE, sizeof q->b[0]);
    q->before = calloc(q->max_lag + AT_ONCE, sizeof q->before[0]);
    q->after = calloc(q->max_lag + AT_ONCE, sizeof q->after[0]);
    if (!q->a || !q->b || !q->before || !q->after) {
        emg_crosstalk_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    *out = q;
    return EMG_OK;
}

static float usable(float x)
{
    return fabsf(x) <= SAMPLE_LIMIT ? x : 0.0F; /* NaN compares false */
}

void emg_crosstalk_execute(struct emg_crosstalk *q, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        q->a[q->at] = q->a[q->at + q->n] = usable(a[i]);
        q->b[q->at] = q->b[q->at + q->n] = usable(b[i]);
        q->at = q->at + 1 < q->n ? q->at + 1 : 0;
        q->filled += q->filled < q->n;
    }
}

/* Sums of products of y [n] with x, x + 1, ... x + AT_ONCE - 1. The partial sums fix the order of addition,
 * so that several go on at a time, and keep rounding small. */
EMG_VECTORISED static void dots(const float *x, const float *y, size_t n, double sums[AT_ONCE])
{
    emg_octet s0 = {0.0F}, s1 = {0.0F}, s2 = {0.0F}, s3 = {0.0F};
    size_t i = 0;
    for (; i + EMG_OCTET <= n; i += EMG_OCTET) {
        const emg_octet now = *emg_octets(y + i);
        s0 += now * *emg_octets(x + i);
        s1 += now * *emg_octets(x + i + 1);
        s2 += now * *emg_octets(x + i + 2);
        s3 += now * *emg_octets(x + i + 3);
    }
    const emg_octet parts[AT_ONCE] = {s0, s1, s2, s3};
    for (size_t k = 0; k < AT_ONCE; k++) {
        sums[k] = 0.0;
        for (size_t j = i; j < n; j++)
            sums[k] += (double)x[j + k] * (double)y[j];
        for (size_t lane = 0; lane < EMG_OCTET; lane++)
            sums[k] += (double)parts[k][lane];
    }
}

/* Sums of products of the window of y [n] with that of x [n] that much earlier, for lags from 0 on. */
static void correlate(const float *x, const float *y, size_t n, size_t max_lag, double *sums)
{
    for (size_t lag = 0; lag <= max_lag; lag += AT_ONCE) {
        const size_t common = n > lag + AT_ONCE - 1 ? n - lag - (AT_ONCE - 1) : 0;
        dots(x + lag, y, common, sums + lag);
        for (size_t k = 0; k < AT_ONCE && lag + k <= max_lag; k++)
            for (size_t i = common; i < n - lag - k; i++)
                sums[lag + k] += (double)x[lag + k + i] * (double)y[i];
    }
}

static double energy(const float *x, size_t n)
{
    double sums[AT_ONCE];
    dots(x, x, n, sums);
    return sums[0];
}

static double square(float x)
{
    return (double)x * (double)x;
}

/* Rounding may take a perfect correlation just beyond 1. */
static double normalised(double product, double energy_x, double energy_y)
{
    const double scale = sqrt(energy_x) * sqrt(energy_y);
    return scale > 0.0 ? fmin(fmax(product / scale, -1.0), 1.0) : 0.0;
}

double emg_crosstalk_peak(const struct emg_crosstalk *q, double *lag_s)
{
    *lag_s = NAN;
    if (q->filled < q->n)
        return NAN;
    const float *a = q->a + q->at, *b = q->b + q->at;
    const size_t overlap = q->n - q->max_lag;
    /* Energies without the last and without the first `lag` samples. From the largest lag inwards they only
     * grow: nothing is lost by subtraction. */
    double a_head = energy(a, overlap), a_tail = energy(a + q->max_lag, overlap);
    double b_head = energy(b, overlap), b_tail = energy(b + q->max_lag, overlap);
    double best = 0.0;
    int best_lag = 0;
    correlate(a, b, q->n, q->max_lag, q->before);
    correlate(b, a, q->n, q->max_lag, q->after);
    for (size_t lag = q->max_lag;; lag--) {
        const double before = normalised(q->before[lag], a_tail, b_head);
        const double after = normalised(q->after[lag], a_head, b_tail);
        if (fabs(before) >= fabs(best)) {
            best = before;
            best_lag = -(int)lag;
        }
        if (fabs(after) >= fabs(best)) {
            best = after;
            best_lag = (int)lag;
        }
        if (lag == 0)
            break;
        a_head += square(a[q->n - lag]);
        b_head += square(b[q->n - lag]);
        a_tail += square(a[lag - 1]);
        b_tail += square(b[lag - 1]);
    }
    if (!(a_head > 0.0) || !(b_head > 0.0))
        return NAN;
    *lag_s = best_lag / q->rate_hz;
    return best;
}

void emg_crosstalk_interrupt(struct emg_crosstalk *q)
{
    q->filled = 0;
}

void emg_crosstalk_destroy(struct emg_crosstalk *q)
{
    if (q == NULL)
        return;
    free(q->after);
    free(q->before);
    free(q->b);
    free(q->a);
    free(q);
}
