#include "dsp/stride.h"

#include "dsp/footswitch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BURSTS = 16,
    WAITING = 128,
    NEWEST = 9,     /* cycles that cadence is made of */
    PERIOD_OF = 5,  /* cycles that the known period is the median of */
    STEP_MOST = 3,  /* periods that a step of the chain may span */
    APART_MOST = 4, /* contractions between which a period is looked for */
    ACQUIRED_CYCLES = 3,
    UNEXPLAINED = 5, /* contractions before the chain that raise what it takes to be believed */
    ALTERNATION_LEAST = 6,
    FORGOTTEN_AFTER = 6, /* contractions without a chain to believe in */
};

static const double CYCLE_LEAST_S = 0.45, CYCLE_MOST_S = 2.5;
static const double STALE_S = 5.0;

static const double DIP_S = 0.12;                                   /* pause within a contraction */
static const double GAIN = 2.2, TIMING_SD = 0.07, TOLERANCE = 0.25; /* shares of the period */
static const double MISSED_COST = 2.0, EXTRA_COST = 0.5, EXTRA_SHARE_COST = 2.0;
static const double WEAK_SD = 0.35, WEAK_COST_MOST = 1.5;
static const double KEPT = 0.85;
static const double DUTY_MOST = 0.8;
static const double ACQUIRED = 2.5, PER_UNEXPLAINED = 1.0;
static const double TRACKED = 2.5, KNOWN_PERIOD = 1.5;
static const double SURE_DEVIATION = 0.12, SURE_DEVIATION_WEAK = 0.06, SURE_SHARE = 0.5;
static const double ALTERNATION_LN = 0.3, ALTERNATION_T = 5.0, ALTERNATION_DOUBT_T = 4.0;

struct emg_stride {
    struct emg_stride_config config;
    uint64_t now_frame; /* behind what was given last */
    uint64_t end_frame; /* of the newest cycle */

    struct emg_footswitch *footswitch; /* NULL: fed by EMG */
    bool has_contact;                  /* there is a contact that a cycle may begin with ... */
    uint64_t contact_frame;            /* ... here */

    struct emg_stride_burst bursts[BURSTS]; /* oldest first */
    size_t n_bursts;
    double period_s;         /* NaN: not known */
    unsigned since_believed; /* contractions */
    bool after_a_gap;        /* no contraction has left `bursts` since the last gap */

    struct emg_stride_cycle waiting[WAITING]; /* a ring */
    size_t first_waiting, n_waiting;
    unsigned strides;
    double newest_s[NEWEST]; /* cycle k at k % NEWEST */
};

/* What the search needs of the contractions kept. */
struct view {
    size_t n;
    double onset_s[BURSTS], middle_s[BURSTS], duration_s[BURSTS];
    double share[BURSTS];               /* iEMG over the reference */
    double weak_cost[BURSTS];           /* as a main contraction */
    double left_out_before[BURSTS + 1]; /* cost of leaving out all those before */
    double dip_gain[BURSTS];            /* what the next one costs less when it is the rest of this one */
};

struct chain {
    double period_s, score;
    size_t n;
    size_t at[BURSTS];      /* indices of its contractions, in order */
    unsigned place[BURSTS]; /* the stride each belongs to, counted from the first */
};

enum emg_error emg_stride_create(struct emg_stride **out, const struct emg_stride_config *config)
{
    *out = NULL;
    if (!(config->rate_hz >= 500.0 && config->rate_hz <= 1e6) ||
        (config->source != EMG_STRIDE_FOOTSWITCH && config->source != EMG_STRIDE_EMG))
        return EMG_ERROR_ARGUMENT;
    struct emg_stride *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    if (config->source == EMG_STRIDE_FOOTSWITCH) {
        const struct emg_footswitch_config footswitch = {config->rate_hz, config->threshold};
        const enum emg_error error = emg_footswitch_create(&q->footswitch, &footswitch);
        if (error != EMG_OK) {
            emg_stride_destroy(q);
            return error;
        }
    }
    emg_stride_reset(q);
    *out = q;
    return EMG_OK;
}

static double seconds(const struct emg_stride *q, uint64_t from_frame, uint64_t to_frame)
{
    return (double)(to_frame - from_frame) / q->config.rate_hz;
}

static void push(struct emg_stride *q, uint64_t first_frame, uint64_t end_frame)
{
    const double cycle_s = seconds(q, first_frame, end_frame);
    if (cycle_s < CYCLE_LEAST_S || cycle_s > CYCLE_MOST_S)
        return;
    if (q->n_waiting == WAITING) {
        q->first_waiting = (q->first_waiting + 1) % WAITING;
        q->n_waiting--;
    }
    q->waiting[(q->first_waiting + q->n_waiting++) % WAITING] =
        (struct emg_stride_cycle){first_frame, end_frame, cycle_s};
    q->newest_s[q->strides++ % NEWEST] = cycle_s;
    q->end_frame = end_frame;
}

static void step(struct emg_stride *q, uint64_t contact_frame)
{
    if (q->has_contact && seconds(q, q->contact_frame, contact_frame) < CYCLE_LEAST_S)
        return;
    if (q->has_contact)
        push(q, q->contact_frame, contact_frame);
    q->has_contact = true;
    q->contact_frame = contact_frame;
}

void emg_stride_footswitch(struct emg_stride *q, const float *x, size_t n, uint64_t first_frame)
{
    if (q->footswitch == NULL || n == 0)
        return;
    if (first_frame != q->now_frame)
        emg_stride_interrupt(q, first_frame);
    for (size_t done = 0; done < n;) {
        struct emg_footswitch_contact contact;
        done += emg_footswitch_execute(q->footswitch, x + done, n - done, first_frame + done, &contact);
        if (contact.is_found)
            step(q, contact.frame);
    }
    q->now_frame = first_frame + n;
}

/* By insertion: there are few, and qsort may allocate. */
static void sort(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const double value = x[i];
        size_t k = i;
        for (; k > 0 && x[k - 1] > value; k--)
            x[k] = x[k - 1];
        x[k] = value;
    }
}

static double median(double *x, size_t n)
{
    sort(x, n);
    return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

static double extra_cost(double share)
{
    return EXTRA_COST + EXTRA_SHARE_COST * fmin(share, 1.0);
}

static void look(const struct emg_stride *q, struct view *v)
{
    double sorted[BURSTS];
    v->n = q->n_bursts;
    for (size_t i = 0; i < v->n; i++)
        sorted[i] = q->bursts[i].iemg_uv_s;
    sort(sorted, v->n);
    const double reference_uv_s = sorted[3 * (v->n - 1) / 4];
    v->left_out_before[0] = 0.0;
    for (size_t i = 0; i < v->n; i++) {
        const struct emg_stride_burst *b = &q->bursts[i];
        v->onset_s[i] = seconds(q, q->bursts[0].onset_frame, b->onset_frame);
        v->duration_s[i] = seconds(q, b->onset_frame, b->offset_frame);
        v->middle_s[i] = v->onset_s[i] + 0.5 * v->duration_s[i];
        v->share[i] = b->iemg_uv_s / reference_uv_s;
        v->left_out_before[i + 1] = v->left_out_before[i] + extra_cost(v->share[i]);
    }
    for (size_t i = 0; i < v->n; i++) {
        const bool dips = i + 1 < v->n && v->onset_s[i + 1] - v->onset_s[i] - v->duration_s[i] < DIP_S;
        v->dip_gain[i] = dips ? extra_cost(v->share[i + 1]) - EXTRA_COST : 0.0;
        const double weak = log(fmin(v->share[i] + (dips ? v->share[i + 1] : 0.0), 1.0)) / WEAK_SD;
        v->weak_cost[i] = fmin(0.5 * weak * weak, WEAK_COST_MOST);
    }
}

/* Cost of leaving out what lies between main contractions i and j, or behind i when j is n. */
static double left_out(const struct view *v, size_t i, size_t j)
{
    const double cost = v->left_out_before[j] - v->left_out_before[i + 1];
    return j > i + 1 ? cost - v->dip_gain[i] : cost;
}

/* What the step from contraction i to j adds to the score; *periods is what it spans, 0 when it keeps no
 * time. */
static double gain(const struct view *v, size_t i, size_t j, double period_s, unsigned *periods)
{
    const double middle = (v->middle_s[j] - v->middle_s[i]) / period_s;
    const double onset = (v->onset_s[j] - v->onset_s[i]) / period_s;
    const double k = round(middle);
    *periods = 0;
    if (k < 1.0 || k > STEP_MOST || fabs(onset - k) > TOLERANCE)
        return 0.0;
    *periods = (unsigned)k;
    const double deviation = fmin(fabs(onset - k), fabs(middle - k)) / TIMING_SD;
    return GAIN - 0.5 * deviation * deviation / k - MISSED_COST * (k - 1.0) - v->weak_cost[j] -
           left_out(v, i, j);
}

/* The best chain that keeps this period; n = 0: there is none. */
static void search(const struct view *v, double period_s, bool is_known, struct chain *chain)
{
    double score[BURSTS];
    size_t before[BURSTS];
    unsigned step[BURSTS];
    size_t last = 0;
    *chain = (struct chain){.period_s = period_s, .score = -INFINITY};
    for (size_t j = 0; j < v->n; j++) {
        step[j] = 0;
        score[j] = (is_known && j == 0 ? KNOWN_PERIOD : 0.0) - v->weak_cost[j];
        if (v->duration_s[j] > DUTY_MOST * period_s) {
            score[j] = -INFINITY;
            continue;
        }
        for (size_t i = j; i-- > 0 && v->onset_s[j] - v->onset_s[i] < (STEP_MOST + 1) * period_s;) {
            unsigned periods;
            const double sum = KEPT * score[i] + gain(v, i, j, period_s, &periods);
            if (periods == 0 || !(sum > score[j]))
                continue;
            score[j] = sum;
            before[j] = i;
            step[j] = periods;
        }
        const double at_end = score[j] - left_out(v, j, v->n);
        if (step[j] > 0 && at_end > chain->score) {
            chain->score = at_end;
            last = j;
        }
    }
    if (chain->score == -INFINITY)
        return;
    size_t first = last;
    for (chain->n = 1; step[first] > 0; chain->n++)
        first = before[first];
    for (size_t k = chain->n, j = last; k-- > 0; j = k > 0 ? before[j] : j) {
        chain->at[k] = j;
        chain->place[k] = step[j];
    }
    for (size_t k = 1; k < chain->n; k++)
        chain->place[k] += chain->place[k - 1];
}

/* The best chain of all; n = 0: there is none. */
static void find_chain(const struct emg_stride *q, const struct view *v, struct chain *best)
{
    *best = (struct chain){.score = -INFINITY};
    for (size_t i = 0; i < v->n; i++) {
        for (size_t j = i + 1; j < v->n && j <= i + APART_MOST; j++) {
            const double period_s = v->middle_s[j] - v->middle_s[i];
            if (period_s < CYCLE_LEAST_S || period_s > CYCLE_MOST_S)
                continue;
            const bool is_known = q->after_a_gap && fabs(period_s / q->period_s - 1.0) <= SURE_DEVIATION;
            struct chain chain;
            search(v, period_s, is_known, &chain);
            if (chain.score > best->score)
                *best = chain;
        }
    }
}

/* How clearly the contractions at even places differ in strength from those at odd ones: Welch's t on the
 * logarithms, > 0 when the even ones are stronger; 0 when they differ by less than ALTERNATION_LN or too few
 * are there. */
static double alternation_t(const struct view *v, const struct chain *chain)
{
    double n[2] = {0}, sum[2] = {0}, square[2] = {0};
    for (size_t k = 0; k < chain->n; k++) {
        const double x = log(v->share[chain->at[k]]);
        n[chain->place[k] % 2] += 1.0;
        sum[chain->place[k] % 2] += x;
        square[chain->place[k] % 2] += x * x;
    }
    if (n[0] < 2.0 || n[1] < 2.0)
        return 0.0;
    double variance = 0.0;
    for (size_t s = 0; s < 2; s++)
        variance += fmax(square[s] - sum[s] * sum[s] / n[s], 0.0) / (n[s] - 1.0) / n[s];
    const double difference = sum[0] / n[0] - sum[1] / n[1];
    if (fabs(difference) < ALTERNATION_LN)
        return 0.0;
    return difference / sqrt(variance + 1e-6);
}

/* Leaves every other contraction out when they alternate; returns false while that is in doubt. */
static bool settle_alternation(const struct view *v, struct chain *chain)
{
    const double t = alternation_t(v, chain);
    const bool is_short = chain->n < ALTERNATION_LEAST;
    const bool alternates = fabs(t) >= (is_short ? ALTERNATION_DOUBT_T : ALTERNATION_T);
    if (!alternates || 2.0 * chain->period_s > CYCLE_MOST_S)
        return true;
    if (is_short)
        return false;
    const unsigned weak = t > 0.0 ? 1 : 0;
    size_t n = 0;
    for (size_t k = 0; k < chain->n; k++) {
        if (chain->place[k] % 2 == weak)
            continue;
        chain->at[n] = chain->at[k];
        chain->place[n++] = chain->place[k] / 2;
    }
    chain->n = n;
    chain->period_s *= 2.0;
    return true;
}

static bool is_single(const struct chain *chain, size_t k)
{
    return chain->place[k + 1] - chain->place[k] == 1;
}

static bool is_sure(const struct view *v, size_t i, size_t j, double period_s)
{
    const double onset = (v->onset_s[j] - v->onset_s[i]) / period_s;
    const double middle = (v->middle_s[j] - v->middle_s[i]) / period_s;
    const double most = v->share[j] >= SURE_SHARE ? SURE_DEVIATION : SURE_DEVIATION_WEAK;
    return fmin(fabs(onset - 1.0), fabs(middle - 1.0)) <= most;
}

/* Whether the chain is to be believed; if so, its period is the known one from now on. */
static bool believe(struct emg_stride *q, const struct view *v, const struct chain *chain)
{
    double single_s[BURSTS];
    size_t n = 0;
    for (size_t k = chain->n - 1; k-- > 0;) {
        if (is_single(chain, k))
            single_s[n++] = v->onset_s[chain->at[k + 1]] - v->onset_s[chain->at[k]];
    }
    const bool is_near = fabs(chain->period_s / q->period_s - 1.0) <= TOLERANCE;
    size_t unexplained = 0;
    for (size_t i = chain->at[0]; i-- > 0 && unexplained < UNEXPLAINED;)
        unexplained += q->bursts[i].onset_frame > q->end_frame;
    const double enough = is_near ? TRACKED : ACQUIRED + PER_UNEXPLAINED * (double)unexplained;
    if (chain->score < enough || n == 0 || (!is_near && n < ACQUIRED_CYCLES))
        return false;
    q->period_s = median(single_s, n < PERIOD_OF ? n : PERIOD_OF);
    q->since_believed = 0;
    return true;
}

/* Gives the chain's cycles that are not given yet; is_last: no more contractions will come. */
static void give(struct emg_stride *q, const struct view *v, const struct chain *chain, bool is_last)
{
    for (size_t k = 0; k + 1 < chain->n; k++) {
        const size_t i = chain->at[k];
        const size_t j = chain->at[k + 1];
        if (!is_single(chain, k) || q->bursts[i].onset_frame < q->end_frame)
            continue;
        if (j + 1 == v->n && !is_last && !is_sure(v, i, j, chain->period_s))
            continue;
        push(q, q->bursts[i].onset_frame, q->bursts[j].onset_frame);
    }
}

/* Returns whether there is a chain to believe in. */
static bool conclude(struct emg_stride *q, bool is_last)
{
    struct view v;
    struct chain chain;
    look(q, &v);
    find_chain(q, &v, &chain);
    if (chain.n == 0 || !settle_alternation(&v, &chain) || !believe(q, &v, &chain))
        return false;
    give(q, &v, &chain, is_last);
    return true;
}

static void keep(struct emg_stride *q, const struct emg_stride_burst *burst)
{
    if (q->n_bursts == BURSTS) {
        memmove(q->bursts, q->bursts + 1, (BURSTS - 1) * sizeof q->bursts[0]);
        q->n_bursts--;
        q->after_a_gap = false;
    }
    q->bursts[q->n_bursts++] = *burst;
}

void emg_stride_burst(struct emg_stride *q, const struct emg_stride_burst *burst)
{
    if (q->config.source != EMG_STRIDE_EMG || burst->onset_frame < q->now_frame ||
        burst->offset_frame <= burst->onset_frame || !isfinite(burst->iemg_uv_s) || !(burst->iemg_uv_s > 0.0))
        return;
    keep(q, burst);
    q->now_frame = burst->offset_frame;
    if (!conclude(q, false) && ++q->since_believed == FORGOTTEN_AFTER)
        q->period_s = NAN;
}

void emg_stride_finish(struct emg_stride *q)
{
    if (q->n_bursts > 0)
        (void)conclude(q, true);
}

bool emg_stride_next(struct emg_stride *q, struct emg_stride_cycle *cycle)
{
    if (q->n_waiting == 0)
        return false;
    *cycle = q->waiting[q->first_waiting];
    q->first_waiting = (q->first_waiting + 1) % WAITING;
    q->n_waiting--;
    return true;
}

struct emg_stride_state emg_stride_state(const struct emg_stride *q)
{
    struct emg_stride_state state = {q->strides, NAN};
    if (q->strides == 0 || seconds(q, q->end_frame, q->now_frame) > STALE_S)
        return state;
    double newest_s[NEWEST];
    const size_t n = q->strides < NEWEST ? q->strides : NEWEST;
    memcpy(newest_s, q->newest_s, n * sizeof newest_s[0]);
    state.cadence_steps_per_min = 120.0 / median(newest_s, n);
    return state;
}

void emg_stride_interrupt(struct emg_stride *q, uint64_t first_frame)
{
    if (q->footswitch != NULL)
        emg_footswitch_reset(q->footswitch);
    q->has_contact = false;
    q->n_bursts = 0;
    q->after_a_gap = true;
    q->now_frame = first_frame;
}

void emg_stride_reset(struct emg_stride *q)
{
    *q = (struct emg_stride){.config = q->config, .footswitch = q->footswitch, .period_s = NAN};
    emg_stride_interrupt(q, 0);
}

void emg_stride_destroy(struct emg_stride *q)
{
    if (q == NULL)
        return;
    emg_footswitch_destroy(q->footswitch);
    free(q);
}
