/* What was recorded gives the same numbers again: an analysis with commands and gaps, recorded, then
 * replayed. */
#include "daemon/script.h"

#include "daemon/analysis.h"
#include "daemon/bdf.h"
#include "daemon/recorder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RATE_HZ = 2000, CHANNELS = 2, BLOCK = 37, MOST_LINES = 40000, LINE_SIZE = 1200, FIRST_FRAME = 3333 };

static struct emg_config config;
static struct emg_montage montage;
static struct emg_stream_info info;
static char directory[64];

/* Every message as text, without what a replay cannot know. */
struct story {
    struct emg_wire wire;
    char (*lines)[LINE_SIZE];
    size_t n;
    uint64_t from; /* frame */
    struct emg_recorder *recorder;
    bool recording;
    struct emg_analysis *analysis;
};

static void cut_field(char *line, const char *key)
{
    char *begin = strstr(line, key);
    if (begin == NULL)
        return;
    char *end = strpbrk(begin + 1, ",}");
    memmove(begin, end, strlen(end) + 1);
}

static void take(void *context, const struct emg_message *message, size_t n_bytes)
{
    (void)n_bytes;
    struct story *story = context;
    char topic[EMG_TOPIC_SIZE], body[EMG_BODY_SIZE], text[EMG_BDF_TEXT_MAX + 1];
    if (story->recording && emg_wire_annotation(&story->wire, message, text, sizeof text))
        emg_recorder_annotate(story->recorder, emg_analysis_next_frame(story->analysis), text);
    const bool is_told = message->topic == EMG_TOPIC_STATUS || message->topic == EMG_TOPIC_EVENT_DEVICE;
    if (message->frame < story->from || is_told)
        return;
    (void)emg_wire_topic(&story->wire, message, topic);
    (void)emg_wire_body(&story->wire, message, body);
    cut_field(body, ",\"seq\":");
    cut_field(body, ",\"t\":");
    assert_true(story->n < MOST_LINES);
    char *line = story->lines[story->n++];
    int used = snprintf(line, LINE_SIZE, "%s %.800s", topic, body);
    uint32_t sum = 2166136261U; /* of the array */
    for (uint32_t i = 0; i < message->n_array; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &message->array[i], sizeof bits);
        sum = (sum ^ bits) * 16777619U;
    }
    (void)snprintf(line + used, LINE_SIZE - (size_t)used, " %u %08x", message->n_array, sum);
}

static void story_begin(struct story *story, uint64_t from)
{
    memset(story, 0, sizeof *story);
    story->lines = calloc(MOST_LINES, sizeof story->lines[0]);
    story->from = from;
    assert_non_null(story->lines);
    assert_int_equal(emg_analysis_create(&story->analysis, &config, &info, &montage, take, story, NULL),
                     EMG_OK);
    emg_analysis_wire(story->analysis, &story->wire);
}

static void story_end(struct story *story)
{
    emg_analysis_destroy(story->analysis);
    free(story->lines);
}

/* EMG-like: noise, louder for 0.3 s in each 0.7 s after the rest; on the grid of 24 bits. */
static float sample(uint64_t frame, unsigned channel)
{
    uint64_t h = frame * 0x9e3779b97f4a7c15U + (channel + 1) * 0xbf58476d1ce4e5b9U;
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        h ^= h >> 31;
        h *= 0x94d049bb133111ebU;
        sum += (double)(h >> 40) / (1 << 24) - 0.5;
    }
    const double t = (double)frame / RATE_HZ;
    const double loud = t > 9 && fmod(t, 0.7) < 0.3 ? 60 : 1.2;
    const double step = emg_bdf_step_uv(info.channels[channel].full_scale_uv);
    return (float)(step * nearbyint(loud * sum / step));
}

static void feed(struct story *story, struct emg_block *block, uint64_t to, enum emg_gap_cause cause,
                 uint64_t lost)
{
    uint64_t frame = emg_analysis_next_frame(story->analysis) + lost;
    block->gap_cause = (uint16_t)cause;
    while (frame < to) {
        block->first_frame = frame;
        block->n_frames = (uint32_t)(to - frame < BLOCK ? to - frame : BLOCK);
        for (uint32_t i = 0; i < block->n_frames; i++)
            for (unsigned c = 0; c < CHANNELS; c++)
                block->samples[i * CHANNELS + c] = sample(frame + i, c);
        if (story->recording)
            emg_recorder_put(story->recorder, block, true);
        emg_analysis_execute(story->analysis, block);
        frame += block->n_frames;
        block->gap_cause = EMG_GAP_NONE;
    }
}

static void tell(struct story *story, const char *name, const char *arguments)
{
    const char(*names)[EMG_NAME_SIZE] = (const char(*)[EMG_NAME_SIZE])story->wire.muscles;
    struct emg_command command;
    struct emg_answer answer;
    char text[EMG_BDF_TEXT_MAX + 1];
    json_t *json = json_loads(arguments, 0, NULL);
    assert_int_equal(emg_command_read(&command, emg_command_find(name), json, names, CHANNELS, NULL), EMG_OK);
    json_decref(json);
    emg_analysis_command(story->analysis, &command, &answer);
    assert_true(answer.ok);
    const int used = snprintf(text, sizeof text, "%s ", name);
    assert_true(emg_command_write(&command, names, CHANNELS, text + used, sizeof text - (size_t)used));
    if (story->recording)
        emg_recorder_annotate(story->recorder, answer.frame, text);
}

static uint64_t at(double seconds)
{
    return (uint64_t)(seconds * RATE_HZ);
}

static void record(struct story *story, char path[EMG_PATH_SIZE])
{
    struct emg_block *block = calloc(1, sizeof *block + BLOCK * CHANNELS * sizeof block->samples[0]);
    struct emg_recorder_event event;
    const struct emg_command begin = {.kind = EMG_COMMAND_RECORD_START};
    struct emg_answer answer;
    assert_int_equal(emg_recorder_create(&story->recorder, &config, &info, &montage, NULL), EMG_OK);
    emg_analysis_set_start(story->analysis, 1795160520.25);

    /* what came before, and was established before, is no part of the file but of its sidecar */
    tell(story, "session.start", "{\"participant\": \"P07\", \"session\": \"s-P07\", \"t\": 1}");
    tell(story, "reference.set", "{\"muscle\": \"left.soleus\", \"uv\": 25.125}");
    feed(story, block, FIRST_FRAME, EMG_GAP_NONE, 0);
    assert_int_equal(emg_recorder_open(story->recorder, "story", "P07", path, NULL), EMG_OK);
    emg_analysis_command(story->analysis, &begin, &answer);
    emg_recorder_begin(story->recorder, answer.frame, answer.t, emg_analysis_session(story->analysis));
    story->recording = true;

    tell(story, "rest.start", "{\"seconds\": 5}");
    feed(story, block, at(8), EMG_GAP_NONE, 0);
    tell(story, "marker", "{\"label\": \"off he goes\"}");
    feed(story, block, at(12) + 1, EMG_GAP_NONE, 0);
    tell(story, "reference.start", "{\"muscles\": \"all\", \"seconds\": 9.7, \"method\": \"dynamic_peak\"}");
    feed(story, block, at(25), EMG_GAP_NONE, 0);
    tell(story, "stage", "{\"label\": \"easy\", \"speed_m_s\": 2.5}");
    tell(story, "baseline.start", "{\"seconds\": 20}");
    feed(story, block, at(50), EMG_GAP_NONE, 0);
    feed(story, block, at(60), EMG_GAP_DEVICE, 4321); /* a gap */
    tell(story, "rest.start", "{\"seconds\": 3}");    /* spoilt by a gap that outlasts it */
    feed(story, block, at(62), EMG_GAP_NONE, 0);
    tell(story, "marker", "{\"label\": \"at the edge of a gap\"}");
    feed(story, block, at(75), EMG_GAP_STALL, at(5));
    tell(story, "stage", "{\"label\": \"hard\"}");
    tell(story, "reference.start", "{\"muscles\": \"all\", \"seconds\": 30}"); /* cancelled */
    feed(story, block, at(80), EMG_GAP_NONE, 0);
    tell(story, "session.stop", "{}");
    feed(story, block, at(83) + 5, EMG_GAP_NONE, 0);
    emg_recorder_end(story->recorder);
    story->recording = false;
    assert_true(emg_recorder_wait_closed(story->recorder, 60, &event));
    assert_int_equal(event.change, EMG_RECORDER_STOPPED);
    assert_int_equal(event.frames, at(83) + 5 - FIRST_FRAME);
    assert_int_equal(event.gaps, 2);
    emg_recorder_destroy(story->recorder);
    free(block);
}

static void replay(struct story *story, const char *path, uint32_t longest)
{
    struct emg_recording *recording = NULL;
    struct emg_script *script = NULL;
    struct emg_problem problem;
    enum emg_error error = EMG_OK;
    struct emg_block *block = calloc(1, sizeof *block + longest * CHANNELS * sizeof block->samples[0]);
    assert_int_equal(emg_recording_open(&recording, path, 5000, NULL), EMG_OK);
    assert_int_equal(emg_script_create(&script, recording, path, &montage, &problem), EMG_OK);
    assert_non_null(script);
    assert_string_equal(problem.text, "");
    assert_int_equal(script->first_frame, FIRST_FRAME);
    emg_analysis_set_start(story->analysis, emg_recording_info(recording)->start_t);
    emg_analysis_follow(story->analysis, script);
    block->first_frame = script->first_frame;
    for (uint32_t k = 0; !block->last; k++) {
        block->first_frame += block->n_frames;
        block->n_frames =
            (uint32_t)emg_recording_read(recording, block->samples, 1 + k * 31 % longest, &error, NULL);
        if (block->n_frames == 0)
            break; /* the live one has not ended either */
        emg_analysis_execute(story->analysis, block);
    }
    emg_script_destroy(script);
    emg_recording_close(recording);
    free(block);
}

static void compare(const struct story *live, const struct story *again)
{
    for (size_t i = 0; i < live->n && i < again->n; i++)
        if (strcmp(live->lines[i], again->lines[i]) != 0)
            fail_msg("message %zu\n  live     %s\n  replayed %s", i, live->lines[i], again->lines[i]);
    if (live->n != again->n)
        fail_msg("%zu messages live, %zu replayed; the first one too many: %s", live->n, again->n,
                 live->n > again->n ? live->lines[again->n] : again->lines[live->n]);
}

static size_t count(const struct story *story, const char *topic, const char *text)
{
    size_t n = 0;
    for (size_t i = 0; i < story->n; i++)
        n += strncmp(story->lines[i], topic, strlen(topic)) == 0 && strstr(story->lines[i], text) != NULL;
    return n;
}

static void a_recording_gives_the_same_numbers_again(void **state)
{
    (void)state;
    struct story live, again;
    char path[EMG_PATH_SIZE];
    story_begin(&live, FIRST_FRAME);
    record(&live, path);
    /* it was worth comparing */
    assert_int_equal(count(&live, "event.rest", "\"accepted\":true"), 2);
    assert_int_equal(count(&live, "event.rest", "lost during it"), 2);
    assert_int_equal(count(&live, "event.reference", "\"accepted\":true"), 2);
    assert_int_equal(count(&live, "event.reference", "something else began"), 2);
    assert_int_equal(count(&live, "event.baseline", "\"accepted\":true"), 2);
    assert_int_equal(count(&live, "event.gap", ""), 2);
    assert_int_equal(count(&live, "event.stage", ""), 2);
    assert_int_equal(count(&live, "burst.left.soleus", "\"percent_reference\":null"), 0);
    assert_true(count(&live, "burst.left.soleus", "") > 80);
    assert_true(count(&live, "fatigue.left", "\"session\":\"s-P07\"") > 60);
    assert_true(live.n > 10000);
    for (uint32_t longest = 1; longest < 10000; longest = longest * 20 + 3) {
        story_begin(&again, FIRST_FRAME);
        replay(&again, path, longest);
        compare(&live, &again);
        story_end(&again);
    }
    story_end(&live);
    (void)unlink(path);
    memcpy(strrchr(path, '.'), ".json", 6);
    assert_int_equal(unlink(path), 0);
}

static void a_recording_of_others_has_no_script(void **state)
{
    (void)state;
    char path[EMG_PATH_SIZE];
    struct emg_recording *recording = NULL;
    struct emg_script *script = NULL;
    struct emg_bdf *bdf = NULL;
    struct emg_bdf_config bdf_config = {.rate_hz = RATE_HZ, .n_channels = 1};
    (void)snprintf(bdf_config.channels[0].label, sizeof bdf_config.channels[0].label, "EMG L SOL");
    bdf_config.channels[0].full_scale_uv = 5000;
    (void)snprintf(path, sizeof path, "%s/other.bdf", directory);
    FILE *file = fopen(path, "w+x");
    assert_int_equal(emg_bdf_create(&bdf, fileno(file), &bdf_config, NULL), EMG_OK);
    assert_int_equal(emg_bdf_add(bdf, NULL, RATE_HZ, NULL), EMG_OK);
    assert_true(emg_bdf_annotate(bdf, 10, 0, "stage 2 begins"));
    assert_int_equal(emg_bdf_close(bdf, NULL), EMG_OK);
    (void)fclose(file);
    assert_int_equal(emg_recording_open(&recording, path, 5000, NULL), EMG_OK);
    assert_int_equal(emg_script_create(&script, recording, path, &montage, NULL), EMG_OK);
    assert_null(script);
    emg_recording_close(recording);
    (void)unlink(path);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/emg-script-XXXXXX");
    assert_non_null(mkdtemp(directory));
    char setting[96];
    (void)snprintf(setting, sizeof setting, "recording.directory=%s", directory);
    const char *const settings[] = {setting};
    assert_int_equal(emg_config_load(&config, "/dev/null", settings, 1, NULL), EMG_OK);
    info = (struct emg_stream_info){.source = "test", .rate_hz = RATE_HZ, .n_channels = CHANNELS};
    montage = (struct emg_montage){.n_muscles = CHANNELS};
    for (unsigned c = 0; c < CHANNELS; c++) {
        static const char *const names[] = {"left.soleus", "left.gastrocnemius_medialis"};
        info.channels[c] = (struct emg_channel){.full_scale_uv = c == 0 ? 5000 : 3276.8, .usable = true};
        montage.muscles[c] = (struct emg_montage_muscle){
            .channel = c, .scale = 1, .full_scale_uv = info.channels[c].full_scale_uv, .reference_uv = NAN};
        (void)snprintf(montage.muscles[c].name, sizeof montage.muscles[c].name, "%s", names[c]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_recording_gives_the_same_numbers_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_recording_of_others_has_no_script, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
