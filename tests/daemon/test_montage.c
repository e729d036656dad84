#include "daemon/montage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
    struct emg_config config;
    struct emg_stream_info stream;
    struct emg_montage montage;
    struct emg_problem problem;
};

static int set_scene(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    return *state == NULL;
}

static int clear_scene(void **state)
{
    free(*state);
    return 0;
}

static struct emg_channel *add_channel(struct scene *s, const char *label)
{
    struct emg_channel *channel = &s->stream.channels[s->stream.n_channels++];
    *channel = (struct emg_channel){.full_scale_uv = 5000, .usable = true};
    (void)snprintf(channel->label, sizeof channel->label, "%s", label);
    return channel;
}

static struct emg_config_muscle *add_muscle(struct scene *s, const char *name, unsigned channel,
                                            const char *label)
{
    struct emg_config_muscle *muscle = &s->config.muscles[s->config.n_muscles++];
    *muscle = (struct emg_config_muscle){.channel = channel};
    (void)snprintf(muscle->name, sizeof muscle->name, "%s", name);
    (void)snprintf(muscle->label, sizeof muscle->label, "%s", label);
    return muscle;
}

static void expect_muscles(struct scene *s, const char *const *names, const unsigned *channels, size_t n)
{
    memset(&s->montage, 0x5a, sizeof s->montage);
    const enum emg_error error = emg_montage_create(&s->montage, &s->config, &s->stream, &s->problem);
    if (error != EMG_OK)
        fail_msg("error %d: %s", (int)error, s->problem.text);
    assert_int_equal(s->montage.n_muscles, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(s->montage.muscles[i].name, names[i]);
        assert_int_equal(s->montage.muscles[i].channel, channels[i]);
        assert_true(emg_config_is_muscle_name(names[i]));
    }
}

static void expect_error(struct scene *s, enum emg_error error, const char *const *said, size_t n)
{
    assert_int_equal(emg_montage_create(&s->montage, &s->config, &s->stream, &s->problem), error);
    for (size_t i = 0; i < n; i++) {
        if (strstr(s->problem.text, said[i]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", s->problem.text, said[i]);
    }
    assert_int_equal(emg_montage_create(&s->montage, &s->config, &s->stream, NULL), error);
}
#define EXPECT_ERROR(s, error, ...)                                                                          \
    expect_error((s), (error), (const char *const[]){__VA_ARGS__},                                           \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
#define NAMES(...)    ((const char *const[]){__VA_ARGS__})
#define CHANNELS(...) ((const unsigned[]){__VA_ARGS__})

static void reads_the_labels_of_edf(void **state)
{
    (void)state;
    static const struct {
        const char *label, *name;
    } rows[] = {
        {"EMG L SOL", "left.soleus"},
        {"EMG R GM", "right.gastrocnemius_medialis"},
        {"EMG L GL", "left.gastrocnemius_lateralis"},
        {"EMG R TA", "right.tibialis_anterior"},
        {"EMG R biceps", "right.biceps"},
        {"EMG R Vastus lat.", "right.vastus_lat_"},
        {"EMG  L \t sol  ", "left.soleus"},
        {"  emg r Ta", "right.tibialis_anterior"},
        {"EMG L SOL2", "left.sol2"},
        {"EMG L SOL GM", "left.sol_gm"},
        {"EMG L soleus", "left.soleus"},
        {"EMG L 7", "left.7"},
        {"EMG L \xc3\xa4", "left.__"},
    };
    static const char *const others[] = {
        "",        "EMG",          "EMG L",      "EMG L ",    "EMG X SOL",
        "EMG SOL", "L SOL",        "EEG L C3",   "EMG LSOL",  "EMGL SOL",
        "SOL",     "EMG left SOL", "xEMG L SOL", "EMG-L-SOL", "EMG BDF Annotations"};
    char name[EMG_NAME_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!emg_montage_name_of_label(rows[i].label, name))
            fail_msg("\"%s\" is not read", rows[i].label);
        assert_string_equal(name, rows[i].name);
        assert_true(emg_config_is_muscle_name(name));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (emg_montage_name_of_label(others[i], name))
            fail_msg("\"%s\" is read as \"%s\"", others[i], name);
    }
}

static void a_name_too_long_is_not_cut(void **state)
{
    (void)state;
    char label[EMG_LABEL_SIZE] = "EMG R ", name[EMG_NAME_SIZE];
    const size_t longest = EMG_NAME_SIZE - 1 - strlen("right.");
    memset(label + 6, 'm', longest);
    assert_true(emg_montage_name_of_label(label, name));
    assert_int_equal(strlen(name), EMG_NAME_SIZE - 1);
    label[6 + longest] = 'm';
    assert_false(emg_montage_name_of_label(label, name));
    memset(label + 6, 'm', sizeof label - 7);
    assert_false(emg_montage_name_of_label(label, name));
}

static void finds_configured_muscles_by_channel_in_their_order(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 4; i++)
        (void)add_channel(s, "");
    (void)add_muscle(s, "right.soleus", 4, "");
    (void)add_muscle(s, "left.soleus", 1, "EMG L SOL"); /* without labels only the channel can count */
    expect_muscles(s, NAMES("right.soleus", "left.soleus"), CHANNELS(3, 0), 2);
}

static void finds_configured_muscles_by_label_or_its_word(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "Status");
    (void)add_channel(s, "EMG L SOL");
    (void)add_channel(s, "EMG R SOL");
    (void)add_channel(s, "GM left, new");
    (void)add_channel(s, "EMG R Vastus Lat");
    (void)add_muscle(s, "right.soleus", 0, "SOL");
    (void)add_muscle(s, "left.soleus", 0, "sol");
    (void)add_muscle(s, "left.gastrocnemius_medialis", 0, "GM left, new");
    (void)add_muscle(s, "right.quadriceps", 0, "vastus lat");
    expect_muscles(s, NAMES("right.soleus", "left.soleus", "left.gastrocnemius_medialis", "right.quadriceps"),
                   CHANNELS(2, 1, 3, 4), 4);
    s->config.n_muscles = 0;
    (void)add_muscle(s, "left.other", 0,
                     "EMG R SOL"); /* the whole label counts whatever it says of the side */
    expect_muscles(s, NAMES("left.other"), CHANNELS(2), 1);
}

static void scales_uncalibrated_channels_to_the_muscles_full_scale(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "");
    (void)add_channel(s, "");
    struct emg_channel *calibrated = add_channel(s, "");
    calibrated->calibrated = true;
    calibrated->full_scale_uv = 3276.8;
    add_muscle(s, "left.a", 1, "")->full_scale_uv = 2000;
    (void)add_muscle(s, "left.b", 2, "");
    add_muscle(s, "left.c", 3, "")->full_scale_uv = 2000;
    expect_muscles(s, NAMES("left.a", "left.b", "left.c"), CHANNELS(0, 1, 2), 3);
    const struct emg_montage_muscle *m = s->montage.muscles;
    assert_true(m[0].scale == 0.4f && m[0].full_scale_uv == 2000);
    assert_true(m[1].scale == 1.0f && m[1].full_scale_uv == 5000);
    assert_true(m[2].scale == 1.0f && m[2].full_scale_uv == 3276.8);
    s->config.n_muscles = 0;
    assert_int_equal(emg_montage_create(&s->montage, &s->config, &s->stream, NULL), EMG_OK);
    assert_true(m[2].scale == 1.0f && m[2].full_scale_uv == 3276.8 && m[0].full_scale_uv == 5000);
}

static void a_channel_that_is_not_there_is_named(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "");
    (void)add_channel(s, "");
    (void)add_muscle(s, "left.soleus", 2, "");
    expect_muscles(s, NAMES("left.soleus"), CHANNELS(1), 1);
    s->config.muscles[0].channel = 3;
    EXPECT_ERROR(s, EMG_ERROR_NOT_FOUND, "left.soleus", "no channel 3", "has 2");
    s->config.muscles[0].channel = 1;
    s->config.footswitches[0] = (struct emg_config_footswitch){.side = "right", .channel = 9};
    s->config.n_footswitches = 1;
    EXPECT_ERROR(s, EMG_ERROR_NOT_FOUND, "footswitch right", "no channel 9", "has 2");
}

static void a_label_that_is_not_there_is_named_with_those_that_are(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "EMG L SOL");
    (void)add_channel(s, "");
    (void)add_channel(s, "EMG R SOL");
    (void)add_muscle(s, "left.gastrocnemius_medialis", 0, "GM");
    EXPECT_ERROR(s, EMG_ERROR_NOT_FOUND, "left.gastrocnemius_medialis", "\"GM\"",
                 "the labels are: \"EMG L SOL\", \"EMG R SOL\"");
    assert_null(strstr(s->problem.text, "..."));

    /* the word is there, but on the other side */
    (void)snprintf(s->config.muscles[0].label, EMG_LABEL_SIZE, "SOL");
    (void)snprintf(s->stream.channels[0].label, EMG_LABEL_SIZE, "EMG R TA");
    EXPECT_ERROR(s, EMG_ERROR_NOT_FOUND, "\"SOL\"", "\"EMG R TA\", \"EMG R SOL\"");

    for (size_t length = 1; length < EMG_LABEL_SIZE; length++) {
        char first[EMG_LABEL_SIZE + 32] = "the labels are: \"";
        memset(first + strlen(first), 'a', length);
        s->stream.n_channels = 0;
        for (int i = 0; i < EMG_MAX_CHANNELS; i++)
            memset(add_channel(s, "")->label, 'a' + i % 26, length);
        EXPECT_ERROR(s, EMG_ERROR_NOT_FOUND, "\"SOL\"", first, "\", ...");
        s->problem.text[strlen(s->problem.text) - strlen(", ...")] = '\0';
        assert_true(s->problem.text[strlen(s->problem.text) - 1] == '"'); /* no label is cut */
    }

    s->stream.n_channels = 0;
    (void)add_channel(s, "");
    EXPECT_ERROR(s, EMG_ERROR_NOT_FOUND, "\"SOL\"", "the labels are: none");
}

static void a_label_on_two_channels_does_not_decide(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "SOL");
    (void)add_channel(s, "GM");
    (void)add_channel(s, "SOL");
    (void)add_muscle(s, "left.soleus", 0, "SOL");
    EXPECT_ERROR(s, EMG_ERROR_ARGUMENT, "left.soleus", "channels 1 and 3", "\"SOL\"");
    s->config.muscles[0].channel = 3;
    expect_muscles(s, NAMES("left.soleus"), CHANNELS(2), 1);
}

static void a_channel_and_a_label_must_not_contradict(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "EMG L SOL");
    (void)add_channel(s, "EMG L GM");
    (void)add_muscle(s, "left.soleus", 1, "SOL");
    expect_muscles(s, NAMES("left.soleus"), CHANNELS(0), 1);
    s->config.muscles[0].channel = 2;
    EXPECT_ERROR(s, EMG_ERROR_ARGUMENT, "left.soleus", "\"SOL\" is on channel 1", "channel 2",
                 "\"EMG L GM\"");
    (void)snprintf(s->config.muscles[0].label, EMG_LABEL_SIZE, "elsewhere");
    expect_muscles(s, NAMES("left.soleus"), CHANNELS(1), 1);
}

static void two_muscles_on_one_channel_are_named(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "EMG L SOL");
    (void)add_muscle(s, "left.soleus", 1, "");
    (void)add_muscle(s, "left.calf", 0, "SOL");
    EXPECT_ERROR(s, EMG_ERROR_ARGUMENT, "left.calf", "channel 1", "left.soleus");
}

static void an_unusable_channel_is_named(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "EMG L SOL");
    add_channel(s, "Temp rectal")->usable = false;
    (void)add_muscle(s, "left.soleus", 2, "");
    EXPECT_ERROR(s, EMG_ERROR_ARGUMENT, "left.soleus", "channel 2", "\"Temp rectal\"");
}

static void without_a_configuration_every_usable_channel_is_analysed(void **state)
{
    struct scene *s = *state;
    (void)add_channel(s, "EMG L SOL");
    (void)add_channel(s, "ECG");
    add_channel(s, "EMG L TA")->usable = false;
    (void)add_channel(s, "");
    (void)add_channel(s, "EMG L soleus");    /* the second of this name */
    (void)add_channel(s, "EMG L channel 2"); /* must not push away the second channel, nor a later one */
    (void)add_channel(s, "EMG R channel 2");
    (void)add_channel(s, "EMG R TA");
    expect_muscles(s,
                   NAMES("left.soleus", "left.channel_2", "left.channel_4", "left.channel_5",
                         "left.channel_6", "right.channel_2", "right.tibialis_anterior"),
                   CHANNELS(0, 1, 3, 4, 5, 6, 7), 7);
    s->config.footswitches[0] = (struct emg_config_footswitch){.side = "left", .channel = 2};
    s->config.n_footswitches = 1;
    expect_muscles(s,
                   NAMES("left.soleus", "left.channel_4", "left.channel_5", "left.channel_6",
                         "right.channel_2", "right.tibialis_anterior"),
                   CHANNELS(0, 3, 4, 5, 6, 7), 6);
}

static void foot_switches_come_from_the_configuration_or_from_their_labels(void **state)
{
    struct scene *s = *state;
    add_channel(s, "EMG L SOL");
    add_channel(s, "SW R")->full_scale_uv = 2000;
    add_channel(s, "sw l");
    static const char *const names[] = {"left.soleus"};
    static const unsigned channels[] = {0};
    expect_muscles(s, names, channels, 1);
    const struct emg_montage_footswitch *found = s->montage.footswitches;
    assert_true(found[EMG_SIDE_LEFT].present && found[EMG_SIDE_LEFT].channel == 2);
    assert_true(found[EMG_SIDE_RIGHT].present && found[EMG_SIDE_RIGHT].channel == 1);
    assert_true(found[EMG_SIDE_RIGHT].scale * 2000 == 1 && found[EMG_SIDE_RIGHT].threshold == 0.5);

    s->config.footswitches[0] =
        (struct emg_config_footswitch){.side = "right", .channel = 3, .threshold = 0.2};
    s->config.n_footswitches = 1;
    static const char *const both[] = {"left.soleus", "left.channel_2"};
    static const unsigned both_channels[] = {0, 1};
    expect_muscles(s, both, both_channels, 2);
    assert_false(found[EMG_SIDE_LEFT].present);
    assert_true(found[EMG_SIDE_RIGHT].channel == 2 && found[EMG_SIDE_RIGHT].threshold == 0.2);
}

static void references_come_from_the_configuration(void **state)
{
    struct scene *s = *state;
    add_channel(s, "EMG L SOL");
    add_channel(s, "EMG R SOL");
    struct emg_config_muscle *left = add_muscle(s, "left.soleus", 1, "");
    left->reference_uv = 320;
    (void)snprintf(left->reference_method, sizeof left->reference_method, "dynamic_peak");
    add_muscle(s, "right.soleus", 2, "");
    static const char *const names[] = {"left.soleus", "right.soleus"};
    static const unsigned channels[] = {0, 1};
    expect_muscles(s, names, channels, 2);
    assert_true(s->montage.muscles[0].reference_uv == 320 && isnan(s->montage.muscles[1].reference_uv));
    assert_string_equal(s->montage.muscles[0].reference_method, "dynamic_peak");
    assert_int_equal(emg_montage_side(&s->montage.muscles[0]), EMG_SIDE_LEFT);
    assert_int_equal(emg_montage_side(&s->montage.muscles[1]), EMG_SIDE_RIGHT);
    assert_string_equal(emg_montage_bare_name(&s->montage.muscles[1]), "soleus");
}

static void as_many_muscles_as_channels_fit(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < EMG_MAX_CHANNELS; i++)
        (void)add_channel(s, "EMG L SOL");
    assert_int_equal(emg_montage_create(&s->montage, &s->config, &s->stream, &s->problem), EMG_OK);
    assert_int_equal(s->montage.n_muscles, EMG_MAX_CHANNELS);
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(s->montage.muscles[i].name, s->montage.muscles[j].name);
    }
}

static void a_stream_without_a_usable_channel_is_refused(void **state)
{
    struct scene *s = *state;
    (void)snprintf(s->stream.source, sizeof s->stream.source, "file:/a/night.edf");
    EXPECT_ERROR(s, EMG_ERROR_ARGUMENT, "file:/a/night.edf", "0 channels");
    add_channel(s, "EMG L SOL")->usable = false;
    EXPECT_ERROR(s, EMG_ERROR_ARGUMENT, "file:/a/night.edf", "1 channels");
}

int main(void)
{
#define IN_A_SCENE(test) cmocka_unit_test_setup_teardown(test, set_scene, clear_scene)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_labels_of_edf),
        cmocka_unit_test(a_name_too_long_is_not_cut),
        IN_A_SCENE(finds_configured_muscles_by_channel_in_their_order),
        IN_A_SCENE(finds_configured_muscles_by_label_or_its_word),
        IN_A_SCENE(scales_uncalibrated_channels_to_the_muscles_full_scale),
        IN_A_SCENE(a_channel_that_is_not_there_is_named),
        IN_A_SCENE(a_label_that_is_not_there_is_named_with_those_that_are),
        IN_A_SCENE(a_label_on_two_channels_does_not_decide),
        IN_A_SCENE(a_channel_and_a_label_must_not_contradict),
        IN_A_SCENE(two_muscles_on_one_channel_are_named),
        IN_A_SCENE(an_unusable_channel_is_named),
        IN_A_SCENE(without_a_configuration_every_usable_channel_is_analysed),
        IN_A_SCENE(foot_switches_come_from_the_configuration_or_from_their_labels),
        IN_A_SCENE(references_come_from_the_configuration),
        IN_A_SCENE(as_many_muscles_as_channels_fit),
        IN_A_SCENE(a_stream_without_a_usable_channel_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
