#include "dsp/artefact.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static const double FADE_S = 0.01;
static const double LONGEST_DELAY_MS = 1000.0;
static const double LARGEST_UV = 1e9;

enum { BUMPS = 16 };
static const double BUMP_SHORTEST_S = 0.2, BUMP_LONGEST_S = 0.5;
/* Of sin^3 x cos x, at x = pi / 3: 3 sqrt(3) / 16. */
static const double BUMP_PEAK = 0.32475952641916449;

/* a cos + b sin of a harmonic's own angle, in microvolts. */
struct wave {
    double a, b;
};

/* Times in samples since the beginning. */
struct bump {
    double start, length;
    double scale_uv;
};

struct emg_artefact {
    struct emg_artefact_config config;
    uint64_t n; /* samples since the beginning */

    float *line; /* [line_length] the neighbour's newest samples, a ring; NULL: no cross-talk */
    size_t line_length, line_at;

    unsigned n_harmonics; /* with the fundamental; 0: no mains */
    struct wave mains[1 + EMG_ARTEFACT_HARMONICS];
    struct wave loss_mains;
    double loss_noise_rms_uv;
    uint64_t loss_random;

    struct bump bumps[BUMPS];
    size_t n_bumps;
    double next_bump; /* in samples since the beginning; infinite: none */
    uint64_t periods, bump_random;

    double highpass_gain, highpass_pole;
    double last_in, last_out;
};

/* splitmix64 of Steele, Lea & Flood 2014. */
static uint64_t random_bits(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15U;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* Uniform in (0, 1], so that its logarithm is finite. */
static double random_uniform(uint64_t *state)
{
    return (double)((random_bits(state) >> 11) + 1U) * 0x1p-53;
}

/* Box & Muller 1958. */
static double random_gaussian(uint64_t *state)
{
    const double radius = sqrt(-2.0 * log(random_uniform(state)));
    return radius * cos(2.0 * PI * random_uniform(state));
}

static struct wave random_wave(uint64_t *state, double rms_uv)
{
    const double angle = 2.0 * PI * random_uniform(state);
    return (struct wave){.a = sqrt(2.0) * rms_uv * sin(angle), .b = sqrt(2.0) * rms_uv * cos(angle)};
}

static bool within(double value, double low, double high)
{
    return value >= low && value <= high; /* false for NaN */
}

static bool mains_is_valid(const struct emg_artefact_config *c)
{
    if (!within(c->mains_uv, 0.0, LARGEST_UV) || !within(c->loss_mains_uv, 0.0, LARGEST_UV))
        return false;
    for (size_t i = 0; i < EMG_ARTEFACT_HARMONICS; i++)
        if (!within(c->mains_harmonics[i], 0.0, 1000.0))
            return false;
    if (c->mains_uv == 0.0 && c->loss_mains_uv == 0.0)
        return true;
    if (!(c->mains_drift_hz >= 0.0) || !(c->mains_hz - c->mains_drift_hz > 0.0) ||
        !(c->mains_hz + c->mains_drift_hz < 0.5 * c->rate_hz))
        return false;
    return c->mains_drift_hz == 0.0 || (c->mains_drift_s > 0.0 && isfinite(c->mains_drift_s));
}

static bool loss_is_valid(const struct emg_artefact_config *c)
{
    if (!within(c->loss_s, 0.0, 1e9) || !within(c->loss_length_s, 0.0, 1e9) ||
        !within(c->loss_period_s, 0.0, 1e9) || !within(c->loss_noise_uv, 0.0, LARGEST_UV))
        return false;
    return c->loss_period_s == 0.0 ||
           (c->loss_length_s > 0.0 && c->loss_period_s >= c->loss_length_s + FADE_S);
}

static bool motion_is_valid(const struct emg_artefact_config *c)
{
    if (c->motion_peak_uv == 0.0)
        return true;
    return within(c->motion_peak_uv, 0.0, LARGEST_UV) && within(c->motion_rate_hz, 0.0, 10.0) &&
           (c->motion_period_s == 0.0 || within(c->motion_period_s, 0.1, 1e9)) &&
           (c->motion_period_s == 0.0 || c->motion_rate_hz == 0.0);
}

static bool config_is_valid(const struct emg_artefact_config *c)
{
    return within(c->rate_hz, 1000.0, 1e6) && within(c->crosstalk, 0.0, 1.0) &&
           within(c->crosstalk_delay_ms, 0.0, LONGEST_DELAY_MS) && mains_is_valid(c) && loss_is_valid(c) &&
           motion_is_valid(c) && within(c->offset_uv, -LARGEST_UV, LARGEST_UV) &&
           within(c->highpass_hz, 0.0, c->rate_hz / 20.0) && within(c->clip_uv, 0.0, LARGEST_UV);
}

/* With s = sin^2 x and x = pi f / rate, the section has 1 / |H|^2 = p / g^2 + (1 - p)^2 / (4 g^2 s), and
 * 1 / s = 1 / x^2 + 1 / 3 + x^2 / 15 + ...; the two conditions are (1 - p) / (2 g) = xc and
 * p / g^2 = 1 - xc^2 / 3. */
static void design_highpass(struct emg_artefact *q)
{
    const double corner = PI * q->config.highpass_hz / q->config.rate_hz;
    const double flat = 1.0 - corner * corner / 3.0;

    q->highpass_gain = (sqrt(corner * corner + flat) - corner) / flat;
    q->highpass_pole = 1.0 - 2.0 * q->highpass_gain * corner;
}

/* Each phase has its number of the sequence, whichever harmonics there are. */
static void design_mains(struct emg_artefact *q)
{
    const struct emg_artefact_config *c = &q->config;
    uint64_t random = c->seed;

    q->loss_mains = random_wave(&random, c->loss_mains_uv);
    q->mains[0] = random_wave(&random, c->mains_uv);
    q->n_harmonics = c->mains_uv > 0.0 ? 1 : 0;
    for (unsigned k = 1; k <= EMG_ARTEFACT_HARMONICS; k++) {
        const bool fits = (k + 1) * (c->mains_hz + c->mains_drift_hz) < 0.5 * c->rate_hz;
        const double rms_uv = fits ? c->mains_harmonics[k - 1] * c->mains_uv : 0.0;
        q->mains[k] = random_wave(&random, rms_uv);
        if (rms_uv > 0.0)
            q->n_harmonics = k + 1;
    }
}

enum emg_error emg_artefact_create(struct emg_artefact **out, const struct emg_artefact_config *config)
{
    *out = NULL;
    if (!config_is_valid(config))
        return EMG_ERROR_ARGUMENT;
    struct emg_artefact *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    if (config->crosstalk > 0.0) {
        q->line_length = (size_t)llround(config->crosstalk_delay_ms / 1000.0 * config->rate_hz) + 1;
        q->line = calloc(q->line_length, sizeof q->line[0]);
        if (q->line == NULL) {
            emg_artefact_destroy(q);
            return EMG_ERROR_MEMORY;
        }
    }
    design_mains(q);
    design_highpass(q);
    q->loss_noise_rms_uv = config->loss_noise_uv * sqrt(config->rate_hz / 1000.0);
    emg_artefact_reset(q);
    *out = q;
    return EMG_OK;
}

static double next_crosstalk(struct emg_artefact *q, float newest)
{
    q->line[q->line_at] = newest;
    q->line_at = q->line_at + 1 < q->line_length ? q->line_at + 1 : 0;
    return q->config.crosstalk * (double)q->line[q->line_at];
}

/* The angle of the fundamental: the integral of its frequency, in closed form. */
static double mains_angle(const struct emg_artefact *q)
{
    const struct emg_artefact_config *c = &q->config;
    const double t_s = (double)q->n / c->rate_hz;
    double cycles = c->mains_hz * t_s;

    if (c->mains_drift_hz > 0.0)
        cycles += c->mains_drift_hz * c->mains_drift_s / (2.0 * PI) *
                  (1.0 - cos(2.0 * PI * t_s / c->mains_drift_s));
    return 2.0 * PI * (cycles - floor(cycles));
}

static double mains_uv(const struct emg_artefact *q)
{
    const double angle = mains_angle(q);
    const double c1 = cos(angle), s1 = sin(angle);
    double c = c1, s = s1, sum = 0.0;

    for (unsigned k = 0; k < q->n_harmonics; k++) {
        sum += q->mains[k].a * c + q->mains[k].b * s;
        const double next = c * c1 - s * s1;
        s = s * c1 + c * s1;
        c = next;
    }
    return sum;
}

/* 0: the electrode is on; 1: it is off. */
static double lost_share(const struct emg_artefact *q)
{
    const struct emg_artefact_config *c = &q->config;
    double since_s = (double)q->n / c->rate_hz - c->loss_s;

    if (c->loss_s == 0.0 || since_s <= 0.0)
        return 0.0;
    if (c->loss_period_s > 0.0)
        since_s = fmod(since_s, c->loss_period_s);
    const double off = fmin(since_s / FADE_S, 1.0);
    if (c->loss_length_s == 0.0)
        return off;
    return off - fmin(fmax((since_s - c->loss_length_s) / FADE_S, 0.0), 1.0);
}

static double next_lost_uv(struct emg_artefact *q)
{
    double sum = 0.0;

    if (q->config.loss_mains_uv > 0.0) {
        const double angle = mains_angle(q);
        sum = q->loss_mains.a * cos(angle) + q->loss_mains.b * sin(angle);
    }
    if (q->loss_noise_rms_uv > 0.0)
        sum += q->loss_noise_rms_uv * random_gaussian(&q->loss_random);
    return sum;
}

static void begin_bump(struct emg_artefact *q, double start, double polarity)
{
    const double share = random_uniform(&q->bump_random);
    const double length_s = BUMP_SHORTEST_S + share * (BUMP_LONGEST_S - BUMP_SHORTEST_S);

    if (q->n_bumps == BUMPS)
        return;
    q->bumps[q->n_bumps++] = (struct bump){.start = start,
                                           .length = length_s * q->config.rate_hz,
                                           .scale_uv = polarity * q->config.motion_peak_uv / BUMP_PEAK};
}

static void begin_due_bump(struct emg_artefact *q)
{
    const struct emg_artefact_config *c = &q->config;

    if (c->motion_period_s > 0.0) {
        begin_bump(q, q->next_bump, 1.0);
        q->periods++;
        q->next_bump = (double)q->periods * c->motion_period_s * c->rate_hz;
        return;
    }
    const double polarity = random_bits(&q->bump_random) & 1U ? 1.0 : -1.0;
    begin_bump(q, q->next_bump, polarity);
    q->next_bump += (0.5 + random_uniform(&q->bump_random)) / c->motion_rate_hz * c->rate_hz;
}

static double next_motion_uv(struct emg_artefact *q)
{
    double sum = 0.0;

    while ((double)q->n >= q->next_bump)
        begin_due_bump(q);
    for (size_t i = 0; i < q->n_bumps;) {
        const struct bump *bump = &q->bumps[i];
        const double place = ((double)q->n - bump->start) / bump->length;
        if (place >= 1.0) {
            q->bumps[i] = q->bumps[--q->n_bumps];
            continue;
        }
        const double s = sin(PI * place);
        sum += bump->scale_uv * s * s * s * cos(PI * place);
        i++;
    }
    return sum;
}

static double pass_front_end(struct emg_artefact *q, double x)
{
    const double y = q->highpass_gain * (x - q->last_in) + q->highpass_pole * q->last_out;

    q->last_in = x;
    q->last_out = y;
    return y;
}

void emg_artefact_execute(struct emg_artefact *q, float *y, const float *neighbour, size_t stride, size_t n)
{
    const struct emg_artefact_config *c = &q->config;

    for (size_t i = 0; i < n; i++, q->n++) {
        double x = (double)y[i * stride];
        if (q->line != NULL)
            x += next_crosstalk(q, neighbour != NULL ? neighbour[i * stride] : 0.0F);
        const double lost = lost_share(q);
        if (lost > 0.0)
            x = (1.0 - lost) * x + lost * next_lost_uv(q);
        if (q->n_harmonics > 0)
            x += mains_uv(q);
        if (c->motion_peak_uv > 0.0)
            x += next_motion_uv(q);
        x += c->offset_uv;
        if (c->highpass_hz > 0.0)
            x = pass_front_end(q, x);
        if (c->clip_uv > 0.0)
            x = fmin(fmax(x, -c->clip_uv), c->clip_uv);
        y[i * stride] = (float)x;
    }
}

void emg_artefact_strike(struct emg_artefact *q)
{
    if (q->config.motion_peak_uv > 0.0)
        begin_bump(q, (double)q->n, 1.0);
}

void emg_artefact_reset(struct emg_artefact *q)
{
    const struct emg_artefact_config *c = &q->config;
    uint64_t seed = c->seed;

    q->n = 0;
    q->loss_random = random_bits(&seed);
    q->bump_random = random_bits(&seed);
    if (q->line != NULL)
        memset(q->line, 0, q->line_length * sizeof q->line[0]);
    q->line_at = 0;
    q->n_bumps = 0;
    q->periods = 0;
    q->next_bump = c->motion_period_s > 0.0 ? 0.0 : INFINITY;
    if (c->motion_rate_hz > 0.0)
        q->next_bump = random_uniform(&q->bump_random) / c->motion_rate_hz * c->rate_hz;
    q->last_in = c->offset_uv;
    q->last_out = 0.0;
}

void emg_artefact_destroy(struct emg_artefact *q)
{
    if (q == NULL)
        return;
    free(q->line);
    free(q);
}
