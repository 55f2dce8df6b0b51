/* walker.c: LMDB 0.9's on-disk structures, read with a bounds check before every step. */
#include "walker.h"

#include <stdlib.h>

/*
 * The format, from LMDB 0.9's mdb.c (64-bit, little-endian):
 *   page header   u64 number, u16 pad, u16 flags, u16 lower, u16 upper   (overflow: u32 pages)
 *   meta          u32 magic, u32 version, u64 address, u64 map size, two databases, u64 last page,
 *                 u64 transaction
 *   database      u32 pad, u16 flags, u16 depth, u64 branch, leaf, overflow pages, u64 entries,
 *                 u64 root; the pad of the first database of a meta page is the page size
 *   node          u16 lo, u16 hi, u16 flags, u16 key size, key, data
 */
enum {
    PAGE_LEAST_BYTES =
        4096, /* the page of the machine that wrote the file; LMDB's most is 32 KiB */
    PAGE_MOST_BYTES = 32768,
    PAGE_HEADER_BYTES = WALKER_PAGE_HEADER_BYTES,
    META_VERSION = 1,
    DB_BYTES = 48,
    META_BYTES = 24 + 2 * DB_BYTES + 16,
    NODE_BYTES = 8,
    KEY_BYTES = 16,
    DEPTH_MOST = 12, /* pages: two nodes a page are 4096 records at the least */

    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
    PAGE_KINDS = 0x6f, /* the above, and LEAF2 and SUBP that have no place here */

    NODE_BIG = 0x01,
    NODE_SUBDATA = 0x02,
    NODE_DUPDATA = 0x04,
};
#define META_MAGIC 0xBEEFC0DEu
#define NO_ROOT UINT64_MAX

struct db {
    uint16_t flags, depth;
    uint64_t entries, root;
    char name[16];
};

struct walker {
    struct walker_source source;
    uint32_t page_bytes;
    uint64_t pages;
    uint8_t *seen; /* a bit a page */
    struct db dbs[2];
    size_t db_count;
    uint8_t *levels; /* a page for each level of a tree: the path from the root */
};

/* A walk in progress. */
struct walk {
    struct walker *w;
    uint64_t most, cap;
    struct walker_table table;
    struct wit_error *err;
};

int walker_source_read(const struct walker_source *s, void *out, size_t len, uint64_t offset,
                       struct wit_error *err) {
    if (offset > s->bytes || len > s->bytes - offset)
        return wit_error_set(err, WIT_ECORRUPT, "%s: bytes %llu to %llu lie outside the file",
                             s->name, (unsigned long long)offset,
                             (unsigned long long)(offset + len));
    if (!s->memory)
        return wit_fd_read_at(s->fd, out, len, offset, s->name, err);
    memcpy(out, s->memory + offset, len);
    return 0;
}

static int fault(const struct walker *w, uint64_t page, const char *what, struct wit_error *err) {
    return wit_error_set(err, WIT_ECORRUPT, "%s: page %llu %s", w->source.name,
                         (unsigned long long)page, what);
}

/* Mark `count` pages as used; each may be used once. */
static int claim(struct walker *w, uint64_t page, uint64_t count, struct wit_error *err) {
    if (page < 2 || page >= w->pages || count > w->pages - page)
        return fault(w, page, "is referred to but lies outside the file", err);
    for (uint64_t p = page; p < page + count; p++) {
        if (w->seen[p / 8] & (1u << (p % 8)))
            return fault(w, p, "is referred to twice", err);
        w->seen[p / 8] |= (uint8_t)(1u << (p % 8));
    }
    return 0;
}

static void db_read(const uint8_t *p, struct db *out) {
    out->flags = wit_load_le16(p + 4);
    out->depth = wit_load_le16(p + 6);
    out->entries = wit_load_le64(p + 32);
    out->root = wit_load_le64(p + 40);
}

/* ---- pages and nodes ------------------------------------------------------------------------ */

/* Claim a page, read it into `p` and check its header. */
static int page_read(struct walker *w, uint64_t page, uint16_t kind, uint8_t *p, unsigned *nodes,
                     struct wit_error *err) {
    int st = claim(w, page, 1, err);
    if (st >= 0)
        st = walker_source_read(&w->source, p, w->page_bytes, page * w->page_bytes, err);
    if (st < 0)
        return st;
    uint16_t lower = wit_load_le16(p + 12), upper = wit_load_le16(p + 14);
    if (wit_load_le64(p) != page)
        return fault(w, page, "carries another page's number", err);
    if ((wit_load_le16(p + 10) & PAGE_KINDS) != kind)
        return fault(w, page, "is not of the kind that its place in the tree asks for", err);
    if (lower < PAGE_HEADER_BYTES || lower % 2 || upper < lower || upper > w->page_bytes)
        return fault(w, page, "has free-space bounds that can't be", err);
    *nodes = (unsigned)(lower - PAGE_HEADER_BYTES) / 2;
    return *nodes ? 0 : fault(w, page, "is empty", err);
}

struct node {
    uint32_t low;   /* leaf: bytes of the value; branch: low half of the page number */
    uint16_t flags; /* branch: high bits of it */
    struct wit_str key;
    size_t data; /* offset in the page, just behind the key */
    size_t room; /* bytes from there to the end of the page */
};

static int node_read(struct walker *w, uint64_t page, const uint8_t *p, unsigned index,
                     struct node *out, struct wit_error *err) {
    size_t upper = wit_load_le16(p + 14);
    size_t at = wit_load_le16(p + PAGE_HEADER_BYTES + 2 * index);
    if (at < upper || at > w->page_bytes - NODE_BYTES)
        return fault(w, page, "has a node outside its data", err);
    size_t key_bytes = wit_load_le16(p + at + 6);
    if (key_bytes > w->page_bytes - NODE_BYTES - at)
        return fault(w, page, "has a key that runs over its end", err);
    *out = (struct node){
        .low = (uint32_t)wit_load_le16(p + at + 2) << 16 | wit_load_le16(p + at),
        .flags = wit_load_le16(p + at + 4),
        .key = wit_str_of(p + at + NODE_BYTES, key_bytes),
        .data = at + NODE_BYTES + key_bytes,
        .room = w->page_bytes - at - NODE_BYTES - key_bytes,
    };
    return 0;
}

/* ---- meta pages and names ------------------------------------------------------------------- */

/* The page size that meta page 0 gives; the newer meta page says the rest. */
static int meta_read(struct walker *w, struct db *main_db, struct wit_error *err) {
    uint8_t bytes[PAGE_HEADER_BYTES + META_BYTES];
    const uint8_t *m = bytes + PAGE_HEADER_BYTES;
    uint64_t newest = 0, last_page = 0;
    for (uint64_t page = 0; page < 2; page++) {
        int st = walker_source_read(&w->source, bytes, sizeof bytes, page * w->page_bytes, err);
        if (st < 0)
            return st;
        uint32_t page_bytes = wit_load_le32(m + 24);
        if (wit_load_le64(bytes) != page || !(wit_load_le16(bytes + 10) & PAGE_META) ||
            wit_load_le32(m) != META_MAGIC || wit_load_le32(m + 4) != META_VERSION)
            return fault(w, page, "is not a meta page: the file is no shard", err);
        if (page_bytes < PAGE_LEAST_BYTES || page_bytes > PAGE_MOST_BYTES ||
            (page_bytes & (page_bytes - 1)) || (page == 1 && page_bytes != w->page_bytes))
            return fault(w, page, "states a page size that can't be", err);
        w->page_bytes = page_bytes;
        const uint8_t *tail = m + 24 + 2 * DB_BYTES;
        uint64_t txn = wit_load_le64(tail + 8);
        if (page == 0 || txn > newest) {
            newest = txn;
            last_page = wit_load_le64(tail);
            db_read(m + 24 + DB_BYTES, main_db);
        }
    }
    w->pages = w->source.bytes / w->page_bytes;
    if (w->source.bytes % w->page_bytes || last_page != w->pages - 1)
        return wit_error_set(err, WIT_ECORRUPT,
                             "%s has %llu bytes, but its last page is %llu of %u bytes: it was cut "
                             "or added to",
                             w->source.name, (unsigned long long)w->source.bytes,
                             (unsigned long long)last_page, w->page_bytes);
    return 0;
}

/* The main database of a shard is one leaf with the names of the two others. */
static int names_read(struct walker *w, const struct db *main_db, struct wit_error *err) {
    unsigned nodes;
    if (main_db->root == NO_ROOT || main_db->depth != 1)
        return wit_error_set(err, WIT_ECORRUPT, "%s: the main database is not one leaf",
                             w->source.name);
    int st = page_read(w, main_db->root, PAGE_LEAF, w->levels, &nodes, err);
    if (st < 0)
        return st;
    if (nodes > WIT_COUNT_OF(w->dbs))
        return fault(w, main_db->root, "holds more than two names", err);
    for (unsigned i = 0; i < nodes; i++) {
        struct node n = { .flags = 0 };
        struct db *db = &w->dbs[i];
        st = node_read(w, main_db->root, w->levels, i, &n, err);
        if (st < 0)
            return st;
        if (n.flags != NODE_SUBDATA || n.low != DB_BYTES || n.room < DB_BYTES ||
            n.key.len >= sizeof db->name || n.key.len == 0)
            return fault(w, main_db->root, "describes a database in another form", err);
        db_read(w->levels + n.data, db);
        memcpy(db->name, n.key.data, n.key.len);
        db->name[n.key.len] = '\0';
        w->db_count++;
    }
    return 0;
}

int walker_create(const struct walker_source *source, struct walker **out, struct wit_error *err) {
    struct db main_db = { .root = NO_ROOT };
    struct walker *w = calloc(1, sizeof *w);
    if (!w)
        return wit_error_set(err, WIT_ENOMEM, "no memory to walk %s", source->name);
    w->source = *source;
    int st = meta_read(w, &main_db, err);
    if (st >= 0) {
        w->seen = wit_alloc_array((size_t)(w->pages / 8 + 1), 1);
        w->levels = wit_alloc_array(DEPTH_MOST, w->page_bytes);
        if (!w->seen || !w->levels)
            st = wit_error_set(err, WIT_ENOMEM, "no memory to walk %s", source->name);
    }
    if (st >= 0)
        st = names_read(w, &main_db, err);
    if (st < 0) {
        walker_destroy(w);
        return st;
    }
    *out = w;
    return 0;
}

void walker_destroy(struct walker *w) {
    if (!w)
        return;
    free(w->seen);
    free(w->levels);
    free(w);
}

uint32_t walker_page_bytes(const struct walker *w) {
    return w->page_bytes;
}

/* ---- trees ---------------------------------------------------------------------------------- */

static uint64_t overflow_pages(uint64_t bytes, uint32_t page_bytes) {
    return (bytes + PAGE_HEADER_BYTES + page_bytes - 1) / page_bytes;
}

bool walker_overflow_fits(const uint8_t header[WALKER_PAGE_HEADER_BYTES],
                          const struct walker_entry *e, uint32_t page_bytes) {
    return wit_load_le64(header) == e->offset / page_bytes &&
           (wit_load_le16(header + 10) & PAGE_KINDS) == PAGE_OVERFLOW &&
           wit_load_le32(header + 12) == overflow_pages(e->bytes, page_bytes);
}

static int entry_push(struct walk *k, const struct walker_entry *e) {
    if (k->table.count == k->cap) {
        uint64_t cap = k->cap ? 2 * k->cap : 256;
        struct walker_entry *entries = wit_realloc_array(k->table.entries, (size_t)cap, sizeof *e);
        if (!entries)
            return wit_error_set(k->err, WIT_ENOMEM, "no memory for the table of %s",
                                 k->w->source.name);
        k->table.entries = entries;
        k->cap = cap;
    }
    k->table.entries[k->table.count++] = *e;
    return 0;
}

static int entry_add(struct walk *k, uint64_t page, const uint8_t *p, const struct node *n) {
    struct walker *w = k->w;
    struct walker_entry e = { .bytes = n->low, .overflow = n->flags & NODE_BIG };
    if (n->flags & ~NODE_BIG)
        return fault(w, page, "has a record of another kind", k->err);
    if (n->key.len != KEY_BYTES)
        return fault(w, page, "has a key that is not 16 bytes long", k->err);
    if (k->table.count == k->most)
        return fault(w, page, "holds more records than its database counts", k->err);
    e.key = wit_hash128_from_bytes((const uint8_t *)n->key.data);
    if (k->table.count && wit_hash128_cmp(k->table.entries[k->table.count - 1].key, e.key) >= 0)
        return fault(w, page, "has keys out of order", k->err);
    if (e.overflow) {
        if (n->room < 8)
            return fault(w, page, "has no room for an overflow page's number", k->err);
        uint64_t first = wit_load_le64(p + n->data);
        int st = claim(w, first, overflow_pages(e.bytes, w->page_bytes), k->err);
        if (st < 0)
            return st;
        e.offset = first * w->page_bytes + PAGE_HEADER_BYTES;
    } else {
        if (e.bytes > n->room)
            return fault(w, page, "has a value that runs over its end", k->err);
        e.offset = page * w->page_bytes + n->data;
    }
    return entry_push(k, &e);
}

/* Depth-first, `depth` levels left with this one; the recursion ends with the depth. The keys of
 * branch pages only guide searches, which the table replaces: they are not looked at. */
static int tree_walk(struct walk *k, uint64_t page, unsigned depth) {
    struct walker *w = k->w;
    uint8_t *p = w->levels + (size_t)(depth - 1) * w->page_bytes;
    unsigned nodes;
    int st = page_read(w, page, depth == 1 ? PAGE_LEAF : PAGE_BRANCH, p, &nodes, k->err);
    for (unsigned i = 0; st >= 0 && i < nodes; i++) {
        struct node n = { .flags = 0 };
        st = node_read(w, page, p, i, &n, k->err);
        if (st < 0)
            break;
        if (depth == 1)
            st = entry_add(k, page, p, &n);
        else
            st = tree_walk(k, (uint64_t)n.flags << 32 | n.low, depth - 1);
    }
    return st;
}

int walker_table_read(struct walker *w, const char *name, struct walker_table *out,
                      struct wit_error *err) {
    const struct db *db = NULL;
    for (size_t i = 0; i < w->db_count; i++)
        if (strcmp(w->dbs[i].name, name) == 0)
            db = &w->dbs[i];
    if (!db)
        return wit_error_set(err, WIT_ECORRUPT, "%s has no database '%s'", w->source.name, name);
    if (db->flags != 0)
        return wit_error_set(err, WIT_ECORRUPT, "%s: database '%s' has flags %#x", w->source.name,
                             name, db->flags);
    struct walk k = { .w = w, .most = db->entries, .err = err };
    int st = 0;
    if (db->root != NO_ROOT) {
        if (db->depth < 1 || db->depth > DEPTH_MOST)
            return wit_error_set(err, WIT_ECORRUPT, "%s: database '%s' is %u pages deep",
                                 w->source.name, name, db->depth);
        st = tree_walk(&k, db->root, db->depth);
    }
    if (st >= 0 && k.table.count != db->entries)
        st = wit_error_set(err, WIT_ECORRUPT, "%s: database '%s' counts %llu records and has %llu",
                           w->source.name, name, (unsigned long long)db->entries,
                           (unsigned long long)k.table.count);
    if (st < 0)
        walker_table_finish(&k.table);
    else
        *out = k.table;
    return st;
}

void walker_table_finish(struct walker_table *t) {
    free(t->entries);
    *t = (struct walker_table){ .entries = NULL };
}

int64_t walker_table_find(const struct walker_table *t, struct wit_hash128 key) {
    uint64_t from = 0, to = t->count;
    while (from < to) {
        uint64_t mid = from + (to - from) / 2;
        int order = wit_hash128_cmp(t->entries[mid].key, key);
        if (order == 0)
            return (int64_t)mid;
        if (order < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return -1;
}
