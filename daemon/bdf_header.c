#include "daemon/bdf_header.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    NUMBER_WIDTH = EMG_BDF_NUMBER_WIDTH,
    TEXT_SIZE = 32, /* of a number on its way into a field */
    TICKS_PER_MS = EMG_BDF_TICKS_PER_S / 1000,
    RECORD_BYTES_MAX = 15 << 20, /* EDFlib's limit */
    RECORD_MS_MAX = 1000,
    ANNOTATION_SHARE = 16, /* a record should hold this many times as many bytes of samples */
};

static const char annotations_label[] = "BDF Annotations";
static const double digital_min = -8388608.0, digital_max = 8388607.0;

/* As the header says it: digits / 10^decimals, without rounding. */
struct decimal {
    double digits;
    int decimals;
};

static double power_of_ten(int exponent)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    return powers[exponent];
}

static double decimal_value(struct decimal d)
{
    return d.digits / power_of_ten(d.decimals);
}

/* The nearest to a magnitude below 10^7 that `width` characters can hold, without trailing zeros. */
static struct decimal nearest_decimal(double magnitude, int width)
{
    struct decimal d = {.decimals = width - 2};
    while ((d.digits = nearbyint(magnitude * power_of_ten(d.decimals))) >= power_of_ten(width - 1) &&
           d.decimals > 0)
        d.decimals--;
    for (; d.decimals > 0 && fmod(d.digits, 10.0) == 0.0; d.decimals--)
        d.digits /= 10.0;
    return d;
}

/* Not %g: the locale's decimal comma is never EDF's. */
static void print_decimal(char text[TEXT_SIZE], const char *sign, struct decimal d)
{
    const unsigned digits = (unsigned)d.digits, one = (unsigned)power_of_ten(d.decimals);
    char fraction[16];
    (void)snprintf(fraction, sizeof fraction, "%07u", digits % one * (10000000 / one));
    (void)snprintf(text, TEXT_SIZE, "%s%u%s%.*s", sign, digits / one, d.decimals > 0 ? "." : "", d.decimals,
                   fraction);
}

struct physical {
    const char *dimension;
    double unit_uv;
    struct decimal full_scale;
};

static struct physical choose_physical(double full_scale_uv)
{
    const double least_uv = 0.00001, most_uv = 9.999e9, most_in_uv = 9999999.0;
    const double uv = full_scale_uv > least_uv ? fmin(full_scale_uv, most_uv) : least_uv;
    const bool milli = uv > most_in_uv;
    const double unit_uv = milli ? 1000.0 : 1.0;
    return (struct physical){.dimension = milli ? "mV" : "uV",
                             .unit_uv = unit_uv,
                             .full_scale = nearest_decimal(uv / unit_uv, NUMBER_WIDTH - 1)};
}

double emg_bdf_step_uv(double full_scale_uv)
{
    const struct physical physical = choose_physical(full_scale_uv);
    return physical.unit_uv * decimal_value(physical.full_scale) / -digital_min;
}

static bool is_whole(double rate_hz, unsigned record_ms)
{
    const double n = nearbyint(rate_hz * record_ms / 1000.0);
    return n >= 1.0 && n * 1000.0 / record_ms == rate_hz;
}

/* 0: there is none. */
static unsigned choose_record_ms(double rate_hz, size_t n_channels)
{
    static const unsigned usual_ms[] = {100, 125, 200, 250, 500};
    const double enough = (double)ANNOTATION_SHARE * EMG_BDF_ANNOTATION_BYTES;
    unsigned chosen_ms = 0;
    for (size_t i = 0; i < sizeof usual_ms / sizeof usual_ms[0]; i++) {
        if (!is_whole(rate_hz, usual_ms[i]))
            continue;
        chosen_ms = usual_ms[i];
        if (rate_hz * chosen_ms / 1000.0 * (double)n_channels * EMG_BDF_SAMPLE_BYTES >= enough)
            break;
    }
    for (unsigned ms = usual_ms[0]; chosen_ms == 0 && ms <= RECORD_MS_MAX; ms++)
        chosen_ms = is_whole(rate_hz, ms) ? ms : 0;
    return chosen_ms;
}

/* A field: what is behind the text, up to its width, is blank already. */
static void put(char *field, size_t width, const char *text)
{
    for (size_t i = 0; i < width && text[i] != '\0'; i++)
        field[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
}

static void put_number(char *field, size_t width, size_t value)
{
    char text[TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%zu", value);
    put(field, width, text);
}

/* A part of the EDF+ identifications, which blanks separate. */
static void copy_part(char *part, size_t size, const char *text)
{
    (void)snprintf(part, size, "%s", text[0] != '\0' ? text : "X");
    for (char *c = part; *c != '\0'; c++)
        *c = *c > ' ' && *c <= '~' ? *c : '_';
}

/* Puts the second in which the start falls; returns the rest of it. EDF knows two digits of the year: 85
 * to 84.
 */
static uint64_t put_start(char *header, double start_t, const char *equipment)
{
    static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                         "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
    const double begin_1985 = 473385600.0, end_2084 = 3629145600.0;
    const bool known = start_t >= begin_1985 && start_t < end_2084 - 1.0;
    char day[32] = "X", date[16] = "01.01.85", clock[16] = "00.00.00", part[33], identification[96];
    uint64_t ticks = 0;
    if (known) {
        const time_t second = (time_t)start_t;
        /* Never a whole second: no double of this size is nearer to the next one than 59 ns. */
        ticks = (uint64_t)nearbyint((start_t - (double)second) * EMG_BDF_TICKS_PER_S);
        struct tm utc;
        (void)gmtime_r(&second, &utc);
        (void)snprintf(day, sizeof day, "%02d-%s-%d", utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900);
        (void)strftime(date, sizeof date, "%d.%m.%y", &utc);
        (void)strftime(clock, sizeof clock, "%H.%M.%S", &utc);
    }
    copy_part(part, sizeof part, equipment);
    (void)snprintf(identification, sizeof identification, "Startdate %s X X %s", day, part);
    put(header + 88, 80, identification);
    put(header + 168, 8, date);
    put(header + 176, 8, clock);
    return ticks;
}

/* One column for each field, one entry for each signal; offsets per signal. */
static void put_signal(char *header, size_t n_signals, size_t i, const struct emg_bdf_channel *channel,
                       size_t n_samples)
{
    char *columns = header + EMG_BDF_PART_BYTES, *number = columns + NUMBER_WIDTH * i;
    char minimum[TEXT_SIZE] = "-1", maximum[TEXT_SIZE] = "1";
    if (channel != NULL) {
        const struct physical physical = choose_physical(channel->full_scale_uv);
        const double largest = decimal_value(physical.full_scale) * (digital_max / -digital_min);
        print_decimal(minimum, "-", physical.full_scale);
        print_decimal(maximum, "", nearest_decimal(largest, NUMBER_WIDTH));
        put(columns + n_signals * 16 + 80 * i, 80, channel->transducer);
        put(number + n_signals * 96, NUMBER_WIDTH, physical.dimension);
        put(columns + n_signals * 136 + 80 * i, 80, channel->prefilter);
    }
    put(columns + 16 * i, 16, channel != NULL ? channel->label : annotations_label);
    put(number + n_signals * 104, NUMBER_WIDTH, minimum);
    put(number + n_signals * 112, NUMBER_WIDTH, maximum);
    put(number + n_signals * 120, NUMBER_WIDTH, "-8388608");
    put(number + n_signals * 128, NUMBER_WIDTH, "8388607");
    put_number(number + n_signals * 216, NUMBER_WIDTH, n_samples);
}

static void put_fixed_part(char *header, const struct emg_bdf_config *config, unsigned record_ms)
{
    char code[17], patient[32], duration[TEXT_SIZE];
    copy_part(code, sizeof code, config->participant);
    (void)snprintf(patient, sizeof patient, "%s X X X", code);
    print_decimal(duration, "", nearest_decimal(record_ms / 1000.0, NUMBER_WIDTH));
    header[0] = '\xff';
    put(header + 1, 7, "BIOSEMI");
    put(header + 8, 80, patient);
    put_number(header + 184, NUMBER_WIDTH, EMG_BDF_PART_BYTES * ((size_t)config->n_channels + 2));
    put(header + 192, 44, "BDF+C");
    put(header + EMG_BDF_AT_RECORDS, NUMBER_WIDTH, "-1");
    put(header + 244, NUMBER_WIDTH, duration);
    put_number(header + 252, 4, (size_t)config->n_channels + 1);
}

static enum emg_error lay_out(const struct emg_bdf_config *config, unsigned *record_ms,
                              struct emg_bdf_layout *layout, struct emg_problem *problem)
{
    if (config->n_channels == 0 || config->n_channels > EMG_MAX_CHANNELS)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "a recording of %u channels: 1 to %d can be written", config->n_channels,
                               EMG_MAX_CHANNELS);
    *record_ms = choose_record_ms(config->rate_hz, config->n_channels);
    const double record_frames = nearbyint(config->rate_hz * *record_ms / 1000.0);
    const double record_bytes =
        record_frames * config->n_channels * EMG_BDF_SAMPLE_BYTES + EMG_BDF_ANNOTATION_BYTES;
    if (*record_ms == 0 || record_bytes > RECORD_BYTES_MAX)
        return emg_problem_set(
            problem, EMG_ERROR_ARGUMENT,
            "a recording at %.10g Hz: no data record of BDF holds a whole number of frames", config->rate_hz);
    *layout = (struct emg_bdf_layout){
        .n_channels = config->n_channels,
        .header_bytes = EMG_BDF_PART_BYTES * ((size_t)config->n_channels + 2),
        .record_frames = (size_t)record_frames,
        .record_bytes = (size_t)record_bytes,
        .record_ticks = (uint64_t)*record_ms * TICKS_PER_MS,
    };
    for (size_t c = 0; c < layout->n_channels; c++) {
        if (strcmp(config->channels[c].label, annotations_label) == 0)
            return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                                   "a channel labelled \"%s\": the format has this label for its own",
                                   annotations_label);
        layout->step_uv[c] = emg_bdf_step_uv(config->channels[c].full_scale_uv);
    }
    return EMG_OK;
}

enum emg_error emg_bdf_header_make(const struct emg_bdf_config *config, struct emg_bdf_layout *layout,
                                   char header[EMG_BDF_HEADER_BYTES_MAX], struct emg_problem *problem)
{
    unsigned record_ms = 0;
    const enum emg_error error = lay_out(config, &record_ms, layout, problem);
    if (error != EMG_OK)
        return error;
    const size_t n_signals = layout->n_channels + 1;
    memset(header, ' ', layout->header_bytes);
    put_fixed_part(header, config, record_ms);
    layout->start_ticks = put_start(header, config->start_t, config->equipment);
    for (size_t c = 0; c < layout->n_channels; c++)
        put_signal(header, n_signals, c, &config->channels[c], layout->record_frames);
    put_signal(header, n_signals, layout->n_channels, NULL, EMG_BDF_ANNOTATION_BYTES / EMG_BDF_SAMPLE_BYTES);
    return EMG_OK;
}
