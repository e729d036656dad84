#include "clients/emgweb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NICENESS = 10, MOST_LISTED = 100 }; /* measuring goes before reporting */

struct emg_web_report {
    pid_t pid;
    int page_fd, problem_fd; /* what emgreport writes */
    struct emg_web_watch watch;
    void (*done)(void *user, bool good, const char *body, size_t n);
    void *user;
};

/* A plain file name, of a recording. */
static bool is_recording(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && n < NAME_MAX && name[0] != '.' && strchr(name, '/') == NULL &&
           strcmp(name + n - 4, ".bdf") == 0;
}

/* emgreport stands beside emgweb. */
static bool find_program(char path[PATH_MAX])
{
    static const char name[] = "emgreport";
    const ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof name);
    if (n <= 0)
        return false;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    memcpy(slash + 1, name, sizeof name);
    return true;
}

static void release(struct emg_web_report *report)
{
    emg_web_unwatch(&report->watch);
    if (report->page_fd >= 0)
        close(report->page_fd);
    if (report->problem_fd >= 0)
        close(report->problem_fd);
    free(report);
}

/* NULL with *n 0 for an empty file. */
static char *map(int fd, size_t *n)
{
    struct stat file;
    *n = fstat(fd, &file) == 0 && file.st_size > 0 ? (size_t)file.st_size : 0;
    void *bytes = *n > 0 ? mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED)
        *n = 0;
    return bytes != MAP_FAILED ? bytes : NULL;
}

static void finish(void *user)
{
    struct emg_web_report *report = user;
    int status = 0;
    if (waitpid(report->pid, &status, WNOHANG) != report->pid)
        return;
    const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    size_t n;
    char *body = map(good ? report->page_fd : report->problem_fd, &n);
    report->done(report->user, good && body != NULL, body != NULL ? body : "emgreport failed\n",
                 body != NULL ? n : strlen("emgreport failed\n"));
    if (body != NULL)
        (void)munmap(body, n);
    release(report);
}

static bool spawn(struct emg_web_report *report, const char *program, const char *recording)
{
    char name[] = "emgreport", option[] = "--format", format[] = "html", path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", recording);
    char *const arguments[] = {name, path, option, format, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none); /* emgweb has the ending signals blocked */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, report->page_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, report->problem_fd, STDERR_FILENO);
    const int failure = posix_spawn(&report->pid, program, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failure != 0)
        fprintf(stderr, "emgweb: cannot run %s: %s\n", program, strerror(failure));
    else
        (void)setpriority(PRIO_PROCESS, (id_t)report->pid, NICENESS);
    return failure == 0;
}

struct emg_web_report *emg_web_report_begin(struct emg_web *web, const char *name,
                                            void (*done)(void *user, bool good, const char *body, size_t n),
                                            void *user)
{
    char program[PATH_MAX], recording[PATH_MAX];
    const int n = snprintf(recording, sizeof recording, "%s/%s", web->options.recordings, name);
    if (!is_recording(name) || n < 0 || (size_t)n >= sizeof recording || access(recording, R_OK) != 0 ||
        !find_program(program))
        return NULL;
    struct emg_web_report *report = malloc(sizeof *report);
    if (report == NULL)
        return NULL;
    *report = (struct emg_web_report){.page_fd = memfd_create("report", MFD_CLOEXEC),
                                      .problem_fd = memfd_create("problem", MFD_CLOEXEC),
                                      .watch = {.readable = finish, .user = report},
                                      .done = done,
                                      .user = user};
    if (report->page_fd < 0 || report->problem_fd < 0 || !spawn(report, program, recording)) {
        release(report);
        return NULL;
    }
    const int pid_fd = pidfd_open(report->pid, 0);
    const bool watched = pid_fd >= 0 && emg_web_watch(web, &report->watch, pid_fd);
    if (pid_fd >= 0)
        close(pid_fd);
    if (watched)
        return report;
    emg_web_report_cancel(report);
    return NULL;
}

void emg_web_report_cancel(struct emg_web_report *report)
{
    (void)kill(report->pid, SIGKILL);
    (void)waitpid(report->pid, NULL, 0);
    release(report);
}

static int newest_first(const void *a, const void *b)
{
    const json_t *const *left = a, *const *right = b;
    const double difference =
        json_number_value(json_object_get(*right, "t")) - json_number_value(json_object_get(*left, "t"));
    return difference > 0 ? 1 : difference < 0 ? -1 : 0;
}

json_t *emg_web_report_list(const struct emg_web *web)
{
    DIR *directory = opendir(web->options.recordings);
    if (directory == NULL)
        return NULL;
    json_t **found = NULL;
    size_t n = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        struct stat file;
        if (!is_recording(entry->d_name) || fstatat(dirfd(directory), entry->d_name, &file, 0) != 0 ||
            !S_ISREG(file.st_mode))
            continue;
        json_t **grown = realloc(found, (n + 1) * sizeof(json_t *));
        if (grown == NULL)
            break;
        found = grown;
        found[n] = json_pack("{s:s, s:I, s:f}", "name", entry->d_name, "bytes", (json_int_t)file.st_size, "t",
                             (double)file.st_mtim.tv_sec + 1e-9 * (double)file.st_mtim.tv_nsec);
        n += found[n] != NULL; /* a name that is not UTF-8 cannot be shown */
    }
    closedir(directory);
    if (n > 0)
        qsort(found, n, sizeof(json_t *), newest_first);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        if (i < MOST_LISTED)
            (void)json_array_append_new(list, found[i]);
        else
            json_decref(found[i]);
    free(found);
    return list;
}
