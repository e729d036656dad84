#include "daemon/security.h"

#include "daemon/clock.h"
#include "daemon/keys.h"
#include "daemon/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN   "emgd"

enum {
    ZAP_POLL_MS = 100,
    ZAP_PART_SIZE = 256, /* the longest is the routing id, 255 bytes */
    HANDSHAKE_MS = 5000, /* a connection that has not said by then who it is is closed */
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_COUNT = 3,
    FINGERPRINT = 8,      /* characters of a key that tell it from others */
    MOST_FILES = 1 << 14, /* each connection is one, and takes about 20 kB */
    RAW_KEY_SIZE = 32,
};

static const int64_t TELL_NS = 5000000000; /* between two lines about who was refused */

/* The parts of a question, in their order. */
enum { VERSION, REQUEST_ID, DOMAIN_NAME, ADDRESS, ROUTING_ID, MECHANISM, CLIENT_KEY, QUESTION_PARTS };

struct question {
    size_t n_parts;
    size_t sizes[QUESTION_PARTS];
    char parts[QUESTION_PARTS][ZAP_PART_SIZE + 1];
};

struct emg_security {
    char secret_key[EMG_KEY_SIZE];
    char allowed_keys[EMG_PATH_SIZE];
    void *socket; /* the thread's own, once it runs */
    pthread_t thread;
    bool started;
    _Atomic bool stop;

    /* the thread's own */
    struct emg_problem list_problem; /* as it was told */
    int64_t told_ns;
    size_t untold;
};

static bool receive(void *socket, struct question *question)
{
    int more = 1;
    size_t more_size = sizeof more;
    *question = (struct question){.n_parts = 0};
    for (; more; question->n_parts++) {
        char spare[ZAP_PART_SIZE];
        const bool kept = question->n_parts < QUESTION_PARTS;
        const int n = zmq_recv(socket, kept ? question->parts[question->n_parts] : spare, ZAP_PART_SIZE, 0);
        if (n < 0)
            return false;
        if (kept)
            question->sizes[question->n_parts] = (size_t)n < ZAP_PART_SIZE ? (size_t)n : ZAP_PART_SIZE;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size) != 0)
            return false;
    }
    return true;
}

/* The list as it is now. What is wrong with it is told when it changes, not for each who knocks. */
static bool is_listed(struct emg_security *s, const char *key)
{
    struct emg_problem problem = {.text = ""};
    size_t n_keys = 0;
    bool listed = false;
    (void)emg_keys_read(s->allowed_keys, key, &n_keys, &listed, &problem);
    if (strcmp(problem.text, s->list_problem.text) != 0) {
        if (problem.text[0] != '\0')
            emg_log("security.allowed_keys: %s; nobody new gets in", problem.text);
        else
            emg_log("security.allowed_keys: %s is in use again, keys: %zu", s->allowed_keys, n_keys);
        s->list_problem = problem;
    }
    return listed;
}

static void tell_refused(struct emg_security *s, const char *key, const char *address)
{
    const int64_t now_ns = emg_clock_monotonic_ns();
    if (s->told_ns != 0 && now_ns - s->told_ns < TELL_NS) {
        s->untold++;
        return;
    }
    char others[64] = "";
    if (s->untold > 0)
        (void)snprintf(others, sizeof others, "; and %zu more since the last such line", s->untold);
    emg_log("refused %s: its key %.*s... is not in %s%s", address[0] != '\0' ? address : "a local client",
            FINGERPRINT, key, s->allowed_keys, others);
    s->told_ns = now_ns;
    s->untold = 0;
}

/* Writes the client's key as text; false: it stays outside. */
static bool decide(struct emg_security *s, const struct question *question, char key[EMG_KEY_SIZE])
{
    key[0] = '\0';
    if (question->n_parts != QUESTION_PARTS || strcmp(question->parts[VERSION], "1.0") != 0 ||
        strcmp(question->parts[MECHANISM], "CURVE") != 0 || question->sizes[CLIENT_KEY] != RAW_KEY_SIZE)
        return false;
    (void)zmq_z85_encode(key, (const uint8_t *)question->parts[CLIENT_KEY], RAW_KEY_SIZE);
    if (is_listed(s, key))
        return true;
    tell_refused(s, key, question->parts[ADDRESS]);
    return false;
}

static void answer(struct emg_security *s, const struct question *question)
{
    char key[EMG_KEY_SIZE];
    const bool welcome = decide(s, question, key);
    const char *user = welcome ? key : "";
    (void)zmq_send(s->socket, "1.0", 3, ZMQ_SNDMORE);
    (void)zmq_send(s->socket, question->parts[REQUEST_ID], question->sizes[REQUEST_ID], ZMQ_SNDMORE);
    (void)zmq_send(s->socket, welcome ? "200" : "400", 3, ZMQ_SNDMORE);
    (void)zmq_send(s->socket, "", 0, ZMQ_SNDMORE);
    (void)zmq_send(s->socket, user, strlen(user), ZMQ_SNDMORE);
    (void)zmq_send(s->socket, "", 0, 0);
}

static void *run(void *argument)
{
    struct emg_security *s = argument;
    struct question question;
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed))
        if (receive(s->socket, &question))
            answer(s, &question);
    return NULL;
}

static enum emg_error read_keys(struct emg_security *s, const struct emg_config_security *config,
                                struct emg_problem *problem)
{
    struct emg_problem reason;
    char public_key[EMG_KEY_SIZE];
    size_t n_keys = 0;
    bool listed = false;
    if (emg_key_read_secret(config->secret_key_file, s->secret_key, &reason) != EMG_OK)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "security.secret_key_file: %s", reason.text);
    if (zmq_curve_public(public_key, s->secret_key) != 0)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "security.secret_key_file: %s: no key: %s",
                               config->secret_key_file, zmq_strerror(errno));
    memcpy(s->allowed_keys, config->allowed_keys, sizeof s->allowed_keys);
    if (emg_keys_read(s->allowed_keys, NULL, &n_keys, &listed, &reason) != EMG_OK)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "security.allowed_keys: %s", reason.text);
    emg_log("curve: public key of this server %s, keys in %s: %zu", public_key, s->allowed_keys, n_keys);
    return EMG_OK;
}

static enum emg_error start(struct emg_security *s, void *zmq_context, struct emg_problem *problem)
{
    const int poll_ms = ZAP_POLL_MS, linger_ms = 0;
    s->socket = zmq_socket(zmq_context, ZMQ_REP);
    if (s->socket == NULL || zmq_setsockopt(s->socket, ZMQ_RCVTIMEO, &poll_ms, sizeof poll_ms) != 0 ||
        zmq_setsockopt(s->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0 ||
        zmq_bind(s->socket, ZAP_ENDPOINT) != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "security: nobody can ask who may connect: %s",
                               zmq_strerror(errno));
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "security: no thread could be started");
    s->started = true;
    return EMG_OK;
}

/* At its limit, libzmq can neither accept nor turn away, and a recording could not be opened. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= MOST_FILES)
        return;
    limit.rlim_cur = limit.rlim_max < MOST_FILES ? limit.rlim_max : MOST_FILES;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

enum emg_error emg_security_create(struct emg_security **out, void *zmq_context,
                                   const struct emg_config *config, struct emg_problem *problem)
{
    *out = NULL;
    raise_file_limit();
    if (strcmp(config->security.mode, "curve") != 0)
        return EMG_OK;
    if (!zmq_has("curve"))
        return emg_problem_set(problem, EMG_ERROR_UNSUPPORTED,
                               "security.mode: this system's libzmq has no \"curve\"");
    struct emg_security *s = calloc(1, sizeof *s);
    if (s == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "security: %s", emg_strerror(EMG_ERROR_MEMORY));
    enum emg_error error = read_keys(s, &config->security, problem);
    if (error == EMG_OK)
        error = start(s, zmq_context, problem);
    if (error != EMG_OK) {
        emg_security_destroy(s);
        return error;
    }
    *out = s;
    return EMG_OK;
}

void emg_security_destroy(struct emg_security *s)
{
    if (s == NULL)
        return;
    atomic_store_explicit(&s->stop, true, memory_order_relaxed);
    if (s->started)
        (void)pthread_join(s->thread, NULL);
    if (s->socket != NULL)
        (void)zmq_close(s->socket);
    explicit_bzero(s, sizeof *s);
    free(s);
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool limit(void *socket, const char *endpoint)
{
    return set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) && set_int(socket, ZMQ_TCP_KEEPALIVE, 1) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT) &&
           set_int(socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
}

static bool encrypt(const struct emg_security *s, void *socket)
{
    enum { ENFORCE_DOMAIN = 93 }; /* ZMQ_ZAP_ENFORCE_DOMAIN: named among the drafts only, but it works */
    /* Without it libzmq lets everybody in where nobody answers for the domain. */
    (void)set_int(socket, ENFORCE_DOMAIN, 1);
    return set_int(socket, ZMQ_CURVE_SERVER, 1) &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, s->secret_key, EMG_KEY_LENGTH) == 0 &&
           zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0;
}

/* libzmq removes whatever stands at an ipc:// path: another program's socket, or a file that is dear to
 * somebody. */
static bool is_free(const char *path)
{
    struct stat status;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '@' || path[0] == '*' || lstat(path, &status) != 0)
        return true;
    errno = EEXIST;
    if (!S_ISSOCK(status.st_mode) || strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    const bool nobody =
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    errno = EADDRINUSE;
    return nobody;
}

bool emg_security_bind(const struct emg_security *s, void *socket, const char *endpoint)
{
    static const char ipc[] = "ipc://";
    const size_t n_ipc = sizeof ipc - 1;
    const bool is_ipc = strncmp(endpoint, ipc, n_ipc) == 0;
    if (!limit(socket, endpoint) || (s != NULL && !encrypt(s, socket)))
        return false;
    if (!is_ipc)
        return zmq_bind(socket, endpoint) == 0;
    if (!is_free(endpoint + n_ipc))
        return false;
    /* What a socket's file allows is decided as it is made; changed later, it was open for a moment. */
    const mode_t before = umask(S_IRWXG | S_IRWXO);
    const bool bound = zmq_bind(socket, endpoint) == 0;
    const int error = errno;
    (void)umask(before);
    errno = error;
    return bound;
}
