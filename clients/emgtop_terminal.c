#include "clients/emgtop_terminal.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

enum { TEXT_SIZE = 1024 };

static struct {
    SCREEN *screen;
    bool has_colours, has_utf8;
} terminal;

/* With colours, and without. */
static const struct {
    short foreground, background;
    attr_t attributes, without_colour;
} styles[EMG_STYLE_COUNT] = {
    [EMG_STYLE_PLAIN] = {-1, -1, A_NORMAL, A_NORMAL},
    [EMG_STYLE_BOLD] = {-1, -1, A_BOLD, A_BOLD},
    [EMG_STYLE_FAINT] = {-1, -1, A_DIM, A_NORMAL},
    [EMG_STYLE_ALARM] = {COLOR_WHITE, COLOR_RED, A_BOLD, A_REVERSE | A_BOLD},
    [EMG_STYLE_SIMULATED] = {COLOR_WHITE, COLOR_MAGENTA, A_BOLD, A_REVERSE},
    [EMG_STYLE_REPLAY] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
    [EMG_STYLE_NOTICE] = {COLOR_BLACK, COLOR_YELLOW, A_NORMAL, A_REVERSE},
    [EMG_STYLE_GOOD] = {COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
    [EMG_STYLE_WARN] = {COLOR_YELLOW, -1, A_BOLD, A_BOLD},
    [EMG_STYLE_BAR] = {COLOR_CYAN, -1, A_BOLD, A_BOLD},
    [EMG_STYLE_FALLING] = {COLOR_BLACK, COLOR_YELLOW, A_NORMAL, A_REVERSE},
    [EMG_STYLE_STEADY] = {COLOR_CYAN, -1, A_BOLD, A_BOLD},
    [EMG_STYLE_RISING] = {COLOR_GREEN, -1, A_BOLD, A_BOLD},
};

/* A remote shell often names a locale that this machine does not have. */
static void choose_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL) {
        static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
        const char *wanted = NULL;
        for (size_t i = 0; i < 3 && (wanted == NULL || wanted[0] == '\0'); i++)
            wanted = getenv(names[i]);
        if (wanted != NULL && (strstr(wanted, "UTF-8") != NULL || strstr(wanted, "utf8") != NULL))
            (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
    terminal.has_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void choose_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    terminal.has_colours = (no_color == NULL || no_color[0] == '\0') && has_colors() && start_color() == OK &&
                           use_default_colors() == OK;
    for (short i = 0; terminal.has_colours && i < EMG_STYLE_COUNT; i++)
        (void)init_pair((short)(i + 1), styles[i].foreground, styles[i].background);
}

bool emg_terminal_open(void)
{
    choose_locale();
    terminal.screen = newterm(NULL, stdout, stdin);
    if (terminal.screen == NULL)
        return false;
    (void)set_term(terminal.screen);
    (void)cbreak();
    (void)noecho();
    (void)nonl();
    (void)keypad(stdscr, TRUE);
    (void)nodelay(stdscr, TRUE);
    (void)curs_set(0); /* where it cannot be hidden it stays */
    choose_colours();
    return true;
}

void emg_terminal_close(void)
{
    (void)endwin();
    delscreen(terminal.screen);
    terminal.screen = NULL;
}

void emg_terminal_sleep(void)
{
    (void)endwin();
    (void)raise(SIGSTOP);
    (void)refresh();
}

enum emg_key emg_terminal_key(void)
{
    const int key = getch();
    switch (key) {
    case ERR:
        return EMG_KEY_NONE;
    case 'q':
    case 'Q':
        return EMG_KEY_QUIT;
    case '?':
    case 'h':
        return EMG_KEY_HELP;
    case KEY_RESIZE:
        return EMG_KEY_RESIZE;
    default:
        return EMG_KEY_OTHER;
    }
}

void emg_terminal_size(int *rows, int *columns)
{
    getmaxyx(stdscr, *rows, *columns);
}

void emg_terminal_clear(void)
{
    (void)erase();
}

void emg_terminal_show(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&output, 1, 0) > 0)
        (void)refresh();
}

/* --- text --- */

/* What stands for a letter where there is only ASCII. */
static char ascii_of(wchar_t letter)
{
    static const wchar_t letters[] = L"▼▲■●○✓−µ█▉▊▋▌▍▎▏·│•…▁▂▃▄▅▆▇";
    static const char ascii[] = "v^=*o+-u#####....|*~__..=##";
    if (letter < 0x80)
        return (char)letter;
    if (letter == L'±')
        return '-'; /* behind a plus */
    const wchar_t *at = wcschr(letters, letter);
    return at != NULL ? ascii[at - letters] : '?';
}

/* Decodes by hand: the text is UTF-8 whatever the locale is. Returns how many letters there are. */
static size_t decode(const char *text, wchar_t letters[TEXT_SIZE])
{
    size_t n = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0' && n + 2 < TEXT_SIZE; n++) {
        const int n_more = *c < 0xc0 ? 0 : *c < 0xe0 ? 1 : *c < 0xf0 ? 2 : 3;
        unsigned letter = n_more == 0 ? *c : *c & (0x3fU >> n_more);
        c++;
        for (int i = 0; i < n_more && (*c & 0xc0) == 0x80; i++)
            letter = letter << 6 | (*c++ & 0x3fU);
        if (letter == L'±' && !terminal.has_utf8)
            letters[n++] = L'+';
        letters[n] = terminal.has_utf8 ? (wchar_t)letter : (wchar_t)ascii_of((wchar_t)letter);
        if (terminal.has_utf8 && wcwidth(letters[n]) < 1)
            letters[n] = L'?'; /* it would stand on its neighbour, or is none */
    }
    letters[n] = L'\0';
    return n;
}

int emg_text_columns(const char *text)
{
    wchar_t letters[TEXT_SIZE];
    return wcswidth(letters, decode(text, letters));
}

/* Cuts letters to so many columns; returns how many they take. */
static int cut(wchar_t *letters, int room)
{
    int columns = 0;
    size_t n = 0;
    while (letters[n] != L'\0' && columns + wcwidth(letters[n]) <= room)
        columns += wcwidth(letters[n++]);
    if (letters[n] == L'\0' || room < 1)
        return columns;
    while (n > 0 && columns >= room)
        columns -= wcwidth(letters[--n]);
    letters[n++] = terminal.has_utf8 ? L'…' : L'~';
    letters[n] = L'\0';
    return columns + 1;
}

static void use_style(enum emg_style style)
{
    if (terminal.has_colours)
        (void)attr_set(styles[style].attributes, (short)(style + 1), NULL);
    else
        (void)attr_set(styles[style].without_colour, 0, NULL);
}

void emg_pen_put(struct emg_pen *pen, enum emg_style style, const char *format, ...)
{
    char text[TEXT_SIZE];
    wchar_t letters[TEXT_SIZE];
    int rows, columns;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    emg_terminal_size(&rows, &columns);
    const int room = (pen->end < columns ? pen->end : columns) - pen->column;
    if (pen->row < 0 || pen->row >= rows || room < 1)
        return;
    (void)decode(text, letters);
    const int taken = cut(letters, room);
    use_style(style);
    (void)mvaddwstr(pen->row, pen->column, letters);
    use_style(EMG_STYLE_PLAIN);
    pen->column += taken;
}

void emg_pen_tab(struct emg_pen *pen, int column)
{
    if (column > pen->column)
        pen->column = column;
}

void emg_pen_fill(struct emg_pen *pen, enum emg_style style)
{
    if (pen->end > pen->column)
        emg_pen_put(pen, style, "%*s", pen->end - pen->column, "");
}
