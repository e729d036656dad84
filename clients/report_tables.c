#include "clients/report_html.h"

#include "clients/report_charts.h"
#include "clients/report_figures.h"
#include "clients/report_text.h"

#include <math.h>
#include <string.h>

/* A cell with one number. */
static void put_cell(FILE *out, double value, int decimals)
{
    (void)fputs("<td class=\"n\">", out);
    emg_report_number(out, value, decimals);
    (void)fputs("</td>", out);
}

static void put_plus_minus(FILE *out, double value, double error, int decimals)
{
    (void)fputs("<td class=\"n\">", out);
    emg_report_number(out, value, decimals);
    if (isfinite(error)) {
        (void)fputs(" \xc2\xb1 ", out);
        emg_report_number(out, error, decimals);
    }
    (void)fputs("</td>", out);
}

static void put_muscle_cell(const struct emg_report *r, size_t muscle, FILE *out)
{
    (void)fputs("<th scope=\"row\">", out);
    emg_report_write_muscle(r, muscle, out);
    (void)fputs("</th>", out);
}

static double percent_of(uint64_t part, uint64_t all)
{
    return all > 0 ? 100 * (double)part / (double)all : NAN;
}

/* --- protocol --- */

/* Minutes and seconds since the beginning. */
static void put_time(FILE *out, double seconds)
{
    const long s = lround(fmax(0, seconds));
    (void)fprintf(out, "<td class=\"n\">%ld:%02ld</td>", s / 60, s % 60);
}

static void put_stage_facts(FILE *out, const struct emg_stage *stage)
{
    (void)fputs("<strong>", out);
    emg_report_escape(out, stage->label);
    (void)fputs("</strong>", out);
    if (isfinite(stage->speed_m_s)) {
        (void)fputs(", ", out);
        emg_report_number(out, stage->speed_m_s, 2);
        (void)fputs(" m/s (", out);
        emg_report_number(out, 3.6 * stage->speed_m_s, 1);
        (void)fputs(" km/h)", out);
    }
    if (isfinite(stage->incline_percent)) {
        (void)fputs(", incline ", out);
        emg_report_number(out, stage->incline_percent, 1);
        (void)fputs(" %", out);
    }
}

static void put_result(const struct emg_report *r, const struct emg_report_event *event, FILE *out)
{
    const struct emg_measurement *of = &event->result;
    emg_report_write_muscle(r, event->muscle, out);
    (void)fputs(": ", out);
    if (of->refusal != EMG_REFUSAL_NONE) {
        (void)fprintf(out, "<strong>refused</strong>, since %s", emg_report_refusal(of->refusal));
        return;
    }
    if (event->topic == EMG_TOPIC_EVENT_BASELINE) {
        (void)fputs("MDF ", out);
        emg_report_number(out, of->mdf_hz, 1);
        (void)fputs(" \xc2\xb1 ", out);
        emg_report_number(out, of->mdf_se_hz, 1);
        (void)fputs(" Hz (SE)", out);
    } else {
        emg_report_number(out, of->uv, 1);
        (void)fputs(" \xc2\xb5V", out);
    }
    if (event->method[0] != '\0') {
        (void)fputs(", ", out);
        emg_report_escape(out, event->method);
    }
    if (of->seconds > 0) {
        (void)fputs(", from ", out);
        emg_report_number(out, of->seconds, 1);
        (void)fputs(" s", out);
    }
    if (of->contractions > 0)
        (void)fprintf(out, ", %u contraction%s", of->contractions, of->contractions == 1 ? "" : "s");
    if (isfinite(of->snr_db)) {
        (void)fputs(", SNR ", out);
        emg_report_number(out, of->snr_db, 0);
        (void)fputs(" dB", out);
    }
}

static const char *event_word(const struct emg_report_event *event)
{
    static const char *const sessions[] = {"session begins", "session ends", "session goes on"};
    switch (event->topic) {
    case EMG_TOPIC_EVENT_SESSION:
        return sessions[event->session];
    case EMG_TOPIC_EVENT_STAGE:
        return "stage";
    case EMG_TOPIC_EVENT_MARKER:
        return "marker";
    case EMG_TOPIC_EVENT_REST:
        return "rest";
    case EMG_TOPIC_EVENT_REFERENCE:
        return "reference";
    case EMG_TOPIC_EVENT_BASELINE:
        return "baseline";
    case EMG_TOPIC_EVENT_GAP:
        return "gap";
    default:
        return NULL; /* not part of the protocol */
    }
}

static void put_event(const struct emg_report *r, const struct emg_report_event *event, FILE *out)
{
    switch (event->topic) {
    case EMG_TOPIC_EVENT_SESSION:
        if (event->session != EMG_SESSION_STOPPED)
            emg_report_escape(out, event->label);
        break;
    case EMG_TOPIC_EVENT_STAGE:
        put_stage_facts(out, &event->stage);
        break;
    case EMG_TOPIC_EVENT_MARKER:
        emg_report_escape(out, event->label);
        break;
    case EMG_TOPIC_EVENT_GAP:
        emg_report_number(out, 1000 * (double)event->gap.frames_lost / r->wire.rate_hz, 1);
        (void)fprintf(out, " ms lost: %s", emg_report_cause(event->gap.cause));
        break;
    default:
        put_result(r, event, out);
        break;
    }
}

/* Whether an event is another muscle's result of the same measurement as the one before it. */
static bool belongs_to_last(const struct emg_report *r, size_t event)
{
    return event > 0 && r->events[event].result.kind != EMG_MEASURE_NONE &&
           r->events[event].topic == r->events[event - 1].topic &&
           r->events[event].frame == r->events[event - 1].frame;
}

void emg_report_write_protocol_table(const struct emg_report *r, FILE *out)
{
    enum { MOST_GAPS = 20 };
    size_t rows = 0, gaps = 0;
    for (size_t i = 0; i < r->n_events; i++)
        rows += event_word(&r->events[i]) != NULL;
    if (rows == 0) {
        (void)fputs("<p>The recording tells of no session, stage, measurement or marker.</p>\n", out);
        return;
    }
    (void)fputs("<table class=\"log\"><thead><tr><th scope=\"col\">min:s</th><th scope=\"col\">what</th><th "
                "scope=\"col\">result</th></tr></thead><tbody>\n",
                out);
    for (size_t i = 0; i < r->n_events; i++) {
        const struct emg_report_event *event = &r->events[i];
        const char *word = event_word(event);
        gaps += event->topic == EMG_TOPIC_EVENT_GAP;
        if (word == NULL || (event->topic == EMG_TOPIC_EVENT_GAP && gaps > MOST_GAPS))
            continue;
        (void)fputs(event->topic == EMG_TOPIC_EVENT_STAGE ? "<tr class=\"begin\">" : "<tr>", out);
        if (belongs_to_last(r, i))
            (void)fputs("<td></td><td></td><td>", out);
        else {
            put_time(out, emg_report_seconds(r, event->frame));
            (void)fprintf(out, "<td>%s</td><td>", word);
        }
        put_event(r, event, out);
        (void)fputs("</td></tr>\n", out);
    }
    (void)fputs("</tbody></table>\n", out);
    if (gaps > MOST_GAPS)
        (void)fprintf(out, "<p class=\"note\">%zu more gaps are not listed.</p>\n", gaps - MOST_GAPS);
}

/* --- quality --- */

void emg_report_write_quality_table(const struct emg_report *r, FILE *out)
{
    static const char *const heads[EMG_FLAGS] = {
        "clipping", "flat", "electrode off", "hum", "motion", "noisy", "cross-talk", "gap", "unsettled"};
    size_t order[EMG_MAX_CHANNELS], n = 0;
    (void)emg_report_stages(r, &n);
    emg_report_order(r, order);
    (void)fputs(
        "<table class=\"num\"><thead><tr><th scope=\"col\">% of time</th><th scope=\"col\">usable</th>", out);
    for (size_t i = 0; i < EMG_FLAGS; i++)
        (void)fprintf(out, "<th scope=\"col\">%s</th>", heads[i]);
    (void)fputs("<th scope=\"col\">SNR, dB</th><th scope=\"col\">noise, \xc2\xb5V</th></tr></thead><tbody>\n",
                out);
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        const struct emg_report_activity activity = emg_report_activity(r, 0, order[i]);
        (void)fputs("<tr>", out);
        put_muscle_cell(r, order[i], out);
        put_cell(out, percent_of(activity.usable, activity.n), 1);
        for (size_t k = 0; k < EMG_FLAGS; k++)
            put_cell(out, percent_of(activity.flags[k], activity.n), 1);
        put_cell(out, emg_report_figures(r, n, order[i]).snr_db, 0);
        (void)fputs("<td class=\"n\">", out);
        emg_report_number(out, emg_report_noise_uv(r, order[i]), 1);
        (void)fputs(isfinite(r->muscles[order[i]].rest_uv) ? "</td></tr>\n" : "*</td></tr>\n", out);
    }
    (void)fputs("</tbody></table>\n", out);
}

/* --- activity, fatigue --- */

/* Calls for each stage and muscle, muscles within a stage, with the stage's name before them. */
static void for_each(const struct emg_report *r, FILE *out, unsigned columns,
                     void (*write)(const struct emg_report *r, size_t stage, size_t muscle, FILE *out))
{
    size_t order[EMG_MAX_CHANNELS], n = 0;
    (void)emg_report_stages(r, &n);
    emg_report_order(r, order);
    for (size_t stage = 1; stage <= n; stage++) {
        (void)fprintf(out, "<tbody><tr class=\"begin\"><th colspan=\"%u\" scope=\"rowgroup\">", columns);
        emg_report_write_stage_name(r, stage, out);
        (void)fputs("</th></tr>\n", out);
        for (size_t i = 0; i < r->wire.n_muscles; i++) {
            (void)fputs("<tr>", out);
            put_muscle_cell(r, order[i], out);
            write(r, stage, order[i], out);
            (void)fputs("</tr>\n", out);
        }
        (void)fputs("</tbody>\n", out);
    }
}

static void put_moments(FILE *out, const struct emg_report_moments *m, int decimals)
{
    put_plus_minus(out, m->n > 0 ? m->mean : NAN, emg_report_sd(m), decimals);
    put_cell(out, m->n > 0 ? m->peak : NAN, decimals);
}

static void write_activity(const struct emg_report *r, size_t stage, size_t muscle, FILE *out)
{
    const struct emg_report_activity activity = emg_report_activity(r, stage, muscle);
    const struct emg_report_figures figures = emg_report_figures(r, stage, muscle);
    put_moments(out, &activity.uv, 1);
    put_moments(out, &activity.percent, 0);
    put_cell(out, figures.burst_rms_uv, 1);
    put_cell(out, (double)figures.bursts, 0);
    put_cell(out, percent_of(activity.active, activity.n), 0);
}

void emg_report_write_activity_table(const struct emg_report *r, FILE *out)
{
    (void)fputs(
        "<table class=\"num\"><thead><tr><th scope=\"col\">muscle</th><th scope=\"col\">RMS, "
        "\xc2\xb5V<br/>mean \xc2\xb1 SD</th>"
        "<th scope=\"col\">peak, \xc2\xb5V</th><th scope=\"col\">RMS, % ref.<br/>mean \xc2\xb1 SD</th>"
        "<th scope=\"col\">peak, % ref.</th><th scope=\"col\">RMS in contractions, \xc2\xb5V</th>"
        "<th scope=\"col\">contractions</th><th scope=\"col\">active, % of time</th></tr></thead>\n",
        out);
    for_each(r, out, 8, write_activity);
    (void)fputs("</table>\n", out);
}

static void put_slope(FILE *out, double slope, const double ci95[2])
{
    emg_report_signed(out, slope, 1);
    if (isfinite(ci95[0]) && isfinite(ci95[1])) {
        (void)fputs("<br/><small>", out);
        emg_report_signed(out, ci95[0], 1);
        (void)fputs(" to ", out);
        emg_report_signed(out, ci95[1], 1);
        (void)fputs("</small>", out);
    }
}

static void write_fatigue(const struct emg_report *r, size_t stage, size_t muscle, FILE *out)
{
    static const double unknown[2] = {NAN, NAN};
    const struct emg_report_figures figures = emg_report_figures(r, stage, muscle);
    const struct emg_spectral_fatigue *end = figures.end != NULL ? &figures.end->spectral : NULL;
    put_plus_minus(out, figures.first.mdf_hz, figures.first.se_hz, 1);
    put_plus_minus(out, figures.last.mdf_hz, figures.last.se_hz, 1);
    (void)fputs("<td class=\"n\">", out);
    put_slope(out, end != NULL ? end->slope_percent_per_min : NAN,
              end != NULL ? end->slope_ci95_percent_per_min : unknown);
    if (end != NULL && isfinite(end->recent_percent_per_min)) {
        (void)fputs("<br/>since a break ", out);
        put_slope(out, end->recent_percent_per_min, end->recent_ci95_percent_per_min);
    }
    (void)fputs("</td>", out);
    put_cell(out, end != NULL ? end->shift_percent : NAN, 1);
    put_cell(out, figures.snr_db, 0);
    (void)fprintf(out, "<td class=\"verdict\"><strong class=\"%s\">%s</strong><br/><small>%s</small></td>",
                  emg_report_verdict(figures.verdict), emg_report_verdict(figures.verdict),
                  emg_report_reason(figures.reason));
}

void emg_report_write_fatigue_table(const struct emg_report *r, FILE *out)
{
    (void)fputs("<table class=\"num\"><thead><tr><th scope=\"col\">muscle</th><th scope=\"col\">MDF at "
                "first, Hz \xc2\xb1 SE</th>"
                "<th scope=\"col\">MDF at last, Hz \xc2\xb1 SE</th>"
                "<th scope=\"col\">slope, %/min<br/>(95 % CI)</th>"
                "<th scope=\"col\">shift from baseline, %</th>"
                "<th scope=\"col\">SNR, dB</th><th scope=\"col\" class=\"verdict\">verdict at the "
                "end</th></tr></thead>\n",
                out);
    for_each(r, out, 7, write_fatigue);
    (void)fputs("</table>\n", out);
}
