#include "dsp/leg.h"

#include "dsp/comparison.h"
#include "dsp/quality.h"

#include <math.h>
#include <stdlib.h>

/* The envelope of a frame is there this much later, for any low-pass from 1 Hz up. */
static const double ENVELOPE_DELAY_S = 0.35;
static const double LEAD_WEIGHT = 0.3; /* of the newest contraction */

struct emg_leg {
    struct emg_leg_config config;
    struct emg_stride *stride;
    struct emg_crosstalk *crosstalk; /* NULL: no pair */
    double lead_frames;              /* from the onset of a contraction to where it counts from, smoothed */
    bool has_cycle;                  /* waits for the envelopes */
    struct emg_stride_cycle cycle;
};

static bool is_measured(const struct emg_leg *leg, size_t index)
{
    return index < leg->config.n_muscles;
}

enum emg_error emg_leg_create(struct emg_leg **out, const struct emg_leg_config *config)
{
    *out = NULL;
    if (config->n_muscles == 0 || config->n_muscles > EMG_LEG_MUSCLES_MAX)
        return EMG_ERROR_ARGUMENT;
    struct emg_leg *leg = calloc(1, sizeof *leg);
    if (leg == NULL)
        return EMG_ERROR_MEMORY;
    leg->config = *config;
    const struct emg_stride_config stride = {
        config->rate_hz, config->footswitch ? EMG_STRIDE_FOOTSWITCH : EMG_STRIDE_EMG, config->threshold};
    enum emg_error error = emg_stride_create(&leg->stride, &stride);
    if (error == EMG_OK && is_measured(leg, config->soleus) && is_measured(leg, config->gastrocnemius)) {
        const struct emg_crosstalk_config crosstalk = {emg_muscle_rate_hz(config->muscles[config->soleus]),
                                                       EMG_CROSSTALK_WINDOW_S, EMG_CROSSTALK_MAX_LAG_S};
        error = emg_crosstalk_create(&leg->crosstalk, &crosstalk);
    }
    if (error != EMG_OK) {
        emg_leg_destroy(leg);
        return error;
    }
    *out = leg;
    return EMG_OK;
}

void emg_leg_footswitch(struct emg_leg *leg, const float *x, size_t n, uint64_t first_frame)
{
    emg_stride_footswitch(leg->stride, x, n, first_frame);
}

/* Where a contraction of even strength would begin and end that has its energy at the same time: a weak
 * beginning, which now is found and now is not, hardly counts. One that is cut begins as far behind its onset
 * as the others did. */
static struct emg_stride_burst contraction_of(struct emg_leg *leg, const struct emg_muscle_burst *burst)
{
    const uint64_t half_frames = (uint64_t)(sqrt(3) * burst->spread_s * leg->config.rate_hz);
    const uint64_t onset_frame = burst->centre_frame - half_frames,
                   offset_frame = burst->centre_frame + half_frames;
    struct emg_stride_burst contraction = {
        .onset_frame = onset_frame > burst->onset_frame ? onset_frame : burst->onset_frame,
        .offset_frame = offset_frame < burst->offset_frame ? offset_frame : burst->offset_frame,
        .iemg_uv_s = burst->iemg_uv_s,
    };
    const uint64_t cut_frame = burst->onset_frame + (uint64_t)leg->lead_frames;
    if (!burst->cut)
        leg->lead_frames +=
            LEAD_WEIGHT * ((double)(contraction.onset_frame - burst->onset_frame) - leg->lead_frames);
    else if (cut_frame < contraction.offset_frame)
        contraction.onset_frame = cut_frame;
    return contraction;
}

void emg_leg_execute(struct emg_leg *leg)
{
    const struct emg_leg_config *c = &leg->config;
    const size_t main = is_measured(leg, c->soleus) ? c->soleus : c->gastrocnemius;
    struct emg_muscle_burst burst;
    while (is_measured(leg, main) && emg_muscle_next_stride_burst(c->muscles[main], &burst)) {
        if ((burst.flags & (EMG_FLAG_FLAT | EMG_FLAG_ELECTRODE_OFF)) != 0)
            continue;
        const struct emg_stride_burst contraction = contraction_of(leg, &burst);
        emg_stride_burst(leg->stride, &contraction);
    }
}

void emg_leg_finish(struct emg_leg *leg)
{
    emg_leg_execute(leg);
    emg_stride_finish(leg->stride);
}

void emg_leg_waveforms(struct emg_leg *leg, const float *soleus, const float *gastrocnemius, size_t n)
{
    if (leg->crosstalk != NULL)
        emg_crosstalk_execute(leg->crosstalk, soleus, gastrocnemius, n);
}

bool emg_leg_next_cycle(struct emg_leg *leg, uint64_t now_frame, struct emg_stride_cycle *cycle)
{
    if (!leg->has_cycle)
        leg->has_cycle = emg_stride_next(leg->stride, &leg->cycle);
    const uint64_t delay_frames = (uint64_t)(ENVELOPE_DELAY_S * leg->config.rate_hz);
    if (!leg->has_cycle || leg->cycle.end_frame + delay_frames > now_frame)
        return false;
    leg->has_cycle = false;
    *cycle = leg->cycle;
    for (size_t i = 0; i < leg->config.n_muscles; i++)
        (void)emg_muscle_add_cycle(leg->config.muscles[i], cycle->first_frame, cycle->end_frame);
    return true;
}

struct emg_stride_state emg_leg_strides(const struct emg_leg *leg)
{
    return emg_stride_state(leg->stride);
}

static double percent_of(const struct emg_leg *leg, size_t index, const double *reference_uv)
{
    if (!is_measured(leg, index))
        return NAN;
    return 100 * emg_muscle_level_uv(leg->config.muscles[index]) / reference_uv[index];
}

/* Of the mean profiles in share of reference. */
static bool normalised_profile(const struct emg_leg *leg, size_t index, const double *reference_uv,
                               float *mean)
{
    float sd[EMG_PROFILE_POINTS];
    if (!is_measured(leg, index) || !(reference_uv[index] > 0) ||
        emg_muscle_profile(leg->config.muscles[index], mean, sd) == 0)
        return false;
    for (size_t i = 0; i < EMG_PROFILE_POINTS; i++)
        mean[i] /= (float)reference_uv[index];
    return true;
}

static double coactivation_percent(const struct emg_leg *leg, const double *reference_uv)
{
    float agonist[EMG_PROFILE_POINTS], antagonist[EMG_PROFILE_POINTS];
    if (!normalised_profile(leg, leg->config.soleus, reference_uv, agonist) ||
        !normalised_profile(leg, leg->config.antagonist, reference_uv, antagonist))
        return NAN;
    return emg_coactivation_percent(agonist, antagonist, EMG_PROFILE_POINTS);
}

struct emg_leg_comparison emg_leg_compare(struct emg_leg *leg, const double *reference_uv)
{
    const struct emg_leg_config *c = &leg->config;
    struct emg_leg_comparison comparison = {NAN, NAN, NAN, NAN};
    comparison.soleus_share_percent = emg_share_percent(percent_of(leg, c->soleus, reference_uv),
                                                        percent_of(leg, c->gastrocnemius, reference_uv));
    comparison.coactivation_percent = coactivation_percent(leg, reference_uv);
    if (leg->crosstalk == NULL)
        return comparison;
    double lag_s = NAN;
    comparison.crosstalk_r = emg_crosstalk_peak(leg->crosstalk, &lag_s);
    comparison.crosstalk_lag_ms = 1000 * lag_s;
    /* Mains, and what open inputs give, correlates without cross-talk. */
    const uint32_t flags = emg_muscle_activation(c->muscles[c->soleus]).flags |
                           emg_muscle_activation(c->muscles[c->gastrocnemius]).flags;
    const bool warn = fabs(comparison.crosstalk_r) >= EMG_CROSSTALK_WARN_R &&
                      (flags & (EMG_FLAGS_BAD | EMG_FLAG_HUM | EMG_FLAG_MOTION)) == 0;
    emg_muscle_set_crosstalk(c->muscles[c->soleus], warn);
    emg_muscle_set_crosstalk(c->muscles[c->gastrocnemius], warn);
    return comparison;
}

void emg_leg_interrupt(struct emg_leg *leg, uint64_t first_frame)
{
    emg_stride_interrupt(leg->stride, first_frame);
    if (leg->crosstalk != NULL)
        emg_crosstalk_interrupt(leg->crosstalk);
}

void emg_leg_restart(struct emg_leg *leg, uint64_t first_frame)
{
    emg_stride_reset(leg->stride);
    emg_leg_interrupt(leg, first_frame);
    leg->lead_frames = 0;
    leg->has_cycle = false;
}

void emg_leg_destroy(struct emg_leg *leg)
{
    if (leg == NULL)
        return;
    emg_crosstalk_destroy(leg->crosstalk);
    emg_stride_destroy(leg->stride);
    free(leg);
}
