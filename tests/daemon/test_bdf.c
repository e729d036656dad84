#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/bdf.h"
#include "daemon/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { ANNOTATION_BYTES = 576, MAX_WAITING = 256 };

static const double afternoon = 1714745716.0; /* 2024-05-03 14:15:16 UTC */

struct place {
    char directory[64], path[96];
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static struct emg_bdf_config simple(double rate_hz, unsigned n_channels)
{
    struct emg_bdf_config config = {.rate_hz = rate_hz, .start_t = afternoon, .n_channels = n_channels};
    for (unsigned c = 0; c < n_channels; c++) {
        (void)snprintf(config.channels[c].label, sizeof config.channels[c].label, "EMG L m%u", c);
        config.channels[c].full_scale_uv = 5000;
    }
    return config;
}

static int new_file(const struct place *place)
{
    (void)unlink(place->path);
    const int fd = open(place->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static struct emg_bdf *begin(const struct place *place, const struct emg_bdf_config *config, int *fd)
{
    struct emg_bdf *bdf = NULL;
    struct emg_problem problem = {{0}};
    *fd = new_file(place);
    if (emg_bdf_create(&bdf, *fd, config, &problem) != EMG_OK)
        fail_msg("%s", problem.text);
    return bdf;
}

static void finish(struct emg_bdf *bdf, int fd)
{
    struct emg_problem problem = {{0}};
    if (emg_bdf_close(bdf, &problem) != EMG_OK)
        fail_msg("%s", problem.text);
    assert_int_equal(close(fd), 0);
}

static unsigned char *load(const char *path, size_t *size)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    *size = (size_t)status.st_size;
    unsigned char *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *size), status.st_size);
    assert_int_equal(close(fd), 0);
    return bytes;
}

static void save(const struct place *place, const void *bytes, size_t size)
{
    const int fd = new_file(place);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    assert_int_equal(close(fd), 0);
}

static struct emg_recording *open_good(const struct place *place)
{
    struct emg_recording *r = NULL;
    struct emg_problem problem = {{0}};
    if (emg_recording_open(&r, place->path, 1.0, &problem) != EMG_OK)
        fail_msg("%s", problem.text);
    return r;
}

/* All frames; the caller frees them. */
static float *read_all(struct emg_recording *r)
{
    const struct emg_stream_info *info = emg_recording_info(r);
    float *samples = malloc(((size_t)info->n_frames * info->n_channels + 1) * sizeof *samples);
    assert_non_null(samples);
    enum emg_error error;
    assert_int_equal(emg_recording_read(r, samples, (size_t)info->n_frames, &error, NULL), info->n_frames);
    return samples;
}

static void assert_same(float value, float expected, const char *what, size_t i)
{
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s %zu: %.9g instead of %.9g", what, i, (double)value, (double)expected);
}

/* The rails, and both neighbours of every power of two, among values from everywhere. */
static int32_t digital_value(size_t i, uint32_t *seed)
{
    const int32_t rails[] = {-8388608, -8388607, 8388607, 8388606, 0};
    if (i < COUNT(rails))
        return rails[i];
    const size_t k = i - COUNT(rails);
    if (k < 23 * 6) {
        const int32_t near = (1 << k / 6) - 1 + (int32_t)(k % 3);
        return k % 6 < 3 ? (near < 8388607 ? near : 8388607) : -near;
    }
    return (int32_t)(next_random(seed) & 0xffffff) - 8388608;
}

static int32_t written_value(const unsigned char *b)
{
    return (int32_t)((uint32_t)b[0] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 24) / 256;
}

static void every_value_of_24_bits_is_read_back_as_the_same_float(void **state)
{
    enum { N_FRAMES = 40000 };
    const struct place *place = *state;
    const double full_scales_uv[] = {5000, 4999.9, 3276.8, 1.0 / 3.0, 0.5, 262144, 1234567.5, 12345678};
    const double steps_uv[] = {5000 / 0x1p23, 4999.9 / 0x1p23, 3276.8 / 0x1p23,    0.33333 / 0x1p23,
                               0.5 / 0x1p23,  262144 / 0x1p23, 1234568.0 / 0x1p23, 0};
    struct emg_bdf_config config = simple(4000, COUNT(full_scales_uv));
    int fd;
    uint32_t seed = 1;
    float *samples = malloc(N_FRAMES * COUNT(full_scales_uv) * sizeof *samples);
    int32_t *values = malloc(N_FRAMES * COUNT(full_scales_uv) * sizeof *values);
    for (size_t c = 0; c < COUNT(full_scales_uv); c++) {
        config.channels[c].full_scale_uv = full_scales_uv[c];
        const double step_uv = emg_bdf_step_uv(full_scales_uv[c]);
        assert_true(steps_uv[c] == 0 || step_uv == steps_uv[c]);
        assert_true(fabs(step_uv * 0x1p23 / full_scales_uv[c] - 1.0) < 2e-5);
        for (size_t f = 0; f < N_FRAMES; f++) {
            const size_t i = f * COUNT(full_scales_uv) + c;
            values[i] = digital_value(f, &seed);
            samples[i] = (float)(step_uv * values[i]);
        }
    }
    struct emg_bdf *bdf = begin(place, &config, &fd);
    assert_int_equal(emg_bdf_add(bdf, samples, N_FRAMES, NULL), EMG_OK);
    assert_int_equal(emg_bdf_written(bdf), N_FRAMES);
    finish(bdf, fd);

    struct emg_recording *r = open_good(place);
    assert_int_equal(emg_recording_info(r)->n_frames, N_FRAMES);
    float *back = read_all(r);
    size_t size;
    unsigned char *bytes = load(place->path, &size);
    const size_t record_frames = 400,
                 record_bytes = 3 * record_frames * COUNT(full_scales_uv) + ANNOTATION_BYTES;
    assert_int_equal(size, 256 * (COUNT(full_scales_uv) + 2) + N_FRAMES / record_frames * record_bytes);
    for (size_t i = 0; i < N_FRAMES * COUNT(full_scales_uv); i++) {
        const size_t f = i / COUNT(full_scales_uv), c = i % COUNT(full_scales_uv);
        assert_same(back[i], samples[i], "sample", i);
        const unsigned char *b = bytes + 256 * (COUNT(full_scales_uv) + 2) +
                                 f / record_frames * record_bytes +
                                 3 * (c * record_frames + f % record_frames);
        assert_int_equal(written_value(b), values[i]);
    }
    for (size_t c = 0; c < COUNT(full_scales_uv); c++) {
        const double told_uv = emg_recording_info(r)->channels[c].full_scale_uv;
        assert_true(emg_bdf_step_uv(told_uv) == emg_bdf_step_uv(full_scales_uv[c]));
    }
    emg_recording_close(r);
    free(bytes);
    free(back);
    free(values);
    free(samples);
}

static void steps_are_defined_for_every_full_scale(void **state)
{
    (void)state;
    const double odd[] = {0, -5, NAN, INFINITY, -INFINITY, 1e-300, 1e300, 9999999.4, 9999999.6, 1e7};
    for (size_t i = 0; i < COUNT(odd); i++)
        assert_true(emg_bdf_step_uv(odd[i]) > 0 && emg_bdf_step_uv(odd[i]) <= 9.999e9 / 0x1p23);
    assert_true(emg_bdf_step_uv(1e7) == 1e7 / 0x1p23);
}

static void samples_are_rounded_clipped_and_never_undefined(void **state)
{
    const struct place *place = *state;
    struct emg_bdf_config config = simple(1000, 1);
    config.channels[0].full_scale_uv = 8388608; /* a step is 1 uV */
    const float samples[] = {0.4F,     0.6F,     -0.6F,  2.5F, 8388607,  8388608,   1e30F,
                             -8388608, -8388609, -1e30F, NAN,  INFINITY, -INFINITY, -0.0F};
    const float expected[] = {0,        1,        -1,       2,       8388607, 8388607, 8388607,
                              -8388608, -8388608, -8388608, 8388607, 8388607, 8388607, 0};
    int fd;
    struct emg_bdf *bdf = begin(place, &config, &fd);
    assert_int_equal(emg_bdf_add(bdf, samples, COUNT(samples), NULL), EMG_OK);
    finish(bdf, fd);
    struct emg_recording *r = open_good(place);
    float *back = read_all(r);
    for (size_t i = 0; i < COUNT(samples); i++)
        assert_same(back[i], expected[i], "sample", i);
    emg_recording_close(r);
    free(back);
}

static void assert_field(const unsigned char *bytes, size_t at, size_t width, const char *expected)
{
    char padded[97];
    (void)snprintf(padded, sizeof padded, "%-*s", (int)width, expected);
    if (memcmp(bytes + at, padded, width) != 0)
        fail_msg("\"%.*s\" instead of \"%s\"", (int)width, bytes + at, padded);
}

static void the_header_is_what_bdf_plus_asks_for(void **state)
{
    const struct place *place = *state;
    struct emg_bdf_config config = {
        .rate_hz = 2048,
        .start_t = afternoon + 0.25,
        .participant = "P 07",
        .equipment = "emgd 0.1 \xc3\xa9",
        .n_channels = 2,
        .channels = {{"EMG L SOL", "Ag/AgCl, 20 mm", "HP:12Hz", 5000}, {"SW \xc2\xb5", "", "", 12345678}},
    };
    int fd;
    struct emg_bdf *bdf = begin(place, &config, &fd);
    size_t size;
    unsigned char *b = load(place->path, &size);
    assert_int_equal(size, 1024);
    assert_memory_equal(b,
                        "\xff"
                        "BIOSEMI",
                        8);
    assert_field(b, 8, 80, "P_07 X X X");
    assert_field(b, 88, 80, "Startdate 03-MAY-2024 X X emgd_0.1___");
    assert_field(b, 168, 16, "03.05.2414.15.16");
    assert_field(b, 184, 8, "1024");
    assert_field(b, 192, 44, "BDF+C");
    assert_field(b, 236, 20, "-1      0.5     3   ");
    assert_field(b, 256, 48, "EMG L SOL       SW ??           BDF Annotations ");
    assert_field(b, 304, 80, "Ag/AgCl, 20 mm");
    assert_field(b, 544, 24, "uV      mV              ");
    assert_field(b, 568, 24, "-5000   -12345.7-1      ");
    assert_field(b, 592, 24, "4999.99912345.7 1       ");
    assert_field(b, 616, 24, "-8388608-8388608-8388608");
    assert_field(b, 640, 24, "8388607 8388607 8388607 ");
    assert_field(b, 664, 80, "HP:12Hz");
    assert_field(b, 904, 24, "1024    1024    192     ");
    assert_field(b, 928, 96, "");
    free(b);
    assert_int_equal(emg_bdf_add(bdf, NULL, 1024, NULL), EMG_OK);
    finish(bdf, fd);
    b = load(place->path, &size);
    assert_field(b, 236, 8, "1");
    assert_memory_equal(b + size - ANNOTATION_BYTES, "+0.25\x14\x14\0\0", 9);
    free(b);
}

static void a_record_is_short_and_holds_whole_frames(void **state)
{
    const struct {
        double rate_hz;
        unsigned n_channels;
        const char *record_s, *frames;
    } cases[] = {
        {48000, 8, "0.1", "4800"}, {192000, 64, "0.1", "19200"},
        {44100, 2, "0.1", "4410"}, {2000, 4, "0.5", "1000"},
        {2000, 8, "0.2", "400"},   {1024, 16, "0.25", "256"},
        {1000, 1, "0.5", "500"},   {1111, 3, "1", "1111"},
        {2222.2, 2, "1", NULL},    {52000.0 / 27.0, 8, "0.108", "208"},
        {2148.5, 4, "1", NULL},    {0, 1, "", NULL},
        {INFINITY, 1, "", NULL},   {NAN, 1, "", NULL},
        {191999, 64, "1", NULL},   {-2000, 1, "", NULL},
        {2000, 0, "", NULL},       {2000, 65, "", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct place *place = *state;
        struct emg_bdf_config config = simple(cases[i].rate_hz, cases[i].n_channels % 65);
        config.n_channels = cases[i].n_channels;
        struct emg_bdf *bdf = (struct emg_bdf *)&config;
        struct emg_problem problem = {{0}};
        const int fd = new_file(place);
        const enum emg_error error = emg_bdf_create(&bdf, fd, &config, &problem);
        assert_int_equal(error, cases[i].frames != NULL ? EMG_OK : EMG_ERROR_ARGUMENT);
        if (error != EMG_OK) {
            assert_null(bdf);
            assert_non_null(strstr(problem.text, "recording"));
            assert_int_equal(lseek(fd, 0, SEEK_END), 0);
            assert_int_equal(emg_bdf_create(&bdf, fd, &config, NULL), error);
            (void)close(fd);
            continue;
        }
        assert_int_equal(emg_bdf_add(bdf, NULL, 1, NULL), EMG_OK);
        finish(bdf, fd);
        size_t size;
        unsigned char *b = load(place->path, &size);
        assert_field(b, 244, 8, cases[i].record_s);
        assert_field(b, 256 + 216 * ((size_t)cases[i].n_channels + 1), 8, cases[i].frames);
        free(b);
        struct emg_recording *r = open_good(place);
        assert_true(emg_recording_info(r)->rate_hz == cases[i].rate_hz);
        emg_recording_close(r);
    }
}

static void a_label_of_the_format_itself_is_refused(void **state)
{
    struct emg_bdf_config config = simple(2000, 2);
    struct emg_bdf *bdf;
    const int fd = new_file(*state);
    (void)snprintf(config.channels[1].label, sizeof config.channels[1].label, "BDF Annotations");
    assert_int_equal(emg_bdf_create(&bdf, fd, &config, NULL), EMG_ERROR_ARGUMENT);
    assert_null(bdf);
    (void)close(fd);
}

static void the_start_is_kept_to_the_last_bit(void **state)
{
    const struct place *place = *state;
    const struct {
        double start_t, expected_t;
    } cases[] = {
        {afternoon, afternoon},
        {1714745716.1234567, 1714745716.1234567},
        {1714745716.9999998, 1714745716.9999998},
        {473385600.5, 473385600.5},
        {536870911.99999994, 536870911.9999999}, /* the last before the next second */
        {0.0, 473385600.0},
        {3629145598.5, 3629145598.5}, /* 2084-12-31 */
        {473385599.5, 473385600.0},   /* 1985-01-01: not told */
        {3629145600.0, 473385600.0},
        {NAN, 473385600.0},
        {1e300, 473385600.0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct emg_bdf_config config = simple(1000, 1);
        config.start_t = cases[i].start_t;
        int fd;
        struct emg_bdf *bdf = begin(place, &config, &fd);
        assert_int_equal(emg_bdf_add(bdf, NULL, 1200, NULL), EMG_OK);
        assert_true(emg_bdf_annotate(bdf, 700, 0, "here"));
        finish(bdf, fd);
        struct emg_recording *r = open_good(place);
        const struct emg_stream_info *info = emg_recording_info(r);
        if (info->start_t != cases[i].expected_t)
            fail_msg("%.9f instead of %.9f", info->start_t, cases[i].expected_t);
        size_t n;
        const struct emg_annotation *a = emg_recording_annotations(r, &n);
        assert_int_equal(n, 1);
        assert_true(a[0].onset_s == 0.7);
        emg_recording_close(r);
    }
}

struct expected_annotation {
    uint64_t first_frame, n_frames;
    char text[EMG_BDF_TEXT_MAX + 1];
};

static void assert_annotations(const struct place *place, const struct expected_annotation *expected,
                               size_t n)
{
    struct emg_recording *r = open_good(place);
    const double rate_hz = emg_recording_info(r)->rate_hz;
    size_t n_read;
    const struct emg_annotation *a = emg_recording_annotations(r, &n_read);
    assert_int_equal(n_read, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(a[i].text, expected[i].text);
        assert_true(fabs(a[i].onset_s * rate_hz - (double)expected[i].first_frame) < 0.02);
        assert_true(fabs(a[i].duration_s * rate_hz - (double)expected[i].n_frames) < 0.04);
    }
    emg_recording_close(r);
}

static void annotations_come_back_at_their_frame_after_100_hours(void **state)
{
    const double rates_hz[] = {192000, 48000, 44100, 52000.0 / 27.0, 1024, 2000};
    for (size_t i = 0; i < COUNT(rates_hz); i++) {
        struct emg_bdf_config config = simple(rates_hz[i], 1);
        config.start_t = afternoon + 0.7654321;
        struct expected_annotation expected[200];
        int fd;
        uint32_t seed = 3;
        struct emg_bdf *bdf = begin(*state, &config, &fd);
        for (size_t k = 0; k < COUNT(expected); k++) {
            struct expected_annotation *e = &expected[k];
            const uint64_t last = (uint64_t)(360000 * rates_hz[i]);
            e->first_frame = k == 0   ? 0
                             : k == 1 ? last
                                      : (uint64_t)next_random(&seed) * next_random(&seed) % (last + 1);
            e->n_frames = k % 2 == 0 ? 0 : next_random(&seed);
            (void)snprintf(e->text, sizeof e->text, "event %zu", k);
            assert_true(emg_bdf_annotate(bdf, e->first_frame, e->n_frames, e->text));
        }
        assert_int_equal(emg_bdf_add(bdf, NULL, 100, NULL), EMG_OK);
        finish(bdf, fd);
        assert_annotations(*state, expected, COUNT(expected));
    }
}

static void texts_of_every_length_and_script_are_kept(void **state)
{
    static const char *const words[] = {"marker", "\xc3\xa9t\xc3\xa9", "\xe7\x91\x9e", "\xf0\x9f\x8f\x83",
                                        "{\"a\": \"b\"}"};
    struct expected_annotation *expected = calloc(MAX_WAITING, sizeof *expected);
    struct emg_bdf_config config = simple(2000, 2);
    int fd;
    struct emg_bdf *bdf = begin(*state, &config, &fd);
    for (size_t i = 0; i < MAX_WAITING; i++) {
        struct expected_annotation *e = &expected[i];
        const size_t length = i < 3 ? EMG_BDF_TEXT_MAX - i : i % 5 == 0 ? 200 + i : 1 + i % 40;
        e->first_frame = 10 * i;
        e->n_frames = 7 * (i % 3);
        size_t n = (size_t)snprintf(e->text, sizeof e->text, "%s", words[i % COUNT(words)]);
        for (; n < length; n++)
            e->text[n] = (char)(' ' + (n + i) % 95);
        e->text[n] = '\0';
        assert_true(emg_bdf_annotate(bdf, e->first_frame, e->n_frames, e->text));
    }
    assert_false(emg_bdf_annotate(bdf, 0, 0, "one too many"));
    /* A record makes room again. */
    assert_int_equal(emg_bdf_add(bdf, NULL, 1000, NULL), EMG_OK);
    assert_true(emg_bdf_annotate(bdf, 0, 0, "now there is room"));
    assert_int_equal(emg_bdf_frames(bdf), 1000);
    finish(bdf, fd);
    struct emg_recording *r = open_good(*state);
    size_t n;
    const struct emg_annotation *a = emg_recording_annotations(r, &n);
    assert_int_equal(n, MAX_WAITING + 1);
    assert_string_equal(a[MAX_WAITING].text, "now there is room");
    for (size_t i = 0; i < MAX_WAITING; i++)
        assert_string_equal(a[i].text, expected[i].text);
    emg_recording_close(r);
    free(expected);
}

static void texts_that_would_break_the_format_are_mended(void **state)
{
    struct emg_bdf_config config = simple(2000, 1);
    int fd;
    struct emg_bdf *bdf = begin(*state, &config, &fd);
    char longest[EMG_BDF_TEXT_MAX + 10];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + EMG_BDF_TEXT_MAX - 1, "\xc3\xa9", 2);
    longest[sizeof longest - 1] = '\0';
    assert_true(emg_bdf_annotate(bdf, 1, 0, longest));
    assert_true(emg_bdf_annotate(bdf, 2, 5,
                                 "a\x14"
                                 "b\x15"
                                 "c\nd\x7f"));
    assert_false(emg_bdf_annotate(bdf, 3, 0, ""));
    finish(bdf, fd);
    struct expected_annotation expected[2] = {{.first_frame = 1}, {2, 5, "a?b?c?d?"}};
    memset(expected[0].text, 'x', EMG_BDF_TEXT_MAX - 1);
    assert_annotations(*state, expected, 2);
}

static void cutting_the_input_changes_no_byte(void **state)
{
    enum { N_FRAMES = 9000, N_CHANNELS = 3 };
    struct emg_bdf_config config = simple(2000, N_CHANNELS);
    float *samples = malloc(N_FRAMES * N_CHANNELS * sizeof *samples);
    uint32_t seed = 5;
    for (size_t i = 0; i < N_FRAMES * N_CHANNELS; i++)
        samples[i] = (float)next_random(&seed) / 4000.0F;
    unsigned char *whole = NULL;
    for (size_t max = 0; max < 3000; max = 3 * max + 1) {
        int fd;
        struct emg_bdf *bdf = begin(*state, &config, &fd);
        assert_true(emg_bdf_annotate(bdf, 5, 5, "first"));
        for (size_t f = 0; f < N_FRAMES;) {
            size_t n = max == 0 ? N_FRAMES : max == 1 ? 1 : next_random(&seed) % (max + 1);
            const bool gap = f >= 4000 && f < 6000;
            const size_t end = gap ? 6000 : f < 4000 ? 4000 : N_FRAMES;
            n = n < end - f ? n : end - f;
            assert_int_equal(emg_bdf_add(bdf, gap ? NULL : samples + f * N_CHANNELS, n, NULL), EMG_OK);
            f += n;
            assert_int_equal(emg_bdf_frames(bdf), f);
            assert_true(emg_bdf_written(bdf) == f - f % 1000);
        }
        finish(bdf, fd);
        size_t size;
        unsigned char *bytes = load(((struct place *)*state)->path, &size);
        if (whole == NULL)
            whole = bytes;
        else
            assert_memory_equal(bytes, whole, size);
        if (bytes != whole)
            free(bytes);
    }
    struct emg_recording *r = open_good(*state);
    float *back = read_all(r);
    for (size_t i = 4000 * N_CHANNELS; i < 6000 * N_CHANNELS; i++)
        assert_same(back[i], 0, "gap", i);
    assert_true(back[4000 * N_CHANNELS - 1] != 0 && back[6000 * N_CHANNELS] != 0);
    emg_recording_close(r);
    free(back);
    free(whole);
    free(samples);
}

static void closing_fills_the_last_record_and_writes_what_waits(void **state)
{
    const struct place *place = *state;
    struct emg_bdf_config config = simple(1000, 1);
    int fd;
    struct emg_bdf *bdf = begin(place, &config, &fd);
    float samples[620];
    for (size_t i = 0; i < COUNT(samples); i++)
        samples[i] = 5;
    assert_int_equal(emg_bdf_add(bdf, samples, COUNT(samples), NULL), EMG_OK);
    assert_int_equal(emg_bdf_frames(bdf), 620);
    assert_int_equal(emg_bdf_written(bdf), 500);
    char text[EMG_BDF_TEXT_MAX + 1] = {0};
    memset(text, 't', EMG_BDF_TEXT_MAX);
    for (size_t i = 0; i < 3; i++)
        assert_true(emg_bdf_annotate(bdf, i, 0, text));
    assert_true(emg_bdf_is_unfinished(place->path));
    finish(bdf, fd);
    assert_false(emg_bdf_is_unfinished(place->path));
    struct emg_recording *r = open_good(place);
    size_t n;
    assert_int_equal(emg_recording_info(r)->n_frames, 2000); /* one record for each text */
    (void)emg_recording_annotations(r, &n);
    assert_int_equal(n, 3);
    float *back = read_all(r);
    for (size_t i = 0; i < 2000; i++)
        assert_true(i < 620 ? fabsf(back[i] - 5) < 0.001F : back[i] == 0);
    emg_recording_close(r);
    free(back);

    bdf = begin(place, &config, &fd);
    finish(bdf, fd); /* nothing at all: a header, which says so */
    size_t size;
    unsigned char *bytes = load(place->path, &size);
    assert_int_equal(size, 768);
    assert_field(bytes, 236, 8, "0");
    free(bytes);
    emg_bdf_abandon(NULL);
}

enum {
    CUT_RECORDS = 4,
    CUT_FRAMES = 500,
    CUT_RECORD_BYTES = 3 * CUT_FRAMES + ANNOTATION_BYTES,
    CUT_HEADER = 768
};

/* As a killed program leaves it: four records at 1000 Hz and a started one; record k begins with 100 k + 1
 * and has a stage of its own. */
static unsigned char *make_unfinished(const struct place *place, size_t *size)
{
    struct emg_bdf_config config = simple(1000, 1);
    config.channels[0].full_scale_uv = 8388608;
    int fd;
    struct emg_bdf *bdf = begin(place, &config, &fd);
    for (unsigned f = 0; f < CUT_RECORDS * CUT_FRAMES + 30; f++) {
        const float sample = (float)(f / CUT_FRAMES * 100 + 1 + f % CUT_FRAMES);
        char text[32];
        (void)snprintf(text, sizeof text, "stage %u", f / CUT_FRAMES);
        if (f % CUT_FRAMES == 0)
            assert_true(emg_bdf_annotate(bdf, f + 10, 20, text));
        assert_int_equal(emg_bdf_add(bdf, &sample, 1, NULL), EMG_OK);
    }
    emg_bdf_abandon(bdf);
    (void)close(fd);
    unsigned char *bytes = load(place->path, size);
    assert_int_equal(*size, CUT_HEADER + CUT_RECORDS * CUT_RECORD_BYTES);
    return bytes;
}

static void assert_records(const struct place *place, size_t n_records)
{
    struct emg_recording *r = open_good(place);
    assert_int_equal(emg_recording_info(r)->n_frames, n_records * CUT_FRAMES);
    float samples[CUT_RECORDS * CUT_FRAMES];
    enum emg_error error;
    assert_int_equal(emg_recording_read(r, samples, COUNT(samples), &error, NULL), n_records * CUT_FRAMES);
    for (size_t f = 0; f < n_records * CUT_FRAMES; f++)
        assert_true(samples[f] == (float)(f / CUT_FRAMES * 100 + 1 + f % CUT_FRAMES));
    size_t n;
    const struct emg_annotation *a = emg_recording_annotations(r, &n);
    assert_int_equal(n, n_records);
    for (size_t i = 0; i < n; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "stage %zu", i);
        assert_string_equal(a[i].text, text);
        assert_int_equal(llround(1000 * a[i].onset_s), i * CUT_FRAMES + 10);
        assert_int_equal(llround(1000 * a[i].duration_s), 20);
    }
    emg_recording_close(r);
}

static void a_file_cut_at_any_byte_is_mended_up_to_its_last_whole_record(void **state)
{
    const struct place *place = *state;
    size_t size;
    unsigned char *bytes = make_unfinished(place, &size);
    for (size_t cut = 0; cut <= 2 * CUT_RECORD_BYTES; cut++) {
        const size_t whole = (size - cut - CUT_HEADER) / CUT_RECORD_BYTES;
        save(place, bytes, size - cut);
        assert_true(emg_bdf_is_unfinished(place->path));
        struct emg_bdf_repair repair;
        assert_int_equal(emg_bdf_repair(place->path, &repair, NULL), EMG_OK);
        assert_int_equal(repair.records, whole);
        assert_true(repair.seconds == 0.5 * (double)whole && repair.changed);
        assert_int_equal(repair.cut_bytes, size - cut - CUT_HEADER - whole * CUT_RECORD_BYTES);
        assert_false(emg_bdf_is_unfinished(place->path));
        assert_records(place, whole);
    }
    free(bytes);
}

static void assert_mended(const struct place *place, uint64_t records, uint64_t cut_bytes, bool changed)
{
    struct emg_bdf_repair repair;
    struct emg_problem problem = {{0}};
    if (emg_bdf_repair(place->path, &repair, &problem) != EMG_OK)
        fail_msg("%s", problem.text);
    assert_int_equal(repair.records, records);
    assert_int_equal(repair.cut_bytes, cut_bytes);
    assert_int_equal(repair.changed, changed);
}

static void a_wrong_number_of_records_is_put_right_and_a_right_one_left_alone(void **state)
{
    const struct place *place = *state;
    size_t size;
    unsigned char *bytes = make_unfinished(place, &size);
    const char *counts[] = {"3       ", "5       ", "0       ", "-7      ",
                            "abcdefgh", "        ", "4       "};
    for (size_t i = 0; i < COUNT(counts); i++) {
        memcpy(bytes + 236, counts[i], 8);
        save(place, bytes, size);
        assert_false(emg_bdf_is_unfinished(place->path));
        assert_mended(place, 4, 0, i + 1 < COUNT(counts));
        assert_records(place, 4);
        assert_mended(place, 4, 0, false);
    }
    save(place, bytes, size + 1); /* a right number, and more behind it */
    assert_mended(place, 4, 1, true);
    assert_records(place, 4);
    free(bytes);
}

static void records_that_were_never_filled_are_taken_off(void **state)
{
    const struct place *place = *state;
    size_t size;
    unsigned char *bytes = make_unfinished(place, &size);
    memset(bytes + size - CUT_RECORD_BYTES - ANNOTATION_BYTES, 0, CUT_RECORD_BYTES + ANNOTATION_BYTES);
    save(place, bytes, size);
    assert_mended(place, 2, 2 * CUT_RECORD_BYTES, true);
    assert_records(place, 2);
    /* Without EDF+ there are no times: every record counts. */
    memcpy(bytes + 192, "24BIT", 5);
    save(place, bytes, size);
    assert_false(emg_bdf_is_unfinished(place->path));
    assert_mended(place, 4, 0, true);
    free(bytes);
}

static void edf_is_mended_as_well(void **state)
{
    const struct place *place = *state;
    size_t size;
    unsigned char *bytes = make_unfinished(place, &size);
    /* A sample has 2 bytes now. */
    memcpy(bytes, "0       ", 8);
    memcpy(bytes + 192, "     ", 5);
    memcpy(bytes + 244, "1E0     ", 8);
    const size_t record_bytes = CUT_RECORD_BYTES / 3 * 2;
    save(place, bytes, CUT_HEADER + 3 * record_bytes + 17);
    assert_mended(place, 3, 17, true);
    unsigned char *mended = load(place->path, &size);
    assert_int_equal(size, CUT_HEADER + 3 * record_bytes);
    assert_field(mended, 236, 8, "3");
    assert_memory_equal(mended + 244, bytes + 244, size - 244);
    free(mended);
    free(bytes);
}

static void assert_refused(const struct place *place, enum emg_error expected, const char *reason)
{
    struct emg_bdf_repair repair;
    struct emg_problem problem = {{0}};
    assert_int_equal(emg_bdf_repair(place->path, &repair, &problem), expected);
    if (strstr(problem.text, place->path) == NULL || strstr(problem.text, reason) == NULL)
        fail_msg("\"%s\" does not name the file and \"%s\"", problem.text, reason);
    assert_int_equal(emg_bdf_repair(place->path, &repair, NULL), expected);
    assert_false(repair.changed);
}

static void what_cannot_be_mended_stays_as_it_was(void **state)
{
    const struct place *place = *state;
    size_t size;
    unsigned char *bytes = make_unfinished(place, &size);
    const struct {
        size_t at, size;
        const char *field, *reason;
    } cases[] = {
        {0, 10, NULL, "is not BDF or EDF"},
        {0, 300, NULL, "damaged"},
        {0, CUT_HEADER, NULL, "no whole data record"},
        {0, CUT_HEADER + CUT_RECORD_BYTES - 1, NULL, "no whole data record"},
        {1, 0, "BIOSEMX", "is not BDF or EDF"},
        {184, 0, "1024    ", "damaged"},
        {244, 0, "0,5     ", "damaged"},
        {244, 0, "        ", "damaged"},
        {252, 0, "1   ", "damaged"},
        {252, 0, "9999", "damaged"},
        {252, 0, "-2  ", "damaged"},
        {256 + 216 * 2, 0, "0       ", "damaged"},
        {256 + 216 * 2, 0, "500x    ", "damaged"},
        {256 + 216 * 2, 0, "99999999", "no whole data record"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned char *damaged = malloc(size);
        memcpy(damaged, bytes, size);
        if (cases[i].field != NULL)
            memcpy(damaged + cases[i].at, cases[i].field, strlen(cases[i].field));
        const size_t n = cases[i].size != 0 ? cases[i].size : size;
        save(place, damaged, n);
        assert_refused(place, EMG_ERROR_FORMAT, cases[i].reason);
        size_t size_after;
        unsigned char *after = load(place->path, &size_after);
        assert_int_equal(size_after, n);
        assert_memory_equal(after, damaged, n);
        free(after);
        free(damaged);
    }
    save(place, bytes, size - 5);
    const int fd = open(place->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_refused(place, EMG_ERROR_IO, "another program");
    (void)close(fd);
    assert_mended(place, 3, CUT_RECORD_BYTES - 5, true);
    assert_int_equal(unlink(place->path), 0);
    assert_refused(place, EMG_ERROR_NOT_FOUND, "No such file");
    assert_false(emg_bdf_is_unfinished(place->path));
    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_refused(place, EMG_ERROR_IO, "directory");
    assert_false(emg_bdf_is_unfinished(place->path));
    assert_int_equal(rmdir(place->path), 0);
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_refused(place, EMG_ERROR_IO, "regular file");
    assert_false(emg_bdf_is_unfinished(place->path));
    free(bytes);
}

/* The size limit of files stands for the full disk: a write that meets it is short, the next one fails. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_leaves_whole_records(void **state)
{
    const struct place *place = *state;
    struct emg_bdf_config config = simple(1000, 1);
    struct emg_problem problem = {{0}};
    struct emg_bdf *bdf;
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t room = 0; room < CUT_RECORD_BYTES; room += 400) {
        int fd;
        limit_files(RLIM_INFINITY);
        bdf = begin(place, &config, &fd);
        limit_files(CUT_HEADER + 2 * CUT_RECORD_BYTES + room);
        assert_true(emg_bdf_annotate(bdf, 3, 0, "kept"));
        assert_int_equal(emg_bdf_add(bdf, NULL, 2 * CUT_FRAMES, &problem), EMG_OK);
        assert_int_equal(emg_bdf_add(bdf, NULL, 5 * CUT_FRAMES, &problem), EMG_ERROR_IO);
        assert_non_null(strstr(problem.text, strerror(EFBIG)));
        assert_int_equal(lseek(fd, 0, SEEK_END), CUT_HEADER + 2 * CUT_RECORD_BYTES);
        assert_int_equal(emg_bdf_written(bdf), 2 * CUT_FRAMES);
        limit_files(RLIM_INFINITY);
        /* It stays so, even when there is room again. */
        assert_int_equal(emg_bdf_add(bdf, NULL, 1, NULL), EMG_ERROR_IO);
        assert_int_equal(emg_bdf_close(bdf, &problem), EMG_ERROR_IO);
        assert_non_null(strstr(problem.text, strerror(EFBIG)));
        (void)close(fd);
        struct emg_recording *r = open_good(place);
        size_t n;
        assert_string_equal(emg_recording_annotations(r, &n)[0].text, "kept");
        assert_int_equal(n, 1);
        assert_int_equal(emg_recording_info(r)->n_frames, 2 * CUT_FRAMES);
        emg_recording_close(r);
    }
    const int fd = new_file(place);
    limit_files(100);
    assert_int_equal(emg_bdf_create(&bdf, fd, &config, &problem), EMG_ERROR_IO);
    assert_null(bdf);
    assert_non_null(strstr(problem.text, strerror(EFBIG)));
    limit_files(RLIM_INFINITY);
    (void)close(fd);
    assert_int_equal(emg_bdf_create(&bdf, fd, &config, &problem), EMG_ERROR_IO); /* closed */
    assert_non_null(strstr(problem.text, strerror(EBADF)));
}

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return -1;
    *state = place;
    (void)snprintf(place->directory, sizeof place->directory, "/tmp/emg-bdf-XXXXXX");
    if (mkdtemp(place->directory) == NULL)
        return -1;
    (void)snprintf(place->path, sizeof place->path, "%s/x.bdf", place->directory);
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    const int status = rmdir(place->directory);
    free(place);
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_24_bits_is_read_back_as_the_same_float),
        cmocka_unit_test(steps_are_defined_for_every_full_scale),
        cmocka_unit_test(samples_are_rounded_clipped_and_never_undefined),
        cmocka_unit_test(the_header_is_what_bdf_plus_asks_for),
        cmocka_unit_test(a_record_is_short_and_holds_whole_frames),
        cmocka_unit_test(a_label_of_the_format_itself_is_refused),
        cmocka_unit_test(the_start_is_kept_to_the_last_bit),
        cmocka_unit_test(annotations_come_back_at_their_frame_after_100_hours),
        cmocka_unit_test(texts_of_every_length_and_script_are_kept),
        cmocka_unit_test(texts_that_would_break_the_format_are_mended),
        cmocka_unit_test(cutting_the_input_changes_no_byte),
        cmocka_unit_test(closing_fills_the_last_record_and_writes_what_waits),
        cmocka_unit_test(a_file_cut_at_any_byte_is_mended_up_to_its_last_whole_record),
        cmocka_unit_test(a_wrong_number_of_records_is_put_right_and_a_right_one_left_alone),
        cmocka_unit_test(records_that_were_never_filled_are_taken_off),
        cmocka_unit_test(edf_is_mended_as_well),
        cmocka_unit_test(what_cannot_be_mended_stays_as_it_was),
        cmocka_unit_test(a_full_disk_leaves_whole_records),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
