#include "daemon/soundio_backend.h"

#include "daemon/deadline.h"
#include "daemon/soundio_card.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <pulse/introspect.h>
#include <pulse/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const emg_soundio_backend_names[EMG_SOUNDIO_BACKENDS] = {
    [EMG_SOUNDIO_ALSA] = "alsa", [EMG_SOUNDIO_PULSEAUDIO] = "pulseaudio", [EMG_SOUNDIO_JACK] = "jack"};

static const enum SoundIoBackend backend_ids[EMG_SOUNDIO_BACKENDS] = {
    [EMG_SOUNDIO_ALSA] = SoundIoBackendAlsa,
    [EMG_SOUNDIO_PULSEAUDIO] = SoundIoBackendPulseAudio,
    [EMG_SOUNDIO_JACK] = SoundIoBackendJack};

static const double ANSWER_LIMIT_S = 5;

struct inquiry {
    const char *backend;
    struct emg_soundio_events events;
    struct emg_problem problem;
    size_t n_devices, n_unlisted;
    struct emg_soundio_device devices[EMG_SOUNDIO_MAX_DEVICES];
};

enum SoundIoFormat emg_soundio_native_format(enum emg_soundio_format format)
{
    static const enum SoundIoFormat formats[EMG_SOUNDIO_FORMATS] = {
        [EMG_SOUNDIO_S32] = SoundIoFormatS32NE,
        [EMG_SOUNDIO_FLOAT] = SoundIoFormatFloat32NE,
        [EMG_SOUNDIO_S24] = SoundIoFormatS24NE,
        [EMG_SOUNDIO_S16] = SoundIoFormatS16NE,
    };
    return formats[format];
}

/* libsoundio copies the names of PulseAudio's default sink and source without asking whether there are any,
 * and crashes on a server that has no sink, or whose last source has gone. The dynamic linker prefers the
 * program's own symbols, so that libsoundio's call comes here, on libpulse's thread: a missing name becomes
 * an empty one. */
typedef pa_operation *get_server_info(pa_context *, pa_server_info_cb_t, void *);

struct server_info_call {
    pa_server_info_cb_t callback;
    void *userdata;
};

static void on_server_info(pa_context *context, const pa_server_info *info, void *userdata)
{
    const struct server_info_call call = *(struct server_info_call *)userdata;
    pa_server_info complete;
    free(userdata);
    if (info != NULL) {
        complete = *info;
        if (complete.default_sink_name == NULL)
            complete.default_sink_name = "";
        if (complete.default_source_name == NULL)
            complete.default_source_name = "";
    }
    call.callback(context, info != NULL ? &complete : NULL, call.userdata);
}

pa_operation *pa_context_get_server_info(pa_context *c, pa_server_info_cb_t cb, void *userdata)
{
    get_server_info *real = NULL;
    void *symbol = dlsym(RTLD_NEXT, "pa_context_get_server_info");
    struct server_info_call *call = malloc(sizeof *call);
    memcpy(&real, &symbol, sizeof symbol);
    if (real == NULL || call == NULL) {
        free(call);
        return NULL;
    }
    *call = (struct server_info_call){.callback = cb, .userdata = userdata};
    pa_operation *operation = real(c, on_server_info, call);
    if (operation == NULL)
        free(call);
    return operation;
}

/* A stream whose source goes must break off, and not move on to another source that is no muscle's. */
typedef int connect_record(pa_stream *, const char *, const pa_buffer_attr *, pa_stream_flags_t);

int pa_stream_connect_record(pa_stream *s, const char *dev, const pa_buffer_attr *attr,
                             pa_stream_flags_t flags)
{
    connect_record *real = NULL;
    void *symbol = dlsym(RTLD_NEXT, "pa_stream_connect_record");
    memcpy(&real, &symbol, sizeof real);
    return real != NULL ? real(s, dev, attr, flags | PA_STREAM_DONT_MOVE) : -PA_ERR_INTERNAL;
}

/* Copies text, cut between characters of UTF-8. */
static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    memcpy(out, text, length);
    out[length] = '\0';
}

static void on_disconnect(struct SoundIo *soundio, int error)
{
    struct emg_soundio_events *events = soundio->userdata;
    events->disconnected = error;
}

/* The list is asked for where it is needed. */
static void on_devices_change(struct SoundIo *soundio)
{
    (void)soundio;
}

static void on_events_signal(struct SoundIo *soundio)
{
    struct emg_soundio_events *events = soundio->userdata;
    atomic_store(&events->signalled, true);
}

static void on_realtime_refused(void)
{
}

static void on_message(const char *message)
{
    (void)message;
}

static void on_alsa_message(const char *file, int line, const char *function, int error, const char *format,
                            ...)
{
    (void)file, (void)line, (void)function, (void)error, (void)format;
}

/* Probing ALSA's devices makes its library, and JACK's behind it, print a line for each that is not there.
 * Both come with libsoundio, so they are looked up instead of linked. */
static void silence_libraries(void)
{
    int (*set_alsa)(void (*)(const char *, int, const char *, int, const char *, ...)) = NULL;
    void (*set_jack)(void (*)(const char *)) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler");
    memcpy(&set_alsa, &symbol, sizeof symbol);
    if (set_alsa != NULL)
        (void)set_alsa(on_alsa_message);
    symbol = dlsym(RTLD_DEFAULT, "jack_set_error_function");
    memcpy(&set_jack, &symbol, sizeof symbol);
    if (set_jack != NULL)
        set_jack(on_message);
}
static enum emg_error refuse(enum SoundIoBackend backend, int error, struct emg_problem *problem)
{
    if (backend == SoundIoBackendAlsa && access("/dev/snd", R_OK) != 0)
        return emg_problem_set(problem, EMG_ERROR_DEVICE, "%s",
                               errno == ENOENT ? "there is no sound card (/dev/snd is missing)"
                                               : "/dev/snd cannot be read: no permission?");
    if (error == SoundIoErrorInitAudioBackend)
        return emg_problem_set(problem, EMG_ERROR_DEVICE, "its server does not run, or not for this user");
    return emg_problem_set(problem, EMG_ERROR_DEVICE, "cannot be connected: %s%s", soundio_strerror(error),
                           error == SoundIoErrorOpeningDevice ? "; is this user in the group audio?" : "");
}

static size_t backend_index(const char *backend)
{
    size_t i = 0;
    while (i < EMG_SOUNDIO_BACKENDS && strcmp(backend, emg_soundio_backend_names[i]) != 0)
        i++;
    return i;
}

enum emg_error emg_soundio_connect(struct SoundIo **out, const char *backend,
                                   struct emg_soundio_events *events, struct emg_problem *problem)
{
    const size_t index = backend_index(backend);
    assert(index < EMG_SOUNDIO_BACKENDS);
    *out = NULL;
    *events = (struct emg_soundio_events){0};
    struct SoundIo *soundio = soundio_create();
    if (soundio == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "out of memory");
    soundio->app_name = "emgd";
    soundio->userdata = events;
    soundio->on_backend_disconnect = on_disconnect;
    soundio->on_devices_change = on_devices_change;
    soundio->on_events_signal = on_events_signal;
    soundio->emit_rtprio_warning = on_realtime_refused;
    soundio->jack_info_callback = on_message;
    soundio->jack_error_callback = on_message;
    silence_libraries();

    /* An unreadable /dev/snd would be an assertion in libsoundio. */
    int error = SoundIoErrorInitAudioBackend;
    if (backend_ids[index] != SoundIoBackendAlsa || access("/dev/snd", R_OK) == 0)
        error = soundio_connect_backend(soundio, backend_ids[index]);
    if (error == SoundIoErrorNone) {
        soundio_flush_events(soundio);
        error = events->disconnected;
    }
    if (error != SoundIoErrorNone) {
        soundio_destroy(soundio);
        return refuse(backend_ids[index], error, problem);
    }
    *out = soundio;
    return EMG_OK;
}

static uint32_t count_bit(int n_channels)
{
    return n_channels > 0 && n_channels <= 32 ? UINT32_C(1) << (n_channels - 1) : 0;
}

static void describe(struct emg_soundio_device *out, const char *backend, struct SoundIoDevice *device)
{
    *out = (struct emg_soundio_device){.raw = device->is_raw};
    copy_text(out->backend, sizeof out->backend, backend);
    copy_text(out->id, sizeof out->id, device->id);
    copy_text(out->name, sizeof out->name, device->name);
    const enum SoundIoBackend id = device->soundio->current_backend;
    if (id == SoundIoBackendAlsa && emg_soundio_parse_alsa_id(out->id, "/proc/asound", out->card, &out->pcm))
        (void)emg_soundio_read_serial(out->card, "/sys/class/sound", out->serial);
    if (device->probe_error != SoundIoErrorNone) {
        (void)snprintf(out->failure, sizeof out->failure, "%s: in use, or no permission?",
                       soundio_strerror(device->probe_error));
        return;
    }
    for (unsigned i = 0; i < EMG_SOUNDIO_FORMATS; i++)
        if (soundio_device_supports_format(device, emg_soundio_native_format((enum emg_soundio_format)i)))
            out->formats |= 1U << i;
    if (device->sample_rate_count > 0) {
        out->rate_min_hz = (unsigned)device->sample_rates[0].min;
        out->rate_max_hz = (unsigned)device->sample_rates[0].max;
    }
    const int own = device->current_layout.channel_count;
    if (id == SoundIoBackendPulseAudio) {
        /* It offers any rate and any channels, by resampling and mixing. */
        if (soundio_channel_layout_find_channel(&device->current_layout, SoundIoChannelIdInvalid) >= 0)
            copy_text(out->failure, sizeof out->failure, "its channel map has positions without a name");
        out->rate_min_hz = out->rate_max_hz = (unsigned)device->sample_rate_current;
        out->channel_counts = count_bit(own);
    } else if (id == SoundIoBackendJack) {
        /* Ports can be left out. */
        out->channel_counts = count_bit(own) | (count_bit(own) - 1);
    } else {
        for (int i = 0; i < device->layout_count; i++)
            out->channel_counts |= count_bit(device->layouts[i].channel_count);
    }
}

struct SoundIoDevice *emg_soundio_find(struct SoundIo *soundio, const struct emg_soundio_device *device)
{
    const int n_devices = soundio_input_device_count(soundio);
    for (int i = 0; i < n_devices; i++) {
        struct SoundIoDevice *candidate = soundio_get_input_device(soundio, i);
        if (candidate != NULL && strcmp(candidate->id, device->id) == 0 && candidate->is_raw == device->raw)
            return candidate;
        soundio_device_unref(candidate);
    }
    return NULL;
}

struct SoundIoChannelLayout emg_soundio_layout(const struct SoundIoDevice *device, unsigned n_channels)
{
    const enum SoundIoBackend backend = device->soundio->current_backend;
    struct SoundIoChannelLayout layout = {.channel_count = (int)n_channels};
    if (backend == SoundIoBackendPulseAudio)
        /* Any other map of channels would be mixed from the source's. */
        return device->current_layout;
    if (backend == SoundIoBackendAlsa) {
        for (int i = 0; i < device->layout_count; i++)
            if (device->layouts[i].channel_count == layout.channel_count)
                return device->layouts[i];
        return layout;
    }
    /* JACK ports are connected by position of the loudspeaker; only with positions that the device does not
     * have, each once, are they connected in their own order. */
    int id = SoundIoChannelIdFrontLeft;
    for (int i = 0; i < layout.channel_count; id++)
        if (soundio_channel_layout_find_channel(&device->current_layout, (enum SoundIoChannelId)id) < 0)
            layout.channels[i++] = (enum SoundIoChannelId)id;
    return layout;
}

/* Runs where it may hang. */
static void ask(void *context)
{
    struct inquiry *inquiry = context;
    struct SoundIo *soundio;
    if (emg_soundio_connect(&soundio, inquiry->backend, &inquiry->events, &inquiry->problem) != EMG_OK)
        return;
    const int n_devices = soundio_input_device_count(soundio);
    for (int i = 0; i < n_devices; i++) {
        struct SoundIoDevice *device = soundio_get_input_device(soundio, i);
        if (inquiry->n_devices == EMG_SOUNDIO_MAX_DEVICES)
            inquiry->n_unlisted++;
        else if (device != NULL)
            describe(&inquiry->devices[inquiry->n_devices++], inquiry->backend, device);
        soundio_device_unref(device);
    }
    soundio_destroy(soundio);
}

static struct inquiry *create_inquiry(size_t index)
{
    struct inquiry *inquiry = calloc(1, sizeof *inquiry);
    if (inquiry != NULL)
        inquiry->backend = emg_soundio_backend_names[index];
    return inquiry;
}

/* Takes over what came of the inquiry, and frees it. */
static void take_answer(struct emg_soundio_list *list, size_t index, struct inquiry *inquiry)
{
    struct emg_soundio_backend *backend = &list->backends[index];
    backend->asked = true;
    backend->problem = inquiry->problem;
    backend->n_unlisted = inquiry->n_unlisted;
    for (size_t i = 0; i < inquiry->n_devices; i++) {
        if (list->n_devices < EMG_SOUNDIO_MAX_DEVICES)
            list->devices[list->n_devices++] = inquiry->devices[i];
        else
            backend->n_unlisted++;
    }
    free(inquiry);
}

enum emg_error emg_soundio_list_all(struct emg_soundio_list *list, struct emg_problem *problem)
{
    static const struct emg_deadline_call call = {.work = ask, .late = free};
    memset(list, 0, sizeof *list);
    for (size_t i = 0; i < EMG_SOUNDIO_BACKENDS; i++) {
        struct inquiry *inquiry = create_inquiry(i);
        if (inquiry == NULL)
            return emg_problem_set(problem, EMG_ERROR_MEMORY, "no memory to list the capture devices");
        const enum emg_error error = emg_deadline_run(&call, inquiry, ANSWER_LIMIT_S);
        if (error == EMG_ERROR_DEVICE) { /* the inquiry is no longer ours */
            list->backends[i].asked = true;
            emg_problem_write(&list->backends[i].problem, "its server does not answer");
            continue;
        }
        if (error != EMG_OK)
            emg_problem_write(&inquiry->problem, "no thread to be had");
        take_answer(list, i, inquiry);
    }
    return EMG_OK;
}

enum emg_error emg_soundio_list(struct emg_soundio_list *list, const char *backend,
                                struct emg_problem *problem)
{
    const size_t index = backend_index(backend);
    memset(list, 0, sizeof *list);
    if (index == EMG_SOUNDIO_BACKENDS)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                               "audio backend \"%s\": there is alsa, pulseaudio and jack", backend);
    struct inquiry *inquiry = create_inquiry(index);
    if (inquiry == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "no memory to list the capture devices");
    ask(inquiry);
    take_answer(list, index, inquiry);
    return EMG_OK;
}
