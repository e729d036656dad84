#include "daemon/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void emg_json_init(struct emg_json *json, char *text, size_t size)
{
    *json = (struct emg_json){.text = text, .size = size};
    if (size > 0)
        text[0] = '\0';
}

static void put(struct emg_json *json, const char *text, size_t n)
{
    if (json->overflow || n >= json->size - json->length) {
        json->overflow = true;
        return;
    }
    memcpy(json->text + json->length, text, n);
    json->length += n;
    json->text[json->length] = '\0';
}

static void put_text(struct emg_json *json, const char *text)
{
    put(json, text, strlen(text));
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    const size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
                     : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                     : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                    : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    const int overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    const int outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

/* Of what stands for itself. */
static size_t plain_length(const unsigned char *s)
{
    size_t n = 0;
    while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
        n++;
    return n;
}

static void put_quoted(struct emg_json *json, const char *value)
{
    put(json, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)value; *s != '\0';) {
        const size_t plain = plain_length(s);
        if (plain > 0) {
            put(json, (const char *)s, plain);
            s += plain;
            continue;
        }
        const size_t n = utf8_length(s);
        char escape[8];
        if (n == 0)
            put_text(json, "\xef\xbf\xbd");
        else if (*s == '"' || *s == '\\')
            put(json, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", *s));
        else if (*s < 0x20 || *s == 0x7f)
            put(json, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", *s));
        else
            put(json, (const char *)s, n);
        s += n > 0 ? n : 1;
    }
    put(json, "\"", 1);
}

/* The comma that the place needs, and the key. */
static void begin(struct emg_json *json, const char *key)
{
    const char before = json->length > 0 ? json->text[json->length - 1] : '{';
    if (before != '{' && before != '[')
        put(json, ",", 1);
    if (key == NULL)
        return;
    put(json, "\"", 1);
    put_text(json, key);
    put(json, "\":", 2);
}

void emg_json_open_object(struct emg_json *json, const char *key)
{
    begin(json, key);
    put(json, "{", 1);
}

void emg_json_close_object(struct emg_json *json)
{
    put(json, "}", 1);
}

void emg_json_open_array(struct emg_json *json, const char *key)
{
    begin(json, key);
    put(json, "[", 1);
}

void emg_json_close_array(struct emg_json *json)
{
    put(json, "]", 1);
}

void emg_json_null(struct emg_json *json, const char *key)
{
    begin(json, key);
    put(json, "null", 4);
}

void emg_json_bool(struct emg_json *json, const char *key, bool value)
{
    begin(json, key);
    put_text(json, value ? "true" : "false");
}

enum { DIGITS_MAX = 20 };

/* The digits of value, DIGITS_MAX of them at most, before `end`; returns the first. */
static char *write_digits(uint64_t value, char *end)
{
    char *first = end;
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return first;
}

void emg_json_unsigned(struct emg_json *json, const char *key, uint64_t value)
{
    char digits[DIGITS_MAX], *last = digits + sizeof digits;
    const char *first = write_digits(value, last);
    begin(json, key);
    put(json, first, (size_t)(last - first));
}

/* A positive number as 0.d1d2...dn x 10^point, rounded. Returns false for one outside of 0.0001 to 10^n, and
 * where rounding of this arithmetic might decide the last digit. */
static bool round_to(double value, int n, uint64_t *rounded, int *point)
{
    static const double decades[] = {1e-4, 1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                     1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
    static const long double powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                         1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                         1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L};
    if (!(value >= decades[0] && value < decades[n + 4]))
        return false;
    int decade = 1;
    while (value >= decades[decade])
        decade++;
    *point = decade - 4;
    const long double scaled = (long double)value * powers[n - *point];
    *rounded = (uint64_t)(scaled + 0.5L);
    const long double to_tie = scaled + 0.5L - (long double)*rounded, doubt = scaled * 0x1p-61L;
    if (to_tie < doubt || to_tie > 1 - doubt)
        return false;
    if (*rounded == (uint64_t)powers[n]) {
        *rounded /= 10;
        ++*point;
    }
    return *point <= n;
}

/* As %.*g writes it, which takes longer; returns the length, 0 for a number that is left to that. */
static size_t write_decimal(double value, int n, char *text)
{
    char digits[DIGITS_MAX], *last = digits + sizeof digits, *end = text;
    uint64_t rounded = 0;
    int point = 0;
    if (!round_to(fabs(value), n, &rounded, &point))
        return 0;
    while (rounded % 10 == 0) {
        rounded /= 10;
        n--;
    }
    const char *first = write_digits(rounded, last);
    if (signbit(value))
        *end++ = '-';
    if (point <= 0)
        *end++ = '0';
    for (int i = 0; i < point; i++)
        *end++ = i < n ? *first++ : '0';
    if (n > point)
        *end++ = '.';
    for (int i = point; i < 0; i++)
        *end++ = '0';
    while (first < last)
        *end++ = *first++;
    return (size_t)(end - text);
}

void emg_json_number(struct emg_json *json, const char *key, double value, int digits)
{
    if (!isfinite(value)) {
        emg_json_null(json, key);
        return;
    }
    char text[40];
    size_t n = write_decimal(value, digits, text);
    if (n == 0)
        n = (size_t)snprintf(text, sizeof text, "%.*g", digits, value);
    begin(json, key);
    put(json, text, n);
}

void emg_json_raw(struct emg_json *json, const char *key, const char *value)
{
    begin(json, key);
    put_text(json, value);
}

void emg_json_members(struct emg_json *json, const char *object)
{
    const size_t n = strlen(object);
    if (n <= 2)
        return;
    begin(json, NULL);
    put(json, object + 1, n - 2);
}

void emg_json_string(struct emg_json *json, const char *key, const char *value)
{
    if (value == NULL) {
        emg_json_null(json, key);
        return;
    }
    begin(json, key);
    put_quoted(json, value);
}
