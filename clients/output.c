#include "clients/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_BYTES = 65536,
    PIECE_BYTES = 4096, /* PIPE_BUF: a pipe that polls as writable takes so much without waiting */
};

struct emg_output {
    int stop_fd;
    enum emg_output_state state;
    size_t n;
    char buffer[BUFFER_BYTES];
};

struct emg_output *emg_output_create(int stop_fd)
{
    struct emg_output *output = calloc(1, sizeof *output);
    if (output != NULL)
        output->stop_fd = stop_fd;
    return output;
}

/* Writes one piece as soon as it can be taken; returns its length, 0 when that was not to be. */
static size_t write_piece(struct emg_output *output, const char *text, size_t n)
{
    struct pollfd fds[] = {
        {.fd = STDOUT_FILENO, .events = POLLOUT},
        {.fd = output->stop_fd, .events = POLLIN},
    };
    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            output->state = EMG_OUTPUT_FAILED;
            return 0;
        }
        if (fds[0].revents == 0) {
            output->state = EMG_OUTPUT_STOPPED;
            return 0;
        }
        const ssize_t written = write(STDOUT_FILENO, text, n < PIECE_BYTES ? n : PIECE_BYTES);
        if (written > 0)
            return (size_t)written;
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            output->state = errno == EPIPE ? EMG_OUTPUT_CLOSED : EMG_OUTPUT_FAILED;
            return 0;
        }
    }
}

enum emg_output_state emg_output_flush(struct emg_output *output)
{
    if (output->state == EMG_OUTPUT_CLOSED || output->state == EMG_OUTPUT_FAILED)
        return output->state;
    output->state = EMG_OUTPUT_OPEN;
    size_t done = 0;
    while (done < output->n && output->state == EMG_OUTPUT_OPEN)
        done += write_piece(output, output->buffer + done, output->n - done);
    memmove(output->buffer, output->buffer + done, output->n - done);
    output->n -= done;
    return output->state;
}

enum emg_output_state emg_output_put(struct emg_output *output, const char *text, size_t n)
{
    while (n > 0) {
        const size_t room = BUFFER_BYTES - output->n;
        const size_t piece = n < room ? n : room;
        memcpy(output->buffer + output->n, text, piece);
        output->n += piece;
        text += piece;
        n -= piece;
        if (output->n == BUFFER_BYTES && emg_output_flush(output) != EMG_OUTPUT_OPEN)
            break;
    }
    return output->state;
}

void emg_output_destroy(struct emg_output *output)
{
    free(output);
}
