#include "clients/arguments.h"
#include "clients/emgctl.h"
#include "clients/feed.h"
#include "clients/stop.h"
#include "daemon/wire.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    HOLD_MS = 3000,  /* for the first message: then the subscription has taken hold */
    QUIET_MS = 5000, /* a status comes every second */
};

struct measuring {
    const struct emg_ctl_measure *asked;
    struct emg_feed *feed;
    int stop_fd;
    char topic[32]; /* of the results */
    json_int_t first_frame;
    size_t wanted, taken, refused;
    bool countdown, told_lost;
    char line[EMG_TOPIC_SIZE + EMG_BODY_SIZE];
};

static void clear_countdown(const struct measuring *m)
{
    if (m->countdown)
        fputs("\r\033[K", stderr);
}

/* What the person with the electrodes has to do. */
static void instruct(const struct measuring *m, const json_t *muscles)
{
    const char *method = json_string_value(json_object_get(m->asked->request.body, "method"));
    bool soleus = false, gastrocnemius = false;
    for (size_t i = 0; i < json_array_size(muscles); i++) {
        const char *name = json_string_value(json_array_get(muscles, i));
        soleus = soleus || (name != NULL && strstr(name, "soleus") != NULL);
        gastrocnemius = gastrocnemius || (name != NULL && strstr(name, "gastrocnemius") != NULL);
    }
    if (strcmp(m->topic, "event.rest") == 0)
        fputs("Lie or sit still, muscles relaxed.\n", stderr);
    else if (strcmp(m->topic, "event.baseline") == 0 ||
             (method != NULL && strncmp(method, "dynamic", strlen("dynamic")) == 0))
        fputs("Go on walking or running.\n", stderr);
    else
        fprintf(stderr, "%sPush the forefoot down against resistance, %s, and hold.\n",
                soleus && gastrocnemius ? ""
                : soleus                ? "Knee bent to about 90 degrees. "
                : gastrocnemius         ? "Knee straight. "
                                        : "",
                method == NULL || strcmp(method, "mvc") == 0 ? "as hard as you can" : "as told");
}

static double number(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void print_result(const struct measuring *m, const json_t *body)
{
    const char *muscle = json_string_value(json_object_get(body, "muscle"));
    const char *reason = json_string_value(json_object_get(body, "reason"));
    const json_t *reference = json_object_get(body, "reference");
    muscle = muscle != NULL ? muscle : "?";
    if (!json_is_true(json_object_get(body, "accepted"))) {
        fprintf(stderr, "emgctl: %s: refused: %s\n", muscle, reason != NULL ? reason : "no reason is told");
        return;
    }
    if (strcmp(m->topic, "event.rest") == 0)
        printf("%s: noise %.1f uV RMS over %.1f s\n", muscle, number(body, "uv"), number(body, "seconds"));
    else if (strcmp(m->topic, "event.baseline") == 0)
        printf("%s: median frequency %.1f Hz +- %.1f (SE), %.1f s of contractions, %.0f dB above the noise\n",
               muscle, number(body, "mdf_hz"), number(body, "mdf_se_hz"), number(body, "seconds"),
               number(body, "snr_db"));
    else
        printf("%s: 100 %% is %.1f uV RMS (%s, %s), %.0f dB above the noise\n", muscle,
               number(reference, "uv"), json_string_value(json_object_get(reference, "method")),
               json_string_value(json_object_get(reference, "id")), number(body, "snr_db"));
}

static void take_result(struct measuring *m, const struct emg_feed_message *message)
{
    if (json_integer_value(json_object_get(message->json, "frame")) < m->first_frame)
        return; /* of an earlier measurement */
    clear_countdown(m);
    m->taken++;
    m->refused += !json_is_true(json_object_get(message->json, "accepted"));
    if (!m->asked->json) {
        print_result(m, message->json);
        return;
    }
    if (emg_wire_line(message->topic, message->body, m->line) > 0)
        printf("%s\n", m->line);
}

/* The signal's own time: a lost device stops it. */
static void take_status(struct measuring *m, const struct emg_feed_message *message)
{
    const char *state = json_string_value(json_object_get(message->json, "state"));
    const double left = number(json_object_get(message->json, "measuring"), "seconds_left");
    const bool lost = state != NULL && strcmp(state, "lost") == 0;
    if (lost && !m->told_lost) {
        clear_countdown(m);
        fputs("emgctl: the signal is LOST: the measurement cannot be used\n", stderr);
    }
    m->told_lost = lost;
    if (m->countdown && !lost && left > 0)
        fprintf(stderr, "\r\033[K%3.0f s ", ceil(left));
}

/* Returns an exit code when there is nothing more to wait for, else -1. */
static int take(struct measuring *m, const struct emg_feed_message *message)
{
    if (message->problem != NULL)
        return -1;
    if (strcmp(message->topic, m->topic) == 0)
        take_result(m, message);
    else if (strcmp(message->topic, "status") == 0)
        take_status(m, message);
    if (m->taken == m->wanted)
        return m->refused == 0 ? EMG_EXIT_DONE : EMG_EXIT_FAILED;
    if (!emg_feed_is_end(message))
        return -1;
    fputs("emgctl: the stream has ended before the measurement\n", stderr);
    return EMG_EXIT_FAILED;
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
        if (wake == EMG_FEED_STOP || wake == EMG_FEED_OUTPUT_GONE) {
            clear_countdown(m);
            fputs("emgctl: not waiting any more; emgd goes on measuring\n", stderr);
            return EMG_EXIT_FAILED;
        }
        if (wake == EMG_FEED_QUIET) {
            clear_countdown(m);
            fprintf(stderr, "emgctl: nothing comes from %s: has emgd ended? (--data ENDPOINT)\n",
                    m->asked->data);
            return EMG_EXIT_FAILED;
        }
    }
}

static bool subscribe(struct measuring *m)
{
    const struct emg_feed_source source = {m->asked->data, m->asked->request.server_key,
                                           m->asked->request.secret_key};
    m->feed = emg_feed_create(&source, "emgctl");
    if (m->feed == NULL)
        return false;
    const bool good = emg_feed_subscribe(m->feed, "status") && emg_feed_subscribe(m->feed, m->topic);
    if (good)
        (void)emg_feed_wait(m->feed, m->stop_fd, HOLD_MS);
    return good;
}

int emg_ctl_measure(const struct emg_ctl_measure *measure)
{
    json_t *reply = NULL;
    struct measuring m = {
        .asked = measure,
        .stop_fd = emg_stop_open(INFINITY),
        .countdown = isatty(STDERR_FILENO) && !measure->json,
    };
    const char *dot = strchr(measure->request.command, '.');
    (void)snprintf(m.topic, sizeof m.topic, "event.%.*s", (int)(dot - measure->request.command),
                   measure->request.command);
    if (!subscribe(&m)) {
        emg_feed_destroy(m.feed);
        return EMG_EXIT_USAGE;
    }
    int code = emg_ctl_request(&measure->request, &reply);
    if (code == EMG_EXIT_DONE) {
        const json_t *muscles = json_object_get(reply, "muscles");
        m.first_frame = json_integer_value(json_object_get(reply, "frame"));
        m.wanted = json_array_size(muscles);
        if (m.countdown)
            instruct(&m, muscles);
        code = m.wanted > 0 ? wait_for_results(&m) : EMG_EXIT_FAILED;
    }
    json_decref(reply);
    emg_feed_destroy(m.feed);
    return code;
}
