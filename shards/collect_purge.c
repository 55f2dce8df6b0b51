/*
 * collect_purge.c: the logs of a collection without what was removed.
 *
 * A whole new collection is written beside the old one, DIR/purging/collect, and takes its place in
 * one step (the kernel exchanges the two names); then the old one, which has the bytes, is removed.
 * Killed before, the old one is in place, after it the new one; DIR/purging is what is left, and
 * the next call removes it.
 */
#include "collect.h"
#include "publish.h"
#include "removed_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char work_name[] = "purging";

/* Hashes of URLs, in the order in which they came until they are sorted. */
struct urls {
    struct wit_hash128 *items;
    size_t count, cap;
};

struct purge {
    const char *dir;
    char work[WIT_PATH_MAX];
    const volatile int *interrupt;
    const struct removed_set *set;
    struct collect_commit old, new;
    struct urls gone, kept; /* URLs of images that leave, and of images that stay */
    MDB_env *from, *to;
    struct wit_buf body;
    struct wit_shards_purge_report *report;
};

static int no_memory(const struct purge *p, struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory to purge %s/collect", p->dir);
}

static int url_order(const void *a, const void *b) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)a, *(const struct wit_hash128 *)b);
}

static int url_add(struct purge *p, struct urls *u, struct wit_str url, struct wit_error *err) {
    if (u->count == u->cap) {
        size_t cap = u->cap ? 2 * u->cap : 256;
        void *more = wit_realloc_array(u->items, cap, sizeof *u->items);
        if (!more)
            return no_memory(p, err);
        u->items = more;
        u->cap = cap;
    }
    u->items[u->count++] = wit_hash128_of(url.data, url.len);
    return 0;
}

static bool url_has(const struct urls *u, struct wit_hash128 url) {
    return u->count && bsearch(&url, u->items, u->count, sizeof url, url_order) != NULL;
}

static int interrupted(const struct purge *p, struct wit_error *err) {
    if (p->interrupt && *p->interrupt)
        return wit_error_set(err, WIT_ECANCELED, "interrupted while purging %s/collect", p->dir);
    return 0;
}

/* ---- logs ------------------------------------------------------------------------------------ */

static int image_is_removed(const struct purge *p, const struct collect_image *image) {
    if (removed_set_has_key(p->set, image->key))
        return 1;
    int st = removed_set_has_url(p->set, image->fetched.url);
    return st ? st : removed_set_has_url(p->set, image->fetched.final_url);
}

/* 1: the frame stays. */
static int image_judge(struct purge *p, const struct segment_frame *frame, struct wit_error *err) {
    struct collect_image image;
    int st = collect_image_decode(frame->head, &image, err);
    if (st < 0)
        return st;
    int removed = image_is_removed(p, &image);
    if (removed < 0)
        return no_memory(p, err);
    st = url_add(p, removed ? &p->gone : &p->kept, image.fetched.url, err);
    p->report->images += (uint64_t)removed;
    p->report->image_bytes += removed ? frame->body_bytes : 0;
    if (!removed) {
        p->new.totals.images++;
        p->new.totals.image_bytes += frame->body_bytes;
    }
    return st < 0 ? st : !removed;
}

/* Words go with a pattern, with their URL, and with the only image of their URL. */
static int candidate_judge(struct purge *p, const struct segment_frame *frame,
                           struct wit_error *err) {
    struct wit_shards_candidate cand;
    int st = collect_candidate_decode(frame->head, &cand, err);
    if (st < 0)
        return st;
    const struct wit_hash128 url = wit_hash128_of(cand.url.data, cand.url.len);
    st = removed_set_has_url(p->set, cand.url);
    if (st < 0)
        return no_memory(p, err);
    bool removed = st > 0 || removed_set_has_caption(p->set, cand.text) ||
                   (url_has(&p->gone, url) && !url_has(&p->kept, url));
    p->report->candidates += removed;
    p->new.totals.candidates += !removed;
    return !removed;
}

static int frame_copy(struct purge *p, struct segment_reader *in, const struct segment_frame *frame,
                      struct segment_writer *out, struct wit_error *err) {
    const struct wit_str head = frame->head;
    wit_buf_reset(&p->body);
    int st = wit_buf_reserve(&p->body, (size_t)frame->body_bytes + 1);
    if (st < 0)
        return no_memory(p, err);
    if (frame->body_bytes)
        st = segment_reader_body(in, frame, p->body.data, err);
    return st < 0 ? st
                  : segment_writer_append(out, frame->type, &head, 1,
                                          wit_str_of(p->body.data, (size_t)frame->body_bytes), err);
}

static int frames_copy(struct purge *p, struct segment_reader *in, struct segment_writer *out,
                       enum segment_kind kind, struct wit_error *err) {
    struct segment_frame frame;
    int st;
    while ((st = segment_reader_next(in, &frame, err)) > 0) {
        st = interrupted(p, err);
        if (st >= 0)
            st = kind == SEGMENT_IMAGES ? image_judge(p, &frame, err)
                                        : candidate_judge(p, &frame, err);
        if (st > 0)
            st = frame_copy(p, in, &frame, out, err);
        if (st < 0)
            return wit_error_wrap(err, "%s: byte %llu", in->path, (unsigned long long)frame.offset),
                   st;
    }
    return st;
}

/* `length` becomes that of the new log. */
static int log_copy(struct purge *p, const char *from, const char *to, enum segment_kind kind,
                    uint64_t committed, uint64_t *length, struct wit_error *err) {
    struct segment_reader in = { .fd = -1 };
    struct segment_writer out = { .fd = -1 };
    int st = segment_reader_open(&in, from, kind, committed, err);
    if (st < 0)
        return st;
    st = segment_writer_open(&out, to, kind, 0, err);
    if (st >= 0)
        st = frames_copy(p, &in, &out, kind, err);
    if (st >= 0)
        st = segment_writer_sync(&out, err);
    if (st >= 0)
        *length = committed ? out.length : 0;
    if (out.fd >= 0)
        segment_writer_close(&out);
    segment_reader_close(&in);
    return st;
}

static void urls_sort(struct urls *u) {
    if (u->count)
        qsort(u->items, u->count, sizeof *u->items, url_order);
}

static int logs_copy(struct purge *p, struct wit_error *err) {
    char from[WIT_PATH_MAX], to[WIT_PATH_MAX];
    int st = 0;
    for (unsigned g = 0; g < COLLECT_GROUPS && st >= 0; g++) {
        st = collect_images_path(from, p->dir, g, err);
        if (st >= 0)
            st = collect_images_path(to, p->work, g, err);
        if (st >= 0)
            st = log_copy(p, from, to, SEGMENT_IMAGES, p->old.images[g], &p->new.images[g], err);
    }
    urls_sort(&p->gone);
    urls_sort(&p->kept);
    if (st >= 0)
        st = collect_path(from, p->dir, "candidates.log", err);
    if (st >= 0)
        st = collect_path(to, p->work, "candidates.log", err);
    return st < 0 ? st
                  : log_copy(p, from, to, SEGMENT_CANDIDATES, p->old.candidates, &p->new.candidates,
                             err);
}

/* ---- index ----------------------------------------------------------------------------------- */

static int rows_copy(MDB_txn *from, MDB_txn *to, const char *name, MDB_dbi *out) {
    MDB_dbi source;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int rc = mdb_dbi_open(from, name, 0, &source);
    if (rc == 0)
        rc = mdb_dbi_open(to, name, MDB_CREATE, out);
    if (rc == 0)
        rc = mdb_cursor_open(from, source, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        rc = mdb_put(to, *out, &key, &value, MDB_APPEND);
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int reason_add(MDB_txn *txn, MDB_dbi reasons, uint64_t more) {
    static char name[] = WIT_SHARDS_REMOVED_REASON;
    uint8_t count[8];
    MDB_val key = { sizeof name - 1, name }, value;
    int rc = mdb_get(txn, reasons, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    uint64_t n = rc == 0 && value.mv_size == sizeof count ? wit_load_le64(value.mv_data) : 0;
    wit_store_le64(count, n + more);
    value = (MDB_val){ sizeof count, count };
    return more ? mdb_put(txn, reasons, &key, &value, 0) : 0;
}

/* The index says of a URL whose image left that it was removed. */
static int urls_change(struct purge *p, MDB_txn *txn, MDB_dbi urls, uint64_t *changed) {
    const struct wit_shards_outcome removed = { .status = COLLECT_REFUSED,
                                                .reason = WIT_STR(WIT_SHARDS_REMOVED_REASON) };
    uint8_t text[COLLECT_OUTCOME_MOST_BYTES], hash[16];
    for (size_t i = 0; i < p->gone.count; i++) {
        if ((i && wit_hash128_eq(p->gone.items[i - 1], p->gone.items[i])) ||
            url_has(&p->kept, p->gone.items[i]))
            continue;
        wit_hash128_to_bytes(p->gone.items[i], hash);
        MDB_val key = { sizeof hash, hash };
        MDB_val value = { collect_outcome_encode(&removed, text), text };
        int rc = mdb_put(txn, urls, &key, &value, 0);
        if (rc)
            return rc;
        ++*changed;
    }
    return 0;
}

static int commit_put(struct purge *p, MDB_txn *txn, MDB_dbi meta) {
    static char name[] = "commit";
    uint8_t bytes[COLLECT_COMMIT_BYTES];
    MDB_val key = { sizeof name - 1, name }, value = { sizeof bytes, bytes };
    collect_commit_put(&p->new, bytes);
    return mdb_put(txn, meta, &key, &value, 0);
}

static int index_copy(struct purge *p, struct wit_error *err) {
    MDB_txn *from = NULL, *to = NULL;
    MDB_dbi urls, reasons, meta;
    uint64_t changed = 0;
    int st = collect_index_open(p->dir, MDB_RDONLY, &p->from, err);
    if (st >= 0)
        st = collect_index_open(p->work, 0, &p->to, err);
    if (st < 0)
        return st;
    int rc = mdb_txn_begin(p->from, NULL, MDB_RDONLY, &from);
    if (rc == 0)
        rc = mdb_txn_begin(p->to, NULL, 0, &to);
    if (rc == 0)
        rc = rows_copy(from, to, "urls", &urls);
    if (rc == 0)
        rc = rows_copy(from, to, "reasons", &reasons);
    if (rc == 0)
        rc = rows_copy(from, to, "meta", &meta);
    if (rc == 0)
        rc = urls_change(p, to, urls, &changed);
    if (rc == 0)
        rc = reason_add(to, reasons, changed);
    p->new.totals.refusals = p->old.totals.refusals + changed;
    if (rc == 0)
        rc = commit_put(p, to, meta);
    if (rc == 0) {
        rc = mdb_txn_commit(to);
        to = NULL;
    }
    if (from)
        mdb_txn_abort(from);
    if (to)
        mdb_txn_abort(to);
    return rc ? collect_index_fail(err, rc, p->dir, "copy") : 0;
}

static void index_close(struct purge *p) {
    if (p->from)
        mdb_env_close(p->from);
    if (p->to)
        mdb_env_close(p->to);
    p->from = p->to = NULL;
}

/* ---- the exchange ---------------------------------------------------------------------------- */

static int exchange(struct purge *p, struct wit_error *err) {
    char old[WIT_PATH_MAX], new[WIT_PATH_MAX];
    int st = wit_path_join(old, p->dir, "collect");
    if (st >= 0)
        st = wit_path_join(new, p->work, "collect");
    if (st < 0)
        return wit_error_set(err, st, "path is too long: %s", p->dir);
    st = wit_dir_sync(new, err);
    if (st >= 0)
        st = wit_dir_sync(p->work, err);
    if (st < 0)
        return st;
    if (renameat2(AT_FDCWD, new, AT_FDCWD, old, RENAME_EXCHANGE) < 0)
        return wit_error_errno(err, errno, "cannot exchange %s and %s", new, old);
    return wit_dir_sync(p->dir, err);
}

static int collection_write(struct purge *p, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int lock = -1;
    int st = collect_path(path, p->work, "", err);
    if (st >= 0)
        st = wit_dir_make(path, err);
    if (st >= 0) /* whoever opens the new one waits, as with the old one */
        st = lock = collect_lock(p->work, err);
    if (st >= 0)
        st = logs_copy(p, err);
    if (st >= 0)
        st = index_copy(p, err);
    index_close(p);
    if (st >= 0 && p->report->images + p->report->candidates)
        st = exchange(p, err);
    if (lock >= 0)
        close(lock);
    return st;
}

static int purge(struct purge *p, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = wit_path_join(p->work, p->dir, work_name);
    if (st < 0)
        return wit_error_set(err, st, "path is too long: %s", p->dir);
    st = wit_dir_remove(p->work, err);
    if (st >= 0)
        st = collect_path(path, p->dir, "index.lmdb", err);
    if (st < 0 || !wit_file_exists(path) || removed_set_is_empty(p->set))
        return st;
    st = collect_commit_load(p->dir, &p->old, err);
    if (st < 0)
        return st;
    p->new.id = p->old.id;
    st = collection_write(p, err);
    int removed = wit_dir_remove(p->work, st < 0 ? NULL : err);
    return st < 0 ? st : removed;
}

int wit_shards_collect_purge(const char *dir, const volatile int *interrupt,
                             struct wit_shards_purge_report *report, struct wit_error *err) {
    struct dataset_lock lock = DATASET_LOCK_INIT;
    struct wit_shards_removed *removed = NULL;
    struct wit_shards_purge_report told = { .images = 0 };
    struct purge p = { .dir = dir,
                       .interrupt = interrupt,
                       .body = WIT_BUF_INIT(SEGMENT_MAX_BODY_BYTES + 1),
                       .report = &told };
    int st = dataset_lock(dir, &lock, err);
    if (st >= 0)
        st = wit_shards_removed_open(dir, &removed, err);
    p.set = removed_set_of(removed);
    if (st >= 0)
        st = purge(&p, err);
    if (st >= 0)
        *report = told;
    free(p.gone.items);
    free(p.kept.items);
    wit_buf_finish(&p.body);
    wit_shards_removed_close(removed);
    dataset_unlock(&lock);
    return st < 0 ? st : 0;
}
