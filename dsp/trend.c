#include "dsp/trend.h"

#include <math.h>
#include <stdlib.h>

#define CAPACITY_MAX ((size_t)1 << 24)

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
    double t_square; /* weighted sum of squared distances from the mean time */
};

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
    struct line line = {.mean_t_s = wt / w, .mean = wv / w};
    double tv = 0.0;
    for (size_t i = 0; i < q->count; i++) {
        const struct point *p = &q->points[i];
        const double t = p->t_s - q->first_t_s - line.mean_t_s;
        line.t_square += p->weight * t * t;
        tv += p->weight * t * (p->value - line.mean);
    }
    line.slope_per_s = tv / line.t_square;
    return line;
}

/* Variance of the slope in (unit per second)^2. */
static double slope_variance(const struct emg_trend *q, const struct line *line)
{
    double chi_square = 0.0;
    double lagged = 0.0;
    double before = 0.0;
    for (size_t i = 0; i < q->count; i++) {
        const struct point *p = &q->points[i];
        const double t = p->t_s - q->first_t_s - line->mean_t_s;
        const double residual = (p->value - line->mean - line->slope_per_s * t) * sqrt(p->weight);
        chi_square += residual * residual;
        lagged += residual * before;
        before = residual;
    }
    const double r = lagged > 0.0 ? lagged / chi_square : 0.0;
    const double spread = fmax(chi_square / (double)(q->count - 2), 1.0);
    return spread * (1.0 + r) / (1.0 - r) / line->t_square;
}

struct emg_trend_fit emg_trend_fit(const struct emg_trend *q)
{
    struct emg_trend_fit fit = {.points = q->count,
                                .duration_s = q->count > 0 ? q->last_t_s - q->first_t_s : 0.0,
                                .intercept = NAN,
                                .slope_per_min = NAN,
                                .ci95_low_per_min = NAN,
                                .ci95_high_per_min = NAN};
    if (q->count < 3) {
        return fit;
    }
    const struct line line = fit_line(q);
    if (!(line.t_square > 0.0)) {
        return fit;
    }
    const double half_per_s = student_t975(q->count - 2) * sqrt(slope_variance(q, &line));
    fit.intercept = line.mean - line.slope_per_s * line.mean_t_s;
    fit.slope_per_min = 60.0 * line.slope_per_s;
    fit.ci95_low_per_min = 60.0 * (line.slope_per_s - half_per_s);
    fit.ci95_high_per_min = 60.0 * (line.slope_per_s + half_per_s);
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
