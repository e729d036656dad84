#include "daemon/ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct emg_ring *make_ring(size_t capacity)
{
    struct emg_ring *ring = NULL;
    assert_int_equal(emg_ring_create(&ring, capacity), EMG_OK);
    return ring;
}

static void refuses_no_capacity_and_too_much(void **state)
{
    (void)state;
    struct emg_ring *ring = (struct emg_ring *)1;
    assert_int_equal(emg_ring_create(&ring, 0), EMG_ERROR_ARGUMENT);
    assert_null(ring);
    assert_int_equal(emg_ring_create(&ring, ((size_t)1 << 30) + 1), EMG_ERROR_ARGUMENT);
    assert_null(ring);
    emg_ring_destroy(NULL);
}

static void gives_nothing_before_commit_and_keeps_the_order(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(4096);
    size_t n = 0;
    assert_null(emg_ring_front(ring, &n));
    uint32_t *record = emg_ring_reserve(ring, 8);
    record[0] = 99;
    assert_null(emg_ring_front(ring, &n));
    record = emg_ring_reserve(ring, 4); /* takes the place of the first */
    record[0] = 1;
    emg_ring_commit(ring);
    record = emg_ring_reserve(ring, 4);
    record[0] = 2;
    emg_ring_commit(ring);
    const uint32_t *front = emg_ring_front(ring, &n);
    assert_int_equal(n, 4);
    assert_int_equal(front[0], 1);
    assert_ptr_equal(emg_ring_front(ring, &n), front);
    emg_ring_release(ring);
    front = emg_ring_front(ring, &n);
    assert_int_equal(front[0], 2);
    emg_ring_release(ring);
    assert_null(emg_ring_front(ring, &n));
    emg_ring_destroy(ring);
}

static void is_full_before_it_overwrites_and_has_room_again_after_release(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(4096);
    assert_null(emg_ring_reserve(ring, 1025));
    size_t written = 0;
    unsigned char *record = NULL;
    while ((record = emg_ring_reserve(ring, 240)) != NULL) {
        memset(record, (int)written, 240);
        emg_ring_commit(ring);
        written++;
    }
    assert_int_equal(written, 16); /* 256 bytes each with the header */
    size_t n = 0;
    assert_non_null(emg_ring_front(ring, &n));
    assert_true(emg_ring_take_peak_percent(ring) == 100.0);
    assert_true(emg_ring_take_peak_percent(ring) == 0.0);
    for (size_t i = 0; i < written; i++) {
        const unsigned char *front = emg_ring_front(ring, &n);
        assert_int_equal(n, 240);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(front[k], i);
        emg_ring_release(ring);
        assert_non_null(emg_ring_reserve(ring, 240));
        emg_ring_commit(ring);
    }
    emg_ring_destroy(ring);
}

static void forgets_a_reservation_on_either_side_of_the_end_of_memory(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(4096);
    size_t n = 0;
    for (unsigned round = 0; round < 1000; round++) {
        unsigned char *record = emg_ring_reserve(ring, 200 + round % 7 * 100);
        assert_non_null(record);
        memset(record, 0xee, 200 + round % 7 * 100);
        assert_null(emg_ring_front(ring, &n));
        record = emg_ring_reserve(ring, 4);
        memcpy(record, &round, sizeof round);
        emg_ring_commit(ring);
        const unsigned char *front = emg_ring_front(ring, &n);
        assert_int_equal(n, 4);
        assert_memory_equal(front, &round, sizeof round);
        emg_ring_release(ring);
        assert_null(emg_ring_front(ring, &n));
    }
    emg_ring_destroy(ring);
}

/* A record of every length, aligned, that carries a check of its content. */
static void keeps_records_of_every_length_whole_and_aligned_across_the_end_of_memory(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(4096);
    uint32_t random = 1;
    size_t pending[64] = {0};
    size_t head = 0, tail = 0;
    for (size_t round = 0; round < 200000; round++) {
        random = random * 1664525U + 1013904223U;
        const size_t n = (random >> 8) % 1025;
        unsigned char *record = (random >> 30) != 0 && head - tail < 64 ? emg_ring_reserve(ring, n) : NULL;
        if (record != NULL) {
            assert_int_equal((uintptr_t)record % 16, 0);
            memset(record, (int)(head & 0xff), n);
            emg_ring_commit(ring);
            pending[head++ % 64] = n;
            continue;
        }
        size_t got = 0;
        const unsigned char *front = emg_ring_front(ring, &got);
        if (head == tail) {
            assert_null(front);
            continue;
        }
        assert_non_null(front);
        assert_int_equal(got, pending[tail % 64]);
        for (size_t k = 0; k < got; k += 61)
            assert_int_equal(front[k], tail & 0xff);
        emg_ring_release(ring);
        tail++;
    }
    assert_true(head > 1000);
    emg_ring_destroy(ring);
}

/* Walks all that is on the ring, then takes it off and finds the same. */
static void shows_all_that_is_there_without_taking_it(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(4096);
    uint32_t written = 0;
    for (unsigned round = 0; round < 5000; round++) {
        uint32_t *record = NULL;
        while ((record = emg_ring_reserve(ring, (1 + (round * 31 + written * 7) % 200) * sizeof *record)) !=
               NULL) {
            record[0] = written++;
            emg_ring_commit(ring);
        }
        size_t n = 0;
        const uint32_t *seen = emg_ring_front(ring, &n);
        uint32_t next = seen[0];
        for (; seen != NULL; seen = emg_ring_after(ring, seen, &n))
            assert_int_equal(seen[0], next++);
        assert_int_equal(next, written);
        for (unsigned k = 0; k <= round % 11 && emg_ring_front(ring, &n) != NULL; k++)
            emg_ring_release(ring);
    }
    emg_ring_destroy(ring);
}

enum { RECORDS = 400000 };

static void *write_numbers(void *argument)
{
    struct emg_ring *ring = argument;
    for (uint32_t i = 0; i < RECORDS;) {
        const size_t n = 1 + i % 97;
        uint32_t *record = emg_ring_reserve(ring, n * sizeof *record);
        if (record == NULL) {
            sched_yield();
            continue;
        }
        for (size_t k = 0; k < n; k++)
            record[k] = i + (uint32_t)k;
        emg_ring_commit(ring);
        i++;
    }
    return NULL;
}

static void hands_every_record_over_whole_between_two_threads(void **state)
{
    (void)state;
    struct emg_ring *ring = make_ring(16384);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_numbers, ring), 0);
    uint32_t expected = 0;
    size_t wrong = 0;
    while (expected < RECORDS) {
        size_t n_bytes = 0;
        const uint32_t *record = emg_ring_front(ring, &n_bytes);
        if (record == NULL) {
            sched_yield();
            continue;
        }
        wrong += n_bytes != (1 + expected % 97) * sizeof *record;
        for (size_t k = 0; k < n_bytes / sizeof *record; k++)
            wrong += record[k] != expected + (uint32_t)k;
        emg_ring_release(ring);
        expected++;
    }
    pthread_join(writer, NULL);
    assert_int_equal(wrong, 0);
    emg_ring_destroy(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_no_capacity_and_too_much),
        cmocka_unit_test(gives_nothing_before_commit_and_keeps_the_order),
        cmocka_unit_test(is_full_before_it_overwrites_and_has_room_again_after_release),
        cmocka_unit_test(forgets_a_reservation_on_either_side_of_the_end_of_memory),
        cmocka_unit_test(keeps_records_of_every_length_whole_and_aligned_across_the_end_of_memory),
        cmocka_unit_test(shows_all_that_is_there_without_taking_it),
        cmocka_unit_test(hands_every_record_over_whole_between_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
