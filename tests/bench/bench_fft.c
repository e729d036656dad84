/* What the transform of a slice costs: 2048 real points each for two channels, one by one as dsp/spectrum.c
 * does it, or both packed into one complex transform, with FFTW's three ways of planning.
 *
 *   bench_fft [RUNS]     default: 31 runs of each, in turns
 *
 * Figures are CPU time: of a transform for one channel, with the packing and, but where it says otherwise,
 * the taking apart; and of the planning. The summed power of two tapers needs no taking apart: |A|^2 + |B|^2
 * is the mean of |Z|^2 and its mirror image. Whether the spectra agree is checked first. */
#include "tests/bench/bench.h"

#include <fftw3.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { N = 2048, BINS = N / 2 + 1, CHANNELS = 2, TRANSFORMS = 500, MAX_RUNS = 99 };
enum { ESTIMATE, MEASURE, PATIENT, PLANNINGS };
enum { ONE_BY_ONE, PACKED, PARTED, FORMS };

static const struct {
    const char *name;
    unsigned flag;
} plannings[] = {{"ESTIMATE", FFTW_ESTIMATE}, {"MEASURE", FFTW_MEASURE}, {"PATIENT", FFTW_PATIENT}};

struct plans {
    fftwf_plan real, packed;
    double real_ms, packed_ms; /* the planning took */
};

static float x[CHANNELS][N];
static float *time_real;                         /* [N] */
static fftwf_complex *time_packed, *freq_packed; /* [N] */
static fftwf_complex *freq[CHANNELS];            /* [BINS] */

static void *allocate(size_t n_bytes)
{
    void *memory = fftwf_malloc(n_bytes);
    if (memory == NULL)
        bench_fail("bench_fft", "there is too little memory");
    memset(memory, 0, n_bytes);
    return memory;
}

static struct plans make_plans(unsigned flag)
{
    struct plans plans;
    fftwf_forget_wisdom(); /* that earlier plans have left */
    double begin_ns = bench_thread_ns();
    plans.real = fftwf_plan_dft_r2c_1d(N, time_real, freq[0], flag);
    plans.real_ms = 1e-6 * (bench_thread_ns() - begin_ns);
    fftwf_forget_wisdom();
    begin_ns = bench_thread_ns();
    plans.packed = fftwf_plan_dft_1d(N, time_packed, freq_packed, FFTW_FORWARD, flag);
    plans.packed_ms = 1e-6 * (bench_thread_ns() - begin_ns);
    if (plans.real == NULL || plans.packed == NULL)
        bench_fail("bench_fft", "FFTW gives no plan");
    return plans;
}

static void transform_one_by_one(const struct plans *plans)
{
    for (int c = 0; c < CHANNELS; c++) {
        memcpy(time_real, x[c], sizeof x[c]);
        fftwf_execute_dft_r2c(plans->real, time_real, freq[c]);
    }
}

static void transform_packed(const struct plans *plans)
{
    for (int i = 0; i < N; i++) {
        time_packed[i][0] = x[0][i];
        time_packed[i][1] = x[1][i];
    }
    fftwf_execute(plans->packed);
}

/* z = a + i b: then A[k] is half of Z[k] + Z*[-k], and B[k] half of (Z[k] - Z*[-k]) / i. */
static void transform_and_part(const struct plans *plans)
{
    transform_packed(plans);
    for (int k = 0; k < BINS; k++) {
        const float *z = freq_packed[k], *mirror = freq_packed[(N - k) % N];
        freq[0][k][0] = 0.5F * (z[0] + mirror[0]);
        freq[0][k][1] = 0.5F * (z[1] - mirror[1]);
        freq[1][k][0] = 0.5F * (z[1] + mirror[1]);
        freq[1][k][1] = 0.5F * (mirror[0] - z[0]);
    }
}

static void check(const struct plans *plans)
{
    static fftwf_complex kept[CHANNELS][BINS];
    double power = 0, wrong = 0;
    transform_one_by_one(plans);
    for (int c = 0; c < CHANNELS; c++)
        memcpy(kept[c], freq[c], sizeof kept[c]);
    transform_and_part(plans);
    for (int c = 0; c < CHANNELS; c++)
        for (int k = 0; k < BINS; k++) {
            power += pow((double)kept[c][k][0], 2) + pow((double)kept[c][k][1], 2);
            wrong += pow((double)(kept[c][k][0] - freq[c][k][0]), 2) +
                     pow((double)(kept[c][k][1] - freq[c][k][1]), 2);
        }
    if (!(wrong < 1e-12 * power))
        bench_fail("bench_fft", "the spectra differ");
}

/* Microseconds per channel. */
static double time_run(void (*transform)(const struct plans *), const struct plans *plans)
{
    const double begin_ns = bench_thread_ns();
    for (int i = 0; i < TRANSFORMS; i++)
        transform(plans);
    return 1e-3 * (bench_thread_ns() - begin_ns) / (TRANSFORMS * CHANNELS);
}

static void print(const char *form, const char *planning, double *us, int runs)
{
    char what[80];
    snprintf(what, sizeof what, "FFT of 2048 points, %s, %s", form, planning);
    bench_print(what, bench_quantile(us, (size_t)runs, 0.5), "us");
}

static void print_planning(const char *form, const char *planning, double ms)
{
    char what[80];
    snprintf(what, sizeof what, "FFT of 2048 points, %s, %s, planning", form, planning);
    bench_print(what, ms, "ms");
}

static void destroy(struct plans *plans)
{
    fftwf_destroy_plan(plans->real);
    fftwf_destroy_plan(plans->packed);
}

int main(int argc, char **argv)
{
    const int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 31;
    struct plans plans[PLANNINGS];
    double us[FORMS][PLANNINGS][MAX_RUNS];
    uint32_t random = 1;
    if (runs < 1 || runs > MAX_RUNS)
        bench_fail("bench_fft", "usage: bench_fft [RUNS]");
    time_real = allocate(N * sizeof time_real[0]);
    time_packed = allocate(N * sizeof time_packed[0]);
    freq_packed = allocate(N * sizeof freq_packed[0]);
    for (int c = 0; c < CHANNELS; c++)
        freq[c] = allocate(BINS * sizeof freq[c][0]);
    for (int i = 0; i < CHANNELS * N; i++) {
        random = random * 1664525U + 1013904223U;
        x[i / N][i % N] = (float)random / 4294967296.0F - 0.5F;
    }
    plans[ESTIMATE] = make_plans(FFTW_ESTIMATE); /* the first ones of a process take longer */
    destroy(&plans[ESTIMATE]);
    for (int p = 0; p < PLANNINGS; p++) {
        plans[p] = make_plans(plannings[p].flag);
        check(&plans[p]);
    }
    for (int run = 0; run < runs; run++)
        for (int p = 0; p < PLANNINGS; p++) {
            us[ONE_BY_ONE][p][run] = time_run(transform_one_by_one, &plans[p]);
            us[PACKED][p][run] = time_run(transform_packed, &plans[p]);
            us[PARTED][p][run] = time_run(transform_and_part, &plans[p]);
        }
    for (int p = 0; p < PLANNINGS; p++) {
        print("one by one", plannings[p].name, us[ONE_BY_ONE][p], runs);
        print("two packed", plannings[p].name, us[PARTED][p], runs);
        print("two packed, not taken apart", plannings[p].name, us[PACKED][p], runs);
        print_planning("one by one", plannings[p].name, plans[p].real_ms);
        print_planning("two packed", plannings[p].name, plans[p].packed_ms);
        destroy(&plans[p]);
    }
    for (int c = 0; c < CHANNELS; c++)
        fftwf_free(freq[c]);
    fftwf_free(freq_packed);
    fftwf_free(time_packed);
    fftwf_free(time_real);
    return 0;
}
