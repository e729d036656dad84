/* Any JSON as the session that a crash has left on disk, or that lies beside a recording: it is taken up, or
 * refused with a message; what is taken up can be written and read again. */
#include "daemon/session.h"
#include "tests/fuzz/memory_file.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char names[][EMG_NAME_SIZE] = {"left.soleus", "right.soleus"};
    const size_t n_names = sizeof names / sizeof names[0];
    struct emg_problem problem = {""};
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    struct emg_session *session = emg_session_of_json(json, names, n_names, &problem);
    must(session != NULL || is_line(problem.text), "a refusal says why, in one line");
    if (session != NULL) {
        json_t *first = emg_session_json(session);
        must(first != NULL, "a session can be written");
        struct emg_session *again = emg_session_of_json(first, names, n_names, &problem);
        must(again != NULL, "a written session can be read");
        json_t *second = emg_session_json(again);
        must(json_equal(first, second), "a written session is the same when it is read");
        json_decref(first);
        json_decref(second);
        free(again);
    }
    free(session);
    json_decref(json);
    return 0;
}
