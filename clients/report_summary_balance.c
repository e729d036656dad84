#include "clients/report_html.h"

#include "clients/report_figures.h"
#include "clients/report_text.h"

#include <math.h>
#include <string.h>

/* An index within this is called alike, as is usual for gait. */
static const double ALIKE_PERCENT = 10;
static const double USABLE_PERCENT = 80;       /* below: told to the athlete, too */
static const double LEAST_USABLE_PERCENT = 50; /* below: no comparison */
static const double CROSSTALK_PERCENT = 10;    /* of the time; above: a warning */
static const double SHARE_CHANGE_PERCENT = 5;

static const char *const leg_names[] = {[EMG_SIDE_LEFT] = "left", [EMG_SIDE_RIGHT] = "right"};

/* What forbids to compare two muscles. */
enum obstacle_kind { OBSTACLE_NONE, UNUSABLE, NO_REFERENCE, OTHER_METHOD };
struct obstacle {
    enum obstacle_kind kind;
    size_t muscle;
    double usable_percent;
};

static double percent_of(uint64_t part, uint64_t all)
{
    return all > 0 ? 100 * (double)part / (double)all : 0;
}

static struct obstacle find_obstacle(const struct emg_report *r, size_t a, size_t b)
{
    const size_t both[] = {a, b};
    struct emg_report_activity activity[2];
    for (size_t i = 0; i < 2; i++) {
        activity[i] = emg_report_activity(r, 0, both[i]);
        const double usable = percent_of(activity[i].usable, activity[i].n);
        if (usable < LEAST_USABLE_PERCENT)
            return (struct obstacle){UNUSABLE, both[i], usable};
    }
    for (size_t i = 0; i < 2; i++)
        if (activity[i].percent.n == 0)
            return (struct obstacle){NO_REFERENCE, both[i], 0};
    const bool alike = strcmp(activity[0].reference.method, activity[1].reference.method) == 0;
    return (struct obstacle){alike ? OBSTACLE_NONE : OTHER_METHOD, a, 0};
}

static void write_obstacle(const struct emg_report *r, const struct obstacle *obstacle, FILE *out)
{
    switch (obstacle->kind) {
    case UNUSABLE:
        (void)fputs("the signal of the ", out);
        emg_report_write_muscle(r, obstacle->muscle, out);
        (void)fprintf(out, " could be used only %.0f\xc2\xa0%% of the time", obstacle->usable_percent);
        break;
    case NO_REFERENCE:
        (void)fputs("the ", out);
        emg_report_write_muscle(r, obstacle->muscle, out);
        (void)fputs(" has nothing to be measured against: ", out);
        emg_report_write_why_no_reference(r, obstacle->muscle, out);
        break;
    case OTHER_METHOD:
        (void)fputs("the two muscles were measured against different kinds of contraction", out);
        break;
    case OBSTACLE_NONE:
        (void)fputs("one of them hardly stood out from its background noise", out);
        break;
    }
}

static void write_undetermined(const struct emg_report *r, const struct obstacle *obstacle, FILE *out)
{
    (void)fputs("<strong>Undetermined</strong>, because ", out);
    write_obstacle(r, obstacle, out);
    (void)fputs(".", out);
}

static void write_known_share(const struct emg_report *r, enum emg_side side, FILE *out)
{
    const struct emg_report_spread share = emg_report_share(r, 0, side);
    size_t n = 0;
    (void)emg_report_stages(r, &n);
    (void)fprintf(out,
                  "the soleus did <strong>%.0f\xc2\xa0%%</strong> and the gastrocnemius "
                  "<strong>%.0f\xc2\xa0%%</strong> of what "
                  "the two did together",
                  share.median, 100 - share.median);
    const struct emg_report_spread first = emg_report_share(r, 1, side), last = emg_report_share(r, n, side);
    if (n > 1 && first.n > 0 && last.n > 0 && fabs(last.median - first.median) >= SHARE_CHANGE_PERCENT)
        (void)fprintf(out, "; the soleus %.0f\xc2\xa0%% in the first stage and %.0f\xc2\xa0%% in the last",
                      first.median, last.median);
    (void)fputs(".", out);
    const struct emg_report_activity soleus = emg_report_activity(r, 0, r->sides[side].soleus);
    for (size_t i = 0; i < EMG_FLAGS; i++)
        if (1U << i == EMG_FLAG_CROSSTALK && percent_of(soleus.flags[i], soleus.n) > CROSSTALK_PERCENT)
            (void)fputs(
                " The two signals resembled each other at times, so that one may have been picked up at "
                "the other\xe2\x80\x99s electrodes: take this share with caution.",
                out);
}

static bool is_measured(const struct emg_report_side *leg)
{
    return leg->soleus != EMG_REPORT_NO_MUSCLE || leg->gastrocnemius != EMG_REPORT_NO_MUSCLE;
}

static void write_share(const struct emg_report *r, enum emg_side side, FILE *out)
{
    const struct emg_report_side *leg = &r->sides[side];
    const bool soleus = leg->soleus != EMG_REPORT_NO_MUSCLE,
               both = soleus && leg->gastrocnemius != EMG_REPORT_NO_MUSCLE;
    (void)fprintf(out, "<p>In the %s leg: ", leg_names[side]);
    if (!both) {
        (void)fprintf(out, "<strong>Undetermined</strong>, because the %s was not measured.</p>\n",
                      soleus ? "gastrocnemius" : "soleus");
        return;
    }
    const struct obstacle obstacle = find_obstacle(r, leg->soleus, leg->gastrocnemius);
    if (obstacle.kind != OBSTACLE_NONE || emg_report_share(r, 0, side).n == 0)
        write_undetermined(r, &obstacle, out);
    else
        write_known_share(r, side, out);
    (void)fputs("</p>\n", out);
}

static void write_symmetry(const struct emg_report *r, size_t pair, FILE *out)
{
    char name[EMG_REPORT_NAME_SIZE];
    const struct emg_report_pair *of = &r->pairs[pair];
    const struct emg_report_spread index = emg_report_symmetry(r, 0, pair);
    const struct obstacle obstacle =
        find_obstacle(r, of->muscles[EMG_SIDE_LEFT], of->muscles[EMG_SIDE_RIGHT]);
    (void)fprintf(out, "<p>The %s: ", emg_report_muscle_name(name, r->wire.pairs[pair]));
    if (obstacle.kind != OBSTACLE_NONE || index.n == 0) {
        write_undetermined(r, &obstacle, out);
        (void)fputs("</p>\n", out);
        return;
    }
    if (fabs(round(index.median)) < ALIKE_PERCENT)
        (void)fputs("left and right worked <strong>about equally</strong>", out);
    else
        (void)fprintf(out, "the <strong>%s</strong> one worked more", index.median > 0 ? "left" : "right");
    (void)fputs(" (symmetry index ", out);
    emg_report_signed(out, index.median, 0);
    (void)fputs("\xc2\xa0%).</p>\n", out);
}

/* Whether nothing at all has a reference: then that is said once. */
static bool lacks_references(const struct emg_report *r)
{
    for (size_t i = 0; i < r->wire.n_muscles; i++)
        if (emg_report_activity(r, 0, i).percent.n > 0)
            return false;
    return true;
}

static void write_sides(const struct emg_report *r, FILE *out)
{
    (void)fputs("<dt>Left and right</dt>\n<dd>", out);
    if (r->n_pairs == 0)
        (void)fputs(
            "<p><strong>Undetermined</strong>, because no muscle was measured on both sides.</p></dd>\n",
            out);
    else if (lacks_references(r))
        (void)fputs(
            "<p><strong>Undetermined</strong>, because no reference contraction was accepted: electrodes and "
            "skin differ from leg to leg, too.</p></dd>\n",
            out);
    if (r->n_pairs == 0 || lacks_references(r))
        return;
    for (size_t i = 0; i < r->n_pairs; i++)
        write_symmetry(r, i, out);
    (void)fprintf(
        out,
        "<p class=\"note\">The index is the difference in percent of the mean of both sides: 0 is equal, a "
        "plus means that the left side worked more, a minus the right. Below %.0f is called about "
        "equal.</p>\n",
        ALIKE_PERCENT);
    (void)fputs("</dd>\n", out);
}

static void write_quality(const struct emg_report *r, FILE *out)
{
    uint64_t doubtful = 0;
    double least = 100;
    (void)fputs("<dt>Could it be measured</dt>\n<dd>", out);
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        const struct emg_report_activity activity = emg_report_activity(r, 0, i);
        const double usable = percent_of(activity.usable, activity.n);
        least = fmin(least, usable);
        doubtful |= (uint64_t)(usable < USABLE_PERCENT) << i;
    }
    if (least >= 100) {
        (void)fputs("<p>Every signal could be used all the time.</p>\n", out);
    } else if (doubtful == 0) {
        (void)fprintf(out, "<p>Every signal could be used at least %.0f\xc2\xa0%% of the time.</p>\n",
                      floor(least));
    } else {
        (void)fprintf(out, "<p><strong>Could be used less than %.0f\xc2\xa0%% of the time:</strong> ",
                      USABLE_PERCENT);
        emg_report_write_muscles(r, doubtful, out);
        (void)fprintf(out, " (%.0f\xc2\xa0%% at worst).</p>\n", floor(least));
    }
    if (r->gaps > 0) {
        (void)fputs("<p>", out);
        emg_report_number(out, (double)r->frames_lost / r->wire.rate_hz, 2);
        (void)fprintf(out, " s of it were lost, in %llu gap%s.</p>\n", (unsigned long long)r->gaps,
                      r->gaps == 1 ? "" : "s");
    }
    (void)fputs("</dd>\n", out);
}

void emg_report_write_balance(const struct emg_report *r, FILE *out)
{
    if (is_measured(&r->sides[EMG_SIDE_LEFT]) || is_measured(&r->sides[EMG_SIDE_RIGHT])) {
        (void)fputs("<dt>Soleus and gastrocnemius</dt>\n<dd>", out);
        for (size_t i = 0; i < EMG_SIDES && !lacks_references(r); i++)
            if (is_measured(&r->sides[i]))
                write_share(r, (enum emg_side)i, out);
        if (lacks_references(r))
            (void)fputs("<p><strong>Undetermined</strong>, because no reference contraction was accepted: "
                        "microvolts of "
                        "two muscles cannot be compared.</p>\n",
                        out);
        (void)fputs(
            "<p class=\"note\">The soleus lies hidden under the gastrocnemius, bears most of the load in "
            "running and usually tires late. Both are counted in percent of their own reference "
            "contraction.</p></dd>\n",
            out);
    }
    write_sides(r, out);
    write_quality(r, out);
}
