/* outcomes.c: candidates beside what came of their images. */
#include "collect.h"

#include <unistd.h>

struct join {
    const char *dir;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi urls;
    wit_shards_outcome_fn fn;
    void *user;
};

static int on_candidate(void *user, const struct wit_shards_candidate *cand,
                        struct wit_error *err) {
    struct join *j = user;
    struct wit_shards_outcome outcome;
    uint8_t hash[16];
    wit_hash128_to_bytes(wit_hash128_of(cand->url.data, cand->url.len), hash);
    MDB_val key = { sizeof hash, hash }, value = { 0, NULL };
    int rc = mdb_get(j->txn, j->urls, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return collect_index_fail(err, rc, j->dir, "read");
    collect_outcome_decode(wit_str_of(value.mv_data, rc == 0 ? value.mv_size : 0), &outcome);
    return j->fn(j->user, cand, &outcome, err);
}

static int index_read(struct join *j, struct wit_error *err) {
    int st = collect_index_open(j->dir, MDB_RDONLY, &j->env, err);
    if (st < 0)
        return st;
    int rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &j->txn);
    if (rc == 0)
        rc = mdb_dbi_open(j->txn, "urls", 0, &j->urls);
    return rc ? collect_index_fail(err, rc, j->dir, "read") : 0;
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
    int lock = collect_lock(dir, err);
    if (lock < 0)
        return lock;
    st = index_read(&j, err);
    if (st >= 0)
        st = wit_shards_candidates_each(dir, on_candidate, &j, err);
    if (j.txn)
        mdb_txn_abort(j.txn);
    if (j.env)
        mdb_env_close(j.env);
    close(lock);
    return st;
}
