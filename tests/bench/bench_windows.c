/* What overlapping Hann windows cost from raw samples on: decimator, mains removal, band-pass, RMS envelope,
 * windows with their indices, and the slope of the MDF.
 *
 *   bench_windows FILE CHANNELS RATE_HZ OVERLAP MAINS_HZ [OUT]
 *
 * FILE holds float32 microvolts, interleaved; MAINS_HZ 0 leaves mains alone. Prints the CPU time in ns per
 * sample and channel, in all and of each stage, as "name figure", and the calls of the allocator. OUT gets
 * the windows as CSV. The work is in `run_workload`, for profilers that collect by function. */
#include "dsp/decimator.h"
#include "dsp/envelope.h"
#include "dsp/mains.h"
#include "dsp/samples.h"
#include "dsp/sos.h"
#include "dsp/windows.h"

#include "tests/allocations.h"
#include "tests/bench/bench.h"

#include <stdint.h>

enum { CHANNELS_MAX = EMG_SOS_TOGETHER, BLOCK = 960, TICK = 40, ORDER = 4 };
enum { SPLIT, DECIMATOR, MAINS, BAND, ENVELOPE, WINDOWS, STAGES };

static const char *const STAGE_NAMES[STAGES] = {"split", "decimator", "mains", "band", "envelope", "windows"};
static const double LOW_HZ = 20, HIGH_HZ = 450, WINDOW_S = 1, RMS_S = 0.05, ENVELOPE_HZ = 10;

struct chain {
    size_t n_channels;
    unsigned factor;
    double rate_hz; /* behind the decimator */
    struct emg_decimator *decimators[CHANNELS_MAX];
    struct emg_mains *mains[CHANNELS_MAX]; /* NULL: off */
    struct emg_sos *bands[CHANNELS_MAX];
    struct emg_envelope *envelopes[CHANNELS_MAX];
    struct emg_windows *windows;
    FILE *out; /* NULL: none */

    double n[CHANNELS_MAX], t[CHANNELS_MAX], tt[CHANNELS_MAX], mdf[CHANNELS_MAX],
        t_mdf[CHANNELS_MAX]; /* sums */
    double rms_uv;           /* sum of all, so that they are made */
    double stage_ns[STAGES], since_ns;
    float raw[CHANNELS_MAX][BLOCK], x[CHANNELS_MAX][BLOCK + 1], envelope[TICK];
};

static void check(enum emg_error error)
{
    if (error != EMG_OK)
        bench_fail("bench_windows", emg_strerror(error));
}

static void create(struct chain *c, double rate_hz, double overlap, double mains_hz)
{
    c->factor = emg_decimator_factor(rate_hz);
    c->rate_hz = rate_hz / c->factor;
    const struct emg_decimator_config decimator = emg_decimator_config(rate_hz);
    const struct emg_mains_config mains = {c->rate_hz, mains_hz, HIGH_HZ};
    const struct emg_sos_config band = {c->rate_hz, LOW_HZ, HIGH_HZ, ORDER};
    const struct emg_envelope_config envelope = {c->rate_hz, RMS_S, ENVELOPE_HZ};
    const struct emg_windows_config windows = {c->rate_hz, c->n_channels, WINDOW_S, overlap, LOW_HZ, HIGH_HZ};
    for (size_t i = 0; i < c->n_channels; i++) {
        check(emg_decimator_create(&c->decimators[i], &decimator));
        if (mains_hz > 0)
            check(emg_mains_create(&c->mains[i], &mains));
        check(emg_sos_create(&c->bands[i], &band));
        check(emg_envelope_create(&c->envelopes[i], &envelope));
    }
    check(emg_windows_create(&c->windows, &windows));
}

static void take(void *context, const struct emg_window *window)
{
    struct chain *c = context;
    const size_t i = window->channel;
    const double t = (double)window->first_sample / c->rate_hz / 60, mdf = window->indices.mdf_hz;
    c->n[i] += 1;
    c->t[i] += t;
    c->tt[i] += t * t;
    c->mdf[i] += mdf;
    c->t_mdf[i] += t * mdf;
    if (c->out != NULL)
        fprintf(c->out, "%zu,%llu,%.9g,%.9g,%.9g,%.9g,%.9g\n", i, (unsigned long long)window->first_sample,
                window->rms_uv, window->indices.power_uv2, mdf, window->indices.mnf_hz,
                window->indices.ln_insm5);
}

static double slope_hz_per_min(const struct chain *c, size_t i)
{
    return (c->n[i] * c->t_mdf[i] - c->t[i] * c->mdf[i]) / (c->n[i] * c->tt[i] - c->t[i] * c->t[i]);
}

static void end_stage(struct chain *c, int stage)
{
    const double now_ns = bench_wall_ns();
    c->stage_ns[stage] += now_ns - c->since_ns;
    c->since_ns = now_ns;
}

static void run_block(struct chain *c, const float *frames, size_t n)
{
    struct emg_split wanted[CHANNELS_MAX];
    const float *x[CHANNELS_MAX];
    float *raw[CHANNELS_MAX], *y[CHANNELS_MAX];
    size_t made = n;

    c->since_ns = bench_wall_ns();
    for (size_t i = 0; i < c->n_channels; i++) {
        wanted[i] = (struct emg_split){i, 1};
        raw[i] = c->factor > 1 ? c->raw[i] : c->x[i];
    }
    emg_split_frames(frames, c->n_channels, n, wanted, c->n_channels, raw);
    end_stage(c, SPLIT);
    for (size_t i = 0; i < c->n_channels && c->factor > 1; i++)
        made = emg_decimator_execute(c->decimators[i], c->raw[i], c->x[i], n);
    end_stage(c, DECIMATOR);
    for (size_t i = 0; i < c->n_channels && c->mains[i] != NULL; i++)
        emg_mains_execute(c->mains[i], c->x[i], c->x[i], made);
    end_stage(c, MAINS);
    for (size_t i = 0; i < c->n_channels; i++) {
        x[i] = c->x[i];
        y[i] = c->x[i];
    }
    emg_sos_execute_together(c->bands, c->n_channels, x, y, made);
    end_stage(c, BAND);
    for (size_t i = 0; i < c->n_channels; i++)
        for (size_t done = 0; done < made; done += TICK) {
            emg_envelope_execute(c->envelopes[i], c->x[i] + done, c->envelope,
                                 made - done < TICK ? made - done : TICK);
            const double rms_uv = emg_envelope_rms_uv(c->envelopes[i]);
            c->rms_uv += rms_uv > 0 ? rms_uv : 0;
        }
    end_stage(c, ENVELOPE);
    emg_windows_execute(c->windows, x, made, take, c);
    end_stage(c, WINDOWS);
}

__attribute__((noinline)) static void run_workload(struct chain *c, const float *frames, size_t n)
{
    for (size_t done = 0; done < n; done += BLOCK)
        run_block(c, frames + done * c->n_channels, n - done < BLOCK ? n - done : BLOCK);
}

int main(int argc, char **argv)
{
    static struct chain chain;
    if (argc < 6 || argc > 7)
        bench_fail("bench_windows", "usage: bench_windows FILE CHANNELS RATE_HZ OVERLAP MAINS_HZ [OUT]");
    chain.n_channels = (size_t)strtoul(argv[2], NULL, 10);
    if (chain.n_channels < 1 || chain.n_channels > CHANNELS_MAX)
        bench_fail("bench_windows", "1 to 4 channels");
    size_t n;
    float *x = bench_read("bench_windows", argv[1], &n);
    chain.out = argc == 7 ? fopen(argv[6], "w") : NULL;
    create(&chain, strtod(argv[3], NULL), strtod(argv[4], NULL), strtod(argv[5], NULL));

    const unsigned long before = allocations;
    const double begin_ns = bench_thread_ns();
    run_workload(&chain, x, n / chain.n_channels);
    const double spent_ns = bench_thread_ns() - begin_ns;
    const unsigned long allocated = allocations - before;
    printf("total %.4f\nallocations %lu\n", spent_ns / (double)n, allocated);
    for (size_t i = 0; i < STAGES; i++)
        printf("%s %.4f\n", STAGE_NAMES[i], chain.stage_ns[i] / (double)n);
    for (size_t i = 0; i < chain.n_channels; i++)
        printf("slope_%zu %.6f\n", i, slope_hz_per_min(&chain, i));
    printf("rms_uv %.9g\n", chain.rms_uv);
    if (chain.out != NULL)
        fclose(chain.out);
    free(x);
    return 0;
}
