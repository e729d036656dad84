#include "clients/emgtop.h"

#include "clients/arguments.h"
#include "clients/stop.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: emgtop [--data ENDPOINT] [--seconds S] [--plain]\n"
    "\n"
    "Shows what emgd measures: activation, median frequency and fatigue of each muscle. Ends when the "
    "stream\n"
    "ends; Ctrl-C ends it before.\n"
    "\n"
    "  --data ENDPOINT   of the daemon's data socket (" EMG_FEED_ENDPOINT ")\n"
    "  --server-key KEY  of an emgd with security.mode \"curve\": its public key, or the file with it\n"
    "  --secret-key FILE your own\n"
    "  --seconds S       end after S seconds\n"
    "  --plain           a line per muscle and second, as when standard output is not a terminal\n"
    "  --help, --version\n"
    "\n"
    "A bar shows percent of the reference, or, without one, microvolts of the scale beside it.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

enum {
    BATCH = 256, /* messages between two looks at the clock */
    TOLD_SIZE = 1024,
};

static const int64_t SCREEN_PERIOD_NS = 100000000;
static const int64_t PLAIN_PERIOD_NS = 1000000000;

struct options {
    const char *data, *server_key, *secret_key;
    double seconds;
    bool plain;
};

struct program {
    struct options options;
    int stop_fd;
    struct emg_feed *feed;
    struct emg_output *output;
    struct emg_top top;
    char told[TOLD_SIZE]; /* plain: the state as it was said last */
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static enum emg_output_state show(struct program *program)
{
    const int64_t now_ns = monotonic_ns();
    emg_top_expire(&program->top, now_ns);
    if (program->options.plain)
        emg_top_print_lines(&program->top, program->output);
    else
        emg_top_screen_draw(&program->top, now_ns, program->output);
    return emg_output_flush(program->output);
}

/* Takes what is waiting, at most a batch of it; in plain form, tells at once what has changed. */
static void update(struct program *program)
{
    struct emg_feed_message message;
    for (int i = 0; i < BATCH && !program->top.ended && emg_feed_take(program->feed, &message); i++) {
        emg_top_update(&program->top, &message, monotonic_ns());
        if (message.problem != NULL && program->options.plain)
            fprintf(stderr, "emgtop: a message of %s is left out: %s\n", message.topic, message.problem);
    }
    if (program->options.plain) {
        emg_top_tell_state(&program->top, monotonic_ns(), program->told, sizeof program->told,
                           program->output);
        emg_output_flush(program->output);
    }
}

/* Ctrl-Z: the shell gets its cursor back while the program sleeps. */
static void sleep_if_told(struct program *program)
{
    sigset_t sleeping;
    sigemptyset(&sleeping);
    sigaddset(&sleeping, SIGTSTP);
    if (sigtimedwait(&sleeping, NULL, &(struct timespec){0}) != SIGTSTP)
        return;
    emg_top_screen_leave(program->output);
    emg_output_flush(program->output);
    raise(SIGSTOP);
    emg_top_screen_enter(program->output);
}

static enum emg_output_state run(struct program *program)
{
    const int64_t period_ns = program->options.plain ? PLAIN_PERIOD_NS : SCREEN_PERIOD_NS;
    int64_t next_ns = monotonic_ns() + period_ns;
    enum emg_output_state state = EMG_OUTPUT_OPEN;
    update(program);
    while (state == EMG_OUTPUT_OPEN && !program->top.ended) {
        const int64_t wait_ns = next_ns - monotonic_ns();
        const long wait_ms = wait_ns > 0 ? (long)(wait_ns / 1000000 + 1) : 0;
        const enum emg_feed_wake wake = emg_feed_wait(program->feed, program->stop_fd, wait_ms);
        if (wake == EMG_FEED_STOP || wake == EMG_FEED_OUTPUT_GONE)
            break;
        if (!program->options.plain)
            sleep_if_told(program);
        update(program);
        const int64_t now_ns = monotonic_ns();
        if (now_ns < next_ns && !program->top.ended)
            continue;
        state = show(program);
        next_ns = now_ns - next_ns < period_ns ? next_ns + period_ns : now_ns + period_ns;
    }
    return state;
}

static bool subscribe(struct emg_feed *feed)
{
    return emg_feed_subscribe(feed, "status") && emg_feed_subscribe(feed, "activation.") &&
           emg_feed_subscribe(feed, "fatigue.");
}

static int run_on_output(struct program *program)
{
    if (!program->options.plain) {
        sigset_t sleeping;
        sigemptyset(&sleeping);
        sigaddset(&sleeping, SIGTSTP);
        sigprocmask(SIG_BLOCK, &sleeping, NULL);
        emg_top_screen_enter(program->output);
        show(program);
    }
    enum emg_output_state state = run(program);
    const int error = errno;
    if (!program->options.plain) {
        emg_top_screen_leave(program->output);
        emg_output_flush(program->output);
    }
    if (state != EMG_OUTPUT_FAILED)
        return EMG_EXIT_DONE;
    fprintf(stderr, "emgtop: cannot write to standard output: %s\n", strerror(error));
    return EMG_EXIT_FAILED;
}

static int start(struct program *program)
{
    int code = EMG_EXIT_FAILED;
    program->stop_fd = emg_stop_open(program->options.seconds);
    program->output = program->stop_fd >= 0 ? emg_output_create(program->stop_fd) : NULL;
    if (program->output == NULL) {
        fprintf(stderr, "emgtop: cannot use standard output: %s\n", strerror(errno));
        goto close;
    }
    const struct emg_feed_source source = {program->options.data, program->options.server_key,
                                           program->options.secret_key};
    program->feed = emg_feed_create(&source, "emgtop");
    if (program->feed == NULL)
        code = EMG_EXIT_USAGE;
    else if (!subscribe(program->feed))
        fprintf(stderr, "emgtop: cannot subscribe at %s: %s\n", program->options.data, strerror(errno));
    else
        code = run_on_output(program);
    emg_feed_destroy(program->feed);
    emg_output_destroy(program->output);

close:
    if (program->stop_fd >= 0)
        close(program->stop_fd);
    return code;
}

/* Returns an exit code, or -1 to go on. */
static int parse_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"data", required_argument, NULL, 'd'},
        {"server-key", required_argument, NULL, 'k'},
        {"secret-key", required_argument, NULL, 'K'},
        {"seconds", required_argument, NULL, 's'},
        {"plain", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        switch (option) {
        case 'd':
            options->data = optarg;
            break;
        case 'k':
            options->server_key = optarg;
            break;
        case 'K':
            options->secret_key = optarg;
            break;
        case 's':
            if (!emg_argument_number("emgtop", "--seconds", optarg, 0.001, 1e9, &options->seconds))
                return EMG_EXIT_USAGE;
            break;
        case 'p':
            options->plain = true;
            break;
        case 'h':
            fputs(help, stdout);
            return EMG_EXIT_DONE;
        case 'v':
            emg_argument_version("emgtop");
            return EMG_EXIT_DONE;
        default:
            fprintf(stderr, "emgtop: %s'%s'; see emgtop --help\n",
                    option == ':' ? "a value is missing behind " : "no such option: ", argv[optind - 1]);
            return EMG_EXIT_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "emgtop: unexpected argument '%s'; see emgtop --help\n", argv[optind]);
    return EMG_EXIT_USAGE;
}

static bool is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

int main(int argc, char **argv)
{
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL) {
        perror("emgtop");
        return EMG_EXIT_FAILED;
    }
    program->options = (struct options){.data = EMG_FEED_ENDPOINT, .seconds = INFINITY};
    int code = parse_options(&program->options, argc, argv);
    if (code < 0) {
        program->options.plain = program->options.plain || !is_terminal();
        emg_top_init(&program->top, program->options.data);
        code = start(program);
    }
    free(program);
    return code;
}
