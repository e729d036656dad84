/* What one hop costs the worker: the analysis of 20 ms of 8 channels of 48 kHz, up to the finished messages.
 *
 *   bench_hop [SECONDS]                                      default: 300 s of signal
 *
 * Prints percentiles of a hop's CPU time in percent of its 20 ms. Each hop comes fresh from the simulation,
 * as it does from a device: the analysis finds the caches as others have left them. */
#include "tests/bench/workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHANNELS = 8, RATE_HZ = 48000, HOP_FRAMES = 960 };

static struct emg_workload workload;

static double thread_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void print(const char *which, double spent_s, const char *reach)
{
    printf("{\"what\": \"worker, hop of 20 ms, 8 channels of 48 kHz, %s\", \"figure\": %.3f, "
           "\"unit\": \"%% of the hop\"%s}\n",
           which, 100 * spent_s * RATE_HZ / HOP_FRAMES, reach);
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 300;
    const size_t n = (size_t)(seconds * RATE_HZ) / HOP_FRAMES;
    emg_workload_create(&workload, CHANNELS, RATE_HZ);
    struct emg_block *block = malloc(emg_workload_block_bytes(&workload, HOP_FRAMES));
    double *spent_s = malloc(n * sizeof *spent_s);
    if (n == 0 || block == NULL || spent_s == NULL) {
        fprintf(stderr, "usage: bench_hop [SECONDS]\n");
        exit(1);
    }
    uint64_t messages = 0;
    struct emg_analysis *a = emg_workload_analysis(&workload, &messages);
    for (size_t i = 0; i < n; i++) {
        emg_workload_fill(&workload, block, HOP_FRAMES);
        const double begin_s = thread_s();
        emg_analysis_execute(a, block);
        spent_s[i] = thread_s() - begin_s;
    }
    qsort(spent_s, n, sizeof spent_s[0], ascending);
    print("p50", spent_s[n / 2], ", \"reach\": \"<= 0.2 %\"");
    print("p99", spent_s[n * 99 / 100], "");
    print("p99.9", spent_s[n * 999 / 1000], ", \"reach\": \"<= 1 %\"");
    print("max", spent_s[n - 1], "");
    emg_analysis_destroy(a);
    emg_workload_destroy(&workload);
    free(spent_s);
    free(block);
    return 0;
}
