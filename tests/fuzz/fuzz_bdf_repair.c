/* Any file given to the repair: it is refused and stays as it was, or what is left is whole records of it,
 * which the reader does not take for cut or unclosed, and which a second repair leaves alone. */
#include "daemon/bdf.h"
#include "daemon/recording.h"
#include "tests/fuzz/memory_file.h"

#include <math.h>

enum { AT_RECORDS = 236, NUMBER_WIDTH = 8 };

static bool differs_only_in_count(const uint8_t *before, const uint8_t *after, size_t n)
{
    const size_t behind = AT_RECORDS + NUMBER_WIDTH;
    return n >= behind && memcmp(before, after, AT_RECORDS) == 0 &&
           memcmp(before + behind, after + behind, n - behind) == 0;
}

static void check_readable(const struct memory_file *file, const struct emg_bdf_repair *repair)
{
    struct emg_recording *r;
    struct emg_problem problem = {""};
    must(!emg_bdf_is_unfinished(file->path), "a repaired file is finished");
    if (emg_recording_open(&r, file->path, 1.0, &problem) == EMG_OK) {
        const struct emg_stream_info *info = emg_recording_info(r);
        const double frames = (double)info->n_frames;
        must(fabs(repair->seconds * info->rate_hz - frames) <= 1e-9 * frames, "it is as long as was told");
        emg_recording_close(r);
        return;
    }
    must(is_line(problem.text), "a refusal says why, in one line");
    must(strstr(problem.text, "truncated") == NULL && strstr(problem.text, "longer than") == NULL &&
             strstr(problem.text, "not closed") == NULL && strstr(problem.text, "no data records") == NULL,
         "what was repaired has the length that its header tells");
}

static void check_repaired(const struct memory_file *file, const struct emg_bdf_repair *repair)
{
    struct emg_bdf_repair again;
    const size_t size = memory_file_size(file);
    must(repair->records > 0 && isfinite(repair->seconds) && repair->seconds >= 0, "there are whole records");
    must(emg_bdf_repair(file->path, &again, NULL) == EMG_OK && !again.changed && again.cut_bytes == 0 &&
             again.records == repair->records && memory_file_size(file) == size,
         "a second repair has nothing to do");
    check_readable(file, repair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct emg_bdf_repair repair;
    struct emg_problem problem = {""};
    const struct memory_file file = memory_file_open(data, size);
    const enum emg_error error = emg_bdf_repair(file.path, &repair, &problem);
    const size_t left = memory_file_size(&file);
    uint8_t *bytes = memory_file_bytes(&file);
    must(left <= size && (error != EMG_OK || repair.cut_bytes == size - left), "what is cut is told");
    if (error != EMG_OK || !repair.changed)
        must(left == size && memcmp(data, bytes, size) == 0, "what is refused, or in order, stays as it was");
    else
        must(differs_only_in_count(data, bytes, left), "only the number of records is written");
    if (error == EMG_OK)
        check_repaired(&file, &repair);
    else
        must(is_line(problem.text), "a refusal says why, in one line");
    free(bytes);
    memory_file_close(&file);
    return 0;
}
