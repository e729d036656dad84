#include "dsp/quality.h"

#include "dsp/rails.h"

#include <math.h>
#include <stdlib.h>

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

struct emg_quality {
    struct emg_rails *rails;
    double hold_s;

    double emg_s;             /* EMG without a break */
    double seen_s, unseen_s;  /* EMG seen in all; since then */
    double emg_uv2, mains_uv; /* as seen */
    double still_off_uv;      /* lines above this are still those of an electrode that came off */
    double lines_uv2, between_uv2, averaged_s; /* averages, and the time they cover */
    double band_uv2;                           /* highest of late */
    struct watch came_off, never_on, hum, motion, noisy;
};

enum emg_error emg_quality_create(struct emg_quality **out, const struct emg_quality_config *config)
{
    *out = NULL;
    if (!(config->rate_hz > 0.0) || !isfinite(config->rate_hz) || !(config->full_scale_uv > 0.0) ||
        !isfinite(config->full_scale_uv) || !(config->hold_s >= 0.0) || !isfinite(config->hold_s))
        return EMG_ERROR_ARGUMENT;
    struct emg_quality *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;

    q->hold_s = config->hold_s;
    const enum emg_error error =
        emg_rails_create(&q->rails, config->rate_hz, config->full_scale_uv, config->hold_s);
    if (error != EMG_OK) {
        free(q);
        return error;
    }
    emg_quality_reset(q);
    *out = q;
    return EMG_OK;
}

void emg_quality_execute(struct emg_quality *q, const float *x, size_t n)
{
    emg_rails_execute(q->rails, x, n);
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

    if (emg_rails_clipping(q->rails) || emg_rails_open(q->rails))
        flags |= EMG_FLAG_CLIPPING;
    if (emg_rails_flat(q->rails))
        flags |= EMG_FLAG_FLAT;
    if (emg_rails_open(q->rails) || q->came_off.raised || q->never_on.raised)
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

    emg_rails_reset(q->rails);
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
    emg_rails_destroy(q->rails);
    free(q);
}
