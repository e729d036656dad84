#include "daemon/latency.h"

#include <math.h>
#include <stdlib.h>

void emg_latency_add(struct emg_latency *latency, int64_t ns)
{
    if (ns > latency->longest_ns)
        latency->longest_ns = ns;
    if (latency->n < EMG_LATENCY_SAMPLES)
        latency->ns[latency->n++] = ns;
}

static int compare(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Nearest-rank percentile of sorted values. */
static double percentile_ms(const struct emg_latency *latency, double percent)
{
    const size_t rank = (size_t)ceil(percent / 100 * (double)latency->n);
    return (double)latency->ns[rank > 0 ? rank - 1 : 0] / 1e6;
}

void emg_latency_take(struct emg_latency *latency, double ms[3])
{
    if (latency->n == 0) {
        ms[0] = ms[1] = ms[2] = NAN;
        return;
    }
    qsort(latency->ns, latency->n, sizeof latency->ns[0], compare);
    ms[0] = percentile_ms(latency, 50);
    ms[1] = percentile_ms(latency, 99);
    ms[2] = (double)latency->longest_ns / 1e6;
    latency->n = 0;
    latency->longest_ns = 0;
}
