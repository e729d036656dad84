#include "clients/emgtop.h"

#include "clients/arguments.h"
#include "clients/emgtop_options.h"
#include "clients/emgtop_screen.h"
#include "clients/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 256, /* messages between two looks at the clock */
    TOLD_SIZE = 1024,
};

static const int64_t SCREEN_PERIOD_NS = 100000000;
static const int64_t PLAIN_PERIOD_NS = 1000000000;

struct program {
    struct emg_top_options options;
    int stop_fd;
    struct emg_feed *feed;
    struct emg_top_snapshot *snapshot; /* NULL: nothing is asked */
    struct emg_output *output;
    bool with_help;
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
    if (program->snapshot != NULL)
        emg_top_snapshot_exchange(program->snapshot, &program->top);
    emg_top_settle(&program->top, now_ns);
    if (program->options.plain)
        emg_top_print_lines(&program->top, program->output);
    else
        emg_screen_draw(&program->top, now_ns, program->with_help);
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

/* Ctrl-Z: the shell gets its terminal back while the program sleeps. */
static void sleep_if_told(void)
{
    sigset_t sleeping;
    sigemptyset(&sleeping);
    sigaddset(&sleeping, SIGTSTP);
    if (sigtimedwait(&sleeping, NULL, &(struct timespec){0}) == SIGTSTP)
        emg_terminal_sleep();
}

/* Returns whether to go on; *draw: without delay. */
static bool obey_keys(struct program *program, bool *draw)
{
    for (enum emg_key key = emg_terminal_key(); key != EMG_KEY_NONE; key = emg_terminal_key()) {
        if (key == EMG_KEY_QUIT)
            return false;
        if (key != EMG_KEY_RESIZE)
            program->with_help = key == EMG_KEY_HELP && !program->with_help;
        *draw = true;
    }
    return true;
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
        bool draw = false;
        if (!program->options.plain) {
            sleep_if_told();
            if (!obey_keys(program, &draw))
                break;
        }
        update(program);
        const int64_t now_ns = monotonic_ns();
        if (now_ns < next_ns && !draw && !program->top.ended)
            continue;
        state = show(program);
        next_ns = now_ns - next_ns < period_ns ? next_ns + period_ns : now_ns + period_ns;
    }
    return state;
}

static bool subscribe(struct emg_feed *feed, bool plain)
{
    static const char *const prefixes[] = {"status",   "activation.", "fatigue.",  "burst.", "stride.",
                                           "profile.", "leg.",        "symmetry.", "event."};
    const size_t n = plain ? 3 : sizeof prefixes / sizeof prefixes[0];
    for (size_t i = 0; i < n; i++)
        if (!emg_feed_subscribe(feed, prefixes[i]))
            return false;
    return true;
}

/* Ctrl-Z is taken between two pictures. */
static void enter_screen(struct program *program)
{
    sigset_t sleeping;
    sigemptyset(&sleeping);
    sigaddset(&sleeping, SIGTSTP);
    sigprocmask(SIG_BLOCK, &sleeping, NULL);
    program->options.plain = !emg_terminal_is_known() || !emg_terminal_open();
    if (program->options.plain)
        fprintf(stderr, "emgtop: a terminal of the kind '%s' is not known here: lines instead of a picture\n",
                getenv("TERM"));
}

static int run_on_output(struct program *program)
{
    if (!program->options.plain)
        enter_screen(program);
    if (!program->options.plain)
        show(program);
    enum emg_output_state state = run(program);
    const int error = errno;
    if (!program->options.plain)
        emg_terminal_close();
    if (state != EMG_OUTPUT_FAILED)
        return EMG_EXIT_DONE;
    fprintf(stderr, "emgtop: cannot write to standard output: %s\n", strerror(error));
    return EMG_EXIT_FAILED;
}

/* Returns false after saying why. */
static bool open_snapshot(struct program *program)
{
    const struct emg_top_options *o = &program->options;
    if (o->control == NULL || o->plain)
        return true;
    program->snapshot =
        emg_top_snapshot_create(&(struct emg_feed_source){o->control, o->server_key, o->secret_key});
    return program->snapshot != NULL;
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
    if (program->feed == NULL || !open_snapshot(program))
        code = EMG_EXIT_USAGE;
    else if (!subscribe(program->feed, program->options.plain))
        fprintf(stderr, "emgtop: cannot subscribe at %s: %s\n", program->options.data, strerror(errno));
    else
        code = run_on_output(program);
    emg_top_snapshot_destroy(program->snapshot);
    emg_feed_destroy(program->feed);
    emg_output_destroy(program->output);

close:
    if (program->stop_fd >= 0)
        close(program->stop_fd);
    return code;
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
    int code = emg_top_options_read(&program->options, argc, argv);
    if (code < 0) {
        program->options.plain = program->options.plain || !is_terminal();
        emg_top_init(&program->top, program->options.data);
        code = start(program);
    }
    free(program);
    return code;
}
