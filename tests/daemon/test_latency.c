#include "daemon/latency.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct emg_latency latency;

static void gives_nearest_rank_percentiles_in_milliseconds_and_begins_anew(void **state)
{
    (void)state;
    double ms[3];
    memset(&latency, 0, sizeof latency);
    for (int64_t i = 200; i > 0; i--)
        emg_latency_add(&latency, i * 1000000);
    emg_latency_take(&latency, ms);
    assert_true(ms[0] == 100 && ms[1] == 198 && ms[2] == 200);
    emg_latency_take(&latency, ms);
    assert_true(isnan(ms[0]) && isnan(ms[1]) && isnan(ms[2]));
    emg_latency_add(&latency, 3000000);
    emg_latency_take(&latency, ms);
    assert_true(ms[0] == 3 && ms[1] == 3 && ms[2] == 3);
}

static void still_knows_the_maximum_when_it_is_full(void **state)
{
    (void)state;
    double ms[3];
    memset(&latency, 0, sizeof latency);
    for (int i = 0; i < EMG_LATENCY_SAMPLES + 10; i++)
        emg_latency_add(&latency, 1000000);
    emg_latency_add(&latency, 50000000);
    emg_latency_take(&latency, ms);
    assert_true(ms[1] == 1 && ms[2] == 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_nearest_rank_percentiles_in_milliseconds_and_begins_anew),
        cmocka_unit_test(still_knows_the_maximum_when_it_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
