#include "daemon/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct emg_wire wire = {.n_muscles = 1, .muscles = {"left.soleus"}};

static void put(struct emg_history *history, enum emg_topic topic, enum emg_session_change change, int number)
{
    struct emg_message message = {.topic = topic};
    if (topic == EMG_TOPIC_EVENT_SESSION)
        message.body.session_event.change = change;
    char body[32];
    (void)snprintf(body, sizeof body, "{\"seq\":%d}", number);
    emg_history_put(history, &message, body);
}

static const char *text_of(const struct emg_history *history, char *text, size_t size)
{
    struct emg_json json;
    emg_json_init(&json, text, size);
    emg_json_open_object(&json, NULL);
    emg_history_json(history, &wire, &json);
    emg_json_close_object(&json);
    assert_false(json.overflow);
    return text;
}

static void a_session_is_told_in_its_order_and_nothing_else_is(void **state)
{
    (void)state;
    static struct emg_history history;
    char text[512];
    assert_string_equal("{\"messages\":[]}", text_of(&history, text, sizeof text));
    put(&history, EMG_TOPIC_EVENT_MARKER, 0, 1); /* of the session before */
    put(&history, EMG_TOPIC_EVENT_SESSION, EMG_SESSION_STARTED, 2);
    put(&history, EMG_TOPIC_EVENT_REST, 0, 3);
    put(&history, EMG_TOPIC_EVENT_GAP, 0, 4);
    put(&history, EMG_TOPIC_ACTIVATION, 0, 5);
    put(&history, EMG_TOPIC_EVENT_REST, 0, 6);
    put(&history, EMG_TOPIC_EVENT_SESSION, EMG_SESSION_STOPPED, 7);
    assert_string_equal("{\"messages\":[{\"topic\":\"event.session\",\"body\":{\"seq\":2}},"
                        "{\"topic\":\"event.rest\",\"body\":{\"seq\":3}},"
                        "{\"topic\":\"event.rest\",\"body\":{\"seq\":6}},"
                        "{\"topic\":\"event.session\",\"body\":{\"seq\":7}}]}",
                        text_of(&history, text, sizeof text));
    put(&history, EMG_TOPIC_EVENT_SESSION, EMG_SESSION_STARTED, 8);
    assert_string_equal("{\"messages\":[{\"topic\":\"event.session\",\"body\":{\"seq\":8}}]}",
                        text_of(&history, text, sizeof text));
    emg_history_clear(&history);
}

static void the_oldest_are_given_up(void **state)
{
    (void)state;
    enum { SIZE = 64 * EMG_HISTORY_EVENTS };
    static struct emg_history history;
    for (int i = 0; i < EMG_HISTORY_EVENTS + 3; i++)
        put(&history, EMG_TOPIC_EVENT_MARKER, 0, i);
    char *text = malloc(SIZE);
    assert_non_null(text);
    (void)text_of(&history, text, SIZE);
    assert_non_null(strstr(text, "{\"messages\":[{\"topic\":\"event.marker\",\"body\":{\"seq\":3}}"));
    assert_non_null(strstr(text, "{\"seq\":514}}]}"));
    free(text);
    emg_history_clear(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_told_in_its_order_and_nothing_else_is),
        cmocka_unit_test(the_oldest_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
