/* What the kernel tells of a sound card, in /proc/asound and /sys/class/sound. Any thread. */
#ifndef EMG_DAEMON_SOUNDIO_CARD_H
#define EMG_DAEMON_SOUNDIO_CARD_H

#include "daemon/problem.h"
#include "dsp/error.h"

#include <stdbool.h>

struct emg_soundio_device;

/* Reads card and device number out of an ALSA id: "hw:CARD=EMG,DEV=0", or "hw:1,0" by way of the file
 * card1/id in asound_directory (/proc/asound). Returns false, with card "", when the id names no card. */
bool emg_soundio_parse_alsa_id(const char *id, const char *asound_directory, char card[32], unsigned *pcm);

/* Reads the USB serial number of the ALSA card with the id `card` in sound_directory (/sys/class/sound),
 * whatever the card's number, without the white space around it and cut to fit. What is not printable ASCII,
 * and the comma, which no specification can hold, become '?'. Returns false, with serial "", when there is no
 * such card or it has no serial number. */
bool emg_soundio_read_serial(const char *card, const char *sound_directory, char serial[64]);

/* Checks that the card's hardware, once open, runs at this rate and channel count, so that nothing between
 * it and us resamples or mixes. What cannot be read is taken as right. Errors: EMG_ERROR_DEVICE. */
enum emg_error emg_soundio_check_hardware(const struct emg_soundio_device *device,
                                          const char *asound_directory, unsigned rate_hz, unsigned channels,
                                          struct emg_problem *problem);

#endif
