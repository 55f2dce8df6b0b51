/* hidden_call.h: for programs that stand before libc with functions of their own: the functions
 * that these hide, and their types. Both names of the calls with offsets are needed, the plain one
 * for liblmdb: undefine _FILE_OFFSET_BITS before the first header. */
#ifndef TESTS_HIDDEN_CALL_H
#define TESTS_HIDDEN_CALL_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>

static inline uintptr_t hidden(const char *name) {
    void *address = dlsym(RTLD_NEXT, name);
    if (!address)
        abort();
    return (uintptr_t)address;
}

typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*writev_fn)(int, const struct iovec *, int);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off64_t);
typedef ssize_t (*pwritev_fn)(int, const struct iovec *, int, off64_t);

#endif
