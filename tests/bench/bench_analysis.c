/* What the analysis costs: everything that emgd does by default with the samples of a run, mains pick-up
 * included, up to the finished messages.
 *
 *   bench_analysis [CHANNELS [RATE_HZ [SECONDS [RUNS]]]]     defaults: 4 channels, 48000 Hz, 60 s, 5 runs
 *
 * Prints, of RUNS runs over the same signal, the median of the CPU time in ns per sample and channel, how
 * many times faster than real time that is, and the calls of the allocator. The work is in `run_workload`,
 * for profilers that collect by function. */
#include "daemon/analysis.h"

#include "dsp/simulate.h"
#include "tests/allocations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 256, MAX_RUNS = 100 };

static const double PI = 3.14159265358979323846;
static const double MAINS_UV = 20;

static struct emg_config config;
static struct emg_montage montage;
static struct emg_stream_info stream;

struct workload {
    unsigned channels;
    double rate_hz, seconds;
    size_t n_blocks, block_bytes;
    unsigned char *blocks;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_analysis: %s\n", what);
    exit(1);
}

static struct emg_block *block_of(const struct workload *w, size_t i)
{
    return (struct emg_block *)(void *)(w->blocks + i * w->block_bytes);
}

/* A muscle of a runner: left and right in turn, contracting half a cycle apart. */
static void simulate_channel(const struct workload *w, unsigned channel, float *x, size_t n)
{
    const struct emg_simulate_config muscle = {
        .rate_hz = w->rate_hz,
        .seed = channel + 1,
        .course = EMG_SIMULATE_STRIDE,
        .rms_uv = 200,
        .noise_uv = 2,
        .fl_hz = 60,
        .fh_hz = 120,
        .fatigue = 0.2,
        .fatigue_s = 300,
        .cycle_s = 0.7,
        .cycle_seed = 7,
        .cycle_cv = 0.02,
        .burst_start = channel % 2 == 0 ? 0.1 : 0.6,
        .burst_length = 0.35,
        .ramp_s = 1,
    };
    struct emg_simulate *simulate = NULL;
    if (emg_simulate_create(&simulate, &muscle) != EMG_OK)
        fail("the muscle cannot be simulated");
    emg_simulate_execute(simulate, x, 1, n);
    emg_simulate_destroy(simulate);
    for (size_t i = 0; i < n; i++) {
        const double t = (double)i / w->rate_hz;
        x[i] += (float)(MAINS_UV * (sin(2 * PI * 50.02 * t) + 0.3 * sin(2 * PI * 150.06 * t + channel)));
    }
}

static void prepare(struct workload *w)
{
    const size_t n = (size_t)(w->rate_hz * w->seconds) / BLOCK * BLOCK;
    float *x = malloc(n * sizeof *x);
    w->n_blocks = n / BLOCK;
    w->block_bytes = (sizeof(struct emg_block) + (size_t)BLOCK * w->channels * sizeof(float) + 15) / 16 * 16;
    w->blocks = calloc(w->n_blocks, w->block_bytes);
    if (x == NULL || w->blocks == NULL)
        fail("there is too little memory");
    for (unsigned channel = 0; channel < w->channels; channel++) {
        simulate_channel(w, channel, x, n);
        for (size_t i = 0; i < n; i++)
            block_of(w, i / BLOCK)->samples[i % BLOCK * w->channels + channel] = x[i];
    }
    for (size_t i = 0; i < w->n_blocks; i++) {
        block_of(w, i)->first_frame = i * BLOCK;
        block_of(w, i)->n_frames = BLOCK;
    }
    free(x);
}

static void configure(const struct workload *w)
{
    static const char *const names[] = {"soleus", "gastrocnemius_medialis", "gastrocnemius_lateralis",
                                        "tibialis_anterior"};
    struct emg_problem problem;
    if (emg_config_load(&config, "/dev/null", NULL, 0, &problem) != EMG_OK)
        fail(problem.text);
    stream = (struct emg_stream_info){.rate_hz = w->rate_hz, .n_channels = w->channels, .has_start = true};
    montage.n_muscles = w->channels;
    for (unsigned i = 0; i < w->channels; i++) {
        struct emg_montage_muscle *muscle = &montage.muscles[i];
        *muscle = (struct emg_montage_muscle){
            .channel = i, .scale = 1, .full_scale_uv = 5000, .reference_uv = 200, .reference_method = "mvc"};
        if (i < 8)
            snprintf(muscle->name, sizeof muscle->name, "%s.%s", i % 2 == 0 ? "left" : "right", names[i / 2]);
        else
            snprintf(muscle->name, sizeof muscle->name, "%s.channel_%u", i % 2 == 0 ? "left" : "right",
                     i + 1);
    }
}

static void count(void *context, const struct emg_message *message, size_t n_bytes)
{
    (void)message;
    (void)n_bytes;
    ++*(uint64_t *)context;
}

__attribute__((noinline)) static void run_workload(struct emg_analysis *a, const struct workload *w)
{
    for (size_t i = 0; i < w->n_blocks; i++)
        emg_analysis_execute(a, block_of(w, i));
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

int main(int argc, char **argv)
{
    struct workload w = {
        .channels = (unsigned)argument(argc, argv, 1, 4),
        .rate_hz = argument(argc, argv, 2, 48000),
        .seconds = argument(argc, argv, 3, 60),
    };
    const int runs = (int)argument(argc, argv, 4, 5);
    if (w.channels < 1 || w.channels > EMG_MAX_CHANNELS || runs < 1 || runs > MAX_RUNS)
        fail("usage: bench_analysis [CHANNELS [RATE_HZ [SECONDS [RUNS]]]]");
    prepare(&w);
    configure(&w);
    double spent_s[MAX_RUNS];
    uint64_t messages = 0;
    unsigned long allocated = 0;
    for (int run = 0; run < runs; run++) {
        struct emg_analysis *a = NULL;
        struct emg_problem problem;
        messages = 0;
        if (emg_analysis_create(&a, &config, &stream, &montage, count, &messages, &problem) != EMG_OK)
            fail(problem.text);
        const unsigned long before = allocations;
        const double begin_s = cpu_s();
        run_workload(a, &w);
        spent_s[run] = cpu_s() - begin_s;
        allocated = allocations - before;
        emg_analysis_destroy(a);
    }
    qsort(spent_s, (size_t)runs, sizeof spent_s[0], ascending);
    const double samples = (double)w.n_blocks * BLOCK * w.channels;
    printf("%u channels, %.0f Hz, %.0f s: %.3f ns per sample and channel, %.0f x real time, %lu allocations, "
           "%llu messages\n",
           w.channels, w.rate_hz, w.seconds, 1e9 * spent_s[runs / 2] / samples,
           (double)w.n_blocks * BLOCK / w.rate_hz / spent_s[runs / 2], allocated,
           (unsigned long long)messages);
    free(w.blocks);
    return 0;
}
