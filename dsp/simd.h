/* Loops that the compiler turns into vector instructions: a version for each kind of processor (AVX-512,
 * AVX2, the least that x86-64 has), chosen when the program starts. All give the same results bit for bit,
 * since none fuses a multiplication with an addition (-ffp-contract=off) and sums keep the order in which
 * they are written. */
#ifndef EMG_DSP_SIMD_H
#define EMG_DSP_SIMD_H

#include <stdint.h>

/* The resolver of such versions runs before a sanitizer is ready. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&                \
    !defined(__clang__)
#define EMG_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define EMG_VECTORISED
#endif

/* Four numbers at once, wherever they lie. */
typedef double emg_quad __attribute__((vector_size(4 * sizeof(double)), aligned(8), may_alias));

/* What comparing two of them gives: all bits or none. */
typedef int64_t emg_quad_mask __attribute__((vector_size(4 * sizeof(int64_t)), aligned(8), may_alias));

enum { EMG_QUAD = 4 };

static inline emg_quad *emg_quads(double *x)
{
    return (emg_quad *)(void *)x;
}

static inline const emg_quad *emg_const_quads(const double *x)
{
    return (const emg_quad *)(const void *)x;
}

/* Eight floats. */
typedef float emg_octet __attribute__((vector_size(8 * sizeof(float)), aligned(4), may_alias));
typedef int32_t emg_octet_mask __attribute__((vector_size(8 * sizeof(int32_t)), aligned(4), may_alias));

enum { EMG_OCTET = 8 };

static inline const emg_octet *emg_octets(const float *x)
{
    return (const emg_octet *)(const void *)x;
}

static inline double emg_quad_sum(const emg_quad *x)
{
    return ((*x)[0] + (*x)[2]) + ((*x)[1] + (*x)[3]);
}

#endif
