#include "dsp/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct emg_pool {
    size_t n_bins;
    struct emg_spectrum_extent extent;
    double sum[]; /* [n_bins] */
};

enum emg_error emg_pool_create(struct emg_pool **out, size_t n_bins)
{
    *out = NULL;
    if (n_bins == 0)
        return EMG_ERROR_ARGUMENT;
    if (n_bins > (SIZE_MAX - sizeof **out) / sizeof(double))
        return EMG_ERROR_MEMORY;
    struct emg_pool *q = calloc(1, sizeof *q + n_bins * sizeof q->sum[0]);
    if (q == NULL)
        return EMG_ERROR_MEMORY;
    q->n_bins = n_bins;
    *out = q;
    return EMG_OK;
}

void emg_pool_execute(struct emg_pool *q, const float *psd, const struct emg_spectrum_extent *slice)
{
    for (size_t k = 0; k < q->n_bins; k++)
        q->sum[k] += slice->seconds * (double)psd[k];
    emg_spectrum_extend(&q->extent, slice);
}

struct emg_spectrum_extent emg_pool_extent(const struct emg_pool *q)
{
    return q->extent;
}

void emg_pool_mean(const struct emg_pool *q, float *psd)
{
    const bool is_empty = !(q->extent.seconds > 0);
    for (size_t k = 0; k < q->n_bins; k++)
        psd[k] = is_empty ? 0 : (float)(q->sum[k] / q->extent.seconds);
}

void emg_pool_reset(struct emg_pool *q)
{
    memset(q->sum, 0, q->n_bins * sizeof q->sum[0]);
    q->extent = (struct emg_spectrum_extent){0};
}

void emg_pool_destroy(struct emg_pool *q)
{
    free(q);
}
