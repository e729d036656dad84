#include "dsp/fir.h"

#include "dsp/samples.h"
#include "dsp/simd.h"

#include <stdlib.h>
#include <string.h>

enum {
    LANES = EMG_OCTET, /* independent partial sums: they vectorise, and fix the order of summation */
    AT_ONCE = 4,       /* outputs */
};

static const size_t CHUNK = 2048; /* most input samples that are filtered at once */

/* `padded` is the number of taps rounded up to whole lanes; the padding coefficients are zero and meet the
 * oldest samples. The history is the padded - 1 samples that are still needed, and room for two chunks. */
struct emg_fir {
    size_t factor, padded;
    size_t fill; /* samples in the history */
    size_t next; /* where in the history, or how far beyond it, the next output's newest sample belongs */
    float *h;
    float *history;
    float storage[];
};

static size_t capacity(const struct emg_fir *q)
{
    return q->padded - 1 + 2 * CHUNK;
}

enum emg_error emg_fir_create(struct emg_fir **out, const float *h, size_t taps, size_t factor)
{
    *out = NULL;
    const size_t padded = (taps + LANES - 1) / LANES * LANES;
    struct emg_fir *q = calloc(1, sizeof *q + (2 * padded - 1 + 2 * CHUNK) * sizeof q->storage[0]);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->factor = factor;
    q->padded = padded;
    q->h = q->storage;
    q->history = q->storage + padded;
    memcpy(q->h + (padded - taps), h, taps * sizeof h[0]);
    emg_fir_reset(q);
    *out = q;
    return EMG_OK;
}

static inline float sum(const emg_octet *s)
{
    return (((*s)[0] + (*s)[4]) + ((*s)[2] + (*s)[6])) + (((*s)[1] + (*s)[5]) + ((*s)[3] + (*s)[7]));
}

typedef float floats __attribute__((vector_size(AT_ONCE * sizeof(float)), aligned(4), may_alias));

#define HALVES(s) ((floats){(s)[0], (s)[1], (s)[2], (s)[3]} + (floats){(s)[4], (s)[5], (s)[6], (s)[7]})

/* Writes the sums of products of h [n] with `groups` times AT_ONCE stretches of x that begin `step` apart; n
 * is a multiple of LANES. Alone, each addition would wait for the one before it. */
EMG_VECTORISED static void dots(const float *h, const float *x, size_t step, size_t n, float *y,
                                size_t groups)
{

    for (; groups > 0; groups--, x += AT_ONCE * step, y += AT_ONCE) {
        emg_octet s0 = {0.0F}, s1 = {0.0F}, s2 = {0.0F}, s3 = {0.0F};
        for (size_t i = 0; i < n; i += LANES) {
            const emg_octet c = *emg_octets(h + i);
            s0 += c * *emg_octets(x + i);
            s1 += c * *emg_octets(x + step + i);
            s2 += c * *emg_octets(x + 2 * step + i);
            s3 += c * *emg_octets(x + 3 * step + i);
        }
        /* As `sum` of each. */
        const floats q0 = HALVES(s0), q1 = HALVES(s1), q2 = HALVES(s2), q3 = HALVES(s3);
        const floats ab = __builtin_shufflevector(q0, q1, 0, 4, 1, 5),
                     cd = __builtin_shufflevector(q2, q3, 0, 4, 1, 5);
        const floats ab2 = __builtin_shufflevector(q0, q1, 2, 6, 3, 7),
                     cd2 = __builtin_shufflevector(q2, q3, 2, 6, 3, 7);
        const floats first =
            __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
        const floats second =
            __builtin_shufflevector(ab, cd, 2, 3, 6, 7) + __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
        *(floats *)(void *)y = first + second;
    }
}

EMG_VECTORISED static float dot(const float *h, const float *x, size_t n)
{
    emg_octet s = {0.0F};

    for (size_t i = 0; i < n; i += LANES)
        s += *emg_octets(h + i) * *emg_octets(x + i);
    return sum(&s);
}

static void append(struct emg_fir *q, const float *x, size_t n)
{
    emg_copy_finite(q->history + q->fill, x, n);
    q->fill += n;
}

/* Writes the outputs whose newest samples are there; returns their number. */
static size_t filter(struct emg_fir *q, float *y)
{
    const size_t outputs = q->next < q->fill ? (q->fill - q->next - 1) / q->factor + 1 : 0;
    size_t made = outputs - outputs % AT_ONCE;

    dots(q->h, q->history + q->next - (q->padded - 1), q->factor, q->padded, y, outputs / AT_ONCE);
    q->next += made * q->factor;
    for (; q->next < q->fill; q->next += q->factor)
        y[made++] = dot(q->h, q->history + q->next - (q->padded - 1), q->padded);
    return made;
}

/* Moves the samples that later outputs may need to the front. */
static void make_room(struct emg_fir *q)
{
    size_t keep = q->padded - 1;
    size_t done = q->fill - keep;

    memmove(q->history, q->history + done, keep * sizeof q->history[0]);
    q->fill = keep;
    q->next -= done;
}

size_t emg_fir_execute(struct emg_fir *q, const float *x, float *y, size_t n)
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

void emg_fir_reset(struct emg_fir *q)
{
    memset(q->history, 0, capacity(q) * sizeof q->history[0]);
    q->fill = q->padded - 1;
    q->next = q->padded - 1;
}

void emg_fir_destroy(struct emg_fir *q)
{
    free(q);
}
