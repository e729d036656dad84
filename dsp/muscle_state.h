/* What muscle.c, muscle_chain.c and muscle_measure.c share: the parts of one muscle's chain. For no one else.
 *
 * Belongs to the muscle's thread. */
#ifndef EMG_DSP_MUSCLE_STATE_H
#define EMG_DSP_MUSCLE_STATE_H

#include "dsp/contractions.h"
#include "dsp/decimator.h"
#include "dsp/envelope.h"
#include "dsp/level.h"
#include "dsp/mains.h"
#include "dsp/muscle.h"
#include "dsp/quality.h"
#include "dsp/sos.h"
#include "dsp/trial.h"

/* Raw samples go through the chain in pieces that complete EMG_MUSCLE_PIECE outputs of the decimator, counted
 * from the last gap, so that decisions fall on the same samples however the input was cut. At 2 kHz they are
 * 10 ms, of which the instants at which results are asked for are multiples. */
enum { EMG_MUSCLE_PIECE = 20 };

struct emg_muscle_waveform {
    float *x;
    size_t n, capacity;
    uint64_t first_frame;
};

struct emg_muscle {
    struct emg_muscle_config config;
    unsigned factor;
    double rate_hz; /* behind the decimator */
    double band_hz[2];

    struct emg_quality *quality;
    struct emg_decimator *decimator;
    struct emg_mains *mains; /* NULL: off */
    struct emg_spectral *spectral;
    struct emg_sos *amplitude, *motion;
    struct emg_envelope *envelope;
    struct emg_level *level;
    struct emg_contractions *contractions;
    struct emg_contractions *strides; /* as the gait cycle wants them: weak ones too. NULL: not wanted */
    struct emg_profile *profile;
    struct emg_trial *trial;

    uint64_t frame;           /* index of the next raw sample */
    uint64_t outputs;         /* of the decimator, since the last gap */
    uint64_t origin;          /* frame at which the filters last started */
    uint64_t earlier_outputs; /* of the decimator, before the last gap */
    uint64_t valid_frames;    /* raw samples taken in all */
    uint64_t gap_flag_until;
    size_t in_piece;
    uint32_t latched_flags;
    bool crosstalk;
    double linear_envelope_uv;
    double motion_uv2, band_uv2; /* smoothed powers */

    struct emg_muscle_waveform waveform;

    float decimated[EMG_MUSCLE_PIECE + 1], amplified[EMG_MUSCLE_PIECE + 1], banded[EMG_MUSCLE_PIECE + 1];
    float scratch[EMG_MUSCLE_PIECE + 1];
    uint32_t marks[EMG_MUSCLE_PIECE + 1], stride_marks[EMG_MUSCLE_PIECE + 1];
};

/* Samples behind the decimator until the filters have settled. */
size_t emg_muscle_settling(const struct emg_muscle *m);

/* Frames by which the amplitude band lags behind the electrode. */
uint64_t emg_muscle_delay_frames(const struct emg_muscle *m);

/* Frame at which the sample stood at the electrode that left the decimator as number `sample` since the last
 * gap. */
uint64_t emg_muscle_frame_of(const struct emg_muscle *m, uint64_t sample);

/* Samples behind the decimator that still have to come until the filters have settled. */
size_t emg_muscle_unsettled(const struct emg_muscle *m);

/* The flags that are up now. */
uint32_t emg_muscle_flags(const struct emg_muscle *m);

#endif
