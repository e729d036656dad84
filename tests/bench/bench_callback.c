/* What the capture callback costs, with a libsoundio of the benchmark's own that hands out 256 frames at once
 * of 32-bit samples, and a ring as large as emgd's.
 *
 *   bench_callback [CALLS]                                   default: 100000 of each number of channels
 *
 * Prints percentiles of a call's duration, and the system calls in it: a child process in which the kernel
 * kills whoever makes one, lives through as many calls: then it is 0, otherwise 1 for one or more. That the
 * kernel does kill, another child shows. */
#include "daemon/soundio_read.h"

#include "daemon/clock.h"
#include "daemon/stream.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 256, MOST_CHANNELS = 8, RATE_HZ = 48000, RING_S = 8 };

static int32_t words[FRAMES * MOST_CHANNELS]; /* the device's memory, interleaved */
static struct SoundIoChannelArea areas[MOST_CHANNELS];
static struct SoundIoInStream stream;
static struct emg_soundio_reader reader;
static struct emg_ring *ring;
static _Atomic int state_now;

int soundio_instream_begin_read(struct SoundIoInStream *in, struct SoundIoChannelArea **out, int *frame_count)
{
    (void)in;
    (void)frame_count; /* FRAMES were asked for */
    *out = areas;
    return 0;
}

int soundio_instream_end_read(struct SoundIoInStream *in)
{
    (void)in;
    return 0;
}

static void fail(const char *what)
{
    fprintf(stderr, "bench_callback: %s\n", what);
    exit(1);
}

static void create_reader(unsigned channels)
{
    double full_scale_uv[EMG_MAX_CHANNELS];
    struct emg_block_writer writer;
    for (size_t i = 0; i < EMG_MAX_CHANNELS; i++)
        full_scale_uv[i] = 5000;
    for (uint32_t i = 0; i < FRAMES * MOST_CHANNELS; i++)
        words[i] = (int32_t)(2654435761U * i);
    for (unsigned channel = 0; channel < channels; channel++)
        areas[channel] =
            (struct SoundIoChannelArea){(char *)&words[channel], (int)(channels * sizeof words[0])};
    if (emg_ring_create(&ring, sizeof(float) * RING_S * RATE_HZ * channels) != EMG_OK)
        fail("there is too little memory");
    emg_soundio_reader_init(&reader, (double)FRAMES / RATE_HZ, &state_now);
    emg_soundio_reader_set_format(&reader, EMG_SOUNDIO_S32, full_scale_uv);
    emg_block_writer_init(&writer, ring, channels);
    emg_soundio_reader_attach(&reader, &writer);
    stream.userdata = &reader;
}

static void take_block(void)
{
    size_t n = 0;
    while (emg_ring_front(ring, &n) != NULL)
        emg_ring_release(ring);
}

/* Nothing but the end of the process is let through. */
static void forbid_system_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {.len = sizeof rules / sizeof rules[0], .filter = rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(1);
}

/* Whether a child lived through so many calls without a system call, and through a system call if told to
 * make one. */
static bool survives(int calls, bool makes_one)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        forbid_system_calls();
        for (int i = 0; i < calls; i++) {
            emg_soundio_read(&stream, 0, FRAMES);
            take_block();
        }
        if (makes_one)
            (void)getppid();
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status) != 0))
        fail("the kernel does not watch over system calls");
    return WIFEXITED(status);
}

static int ascending(const void *a, const void *b)
{
    return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

static void measure(unsigned channels, int64_t *spent_ns, int calls)
{
    create_reader(channels);
    for (int i = 0; i < calls; i++) {
        const int64_t begin_ns = emg_clock_monotonic_ns();
        emg_soundio_read(&stream, 0, FRAMES);
        spent_ns[i] = emg_clock_monotonic_ns() - begin_ns;
        take_block();
    }
    if (reader.writer.next_frame != (uint64_t)FRAMES * (uint64_t)calls)
        fail("frames are missing");
    qsort(spent_ns, (size_t)calls, sizeof *spent_ns, ascending);
    const int64_t median_ns = spent_ns[calls / 2], late_ns = spent_ns[(size_t)calls * 99 / 100];
    char what[64];
    (void)snprintf(what, sizeof what, "capture callback, %d frames of %u channels", FRAMES, channels);
    printf("{\"what\": \"%s, p50\", \"figure\": %.2f, \"unit\": \"us\", \"reach\": \"<= 1 us\"}\n", what,
           1e-3 * (double)median_ns);
    printf("{\"what\": \"%s, p99\", \"figure\": %.2f, \"unit\": \"us\"}\n", what, 1e-3 * (double)late_ns);
    if (survives(0, true))
        fail("the kernel lets a system call through");
    printf("{\"what\": \"%s, system calls\", \"figure\": %d, \"unit\": \"\", \"reach\": \"0\"}\n", what,
           !survives(calls, false));
    emg_ring_destroy(ring);
}

int main(int argc, char **argv)
{
    const long calls = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    int64_t *spent_ns = calls > 0 && calls <= 10000000 ? malloc((size_t)calls * sizeof *spent_ns) : NULL;
    if (spent_ns == NULL)
        fail("usage: bench_callback [CALLS]");
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* nothing waits for a child to write it again */
    measure(4, spent_ns, (int)calls);
    measure(8, spent_ns, (int)calls);
    free(spent_ns);
    return 0;
}
