#include "clients/emgctl.h"

#include "clients/arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_SIZE = 41 }; /* Z85 text of 32 bytes, and a NUL */

/* Never over another file. Says what is wrong and returns false when it cannot be made. */
static bool write_key(const char *path, mode_t mode, const char *comment, const char *key)
{
    char text[256];
    const int n = snprintf(text, sizeof text, "# %s\n%s\n", comment, key);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    bool good = fd >= 0 && fchmod(fd, mode) == 0 && write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    const int failure = errno;
    explicit_bzero(text, sizeof text);
    if (fd >= 0 && close(fd) != 0)
        good = false;
    if (!good)
        fprintf(stderr, "emgctl: %s: %s\n", path,
                fd < 0 && failure == EEXIST ? "exists already; a key is never written over"
                                            : strerror(failure));
    if (!good && fd >= 0)
        (void)unlink(path);
    return good;
}

/* Of a pair, both files or none: a secret key whose public one nobody knows opens nothing. */
static bool write_pair(const char *secret_path, const char *public_path, const char *secret_key,
                       const char *public_key)
{
    if (!write_key(secret_path, S_IRUSR | S_IWUSR, "emgd: a secret key of CURVE; keep it to yourself",
                   secret_key))
        return false;
    if (public_path == NULL || write_key(public_path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH,
                                         "emgd: a public key of CURVE", public_key))
        return true;
    (void)unlink(secret_path);
    return false;
}

int emg_ctl_keygen(const char *secret_path, const char *public_path)
{
    char public_key[KEY_SIZE], secret_key[KEY_SIZE];
    if (fcntl(STDOUT_FILENO, F_GETFD) < 0) { /* a key's file would take its place */
        fprintf(stderr, "emgctl: cannot use standard output: %s\n", strerror(errno));
        return EMG_EXIT_FAILED;
    }
    if (zmq_curve_keypair(public_key, secret_key) != 0) {
        fprintf(stderr, "emgctl: no keys can be made: %s\n", zmq_strerror(errno));
        return EMG_EXIT_FAILED;
    }
    const bool good = write_pair(secret_path, public_path, secret_key, public_key);
    explicit_bzero(secret_key, sizeof secret_key);
    if (!good)
        return EMG_EXIT_FAILED;
    fprintf(stderr, "emgctl: the secret key is in %s; this is the public one:\n", secret_path);
    printf("%s\n", public_key);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EMG_EXIT_DONE;
    fprintf(stderr, "emgctl: cannot write to standard output: %s\n", strerror(errno));
    return EMG_EXIT_FAILED;
}
