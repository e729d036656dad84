/* Ten hours of rest through the chain: finite values, no flags, no contractions, no verdict, and a state that
 * has not moved: what it says of the same minute of signal afterwards is what a fresh chain says. */
#include "dsp/muscle.h"
#include "dsp/simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RATE = 1000, HOURS = 10, MINUTE = 60 * RATE };

static const struct emg_muscle_config config = {
    .rate_hz = RATE,
    .full_scale_uv = 5000,
    .band_hz = {20, 450},
    .amplitude_highpass_hz = 20,
    .mains_hz = 50,
    .rms_s = 0.05,
    .envelope_hz = 10,
    .spectral_s = 10,
    .profile_strides = 10,
    .mode = EMG_ONSET_AUTO,
};

static void check(int holds, const char *what)
{
    if (holds)
        return;
    (void)printf("FAILED: %s\n", what);
    exit(1);
}

static struct emg_simulate *simulate(enum emg_simulate_course course, uint64_t seed)
{
    struct emg_simulate *q = NULL;
    const struct emg_simulate_config simulated = {.rate_hz = RATE,
                                                  .seed = seed,
                                                  .course = course,
                                                  .rms_uv = 150,
                                                  .noise_uv = 2,
                                                  .fl_hz = 60,
                                                  .fh_hz = 120,
                                                  .fatigue_s = 1,
                                                  .cycle_s = 0.72,
                                                  .burst_length = 0.4};
    check(emg_simulate_create(&q, &simulated) == EMG_OK, "simulation");
    return q;
}

/* Takes n samples; returns the contractions in them. */
static unsigned run(struct emg_muscle *m, struct emg_simulate *signal, size_t n)
{
    static float x[RATE];
    unsigned bursts = 0;
    struct emg_muscle_burst burst;
    for (size_t done = 0; done < n; done += RATE) {
        emg_simulate_execute(signal, x, 1, RATE);
        emg_muscle_execute(m, x, RATE);
        while (emg_muscle_next_burst(m, &burst))
            bursts++;
    }
    return bursts;
}

static void rest(struct emg_muscle *m)
{
    struct emg_simulate *signal = simulate(EMG_SIMULATE_REST, 1);
    unsigned flagged = 0, contractions = 0;
    for (int minute = 0; minute < HOURS * 60; minute++) {
        contractions += run(m, signal, MINUTE);
        const struct emg_muscle_activation now = emg_muscle_activation(m);
        const struct emg_spectral_fatigue fatigue = emg_muscle_fatigue(m).spectral;
        check(now.rms_uv > 0.5 && now.rms_uv < 5, "RMS of rest");
        check(now.envelope_uv > 0.2 && now.envelope_uv < 5, "envelope of rest");
        check(fatigue.verdict == EMG_VERDICT_UNDETERMINED, "no verdict on rest");
        check(emg_muscle_noise_uv(m) > 1.5 && emg_muscle_noise_uv(m) < 2.2, "noise level");
        flagged += now.flags != 0;
    }
    (void)printf("%d h of rest: %u contractions, flags up in %u of %d minutes\n", HOURS, contractions,
                 flagged, HOURS * 60);
    check(contractions <= 2 * HOURS, "at most two false contractions an hour");
    check(flagged == 0, "no flags");
    emg_simulate_destroy(signal);
}

/* A run after the rest against the same run on a fresh chain. */
int main(void)
{
    struct emg_muscle *old = NULL, *fresh = NULL;
    check(emg_muscle_create(&old, &config) == EMG_OK && emg_muscle_create(&fresh, &config) == EMG_OK,
          "creation");
    rest(old);
    struct emg_simulate *first = simulate(EMG_SIMULATE_STRIDE, 2), *second = simulate(EMG_SIMULATE_STRIDE, 2);
    const unsigned old_bursts = run(old, first, 2 * MINUTE), fresh_bursts = run(fresh, second, 2 * MINUTE);
    const struct emg_muscle_activation a = emg_muscle_activation(old), b = emg_muscle_activation(fresh);
    const struct emg_spectral_fatigue f = emg_muscle_fatigue(old).spectral,
                                      g = emg_muscle_fatigue(fresh).spectral;
    (void)printf("then a run: %u bursts (fresh chain %u), RMS %g (%g) uV, MDF %g (%g) Hz\n", old_bursts,
                 fresh_bursts, a.rms_uv, b.rms_uv, f.indices.mdf_hz, g.indices.mdf_hz);
    check(abs((int)old_bursts - (int)fresh_bursts) <= 2, "as many bursts");
    check(fabs(a.rms_uv / b.rms_uv - 1) < 1e-6 && fabs(a.envelope_uv / b.envelope_uv - 1) < 1e-4,
          "amplitudes");
    check(fabs(f.indices.mdf_hz - g.indices.mdf_hz) < 0.2, "MDF");
    emg_simulate_destroy(first);
    emg_simulate_destroy(second);
    emg_muscle_destroy(old);
    emg_muscle_destroy(fresh);
    (void)puts("as it should be");
    return 0;
}
