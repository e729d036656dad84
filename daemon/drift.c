#include "daemon/drift.h"

#include <math.h>

enum {
    SLOTS = EMG_DRIFT_SLOTS,
    MIN_POINTS = 3,      /* for a fit */
    SETTLED_POINTS = 10, /* for a fit that is published, and no longer stepped to */
    MAX_PAIRS = SLOTS * (SLOTS - 1) / 2,
};

static const double MAX_SLOT_S = 32;
static const double SLEW_S = 10;
static const double UNKNOWN_SLOPE_SE = 150e-6; /* what cheap crystals are sold as */
static const double RESTART_SLOPE_SE = 5e-6;

void emg_drift_init(struct emg_drift *q, double nominal_rate_hz)
{
    *q = (struct emg_drift){
        .rate_hz = nominal_rate_hz,
        .slot_s = 1,
        .prior_se = UNKNOWN_SLOPE_SE,
        .slope_se = UNKNOWN_SLOPE_SE,
    };
}

/* Signed: frames before the origin are asked for, too. */
static double device_s(const struct emg_drift *q, uint64_t frame)
{
    return (double)(int64_t)(frame - q->origin_frame) / q->rate_hz;
}

static double host_s(const struct emg_drift_point *p)
{
    return p->device_s + p->delay_s;
}

static double slot_of(const struct emg_drift *q, const struct emg_drift_point *p)
{
    return floor(host_s(p) / q->slot_s);
}

/* The least delayed of two callbacks: the later one has drifted since. */
static struct emg_drift_point least(const struct emg_drift *q, struct emg_drift_point a,
                                    struct emg_drift_point b)
{
    return b.delay_s - a.delay_s < q->slope * (b.device_s - a.device_s) ? b : a;
}

static double line_s(const struct emg_drift *q, double at_s)
{
    const double left = 1 - (at_s - q->slew_from_s) / SLEW_S;
    return q->offset_s + q->slope * at_s + q->slew_s * fmin(fmax(left, 0), 1);
}

static void double_slots(struct emg_drift *q)
{
    size_t n = 0;
    q->slot_s *= 2;
    for (size_t i = 0; i < q->n; i++) {
        const struct emg_drift_point p = q->points[i];
        if (n > 0 && slot_of(q, &q->points[n - 1]) == slot_of(q, &p))
            q->points[n - 1] = least(q, q->points[n - 1], p);
        else
            q->points[n++] = p;
    }
    q->n = n;
}

static void drop_oldest(struct emg_drift *q)
{
    q->n--;
    for (size_t i = 0; i < q->n; i++)
        q->points[i] = q->points[i + 1];
}

/* Returns whether the point opened a new slot. */
static bool keep(struct emg_drift *q, struct emg_drift_point p)
{
    while (q->n > 0 && slot_of(q, &p) - slot_of(q, &q->points[0]) >= SLOTS) {
        if (q->slot_s < MAX_SLOT_S)
            double_slots(q);
        else
            drop_oldest(q);
    }
    if (q->n > 0) {
        const double slots = slot_of(q, &p) - slot_of(q, &q->points[q->n - 1]);
        if (slots == 0)
            q->points[q->n - 1] = least(q, q->points[q->n - 1], p);
        if (slots <= 0)
            return false;
    }
    q->points[q->n++] = p;
    return true;
}

/* By insertion: qsort may allocate. */
static void sort(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const double v = x[i];
        size_t k = i;
        for (; k > 0 && x[k - 1] > v; k--)
            x[k] = x[k - 1];
        x[k] = v;
    }
}

/* Of sorted values, at a rank between 0 and n - 1. */
static double at_rank(const double *x, size_t n, double rank)
{
    const double r = fmin(fmax(rank, 0), (double)(n - 1));
    const size_t below = (size_t)r;
    const size_t above = below + 1 < n ? below + 1 : below;
    return x[below] + (r - (double)below) * (x[above] - x[below]);
}

/* Median slope of the first n points, by its own precision and that of what was known before. */
static void fit_slope(struct emg_drift *q, size_t n)
{
    double slopes[MAX_PAIRS];
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            const double dx = q->points[k].device_s - q->points[i].device_s;
            slopes[m++] = (q->points[k].delay_s - q->points[i].delay_s) / dx;
        }
    sort(slopes, m);

    /* Kendall's S has the SD of n (n - 1) (2 n + 5) / 18; half of it counts as many slopes. */
    const double k = (double)n;
    const double ranks = sqrt(k * (k - 1) * (2 * k + 5) / 18) / 2;
    const double middle = ((double)m - 1) / 2;
    const double se = (at_rank(slopes, m, middle + ranks) - at_rank(slopes, m, middle - ranks)) / 2;
    const double prior = q->prior_se * q->prior_se;
    const double weight = prior / (prior + se * se);
    q->slope = q->prior_slope + weight * (at_rank(slopes, m, middle) - q->prior_slope);
    q->slope_se = se * sqrt(weight);
}

static void fit_offset(struct emg_drift *q, size_t n)
{
    double rest_s[SLOTS];
    for (size_t i = 0; i < n; i++)
        rest_s[i] = q->points[i].delay_s - q->slope * q->points[i].device_s;
    sort(rest_s, n);
    q->offset_s = at_rank(rest_s, n, ((double)n - 1) / 4);
}

static void fit(struct emg_drift *q, double now_s)
{
    const size_t n = q->n - 1;
    const double before_s = line_s(q, now_s);
    if (n < MIN_POINTS)
        return;
    fit_slope(q, n);
    fit_offset(q, n);
    q->slew_s = 0;
    if (q->settled) {
        q->slew_s = before_s - line_s(q, now_s);
        q->slew_from_s = now_s;
    }
    if (n >= SETTLED_POINTS)
        q->settled = q->known = true;
}

static void begin(struct emg_drift *q, uint64_t frames, int64_t host_ns)
{
    q->begun = true;
    q->settled = false;
    q->origin_frame = q->newest_frame = frames;
    q->origin_ns = host_ns;
    q->slot_s = 1;
    q->n = 1;
    q->points[0] = (struct emg_drift_point){0};
    q->prior_slope = q->slope;
    q->prior_se = q->slope_se;
    q->offset_s = q->slew_s = q->slew_from_s = 0;
}

void emg_drift_restart(struct emg_drift *q, uint64_t frames, int64_t host_ns)
{
    if (q->begun)
        q->slope_se = fmin(hypot(q->slope_se, RESTART_SLOPE_SE), UNKNOWN_SLOPE_SE);
    begin(q, frames, host_ns);
}

void emg_drift_add(struct emg_drift *q, uint64_t frames, int64_t host_ns)
{
    if (!q->begun) {
        begin(q, frames, host_ns);
        return;
    }
    const double now_s = device_s(q, frames);
    const double heard_s = (double)(host_ns - q->origin_ns) / 1e9;
    if (heard_s - host_s(&q->points[q->n - 1]) > SLOTS * MAX_SLOT_S) {
        emg_drift_restart(q, frames, host_ns);
        return;
    }
    if (frames <= q->newest_frame)
        return;
    q->newest_frame = frames;
    const struct emg_drift_point p = {.device_s = now_s, .delay_s = heard_s - now_s};
    /* Before the first fit the line goes through the least delayed of all. */
    if (q->n <= MIN_POINTS && !q->settled)
        q->offset_s = fmin(q->offset_s, p.delay_s - q->slope * now_s);
    if (keep(q, p))
        fit(q, now_s);
}

struct emg_drift_state emg_drift_state(const struct emg_drift *q)
{
    struct emg_drift_state state = {.ppm = NAN, .ppm_se = NAN};
    if (q->known) {
        /* The host's seconds in one of the device's. */
        const double ratio = 1 + q->slope;
        state.ppm = -q->slope / ratio * 1e6;
        state.ppm_se = q->slope_se / (ratio * ratio) * 1e6;
    }
    if (q->n > 1)
        state.window_s = host_s(&q->points[q->n - 2]) - host_s(&q->points[0]);
    return state;
}

int64_t emg_drift_time_ns(const struct emg_drift *q, uint64_t frame)
{
    if (!q->begun)
        return 0;
    const double at_s = device_s(q, frame);
    return q->origin_ns + llround((at_s + line_s(q, at_s)) * 1e9);
}

double emg_drift_frames(const struct emg_drift *q, double seconds)
{
    return seconds * q->rate_hz / (1 + q->slope);
}
