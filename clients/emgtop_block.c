#include "clients/emgtop_screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    COMPACT_ROWS = 2,
    REASON_ROWS = 4,
    PLOT_ROWS = 9, /* from this height on: three of the plots, and an empty one */
    READING_COLUMNS = 35,
    SHORT_READING_COLUMNS = 9,
    SHORT_QUALITY_COLUMNS = 24,
    VERDICT_COLUMNS = 16,
    MIN_BAR = 8,
};

static const double VAGUE_PERCENT_PER_MIN = 20; /* a trend's interval wider than this says nothing */

static struct emg_pen area_pen(const struct emg_area *area, int row)
{
    return (struct emg_pen){area->row + row, area->column, area->column + area->columns};
}

static void put_name(struct emg_pen *pen, const struct emg_top_muscle *muscle)
{
    char words[EMG_TOP_WORDS_SIZE];
    emg_pen_put(pen, EMG_STYLE_BOLD, " %s", emg_top_muscle_words(words, muscle->name));
}

static void put_activity(struct emg_pen *pen, enum emg_top_activity activity)
{
    const char *sign = activity == EMG_TOP_ACTIVE ? "●" : activity == EMG_TOP_AT_REST ? "○" : "-";
    emg_pen_put(pen, activity == EMG_TOP_ACTIVE ? EMG_STYLE_BAR : EMG_STYLE_PLAIN, "%s", sign);
}

/* words: for a quality that is not good. */
static void put_quality(struct emg_pen *pen, const struct emg_top_activation *a, const char *words)
{
    if (a->quality[0] == '\0')
        emg_pen_put(pen, EMG_STYLE_PLAIN, "no data");
    else if (strcmp(a->quality, "ok") == 0)
        emg_pen_put(pen, EMG_STYLE_GOOD, "✓ signal good");
    else
        emg_pen_put(pen, strcmp(a->quality, "bad") == 0 ? EMG_STYLE_ALARM : EMG_STYLE_WARN, "! %s",
                    words[0] != '\0' ? words : a->quality);
}

/* full: of the bar, NaN: is not told. */
static void put_reading(struct emg_pen *pen, const struct emg_top_reading *reading, double full)
{
    char number[EMG_TOP_NUMBER_SIZE];
    emg_pen_put(pen, EMG_STYLE_BOLD, "%5s",
                emg_top_number(number, reading->value, reading->value < 10, false));
    if (!isnan(full) && !reading->is_percent)
        emg_pen_put(pen, EMG_STYLE_PLAIN, " of %.0f", full);
    emg_pen_put(pen, EMG_STYLE_PLAIN, reading->is_percent ? " %%" : " µV");
}

/* Returns its full scale. */
static double put_bar(struct emg_pen *pen, const struct emg_top *top, const struct emg_top_muscle *muscle,
                      int columns)
{
    double full;
    const double share = emg_top_bar_share(top, muscle, &full);
    const bool is_percent = !isnan(muscle->activation.percent_reference);
    emg_plot_bar(*pen, columns, share, is_percent ? 100 / full : NAN);
    pen->column += columns;
    return full;
}

static const struct {
    const char *word, *sign;
    enum emg_style style;
} verdicts[] = {
    {"fatiguing", "▼", EMG_STYLE_FALLING},
    {"steady", "■", EMG_STYLE_STEADY},
    {"recovering", "▲", EMG_STYLE_RISING},
    {"undetermined", "?", EMG_STYLE_PLAIN},
};

static void put_verdict(struct emg_pen *pen, const struct emg_top_fatigue *f)
{
    const char *sign = "";
    enum emg_style style = EMG_STYLE_PLAIN;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (strcmp(f->verdict, verdicts[i].word) == 0) {
            sign = verdicts[i].sign;
            style = verdicts[i].style;
        }
    emg_pen_put(pen, style, "%s %s", sign, emg_top_word(f->verdict));
}

static void put_trend(struct emg_pen *pen, const struct emg_top_fatigue *f)
{
    char mdf[EMG_TOP_NUMBER_SIZE], se[EMG_TOP_NUMBER_SIZE], shift[EMG_TOP_NUMBER_SIZE];
    char slope[EMG_TOP_NUMBER_SIZE], low[EMG_TOP_NUMBER_SIZE], high[EMG_TOP_NUMBER_SIZE];
    const double *ci = f->slope_ci95_percent_per_min;
    emg_pen_put(pen, EMG_STYLE_PLAIN, "MDF ");
    emg_pen_put(pen, EMG_STYLE_BOLD, "%s", emg_top_number(mdf, f->mdf_hz, 1, false));
    emg_pen_put(pen, EMG_STYLE_PLAIN, " ± %s Hz, shift ", emg_top_number(se, f->mdf_se_hz, 1, false));
    emg_pen_put(pen, EMG_STYLE_BOLD, "%s %%", emg_top_number(shift, f->shift_percent, 1, true));
    if (ci[1] - ci[0] <= VAGUE_PERCENT_PER_MIN)
        emg_pen_put(pen, EMG_STYLE_PLAIN, ", %s %%/min (%s to %s)",
                    emg_top_number(slope, f->slope_percent_per_min, 1, true),
                    emg_top_number(low, ci[0], 1, true), emg_top_number(high, ci[1], 1, true));
    else
        emg_pen_put(pen, EMG_STYLE_PLAIN, ", no clear trend yet");
}

static void draw_verdict(const struct emg_area *area, int row, const struct emg_top_fatigue *f)
{
    struct emg_pen pen = area_pen(area, row);
    pen.column++;
    put_verdict(&pen, f);
    emg_pen_tab(&pen, area->column + VERDICT_COLUMNS);
    put_trend(&pen, f);
}

/* Name, bar, number and quality in one row; in the only one also the verdict's sign, in place of words. */
static void draw_compact(const struct emg_top *top, const struct emg_top_muscle *muscle,
                         const struct emg_area *area, int name_columns)
{
    struct emg_pen pen = area_pen(area, 0);
    put_name(&pen, muscle);
    emg_pen_tab(&pen, area->column + name_columns + 2);
    const int behind =
        SHORT_READING_COLUMNS + (area->rows == 1 ? VERDICT_COLUMNS : 0) + SHORT_QUALITY_COLUMNS;
    const int room = pen.end - pen.column - behind - 2;
    put_activity(&pen, muscle->activation.activity);
    pen.column++;
    (void)put_bar(&pen, top, muscle, room > MIN_BAR ? room : MIN_BAR);
    const int column = pen.column;
    put_reading(&pen, &muscle->reading, NAN);
    emg_pen_tab(&pen, column + SHORT_READING_COLUMNS + 1);
    if (area->rows == 1) {
        const int at = pen.column;
        put_verdict(&pen, &muscle->fatigue);
        emg_pen_tab(&pen, at + VERDICT_COLUMNS);
    }
    put_quality(&pen, &muscle->activation, muscle->activation.flags);
}

static void draw_title(const struct emg_top_muscle *muscle, const struct emg_area *area, int name_columns)
{
    struct emg_pen pen = area_pen(area, 0);
    put_name(&pen, muscle);
    emg_pen_tab(&pen, area->column + name_columns + 3);
    put_activity(&pen, muscle->activation.activity);
    emg_pen_put(&pen, EMG_STYLE_PLAIN, " %-9s", emg_top_activity_word(muscle->activation.activity));
    put_quality(&pen, &muscle->activation, muscle->activation.advice);
}

static void draw_amount(const struct emg_top *top, const struct emg_top_muscle *muscle,
                        const struct emg_area *area, int row, int n_rows)
{
    for (int i = 0; i < n_rows; i++) {
        struct emg_pen pen = area_pen(area, row + i);
        const int room = pen.end - pen.column - READING_COLUMNS;
        pen.column++;
        const double full = put_bar(&pen, top, muscle, room > MIN_BAR ? room : MIN_BAR);
        if (i != n_rows / 2)
            continue;
        put_reading(&pen, &muscle->reading, full);
        if (muscle->reading.is_percent)
            emg_pen_put(&pen, EMG_STYLE_PLAIN, " ref.");
        if (muscle->reading.is_contraction)
            emg_pen_put(&pen, EMG_STYLE_PLAIN, ", last contraction");
    }
}

static void draw_plots(const struct emg_top_muscle *muscle, const struct emg_area *area, int row, int n_rows)
{
    const int of_profile = area->columns / 3;
    const struct emg_area course = {area->row + row, area->column + 1, n_rows,
                                    area->columns - of_profile - 4};
    const struct emg_area profile = {area->row + row, area->column + area->columns - of_profile - 1, n_rows,
                                     of_profile};
    emg_plot_course(&muscle->course, &course);
    emg_plot_profile(&muscle->profile, &profile);
}

void emg_block_draw(const struct emg_top *top, const struct emg_top_muscle *muscle,
                    const struct emg_area *area, int name_columns)
{
    if (area->rows <= COMPACT_ROWS) {
        draw_compact(top, muscle, area, name_columns);
        if (area->rows == COMPACT_ROWS)
            draw_verdict(area, 1, &muscle->fatigue);
        return;
    }
    const int bar_rows = area->rows >= 2 * PLOT_ROWS ? 3 : area->rows > PLOT_ROWS + 2 ? 2 : 1;
    draw_title(muscle, area, name_columns);
    draw_amount(top, muscle, area, 1, bar_rows);
    draw_verdict(area, 1 + bar_rows, &muscle->fatigue);
    if (area->rows < REASON_ROWS)
        return;
    struct emg_pen reason = area_pen(area, 2 + bar_rows);
    emg_pen_tab(&reason, area->column + 3);
    emg_pen_put(&reason, EMG_STYLE_PLAIN, "%s", muscle->fatigue.reason);
    const int plot_row = 3 + bar_rows;
    if (area->rows >= PLOT_ROWS)
        draw_plots(muscle, area, plot_row, area->rows - plot_row - 1);
}
