#include "clients/report_options.h"

#include "daemon/version.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    OPTION_CONFIG = 1,
    OPTION_FORMAT,
    OPTION_OVERLAP,
    OPTION_SET,
    OPTION_WINDOW,
    OPTION_HELP,
    OPTION_VERSION
};

static const double SHORTEST_S = 0.1, LONGEST_S = 5, MOST_OVERLAP_PERCENT = 95;

static void print_help(void)
{
    (void)fputs(
        "Usage: emgreport RECORDING [--config FILE] [--set KEY=VALUE]... [-o OUT]\n"
        "                 [--format html|csv|jsonl|windows]\n"
        "       emgreport --version | --help\n"
        "\n"
        "Analyses a recording (BDF, EDF, WAV, W64, RF64, FLAC) as emgd does live, as fast as it goes.\n"
        "What its annotations and the <name>.json beside it tell of the test is part of the report.\n"
        "\n"
        "  --config FILE    analyse as this configuration of emgd says\n"
        "  --set KEY=VALUE  any configuration key, as in --set analysis.mains_hz=60\n"
        "  --format html    one page to read and to print: plain words, figures, tables, methods\n"
        "  --format csv     tables for a statistics program, in a directory (see below); needs -o\n"
        "  --format jsonl   the lines that 'emgctl watch' would have shown live\n"
        "                   (default: html when OUT ends in .html or .htm, else jsonl)\n"
        "  --format windows a line of CSV for each muscle and Hann window: its middle, RMS, power, MDF,\n"
        "                   MNF and ln of the spectral index FInsm5 without a baseline; all signal alike,\n"
        "                   nothing gated, for comparison with other work\n"
        "  --window SECONDS --overlap PERCENT  of these windows (default: 1 and 50)\n"
        "  -o OUT           write to this file instead of standard output, or for csv to this new\n"
        "                   directory. It appears when it is complete, readable by its owner only; a\n"
        "                   failed run leaves nothing, and what was there before is untouched\n"
        "\n"
        "csv writes six tables (RFC 4180, UTF-8, one header line, units in the names, empty: not known).\n"
        "Times are seconds since the recording began; `stage` counts the stages of stages.csv from 1 and is\n"
        "empty outside of them. A recording without stages is one stage, \"whole recording\".\n"
        "\n"
        "  bursts.csv    a contraction a line: muscle, onset, duration, RMS, peak, iEMG, percent of "
        "reference, SNR\n"
        "  strides.csv   a gait cycle a line: side, begin, duration, cadence, source\n"
        "  fatigue.csv   a muscle and second a line: MDF, MNF with standard errors, RMS, trend, verdict, "
        "reason\n"
        "  stages.csv    a stage and muscle a line: RMS, contractions, MDF at begin and end, trend, verdict, "
        "quality\n"
        "  summary.csv   a quantity a line: load share, symmetry, cadence (median and quartiles), verdicts, "
        "noise\n"
        "  events.csv    an event a line: session, stages, markers, measurements with their evidence, gaps\n",
        stdout);
}

static enum emg_report_parsed usage(const char *what, const char *why)
{
    (void)fprintf(stderr, "emgreport: %s: %s; see emgreport --help\n", what, why);
    return EMG_REPORT_USAGE;
}

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static bool find_format(const char *name, enum emg_report_format *format)
{
    static const char *const names[] = {[EMG_REPORT_JSONL] = "jsonl",
                                        [EMG_REPORT_CSV] = "csv",
                                        [EMG_REPORT_HTML] = "html",
                                        [EMG_REPORT_WINDOWS] = "windows"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (enum emg_report_format)i;
            return true;
        }
    return false;
}

static bool is_same_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static enum emg_report_parsed check(struct emg_report_options *options, const char *format)
{
    const char *output = options->output;
    if (format == NULL)
        format = output != NULL && (ends_in(output, ".html") || ends_in(output, ".htm")) ? "html" : "jsonl";
    if (!find_format(format, &options->format))
        return usage(format, "no such format; there are html, csv, jsonl and windows");
    if (options->format == EMG_REPORT_CSV && output == NULL)
        return usage("--format csv", "needs -o DIRECTORY, since it is several tables");
    if (output != NULL && output[0] == '\0')
        return usage("-o", "an empty name");
    if (output != NULL && is_same_file(output, options->recording))
        return usage(output, "is the recording itself");
    if ((size_t)snprintf(options->spec, sizeof options->spec, "source.spec=file:%s", options->recording) >=
        sizeof options->spec)
        return usage("RECORDING", "the path is too long");
    options->settings[options->n_settings++] = options->spec;
    return EMG_REPORT_GO_ON;
}

/* Reads all of text as a number from low to high. */
static bool read_number(const char *text, double low, double high, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= low && *number <= high;
}

static bool read_overlap(const char *text, double *overlap)
{
    double percent;
    const bool is_read = read_number(text, 0, MOST_OVERLAP_PERCENT, &percent);
    *overlap = percent / 100;
    return is_read;
}

enum emg_report_parsed emg_report_parse(struct emg_report_options *options, int argc, char **argv)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"format", required_argument, NULL, OPTION_FORMAT},
        {"overlap", required_argument, NULL, OPTION_OVERLAP},
        {"set", required_argument, NULL, OPTION_SET},
        {"window", required_argument, NULL, OPTION_WINDOW},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {NULL, 0, NULL, 0},
    };
    *options = (struct emg_report_options){.window_s = 1, .overlap = 0.5};
    const char *format = NULL;
    opterr = 0;
    int option = 0;
    while ((option = getopt_long(argc, argv, ":o:", table, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG:
            options->config = optarg;
            break;
        case OPTION_FORMAT:
            format = optarg;
            break;
        case OPTION_WINDOW:
            if (!read_number(optarg, SHORTEST_S, LONGEST_S, &options->window_s))
                return usage("--window", "takes seconds, 0.1 to 5");
            break;
        case OPTION_OVERLAP:
            if (!read_overlap(optarg, &options->overlap))
                return usage("--overlap", "takes percent, 0 to 95");
            break;
        case OPTION_SET:
            if (options->n_settings == EMG_REPORT_SETTINGS_MAX)
                return usage("--set", "too many of them");
            options->settings[options->n_settings++] = optarg;
            break;
        case 'o':
            options->output = optarg;
            break;
        case OPTION_HELP:
            print_help();
            return EMG_REPORT_TOLD;
        case OPTION_VERSION:
            (void)printf("emgreport %s\n", EMG_VERSION);
            return EMG_REPORT_TOLD;
        default:
            return usage(argv[optind - 1], option == ':' ? "needs a value" : "no such option");
        }
    }
    if (optind + 1 != argc)
        return usage(optind == argc ? "RECORDING" : argv[optind + 1],
                     optind == argc ? "is missing" : "what is this for?");
    options->recording = argv[optind];
    return check(options, format);
}
