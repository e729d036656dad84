#include "daemon/keys.h"
#include "daemon/security.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

enum {
    PATIENCE_MS = 20000, /* for what must come: only a broken program waits so long */
    MOST_VISITORS = 32,
    SILENCE_MS = 150, /* for what must not come, after something that came later did */
};

struct pair {
    char public_key[EMG_KEY_SIZE], secret_key[EMG_KEY_SIZE];
};

/* A server with both sockets, and its files. */
struct house {
    char directory[64];
    struct emg_config config;
    struct pair server, friend, stranger;
    void *server_context, *client_context;
    struct emg_security *security;
    void *router, *publisher;
    void *visitors[MOST_VISITORS]; /* sockets of clients, closed with the house */
    size_t n_visitors;
    char control[64], data[64];
    int stderr_fd, log_fd;
};

static void write_text(const char *path, mode_t mode, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void allow(struct house *house, const char *first, const char *second)
{
    char text[256];
    (void)snprintf(text, sizeof text, "# who may connect\n%s friend\n%s\n", first, second);
    write_text(house->config.security.allowed_keys, 0644, text);
}

/* What was logged since the house was made. */
static const char *log_of(const struct house *house)
{
    static char text[65536];
    const ssize_t n = pread(house->log_fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static size_t occurrences(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *found = strstr(text, word); found != NULL; found = strstr(found + 1, word))
        n++;
    return n;
}

static int make_house(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    (void)snprintf(house->directory, sizeof house->directory, "/tmp/emgd_test_security_XXXXXX");
    assert_non_null(mkdtemp(house->directory));
    struct emg_config_security *security = &house->config.security;
    (void)snprintf(security->mode, sizeof security->mode, "curve");
    (void)snprintf(security->secret_key_file, sizeof security->secret_key_file, "%s/secret",
                   house->directory);
    (void)snprintf(security->allowed_keys, sizeof security->allowed_keys, "%s/allowed", house->directory);
    assert_int_equal(zmq_curve_keypair(house->server.public_key, house->server.secret_key), 0);
    assert_int_equal(zmq_curve_keypair(house->friend.public_key, house->friend.secret_key), 0);
    assert_int_equal(zmq_curve_keypair(house->stranger.public_key, house->stranger.secret_key), 0);
    write_text(security->secret_key_file, 0600, house->server.secret_key);
    allow(house, house->friend.public_key, "");
    house->server_context = zmq_ctx_new();
    house->client_context = zmq_ctx_new();
    char log_path[128];
    (void)snprintf(log_path, sizeof log_path, "%s/log", house->directory);
    house->log_fd = open(log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    house->stderr_fd = dup(STDERR_FILENO);
    assert_true(house->log_fd >= 0 && house->stderr_fd >= 0 && dup2(house->log_fd, STDERR_FILENO) >= 0);
    *state = house;
    return 0;
}

static int clear_house(void **state)
{
    struct house *house = *state;
    char command[128];
    assert_true(dup2(house->stderr_fd, STDERR_FILENO) >= 0);
    (void)close(house->stderr_fd);
    (void)close(house->log_fd);
    for (size_t i = 0; i < house->n_visitors; i++)
        (void)zmq_close(house->visitors[i]);
    (void)zmq_ctx_term(house->client_context);
    if (house->router != NULL)
        (void)zmq_close(house->router);
    if (house->publisher != NULL)
        (void)zmq_close(house->publisher);
    emg_security_destroy(house->security);
    (void)zmq_ctx_term(house->server_context);
    (void)snprintf(command, sizeof command, "rm -r %s", house->directory);
    const int left = system(command);
    free(house);
    return left;
}

static void *bind_new(struct house *house, int type, const char *endpoint, char *where, size_t size)
{
    void *socket = zmq_socket(house->server_context, type);
    assert_non_null(socket);
    if (!emg_security_bind(house->security, socket, endpoint)) {
        const int error = errno;
        (void)zmq_close(socket);
        fail_msg("%s: %s", endpoint, zmq_strerror(error));
    }
    assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, where, &size), 0);
    return socket;
}

static void open_house(struct house *house)
{
    struct emg_problem problem;
    if (emg_security_create(&house->security, house->server_context, &house->config, &problem) != EMG_OK)
        fail_msg("%s", problem.text);
    house->router = bind_new(house, ZMQ_ROUTER, "tcp://127.0.0.1:*", house->control, sizeof house->control);
    house->publisher = bind_new(house, ZMQ_XPUB, "tcp://127.0.0.1:*", house->data, sizeof house->data);
}

static void *new_visitor(struct house *house, int type)
{
    const int linger_ms = 0;
    void *socket = zmq_socket(house->client_context, type);
    assert_non_null(socket);
    assert_true(house->n_visitors < MOST_VISITORS);
    house->visitors[house->n_visitors++] = socket;
    assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms), 0);
    return socket;
}

/* own NULL: without keys. */
static void *visit(struct house *house, int type, const char *endpoint, const char *server_key,
                   const struct pair *own)
{
    void *socket = new_visitor(house, type);
    if (own != NULL) {
        assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, EMG_KEY_SIZE), 0);
        assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own->public_key, EMG_KEY_SIZE), 0);
        assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own->secret_key, EMG_KEY_SIZE), 0);
    }
    if (type == ZMQ_SUB)
        assert_int_equal(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0), 0);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    if (type == ZMQ_DEALER)
        assert_int_equal(zmq_send(socket, "hello", 5, 0), 5);
    return socket;
}

static void *knock(struct house *house, const struct pair *own)
{
    return visit(house, ZMQ_DEALER, house->control, house->server.public_key, own);
}

static bool comes(void *socket, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, timeout_ms) > 0;
}

/* The next request at the router comes from this user; libzmq says so with what the client has sent, and not
 * with the routing id before it. */
static void expect_user(struct house *house, const char *user)
{
    zmq_msg_t part;
    assert_true(comes(house->router, PATIENCE_MS));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(zmq_msg_init(&part), 0);
        assert_true(zmq_msg_recv(&part, house->router, 0) >= 0);
        if (i == 1) {
            assert_non_null(zmq_msg_gets(&part, "User-Id"));
            assert_string_equal(zmq_msg_gets(&part, "User-Id"), user);
        }
        assert_int_equal(zmq_msg_more(&part), i == 0);
        (void)zmq_msg_close(&part);
    }
}

/* Whoever knocked before is still outside when a friend is in. */
static void expect_only_a_friend_in(struct house *house)
{
    (void)knock(house, &house->friend);
    expect_user(house, house->friend.public_key);
    assert_false(comes(house->router, SILENCE_MS));
}

static void without_curve_there_is_nothing_to_ask(void **state)
{
    struct house *house = *state;
    struct emg_security *security = (struct emg_security *)house;
    struct emg_problem problem;
    (void)snprintf(house->config.security.mode, sizeof house->config.security.mode, "none");
    assert_int_equal(emg_security_create(&security, house->server_context, &house->config, &problem), EMG_OK);
    assert_null(security);
    emg_security_destroy(security);
    house->router = bind_new(house, ZMQ_ROUTER, "tcp://127.0.0.1:*", house->control, sizeof house->control);
    (void)knock(house, NULL);
    assert_true(comes(house->router, PATIENCE_MS));
}

static void refuse_files(struct house *house, const char *key, const char *said)
{
    struct emg_problem problem = {.text = ""};
    assert_int_equal(emg_security_create(&house->security, house->server_context, &house->config, &problem),
                     EMG_ERROR_ARGUMENT);
    assert_null(house->security);
    assert_non_null(strstr(problem.text, key));
    assert_non_null(strstr(problem.text, said));
    assert_null(strstr(problem.text, house->server.secret_key));
}

static void files_that_will_not_do_are_named_with_their_keys(void **state)
{
    struct house *house = *state;
    const char *secret = house->config.security.secret_key_file,
               *allowed = house->config.security.allowed_keys;
    assert_int_equal(chmod(secret, 0640), 0);
    refuse_files(house, "security.secret_key_file: ", "0640");
    write_text(secret, 0600, "not a key");
    refuse_files(house, "security.secret_key_file: ", ":1: not a key");
    assert_int_equal(unlink(secret), 0);
    refuse_files(house, "security.secret_key_file: ", secret);
    write_text(secret, 0600, house->server.secret_key);
    write_text(allowed, 0644, "friend");
    refuse_files(house, "security.allowed_keys: ", ":1: not a key");
    assert_int_equal(unlink(allowed), 0);
    refuse_files(house, "security.allowed_keys: ", allowed);
    allow(house, house->friend.public_key, "");
    open_house(house);
}

static void a_key_of_the_list_opens_both_sockets(void **state)
{
    struct house *house = *state;
    char topic[16] = "";
    open_house(house);
    (void)knock(house, &house->friend);
    expect_user(house, house->friend.public_key);
    void *subscriber = visit(house, ZMQ_SUB, house->data, house->server.public_key, &house->friend);
    assert_true(comes(house->publisher, PATIENCE_MS)); /* the subscription */
    assert_int_equal(zmq_send(house->publisher, "status", 6, 0), 6);
    assert_true(comes(subscriber, PATIENCE_MS));
    assert_int_equal(zmq_recv(subscriber, topic, sizeof topic, 0), 6);
}

static void nobody_else_gets_in(void **state)
{
    struct house *house = *state;
    const int curve_server = 1;
    open_house(house);
    struct pair forged = house->friend; /* the friend's name, but not his secret */
    memcpy(forged.secret_key, house->stranger.secret_key, sizeof forged.secret_key);
    void *plain = new_visitor(house, ZMQ_DEALER);
    assert_int_equal(zmq_setsockopt(plain, ZMQ_PLAIN_USERNAME, "friend", 6), 0);
    assert_int_equal(zmq_setsockopt(plain, ZMQ_PLAIN_PASSWORD, "please", 6), 0);
    assert_int_equal(zmq_connect(plain, house->control), 0);
    assert_int_equal(zmq_send(plain, "hello", 5, 0), 5);
    void *server = new_visitor(house, ZMQ_DEALER);
    assert_int_equal(zmq_setsockopt(server, ZMQ_CURVE_SERVER, &curve_server, sizeof curve_server), 0);
    assert_int_equal(zmq_connect(server, house->control), 0);
    assert_int_equal(zmq_send(server, "hello", 5, 0), 5);
    void *intruders[] = {
        plain,
        server,
        knock(house, NULL),
        knock(house, &house->stranger),
        knock(house, &forged),
        visit(house, ZMQ_DEALER, house->control, house->stranger.public_key, &house->friend),
        visit(house, ZMQ_SUB, house->data, NULL, NULL),
        visit(house, ZMQ_SUB, house->data, house->server.public_key, &house->stranger),
        visit(house, ZMQ_SUB, house->data, house->server.public_key, &forged),
    };
    const size_t n_intruders = sizeof intruders / sizeof intruders[0];
    expect_only_a_friend_in(house);
    assert_int_equal(zmq_send(house->publisher, "status", 6, 0), 6);
    assert_false(comes(house->publisher, 0));
    for (size_t i = 0; i < n_intruders; i++)
        assert_false(comes(intruders[i], i == 0 ? SILENCE_MS : 0));
}

/* Older versions of the protocol know no keys, and a peer may say that it speaks them. */
static void old_protocols_and_noise_get_nothing(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *bytes;
        size_t n;
    } openings[] = {
#define BYTES(text) {text, sizeof(text) - 1}
        BYTES("\x01\x00\x06\x00hello"),
        BYTES("\x06\x00friend\x06\x00hello"),
        BYTES("\xff\0\0\0\0\0\0\0\x01\x7f\x00\x06\x00\x00\x00\x05hello"),
        BYTES("\xff\0\0\0\0\0\0\0\x01\x7f\x01\x06\x00\x00\x00\x05hello"),
        BYTES("\xff\0\0\0\0\0\0\0\x01\x7f\x02\x06\x00\x00\x00\x05hello"),
        BYTES("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
              "\0\0\0\0\0\0\0\0\0\0\0"
              "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x06"
              "DEALER\0\x05hello"),
        BYTES("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
              "\0\0\0\0\0\0\0\0\0\0\0"
              "\0\x05hello"),
        BYTES("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
              "\xff"),
    };
    enum { N_OPENINGS = sizeof openings / sizeof openings[0] };
    int fds[N_OPENINGS];
    open_house(house);
    const char *port = strrchr(house->control, ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < N_OPENINGS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        assert_int_equal(connect(fds[i], (const struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(send(fds[i], openings[i].bytes, openings[i].n, MSG_NOSIGNAL), openings[i].n);
    }
    expect_only_a_friend_in(house);
    for (size_t i = 0; i < N_OPENINGS; i++)
        (void)close(fds[i]);
}

static void keys_come_and_go_while_it_runs(void **state)
{
    struct house *house = *state;
    open_house(house);
    (void)knock(house, &house->friend);
    expect_user(house, house->friend.public_key);

    allow(house, house->stranger.public_key, house->friend.public_key);
    void *stranger = knock(house, &house->stranger);
    expect_user(house, house->stranger.public_key);

    allow(house, house->friend.public_key, "");
    (void)knock(house, &house->stranger);
    expect_only_a_friend_in(house);

    /* who is in stays in */
    assert_int_equal(zmq_send(stranger, "still here", 10, 0), 10);
    expect_user(house, house->stranger.public_key);
}

static void a_broken_list_lets_nobody_new_in_and_says_so_once(void **state)
{
    struct house *house = *state;
    char text[128];
    open_house(house);
    (void)snprintf(text, sizeof text, "%s\ngarbage\n", house->friend.public_key);
    write_text(house->config.security.allowed_keys, 0644, text);
    for (int i = 0; i < 5; i++) {
        (void)knock(house, &house->friend);
        assert_false(comes(house->router, SILENCE_MS));
    }
    assert_int_equal(occurrences(log_of(house), ":2: not a key"), 1);
    assert_int_equal(unlink(house->config.security.allowed_keys), 0);
    (void)knock(house, &house->friend);
    assert_false(comes(house->router, SILENCE_MS));
    assert_int_equal(occurrences(log_of(house), "No such file"), 1);

    allow(house, house->friend.public_key, "");
    expect_only_a_friend_in(house);
    assert_int_equal(occurrences(log_of(house), "in use again"), 1);
}

static void the_log_names_the_refused_seldom_and_no_secret_ever(void **state)
{
    struct house *house = *state;
    open_house(house);
    for (int i = 0; i < 20; i++)
        (void)knock(house, &house->stranger);
    expect_only_a_friend_in(house);
    const char *log = log_of(house);
    char start[16];
    (void)snprintf(start, sizeof start, "%.8s...", house->stranger.public_key);
    assert_int_equal(occurrences(log, "refused 127.0.0.1: "), 1);
    assert_int_equal(occurrences(log, start), 1);
    assert_int_equal(occurrences(log, house->stranger.public_key), 0);
    assert_int_equal(occurrences(log, house->server.public_key), 1);
    char secret_start[9] = "";
    memcpy(secret_start, house->server.secret_key, 8);
    assert_int_equal(occurrences(log, secret_start), 0);
}

static void when_nobody_answers_any_more_nobody_gets_in(void **state)
{
    struct house *house = *state;
    open_house(house);
    emg_security_destroy(house->security);
    house->security = NULL;
    (void)knock(house, &house->friend);
    assert_false(comes(house->router, 2 * SILENCE_MS));
}

static void a_local_socket_is_for_this_user_alone(void **state)
{
    struct house *house = *state;
    char endpoint[128], where[128];
    struct stat status;
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", house->directory);
    const mode_t before = umask(0);
    house->router = bind_new(house, ZMQ_ROUTER, endpoint, where, sizeof where);
    assert_int_equal(umask(before), 0);
    assert_int_equal(stat(endpoint + 6, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 077, 0);
}

static void a_local_socket_displaces_nothing_that_is_alive(void **state)
{
    struct house *house = *state;
    char endpoint[128], where[128], text[16] = "";
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", house->directory);
    const char *path = endpoint + 6;
    write_text(path, 0600, "dear to me");
    house->publisher = zmq_socket(house->server_context, ZMQ_XPUB);
    assert_false(emg_security_bind(NULL, house->publisher, endpoint));
    assert_int_equal(errno, EEXIST);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_string_equal(text, "dear to me");
    (void)fclose(file);
    assert_int_equal(unlink(path), 0);

    house->router = bind_new(house, ZMQ_ROUTER, endpoint, where, sizeof where);
    assert_false(emg_security_bind(NULL, house->publisher, endpoint));
    assert_int_equal(errno, EADDRINUSE);
    (void)visit(house, ZMQ_DEALER, endpoint, NULL, NULL);
    assert_true(comes(house->router, PATIENCE_MS));
}

static void a_local_socket_takes_the_place_of_a_dead_one(void **state)
{
    struct house *house = *state;
    char endpoint[128], where[128];
    struct sockaddr_un {
        sa_family_t family;
        char path[108];
    } dead = {.family = AF_UNIX};
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", house->directory);
    memcpy(dead.path, endpoint + 6, strlen(endpoint + 6));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&dead, sizeof dead), 0);
    assert_int_equal(close(fd), 0);
    house->router = bind_new(house, ZMQ_ROUTER, endpoint, where, sizeof where);
    (void)visit(house, ZMQ_DEALER, endpoint, NULL, NULL);
    assert_true(comes(house->router, PATIENCE_MS));
}

static void addresses_in_brackets_bind(void **state)
{
    struct house *house = *state;
    char where[128];
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        skip(); /* a machine without IPv6 */
    (void)close(fd);
    house->router = bind_new(house, ZMQ_ROUTER, "tcp://[::1]:*", where, sizeof where);
    void *client = new_visitor(house, ZMQ_DEALER);
    const int ipv6 = 1;
    assert_int_equal(zmq_setsockopt(client, ZMQ_IPV6, &ipv6, sizeof ipv6), 0);
    assert_int_equal(zmq_connect(client, where), 0);
    assert_int_equal(zmq_send(client, "hello", 5, 0), 5);
    assert_true(comes(house->router, PATIENCE_MS));
}

#define IN_A_HOUSE(test) cmocka_unit_test_setup_teardown(test, make_house, clear_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_HOUSE(without_curve_there_is_nothing_to_ask),
        IN_A_HOUSE(files_that_will_not_do_are_named_with_their_keys),
        IN_A_HOUSE(a_key_of_the_list_opens_both_sockets),
        IN_A_HOUSE(nobody_else_gets_in),
        IN_A_HOUSE(old_protocols_and_noise_get_nothing),
        IN_A_HOUSE(keys_come_and_go_while_it_runs),
        IN_A_HOUSE(a_broken_list_lets_nobody_new_in_and_says_so_once),
        IN_A_HOUSE(the_log_names_the_refused_seldom_and_no_secret_ever),
        IN_A_HOUSE(when_nobody_answers_any_more_nobody_gets_in),
        IN_A_HOUSE(a_local_socket_is_for_this_user_alone),
        IN_A_HOUSE(a_local_socket_displaces_nothing_that_is_alive),
        IN_A_HOUSE(a_local_socket_takes_the_place_of_a_dead_one),
        IN_A_HOUSE(addresses_in_brackets_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
