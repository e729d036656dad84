#include "clients/report_text.h"

#include <math.h>
#include <string.h>

static const char *const verdicts[] = {"undetermined", "fatiguing", "steady", "recovering"};
static const char *const flag_names[EMG_FLAGS] = {
    "clipping", "flat", "electrode_off", "hum", "motion", "noisy", "crosstalk", "gap", "unsettled",
};

static const char *const reasons[] = {
    [EMG_REASON_NO_SIGNAL] = "no contraction long enough for a spectrum",
    [EMG_REASON_BAD_QUALITY] = "signal clipped, flat or without electrode at the end",
    [EMG_REASON_NOISE_UNKNOWN] = "noise level not known: no rest was seen",
    [EMG_REASON_LOW_SNR] = "signal less than 10 dB above its noise",
    [EMG_REASON_TOO_SHORT] = "not enough contractions for a trend (8 spectra over a minute)",
    [EMG_REASON_WIDE_INTERVAL] = "slope\xe2\x80\x99s 95 % CI holds both no change and a relevant one",
    [EMG_REASON_FALLING] = "MDF falls: slope\xe2\x80\x99s 95 % CI below zero",
    [EMG_REASON_RISING] = "MDF rises: slope\xe2\x80\x99s 95 % CI above zero",
    [EMG_REASON_FLAT] = "MDF holds: slope\xe2\x80\x99s 95 % CI within 1 %/min",
    [EMG_REASON_FELL_THEN_LEVEL] = "MDF fell first, no certain change since",
    [EMG_REASON_ROSE_THEN_LEVEL] = "MDF rose first, no certain change since",
    [EMG_REASON_WAITING] = "slope\xe2\x80\x99s 95 % CI excludes zero by too little for a sequential test",
};

static const char *const plain_reasons[] = {
    [EMG_REASON_NO_SIGNAL] = "no contraction long enough was seen",
    [EMG_REASON_BAD_QUALITY] = "the electrodes gave no usable signal at the end",
    [EMG_REASON_NOISE_UNKNOWN] = "no rest was seen, so that the background noise is not known",
    [EMG_REASON_LOW_SNR] = "the signal stood out too little from the background noise",
    [EMG_REASON_TOO_SHORT] = "there was too little signal to show a trend",
    [EMG_REASON_WIDE_INTERVAL] = "the signal varied too much to tell a trend from chance",
    [EMG_REASON_FALLING] = "its signal slowed steadily",
    [EMG_REASON_RISING] = "its signal quickened steadily",
    [EMG_REASON_FLAT] = "its signal kept its pace",
    [EMG_REASON_FELL_THEN_LEVEL] = "its signal slowed and then stayed slow",
    [EMG_REASON_ROSE_THEN_LEVEL] = "its signal quickened and then stayed so",
    [EMG_REASON_WAITING] = "the signal changed, but by so little that it may be chance",
};

static const char *const refusals[] = {
    [EMG_REFUSAL_NONE] = NULL,
    [EMG_REFUSAL_GAP] = "samples were lost during it",
    [EMG_REFUSAL_BAD_QUALITY] = "the signal was clipped or flat, or an electrode was off",
    [EMG_REFUSAL_TOO_SHORT] = "there was not enough good signal in it",
    [EMG_REFUSAL_NOT_AT_REST] = "the muscle was not at rest",
    [EMG_REFUSAL_NOISE_TOO_HIGH] = "the level was too high for rest",
    [EMG_REFUSAL_NO_CONTRACTION] = "no contraction stood out from the noise",
    [EMG_REFUSAL_FEW_CONTRACTIONS] = "it held fewer than 5 whole contractions",
    [EMG_REFUSAL_LOW_SNR] = "the signal was less than 10 dB above its noise",
    [EMG_REFUSAL_CANCELLED] = "something else began before it was over",
};

static const char *const causes[] = {
    [EMG_GAP_NONE] = "not known",
    [EMG_GAP_RING_FULL] = "the analysis did not keep up",
    [EMG_GAP_OVERFLOW] = "the device or its driver lost samples",
    [EMG_GAP_HOLE] = "the sound system had no samples",
    [EMG_GAP_DEVICE] = "the device was away",
    [EMG_GAP_STALL] = "the stream stood still",
    [EMG_GAP_RECORDER] = "the recording misses them",
};

/* Length of the UTF-8 sequence at s that XML 1.0 may hold, 0 when there is none. */
static size_t sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
    const size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
                     : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                     : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                    : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    const int overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
                         (s[0] == 0xc2 && s[1] < 0xa0); /* a control character */
    const int outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f) ||
                        (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe); /* no characters */
    return overlong || outside ? 0 : n;
}

void emg_report_escape(FILE *out, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        const size_t n = sequence(s);
        if (n == 0)
            (void)fputs("\xef\xbf\xbd", out);
        else if (*s == '<')
            (void)fputs("&lt;", out);
        else if (*s == '>')
            (void)fputs("&gt;", out);
        else if (*s == '&')
            (void)fputs("&amp;", out);
        else if (*s == '"')
            (void)fputs("&quot;", out);
        else
            (void)fwrite(s, 1, n, out);
        s += n > 0 ? n : 1;
    }
}

static void put_number(FILE *out, double value, int decimals, const char *plus)
{
    char text[512];
    if (!isfinite(value)) {
        (void)fputs("\xe2\x80\x93", out);
        return;
    }
    (void)snprintf(text, sizeof text, "%.*f", decimals, fabs(value));
    const int is_zero = strspn(text, "0.") == strlen(text);
    (void)fprintf(out, "%s%s", is_zero ? "" : value < 0 ? "\xe2\x88\x92" : plus, text);
}

void emg_report_number(FILE *out, double value, int decimals)
{
    put_number(out, value, decimals, "");
}

void emg_report_signed(FILE *out, double value, int decimals)
{
    put_number(out, value, decimals, "+");
}

void emg_report_duration(FILE *out, double seconds)
{
    const long s = lround(fmax(0, seconds));
    if (s >= 3600)
        (void)fprintf(out, "%ld h %ld min", s / 3600, s % 3600 / 60);
    else if (s >= 60 && s % 60 != 0)
        (void)fprintf(out, "%ld min %ld s", s / 60, s % 60);
    else if (s >= 60)
        (void)fprintf(out, "%ld min", s / 60);
    else
        (void)fprintf(out, "%ld s", s);
}

const char *emg_report_muscle_name(char *text, const char *name)
{
    (void)snprintf(text, EMG_REPORT_NAME_SIZE, "%s", name);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '.' || *c == '_')
            *c = ' ';
    return text;
}

const char *emg_report_title(char *text, const char *name)
{
    (void)emg_report_muscle_name(text, name);
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    return text;
}

const char *emg_report_verdict(enum emg_verdict verdict)
{
    return verdicts[verdict];
}

const char *emg_report_flag(size_t flag)
{
    return flag_names[flag];
}

const char *emg_report_reason(enum emg_reason reason)
{
    return reasons[reason];
}

const char *emg_report_plain_reason(enum emg_reason reason)
{
    return plain_reasons[reason];
}

const char *emg_report_refusal(enum emg_refusal refusal)
{
    return refusals[refusal];
}

const char *emg_report_method(const char *method)
{
    static const char *const names[][2] = {
        {"mvc", "maximal voluntary contraction (highest RMS over 0.5 s)"},
        {"submaximal", "submaximal contraction held (its RMS)"},
        {"dynamic_peak", "peak of the dynamic task (mean over contractions of the highest RMS)"},
        {"dynamic_mean", "mean of the dynamic task (RMS over all of it)"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(method, names[i][0]) == 0)
            return names[i][1];
    return method;
}

const char *emg_report_cause(enum emg_gap_cause cause)
{
    return causes[cause];
}

void emg_report_flags(FILE *out, uint32_t flags, const char *between)
{
    const char *before = "";
    for (size_t i = 0; i < EMG_FLAGS; i++) {
        if ((flags >> i & 1) == 0)
            continue;
        (void)fprintf(out, "%s%s", before, flag_names[i]);
        before = between;
    }
}
