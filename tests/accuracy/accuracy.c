/* The accuracy that is to be reached, row by row, on simulated signals.
 *
 * Usage: accuracy [TRIALS]. From 500 trials on a row is missed as soon as its figure is; with fewer, only
 * when it is by more than chance. Ends with 1 when a row is missed. */
#include "daemon/selftest.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    enum { FULL = 500 };
    const unsigned long trials = argc > 1 ? strtoul(argv[1], NULL, 10) : FULL;
    if (argc > 2 || trials < 2 || trials > 1000000) {
        (void)fputs("usage: accuracy [TRIALS]\n", stderr);
        return 2;
    }
    const struct emg_selftest_options options = {
        .trials = (unsigned)trials, .strict = trials >= FULL, .out = stdout};
    const unsigned missed = emg_selftest_run(&options);
    (void)printf("%u missed, %lu trials\n", missed, trials);
    return missed > 0;
}
