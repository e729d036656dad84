#include "clients/arguments.h"
#include "clients/emgctl.h"
#include "daemon/bdf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int emg_ctl_repair(const char *path)
{
    struct emg_bdf_repair repair;
    struct emg_problem problem;
    if (emg_bdf_repair(path, &repair, &problem) != EMG_OK) {
        fprintf(stderr, "emgctl: %s\n", problem.text);
        return EMG_EXIT_FAILED;
    }
    printf("%s: %" PRIu64 " record%s, %.10g s; ", path, repair.records, repair.records == 1 ? "" : "s",
           repair.seconds);
    if (repair.cut_bytes > 0)
        printf("%" PRIu64 " byte%s of an incomplete record removed\n", repair.cut_bytes,
               repair.cut_bytes == 1 ? "" : "s");
    else
        puts(repair.changed ? "their number was missing or wrong in the header" : "was in order");
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EMG_EXIT_DONE;
    fprintf(stderr, "emgctl: cannot write to standard output: %s\n", strerror(errno));
    return EMG_EXIT_FAILED;
}
