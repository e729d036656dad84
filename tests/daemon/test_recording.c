#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/recording.h"

#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FULL_SCALE_UV 5000.0
#define COUNT(array)  (sizeof(array) / sizeof *(array))

struct directory {
    char path[64];
};

struct frames {
    float *samples; /* [n * n_channels] */
    size_t n, n_channels;
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g instead of %.17g", value, expected);
}

static const char *in(const struct directory *d, const char *name, char path[static 256])
{
    (void)snprintf(path, 256, "%s/%s", d->path, name);
    return path;
}

static unsigned char *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    *size = (size_t)status.st_size;
    unsigned char *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    (void)fclose(file);
    return bytes;
}

static void save(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct emg_recording *open_good(const char *path)
{
    struct emg_recording *r = NULL;
    struct emg_problem problem = {{0}};
    if (emg_recording_open(&r, path, FULL_SCALE_UV, &problem) != EMG_OK)
        fail_msg("%s", problem.text);
    return r;
}

static void assert_refused(const char *path, enum emg_error expected, const char *reason)
{
    struct emg_recording *r = (struct emg_recording *)&expected;
    struct emg_problem problem = {{0}};
    const enum emg_error error = emg_recording_open(&r, path, FULL_SCALE_UV, &problem);
    if (error != expected)
        fail_msg("%s: error %d (%s), not %d", path, (int)error, problem.text, (int)expected);
    assert_null(r);
    if (strstr(problem.text, path) == NULL || strstr(problem.text, reason) == NULL)
        fail_msg("\"%s\" does not name %s and \"%s\"", problem.text, path, reason);
    r = (struct emg_recording *)&expected;
    assert_int_equal(emg_recording_open(&r, path, FULL_SCALE_UV, NULL), expected);
    assert_null(r);
}

/* Reads all of it in pieces of at most `piece` frames; with a seed, in random ones from 0. */
static struct frames read_all(struct emg_recording *r, size_t piece, uint32_t seed)
{
    const struct emg_stream_info *info = emg_recording_info(r);
    struct frames f = {.n_channels = info->n_channels};
    f.samples = malloc(((size_t)info->n_frames + piece) * f.n_channels * sizeof *f.samples);
    assert_non_null(f.samples);
    for (;;) {
        const size_t ask = seed != 0 ? next_random(&seed) % (piece + 1) : piece;
        enum emg_error error = EMG_ERROR_DEVICE;
        const size_t n = emg_recording_read(r, f.samples + f.n * f.n_channels, ask, &error, NULL);
        assert_int_equal(error, EMG_OK);
        assert_true(n <= ask);
        f.n += n;
        assert_true(f.n <= info->n_frames);
        if (n == 0 && ask != 0)
            return f;
    }
}

static void assert_same_frames(const struct frames *a, const float *expected, size_t n)
{
    assert_int_equal(a->n, n);
    for (size_t i = 0; i < n * a->n_channels; i++) {
        if (memcmp(&a->samples[i], &expected[i], sizeof expected[i]) != 0)
            fail_msg("frame %zu channel %zu: %.9g instead of %.9g", i / a->n_channels, i % a->n_channels,
                     (double)a->samples[i], (double)expected[i]);
    }
}

struct expected_file {
    const char *name;
    double rate_hz, start_t;
    const char *labels; /* one word a channel, '_' for a space; '!' in front: not usable */
    double full_scale_uv[6];
};

static const double afternoon = 1714745716.0; /* 2024-05-03 14:15:16 UTC */

static void check_info(const struct emg_stream_info *info, const struct expected_file *e)
{
    char labels[256] = "";
    assert_near(info->rate_hz, e->rate_hz, 0.0);
    assert_true(info->has_start);
    assert_near(info->start_t, e->start_t, 1e-6);
    assert_false(info->realtime);
    assert_string_equal(info->source, "");
    for (unsigned c = 0; c < info->n_channels; c++) {
        const struct emg_channel *channel = &info->channels[c];
        const size_t n = strlen(labels);
        (void)snprintf(labels + n, sizeof labels - n, "%s%s%s", c > 0 ? "," : "", channel->usable ? "" : "!",
                       channel->label);
        assert_true(channel->calibrated);
        assert_near(channel->full_scale_uv, e->full_scale_uv[c], 1e-9);
    }
    assert_string_equal(labels, e->labels);
}

static void edf_and_bdf_are_read_exactly_in_microvolts(void **state)
{
    const struct expected_file files[] = {
        {"plus.bdf",
         2000,
         afternoon + 0.25,
         "EMG L SOL,EMG L GM,!Temp,!EMG R slow,EMG R TA,EMG R biceps",
         {5000, 5125, 0, 0, 5000, 3276.8}},
        {"plus.edf", 1000, afternoon + 0.9999, "EMG R SOL,EMG R GL", {1200.5, 3000}},
        {"plain.bdf", 1000, afternoon, "EMG L TA,", {262144, 5000}},
        {"plain.edf", 2048, afternoon, "EMG L GL", {2500}},
        {"majority.bdf", 1000, afternoon, "!a,b,c,!d,!e", {0, 5000, 5000}},
        {"tie.bdf", 2000, afternoon, "!a,b,c,!d", {0, 5000, 5000}},
        {"long.bdf", 1000, afternoon, "a,b", {5000, 5000}},
        {"tiny.bdf", 1000, afternoon, "EMG L SOL", {5000}},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[256], expected_path[256], name[64];
        (void)snprintf(name, sizeof name, "%s.f32", files[i].name);
        struct emg_recording *r = open_good(in(*state, files[i].name, path));
        check_info(emg_recording_info(r), &files[i]);
        size_t bytes;
        float *expected = (float *)(void *)load(in(*state, name, expected_path), &bytes);
        struct frames f = read_all(r, 1000, 0);
        assert_same_frames(&f, expected, bytes / sizeof *expected / f.n_channels);
        assert_int_equal(f.n, emg_recording_info(r)->n_frames);
        emg_recording_close(r);
        free(f.samples);
        free(expected);
    }
}

static void damaged_edf_and_bdf_are_refused_with_the_reason(void **state)
{
    const struct {
        const char *name;
        enum emg_error error;
        const char *reason;
    } files[] = {
        {"empty.bdf", EMG_ERROR_FORMAT, "is empty"},
        {"garbage.bdf", EMG_ERROR_FORMAT, "is not BDF, EDF, WAV, W64, RF64 or FLAC"},
        {"header_cut.bdf", EMG_ERROR_FORMAT, "truncated within its header: 200 bytes"},
        {"signals_cut.bdf", EMG_ERROR_FORMAT, "truncated within its header: 700 of 1024 bytes"},
        {"data_cut.bdf", EMG_ERROR_FORMAT, "promises 10 data records, the file holds 6"},
        {"no_data.bdf", EMG_ERROR_FORMAT, "promises 10 data records, the file holds 0"},
        {"longer.bdf", EMG_ERROR_FORMAT, "9 bytes longer than the 10 data records"},
        {"unclosed.bdf", EMG_ERROR_FORMAT, "was not closed properly"},
        {"no_records.bdf", EMG_ERROR_FORMAT, "holds no data records"},
        {"negative_records.bdf", EMG_ERROR_FORMAT, "no number of data records"},
        {"bad_count.bdf", EMG_ERROR_FORMAT, "no number of data records"},
        {"discontinuous.bdf", EMG_ERROR_UNSUPPORTED, "discontinuous (BDF+D)"},
        {"discontinuous.edf", EMG_ERROR_UNSUPPORTED, "discontinuous (EDF+D)"},
        {"no_signals.bdf", EMG_ERROR_FORMAT, "lists 0 signals"},
        {"thousand_signals.bdf", EMG_ERROR_UNSUPPORTED, "1000 signals"},
        {"bad_header_bytes.bdf", EMG_ERROR_FORMAT, "1025 bytes for 3 signals instead of 1024"},
        {"bad_duration.bdf", EMG_ERROR_FORMAT, "duration"},
        {"zero_duration.bdf", EMG_ERROR_FORMAT, "last 0 s"},
        {"bad_date.bdf", EMG_ERROR_FORMAT, "start date"},
        {"bad_stamp.bdf", EMG_ERROR_FORMAT, "annotations"},
        {"non_ascii.bdf", EMG_ERROR_FORMAT, "byte 448 is not printable ASCII"},
        {"no_annotations.bdf", EMG_ERROR_FORMAT, "annotations"},
        {"equal_physical.bdf", EMG_ERROR_FORMAT, "signal 1: its physical minimum equals its maximum"},
        {"bad_physical.bdf", EMG_ERROR_FORMAT, "signal 1: its physical minimum or maximum is no number"},
        {"bad_digital.bdf", EMG_ERROR_FORMAT, "signal 1: its digital minimum"},
        {"wide_digital.edf", EMG_ERROR_FORMAT, "signal 1: its digital minimum"},
        {"only_annotations.bdf", EMG_ERROR_UNSUPPORTED, "no signal in V, mV, uV or nV"},
        {"no_voltage.bdf", EMG_ERROR_UNSUPPORTED, "no signal in V, mV, uV or nV"},
        {"slow.bdf", EMG_ERROR_UNSUPPORTED, "990 Hz"},
        {"fast.bdf", EMG_ERROR_UNSUPPORTED, "192010 Hz"},
        {"many.bdf", EMG_ERROR_UNSUPPORTED, "more channels than the 64"},
        {"huge_records.bdf", EMG_ERROR_UNSUPPORTED, "15729000 bytes"},
        {"overflow.bdf", EMG_ERROR_UNSUPPORTED, "4294967598 bytes"},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[256];
        assert_refused(in(*state, files[i].name, path), files[i].error, files[i].reason);
    }
}

static void what_is_no_readable_file_is_refused(void **state)
{
    char path[256];
    assert_refused(in(*state, "missing.bdf", path), EMG_ERROR_NOT_FOUND, "No such file");
    assert_refused(in(*state, "tiny.bdf/x", path), EMG_ERROR_NOT_FOUND, "Not a directory");
    assert_refused(in(*state, ".", path), EMG_ERROR_IO, "is a directory");
    assert_int_equal(mkfifo(in(*state, "fifo", path), 0600), 0);
    assert_refused(path, EMG_ERROR_IO, "is not a regular file");
    if (geteuid() != 0) {
        save(in(*state, "locked.bdf", path), "0", 1);
        assert_int_equal(chmod(path, 0), 0);
        assert_refused(path, EMG_ERROR_IO, "Permission denied");
    }
    char *long_path = malloc(EMG_PATH_SIZE + 1);
    memset(long_path, 'a', EMG_PATH_SIZE);
    long_path[EMG_PATH_SIZE] = '\0';
    struct emg_recording *r;
    assert_int_equal(emg_recording_open(&r, long_path, FULL_SCALE_UV, NULL), EMG_ERROR_IO);
    free(long_path);
}

static void a_bdf_is_open_only_once_and_can_be_opened_again(void **state)
{
    char path[256];
    struct emg_recording *r = open_good(in(*state, "tiny.bdf", path));
    assert_refused(path, EMG_ERROR_IO, "is open already");
    enum emg_error error;
    float frame;
    assert_int_equal(emg_recording_read(r, &frame, 1, &error, NULL), 1);
    emg_recording_close(r);
    emg_recording_close(open_good(path));
}

/* Values that fill an integer of `bits`, left-aligned in 32 bits as libsndfile takes them; both rails among
 * them. */
static int32_t integer_sample(size_t i, unsigned bits)
{
    uint32_t seed = (uint32_t)i * 2654435761U;
    const uint32_t top = (next_random(&seed) << 8) ^ next_random(&seed);
    const int32_t values[] = {INT32_MIN, INT32_MAX, 0, INT32_MIN / 2};
    const int32_t value = i < COUNT(values) ? values[i] : (int32_t)top;
    return (int32_t)((uint32_t)value & (UINT32_MAX << (32 - bits)));
}

static float float_sample(size_t i)
{
    const float values[] = {1.0F, -1.0F, 0.0F, -0.0F, 1.75F, NAN, INFINITY, -INFINITY, 1e-30F, 1.0F / 3.0F};
    return i < COUNT(values) ? values[i] : (float)integer_sample(i, 24) * 0x1p-31F;
}

static SNDFILE *create_audio(const char *path, int format, int rate_hz, int n_channels)
{
    SF_INFO form = {.samplerate = rate_hz, .channels = n_channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &form);
    if (file == NULL)
        fail_msg("%s: %s", path, sf_strerror(NULL));
    return file;
}

static void write_audio(const char *path, int format, int rate_hz, int n_channels, size_t n_frames,
                        unsigned bits)
{
    float floats[65];
    int32_t integers[65];
    SNDFILE *file = create_audio(path, format, rate_hz, n_channels);
    for (size_t frame = 0; frame < n_frames; frame++) {
        for (size_t c = 0; c < (size_t)n_channels; c++) {
            const size_t i = frame * (size_t)n_channels + c;
            floats[c] = float_sample(i);
            integers[c] = bits != 0 ? integer_sample(i, bits) : 0;
        }
        assert_int_equal(bits != 0 ? sf_writef_int(file, integers, 1) : sf_writef_float(file, floats, 1), 1);
    }
    assert_int_equal(sf_close(file), 0);
}

static const struct audio_case {
    const char *name; /* none says what it is: the content must */
    int format, rate_hz, n_channels;
    unsigned bits; /* 0: floating point */
} audio_cases[] = {
    {"wav16", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1000, 1, 16},
    {"wav24", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 44100, 3, 24},
    {"wav24x", SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 192000, 8, 24},
    {"wav32", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 48000, 2, 32},
    {"wavfloat", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 2000, 5, 0},
    {"w64_16", SF_FORMAT_W64 | SF_FORMAT_PCM_16, 192000, 4, 16},
    {"w64_24.bdf", SF_FORMAT_W64 | SF_FORMAT_PCM_24, 1000, 1, 24},
    {"rf64_24", SF_FORMAT_RF64 | SF_FORMAT_PCM_24, 44100, 7, 24},
    {"rf64_float", SF_FORMAT_RF64 | SF_FORMAT_FLOAT, 96000, 2, 0},
    {"flac16", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 2, 16},
    {"flac24.wav", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 48000, 8, 24},
};

static void check_audio_samples(const struct frames *f, const struct audio_case *audio)
{
    for (size_t i = 0; i < f->n * f->n_channels; i++) {
        const double share = audio->bits != 0 ? (double)integer_sample(i, audio->bits) / 2147483648.0
                                              : (double)float_sample(i);
        const double expected_uv = share * FULL_SCALE_UV;
        const float rounded = (float)expected_uv;
        /* A float holds 24 bits: of 32-bit integers it keeps the first 24. */
        const bool same = audio->bits == 32
                              ? fabs((double)f->samples[i] - expected_uv) <= 0x1p-23 * fabs(expected_uv)
                              : f->samples[i] == rounded || (isnan(f->samples[i]) && isnan(rounded));
        if (!same)
            fail_msg("%s, sample %zu: %.9g instead of %.9g", audio->name, i, (double)f->samples[i],
                     expected_uv);
    }
}

static void audio_is_scaled_to_full_scale_whatever_its_format(void **state)
{
    enum { N_FRAMES = 5000 };
    for (size_t i = 0; i < COUNT(audio_cases); i++) {
        const struct audio_case *audio = &audio_cases[i];
        char path[256];
        write_audio(in(*state, audio->name, path), audio->format, audio->rate_hz, audio->n_channels, N_FRAMES,
                    audio->bits);
        const struct timespec times[2] = {{.tv_sec = 1700000000},
                                          {.tv_sec = 1700000000, .tv_nsec = 500000000}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        struct emg_recording *r = open_good(path);
        const struct emg_stream_info *info = emg_recording_info(r);
        assert_near(info->rate_hz, audio->rate_hz, 0.0);
        assert_int_equal(info->n_channels, audio->n_channels);
        assert_int_equal(info->n_frames, N_FRAMES);
        assert_true(info->has_start);
        assert_near(info->start_t, 1700000000.5 - N_FRAMES / (double)audio->rate_hz, 1e-6);
        for (unsigned c = 0; c < info->n_channels; c++) {
            assert_string_equal(info->channels[c].label, "");
            assert_near(info->channels[c].full_scale_uv, FULL_SCALE_UV, 0.0);
            assert_true(info->channels[c].usable);
            assert_false(info->channels[c].calibrated);
        }
        struct frames f = read_all(r, 700, 0);
        assert_int_equal(f.n, N_FRAMES);
        check_audio_samples(&f, audio);
        emg_recording_close(r);
        free(f.samples);
    }
}

static void cutting_the_reads_changes_no_bit(void **state)
{
    const char *names[] = {"plus.bdf", "plus.edf", "long.bdf", "wav24",     "wav32",
                           "wavfloat", "w64_16",   "rf64_24",  "flac24.wav"};
    const size_t pieces[] = {1, 3, 997, 50000};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[256];
        struct emg_recording *r = open_good(in(*state, names[i], path));
        const struct frames whole = read_all(r, 100000, 0);
        emg_recording_close(r);
        for (size_t k = 0; k < COUNT(pieces); k++) {
            r = open_good(path);
            const struct frames cut = read_all(r, pieces[k], (uint32_t)(k + 1));
            assert_same_frames(&cut, whole.samples, whole.n);
            emg_recording_close(r);
            free(cut.samples);
        }
        free(whole.samples);
    }
}

static void save_cut(const struct directory *d, const char *name, const char *cut_name, size_t cut_bytes,
                     char path[static 256])
{
    size_t size;
    unsigned char *bytes = load(in(d, name, path), &size);
    save(in(d, cut_name, path), bytes, size - cut_bytes);
    free(bytes);
}

static void audio_that_cannot_be_measured_is_refused(void **state)
{
    char path[256];
    const char *whole[] = {"wav16", "wav24x", "wavfloat", "w64_24.bdf", "rf64_24", "flac24.wav"};
    for (size_t i = 0; i < COUNT(whole); i++) {
        save_cut(*state, whole[i], "cut", 1, path);
        assert_refused(path, EMG_ERROR_FORMAT, "truncated");
        save_cut(*state, whole[i], "cut", 4000, path);
        assert_refused(path, EMG_ERROR_FORMAT, "truncated");
    }
    save(in(*state, "cut", path), "RIFF\0\0\0\0WAVEfmt ", 16);
    assert_refused(path, EMG_ERROR_FORMAT, "truncated or damaged");
    write_audio(in(*state, "empty.wav", path), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2000, 2, 0, 16);
    assert_refused(path, EMG_ERROR_FORMAT, "holds no samples");
    write_audio(in(*state, "many.wav", path), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2000, 65, 10, 16);
    assert_refused(path, EMG_ERROR_UNSUPPORTED, "65 channels");
    write_audio(in(*state, "slow.wav", path), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 999, 1, 10, 16);
    assert_refused(path, EMG_ERROR_UNSUPPORTED, "999 Hz");
    write_audio(in(*state, "fast.wav", path), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 192001, 1, 10, 16);
    assert_refused(path, EMG_ERROR_UNSUPPORTED, "192001 Hz");
    write_audio(in(*state, "ulaw.wav", path), SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1, 10, 16);
    assert_refused(path, EMG_ERROR_UNSUPPORTED, "companded");
    write_audio(in(*state, "a.wav", path), SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 8000, 1, 10, 16);
    assert_refused(path, EMG_ERROR_FORMAT, "is not BDF, EDF, WAV, W64, RF64 or FLAC");
}

static void audio_written_to_a_pipe_is_read_to_its_end(void **state)
{
    char path[256];
    size_t size;
    unsigned char *bytes = load(in(*state, "wav16", path), &size);
    memset(bytes + 40, 0xff, 4); /* the length of "data" */
    save(in(*state, "pipe.wav", path), bytes, size);
    free(bytes);
    struct emg_recording *r = open_good(path);
    struct frames f = read_all(r, 1000, 0);
    assert_int_equal(f.n, 5000);
    free(f.samples);
    emg_recording_close(r);

    bytes = load(in(*state, "flac16", path), &size);
    bytes[21] &= 0xf0; /* the 36 bits of STREAMINFO that count the samples */
    memset(bytes + 22, 0, 4);
    save(in(*state, "pipe.flac", path), bytes, size);
    free(bytes);
    r = open_good(path);
    assert_int_equal(emg_recording_info(r)->n_frames, 0);
    assert_false(emg_recording_info(r)->has_start);
    float *samples = malloc(6000 * 2 * sizeof *samples);
    enum emg_error error;
    f = (struct frames){.samples = samples, .n_channels = 2};
    f.n = emg_recording_read(r, samples, 6000, &error, NULL);
    assert_int_equal(f.n, 5000);
    check_audio_samples(&f, &audio_cases[9]);
    assert_int_equal(emg_recording_read(r, samples, 6000, &error, NULL), 0);
    assert_int_equal(error, EMG_OK);
    free(samples);
    emg_recording_close(r);
}

static void a_file_that_shrinks_while_read_ends_with_an_error(void **state)
{
    const char *names[] = {"long.bdf", "wav24"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[256];
        size_t size;
        save_cut(*state, names[i], "shrinking", 0, path);
        free(load(path, &size));
        struct emg_recording *r = open_good(path);
        const struct emg_stream_info *info = emg_recording_info(r);
        float *samples = malloc(100 * info->n_channels * sizeof *samples);
        enum emg_error error = EMG_OK;
        struct emg_problem problem = {{0}};
        size_t n, total = 0;
        assert_int_equal(truncate(path, (off_t)(size - 3000)), 0);
        while ((n = emg_recording_read(r, samples, 100, &error, &problem)) > 0) {
            assert_int_equal(error, EMG_OK);
            total += n;
        }
        assert_int_equal(error, EMG_ERROR_IO);
        assert_non_null(strstr(problem.text, path));
        assert_true(total > 0 && total < info->n_frames);
        /* It stays so, even when the file has come back. */
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_int_equal(emg_recording_read(r, samples, 100, &error, NULL), 0);
        assert_int_equal(error, EMG_ERROR_IO);
        assert_int_equal(emg_recording_read(r, samples, 0, &error, NULL), 0);
        assert_int_equal(error, EMG_OK);
        free(samples);
        emg_recording_close(r);
    }
}

/* A file of a few hundred bytes may promise no more than a few thousand frames: more would be an endless
 * read. */
static void read_if_possible(const char *path, bool *opened)
{
    struct emg_recording *r;
    struct emg_problem problem = {{0}};
    *opened = emg_recording_open(&r, path, FULL_SCALE_UV, &problem) == EMG_OK;
    if (!*opened) {
        assert_null(r);
        assert_non_null(strstr(problem.text, path));
        return;
    }
    float *samples = malloc(64 * emg_recording_info(r)->n_channels * sizeof *samples);
    enum emg_error error;
    size_t total = 0, n;
    while ((n = emg_recording_read(r, samples, 64, &error, NULL)) > 0) {
        total += n;
        assert_true(total < 100000);
    }
    free(samples);
    emg_recording_close(r);
}

static void mutated_headers_neither_crash_nor_hang(void **state)
{
    const struct {
        const char *name;
        size_t header_bytes;
    } seeds[] = {{"tiny.bdf", 768}, {"mutate.wav", 44}, {"mutate.w64", 104}, {"mutate.flac", 60}};
    char path[256];
    write_audio(in(*state, "mutate.wav", path), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2000, 2, 100, 16);
    write_audio(in(*state, "mutate.w64", path), SF_FORMAT_W64 | SF_FORMAT_PCM_24, 2000, 2, 100, 24);
    write_audio(in(*state, "mutate.flac", path), SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 2000, 2, 100, 16);
    uint32_t seed = 4711;
    for (size_t i = 0; i < COUNT(seeds); i++) {
        size_t size, n_opened = 0;
        unsigned char *bytes = load(in(*state, seeds[i].name, path), &size);
        unsigned char *mutant = malloc(size);
        for (size_t k = 0; k < 200; k++) {
            memcpy(mutant, bytes, size);
            const size_t changes = 1 + next_random(&seed) % 3;
            for (size_t m = 0; m < changes; m++) {
                /* In BDF half of the changes put a digit where another character was: they pass more checks.
                 */
                const bool digit = i == 0 && next_random(&seed) % 2 == 0;
                mutant[next_random(&seed) % seeds[i].header_bytes] =
                    (unsigned char)(digit ? '0' + next_random(&seed) % 10 : next_random(&seed));
            }
            save(in(*state, "mutant", path), mutant, size);
            bool opened;
            read_if_possible(path, &opened);
            n_opened += opened;
        }
        assert_true(n_opened > 0 && n_opened < 200);
        free(mutant);
        free(bytes);
    }
}

/* plus.bdf: its annotations stand behind three signals of 200 samples; 20 of 3 bytes in each of 3 records. */
enum {
    PLUS_HEADER = 2048,
    PLUS_RECORD = 3210,
    PLUS_ANNOTATIONS = 1800,
    PLUS_ANNOTATION_BYTES = 60,
    PLUS_THIRD = 1200, /* the third signal, and its label in the header */
    PLUS_THIRD_LABEL = 288,
};

static unsigned char *load_plus(const struct directory *d, size_t *size)
{
    char path[256];
    unsigned char *bytes = load(in(d, "plus.bdf", path), size);
    assert_int_equal(*size, PLUS_HEADER + 3 * PLUS_RECORD);
    assert_memory_equal(bytes + PLUS_HEADER + PLUS_ANNOTATIONS, "+0.25\x14\x14", 8);
    return bytes;
}

static void put_lists(unsigned char *bytes, size_t record, size_t at, const char *lists, size_t n)
{
    unsigned char *signal = bytes + PLUS_HEADER + record * PLUS_RECORD + at;
    assert_true(n <= PLUS_ANNOTATION_BYTES);
    memset(signal, 0, PLUS_ANNOTATION_BYTES);
    memcpy(signal, lists, n);
}

#define PUT(bytes, record, lists) put_lists(bytes, record, PLUS_ANNOTATIONS, lists, sizeof(lists))

static void assert_annotation(const struct emg_annotation *a, double onset_s, double duration_s,
                              const char *text)
{
    assert_string_equal(a->text, text);
    assert_true(a->onset_s == onset_s && a->duration_s == duration_s);
}

static void annotations_are_read_from_the_first_frame_on(void **state)
{
    char path[256];
    size_t size, n;
    unsigned char *bytes = load_plus(*state, &size);
    PUT(bytes, 0,
        "+0.25\x14\x14"
        "begin\x14\0+1.75\x15"
        "2.5\x14two\x14"
        "\xe7\x91\x9e\x14");
    PUT(bytes, 1,
        "+0.35\x14\x14\0-0.05\x14"
        "before\x14\0+7\x15"
        "0\x14whole\x14");
    PUT(bytes, 2, "+0.45\x14\x14\0\0\0+100000.1234567\x14late\x14\0+.5\x14point\x14");
    save(in(*state, "annotated.bdf", path), bytes, size);
    struct emg_recording *r = open_good(path);
    const struct emg_annotation *a = emg_recording_annotations(r, &n);
    assert_int_equal(n, 7);
    assert_annotation(&a[0], 0, 0, "begin");
    assert_annotation(&a[1], 1.5, 2.5, "two");
    assert_annotation(&a[2], 1.5, 2.5, "\xe7\x91\x9e");
    assert_annotation(&a[3], -0.3, 0, "before");
    assert_annotation(&a[4], 6.75, 0, "whole");
    assert_annotation(&a[5], 99999.8734567, 0, "late");
    assert_annotation(&a[6], 0.25, 0, "point");
    emg_recording_close(r);

    /* A second annotation signal, in front of the other one: it has the time. */
    memcpy(bytes + PLUS_THIRD_LABEL, "BDF Annotations ", 16);
    for (size_t k = 0; k < 3; k++) {
        memset(bytes + PLUS_HEADER + k * PLUS_RECORD + PLUS_THIRD, 0, 600);
        PUT(bytes, k, "+3\x14other\x14");
    }
    put_lists(bytes, 0, PLUS_THIRD,
              "+0.5\x14\x14\0+2\x14"
              "first\x14",
              17);
    put_lists(bytes, 1, PLUS_THIRD, "+0.6\x14\x14", 7);
    put_lists(bytes, 2, PLUS_THIRD, "+0.7\x14\x14", 7);
    save(path, bytes, size);
    r = open_good(path);
    a = emg_recording_annotations(r, &n);
    assert_int_equal(n, 4);
    assert_annotation(&a[0], 1.5, 0, "first");
    assert_annotation(&a[1], 2.5, 0, "other");
    assert_int_equal(emg_recording_info(r)->n_channels, 5);
    emg_recording_close(r);
    free(bytes);
}

static void what_has_no_annotations_has_none(void **state)
{
    const char *names[] = {"plus.bdf", "plus.edf", "plain.bdf", "wav16"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[256];
        size_t n = 77;
        struct emg_recording *r = open_good(in(*state, names[i], path));
        (void)emg_recording_annotations(r, &n);
        assert_int_equal(n, 0);
        emg_recording_close(r);
    }
}

static void damaged_annotations_are_left_out_and_texts_cleaned(void **state)
{
    char path[256];
    size_t size, n;
    unsigned char *bytes = load_plus(*state, &size);
    PUT(bytes, 1,
        "5\x14x\x14\0+\x14x\x14\0+5x\x14x\x14\0+5\x15\x14x\x14\0+5\x14x\0+5\x15-1\x14x\x14\0+5\0+"
        "1\x14kept\x14");
    PUT(bytes, 2,
        "+9999999999\x14x\x14\0+1\x14"
        "a\nb\x7f"
        "c\xc2\x85"
        "d\xff"
        "e\xc3\x14\0+1\x15"
        "1\x15"
        "1\x14x\x14");
    memset(bytes + PLUS_HEADER + 2 * PLUS_RECORD + PLUS_ANNOTATIONS + 50, '+', 10); /* to the very end */
    save(in(*state, "annotated.bdf", path), bytes, size);
    struct emg_recording *r = open_good(path);
    const struct emg_annotation *a = emg_recording_annotations(r, &n);
    assert_int_equal(n, 2);
    assert_annotation(&a[0], 0.75, 0, "kept");
    assert_annotation(&a[1], 0.75, 0, "a b c  d?e?");
    emg_recording_close(r);
    free(bytes);
}

static bool is_clean(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        const size_t length = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
        if (*s < 0x20 || *s == 0x7f || (*s >= 0x80 && *s < 0xc2) || *s > 0xf4)
            return false;
        for (size_t i = 1; i < length; i++)
            if ((s[i] & 0xc0) != 0x80)
                return false;
        s += length;
    }
    return true;
}

static void mutated_annotations_neither_crash_nor_leave_dirt(void **state)
{
    static const unsigned char telling[] = {0, 0x14, 0x15, '+', '-', '.', '0', '9', 0xc3, 0xf0, 0xed, 0x9f};
    char path[256];
    size_t size, n, n_read = 0;
    uint32_t seed = 12;
    unsigned char *bytes = load_plus(*state, &size);
    in(*state, "mutated.bdf", path);
    for (size_t k = 0; k < 300; k++) {
        PUT(bytes, 1,
            "+0.35\x14\x14\0+7\x15"
            "0.5\x14whole\x14\xf0\x9f\x8f\x83\x14\0+3\x14\xed\x9f\xbf more\x14");
        for (size_t m = next_random(&seed) % 8; m > 0; m--) {
            unsigned char *at = bytes + PLUS_HEADER + PLUS_RECORD + PLUS_ANNOTATIONS +
                                next_random(&seed) % PLUS_ANNOTATION_BYTES;
            *at =
                m % 2 == 0 ? telling[next_random(&seed) % COUNT(telling)] : (unsigned char)next_random(&seed);
        }
        save(path, bytes, size);
        struct emg_recording *r = open_good(path);
        const struct emg_annotation *a = emg_recording_annotations(r, &n);
        for (size_t i = 0; i < n; i++)
            assert_true(isfinite(a[i].onset_s) && a[i].duration_s >= 0 && a[i].text[0] != '\0' &&
                        is_clean(a[i].text));
        n_read += n;
        emg_recording_close(r);
    }
    assert_true(n_read > 300 && n_read < 1200);
    free(bytes);
}

/* The first value of long.bdf's first signal is its digital minimum, the second its maximum, the third 0. */
static void a_range_about_zero_has_no_offset_as_nearly_as_it_can_be_written(void **state)
{
    const struct {
        const char *minimum, *maximum;
        double gain_uv; /* 0: with an offset */
    } cases[] = {
        {"-5000   ", "4999.999", 5000 / 0x1p23},
        {"-5000   ", "4999.998", 0},
        {"-5000   ", "5000    ", 0},
        {"5000    ", "-5000   ", -5000 / 0x1p23},
        {"5000    ", "-4999.99", 0},
        {"-262144 ", "262144  ", 262144 / 0x1p23},
        {"-262144 ", "262143.9", 0},
        {"-262144 ", "262143  ", 0},
        {"-8388608", "8388607 ", 1},
        {"-0.5    ", "0.5     ", 0.5 / 0x1p23},
        {"-0.5    ", "0.499998", 0},
        {"-9999999", "9999998 ", 9999999 / 0x1p23},
        {"0       ", "5000    ", 0},
        {"1000    ", "5000    ", 0},
    };
    char path[256];
    size_t size;
    unsigned char *bytes = load(in(*state, "long.bdf", path), &size);
    in(*state, "ranges.bdf", path);
    for (size_t i = 0; i < COUNT(cases); i++) {
        memcpy(bytes + 256 + 2 * 104, cases[i].minimum, 8);
        memcpy(bytes + 256 + 2 * 112, cases[i].maximum, 8);
        save(path, bytes, size);
        struct emg_recording *r = open_good(path);
        float samples[6];
        enum emg_error error;
        assert_int_equal(emg_recording_read(r, samples, 3, &error, NULL), 3);
        if (cases[i].gain_uv != 0) {
            assert_true(samples[0] == (float)(-8388608 * cases[i].gain_uv));
            assert_true(samples[2] == (float)(8388607 * cases[i].gain_uv));
            assert_true(samples[4] == 0);
        } else {
            assert_true(samples[4] != 0);
        }
        emg_recording_close(r);
    }
    free(bytes);
}

static double field(const unsigned char *bytes, size_t width)
{
    char text[17] = {0};
    memcpy(text, bytes, width);
    return strtod(text, NULL);
}

static void a_real_recording_agrees_with_its_bytes(void **state)
{
    enum { N_SIGNALS = 7, N_CHANNELS = 6, PER_RECORD = 100, RECORD_BYTES = 3 * (6 * PER_RECORD + 60) };
    (void)state;
    const char *path = EMG_SOURCE_DIR "/../shared/recordings/walk_btk.bdf";
    if (access(path, R_OK) != 0) {
        print_message("%s is not here\n", path);
        skip();
    }
    size_t size;
    unsigned char *bytes = load(path, &size);
    const unsigned char *columns = bytes + 256, *data = bytes + 256 * (size_t)(N_SIGNALS + 1);
    struct emg_recording *r = open_good(path);
    const struct emg_stream_info *info = emg_recording_info(r);
    assert_int_equal(info->n_channels, N_CHANNELS);
    assert_near(info->rate_hz, 1000.0, 0.0);
    assert_int_equal(info->n_frames, 4800);
    assert_string_equal(info->channels[0].label, "EMG L SOL");
    assert_string_equal(info->channels[5].label, "EMG R TA");
    struct frames f = read_all(r, 333, 0);
    assert_int_equal(f.n, 4800);
    for (size_t i = 0; i < f.n * N_CHANNELS; i++) {
        const size_t frame = i / N_CHANNELS, c = i % N_CHANNELS;
        const unsigned char *b =
            data + frame / PER_RECORD * RECORD_BYTES + 3 * (c * PER_RECORD + frame % PER_RECORD);
        const int32_t digital =
            (int32_t)((uint32_t)b[0] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 24) / 256;
        const double low = field(columns + N_SIGNALS * 104 + c * 8, 8),
                     high = field(columns + N_SIGNALS * 112 + c * 8, 8);
        const float expected =
            (float)((high - low) / (2.0 * 8388607.0) * ((double)digital + 8388607.0) + low);
        assert_true(f.samples[i] == expected);
    }
    free(f.samples);
    free(bytes);
    emg_recording_close(r);
}

static void closing_nothing_does_nothing(void **state)
{
    (void)state;
    emg_recording_close(NULL);
}

static int run(const char *format, const char *first, const char *second)
{
    char command[2048];
    (void)snprintf(command, sizeof command, format, first, second);
    return system(command); /* NOLINT(cert-env33-c) */
}

static int make_directory(void **state)
{
    struct directory *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -1;
    (void)snprintf(d->path, sizeof d->path, "/tmp/emg-recording-XXXXXX");
    *state = d;
    if (mkdtemp(d->path) == NULL)
        return -1;
    return run("/usr/bin/python3 '%s/fixtures/make_recordings.py' '%s'", EMG_SOURCE_DIR, d->path);
}

static int remove_directory(void **state)
{
    struct directory *d = *state;
    const int status = run("%s -r '%s'", "rm", d->path);
    free(d);
    return status;
}

int main(void)
{
    /* In this order: the audio files of one test are used by those behind it. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edf_and_bdf_are_read_exactly_in_microvolts),
        cmocka_unit_test(damaged_edf_and_bdf_are_refused_with_the_reason),
        cmocka_unit_test(what_is_no_readable_file_is_refused),
        cmocka_unit_test(a_bdf_is_open_only_once_and_can_be_opened_again),
        cmocka_unit_test(audio_is_scaled_to_full_scale_whatever_its_format),
        cmocka_unit_test(cutting_the_reads_changes_no_bit),
        cmocka_unit_test(audio_that_cannot_be_measured_is_refused),
        cmocka_unit_test(audio_written_to_a_pipe_is_read_to_its_end),
        cmocka_unit_test(a_file_that_shrinks_while_read_ends_with_an_error),
        cmocka_unit_test(mutated_headers_neither_crash_nor_hang),
        cmocka_unit_test(annotations_are_read_from_the_first_frame_on),
        cmocka_unit_test(what_has_no_annotations_has_none),
        cmocka_unit_test(damaged_annotations_are_left_out_and_texts_cleaned),
        cmocka_unit_test(mutated_annotations_neither_crash_nor_leave_dirt),
        cmocka_unit_test(a_range_about_zero_has_no_offset_as_nearly_as_it_can_be_written),
        cmocka_unit_test(a_real_recording_agrees_with_its_bytes),
        cmocka_unit_test(closing_nothing_does_nothing),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
