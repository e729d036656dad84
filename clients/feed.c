#include "clients/feed.h"

#include "clients/arguments.h"
#include "clients/curve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { ARRAY_SIZE = 256 * 1024 };

struct emg_feed {
    void *context, *socket;
    json_t *json;
    size_t n_parts; /* as received, even where something was too long to be kept */
    size_t topic_bytes, body_bytes, array_bytes;
    char topic[EMG_TOPIC_SIZE];
    char body[EMG_BODY_SIZE];
    char array[ARRAY_SIZE];
};

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

/* Without keepalive a subscriber never notices that a remote host has gone away without a word. */
static bool configure(void *socket)
{
    return set_int(socket, ZMQ_RCVHWM, 0) && set_int(socket, ZMQ_LINGER, 0) &&
           set_int(socket, ZMQ_RECONNECT_IVL, 50) && set_int(socket, ZMQ_RECONNECT_IVL_MAX, 1000) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1) && set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, 10) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, 5) && set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
}

/* Says what is wrong and returns false when it cannot be done. */
static bool connect_socket(void *socket, const struct emg_feed_source *source, const char *program)
{
    char problem[600];
    if (!emg_curve_client(socket, source->server_key, source->secret_key, problem, sizeof problem)) {
        fprintf(stderr, "%s: %s\n", program, problem);
        return false;
    }
    if (zmq_connect(socket, source->endpoint) == 0)
        return true;
    (void)emg_argument_bad_endpoint(program, "--data", source->endpoint);
    return false;
}

struct emg_feed *emg_feed_create(const struct emg_feed_source *source, const char *program)
{
    struct emg_feed *feed = calloc(1, sizeof *feed);
    if (feed != NULL)
        feed->context = zmq_ctx_new();
    if (feed != NULL && feed->context != NULL)
        feed->socket = zmq_socket(feed->context, ZMQ_SUB);
    if (feed == NULL || feed->socket == NULL || !configure(feed->socket)) {
        fprintf(stderr, "%s: cannot listen: %s\n", program, strerror(errno));
        emg_feed_destroy(feed);
        return NULL;
    }
    if (connect_socket(feed->socket, source, program))
        return feed;
    emg_feed_destroy(feed);
    return NULL;
}

bool emg_feed_subscribe(struct emg_feed *feed, const char *prefix)
{
    return zmq_setsockopt(feed->socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) == 0;
}

void emg_feed_unsubscribe(struct emg_feed *feed, const char *prefix)
{
    (void)zmq_setsockopt(feed->socket, ZMQ_UNSUBSCRIBE, prefix, strlen(prefix));
}

int emg_feed_fd(const struct emg_feed *feed)
{
    int fd = -1;
    size_t size = sizeof fd;
    return zmq_getsockopt(feed->socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

enum emg_feed_wake emg_feed_wait(struct emg_feed *feed, int stop_fd, long timeout_ms)
{
    zmq_pollitem_t items[] = {
        {.fd = stop_fd, .events = ZMQ_POLLIN},
        {.fd = STDOUT_FILENO, .events = ZMQ_POLLERR},
        {.socket = feed->socket, .events = ZMQ_POLLIN},
    };
    if (zmq_poll(items, 3, timeout_ms) <= 0)
        return EMG_FEED_QUIET;
    return items[0].revents != 0   ? EMG_FEED_STOP
           : items[1].revents != 0 ? EMG_FEED_OUTPUT_GONE
                                   : EMG_FEED_READY;
}

static size_t keep(char *kept, size_t size, zmq_msg_t *part)
{
    const size_t n = zmq_msg_size(part);
    if (n < size) {
        memcpy(kept, zmq_msg_data(part), n);
        kept[n] = '\0';
    }
    return n;
}

static bool receive(struct emg_feed *feed)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    bool more = true;
    for (feed->n_parts = 0; more; feed->n_parts++) {
        /* all parts of a message are there as soon as the first one is */
        if (zmq_msg_recv(&part, feed->socket, ZMQ_DONTWAIT) < 0)
            break;
        if (feed->n_parts == 0)
            feed->topic_bytes = keep(feed->topic, sizeof feed->topic, &part);
        else if (feed->n_parts == 1)
            feed->body_bytes = keep(feed->body, sizeof feed->body, &part);
        else if (feed->n_parts == 2)
            feed->array_bytes = keep(feed->array, sizeof feed->array, &part);
        more = zmq_msg_more(&part) != 0;
    }
    zmq_msg_close(&part);
    return feed->n_parts > 0;
}

static bool is_topic(const char *topic, size_t n)
{
    if (n == 0 || n >= EMG_TOPIC_SIZE)
        return false;
    for (size_t i = 0; i < n; i++)
        if (topic[i] <= ' ' || topic[i] > '~')
            return false;
    return true;
}

static const char *find_problem(struct emg_feed *feed)
{
    if (feed->n_parts < 2 || feed->n_parts > 3)
        return "it has neither 2 parts nor, with an array, 3";
    if (feed->body_bytes >= sizeof feed->body)
        return "its body is too long";
    feed->json = json_loadb(feed->body, feed->body_bytes, 0, NULL);
    if (!json_is_object(feed->json))
        return "its body is not a JSON object";
    if ((json_object_get(feed->json, "array") != NULL) != (feed->n_parts == 3))
        return feed->n_parts == 3 ? "it has an array that its body does not describe"
                                  : "the array that its body describes is missing";
    return NULL;
}

/* In valid JSON, control characters stand between tokens only. */
static const char *flatten(char *body)
{
    for (char *c = body; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    return body + strspn(body, " ");
}

bool emg_feed_take(struct emg_feed *feed, struct emg_feed_message *message)
{
    if (!receive(feed))
        return false;
    json_decref(feed->json);
    feed->json = NULL;
    const bool readable = is_topic(feed->topic, feed->topic_bytes);
    *message = (struct emg_feed_message){.topic = readable ? feed->topic : "?"};
    message->problem = readable ? find_problem(feed) : "its topic is not a word of ASCII";
    if (message->problem == NULL) {
        message->body = flatten(feed->body);
        message->json = feed->json;
        message->array = feed->n_parts == 3 ? feed->array : NULL;
        message->array_bytes = feed->n_parts == 3 ? feed->array_bytes : 0;
    }
    return true;
}

bool emg_feed_is_end(const struct emg_feed_message *message)
{
    if (message->json == NULL || strcmp(message->topic, "status") != 0)
        return false;
    const char *state = json_string_value(json_object_get(message->json, "state"));
    return state != NULL && strcmp(state, "ended") == 0;
}

void emg_feed_destroy(struct emg_feed *feed)
{
    if (feed == NULL)
        return;
    json_decref(feed->json);
    if (feed->socket != NULL)
        zmq_close(feed->socket);
    if (feed->context != NULL)
        zmq_ctx_term(feed->context);
    free(feed);
}
