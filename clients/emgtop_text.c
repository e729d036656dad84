#include "clients/emgtop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *emg_top_number(char *text, double value, int decimals, bool sign)
{
    if (isnan(value))
        (void)snprintf(text, EMG_TOP_NUMBER_SIZE, "--");
    else
        (void)snprintf(text, EMG_TOP_NUMBER_SIZE, sign ? "%+.*f" : "%.*f", decimals, value);
    return text;
}

const char *emg_top_word(const char *text)
{
    return text[0] != '\0' ? text : "--";
}

const char *emg_top_activity_word(enum emg_top_activity activity)
{
    return activity == EMG_TOP_ACTIVE ? "active" : activity == EMG_TOP_AT_REST ? "rest" : "--";
}

const char *emg_top_muscle_words(char *text, const char *muscle)
{
    (void)snprintf(text, EMG_TOP_WORDS_SIZE, "%s", muscle);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '.' || *c == '_')
            *c = ' ';
    return text;
}

const char *emg_top_flag_advice(const char *flag)
{
    static const char *const advice[][2] = {
        {"clipping", "signal clipped: lower the gain?"},
        {"flat", "no signal: cable off?"},
        {"electrode_off", "electrode off?"},
        {"hum", "mains hum: ground electrode, cables?"},
        {"motion", "movement artefact: fix the cable?"},
        {"noisy", "noisy at rest: skin, electrodes?"},
        {"crosstalk", "maybe cross-talk of the neighbour"},
        {"gap", "samples were lost"},
        {"unsettled", "settling"},
    };
    for (size_t i = 0; i < sizeof advice / sizeof advice[0]; i++)
        if (strcmp(flag, advice[i][0]) == 0)
            return advice[i][1];
    return flag;
}

/* The smallest of low, 2 low, 4 low, 10 low, ... that is not below value. */
static double round_scale(double low, double value)
{
    static const double factors[] = {2, 2, 2.5};
    double scale = low;
    for (size_t i = 0; scale < value && scale < 1e9; i++)
        scale *= factors[i % 3];
    return scale;
}

/* 125 % leaves room above the reference. Less than 50 uV is about noise: a muscle at rest must not fill its
 * bar. */
double emg_top_bar_share(const struct emg_top *top, const struct emg_top_muscle *muscle, double *full)
{
    const struct emg_top_activation *a = &muscle->activation;
    const bool is_percent = !isnan(a->percent_reference);
    *full = is_percent ? round_scale(125, top->largest_percent) : round_scale(50, top->largest_uv);
    return (is_percent ? a->percent_reference : a->rms_uv) / *full;
}
