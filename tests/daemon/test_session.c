#include "daemon/session.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char names[][EMG_NAME_SIZE] = {"left.soleus", "left.gastrocnemius_medialis", "right.soleus"};
enum { N = 3 };

static enum emg_error read_text(struct emg_command *command, const char *name, const char *arguments,
                                struct emg_problem *problem)
{
    json_t *json = json_loads(arguments, 0, NULL);
    assert_non_null(json);
    const enum emg_error error = emg_command_read(command, emg_command_find(name), json, names, N, problem);
    json_decref(json);
    return error;
}

static void a_code_is_no_name_and_no_address(void **state)
{
    (void)state;
    static const char *const codes[] = {"P07",     "p7",   "7",        "S-12_b",    "ABC123",
                                        "runner7", "12AB", "Subject1", "test_03-x", "0123456789abc345"};
    static const char *const others[] = {
        "",  "Jane", "Jane Doe",          "jane1990",       "J.Doe7", "jane@clinic.org", "7@x",
        "P", "ABC",  "0123456789abcd345", "M\xc3\xbcller1", "P07\n",  "07-03-Meyer"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (!emg_session_is_code(codes[i]))
            fail_msg("%s is a code", codes[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (emg_session_is_code(others[i]))
            fail_msg("%s is no code", others[i]);
}

static void every_command_has_a_name_and_is_found_by_it(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EMG_COMMANDS; kind++)
        assert_int_equal(emg_command_find(emg_command_name((enum emg_command_kind)kind)), kind);
    assert_int_equal(emg_command_find("ping"), EMG_COMMANDS);
    assert_int_equal(emg_command_find(""), EMG_COMMANDS);
}

static void what_is_not_given_has_its_default(void **state)
{
    (void)state;
    struct emg_command c;
    assert_int_equal(read_text(&c, "rest.start", "{\"command\": \"rest.start\", \"id\": [1]}", NULL), EMG_OK);
    assert_true(c.seconds == 10 && c.muscles == 7);
    assert_int_equal(read_text(&c, "baseline.start", "{}", NULL), EMG_OK);
    assert_true(c.seconds == 60 && c.muscles == 7);
    assert_int_equal(read_text(&c, "reference.start", "{\"muscles\": [\"right.soleus\"]}", NULL), EMG_OK);
    assert_true(c.seconds == 5 && c.muscles == 4 && c.method == EMG_MEASURE_MVC);
    assert_int_equal(read_text(&c, "reference.start", "{\"muscles\": \"all\"}", NULL), EMG_OK);
    assert_true(c.muscles == 7);
    assert_int_equal(read_text(&c, "stage", "{\"label\": \"x\"}", NULL), EMG_OK);
    assert_true(isnan(c.speed_m_s) && isnan(c.incline_percent));
}

static void bad_arguments_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments, *named;
        enum emg_error error;
    } cases[] = {
        {"session.start", "{}", "participant", EMG_ERROR_ARGUMENT},
        {"session.start", "{\"participant\": \"Jane Doe\"}", "participant", EMG_ERROR_ARGUMENT},
        {"session.start", "{\"participant\": \"jane@x.org\"}", "participant", EMG_ERROR_ARGUMENT},
        {"session.start", "{\"participant\": 7}", "participant", EMG_ERROR_ARGUMENT},
        {"session.start", "{\"participant\": \"P07\", \"notes\": \"two\\nlines\"}", "notes",
         EMG_ERROR_ARGUMENT},
        {"marker", "{\"label\": \"1\\u0085\"}", "label", EMG_ERROR_ARGUMENT},
        {"session.start", "{\"participant\": \"P07\", \"name\": \"x\"}", "name", EMG_ERROR_ARGUMENT},
        {"session.stop", "{\"participant\": \"P07\"}", "participant", EMG_ERROR_ARGUMENT},
        {"stage", "{}", "label", EMG_ERROR_ARGUMENT},
        {"stage", "{\"label\": \"\"}", "label", EMG_ERROR_ARGUMENT},
        {"stage", "{\"label\": \"x\", \"speed_m_s\": -1}", "speed_m_s", EMG_ERROR_ARGUMENT},
        {"stage", "{\"label\": \"x\", \"speed_m_s\": \"3\"}", "speed_m_s", EMG_ERROR_ARGUMENT},
        {"stage", "{\"label\": \"x\", \"incline_percent\": 1e9}", "incline_percent", EMG_ERROR_ARGUMENT},
        {"marker", "{\"label\": [\"x\"]}", "label", EMG_ERROR_ARGUMENT},
        {"rest.start", "{\"seconds\": 0}", "seconds", EMG_ERROR_ARGUMENT},
        {"rest.start", "{\"seconds\": 1e6}", "seconds", EMG_ERROR_ARGUMENT},
        {"rest.start", "{\"muscles\": \"all\"}", "muscles", EMG_ERROR_ARGUMENT},
        {"reference.start", "{}", "muscles", EMG_ERROR_ARGUMENT},
        {"reference.start", "{\"muscles\": []}", "muscles", EMG_ERROR_ARGUMENT},
        {"reference.start", "{\"muscles\": [\"left.biceps\"]}", "left.biceps", EMG_ERROR_NOT_FOUND},
        {"reference.start", "{\"muscles\": [7]}", "muscle", EMG_ERROR_ARGUMENT},
        {"reference.start", "{\"muscles\": \"all\", \"method\": \"max\"}", "method", EMG_ERROR_ARGUMENT},
        {"reference.set", "{\"muscle\": \"left.soleus\"}", "uv", EMG_ERROR_ARGUMENT},
        {"reference.set", "{\"muscle\": \"left.soleus\", \"uv\": 0}", "uv", EMG_ERROR_ARGUMENT},
        {"reference.set", "{\"uv\": 100}", "muscle", EMG_ERROR_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct emg_command command;
        struct emg_problem problem = {""};
        const enum emg_error error = read_text(&command, cases[i].name, cases[i].arguments, &problem);
        if (error != cases[i].error || strstr(problem.text, cases[i].named) == NULL)
            fail_msg("%s %s: %d %s", cases[i].name, cases[i].arguments, (int)error, problem.text);
    }
}

static void a_command_is_written_as_it_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments;
    } cases[] = {
        {"session.start", "{\"participant\": \"P07\", \"notes\": \"\\\"left\\\" leg \xc2\xb5\", \"session\": "
                          "\"20261123T074200Z-P07\", \"t\": 1795160520.1234567}"},
        {"session.stop", "{}"},
        {"stage", "{\"label\": \"10 km/h\", \"speed_m_s\": 2.7800000000000002, \"incline_percent\": -1.5}"},
        {"stage", "{\"label\": \"walk\"}"},
        {"marker", "{\"label\": \"stumbled\"}"},
        {"rest.start", "{\"seconds\": 12.300000000000001}"},
        {"reference.start",
         "{\"muscles\": [\"left.soleus\", \"right.soleus\"], \"method\": \"dynamic_peak\"}"},
        {"reference.start", "{\"muscles\": \"all\", \"method\": \"submaximal\"}"},
        {"reference.set", "{\"muscle\": \"right.soleus\", \"uv\": 123.45600000000002}"},
        {"baseline.start", "{\"seconds\": 60}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct emg_command one, two;
        char text[480], again[480];
        memset(&one, 0, sizeof one);
        memset(&two, 0, sizeof two);
        assert_int_equal(read_text(&one, cases[i].name, cases[i].arguments, NULL), EMG_OK);
        assert_true(emg_command_write(&one, names, N, text, sizeof text));
        assert_int_equal(read_text(&two, cases[i].name, text, NULL), EMG_OK);
        assert_true(emg_command_write(&two, names, N, again, sizeof again));
        assert_string_equal(text, again);
        assert_true(one.seconds == two.seconds && one.muscles == two.muscles && one.method == two.method);
        assert_true(one.uv == two.uv || (isnan(one.uv) && isnan(two.uv)));
        assert_true(one.t == two.t || (isnan(one.t) && isnan(two.t)));
        assert_true(one.speed_m_s == two.speed_m_s || (isnan(one.speed_m_s) && isnan(two.speed_m_s)));
        assert_string_equal(one.notes, two.notes);
        assert_string_equal(one.label, two.label);
        assert_string_equal(one.session, two.session);
        assert_false(emg_command_write(&one, names, N, text, 2));
    }
}

static struct emg_session *example(void)
{
    struct emg_session *session = emg_session_create(names, N);
    strcpy(session->id, "20261123T074200Z-P07");
    strcpy(session->participant, "P07");
    strcpy(session->notes, "\"left\" leg");
    session->start_t = 1795160520.1234567;
    session->recording = true;
    session->references = 3;
    session->stage = (struct emg_stage){2, "10 km/h", 2.7800000000000002, NAN};
    struct emg_session_muscle *muscle = &session->muscles[1];
    muscle->reference = (struct emg_reference){123.45600000000002, "r3", "mvc"};
    muscle->rest = (struct emg_rest){.rms_uv = 1.1, .seconds = 10, .effective_s = 9.3, .dof = 77.7};
    muscle->rest.n_bins = EMG_SESSION_BINS;
    for (size_t k = 0; k < EMG_SESSION_BINS; k++)
        muscle->rest_psd[k] = 1.0F / (float)(k + 3);
    muscle->baseline = (struct emg_baseline){95.670000000000002, -30.1};
    return session;
}

static void a_session_comes_back_from_its_json_to_the_last_bit(void **state)
{
    (void)state;
    struct emg_session *one = example();
    json_t *json = emg_session_json(one);
    char *text = json_dumps(json, 0);
    json_t *parsed = json_loads(text, 0, NULL);
    struct emg_session *two = emg_session_of_json(parsed, names, N, NULL);
    assert_non_null(two);
    assert_string_equal(two->id, one->id);
    assert_string_equal(two->participant, one->participant);
    assert_string_equal(two->notes, one->notes);
    assert_true(two->start_t == one->start_t && two->recording && two->references == 3);
    assert_true(two->stage.number == 2 && two->stage.speed_m_s == one->stage.speed_m_s);
    assert_true(isnan(two->stage.incline_percent));
    const struct emg_session_muscle *a = &one->muscles[1], *b = &two->muscles[1];
    assert_true(a->reference.uv == b->reference.uv);
    assert_string_equal(b->reference.id, "r3");
    assert_string_equal(b->reference.method, "mvc");
    assert_true(a->rest.rms_uv == b->rest.rms_uv && a->rest.effective_s == b->rest.effective_s &&
                a->rest.dof == b->rest.dof && a->rest.n_bins == b->rest.n_bins);
    assert_memory_equal(a->rest_psd, b->rest_psd, sizeof a->rest_psd);
    assert_true(a->baseline.mdf_hz == b->baseline.mdf_hz && a->baseline.ln_insm5 == b->baseline.ln_insm5);
    assert_true(isnan(two->muscles[0].reference.uv) && isnan(two->muscles[2].rest.rms_uv));
    free(two);
    json_decref(parsed);
    free(text);
    json_decref(json);
    free(one);
}

static void another_montage_takes_what_is_its_own(void **state)
{
    (void)state;
    static const char others[][EMG_NAME_SIZE] = {"right.soleus", "left.gastrocnemius_medialis"};
    struct emg_session *one = example();
    json_t *json = emg_session_json(one);
    struct emg_session *two = emg_session_of_json(json, others, 2, NULL);
    assert_non_null(two);
    assert_true(two->muscles[1].reference.uv == one->muscles[1].reference.uv);
    assert_true(isnan(two->muscles[0].reference.uv));
    free(two);
    json_decref(json);
    free(one);
}

static void damaged_json_gives_no_session_or_less_of_one(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "{\"id\": 7, \"muscles\": []}", "{\"id\": \"x\"}"};
    struct emg_problem problem;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *json = json_loads(texts[i], 0, NULL);
        assert_null(emg_session_of_json(json, names, N, &problem));
        json_decref(json);
    }
    assert_null(emg_session_of_json(NULL, names, N, &problem));
    json_t *json =
        json_loads("{\"id\": \"x\", \"stage\": 7, \"muscles\": [3, {\"muscle\": \"left.soleus\", \"rest\": "
                   "{\"rms_uv\": 1, \"psd_uv2_per_hz\": [1, null]}}]}",
                   0, NULL);
    struct emg_session *session = emg_session_of_json(json, names, N, NULL);
    assert_non_null(session);
    assert_true(isnan(session->muscles[0].rest.rms_uv)); /* a PSD with a hole is none */
    free(session);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_no_name_and_no_address),
        cmocka_unit_test(every_command_has_a_name_and_is_found_by_it),
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(bad_arguments_are_refused_by_name),
        cmocka_unit_test(a_command_is_written_as_it_is_read),
        cmocka_unit_test(a_session_comes_back_from_its_json_to_the_last_bit),
        cmocka_unit_test(another_montage_takes_what_is_its_own),
        cmocka_unit_test(damaged_json_gives_no_session_or_less_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
