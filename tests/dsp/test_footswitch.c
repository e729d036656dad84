#include "dsp/footswitch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double PI = 3.14159265358979323846;
static const double RATE_HZ = 8000.0;

enum { N = 80000 /* 10 s */, CONTACTS_MOST = 300 };

static float signal[N];

static int lift_foot(void **state)
{
    (void)state;
    memset(signal, 0, sizeof signal);
    return 0;
}

static double uniform(uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (double)(*random >> 11) * 0x1p-53;
}

static uint64_t frame(double time_s)
{
    return (uint64_t)lround(time_s * RATE_HZ);
}

static void put(double first_s, double end_s, float value)
{
    for (size_t i = (size_t)frame(first_s); i < (size_t)frame(end_s); i++)
        signal[i] = value;
}

static struct emg_footswitch *make_footswitch(double threshold)
{
    struct emg_footswitch *q = NULL;
    const struct emg_footswitch_config config = {RATE_HZ, threshold};
    assert_int_equal(emg_footswitch_create(&q, &config), EMG_OK);
    return q;
}

struct contacts {
    size_t n;
    uint64_t at[CONTACTS_MOST];
};

/* Gives x [n], which begins at first_frame, in one piece. */
static void feed(struct emg_footswitch *q, const float *x, size_t n, uint64_t first_frame, struct contacts *c)
{
    for (size_t done = 0; done < n;) {
        struct emg_footswitch_contact contact = {true, 1};
        const size_t taken = emg_footswitch_execute(q, x + done, n - done, first_frame + done, &contact);
        assert_in_range(taken, 1, n - done);
        done += taken;
        assert_true(contact.is_found || done == n);
        if (!contact.is_found)
            continue;
        assert_true(c->n < CONTACTS_MOST);
        c->at[c->n++] = contact.frame;
    }
}

static struct contacts contacts_at(double threshold)
{
    struct emg_footswitch *q = make_footswitch(threshold);
    struct contacts c = {0};
    feed(q, signal, N, 0, &c);
    emg_footswitch_destroy(q);
    return c;
}

static void assert_contacts(const struct contacts *c, const double *expected_s, size_t n)
{
    assert_int_equal(c->n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(c->at[i], frame(expected_s[i]));
}

static void refuses_values_outside_the_ranges(void **state)
{
    (void)state;
    static const struct emg_footswitch_config wrong[] = {
        {499.0, 0.5}, {1.1e6, 0.5}, {NAN, 0.5}, {8000.0, -0.1}, {8000.0, 1.1}, {8000.0, NAN},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct emg_footswitch *q = (struct emg_footswitch *)1;
        assert_int_equal(emg_footswitch_create(&q, &wrong[i]), EMG_ERROR_ARGUMENT);
        assert_null(q);
    }
    emg_footswitch_destroy(NULL);
}

static void tells_each_contact_by_its_first_sample_above_the_threshold(void **state)
{
    (void)state;
    put(1.0, 1.4, 0.9F);
    put(1.7, 2.1, 0.9F);
    put(2.45, 2.8, 0.9F);
    put(5.0, 5.2, 0.5F); /* at the threshold, not above it */
    const struct contacts c = contacts_at(0.5);
    assert_contacts(&c, (const double[]){1.0, 1.7, 2.45}, 3);
}

static void takes_any_threshold_from_nothing_to_full_scale(void **state)
{
    (void)state;
    put(1.0, 1.4, 0.01F);
    put(2.0, 2.4, 1.01F);
    const struct contacts least = contacts_at(0.0), most = contacts_at(1.0);
    assert_contacts(&least, (const double[]){1.0, 2.0}, 2);
    assert_contacts(&most, (const double[]){2.0}, 1);
}

static void bounce_and_spikes_make_no_contact_and_do_not_date_it(void **state)
{
    (void)state;
    put(1.0, 1.4, 0.9F);
    put(1.002, 1.004, 0.0F); /* bounces */
    put(1.005, 1.008, 0.0F);
    put(1.3, 1.32, 0.0F);
    put(1.405, 1.409, 0.9F);
    put(1.55, 1.556, 0.9F); /* a spike */
    put(1.8, 2.2, 0.9F);
    put(1.8001, 1.8201, 0.0F);
    const struct contacts c = contacts_at(0.5);
    assert_contacts(&c, (const double[]){1.0, 1.8}, 2);
}

static void contact_takes_10_ms_and_release_25_ms(void **state)
{
    (void)state;
    const double sample_s = 1.0 / RATE_HZ;
    put(1.0, 1.010 - sample_s, 0.9F);
    put(2.0, 2.010, 0.9F);
    put(3.0, 4.0, 0.9F);
    put(3.5, 3.525 - sample_s, 0.0F);
    put(5.0, 6.0, 0.9F);
    put(5.5, 5.525, 0.0F);
    const struct contacts c = contacts_at(0.5);
    assert_contacts(&c, (const double[]){2.0, 3.0, 5.0, 5.525}, 4);
}

static void a_contact_is_told_as_soon_as_it_is_sure(void **state)
{
    (void)state;
    put(1.0, 2.0, 0.9F);
    struct emg_footswitch *q = make_footswitch(0.5);
    struct emg_footswitch_contact contact;
    const size_t sure = (size_t)frame(1.010);
    assert_int_equal(emg_footswitch_execute(q, signal, sure - 1, 0, &contact), sure - 1);
    assert_false(contact.is_found);
    assert_int_equal(emg_footswitch_execute(q, signal, 0, sure - 1, &contact), 0);
    assert_false(contact.is_found);
    assert_int_equal(emg_footswitch_execute(q, signal + sure - 1, 1, sure - 1, &contact), 1);
    assert_true(contact.is_found);
    assert_int_equal(contact.frame, frame(1.0));
    emg_footswitch_destroy(q);
}

static void noise_at_the_threshold_makes_one_contact(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (size_t i = 0; i < 40000; i++) /* rises and falls slowly through the threshold, once in 1.25 s */
        signal[i] = (float)(0.5 - 0.5 * cos(2.0 * PI * (double)i / 10000.0)) +
                    (float)(0.08 * (uniform(&random) - 0.5));
    const struct contacts c = contacts_at(0.5);
    assert_int_equal(c.n, 4);
    for (size_t i = 0; i < c.n; i++)
        assert_true(fabs((double)c.at[i] - (2500.0 + 10000.0 * (double)i)) < 0.02 * RATE_HZ);
}

static void a_dip_that_stays_near_the_threshold_is_no_release(void **state)
{
    (void)state;
    put(1.0, 1.8, 0.9F);
    put(1.5, 1.6, 0.41F);
    put(2.1, 2.5, 0.9F);
    put(2.3, 2.4, 0.4F); /* 80 % */
    const struct contacts c = contacts_at(0.5);
    assert_contacts(&c, (const double[]){1.0, 2.1, 2.4}, 3);
}

static void an_input_coupled_by_a_capacitor_still_shows_contacts(void **state)
{
    (void)state;
    put(1.0, 1.4, 0.95F);
    put(1.7, 2.1, 0.95F);
    const double decay = exp(-2.0 * PI * 8.0 / RATE_HZ); /* first-order high-pass, 8 Hz */
    double before = 0.0;
    double y = 0.0;
    for (size_t i = 0; i < N; i++) {
        y = decay * (y + (double)signal[i] - before);
        before = (double)signal[i];
        signal[i] = (float)y;
    }
    const struct contacts c = contacts_at(0.5);
    assert_contacts(&c, (const double[]){1.0, 1.7}, 2);
}

static void a_foot_that_is_down_from_the_start_has_not_just_come_down(void **state)
{
    (void)state;
    put(0.0, 0.3, 0.9F);
    put(0.1, 0.11, 0.0F);
    put(0.8, 1.2, 0.9F);
    put(1.5, 1.9, 0.9F);
    signal[0] = signal[1] = NAN;
    put(1.0, 1.05, NAN);
    signal[frame(1.1)] = -INFINITY;
    signal[frame(1.3)] = NAN;
    const struct contacts c = contacts_at(0.5);
    assert_contacts(&c, (const double[]){0.8, 1.5}, 2);
}

static void contacts_are_the_same_however_the_input_is_cut_and_after_reset(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (double t = 0.3; t < 9.0; t += 0.3 + 0.3 * uniform(&random)) {
        put(t, t + 0.1 + 0.2 * uniform(&random), 0.9F);
        for (int i = 0; i < 6; i++) {
            const double at = t + 0.5 * uniform(&random);
            put(at, at + 0.03 * uniform(&random), uniform(&random) < 0.5 ? 0.0F : 0.9F);
        }
    }
    const uint64_t origin = UINT64_C(1) << 40;
    struct emg_footswitch *q = make_footswitch(0.5);
    struct contacts whole = {0};
    feed(q, signal, N, origin, &whole);
    assert_true(whole.n > 15);
    for (uint64_t pieces = 1; pieces < 9; pieces++) {
        struct contacts cut = {0};
        emg_footswitch_reset(q);
        for (size_t done = 0; done < N;) {
            size_t take = (size_t)(uniform(&random) * (pieces % 2 == 0 ? 3.0 : 500.0));
            take = take < N - done ? take : N - done;
            feed(q, signal + done, take, origin + done, &cut);
            done += take;
        }
        assert_int_equal(cut.n, whole.n);
        assert_memory_equal(cut.at, whole.at, whole.n * sizeof whole.at[0]);
    }
    emg_footswitch_destroy(q);
}

static void reset_forgets_a_contact_in_progress(void **state)
{
    (void)state;
    put(1.0, 2.0, 0.9F);
    put(2.5, 3.0, 0.9F);
    struct emg_footswitch *q = make_footswitch(0.5);
    struct contacts c = {0};
    const size_t at = (size_t)frame(1.005);
    feed(q, signal, at, 0, &c);
    emg_footswitch_reset(q);
    feed(q, signal + at, N - at, at, &c);
    assert_contacts(&c, (const double[]){2.5}, 1);
    emg_footswitch_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_values_outside_the_ranges),
        cmocka_unit_test_setup(tells_each_contact_by_its_first_sample_above_the_threshold, lift_foot),
        cmocka_unit_test_setup(takes_any_threshold_from_nothing_to_full_scale, lift_foot),
        cmocka_unit_test_setup(bounce_and_spikes_make_no_contact_and_do_not_date_it, lift_foot),
        cmocka_unit_test_setup(contact_takes_10_ms_and_release_25_ms, lift_foot),
        cmocka_unit_test_setup(a_contact_is_told_as_soon_as_it_is_sure, lift_foot),
        cmocka_unit_test_setup(noise_at_the_threshold_makes_one_contact, lift_foot),
        cmocka_unit_test_setup(a_dip_that_stays_near_the_threshold_is_no_release, lift_foot),
        cmocka_unit_test_setup(an_input_coupled_by_a_capacitor_still_shows_contacts, lift_foot),
        cmocka_unit_test_setup(a_foot_that_is_down_from_the_start_has_not_just_come_down, lift_foot),
        cmocka_unit_test_setup(contacts_are_the_same_however_the_input_is_cut_and_after_reset, lift_foot),
        cmocka_unit_test_setup(reset_forgets_a_contact_in_progress, lift_foot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
