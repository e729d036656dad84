#include "daemon/recorder_files.h"

#include "daemon/bdf.h"
#include "daemon/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char SESSION_FILE[] = "emgd-session.json";

static bool has_extension(const char *path, const char *extension)
{
    const size_t n = strlen(path), m = strlen(extension);
    return n > m && strcmp(path + n - m, extension) == 0;
}

/* The part of an absolute path that lies below the directory; NULL: it does not. */
static const char *part_below(const char *directory, const char *path)
{
    char *real = realpath(directory, NULL);
    const char *roots[] = {directory, real};
    const char *below = NULL;
    for (size_t i = 0; i < 2 && below == NULL; i++) {
        const size_t n = roots[i] != NULL ? strlen(roots[i]) : 0;
        if (n > 0 && roots[i][0] == '/' && strncmp(path, roots[i], n) == 0 &&
            (path[n] == '/' || roots[i][n - 1] == '/'))
            below = path + n + strspn(path + n, "/");
    }
    free(real);
    return below;
}

static enum emg_error check(const char *path, struct emg_problem *problem)
{
    if (path[0] == '\0')
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "the path of a recording is empty");
    for (const char *c = path; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%.200s\": no path: a control character",
                                   path);
    return EMG_OK;
}

static enum emg_error outside(const char *path, const char *directory, struct emg_problem *problem)
{
    return emg_problem_set(problem, EMG_ERROR_ARGUMENT,
                           "\"%.200s\" leads out of recording.directory, \"%.200s\"; name a file inside it",
                           path, directory);
}

/* Walks to the directory that the last component is in; a link is not followed. Returns its descriptor. */
static int walk(int root, char *relative, const char **last)
{
    int fd = root;
    char *component = relative;
    for (char *slash; (slash = strchr(component, '/')) != NULL; component = slash + 1) {
        *slash = '\0';
        const bool odd = component[0] == '\0' || strcmp(component, ".") == 0 || strcmp(component, "..") == 0;
        const int next = odd ? -1 : openat(fd, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const int failure = odd ? EXDEV : errno;
        (void)close(fd);
        *slash = '/';
        if (next < 0) {
            errno = failure;
            return -1;
        }
        fd = next;
    }
    *last = component;
    return fd;
}

static bool sidecar_exists(int directory_fd, const char *name, const char *extension)
{
    char sidecar[256];
    struct stat status;
    (void)snprintf(sidecar, sizeof sidecar, "%.*s.json", (int)(strlen(name) - strlen(extension)), name);
    return fstatat(directory_fd, sidecar, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum emg_error make(struct emg_recorder_place *place, const char *extension,
                           struct emg_problem *problem)
{
    place->fd = openat(place->directory_fd, place->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       S_IRUSR | S_IWUSR);
    place->is_taken = place->fd < 0 && errno == EEXIST;
    if (place->fd >= 0 && sidecar_exists(place->directory_fd, place->name, extension)) {
        emg_recorder_place_remove(place);
        place->is_taken = true;
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: its .json exists already; choose another name",
                               place->path);
    }
    if (place->fd < 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: %s", place->path,
                               place->is_taken ? "exists already; choose another name" : strerror(errno));
    (void)fchmod(place->fd, S_IRUSR | S_IWUSR);
    (void)flock(place->fd, LOCK_EX | LOCK_NB); /* for who would repair it meanwhile */
    return EMG_OK;
}

enum emg_error emg_recorder_place_make(struct emg_recorder_place *place, const char *directory,
                                       const char *path, const char *extension, struct emg_problem *problem)
{
    *place = (struct emg_recorder_place){.fd = -1, .directory_fd = -1};
    if (check(path, problem) != EMG_OK)
        return EMG_ERROR_ARGUMENT;
    const char *below = path[0] == '/' ? part_below(directory, path) : path;
    if (below == NULL)
        return outside(path, directory, problem);
    char relative[EMG_PATH_SIZE];
    const int n =
        snprintf(relative, sizeof relative, "%s%s", below, has_extension(below, extension) ? "" : extension);
    const int m = snprintf(place->path, sizeof place->path, "%s/%s", directory, relative);
    if (n < 0 || m < 0 || (size_t)n >= sizeof relative || (size_t)m >= sizeof place->path)
        return emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%.60s...\": the path is too long", path);
    const int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "recording.directory \"%s\": %s", directory,
                               strerror(errno));
    const char *last = NULL;
    place->directory_fd = walk(root, relative, &last);
    if (place->directory_fd < 0 && (errno == EXDEV || errno == ELOOP || errno == ENOTDIR))
        return outside(path, directory, problem);
    if (place->directory_fd < 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: %s", place->path, strerror(errno));
    enum emg_error error = EMG_OK;
    if (strlen(last) <= strlen(extension) || last[0] == '.' || strlen(last) >= sizeof place->name - 8)
        error = emg_problem_set(problem, EMG_ERROR_ARGUMENT, "\"%.200s\" is no name for a recording", path);
    else
        (void)snprintf(place->name, sizeof place->name, "%s", last);
    if (error == EMG_OK)
        error = make(place, extension, problem);
    if (error != EMG_OK)
        emg_recorder_place_close(place);
    return error;
}

enum emg_error emg_recorder_place_make_by_time(struct emg_recorder_place *place, const char *directory,
                                               const char *participant, const char *extension,
                                               struct emg_problem *problem)
{
    const unsigned most = 9; /* that begin within one second */
    char stamp[32], name[96], number[8] = "";
    const time_t now = time(NULL);
    struct tm utc;
    enum emg_error error = EMG_ERROR_IO;
    (void)gmtime_r(&now, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    for (unsigned i = 1; i <= most; i++) {
        if (i > 1)
            (void)snprintf(number, sizeof number, "-%u", i);
        (void)snprintf(name, sizeof name, "%s%s%.40s%s", stamp, participant[0] != '\0' ? "-" : "",
                       participant, number);
        error = emg_recorder_place_make(place, directory, name, extension, problem);
        if (error == EMG_OK || !place->is_taken)
            break;
    }
    return error;
}

bool emg_recorder_place_holds(const struct emg_recorder_place *place)
{
    struct stat own, there;
    return fstat(place->fd, &own) == 0 && own.st_nlink > 0 &&
           fstatat(AT_FDCWD, place->path, &there, AT_SYMLINK_NOFOLLOW) == 0 && own.st_ino == there.st_ino &&
           own.st_dev == there.st_dev;
}

void emg_recorder_place_remove(const struct emg_recorder_place *place)
{
    if (place->directory_fd >= 0)
        (void)unlinkat(place->directory_fd, place->name, 0);
}

void emg_recorder_place_close(struct emg_recorder_place *place)
{
    if (place->fd >= 0)
        (void)close(place->fd);
    if (place->directory_fd >= 0)
        (void)close(place->directory_fd);
    place->fd = place->directory_fd = -1;
}

static int write_all(int fd, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        const ssize_t n = write(fd, text, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        text += n;
        left -= (size_t)n;
    }
    return fdatasync(fd) == 0 ? 0 : errno;
}

int emg_recorder_replace(int directory_fd, const char *name, const char *text)
{
    char draft[NAME_MAX + 1];
    (void)snprintf(draft, sizeof draft, ".%.*s.part", NAME_MAX - 8, name);
    (void)unlinkat(directory_fd, draft, 0); /* of one that was interrupted */
    const int fd =
        openat(directory_fd, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return errno;
    (void)fchmod(fd, S_IRUSR | S_IWUSR);
    int failure = write_all(fd, text);
    (void)close(fd);
    if (failure == 0 && renameat(directory_fd, draft, directory_fd, name) != 0)
        failure = errno;
    if (failure != 0)
        (void)unlinkat(directory_fd, draft, 0);
    else
        (void)fsync(directory_fd); /* the names, that of a new recording beside it, too */
    return failure;
}

/* Who writes a recording holds a lock on it. */
static bool is_in_use(const char *path)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    const bool in_use = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        (void)close(fd);
    return in_use;
}

void emg_recorder_tell_unfinished(const char *directory)
{
    DIR *entries = opendir(directory);
    const struct dirent *entry = NULL;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char path[EMG_PATH_SIZE + NAME_MAX + 2];
        (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (has_extension(entry->d_name, ".bdf") && emg_bdf_is_unfinished(path) && !is_in_use(path))
            emg_log("%s: was not closed; mend it with \"emgctl repair %s\"", path, path);
    }
    if (entries != NULL)
        (void)closedir(entries);
}

/* --- the session --- */

void emg_recorder_keep_session(const char *directory, const struct emg_session *session)
{
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool over = session->id[0] == '\0';
    int failure = fd < 0 ? errno : 0;
    if (failure == 0 && over) {
        (void)unlinkat(fd, SESSION_FILE, 0);
        (void)fsync(fd);
    } else if (failure == 0) {
        json_t *json = emg_session_json(session);
        char *text = json != NULL ? json_dumps(json, JSON_INDENT(1)) : NULL;
        failure = text != NULL ? emg_recorder_replace(fd, SESSION_FILE, text) : ENOMEM;
        free(text);
        json_decref(json);
    }
    if (fd >= 0)
        (void)close(fd);
    if (failure != 0 && !over)
        emg_log("%s/%s: %s: a daemon that starts again will not know of this session", directory,
                SESSION_FILE, strerror(failure));
}

/* Not more than a session of every muscle there can be takes, and no pipe that nobody writes to. */
static json_t *read_json(const char *path)
{
    const off_t longest = 16 << 20;
    struct stat status;
    json_t *json = NULL;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= longest)
        json = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
    if (fd >= 0)
        (void)close(fd);
    return json;
}

struct emg_session *emg_recorder_find_session(const char *directory, const struct emg_montage *montage)
{
    char path[EMG_PATH_SIZE + sizeof SESSION_FILE];
    char(*names)[EMG_NAME_SIZE] = calloc(EMG_MAX_CHANNELS, sizeof *names);
    struct emg_problem problem = {"damaged"};
    struct emg_session *session = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", directory, SESSION_FILE);
    for (size_t i = 0; names != NULL && i < montage->n_muscles; i++)
        memcpy(names[i], montage->muscles[i].name, sizeof names[i]);
    json_t *json = read_json(path);
    if (json != NULL && names != NULL)
        session =
            emg_session_of_json(json, (const char(*)[EMG_NAME_SIZE])names, montage->n_muscles, &problem);
    if (session == NULL && access(path, F_OK) == 0)
        emg_log("%s: the session in it cannot be taken up: %s", path, problem.text);
    json_decref(json);
    free(names);
    return session;
}
