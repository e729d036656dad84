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

static void put_quoted(struct emg_json *json, const char *value)
{
    put(json, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)value; *s != '\0';) {
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
    put_quoted(json, key);
    put(json, ":", 1);
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

void emg_json_unsigned(struct emg_json *json, const char *key, uint64_t value)
{
    char text[24];
    begin(json, key);
    put(json, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, value));
}

void emg_json_number(struct emg_json *json, const char *key, double value, int digits)
{
    if (!isfinite(value)) {
        emg_json_null(json, key);
        return;
    }
    char text[32];
    begin(json, key);
    put(json, text, (size_t)snprintf(text, sizeof text, "%.*g", digits, value));
}

void emg_json_raw(struct emg_json *json, const char *key, const char *value)
{
    begin(json, key);
    put_text(json, value);
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
