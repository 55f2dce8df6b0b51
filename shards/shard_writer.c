/*
 * shard_writer.c: the only place where LMDB touches a shard.
 *
 * LMDB lays values down in the order of insertion, so keys come in order (MDB_APPEND) and samples
 * come whole before the first origin: a scan of the images is then sequential. Nothing is synced on
 * the way (MDB_NOSYNC): a file counts only after its one fsync and rename.
 */
#include "shard_writer.h"
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <unistd.h>

/* LMDB keeps what is not committed in memory; every thread of sealing may hold this much. */
#define CHUNK_BYTES ((size_t)32 << 20)
enum { CHUNK_RECORDS = 16384 }; /* its dirty list takes 131,071 */

/* Meta pages are pages 0 and 1; the map size stands behind page header, magic, version, address. */
enum { META_MAP_SIZE_AT = 16 + 4 + 4 + 8 };

struct writer {
    const struct shard_writer_input *input;
    char path[WIT_PATH_MAX], temporary[WIT_PATH_MAX];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    size_t pending_bytes, pending_records; /* since the last commit */
    struct wit_error *err;
};

static int mdb_fail(const struct writer *w, int rc, const char *what) {
    if (rc > 0)
        return wit_error_errno(w->err, wit_write_errno(rc, w->temporary), "cannot %s %s", what,
                               w->temporary);
    return wit_error_set(w->err, WIT_EINTERNAL, "cannot %s %s: %s", what, w->temporary,
                         mdb_strerror(rc));
}

/* A bound on the file that costs only address space; the map size is cut to the file at the end. */
static size_t map_bytes(const struct shard_writer_input *in) {
    size_t bytes = (size_t)64 << 20;
    for (uint64_t i = 0; i < in->count; i++) {
        const struct shard_writer_record *r = &in->records[i];
        bytes += 2 * (r->front.len + r->body_bytes + r->origin.len) + (size_t)64 * 1024;
    }
    return bytes & ~(size_t)0xffff;
}

static int env_open(struct writer *w) {
    if (unlink(w->temporary) < 0 && errno != ENOENT)
        return wit_error_errno(w->err, errno, "cannot remove %s", w->temporary);
    int rc = mdb_env_create(&w->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(w->env, 2);
    if (rc == 0)
        rc = mdb_env_set_mapsize(w->env, map_bytes(w->input));
    if (rc == 0)
        rc = mdb_env_open(w->env, w->temporary,
                          MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NOSYNC | MDB_NORDAHEAD, 0644);
    return rc ? mdb_fail(w, rc, "create") : 0;
}

static int commit(struct writer *w) {
    int rc = mdb_txn_commit(w->txn);
    w->txn = NULL; /* freed, whatever came of it */
    w->pending_bytes = w->pending_records = 0;
    return rc ? mdb_fail(w, rc, "write") : 0;
}

static int begin(struct writer *w) {
    int rc = mdb_txn_begin(w->env, NULL, 0, &w->txn);
    return rc ? mdb_fail(w, rc, "write") : 0;
}

/* Put record i of the pass: a sample when `bodies`, else an origin. */
static int put(struct writer *w, uint64_t i, bool bodies) {
    const struct shard_writer_record *r = &w->input->records[i];
    uint8_t key_bytes[16];
    struct wit_str front = bodies ? r->front : r->origin;
    size_t bytes = front.len + (bodies ? r->body_bytes : 0);
    wit_hash128_to_bytes(r->key, key_bytes);
    MDB_val key = { sizeof key_bytes, key_bytes }, value = { bytes, NULL };
    int rc = mdb_put(w->txn, w->dbi, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (rc != 0)
        return mdb_fail(w, rc, "write");
    memcpy(value.mv_data, front.data, front.len);
    w->pending_bytes += bytes;
    w->pending_records++;
    if (!bodies)
        return 0;
    return w->input->body(w->input->user, i, (char *)value.mv_data + front.len, w->err);
}

static int database_write(struct writer *w, const char *name, bool bodies) {
    int st = begin(w);
    if (st < 0)
        return st;
    int rc = mdb_dbi_open(w->txn, name, MDB_CREATE, &w->dbi);
    if (rc != 0)
        return mdb_fail(w, rc, "write");
    for (uint64_t i = 0; i < w->input->count && st >= 0; i++) {
        if (w->input->interrupt && *w->input->interrupt)
            return wit_error_set(w->err, WIT_ECANCELED, "interrupted while writing %s", w->path);
        st = put(w, i, bodies);
        if (st >= 0 && (w->pending_bytes >= CHUNK_BYTES || w->pending_records >= CHUNK_RECORDS)) {
            st = commit(w);
            if (st >= 0)
                st = begin(w);
        }
    }
    return st < 0 ? st : commit(w);
}

/* The file ends behind its last page and both meta pages say so: no slack, no map larger than it.
 */
static int trim(struct writer *w, int fd, uint64_t bytes, uint32_t page_bytes) {
    uint8_t size[8];
    wit_store_le64(size, bytes);
    if (ftruncate(fd, (off_t)bytes) < 0)
        return wit_error_errno(w->err, errno, "cannot trim %s", w->temporary);
    for (off_t page = 0; page < 2; page++) {
        ssize_t n = pwrite(fd, size, sizeof size, page * (off_t)page_bytes + META_MAP_SIZE_AT);
        if (n != (ssize_t)sizeof size)
            return wit_error_errno(w->err, wit_write_errno(n < 0 ? errno : EIO, w->temporary),
                                   "cannot write %s", w->temporary);
    }
    return 0;
}

static int finish(struct writer *w) {
    MDB_envinfo info;
    MDB_stat stat;
    int st = 0, fd = -1;
    int rc = mdb_env_info(w->env, &info);
    if (rc == 0)
        rc = mdb_env_stat(w->env, &stat);
    if (rc != 0)
        return mdb_fail(w, rc, "ask");
    mdb_env_close(w->env);
    w->env = NULL;
    fd = open(w->temporary, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(w->err, errno, "cannot open %s", w->temporary);
    st = trim(w, fd, (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize, stat.ms_psize);
    if (st >= 0 && fsync(fd) < 0)
        st = wit_error_errno(w->err, errno, "cannot sync %s", w->temporary);
    if (close(fd) < 0 && st >= 0)
        st = wit_error_errno(w->err, errno, "cannot close %s", w->temporary);
    if (st >= 0 && rename(w->temporary, w->path) < 0)
        st = wit_error_errno(w->err, errno, "cannot rename %s", w->temporary);
    return st;
}

int shard_write(const char *dir, const char *file, const struct shard_writer_input *input,
                struct wit_error *err) {
    struct writer w = { .input = input, .err = err };
    int st = manifest_shard_path(w.path, dir, file, err);
    if (st < 0)
        return st;
    int n = snprintf(w.temporary, sizeof w.temporary, "%s.tmp", w.path);
    if (n >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    st = env_open(&w);
    if (st >= 0)
        st = database_write(&w, "samples", true);
    if (st >= 0)
        st = database_write(&w, "origin", false);
    if (st >= 0)
        st = finish(&w);
    if (w.txn)
        mdb_txn_abort(w.txn);
    if (w.env)
        mdb_env_close(w.env);
    if (st < 0)
        (void)unlink(w.temporary);
    return st;
}
