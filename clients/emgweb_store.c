#include "clients/emgweb.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* NULL: there is no room for one more. */
static struct emg_web_topic *find_or_add(struct emg_web_store *store, const char *name)
{
    for (size_t i = 0; i < store->n_topics; i++)
        if (strcmp(store->topics[i].name, name) == 0)
            return &store->topics[i];
    if (store->n_topics == EMG_WEB_TOPICS || strlen(name) >= EMG_TOPIC_SIZE)
        return NULL;
    struct emg_web_topic *topic = &store->topics[store->n_topics++];
    memcpy(topic->name, name, strlen(name) + 1);
    return topic;
}

static double number(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* A stream that begins anew, at an earlier time, begins a new course. */
static void add_point(struct emg_web_course *course, const json_t *body)
{
    const double t = number(body, "t");
    if (!isfinite(t))
        return;
    const size_t last = (course->first + course->n - 1) % EMG_WEB_COURSE;
    if (course->n > 0 && t <= course->origin_t + (double)course->points[last].t_s)
        course->n = 0;
    if (course->n == 0) {
        course->origin_t = t;
        course->first = 0;
    }
    course->points[(course->first + course->n) % EMG_WEB_COURSE] = (struct emg_web_point){
        .t_s = (float)(t - course->origin_t),
        .mdf_hz = (float)number(body, "mdf_hz"),
        .mdf_se_hz = (float)number(body, "mdf_se_hz"),
    };
    if (course->n < EMG_WEB_COURSE)
        course->n++;
    else
        course->first = (course->first + 1) % EMG_WEB_COURSE;
}

static void put_course(struct emg_web_store *store, size_t index, const json_t *body)
{
    if (store->courses[index] == NULL)
        store->courses[index] = calloc(1, sizeof *store->courses[index]);
    if (store->courses[index] != NULL)
        add_point(store->courses[index], body);
}

static void put_event(struct emg_web_store *store, const char *line)
{
    char *copy = strdup(line);
    if (copy == NULL)
        return;
    char **place = &store->events[store->n_events++ % EMG_WEB_EVENTS];
    free(*place);
    *place = copy;
}

static bool keep(void **kept, size_t *n_kept, const void *bytes, size_t n)
{
    void *copy = realloc(*kept, n + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, bytes, n);
    *kept = copy;
    *n_kept = n;
    return true;
}

static void put_latest(struct emg_web_store *store, struct emg_web_topic *topic, const char *line,
                       size_t n_line, const struct emg_feed_message *message)
{
    void *kept = topic->line;
    if (!keep(&kept, &topic->n_line, line, n_line))
        return;
    topic->line = kept;
    if (message->array != NULL && !keep(&topic->array, &topic->n_array, message->array, message->array_bytes))
        return;
    topic->version = ++store->version;
}

void emg_web_store_put(struct emg_web_store *store, const struct emg_feed_message *message)
{
    char line[EMG_TOPIC_SIZE + EMG_BODY_SIZE];
    const size_t n = emg_wire_line(message->topic, message->body, line);
    if (n == 0)
        return;
    line[n] = '\0';
    if (begins(message->topic, "event.")) {
        put_event(store, line);
        return;
    }
    struct emg_web_topic *topic = find_or_add(store, message->topic);
    if (topic == NULL)
        return;
    put_latest(store, topic, line, n, message);
    if (begins(message->topic, "fatigue."))
        put_course(store, (size_t)(topic - store->topics), message->json);
}

static bool is_event_of(const char *line, const char *topic)
{
    char head[EMG_TOPIC_SIZE + 20];
    const int n = snprintf(head, sizeof head, "{\"topic\":\"%s\"", topic);
    return strncmp(line, head, (size_t)n) == 0;
}

bool emg_web_store_has_event(const struct emg_web_store *store, const char *topic, const json_t *body)
{
    const size_t n_kept = store->n_events < EMG_WEB_EVENTS ? (size_t)store->n_events : EMG_WEB_EVENTS;
    bool has = false;
    for (size_t i = 0; i < n_kept && !has; i++) {
        if (!is_event_of(store->events[i], topic))
            continue;
        json_t *event = json_loads(store->events[i], 0, NULL);
        has = number(event, "seq") == number(body, "seq") &&
              number(event, "frame") == number(body, "frame") &&
              json_equal(json_object_get(event, "t"), json_object_get(body, "t"));
        json_decref(event);
    }
    return has;
}

bool emg_web_store_has(const struct emg_web_store *store, const char *topic)
{
    for (size_t i = 0; i < store->n_topics; i++)
        if (strcmp(store->topics[i].name, topic) == 0 && store->topics[i].version > 0)
            return true;
    return false;
}

void emg_web_store_forget(struct emg_web_store *store, const char *prefix)
{
    for (size_t i = 0; i < store->n_topics; i++)
        if (begins(store->topics[i].name, prefix))
            store->topics[i].version = 0;
}

void emg_web_store_clear(struct emg_web_store *store)
{
    for (size_t i = 0; i < store->n_topics; i++) {
        free(store->topics[i].line);
        free(store->topics[i].array);
        free(store->courses[i]);
    }
    for (size_t i = 0; i < EMG_WEB_EVENTS; i++)
        free(store->events[i]);
    memset(store, 0, sizeof *store);
}
