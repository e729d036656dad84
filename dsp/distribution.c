#include "dsp/distribution.h"

#include "dsp/simd.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    HISTORY = 3000, /* levels that noise is taken from */
    RECENT = 1000,  /* levels that activity is taken from */
    SETTLING = 30,  /* levels that may come from the transient of a filter */
    BINS = 720,
};

/* Histogram of the levels in dB re 1 uV. */
static const double BIN_DB = 0.25;
static const double LOWEST_DB = -60.0;
static const double NEPER = 0.11512925464970229; /* in a dB, ln(10) / 20 */

static const double NOISE_QUANTILE = 0.1;
static const double NOISE_LIMIT_DB = 6.0206; /* above that quantile, twice it: levels up to here are noise */

/* Where a quantile lies in a histogram: kept from step to step, since it moves little. */
struct quantile {
    double share;
    size_t bin, below; /* the bin it was found in, and the levels in those below */
    double inside;     /* how far inside the bin it lies, 0..1 */
};

/* Of all the history: low, high, middle. */
enum { LOW, HIGH, MIDDLE, QUANTILES };

struct emg_distribution {
    size_t first_levels;       /* of those that may be a transient */
    uint16_t history[HISTORY]; /* bins of the newest levels, a ring */
    size_t history_at, history_count;
    uint16_t settling[SETTLING]; /* bins of the first levels */
    size_t recent_count;
    uint16_t histogram[BINS], recent[BINS];         /* of all the history, and of its newest part */
    struct quantile quantiles[QUANTILES], activity; /* of either */
    double bin_uv2[BINS];                           /* power at the centre of a bin */
};

enum emg_error emg_distribution_create(struct emg_distribution **out)
{
    struct emg_distribution *q = calloc(1, sizeof *q);
    *out = q;
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    for (size_t i = 0; i < BINS; i++)
        q->bin_uv2[i] = pow(10.0, (LOWEST_DB + ((double)i + 0.5) * BIN_DB) / 10.0);
    emg_distribution_reset(q);
    return EMG_OK;
}

static uint16_t bin_of(double level_uv)
{
    const double bin = (20.0 * log10(fmax(level_uv, 1e-30)) - LOWEST_DB) / BIN_DB;

    return (uint16_t)fmin(fmax(bin, 0.0), BINS - 1.0);
}

static void take_out(uint16_t *histogram, uint16_t bin, struct quantile *quantiles, size_t n)
{
    histogram[bin]--;
    for (size_t i = 0; i < n; i++)
        quantiles[i].below -= bin < quantiles[i].bin;
}

static void put_in(uint16_t *histogram, uint16_t bin, struct quantile *quantiles, size_t n)
{
    histogram[bin]++;
    for (size_t i = 0; i < n; i++)
        quantiles[i].below += bin < quantiles[i].bin;
}

static void remember(struct emg_distribution *q, uint16_t bin)
{
    if (q->history_count == HISTORY)
        take_out(q->histogram, q->history[q->history_at], q->quantiles, QUANTILES);
    else
        q->history_count++;
    if (q->recent_count == RECENT)
        take_out(q->recent, q->history[(q->history_at + HISTORY - RECENT) % HISTORY], &q->activity, 1);
    else
        q->recent_count++;
    q->history[q->history_at] = bin;
    q->history_at = (q->history_at + 1) % HISTORY;
    put_in(q->histogram, bin, q->quantiles, QUANTILES);
    put_in(q->recent, bin, &q->activity, 1);
}

/* Keeps of the first levels those that belong to their quietest part, the 10 % quantile and 6 dB above it. */
static void settle(struct emg_distribution *q)
{
    enum { RANK = SETTLING / 10, LIMIT_BINS = 24 };
    size_t quantile = BINS;
    for (size_t i = 0; i < SETTLING; i++) {
        size_t lower = 0;
        for (size_t k = 0; k < SETTLING; k++)
            lower += q->settling[k] <= q->settling[i];
        if (lower >= RANK && q->settling[i] < quantile)
            quantile = q->settling[i];
    }
    for (size_t i = 0; i < SETTLING; i++)
        if (q->settling[i] <= quantile + LIMIT_BINS)
            remember(q, q->settling[i]);
}

/* Of the levels [count] in a histogram; linear in dB inside the bin. */
static double quantile_uv(const uint16_t *histogram, const double *bin_uv2, size_t count, struct quantile *at)
{
    const double wanted = at->share * (double)count;

    while (at->bin > 0 && (double)at->below >= wanted)
        at->below -= histogram[--at->bin];
    while (at->bin < BINS - 1 && (double)(at->below + histogram[at->bin]) < wanted)
        at->below += histogram[at->bin++];
    at->inside = (wanted - (double)at->below) / histogram[at->bin];
    /* e^x, of |x| up to half a bin, by its series: better than 1e-14. */
    const double x = (at->inside - 0.5) * BIN_DB * NEPER;
    const double e = 1.0 + x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0))));
    return sqrt(bin_uv2[at->bin]) * e;
}

typedef uint16_t counts __attribute__((vector_size(EMG_QUAD * sizeof(uint16_t)), aligned(2), may_alias));

/* RMS of the levels in bins first to last. */
EMG_VECTORISED static void average_levels(const uint16_t *histogram, const double *bin_uv2, size_t first,
                                          size_t last, struct emg_distribution_noise *noise)
{
    emg_quad powers = {0.0}, numbers = {0.0};
    size_t bin = first;

    for (; bin + EMG_QUAD <= last + 1; bin += EMG_QUAD) {
        const counts *count = (const counts *)(const void *)(histogram + bin);
        const emg_quad number = __builtin_convertvector(*count, emg_quad);
        powers += number * emg_const_quads(bin_uv2 + bin)[0];
        numbers += number;
    }
    double power = emg_quad_sum(&powers), number = emg_quad_sum(&numbers);
    for (; bin <= last; bin++) {
        power += histogram[bin] * bin_uv2[bin];
        number += histogram[bin];
    }
    *noise = (struct emg_distribution_noise){sqrt(power / number), number};
}

void emg_distribution_execute(struct emg_distribution *q, double level_uv)
{
    if (q->first_levels == SETTLING) {
        remember(q, bin_of(level_uv));
        return;
    }
    q->settling[q->first_levels++] = bin_of(level_uv);
    if (q->first_levels == SETTLING)
        settle(q);
}

size_t emg_distribution_count(const struct emg_distribution *q)
{
    return q->history_count;
}

bool emg_distribution_is_settled(const struct emg_distribution *q)
{
    return q->first_levels == SETTLING;
}

static double of_all_uv(struct emg_distribution *q, size_t which)
{
    return quantile_uv(q->histogram, q->bin_uv2, q->history_count, &q->quantiles[which]);
}

double emg_distribution_low_uv(struct emg_distribution *q)
{
    return of_all_uv(q, LOW);
}

double emg_distribution_high_uv(struct emg_distribution *q)
{
    return of_all_uv(q, HIGH);
}

double emg_distribution_middle_uv(struct emg_distribution *q)
{
    return of_all_uv(q, MIDDLE);
}

double emg_distribution_activity_uv(struct emg_distribution *q)
{
    return q->recent_count > 0 ? quantile_uv(q->recent, q->bin_uv2, q->recent_count, &q->activity) : 0.0;
}

struct emg_distribution_noise emg_distribution_noise(const struct emg_distribution *q)
{
    const struct quantile *low = &q->quantiles[LOW];
    const size_t limit = (size_t)((double)low->bin + low->inside + NOISE_LIMIT_DB / BIN_DB);
    size_t first = low->bin;
    struct emg_distribution_noise noise;

    for (size_t below = low->below; below > 0;)
        below -= q->histogram[--first];
    average_levels(q->histogram, q->bin_uv2, first, limit < BINS ? limit : BINS - 1, &noise);
    return noise;
}

void emg_distribution_begin(struct emg_distribution *q)
{
    q->first_levels = 0;
}

void emg_distribution_reset(struct emg_distribution *q)
{
    emg_distribution_begin(q);
    memset(q->history, 0, sizeof q->history);
    memset(q->histogram, 0, sizeof q->histogram);
    memset(q->recent, 0, sizeof q->recent);
    q->quantiles[LOW] = (struct quantile){.share = NOISE_QUANTILE};
    q->quantiles[HIGH] = q->activity = (struct quantile){.share = 1.0 - NOISE_QUANTILE};
    q->quantiles[MIDDLE] = (struct quantile){.share = 0.5};
    q->history_at = 0;
    q->history_count = 0;
    q->recent_count = 0;
}

void emg_distribution_destroy(struct emg_distribution *q)
{
    free(q);
}
