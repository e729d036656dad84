#include "daemon/soundio_card.h"

#include "daemon/soundio_device.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    for (char *slash = strchr(path + strlen(directory) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static int make_directory(void **state)
{
    static char directory[64];
    (void)snprintf(directory, sizeof directory, "/tmp/emg-card-XXXXXX");
    *state = mkdtemp(directory);
    return *state == NULL;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static int remove_directory(void **state)
{
    return nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void a_card_is_read_out_of_an_id(void **state)
{
    const char *directory = *state;
    char card[32];
    unsigned pcm;
    write_file(directory, "card2/id", "EMG\n");
    assert_true(emg_soundio_parse_alsa_id("hw:CARD=Front,DEV=3", directory, card, &pcm));
    assert_string_equal(card, "Front");
    assert_int_equal(pcm, 3);
    assert_true(emg_soundio_parse_alsa_id("sysdefault:CARD=Front", directory, card, &pcm));
    assert_string_equal(card, "Front");
    assert_int_equal(pcm, 0);
    assert_true(emg_soundio_parse_alsa_id("hw:2,1", directory, card, &pcm));
    assert_string_equal(card, "EMG");
    assert_int_equal(pcm, 1);
    assert_false(emg_soundio_parse_alsa_id("hw:7,0", directory, card, &pcm));
    assert_string_equal(card, "");
    assert_false(emg_soundio_parse_alsa_id("hw:x,0", directory, card, &pcm));
    assert_false(emg_soundio_parse_alsa_id("hw:2", directory, card, &pcm));
    assert_false(emg_soundio_parse_alsa_id("default", directory, card, &pcm));
    assert_false(emg_soundio_parse_alsa_id("hw:CARD=", directory, card, &pcm));
    assert_false(emg_soundio_parse_alsa_id("hw:CARD=,DEV=1", directory, card, &pcm));
    assert_true(emg_soundio_parse_alsa_id("hw:CARD=a_name_that_is_much_longer_than_any_card_has", directory,
                                          card, &pcm));
    assert_int_equal(strlen(card), 31);
}

static void hardware_that_runs_otherwise_is_refused(void **state)
{
    const char *directory = *state;
    const struct emg_soundio_device device = {.id = "plughw:CARD=EMG,DEV=1", .card = "EMG", .pcm = 1};
    const struct emg_soundio_device none = {.id = "default"};
    struct emg_problem problem = {{0}};
    assert_int_equal(emg_soundio_check_hardware(&device, directory, 48000, 4, NULL), EMG_OK);
    write_file(directory, "EMG/pcm1c/sub0/hw_params", "closed\n");
    assert_int_equal(emg_soundio_check_hardware(&device, directory, 48000, 4, NULL), EMG_OK);
    write_file(directory, "EMG/pcm1c/sub0/hw_params",
               "access: MMAP_INTERLEAVED\nformat: S24_3LE\nsubformat: STD\nchannels: 8\n"
               "rate: 96000 (96000/1)\nperiod_size: 240\nbuffer_size: 960\n");
    assert_int_equal(emg_soundio_check_hardware(&device, directory, 96000, 8, NULL), EMG_OK);
    assert_int_equal(emg_soundio_check_hardware(&device, directory, 48000, 8, &problem), EMG_ERROR_DEVICE);
    assert_non_null(strstr(problem.text, "96000 Hz with 8 channels"));
    assert_int_equal(emg_soundio_check_hardware(&device, directory, 96000, 4, NULL), EMG_ERROR_DEVICE);
    assert_int_equal(emg_soundio_check_hardware(&none, directory, 48000, 4, NULL), EMG_OK);
}

/* Makes a card as the kernel shows it: its directory below that of the interface, which it points back to as
 * `device`, and a link of its number in class/sound. */
static void plug(const char *directory, const char *interface, unsigned number, const char *id)
{
    char path[300], target[300], text[40];
    (void)snprintf(path, sizeof path, "devices/%s/sound/card%u/id", interface, number);
    (void)snprintf(text, sizeof text, "%s\n", id);
    write_file(directory, path, text);
    (void)snprintf(path, sizeof path, "%s/devices/%s/sound/card%u/device", directory, interface, number);
    (void)snprintf(target, sizeof target, "../../../%s", strrchr(interface, '/') + 1);
    assert_int_equal(symlink(target, path), 0);
    write_file(directory, "class/sound/version", "ALSA\n");
    (void)snprintf(path, sizeof path, "%s/class/sound/card%u", directory, number);
    (void)snprintf(target, sizeof target, "../../devices/%s/sound/card%u", interface, number);
    assert_int_equal(symlink(target, path), 0);
}

static void unplug(const char *directory, const char *interface, unsigned number)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/class/sound/card%u", directory, number);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/devices/%s/sound", directory, interface);
    assert_int_equal(nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static const char *serial_of(const char *directory, const char *card)
{
    static char serial[64];
    char sound[128];
    (void)snprintf(sound, sizeof sound, "%s/class/sound", directory);
    memset(serial, 'x', sizeof serial);
    const bool found = emg_soundio_read_serial(card, sound, serial);
    assert_int_equal(found, serial[0] != '\0');
    return serial;
}

#define LEFT  "usb1/1-2/1-2:1.0"
#define RIGHT "usb1/1-3/1-3.1/1-3.1:1.0"

static void a_serial_number_is_that_of_the_usb_device_behind_the_card(void **state)
{
    const char *directory = *state;
    write_file(directory, "devices/usb1/serial", "0000:00:14.0\n");
    write_file(directory, "devices/usb1/1-2/serial", "A123\n");
    write_file(directory, "devices/usb1/1-3/serial", "HUB\n");
    write_file(directory, "devices/usb1/1-3/1-3.1/serial", "B7\n");
    plug(directory, LEFT, 3, "EMG");
    plug(directory, RIGHT, 0, "EMG_1");
    plug(directory, "pci0000:00/0000:00:1f.3", 1, "PCH");
    assert_string_equal(serial_of(directory, "EMG"), "A123");
    assert_string_equal(serial_of(directory, "EMG_1"), "B7");
    assert_string_equal(serial_of(directory, "PCH"), "");
    assert_string_equal(serial_of(directory, "EM"), "");
    assert_string_equal(serial_of(directory, "EMG_"), "");
    assert_string_equal(serial_of(directory, "EMG_12"), "");
    assert_string_equal(serial_of(directory, "3"), "");
    assert_string_equal(serial_of(directory, ""), "");
}

static void a_serial_number_follows_its_device_to_another_card(void **state)
{
    const char *directory = *state;
    write_file(directory, "devices/usb1/1-2/serial", "A123\n");
    write_file(directory, "devices/usb1/1-3/1-3.1/serial", "B7\n");
    plug(directory, LEFT, 1, "EMG");
    plug(directory, RIGHT, 2, "EMG_1");
    unplug(directory, LEFT, 1);
    assert_string_equal(serial_of(directory, "EMG"), "");
    assert_string_equal(serial_of(directory, "EMG_1"), "B7");
    unplug(directory, RIGHT, 2);
    plug(directory, RIGHT, 1, "EMG");
    plug(directory, LEFT, 31, "EMG_1");
    assert_string_equal(serial_of(directory, "EMG"), "B7");
    assert_string_equal(serial_of(directory, "EMG_1"), "A123");
}

static void a_serial_number_is_trimmed_cleaned_and_cut(void **state)
{
    static const char long_serial[] =
        "1234567890123456789012345678901234567890123456789012345678901234567890\n";
    static const struct {
        const char *text, *serial;
    } cases[] = {{"A123", "A123"},
                 {" \t A 12-3._x \r\n", "A 12-3._x"},
                 {"A\x01\x1b[31m\x7f\n", "A??[31m?"},
                 {"A\nB\n", "A?B"},
                 {"M\xc3\xbcller\n", "M??ller"},
                 {"A,CARD=B\n", "A?CARD=B"},
                 {"~!\n", "~!"},
                 {"\n", ""},
                 {" \t\n", ""},
                 {"", ""},
                 {long_serial, "123456789012345678901234567890123456789012345678901234567890123"}};
    const char *directory = *state;
    plug(directory, LEFT, 0, "EMG");
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_file(directory, "devices/usb1/1-2/serial", cases[i].text);
        assert_string_equal(serial_of(directory, "EMG"), cases[i].serial);
    }
}

static void a_card_without_a_readable_serial_number_has_none(void **state)
{
    const char *directory = *state;
    assert_string_equal(serial_of(directory, "EMG"), "");
    plug(directory, LEFT, 0, "EMG");
    assert_string_equal(serial_of(directory, "EMG"), "");
    write_file(directory, "devices/usb1/1-2/serial/is_a_directory", "A123\n");
    assert_string_equal(serial_of(directory, "EMG"), "");
    /* A card that just goes may leave a link to nowhere. */
    char path[300];
    (void)snprintf(path, sizeof path, "%s/devices/" LEFT "/sound", directory);
    assert_int_equal(nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_string_equal(serial_of(directory, "EMG"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_card_is_read_out_of_an_id, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(hardware_that_runs_otherwise_is_refused, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_serial_number_is_that_of_the_usb_device_behind_the_card,
                                        make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(a_serial_number_follows_its_device_to_another_card, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_serial_number_is_trimmed_cleaned_and_cut, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_card_without_a_readable_serial_number_has_none, make_directory,
                                        remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
