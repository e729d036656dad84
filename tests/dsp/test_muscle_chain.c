#include "dsp/muscle.h"

#include "dsp/simulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { RATE = 8000, SECONDS = 6, N = RATE * SECONDS, MOST = 7 };

static float x[MOST][N];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++) {
        struct emg_simulate *simulation = NULL;
        const struct emg_simulate_config config = {
            .rate_hz = RATE,
            .seed = i + 1,
            .course = EMG_SIMULATE_STRIDE,
            .rms_uv = 200,
            .noise_uv = 1,
            .fl_hz = 60,
            .fh_hz = 120,
            .fatigue_s = 100,
            .cycle_s = 0.7,
            .burst_start = 0.1 * (double)i,
            .burst_length = 0.35,
            .ramp_s = 1,
        };
        assert_int_equal(emg_simulate_create(&simulation, &config), EMG_OK);
        emg_simulate_execute(simulation, x[i], 1, N);
        emg_simulate_destroy(simulation);
    }
    memset(x[2] + N / 2, 0, RATE * sizeof x[2][0]); /* flat for a second */
    return 0;
}

/* Of full scales and modes of their own. */
static struct emg_muscle *make(size_t i)
{
    struct emg_muscle *m = NULL;
    const struct emg_muscle_config config = {
        .rate_hz = RATE,
        .full_scale_uv = 1000 + 1000 * (double)i,
        .band_hz = {20, 450},
        .amplitude_highpass_hz = 20,
        .rms_s = 0.05,
        .envelope_hz = 10,
        .mains_hz = 50,
        .spectral_s = 10,
        .strides = i % 2 == 0,
        .profile_strides = 10,
        .mode = i == 3 ? EMG_ONSET_STATIC : EMG_ONSET_AUTO,
    };
    assert_int_equal(emg_muscle_create(&m, &config), EMG_OK);
    return m;
}

static void assert_same(struct emg_muscle *a, struct emg_muscle *b)
{
    const struct emg_muscle_activation ours = emg_muscle_activation(a), theirs = emg_muscle_activation(b);
    const struct emg_muscle_fatigue one = emg_muscle_fatigue(a), other = emg_muscle_fatigue(b);
    struct emg_muscle_burst burst, same;
    const float *waveform, *samples;
    uint64_t frame, first_frame;

    assert_memory_equal(&ours.rms_uv, &theirs.rms_uv, sizeof ours.rms_uv);
    assert_memory_equal(&ours.envelope_uv, &theirs.envelope_uv, sizeof ours.envelope_uv);
    assert_int_equal(ours.active, theirs.active);
    assert_int_equal(ours.flags, theirs.flags);
    assert_memory_equal(&one.spectral.indices, &other.spectral.indices, sizeof one.spectral.indices);
    while (emg_muscle_next_burst(a, &burst)) {
        assert_true(emg_muscle_next_burst(b, &same));
        assert_int_equal(burst.onset_frame, same.onset_frame);
        assert_memory_equal(&burst.rms_uv, &same.rms_uv, sizeof burst.rms_uv);
    }
    assert_false(emg_muscle_next_burst(b, &same));
    /* How many are kept depends on how they came. */
    const size_t n = emg_muscle_take_waveform(a, &waveform, &frame);
    const size_t other_n = emg_muscle_take_waveform(b, &samples, &first_frame);
    const size_t least = n < other_n ? n : other_n;
    assert_true(least > 0);
    assert_memory_equal(waveform + n - least, samples + other_n - least, least * sizeof waveform[0]);
}

static void together_they_do_as_each_alone(void **state)
{
    (void)state;
    for (size_t n_muscles = 1; n_muscles <= MOST; n_muscles++) {
        struct emg_muscle *together[MOST], *alone[MOST];
        const float *from[MOST];
        uint32_t random = (uint32_t)n_muscles;
        for (size_t i = 0; i < n_muscles; i++) {
            together[i] = make(i);
            alone[i] = make(i);
        }
        for (size_t done = 0; done < N;) {
            random = random * 1664525U + 1013904223U;
            const size_t wanted = (random >> 8) % 700, left = N - done;
            const size_t n = wanted < left ? wanted : left;
            for (size_t i = 0; i < n_muscles; i++)
                from[i] = x[i] + done;
            emg_muscles_execute(together, n_muscles, from, n);
            done += n;
        }
        for (size_t i = 0; i < n_muscles; i++) {
            emg_muscle_execute(alone[i], x[i], N);
            assert_same(together[i], alone[i]);
            emg_muscle_destroy(together[i]);
            emg_muscle_destroy(alone[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_they_do_as_each_alone),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
