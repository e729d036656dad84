#include "clients/emgweb.h"

#include "clients/arguments.h"
#include "clients/stop.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_ENDPOINT "tcp://127.0.0.1:5557"

static const char help[] =
    "usage: emgweb [--listen ADDRESS:PORT] [OPTION]...\n"
    "\n"
    "Serves the dashboard: what emgd measures, live, the guided test and its report. Needs no network but "
    "the\n"
    "browser's connection. Ctrl-C ends it.\n"
    "\n"
    "  --listen ADDRESS:PORT  (127.0.0.1:8080); beyond this computer only with a token, which is in the "
    "address\n"
    "                         that emgweb prints; port 0: any that is free\n"
    "  --data ENDPOINT        of emgd's data socket (" EMG_FEED_ENDPOINT ")\n"
    "  --control ENDPOINT     of its control socket (" CONTROL_ENDPOINT ")\n"
    "  --recordings DIR       emgd's recording.directory, for the reports (.)\n"
    "  --server-key KEY       of an emgd with security.mode \"curve\": its public key, or the file with it\n"
    "  --secret-key FILE      your own\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

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
        emg_web_control_snapshot(web->control);
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

/* --- options --- */

static int usage(const char *problem, const char *word)
{
    fprintf(stderr, "emgweb: %s%s; see emgweb --help\n", problem, word);
    return EMG_EXIT_USAGE;
}

/* "127.0.0.1:8080", "[::1]:8080". */
static bool read_listen(struct emg_web_options *o, const char *text)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    const long port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    const bool brackets = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
    const char *host = brackets ? text + 1 : text;
    const size_t n = colon != NULL ? (size_t)(colon - host) - brackets : 0;
    if (n == 0 || n >= sizeof o->host || end == colon + 1 || *end != '\0' || port < 0 || port > 65535)
        return false;
    (void)snprintf(o->host, sizeof o->host, "%.*s", (int)n, host);
    o->port = (int)port;
    o->is_loopback = strncmp(o->host, "127.", 4) == 0 || strcmp(o->host, "::1") == 0;
    return true;
}

enum {
    OPTION_LISTEN = 256,
    OPTION_DATA,
    OPTION_CONTROL,
    OPTION_RECORDINGS,
    OPTION_SERVER_KEY,
    OPTION_SECRET_KEY,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option known[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"data", required_argument, NULL, OPTION_DATA},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"recordings", required_argument, NULL, OPTION_RECORDINGS},
    {"server-key", required_argument, NULL, OPTION_SERVER_KEY},
    {"secret-key", required_argument, NULL, OPTION_SECRET_KEY},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

/* Returns an exit code, or -1: go on. */
static int take_option(struct emg_web_options *o, int option, char **argv)
{
    switch (option) {
    case OPTION_LISTEN:
        return read_listen(o, optarg) ? -1 : usage("--listen wants ADDRESS:PORT, not ", optarg);
    case OPTION_DATA:
        o->feed.endpoint = optarg;
        return -1;
    case OPTION_CONTROL:
        o->control = optarg;
        return -1;
    case OPTION_RECORDINGS:
        o->recordings = optarg;
        return -1;
    case OPTION_SERVER_KEY:
        o->feed.server_key = optarg;
        return -1;
    case OPTION_SECRET_KEY:
        o->feed.secret_key = optarg;
        return -1;
    case OPTION_HELP:
        fputs(help, stdout);
        return EMG_EXIT_DONE;
    case OPTION_VERSION:
        emg_argument_version("emgweb");
        return EMG_EXIT_DONE;
    default:
        return usage(option == ':' ? "a value is missing behind " : "no such option: ", argv[optind - 1]);
    }
}

static int read_options(struct emg_web_options *o, int argc, char **argv)
{
    *o = (struct emg_web_options){
        .feed.endpoint = EMG_FEED_ENDPOINT, .control = CONTROL_ENDPOINT, .recordings = "."};
    (void)read_listen(o, "127.0.0.1:8080");
    opterr = 0;
    for (;;) {
        const int option = getopt_long(argc, argv, ":", known, NULL);
        if (option == -1)
            return optind < argc ? usage("what is this for? ", argv[optind]) : -1;
        const int code = take_option(o, option, argv);
        if (code >= 0)
            return code;
    }
}

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

/* --- the program --- */

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
    int code = read_options(&program->web.options, argc, argv);
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
