/* What capture devices offer, and which of them a source specification means.
 *
 * Plain values, filled from libsoundio by daemon/soundio_backend.h; any thread. */
#ifndef EMG_DAEMON_SOUNDIO_DEVICE_H
#define EMG_DAEMON_SOUNDIO_DEVICE_H

#include "daemon/config.h"
#include "daemon/problem.h"
#include "dsp/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Native byte order; the order is that of preference. S24 is the low three bytes of a 32-bit word. */
enum emg_soundio_format {
    EMG_SOUNDIO_S32,
    EMG_SOUNDIO_FLOAT,
    EMG_SOUNDIO_S24,
    EMG_SOUNDIO_S16,
    EMG_SOUNDIO_FORMATS,
};

struct emg_soundio_device {
    char backend[16];        /* "alsa", "pulseaudio" or "jack" */
    char id[128], name[160]; /* of libsoundio, cut to fit */
    char card[32];           /* ALSA: the card's id, "" when the device is not of one card */
    char serial[64];         /* ALSA: the USB serial number, "" when the card has none */
    unsigned pcm;            /* ALSA: the device's number on its card */
    bool raw;                /* ALSA: found as hardware, not by the ALSA configuration */
    unsigned rate_min_hz;    /* where a server resamples, the rate that the server itself runs at */
    unsigned rate_max_hz;
    uint32_t channel_counts; /* bit n - 1: n channels can be had; a server's own count only */
    unsigned formats;        /* bit i: enum emg_soundio_format i */
    char failure[64];        /* "": probed; else why nothing is known of it (in use, no permission) */
};

/* What the configuration needs of a device. */
struct emg_soundio_need {
    unsigned rate_hz;
    unsigned channels;       /* exactly so many; 0: the fewest that hold least_channels */
    unsigned least_channels; /* 0: all that the device has */
};

struct emg_soundio_choice {
    size_t index; /* into the devices */
    unsigned channels;
    enum emg_soundio_format format;
};

/* Errors: EMG_ERROR_ARGUMENT (a rate that is not a whole number of hertz). */
enum emg_error emg_soundio_need_from_config(struct emg_soundio_need *need, const struct emg_config *config,
                                            struct emg_problem *problem);

/* Finds what `wanted` names: an exact id, else an exact name, else an ALSA card by CARD=x or SERIAL=y or both
 * (also with DEV=n, in any order, and with the kind in front: "hw:CARD=x,DEV=0,SERIAL=y"). Of several that
 * offer what is needed, hw: goes before plughw: before others. plughw: counts as offering only what its hw:
 * twin does natively, but in more sample formats: so nothing is resampled or mixed. Errors, each saying what
 * there is: EMG_ERROR_NOT_FOUND (also a card of this name with another serial number), EMG_ERROR_ARGUMENT
 * (ambiguous), EMG_ERROR_DEVICE (found, but in use or does not offer what is needed). */
enum emg_error emg_soundio_choose(struct emg_soundio_choice *choice, const struct emg_soundio_device *devices,
                                  size_t n_devices, const char *wanted, const struct emg_soundio_need *need,
                                  struct emg_problem *problem);

/* Fewest and most channels; 0 when none are known. */
unsigned emg_soundio_min_channels(const struct emg_soundio_device *device);
unsigned emg_soundio_max_channels(const struct emg_soundio_device *device);

#endif
