#include "daemon/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct emg_limiter limiter;

static int set_up(void **state)
{
    (void)state;
    emg_limiter_init(&limiter);
    return 0;
}

/* Requests of one client, evenly in so many seconds from begin_s on; how many are carried out. */
static unsigned carried_out(const char *identity, unsigned n, double begin_s, double seconds, unsigned *told)
{
    unsigned done = 0;
    *told = 0;
    for (unsigned i = 0; i < n; i++) {
        const int64_t now_ns = (int64_t)(1e9 * (begin_s + seconds * i / n));
        const enum emg_limit limit = emg_limiter_ask(&limiter, identity, strlen(identity), now_ns);
        done += limit == EMG_LIMIT_NONE;
        *told += limit == EMG_LIMIT_REFUSE;
    }
    return done;
}

static void who_asks_in_measure_is_never_refused(void **state)
{
    (void)state;
    unsigned told = 0;
    assert_int_equal(carried_out("a", 400, 100, 0, &told), 400);
    assert_int_equal(carried_out("a", 19000, 110, 100, &told), 19000);
    assert_int_equal(told, 0);
}

static void who_floods_gets_his_share_and_then_no_answer(void **state)
{
    (void)state;
    unsigned told = 0;
    const unsigned done = carried_out("a", 100000, 5, 10, &told);
    assert_in_range(done, 390, 410);
    assert_in_range(told, 390, 420);
    /* once he asks less, he is heard again */
    assert_int_equal(carried_out("a", 1, 25, 0, &told), 1);
}

static void the_others_do_not_notice(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (unsigned i = 0; i < 100000; i++) {
        const int64_t now_ns = (int64_t)i * 100000;
        (void)emg_limiter_ask(&limiter, "flood", 5, now_ns);
        if (i % 100 == 0) /* 100 a second */
            refused += emg_limiter_ask(&limiter, "quiet", 5, now_ns) != EMG_LIMIT_NONE;
    }
    assert_int_equal(refused, 0);
}

static void a_thousand_identities_are_still_bounded_together(void **state)
{
    (void)state;
    unsigned done = 0;
    for (unsigned i = 0; i < 100000; i++) {
        const uint32_t identity = i % 1000;
        done += emg_limiter_ask(&limiter, &identity, sizeof identity, (int64_t)i * 100000) == EMG_LIMIT_NONE;
    }
    assert_in_range(done, 4000, 24100); /* 4000, and 2000 a second for 10 s */
}

static void who_asks_little_is_heard_while_a_hundred_flood(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000000; i++) {
        const uint32_t identity = i % 100;
        const int64_t now_ns = (int64_t)i * 10000; /* each 1000 a second for 20 s */
        (void)emg_limiter_ask(&limiter, &identity, sizeof identity, now_ns);
        /* until they have used up what every newcomer is given, all are alike */
        if (now_ns > 1000000000 && i % 10000 == 0)
            assert_int_equal(emg_limiter_ask(&limiter, "quiet", 5, now_ns), EMG_LIMIT_NONE);
    }
}

static void many_who_ask_too_much_still_get_the_common_rate(void **state)
{
    (void)state;
    unsigned done = 0;
    for (unsigned i = 0; i < 57000; i++) { /* 30 clients, each 190 a second for 10 s */
        const uint32_t identity = i % 30;
        done += emg_limiter_ask(&limiter, &identity, sizeof identity, (int64_t)i * 175438) == EMG_LIMIT_NONE;
    }
    assert_in_range(done, 20000, 24100);
}

static void a_clock_that_stands_still_or_steps_back_gives_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 400; i++)
        assert_int_equal(emg_limiter_ask(&limiter, "a", 1, 1000000000 - (int64_t)i), EMG_LIMIT_NONE);
    assert_int_equal(emg_limiter_ask(&limiter, "a", 1, 0), EMG_LIMIT_REFUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_asks_in_measure_is_never_refused, set_up),
        cmocka_unit_test_setup(who_floods_gets_his_share_and_then_no_answer, set_up),
        cmocka_unit_test_setup(the_others_do_not_notice, set_up),
        cmocka_unit_test_setup(a_thousand_identities_are_still_bounded_together, set_up),
        cmocka_unit_test_setup(who_asks_little_is_heard_while_a_hundred_flood, set_up),
        cmocka_unit_test_setup(many_who_ask_too_much_still_get_the_common_rate, set_up),
        cmocka_unit_test_setup(a_clock_that_stands_still_or_steps_back_gives_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
