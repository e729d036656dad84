#include "dsp/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const enum emg_error CODES[] = {
    EMG_OK,           EMG_ERROR_ARGUMENT,    EMG_ERROR_MEMORY, EMG_ERROR_NOT_FOUND,
    EMG_ERROR_FORMAT, EMG_ERROR_UNSUPPORTED, EMG_ERROR_IO,     EMG_ERROR_DEVICE,
};
enum { N_CODES = sizeof CODES / sizeof CODES[0] };

static void success_is_zero(void **state)
{
    (void)state;
    assert_int_equal(EMG_OK, 0);
}

static void every_code_has_its_own_phrase(void **state)
{
    (void)state;
    const char *unknown = emg_strerror((enum emg_error)1000);

    for (size_t i = 0; i < N_CODES; i++) {
        const char *phrase = emg_strerror(CODES[i]);
        assert_non_null(phrase);
        assert_true(strlen(phrase) > 2);
        assert_string_not_equal(phrase, unknown);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(phrase, emg_strerror(CODES[k]));
    }
}

static void a_phrase_is_one_short_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CODES; i++) {
        assert_true(strlen(emg_strerror(CODES[i])) < 40);
        assert_null(strpbrk(emg_strerror(CODES[i]), "\r\n%"));
    }
}

static void no_code_is_missing_from_this_test(void **state)
{
    (void)state;
    const char *unknown = emg_strerror((enum emg_error)1000);
    size_t known = 0;

    for (int code = 0; code < 256; code++)
        known += strcmp(emg_strerror((enum emg_error)code), unknown) != 0;
    assert_int_equal(known, N_CODES);
}

static void an_unknown_value_is_safe(void **state)
{
    (void)state;
    static const int values[] = {-1, N_CODES, 255, 65536, INT32_MAX, INT32_MIN};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_string_equal(emg_strerror((enum emg_error)values[i]), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_zero),
        cmocka_unit_test(every_code_has_its_own_phrase),
        cmocka_unit_test(a_phrase_is_one_short_line),
        cmocka_unit_test(no_code_is_missing_from_this_test),
        cmocka_unit_test(an_unknown_value_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
