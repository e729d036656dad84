/* The terminal that standard output is, by ncurses.
 *
 * Words alone tell everything; colour, bold and letters beyond ASCII carry them further where the terminal
 * and the locale have them, and NO_COLOR (no-color.org) is not set. One instance; belongs to one thread. */
#ifndef EMG_CLIENTS_EMGTOP_TERMINAL_H
#define EMG_CLIENTS_EMGTOP_TERMINAL_H

#include <stdbool.h>

enum emg_style {
    EMG_STYLE_PLAIN,
    EMG_STYLE_BOLD,
    EMG_STYLE_FAINT,
    EMG_STYLE_ALARM,     /* something is wrong: white on red */
    EMG_STYLE_SIMULATED, /* not a measurement: white on magenta */
    EMG_STYLE_REPLAY,
    EMG_STYLE_NOTICE, /* look here */
    EMG_STYLE_GOOD,
    EMG_STYLE_WARN,
    EMG_STYLE_BAR,
    EMG_STYLE_FALLING, /* a verdict */
    EMG_STYLE_STEADY,
    EMG_STYLE_RISING,
    EMG_STYLE_COUNT,
};

enum emg_key { EMG_KEY_NONE, EMG_KEY_QUIT, EMG_KEY_HELP, EMG_KEY_RESIZE, EMG_KEY_OTHER };

/* Whether it is of a kind (TERM) that ncurses can draw on. */
bool emg_terminal_is_known(void);

/* Takes the terminal, which has to be known, over; returns false when it cannot be had. */
bool emg_terminal_open(void);

/* Gives it back as it was; emg_terminal_open may follow. */
void emg_terminal_close(void);

/* Gives it to the shell while the program sleeps, and takes it again. */
void emg_terminal_sleep(void);

/* The next key that was pressed; never waits. */
enum emg_key emg_terminal_key(void);

void emg_terminal_size(int *rows, int *columns);

/* Begins a picture, empty. */
void emg_terminal_clear(void);

/* Shows it: sends what is different from the last one. Does nothing while the terminal takes nothing. */
void emg_terminal_show(void);

/* Where the next text goes; `end` is the first column that may not be written. */
struct emg_pen {
    int row, column, end;
};

/* UTF-8 text, cut with an ellipsis at the end. */
__attribute__((format(printf, 3, 4))) void emg_pen_put(struct emg_pen *pen, enum emg_style style,
                                                       const char *format, ...);

/* Goes on at a column, which is not left of the pen. */
void emg_pen_tab(struct emg_pen *pen, int column);

/* Fills the rest of the row. */
void emg_pen_fill(struct emg_pen *pen, enum emg_style style);

/* Columns that a text takes. */
int emg_text_columns(const char *text);

#endif
