/* A file in memory that has a path, for readers that open one; and the way to say that a promise is broken.
 */
#ifndef EMG_FUZZ_MEMORY_FILE_H
#define EMG_FUZZ_MEMORY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* libFuzzer calls this with one input after the other; it must return 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, which libFuzzer takes for a finding and keeps the input. */
static inline void must(bool condition, const char *promise)
{
    if (condition)
        return;
    (void)fprintf(stderr, "BROKEN: %s\n", promise);
    abort();
}

/* Whether a message or text is one that may be shown: not empty, without control characters. */
static inline bool is_line(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return text[0] != '\0';
}

struct memory_file {
    int fd;
    char path[32]; /* of this process */
};

static inline struct memory_file memory_file_open(const void *bytes, size_t n)
{
    struct memory_file file = {.fd = memfd_create("fuzz", MFD_CLOEXEC)};
    must(file.fd >= 0 && write(file.fd, bytes, n) == (ssize_t)n, "the machine has room for the input");
    (void)snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
    return file;
}

static inline size_t memory_file_size(const struct memory_file *file)
{
    struct stat status;
    must(fstat(file->fd, &status) == 0, "a file has a size");
    return (size_t)status.st_size;
}

/* All of the file; for free(). */
static inline uint8_t *memory_file_bytes(const struct memory_file *file)
{
    const size_t n = memory_file_size(file);
    uint8_t *bytes = malloc(n + 1);
    must(bytes != NULL && pread(file->fd, bytes, n, 0) == (ssize_t)n, "a file can be read");
    return bytes;
}

static inline void memory_file_close(const struct memory_file *file)
{
    (void)close(file->fd);
}

#endif
