/* Marks and guards for code that runs on the capture callback or the worker. */
#ifndef EMG_DSP_REALTIME_H
#define EMG_DSP_REALTIME_H

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

/* A function so marked never allocates, locks, logs or makes a system call; its time is bounded by the
 * number of frames it is given. The mark is a promise that tests hold the function to. */
#define EMG_REALTIME __attribute__((hot))

/* Treats denormal numbers as zero on the calling thread: a filter decaying into silence would otherwise
 * run many times slower. Call once at the start of a real-time thread. */
static inline void emg_realtime_flush_denormals(void)
{
#if defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040U); /* FTZ and DAZ */
#elif defined(__aarch64__)
    unsigned long long fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" ::"r"(fpcr | (1ULL << 24)));
#endif
}

#endif
