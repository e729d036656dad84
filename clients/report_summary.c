#include "clients/report_html.h"

#include "clients/report_charts.h"
#include "clients/report_figures.h"
#include "clients/report_text.h"

#include <string.h>

void emg_report_write_muscle(const struct emg_report *r, size_t muscle, FILE *out)
{
    char name[EMG_REPORT_NAME_SIZE];
    (void)fputs(emg_report_muscle_name(name, r->wire.muscles[muscle]), out);
}

static void begin_row(FILE *out, const char *question)
{
    (void)fprintf(out, "<dt>%s</dt>\n<dd>", question);
}

static void end_row(FILE *out)
{
    (void)fputs("</dd>\n", out);
}

void emg_report_write_stage_name(const struct emg_report *r, size_t stage, FILE *out)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    if (stages[stage - 1].told.number == 0) {
        (void)fputs("the recording", out);
        return;
    }
    (void)fprintf(out, "stage %zu", stage);
    if (stages[stage - 1].told.label[0] == '\0')
        return;
    (void)fputs(" (", out);
    emg_report_escape(out, stages[stage - 1].told.label);
    (void)fputs(")", out);
}

/* --- what was done --- */

static size_t count_accepted(const struct emg_report *r, enum emg_topic topic)
{
    bool accepted[EMG_MAX_CHANNELS] = {false};
    size_t n = 0;
    for (size_t i = 0; i < r->n_events; i++) {
        const struct emg_report_event *event = &r->events[i];
        if (event->topic != topic || event->result.refusal != EMG_REFUSAL_NONE || accepted[event->muscle])
            continue;
        accepted[event->muscle] = true;
        n++;
    }
    return n;
}

static void write_preparation(const struct emg_report *r, FILE *out)
{
    static const struct {
        enum emg_topic topic;
        const char *name;
    } kinds[] = {{EMG_TOPIC_EVENT_REST, "rest"},
                 {EMG_TOPIC_EVENT_REFERENCE, "reference contractions"},
                 {EMG_TOPIC_EVENT_BASELINE, "the fresh state (baseline)"}};
    const char *before = " Measured for comparison: ";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t n = count_accepted(r, kinds[i].topic);
        if (n == 0)
            continue;
        (void)fprintf(out, "%s%s", before, kinds[i].name);
        if (n < r->wire.n_muscles)
            (void)fprintf(out, " of %zu of %zu muscles", n, r->wire.n_muscles);
        before = ", ";
    }
    if (strcmp(before, ", ") == 0)
        (void)fputs(".", out);
}

static void write_what_was_done(const struct emg_report *r, FILE *out)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    begin_row(out, "What was done");
    (void)fprintf(out, "%zu muscle%s measured for ", r->wire.n_muscles,
                  r->wire.n_muscles == 1 ? " was" : "s were");
    emg_report_duration(out, emg_report_seconds(r, r->end_frame));
    (void)fputs(". ", out);
    if (stages[0].told.number == 0) {
        (void)fputs("The recording tells of no stages: all of it counts as one.", out);
    } else {
        (void)fprintf(out, "There %s %zu stage%s: ", n == 1 ? "was" : "were", n, n == 1 ? "" : "s");
        for (size_t i = 0; i < n; i++) {
            (void)fputs(i > 0 ? ", " : "", out);
            emg_report_escape(out,
                              stages[i].told.label[0] != '\0' ? stages[i].told.label : "without a label");
            (void)fputs(" for ", out);
            emg_report_duration(out, (double)(stages[i].end_frame - stages[i].first_frame) / r->wire.rate_hz);
        }
        (void)fputs(".", out);
    }
    write_preparation(r, out);
    end_row(out);
}

/* --- tiring --- */

/* What separates the items of a list when so many are left to come. */
static const char *between(size_t left)
{
    return left > 1 ? ", " : left == 1 ? " and " : "";
}

/* The stages that end in a verdict, "stage 1 (easy) and stage 3 (hard)"; returns how many. */
static size_t write_stages_with(const struct emg_report *r, size_t muscle, enum emg_verdict verdict,
                                FILE *out)
{
    size_t n = 0, found = 0;
    (void)emg_report_stages(r, &n);
    for (size_t stage = 1; stage <= n; stage++)
        found += emg_report_figures(r, stage, muscle).verdict == verdict;
    for (size_t stage = 1, left = found; stage <= n; stage++) {
        if (emg_report_figures(r, stage, muscle).verdict != verdict)
            continue;
        emg_report_write_stage_name(r, stage, out);
        (void)fputs(between(--left), out);
    }
    return found;
}

static void write_tired(const struct emg_report *r, size_t muscle, FILE *out)
{
    const struct emg_report_judgement judgement = emg_report_judge(r, muscle);
    const struct emg_spectral_fatigue *end = &emg_report_figures(r, judgement.stage, muscle).end->spectral;
    (void)fputs("<p><strong>The ", out);
    emg_report_write_muscle(r, muscle, out);
    (void)fputs(" tired</strong> in ", out);
    const size_t stages = write_stages_with(r, muscle, EMG_VERDICT_FATIGUING, out);
    (void)fprintf(out, ": %s", emg_report_plain_reason(judgement.reason));
    if (judgement.reason == EMG_REASON_FALLING) {
        (void)fputs(stages > 1 ? ", in the last of them by " : ", by ", out);
        emg_report_number(out, -end->slope_percent_per_min, 1);
        (void)fputs("\xc2\xa0% a minute", out);
    }
    (void)fputs(", as it does in a muscle that tires.</p>\n", out);
}

void emg_report_write_muscles(const struct emg_report *r, uint64_t muscles, FILE *out)
{
    size_t order[EMG_MAX_CHANNELS], left = 0;
    emg_report_order(r, order);
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        left += muscles >> i & 1;
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        if ((muscles >> order[i] & 1) == 0)
            continue;
        emg_report_write_muscle(r, order[i], out);
        (void)fputs(between(--left), out);
    }
}

static void write_group(const struct emg_report *r, enum emg_verdict verdict, const char *text, FILE *out)
{
    uint64_t muscles = 0;
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        muscles |= (uint64_t)(emg_report_judge(r, i).verdict == verdict) << i;
    if (muscles == 0)
        return;
    (void)fprintf(out, "<p><strong>%s:</strong> ", text);
    emg_report_write_muscles(r, muscles, out);
    (void)fputs(".</p>\n", out);
}

static void write_undetermined(const struct emg_report *r, enum emg_reason reason, FILE *out)
{
    uint64_t muscles = 0;
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        const struct emg_report_judgement judgement = emg_report_judge(r, i);
        muscles |= (uint64_t)(judgement.verdict == EMG_VERDICT_UNDETERMINED && judgement.reason == reason)
                   << i;
    }
    if (muscles == 0)
        return;
    (void)fputs("<p><strong>Undetermined:</strong> ", out);
    emg_report_write_muscles(r, muscles, out);
    (void)fprintf(out, ", because %s.</p>\n", emg_report_plain_reason(reason));
}

static void write_tiring(const struct emg_report *r, FILE *out)
{
    size_t order[EMG_MAX_CHANNELS];
    emg_report_order(r, order);
    begin_row(out, "Which muscle tired");
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        if (emg_report_judge(r, order[i]).verdict == EMG_VERDICT_FATIGUING)
            write_tired(r, order[i], out);
    write_group(r, EMG_VERDICT_STEADY, "No sign of tiring", out);
    write_group(r, EMG_VERDICT_RECOVERING, "Grew fresher (its signal quickened)", out);
    for (unsigned reason = EMG_REASON_NO_SIGNAL; reason <= EMG_REASON_WAITING; reason++)
        write_undetermined(r, (enum emg_reason)reason, out);
    end_row(out);
}

/* --- how hard --- */

void emg_report_write_why_no_reference(const struct emg_report *r, size_t muscle, FILE *out)
{
    const struct emg_report_muscle *m = &r->muscles[muscle];
    if (m->has_measurement && m->reference.refusal != EMG_REFUSAL_NONE)
        (void)fprintf(out, "its reference contraction was not accepted, since %s",
                      emg_report_refusal(m->reference.refusal));
    else
        (void)fputs("no reference contraction was measured for it", out);
}

static bool has_reference(const struct emg_report *r, size_t muscle)
{
    size_t n = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    return stages[n - 1].activities[muscle].percent.n > 0;
}

static void write_effort(const struct emg_report *r, FILE *out)
{
    size_t order[EMG_MAX_CHANNELS], n = 0, known = 0;
    const struct emg_report_stage *stages = emg_report_stages(r, &n);
    emg_report_order(r, order);
    begin_row(out, "How hard they worked");
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        if (!has_reference(r, order[i]))
            continue;
        if (known++ == 0) {
            (void)fputs("<p>On average over ", out);
            emg_report_write_stage_name(r, n, out);
            (void)fputs(", in percent of each muscle\xe2\x80\x99s own reference contraction: ", out);
        } else {
            (void)fputs(", ", out);
        }
        emg_report_write_muscle(r, order[i], out);
        (void)fprintf(out, " <strong>%.0f\xc2\xa0%%</strong>",
                      stages[n - 1].activities[order[i]].percent.mean);
    }
    (void)fputs(known > 0 ? ".</p>\n" : "", out);
    if (known == 0)
        (void)fputs(
            "<p><strong>Undetermined:</strong> no reference contraction was accepted, so nothing says what "
            "is much for these muscles.</p>\n",
            out);
    for (size_t i = 0; known > 0 && i < r->wire.n_muscles; i++) {
        if (has_reference(r, order[i]))
            continue;
        (void)fputs("<p><strong>Undetermined:</strong> ", out);
        emg_report_write_muscle(r, order[i], out);
        (void)fputs(", because ", out);
        emg_report_write_why_no_reference(r, order[i], out);
        (void)fputs(".</p>\n", out);
    }
    end_row(out);
}

void emg_report_write_summary(const struct emg_report *r, FILE *out)
{
    (void)fputs("<dl class=\"plain\">\n", out);
    write_what_was_done(r, out);
    write_tiring(r, out);
    write_effort(r, out);
    emg_report_write_balance(r, out);
    (void)fputs("</dl>\n", out);
}
