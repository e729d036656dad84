#include "daemon/options.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct emg_options options;
static struct emg_problem problem;

static enum emg_error parse(int argc, const char *const *argv)
{
    char *copy[300];
    for (int i = 0; i < argc; i++)
        copy[i] = (char *)(uintptr_t)argv[i]; /* getopt only permutes the pointers */
    copy[argc] = NULL;
    optind = 0; /* glibc: begin anew */
    problem.text[0] = '\0';
    return emg_options_parse(&options, argc, copy, &problem);
}

#define PARSE(...)                                                                                           \
    parse((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static void runs_without_any_argument(void **state)
{
    (void)state;
    assert_int_equal(PARSE("emgd"), EMG_OK);
    assert_int_equal(options.action, EMG_ACTION_RUN);
    assert_null(options.config_path);
    assert_int_equal(options.n_settings, 0);
}

static void turns_source_speed_and_set_into_settings_in_their_order(void **state)
{
    (void)state;
    assert_int_equal(PARSE("emgd", "--set", "a.b=1", "--speed", "max", "--source=file:x y", "--config", "c",
                           "--set", "d.e=2"),
                     EMG_OK);
    assert_string_equal(options.config_path, "c");
    assert_int_equal(options.n_settings, 4);
    assert_string_equal(options.settings[0], "a.b=1");
    assert_string_equal(options.settings[1], "source.speed=max");
    assert_string_equal(options.settings[2], "source.spec=file:x y");
    assert_string_equal(options.settings[3], "d.e=2");
    assert_int_equal(PARSE("emgd", "--source", "synth:rest", "--source", "synth:ramp"), EMG_OK);
    assert_int_equal(options.n_settings, 1);
    assert_string_equal(options.settings[0], "source.spec=synth:ramp");
}

static void knows_each_action(void **state)
{
    (void)state;
    static const struct {
        const char *argument;
        enum emg_action action;
    } cases[] = {{"--list-devices", EMG_ACTION_LIST_DEVICES}, {"--check-config", EMG_ACTION_CHECK_CONFIG},
                 {"--print-config", EMG_ACTION_PRINT_CONFIG}, {"--selftest", EMG_ACTION_SELFTEST},
                 {"--version", EMG_ACTION_VERSION},           {"--help", EMG_ACTION_HELP}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(PARSE("emgd", cases[i].argument), EMG_OK);
        assert_int_equal(options.action, cases[i].action);
    }
}

static void names_the_argument_that_it_does_not_understand(void **state)
{
    (void)state;
    assert_int_equal(PARSE("emgd", "--sorce", "x"), EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(problem.text, "--sorce"));
    assert_int_equal(PARSE("emgd", "-x"), EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(problem.text, "-x"));
    assert_int_equal(PARSE("emgd", "--source"), EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(problem.text, "--source"));
    assert_int_equal(PARSE("emgd", "stray"), EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(problem.text, "stray"));
}

static void refuses_too_many_settings_and_too_long_ones(void **state)
{
    (void)state;
    char value[EMG_SETTING_SIZE + 1];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    assert_int_equal(PARSE("emgd", "--source", value), EMG_ERROR_ARGUMENT);
    assert_non_null(strstr(problem.text, "source.spec"));
    const char *arguments[EMG_MOST_SETTINGS + 2] = {"emgd"};
    for (int i = 1; i < EMG_MOST_SETTINGS + 2; i++)
        arguments[i] = "--set=a.b=1";
    assert_int_equal(parse(EMG_MOST_SETTINGS + 1, arguments), EMG_OK);
    assert_int_equal(parse(EMG_MOST_SETTINGS + 2, arguments), EMG_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_without_any_argument),
        cmocka_unit_test(turns_source_speed_and_set_into_settings_in_their_order),
        cmocka_unit_test(knows_each_action),
        cmocka_unit_test(names_the_argument_that_it_does_not_understand),
        cmocka_unit_test(refuses_too_many_settings_and_too_long_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
