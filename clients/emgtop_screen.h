/* The picture of the stream on the terminal. */
#ifndef EMG_CLIENTS_EMGTOP_SCREEN_H
#define EMG_CLIENTS_EMGTOP_SCREEN_H

#include "clients/emgtop.h"
#include "clients/emgtop_terminal.h"

enum { EMG_SCREEN_ROWS = 10, EMG_SCREEN_COLUMNS = 60 }; /* it needs */

struct emg_area {
    int row, column, rows, columns;
};

/* Draws everything; now_ns is CLOCK_MONOTONIC. */
void emg_screen_draw(const struct emg_top *top, int64_t now_ns, bool with_help);

/* emgtop_head.c: the first EMG_HEAD_ROWS rows, what holds for all muscles. */

enum { EMG_HEAD_ROWS = 5 };

void emg_head_draw(const struct emg_top *top, int64_t now_ns);

/* emgtop_block.c: one muscle in an area of any height above 0; the higher, the more is told.
 *   name_columns  those that the longest name takes */
void emg_block_draw(const struct emg_top *top, const struct emg_top_muscle *muscle,
                    const struct emg_area *area, int name_columns);

/* emgtop_plot.c */

/* A bar: share of its columns; mark: a share that is drawn as a line, NaN: none. */
void emg_plot_bar(struct emg_pen pen, int columns, double share, double mark);

/* Course of the median frequency with its standard error over the last minutes. */
void emg_plot_course(const struct emg_top_course *course, const struct emg_area *area);

/* Mean envelope over the gait cycle. */
void emg_plot_profile(const struct emg_top_profile *profile, const struct emg_area *area);

#endif
