#include "dsp/muscle.h"

#include "dsp/muscle_state.h"

#include <math.h>
#include <string.h>

enum { PIECE = EMG_MUSCLE_PIECE, TOGETHER = EMG_SOS_TOGETHER };
static const double MOTION_S = 0.25; /* time constant of the powers that motion is told by */
static const double FINISH_S = 0.2;  /* silence in which a contraction in progress is found to have ended */

/* What is spoilt belongs to no contraction and is no rest. */
static void mask_marks(struct emg_muscle *m, size_t n)
{
    if ((m->latched_flags & EMG_FLAGS_BAD) == 0)
        return;
    emg_spectral_discard(m->spectral);
    for (size_t i = 0; i < n; i++)
        m->marks[i] = EMG_ONSET_UNSURE;
}

/* Whole pieces only, so that it does not matter how they were cut. */
static void measure_level(struct emg_muscle *m, size_t n)
{
    const uint64_t piece = m->outputs - m->outputs % PIECE;
    if ((m->latched_flags & EMG_FLAGS_BAD) == 0 && piece >= emg_muscle_settling(m))
        emg_level_execute(m->level, m->amplified, n);
}

static double smoothed(double power, const float *x, size_t n, double weight)
{
    for (size_t i = 0; i < n; i++)
        power += weight * ((double)x[i] * (double)x[i] - power);
    return power;
}

static void collect_waveform(struct emg_muscle *m, const float *x, size_t n)
{
    struct emg_muscle_waveform *waveform = &m->waveform;
    const uint64_t before =
        (emg_muscle_delay_frames(m) + m->factor - 1) / m->factor; /* the first sample at the electrode */
    const size_t skipped =
        before <= m->outputs ? 0 : (size_t)(before - m->outputs < n ? before - m->outputs : n);
    x += skipped;
    n -= skipped;
    if (waveform->n + n > waveform->capacity)
        waveform->n = 0;
    if (waveform->n == 0)
        waveform->first_frame = emg_muscle_frame_of(m, m->outputs + skipped);
    memcpy(waveform->x + waveform->n, x, n * sizeof x[0]);
    waveform->n += n;
}

/* What lies before the amplitude band, n samples that have left the decimator. */
static void clean(struct emg_muscle *m, size_t n)
{
    m->motion_uv2 = smoothed(m->motion_uv2, m->scratch, n, 1 / (MOTION_S * m->rate_hz));
    if (m->mains != NULL)
        emg_mains_execute(m->mains, m->decimated, m->decimated, n);
}

/* What is made of the amplitude band and the spectral one, n samples of either. */
static void measure(struct emg_muscle *m, size_t n)
{
    m->band_uv2 = smoothed(m->band_uv2, m->amplified, n, 1 / (MOTION_S * m->rate_hz));
    emg_contractions_execute(m->contractions, m->amplified, m->latched_flags, m->marks, n);
    if (m->strides != NULL)
        emg_contractions_execute(m->strides, m->amplified, m->latched_flags, m->stride_marks, n);
    mask_marks(m, n);
    measure_level(m, n);
    emg_trial_execute(m->trial, m->amplified, m->marks,
                      m->latched_flags | (m->crosstalk ? EMG_FLAG_CROSSTALK : 0), n);
    emg_envelope_execute(m->envelope, m->amplified, m->scratch, n);
    m->linear_envelope_uv = (double)m->scratch[n - 1];
    emg_profile_execute(m->profile, m->scratch, n);
    emg_spectral_execute(m->spectral, m->banded, m->marks, n, (double)m->origin / m->config.rate_hz,
                         m->outputs);
    collect_waveform(m, m->amplified, n);
    m->outputs += n;
}

/* Takes n samples of each muscle that have left its decimator. */
static void take_decimated(struct emg_muscle *const *muscles, size_t n_muscles, size_t n)
{
    struct emg_sos *motion[TOGETHER], *amplitude[TOGETHER], *band[TOGETHER];
    const float *decimated[TOGETHER];
    float *amplified[TOGETHER], *banded[TOGETHER], *scratch[TOGETHER];

    for (size_t i = 0; i < n_muscles; i++) {
        struct emg_muscle *m = muscles[i];
        motion[i] = m->motion;
        amplitude[i] = m->amplitude;
        band[i] = emg_spectral_filter(m->spectral);
        decimated[i] = m->decimated;
        amplified[i] = m->amplified;
        banded[i] = m->banded;
        scratch[i] = m->scratch;
    }
    emg_sos_execute_together(motion, n_muscles, decimated, scratch, n);
    for (size_t i = 0; i < n_muscles; i++)
        clean(muscles[i], n);
    emg_sos_execute_together(amplitude, n_muscles, decimated, amplified, n);
    emg_sos_execute_together(band, n_muscles, decimated, banded, n);
    for (size_t i = 0; i < n_muscles; i++)
        measure(muscles[i], n);
}

static void observe_quality(struct emg_muscle *m)
{
    const bool settled = emg_muscle_unsettled(m) == 0;
    struct emg_quality_observation observation = {
        .seconds = PIECE / m->rate_hz,
        .lines_uv = NAN,
        .between_uv = NAN,
        .removed_uv = NAN,
        .low_uv = settled ? sqrt(m->motion_uv2) : NAN,
        .band_uv = settled ? sqrt(m->band_uv2) : NAN,
        .noise_uv = emg_contractions_noise_uv(m->contractions),
        .active = emg_contractions_active(m->contractions),
    };
    if (m->mains != NULL) {
        const struct emg_mains_state mains = emg_mains_state(m->mains);
        observation.lines_uv = mains.lines_uv;
        observation.between_uv = mains.between_uv;
        observation.removed_uv = mains.removed_uv;
    }
    emg_quality_observe(m->quality, &observation);
    m->latched_flags = emg_quality_flags(m->quality);
}

/* Takes n raw samples, of one piece, of each muscle; those of muscle i begin `done` after x[i]. */
static void execute_piece(struct emg_muscle *const *muscles, size_t n_muscles, const float *const *x,
                          size_t done, size_t n)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n_muscles; i++) {
        struct emg_muscle *m = muscles[i];
        emg_quality_execute(m->quality, x[i] + done, n);
        n_out = emg_decimator_execute(m->decimator, x[i] + done, m->decimated, n);
        m->frame += n;
        m->valid_frames += n;
    }
    if (n_out > 0)
        take_decimated(muscles, n_muscles, n_out);
}

static void execute_together(struct emg_muscle *const *muscles, size_t n_muscles, const float *const *x,
                             size_t n)
{
    const size_t piece = (size_t)PIECE * muscles[0]->factor;
    for (size_t done = 0; done < n;) {
        const size_t left = piece - muscles[0]->in_piece;
        const size_t take = n - done < left ? n - done : left;
        execute_piece(muscles, n_muscles, x, done, take);
        done += take;
        for (size_t i = 0; i < n_muscles; i++) {
            muscles[i]->in_piece += take;
            if (muscles[i]->in_piece < piece)
                continue;
            observe_quality(muscles[i]);
            muscles[i]->in_piece = 0;
        }
    }
}

void emg_muscles_execute(struct emg_muscle *const *muscles, size_t n_muscles, const float *const *x, size_t n)
{
    for (size_t i = 0; i < n_muscles; i += TOGETHER)
        execute_together(muscles + i, n_muscles - i < TOGETHER ? n_muscles - i : TOGETHER, x + i, n);
}

void emg_muscle_execute(struct emg_muscle *m, const float *x, size_t n)
{
    emg_muscles_execute(&m, 1, &x, n);
}

void emg_muscle_finish(struct emg_muscle *m)
{
    const size_t tail = emg_contractions_delay(m->contractions) + (size_t)(FINISH_S * m->rate_hz);
    emg_contractions_finish(m->contractions);
    if (m->strides != NULL)
        emg_contractions_finish(m->strides);
    emg_trial_interrupt(m->trial); /* what comes now is no signal */
    for (size_t done = 0; done < tail; done += PIECE) {
        memset(m->decimated, 0, sizeof m->decimated);
        take_decimated(&m, 1, PIECE);
    }
    m->waveform.n = 0;
}
