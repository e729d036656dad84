#include "clients/curve.h"

#include "daemon/keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

static bool read_server_key(const char *text, char key[EMG_KEY_SIZE], char *problem, size_t size)
{
    struct emg_problem reason;
    if (emg_key_is_valid(text)) {
        memcpy(key, text, EMG_KEY_SIZE);
        return true;
    }
    const enum emg_error error = emg_key_read_public(text, key, &reason);
    if (error != EMG_OK)
        (void)snprintf(problem, size, "--server-key: %s%s", reason.text,
                       error == EMG_ERROR_NOT_FOUND ? ", and it is no key of 40 characters" : "");
    return error == EMG_OK;
}

static bool set_key(void *socket, int option, const char *key)
{
    return zmq_setsockopt(socket, option, key, EMG_KEY_LENGTH) == 0;
}

bool emg_curve_client(void *socket, const char *server_key, const char *secret_key_file, char *problem,
                      size_t size)
{
    char server[EMG_KEY_SIZE], secret[EMG_KEY_SIZE], own[EMG_KEY_SIZE];
    struct emg_problem reason;
    if (server_key == NULL && secret_key_file == NULL)
        return true;
    if (server_key == NULL || secret_key_file == NULL) {
        (void)snprintf(problem, size, "--server-key and --secret-key go together");
        return false;
    }
    if (!read_server_key(server_key, server, problem, size))
        return false;
    if (emg_key_read_secret(secret_key_file, secret, &reason) != EMG_OK) {
        (void)snprintf(problem, size, "--secret-key: %s", reason.text);
        return false;
    }
    const bool good = zmq_curve_public(own, secret) == 0 && set_key(socket, ZMQ_CURVE_SERVERKEY, server) &&
                      set_key(socket, ZMQ_CURVE_PUBLICKEY, own) &&
                      set_key(socket, ZMQ_CURVE_SECRETKEY, secret);
    if (!good)
        (void)snprintf(problem, size, "--secret-key: %s: not usable: %s", secret_key_file,
                       zmq_strerror(errno));
    explicit_bzero(secret, sizeof secret);
    return good;
}
