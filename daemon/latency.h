/* Distribution of latencies since it was last taken. One thread. */
#ifndef EMG_DAEMON_LATENCY_H
#define EMG_DAEMON_LATENCY_H

#include <stddef.h>
#include <stdint.h>

enum { EMG_LATENCY_SAMPLES = 8192 };

struct emg_latency {
    size_t n; /* values kept; what comes when they are full counts for the maximum only */
    int64_t longest_ns;
    int64_t ns[EMG_LATENCY_SAMPLES];
};

void emg_latency_add(struct emg_latency *latency, int64_t ns);

/* Writes p50, p99 and the maximum in milliseconds, NaN when there was nothing, and begins anew. */
void emg_latency_take(struct emg_latency *latency, double ms[3]);

#endif
