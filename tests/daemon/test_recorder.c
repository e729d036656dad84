/* What is put on the recorder's ring stands in the file, to the bit, or is told to be missing. */
#include "daemon/recorder.h"

#include "daemon/bdf.h"
#include "daemon/clock.h"
#include "daemon/recording.h"
#include "tests/allocations.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { RATE_HZ = 2000, CHANNELS = 3, LARGEST_BLOCK = 60000, DIGITS_24 = 1 << 24 };

static const double FULL_SCALE_UV = 4096; /* a step is a power of two: every value is exact */
static const double START_T = 1795160520.25;
static const double PATIENCE_S = 60;

/* --- the disk --- */

static _Atomic bool disk_stalls;
static _Atomic int disk_fails; /* errno */

/* Stands in for libc's: the recording's own writes. */
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    while (disk_stalls)
        (void)usleep(1000);
    if (disk_fails != 0) {
        errno = disk_fails;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, n, offset);
}

struct room {
    char directory[64];
    struct emg_config config;
    struct emg_stream_info stream;
    struct emg_montage montage;
    struct emg_session *session;
    struct emg_recorder *recorder;
    struct emg_block *block;
    uint64_t first_frame, next_frame;
    struct emg_problem problem;
    char path[EMG_PATH_SIZE];
};

/* --- the room --- */

static void configure(struct room *room)
{
    char empty[96], setting[128];
    (void)snprintf(empty, sizeof empty, "%s.conf", room->directory);
    (void)snprintf(setting, sizeof setting, "recording.directory=%s", room->directory);
    const char *const settings[] = {setting, "source.highpass_hz=12",
                                    "equipment.electrodes=Ag/AgCl \xc3\xb8 10 mm",
                                    "equipment.inter_electrode_mm=20", "equipment.cmrr_db=110.5"};
    FILE *file = fopen(empty, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(emg_config_load(&room->config, empty, settings, 5, &room->problem), EMG_OK);
    assert_int_equal(unlink(empty), 0);
}

/* Left soleus, a foot switch, and a channel of nobody. */
static void connect_stream(struct room *room)
{
    room->stream = (struct emg_stream_info){.source = "test", .rate_hz = RATE_HZ, .n_channels = CHANNELS};
    for (size_t i = 0; i < CHANNELS; i++)
        room->stream.channels[i] = (struct emg_channel){.full_scale_uv = FULL_SCALE_UV, .usable = true};
    room->montage = (struct emg_montage){.n_muscles = 1};
    room->montage.muscles[0] = (struct emg_montage_muscle){
        .name = "left.soleus", .scale = 1, .full_scale_uv = FULL_SCALE_UV, .reference_uv = NAN};
    room->montage.footswitches[EMG_SIDE_RIGHT] =
        (struct emg_montage_footswitch){.present = true, .channel = 1, .scale = 1};
}

static void make_recorder(struct room *room)
{
    assert_int_equal(
        emg_recorder_create(&room->recorder, &room->config, &room->stream, &room->montage, &room->problem),
        EMG_OK);
}

static int enter(void **state)
{
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    memcpy(room->directory, "/tmp/emg-recorder-XXXXXX", sizeof "/tmp/emg-recorder-XXXXXX");
    assert_non_null(mkdtemp(room->directory));
    configure(room);
    connect_stream(room);
    static const char name[1][EMG_NAME_SIZE] = {"left.soleus"};
    room->session = emg_session_create(name, 1);
    room->block = calloc(1, sizeof *room->block + LARGEST_BLOCK * CHANNELS * sizeof(float));
    assert_non_null(room->session);
    assert_non_null(room->block);
    (void)snprintf(room->session->id, sizeof room->session->id, "20261123T074200Z-P07");
    (void)snprintf(room->session->participant, sizeof room->session->participant, "P07");
    make_recorder(room);
    *state = room;
    return 0;
}

static void remove_all(const char *directory)
{
    DIR *entries = opendir(directory);
    const struct dirent *entry = NULL;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char path[512];
        struct stat status;
        (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || lstat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode))
            remove_all(path);
        else
            (void)unlink(path);
    }
    if (entries != NULL)
        (void)closedir(entries);
    (void)rmdir(directory);
}

static int leave(void **state)
{
    struct room *room = *state;
    emg_recorder_destroy(room->recorder);
    remove_all(room->directory);
    free(room->session);
    free(room->block);
    free(room);
    return 0;
}

/* --- the worker --- */

static int32_t digital(uint64_t frame, size_t channel)
{
    return (int32_t)((frame * 7919 + channel * 1000003) % DIGITS_24) - DIGITS_24 / 2;
}

static void open_file(struct room *room, const char *path)
{
    const enum emg_error error = emg_recorder_open(room->recorder, path, "P07", room->path, &room->problem);
    if (error != EMG_OK)
        fail_msg("%s", room->problem.text);
}

static void begin(struct room *room, const char *path, uint64_t first_frame)
{
    open_file(room, path);
    room->first_frame = room->next_frame = first_frame;
    emg_recorder_begin(room->recorder, first_frame, START_T, room->session);
}

static void put(struct room *room, uint32_t n_frames, bool wait)
{
    assert_true(n_frames <= LARGEST_BLOCK);
    struct emg_block *block = room->block;
    block->first_frame = room->next_frame;
    block->n_frames = n_frames;
    for (size_t i = 0; i < n_frames; i++)
        for (size_t c = 0; c < CHANNELS; c++)
            block->samples[i * CHANNELS + c] =
                (float)(digital(room->next_frame + i, c) * emg_bdf_step_uv(FULL_SCALE_UV));
    emg_recorder_put(room->recorder, block, wait);
    room->next_frame += n_frames;
    block->gap_cause = EMG_GAP_NONE;
}

static void lose(struct room *room, uint64_t n_frames, enum emg_gap_cause cause)
{
    room->next_frame += n_frames;
    room->block->gap_cause = (uint16_t)cause;
}

static struct emg_recorder_event closed(struct room *room)
{
    struct emg_recorder_event event;
    assert_true(emg_recorder_wait_closed(room->recorder, PATIENCE_S, &event));
    return event;
}

static struct emg_recorder_event end(struct room *room)
{
    emg_recorder_end(room->recorder);
    const struct emg_recorder_event event = closed(room);
    if (event.change != EMG_RECORDER_STOPPED)
        fail_msg("%s", event.reason);
    return event;
}

static struct emg_recorder_event next_event(struct room *room)
{
    struct emg_recorder_event event;
    const int64_t limit_ns = emg_clock_monotonic_ns() + (int64_t)(1e9 * PATIENCE_S);
    while (!emg_recorder_next_event(room->recorder, &event)) {
        if (emg_clock_monotonic_ns() > limit_ns)
            fail_msg("nothing happened");
        (void)usleep(2000);
    }
    return event;
}

/* --- the file --- */

struct copy {
    struct emg_recording *recording;
    const struct emg_stream_info *info;
    const struct emg_annotation *annotations;
    size_t n_annotations;
    float *samples;
    uint64_t n_frames;
};

static struct copy read_back(const char *path)
{
    struct copy copy = {0};
    struct emg_problem problem;
    enum emg_error error = emg_recording_open(&copy.recording, path, 1, &problem);
    if (error != EMG_OK)
        fail_msg("%s", problem.text);
    copy.info = emg_recording_info(copy.recording);
    copy.annotations = emg_recording_annotations(copy.recording, &copy.n_annotations);
    copy.n_frames = copy.info->n_frames;
    copy.samples = malloc(copy.n_frames * copy.info->n_channels * sizeof copy.samples[0]);
    assert_non_null(copy.samples);
    uint64_t done = 0;
    for (size_t n = 1; n > 0; done += n)
        n = emg_recording_read(copy.recording, copy.samples + done * copy.info->n_channels,
                               copy.n_frames - done, &error, &problem);
    assert_int_equal(error, EMG_OK);
    assert_int_equal(done, copy.n_frames);
    return copy;
}

static void drop(struct copy *copy)
{
    emg_recording_close(copy->recording);
    free(copy->samples);
}

/* Whether the file's frames from `at` on are those of the stream from `frame` on; else zeros. */
static void expect_frames(const struct copy *copy, uint64_t at, uint64_t n, bool given, uint64_t frame)
{
    assert_true(at + n <= copy->n_frames);
    for (uint64_t i = 0; i < n; i++)
        for (size_t c = 0; c < CHANNELS; c++) {
            const double x = (double)copy->samples[(at + i) * CHANNELS + c];
            const double wanted = given ? digital(frame + i, c) * emg_bdf_step_uv(FULL_SCALE_UV) : 0;
            if (x != wanted)
                fail_msg("frame %lu, channel %zu: %.17g, not %.17g", (unsigned long)(at + i), c, x, wanted);
        }
}

static const struct emg_annotation *find(const struct copy *copy, const char *begin_of_text, size_t which)
{
    for (size_t i = 0; i < copy->n_annotations; i++)
        if (strncmp(copy->annotations[i].text, begin_of_text, strlen(begin_of_text)) == 0 && which-- == 0)
            return &copy->annotations[i];
    return NULL;
}

static void expect_at(const struct emg_annotation *annotation, uint64_t frame, uint64_t n_frames)
{
    assert_non_null(annotation);
    assert_true(fabs(annotation->onset_s - (double)frame / RATE_HZ) < 1e-6);
    assert_true(fabs(annotation->duration_s - (double)n_frames / RATE_HZ) < 1e-6);
}

static json_t *read_json(const char *path)
{
    char name[EMG_PATH_SIZE + 8];
    (void)snprintf(name, sizeof name, "%.*s.json", (int)(strlen(path) - strlen(".bdf")), path);
    json_t *json = json_load_file(name, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static const char *text_in(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "";
}

static double number_in(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static bool exists(const struct room *room, const char *name)
{
    char path[512];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/%s", room->directory, name);
    return lstat(path, &status) == 0;
}

/* --- what a recording holds --- */

static void blocks_of_any_size_come_back_to_the_bit(void **state)
{
    struct room *room = *state;
    static const uint32_t sizes[] = {1, 0, 7, 999, 1000, 1001, 1, 1, 33333, 0, LARGEST_BLOCK, 5, 2000, 21};
    begin(room, "any", 12345);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        put(room, sizes[i], true);
    const uint64_t n = room->next_frame - room->first_frame;
    const struct emg_recorder_event event = end(room);
    assert_int_equal(event.frames, n);
    assert_int_equal(event.gaps, 0);
    assert_true(fabs(event.seconds - (double)n / RATE_HZ) < 1e-9);
    assert_string_equal(event.path, room->path);
    struct copy copy = read_back(room->path);
    expect_frames(&copy, 0, n, true, room->first_frame);
    expect_frames(&copy, n, copy.n_frames - n, false, 0);
    assert_true(copy.n_frames - n < RATE_HZ);
    assert_true(copy.info->has_start && fabs(copy.info->start_t - START_T) < 1e-6);
    assert_string_equal(copy.info->channels[0].label, "EMG L SOL");
    assert_string_equal(copy.info->channels[1].label, "SW R");
    assert_string_equal(copy.info->channels[2].label, "CH 3");

    const struct emg_annotation *start = find(&copy, "recording.start ", 0),
                                *stop = find(&copy, "recording.stop ", 0);
    assert_ptr_equal(start, copy.annotations);
    expect_at(start, 0, 0);
    expect_at(stop, n, 0);
    json_t *facts = json_loads(start->text + strlen("recording.start "), 0, NULL);
    assert_int_equal((uint64_t)number_in(facts, "frame"), 12345);
    assert_string_equal(text_in(facts, "session"), room->session->id);
    assert_true(number_in(facts, "rate_hz") == RATE_HZ);
    assert_true(strlen(text_in(facts, "version")) > 0);
    json_decref(facts);
    facts = json_loads(stop->text + strlen("recording.stop "), 0, NULL);
    assert_int_equal((uint64_t)number_in(facts, "frames"), n);
    json_decref(facts);
    drop(&copy);
}

static void a_jump_is_padded_and_annotated_where_it_was(void **state)
{
    struct room *room = *state;
    begin(room, "jump.bdf", 500);
    lose(room, 3, EMG_GAP_HOLE); /* before the first block */
    put(room, 1111, true);
    lose(room, 4321, EMG_GAP_DEVICE);
    put(room, 1, true);
    lose(room, 1, EMG_GAP_OVERFLOW);
    put(room, 777, true);
    lose(room, 2500, EMG_GAP_STALL); /* behind the last one */
    put(room, 0, true);
    const struct emg_recorder_event event = end(room);
    assert_int_equal(event.gaps, 4);
    assert_int_equal(event.frames, 3 + 1111 + 4321 + 1 + 1 + 777 + 2500);
    struct copy copy = read_back(room->path);
    expect_frames(&copy, 0, 3, false, 0);
    expect_frames(&copy, 3, 1111, true, 503);
    expect_frames(&copy, 1114, 4321, false, 0);
    expect_frames(&copy, 5435, 1, true, 500 + 5435);
    expect_frames(&copy, 5436, 1, false, 0);
    expect_frames(&copy, 5437, 777, true, 500 + 5437);
    expect_frames(&copy, 6214, copy.n_frames - 6214, false, 0);
    static const struct {
        uint64_t at, lost;
        const char *cause;
    } gaps[] = {{0, 3, "hole"}, {1114, 4321, "device"}, {5436, 1, "overflow"}, {6214, 2500, "stall"}};
    json_t *sidecar = read_json(room->path);
    const json_t *told = json_object_get(sidecar, "gaps");
    assert_int_equal(json_array_size(told), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct emg_annotation *bad = find(&copy, "BAD_gap", i), *gap = find(&copy, "gap ", i);
        expect_at(bad, gaps[i].at, gaps[i].lost);
        expect_at(gap, gaps[i].at, 0);
        assert_string_equal(bad->text, "BAD_gap");
        json_t *facts = json_loads(gap->text + strlen("gap "), 0, NULL);
        assert_true(json_equal(facts, json_array_get(told, i)));
        assert_int_equal((uint64_t)number_in(facts, "first_frame"), 500 + gaps[i].at);
        assert_int_equal((uint64_t)number_in(facts, "frames_lost"), gaps[i].lost);
        assert_string_equal(text_in(facts, "cause"), gaps[i].cause);
        json_decref(facts);
    }
    json_decref(sidecar);
    drop(&copy);
}

static void what_the_disk_does_not_take_in_time_is_a_gap_and_no_annotation_is_lost(void **state)
{
    struct room *room = *state;
    enum { BLOCKS = 33, FRAMES = 28000, EVERY = 1, CLEAR = 22 };
    begin(room, "flood", 1);
    assert_int_equal(next_event(room).change, EMG_RECORDER_STARTED);
    disk_stalls = true; /* for longer than the ring lasts */
    for (int i = 0; i < BLOCKS; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "marker %d", i);
        if (i % EVERY == 0)
            emg_recorder_annotate(room->recorder, room->next_frame, text);
        disk_stalls = i < CLEAR;
        room->block->gap_cause = EMG_GAP_HOLE; /* means nothing where no frames are missing */
        put(room, FRAMES, false);
    }
    const struct emg_recorder_event event = end(room);
    assert_int_equal(event.frames, (uint64_t)BLOCKS * FRAMES);
    assert_true(event.gaps > 0);
    struct copy copy = read_back(room->path);
    uint64_t at = 0;
    for (size_t i = 0; i < event.gaps; i++) {
        const struct emg_annotation *gap = find(&copy, "gap ", i);
        assert_non_null(gap);
        json_t *facts = json_loads(gap->text + strlen("gap "), 0, NULL);
        const uint64_t first = (uint64_t)number_in(facts, "first_frame") - 1,
                       lost = (uint64_t)number_in(facts, "frames_lost");
        assert_string_equal(text_in(facts, "cause"), "recorder");
        json_decref(facts);
        assert_true(first >= at && lost > 0);
        expect_frames(&copy, at, first - at, true, 1 + at);
        expect_frames(&copy, first, lost, false, 0);
        expect_at(find(&copy, "BAD_gap", i), first, lost);
        at = first + lost;
    }
    expect_frames(&copy, at, event.frames - at, true, 1 + at);
    for (int i = 0; i < BLOCKS; i += EVERY) {
        char text[32];
        (void)snprintf(text, sizeof text, "marker %d", i);
        size_t which = 0;
        const struct emg_annotation *marker = NULL;
        while ((marker = find(&copy, text, which++)) != NULL && strcmp(marker->text, text) != 0)
            ;
        expect_at(marker, (uint64_t)i * FRAMES, 0);
    }
    drop(&copy);
}

static void annotations_that_wait_when_the_recording_ends_are_written(void **state)
{
    struct room *room = *state;
    char text[EMG_BDF_TEXT_MAX + 1];
    memset(text, 'x', EMG_BDF_TEXT_MAX);
    text[EMG_BDF_TEXT_MAX] = '\0';
    begin(room, "fifty", 0);
    put(room, 2500, true);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(text, 4, "%02d:", i);
        text[3] = 'x';
        emg_recorder_annotate(room->recorder, 2500, text);
    }
    put(room, 10, true);
    assert_int_equal(end(room).frames, 2510);
    struct copy copy = read_back(room->path);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(text, 4, "%02d:", i);
        text[3] = 'x';
        expect_at(find(&copy, text, 0), 2500, 0);
    }
    expect_frames(&copy, 0, 2510, true, 0);
    expect_at(find(&copy, "recording.stop {\"frames\":2510}", 0), 2510, 0);
    drop(&copy);
}

static void samples_are_in_the_microvolts_of_their_muscle(void **state)
{
    struct room *room = *state;
    emg_recorder_destroy(room->recorder);
    room->montage.muscles[0].scale = 0.25F;
    room->montage.muscles[0].full_scale_uv = FULL_SCALE_UV / 4;
    make_recorder(room);
    begin(room, "scaled", 0);
    put(room, 1000, true);
    (void)end(room);
    struct copy copy = read_back(room->path);
    assert_true(fabs(copy.info->channels[0].full_scale_uv - FULL_SCALE_UV / 4) < 1e-9);
    for (size_t i = 0; i < 1000; i++)
        for (size_t c = 0; c < CHANNELS; c++)
            assert_true((double)copy.samples[i * CHANNELS + c] ==
                        digital(i, c) * emg_bdf_step_uv(FULL_SCALE_UV) * (c == 0 ? 0.25 : 1));
    drop(&copy);
}

static void the_sidecar_tells_what_a_paper_asks_for(void **state)
{
    struct room *room = *state;
    room->session->muscles[0].reference = (struct emg_reference){.uv = 123.25, .id = "r1", .method = "mvc"};
    begin(room, "side", 77);
    (void)next_event(room);
    json_t *sidecar = read_json(room->path);
    assert_true(json_is_false(json_object_get(sidecar, "complete")));
    json_decref(sidecar);
    put(room, 3000, true);
    room->session->muscles[0].reference =
        (struct emg_reference){.uv = 200.5, .id = "r2", .method = "submaximal"};
    emg_recorder_keep(room->recorder, room->session);
    emg_session_clear(room->session); /* the end of the session */
    emg_recorder_keep(room->recorder, room->session);
    (void)end(room);
    sidecar = read_json(room->path);
    assert_string_equal(text_in(sidecar, "format"), "emgd recording");
    assert_true(json_is_true(json_object_get(sidecar, "complete")));
    assert_true(json_is_null(json_object_get(sidecar, "failure")));
    assert_string_equal(text_in(sidecar, "start"), "2026-11-20T07:42:00.250Z");
    assert_true(number_in(sidecar, "start_t") == START_T);
    assert_true(number_in(sidecar, "rate_hz") == RATE_HZ && number_in(sidecar, "frames") == 3000);
    assert_true(number_in(sidecar, "first_frame") == 77 && number_in(sidecar, "seconds") == 1.5);
    const json_t *channels = json_object_get(sidecar, "channels"), *channel = json_array_get(channels, 0);
    assert_int_equal(json_array_size(channels), CHANNELS);
    assert_string_equal(text_in(channel, "muscle"), "left.soleus");
    assert_string_equal(text_in(channel, "label"), "EMG L SOL");
    assert_string_equal(text_in(channel, "unit"), "uV");
    assert_true(number_in(channel, "step_uv") == emg_bdf_step_uv(FULL_SCALE_UV));
    assert_string_equal(text_in(json_array_get(channels, 1), "footswitch"), "right");
    assert_true(json_is_null(json_object_get(json_array_get(channels, 2), "muscle")));
    const json_t *equipment = json_object_get(sidecar, "equipment"),
                 *filters = json_object_get(sidecar, "filters");
    assert_string_equal(text_in(equipment, "electrodes"), "Ag/AgCl \xc3\xb8 10 mm");
    assert_true(number_in(equipment, "cmrr_db") == 110.5);
    assert_true(json_is_null(json_object_get(equipment, "gain")));
    assert_true(json_is_null(json_object_get(equipment, "skin")));
    assert_true(number_in(filters, "highpass_hz") == 12);
    assert_true(json_is_null(json_object_get(filters, "lowpass_hz")));
    const json_t *reference = json_array_get(json_object_get(sidecar, "normalisation"), 0);
    assert_string_equal(text_in(reference, "method"), "submaximal");
    assert_true(number_in(reference, "uv") == 200.5);
    static const char *const keys[] = {"session", "session_end"};
    static const double references_uv[] = {123.25, 200.5};
    for (size_t i = 0; i < 2; i++) {
        const json_t *session = json_object_get(sidecar, keys[i]);
        assert_string_equal(text_in(session, "id"), "20261123T074200Z-P07");
        const json_t *muscle = json_array_get(json_object_get(session, "muscles"), 0);
        assert_true(number_in(json_object_get(muscle, "reference"), "uv") == references_uv[i]);
    }
    assert_true(json_is_object(json_object_get(json_object_get(sidecar, "configuration"), "analysis")));
    json_decref(sidecar);

    char header[256 + 4 * 256];
    FILE *file = fopen(room->path, "r");
    assert_non_null(file);
    assert_int_equal(fread(header, 1, sizeof header, file), sizeof header);
    assert_int_equal(fclose(file), 0);
    assert_memory_equal(header + 256 + 4 * 16, "Ag/AgCl ?? 10 mm, 20 mm apart ", 30);
    assert_memory_equal(header + 256 + 4 * 16 + 80, "foot switch ", 12);
    assert_memory_equal(header + 256 + 4 * (16 + 80 + 8 + 4 * 8), "HP:12Hz ", 8);
}

static void long_names_are_cut_and_stay_apart(void **state)
{
    struct room *room = *state;
    emg_recorder_destroy(room->recorder);
    static const char *const names[] = {"right.gastrocnemius_lateralis", "left.biceps_femoris_long",
                                        "left.biceps_femoris_short"};
    room->montage = (struct emg_montage){.n_muscles = CHANNELS};
    for (unsigned i = 0; i < CHANNELS; i++) {
        room->montage.muscles[i] = (struct emg_montage_muscle){
            .channel = i, .scale = 1, .full_scale_uv = FULL_SCALE_UV, .reference_uv = NAN};
        (void)snprintf(room->montage.muscles[i].name, EMG_NAME_SIZE, "%s", names[i]);
    }
    make_recorder(room);
    begin(room, "names", 0);
    put(room, 1, true);
    (void)end(room);
    struct copy copy = read_back(room->path);
    char name[EMG_NAME_SIZE];
    assert_string_equal(copy.info->channels[0].label, "EMG R GL");
    assert_string_equal(copy.info->channels[1].label, "EMG L biceps_fem");
    assert_string_equal(copy.info->channels[2].label, "EMG L biceps_f_3");
    assert_true(emg_montage_name_of_label(copy.info->channels[2].label, name));
    drop(&copy);
}

static void a_decimated_recording_says_its_rate(void **state)
{
    struct room *room = *state;
    emg_recorder_destroy(room->recorder);
    room->stream.rate_hz = 4 * RATE_HZ;
    room->config.recording.rate_hz = RATE_HZ - 100; /* the nearest whole fraction is meant */
    make_recorder(room);
    begin(room, "thin", 0);
    for (int i = 0; i < 10; i++)
        put(room, 801, true);
    const struct emg_recorder_event event = end(room);
    struct copy copy = read_back(room->path);
    /* the filter's delay stands before the first frame and is added at the end, so that none is missing */
    const double delay_s = START_T - copy.info->start_t;
    assert_true(delay_s > 0.001 && delay_s < 0.05);
    assert_true(fabs((double)event.frames - (8010.0 / 4 + delay_s * RATE_HZ)) <= 1);
    assert_true(fabs(event.seconds - (double)event.frames / RATE_HZ) < 1e-9);
    assert_true(copy.info->rate_hz == RATE_HZ);
    json_t *sidecar = read_json(room->path);
    assert_true(number_in(sidecar, "rate_hz") == RATE_HZ &&
                number_in(sidecar, "stream_rate_hz") == 4 * RATE_HZ);
    assert_true(number_in(json_object_get(sidecar, "filters"), "lowpass_hz") == 0.4 * RATE_HZ);
    json_decref(sidecar);
    drop(&copy);
}

/* A sine of 50 Hz that is 0 at the stream's first frame. */
static void put_sine(struct room *room, uint32_t n_frames, double rate_hz)
{
    room->block->first_frame = room->next_frame;
    room->block->n_frames = n_frames;
    for (size_t i = 0; i < n_frames; i++)
        for (size_t c = 0; c < CHANNELS; c++)
            room->block->samples[i * CHANNELS + c] =
                (float)(1000 * sin(6.283185307179586 * 50 * (double)(room->next_frame + i) / rate_hz));
    emg_recorder_put(room->recorder, room->block, true);
    room->next_frame += n_frames;
    room->block->gap_cause = EMG_GAP_NONE;
}

static void a_decimated_recording_is_neither_late_nor_shifted_by_a_gap(void **state)
{
    struct room *room = *state;
    const double rate_hz = 4 * RATE_HZ;
    emg_recorder_destroy(room->recorder);
    room->stream.rate_hz = rate_hz;
    room->config.recording.rate_hz = RATE_HZ;
    make_recorder(room);
    begin(room, "late", 0);
    put_sine(room, 4003, rate_hz);
    emg_recorder_annotate(room->recorder, 4003, "here");
    lose(room, 9998, EMG_GAP_DEVICE);
    put_sine(room, 6001, rate_hz);
    lose(room, 3, EMG_GAP_DEVICE);
    put_sine(room, 4000, rate_hz);
    (void)end(room);
    struct copy copy = read_back(room->path);
    const struct emg_annotation *bad = find(&copy, "BAD_gap", 0), *short_bad = find(&copy, "BAD_gap", 1);
    const double delay_s = START_T - copy.info->start_t;
    size_t n_good = 0, n_silent = 0;
    for (size_t m = 0; m < copy.n_frames; m++) {
        const double t = (double)m / RATE_HZ, at = t - delay_s; /* in the file, and in the stream */
        const double x = (double)copy.samples[m * CHANNELS];
        const bool is_bad = (t >= bad->onset_s && t < bad->onset_s + bad->duration_s) ||
                            (t >= short_bad->onset_s && t < short_bad->onset_s + short_bad->duration_s);
        if (at > 4003 / rate_hz + delay_s && at < (4003 + 9998) / rate_hz - delay_s) {
            assert_true(x == 0 && is_bad);
            n_silent++;
        } else if (!is_bad && at > delay_s && at < 24005 / rate_hz - delay_s) {
            assert_true(fabs(x - 1000 * sin(6.283185307179586 * 50 * at)) < 2);
            n_good++;
        }
    }
    assert_true(n_good > 3200 && n_silent > 2300);
    assert_true(fabs(find(&copy, "here", 0)->onset_s - (4003 / rate_hz + delay_s)) < 1.0 / RATE_HZ);
    drop(&copy);
}

static void a_rate_that_no_recording_can_have_is_refused_before_it_begins(void **state)
{
    struct room *room = *state;
    emg_recorder_destroy(room->recorder);
    room->stream.rate_hz = 2500;
    room->config.recording.rate_hz = 1000; /* 833 Hz */
    make_recorder(room);
    assert_int_equal(emg_recorder_open(room->recorder, "slow", "", room->path, &room->problem),
                     EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(room->problem.text, "recording.rate_hz"));
    emg_recorder_destroy(room->recorder);
    room->stream.rate_hz = 44056.123456789;
    room->config.recording.rate_hz = 0;
    make_recorder(room);
    assert_int_equal(emg_recorder_open(room->recorder, "odd", "", room->path, &room->problem),
                     EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(room->problem.text, "odd.bdf"));
    assert_false(exists(room, "odd.bdf") || exists(room, "slow.bdf"));
}

/* --- its life --- */

static void each_change_is_told_once_and_in_order(void **state)
{
    struct room *room = *state;
    struct emg_recorder_state now;
    struct emg_recorder_event event;
    char other[EMG_PATH_SIZE];
    emg_recorder_state(room->recorder, &now);
    assert_false(now.on);
    put(room, 100, true); /* nothing has begun */
    emg_recorder_annotate(room->recorder, 0, "nothing");
    emg_recorder_end(room->recorder);
    emg_recorder_begin(room->recorder, 0, START_T, room->session); /* nothing was opened */
    emg_recorder_end(room->recorder);

    begin(room, "life", 0);
    emg_recorder_state(room->recorder, &now);
    assert_true(now.on);
    assert_string_equal(now.path, room->path);
    assert_int_equal(next_event(room).change, EMG_RECORDER_STARTED);
    assert_int_equal(emg_recorder_open(room->recorder, "two", "", other, &room->problem), EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(room->problem.text, "life.bdf"));
    put(room, 4000, true);
    do {
        emg_recorder_state(room->recorder, &now);
    } while (now.frames < 4000);
    assert_true(now.on && now.seconds == 2 && now.gaps == 0);
    assert_false(emg_recorder_wait_closed(room->recorder, 0.01, &event));
    (void)end(room);
    assert_int_equal(next_event(room).change, EMG_RECORDER_STOPPED);
    assert_false(emg_recorder_next_event(room->recorder, &event));
    emg_recorder_state(room->recorder, &now);
    assert_false(now.on);
    assert_string_equal(now.failure, "");
    begin(room, "again", 0);
    put(room, 1, true);
    assert_int_equal(end(room).frames, 1);
}

static void a_file_that_was_never_begun_is_removed(void **state)
{
    struct room *room = *state;
    open_file(room, "first");
    assert_true(exists(room, "first.bdf"));
    open_file(room, "second");
    assert_false(exists(room, "first.bdf"));
    assert_true(exists(room, "second.bdf"));
    emg_recorder_destroy(room->recorder);
    assert_false(exists(room, "second.bdf"));
    make_recorder(room);
}

static void destroying_closes_the_file_in_order(void **state)
{
    struct room *room = *state;
    begin(room, "last", 10);
    put(room, 5003, true);
    emg_recorder_annotate(room->recorder, 5013, "the end");
    emg_recorder_destroy(room->recorder);
    emg_recorder_destroy(NULL);
    room->recorder = NULL;
    struct copy copy = read_back(room->path);
    expect_frames(&copy, 0, 5003, true, 10);
    expect_at(find(&copy, "the end", 0), 5003, 0);
    expect_at(find(&copy, "recording.stop {\"frames\":5003}", 0), 5003, 0);
    drop(&copy);
    make_recorder(room);
}

/* The functions of the worker, while the thread may allocate at any time: a call that allocates would never
 * be seen without. */
static void the_workers_functions_do_not_allocate(void **state)
{
    struct room *room = *state;
    enum { BEGIN, PUT, ANNOTATE, END, KEEP, CALLS };
    bool without[CALLS] = {false};
    unsigned long before[CALLS + 1];
    for (int k = 0; k < 50; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "try%d", k);
        open_file(room, name);
        room->next_frame = 0;
        before[BEGIN] = allocations;
        emg_recorder_begin(room->recorder, 0, START_T, room->session);
        before[PUT] = allocations;
        put(room, 1000, false);
        before[ANNOTATE] = allocations;
        emg_recorder_annotate(room->recorder, 5, "text");
        before[END] = allocations;
        emg_recorder_end(room->recorder);
        before[KEEP] = allocations;
        emg_recorder_keep(room->recorder, room->session);
        before[CALLS] = allocations;
        for (int i = 0; i < CALLS; i++)
            without[i] |= before[i + 1] == before[i];
        bool all = true;
        (void)closed(room);
        for (int i = 0; i < CALLS; i++)
            all &= without[i];
        if (all)
            return;
    }
    for (int i = 0; i < CALLS; i++)
        assert_true(without[i]);
}

static void without_memory_it_is_an_error(void **state)
{
    struct room *room = *state;
    struct emg_recorder *none = room->recorder;
    if (!EMG_ALLOCATIONS_COUNTED)
        skip();
    memory_is_out = true;
    const enum emg_error error =
        emg_recorder_create(&none, &room->config, &room->stream, &room->montage, &room->problem);
    memory_is_out = false;
    assert_int_equal(error, EMG_ERROR_MEMORY);
    assert_null(none);
}

/* --- where it is --- */

static void refuse_path(struct room *room, const char *path, enum emg_error error)
{
    char out[EMG_PATH_SIZE] = "untouched";
    room->problem.text[0] = '\0';
    const enum emg_error got = emg_recorder_open(room->recorder, path, "", out, &room->problem);
    if (got != error)
        fail_msg("\"%.100s\": %s", path, got == EMG_OK ? "taken" : room->problem.text);
    assert_true(strlen(room->problem.text) > 0);
    assert_string_equal(out, "untouched");
}

static size_t count_entries(const char *directory)
{
    DIR *entries = opendir(directory);
    size_t n = 0;
    while (entries != NULL && readdir(entries) != NULL)
        n++;
    (void)closedir(entries);
    return n - 2;
}

static void no_path_leads_out_of_the_directory(void **state)
{
    struct room *room = *state;
    char outside[] = "/tmp/emg-outside-XXXXXX", path[512], long_name[EMG_PATH_SIZE + 100];
    assert_non_null(mkdtemp(outside));
    (void)snprintf(path, sizeof path, "%s/inner", room->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/link", room->directory);
    assert_int_equal(symlink(outside, path), 0);
    (void)snprintf(path, sizeof path, "%s/dangling.bdf", room->directory);
    (void)snprintf(long_name, sizeof long_name, "%s/made.bdf", outside);
    assert_int_equal(symlink(long_name, path), 0);
    (void)snprintf(path, sizeof path, "%s/inner/up", room->directory);
    assert_int_equal(symlink("..", path), 0);

    static const char *const elsewhere[] = {
        "",         ".",      "..",         "../x",    "/tmp/x",       "/",      "inner/../../x",
        "inner/..", "link/x", "inner/up/x", "./x",     "inner//x",     "inner/", "x\n",
        "\x1b[2J",  "x\x7f",  ".bdf",       ".hidden", "inner/.hidden"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        refuse_path(room, elsewhere[i], EMG_ERROR_ARGUMENT);
    (void)snprintf(path, sizeof path, "%s/x", outside);
    refuse_path(room, path, EMG_ERROR_ARGUMENT);
    (void)snprintf(path, sizeof path, "%s-beside/x", room->directory);
    refuse_path(room, path, EMG_ERROR_ARGUMENT);
    (void)snprintf(path, sizeof path, "%s/../%s/x", room->directory, strrchr(outside, '/') + 1);
    refuse_path(room, path, EMG_ERROR_ARGUMENT);
    refuse_path(room, "dangling", EMG_ERROR_IO);
    refuse_path(room, "no/where/x", EMG_ERROR_IO);
    memset(long_name, 'y', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    refuse_path(room, long_name, EMG_ERROR_ARGUMENT);
    long_name[255] = '\0';
    refuse_path(room, long_name, EMG_ERROR_ARGUMENT);
    assert_int_equal(count_entries(outside), 0);
    assert_int_equal(rmdir(outside), 0);

    /* and what is inside does */
    (void)snprintf(path, sizeof path, "%s/inner/ok.bdf", room->directory);
    open_file(room, path);
    assert_string_equal(room->path, path);
    open_file(room, "inner/ok");
    assert_string_equal(room->path, path);
    open_file(room, "M\xc3\xbcller 1.bdf.bdf");
    assert_true(exists(room, "M\xc3\xbcller 1.bdf.bdf"));
}

static void files_are_the_owners_only_and_never_written_over(void **state)
{
    struct room *room = *state;
    static const mode_t masks[] = {0, 0777};
    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        char name[16];
        (void)snprintf(name, sizeof name, "mode%zu", i);
        const mode_t before = umask(masks[i]);
        begin(room, name, 0);
        put(room, 1, true);
        emg_recorder_keep(room->recorder, room->session);
        (void)end(room);
        emg_recorder_destroy(room->recorder);
        (void)umask(before);
        assert_int_equal(stat(room->path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        memcpy(room->path + strlen(room->path) - 3, "json", 5);
        assert_int_equal(stat(room->path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        (void)snprintf(room->path, sizeof room->path, "%s/emgd-session.json", room->directory);
        assert_int_equal(stat(room->path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        make_recorder(room);
    }
    refuse_path(room, "mode0", EMG_ERROR_IO);
    assert_non_null(strstr(room->problem.text, "mode0.bdf: exists already"));
    (void)snprintf(room->path, sizeof room->path, "%s/mode1.bdf", room->directory);
    assert_int_equal(unlink(room->path), 0);
    refuse_path(room, "mode1", EMG_ERROR_IO); /* its .json is left */
}

static void a_recording_without_a_name_is_named_by_the_time_and_the_participant(void **state)
{
    struct room *room = *state;
    char before[EMG_PATH_SIZE] = "";
    for (int i = 0; i < 3; i++) {
        begin(room, NULL, 0);
        put(room, 1, true);
        (void)end(room);
        const char *name = room->path + strlen(room->directory) + 1;
        assert_int_equal(strspn(name, "0123456789"), 8);
        assert_memory_equal(name + 15, "Z-P07", 5);
        assert_string_not_equal(room->path, before);
        memcpy(before, room->path, sizeof before);
    }
}

/* --- when it goes wrong --- */

static struct emg_recorder_event failed(struct room *room, const char *why)
{
    struct emg_recorder_event event;
    struct emg_recorder_state now;
    while ((event = next_event(room)).change == EMG_RECORDER_STARTED)
        ;
    assert_int_equal(event.change, EMG_RECORDER_FAILED);
    assert_string_equal(event.path, room->path);
    if (strstr(event.reason, why) == NULL || strstr(event.reason, room->path) == NULL)
        fail_msg("%s", event.reason);
    emg_recorder_state(room->recorder, &now);
    assert_false(now.on);
    assert_string_equal(now.failure, event.reason);
    for (int i = 0; i < 10; i++) /* no matter what else comes, it is told once */
        put(room, 1000, true);
    emg_recorder_annotate(room->recorder, room->next_frame, "too late");
    emg_recorder_end(room->recorder);
    (void)usleep(50000);
    struct emg_recorder_event more;
    assert_false(emg_recorder_next_event(room->recorder, &more));
    return event;
}

static void a_full_disk_ends_the_recording_and_keeps_what_was_written(void **state)
{
    struct room *room = *state;
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 200000;
    begin(room, "full", 40);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    emg_recorder_annotate(room->recorder, 50, "marker");
    put(room, LARGEST_BLOCK, true);
    const struct emg_recorder_event event = failed(room, strerror(EFBIG));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(event.frames > 15000);
    assert_true(event.seconds == (double)event.frames / RATE_HZ);
    assert_false(emg_bdf_is_unfinished(room->path));
    struct copy copy = read_back(room->path);
    assert_int_equal(copy.n_frames, event.frames);
    expect_frames(&copy, 0, copy.n_frames, true, 40);
    expect_at(find(&copy, "marker", 0), 10, 0);
    drop(&copy);
    json_t *sidecar = read_json(room->path);
    assert_true(json_is_false(json_object_get(sidecar, "complete")));
    json_decref(sidecar);
    begin(room, "after", 0);
    put(room, 2000, true);
    assert_int_equal(end(room).frames, 2000);
}

static void an_error_of_the_disk_is_told_with_its_reason(void **state)
{
    struct room *room = *state;
    begin(room, "broken", 0);
    assert_int_equal(next_event(room).change, EMG_RECORDER_STARTED);
    disk_fails = EIO;
    put(room, 3000, true);
    const struct emg_recorder_event event = failed(room, strerror(EIO));
    assert_int_equal(event.frames, 0);
    refuse_path(room, "other", EMG_ERROR_IO); /* its header cannot be written */
    disk_fails = 0;
    assert_false(exists(room, "other.bdf"));
}

static void a_directory_that_is_removed_ends_the_recording(void **state)
{
    struct room *room = *state;
    begin(room, "gone", 0);
    put(room, 4000, true);
    assert_int_equal(next_event(room).change, EMG_RECORDER_STARTED);
    remove_all(room->directory);
    (void)failed(room, "removed");
    assert_int_equal(emg_recorder_open(room->recorder, "x", "", room->path, &room->problem), EMG_ERROR_IO);
    assert_non_null(strstr(room->problem.text, room->directory));
    assert_int_equal(mkdir(room->directory, 0700), 0);
    begin(room, "back", 0);
    put(room, 10, true);
    assert_int_equal(end(room).frames, 10);
}

static void a_file_that_is_replaced_ends_the_recording(void **state)
{
    struct room *room = *state;
    char other[EMG_PATH_SIZE + 8];
    open_file(room, "mine");
    (void)snprintf(other, sizeof other, "%s.old", room->path);
    assert_int_equal(rename(room->path, other), 0);
    FILE *file = fopen(room->path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    emg_recorder_begin(room->recorder, 0, START_T, room->session);
    (void)failed(room, "renamed");
}

static void a_gap_of_more_than_an_hour_ends_the_recording(void **state)
{
    struct room *room = *state;
    begin(room, "hour", 0);
    put(room, 2123, true);
    lose(room, 3600 * RATE_HZ + 1, EMG_GAP_DEVICE);
    put(room, 2000, true);
    const struct emg_recorder_event event = failed(room, "hour");
    assert_int_equal(event.frames, 2123);
    struct copy copy = read_back(room->path);
    expect_frames(&copy, 0, 2123, true, 0);
    expect_frames(&copy, 2123, copy.n_frames - 2123, false, 0);
    expect_at(find(&copy, "recording.stop {\"frames\":2123}", 0), 2123, 0);
    drop(&copy);
    json_t *sidecar = read_json(room->path);
    assert_true(json_is_false(json_object_get(sidecar, "complete")));
    assert_non_null(strstr(text_in(sidecar, "failure"), "hour"));
    assert_true(number_in(sidecar, "frames") == 2123);
    json_decref(sidecar);
}

/* Shared with the process that is killed. */
struct shared {
    _Atomic uint64_t n_put, n_marks;
};

/* Records at eight times the rate of time, and lets the recorder's thread keep up: what is lost must not
 * depend on how busy this machine is. */
static void record_until_killed(struct room *room, struct shared *shared)
{
    struct emg_recorder_state now = {.frames = 0};
    emg_recorder_annotate(room->recorder, 0, "mark 0");
    for (uint64_t mark = 1;; mark++) {
        for (int i = 0; i < 5; i++) {
            put(room, 100, false);
            atomic_store(&shared->n_put, room->next_frame);
            do {
                (void)usleep(100 * 1000000 / RATE_HZ / 8);
                emg_recorder_state(room->recorder, &now);
            } while (room->next_frame - now.frames > 2 * RATE_HZ / 5);
        }
        char text[32];
        (void)snprintf(text, sizeof text, "mark %lu", (unsigned long)mark);
        emg_recorder_annotate(room->recorder, room->next_frame, text);
        atomic_store(&shared->n_marks, mark);
    }
}

static void after_a_kill_at_most_the_last_second_is_lost(void **state)
{
    struct room *room = *state;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    emg_recorder_destroy(room->recorder);
    room->recorder = NULL;
    for (int k = 0; k < 3; k++) {
        struct emg_bdf_repair repair;
        char name[16], mark[32];
        (void)snprintf(name, sizeof name, "killed%d", k);
        (void)snprintf(room->path, sizeof room->path, "%s/%s.bdf", room->directory, name);
        atomic_store(&shared->n_put, 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            make_recorder(room);
            begin(room, name, 0);
            record_until_killed(room, shared);
        }
        while (atomic_load(&shared->n_put) < RATE_HZ)
            (void)usleep(1000);
        (void)usleep((useconds_t)(emg_clock_monotonic_ns() / 1000 % 100000)); /* a random moment */
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        const uint64_t n_put = atomic_load(&shared->n_put);
        assert_true(emg_bdf_is_unfinished(room->path));
        assert_int_equal(emg_bdf_repair(room->path, &repair, &room->problem), EMG_OK);
        struct copy copy = read_back(room->path);
        assert_true(copy.n_frames + RATE_HZ >= n_put);
        expect_frames(&copy, 0, copy.n_frames, true, 0);
        for (uint64_t i = 0; i * 500 < copy.n_frames; i++) {
            (void)snprintf(mark, sizeof mark, "mark %lu", (unsigned long)i);
            expect_at(find(&copy, mark, 0), i * 500, 0);
        }
        drop(&copy);
    }
    assert_int_equal(munmap(shared, sizeof *shared), 0);
    make_recorder(room);
}

/* What is logged while a recorder is created. */
static void log_of_create(struct room *room, char *text, size_t size)
{
    FILE *log = tmpfile();
    const int before = dup(STDERR_FILENO);
    assert_non_null(log);
    assert_true(before >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
    emg_recorder_destroy(room->recorder);
    make_recorder(room);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    rewind(log);
    text[fread(text, 1, size - 1, log)] = '\0';
    assert_int_equal(fclose(log), 0);
}

static void recordings_that_were_not_closed_are_told(void **state)
{
    struct room *room = *state;
    char text[2048], path[512];
    begin(room, "closed", 0);
    put(room, 10, true);
    (void)end(room);
    (void)snprintf(path, sizeof path, "%s/cut.bdf", room->directory);
    assert_int_equal(link(room->path, path), 0);
    log_of_create(room, text, sizeof text);
    assert_string_equal(text, "");

    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "-1      ", 8, 236), 8);
    assert_int_equal(unlink(room->path), 0);
    log_of_create(room, text, sizeof text);
    assert_non_null(strstr(text, path));
    assert_non_null(strstr(text, "emgctl repair"));
    assert_int_equal(flock(fd, LOCK_EX), 0); /* somebody writes it now */
    log_of_create(room, text, sizeof text);
    assert_string_equal(text, "");
    assert_int_equal(close(fd), 0);
}

static void a_recording_in_progress_cannot_be_repaired(void **state)
{
    struct room *room = *state;
    struct emg_bdf_repair repair;
    begin(room, "busy", 0);
    put(room, 4000, true);
    assert_int_equal(next_event(room).change, EMG_RECORDER_STARTED);
    assert_int_not_equal(emg_bdf_repair(room->path, &repair, &room->problem), EMG_OK);
    assert_int_equal(end(room).frames, 4000);
}

/* --- the session --- */

static struct emg_session *unfinished(struct room *room, bool wanted)
{
    struct emg_session *session = NULL;
    const int64_t limit_ns = emg_clock_monotonic_ns() + (int64_t)(1e9 * PATIENCE_S);
    while (exists(room, "emgd-session.json") != wanted && emg_clock_monotonic_ns() < limit_ns)
        (void)usleep(2000);
    session = emg_recorder_unfinished_session(&room->config, &room->montage);
    assert_true((session != NULL) == wanted);
    return session;
}

static void the_session_outlives_the_daemon_until_it_is_over(void **state)
{
    struct room *room = *state;
    struct emg_session *s = room->session;
    (void)unfinished(room, false);
    s->recording = true;
    s->start_t = START_T;
    s->stage = (struct emg_stage){.number = 2, .label = "10 km/h", .speed_m_s = 2.78, .incline_percent = NAN};
    s->muscles[0].reference = (struct emg_reference){.uv = 1 / 3.0, .id = "r2", .method = "mvc"};
    s->muscles[0].rest =
        (struct emg_rest){.rms_uv = 1.7, .seconds = 10, .effective_s = 9, .dof = 180, .n_bins = 3};
    s->muscles[0].rest_psd[1] = 1.1F;
    s->muscles[0].baseline = (struct emg_baseline){.mdf_hz = 88.25, .ln_insm5 = -0.1};
    emg_recorder_keep(room->recorder, s);
    struct emg_session *again = unfinished(room, true);
    json_t *before = emg_session_json(s), *after = emg_session_json(again);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    free(again);

    (void)snprintf(room->montage.muscles[0].name, EMG_NAME_SIZE,
                   "right.soleus"); /* of others it says nothing */
    again = unfinished(room, true);
    assert_string_equal(again->muscles[0].name, "right.soleus");
    assert_true(isnan(again->muscles[0].reference.uv));
    free(again);

    emg_session_clear(s);
    emg_recorder_keep(room->recorder, s);
    (void)unfinished(room, false);
}

static void a_damaged_session_is_none(void **state)
{
    struct room *room = *state;
    static const char *const texts[] = {
        "", "{", "[]", "{\"id\": 7}", "{\"id\": \"x\", \"muscles\": {}}", "\x00\xff"};
    char path[512];
    (void)snprintf(path, sizeof path, "%s/emgd-session.json", room->directory);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fputs(texts[i], file);
        assert_int_equal(fclose(file), 0);
        assert_null(emg_recorder_unfinished_session(&room->config, &room->montage));
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(emg_recorder_unfinished_session(&room->config, &room->montage));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
    const struct CMUnitTest tests[] = {
        TEST(blocks_of_any_size_come_back_to_the_bit),
        TEST(a_jump_is_padded_and_annotated_where_it_was),
        TEST(what_the_disk_does_not_take_in_time_is_a_gap_and_no_annotation_is_lost),
        TEST(annotations_that_wait_when_the_recording_ends_are_written),
        TEST(samples_are_in_the_microvolts_of_their_muscle),
        TEST(the_sidecar_tells_what_a_paper_asks_for),
        TEST(long_names_are_cut_and_stay_apart),
        TEST(a_decimated_recording_says_its_rate),
        TEST(a_decimated_recording_is_neither_late_nor_shifted_by_a_gap),
        TEST(a_rate_that_no_recording_can_have_is_refused_before_it_begins),
        TEST(each_change_is_told_once_and_in_order),
        TEST(a_file_that_was_never_begun_is_removed),
        TEST(destroying_closes_the_file_in_order),
        TEST(the_workers_functions_do_not_allocate),
        TEST(without_memory_it_is_an_error),
        TEST(no_path_leads_out_of_the_directory),
        TEST(files_are_the_owners_only_and_never_written_over),
        TEST(a_recording_without_a_name_is_named_by_the_time_and_the_participant),
        TEST(a_full_disk_ends_the_recording_and_keeps_what_was_written),
        TEST(an_error_of_the_disk_is_told_with_its_reason),
        TEST(a_directory_that_is_removed_ends_the_recording),
        TEST(a_file_that_is_replaced_ends_the_recording),
        TEST(a_gap_of_more_than_an_hour_ends_the_recording),
        TEST(after_a_kill_at_most_the_last_second_is_lost),
        TEST(recordings_that_were_not_closed_are_told),
        TEST(a_recording_in_progress_cannot_be_repaired),
        TEST(the_session_outlives_the_daemon_until_it_is_over),
        TEST(a_damaged_session_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
