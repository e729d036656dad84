/* What the synthetic source can simulate: a table of scenarios, each a runner's channels and what spoils
 * them.
 *
 * Constants; any thread. */
#ifndef EMG_DAEMON_SYNTH_SCENARIO_H
#define EMG_DAEMON_SYNTH_SCENARIO_H

#include "dsp/artefact.h"
#include "dsp/simulate.h"

#include <stdbool.h>
#include <stddef.h>

/* One electrode pair, or a switch under a foot. */
struct emg_synth_channel {
    const char *label;
    bool is_footswitch; /* then the rest but foot_strike is void */
    double rms_uv;
    double burst_start, burst_length; /* of the gait cycle */
    double fatigue;                   /* final fall of the spectrum */
    double foot_strike;               /* phase of the gait cycle at which this side's foot comes down */
};

struct emg_synth_scenario {
    const char *name;
    enum emg_simulate_course course;
    double fatigue_s;
    const struct emg_synth_channel *channels;
    unsigned n_channels;
    double mains_share; /* RMS of the mains with harmonics, of the channel's rms_uv */
    const struct emg_artefact_config *artefacts; /* [EMG_SYNTH_PATTERN] without rate and seed; NULL: none.
                                                  * Motion is locked to the foot strikes of the channel's
                                                  * side, the neighbour is the channel before it */
};

enum { EMG_SYNTH_PATTERN = 4 }; /* channels of every scenario, and the default */

/* NULL when there is none of that name. */
const struct emg_synth_scenario *emg_synth_scenario_find(const char *name);

/* Writes all names, as in "treadmill, static", into text, at most size bytes with its NUL. */
void emg_synth_scenario_names(char *text, size_t size);

/* Which of the scenario's channels is number i of n_channels, both from 0: the first four repeat, but where
 * the scenario has them the 5th and 6th are tibialis anterior once there are six, and the 7th and 8th foot
 * switches once there are eight. */
unsigned emg_synth_scenario_channel(const struct emg_synth_scenario *scenario, unsigned i,
                                    unsigned n_channels);

/* Fills *config, but for rate and seed, with what spoils the scenario's channel number `index`. Returns false
 * when nothing does. */
bool emg_synth_scenario_artefact(const struct emg_synth_scenario *scenario, unsigned index,
                                 struct emg_artefact_config *config);

#endif
