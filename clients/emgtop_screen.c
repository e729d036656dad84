#include "clients/emgtop_screen.h"

#include <stdio.h>
#include <string.h>

enum { TWO_SIDES_COLUMNS = 150, EVENTS_PER_ROWS = 8, MAX_EVENT_ROWS = 8 };

static const char *const help[] = {
    "bar      amplitude (RMS) now, in percent of the reference; the line is 100 %.",
    "         Without a reference in microvolts, all bars on one round scale.",
    "number   of the last contraction while it is recent, else of now",
    "● ○      active, at rest",
    "▼        fatiguing: the median frequency (MDF) falls",
    "■        steady: it holds, within 1 % per minute",
    "▲        recovering: it rises",
    "?        undetermined: the evidence does not suffice, for the reason below",
    "shift    of the MDF against the baseline, of the fresh muscle",
    "%/min    trend of the MDF in this stage, with its 95 % confidence interval",
    "--       not known",
    "",
    "q  quit, as Ctrl-C      ?  this page      any other key: back",
};

static void draw_help(const struct emg_area *area)
{
    for (int i = 0; i < (int)(sizeof help / sizeof help[0]) && i < area->rows; i++) {
        struct emg_pen pen = {area->row + i, area->column + 2, area->column + area->columns};
        emg_pen_put(&pen, EMG_STYLE_PLAIN, "%s", help[i]);
    }
}

static int longest_name(const struct emg_top *top)
{
    size_t longest = 0;
    for (size_t i = 0; i < top->n_muscles; i++)
        if (strlen(top->muscles[i].name) > longest)
            longest = strlen(top->muscles[i].name);
    return (int)longest;
}

/* 0, 1: left, right; -1: neither. */
static int side_of(const struct emg_top_muscle *muscle)
{
    return emg_top_behind(muscle->name, "left.") != NULL    ? 0
           : emg_top_behind(muscle->name, "right.") != NULL ? 1
                                                            : -1;
}

/* How many muscles a column holds when each side has one of its own; 0: they do not. */
static size_t count_of_larger_side(const struct emg_top *top)
{
    size_t n[EMG_TOP_SIDES] = {0};
    for (size_t i = 0; i < top->n_muscles; i++) {
        const int side = side_of(&top->muscles[i]);
        if (side < 0)
            return 0;
        n[side]++;
    }
    return n[0] == 0 || n[1] == 0 ? 0 : n[0] > n[1] ? n[0] : n[1];
}

/* The muscles of a column, or (side -1) all of them. */
static void draw_column(const struct emg_top *top, int side, struct emg_area area, size_t n)
{
    const bool all_fit = n <= (size_t)area.rows;
    const int shown = all_fit ? (int)n : area.rows - 1;
    const int end = area.row + area.rows, name_columns = longest_name(top);
    area.rows = all_fit && n > 0 ? area.rows / (int)n : 1;
    int drawn = 0;
    for (size_t i = 0; i < top->n_muscles && drawn < shown; i++) {
        if (side >= 0 && side_of(&top->muscles[i]) != side)
            continue;
        emg_block_draw(top, &top->muscles[i], &area, name_columns);
        area.row += area.rows;
        drawn++;
    }
    if (!all_fit) {
        struct emg_pen pen = {end - 1, area.column, area.column + area.columns};
        emg_pen_put(&pen, EMG_STYLE_NOTICE, " and %d more: the window is too low ", (int)n - shown);
    }
}

static void draw_muscles(const struct emg_top *top, const struct emg_area *area)
{
    const size_t n_a_side = count_of_larger_side(top);
    if (area->columns < TWO_SIDES_COLUMNS || n_a_side == 0) {
        draw_column(top, -1, *area, top->n_muscles);
        return;
    }
    const int half = area->columns / 2 - 1;
    draw_column(top, 0, (struct emg_area){area->row, area->column, area->rows, half}, n_a_side);
    draw_column(top, 1, (struct emg_area){area->row, area->column + half + 2, area->rows, half}, n_a_side);
}

/* The newest at the bottom. */
static void draw_events(const struct emg_top *top, const struct emg_area *area)
{
    for (int i = 0; i < area->rows; i++) {
        const struct emg_top_event *event = emg_top_event(top, (size_t)i);
        struct emg_pen pen = {area->row + area->rows - 1 - i, area->column + 1, area->column + area->columns};
        if (event != NULL)
            emg_pen_put(&pen, event->is_alarm ? EMG_STYLE_WARN : EMG_STYLE_PLAIN, "%s", event->text);
    }
}

static void draw_waiting(const struct emg_top *top, int columns)
{
    struct emg_pen pen = {0, 0, columns};
    emg_pen_put(&pen, EMG_STYLE_BOLD, "waiting for %s", top->endpoint);
    pen = (struct emg_pen){1, 0, columns};
    emg_pen_put(&pen, EMG_STYLE_PLAIN, "(is emgd running?)   q quits");
}

/* What must not be overlooked is there in the smallest window. */
static void draw_too_small(const struct emg_top *top, int64_t now_ns, int rows, int columns)
{
    emg_head_draw(top, now_ns);
    for (int row = 2; row < EMG_HEAD_ROWS; row++) {
        struct emg_pen pen = {row, 0, columns};
        emg_pen_fill(&pen, EMG_STYLE_PLAIN);
    }
    struct emg_pen pen = {2, 0, columns};
    emg_pen_put(&pen, EMG_STYLE_NOTICE, " window %dx%d: needs %dx%d ", columns, rows, EMG_SCREEN_COLUMNS,
                EMG_SCREEN_ROWS);
}

void emg_screen_draw(const struct emg_top *top, int64_t now_ns, bool with_help)
{
    int rows, columns;
    emg_terminal_size(&rows, &columns);
    emg_terminal_clear();
    int event_rows = rows / EVENTS_PER_ROWS;
    event_rows = event_rows < MAX_EVENT_ROWS ? event_rows : MAX_EVENT_ROWS;
    const struct emg_area middle = {EMG_HEAD_ROWS, 0, rows - EMG_HEAD_ROWS - event_rows, columns};
    if (top->arrival_ns == 0) {
        draw_waiting(top, columns);
    } else if (rows < EMG_SCREEN_ROWS || columns < EMG_SCREEN_COLUMNS) {
        draw_too_small(top, now_ns, rows, columns);
    } else {
        emg_head_draw(top, now_ns);
        if (with_help)
            draw_help(&middle);
        else
            draw_muscles(top, &middle);
        draw_events(top, &(struct emg_area){rows - event_rows, 0, event_rows, columns});
    }
    emg_terminal_show();
}
