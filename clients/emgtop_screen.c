#include "clients/emgtop.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_SIZE = 1024, MIN_BAR = 8, BAR_TEXT = 24, MDF_TEXT = 21, MAX_ROWS = 5 };

/* Words alone tell everything; bold and colour only carry them further. */
#define PLAIN           ""
#define BOLD            "\033[1m"
#define FAINT           "\033[2m"
#define WHITE_ON_RED    "\033[1;37;41m"
#define BLACK_ON_YELLOW "\033[30;43m"
#define BLACK_ON_GREEN  "\033[30;42m"
#define BLACK_ON_CYAN   "\033[30;46m"
#define REVERSE         "\033[1;7m"

struct screen {
    struct emg_output *output;
    size_t rows, columns;
    size_t row, column; /* from 0: the next character's place */
};

static void put(struct screen *screen, const char *text)
{
    emg_output_put(screen->output, text, strlen(text));
}

/* Text in one style, cut at the right edge. The last column stays empty: clearing the rest of a line from
 * there would take the character in it away. */
__attribute__((format(printf, 3, 4))) static void print(struct screen *screen, const char *style,
                                                        const char *format, ...)
{
    char text[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const size_t room = screen->columns - 1 - screen->column;
    if (screen->row >= screen->rows || room == 0)
        return;
    const size_t n = strlen(text) < room ? strlen(text) : room;
    put(screen, style);
    emg_output_put(screen->output, text, n);
    put(screen, style[0] != '\0' ? "\033[0m" : "");
    screen->column += n;
}

static void pad_to(struct screen *screen, size_t column)
{
    if (column > screen->column)
        print(screen, PLAIN, "%*s", (int)(column - screen->column), "");
}

/* The line break is written with the next line: none may follow the last one. */
static void end_line(struct screen *screen)
{
    if (screen->row < screen->rows)
        put(screen, "\033[K");
    screen->row++;
    screen->column = 0;
    if (screen->row < screen->rows)
        put(screen, "\r\n");
}

/* One line of one colour across the window: seen from far away. */
static void draw_origin(struct screen *screen, const struct emg_top *top)
{
    const char *origin = emg_top_origin(top);
    const int width = (int)screen->columns;
    char text[LINE_SIZE];
    if (strcmp(origin, "SIMULATED") == 0) {
        snprintf(text, sizeof text, "   SIMULATED   not a measurement   %s", top->source);
        print(screen, WHITE_ON_RED, "%-*s", width, text);
    } else if (strcmp(origin, "REPLAY") == 0) {
        snprintf(text, sizeof text, "   REPLAY   of a recording   %s", top->source);
        print(screen, BLACK_ON_CYAN, "%-*s", width, text);
    } else {
        print(screen, BOLD, "%s", emg_top_word(top->source));
    }
    end_line(screen);
}

static void draw_state(struct screen *screen, const struct emg_top *top, int64_t now_ns)
{
    char rate[EMG_TOP_NUMBER_SIZE], gaps[EMG_TOP_NUMBER_SIZE], lost[EMG_TOP_NUMBER_SIZE];
    const double silence_s = emg_top_silence_s(top, now_ns);
    const double seconds = top->frames / top->rate_hz;
    if (silence_s > 0)
        print(screen, WHITE_ON_RED, " NO CONTACT for %.0f s ", silence_s);
    else if (strcmp(top->state, "lost") == 0)
        print(screen, WHITE_ON_RED, " SIGNAL LOST ");
    else
        print(screen, strcmp(top->state, "running") == 0 ? BOLD : REVERSE, " %s ", emg_top_word(top->state));
    if (seconds >= 0 && seconds < 1e8)
        print(screen, PLAIN, "  %ld:%02ld:%02ld", (long)seconds / 3600, (long)seconds / 60 % 60,
              (long)seconds % 60);
    print(screen, PLAIN, "   %s Hz   ", emg_top_number(rate, top->rate_hz, 0, false));
    print(screen, top->gaps > 0 ? BLACK_ON_YELLOW : PLAIN, "gaps %s   frames lost %s",
          emg_top_number(gaps, top->gaps, 0, false), emg_top_number(lost, top->frames_lost, 0, false));
    if (top->malformed > 0) {
        print(screen, PLAIN, "   ");
        print(screen, BLACK_ON_YELLOW, "malformed messages %u", top->malformed);
    }
    end_line(screen);
}

static const char *verdict_style(const char *verdict)
{
    return strcmp(verdict, "fatiguing") == 0    ? BLACK_ON_YELLOW
           : strcmp(verdict, "steady") == 0     ? BLACK_ON_GREEN
           : strcmp(verdict, "recovering") == 0 ? BLACK_ON_CYAN
                                                : PLAIN;
}

static const char *quality_style(const char *quality)
{
    return strcmp(quality, "bad") == 0    ? WHITE_ON_RED
           : strcmp(quality, "warn") == 0 ? BLACK_ON_YELLOW
                                          : PLAIN;
}

/* Name, activity and verdict in fixed columns; what follows is the caller's. */
static void draw_title(struct screen *screen, const struct emg_top_muscle *muscle)
{
    const char *verdict = muscle->fatigue.verdict;
    const enum emg_top_activity activity = muscle->activation.activity;
    print(screen, BOLD, "%s", muscle->name);
    pad_to(screen, 29);
    print(screen, activity == EMG_TOP_ACTIVE ? REVERSE : FAINT, " %s ",
          activity == EMG_TOP_ACTIVE ? "ACTIVE" : emg_top_activity_word(activity));
    pad_to(screen, 37);
    print(screen, verdict_style(verdict), " %s ", emg_top_word(verdict));
    pad_to(screen, 51);
}

/* The gravest flags come first; two dots stand for those that do not fit. */
static void draw_quality(struct screen *screen, const struct emg_top_activation *a)
{
    char quality[192];
    emg_top_quality(quality, sizeof quality, a);
    const size_t room = screen->columns > screen->column ? screen->columns - 1 - screen->column : 0;
    if (room >= 2 && room < strlen(quality))
        memcpy(quality + room - 2, "..", 3);
    print(screen, quality_style(a->quality), "%s", quality);
}

static void draw_rms(struct screen *screen, const struct emg_top_muscle *muscle)
{
    char number[EMG_TOP_NUMBER_SIZE];
    print(screen, BOLD, "%8s uV ", emg_top_number(number, muscle->activation.rms_uv, 1, false));
}

/* The bar leaves keep_free columns free behind the text that explains it. */
static void draw_bar(struct screen *screen, const struct emg_top_muscle *muscle, size_t keep_free)
{
    const struct emg_top_activation *a = &muscle->activation;
    char bar[LINE_SIZE], number[EMG_TOP_NUMBER_SIZE];
    double scale_uv;
    const size_t taken = screen->column + BAR_TEXT + keep_free;
    const size_t room = screen->columns > taken ? screen->columns - taken : 0;
    const size_t width = room < MIN_BAR ? MIN_BAR : room < sizeof bar ? room : sizeof bar - 1;
    emg_top_bar(bar, width, muscle, &scale_uv);
    const int filled = (int)strcspn(bar, "-");
    print(screen, PLAIN, "[");
    print(screen, a->activity == EMG_TOP_ACTIVE ? REVERSE : PLAIN, "%.*s", filled, bar);
    print(screen, PLAIN, "%s] %s %%", bar + filled, emg_top_number(number, a->percent_reference, 0, false));
    if (isnan(scale_uv))
        print(screen, PLAIN, " of reference");
    else
        print(screen, PLAIN, ", bar to %.0f uV", scale_uv);
}

static void draw_mdf(struct screen *screen, const struct emg_top_fatigue *f)
{
    char mdf[EMG_TOP_NUMBER_SIZE], se[EMG_TOP_NUMBER_SIZE];
    print(screen, PLAIN, "MDF %5s +- %s Hz", emg_top_number(mdf, f->mdf_hz, 1, false),
          emg_top_number(se, f->mdf_se_hz, 1, false));
}

static void draw_trend(struct screen *screen, const struct emg_top_fatigue *f)
{
    char shift[EMG_TOP_NUMBER_SIZE], slope[EMG_TOP_NUMBER_SIZE];
    char low[EMG_TOP_NUMBER_SIZE], high[EMG_TOP_NUMBER_SIZE];
    print(screen, PLAIN, "  shift %s %%  slope %s %%/min, 95 %% CI %s to %s",
          emg_top_number(shift, f->shift_percent, 1, true),
          emg_top_number(slope, f->slope_percent_per_min, 1, true),
          emg_top_number(low, f->slope_ci95_percent_per_min[0], 1, true),
          emg_top_number(high, f->slope_ci95_percent_per_min[1], 1, true));
}

/* Breaks the reason between words where it does not fit; the last of n_rows is cut. */
static void draw_reason(struct screen *screen, const char *reason, size_t n_rows)
{
    for (size_t row = 0; row < n_rows; row++) {
        pad_to(screen, 4);
        const size_t room = screen->columns > 6 ? screen->columns - 5 : 1;
        size_t n = strlen(reason);
        if (n > room && row + 1 < n_rows)
            for (n = room; n > 0 && reason[n] != ' ';)
                n--;
        print(screen, PLAIN, "%.*s", (int)n, reason);
        end_line(screen);
        reason += n + (reason[n] == ' ');
    }
}

/* In 1 to 5 rows: what matters most comes first. */
static void draw_muscle(struct screen *screen, const struct emg_top_muscle *muscle, size_t n_rows)
{
    draw_title(screen, muscle);
    if (n_rows == 1)
        draw_rms(screen, muscle);
    draw_quality(screen, &muscle->activation);
    end_line(screen);
    if (n_rows == 1)
        return;
    draw_rms(screen, muscle);
    draw_bar(screen, muscle, n_rows == 2 ? MDF_TEXT : 0);
    if (n_rows > 2) {
        end_line(screen);
        pad_to(screen, 4);
    } else {
        print(screen, PLAIN, "  ");
    }
    draw_mdf(screen, &muscle->fatigue);
    if (n_rows > 2)
        draw_trend(screen, &muscle->fatigue);
    end_line(screen);
    if (n_rows > 3)
        draw_reason(screen, muscle->fatigue.reason, n_rows - 3);
}

static void draw_muscles(struct screen *screen, const struct emg_top *top)
{
    const size_t room = screen->rows > screen->row ? screen->rows - screen->row : 0;
    const bool all_fit = top->n_muscles <= room;
    const size_t n = all_fit ? top->n_muscles : room > 0 ? room - 1 : 0;
    const size_t each = n > 0 ? room / n : 0;
    for (size_t i = 0; i < n; i++)
        draw_muscle(screen, &top->muscles[i], !all_fit || each < 1 ? 1 : each < MAX_ROWS ? each : MAX_ROWS);
    if (!all_fit) {
        print(screen, REVERSE, "and %zu more: the window is too low", top->n_muscles - n);
        end_line(screen);
    }
}

static struct screen measure(struct emg_output *output)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return (struct screen){.output = output, .rows = 24, .columns = 80};
    return (struct screen){.output = output, .rows = size.ws_row, .columns = size.ws_col};
}

void emg_top_screen_enter(struct emg_output *output)
{
    static const char text[] = "\033[?25l\033[2J";
    emg_output_put(output, text, sizeof text - 1);
}

void emg_top_screen_draw(const struct emg_top *top, int64_t now_ns, struct emg_output *output)
{
    struct screen screen = measure(output);
    put(&screen, "\033[H");
    if (top->arrival_ns == 0) {
        print(&screen, BOLD, "waiting for %s", top->endpoint);
        end_line(&screen);
        print(&screen, PLAIN, "(is emgd running?)");
        end_line(&screen);
    } else {
        draw_origin(&screen, top);
        draw_state(&screen, top, now_ns);
        end_line(&screen);
        draw_muscles(&screen, top);
    }
    put(&screen, "\033[J");
}

void emg_top_screen_leave(struct emg_output *output)
{
    static const char text[] = "\033[0m\033[?25h\r\n";
    emg_output_put(output, text, sizeof text - 1);
}
