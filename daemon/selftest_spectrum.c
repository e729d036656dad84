#include "daemon/selftest_trials.h"
#include "dsp/fatigue.h"
#include "dsp/spectrum.h"

#include <math.h>
#include <stdlib.h>

/* The chain is unsettled at first; tracking of mains needs this long to be sure. */
static const double SETTLE_S = 0.32;
static const double MAINS_SETTLE_S = 3.0;

static double truth_hz(const struct emg_selftest_shape *shape)
{
    return emg_simulate_mdf_hz(shape->fl_hz, shape->fh_hz, 20, 450);
}

static void analytic(struct emg_selftest *test)
{
    enum { BINS = 1025 };
    static float psd[BINS];
    for (size_t i = 0; i < 2; i++) {
        const struct emg_selftest_shape *shape = &emg_selftest_shapes[i];
        const struct emg_fatigue_spectrum spectrum = {.psd = psd,
                                                      .n_bins = BINS,
                                                      .df_hz = 1000.0 / (BINS - 1),
                                                      .low_hz = 20,
                                                      .high_hz = 450,
                                                      .seconds = 1,
                                                      .dof = INFINITY};
        for (size_t k = 0; k < BINS; k++)
            psd[k] = (float)emg_simulate_psd((double)k * spectrum.df_hz, shape->fl_hz, shape->fh_hz, 100);
        char what[64];
        (void)snprintf(what, sizeof what, "MDF from the analytic PSD, %s", shape->name);
        const double error = emg_fatigue_indices(&spectrum).mdf_hz - truth_hz(shape);
        emg_selftest_tell(test, what, "error Hz", error, 0, -0.05, 0.05);
    }
}

/* MDF of n samples of static signal behind the settling time. */
static struct emg_fatigue_indices static_indices(const struct emg_muscle_config *config, const float *x,
                                                 size_t n)
{
    struct emg_muscle *m = emg_selftest_make_muscle(config);
    emg_muscle_execute(m, x, n);
    const struct emg_fatigue_indices indices = emg_muscle_fatigue(m).spectral.indices;
    emg_muscle_destroy(m);
    return indices;
}

static void stationary(struct emg_selftest *test)
{
    static const struct {
        double seconds, bias_hz, sd_hz[2];
    } rows[] = {{0.5, 1.2, {8.3, 6.0}}, {1, 0.5, {6.0, 4.3}}, {2, 0.5, {4.2, 3.0}}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++)
        for (size_t i = 0; i < 2; i++) {
            const struct emg_selftest_shape *shape = &emg_selftest_shapes[i];
            const struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_STATIC, 10);
            const size_t n = (size_t)((SETTLE_S + rows[row].seconds) * EMG_SELFTEST_RATE_HZ);
            struct emg_tally mdf = {0}, se = {0};
            for (unsigned trial = 0; trial < 8 * test->options.trials; trial++) {
                const struct emg_simulate_config emg = emg_selftest_emg(shape, 1000 + trial);
                float *x = emg_selftest_signal(&emg, n);
                const struct emg_fatigue_indices indices = static_indices(&config, x, n);
                emg_tally_add(&mdf, indices.mdf_hz);
                emg_tally_add(&se, indices.mdf_se_hz);
                free(x);
            }
            char what[64];
            (void)snprintf(what, sizeof what, "MDF, stationary, T = %g s, %s, Hz", rows[row].seconds,
                           shape->name);
            emg_selftest_tell_spread(test, what, &mdf, truth_hz(shape), rows[row].bias_hz,
                                     rows[row].sd_hz[i]);
            const double ratio = emg_tally_mean(&se) / emg_tally_sd(&mdf);
            emg_selftest_tell(test, what, "reported SE / SD", ratio, ratio / sqrt(2.0 * mdf.n), 0.9, 1.1);
        }
}

static void front_end(struct emg_selftest *test)
{
    static const double edges_hz[] = {4, 12, 20};
    for (size_t i = 0; i < 2; i++) {
        const struct emg_selftest_shape *shape = &emg_selftest_shapes[i];
        struct emg_tally residual = {0};
        const size_t n = (size_t)((SETTLE_S + 10) * EMG_SELFTEST_RATE_HZ);
        for (unsigned trial = 0; trial < test->options.trials; trial++) {
            struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_STATIC, 10);
            const struct emg_simulate_config emg = emg_selftest_emg(shape, 1000 + trial);
            const struct emg_artefact_config artefact = {.rate_hz = EMG_SELFTEST_RATE_HZ,
                                                         .highpass_hz = edges_hz[trial % 3]};
            float *x = emg_selftest_signal(&emg, n);
            const double untouched_hz = static_indices(&config, x, n).mdf_hz;
            struct emg_artefact *front_end = emg_selftest_make_artefact(&artefact);
            emg_artefact_execute(front_end, x, NULL, 1, n);
            emg_artefact_destroy(front_end);
            config.front_end_highpass_hz = artefact.highpass_hz;
            emg_tally_add(&residual, static_indices(&config, x, n).mdf_hz - untouched_hz);
            free(x);
        }
        char what[64];
        (void)snprintf(what, sizeof what, "front end 4-20 Hz, corrected, %s", shape->name);
        emg_selftest_tell(test, what, "MDF residual Hz", emg_tally_mean(&residual),
                          emg_tally_mean_se(&residual), -0.3, 0.3);
    }
}

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (double)(*state >> 11) * 0x1p-53;
}

/* Fundamental anywhere from 49 to 51 Hz, harmonics falling as 1 / k, half the EMG's RMS in all. */
static struct emg_artefact_config mains_of(unsigned trial)
{
    uint64_t state = trial + 1;
    struct emg_artefact_config mains = {.rate_hz = EMG_SELFTEST_RATE_HZ, .seed = trial};
    double square = 1;
    for (size_t k = 0; k < EMG_ARTEFACT_HARMONICS; k++) {
        mains.mains_harmonics[k] = 1 / ((double)k + 2);
        square += mains.mains_harmonics[k] * mains.mains_harmonics[k];
    }
    (void)uniform(&state);
    mains.mains_hz = 49 + 2 * uniform(&state);
    mains.mains_uv = 0.5 * EMG_SELFTEST_RMS_UV / sqrt(square);
    return mains;
}

static void mains(struct emg_selftest *test)
{
    for (size_t i = 0; i < 2; i++) {
        const struct emg_selftest_shape *shape = &emg_selftest_shapes[i];
        const struct emg_muscle_config config = emg_selftest_muscle(EMG_ONSET_STATIC, 2);
        const size_t n = (size_t)((MAINS_SETTLE_S + SETTLE_S + 2) * EMG_SELFTEST_RATE_HZ);
        struct emg_tally clean = {0}, spoilt = {0}, difference = {0};
        for (unsigned trial = 0; trial < 2 * test->options.trials; trial++) {
            const struct emg_simulate_config emg = emg_selftest_emg(shape, 1000 + trial);
            const struct emg_artefact_config artefact = mains_of(trial);
            float *x = emg_selftest_signal(&emg, n);
            const double clean_hz = static_indices(&config, x, n).mdf_hz;
            struct emg_artefact *q = emg_selftest_make_artefact(&artefact);
            emg_artefact_execute(q, x, NULL, 1, n);
            emg_artefact_destroy(q);
            const double spoilt_hz = static_indices(&config, x, n).mdf_hz;
            emg_tally_add(&clean, clean_hz);
            emg_tally_add(&spoilt, spoilt_hz);
            emg_tally_add(&difference, spoilt_hz - clean_hz);
            free(x);
        }
        char what[64];
        (void)snprintf(what, sizeof what, "mains 49-51 Hz, half the RMS, T = 2 s, %s", shape->name);
        emg_selftest_tell(test, what, "MDF bias Hz", emg_tally_mean(&difference),
                          emg_tally_mean_se(&difference), -1, 1);
        emg_selftest_tell(test, what, "SD / clean SD", emg_tally_sd(&spoilt) / emg_tally_sd(&clean),
                          emg_tally_sd(&difference) / emg_tally_sd(&clean) / sqrt(spoilt.n), -INFINITY, 1.1);
    }
}

/* The PSD by its definition, in double, at one bin. */
static double reference_density(const float *x, size_t n, unsigned tapers, double frequency_hz)
{
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)x[i] / (double)n;
    for (unsigned k = 1; k <= tapers; k++) {
        double re = 0, im = 0;
        for (size_t i = 0; i < n; i++) {
            const double taper =
                sqrt(2.0 / (double)(n + 1)) * sin(M_PI * k * (double)(i + 1) / (double)(n + 1));
            const double angle = 2 * M_PI * frequency_hz / EMG_SELFTEST_RATE_HZ * (double)i;
            re += taper * ((double)x[i] - mean) * cos(angle);
            im += taper * ((double)x[i] - mean) * sin(angle);
        }
        sum += re * re + im * im;
    }
    return 2 * sum / (tapers * EMG_SELFTEST_RATE_HZ);
}

static void single_precision(struct emg_selftest *test)
{
    const struct emg_spectrum_config config = {
        .rate_hz = EMG_SELFTEST_RATE_HZ, .slice_s = 0.5, .tapers = 4, .pool_s = 1, .shortest_s = 0.1};
    struct emg_spectrum *spectrum = NULL;
    if (emg_spectrum_create(&spectrum, &config) != EMG_OK)
        return;
    const size_t n = emg_spectrum_slice_max(spectrum);
    const unsigned trials = test->options.trials < 500 ? 2 : 500;
    double worst = 0;
    for (unsigned trial = 0; trial < trials; trial++) {
        const struct emg_simulate_config emg = emg_selftest_emg(&emg_selftest_shapes[trial % 2], trial + 1);
        float *x = emg_selftest_signal(&emg, n);
        const float *psd = emg_spectrum_execute(spectrum, x, n, 1);
        for (size_t k = 21 + trial % 7; k < 460; k += trials < 500 ? 1 : 50) {
            const double truth =
                reference_density(x, n, config.tapers, (double)k * emg_spectrum_df_hz(spectrum));
            worst = fmax(worst, fabs((double)psd[k] / truth - 1));
        }
        free(x);
    }
    emg_spectrum_destroy(spectrum);
    emg_selftest_tell(test, "PSD in float against double, worst bin of 20-450 Hz", "relative error", worst, 0,
                      -INFINITY, 1e-5);
}

void emg_selftest_spectrum(struct emg_selftest *test)
{
    analytic(test);
    stationary(test);
    front_end(test);
    mains(test);
    single_precision(test);
}
