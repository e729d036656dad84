/* Course of a metric over time: weighted linear regression with a confidence interval that allows for
 * autocorrelated residuals, and one break where there evidently is one.
 *
 * Weights are 1 / se^2. The slope's standard error is scaled by the residual spread when that exceeds what
 * the weights promise (reduced chi-square > 1), and by sqrt((1 + r) / (1 - r)), r the lag-1 autocorrelation
 * of the weighted residuals freed of its bias and its chance part, taken as 0 when negative; spread and
 * Student's t go by n (1 - r) / (1 + r) independent points (Bayley & Hammersley 1946).
 *
 * A continuous line broken once is fitted beside the straight one. The break is the best of 64 times that
 * leave at least 15 % of the points, and 8, on either side. It is taken when the drop in squared residuals,
 * as the square of a normal deviate, exceeds 16: as the best of many times it is beyond chi-square's own 6.6
 * in more than 1 % of straight courses (Davies 1987), and the autocorrelation it is measured by is itself
 * uncertain. Simulated, straight courses of 60 points are called broken in 0.03 % (white noise) and 0.5 %
 * (autocorrelation 0.5, errors understated by half). Spread and autocorrelation are then taken about the
 * broken line, so that the bend does not count as noise.
 *
 * Points are kept in a fixed array; when it is full, neighbours are merged and from then on every point kept
 * stands for twice as many points given, so an hour costs no more memory than a minute. One instance serves
 * one metric, one thread. */
#ifndef EMG_DSP_TREND_H
#define EMG_DSP_TREND_H

#include "dsp/error.h"
#include "dsp/realtime.h"

#include <stdbool.h>
#include <stddef.h>

struct emg_trend;

struct emg_trend_fit {
    size_t points;        /* fitted, after merging */
    double duration_s;    /* from the first point given to the last */
    double intercept;     /* of the straight line, at the first point's time, in the metric's unit */
    double slope_per_min; /* of the straight line, in the metric's unit per minute */
    double ci95_low_per_min, ci95_high_per_min;
    bool broken;
    double break_s;      /* after the first point, to 1 / 90 of the duration; NaN without a break */
    double last_per_min; /* slope after the break; without one that of the straight line */
    double last_ci95_low_per_min, last_ci95_high_per_min; /* allow for the break being an estimate */
};

/* capacity: points kept, an even number >= 16, at most 2^24. Errors: EMG_ERROR_ARGUMENT, EMG_ERROR_MEMORY;
 * then *out is NULL. */
enum emg_error emg_trend_create(struct emg_trend **out, size_t capacity);

/* Adds a point: time t_s, value, standard error se > 0. A point that is not finite, that has se <= 0 or an se
 * whose square overflows or vanishes, or that lies before the last one, is ignored. */
EMG_REALTIME void emg_trend_execute(struct emg_trend *q, double t_s, double value, double se);

/* Fits both lines. With fewer than 3 points, or all at one time, every number but points and duration_s is
 * NaN. */
EMG_REALTIME struct emg_trend_fit emg_trend_fit(const struct emg_trend *q);

void emg_trend_reset(struct emg_trend *q);
void emg_trend_destroy(struct emg_trend *q); /* NULL is a no-op */

#endif
