#include "dsp/slicer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 1000, DELAY = 7, SHORTEST = 10, LONGEST = 50, MOST = 64 };

static float x[N];          /* its own index */
static uint32_t burst[N];   /* what x[i - DELAY] belongs to */
static uint32_t belongs[N]; /* what x[i] belongs to */

struct cut {
    size_t n_slices;
    struct {
        float first, last;
        size_t n;
        uint32_t burst;
    } slices[MOST];
};

static struct emg_slicer *make_slicer(void)
{
    struct emg_slicer *q = NULL;
    const struct emg_slicer_config config = {DELAY, SHORTEST, LONGEST};
    assert_int_equal(emg_slicer_create(&q, &config), EMG_OK);
    return q;
}

static int set_up(void **state)
{
    (void)state;
    memset(belongs, 0, sizeof belongs);
    for (size_t i = 0; i < N; i++)
        x[i] = (float)i;
    return 0;
}

static void mark(size_t first, size_t n, uint32_t number)
{
    for (size_t i = first; i < first + n; i++)
        belongs[i] = number;
    for (size_t i = 0; i < N; i++)
        burst[i] = i >= DELAY ? belongs[i - DELAY] : 0;
}

static void run(struct emg_slicer *q, struct cut *cut, uint32_t pieces)
{
    for (size_t done = 0; done < N;) {
        pieces = pieces * 1664525U + 1013904223U;
        size_t take = pieces % 2 == 0 ? N : (pieces >> 8) % 20;
        take = take < N - done ? take : N - done;
        struct emg_slice slice;
        done += emg_slicer_execute(q, x + done, burst + done, take, &slice);
        if (slice.n == 0)
            continue;
        for (size_t i = 1; i < slice.n; i++)
            assert_true(slice.x[i] == slice.x[0] + (float)i);
        assert_true(cut->n_slices < MOST);
        cut->slices[cut->n_slices].first = slice.x[0];
        cut->slices[cut->n_slices].last = slice.x[slice.n - 1];
        cut->slices[cut->n_slices].n = slice.n;
        cut->slices[cut->n_slices++].burst = slice.burst;
    }
}

static void refuses_slices_of_no_length(void **state)
{
    (void)state;
    struct emg_slicer *q = (struct emg_slicer *)1;
    assert_int_equal(emg_slicer_create(&q, &(struct emg_slicer_config){0, 0, 5}), EMG_ERROR_ARGUMENT);
    assert_null(q);
    assert_int_equal(emg_slicer_create(&q, &(struct emg_slicer_config){0, 6, 5}), EMG_ERROR_ARGUMENT);
    emg_slicer_destroy(NULL);
}

static void cuts_each_contraction_by_itself_and_leaves_out_what_is_too_short(void **state)
{
    (void)state;
    mark(100, 120, 1); /* two slices and a rest of 20 */
    mark(300, 55, 2);  /* one, and a rest that is too short */
    mark(400, 9, 3);   /* too short */
    mark(409, 30, 4);  /* follows without a pause */
    struct emg_slicer *q = make_slicer();
    struct cut cut = {0};
    run(q, &cut, 0);
    assert_int_equal(cut.n_slices, 5);
    static const struct {
        float first, last;
        uint32_t burst;
    } expected[] = {{100, 149, 1}, {150, 199, 1}, {200, 219, 1}, {300, 349, 2}, {409, 438, 4}};
    for (size_t i = 0; i < cut.n_slices; i++) {
        assert_true(cut.slices[i].first == expected[i].first && cut.slices[i].last == expected[i].last);
        assert_int_equal(cut.slices[i].burst, expected[i].burst);
    }
    emg_slicer_destroy(q);
}

static void gives_the_same_slices_however_the_input_is_cut_and_after_reset(void **state)
{
    (void)state;
    mark(5, 333, 1);
    mark(338, 60, 2);
    mark(500, 111, 3);
    struct emg_slicer *q = make_slicer();
    struct cut whole = {0};
    run(q, &whole, 0);
    assert_int_equal(whole.n_slices, 7 + 2 + 3);
    for (uint32_t pieces = 1; pieces < 20; pieces++) {
        struct cut cut = {0};
        emg_slicer_reset(q);
        run(q, &cut, pieces);
        assert_memory_equal(&cut, &whole, sizeof cut);
    }
    emg_slicer_destroy(q);
}

static void a_discarded_slice_is_gone_and_the_next_begins_behind_it(void **state)
{
    (void)state;
    mark(100, 40, 1);
    struct emg_slicer *q = make_slicer();
    struct emg_slice slice;
    assert_int_equal(emg_slicer_execute(q, x, burst, 127, &slice), 127); /* 20 samples into the contraction */
    emg_slicer_discard(q);
    size_t done = 127;
    done += emg_slicer_execute(q, x + done, burst + done, N - done, &slice);
    assert_int_equal(slice.n, 20);
    assert_true(slice.x[0] == 120 && slice.x[19] == 139);
    emg_slicer_destroy(q);
}

static void without_delay_samples_pass_at_once(void **state)
{
    (void)state;
    struct emg_slicer *q = NULL;
    struct emg_slice slice;
    const uint32_t one[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(emg_slicer_create(&q, &(struct emg_slicer_config){0, 10, 10}), EMG_OK);
    assert_int_equal(emg_slicer_execute(q, x + 3, one, 10, &slice), 10);
    assert_int_equal(slice.n, 10);
    assert_true(slice.x[0] == 3 && slice.x[9] == 12);
    emg_slicer_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(refuses_slices_of_no_length, set_up),
        cmocka_unit_test_setup(cuts_each_contraction_by_itself_and_leaves_out_what_is_too_short, set_up),
        cmocka_unit_test_setup(gives_the_same_slices_however_the_input_is_cut_and_after_reset, set_up),
        cmocka_unit_test_setup(a_discarded_slice_is_gone_and_the_next_begins_behind_it, set_up),
        cmocka_unit_test_setup(without_delay_samples_pass_at_once, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
