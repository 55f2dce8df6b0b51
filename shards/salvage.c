/*
 * salvage.c: finds records in the pages of a damaged shard.
 *
 * Three places: nodes of pages that still look like leaves (key and place of a value); overflow
 * pages, whose record says itself how long it is; and any other place in a page where a record
 * header may stand, for leaves whose own header is gone. A record that stands as it was fetched
 * carries its key as the hash of its image; a transcoded one needs a node that tells its key.
 */
#include "salvage.h"
#include "record.h"
#include "shard_file.h"
#include "shard_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE_LEAST = 4096,
    PAGE_MOST = 32768,
    PAGES_JUDGED = 4096, /* to find the page size of a file without meta pages */
    KEY_BYTES = 16,
    NODE_BYTES = 8,
    KIND_AT = 10, /* in a page header */
    KIND_LEAF = 0x02,
    KIND_OVERFLOW = 0x04,
    KIND_MASK = 0x6f,
    BIG_NODE = 0x01,
};
#define TEXTS_MAX_BYTES                                                                            \
    ((size_t)1 << 36) /* captions and origins of a shard: memory is the limit                      \
                       */
#define ORIGIN_MAX_BYTES ((size_t)512 << 20) /* as shard_file.c */

static const char no_origin[] =
    "{\"url\":\"\",\"final_url\":\"\",\"fetched_at_s\":0,\"headers\":\"\",\"rights\":\"\","
    "\"seen\":[],\"seen_total\":0}\n";

/* A value that a node tells of. */
struct node {
    struct wit_hash128 key;
    uint64_t offset;
    uint32_t bytes;
};

struct nodes {
    struct node *items;
    uint64_t count, cap;
};

struct search {
    struct salvage *out;
    const struct hidden_keys *hidden;
    const volatile int *interrupt;
    uint32_t prefix;
    int shard_bits;
    uint32_t page_bytes;
    uint64_t cap;             /* of out->records */
    struct nodes nodes;       /* of both trees, as pages tell */
    struct nodes origins;     /* those that read as origins */
    struct walker_table keys; /* of the shard, where a tree gave them all; else empty */
    struct wit_buf value;
    struct wit_error *err;
};

static int no_memory(const struct search *s) {
    return wit_error_set(s->err, WIT_ENOMEM, "no memory to salvage %s", s->out->path);
}

static int node_push(struct search *s, struct nodes *n, const struct node *node) {
    if (n->count == n->cap) {
        uint64_t cap = n->cap ? 2 * n->cap : 256;
        struct node *items = wit_realloc_array(n->items, (size_t)cap, sizeof *items);
        if (!items)
            return no_memory(s);
        n->items = items;
        n->cap = cap;
    }
    n->items[n->count++] = *node;
    return 0;
}

/* Bytes of the file; false: not there, or the disk does not give them. */
static bool bytes_read(const struct search *s, void *to, size_t len, uint64_t at) {
    return walker_source_read(&s->out->source, to, len, at, NULL) >= 0;
}

static bool is_ours(const struct search *s, struct wit_hash128 key) {
    return manifest_prefix(key, s->shard_bits) == s->prefix;
}

/* ---- records -------------------------------------------------------------------------------- */

static int record_push(struct search *s, const struct wit_shards_sample *sample, uint64_t at) {
    struct salvage *o = s->out;
    if (o->count == s->cap) {
        uint64_t cap = s->cap ? 2 * s->cap : 256;
        struct salvage_record *more = wit_realloc_array(o->records, (size_t)cap, sizeof *more);
        if (!more)
            return no_memory(s);
        o->records = more;
        s->cap = cap;
    }
    o->records[o->count++] = (struct salvage_record){
        .key = sample->key,
        .hash = sample->hash,
        .offset = at,
        .bytes = (uint32_t)sample->value.len,
        .captions = sample->caption_count,
        .image_bytes = (uint32_t)sample->image.len,
    };
    return 0;
}

/* Is the value at `at` a record? With key NULL: under the key that its image hash is. 1, 0 or a
 * failure. */
static int record_try(struct search *s, uint64_t at, uint32_t bytes,
                      const struct wit_hash128 *key) {
    struct wit_shards_sample sample = { .caption_count = 0 };
    wit_buf_reset(&s->value);
    if (bytes < RECORD_HEADER_BYTES || bytes > WIT_SHARDS_MAX_RECORD_BYTES)
        return 0;
    if (wit_buf_reserve(&s->value, bytes) < 0)
        return no_memory(s);
    if (!bytes_read(s, s->value.data, bytes, at))
        return 0;
    struct wit_str value = wit_str_of(s->value.data, bytes);
    if (record_decode(value, &sample, NULL) < 0)
        return 0;
    sample.key = key ? *key : wit_hash128_from_bytes((const uint8_t *)value.data + 32);
    if (!is_ours(s, sample.key) || record_verify(&sample, NULL) < 0)
        return 0;
    int st = record_push(s, &sample, at);
    return st < 0 ? st : 1;
}

/* The length that a record header tells, if it can be one that was stored as fetched; else 0. */
static uint32_t header_bytes(const uint8_t *h) {
    uint64_t fields = wit_load_le32(h + 20), image = wit_load_le64(h + 24);
    if (h[0] != RECORD_VERSION || h[1] != 0 || h[7] != 0 || wit_load_le64(h + 56) != 0 ||
        wit_load_le32(h + 16) == 0 || fields > WIT_SHARDS_MAX_CAPTION_BYTES ||
        image > WIT_SHARDS_MAX_IMAGE_BYTES)
        return 0;
    return (uint32_t)(RECORD_HEADER_BYTES + fields + image);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static bool page_is(const uint8_t *p, uint64_t page, uint16_t kind) {
    return wit_load_le64(p) == page && (wit_load_le16(p + KIND_AT) & KIND_MASK) == kind;
}

/* The nodes of a page that looks like a leaf. */
static int leaf_read(struct search *s, const uint8_t *p, uint64_t page) {
    unsigned lower = wit_load_le16(p + 12);
    int st = 0;
    for (unsigned at = WALKER_PAGE_HEADER_BYTES; st >= 0 && at + 2 <= lower && at < s->page_bytes;
         at += 2) {
        size_t node = wit_load_le16(p + at);
        if (node < lower || node + NODE_BYTES + KEY_BYTES > s->page_bytes ||
            wit_load_le16(p + node + 6) != KEY_BYTES)
            continue;
        size_t data = node + NODE_BYTES + KEY_BYTES;
        struct node n = { .key = wit_hash128_from_bytes(p + node + NODE_BYTES),
                          .bytes = wit_load_le32(p + node) };
        uint16_t flags = wit_load_le16(p + node + 4);
        if (flags == BIG_NODE && data + 8 <= s->page_bytes &&
            wit_load_le64(p + data) < s->out->source.bytes / s->page_bytes)
            n.offset = wit_load_le64(p + data) * s->page_bytes + WALKER_PAGE_HEADER_BYTES;
        else if (flags == 0 && n.bytes <= s->page_bytes - data)
            n.offset = page * s->page_bytes + data;
        if (n.offset && is_ours(s, n.key))
            st = node_push(s, &s->nodes, &n);
    }
    return st;
}

/* Records in the page that no node need tell of. Values begin at even places. */
static int page_scan(struct search *s, const uint8_t *p, size_t len, uint64_t page) {
    bool overflow = len == s->page_bytes && page_is(p, page, KIND_OVERFLOW);
    int st = 0;
    for (size_t at = 0; st >= 0 && at + RECORD_HEADER_BYTES <= len; at += 2) {
        uint32_t bytes = header_bytes(p + at);
        if (bytes && (bytes <= len - at || (overflow && at == WALKER_PAGE_HEADER_BYTES)))
            st = record_try(s, page * s->page_bytes + at, bytes, NULL);
    }
    return st;
}

/* How many pages belong together from this one on. A run whose header agrees with its record is
 * not looked into: what an image holds is no record of the dataset, whatever it looks like. */
static uint64_t run_pages(const struct search *s, const uint8_t *p, uint64_t page) {
    uint32_t bytes = header_bytes(p + WALKER_PAGE_HEADER_BYTES);
    struct walker_entry e = { .bytes = bytes,
                              .offset = page * s->page_bytes + WALKER_PAGE_HEADER_BYTES };
    return bytes && walker_overflow_fits(p, &e, s->page_bytes) ? wit_load_le32(p + 12) : 1;
}

static int pages_read(struct search *s) {
    uint8_t *p = malloc(s->page_bytes);
    uint64_t run = 1;
    int st = p ? 0 : no_memory(s);
    for (uint64_t page = 0; st >= 0 && page * s->page_bytes < s->out->source.bytes; page += run) {
        uint64_t at = page * s->page_bytes, left = s->out->source.bytes - at;
        size_t len = left < s->page_bytes ? (size_t)left : s->page_bytes;
        if (s->interrupt && *s->interrupt)
            st = wit_error_set(s->err, WIT_ECANCELED, "interrupted while searching %s",
                               s->out->path);
        run = 1;
        if (st < 0 || !bytes_read(s, p, len, at)) /* a sector that can't be read: go on behind it */
            continue;
        if (len == s->page_bytes)
            run = run_pages(s, p, page);
        if (len == s->page_bytes && page_is(p, page, KIND_LEAF))
            st = leaf_read(s, p, page);
        if (st >= 0)
            st = page_scan(s, p, len, page);
    }
    free(p);
    return st;
}

/* The size at which most pages carry their own number. */
static uint32_t page_size_find(struct search *s) {
    uint32_t best = PAGE_LEAST;
    uint64_t most = 0;
    for (uint32_t size = PAGE_LEAST; size <= PAGE_MOST; size *= 2) {
        uint64_t right = 0;
        for (uint64_t page = 0; page < PAGES_JUDGED; page++) {
            uint8_t head[8];
            if (!bytes_read(s, head, sizeof head, page * size))
                break;
            right += wit_load_le64(head) == page && (page || size == PAGE_LEAST);
        }
        if (right > most) {
            most = right;
            best = size;
        }
    }
    return best;
}

/* ---- nodes to records and origins -------------------------------------------------------------
 */

/* JSON lines that tell of places, as a seal writes them. */
static bool reads_as_origin(struct wit_str lines) {
    if (lines.len < 2 || lines.data[0] != '{' || lines.data[lines.len - 1] != '\n')
        return false;
    for (size_t at = 0; at < lines.len;) {
        ptrdiff_t end = wit_str_find_byte(lines, '\n', at);
        struct wit_json *line = NULL;
        bool right =
            wit_json_parse(wit_str_slice(lines, at, (size_t)end), "origin", &line, NULL) >= 0 &&
            (wit_json_get(line, "url") || wit_json_get(line, "urls_left_out"));
        wit_json_destroy(line);
        if (!right)
            return false;
        at = (size_t)end + 1;
    }
    return true;
}

static int origin_try(struct search *s, const struct node *n) {
    wit_buf_reset(&s->value);
    if (n->bytes < 2 || n->bytes > ORIGIN_MAX_BYTES)
        return 0;
    if (wit_buf_reserve(&s->value, n->bytes) < 0)
        return no_memory(s);
    if (!bytes_read(s, s->value.data, n->bytes, n->offset) ||
        !reads_as_origin(wit_str_of(s->value.data, n->bytes)))
        return 0;
    return node_push(s, &s->origins, n);
}

static int nodes_try(struct search *s) {
    int st = 0;
    for (uint64_t i = 0; i < s->nodes.count && st >= 0; i++) {
        const struct node *n = &s->nodes.items[i];
        st = record_try(s, n->offset, n->bytes, &n->key);
        if (st == 0)
            st = origin_try(s, n);
        if (st >= 0 && s->interrupt && *s->interrupt)
            st = wit_error_set(s->err, WIT_ECANCELED, "interrupted while searching %s",
                               s->out->path);
    }
    return st;
}

static int record_order(const void *x, const void *y) {
    const struct salvage_record *a = x, *b = y;
    int order = wit_hash128_cmp(a->key, b->key);
    return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static int node_order(const void *x, const void *y) {
    const struct node *a = x, *b = y;
    int order = wit_hash128_cmp(a->key, b->key);
    return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static int place_order(const void *x, const void *y) {
    const struct salvage_record *a = x, *b = y;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return (a->bytes < b->bytes) - (a->bytes > b->bytes);
}

/* Records inside others are no records but bytes of an image. */
static void inner_drop(struct salvage *o) {
    uint64_t kept = 0, end = 0;
    if (o->count)
        qsort(o->records, (size_t)o->count, sizeof *o->records, place_order);
    for (uint64_t i = 0; i < o->count; i++) {
        struct salvage_record r = o->records[i];
        bool same = kept && o->records[kept - 1].offset == r.offset;
        if (r.offset < end && !same)
            continue;
        end = r.offset + r.bytes > end ? r.offset + r.bytes : end;
        o->records[kept++] = r;
    }
    o->count = kept;
}

/* The keys of the shard, where one of its trees is whole. Nothing else is a record of it. */
static int keys_load(struct search *s) {
    struct walker *w = NULL;
    int st = walker_create(&s->out->source, &w, NULL);
    s->page_bytes = st >= 0 ? walker_page_bytes(w) : page_size_find(s);
    if (st >= 0) {
        st = walker_table_read(w, "origin", &s->keys, NULL);
        if (st < 0)
            st = walker_table_read(w, "samples", &s->keys, NULL);
    }
    walker_destroy(w);
    return st == WIT_ENOMEM ? no_memory(s) : 0;
}

/* Each key once, and only such as count. A record may be found in several ways. */
static void records_settle(struct search *s) {
    struct salvage *o = s->out;
    uint64_t kept = 0;
    inner_drop(o);
    if (o->count)
        qsort(o->records, (size_t)o->count, sizeof *o->records, record_order);
    for (uint64_t i = 0; i < o->count; i++) {
        struct wit_hash128 key = o->records[i].key;
        bool counts = !(kept && wit_hash128_eq(o->records[kept - 1].key, key)) &&
                      !hidden_has(s->hidden, key) &&
                      (!s->keys.count || walker_table_find(&s->keys, key) >= 0);
        if (counts)
            o->records[kept++] = o->records[i];
    }
    o->count = kept;
}

/* Keys that nodes told of and no record has. */
static int lost_find(struct search *s) {
    struct salvage *o = s->out;
    struct nodes *n = &s->nodes;
    uint64_t r = 0;
    o->lost = wit_alloc_array((size_t)n->count + 1, sizeof *o->lost);
    if (!o->lost)
        return no_memory(s);
    if (n->count)
        qsort(n->items, (size_t)n->count, sizeof *n->items, node_order);
    for (uint64_t i = 0; i < n->count; i++) {
        struct wit_hash128 key = n->items[i].key;
        while (r < o->count && wit_hash128_cmp(o->records[r].key, key) < 0)
            r++;
        bool known = (r < o->count && wit_hash128_eq(o->records[r].key, key)) ||
                     hidden_has(s->hidden, key) ||
                     (s->keys.count && walker_table_find(&s->keys, key) < 0) ||
                     (o->lost_count && wit_hash128_eq(o->lost[o->lost_count - 1], key));
        if (!known)
            o->lost[o->lost_count++] = key;
    }
    return 0;
}

/* ---- the plan of what was found ---------------------------------------------------------------
 */

static int origin_append(struct search *s, uint64_t *next, struct wit_hash128 key) {
    struct nodes *n = &s->origins;
    struct plan *plan = &s->out->plan;
    while (*next < n->count && wit_hash128_cmp(n->items[*next].key, key) < 0)
        (*next)++;
    if (*next < n->count && wit_hash128_eq(n->items[*next].key, key)) {
        const struct node *o = &n->items[*next];
        if (wit_buf_reserve(&plan->origins, o->bytes) < 0)
            return no_memory(s);
        if (bytes_read(s, plan->origins.data + plan->origins.len, o->bytes, o->offset)) {
            plan->origins.len += o->bytes;
            return 0;
        }
    }
    s->out->origins_lost++;
    return wit_buf_append_cstr(&plan->origins, no_origin) < 0 ? no_memory(s) : 0;
}

static int plan_make(struct search *s) {
    struct salvage *o = s->out;
    struct plan *plan = &o->plan;
    uint64_t next = 0;
    int st = 0;
    plan->records = wit_alloc_array((size_t)o->count + 1, sizeof *plan->records);
    if (!plan->records)
        return no_memory(s);
    if (s->origins.count)
        qsort(s->origins.items, (size_t)s->origins.count, sizeof *s->origins.items, node_order);
    for (uint64_t i = 0; i < o->count && st >= 0; i++) {
        const struct salvage_record *r = &o->records[i];
        struct plan_record *p = &plan->records[plan->count];
        *p = (struct plan_record){ .key = r->key,
                                   .captions = r->captions,
                                   .body_bytes = r->image_bytes,
                                   .front_at = plan->fronts.len,
                                   .front_bytes = r->bytes - r->image_bytes,
                                   .origin_at = plan->origins.len };
        if (wit_buf_reserve(&plan->fronts, p->front_bytes) < 0)
            return no_memory(s);
        if (!bytes_read(s, plan->fronts.data + plan->fronts.len, p->front_bytes, r->offset))
            return wit_error_set(s->err, WIT_EIO, "%s gave a record once and not again", o->path);
        plan->fronts.len += p->front_bytes;
        st = origin_append(s, &next, r->key);
        p->origin_bytes = plan->origins.len - p->origin_at;
        plan->count++;
        plan->pairs += r->captions;
        plan->image_bytes += r->image_bytes;
        o->sum = wit_hash128_add(o->sum, r->hash);
    }
    return st < 0 ? st : plan_digest(plan, s->err);
}

static int file_search(struct search *s) {
    int st = keys_load(s);
    if (st >= 0)
        st = pages_read(s);
    if (st >= 0)
        st = nodes_try(s);
    if (st < 0)
        return st;
    records_settle(s);
    st = lost_find(s);
    return st < 0 ? st : plan_make(s);
}

int salvage_source(const struct walker_source *source, uint32_t prefix, int shard_bits,
                   const struct hidden_keys *hidden, const volatile int *interrupt,
                   struct salvage *out, struct wit_error *err) {
    struct search s = { .out = out,
                        .hidden = hidden,
                        .interrupt = interrupt,
                        .prefix = prefix,
                        .shard_bits = shard_bits,
                        .value = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES + ORIGIN_MAX_BYTES),
                        .err = err };
    *out = (struct salvage){ .source = *source,
                             .plan = { .fronts = WIT_BUF_INIT(TEXTS_MAX_BYTES),
                                       .origins = WIT_BUF_INIT(TEXTS_MAX_BYTES) } };
    snprintf(out->path, sizeof out->path, "%s", source->name);
    out->source.name = out->path;
    int st = file_search(&s);
    free(s.nodes.items);
    free(s.origins.items);
    walker_table_finish(&s.keys);
    wit_buf_finish(&s.value);
    return st < 0 ? st : 0;
}

int salvage_shard(const char *dir, const struct manifest_shard *shard, int shard_bits,
                  const struct hidden_keys *hidden, const volatile int *interrupt,
                  struct salvage *out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct stat info;
    struct walker_source source = { .fd = -1, .name = path };
    *out = (struct salvage){ .source = source };
    int st = manifest_shard_path(path, dir, shard->file, err);
    if (st < 0)
        return st;
    source.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source.fd >= 0 && fstat(source.fd, &info) == 0 && S_ISREG(info.st_mode))
        source.bytes = (uint64_t)info.st_size;
    return salvage_source(&source, shard->prefix, shard_bits, hidden, interrupt, out, err);
}

void salvage_finish(struct salvage *s) {
    if (s->source.fd >= 0)
        close(s->source.fd);
    s->source.fd = -1;
    free(s->records);
    free(s->lost);
    s->records = NULL;
    s->lost = NULL;
    plan_finish(&s->plan);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int body_give(void *user, uint64_t index, void *out, struct wit_error *err) {
    const struct salvage *s = user;
    const struct salvage_record *r = &s->records[index];
    return walker_source_read(&s->source, out, r->image_bytes,
                              r->offset + r->bytes - r->image_bytes, err);
}

int salvage_write(struct salvage *s, const char *dir, int shard_bits, const volatile int *interrupt,
                  struct manifest_shard *shard, struct wit_error *err) {
    struct shard_writer_record *records = wit_alloc_array(s->plan.count + 1, sizeof *records);
    if (!records)
        return wit_error_set(err, WIT_ENOMEM, "no memory to write %s", shard->file);
    for (size_t i = 0; i < s->plan.count; i++) {
        const struct plan_record *p = &s->plan.records[i];
        records[i] = (struct shard_writer_record){
            .key = p->key,
            .front = wit_str_of(s->plan.fronts.data + p->front_at, p->front_bytes),
            .origin = wit_str_of(s->plan.origins.data + p->origin_at, p->origin_bytes),
            .body_bytes = p->body_bytes,
        };
    }
    const struct shard_writer_input input = { .records = records,
                                              .count = s->plan.count,
                                              .body = body_give,
                                              .user = s,
                                              .interrupt = interrupt };
    int st = shard_write(dir, shard->file, &input, err);
    if (st >= 0)
        st = shard_file_measure(dir, shard->file, shard_bits, interrupt, NULL, NULL, shard, err);
    if (st >= 0 && (shard->samples != s->count || !wit_hash128_eq(shard->sum, s->sum)))
        st = wit_error_set(err, WIT_ECORRUPT, "%s/shards/%s does not hold what was salvaged", dir,
                           shard->file);
    free(records);
    return st < 0 ? st : 0;
}
