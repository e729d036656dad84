#include "daemon/recording_edf_header.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* https://www.edfplus.info/specs/edfplus.html#tal: an annotation signal holds time-stamped lists
 *     onset [\25 duration] \24 text \24 text \24 ... \0
 * with signed seconds; a record's first list begins with an empty text: its onset is the record's time. */
enum {
    TEXT_END = 0x14,
    DURATION_FOLLOWS = 0x15,
    MAX_ANNOTATIONS = 1 << 18,
    MAX_TEXT_BYTES = 64 << 20,
    RECORDS_AHEAD = 128,
    MAX_SECONDS = 1000000000,
    NS_PER_S = 1000000000,
};

struct reader {
    struct emg_recording *recording;
    size_t capacity, text_bytes;
    int64_t start_ns; /* of the first record */
};

struct bytes {
    const char *at, *end;
};

void emg_recording_free_annotations(struct emg_recording *r)
{
    for (size_t i = 0; i < r->n_annotations; i++)
        free(r->annotations[i].text);
    free(r->annotations);
    r->annotations = NULL;
    r->n_annotations = 0;
}

const struct emg_annotation *emg_recording_annotations(const struct emg_recording *r, size_t *n)
{
    *n = r->n_annotations;
    return r->annotations;
}

/* Digits with at most one point among them, to the nanosecond; false where there are none. */
static bool parse_seconds(struct bytes *b, int64_t *ns)
{
    int64_t seconds = 0, fraction = 0, unit = NS_PER_S;
    bool digits = false;
    for (; b->at < b->end && *b->at >= '0' && *b->at <= '9'; b->at++, digits = true) {
        seconds = 10 * seconds + (*b->at - '0');
        if (seconds > MAX_SECONDS)
            return false;
    }
    if (b->at < b->end && *b->at == '.')
        for (b->at++; b->at < b->end && *b->at >= '0' && *b->at <= '9'; b->at++, digits = true) {
            unit /= 10;
            fraction += unit * (*b->at - '0');
        }
    *ns = seconds * NS_PER_S + fraction;
    return digits;
}

static bool parse_onset(struct bytes *b, int64_t *ns)
{
    if (b->at == b->end || (*b->at != '+' && *b->at != '-'))
        return false;
    const bool negative = *b->at++ == '-';
    const bool valid = parse_seconds(b, ns);
    *ns = negative ? -*ns : *ns;
    return valid;
}

/* Length of the well-formed character of UTF-8 (RFC 3629) at `at`, 0 when there is none. */
static size_t character_bytes(const unsigned char *at, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (at[0] < 0x80)
        return 1;
    const size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc0 || at[0] > 0xf7 || length > n)
        return 0;
    uint32_t code = at[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fU);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code >= least[length] && code <= 0x10ffff && !surrogate ? length : 0;
}

/* Control characters become blanks, what is no UTF-8 question marks. */
static char *copy_clean(const char *text, size_t n)
{
    char *copy = malloc(n + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, n);
    copy[n] = '\0';
    for (size_t i = 0, length; i<n; i += length> 0 ? length : 1) {
        length = character_bytes((const unsigned char *)copy + i, n - i);
        const bool control = (unsigned char)copy[i] < ' ' || copy[i] == 0x7f ||
                             (length == 2 && copy[i] == '\xc2' && (unsigned char)copy[i + 1] < 0xa0);
        if (length == 0)
            copy[i] = '?';
        else if (control)
            memset(copy + i, ' ', length);
    }
    return copy;
}

static bool add(struct reader *reader, int64_t onset_ns, int64_t duration_ns, const char *text, size_t n)
{
    struct emg_recording *r = reader->recording;
    if (r->n_annotations == reader->capacity) {
        const size_t capacity = reader->capacity > 0 ? 2 * reader->capacity : 64;
        struct emg_annotation *grown = realloc(r->annotations, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        r->annotations = grown;
        reader->capacity = capacity;
    }
    char *copy = copy_clean(text, n);
    if (copy == NULL)
        return false;
    reader->text_bytes += n;
    r->annotations[r->n_annotations++] =
        (struct emg_annotation){.onset_s = (double)(onset_ns - reader->start_ns) / NS_PER_S,
                                .duration_s = (double)duration_ns / NS_PER_S,
                                .text = copy};
    return true;
}

static bool is_full(const struct reader *reader)
{
    return reader->recording->n_annotations >= MAX_ANNOTATIONS || reader->text_bytes >= MAX_TEXT_BYTES;
}

/* One list, without the zero behind it; is_time: it begins a record. What is damaged is left out. Returns
 * false without memory. */
static bool read_list(struct reader *reader, struct bytes list, bool is_first_time)
{
    int64_t onset_ns, duration_ns = 0;
    if (!parse_onset(&list, &onset_ns) || list.at == list.end)
        return true;
    if (*list.at == DURATION_FOLLOWS) {
        list.at++;
        if (!parse_seconds(&list, &duration_ns))
            return true;
    }
    if (list.at == list.end || *list.at++ != TEXT_END)
        return true;
    if (is_first_time && list.at < list.end && *list.at == TEXT_END)
        reader->start_ns = onset_ns;
    while (list.at < list.end && !is_full(reader)) {
        const size_t room = (size_t)(list.end - list.at);
        const char *end = memchr(list.at, TEXT_END, room);
        if (end == NULL)
            return true;
        const size_t n = (size_t)(end - list.at);
        if (n > 0 && !add(reader, onset_ns, duration_ns, list.at, n))
            return false;
        list.at = end + 1;
    }
    return true;
}

static bool read_lists(struct reader *reader, struct bytes signal, bool is_first)
{
    while (signal.at < signal.end) {
        const char *end = memchr(signal.at, '\0', (size_t)(signal.end - signal.at));
        if (end == NULL)
            return true;
        if (end > signal.at && !read_list(reader, (struct bytes){signal.at, end}, is_first))
            return false;
        is_first = false;
        signal.at = end + 1;
    }
    return true;
}

/* Has the system fetch what will be read: small pieces far from each other, which one after the other would
 * cost a wait each. */
static void announce(const struct emg_recording *r, const struct emg_edf_header *header, uint64_t record)
{
    const uint64_t offset = header->header_bytes + record * header->record_bytes;
    for (size_t i = 0; i < header->n_annotations && record < (uint64_t)header->n_records; i++)
        (void)posix_fadvise(r->fd, (off_t)(offset + header->annotations[i].offset),
                            (off_t)header->annotations[i].bytes, POSIX_FADV_WILLNEED);
}

/* signal: room for the longest annotation signal. */
static enum emg_error read_record(struct reader *reader, const struct emg_edf_header *header, uint64_t record,
                                  char *signal, struct emg_problem *problem)
{
    const struct emg_recording *r = reader->recording;
    const uint64_t offset = header->header_bytes + record * header->record_bytes;
    for (size_t i = 0; i < header->n_annotations && !is_full(reader); i++) {
        const uint64_t bytes = header->annotations[i].bytes;
        if (!emg_recording_read_at(r, offset + header->annotations[i].offset, signal, bytes))
            return emg_problem_set(problem, EMG_ERROR_IO, "%s: its annotations cannot be read", r->path);
        if (!read_lists(reader, (struct bytes){signal, signal + bytes}, record == 0 && i == 0))
            return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: out of memory", r->path);
    }
    return EMG_OK;
}

enum emg_error emg_edf_annotations_read(struct emg_recording *r, const struct emg_edf_header *header,
                                        struct emg_problem *problem)
{
    struct reader reader = {.recording = r};
    enum emg_error error = EMG_OK;
    uint64_t most_bytes = 0;
    for (size_t i = 0; i < header->n_annotations; i++)
        most_bytes = header->annotations[i].bytes > most_bytes ? header->annotations[i].bytes : most_bytes;
    if (most_bytes == 0)
        return EMG_OK;
    char *signal = malloc(most_bytes);
    if (signal == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: out of memory", r->path);
    for (uint64_t k = 0; error == EMG_OK && k < (uint64_t)header->n_records; k++) {
        announce(r, header, k + RECORDS_AHEAD);
        error = read_record(&reader, header, k, signal, problem);
    }
    free(signal);
    return error;
}
