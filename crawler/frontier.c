/*
 * frontier.c: the frontier as a whole: opened, committed, counted; the feed's position. Domains,
 * waiting pages, parked ones and rounds have files of their own: frontier_state.h names them.
 *
 * Every page ever added is in a set of hashes (seen_set.h), and so is a pair of each page that had
 * a new one. Their recent parts and lists of files are in DIR/crawl/frontier.lmdb, beside eight
 * named databases:
 *   refused  XXH3-64 of a URL -> why it was refused
 *   waiting  the tree: id -> u8 hops (and 128: sitemap only), URL
 *            id = u64 domain, u16 depth, u64 number, all big-endian
 *   taken    the same, of pages that are being asked for
 *   domains  u64 domain, big-endian -> u64 pages known, u32 barren, u8 stopped, u16 novelty
 *   journal  u64, big-endian, ascending -> id, u8 held, u8 hops, URL: what was parked last
 *   parked   u64 file, big-endian -> u64 pages, u32 least depth, u32 epoch in which they are held,
 *            128 bytes: a bit for each bucket that has come back
 *   reasons  u8 subject, reason -> u64: how many were refused for it
 *   meta     "state" -> u32 version, u64 next number, read, refused, 16 bytes collection, scope
 *            "parked" -> u64 pages, next of the journal, next file, u32 most of barren pages,
 *            u32 epoch; the bucket that comes back: u8 is there one, u32 which, u64 last file,
 *            u32 depth, u32 epoch, 18 bytes next id
 *            "feed" -> 16 bytes identity, u64 rows, the feed's own bytes of its position
 *            "sitemaps" -> u64: how many were read
 * One write transaction lives from commit to commit, so a kill brings back the last commit whole.
 * Version 3 had all waiting pages in the tree and the pairs in a database: it is taken over.
 */
#include "frontier_state.h"

#include <stdlib.h>

#define MAP_BYTES ((size_t)1 << 38) /* address space, not memory */

enum {
    VERSION = 4,
    VERSION_TREE = 3, /* reads as well */
    DATABASES = 16,
    WINDOW = 16384,
    STATE_BYTES = 4 + 3 * 8 + 2 * 16,
    REASON_MOST_BYTES = 63,
    FEED_HEAD_BYTES = 16 + 8
};

int frontier_fail(const struct frontier *f, int rc, const char *what, struct wit_error *err) {
    if (rc > 0)
        return wit_error_errno(err, wit_write_errno(rc, f->path), "cannot %s %s", what, f->path);
    return wit_error_set(err, rc == MDB_MAP_FULL ? WIT_ENOSPC : WIT_ECORRUPT, "cannot %s %s: %s",
                         what, f->path, mdb_strerror(rc));
}

int frontier_no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the frontier");
}

int frontier_begin(struct frontier *f, struct wit_error *err) {
    int rc = f->txn ? 0 : mdb_txn_begin(f->env, NULL, 0, &f->txn);
    return rc ? frontier_fail(f, rc, "change", err) : 0;
}

/* ---- reasons
 * -------------------------------------------------------------------------------------- */

int frontier_reason_count(struct frontier *f, enum wit_crawler_subject subject, const char *reason,
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
    return rc ? frontier_fail(f, rc, "change", err) : 0;
}

int frontier_count(struct frontier *f, enum wit_crawler_subject subject, const char *reason,
                   uint64_t n, struct wit_error *err) {
    int st = frontier_begin(f, err);
    return st < 0 ? st : frontier_reason_count(f, subject, reason, (int64_t)n, err);
}

void frontier_count_sitemap(struct frontier *f) {
    f->totals.sitemaps++;
}

int frontier_reasons(struct frontier *f,
                     int (*fn)(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                               uint64_t count),
                     void *user, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = frontier_begin(f, err);
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
    return rc == 0 || rc == MDB_NOTFOUND ? st : frontier_fail(f, rc, "read", err);
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
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : frontier_fail(f, rc, "read", err);
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
        return frontier_fail(f, rc, "read", err);
    const uint8_t *p = value.mv_data;
    if (value.mv_size != STATE_BYTES ||
        (wit_load_le32(p) != VERSION && wit_load_le32(p) != VERSION_TREE))
        return wit_error_set(err, WIT_ECORRUPT, "%s is not a frontier of version %d or %d", f->path,
                             VERSION_TREE, VERSION);
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

static int env_open(struct frontier *f, struct wit_error *err) {
    int rc = mdb_env_create(&f->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(f->env, DATABASES);
    if (rc == 0)
        rc = mdb_env_set_mapsize(f->env, MAP_BYTES);
    if (rc == 0) /* NOLOCK: the collector's lock admits one process */
        rc = mdb_env_open(f->env, f->path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK, 0644);
    if (rc != 0)
        return frontier_fail(f, rc, "open", err);
    int st = frontier_begin(f, err);
    if (st < 0)
        return st;
    const struct {
        const char *name;
        MDB_dbi *dbi;
    } dbs[] = {
        { "refused", &f->refused },        { "waiting", &f->waiting },   { "taken", &f->taken },
        { "domains", &f->domains_db },     { "reasons", &f->reasons },   { "meta", &f->meta },
        { "journal", &f->parked.journal }, { "parked", &f->parked.list }
    };
    for (size_t i = 0; i < WIT_COUNT_OF(dbs) && rc == 0; i++)
        rc = mdb_dbi_open(f->txn, dbs[i].name, MDB_CREATE, dbs[i].dbi);
    return rc ? frontier_fail(f, rc, "open", err) : 0;
}

/* Version 3 had the whole hashes of pairs in a database. */
static int pairs_take_over(struct frontier *f, struct wit_error *err) {
    MDB_dbi old;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = 0, rc = mdb_dbi_open(f->txn, "pairs", 0, &old);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0)
        rc = mdb_cursor_open(f->txn, old, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        st = key.mv_size == 16
                 ? seen_set_add(f->pairs, f->txn, wit_hash128_from_bytes(key.mv_data).lo, err)
                 : frontier_fail(f, MDB_CORRUPTED, "read", err);
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    if (rc == MDB_NOTFOUND)
        rc = mdb_drop(f->txn, old, 1);
    return rc ? frontier_fail(f, rc, "read", err) : 0;
}

static int sets_open(struct frontier *f, struct wit_error *err) {
    const struct seen_set_config seen = { .folder = f->folder }, pairs = { .folder = f->folder,
                                                                           .name = "pairs",
                                                                           .prefix = "pairs_" };
    int st = seen_set_open(&seen, f->txn, &f->seen, err);
    if (st >= 0)
        st = seen_set_open(&pairs, f->txn, &f->pairs, err);
    return st < 0 ? st : pairs_take_over(f, err);
}

static int all_open(struct frontier *f, const char *dir, struct wit_error *err) {
    if (wit_path_join(f->folder, dir, "crawl") < 0 ||
        wit_path_join(f->path, f->folder, "frontier.lmdb") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    int st = wit_dir_make(f->folder, err);
    if (st >= 0)
        st = domains_init(f, err);
    if (st >= 0)
        st = env_open(f, err);
    if (st >= 0)
        st = state_read(f, err);
    if (st >= 0)
        st = sitemaps_read(f, err);
    if (st >= 0)
        st = sets_open(f, err);
    if (st >= 0)
        st = parked_open(f, err);
    return st < 0 ? st : tree_open(f, err);
}

int frontier_open(const char *dir, const struct frontier_context *context, struct frontier **out,
                  struct wit_error *err) {
    struct frontier *f = calloc(1, sizeof *f);
    if (!f)
        return frontier_no_memory(err);
    f->context = *context;
    if (f->context.window == 0)
        f->context.window = WINDOW;
    f->limits = (struct frontier_limits)FRONTIER_NO_LIMITS;
    f->record = (struct wit_buf)WIT_BUF_INIT(1 + WIT_URL_MAX_BYTES);
    int st = all_open(f, dir, err);
    if (st < 0)
        frontier_close(f);
    else
        *out = f;
    return st;
}

void frontier_close(struct frontier *f) {
    if (!f)
        return;
    parked_close(f);
    seen_set_close(f->seen);
    seen_set_close(f->pairs);
    if (f->txn)
        mdb_txn_abort(f->txn);
    if (f->env)
        mdb_env_close(f->env);
    domains_finish(f);
    wit_buf_finish(&f->record);
    free(f);
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
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : frontier_fail(f, rc, "change", err);
}

int frontier_feed_begin(struct frontier *f, struct wit_hash128 identity,
                        struct wit_crawler_feed_position *out, bool *replaces,
                        struct wit_error *err) {
    MDB_val key = feed_key(), value;
    int st = frontier_begin(f, err);
    if (st < 0)
        return st;
    int rc = mdb_get(f->txn, f->meta, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return frontier_fail(f, rc, "read", err);
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
    int st = frontier_begin(f, err);
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
    st = parked_commit_begin(f, err);
    if (st >= 0)
        st = seen_set_commit_begin(f->seen, f->txn, err);
    if (st >= 0)
        st = seen_set_commit_begin(f->pairs, f->txn, err);
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
    if (rc != 0)
        return frontier_fail(f, rc, "commit", err);
    parked_commit_end(f);
    st = seen_set_commit_end(f->seen, err);
    return st < 0 ? st : seen_set_commit_end(f->pairs, err);
}

struct frontier_totals frontier_totals(const struct frontier *f) {
    return f->totals;
}
