#include "dsp/quality.h"

#include "dsp/simd.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The converter's extreme codes and the rounding of its driver lie within this share of full scale. */
static const double RAIL_SHARE = 0.999;

static const double CLIP_S = 1e-4;
static const double FLAT_S = 0.1;

/* An open input between the rails. */
static const double PART_S = 0.0625;
enum { PARTS = 4, SWINGS = 4 };
static const float EXTREME = 0.02F; /* of half the range, from either end of it */
static const double WIDE = 0.1;     /* of full scale */

/* Electrode off. Shares are of power. */
static const double CAME_OFF_SHARE = 0.9, CAME_OFF_S = 0.08; /* three windows of the mains stage in a row */
static const double NEVER_ON_SHARE = 0.8,
                    NEVER_ON_S = 1.0; /* with nothing to compare: averaged, and longer */
static const double STILL_SHARE = 0.75, STILL_LEVEL = 0.7;
static const double UNSEEN_S = 10.0; /* EMG that was seen longer ago says little about now */
static const double EMG_SHARE = 0.8; /* lines that hold less leave room for EMG */
static const double SEEN_S = 0.5;    /* of EMG that must be seen for its level and mains to be known */
static const double BEGIN_S = 0.15;  /* after which EMG is seen: longer than the mains stage's window */
static const double MEAN_S = 1.0;    /* time constant of averages and of memory */
static const double MAINS_S = 10.0;  /* of seen EMG, in which a mains no longer seen is forgotten */
static const double RISE = 2.0;      /* 6 dB */
static const double HIDDEN = 0.15;   /* of the EMG: mains that 4 s of it may hide from the mains stage */
static const double TOLERABLE = 0.1; /* of the EMG: a mains that needs no alarm in a long rest */
static const double LOST = 0.5;      /* of the EMG */
static const double LEAST_UV = 2.0;

static const double HUM_UV = 3.0, HUM_SHARE = 0.25, HUM_S = 1.0;
static const double STILL_HUM_UV = 2.0, STILL_HUM_SHARE = 0.18;
static const double MOTION_UV = 5.0, MOTION_S = 0.1, STILL_MOTION = 0.5;
static const double NOISY_UV = 5.0, STILL_NOISY_UV = 4.0, NOISY_S = 2.0;

/* A flag that rises when its cause has lasted and falls some time after a weaker one has ended. */
struct watch {
    bool raised, caused;
    double lasted_s; /* since the cause began */
    double left_s;   /* until the flag falls */
};

/* Clipping by runs, flat line and rails: the flag is up while n has not passed this; 0: never raised. */
struct until {
    uint64_t clip, flat, rails;
};

struct extremes {
    float low, high;
    float magnitudes; /* their sum */
};

struct emg_quality {
    float rail_uv, wide_uv;
    double hold_s;
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

    double emg_s;             /* EMG without a break */
    double seen_s, unseen_s;  /* EMG seen in all; since then */
    double emg_uv2, mains_uv; /* as seen */
    double still_off_uv;      /* lines above this are still those of an electrode that came off */
    double lines_uv2, between_uv2, averaged_s; /* averages, and the time they cover */
    double band_uv2;                           /* highest of late */
    struct watch came_off, never_on, hum, motion, noisy;
};

/* Samples in `seconds`, bounded so that counters cannot overflow. */
static uint64_t samples(double seconds, double rate_hz)
{
    /* 0.1 s at 1000 Hz must be 100 samples, whatever the product's last bit says. */
    return (uint64_t)ceil(fmin(seconds * rate_hz * (1.0 - 1e-12), 0x1p60));
}

enum emg_error emg_quality_create(struct emg_quality **out, const struct emg_quality_config *config)
{
    *out = NULL;
    if (!(config->rate_hz > 0.0) || !isfinite(config->rate_hz) || !(config->full_scale_uv > 0.0) ||
        !isfinite(config->full_scale_uv) || !(config->hold_s >= 0.0) || !isfinite(config->hold_s))
        return EMG_ERROR_ARGUMENT;
    struct emg_quality *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;

    const uint64_t clip_samples = samples(CLIP_S, config->rate_hz);
    q->rail_uv = (float)(RAIL_SHARE * config->full_scale_uv);
    q->wide_uv = (float)(WIDE * config->full_scale_uv);
    q->hold_s = config->hold_s;
    q->clip_samples = clip_samples > 2 ? clip_samples : 2;
    q->flat_changes = samples(FLAT_S, config->rate_hz);
    q->hold_samples = samples(config->hold_s, config->rate_hz);
    q->part_samples = (size_t)samples(PART_S, config->rate_hz);
    q->recent = calloc(PARTS * q->part_samples, sizeof *q->recent);
    if (!q->recent) {
        free(q);
        return EMG_ERROR_MEMORY;
    }
    emg_quality_reset(q);
    *out = q;
    return EMG_OK;
}

/* Whether the newest PARTS parts swing between two rails. */
static bool is_on_rails(const struct emg_quality *q)
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

static void follow_runs(struct emg_quality *q, float x)
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
static void end_runs(struct emg_quality *q, const float *x, size_t n)
{
    q->n += n;
    q->rail = 0;
    q->rail_run = 0;
    q->equal_run = 0;
    q->last = x[n - 1];
}

static void end_part(struct emg_quality *q)
{
    if (q->at == PARTS * q->part_samples)
        q->at = 0;
    if (q->n >= PARTS * q->part_samples && is_on_rails(q))
        q->until.rails = q->n + q->hold_samples;
}

void emg_quality_execute(struct emg_quality *q, const float *x, size_t n)
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

static void follow(struct watch *w, bool cause, bool still, double after_s, double hold_s, double seconds)
{
    w->lasted_s = cause && w->caused ? w->lasted_s + seconds : 0.0;
    w->caused = cause;
    if (cause && w->lasted_s >= after_s)
        w->raised = true;
    if (cause || still)
        w->left_s = hold_s;
    else if ((w->left_s -= seconds) <= 0.0)
        w->raised = false;
}

/* Weight of the newest value in an average that now covers covered_s; a plain mean at first. */
static double weight_of(double seconds, double covered_s)
{
    return covered_s > 0.0 ? fmin(1.0, seconds / fmin(covered_s, MEAN_S)) : 0.0;
}

static void see_emg(struct emg_quality *q, const struct emg_quality_observation *o)
{
    q->seen_s += o->seconds;
    q->unseen_s = 0.0;
    q->emg_uv2 += (o->between_uv * o->between_uv - q->emg_uv2) * weight_of(o->seconds, q->seen_s);
    /* The newest window may know already that the mains has gone. */
    const double mains_uv = fmin(o->removed_uv, o->lines_uv);
    q->mains_uv = fmax(q->mains_uv * exp(-o->seconds / MAINS_S), mains_uv);
    q->still_off_uv = INFINITY;
}

static bool hold_share(double lines_uv2, double between_uv2, double share)
{
    return lines_uv2 > 0.0 && lines_uv2 >= share * (lines_uv2 + between_uv2);
}

/* EMG was there, and mains has taken its place. */
static void observe_coming_off(struct emg_quality *q, const struct emg_quality_observation *o)
{
    const double lines = o->lines_uv * o->lines_uv, between = o->between_uv * o->between_uv;
    const double emg_uv = sqrt(q->emg_uv2), level_uv = RISE * fmax(q->mains_uv, HIDDEN * emg_uv);
    const bool off = q->seen_s >= SEEN_S && q->unseen_s < UNSEEN_S && o->lines_uv > level_uv &&
                     o->between_uv < LOST * emg_uv && hold_share(lines, between, CAME_OFF_SHARE);
    const bool still = o->lines_uv > q->still_off_uv && hold_share(lines, between, STILL_SHARE);

    if (off)
        q->still_off_uv = STILL_LEVEL * level_uv;
    follow(&q->came_off, off, q->came_off.raised && still, CAME_OFF_S, q->hold_s, o->seconds);
}

/* There is nothing but mains. */
static void observe_never_on(struct emg_quality *q, double seconds)
{
    const double emg_uv = sqrt(q->emg_uv2), lines_uv = sqrt(q->lines_uv2);
    const double level_uv = fmax(LEAST_UV, fmax(RISE * q->mains_uv, TOLERABLE * emg_uv));
    const bool is_lost = !(emg_uv > 0.0) || sqrt(q->between_uv2) < LOST * emg_uv;
    const bool unseen = q->unseen_s >= UNSEEN_S && q->averaged_s >= NEVER_ON_S && is_lost;
    const bool off =
        unseen && lines_uv > level_uv && hold_share(q->lines_uv2, q->between_uv2, NEVER_ON_SHARE);
    const bool still =
        unseen && lines_uv > STILL_LEVEL * level_uv && hold_share(q->lines_uv2, q->between_uv2, STILL_SHARE);

    follow(&q->never_on, off, q->never_on.raised && still, 0.0, q->hold_s, seconds);
}

static void observe_electrode(struct emg_quality *q, const struct emg_quality_observation *o)
{
    const double lines = o->lines_uv * o->lines_uv, between = o->between_uv * o->between_uv;
    const bool is_emg = o->active && between > 0.0 && !hold_share(lines, between, EMG_SHARE);

    q->unseen_s += o->seconds;
    q->emg_s = is_emg ? q->emg_s + o->seconds : 0.0;
    if (q->emg_s > BEGIN_S)
        see_emg(q, o);
    if (isfinite(lines) && isfinite(between)) {
        q->averaged_s += o->seconds;
        q->lines_uv2 += (lines - q->lines_uv2) * weight_of(o->seconds, q->averaged_s);
        q->between_uv2 += (between - q->between_uv2) * weight_of(o->seconds, q->averaged_s);
    }
    observe_coming_off(q, o);
    observe_never_on(q, o->seconds);
}

static void observe_hum(struct emg_quality *q, const struct emg_quality_observation *o)
{
    const double else_uv = sqrt(q->between_uv2);
    const bool hum = o->removed_uv > HUM_UV && o->removed_uv > HUM_SHARE * else_uv;
    const bool still = o->removed_uv > STILL_HUM_UV && o->removed_uv > STILL_HUM_SHARE * else_uv;

    follow(&q->hum, hum, still, HUM_S, q->hold_s, o->seconds);
}

/* A low filter rings on for a while after a contraction: its band's power is let go as slowly. */
static void observe_motion(struct emg_quality *q, const struct emg_quality_observation *o)
{
    const double low = o->low_uv * o->low_uv, kept = q->band_uv2 * exp(-2.0 * o->seconds / MEAN_S);

    q->band_uv2 = fmax(kept, o->band_uv * o->band_uv);
    const bool motion = low > q->band_uv2 && o->low_uv > MOTION_UV && !isnan(o->band_uv);
    const bool still = low > STILL_MOTION * q->band_uv2 && o->low_uv > MOTION_UV;
    follow(&q->motion, motion, still, MOTION_S, q->hold_s, o->seconds);
}

void emg_quality_observe(struct emg_quality *q, const struct emg_quality_observation *o)
{
    observe_electrode(q, o);
    observe_hum(q, o);
    observe_motion(q, o);
    follow(&q->noisy, o->noise_uv > NOISY_UV, o->noise_uv > STILL_NOISY_UV, NOISY_S, q->hold_s, o->seconds);
}

uint32_t emg_quality_flags(const struct emg_quality *q)
{
    uint32_t flags = 0;

    if (q->until.clip > 0 && q->n <= q->until.clip)
        flags |= EMG_FLAG_CLIPPING;
    if (q->until.flat > 0 && q->n <= q->until.flat)
        flags |= EMG_FLAG_FLAT;
    if (q->until.rails > 0 && q->n <= q->until.rails)
        flags |= EMG_FLAG_CLIPPING | EMG_FLAG_ELECTRODE_OFF;
    if (q->came_off.raised || q->never_on.raised)
        flags |= EMG_FLAG_ELECTRODE_OFF;
    if (q->hum.raised)
        flags |= EMG_FLAG_HUM;
    if (q->motion.raised)
        flags |= EMG_FLAG_MOTION;
    if (q->noisy.raised)
        flags |= EMG_FLAG_NOISY;
    return flags;
}

void emg_quality_reset(struct emg_quality *q)
{
    const struct watch none = {0};

    q->n = 0;
    q->last = NAN; /* equal to nothing */
    q->rail = 0;
    q->rail_run = 0;
    q->equal_run = 0;
    q->until = (struct until){0};
    q->at = 0;
    q->emg_s = 0.0;
    q->seen_s = 0.0;
    q->unseen_s = UNSEEN_S; /* none was ever seen */
    q->emg_uv2 = 0.0;
    q->mains_uv = 0.0;
    q->still_off_uv = INFINITY;
    q->lines_uv2 = 0.0;
    q->between_uv2 = 0.0;
    q->averaged_s = 0.0;
    q->band_uv2 = 0.0;
    q->came_off = none;
    q->never_on = none;
    q->hum = none;
    q->motion = none;
    q->noisy = none;
}

void emg_quality_interrupt(struct emg_quality *q)
{
    const double seen_s = q->seen_s, unseen_s = q->unseen_s, emg_uv2 = q->emg_uv2, mains_uv = q->mains_uv;
    emg_quality_reset(q);
    q->seen_s = seen_s;
    q->unseen_s = unseen_s;
    q->emg_uv2 = emg_uv2;
    q->mains_uv = mains_uv;
}

void emg_quality_destroy(struct emg_quality *q)
{
    if (!q)
        return;
    free(q->recent);
    free(q);
}
