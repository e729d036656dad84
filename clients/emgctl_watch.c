#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/feed.h"
#include "clients/output.h"
#include "clients/stop.h"
#include "daemon/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 256,          /* messages between two looks at the signals */
    FIRST_WAIT_MS = 3000, /* status comes every second: by then something is amiss */
};

struct watcher {
    const struct emg_ctl_watch *asked;
    struct emg_feed *feed;
    struct emg_output *output;
    double printed;
    bool done;
    char line[EMG_TOPIC_SIZE + EMG_BODY_SIZE];
};

static bool is_asked_for(const struct emg_ctl_watch *asked, const char *topic)
{
    for (size_t i = 0; i < asked->n_topics; i++)
        if (strncmp(topic, asked->topics[i], strlen(asked->topics[i])) == 0)
            return true;
    return asked->n_topics == 0;
}

static void print_message(struct watcher *watcher, const struct emg_feed_message *message)
{
    const size_t n = emg_wire_line(message->topic, message->body, watcher->line);
    if (n == 0) {
        fprintf(stderr, "emgctl: a message of %s is left out: it is too long\n", message->topic);
        return;
    }
    watcher->line[n] = '\n';
    if (emg_output_put(watcher->output, watcher->line, n + 1) != EMG_OUTPUT_OPEN)
        watcher->done = true;
    watcher->printed++;
}

/* Prints what is waiting, at most a batch of it, and writes it out when nothing more is waiting. */
static void drain(struct watcher *watcher)
{
    struct emg_feed_message message;
    for (int i = 0; i < BATCH; i++) {
        if (!emg_feed_take(watcher->feed, &message)) {
            if (emg_output_flush(watcher->output) != EMG_OUTPUT_OPEN)
                watcher->done = true;
            return;
        }
        if (message.problem != NULL)
            fprintf(stderr, "emgctl: a message of %s is left out: %s\n", message.topic, message.problem);
        else if (is_asked_for(watcher->asked, message.topic))
            print_message(watcher, &message);
        if (emg_feed_is_end(&message) || watcher->printed >= watcher->asked->count)
            watcher->done = true;
        if (watcher->done)
            return;
    }
}

static int finish(struct watcher *watcher)
{
    if (emg_output_flush(watcher->output) != EMG_OUTPUT_FAILED)
        return EMG_EXIT_DONE;
    fprintf(stderr, "emgctl: cannot write to standard output: %s\n", strerror(errno));
    return EMG_EXIT_FAILED;
}

static int run(struct watcher *watcher, int stop_fd)
{
    long timeout_ms = FIRST_WAIT_MS;
    while (!watcher->done) {
        const enum emg_feed_wake wake = emg_feed_wait(watcher->feed, stop_fd, timeout_ms);
        if (wake == EMG_FEED_STOP || wake == EMG_FEED_OUTPUT_GONE)
            break;
        if (wake == EMG_FEED_QUIET && timeout_ms > 0)
            fprintf(stderr, "emgctl: nothing from %s yet, waiting (is emgd running?)\n",
                    watcher->asked->source.endpoint);
        timeout_ms = -1;
        drain(watcher);
    }
    return finish(watcher);
}

static bool subscribe(struct emg_feed *feed, const struct emg_ctl_watch *watch)
{
    for (size_t i = 0; i < watch->n_topics; i++)
        if (!emg_feed_subscribe(feed, watch->topics[i]))
            return false;
    /* status tells the end, whatever else is asked for */
    return emg_feed_subscribe(feed, watch->n_topics == 0 ? "" : "status");
}

int emg_ctl_watch(const struct emg_ctl_watch *watch)
{
    int code = EMG_EXIT_FAILED;
    const int stop_fd = emg_stop_open(watch->seconds);
    struct watcher watcher = {.asked = watch};
    watcher.output = stop_fd >= 0 ? emg_output_create(stop_fd) : NULL;
    if (watcher.output == NULL) {
        fprintf(stderr, "emgctl: cannot use standard output: %s\n", strerror(errno));
        goto close;
    }
    watcher.feed = emg_feed_create(&watch->source, "emgctl");
    if (watcher.feed == NULL)
        code = EMG_EXIT_USAGE;
    else if (!subscribe(watcher.feed, watch))
        fprintf(stderr, "emgctl: cannot subscribe at %s: %s\n", watch->source.endpoint, strerror(errno));
    else
        code = run(&watcher, stop_fd);
    emg_feed_destroy(watcher.feed);
    emg_output_destroy(watcher.output);

close:
    if (stop_fd >= 0)
        close(stop_fd);
    return code;
}
