#include "daemon/config_draft.h"

#include <assert.h>
#include <confuse.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* libconfuse is the reader of the syntax. Every value comes out of it as a string with its line and goes into
 * the draft at once; its own tree is not used. */
struct reader {
    void *self; /* where the hidden option's value points */
    struct emg_config_draft *draft;
    const cfg_t *root;
    enum emg_error error; /* the first one */
};

/* libconfuse gives its callbacks no pointer of ours. The first option of every section is one with an empty
 * name that holds it; a file that writes this name is refused. */
static struct reader *reader_of(const cfg_t *section)
{
    return *section->opts[0].simple_value.ptr;
}

static int fail(struct reader *reader, enum emg_error error)
{
    if (reader->error == EMG_OK)
        reader->error = error;
    return -1;
}

static int refuse_name(cfg_t *section, cfg_opt_t *option, const char *value, void *result)
{
    struct reader *reader = reader_of(section);
    (void)value;
    (void)result;
    return fail(reader, emg_config_draft_fail_unknown(reader->draft,
                                                      (struct emg_config_origin){.line = section->line},
                                                      emg_config_section_find(section->name), option->name));
}

static int take_value(cfg_t *section, cfg_opt_t *option, const char *value, void *result)
{
    struct reader *reader = reader_of(section);
    const struct emg_config_section *known = emg_config_section_find(section->name);
    if (known == NULL) /* "source|rate_hz" finds the key of a section from outside */
        return refuse_name(section, option, value, result);

    size_t index;
    enum emg_error error = emg_config_draft_item(
        reader->draft, (struct emg_config_origin){.line = reader->root->line}, known, section->title, &index);
    if (error == EMG_OK)
        error = emg_config_draft_set(reader->draft, (struct emg_config_origin){.line = section->line}, known,
                                     section->title, option->name, (int)option->nvalues - 1, value);
    if (error != EMG_OK)
        return fail(reader, error);
    *(const char **)result = value;
    return 0;
}

/* At the end of each titled section: one without any key must be noticed too. */
static int take_section(cfg_t *root, cfg_opt_t *option)
{
    struct reader *reader = reader_of(root);
    const cfg_t *section = cfg_opt_getnsec(option, cfg_opt_size(option) - 1);
    size_t index;
    const enum emg_error error =
        emg_config_draft_item(reader->draft, (struct emg_config_origin){.line = root->line},
                              emg_config_section_find(option->name), section->title, &index);
    return error == EMG_OK ? 0 : fail(reader, error);
}

__attribute__((format(printf, 2, 0))) static void take_error(cfg_t *section, const char *format,
                                                             va_list arguments)
{
    struct reader *reader = reader_of(section);
    if (reader->error != EMG_OK)
        return;
    const struct emg_config_origin origin = {.line = section->line};
    char text[160];
    if (strcmp(format, "no such option '%s'") == 0) {
        (void)fail(reader, emg_config_draft_fail_unknown(reader->draft, origin,
                                                         emg_config_section_find(section->name),
                                                         va_arg(arguments, const char *)));
    } else if (strcmp(format, "found duplicate title '%s'") == 0) {
        (void)fail(reader,
                   emg_config_draft_fail(reader->draft, origin, EMG_ERROR_ARGUMENT,
                                         "\"%.80s\" is configured twice", va_arg(arguments, const char *)));
    } else {
        (void)vsnprintf(text, sizeof text, format, arguments);
        (void)fail(reader, emg_config_draft_fail(reader->draft, origin, EMG_ERROR_FORMAT, "%s", text));
    }
}

/* libconfuse's form of one section of the table. */
static void describe_section(const struct emg_config_section *section, cfg_opt_t hidden,
                             cfg_opt_t options[EMG_CONFIG_MAX_KEYS + 2])
{
    size_t n = 0;
    assert(section->n_keys <= EMG_CONFIG_MAX_KEYS);
    options[n++] = hidden;
    for (size_t k = 0; k < section->n_keys; k++) {
        const cfg_opt_t scalar = CFG_STR_CB(section->keys[k].name, NULL, CFGF_NODEFAULT, take_value);
        const cfg_opt_t list = CFG_STR_LIST_CB(section->keys[k].name, NULL, CFGF_NODEFAULT, take_value);
        options[n++] = section->keys[k].type == EMG_CONFIG_BAND ? list : scalar;
    }
    options[n] = (cfg_opt_t)CFG_END();
}

/* A list is two numbers; its end, unlike its values, is not always announced. */
static enum emg_error check_lists(struct reader *reader, cfg_t *root)
{
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        for (size_t k = 0; k < section->n_keys && !section->titled; k++) {
            const cfg_opt_t *option = cfg_getopt(cfg_getsec(root, section->name), section->keys[k].name);
            if (section->keys[k].type == EMG_CONFIG_BAND && (option->flags & CFGF_MODIFIED) != 0 &&
                option->nvalues != 2)
                return emg_config_draft_fail(reader->draft, reader->draft->origins[i][k], EMG_ERROR_ARGUMENT,
                                             "%s.%s must be two numbers: {low, high}", section->name,
                                             section->keys[k].name);
        }
    }
    return EMG_OK;
}

static enum emg_error parse(struct reader *reader, FILE *file)
{
    cfg_opt_t options[EMG_CONFIG_N_SECTIONS][EMG_CONFIG_MAX_KEYS + 2], sections[EMG_CONFIG_N_SECTIONS + 2];
    const cfg_opt_t hidden = {
        .name = "", .type = CFGT_STR, .simple_value = {.ptr = &reader->self}, .parsecb = refuse_name};
    const cfg_flag_t many = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
    sections[0] = hidden;
    for (size_t i = 0; i < EMG_CONFIG_N_SECTIONS; i++) {
        const struct emg_config_section *section = &emg_config_sections[i];
        describe_section(section, hidden, options[i]);
        sections[i + 1] = (cfg_opt_t)CFG_SEC(section->name, options[i], section->titled ? many : CFGF_NONE);
        if (section->titled)
            sections[i + 1].validcb = take_section;
    }
    sections[EMG_CONFIG_N_SECTIONS + 1] = (cfg_opt_t)CFG_END();

    cfg_t *root = cfg_init(sections, CFGF_NONE);
    if (root == NULL)
        return emg_config_draft_fail(reader->draft, (struct emg_config_origin){0}, EMG_ERROR_MEMORY,
                                     "out of memory");
    reader->root = root;
    (void)cfg_set_error_function(root, take_error);
    if (cfg_parse_fp(root, file) != CFG_SUCCESS && reader->error == EMG_OK)
        reader->error = emg_config_draft_fail(reader->draft, (struct emg_config_origin){.line = root->line},
                                              EMG_ERROR_FORMAT, "is not understood");
    if (reader->error == EMG_OK)
        reader->error = check_lists(reader, root);
    (void)cfg_free(root);
    return reader->error;
}

enum emg_error emg_config_file_read(struct emg_config_draft *draft)
{
    struct reader reader = {.draft = draft};
    reader.self = &reader;
    char *text;
    enum emg_error error = emg_config_text_read(draft, &text);
    if (error != EMG_OK || text[0] == '\0') {
        free(text);
        return error;
    }
    FILE *file = fmemopen(text, strlen(text), "r");
    if (file != NULL) {
        error = parse(&reader, file);
        (void)fclose(file);
    } else {
        error =
            emg_config_draft_fail(draft, (struct emg_config_origin){0}, EMG_ERROR_MEMORY, "out of memory");
    }
    free(text);
    return error;
}
