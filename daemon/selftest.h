/* Measures bias and spread of every metric on this machine, on simulated signals whose truth is known,
 * against what must be reached.
 *
 * One thread; takes its time and allocates: not for use beside a running analysis. The same number of trials
 * gives the same figures in every run of the same build. */
#ifndef EMG_DAEMON_SELFTEST_H
#define EMG_DAEMON_SELFTEST_H

#include <stdbool.h>
#include <stdio.h>

struct emg_selftest_options {
    unsigned trials; /* of each row, > 0; cheap rows do a multiple of it, dear ones never fewer than 500 where
                        this is 500 or more */
    bool strict;     /* a row is missed as soon as the figure is; else only when it is beyond its own standard
                        error twice */
    FILE *out;       /* the table */
};

/* Runs all rows and prints each as it is known; returns how many were missed. */
unsigned emg_selftest_run(const struct emg_selftest_options *options);

#endif
