#include "clients/emgtop.h"

#include <math.h>
#include <string.h>

double emg_top_field_number(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Bytes of the character that begins here; the text is valid UTF-8, as jansson gives it. */
static size_t character_size(const char *c)
{
    const unsigned char lead = (unsigned char)*c;
    return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Control characters, also those of C1 and those that break lines or turn the direction of writing. */
static bool is_command(const char *c, size_t n)
{
    const unsigned char *u = (const unsigned char *)c;
    if (n == 1)
        return u[0] < 0x20 || u[0] == 0x7f;
    if (n == 2)
        return u[0] == 0xc2 && u[1] < 0xa0;
    if (n == 3 && u[0] == 0xe2 && u[1] == 0x80)
        return (u[2] >= 0x8b && u[2] <= 0x8f) || (u[2] >= 0xa8 && u[2] <= 0xae);
    return n == 3 && u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa0 && u[2] <= 0xaf;
}

void emg_top_copy_text(char *text, size_t size, const json_t *value)
{
    const char *from = json_is_string(value) ? json_string_value(value) : "";
    size_t length = 0;
    while (*from != '\0') {
        const size_t n = character_size(from);
        const bool replace = is_command(from, n);
        const size_t n_written = replace ? 1 : n;
        if (length + n_written >= size)
            break;
        memcpy(text + length, replace ? "?" : from, n_written);
        length += n_written;
        from += n;
    }
    text[length] = '\0';
}

const char *emg_top_behind(const char *text, const char *prefix)
{
    const size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}
