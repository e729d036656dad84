#include "daemon/soundio_device.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The largest of libsoundio's own layouts, which it lists for a device that tells nothing of its channels. */
enum { BUILTIN_MAX_CHANNELS = 8 };

enum { NAMES_SHOWN = 4 };

#define SERIAL_KEY "SERIAL="

/* The first few of the devices that a message names. */
struct listing {
    char text[256];
    size_t length, n_shown, n_devices;
};

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

/* Where the tokens begin in "[kind:]CARD=x,DEV=n,SERIAL=y", of which the last may hold a colon too. */
static const char *tokens_of(const char *wanted)
{
    const size_t length = strcspn(wanted, ":=,");
    return wanted[length] == ':' ? wanted + length + 1 : wanted;
}

/* The serial number that is asked for, up to its comma; NULL: none is. */
static const char *serial_of(const char *wanted)
{
    const char *token = tokens_of(wanted);
    while (token != NULL && !starts_with(token, SERIAL_KEY)) {
        token = strchr(token, ',');
        token = token != NULL ? token + 1 : NULL;
    }
    return token != NULL ? token + strlen(SERIAL_KEY) : NULL;
}

/* Whether `wanted`, "[kind:]" and then CARD=x or SERIAL=y, or both, and DEV=n in any order, describes the
 * device. With any_serial the serial number may be another, and does not count as naming the card. */
static bool names_card(const char *wanted, const struct emg_soundio_device *device, bool any_serial)
{
    const char *token = tokens_of(wanted);
    if (device->card[0] == '\0' || strncmp(wanted, device->id, (size_t)(token - wanted)) != 0)
        return false;
    bool card_named = false;
    for (size_t length; *token != '\0'; token += length + (token[length] == ',')) {
        char expected[sizeof SERIAL_KEY + sizeof device->serial];
        length = strcspn(token, ",");
        if (starts_with(token, SERIAL_KEY)) {
            if (any_serial && length > strlen(SERIAL_KEY))
                continue;
            if (device->serial[0] == '\0')
                return false;
            (void)snprintf(expected, sizeof expected, SERIAL_KEY "%s", device->serial);
            card_named = true;
        } else if (starts_with(token, "CARD=")) {
            (void)snprintf(expected, sizeof expected, "CARD=%s", device->card);
            card_named = true;
        } else {
            (void)snprintf(expected, sizeof expected, "DEV=%u", device->pcm);
        }
        if (strlen(expected) != length || strncmp(token, expected, length) != 0)
            return false;
    }
    return card_named;
}

static enum match match_of(const char *wanted, const struct emg_soundio_device *device)
{
    if (strcmp(wanted, device->id) == 0)
        return MATCH_ID;
    if (strcmp(wanted, device->name) == 0)
        return MATCH_NAME;
    return names_card(wanted, device, false) ? MATCH_CARD : MATCH_NONE;
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

static void list_device(struct listing *list, const char *id)
{
    list->n_devices++;
    if (list->n_shown == NAMES_SHOWN || list->length + strlen(id) + 24 > sizeof list->text)
        return;
    list->length += (size_t)snprintf(list->text + list->length, sizeof list->text - list->length, "%s%s",
                                     list->n_shown > 0 ? ", " : "", id);
    list->n_shown++;
}

static const char *end_list(struct listing *list)
{
    if (list->n_devices > list->n_shown)
        (void)snprintf(list->text + list->length, sizeof list->text - list->length, " and %zu more",
                       list->n_devices - list->n_shown);
    return list->text;
}

/* By the card's name where the id has its number, which may be another's after the next boot. */
static void list_by_card(struct listing *list, const struct emg_soundio_device *device)
{
    char id[64];
    (void)snprintf(id, sizeof id, "hw:CARD=%s,DEV=%u", device->card, device->pcm);
    list_device(list, device->raw && device->card[0] != '\0' ? id : device->id);
}

/* The card is there by name, but is not the one with this serial number. */
static enum emg_error refuse_serial(const struct emg_soundio_device *devices, size_t n_devices,
                                    const char *wanted, const struct emg_soundio_device *other,
                                    struct emg_problem *problem)
{
    const char *serial = serial_of(wanted);
    const size_t length = strcspn(serial, ",");
    char hint[96] = "";
    for (size_t i = 0; i < n_devices && hint[0] == '\0'; i++)
        if (strlen(devices[i].serial) == length && strncmp(serial, devices[i].serial, length) == 0)
            (void)snprintf(hint, sizeof hint, "; that is card %s: leave CARD out to find it by any name",
                           devices[i].card);
    if (other->serial[0] == '\0')
        return emg_problem_set(
            problem, EMG_ERROR_NOT_FOUND,
            "device \"%.100s\": card %s is there, but it has no serial number, so it is not %.*s%s", wanted,
            other->card, (int)length, serial, hint);
    return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                           "device \"%.100s\": card %s is there, but its serial number is %s, not %.*s%s",
                           wanted, other->card, other->serial, (int)length, serial, hint);
}

static enum emg_error refuse_absent(const struct emg_soundio_device *devices, size_t n_devices,
                                    const char *wanted, struct emg_problem *problem)
{
    struct listing list = {.n_devices = 0};
    if (n_devices == 0)
        return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                               "device \"%.100s\": there is no capture device at all; plug it in and see "
                               "emgd --list-devices",
                               wanted);
    for (size_t i = 0; i < n_devices; i++) {
        if (names_card(wanted, &devices[i], true))
            return refuse_serial(devices, n_devices, wanted, &devices[i], problem);
        list_device(&list, devices[i].id);
    }
    return emg_problem_set(problem, EMG_ERROR_NOT_FOUND,
                           "device \"%.100s\": no such device; there is %s; see emgd --list-devices", wanted,
                           end_list(&list));
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
    struct listing candidates = {.n_devices = 0};
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
        if (rank < best)
            candidates = (struct listing){.n_devices = 0};
        list_by_card(&candidates, device);
        best = rank;
        *choice = candidate;
    }
    assert(nearest != NULL);
    if (candidates.n_devices == 0)
        return refuse_unfit(nearest, native_of(devices, n_devices, nearest), need, problem);
    if (candidates.n_devices > 1)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "device \"%.100s\": could be %s; give one id (emgd --list-devices)", wanted,
                               end_list(&candidates));
    return EMG_OK;
}
