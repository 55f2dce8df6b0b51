/*
 * full_disk.c: to be preloaded into wit: a disk that is full after WIT_DISK_BYTES bytes. Every
 * write to a regular file counts; the one that would pass the limit, and all that follow, end with
 * ENOSPC.
 */
/* Both names of each call are needed, the plain one for liblmdb: no redirection by the headers. */
#undef _FILE_OFFSET_BITS

#include "hidden_call.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_llong left = -1; /* -1: not known yet */
static atomic_bool full;

static bool has_room(int fd, size_t bytes) {
    struct stat st;
    long long unset = -1;
    const char *limit = getenv("WIT_DISK_BYTES");
    if (!limit || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    atomic_compare_exchange_strong(&left, &unset, atoll(limit));
    if (!atomic_load(&full) && atomic_fetch_sub(&left, (long long)bytes) >= (long long)bytes)
        return true;
    atomic_store(&full, true);
    errno = ENOSPC;
    return false;
}

static size_t total(const struct iovec *v, int n) {
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += v[i].iov_len;
    return bytes;
}

ssize_t write(int fd, const void *data, size_t len) {
    return has_room(fd, len) ? ((write_fn)hidden("write"))(fd, data, len) : -1;
}

ssize_t writev(int fd, const struct iovec *v, int n) {
    return has_room(fd, total(v, n)) ? ((writev_fn)hidden("writev"))(fd, v, n) : -1;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    return has_room(fd, len) ? ((pwrite_fn)hidden("pwrite64"))(fd, data, len, at) : -1;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    return has_room(fd, len) ? ((pwrite_fn)hidden("pwrite64"))(fd, data, len, at) : -1;
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    return has_room(fd, total(v, n)) ? ((pwritev_fn)hidden("pwritev64"))(fd, v, n, at) : -1;
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    return has_room(fd, total(v, n)) ? ((pwritev_fn)hidden("pwritev64"))(fd, v, n, at) : -1;
}
