/* What the parts of the self-test share. For daemon/selftest*.c alone. */
#ifndef EMG_DAEMON_SELFTEST_TRIALS_H
#define EMG_DAEMON_SELFTEST_TRIALS_H

#include "daemon/selftest.h"
#include "dsp/artefact.h"
#include "dsp/muscle.h"
#include "dsp/simulate.h"

#include <stddef.h>
#include <stdint.h>

/* Rate of the simulated signals: what the chain has behind its decimator. */
#define EMG_SELFTEST_RATE_HZ 2000.0
#define EMG_SELFTEST_RMS_UV  200.0

/* Corner frequencies of the test spectrum (Shwedyk 1977, Stulen & De Luca 1981). */
struct emg_selftest_shape {
    const char *name;
    double fl_hz, fh_hz;
};
extern const struct emg_selftest_shape emg_selftest_shapes[2]; /* fresh, fatigued */

/* Mean and spread of figures. */
struct emg_tally {
    unsigned n;
    double sum, square; /* of the differences from the first figure */
    double first;
};

void emg_tally_add(struct emg_tally *tally, double figure);
double emg_tally_mean(const struct emg_tally *tally);
double emg_tally_sd(const struct emg_tally *tally);
double emg_tally_mean_se(const struct emg_tally *tally);
double emg_tally_sd_se(const struct emg_tally *tally); /* of a Gaussian's SD */

struct emg_selftest {
    struct emg_selftest_options options;
    unsigned missed;
};

/* One line of the table: a figure with its standard error that must lie in low..high; either may be infinite.
 */
void emg_selftest_tell(struct emg_selftest *test, const char *what, const char *quantity, double figure,
                       double se, double low, double high);

/* The same for a goal that cannot be reached, or is not claimed to be: missing it is told and not counted. */
void emg_selftest_tell_goal(struct emg_selftest *test, const char *what, const char *quantity, double figure,
                            double se, double low, double high);

/* Bias and SD of a tally against truth. */
void emg_selftest_tell_spread(struct emg_selftest *test, const char *what, const struct emg_tally *tally,
                              double truth, double bias_limit, double sd_limit);

/* The chain's settings in these trials. */
struct emg_muscle_config emg_selftest_muscle(enum emg_onset_mode mode, double spectral_s);

/* An unspoilt static EMG of that shape. */
struct emg_simulate_config emg_selftest_emg(const struct emg_selftest_shape *shape, uint64_t seed);

/* Noise that has rms_uv in 20..450 Hz, as noise_uv of a simulation takes it. */
double emg_selftest_noise_uv(double rms_uv);

/* New instances; failing to allocate them ends the program. */
struct emg_muscle *emg_selftest_make_muscle(const struct emg_muscle_config *config);
struct emg_simulate *emg_selftest_make_simulate(const struct emg_simulate_config *config);
struct emg_artefact *emg_selftest_make_artefact(const struct emg_artefact_config *config);

/* n samples of a simulation; the caller frees. */
float *emg_selftest_signal(const struct emg_simulate_config *config, size_t n);

void emg_selftest_spectrum(struct emg_selftest *test);
void emg_selftest_fatigue(struct emg_selftest *test);
void emg_selftest_amplitude(struct emg_selftest *test);
void emg_selftest_flags(struct emg_selftest *test);
void emg_selftest_stream(struct emg_selftest *test);

#endif
