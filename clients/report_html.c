#include "clients/report_html.h"

#include "clients/report_charts.h"
#include "clients/report_figures.h"
#include "clients/report_text.h"

#include <math.h>
#include <string.h>
#include <time.h>

static const char *participant_of(const struct emg_report *r, const struct emg_report_sidecar *sidecar)
{
    return r->participant[0] != '\0' ? r->participant : sidecar->participant;
}

static void write_date(const struct emg_report *r, FILE *out)
{
    char text[40] = "not told";
    const time_t start = (time_t)(r->stream->has_start ? floor(r->stream->start_t) : 0);
    struct tm utc;
    if (r->stream->has_start && gmtime_r(&start, &utc) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    (void)fputs(text, out);
}

static void write_header(const struct emg_report *r, const struct emg_report_sidecar *sidecar, FILE *out)
{
    const char *participant = participant_of(r, sidecar);
    const char *notes = r->notes[0] != '\0' ? r->notes : sidecar->notes;
    (void)fputs("<header><div><h1>Muscle activity and fatigue</h1><p>Surface EMG report", out);
    if (notes[0] != '\0') {
        (void)fputs(". ", out);
        emg_report_escape(out, notes);
    }
    (void)fputs("</p></div><dl><dt>Participant</dt><dd>", out);
    emg_report_escape(out, participant[0] != '\0' ? participant : "not told");
    (void)fputs("</dd><dt>Recorded</dt><dd>", out);
    write_date(r, out);
    (void)fputs("</dd><dt>Duration</dt><dd>", out);
    emg_report_duration(out, emg_report_seconds(r, r->end_frame));
    (void)fputs("</dd></dl></header>\n", out);
}

static void write_chip(const struct emg_report *r, size_t muscle, FILE *out)
{
    static const struct {
        const char *sign, *word;
    } words[] = {[EMG_VERDICT_UNDETERMINED] = {"?", "undetermined"},
                 [EMG_VERDICT_FATIGUING] = {"\xe2\x96\xbc", "tired"},
                 [EMG_VERDICT_STEADY] = {"\xe2\x97\x8f", "no sign of tiring"},
                 [EMG_VERDICT_RECOVERING] = {"\xe2\x96\xb2", "grew fresher"}};
    const enum emg_verdict verdict = emg_report_judge(r, muscle).verdict;
    (void)fprintf(out, "<li class=\"%s\"><span class=\"sign\" aria-hidden=\"true\">%s</span><span><b>",
                  emg_report_verdict(verdict), words[verdict].sign);
    emg_report_write_muscle(r, muscle, out);
    (void)fprintf(out, "</b><span>%s</span></span></li>\n", words[verdict].word);
}

/* Left stands on the left where both sides are measured. */
static void write_chips(const struct emg_report *r, FILE *out)
{
    size_t order[EMG_MAX_CHANNELS];
    emg_report_order(r, order);
    (void)fprintf(out, "<ul class=\"chips%s\">\n", r->wire.n_muscles == 1 ? " one" : "");
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        const bool alone = r->n_pairs > 0 && emg_report_other_side(r, order[i]) == EMG_REPORT_NO_MUSCLE;
        const bool right = emg_report_side_of(r, order[i]) == EMG_SIDE_RIGHT;
        (void)fputs(alone && right ? "<li class=\"absent\"></li>" : "", out);
        write_chip(r, order[i], out);
        (void)fputs(alone && !right ? "<li class=\"absent\"></li>" : "", out);
    }
    (void)fputs("</ul>\n", out);
}

static void write_key(FILE *out)
{
    (void)fputs("<p class=\"key\"><i class=\"l\"></i>left<i class=\"r\"></i>right</p>\n", out);
}

static void write_protocol(const struct emg_report *r, FILE *out)
{
    (void)fputs("<h2 class=\"sheet\">Protocol</h2>\n<figure>", out);
    emg_report_chart_protocol(r, out);
    (void)fputs(
        "<figcaption class=\"key\"><i class=\"rest\"></i>rest<i class=\"ref\"></i>reference contraction<i "
        "class=\"base\"></i>baseline<i class=\"mark\"></i>marker<i "
        "class=\"gap\"></i>gap</figcaption></figure>\n",
        out);
    emg_report_write_protocol_table(r, out);
}

static void write_quality(const struct emg_report *r, FILE *out)
{
    (void)fputs("<div class=\"keep\"><h2>Signal quality</h2>\n<div class=\"scroll\">", out);
    emg_report_write_quality_table(r, out);
    (void)fputs("</div><p class=\"note\">Over the stages. Usable: no clipping, flat line or electrode off. A "
                "good noise is "
                "1 to 3 \xc2\xb5V RMS. * estimated from quiet parts: no rest was measured.</p></div>\n",
                out);
}

/* Calls for each muscle of the left side with its counterpart, and for each of the right side without one. */
static void for_each_pair(const struct emg_report *r, FILE *out,
                          void (*draw)(const struct emg_report *r, FILE *out, size_t muscle, size_t other))
{
    size_t order[EMG_MAX_CHANNELS];
    emg_report_order(r, order);
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        const size_t other = emg_report_other_side(r, order[i]);
        if (other == EMG_REPORT_NO_MUSCLE || emg_report_side_of(r, order[i]) == EMG_SIDE_LEFT)
            draw(r, out, order[i], other);
    }
}

static void draw_activity(const struct emg_report *r, FILE *out, size_t muscle, size_t other)
{
    (void)fputs("<figure>", out);
    emg_report_chart_activity(r, out, muscle, other);
    (void)fputs("</figure>\n", out);
}

static void write_activity(const struct emg_report *r, FILE *out)
{
    (void)fputs("<h2>Activation by stage</h2>\n", out);
    write_key(out);
    (void)fputs("<div class=\"grid2\">\n", out);
    for_each_pair(r, out, draw_activity);
    (void)fputs("</div>\n<div class=\"scroll\">", out);
    emg_report_write_activity_table(r, out);
    (void)fputs("</div>\n", out);
}

static void write_courses(const struct emg_report *r, FILE *out)
{
    size_t order[EMG_MAX_CHANNELS];
    emg_report_order(r, order);
    (void)fputs("<h2>Median frequency and verdicts</h2>\n<div class=\"grid2\">\n", out);
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        (void)fputs("<figure>", out);
        emg_report_chart_course(r, out, order[i], emg_report_other_side(r, order[i]));
        (void)fputs("</figure>\n", out);
    }
    (void)fputs(
        "</div>\n<p class=\"note\">Points: MDF of the newest spectrum with its standard error. Line: trend "
        "of the "
        "stage, its slope\xe2\x80\x99s 95 % interval as a band about the middle; where the trend broke, the "
        "thin line is the overall one. Dashed: the baseline of the fresh muscle. Numbers above: "
        "stages.</p>\n<div class=\"scroll\">",
        out);
    emg_report_write_fatigue_table(r, out);
    (void)fputs("</div>\n", out);
}

static bool has_profile(const struct emg_report *r, size_t stage, size_t muscle)
{
    size_t n = 0;
    return muscle != EMG_REPORT_NO_MUSCLE && emg_report_stages(r, &n)[stage - 1].profiles[muscle].strides > 0;
}

/* Of the first stage, the middle one and the last. */
static void draw_profiles(const struct emg_report *r, FILE *out, size_t muscle, size_t other)
{
    size_t n = 0;
    (void)emg_report_stages(r, &n);
    const size_t stages[] = {1, (n + 1) / 2, n};
    for (size_t i = 0; i < 3; i++) {
        if ((i > 0 && stages[i] == stages[i - 1]) ||
            !(has_profile(r, stages[i], muscle) || has_profile(r, stages[i], other)))
            continue;
        (void)fputs("<figure>", out);
        emg_report_chart_profile(r, out, stages[i], muscle, other);
        (void)fputs("</figure>\n", out);
    }
}

static void write_gait(const struct emg_report *r, FILE *out)
{
    (void)fputs("<h2>Gait</h2>\n", out);
    if (r->sides[EMG_SIDE_LEFT].n_cycles + r->sides[EMG_SIDE_RIGHT].n_cycles == 0) {
        (void)fputs("<p>Undetermined: no regular gait cycles were found.</p>\n", out);
        return;
    }
    emg_report_write_gait_table(r, out);
    write_key(out);
    (void)fputs("<div class=\"grid3\">\n", out);
    for_each_pair(r, out, draw_profiles);
    (void)fprintf(
        out,
        "</div>\n<p class=\"note\">Mean envelope of the last %u gait cycles of a stage, with a band of one "
        "standard deviation. 0 %% is the contact of the foot switch, or without one the onset of the "
        "calf\xe2\x80\x99s main contraction; each leg has its own cycle.</p>\n",
        r->config->analysis.profile_strides);
}

static bool has_calf(const struct emg_report *r)
{
    for (size_t i = 0; i < EMG_SIDES; i++)
        if (r->sides[i].soleus != EMG_REPORT_NO_MUSCLE && r->sides[i].gastrocnemius != EMG_REPORT_NO_MUSCLE)
            return true;
    return false;
}

static void write_balance(const struct emg_report *r, FILE *out)
{
    (void)fputs("<h2>Load share and symmetry</h2>\n", out);
    if (has_calf(r)) {
        (void)fputs("<figure>", out);
        emg_report_chart_share(r, out);
        (void)fputs(
            "<figcaption>Share of the soleus in the activation of soleus and gastrocnemius, both in percent "
            "of "
            "reference: median of the stage; the thin line spans the quartiles.</figcaption></figure>\n",
            out);
    }
    if (r->n_pairs > 0) {
        (void)fputs("<figure>", out);
        emg_report_chart_symmetry(r, out);
        (void)fputs(
            "<figcaption>Symmetry index, 100 (L \xe2\x88\x92 R) / (0.5 (L + R)): median and quartiles of the "
            "stage. Shaded: within 10 %.</figcaption></figure>\n",
            out);
    }
    if (has_calf(r) || r->n_pairs > 0) {
        (void)fputs("<div class=\"scroll\">", out);
        emg_report_write_balance_table(r, out);
        (void)fputs("</div>\n", out);
    } else {
        (void)fputs(
            "<p>Undetermined: neither soleus and gastrocnemius of one leg nor one muscle of both legs was "
            "measured.</p>\n",
            out);
    }
}

void emg_report_write_html(const struct emg_report *r, const struct emg_report_sidecar *sidecar, FILE *out)
{
    const char *participant = participant_of(r, sidecar);
    (void)fputs(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>EMG report",
        out);
    (void)fputs(participant[0] != '\0' ? " " : "", out);
    emg_report_escape(out, participant);
    (void)fprintf(out, "</title>\n<style>%s</style></head>\n<body>\n", emg_report_style());
    write_header(r, sidecar, out);
    (void)fputs("<main>\n<section aria-label=\"In plain words\">\n", out);
    write_chips(r, out);
    emg_report_write_summary(r, out);
    (void)fputs("</section>\n<section aria-label=\"Figures and tables\">\n", out);
    write_protocol(r, out);
    write_quality(r, out);
    write_activity(r, out);
    write_courses(r, out);
    write_gait(r, out);
    write_balance(r, out);
    (void)fputs(
        "</section>\n<section aria-label=\"Methods\">\n<h2 class=\"sheet\">Methods and parameters</h2>\n",
        out);
    emg_report_write_methods(r, sidecar, out);
    (void)fputs("</section>\n</main>\n</body></html>\n", out);
}
