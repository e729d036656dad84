#include "dsp/mains_hops.h"

#include "dsp/simd.h"

#include <math.h>
#include <string.h>

static const double QUIETEST = 1e-5; /* floor of a hop's EMG power, relative to the mean */

void emg_mains_hops_take(struct emg_mains_hops *q, const struct emg_phasor *amplitude, const double *half)
{
    q->at = (q->at + 1) % EMG_MAINS_HISTORY;
    q->known = q->known < EMG_MAINS_HISTORY ? q->known + 1 : EMG_MAINS_HISTORY;
    for (size_t k = 0; k < q->harmonics; k++) {
        q->z[q->at].re[k] = amplitude[k].re;
        q->z[q->at].im[k] = amplitude[k].im;
    }
    for (size_t b = 0; b < q->halves; b++)
        q->half[q->at].x[b] = half[b];
}

EMG_VECTORISED double emg_mains_hops_weigh(struct emg_mains_hops *q, size_t hops)
{
    const size_t quads = emg_mains_hops_quads(q);
    double level[EMG_MAINS_HISTORY + 2] = {0.0},
                                     scale[EMG_MAINS_HARMONICS_MAX] = {0.0}; /* level: from [1] on */
    double sum = 0.0, squares = 0.0;

    for (size_t k = 0; k < quads; k++) {
        emg_quad total = {0.0};
        for (size_t age = 0; age < hops; age++)
            total += emg_const_quads(q->half[emg_mains_hops_place(q, age)].x)[k];
        memcpy(scale + EMG_QUAD * k, &total, sizeof total);
    }
    for (size_t b = 0; b < q->halves; b++) {
        if (!(scale[b] > 0.0))
            return 0.0;
        scale[b] = 1.0 / (scale[b] * (double)q->halves);
    }
    for (size_t age = 0; age < hops; age++) {
        const emg_quad *half = emg_const_quads(q->half[emg_mains_hops_place(q, age)].x);
        emg_quad share = {0.0};
        for (size_t k = 0; k < quads; k++)
            share += half[k] * emg_const_quads(scale)[k];
        level[age + 1] = emg_quad_sum(&share);
    }
    level[0] = level[1];
    level[hops + 1] = level[hops];
    const double floor = QUIETEST / (double)hops;
    for (size_t age = 0; age < hops; age++)
        q->weight[age] = 1.0 / ((level[age] + level[age + 1] + level[age + 2]) * (1.0 / 3.0) + floor);
    for (size_t age = 0; age < hops; age++)
        sum += q->weight[age];
    for (size_t age = 0; age < hops; age++)
        q->weight[age] *= 1.0 / sum;
    for (size_t age = 0; age < hops; age++)
        squares += q->weight[age] * q->weight[age];
    return 1.0 / (squares * q->overlap);
}

EMG_VECTORISED void emg_mains_hops_between(const struct emg_mains_hops *q, size_t hops, double *half)
{
    const size_t quads = emg_mains_hops_quads(q);
    for (size_t k = 0; k < quads; k++) {
        emg_quad sum = {0.0};
        for (size_t age = 0; age < hops; age++)
            sum += q->weight[age] * q->weight[age] * q->overlap *
                   emg_const_quads(q->half[emg_mains_hops_place(q, age)].x)[k];
        memcpy(half + EMG_QUAD * k, &sum, sizeof sum);
    }
}

double emg_mains_hops_beside(const struct emg_mains_hops *q, const double *half, size_t k)
{
    if (k == 0) {
        const double slope = q->halves > 1 && half[1] > 0.0 ? sqrt(half[0] / half[1]) : 1.0;
        return half[0] * fmin(fmax(slope, 1.0), 2.0);
    }
    return k < q->halves ? 0.5 * (half[k - 1] + half[k]) : half[k - 1];
}
