#include "clients/emgtop.h"

#include "clients/arguments.h"
#include "clients/curve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct emg_top_snapshot {
    void *context, *socket;
    bool asked;
};

/* IMMEDIATE: what is asked while the daemon is away is not sent later. */
static bool configure(void *socket)
{
    const int none = 0, immediate = 1;
    return zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none) == 0 &&
           zmq_setsockopt(socket, ZMQ_IMMEDIATE, &immediate, sizeof immediate) == 0;
}

static bool connect_socket(void *socket, const struct emg_feed_source *source)
{
    char problem[600];
    if (!emg_curve_client(socket, source->server_key, source->secret_key, problem, sizeof problem)) {
        fprintf(stderr, "emgtop: %s\n", problem);
        return false;
    }
    if (zmq_connect(socket, source->endpoint) == 0)
        return true;
    (void)emg_argument_bad_endpoint("emgtop", "--control", source->endpoint);
    return false;
}

struct emg_top_snapshot *emg_top_snapshot_create(const struct emg_feed_source *source)
{
    struct emg_top_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot != NULL)
        snapshot->context = zmq_ctx_new();
    if (snapshot != NULL && snapshot->context != NULL)
        snapshot->socket = zmq_socket(snapshot->context, ZMQ_DEALER);
    if (snapshot == NULL || snapshot->socket == NULL || !configure(snapshot->socket))
        fprintf(stderr, "emgtop: cannot ask the daemon: %s\n", strerror(errno));
    else if (connect_socket(snapshot->socket, source))
        return snapshot;
    emg_top_snapshot_destroy(snapshot);
    return NULL;
}

static void ask(struct emg_top_snapshot *snapshot)
{
    static const char request[] = "{\"command\":\"snapshot\"}";
    if (zmq_send(snapshot->socket, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE) != 0)
        return;
    snapshot->asked = zmq_send(snapshot->socket, request, sizeof request - 1, ZMQ_DONTWAIT) >= 0;
}

void emg_top_snapshot_exchange(struct emg_top_snapshot *snapshot, struct emg_top *top)
{
    if (top->arrival_ns == 0)
        snapshot->asked = false; /* another stream will come */
    else if (!snapshot->asked)
        ask(snapshot);
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, snapshot->socket, ZMQ_DONTWAIT) >= 0) {
        if (zmq_msg_more(&part) != 0 || zmq_msg_size(&part) == 0)
            continue; /* the delimiter */
        json_t *reply = json_loadb(zmq_msg_data(&part), zmq_msg_size(&part), 0, NULL);
        emg_top_update_snapshot(top, reply);
        json_decref(reply);
    }
    zmq_msg_close(&part);
}

void emg_top_snapshot_destroy(struct emg_top_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    if (snapshot->socket != NULL)
        zmq_close(snapshot->socket);
    if (snapshot->context != NULL)
        zmq_ctx_term(snapshot->context);
    free(snapshot);
}
