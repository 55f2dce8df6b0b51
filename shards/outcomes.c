/*
 * outcomes.c: candidates beside what came of their images.
 *
 * A crawl may be running there, and LMDB does not know of readers without a lock file. A snapshot
 * is whole until the second commit behind it: a write transaction reuses pages that were freed two
 * commits before it. So the index is asked in batches, each in a transaction of its own that lasts
 * milliseconds, and what was overtaken by more than one commit is asked again in smaller ones.
 */
#include "collect.h"

#include <stdlib.h>

enum { BATCH_MOST = 4096, TRIES_MOST = 100 };
#define BATCH_MOST_BYTES ((size_t)64 << 20)
#define BATCH_STOP_BYTES ((size_t)4 << 20)

/* A candidate that waits for its outcome; strings are in the batch's arena. */
struct row {
    struct wit_shards_candidate cand;
    uint8_t value[COLLECT_OUTCOME_MOST_BYTES]; /* as the index has it */
    size_t len;
};

/* 64-bit hashes of the rows that were given: open addressing, at most two thirds full. */
struct seen {
    uint64_t *hashes; /* 0: free */
    size_t slots, used;
};

struct join {
    const char *dir;
    MDB_env *env;
    MDB_dbi urls;
    struct seen seen;
    struct wit_arena *arena;
    size_t bytes; /* of it */
    struct row *rows;
    size_t count;
    wit_shards_outcome_fn fn;
    void *user;
};

/* ---- once each ------------------------------------------------------------------------------ */

static void seen_put(struct seen *s, uint64_t hash) {
    size_t at = hash & (s->slots - 1);
    while (s->hashes[at])
        at = (at + 1) & (s->slots - 1);
    s->hashes[at] = hash;
    s->used++;
}

static int seen_grow(struct seen *s, struct wit_error *err) {
    struct seen bigger = { .slots = s->slots ? 2 * s->slots : 1024 };
    bigger.hashes = calloc(bigger.slots, sizeof *bigger.hashes);
    if (!bigger.hashes)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the outcomes of %zu candidates",
                             s->used);
    for (size_t i = 0; i < s->slots; i++)
        if (s->hashes[i])
            seen_put(&bigger, s->hashes[i]);
    free(s->hashes);
    *s = bigger;
    return 0;
}

/* 1: this one is new; 0: it was there. */
static int seen_add(struct seen *s, uint64_t hash, struct wit_error *err) {
    hash += hash == 0;
    if (3 * (s->used + 1) > 2 * s->slots) {
        int st = seen_grow(s, err);
        if (st < 0)
            return st;
    }
    for (size_t at = hash & (s->slots - 1); s->hashes[at]; at = (at + 1) & (s->slots - 1))
        if (s->hashes[at] == hash)
            return 0;
    seen_put(s, hash);
    return 1;
}

/* Of all that makes a row; each text's length keeps them apart. */
static uint64_t row_hash(const struct wit_shards_candidate *c) {
    const struct wit_str texts[] = { c->url, c->text, c->page, c->extra };
    uint64_t hash = (uint64_t)c->source;
    for (size_t i = 0; i < WIT_COUNT_OF(texts); i++)
        hash = wit_hash64_of(texts[i].len ? texts[i].data : "", texts[i].len,
                             hash ^ (uint64_t)texts[i].len << 32);
    return hash;
}

/* ---- batches -------------------------------------------------------------------------------- */

static int look_up(struct join *j, MDB_txn *txn, struct row *row, struct wit_error *err) {
    uint8_t hash[16];
    wit_hash128_to_bytes(wit_hash128_of(row->cand.url.data, row->cand.url.len), hash);
    MDB_val key = { sizeof hash, hash }, value = { 0, NULL };
    int rc = mdb_get(txn, j->urls, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return collect_index_fail(err, rc, j->dir, "read");
    row->len = rc != 0 ? 0 : value.mv_size < sizeof row->value ? value.mv_size : sizeof row->value;
    if (row->len)
        memcpy(row->value, value.mv_data, row->len);
    return 0;
}

/* Rows [from, to). 1: what was read may be believed; 0: commits have overtaken it. */
static int batch_read(struct join *j, size_t from, size_t to, struct wit_error *err) {
    MDB_txn *txn = NULL;
    MDB_envinfo info;
    int st = 0, rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0)
        return collect_index_fail(err, rc, j->dir, "read");
    size_t begun = mdb_txn_id(txn);
    for (size_t i = from; i < to && st >= 0; i++)
        st = look_up(j, txn, &j->rows[i], err);
    mdb_env_info(j->env, &info);
    mdb_txn_abort(txn);
    if (info.me_last_txnid > begun + 1) /* whatever was found there, faults too */
        return 0;
    return st < 0 ? st : 1;
}

/* All that waits, in as many pieces as it takes. */
static int batch_read_all(struct join *j, struct wit_error *err) {
    size_t piece = j->count;
    unsigned tries = 0;
    for (size_t from = 0; from < j->count;) {
        size_t to = j->count - from < piece ? j->count : from + piece;
        int st = batch_read(j, from, to, err);
        if (st < 0)
            return st;
        if (st == 0 && ++tries == TRIES_MOST)
            return wit_error_set(err, WIT_EAGAIN,
                                 "the index of %s changes faster than it can be read", j->dir);
        if (st == 0 && piece > 1)
            piece /= 2;
        else if (st > 0)
            from = to;
    }
    return 0;
}

/* What waits, with its outcomes; then nothing waits. */
static int batch_give(struct join *j, struct wit_error *err) {
    int st = batch_read_all(j, err);
    for (size_t i = 0; i < j->count && st == 0; i++) {
        struct wit_shards_outcome outcome;
        collect_outcome_decode(wit_str_of(j->rows[i].value, j->rows[i].len), &outcome);
        st = j->fn(j->user, &j->rows[i].cand, &outcome, err);
    }
    j->count = j->bytes = 0;
    wit_arena_reset(j->arena);
    return st;
}

static bool keep(struct join *j, struct wit_str *s) {
    const char *copy = s->len ? wit_arena_copy(j->arena, s->data, s->len) : NULL;
    j->bytes += s->len;
    bool kept = copy || s->len == 0;
    s->data = copy;
    return kept;
}

static int on_candidate(void *user, const struct wit_shards_candidate *cand,
                        struct wit_error *err) {
    struct join *j = user;
    int st = seen_add(&j->seen, row_hash(cand), err);
    if (st <= 0)
        return st;
    struct row *row = &j->rows[j->count++];
    row->cand = *cand;
    if (!keep(j, &row->cand.url) || !keep(j, &row->cand.text) || !keep(j, &row->cand.page) ||
        !keep(j, &row->cand.extra) || !keep(j, &row->cand.digest) || !keep(j, &row->cand.rights))
        return wit_error_set(err, WIT_ENOMEM, "no memory for the outcomes of %s", j->dir);
    return j->count == BATCH_MOST || j->bytes > BATCH_STOP_BYTES ? batch_give(j, err) : 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int index_open(struct join *j, struct wit_error *err) {
    MDB_txn *txn = NULL;
    int st = collect_index_open(j->dir, MDB_RDONLY, &j->env, err);
    if (st < 0)
        return st;
    int rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "urls", 0, &j->urls);
    if (rc == 0) /* which keeps the handle */
        rc = mdb_txn_commit(txn);
    else if (txn)
        mdb_txn_abort(txn);
    if (rc == MDB_NOTFOUND) /* a collector that has not committed yet */
        return 0;
    return rc ? collect_index_fail(err, rc, j->dir, "read") : 1;
}

int wit_shards_outcomes_each(const char *dir, wit_shards_outcome_fn fn, void *user,
                             struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct join j = { .dir = dir, .fn = fn, .user = user };
    int st = collect_path(path, dir, "index.lmdb", err);
    if (st < 0)
        return st;
    if (!wit_file_exists(path))
        return wit_error_set(err, WIT_ENOTFOUND, "nothing was collected in %s", dir);
    j.rows = wit_alloc_array(BATCH_MOST, sizeof *j.rows);
    j.arena = wit_arena_create(BATCH_MOST_BYTES);
    st = j.rows && j.arena ? index_open(&j, err)
                           : wit_error_set(err, WIT_ENOMEM, "no memory for outcomes");
    if (st > 0) {
        st = wit_shards_candidates_each(dir, on_candidate, &j, err);
        if (st == 0)
            st = batch_give(&j, err);
    }
    if (j.env)
        mdb_env_close(j.env);
    wit_arena_destroy(j.arena);
    free(j.rows);
    free(j.seen.hashes);
    return st;
}
