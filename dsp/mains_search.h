/* Finds the frequency of a mains line of which nothing is known.
 *
 * The periodogram of the weighted hops of each harmonic, as the likelihood ratio of a line against none; the
 * frequency at which their product is largest. One instance belongs to one thread; creation and destruction
 * of all instances must happen on one thread at a time (FFTW's planner is not thread-safe). */
#ifndef EMG_DSP_MAINS_SEARCH_H
#define EMG_DSP_MAINS_SEARCH_H

#include "dsp/error.h"
#include "dsp/mains_hops.h"
#include "dsp/realtime.h"

#include <stddef.h>

struct emg_mains_search;

struct emg_mains_candidate {
    double frequency_hz;
    double line[EMG_MAINS_HARMONICS_MAX]; /* log likelihood ratio of a line against none, its noise unknown */
};

/* Of a line within 1.05 Hz of nominal_hz, 50 or 60; hop_s at most 0.1, harmonics 1..16. Errors:
 * EMG_ERROR_MEMORY; then *out is NULL. */
enum emg_error emg_mains_search_create(struct emg_mains_search **out, double nominal_hz, double hop_s,
                                       size_t harmonics);

/* The most likely frequency by the newest hops, which it weighs; nominal without evidence when fewer than 1.5
 * of them count. */
EMG_REALTIME struct emg_mains_candidate emg_mains_search_execute(struct emg_mains_search *q,
                                                                 struct emg_mains_hops *newest, size_t hops);

void emg_mains_search_destroy(struct emg_mains_search *q); /* NULL is a no-op */

#endif
