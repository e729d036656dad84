#include "dsp/contractions.h"

#include <math.h>
#include <stdlib.h>

enum { WAITING = 16 };

struct emg_contractions {
    struct emg_contractions_config config;
    struct emg_onset *onset;
    struct emg_burst_meter *meter;
    uint64_t taken; /* samples since the beginning or an interruption */
    uint32_t flags; /* given during the contraction in progress */
    bool finished;
    struct emg_contraction waiting[WAITING]; /* a ring */
    size_t first, count;
};

enum emg_error emg_contractions_create(struct emg_contractions **out,
                                       const struct emg_contractions_config *config)
{
    *out = NULL;
    struct emg_contractions *q = calloc(1, sizeof *q);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->config = *config;
    enum emg_error error = emg_onset_create(&q->onset, &config->onset);
    if (error == EMG_OK) {
        const struct emg_burst_config burst = {config->onset.rate_hz, emg_onset_delay(q->onset)};
        error = emg_burst_create(&q->meter, &burst);
    }
    if (error != EMG_OK) {
        emg_contractions_destroy(q);
        return error;
    }
    *out = q;
    return EMG_OK;
}

size_t emg_contractions_delay(const struct emg_contractions *q)
{
    return emg_onset_delay(q->onset);
}

bool emg_contractions_active(const struct emg_contractions *q)
{
    return emg_onset_active(q->onset);
}

double emg_contractions_noise_uv(const struct emg_contractions *q)
{
    return emg_onset_noise_uv(q->onset);
}

void emg_contractions_set_noise_uv(struct emg_contractions *q, double noise_uv)
{
    emg_onset_set_noise_uv(q->onset, noise_uv);
}

static double snr_db(double rms_uv, double noise_uv)
{
    const double ratio = rms_uv * rms_uv / (noise_uv * noise_uv) - 1;
    return ratio > 0 ? 10 * log10(ratio) : NAN;
}

static void keep(struct emg_contractions *q, const struct emg_burst *burst)
{
    if (q->count == WAITING) {
        q->first = (q->first + 1) % WAITING;
        q->count--;
    }
    q->waiting[(q->first + q->count++) % WAITING] = (struct emg_contraction){
        .burst = *burst,
        .snr_db = NAN,
        .flags = q->flags,
        .cut = q->finished,
    };
    q->flags = 0;
}

static bool is_contraction(uint32_t mark)
{
    return mark != EMG_ONSET_QUIET && mark != EMG_ONSET_UNSURE;
}

static void measure(struct emg_contractions *q, const float *x, const uint32_t *marks, size_t n,
                    uint32_t flags)
{
    for (size_t i = 0; i < n; i++)
        if (is_contraction(marks[i]))
            q->flags |= flags;
    for (size_t i = 0; i < n;) {
        struct emg_burst burst;
        i += emg_burst_execute(q->meter, x + i, marks + i, n - i, &burst);
        if (burst.number > 0)
            keep(q, &burst);
    }
}

void emg_contractions_execute(struct emg_contractions *q, const float *x, uint32_t flags, uint32_t *marks,
                              size_t n)
{
    const uint64_t settled = q->config.unsettled + emg_onset_delay(q->onset);
    emg_onset_execute(q->onset, x, marks, n);
    for (size_t i = 0; i < n && q->taken + i < settled; i++)
        marks[i] = EMG_ONSET_UNSURE;
    measure(q, x, marks, n, flags);
    q->taken += n;
}

void emg_contractions_finish(struct emg_contractions *q)
{
    q->finished = true;
}

bool emg_contractions_next(struct emg_contractions *q, struct emg_contraction *contraction)
{
    if (q->count == 0)
        return false;
    *contraction = q->waiting[q->first];
    /* Here, so that it does not depend on how the samples were cut. */
    contraction->snr_db = snr_db(contraction->burst.rms_uv, emg_onset_noise_uv(q->onset));
    q->first = (q->first + 1) % WAITING;
    q->count--;
    return true;
}

void emg_contractions_interrupt(struct emg_contractions *q)
{
    emg_onset_interrupt(q->onset);
    emg_burst_reset(q->meter);
    q->taken = 0;
    q->flags = 0;
}

void emg_contractions_reset(struct emg_contractions *q)
{
    emg_contractions_interrupt(q);
    emg_onset_reset(q->onset);
    q->finished = false;
    q->first = 0;
    q->count = 0;
}

void emg_contractions_destroy(struct emg_contractions *q)
{
    if (q == NULL)
        return;
    emg_burst_destroy(q->meter);
    emg_onset_destroy(q->onset);
    free(q);
}
