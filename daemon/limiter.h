/* How many requests a client may make: a bucket of tokens for each, and one for all together.
 *
 * One instance belongs to one thread; it allocates nothing. */
#ifndef EMG_DAEMON_LIMITER_H
#define EMG_DAEMON_LIMITER_H

#include <stddef.h>
#include <stdint.h>

enum { EMG_LIMITER_CLIENTS = 256 };

enum emg_limit {
    EMG_LIMIT_NONE,   /* carry it out */
    EMG_LIMIT_REFUSE, /* too many: say so */
    EMG_LIMIT_DROP,   /* far too many: not even that */
};

struct emg_bucket {
    uint64_t client; /* a hash of its identity; 0: free */
    double tokens;
    int64_t since_ns;
};

struct emg_limiter {
    struct emg_bucket all, clients[EMG_LIMITER_CLIENTS];
};

/* A client may make 200 requests a second on average and 400 at once; all together 2000 and 4000. Beyond that
 * it is told so 400 times at once, and then nothing more until it makes fewer than 200 a second. Of more than
 * 256 clients the one that was quiet for the longest is forgotten. */
void emg_limiter_init(struct emg_limiter *limiter);

/* What to do with a request of the client with this identity [size] at the time now_ns. */
enum emg_limit emg_limiter_ask(struct emg_limiter *limiter, const void *identity, size_t size,
                               int64_t now_ns);

#endif
