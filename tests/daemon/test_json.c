#include "daemon/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static char text[4096];

static struct emg_json begin(void)
{
    struct emg_json json;
    emg_json_init(&json, text, sizeof text);
    return json;
}

static void writes_nested_objects_and_arrays_with_commas_in_their_places(void **state)
{
    (void)state;
    struct emg_json json = begin();
    emg_json_open_object(&json, NULL);
    emg_json_unsigned(&json, "a", UINT64_MAX);
    emg_json_open_array(&json, "b");
    emg_json_number(&json, NULL, 1.5, 9);
    emg_json_open_object(&json, NULL);
    emg_json_close_object(&json);
    emg_json_open_array(&json, NULL);
    emg_json_close_array(&json);
    emg_json_null(&json, NULL);
    emg_json_close_array(&json);
    emg_json_bool(&json, "c", true);
    emg_json_bool(&json, "d", false);
    emg_json_raw(&json, "e", "{\"x\":1}");
    emg_json_string(&json, "f", NULL);
    emg_json_close_object(&json);
    assert_string_equal(text, "{\"a\":18446744073709551615,\"b\":[1.5,{},[],null],\"c\":true,\"d\":false,"
                              "\"e\":{\"x\":1},\"f\":null}");
    assert_int_equal(json.length, strlen(text));
    assert_false(json.overflow);
}

static void writes_null_for_what_is_not_finite(void **state)
{
    (void)state;
    struct emg_json json = begin();
    emg_json_open_array(&json, NULL);
    emg_json_number(&json, NULL, NAN, 9);
    emg_json_number(&json, NULL, INFINITY, 9);
    emg_json_number(&json, NULL, -INFINITY, 9);
    emg_json_close_array(&json);
    assert_string_equal(text, "[null,null,null]");
}

static void keeps_every_digit_of_a_single_precision_value(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (int i = 0; i < 10000; i++) {
        random = random * 1664525U + 1013904223U;
        const uint32_t bits = (random & 0x807fffff) | ((100 + random % 60) << 23);
        float value = 0;
        memcpy(&value, &bits, sizeof value);
        struct emg_json json = begin();
        emg_json_number(&json, NULL, (double)value, 9);
        assert_true(strtof(text, NULL) == value);
    }
}

static double random_of_any_size(uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    const double share = (double)(*random >> 11) * 0x1p-53;
    return pow(10, 24 * share - 6) * (*random % 3 == 0 ? -1 : 1);
}

/* Those with few digits are ties and ends of decades among others. */
static void writes_numbers_as_printf_does(void **state)
{
    (void)state;
    static const double some[] = {0,      -0.0,        0.5,        -0.5,
                                  1,      9.5,         99.5,       0.0001,
                                  0.0009, 0.00099,     0.00009999, 999999.5,
                                  1e5,    123456789.5, 1e9,        999999999.9,
                                  1e16,   1e17,        5e-324,     1.7976931348623157e308,
                                  -1e-4,  1e22,        2.5e-3,     1790000000.123456};
    char expected[40];
    uint64_t random = 1;
    for (int i = 0; i < 400000; i++) {
        const int digits = 1 + i % 17;
        double value = i % 100 < 24 ? some[i % 100] : random_of_any_size(&random);
        if (i % 5 == 1 && fabs(value) < 1e12)
            value = round(value * 1000 / 8) / 125;
        struct emg_json json = begin();
        emg_json_number(&json, NULL, value, digits);
        snprintf(expected, sizeof expected, "%.*g", digits, value);
        if (isfinite(value))
            assert_string_equal(expected, text);
    }
}

static void adds_members(void **state)
{
    (void)state;
    struct emg_json json = begin();
    emg_json_open_object(&json, NULL);
    emg_json_members(&json, "{}");
    emg_json_members(&json, "{\"a\":1,\"b\":[]}");
    emg_json_members(&json, "{\"c\":2}");
    emg_json_close_object(&json);
    assert_string_equal(text, "{\"a\":1,\"b\":[],\"c\":2}");
}

static void escapes_what_json_demands_and_mends_what_is_not_utf8(void **state)
{
    (void)state;
    struct emg_json json = begin();
    emg_json_string(&json, NULL, "a\"b\\c\n\x01\x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_string_equal(text, "\"a\\\"b\\\\c\\u000a\\u0001\\u007f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
    /* stray continuation, overlong, surrogate, beyond U+10FFFF, cut at the end */
    static const char *const broken[] = {
        "\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5", "x\xe2\x82"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        json = begin();
        emg_json_open_array(&json, NULL);
        emg_json_string(&json, NULL, broken[i]);
        emg_json_close_array(&json);
        json_t *root = json_loads(text, 0, NULL);
        assert_non_null(root);
        assert_non_null(strstr(json_string_value(json_array_get(root, 0)), "\xef\xbf\xbd"));
        json_decref(root);
    }
}

static void says_when_the_text_does_not_fit_and_never_writes_beyond(void **state)
{
    (void)state;
    for (size_t size = 0; size < 24; size++) {
        char small[32];
        memset(small, 'Z', sizeof small);
        struct emg_json json;
        emg_json_init(&json, small, size);
        emg_json_open_object(&json, NULL);
        emg_json_string(&json, "key", "value");
        emg_json_close_object(&json);
        assert_int_equal(json.overflow, size < 16);
        for (size_t i = size; i < sizeof small; i++)
            assert_int_equal(small[i], 'Z');
        assert_true(size == 0 || memchr(small, '\0', size) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_nested_objects_and_arrays_with_commas_in_their_places),
        cmocka_unit_test(writes_null_for_what_is_not_finite),
        cmocka_unit_test(writes_numbers_as_printf_does),
        cmocka_unit_test(adds_members),
        cmocka_unit_test(keeps_every_digit_of_a_single_precision_value),
        cmocka_unit_test(escapes_what_json_demands_and_mends_what_is_not_utf8),
        cmocka_unit_test(says_when_the_text_does_not_fit_and_never_writes_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
