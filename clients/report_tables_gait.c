#include "clients/report_html.h"

#include "clients/report_figures.h"
#include "clients/report_text.h"

#include <math.h>

static const char *const leg_names[] = {[EMG_SIDE_LEFT] = "left", [EMG_SIDE_RIGHT] = "right"};

/* Median and quartiles. */
static void put_spread(FILE *out, const struct emg_report_spread *spread, int decimals, bool sign)
{
    void (*const put)(FILE *, double, int) = sign ? emg_report_signed : emg_report_number;
    (void)fputs("<td class=\"n\">", out);
    put(out, spread->median, decimals);
    if (spread->n > 0) {
        (void)fputs("<br/><small>(", out);
        put(out, spread->low, decimals);
        (void)fputs(" to ", out);
        put(out, spread->high, decimals);
        (void)fputs(")</small>", out);
    }
    (void)fputs("</td>", out);
}

static void begin_row(const struct emg_report *r, size_t stage, const char *what, FILE *out)
{
    (void)fputs("<tr><th scope=\"row\">", out);
    emg_report_write_stage_name(r, stage, out);
    (void)fprintf(out, "</th><td class=\"n\">%s</td>", what);
}

void emg_report_write_gait_table(const struct emg_report *r, FILE *out)
{
    size_t n = 0;
    (void)emg_report_stages(r, &n);
    (void)fputs("<table class=\"num\"><thead><tr><th scope=\"col\">stage</th><th scope=\"col\">leg</th><th "
                "scope=\"col\">gait "
                "cycles</th><th scope=\"col\">cadence, steps/min</th><th scope=\"col\">cycle, s: median "
                "(quartiles)</th><th scope=\"col\">from</th></tr></thead><tbody>\n",
                out);
    for (size_t stage = 1; stage <= n; stage++)
        for (size_t side = 0; side < EMG_SIDES; side++) {
            const struct emg_report_spread cycle = emg_report_cycle_s(r, stage, (enum emg_side)side);
            if (r->sides[side].n_cycles == 0)
                continue;
            begin_row(r, stage, leg_names[side], out);
            (void)fprintf(out, "<td class=\"n\">%zu</td><td class=\"n\">", cycle.n);
            emg_report_number(out, 120 / cycle.median, 0);
            (void)fputs("</td>", out);
            put_spread(out, &cycle, 3, false);
            (void)fprintf(out, "<td class=\"n\">%s</td></tr>\n",
                          r->sides[side].cycles[0].source == EMG_STRIDE_EMG ? "EMG" : "foot switch");
        }
    (void)fputs("</tbody></table>\n", out);
}

static bool has_share(const struct emg_report_side *leg)
{
    return leg->soleus != EMG_REPORT_NO_MUSCLE && leg->gastrocnemius != EMG_REPORT_NO_MUSCLE;
}

static bool has_coactivation(const struct emg_report_side *leg)
{
    return leg->soleus != EMG_REPORT_NO_MUSCLE && leg->antagonist != EMG_REPORT_NO_MUSCLE;
}

static void write_balance_head(const struct emg_report *r, FILE *out)
{
    char name[EMG_REPORT_NAME_SIZE];
    (void)fputs("<table class=\"num\"><thead><tr><th scope=\"col\">%: median<br/>(quartiles)</th>", out);
    for (size_t i = 0; i < EMG_SIDES; i++)
        if (has_share(&r->sides[i]))
            (void)fprintf(out, "<th scope=\"col\">soleus share, %s</th>", leg_names[i]);
    for (size_t i = 0; i < EMG_SIDES; i++)
        if (has_coactivation(&r->sides[i]))
            (void)fprintf(out, "<th scope=\"col\">co-activation, %s</th>", leg_names[i]);
    for (size_t i = 0; i < r->n_pairs; i++)
        (void)fprintf(out, "<th scope=\"col\">symmetry, %s</th>",
                      emg_report_muscle_name(name, r->wire.pairs[i]));
    (void)fputs("</tr></thead><tbody>\n", out);
}

static bool is_in_microvolts(const struct emg_report *r)
{
    for (size_t i = 0; i < r->n_pairs; i++)
        if (r->pairs[i].n_symmetries > 0 && !r->pairs[i].symmetries[r->pairs[i].n_symmetries - 1].percent)
            return true;
    return false;
}

void emg_report_write_balance_table(const struct emg_report *r, FILE *out)
{
    size_t n = 0;
    (void)emg_report_stages(r, &n);
    write_balance_head(r, out);
    for (size_t stage = 1; stage <= n; stage++) {
        (void)fputs("<tr><th scope=\"row\">", out);
        emg_report_write_stage_name(r, stage, out);
        (void)fputs("</th>", out);
        for (size_t i = 0; i < EMG_SIDES; i++) {
            const struct emg_report_spread share = emg_report_share(r, stage, (enum emg_side)i);
            if (has_share(&r->sides[i]))
                put_spread(out, &share, 1, false);
        }
        for (size_t i = 0; i < EMG_SIDES; i++) {
            const struct emg_report_spread both = emg_report_coactivation(r, stage, (enum emg_side)i);
            if (has_coactivation(&r->sides[i]))
                put_spread(out, &both, 1, false);
        }
        for (size_t i = 0; i < r->n_pairs; i++) {
            const struct emg_report_spread index = emg_report_symmetry(r, stage, i);
            put_spread(out, &index, 1, true);
        }
        (void)fputs("</tr>\n", out);
    }
    (void)fputs(
        "</tbody></table>\n<p class=\"note\">Co-activation: common area of the mean envelopes of soleus and "
        "tibialis anterior over the gait cycle (Falconer and Winter 1985).",
        out);
    if (is_in_microvolts(r))
        (void)fputs(
            " <strong>Without a reference on both sides the symmetry compares microvolts, which electrodes "
            "and skin decide as much as the muscle does: it allows no conclusion.</strong>",
            out);
    (void)fputs("</p>\n", out);
}
