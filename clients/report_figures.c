#include "clients/report_figures.h"

#include <math.h>
#include <stdlib.h>

static const double MINUTE_S = 60;
static const double LEAST_WINDOW_S = 10;
static const double LEAST_POOL_S = 2;  /* as of a point of the trend (dsp/course.h) */
static const double LOOKS_BACK_S = 10; /* emg_muscle_level_uv */

static const struct emg_report_stage *stage_at(const struct emg_report *r, size_t stage)
{
    size_t n = 0;
    return &emg_report_stages(r, &n)[stage - 1];
}

static bool holds(const struct emg_report *r, size_t stage, uint64_t frame)
{
    const size_t in = emg_report_stage_of(r, frame);
    return stage == 0 ? in != EMG_REPORT_STAGE_NONE : in == stage;
}

/* Whether what looks back over 10 s at this frame sees nothing from before its stage; a stage shorter than
 * twice that has to do with what there is. */
static bool holds_settled(const struct emg_report *r, size_t stage, uint64_t frame)
{
    if (!holds(r, stage, frame))
        return false;
    const struct emg_report_stage *in = stage_at(r, emg_report_stage_of(r, frame));
    const double rate_hz = r->wire.rate_hz;
    return in->told.number == 0 || (double)(in->end_frame - in->first_frame) < 2 * LOOKS_BACK_S * rate_hz ||
           (double)(frame - in->first_frame) >= LOOKS_BACK_S * rate_hz;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double share)
{
    const double at = share * (double)(n - 1);
    const size_t below = (size_t)at;
    const size_t above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

/* Of the n values in r->scratch. */
static struct emg_report_spread spread(const struct emg_report *r, size_t n)
{
    if (n == 0)
        return (struct emg_report_spread){0, NAN, NAN, NAN};
    qsort(r->scratch, n, sizeof r->scratch[0], compare);
    return (struct emg_report_spread){n, quantile(r->scratch, n, 0.5), quantile(r->scratch, n, 0.25),
                                      quantile(r->scratch, n, 0.75)};
}

static void add_moments(struct emg_report_moments *sum, const struct emg_report_moments *more)
{
    if (more->n == 0)
        return;
    const double n = (double)sum->n, m = (double)more->n, apart = more->mean - sum->mean;
    sum->peak = sum->n == 0 || more->peak > sum->peak ? more->peak : sum->peak;
    sum->square += more->square + apart * apart * n * m / (n + m);
    sum->mean += apart * m / (n + m);
    sum->n += more->n;
}

struct emg_report_activity emg_report_activity(const struct emg_report *r, size_t stage, size_t muscle)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    if (stage > 0)
        return stages[stage - 1].activities[muscle];
    struct emg_report_activity sum = stages[0].activities[muscle];
    for (size_t i = 1; i < n; i++) {
        const struct emg_report_activity *more = &stages[i].activities[muscle];
        sum.n += more->n;
        sum.usable += more->usable;
        sum.active += more->active;
        for (size_t k = 0; k < EMG_FLAGS; k++)
            sum.flags[k] += more->flags[k];
        add_moments(&sum.uv, &more->uv);
        add_moments(&sum.percent, &more->percent);
        sum.reference = more->reference;
    }
    return sum;
}

double emg_report_sd(const struct emg_report_moments *moments)
{
    return moments->n > 1 ? sqrt(moments->square / (double)(moments->n - 1)) : NAN;
}

bool emg_report_is_of_stage(const struct emg_report *r, size_t stage, size_t muscle, size_t spectrum)
{
    const struct emg_report_spectrum *s = &r->muscles[muscle].spectra[spectrum];
    return holds(r, stage, s->frame) && isfinite(s->of.spectral.indices.mdf_hz) &&
           s->of.spectral.seconds >= LEAST_POOL_S;
}

/* Mean MDF of the spectra of a stage within [from_s, to_s). */
static struct emg_report_mdf mean_mdf(const struct emg_report *r, size_t stage, size_t muscle, double from_s,
                                      double to_s)
{
    const struct emg_report_muscle *m = &r->muscles[muscle];
    double sum = 0, variance = 0, pooled_s = 0, active_first_s = NAN, active_last_s = NAN, n = 0;
    for (size_t i = 0; i < m->n_spectra; i++) {
        const struct emg_report_spectrum *s = &m->spectra[i];
        const double at_s = emg_report_seconds(r, s->frame);
        if (at_s < from_s || at_s >= to_s || !emg_report_is_of_stage(r, stage, muscle, i))
            continue;
        const struct emg_fatigue_indices *indices = &s->of.spectral.indices;
        const double weight = s->of.spectral.seconds;
        sum += weight * indices->mdf_hz;
        variance += weight * indices->mdf_se_hz * indices->mdf_se_hz;
        pooled_s += weight;
        active_first_s = n > 0 ? active_first_s : s->active_s;
        active_last_s = s->active_s;
        n++;
    }
    if (n == 0)
        return (struct emg_report_mdf){NAN, NAN};
    const double apart = fmin(n, 1 + (active_last_s - active_first_s) / (pooled_s / n));
    return (struct emg_report_mdf){sum / pooled_s, sqrt(variance / pooled_s / apart)};
}

static void measure_course(const struct emg_report *r, size_t stage, size_t muscle,
                           struct emg_report_figures *figures)
{
    const struct emg_report_muscle *m = &r->muscles[muscle];
    double first_s = NAN, last_s = NAN;
    size_t n = 0;
    for (size_t i = 0; i < m->n_spectra; i++) {
        if (!holds(r, stage, m->spectra[i].frame))
            continue;
        figures->end = &m->spectra[i].of;
        if (isfinite(figures->end->spectral.snr_db))
            r->scratch[n++] = figures->end->spectral.snr_db;
        if (!emg_report_is_of_stage(r, stage, muscle, i))
            continue;
        last_s = emg_report_seconds(r, m->spectra[i].frame);
        first_s = isnan(first_s) ? last_s : first_s;
    }
    figures->snr_db = spread(r, n).median;
    const double window_s = fmin(MINUTE_S, (last_s - first_s) / 2);
    if (!(window_s >= LEAST_WINDOW_S))
        return;
    figures->window_s = window_s;
    figures->first = mean_mdf(r, stage, muscle, first_s, first_s + window_s);
    figures->last = mean_mdf(r, stage, muscle, last_s - window_s + 1e-6, last_s + 1);
    figures->change_percent = 100 * (figures->last.mdf_hz / figures->first.mdf_hz - 1);
}

struct emg_report_figures emg_report_figures(const struct emg_report *r, size_t stage, size_t muscle)
{
    const struct emg_report_stage *of = stage_at(r, stage);
    struct emg_report_figures figures = {
        .seconds = (double)(of->end_frame - of->first_frame) / r->wire.rate_hz,
        .burst_rms_uv = NAN,
        .first = {NAN, NAN},
        .last = {NAN, NAN},
        .window_s = NAN,
        .change_percent = NAN,
        .snr_db = NAN,
        .verdict = EMG_VERDICT_UNDETERMINED,
        .reason = EMG_REASON_TOO_SHORT,
    };
    double sum = 0;
    for (size_t i = 0; i < r->muscles[muscle].n_bursts; i++) {
        const struct emg_muscle_burst *burst = &r->muscles[muscle].bursts[i].of;
        if (!holds(r, stage, burst->onset_frame))
            continue;
        figures.bursts++;
        sum += burst->rms_uv;
    }
    if (figures.bursts > 0)
        figures.burst_rms_uv = sum / (double)figures.bursts;
    measure_course(r, stage, muscle, &figures);
    if (figures.end != NULL) {
        figures.verdict = figures.end->spectral.verdict;
        figures.reason = figures.end->spectral.reason;
    }
    return figures;
}

struct emg_report_judgement emg_report_judge(const struct emg_report *r, size_t muscle)
{
    static const int weights[] = {[EMG_VERDICT_UNDETERMINED] = 0,
                                  [EMG_VERDICT_RECOVERING] = 1,
                                  [EMG_VERDICT_STEADY] = 2,
                                  [EMG_VERDICT_FATIGUING] = 3};
    struct emg_report_judgement judgement = {EMG_VERDICT_UNDETERMINED, EMG_REASON_TOO_SHORT, 1};
    size_t n = 0;
    (void)emg_report_stages(r, &n);
    for (size_t stage = 1; stage <= n; stage++) {
        const struct emg_report_figures figures = emg_report_figures(r, stage, muscle);
        if (weights[figures.verdict] >= weights[judgement.verdict])
            judgement = (struct emg_report_judgement){figures.verdict, figures.reason, stage};
    }
    return judgement;
}

struct emg_report_spread emg_report_share(const struct emg_report *r, size_t stage, enum emg_side side)
{
    const struct emg_report_side *leg = &r->sides[side];
    size_t n = 0;
    for (size_t i = 0; i < leg->n_comparisons; i++) {
        const double share = leg->comparisons[i].of.soleus_share_percent;
        if (isfinite(share) && holds_settled(r, stage, leg->comparisons[i].frame))
            r->scratch[n++] = share;
    }
    return spread(r, n);
}

struct emg_report_spread emg_report_coactivation(const struct emg_report *r, size_t stage, enum emg_side side)
{
    const struct emg_report_side *leg = &r->sides[side];
    size_t n = 0;
    for (size_t i = 0; i < leg->n_comparisons; i++) {
        const double coactivation = leg->comparisons[i].of.coactivation_percent;
        if (isfinite(coactivation) && holds_settled(r, stage, leg->comparisons[i].frame))
            r->scratch[n++] = coactivation;
    }
    return spread(r, n);
}

struct emg_report_spread emg_report_symmetry(const struct emg_report *r, size_t stage, size_t pair)
{
    const struct emg_report_pair *of = &r->pairs[pair];
    size_t n = 0;
    for (size_t i = 0; i < of->n_symmetries; i++)
        if (isfinite(of->symmetries[i].index_percent) && holds_settled(r, stage, of->symmetries[i].frame))
            r->scratch[n++] = of->symmetries[i].index_percent;
    return spread(r, n);
}

struct emg_report_spread emg_report_cycle_s(const struct emg_report *r, size_t stage, enum emg_side side)
{
    const struct emg_report_side *leg = &r->sides[side];
    size_t n = 0;
    for (size_t i = 0; i < leg->n_cycles; i++)
        if (holds(r, stage, leg->cycles[i].of.first_frame))
            r->scratch[n++] = leg->cycles[i].of.cycle_s;
    return spread(r, n);
}

double emg_report_noise_uv(const struct emg_report *r, size_t muscle)
{
    const struct emg_report_muscle *m = &r->muscles[muscle];
    if (isfinite(m->rest_uv))
        return m->rest_uv;
    for (size_t i = m->n_spectra; i > 0; i--) {
        const struct emg_spectral_fatigue *f = &m->spectra[i - 1].of.spectral;
        if (isfinite(f->indices.noise_uv2))
            return sqrt(f->indices.noise_uv2);
    }
    return NAN;
}
