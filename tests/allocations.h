/* Counts calls of the allocator, the libraries' too, and makes it fail on demand, by standing in for it
 * (glibc). Include in one file of a program. A sanitizer has an allocator of its own: there
 * EMG_ALLOCATIONS_COUNTED is 0 and nothing happens. */
#ifndef EMG_TESTS_ALLOCATIONS_H
#define EMG_TESTS_ALLOCATIONS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EMG_ALLOCATIONS_COUNTED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EMG_ALLOCATIONS_COUNTED 0
#endif
#endif
#ifndef EMG_ALLOCATIONS_COUNTED
#define EMG_ALLOCATIONS_COUNTED 1
#endif

static _Atomic unsigned long allocations;
static _Atomic bool memory_is_out;

#if EMG_ALLOCATIONS_COUNTED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *old);

void *malloc(size_t size)
{
    allocations++;
    return memory_is_out ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    allocations++;
    return memory_is_out ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    allocations++;
    return memory_is_out ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return memory_is_out ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    allocations++;
    return memory_is_out ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    allocations++;
    *out = memory_is_out ? NULL : __libc_memalign(alignment, size);
    return *out != NULL ? 0 : ENOMEM;
}

void free(void *old)
{
    allocations += old != NULL;
    __libc_free(old);
}
#endif

#endif
