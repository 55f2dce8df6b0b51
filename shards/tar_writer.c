/* tar_writer.c: ustar headers, zeros up to the next block, and a buffer in front of the file. */
#include "tar_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20 };
#define MEMBER_MOST_BYTES ((uint64_t)1 << 33) /* eleven octal digits */

struct tar_writer {
    int fd;
    char *path;
    struct wit_hasher *hasher;
    uint64_t bytes; /* of the file so far, the buffered ones too */
    size_t held;
    char buffer[BUFFER_BYTES];
};

int tar_writer_open(const char *path, struct tar_writer **out, struct wit_error *err) {
    struct tar_writer *w = malloc(sizeof *w);
    if (!w)
        return wit_error_set(err, WIT_ENOMEM, "no memory to write %s", path);
    w->bytes = w->held = 0;
    w->path = strdup(path);
    w->hasher = wit_hasher_create();
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int st = w->fd < 0 ? wit_error_errno(err, errno, "cannot create %s", path) : 0;
    if (st >= 0 && (!w->path || !w->hasher))
        st = wit_error_set(err, WIT_ENOMEM, "no memory to write %s", path);
    if (st < 0)
        tar_writer_close(w);
    else
        *out = w;
    return st;
}

static int flush(struct tar_writer *w, struct wit_error *err) {
    int st = wit_fd_write_all(w->fd, w->buffer, w->held, w->path, err);
    w->held = 0;
    return st;
}

static int put(struct tar_writer *w, const void *data, size_t len, struct wit_error *err) {
    int st = 0;
    if (len == 0)
        return 0;
    wit_hasher_update(w->hasher, data, len);
    w->bytes += len;
    if (len > sizeof w->buffer - w->held)
        st = flush(w, err);
    if (st >= 0 && len > sizeof w->buffer)
        return wit_fd_write_all(w->fd, data, len, w->path, err);
    if (st < 0)
        return st;
    memcpy(w->buffer + w->held, data, len);
    w->held += len;
    return 0;
}

/* Zeros up to a multiple of `unit`. */
static int pad(struct tar_writer *w, size_t unit, struct wit_error *err) {
    static const char zeros[TAR_RECORD_BYTES];
    size_t over = (size_t)(w->bytes % unit);
    return over ? put(w, zeros, unit - over, err) : 0;
}

static void header_make(struct tar_header *h, const char *name, uint64_t bytes) {
    memset(h, 0, sizeof *h);
    memcpy(h->name, name, strlen(name)); /* of 100 bytes: without a NUL */
    memcpy(h->mode, "0000644", 8);
    memcpy(h->uid, "0000000", 8);
    memcpy(h->gid, "0000000", 8);
    snprintf(h->size, sizeof h->size, "%011llo", (unsigned long long)bytes);
    memcpy(h->mtime, "00000000000", 12);
    h->type = '0';
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    memcpy(h->major, "0000000", 8);
    memcpy(h->minor, "0000000", 8);
    snprintf(h->checksum, sizeof h->checksum, "%06o", tar_header_sum(h));
    h->checksum[7] = ' '; /* digits, NUL, blank */
}

int tar_writer_add(struct tar_writer *w, const char *name, struct wit_str data,
                   struct wit_error *err) {
    struct tar_header h;
    size_t len = strlen(name);
    if (len == 0 || len > TAR_NAME_MOST || strchr(name, '/'))
        return wit_error_set(err, WIT_EINVAL, "'%s' can't be the name of a tar's member", name);
    if (data.len >= MEMBER_MOST_BYTES)
        return wit_error_set(err, WIT_ELIMIT, "%s has %zu bytes, too many for a tar's member", name,
                             data.len);
    header_make(&h, name, data.len);
    int st = put(w, &h, sizeof h, err);
    if (st >= 0)
        st = put(w, data.data, data.len, err);
    return st < 0 ? st : pad(w, TAR_BLOCK_BYTES, err);
}

int tar_writer_finish(struct tar_writer *w, uint64_t *bytes, struct wit_hash128 *hash,
                      struct wit_error *err) {
    static const char end[2 * TAR_BLOCK_BYTES]; /* two blocks of zeros */
    int st = put(w, end, sizeof end, err);
    if (st >= 0)
        st = pad(w, TAR_RECORD_BYTES, err); /* what tar itself writes at one time */
    if (st >= 0)
        st = flush(w, err);
    if (st >= 0)
        st = wit_fd_sync(w->fd, w->path, err);
    if (st < 0)
        return st;
    *bytes = w->bytes;
    *hash = wit_hasher_digest(w->hasher);
    return 0;
}

void tar_writer_close(struct tar_writer *w) {
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    wit_hasher_destroy(w->hasher);
    free(w->path);
    free(w);
}
