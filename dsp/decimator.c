#include "dsp/decimator.h"

#include "dsp/fir.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAPS_MAX = 65535,
    LEFT = 3,
    AVERAGES_MAX = 8,   /* moving averages, */
    TAPS_AVERAGED = 64, /* over so many samples at most */
    CHUNK = 1024,       /* input samples between the two stages */
    POINTS = 128,       /* of Simpson's rule, even */
    LANES = 8,          /* lengths count in these */
};

static const double PI = 3.14159265358979323846;

/* Kaiser's estimates err for short filters: the margin and the extra taps cover the worst miss found over
 * rates of 4 to 192 kHz and pass bands of 0.2 to 0.9 of half the output rate. The pass band ripples as much
 * as the stop band does, and twice that seen from 0 Hz, where the gain is held at 1: hence a minimum for 0.01
 * dB. */
static const double ATTENUATION_MIN_DB = 68.0;
static const double ATTENUATION_MARGIN_DB = 4.0;
static const double EXTRA_TAPS = 4.0;
static const double AVERAGES_MARGIN_DB = 1.0;
static const double WORTH = 0.75; /* of the cost of one stage: what two may take */

/* A symmetric filter of odd length that leaves one of `factor` samples. */
struct stage {
    double rate_hz; /* of its input */
    size_t factor, taps;
    float *h;         /* [taps] */
    double *designed; /* [taps / 2 + 1] half of it, not yet of unit gain */
    struct emg_fir *fir;
};

/* `averages` moving averages over `first` samples, and what follows. */
struct plan {
    size_t first, averages;
};

struct emg_decimator {
    size_t n_stages;
    struct stage stages[2];
};

unsigned emg_decimator_factor(double rate_hz)
{
    if (!(rate_hz >= 4200.0))
        return 1;
    double factor = floor(rate_hz / 2000.0);
    return factor < (double)UINT_MAX ? (unsigned)factor : UINT_MAX;
}

struct emg_decimator_config emg_decimator_config(double rate_hz)
{
    const unsigned factor = emg_decimator_factor(rate_hz);
    return (struct emg_decimator_config){rate_hz, factor, fmin(500.0, 0.49 * rate_hz / factor), 80.0};
}

static bool is_valid(const struct emg_decimator_config *c)
{
    if (!isfinite(c->rate_hz) || !(c->rate_hz > 0.0) || c->factor < 1)
        return false;
    if (!(c->pass_hz > 0.0 && c->pass_hz < c->rate_hz / c->factor / 2.0))
        return false;
    return c->stop_db >= 40.0 && c->stop_db <= 120.0;
}

/* Response of a moving average over n samples. */
static double average_response(double frequency_hz, double rate_hz, size_t n)
{
    double x = PI * frequency_hz / rate_hz;
    return x > 0.0 ? sin((double)n * x) / ((double)n * sin(x)) : 1.0;
}

/* Of the filter behind the averages: what these take at its edge raises its ripple as much. */
static double attenuation_db(const struct emg_decimator_config *c, const struct plan *plan)
{
    double edge_hz = c->rate_hz / c->factor / 2.0;
    double taken_db =
        -20.0 * (double)plan->averages * log10(average_response(edge_hz, c->rate_hz, plan->first));
    return fmax(c->stop_db, ATTENUATION_MIN_DB) + ATTENUATION_MARGIN_DB + taken_db;
}

/* Kaiser's estimate of the length (Oppenheim & Schafer, section on the Kaiser window), made odd so that the
 * delay is a whole number of input samples. */
static double taps_needed(const struct emg_decimator_config *c, const struct plan *plan)
{
    if (c->factor == 1)
        return 1.0;
    double transition_hz = c->rate_hz / c->factor - 2.0 * c->pass_hz;
    double width = 2.0 * PI * transition_hz * (double)plan->first / c->rate_hz;
    double taps = ceil((attenuation_db(c, plan) - 7.95) / (2.285 * width) + 1.0) + EXTRA_TAPS;
    return fmod(taps, 2.0) == 0.0 ? taps + 1.0 : taps;
}

/* Moving averages over n samples that keep what folds into the band down, the nearest of it most of all; an
 * even number where n is even, since the delay is to be a whole number of samples. */
static size_t averages_needed(const struct emg_decimator_config *c, size_t n)
{
    double nearest_hz = c->rate_hz / (double)n - c->pass_hz;
    double each_db = -20.0 * log10(fabs(average_response(nearest_hz, c->rate_hz, n)));
    double needed = ceil((c->stop_db + AVERAGES_MARGIN_DB) / each_db);
    size_t averages = needed <= AVERAGES_MAX ? (size_t)needed : AVERAGES_MAX + 1;
    return n % 2 == 0 ? averages + averages % 2 : averages;
}

/* Of an output, in multiplications: whole lanes, and what adding these up takes. */
static double cost_of(double taps)
{
    return ceil(taps / LANES) * LANES + 2 * LANES;
}

/* What costs least for an input sample. Averages that leave less than LEFT to do take too much of what is
 * beside the band. */
static struct plan make_plan(const struct emg_decimator_config *c)
{
    struct plan best = {1, 0};
    double least = WORTH * cost_of(taps_needed(c, &best)) / c->factor;

    for (size_t n = 2; n <= c->factor / LEFT && n <= TAPS_AVERAGED; n++) {
        const struct plan plan = {n, averages_needed(c, n)};
        if (c->factor % n != 0 || plan.averages > AVERAGES_MAX || taps_needed(c, &plan) > POINTS)
            continue;
        double first = cost_of((double)(plan.averages * (n - 1) + 1)) / (double)n;
        double cost = first + cost_of(taps_needed(c, &plan)) / c->factor;
        if (cost < least) {
            least = cost;
            best = plan;
        }
    }
    return best;
}

/* Modified Bessel function of the first kind and order 0, by its power series. */
static double bessel_i0(double x)
{
    double term = 1.0;
    double sum = 1.0;

    for (double k = 1.0; term > 1e-17 * sum; k += 1.0) {
        term *= (x / (2.0 * k)) * (x / (2.0 * k));
        sum += term;
    }
    return sum;
}

/* Response that the band filter is asked for, from 0 Hz to its edge, half the output rate. */
struct asked {
    double step_hz, response[POINTS + 1];
};

/* That of a filter which passes all below its edge: a sinc, and the cosine transform (by Simpson's rule) of
 * what is asked above 1. k samples from the centre. */
static double ideal(const struct stage *s, const struct asked *asked, double k)
{
    double sinc = k > 0.0 ? sin(PI * k / (double)s->factor) / (PI * k) : 1.0 / (double)s->factor;
    double sum = 0.0;

    for (int i = 0; i <= POINTS && asked->step_hz > 0.0; i++) {
        double simpson = i == 0 || i == POINTS ? 1.0 : (i % 2 == 0 ? 2.0 : 4.0);
        sum += simpson * (asked->response[i] - 1.0) * cos(2.0 * PI * i * asked->step_hz * k / s->rate_hz);
    }
    return sinc + 2.0 * sum * asked->step_hz / 3.0 / s->rate_hz;
}

/* The outermost pair takes up what rounding left of the gain at 0 Hz: it is small enough to hold it. */
static void settle_gain(struct stage *s)
{
    double excess = -1.0;
    for (size_t i = 0; i < s->taps; i++)
        excess += (double)s->h[i];
    s->h[0] = s->h[s->taps - 1] = (float)((double)s->h[0] - excess / 2.0);
}

static void design_band(struct stage *s, const struct asked *asked, double attenuation)
{
    float *h = s->h;
    size_t half = s->taps / 2;
    if (half == 0) {
        h[0] = 1.0F;
        return;
    }

    double beta = 0.1102 * (attenuation - 8.7);
    double gain = 0.0;
    for (size_t k = 0; k <= half; k++) {
        double place = (double)k / (double)half;
        s->designed[k] = ideal(s, asked, (double)k) * bessel_i0(beta * sqrt(1.0 - place * place));
        gain += (k == 0 ? 1.0 : 2.0) * s->designed[k];
    }

    for (size_t k = 0; k <= half; k++)
        h[half - k] = h[half + k] = (float)(s->designed[k] / gain);
    settle_gain(s);
}

static double stage_response(const struct stage *s, double frequency_hz)
{
    size_t half = s->taps / 2;
    double step = 2.0 * PI * frequency_hz / s->rate_hz;
    double sum = (double)s->h[half];

    for (size_t k = 1; k <= half; k++)
        sum += 2.0 * (double)s->h[half + k] * cos(step * (double)k);
    return sum;
}

/* What the averages take from the band is asked back, and then what the window has left of that. */
static void design_behind_averages(struct stage *s, const struct plan *plan, double pass_hz,
                                   double attenuation)
{
    enum { ROUNDS = 3 };
    struct asked asked = {.step_hz = s->rate_hz / (double)s->factor / 2.0 / POINTS};
    double taken[POINTS + 1];

    for (size_t i = 0; i <= POINTS; i++) {
        double f = (double)i * asked.step_hz;
        double average = average_response(f, s->rate_hz * (double)plan->first, plan->first);
        taken[i] = pow(average, (double)plan->averages);
        asked.response[i] = 1.0 / taken[i];
    }
    design_band(s, &asked, attenuation);
    for (unsigned round = 1; round < ROUNDS; round++) {
        double error = 1.0;
        for (size_t i = 0; i <= POINTS; i++) {
            double f = (double)i * asked.step_hz;
            error = f <= pass_hz ? stage_response(s, f) * taken[i] : error;
            asked.response[i] /= error;
        }
        design_band(s, &asked, attenuation);
    }
}

/* The averages one after the other, as one filter. */
static void design_averages(struct stage *s, const struct plan *plan)
{
    double h[AVERAGES_MAX * TAPS_AVERAGED + 1] = {1.0};
    size_t taps = 1;

    for (size_t a = 0; a < plan->averages; a++, taps += plan->first - 1) {
        double before[AVERAGES_MAX * TAPS_AVERAGED + 1];
        memcpy(before, h, sizeof h);
        for (size_t i = 0; i < taps + plan->first - 1; i++) {
            h[i] = 0.0;
            for (size_t k = 0; k < plan->first && k <= i; k++)
                h[i] += i - k < taps ? before[i - k] / (double)plan->first : 0.0;
        }
    }
    for (size_t i = 0; i < taps; i++)
        s->h[i] = (float)h[i];
    settle_gain(s);
}

static enum emg_error create_stage(struct stage *s, const struct plan *plan, bool averages,
                                   const struct emg_decimator_config *config)
{
    const struct asked all_alike = {.step_hz = 0.0};
    s->h = calloc(s->taps, sizeof s->h[0]);
    s->designed = calloc(s->taps / 2 + 1, sizeof s->designed[0]);
    if (s->h == NULL || s->designed == NULL)
        return EMG_ERROR_MEMORY;
    if (averages)
        design_averages(s, plan);
    else if (plan->averages > 0)
        design_behind_averages(s, plan, config->pass_hz, attenuation_db(config, plan));
    else
        design_band(s, &all_alike, attenuation_db(config, plan));
    return emg_fir_create(&s->fir, s->h, s->taps, s->factor);
}

static enum emg_error create(struct emg_decimator **out, const struct emg_decimator_config *config,
                             const struct plan *plan)
{
    const double rate_hz = config->rate_hz / (double)plan->first;
    struct emg_decimator *q = calloc(1, sizeof *q);
    *out = q;
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    if (plan->averages > 0)
        q->stages[q->n_stages++] = (struct stage){.rate_hz = config->rate_hz,
                                                  .factor = plan->first,
                                                  .taps = plan->averages * (plan->first - 1) + 1};
    q->stages[q->n_stages++] = (struct stage){.rate_hz = rate_hz,
                                              .factor = config->factor / plan->first,
                                              .taps = (size_t)taps_needed(config, plan)};
    enum emg_error error = EMG_OK;
    for (size_t i = 0; i < q->n_stages && error == EMG_OK; i++)
        error = create_stage(&q->stages[i], plan, i + 1 < q->n_stages, config);
    return error;
}

/* Whether what lies between the pass and the stop band of the second stage is kept out by both together. */
static bool keeps_out(const struct emg_decimator *q, const struct emg_decimator_config *c)
{
    const double width_hz = c->rate_hz / c->factor - 2.0 * c->pass_hz;
    for (int i = 0; i <= POINTS && q->n_stages > 1; i++) {
        const double folded_hz = c->pass_hz + i * width_hz / POINTS;
        const double response = emg_decimator_response(q, q->stages[1].rate_hz - folded_hz);
        if (!(20.0 * log10(response) <= -c->stop_db))
            return false;
    }
    return true;
}

enum emg_error emg_decimator_create(struct emg_decimator **out, const struct emg_decimator_config *config)
{
    *out = NULL;
    if (!is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct plan plan = make_plan(config);
    if (taps_needed(config, &plan) > TAPS_MAX)
        return EMG_ERROR_ARGUMENT;
    for (;;) {
        struct emg_decimator *q;
        const enum emg_error error = create(&q, config, &plan);
        if (error == EMG_OK && keeps_out(q, config)) {
            *out = q;
            return EMG_OK;
        }
        emg_decimator_destroy(q);
        if (error != EMG_OK)
            return error;
        plan.averages += plan.first % 2 == 0 ? 2 : 1;
        if (plan.averages > AVERAGES_MAX)
            plan = (struct plan){1, 0};
    }
}

size_t emg_decimator_execute(struct emg_decimator *q, const float *x, float *y, size_t n)
{
    float between[CHUNK];
    size_t made = 0;

    if (q->n_stages == 1)
        return emg_fir_execute(q->stages[0].fir, x, y, n);
    while (n > 0) {
        const size_t take = n < CHUNK ? n : CHUNK;
        const size_t n_between = emg_fir_execute(q->stages[0].fir, x, between, take);
        made += emg_fir_execute(q->stages[1].fir, between, y + made, n_between);
        x += take;
        n -= take;
    }
    return made;
}

double emg_decimator_delay_s(const struct emg_decimator *q)
{
    double delay_s = 0.0;
    for (size_t i = 0; i < q->n_stages; i++) {
        size_t half = q->stages[i].taps / 2;
        delay_s += (double)half / q->stages[i].rate_hz;
    }
    return delay_s;
}

double emg_decimator_response(const struct emg_decimator *q, double frequency_hz)
{
    double response = 1.0;
    for (size_t i = 0; i < q->n_stages; i++)
        response *= fabs(stage_response(&q->stages[i], frequency_hz));
    return response;
}

void emg_decimator_reset(struct emg_decimator *q)
{
    for (size_t i = 0; i < q->n_stages; i++)
        emg_fir_reset(q->stages[i].fir);
}

void emg_decimator_destroy(struct emg_decimator *q)
{
    if (q == NULL)
        return;
    for (size_t i = 0; i < q->n_stages; i++) {
        emg_fir_destroy(q->stages[i].fir);
        free(q->stages[i].designed);
        free(q->stages[i].h);
    }
    free(q);
}
