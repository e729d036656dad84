#include "daemon/bdf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* https://www.edfplus.info/specs/edf.html */
enum {
    PART_BYTES = 256,
    LABEL_WIDTH = 16,
    NUMBER_WIDTH = 8,
    COLUMN_SAMPLES = 216,
    AT_TYPE = 192,
    AT_RECORDS = 236,
    AT_RECORD_S = 244,
    AT_SIGNALS = 252,
    MAX_SIGNALS = 640,
    MAX_SAMPLES = 99999999,
    MAX_RECORDS = 99999999,
};

struct layout {
    bool bdf, plus;
    uint64_t header_bytes, record_bytes;
    uint64_t n_records; /* 0: the header tells none */
    double record_s;
    bool has_times;   /* each record begins its annotations with its time */
    uint64_t at_time; /* in the record */
};

static bool read_at(int fd, void *bytes, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        const ssize_t got = pread(fd, (char *)bytes + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* A decimal number without a sign; negative when the field holds none. Not strtod: a field has no terminator,
 * and the locale's decimal comma is never EDF's. */
static double parse(const char *field, size_t width)
{
    double value = 0.0, unit = 1.0;
    bool point = false, digits = false;
    size_t i = 0;
    for (; i < width && ((field[i] >= '0' && field[i] <= '9') || (field[i] == '.' && !point)); i++) {
        if (field[i] == '.') {
            point = true;
            continue;
        }
        value = 10.0 * value + (field[i] - '0');
        unit *= point ? 10.0 : 1.0;
        digits = true;
    }
    /* "1E0" is rare, but legal. */
    if (digits && width - i >= 2 && (field[i] == 'e' || field[i] == 'E') && field[i + 1] == '0')
        i += 2;
    while (i < width && field[i] == ' ')
        i++;
    return digits && i == width ? value / unit : -1.0;
}

static bool is_format(const char *fixed)
{
    return memcmp(fixed,
                  "\xff"
                  "BIOSEMI",
                  8) == 0 ||
           memcmp(fixed, "0       ", 8) == 0;
}

static bool read_columns(int fd, struct layout *layout, size_t n_signals)
{
    static const char *const annotations[2] = {"EDF Annotations ", "BDF Annotations "};
    char label[LABEL_WIDTH], number[NUMBER_WIDTH];
    const uint64_t sample_bytes = layout->bdf ? 3 : 2;
    layout->record_bytes = 0;
    for (size_t i = 0; i < n_signals; i++) {
        const uint64_t at_number = PART_BYTES + COLUMN_SAMPLES * n_signals + NUMBER_WIDTH * i;
        if (!read_at(fd, label, sizeof label, PART_BYTES + LABEL_WIDTH * i) ||
            !read_at(fd, number, sizeof number, at_number))
            return false;
        const double n = parse(number, sizeof number);
        if (!(n >= 1.0 && n <= MAX_SAMPLES))
            return false;
        if (layout->plus && !layout->has_times &&
            memcmp(label, annotations[layout->bdf], sizeof label) == 0) {
            layout->has_times = true;
            layout->at_time = layout->record_bytes;
        }
        layout->record_bytes += sample_bytes * (uint64_t)n;
    }
    return true;
}

/* False: the header is damaged. */
static bool read_layout(int fd, const char *fixed, struct layout *layout)
{
    const double n_signals = parse(fixed + AT_SIGNALS, 4),
                 n_records = parse(fixed + AT_RECORDS, NUMBER_WIDTH);
    *layout = (struct layout){
        .bdf = fixed[0] != '0',
        .plus = memcmp(fixed + AT_TYPE + 1, "DF+", 3) == 0,
        .n_records = n_records > 0.0 ? (uint64_t)n_records : 0,
        .record_s = parse(fixed + AT_RECORD_S, NUMBER_WIDTH),
    };
    if (!(n_signals >= 1.0 && n_signals <= MAX_SIGNALS && layout->record_s >= 0.0))
        return false;
    layout->header_bytes = PART_BYTES * ((uint64_t)n_signals + 1);
    return parse(fixed + 184, NUMBER_WIDTH) == (double)layout->header_bytes &&
           read_columns(fd, layout, (size_t)n_signals);
}

/* Records of a file of that size, without those at its end that were never filled. */
static uint64_t count_records(int fd, const struct layout *layout, uint64_t size_bytes)
{
    if (size_bytes < layout->header_bytes)
        return 0;
    uint64_t n = (size_bytes - layout->header_bytes) / layout->record_bytes;
    for (; layout->has_times && n > 0; n--) {
        char time[2];
        const uint64_t at = layout->header_bytes + (n - 1) * layout->record_bytes + layout->at_time;
        if (read_at(fd, time, sizeof time, at) && (time[0] == '+' || time[0] == '-') && time[1] >= '0' &&
            time[1] <= '9')
            break;
    }
    return n < MAX_RECORDS ? n : MAX_RECORDS;
}

static enum emg_error tell_errno(const char *path, struct emg_problem *problem)
{
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    return emg_problem_set(problem, missing ? EMG_ERROR_NOT_FOUND : EMG_ERROR_IO, "%s: %s", path,
                           strerror(errno));
}

static enum emg_error mend(int fd, const char *path, struct emg_bdf_repair *repair,
                           struct emg_problem *problem)
{
    struct stat status;
    char fixed[PART_BYTES], number[NUMBER_WIDTH + 16];
    struct layout layout;
    if (fstat(fd, &status) != 0)
        return tell_errno(path, problem);
    if (!S_ISREG(status.st_mode))
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: is not a regular file", path);
    if (!read_at(fd, fixed, sizeof fixed, 0) || !is_format(fixed))
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: is not BDF or EDF", path);
    if (!read_layout(fd, fixed, &layout))
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: its header is damaged", path);

    const uint64_t size = (uint64_t)status.st_size;
    const bool in_order =
        layout.n_records > 0 && size == layout.header_bytes + layout.n_records * layout.record_bytes;
    repair->records = in_order ? layout.n_records : count_records(fd, &layout, size);
    repair->seconds = (double)repair->records * layout.record_s;
    if (repair->records == 0)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: holds no whole data record", path);
    if (in_order)
        return EMG_OK;
    const uint64_t end = layout.header_bytes + repair->records * layout.record_bytes;
    (void)snprintf(number, sizeof number, "%-*" PRIu64, NUMBER_WIDTH, repair->records);
    if ((size > end && ftruncate(fd, (off_t)end) != 0) ||
        pwrite(fd, number, NUMBER_WIDTH, AT_RECORDS) != NUMBER_WIDTH)
        return tell_errno(path, problem);
    repair->cut_bytes = size - end;
    repair->changed = true;
    return EMG_OK;
}

static int open_regular(const char *path, int flags)
{
    /* O_NONBLOCK: a FIFO given by mistake must be refused, not waited for. */
    return open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

enum emg_error emg_bdf_repair(const char *path, struct emg_bdf_repair *repair, struct emg_problem *problem)
{
    *repair = (struct emg_bdf_repair){0};
    const int fd = open_regular(path, O_RDWR);
    if (fd < 0)
        return tell_errno(path, problem);
    enum emg_error error;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        error = emg_problem_set(problem, EMG_ERROR_IO, "%s: is being written by another program", path);
    else
        error = mend(fd, path, repair, problem);
    (void)close(fd);
    return error;
}

bool emg_bdf_is_unfinished(const char *path)
{
    char fixed[PART_BYTES];
    const int fd = open_regular(path, O_RDONLY);
    if (fd < 0)
        return false;
    struct stat status;
    const bool whole =
        fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && read_at(fd, fixed, sizeof fixed, 0);
    (void)close(fd);
    return whole && fixed[0] != '0' && is_format(fixed) && memcmp(fixed + AT_TYPE, "BDF+", 4) == 0 &&
           memcmp(fixed + AT_RECORDS, "-1      ", NUMBER_WIDTH) == 0;
}
