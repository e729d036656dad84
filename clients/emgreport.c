/* emgreport: the daemon's pipeline over a recording, as fast as it goes. */
#include "clients/report_csv.h"
#include "clients/report_html.h"
#include "clients/report_model.h"
#include "clients/report_options.h"
#include "clients/report_output.h"
#include "clients/report_progress.h"
#include "clients/report_settings.h"
#include "clients/report_sidecar.h"
#include "clients/report_windows.h"
#include "daemon/analysis.h"
#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/recording.h"
#include "daemon/script.h"
#include "daemon/wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum { BLOCK_SAMPLES = 16384 };

/* Everything that one run owns. */
struct run {
    struct emg_config config;
    struct emg_stream_info info;
    struct emg_montage montage;
    struct emg_recording *recording;
    struct emg_script *script; /* NULL: the recording tells of nothing */
    struct emg_analysis *analysis;
    struct emg_report_output *output;
    struct emg_report *report;          /* NULL: lines are written as they come */
    struct emg_report_windows *windows; /* NULL: the analysis is asked for */
    struct emg_report_progress progress;
    struct emg_wire wire;
    struct emg_report_settings recorded;
    FILE *lines;
    char topic[EMG_TOPIC_SIZE], body[EMG_BODY_SIZE], line[EMG_TOPIC_SIZE + EMG_BODY_SIZE];
};

static void take_message(void *context, const struct emg_message *message, size_t n_bytes)
{
    (void)n_bytes;
    struct run *run = context;
    if (run->report != NULL) {
        emg_report_take(run->report, message);
        return;
    }
    (void)emg_wire_topic(&run->wire, message, run->topic);
    (void)emg_wire_body(&run->wire, message, run->body);
    (void)emg_wire_line(run->topic, run->body, run->line);
    (void)fputs(run->line, run->lines);
    (void)putc('\n', run->lines);
}

static void execute_analysis(struct run *run, const struct emg_block *block)
{
    emg_analysis_execute(run->analysis, block);
}

static void execute_windows(struct run *run, const struct emg_block *block)
{
    emg_report_windows_execute(run->windows, block->samples, block->n_frames);
}

/* Reads the recording to its end, each block through `execute`; the last one is empty. */
static enum emg_error read_through(struct run *run,
                                   void (*execute)(struct run *run, const struct emg_block *block),
                                   struct emg_problem *problem)
{
    struct emg_block *block = calloc(1, sizeof *block + BLOCK_SAMPLES * sizeof block->samples[0]);
    if (block == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s", emg_strerror(EMG_ERROR_MEMORY));
    const uint64_t first_frame = emg_analysis_next_frame(run->analysis);
    enum emg_error error = EMG_OK;
    block->first_frame = first_frame;
    do {
        block->first_frame += block->n_frames;
        block->n_frames = (uint32_t)emg_recording_read(run->recording, block->samples,
                                                       BLOCK_SAMPLES / run->info.n_channels, &error, problem);
        block->last = block->n_frames == 0;
        execute(run, block);
        emg_report_progress_tell(&run->progress, (double)(block->first_frame - first_frame));
        if (emg_report_output_is_interrupted(run->output))
            error = emg_problem_set(problem, EMG_ERROR_IO, "interrupted");
    } while (!block->last && error == EMG_OK);
    free(block);
    return error;
}

static enum emg_error analyse(struct run *run, struct emg_problem *problem)
{
    emg_analysis_tell_state(run->analysis, EMG_STREAM_WAITING);
    return read_through(run, execute_analysis, problem);
}

/* Does again what was done while the recording was made. */
static enum emg_error follow_script(struct run *run, const char *path, struct emg_problem *problem)
{
    const enum emg_error error =
        emg_script_create(&run->script, run->recording, path, &run->montage, problem);
    if (error == EMG_OK && problem->text[0] != '\0')
        (void)fprintf(stderr, "emgreport: %s\n", problem->text);
    if (run->script != NULL)
        emg_analysis_follow(run->analysis, run->script);
    return error;
}

/* As it was recorded, unless a configuration is named; what is set on the command line goes before either. */
static enum emg_error load_config(struct run *run, const struct emg_report_options *options,
                                  struct emg_problem *problem)
{
    const char *settings[EMG_REPORT_RECORDED_MAX + EMG_REPORT_SETTINGS_MAX + 1];
    size_t n = 0;
    if (options->config == NULL)
        emg_report_settings_read(&run->recorded, options->recording);
    for (size_t i = 0; i < run->recorded.n; i++)
        settings[n++] = run->recorded.texts[i];
    for (size_t i = 0; i < options->n_settings; i++)
        settings[n++] = options->settings[i];
    return emg_config_load(&run->config, run->recorded.n > 0 ? "/dev/null" : options->config, settings, n,
                           problem);
}

/* Opens what is read and what is written; returns an exit code. */
static int prepare(struct run *run, const struct emg_report_options *options, struct emg_problem *problem)
{
    if (load_config(run, options, problem) != EMG_OK)
        return EXIT_USAGE;
    if (emg_recording_open(&run->recording, options->recording, run->config.source.full_scale_uv, problem) !=
        EMG_OK)
        return EXIT_FAILED;
    struct emg_stream_info info = *emg_recording_info(run->recording);
    emg_stream_set_source(&info, run->config.source.spec);
    run->info = info;
    if (emg_montage_create(&run->montage, &run->config, &run->info, problem) != EMG_OK)
        return EXIT_USAGE; /* a configuration that does not fit the recording */
    const enum emg_error error = emg_analysis_create(&run->analysis, &run->config, &run->info, &run->montage,
                                                     take_message, run, problem);
    if (error != EMG_OK)
        return error == EMG_ERROR_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
    if (follow_script(run, options->recording, problem) != EMG_OK)
        return EXIT_FAILED;
    if (emg_report_output_create(&run->output, options->output, options->format == EMG_REPORT_CSV, problem) !=
        EMG_OK)
        return EXIT_FAILED;
    return EXIT_DONE;
}

static enum emg_error write_lines(struct run *run, struct emg_problem *problem)
{
    run->lines = emg_report_output_file(run->output, NULL);
    return analyse(run, problem);
}

static enum emg_error write_windows(struct run *run, const struct emg_report_options *options,
                                    struct emg_problem *problem)
{
    run->lines = emg_report_output_file(run->output, NULL);
    const enum emg_error error =
        emg_report_windows_create(&run->windows, run->config.analysis.mains_hz, &run->wire, &run->montage,
                                  run->script, options->window_s, options->overlap, run->lines, problem);
    return error == EMG_OK ? read_through(run, execute_windows, problem) : error;
}

static enum emg_error write_report(struct run *run, const struct emg_report_options *options,
                                   struct emg_problem *problem)
{
    run->report = emg_report_create(&run->config, &run->info, &run->wire, options->recording);
    if (run->report == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s", emg_strerror(EMG_ERROR_MEMORY));
    emg_report_begin(run->report, emg_analysis_next_frame(run->analysis),
                     emg_analysis_session(run->analysis));
    const enum emg_error error = analyse(run, problem);
    if (error != EMG_OK)
        return error;
    if (!emg_report_finish(run->report))
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s", emg_strerror(EMG_ERROR_MEMORY));
    struct emg_report_sidecar sidecar;
    emg_report_read_sidecar(&sidecar, options->recording);
    if (options->format == EMG_REPORT_CSV)
        emg_report_write_csv(run->report, run->output);
    else
        emg_report_write_html(run->report, &sidecar, emg_report_output_file(run->output, NULL));
    return EMG_OK;
}

static enum emg_error write_to(struct run *run, const struct emg_report_options *options,
                               struct emg_problem *problem)
{
    switch (options->format) {
    case EMG_REPORT_JSONL:
        return write_lines(run, problem);
    case EMG_REPORT_WINDOWS:
        return write_windows(run, options, problem);
    case EMG_REPORT_CSV:
    case EMG_REPORT_HTML:
        break;
    }
    return write_report(run, options, problem);
}

static int carry_out(struct run *run, const struct emg_report_options *options, struct emg_problem *problem)
{
    const int code = prepare(run, options, problem);
    if (code != EXIT_DONE)
        return code;
    const bool lines = options->format == EMG_REPORT_JSONL || options->format == EMG_REPORT_WINDOWS;
    emg_analysis_wire(run->analysis, &run->wire);
    emg_report_progress_begin(&run->progress, lines && options->output == NULL, run->info.rate_hz,
                              (double)run->info.n_frames);
    enum emg_error error = write_to(run, options, problem);
    emg_report_progress_end(&run->progress);
    if (error == EMG_OK)
        error = emg_report_output_commit(run->output, problem);
    return error == EMG_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct emg_report_options options;
    struct emg_problem problem = {.text = ""};
    const enum emg_report_parsed parsed = emg_report_parse(&options, argc, argv);
    if (parsed != EMG_REPORT_GO_ON)
        return parsed == EMG_REPORT_TOLD ? EXIT_DONE : EXIT_USAGE;
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        (void)fprintf(stderr, "emgreport: %s\n", emg_strerror(EMG_ERROR_MEMORY));
        return EXIT_FAILED;
    }
    const int code = carry_out(run, &options, &problem);
    if (code != EXIT_DONE)
        (void)fprintf(stderr, "emgreport: %s\n", problem.text);
    emg_report_windows_destroy(run->windows);
    emg_report_destroy(run->report);
    emg_analysis_destroy(run->analysis);
    emg_script_destroy(run->script);
    emg_recording_close(run->recording);
    struct emg_report_output *output = run->output;
    free(run);
    emg_report_output_destroy(output); /* last: a signal that waited ends the program here */
    return code;
}
