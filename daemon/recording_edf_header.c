#include "daemon/recording_edf_header.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* https://www.edfplus.info/specs/edf.html: a fixed part, then one column for each field with one entry for
 * each signal. */
enum {
    PART_BYTES = 256, /* of the fixed part, and of each signal's share of the columns */
    NUMBER_WIDTH = 8,
    LABEL_WIDTH = 16,
    AT_TYPE = 192, /* in the fixed part */
    AT_RECORDS = 236,
    AT_RECORD_S = 244,
    COLUMN_LABEL = 0, /* where a column begins, per signal */
    COLUMN_DIMENSION = 96,
    COLUMN_PHYSICAL_MIN = 104,
    COLUMN_PHYSICAL_MAX = 112,
    COLUMN_DIGITAL_MIN = 120,
    COLUMN_DIGITAL_MAX = 128,
    COLUMN_SAMPLES = 216,
    EXPONENT_MAX =
        15, /* and at most 7 digits behind the point: 1e22 is the last power of ten a double holds */
    EDF_RECORD_BYTES_MAX = 10 << 20, /* EDFlib's limits */
    BDF_RECORD_BYTES_MAX = 15 << 20,
};

/* The file's header, as it is. */
struct text {
    char *bytes;
    size_t n_signals;
};

static double power_of_ten(int exponent)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return powers[exponent];
}

static double decimal_value(struct emg_edf_decimal d)
{
    return d.exponent < 0 ? d.mantissa / power_of_ten(-d.exponent) : d.mantissa * power_of_ten(d.exponent);
}

double emg_edf_header_rate_hz(const struct emg_edf_header *header, long samples_per_record)
{
    const struct emg_edf_decimal d = header->record_s;
    const double n = (double)samples_per_record;
    return d.exponent < 0 ? n * power_of_ten(-d.exponent) / d.mantissa : n / decimal_value(d);
}

/* Not strtol and strtod: a field has no terminator, and the locale's decimal comma is never EDF's. */
static bool parse_integer(const char *field, size_t width, long *value)
{
    const bool negative = field[0] == '-';
    size_t i = negative || field[0] == '+' ? 1 : 0;
    const size_t first = i;
    *value = 0;
    for (; i < width && field[i] >= '0' && field[i] <= '9'; i++)
        *value = 10 * *value + (field[i] - '0');
    const bool digits = i > first;
    while (i < width && field[i] == ' ')
        i++;
    *value = negative ? -*value : *value;
    return digits && i == width;
}

static bool parse_decimal(const char *field, struct emg_edf_decimal *value)
{
    const bool negative = field[0] == '-';
    size_t i = negative || field[0] == '+' ? 1 : 0;
    bool digits = false, point = false;
    *value = (struct emg_edf_decimal){0};
    for (; i < NUMBER_WIDTH; i++) {
        if (field[i] == '.' && !point) {
            point = true;
        } else if (field[i] >= '0' && field[i] <= '9') {
            value->mantissa = 10.0 * value->mantissa + (field[i] - '0');
            value->exponent -= point;
            digits = true;
        } else {
            break;
        }
    }
    value->mantissa = negative ? -value->mantissa : value->mantissa;
    if (digits && i + 1 < NUMBER_WIDTH && (field[i] == 'e' || field[i] == 'E')) {
        long exponent;
        if (!parse_integer(field + i + 1, NUMBER_WIDTH - i - 1, &exponent) || labs(exponent) > EXPONENT_MAX)
            return false;
        value->exponent += (int)exponent;
        return true;
    }
    while (i < NUMBER_WIDTH && field[i] == ' ')
        i++;
    return digits && i == NUMBER_WIDTH;
}

static bool is_field(const char *field, size_t width, const char *text)
{
    const size_t n = strlen(text);
    if (memcmp(field, text, n) != 0)
        return false;
    while (width > n && field[width - 1] == ' ')
        width--;
    return width == n;
}

static double unit_uv(const char *dimension)
{
    static const struct {
        const char *name;
        double uv;
    } units[] = {{"uV", 1.0}, {"mV", 1e3}, {"V", 1e6}, {"nV", 1e-3}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (is_field(dimension, NUMBER_WIDTH, units[i].name))
            return units[i].uv;
    }
    return 0.0;
}

/* Reads the whole header into text->bytes, which the caller frees, also after an error. */
static enum emg_error load(const struct emg_recording *r, struct text *text, struct emg_problem *problem)
{
    char fixed[PART_BYTES];
    long n_signals, n_bytes;
    if (!emg_recording_read_at(r, 0, fixed, sizeof fixed))
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: truncated within its header: %" PRIu64 " bytes, at least %d are needed",
                               r->path, r->size_bytes, PART_BYTES);
    if (!parse_integer(fixed + 252, 4, &n_signals) || !parse_integer(fixed + 184, NUMBER_WIDTH, &n_bytes))
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: damaged header: no number of signals or of header bytes", r->path);
    if (n_signals < 1)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: its header lists %ld signals", r->path,
                               n_signals);
    if (n_signals > EMG_EDF_MAX_SIGNALS)
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED, "%s: has %ld signals; at most %d can be read",
                               r->path, n_signals, EMG_EDF_MAX_SIGNALS);
    if (n_bytes != PART_BYTES * (n_signals + 1))
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: damaged header: %ld bytes for %ld signals instead of %ld", r->path,
                               n_bytes, n_signals, PART_BYTES * (n_signals + 1));
    text->n_signals = (size_t)n_signals;
    text->bytes = malloc((size_t)n_bytes);
    if (text->bytes == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: out of memory", r->path);
    if (!emg_recording_read_at(r, 0, text->bytes, (size_t)n_bytes))
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: truncated within its header: %" PRIu64 " of %ld bytes", r->path,
                               r->size_bytes, n_bytes);
    for (long i = 1; i < n_bytes; i++) {
        if (text->bytes[i] < ' ' || text->bytes[i] > '~')
            return emg_problem_set(problem, EMG_ERROR_FORMAT,
                                   "%s: damaged header: byte %ld is not printable ASCII", r->path, i);
    }
    return EMG_OK;
}

static enum emg_error read_records(const struct emg_recording *r, const struct text *text,
                                   struct emg_edf_header *header, struct emg_problem *problem)
{
    const char *type = text->bytes + AT_TYPE;
    header->bdf = (unsigned char)text->bytes[0] == 0xff;
    if (memcmp(type, header->bdf ? "BDF+D" : "EDF+D", 5) == 0)
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED,
                               "%s: is discontinuous (%.5s); only continuous recordings can be read", r->path,
                               type);
    if (!parse_integer(text->bytes + AT_RECORDS, NUMBER_WIDTH, &header->n_records) || header->n_records < -1)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: damaged header: no number of data records",
                               r->path);
    if (header->n_records == -1)
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: was not closed properly (its record count is -1); mend it with "
                               "\"emgctl repair\"",
                               r->path);
    if (header->n_records == 0)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: holds no data records", r->path);
    if (!parse_decimal(text->bytes + AT_RECORD_S, &header->record_s) || header->record_s.mantissa < 0.0)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: damaged header: no duration of a data record",
                               r->path);
    return EMG_OK;
}

/* Returns what is wrong with it, or NULL. */
static const char *parse_signal(const struct text *text, size_t i, bool bdf, struct emg_edf_signal *s)
{
    const char *columns = text->bytes + PART_BYTES, *number = columns + i * NUMBER_WIDTH;
    const size_t n = text->n_signals;
    const long digital_limit = bdf ? 1L << 23 : 1L << 15;
    struct emg_edf_decimal minimum, maximum;
    if (!parse_decimal(number + n * COLUMN_PHYSICAL_MIN, &minimum) ||
        !parse_decimal(number + n * COLUMN_PHYSICAL_MAX, &maximum))
        return "its physical minimum or maximum is no number";
    s->physical_min = decimal_value(minimum);
    s->physical_max = decimal_value(maximum);
    if (s->physical_min == s->physical_max)
        return "its physical minimum equals its maximum";
    if (!parse_integer(number + n * COLUMN_DIGITAL_MIN, NUMBER_WIDTH, &s->digital_min) ||
        !parse_integer(number + n * COLUMN_DIGITAL_MAX, NUMBER_WIDTH, &s->digital_max))
        return "its digital minimum or maximum is no number";
    if (s->digital_min >= s->digital_max || s->digital_min < -digital_limit ||
        s->digital_max >= digital_limit)
        return "its digital minimum and maximum are not a range of its samples";
    if (!parse_integer(number + n * COLUMN_SAMPLES, NUMBER_WIDTH, &s->samples_per_record) ||
        s->samples_per_record < 1)
        return "it has no number of samples in a record";
    s->unit_uv = unit_uv(number + n * COLUMN_DIMENSION);
    const char *label = columns + n * COLUMN_LABEL + i * LABEL_WIDTH;
    size_t length = LABEL_WIDTH;
    while (length > 0 && label[length - 1] == ' ')
        length--;
    for (; length > 0 && *label == ' '; length--)
        label++;
    memcpy(s->label, label, length);
    s->label[length] = '\0';
    return NULL;
}

static enum emg_error read_signals(const struct emg_recording *r, const struct text *text,
                                   struct emg_edf_header *header, struct emg_problem *problem)
{
    const bool bdf = header->bdf, plus = memcmp(text->bytes + AT_TYPE, bdf ? "BDF+C" : "EDF+C", 5) == 0;
    const uint64_t limit = bdf ? BDF_RECORD_BYTES_MAX : EDF_RECORD_BYTES_MAX;
    for (size_t i = 0; i < text->n_signals; i++) {
        struct emg_edf_signal s;
        const char *fault = parse_signal(text, i, bdf, &s);
        if (fault != NULL)
            return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: damaged header: signal %zu: %s", r->path,
                                   i + 1, fault);
        const uint64_t offset = header->record_bytes, bytes = (uint64_t)s.samples_per_record * (bdf ? 3 : 2);
        header->record_bytes += bytes;
        if (plus && strcmp(s.label, bdf ? "BDF Annotations" : "EDF Annotations") == 0) {
            header->annotations[header->n_annotations].offset = offset;
            header->annotations[header->n_annotations++].bytes = bytes;
            continue;
        }
        if (header->n_channels == EMG_MAX_CHANNELS)
            return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED,
                                   "%s: has more channels than the %d that can be read", r->path,
                                   EMG_MAX_CHANNELS);
        header->channels[header->n_channels++] = s;
    }
    if (header->record_bytes > limit)
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED,
                               "%s: its data records have %" PRIu64 " bytes; at most %" PRIu64 " can be read",
                               r->path, header->record_bytes, limit);
    return EMG_OK;
}

enum emg_error emg_edf_header_read(const struct emg_recording *r, struct emg_edf_header *header,
                                   struct emg_problem *problem)
{
    struct text text = {0};
    *header = (struct emg_edf_header){0};
    enum emg_error error = load(r, &text, problem);
    if (error == EMG_OK)
        error = read_records(r, &text, header, problem);
    if (error == EMG_OK)
        error = read_signals(r, &text, header, problem);
    free(text.bytes);
    if (error != EMG_OK)
        return error;
    header->header_bytes = PART_BYTES * (text.n_signals + 1);
    const uint64_t held = r->size_bytes - header->header_bytes;
    const uint64_t promised = (uint64_t)header->n_records * header->record_bytes;
    if (held < promised)
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: truncated: the header promises %ld data records, the file holds %" PRIu64,
                               r->path, header->n_records, held / header->record_bytes);
    if (held > promised)
        return emg_problem_set(problem, EMG_ERROR_FORMAT,
                               "%s: is %" PRIu64 " bytes longer than the %ld data records that its header "
                               "promises",
                               r->path, held - promised, header->n_records);
    return EMG_OK;
}
