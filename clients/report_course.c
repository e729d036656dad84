#include "clients/report_charts.h"

#include "clients/report_figures.h"
#include "clients/report_svg.h"
#include "clients/report_text.h"

#include <math.h>

enum { POINTS = 72 }; /* drawn of a course, at most about */

struct range {
    double low, high;
};

static double minutes(const struct emg_report *r, uint64_t frame)
{
    return emg_report_seconds(r, frame) / 60;
}

/* Takes the MDFs of the stages, with their standard errors, into a range. */
static void extend(const struct emg_report *r, size_t muscle, struct range *range)
{
    for (size_t i = 0; muscle != EMG_REPORT_NO_MUSCLE && i < r->muscles[muscle].n_spectra; i++) {
        const size_t stage = emg_report_stage_of(r, r->muscles[muscle].spectra[i].frame);
        if (stage == EMG_REPORT_STAGE_NONE || !emg_report_is_of_stage(r, stage, muscle, i))
            continue;
        const struct emg_fatigue_indices *indices = &r->muscles[muscle].spectra[i].of.spectral.indices;
        range->low = fmin(range->low, indices->mdf_hz - indices->mdf_se_hz);
        range->high = fmax(range->high, indices->mdf_hz + indices->mdf_se_hz);
    }
}

static void draw_points(const struct emg_report *r, const struct emg_svg_frame *f, size_t muscle)
{
    const struct emg_report_muscle *m = &r->muscles[muscle];
    const bool left = emg_report_side_of(r, muscle) == EMG_SIDE_LEFT;
    const size_t every = 1 + m->n_spectra / POINTS;
    for (size_t i = 0; i < m->n_spectra; i += every) {
        const struct emg_report_spectrum *s = &m->spectra[i];
        const size_t stage = emg_report_stage_of(r, s->frame);
        if (stage == EMG_REPORT_STAGE_NONE || !emg_report_is_of_stage(r, stage, muscle, i))
            continue;
        const double x = minutes(r, s->frame), y = s->of.spectral.indices.mdf_hz,
                     se = s->of.spectral.indices.mdf_se_hz;
        emg_svg_line(f, "se", x, y - se, x, y + se);
        emg_svg_dot(f, left ? "dot left" : "dot right", x, y, 1.8);
    }
}

/* Time at which the trend of a stage begins, minutes: with the first spectrum that counts. NaN: it has none.
 */
static double trend_begin(const struct emg_report *r, size_t stage, size_t muscle)
{
    const struct emg_report_muscle *m = &r->muscles[muscle];
    for (size_t i = 0; i < m->n_spectra; i++)
        if (emg_report_is_of_stage(r, stage, muscle, i))
            return minutes(r, m->spectra[i].frame);
    return NAN;
}

/* Mean time and MDF of a stage from a time on. */
static void centre(const struct emg_report *r, size_t stage, size_t muscle, double from, double *x, double *y)
{
    const struct emg_report_muscle *m = &r->muscles[muscle];
    double n = 0, sum_x = 0, sum_y = 0;
    for (size_t i = 0; i < m->n_spectra; i++) {
        const double at = minutes(r, m->spectra[i].frame);
        if (at < from || !emg_report_is_of_stage(r, stage, muscle, i))
            continue;
        n++;
        sum_x += at;
        sum_y += m->spectra[i].of.spectral.indices.mdf_hz;
    }
    *x = sum_x / n;
    *y = sum_y / n;
}

/* The straight line as published; where it broke, that is thin and the slope since then stands out. The band
 * is what the slope's interval leaves open about the middle of the stage. */
static void draw_trend(const struct emg_report *r, const struct emg_svg_frame *f, size_t stage, size_t muscle)
{
    const struct emg_report_figures figures = emg_report_figures(r, stage, muscle);
    size_t n = 0;
    const double begin = trend_begin(r, stage, muscle),
                 end = minutes(r, emg_report_stages(r, &n)[stage - 1].end_frame);
    if (figures.end == NULL || !isfinite(begin))
        return;
    const struct emg_spectral_fatigue *s = &figures.end->spectral;
    const double intercept = 100 * s->slope_hz_per_min / s->slope_percent_per_min;
    const double x[] = {begin, (begin + end) / 2, end};
    double low[3], high[3];
    for (size_t i = 0; i < 3; i++) {
        const double middle = intercept + s->slope_hz_per_min * (x[1] - begin);
        const double a = middle + s->slope_ci95_percent_per_min[0] / 100 * intercept * (x[i] - x[1]);
        const double b = middle + s->slope_ci95_percent_per_min[1] / 100 * intercept * (x[i] - x[1]);
        low[i] = fmax(fmin(a, b), f->y0);
        high[i] = fmin(fmax(a, b), f->y1);
    }
    if (s->seconds > 0 && high[0] - low[0] < f->y1 - f->y0)
        emg_svg_band(f, "band trend", x, low, high, 3);
    const bool broken = isfinite(s->break_s);
    emg_svg_line(f, broken ? "trend thin" : "trend", begin, intercept, end,
                 intercept + s->slope_hz_per_min * (end - begin));
    if (!broken)
        return;
    const double from = begin + s->break_s / 60;
    double mean_x = NAN, mean_y = NAN;
    centre(r, stage, muscle, from, &mean_x, &mean_y);
    const double slope = s->recent_percent_per_min / 100 * intercept;
    emg_svg_line(f, "trend", from, mean_y + slope * (from - mean_x), end, mean_y + slope * (end - mean_x));
}

static void draw_stages(const struct emg_report *r, const struct emg_svg_frame *f)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    for (size_t i = 0; n > 1 && i < n; i++) {
        const double begin = minutes(r, stages[i].first_frame), end = minutes(r, stages[i].end_frame);
        char number[24];
        (void)snprintf(number, sizeof number, "%zu", i + 1);
        emg_svg_text(f->out, "tick", (emg_svg_x(f, begin) + emg_svg_x(f, end)) / 2, f->top - 6, "middle",
                     number);
        if (i > 0)
            emg_svg_line(f, "boundary", begin, f->y0, begin, f->y1);
    }
}

/* As the last spectrum had it, NaN: not known. */
static double baseline_of(const struct emg_report *r, size_t muscle)
{
    if (muscle == EMG_REPORT_NO_MUSCLE || r->muscles[muscle].n_spectra == 0)
        return NAN;
    return r->muscles[muscle].spectra[r->muscles[muscle].n_spectra - 1].of.spectral.baseline_mdf_hz;
}

void emg_report_chart_course(const struct emg_report *r, FILE *out, size_t muscle, size_t other)
{
    static const char *const words[] = {"? undetermined", "\xe2\x96\xbc fatiguing", "\xe2\x97\x8f steady",
                                        "\xe2\x96\xb2 recovering"};
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    struct range range = {INFINITY, -INFINITY};
    extend(r, muscle, &range);
    extend(r, other, &range);
    const double baseline = baseline_of(r, muscle), other_baseline = baseline_of(r, other);
    range.low =
        fmin(range.low, fmin(baseline, other_baseline)); /* which fmin leaves out where it is not known */
    range.high = fmax(range.high, fmax(baseline, other_baseline));
    const bool empty = !(range.high > range.low);
    if (empty)
        range = (struct range){0, 100};
    const double begin = minutes(r, stages[0].first_frame), end = minutes(r, stages[n - 1].end_frame);
    const double step = emg_svg_step(fmax(range.high - range.low, 8), 4);
    const struct emg_svg_frame f = {out,
                                    40,
                                    52,
                                    296,
                                    124,
                                    begin,
                                    fmax(end, begin + 1e-3),
                                    step * floor(range.low / step),
                                    step * ceil(range.high / step)};
    char title[EMG_REPORT_NAME_SIZE];
    (void)emg_report_title(title, r->wire.muscles[muscle]);
    emg_svg_begin(out, 352, 208, title,
                  "Median frequency over time, its standard error, and its trend in each stage");
    emg_svg_text(out, "title", 4, 15, "start", title);
    emg_svg_text(out, "title verdict", 336, 31, "end", words[emg_report_judge(r, muscle).verdict]);
    emg_svg_y_axis(&f, step, "MDF, Hz");
    draw_stages(r, &f);
    if (isfinite(baseline)) {
        emg_svg_line(&f, "fresh", f.x0, baseline, f.x1, baseline);
        emg_svg_text(out, "fresh-text", f.left + f.width + 2, emg_svg_y(&f, baseline) - 3, "end", "baseline");
    }
    if (empty)
        emg_svg_text(out, "label", f.left + f.width / 2, f.top + f.height / 2, "middle", "no spectrum");
    draw_points(r, &f, muscle);
    for (size_t i = 0; i < n; i++)
        draw_trend(r, &f, i + 1, muscle);
    emg_svg_line(&f, "axis", f.x0, f.y0, f.x1, f.y0);
    emg_svg_time_axis(&f, 8);
    emg_svg_end(out);
}
