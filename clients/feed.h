/* The data socket of emgd, seen by a program that listens: connects, subscribes, and gives whole, checked
 * messages.
 *
 * Connecting succeeds before the daemon exists and lasts over its restarts; nothing is dropped on this side.
 * One instance belongs to one thread. */
#ifndef EMG_CLIENTS_FEED_H
#define EMG_CLIENTS_FEED_H

#include "daemon/wire.h"

#include <jansson.h>
#include <stdbool.h>

#define EMG_FEED_ENDPOINT "tcp://127.0.0.1:5556"

struct emg_feed;

/* What is known of a malformed message is its topic ("?" when that is unreadable); body and json are NULL. */
struct emg_feed_message {
    const char *topic;
    const char *body; /* one JSON object in one line, NUL-terminated */
    const json_t *json;
    const void *array; /* raw little-endian float32 [array_bytes], as the body describes it; NULL: none */
    size_t array_bytes;
    const char *problem; /* NULL: none */
};

enum emg_feed_wake {
    EMG_FEED_READY,       /* a message is waiting */
    EMG_FEED_QUIET,       /* the time has passed */
    EMG_FEED_STOP,        /* stop_fd is readable */
    EMG_FEED_OUTPUT_GONE, /* the reader of standard output is gone */
};

/* Where to listen, and the keys of clients/curve.h (NULL: none). */
struct emg_feed_source {
    const char *endpoint, *server_key, *secret_key;
};

/* Returns NULL, and says on standard error, as `program`, what is wrong with the endpoint (option --data) or
 * with a key. */
struct emg_feed *emg_feed_create(const struct emg_feed_source *source, const char *program);

/* Adds the topics that begin with prefix; returns false with errno. */
bool emg_feed_subscribe(struct emg_feed *feed, const char *prefix);

/* Takes one such prefix back. */
void emg_feed_unsubscribe(struct emg_feed *feed, const char *prefix);

/* A descriptor for a loop of one's own: whenever it is readable, and after each call of subscribe and
 * unsubscribe, messages may be waiting; all have to be taken. Belongs to the feed. */
int emg_feed_fd(const struct emg_feed *feed);

/* Waits for the first of those above; timeout_ms -1: for ever. STOP goes before READY. */
enum emg_feed_wake emg_feed_wait(struct emg_feed *feed, int stop_fd, long timeout_ms);

/* Takes the next message, valid until the next call; returns false when none is waiting. */
bool emg_feed_take(struct emg_feed *feed, struct emg_feed_message *message);

/* Whether it is a status that says that the stream has ended. */
bool emg_feed_is_end(const struct emg_feed_message *message);

void emg_feed_destroy(struct emg_feed *feed); /* NULL is a no-op */

#endif
