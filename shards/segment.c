/* segment.c: framed append-only logs. */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEGMENT_VERSION = 1,
    FLUSH_BYTES = 1 << 20,
    HEAD_AHEAD_BYTES = 1024,        /* nearly always a frame and its whole head */
    FRAMES_AHEAD_BYTES = 64 * 1024, /* of candidates, which lie close together, read in order */
    LOG_AHEAD_BYTES = 8 << 20,      /* asked of the disk while frames are read in order ... */
    SLOW_NS = 100 * 1000,           /* ... from a head that had to be waited for ... */
    HINTED_BYTES = 128 << 20        /* ... for so long */
};
static const char magic[8] = { 'W', 'I', 'T', 'S', 'E', 'G', '\0', '\n' };

/* Ceiling of a writer's buffer: what waits, and one frame's head. */
#define PENDING_MAX_BYTES (FLUSH_BYTES + SEGMENT_MAX_HEAD_BYTES + SEGMENT_FRAME_BYTES)

static void header_make(enum segment_kind kind, uint8_t out[SEGMENT_HEADER_BYTES]) {
    memcpy(out, magic, sizeof magic);
    wit_store_le32(out + 8, SEGMENT_VERSION);
    wit_store_le32(out + 12, (uint32_t)kind);
}

static int header_check(int fd, const char *path, enum segment_kind kind, struct wit_error *err) {
    uint8_t want[SEGMENT_HEADER_BYTES], got[SEGMENT_HEADER_BYTES];
    header_make(kind, want);
    int st = wit_fd_read_at(fd, got, sizeof got, 0, path, err);
    if (st < 0)
        return st;
    if (memcmp(want, got, sizeof want) != 0)
        return wit_error_set(err, WIT_ECORRUPT, "%s is not a segment log of this kind and version",
                             path);
    return 0;
}

static int path_keep(char out[WIT_PATH_MAX], const char *path, struct wit_error *err) {
    size_t len = strlen(path);
    if (len >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", path);
    memcpy(out, path, len + 1);
    return 0;
}

/* Open file of at least `committed` bytes with the right header, or a sentence. */
static int size_check(int fd, const char *path, uint64_t committed, struct wit_error *err) {
    struct stat info;
    if (fstat(fd, &info) < 0)
        return wit_error_errno(err, errno, "cannot stat %s", path);
    if ((uint64_t)info.st_size < committed)
        return wit_error_set(err, WIT_ECORRUPT, "%s has %lld bytes, but %llu were committed", path,
                             (long long)info.st_size, (unsigned long long)committed);
    return 0;
}

/* The frame's own first bytes and its place are part of the hash: neither a flipped length nor a
 * frame that was moved goes unseen. */
static uint64_t head_hash(const uint8_t frame[SEGMENT_FRAME_BYTES], uint64_t offset,
                          struct wit_str head) {
    return wit_hash64_of(head.data, head.len, wit_hash64_of(frame, 24, offset));
}

/* ---- appending ------------------------------------------------------------------------------ */

int segment_writer_open(struct segment_writer *w, const char *path, enum segment_kind kind,
                        uint64_t committed, struct wit_error *err) {
    *w = (struct segment_writer){ .fd = -1, .pending = WIT_BUF_INIT(PENDING_MAX_BYTES) };
    int st = path_keep(w->path, path, err);
    if (st < 0)
        return st;
    w->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (w->fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    if (committed) {
        st = size_check(w->fd, path, committed, err);
        if (st >= 0)
            st = header_check(w->fd, path, kind, err);
    }
    if (st >= 0 && ftruncate(w->fd, (off_t)committed) < 0)
        st = wit_error_errno(err, errno, "cannot cut %s", path);
    if (st >= 0 && lseek(w->fd, (off_t)committed, SEEK_SET) < 0)
        st = wit_error_errno(err, errno, "cannot seek in %s", path);
    w->length = w->synced = committed;
    if (st >= 0 && committed == 0) {
        uint8_t header[SEGMENT_HEADER_BYTES];
        header_make(kind, header);
        st = wit_buf_append(&w->pending, header, sizeof header);
        if (st < 0)
            wit_error_set(err, st, "no memory for %s", path);
        w->length = sizeof header;
    }
    if (st < 0)
        segment_writer_close(w);
    return st;
}

static int flush(struct segment_writer *w, struct wit_error *err) {
    int st = wit_fd_write_all(w->fd, w->pending.data, w->pending.len, w->path, err);
    if (st >= 0)
        wit_buf_reset(&w->pending);
    return st;
}

static size_t pieces_bytes(const struct wit_str *pieces, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        if (wit_size_add(bytes, pieces[i].len, &bytes) < 0)
            return SIZE_MAX;
    return bytes;
}

int segment_writer_append(struct segment_writer *w, uint32_t type, const struct wit_str *pieces,
                          size_t count, struct wit_str body, struct wit_error *err) {
    size_t head_bytes = pieces_bytes(pieces, count), start = w->pending.len;
    if (head_bytes > SEGMENT_MAX_HEAD_BYTES || body.len > SEGMENT_MAX_BODY_BYTES)
        return wit_error_set(err, WIT_ELIMIT, "%s takes frames of %zu + %zu bytes, not %zu + %zu",
                             w->path, SEGMENT_MAX_HEAD_BYTES, SEGMENT_MAX_BODY_BYTES, head_bytes,
                             body.len);
    int st = wit_buf_reserve(&w->pending, SEGMENT_FRAME_BYTES + head_bytes);
    if (st < 0)
        return wit_error_set(err, st, "cannot append to %s: %s", w->path, wit_status_meaning(st));
    uint8_t *frame = (uint8_t *)w->pending.data + start;
    w->pending.len += SEGMENT_FRAME_BYTES;
    for (size_t i = 0; i < count; i++) /* the room is there */
        (void)wit_buf_append_str(&w->pending, pieces[i]);
    wit_store_le32(frame, type);
    wit_store_le32(frame + 4, (uint32_t)head_bytes);
    wit_store_le64(frame + 8, body.len);
    wit_store_le64(frame + 16, wit_hash64_of(body.data, body.len, 0));
    wit_store_le64(frame + 24, head_hash(frame, w->length,
                                         wit_str_of(frame + SEGMENT_FRAME_BYTES, head_bytes)));
    w->length += SEGMENT_FRAME_BYTES + head_bytes + body.len;
    if (w->pending.len + body.len < FLUSH_BYTES) {
        st = wit_buf_append_str(&w->pending, body);
        return st < 0 ? wit_error_set(err, st, "no memory for %s", w->path) : 0;
    }
    st = flush(w, err);
    return st < 0 ? st : wit_fd_write_all(w->fd, body.data, body.len, w->path, err);
}

int segment_writer_sync(struct segment_writer *w, struct wit_error *err) {
    if (w->synced == w->length)
        return 0;
    int st = flush(w, err);
    if (st >= 0)
        st = wit_fd_sync(w->fd, w->path, err);
    if (st >= 0)
        w->synced = w->length;
    return st;
}

void segment_writer_close(struct segment_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    wit_buf_finish(&w->pending);
}

/* ---- reading -------------------------------------------------------------------------------- */

int segment_reader_open(struct segment_reader *r, const char *path, enum segment_kind kind,
                        uint64_t committed, struct wit_error *err) {
    *r = (struct segment_reader){
        .fd = -1,
        .offset = SEGMENT_HEADER_BYTES,
        .committed = committed,
        .kind = kind,
        .window = WIT_BUF_INIT(SEGMENT_MAX_HEAD_BYTES + FRAMES_AHEAD_BYTES),
    };
    int st = path_keep(r->path, path, err);
    if (st < 0 || committed == 0)
        return st;
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    if (committed < SEGMENT_HEADER_BYTES)
        st = wit_error_set(err, WIT_ECORRUPT, "%s: %llu committed bytes are no log", path,
                           (unsigned long long)committed);
    if (st >= 0)
        st = size_check(r->fd, path, committed, err);
    if (st >= 0)
        st = header_check(r->fd, path, kind, err);
    if (st < 0)
        segment_reader_close(r);
    return st;
}

static int fault(const struct segment_reader *r, uint64_t offset, const char *what,
                 struct wit_error *err) {
    return wit_error_set(err, WIT_ECORRUPT, "%s: the frame at byte %llu %s", r->path,
                         (unsigned long long)offset, what);
}

/* Bytes [offset, offset + need) of the log: in the window, else read with up to `ahead` in all. */
static int window_get(struct segment_reader *r, uint64_t offset, size_t need, size_t ahead,
                      const uint8_t **out, struct wit_error *err) {
    uint64_t left = r->committed - offset;
    size_t want = need > ahead ? need : ahead;
    if (offset < r->window_at || offset + need > r->window_at + r->window.len) {
        want = want > left ? (size_t)left : want;
        r->window.len = 0;
        int st = wit_buf_reserve(&r->window, want);
        if (st < 0)
            return wit_error_set(err, st, "%s: no memory for a frame of %zu bytes", r->path, need);
        st = wit_fd_read_at(r->fd, r->window.data, want, offset, r->path, err);
        if (st < 0)
            return st;
        r->window_at = offset;
        r->window.len = want;
    }
    *out = (const uint8_t *)r->window.data + (offset - r->window_at);
    return 0;
}

static int frame_read(struct segment_reader *r, uint64_t offset, size_t ahead,
                      struct segment_frame *out, struct wit_error *err) {
    const uint8_t *frame = NULL;
    if (offset > r->committed || r->committed - offset < SEGMENT_FRAME_BYTES)
        return fault(r, offset, "is cut short", err);
    uint64_t left = r->committed - offset - SEGMENT_FRAME_BYTES;
    int st = window_get(r, offset, SEGMENT_FRAME_BYTES, ahead, &frame, err);
    if (st < 0)
        return st;
    size_t head_bytes = wit_load_le32(frame + 4);
    uint64_t body_bytes = wit_load_le64(frame + 8);
    if (head_bytes > SEGMENT_MAX_HEAD_BYTES || body_bytes > SEGMENT_MAX_BODY_BYTES ||
        head_bytes > left || body_bytes > left - head_bytes)
        return fault(r, offset, "runs over the end", err);
    st = window_get(r, offset, SEGMENT_FRAME_BYTES + head_bytes, ahead, &frame, err);
    if (st < 0)
        return st;
    struct wit_str head = wit_str_of(frame + SEGMENT_FRAME_BYTES, head_bytes);
    if (head_hash(frame, offset, head) != wit_load_le64(frame + 24))
        return fault(r, offset, "does not match its hash", err);
    *out = (struct segment_frame){
        .type = wit_load_le32(frame),
        .offset = offset,
        .head = head,
        .body_offset = offset + SEGMENT_FRAME_BYTES + head_bytes,
        .body_bytes = body_bytes,
        .body_hash = wit_load_le64(frame + 16),
    };
    return 0;
}

int segment_reader_at(struct segment_reader *r, uint64_t offset, struct segment_frame *out,
                      struct wit_error *err) {
    return frame_read(r, offset, HEAD_AHEAD_BYTES, out, err);
}

void segment_reader_expect(const struct segment_reader *r, uint64_t body_offset,
                           uint64_t body_bytes) {
    (void)posix_fadvise(r->fd, (off_t)body_offset, (off_t)body_bytes, POSIX_FADV_WILLNEED);
}

/* Heads lie a body apart, which the kernel does not take for reading in order: each would be a wait
 * of its own where the log is not in memory. Where it is, asking would cost a look at each page. */
static void log_expect(struct segment_reader *r) {
    if (r->offset >= r->hint_until || r->offset + LOG_AHEAD_BYTES / 2 < r->hinted)
        return;
    uint64_t from = r->hinted > r->offset ? r->hinted : r->offset;
    (void)posix_fadvise(r->fd, (off_t)from, LOG_AHEAD_BYTES, POSIX_FADV_WILLNEED);
    r->hinted = from + LOG_AHEAD_BYTES;
}

int segment_reader_next(struct segment_reader *r, struct segment_frame *out,
                        struct wit_error *err) {
    if (r->committed == 0 || r->offset == r->committed)
        return 0;
    log_expect(r);
    uint64_t start = wit_clock_ns();
    int st =
        frame_read(r, r->offset,
                   r->kind == SEGMENT_CANDIDATES ? FRAMES_AHEAD_BYTES : HEAD_AHEAD_BYTES, out, err);
    if (st < 0)
        return st;
    if (wit_clock_ns() - start > SLOW_NS)
        r->hint_until = r->offset + HINTED_BYTES;
    r->offset = out->body_offset + out->body_bytes;
    return 1;
}

int segment_reader_body(struct segment_reader *r, const struct segment_frame *frame, void *out,
                        struct wit_error *err) {
    int st =
        wit_fd_read_at(r->fd, out, (size_t)frame->body_bytes, frame->body_offset, r->path, err);
    if (st < 0)
        return st;
    if (wit_hash64_of(out, (size_t)frame->body_bytes, 0) != frame->body_hash)
        return fault(r, frame->offset, "has a body that does not match its hash", err);
    return 0;
}

void segment_reader_close(struct segment_reader *r) {
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    wit_buf_finish(&r->window);
}
