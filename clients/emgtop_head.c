#include "clients/emgtop_screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct emg_pen row_pen(int row)
{
    struct emg_pen pen = {.row = row};
    int rows;
    emg_terminal_size(&rows, &pen.end);
    return pen;
}

/* Hours, minutes, seconds. */
static void put_clock(struct emg_pen *pen, enum emg_style style, const char *before, double seconds)
{
    const long s = seconds >= 0 && seconds < 1e8 ? (long)seconds : 0;
    emg_pen_put(pen, style, "%s%ld:%02ld:%02ld", before, s / 3600, s / 60 % 60, s % 60);
}

/* One colour across the window: seen from far away. */
static void draw_origin(const struct emg_top *top)
{
    static const char keys[] = "  ? help  q quit ";
    const char *origin = emg_top_origin(top);
    struct emg_pen pen = row_pen(0);
    const int width = pen.end;
    pen.end -= (int)sizeof keys - 1;
    enum emg_style style = EMG_STYLE_BOLD;
    if (strcmp(origin, "SIMULATED") == 0) {
        style = EMG_STYLE_SIMULATED;
        emg_pen_put(&pen, style, "   SIMULATED   not a measurement   %s", top->source);
    } else if (strcmp(origin, "REPLAY") == 0) {
        style = EMG_STYLE_REPLAY;
        emg_pen_put(&pen, style, "   REPLAY   of a recording   %s", top->source);
    } else {
        emg_pen_put(&pen, style, " %s", emg_top_word(top->source));
    }
    emg_pen_fill(&pen, style);
    pen.end = width;
    emg_pen_put(&pen, style, "%s", keys);
}

static void put_state(struct emg_pen *pen, const struct emg_top *top)
{
    if (strcmp(top->state, "running") == 0)
        emg_pen_put(pen, EMG_STYLE_GOOD, " ● live");
    else if (strcmp(top->state, "lost") == 0)
        emg_pen_put(pen, EMG_STYLE_ALARM, " SIGNAL LOST: check the front end ");
    else
        emg_pen_put(pen, EMG_STYLE_NOTICE, " %s ",
                    strcmp(top->state, "waiting") == 0 ? "waiting for the signal" : emg_top_word(top->state));
    if (top->frames / top->rate_hz >= 0)
        put_clock(pen, EMG_STYLE_PLAIN, "  ", top->frames / top->rate_hz);
}

/* Loss of samples in seconds, as far as it is known. */
static void put_losses(struct emg_pen *pen, const struct emg_top *top)
{
    if (top->gaps > 0) {
        emg_pen_put(pen, EMG_STYLE_PLAIN, "   ");
        emg_pen_put(pen, EMG_STYLE_NOTICE, " %.0f gap%s, %.2f s lost ", top->gaps, top->gaps > 1 ? "s" : "",
                    top->frames_lost / top->rate_hz);
    }
    if (top->malformed > 0) {
        emg_pen_put(pen, EMG_STYLE_PLAIN, "   ");
        emg_pen_put(pen, EMG_STYLE_NOTICE, " malformed messages: %u ", top->malformed);
    }
}

static void draw_state(const struct emg_top *top, int64_t now_ns)
{
    struct emg_pen pen = row_pen(1);
    const double silence_s = emg_top_silence_s(top, now_ns);
    if (silence_s > 0) {
        emg_pen_put(&pen, EMG_STYLE_ALARM, " NO CONTACT for %.0f s: is emgd running at %s?", silence_s,
                    top->endpoint);
        emg_pen_fill(&pen, EMG_STYLE_ALARM);
        return;
    }
    put_state(&pen, top);
    emg_pen_put(&pen, EMG_STYLE_PLAIN, "   ");
    if (!isnan(top->recording_s))
        put_clock(&pen, EMG_STYLE_GOOD, "● recording ", top->recording_s);
    else if (top->recording_failure[0] != '\0')
        emg_pen_put(&pen, EMG_STYLE_ALARM, " RECORDING FAILED: %s ", top->recording_failure);
    else if (top->session[0] != '\0')
        emg_pen_put(&pen, EMG_STYLE_ALARM, " NOT RECORDING ");
    else
        emg_pen_put(&pen, EMG_STYLE_PLAIN, "not recording");
    if (top->measuring[0] != '\0') {
        emg_pen_put(&pen, EMG_STYLE_PLAIN, "   ");
        emg_pen_put(&pen, EMG_STYLE_NOTICE, " measuring %s: %.0f s ", top->measuring, ceil(top->measuring_s));
    }
    put_losses(&pen, top);
}

/* The id of a session is when it began and, behind "Z-", of whom. */
static void draw_session(const struct emg_top *top)
{
    struct emg_pen pen = row_pen(2);
    const char *participant = strstr(top->session, "Z-");
    if (top->session[0] == '\0') {
        emg_pen_put(&pen, EMG_STYLE_PLAIN, " no session");
        return;
    }
    emg_pen_put(&pen, EMG_STYLE_PLAIN, " session of ");
    emg_pen_put(&pen, EMG_STYLE_BOLD, "%s", participant != NULL ? participant + 2 : top->session);
    if (top->stage[0] != '\0' && strcmp(top->stage_session, top->session) == 0) {
        emg_pen_put(&pen, EMG_STYLE_PLAIN, "   ");
        emg_pen_put(&pen, EMG_STYLE_BOLD, "%s", top->stage);
    }
}

static void put_pair(struct emg_pen *pen, double left, double right, const char *unit)
{
    char of_left[EMG_TOP_NUMBER_SIZE], of_right[EMG_TOP_NUMBER_SIZE];
    emg_pen_put(pen, EMG_STYLE_PLAIN, " left ");
    emg_pen_put(pen, EMG_STYLE_BOLD, "%s%s", emg_top_number(of_left, left, 0, false),
                isnan(left) ? "" : unit);
    emg_pen_put(pen, EMG_STYLE_PLAIN, ", right ");
    emg_pen_put(pen, EMG_STYLE_BOLD, "%s%s", emg_top_number(of_right, right, 0, false),
                isnan(right) ? "" : unit);
}

static void draw_legs(const struct emg_top *top)
{
    struct emg_pen pen = row_pen(3);
    emg_pen_put(&pen, EMG_STYLE_PLAIN, " soleus share");
    put_pair(&pen, top->legs[0].soleus_share_percent, top->legs[1].soleus_share_percent, " %");
    emg_pen_put(&pen, EMG_STYLE_PLAIN, "   cadence");
    put_pair(&pen, top->legs[0].cadence, top->legs[1].cadence, "/min");
}

static bool is_pair(const struct emg_top *top, const char *name)
{
    const char *muscle = emg_top_behind(name, "left.");
    if (muscle == NULL)
        return false;
    for (size_t i = 0; i < top->n_muscles; i++) {
        const char *right = emg_top_behind(top->muscles[i].name, "right.");
        if (right != NULL && strcmp(right, muscle) == 0)
            return true;
    }
    return false;
}

static void draw_symmetry(const struct emg_top *top)
{
    struct emg_pen pen = row_pen(4);
    const char *separator = " symmetry  ";
    for (size_t i = 0; i < top->n_muscles; i++) {
        const struct emg_top_muscle *muscle = &top->muscles[i];
        char words[EMG_TOP_WORDS_SIZE];
        if (!is_pair(top, muscle->name))
            continue;
        const double index = muscle->symmetry.index_percent;
        const char *more = isnan(index) || fabs(index) < 0.5 ? "" : index > 0 ? " more left" : " more right";
        emg_pen_put(&pen, EMG_STYLE_PLAIN, "%s%s ", separator,
                    emg_top_muscle_words(words, emg_top_behind(muscle->name, "left.")));
        if (isnan(index))
            emg_pen_put(&pen, EMG_STYLE_PLAIN, "--");
        else
            emg_pen_put(&pen, EMG_STYLE_BOLD, "%.0f %%%s", fabs(index), more);
        separator = ", ";
    }
}

void emg_head_draw(const struct emg_top *top, int64_t now_ns)
{
    draw_origin(top);
    draw_state(top, now_ns);
    draw_session(top);
    draw_legs(top);
    draw_symmetry(top);
}
