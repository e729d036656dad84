/* The device's clock against the host's: the device's true rate with its uncertainty, and the host time of
 * any frame.
 *
 * Callbacks come late, never early: so a line host time = a + b * frame lies below all of them, and only the
 * least delayed tell of it. Kept is the least delayed callback of each slot of host time. Slots are 1 s at
 * first; when 20 of them are full neighbours are merged, up to 32 s each, so that the window grows with the
 * stream to 10 min 40 s and slides from then on. The slope is the median of the slopes of all pairs, its
 * standard error the half width of Kendall's 68 % interval of it (Theil 1950; Sen 1968, J Am Stat Assoc
 * 63:1379): minima have a one-sided spread, for which this has a third of least squares' variance, and a slot
 * that was late as a whole does no harm. The offset is the lower quartile of what remains.
 *
 * After 60 s of 10 ms blocks the rate is right to 0.3 ppm RMS with delays spread evenly to 10 ms, to 0.01 ppm
 * with exponential ones of mean 0.2 ms (test_drift 500 prints the table). A rate that itself moves, with the
 * temperature, is given as it was in the middle of the window; the standard error does not speak of that.
 *
 * What no fit can see: a constant delay, which shifts every time by as much; and delay that grows or falls
 * steadily through the window, as when the device's blocks beat slowly against a coarse timer of the host
 * (1 ms against 10 ppm beats in 100 s): then the standard error is too small until the window holds some
 * beats.
 *
 * One thread; no allocation, no clock is read. Host times are CLOCK_MONOTONIC in ns. A frame index counts the
 * frames since the stream began, those lost included; the time of frame n is that at which n frames had been
 * sampled. */
#ifndef EMG_DAEMON_DRIFT_H
#define EMG_DAEMON_DRIFT_H

#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EMG_DRIFT_SLOTS = 20 };

/* A callback against a device of exactly the nominal rate, from the origin on. */
struct emg_drift_point {
    double device_s; /* frames / nominal rate */
    double delay_s;  /* host time less device_s */
};

/* To be read by the functions below alone. */
struct emg_drift {
    double rate_hz; /* nominal */
    bool begun, settled, known;
    uint64_t origin_frame, newest_frame;
    int64_t origin_ns;

    double slot_s;
    size_t n; /* the last of the points is that of the slot still open */
    struct emg_drift_point points[EMG_DRIFT_SLOTS];

    /* Slopes are of delay_s over device_s. */
    double prior_slope, prior_se;
    double offset_s, slope, slope_se;
    double slew_s, slew_from_s; /* left of the line before, at that device_s; it fades from there on */
};

struct emg_drift_state {
    double ppm;      /* by which the device is faster than its nominal rate */
    double ppm_se;   /* its standard error; both NaN until 10 s have been heard */
    double window_s; /* what they rest on: 0 .. 640 s, beginning anew with a restart */
};

/* nominal_rate_hz > 0. Until its rate is known the device is taken to be within +-150 ppm (1 sigma). */
void emg_drift_init(struct emg_drift *q, double nominal_rate_hz);

/* Takes a callback: frames is the index behind the newest frame it brought, host_ns when it came. The first
 * one begins. Several at one instant are welcome, and so is a jump of the index over a gap of known length.
 * One that brings no frame tells nothing. More than 640 s without a frame are a restart. */
EMG_REALTIME void emg_drift_add(struct emg_drift *q, uint64_t frames, int64_t host_ns);

/* Begins anew at a callback that does not continue the ones before: after a loss of the device, or a gap of
 * which the length was only estimated. The rate learnt is kept, to +-5 ppm (a crystal warming up again). */
EMG_REALTIME void emg_drift_restart(struct emg_drift *q, uint64_t frames, int64_t host_ns);

EMG_REALTIME struct emg_drift_state emg_drift_state(const struct emg_drift *q);

/* Host time of a frame, past or to come; 0 before anything was heard. Continuous over frames. For
 * 10 s from the beginning it is bettered by steps, each with a new callback or second; then a new fit bends
 * it from the newest frame on, and its difference from the old is worked off within 10 s. */
EMG_REALTIME int64_t emg_drift_time_ns(const struct emg_drift *q, uint64_t frame);

/* Frames that the device samples in so many seconds of the host's, by its rate as far as it is known. */
EMG_REALTIME double emg_drift_frames(const struct emg_drift *q, double seconds);

#endif
