#include "dsp/error.h"

const char *emg_strerror(enum emg_error error)
{
    switch (error) {
    case EMG_OK:
        return "no error";
    case EMG_ERROR_ARGUMENT:
        return "value out of range";
    case EMG_ERROR_MEMORY:
        return "out of memory";
    case EMG_ERROR_NOT_FOUND:
        return "not found";
    case EMG_ERROR_FORMAT:
        return "malformed";
    case EMG_ERROR_UNSUPPORTED:
        return "not supported";
    case EMG_ERROR_IO:
        return "input/output error";
    case EMG_ERROR_DEVICE:
        return "device error";
    }
    return "unknown error";
}
