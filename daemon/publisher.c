#include "daemon/publisher.h"

#include "daemon/clock.h"
#include "daemon/history.h"
#include "daemon/latency.h"
#include "daemon/log.h"
#include "daemon/polling.h"
#include "daemon/recorder.h"
#include "daemon/schedule.h"
#include "daemon/security.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static const int64_t SETTLE_NS = 200000000;
static const int64_t PATIENCE_NS = 10000000000;

enum { LINGER_MS = 60000, URGENT_LINGER_MS = 500 };
enum {
    LONGEST_SUBSCRIPTION = 4096
}; /* bytes, and of what a handshake says; a longer one ends the connection */

/* The last text of one topic. */
struct last_message {
    char *body;
    size_t capacity;
};

struct emg_publisher {
    struct emg_publisher_config config;
    struct emg_wire wire;
    void *socket;
    pthread_t thread;
    bool started;
    _Atomic bool stop, urgent, ended;
    _Atomic int64_t subscribed_ns; /* when the last subscription came; 0: none yet */

    pthread_mutex_t mutex; /* guards last and history */
    struct last_message last[EMG_TOPIC_COUNT][EMG_MAX_CHANNELS];
    struct emg_history history;

    /* the thread's own */
    bool lossless;
    struct emg_latency latency;
    uint64_t recording_seq, last_frame; /* of event.recording; of the last message */
    double last_t;
    char last_session[EMG_SESSION_ID_SIZE];
    char topic[EMG_TOPIC_SIZE], body[EMG_BODY_SIZE];
};

static enum emg_error bind_socket(struct emg_publisher *p, struct emg_problem *problem)
{
    const int hwm = (int)p->config.hwm;
    const int nodrop = p->config.lossless;
    const int64_t longest = LONGEST_SUBSCRIPTION;
    const int linger_ms = URGENT_LINGER_MS;
    p->socket = zmq_socket(p->config.context, ZMQ_XPUB);
    if (p->socket == NULL || zmq_setsockopt(p->socket, ZMQ_SNDHWM, &hwm, sizeof hwm) != 0 ||
        zmq_setsockopt(p->socket, ZMQ_XPUB_NODROP, &nodrop, sizeof nodrop) != 0 ||
        zmq_setsockopt(p->socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest) != 0 ||
        zmq_setsockopt(p->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "publish.data: no socket: %s", zmq_strerror(errno));
    if (!emg_security_bind(p->config.security, p->socket, p->config.endpoint))
        return emg_problem_set(problem, EMG_ERROR_IO, "publish.data: cannot bind %s: %s", p->config.endpoint,
                               zmq_strerror(errno));
    return EMG_OK;
}

enum emg_error emg_publisher_create(struct emg_publisher **out, const struct emg_publisher_config *config,
                                    struct emg_problem *problem)
{
    *out = NULL;
    struct emg_publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "publisher: %s", emg_strerror(EMG_ERROR_MEMORY));
    p->config = *config;
    p->lossless = config->lossless;
    p->last_t = NAN;
    (void)pthread_mutex_init(&p->mutex, NULL);
    const enum emg_error error = bind_socket(p, problem);
    if (error != EMG_OK) {
        emg_publisher_destroy(p);
        return error;
    }
    *out = p;
    return EMG_OK;
}

static void keep_last(struct emg_publisher *p, const struct emg_message *message, size_t length)
{
    if (emg_wire_has_array(message->topic))
        return;
    struct last_message *last = &p->last[message->topic][message->index];
    (void)pthread_mutex_lock(&p->mutex);
    if (last->capacity < length + 1) {
        char *grown = realloc(last->body, length + 1);
        if (grown != NULL) {
            last->body = grown;
            last->capacity = length + 1;
        }
    }
    if (last->capacity > length)
        memcpy(last->body, p->body, length + 1);
    emg_history_put(&p->history, message, p->body);
    (void)pthread_mutex_unlock(&p->mutex);
}

/* Sends the first part; in a lossless replay, waits while a subscriber is behind. */
static bool send_topic(struct emg_publisher *p, size_t length)
{
    const int64_t give_up_ns = emg_clock_monotonic_ns() + PATIENCE_NS;
    while (zmq_send(p->socket, p->topic, length, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno != EAGAIN || !p->lossless || atomic_load_explicit(&p->urgent, memory_order_relaxed))
            return false;
        if (emg_clock_monotonic_ns() > give_up_ns) {
            const int nodrop = 0;
            (void)zmq_setsockopt(p->socket, ZMQ_XPUB_NODROP, &nodrop, sizeof nodrop);
            p->lossless = false;
            emg_log("a subscriber has read nothing for %d s: from here on it will miss messages",
                    (int)(PATIENCE_NS / 1000000000));
        }
        emg_clock_sleep_until(emg_clock_monotonic_ns() + EMG_POLL_NS);
    }
    return true;
}

static void publish(struct emg_publisher *p, const struct emg_message *message)
{
    const size_t topic_length = emg_wire_topic(&p->wire, message, p->topic);
    const size_t body_length = emg_wire_body(&p->wire, message, p->body);
    keep_last(p, message, body_length);
    if (!send_topic(p, topic_length))
        return;
    const bool has_array = emg_wire_has_array(message->topic);
    (void)zmq_send(p->socket, p->body, body_length, has_array ? ZMQ_SNDMORE : 0);
    if (has_array)
        (void)zmq_send(p->socket, message->array, message->n_array * sizeof message->array[0], 0);
    if (message->arrival_ns != 0 && message->topic != EMG_TOPIC_STATUS)
        emg_latency_add(&p->latency, emg_clock_monotonic_ns() - message->arrival_ns);
}

static void fill_recording(struct emg_publisher *p)
{
    struct emg_recorder_state state;
    struct emg_recording_status *recording = &p->wire.recording;
    if (p->config.recorder == NULL)
        return;
    emg_recorder_state(p->config.recorder, &state);
    recording->on = state.on;
    recording->seconds = state.seconds;
    memcpy(recording->path, state.path, sizeof recording->path);
    memcpy(recording->failure, state.failure, sizeof recording->failure);
}

/* What the recorder has to tell, told as of the last frame that was published. */
static void publish_recording_events(struct emg_publisher *p)
{
    static const enum emg_recording_change changes[] = {
        [EMG_RECORDER_STARTED] = EMG_RECORDING_STARTED,
        [EMG_RECORDER_STOPPED] = EMG_RECORDING_STOPPED,
        [EMG_RECORDER_FAILED] = EMG_RECORDING_FAILED,
    };
    struct emg_recorder_event event;
    while (p->config.recorder != NULL && emg_recorder_next_event(p->config.recorder, &event)) {
        struct emg_recording_status *recording = &p->wire.recording;
        struct emg_message message = {
            .topic = EMG_TOPIC_EVENT_RECORDING,
            .seq = ++p->recording_seq,
            .frame = p->last_frame,
            .t = p->last_t,
        };
        memcpy(message.session, p->last_session, sizeof message.session);
        recording->change = changes[event.change];
        recording->seconds = event.seconds;
        recording->frames = event.frames;
        recording->gaps = event.gaps;
        memcpy(recording->path, event.path, sizeof recording->path);
        memcpy(recording->failure, event.reason, sizeof recording->failure);
        publish(p, &message);
    }
}

static void publish_next(struct emg_publisher *p, const struct emg_message *message)
{
    p->last_frame = message->frame;
    p->last_t = message->t;
    memcpy(p->last_session, message->session, sizeof p->last_session);
    if (message->topic != EMG_TOPIC_STATUS) {
        publish(p, message);
        return;
    }
    struct emg_message status = *message;
    status.body.status.messages_dropped = emg_worker_messages_dropped(p->config.worker);
    emg_latency_take(&p->latency, status.body.status.latency_ms);
    fill_recording(p);
    publish(p, &status);
}

static void take_subscriptions(struct emg_publisher *p)
{
    unsigned char frame[256];
    int length = 0;
    while ((length = zmq_recv(p->socket, frame, sizeof frame, ZMQ_DONTWAIT)) >= 0)
        if (length > 0 && frame[0] == 1)
            atomic_store_explicit(&p->subscribed_ns, emg_clock_monotonic_ns(), memory_order_relaxed);
}

static void *run(void *argument)
{
    struct emg_publisher *p = argument;
    (void)pthread_setname_np(pthread_self(), "emgd publisher");
    emg_schedule_punctual();
    for (;;) {
        /* read before the ring, so that what was put there before the stop is still published */
        const bool stop = atomic_load_explicit(&p->stop, memory_order_acquire);
        take_subscriptions(p);
        size_t n_bytes = 0;
        const struct emg_message *message = NULL;
        while ((message = emg_ring_front(p->config.messages, &n_bytes)) != NULL) {
            publish_next(p, message);
            emg_ring_release(p->config.messages);
        }
        publish_recording_events(p);
        if (stop) {
            atomic_store_explicit(&p->ended, true, memory_order_release);
            return NULL;
        }
        const int64_t expected_ns = p->config.worker != NULL ? emg_worker_expected_ns(p->config.worker) : 0;
        emg_clock_sleep_until(emg_poll_next(emg_clock_monotonic_ns(), expected_ns));
    }
}

enum emg_error emg_publisher_start(struct emg_publisher *p, const struct emg_wire *wire,
                                   struct emg_problem *problem)
{
    p->wire = *wire;
    if (pthread_create(&p->thread, NULL, run, p) != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "publisher: no thread could be started");
    p->started = true;
    return EMG_OK;
}

bool emg_publisher_has_audience(const struct emg_publisher *p)
{
    const int64_t subscribed_ns = atomic_load_explicit(&p->subscribed_ns, memory_order_relaxed);
    return subscribed_ns != 0 && emg_clock_monotonic_ns() - subscribed_ns > SETTLE_NS;
}

void emg_publisher_snapshot(struct emg_publisher *p, struct emg_json *json)
{
    emg_json_open_array(json, "messages");
    (void)pthread_mutex_lock(&p->mutex);
    for (size_t topic = 0; topic < EMG_TOPIC_COUNT; topic++) {
        for (size_t index = 0; index < EMG_MAX_CHANNELS; index++) {
            if (p->last[topic][index].body == NULL)
                continue;
            const struct emg_message message = {.topic = (enum emg_topic)topic, .index = (uint32_t)index};
            char name[EMG_TOPIC_SIZE];
            (void)emg_wire_topic(&p->wire, &message, name);
            emg_json_open_object(json, NULL);
            emg_json_string(json, "topic", name);
            emg_json_raw(json, "body", p->last[topic][index].body);
            emg_json_close_object(json);
        }
    }
    (void)pthread_mutex_unlock(&p->mutex);
    emg_json_close_array(json);
}

void emg_publisher_history(struct emg_publisher *p, struct emg_json *json)
{
    (void)pthread_mutex_lock(&p->mutex);
    emg_history_json(&p->history, &p->wire, json);
    (void)pthread_mutex_unlock(&p->mutex);
}

void emg_publisher_status(struct emg_publisher *p, struct emg_json *json)
{
    (void)pthread_mutex_lock(&p->mutex);
    const char *body = p->last[EMG_TOPIC_STATUS][0].body;
    emg_json_raw(json, "status", body != NULL ? body : "null");
    (void)pthread_mutex_unlock(&p->mutex);
}

void emg_publisher_finish(struct emg_publisher *p)
{
    atomic_store_explicit(&p->stop, true, memory_order_release);
}

bool emg_publisher_has_ended(const struct emg_publisher *p)
{
    return !p->started || atomic_load_explicit(&p->ended, memory_order_acquire);
}

void emg_publisher_stop(struct emg_publisher *p, bool urgent)
{
    if (!p->started)
        return;
    atomic_store_explicit(&p->urgent, urgent, memory_order_relaxed);
    emg_publisher_finish(p);
    (void)pthread_join(p->thread, NULL);
    p->started = false;
    const int linger_ms = p->lossless && !urgent ? LINGER_MS : URGENT_LINGER_MS;
    (void)zmq_setsockopt(p->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
}

void emg_publisher_destroy(struct emg_publisher *p)
{
    if (p == NULL)
        return;
    emg_publisher_stop(p, true);
    if (p->socket != NULL)
        (void)zmq_close(p->socket);
    for (size_t topic = 0; topic < EMG_TOPIC_COUNT; topic++)
        for (size_t index = 0; index < EMG_MAX_CHANNELS; index++)
            free(p->last[topic][index].body);
    emg_history_clear(&p->history);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}
