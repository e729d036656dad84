#include "clients/emgweb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_FLIGHT = 16, /* frames that a browser may not have taken yet: it never gets a backlog */
    LONGEST_REQUEST = 64 * 1024,
};

static bool is_array_topic(const struct emg_web_topic *topic)
{
    return topic->array != NULL;
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Waveforms and spectra go to those who ask for them. */
static bool is_for(const struct emg_web_browser *browser, const struct emg_web_topic *topic)
{
    if (!begins(topic->name, "waveform.") && !begins(topic->name, "spectrum."))
        return true;
    for (size_t i = 0; i < EMG_WEB_WANTS; i++)
        if (strcmp(browser->wants[i], topic->name) == 0)
            return true;
    return false;
}

static bool is_due(const struct emg_web_browser *browser, const struct emg_web_store *store, size_t i)
{
    const struct emg_web_topic *topic = &store->topics[i];
    return topic->version > browser->seen[i] && is_for(browser, topic);
}

static bool is_course_due(const struct emg_web_browser *browser, const struct emg_web_store *store, size_t i)
{
    return store->courses[i] != NULL && !browser->course_sent[i];
}

static bool has_work(const struct emg_web *web, const struct emg_web_browser *browser)
{
    if (browser->replies[0] != NULL || browser->next_event < web->store.n_events)
        return true;
    for (size_t i = 0; i < web->store.n_topics; i++)
        if (is_due(browser, &web->store, i) || is_course_due(browser, &web->store, i))
            return true;
    return false;
}

static bool is_open(const struct emg_web_browser *browser)
{
    return browser->frames_sent - browser->frames_taken < IN_FLIGHT;
}

/* --- sending --- */

/* What is sent at once. */
struct frame {
    size_t n, n_lines;
    unsigned char *bytes; /* [EMG_WEB_FRAME_SIZE], behind LWS_PRE that belong to libwebsockets */
};

/* Returns false when it does not fit any more. */
static bool add_line(struct frame *frame, const char *line, size_t n)
{
    if (frame->n + n + 2 > EMG_WEB_FRAME_SIZE)
        return false;
    frame->bytes[frame->n++] = frame->n_lines++ == 0 ? '[' : ',';
    memcpy(frame->bytes + frame->n, line, n);
    frame->n += n;
    return true;
}

static void add_replies(struct emg_web_browser *browser, struct frame *frame)
{
    size_t n = 0;
    while (n < EMG_WEB_REPLIES && browser->replies[n] != NULL &&
           add_line(frame, browser->replies[n], strlen(browser->replies[n])))
        free(browser->replies[n++]);
    memmove(browser->replies, browser->replies + n, (EMG_WEB_REPLIES - n) * sizeof browser->replies[0]);
    for (size_t i = EMG_WEB_REPLIES - n; i < EMG_WEB_REPLIES; i++)
        browser->replies[i] = NULL;
}

static void add_events(const struct emg_web_store *store, struct emg_web_browser *browser,
                       struct frame *frame)
{
    if (store->n_events > EMG_WEB_EVENTS && browser->next_event < store->n_events - EMG_WEB_EVENTS)
        browser->next_event = store->n_events - EMG_WEB_EVENTS;
    for (; browser->next_event < store->n_events; browser->next_event++) {
        const char *line = store->events[browser->next_event % EMG_WEB_EVENTS];
        if (!add_line(frame, line, strlen(line)))
            return;
    }
}

static void add_topics(const struct emg_web_store *store, struct emg_web_browser *browser,
                       struct frame *frame)
{
    for (size_t i = 0; i < store->n_topics; i++) {
        const struct emg_web_topic *topic = &store->topics[i];
        if (is_array_topic(topic) || !is_due(browser, store, i))
            continue;
        if (!add_line(frame, topic->line, topic->n_line))
            return;
        browser->seen[i] = topic->version;
    }
}

/* An array goes as uint32 length of the line, the line, filled up with spaces to a multiple of 4, the array.
 */
static bool begin_array(struct frame *frame, const char *line, size_t n_line, size_t n_array)
{
    const size_t n_padded = (n_line + 3) / 4 * 4;
    if (4 + n_padded + n_array > EMG_WEB_FRAME_SIZE)
        return false;
    const uint32_t n = (uint32_t)n_padded;
    unsigned char *at = frame->bytes;
    memcpy(at, &n, 4);
    memset(at + 4, ' ', n_padded);
    memcpy(at + 4, line, n_line);
    frame->n = 4 + n_padded;
    return true;
}

static void put_course(const struct emg_web_topic *topic, const struct emg_web_course *course,
                       struct frame *frame)
{
    char line[EMG_TOPIC_SIZE + 100];
    const int n =
        snprintf(line, sizeof line, "{\"topic\": \"course.%s\", \"origin_t\": %.6f, \"points\": %zu}",
                 topic->name + strlen("fatigue."), course->origin_t, course->n);
    if (!begin_array(frame, line, (size_t)n, course->n * sizeof course->points[0]))
        return;
    for (size_t i = 0; i < course->n; i++) {
        memcpy(frame->bytes + frame->n, &course->points[(course->first + i) % EMG_WEB_COURSE],
               sizeof course->points[0]);
        frame->n += sizeof course->points[0];
    }
}

/* The next array that is due, a course before what follows on it; returns false when none is. */
static bool put_array(const struct emg_web_store *store, struct emg_web_browser *browser, struct frame *frame)
{
    for (size_t i = 0; i < store->n_topics; i++) {
        const struct emg_web_topic *topic = &store->topics[i];
        if (is_course_due(browser, store, i)) {
            browser->course_sent[i] = true;
            put_course(topic, store->courses[i], frame);
        } else if (is_array_topic(topic) && is_due(browser, store, i)) {
            browser->seen[i] = topic->version;
            if (begin_array(frame, topic->line, topic->n_line, topic->n_array)) {
                memcpy(frame->bytes + frame->n, topic->array, topic->n_array);
                frame->n += topic->n_array;
            }
        }
        if (frame->n > 0)
            return true;
    }
    return false;
}

static int send_next(struct emg_web *web, struct emg_web_browser *browser)
{
    struct frame frame = {.bytes = web->frame + LWS_PRE};
    enum lws_write_protocol form = LWS_WRITE_BINARY;
    if (!put_array(&web->store, browser, &frame)) {
        form = LWS_WRITE_TEXT;
        add_replies(browser, &frame);
        add_events(&web->store, browser, &frame);
        add_topics(&web->store, browser, &frame);
        if (frame.n_lines > 0)
            frame.bytes[frame.n++] = ']';
    }
    if (frame.n == 0)
        return 0;
    browser->frames_sent++;
    if (lws_write(browser->wsi, frame.bytes, frame.n, form) < (int)frame.n)
        return -1;
    if (has_work(web, browser) && is_open(browser))
        lws_callback_on_writable(browser->wsi);
    return 0;
}

void emg_web_browser_reply(struct emg_web_browser *browser, char *text)
{
    for (size_t i = 0; i < EMG_WEB_REPLIES; i++)
        if (browser->replies[i] == NULL) {
            browser->replies[i] = text;
            lws_callback_on_writable(browser->wsi);
            return;
        }
    free(text); /* it asks faster than it reads */
}

/* --- receiving --- */

static void set_wants(struct emg_web *web, struct emg_web_browser *browser, const json_t *topics)
{
    char before[EMG_WEB_WANTS][EMG_TOPIC_SIZE];
    memcpy(before, browser->wants, sizeof before);
    memset(browser->wants, 0, sizeof browser->wants);
    for (size_t i = 0, n = 0; i < json_array_size(topics) && n < EMG_WEB_WANTS; i++) {
        const char *topic = json_string_value(json_array_get(topics, i));
        if (topic != NULL && strlen(topic) < EMG_TOPIC_SIZE &&
            (begins(topic, "waveform.") || begins(topic, "spectrum.")))
            memcpy(browser->wants[n++], topic, strlen(topic) + 1);
    }
    for (size_t i = 0; i < EMG_WEB_WANTS; i++) {
        if (browser->wants[i][0] != '\0')
            emg_web_wants_changed(web, browser->wants[i], true);
        if (before[i][0] != '\0')
            emg_web_wants_changed(web, before[i], false);
    }
}

/* A number says how many frames the browser has taken; {"want": [topics]} what it shows; anything else is a
 * request. Returns -1 when it is none of these. */
static int take_message(struct emg_web *web, struct emg_web_browser *browser)
{
    json_t *message = json_loadb(browser->received, browser->n_received, JSON_DECODE_ANY, NULL);
    browser->n_received = 0;
    int result = 0;
    if (json_is_integer(message)) {
        const uint64_t taken = (uint64_t)json_integer_value(message);
        if (taken > browser->frames_taken && taken <= browser->frames_sent)
            browser->frames_taken = taken;
        if (has_work(web, browser))
            lws_callback_on_writable(browser->wsi);
    } else if (json_is_array(json_object_get(message, "want"))) {
        set_wants(web, browser, json_object_get(message, "want"));
    } else if (json_is_object(message)) {
        emg_web_control_request(web->control, browser, message);
    } else {
        result = -1;
    }
    json_decref(message);
    return result;
}

static int receive(struct emg_web *web, struct emg_web_browser *browser, const void *bytes, size_t n)
{
    if (browser->n_received + n > LONGEST_REQUEST)
        return -1;
    char *received = realloc(browser->received, browser->n_received + n + 1);
    if (received == NULL)
        return -1;
    memcpy(received + browser->n_received, bytes, n);
    browser->received = received;
    browser->n_received += n;
    return lws_is_final_fragment(browser->wsi) && lws_remaining_packet_payload(browser->wsi) == 0
               ? take_message(web, browser)
               : 0;
}

static void enter(struct emg_web *web, struct emg_web_browser *browser, struct lws *wsi)
{
    browser->wsi = wsi;
    browser->next = web->browsers;
    web->browsers = browser;
    web->n_browsers++;
    lws_callback_on_writable(wsi);
}

static void leave(struct emg_web *web, struct emg_web_browser *browser)
{
    for (struct emg_web_browser **at = &web->browsers; *at != NULL; at = &(*at)->next)
        if (*at == browser) {
            *at = browser->next;
            web->n_browsers--;
            break;
        }
    set_wants(web, browser, NULL);
    emg_web_control_forget(web->control, browser);
    for (size_t i = 0; i < EMG_WEB_REPLIES; i++)
        free(browser->replies[i]);
    free(browser->received);
}

int emg_web_browser_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                             size_t n)
{
    enum { MOST_BROWSERS = 64 };
    struct emg_web *web = emg_web_of(wsi);
    struct emg_web_browser *browser = user;
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return web->n_browsers >= MOST_BROWSERS || !emg_web_http_is_own(web, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        enter(web, browser, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return receive(web, browser, in, n);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return is_open(browser) ? send_next(web, browser) : 0;
    case LWS_CALLBACK_CLOSED:
        leave(web, browser);
        return 0;
    default:
        return 0;
    }
}
