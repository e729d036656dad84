/* The parts of emgweb: the stream as browsers get it, the browsers, the control socket, the pages.
 *
 * One thread, that of libwebsockets' loop. Functions that can fail say why on standard error. */
#ifndef EMG_CLIENTS_EMGWEB_H
#define EMG_CLIENTS_EMGWEB_H

#include "clients/feed.h"
#include "daemon/wire.h"

#include <jansson.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emg_web;

/* --- emgweb_store.c: the latest message of each topic, the events, the courses of the median frequency ---
 */

enum { EMG_WEB_TOPICS = 512, EMG_WEB_EVENTS = 512, EMG_WEB_COURSE = 7200 };

struct emg_web_topic {
    char name[EMG_TOPIC_SIZE];
    uint64_t version; /* of the store, when the message came */
    char *line;       /* {"topic": ..., ...body} */
    size_t n_line;
    void *array; /* NULL: the message has none */
    size_t n_array;
};

struct emg_web_point {
    float t_s; /* since the course's origin_t */
    float mdf_hz, mdf_se_hz;
};

struct emg_web_course {
    double origin_t; /* Unix time of the first point */
    size_t first, n; /* a ring */
    struct emg_web_point points[EMG_WEB_COURSE];
};

struct emg_web_store {
    uint64_t version; /* counts messages */
    size_t n_topics;
    struct emg_web_topic topics[EMG_WEB_TOPICS];
    struct emg_web_course *courses[EMG_WEB_TOPICS]; /* of topics fatigue.*; else NULL */
    uint64_t n_events;                              /* ever */
    char *events[EMG_WEB_EVENTS];                   /* lines, a ring: event i is at i % EMG_WEB_EVENTS */
};

/* Takes in a message. A topic or an array too many is dropped. */
void emg_web_store_put(struct emg_web_store *store, const struct emg_feed_message *message);

/* Whether this event is there. */
bool emg_web_store_has_event(const struct emg_web_store *store, const char *topic, const json_t *body);

/* Whether a message of the topic, which is none of events, is there. */
bool emg_web_store_has(const struct emg_web_store *store, const char *topic);

/* Forgets the last messages of topics that begin so: they no longer say anything of now. */
void emg_web_store_forget(struct emg_web_store *store, const char *prefix);

void emg_web_store_clear(struct emg_web_store *store);

/* --- emgweb_browser.c: one page in one browser --- */

enum { EMG_WEB_WANTS = 16, EMG_WEB_REPLIES = 32, EMG_WEB_FRAME_SIZE = 128 * 1024 };

struct emg_web_browser {
    struct emg_web_browser *next;
    struct lws *wsi;
    uint64_t seen[EMG_WEB_TOPICS]; /* version of each topic as it was sent */
    bool course_sent[EMG_WEB_TOPICS];
    uint64_t next_event;
    uint64_t frames_sent, frames_taken;        /* taken: as the browser says */
    char wants[EMG_WEB_WANTS][EMG_TOPIC_SIZE]; /* topics beyond what every browser gets */
    char *replies[EMG_WEB_REPLIES];            /* to its requests, waiting to be sent */
    char *received;                            /* of a message that has not come whole */
    size_t n_received;
};

/* What libwebsockets calls for the protocol of the pages. */
int emg_web_browser_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                             size_t n);

/* Gives the browser a reply (the text is taken over). */
void emg_web_browser_reply(struct emg_web_browser *browser, char *text);

/* --- emgweb_control.c: requests of browsers to emgd's control socket --- */

struct emg_web_control;

struct emg_web_control *emg_web_control_create(struct emg_web *web);

/* Sends the request (its "id" comes back) for the browser, which gets the reply or an error. */
void emg_web_control_request(struct emg_web_control *control, struct emg_web_browser *browser,
                             json_t *request);

/* Asks for the events of the session and the last message of every topic, of which the missing ones are
 * stored. */
void emg_web_control_ask_past(struct emg_web_control *control);

/* The browser has gone; control may be NULL. */
void emg_web_control_forget(struct emg_web_control *control, const struct emg_web_browser *browser);
void emg_web_control_destroy(struct emg_web_control *control); /* NULL is a no-op */

/* --- emgweb_http.c: the page's files, the list of recordings, reports --- */

int emg_web_http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n);
size_t emg_web_http_bytes(void); /* of what libwebsockets keeps for each connection */

/* Whether a request comes from a page of this server itself, by its Host, Origin and token. */
bool emg_web_http_is_own(const struct emg_web *web, struct lws *wsi);

/* --- emgweb_report.c: emgreport as a child process --- */

struct emg_web_report;

/* Begins a report on the recording of that name (a plain file name) and calls done, once, with its pages or,
 * when there are none, with what emgreport says is wrong; body is valid during the call. Returns NULL when it
 * cannot be begun. */
struct emg_web_report *emg_web_report_begin(struct emg_web *web, const char *name,
                                            void (*done)(void *user, bool good, const char *body, size_t n),
                                            void *user);
void emg_web_report_cancel(struct emg_web_report *report); /* done is not called any more */

/* Names of the recordings, newest first, as JSON: [{"name", "bytes", "t"}]; NULL: none can be listed. */
json_t *emg_web_report_list(const struct emg_web *web);

/* --- emgweb_options.c --- */

struct emg_web_options {
    struct emg_feed_source feed;
    const char *control;
    char host[64]; /* address to listen at */
    int port;
    bool is_loopback;
    const char *recordings; /* directory */
    const char *token;      /* NULL: none is needed */
};

/* Reads the command line. Returns the exit code when that is all there is to do, else -1. */
int emg_web_options_read(struct emg_web_options *options, int argc, char **argv);

/* --- emgweb.c --- */

struct emg_web {
    struct emg_web_options options;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct emg_feed *feed;
    struct emg_web_control *control;
    struct emg_web_browser *browsers;
    size_t n_browsers;
    struct emg_web_store store;
    unsigned char frame[LWS_PRE + EMG_WEB_FRAME_SIZE]; /* that is being sent */
};

/* The program that a connection belongs to. */
struct emg_web *emg_web_of(struct lws *wsi);

/* A descriptor that the loop listens to; it is closed at the end. */
struct emg_web_watch {
    void (*readable)(void *user);
    void *user;
    struct lws *wsi;
};

/* Listens to a copy of fd; returns false when it cannot. */
bool emg_web_watch(struct emg_web *web, struct emg_web_watch *watch, int fd);
void emg_web_unwatch(struct emg_web_watch *watch);

/* Subscribes what at least one browser wants beyond the common topics, and nothing else. */
void emg_web_wants_changed(struct emg_web *web, const char *topic, bool wanted);

/* Takes in what the feed has; to be called after anything that touched it. */
void emg_web_take(struct emg_web *web);

#endif
