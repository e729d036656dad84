#include "clients/emgtop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *emg_top_number(char *text, double value, int decimals, bool sign)
{
    if (isnan(value))
        snprintf(text, EMG_TOP_NUMBER_SIZE, "--");
    else
        snprintf(text, EMG_TOP_NUMBER_SIZE, sign ? "%+.*f" : "%.*f", decimals, value);
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

void emg_top_quality(char *text, size_t size, const struct emg_top_activation *activation)
{
    snprintf(text, size, "%s%s%s", emg_top_word(activation->quality),
             activation->flags[0] != '\0' ? ": " : "", activation->flags);
}

/* The smallest of 50, 100, 200, 500, 1000, ... that is not below value. Less than 50 uV is about noise: a
 * muscle at rest must not fill its bar. */
static double round_scale_uv(double value)
{
    static const double factors[] = {2, 2, 2.5};
    double scale = 50;
    for (size_t i = 0; scale < value; i++)
        scale *= factors[i % 3];
    return scale;
}

void emg_top_bar(char *text, size_t width, const struct emg_top_muscle *muscle, double *scale_uv)
{
    const struct emg_top_activation *a = &muscle->activation;
    const bool has_reference = !isnan(a->percent_reference);
    *scale_uv = has_reference ? NAN : round_scale_uv(muscle->largest_uv);
    const double share = has_reference ? a->percent_reference / 100 : a->rms_uv / *scale_uv;
    const size_t filled = !(share > 0) ? 0 : share >= 1 ? width : (size_t)(share * (double)width + 0.5);
    memset(text, '#', filled);
    memset(text + filled, '-', width - filled);
    if (share > 1)
        text[width - 1] = '>';
    text[width] = '\0';
}
