#include "daemon/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

/* A whole file; what it held is wiped when it is let go. */
struct text {
    char *bytes; /* [size], and a NUL */
    size_t size;
};

static void wipe(struct text *text)
{
    if (text->bytes != NULL)
        explicit_bzero(text->bytes, text->size);
    free(text->bytes);
    *text = (struct text){.bytes = NULL};
}

static enum emg_error read_all(int fd, const char *path, struct text *text, struct emg_problem *problem)
{
    text->bytes = malloc(EMG_KEY_FILE_SIZE + 1);
    if (text->bytes == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s: no memory", path);
    ssize_t n = 1;
    while (n > 0 && text->size < EMG_KEY_FILE_SIZE + 1) {
        n = read(fd, text->bytes + text->size, EMG_KEY_FILE_SIZE + 1 - text->size);
        if (n > 0)
            text->size += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    if (n < 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: %s", path, strerror(errno));
    if (text->size > EMG_KEY_FILE_SIZE || memchr(text->bytes, '\0', text->size) != NULL)
        return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: not a file of keys", path);
    text->bytes[text->size] = '\0';
    return EMG_OK;
}

/* forbidden: permissions that the file may not give. Whatever comes of it, the text is for wipe(). */
static enum emg_error read_text(const char *path, mode_t forbidden, struct text *text,
                                struct emg_problem *problem)
{
    struct stat status;
    enum emg_error error = EMG_OK;
    *text = (struct text){.bytes = NULL};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return emg_problem_set(problem, errno == ENOENT ? EMG_ERROR_NOT_FOUND : EMG_ERROR_IO, "%s: %s", path,
                               strerror(errno));
    if (fstat(fd, &status) != 0)
        error = emg_problem_set(problem, EMG_ERROR_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        error = emg_problem_set(problem, EMG_ERROR_IO, "%s: not a regular file", path);
    else if ((status.st_mode & forbidden) != 0)
        error = emg_problem_set(problem, EMG_ERROR_ARGUMENT, "%s: its mode %04o lets others %s it; chmod %s",
                                path, (unsigned)(status.st_mode & 07777),
                                (forbidden & S_IROTH) != 0 ? "use" : "change",
                                (forbidden & S_IROTH) != 0 ? "600" : "o-w");
    else
        error = read_all(fd, path, text, problem);
    (void)close(fd);
    return error;
}

bool emg_key_is_valid(const char *text)
{
    uint8_t bytes[32];
    char key[EMG_KEY_SIZE];
    if (strlen(text) != EMG_KEY_LENGTH)
        return false;
    memcpy(key, text, sizeof key);
    const bool valid = zmq_z85_decode(bytes, key) != NULL;
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(key, sizeof key);
    return valid;
}

enum found { KEY, NO_MORE, MALFORMED };

/* The next key at *cursor, cut off by a NUL in place; *line counts from 1. */
static enum found next_key(char **cursor, size_t *line, const char **key)
{
    while (**cursor != '\0') {
        char *start = *cursor + strspn(*cursor, " \t\r");
        char *end = start + strcspn(start, "\n");
        *cursor = *end != '\0' ? end + 1 : end;
        *end = '\0';
        ++*line;
        if (start[0] == '\0' || start[0] == '#')
            continue;
        start[strcspn(start, " \t\r")] = '\0';
        *key = start;
        return emg_key_is_valid(start) ? KEY : MALFORMED;
    }
    return NO_MORE;
}

static enum emg_error fail_line(const char *path, size_t line, struct emg_problem *problem)
{
    return emg_problem_set(problem, EMG_ERROR_FORMAT, "%s:%zu: not a key of %d characters (Z85)", path, line,
                           EMG_KEY_LENGTH);
}

static enum emg_error read_one(const char *path, mode_t forbidden, char key[EMG_KEY_SIZE],
                               struct emg_problem *problem)
{
    struct text text;
    size_t n_keys = 0, line = 0;
    const char *next = NULL;
    enum found found = NO_MORE;
    key[0] = '\0';
    enum emg_error error = read_text(path, forbidden, &text, problem);
    char *cursor = text.bytes;
    while (error == EMG_OK && (found = next_key(&cursor, &line, &next)) == KEY) {
        memcpy(key, next, EMG_KEY_SIZE);
        n_keys++;
    }
    if (error == EMG_OK && found == MALFORMED)
        error = fail_line(path, line, problem);
    else if (error == EMG_OK && n_keys != 1)
        error = emg_problem_set(problem, EMG_ERROR_FORMAT, "%s: holds %zu keys, not one", path, n_keys);
    if (error != EMG_OK)
        explicit_bzero(key, EMG_KEY_SIZE);
    wipe(&text);
    return error;
}

enum emg_error emg_key_read_public(const char *path, char key[EMG_KEY_SIZE], struct emg_problem *problem)
{
    return read_one(path, 0, key, problem);
}

enum emg_error emg_key_read_secret(const char *path, char key[EMG_KEY_SIZE], struct emg_problem *problem)
{
    return read_one(path, S_IRWXG | S_IRWXO, key, problem);
}

enum emg_error emg_keys_read(const char *path, const char *wanted, size_t *n_keys, bool *listed,
                             struct emg_problem *problem)
{
    struct text text;
    size_t line = 0;
    const char *next = NULL;
    enum found found = NO_MORE;
    *n_keys = 0;
    *listed = false;
    enum emg_error error = read_text(path, S_IWOTH, &text, problem);
    char *cursor = text.bytes;
    while (error == EMG_OK && (found = next_key(&cursor, &line, &next)) == KEY) {
        ++*n_keys;
        *listed = *listed || (wanted != NULL && strcmp(wanted, next) == 0);
    }
    if (error == EMG_OK && found == MALFORMED)
        error = fail_line(path, line, problem);
    if (error != EMG_OK) {
        *n_keys = 0;
        *listed = false;
    }
    wipe(&text);
    return error;
}
