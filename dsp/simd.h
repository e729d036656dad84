/* Loops that the compiler turns into vector instructions: a version for each kind of processor, chosen when
 * the program starts. All give the same results bit for bit, since none fuses a multiplication with an
 * addition
 * (-ffp-contract=off) and sums keep the order in which they are written. */
#ifndef EMG_DSP_SIMD_H
#define EMG_DSP_SIMD_H

/* The resolver of such versions runs before a sanitizer is ready. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&                \
    !defined(__clang__)
#define EMG_VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define EMG_VECTORISED
#endif

#endif
