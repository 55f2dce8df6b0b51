/*
 * shard_writer.c: writes the file of a sealed shard, an LMDB 0.9 data file, front to back.
 *
 * LMDB itself is not asked: it copies each value into pages of its own, which it sorts, writes and
 * frees at each commit. Here keys come sorted and all sizes are known, so the pages can be laid
 * down in order through one buffer, and a body is read straight into its place in that buffer. The
 * structures are those at the top of walker.c; test_shard_writer reads them with LMDB.
 *
 * Order of pages: two meta pages, the leaves of `samples`, each before the values that it points
 * to, its branch pages, the same of `origin`, the main database. Nothing is synced on the way: a
 * file counts only after its one fsync and rename.
 */
#include "shard_writer.h"
#include "manifest.h"
#include "walker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    PAGE_HEADER_BYTES = WALKER_PAGE_HEADER_BYTES,
    META_PAGES = 2,
    NODE_BYTES = 8,
    INDEX_BYTES = 2, /* a node's place, in front of the free space */
    KEY_BYTES = 16,
    DB_BYTES = 48,
    /* A longer node does not hold its value: two have to fit on a page, with their indices. */
    NODE_MOST_BYTES = (PAGE_BYTES - PAGE_HEADER_BYTES) / 2 - INDEX_BYTES,
    /* The first node of a branch page has no key. */
    BRANCH_MOST = 1 + (PAGE_BYTES - PAGE_HEADER_BYTES - NODE_BYTES - INDEX_BYTES) /
                          (NODE_BYTES + KEY_BYTES + INDEX_BYTES),

    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
    NODE_BIG = 0x01,
    NODE_SUBDATA = 0x02,

    BLOCK_BYTES = 256 * 1024,    /* of the file, written at once */
    BUFFER_BYTES = 1 << 20,      /* fits the cache of a core; more where one value needs more */
    WRITEBACK_BYTES = 16 << 20,  /* the disk begins when so much waits */
    ENV_FLAGS = 0x4000 | 0x0008, /* MDB_NOSUBDIR; MDB_INTEGERKEY of the list of free pages */
};
#define META_MAGIC 0xBEEFC0DEu
#define NO_ROOT UINT64_MAX

/* A page of a tree under construction. */
struct child {
    struct wit_hash128 first;
    uint64_t page;
};

struct tree {
    struct child *children; /* of the level at hand */
    size_t count, cap;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
    uint16_t depth;
};

struct writer {
    const struct shard_writer_input *input;
    char temporary[WIT_PATH_MAX];
    int fd;
    uint8_t *buf; /* pages not written yet, the last one being page - 1 */
    size_t len, cap;
    uint64_t page;                 /* the next page's number */
    uint64_t written, handed_over; /* bytes; to the kernel, to the disk */
    bool bodies;                   /* the values at hand are samples, else origins */
    struct wit_error *err;
};

static int paths(const char *dir, const char *file, char path[WIT_PATH_MAX],
                 char temporary[WIT_PATH_MAX], struct wit_error *err) {
    int st = manifest_shard_path(path, dir, file, err);
    if (st < 0)
        return st;
    if (snprintf(temporary, WIT_PATH_MAX, "%s%s", path, SHARD_WRITER_SUFFIX) >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    return 0;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Write what fills whole blocks of the file (`all`: everything); the rest moves to the front. The
 * page cache takes an aligned block as one folio. */
static int flush(struct writer *w, bool all) {
    size_t bytes = all ? w->len : w->len & ~(size_t)(BLOCK_BYTES - 1);
    int st = wit_fd_write_all(w->fd, w->buf, bytes, w->temporary, w->err);
    if (st < 0)
        return st;
    w->written += bytes;
    w->len -= bytes;
    memmove(w->buf, w->buf + bytes, w->len);
    if (w->written - w->handed_over >= WRITEBACK_BYTES) { /* a hint: fsync is what counts */
        (void)sync_file_range(w->fd, (off_t)w->handed_over, (off_t)(w->written - w->handed_over),
                              SYNC_FILE_RANGE_WRITE);
        w->handed_over = w->written;
    }
    return 0;
}

/* The next `count` pages in the buffer, which have room for them; contents are undefined. */
static int pages_take(struct writer *w, uint64_t count, uint8_t **out) {
    size_t bytes = (size_t)count * PAGE_BYTES;
    assert(bytes + BLOCK_BYTES <= w->cap);
    int st = w->cap - w->len < bytes ? flush(w, false) : 0;
    if (st < 0)
        return st;
    *out = w->buf + w->len;
    w->len += bytes;
    w->page += count;
    return 0;
}

static void header_put(uint8_t *p, uint64_t page, uint16_t kind) {
    memset(p, 0, PAGE_HEADER_BYTES);
    wit_store_le64(p, page);
    wit_store_le16(p + 10, kind);
}

/* A page of nodes, filled from its end. */
struct node_page {
    uint8_t *bytes;
    size_t lower, upper;
};

static int node_page_begin(struct writer *w, uint16_t kind, struct node_page *out) {
    int st = pages_take(w, 1, &out->bytes);
    if (st < 0)
        return st;
    memset(out->bytes, 0, PAGE_BYTES);
    header_put(out->bytes, w->page - 1, kind);
    out->lower = PAGE_HEADER_BYTES;
    out->upper = PAGE_BYTES;
    return 0;
}

/* Room for a node with this key and `bytes` of data; where its data goes. */
static uint8_t *node_put(struct node_page *p, uint64_t low48, struct wit_str key, size_t bytes) {
    p->upper -= (NODE_BYTES + key.len + bytes + 1) & ~(size_t)1;
    assert(p->lower + INDEX_BYTES <= p->upper);
    wit_store_le16(p->bytes + p->lower, (uint16_t)p->upper);
    p->lower += INDEX_BYTES;
    wit_store_le16(p->bytes + 12, (uint16_t)p->lower);
    wit_store_le16(p->bytes + 14, (uint16_t)p->upper);
    uint8_t *node = p->bytes + p->upper;
    wit_store_le16(node, (uint16_t)low48);
    wit_store_le16(node + 2, (uint16_t)(low48 >> 16));
    wit_store_le16(node + 4, (uint16_t)(low48 >> 32));
    wit_store_le16(node + 6, (uint16_t)key.len);
    if (key.len)
        memcpy(node + NODE_BYTES, key.data, key.len);
    return node + NODE_BYTES + key.len;
}

/* ---- values --------------------------------------------------------------------------------- */

static size_t value_bytes(const struct writer *w, uint64_t i) {
    const struct shard_writer_record *r = &w->input->records[i];
    return w->bodies ? r->front.len + r->body_bytes : r->origin.len;
}

static bool is_big(size_t bytes) {
    return NODE_BYTES + KEY_BYTES + bytes > NODE_MOST_BYTES;
}

static uint64_t run_pages(size_t bytes) {
    return (bytes + PAGE_HEADER_BYTES + PAGE_BYTES - 1) / PAGE_BYTES;
}

static size_t leaf_bytes(size_t bytes) {
    size_t node = NODE_BYTES + KEY_BYTES + (is_big(bytes) ? 8 : bytes);
    return INDEX_BYTES + ((node + 1) & ~(size_t)1);
}

static int value_put(struct writer *w, uint64_t i, uint8_t *out) {
    const struct shard_writer_record *r = &w->input->records[i];
    if (!w->bodies) {
        memcpy(out, r->origin.data, r->origin.len);
        return 0;
    }
    memcpy(out, r->front.data, r->front.len);
    return w->input->body(w->input->user, i, out + r->front.len, w->err);
}

static int run_put(struct writer *w, uint64_t i) {
    size_t bytes = value_bytes(w, i);
    uint64_t pages = run_pages(bytes);
    uint8_t *p;
    int st = pages_take(w, pages, &p);
    if (st < 0)
        return st;
    header_put(p, w->page - pages, PAGE_OVERFLOW);
    wit_store_le32(p + 12, (uint32_t)pages);
    uint8_t *end = p + PAGE_HEADER_BYTES + bytes;
    memset(end, 0, (size_t)(p + (size_t)pages * PAGE_BYTES - end));
    return value_put(w, i, p + PAGE_HEADER_BYTES);
}

/* ---- trees ---------------------------------------------------------------------------------- */

static int child_add(struct writer *w, struct tree *t, struct wit_hash128 first, uint64_t page) {
    if (t->count == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        struct child *more = wit_realloc_array(t->children, cap, sizeof *more);
        if (!more)
            return wit_error_set(w->err, WIT_ENOMEM, "no memory to write %s", w->temporary);
        t->children = more;
        t->cap = cap;
    }
    t->children[t->count++] = (struct child){ first, page };
    return 0;
}

/* The leaf of records [from, to) and then the values that it has no room for, in that order. */
static int leaf_put(struct writer *w, struct tree *t, uint64_t from, uint64_t to) {
    struct node_page leaf;
    uint8_t key[KEY_BYTES];
    int st = node_page_begin(w, PAGE_LEAF, &leaf);
    uint64_t run = w->page;
    if (st >= 0)
        st = child_add(w, t, w->input->records[from].key, w->page - 1);
    for (uint64_t i = from; i < to && st >= 0; i++) {
        size_t bytes = value_bytes(w, i);
        bool big = is_big(bytes);
        wit_hash128_to_bytes(w->input->records[i].key, key);
        uint8_t *data = node_put(&leaf, (uint64_t)(big ? NODE_BIG : 0) << 32 | bytes,
                                 wit_str_of(key, sizeof key), big ? 8 : bytes);
        if (!big) {
            st = value_put(w, i, data);
            continue;
        }
        wit_store_le64(data, run);
        run += run_pages(bytes);
    }
    t->leaf_pages++;
    t->entries += to - from;
    for (uint64_t i = from; i < to && st >= 0; i++) {
        if (w->input->interrupt && *w->input->interrupt)
            return wit_error_set(w->err, WIT_ECANCELED, "interrupted while writing %s",
                                 w->temporary);
        if (!is_big(value_bytes(w, i)))
            continue;
        st = run_put(w, i);
        t->overflow_pages += run_pages(value_bytes(w, i));
    }
    assert(st < 0 || run == w->page);
    return st;
}

/* One level of branch pages over t->children, which then are those pages. Evenly filled: LMDB takes
 * no branch page with one child. */
static int level_put(struct writer *w, struct tree *t) {
    size_t pages = (t->count + BRANCH_MOST - 1) / BRANCH_MOST, at = 0;
    uint8_t key[KEY_BYTES];
    int st = 0;
    for (size_t j = 0; j < pages && st >= 0; j++) {
        size_t end = t->count * (j + 1) / pages, from = at;
        struct node_page branch;
        st = node_page_begin(w, PAGE_BRANCH, &branch);
        for (; at < end && st >= 0; at++) {
            wit_hash128_to_bytes(t->children[at].first, key);
            (void)node_put(&branch, t->children[at].page,
                           wit_str_of(key, at == from ? 0 : sizeof key), 0);
        }
        t->children[j] = (struct child){ t->children[from].first, w->page - 1 };
    }
    t->count = pages;
    t->branch_pages += pages;
    t->depth++;
    return st;
}

static int tree_put(struct writer *w, struct tree *t) {
    const uint64_t count = w->input->count;
    int st = 0;
    for (uint64_t from = 0, to; from < count && st >= 0; from = to) {
        size_t room = PAGE_BYTES - PAGE_HEADER_BYTES, bytes;
        for (to = from; to < count && (bytes = leaf_bytes(value_bytes(w, to))) <= room; to++)
            room -= bytes;
        st = leaf_put(w, t, from, to);
    }
    t->depth = 1;
    while (st >= 0 && t->count > 1)
        st = level_put(w, t);
    if (st >= 0)
        t->root = t->children[0].page;
    return st;
}

static void db_put(uint8_t *p, const struct tree *t) {
    memset(p, 0, DB_BYTES);
    wit_store_le16(p + 6, t->depth);
    wit_store_le64(p + 8, t->branch_pages);
    wit_store_le64(p + 16, t->leaf_pages);
    wit_store_le64(p + 24, t->overflow_pages);
    wit_store_le64(p + 32, t->entries);
    wit_store_le64(p + 40, t->root);
}

/* ---- the file ------------------------------------------------------------------------------- */

/* The main database: one leaf that names the two others. */
static int names_put(struct writer *w, const struct tree *samples, const struct tree *origin,
                     struct tree *names) {
    struct node_page leaf;
    int st = node_page_begin(w, PAGE_LEAF, &leaf);
    if (st < 0)
        return st;
    *names = (struct tree){ .root = w->page - 1, .depth = 1, .leaf_pages = 1, .entries = 2 };
    const uint64_t low48 = (uint64_t)NODE_SUBDATA << 32 | DB_BYTES;
    db_put(node_put(&leaf, low48, WIT_STR("origin"), DB_BYTES), origin);
    db_put(node_put(&leaf, low48, WIT_STR("samples"), DB_BYTES), samples);
    return 0;
}

/* Both meta pages say the same, but for the transaction: LMDB goes by the page with the later one.
 * The map is as large as the file. */
static int metas_put(struct writer *w, const struct tree *names) {
    static const struct tree none = { .root = NO_ROOT };
    uint8_t pages[META_PAGES * PAGE_BYTES] = { 0 };
    for (unsigned i = 0; i < META_PAGES; i++) {
        uint8_t *page = pages + (size_t)i * PAGE_BYTES, *m = page + PAGE_HEADER_BYTES;
        header_put(page, i, PAGE_META);
        wit_store_le32(m, META_MAGIC);
        wit_store_le32(m + 4, 1);
        wit_store_le64(m + 16, w->page * PAGE_BYTES);
        db_put(m + 24, &none);
        wit_store_le32(m + 24, PAGE_BYTES);
        wit_store_le16(m + 24 + 4, ENV_FLAGS);
        db_put(m + 24 + DB_BYTES, names);
        wit_store_le64(m + 24 + 2 * DB_BYTES, w->page - 1);
        wit_store_le64(m + 24 + 2 * DB_BYTES + 8, i == 0 ? 2 : 1);
    }
    ssize_t n = pwrite(w->fd, pages, sizeof pages, 0);
    if (n != (ssize_t)sizeof pages)
        return wit_error_errno(w->err, wit_write_errno(n < 0 ? errno : EIO, w->temporary),
                               "cannot write %s", w->temporary);
    return 0;
}

static int buffer_make(struct writer *w) {
    w->cap = BUFFER_BYTES;
    for (uint64_t i = 0; i < w->input->count; i++) {
        const struct shard_writer_record *r = &w->input->records[i];
        size_t most = r->front.len + r->body_bytes;
        most = (size_t)run_pages(most > r->origin.len ? most : r->origin.len) * PAGE_BYTES;
        w->cap = most + BLOCK_BYTES > w->cap ? most + BLOCK_BYTES : w->cap;
    }
    w->buf = malloc(w->cap);
    return w->buf ? 0 : wit_error_set(w->err, WIT_ENOMEM, "no memory to write %s", w->temporary);
}

static int file_write(struct writer *w) {
    struct tree samples = { .count = 0 }, origin = { .count = 0 }, names;
    int st = buffer_make(w);
    if (st < 0)
        return st;
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (w->fd < 0)
        return wit_error_errno(w->err, errno, "cannot create %s", w->temporary);
    memset(w->buf, 0, w->len = META_PAGES * PAGE_BYTES); /* written over at the end */
    w->page = META_PAGES;
    w->bodies = true;
    st = tree_put(w, &samples);
    w->bodies = false;
    if (st >= 0)
        st = tree_put(w, &origin);
    if (st >= 0)
        st = names_put(w, &samples, &origin, &names);
    if (st >= 0)
        st = flush(w, true);
    if (st >= 0)
        st = metas_put(w, &names);
    free(samples.children);
    free(origin.children);
    if (close(w->fd) < 0 && st >= 0)
        st = wit_error_errno(w->err, errno, "cannot close %s", w->temporary);
    return st;
}

int shard_write_unsynced(const char *dir, const char *file, const struct shard_writer_input *input,
                         struct wit_error *err) {
    struct writer w = { .input = input, .fd = -1, .err = err };
    char path[WIT_PATH_MAX];
    int st = paths(dir, file, path, w.temporary, err);
    if (st < 0)
        return st;
    st = file_write(&w);
    free(w.buf);
    if (st < 0)
        (void)unlink(w.temporary);
    return st;
}

int shard_write(const char *dir, const char *file, const struct shard_writer_input *input,
                struct wit_error *err) {
    int st = shard_write_unsynced(dir, file, input, err);
    return st < 0 ? st : shard_write_finish(dir, file, err);
}

int shard_write_finish(const char *dir, const char *file, struct wit_error *err) {
    char path[WIT_PATH_MAX], temporary[WIT_PATH_MAX];
    int st = paths(dir, file, path, temporary, err);
    if (st < 0)
        return st;
    int fd = open(temporary, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", temporary);
    if (fsync(fd) < 0)
        st = wit_error_errno(err, errno, "cannot sync %s", temporary);
    if (close(fd) < 0 && st >= 0)
        st = wit_error_errno(err, errno, "cannot close %s", temporary);
    if (st >= 0 && rename(temporary, path) < 0)
        st = wit_error_errno(err, errno, "cannot rename %s", temporary);
    if (st < 0)
        (void)unlink(temporary);
    return st;
}

void shard_write_discard(const char *dir, const char *file) {
    char path[WIT_PATH_MAX], temporary[WIT_PATH_MAX];
    if (paths(dir, file, path, temporary, NULL) >= 0)
        (void)unlink(temporary);
}
