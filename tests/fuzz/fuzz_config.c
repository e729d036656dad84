/* Any text as a configuration: it is read, or refused with a message; what is read comes back from its
 * printed form. The input is a file, behind it settings, each begun by a SETTING. */
#include "daemon/config.h"
#include "tests/fuzz/memory_file.h"

enum { SETTING = 0x1e, SETTINGS_MAX = 16, JSON_SIZE = 64 * 1024 };

/* What the configuration says in each of its forms. */
struct forms {
    char json[JSON_SIZE];
    char *printed;
    size_t n_printed;
};

static void write_forms(const struct emg_config *config, struct forms *forms)
{
    FILE *out = open_memstream(&forms->printed, &forms->n_printed);
    must(out != NULL, "there is memory");
    emg_config_print(config, out);
    (void)fclose(out);
    must(emg_config_json(config, forms->json, sizeof forms->json), "it fits the reply to \"config\"");
}

/* Printed numbers read back to the last bit, so that the same text is the same configuration. */
static void check_forms(const struct emg_config *config)
{
    struct emg_config again;
    struct emg_problem problem;
    struct forms first, second;
    write_forms(config, &first);
    const struct memory_file file = memory_file_open(first.printed, first.n_printed);
    const enum emg_error error = emg_config_load(&again, file.path, NULL, 0, &problem);
    if (error != EMG_OK)
        (void)fprintf(stderr, "%s\n%s\n", problem.text, first.printed);
    must(error == EMG_OK, "a printed configuration can be read");
    write_forms(&again, &second);
    must(strcmp(first.json, second.json) == 0, "a printed configuration is the same in JSON");
    must(strcmp(first.printed, second.printed) == 0, "a printed configuration is printed the same");
    memory_file_close(&file);
    free(first.printed);
    free(second.printed);
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
        check_forms(&config);
    else
        must(is_line(problem.text), "a refusal says why, in one line");
    memory_file_close(&file);
    free(text);
    return 0;
}
