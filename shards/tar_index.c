/* tar_index.c: header, path, table; then fronts and origins, which are read when they are asked
 * for. */
#include "tar_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INDEX_VERSION = 1, HEADER_HASH_AT = 112, ALIGN = 16 };
static const char magic[8] = "WITTAR\0\n";

struct tar_index {
    const struct walker_source *source;
    struct tar_facts facts;
    struct tar_entry *entries; /* in the order of the tar */
    uint32_t *by_key;          /* their indices */
    uint64_t count, table_end; /* of the file: where texts begin */
    int fd;                    /* of the tar; -1 */
    char path[WIT_PATH_MAX];   /* as the index says, then as it was opened */
};

/* ---- the tar -------------------------------------------------------------------------------- */

int tar_facts_read(int fd, const char *path, struct tar_facts *out, struct wit_error *err) {
    struct stat info;
    if (fstat(fd, &info) < 0)
        return wit_error_errno(err, errno, "cannot stat %s", path);
    if (!S_ISREG(info.st_mode))
        return wit_error_set(err, WIT_ECORRUPT, "%s is not a file", path);
    uint64_t bytes = (uint64_t)info.st_size;
    size_t len = bytes < TAR_INDEX_ENDS_BYTES ? (size_t)bytes : TAR_INDEX_ENDS_BYTES;
    char *ends = malloc(2 * len + 1);
    if (!ends)
        return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", path);
    int st = wit_fd_read_at(fd, ends, len, 0, path, err);
    if (st >= 0)
        st = wit_fd_read_at(fd, ends + len, len, bytes - len, path, err);
    if (st >= 0)
        *out = (struct tar_facts){ .bytes = bytes,
                                   .mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 +
                                               info.st_mtim.tv_nsec,
                                   .ends = wit_hash128_of(ends, 2 * len) };
    free(ends);
    return st < 0 ? st : 0;
}

int tar_index_attach(struct tar_index *t, const char *dir, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct tar_facts is;
    snprintf(path, sizeof path, "%s", t->path);
    if (path[0] != '/' && wit_path_join(t->path, dir, path) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s/%s", dir, path);
    t->fd = open(t->path, O_RDONLY | O_CLOEXEC);
    if (t->fd < 0)
        return wit_error_errno(err, errno, "cannot open %s, whose samples %s names", t->path,
                               t->source->name);
    int st = tar_facts_read(t->fd, t->path, &is, err);
    if (st < 0)
        return st;
    /* A copy has another time, and the same bytes. */
    if (is.bytes != t->facts.bytes ||
        (is.mtime_ns != t->facts.mtime_ns && !wit_hash128_eq(is.ends, t->facts.ends)))
        return wit_error_set(err, WIT_ECORRUPT,
                             "%s was cut or changed since it was indexed: it has %llu bytes, %s "
                             "says %llu; 'wit shards index' again makes an index of what it is now",
                             t->path, (unsigned long long)is.bytes, t->source->name,
                             (unsigned long long)t->facts.bytes);
    return 0;
}

/* ---- the index ------------------------------------------------------------------------------ */

static int bad(const struct tar_index *t, const char *what, struct wit_error *err) {
    return wit_error_set(err, WIT_ECORRUPT, "%s: %s", t->source->name, what);
}

struct head {
    uint32_t path_bytes;
    uint64_t samples, file_bytes;
    struct wit_hash128 table_hash;
};

static int head_read(struct tar_index *t, struct head *out, struct wit_error *err) {
    uint8_t h[TAR_INDEX_HEADER_BYTES];
    if (t->source->bytes < sizeof h)
        return bad(t, "it is too short for an index of a tar", err);
    int st = walker_source_read(t->source, h, sizeof h, 0, err);
    if (st < 0)
        return st;
    if (memcmp(h, magic, sizeof magic) != 0)
        return bad(t, "it is no index of a tar", err);
    if (wit_load_le32(h + 8) != INDEX_VERSION)
        return wit_error_set(err, WIT_EUNSUPPORTED, "%s is of version %u, this program reads %d",
                             t->source->name, wit_load_le32(h + 8), INDEX_VERSION);
    if (!wit_hash128_eq(wit_hash128_from_bytes(h + HEADER_HASH_AT),
                        wit_hash128_of(h, HEADER_HASH_AT)))
        return bad(t, "its header does not match its hash", err);
    *out = (struct head){ .path_bytes = wit_load_le32(h + 12),
                          .samples = wit_load_le64(h + 48),
                          .file_bytes = wit_load_le64(h + 56),
                          .table_hash = wit_hash128_from_bytes(h + 64) };
    t->facts = (struct tar_facts){ .bytes = wit_load_le64(h + 16),
                                   .mtime_ns = (int64_t)wit_load_le64(h + 24),
                                   .ends = wit_hash128_from_bytes(h + 32) };
    if (out->file_bytes != t->source->bytes)
        return bad(t, "it has not the size that it says: it was cut", err);
    if (out->path_bytes == 0 || out->path_bytes >= WIT_PATH_MAX ||
        out->samples >= TAR_INDEX_MAX_SAMPLES ||
        out->samples > out->file_bytes / TAR_INDEX_ENTRY_BYTES)
        return bad(t, "its header says what can't be", err);
    return 0;
}

static bool range_fits(uint64_t at, uint64_t bytes, uint64_t from, uint64_t to) {
    return at >= from && at <= to && bytes <= to - at;
}

static int entry_get(const struct tar_index *t, const uint8_t *p, struct tar_entry *e,
                     struct wit_error *err) {
    *e = (struct tar_entry){ .key = wit_hash128_from_bytes(p),
                             .image_at = wit_load_le64(p + 16),
                             .image_bytes = wit_load_le64(p + 24),
                             .front_at = wit_load_le64(p + 32),
                             .front_bytes = wit_load_le32(p + 40),
                             .origin_bytes = wit_load_le32(p + 44) };
    if (!range_fits(e->image_at, e->image_bytes, 0, t->facts.bytes) ||
        e->image_bytes > WIT_SHARDS_MAX_IMAGE_BYTES || e->front_bytes < RECORD_HEADER_BYTES ||
        !range_fits(e->front_at, (uint64_t)e->front_bytes + e->origin_bytes, t->table_end,
                    t->source->bytes))
        return bad(t, "a sample lies outside the tar or the index", err);
    return 0;
}

static int table_parse(struct tar_index *t, const struct head *head, const uint8_t *table,
                       size_t path_end, struct wit_error *err) {
    memcpy(t->path, table, head->path_bytes);
    t->path[head->path_bytes] = '\0';
    if (strlen(t->path) != head->path_bytes)
        return bad(t, "the tar's path has a NUL in it", err);
    int st = 0;
    for (uint64_t i = 0; i < head->samples && st >= 0; i++)
        st = entry_get(t, table + path_end + i * TAR_INDEX_ENTRY_BYTES, &t->entries[i], err);
    t->count = head->samples;
    return st;
}

static int key_order(const void *x, const void *y, void *entries) {
    const struct tar_entry *e = entries;
    const uint32_t *a = x, *b = y;
    return wit_hash128_cmp(e[*a].key, e[*b].key);
}

/* By key; each once, or finding one would find any. */
static int keys_sort(struct tar_index *t, struct wit_error *err) {
    for (uint32_t i = 0; i < t->count; i++)
        t->by_key[i] = i;
    qsort_r(t->by_key, (size_t)t->count, sizeof *t->by_key, key_order, t->entries);
    for (uint64_t i = 1; i < t->count; i++)
        if (key_order(&t->by_key[i - 1], &t->by_key[i], t->entries) == 0)
            return bad(t, "a key is there twice", err);
    return 0;
}

static int table_read(struct tar_index *t, struct wit_error *err) {
    struct head head = { .samples = 0 };
    int st = head_read(t, &head, err);
    if (st < 0)
        return st;
    size_t path_end = (head.path_bytes + ALIGN - 1) / ALIGN * ALIGN;
    size_t bytes = path_end + (size_t)head.samples * TAR_INDEX_ENTRY_BYTES;
    t->table_end = TAR_INDEX_HEADER_BYTES + bytes;
    if (t->table_end > t->source->bytes)
        return bad(t, "its table runs over its end", err);
    uint8_t *table = malloc(bytes);
    t->entries = wit_alloc_array((size_t)head.samples + 1, sizeof *t->entries);
    t->by_key = wit_alloc_array((size_t)head.samples + 1, sizeof *t->by_key);
    st = table && t->entries && t->by_key
             ? walker_source_read(t->source, table, bytes, TAR_INDEX_HEADER_BYTES, err)
             : wit_error_set(err, WIT_ENOMEM, "no memory to open %s", t->source->name);
    if (st >= 0 && !wit_hash128_eq(wit_hash128_of(table, bytes), head.table_hash))
        st = bad(t, "its table does not match its hash", err);
    if (st >= 0)
        st = table_parse(t, &head, table, path_end, err);
    if (st >= 0)
        st = keys_sort(t, err);
    free(table);
    return st;
}

int tar_index_load(const struct walker_source *source, struct tar_index **out,
                   struct wit_error *err) {
    struct tar_index *t = calloc(1, sizeof *t);
    if (!t)
        return wit_error_set(err, WIT_ENOMEM, "no memory to open %s", source->name);
    t->source = source;
    t->fd = -1;
    int st = table_read(t, err);
    if (st < 0)
        tar_index_destroy(t);
    else
        *out = t;
    return st;
}

void tar_index_destroy(struct tar_index *t) {
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    free(t->entries);
    free(t->by_key);
    free(t);
}

int tar_index_hide(struct tar_index *t, const struct hidden_keys *hidden, struct wit_error *err) {
    uint64_t kept = 0, all = t->count;
    for (uint64_t i = 0; i < all; i++)
        if (!hidden_has(hidden, t->entries[i].key))
            t->entries[kept++] = t->entries[i];
    t->count = kept;
    if (all - kept != hidden->count)
        return bad(t, "it has not all keys that dataset.json hides", err);
    return keys_sort(t, err);
}

/* ---- reading -------------------------------------------------------------------------------- */

uint64_t tar_index_samples(const struct tar_index *t) {
    return t->count;
}

const struct tar_entry *tar_index_entry(const struct tar_index *t, uint64_t index) {
    return &t->entries[index];
}

int64_t tar_index_find(const struct tar_index *t, struct wit_hash128 key) {
    uint64_t from = 0, to = t->count;
    while (from < to) {
        uint64_t mid = from + (to - from) / 2;
        int order = wit_hash128_cmp(t->entries[t->by_key[mid]].key, key);
        if (order == 0)
            return t->by_key[mid];
        if (order < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return -1;
}

int tar_index_read(const struct tar_index *t, const struct tar_entry *e, struct wit_buf *buf,
                   struct wit_str *value, struct wit_error *err) {
    size_t start = buf->len, bytes = e->front_bytes + (size_t)e->image_bytes;
    int st = wit_buf_reserve(buf, bytes);
    if (st < 0)
        return wit_error_set(err, st, "%s: a record of %zu bytes is over the buffer's %zu",
                             t->source->name, bytes, buf->max);
    st = walker_source_read(t->source, buf->data + start, e->front_bytes, e->front_at, err);
    if (st >= 0)
        st = wit_fd_read_at(t->fd, buf->data + start + e->front_bytes, (size_t)e->image_bytes,
                            e->image_at, t->path, err);
    if (st < 0)
        return st;
    buf->len = start + bytes;
    *value = wit_str_of(buf->data + start, bytes);
    return 0;
}

int tar_index_origin(const struct tar_index *t, const struct tar_entry *e, struct wit_buf *out,
                     struct wit_error *err) {
    int st = wit_buf_reserve(out, (size_t)e->origin_bytes + 1); /* never a reserve of 0 */
    if (st < 0)
        return wit_error_set(err, st, "an origin of %u bytes is over the buffer's ceiling",
                             e->origin_bytes);
    st = walker_source_read(t->source, out->data + out->len, e->origin_bytes,
                            e->front_at + e->front_bytes, err);
    if (st >= 0)
        out->len += e->origin_bytes;
    return st;
}

void tar_index_prefetch(const struct tar_index *t, uint64_t from, uint64_t count) {
    if (from >= t->count || count == 0)
        return;
    if (count > t->count - from)
        count = t->count - from;
    const struct tar_entry *first = &t->entries[from], *last = first + count - 1;
    if (last->image_at + last->image_bytes > first->image_at)
        (void)posix_fadvise(t->fd, (off_t)first->image_at,
                            (off_t)(last->image_at + last->image_bytes - first->image_at),
                            POSIX_FADV_WILLNEED);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void entry_put(const struct tar_entry *e, uint64_t texts_at, uint8_t *p) {
    wit_hash128_to_bytes(e->key, p);
    wit_store_le64(p + 16, e->image_at);
    wit_store_le64(p + 24, e->image_bytes);
    wit_store_le64(p + 32, texts_at + e->front_at);
    wit_store_le32(p + 40, e->front_bytes);
    wit_store_le32(p + 44, e->origin_bytes);
}

int tar_index_encode(const char *path, const struct tar_facts *tar, const struct tar_entry *entries,
                     uint64_t count, struct wit_str texts, struct wit_buf *out) {
    size_t path_bytes = strlen(path), path_end = (path_bytes + ALIGN - 1) / ALIGN * ALIGN;
    size_t table_bytes, start = out->len;
    if (count >= TAR_INDEX_MAX_SAMPLES ||
        wit_size_mul((size_t)count, TAR_INDEX_ENTRY_BYTES, &table_bytes) < 0)
        return WIT_ELIMIT;
    uint64_t texts_at = TAR_INDEX_HEADER_BYTES + path_end + table_bytes;
    int st = wit_buf_reserve(out, (size_t)texts_at);
    if (st < 0)
        return st;
    uint8_t *h = (uint8_t *)out->data + start, *table = h + TAR_INDEX_HEADER_BYTES;
    memset(h, 0, (size_t)texts_at);
    memcpy(table, path, path_bytes);
    for (uint64_t i = 0; i < count; i++)
        entry_put(&entries[i], texts_at, table + path_end + i * TAR_INDEX_ENTRY_BYTES);
    memcpy(h, magic, sizeof magic);
    wit_store_le32(h + 8, INDEX_VERSION);
    wit_store_le32(h + 12, (uint32_t)path_bytes);
    wit_store_le64(h + 16, tar->bytes);
    wit_store_le64(h + 24, (uint64_t)tar->mtime_ns);
    wit_hash128_to_bytes(tar->ends, h + 32);
    wit_store_le64(h + 48, count);
    wit_store_le64(h + 56, texts_at + texts.len);
    wit_hash128_to_bytes(wit_hash128_of(table, path_end + table_bytes), h + 64);
    wit_hash128_to_bytes(wit_hash128_of(h, HEADER_HASH_AT), h + HEADER_HASH_AT);
    out->len = start + (size_t)texts_at;
    return wit_buf_append_str(out, texts);
}
