#include "daemon/soundio_card.h"

#include "daemon/soundio_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As many as the kernel numbers, unless it was built for more. */
enum { MAX_CARDS = 32 };

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Reads a file of one line without the white space around it, cut to fit; false, with "", when nothing is
 * left. */
static bool read_line(const char *path, char *text, size_t size)
{
    char line[256];
    text[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    line[fread(line, 1, sizeof line - 1, file)] = '\0';
    (void)fclose(file);
    const char *start = line;
    while (is_space(*start))
        start++;
    size_t length = strnlen(start, size - 1);
    while (length > 0 && is_space(start[length - 1]))
        length--;
    (void)snprintf(text, size, "%.*s", (int)length, start);
    return length > 0;
}

bool emg_soundio_parse_alsa_id(const char *id, const char *asound_directory, char card[32], unsigned *pcm)
{
    char path[256];
    card[0] = '\0';
    *pcm = 0;
    const char *token = strstr(id, ":CARD=");
    if (token != NULL) {
        const int length = (int)strcspn(token + 6, ",");
        (void)snprintf(card, 32, "%.*s", length, token + 6);
        const char *device = strstr(token, ",DEV=");
        *pcm = device != NULL ? (unsigned)strtoul(device + 5, NULL, 10) : 0;
        return card[0] != '\0';
    }
    if (strncmp(id, "hw:", 3) != 0)
        return false;
    char *end = NULL;
    const unsigned long index = strtoul(id + 3, &end, 10);
    if (end == id + 3 || *end != ',')
        return false;
    *pcm = (unsigned)strtoul(end + 1, NULL, 10);
    (void)snprintf(path, sizeof path, "%s/card%lu/id", asound_directory, index);
    return read_line(path, card, 32);
}

bool emg_soundio_read_serial(const char *card, const char *sound_directory, char serial[64])
{
    char path[256], id[32];
    serial[0] = '\0';
    for (unsigned i = 0; i < MAX_CARDS; i++) {
        (void)snprintf(path, sizeof path, "%s/card%u/id", sound_directory, i);
        if (!read_line(path, id, sizeof id) || strcmp(id, card) != 0)
            continue;
        /* `device` is a link to the directory of the USB interface, which lies in that of its device. */
        (void)snprintf(path, sizeof path, "%s/card%u/device/../serial", sound_directory, i);
        if (!read_line(path, serial, 64))
            return false;
        for (char *c = serial; *c != '\0'; c++)
            if (*c < ' ' || *c > '~' || *c == ',')
                *c = '?';
        return true;
    }
    return false;
}

enum emg_error emg_soundio_check_hardware(const struct emg_soundio_device *device,
                                          const char *asound_directory, unsigned rate_hz, unsigned channels,
                                          struct emg_problem *problem)
{
    char path[256], line[128];
    unsigned actual_rate_hz = rate_hz, actual_channels = channels;
    if (device->card[0] == '\0')
        return EMG_OK;
    (void)snprintf(path, sizeof path, "%s/%s/pcm%uc/sub0/hw_params", asound_directory, device->card,
                   device->pcm);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return EMG_OK;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "rate: ", 6) == 0)
            actual_rate_hz = (unsigned)strtoul(line + 6, NULL, 10);
        else if (strncmp(line, "channels: ", 10) == 0)
            actual_channels = (unsigned)strtoul(line + 10, NULL, 10);
    }
    (void)fclose(file);
    if (actual_rate_hz == rate_hz && actual_channels == channels)
        return EMG_OK;
    return emg_problem_set(
        problem, EMG_ERROR_DEVICE,
        "device \"%s\": its hardware runs at %u Hz with %u channels, so ALSA would resample "
        "or mix; set source.rate_hz and source.channels to these",
        device->id, actual_rate_hz, actual_channels);
}
