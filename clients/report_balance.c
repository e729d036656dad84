#include "clients/report_charts.h"

#include "clients/report_figures.h"
#include "clients/report_svg.h"
#include "clients/report_text.h"

#include <math.h>

static const double ROW = 26, LABEL_WIDTH = 236, WIDTH = 720;

static void put_label(FILE *out, double y, size_t n_stages, size_t stage, const char *what)
{
    char text[EMG_REPORT_NAME_SIZE + 32];
    (void)snprintf(text, sizeof text, n_stages > 1 ? "%s, stage %zu" : "%s", what, stage);
    emg_svg_text(out, "label", LABEL_WIDTH - 10, y + 15, "end", text);
}

static bool has_calf(const struct emg_report *r, size_t side)
{
    return r->sides[side].soleus != EMG_REPORT_NO_MUSCLE &&
           r->sides[side].gastrocnemius != EMG_REPORT_NO_MUSCLE;
}

static void draw_share(FILE *out, const struct emg_svg_frame *f, double y, enum emg_side side,
                       const struct emg_report_spread *share)
{
    char text[48];
    if (share->n == 0) {
        emg_svg_text(out, "tick", f->left + 4, y + 15, "start", "not known");
        return;
    }
    const double x = emg_svg_x(f, share->median);
    emg_svg_rectangle(out, side == EMG_SIDE_LEFT ? "left" : "right", f->left, y, x - f->left, 20);
    emg_svg_rectangle(out, "rest-of", x, y, f->left + f->width - x, 20);
    (void)snprintf(text, sizeof text, "soleus %.0f %%", share->median);
    emg_svg_text(out, side == EMG_SIDE_LEFT ? "inside" : "inside dark", f->left + 6, y + 14, "start", text);
    (void)snprintf(text, sizeof text, "gastrocnemius %.0f %%", 100 - share->median);
    emg_svg_text(out, "inside dark", f->left + f->width - 6, y + 14, "end", text);
    emg_svg_rectangle(out, "quartiles", emg_svg_x(f, share->low), y + 9,
                      emg_svg_x(f, share->high) - emg_svg_x(f, share->low), 2);
}

void emg_report_chart_share(const struct emg_report *r, FILE *out)
{
    static const char *const legs[] = {[EMG_SIDE_LEFT] = "left leg", [EMG_SIDE_RIGHT] = "right leg"};
    size_t n = 0, n_legs = 0;
    (void)emg_report_stages(r, &n);
    for (size_t side = 0; side < EMG_SIDES; side++)
        n_legs += has_calf(r, side);
    const double height = ROW * (double)(n * n_legs);
    const struct emg_svg_frame f = {out, LABEL_WIDTH, 6, WIDTH - LABEL_WIDTH - 14, height, 0, 100, 0, 1};
    double y = f.top;
    emg_svg_begin(out, WIDTH, height + 42, "Load share",
                  "Share of the soleus in the activation of soleus and gastrocnemius by stage and leg");
    for (size_t stage = 1; stage <= n; stage++)
        for (size_t side = 0; side < EMG_SIDES; side++) {
            if (!has_calf(r, side))
                continue;
            const struct emg_report_spread share = emg_report_share(r, stage, (enum emg_side)side);
            put_label(out, y, n, stage, legs[side]);
            draw_share(out, &f, y, (enum emg_side)side, &share);
            y += ROW;
        }
    emg_svg_line(&f, "boundary", 50, 0, 50, 1);
    emg_svg_x_axis(&f, 25, "% of activation");
    emg_svg_end(out);
}

/* Left stands on the left: the index falls from left to right. */
void emg_report_chart_symmetry(const struct emg_report *r, FILE *out)
{
    size_t n = 0;
    (void)emg_report_stages(r, &n);
    double most = 20;
    for (size_t stage = 1; stage <= n; stage++)
        for (size_t pair = 0; pair < r->n_pairs; pair++) {
            const struct emg_report_spread index = emg_report_symmetry(r, stage, pair);
            if (index.n > 0)
                most = fmax(most, fmax(fabs(index.low), fabs(index.high)));
        }
    const double step = emg_svg_step(most, 4), edge = step * ceil(most / step);
    const double height = ROW * (double)(n * r->n_pairs);
    const struct emg_svg_frame f = {out,   LABEL_WIDTH, 24, WIDTH - LABEL_WIDTH - 14, height, edge,
                                    -edge, 0,           1};
    double y = f.top;
    emg_svg_begin(out, WIDTH, height + 56, "Symmetry",
                  "Symmetry index of each muscle by stage; left of the middle the left side is more active");
    emg_svg_text(out, "tick", f.left, 14, "start", "\xe2\x97\x80 left more active");
    emg_svg_text(out, "tick", f.left + f.width, 14, "end", "right more active \xe2\x96\xb6");
    emg_svg_rectangle(out, "alike", emg_svg_x(&f, 10), f.top, emg_svg_x(&f, -10) - emg_svg_x(&f, 10), height);
    emg_svg_line(&f, "axis", 0, 0, 0, 1);
    for (size_t pair = 0; pair < r->n_pairs; pair++)
        for (size_t stage = 1; stage <= n; stage++) {
            const struct emg_report_spread index = emg_report_symmetry(r, stage, pair);
            char name[EMG_REPORT_NAME_SIZE];
            put_label(out, y, n, stage, emg_report_muscle_name(name, r->wire.pairs[pair]));
            const double row = 1 - (y + 10 - f.top) / height;
            if (index.n > 0) {
                emg_svg_line(&f, "spread", index.low, row, index.high, row);
                emg_svg_dot(&f, "median", index.median, row, 5);
            } else {
                emg_svg_text(out, "tick", emg_svg_x(&f, 0) + 6, y + 15, "start", "not known");
            }
            y += ROW;
        }
    for (double k = -edge; k <= edge + 1e-9; k += step) {
        (void)fprintf(out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                      emg_svg_x(&f, k), f.top + height + 14);
        emg_report_signed(out, k, step < 1 ? 1 : 0);
        (void)fputs("</text>", out);
    }
    emg_svg_text(out, "tick", f.left + f.width, f.top + height + 27, "end", "symmetry index, %");
    emg_svg_end(out);
}
