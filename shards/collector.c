/*
 * collector.c: appends to the logs, keeps the index.
 *
 * DIR/collect holds candidates.log, images-<0..f>.log, index.lmdb and lock. The index has three
 * named databases: `urls` (XXH3-128 of a URL -> what came of it), `reasons` (reason -> u64, how
 * many URLs ended so) and `meta` ("commit" -> struct collect_commit). A commit syncs the logs first
 * and then commits the index: whatever the index says is in the logs. One write transaction lives
 * from commit to commit.
 */
#include "collect.h"
#include "wit_shards_removed.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define INDEX_MAP_BYTES ((size_t)1 << 37) /* address space, not memory: 2 billion URLs */

struct wit_shards_collector {
    int lock_fd;
    struct wit_hash128 id; /* of struct collect_commit */
    MDB_env *env;
    MDB_dbi urls, reasons, meta;
    MDB_txn *txn; /* open from the first change to the commit */
    struct segment_writer candidates;
    struct segment_writer images[COLLECT_GROUPS];
    struct wit_shards_collected totals;
    struct wit_shards_removed *removed; /* as it was when the collector was opened */
    int failed; /* first failure: memory is ahead of the disk, nothing more is taken */
    char dir[WIT_PATH_MAX];
};

/* ---- the index ------------------------------------------------------------------------------ */

int collect_index_fail(struct wit_error *err, int rc, const char *dir, const char *what) {
    char path[WIT_PATH_MAX];
    if (rc == EIO && collect_path(path, dir, "index.lmdb", NULL) >= 0)
        rc = wit_write_errno(rc, path);
    if (rc > 0)
        return wit_error_errno(err, rc, "cannot %s the index %s/collect/index.lmdb", what, dir);
    int status = rc == MDB_MAP_FULL ? WIT_ENOSPC : WIT_ECORRUPT;
    return wit_error_set(err, status, "cannot %s the index %s/collect/index.lmdb: %s", what, dir,
                         mdb_strerror(rc));
}

static int env_open(const char *dir, const char *path, unsigned flags, MDB_env **out,
                    struct wit_error *err) {
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(env, 3);
    if (rc == 0)
        rc = mdb_env_set_mapsize(env, INDEX_MAP_BYTES);
    if (rc == 0) /* NOLOCK: the collector's own lock admits one process */
        rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK | flags, 0644);
    if (rc == 0) {
        *out = env;
        return 0;
    }
    if (env)
        mdb_env_close(env);
    return collect_index_fail(err, rc, dir, "open");
}

/* An index of which the power left half, or zeros, would be refused for ever, so it gets its name
 * when it is whole. */
static int index_make(const char *dir, const char *path, struct wit_error *err) {
    char temporary[WIT_PATH_MAX];
    MDB_env *env = NULL;
    int st = collect_path(temporary, dir, "index.lmdb.tmp", err);
    if (st < 0)
        return st;
    if (unlink(temporary) < 0 && errno != ENOENT)
        return wit_error_errno(err, errno, "cannot remove %s", temporary);
    st = env_open(dir, temporary, 0, &env, err);
    if (st < 0)
        return st;
    int rc = mdb_env_sync(env, 1);
    mdb_env_close(env);
    if (rc != 0)
        return collect_index_fail(err, rc, dir, "make");
    if (rename(temporary, path) < 0)
        return wit_error_errno(err, errno, "cannot rename %s to %s", temporary, path);
    return 0;
}

int collect_index_open(const char *dir, unsigned flags, MDB_env **out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = collect_path(path, dir, "index.lmdb", err);
    if (st >= 0 && !(flags & MDB_RDONLY) && !wit_file_exists(path))
        st = index_make(dir, path, err);
    return st < 0 ? st : env_open(dir, path, flags, out, err);
}

static MDB_val commit_key(void) {
    static char name[] = "commit";
    return (MDB_val){ sizeof name - 1, name };
}

static int commit_read(MDB_txn *txn, MDB_dbi meta, const char *dir, struct collect_commit *out,
                       struct wit_error *err) {
    MDB_val key = commit_key(), value;
    int rc = mdb_get(txn, meta, &key, &value);
    *out = (struct collect_commit){ .candidates = 0 };
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return collect_index_fail(err, rc, dir, "read");
    if (value.mv_size != COLLECT_COMMIT_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "%s/collect/index.lmdb holds no commit", dir);
    collect_commit_get(value.mv_data, out);
    return 0;
}

/* Also beside this process's own open write transaction: LMDB neither reuses nor overwrites pages
 * of the newest committed snapshot, so the read is whole. */
int collect_commit_load(const char *dir, struct collect_commit *out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi meta;
    *out = (struct collect_commit){ .candidates = 0 };
    int st = collect_path(path, dir, "index.lmdb", err);
    if (st < 0 || !wit_file_exists(path))
        return st;
    st = collect_index_open(dir, MDB_RDONLY, &env, err);
    if (st < 0)
        return st;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "meta", 0, &meta);
    if (rc == 0)
        st = commit_read(txn, meta, dir, out, err);
    else if (rc != MDB_NOTFOUND)
        st = collect_index_fail(err, rc, dir, "read");
    if (txn)
        mdb_txn_abort(txn);
    mdb_env_close(env);
    return st;
}

static int begin(struct wit_shards_collector *c, struct wit_error *err) {
    if (c->failed)
        return wit_error_set(err, c->failed, "%s/collect failed before and takes nothing more",
                             c->dir);
    if (c->txn)
        return 0;
    int rc = mdb_txn_begin(c->env, NULL, 0, &c->txn);
    return rc ? collect_index_fail(err, rc, c->dir, "change") : 0;
}

static int index_begin(struct wit_shards_collector *c, struct collect_commit *commit,
                       struct wit_error *err) {
    int st = collect_index_open(c->dir, 0, &c->env, err);
    /* A commit whose last write failed may be on the disk all the same, while the file as it reads
     * has the one before: the logs are cut to what that says only once the disk says so too. */
    int rc = st < 0 ? 0 : mdb_env_sync(c->env, 1);
    if (rc != 0)
        st = collect_index_fail(err, rc, c->dir, "sync");
    if (st >= 0)
        st = begin(c, err);
    if (st < 0)
        return st;
    rc = mdb_dbi_open(c->txn, "urls", MDB_CREATE, &c->urls);
    if (rc == 0)
        rc = mdb_dbi_open(c->txn, "reasons", MDB_CREATE, &c->reasons);
    if (rc == 0)
        rc = mdb_dbi_open(c->txn, "meta", MDB_CREATE, &c->meta);
    if (rc != 0)
        return collect_index_fail(err, rc, c->dir, "open");
    return commit_read(c->txn, c->meta, c->dir, commit, err);
}

static int url_put(struct wit_shards_collector *c, struct wit_str url,
                   const struct wit_shards_outcome *outcome, struct wit_error *err) {
    uint8_t key_bytes[16], value_bytes[COLLECT_OUTCOME_MOST_BYTES];
    wit_hash128_to_bytes(wit_hash128_of(url.data, url.len), key_bytes);
    MDB_val key = { sizeof key_bytes, key_bytes }, value = { 0, value_bytes };
    value.mv_size = collect_outcome_encode(outcome, value_bytes);
    int rc = mdb_put(c->txn, c->urls, &key, &value, 0);
    return rc ? collect_index_fail(err, rc, c->dir, "change") : 0;
}

/* The reason that stands for a URL, cut as url_put keeps it; empty when it is not a refused one. */
static struct wit_str reason_of(struct wit_shards_collector *c, struct wit_str url) {
    uint8_t key_bytes[16];
    wit_hash128_to_bytes(wit_hash128_of(url.data, url.len), key_bytes);
    MDB_val key = { sizeof key_bytes, key_bytes }, value;
    if (mdb_get(c->txn, c->urls, &key, &value) != 0 || value.mv_size < 2 ||
        *(const uint8_t *)value.mv_data != COLLECT_REFUSED)
        return wit_str_of(NULL, 0);
    return wit_str_of((const char *)value.mv_data + 1, value.mv_size - 1);
}

/* One URL more, or one less, that ended for this reason. */
static int reason_count(struct wit_shards_collector *c, struct wit_str reason, bool more,
                        struct wit_error *err) {
    uint8_t count[8];
    char name[COLLECT_REASON_MOST_BYTES]; /* the reason may lie in a page of the index that changes
                                           */
    size_t len = reason.len < COLLECT_REASON_MOST_BYTES ? reason.len : COLLECT_REASON_MOST_BYTES;
    if (len == 0)
        return 0;
    memcpy(name, reason.data, len);
    MDB_val key = { len, name }, value;
    int rc = mdb_get(c->txn, c->reasons, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return collect_index_fail(err, rc, c->dir, "read");
    uint64_t n = rc == 0 && value.mv_size == sizeof count ? wit_load_le64(value.mv_data) : 0;
    wit_store_le64(count, more ? n + 1 : n - (n > 0));
    value = (MDB_val){ sizeof count, count };
    rc = mdb_put(c->txn, c->reasons, &key, &value, 0);
    return rc ? collect_index_fail(err, rc, c->dir, "change") : 0;
}

/* ---- opening and closing -------------------------------------------------------------------- */

/* 0 or an errno. Who only looks whether it is held (wit_shards_collector_is_open) has it for an
 * instant, so one refusal is not believed. */
static int lock_take(int fd) {
    const struct timespec instant = { .tv_nsec = 5000000 };
    for (int tries = 0;; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK || tries == 3)
            return errno;
        nanosleep(&instant, NULL);
    }
}

int collect_lock(const char *dir, struct wit_error *err) {
    char path[WIT_PATH_MAX], holder[32] = "";
    int st = collect_path(path, dir, "lock", err);
    if (st < 0)
        return st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    int cause = lock_take(fd);
    if (cause) {
        ssize_t n = read(fd, holder, sizeof holder - 1);
        holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
        close(fd);
        if (cause != EWOULDBLOCK)
            return wit_error_errno(err, cause, "cannot lock %s", path);
        return wit_error_set(err, WIT_EEXIST,
                             "%s/collect is in use by process %s; wait for it or stop it", dir,
                             holder[0] ? holder : "(unknown)");
    }
    /* The number is for the sentence above only: without it the lock holds as well. */
    int n = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, holder, (size_t)n, 0) < 0)
        wit_log_debug("shards", "%s: the process number could not be noted", path);
    return fd;
}

bool wit_shards_collector_is_open(const char *dir) {
    char path[WIT_PATH_MAX];
    int fd = collect_path(path, dir, "lock", NULL) < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

/* Logs without an index would be cut to nothing: refuse, since somebody removed the index. */
static int index_missing_check(const char *dir, struct wit_error *err) {
    char index[WIT_PATH_MAX], log[WIT_PATH_MAX];
    uint64_t bytes;
    int st = collect_path(index, dir, "index.lmdb", err);
    if (st >= 0)
        st = collect_path(log, dir, "candidates.log", err);
    if (st < 0 || wit_file_exists(index) || !wit_file_exists(log))
        return st;
    st = wit_file_size(log, &bytes, err);
    if (st < 0 || bytes <= SEGMENT_HEADER_BYTES)
        return st;
    return wit_error_set(err, WIT_ECORRUPT,
                         "%s is missing beside its logs: restore it, or remove %s/collect to begin "
                         "anew",
                         index, dir);
}

static int logs_open(struct wit_shards_collector *c, const struct collect_commit *commit,
                     struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = collect_path(path, c->dir, "candidates.log", err);
    if (st >= 0)
        st = segment_writer_open(&c->candidates, path, SEGMENT_CANDIDATES, commit->candidates, err);
    for (unsigned g = 0; g < COLLECT_GROUPS && st >= 0; g++) {
        st = collect_images_path(path, c->dir, g, err);
        if (st >= 0)
            st = segment_writer_open(&c->images[g], path, SEGMENT_IMAGES, commit->images[g], err);
    }
    if (st >= 0)
        st = collect_path(path, c->dir, "", err);
    if (st >= 0)
        st = wit_dir_sync(path, err); /* the names of new logs */
    return st < 0 ? st : wit_dir_sync(c->dir, err);
}

int wit_shards_collector_open(const char *dir, struct wit_shards_collector **out,
                              struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct collect_commit commit = { .candidates = 0 };
    struct wit_shards_collector *c = calloc(1, sizeof *c);
    if (!c)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a collector");
    c->lock_fd = c->candidates.fd = -1;
    for (unsigned g = 0; g < COLLECT_GROUPS; g++)
        c->images[g].fd = -1;
    int n = snprintf(c->dir, sizeof c->dir, "%s", dir);
    int st = n < WIT_PATH_MAX ? collect_path(path, dir, "", err)
                              : wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    if (st >= 0)
        st = wit_dir_make_synced(dir, err);
    if (st >= 0)
        st = wit_dir_make(path, err); /* its name is synced with those of the logs */
    if (st >= 0)
        st = c->lock_fd = collect_lock(dir, err);
    if (st >= 0)
        st = index_missing_check(dir, err);
    if (st >= 0)
        st = wit_shards_removed_open(dir, &c->removed, err);
    if (st >= 0)
        st = index_begin(c, &commit, err);
    if (st >= 0)
        st = logs_open(c, &commit, err);
    c->id = commit.id;
    if (st >= 0 && !commit.id.hi && !commit.id.lo &&
        getrandom(&c->id, sizeof c->id, 0) != (ssize_t)sizeof c->id)
        st = wit_error_errno(err, errno, "no random number for %s", path);
    if (st < 0) {
        wit_shards_collector_close(c);
        return st;
    }
    c->totals = commit.totals;
    *out = c;
    return 0;
}

void wit_shards_collector_close(struct wit_shards_collector *c) {
    if (!c)
        return;
    if (c->txn)
        mdb_txn_abort(c->txn);
    if (c->env)
        mdb_env_close(c->env);
    segment_writer_close(&c->candidates);
    for (unsigned g = 0; g < COLLECT_GROUPS; g++)
        segment_writer_close(&c->images[g]);
    wit_shards_removed_close(c->removed);
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    free(c);
}

const struct wit_shards_removed *
wit_shards_collector_removed(const struct wit_shards_collector *c) {
    return c->removed;
}

struct wit_hash128 wit_shards_collector_id(const struct wit_shards_collector *c) {
    return c->id;
}

struct wit_shards_collected wit_shards_collector_totals(const struct wit_shards_collector *c) {
    return c->totals;
}

/* ---- adding --------------------------------------------------------------------------------- */

/* Whatever fails on the way to the disk ends the collector: the last commit is what counts. */
static int keep_failure(struct wit_shards_collector *c, int st) {
    if (st < 0 && !c->failed)
        c->failed = st;
    return st;
}

int wit_shards_collector_add_candidate(struct wit_shards_collector *c,
                                       const struct wit_shards_candidate *cand,
                                       struct wit_error *err) {
    uint8_t head[COLLECT_CANDIDATE_HEAD_MOST];
    int st = begin(c, err);
    if (st < 0)
        return st;
    if (!collect_candidate_complete(cand))
        return wit_error_set(err, WIT_EINVAL, "a candidate needs a URL and a text");
    int fixed = collect_candidate_encode(cand, head);
    if (fixed < 0)
        return wit_error_set(err, WIT_ELIMIT,
                             "a field of a candidate is over %zu bytes, or its rights over %u",
                             WIT_SHARDS_MAX_FIELD_BYTES, WIT_SHARDS_MAX_RIGHTS_BYTES);
    const struct wit_str pieces[] = { wit_str_of(head, (size_t)fixed),
                                      cand->url,
                                      cand->text,
                                      cand->page,
                                      cand->extra,
                                      cand->digest,
                                      cand->rights };
    st = segment_writer_append(&c->candidates, FRAME_CANDIDATE, pieces, WIT_COUNT_OF(pieces),
                               WIT_STR(""), err);
    if (st >= 0)
        c->totals.candidates++;
    return keep_failure(c, st);
}

/* 1, 0, WIT_ENOMEM. */
static int image_is_removed(const struct wit_shards_collector *c,
                            const struct collect_image *image) {
    if (wit_shards_removed_key(c->removed, image->key))
        return 1;
    int st = wit_shards_removed_url(c->removed, image->fetched.url);
    return st ? st : wit_shards_removed_url(c->removed, image->fetched.final_url);
}

int wit_shards_collector_add_image(struct wit_shards_collector *c,
                                   const struct wit_shards_fetched *image, struct wit_error *err) {
    uint8_t head[COLLECT_IMAGE_HEAD_MOST];
    struct collect_image record = { .fetched = *image };
    int st = begin(c, err);
    if (st < 0)
        return st;
    if (image->url.len == 0 || image->bytes.len == 0)
        return wit_error_set(err, WIT_EINVAL, "an image needs a URL and bytes");
    record.stored = wit_hash128_of(image->bytes.data, image->bytes.len);
    record.key = image->changed ? image->fetched_key : record.stored;
    const struct wit_shards_outcome outcome = {
        .status = COLLECT_STORED,
        .key = record.key,
        .width_px = image->info.width,
        .height_px = image->info.height,
        .fetched_width_px = image->changed ? image->fetched_width : image->info.width,
        .fetched_height_px = image->changed ? image->fetched_height : image->info.height
    };
    st = image_is_removed(c, &record);
    if (st != 0)
        return st < 0 ? wit_error_set(err, st, "no memory for a URL")
                      : wit_shards_collector_add_refusal(c, image->url,
                                                         WIT_STR(WIT_SHARDS_REMOVED_REASON), err);
    int fixed = collect_image_encode(&record, head);
    if (fixed < 0)
        return wit_error_set(err, WIT_ELIMIT,
                             "an image of %zu bytes, or one of its fields, is over its ceiling",
                             image->bytes.len);
    const struct wit_str pieces[] = { wit_str_of(head, (size_t)fixed), image->url, image->final_url,
                                      image->headers, image->rights };
    unsigned group = (unsigned)(record.key.hi >> (64 - COLLECT_GROUP_BITS));
    st = segment_writer_append(&c->images[group], FRAME_IMAGE, pieces, WIT_COUNT_OF(pieces),
                               image->bytes, err);
    if (st >= 0 && wit_shards_collector_find(c, image->url) == COLLECT_REFUSED) {
        st = reason_count(c, reason_of(c, image->url), false, err);
        c->totals.refusals--;
    }
    if (st >= 0)
        st = url_put(c, image->url, &outcome, err);
    if (st >= 0) {
        c->totals.images++;
        c->totals.image_bytes += image->bytes.len;
    }
    return keep_failure(c, st);
}

int wit_shards_collector_add_refusal(struct wit_shards_collector *c, struct wit_str url,
                                     struct wit_str reason, struct wit_error *err) {
    const struct wit_shards_outcome outcome = { .status = COLLECT_REFUSED, .reason = reason };
    int st = begin(c, err);
    if (st < 0)
        return st;
    int known = wit_shards_collector_find(c, url);
    if (known == COLLECT_STORED) /* what is stored stays stored */
        return 0;
    if (known == COLLECT_REFUSED)
        st = reason_count(c, reason_of(c, url), false, err);
    if (st >= 0)
        st = url_put(c, url, &outcome, err);
    if (st >= 0)
        st = reason_count(c, reason, true, err);
    if (st >= 0)
        c->totals.refusals += known != COLLECT_REFUSED;
    return keep_failure(c, st);
}

int wit_shards_collector_forget_refusal(struct wit_shards_collector *c, struct wit_str url,
                                        struct wit_error *err) {
    uint8_t key_bytes[16];
    int st = begin(c, err);
    if (st < 0 || wit_shards_collector_find(c, url) != COLLECT_REFUSED)
        return st;
    st = reason_count(c, reason_of(c, url), false, err);
    wit_hash128_to_bytes(wit_hash128_of(url.data, url.len), key_bytes);
    MDB_val key = { sizeof key_bytes, key_bytes };
    int rc = st < 0 ? 0 : mdb_del(c->txn, c->urls, &key, NULL);
    if (rc != 0)
        st = collect_index_fail(err, rc, c->dir, "change");
    if (st >= 0)
        c->totals.refusals--;
    return st < 0 ? keep_failure(c, st) : 1;
}

int wit_shards_collector_reasons(struct wit_shards_collector *c, wit_shards_reason_fn fn,
                                 void *user, struct wit_error *err) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int st = begin(c, err);
    if (st < 0)
        return st;
    int rc = mdb_cursor_open(c->txn, c->reasons, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if (value.mv_size == 8 && wit_load_le64(value.mv_data) > 0)
            fn(user, wit_str_of(key.mv_data, key.mv_size), wit_load_le64(value.mv_data));
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : collect_index_fail(err, rc, c->dir, "read");
}

/* What came of a URL, valid until the index changes; nothing where it is not known. */
static void outcome_of(struct wit_shards_collector *c, struct wit_str url,
                       struct wit_shards_outcome *out) {
    uint8_t key_bytes[16];
    wit_hash128_to_bytes(wit_hash128_of(url.data, url.len), key_bytes);
    MDB_val key = { sizeof key_bytes, key_bytes }, value = { 0, NULL };
    if (begin(c, NULL) < 0 || mdb_get(c->txn, c->urls, &key, &value) != 0)
        value.mv_size = 0;
    collect_outcome_decode(wit_str_of(value.mv_data, value.mv_size), out);
}

int wit_shards_collector_find(struct wit_shards_collector *c, struct wit_str url) {
    struct wit_shards_outcome outcome;
    outcome_of(c, url, &outcome);
    return outcome.status;
}

bool wit_shards_collector_holds(struct wit_shards_collector *c, struct wit_str url,
                                struct wit_hash128 key) {
    struct wit_shards_outcome outcome;
    outcome_of(c, url, &outcome);
    return outcome.status == COLLECT_STORED && wit_hash128_eq(outcome.key, key);
}

int wit_shards_collector_commit(struct wit_shards_collector *c, struct wit_error *err) {
    struct collect_commit commit = { .id = c->id, .totals = c->totals };
    uint8_t bytes[COLLECT_COMMIT_BYTES];
    int st = begin(c, err);
    if (st < 0)
        return st;
    st = segment_writer_sync(&c->candidates, err);
    commit.candidates = c->candidates.length;
    for (unsigned g = 0; g < COLLECT_GROUPS && st >= 0; g++) {
        st = segment_writer_sync(&c->images[g], err);
        commit.images[g] = c->images[g].length;
    }
    if (st < 0)
        return keep_failure(c, st);
    collect_commit_put(&commit, bytes);
    MDB_val key = commit_key(), value = { sizeof bytes, bytes };
    int rc = mdb_put(c->txn, c->meta, &key, &value, 0);
    if (rc == 0) {
        rc = mdb_txn_commit(c->txn);
        c->txn = NULL; /* freed, whatever came of it */
    }
    return rc ? keep_failure(c, collect_index_fail(err, rc, c->dir, "commit")) : 0;
}

/* ---- reading back ---------------------------------------------------------------------------- */

int wit_shards_candidates_from(const char *dir, uint64_t *position, wit_shards_candidate_fn fn,
                               void *user, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct collect_commit commit;
    struct segment_reader reader;
    struct segment_frame frame;
    int st = collect_commit_load(dir, &commit, err);
    if (st >= 0)
        st = collect_path(path, dir, "candidates.log", err);
    if (st < 0)
        return st;
    st = segment_reader_open(&reader, path, SEGMENT_CANDIDATES, commit.candidates, err);
    if (st < 0)
        return st;
    if (*position)
        reader.offset = *position;
    while ((st = segment_reader_next(&reader, &frame, err)) > 0) {
        struct wit_shards_candidate cand;
        st = collect_candidate_decode(frame.head, &cand, err);
        if (st < 0) {
            wit_error_wrap(err, "%s: byte %llu", path, (unsigned long long)frame.offset);
            break;
        }
        st = fn(user, &cand, err);
        *position = reader.offset;
        if (st != 0)
            break;
    }
    segment_reader_close(&reader);
    return st;
}

int wit_shards_candidates_each(const char *dir, wit_shards_candidate_fn fn, void *user,
                               struct wit_error *err) {
    uint64_t position = 0;
    return wit_shards_candidates_from(dir, &position, fn, user, err);
}
