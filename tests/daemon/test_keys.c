#include "daemon/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

/* Of RFC 32, and of the worked example of RFC 26. */
static const char KEY_A[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
static const char KEY_B[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

struct room {
    char directory[64], file[128];
};

static int make_room(void **state)
{
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    (void)snprintf(room->directory, sizeof room->directory, "/tmp/emgd_test_keys_XXXXXX");
    assert_non_null(mkdtemp(room->directory));
    (void)snprintf(room->file, sizeof room->file, "%s/keys", room->directory);
    *state = room;
    return 0;
}

static int clear_room(void **state)
{
    struct room *room = *state;
    (void)unlink(room->file);
    const int left = rmdir(room->directory);
    free(room);
    return left;
}

static const char *write_bytes(const struct room *room, const void *bytes, size_t size, mode_t mode)
{
    (void)unlink(room->file);
    FILE *file = fopen(room->file, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(room->file, mode), 0);
    return room->file;
}

static const char *write_text(const struct room *room, const char *text, mode_t mode)
{
    return write_bytes(room, text, strlen(text), mode);
}

static void the_one_key_is_read_whatever_stands_around_it(void **state)
{
    const struct room *room = *state;
    static const char *const around[] = {
        "%s",
        "%s\n",
        "%s my laptop\n",
        "# a comment\n\n  \t\n%s\tname # more\n\n",
        "%s\r\n# dos\r\n",
        "  %s  ",
        "\n%s x\n#\n",
    };
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        char text[256], key[EMG_KEY_SIZE];
        struct emg_problem problem;
        const int before = (int)(strstr(around[i], "%s") - around[i]);
        (void)snprintf(text, sizeof text, "%.*s%s%s", before, around[i], KEY_A, around[i] + before + 2);
        assert_int_equal(emg_key_read_secret(write_text(room, text, 0600), key, &problem), EMG_OK);
        assert_string_equal(key, KEY_A);
        assert_int_equal(emg_key_read_public(room->file, key, &problem), EMG_OK);
        assert_string_equal(key, KEY_A);
    }
}

static void only_forty_characters_that_are_bytes_are_a_key(void **state)
{
    (void)state;
    char comment[EMG_KEY_SIZE];
    uint8_t highest[32];
    char highest_key[EMG_KEY_SIZE];
    memset(highest, 0xff, sizeof highest);
    assert_non_null(zmq_z85_encode(highest_key, highest, sizeof highest));
    assert_true(emg_key_is_valid(KEY_A));
    assert_true(emg_key_is_valid(KEY_B));
    assert_true(emg_key_is_valid(highest_key));
    assert_true(emg_key_is_valid("0000000000000000000000000000000000000000"));
    assert_false(emg_key_is_valid(""));
    assert_false(emg_key_is_valid("000000000000000000000000000000000000000"));
    assert_false(emg_key_is_valid("00000000000000000000000000000000000000000"));
    assert_false(emg_key_is_valid("0000000000000000000000000000000000000 00"));
    assert_false(emg_key_is_valid("00000000000000000000000000000000000000~0"));
    assert_false(emg_key_is_valid("00000000000000000000000000000000000\xc3\xa4\xc3\xa4\xc3"));
    assert_false(emg_key_is_valid("%nSc1%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0")); /* 2^32 */
    for (const char *c = "0#-="; *c != '\0'; c++) {
        memset(comment, *c, EMG_KEY_LENGTH);
        comment[0] = '#';
        comment[EMG_KEY_LENGTH] = '\0';
        assert_false(emg_key_is_valid(comment));
    }
}

static void a_secret_that_others_could_read_is_refused_with_its_mode(void **state)
{
    const struct room *room = *state;
    char key[EMG_KEY_SIZE], mode_text[16];
    struct emg_problem problem;
    static const mode_t modes[] = {0400, 0600, 0700, 0640, 0620, 0610, 0604, 0602, 0601, 0644, 0666, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const bool good = (modes[i] & 077) == 0;
        const enum emg_error error = emg_key_read_secret(write_text(room, KEY_A, modes[i]), key, &problem);
        assert_int_equal(error, good ? EMG_OK : EMG_ERROR_ARGUMENT);
        assert_string_equal(key, good ? KEY_A : "");
        (void)snprintf(mode_text, sizeof mode_text, "%04o", (unsigned)modes[i]);
        assert_true(good || (strstr(problem.text, mode_text) != NULL &&
                             strstr(problem.text, room->file) != NULL && strstr(problem.text, "chmod 600")));
    }
    assert_int_equal(emg_key_read_public(write_text(room, KEY_A, 0666), key, &problem), EMG_OK);
}

static void a_list_that_everybody_may_write_is_refused(void **state)
{
    const struct room *room = *state;
    struct emg_problem problem;
    size_t n_keys = 0;
    bool listed = false;
    assert_int_equal(emg_keys_read(write_text(room, KEY_A, 0664), KEY_A, &n_keys, &listed, &problem), EMG_OK);
    assert_true(listed && n_keys == 1);
    assert_int_equal(emg_keys_read(write_text(room, KEY_A, 0646), KEY_A, &n_keys, &listed, &problem),
                     EMG_ERROR_ARGUMENT);
    assert_true(!listed && n_keys == 0);
    assert_non_null(strstr(problem.text, "0646"));
}

static void what_is_not_one_key_is_refused_and_never_repeated(void **state)
{
    const struct room *room = *state;
    const struct {
        const char *text, *said;
    } rows[] = {
        {"", "holds 0 keys"},
        {"# nothing\n", "holds 0 keys"},
        {"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\nJTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6\n",
         "holds 2 keys"},
        {"\n\nrq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\n", ":3: not a key"},
        {"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf78", ":1: not a key"},
        {"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\nmetadata\n", ":2: not a key"},
        {"name rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n", ":1: not a key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[EMG_KEY_SIZE];
        struct emg_problem problem;
        assert_int_equal(emg_key_read_secret(write_text(room, rows[i].text, 0600), key, &problem),
                         EMG_ERROR_FORMAT);
        assert_string_equal(key, "");
        assert_non_null(strstr(problem.text, rows[i].said));
        assert_non_null(strstr(problem.text, room->file));
        assert_null(strstr(problem.text, "Lns47"));
    }
}

static void what_is_not_a_file_of_text_is_refused(void **state)
{
    const struct room *room = *state;
    char key[EMG_KEY_SIZE];
    struct emg_problem problem;
    (void)unlink(room->file);
    assert_int_equal(emg_key_read_secret(room->file, key, &problem), EMG_ERROR_NOT_FOUND);
    assert_non_null(strstr(problem.text, room->file));
    assert_int_equal(emg_key_read_secret("", key, &problem), EMG_ERROR_NOT_FOUND);
    assert_int_equal(emg_key_read_secret(room->directory, key, &problem), EMG_ERROR_IO);
    assert_int_equal(emg_key_read_public("/dev/zero", key, &problem), EMG_ERROR_IO);
    assert_int_equal(mkfifo(room->file, 0600), 0);
    assert_int_equal(emg_key_read_secret(room->file, key, &problem), EMG_ERROR_IO);
    char with_nul[EMG_KEY_SIZE + 1] = "";
    memcpy(with_nul, KEY_A, EMG_KEY_SIZE);
    assert_int_equal(emg_key_read_secret(write_bytes(room, with_nul, sizeof with_nul, 0600), key, NULL),
                     EMG_ERROR_FORMAT);

    char *big = malloc(EMG_KEY_FILE_SIZE + 1);
    assert_non_null(big);
    memset(big, '\n', EMG_KEY_FILE_SIZE + 1);
    memcpy(big, KEY_B, EMG_KEY_LENGTH);
    assert_int_equal(emg_key_read_public(write_bytes(room, big, EMG_KEY_FILE_SIZE, 0600), key, &problem),
                     EMG_OK);
    assert_string_equal(key, KEY_B);
    assert_int_equal(emg_key_read_public(write_bytes(room, big, EMG_KEY_FILE_SIZE + 1, 0600), key, &problem),
                     EMG_ERROR_FORMAT);
    free(big);
}

static void a_key_is_found_in_a_list_as_a_whole_only(void **state)
{
    const struct room *room = *state;
    char text[256];
    struct emg_problem problem;
    size_t n_keys = 9;
    bool listed = true;
    assert_int_equal(
        emg_keys_read(write_text(room, "# nobody yet\n", 0600), KEY_A, &n_keys, &listed, &problem), EMG_OK);
    assert_true(!listed && n_keys == 0);
    (void)snprintf(text, sizeof text, "%s treadmill %s\n#%s\n", KEY_A, KEY_B, KEY_B);
    (void)write_text(room, text, 0600);
    assert_int_equal(emg_keys_read(room->file, KEY_A, &n_keys, &listed, &problem), EMG_OK);
    assert_true(listed && n_keys == 1);
    assert_int_equal(emg_keys_read(room->file, KEY_B, &n_keys, &listed, &problem), EMG_OK);
    assert_false(listed);
    assert_int_equal(emg_keys_read(room->file, NULL, &n_keys, &listed, &problem), EMG_OK);
    assert_true(!listed && n_keys == 1);
}

static void one_bad_line_spoils_a_list(void **state)
{
    const struct room *room = *state;
    char text[256];
    struct emg_problem problem;
    size_t n_keys = 9;
    bool listed = true;
    (void)snprintf(text, sizeof text, "%s\n%s\nhalf-a-ke", KEY_A, KEY_B);
    assert_int_equal(emg_keys_read(write_text(room, text, 0600), KEY_A, &n_keys, &listed, &problem),
                     EMG_ERROR_FORMAT);
    assert_true(!listed && n_keys == 0);
    assert_non_null(strstr(problem.text, ":3: not a key"));
}

#define IN_A_ROOM(test) cmocka_unit_test_setup_teardown(test, make_room, clear_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_ROOM(the_one_key_is_read_whatever_stands_around_it),
        cmocka_unit_test(only_forty_characters_that_are_bytes_are_a_key),
        IN_A_ROOM(a_secret_that_others_could_read_is_refused_with_its_mode),
        IN_A_ROOM(a_list_that_everybody_may_write_is_refused),
        IN_A_ROOM(what_is_not_one_key_is_refused_and_never_repeated),
        IN_A_ROOM(what_is_not_a_file_of_text_is_refused),
        IN_A_ROOM(a_key_is_found_in_a_list_as_a_whole_only),
        IN_A_ROOM(one_bad_line_spoils_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
