/* list_source.c: plain and gzipped files as one stream of bytes. The only part that knows zlib. */
#include "list_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PACKED_BYTES = 64 * 1024, WINDOW_BITS_GZIP = 15 + 16 };

struct list_gunzip {
    z_stream z;
    bool file_ended, between; /* between: no member is begun */
    int failed;               /* told once what came before it has been given */
    size_t members;
    uint8_t packed[PACKED_BYTES];
};

static const uint8_t gzip_magic[2] = { 0x1F, 0x8B };

/* Bytes of the file, or 0 at its end. */
static int file_read(const struct list_source *s, void *out, size_t most, size_t *got,
                     struct wit_error *err) {
    ssize_t n;
    do
        n = read(s->fd, out, most);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return wit_error_errno(err, errno, "cannot read %s", s->path);
    *got = (size_t)n;
    return 0;
}

/* ---- gzip ----------------------------------------------------------------------------------- */

static void *z_alloc(void *opaque, unsigned items, unsigned size) {
    return wit_alloc_array(items, size);
}

static void z_free(void *opaque, void *p) {
    free(p);
}

static int gunzip_begin(struct list_source *s, struct wit_error *err) {
    struct list_gunzip *g = calloc(1, sizeof *g);
    if (!g)
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", s->path);
    g->z.zalloc = z_alloc;
    g->z.zfree = z_free;
    g->between = true;
    if (inflateInit2(&g->z, WINDOW_BITS_GZIP) != Z_OK) {
        free(g);
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", s->path);
    }
    s->gunzip = g;
    return 0;
}

static void gunzip_end(struct list_source *s) {
    if (s->gunzip)
        inflateEnd(&s->gunzip->z);
    free(s->gunzip);
    s->gunzip = NULL;
}

static int packed_more(struct list_source *s, struct wit_error *err) {
    struct list_gunzip *g = s->gunzip;
    size_t got = 0;
    int st = file_read(s, g->packed, sizeof g->packed, &got, err);
    g->z.next_in = g->packed;
    g->z.avail_in = (unsigned)got;
    g->file_ended = st >= 0 && got == 0;
    return st;
}

/* Zeros behind a member are padding (tapes, and what gzip itself accepts). */
static void padding_skip(struct list_gunzip *g) {
    while (g->members && g->z.avail_in && *g->z.next_in == 0) {
        g->z.next_in++;
        g->z.avail_in--;
    }
}

/* Come to the next member: 1, or 0 when there is none. */
static int member_begin(struct list_source *s, struct wit_error *err) {
    struct list_gunzip *g = s->gunzip;
    int st = 0;
    padding_skip(g);
    while (st >= 0 && g->z.avail_in == 0 && !g->file_ended) {
        st = packed_more(s, err);
        padding_skip(g);
    }
    g->between = g->z.avail_in == 0;
    return st < 0 ? st : !g->between;
}

static int gunzip_fail(const struct list_source *s, struct wit_error *err) {
    const struct list_gunzip *g = s->gunzip;
    if (g->failed == Z_MEM_ERROR)
        return wit_error_set(err, WIT_ENOMEM, "no memory to decompress %s", s->path);
    if (g->failed == Z_STREAM_ERROR)
        return wit_error_set(err, WIT_ECORRUPT, "%s ends within a gzip member", s->path);
    return wit_error_set(err, WIT_ECORRUPT, "%s is no whole gzip file: %s", s->path,
                         g->z.msg ? g->z.msg : "it needs a dictionary");
}

/* Decompress into out; *got is 0 only at the end. zlib may hold output back when it has taken all
 * input, so more is read only when it gives nothing; and a failure waits until what came before it
 * has been given, so that the size of `out` is no matter. */
static int gunzip_read(struct list_source *s, void *out, size_t most, size_t *got,
                       struct wit_error *err) {
    struct list_gunzip *g = s->gunzip;
    g->z.next_out = out;
    g->z.avail_out = (unsigned)most;
    while (g->z.avail_out == most) {
        int st = g->failed ? gunzip_fail(s, err) : g->between ? member_begin(s, err) : 1;
        if (st < 0)
            return st;
        if (st == 0)
            break;
        int rc = inflate(&g->z, Z_NO_FLUSH);
        if (rc == Z_STREAM_END) {
            g->members++;
            g->between = true;
            rc = inflateReset(&g->z);
        } else if (g->z.avail_out == most && g->z.avail_in == 0 && g->file_ended) {
            rc = Z_STREAM_ERROR; /* more is wanted, and there is none */
        } else if (g->z.avail_out == most && g->z.avail_in == 0) {
            st = packed_more(s, err);
        }
        if (st < 0)
            return st;
        g->failed = rc == Z_BUF_ERROR ? 0 : rc;
    }
    *got = most - g->z.avail_out;
    return 0;
}

/* ---- the stream ----------------------------------------------------------------------------- */

int list_source_open(struct list_source *s, const char *path, size_t chunk_bytes, size_t window_max,
                     struct wit_error *err) {
    uint8_t head[sizeof gzip_magic];
    struct stat info;
    s->path = path;
    s->chunk_bytes = chunk_bytes;
    s->window.max = window_max;
    wit_buf_reset(&s->window);
    s->from = 0;
    s->offset = 0;
    s->ended = false;
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    int st = 0;
    if (fstat(s->fd, &info) < 0)
        st = wit_error_errno(err, errno, "cannot open %s", path);
    else if (!S_ISREG(info.st_mode)) /* it must be possible to read it again from a position */
        st = wit_error_set(err, WIT_EIO, "%s is not a regular file", path);
    else if (pread(s->fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
             memcmp(head, gzip_magic, sizeof head) == 0)
        st = gunzip_begin(s, err);
    if (st < 0)
        list_source_close(s);
    return st;
}

void list_source_close(struct list_source *s) {
    gunzip_end(s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void list_source_finish(struct list_source *s) {
    list_source_close(s);
    wit_buf_finish(&s->window);
}

struct wit_str list_source_window(const struct list_source *s) {
    return wit_str_slice(wit_buf_view(&s->window), s->from, s->window.len);
}

int list_source_more(struct list_source *s, struct wit_error *err) {
    size_t got = 0;
    if (s->ended)
        return 0;
    if (s->from) {
        memmove(s->window.data, s->window.data + s->from, s->window.len - s->from);
        s->window.len -= s->from;
        s->from = 0;
    }
    int st = wit_buf_reserve(&s->window, s->chunk_bytes);
    if (st < 0)
        return wit_error_set(err, st, "no room for more of %s", s->path);
    char *end = s->window.data + s->window.len;
    st = s->gunzip ? gunzip_read(s, end, s->chunk_bytes, &got, err)
                   : file_read(s, end, s->chunk_bytes, &got, err);
    if (st < 0)
        return st;
    s->window.len += got;
    s->ended = got == 0;
    return got > 0;
}

void list_source_skip(struct list_source *s, size_t n) {
    s->from += n;
    s->offset += n;
}

int list_source_seek(struct list_source *s, uint64_t offset, struct wit_error *err) {
    uint64_t known = s->offset + list_source_window(s).len;
    if (!s->gunzip && offset > known) {
        struct stat info;
        if (fstat(s->fd, &info) < 0 || lseek(s->fd, (off_t)offset, SEEK_SET) < 0)
            return wit_error_errno(err, errno, "cannot seek in %s", s->path);
        wit_buf_reset(&s->window);
        s->from = 0;
        s->offset = offset;
        return (uint64_t)info.st_size >= offset;
    }
    int st = 1;
    while (st > 0 && s->offset < offset) {
        size_t have = list_source_window(s).len;
        uint64_t want = offset - s->offset;
        list_source_skip(s, want < have ? (size_t)want : have);
        if (s->offset < offset)
            st = list_source_more(s, err);
    }
    return st;
}
