/* emgd: wiring, signals, ordered teardown; nothing else. */
#include "daemon/capture.h"
#include "daemon/clock.h"
#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/devices.h"
#include "daemon/log.h"
#include "daemon/montage.h"
#include "daemon/options.h"
#include "daemon/publisher.h"
#include "daemon/recorder.h"
#include "daemon/schedule.h"
#include "daemon/script.h"
#include "daemon/security.h"
#include "daemon/selftest.h"
#include "daemon/service.h"
#include "daemon/version.h"
#include "daemon/worker.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

enum { SELFTEST_TRIALS = 32 }; /* under half a minute */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum { POLL_MS = 50, FINISH_MS = 500 };
enum { MESSAGE_RING_BYTES = 8 << 20, LEAST_FRAME_RING_BYTES = 1 << 20, MOST_FRAME_RING_BYTES = 64 << 20 };
static const double CLOSE_S = 1.0;      /* that subscribers wait for the end of a recording to be told */
static const double FRAME_RING_S = 8.0; /* more than a sound server keeps for a program that stands still */

struct daemon {
    const struct emg_config *config;
    int signal_fd, done_fd, shutdown_fd;
    void *zmq;
    struct emg_capture *capture;
    struct emg_montage montage;
    struct emg_ring *frames, *messages;
    struct emg_script *script;
    struct emg_recorder *recorder;
    struct emg_session *session; /* that was left unfinished; NULL: none */
    struct emg_worker *worker;
    struct emg_publisher *publisher;
    struct emg_control *control;
    struct emg_security *security;
    struct emg_wire wire;
    bool urgent; /* the end has been asked for, it is not the source's */
};

/* Signals are blocked in every thread: one handled on a capture thread would end the capture. */
static int block_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error of the write */
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* From here on a signal ends the process at once. What has already been taken as a request to end does not
 * count twice. Returns whether there was such a request. */
static bool unblock_signals(int signal_fd)
{
    struct signalfd_siginfo taken;
    sigset_t none;
    bool asked = false;
    (void)sigemptyset(&none);
    while (read(signal_fd, &taken, sizeof taken) > 0)
        asked = true;
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    return asked;
}

static enum emg_error create_rings(struct daemon *d, struct emg_problem *problem)
{
    const struct emg_stream_info *info = &d->capture->info;
    size_t bytes = (size_t)(FRAME_RING_S * info->rate_hz) * info->n_channels * sizeof(float);
    bytes = bytes > LEAST_FRAME_RING_BYTES ? bytes : LEAST_FRAME_RING_BYTES;
    enum emg_error error =
        emg_ring_create(&d->frames, bytes < MOST_FRAME_RING_BYTES ? bytes : MOST_FRAME_RING_BYTES);
    if (error == EMG_OK)
        error = emg_ring_create(&d->messages, MESSAGE_RING_BYTES);
    return error == EMG_OK ? EMG_OK : emg_problem_set(problem, error, "buffers: %s", emg_strerror(error));
}

/* What has an end, or no pace of its own, loses nothing by waiting for those who listen. */
static bool can_wait(const struct daemon *d)
{
    const struct emg_stream_info *info = &d->capture->info;
    return !info->realtime && (info->n_frames > 0 || d->config->source.speed != 1);
}

/* What a recording says that happened, and what a daemon before this one left unfinished. */
static enum emg_error take_up(struct daemon *d, struct emg_problem *problem)
{
    const char *path = d->config->source.spec + strlen(emg_capture_file.prefix);
    if (d->capture->recording == NULL) {
        d->session = emg_recorder_unfinished_session(d->config, &d->montage);
        return EMG_OK;
    }
    const enum emg_error error =
        emg_script_create(&d->script, d->capture->recording, path, &d->montage, problem);
    if (error == EMG_OK && problem->text[0] != '\0')
        emg_log("%s", problem->text);
    if (d->script != NULL)
        d->capture->first_frame = d->script->first_frame;
    return error;
}

static enum emg_error create_parts(struct daemon *d, struct emg_problem *problem)
{
    enum emg_error error = emg_security_create(&d->security, d->zmq, d->config, problem);
    if (error == EMG_OK)
        error = emg_capture_open(&d->capture, d->config, problem);
    if (error == EMG_OK && emg_montage_create(&d->montage, d->config, &d->capture->info, problem) != EMG_OK)
        error = EMG_ERROR_ARGUMENT; /* a configuration that does not fit its source */
    if (error == EMG_OK)
        error = create_rings(d, problem);
    if (error == EMG_OK)
        error = take_up(d, problem);
    if (error == EMG_OK)
        error = emg_recorder_create(&d->recorder, d->config, &d->capture->info, &d->montage, problem);
    if (error != EMG_OK)
        return error;
    const struct emg_worker_config worker = {
        .config = d->config,
        .montage = &d->montage,
        .capture = d->capture,
        .frames = d->frames,
        .messages = d->messages,
        .recorder = d->recorder,
        .script = d->script,
        .session = d->session,
        .done_fd = d->done_fd,
    };
    error = emg_worker_create(&d->worker, &worker, problem);
    if (error != EMG_OK)
        return error;
    const struct emg_publisher_config publisher = {
        .context = d->zmq,
        .endpoint = d->config->publish.data,
        .security = d->security,
        .hwm = d->config->publish.hwm,
        .messages = d->messages,
        .worker = d->worker,
        .recorder = d->recorder,
        .lossless = can_wait(d),
    };
    return emg_publisher_create(&d->publisher, &publisher, problem);
}

/* Tells the lines that the person at the keyboard wants before anything moves. */
static void announce(const struct daemon *d, const struct emg_wire *wire)
{
    const struct emg_stream_info *info = &d->capture->info;
    emg_log("%s: %u channels at %g Hz, %zu muscles", info->source, info->n_channels, info->rate_hz,
            d->montage.n_muscles);
    if (wire->band_hz[1] < d->config->analysis.band_hz[1])
        emg_log("analysis.band_hz: upper edge lowered from %g to %g Hz, since the analysis runs at %g Hz",
                d->config->analysis.band_hz[1], wire->band_hz[1], wire->analysis_rate_hz);
    emg_log("data %s, control %s", d->config->publish.data, d->config->publish.control);
}

/* Waits for a signal or a shutdown request. */
static bool asked_to_end(struct daemon *d, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = d->signal_fd, .events = POLLIN}, {.fd = d->shutdown_fd, .events = POLLIN}};
    d->urgent = d->urgent || poll(fds, sizeof fds / sizeof fds[0], timeout_ms) > 0;
    return d->urgent;
}

/* Waits for that or for the last block's analysis. */
static bool told_to_stop(struct daemon *d, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = d->signal_fd, .events = POLLIN},
                           {.fd = d->shutdown_fd, .events = POLLIN},
                           {.fd = d->done_fd, .events = POLLIN}};
    return poll(fds, sizeof fds / sizeof fds[0], timeout_ms) > 0;
}

/* Whoever subscribes before the first message sees all of a replay. */
static bool wait_for_audience(struct daemon *d)
{
    const int64_t limit_ns = emg_clock_monotonic_ns() + (int64_t)(d->config->publish.wait_s * 1e9);
    while (can_wait(d) && !emg_publisher_has_audience(d->publisher) && emg_clock_monotonic_ns() < limit_ns)
        if (told_to_stop(d, POLL_MS / 10))
            return false;
    return true;
}

/* What is refused is told once, here and in each status. */
static void ask_realtime(struct daemon *d)
{
    const bool unlocked = !emg_schedule_lock_memory();
    const bool refused = atomic_load(&d->capture->realtime_refused) || emg_worker_realtime_refused(d->worker);
    if (unlocked)
        atomic_store(&d->capture->realtime_refused, true);
    if (unlocked || refused)
        emg_log(
            "WARNING: %s%s%s refused: samples may be lost when the machine is busy. Give the user "
            "\"rtprio %d\" and \"memlock unlimited\" in /etc/security/limits.d, or run emgd as the service",
            refused ? "real-time priority" : "", refused && unlocked ? " and " : "",
            unlocked ? "locked memory" : "", EMG_PRIORITY_CAPTURE);
}

/* A recording that cannot be made is told, and measuring goes on. */
static void record_from_the_start(struct daemon *d)
{
    const bool resumed = d->session != NULL && d->session->recording;
    const struct emg_command command = {.kind = EMG_COMMAND_RECORD_START};
    struct emg_problem problem;
    struct emg_answer answer;
    char path[EMG_PATH_SIZE];
    if (!resumed && !(d->config->recording.automatic && d->capture->recording == NULL))
        return;
    if (emg_recorder_open(d->recorder, NULL, d->session != NULL ? d->session->participant : "", path,
                          &problem) != EMG_OK)
        emg_log("NOT RECORDING: %s", problem.text);
    else if (emg_worker_command(d->worker, &command, &answer))
        emg_log("recording %s", path);
}

static enum emg_error start_parts(struct daemon *d, struct emg_problem *problem)
{
    emg_worker_wire(d->worker, &d->wire);
    enum emg_error error = emg_publisher_start(d->publisher, &d->wire, problem);
    if (error != EMG_OK)
        return error;
    struct emg_control_config control = {
        .context = d->zmq,
        .endpoint = d->config->publish.control,
        .security = d->security,
        .config = d->config,
        .publisher = d->publisher,
        .shutdown_fd = d->shutdown_fd,
        .session = {.worker = d->worker, .recorder = d->recorder, .wire = &d->wire},
    };
    if (d->session != NULL)
        memcpy(control.session.participant, d->session->participant, sizeof d->session->participant);
    error = emg_control_create(&d->control, &control, problem);
    if (error != EMG_OK)
        return error;
    announce(d, &d->wire);
    if (!wait_for_audience(d))
        return EMG_OK;
    error = emg_worker_start(d->worker, problem);
    if (error == EMG_OK)
        record_from_the_start(d);
    if (error == EMG_OK)
        error = emg_capture_start(d->capture, d->frames, problem);
    if (error == EMG_OK && d->capture->info.realtime)
        ask_realtime(d);
    return error;
}

struct watchdog {
    int64_t interval_ns, due_ns; /* interval 0: nobody watches */
    uint64_t rounds;             /* of the worker, when last fed */
};

/* A worker that makes no more rounds lets the service manager act. */
static void feed_watchdog(struct watchdog *watchdog, const struct emg_worker *worker)
{
    const int64_t now_ns = emg_clock_monotonic_ns();
    const uint64_t rounds = emg_worker_rounds(worker);
    if (watchdog->interval_ns == 0 || now_ns < watchdog->due_ns || rounds == watchdog->rounds)
        return;
    emg_service_tell("WATCHDOG=1");
    watchdog->rounds = rounds;
    watchdog->due_ns = now_ns + watchdog->interval_ns;
}

/* Runs until a signal, a shutdown request, the end of the source or its failure. */
static enum emg_error serve(struct daemon *d, struct emg_problem *problem)
{
    struct watchdog watchdog = {.interval_ns = emg_service_watchdog_ns()};
    emg_service_tell("READY=1");
    do {
        feed_watchdog(&watchdog, d->worker);
        emg_capture_poll(d->capture);
        if (emg_capture_state(d->capture) == EMG_STREAM_LOST && d->capture->failure.text[0] != '\0') {
            *problem = d->capture->failure;
            return EMG_ERROR_DEVICE;
        }
    } while (!told_to_stop(d, POLL_MS));
    struct pollfd signalled = {.fd = d->signal_fd, .events = POLLIN};
    if (poll(&signalled, 1, 0) > 0)
        d->urgent = unblock_signals(d->signal_fd);
    return EMG_OK;
}

/* While there is still somebody to tell. */
static void close_recording(struct daemon *d)
{
    struct emg_recorder_state state;
    struct emg_recorder_event event;
    emg_recorder_state(d->recorder, &state);
    if (state.on && !emg_recorder_wait_closed(d->recorder, CLOSE_S, &event))
        emg_log("%s: the disk is slow; it is still being written", state.path);
}

/* From the source downstream, so that each part still finds the next one at work. */
static void tear_down(struct daemon *d, bool started)
{
    emg_service_tell("STOPPING=1");
    if (started) {
        struct pollfd done = {.fd = d->done_fd, .events = POLLIN};
        emg_capture_stop(d->capture);
        (void)poll(&done, 1, FINISH_MS);
        emg_worker_stop(d->worker);
        close_recording(d);
        emg_publisher_finish(d->publisher);
        while (!emg_publisher_has_ended(d->publisher) && !asked_to_end(d, POLL_MS / 10))
            ;
        emg_publisher_stop(d->publisher, asked_to_end(d, 0));
    }
    emg_control_destroy(d->control);
    emg_publisher_destroy(d->publisher);
    emg_worker_destroy(d->worker);
    emg_recorder_destroy(d->recorder);
    emg_script_destroy(d->script);
    free(d->session);
    emg_security_destroy(d->security);
    emg_capture_close(d->capture);
    emg_ring_destroy(d->messages);
    emg_ring_destroy(d->frames);
}

static int run(const struct emg_config *config)
{
    struct emg_problem problem = {.text = ""};
    struct daemon d = {
        .config = config,
        .signal_fd = block_signals(),
        .done_fd = eventfd(0, EFD_CLOEXEC),
        .shutdown_fd = eventfd(0, EFD_CLOEXEC),
        .zmq = zmq_ctx_new(),
    };
    enum emg_error error = EMG_OK;
    if (d.signal_fd < 0 || d.done_fd < 0 || d.shutdown_fd < 0 || d.zmq == NULL)
        error = emg_problem_set(&problem, EMG_ERROR_IO, "no file descriptors or memory to start with");
    if (error == EMG_OK)
        error = create_parts(&d, &problem);
    bool started = false;
    if (error == EMG_OK) {
        started = true;
        error = start_parts(&d, &problem);
    }
    if (error == EMG_OK)
        error = serve(&d, &problem);
    tear_down(&d, started);
    /* A subscriber that is behind must not keep the process from ending at once. */
    (void)unblock_signals(d.signal_fd);
    if (d.zmq != NULL)
        (void)zmq_ctx_term(d.zmq);
    if (error != EMG_OK)
        emg_log("%s", problem.text);
    return error == EMG_OK ? EXIT_DONE : error == EMG_ERROR_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct emg_options options;
    struct emg_problem problem;
    struct emg_config config;
    if (emg_options_parse(&options, argc, argv, &problem) != EMG_OK) {
        emg_log("%s", problem.text);
        return EXIT_USAGE;
    }
    if (options.action == EMG_ACTION_HELP) {
        emg_options_print_help(stdout);
        emg_config_print_help(stdout);
        return EXIT_DONE;
    }
    if (options.action == EMG_ACTION_VERSION) {
        (void)printf("emgd %s\n", EMG_VERSION);
        return EXIT_DONE;
    }
    if (options.action == EMG_ACTION_LIST_DEVICES) {
        const int signal_fd = block_signals();
        emg_devices_print(stdout);
        (void)close(signal_fd);
        return EXIT_DONE;
    }
    if (options.action == EMG_ACTION_SELFTEST) {
        const struct emg_selftest_options selftest = {.trials = SELFTEST_TRIALS, .out = stdout};
        return emg_selftest_run(&selftest) == 0 ? EXIT_DONE : EXIT_FAILED;
    }
    if (emg_config_load(&config, options.config_path, options.settings, options.n_settings, &problem) !=
        EMG_OK) {
        emg_log("%s", problem.text);
        return EXIT_USAGE;
    }
    if (options.action == EMG_ACTION_PRINT_CONFIG)
        emg_config_print(&config, stdout);
    else if (options.action == EMG_ACTION_CHECK_CONFIG)
        (void)printf("%s: valid\n", config.file[0] != '\0' ? config.file : "configuration");
    else
        return run(&config);
    return EXIT_DONE;
}
