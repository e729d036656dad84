/* Plain figures as inline SVG: a frame with axes, and what is drawn in it. Colours are classes of the page's
 * style. Coordinates that are not finite are left out. */
#ifndef EMG_CLIENTS_REPORT_SVG_H
#define EMG_CLIENTS_REPORT_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where values are drawn: x0..x1 over [left, left + width], y0..y1 from the bottom to the top. */
struct emg_svg_frame {
    FILE *out;
    double left, top, width, height;
    double x0, x1, y0, y1;
};

/* What a reader who does not see it is told; both are anybody's text. */
void emg_svg_begin(FILE *out, double width, double height, const char *title, const char *description);
void emg_svg_end(FILE *out);

double emg_svg_x(const struct emg_svg_frame *f, double x);
double emg_svg_y(const struct emg_svg_frame *f, double y);

/* A round step (1, 2 or 5 times a power of ten) that divides a range into at most `most` parts. */
double emg_svg_step(double range, int most);

/* Ticks with their numbers and lines across; the unit stands at the end of the axis (y: at the left edge). */
void emg_svg_x_axis(const struct emg_svg_frame *f, double step, const char *unit);

/* For an x in minutes: in seconds where there are but a few. */
void emg_svg_time_axis(const struct emg_svg_frame *f, int most);
void emg_svg_y_axis(const struct emg_svg_frame *f, double step, const char *unit);

void emg_svg_line(const struct emg_svg_frame *f, const char *style, double xa, double ya, double xb,
                  double yb);
void emg_svg_rectangle(FILE *out, const char *style, double x, double y, double width, double height);
void emg_svg_dot(const struct emg_svg_frame *f, const char *style, double x, double y, double radius);

/* A curve y [n] over x [n], and the area between low and high; drawn in pieces where a value is not finite.
 */
void emg_svg_curve(const struct emg_svg_frame *f, const char *style, const double *x, const double *y,
                   size_t n);
void emg_svg_band(const struct emg_svg_frame *f, const char *style, const double *x, const double *low,
                  const double *high, size_t n);

/* Text at a point of the picture; anchor "start", "middle" or "end". It is anybody's. */
void emg_svg_text(FILE *out, const char *style, double x, double y, const char *anchor, const char *text);

#endif
