#include "daemon/analysis_state.h"

#include "dsp/comparison.h"

#include <math.h>
#include <string.h>

/* What a change of the quality is told of: the others come and go with every gap. */
static const double AWAY_S = 5.0;
static const uint32_t LASTING_FLAGS = ~(uint32_t)(EMG_FLAG_GAP | EMG_FLAG_UNSETTLED);

double emg_analysis_time_of(const struct emg_analysis *a, uint64_t frame)
{
    const int64_t host_ns = a->clock != NULL ? emg_drift_time_ns(a->clock, frame) : 0;
    if (host_ns == 0)
        return a->start_t + (double)frame / a->stream.rate_hz;
    return a->epoch_t + 1e-9 * (double)host_ns;
}

struct emg_message *emg_analysis_message_begin(struct emg_analysis *a, enum emg_topic topic, size_t index)
{
    struct emg_message *message = a->message;
    message->topic = topic;
    message->index = (uint32_t)index;
    message->seq = ++a->seq[topic][index];
    message->frame = a->next_frame > 0 ? a->next_frame - 1 : 0;
    message->t = emg_analysis_time_of(a, message->frame);
    memcpy(message->session, a->session->id, sizeof message->session);
    message->arrival_ns = a->arrival_ns;
    message->n_array = 0;
    return message;
}

void emg_analysis_message_end(struct emg_analysis *a)
{
    a->emit(a->context, a->message, sizeof *a->message + a->message->n_array * sizeof a->message->array[0]);
}

static void message_end_with(struct emg_analysis *a, const float *array, size_t n)
{
    a->message->n_array = (uint32_t)n;
    memcpy(a->message->array, array, n * sizeof array[0]);
    emg_analysis_message_end(a);
}

/* A flag that comes with every stride is told once, and its end when it has stayed away for a while. */
static void tell_quality(struct emg_analysis *a, size_t muscle, uint32_t flags)
{
    const uint64_t away_frames = (uint64_t)(AWAY_S * a->stream.rate_hz);
    flags &= LASTING_FLAGS;
    for (size_t i = 0; i < EMG_FLAGS; i++) {
        uint64_t *frame = &a->flag_frames[muscle][i];
        if ((flags & 1U << i) != 0)
            *frame = a->next_frame;
        else if ((a->flags[muscle] & 1U << i) != 0 && a->next_frame - *frame < away_frames)
            flags |= 1U << i;
    }
    if (flags == a->flags[muscle])
        return;
    a->flags[muscle] = flags;
    struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_EVENT_QUALITY, 0);
    message->body.quality_event.muscle = (uint32_t)muscle;
    message->body.quality_event.flags = flags;
    emg_analysis_message_end(a);
}

void emg_analysis_emit_activation(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const struct emg_muscle_activation now = emg_muscle_activation(a->muscles[i]);
        struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_ACTIVATION, i);
        message->body.activation.now = now;
        message->body.activation.reference = a->session->muscles[i].reference;
        emg_analysis_message_end(a);
        tell_quality(a, i, now.flags);
    }
}

static void emit_bursts(struct emg_analysis *a, size_t muscle)
{
    struct emg_muscle_burst burst;
    while (emg_muscle_next_burst(a->muscles[muscle], &burst)) {
        struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_BURST, muscle);
        message->body.burst.of = burst;
        message->body.burst.reference_uv = a->session->muscles[muscle].reference.uv;
        emg_analysis_message_end(a);
    }
}

static void emit_profile(struct emg_analysis *a, size_t muscle)
{
    float mean[EMG_PROFILE_POINTS], sd[EMG_PROFILE_POINTS];
    const unsigned strides = emg_muscle_profile(a->muscles[muscle], mean, sd);
    if (strides == 0)
        return;
    const bool percent = !isnan(a->session->muscles[muscle].reference.uv);
    const float unit = percent ? (float)(a->session->muscles[muscle].reference.uv / 100) : 1;
    struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_PROFILE, muscle);
    message->body.profile.strides = strides;
    message->body.profile.percent = percent;
    for (size_t i = 0; i < EMG_PROFILE_POINTS; i++) {
        mean[i] /= unit;
        message->body.profile.sd[i] = sd[i] / unit;
    }
    message_end_with(a, mean, EMG_PROFILE_POINTS);
}

static void emit_cycles(struct emg_analysis *a, size_t which, uint64_t now_frame)
{
    const struct emg_gait_side *side = &a->gait.sides[which];
    struct emg_stride_cycle cycle;
    while (emg_leg_next_cycle(side->leg, now_frame, &cycle)) {
        struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_STRIDE, which);
        message->body.stride.cycle = cycle;
        message->body.stride.state = emg_leg_strides(side->leg);
        message->body.stride.source = side->source;
        emg_analysis_message_end(a);
        for (size_t i = 0; i < side->n_muscles; i++)
            emit_profile(a, side->muscles[i]);
    }
}

void emg_analysis_emit_contractions(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++)
        emit_bursts(a, i);
    for (size_t which = 0; which < EMG_SIDES; which++)
        if (a->gait.sides[which].leg != NULL) {
            emg_leg_execute(a->gait.sides[which].leg);
            emit_cycles(a, which, a->next_frame);
        }
}

void emg_analysis_emit_last_contractions(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        emg_muscle_finish(a->muscles[i]);
        emit_bursts(a, i);
    }
    for (size_t which = 0; which < EMG_SIDES; which++)
        if (a->gait.sides[which].leg != NULL) {
            emg_leg_finish(a->gait.sides[which].leg);
            emit_cycles(a, which, UINT64_MAX); /* no more of the envelopes will come */
        }
}

void emg_analysis_emit_waveform(struct emg_analysis *a)
{
    const float *x[EMG_MAX_CHANNELS];
    size_t n[EMG_MAX_CHANNELS];
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        uint64_t first_frame = 0;
        n[i] = emg_muscle_take_waveform(a->muscles[i], &x[i], &first_frame);
        if (n[i] == 0)
            continue;
        emg_analysis_message_begin(a, EMG_TOPIC_WAVEFORM, i)->body.waveform.first_frame = first_frame;
        message_end_with(a, x[i], n[i]);
    }
    for (size_t which = 0; which < EMG_SIDES; which++) {
        const struct emg_gait_side *side = &a->gait.sides[which];
        if (side->leg == NULL || side->soleus == side->n_muscles || side->gastrocnemius == side->n_muscles)
            continue;
        const size_t soleus = side->muscles[side->soleus], other = side->muscles[side->gastrocnemius];
        emg_leg_waveforms(side->leg, x[soleus], x[other], n[soleus]);
    }
}

static void tell_verdict(struct emg_analysis *a, size_t muscle, const struct emg_spectral_fatigue *fatigue)
{
    const enum emg_verdict before = a->verdicts[muscle];
    if (fatigue->verdict == before)
        return;
    a->verdicts[muscle] = fatigue->verdict;
    struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_EVENT_FATIGUE, 0);
    message->body.fatigue_event.muscle = (uint32_t)muscle;
    message->body.fatigue_event.verdict = fatigue->verdict;
    message->body.fatigue_event.before = before;
    message->body.fatigue_event.reason = fatigue->reason;
    emg_analysis_message_end(a);
}

static void emit_leg(struct emg_analysis *a, size_t which)
{
    const struct emg_gait_side *side = &a->gait.sides[which];
    double reference_uv[EMG_MAX_CHANNELS];
    for (size_t i = 0; i < side->n_muscles; i++)
        reference_uv[i] = a->session->muscles[side->muscles[i]].reference.uv;
    const struct emg_leg_comparison comparison = emg_leg_compare(side->leg, reference_uv);
    emg_analysis_message_begin(a, EMG_TOPIC_LEG, which)->body.leg = comparison;
    emg_analysis_message_end(a);
}

/* In percent of reference where both sides have one, else in microvolts. */
static void emit_symmetry(struct emg_analysis *a, size_t index)
{
    const size_t *muscles = a->gait.pairs[index].muscles;
    double unit_uv[EMG_SIDES], noise[EMG_SIDES];
    struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_SYMMETRY, index);
    double *activation = message->body.symmetry.activation;
    const bool percent = !isnan(a->session->muscles[muscles[0]].reference.uv) &&
                         !isnan(a->session->muscles[muscles[1]].reference.uv);
    for (size_t i = 0; i < EMG_SIDES; i++) {
        unit_uv[i] = percent ? a->session->muscles[muscles[i]].reference.uv / 100 : 1;
        activation[i] = emg_muscle_level_uv(a->muscles[muscles[i]]) / unit_uv[i];
        noise[i] = emg_muscle_noise_uv(a->muscles[muscles[i]]) / unit_uv[i];
        message->body.symmetry.shift_percent[i] = a->shift_percent[muscles[i]];
    }
    message->body.symmetry.percent = percent;
    message->body.symmetry.index_percent = emg_symmetry_percent(
        activation[EMG_SIDE_LEFT], activation[EMG_SIDE_RIGHT], noise[EMG_SIDE_LEFT], noise[EMG_SIDE_RIGHT]);
    emg_analysis_message_end(a);
}

void emg_analysis_emit_fatigue(struct emg_analysis *a)
{
    for (size_t i = 0; i < a->montage.n_muscles; i++) {
        const struct emg_muscle_fatigue fatigue = emg_muscle_fatigue(a->muscles[i]);
        a->shift_percent[i] = fatigue.spectral.shift_percent;
        emg_analysis_message_begin(a, EMG_TOPIC_FATIGUE, i)->body.fatigue = fatigue;
        emg_analysis_message_end(a);
        tell_verdict(a, i, &fatigue.spectral);
        const float *psd = NULL;
        double f0_hz = 0, df_hz = 0;
        const size_t n = emg_muscle_psd(a->muscles[i], &psd, &f0_hz, &df_hz);
        if (n == 0)
            continue;
        struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_SPECTRUM, i);
        message->body.spectrum.f0_hz = f0_hz;
        message->body.spectrum.df_hz = df_hz;
        message_end_with(a, psd, n);
    }
    for (size_t which = 0; which < EMG_SIDES; which++)
        if (a->gait.sides[which].leg != NULL)
            emit_leg(a, which);
    for (size_t i = 0; i < a->gait.n_pairs; i++)
        emit_symmetry(a, i);
}

void emg_analysis_emit_status(struct emg_analysis *a)
{
    struct emg_message *message = emg_analysis_message_begin(a, EMG_TOPIC_STATUS, 0);
    message->body.status = a->status;
    message->body.status.measuring = a->measuring;
    if (a->measuring.kind != EMG_MEASURE_NONE)
        message->body.status.measuring.seconds_left =
            (double)(a->measuring.end_frame - a->next_frame) / a->stream.rate_hz;
    emg_analysis_message_end(a);
}

void emg_analysis_emit_gap(struct emg_analysis *a, uint64_t frames_lost, enum emg_gap_cause cause)
{
    emg_analysis_message_begin(a, EMG_TOPIC_EVENT_GAP, 0)->body.gap =
        (struct emg_gap_event){.first_frame = a->next_frame, .frames_lost = frames_lost, .cause = cause};
    emg_analysis_message_end(a);
}

void emg_analysis_emit_device(struct emg_analysis *a, enum emg_stream_state state)
{
    if (a->status.state == state)
        return;
    a->status.state = state;
    emg_analysis_message_begin(a, EMG_TOPIC_EVENT_DEVICE, 0)->body.device = state;
    emg_analysis_message_end(a);
}
