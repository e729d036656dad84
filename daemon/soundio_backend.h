/* Connects libsoundio's backends by name, and lists what devices they have.
 *
 * Any thread, but one at a time for what is connected. Signals must be blocked on the thread that connects:
 * libsoundio's own threads inherit that. */
#ifndef EMG_DAEMON_SOUNDIO_BACKEND_H
#define EMG_DAEMON_SOUNDIO_BACKEND_H

#include "daemon/problem.h"
#include "daemon/soundio_device.h"
#include "dsp/error.h"

#include <soundio/soundio.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { EMG_SOUNDIO_MAX_DEVICES = 64 };

/* What carries samples on Linux; libsoundio's dummy is silence, never data. */
enum { EMG_SOUNDIO_ALSA, EMG_SOUNDIO_PULSEAUDIO, EMG_SOUNDIO_JACK, EMG_SOUNDIO_BACKENDS };

/* "alsa", "pulseaudio", "jack" */
extern const char *const emg_soundio_backend_names[EMG_SOUNDIO_BACKENDS];

struct emg_soundio_backend {
    bool asked;
    struct emg_problem problem; /* empty: the backend runs; else why it does not, without its name */
    size_t n_unlisted;          /* devices for which there was no room */
};

struct emg_soundio_list {
    struct emg_soundio_device devices[EMG_SOUNDIO_MAX_DEVICES]; /* for capture, by backend */
    size_t n_devices;
    struct emg_soundio_backend backends[EMG_SOUNDIO_BACKENDS]; /* in the order of the names */
};

/* Lists the capture devices of all backends. One that does not run, or does not answer within 5 s, is no
 * error: it has a problem. Commonly takes tens of milliseconds. Errors: EMG_ERROR_MEMORY. */
enum emg_error emg_soundio_list_all(struct emg_soundio_list *list, struct emg_problem *problem);

/* The same of one backend; it may hang. Errors: EMG_ERROR_ARGUMENT (no such backend), EMG_ERROR_MEMORY. */
enum emg_error emg_soundio_list(struct emg_soundio_list *list, const char *backend,
                                struct emg_problem *problem);

/* What a connected backend has told. */
struct emg_soundio_events {
    _Atomic bool signalled; /* by any thread: devices may have changed */
    int disconnected;       /* enum SoundIoError, within soundio_flush_events */
};

/* Connects the backend, with every callback set; *events must live as long. It may hang. The devices can be
 * asked for when it returns. What the libraries of ALSA and JACK print is dropped from then on. Errors:
 * EMG_ERROR_DEVICE, EMG_ERROR_MEMORY, without the backend's name; then *out is NULL. */
enum emg_error emg_soundio_connect(struct SoundIo **out, const char *backend,
                                   struct emg_soundio_events *events, struct emg_problem *problem);

/* The capture device of the connected backend that is the listed one, to be given back with
 * soundio_device_unref; NULL: it is not there. */
struct SoundIoDevice *emg_soundio_find(struct SoundIo *soundio, const struct emg_soundio_device *device);

enum SoundIoFormat emg_soundio_native_format(enum emg_soundio_format format);

/* The layout with which n_channels arrive in the device's own order, unmixed. */
struct SoundIoChannelLayout emg_soundio_layout(const struct SoundIoDevice *device, unsigned n_channels);

#endif
