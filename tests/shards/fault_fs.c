/* fault_fs.c: libc's calls that change files, with a fault and a history in between. */
/* Both names of each call are needed, the plain one for liblmdb: no redirection by the headers. */
#undef _FILE_OFFSET_BITS

#include "fault_fs.h"
#include "hidden_call.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS = 1024 };

/* What is known of a descriptor. */
struct known {
    bool ours;
    bool each_safe; /* O_DSYNC: every write is on the disk when it returns */
    int node;
};

static struct {
    pthread_mutex_t lock; /* guards the rest; held during the real call, so that order is true */
    bool on;
    char root[WIT_PATH_MAX];
    struct disk *history;
    struct fault fault;
    long calls;
    struct known fds[FDS];
} fs = { .lock = PTHREAD_MUTEX_INITIALIZER };

typedef int (*open_fn)(const char *, int, ...);
typedef int (*fd_fn)(int);
typedef int (*path_fn)(const char *);
typedef int (*paths_fn)(const char *, const char *);
typedef int (*mkdir_fn)(const char *, mode_t);
typedef int (*truncate_fn)(int, off64_t);
typedef int (*msync_fn)(void *, size_t, int);

void fault_fs_begin(const char *root, struct disk *history, struct fault fault) {
    pthread_mutex_lock(&fs.lock);
    memset(fs.fds, 0, sizeof fs.fds);
    snprintf(fs.root, sizeof fs.root, "%s", root);
    fs.history = history;
    fs.fault = fault;
    fs.calls = 0;
    fs.on = true;
    pthread_mutex_unlock(&fs.lock);
}

long fault_fs_end(void) {
    pthread_mutex_lock(&fs.lock);
    fs.on = false;
    long calls = fs.calls;
    pthread_mutex_unlock(&fs.lock);
    return calls;
}

enum verdict { GO, FAIL, HALF, LATE };

/* Of this call, which is counted. */
static enum verdict judge(void) {
    long n = fs.calls++ - fs.fault.at;
    switch (fs.fault.kind) {
    case FAULT_NONE:
        return GO;
    case FAULT_ONCE:
        return n == 0 ? FAIL : GO;
    case FAULT_FROM:
        return n >= 0 ? FAIL : GO;
    case FAULT_SHORT:
        return n == 0 ? HALF : n > 0 ? FAIL : GO;
    case FAULT_LATE:
        return n == 0 ? LATE : GO;
    }
    return GO;
}

/* The part of a path behind the root, or NULL: it is none of ours. */
static const char *inside(const char *path) {
    size_t len = strlen(fs.root);
    if (!fs.on || strncmp(path, fs.root, len) != 0 || (path[len] && path[len] != '/'))
        return NULL;
    return path + len;
}

struct place {
    bool ours;
    int node, parent;
    const char *name;
};

static struct place place_of(const char *path) {
    const char *rest = inside(path);
    struct place p = { .ours = rest, .node = DISK_NONE, .parent = DISK_NONE, .name = "" };
    if (rest && fs.history)
        p.node = disk_find(fs.history, rest, &p.parent, &p.name);
    return p;
}

/* `done` is the real call's result. */
static int end(enum verdict v, int done) {
    if (v == LATE && done >= 0) {
        errno = fs.fault.errnum;
        done = -1;
    }
    pthread_mutex_unlock(&fs.lock);
    return done;
}

static int fail(void) {
    errno = fs.fault.errnum;
    pthread_mutex_unlock(&fs.lock);
    return -1;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static struct known *known_of(int fd) {
    return fs.on && fd >= 0 && fd < FDS && fs.fds[fd].ours ? &fs.fds[fd] : NULL;
}

static int open_any(const char *path, int flags, mode_t mode) {
    open_fn real = (open_fn)hidden("open64");
    struct stat info;
    pthread_mutex_lock(&fs.lock);
    struct place p = place_of(path);
    if (!p.ours) {
        pthread_mutex_unlock(&fs.lock);
        return real(path, flags, mode);
    }
    bool is_there = stat(path, &info) == 0;
    bool cuts = is_there && (flags & O_TRUNC) && info.st_size > 0;
    enum verdict v = cuts || (!is_there && (flags & O_CREAT)) ? judge() : GO;
    if (v == FAIL || v == HALF)
        return fail();
    int fd = real(path, flags, mode);
    if (fd >= FDS)
        abort();
    if (fd >= 0 && v != LATE)
        fs.fds[fd] = (struct known){ .ours = true, .each_safe = flags & O_DSYNC, .node = p.node };
    if (fd >= 0 && fs.history) {
        if (!is_there)
            fs.fds[fd].node = disk_add(fs.history, p.parent, p.name, false);
        else if (cuts)
            disk_cut(fs.history, p.node, 0);
    }
    if (fd >= 0 && v == LATE)
        ((fd_fn)hidden("close"))(fd);
    return end(v, fd);
}

#define MODE_OF(flags, mode)                                                                       \
    do {                                                                                           \
        if ((flags) & (O_CREAT | O_TMPFILE)) {                                                     \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            (mode) = va_arg(rest, mode_t);                                                         \
            va_end(rest);                                                                          \
        }                                                                                          \
    } while (0)

int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    MODE_OF(flags, mode);
    return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    MODE_OF(flags, mode);
    return open_any(path, flags, mode);
}

int close(int fd) {
    pthread_mutex_lock(&fs.lock);
    struct known *k = known_of(fd);
    if (k)
        k->ours = false;
    pthread_mutex_unlock(&fs.lock);
    return ((fd_fn)hidden("close"))(fd);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* At the descriptor's position where `at` is negative. */
static ssize_t write_any(int fd, const void *data, size_t len, off64_t at) {
    write_fn plain = (write_fn)hidden("write");
    pwrite_fn placed = (pwrite_fn)hidden("pwrite64");
    pthread_mutex_lock(&fs.lock);
    const struct known *k = known_of(fd);
    if (!k) {
        pthread_mutex_unlock(&fs.lock);
        return at < 0 ? plain(fd, data, len) : placed(fd, data, len, at);
    }
    enum verdict v = judge();
    len = v == HALF ? len / 2 : len;
    if (v == FAIL || (v == HALF && len == 0))
        return fail();
    off64_t from = at < 0 ? lseek64(fd, 0, SEEK_CUR) : at;
    ssize_t put = at < 0 ? plain(fd, data, len) : placed(fd, data, len, at);
    if (put > 0 && fs.history)
        disk_write(fs.history, k->node, (uint64_t)from, data, (size_t)put, k->each_safe);
    if (v == LATE)
        return end(v, 0);
    pthread_mutex_unlock(&fs.lock);
    return put;
}

static ssize_t writev_any(int fd, const struct iovec *v, int n, off64_t at) {
    size_t len = 0;
    for (int i = 0; i < n; i++)
        len += v[i].iov_len;
    uint8_t *all = malloc(len + 1), *p = all;
    if (!all)
        abort();
    for (int i = 0; i < n; i++) {
        memcpy(p, v[i].iov_base, v[i].iov_len);
        p += v[i].iov_len;
    }
    ssize_t put = write_any(fd, all, len, at);
    int cause = errno;
    free(all);
    errno = cause;
    return put;
}

ssize_t write(int fd, const void *data, size_t len) {
    return write_any(fd, data, len, -1);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    return write_any(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    return write_any(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *v, int n) {
    return writev_any(fd, v, n, -1);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    return writev_any(fd, v, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    return writev_any(fd, v, n, at);
}

static int truncate_any(int fd, off64_t len) {
    truncate_fn real = (truncate_fn)hidden("ftruncate64");
    struct stat info;
    pthread_mutex_lock(&fs.lock);
    const struct known *k = known_of(fd);
    if (!k || (fstat(fd, &info) == 0 && info.st_size == len)) { /* nothing to do: no fault */
        pthread_mutex_unlock(&fs.lock);
        return real(fd, len);
    }
    enum verdict v = judge();
    if (v == FAIL || v == HALF)
        return fail();
    int done = real(fd, len);
    if (done == 0 && fs.history)
        disk_cut(fs.history, k->node, (uint64_t)len);
    return end(v, done);
}

int ftruncate(int fd, off_t len) {
    return truncate_any(fd, len);
}

int ftruncate64(int fd, off64_t len) {
    return truncate_any(fd, len);
}

static int sync_any(int fd, const char *name) {
    pthread_mutex_lock(&fs.lock);
    const struct known *k = known_of(fd);
    if (!k) {
        pthread_mutex_unlock(&fs.lock);
        return ((fd_fn)hidden(name))(fd);
    }
    enum verdict v = judge();
    if (fs.history)
        disk_sync(fs.history, k->node, v == FAIL || v == HALF);
    if (v == FAIL || v == HALF)
        return fail();
    return end(v, 0);
}

int fsync(int fd) {
    return sync_any(fd, "fsync");
}

int fdatasync(int fd) {
    return sync_any(fd, "fdatasync");
}

/* A map that is written to would need another history: nothing here does. */
int msync(void *at, size_t len, int flags) {
    if (fs.on)
        abort();
    return ((msync_fn)hidden("msync"))(at, len, flags);
}

/* ---- names ---------------------------------------------------------------------------------- */

static bool path_is_there(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

int rename(const char *from, const char *to) {
    paths_fn real = (paths_fn)hidden("rename");
    pthread_mutex_lock(&fs.lock);
    struct place a = place_of(from), b = place_of(to);
    if (!a.ours || !b.ours) {
        pthread_mutex_unlock(&fs.lock);
        return real(from, to);
    }
    enum verdict v = judge();
    if (v == FAIL || v == HALF)
        return fail();
    int done = real(from, to);
    if (done == 0 && fs.history)
        disk_rename(fs.history, a.parent, a.name, b.parent, b.name);
    return end(v, done);
}

int link(const char *from, const char *to) {
    paths_fn real = (paths_fn)hidden("link");
    pthread_mutex_lock(&fs.lock);
    struct place a = place_of(from), b = place_of(to);
    if (!a.ours || !b.ours || path_is_there(to)) {
        pthread_mutex_unlock(&fs.lock);
        return real(from, to);
    }
    enum verdict v = judge();
    if (v == FAIL || v == HALF)
        return fail();
    int done = real(from, to);
    if (done == 0 && fs.history)
        disk_link(fs.history, b.parent, b.name, a.node);
    return end(v, done);
}

/* unlink or rmdir. */
static int remove_any(const char *path, const char *call) {
    path_fn real = (path_fn)hidden(call);
    pthread_mutex_lock(&fs.lock);
    struct place p = place_of(path);
    if (!p.ours || !path_is_there(path)) {
        pthread_mutex_unlock(&fs.lock);
        return real(path);
    }
    enum verdict v = judge();
    if (v == FAIL || v == HALF)
        return fail();
    int done = real(path);
    if (done == 0 && fs.history)
        disk_unlink(fs.history, p.parent, p.name);
    return end(v, done);
}

int unlink(const char *path) {
    return remove_any(path, "unlink");
}

int rmdir(const char *path) {
    return remove_any(path, "rmdir");
}

int mkdir(const char *path, mode_t mode) {
    mkdir_fn real = (mkdir_fn)hidden("mkdir");
    pthread_mutex_lock(&fs.lock);
    struct place p = place_of(path);
    if (!p.ours || path_is_there(path)) {
        pthread_mutex_unlock(&fs.lock);
        return real(path, mode);
    }
    enum verdict v = judge();
    if (v == FAIL || v == HALF)
        return fail();
    int done = real(path, mode);
    if (done == 0 && fs.history)
        (void)disk_add(fs.history, p.parent, p.name, true);
    return end(v, done);
}
