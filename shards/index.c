/*
 * index.c: a dataset of tars that stay where they are. DIR/shards holds an index for each, named by
 * its place in the list and by what is known of the tar, so that a tar that did not change keeps
 * its index; DIR/dataset.json names them.
 */
#include "index_tar.h"
#include "publish.h"
#include "shard_file.h"
#include "shard_workers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX_MAX_BYTES ((size_t)32 << 30)

struct indexing {
    const char *dir;
    const struct wit_shards_import_config *cfg;
    struct wit_shards_index_config extra;
    struct wit_strings tars; /* paths, in order; its items are ours */
    size_t cap;
    char root[WIT_PATH_MAX]; /* DIR without links, */
    size_t parent;           /* and how much of it is its parent */
    struct manifest old;
    bool had_old;
    struct manifest_shard *results; /* by tar; samples == 0: none */
    atomic_size_t next;

    pthread_mutex_t lock; /* guards what follows, and is held for the callbacks */
    int status;           /* first failure of a worker */
    struct wit_error err;
    struct wit_shards_import_report report;
};

/* ---- the list of tars ----------------------------------------------------------------------- */

static int tar_add(struct indexing *ix, const char *path, struct wit_error *err) {
    if (ix->tars.count == ix->cap) {
        size_t more = ix->cap ? 2 * ix->cap : 64;
        char **bigger = wit_realloc_array(ix->tars.items, more, sizeof *bigger);
        if (!bigger)
            return wit_error_set(err, WIT_ENOMEM, "no memory for the names of tars");
        ix->tars.items = bigger;
        ix->cap = more;
    }
    char *copy = strdup(path);
    if (!copy)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the names of tars");
    ix->tars.items[ix->tars.count++] = copy;
    return 0;
}

static int on_tar(void *user, const char *path, struct wit_error *err) {
    return tar_add(user, path, err);
}

/* ---- one tar -------------------------------------------------------------------------------- */

/* The path that its index names a tar by: from DIR where it lies beside or in it, so that both can
 * be moved together; else whole. */
static int path_store(const struct indexing *ix, const char *path, char out[WIT_PATH_MAX],
                      struct wit_error *err) {
    char whole[WIT_PATH_MAX];
    size_t root = strlen(ix->root);
    if (!realpath(path, whole))
        return wit_error_errno(err, errno, "cannot find %s", path);
    int n = -1;
    if (strncmp(whole, ix->root, root) == 0 && whole[root] == '/')
        n = snprintf(out, WIT_PATH_MAX, "%s", whole + root + 1);
    else if (ix->parent && strncmp(whole, ix->root, ix->parent) == 0)
        n = snprintf(out, WIT_PATH_MAX, "../%s", whole + ix->parent);
    else
        n = snprintf(out, WIT_PATH_MAX, "%s", whole);
    return n < WIT_PATH_MAX ? 0 : wit_error_set(err, WIT_ELIMIT, "path is too long: %s", path);
}

/* Everything that an index follows from, so far as it is known without reading the tar. */
static int plan_make(const struct indexing *ix, const char *stored, const struct tar_facts *tar,
                     struct wit_hash128 *out, struct wit_error *err) {
    uint8_t facts[8 + 8 + 16 + 4 + 2];
    struct wit_hasher *h = wit_hasher_create();
    if (!h)
        return wit_error_set(err, WIT_ENOMEM, "no memory for an index");
    wit_store_le64(facts, tar->bytes);
    wit_store_le64(facts + 8, (uint64_t)tar->mtime_ns);
    wit_hash128_to_bytes(tar->ends, facts + 16);
    wit_store_le32(facts + 32, WIT_SHARDS_FORMAT_MAJOR << 16 | WIT_SHARDS_FORMAT_MINOR);
    facts[36] = ix->cfg->keep_without_words;
    facts[37] = ix->cfg->verify_decode;
    wit_hasher_update(h, stored, strlen(stored) + 1);
    wit_hasher_update(h, facts, sizeof facts);
    *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

static bool is_there(const char *path, uint64_t bytes) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == bytes;
}

/* 1: an earlier run made the index, and it holds. */
static int is_kept(const struct indexing *ix, const char *path, struct manifest_shard *shard,
                   struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    for (size_t i = 0; ix->had_old && i < ix->old.count; i++)
        if (strcmp(ix->old.shards[i].file, shard->file) == 0 &&
            is_there(path, ix->old.shards[i].file_bytes)) {
            *shard = ix->old.shards[i];
            return 1;
        }
    if (!wit_file_exists(path))
        return 0;
    int st = shard_file_measure(ix->dir, shard->file, MANIFEST_IN_PLACE, ix->cfg->interrupt, NULL,
                                NULL, shard, &why);
    if (st == WIT_ECANCELED || st == WIT_ENOMEM) {
        if (err)
            *err = why;
        return st;
    }
    return st >= 0;
}

static void on_refuse(void *user, const char *source, const char *key, const char *reason) {
    struct indexing *ix = user;
    if (!ix->extra.refused)
        return;
    pthread_mutex_lock(&ix->lock);
    ix->extra.refused(ix->cfg->user, source, key, reason);
    pthread_mutex_unlock(&ix->lock);
}

static void tell(struct indexing *ix, const char *source, const struct index_counts *c, bool kept,
                 const struct wit_error *fault) {
    const struct wit_shards_imported told = { .source = source,
                                              .samples = c->samples,
                                              .kept = kept,
                                              .fault = fault->status ? fault->text : NULL };
    struct wit_shards_import_report *r = &ix->report;
    pthread_mutex_lock(&ix->lock);
    r->sources++;
    r->kept += kept;
    r->faults += fault->status != 0;
    r->samples += c->samples;
    r->stored += c->stored;
    r->known += c->merged;
    r->refused += c->refused;
    r->facts_broken += c->facts_broken;
    r->facts_left_out += c->facts_left_out;
    r->ignored += c->ignored;
    if (ix->cfg->imported)
        ix->cfg->imported(ix->cfg->user, &told);
    if (ix->cfg->progress)
        ix->cfg->progress(ix->cfg->user, r->samples, r->refused);
    pthread_mutex_unlock(&ix->lock);
}

/* Make the index and read it and the tar back, every byte of its images. */
static int index_write(struct indexing *ix, struct tar_indexer *x, const char *source,
                       const char *stored, const struct tar_facts *facts, const char *path,
                       struct manifest_shard *shard, struct index_counts *counts,
                       struct wit_error *fault, struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(INDEX_MAX_BYTES);
    int st = tar_indexer_run(x, source, stored, facts, on_refuse, ix, counts, &bytes, fault, err);
    if (st >= 0 && counts->stored)
        st = wit_file_write_atomic(path, wit_buf_view(&bytes), err);
    wit_buf_finish(&bytes);
    if (st >= 0 && counts->stored)
        st = shard_file_measure(ix->dir, shard->file, MANIFEST_IN_PLACE, ix->cfg->interrupt, NULL,
                                NULL, shard, err);
    return st;
}

static int tar_take(struct indexing *ix, struct tar_indexer *x, size_t number,
                    struct wit_error *err) {
    const char *source = ix->tars.items[number];
    char stored[WIT_PATH_MAX], path[WIT_PATH_MAX];
    struct wit_error fault = WIT_ERROR_INIT;
    struct index_counts counts = { .samples = 0 };
    struct manifest_shard *shard = &ix->results[number];
    struct tar_facts facts;
    int kept = 0, fd = open(source, O_RDONLY | O_CLOEXEC);
    int st = fd < 0 ? wit_error_errno(&fault, errno, "cannot open %s", source)
                    : tar_facts_read(fd, source, &facts, &fault);
    if (fd >= 0)
        close(fd);
    if (st >= 0)
        st = path_store(ix, source, stored, &fault);
    if (st >= 0) {
        *shard = (struct manifest_shard){ .prefix = (uint32_t)number };
        st = plan_make(ix, stored, &facts, &shard->plan, err);
        manifest_file_name(shard, MANIFEST_IN_PLACE, shard->file);
        if (st >= 0)
            st = manifest_shard_path(path, ix->dir, shard->file, err);
        if (st >= 0)
            st = kept = is_kept(ix, path, shard, err);
        if (st == 0)
            st = index_write(ix, x, source, stored, &facts, path, shard, &counts, &fault, err);
    }
    if (st < 0 && !fault.status)
        return st;
    tell(ix, source, &counts, kept > 0, &fault);
    return 0;
}

static void *worker(void *arg) {
    struct indexing *ix = arg;
    struct wit_error err = WIT_ERROR_INIT;
    struct tar_indexer *x = NULL;
    int st = tar_indexer_create(ix->cfg, &x, &err);
    for (;;) {
        size_t i = atomic_fetch_add(&ix->next, 1);
        if (st >= 0 && i < ix->tars.count)
            st = tar_take(ix, x, i, &err);
        pthread_mutex_lock(&ix->lock);
        if (st < 0 && ix->status == 0) {
            ix->status = st;
            ix->err = err;
        }
        bool stop = ix->status < 0 || i >= ix->tars.count;
        pthread_mutex_unlock(&ix->lock);
        if (stop)
            break;
    }
    tar_indexer_destroy(x);
    return NULL;
}

/* ---- the folder ----------------------------------------------------------------------------- */

static int root_find(struct indexing *ix, struct wit_error *err) {
    if (!realpath(ix->dir, ix->root))
        return wit_error_errno(err, errno, "cannot find %s", ix->dir);
    const char *slash = strrchr(ix->root, '/');
    ix->parent = slash ? (size_t)(slash - ix->root) + 1 : 0;
    return 0;
}

static int folder_open(struct indexing *ix, int *lock, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = manifest_shard_path(path, ix->dir, "", err);
    if (st >= 0)
        st = wit_dir_make_synced(path, err);
    if (st >= 0)
        st = root_find(ix, err);
    if (st < 0)
        return st;
    *lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0)
        return wit_error_errno(err, errno, "cannot open directory %s", path);
    if (flock(*lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? wit_error_set(err, WIT_EEXIST, "another process indexes into %s", ix->dir)
                   : wit_error_errno(err, errno, "cannot lock %s", path);
    if (wit_path_join(path, ix->dir, "collect") == 0 && wit_file_exists(path))
        return wit_error_set(err, WIT_EEXIST, "%s holds a collection: name a folder of its own",
                             ix->dir);
    st = manifest_load(ix->dir, &ix->old, err);
    ix->had_old = st >= 0;
    if (st == WIT_ENOTFOUND)
        return 0;
    if (st >= 0 && ix->old.shard_bits != MANIFEST_IN_PLACE)
        return wit_error_set(err, WIT_EEXIST, "%s holds a sealed dataset: name a folder of its own",
                             ix->dir);
    return st;
}

static int publish(struct indexing *ix, struct wit_shards_seal_report *dataset,
                   struct wit_error *err) {
    struct manifest m = { .shard_bits = MANIFEST_IN_PLACE,
                          .shards = ix->results,
                          .tool = ix->extra.tool,
                          .sealed_at_s = wit_clock_wall_s() };
    for (size_t i = 0; i < ix->tars.count; i++)
        if (ix->results[i].samples)
            m.shards[m.count++] = ix->results[i];
    manifest_total(&m);
    bool same = ix->had_old && ix->old.count == m.count && wit_hash128_eq(ix->old.hash, m.hash);
    for (size_t i = 0; same && i < m.count; i++)
        same = strcmp(ix->old.shards[i].file, m.shards[i].file) == 0;
    int st = same ? dataset_strays_remove(ix->dir, &m, err) : dataset_publish(ix->dir, &m, err);
    if (st >= 0)
        *dataset = (struct wit_shards_seal_report){ .samples = m.samples,
                                                    .pairs = m.pairs,
                                                    .image_bytes = m.image_bytes,
                                                    .shards = m.count,
                                                    .changed = !same,
                                                    .hash = m.hash };
    return st;
}

int wit_shards_index(const char *dir, const struct wit_shards_import_config *cfg,
                     const struct wit_shards_index_config *extra,
                     struct wit_shards_import_report *report,
                     struct wit_shards_seal_report *dataset, struct wit_error *err) {
    struct indexing ix = { .dir = dir, .cfg = cfg };
    int lock = -1;
    if (cfg->source_count == 0 || cfg->from != WIT_SHARDS_IMPORT_WEBDATASET)
        return wit_error_set(err, WIT_EINVAL, "an index is made of tars");
    if (extra)
        ix.extra = *extra;
    if (pthread_mutex_init(&ix.lock, NULL) != 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory to index %s", dir);
    int st = folder_open(&ix, &lock, err);
    for (size_t i = 0; i < cfg->source_count && st >= 0; i++)
        st = import_tars_each(cfg->sources[i], on_tar, &ix, err);
    ix.results = wit_alloc_array(ix.tars.count + 1, sizeof *ix.results);
    if (st >= 0 && !ix.results)
        st = wit_error_set(err, WIT_ENOMEM, "no memory to index %s", dir);
    if (st >= 0) {
        shard_workers_run(ix.extra.threads, ix.tars.count, worker, &ix);
        st = ix.status;
        if (st < 0 && err)
            *err = ix.err;
    }
    if (st >= 0)
        st = publish(&ix, dataset, err);
    if (st >= 0)
        *report = ix.report;
    if (lock >= 0)
        close(lock);
    manifest_finish(&ix.old);
    wit_strings_finish(&ix.tars);
    free(ix.results);
    pthread_mutex_destroy(&ix.lock);
    return st < 0 ? st : 0;
}
