/* What the benchmarks of single stages share: time, medians, and the lines of JSON that they print. */
#ifndef EMG_TESTS_BENCH_H
#define EMG_TESTS_BENCH_H

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double bench_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

/* CPU time of this thread. */
static inline double bench_thread_ns(void)
{
    return bench_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline double bench_wall_ns(void)
{
    return bench_ns(CLOCK_MONOTONIC);
}

static int bench_ascending(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* The value that a share of x [n] lies below: 0.5 gives the median. Sorts x. */
static inline double bench_quantile(double *x, size_t n, double share)
{
    qsort(x, n, sizeof x[0], bench_ascending);
    return x[(size_t)(share * (double)(n - 1) + 0.5)];
}

/* One line: a figure that is compared with nothing. */
static inline void bench_print(const char *what, double figure, const char *unit)
{
    printf("{\"what\": \"%s\", \"figure\": %.4g, \"unit\": \"%s\"}\n", what, figure, unit);
}

/* One line: ours, how many times more the other costs, and how many times it must; reach NULL: no demand. */
static inline void bench_print_against(const char *what, double figure, const char *unit, const char *other,
                                       double others, const char *reach)
{
    printf("{\"what\": \"%s\", \"figure\": %.4g, \"unit\": \"%s\", \"against\": \"%s\", \"ratio\": %.3g",
           what, figure, unit, other, others / figure);
    if (reach != NULL)
        printf(", \"reach\": \"%s\"", reach);
    printf("}\n");
}

static inline void bench_fail(const char *program, const char *what)
{
    fprintf(stderr, "%s: %s\n", program, what);
    exit(1);
}

/* The float32 samples of a file, *n of them; to be freed. */
static inline float *bench_read(const char *program, const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        bench_fail(program, "the file cannot be read");
    *n = (size_t)ftell(file) / sizeof(float);
    float *x = malloc(*n * sizeof *x);
    rewind(file);
    if (x == NULL || fread(x, sizeof *x, *n, file) != *n)
        bench_fail(program, "the file cannot be read");
    fclose(file);
    for (size_t i = 0; i < *n; i++) /* and so every page is there before the time is taken */
        if (!isfinite(x[i]))
            bench_fail(program, "the file holds what is no number");
    return x;
}

#endif
