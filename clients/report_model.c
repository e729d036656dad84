#include "clients/report_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The array with room for one item behind the n in it; NULL when there is no memory: then it is as before. */
static void *grow(struct emg_report *r, void *items, size_t n, size_t size)
{
    if ((n & (n - 1)) != 0)
        return items; /* room doubles when n is a power of two */
    void *more = realloc(items, (n > 0 ? 2 * n : 1) * size);
    r->out_of_memory = r->out_of_memory || more == NULL;
    return more;
}

static void add_moment(struct emg_report_moments *m, double value)
{
    m->n++;
    const double from_mean = value - m->mean;
    m->mean += from_mean / (double)m->n;
    m->square += from_mean * (value - m->mean);
    m->peak = m->n == 1 || value > m->peak ? value : m->peak;
}

static bool add_stage(struct emg_report *r, const struct emg_stage *told, uint64_t first_frame)
{
    const size_t n = r->wire.n_muscles;
    struct emg_report_stage *stages = grow(r, r->stages, r->n_stages, sizeof *stages);
    if (stages == NULL)
        return false;
    r->stages = stages;
    struct emg_report_stage *stage = &stages[r->n_stages];
    *stage = (struct emg_report_stage){
        .told = *told,
        .first_frame = first_frame,
        .end_frame = UINT64_MAX,
        .activities = calloc(n, sizeof *stage->activities),
        .profiles = calloc(n, sizeof *stage->profiles),
    };
    r->n_stages++;
    if (stage->activities == NULL || stage->profiles == NULL) {
        r->out_of_memory = true;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        stage->activities[i].reference.uv = NAN;
    return true;
}

static size_t find_muscle(const struct emg_report *r, const char *side, const char *bare)
{
    char name[EMG_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s.%s", side, bare);
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        if (strcmp(r->wire.muscles[i], name) == 0)
            return i;
    return EMG_REPORT_NO_MUSCLE;
}

static void find_legs_and_pairs(struct emg_report *r)
{
    static const char *const names[] = {[EMG_SIDE_LEFT] = "left", [EMG_SIDE_RIGHT] = "right"};
    for (size_t i = 0; i < EMG_SIDES; i++) {
        struct emg_report_side *side = &r->sides[i];
        side->soleus = find_muscle(r, names[i], "soleus");
        side->antagonist = find_muscle(r, names[i], "tibialis_anterior");
        side->gastrocnemius = find_muscle(r, names[i], "gastrocnemius_medialis");
        if (side->gastrocnemius == EMG_REPORT_NO_MUSCLE)
            side->gastrocnemius = find_muscle(r, names[i], "gastrocnemius_lateralis");
    }
    for (; r->n_pairs < EMG_MAX_CHANNELS / 2 && r->wire.pairs[r->n_pairs][0] != '\0'; r->n_pairs++)
        for (size_t i = 0; i < EMG_SIDES; i++)
            r->pairs[r->n_pairs].muscles[i] = find_muscle(r, names[i], r->wire.pairs[r->n_pairs]);
}

struct emg_report *emg_report_create(const struct emg_config *config, const struct emg_stream_info *stream,
                                     const struct emg_wire *wire, const char *recording)
{
    const struct emg_stage everything = {
        .label = "whole recording", .speed_m_s = NAN, .incline_percent = NAN};
    struct emg_report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->config = config;
    r->stream = stream;
    r->wire = *wire;
    r->recording = recording;
    if (!add_stage(r, &everything, 0)) {
        emg_report_destroy(r);
        return NULL;
    }
    for (size_t i = 0; i < wire->n_muscles; i++)
        r->muscles[i].rest_uv = NAN;
    find_legs_and_pairs(r);
    return r;
}

static void begin_stage(struct emg_report *r, const struct emg_stage *told, uint64_t frame)
{
    if (r->open_stage != 0)
        r->stages[r->open_stage].end_frame = frame;
    r->open_stage = 0;
    if (told != NULL && add_stage(r, told, frame))
        r->open_stage = r->n_stages - 1;
}

void emg_report_begin(struct emg_report *r, uint64_t first_frame, const struct emg_session *session)
{
    r->first_frame = r->end_frame = first_frame;
    r->stages[0].first_frame = first_frame;
    r->in_session = session->id[0] != '\0';
    (void)snprintf(r->participant, sizeof r->participant, "%s", session->participant);
    (void)snprintf(r->notes, sizeof r->notes, "%s", session->notes);
    for (size_t i = 0; i < session->n_muscles; i++)
        r->muscles[i].rest_uv = session->muscles[i].rest.rms_uv;
    if (session->stage.number > 0)
        begin_stage(r, &session->stage, first_frame);
}

static void take_activity(struct emg_report_activity *activity, const struct emg_muscle_activation *now,
                          const struct emg_reference *reference)
{
    activity->n++;
    activity->active += now->active;
    for (size_t i = 0; i < EMG_FLAGS; i++)
        activity->flags[i] += now->flags >> i & 1;
    activity->reference = *reference;
    if ((now->flags & EMG_FLAGS_BAD) != 0 || !isfinite(now->rms_uv))
        return;
    activity->usable++;
    add_moment(&activity->uv, now->rms_uv);
    if (reference->uv > 0)
        add_moment(&activity->percent, 100 * now->rms_uv / reference->uv);
}

static void take_activation(struct emg_report *r, const struct emg_message *message)
{
    const struct emg_muscle_activation *now = &message->body.activation.now;
    const struct emg_reference *reference = &message->body.activation.reference;
    if (now->active)
        r->muscles[message->index].active_s += 1 / r->config->analysis.activation_hz;
    take_activity(&r->stages[0].activities[message->index], now, reference);
    if (r->open_stage != 0)
        take_activity(&r->stages[r->open_stage].activities[message->index], now, reference);
}

static void take_profile(struct emg_report *r, const struct emg_message *message)
{
    struct emg_report_profile *profile = &r->stages[0].profiles[message->index];
    profile->strides = message->body.profile.strides;
    profile->percent = message->body.profile.percent;
    memcpy(profile->mean, message->array, sizeof profile->mean);
    memcpy(profile->sd, message->body.profile.sd, sizeof profile->sd);
    if (r->open_stage != 0)
        r->stages[r->open_stage].profiles[message->index] = *profile;
}

static void take_fatigue(struct emg_report *r, const struct emg_message *message)
{
    struct emg_report_muscle *muscle = &r->muscles[message->index];
    struct emg_report_spectrum *spectra = grow(r, muscle->spectra, muscle->n_spectra, sizeof *spectra);
    if (spectra == NULL)
        return;
    muscle->spectra = spectra;
    spectra[muscle->n_spectra++] =
        (struct emg_report_spectrum){message->frame, muscle->active_s, message->body.fatigue};
}

static void take_burst(struct emg_report *r, const struct emg_message *message)
{
    struct emg_report_muscle *muscle = &r->muscles[message->index];
    struct emg_report_burst *bursts = grow(r, muscle->bursts, muscle->n_bursts, sizeof *bursts);
    if (bursts == NULL)
        return;
    muscle->bursts = bursts;
    bursts[muscle->n_bursts++] =
        (struct emg_report_burst){message->body.burst.of, message->body.burst.reference_uv};
}

static void take_stride(struct emg_report *r, const struct emg_message *message)
{
    struct emg_report_side *side = &r->sides[message->index];
    struct emg_report_cycle *cycles = grow(r, side->cycles, side->n_cycles, sizeof *cycles);
    if (cycles == NULL)
        return;
    side->cycles = cycles;
    cycles[side->n_cycles++] = (struct emg_report_cycle){
        .of = message->body.stride.cycle,
        .cadence_steps_per_min = message->body.stride.state.cadence_steps_per_min,
        .source = message->body.stride.source,
    };
}

static void take_comparison(struct emg_report *r, const struct emg_message *message)
{
    struct emg_report_side *side = &r->sides[message->index];
    struct emg_report_comparison *comparisons =
        grow(r, side->comparisons, side->n_comparisons, sizeof *comparisons);
    if (comparisons == NULL)
        return;
    side->comparisons = comparisons;
    comparisons[side->n_comparisons++] = (struct emg_report_comparison){message->frame, message->body.leg};
}

static void take_symmetry(struct emg_report *r, const struct emg_message *message)
{
    struct emg_report_pair *pair = &r->pairs[message->index];
    struct emg_report_symmetry *symmetries =
        grow(r, pair->symmetries, pair->n_symmetries, sizeof *symmetries);
    if (symmetries == NULL)
        return;
    pair->symmetries = symmetries;
    symmetries[pair->n_symmetries++] = (struct emg_report_symmetry){
        message->frame, message->body.symmetry.index_percent, message->body.symmetry.percent};
}

static void take_session(struct emg_report *r, const struct emg_message *message, uint64_t frame)
{
    begin_stage(r, NULL, frame);
    r->in_session = true;
    if (message->body.session_event.change == EMG_SESSION_STARTED)
        for (size_t i = 0; i < r->wire.n_muscles; i++) {
            r->muscles[i].rest_uv = NAN;
            r->muscles[i].has_measurement = false;
        }
    if (message->body.session_event.change == EMG_SESSION_STOPPED)
        return;
    (void)snprintf(r->participant, sizeof r->participant, "%s", message->body.session_event.participant);
    (void)snprintf(r->notes, sizeof r->notes, "%s", message->body.session_event.notes);
}

static void take_result(struct emg_report *r, const struct emg_message *message)
{
    const struct emg_measurement *of = &message->body.result.of;
    struct emg_report_muscle *muscle = &r->muscles[message->body.result.muscle];
    if (message->topic == EMG_TOPIC_EVENT_REST && of->refusal == EMG_REFUSAL_NONE)
        muscle->rest_uv = of->uv;
    if (message->topic == EMG_TOPIC_EVENT_REFERENCE) {
        muscle->has_measurement = true;
        muscle->reference = *of;
    }
}

/* Copies what the list of events tells of it. */
static void describe_event(struct emg_report_event *event, const struct emg_message *message)
{
    switch (message->topic) {
    case EMG_TOPIC_EVENT_GAP:
        event->gap = message->body.gap;
        break;
    case EMG_TOPIC_EVENT_DEVICE:
        event->device = message->body.device;
        break;
    case EMG_TOPIC_EVENT_FATIGUE:
        event->muscle = message->body.fatigue_event.muscle;
        event->verdict = message->body.fatigue_event.verdict;
        event->before = message->body.fatigue_event.before;
        event->reason = message->body.fatigue_event.reason;
        break;
    case EMG_TOPIC_EVENT_QUALITY:
        event->muscle = message->body.quality_event.muscle;
        event->flags = message->body.quality_event.flags;
        break;
    case EMG_TOPIC_EVENT_SESSION:
        event->session = message->body.session_event.change;
        (void)snprintf(event->label, sizeof event->label, "%s", message->body.session_event.participant);
        break;
    case EMG_TOPIC_EVENT_STAGE:
        event->stage = message->body.stage;
        (void)snprintf(event->label, sizeof event->label, "%s", message->body.stage.label);
        break;
    case EMG_TOPIC_EVENT_MARKER:
        (void)snprintf(event->label, sizeof event->label, "%s", message->body.marker.label);
        break;
    default: /* a measurement's result */
        event->muscle = message->body.result.muscle;
        event->result = message->body.result.of;
        event->flags = message->body.result.of.flags;
        event->reference = message->body.result.reference;
        memcpy(event->method, message->body.result.method, sizeof event->method);
        break;
    }
}

static void take_event(struct emg_report *r, const struct emg_message *message)
{
    /* An event happens before the next frame, which begins what it begins. */
    const uint64_t frame = message->frame + (message->frame > r->first_frame);
    struct emg_report_event *events = grow(r, r->events, r->n_events, sizeof *events);
    if (events == NULL)
        return;
    r->events = events;
    struct emg_report_event *event = &events[r->n_events++];
    *event =
        (struct emg_report_event){.topic = message->topic, .frame = frame, .muscle = EMG_REPORT_NO_MUSCLE};
    describe_event(event, message);
    switch (message->topic) {
    case EMG_TOPIC_EVENT_SESSION:
        take_session(r, message, frame);
        break;
    case EMG_TOPIC_EVENT_STAGE:
        begin_stage(r, &message->body.stage, frame);
        break;
    case EMG_TOPIC_EVENT_GAP:
        r->gaps++;
        r->frames_lost += message->body.gap.frames_lost;
        break;
    case EMG_TOPIC_EVENT_REST:
    case EMG_TOPIC_EVENT_REFERENCE:
        take_result(r, message);
        break;
    default:
        break;
    }
}

void emg_report_take(struct emg_report *r, const struct emg_message *message)
{
    if (message->frame >= r->end_frame)
        r->end_frame = message->frame + 1;
    switch (message->topic) {
    case EMG_TOPIC_ACTIVATION:
        take_activation(r, message);
        break;
    case EMG_TOPIC_FATIGUE:
        take_fatigue(r, message);
        break;
    case EMG_TOPIC_BURST:
        take_burst(r, message);
        break;
    case EMG_TOPIC_PROFILE:
        take_profile(r, message);
        break;
    case EMG_TOPIC_STRIDE:
        take_stride(r, message);
        break;
    case EMG_TOPIC_LEG:
        take_comparison(r, message);
        break;
    case EMG_TOPIC_SYMMETRY:
        take_symmetry(r, message);
        break;
    case EMG_TOPIC_STATUS:
    case EMG_TOPIC_SPECTRUM:
    case EMG_TOPIC_WAVEFORM:
    case EMG_TOPIC_EVENT_RECORDING:
    case EMG_TOPIC_COUNT:
        break;
    default:
        take_event(r, message);
        break;
    }
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

bool emg_report_finish(struct emg_report *r)
{
    for (size_t i = 0; i < r->n_stages; i++)
        if (r->stages[i].end_frame > r->end_frame)
            r->stages[i].end_frame = r->end_frame;
    r->open_stage = 0;
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        r->n_scratch = larger(r->n_scratch, r->muscles[i].n_spectra);
    for (size_t i = 0; i < EMG_SIDES; i++)
        r->n_scratch = larger(r->n_scratch, larger(r->sides[i].n_cycles, r->sides[i].n_comparisons));
    for (size_t i = 0; i < r->n_pairs; i++)
        r->n_scratch = larger(r->n_scratch, r->pairs[i].n_symmetries);
    r->scratch = calloc(r->n_scratch + 1, sizeof r->scratch[0]);
    return r->scratch != NULL && !r->out_of_memory;
}

const struct emg_report_stage *emg_report_stages(const struct emg_report *r, size_t *n)
{
    const bool told = r->n_stages > 1;
    *n = told ? r->n_stages - 1 : 1;
    return told ? r->stages + 1 : r->stages;
}

size_t emg_report_stage_of(const struct emg_report *r, uint64_t frame)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    for (size_t i = 0; i < n; i++)
        if (frame >= stages[i].first_frame && frame < stages[i].end_frame)
            return i + 1;
    return EMG_REPORT_STAGE_NONE;
}

enum emg_side emg_report_side_of(const struct emg_report *r, size_t muscle)
{
    return r->wire.muscles[muscle][0] == 'r' ? EMG_SIDE_RIGHT : EMG_SIDE_LEFT;
}

const char *emg_report_bare_name(const struct emg_report *r, size_t muscle)
{
    const char *dot = strchr(r->wire.muscles[muscle], '.');
    return dot != NULL ? dot + 1 : r->wire.muscles[muscle];
}

size_t emg_report_other_side(const struct emg_report *r, size_t muscle)
{
    return find_muscle(r, emg_report_side_of(r, muscle) == EMG_SIDE_LEFT ? "right" : "left",
                       emg_report_bare_name(r, muscle));
}

double emg_report_seconds(const struct emg_report *r, uint64_t frame)
{
    return ((double)frame - (double)r->first_frame) / r->wire.rate_hz;
}

void emg_report_destroy(struct emg_report *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_stages; i++) {
        free(r->stages[i].activities);
        free(r->stages[i].profiles);
    }
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++) {
        free(r->muscles[i].spectra);
        free(r->muscles[i].bursts);
    }
    for (size_t i = 0; i < EMG_SIDES; i++) {
        free(r->sides[i].cycles);
        free(r->sides[i].comparisons);
    }
    for (size_t i = 0; i < EMG_MAX_CHANNELS / 2; i++)
        free(r->pairs[i].symmetries);
    free(r->scratch);
    free(r->stages);
    free(r->events);
    free(r);
}
