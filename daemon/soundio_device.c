#include "daemon/soundio_device.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest of libsoundio's own layouts, which it lists for a device that tells nothing of its channels. */
enum { BUILTIN_MAX_CHANNELS = 8 };

enum { NAMES_SHOWN = 4 };

/* How near to the hardware; the nearest is preferred. */
enum rank { RANK_RAW, RANK_HW, RANK_PLUGHW, RANK_OTHER, RANKS };

enum match { MATCH_NONE, MATCH_CARD, MATCH_NAME, MATCH_ID };

enum emg_error emg_soundio_need_from_config(struct emg_soundio_need *need, const struct emg_config *config,
                                            struct emg_problem *problem)
{
    *need = (struct emg_soundio_need){.channels = config->source.channels};
    const double rate_hz = config->source.rate_hz;
    if (!(rate_hz >= 1 && rate_hz <= 1e6 && rate_hz == floor(rate_hz)))
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "source.rate_hz %g: a device runs at a whole number of hertz", rate_hz);
    need->rate_hz = (unsigned)rate_hz;
    for (size_t i = 0; i < config->n_muscles; i++)
        if (config->muscles[i].channel > need->least_channels)
            need->least_channels = config->muscles[i].channel;
    for (size_t i = 0; i < config->n_footswitches; i++)
        if (config->footswitches[i].channel > need->least_channels)
            need->least_channels = config->footswitches[i].channel;
    return EMG_OK;
}

unsigned emg_soundio_min_channels(const struct emg_soundio_device *device)
{
    return device->channel_counts == 0 ? 0 : (unsigned)__builtin_ctz(device->channel_counts) + 1;
}

unsigned emg_soundio_max_channels(const struct emg_soundio_device *device)
{
    return device->channel_counts == 0 ? 0 : 32 - (unsigned)__builtin_clz(device->channel_counts);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static enum rank rank_of(const struct emg_soundio_device *device)
{
    if (device->raw)
        return RANK_RAW;
    if (starts_with(device->id, "hw:"))
        return RANK_HW;
    return starts_with(device->id, "plughw:") ? RANK_PLUGHW : RANK_OTHER;
}

/* Whether `wanted`, "[kind:]CARD=x[,DEV=n]", describes the device. */
static bool names_card(const char *wanted, const struct emg_soundio_device *device)
{
    const char *colon = strchr(wanted, ':');
    if (colon != NULL && strncmp(wanted, device->id, (size_t)(colon - wanted) + 1) != 0)
        return false;
    bool card_named = false;
    const char *token = colon != NULL ? colon + 1 : wanted;
    while (*token != '\0') {
        const size_t length = strcspn(token, ",");
        char expected[48];
        if (starts_with(token, "CARD=")) {
            (void)snprintf(expected, sizeof expected, "CARD=%s", device->card);
            card_named = true;
        } else {
            (void)snprintf(expected, sizeof expected, "DEV=%u", device->pcm);
        }
        if (device->card[0] == '\0' || strlen(expected) != length || strncmp(token, expected, length) != 0)
            return false;
        token += length + (token[length] == ',');
    }
    return card_named;
}

static enum match match_of(const char *wanted, const struct emg_soundio_device *device)
{
    if (strcmp(wanted, device->id) == 0)
        return MATCH_ID;
    if (strcmp(wanted, device->name) == 0)
        return MATCH_NAME;
    return names_card(wanted, device) ? MATCH_CARD : MATCH_NONE;
}

/* The device that tells what this one does natively: for plughw: its hw: twin, when that could be probed. */
static const struct emg_soundio_device *native_of(const struct emg_soundio_device *devices, size_t n_devices,
                                                  const struct emg_soundio_device *device)
{
    if (rank_of(device) != RANK_PLUGHW)
        return device;
    for (size_t i = 0; i < n_devices; i++) {
        const struct emg_soundio_device *twin = &devices[i];
        if (rank_of(twin) < RANK_PLUGHW && twin->failure[0] == '\0' && device->card[0] != '\0' &&
            strcmp(twin->card, device->card) == 0 && twin->pcm == device->pcm)
            return twin;
    }
    return device;
}

/* The channel count to open the device with, or 0 when it offers none that is needed. */
static unsigned count_channels(const struct emg_soundio_device *device, const struct emg_soundio_need *need)
{
    const unsigned most = emg_soundio_max_channels(device);
    if (need->channels > 0) {
        if (need->channels <= 32 && (device->channel_counts >> (need->channels - 1) & 1) != 0)
            return need->channels;
        /* It may have more than libsoundio's layouts can tell: opening it will show. */
        const bool untold = most == BUILTIN_MAX_CHANNELS && need->channels > most;
        return untold && strcmp(device->backend, "alsa") == 0 ? need->channels : 0;
    }
    if (need->least_channels == 0)
        return most;
    for (unsigned n = need->least_channels; n <= most; n++)
        if ((device->channel_counts >> (n - 1) & 1) != 0)
            return n;
    return 0;
}

/* Fills channels and format of *choice; false when the device does not offer what is needed. */
static bool offers(const struct emg_soundio_device *devices, size_t n_devices,
                   const struct emg_soundio_device *device, const struct emg_soundio_need *need,
                   struct emg_soundio_choice *choice)
{
    const struct emg_soundio_device *native = native_of(devices, n_devices, device);
    if (device->failure[0] != '\0' || device->formats == 0 || need->rate_hz < native->rate_min_hz ||
        need->rate_hz > native->rate_max_hz)
        return false;
    choice->channels = count_channels(native, need);
    choice->format = (enum emg_soundio_format)__builtin_ctz(device->formats);
    return choice->channels > 0;
}

/* Lists the first few ids of the devices that match at this level. */
static void list_ids(char *text, size_t size, const struct emg_soundio_device *devices, size_t n_devices,
                     const char *wanted, enum match level)
{
    size_t n_shown = 0, n_matching = 0, length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n_devices; i++) {
        if (level != MATCH_NONE && match_of(wanted, &devices[i]) != level)
            continue;
        n_matching++;
        if (n_shown == NAMES_SHOWN || length + strlen(devices[i].id) + 24 > size)
            continue;
        length +=
            (size_t)snprintf(text + length, size - length, "%s%s", n_shown > 0 ? ", " : "", devices[i].id);
        n_shown++;
    }
    if (n_matching > n_shown)
        (void)snprintf(text + length, size - length, " and %zu more", n_matching - n_shown);
}

static enum emg_error refuse_absent(const struct emg_soundio_device *devices, size_t n_devices,
                                    const char *wanted, struct emg_problem *problem)
{
    char ids[256];
    if (n_devices == 0)
        return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                               "device \"%.100s\": there is no capture device at all; plug it in and see "
                               "emgd --list-devices",
                               wanted);
    list_ids(ids, sizeof ids, devices, n_devices, wanted, MATCH_NONE);
    return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                           "device \"%.100s\": no such device; there is %s; see emgd --list-devices", wanted,
                           ids);
}

static void print_range(char *text, size_t size, unsigned least, unsigned most)
{
    (void)snprintf(text, size, least < most ? "%u to %u" : "%u", least, most);
}

static enum emg_error refuse_unfit(const struct emg_soundio_device *device,
                                   const struct emg_soundio_device *native,
                                   const struct emg_soundio_need *need, struct emg_problem *problem)
{
    if (device->failure[0] != '\0')
        return emg_problem_set(problem, EMG_ERROR_DEVICE, "device \"%s\": %s", device->id, device->failure);
    if (device->formats == 0)
        return emg_problem_set(
            problem, EMG_ERROR_DEVICE,
            "device \"%s\": offers no sample format that can be read; try the plughw: device", device->id);
    char range[32];
    if (need->rate_hz < native->rate_min_hz || need->rate_hz > native->rate_max_hz) {
        print_range(range, sizeof range, native->rate_min_hz, native->rate_max_hz);
        return emg_problem_set(problem, EMG_ERROR_DEVICE,
                               "device \"%s\": offers %s Hz, not %u; set source.rate_hz", device->id, range,
                               need->rate_hz);
    }
    print_range(range, sizeof range, emg_soundio_min_channels(native), emg_soundio_max_channels(native));
    if (need->channels > 0)
        return emg_problem_set(
            problem, EMG_ERROR_DEVICE,
            "device \"%s\": offers %s channels, not %u; set source.channels, or leave it 0", device->id,
            range, need->channels);
    return emg_problem_set(problem, EMG_ERROR_DEVICE,
                           "device \"%s\": offers %s channels, but a muscle or footswitch is on channel %u",
                           device->id, range, need->least_channels);
}

enum emg_error emg_soundio_choose(struct emg_soundio_choice *choice, const struct emg_soundio_device *devices,
                                  size_t n_devices, const char *wanted, const struct emg_soundio_need *need,
                                  struct emg_problem *problem)
{
    enum match level = MATCH_NONE;
    for (size_t i = 0; i < n_devices; i++)
        if (match_of(wanted, &devices[i]) > level)
            level = match_of(wanted, &devices[i]);
    if (level == MATCH_NONE)
        return refuse_absent(devices, n_devices, wanted, problem);

    const struct emg_soundio_device *nearest = NULL;
    enum rank best = RANKS;
    size_t n_best = 0;
    for (size_t i = 0; i < n_devices; i++) {
        const struct emg_soundio_device *device = &devices[i];
        if (match_of(wanted, device) != level)
            continue;
        const enum rank rank = rank_of(device);
        if (nearest == NULL || rank < rank_of(nearest))
            nearest = device;
        struct emg_soundio_choice candidate = {.index = i};
        if (rank > best || !offers(devices, n_devices, device, need, &candidate))
            continue;
        n_best = rank < best ? 1 : n_best + 1;
        best = rank;
        *choice = candidate;
    }
    assert(nearest != NULL);
    if (n_best == 0)
        return refuse_unfit(nearest, native_of(devices, n_devices, nearest), need, problem);
    if (n_best > 1) {
        char ids[256];
        list_ids(ids, sizeof ids, devices, n_devices, wanted, level);
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "device \"%.100s\": could be %s; give one id (emgd --list-devices)", wanted,
                               ids);
    }
    return EMG_OK;
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
    if (!starts_with(id, "hw:"))
        return false;
    char *end = NULL;
    const unsigned long index = strtoul(id + 3, &end, 10);
    if (end == id + 3 || *end != ',')
        return false;
    *pcm = (unsigned)strtoul(end + 1, NULL, 10);
    (void)snprintf(path, sizeof path, "%s/card%lu/id", asound_directory, index);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fscanf(file, "%31s", card) != 1)
        card[0] = '\0';
    (void)fclose(file);
    return card[0] != '\0';
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
        if (starts_with(line, "rate: "))
            actual_rate_hz = (unsigned)strtoul(line + 6, NULL, 10);
        else if (starts_with(line, "channels: "))
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
