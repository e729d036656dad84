#include "clients/report_svg.h"

#include "clients/report_text.h"

#include <math.h>

void emg_svg_begin(FILE *out, double width, double height, const char *title, const char *description)
{
    (void)fprintf(out, "<svg role=\"img\" viewBox=\"0 0 %.0f %.0f\"><title>", width, height);
    emg_report_escape(out, title);
    (void)fputs("</title><desc>", out);
    emg_report_escape(out, description);
    (void)fputs("</desc>\n", out);
}

void emg_svg_end(FILE *out)
{
    (void)fputs("</svg>\n", out);
}

double emg_svg_x(const struct emg_svg_frame *f, double x)
{
    return f->left + f->width * (x - f->x0) / (f->x1 - f->x0);
}

double emg_svg_y(const struct emg_svg_frame *f, double y)
{
    return f->top + f->height * (1 - (y - f->y0) / (f->y1 - f->y0));
}

double emg_svg_step(double range, int most)
{
    static const double factors[] = {1, 2, 5, 10};
    const double least = range / most;
    if (!(least > 0) || !isfinite(least))
        return 1;
    const double power = pow(10, floor(log10(least)));
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++)
        if (factors[i] * power >= least * (1 - 1e-9))
            return factors[i] * power;
    return 10 * power;
}

static int decimals_of(double step)
{
    return step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
}

static void put_tick(FILE *out, double x, double y, const char *anchor, double value, int decimals)
{
    (void)fprintf(out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    emg_report_number(out, value, decimals);
    (void)fputs("</text>", out);
}

void emg_svg_x_axis(const struct emg_svg_frame *f, double step, const char *unit)
{
    const double bottom = f->top + f->height;
    for (double k = ceil(f->x0 / step - 1e-9); k * step <= f->x1 + 1e-9 * step; k++)
        put_tick(f->out, emg_svg_x(f, k * step), bottom + 14, "middle", k * step, decimals_of(step));
    emg_svg_text(f->out, "tick", f->left + f->width, bottom + 27, "end", unit);
    (void)fputc('\n', f->out);
}

void emg_svg_time_axis(const struct emg_svg_frame *f, int most)
{
    const bool short_time = f->x1 - f->x0 < 2.5;
    struct emg_svg_frame axis = *f;
    axis.x0 *= short_time ? 60 : 1;
    axis.x1 *= short_time ? 60 : 1;
    emg_svg_x_axis(&axis, emg_svg_step(axis.x1 - axis.x0, most), short_time ? "s" : "min");
}

void emg_svg_y_axis(const struct emg_svg_frame *f, double step, const char *unit)
{
    for (double k = ceil(f->y0 / step - 1e-9); k * step <= f->y1 + 1e-9 * step; k++) {
        emg_svg_line(f, "grid", f->x0, k * step, f->x1, k * step);
        put_tick(f->out, f->left - 6, emg_svg_y(f, k * step) + 4, "end", k * step, decimals_of(step));
    }
    emg_svg_text(f->out, "tick", 4, f->top - 8, "start", unit);
    (void)fputc('\n', f->out);
}

void emg_svg_line(const struct emg_svg_frame *f, const char *style, double xa, double ya, double xb,
                  double yb)
{
    if (!isfinite(xa + ya + xb + yb))
        return;
    (void)fprintf(f->out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", style,
                  emg_svg_x(f, xa), emg_svg_y(f, ya), emg_svg_x(f, xb), emg_svg_y(f, yb));
}

void emg_svg_rectangle(FILE *out, const char *style, double x, double y, double width, double height)
{
    if (!isfinite(x + y + width + height))
        return;
    (void)fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", style, x,
                  y, fmax(width, 0), fmax(height, 0));
}

void emg_svg_dot(const struct emg_svg_frame *f, const char *style, double x, double y, double radius)
{
    if (!isfinite(x + y))
        return;
    (void)fprintf(f->out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>", style, emg_svg_x(f, x),
                  emg_svg_y(f, y), radius);
}

void emg_svg_curve(const struct emg_svg_frame *f, const char *style, const double *x, const double *y,
                   size_t n)
{
    for (size_t i = 0; i < n;) {
        if (!isfinite(x[i] + y[i])) {
            i++;
            continue;
        }
        (void)fprintf(f->out, "<polyline class=\"%s\" points=\"", style);
        for (; i < n && isfinite(x[i] + y[i]); i++)
            (void)fprintf(f->out, "%.1f,%.1f ", emg_svg_x(f, x[i]), emg_svg_y(f, y[i]));
        (void)fputs("\"/>\n", f->out);
    }
}

void emg_svg_band(const struct emg_svg_frame *f, const char *style, const double *x, const double *low,
                  const double *high, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t first = i;
        while (i < n && isfinite(x[i] + low[i] + high[i]))
            i++;
        if (i > first + 1) {
            (void)fprintf(f->out, "<polygon class=\"%s\" points=\"", style);
            for (size_t k = first; k < i; k++)
                (void)fprintf(f->out, "%.1f,%.1f ", emg_svg_x(f, x[k]), emg_svg_y(f, high[k]));
            for (size_t k = i; k > first; k--)
                (void)fprintf(f->out, "%.1f,%.1f ", emg_svg_x(f, x[k - 1]), emg_svg_y(f, low[k - 1]));
            (void)fputs("\"/>\n", f->out);
        }
        i = i > first ? i : i + 1;
    }
}

void emg_svg_text(FILE *out, const char *style, double x, double y, const char *anchor, const char *text)
{
    (void)fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", style, x, y, anchor);
    emg_report_escape(out, text);
    (void)fputs("</text>", out);
}
