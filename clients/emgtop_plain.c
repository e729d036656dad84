#include "clients/emgtop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_SIZE = 1024, BAR_WIDTH = 20, TIME_SIZE = 32 };

static void put_line(struct emg_output *output, const struct emg_top *top, const char *text)
{
    char line[LINE_SIZE + 16];
    const char *origin = emg_top_origin(top);
    const int n = origin[0] != '\0' ? snprintf(line, sizeof line, "[%s] %s\n", origin, text)
                                    : snprintf(line, sizeof line, "%s\n", text);
    emg_output_put(output, line, (size_t)n);
}

/* The quality and what it suffers from: "bad: clipping, electrode off". */
static void put_quality(char *text, size_t size, const struct emg_top_activation *activation)
{
    (void)snprintf(text, size, "%s%s%s", emg_top_word(activation->quality),
                   activation->flags[0] != '\0' ? ": " : "", activation->flags);
}

/* text [BAR_WIDTH + 1] */
static void put_bar(char *text, const struct emg_top *top, const struct emg_top_muscle *muscle)
{
    double full;
    const double share = emg_top_bar_share(top, muscle, &full);
    const size_t filled = !(share > 0) ? 0 : share >= 1 ? BAR_WIDTH : (size_t)(share * BAR_WIDTH + 0.5);
    memset(text, '#', filled);
    memset(text + filled, '-', BAR_WIDTH - filled);
    text[BAR_WIDTH] = '\0';
}

void emg_top_tell_state(const struct emg_top *top, int64_t now_ns, char *told, size_t size,
                        struct emg_output *output)
{
    char line[LINE_SIZE], rate[EMG_TOP_NUMBER_SIZE], gaps[EMG_TOP_NUMBER_SIZE], lost[EMG_TOP_NUMBER_SIZE];
    if (top->arrival_ns == 0)
        snprintf(line, sizeof line, "waiting for %.500s", top->endpoint);
    else if (emg_top_silence_s(top, now_ns) > 0)
        snprintf(line, sizeof line, "no contact with %.500s", top->endpoint);
    else
        snprintf(line, sizeof line, "state %s, source %s, %s Hz, gaps %s, frames lost %s",
                 emg_top_word(top->state), emg_top_word(top->source),
                 emg_top_number(rate, top->rate_hz, 0, false), emg_top_number(gaps, top->gaps, 0, false),
                 emg_top_number(lost, top->frames_lost, 0, false));
    if (strcmp(line, told) == 0)
        return;
    snprintf(told, size, "%s", line);
    put_line(output, top, line);
}

/* Unix time as UTC, "--" when it is not known. */
static const char *time_text(char text[TIME_SIZE], double t)
{
    struct tm utc;
    const time_t whole = t >= 0 && t < 253402300800.0 ? (time_t)t : -1; /* up to the year 9999 */
    if (whole < 0 || gmtime_r(&whole, &utc) == NULL)
        snprintf(text, TIME_SIZE, "--");
    else
        strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

void emg_top_print_lines(const struct emg_top *top, struct emg_output *output)
{
    for (size_t i = 0; i < top->n_muscles; i++) {
        const struct emg_top_muscle *muscle = &top->muscles[i];
        const struct emg_top_activation *a = &muscle->activation;
        const struct emg_top_fatigue *f = &muscle->fatigue;
        char line[LINE_SIZE], time[TIME_SIZE], bar[BAR_WIDTH + 1], quality[192];
        char rms[EMG_TOP_NUMBER_SIZE], percent[EMG_TOP_NUMBER_SIZE], mdf[EMG_TOP_NUMBER_SIZE],
            se[EMG_TOP_NUMBER_SIZE];
        put_bar(bar, top, muscle);
        put_quality(quality, sizeof quality, a);
        snprintf(line, sizeof line, "%s %-27s %7s uV [%s] %4s %% %-6s  MDF %5s +- %4s Hz  %-12s  quality %s",
                 time_text(time, a->t), muscle->name, emg_top_number(rms, a->rms_uv, 1, false), bar,
                 emg_top_number(percent, a->percent_reference, 0, false), emg_top_activity_word(a->activity),
                 emg_top_number(mdf, f->mdf_hz, 1, false), emg_top_number(se, f->mdf_se_hz, 1, false),
                 emg_top_word(f->verdict), quality);
        put_line(output, top, line);
    }
}
