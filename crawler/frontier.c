/*
 * frontier.c: the frontier in LMDB.
 *
 * Every page ever added is in a set of hashes (seen_set.h), whose recent part and list of files are
 * in DIR/crawl/frontier.lmdb too, beside seven named databases:
 *   refused  XXH3-64 of a URL -> why it was refused
 *   waiting  id -> u8 hops (and 128: sitemap only), URL
 *            id = u64 domain, u16 depth, u64 number, all big-endian
 *   taken    the same, of pages that are being asked for
 *   domains  u64 domain, big-endian -> u64 pages known, u32 barren, u8 stopped
 *   pairs    XXH3-128 of a pair: for each page that had a new one, that one
 *   reasons  u8 subject, reason -> u64: how many were refused for it
 *   meta     "state" -> u32 version, u64 next number, read, refused, 16 bytes collection, scope
 *            "feed" -> 16 bytes identity, u64 rows, the feed's own bytes of its position
 *            "sitemaps" -> u64: how many were read
 * One write transaction lives from commit to commit, so a kill brings back the last commit whole.
 */
#include "frontier.h"

#include "seen_set.h"
#include "text/wit_text.h"

#include <stdlib.h>

#define MAP_BYTES ((size_t)1 << 38) /* address space, not memory */

enum {
    VERSION = 3,
    SITEMAP_ONLY = 0x80,
    STATE_BYTES = 4 + 3 * 8 + 2 * 16,
    DOMAIN_BYTES = 8 + 4 + 1,
    REASON_MOST_BYTES = 63,
    DOMAIN_CAP_LEAST = 256,
    FEED_HEAD_BYTES = 16 + 8
};

/* A domain that this run has met. */
struct domain {
    uint64_t hash; /* XXH3-64 of its name; a collision makes two domains share their turns */
    uint64_t known;
    uint32_t waiting, taken;
    uint32_t barren; /* pages in a row without a new pair */
    bool in_ring;
    bool stopped; /* barren long enough, and counted for it */
    bool changed; /* what the database holds of it is not this */
    struct domain *next_changed;
};

struct frontier {
    MDB_env *env;
    MDB_txn *txn; /* open from the first change to the commit */
    struct seen_set *seen;
    MDB_dbi refused, waiting, taken, domains_db, pairs, reasons, meta;
    uint64_t next_number;
    struct frontier_totals totals;
    struct frontier_context context;
    bool scope_changed;
    struct frontier_limits limits;
    bool has_feed;
    struct wit_hash128 feed;
    struct wit_crawler_feed_position feed_position;
    /* Domains by hash: open addressing, never removed from. About 96 bytes each, ring included. */
    struct domain **domains;
    size_t domain_count, domain_cap;
    struct domain *changed; /* list */
    /* Domains whose turn comes: a ring of as many places as there are domains. */
    struct domain **ring;
    size_t ring_head, ring_count, ring_cap;
    struct wit_buf record; /* hops and URL of one page, on its way into or between databases */
    char path[WIT_PATH_MAX];
};

static int fail(const struct frontier *f, int rc, const char *what, struct wit_error *err) {
    if (rc > 0)
        return wit_error_errno(err, rc, "cannot %s %s", what, f->path);
    return wit_error_set(err, rc == MDB_MAP_FULL ? WIT_ENOSPC : WIT_ECORRUPT, "cannot %s %s: %s",
                         what, f->path, mdb_strerror(rc));
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the frontier");
}

static int begin(struct frontier *f, struct wit_error *err) {
    int rc = f->txn ? 0 : mdb_txn_begin(f->env, NULL, 0, &f->txn);
    return rc ? fail(f, rc, "change", err) : 0;
}

/* ---- ids ------------------------------------------------------------------------------------ */

static void id_make(uint8_t id[FRONTIER_ID_BYTES], uint64_t domain, uint32_t depth,
                    uint64_t number) {
    wit_store_be64(id, domain);
    id[8] = (uint8_t)(depth >> 8);
    id[9] = (uint8_t)depth;
    wit_store_be64(id + 10, number);
}

static uint64_t id_domain(const uint8_t *id) {
    return wit_load_be64(id);
}

/* ---- domains -------------------------------------------------------------------------------- */

static struct domain **domain_slot(struct domain **slots, size_t cap, uint64_t hash) {
    size_t i = (size_t)wit_mix64(hash) & (cap - 1);
    while (slots[i] && slots[i]->hash != hash)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static int domains_grow(struct frontier *f) {
    size_t cap = f->domain_cap ? 2 * f->domain_cap : DOMAIN_CAP_LEAST;
    struct domain **slots = wit_alloc_array(cap, sizeof *slots);
    struct domain **ring = wit_alloc_array(cap, sizeof *ring);
    if (!slots || !ring) {
        free(slots);
        free(ring);
        return WIT_ENOMEM;
    }
    for (size_t i = 0; i < f->domain_cap; i++)
        if (f->domains[i])
            *domain_slot(slots, cap, f->domains[i]->hash) = f->domains[i];
    for (size_t i = 0; i < f->ring_count; i++)
        ring[i] = f->ring[(f->ring_head + i) % f->ring_cap];
    free(f->domains);
    free(f->ring);
    f->domains = slots;
    f->ring = ring;
    f->domain_cap = f->ring_cap = cap;
    f->ring_head = 0;
    return 0;
}

static void domain_change(struct frontier *f, struct domain *d) {
    if (d->changed)
        return;
    d->changed = true;
    d->next_changed = f->changed;
    f->changed = d;
}

static bool is_barren(const struct frontier *f, const struct domain *d) {
    return f->context.barren_most && d->barren >= f->context.barren_most;
}

static int reason_count(struct frontier *f, enum wit_crawler_subject subject, const char *reason,
                        int64_t n, struct wit_error *err);

/* Stopped or not, as the barren pages and the limit have it; what stopped is counted. 1: stopped
 * just now. */
static int domain_judge(struct frontier *f, struct domain *d, struct wit_error *err) {
    bool barren = is_barren(f, d);
    if (barren == d->stopped)
        return 0;
    d->stopped = barren;
    domain_change(f, d);
    int st = reason_count(f, WIT_CRAWLER_DOMAIN, FRONTIER_NOT_NOVEL, barren ? 1 : -1, err);
    return st < 0 ? st : barren;
}

static int domain_load(struct frontier *f, struct domain *d, struct wit_error *err) {
    uint8_t name[8];
    wit_store_be64(name, d->hash);
    MDB_val key = { sizeof name, name }, value;
    int rc = mdb_get(f->txn, f->domains_db, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return fail(f, rc, "read", err);
    const uint8_t *p = value.mv_data;
    if (value.mv_size != DOMAIN_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "%s holds a domain of %zu bytes", f->path,
                             value.mv_size);
    d->known = wit_load_le64(p);
    d->barren = wit_load_le32(p + 8);
    d->stopped = p[12] != 0;
    int st = domain_judge(f, d, err); /* the limit may be another one now */
    return st < 0 ? st : 0;
}

static int domains_store(struct frontier *f, struct wit_error *err) {
    for (struct domain *d; (d = f->changed);) {
        uint8_t name[8], record[DOMAIN_BYTES];
        wit_store_be64(name, d->hash);
        wit_store_le64(record, d->known);
        wit_store_le32(record + 8, d->barren);
        record[12] = d->stopped;
        MDB_val key = { sizeof name, name }, value = { sizeof record, record };
        int rc = mdb_put(f->txn, f->domains_db, &key, &value, 0);
        if (rc != 0)
            return fail(f, rc, "change", err);
        f->changed = d->next_changed;
        d->changed = false;
    }
    return 0;
}

/* Inside a transaction. */
static int domain_of(struct frontier *f, uint64_t hash, struct domain **out,
                     struct wit_error *err) {
    if (2 * (f->domain_count + 1) > f->domain_cap && domains_grow(f) < 0)
        return no_memory(err);
    struct domain **slot = domain_slot(f->domains, f->domain_cap, hash);
    if (!*slot) {
        struct domain *d = calloc(1, sizeof *d);
        if (!d)
            return no_memory(err);
        d->hash = hash;
        *slot = d;
        f->domain_count++;
        int st = domain_load(f, d, err);
        if (st < 0)
            return st;
    }
    *out = *slot;
    return 0;
}

static void ring_push(struct frontier *f, struct domain *d) {
    if (d->in_ring || d->waiting == 0)
        return;
    f->ring[(f->ring_head + f->ring_count++) % f->ring_cap] = d;
    d->in_ring = true;
}

static struct domain *ring_pop(struct frontier *f) {
    struct domain *d = f->ring[f->ring_head];
    f->ring_head = (f->ring_head + 1) % f->ring_cap;
    f->ring_count--;
    d->in_ring = false;
    return d;
}

/* ---- opening -------------------------------------------------------------------------------- */

static MDB_val sitemaps_key(void) {
    static char name[] = "sitemaps";
    return (MDB_val){ sizeof name - 1, name };
}

/* Frontiers from before there were any lack the count. */
static int sitemaps_read(struct frontier *f, struct wit_error *err) {
    MDB_val key = sitemaps_key(), value;
    int rc = mdb_get(f->txn, f->meta, &key, &value);
    if (rc == 0 && value.mv_size == 8)
        f->totals.sitemaps = wit_load_le64(value.mv_data);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : fail(f, rc, "read", err);
}

static int sitemaps_write(struct frontier *f) {
    uint8_t count[8];
    wit_store_le64(count, f->totals.sitemaps);
    MDB_val key = sitemaps_key(), value = { sizeof count, count };
    return mdb_put(f->txn, f->meta, &key, &value, 0);
}

static MDB_val state_key(void) {
    static char name[] = "state";
    return (MDB_val){ sizeof name - 1, name };
}

static int state_read(struct frontier *f, struct wit_error *err) {
    MDB_val key = state_key(), value;
    int rc = mdb_get(f->txn, f->meta, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return fail(f, rc, "read", err);
    const uint8_t *p = value.mv_data;
    if (value.mv_size != STATE_BYTES || wit_load_le32(p) != VERSION)
        return wit_error_set(err, WIT_ECORRUPT, "%s is not a frontier of version %d", f->path,
                             VERSION);
    f->next_number = wit_load_le64(p + 4);
    f->totals.read = wit_load_le64(p + 12);
    f->totals.refused = wit_load_le64(p + 20);
    if (f->context.keeps_scope)
        f->context.scope = wit_hash128_from_bytes(p + 44);
    f->scope_changed = !wit_hash128_eq(wit_hash128_from_bytes(p + 44), f->context.scope);
    if (!wit_hash128_eq(wit_hash128_from_bytes(p + 28), f->context.collection))
        return wit_error_set(err, WIT_EINVAL,
                             "%s tells what was read for another collection, which is no longer "
                             "beside it: remove it to read the pages again",
                             f->path);
    return 0;
}

/* Put a page that lies in one database into another one, copied out first. */
static int record_move(struct frontier *f, MDB_dbi to, const MDB_val *key, const MDB_val *value,
                       uint8_t id[FRONTIER_ID_BYTES], struct wit_error *err) {
    wit_buf_reset(&f->record);
    if (key->mv_size != FRONTIER_ID_BYTES || value->mv_size < 2)
        return wit_error_set(err, WIT_ECORRUPT, "%s holds a page without id or URL", f->path);
    memcpy(id, key->mv_data, FRONTIER_ID_BYTES);
    if (wit_buf_append(&f->record, value->mv_data, value->mv_size) < 0)
        return no_memory(err);
    MDB_val new_key = { FRONTIER_ID_BYTES, id }, new_value = { f->record.len, f->record.data };
    int rc = mdb_put(f->txn, to, &new_key, &new_value, 0);
    return rc ? fail(f, rc, "change", err) : 0;
}

/* What a killed run had taken waits again. */
static int taken_back(struct frontier *f, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    uint8_t id[FRONTIER_ID_BYTES];
    int st = 0, rc = mdb_cursor_open(f->txn, f->taken, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        st = record_move(f, f->waiting, &key, &value, id, err);
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    if (rc == MDB_NOTFOUND)
        rc = mdb_drop(f->txn, f->taken, 0);
    return rc ? fail(f, rc, "change", err) : 0;
}

static int waiting_count(struct frontier *f, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int rc = mdb_cursor_open(f->txn, f->waiting, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct domain *d = NULL;
        int st = key.mv_size == FRONTIER_ID_BYTES
                     ? domain_of(f, id_domain(key.mv_data), &d, err)
                     : wit_error_set(err, WIT_ECORRUPT, "%s holds a page without an id", f->path);
        if (st < 0) {
            mdb_cursor_close(cursor);
            return st;
        }
        d->waiting++;
        f->totals.waiting++;
        ring_push(f, d);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : fail(f, rc, "read", err);
}

static int env_open(struct frontier *f, struct wit_error *err) {
    int rc = mdb_env_create(&f->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(f->env, 9);
    if (rc == 0)
        rc = mdb_env_set_mapsize(f->env, MAP_BYTES);
    if (rc == 0) /* NOLOCK: the collector's lock admits one process */
        rc = mdb_env_open(f->env, f->path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK, 0644);
    if (rc != 0)
        return fail(f, rc, "open", err);
    int st = begin(f, err);
    if (st < 0)
        return st;
    const struct {
        const char *name;
        MDB_dbi *dbi;
    } dbs[] = { { "refused", &f->refused }, { "waiting", &f->waiting },
                { "taken", &f->taken },     { "domains", &f->domains_db },
                { "pairs", &f->pairs },     { "reasons", &f->reasons },
                { "meta", &f->meta } };
    for (size_t i = 0; i < WIT_COUNT_OF(dbs) && rc == 0; i++)
        rc = mdb_dbi_open(f->txn, dbs[i].name, MDB_CREATE, dbs[i].dbi);
    return rc ? fail(f, rc, "open", err) : 0;
}

int frontier_open(const char *dir, const struct frontier_context *context, struct frontier **out,
                  struct wit_error *err) {
    char folder[WIT_PATH_MAX];
    struct frontier *f = calloc(1, sizeof *f);
    if (!f)
        return no_memory(err);
    f->context = *context;
    f->limits = (struct frontier_limits)FRONTIER_NO_LIMITS;
    f->record = (struct wit_buf)WIT_BUF_INIT(1 + WIT_URL_MAX_BYTES);
    int st = 0;
    if (wit_path_join(folder, dir, "crawl") < 0 ||
        wit_path_join(f->path, folder, "frontier.lmdb") < 0)
        st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    if (st >= 0)
        st = wit_dir_make(folder, err);
    if (st >= 0)
        st = domains_grow(f) < 0 ? no_memory(err) : 0;
    if (st >= 0)
        st = env_open(f, err);
    const struct seen_set_config seen = { .folder = folder };
    if (st >= 0)
        st = state_read(f, err);
    if (st >= 0)
        st = sitemaps_read(f, err);
    if (st >= 0)
        st = seen_set_open(&seen, f->txn, &f->seen, err);
    if (st >= 0)
        st = taken_back(f, err);
    if (st >= 0)
        st = waiting_count(f, err);
    if (st < 0)
        frontier_close(f);
    else
        *out = f;
    return st;
}

void frontier_close(struct frontier *f) {
    if (!f)
        return;
    seen_set_close(f->seen);
    if (f->txn)
        mdb_txn_abort(f->txn);
    if (f->env)
        mdb_env_close(f->env);
    for (size_t i = 0; i < f->domain_cap; i++)
        free(f->domains[i]);
    free(f->domains);
    free(f->ring);
    wit_buf_finish(&f->record);
    free(f);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static uint64_t url_hash(struct wit_str url) {
    return wit_hash64_of(url.data, url.len, 0);
}

static MDB_val hash_key(uint64_t hash, uint8_t bytes[8]) {
    wit_store_be64(bytes, hash);
    return (MDB_val){ 8, bytes };
}

/* n more (or fewer) that ended for this reason. */
static int reason_count(struct frontier *f, enum wit_crawler_subject subject, const char *reason,
                        int64_t n, struct wit_error *err) {
    uint8_t name[1 + REASON_MOST_BYTES] = { (uint8_t)subject }, count[8];
    size_t len = strnlen(reason, REASON_MOST_BYTES);
    memcpy(name + 1, reason, len);
    MDB_val key = { 1 + len, name }, value;
    int rc = mdb_get(f->txn, f->reasons, &key, &value);
    uint64_t after = (uint64_t)n;
    if (rc == 0 && value.mv_size == sizeof count)
        after += wit_load_le64(value.mv_data);
    wit_store_le64(count, after);
    value = (MDB_val){ sizeof count, count };
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = after ? mdb_put(f->txn, f->reasons, &key, &value, 0)
                   : mdb_del(f->txn, f->reasons, &key, NULL);
    return rc ? fail(f, rc, "change", err) : 0;
}

/* A page that was refused waits again: 2; 0: it was not refused, or for its target's sake. */
static int refusal_forget(struct frontier *f, uint64_t hash, struct wit_error *err) {
    uint8_t bytes[8];
    char reason[REASON_MOST_BYTES + 1];
    MDB_val key = hash_key(hash, bytes), value;
    int rc = mdb_get(f->txn, f->refused, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0 || value.mv_size > REASON_MOST_BYTES)
        return fail(f, rc ? rc : MDB_CORRUPTED, "read", err);
    memcpy(reason, value.mv_data, value.mv_size);
    reason[value.mv_size] = 0;
    if (strcmp(reason, FRONTIER_REDIRECTED) == 0) /* its target has been seen in its place */
        return 0;
    rc = mdb_del(f->txn, f->refused, &key, NULL);
    if (rc != 0)
        return fail(f, rc, "change", err);
    f->totals.refused--;
    int st = reason_count(f, WIT_CRAWLER_PAGE, reason, -1, err);
    return st < 0 ? st : 2;
}

/* Note the URL as seen. 1: it is new; 2: it shall wait again; 0: it was known, and not refused or
 * not wanted `again`. */
static int seen_add(struct frontier *f, struct wit_str url, bool again, struct wit_error *err) {
    uint64_t hash = url_hash(url);
    int st = seen_set_add(f->seen, f->txn, hash, err);
    return st == 0 && again ? refusal_forget(f, hash, err) : st;
}

static int page_wait(struct frontier *f, const struct frontier_page *page, bool seed,
                     struct wit_error *err) {
    uint8_t id[FRONTIER_ID_BYTES];
    struct domain *d = NULL;
    int st = begin(f, err);
    if (st >= 0)
        st = domain_of(f, wit_hash64_of(page->domain.data, page->domain.len, 0), &d, err);
    if (st >= 0 && !seed && f->context.domain_pages_most &&
        d->known >= f->context.domain_pages_most) {
        st = seen_set_has(f->seen, f->txn, url_hash(page->url), err);
        return st < 0 ? st : st ? FRONTIER_KNOWN : FRONTIER_FULL;
    }
    if (st >= 0)
        st = seen_add(f, page->url, seed, err);
    if (st <= 0)
        return st;
    d->known += st == 1;
    domain_change(f, d);
    wit_buf_reset(&f->record);
    uint8_t head = (uint8_t)(page->hops | (page->sitemap_only ? SITEMAP_ONLY : 0));
    if (wit_buf_append_byte(&f->record, (char)head) < 0 ||
        wit_buf_append_str(&f->record, page->url) < 0)
        return no_memory(err);
    /* another hash than that of the set of seen URLs, so that it doesn't inherit its collisions */
    uint64_t number =
        f->context.rounds ? wit_hash64_of(page->url.data, page->url.len, 1) : f->next_number++;
    id_make(id, d->hash, page->depth, number);
    MDB_val key = { sizeof id, id }, value = { f->record.len, f->record.data };
    int rc = mdb_put(f->txn, f->waiting, &key, &value, 0);
    if (rc != 0)
        return fail(f, rc, "change", err);
    d->waiting++;
    f->totals.waiting++;
    ring_push(f, d);
    return FRONTIER_WAITS;
}

int frontier_add(struct frontier *f, const struct frontier_page *page, struct wit_error *err) {
    return page_wait(f, page, false, err);
}

int frontier_add_again(struct frontier *f, const struct frontier_page *page,
                       struct wit_error *err) {
    return page_wait(f, page, true, err);
}

static uint32_t id_depth(const uint8_t *id) {
    return (uint32_t)id[8] << 8 | id[9];
}

static uint64_t id_number(const uint8_t *id) {
    return wit_load_be64(id + 10);
}

static bool is_within(const struct frontier_limits *limits, const MDB_val *id) {
    return id_depth(id->mv_data) <= limits->depth_most &&
           id_number(id->mv_data) <= limits->number_most;
}

/* Move the first page of the domain from waiting to taken: 1; 0 when it is beyond the limits. */
static int first_take(struct frontier *f, const struct domain *d, struct frontier_taken *out,
                      struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    uint8_t from[FRONTIER_ID_BYTES];
    MDB_val key = { sizeof from, from }, value;
    id_make(from, d->hash, 0, 0);
    int rc = mdb_cursor_open(f->txn, f->waiting, &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0 && key.mv_size == FRONTIER_ID_BYTES && id_domain(key.mv_data) == d->hash &&
        !is_within(&f->limits, &key)) {
        mdb_cursor_close(cursor);
        return 0;
    }
    int st = rc ? fail(f, rc, "read", err) : record_move(f, f->taken, &key, &value, out->id, err);
    if (st >= 0 && id_domain(out->id) != d->hash)
        st = wit_error_set(err, WIT_ECORRUPT, "%s lost a page that waited", f->path);
    if (st >= 0 && (rc = mdb_cursor_del(cursor, 0)) != 0)
        st = fail(f, rc, "change", err);
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    out->url = wit_str_slice(wit_buf_view(&f->record), 1, f->record.len);
    out->hops = (uint8_t)f->record.data[0] & ~(unsigned)SITEMAP_ONLY;
    out->sitemap_only = (uint8_t)f->record.data[0] & SITEMAP_ONLY;
    out->depth = id_depth(out->id);
    return 1;
}

int frontier_take(struct frontier *f, uint32_t most, struct frontier_taken *out,
                  struct wit_error *err) {
    int st = begin(f, err);
    while (st >= 0 && f->ring_count) {
        struct domain *d = ring_pop(f);
        if (d->taken >= most || d->stopped) /* frontier_done gives it its turn back */
            continue;
        st = first_take(f, d, out, err);
        if (st < 0)
            break;
        if (st == 0) /* nor is any other of it within the limits, until they change */
            continue;
        d->waiting--;
        d->taken++;
        f->totals.waiting--;
        f->totals.taken++;
        ring_push(f, d);
        return 1;
    }
    return st;
}

void frontier_limit(struct frontier *f, const struct frontier_limits *limits) {
    f->limits = *limits;
    for (size_t i = 0; i < f->domain_cap; i++) /* those that had nothing within the old ones */
        if (f->domains[i])
            ring_push(f, f->domains[i]);
}

/* ---- rounds --------------------------------------------------------------------------------- */

/* Of domains that have not stopped. */
static int waiting_each(struct frontier *f, void (*fn)(void *user, const uint8_t *id), void *user,
                        struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int rc = mdb_cursor_open(f->txn, f->waiting, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if (key.mv_size == FRONTIER_ID_BYTES &&
            !(*domain_slot(f->domains, f->domain_cap, id_domain(key.mv_data)))->stopped)
            fn(user, key.mv_data);
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : fail(f, rc, "read", err);
}

struct least_depth {
    uint32_t depth;
    uint64_t pages;
};

static void depth_note(void *user, const uint8_t *id) {
    struct least_depth *l = user;
    if (id_depth(id) < l->depth)
        *l = (struct least_depth){ .depth = id_depth(id) };
    l->pages += id_depth(id) == l->depth;
}

/* The n-th lowest number of a depth, found by 16 bits a pass, so in 512 KiB for any count. */
enum { PASS_BITS = 16, PASS_BINS = 1 << PASS_BITS };

struct number_pass {
    uint32_t depth;
    unsigned shift;  /* of the bits of this pass */
    uint64_t prefix; /* what the bits above them must be */
    uint64_t bins[PASS_BINS];
};

static void number_note(void *user, const uint8_t *id) {
    struct number_pass *p = user;
    uint64_t number = id_number(id);
    bool above = p->shift + PASS_BITS == 64 || number >> (p->shift + PASS_BITS) == p->prefix;
    if (id_depth(id) == p->depth && above)
        p->bins[number >> p->shift & (PASS_BINS - 1)]++;
}

static int number_find(struct frontier *f, uint32_t depth, uint64_t n, uint64_t *out,
                       struct wit_error *err) {
    struct number_pass *p = calloc(1, sizeof *p);
    int st = p ? 0 : no_memory(err);
    for (unsigned pass = 1; st >= 0 && pass <= 64 / PASS_BITS; pass++) {
        p->depth = depth;
        p->shift = 64 - pass * PASS_BITS;
        memset(p->bins, 0, sizeof p->bins);
        st = waiting_each(f, number_note, p, err);
        uint64_t bin = 0;
        while (bin < PASS_BINS - 1 && n > p->bins[bin])
            n -= p->bins[bin++];
        p->prefix = p->prefix << PASS_BITS | bin;
    }
    if (st >= 0)
        *out = p->prefix;
    free(p);
    return st;
}

int frontier_round(struct frontier *f, uint64_t budget, struct frontier_limits *out,
                   struct wit_error *err) {
    struct least_depth least = { .depth = UINT32_MAX };
    int st = budget ? begin(f, err) : 0;
    if (st >= 0 && budget)
        st = waiting_each(f, depth_note, &least, err);
    if (st < 0 || least.pages == 0)
        return st;
    *out = (struct frontier_limits){ .depth_most = least.depth, .number_most = UINT64_MAX };
    if (least.pages > budget)
        st = number_find(f, least.depth, budget, &out->number_most, err);
    return st < 0 ? st : 1;
}

/* ---- pages, further on ----------------------------------------------------------------------- */

/* The reason stands with the URL, so that a page can be asked for again. */
static int refusal_note(struct frontier *f, struct wit_str url, const char *reason,
                        struct wit_error *err) {
    uint8_t bytes[8];
    char text[REASON_MOST_BYTES + 1];
    snprintf(text, sizeof text, "%s", reason);
    MDB_val key = hash_key(url_hash(url), bytes), value = { strlen(text), text };
    int rc = mdb_put(f->txn, f->refused, &key, &value, 0);
    if (rc != 0)
        return fail(f, rc, "change", err);
    return reason_count(f, WIT_CRAWLER_PAGE, text, 1, err);
}

int frontier_pair_add(struct frontier *f, struct wit_hash128 pair, struct wit_error *err) {
    uint8_t hash[16];
    wit_hash128_to_bytes(pair, hash);
    MDB_val key = { sizeof hash, hash }, value = { 0, NULL };
    int st = begin(f, err);
    if (st < 0)
        return st;
    int rc = mdb_put(f->txn, f->pairs, &key, &value, MDB_NOOVERWRITE);
    return rc == 0 ? 1 : rc == MDB_KEYEXIST ? 0 : fail(f, rc, "change", err);
}

int frontier_yield(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], bool has_new_pair,
                   struct wit_error *err) {
    struct domain *d = NULL;
    int st = begin(f, err);
    if (st >= 0)
        st = domain_of(f, id_domain(id), &d, err);
    if (st < 0)
        return st;
    uint32_t barren = has_new_pair ? 0 : d->barren < UINT32_MAX ? d->barren + 1 : d->barren;
    if (barren == d->barren)
        return 0;
    d->barren = barren;
    domain_change(f, d);
    return domain_judge(f, d, err);
}

int frontier_leave(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_error *err) {
    struct domain *d = NULL;
    int st = begin(f, err);
    if (st >= 0)
        st = domain_of(f, id_domain(id), &d, err);
    if (st < 0)
        return st;
    d->taken--;
    ring_push(f, d);
    return 0;
}

int frontier_done(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_str url,
                  const char *reason, struct wit_error *err) {
    uint8_t copy[FRONTIER_ID_BYTES];
    memcpy(copy, id, sizeof copy);
    struct domain *d = NULL;
    MDB_val key = { sizeof copy, copy };
    int st = begin(f, err);
    if (st >= 0)
        st = domain_of(f, id_domain(copy), &d, err);
    if (st < 0)
        return st;
    int rc = mdb_del(f->txn, f->taken, &key, NULL);
    if (rc != 0)
        return fail(f, rc, "change", err);
    d->taken--;
    f->totals.taken--;
    *(reason ? &f->totals.refused : &f->totals.read) += 1;
    ring_push(f, d);
    return reason ? refusal_note(f, url, reason, err) : 0;
}

int frontier_count(struct frontier *f, enum wit_crawler_subject subject, const char *reason,
                   uint64_t n, struct wit_error *err) {
    int st = begin(f, err);
    return st < 0 ? st : reason_count(f, subject, reason, (int64_t)n, err);
}

void frontier_count_sitemap(struct frontier *f) {
    f->totals.sitemaps++;
}

/* ---- the feed ------------------------------------------------------------------------------- */

static MDB_val feed_key(void) {
    static char name[] = "feed";
    return (MDB_val){ sizeof name - 1, name };
}

/* Forget what was refused of one subject. */
static int reasons_drop(struct frontier *f, enum wit_crawler_subject subject,
                        struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    uint8_t first = (uint8_t)subject;
    MDB_val key = { 1, &first }, value;
    int rc = mdb_cursor_open(f->txn, f->reasons, &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && key.mv_size && *(const uint8_t *)key.mv_data == (uint8_t)subject) {
        rc = mdb_cursor_del(cursor, 0);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : fail(f, rc, "change", err);
}

int frontier_feed_begin(struct frontier *f, struct wit_hash128 identity,
                        struct wit_crawler_feed_position *out, bool *replaces,
                        struct wit_error *err) {
    MDB_val key = feed_key(), value;
    int st = begin(f, err);
    if (st < 0)
        return st;
    int rc = mdb_get(f->txn, f->meta, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return fail(f, rc, "read", err);
    struct wit_crawler_feed_position at = { .rows = 0 };
    bool found = rc == 0, same = false;
    if (found) {
        const uint8_t *p = value.mv_data;
        if (value.mv_size < FEED_HEAD_BYTES || value.mv_size > FEED_HEAD_BYTES + sizeof at.bytes)
            return wit_error_set(err, WIT_ECORRUPT, "%s holds no position of a feed", f->path);
        same = wit_hash128_eq(wit_hash128_from_bytes(p), identity);
        at.rows = wit_load_le64(p + 16);
        at.len = value.mv_size - FEED_HEAD_BYTES;
        memcpy(at.bytes, p + FEED_HEAD_BYTES, at.len);
    }
    if (found && !same)
        st = reasons_drop(f, WIT_CRAWLER_ROW, err);
    if (st < 0)
        return st;
    f->has_feed = true;
    f->feed = identity;
    f->feed_position = same ? at : (struct wit_crawler_feed_position){ .rows = 0 };
    *out = f->feed_position;
    *replaces = found && !same;
    return same;
}

void frontier_feed_reached(struct frontier *f, const struct wit_crawler_feed_position *at) {
    f->feed_position = *at;
}

static int feed_write(struct frontier *f) {
    uint8_t bytes[FEED_HEAD_BYTES + sizeof f->feed_position.bytes];
    wit_hash128_to_bytes(f->feed, bytes);
    wit_store_le64(bytes + 16, f->feed_position.rows);
    memcpy(bytes + FEED_HEAD_BYTES, f->feed_position.bytes, f->feed_position.len);
    MDB_val key = feed_key(), value = { FEED_HEAD_BYTES + f->feed_position.len, bytes };
    return mdb_put(f->txn, f->meta, &key, &value, 0);
}

/* ---- the whole ------------------------------------------------------------------------------ */

bool frontier_scope_changed(const struct frontier *f) {
    return f->scope_changed;
}

int frontier_commit(struct frontier *f, struct wit_error *err) {
    uint8_t state[STATE_BYTES];
    int st = begin(f, err);
    if (st >= 0)
        st = domains_store(f, err);
    if (st < 0)
        return st;
    wit_store_le32(state, VERSION);
    wit_store_le64(state + 4, f->next_number);
    wit_store_le64(state + 12, f->totals.read);
    wit_store_le64(state + 20, f->totals.refused);
    wit_hash128_to_bytes(f->context.collection, state + 28);
    wit_hash128_to_bytes(f->context.scope, state + 44);
    MDB_val key = state_key(), value = { sizeof state, state };
    st = seen_set_commit_begin(f->seen, f->txn, err);
    if (st < 0)
        return st;
    int rc = mdb_put(f->txn, f->meta, &key, &value, 0);
    if (rc == 0 && f->has_feed)
        rc = feed_write(f);
    if (rc == 0)
        rc = sitemaps_write(f);
    if (rc == 0) {
        rc = mdb_txn_commit(f->txn);
        f->txn = NULL; /* freed, whatever came of it */
    }
    return rc ? fail(f, rc, "commit", err) : seen_set_commit_end(f->seen, err);
}

struct frontier_totals frontier_totals(const struct frontier *f) {
    return f->totals;
}

int frontier_reasons(struct frontier *f,
                     int (*fn)(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                               uint64_t count),
                     void *user, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = begin(f, err);
    if (st < 0)
        return st;
    int rc = mdb_cursor_open(f->txn, f->reasons, &cursor);
    while (rc == 0 && st == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if (key.mv_size >= 1 && value.mv_size == 8)
            st = fn(user, (enum wit_crawler_subject) * (const uint8_t *)key.mv_data,
                    wit_str_of((const char *)key.mv_data + 1, key.mv_size - 1),
                    wit_load_le64(value.mv_data));
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == 0 || rc == MDB_NOTFOUND ? st : fail(f, rc, "read", err);
}
