/*
 * change_under.c: to be preloaded into wit: after WIT_CHANGE_AFTER reads of a shard, the file that
 * is read next changes as WIT_CHANGE_HOW says: cut, empty, zeros, replaced (by a file of zeros),
 * gone.
 */
#undef _FILE_OFFSET_BITS

#include "hidden_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long reads;

static bool shard_path(int fd, char path[4096]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    path[n > 0 ? n : 0] = '\0';
    return n > 5 && strcmp(path + n - 5, ".lmdb") == 0;
}

static void zeros_write(const char *path, off64_t bytes) {
    static const char zeros[4096];
    int fd = open64(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    for (off64_t at = 0; fd >= 0 && at < bytes; at += (off64_t)sizeof zeros)
        if (pwrite64(fd, zeros, sizeof zeros, at) < 0)
            abort();
    if (fd >= 0)
        close(fd);
}

static void change(const char *path) {
    const char *how = getenv("WIT_CHANGE_HOW");
    struct stat info;
    if (!how || stat(path, &info) < 0)
        abort();
    if (strcmp(how, "cut") == 0 || strcmp(how, "empty") == 0) {
        if (truncate(path, *how == 'c' ? info.st_size / 2 + 100 : 0) < 0)
            abort();
        return;
    }
    if (strcmp(how, "zeros") != 0 && unlink(path) < 0)
        abort();
    if (strcmp(how, "gone") != 0)
        zeros_write(path, info.st_size);
}

typedef ssize_t (*pread_fn)(int, void *, size_t, off64_t);

static ssize_t read_any(int fd, void *to, size_t len, off64_t at) {
    const char *after = getenv("WIT_CHANGE_AFTER");
    char path[4096];
    if (after && shard_path(fd, path) && atomic_fetch_add(&reads, 1) == atol(after))
        change(path);
    return ((pread_fn)hidden("pread64"))(fd, to, len, at);
}

ssize_t pread(int fd, void *to, size_t len, off_t at) {
    return read_any(fd, to, len, at);
}

ssize_t pread64(int fd, void *to, size_t len, off64_t at) {
    return read_any(fd, to, len, at);
}
