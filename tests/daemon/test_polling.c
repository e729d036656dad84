/* When a thread that polls looks again. */
#include "daemon/polling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t MS = 1000000;

static void test_nothing_expected(void **state)
{
    (void)state;
    assert_int_equal(77 * MS + EMG_POLL_NS, emg_poll_next(77 * MS, 0));
}

/* The longest that something waits which comes `late_ns` after it was expected, whenever polling began from
 * `ahead_ns` before on; and the looks that the last of these took. */
static int64_t longest_wait(int64_t late_ns, int64_t ahead_ns, int *looks)
{
    const int64_t expected_ns = 1000 * MS;
    int64_t longest = 0;
    for (int64_t begin_ns = 0; begin_ns < EMG_POLL_NS; begin_ns += 7000) {
        int64_t now_ns = expected_ns - ahead_ns + begin_ns;
        *looks = 0;
        for (; now_ns < expected_ns + late_ns; ++*looks)
            now_ns = emg_poll_next(now_ns, expected_ns);
        const int64_t wait = now_ns - (expected_ns + late_ns);
        longest = wait > longest ? wait : longest;
    }
    return longest;
}

static void test_what_comes_on_time_waits_little(void **state)
{
    (void)state;
    int looks = 0;
    for (int64_t late_ns = -40000; late_ns <= 400000; late_ns += 10000)
        assert_in_range(longest_wait(late_ns, 10 * MS, &looks), 0, 50000);
    assert_in_range(longest_wait(0, 10 * MS, &looks), 0, 50000);
    assert_in_range(looks, 7, 11);
}

static void test_what_does_not_waits_longer(void **state)
{
    (void)state;
    int looks = 0;
    assert_in_range(longest_wait(-1200000, 10 * MS, &looks), 50001, EMG_POLL_NS);
    assert_in_range(longest_wait(-5 * MS, 10 * MS, &looks), EMG_POLL_NS, 2 * MS);
    assert_in_range(longest_wait(30 * MS, 10 * MS, &looks), 50001, EMG_POLL_NS);
    assert_in_range(looks, 65, 85);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_expected),
        cmocka_unit_test(test_what_comes_on_time_waits_little),
        cmocka_unit_test(test_what_does_not_waits_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
