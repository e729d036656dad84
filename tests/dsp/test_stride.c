#include "dsp/stride.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double RATE_HZ = 8000.0;

enum { STRIDES_MOST = 400, BURSTS_MOST = 3 * STRIDES_MOST, CYCLES_MOST = 2 * STRIDES_MOST };

static double uniform(uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (double)(*random >> 11) * 0x1p-53;
}

static double normal(uint64_t *random)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++)
        sum += uniform(random);
    return sum;
}

static uint64_t frame(double time_s)
{
    return (uint64_t)lround(time_s * RATE_HZ);
}

static struct emg_stride *make_stride(enum emg_stride_source source)
{
    struct emg_stride *q = NULL;
    const struct emg_stride_config config = {RATE_HZ, source, 0.5};
    assert_int_equal(emg_stride_create(&q, &config), EMG_OK);
    return q;
}

struct cycles {
    size_t n;
    struct emg_stride_cycle at[CYCLES_MOST];
};

/* Pops what is known; it must be in order, plausible and without overlap. */
static void pop(struct emg_stride *q, struct cycles *c)
{
    struct emg_stride_cycle cycle;
    while (emg_stride_next(q, &cycle)) {
        assert_true(c->n < CYCLES_MOST);
        assert_true(cycle.cycle_s == (double)(cycle.end_frame - cycle.first_frame) / RATE_HZ);
        assert_true(cycle.cycle_s >= 0.45 && cycle.cycle_s <= 2.5);
        assert_true(c->n == 0 || cycle.first_frame >= c->at[c->n - 1].end_frame);
        c->at[c->n++] = cycle;
    }
}

static void assert_cycles(const struct cycles *c, const double (*expected_s)[2], size_t n)
{
    assert_int_equal(c->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(c->at[i].first_frame, frame(expected_s[i][0]));
        assert_int_equal(c->at[i].end_frame, frame(expected_s[i][1]));
    }
}

static void refuses_values_outside_the_ranges(void **state)
{
    (void)state;
    static const struct emg_stride_config wrong[] = {
        {499.0, EMG_STRIDE_EMG, 0.5},
        {1.1e6, EMG_STRIDE_EMG, 0.5},
        {NAN, EMG_STRIDE_EMG, 0.5},
        {8000.0, EMG_STRIDE_FOOTSWITCH, -0.1},
        {8000.0, EMG_STRIDE_FOOTSWITCH, 1.1},
        {8000.0, EMG_STRIDE_FOOTSWITCH, NAN},
        {8000.0, (enum emg_stride_source)7, 0.5},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct emg_stride *q = (struct emg_stride *)1;
        assert_int_equal(emg_stride_create(&q, &wrong[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_stride_destroy(NULL);
}

/* --- foot switch --- */

enum { SWITCH_N = 160000 }; /* 20 s */

static float contact[SWITCH_N];

static int lift_foot(void **state)
{
    (void)state;
    memset(contact, 0, sizeof contact);
    return 0;
}

static void put(double first_s, double end_s, float value)
{
    for (size_t i = (size_t)frame(first_s); i < (size_t)frame(end_s); i++)
        contact[i] = value;
}

static void feed(struct emg_stride *q, struct cycles *c, uint64_t pieces)
{
    uint64_t random = pieces;
    for (size_t done = 0; done < SWITCH_N;) {
        size_t take = pieces == 0 ? SWITCH_N : (size_t)(uniform(&random) * (pieces % 2 == 0 ? 3.0 : 500.0));
        take = take < SWITCH_N - done ? take : SWITCH_N - done;
        emg_stride_footswitch(q, contact + done, take, done);
        pop(q, c);
        done += take;
    }
}

static struct cycles cycles_of_contact(void)
{
    struct emg_stride *q = make_stride(EMG_STRIDE_FOOTSWITCH);
    struct cycles c = {0};
    feed(q, &c, 0);
    emg_stride_destroy(q);
    return c;
}

static void a_cycle_lasts_from_contact_to_contact(void **state)
{
    (void)state;
    put(1.0, 1.4, 0.9F);
    put(1.7, 2.1, 0.9F);
    put(2.45, 2.8, 0.9F);
    const struct cycles c = cycles_of_contact();
    assert_cycles(&c, (const double[][2]){{1.0, 1.7}, {1.7, 2.45}}, 2);
}

static void a_foot_that_rolls_on_or_stands_makes_no_cycle(void **state)
{
    (void)state;
    put(1.0, 1.15, 0.9F);
    put(1.25, 1.4, 0.9F); /* forefoot */
    put(1.7, 2.1, 0.9F);
    put(4.3, 8.0, 0.9F); /* stands, 2.6 s later */
    put(8.5, 9.0, 0.9F);
    put(9.2, 9.6, 0.9F);
    const struct cycles c = cycles_of_contact();
    assert_cycles(&c, (const double[][2]){{1.0, 1.7}, {8.5, 9.2}}, 2);
}

static void contacts_are_the_same_however_the_input_is_cut_and_after_reset(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (double t = 0.3; t < 19.0; t += 0.6 + 0.3 * uniform(&random)) {
        put(t, t + 0.2 + 0.2 * uniform(&random), 0.9F);
        for (int i = 0; i < 6; i++) {
            const double at = t + 0.5 * uniform(&random);
            put(at, at + 0.03 * uniform(&random), uniform(&random) < 0.5 ? 0.0F : 0.9F);
        }
    }
    struct emg_stride *q = make_stride(EMG_STRIDE_FOOTSWITCH);
    static struct cycles whole, cut;
    whole.n = 0;
    feed(q, &whole, 0);
    assert_true(whole.n > 15);
    for (uint64_t pieces = 1; pieces < 9; pieces++) {
        emg_stride_reset(q);
        assert_int_equal(emg_stride_state(q).strides, 0);
        memset(&cut, 0, sizeof cut);
        feed(q, &cut, pieces);
        assert_int_equal(cut.n, whole.n);
        assert_memory_equal(cut.at, whole.at, whole.n * sizeof whole.at[0]);
    }
    emg_stride_destroy(q);
}

static void no_cycle_from_the_switch_spans_a_gap(void **state)
{
    (void)state;
    for (double t = 1.0; t < 19.0; t += 0.7)
        put(t, t + 0.3, 0.9F);
    for (int is_said = 0; is_said < 2; is_said++) { /* or only seen from the frames */
        struct emg_stride *q = make_stride(EMG_STRIDE_FOOTSWITCH);
        struct cycles c = {0};
        const size_t lost = (size_t)frame(0.2);
        const size_t at = (size_t)frame(3.2); /* foot down at 3.1, and at the end of the gap */
        emg_stride_footswitch(q, contact, at, 0);
        if (is_said)
            emg_stride_interrupt(q, at + lost);
        emg_stride_footswitch(q, contact + at + lost, SWITCH_N / 4, at + lost);
        pop(q, &c);
        assert_true(c.n > 4);
        assert_int_equal(c.at[2].end_frame, frame(3.1));
        assert_int_equal(c.at[3].first_frame, frame(3.8));
        emg_stride_destroy(q);
    }
}

static void cadence_is_the_median_of_the_newest_cycles_and_unknown_while_standing(void **state)
{
    (void)state;
    struct emg_stride *q = make_stride(EMG_STRIDE_FOOTSWITCH);
    assert_true(isnan(emg_stride_state(q).cadence_steps_per_min));
    static const double steps_s[] = {1.2, 1.2, 1.2, 1.2, 0.6, 0.7, 0.7, 1.0, 0.7, 0.7, 0.7};
    double t = 0.5;
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0]; i++) {
        put(t, t + 0.3, 0.9F);
        t += steps_s[i];
    }
    put(t, t + 0.3, 0.9F);
    emg_stride_footswitch(q, contact, (size_t)frame(t + 0.4), 0);
    struct emg_stride_state s = emg_stride_state(q);
    assert_int_equal(s.strides, 11);
    assert_true(fabs(s.cadence_steps_per_min - 120.0 / 0.7) < 1e-9);
    emg_stride_footswitch(q, contact + frame(t + 0.4), (size_t)frame(4.7), frame(t + 0.4));
    assert_true(isnan(emg_stride_state(q).cadence_steps_per_min));
    assert_int_equal(emg_stride_state(q).strides, 11);
    emg_stride_destroy(q);
}

static void of_cycles_that_nobody_takes_the_oldest_are_lost(void **state)
{
    (void)state;
    for (double t = 0.25; t < 19.8; t += 0.5)
        put(t, t + 0.2, 0.9F);
    struct emg_stride *q = make_stride(EMG_STRIDE_FOOTSWITCH);
    for (size_t k = 0; k < 4; k++)
        emg_stride_footswitch(q, contact, SWITCH_N,
                              k * SWITCH_N); /* 40 contacts every 20 s without a break */
    assert_int_equal(emg_stride_state(q).strides, 159);
    static struct cycles c;
    c.n = 0;
    pop(q, &c);
    assert_int_equal(c.n, 128);
    assert_int_equal(c.at[0].first_frame, frame(0.25 + 0.5 * 31));
    assert_int_equal(c.at[127].end_frame, frame(79.75));
    emg_stride_destroy(q);
}

/* --- contractions --- */

/* Stands for one leg: a main contraction each stride, and what may go wrong with it. Shares of the cycle. */
struct gait {
    double from_s, to_s; /* cycle in the first half and in the second one, ... */
    bool is_gradual;     /* ... or all the way from one to the other */
    double cv;           /* of the cycle */
    double onset_sd;     /* of each onset by itself */
    double missed, twice, split;
    double second_at[2], second_share[2];
    double least_found, most_false;
};

struct walk {
    size_t n, n_bursts;
    double main_s[STRIDES_MOST + 1];
    bool missed[STRIDES_MOST + 1];
    struct emg_stride_burst bursts[BURSTS_MOST];
};

static int by_onset(const void *a, const void *b)
{
    const uint64_t x = ((const struct emg_stride_burst *)a)->onset_frame;
    const uint64_t y = ((const struct emg_stride_burst *)b)->onset_frame;
    return (x > y) - (x < y);
}

static void contract(struct walk *w, double onset_s, double duration_s, double iemg_uv_s)
{
    assert_true(w->n_bursts < BURSTS_MOST);
    w->bursts[w->n_bursts++] =
        (struct emg_stride_burst){frame(onset_s), frame(onset_s + duration_s), iemg_uv_s};
}

static void walk(struct walk *w, const struct gait *g, size_t n, uint64_t *random)
{
    double t = 0.5;
    w->n = n;
    w->n_bursts = 0;
    for (size_t k = 0; k <= n; k++) {
        const double done = (double)k / (double)(n + 1);
        const double part = g->is_gradual ? done : floor(2.0 * done);
        const double cycle_s = g->from_s + (g->to_s - g->from_s) * part;
        const double onset_s = t + g->onset_sd * cycle_s * normal(random);
        const double duration_s = 0.35 * cycle_s * exp(0.1 * normal(random));
        const double iemg = 20.0 * exp(0.2 * normal(random));
        w->main_s[k] = onset_s;
        w->missed[k] = uniform(random) < g->missed;
        if (!w->missed[k] && uniform(random) < g->split) {
            const double first = 0.3 + 0.4 * uniform(random);
            contract(w, onset_s, first * duration_s, first * iemg);
            contract(w, onset_s + first * duration_s + 0.06 + 0.04 * uniform(random),
                     (1.0 - first) * duration_s, (1.0 - first) * iemg);
        } else if (!w->missed[k]) {
            contract(w, onset_s, duration_s, iemg);
        }
        if (uniform(random) < g->twice) {
            const double at = g->second_at[0] + (g->second_at[1] - g->second_at[0]) * uniform(random);
            const double share =
                g->second_share[0] + (g->second_share[1] - g->second_share[0]) * uniform(random);
            contract(w, onset_s + at * cycle_s, 0.1 * cycle_s, 20.0 * share);
        }
        t += cycle_s * (1.0 + g->cv * normal(random));
    }
    qsort(w->bursts, w->n_bursts, sizeof w->bursts[0], by_onset);
}

static void give(struct emg_stride *q, const struct walk *w, struct cycles *c)
{
    c->n = 0;
    for (size_t i = 0; i < w->n_bursts; i++) {
        emg_stride_burst(q, &w->bursts[i]);
        pop(q, c);
    }
}

/* Counts cycles without a miss, and those found to the frame. */
static void judge(const struct walk *w, const struct cycles *c, size_t *n_true, size_t *n_found)
{
    for (size_t k = 0, i = 0; k < w->n; k++) {
        if (w->missed[k] || w->missed[k + 1])
            continue;
        ++*n_true;
        while (i < c->n && c->at[i].first_frame < frame(w->main_s[k]))
            i++;
        *n_found += i < c->n && c->at[i].first_frame == frame(w->main_s[k]) &&
                    c->at[i].end_frame == frame(w->main_s[k + 1]);
    }
}

static void try_gait(const struct gait *g, size_t n, int trials)
{
    static struct walk w;
    static struct cycles c;
    size_t n_true = 0;
    size_t n_found = 0;
    size_t n_given = 0;
    uint64_t random = 11;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    for (int trial = 0; trial < trials; trial++) {
        walk(&w, g, n, &random);
        emg_stride_reset(q);
        give(q, &w, &c);
        judge(&w, &c, &n_true, &n_found);
        n_given += c.n;
    }
    emg_stride_destroy(q);
    const double found = (double)n_found / (double)n_true;
    const double wrong = 1.0 - (double)n_found / (double)n_given;
    print_message("%.2f -> %.2f s: %zu cycles, found %.2f %%, false %.2f %%\n", g->from_s, g->to_s, n_true,
                  100.0 * found, 100.0 * wrong);
    assert_true(found >= g->least_found && wrong <= g->most_false);
}

static void try_gaits(const struct gait *gaits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        try_gait(&gaits[i], 200, 6);
}

static void finds_the_cycles_through_jitter_missed_double_and_split_bursts(void **state)
{
    (void)state;
    static const struct gait gaits[] = {
        {0.72, 0.72, false, 0.03, 0.0, 0.0, 0.0, 0.0, {0}, {0}, 0.999, 0.001},
        {0.72, 0.72, false, 0.03, 0.0, 0.05, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {1.10, 1.10, false, 0.03, 0.0, 0.05, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {0.70, 0.70, false, 0.05, 0.0, 0.10, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {0.95, 0.95, false, 0.02, 0.03, 0.10, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {0.70, 0.70, false, 0.03, 0.0, 0.05, 0.2, 0.2, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {1.10, 1.10, false, 0.03, 0.0, 0.05, 0.2, 0.2, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {0.70, 0.70, false, 0.03, 0.0, 0.05, 0.2, 0.0, {0.5, 0.8}, {0.4, 0.9}, 0.99, 0.01},
    };
    try_gaits(gaits, sizeof gaits / sizeof gaits[0]);
}

static void follows_a_change_of_speed(void **state)
{
    (void)state;
    static const struct gait gaits[] = {
        {0.72, 0.65, false, 0.03, 0.0, 0.05, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {1.10, 0.70, false, 0.03, 0.0, 0.05, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {0.70, 1.10, false, 0.03, 0.0, 0.05, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
        {1.20, 0.60, true, 0.03, 0.0, 0.05, 0.2, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.99, 0.01},
    };
    try_gaits(gaits, sizeof gaits / sizeof gaits[0]);
}

static void a_second_burst_in_every_stride_is_left_out_even_half_way(void **state)
{
    (void)state;
    static const struct gait gaits[] = {
        {1.10, 1.10, false, 0.03, 0.0, 0.0, 1.0, 0.0, {0.45, 0.52}, {0.3, 0.5}, 0.90, 0.01},
        {1.10, 1.10, false, 0.03, 0.0, 0.02, 0.5, 0.0, {0.45, 0.52}, {0.3, 0.5}, 0.97, 0.01},
        {0.70, 0.70, false, 0.03, 0.0, 0.0, 1.0, 0.0, {0.55, 0.7}, {0.2, 0.4}, 0.97, 0.01},
    };
    try_gaits(gaits, sizeof gaits / sizeof gaits[0]);
}

/* Onsets every period_s from first_s on. */
static void keep_time(struct emg_stride *q, struct cycles *c, double first_s, double period_s, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const double onset_s = first_s + period_s * (double)k;
        emg_stride_burst(q, &(struct emg_stride_burst){frame(onset_s), frame(onset_s + 0.25), 20.0});
        pop(q, c);
    }
}

static void knows_a_new_speed_after_four_strides(void **state)
{
    (void)state;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    keep_time(q, &c, 0.0, 1.1, 30);
    keep_time(q, &c, 33.0, 0.7, 5);
    assert_int_equal(c.n, 30 + 4); /* the last one of 1.1 s ends where the first one of 0.7 s begins */
    assert_int_equal(c.at[30].first_frame, frame(33.0));
    assert_true(fabs(c.at[33].cycle_s - 0.7) < 1e-3);
    emg_stride_destroy(q);
}

static void a_burst_that_comes_early_waits_for_the_next_one(void **state)
{
    (void)state;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    keep_time(q, &c, 0.5, 1.0, 5);
    assert_int_equal(c.n, 4);
    emg_stride_burst(q, &(struct emg_stride_burst){frame(5.32), frame(5.37), 20.0});
    pop(q, &c);
    assert_int_equal(c.n, 4);
    keep_time(q, &c, 5.5, 1.0, 2);
    assert_int_equal(c.n, 6);
    assert_int_equal(c.at[4].end_frame, frame(5.5));
    emg_stride_destroy(q);
}

static void walking_is_found_after_fidgeting_and_forgotten_in_standing(void **state)
{
    (void)state;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    keep_time(q, &c, 0.0, 3.1, 12);
    keep_time(q, &c, 40.0, 0.7, 5); /* could be chance */
    assert_int_equal(c.n, 0);
    keep_time(q, &c, 40.0 + 0.7 * 5, 0.7, 5);
    assert_int_equal(c.n, 9);
    keep_time(q, &c, 60.0, 3.1, 12);
    keep_time(q, &c, 100.0, 0.7, 3);
    assert_int_equal(c.n, 9);
    emg_stride_destroy(q);
}

static void a_missed_burst_gives_no_cycle_of_double_length(void **state)
{
    (void)state;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    keep_time(q, &c, 0.5, 0.9, 6);
    keep_time(q, &c, 0.5 + 0.9 * 7, 0.9, 5);
    assert_int_equal(c.n, 9);
    for (size_t i = 0; i < c.n; i++)
        assert_true(fabs(c.at[i].cycle_s - 0.9) < 1e-3);
    assert_int_equal(c.at[4].end_frame, frame(0.5 + 0.9 * 5.0));
    assert_int_equal(c.at[5].first_frame, frame(0.5 + 0.9 * 7.0));
    emg_stride_destroy(q);
}

static void four_bursts_confirm_the_three_cycles_between_them(void **state)
{
    (void)state;
    static const double onsets_s[] = {1.25, 2.17, 3.19, 4.13};
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    for (size_t i = 0; i < 4; i++) {
        pop(q, &c);
        assert_int_equal(c.n, 0);
        emg_stride_burst(q, &(struct emg_stride_burst){frame(onsets_s[i]), frame(onsets_s[i] + 0.38),
                                                       i == 1 ? 30.0 : 20.0});
    }
    pop(q, &c);
    assert_cycles(&c, (const double[][2]){{1.25, 2.17}, {2.17, 3.19}, {3.19, 4.13}}, 3);
    assert_true(fabs(emg_stride_state(q).cadence_steps_per_min - 120.0 / 0.94) < 0.1);
    emg_stride_destroy(q);
}

static void short_recordings_give_nearly_all_their_cycles(void **state)
{
    (void)state;
    const struct gait g = {0.96, 0.96, false, 0.03, 0.02, 0.0, 0.1, 0.0, {0.5, 0.8}, {0.2, 0.6}, 0.93, 0.01};
    try_gait(&g, 4, 300);
}

static void contractions_without_rhythm_give_no_cycles(void **state)
{
    (void)state;
    static const double rest_s[] = {0.8, 1.5, 3.0};
    uint64_t random = 21;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    for (size_t k = 0; k < 3; k++) {
        size_t given = 0;
        for (int trial = 0; trial < 10; trial++) {
            emg_stride_reset(q);
            double t = 1.0;
            for (int i = 0; i < 200; i++) {
                const double duration_s = 0.3 * exp(0.4 * normal(&random));
                const struct emg_stride_burst burst = {frame(t), frame(t + duration_s),
                                                       60.0 * duration_s * exp(0.5 * normal(&random))};
                emg_stride_burst(q, &burst);
                t += duration_s + 0.1 - rest_s[k] * log(1.0 - uniform(&random));
            }
            given += emg_stride_state(q).strides;
        }
        print_message("rests of %.1f s: %zu cycles from 2000 contractions\n", rest_s[k], given);
        assert_true(given <= 20);
    }
    emg_stride_destroy(q);
}

static void static_contractions_give_no_cycles(void **state)
{
    (void)state;
    static const struct {
        double every_s, duration_s;
    } holds[] = {{4.0, 3.0}, {2.2, 1.9}, {2.6, 0.5}, {1.0, 0.85}, {0.44, 0.2}, {0.2, 0.1}};
    for (size_t k = 0; k < sizeof holds / sizeof holds[0]; k++) {
        struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
        for (int i = 0; i < 60; i++) {
            const double t = holds[k].every_s * i;
            emg_stride_burst(q, &(struct emg_stride_burst){frame(t), frame(t + holds[k].duration_s), 900.0});
        }
        assert_int_equal(emg_stride_state(q).strides, 0);
        assert_true(isnan(emg_stride_state(q).cadence_steps_per_min));
        emg_stride_destroy(q);
    }
}

static void no_cycle_spans_a_gap_and_the_period_outlasts_it(void **state)
{
    (void)state;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    for (size_t k = 0; k < 14; k++) {
        const double onset_s = 0.5 + 0.7 * (double)k;
        emg_stride_burst(q, &(struct emg_stride_burst){frame(onset_s), frame(onset_s + 0.25), 20.0});
        if (k == 9)
            emg_stride_interrupt(q, frame(onset_s + 0.4));
        if (k == 9) /* from before it */
            emg_stride_burst(q,
                             &(struct emg_stride_burst){frame(onset_s + 0.3), frame(onset_s + 0.39), 20.0});
        pop(q, &c);
        assert_int_equal(c.n, k < 3 ? 0 : k < 10 ? k : k - 1);
    }
    assert_int_equal(c.at[8].end_frame, frame(0.5 + 0.7 * 9));
    assert_int_equal(c.at[9].first_frame, frame(0.5 + 0.7 * 10));
    emg_stride_destroy(q);
}

static void reset_is_as_fresh(void **state)
{
    (void)state;
    static const struct gait g = {0.8, 0.7, true, 0.04, 0.0, 0.1, 0.3, 0.1, {0.5, 0.8}, {0.2, 0.6}, 0.0, 1.0};
    static struct walk w;
    static struct cycles fresh, again;
    uint64_t random = 5;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    walk(&w, &g, 60, &random);
    give(q, &w, &fresh);
    assert_true(fresh.n > 30);
    emg_stride_reset(q);
    assert_false(emg_stride_next(q, &(struct emg_stride_cycle){0}));
    give(q, &w, &again);
    assert_int_equal(fresh.n, again.n);
    assert_memory_equal(fresh.at, again.at, fresh.n * sizeof fresh.at[0]);
    emg_stride_destroy(q);
}

static void what_makes_no_sense_changes_nothing(void **state)
{
    (void)state;
    static const struct emg_stride_burst wrong[] = {
        {40000, 40000, 20.0},     {40000, 39000, 20.0}, {40000, 42000, 0.0}, {40000, 42000, NAN},
        {40000, 42000, INFINITY}, {40000, 42000, -1.0}, {2000, 3000, 20.0},
    };
    static const float steps[2] = {0.0F, 1.0F};
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    for (size_t k = 0; k < 6; k++) {
        const double onset_s = 0.5 + 0.7 * (double)k;
        emg_stride_burst(q, &(struct emg_stride_burst){frame(onset_s), frame(onset_s + 0.25), 20.0});
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0] && k == 4; i++)
            emg_stride_burst(q, &wrong[i]);
        emg_stride_footswitch(q, steps, 2, 7);
    }
    pop(q, &c);
    assert_int_equal(c.n, 5);
    emg_stride_destroy(q);

    q = make_stride(EMG_STRIDE_FOOTSWITCH);
    keep_time(q, &c, 0.5, 0.7, 6);
    assert_int_equal(emg_stride_state(q).strides, 0);
    emg_stride_destroy(q);
}

static void strengths_from_nothing_to_the_largest_number_do_no_harm(void **state)
{
    (void)state;
    uint64_t random = 4;
    struct emg_stride *q = make_stride(EMG_STRIDE_EMG);
    struct cycles c = {0};
    for (int i = 0; i < 300; i++) {
        const double t = 0.5 + 0.7 * i;
        const double iemg = i % 2 == 0 ? 1e308 : 4e-324;
        emg_stride_burst(
            q, &(struct emg_stride_burst){frame(t), frame(t + 0.25), iemg * (1.0 + uniform(&random))});
        pop(q, &c);
    }
    assert_true(c.n > 100);
    emg_stride_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_values_outside_the_ranges),
        cmocka_unit_test_setup(a_cycle_lasts_from_contact_to_contact, lift_foot),
        cmocka_unit_test_setup(a_foot_that_rolls_on_or_stands_makes_no_cycle, lift_foot),
        cmocka_unit_test_setup(contacts_are_the_same_however_the_input_is_cut_and_after_reset, lift_foot),
        cmocka_unit_test_setup(no_cycle_from_the_switch_spans_a_gap, lift_foot),
        cmocka_unit_test_setup(cadence_is_the_median_of_the_newest_cycles_and_unknown_while_standing,
                               lift_foot),
        cmocka_unit_test_setup(of_cycles_that_nobody_takes_the_oldest_are_lost, lift_foot),
        cmocka_unit_test(finds_the_cycles_through_jitter_missed_double_and_split_bursts),
        cmocka_unit_test(follows_a_change_of_speed),
        cmocka_unit_test(knows_a_new_speed_after_four_strides),
        cmocka_unit_test(a_second_burst_in_every_stride_is_left_out_even_half_way),
        cmocka_unit_test(a_burst_that_comes_early_waits_for_the_next_one),
        cmocka_unit_test(walking_is_found_after_fidgeting_and_forgotten_in_standing),
        cmocka_unit_test(a_missed_burst_gives_no_cycle_of_double_length),
        cmocka_unit_test(four_bursts_confirm_the_three_cycles_between_them),
        cmocka_unit_test(short_recordings_give_nearly_all_their_cycles),
        cmocka_unit_test(contractions_without_rhythm_give_no_cycles),
        cmocka_unit_test(static_contractions_give_no_cycles),
        cmocka_unit_test(no_cycle_spans_a_gap_and_the_period_outlasts_it),
        cmocka_unit_test(reset_is_as_fresh),
        cmocka_unit_test(what_makes_no_sense_changes_nothing),
        cmocka_unit_test(strengths_from_nothing_to_the_largest_number_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
