/* What the benchmarks of the analysis feed it: runners' muscles with mains pick-up, configured as emgd is by
 * default. One thread; any failure ends the program with a message. */
#ifndef EMG_TESTS_WORKLOAD_H
#define EMG_TESTS_WORKLOAD_H

#include "daemon/analysis.h"
#include "daemon/config.h"
#include "daemon/montage.h"
#include "dsp/simulate.h"

struct emg_workload {
    unsigned channels;
    double rate_hz;
    uint64_t next_frame;
    struct emg_simulate *muscles[EMG_MAX_CHANNELS];
    struct emg_config config;
    struct emg_stream_info stream;
    struct emg_montage montage;
};

void emg_workload_create(struct emg_workload *w, unsigned channels, double rate_hz);

/* Size of a block of n_frames frames. */
size_t emg_workload_block_bytes(const struct emg_workload *w, uint32_t n_frames);

/* Fills *block with the next n_frames frames. */
void emg_workload_fill(struct emg_workload *w, struct emg_block *block, uint32_t n_frames);

/* An analysis that counts its messages into *messages. */
struct emg_analysis *emg_workload_analysis(const struct emg_workload *w, uint64_t *messages);

void emg_workload_destroy(struct emg_workload *w);

#endif
