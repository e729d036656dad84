#include "daemon/config_draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A configuration of 64 muscles with long comments has some 10 kB. */
enum { MAX_BYTES = 1 << 20 };

/* Reads to the end, with a NUL behind; more than MAX_BYTES are not looked for. Returns NULL when memory is
 * short. */
static char *read_stream(FILE *file, size_t *length)
{
    size_t capacity = 1 << 14;
    char *text = malloc(capacity + 1);
    *length = 0;
    while (text != NULL) {
        *length += fread(text + *length, 1, capacity - *length, file);
        text[*length] = '\0';
        if (*length < capacity || capacity > MAX_BYTES)
            return text;
        capacity *= 2;
        char *larger = realloc(text, capacity + 1);
        if (larger == NULL)
            free(text);
        text = larger;
    }
    return NULL;
}

/* On error *out is NULL. */
static enum emg_error read_all(const struct emg_config_draft *draft, char **out, size_t *length)
{
    const struct emg_config_origin nowhere = {0};
    struct stat status;
    *out = NULL;
    FILE *file = fopen(draft->config->file, "re");
    if (file == NULL && (errno == ENOENT || errno == ENOTDIR))
        return emg_config_draft_fail(draft, nowhere, EMG_ERROR_NOT_FOUND,
                                     "there is no such configuration file");
    if (file == NULL)
        return emg_config_draft_fail(draft, nowhere, EMG_ERROR_IO, "cannot be read: %s", strerror(errno));

    enum emg_error error = EMG_OK;
    char *text = NULL;
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode))
        error =
            emg_config_draft_fail(draft, nowhere, EMG_ERROR_IO, "is a directory, not a configuration file");
    else if ((text = read_stream(file, length)) == NULL)
        error = emg_config_draft_fail(draft, nowhere, EMG_ERROR_MEMORY, "out of memory");
    else if (ferror(file))
        error = emg_config_draft_fail(draft, nowhere, EMG_ERROR_IO, "cannot be read: %s", strerror(errno));
    else if (*length > MAX_BYTES)
        error = emg_config_draft_fail(draft, nowhere, EMG_ERROR_FORMAT,
                                      "is too large for a configuration, at most %d bytes", MAX_BYTES);
    (void)fclose(file);
    if (error != EMG_OK) {
        free(text);
        return error;
    }
    *out = text;
    return EMG_OK;
}

/* Steps over [from, to), which becomes spaces when it is a comment, counting lines. */
static char *step_over(char *from, char *to, bool comment, int *line)
{
    for (char *c = from; c < to; c++) {
        if (*c == '\n')
            (*line)++;
        else if (comment)
            *c = ' ';
    }
    return to;
}

/* The quote that closes the string begun at `quote`, NULL when there is none. */
static char *string_end(char *quote)
{
    for (char *c = quote + 1; *c != '\0'; c++) {
        if (*c == *quote)
            return c;
        if (*c == '\\' && c[1] != '\0')
            c++;
    }
    return NULL;
}

/* libconfuse takes // and slash-star for comments only where a word may begin. */
static bool begins_word(const char *text, const char *c)
{
    return c == text || strchr(" \t\r\n={}()+,\"'*", c[-1]) != NULL;
}

/* Turns comments into spaces, because libconfuse 3.3 counts their lines several times over, and finds what
 * never ends, which it takes silently. Returns NULL, or what is wrong, in *line. */
static const char *blank_comments(char *text, int *line)
{
    int depth = 0, opened = 1;
    *line = 1;
    char *c = text;
    while (*c != '\0') {
        const char *what = NULL;
        char *end = NULL;
        bool comment = true;
        if (*c == '#' || (strncmp(c, "//", 2) == 0 && begins_word(text, c))) {
            end = c + strcspn(c, "\n");
        } else if (strncmp(c, "/*", 2) == 0 && begins_word(text, c)) {
            what = "this comment never ends";
            end = strstr(c + 2, "*/");
            end = end != NULL ? end + 2 : NULL;
        } else if (*c == '"' || *c == '\'') {
            what = "the quote opened here is never closed";
            comment = false;
            end = string_end(c);
            end = end != NULL ? end + 1 : NULL;
        } else {
            comment = false;
            end = c + 1;
        }
        if (end == NULL)
            return what;
        if (*c == '{' && depth++ == 0)
            opened = *line;
        if (*c == '}' && depth > 0)
            depth--;
        c = step_over(c, end, comment, line);
    }
    if (depth > 0)
        *line = opened;
    return depth > 0 ? "the brace opened here is never closed" : NULL;
}

enum emg_error emg_config_text_read(const struct emg_config_draft *draft, char **out)
{
    char *text = NULL;
    size_t length = 0;
    *out = NULL;
    enum emg_error error = read_all(draft, &text, &length);
    if (text == NULL)
        return error;
    struct emg_config_origin origin = {.line = 1};
    const char *wrong;
    if (strlen(text) != length) {
        (void)step_over(text, text + strlen(text), false, &origin.line);
        wrong = "is not text: it has a NUL byte here";
    } else {
        static const char byte_order_mark[] = "\xEF\xBB\xBF";
        const size_t n_mark = sizeof byte_order_mark - 1;
        if (strncmp(text, byte_order_mark, n_mark) == 0)
            memset(text, ' ', n_mark);
        wrong = blank_comments(text, &origin.line);
    }
    if (wrong != NULL) {
        error = emg_config_draft_fail(draft, origin, EMG_ERROR_FORMAT, "%s", wrong);
        free(text);
        return error;
    }
    *out = text;
    return EMG_OK;
}
