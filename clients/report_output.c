#include "clients/report_output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct emg_report_output {
    bool directory, guarded;
    int error;           /* errno of the first failure; 0: none */
    const char *told;    /* as the user named it */
    char path[PATH_MAX]; /* the final one; "": written directly */
    char temporary[PATH_MAX];
    FILE *file; /* open, or NULL */
    sigset_t before;
};

static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

static bool is_empty_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    bool empty = true;
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            empty = false;
    (void)closedir(directory);
    return empty;
}

/* The final path and the temporary one beside it; returns an errno. */
static int name_both(struct emg_report_output *output, const char *path)
{
    char *real = realpath(path, NULL); /* a link stays one, and what it points to is replaced */
    const char *final = real != NULL ? real : path;
    size_t n = strlen(final);
    while (n > 1 && final[n - 1] == '/')
        n--;
    const bool fits = n + sizeof ".XXXXXX" <= sizeof output->temporary;
    if (fits) {
        (void)snprintf(output->path, sizeof output->path, "%.*s", (int)n, final);
        (void)snprintf(output->temporary, sizeof output->temporary, "%.*s.XXXXXX", (int)n, final);
    }
    free(real);
    return fits ? 0 : ENAMETOOLONG;
}

static int open_file(struct emg_report_output *output, const char *path)
{
    struct stat status;
    const bool exists = stat(path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode))
        return EISDIR;
    if (exists && !S_ISREG(status.st_mode)) {
        output->file = fopen(path, "we");
        return output->file != NULL ? 0 : errno;
    }
    const int error = name_both(output, path);
    if (error != 0)
        return error;
    const int fd = mkostemp(output->temporary, O_CLOEXEC);
    if (fd < 0) {
        output->temporary[0] = '\0';
        return errno;
    }
    output->file = fdopen(fd, "w");
    return output->file != NULL ? 0 : errno;
}

static int open_directory(struct emg_report_output *output, const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && !(S_ISDIR(status.st_mode) && is_empty_directory(path)))
        return S_ISDIR(status.st_mode) ? ENOTEMPTY : ENOTDIR;
    const int error = name_both(output, path);
    if (error != 0)
        return error;
    if (mkdtemp(output->temporary) == NULL) {
        output->temporary[0] = '\0';
        return errno;
    }
    return 0;
}

enum emg_error emg_report_output_create(struct emg_report_output **out, const char *path, bool directory,
                                        struct emg_problem *problem)
{
    *out = NULL;
    struct emg_report_output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s", emg_strerror(EMG_ERROR_MEMORY));
    output->directory = directory;
    output->told = path != NULL ? path : "standard output";
    output->file = path == NULL ? stdout : NULL;
    int error = 0;
    if (path != NULL) {
        sigset_t ending;
        ending_signals(&ending);
        output->guarded = sigprocmask(SIG_BLOCK, &ending, &output->before) == 0;
        error = directory ? open_directory(output, path) : open_file(output, path);
    }
    if (error != 0) {
        emg_problem_write(problem, "%s: cannot be written: %s", path, strerror(error));
        emg_report_output_destroy(output);
        return EMG_ERROR_IO;
    }
    *out = output;
    return EMG_OK;
}

static void fail(struct emg_report_output *output, int error)
{
    if (output->error == 0)
        output->error = error;
}

static void close_file(struct emg_report_output *output)
{
    FILE *file = output->file;
    output->file = NULL;
    if (file == NULL)
        return;
    if (ferror(file) || fflush(file) != 0)
        fail(output, errno != 0 ? errno : EIO);
    else if (output->temporary[0] != '\0' && fsync(fileno(file)) != 0)
        fail(output, errno);
    if (file != stdout && fclose(file) != 0)
        fail(output, errno);
}

FILE *emg_report_output_file(struct emg_report_output *output, const char *name)
{
    if (!output->directory)
        return output->file;
    close_file(output);
    char path[PATH_MAX + NAME_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", output->temporary, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    output->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (output->file == NULL)
        fail(output, errno);
    return output->file;
}

bool emg_report_output_is_interrupted(const struct emg_report_output *output)
{
    sigset_t pending;
    return output->guarded && sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
            sigismember(&pending, SIGHUP) == 1);
}

enum emg_error emg_report_output_commit(struct emg_report_output *output, struct emg_problem *problem)
{
    close_file(output);
    if (output->error == 0 && output->temporary[0] != '\0') {
        if (rename(output->temporary, output->path) == 0)
            output->temporary[0] = '\0';
        else
            fail(output, errno);
    }
    if (output->error != 0)
        return emg_problem_set(problem, EMG_ERROR_IO, "%s: cannot be written: %s", output->told,
                               strerror(output->error));
    return EMG_OK;
}

/* Of a directory first the files in it: it has no others than ours. */
static void remove_temporary(const struct emg_report_output *output)
{
    DIR *directory = output->directory ? opendir(output->temporary) : NULL;
    if (directory != NULL) {
        const struct dirent *entry = NULL;
        while ((entry = readdir(directory)) != NULL)
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
        (void)closedir(directory);
    }
    (void)remove(output->temporary);
}

void emg_report_output_destroy(struct emg_report_output *output)
{
    if (output == NULL)
        return;
    close_file(output);
    if (output->temporary[0] != '\0')
        remove_temporary(output);
    const bool guarded = output->guarded;
    const sigset_t before = output->before;
    free(output);
    if (guarded)
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
}
