#include "clients/emgtop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Several periods each: 50 Hz and 1 Hz; a machine under load may be late. */
static const int64_t ACTIVATION_LIFE_NS = 2000000000;
static const int64_t FATIGUE_LIFE_NS = 5000000000;

static const int64_t READING_NS = 250000000; /* between two readings: more often nobody can read them */
static const double RECENT_S = 3;            /* a contraction's reading stands so long */

static void forget_fatigue(struct emg_top_fatigue *f)
{
    *f = (struct emg_top_fatigue){
        .mdf_hz = NAN,
        .mdf_se_hz = NAN,
        .shift_percent = NAN,
        .slope_percent_per_min = NAN,
        .slope_ci95_percent_per_min = {NAN, NAN},
    };
}

static void forget_amplitude(struct emg_top_muscle *m)
{
    m->activation = (struct emg_top_activation){.t = NAN, .rms_uv = NAN, .percent_reference = NAN};
    m->burst = (struct emg_top_burst){.offset_frame = NAN, .rms_uv = NAN, .percent_reference = NAN};
    m->reading = (struct emg_top_reading){.value = NAN};
}

void emg_top_muscle_begin(struct emg_top_muscle *m, const json_t *name)
{
    emg_top_copy_text(m->name, sizeof m->name, name);
    forget_amplitude(m);
    forget_fatigue(&m->fatigue);
    m->symmetry = (struct emg_top_symmetry){.index_percent = NAN};
    m->profile.arrival_ns = 0;
    m->course.n = 0;
    m->seq = NAN;
}

static void copy_flags(struct emg_top_activation *a, const json_t *flags)
{
    size_t n_flags = 0, n_advice = 0;
    a->flags[0] = a->advice[0] = '\0';
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *separator = i > 0 ? ", " : "";
        char flag[32];
        emg_top_copy_text(flag, sizeof flag, json_array_get(flags, i));
        if (n_advice < sizeof a->advice)
            n_advice += (size_t)snprintf(a->advice + n_advice, sizeof a->advice - n_advice, "%s%s", separator,
                                         emg_top_flag_advice(flag));
        for (char *c = flag; *c != '\0'; c++)
            if (*c == '_')
                *c = ' ';
        if (n_flags < sizeof a->flags)
            n_flags +=
                (size_t)snprintf(a->flags + n_flags, sizeof a->flags - n_flags, "%s%s", separator, flag);
    }
}

static void update_activation(struct emg_top_muscle *muscle, const json_t *body, int64_t now_ns)
{
    struct emg_top_activation *a = &muscle->activation;
    const json_t *active = json_object_get(body, "active");
    muscle->seq = emg_top_field_number(body, "seq");
    a->arrival_ns = now_ns;
    a->t = emg_top_field_number(body, "t");
    a->rms_uv = emg_top_field_number(body, "rms_uv");
    a->percent_reference = emg_top_field_number(body, "percent_reference");
    a->activity = json_is_true(active)    ? EMG_TOP_ACTIVE
                  : json_is_false(active) ? EMG_TOP_AT_REST
                                          : EMG_TOP_UNKNOWN;
    emg_top_copy_text(a->quality, sizeof a->quality, json_object_get(body, "quality"));
    copy_flags(a, json_object_get(body, "flags"));
}

static void update_burst(struct emg_top_burst *burst, const json_t *body, int64_t now_ns)
{
    *burst = (struct emg_top_burst){
        .arrival_ns = now_ns,
        .offset_frame = emg_top_field_number(body, "offset_frame"),
        .rms_uv = emg_top_field_number(body, "rms_uv"),
        .percent_reference = emg_top_field_number(body, "percent_reference"),
    };
}

/* An earlier time begins a new course: it is another stream. */
static void add_point(struct emg_top_course *course, double t, double mdf_hz, double mdf_se_hz)
{
    if (isnan(t) || (course->n > 0 && t == course->t[course->n - 1]))
        return;
    if (course->n > 0 && t < course->t[course->n - 1])
        course->n = 0;
    if (course->n == EMG_TOP_COURSE) {
        course->n--;
        memmove(course->t, course->t + 1, course->n * sizeof course->t[0]);
        memmove(course->mdf_hz, course->mdf_hz + 1, course->n * sizeof course->mdf_hz[0]);
        memmove(course->mdf_se_hz, course->mdf_se_hz + 1, course->n * sizeof course->mdf_se_hz[0]);
    }
    course->t[course->n] = t;
    course->mdf_hz[course->n] = (float)mdf_hz;
    course->mdf_se_hz[course->n] = (float)mdf_se_hz;
    course->n++;
}

static void update_fatigue(struct emg_top_muscle *muscle, const json_t *body, int64_t now_ns)
{
    struct emg_top_fatigue *f = &muscle->fatigue;
    const json_t *ci = json_object_get(body, "slope_ci95_percent_per_min");
    f->arrival_ns = now_ns;
    f->mdf_hz = emg_top_field_number(body, "mdf_hz");
    f->mdf_se_hz = emg_top_field_number(body, "mdf_se_hz");
    f->shift_percent = emg_top_field_number(body, "shift_percent");
    f->slope_percent_per_min = emg_top_field_number(body, "slope_percent_per_min");
    for (size_t i = 0; i < 2; i++) {
        const json_t *limit = json_array_get(ci, i);
        f->slope_ci95_percent_per_min[i] = json_is_number(limit) ? json_number_value(limit) : NAN;
    }
    emg_top_copy_text(f->verdict, sizeof f->verdict, json_object_get(body, "verdict"));
    emg_top_copy_text(f->reason, sizeof f->reason, json_object_get(body, "reason"));
    add_point(&muscle->course, emg_top_field_number(body, "t"), f->mdf_hz, f->mdf_se_hz);
}

static void update_profile(struct emg_top_profile *profile, const struct emg_feed_message *message,
                           int64_t now_ns)
{
    if (message->array_bytes != sizeof profile->mean)
        return;
    memcpy(profile->mean, message->array, sizeof profile->mean);
    const char *unit = json_string_value(json_object_get(message->json, "unit"));
    profile->is_percent = unit != NULL && strcmp(unit, "percent_reference") == 0;
    profile->strides = emg_top_field_number(message->json, "strides");
    profile->arrival_ns = now_ns;
}

void emg_top_muscle_update(struct emg_top_muscle *muscle, const char *kind,
                           const struct emg_feed_message *message, int64_t now_ns)
{
    if (strcmp(kind, "activation") == 0)
        update_activation(muscle, message->json, now_ns);
    else if (strcmp(kind, "fatigue") == 0)
        update_fatigue(muscle, message->json, now_ns);
    else if (strcmp(kind, "burst") == 0)
        update_burst(&muscle->burst, message->json, now_ns);
    else if (strcmp(kind, "profile") == 0)
        update_profile(&muscle->profile, message, now_ns);
}

static void take_reading(const struct emg_top *top, struct emg_top_muscle *muscle, int64_t now_ns)
{
    const struct emg_top_activation *a = &muscle->activation;
    const struct emg_top_burst *b = &muscle->burst;
    const bool recent = emg_top_age_s(top, b->offset_frame) < RECENT_S;
    if (!recent && a->arrival_ns != 0 && now_ns - muscle->reading.taken_ns < READING_NS)
        return;
    const double percent = recent ? b->percent_reference : a->percent_reference;
    muscle->reading = (struct emg_top_reading){
        .taken_ns = now_ns,
        .value = !isnan(percent) ? percent
                 : recent        ? b->rms_uv
                                 : a->rms_uv,
        .is_percent = !isnan(percent),
        .is_contraction = recent,
    };
}

void emg_top_muscle_settle(const struct emg_top *top, struct emg_top_muscle *muscle, bool lost, bool silent,
                           int64_t now_ns)
{
    if (lost || now_ns - muscle->activation.arrival_ns > ACTIVATION_LIFE_NS)
        forget_amplitude(muscle);
    if (silent || now_ns - muscle->fatigue.arrival_ns > FATIGUE_LIFE_NS)
        forget_fatigue(&muscle->fatigue);
    if (lost || now_ns - muscle->symmetry.arrival_ns > FATIGUE_LIFE_NS)
        muscle->symmetry.index_percent = NAN;
    take_reading(top, muscle, now_ns);
}
