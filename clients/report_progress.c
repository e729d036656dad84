#include "clients/report_progress.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24 };
static const double RENEWED_EVERY_S = 0.1;

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void emg_report_progress_begin(struct emg_report_progress *progress, bool lines, double rate_hz,
                               double frames_total)
{
    *progress = (struct emg_report_progress){
        .shown = isatty(STDERR_FILENO) == 1 && !(lines && isatty(STDOUT_FILENO) == 1),
        .rate_hz = rate_hz,
        .frames_total = frames_total,
        .begin_s = now_s(),
    };
}

void emg_report_progress_tell(struct emg_report_progress *progress, double frames)
{
    const double now = progress->shown ? now_s() : 0;
    if (!progress->shown || now - progress->told_s < RENEWED_EVERY_S)
        return;
    progress->told_s = now;
    const double seconds = frames / progress->rate_hz;
    const double speed = seconds / fmax(now - progress->begin_s, 1e-3);
    if (!(progress->frames_total > 0)) {
        (void)fprintf(stderr, "\r\033[K%.0f s of signal, %.0f x real time", seconds, speed);
        return;
    }
    const double share = fmin(1, frames / progress->frames_total);
    const int filled = (int)(share * BAR);
    (void)fprintf(stderr, "\r\033[K%3.0f %% [%.*s%*s] %.0f of %.0f s of signal, %.0f x real time",
                  100 * share, filled, "########################", BAR - filled, "", seconds,
                  progress->frames_total / progress->rate_hz, speed);
}

void emg_report_progress_end(struct emg_report_progress *progress)
{
    if (progress->shown && progress->told_s > 0)
        (void)fputs("\r\033[K", stderr);
    progress->shown = false;
}
