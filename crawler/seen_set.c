/*
 * seen_set.c: recent hashes in LMDB, older ones in files.
 *
 *   add -> recent --full--> file of level 0 --four of a level--> merged file of the next level
 *
 * A file is durable before the commit that names it, and removed after the commit that does not. So
 * a kill leaves at most files that nobody names, which the next open removes.
 */
#include "seen_set.h"

#include "run_files.h"
#include "seen_run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    RECENT_MOST = 1 << 20,
    MERGED = 4, /* files of one level become one of the next */
    RUNS_MOST = 128,
    MERGE_REST = 32,
    CACHE = 1 << 16 /* links are mostly to what a page before linked to: those are known quickly */
};

struct merge {
    struct seen_run from[MERGED]; /* the set's: it closes them */
    uint64_t number;              /* of the file that is made */
    const char *folder, *name;
    atomic_bool done, stop;
    int status;
    struct wit_error error;
    pthread_t thread;
    bool running; /* the thread is there */
};

struct seen_set {
    char folder[WIT_PATH_MAX], name[RUN_NAME_BYTES];
    uint64_t recent_most;
    MDB_dbi recent, runs_db;
    struct seen_run runs[RUNS_MOST]; /* newest last */
    size_t run_count;
    uint64_t next_number;
    struct merge merge;
    unsigned commits_to_rest; /* after a merge that failed, as on a disk without room for it */
    struct seen_run retired[MERGED]; /* merged: their files go after the commit */
    size_t retired_count;
    uint64_t cache[CACHE];
};

static int fail(const struct seen_set *s, int rc, const char *what, struct wit_error *err) {
    if (rc > 0)
        return wit_error_errno(err, wit_write_errno(rc, s->folder), "cannot %s the set '%s' of %s",
                               what, s->name, s->folder);
    return wit_error_set(err, rc == MDB_MAP_FULL ? WIT_ENOSPC : WIT_ECORRUPT,
                         "cannot %s the set '%s' of %s: %s", what, s->name, s->folder,
                         mdb_strerror(rc));
}

/* ---- the list of files ---------------------------------------------------------------------- */

enum { ENTRY_BYTES = 12 };

static int entry_put(struct seen_set *s, MDB_txn *txn, const struct seen_run *run,
                     struct wit_error *err) {
    uint8_t number[8], bytes[ENTRY_BYTES];
    wit_store_be64(number, run->number);
    wit_store_le32(bytes, run->level);
    wit_store_le64(bytes + 4, run->count);
    MDB_val key = { sizeof number, number }, value = { sizeof bytes, bytes };
    int rc = mdb_put(txn, s->runs_db, &key, &value, 0);
    return rc ? fail(s, rc, "change", err) : 0;
}

static int entry_remove(struct seen_set *s, MDB_txn *txn, const struct seen_run *run,
                        struct wit_error *err) {
    uint8_t number[8];
    wit_store_be64(number, run->number);
    MDB_val key = { sizeof number, number };
    int rc = mdb_del(txn, s->runs_db, &key, NULL);
    return rc ? fail(s, rc, "change", err) : 0;
}

static int run_add(struct seen_set *s, struct seen_run *run, struct wit_error *err) {
    if (s->run_count == RUNS_MOST)
        return wit_error_set(err, WIT_ELIMIT, "%s has more than %d files of the set '%s'",
                             s->folder, RUNS_MOST, s->name);
    int st = seen_run_open(run, s->folder, s->name, err);
    if (st < 0)
        return st;
    s->runs[s->run_count++] = *run;
    if (run->number >= s->next_number)
        s->next_number = run->number + 1;
    return 0;
}

static int entries_read(struct seen_set *s, MDB_txn *txn, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = 0, rc = mdb_cursor_open(txn, s->runs_db, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (key.mv_size != 8 || value.mv_size != ENTRY_BYTES) {
            st = wit_error_set(err, WIT_ECORRUPT, "%s has no list of the set '%s'", s->folder,
                               s->name);
            break;
        }
        struct seen_run run = { .number = wit_load_be64(key.mv_data),
                                .level = wit_load_le32(value.mv_data),
                                .count = wit_load_le64((const uint8_t *)value.mv_data + 4) };
        st = run_add(s, &run, err);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    return rc == MDB_NOTFOUND || rc == 0 ? 0 : fail(s, rc, "read", err);
}

static bool is_listed(void *user, uint64_t number) {
    const struct seen_set *s = user;
    for (size_t i = 0; i < s->run_count; i++)
        if (s->runs[i].number == number)
            return true;
    return false;
}

static int databases_open(struct seen_set *s, const char *prefix, MDB_txn *txn,
                          struct wit_error *err) {
    char recent[RUN_NAME_BYTES + 8], runs[RUN_NAME_BYTES + 8];
    snprintf(recent, sizeof recent, "%.31srecent", prefix ? prefix : "");
    snprintf(runs, sizeof runs, "%.31sruns", prefix ? prefix : "");
    int rc = mdb_dbi_open(txn, recent, MDB_CREATE, &s->recent);
    if (rc == 0)
        rc = mdb_dbi_open(txn, runs, MDB_CREATE, &s->runs_db);
    return rc ? fail(s, rc, "open", err) : 0;
}

int seen_set_open(const struct seen_set_config *cfg, MDB_txn *txn, struct seen_set **out,
                  struct wit_error *err) {
    struct seen_set *s = calloc(1, sizeof *s);
    if (!s)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a set of hashes");
    int n = snprintf(s->folder, sizeof s->folder, "%s", cfg->folder);
    s->recent_most = cfg->recent_most ? cfg->recent_most : RECENT_MOST;
    s->next_number = 1;
    snprintf(s->name, sizeof s->name, "%s", cfg->name ? cfg->name : "seen");
    int st = databases_open(s, cfg->prefix, txn, err);
    if (st >= 0 && n >= WIT_PATH_MAX)
        st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s", cfg->folder);
    if (st >= 0)
        st = entries_read(s, txn, err);
    if (st >= 0)
        st = run_files_remove_others(s->folder, s->name, is_listed, s, err);
    if (st < 0)
        seen_set_close(s);
    else
        *out = s;
    return st;
}

void seen_set_close(struct seen_set *s) {
    if (!s)
        return;
    if (s->merge.running) {
        atomic_store(&s->merge.stop, true);
        pthread_join(s->merge.thread, NULL);
    }
    for (size_t i = 0; i < s->run_count; i++)
        seen_run_close(&s->runs[i]);
    for (size_t i = 0; i < s->retired_count; i++)
        seen_run_close(&s->retired[i]);
    free(s);
}

size_t seen_set_runs(const struct seen_set *s) {
    return s->run_count;
}

/* ---- adding --------------------------------------------------------------------------------- */

static bool runs_have(const struct seen_set *s, uint64_t hash) {
    for (size_t i = s->run_count; i > 0; i--)
        if (seen_run_has(&s->runs[i - 1], hash))
            return true;
    return false;
}

int seen_set_add(struct seen_set *s, MDB_txn *txn, uint64_t hash, struct wit_error *err) {
    uint64_t *cached = &s->cache[hash % CACHE];
    uint8_t bytes[8];
    if (*cached == hash && hash) /* 0: nothing is cached there */
        return 0;
    wit_store_be64(bytes, hash);
    MDB_val key = { sizeof bytes, bytes }, value = { 0, NULL };
    int known = runs_have(s, hash);
    int rc = known ? MDB_KEYEXIST : mdb_put(txn, s->recent, &key, &value, MDB_NOOVERWRITE);
    if (rc != 0 && rc != MDB_KEYEXIST)
        return fail(s, rc, "change", err);
    *cached = hash;
    return rc == 0;
}

int seen_set_has(struct seen_set *s, MDB_txn *txn, uint64_t hash, struct wit_error *err) {
    uint8_t bytes[8];
    if ((s->cache[hash % CACHE] == hash && hash) || runs_have(s, hash))
        return 1;
    wit_store_be64(bytes, hash);
    MDB_val key = { sizeof bytes, bytes }, value;
    int rc = mdb_get(txn, s->recent, &key, &value);
    return rc == 0 ? 1 : rc == MDB_NOTFOUND ? 0 : fail(s, rc, "read", err);
}

/* ---- merging -------------------------------------------------------------------------------- */

enum { LOOK_EVERY = 1 << 16 }; /* hashes between two looks at the stop flag */

static int merge_into(struct merge *m, struct seen_writer *w) {
    uint64_t at[MERGED] = { 0 };
    for (uint64_t n = 0;; n++) {
        int least = -1;
        uint64_t hash = 0;
        if (n % LOOK_EVERY == 0 && atomic_load_explicit(&m->stop, memory_order_relaxed))
            return WIT_ECANCELED;
        for (int i = 0; i < MERGED; i++) {
            if (at[i] == m->from[i].count)
                continue;
            uint64_t first = seen_run_at(&m->from[i], at[i]);
            if (least < 0 || first < hash) {
                least = i;
                hash = first;
            }
        }
        if (least < 0)
            return 0;
        at[least]++;
        int st = seen_writer_put(w, hash, &m->error);
        if (st < 0)
            return st;
    }
}

static void *merge_main(void *user) {
    struct merge *m = user;
    struct seen_writer *w = NULL;
    uint64_t count = 0;
    for (int i = 0; i < MERGED; i++)
        count += m->from[i].count;
    int st = seen_writer_create(m->folder, m->name, m->number, count, &w, &m->error);
    if (st >= 0)
        st = merge_into(m, w);
    if (st >= 0)
        st = seen_writer_finish(w, &m->error);
    seen_writer_destroy(w);
    m->status = st;
    atomic_store(&m->done, true);
    return NULL;
}

/* Four files of the lowest level that has so many. */
static bool merge_choose(const struct seen_set *s, struct merge *m) {
    for (uint32_t level = 0; level < 64; level++) {
        size_t found = 0;
        for (size_t i = 0; i < s->run_count && found < MERGED; i++)
            if (s->runs[i].level == level)
                m->from[found++] = s->runs[i];
        if (found == MERGED)
            return true;
    }
    return false;
}

static void merge_start(struct seen_set *s) {
    struct merge *m = &s->merge;
    if (s->commits_to_rest) {
        s->commits_to_rest--;
        return;
    }
    if (m->running || !merge_choose(s, m))
        return;
    m->number = s->next_number++;
    m->folder = s->folder;
    m->name = s->name;
    m->error = (struct wit_error)WIT_ERROR_INIT;
    atomic_store(&m->done, false);
    int rc = pthread_create(&m->thread, NULL, merge_main, m);
    m->running = rc == 0;
    if (rc)
        s->commits_to_rest = MERGE_REST;
}

static void run_retire(struct seen_set *s, uint64_t number) {
    for (size_t i = 0; i < s->run_count; i++) {
        if (s->runs[i].number != number)
            continue;
        s->retired[s->retired_count++] = s->runs[i];
        memmove(&s->runs[i], &s->runs[i + 1], (s->run_count - i - 1) * sizeof *s->runs);
        s->run_count--;
        return;
    }
}

/* A merge that is done takes the place of its files. */
static int merge_adopt(struct seen_set *s, MDB_txn *txn, struct wit_error *err) {
    struct merge *m = &s->merge;
    struct seen_run made = { .number = m->number, .level = m->from[0].level + 1 };
    if (!m->running || !atomic_load(&m->done))
        return 0;
    pthread_join(m->thread, NULL);
    m->running = false;
    if (m->status < 0) { /* the four stay as they are; a commit does not depend on it */
        wit_log_warn("crawler", "%s; the files stay apart for now", m->error.text);
        s->commits_to_rest = MERGE_REST;
        return 0;
    }
    int st = 0;
    for (int i = 0; i < MERGED && st >= 0; i++) {
        made.count += m->from[i].count;
        st = entry_remove(s, txn, &m->from[i], err);
    }
    if (st >= 0)
        st = run_add(s, &made, err);
    if (st >= 0)
        st = entry_put(s, txn, &made, err);
    for (int i = 0; i < MERGED && st >= 0; i++)
        run_retire(s, m->from[i].number);
    return st;
}

/* ---- committing ----------------------------------------------------------------------------- */

static int recent_count(const struct seen_set *s, MDB_txn *txn, uint64_t *out,
                        struct wit_error *err) {
    MDB_stat stat;
    int rc = mdb_stat(txn, s->recent, &stat);
    if (rc == 0)
        *out = stat.ms_entries;
    return rc ? fail(s, rc, "read", err) : 0;
}

static int recent_copy(struct seen_set *s, MDB_txn *txn, struct seen_writer *w,
                       struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = 0, rc = mdb_cursor_open(txn, s->recent, &cursor);
    while (rc == 0 && st >= 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        st = key.mv_size == 8 ? seen_writer_put(w, wit_load_be64(key.mv_data), err)
                              : fail(s, MDB_CORRUPTED, "read", err);
    if (cursor)
        mdb_cursor_close(cursor);
    if (st < 0)
        return st;
    return rc == MDB_NOTFOUND || rc == 0 ? 0 : fail(s, rc, "read", err);
}

/* The recent ones become a file. */
static int recent_flush(struct seen_set *s, MDB_txn *txn, uint64_t count, struct wit_error *err) {
    struct seen_writer *w = NULL;
    struct seen_run run = { .number = s->next_number++, .count = count };
    int st = seen_writer_create(s->folder, s->name, run.number, count, &w, err);
    if (st >= 0)
        st = recent_copy(s, txn, w, err);
    if (st >= 0)
        st = seen_writer_finish(w, err);
    seen_writer_destroy(w);
    if (st >= 0)
        st = run_add(s, &run, err);
    if (st >= 0)
        st = entry_put(s, txn, &run, err);
    if (st < 0)
        return st;
    int rc = mdb_drop(txn, s->recent, 0);
    return rc ? fail(s, rc, "change", err) : 0;
}

int seen_set_commit_begin(struct seen_set *s, MDB_txn *txn, struct wit_error *err) {
    uint64_t count = 0;
    int st = recent_count(s, txn, &count, err);
    if (st >= 0 && count >= s->recent_most)
        st = recent_flush(s, txn, count, err);
    return st < 0 ? st : merge_adopt(s, txn, err);
}

int seen_set_commit_end(struct seen_set *s, struct wit_error *err) {
    for (; s->retired_count; s->retired_count--) {
        struct seen_run *run = &s->retired[s->retired_count - 1];
        seen_run_close(run);
        run_file_remove(s->folder, s->name, run->number);
    }
    merge_start(s);
    return 0;
}
