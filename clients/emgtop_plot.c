#include "clients/emgtop_screen.h"

#include <math.h>
#include <stdio.h>

enum { LABEL_COLUMNS = 5, EIGHTHS = 8 };

void emg_plot_bar(struct emg_pen pen, int columns, double share, double mark)
{
    static const char *const parts[EIGHTHS] = {"·", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int filled = !(share > 0) ? 0 : share >= 1 ? columns * EIGHTHS : (int)(share * columns * EIGHTHS);
    const int at = isnan(mark) ? -1 : (int)(mark * columns);
    for (int i = 0; i < columns; i++) {
        const int eighths = filled - i * EIGHTHS;
        if (eighths >= EIGHTHS)
            emg_pen_put(&pen, EMG_STYLE_BAR, "█");
        else if (i == at && eighths <= 0)
            emg_pen_put(&pen, EMG_STYLE_PLAIN, "│");
        else
            emg_pen_put(&pen, eighths > 0 ? EMG_STYLE_BAR : EMG_STYLE_FAINT, "%s",
                        parts[eighths > 0 ? eighths : 0]);
    }
}

/* --- course --- */

/* What falls into one column. */
struct bin {
    double sum_hz, sum_se_hz;
    unsigned n;
};

/* The smallest of 1, 2, 5, 10, 30, 60 minutes that is not exceeded. */
static double round_span(double seconds)
{
    static const double spans[] = {60, 120, 300, 600, 1800};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        if (seconds <= spans[i])
            return spans[i];
    return 3600;
}

/* Limits that are whole tens, and at least 20 Hz apart. */
static void find_limits(const struct bin *bins, int columns, double *low_hz, double *high_hz)
{
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < columns; i++) {
        if (bins[i].n == 0)
            continue;
        low = fmin(low, (bins[i].sum_hz - bins[i].sum_se_hz) / bins[i].n);
        high = fmax(high, (bins[i].sum_hz + bins[i].sum_se_hz) / bins[i].n);
    }
    *low_hz = floor(low / 10) * 10;
    *high_hz = fmax(ceil(high / 10) * 10, *low_hz + 20);
}

static void draw_bin(const struct bin *bin, const struct emg_area *area, int column, double low_hz,
                     double high_hz)
{
    const double row_hz = (high_hz - low_hz) / area->rows;
    const double mean_hz = bin->sum_hz / bin->n, se_hz = bin->sum_se_hz / bin->n;
    for (int i = 0; i < area->rows; i++) {
        const double top_hz = high_hz - i * row_hz, bottom_hz = top_hz - row_hz;
        struct emg_pen pen = {area->row + i, column, column + 1};
        if (mean_hz > bottom_hz && mean_hz <= top_hz)
            emg_pen_put(&pen, EMG_STYLE_BAR, "•");
        else if (mean_hz + se_hz > bottom_hz && mean_hz - se_hz <= top_hz)
            emg_pen_put(&pen, EMG_STYLE_FAINT, "│");
    }
}

static void put_label(const struct emg_area *area, int row, double value)
{
    struct emg_pen pen = {area->row + row, area->column, area->column + LABEL_COLUMNS};
    emg_pen_put(&pen, EMG_STYLE_FAINT, "%4.0f", value);
}

void emg_plot_course(const struct emg_top_course *course, const struct emg_area *area)
{
    enum { MAX_BINS = 256 };
    struct emg_pen title = {area->row, area->column, area->column + area->columns};
    const struct emg_area plot = {area->row + 1, area->column + LABEL_COLUMNS, area->rows - 1,
                                  area->columns - LABEL_COLUMNS};
    const int columns = plot.columns < MAX_BINS ? plot.columns : MAX_BINS;
    if (plot.rows < 1 || columns < 1)
        return;
    struct bin bins[MAX_BINS] = {0};
    const double end_t = course->n > 0 ? course->t[course->n - 1] : 0;
    const double span_s = course->n > 0 ? round_span(end_t - course->t[0]) : 60;
    bool any = false;
    for (size_t i = 0; i < course->n; i++) {
        const int bin = columns - 1 - (int)((end_t - course->t[i]) / span_s * columns);
        if (bin < 0 || isnan(course->mdf_hz[i]) || isnan(course->mdf_se_hz[i]))
            continue;
        any = true;
        bins[bin].sum_hz += (double)course->mdf_hz[i];
        bins[bin].sum_se_hz += (double)course->mdf_se_hz[i];
        bins[bin].n++;
    }
    emg_pen_put(&title, EMG_STYLE_FAINT, "MDF ± standard error, Hz, %.0f min%s", span_s / 60,
                any ? "" : ": none yet");
    if (!any)
        return;
    double low_hz, high_hz;
    find_limits(bins, columns, &low_hz, &high_hz);
    for (int i = 0; i < columns; i++)
        if (bins[i].n > 0)
            draw_bin(&bins[i], &plot, plot.column + i, low_hz, high_hz);
    put_label(area, 1, high_hz);
    if (plot.rows > 1)
        put_label(area, plot.rows, low_hz);
}

/* --- profile --- */

static double largest(const struct emg_top_profile *profile)
{
    double value = 0;
    for (int i = 0; i < EMG_TOP_PROFILE; i++)
        value = fmax(value, (double)profile->mean[i]);
    return value;
}

/* Mean over the part of the cycle that a column stands for. */
static double column_mean(const struct emg_top_profile *profile, int column, int columns)
{
    const int first = column * (EMG_TOP_PROFILE - 1) / columns;
    const int end = (column + 1) * (EMG_TOP_PROFILE - 1) / columns;
    double sum = 0;
    int n = 0;
    for (int i = first; i <= end; i++, n++)
        sum += (double)profile->mean[i];
    return sum / n;
}

void emg_plot_profile(const struct emg_top_profile *profile, const struct emg_area *area)
{
    static const char *const parts[EIGHTHS + 1] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    struct emg_pen title = {area->row, area->column, area->column + area->columns};
    if (profile->arrival_ns == 0) {
        emg_pen_put(&title, EMG_STYLE_FAINT, "gait cycle: no strides yet");
        return;
    }
    const int rows = area->rows - 1, columns = area->columns - LABEL_COLUMNS;
    const double full = largest(profile);
    emg_pen_put(&title, EMG_STYLE_FAINT, "gait cycle, %s, %.0f strides",
                profile->is_percent ? "% ref." : "µV", profile->strides);
    if (rows < 1 || columns < 1 || !(full > 0))
        return;
    for (int i = 0; i < columns; i++) {
        const int eighths = (int)(column_mean(profile, i, columns) / full * rows * EIGHTHS + 0.5);
        for (int row = 0; row < rows; row++) {
            struct emg_pen pen = {area->row + rows - row, area->column + LABEL_COLUMNS + i,
                                  area->column + LABEL_COLUMNS + i + 1};
            const int here = eighths - row * EIGHTHS;
            emg_pen_put(&pen, EMG_STYLE_BAR, "%s", parts[here <= 0 ? 0 : here < EIGHTHS ? here : EIGHTHS]);
        }
    }
    put_label(area, 1, full);
    if (rows > 1)
        put_label(area, rows, 0);
}
