/* What the analysis costs: everything that emgd does by default with the samples of a run, mains pick-up
 * included, up to the finished messages.
 *
 *   bench_analysis [CHANNELS [RATE_HZ [SECONDS [RUNS]]]]     defaults: 4 channels, 48000 Hz, 60 s, 5 runs
 *
 * Prints, of RUNS runs over the same signal, the median of the CPU time in ns per sample and channel, how
 * many times faster than real time that is, and the calls of the allocator. The work is in `run_workload`,
 * for profilers that collect by function. */
#include "tests/bench/workload.h"

#include "tests/allocations.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 256, MAX_RUNS = 100 };

static struct emg_workload workload;

struct signal {
    size_t n_blocks, block_bytes;
    unsigned char *blocks;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_analysis: %s\n", what);
    exit(1);
}

static struct emg_block *block_of(const struct signal *s, size_t i)
{
    return (struct emg_block *)(void *)(s->blocks + i * s->block_bytes);
}

static void prepare(struct signal *s, double seconds)
{
    s->n_blocks = (size_t)(workload.rate_hz * seconds) / BLOCK;
    s->block_bytes = emg_workload_block_bytes(&workload, BLOCK);
    s->blocks = calloc(s->n_blocks, s->block_bytes);
    if (s->blocks == NULL)
        fail("there is too little memory");
    for (size_t i = 0; i < s->n_blocks; i++)
        emg_workload_fill(&workload, block_of(s, i), BLOCK);
}

__attribute__((noinline)) static void run_workload(struct emg_analysis *a, const struct signal *s)
{
    for (size_t i = 0; i < s->n_blocks; i++)
        emg_analysis_execute(a, block_of(s, i));
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double argument(int argc, char **argv, int i, double otherwise)
{
    return argc > i ? strtod(argv[i], NULL) : otherwise;
}

/* The speed that is asked for is that of the default. */
static void print(const struct signal *s, double spent_s, unsigned long allocated)
{
    const double frames = (double)s->n_blocks * BLOCK;
    const bool is_default = workload.channels == 4 && workload.rate_hz == 48000;
    char what[64];
    (void)snprintf(what, sizeof what, "analysis, %u channels of %g kHz", workload.channels,
                   workload.rate_hz / 1e3);
    printf("{\"what\": \"%s\", \"figure\": %.2f, \"unit\": \"ns per sample and channel\"}\n", what,
           1e9 * spent_s / frames / workload.channels);
    printf("{\"what\": \"%s, speed\", \"figure\": %.0f, \"unit\": \"x real time\"%s}\n", what,
           frames / workload.rate_hz / spent_s, is_default ? ", \"reach\": \">= 2000\"" : "");
    printf("{\"what\": \"%s, allocations\", \"figure\": %lu, \"unit\": \"\", \"reach\": \"0\"}\n", what,
           allocated);
}

int main(int argc, char **argv)
{
    const double channels = argument(argc, argv, 1, 4);
    const double rate_hz = argument(argc, argv, 2, 48000), seconds = argument(argc, argv, 3, 60);
    const int runs = (int)argument(argc, argv, 4, 5);
    if (channels < 1 || channels > EMG_MAX_CHANNELS || runs < 1 || runs > MAX_RUNS)
        fail("usage: bench_analysis [CHANNELS [RATE_HZ [SECONDS [RUNS]]]]");
    struct signal signal;
    emg_workload_create(&workload, (unsigned)channels, rate_hz);
    prepare(&signal, seconds);
    double spent_s[MAX_RUNS];
    unsigned long allocated = 0;
    for (int run = 0; run < runs; run++) {
        uint64_t messages = 0;
        struct emg_analysis *a = emg_workload_analysis(&workload, &messages);
        const unsigned long before = allocations;
        const double begin_s = cpu_s();
        run_workload(a, &signal);
        spent_s[run] = cpu_s() - begin_s;
        allocated = allocations - before;
        emg_analysis_destroy(a);
    }
    qsort(spent_s, (size_t)runs, sizeof spent_s[0], ascending);
    print(&signal, spent_s[runs / 2], allocated);
    free(signal.blocks);
    emg_workload_destroy(&workload);
    return 0;
}
