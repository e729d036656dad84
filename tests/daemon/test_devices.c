#include "daemon/devices.h"

#include "daemon/soundio_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* In place of the backends. */
const char *const emg_soundio_backend_names[EMG_SOUNDIO_BACKENDS] = {"alsa", "pulseaudio", "jack"};

enum emg_error emg_soundio_list_all(struct emg_soundio_list *list, struct emg_problem *problem)
{
    static const struct emg_soundio_device front_end = {.backend = "alsa",
                                                        .id = "hw:CARD=EMG,DEV=0",
                                                        .name = "EMG front end, USB Audio",
                                                        .card = "EMG",
                                                        .serial = "A123",
                                                        .rate_min_hz = 44100,
                                                        .rate_max_hz = 96000,
                                                        .channel_counts = 1U << 3 | 1U << 7};
    static const struct emg_soundio_device onboard = {.backend = "alsa",
                                                      .id = "hw:CARD=PCH,DEV=0",
                                                      .name = "HDA Intel PCH",
                                                      .card = "PCH",
                                                      .failure = "in use"};
    (void)problem;
    list->n_devices = 2;
    list->devices[0] = front_end;
    list->devices[1] = onboard;
    emg_problem_write(&list->backends[EMG_SOUNDIO_JACK].problem, "its server does not run");
    return EMG_OK;
}

static void a_device_is_listed_with_the_serial_number_that_it_has(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    emg_devices_print(out);
    (void)fclose(out);
    assert_string_equal(text, "soundio:alsa:hw:CARD=EMG,DEV=0\n"
                              "    EMG front end, USB Audio, serial A123\n"
                              "    4..8 channels, 44100..96000 Hz\n"
                              "soundio:alsa:hw:CARD=PCH,DEV=0\n"
                              "    HDA Intel PCH\n"
                              "    in use\n"
                              "jack: its server does not run\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_listed_with_the_serial_number_that_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
