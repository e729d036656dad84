#include "dsp/onset.h"

#include "dsp/distribution.h"
#include "dsp/samples.h"
#include "dsp/simd.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STEP_S = 0.01;

/* In steps. The level stays up for WINDOW steps after a spike however short: a longer ONSET_HOLD keeps a
 * spike from being a contraction. */
enum {
    WINDOW = 5,       /* of the RMS level */
    LONG_KNOWN = 300, /* levels needed before a stretch without contrast is a contraction */
    ONSET_HOLD = 6,   /* the level stays above for this long after it first was */
    OFFSET_HOLD = 5,  /* the level stays below for this long after it first was */
    SEARCH = 10,      /* the change lies within this before the level crosses its threshold */
    DELAY = ONSET_HOLD + SEARCH,
    MARGIN = 5, /* between a contraction and quiet rest */
};

static const double LOWEST_BEGIN = 2.0; /* x noise that is well known */
static const double BANDWIDTH_HZ = 193; /* of the noise at the least, for its degrees of freedom */
static const double END = 0.5;          /* x the level at which a contraction begins, */
static const double LOWEST_END = 0.75;  /* but not below this x the lowest at which one may begin */
static const double APART = 30.0;       /* at most, the powers that an edge is dated by */
static const double QUIET = 2.0;        /* x noise: rest up to here is quiet */

static const double CONTRAST = 2.5;        /* of the 90 % to the 10 % quantile */
static const double CONTRACTION_UV = 10.0; /* median level above which a stretch without contrast is active */
static const double RESUME = 1.0 / 2.0, CEASE = 1.0 / 3.0; /* x its 10 % quantile */

/* Levels at which a contraction begins and ends, and the level that rest is expected to have. */
struct thresholds {
    double begin_uv, end_uv, rest_uv;
};

struct emg_onset {
    enum emg_onset_mode mode;
    double share;
    size_t step_samples, delay_samples;

    float *square;    /* [delay_samples] the newest samples squared, a ring */
    uint32_t *number; /* [delay_samples] what is decided about them so far */
    size_t at;        /* of the oldest in both rings, and next to be replaced */

    size_t in_step;        /* samples in the present step */
    double energy[WINDOW]; /* of the newest complete steps, a ring */
    size_t steps;          /* complete since the beginning or an interruption */

    struct emg_distribution *levels;
    struct thresholds thresholds;
    double given_uv; /* noise level from outside; NaN: none */
    double noise_uv;

    bool active;
    unsigned run;       /* steps that the level has been beyond the threshold that would change the state */
    double peak_uv;     /* highest level of this contraction */
    size_t since_onset; /* samples from the onset, as dated, to the newest */
    size_t since_edge;  /* samples from the last edge, as dated, to the newest; at most delay_samples */
    uint32_t newest;    /* number of the newest contraction */
    uint32_t last_written; /* the highest number that has left the delay */
};

enum emg_error emg_onset_create(struct emg_onset **out, const struct emg_onset_config *config)
{
    *out = NULL;
    if (!(config->rate_hz >= 500.0 && config->rate_hz <= 1e6) ||
        !(config->share >= 0.0 && config->share <= 1.0) ||
        (config->mode != EMG_ONSET_AUTO && config->mode != EMG_ONSET_STATIC &&
         config->mode != EMG_ONSET_GATED))
        return EMG_ERROR_ARGUMENT;
    struct emg_onset *q = calloc(1, sizeof *q);
    if (!q)
        return EMG_ERROR_MEMORY;

    q->mode = config->mode;
    q->share = config->share;
    q->step_samples = (size_t)lround(STEP_S * config->rate_hz);
    q->delay_samples = DELAY * q->step_samples;
    q->square = calloc(q->delay_samples, sizeof *q->square);
    q->number = calloc(q->delay_samples, sizeof *q->number);
    const enum emg_error error =
        q->square && q->number ? emg_distribution_create(&q->levels) : EMG_ERROR_MEMORY;
    if (error != EMG_OK) {
        emg_onset_destroy(q);
        return error;
    }
    emg_onset_reset(q);
    *out = q;
    return EMG_OK;
}

size_t emg_onset_delay(const struct emg_onset *q)
{
    return q->mode == EMG_ONSET_STATIC ? 0 : q->delay_samples;
}

/* LOWEST_BEGIN for a noise level that is known; for an estimated one the factor that noise exceeds as seldom.
 * The ratio of two mean squares has the F distribution, by Paulson's approximation (1942, Ann Math Stat
 * 13:233), which is solved for the cube root of the ratio. */
static double begin_factor(double levels)
{
    const double dof_per_step = 2 * BANDWIDTH_HZ * STEP_S;
    const double a = 2 / (9 * dof_per_step * WINDOW);
    const double b = 2 / (9 * dof_per_step * (WINDOW - 1 + levels));
    const double known = cbrt(LOWEST_BEGIN * LOWEST_BEGIN);
    const double z2a = (known - 1 + a) * (known - 1 + a); /* z^2 a, z the normal deviate exceeded as seldom */
    const double z2b = z2a * b / a;
    const double p = (1 - b) * (1 - b) - z2b;
    const double half = (1 - b) * (1 - a);
    const double root = (half + sqrt(half * half - p * ((1 - a) * (1 - a) - z2a))) / p;
    return sqrt(root * root * root);
}

/* A contraction begins on the way from rest to activity, since a muscle at rest is not always silent; at a
 * low SNR no lower than false alarms allow. */
static void set_thresholds(struct emg_onset *q, double noise_uv, double lowest_uv)
{
    const double activity_uv = emg_distribution_activity_uv(q->levels);
    const double begin_uv = fmax(lowest_uv, noise_uv + q->share * (activity_uv - noise_uv));
    q->thresholds = (struct thresholds){begin_uv, fmax(END * begin_uv, LOWEST_END * lowest_uv), noise_uv};
}

static void update_thresholds(struct emg_onset *q)
{
    if (!isnan(q->given_uv)) {
        set_thresholds(q, q->given_uv, LOWEST_BEGIN * q->given_uv);
        return;
    }
    const double low_uv = emg_distribution_low_uv(q->levels);
    const bool lacks_contrast = q->mode == EMG_ONSET_AUTO &&
                                emg_distribution_high_uv(q->levels) < CONTRAST * low_uv &&
                                emg_distribution_middle_uv(q->levels) > CONTRACTION_UV;
    if (lacks_contrast && emg_distribution_count(q->levels) >= LONG_KNOWN) {
        q->thresholds = (struct thresholds){RESUME * low_uv, CEASE * low_uv, CEASE * low_uv};
        q->noise_uv = NAN;
        return;
    }
    const struct emg_distribution_noise noise = emg_distribution_noise(q->levels);
    set_thresholds(q, noise.uv, begin_factor(noise.levels) * noise.uv);
    q->noise_uv = lacks_contrast ? (double)NAN : noise.uv;
}

/* The log-likelihood ratio, active to rest, of a sample as a Gaussian of either variance, times two: gain x^2
 * less loss. Its sum is largest where the change is most likely (Staude & Wolf 1999, Med Eng Phys 21:449). */
struct evidence {
    double gain, loss;
};

static struct evidence weigh(const struct emg_onset *q)
{
    const struct thresholds *t = &q->thresholds;
    const double middle = t->begin_uv * t->begin_uv;
    const double rest = fmax(t->rest_uv * t->rest_uv, middle / sqrt(APART));
    const double active = fmin(fmax(q->peak_uv * q->peak_uv, 1.01 * rest), middle * sqrt(APART));
    return (struct evidence){1.0 / rest - 1.0 / active, log(active / rest)};
}

/* Of the sample that lies `back` samples before the newest (1 is the newest itself). */
static double evidence_of(const struct emg_onset *q, const struct evidence *e, size_t back)
{
    const double square = (double)q->square[back <= q->at ? q->at - back : q->at + q->delay_samples - back];
    return square * e->gain - e->loss;
}

/* Both return how many of the newest samples lie after the change. */
static size_t date_onset(const struct emg_onset *q)
{
    const struct evidence e = weigh(q);
    const size_t nearest = ONSET_HOLD * q->step_samples;
    size_t farthest = nearest + SEARCH * q->step_samples;
    size_t best = nearest;
    double sum = 0.0, highest = 0.0;

    if (farthest > q->since_edge)
        farthest = q->since_edge;
    for (size_t back = nearest + 1; back <= farthest; back++) {
        sum += evidence_of(q, &e, back);
        if (sum > highest) {
            highest = sum;
            best = back;
        }
    }
    return best;
}

static size_t date_offset(const struct emg_onset *q)
{
    const struct evidence e = weigh(q);
    const size_t nearest = OFFSET_HOLD * q->step_samples;
    size_t farthest = nearest + SEARCH * q->step_samples;
    double sum = 0.0, highest = 0.0;

    if (farthest > q->since_onset)
        farthest = q->since_onset;
    size_t best = farthest;
    for (size_t back = farthest; back > nearest; back--) {
        sum += evidence_of(q, &e, back);
        if (sum > highest) {
            highest = sum;
            best = back - 1;
        }
    }
    return best;
}

static uint32_t *number_of(struct emg_onset *q, size_t back)
{
    return &q->number[back <= q->at ? q->at - back : q->at + q->delay_samples - back];
}

static void mark(struct emg_onset *q, size_t newest, uint32_t number)
{
    for (size_t back = 1; back <= newest && back <= q->delay_samples; back++)
        *number_of(q, back) = number;
}

static void begin_contraction(struct emg_onset *q)
{
    q->active = true;
    q->since_onset = date_onset(q);
    q->since_edge = q->since_onset;
    mark(q, q->since_onset, ++q->newest);
    const size_t farthest = q->since_onset + MARGIN * q->step_samples;
    for (size_t back = q->since_onset + 1; back <= farthest && back <= q->delay_samples; back++)
        if (*number_of(q, back) == EMG_ONSET_QUIET)
            *number_of(q, back) = EMG_ONSET_UNSURE;
}

static void end_contraction(struct emg_onset *q)
{
    q->active = false;
    q->since_edge = date_offset(q);
    mark(q, q->since_edge, EMG_ONSET_UNSURE);
}

/* Judges the step in the middle of the window of the newest level. */
static void mark_quiet(struct emg_onset *q, double level_uv)
{
    const size_t nearest = WINDOW / 2 * q->step_samples;
    const size_t farthest = nearest + q->step_samples;

    if (q->active || !(level_uv <= QUIET * q->noise_uv) ||
        q->since_edge < farthest + MARGIN * q->step_samples)
        return;
    for (size_t back = nearest + 1; back <= farthest; back++)
        *number_of(q, back) = EMG_ONSET_QUIET;
}

static void decide(struct emg_onset *q, double level_uv)
{
    const bool beyond = q->active ? level_uv < q->thresholds.end_uv : level_uv > q->thresholds.begin_uv;

    q->run = beyond ? q->run + 1 : 0;
    if (!q->active && q->run == 0)
        q->peak_uv = 0.0;
    q->peak_uv = fmax(q->peak_uv, level_uv);
    if (q->run <= (q->active ? OFFSET_HOLD : ONSET_HOLD))
        return;
    q->run = 0;
    if (q->active)
        end_contraction(q);
    else
        begin_contraction(q);
}

/* Of the step that is complete; its samples lie in one piece, since the delay is a whole number of steps. */
static double newest_energy(const struct emg_onset *q)
{
    const size_t end = q->at > 0 ? q->at : q->delay_samples;
    return emg_sum(q->square + end - q->step_samples, q->step_samples);
}

static void complete_step(struct emg_onset *q)
{
    q->energy[q->steps++ % WINDOW] = newest_energy(q);
    q->in_step = 0;
    if (q->steps < WINDOW)
        return;

    double sum = 0.0;
    for (size_t i = 0; i < WINDOW; i++)
        sum += q->energy[i];
    const double level_uv = sqrt(sum / (double)(WINDOW * q->step_samples));
    emg_distribution_execute(q->levels, level_uv);
    if (!emg_distribution_is_settled(q->levels) && isnan(q->given_uv))
        return;
    update_thresholds(q);
    decide(q, level_uv);
    mark_quiet(q, level_uv);
}

static void execute_static(struct emg_onset *q, uint32_t *burst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        q->newest = q->active ? q->newest : q->newest + 1;
        q->active = true;
        burst[i] = q->newest;
        q->last_written = q->newest;
    }
}

static bool is_number(uint32_t burst)
{
    return burst != EMG_ONSET_QUIET && burst != EMG_ONSET_UNSURE;
}

EMG_VECTORISED static void square(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fabsf(x[i]) <= FLT_MAX ? x[i] * x[i] : 0.0F;
}

/* Takes n samples of one step; what is decided about those before them goes to burst. */
static void take(struct emg_onset *q, const float *x, uint32_t *burst, size_t n)
{
    uint32_t *number = q->number + q->at;
    const uint32_t now = q->active ? q->newest : EMG_ONSET_UNSURE;

    memcpy(burst, number, n * sizeof burst[0]);
    for (size_t i = n; i-- > 0;)
        if (is_number(burst[i])) { /* they only rise */
            q->last_written = burst[i];
            break;
        }
    for (size_t i = 0; i < n; i++)
        number[i] = now;
    square(x, q->square + q->at, n);
    q->at = q->at + n < q->delay_samples ? q->at + n : 0;
    q->since_onset += n;
    q->since_edge = q->since_edge + n < q->delay_samples ? q->since_edge + n : q->delay_samples;
    q->in_step += n;
}

void emg_onset_execute(struct emg_onset *q, const float *x, uint32_t *burst, size_t n)
{
    if (q->mode == EMG_ONSET_STATIC) {
        execute_static(q, burst, n);
        return;
    }
    while (n > 0) {
        const size_t left = q->step_samples - q->in_step, some = n < left ? n : left;
        take(q, x, burst, some);
        if (q->in_step == q->step_samples)
            complete_step(q);
        x += some;
        burst += some;
        n -= some;
    }
}

bool emg_onset_active(const struct emg_onset *q)
{
    return q->active;
}

void emg_onset_set_noise_uv(struct emg_onset *q, double noise_uv)
{
    q->given_uv = noise_uv > 0.0 && isfinite(noise_uv) ? noise_uv : (double)NAN;
    q->noise_uv = q->given_uv;
}

double emg_onset_noise_uv(const struct emg_onset *q)
{
    return q->noise_uv;
}

void emg_onset_interrupt(struct emg_onset *q)
{
    memset(q->square, 0, q->delay_samples * sizeof *q->square);
    q->at = 0;
    mark(q, q->delay_samples, EMG_ONSET_UNSURE);
    q->in_step = 0;
    q->steps = 0;
    emg_distribution_begin(q->levels);
    q->active = false;
    q->run = 0;
    q->peak_uv = 0.0;
    q->since_onset = 0;
    q->since_edge = 0;
    q->newest = q->last_written;
}

void emg_onset_reset(struct emg_onset *q)
{
    q->last_written = 0;
    emg_onset_interrupt(q);
    emg_distribution_reset(q->levels);
    q->thresholds = (struct thresholds){0.0, 0.0, 0.0};
    q->given_uv = NAN;
    q->noise_uv = NAN;
}

void emg_onset_destroy(struct emg_onset *q)
{
    if (!q)
        return;
    emg_distribution_destroy(q->levels);
    free(q->square);
    free(q->number);
    free(q);
}
