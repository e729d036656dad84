#include "daemon/config.h"
#include "daemon/config_keys.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static const char example_path[] = EMG_SOURCE_DIR "/fixtures/emgd.conf.example";

/* What one load gave. */
struct loaded {
    struct emg_config config;
    struct emg_problem problem;
    enum emg_error error;
};

struct room {
    char directory[64], file[128];
    struct loaded now;
};

static int make_room(void **state)
{
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    (void)snprintf(room->directory, sizeof room->directory, "/tmp/emgd_test_config_XXXXXX");
    assert_non_null(mkdtemp(room->directory));
    (void)snprintf(room->file, sizeof room->file, "%s/a.conf", room->directory);
    *state = room;
    return 0;
}

static int clear_room(void **state)
{
    struct room *room = *state;
    (void)unlink(room->file);
    const int left = rmdir(room->directory);
    free(room);
    return left;
}

static void load(struct loaded *out, const char *path, const char *const *settings, size_t n_settings)
{
    memset(out, 0, sizeof *out);
    memset(&out->config, 0x5a, sizeof out->config);
    out->error = emg_config_load(&out->config, path, settings, n_settings, &out->problem);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static const struct emg_config *load_text(struct room *room, const char *text)
{
    write_file(room->file, text, strlen(text));
    load(&room->now, room->file, NULL, 0);
    if (room->now.error != EMG_OK)
        fail_msg("%s\n-> %s", text, room->now.problem.text);
    return &room->now.config;
}

static const struct emg_config *load_setting(struct room *room, const char *setting)
{
    load(&room->now, "/dev/null", &setting, 1);
    if (room->now.error != EMG_OK)
        fail_msg("%s -> %s", setting, room->now.problem.text);
    return &room->now.config;
}

static void expect_problem(const struct loaded *now, const char *input, enum emg_error error,
                           const char *said)
{
    if (now->error != error || strstr(now->problem.text, said) == NULL)
        fail_msg("%s\n-> error %d, \"%s\"; expected error %d, \"%s\"", input, (int)now->error,
                 now->problem.text, (int)error, said);
}

/* `at` is the line that the message must name, 0 for none. */
static void refuse_text(struct room *room, const char *text, enum emg_error error, int at, const char *said)
{
    char place[192];
    write_file(room->file, text, strlen(text));
    load(&room->now, room->file, NULL, 0);
    if (at > 0)
        (void)snprintf(place, sizeof place, "%s:%d: ", room->file, at);
    else
        (void)snprintf(place, sizeof place, "%s: ", room->file);
    expect_problem(&room->now, text, error, place);
    expect_problem(&room->now, text, error, said);
}

static void refuse_setting(struct room *room, const char *setting, enum emg_error error, const char *said)
{
    char place[192];
    load(&room->now, "/dev/null", &setting, 1);
    (void)snprintf(place, sizeof place, "--set %.100s", setting);
    for (char *c = place; *c != '\0'; c++)
        *c = *c == '\x7f' ? '?' : *c;
    expect_problem(&room->now, setting, error, place);
    expect_problem(&room->now, setting, error, said);
}

static char *print_config(const struct emg_config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    emg_config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect_round_trip(struct room *room, const struct emg_config *config)
{
    char *text = print_config(config);
    struct emg_config again;
    memcpy(&again, config, sizeof again); /* with its padding */
    (void)load_text(room, text);
    memset(again.file, 0, sizeof again.file);
    memset(room->now.config.file, 0, sizeof room->now.config.file);
    assert_memory_equal(&again, &room->now.config, sizeof again);
    free(text);
}

static void expect_defaults(const struct emg_config *c)
{
    assert_string_equal(c->source.spec, "soundio:alsa:CARD=EMG");
    assert_true(c->source.speed == 1 && c->source.rate_hz == 48000 && c->source.full_scale_uv == 5000);
    assert_true(c->source.highpass_hz == 0 && c->source.latency_ms == 10 && c->source.duration_s == 0);
    assert_int_equal(c->source.channels, 0);
    assert_int_equal(c->source.seed, 1);
    assert_int_equal(c->n_muscles, 0);
    assert_int_equal(c->n_footswitches, 0);
    assert_true(c->analysis.band_hz[0] == 20 && c->analysis.band_hz[1] == 450 && c->analysis.mains_hz == 50);
    assert_true(c->analysis.activation_hz == 50 && c->analysis.spectral_seconds == 10);
    assert_int_equal(c->analysis.mode, EMG_MODE_AUTO);
    assert_true(c->analysis.rms_ms == 50 && c->analysis.envelope_hz == 10);
    assert_true(c->analysis.amplitude_highpass_hz == 20);
    assert_string_equal(c->publish.data, "tcp://127.0.0.1:5556");
    assert_string_equal(c->publish.control, "tcp://127.0.0.1:5557");
    assert_int_equal(c->publish.hwm, 1000);
    assert_true(c->publish.wait_s == 2);
    assert_string_equal(c->security.mode, "none");
    assert_string_equal(c->security.secret_key_file, "");
    assert_string_equal(c->security.allowed_keys, "");
    assert_string_equal(c->recording.directory, ".");
    assert_false(c->recording.automatic);
}

static void an_empty_file_gives_the_documented_defaults(void **state)
{
    struct room *room = *state;
    const char *const texts[] = {"",   "\n",         "# nothing\n",          "/* nothing */",
                                 "//", "source { }", "\xef\xbb\xbf# mark\n", "source {\r\n}\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_defaults(load_text(room, texts[i]));
        assert_string_equal(room->now.config.file, room->file);
    }
}

static void reads_the_file_of_the_interface_page(void **state)
{
    struct room *room = *state;
    const struct emg_config *c = load_text(
        room,
        "source    { spec = \"soundio:alsa:CARD=EMG\"  rate_hz = 48000  full_scale_uv = 5000  highpass_hz = "
        "0 }\n"
        "muscle \"left.soleus\"                 { channel = 1 }\n"
        "muscle \"left.gastrocnemius_medialis\" { channel = 2  full_scale_uv = 4000.5  label = \"GM L\" }\n"
        "footswitch \"left\"                    { channel = 5  threshold = 0.25 }\n"
        "analysis  { band_hz = {20, 450}  mains_hz = 50  activation_hz = 50  spectral_seconds = 10  mode = "
        "\"auto\" }"
        "   # mains_hz 0: off\n"
        "publish   { data = \"tcp://127.0.0.1:5556\"  control = \"tcp://127.0.0.1:5557\"  hwm = 1000 }\n"
        "security  { mode = \"none\" }   # or \"curve\" { secret_key_file, allowed_keys }\n"
        "recording { directory = \".\"  automatic = false }\n");
    assert_int_equal(c->n_muscles, 2);
    assert_string_equal(c->muscles[0].name, "left.soleus");
    assert_int_equal(c->muscles[0].channel, 1);
    assert_string_equal(c->muscles[0].label, "");
    assert_true(c->muscles[0].full_scale_uv == 0);
    assert_string_equal(c->muscles[1].name, "left.gastrocnemius_medialis");
    assert_int_equal(c->muscles[1].channel, 2);
    assert_string_equal(c->muscles[1].label, "GM L");
    assert_true(c->muscles[1].full_scale_uv == 4000.5);
    assert_int_equal(c->n_footswitches, 1);
    assert_string_equal(c->footswitches[0].side, "left");
    assert_int_equal(c->footswitches[0].channel, 5);
    assert_true(c->footswitches[0].threshold == 0.25);
}

static void the_example_is_what_the_table_prints(void **state)
{
    struct room *room = *state;
    const char *const settings[] = {"muscle.\"left.soleus\".channel=1",
                                    "muscle.\"left.gastrocnemius_medialis\".channel=2",
                                    "muscle.\"left.gastrocnemius_medialis\".full_scale_uv=5000",
                                    "muscle.\"left.gastrocnemius_medialis\".label=GM L",
                                    "footswitch.\"left\".channel=5",
                                    "footswitch.\"left\".threshold=0.5"};
    char file_text[16384];
    FILE *file = fopen(example_path, "rb");
    assert_non_null(file);
    const size_t size = fread(file_text, 1, sizeof file_text - 1, file);
    file_text[size] = '\0';
    (void)fclose(file);

    load(&room->now, "/dev/null", settings, sizeof settings / sizeof settings[0]);
    assert_int_equal(room->now.error, EMG_OK);
    char *text = print_config(&room->now.config);
    assert_string_equal(text, file_text);
    free(text);

    load(&room->now, example_path, NULL, 0);
    assert_int_equal(room->now.error, EMG_OK);
    text = print_config(&room->now.config);
    assert_string_equal(text, file_text);
    free(text);
    assert_int_equal(room->now.config.n_muscles, 2);
    room->now.config.n_muscles = room->now.config.n_footswitches = 0;
    expect_defaults(&room->now.config);
}

static void settings_come_after_the_file_in_their_order(void **state)
{
    struct room *room = *state;
    const char *const settings[] = {"analysis.mains_hz=60",
                                    "source.speed=8",
                                    " source.speed = max ",
                                    "analysis.band_hz=30,400",
                                    "muscle.\"left.soleus\".channel=3",
                                    "muscle.right.soleus.channel=4",
                                    "muscle.\"right.soleus\".label=\"EMG R SOL\"",
                                    "footswitch.right.channel=7",
                                    "analysis.mode=gated",
                                    "source.spec=file:/a/b.c=d/x.bdf",
                                    "publish.data=ipc:///tmp/a b"};
    const char text[] = "analysis { mains_hz = 0 rms_ms = 100 } muscle left.soleus { channel = 1 label = L }";
    write_file(room->file, text, strlen(text));
    load(&room->now, room->file, settings, sizeof settings / sizeof settings[0]);
    assert_string_equal(room->now.problem.text, "");
    assert_int_equal(room->now.error, EMG_OK);
    const struct emg_config *c = &room->now.config;
    assert_true(c->analysis.mains_hz == 60 && c->analysis.rms_ms == 100 && c->source.speed == 0);
    assert_true(c->analysis.band_hz[0] == 30 && c->analysis.band_hz[1] == 400);
    assert_int_equal(c->n_muscles, 2);
    assert_int_equal(c->muscles[0].channel, 3);
    assert_string_equal(c->muscles[0].label, "L");
    assert_string_equal(c->muscles[1].name, "right.soleus");
    assert_int_equal(c->muscles[1].channel, 4);
    assert_string_equal(c->muscles[1].label, "EMG R SOL");
    assert_int_equal(c->n_footswitches, 1);
    assert_true(c->footswitches[0].channel == 7 && c->footswitches[0].threshold == 0.5);
    assert_int_equal(c->analysis.mode, EMG_MODE_GATED);
    assert_string_equal(c->source.spec, "file:/a/b.c=d/x.bdf");
    assert_string_equal(c->publish.data, "ipc:///tmp/a b");
}

static void numbers_may_be_written_in_every_decimal_way(void **state)
{
    struct room *room = *state;
    assert_true(load_text(room, "source { rate_hz = 2000 }")->source.rate_hz == 2000);
    assert_true(load_text(room, "source { rate_hz = 2000.5 }")->source.rate_hz == 2000.5);
    assert_true(load_text(room, "source { rate_hz = 2e3 }")->source.rate_hz == 2000);
    assert_true(load_text(room, "source { rate_hz = \"2e+3\" }")->source.rate_hz == 2000);
    assert_true(load_text(room, "source { rate_hz = 5000 rate_hz = 2000 }")->source.rate_hz == 2000);
    assert_int_equal(load_text(room, "source { channels = 010 }")->source.channels, 10);
    assert_int_equal(load_text(room, "source { seed = 9007199254740991 }")->source.seed, 9007199254740991);
    assert_true(load_text(room, "analysis { band_hz = {3.5, 500} }")->analysis.band_hz[0] == 3.5);
    assert_true(load_text(room, "analysis { band_hz += {30} band_hz += {400} }")->analysis.band_hz[1] == 400);
    assert_false(signbit(load_text(room, "source { highpass_hz = -0 }")->source.highpass_hz));
    assert_int_equal(load_text(room, "analysis { mode = static }")->analysis.mode, EMG_MODE_STATIC);
    assert_false(load_text(room, "recording { automatic = off }")->recording.automatic);
}

static void every_number_has_the_range_of_the_table(void **state)
{
    struct room *room = *state;
    static const struct {
        const char *key, *lowest, *highest, *below, *above;
    } rows[] = {
        {"source.speed", "0.001", "1000000", "0", "1000001"},
        {"source.rate_hz", "1000", "192000", "999.999", "192000.1"},
        {"source.channels", "0", "64", "-1", "65"},
        {"source.full_scale_uv", "1e-9", "1e7", "0", "10000001"},
        {"source.highpass_hz", "0", "100", "-0.1", "100.1"},
        {"source.latency_ms", "1", "200", "0.9", "201"},
        {"source.duration_s", "0", "864000", "-1", "864001"},
        {"source.seed", "0", "9007199254740991", "-1", "9007199254740992"},
        {"muscle.left.a.channel", "1", "64", "-1", "65"},
        {"footswitch.left.channel", "1", "64", "0", "65"},
        {"analysis.mains_hz", "45", "65", "44.9", "65.1"},
        {"analysis.activation_hz", "1", "200", "0", "200.5"},
        {"analysis.spectral_seconds", "1", "120", "0.5", "121"},
        {"analysis.rms_ms", "5", "1000", "4", "1001"},
        {"analysis.envelope_hz", "1", "50", "0.9", "51"},
        {"analysis.amplitude_highpass_hz", "5", "200", "4.9", "201"},
        {"publish.hwm", "1", "1000000", "0", "1000001"},
        {"publish.wait_s", "0", "3600", "-1", "3601"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const bad[] = {rows[i].below,
                                   rows[i].above,
                                   "nan",
                                   "inf",
                                   "-inf",
                                   "1e999",
                                   "0x10",
                                   "",
                                   "4x",
                                   "four",
                                   "1,5",
                                   "--5",
                                   "99999999999999999999"};
        char setting[128];
        (void)snprintf(setting, sizeof setting, "%s=%s", rows[i].key, rows[i].lowest);
        (void)load_setting(room, setting);
        (void)snprintf(setting, sizeof setting, "%s=%s", rows[i].key, rows[i].highest);
        (void)load_setting(room, setting);
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            (void)snprintf(setting, sizeof setting, "%s=%s", rows[i].key, bad[k]);
            refuse_setting(room, setting, EMG_ERROR_ARGUMENT, " to ");
        }
    }
    assert_true(load_setting(room, "analysis.mains_hz=0")->analysis.mains_hz == 0);
    refuse_setting(room, "source.channels=2.0", EMG_ERROR_ARGUMENT, "is not a whole number");
    assert_true(load_setting(room, "analysis.band_hz={1,5000}")->analysis.band_hz[1] == 5000);
    refuse_setting(room, "analysis.band_hz=0.5,450", EMG_ERROR_ARGUMENT, "1 to 5000 Hz");
    refuse_setting(room, "analysis.band_hz=20,5001", EMG_ERROR_ARGUMENT, "1 to 5000 Hz");
    refuse_setting(room, "analysis.band_hz=20,nan", EMG_ERROR_ARGUMENT, "is not a number");
    refuse_setting(room, "analysis.band_hz=20", EMG_ERROR_ARGUMENT, "is not two numbers");
    refuse_setting(room, "analysis.band_hz={20,450", EMG_ERROR_ARGUMENT, "is not two numbers");
    refuse_setting(room, "analysis.band_hz=20,450,500", EMG_ERROR_ARGUMENT, "is not two numbers");
    refuse_setting(room, "muscle.left.a.full_scale_uv=1e8", EMG_ERROR_ARGUMENT, "0 to 10000000 uV");
    refuse_setting(room, "footswitch.left.threshold=1.01", EMG_ERROR_ARGUMENT, "0 to 1");
    refuse_setting(room, "recording.automatic=2", EMG_ERROR_ARGUMENT, "true or false");
    refuse_setting(room, "analysis.mode=fast", EMG_ERROR_ARGUMENT, "\"auto\", \"static\", \"gated\"");
    refuse_setting(room, "security.mode=plain", EMG_ERROR_ARGUMENT, "\"none\", \"curve\"");
}

/* Every text of the table, at the longest that its member holds and one byte longer. */
static void a_text_too_long_is_refused_and_never_cut(void **state)
{
    struct room *room = *state;
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        for (size_t k = 0; k < section->n_keys; k++) {
            const struct emg_config_key *key = &section->keys[k];
            if (key->type != EMG_CONFIG_TEXT || key->choices != NULL || strcmp(section->name, "publish") == 0)
                continue;
            char setting[EMG_PATH_SIZE + 128], path[EMG_CONFIG_PATH_SIZE];
            emg_config_key_path(section, section->titled ? "left.a" : NULL, key->name, path);
            const int n = snprintf(setting, sizeof setting, "%s=", path);
            memset(setting + n, 'x', key->size);
            setting[(size_t)n + key->size - 1] = '\0';
            const char *item =
                (const char *)load_setting(room, setting) + emg_config_section_offset(section, 0);
            assert_string_equal(item + key->offset, setting + n);
            setting[(size_t)n + key->size - 1] = 'x';
            setting[(size_t)n + key->size] = '\0';
            refuse_setting(room, setting, EMG_ERROR_ARGUMENT, "is too long");
        }
    }
    refuse_setting(room, "footswitch.right_________.channel=1", EMG_ERROR_ARGUMENT, "is not a side");
    refuse_setting(room, "source.spec=", EMG_ERROR_ARGUMENT, "must not be empty");
    refuse_setting(room, "recording.directory=", EMG_ERROR_ARGUMENT, "must not be empty");
    refuse_setting(room, "source.spec=file:\x7f.bdf", EMG_ERROR_ARGUMENT, "control character");
    refuse_setting(room, "source.spec=file:\xff.bdf", EMG_ERROR_ARGUMENT, "UTF-8");
    refuse_text(room, "source {\n spec = \"a\\x01b\" }", EMG_ERROR_ARGUMENT, 2, "control character");
}

static void each_mistake_in_a_file_is_named_with_its_line(void **state)
{
    struct room *room = *state;
    static const struct {
        const char *text;
        enum emg_error error;
        int line;
        const char *said;
    } rows[] = {
        {"sorce { }", EMG_ERROR_FORMAT, 1, "unknown section \"sorce\"; did you mean source?"},
        {"\nanalysis {\n mains = 50 }", EMG_ERROR_FORMAT, 3,
         "unknown key \"mains\" in analysis; did you mean mains_hz?"},
        {"rate_hz = 48000", EMG_ERROR_FORMAT, 1, "did you mean source.rate_hz?"},
        {"analysis {\nlatency_ms = 5 }", EMG_ERROR_FORMAT, 2, "did you mean source.latency_ms?"},
        {"muscle left.a { chanel = 1 }", EMG_ERROR_FORMAT, 1,
         "unknown key \"chanel\" in muscle; did you mean channel?"},
        {"nonsense_here = 1", EMG_ERROR_FORMAT, 1, "unknown section \"nonsense_here\""},
        {"\"source|rate_hz\" = 4000", EMG_ERROR_FORMAT, 1, "rate_hz"},
        {"\"muscle=left.a|channel\" = 4", EMG_ERROR_FORMAT, 1, "muscle"},
        {"\"\" = 4", EMG_ERROR_FORMAT, 1, ""},
        {"\nsource {\n \"\" = 4 }", EMG_ERROR_FORMAT, 2, ""},
        {"source = 4", EMG_ERROR_FORMAT, 1, "source"},
        {"source { rate_hz }", EMG_ERROR_FORMAT, 1, "rate_hz"},
        {"source { rate_hz = }", EMG_ERROR_FORMAT, 1, ""},
        {"source { rate_hz = 4000 5 }", EMG_ERROR_FORMAT, 1, "5"},
        {"source { rate_hz += 4000 }", EMG_ERROR_FORMAT, 1, "rate_hz"},
        {"muscle { channel = 1 }", EMG_ERROR_FORMAT, 1, "muscle"},
        {"source \"a\" { }", EMG_ERROR_FORMAT, 1, "source"},
        {"source { } }", EMG_ERROR_FORMAT, 1, "brace"},
        {"\nsource {\n rate_hz = 48000\n\n", EMG_ERROR_FORMAT, 2, "the brace opened here is never closed"},
        {"\nsource { }\n\"and", EMG_ERROR_FORMAT, 3, "the quote opened here is never closed"},
        {"source {\n spec = 'file:a\n }\n", EMG_ERROR_FORMAT, 2, "the quote opened here is never closed"},
        {"source { }\n/* and", EMG_ERROR_FORMAT, 2, "this comment never ends"},
        {"source {\n\n rate_hz = 999\n}", EMG_ERROR_ARGUMENT, 3,
         "source.rate_hz: \"999\" is out of range: 1000 to 192000 Hz"},
        {"source { rate_hz = nan }", EMG_ERROR_ARGUMENT, 1, "source.rate_hz: \"nan\" is not a number"},
        {"source { channels = 2.5 }", EMG_ERROR_ARGUMENT, 1,
         "source.channels: \"2.5\" is not a whole number"},
        {"analysis {\n band_hz = {20}\n}", EMG_ERROR_ARGUMENT, 2, "analysis.band_hz must be two numbers"},
        {"analysis {\n band_hz = 20\n}", EMG_ERROR_ARGUMENT, 2, "analysis.band_hz must be two numbers"},
        {"analysis { band_hz = {} }", EMG_ERROR_ARGUMENT, 0, "analysis.band_hz must be two numbers"},
        {"analysis { band_hz = {20, 30,\n40} }", EMG_ERROR_ARGUMENT, 2,
         "analysis.band_hz: \"40\" is one number too many"},
        {"analysis {\n band_hz = {450, 20} }", EMG_ERROR_ARGUMENT, 2,
         "analysis.band_hz: {450, 20} must rise"},
        {"analysis {\n band_hz = {50, 50} }", EMG_ERROR_ARGUMENT, 2, "must rise"},
        {"analysis {\n\n band_hz = {5, 20} }", EMG_ERROR_ARGUMENT, 3,
         "analysis.amplitude_highpass_hz: 20 must be below"},
        {"analysis { band_hz = {5, 90}\n amplitude_highpass_hz = 100\n }", EMG_ERROR_ARGUMENT, 2,
         "analysis.amplitude_highpass_hz: 100"},
        {"\nmuscle \"soleus\"\n{\n channel = 1 }", EMG_ERROR_ARGUMENT, 3,
         "muscle \"soleus\" is not a muscle's name"},
        {"muscle \"left.Soleus\" { }", EMG_ERROR_ARGUMENT, 1, "\"left.Soleus\""},
        {"muscle \"left.\" { channel = 1 }", EMG_ERROR_ARGUMENT, 1, "\"left.\""},
        {"\nmuscle \"left.a\" { }", EMG_ERROR_ARGUMENT, 2,
         "muscle \"left.a\" has neither a channel nor a label"},
        {"muscle left.a { channel = 1 }\nmuscle left.a { channel = 2 }", EMG_ERROR_ARGUMENT, 2,
         "\"left.a\" is configured twice"},
        {"muscle left.a { channel = 1 }\nmuscle right.b {\n channel = 1 }", EMG_ERROR_ARGUMENT, 3,
         "muscle \"right.b\": channel 1 is taken by muscle \"left.a\""},
        {"footswitch \"front\" { channel = 1 }", EMG_ERROR_ARGUMENT, 1, "footswitch \"front\" is not a side"},
        {"\n\nfootswitch left { }", EMG_ERROR_ARGUMENT, 3, "footswitch \"left\" has no channel"},
        {"footswitch left { channel = 2 }\nmuscle left.b { channel = 2 }", EMG_ERROR_ARGUMENT, 1,
         "footswitch \"left\": channel 2 is taken by muscle \"left.b\""},
        {"footswitch left { channel = 2 }\nfootswitch right { channel = 2 }", EMG_ERROR_ARGUMENT, 2,
         "footswitch \"right\": channel 2 is taken by footswitch \"left\""},
        {"security {\n mode = \"curve\" }", EMG_ERROR_ARGUMENT, 2,
         "security.secret_key_file: security.mode \"curve\" needs"},
        {"security { secret_key_file = \"/k\"\n\n mode = \"curve\" }", EMG_ERROR_ARGUMENT, 3,
         "security.allowed_keys: security.mode \"curve\" needs"},
        {"recording {\n\n rate_hz = 100 }", EMG_ERROR_ARGUMENT, 3, "1000 to 192000"},
        {"publish {\n data = \"tcp://*:5556\" }", EMG_ERROR_ARGUMENT, 2,
         "publish.data: \"tcp://*:5556\" is open to other machines"},
        {"publish { data = ipc:///tmp/a\n control = \"ipc:///tmp/a\" }", EMG_ERROR_ARGUMENT, 2,
         "publish.data and publish.control are both"},
        {"publish {\n data = \"tcp://127.0.0.1:5557\" }", EMG_ERROR_ARGUMENT, 2,
         "publish.data and publish.control are both"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse_text(room, rows[i].text, rows[i].error, rows[i].line, rows[i].said);
}

static void comments_do_not_shift_the_line(void **state)
{
    struct room *room = *state;
    refuse_text(room,
                "# one\n// two { \"\n/* three\n four ' */ source { # five\n spec = \"#x // y /* z\\\" "
                "${HOME}\" // six\n"
                " spec = 'it\\'s # seven' /**/ rate_hz = tcp://8\n}\n",
                EMG_ERROR_ARGUMENT, 6, "\"tcp://8\" is not a number");
    const struct emg_config *c =
        load_text(room, "source { spec = file:/a//b # c\n }\npublish { data = \"ipc://#a//b/*c\" /* } */ }");
    assert_string_equal(c->source.spec, "file:/a//b");
    assert_string_equal(c->publish.data, "ipc://#a//b/*c");
}

static void each_mistake_in_a_setting_is_named_with_the_setting(void **state)
{
    struct room *room = *state;
    refuse_setting(room, "analysis.mains=50", EMG_ERROR_FORMAT, "did you mean mains_hz?");
    refuse_setting(room, "analisys.mains_hz=50", EMG_ERROR_FORMAT, "did you mean analysis?");
    refuse_setting(room, "mains_hz=50", EMG_ERROR_FORMAT, "section.key=value");
    refuse_setting(room, "analysis.mains_hz", EMG_ERROR_FORMAT, "section.key=value");
    refuse_setting(room, "", EMG_ERROR_FORMAT, "section.key=value");
    refuse_setting(room, "=", EMG_ERROR_FORMAT, "section.key=value");
    refuse_setting(room, ".=", EMG_ERROR_FORMAT, "unknown section");
    refuse_setting(room, "analysis.x.mains_hz=50", EMG_ERROR_FORMAT, "analysis.KEY=VALUE");
    refuse_setting(room, "muscle.channel=1", EMG_ERROR_FORMAT, "muscle.\"NAME\".KEY=VALUE");
    refuse_setting(room, "muscle.\"soleus\".channel=1", EMG_ERROR_ARGUMENT,
                   "\"soleus\" is not a muscle's name");
    refuse_setting(room, "muscle.\"left.a\".chan=1", EMG_ERROR_FORMAT, "did you mean channel?");
    refuse_setting(room, "muscle.\"left.a\".full_scale_uv=1", EMG_ERROR_ARGUMENT,
                   "neither a channel nor a label");
    refuse_setting(room, "security.mode=curve", EMG_ERROR_ARGUMENT, "security.secret_key_file");
    refuse_setting(room, "recording.rate_hz=999", EMG_ERROR_ARGUMENT, "recording.rate_hz");
    refuse_setting(room, "publish.control=tcp://127.0.0.1:5556", EMG_ERROR_ARGUMENT, "both");

    /* the later of two is to blame, wherever it stands */
    const char *const settings[] = {"muscle.left.b.channel=1"};
    write_file(room->file, "muscle left.a { channel = 1 }", 29);
    load(&room->now, room->file, settings, 1);
    expect_problem(&room->now, settings[0], EMG_ERROR_ARGUMENT,
                   "--set muscle.left.b.channel=1: muscle \"left.b\"");
    assert_int_equal(emg_config_load(&room->now.config, room->file, settings, 1, NULL), EMG_ERROR_ARGUMENT);
}

/* Loads with curve, its files and one setting more. */
static void load_with_curve(struct room *room, const char *setting)
{
    const char *const settings[] = {"security.mode=curve", "security.secret_key_file=/k",
                                    "security.allowed_keys=/l", setting};
    load(&room->now, "/dev/null", settings, 4);
}

static void only_endpoints_of_this_machine_are_accepted_without_curve(void **state)
{
    struct room *room = *state;
    static const char *const good[] = {"tcp://127.0.0.1:1",  "tcp://127.255.3.9:65535",  "tcp://localhost:80",
                                       "tcp://[::1]:5556",   "ipc:///run/emgd/data.ipc", "ipc://relative",
                                       "ipc://@in-the-dark", "tcp://127.0.0.1:05556"};
    static const char *const open_to_others[] = {
        "tcp://0.0.0.0:5556",
        "tcp://*:5556",
        "tcp://192.168.0.5:5556",
        "tcp://eth0:5556",
        "tcp://[::]:5556",
        "tcp://[::2]:5556",
        "tcp://127.0.0.1.evil.com:80",
        "tcp://128.0.0.1:5556",
        "tcp://localhost.evil:80",
        "tcp://127.1:5556",
        "tcp://eth0;127.0.0.1:5556",
        "tcp://::1:5556",
        "tcp://127.0.0.1 :5556",
        "tcp://1270.0.0.1:5556",
        "tcp://126.255.255.255:80",
        "tcp://10.0.0.1;127.0.0.1:80",
    };
    static const char *const malformed[] = {
        "",
        "tcp://",
        "tcp://:5556",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:*",
        "tcp://127.0.0.1:-1",
        "127.0.0.1:5556",
        "udp://127.0.0.1:5556",
        "inproc://a",
        "ipc://",
        "TCP://127.0.0.1:5556",
        "tcp://127.0.0.1:5556x",
        "tcp:5556",
    };
    char setting[512];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(setting, sizeof setting, "publish.data=%s", good[i]);
        assert_string_equal(load_setting(room, setting)->publish.data, good[i]);
        (void)snprintf(setting, sizeof setting, "publish.control=%s", good[i]);
        assert_string_equal(load_setting(room, setting)->publish.control, good[i]);
        load_with_curve(room, setting);
        assert_string_equal(room->now.problem.text, "");
    }
    for (size_t i = 0; i < sizeof open_to_others / sizeof open_to_others[0]; i++) {
        (void)snprintf(setting, sizeof setting, "publish.control=%s", open_to_others[i]);
        refuse_setting(room, setting, EMG_ERROR_ARGUMENT, "open to other machines");
        refuse_setting(room, setting, EMG_ERROR_ARGUMENT, "publish.control");
        refuse_setting(room, setting, EMG_ERROR_ARGUMENT, "use security.mode \"curve\"");
        load_with_curve(room, setting);
        assert_string_equal(room->now.problem.text, "");
        assert_string_equal(room->now.config.publish.control, open_to_others[i]);
    }
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        (void)snprintf(setting, sizeof setting, "publish.data=%s", malformed[i]);
        refuse_setting(room, setting, EMG_ERROR_ARGUMENT, "publish.data");
        load_with_curve(room, setting);
        expect_problem(&room->now, setting, EMG_ERROR_ARGUMENT, "publish.data");
    }
    char path[109];
    memset(path, 'p', sizeof path - 1);
    path[108] = '\0';
    (void)snprintf(setting, sizeof setting, "publish.data=ipc://%s", path);
    refuse_setting(room, setting, EMG_ERROR_ARGUMENT, "107");
    path[107] = '\0';
    (void)snprintf(setting, sizeof setting, "publish.data=ipc://%s", path);
    (void)load_setting(room, setting);
}

static void a_file_that_is_none_is_refused(void **state)
{
    struct room *room = *state;
    load(&room->now, room->file, NULL, 0);
    expect_problem(&room->now, "missing", EMG_ERROR_NOT_FOUND, room->file);
    load(&room->now, "", NULL, 0);
    assert_int_equal(room->now.error, EMG_ERROR_NOT_FOUND);
    load(&room->now, room->directory, NULL, 0);
    expect_problem(&room->now, "directory", EMG_ERROR_IO, "is a directory");

    char *big = malloc(10000000);
    assert_non_null(big);
    memset(big, '#', 10000000);
    write_file(room->file, big, 10000000);
    load(&room->now, room->file, NULL, 0);
    expect_problem(&room->now, "10 MB", EMG_ERROR_FORMAT, "too large");
    write_file(room->file, big, 1 << 20);
    load(&room->now, room->file, NULL, 0);
    assert_int_equal(room->now.error, EMG_OK);
    memset(big, '{', 1 << 20);
    write_file(room->file, big, 1 << 20);
    load(&room->now, room->file, NULL, 0);
    assert_int_equal(room->now.error, EMG_ERROR_FORMAT);
    memset(big, 'a', 1 << 20);
    write_file(room->file, big, 1 << 20);
    load(&room->now, room->file, NULL, 0);
    expect_problem(&room->now, "a long word", EMG_ERROR_FORMAT, "unknown section \"aaaa");
    free(big);

    write_file(room->file, "source { }\n\nmus\0cle", 19);
    load(&room->now, room->file, NULL, 0);
    expect_problem(&room->now, "NUL", EMG_ERROR_FORMAT, ":3: is not text");

    char deep[EMG_PATH_SIZE + 8];
    memset(deep, '/', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    load(&room->now, deep, NULL, 0);
    expect_problem(&room->now, "a long path", EMG_ERROR_ARGUMENT, "too long");

    write_file(room->file, "", 0);
    if (geteuid() != 0) {
        assert_int_equal(chmod(room->file, 0), 0);
        load(&room->now, room->file, NULL, 0);
        expect_problem(&room->now, "unreadable", EMG_ERROR_IO, room->file);
    }
}

static void a_long_path_leaves_room_for_the_message(void **state)
{
    struct room *room = *state;
    char path[EMG_PATH_SIZE];
    memset(path, '/', sizeof path);
    memcpy(path + 900, room->file, strlen(room->file) + 1);
    write_file(room->file, "source { rate_hz = 1 }", 22);
    load(&room->now, path, NULL, 0);
    expect_problem(&room->now, path, EMG_ERROR_ARGUMENT, "a.conf:1: source.rate_hz: \"1\" is out of range");
    assert_string_equal(room->now.config.file, path);
}

static void the_first_file_of_the_search_order_is_read(void **state)
{
    struct room *room = *state;
    char xdg[128], home[128], xdg_file[256], home_file[256];
    const char *old_home = getenv("HOME"), *old_base = getenv("XDG_CONFIG_HOME");
    char *kept_home = old_home != NULL ? strdup(old_home) : NULL,
         *kept_base = old_base != NULL ? strdup(old_base) : NULL;
    (void)snprintf(xdg, sizeof xdg, "%s/emgd", room->directory);
    (void)snprintf(home, sizeof home, "%s/.config", room->directory);
    assert_int_equal(mkdir(xdg, 0700) | mkdir(home, 0700), 0);
    (void)snprintf(xdg_file, sizeof xdg_file, "%s/emgd.conf", xdg);
    (void)snprintf(home_file, sizeof home_file, "%s/emgd", home);
    assert_int_equal(mkdir(home_file, 0700), 0);
    (void)snprintf(home_file, sizeof home_file, "%s/emgd/emgd.conf", home);
    write_file(xdg_file, "source { seed = 11 }", 20);
    write_file(home_file, "source { seed = 12 }", 20);
    write_file(room->file, "source { seed = 13 }", 20);

    assert_int_equal(setenv("HOME", room->directory, 1) | setenv("XDG_CONFIG_HOME", room->directory, 1), 0);
    load(&room->now, NULL, NULL, 0);
    assert_int_equal(room->now.config.source.seed, 11);
    assert_string_equal(room->now.config.file, xdg_file);
    load(&room->now, room->file, NULL, 0);
    assert_int_equal(room->now.config.source.seed, 13);

    assert_int_equal(setenv("XDG_CONFIG_HOME", "", 1), 0);
    load(&room->now, NULL, NULL, 0);
    assert_int_equal(room->now.config.source.seed, 12);
    assert_int_equal(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
    load(&room->now, NULL, NULL, 0);
    assert_int_equal(room->now.config.source.seed, 12);
    assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
    load(&room->now, NULL, NULL, 0);
    assert_string_equal(room->now.config.file, home_file);

    write_file(home_file, "source { seed = x }", 19);
    load(&room->now, NULL, NULL, 0);
    expect_problem(&room->now, "found", EMG_ERROR_ARGUMENT, "emgd.conf:1: source.seed");

    (void)unlink(home_file);
    (void)unlink(xdg_file);
    if (access("/etc/emgd/emgd.conf", F_OK) != 0) {
        load(&room->now, NULL, NULL, 0);
        assert_int_equal(room->now.error, EMG_OK);
        assert_string_equal(room->now.config.file, "");
        assert_string_equal(room->now.problem.text, "");
        expect_defaults(&room->now.config);
        assert_int_equal(unsetenv("HOME"), 0);
        load(&room->now, NULL, NULL, 0);
        assert_int_equal(room->now.error, EMG_OK);
    }
    (void)rmdir(xdg);
    home_file[strlen(home_file) - strlen("/emgd.conf")] = '\0';
    (void)rmdir(home_file);
    (void)rmdir(home);
    (void)(kept_home != NULL ? setenv("HOME", kept_home, 1) : unsetenv("HOME"));
    (void)(kept_base != NULL ? setenv("XDG_CONFIG_HOME", kept_base, 1) : unsetenv("XDG_CONFIG_HOME"));
    free(kept_home);
    free(kept_base);
}

static const char *const far_from_default[] = {
    "source.spec=file:/a \"b\" \\c ${HOME} $x 'd' # // /* \xc3\xa4.bdf",
    "source.speed=max",
    "source.rate_hz=2004.5454545454545",
    "source.channels=8",
    "source.full_scale_uv=0.1",
    "source.highpass_hz=12",
    "source.latency_ms=33.333333333333336",
    "source.duration_s=1e-3",
    "source.seed=9007199254740991",
    "muscle.right.tibialis_anterior.label=EMG R TA",
    "muscle.left.a.channel=64",
    "muscle.left.a.full_scale_uv=1e7",
    "muscle.left.a.label=\\",
    "footswitch.right.channel=2",
    "footswitch.left.channel=1",
    "footswitch.left.threshold=0.333333333333333314829616256247390992939472198486328125",
    "analysis.band_hz=1.1,4999.9",
    "analysis.mains_hz=0",
    "analysis.activation_hz=199.9",
    "analysis.spectral_seconds=7",
    "analysis.mode=static",
    "analysis.rms_ms=123.456",
    "analysis.envelope_hz=6",
    "analysis.amplitude_highpass_hz=35",
    "publish.data=ipc://@x",
    "publish.control=tcp://[::1]:9",
    "publish.hwm=1000000",
    "publish.wait_s=0",
    "security.secret_key_file=/k",
    "security.allowed_keys=/l",
    "recording.directory=/r"};
enum { N_FAR = sizeof far_from_default / sizeof far_from_default[0] };

static void what_is_printed_reads_back_the_same_bit_for_bit(void **state)
{
    struct room *room = *state;
    load(&room->now, "/dev/null", NULL, 0);
    expect_round_trip(room, &room->now.config);
    load(&room->now, "/dev/null", far_from_default, N_FAR);
    assert_string_equal(room->now.problem.text, "");
    assert_int_equal(room->now.config.n_muscles, 2);
    assert_int_equal(room->now.config.n_footswitches, 2);
    assert_string_equal(room->now.config.source.spec,
                        "file:/a \"b\" \\c ${HOME} $x 'd' # // /* \xc3\xa4.bdf");
    expect_round_trip(room, &room->now.config);
}

static void json_has_every_key_under_its_section(void **state)
{
    struct room *room = *state;
    static char text[65536];
    load(&room->now, "/dev/null", far_from_default, N_FAR);
    const struct emg_config *c = &room->now.config;
    assert_true(emg_config_json(c, text, sizeof text));
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    const char *spec, *speed, *mode;
    double rate_hz, low, high, threshold, full_scale_uv;
    json_int_t seed;
    int channel, automatic;
    assert_int_equal(
        json_unpack(json, "{s:{s:s,s:s,s:F,s:I}, s:{s:[FF],s:s}, s:{s:{s:i,s:F}}, s:{s:{s:F}}, s:{s:b}}",
                    "source", "spec", &spec, "speed", &speed, "rate_hz", &rate_hz, "seed", &seed, "analysis",
                    "band_hz", &low, &high, "mode", &mode, "muscle", "left.a", "channel", &channel,
                    "full_scale_uv", &full_scale_uv, "footswitch", "left", "threshold", &threshold,
                    "recording", "automatic", &automatic),
        0);
    assert_string_equal(spec, c->source.spec);
    assert_string_equal(speed, "max");
    assert_string_equal(mode, "static");
    assert_true(rate_hz > 2004.54545 && rate_hz < 2004.54546 && low == 1.1 && high == 4999.9);
    assert_true(seed == 9007199254740991 && channel == 64 && full_scale_uv == 1e7 && automatic == 0);
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        const json_t *object = json_object_get(json, section->name);
        assert_int_equal(json_object_size(object), section->titled ? 2 : section->n_keys);
        for (size_t k = 0; k < section->n_keys && !section->titled; k++)
            assert_non_null(json_object_get(object, section->keys[k].name));
    }
    assert_int_equal(json_object_size(json), EMG_CONFIG_N_SECTIONS);
    json_decref(json);

    const size_t length = strlen(text);
    assert_null(strchr(text, '\n'));
    char *exact = malloc(length + 1);
    assert_non_null(exact);
    assert_true(emg_config_json(c, exact, length + 1));
    assert_string_equal(exact, text);
    assert_false(emg_config_json(c, exact, length));
    assert_false(emg_config_json(c, exact, 1));
    assert_false(emg_config_json(c, exact, 0));
    free(exact);
    assert_true(emg_config_json(load_setting(room, "source.speed=2.5"), text, sizeof text));
    assert_non_null(strstr(text, "\"speed\":2.5,"));
}

static void help_has_one_line_for_each_key(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0, n_keys = 0, n_lines = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    emg_config_print_help(out);
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        for (size_t k = 0; k < emg_config_sections[i].n_keys; k++, n_keys++) {
            char path[EMG_CONFIG_PATH_SIZE];
            emg_config_key_path(&emg_config_sections[i], emg_config_sections[i].titled ? "NAME" : NULL,
                                emg_config_sections[i].keys[k].name, path);
            assert_non_null(strstr(text, path));
            assert_non_null(strstr(text, emg_config_sections[i].keys[k].help));
        }
    }
    for (const char *c = text; *c != '\0'; c++)
        n_lines += *c == '\n';
    assert_int_equal(n_lines, n_keys);
    assert_non_null(strstr(text, "(1000 to 192000 Hz, default 48000)"));
    assert_non_null(strstr(text, "(0 or 45 to 65 Hz, default 50)"));
    free(text);
}

static void as_many_muscles_as_channels_fit(void **state)
{
    struct room *room = *state;
    char text[8192] = "";
    size_t used = 0;
    for (int i = 1; i <= EMG_MAX_CHANNELS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "muscle \"right.m_%d\" { channel = %d }\n",
                                 i, i);
    assert_int_equal(load_text(room, text)->n_muscles, EMG_MAX_CHANNELS);
    expect_round_trip(room, &room->now.config);
    (void)snprintf(text + used, sizeof text - used, "muscle \"right.one_more\" { label = x }\n");
    refuse_text(room, text, EMG_ERROR_ARGUMENT, EMG_MAX_CHANNELS + 1, "\"right.one_more\" is one too many");
    assert_int_equal(room->now.config.n_muscles, EMG_MAX_CHANNELS);
}

static void knows_a_muscles_name(void **state)
{
    (void)state;
    static const char *const good[] = {"left.soleus", "right.gastrocnemius_medialis", "left.channel_1",
                                       "left._", "right.0"};
    static const char *const bad[] = {"",
                                      "left",
                                      "left.",
                                      ".soleus",
                                      "soleus",
                                      "Left.soleus",
                                      "left.Soleus",
                                      "left.so leus",
                                      "left.soleus.",
                                      "middle.soleus",
                                      "left.s\xc3\xb6l",
                                      "left.a-b",
                                      " left.soleus",
                                      "right.soleus\n"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(emg_config_is_muscle_name(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(emg_config_is_muscle_name(bad[i]));
    char name[EMG_NAME_SIZE + 1] = "left.";
    memset(name + 5, 'a', EMG_NAME_SIZE - 5);
    assert_false(emg_config_is_muscle_name(name));
    name[EMG_NAME_SIZE - 1] = '\0';
    assert_true(emg_config_is_muscle_name(name));
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Whatever stands in the file: a message in one line, or a configuration that survives the round trip. */
static void damaged_files_give_a_message_or_a_configuration(void **state)
{
    struct room *room = *state;
    static const char spice[] = "{}\"'\\#/*=+,$|.\n\r\t 09aeN-";
    char example[16384], text[sizeof example];
    FILE *file = fopen(example_path, "rb");
    assert_non_null(file);
    const size_t size = fread(example, 1, sizeof example, file);
    (void)fclose(file);
    assert_true(size > 1000 && size < sizeof example);
    uint32_t random = 2024;
    size_t n_good = 0;
    for (int i = 0; i < 2000; i++) {
        memcpy(text, example, size);
        const uint32_t n_changes = 1 + next_random(&random) % 4;
        for (uint32_t k = 0; k < n_changes; k++) {
            const size_t at = next_random(&random) % size;
            const bool any = next_random(&random) % 2 != 0;
            text[at] = any ? (char)next_random(&random) : spice[next_random(&random) % (sizeof spice - 1)];
        }
        const size_t length = next_random(&random) % 8 == 0 ? next_random(&random) % size : size;
        write_file(room->file, text, length);
        load(&room->now, room->file, NULL, 0);
        if (room->now.error != EMG_OK) {
            assert_true(strncmp(room->now.problem.text, room->file, strlen(room->file)) == 0);
            assert_true(room->now.error == EMG_ERROR_FORMAT || room->now.error == EMG_ERROR_ARGUMENT ||
                        room->now.error == EMG_ERROR_UNSUPPORTED);
            continue;
        }
        assert_string_equal(room->now.problem.text, "");
        if (n_good++ % 16 == 0)
            expect_round_trip(room, &room->now.config);
    }
    assert_true(n_good > 100 && n_good < 1900);
}

int main(void)
{
#define IN_A_ROOM(test) cmocka_unit_test_setup_teardown(test, make_room, clear_room)
    const struct CMUnitTest tests[] = {
        IN_A_ROOM(an_empty_file_gives_the_documented_defaults),
        IN_A_ROOM(reads_the_file_of_the_interface_page),
        IN_A_ROOM(the_example_is_what_the_table_prints),
        IN_A_ROOM(settings_come_after_the_file_in_their_order),
        IN_A_ROOM(numbers_may_be_written_in_every_decimal_way),
        IN_A_ROOM(every_number_has_the_range_of_the_table),
        IN_A_ROOM(a_text_too_long_is_refused_and_never_cut),
        IN_A_ROOM(each_mistake_in_a_file_is_named_with_its_line),
        IN_A_ROOM(comments_do_not_shift_the_line),
        IN_A_ROOM(each_mistake_in_a_setting_is_named_with_the_setting),
        IN_A_ROOM(only_endpoints_of_this_machine_are_accepted_without_curve),
        IN_A_ROOM(a_file_that_is_none_is_refused),
        IN_A_ROOM(a_long_path_leaves_room_for_the_message),
        IN_A_ROOM(the_first_file_of_the_search_order_is_read),
        IN_A_ROOM(what_is_printed_reads_back_the_same_bit_for_bit),
        IN_A_ROOM(json_has_every_key_under_its_section),
        IN_A_ROOM(help_has_one_line_for_each_key),
        IN_A_ROOM(as_many_muscles_as_channels_fit),
        IN_A_ROOM(knows_a_muscles_name),
        IN_A_ROOM(damaged_files_give_a_message_or_a_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
