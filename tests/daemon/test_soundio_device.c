#include "daemon/soundio_device.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ALL_FORMATS = (1 << EMG_SOUNDIO_FORMATS) - 1 };

static const uint32_t TWO = 1U << 1, FOUR = 1U << 3, EIGHT = 1U << 7, ANY_TO_8 = 0xff;

static const struct emg_soundio_need NEED = {.rate_hz = 48000, .least_channels = 4};

static struct emg_soundio_device alsa(const char *id, const char *card, unsigned pcm)
{
    struct emg_soundio_device device = {.backend = "alsa",
                                        .pcm = pcm,
                                        .rate_min_hz = 44100,
                                        .rate_max_hz = 96000,
                                        .channel_counts = FOUR | EIGHT,
                                        .formats = ALL_FORMATS};
    (void)snprintf(device.id, sizeof device.id, "%s", id);
    (void)snprintf(device.name, sizeof device.name, "Name of %s", id);
    (void)snprintf(device.card, sizeof device.card, "%s", card);
    return device;
}

static struct emg_soundio_device raw(const char *id, const char *card, unsigned pcm)
{
    struct emg_soundio_device device = alsa(id, card, pcm);
    device.raw = true;
    return device;
}

static const char *chosen(const struct emg_soundio_device *devices, size_t n_devices, const char *wanted,
                          const struct emg_soundio_need *need)
{
    struct emg_soundio_choice choice;
    struct emg_problem problem = {{0}};
    if (emg_soundio_choose(&choice, devices, n_devices, wanted, need, &problem) != EMG_OK) {
        print_message("%s\n", problem.text);
        return "";
    }
    return devices[choice.index].id;
}

static unsigned channels_of(const struct emg_soundio_device *device, unsigned channels, unsigned least)
{
    const struct emg_soundio_need need = {.rate_hz = 48000, .channels = channels, .least_channels = least};
    struct emg_soundio_choice choice;
    return emg_soundio_choose(&choice, device, 1, device->id, &need, NULL) == EMG_OK ? choice.channels : 0;
}

static void assert_refused(const struct emg_soundio_device *devices, size_t n_devices, const char *wanted,
                           const struct emg_soundio_need *need, enum emg_error expected, const char *words)
{
    struct emg_soundio_choice choice;
    struct emg_problem problem = {{0}};
    assert_int_equal(emg_soundio_choose(&choice, devices, n_devices, wanted, need, &problem), expected);
    if (strstr(problem.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
}

static void a_device_is_found_by_id_then_name_then_card(void **state)
{
    (void)state;
    struct emg_soundio_device devices[] = {alsa("default", "", 0), alsa("hw:CARD=EMG,DEV=0", "EMG", 0),
                                           alsa("other", "", 0)};
    (void)strcpy(devices[2].name, "default");
    assert_string_equal(chosen(devices, 3, "default", &NEED), "default");
    assert_string_equal(chosen(devices, 3, "Name of default", &NEED), "default");
    assert_string_equal(chosen(devices, 3, "CARD=EMG", &NEED), "hw:CARD=EMG,DEV=0");
    (void)strcpy(devices[1].name, "CARD=EMG");
    devices[1].card[0] = '\0';
    assert_string_equal(chosen(devices, 3, "CARD=EMG", &NEED), "hw:CARD=EMG,DEV=0");
}

static void a_card_must_match_whole(void **state)
{
    (void)state;
    const struct emg_soundio_device devices[] = {alsa("hw:CARD=EMG2,DEV=0", "EMG2", 0),
                                                 alsa("hw:CARD=EM,DEV=0", "EM", 0)};
    assert_refused(devices, 2, "CARD=EMG", &NEED, EMG_ERROR_NOT_FOUND, "hw:CARD=EMG2,DEV=0");
    assert_refused(devices, 2, "CARD=", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 2, "DEV=0", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 2, "hw", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 2, "CARD=EM,MODE=1", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
}

static void the_device_nearest_to_the_hardware_is_preferred(void **state)
{
    (void)state;
    const struct emg_soundio_device devices[] = {
        alsa("sysdefault:CARD=EMG", "EMG", 0), alsa("plughw:CARD=EMG,DEV=0", "EMG", 0),
        alsa("hw:CARD=EMG,DEV=0", "EMG", 0), raw("hw:3,0", "EMG", 0)};
    assert_string_equal(chosen(devices, 4, "CARD=EMG", &NEED), "hw:3,0");
    assert_string_equal(chosen(devices, 3, "CARD=EMG", &NEED), "hw:CARD=EMG,DEV=0");
    assert_string_equal(chosen(devices, 2, "CARD=EMG", &NEED), "plughw:CARD=EMG,DEV=0");
    assert_string_equal(chosen(devices, 1, "CARD=EMG", &NEED), "sysdefault:CARD=EMG");
    const struct emg_soundio_device reversed[] = {devices[3], devices[2], devices[1], devices[0]};
    assert_string_equal(chosen(reversed, 4, "CARD=EMG", &NEED), "hw:3,0");
    assert_string_equal(chosen(reversed + 1, 3, "CARD=EMG", &NEED), "hw:CARD=EMG,DEV=0");
    assert_string_equal(chosen(devices, 4, "plughw:CARD=EMG", &NEED), "plughw:CARD=EMG,DEV=0");
}

static void hardware_without_a_readable_format_yields_to_plughw(void **state)
{
    (void)state;
    struct emg_soundio_device devices[] = {alsa("hw:CARD=EMG,DEV=0", "EMG", 0),
                                           alsa("plughw:CARD=EMG,DEV=0", "EMG", 0)};
    devices[0].formats = 0;
    assert_string_equal(chosen(devices, 2, "CARD=EMG", &NEED), "plughw:CARD=EMG,DEV=0");
    assert_refused(devices, 2, "hw:CARD=EMG,DEV=0", &NEED, EMG_ERROR_DEVICE, "plughw");
}

static void plughw_may_neither_resample_nor_mix(void **state)
{
    (void)state;
    struct emg_soundio_device devices[] = {alsa("hw:CARD=EMG,DEV=0", "EMG", 0),
                                           alsa("plughw:CARD=EMG,DEV=0", "EMG", 0)};
    devices[0].formats = 0;
    devices[0].channel_counts = EIGHT;
    devices[1].channel_counts = ANY_TO_8;
    devices[1].rate_min_hz = 4000;
    devices[1].rate_max_hz = 4000000;
    struct emg_soundio_choice choice;
    assert_int_equal(emg_soundio_choose(&choice, devices, 2, "CARD=EMG", &NEED, NULL), EMG_OK);
    assert_int_equal(choice.index, 1);
    assert_int_equal(choice.channels, 8);
    const struct emg_soundio_need slow = {.rate_hz = 8000, .least_channels = 1};
    assert_refused(devices, 2, "plughw:CARD=EMG,DEV=0", &slow, EMG_ERROR_DEVICE, "44100 to 96000 Hz");
    const struct emg_soundio_need two = {.rate_hz = 48000, .channels = 2};
    assert_refused(devices, 2, "plughw:CARD=EMG,DEV=0", &two, EMG_ERROR_DEVICE, "8 channels");
    /* A twin that could not be probed says nothing, nor does another device of the card. */
    (void)strcpy(devices[0].failure, "in use");
    assert_string_equal(chosen(devices, 2, "plughw:CARD=EMG,DEV=0", &slow), "plughw:CARD=EMG,DEV=0");
    devices[0].failure[0] = '\0';
    devices[0].pcm = 1;
    assert_string_equal(chosen(devices, 2, "plughw:CARD=EMG,DEV=0", &slow), "plughw:CARD=EMG,DEV=0");
}

static void two_devices_of_one_card_are_ambiguous_until_dev_is_given(void **state)
{
    (void)state;
    const struct emg_soundio_device devices[] = {alsa("hw:CARD=EMG,DEV=0", "EMG", 0),
                                                 alsa("hw:CARD=EMG,DEV=1", "EMG", 1)};
    assert_refused(devices, 2, "CARD=EMG", &NEED, EMG_ERROR_ARGUMENT, "hw:CARD=EMG,DEV=0, hw:CARD=EMG,DEV=1");
    assert_string_equal(chosen(devices, 2, "CARD=EMG,DEV=1", &NEED), "hw:CARD=EMG,DEV=1");
    assert_string_equal(chosen(devices, 2, "hw:CARD=EMG,DEV=0", &NEED), "hw:CARD=EMG,DEV=0");
}

static void a_device_that_does_not_fit_makes_nothing_ambiguous(void **state)
{
    (void)state;
    struct emg_soundio_device devices[] = {alsa("hw:CARD=EMG,DEV=0", "EMG", 0),
                                           alsa("hw:CARD=EMG,DEV=1", "EMG", 1)};
    devices[0].channel_counts = TWO;
    assert_string_equal(chosen(devices, 2, "CARD=EMG", &NEED), "hw:CARD=EMG,DEV=1");
}

static void an_absent_device_is_answered_with_what_there_is(void **state)
{
    (void)state;
    struct emg_soundio_device devices[7];
    for (unsigned i = 0; i < COUNT(devices); i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "source%u", i);
        devices[i] = alsa(id, "", 0);
    }
    assert_refused(devices, 2, "x", &NEED, EMG_ERROR_NOT_FOUND,
                   "there is source0, source1; see emgd --list-devices");
    assert_refused(devices, 7, "x", &NEED, EMG_ERROR_NOT_FOUND, "source3 and 3 more");
    assert_refused(NULL, 0, "x", &NEED, EMG_ERROR_NOT_FOUND, "no capture device at all");
    for (unsigned i = 0; i < COUNT(devices); i++) {
        memset(devices[i].id, 'i', sizeof devices[i].id - 1);
        devices[i].id[sizeof devices[i].id - 2] = (char)('0' + i);
    }
    assert_refused(devices, 7, "x", &NEED, EMG_ERROR_NOT_FOUND, " and 6 more");
}

static void a_device_that_lacks_what_is_needed_is_refused_by_what_it_offers(void **state)
{
    (void)state;
    struct emg_soundio_device device = alsa("emg", "", 0);
    const struct emg_soundio_need fast = {.rate_hz = 192000}, wide = {.rate_hz = 48000, .least_channels = 9};
    const struct emg_soundio_need three = {.rate_hz = 48000, .channels = 3};
    assert_refused(&device, 1, "emg", &fast, EMG_ERROR_DEVICE, "44100 to 96000 Hz, not 192000");
    assert_refused(&device, 1, "emg", &wide, EMG_ERROR_DEVICE,
                   "4 to 8 channels, but a muscle or footswitch is on channel 9");
    assert_refused(&device, 1, "emg", &three, EMG_ERROR_DEVICE, "not 3");
    device.rate_min_hz = device.rate_max_hz = 44100;
    assert_refused(&device, 1, "emg", &three, EMG_ERROR_DEVICE, "offers 44100 Hz, not 48000");
    (void)strcpy(device.failure, "in use");
    assert_refused(&device, 1, "emg", &NEED, EMG_ERROR_DEVICE, "\"emg\": in use");
}

static void the_fewest_channels_that_hold_every_configured_one_are_taken(void **state)
{
    (void)state;
    struct emg_soundio_device device = alsa("emg", "", 0);
    device.channel_counts = TWO | FOUR | EIGHT;
    assert_int_equal(channels_of(&device, 0, 1), 2);
    assert_int_equal(channels_of(&device, 0, 2), 2);
    assert_int_equal(channels_of(&device, 0, 3), 4);
    assert_int_equal(channels_of(&device, 0, 8), 8);
    assert_int_equal(channels_of(&device, 0, 9), 0);
    assert_int_equal(channels_of(&device, 0, 0), 8);
    assert_int_equal(channels_of(&device, 4, 8), 4);
    assert_int_equal(channels_of(&device, 3, 0), 0);
    assert_int_equal(channels_of(&device, 64, 0), 64);
    device.channel_counts = 1U << 31;
    assert_int_equal(channels_of(&device, 0, 0), 32);
    assert_int_equal(channels_of(&device, 0, 64), 0);
}

static void more_channels_than_the_library_can_list_are_tried_only_with_alsa(void **state)
{
    (void)state;
    struct emg_soundio_device device = alsa("emg", "", 0);
    device.channel_counts = ANY_TO_8;
    assert_int_equal(channels_of(&device, 16, 0), 16);
    device.channel_counts = FOUR;
    assert_int_equal(channels_of(&device, 16, 0), 0);
    device.channel_counts = ANY_TO_8;
    (void)strcpy(device.backend, "pulseaudio");
    assert_int_equal(channels_of(&device, 16, 0), 0);
}

static void formats_are_taken_in_order_of_preference(void **state)
{
    (void)state;
    struct emg_soundio_device device = alsa("emg", "", 0);
    for (unsigned best = 0; best < EMG_SOUNDIO_FORMATS; best++) {
        struct emg_soundio_choice choice;
        device.formats = (unsigned)ALL_FORMATS & ~((1U << best) - 1);
        assert_int_equal(emg_soundio_choose(&choice, &device, 1, "emg", &NEED, NULL), EMG_OK);
        assert_int_equal(choice.format, best);
    }
    assert_true(EMG_SOUNDIO_S32 < EMG_SOUNDIO_FLOAT && EMG_SOUNDIO_FLOAT < EMG_SOUNDIO_S24 &&
                EMG_SOUNDIO_S24 < EMG_SOUNDIO_S16);
}

static void the_configuration_needs_its_highest_channel(void **state)
{
    (void)state;
    static struct emg_config config;
    struct emg_soundio_need need;
    config.source.rate_hz = 48000;
    assert_int_equal(emg_soundio_need_from_config(&need, &config, NULL), EMG_OK);
    assert_int_equal(need.rate_hz, 48000);
    assert_int_equal(need.least_channels, 0);
    config.n_muscles = 2;
    config.muscles[0].channel = 3;
    config.muscles[1].channel = 0;
    config.n_footswitches = 1;
    config.footswitches[0].channel = 2;
    assert_int_equal(emg_soundio_need_from_config(&need, &config, NULL), EMG_OK);
    assert_int_equal(need.least_channels, 3);
    config.footswitches[0].channel = 5;
    config.source.channels = 6;
    assert_int_equal(emg_soundio_need_from_config(&need, &config, NULL), EMG_OK);
    assert_int_equal(need.least_channels, 5);
    assert_int_equal(need.channels, 6);
    config.source.rate_hz = 44100.5;
    assert_int_equal(emg_soundio_need_from_config(&need, &config, NULL), EMG_ERROR_ARGUMENT);
}

static struct emg_soundio_device usb(const char *id, const char *card, const char *serial)
{
    struct emg_soundio_device device = alsa(id, card, 0);
    (void)snprintf(device.serial, sizeof device.serial, "%s", serial);
    device.raw = strstr(id, "CARD=") == NULL;
    return device;
}

static void of_two_equal_front_ends_the_one_with_the_serial_number_is_taken(void **state)
{
    (void)state;
    struct emg_soundio_device devices[] = {
        usb("hw:CARD=PCH,DEV=0", "PCH", ""),          usb("sysdefault:CARD=EMG", "EMG", "A123"),
        usb("hw:CARD=EMG,DEV=0", "EMG", "A123"),      usb("sysdefault:CARD=EMG_1", "EMG_1", "B7"),
        usb("hw:CARD=EMG_1,DEV=0", "EMG_1", "B7"),    usb("default", "", ""),
        usb("plughw:CARD=EMG_1,DEV=0", "EMG_1", "B7")};
    assert_string_equal(chosen(devices, 7, "SERIAL=A123", &NEED), "hw:CARD=EMG,DEV=0");
    assert_string_equal(chosen(devices, 7, "SERIAL=B7", &NEED), "hw:CARD=EMG_1,DEV=0");
    assert_string_equal(chosen(devices, 7, "CARD=EMG_1,SERIAL=B7", &NEED), "hw:CARD=EMG_1,DEV=0");
    assert_string_equal(chosen(devices, 7, "plughw:SERIAL=B7", &NEED), "plughw:CARD=EMG_1,DEV=0");
    assert_string_equal(chosen(devices, 7, "CARD=PCH", &NEED), "hw:CARD=PCH,DEV=0");
    /* Plugged in again in the other order, they have each other's names. */
    for (size_t i = 1; i < COUNT(devices); i++)
        if (devices[i].serial[0] != '\0')
            (void)snprintf(devices[i].serial, sizeof devices[i].serial, "%s",
                           strcmp(devices[i].card, "EMG") == 0 ? "B7" : "A123");
    assert_string_equal(chosen(devices, 7, "SERIAL=A123", &NEED), "hw:CARD=EMG_1,DEV=0");
    assert_string_equal(chosen(devices, 7, "SERIAL=B7", &NEED), "hw:CARD=EMG,DEV=0");
    assert_refused(devices, 7, "CARD=EMG,SERIAL=A123", &NEED, EMG_ERROR_NOT_FOUND,
                   "serial number is B7, not A123; that is card EMG_1");
}

static void the_tokens_of_a_specification_come_in_any_order(void **state)
{
    (void)state;
    struct emg_soundio_device devices[] = {usb("hw:CARD=EMG,DEV=0", "EMG", "A123"),
                                           usb("hw:CARD=EMG,DEV=1", "EMG", "A123")};
    devices[1].pcm = 1;
    static const char *const specs[] = {"CARD=EMG,DEV=1,SERIAL=A123", "CARD=EMG,SERIAL=A123,DEV=1",
                                        "DEV=1,CARD=EMG,SERIAL=A123", "DEV=1,SERIAL=A123,CARD=EMG",
                                        "SERIAL=A123,CARD=EMG,DEV=1", "SERIAL=A123,DEV=1,CARD=EMG",
                                        "SERIAL=A123,DEV=1",          "DEV=1,SERIAL=A123"};
    for (size_t i = 0; i < COUNT(specs); i++) {
        char with_kind[64];
        (void)snprintf(with_kind, sizeof with_kind, "hw:%s", specs[i]);
        assert_string_equal(chosen(devices, 2, specs[i], &NEED), "hw:CARD=EMG,DEV=1");
        assert_string_equal(chosen(devices, 2, with_kind, &NEED), "hw:CARD=EMG,DEV=1");
    }
    assert_string_equal(chosen(devices, 2, "hw:CARD=EMG,DEV=0,SERIAL=A123", &NEED), "hw:CARD=EMG,DEV=0");
    assert_refused(devices, 2, "dsnoop:SERIAL=A123", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 2, "SERIAL=A123,MODE=1", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
}

static void a_serial_number_must_match_whole_whatever_is_in_it(void **state)
{
    (void)state;
    static const char *const serials[] = {
        "A 12-3._x", "00:1B:C5", "X=1",
        "?",         "CARD=EMG", "123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < COUNT(serials); i++) {
        const struct emg_soundio_device device = usb("hw:1,0", "EMG", serials[i]);
        char spec[128];
        (void)snprintf(spec, sizeof spec, "SERIAL=%s", serials[i]);
        assert_string_equal(chosen(&device, 1, spec, &NEED), "hw:1,0");
        (void)snprintf(spec, sizeof spec, "hw:SERIAL=%s,CARD=EMG", serials[i]);
        assert_string_equal(chosen(&device, 1, spec, &NEED), "hw:1,0");
        (void)snprintf(spec, sizeof spec, "SERIAL=%sx", serials[i]);
        assert_string_equal(chosen(&device, 1, spec, &NEED), "");
    }
    const struct emg_soundio_device devices[] = {usb("hw:1,0", "EMG", "A123"), usb("hw:2,0", "PCH", ""),
                                                 usb("default", "", "")};
    assert_refused(devices, 3, "SERIAL=A12", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 3, "SERIAL=a123", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 3, "SERIAL=", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 3, "CARD=EMG,SERIAL=", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 3, "CARD=PCH,SERIAL=", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
}

static void a_card_with_another_serial_number_is_refused_by_both(void **state)
{
    (void)state;
    const struct emg_soundio_device devices[] = {usb("default", "", ""), usb("hw:CARD=PCH,DEV=0", "PCH", ""),
                                                 usb("hw:CARD=EMG,DEV=0", "EMG", "B7")};
    static const char *const specs[] = {"CARD=EMG,SERIAL=A123", "SERIAL=A123,CARD=EMG",
                                        "hw:CARD=EMG,SERIAL=A123,DEV=0"};
    for (size_t i = 0; i < COUNT(specs); i++) {
        char text[200];
        struct emg_soundio_choice choice;
        struct emg_problem problem = {{0}};
        (void)snprintf(text, sizeof text,
                       "device \"%s\": card EMG is there, but its serial number is B7, not A123", specs[i]);
        assert_int_equal(emg_soundio_choose(&choice, devices, 3, specs[i], &NEED, &problem),
                         EMG_ERROR_NOT_FOUND);
        assert_string_equal(problem.text, text);
    }
    assert_refused(devices, 3, "CARD=PCH,SERIAL=A123", &NEED, EMG_ERROR_NOT_FOUND,
                   "card PCH is there, but it has no serial number, so it is not A123");
    assert_refused(devices, 3, "CARD=EMG,DEV=1,SERIAL=A123", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    assert_refused(devices, 3, "SERIAL=A123", &NEED, EMG_ERROR_NOT_FOUND, "no such device");
    char spec[200] = "CARD=EMG,SERIAL=";
    memset(spec + strlen(spec), 'x', 150);
    assert_refused(devices, 3, spec, &NEED, EMG_ERROR_NOT_FOUND, "its serial number is B7, not xxx");
}

/* As libsoundio lists them: each card many times, by its configuration and, as hardware, by its number. */
static void one_serial_number_on_two_cards_is_ambiguous_until_the_card_is_given(void **state)
{
    (void)state;
    const struct emg_soundio_device devices[] = {usb("sysdefault:CARD=EMG", "EMG", "0001"),
                                                 usb("front:CARD=EMG,DEV=0", "EMG", "0001"),
                                                 usb("dsnoop:CARD=EMG,DEV=0", "EMG", "0001"),
                                                 usb("hw:CARD=EMG,DEV=0", "EMG", "0001"),
                                                 usb("plughw:CARD=EMG,DEV=0", "EMG", "0001"),
                                                 usb("hw:CARD=EMG_1,DEV=0", "EMG_1", "0001"),
                                                 usb("sysdefault:CARD=EMG_1", "EMG_1", "0001"),
                                                 usb("hw:2,0", "EMG", "0001"),
                                                 usb("hw:3,0", "EMG_1", "0001")};
    assert_refused(devices, 7, "SERIAL=0001", &NEED, EMG_ERROR_ARGUMENT,
                   "could be hw:CARD=EMG,DEV=0, hw:CARD=EMG_1,DEV=0; give one id");
    assert_refused(devices, 9, "SERIAL=0001", &NEED, EMG_ERROR_ARGUMENT,
                   "could be hw:CARD=EMG,DEV=0, hw:CARD=EMG_1,DEV=0; give one id");
    assert_string_equal(chosen(devices, 9, "SERIAL=0001,CARD=EMG_1", &NEED), "hw:3,0");
    assert_string_equal(chosen(devices, 9, "CARD=EMG,SERIAL=0001", &NEED), "hw:2,0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_found_by_id_then_name_then_card),
        cmocka_unit_test(a_card_must_match_whole),
        cmocka_unit_test(the_device_nearest_to_the_hardware_is_preferred),
        cmocka_unit_test(hardware_without_a_readable_format_yields_to_plughw),
        cmocka_unit_test(plughw_may_neither_resample_nor_mix),
        cmocka_unit_test(two_devices_of_one_card_are_ambiguous_until_dev_is_given),
        cmocka_unit_test(a_device_that_does_not_fit_makes_nothing_ambiguous),
        cmocka_unit_test(an_absent_device_is_answered_with_what_there_is),
        cmocka_unit_test(a_device_that_lacks_what_is_needed_is_refused_by_what_it_offers),
        cmocka_unit_test(the_fewest_channels_that_hold_every_configured_one_are_taken),
        cmocka_unit_test(more_channels_than_the_library_can_list_are_tried_only_with_alsa),
        cmocka_unit_test(formats_are_taken_in_order_of_preference),
        cmocka_unit_test(the_configuration_needs_its_highest_channel),
        cmocka_unit_test(of_two_equal_front_ends_the_one_with_the_serial_number_is_taken),
        cmocka_unit_test(the_tokens_of_a_specification_come_in_any_order),
        cmocka_unit_test(a_serial_number_must_match_whole_whatever_is_in_it),
        cmocka_unit_test(a_card_with_another_serial_number_is_refused_by_both),
        cmocka_unit_test(one_serial_number_on_two_cards_is_ambiguous_until_the_card_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
