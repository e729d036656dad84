#include "daemon/limiter.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const double PER_S = 200, AT_ONCE = 400, ALL_PER_S = 2000, ALL_AT_ONCE = 4000;

void emg_limiter_init(struct emg_limiter *limiter)
{
    memset(limiter, 0, sizeof *limiter);
    limiter->all.tokens = ALL_AT_ONCE;
}

/* FNV-1a; never 0. */
static uint64_t hash(const unsigned char *bytes, size_t n)
{
    uint64_t h = 14695981039346656037U;
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 1099511628211U;
    return h != 0 ? h : 1;
}

static void fill(struct emg_bucket *bucket, double per_s, double at_once, int64_t now_ns)
{
    const double gained = per_s * 1e-9 * (double)(now_ns - bucket->since_ns);
    bucket->tokens = fmin(at_once, bucket->tokens + fmax(gained, 0));
    bucket->since_ns = now_ns;
}

/* Below 0 a client's bucket counts what has been refused. */
static double take_own(struct emg_bucket *bucket, int64_t now_ns)
{
    fill(bucket, PER_S, AT_ONCE, now_ns);
    bucket->tokens = fmax(bucket->tokens - 1, -AT_ONCE - 1);
    return bucket->tokens;
}

/* What is refused here is no debt: many who flood would run it up for ever, and nobody would be heard. */
static bool take_common(struct emg_bucket *bucket, int64_t now_ns)
{
    fill(bucket, ALL_PER_S, ALL_AT_ONCE, now_ns);
    if (bucket->tokens < 1)
        return false;
    bucket->tokens -= 1;
    return true;
}

static struct emg_bucket *find(struct emg_limiter *limiter, uint64_t client, int64_t now_ns)
{
    struct emg_bucket *oldest = &limiter->clients[0];
    for (size_t i = 0; i < EMG_LIMITER_CLIENTS; i++) {
        struct emg_bucket *bucket = &limiter->clients[i];
        if (bucket->client == client)
            return bucket;
        if (bucket->client == 0 || (oldest->client != 0 && bucket->since_ns < oldest->since_ns))
            oldest = bucket;
        if (bucket->client == 0)
            break;
    }
    *oldest = (struct emg_bucket){.client = client, .tokens = AT_ONCE, .since_ns = now_ns};
    return oldest;
}

enum emg_limit emg_limiter_ask(struct emg_limiter *limiter, const void *identity, size_t size, int64_t now_ns)
{
    struct emg_bucket *bucket = find(limiter, hash(identity, size), now_ns);
    const double own = take_own(bucket, now_ns);
    if (own < 0)
        return own < -AT_ONCE ? EMG_LIMIT_DROP : EMG_LIMIT_REFUSE;
    return take_common(&limiter->all, now_ns) ? EMG_LIMIT_NONE : EMG_LIMIT_REFUSE;
}
