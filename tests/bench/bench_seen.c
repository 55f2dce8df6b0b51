/*
 * bench_seen.c: how the set of seen URLs grows, beside one B-tree of the same hashes in LMDB (what
 * it replaced): bench_seen FOLDER MILLIONS. Both get the same links, alternately, a million at a
 * time, a commit every 100,000: half of them new, half known from anywhere. A JSON object a
 * million: CPU and wall seconds of each, ratio of both; both are on the disk of FOLDER.
 */
#include "seen_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { BLOCK = 1000000, COMMIT = 100000 };

struct store {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi tree;         /* the peer */
    struct seen_set *set; /* ours; NULL in the peer */
    char path[WIT_PATH_MAX];
};

static void check(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "bench_seen: %s failed\n", what);
        exit(1);
    }
}

static void store_open(struct store *s, const char *folder, bool ours) {
    struct seen_set_config cfg = { .folder = folder };
    check(wit_path_join(s->path, folder, ours ? "set.lmdb" : "tree.lmdb") == 0, "path");
    check(mdb_env_create(&s->env) == 0 && mdb_env_set_maxdbs(s->env, 2) == 0 &&
              mdb_env_set_mapsize(s->env, (size_t)1 << 38) == 0,
          "LMDB");
    check(mdb_env_open(s->env, s->path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK, 0644) == 0, "open");
    check(mdb_txn_begin(s->env, NULL, 0, &s->txn) == 0, "begin");
    if (ours)
        check(seen_set_open(&cfg, s->txn, &s->set, NULL) == 0, "seen_set_open");
    else
        check(mdb_dbi_open(s->txn, "seen", MDB_CREATE, &s->tree) == 0, "dbi");
}

static bool store_add(struct store *s, uint64_t hash) {
    uint8_t bytes[8];
    if (s->set) {
        int st = seen_set_add(s->set, s->txn, hash, NULL);
        check(st >= 0, "seen_set_add");
        return st;
    }
    wit_store_be64(bytes, hash);
    MDB_val key = { sizeof bytes, bytes }, value = { 0, NULL };
    int rc = mdb_put(s->txn, s->tree, &key, &value, MDB_NOOVERWRITE);
    check(rc == 0 || rc == MDB_KEYEXIST, "put");
    return rc == 0;
}

static void store_commit(struct store *s) {
    check(!s->set || seen_set_commit_begin(s->set, s->txn, NULL) == 0, "commit_begin");
    check(mdb_txn_commit(s->txn) == 0, "commit");
    check(!s->set || seen_set_commit_end(s->set, NULL) == 0, "commit_end");
    check(mdb_txn_begin(s->env, NULL, 0, &s->txn) == 0, "begin");
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct cost {
    double cpu_s, wall_s;
    uint64_t fresh;
};

/* Links `from` to `from + BLOCK`: the even ones are new, the odd ones known. */
static struct cost block_add(struct store *s, uint64_t from) {
    struct cost c = { -seconds(CLOCK_PROCESS_CPUTIME_ID), -seconds(CLOCK_MONOTONIC), 0 };
    for (uint64_t i = from; i < from + BLOCK; i++) {
        uint64_t which = i % 2 ? wit_mix64(i) % (i / 2 + 1) : i / 2;
        c.fresh += store_add(s, wit_mix64(which + 1));
        if (i % COMMIT == COMMIT - 1)
            store_commit(s);
    }
    c.cpu_s += seconds(CLOCK_PROCESS_CPUTIME_ID);
    c.wall_s += seconds(CLOCK_MONOTONIC);
    return c;
}

int main(int argc, char **argv) {
    struct store ours = { .set = NULL }, tree = { .set = NULL };
    uint64_t millions;
    if (argc != 3 || wit_str_to_u64(wit_str_from(argv[2]), &millions) < 0) {
        fprintf(stderr, "usage: bench_seen FOLDER MILLIONS\n");
        return 2;
    }
    check(wit_dir_make(argv[1], NULL) == 0, "mkdir");
    store_open(&ours, argv[1], true);
    store_open(&tree, argv[1], false);
    for (uint64_t m = 0; m < millions; m++) {
        struct cost a = block_add(&ours, m * BLOCK), b = block_add(&tree, m * BLOCK);
        check(a.fresh == b.fresh, "both count the same");
        printf("{\"bench\":\"crawler.seen\",\"links\":%" PRIu64 ",\"runs\":%zu,"
               "\"cpu_s\":%.3f,\"tree_cpu_s\":%.3f,\"cpu_ratio\":%.2f,"
               "\"wall_s\":%.3f,\"tree_wall_s\":%.3f,\"wall_ratio\":%.2f}\n",
               (m + 1) * BLOCK, seen_set_runs(ours.set), a.cpu_s, b.cpu_s, b.cpu_s / a.cpu_s,
               a.wall_s, b.wall_s, b.wall_s / a.wall_s);
        fflush(stdout);
    }
    seen_set_close(ours.set);
    mdb_txn_abort(ours.txn);
    mdb_txn_abort(tree.txn);
    mdb_env_close(ours.env);
    mdb_env_close(tree.env);
    return 0;
}
