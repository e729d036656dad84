#include "daemon/wire.h"

#include "dsp/quality.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static struct emg_wire wire;
static char topic[EMG_TOPIC_SIZE], body[EMG_BODY_SIZE], line[EMG_TOPIC_SIZE + EMG_BODY_SIZE];

static int set_up(void **state)
{
    (void)state;
    wire = (struct emg_wire){.source = "file:run \"1\".bdf",
                             .rate_hz = 48000,
                             .analysis_rate_hz = 2000,
                             .band_hz = {20, 450},
                             .n_channels = 4,
                             .n_muscles = 2,
                             .muscles = {"left.soleus", "right.gastrocnemius_medialis"},
                             .pairs = {"soleus", "tibialis_anterior"}};
    return 0;
}

static struct emg_message message_of(enum emg_topic kind)
{
    return (struct emg_message){.topic = kind, .index = 1, .seq = 7, .frame = 96000, .t = 1763845200.123456};
}

/* The body as JSON; the caller releases it. */
static json_t *parse_body(const struct emg_message *message)
{
    const size_t length = emg_wire_body(&wire, message, body);
    assert_int_equal(length, strlen(body));
    json_error_t error;
    json_t *root = json_loads(body, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "v")), 1);
    assert_int_equal(json_integer_value(json_object_get(root, "seq")), 7);
    assert_int_equal(json_integer_value(json_object_get(root, "frame")), 96000);
    assert_true(json_is_null(json_object_get(root, "session")));
    return root;
}

static void names_each_topic_as_the_protocol_does(void **state)
{
    (void)state;
    static const char *const names[] = {"status",
                                        "activation.right.gastrocnemius_medialis",
                                        "fatigue.right.gastrocnemius_medialis",
                                        "spectrum.right.gastrocnemius_medialis",
                                        "waveform.right.gastrocnemius_medialis",
                                        "burst.right.gastrocnemius_medialis",
                                        "profile.right.gastrocnemius_medialis",
                                        "stride.right",
                                        "leg.right",
                                        "symmetry.tibialis_anterior",
                                        "event.gap",
                                        "event.device",
                                        "event.fatigue",
                                        "event.quality",
                                        "event.session",
                                        "event.stage",
                                        "event.marker",
                                        "event.rest",
                                        "event.reference",
                                        "event.baseline",
                                        "event.recording"};
    for (int kind = 0; kind < EMG_TOPIC_COUNT; kind++) {
        const struct emg_message message = message_of((enum emg_topic)kind);
        assert_int_equal(emg_wire_topic(&wire, &message, topic), strlen(names[kind]));
        assert_string_equal(topic, names[kind]);
    }
}

static void writes_null_for_every_unknown_quantity_and_never_zero(void **state)
{
    (void)state;
    struct emg_message message = message_of(EMG_TOPIC_FATIGUE);
    message.body.fatigue.flags = 0;
    message.body.fatigue.spectral =
        (struct emg_spectral_fatigue){.indices = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
                                      .rms_uv = NAN,
                                      .snr_db = NAN,
                                      .ln_finsm5 = NAN,
                                      .baseline_mdf_hz = NAN,
                                      .shift_percent = NAN,
                                      .slope_hz_per_min = NAN,
                                      .slope_percent_per_min = NAN,
                                      .slope_ci95_percent_per_min = {NAN, NAN}};
    json_t *root = parse_body(&message);
    static const char *const unknown[] = {"mdf_hz",
                                          "mdf_se_hz",
                                          "mnf_hz",
                                          "mnf_se_hz",
                                          "rms_uv",
                                          "ln_finsm5",
                                          "ln_finsm5_se",
                                          "snr_db",
                                          "baseline_mdf_hz",
                                          "shift_percent",
                                          "slope_hz_per_min",
                                          "slope_percent_per_min",
                                          "slope_ci95_percent_per_min",
                                          "jasa"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_true(json_is_null(json_object_get(root, unknown[i])));
    assert_string_equal(json_string_value(json_object_get(root, "verdict")), "undetermined");
    assert_true(strlen(json_string_value(json_object_get(root, "reason"))) > 10);
    json_decref(root);
}

static void keeps_values_and_time_to_their_precision(void **state)
{
    (void)state;
    struct emg_message message = message_of(EMG_TOPIC_ACTIVATION);
    message.body.activation.now =
        (struct emg_muscle_activation){.rms_uv = 123.456789, .envelope_uv = 0, .active = true};
    message.body.activation.reference = (struct emg_reference){.uv = 100, .id = "r1", .method = "mvc"};
    json_t *root = parse_body(&message);
    assert_true(fabs(json_number_value(json_object_get(root, "t")) - 1763845200.123456) < 1e-6);
    assert_true(fabs(json_number_value(json_object_get(root, "rms_uv")) - 123.456789) < 1e-6);
    assert_true(json_number_value(json_object_get(root, "envelope_uv")) == 0);
    assert_true(fabs(json_number_value(json_object_get(root, "percent_reference")) - 123.456789) < 1e-6);
    assert_string_equal(json_string_value(json_object_get(json_object_get(root, "reference"), "method")),
                        "mvc");
    assert_true(json_is_true(json_object_get(root, "active")));
    assert_string_equal(json_string_value(json_object_get(root, "quality")), "ok");
    assert_int_equal(json_array_size(json_object_get(root, "flags")), 0);
    json_decref(root);
}

static void calls_a_spoilt_signal_bad_and_a_doubtful_one_warn(void **state)
{
    (void)state;
    static const struct {
        uint32_t flags;
        const char *quality, *name;
    } cases[] = {{EMG_FLAG_CLIPPING, "bad", "clipping"},
                 {EMG_FLAG_FLAT, "bad", "flat"},
                 {EMG_FLAG_ELECTRODE_OFF, "bad", "electrode_off"},
                 {EMG_FLAG_HUM, "warn", "hum"},
                 {EMG_FLAG_MOTION, "warn", "motion"},
                 {EMG_FLAG_NOISY, "warn", "noisy"},
                 {EMG_FLAG_CROSSTALK, "warn", "crosstalk"},
                 {EMG_FLAG_GAP, "warn", "gap"},
                 {EMG_FLAG_UNSETTLED, "warn", "unsettled"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct emg_message message = message_of(EMG_TOPIC_ACTIVATION);
        message.body.activation.now = (struct emg_muscle_activation){.flags = cases[i].flags};
        message.body.activation.reference.uv = NAN;
        json_t *root = parse_body(&message);
        assert_string_equal(json_string_value(json_object_get(root, "quality")), cases[i].quality);
        assert_string_equal(json_string_value(json_array_get(json_object_get(root, "flags"), 0)),
                            cases[i].name);
        json_decref(root);
    }
}

static void announces_an_array_with_its_type_and_shape(void **state)
{
    (void)state;
    struct emg_message message = message_of(EMG_TOPIC_WAVEFORM);
    message.n_array = 100;
    message.body.waveform.first_frame = 93601;
    json_t *root = parse_body(&message);
    const json_t *array = json_object_get(root, "array");
    assert_string_equal(json_string_value(json_object_get(array, "dtype")), "<f4");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(array, "shape"), 0)), 100);
    assert_true(json_number_value(json_object_get(root, "rate_hz")) == 2000);
    assert_int_equal(json_integer_value(json_object_get(root, "first_frame")), 93601);
    json_decref(root);
}

/* All that is measured of strides is unknown at first. */
static void writes_comparisons_and_profiles_with_their_units(void **state)
{
    (void)state;
    struct emg_message message = message_of(EMG_TOPIC_LEG);
    message.body.leg = (struct emg_leg_comparison){NAN, NAN, NAN, NAN};
    json_t *root = parse_body(&message);
    assert_true(json_is_null(json_object_get(root, "soleus_share_percent")) &&
                json_is_null(json_object_get(root, "crosstalk_r")));
    json_decref(root);

    message = message_of(EMG_TOPIC_SYMMETRY);
    message.body.symmetry.index_percent = NAN;
    message.body.symmetry.activation[EMG_SIDE_LEFT] = 90;
    message.body.symmetry.percent = true;
    root = parse_body(&message);
    assert_true(json_is_null(json_object_get(root, "index_percent")));
    assert_true(json_number_value(json_object_get(root, "activation_left")) == 90);
    assert_string_equal(json_string_value(json_object_get(root, "unit")), "percent_reference");
    json_decref(root);

    message = message_of(EMG_TOPIC_PROFILE);
    message.n_array = EMG_PROFILE_POINTS;
    message.body.profile.strides = 1;
    for (size_t i = 0; i < EMG_PROFILE_POINTS; i++)
        message.body.profile.sd[i] =
            i == 0 ? -12345.678F : NAN; /* NaN for one stride, and the longest number */
    root = parse_body(&message);
    assert_int_equal(json_array_size(json_object_get(root, "sd_array")), EMG_PROFILE_POINTS);
    assert_true(json_is_null(json_array_get(json_object_get(root, "sd_array"), 1)));
    assert_string_equal(json_string_value(json_object_get(root, "unit")), "uV");
    json_decref(root);

    message = message_of(EMG_TOPIC_BURST);
    message.body.burst.of =
        (struct emg_muscle_burst){.onset_frame = 5, .offset_frame = 9, .snr_db = NAN, .flags = EMG_FLAG_HUM};
    message.body.burst.reference_uv = NAN;
    root = parse_body(&message);
    assert_true(json_is_null(json_object_get(root, "percent_reference")) &&
                json_is_null(json_object_get(root, "snr_db")));
    assert_int_equal(json_array_size(json_object_get(root, "flags")), 1);
    json_decref(root);
}

static void fits_the_longest_status_that_can_be(void **state)
{
    (void)state;
    memset(wire.source, '\x01', sizeof wire.source - 1); /* the longest escape */
    wire.source[sizeof wire.source - 1] = '\0';
    wire.n_muscles = EMG_MAX_CHANNELS;
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++) {
        memset(wire.muscles[i], 'm', EMG_NAME_SIZE - 1);
        wire.muscles[i][EMG_NAME_SIZE - 1] = '\0';
    }
    struct emg_message message = message_of(EMG_TOPIC_STATUS);
    message.body.status = (struct emg_status){.frames = INT64_MAX,
                                              .gaps = INT64_MAX,
                                              .frames_lost = INT64_MAX,
                                              .messages_dropped = INT64_MAX,
                                              .latency_ms = {-1.0 / 3, -1e300 / 3, NAN}};
    json_t *root = parse_body(&message);
    assert_int_equal(json_array_size(json_object_get(root, "muscles")), EMG_MAX_CHANNELS);
    json_decref(root);
}

static void writes_a_line_with_the_topic_first(void **state)
{
    (void)state;
    assert_int_equal(emg_wire_line("status", "{\"v\":1}", line), strlen("{\"topic\":\"status\",\"v\":1}"));
    assert_string_equal(line, "{\"topic\":\"status\",\"v\":1}");
    assert_true(emg_wire_line("status", "{}", line) > 0);
    assert_string_equal(line, "{\"topic\":\"status\"}");
    assert_int_equal(emg_wire_line("status", "[1]", line), 0);
    assert_int_equal(emg_wire_line("status", "", line), 0);
    char longest[EMG_TOPIC_SIZE + EMG_BODY_SIZE + 8];
    memset(longest, ' ', sizeof longest);
    longest[0] = '{';
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(emg_wire_line("status", longest, line), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(names_each_topic_as_the_protocol_does, set_up),
        cmocka_unit_test_setup(writes_null_for_every_unknown_quantity_and_never_zero, set_up),
        cmocka_unit_test_setup(keeps_values_and_time_to_their_precision, set_up),
        cmocka_unit_test_setup(calls_a_spoilt_signal_bad_and_a_doubtful_one_warn, set_up),
        cmocka_unit_test_setup(announces_an_array_with_its_type_and_shape, set_up),
        cmocka_unit_test_setup(writes_comparisons_and_profiles_with_their_units, set_up),
        cmocka_unit_test_setup(fits_the_longest_status_that_can_be, set_up),
        cmocka_unit_test_setup(writes_a_line_with_the_topic_first, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
