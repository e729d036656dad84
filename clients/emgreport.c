/* emgreport: the daemon's pipeline over a recording, as fast as it goes. */
#include "daemon/analysis.h"
#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/recording.h"
#include "daemon/version.h"
#include "daemon/wire.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum {
    BLOCK_SAMPLES = 16384,
    OPTION_CONFIG = 1,
    OPTION_FORMAT,
    OPTION_SET,
    OPTION_HELP,
    OPTION_VERSION,
    MOST_SETTINGS = 256
};

struct options {
    const char *recording, *config, *output, *format;
    const char *settings[MOST_SETTINGS + 1]; /* the recording as source.spec comes last */
    size_t n_settings;
    char spec[EMG_PATH_SIZE + 32];
};

/* Where the lines go. */
struct report {
    struct emg_wire wire;
    FILE *out;
    char topic[EMG_TOPIC_SIZE], body[EMG_BODY_SIZE], line[EMG_TOPIC_SIZE + EMG_BODY_SIZE];
};

static void print_help(void)
{
    (void)fputs(
        "Usage: emgreport RECORDING [--config FILE] [--set KEY=VALUE]... [--format jsonl] [-o OUT]\n"
        "       emgreport --version | --help\n"
        "\n"
        "Analyses a recording (BDF, EDF, WAV, W64, RF64, FLAC) as emgd does live, as fast as it goes.\n"
        "\n"
        "  --config FILE    analyse as this configuration of emgd says\n"
        "  --set KEY=VALUE  any configuration key, as in --set analysis.mains_hz=60\n"
        "  --format jsonl   the lines that 'emgctl watch' would have shown live (the only format of this "
        "version)\n"
        "  -o OUT           write to this file instead of standard output\n",
        stdout);
}

static int usage(const char *what, const char *why)
{
    (void)fprintf(stderr, "emgreport: %s: %s; see emgreport --help\n", what, why);
    return EXIT_USAGE;
}

static int failure(const char *text, int code)
{
    (void)fprintf(stderr, "emgreport: %s\n", text);
    return code;
}

/* Returns EXIT_DONE to go on, another code to end with it; -1 after help or version. */
static int parse_options(struct options *options, int argc, char **argv)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"format", required_argument, NULL, OPTION_FORMAT},
        {"set", required_argument, NULL, OPTION_SET},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.format = "jsonl"};
    opterr = 0;
    int option = 0;
    while ((option = getopt_long(argc, argv, ":o:", table, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG:
            options->config = optarg;
            break;
        case OPTION_FORMAT:
            options->format = optarg;
            break;
        case OPTION_SET:
            if (options->n_settings == MOST_SETTINGS)
                return usage("--set", "too many of them");
            options->settings[options->n_settings++] = optarg;
            break;
        case 'o':
            options->output = optarg;
            break;
        case OPTION_HELP:
            print_help();
            return -1;
        case OPTION_VERSION:
            (void)printf("emgreport %s\n", EMG_VERSION);
            return -1;
        default:
            return usage(argv[optind - 1], option == ':' ? "needs a value" : "no such option");
        }
    }
    if (optind + 1 != argc)
        return usage(optind == argc ? "RECORDING" : argv[optind + 1],
                     optind == argc ? "is missing" : "what is this for?");
    options->recording = argv[optind];
    if (strcmp(options->format, "jsonl") != 0)
        return usage(options->format, "no such format; there is jsonl");
    if ((size_t)snprintf(options->spec, sizeof options->spec, "source.spec=file:%s", options->recording) >=
        sizeof options->spec)
        return usage("RECORDING", "the path is too long");
    options->settings[options->n_settings++] = options->spec;
    return EXIT_DONE;
}

static void write_line(void *context, const struct emg_message *message, size_t n_bytes)
{
    (void)n_bytes;
    struct report *report = context;
    (void)emg_wire_topic(&report->wire, message, report->topic);
    (void)emg_wire_body(&report->wire, message, report->body);
    (void)emg_wire_line(report->topic, report->body, report->line);
    (void)fputs(report->line, report->out);
    (void)putc('\n', report->out);
}

/* Reads the recording to its end through the analysis. */
static enum emg_error analyse(struct emg_recording *recording, struct emg_analysis *analysis,
                              struct emg_problem *problem)
{
    const unsigned n_channels = emg_recording_info(recording)->n_channels;
    struct emg_block *block = calloc(1, sizeof *block + BLOCK_SAMPLES * sizeof block->samples[0]);
    if (block == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s", emg_strerror(EMG_ERROR_MEMORY));
    enum emg_error error = EMG_OK;
    emg_analysis_tell_state(analysis, EMG_STREAM_WAITING);
    do {
        block->first_frame += block->n_frames;
        block->n_frames = (uint32_t)emg_recording_read(recording, block->samples, BLOCK_SAMPLES / n_channels,
                                                       &error, problem);
        block->last = block->n_frames == 0;
        emg_analysis_execute(analysis, block);
    } while (!block->last);
    free(block);
    return error;
}

static enum emg_error report_recording(const struct emg_config *config, struct emg_recording *recording,
                                       FILE *out, struct emg_problem *problem)
{
    struct emg_stream_info info = *emg_recording_info(recording);
    emg_stream_set_source(&info, config->source.spec);
    struct emg_montage montage;
    struct emg_analysis *analysis = NULL;
    struct report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return emg_problem_set(problem, EMG_ERROR_MEMORY, "%s", emg_strerror(EMG_ERROR_MEMORY));
    report->out = out;
    enum emg_error error = EMG_OK;
    if (emg_montage_create(&montage, config, &info, problem) != EMG_OK)
        error = EMG_ERROR_ARGUMENT; /* a configuration that does not fit the recording */
    if (error == EMG_OK)
        error = emg_analysis_create(&analysis, config, &info, &montage, write_line, report, problem);
    if (error == EMG_OK) {
        emg_analysis_wire(analysis, &report->wire);
        error = analyse(recording, analysis, problem);
    }
    emg_analysis_destroy(analysis);
    free(report);
    return error;
}

int main(int argc, char **argv)
{
    struct options options;
    struct emg_problem problem = {.text = ""};
    struct emg_config config;
    struct emg_recording *recording = NULL;
    const int parsed = parse_options(&options, argc, argv);
    if (parsed != EXIT_DONE)
        return parsed < 0 ? EXIT_DONE : parsed;
    if (emg_config_load(&config, options.config, options.settings, options.n_settings, &problem) != EMG_OK)
        return failure(problem.text, EXIT_USAGE);
    if (emg_recording_open(&recording, options.recording, config.source.full_scale_uv, &problem) != EMG_OK)
        return failure(problem.text, EXIT_FAILED);

    FILE *out = options.output != NULL ? fopen(options.output, "w") : stdout;
    enum emg_error error = EMG_OK;
    if (out == NULL)
        error = emg_problem_set(&problem, EMG_ERROR_IO, "%s: cannot be written", options.output);
    if (error == EMG_OK)
        error = report_recording(&config, recording, out, &problem);
    if (out != NULL && fflush(out) != 0 && error == EMG_OK)
        error = emg_problem_set(&problem, EMG_ERROR_IO, "%s: cannot be written",
                                options.output != NULL ? options.output : "standard output");
    if (out != NULL && out != stdout)
        (void)fclose(out);
    emg_recording_close(recording);
    if (error != EMG_OK)
        return failure(problem.text, error == EMG_ERROR_ARGUMENT ? EXIT_USAGE : EXIT_FAILED);
    return EXIT_DONE;
}
