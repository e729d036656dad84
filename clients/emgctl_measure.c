#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/feed.h"
#include "clients/stop.h"
#include "daemon/wire.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { QUIET_MS = 3000 }; /* status comes every second: by then something is amiss */

struct measuring {
    const struct emg_ctl_measure *asked;
    struct emg_ctl_request request;
    struct emg_feed *feed;
    int stop_fd;
    char topic[32]; /* of the results */
    json_int_t first_frame, end_frame;
    json_t *missing; /* names of the muscles whose results have not come */
    size_t refused;
    bool countdown;
    bool is_seen;       /* a status has told of this measurement */
    json_int_t seq;     /* of the last status */
    int64_t lost_at_ms; /* CLOCK_MONOTONIC; 0: the signal is there */
    char line[EMG_TOPIC_SIZE + EMG_BODY_SIZE];
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static json_int_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void show_seconds(const struct measuring *m, double left)
{
    if (m->countdown && left > 0)
        fprintf(stderr, "\r\033[K%3.0f s ", ceil(left));
}

static void clear_countdown(const struct measuring *m)
{
    if (m->countdown)
        fputs("\r\033[K", stderr);
}

/* Says it in a line of its own and returns the exit code. */
static int give_up(const struct measuring *m, const char *why)
{
    clear_countdown(m);
    fprintf(stderr, "emgctl: %s\n", why);
    return EMG_EXIT_FAILED;
}

static bool is_missing(const struct measuring *m, const json_t *body, size_t *index)
{
    const json_t *muscle = json_object_get(body, "muscle");
    for (*index = 0; *index < json_array_size(m->missing); ++*index)
        if (json_equal(json_array_get(m->missing, *index), muscle))
            return true;
    return false;
}

static void take_result(struct measuring *m, const struct emg_feed_message *message)
{
    const json_t *body = message->json;
    const bool accepted = json_is_true(json_object_get(body, "accepted"));
    size_t index;
    if (!is_missing(m, body, &index) || integer(body, "frame") < m->first_frame)
        return; /* of an earlier measurement */
    if (accepted && integer(body, "frame") + 1 < m->end_frame)
        return; /* of somebody's reference.set */
    clear_countdown(m);
    (void)json_array_remove(m->missing, index);
    if (m->asked->json && emg_wire_line(message->topic, message->body, m->line) > 0)
        puts(m->line);
    m->refused += !emg_ctl_result_print(message->topic, body, !m->asked->json);
}

/* A lost signal stops the countdown, which goes by the signal's own time. Returns an exit code, or -1. */
static int take_state(struct measuring *m, const json_t *body)
{
    const char *state = json_string_value(json_object_get(body, "state"));
    if (state == NULL || strcmp(state, "lost") != 0) {
        if (m->lost_at_ms > 0)
            fputs("emgctl: the signal is back\n", stderr);
        m->lost_at_ms = 0;
        return -1;
    }
    if (m->lost_at_ms == 0) {
        m->lost_at_ms = now_ms();
        clear_countdown(m);
        fputs("emgctl: the signal is LOST: check the device; the countdown stands still\n", stderr);
    }
    if ((double)(now_ms() - m->lost_at_ms) < m->request.timeout_s * 1000)
        return -1;
    return give_up(m, "the signal stays lost: not waiting any more (--timeout SECONDS); measure again");
}

/* Returns an exit code when nothing more can come, else -1. */
static int take_status(struct measuring *m, const json_t *body)
{
    const json_t *measuring = json_object_get(body, "measuring");
    const json_t *left = json_object_get(measuring, "seconds_left");
    const bool is_ours = json_is_object(measuring) && integer(measuring, "end_frame") == m->end_frame;
    const json_int_t seq = integer(body, "seq");
    const bool is_other = seq < m->seq;
    m->seq = seq;
    if (is_other)
        return give_up(m, "emgd was started anew: measure again");
    const int code = take_state(m, body);
    if (code >= 0)
        return code;
    /* Results are sent before the status that no longer tells of their measurement; as long as no frame has
     * come, a status from before it has its first frame's number, 0. */
    if (measuring != NULL && !is_ours && (m->is_seen || integer(body, "frame") > m->first_frame))
        return give_up(m, "emgd does not measure any more: was something else begun?");
    m->is_seen = m->is_seen || is_ours;
    if (is_ours && m->lost_at_ms == 0)
        show_seconds(m, json_number_value(left));
    return -1;
}

/* Returns an exit code when there is nothing more to wait for, else -1. */
static int take(struct measuring *m, const struct emg_feed_message *message)
{
    if (message->problem != NULL)
        return -1;
    if (strcmp(message->topic, m->topic) == 0)
        take_result(m, message);
    if (json_array_size(m->missing) == 0)
        return m->refused == 0 ? EMG_EXIT_DONE : EMG_EXIT_FAILED;
    if (emg_feed_is_end(message))
        return give_up(m, "the stream has ended before the measurement");
    return strcmp(message->topic, "status") == 0 ? take_status(m, message->json) : -1;
}

/* Between two messages nothing may come for long when a replay goes slowly; but emgd must be there. */
static bool is_there(const struct measuring *m)
{
    json_t *ping = json_pack("{s:s, s:i}", "command", "ping", "id", (int)getpid());
    json_t *reply = NULL;
    struct emg_ctl_request request = m->request;
    request.command = "ping";
    request.body = ping;
    const bool there = emg_ctl_request(&request, &reply) == EMG_EXIT_DONE;
    json_decref(reply);
    json_decref(ping);
    return there;
}

static int wait_for_results(struct measuring *m)
{
    for (;;) {
        struct emg_feed_message message;
        while (emg_feed_take(m->feed, &message)) {
            const int code = take(m, &message);
            if (code >= 0)
                return code;
        }
        (void)fflush(stdout);
        const enum emg_feed_wake wake = emg_feed_wait(m->feed, m->stop_fd, QUIET_MS);
        if (wake == EMG_FEED_STOP || wake == EMG_FEED_OUTPUT_GONE)
            return give_up(m, "not waiting any more; emgd goes on measuring");
        if (wake == EMG_FEED_QUIET && !is_there(m))
            return give_up(m, "nothing comes any more: has emgd ended?");
    }
}

static void tell_missing(const struct measuring *m)
{
    for (size_t i = 0; i < json_array_size(m->missing); i++) {
        const char *name = json_string_value(json_array_get(m->missing, i));
        fputs(i == 0 ? "emgctl: no result has come of " : ", ", stderr);
        emg_ctl_print_plain(stderr, name != NULL ? name : "?");
    }
    if (json_array_size(m->missing) > 0)
        fputc('\n', stderr);
}

/* A subscription has taken hold when the first message comes: the topic of the results is subscribed before
 * that of the status. */
static bool subscribe(struct measuring *m)
{
    const long timeout_ms = (long)(m->request.timeout_s * 1000);
    const long notice_ms = timeout_ms < QUIET_MS ? timeout_ms : QUIET_MS;
    if (!emg_feed_subscribe(m->feed, m->topic) || !emg_feed_subscribe(m->feed, "status")) {
        fprintf(stderr, "emgctl: cannot subscribe at %s: %s\n", m->asked->data, strerror(errno));
        return false;
    }
    enum emg_feed_wake wake = emg_feed_wait(m->feed, m->stop_fd, notice_ms);
    if (wake == EMG_FEED_QUIET && timeout_ms > notice_ms) {
        fprintf(stderr, "emgctl: nothing from %s yet, waiting (is emgd running?)\n", m->asked->data);
        wake = emg_feed_wait(m->feed, m->stop_fd, timeout_ms - notice_ms);
    }
    if (wake == EMG_FEED_QUIET)
        fprintf(stderr,
                "emgctl: nothing comes from %s, so that no result would; nothing was begun. Is emgd running, "
                "and is this its data endpoint? (--data ENDPOINT, --timeout SECONDS, --no-wait)\n",
                m->asked->data);
    else if (wake != EMG_FEED_READY)
        fputs("emgctl: nothing was begun\n", stderr);
    return wake == EMG_FEED_READY;
}

static int begin_and_wait(struct measuring *m)
{
    json_t *reply = NULL;
    int code = emg_ctl_request(&m->request, &reply);
    const json_t *muscles = json_object_get(reply, "muscles");
    if (code == EMG_EXIT_DONE && json_array_size(muscles) > 0) {
        m->first_frame = integer(reply, "frame");
        m->end_frame = integer(reply, "end_frame");
        m->missing = json_deep_copy(muscles);
        if (m->countdown)
            emg_ctl_result_instruct(&m->request, muscles);
        show_seconds(m, json_number_value(json_object_get(reply, "seconds")));
        code = wait_for_results(m);
        tell_missing(m);
        json_decref(m->missing);
    } else if (code == EMG_EXIT_DONE) {
        fputs("emgctl: emgd names no muscle that it measures\n", stderr);
        code = EMG_EXIT_FAILED;
    }
    json_decref(reply);
    return code;
}

static int finish_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "emgctl: cannot write to standard output: %s\n", strerror(errno));
    return EMG_EXIT_FAILED;
}

int emg_ctl_measure(const struct emg_ctl_measure *measure)
{
    struct measuring m = {
        .asked = measure,
        .request = measure->request,
        .stop_fd = emg_stop_open(INFINITY),
        .countdown = isatty(STDERR_FILENO) && !measure->json,
    };
    if (m.stop_fd < 0) {
        fprintf(stderr, "emgctl: cannot use standard output: %s\n", strerror(errno));
        return EMG_EXIT_FAILED;
    }
    m.request.stop_fd = m.stop_fd;
    const char *command = measure->request.command; /* "rest.start" */
    (void)snprintf(m.topic, sizeof m.topic, "event.%.*s", (int)strcspn(command, "."), command);
    const struct emg_feed_source source = {measure->data, measure->request.server_key,
                                           measure->request.secret_key};
    int code = EMG_EXIT_FAILED;
    m.feed = emg_feed_create(&source, "emgctl");
    if (m.feed == NULL)
        code = EMG_EXIT_USAGE;
    else if (subscribe(&m))
        code = finish_output(begin_and_wait(&m));
    emg_feed_destroy(m.feed);
    close(m.stop_fd);
    return code;
}
