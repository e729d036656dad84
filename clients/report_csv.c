#include "clients/report_csv.h"

#include "clients/report_figures.h"
#include "clients/report_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Significant digits, as in the messages of the stream: single-precision values keep all of theirs. */
enum { DIGITS = 9 };

static const char *const sides[] = {[EMG_SIDE_LEFT] = "left", [EMG_SIDE_RIGHT] = "right"};

/* A table in progress: a row's fields are put one after another. */
struct table {
    FILE *out;
    bool begun; /* the row has a field */
};

static void next_field(struct table *t)
{
    if (t->begun)
        (void)putc(',', t->out);
    t->begun = true;
}

static void end_row(struct table *t)
{
    (void)fputs("\r\n", t->out);
    t->begun = false;
}

static void put_number(struct table *t, double value)
{
    next_field(t);
    if (isfinite(value))
        (void)fprintf(t->out, "%.*g", DIGITS, value);
}

static void put_count(struct table *t, uint64_t value)
{
    next_field(t);
    (void)fprintf(t->out, "%" PRIu64, value);
}

static void put_text(struct table *t, const char *text)
{
    next_field(t);
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        (void)fputs(text, t->out);
        return;
    }
    (void)putc('"', t->out);
    for (; *text != '\0'; text++)
        (void)fputs(*text == '"' ? "\"\"" : (const char[]){*text, '\0'}, t->out);
    (void)putc('"', t->out);
}

static void put_flags(struct table *t, uint32_t flags)
{
    next_field(t);
    emg_report_flags(t->out, flags, ";");
}

static void put_stage(struct table *t, size_t stage)
{
    next_field(t);
    if (stage != EMG_REPORT_STAGE_NONE)
        (void)fprintf(t->out, "%zu", stage);
}

static bool begin(struct table *t, struct emg_report_output *output, const char *name, const char *header)
{
    *t = (struct table){.out = emg_report_output_file(output, name)};
    if (t->out == NULL)
        return false;
    (void)fprintf(t->out, "%s\r\n", header);
    return true;
}

static void write_bursts(const struct emg_report *r, struct emg_report_output *output)
{
    struct table t;
    if (!begin(&t, output, "bursts.csv",
               "muscle,stage,onset_s,onset_frame,offset_frame,duration_s,rms_uv,peak_uv,iemg_uv_s,"
               "percent_reference,snr_db,flags"))
        return;
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        for (size_t k = 0; k < r->muscles[i].n_bursts; k++) {
            const struct emg_muscle_burst *burst = &r->muscles[i].bursts[k].of;
            put_text(&t, r->wire.muscles[i]);
            put_stage(&t, emg_report_stage_of(r, burst->onset_frame));
            put_number(&t, emg_report_seconds(r, burst->onset_frame));
            put_count(&t, burst->onset_frame);
            put_count(&t, burst->offset_frame);
            put_number(&t, burst->duration_s);
            put_number(&t, burst->rms_uv);
            put_number(&t, burst->peak_uv);
            put_number(&t, burst->iemg_uv_s);
            put_number(&t, 100 * burst->rms_uv / r->muscles[i].bursts[k].reference_uv);
            put_number(&t, burst->snr_db);
            put_flags(&t, burst->flags);
            end_row(&t);
        }
}

static void write_strides(const struct emg_report *r, struct emg_report_output *output)
{
    struct table t;
    if (!begin(&t, output, "strides.csv",
               "side,stage,begin_s,first_frame,end_frame,cycle_s,cadence_steps_per_min,source"))
        return;
    for (size_t i = 0; i < EMG_SIDES; i++)
        for (size_t k = 0; k < r->sides[i].n_cycles; k++) {
            const struct emg_report_cycle *cycle = &r->sides[i].cycles[k];
            put_text(&t, sides[i]);
            put_stage(&t, emg_report_stage_of(r, cycle->of.first_frame));
            put_number(&t, emg_report_seconds(r, cycle->of.first_frame));
            put_count(&t, cycle->of.first_frame);
            put_count(&t, cycle->of.end_frame);
            put_number(&t, cycle->of.cycle_s);
            put_number(&t, cycle->cadence_steps_per_min);
            put_text(&t, cycle->source == EMG_STRIDE_EMG ? "emg" : "footswitch");
            end_row(&t);
        }
}

static void put_fatigue(struct table *t, const struct emg_spectral_fatigue *f)
{
    put_number(t, f->indices.mdf_hz);
    put_number(t, f->indices.mdf_se_hz);
    put_number(t, f->indices.mnf_hz);
    put_number(t, f->indices.mnf_se_hz);
    put_number(t, f->rms_uv);
    put_number(t, f->ln_finsm5);
    put_count(t, f->bursts);
    put_number(t, f->seconds);
    put_number(t, f->snr_db);
    put_number(t, f->baseline_mdf_hz);
    put_number(t, f->shift_percent);
    put_number(t, f->slope_hz_per_min);
    put_number(t, f->slope_percent_per_min);
    put_number(t, f->slope_ci95_percent_per_min[0]);
    put_number(t, f->slope_ci95_percent_per_min[1]);
    put_text(t, emg_report_verdict(f->verdict));
    put_text(t, emg_report_reason(f->reason));
}

static void write_fatigue(const struct emg_report *r, struct emg_report_output *output)
{
    struct table t;
    if (!begin(&t, output, "fatigue.csv",
               "muscle,stage,time_s,frame,mdf_hz,mdf_se_hz,mnf_hz,mnf_se_hz,rms_uv,ln_finsm5,bursts,seconds,"
               "snr_db,baseline_mdf_hz,shift_percent,slope_hz_per_min,slope_percent_per_min,"
               "slope_ci95_low_percent_per_min,slope_ci95_high_percent_per_min,verdict,reason,flags"))
        return;
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        for (size_t k = 0; k < r->muscles[i].n_spectra; k++) {
            const struct emg_report_spectrum *spectrum = &r->muscles[i].spectra[k];
            put_text(&t, r->wire.muscles[i]);
            put_stage(&t, emg_report_stage_of(r, spectrum->frame));
            put_number(&t, emg_report_seconds(r, spectrum->frame + 1));
            put_count(&t, spectrum->frame);
            put_fatigue(&t, &spectrum->of.spectral);
            put_flags(&t, spectrum->of.flags);
            end_row(&t);
        }
}

static double share_of(uint64_t part, uint64_t all)
{
    return all > 0 ? 100 * (double)part / (double)all : NAN;
}

static void put_stage_of_muscle(struct table *t, const struct emg_report *r, size_t stage, size_t muscle)
{
    const struct emg_report_activity a = emg_report_activity(r, stage, muscle);
    const struct emg_report_figures f = emg_report_figures(r, stage, muscle);
    const struct emg_spectral_fatigue *end = f.end != NULL ? &f.end->spectral : NULL;
    put_number(t, a.uv.n > 0 ? a.uv.mean : NAN);
    put_number(t, emg_report_sd(&a.uv));
    put_number(t, a.uv.n > 0 ? a.uv.peak : NAN);
    put_number(t, a.percent.n > 0 ? a.percent.mean : NAN);
    put_number(t, emg_report_sd(&a.percent));
    put_number(t, a.percent.n > 0 ? a.percent.peak : NAN);
    put_number(t, a.reference.uv);
    put_text(t, isnan(a.reference.uv) ? "" : a.reference.method);
    put_number(t, share_of(a.active, a.n));
    put_count(t, f.bursts);
    put_number(t, f.burst_rms_uv);
    put_number(t, f.first.mdf_hz);
    put_number(t, f.first.se_hz);
    put_number(t, f.last.mdf_hz);
    put_number(t, f.last.se_hz);
    put_number(t, f.window_s);
    put_number(t, end != NULL ? end->slope_percent_per_min : NAN);
    put_number(t, end != NULL ? end->slope_ci95_percent_per_min[0] : NAN);
    put_number(t, end != NULL ? end->slope_ci95_percent_per_min[1] : NAN);
    put_text(t, emg_report_verdict(f.verdict));
    put_text(t, emg_report_reason(f.reason));
    put_number(t, f.snr_db);
    put_number(t, share_of(a.usable, a.n));
    for (size_t i = 0; i < EMG_FLAGS; i++)
        put_number(t, share_of(a.flags[i], a.n));
}

static void write_stages(const struct emg_report *r, struct emg_report_output *output)
{
    struct table t;
    if (!begin(&t, output, "stages.csv",
               "stage,label,speed_m_s,incline_percent,begin_s,end_s,muscle,rms_mean_uv,rms_sd_uv,rms_peak_uv,"
               "rms_mean_percent_reference,rms_sd_percent_reference,rms_peak_percent_reference,reference_uv,"
               "reference_method,active_percent,bursts,burst_rms_mean_uv,mdf_first_hz,mdf_first_se_hz,"
               "mdf_last_hz,mdf_last_se_hz,mdf_window_s,slope_percent_per_min,slope_ci95_low_percent_per_min,"
               "slope_ci95_high_percent_per_min,verdict,reason,snr_db,usable_percent,clipping_percent,"
               "flat_percent,electrode_off_percent,hum_percent,motion_percent,noisy_percent,"
               "crosstalk_percent,gap_percent,unsettled_percent"))
        return;
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    for (size_t i = 0; i < n; i++)
        for (size_t muscle = 0; muscle < r->wire.n_muscles; muscle++) {
            put_stage(&t, i + 1);
            put_text(&t, stages[i].told.label);
            put_number(&t, stages[i].told.speed_m_s);
            put_number(&t, stages[i].told.incline_percent);
            put_number(&t, emg_report_seconds(r, stages[i].first_frame));
            put_number(&t, emg_report_seconds(r, stages[i].end_frame));
            put_text(&t, r->wire.muscles[muscle]);
            put_stage_of_muscle(&t, r, i + 1, muscle);
            end_row(&t);
        }
}

static void put_spread(struct table *t, size_t stage, const char *of, const char *quantity, const char *unit,
                       const struct emg_report_spread *spread)
{
    put_stage(t, stage);
    put_text(t, of);
    put_text(t, quantity);
    put_text(t, unit);
    put_number(t, spread->median);
    put_number(t, spread->low);
    put_number(t, spread->high);
    put_count(t, spread->n);
    put_text(t, "");
    end_row(t);
}

static void put_value(struct table *t, const char *of, const char *quantity, const char *unit, double value,
                      const char *text)
{
    put_text(t, "");
    put_text(t, of);
    put_text(t, quantity);
    put_text(t, unit);
    put_number(t, value);
    for (int i = 0; i < 3; i++)
        put_text(t, "");
    put_text(t, text);
    end_row(t);
}

static void write_summary_of_sides(struct table *t, const struct emg_report *r, size_t stage)
{
    for (size_t i = 0; i < EMG_SIDES; i++) {
        const struct emg_report_side *side = &r->sides[i];
        const struct emg_report_spread share = emg_report_share(r, stage, (enum emg_side)i);
        const struct emg_report_spread both = emg_report_coactivation(r, stage, (enum emg_side)i);
        const struct emg_report_spread cycle = emg_report_cycle_s(r, stage, (enum emg_side)i);
        if (side->soleus != EMG_REPORT_NO_MUSCLE && side->gastrocnemius != EMG_REPORT_NO_MUSCLE)
            put_spread(t, stage, sides[i], "soleus_share", "percent", &share);
        if (side->soleus != EMG_REPORT_NO_MUSCLE && side->antagonist != EMG_REPORT_NO_MUSCLE)
            put_spread(t, stage, sides[i], "coactivation", "percent", &both);
        if (side->n_cycles > 0)
            put_spread(t, stage, sides[i], "cycle", "s", &cycle);
    }
    for (size_t i = 0; i < r->n_pairs; i++) {
        const struct emg_report_spread symmetry = emg_report_symmetry(r, stage, i);
        put_spread(t, stage, r->wire.pairs[i], "symmetry_index", "percent", &symmetry);
    }
}

static void write_summary(const struct emg_report *r, struct emg_report_output *output)
{
    struct table t;
    size_t n = 0;
    (void)emg_report_stages(r, &n);
    if (!begin(&t, output, "summary.csv", "stage,of,quantity,unit,value,quartile_low,quartile_high,n,text"))
        return;
    put_value(&t, "test", "participant", "", NAN, r->participant);
    put_value(&t, "test", "duration", "s", emg_report_seconds(r, r->end_frame), "");
    put_value(&t, "test", "gaps", "", (double)r->gaps, "");
    put_value(&t, "test", "frames_lost", "", (double)r->frames_lost, "");
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        const char *name = r->wire.muscles[i];
        const struct emg_report_judgement judgement = emg_report_judge(r, i);
        const struct emg_report_activity a = emg_report_activity(r, 0, i);
        put_value(&t, name, "verdict", "", NAN, emg_report_verdict(judgement.verdict));
        put_value(&t, name, "verdict_reason", "", NAN, emg_report_reason(judgement.reason));
        put_value(&t, name, "usable", "percent", share_of(a.usable, a.n), "");
        put_value(&t, name, "noise", "uV", emg_report_noise_uv(r, i),
                  isfinite(r->muscles[i].rest_uv) ? "measured at rest" : "estimated");
        put_value(&t, name, "reference", "uV", a.reference.uv,
                  isnan(a.reference.uv) ? "" : a.reference.method);
    }
    for (size_t stage = 0; stage <= n; stage++)
        write_summary_of_sides(&t, r, stage);
}

static const char *event_name(const struct emg_report_event *event)
{
    switch (event->topic) {
    case EMG_TOPIC_EVENT_GAP:
        return "gap";
    case EMG_TOPIC_EVENT_DEVICE:
        return "device";
    case EMG_TOPIC_EVENT_FATIGUE:
        return "fatigue";
    case EMG_TOPIC_EVENT_QUALITY:
        return "quality";
    case EMG_TOPIC_EVENT_SESSION:
        return "session";
    case EMG_TOPIC_EVENT_STAGE:
        return "stage";
    case EMG_TOPIC_EVENT_MARKER:
        return "marker";
    case EMG_TOPIC_EVENT_REST:
        return "rest";
    case EMG_TOPIC_EVENT_REFERENCE:
        return "reference";
    default:
        return "baseline";
    }
}

static const char *event_state(const struct emg_report_event *event)
{
    static const char *const streams[] = {"waiting", "running", "lost", "ended"};
    static const char *const sessions[] = {"started", "stopped", "resumed"};
    switch (event->topic) {
    case EMG_TOPIC_EVENT_DEVICE:
        return streams[event->device];
    case EMG_TOPIC_EVENT_FATIGUE:
        return emg_report_verdict(event->verdict);
    case EMG_TOPIC_EVENT_SESSION:
        return sessions[event->session];
    case EMG_TOPIC_EVENT_REST:
    case EMG_TOPIC_EVENT_REFERENCE:
    case EMG_TOPIC_EVENT_BASELINE:
        return event->result.refusal == EMG_REFUSAL_NONE ? "accepted" : "refused";
    default:
        return "";
    }
}

static const char *event_reason(const struct emg_report_event *event)
{
    if (event->topic == EMG_TOPIC_EVENT_FATIGUE)
        return emg_report_reason(event->reason);
    if (event->topic == EMG_TOPIC_EVENT_GAP)
        return emg_report_cause(event->gap.cause);
    const char *refusal = emg_report_refusal(event->result.refusal);
    return refusal != NULL ? refusal : "";
}

static void put_event(struct table *t, const struct emg_report *r, const struct emg_report_event *event)
{
    const bool measured = event->result.kind != EMG_MEASURE_NONE;
    put_number(t, emg_report_seconds(r, event->frame));
    put_count(t, event->frame);
    put_stage(t, emg_report_stage_of(r, event->frame));
    put_text(t, event_name(event));
    put_text(t, event->muscle != EMG_REPORT_NO_MUSCLE ? r->wire.muscles[event->muscle] : "");
    put_text(t, event->label);
    put_text(t, event_state(event));
    put_text(t, event_reason(event));
    put_text(t, event->method);
    put_number(t, measured ? event->result.uv : NAN);
    put_number(t, measured ? event->result.mdf_hz : NAN);
    put_number(t, measured                              ? event->result.seconds
                  : event->topic == EMG_TOPIC_EVENT_GAP ? (double)event->gap.frames_lost / r->wire.rate_hz
                                                        : NAN);
    put_number(t, measured ? (double)event->result.contractions : NAN);
    put_number(t, measured ? event->result.snr_db : NAN);
    put_flags(t, event->flags);
    end_row(t);
}

static void write_events(const struct emg_report *r, struct emg_report_output *output)
{
    struct table t;
    if (!begin(
            &t, output, "events.csv",
            "time_s,frame,stage,event,muscle,label,state,reason,method,value_uv,mdf_hz,seconds,contractions,"
            "snr_db,flags"))
        return;
    for (size_t i = 0; i < r->n_events; i++)
        put_event(&t, r, &r->events[i]);
}

void emg_report_write_csv(const struct emg_report *r, struct emg_report_output *output)
{
    write_bursts(r, output);
    write_strides(r, output);
    write_fatigue(r, output);
    write_stages(r, output);
    write_summary(r, output);
    write_events(r, output);
}
