#include "dsp/rails.h"

#include "dsp/simd.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* The converter's extreme codes and the rounding of its driver lie within this share of full scale. */
static const double RAIL_SHARE = 0.999;

static const double CLIP_S = 1e-4;
static const double FLAT_S = 0.1;

/* An open input between the rails. */
static const double PART_S = 0.0625;
enum { PARTS = 4, SWINGS = 4 };
static const float EXTREME = 0.02F; /* of half the range, from either end of it */
static const double WIDE = 0.1;     /* of full scale */

/* Clipping by runs, flat line and rails: the flag is up while n has not passed this; 0: never raised. */
struct until {
    uint64_t clip, flat, rails;
};

struct extremes {
    float low, high;
    float magnitudes; /* their sum */
};

struct emg_rails {
    float rail_uv, wide_uv;
    uint64_t clip_samples; /* shortest run on one rail */
    uint64_t flat_changes; /* shortest sequence of equal neighbours */
    uint64_t hold_samples;
    size_t part_samples;

    uint64_t n; /* samples taken */
    float last;
    int rail; /* of the last sample: -1, 0 or 1 */
    uint64_t rail_run, equal_run;
    struct until until;
    float *recent;                   /* [PARTS * part_samples] the newest samples, a ring */
    size_t at;                       /* of the oldest */
    struct extremes extremes[PARTS]; /* of each part of it */
};

/* Samples in `seconds`, bounded so that counters cannot overflow. */
static uint64_t samples(double seconds, double rate_hz)
{
    /* 0.1 s at 1000 Hz must be 100 samples, whatever the product's last bit says. */
    return (uint64_t)ceil(fmin(seconds * rate_hz * (1.0 - 1e-12), 0x1p60));
}

enum emg_error emg_rails_create(struct emg_rails **out, double rate_hz, double full_scale_uv, double hold_s)
{
    *out = NULL;
    struct emg_rails *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    const uint64_t clip_samples = samples(CLIP_S, rate_hz);
    q->rail_uv = (float)(RAIL_SHARE * full_scale_uv);
    q->wide_uv = (float)(WIDE * full_scale_uv);
    q->clip_samples = clip_samples > 2 ? clip_samples : 2;
    q->flat_changes = samples(FLAT_S, rate_hz);
    q->hold_samples = samples(hold_s, rate_hz);
    q->part_samples = (size_t)samples(PART_S, rate_hz);
    q->recent = calloc(PARTS * q->part_samples, sizeof *q->recent);
    if (q->recent == NULL) {
        free(q);
        return EMG_ERROR_MEMORY;
    }
    emg_rails_reset(q);
    *out = q;
    return EMG_OK;
}

/* Whether the newest PARTS parts swing between two rails. */
static bool is_on_rails(const struct emg_rails *q)
{
    const size_t n = PARTS * q->part_samples;
    float low = q->extremes[0].low, high = q->extremes[0].high, magnitudes = q->extremes[0].magnitudes;

    for (size_t i = 1; i < PARTS; i++) {
        low = fminf(low, q->extremes[i].low);
        high = fmaxf(high, q->extremes[i].high);
        magnitudes += q->extremes[i].magnitudes;
    }
    const float half = 0.5F * high - 0.5F * low;
    if (!(half >= q->wide_uv))
        return false;

    const float top = high - EXTREME * half, bottom = low + EXTREME * half;
    /* Of half the samples at the rails the magnitudes about the middle add up to more than this. */
    const double middle = 0.5 * ((double)high + (double)low);
    const double least = 0.99 * (1.0 - (double)EXTREME) * (double)half * 0.5 * (double)n;
    if ((double)magnitudes + (double)n * fabs(middle) < least)
        return false;

    size_t extreme = 0, swings = 0;
    int side = 0;
    for (size_t i = 0; i < n; i++) {
        const float x = q->recent[(q->at + i) % n];
        const int now = x >= top ? 1 : (x <= bottom ? -1 : 0);
        if (now == 0)
            continue;
        extreme++;
        swings += side == -now ? 1 : 0;
        side = now;
    }
    return 2 * extreme >= n && swings >= SWINGS;
}

/* Copies n samples, 0 in place of what is not finite, and takes them into the extremes, eight at a time and
 * the rest one by one. Returns whether all are finite, below the rails and different from the one before
 * them.
 */
EMG_VECTORISED static bool copy_calm(float *to, const float *x, size_t n, float last, float rail_uv,
                                     struct extremes *extremes)
{
    const emg_octet largest = FLT_MAX - (emg_octet){0.0F}, rail = rail_uv - (emg_octet){0.0F};
    emg_octet low = extremes->low - (emg_octet){0.0F}, high = extremes->high - (emg_octet){0.0F};
    emg_octet sum = {0.0F};
    emg_octet_mask disturbed = {0};
    bool is_disturbed = n > 0 && x[0] == last;
    size_t i = 0;

    for (; i + EMG_OCTET < n; i += EMG_OCTET) { /* and the sample behind them */
        const emg_octet_mask bits = (emg_octet_mask)*emg_octets(x + i), unsigned_bits = bits & INT32_MAX;
        const emg_octet magnitude = (emg_octet)unsigned_bits;
        const emg_octet_mask finite = magnitude <= largest, kept = bits & finite;
        const emg_octet now = (emg_octet)kept;
        const emg_octet_mask lower = now<low, higher = now> high;
        *(emg_octet *)(void *)(to + i) = now;
        low = (emg_octet)((kept & lower) | ((emg_octet_mask)low & ~lower));
        high = (emg_octet)((kept & higher) | ((emg_octet_mask)high & ~higher));
        sum += (emg_octet)(unsigned_bits & finite);
        disturbed |= ~(magnitude < rail) | (*emg_octets(x + i + 1) == *emg_octets(x + i));
    }
    for (size_t k = 0; k < EMG_OCTET; k++) {
        extremes->low = low[k] < extremes->low ? low[k] : extremes->low;
        extremes->high = high[k] > extremes->high ? high[k] : extremes->high;
        extremes->magnitudes += sum[k];
        is_disturbed |= disturbed[k] != 0;
    }
    for (; i < n; i++) {
        to[i] = fabsf(x[i]) <= FLT_MAX ? x[i] : 0.0F;
        extremes->low = to[i] < extremes->low ? to[i] : extremes->low;
        extremes->high = to[i] > extremes->high ? to[i] : extremes->high;
        extremes->magnitudes += fabsf(to[i]);
        is_disturbed |= !(fabsf(x[i]) < rail_uv) || (i + 1 < n && x[i + 1] == x[i]);
    }
    return !is_disturbed;
}

static void follow_runs(struct emg_rails *q, float x)
{
    const int rail = x >= q->rail_uv ? 1 : (x <= -q->rail_uv ? -1 : 0);

    q->n++;
    q->rail_run = rail == 0 ? 0 : (rail == q->rail ? q->rail_run + 1 : 1);
    q->rail = rail;
    if (q->rail_run >= q->clip_samples || !isfinite(x))
        q->until.clip = q->n + q->hold_samples;

    q->equal_run = x == q->last ? q->equal_run + 1 : 0;
    q->last = x;
    if (q->equal_run >= q->flat_changes)
        q->until.flat = q->n + q->hold_samples;
}

/* As follow_runs for each of n samples none of which is on a rail or equal to the one before it. */
static void end_runs(struct emg_rails *q, const float *x, size_t n)
{
    q->n += n;
    q->rail = 0;
    q->rail_run = 0;
    q->equal_run = 0;
    q->last = x[n - 1];
}

static void end_part(struct emg_rails *q)
{
    if (q->at == PARTS * q->part_samples)
        q->at = 0;
    if (q->n >= PARTS * q->part_samples && is_on_rails(q))
        q->until.rails = q->n + q->hold_samples;
}

void emg_rails_execute(struct emg_rails *q, const float *x, size_t n)
{
    while (n > 0) {
        const size_t left = q->part_samples - q->at % q->part_samples;
        const size_t take = n < left ? n : left;
        struct extremes *extremes = &q->extremes[q->at / q->part_samples];
        if (q->at % q->part_samples == 0)
            *extremes = (struct extremes){INFINITY, -INFINITY, 0.0F};
        if (copy_calm(q->recent + q->at, x, take, q->last, q->rail_uv, extremes))
            end_runs(q, x, take);
        else
            for (size_t i = 0; i < take; i++)
                follow_runs(q, x[i]);
        q->at += take;
        if (q->at % q->part_samples == 0)
            end_part(q);
        x += take;
        n -= take;
    }
}

static bool is_up(const struct emg_rails *q, uint64_t until)
{
    return until > 0 && q->n <= until;
}

bool emg_rails_clipping(const struct emg_rails *q)
{
    return is_up(q, q->until.clip);
}

bool emg_rails_flat(const struct emg_rails *q)
{
    return is_up(q, q->until.flat);
}

bool emg_rails_open(const struct emg_rails *q)
{
    return is_up(q, q->until.rails);
}

void emg_rails_reset(struct emg_rails *q)
{
    q->n = 0;
    q->last = NAN; /* equal to nothing */
    q->rail = 0;
    q->rail_run = 0;
    q->equal_run = 0;
    q->until = (struct until){0};
    q->at = 0;
}

void emg_rails_destroy(struct emg_rails *q)
{
    if (q == NULL)
        return;
    free(q->recent);
    free(q);
}
