#include "clients/emgweb.h"

#include "clients/arguments.h"
#include "clients/curve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { PENDING = 64, LONGEST_REPLY = EMG_WEB_FRAME_SIZE / 2 };

static const int64_t CONNECT_NS = 2000000000; /* a request waits so long for a connection */
static const int64_t ANSWER_NS = 20000000000;

struct pending {
    json_int_t number;               /* of the request on the control socket; 0: this place is free */
    struct emg_web_browser *browser; /* NULL: it has gone */
    bool is_past;                    /* emgweb's own: what it has missed */
    json_t *id;                      /* as the browser wrote it; NULL: none */
    char *unsent;                    /* the request, while there is no connection; NULL: sent */
    int64_t asked_ns;                /* CLOCK_MONOTONIC */
};

struct emg_web_control {
    struct emg_web *web;
    void *context, *socket;
    json_int_t last_number;
    struct pending pending[PENDING];
    struct emg_web_watch watch;
    lws_sorted_usec_list_t timer;
};

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- replies --- */

static void refuse(struct emg_web_browser *browser, json_t *id, const char *code, const char *message);

static void deliver(struct emg_web_browser *browser, json_t *id, json_t *reply)
{
    json_t *message = reply != NULL ? json_pack("{s:O?, s:O}", "id", id, "reply", reply) : NULL;
    char *text = message != NULL ? json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(message);
    if (text != NULL && strlen(text) > LONGEST_REPLY) {
        free(text);
        refuse(browser, id, "too_large", "the answer is too long for a page; see emgctl");
    } else if (text != NULL) {
        emg_web_browser_reply(browser, text);
    }
}

static void refuse(struct emg_web_browser *browser, json_t *id, const char *code, const char *message)
{
    json_t *reply = json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "code", code, "message", message);
    deliver(browser, id, reply);
    json_decref(reply);
}

static void release(struct pending *pending)
{
    json_decref(pending->id);
    free(pending->unsent);
    *pending = (struct pending){0};
}

/* What came by the stream in the meantime is newer. */
static bool has_come(const struct emg_web_store *store, const char *topic, const json_t *body)
{
    return strncmp(topic, "event.", strlen("event.")) == 0 ? emg_web_store_has_event(store, topic, body)
                                                           : emg_web_store_has(store, topic);
}

static void take_past(struct emg_web *web, const json_t *reply)
{
    const json_t *messages = json_object_get(reply, "messages");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        const char *topic = json_string_value(json_object_get(message, "topic"));
        const json_t *body = json_object_get(message, "body");
        if (topic == NULL || !json_is_object(body) || has_come(&web->store, topic, body))
            continue;
        char *text = json_dumps(body, JSON_REAL_PRECISION(17));
        if (text != NULL)
            emg_web_store_put(&web->store,
                              &(struct emg_feed_message){.topic = topic, .body = text, .json = body});
        free(text);
    }
}

static void take_reply(struct emg_web_control *c, json_t *reply)
{
    const json_int_t number = json_integer_value(json_object_get(reply, "id"));
    for (size_t i = 0; i < PENDING; i++) {
        struct pending *pending = &c->pending[i];
        if (number == 0 || pending->number != number)
            continue;
        (void)json_object_del(reply, "id");
        if (pending->is_past)
            take_past(c->web, reply);
        else if (pending->browser != NULL)
            deliver(pending->browser, pending->id, reply);
        release(pending);
    }
}

static void receive(struct emg_web_control *c)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, c->socket, ZMQ_DONTWAIT) >= 0) {
        if (zmq_msg_more(&part) != 0 || zmq_msg_size(&part) == 0)
            continue; /* the delimiter */
        json_t *reply = json_loadb(zmq_msg_data(&part), zmq_msg_size(&part), 0, NULL);
        if (reply != NULL)
            take_reply(c, reply);
        json_decref(reply);
    }
    zmq_msg_close(&part);
}

static struct pending *first_unsent(struct emg_web_control *c)
{
    struct pending *first = NULL;
    for (size_t i = 0; i < PENDING; i++)
        if (c->pending[i].unsent != NULL && (first == NULL || c->pending[i].number < first->number))
            first = &c->pending[i];
    return first;
}

/* Sends, in their order, what a connection can take; receives what has come. */
static void exchange(void *user)
{
    struct emg_web_control *c = user;
    for (struct pending *pending = first_unsent(c); pending != NULL; pending = first_unsent(c)) {
        if (zmq_send(c->socket, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE) != 0)
            break;
        (void)zmq_send(c->socket, pending->unsent, strlen(pending->unsent), ZMQ_DONTWAIT);
        free(pending->unsent);
        pending->unsent = NULL;
    }
    receive(c);
}

/* Nothing happens later that was asked for now: what could not be sent at once is not sent at all. */
static void give_up_late(struct pending *pending)
{
    const int64_t waited_ns = now_ns() - pending->asked_ns;
    const bool unsent = pending->unsent != NULL;
    if (pending->number == 0 || waited_ns < (unsent ? CONNECT_NS : ANSWER_NS))
        return;
    if (pending->browser != NULL)
        refuse(pending->browser, pending->id, unsent ? "not_connected" : "no_answer",
               unsent ? "emgd is not there: nothing was done"
                      : "emgd did not answer; whether it did what was asked is not known");
    release(pending);
}

static void look_for_late(lws_sorted_usec_list_t *timer)
{
    struct emg_web_control *c = lws_container_of(timer, struct emg_web_control, timer);
    exchange(c);
    for (size_t i = 0; i < PENDING; i++)
        give_up_late(&c->pending[i]);
    lws_sul_schedule(c->web->context, 0, &c->timer, look_for_late, LWS_US_PER_SEC / 4);
}

/* --- requests --- */

static struct pending *add_pending(struct emg_web_control *c)
{
    for (size_t i = 0; i < PENDING; i++)
        if (c->pending[i].number == 0) {
            c->pending[i] = (struct pending){.number = ++c->last_number, .asked_ns = now_ns()};
            return &c->pending[i];
        }
    return NULL;
}

static void ask(struct emg_web_control *c, struct pending *pending, const json_t *request)
{
    pending->unsent = json_dumps(request, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (pending->unsent == NULL)
        release(pending);
    exchange(c);
}

void emg_web_control_request(struct emg_web_control *c, struct emg_web_browser *browser, json_t *request)
{
    json_t *id = json_object_get(request, "id");
    const char *command = json_string_value(json_object_get(request, "command"));
    if (id != NULL && !json_is_integer(id)) {
        refuse(browser, NULL, "bad_request", "\"id\" must be a whole number");
        return;
    }
    if (command == NULL || strcmp(command, "shutdown") == 0) {
        refuse(browser, id, "not_allowed", "a page cannot do this; see emgctl");
        return;
    }
    struct pending *pending = add_pending(c);
    if (pending == NULL) {
        refuse(browser, id, "busy", "too many requests are waiting for an answer of emgd");
        return;
    }
    pending->browser = browser;
    pending->id = json_incref(id);
    json_t *numbered = json_copy(request);
    (void)json_object_set_new(numbered, "id", json_integer(pending->number));
    ask(c, pending, numbered);
    json_decref(numbered);
}

void emg_web_control_ask_past(struct emg_web_control *c)
{
    static const char *const commands[] = {"session.events", "snapshot"};
    for (size_t i = 0; i < 2; i++) {
        struct pending *pending = add_pending(c);
        if (pending == NULL)
            return;
        pending->is_past = true;
        json_t *request = json_pack("{s:s, s:I}", "command", commands[i], "id", pending->number);
        ask(c, pending, request);
        json_decref(request);
    }
}

void emg_web_control_forget(struct emg_web_control *c, const struct emg_web_browser *browser)
{
    for (size_t i = 0; c != NULL && i < PENDING; i++)
        if (c->pending[i].browser == browser)
            c->pending[i].browser = NULL;
}

/* --- the socket --- */

static bool configure(void *socket)
{
    static const struct {
        int option, value;
    } settings[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_IMMEDIATE, 1},
        {ZMQ_RECONNECT_IVL, 50},
        {ZMQ_SNDHWM, PENDING},
        {ZMQ_RECONNECT_IVL_MAX, 500},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 10},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (zmq_setsockopt(socket, settings[i].option, &settings[i].value, sizeof settings[i].value) != 0)
            return false;
    return true;
}

static bool connect_socket(struct emg_web_control *c)
{
    const struct emg_web_options *o = &c->web->options;
    char problem[600];
    if (!emg_curve_client(c->socket, o->feed.server_key, o->feed.secret_key, problem, sizeof problem)) {
        fprintf(stderr, "emgweb: %s\n", problem);
        return false;
    }
    if (zmq_connect(c->socket, o->control) == 0)
        return true;
    (void)emg_argument_bad_endpoint("emgweb", "--control", o->control);
    return false;
}

struct emg_web_control *emg_web_control_create(struct emg_web *web)
{
    struct emg_web_control *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->web = web;
    c->context = zmq_ctx_new();
    c->socket = c->context != NULL ? zmq_socket(c->context, ZMQ_DEALER) : NULL;
    c->watch = (struct emg_web_watch){.readable = exchange, .user = c};
    int fd = -1;
    size_t size = sizeof fd;
    if (c->socket != NULL && configure(c->socket) && connect_socket(c) &&
        zmq_getsockopt(c->socket, ZMQ_FD, &fd, &size) == 0 && emg_web_watch(web, &c->watch, fd)) {
        lws_sul_schedule(web->context, 0, &c->timer, look_for_late, LWS_US_PER_SEC / 4);
        return c;
    }
    emg_web_control_destroy(c);
    return NULL;
}

void emg_web_control_destroy(struct emg_web_control *c)
{
    if (c == NULL)
        return;
    lws_sul_cancel(&c->timer);
    emg_web_unwatch(&c->watch);
    for (size_t i = 0; i < PENDING; i++)
        release(&c->pending[i]);
    if (c->socket != NULL)
        zmq_close(c->socket);
    if (c->context != NULL)
        zmq_ctx_term(c->context);
    free(c);
}
