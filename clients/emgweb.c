#include "clients/emgweb.h"

#include "clients/arguments.h"
#include "clients/stop.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { TOKEN_BYTES = 16, TOKEN_SIZE = 2 * TOKEN_BYTES + 1 };

static const char *const COMMON_TOPICS[] = {
    "status", "activation.", "burst.", "fatigue.", "stride.", "profile.", "leg.", "symmetry.", "event.",
};

static const int64_t SILENCE_NS = 3000000000; /* status comes every second */

struct program {
    struct emg_web web;
    char token[TOKEN_SIZE];
    struct emg_web_watch feed_watch, stop_watch;
    lws_sorted_usec_list_t timer;
    int64_t heard_ns; /* when the last message came; 0: never */
    bool alive, stopped;
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct emg_web *emg_web_of(struct lws *wsi)
{
    struct program *program = lws_context_user(lws_get_context(wsi));
    return &program->web;
}

/* --- the loop's other descriptors --- */

static int watch_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    (void)user, (void)in, (void)n;
    struct emg_web_watch *watch = lws_get_opaque_user_data(wsi);
    if (reason == LWS_CALLBACK_RAW_RX_FILE && watch != NULL)
        watch->readable(watch->user);
    if (reason == LWS_CALLBACK_RAW_CLOSE_FILE && watch != NULL)
        watch->wsi = NULL;
    return 0;
}

bool emg_web_watch(struct emg_web *web, struct emg_web_watch *watch, int fd)
{
    const int copy = dup(fd);
    lws_adopt_desc_t description = {
        .vh = web->vhost,
        .type = LWS_ADOPT_RAW_FILE_DESC,
        .fd.filefd = copy,
        .vh_prot_name = "watch",
        .opaque = watch,
    };
    watch->wsi = copy >= 0 ? lws_adopt_descriptor_vhost_via_info(&description) : NULL;
    if (watch->wsi == NULL)
        fprintf(stderr, "emgweb: cannot listen to a descriptor: %s\n", strerror(errno));
    return watch->wsi != NULL;
}

void emg_web_unwatch(struct emg_web_watch *watch)
{
    if (watch->wsi == NULL)
        return;
    lws_set_opaque_user_data(watch->wsi, NULL);
    lws_set_timeout(watch->wsi, PENDING_TIMEOUT_CLOSE_ACK, LWS_TO_KILL_ASYNC);
    watch->wsi = NULL;
}

/* --- the stream --- */

static void wake_browsers(struct emg_web *web)
{
    for (struct emg_web_browser *b = web->browsers; b != NULL; b = b->next)
        lws_callback_on_writable(b->wsi);
}

/* Tells the pages whether anything comes from emgd. */
static void set_alive(struct program *program, bool alive)
{
    program->alive = alive;
    emg_web_store_put(&program->web.store,
                      &(struct emg_feed_message){.topic = "link",
                                                 .body = alive ? "{\"alive\": true}" : "{\"alive\": false}"});
}

void emg_web_take(struct emg_web *web)
{
    struct program *program = lws_container_of(web, struct program, web);
    struct emg_feed_message message;
    bool any = false;
    while (emg_feed_take(web->feed, &message)) {
        any = true;
        if (message.problem != NULL)
            fprintf(stderr, "emgweb: a message of %s is left out: %s\n", message.topic, message.problem);
        else
            emg_web_store_put(&web->store, &message);
    }
    if (!any)
        return;
    program->heard_ns = monotonic_ns();
    if (!program->alive) {
        set_alive(program, true);
        emg_web_control_ask_past(web->control);
    }
    wake_browsers(web);
}

static void take(void *user)
{
    emg_web_take(user);
}

/* What was last heard says nothing of now. */
static void look_for_silence(lws_sorted_usec_list_t *timer)
{
    struct program *program = lws_container_of(timer, struct program, timer);
    emg_web_take(&program->web);
    if (program->alive && monotonic_ns() - program->heard_ns > SILENCE_NS) {
        emg_web_store_forget(&program->web.store, "");
        set_alive(program, false);
        wake_browsers(&program->web);
    }
    lws_sul_schedule(program->web.context, 0, &program->timer, look_for_silence, LWS_US_PER_SEC / 4);
}

void emg_web_wants_changed(struct emg_web *web, const char *topic, bool wanted)
{
    if (wanted)
        (void)emg_feed_subscribe(web->feed, topic);
    else
        emg_feed_unsubscribe(web->feed, topic);
}

static bool subscribe(struct emg_web *web)
{
    for (size_t i = 0; i < sizeof COMMON_TOPICS / sizeof COMMON_TOPICS[0]; i++)
        if (!emg_feed_subscribe(web->feed, COMMON_TOPICS[i])) {
            fprintf(stderr, "emgweb: cannot subscribe at %s: %s\n", web->options.feed.endpoint,
                    strerror(errno));
            return false;
        }
    return true;
}

/* --- the program --- */

static bool make_token(struct program *program)
{
    unsigned char random[TOKEN_BYTES];
    if (program->web.options.is_loopback)
        return true;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        fprintf(stderr, "emgweb: no token can be made: %s\n", strerror(errno));
        return false;
    }
    for (size_t i = 0; i < TOKEN_BYTES; i++)
        (void)snprintf(program->token + 2 * i, 3, "%02x", random[i]);
    program->web.options.token = program->token;
    return true;
}

static void log_line(int level, const char *line)
{
    (void)level;
    fprintf(stderr, "emgweb: %s", line);
}

static bool create_server(struct program *program)
{
    static const lws_retry_bo_t patience = {.secs_since_valid_ping = 30, .secs_since_valid_hangup = 180};
    static struct lws_protocols protocols[] = {
        {.name = "http", .callback = emg_web_http_callback},
        {.name = "emgweb-1",
         .callback = emg_web_browser_callback,
         .per_session_data_size = sizeof(struct emg_web_browser),
         .rx_buffer_size = 4096},
        {.name = "watch", .callback = watch_callback},
        {0},
    };
    protocols[0].per_session_data_size = emg_web_http_bytes();
    struct emg_web *web = &program->web;
    struct lws_context_creation_info info = {
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .port = web->options.port,
        .iface = web->options.host,
        .protocols = protocols,
        .user = program,
        .retry_and_idle_policy = &patience,
    };
    lws_set_log_level(LLL_ERR, log_line);
    web->context = lws_create_context(&info);
    web->vhost = web->context != NULL ? lws_create_vhost(web->context, &info) : NULL;
    if (web->vhost == NULL)
        fprintf(
            stderr,
            "emgweb: cannot listen at %s:%d: is the address this computer's, and the port free? (--listen)\n",
            web->options.host, web->options.port);
    return web->vhost != NULL;
}

static void say_address(const struct program *program)
{
    const struct emg_web_options *o = &program->web.options;
    const bool colons = strchr(o->host, ':') != NULL;
    printf("emgweb: http://%s%s%s:%d/%s%s\n", colons ? "[" : "", o->host, colons ? "]" : "",
           lws_get_vhost_listen_port(program->web.vhost), o->token != NULL ? "?token=" : "",
           o->token != NULL ? o->token : "");
    (void)fflush(stdout);
}

static void stop(void *user)
{
    struct program *program = user;
    program->stopped = true;
}

static int run(struct program *program, int stop_fd)
{
    struct emg_web *web = &program->web;
    program->feed_watch = (struct emg_web_watch){.readable = take, .user = web};
    program->stop_watch = (struct emg_web_watch){.readable = stop, .user = program};
    web->feed = emg_feed_create(&web->options.feed, "emgweb");
    if (web->feed == NULL)
        return EMG_EXIT_USAGE;
    if (!create_server(program))
        return EMG_EXIT_FAILED;
    web->control = emg_web_control_create(web);
    if (web->control == NULL)
        return EMG_EXIT_USAGE;
    if (!subscribe(web) || !emg_web_watch(web, &program->feed_watch, emg_feed_fd(web->feed)) ||
        !emg_web_watch(web, &program->stop_watch, stop_fd))
        return EMG_EXIT_FAILED;
    set_alive(program, false);
    lws_sul_schedule(web->context, 0, &program->timer, look_for_silence, LWS_US_PER_SEC / 4);
    say_address(program);
    while (!program->stopped)
        if (lws_service(web->context, 0) < 0)
            return EMG_EXIT_FAILED;
    return EMG_EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL)
        return EMG_EXIT_FAILED;
    int code = emg_web_options_read(&program->web.options, argc, argv);
    const int stop_fd = code < 0 ? emg_stop_open(INFINITY) : -1;
    if (code < 0 && stop_fd < 0)
        fprintf(stderr, "emgweb: cannot use standard output: %s\n", strerror(errno));
    if (code < 0)
        code = stop_fd >= 0 && make_token(program) ? run(program, stop_fd) : EMG_EXIT_FAILED;
    lws_sul_cancel(&program->timer);
    emg_web_control_destroy(program->web.control);
    program->web.control = NULL;
    if (program->web.context != NULL)
        lws_context_destroy(program->web.context);
    emg_feed_destroy(program->web.feed);
    emg_web_store_clear(&program->web.store);
    free(program);
    return code;
}
