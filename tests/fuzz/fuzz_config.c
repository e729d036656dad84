/* Any text as a configuration: it is read, or refused with a message; what is read comes back from its
 * printed form. The input is a file, behind it settings, each begun by a SETTING. */
#include "daemon/config.h"
#include "tests/fuzz/memory_file.h"

enum { SETTING = 0x1e, SETTINGS_MAX = 16, JSON_SIZE = 64 * 1024 };

/* Without the path of the file, which differs. All unused bytes are 0. */
static bool same(const struct emg_config *a, const struct emg_config *b)
{
    const size_t begin = offsetof(struct emg_config, source);
    return memcmp((const char *)a + begin, (const char *)b + begin, sizeof *a - begin) == 0;
}

static void check_printed(const struct emg_config *config)
{
    struct emg_config again;
    struct emg_problem problem;
    char json[JSON_SIZE], json_again[JSON_SIZE], *printed = NULL;
    size_t n_printed = 0;
    FILE *out = open_memstream(&printed, &n_printed);
    must(out != NULL, "there is memory");
    emg_config_print(config, out);
    (void)fclose(out);
    const struct memory_file file = memory_file_open(printed, n_printed);
    const enum emg_error error = emg_config_load(&again, file.path, NULL, 0, &problem);
    if (error != EMG_OK || !same(config, &again))
        (void)fprintf(stderr, "%s\n%s\n", error != EMG_OK ? problem.text : "", printed);
    must(error == EMG_OK, "a printed configuration can be read");
    must(same(config, &again), "a printed configuration is the same, to the last bit");
    must(emg_config_json(config, json, sizeof json), "it fits the reply to \"config\"");
    must(emg_config_json(&again, json_again, sizeof json_again), "and again");
    must(strcmp(json, json_again) == 0, "a printed configuration is the same in JSON");
    memory_file_close(&file);
    free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct emg_config config;
    struct emg_problem problem = {""};
    const char *settings[SETTINGS_MAX];
    size_t n_settings = 0;
    char *text = malloc(size + 1);
    must(text != NULL, "there is memory");
    memcpy(text, data, size);
    text[size] = '\0';
    const char *const end = text + size;
    char *mark = memchr(text, SETTING, size);
    const struct memory_file file = memory_file_open(text, mark != NULL ? (size_t)(mark - text) : size);
    while (mark != NULL && n_settings < SETTINGS_MAX) {
        *mark++ = '\0';
        settings[n_settings++] = mark;
        mark = memchr(mark, SETTING, (size_t)(end - mark));
    }
    if (emg_config_load(&config, file.path, settings, n_settings, &problem) == EMG_OK)
        check_printed(&config);
    else
        must(is_line(problem.text), "a refusal says why, in one line");
    memory_file_close(&file);
    free(text);
    return 0;
}
