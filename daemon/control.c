#include "daemon/control.h"

#include "daemon/clock.h"
#include "daemon/devices.h"
#include "daemon/json.h"
#include "daemon/limiter.h"
#include "daemon/security.h"
#include "daemon/version.h"
#include "daemon/wire.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum {
    LONGEST_REQUEST = 64 * 1024,
    LONGEST_MESSAGE = 1024 * 1024, /* beyond that ZeroMQ closes the connection itself */
    MOST_UNREAD = 16,  /* requests of a connection; ZeroMQ lets the next ones wait in the network */
    MOST_UNSENT = 128, /* replies to a connection that does not read; the next ones are lost */
    REPLY_SIZE = 1024 * 1024,
    MOST_PARTS = 8,
    POLL_MS = 100,
};

struct emg_control {
    struct emg_control_config config;
    void *socket;
    pthread_t thread;
    bool started;
    _Atomic bool stop;
    char *reply; /* [REPLY_SIZE] */
    struct emg_limiter limiter;
};

/* What a command says besides "ok": writes members into the open reply object. */
typedef void reply_to(struct emg_control *c, struct emg_json *json);

static void reply_ping(struct emg_control *c, struct emg_json *json)
{
    (void)c;
    emg_json_string(json, "version", EMG_VERSION);
    emg_json_unsigned(json, "protocol", EMG_PROTOCOL_VERSION);
}

static void reply_status(struct emg_control *c, struct emg_json *json)
{
    emg_publisher_status(c->config.publisher, json);
}

static void reply_config(struct emg_control *c, struct emg_json *json)
{
    enum { CONFIG_SIZE = 64 * 1024 };
    char *text = malloc(CONFIG_SIZE);
    const bool ok = text != NULL && emg_config_json(c->config.config, text, CONFIG_SIZE);
    emg_json_raw(json, "config", ok ? text : "null");
    free(text);
}

static void reply_devices(struct emg_control *c, struct emg_json *json)
{
    (void)c;
    emg_devices_json(json);
}

static void reply_snapshot(struct emg_control *c, struct emg_json *json)
{
    emg_publisher_snapshot(c->config.publisher, json);
}

static void reply_session_events(struct emg_control *c, struct emg_json *json)
{
    emg_publisher_history(c->config.publisher, json);
}

static void reply_shutdown(struct emg_control *c, struct emg_json *json)
{
    (void)json;
    const uint64_t one = 1;
    if (write(c->config.shutdown_fd, &one, sizeof one) < 0)
        return; /* a shutdown is already on its way */
}

static const struct {
    const char *command;
    reply_to *reply;
} commands[] = {
    {"ping", reply_ping},         {"status", reply_status},     {"config", reply_config},
    {"devices", reply_devices},   {"snapshot", reply_snapshot}, {"session.events", reply_session_events},
    {"shutdown", reply_shutdown},
};

static void begin_reply(struct emg_control *c, struct emg_json *json, const json_t *id, bool ok)
{
    emg_json_init(json, c->reply, REPLY_SIZE);
    emg_json_open_object(json, NULL);
    emg_json_bool(json, "ok", ok);
    char *id_text = id != NULL ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (id_text != NULL)
        emg_json_raw(json, "id", id_text);
    free(id_text);
}

static void write_error(struct emg_control *c, const json_t *id, const char *code, const char *message)
{
    struct emg_json json;
    begin_reply(c, &json, id, false);
    emg_json_open_object(&json, "error");
    emg_json_string(&json, "code", code);
    emg_json_string(&json, "message", message);
    emg_json_close_object(&json);
    emg_json_close_object(&json);
}

/* The commands that change something. */
static void answer_session(struct emg_control *c, const json_t *request, const json_t *id,
                           enum emg_command_kind kind)
{
    struct emg_json json;
    struct emg_control_refusal refusal;
    begin_reply(c, &json, id, true);
    if (emg_control_session_run(&c->config.session, kind, request, &json, &refusal))
        emg_json_close_object(&json);
    else
        write_error(c, id, refusal.code, refusal.message);
}

static void write_unknown_command(struct emg_control *c, const json_t *id, const char *command)
{
    char message[400] = "";
    size_t used = (size_t)snprintf(message, sizeof message, "no command \"%.40s\"; there are", command);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && used < sizeof message; i++)
        used += (size_t)snprintf(message + used, sizeof message - used, "%s %s", i > 0 ? "," : "",
                                 commands[i].command);
    for (unsigned kind = 0; kind < EMG_COMMANDS && used < sizeof message; kind++)
        used += (size_t)snprintf(message + used, sizeof message - used, ", %s",
                                 emg_command_name((enum emg_command_kind)kind));
    write_error(c, id, "unknown_command", message);
}

static void answer_object(struct emg_control *c, const json_t *request)
{
    const json_t *id = json_object_get(request, "id");
    const json_t *command = json_object_get(request, "command");
    if (!json_is_string(command)) {
        write_error(c, id, "bad_request", "\"command\" must be a string, as in {\"command\": \"ping\"}");
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(json_string_value(command), commands[i].command) != 0)
            continue;
        struct emg_json json;
        begin_reply(c, &json, id, true);
        commands[i].reply(c, &json);
        emg_json_close_object(&json);
        if (json.overflow)
            write_error(c, id, "internal", "the reply is too long");
        return;
    }
    const enum emg_command_kind kind = emg_command_find(json_string_value(command));
    if (kind != EMG_COMMANDS)
        answer_session(c, request, id, kind);
    else
        write_unknown_command(c, id, json_string_value(command));
}

static void answer(struct emg_control *c, const char *request, size_t length)
{
    if (length > LONGEST_REQUEST) {
        write_error(c, NULL, "too_large", "a request may have 65536 bytes at most");
        return;
    }
    json_error_t error;
    json_t *root = json_loadb(request, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        write_error(c, NULL, "bad_json", error.text);
    else if (!json_is_object(root))
        write_error(c, NULL, "bad_request", "a request is one JSON object");
    else
        answer_object(c, root);
    json_decref(root);
}

/* The parts of one request: the envelope that leads back to the client, then the body. The envelope is the
 * client's identity, and from a REQ socket what it adds (with ZMQ_REQ_CORRELATE a number) up to an empty
 * part. */
struct request {
    zmq_msg_t parts[MOST_PARTS];
    size_t n_parts;
    bool too_many;
};

static bool receive(void *socket, struct request *request)
{
    *request = (struct request){.n_parts = 0};
    int more = 1;
    while (more) {
        zmq_msg_t part;
        (void)zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&part);
            return false;
        }
        more = zmq_msg_more(&part);
        if (request->n_parts == MOST_PARTS) {
            request->too_many = true;
            (void)zmq_msg_close(&part);
            continue;
        }
        (void)zmq_msg_init(&request->parts[request->n_parts]);
        (void)zmq_msg_move(&request->parts[request->n_parts++], &part);
        (void)zmq_msg_close(&part);
    }
    return true;
}

static void refuse(struct emg_control *c, zmq_msg_t *body)
{
    const size_t length = zmq_msg_size(body);
    json_t *root = length <= LONGEST_REQUEST ? json_loadb(zmq_msg_data(body), length, 0, NULL) : NULL;
    write_error(c, json_object_get(root, "id"), "rate_limited",
                "too many requests: a client may make 200 a second");
    json_decref(root);
}

static size_t find_body(struct request *request)
{
    for (size_t i = 1; i + 1 < request->n_parts; i++)
        if (zmq_msg_size(&request->parts[i]) == 0)
            return i + 1;
    return 1;
}

static void serve(struct emg_control *c, struct request *request)
{
    const size_t body = find_body(request);
    if (request->n_parts < 2)
        return;
    const enum emg_limit limit = emg_limiter_ask(&c->limiter, zmq_msg_data(&request->parts[0]),
                                                 zmq_msg_size(&request->parts[0]), emg_clock_monotonic_ns());
    if (limit == EMG_LIMIT_DROP)
        return;
    if (limit == EMG_LIMIT_REFUSE)
        refuse(c, &request->parts[body]);
    else if (request->too_many || request->n_parts != body + 1)
        write_error(c, NULL, "bad_request", "a request is one message part");
    else
        answer(c, zmq_msg_data(&request->parts[body]), zmq_msg_size(&request->parts[body]));
    for (size_t i = 0; i < body; i++)
        if (zmq_msg_send(&request->parts[i], c->socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
            return; /* the client has gone */
    (void)zmq_send(c->socket, c->reply, strlen(c->reply), ZMQ_DONTWAIT);
}

static void *run(void *argument)
{
    struct emg_control *c = argument;
    (void)pthread_setname_np(pthread_self(), "emgd control");
    while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
        zmq_pollitem_t item = {.socket = c->socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, POLL_MS) <= 0)
            continue;
        struct request request;
        if (receive(c->socket, &request))
            serve(c, &request);
        for (size_t i = 0; i < request.n_parts; i++)
            (void)zmq_msg_close(&request.parts[i]);
    }
    return NULL;
}

static enum emg_error bind_socket(struct emg_control *c, struct emg_problem *problem)
{
    const int64_t longest = LONGEST_MESSAGE;
    const int linger_ms = 500, most_unread = MOST_UNREAD, most_unsent = MOST_UNSENT;
    c->socket = zmq_socket(c->config.context, ZMQ_ROUTER);
    if (c->socket == NULL || zmq_setsockopt(c->socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest) != 0 ||
        zmq_setsockopt(c->socket, ZMQ_RCVHWM, &most_unread, sizeof most_unread) != 0 ||
        zmq_setsockopt(c->socket, ZMQ_SNDHWM, &most_unsent, sizeof most_unsent) != 0 ||
        zmq_setsockopt(c->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "publish.control: no socket: %s",
                               zmq_strerror(errno));
    if (!emg_security_bind(c->config.security, c->socket, c->config.endpoint))
        return emg_problem_set(problem, EMG_ERROR_IO, "publish.control: cannot bind %s: %s",
                               c->config.endpoint, zmq_strerror(errno));
    return EMG_OK;
}

enum emg_error emg_control_create(struct emg_control **out, const struct emg_control_config *config,
                                  struct emg_problem *problem)
{
    *out = NULL;
    struct emg_control *c = calloc(1, sizeof *c);
    if (c == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "control: %s", emg_strerror(EMG_ERROR_MEMORY));
    c->config = *config;
    emg_limiter_init(&c->limiter);
    c->reply = malloc(REPLY_SIZE);
    enum emg_error error = c->reply != NULL ? bind_socket(c, problem)
                                            : emg_problem_set(problem, EMG_ERROR_MEMORY, "control: %s",
                                                              emg_strerror(EMG_ERROR_MEMORY));
    if (error == EMG_OK && pthread_create(&c->thread, NULL, run, c) != 0)
        error = emg_problem_set(problem, EMG_ERROR_IO, "control: no thread could be started");
    c->started = error == EMG_OK;
    if (error != EMG_OK) {
        emg_control_destroy(c);
        return error;
    }
    *out = c;
    return EMG_OK;
}

void emg_control_destroy(struct emg_control *c)
{
    if (c == NULL)
        return;
    atomic_store_explicit(&c->stop, true, memory_order_relaxed);
    if (c->started)
        (void)pthread_join(c->thread, NULL);
    if (c->socket != NULL)
        (void)zmq_close(c->socket);
    free(c->reply);
    free(c);
}
