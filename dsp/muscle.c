#include "dsp/muscle.h"

#include "dsp/muscle_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILTER_ORDER = 4, MOTION_ORDER = 2, LEVEL_SECONDS = 10 };
static const double WAVEFORM_S = 0.5;
static const double HIGHEST_EDGE = 0.45; /* of the analysis rate */
static const double MOTION_HZ[2] = {2.0, 20.0};
/* A step at the 20 Hz fourth-order edge has fallen to 1e-4 after 0.19 s. */
static const double SETTLE_S = 0.25;
/* Of the way from rest to activity: the edges of a contraction lie half-way up; strides show in weaker ones.
 */
static const double BURST_SHARE = 0.5, STRIDE_SHARE = 0.2;
static const double FLAG_HOLD_S = 0.25;
static const double GAP_FLAG_S = 1.0;
static const double PROFILE_KEEP_S = 12.0; /* strides may be known 10 s after they were */

static bool config_is_valid(const struct emg_muscle_config *c)
{
    return c->rate_hz >= 1000 && c->rate_hz <= 192000 && c->full_scale_uv > 0 && c->band_hz[0] > 0 &&
           c->band_hz[1] > c->band_hz[0] && c->amplitude_highpass_hz > 0 && c->mains_hz >= 0;
}

size_t emg_muscle_settling(const struct emg_muscle *m)
{
    return (size_t)ceil((SETTLE_S + m->config.rms_s) * m->rate_hz);
}

size_t emg_muscle_unsettled(const struct emg_muscle *m)
{
    const size_t settling = emg_muscle_settling(m);
    return m->outputs < settling ? settling - (size_t)m->outputs : 0;
}

static bool is_settled(const struct emg_muscle *m)
{
    return emg_muscle_unsettled(m) == 0;
}

static enum emg_error create_signal_stages(struct emg_muscle *m)
{
    const struct emg_muscle_config *c = &m->config;
    const struct emg_decimator_config decimator = emg_decimator_config(c->rate_hz);
    const struct emg_sos_config amplitude = {m->rate_hz, c->amplitude_highpass_hz, m->band_hz[1],
                                             FILTER_ORDER};
    const struct emg_sos_config motion = {m->rate_hz, MOTION_HZ[0], MOTION_HZ[1], MOTION_ORDER};
    const struct emg_quality_config quality = {c->rate_hz, c->full_scale_uv, FLAG_HOLD_S};
    const struct emg_mains_config mains = {m->rate_hz, c->mains_hz, m->band_hz[1]};
    enum emg_error error = emg_quality_create(&m->quality, &quality);
    if (error == EMG_OK)
        error = emg_decimator_create(&m->decimator, &decimator);
    if (error == EMG_OK && c->mains_hz > 0)
        error = emg_mains_create(&m->mains, &mains);
    if (error == EMG_OK)
        error = emg_sos_create(&m->amplitude, &amplitude);
    if (error == EMG_OK)
        error = emg_sos_create(&m->motion, &motion);
    return error;
}

static enum emg_error create_contractions(struct emg_contractions **out, const struct emg_muscle *m,
                                          double share)
{
    const struct emg_contractions_config config = {{m->rate_hz, m->config.mode, share},
                                                   emg_muscle_settling(m)};
    return emg_contractions_create(out, &config);
}

static enum emg_error create_measures(struct emg_muscle *m)
{
    const struct emg_muscle_config *c = &m->config;
    const struct emg_envelope_config envelope = {m->rate_hz, c->rms_s, c->envelope_hz};
    const struct emg_profile_config profile = {m->rate_hz, PROFILE_KEEP_S, c->profile_strides};
    const struct emg_level_config level = {m->rate_hz, LEVEL_SECONDS};
    enum emg_error error = emg_envelope_create(&m->envelope, &envelope);
    if (error == EMG_OK)
        error = emg_level_create(&m->level, &level);
    if (error == EMG_OK)
        error = emg_profile_create(&m->profile, &profile);
    if (error == EMG_OK)
        error = create_contractions(&m->contractions, m, BURST_SHARE);
    if (error == EMG_OK && c->strides)
        error = create_contractions(&m->strides, m, STRIDE_SHARE);
    if (error != EMG_OK)
        return error;
    const struct emg_trial_config trial = {m->rate_hz, emg_contractions_delay(m->contractions),
                                           EMG_FLAGS_BAD};
    const struct emg_spectral_config spectral = {
        .rate_hz = m->rate_hz,
        .low_hz = m->band_hz[0],
        .high_hz = m->band_hz[1],
        .front_end_highpass_hz = c->front_end_highpass_hz,
        .pool_s = c->spectral_s,
        .delay = emg_contractions_delay(m->contractions),
    };
    error = emg_trial_create(&m->trial, &trial);
    return error == EMG_OK ? emg_spectral_create(&m->spectral, &spectral) : error;
}

enum emg_error emg_muscle_create(struct emg_muscle **out, const struct emg_muscle_config *config)
{
    *out = NULL;
    if (!config_is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_muscle *m = calloc(1, sizeof *m);
    if (m == NULL)
        return EMG_ERROR_MEMORY;
    m->config = *config;
    m->factor = emg_decimator_factor(config->rate_hz);
    m->rate_hz = config->rate_hz / m->factor;
    m->band_hz[0] = config->band_hz[0];
    m->band_hz[1] = fmin(config->band_hz[1], HIGHEST_EDGE * m->rate_hz);
    m->waveform.capacity = (size_t)ceil(WAVEFORM_S * m->rate_hz);
    m->waveform.x = calloc(m->waveform.capacity, sizeof m->waveform.x[0]);
    enum emg_error error = m->waveform.x != NULL ? create_signal_stages(m) : EMG_ERROR_MEMORY;
    if (error == EMG_OK)
        error = create_measures(m);
    if (error != EMG_OK) {
        emg_muscle_destroy(m);
        return error;
    }
    *out = m;
    return EMG_OK;
}

double emg_muscle_rate_hz(const struct emg_muscle *m)
{
    return m->rate_hz;
}

void emg_muscle_band_hz(const struct emg_muscle *m, double band_hz[2])
{
    band_hz[0] = m->band_hz[0];
    band_hz[1] = m->band_hz[1];
}

/* Delay of the amplitude band-pass for the middle of the EMG's spectrum. A Butterworth edge of fourth order
 * at f0 turns the phase by 2.613 f / f0 well below a low-pass edge and -2.613 f0 / f well above a high-pass
 * one. */
static double band_delay_s(const struct emg_muscle *m)
{
    const double turn = 2.6131, middle_hz = 100.0;
    return turn / (2 * 3.14159265358979323846) *
           (1 / m->band_hz[1] + m->config.amplitude_highpass_hz / (middle_hz * middle_hz));
}

uint64_t emg_muscle_delay_frames(const struct emg_muscle *m)
{
    return (uint64_t)lround((emg_decimator_delay_s(m->decimator) + band_delay_s(m)) * m->config.rate_hz);
}

uint64_t emg_muscle_frame_of(const struct emg_muscle *m, uint64_t sample)
{
    const uint64_t after = sample * m->factor;
    const uint64_t delay = emg_muscle_delay_frames(m);
    return m->origin + (after > delay ? after - delay : 0);
}

static void begin_at(struct emg_muscle *m, uint64_t first_frame)
{
    m->motion_uv2 = 0;
    m->band_uv2 = 0;
    m->waveform.n = 0;
    m->in_piece = 0;
    m->latched_flags = 0;
    m->outputs = 0;
    m->origin = first_frame;
    m->frame = first_frame;
}

void emg_muscle_interrupt(struct emg_muscle *m, uint64_t first_frame)
{
    emg_quality_interrupt(m->quality);
    emg_decimator_reset(m->decimator);
    if (m->mains != NULL)
        emg_mains_reset(m->mains);
    emg_spectral_interrupt(m->spectral);
    emg_sos_reset(m->amplitude);
    emg_sos_reset(m->motion);
    emg_envelope_reset(m->envelope);
    emg_contractions_interrupt(m->contractions);
    if (m->strides != NULL)
        emg_contractions_interrupt(m->strides);
    emg_profile_clear_history(m->profile);
    emg_trial_interrupt(m->trial);
    m->earlier_outputs += m->outputs;
    begin_at(m, first_frame);
    m->gap_flag_until = first_frame + (uint64_t)(GAP_FLAG_S * m->config.rate_hz);
}

void emg_muscle_restart(struct emg_muscle *m, uint64_t first_frame)
{
    emg_quality_reset(m->quality);
    emg_decimator_reset(m->decimator);
    if (m->mains != NULL)
        emg_mains_reset(m->mains);
    emg_spectral_reset(m->spectral);
    emg_sos_reset(m->amplitude);
    emg_sos_reset(m->motion);
    emg_envelope_reset(m->envelope);
    emg_level_reset(m->level);
    emg_contractions_reset(m->contractions);
    if (m->strides != NULL)
        emg_contractions_reset(m->strides);
    emg_profile_reset(m->profile);
    emg_trial_reset(m->trial);
    begin_at(m, first_frame);
    m->earlier_outputs = 0;
    m->valid_frames = 0;
    m->gap_flag_until = 0;
    m->crosstalk = false;
}

uint32_t emg_muscle_flags(const struct emg_muscle *m)
{
    uint32_t flags = emg_quality_flags(m->quality);
    if (!is_settled(m))
        flags |= EMG_FLAG_UNSETTLED;
    if (m->frame < m->gap_flag_until)
        flags |= EMG_FLAG_GAP;
    if (m->crosstalk)
        flags |= EMG_FLAG_CROSSTALK;
    return flags;
}

struct emg_muscle_activation emg_muscle_activation(const struct emg_muscle *m)
{
    const uint32_t flags = emg_muscle_flags(m);
    const bool known = is_settled(m) && (flags & EMG_FLAGS_BAD) == 0;
    return (struct emg_muscle_activation){
        .rms_uv = known ? emg_envelope_rms_uv(m->envelope) : NAN,
        .envelope_uv = known ? m->linear_envelope_uv : NAN,
        .active = known && emg_contractions_active(m->contractions),
        .flags = flags,
    };
}

struct emg_muscle_fatigue emg_muscle_fatigue(struct emg_muscle *m)
{
    const uint32_t flags = emg_muscle_flags(m);
    const double valid_s = (double)m->valid_frames / m->config.rate_hz;
    return (struct emg_muscle_fatigue){
        .spectral = emg_spectral_fatigue(m->spectral, valid_s, (flags & EMG_FLAGS_BAD) != 0),
        .flags = flags,
    };
}

static bool next_burst(struct emg_muscle *m, struct emg_contractions *contractions,
                       struct emg_muscle_burst *burst)
{
    struct emg_contraction contraction;
    if (contractions == NULL || !emg_contractions_next(contractions, &contraction))
        return false;
    const struct emg_burst *b = &contraction.burst;
    *burst = (struct emg_muscle_burst){
        .onset_frame = emg_muscle_frame_of(m, b->first_sample),
        .offset_frame = emg_muscle_frame_of(m, b->end_sample),
        .duration_s = (double)(b->end_sample - b->first_sample) / m->rate_hz,
        .centre_frame = emg_muscle_frame_of(m, (uint64_t)llround(b->centre_sample)),
        .spread_s = b->spread_samples / m->rate_hz,
        .rms_uv = b->rms_uv,
        .peak_uv = b->peak_uv,
        .iemg_uv_s = b->iemg_uv_s,
        .snr_db = contraction.snr_db,
        .flags = contraction.flags,
        .cut = contraction.cut,
    };
    return true;
}

bool emg_muscle_next_burst(struct emg_muscle *m, struct emg_muscle_burst *burst)
{
    return next_burst(m, m->contractions, burst);
}

bool emg_muscle_next_stride_burst(struct emg_muscle *m, struct emg_muscle_burst *burst)
{
    return next_burst(m, m->strides, burst);
}

double emg_muscle_level_uv(const struct emg_muscle *m)
{
    return emg_level_uv(m->level);
}

double emg_muscle_noise_uv(const struct emg_muscle *m)
{
    return emg_contractions_noise_uv(m->contractions);
}

/* Place of a frame among all samples given to the profile. The envelope's low-pass, of
 * second order, delays slow changes by sqrt(2) / (2 pi f). */
static double profile_sample(const struct emg_muscle *m, uint64_t frame)
{
    const double delay_s =
        emg_decimator_delay_s(m->decimator) + band_delay_s(m) + 0.22508 / m->config.envelope_hz;
    return (double)m->earlier_outputs + (double)(frame - m->origin) / m->factor + delay_s * m->rate_hz;
}

bool emg_muscle_add_cycle(struct emg_muscle *m, uint64_t first_frame, uint64_t end_frame)
{
    return first_frame >= m->origin && end_frame > first_frame &&
           emg_profile_cycle(m->profile, profile_sample(m, first_frame), profile_sample(m, end_frame));
}

unsigned emg_muscle_profile(const struct emg_muscle *m, float *mean, float *sd)
{
    return emg_profile_mean(m->profile, mean, sd);
}

void emg_muscle_set_crosstalk(struct emg_muscle *m, bool crosstalk)
{
    m->crosstalk = crosstalk;
}

size_t emg_muscle_psd(const struct emg_muscle *m, const float **psd, double *f0_hz, double *df_hz)
{
    return emg_spectral_psd(m->spectral, psd, f0_hz, df_hz);
}

size_t emg_muscle_take_waveform(struct emg_muscle *m, const float **x, uint64_t *first_frame)
{
    const size_t n = m->waveform.n;
    *x = m->waveform.x;
    *first_frame = m->waveform.first_frame;
    m->waveform.n = 0;
    return n;
}

size_t emg_muscle_waveform_max(const struct emg_muscle *m)
{
    return m->waveform.capacity;
}

size_t emg_muscle_psd_max(const struct emg_muscle *m)
{
    return emg_spectral_psd_max(m->spectral);
}

void emg_muscle_destroy(struct emg_muscle *m)
{
    if (m == NULL)
        return;
    free(m->waveform.x);
    emg_spectral_destroy(m->spectral);
    emg_trial_destroy(m->trial);
    emg_contractions_destroy(m->strides);
    emg_contractions_destroy(m->contractions);
    emg_profile_destroy(m->profile);
    emg_level_destroy(m->level);
    emg_envelope_destroy(m->envelope);
    emg_sos_destroy(m->motion);
    emg_sos_destroy(m->amplitude);
    emg_mains_destroy(m->mains);
    emg_decimator_destroy(m->decimator);
    emg_quality_destroy(m->quality);
    free(m);
}
