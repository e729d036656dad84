/* What it costs to bring 48 kHz down to 2 kHz, in blocks of 256 frames: emgd's decimator, soxr, and
 * liquid-dsp.
 *
 *   bench_decimator [RUNS]     default: 15 runs of each, in turns
 *
 * Figures are CPU time per input sample. liquid's firdecim gets a filter of emgd's length and attenuation;
 * soxr and liquid's msresamp make their own. Before that, all must give back a noise of tones from 20 to 450
 * Hz as it was one delay before their output instants, within 0.05 % RMS. And emgd's filter must be flat
 * within 0.01 dB up to 500 Hz, and what folds into that band 80 dB lower. */
#include "dsp/decimator.h"

#include "tests/bench/bench.h"

#include <complex.h> /* liquid.h means its types */
#include <liquid/liquid.h>
#include <math.h>
#include <soxr.h>
#include <stdint.h>
#include <string.h>

enum { RATE_HZ = 48000, FACTOR = 24, BLOCK = 256, N = 2 * RATE_HZ, PASSES = 10, MAX_RUNS = 99 };
enum { TONES = 101, SETTLING = 200, CHECKED = 1000, OUT = N / FACTOR + BLOCK };

static const double PI = 3.14159265358979323846;
static const double PASS_HZ = 500, STOP_DB = 80, DESIGN_DB = 84, RIPPLE_DB = 0.01, TOLERANCE = 0.0005;
static const double OUTPUT_HZ = (double)RATE_HZ / FACTOR;
static const double LOWEST_HZ = 20, HIGHEST_HZ = 450;

static struct emg_decimator *emgd;
static soxr_t medium, high;
static firdecim_rrrf firdecim;
static msresamp_rrrf msresamp;
static double phases[TONES];
static float x[N], y[OUT];

/* What is decimated, at the time t_s; RMS 1. */
static double signal_at(double t_s)
{
    double sum = 0;
    for (int k = 0; k < TONES; k++)
        sum += sin(2 * PI * (LOWEST_HZ + (HIGHEST_HZ - LOWEST_HZ) * k / (TONES - 1)) * t_s + phases[k]);
    return sum * sqrt(2.0 / TONES);
}

static void make_signal(void)
{
    uint32_t random = 1;
    for (int k = 0; k < TONES; k++) {
        random = random * 1664525U + 1013904223U;
        phases[k] = 2 * PI * random / 4294967296.0;
    }
    for (size_t i = 0; i < N; i++)
        x[i] = (float)signal_at((double)i / RATE_HZ);
}

static size_t run_emgd(const float *block, size_t n, float *out)
{
    return emg_decimator_execute(emgd, block, out, n);
}

static size_t run_soxr(soxr_t soxr, const float *block, size_t n, float *out)
{
    size_t made = 0;
    if (soxr_process(soxr, block, n, NULL, out, BLOCK, &made) != NULL)
        bench_fail("bench_decimator", "soxr failed");
    return made;
}

static size_t run_medium(const float *block, size_t n, float *out)
{
    return run_soxr(medium, block, n, out);
}

static size_t run_high(const float *block, size_t n, float *out)
{
    return run_soxr(high, block, n, out);
}

/* firdecim takes whole groups of FACTOR: what is left of a block waits for the next one. */
static size_t run_firdecim(const float *block, size_t n, float *out)
{
    static float waiting[BLOCK + FACTOR];
    static size_t n_waiting;
    memcpy(waiting + n_waiting, block, n * sizeof block[0]);
    n_waiting += n;
    const size_t made = n_waiting / FACTOR;
    firdecim_rrrf_execute_block(firdecim, waiting, (unsigned)made, out);
    n_waiting -= made * FACTOR;
    memmove(waiting, waiting + made * FACTOR, n_waiting * sizeof waiting[0]);
    return made;
}

static size_t run_msresamp(const float *block, size_t n, float *out)
{
    unsigned made = 0;
    msresamp_rrrf_execute(msresamp, (float *)block, (unsigned)n, out, &made);
    return made;
}

static struct contender {
    const char *name;
    size_t (*run)(const float *block, size_t n, float *out);
    double delay_s;
    double ns[MAX_RUNS];
} contenders[] = {
    {.name = "emgd", .run = run_emgd},
    {.name = "soxr MQ", .run = run_medium},
    {.name = "soxr HQ", .run = run_high},
    {.name = "liquid firdecim", .run = run_firdecim},
    {.name = "liquid msresamp", .run = run_msresamp},
};
enum { EMGD, MEDIUM, HIGH, FIRDECIM, MSRESAMP, CONTENDERS };

static soxr_t create_soxr(unsigned long quality)
{
    const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    const soxr_quality_spec_t recipe = soxr_quality_spec(quality, 0);
    soxr_t soxr = soxr_create(RATE_HZ, OUTPUT_HZ, 1, NULL, &io, &recipe, NULL);
    if (soxr == NULL)
        bench_fail("bench_decimator", "soxr cannot be created");
    return soxr;
}

static void create(void)
{
    const struct emg_decimator_config config = {RATE_HZ, FACTOR, PASS_HZ, STOP_DB};
    float taps[4096];
    float gain = 0;
    if (emg_decimator_create(&emgd, &config) != EMG_OK)
        bench_fail("bench_decimator", "emgd's decimator cannot be created");
    contenders[EMGD].delay_s = emg_decimator_delay_s(emgd);
    medium = create_soxr(SOXR_MQ); /* soxr takes its delay off */
    high = create_soxr(SOXR_HQ);
    const unsigned n_taps = (unsigned)lround(2 * contenders[EMGD].delay_s * RATE_HZ) + 1;
    liquid_firdes_kaiser(n_taps, 0.5F / FACTOR, (float)DESIGN_DB, 0, taps);
    for (unsigned i = 0; i < n_taps; i++)
        gain += taps[i];
    firdecim = firdecim_rrrf_create(FACTOR, taps, n_taps);
    firdecim_rrrf_set_scale(firdecim, 1 / gain);
    contenders[FIRDECIM].delay_s = contenders[EMGD].delay_s;
    msresamp = msresamp_rrrf_create(1.0F / FACTOR, (float)STOP_DB);
    contenders[MSRESAMP].delay_s = (double)msresamp_rrrf_get_delay(msresamp) / RATE_HZ;
}

static size_t run_all(const struct contender *c)
{
    size_t made = 0;
    for (size_t i = 0; i < N; i += BLOCK)
        made += c->run(x + i, BLOCK, y + made);
    return made;
}

static void check_output(const struct contender *c)
{
    double square = 0;
    if (run_all(c) < SETTLING + CHECKED)
        bench_fail(c->name, "too few outputs");
    for (size_t m = SETTLING; m < SETTLING + CHECKED; m++) {
        const double wrong = (double)y[m] - signal_at((double)m / OUTPUT_HZ - c->delay_s);
        square += wrong * wrong;
    }
    const double rms = sqrt(square / CHECKED);
    fprintf(stderr, "%s: %.4f %% RMS from what went in\n", c->name, 100 * rms);
    if (!(rms <= TOLERANCE))
        bench_fail(c->name, "the output is not what went in");
}

/* Writes the greatest departure from 0 dB up to PASS_HZ, and the highest gain of what folds into that. */
static void measure_response(double *ripple_db, double *fold_db)
{
    *ripple_db = 0;
    *fold_db = -INFINITY;
    for (double offset_hz = -PASS_HZ; offset_hz <= PASS_HZ; offset_hz += 1) {
        const double gain = emg_decimator_response(emgd, fabs(offset_hz));
        *ripple_db = fmax(*ripple_db, fabs(20 * log10(gain)));
        for (double f_hz = OUTPUT_HZ + offset_hz; f_hz <= RATE_HZ / 2.0; f_hz += OUTPUT_HZ)
            *fold_db = fmax(*fold_db, 20 * log10(emg_decimator_response(emgd, f_hz)));
    }
}

static double time_run(const struct contender *c)
{
    const double begin_ns = bench_thread_ns();
    for (int pass = 0; pass < PASSES; pass++)
        (void)run_all(c);
    return (bench_thread_ns() - begin_ns) / ((double)PASSES * N);
}

int main(int argc, char **argv)
{
    const int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 15;
    double median_ns[CONTENDERS], ripple_db = 0, fold_db = 0;
    char what[64];
    if (runs < 1 || runs > MAX_RUNS)
        bench_fail("bench_decimator", "usage: bench_decimator [RUNS]");
    make_signal();
    create();
    for (int c = 0; c < CONTENDERS; c++)
        check_output(&contenders[c]);
    measure_response(&ripple_db, &fold_db);
    bench_print("decimator, ripple up to 500 Hz, emgd", ripple_db, "dB");
    bench_print("decimator, what folds into 0..500 Hz, emgd", fold_db, "dB");
    if (!(ripple_db <= RIPPLE_DB && fold_db <= -STOP_DB))
        bench_fail("bench_decimator", "emgd's filter is not what methods ask for");
    for (int run = 0; run < runs; run++)
        for (int c = 0; c < CONTENDERS; c++)
            contenders[c].ns[run] = time_run(&contenders[c]);
    for (int c = 0; c < CONTENDERS; c++) {
        median_ns[c] = bench_quantile(contenders[c].ns, (size_t)runs, 0.5);
        snprintf(what, sizeof what, "decimator, 48 kHz to 2 kHz, %s", contenders[c].name);
        if (c != EMGD)
            bench_print(what, median_ns[c], "ns per input sample");
    }
    for (int c = 1; c < CONTENDERS; c++)
        bench_print_against("decimator, 48 kHz to 2 kHz, emgd", median_ns[EMGD], "ns per input sample",
                            contenders[c].name, median_ns[c], c == MEDIUM ? ">= 6" : NULL);
    msresamp_rrrf_destroy(msresamp);
    firdecim_rrrf_destroy(firdecim);
    soxr_delete(high);
    soxr_delete(medium);
    emg_decimator_destroy(emgd);
    return 0;
}
