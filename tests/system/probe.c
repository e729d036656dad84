/* probe SPEC RATE_HZ CHANNELS: captures a ramp whose samples tell the frame they were sampled at, and says of
 * every stretch of frames where the daemon's own capture and intake have put it.
 *
 * One JSON line for each stretch without a jump, when it ends: {"first": frame, "n": frames, "off": by which
 * the sampled frame is ahead of that, null: they are no ramp, "cause": of the jump before it}, and one for
 * each state. Ends on SIGTERM. */
#include "daemon/capture.h"
#include "daemon/clock.h"
#include "daemon/intake.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RING_BYTES = 32 << 20, WRAP_SAMPLES = 1 << 23, POLL_NS = 50000000, ROUND_NS = 500000 };

struct stretch {
    uint64_t first, n;
    double off;
    unsigned cause;
};

static void tell(const struct stretch *s)
{
    char off[32] = "null";
    if (s->n == 0)
        return;
    if (!isnan(s->off))
        (void)snprintf(off, sizeof off, "%.17g", s->off);
    (void)printf("{\"first\": %llu, \"n\": %llu, \"off\": %s, \"cause\": %u}\n", (unsigned long long)s->first,
                 (unsigned long long)s->n, off, s->cause);
}

/* Frames by which sample i of the block is ahead of its place; NaN: no sample of the ramp. */
static double offset(const struct emg_block *block, uint32_t i, unsigned channels)
{
    const float *frame = block->samples + (size_t)i * channels;
    const double wrap = WRAP_SAMPLES / channels;
    for (unsigned c = 0; c < channels; c++)
        if (frame[c] != fmod((double)frame[0] + c, WRAP_SAMPLES))
            return NAN;
    return remainder((double)frame[0] / channels - (double)(block->first_frame + i), wrap);
}

static void take(struct stretch *s, const struct emg_block *block, unsigned channels)
{
    for (uint32_t i = 0; i < block->n_frames; i++) {
        const uint64_t frame = block->first_frame + i;
        const double off = offset(block, i, channels);
        if (s->n == 0 || frame != s->first + s->n || (off != s->off && !(isnan(off) && isnan(s->off)))) {
            const bool jump = s->n == 0 || frame != s->first + s->n;
            tell(s);
            *s = (struct stretch){.first = frame, .off = off, .cause = jump ? block->gap_cause : 0};
        }
        s->n++;
    }
}

int main(int argc, char **argv)
{
    struct emg_problem problem = {.text = ""};
    struct emg_config config;
    struct emg_capture *capture = NULL;
    struct emg_ring *ring = NULL;
    struct emg_intake intake;
    char spec[512], rate[64], channels[64];
    sigset_t signals;
    if (argc != 4)
        return 2;
    (void)sigfillset(&signals);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)snprintf(spec, sizeof spec, "source.spec=%s", argv[1]);
    (void)snprintf(rate, sizeof rate, "source.rate_hz=%s", argv[2]);
    (void)snprintf(channels, sizeof channels, "source.channels=%s", argv[3]);
    const char *settings[] = {spec, rate, channels, "source.full_scale_uv=8388608"};
    if (emg_config_load(&config, "/dev/null", settings, 4, &problem) != EMG_OK ||
        emg_capture_open(&capture, &config, &problem) != EMG_OK ||
        emg_ring_create(&ring, RING_BYTES) != EMG_OK ||
        emg_capture_start(capture, ring, &problem) != EMG_OK) {
        (void)fprintf(stderr, "probe: %s\n", problem.text);
        return 1;
    }
    emg_intake_init(&intake, ring, capture->info.rate_hz, true);
    struct stretch stretch = {.n = 0};
    enum emg_stream_state state = EMG_STREAM_WAITING;
    int64_t polled_ns = 0;
    bool last = false;
    const struct timespec none = {0};
    while (!last) {
        const int64_t now_ns = emg_clock_monotonic_ns();
        if (sigtimedwait(&signals, NULL, &none) == SIGTERM)
            emg_capture_stop(capture);
        else if (now_ns - polled_ns > POLL_NS) {
            emg_capture_poll(capture);
            polled_ns = now_ns;
        }
        if (emg_capture_state(capture) != state) {
            state = emg_capture_state(capture);
            (void)printf("{\"state\": %d}\n", state);
        }
        const struct emg_block *block = emg_intake_next(&intake, now_ns);
        if (block == NULL) {
            (void)fflush(stdout);
            emg_clock_sleep_until(now_ns + ROUND_NS);
            continue;
        }
        take(&stretch, block, capture->info.n_channels);
        last = block->last != 0;
        emg_intake_release(&intake);
    }
    tell(&stretch);
    emg_capture_close(capture);
    emg_ring_destroy(ring);
    return 0;
}
