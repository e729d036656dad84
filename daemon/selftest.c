#include "daemon/selftest.h"

#include "daemon/selftest_trials.h"

#include <math.h>
#include <stdlib.h>

const struct emg_selftest_shape emg_selftest_shapes[2] = {{"fresh", 60, 120}, {"fatigued", 30, 60}};

void emg_tally_add(struct emg_tally *tally, double figure)
{
    if (tally->n == 0)
        tally->first = figure;
    tally->n++;
    tally->sum += figure - tally->first;
    tally->square += (figure - tally->first) * (figure - tally->first);
}

double emg_tally_mean(const struct emg_tally *tally)
{
    return tally->first + tally->sum / tally->n;
}

double emg_tally_sd(const struct emg_tally *tally)
{
    const double mean = tally->sum / tally->n;
    return sqrt(fmax(tally->square - tally->n * mean * mean, 0) / (tally->n - 1));
}

double emg_tally_mean_se(const struct emg_tally *tally)
{
    return emg_tally_sd(tally) / sqrt(tally->n);
}

double emg_tally_sd_se(const struct emg_tally *tally)
{
    return emg_tally_sd(tally) / sqrt(2.0 * (tally->n - 1));
}

static bool print_row(struct emg_selftest *test, const char *what, const char *quantity, double figure,
                      double se, double low, double high, const char *missed)
{
    const double allowance = test->options.strict ? 0 : 2 * se;
    const bool reached = figure >= low - allowance && figure <= high + allowance;
    char required[48];
    if (isinf(low))
        (void)snprintf(required, sizeof required, "<= %g", high);
    else if (isinf(high))
        (void)snprintf(required, sizeof required, ">= %g", low);
    else if (low == -high)
        (void)snprintf(required, sizeof required, "+- %g", high);
    else
        (void)snprintf(required, sizeof required, "%g to %g", low, high);
    (void)fprintf(test->options.out, "%-52s %-18s %10.4g +- %-8.2g %-14s %s\n", what, quantity, figure, se,
                  required, reached ? "reached" : missed);
    (void)fflush(test->options.out);
    return reached;
}

void emg_selftest_tell(struct emg_selftest *test, const char *what, const char *quantity, double figure,
                       double se, double low, double high)
{
    test->missed += !print_row(test, what, quantity, figure, se, low, high, "MISSED");
}

void emg_selftest_tell_goal(struct emg_selftest *test, const char *what, const char *quantity, double figure,
                            double se, double low, double high)
{
    (void)print_row(test, what, quantity, figure, se, low, high, "not reached (a goal)");
}

void emg_selftest_tell_spread(struct emg_selftest *test, const char *what, const struct emg_tally *tally,
                              double truth, double bias_limit, double sd_limit)
{
    emg_selftest_tell(test, what, "bias", emg_tally_mean(tally) - truth, emg_tally_mean_se(tally),
                      -bias_limit, bias_limit);
    emg_selftest_tell(test, what, "SD", emg_tally_sd(tally), emg_tally_sd_se(tally), -INFINITY, sd_limit);
}

struct emg_muscle_config emg_selftest_muscle(enum emg_onset_mode mode, double spectral_s)
{
    return (struct emg_muscle_config){
        .rate_hz = EMG_SELFTEST_RATE_HZ,
        .full_scale_uv = 5000,
        .band_hz = {20, 450},
        .amplitude_highpass_hz = 20,
        .mains_hz = 50,
        .rms_s = 0.05,
        .envelope_hz = 10,
        .spectral_s = spectral_s,
        .profile_strides = 10,
        .mode = mode,
    };
}

struct emg_simulate_config emg_selftest_emg(const struct emg_selftest_shape *shape, uint64_t seed)
{
    return (struct emg_simulate_config){
        .rate_hz = EMG_SELFTEST_RATE_HZ,
        .seed = seed,
        .course = EMG_SIMULATE_STATIC,
        .rms_uv = EMG_SELFTEST_RMS_UV,
        .fl_hz = shape->fl_hz,
        .fh_hz = shape->fh_hz,
        .fatigue_s = 1,
    };
}

double emg_selftest_noise_uv(double rms_uv)
{
    return rms_uv * sqrt(500.0 / 430.0); /* noise_uv stands for 0..500 Hz */
}

static void *made(void *instance, enum emg_error error)
{
    if (error == EMG_OK)
        return instance;
    (void)fprintf(stderr, "emgd: selftest: %s\n", emg_strerror(error));
    exit(1);
}

struct emg_muscle *emg_selftest_make_muscle(const struct emg_muscle_config *config)
{
    struct emg_muscle *m = NULL;
    const enum emg_error error = emg_muscle_create(&m, config);
    return made(m, error);
}

struct emg_simulate *emg_selftest_make_simulate(const struct emg_simulate_config *config)
{
    struct emg_simulate *q = NULL;
    const enum emg_error error = emg_simulate_create(&q, config);
    return made(q, error);
}

struct emg_artefact *emg_selftest_make_artefact(const struct emg_artefact_config *config)
{
    struct emg_artefact *q = NULL;
    const enum emg_error error = emg_artefact_create(&q, config);
    return made(q, error);
}

float *emg_selftest_signal(const struct emg_simulate_config *config, size_t n)
{
    float *x = malloc(n * sizeof *x);
    (void)made(x, x != NULL ? EMG_OK : EMG_ERROR_MEMORY);
    struct emg_simulate *q = emg_selftest_make_simulate(config);
    emg_simulate_execute(q, x, 1, n);
    emg_simulate_destroy(q);
    return x;
}

unsigned emg_selftest_run(const struct emg_selftest_options *options)
{
    struct emg_selftest test = {.options = *options};
    (void)fprintf(options->out, "%-52s %-18s %10s    %-8s %-14s\n", "what", "quantity", "measured", "error",
                  "required");
    emg_selftest_spectrum(&test);
    emg_selftest_fatigue(&test);
    emg_selftest_amplitude(&test);
    emg_selftest_flags(&test);
    emg_selftest_stream(&test);
    return test.missed;
}
