/* Any file as a recording: it is opened, or refused with a message; what is opened keeps what it promises, to
 * its end and with all its annotations, also as the script of a test. A file whose length is not what its
 * header tells is mended first, so that most inputs get behind the header. */
#include "daemon/bdf.h"
#include "daemon/recording.h"
#include "daemon/script.h"
#include "tests/fuzz/memory_file.h"

#include <jansson.h>
#include <math.h>

#define FULL_SCALE_UV 5000.0
enum { MOST_SAMPLES = 1 << 19, LARGEST_PIECE = 4099 };

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text); /* jansson takes nothing else */
    const bool valid = string != NULL;
    json_decref(string);
    return valid;
}

static void check_info(const struct emg_stream_info *info)
{
    must(info->n_channels >= 1 && info->n_channels <= EMG_MAX_CHANNELS, "1 to 64 channels");
    must(info->rate_hz >= 1000 && info->rate_hz <= 192000, "a rate of 1000 to 192000 Hz");
    must(!info->has_start || isfinite(info->start_t), "the start is a time");
    for (unsigned c = 0; c < info->n_channels; c++) {
        const struct emg_channel *channel = &info->channels[c];
        must(memchr(channel->label, '\0', sizeof channel->label) != NULL, "a label ends");
        must(channel->label[0] == '\0' || is_line(channel->label), "a label is one line");
        must(isfinite(channel->full_scale_uv) && (channel->full_scale_uv > 0) == channel->usable,
             "a usable channel, and no other, has a full scale");
    }
}

static void check_annotations(const struct emg_recording *r)
{
    size_t n;
    const struct emg_annotation *annotations = emg_recording_annotations(r, &n);
    for (size_t i = 0; i < n; i++) {
        must(isfinite(annotations[i].onset_s), "an onset is a time");
        must(isfinite(annotations[i].duration_s) && annotations[i].duration_s >= 0, "no duration is below 0");
        must(is_line(annotations[i].text) && is_utf8(annotations[i].text), "a text is a line of UTF-8");
    }
}

/* In pieces of growing sizes. */
static void check_samples(struct emg_recording *r)
{
    const struct emg_stream_info *info = emg_recording_info(r);
    struct emg_problem problem = {""};
    enum emg_error error = EMG_OK;
    uint64_t n_read = 0;
    size_t piece = 1, n;
    float *samples = malloc(sizeof *samples * LARGEST_PIECE * info->n_channels);
    must(samples != NULL, "there is memory");
    do {
        n = emg_recording_read(r, samples, piece, &error, &problem);
        must(n <= piece, "no more frames than were asked for");
        must(error == EMG_OK || (n == 0 && is_line(problem.text)), "an error ends it and says why");
        for (size_t i = 0; i < n * info->n_channels; i++)
            must(!info->channels[i % info->n_channels].calibrated || isfinite(samples[i]),
                 "samples in physical units are numbers");
        n_read += n;
        piece = piece * 2 < LARGEST_PIECE ? piece * 2 + 1 : LARGEST_PIECE;
    } while (n > 0 && n_read * info->n_channels < MOST_SAMPLES);
    must(n > 0 || error != EMG_OK || info->n_frames == 0 || n_read == info->n_frames,
         "all frames that were promised, or an error");
    free(samples);
}

static void check_script(const struct emg_recording *r, const char *path)
{
    struct emg_config config;
    struct emg_montage montage;
    struct emg_problem problem;
    struct emg_script *script = NULL;
    must(emg_config_load(&config, "/dev/null", NULL, 0, &problem) == EMG_OK, "none is a configuration");
    if (emg_montage_create(&montage, &config, emg_recording_info(r), &problem) != EMG_OK)
        return;
    must(emg_script_create(&script, r, path, &montage, &problem) == EMG_OK,
         "a script is read or passed over");
    for (size_t i = 1; script != NULL && i < script->n_steps; i++)
        must(script->steps[i - 1].frame <= script->steps[i].frame, "a script is in the order of frames");
    emg_script_destroy(script);
}

static bool opens(const char *path)
{
    struct emg_recording *r;
    struct emg_problem problem = {""};
    const enum emg_error error = emg_recording_open(&r, path, FULL_SCALE_UV, &problem);
    must((error == EMG_OK) == (r != NULL), "an error gives no recording");
    must(error == EMG_OK || is_line(problem.text), "a refusal says why, in one line");
    if (error != EMG_OK)
        return false;
    check_info(emg_recording_info(r));
    check_annotations(r);
    check_script(r, path);
    check_samples(r);
    emg_recording_close(r);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct memory_file file = memory_file_open(data, size);
    struct emg_bdf_repair repair;
    if (!opens(file.path) && emg_bdf_repair(file.path, &repair, NULL) == EMG_OK && repair.changed)
        (void)opens(file.path);
    memory_file_close(&file);
    return 0;
}
