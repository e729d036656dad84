#include "clients/report_charts.h"

#include "clients/report_figures.h"
#include "clients/report_svg.h"
#include "clients/report_text.h"

#include <math.h>
#include <string.h>

static const char *const side_styles[] = {[EMG_SIDE_LEFT] = "left", [EMG_SIDE_RIGHT] = "right"};
static const char *const side_letters[] = {[EMG_SIDE_LEFT] = "L", [EMG_SIDE_RIGHT] = "R"};

static size_t rank_of(const struct emg_report *r, size_t muscle)
{
    static const char *const first[] = {"soleus", "gastrocnemius_medialis", "gastrocnemius_lateralis"};
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        if (strcmp(emg_report_bare_name(r, muscle), first[i]) == 0)
            return i;
    return sizeof first / sizeof first[0];
}

static bool comes_before(const struct emg_report *r, size_t a, size_t b)
{
    const size_t rank_a = rank_of(r, a), rank_b = rank_of(r, b);
    if (rank_a != rank_b)
        return rank_a < rank_b;
    const int name = strcmp(emg_report_bare_name(r, a), emg_report_bare_name(r, b));
    return name != 0 ? name < 0 : emg_report_side_of(r, a) < emg_report_side_of(r, b);
}

void emg_report_order(const struct emg_report *r, size_t order[EMG_MAX_CHANNELS])
{
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        size_t k = i;
        for (; k > 0 && comes_before(r, i, order[k - 1]); k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

static double minutes(const struct emg_report *r, uint64_t frame)
{
    return emg_report_seconds(r, frame) / 60;
}

/* --- protocol --- */

static void draw_measurement(const struct emg_report *r, const struct emg_svg_frame *f,
                             const struct emg_report_event *event)
{
    const char *style = event->topic == EMG_TOPIC_EVENT_REST        ? "rest"
                        : event->topic == EMG_TOPIC_EVENT_REFERENCE ? "reference"
                                                                    : "baseline";
    const double end = minutes(r, event->frame), begin = end - event->result.seconds / 60;
    const double x = emg_svg_x(f, fmax(begin, f->x0));
    emg_svg_rectangle(f->out, style, x, f->top + 44, fmax(emg_svg_x(f, end) - x, 2), 12);
}

static void draw_stage(const struct emg_report *r, const struct emg_svg_frame *f, size_t number,
                       const struct emg_report_stage *stage)
{
    char label[EMG_TEXT_SIZE + 16];
    const double x = emg_svg_x(f, minutes(r, stage->first_frame));
    const double width = emg_svg_x(f, minutes(r, stage->end_frame)) - x;
    if (stage->told.number > 0)
        (void)snprintf(label, sizeof label, "%zu: %s", number, stage->told.label);
    else
        (void)snprintf(label, sizeof label, "%s", stage->told.label);
    emg_svg_rectangle(f->out, number % 2 != 0 ? "stage" : "stage even", x, f->top, width, 36);
    if (6.2 * (double)strlen(label) < width)
        emg_svg_text(f->out, "label", x + width / 2, f->top + 23, "middle", label);
    else if (width > 12) {
        (void)snprintf(label, sizeof label, "%zu", number);
        emg_svg_text(f->out, "label", x + width / 2, f->top + 23, "middle", label);
    }
}

void emg_report_chart_protocol(const struct emg_report *r, FILE *out)
{
    const double end = fmax(minutes(r, r->end_frame), 1.0 / 60);
    const struct emg_svg_frame f = {out, 14, 10, 690, 62, 0, end, 0, 1};
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    emg_svg_begin(out, 720, 104, "Protocol", "Stages and measurements over the time of the recording");
    for (size_t i = 0; i < n; i++)
        draw_stage(r, &f, i + 1, &stages[i]);
    for (size_t i = 0; i < r->n_events; i++) {
        const struct emg_report_event *event = &r->events[i];
        const double x = minutes(r, event->frame);
        if (event->result.kind != EMG_MEASURE_NONE)
            draw_measurement(r, &f, event);
        else if (event->topic == EMG_TOPIC_EVENT_MARKER)
            emg_svg_line(&f, "marker", x, 0, x, 1.08);
        else if (event->topic == EMG_TOPIC_EVENT_GAP)
            emg_svg_rectangle(out, "gap", emg_svg_x(&f, x), f.top + 38,
                              fmax(emg_svg_x(&f, x + (double)event->gap.frames_lost / r->wire.rate_hz / 60) -
                                       emg_svg_x(&f, x),
                                   2),
                              4);
    }
    emg_svg_line(&f, "axis", 0, 0, end, 0);
    emg_svg_time_axis(&f, 12);
    emg_svg_end(out);
}

/* --- activity --- */

/* In percent when all of both sides is. */
static bool is_percent(const struct emg_report *r, size_t muscle, size_t other)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    for (size_t i = 0; i < n; i++)
        if (stages[i].activities[muscle].percent.n == 0 ||
            (other != EMG_REPORT_NO_MUSCLE && stages[i].activities[other].percent.n == 0))
            return false;
    return true;
}

static double mean_of(const struct emg_report_activity *activity, bool percent)
{
    const struct emg_report_moments *m = percent ? &activity->percent : &activity->uv;
    return m->n > 0 ? m->mean : NAN;
}

static void draw_bar(const struct emg_svg_frame *f, const char *style, double x, double width, double value,
                     bool labelled)
{
    char label[32];
    if (!isfinite(value))
        return;
    const double y = emg_svg_y(f, value);
    emg_svg_rectangle(f->out, style, x, y, width, f->top + f->height - y);
    (void)snprintf(label, sizeof label, "%.0f", value);
    if (labelled)
        emg_svg_text(f->out, "tick", x + width / 2, y - 4, "middle", label);
}

void emg_report_chart_activity(const struct emg_report *r, FILE *out, size_t muscle, size_t other)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    const size_t muscles[] = {muscle, other};
    const bool percent = is_percent(r, muscle, other);
    char title[EMG_REPORT_NAME_SIZE];
    double most = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 2; k++)
            if (muscles[k] != EMG_REPORT_NO_MUSCLE)
                most = fmax(most, mean_of(&stages[i].activities[muscles[k]], percent));
    const double step = emg_svg_step(most > 0 ? most * 1.15 : 1, 4);
    const struct emg_svg_frame f = {
        out, 44, 34, 300, 112, 0, (double)n, 0, step * ceil((most > 0 ? most * 1.15 : 1) / step)};
    (void)emg_report_title(title, emg_report_bare_name(r, muscle));
    emg_svg_begin(out, 352, 172, title, "Mean RMS in each stage, left and right side by side");
    emg_svg_text(out, "title", f.left, 14, "start", title);
    emg_svg_y_axis(&f, step, percent ? "% ref." : "\xc2\xb5V");
    const double group = f.width / (double)n, bar = fmin(group * 0.36, 34);
    for (size_t i = 0; i < n; i++) {
        const double middle = f.left + ((double)i + 0.5) * group;
        char label[32];
        for (size_t k = 0; k < 2; k++)
            if (muscles[k] != EMG_REPORT_NO_MUSCLE) {
                const enum emg_side side = emg_report_side_of(r, muscles[k]);
                const double x = side == EMG_SIDE_LEFT ? middle - bar - 1 : middle + 1;
                draw_bar(&f, side_styles[side], x, bar, mean_of(&stages[i].activities[muscles[k]], percent),
                         n <= 6);
                if (bar >= 9)
                    emg_svg_text(out, side == EMG_SIDE_LEFT ? "letter left" : "letter", x + bar / 2,
                                 f.top + f.height - 4, "middle", side_letters[side]);
            }
        (void)snprintf(label, sizeof label, "%s%zu", n <= 4 ? "stage " : "", i + 1);
        if (stages[i].told.number == 0)
            label[0] = '\0';
        emg_svg_text(out, "tick", middle, f.top + f.height + 15, "middle", label);
    }
    emg_svg_line(&f, "axis", f.x0, 0, f.x1, 0);
    emg_svg_end(out);
}

/* --- profile --- */

static double profile_most(const struct emg_report *r, size_t muscle, bool percent)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    double most = 0;
    for (size_t i = 0; muscle != EMG_REPORT_NO_MUSCLE && i < n; i++) {
        const struct emg_report_profile *p = &stages[i].profiles[muscle];
        for (size_t k = 0; p->strides > 0 && p->percent == percent && k < EMG_PROFILE_POINTS; k++)
            most = fmax(most, (double)p->mean[k] + (p->strides > 1 ? (double)p->sd[k] : 0));
    }
    return most;
}

static void draw_profile(const struct emg_svg_frame *f, enum emg_side side,
                         const struct emg_report_profile *p)
{
    double x[EMG_PROFILE_POINTS], mean[EMG_PROFILE_POINTS], low[EMG_PROFILE_POINTS], high[EMG_PROFILE_POINTS];
    for (size_t i = 0; i < EMG_PROFILE_POINTS; i++) {
        x[i] = (double)i;
        mean[i] = (double)p->mean[i];
        low[i] = fmax(0, mean[i] - (double)p->sd[i]);
        high[i] = mean[i] + (double)p->sd[i];
    }
    if (p->strides > 1)
        emg_svg_band(f, side == EMG_SIDE_LEFT ? "band left" : "band right", x, low, high, EMG_PROFILE_POINTS);
    emg_svg_curve(f, side == EMG_SIDE_LEFT ? "curve left" : "curve right", x, mean, EMG_PROFILE_POINTS);
}

void emg_report_chart_profile(const struct emg_report *r, FILE *out, size_t stage, size_t muscle,
                              size_t other)
{
    size_t n = 0;
    const struct emg_report_stage *of = &emg_report_stages(r, &n)[stage - 1];
    const size_t muscles[] = {muscle, other};
    const bool percent = of->profiles[muscle].strides > 0
                             ? of->profiles[muscle].percent
                             : other != EMG_REPORT_NO_MUSCLE && of->profiles[other].percent;
    const double most = fmax(fmax(profile_most(r, muscle, percent), profile_most(r, other, percent)), 1e-3);
    const double step = emg_svg_step(most, 4);
    const struct emg_svg_frame f = {out, 36, 40, 182, 96, 0, 100, 0, step * ceil(most / step)};
    char title[EMG_REPORT_NAME_SIZE + 32], name[EMG_REPORT_NAME_SIZE];
    (void)emg_report_title(name, emg_report_bare_name(r, muscle));
    (void)snprintf(title, sizeof title, n > 1 ? "%s, stage %zu" : "%s", name, stage);
    emg_svg_begin(out, 232, 168, title,
                  "Mean envelope over the gait cycle with a band of one standard deviation");
    emg_svg_text(out, "title small", 4, 14, "start", title);
    emg_svg_y_axis(&f, step, percent ? "% ref." : "\xc2\xb5V");
    for (size_t i = 2; i > 0; i--) { /* the left one lies on top */
        const size_t m = muscles[i - 1];
        if (m != EMG_REPORT_NO_MUSCLE && of->profiles[m].strides > 0 && of->profiles[m].percent == percent)
            draw_profile(&f, emg_report_side_of(r, m), &of->profiles[m]);
    }
    emg_svg_line(&f, "axis", 0, 0, 100, 0);
    emg_svg_x_axis(&f, 25, "% of gait cycle");
    emg_svg_end(out);
}
