#include "dsp/trend.h"

#include <math.h>
#include <stdlib.h>

#define CAPACITY_MAX ((size_t)1 << 24)

enum { BREAK_POINTS = 8, BREAKS = 64 };
static const double BREAK_SHARE = 0.15;
static const double EVIDENT = 16.0;
static const double HIGHEST_R = 0.95;

struct point {
    double t_s;
    double value;
    double weight; /* 1 / se^2 */
};

struct emg_trend {
    size_t capacity;
    size_t count;
    size_t per_point; /* points given that a full point stands for */
    size_t in_newest; /* points given that the newest point stands for */
    double first_t_s; /* of the points given: merging moves the kept ones */
    double last_t_s;
    struct point *points; /* [capacity] */
};

enum emg_error emg_trend_create(struct emg_trend **out, size_t capacity)
{
    *out = NULL;
    if (capacity < 16 || capacity % 2 != 0 || capacity > CAPACITY_MAX) {
        return EMG_ERROR_ARGUMENT;
    }
    struct emg_trend *q = calloc(1, sizeof *q);
    if (!q) {
        return EMG_ERROR_MEMORY;
    }
    q->points = calloc(capacity, sizeof *q->points);
    if (!q->points) {
        free(q);
        return EMG_ERROR_MEMORY;
    }
    q->capacity = capacity;
    emg_trend_reset(q);
    *out = q;
    return EMG_OK;
}

/* Written as a step from a to b so that points at one time stay at exactly that time. */
static struct point merged(struct point a, struct point b)
{
    const double weight = a.weight + b.weight;
    const double part = b.weight / weight;
    return (struct point){
        .t_s = a.t_s + (b.t_s - a.t_s) * part,
        .value = a.value + (b.value - a.value) * part,
        .weight = weight,
    };
}

void emg_trend_execute(struct emg_trend *q, double t_s, double value, double se)
{
    const double weight = 1.0 / (se * se);
    if (!isfinite(t_s) || !isfinite(value) || !(se > 0.0) || !isfinite(weight) || !(weight > 0.0)) {
        return;
    }
    if (q->count == 0) {
        q->first_t_s = t_s;
    } else if (t_s < q->last_t_s) {
        return;
    }
    q->last_t_s = t_s;

    const struct point point = {.t_s = t_s, .value = value, .weight = weight};
    if (q->count > 0 && q->in_newest < q->per_point) {
        q->points[q->count - 1] = merged(q->points[q->count - 1], point);
        q->in_newest++;
        return;
    }
    if (q->count == q->capacity) {
        q->count /= 2;
        for (size_t i = 0; i < q->count; i++) {
            q->points[i] = merged(q->points[2 * i], q->points[2 * i + 1]);
        }
        q->per_point *= 2;
    }
    q->points[q->count] = point;
    q->count++;
    q->in_newest = 1;
}

/* 97.5 % quantile of Student's t: a table, then the expansion about the normal quantile in 1 / dof
 * (Abramowitz & Stegun 26.7.5), which is within 3e-5 from 8 degrees of freedom on. */
static double student_t975(size_t dof)
{
    static const double table[] = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624};
    if (dof <= sizeof table / sizeof table[0]) {
        return table[dof - 1];
    }
    const double v = 1.0 / (double)dof;
    return 1.95996398 + v * (2.37227123 + v * (2.82249864 + v * (2.55585 + v * 1.58953)));
}

struct line {
    double mean_t_s; /* after first_t_s */
    double mean;
    double slope_per_s;
    double weight;
    double t_square; /* weighted sum of squared distances from the mean time */
};

/* What turns the line into a broken one: change_per_s times the part of h(t) = max(t - t_s, 0) that no line
 * can follow. All zero: no break. Times are after the line's mean time. */
struct bend {
    double t_s;
    double mean;          /* of h */
    double slope;         /* of the line through h */
    double change_per_s;  /* of slope, at the break */
    double drop;          /* in the weighted sum of squared residuals */
    double last_t_square; /* as in struct line, for the points after the break */
};

static double line_time(const struct emg_trend *q, const struct line *line, size_t i)
{
    return q->points[i].t_s - q->first_t_s - line->mean_t_s;
}

static double residual(const struct emg_trend *q, const struct line *line, const struct bend *bend, size_t i)
{
    const double t = line_time(q, line, i);
    const double h = fmax(t - bend->t_s, 0.0) - bend->mean - bend->slope * t;
    return q->points[i].value - line->mean - line->slope_per_s * t - bend->change_per_s * h;
}

static struct line fit_line(const struct emg_trend *q)
{
    double w = 0.0;
    double wt = 0.0;
    double wv = 0.0;
    for (size_t i = 0; i < q->count; i++) {
        const struct point *p = &q->points[i];
        w += p->weight;
        wt += p->weight * (p->t_s - q->first_t_s);
        wv += p->weight * p->value;
    }
    struct line line = {.mean_t_s = wt / w, .mean = wv / w, .weight = w};
    double tv = 0.0;
    for (size_t i = 0; i < q->count; i++) {
        const struct point *p = &q->points[i];
        const double t = line_time(q, &line, i);
        line.t_square += p->weight * t * t;
        tv += p->weight * t * (p->value - line.mean);
    }
    line.slope_per_s = tv / line.t_square;
    return line;
}

/* Weighted sums over the points after a time; r: residual about the line. */
struct sums {
    double w, t, tt, r, tr;
};

static struct bend bend_at(double t_s, const struct sums *after, const struct line *line)
{
    const double h = after->t - t_s * after->w;
    const double ht = after->tt - t_s * after->t;
    const double hh = ht - t_s * h;
    const double hr = after->tr - t_s * after->r;
    const double h_square = hh - h * h / line->weight - ht * ht / line->t_square;
    const double last_t_square = after->tt - after->t * after->t / after->w;
    /* What is left of h when nearly all weight lies in a few points is rounding. */
    if (!(h_square > 1e-9 * hh) || !(last_t_square > 1e-9 * after->tt)) {
        return (struct bend){0};
    }
    return (struct bend){
        .t_s = t_s,
        .mean = h / line->weight,
        .slope = ht / line->t_square,
        .change_per_s = hr / h_square,
        .drop = hr * hr / h_square,
        .last_t_square = last_t_square,
    };
}

/* The best of BREAKS times between the points that leave enough on either side; all zero without such. */
static struct bend best_bend(const struct emg_trend *q, const struct line *line)
{
    const struct bend none = {0};
    const size_t share = (size_t)ceil(BREAK_SHARE * (double)q->count);
    const size_t side = share > BREAK_POINTS ? share : BREAK_POINTS;
    if (q->count < 2 * side) {
        return none;
    }
    const double first = line_time(q, line, side - 1);
    const double last = line_time(q, line, q->count - side);
    struct bend best = none;
    struct sums after = {0};
    size_t i = q->count;
    for (size_t k = BREAKS; k > 0; k--) {
        const double t_s = first + (last - first) * (double)(k - 1) / (BREAKS - 1);
        for (; line_time(q, line, i - 1) > t_s; i--) {
            const double t = line_time(q, line, i - 1);
            const double w = q->points[i - 1].weight;
            const double wr = w * residual(q, line, &none, i - 1);
            after.w += w;
            after.t += w * t;
            after.tt += w * t * t;
            after.r += wr;
            after.tr += wr * t;
        }
        const struct bend bend = bend_at(t_s, &after, line);
        if (bend.drop > best.drop) {
            best = bend;
        }
    }
    return best;
}

struct noise {
    double variance; /* of a point of weight 1, as far as it matters to a slope */
    double dof;      /* at least 1 */
};

/* Residuals about a fit that spent `parameters` on the points. Lag-1 autocorrelation r makes n points worth
 * n (1 - r) / (1 + r) independent ones (Bayley & Hammersley 1946). Noise that the errors promise and the
 * residuals lack has none. */
static struct noise noise_about(const struct emg_trend *q, const struct line *line, const struct bend *bend,
                                double parameters)
{
    const double n = (double)q->count;
    double chi_square = 0.0;
    double lagged = 0.0;
    double before = 0.0;
    for (size_t i = 0; i < q->count; i++) {
        const double scaled = residual(q, line, bend, i) * sqrt(q->points[i].weight);
        chi_square += scaled * scaled;
        lagged += scaled * before;
        before = scaled;
    }
    double r = 0.0;
    if (lagged > 0.0) {
        /* A fit follows slow noise, so that r comes out (p + (p + 2) r) / n too small (Kendall 1954, for a
         * mean); and what 1 / sqrt(n) of chance adds to it must not widen the interval of white noise. */
        r = fmin(lagged / fmax(chi_square, n - parameters) * (1.0 + (parameters + 2.0) / n) + parameters / n,
                 HIGHEST_R);
        r = sqrt(fmax(r * r - 1.0 / n, 0.0));
    }
    const double independent = n * (1.0 - r) / (1.0 + r);
    const double dof = fmax(independent - parameters, 1.0);
    const double spread = fmax(chi_square / n * independent / dof, 1.0);
    return (struct noise){.variance = spread * n / independent, .dof = dof};
}

/* The drop in squared residuals as the square of a normal deviate (Wallace 1959 for Student's t). */
static bool is_evident(const struct bend *bend, const struct noise *noise)
{
    const double correction = (8.0 * noise->dof + 1.0) / (8.0 * noise->dof + 3.0);
    const double square = noise->dof * log1p(bend->drop / noise->variance / noise->dof);
    return square * correction * correction > EVIDENT;
}

static double half_per_min(const struct noise *noise, double t_square)
{
    return 60.0 * student_t975((size_t)noise->dof) * sqrt(noise->variance / t_square);
}

struct emg_trend_fit emg_trend_fit(const struct emg_trend *q)
{
    struct emg_trend_fit fit = {.points = q->count,
                                .duration_s = q->count > 0 ? q->last_t_s - q->first_t_s : 0.0,
                                .intercept = NAN,
                                .slope_per_min = NAN,
                                .ci95_low_per_min = NAN,
                                .ci95_high_per_min = NAN,
                                .break_s = NAN,
                                .last_per_min = NAN,
                                .last_ci95_low_per_min = NAN,
                                .last_ci95_high_per_min = NAN};
    if (q->count < 3) {
        return fit;
    }
    const struct line line = fit_line(q);
    if (!(line.t_square > 0.0)) {
        return fit;
    }
    struct bend bend = best_bend(q, &line);
    struct noise noise = noise_about(q, &line, &bend, 4.0);
    fit.broken = is_evident(&bend, &noise);
    if (!fit.broken) {
        bend = (struct bend){0};
        noise = noise_about(q, &line, &bend, 2.0);
    }
    const double half = half_per_min(&noise, line.t_square);
    fit.intercept = line.mean - line.slope_per_s * line.mean_t_s;
    fit.slope_per_min = 60.0 * line.slope_per_s;
    fit.ci95_low_per_min = fit.slope_per_min - half;
    fit.ci95_high_per_min = fit.slope_per_min + half;

    /* To first order a break that is itself estimated leaves the last slope as uncertain as a line of its own
     * through the points after it (the break's derivative is a step there). */
    const double last_half = fit.broken ? half_per_min(&noise, bend.last_t_square) : half;
    if (fit.broken) {
        fit.break_s = line.mean_t_s + bend.t_s;
    }
    fit.last_per_min = fit.slope_per_min + 60.0 * bend.change_per_s * (1.0 - bend.slope);
    fit.last_ci95_low_per_min = fit.last_per_min - last_half;
    fit.last_ci95_high_per_min = fit.last_per_min + last_half;
    return fit;
}

void emg_trend_reset(struct emg_trend *q)
{
    q->count = 0;
    q->per_point = 1;
    q->in_newest = 0;
    q->first_t_s = 0.0;
    q->last_t_s = 0.0;
}

void emg_trend_destroy(struct emg_trend *q)
{
    if (!q) {
        return;
    }
    free(q->points);
    free(q);
}
