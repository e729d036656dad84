#include "clients/emgctl.h"

#include "clients/arguments.h"
#include "clients/curve.h"
#include "clients/emgctl_words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static void print_newline(size_t depth)
{
    printf("\n%*s", (int)(2 * depth), "");
}

/* Lays out valid JSON text without reading its numbers: they stay as the daemon wrote them. */
static void print_indented(const char *text)
{
    static const char *const blanks = " \t\r\n";
    size_t depth = 0;
    bool in_string = false;
    for (const char *c = text; *c != '\0'; c++) {
        if (in_string) {
            putchar(*c);
            if (*c == '\\')
                putchar(*++c);
            else if (*c == '"')
                in_string = false;
        } else if (*c == '{' || *c == '[') {
            putchar(*c);
            const char *next = c + 1 + strspn(c + 1, blanks);
            if (*next == '}' || *next == ']') {
                putchar(*next);
                c = next;
            } else {
                print_newline(++depth);
            }
        } else if (*c == '}' || *c == ']') {
            print_newline(--depth);
            putchar(*c);
        } else if (*c == ',') {
            putchar(*c);
            print_newline(depth);
        } else if (*c == ':') {
            fputs(": ", stdout);
        } else if (strchr(blanks, *c) == NULL) {
            putchar(*c);
            in_string = *c == '"';
        }
    }
    putchar('\n');
}

static int print_done(const struct emg_ctl_request *request, const char *text, const json_t *reply)
{
    if (!request->sentence || !emg_ctl_reply_print(request, reply))
        print_indented(text);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EMG_EXIT_DONE;
    fprintf(stderr, "emgctl: cannot write to standard output: %s\n", strerror(errno));
    return EMG_EXIT_FAILED;
}

void emg_ctl_print_plain(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, out);
}

static int print_error(const char *command, const json_t *error)
{
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *code = json_string_value(json_object_get(error, "code"));
    fprintf(stderr, "emgctl: %s: ", command);
    emg_ctl_print_plain(stderr, message != NULL ? message : "refused without a message");
    if (code != NULL) {
        fputs(" (", stderr);
        emg_ctl_print_plain(stderr, code);
        fputc(')', stderr);
    }
    const char *near =
        code != NULL && strcmp(code, "unknown_command") == 0 ? emg_ctl_word_suggest(command) : NULL;
    if (near != NULL)
        fprintf(stderr, "; do you mean \"%s\"?", near);
    fputc('\n', stderr);
    return EMG_EXIT_FAILED;
}

static int print_reply(const struct emg_ctl_request *request, const char *text, const json_t *reply,
                       bool print)
{
    const json_t *ok = json_object_get(reply, "ok");
    const json_t *id = json_object_get(reply, "id");
    int code = EMG_EXIT_FAILED;
    if (text == NULL || !json_is_boolean(ok))
        fprintf(stderr, "emgctl: %s replied with what is not a reply: is it emgd's control endpoint?\n",
                request->endpoint);
    else if (id != NULL && !json_equal(id, json_object_get(request->body, "id")))
        fprintf(stderr, "emgctl: %s replied to another request\n", request->endpoint);
    else if (json_is_true(ok))
        code = print ? print_done(request, text, reply) : EMG_EXIT_DONE;
    else
        code = print_error(request->command, json_object_get(reply, "error"));
    return code;
}

/* Says what is wrong and returns false when there is no reply to receive. */
static bool wait_for_reply(const struct emg_ctl_request *request, void *socket)
{
    zmq_pollitem_t items[] = {
        {.socket = socket, .events = ZMQ_POLLIN},
        {.fd = request->stop_fd, .events = ZMQ_POLLIN},
    };
    const int n_items = request->stop_fd >= 0 ? 2 : 1;
    int n;
    do
        n = zmq_poll(items, n_items, (long)(request->timeout_s * 1000));
    while (n < 0 && errno == EINTR);
    if (items[0].revents != 0)
        return true;
    if (n > 0)
        fprintf(stderr, "emgctl: not waiting for the reply any more; emgd may have begun %s\n",
                request->command);
    else
        fprintf(stderr,
                "emgctl: no reply from %s within %g s: is emgd running, and is this its control endpoint? "
                "(--control ENDPOINT, --timeout SECONDS)\n",
                request->endpoint, request->timeout_s);
    return false;
}

static int receive_reply(const struct emg_ctl_request *request, void *socket, json_t **out)
{
    if (!wait_for_reply(request, socket))
        return EMG_EXIT_FAILED;
    zmq_msg_t message;
    zmq_msg_init(&message);
    const int n = zmq_msg_recv(&message, socket, ZMQ_DONTWAIT);
    if (n < 0) {
        zmq_msg_close(&message);
        fprintf(stderr, "emgctl: cannot receive from %s: %s\n", request->endpoint, zmq_strerror(errno));
        return EMG_EXIT_FAILED;
    }
    char *text = strndup(zmq_msg_data(&message), (size_t)n);
    json_t *reply = text != NULL && !zmq_msg_more(&message) ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
    const int code = print_reply(request, text, reply, out == NULL);
    if (out != NULL)
        *out = json_incref(reply);
    json_decref(reply);
    free(text);
    zmq_msg_close(&message);
    return code;
}

static bool configure(void *socket, double timeout_s)
{
    const int linger_ms = 0;
    const int timeout_ms = (int)(timeout_s * 1000);
    return zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) == 0 &&
           zmq_setsockopt(socket, ZMQ_SNDTIMEO, &timeout_ms, sizeof timeout_ms) == 0;
}

int emg_ctl_request(const struct emg_ctl_request *request, json_t **reply)
{
    int code = EMG_EXIT_FAILED;
    char problem[600];
    char *text = json_dumps(request->body, JSON_COMPACT);
    void *context = zmq_ctx_new();
    void *socket = context != NULL ? zmq_socket(context, ZMQ_REQ) : NULL;
    if (text == NULL || socket == NULL || !configure(socket, request->timeout_s))
        fprintf(stderr, "emgctl: %s: cannot make the request: %s\n", request->command, strerror(errno));
    else if (!emg_curve_client(socket, request->server_key, request->secret_key, problem, sizeof problem))
        fprintf(stderr, "emgctl: %s\n", problem);
    else if (zmq_connect(socket, request->endpoint) != 0)
        code = emg_argument_bad_endpoint("emgctl", "--control", request->endpoint);
    else if (zmq_send(socket, text, strlen(text), 0) < 0)
        fprintf(stderr, "emgctl: cannot send to %s: %s\n", request->endpoint, zmq_strerror(errno));
    else
        code = receive_reply(request, socket, reply);
    if (socket != NULL)
        zmq_close(socket);
    if (context != NULL)
        zmq_ctx_term(context);
    free(text);
    return code;
}
