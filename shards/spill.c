/* spill.c: an external merge sort of fixed-size records. */
#include "spill.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RUNS_MOST = 64, /* merged at once; when there are so many they become one */
    SORT_FEW = 24,  /* records that are sorted by insertion */
    CURSOR_BYTES = 1 << 18,
    MERGE_CHECK = 1 << 14, /* records between two looks at the interrupt */
};

struct run {
    uint64_t offset, count; /* bytes; records */
};

struct spill {
    char folder[WIT_PATH_MAX];
    size_t record_bytes, memory_bytes;
    const volatile int *interrupt;
    int fd; /* -1: nothing was written */
    uint64_t file_bytes, count;
    struct run runs[RUNS_MOST];
    unsigned run_count;
    uint8_t *buf;
    size_t held, cap; /* records in buf; room */
    bool settled;
};

int spill_create(const char *folder, size_t record_bytes, size_t memory_bytes,
                 const volatile int *interrupt, struct spill **out, struct wit_error *err) {
    assert(record_bytes > 0 && record_bytes <= SPILL_RECORD_MOST_BYTES);
    struct spill *s = calloc(1, sizeof *s);
    if (!s)
        return wit_error_set(err, WIT_ENOMEM, "no memory to sort");
    s->record_bytes = record_bytes;
    s->memory_bytes = memory_bytes < SPILL_LEAST_BYTES ? SPILL_LEAST_BYTES : memory_bytes;
    s->interrupt = interrupt;
    s->fd = -1;
    if (snprintf(s->folder, sizeof s->folder, "%s", folder) >= WIT_PATH_MAX) {
        spill_destroy(s);
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", folder);
    }
    *out = s;
    return 0;
}

void spill_destroy(struct spill *s) {
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->buf);
    free(s);
}

uint64_t spill_count(const struct spill *s) {
    return s->count;
}

uint64_t spill_file_bytes(const struct spill *s) {
    return s->file_bytes;
}

/* ---- sorting in memory ----------------------------------------------------------------------- */

static void insertion_sort(uint8_t *a, size_t n, size_t size, size_t from) {
    uint8_t hand[SPILL_RECORD_MOST_BYTES];
    for (size_t i = 1; i < n; i++) {
        size_t k = i;
        memcpy(hand, a + i * size, size);
        while (k > 0 && memcmp(a + (k - 1) * size + from, hand + from, size - from) > 0)
            k--;
        memmove(a + (k + 1) * size, a + k * size, (i - k) * size);
        memcpy(a + k * size, hand, size);
    }
}

/* In place, by one byte after the other from the first (McIlroy, Bostic, McIlroy 1993, "American
 * flag sort"): keys here are hashes, which spread evenly. Depth is at most the record's length. */
static void radix_sort(uint8_t *a, size_t n, size_t size, size_t from) {
    size_t next[256], end[256], sum;
    uint8_t hand[SPILL_RECORD_MOST_BYTES], other[SPILL_RECORD_MOST_BYTES];
    do {
        if (n <= SORT_FEW || from == size) {
            insertion_sort(a, n, size, from);
            return;
        }
        memset(end, 0, sizeof end);
        for (size_t i = 0; i < n; i++)
            end[a[i * size + from]]++;
    } while (end[a[from]] == n && from++ < size);
    sum = 0;
    for (unsigned b = 0; b < 256; b++) {
        next[b] = sum;
        end[b] = sum += end[b];
    }
    for (unsigned b = 0; b < 256; b++)
        while (next[b] < end[b]) {
            memcpy(hand, a + next[b] * size, size);
            for (uint8_t home = hand[from]; home != b; home = hand[from]) {
                uint8_t *place = a + next[home]++ * size;
                memcpy(other, place, size);
                memcpy(place, hand, size);
                memcpy(hand, other, size);
            }
            memcpy(a + next[b]++ * size, hand, size);
        }
    for (unsigned b = 0; b < 256; b++) {
        size_t begin = b ? end[b - 1] : 0;
        if (end[b] - begin > 1)
            radix_sort(a + begin * size, end[b] - begin, size, from + 1);
    }
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* A file that has no name, or loses it at once where the file system has no such files: then a kill
 * between the two calls leaves an empty one, which the next seal removes (publish.c). */
static int file_open(struct spill *s, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    if (s->fd >= 0)
        return 0;
    s->fd = open(s->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        if (snprintf(path, sizeof path, "%s/spill-%p.lmdb.tmp", s->folder, (void *)s) >=
            WIT_PATH_MAX)
            return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", s->folder);
        s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (s->fd >= 0 && unlink(path) < 0)
            return wit_error_errno(err, errno, "cannot remove %s", path);
    }
    if (s->fd < 0)
        return wit_error_errno(err, errno, "cannot make a temporary file in %s", s->folder);
    return 0;
}

static int append(struct spill *s, const uint8_t *data, size_t bytes, struct wit_error *err) {
    int st = file_open(s, err);
    if (st >= 0)
        st = wit_fd_write_all(s->fd, data, bytes, s->folder, err);
    if (st >= 0)
        s->file_bytes += bytes;
    return st < 0 ? st : 0;
}

/* One run being read by a merge. */
struct head {
    uint8_t *buf;
    size_t at, held;       /* records */
    uint64_t offset, left; /* of what is not in buf */
};

static int head_fill(const struct spill *s, struct head *h, size_t room, struct wit_error *err) {
    size_t n = h->left < room ? (size_t)h->left : room;
    int st = wit_fd_read_at(s->fd, h->buf, n * s->record_bytes, h->offset, s->folder, err);
    if (st < 0)
        return st;
    h->at = 0;
    h->held = n;
    h->offset += n * s->record_bytes;
    h->left -= n;
    return 0;
}

static bool before(const struct spill *s, const struct head *a, const struct head *b) {
    return memcmp(a->buf + a->at * s->record_bytes, b->buf + b->at * s->record_bytes,
                  s->record_bytes) < 0;
}

/* heap[0] may be out of its place: the smallest comes to the top. */
static void heap_sift(const struct spill *s, struct head *heap, unsigned count) {
    for (unsigned i = 0, child; (child = 2 * i + 1) < count; i = child) {
        child += child + 1 < count && before(s, &heap[child + 1], &heap[child]);
        if (!before(s, &heap[child], &heap[i]))
            return;
        struct head swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
    }
}

static void heap_make(const struct spill *s, struct head *heap, unsigned count) {
    for (unsigned n = 2; n <= count; n++) /* few: by insertion from the end */
        for (unsigned i = n - 1; i > 0 && before(s, &heap[i], &heap[(i - 1) / 2]);
             i = (i - 1) / 2) {
            struct head swap = heap[i];
            heap[i] = heap[(i - 1) / 2];
            heap[(i - 1) / 2] = swap;
        }
}

static int merge_loop(struct spill *s, struct head *heap, unsigned count, size_t room, uint8_t *out,
                      struct wit_error *err) {
    const size_t size = s->record_bytes;
    size_t held = 0;
    uint64_t steps = 0;
    int st = 0;
    while (count && st >= 0) {
        memcpy(out + held++ * size, heap[0].buf + heap[0].at++ * size, size);
        if (held == room) {
            st = append(s, out, held * size, err);
            held = 0;
        }
        if (st >= 0 && heap[0].at == heap[0].held) {
            if (heap[0].left)
                st = head_fill(s, &heap[0], room, err);
            else
                heap[0] = heap[--count];
        }
        if (st >= 0)
            heap_sift(s, heap, count);
        if (++steps % MERGE_CHECK == 0 && s->interrupt && *s->interrupt)
            st = wit_error_set(err, WIT_ECANCELED, "interrupted while sorting");
    }
    return st >= 0 && held ? append(s, out, held * size, err) : st;
}

/* All runs become one, behind them in the file. The sort's own buffer is divided among them. */
static int merge(struct spill *s, struct wit_error *err) {
    struct head heap[RUNS_MOST];
    const struct run merged = { .offset = s->file_bytes };
    size_t room = s->memory_bytes / s->record_bytes / (s->run_count + 1);
    uint64_t total = 0;
    int st = 0;
    assert(room > 0 && s->held == 0 && room * (s->run_count + 1) <= s->cap);
    for (unsigned i = 0; i < s->run_count && st >= 0; i++) {
        heap[i] = (struct head){ .buf = s->buf + (size_t)i * room * s->record_bytes,
                                 .offset = s->runs[i].offset,
                                 .left = s->runs[i].count };
        total += s->runs[i].count;
        st = head_fill(s, &heap[i], room, err);
    }
    if (st < 0)
        return st;
    heap_make(s, heap, s->run_count);
    st = merge_loop(s, heap, s->run_count, room,
                    s->buf + (size_t)s->run_count * room * s->record_bytes, err);
    if (st < 0)
        return st;
    /* What was merged is given back to the disk, where that can be done. */
    (void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)merged.offset);
    s->runs[0] = (struct run){ merged.offset, total };
    s->run_count = 1;
    return 0;
}

static int run_write(struct spill *s, struct wit_error *err) {
    struct run run = { s->file_bytes, s->held };
    radix_sort(s->buf, s->held, s->record_bytes, 0);
    int st = append(s, s->buf, s->held * s->record_bytes, err);
    if (st < 0)
        return st;
    s->held = 0;
    s->runs[s->run_count++] = run;
    return s->run_count == RUNS_MOST ? merge(s, err) : 0;
}

static int room_make(struct spill *s, struct wit_error *err) {
    size_t most = s->memory_bytes / s->record_bytes;
    if (s->cap == most)
        return run_write(s, err);
    size_t cap = s->cap ? 2 * s->cap : 256;
    cap = cap > most ? most : cap;
    uint8_t *buf = wit_realloc_array(s->buf, cap, s->record_bytes);
    if (!buf)
        return wit_error_set(err, WIT_ENOMEM, "no memory to sort %zu records", cap);
    s->buf = buf;
    s->cap = cap;
    return 0;
}

int spill_add(struct spill *s, const void *record, struct wit_error *err) {
    assert(!s->settled);
    int st = s->held == s->cap ? room_make(s, err) : 0;
    if (st < 0)
        return st;
    memcpy(s->buf + s->held++ * s->record_bytes, record, s->record_bytes);
    s->count++;
    return 0;
}

int spill_settle(struct spill *s, struct wit_error *err) {
    int st = 0;
    s->settled = true;
    if (s->run_count == 0) {
        if (s->held)
            radix_sort(s->buf, s->held, s->record_bytes, 0);
        return 0;
    }
    if (s->held)
        st = run_write(s, err);
    if (st >= 0 && s->run_count > 1)
        st = merge(s, err);
    free(s->buf);
    s->buf = NULL;
    s->cap = 0;
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

int spill_read(const struct spill *s, uint64_t from, uint64_t count, void *out,
               struct wit_error *err) {
    assert(s->settled && from <= s->count && count <= s->count - from);
    size_t bytes = (size_t)count * s->record_bytes;
    if (s->run_count)
        return wit_fd_read_at(s->fd, out, bytes, s->runs[0].offset + from * s->record_bytes,
                              s->folder, err);
    if (count)
        memcpy(out, s->buf + (size_t)from * s->record_bytes, bytes);
    return 0;
}

int spill_cursor_begin(struct spill_cursor *c, const struct spill *s, uint64_t from, uint64_t to,
                       struct wit_error *err) {
    *c = (struct spill_cursor){ .spill = s, .next = from, .end = to, .buf = malloc(CURSOR_BYTES) };
    return c->buf ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory to read what was sorted");
}

int spill_cursor_next(struct spill_cursor *c, const uint8_t **record, struct wit_error *err) {
    const size_t size = c->spill->record_bytes;
    if (c->at == c->held) {
        uint64_t n = c->end - c->next;
        n = n > CURSOR_BYTES / size ? CURSOR_BYTES / size : n;
        if (n == 0)
            return 0;
        int st = spill_read(c->spill, c->next, n, c->buf, err);
        if (st < 0)
            return st;
        c->next += n;
        c->at = 0;
        c->held = (size_t)n;
    }
    *record = c->buf + c->at++ * size;
    return 1;
}

void spill_cursor_finish(struct spill_cursor *c) {
    free(c->buf);
    c->buf = NULL;
}
