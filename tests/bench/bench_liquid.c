/* The same work as bench_windows, by liquid-dsp as its users write it: decimator, a notch for each harmonic
 * of mains, Butterworth band-pass, moving RMS, Hann windows with their indices.
 *
 *   bench_liquid FILE CHANNELS RATE_HZ OVERLAP MAINS_HZ
 *
 * FILE holds float32 microvolts, interleaved; MAINS_HZ 0 leaves mains alone. Prints the CPU time in ns per
 * sample and channel, in all and of the decimator, as "name figure". */
#include "tests/bench/bench.h"

#include <complex.h> /* liquid.h means its types */
#include <liquid/liquid.h>
#include <math.h>
#include <string.h>

enum { ORDER = 4, HARMONICS = 9, N_FFT = 2048, SEMI_LENGTH = 5 };

static const double PI = 3.14159265358979323846;
static const double LOW_HZ = 20, HIGH_HZ = 450, NOTCH_Q = 30, STOP_DB = 84, RMS_S = 0.05;

static size_t decimate(float *x, size_t n, unsigned factor)
{
    firdecim_rrrf q = firdecim_rrrf_create_kaiser(factor, SEMI_LENGTH, (float)STOP_DB);
    const size_t made = n / factor;
    for (size_t i = 0; i < made; i++)
        firdecim_rrrf_execute(q, x + i * factor, x + i);
    firdecim_rrrf_destroy(q);
    for (size_t i = 0; i < made; i++)
        x[i] /= (float)factor;
    return made;
}

/* The bilinear transform of (s^2 + 1) / (s^2 + s / Q + 1). */
static void notch(float *x, size_t n, double f_hz, double rate_hz)
{
    const double w = 2 * PI * f_hz / rate_hz, alpha = sin(w) / (2 * NOTCH_Q);
    float b[3] = {(float)(1 / (1 + alpha)), (float)(-2 * cos(w) / (1 + alpha)), (float)(1 / (1 + alpha))};
    float a[3] = {1, (float)(-2 * cos(w) / (1 + alpha)), (float)((1 - alpha) / (1 + alpha))};
    iirfilt_rrrf q = iirfilt_rrrf_create_sos(b, a, 1);
    iirfilt_rrrf_execute_block(q, x, (unsigned)n, x);
    iirfilt_rrrf_destroy(q);
}

static void edge(float *x, size_t n, liquid_iirdes_bandtype type, double f_hz, double rate_hz)
{
    iirfilt_rrrf q = iirfilt_rrrf_create_prototype(LIQUID_IIRDES_BUTTER, type, LIQUID_IIRDES_SOS, ORDER,
                                                   (float)(f_hz / rate_hz), 0.0F, 1.0F, 60.0F);
    iirfilt_rrrf_execute_block(q, x, (unsigned)n, x);
    iirfilt_rrrf_destroy(q);
}

static double moving_rms(const float *x, size_t n, double rate_hz)
{
    const size_t window = (size_t)(RMS_S * rate_hz);
    double sum = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        sum +=
            (double)x[i] * (double)x[i] - (i >= window ? (double)x[i - window] * (double)x[i - window] : 0);
        all += sqrt(fmax(sum, 0) / (double)window);
    }
    return all;
}

/* Sum of the MDF, MNF and power of every window, and of their FInsm5's logarithm. */
static double take_windows(const float *x, size_t n, double rate_hz, double overlap)
{
    static float complex time[N_FFT], frequency[N_FFT];
    fftplan plan = fft_create_plan(N_FFT, time, frequency, LIQUID_FFT_FORWARD, 0);
    const size_t window = (size_t)rate_hz, hop = (size_t)lround(rate_hz * (1 - overlap));
    const size_t first = (size_t)ceil(LOW_HZ * N_FFT / rate_hz), last = (size_t)(HIGH_HZ * N_FFT / rate_hz);
    const double df_hz = rate_hz / N_FFT;
    double all = 0;
    for (size_t at = 0; at + window <= n; at += hop) {
        double mean = 0, power = 0, moment = 0, inverse = 0, fifth = 0, below = 0, p[N_FFT / 2] = {0};
        for (size_t i = 0; i < window; i++)
            mean += (double)x[at + i] / (double)window;
        for (size_t i = 0; i < window; i++)
            time[i] = (x[at + i] - (float)mean) * liquid_hann((unsigned)i, (unsigned)window + 1);
        fft_execute(plan);
        for (size_t k = first; k <= last; k++) {
            const double f = (double)k * df_hz;
            p[k] = (double)(crealf(frequency[k]) * crealf(frequency[k]) +
                            cimagf(frequency[k]) * cimagf(frequency[k]));
            power += p[k];
            moment += f * p[k];
            inverse += p[k] / f;
            fifth += f * f * f * f * f * p[k];
        }
        size_t k = first;
        while (below + p[k] < power / 2)
            below += p[k++];
        all +=
            df_hz * ((double)k + (power / 2 - below) / p[k]) + moment / power + power + log(inverse / fifth);
    }
    fft_destroy_plan(plan);
    return all;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        bench_fail("bench_liquid", "usage: bench_liquid FILE CHANNELS RATE_HZ OVERLAP MAINS_HZ");
    size_t n;
    float *frames = bench_read("bench_liquid", argv[1], &n);
    const size_t n_channels = strtoul(argv[2], NULL, 10), n_frames = n / n_channels;
    const double raw_hz = strtod(argv[3], NULL), overlap = strtod(argv[4], NULL),
                 mains_hz = strtod(argv[5], NULL);
    const unsigned factor = raw_hz > 4200 ? (unsigned)(raw_hz / 2000) : 1;
    const double rate_hz = raw_hz / factor;
    float *x = malloc(n_frames * sizeof *x);
    double decimator_ns = 0, all = 0;
    if (x == NULL)
        bench_fail("bench_liquid", "there is too little memory");

    const double begin_ns = bench_thread_ns();
    for (size_t c = 0; c < n_channels; c++) {
        size_t made = n_frames;
        for (size_t i = 0; i < n_frames; i++)
            x[i] = frames[i * n_channels + c];
        const double before_ns = bench_thread_ns();
        if (factor > 1)
            made = decimate(x, n_frames, factor);
        decimator_ns += bench_thread_ns() - before_ns;
        for (int h = 1; h <= HARMONICS && mains_hz > 0; h++)
            notch(x, made, h * mains_hz, rate_hz);
        edge(x, made, LIQUID_IIRDES_HIGHPASS, LOW_HZ, rate_hz);
        edge(x, made, LIQUID_IIRDES_LOWPASS, HIGH_HZ, rate_hz);
        all += moving_rms(x, made, rate_hz);
        all += take_windows(x, made, rate_hz, overlap);
    }
    const double spent_ns = bench_thread_ns() - begin_ns;
    printf("total %.4f\ndecimator %.4f\nchecksum %.9g\n", spent_ns / (double)n, decimator_ns / (double)n,
           all);
    free(x);
    free(frames);
    return 0;
}
