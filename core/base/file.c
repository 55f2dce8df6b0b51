/* file.c: whole files, atomic replacement, directories. */
#include "wit_base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

int wit_file_read(const char *path, struct wit_buf *buf, struct wit_error *err) {
    size_t old_len = buf->len;
    int st = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    struct stat info;
    if (fstat(fd, &info) < 0) {
        st = wit_error_errno(err, errno, "cannot stat %s", path);
        goto out;
    }
    if (S_ISDIR(info.st_mode)) {
        st = wit_error_set(err, WIT_EIO, "cannot read %s: it is a directory", path);
        goto out;
    }
    for (;;) {
        /* A file may grow or be a pipe: its size is a hint, the end of input decides. */
        size_t room = buf->max - buf->len < READ_BYTES ? buf->max - buf->len : READ_BYTES;
        char probe;
        ssize_t got;
        if (room == 0) {
            got = read(fd, &probe, 1);
            if (got > 0) {
                st = wit_error_set(err, WIT_ELIMIT, "%s is larger than %zu bytes", path, buf->max);
                goto out;
            }
        } else {
            st = wit_buf_reserve(buf, room);
            if (st < 0) {
                wit_error_set(err, st, "no memory to read %s", path);
                goto out;
            }
            got = read(fd, buf->data + buf->len, room);
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            st = wit_error_errno(err, errno, "cannot read %s", path);
            goto out;
        }
        if (got == 0)
            break;
        buf->len += (size_t)got;
    }
out:
    close(fd);
    if (st < 0)
        buf->len = old_len;
    return st;
}

int wit_fd_write_all(int fd, const void *data, size_t len, const char *name,
                     struct wit_error *err) {
    const char *p = data;
    while (len) {
        ssize_t put = write(fd, p, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return wit_error_errno(err, errno, "cannot write %s", name);
        p += put;
        len -= (size_t)put;
    }
    return 0;
}

int wit_fd_read_at(int fd, void *data, size_t len, uint64_t offset, const char *name,
                   struct wit_error *err) {
    char *p = data;
    while (len) {
        ssize_t got = pread(fd, p, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return wit_error_errno(err, errno, "cannot read %s", name);
        if (got == 0)
            return wit_error_set(err, WIT_ECORRUPT, "%s ends at byte %llu, %zu bytes too early",
                                 name, (unsigned long long)offset, len);
        p += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

int wit_fd_sync(int fd, const char *name, struct wit_error *err) {
    if (fdatasync(fd) < 0)
        return wit_error_errno(err, errno, "cannot sync %s", name);
    return 0;
}

int wit_dir_sync(const char *path, struct wit_error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open directory %s", path);
    int st = 0;
    if (fsync(fd) < 0)
        st = wit_error_errno(err, errno, "cannot sync directory %s", path);
    close(fd);
    return st;
}

/* `path` names a regular file or nothing: the new file takes the name when it is whole. */
static int file_replace(const char *path, struct wit_str data, struct wit_error *err) {
    char temporary[WIT_PATH_MAX], parent[WIT_PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (len < 0 || (size_t)len >= sizeof temporary)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", path);
    memcpy(parent, temporary, (size_t)len + 1);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot create %s", temporary);
    int st = wit_fd_write_all(fd, data.data, data.len, temporary, err);
    if (st >= 0)
        st = wit_fd_sync(fd, temporary, err);
    if (close(fd) < 0 && st >= 0)
        st = wit_error_errno(err, errno, "cannot close %s", temporary);
    if (st >= 0 && rename(temporary, path) < 0)
        st = wit_error_errno(err, errno, "cannot rename %s to %s", temporary, path);
    if (st < 0) {
        unlink(temporary);
        return st;
    }
    return wit_dir_sync(dirname(parent), err);
}

/* A device or a pipe: what stands there stays, its reader gets the bytes. */
static int file_write_through(const char *path, struct wit_str data, struct wit_error *err) {
    int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    int st = wit_fd_write_all(fd, data.data, data.len, path, err);
    if (close(fd) < 0 && st >= 0)
        st = wit_error_errno(err, errno, "cannot close %s", path);
    return st;
}

int wit_file_write_atomic(const char *path, struct wit_str data, struct wit_error *err) {
    struct stat info;
    if (stat(path, &info) < 0) {
        if (errno != ENOENT)
            return wit_error_errno(err, errno, "cannot stat %s", path);
        return file_replace(path, data, err);
    }
    if (S_ISDIR(info.st_mode))
        return wit_error_set(err, WIT_EIO, "cannot write %s: it is a directory", path);
    if (!S_ISREG(info.st_mode)) /* a rename would put a file in the place of /dev/stdout */
        return file_write_through(path, data, err);
    /* A rename replaces a link, not what it leads to: write beside its target. */
    char *target = realpath(path, NULL);
    if (!target)
        return wit_error_errno(err, errno, "cannot resolve %s", path);
    int st = file_replace(target, data, err);
    free(target);
    return st;
}

int wit_write_errno(int cause, const char *path) {
    static const char zeros[64 * 1024];
    char folder[WIT_PATH_MAX];
    if (cause != EIO || snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
        return cause;
    /* Without a name, so that nothing is left of it, whatever happens now. */
    int fd = open(dirname(folder), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? errno : cause;
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_fd_write_all(fd, zeros, sizeof zeros, path, &err) < 0 && err.status == WIT_ENOSPC)
        cause = ENOSPC;
    close(fd);
    return cause;
}

int wit_file_size(const char *path, uint64_t *bytes, struct wit_error *err) {
    struct stat info;
    if (stat(path, &info) < 0)
        return wit_error_errno(err, errno, "cannot stat %s", path);
    *bytes = (uint64_t)info.st_size;
    return 0;
}

bool wit_file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* The name of `path` in its folder. A folder that may be passed through but not read (a home's
 * parent) can't be synced by this user and is left. */
static int name_sync(const char *path, struct wit_error *err) {
    char parent[WIT_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    const char *folder = dirname(parent);
    return access(folder, R_OK) < 0 && errno == EACCES ? 0 : wit_dir_sync(folder, err);
}

int wit_dir_make_synced(const char *path, struct wit_error *err) {
    char part[WIT_PATH_MAX];
    size_t len = strlen(path), made = len;
    /* The first component that is not there: its name and those behind it are new. */
    for (size_t i = 1; i <= len && len < sizeof part && made == len; i++) {
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if ((path[i] == '/' || path[i] == '\0') && !wit_file_exists(part))
            made = i;
    }
    int st = wit_dir_make(path, err);
    for (size_t i = made; i <= len && st >= 0; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        st = name_sync(part, err);
    }
    return st;
}

int wit_dir_make(const char *path, struct wit_error *err) {
    char part[WIT_PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return wit_error_set(err, WIT_EINVAL, "not a usable directory name: '%s'", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            return wit_error_errno(err, errno, "cannot make directory %s", part);
        part[i] = kept;
    }
    struct stat info;
    if (stat(path, &info) < 0)
        return wit_error_errno(err, errno, "cannot stat %s", path);
    if (!S_ISDIR(info.st_mode))
        return wit_error_set(err, WIT_EEXIST, "%s exists and is not a directory", path);
    return 0;
}

static int name_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int wit_dir_list(const char *path, struct wit_strings *out, struct wit_error *err) {
    struct wit_strings names = { NULL, 0 };
    size_t cap = 0;
    int st = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return wit_error_errno(err, errno, "cannot open directory %s", path);
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (names.count == cap) {
            size_t more = cap ? cap * 2 : 32;
            char **items = wit_realloc_array(names.items, more, sizeof *items);
            if (!items) {
                st = wit_error_set(err, WIT_ENOMEM, "no memory to list %s", path);
                goto out;
            }
            names.items = items;
            cap = more;
        }
        names.items[names.count] = strdup(entry->d_name);
        if (!names.items[names.count]) {
            st = wit_error_set(err, WIT_ENOMEM, "no memory to list %s", path);
            goto out;
        }
        names.count++;
        errno = 0;
    }
    if (errno)
        st = wit_error_errno(err, errno, "cannot list %s", path);
out:
    closedir(dir);
    if (st < 0) {
        wit_strings_finish(&names);
        return st;
    }
    if (names.count)
        qsort(names.items, names.count, sizeof *names.items, name_order);
    *out = names;
    return 0;
}

void wit_strings_finish(struct wit_strings *s) {
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i]);
    free(s->items);
    *s = (struct wit_strings){ NULL, 0 };
}

int wit_dir_remove(const char *path, struct wit_error *err) {
    struct stat info;
    if (lstat(path, &info) < 0)
        return errno == ENOENT ? 0 : wit_error_errno(err, errno, "cannot stat %s", path);
    if (!S_ISDIR(info.st_mode)) {
        if (unlink(path) < 0)
            return wit_error_errno(err, errno, "cannot remove %s", path);
        return 0;
    }
    struct wit_strings names;
    int st = wit_dir_list(path, &names, err);
    if (st < 0)
        return st;
    for (size_t i = 0; i < names.count && st >= 0; i++) {
        char child[WIT_PATH_MAX];
        st = wit_path_join(child, path, names.items[i]);
        if (st < 0)
            wit_error_set(err, st, "path is too long under %s", path);
        else
            st = wit_dir_remove(child, err);
    }
    wit_strings_finish(&names);
    if (st >= 0 && rmdir(path) < 0)
        st = wit_error_errno(err, errno, "cannot remove directory %s", path);
    return st;
}

int wit_path_join(char out[WIT_PATH_MAX], const char *a, const char *b) {
    size_t len = strlen(a);
    const char *slash = len && a[len - 1] == '/' ? "" : "/";
    int put = snprintf(out, WIT_PATH_MAX, "%s%s%s", a, slash, b);
    return put < 0 || put >= WIT_PATH_MAX ? WIT_ELIMIT : 0;
}
