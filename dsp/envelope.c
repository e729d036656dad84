#include "dsp/envelope.h"

#include "dsp/samples.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

/* Bounds the memory that one channel may take: 64 MiB. */
static const double WINDOW_MAX = 16777216.0;

struct emg_envelope {
    double b0, a1, a2; /* b1 = 2 b0, b2 = b0 */
    double s1, s2;
    size_t window; /* samples */
    size_t filled; /* samples in the window since reset, at most `window` */
    size_t next;   /* where the next sample goes */
    float newest[];
};

static double window_samples(const struct emg_envelope_config *c)
{
    return fmax(1.0, round(c->rms_s * c->rate_hz));
}

static bool is_valid(const struct emg_envelope_config *c)
{
    if (!isfinite(c->rate_hz) || !(c->rate_hz > 0.0))
        return false;
    if (!(c->rms_s > 0.0) || !(window_samples(c) <= WINDOW_MAX))
        return false;
    return c->lowpass_hz > 0.0 && c->lowpass_hz < c->rate_hz / 2.0;
}

/* Bilinear transform with pre-warping, Q = 1 / sqrt(2). */
static void design_lowpass(struct emg_envelope *q, double edge_hz, double rate_hz)
{
    double k = tan(PI * edge_hz / rate_hz);
    double norm = 1.0 / (1.0 + k * sqrt(2.0) + k * k);

    q->b0 = k * k * norm;
    q->a1 = 2.0 * (k * k - 1.0) * norm;
    q->a2 = (1.0 - k * sqrt(2.0) + k * k) * norm;
}

enum emg_error emg_envelope_create(struct emg_envelope **out, const struct emg_envelope_config *config)
{
    *out = NULL;
    if (!is_valid(config))
        return EMG_ERROR_ARGUMENT;

    size_t window = (size_t)window_samples(config);
    struct emg_envelope *q = calloc(1, sizeof *q + window * sizeof q->newest[0]);
    if (q == NULL)
        return EMG_ERROR_MEMORY;

    q->window = window;
    design_lowpass(q, config->lowpass_hz, config->rate_hz);
    *out = q;
    return EMG_OK;
}

/* The low-pass rings below zero after a burst; an amplitude does not. */
static void smooth(struct emg_envelope *q, const float *x, float *y, size_t n)
{
    const double b0 = q->b0, a1 = q->a1, a2 = q->a2;
    double s1 = q->s1, s2 = q->s2;

    for (size_t i = 0; i < n; i++) {
        const double in = b0 * fabs((double)x[i]), out = in + s1;
        s1 = 2.0 * in - a1 * out + s2;
        s2 = in - a2 * out;
        y[i] = out > 0.0 ? (float)out : 0.0F;
    }
    q->s1 = s1;
    q->s2 = s2;
}

void emg_envelope_execute(struct emg_envelope *q, const float *x, float *y, size_t n)
{
    for (size_t done = 0; done < n;) {
        const size_t room = q->window - q->next, some = n - done < room ? n - done : room;
        float *newest = q->newest + q->next;
        emg_copy_finite(newest, x + done, some);
        smooth(q, newest, y + done, some);
        q->next = some < room ? q->next + some : 0;
        q->filled = q->filled + some < q->window ? q->filled + some : q->window;
        done += some;
    }
}

double emg_envelope_rms_uv(const struct emg_envelope *q)
{
    if (q->filled < q->window)
        return NAN;
    return sqrt(emg_sum_of_squares(q->newest, q->window) / (double)q->window);
}

void emg_envelope_reset(struct emg_envelope *q)
{
    q->s1 = 0.0;
    q->s2 = 0.0;
    q->filled = 0;
    q->next = 0;
}

void emg_envelope_destroy(struct emg_envelope *q)
{
    free(q);
}
