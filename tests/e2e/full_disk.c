/*
 * full_disk.c: to be preloaded into wit: a disk that is full after WIT_DISK_BYTES bytes. Every
 * write to a regular file counts; the one that would pass the limit, and all that follow, end with
 * ENOSPC. With WIT_DISK_SHORT the one that would pass it is cut short, as real disks do.
 */
/* Both names of each call are needed, the plain one for liblmdb: no redirection by the headers. */
#undef _FILE_OFFSET_BITS

#include "hidden_call.h"

#include <errno.h>
#include <limits.h>
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

/* How many of these bytes the disk takes; 0 with errno: none. */
static size_t room(int fd, size_t bytes) {
    struct stat st;
    long long unset = -1;
    const char *limit = getenv("WIT_DISK_BYTES");
    if (!limit || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return bytes;
    atomic_compare_exchange_strong(&left, &unset, atoll(limit));
    if (!atomic_load(&full)) {
        long long had = atomic_fetch_sub(&left, (long long)bytes);
        if (had >= (long long)bytes)
            return bytes;
        atomic_store(&full, true);
        if (had > 0 && getenv("WIT_DISK_SHORT"))
            return (size_t)had;
    }
    errno = ENOSPC;
    return 0;
}

static size_t total(const struct iovec *v, int n) {
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += v[i].iov_len;
    return bytes;
}

/* The first `bytes` of v, into cut: how many pieces. */
static int cut_to(const struct iovec *v, int n, size_t bytes, struct iovec cut[IOV_MAX]) {
    int pieces = 0;
    for (; pieces < n && pieces < IOV_MAX && bytes; pieces++) {
        cut[pieces] = v[pieces];
        if (cut[pieces].iov_len > bytes)
            cut[pieces].iov_len = bytes;
        bytes -= cut[pieces].iov_len;
    }
    return pieces;
}

ssize_t write(int fd, const void *data, size_t len) {
    size_t bytes = room(fd, len);
    return bytes || !len ? ((write_fn)hidden("write"))(fd, data, bytes) : -1;
}

ssize_t writev(int fd, const struct iovec *v, int n) {
    struct iovec cut[IOV_MAX];
    size_t len = total(v, n), bytes = room(fd, len);
    int pieces = cut_to(v, n, bytes, cut);
    return bytes || !len ? ((writev_fn)hidden("writev"))(fd, cut, pieces) : -1;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    size_t bytes = room(fd, len);
    return bytes || !len ? ((pwrite_fn)hidden("pwrite64"))(fd, data, bytes, at) : -1;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    size_t bytes = room(fd, len);
    return bytes || !len ? ((pwrite_fn)hidden("pwrite64"))(fd, data, bytes, at) : -1;
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    struct iovec cut[IOV_MAX];
    size_t len = total(v, n), bytes = room(fd, len);
    int pieces = cut_to(v, n, bytes, cut);
    return bytes || !len ? ((pwritev_fn)hidden("pwritev64"))(fd, cut, pieces, at) : -1;
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    struct iovec cut[IOV_MAX];
    size_t len = total(v, n), bytes = room(fd, len);
    int pieces = cut_to(v, n, bytes, cut);
    return bytes || !len ? ((pwritev_fn)hidden("pwritev64"))(fd, cut, pieces, at) : -1;
}
