/* Prints fatigue and spectrum of each muscle as emgd publishes them: topic, JSON body, and how many floats
 * come with it.
 *
 * Build: cc -o subscribe subscribe.c -lzmq
 * Usage: subscribe [ENDPOINT [SERVER_KEY SECRET_KEY]]
 * The two files of `emgctl keygen`, the daemon's public and this client's secret key, are for security.mode
 * "curve".
 *
 * It needs libzmq only, and so leaves the JSON as it is: use a library to read it. Ctrl-C ends it. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { KEY_SIZE = 41 };

static const char *const topics[] = {"fatigue.", "spectrum."};

/* The first line that is neither empty nor a comment begins with the key. */
static bool read_key(const char *path, char key[KEY_SIZE])
{
    char line[200];
    bool found = false;
    FILE *file = fopen(path, "r");
    while (!found && file != NULL && fgets(line, sizeof line, file) != NULL)
        found = line[0] != '#' && sscanf(line, "%40s", key) == 1;
    if (file != NULL)
        fclose(file);
    if (!found)
        fprintf(stderr, "subscribe: no key in %s\n", path);
    return found;
}

static bool use_keys(void *socket, const char *server_path, const char *secret_path)
{
    char server[KEY_SIZE], public[KEY_SIZE], secret[KEY_SIZE];
    if (!read_key(server_path, server) || !read_key(secret_path, secret))
        return false;
    const bool good = zmq_curve_public(public, secret) == 0 &&
                      zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, KEY_SIZE) == 0 &&
                      zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, KEY_SIZE) == 0 &&
                      zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, KEY_SIZE) == 0;
    if (!good)
        fprintf(stderr, "subscribe: the keys cannot be used: %s\n", zmq_strerror(errno));
    return good;
}

/* A message is a topic, a JSON object and, where the JSON describes one, an array of little-endian float32.
 */
static bool print_message(void *socket)
{
    zmq_msg_t part;
    int more = 1;
    zmq_msg_init(&part);
    for (int i = 0; more; i++) {
        if (zmq_msg_recv(&part, socket, 0) < 0) {
            zmq_msg_close(&part);
            return false;
        }
        const int n = (int)zmq_msg_size(&part);
        more = zmq_msg_more(&part);
        if (i < 2)
            printf("%.*s%s", n, (const char *)zmq_msg_data(&part), i == 0 ? " " : "");
        else
            printf(" and %d floats", n / (int)sizeof(float));
    }
    zmq_msg_close(&part);
    printf("\n");
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    const int no_limit = 0; /* nothing is dropped on this side */
    const char *endpoint = argc > 1 ? argv[1] : "tcp://127.0.0.1:5556";
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_SUB);
    if (argc > 3 && !use_keys(socket, argv[2], argv[3]))
        return 2;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topics[i], strlen(topics[i]));
    if (zmq_setsockopt(socket, ZMQ_RCVHWM, &no_limit, sizeof no_limit) != 0 ||
        zmq_connect(socket, endpoint) != 0) {
        fprintf(stderr, "subscribe: cannot connect to %s: %s\n", endpoint, zmq_strerror(errno));
        return 2;
    }
    while (print_message(socket))
        continue;
    zmq_close(socket);
    zmq_ctx_term(context);
    return 1;
}
