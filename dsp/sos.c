#include "dsp/sos.h"

#include "dsp/simd.h"

#include <assert.h>
#include <complex.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    ORDER_MAX = 8,
    SECTIONS_MAX = 2 * (ORDER_MAX / 2),
    CHUNK = 256,
};

static const double PI = 3.14159265358979323846;

enum edge {
    HIGHPASS,
    LOWPASS,
};

/* A first-order section has b2 = a2 = 0. */
struct section {
    double b0, b1, b2, a1, a2;
};

/* Transposed direct form II: s1, s2 are the two delays. */
struct emg_sos {
    double rate_hz;
    size_t n_sections;
    struct section sections[SECTIONS_MAX];
    double s1[SECTIONS_MAX], s2[SECTIONS_MAX];
};

static bool is_edge(double edge_hz, double rate_hz)
{
    return edge_hz == 0.0 || (edge_hz > 0.0 && edge_hz < rate_hz / 2.0);
}

static bool is_valid(const struct emg_sos_config *c)
{
    if (!isfinite(c->rate_hz) || !(c->rate_hz > 0.0))
        return false;
    if (!is_edge(c->highpass_hz, c->rate_hz) || !is_edge(c->lowpass_hz, c->rate_hz))
        return false;
    if (c->lowpass_hz > 0.0 && !(c->lowpass_hz > c->highpass_hz))
        return false;
    return c->order >= 1 && c->order <= ORDER_MAX;
}

/* k is the pre-warped edge tan(pi f / rate). The numerators are k (1 + 1/z) for the low-pass and (1 - 1/z)
 * for the high-pass, once per order, so the gain is exactly 1 at 0 Hz and at rate/2 respectively. */
static struct section first_order(enum edge edge, double k)
{
    double b = (edge == LOWPASS ? k : 1.0) / (1.0 + k);
    return (struct section){
        .b0 = b,
        .b1 = edge == LOWPASS ? b : -b,
        .a1 = (k - 1.0) / (k + 1.0),
    };
}

static struct section second_order(enum edge edge, double k, double damping)
{
    double norm = 1.0 / (1.0 + k * damping + k * k);
    double b = edge == LOWPASS ? k * k * norm : norm;
    return (struct section){
        .b0 = b,
        .b1 = edge == LOWPASS ? 2.0 * b : -2.0 * b,
        .b2 = b,
        .a1 = 2.0 * (k * k - 1.0) * norm,
        .a2 = (1.0 - k * damping + k * k) * norm,
    };
}

/* The analogue poles lie on a circle: pair i has the damping 1/Q = 2 sin(pi (2i + 1) / (2 order)), and an odd
 * order adds one real pole. */
static void add_edge(struct emg_sos *q, enum edge edge, double edge_hz, unsigned order)
{
    double k = tan(PI * edge_hz / q->rate_hz);

    if (order % 2 != 0)
        q->sections[q->n_sections++] = first_order(edge, k);
    for (unsigned i = 0; i < order / 2; i++) {
        double damping = 2.0 * sin(PI * (2.0 * i + 1.0) / (2.0 * order));
        q->sections[q->n_sections++] = second_order(edge, k, damping);
    }
}

enum emg_error emg_sos_create(struct emg_sos **out, const struct emg_sos_config *config)
{
    *out = NULL;
    if (!is_valid(config))
        return EMG_ERROR_ARGUMENT;

    struct emg_sos *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;

    q->rate_hz = config->rate_hz;
    if (config->highpass_hz > 0.0)
        add_edge(q, HIGHPASS, config->highpass_hz, config->order);
    if (config->lowpass_hz > 0.0)
        add_edge(q, LOWPASS, config->lowpass_hz, config->order);
    *out = q;
    return EMG_OK;
}

/* Filters in the lanes of vectors: coefficients, alike in all lanes, and states. */
struct lanes {
    emg_quad b0[SECTIONS_MAX], b1[SECTIONS_MAX], b2[SECTIONS_MAX], a1[SECTIONS_MAX], a2[SECTIONS_MAX];
    emg_quad s1[SECTIONS_MAX], s2[SECTIONS_MAX];
};

typedef float floats __attribute__((vector_size(EMG_QUAD * sizeof(float))));

/* Inlined for the usual numbers of sections, so that their states stay in registers. What is not finite is
 * not itself less itself. */
static inline __attribute__((always_inline)) void filter_lanes(struct lanes *f, size_t n_sections,
                                                               const float *const x[EMG_QUAD],
                                                               float *const y[EMG_QUAD], size_t n)
{
    const emg_quad largest = {DBL_MAX, DBL_MAX, DBL_MAX, DBL_MAX};
    emg_quad s1[SECTIONS_MAX], s2[SECTIONS_MAX];

    for (size_t k = 0; k < n_sections; k++) {
        s1[k] = f->s1[k];
        s2[k] = f->s2[k];
    }
    for (size_t i = 0; i < n; i++) {
        const floats in = {x[0][i], x[1][i], x[2][i], x[3][i]};
        emg_quad v = __builtin_convertvector(in, emg_quad);
        const emg_quad magnitude = (emg_quad)((emg_quad_mask)v & INT64_MAX);
        v = (emg_quad)((emg_quad_mask)v & (magnitude <= largest));
        for (size_t k = 0; k < n_sections; k++) {
            const emg_quad u = v;
            v = f->b0[k] * u + s1[k];
            s1[k] = f->b1[k] * u - f->a1[k] * v + s2[k];
            s2[k] = f->b2[k] * u - f->a2[k] * v;
        }
        const floats out = __builtin_convertvector(v, floats);
        for (size_t lane = 0; lane < EMG_QUAD; lane++)
            y[lane][i] = out[lane];
    }
    for (size_t k = 0; k < n_sections; k++) {
        f->s1[k] = s1[k];
        f->s2[k] = s2[k];
    }
}

/* A filter in each lane: alone, one would take as long, since every sample waits for the one before it. */
EMG_VECTORISED static void execute_quad(struct emg_sos *const q[EMG_QUAD], const float *const x[EMG_QUAD],
                                        float *const y[EMG_QUAD], size_t n)
{
    struct lanes f;
    const size_t n_sections = q[0]->n_sections;
    const emg_quad zero = {0.0};

    for (size_t k = 0; k < n_sections; k++) {
        const struct section *s = &q[0]->sections[k];
        f.b0[k] = zero + s->b0;
        f.b1[k] = zero + s->b1;
        f.b2[k] = zero + s->b2;
        f.a1[k] = zero + s->a1;
        f.a2[k] = zero + s->a2;
        f.s1[k] = (emg_quad){q[0]->s1[k], q[1]->s1[k], q[2]->s1[k], q[3]->s1[k]};
        f.s2[k] = (emg_quad){q[0]->s2[k], q[1]->s2[k], q[2]->s2[k], q[3]->s2[k]};
    }
    if (n_sections == 4)
        filter_lanes(&f, 4, x, y, n);
    else if (n_sections == 2)
        filter_lanes(&f, 2, x, y, n);
    else
        filter_lanes(&f, n_sections, x, y, n);
    for (size_t lane = 0; lane < EMG_QUAD; lane++)
        for (size_t k = 0; k < n_sections; k++) {
            q[lane]->s1[k] = f.s1[k][lane];
            q[lane]->s2[k] = f.s2[k][lane];
        }
}

void emg_sos_execute_together(struct emg_sos *const *q, size_t n_filters, const float *const *x,
                              float *const *y, size_t n)
{
    float nowhere[CHUNK] = {0.0F};
    static const float nothing[CHUNK];

    assert(n_filters >= 1 && n_filters <= EMG_SOS_TOGETHER);
    for (size_t done = 0; done < n; done += CHUNK) {
        struct emg_sos idle[EMG_QUAD], *filters[EMG_QUAD];
        const float *from[EMG_QUAD];
        float *to[EMG_QUAD];
        for (size_t lane = 0; lane < EMG_QUAD; lane++) {
            const bool used = lane < n_filters;
            filters[lane] = used ? q[lane] : &idle[lane];
            from[lane] = used ? x[lane] + done : nothing;
            to[lane] = used ? y[lane] + done : nowhere;
            if (!used)
                emg_sos_reset(&idle[lane]);
        }
        execute_quad(filters, from, to, n - done < CHUNK ? n - done : CHUNK);
    }
}

void emg_sos_execute(struct emg_sos *q, const float *x, float *y, size_t n)
{
    emg_sos_execute_together(&q, 1, &x, &y, n);
}

double emg_sos_response(const struct emg_sos *q, double frequency_hz)
{
    double complex z1 = cexp(-I * (2.0 * PI * frequency_hz / q->rate_hz));
    double gain = 1.0;

    for (size_t k = 0; k < q->n_sections; k++) {
        const struct section *s = &q->sections[k];
        gain *= cabs((s->b0 + z1 * (s->b1 + z1 * s->b2)) / (1.0 + z1 * (s->a1 + z1 * s->a2)));
    }
    return gain;
}

void emg_sos_reset(struct emg_sos *q)
{
    memset(q->s1, 0, sizeof q->s1);
    memset(q->s2, 0, sizeof q->s2);
}

void emg_sos_destroy(struct emg_sos *q)
{
    free(q);
}
