/* Error codes shared by every module. Pure values: nothing here prints, exits or allocates. */
#ifndef EMG_DSP_ERROR_H
#define EMG_DSP_ERROR_H

enum emg_error {
    EMG_OK = 0,
    EMG_ERROR_ARGUMENT,    /* a parameter outside its documented range */
    EMG_ERROR_MEMORY,      /* an allocation failed */
    EMG_ERROR_NOT_FOUND,   /* the named file, key, label, channel or device does not exist */
    EMG_ERROR_FORMAT,      /* a file or message is not what it claims to be */
    EMG_ERROR_UNSUPPORTED, /* well formed, but not something this version does */
    EMG_ERROR_IO,          /* the system refused to read, write, bind or start */
    EMG_ERROR_DEVICE,      /* a capture device failed or does not offer what was asked */
};

/* One short English phrase, never NULL, for any value. */
const char *emg_strerror(enum emg_error error);

#endif
