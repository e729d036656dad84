#include "clients/emgweb.h"

#include "clients/emgweb_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 * 1024, HEADERS_SIZE = 2048, FIELD_SIZE = 256, COOKIES_SIZE = 4096 };

static const char PAGE_POLICY[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                  "connect-src 'self'; base-uri 'none'; "
                                  "form-action 'none'; frame-ancestors 'none'";
static const char REPORT_POLICY[] =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

/* What libwebsockets keeps for each connection. */
struct connection {
    const char *body;
    size_t n_body, n_sent;
    char *owned; /* the body, where it is not one of the page's files */
    struct emg_web_report *report;
    struct lws *wsi;
};

size_t emg_web_http_bytes(void)
{
    return sizeof(struct connection);
}

/* --- whom we serve --- */

/* "" when the field is missing or too long. */
static void get_field(struct lws *wsi, enum lws_token_indexes token, char *field, size_t size)
{
    if (lws_hdr_copy(wsi, field, (int)size, token) < 0)
        field[0] = '\0';
}

/* By a name that only this computer has: a page from elsewhere, whose name was made to point here, has
 * another. */
static bool is_loopback_name(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t n = strlen(names[i]);
        if (strncmp(host, names[i], n) == 0 && (host[n] == '\0' || host[n] == ':'))
            return true;
    }
    return false;
}

/* In a time that does not tell how much of it is right. */
static bool is_token(const char *token, const char *text)
{
    const size_t n = strlen(token);
    unsigned char difference = 0;
    if (strlen(text) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        difference |= (unsigned char)(token[i] ^ text[i]);
    return difference == 0;
}

static bool has_token(const struct emg_web *web, struct lws *wsi)
{
    if (web->options.token == NULL)
        return true;
    char cookies[COOKIES_SIZE]; /* those of other servers on the same host as well */
    get_field(wsi, WSI_TOKEN_HTTP_COOKIE, cookies, sizeof cookies);
    const char *value = strstr(cookies, "emgweb=");
    if (value == NULL)
        return false;
    char text[FIELD_SIZE];
    (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(value + 7, "; "), value + 7);
    return is_token(web->options.token, text);
}

static bool has_own_host(const struct emg_web *web, struct lws *wsi)
{
    char host[FIELD_SIZE];
    get_field(wsi, WSI_TOKEN_HOST, host, sizeof host);
    return !web->options.is_loopback || is_loopback_name(host);
}

bool emg_web_http_is_own(const struct emg_web *web, struct lws *wsi)
{
    char host[FIELD_SIZE], origin[FIELD_SIZE];
    get_field(wsi, WSI_TOKEN_HOST, host, sizeof host);
    get_field(wsi, WSI_TOKEN_ORIGIN, origin, sizeof origin);
    return has_own_host(web, wsi) && strncmp(origin, "http://", 7) == 0 && strcmp(origin + 7, host) == 0 &&
           has_token(web, wsi);
}

/* --- answers --- */

struct field {
    const char *name, *value; /* "name:" */
};

/* Writes the head; what follows is written as the connection takes it. */
static int begin_body(struct lws *wsi, struct connection *c, unsigned status, const char *type,
                      const char *policy, const struct field *more)
{
    unsigned char buffer[LWS_PRE + HEADERS_SIZE], *start = buffer + LWS_PRE, *at = start,
                                                  *end = buffer + sizeof buffer - 1;
    const struct field fields[] = {
        {"content-security-policy:", policy},
        {"x-content-type-options:", "nosniff"},
        {"referrer-policy:", "no-referrer"},
        {"cross-origin-opener-policy:", "same-origin"},
        {"cross-origin-resource-policy:", "same-origin"},
        {"cache-control:", "no-cache"},
    };
    if (lws_add_http_common_headers(wsi, status, type, c->n_body, &at, end) != 0)
        return -1;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (lws_add_http_header_by_name(wsi, (const unsigned char *)fields[i].name,
                                        (const unsigned char *)fields[i].value, (int)strlen(fields[i].value),
                                        &at, end) != 0)
            return -1;
    for (; more != NULL && more->name != NULL; more++)
        if (lws_add_http_header_by_name(wsi, (const unsigned char *)more->name,
                                        (const unsigned char *)more->value, (int)strlen(more->value), &at,
                                        end) != 0)
            return -1;
    if (lws_finalize_write_http_header(wsi, start, &at, end) != 0)
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

static int answer_text(struct lws *wsi, struct connection *c, unsigned status, const char *text)
{
    c->body = text;
    c->n_body = strlen(text);
    return begin_body(wsi, c, status, "text/plain; charset=utf-8", PAGE_POLICY, NULL);
}

static int write_body(struct lws *wsi, struct connection *c)
{
    unsigned char buffer[LWS_PRE + CHUNK];
    if (c->body == NULL)
        return 0;
    const size_t left = c->n_body - c->n_sent, n = left < CHUNK ? left : CHUNK;
    memcpy(buffer + LWS_PRE, c->body + c->n_sent, n);
    c->n_sent += n;
    const bool last = c->n_sent == c->n_body;
    if (lws_write(wsi, buffer + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
        return -1;
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    free(c->owned);
    *c = (struct connection){.wsi = wsi};
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static int answer_own(struct lws *wsi, struct connection *c, unsigned status, const char *type,
                      const char *policy, char *body, size_t n)
{
    c->owned = body;
    c->body = body;
    c->n_body = n;
    return begin_body(wsi, c, status, type, policy, NULL);
}

/* --- reports --- */

static void report_done(void *user, bool good, const char *body, size_t n)
{
    struct connection *c = user;
    c->report = NULL;
    char *copy = malloc(n + 1);
    if (copy != NULL)
        memcpy(copy, body, n);
    if (copy == NULL || answer_own(c->wsi, c, good ? HTTP_STATUS_OK : HTTP_STATUS_INTERNAL_SERVER_ERROR,
                                   good ? "text/html; charset=utf-8" : "text/plain; charset=utf-8",
                                   REPORT_POLICY, copy, n) != 0)
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, LWS_TO_KILL_ASYNC);
}

static int answer_report(struct emg_web *web, struct lws *wsi, struct connection *c, const char *name)
{
    c->wsi = wsi;
    c->report = emg_web_report_begin(web, name, report_done, c);
    if (c->report == NULL)
        return answer_text(wsi, c, HTTP_STATUS_NOT_FOUND,
                           "There is no such recording, or no report can be made of it.\n");
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); /* an hour's recording takes its time */
    return 0;
}

static int answer_recordings(struct emg_web *web, struct lws *wsi, struct connection *c)
{
    json_t *list = emg_web_report_list(web);
    char *text = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    if (text == NULL)
        return answer_text(wsi, c, HTTP_STATUS_INTERNAL_SERVER_ERROR, "The recordings cannot be listed.\n");
    return answer_own(wsi, c, HTTP_STATUS_OK, "application/json", PAGE_POLICY, text, strlen(text));
}

/* --- requests --- */

/* The token of the address becomes a cookie, and vanishes from the address. */
static int take_token(struct emg_web *web, struct lws *wsi, struct connection *c)
{
    char text[FIELD_SIZE] = "", cookie[FIELD_SIZE + 64];
    const char *value = lws_get_urlarg_by_name(wsi, "token=", text, sizeof text);
    if (value == NULL || !is_token(web->options.token, value))
        return answer_text(
            wsi, c, HTTP_STATUS_FORBIDDEN,
            "This emgweb wants its token: open the address that it printed when it started.\n");
    (void)snprintf(cookie, sizeof cookie, "emgweb=%s; Path=/; HttpOnly; SameSite=Strict", web->options.token);
    const struct field more[] = {{"location:", "/"}, {"set-cookie:", cookie}, {NULL, NULL}};
    c->body = "/\n";
    c->n_body = 2;
    return begin_body(wsi, c, HTTP_STATUS_SEE_OTHER, "text/plain; charset=utf-8", PAGE_POLICY, more);
}

static int answer(struct emg_web *web, struct lws *wsi, struct connection *c, const char *path)
{
    static const char REPORT[] = "/report/";
    *c = (struct connection){.wsi = wsi};
    if (!has_own_host(web, wsi))
        return answer_text(wsi, c, HTTP_STATUS_FORBIDDEN,
                           "This server goes by the names of its own computer only.\n");
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 0)
        return answer_text(wsi, c, HTTP_STATUS_METHOD_NOT_ALLOWED, "Only GET.\n");
    if (!has_token(web, wsi))
        return take_token(web, wsi, c);
    if (strncmp(path, REPORT, strlen(REPORT)) == 0)
        return answer_report(web, wsi, c, path + strlen(REPORT));
    if (strcmp(path, "/recordings.json") == 0)
        return answer_recordings(web, wsi, c);
    for (size_t i = 0; i < emg_web_n_page_files; i++) {
        const struct emg_web_page_file *file = &emg_web_page_files[i];
        if (strcmp(path, file->path) != 0)
            continue;
        c->body = file->begin;
        c->n_body = (size_t)(file->end - file->begin);
        return begin_body(wsi, c, HTTP_STATUS_OK, file->type, PAGE_POLICY, NULL);
    }
    return answer_text(wsi, c, HTTP_STATUS_NOT_FOUND, "There is no such page.\n");
}

static void abandon(struct connection *c)
{
    if (c->report != NULL)
        emg_web_report_cancel(c->report);
    free(c->owned);
    *c = (struct connection){0};
}

int emg_web_http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    struct connection *c = user;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return answer(emg_web_of(wsi), wsi, c, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_body(wsi, c);
    case LWS_CALLBACK_CLOSED_HTTP:
        if (c != NULL)
            abandon(c);
        return 0;
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return 0; /* it has its answer */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return 1; /* a WebSocket has to name its protocol */
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, n);
    }
}
