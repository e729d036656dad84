#include "daemon/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void returns_the_error_it_was_given(void **state)
{
    (void)state;
    struct emg_problem problem;
    assert_int_equal(emg_problem_set(&problem, EMG_ERROR_FORMAT, "%s:%d: no", "a.conf", 7), EMG_ERROR_FORMAT);
    assert_string_equal(problem.text, "a.conf:7: no");
    assert_int_equal(emg_problem_set(&problem, EMG_OK, "%s", ""), EMG_OK);
    assert_string_equal(problem.text, "");
}

static void needs_no_place_for_the_message(void **state)
{
    (void)state;
    assert_int_equal(emg_problem_set(NULL, EMG_ERROR_DEVICE, "%s", "gone"), EMG_ERROR_DEVICE);
}

static void cuts_a_long_message_at_its_end(void **state)
{
    (void)state;
    struct {
        struct emg_problem problem;
        char behind[64];
    } place;
    char text[2 * sizeof place.problem.text];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    memset(&place, 0x55, sizeof place);
    assert_int_equal(emg_problem_set(&place.problem, EMG_ERROR_IO, "begin %s", text), EMG_ERROR_IO);
    assert_int_equal(strlen(place.problem.text), sizeof place.problem.text - 1);
    assert_memory_equal(place.problem.text, "begin xxx", 9);
    for (size_t i = 0; i < sizeof place.behind; i++)
        assert_int_equal(place.behind[i], 0x55);
}

static void is_one_line_without_control_characters(void **state)
{
    (void)state;
    struct emg_problem problem;
    (void)emg_problem_set(&problem, EMG_ERROR_ARGUMENT, "a%cb%sc", '\n', "\x1b[31m\t\x01\x7f");
    assert_string_equal(problem.text, "a?b?[31m???c");
}

static void keeps_letters_beyond_ascii(void **state)
{
    (void)state;
    struct emg_problem problem;
    (void)emg_problem_set(&problem, EMG_ERROR_ARGUMENT, "%s", "M\xc3\xbcller \xe2\x80\xa6");
    assert_string_equal(problem.text, "M\xc3\xbcller \xe2\x80\xa6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_the_error_it_was_given),
        cmocka_unit_test(needs_no_place_for_the_message),
        cmocka_unit_test(cuts_a_long_message_at_its_end),
        cmocka_unit_test(is_one_line_without_control_characters),
        cmocka_unit_test(keeps_letters_beyond_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
