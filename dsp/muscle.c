#include "dsp/muscle.h"

#include "dsp/course.h"
#include "dsp/decimator.h"
#include "dsp/envelope.h"
#include "dsp/quality.h"
#include "dsp/slicer.h"
#include "dsp/sos.h"
#include "dsp/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Raw samples go through the chain in pieces that complete PIECE outputs of the decimator, counted from the
 * last gap, so that decisions fall on the same samples however the input was cut. */
enum { PIECE = 16, FILTER_ORDER = 4, TAPERS = 4 };
static const double PASS_HZ = 500.0;
static const double STOP_DB = 80.0;
static const double SLICE_S = 0.5;
static const double SHORTEST_SLICE_S = 0.1;
static const double WAVEFORM_S = 0.5;
static const double HIGHEST_EDGE = 0.45; /* of the analysis rate */
/* A step at the 20 Hz fourth-order edge has fallen to 1e-4 after 0.19 s. */
static const double SETTLE_S = 0.25;
static const double FLAG_HOLD_S = 0.25;
static const double GAP_FLAG_S = 1.0;

static const uint32_t SPOILS_SPECTRUM = EMG_FLAG_CLIPPING | EMG_FLAG_FLAT;

struct waveform {
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
    struct emg_sos *band, *amplitude;
    struct emg_envelope *envelope;
    struct emg_onset *onset;
    struct emg_slicer *slicer;
    struct emg_spectrum *spectrum;
    struct emg_course *course;

    uint64_t frame;        /* index of the next raw sample */
    uint64_t outputs;      /* of the decimator, since the last gap */
    uint64_t origin;       /* frame at which the filters last started */
    uint64_t valid_frames; /* raw samples taken in all */
    uint64_t gap_flag_until;
    size_t in_piece;
    uint32_t latched_flags;
    double linear_envelope_uv;

    struct waveform waveform;

    size_t first_bin, n_bins; /* of the published band */
    float *correction;        /* [bins] 1 / |H|^2 inside the band, 0 outside */
    float *corrected;         /* [bins] scratch for one slice */
    float *pooled;            /* [bins] the corrected pool of the last emg_muscle_fatigue */
    double pooled_seconds;

    float decimated[PIECE + 1], banded[PIECE + 1], amplified[PIECE + 1], enveloped[PIECE + 1];
    uint32_t burst[PIECE + 1];
};

static bool config_is_valid(const struct emg_muscle_config *c)
{
    return c->rate_hz >= 1000 && c->rate_hz <= 192000 && c->full_scale_uv > 0 && c->band_hz[0] > 0 &&
           c->band_hz[1] > c->band_hz[0] && c->amplitude_highpass_hz > 0 && c->front_end_highpass_hz >= 0 &&
           c->rms_s > 0 && c->envelope_hz > 0 && c->spectral_s >= SLICE_S;
}

static enum emg_error create_stages(struct emg_muscle *m)
{
    const struct emg_muscle_config *c = &m->config;
    const struct emg_decimator_config decimator = {c->rate_hz, m->factor, fmin(PASS_HZ, 0.49 * m->rate_hz),
                                                   STOP_DB};
    const struct emg_sos_config band = {m->rate_hz, m->band_hz[0], m->band_hz[1], FILTER_ORDER};
    const struct emg_sos_config amplitude = {m->rate_hz, c->amplitude_highpass_hz, m->band_hz[1],
                                             FILTER_ORDER};
    const struct emg_quality_config quality = {c->rate_hz, c->full_scale_uv, FLAG_HOLD_S};
    const struct emg_envelope_config envelope = {m->rate_hz, c->rms_s, c->envelope_hz};
    const struct emg_onset_config onset = {m->rate_hz, c->mode};
    const struct emg_spectrum_config spectrum = {
        .rate_hz = m->rate_hz,
        .slice_s = SLICE_S,
        .tapers = TAPERS,
        .pool_s = c->spectral_s,
        .shortest_s = SHORTEST_SLICE_S,
    };
    enum emg_error error = emg_quality_create(&m->quality, &quality);
    if (error == EMG_OK)
        error = emg_decimator_create(&m->decimator, &decimator);
    if (error == EMG_OK)
        error = emg_sos_create(&m->band, &band);
    if (error == EMG_OK)
        error = emg_sos_create(&m->amplitude, &amplitude);
    if (error == EMG_OK)
        error = emg_envelope_create(&m->envelope, &envelope);
    if (error == EMG_OK)
        error = emg_onset_create(&m->onset, &onset);
    if (error == EMG_OK)
        error = emg_spectrum_create(&m->spectrum, &spectrum);
    if (error != EMG_OK)
        return error;
    const struct emg_slicer_config slicer = {emg_onset_delay(m->onset), emg_spectrum_slice_min(m->spectrum),
                                             emg_spectrum_slice_max(m->spectrum)};
    return emg_slicer_create(&m->slicer, &slicer);
}

/* Power response of a first-order high-pass with its -3 dB edge at edge_hz. */
static double first_order_power(double frequency_hz, double edge_hz)
{
    const double ratio = edge_hz / frequency_hz;
    return 1 / (1 + ratio * ratio);
}

static enum emg_error create_buffers(struct emg_muscle *m)
{
    const size_t bins = emg_spectrum_bins(m->spectrum);
    const double df_hz = emg_spectrum_df_hz(m->spectrum);
    m->waveform.capacity = (size_t)ceil(WAVEFORM_S * m->rate_hz);
    m->waveform.x = calloc(m->waveform.capacity, sizeof m->waveform.x[0]);
    m->correction = calloc(bins, sizeof m->correction[0]);
    m->corrected = calloc(bins, sizeof m->corrected[0]);
    m->pooled = calloc(bins, sizeof m->pooled[0]);
    if (m->waveform.x == NULL || m->correction == NULL || m->corrected == NULL || m->pooled == NULL)
        return EMG_ERROR_MEMORY;

    /* One bin beyond each edge is kept, since the band ends between bins. */
    m->first_bin = (size_t)floor(m->band_hz[0] / df_hz);
    const size_t last_bin = (size_t)fmin(ceil(m->band_hz[1] / df_hz), (double)(bins - 1));
    m->n_bins = last_bin - m->first_bin + 1;
    for (size_t k = m->first_bin > 0 ? m->first_bin : 1; k <= last_bin; k++) {
        const double f = (double)k * df_hz;
        const double decimator = emg_decimator_response(m->decimator, f);
        const double band = emg_sos_response(m->band, f);
        const double power =
            decimator * decimator * band * band * first_order_power(f, m->config.front_end_highpass_hz);
        m->correction[k] = (float)(1 / power);
    }
    const struct emg_course_config course = {bins, df_hz, m->band_hz[0], m->band_hz[1]};
    return emg_course_create(&m->course, &course);
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
    enum emg_error error = create_stages(m);
    if (error == EMG_OK)
        error = create_buffers(m);
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

static double seconds_at(const struct emg_muscle *m, uint64_t frame)
{
    return (double)frame / m->config.rate_hz;
}

/* Whether the filters have settled at the sample that many outputs of the decimator after the last gap. */
static bool is_settled_at(const struct emg_muscle *m, uint64_t outputs)
{
    return (double)outputs >= (SETTLE_S + m->config.rms_s) * m->rate_hz;
}

static bool is_settled(const struct emg_muscle *m)
{
    return is_settled_at(m, m->outputs);
}

static void correct(const struct emg_muscle *m, const float *psd, float *corrected)
{
    const size_t bins = emg_spectrum_bins(m->spectrum);
    for (size_t k = 0; k < bins; k++)
        corrected[k] = psd[k] * m->correction[k];
}

static void take_slice(struct emg_muscle *m, const struct emg_slice *slice)
{
    const float *psd = emg_spectrum_execute(m->spectrum, slice->x, slice->n, slice->burst);
    correct(m, psd, m->corrected);
    emg_course_execute(m->course, m->corrected, (double)slice->n / m->rate_hz, seconds_at(m, m->frame));
}

/* What is spoilt, or from before the filters had settled, belongs to no contraction. */
static void collect_slices(struct emg_muscle *m, size_t n)
{
    const uint64_t delay = emg_onset_delay(m->onset);
    const bool spoilt = (m->latched_flags & SPOILS_SPECTRUM) != 0;
    if (spoilt)
        emg_slicer_discard(m->slicer);
    for (size_t i = 0; i < n; i++)
        if (spoilt || m->outputs + i < delay || !is_settled_at(m, m->outputs + i - delay))
            m->burst[i] = 0;
    for (size_t i = 0; i < n;) {
        struct emg_slice slice;
        i += emg_slicer_execute(m->slicer, m->banded + i, m->burst + i, n - i, &slice);
        if (slice.n > 0)
            take_slice(m, &slice);
    }
}

static void collect_waveform(struct emg_muscle *m, size_t n)
{
    struct waveform *waveform = &m->waveform;
    if (waveform->n + n > waveform->capacity)
        waveform->n = 0;
    if (waveform->n == 0)
        waveform->first_frame = m->origin + m->outputs * m->factor;
    memcpy(waveform->x + waveform->n, m->banded, n * sizeof waveform->x[0]);
    waveform->n += n;
}

static void execute_piece(struct emg_muscle *m, const float *x, size_t n)
{
    emg_quality_execute(m->quality, x, n);
    const size_t n_out = emg_decimator_execute(m->decimator, x, m->decimated, n);
    m->frame += n;
    m->valid_frames += n;
    if (n_out == 0)
        return;
    emg_sos_execute(m->band, m->decimated, m->banded, n_out);
    emg_sos_execute(m->amplitude, m->decimated, m->amplified, n_out);
    emg_envelope_execute(m->envelope, m->amplified, m->enveloped, n_out);
    emg_onset_execute(m->onset, m->amplified, m->burst, n_out);
    m->linear_envelope_uv = (double)m->enveloped[n_out - 1];
    collect_slices(m, n_out);
    collect_waveform(m, n_out);
    m->outputs += n_out;
}

void emg_muscle_execute(struct emg_muscle *m, const float *x, size_t n)
{
    const size_t piece = (size_t)PIECE * m->factor;
    while (n > 0) {
        const size_t left = piece - m->in_piece;
        const size_t take = n < left ? n : left;
        execute_piece(m, x, take);
        x += take;
        n -= take;
        m->in_piece += take;
        if (m->in_piece == piece) {
            m->latched_flags = emg_quality_flags(m->quality);
            m->in_piece = 0;
        }
    }
}

void emg_muscle_interrupt(struct emg_muscle *m, uint64_t first_frame)
{
    emg_quality_reset(m->quality);
    emg_decimator_reset(m->decimator);
    emg_sos_reset(m->band);
    emg_sos_reset(m->amplitude);
    emg_envelope_reset(m->envelope);
    emg_onset_interrupt(m->onset);
    emg_slicer_reset(m->slicer);
    m->waveform.n = 0;
    m->in_piece = 0;
    m->latched_flags = 0;
    m->outputs = 0;
    m->origin = first_frame;
    m->frame = first_frame;
    m->gap_flag_until = first_frame + (uint64_t)(GAP_FLAG_S * m->config.rate_hz);
}

static uint32_t flags_now(const struct emg_muscle *m)
{
    uint32_t flags = emg_quality_flags(m->quality);
    if (!is_settled(m))
        flags |= EMG_FLAG_UNSETTLED;
    if (m->frame < m->gap_flag_until)
        flags |= EMG_FLAG_GAP;
    return flags;
}

struct emg_muscle_activation emg_muscle_activation(const struct emg_muscle *m)
{
    const bool settled = is_settled(m);
    return (struct emg_muscle_activation){
        .rms_uv = settled ? emg_envelope_rms_uv(m->envelope) : NAN,
        .envelope_uv = settled ? m->linear_envelope_uv : NAN,
        .active = settled && emg_onset_active(m->onset),
        .flags = flags_now(m),
    };
}

/* The pool's signal against the noise level, both as RMS in the band; noise power is taken off the signal's.
 */
static double snr_db(double power_uv2, double noise_uv)
{
    const double noise_uv2 = noise_uv * noise_uv;
    if (!(noise_uv2 > 0) || !(power_uv2 > noise_uv2))
        return NAN;
    return 10 * log10((power_uv2 - noise_uv2) / noise_uv2);
}

static void judge(struct emg_muscle_fatigue *f, const struct emg_course_state *course)
{
    f->slope_hz_per_min = course->mdf.slope_per_min;
    f->slope_percent_per_min = 100 * course->mdf.slope_per_min / course->mdf.intercept;
    f->slope_ci95_percent_per_min[0] = 100 * course->mdf.ci95_low_per_min / course->mdf.intercept;
    f->slope_ci95_percent_per_min[1] = 100 * course->mdf.ci95_high_per_min / course->mdf.intercept;
    const double rms_ci95[2] = {course->rms.ci95_low_per_min, course->rms.ci95_high_per_min};
    f->jasa = emg_jasa(f->slope_ci95_percent_per_min, rms_ci95);
    const struct emg_evidence evidence = {
        .seconds = f->seconds,
        .bad_quality = (f->flags & SPOILS_SPECTRUM) != 0,
        .snr_db = f->snr_db,
        .points = course->mdf.points,
        .duration_s = course->mdf.duration_s,
        .ci95_percent = {f->slope_ci95_percent_per_min[0], f->slope_ci95_percent_per_min[1]},
    };
    f->verdict = emg_verdict(&evidence, &f->reason);
}

struct emg_muscle_fatigue emg_muscle_fatigue(struct emg_muscle *m)
{
    emg_course_advance(m->course, (double)m->valid_frames / m->config.rate_hz);
    const struct emg_spectrum_pool pool = emg_spectrum_pool(m->spectrum, m->pooled);
    correct(m, m->pooled, m->pooled);
    m->pooled_seconds = pool.seconds;

    const struct emg_course_state course = emg_course_state(m->course);
    struct emg_muscle_fatigue f = {
        .indices =
            emg_fatigue_indices(m->pooled, emg_spectrum_bins(m->spectrum), emg_spectrum_df_hz(m->spectrum),
                                m->band_hz[0], m->band_hz[1], pool.seconds),
        .seconds = pool.seconds,
        .bursts = pool.bursts,
        .baseline_mdf_hz = course.baseline_mdf_hz,
        .flags = flags_now(m),
    };
    f.rms_uv = sqrt(f.indices.power_uv2);
    f.snr_db = snr_db(f.indices.power_uv2, emg_onset_noise_uv(m->onset));
    f.ln_finsm5 = f.indices.ln_insm5 - course.baseline_ln_insm5;
    f.shift_percent = 100 * (f.indices.mdf_hz / course.baseline_mdf_hz - 1);
    judge(&f, &course);
    return f;
}

size_t emg_muscle_psd(const struct emg_muscle *m, const float **psd, double *f0_hz, double *df_hz)
{
    *psd = m->pooled + m->first_bin;
    *df_hz = emg_spectrum_df_hz(m->spectrum);
    *f0_hz = (double)m->first_bin * *df_hz;
    return m->pooled_seconds > 0 ? m->n_bins : 0;
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
    return m->n_bins;
}

void emg_muscle_destroy(struct emg_muscle *m)
{
    if (m == NULL)
        return;
    free(m->pooled);
    free(m->corrected);
    free(m->correction);
    free(m->waveform.x);
    emg_course_destroy(m->course);
    emg_slicer_destroy(m->slicer);
    emg_spectrum_destroy(m->spectrum);
    emg_onset_destroy(m->onset);
    emg_envelope_destroy(m->envelope);
    emg_sos_destroy(m->amplitude);
    emg_sos_destroy(m->band);
    emg_decimator_destroy(m->decimator);
    emg_quality_destroy(m->quality);
    free(m);
}
