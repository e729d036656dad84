#include "dsp/trial.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double HALF_SECOND_S = 0.5, LEVEL_S = 0.05, STEP_S = 0.01;
static const double EDGE_S = 0.25; /* of a contraction: its rise and its fall */

static const double REST_S = 2.0, MVC_S = 1.0, HELD_S = 1.0;
enum { WHOLE_NEEDED = 5 };
static const double SNR_DB = 10.0;

static const double REST_QUANTILE = 0.1;
static const double REST_PEAK = 2.75; /* x that quantile of the levels */
static const double REST_DRIFT = 1.6; /* from the lowest to the highest RMS over 0.5 s */
static const double REST_UV = 20.0;

/* Histogram of the levels in dB re 1 uV. */
static const double BIN_DB = 0.25;
static const double LOWEST_DB = -60.0;
enum { BINS = 720 };

/* A moving sum of squares that ends `delay` samples before the newest. */
struct window {
    size_t delay, samples;
    double square_uv2;
};

struct contraction {
    uint32_t number; /* 0: none */
    bool is_entire;  /* its onset lies in the measurement */
    uint64_t onset, count;
    double onset_levels_uv; /* sum up to its onset */
    double square_uv2, peak_uv;
    double held_uv2; /* the same sum, less the edges */
    uint64_t held;
};

/* What is measured, from the first sample on. */
struct tally {
    bool is_cut; /* by a gap */
    uint32_t flags;
    uint64_t taken; /* samples */
    double square_uv2;
    double highest_uv, lowest_uv; /* RMS over 0.5 s */
    double peak_uv;               /* highest level */
    uint32_t levels;              /* in the histogram */

    uint64_t known;   /* samples of which the contraction is known */
    double levels_uv; /* sum over these */
    struct contraction now;
    unsigned contractions, whole;
    double peaks_uv, whole_uv2; /* sums over whole contractions */
    uint64_t whole_samples;
    uint64_t first_onset, last_onset; /* of whole ones, and the sum of levels up to there */
    double first_levels_uv, last_levels_uv;
    double held_uv2; /* of the longest contraction */
    uint64_t held;
};

struct emg_trial {
    struct emg_trial_config config;
    size_t step, edge; /* samples */
    enum emg_measure kind;
    size_t after;

    float *newest; /* [capacity] a ring */
    size_t capacity, at;
    struct window half_second, level, known_level;
    uint32_t histogram[BINS];
    struct tally tally;
};

static size_t samples(const struct emg_trial *q, double seconds)
{
    return (size_t)lround(seconds * q->config.rate_hz);
}

enum emg_error emg_trial_create(struct emg_trial **out, const struct emg_trial_config *config)
{
    *out = NULL;
    if (!(config->rate_hz >= 500 && config->rate_hz <= 1e6) || config->delay > SIZE_MAX / 16)
        return EMG_ERROR_ARGUMENT;
    struct emg_trial *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    q->step = samples(q, STEP_S);
    q->edge = samples(q, EDGE_S);
    q->half_second = (struct window){.delay = 0, .samples = samples(q, HALF_SECOND_S)};
    q->level = (struct window){.delay = 0, .samples = samples(q, LEVEL_S)};
    q->known_level = (struct window){.delay = config->delay, .samples = q->level.samples};
    q->capacity = q->half_second.samples + config->delay + 1;
    q->newest = calloc(q->capacity, sizeof q->newest[0]);
    if (q->newest == NULL) {
        emg_trial_destroy(q);
        return EMG_ERROR_MEMORY;
    }
    *out = q;
    return EMG_OK;
}

void emg_trial_begin(struct emg_trial *q, enum emg_measure kind, size_t after)
{
    q->kind = kind;
    q->after = after;
    memset(q->newest, 0, q->capacity * sizeof q->newest[0]);
    memset(q->histogram, 0, sizeof q->histogram);
    q->at = 0;
    q->half_second.square_uv2 = 0;
    q->level.square_uv2 = 0;
    q->known_level.square_uv2 = 0;
    q->tally = (struct tally){.lowest_uv = INFINITY};
}

/* Square of the sample that came `age` samples before the newest; 0 before the first one. */
static double square_of(const struct emg_trial *q, size_t age)
{
    const double x = (double)q->newest[(q->at + q->capacity - age) % q->capacity];
    return x * x;
}

/* RMS of the window, which now ends a sample later; `filled`: samples since the first one in it. */
static double slide(const struct emg_trial *q, struct window *w, uint64_t filled)
{
    w->square_uv2 += square_of(q, w->delay) - square_of(q, w->delay + w->samples);
    const double n = filled < w->samples ? (double)filled : (double)w->samples;
    return sqrt(fmax(w->square_uv2, 0) / n);
}

static void note_level(struct emg_trial *q, double level_uv)
{
    const double bin = (20 * log10(fmax(level_uv, 1e-30)) - LOWEST_DB) / BIN_DB;
    q->histogram[(size_t)fmin(fmax(bin, 0), BINS - 1)]++;
    q->tally.levels++;
    q->tally.peak_uv = fmax(q->tally.peak_uv, level_uv);
}

static void end_contraction(struct emg_trial *q)
{
    struct tally *t = &q->tally;
    const struct contraction *c = &t->now;
    if (!c->is_entire || c->count < q->level.samples)
        return;
    if (t->whole++ == 0) {
        t->first_onset = c->onset;
        t->first_levels_uv = c->onset_levels_uv;
    }
    t->last_onset = c->onset;
    t->last_levels_uv = c->onset_levels_uv;
    t->peaks_uv += c->peak_uv;
    t->whole_uv2 += c->square_uv2;
    t->whole_samples += c->count;
}

static void extend_contraction(struct emg_trial *q, double level_uv)
{
    struct tally *t = &q->tally;
    struct contraction *c = &t->now;
    c->count++;
    c->square_uv2 += square_of(q, q->config.delay);
    if (c->count >= q->level.samples)
        c->peak_uv = fmax(c->peak_uv, level_uv);
    if (c->count <= 2 * q->edge)
        return;
    c->held++;
    c->held_uv2 += square_of(q, q->config.delay + q->edge);
    if (c->held > t->held) {
        t->held = c->held;
        t->held_uv2 = c->held_uv2;
    }
}

/* Takes the sample whose contraction is known now. */
static void take_known(struct emg_trial *q, uint32_t number)
{
    struct tally *t = &q->tally;
    const double level_uv = slide(q, &q->known_level, t->known + 1);
    if (number != t->now.number) {
        if (t->now.number != 0)
            end_contraction(q);
        t->now = (struct contraction){
            .number = number,
            .is_entire = t->known > 0,
            .onset = t->known,
            .onset_levels_uv = t->levels_uv,
        };
        t->contractions += number != 0;
    }
    t->known++;
    t->levels_uv += level_uv;
    if (number != 0)
        extend_contraction(q, level_uv);
}

static void take(struct emg_trial *q, float x, uint32_t number)
{
    struct tally *t = &q->tally;
    q->at = q->at + 1 < q->capacity ? q->at + 1 : 0;
    q->newest[q->at] = isfinite(x) ? x : 0.0F;
    t->taken++;
    t->square_uv2 += square_of(q, 0);
    const double half_second_uv = slide(q, &q->half_second, t->taken);
    const double level_uv = slide(q, &q->level, t->taken);
    if (t->taken >= q->half_second.samples) {
        t->highest_uv = fmax(t->highest_uv, half_second_uv);
        t->lowest_uv = fmin(t->lowest_uv, half_second_uv);
    }
    if (t->taken >= q->level.samples && (t->taken - q->level.samples) % q->step == 0)
        note_level(q, level_uv);
    if (t->taken > q->config.delay)
        take_known(q, number == UINT32_MAX ? 0 : number);
}

void emg_trial_execute(struct emg_trial *q, const float *x, const uint32_t *contraction, uint32_t flags,
                       size_t n)
{
    if (q->kind == EMG_MEASURE_NONE || n == 0)
        return;
    emg_trial_flag(q, flags);
    const size_t left_out = n < q->after ? n : q->after;
    q->after -= left_out;
    for (size_t i = left_out; i < n; i++)
        take(q, x[i], contraction[i]);
}

void emg_trial_flag(struct emg_trial *q, uint32_t flags)
{
    q->tally.flags |= flags;
}

void emg_trial_interrupt(struct emg_trial *q)
{
    q->tally.is_cut = true;
}

enum emg_measure emg_trial_kind(const struct emg_trial *q)
{
    return q->kind;
}

/* Of the levels; linear in dB inside the bin. */
static double quantile_uv(const struct emg_trial *q, double share)
{
    const double wanted = share * (double)q->tally.levels;
    double below = 0;
    size_t bin = 0;
    while (bin < BINS - 1 && below + q->histogram[bin] < wanted)
        below += q->histogram[bin++];
    const double inside = (wanted - below) / q->histogram[bin];
    return pow(10, (LOWEST_DB + ((double)bin + inside) * BIN_DB) / 20);
}

static double seconds(const struct emg_trial *q, uint64_t n)
{
    return (double)n / q->config.rate_hz;
}

static enum emg_refusal judge_rest(const struct emg_trial *q, double rms_uv)
{
    const struct tally *t = &q->tally;
    if (seconds(q, t->taken) < REST_S)
        return EMG_REFUSAL_TOO_SHORT;
    if (!(rms_uv > 0)) /* a line that is too flat for an amplifier */
        return EMG_REFUSAL_BAD_QUALITY;
    if (t->peak_uv > REST_PEAK * quantile_uv(q, REST_QUANTILE) || t->highest_uv > REST_DRIFT * t->lowest_uv)
        return EMG_REFUSAL_NOT_AT_REST;
    return rms_uv > REST_UV ? EMG_REFUSAL_NOISE_TOO_HIGH : EMG_REFUSAL_NONE;
}

static double snr_db(double rms_uv, double noise_uv)
{
    const double ratio = rms_uv * rms_uv / (noise_uv * noise_uv) - 1;
    return ratio > 0 ? 10 * log10(ratio) : NAN;
}

/* The three measure: RMS, the seconds that it rests on, and what the SNR is told by; and say whether that is
 * enough. */
static enum emg_refusal measure_mvc(const struct emg_trial *q, struct emg_measurement *m, double *active_uv)
{
    const struct tally *t = &q->tally;
    if (seconds(q, t->taken) < MVC_S)
        return EMG_REFUSAL_TOO_SHORT;
    m->uv = t->highest_uv;
    m->seconds = seconds(q, q->half_second.samples);
    *active_uv = m->uv;
    return t->contractions > 0 ? EMG_REFUSAL_NONE : EMG_REFUSAL_NO_CONTRACTION;
}

static enum emg_refusal measure_held(const struct emg_trial *q, struct emg_measurement *m, double *active_uv)
{
    const struct tally *t = &q->tally;
    if (t->contractions == 0)
        return EMG_REFUSAL_NO_CONTRACTION;
    m->uv = t->held > 0 ? sqrt(t->held_uv2 / (double)t->held) : NAN;
    m->seconds = seconds(q, t->held);
    *active_uv = m->uv;
    return m->seconds < HELD_S ? EMG_REFUSAL_TOO_SHORT : EMG_REFUSAL_NONE;
}

static enum emg_refusal measure_dynamic(const struct emg_trial *q, struct emg_measurement *m,
                                        double *active_uv)
{
    const struct tally *t = &q->tally;
    const uint64_t cycles = t->last_onset - t->first_onset; /* samples */
    m->contractions = t->whole;
    if (t->contractions == 0)
        return EMG_REFUSAL_NO_CONTRACTION;
    if (t->whole < WHOLE_NEEDED)
        return EMG_REFUSAL_FEW_CONTRACTIONS;
    const bool is_peak = m->kind == EMG_MEASURE_DYNAMIC_PEAK;
    m->uv = is_peak ? t->peaks_uv / t->whole : (t->last_levels_uv - t->first_levels_uv) / (double)cycles;
    m->seconds = seconds(q, is_peak ? t->whole_samples : cycles);
    *active_uv = sqrt(t->whole_uv2 / (double)t->whole_samples);
    return EMG_REFUSAL_NONE;
}

static void judge_reference(const struct emg_trial *q, struct emg_measurement *m, double noise_uv)
{
    double active_uv = NAN;
    if (m->kind == EMG_MEASURE_MVC)
        m->refusal = measure_mvc(q, m, &active_uv);
    else if (m->kind == EMG_MEASURE_SUBMAXIMAL)
        m->refusal = measure_held(q, m, &active_uv);
    else
        m->refusal = measure_dynamic(q, m, &active_uv);
    m->snr_db = snr_db(active_uv, noise_uv);
    if (m->refusal == EMG_REFUSAL_NONE && !(m->snr_db >= SNR_DB))
        m->refusal = EMG_REFUSAL_LOW_SNR;
}

struct emg_measurement emg_trial_result(const struct emg_trial *q, double noise_uv)
{
    const struct tally *t = &q->tally;
    struct emg_measurement m = {
        .kind = q->kind,
        .uv = NAN,
        .mdf_hz = NAN,
        .mdf_se_hz = NAN,
        .seconds = seconds(q, t->taken),
        .contractions = q->kind == EMG_MEASURE_REST ? 0 : t->contractions,
        .snr_db = NAN,
        .flags = t->flags,
    };
    if (q->kind == EMG_MEASURE_NONE) {
        m.refusal = EMG_REFUSAL_CANCELLED;
    } else if (t->is_cut) {
        m.refusal = EMG_REFUSAL_GAP;
    } else if ((t->flags & q->config.bad_flags) != 0) {
        m.refusal = EMG_REFUSAL_BAD_QUALITY;
    } else if (q->kind == EMG_MEASURE_REST) {
        m.uv = t->taken > 0 ? sqrt(t->square_uv2 / (double)t->taken) : NAN;
        m.refusal = judge_rest(q, m.uv);
    } else if (q->kind != EMG_MEASURE_BASELINE) {
        judge_reference(q, &m, noise_uv);
    }
    return m;
}

void emg_trial_reset(struct emg_trial *q)
{
    emg_trial_begin(q, EMG_MEASURE_NONE, 0);
}

void emg_trial_destroy(struct emg_trial *q)
{
    if (q == NULL)
        return;
    free(q->newest);
    free(q);
}
