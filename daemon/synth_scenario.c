#include "daemon/synth_scenario.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TREADMILL_CHANNELS = 8 };

/* Left and right half a cycle apart. The calf works from just before foot strike to mid stance, tibialis
 * anterior in swing; the left soleus tires. */
static const struct emg_synth_channel treadmill[TREADMILL_CHANNELS] = {
    {"EMG L SOL", false, 180, 0.00, 0.42, 0.25, 0.0},
    {"EMG L GM", false, 150, 0.95, 0.38, 0.05, 0.0},
    {"EMG R SOL", false, 190, 0.50, 0.42, 0.05, 0.5},
    {"EMG R GM", false, 140, 0.45, 0.38, 0.05, 0.5},
    {"EMG L TA", false, 120, 0.55, 0.35, 0.00, 0.0},
    {"EMG R TA", false, 120, 0.05, 0.35, 0.00, 0.5},
    {"SW L", true, 0, 0, 0, 0, 0.0},
    {"SW R", true, 0, 0, 0, 0, 0.5},
};

static const struct emg_synth_channel still[EMG_SYNTH_PATTERN] = {
    {"EMG L SOL", false, 120, 0, 0.5, 0.30, 0},
    {"EMG L GM", false, 90, 0, 0.5, 0.20, 0},
    {"EMG R SOL", false, 125, 0, 0.5, 0, 0},
    {"EMG R GM", false, 95, 0, 0.5, 0, 0},
};

static const struct emg_synth_channel resting[EMG_SYNTH_PATTERN] = {
    {"EMG L SOL", false, 0, 0, 0.5, 0, 0},
    {"EMG L GM", false, 0, 0, 0.5, 0, 0},
    {"EMG R SOL", false, 0, 0, 0.5, 0, 0},
    {"EMG R GM", false, 0, 0, 0.5, 0, 0},
};

static const struct emg_synth_channel ramping[EMG_SYNTH_PATTERN] = {
    {"EMG L SOL", false, 300, 0, 0.5, 0, 0},
    {"EMG L GM", false, 250, 0, 0.5, 0, 0},
    {"EMG R SOL", false, 300, 0, 0.5, 0, 0},
    {"EMG R GM", false, 250, 0, 0.5, 0, 0},
};

/* The left soleus' cable moves with the foot, the left gastrocnemius' electrode comes loose from time to
 * time, the right soleus' gain is too high, and the right gastrocnemius hears the right soleus. */
static const struct emg_artefact_config one_each[EMG_SYNTH_PATTERN] = {
    {.motion_peak_uv = 500},
    {.loss_s = 20,
     .loss_length_s = 10,
     .loss_period_s = 60,
     .loss_mains_uv = 300,
     .loss_noise_uv = 10,
     .mains_hz = 50},
    {.clip_uv = 300},
    {.crosstalk = 0.5, .crosstalk_delay_ms = 2},
};

/* A grid somewhat fast, and the uneven harmonics of rectifiers above the even ones. */
static const struct emg_artefact_config hum = {
    .mains_hz = 50.2,
    .mains_drift_hz = 0.1,
    .mains_drift_s = 60,
    .mains_harmonics = {0.10, 0.50, 0.05, 0.30, 0.03, 0.20, 0.02, 0.10},
};

static const struct emg_synth_scenario scenarios[] = {
    {"treadmill", EMG_SIMULATE_STRIDE, 300, treadmill, TREADMILL_CHANNELS, 0, NULL},
    {"static", EMG_SIMULATE_STATIC, 60, still, EMG_SYNTH_PATTERN, 0, NULL},
    {"rest", EMG_SIMULATE_REST, 60, resting, EMG_SYNTH_PATTERN, 0, NULL},
    {"ramp", EMG_SIMULATE_RAMP, 60, ramping, EMG_SYNTH_PATTERN, 0, NULL},
    {"mains", EMG_SIMULATE_STRIDE, 300, treadmill, TREADMILL_CHANNELS, 0.5, NULL},
    {"artefacts", EMG_SIMULATE_STRIDE, 300, treadmill, TREADMILL_CHANNELS, 0, one_each},
};

const struct emg_synth_scenario *emg_synth_scenario_find(const char *name)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

void emg_synth_scenario_names(char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0] && used < size; i++) {
        const int n = snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", scenarios[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
}

unsigned emg_synth_scenario_channel(const struct emg_synth_scenario *scenario, unsigned i,
                                    unsigned n_channels)
{
    const unsigned pair_end = (i | 1U) + 1; /* they come in twos, or not at all */
    const bool is_own = i < scenario->n_channels && pair_end <= n_channels;
    return is_own ? i : i % EMG_SYNTH_PATTERN;
}

/* RMS of the mains with a fundamental of 1. */
static double hum_rms(void)
{
    double sum = 1.0;
    for (size_t i = 0; i < EMG_ARTEFACT_HARMONICS; i++)
        sum += hum.mains_harmonics[i] * hum.mains_harmonics[i];
    return sqrt(sum);
}

bool emg_synth_scenario_artefact(const struct emg_synth_scenario *scenario, unsigned index,
                                 struct emg_artefact_config *config)
{
    const struct emg_synth_channel *channel = &scenario->channels[index];
    if (channel->is_footswitch)
        return false;
    if (scenario->mains_share > 0) {
        *config = hum;
        config->mains_uv = scenario->mains_share * channel->rms_uv / hum_rms();
        return true;
    }
    if (scenario->artefacts == NULL || index >= EMG_SYNTH_PATTERN)
        return false;
    *config = scenario->artefacts[index];
    return true;
}
