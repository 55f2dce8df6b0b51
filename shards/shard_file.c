/* shard_file.c: a sealed shard, read by offset; or the index of a tar that stands in its place,
 * which has its own table. */
#include "shard_file.h"
#include "tar_index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FRONT_GUESS_BYTES = 1024,
    PASS_BYTES = 512 * 1024 /* a read of a pass over the file: fits the cache of a core */
};
#define ORIGIN_MAX_BYTES                                                                           \
    ((size_t)512 << 20) /* 16 MiB and one line of the longest fields, escaped */
#define PASS_MAX_BYTES ((size_t)PASS_BYTES + ORIGIN_MAX_BYTES + WIT_SHARDS_MAX_RECORD_BYTES)

struct shard_file {
    atomic_uint refs;
    struct walker_source source; /* name points to path */
    struct tar_index *tar;       /* NULL: a sealed shard; else the tables are empty */
    struct walker *walker;
    struct walker_table samples; /* without the hidden ones */
    struct hidden_keys hidden;
    uint64_t hidden_bytes;
    pthread_mutex_t origin_lock; /* guards walker, origin and origin_ready */
    struct walker_table origin;  /* read at the first question */
    bool origin_ready;
    char path[WIT_PATH_MAX];
};

static int expectation_check(const struct shard_file *f, const struct manifest_shard *expect,
                             struct wit_error *err) {
    if (f->source.bytes != expect->file_bytes)
        return wit_error_set(err, WIT_ECORRUPT,
                             "%s has %" PRIu64 " bytes, dataset.json says %" PRIu64
                             ": it was cut or replaced",
                             f->path, f->source.bytes, expect->file_bytes);
    return 0;
}

/* Keys ascend, so the first and the last decide for all. */
static int prefix_check(const struct shard_file *f, uint32_t prefix, int shard_bits,
                        struct wit_error *err) {
    const struct walker_table *t = &f->samples;
    if (t->count && (manifest_prefix(t->entries[0].key, shard_bits) != prefix ||
                     manifest_prefix(t->entries[t->count - 1].key, shard_bits) != prefix))
        return wit_error_set(err, WIT_ECORRUPT, "%s holds keys of another prefix", f->path);
    return 0;
}

/* Take the hidden records out of the table. */
static int hidden_apply(struct shard_file *f, const char *dir, const struct manifest_shard *shard,
                        struct wit_error *err) {
    struct walker_table *t = &f->samples;
    uint64_t kept = 0, next = 0;
    int st = hidden_read(dir, shard, &f->hidden, err);
    if (f->tar)
        return st < 0 || !f->hidden.count ? st : tar_index_hide(f->tar, &f->hidden, err);
    for (uint64_t i = 0; st >= 0 && i < t->count; i++) {
        if (next < f->hidden.count && wit_hash128_eq(f->hidden.keys[next], t->entries[i].key)) {
            f->hidden_bytes += t->entries[i].bytes;
            next++;
        } else {
            t->entries[kept++] = t->entries[i];
        }
    }
    if (st < 0)
        return st;
    t->count = kept;
    if (next < f->hidden.count)
        return wit_error_set(err, WIT_ECORRUPT,
                             "%s has no record of %" PRIu64 " keys that dataset.json hides",
                             f->path, f->hidden.count - next);
    return 0;
}

static int content_open(struct shard_file *f, const char *dir, const struct manifest_shard *expect,
                        int shard_bits, struct wit_error *err) {
    struct stat info;
    f->source.fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (f->source.fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", f->path);
    if (fstat(f->source.fd, &info) < 0)
        return wit_error_errno(err, errno, "cannot stat %s", f->path);
    if (!S_ISREG(info.st_mode))
        return wit_error_set(err, WIT_ECORRUPT, "%s is not a file", f->path);
    f->source.bytes = (uint64_t)info.st_size;
    int st = expect ? expectation_check(f, expect, err) : 0;
    if (st >= 0 && shard_bits == MANIFEST_IN_PLACE) {
        st = tar_index_load(&f->source, &f->tar, err);
        if (st >= 0)
            st = tar_index_attach(f->tar, dir, err);
    } else if (st >= 0) {
        st = walker_create(&f->source, &f->walker, err);
        if (st >= 0)
            st = walker_table_read(f->walker, "samples", &f->samples, err);
    }
    if (st >= 0 && expect)
        st = hidden_apply(f, dir, expect, err);
    if (st < 0 || !expect)
        return st;
    if (shard_file_samples(f) != expect->samples)
        return wit_error_set(err, WIT_ECORRUPT,
                             "%s has %" PRIu64 " samples, dataset.json says %" PRIu64, f->path,
                             shard_file_samples(f), expect->samples);
    return prefix_check(f, expect->prefix, shard_bits, err);
}

int shard_file_open(const char *dir, const char *file, const struct manifest_shard *expect,
                    int shard_bits, struct shard_file **out, struct wit_error *err) {
    struct shard_file *f = calloc(1, sizeof *f);
    if (!f || pthread_mutex_init(&f->origin_lock, NULL) != 0) {
        free(f);
        return wit_error_set(err, WIT_ENOMEM, "no memory to open %s", file);
    }
    atomic_init(&f->refs, 1);
    f->source = (struct walker_source){ .fd = -1, .name = f->path };
    int st = manifest_shard_path(f->path, dir, file, err);
    if (st >= 0)
        st = content_open(f, dir, expect, shard_bits, err);
    if (st < 0)
        shard_file_unref(f);
    else
        *out = f;
    return st;
}

struct shard_file *shard_file_ref(struct shard_file *f) {
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void shard_file_unref(struct shard_file *f) {
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) > 1)
        return;
    tar_index_destroy(f->tar);
    walker_table_finish(&f->samples);
    walker_table_finish(&f->origin);
    hidden_finish(&f->hidden);
    walker_destroy(f->walker);
    if (f->source.fd >= 0)
        close(f->source.fd);
    pthread_mutex_destroy(&f->origin_lock);
    free(f);
}

uint64_t shard_file_samples(const struct shard_file *f) {
    return f->tar ? tar_index_samples(f->tar) : f->samples.count;
}

bool shard_file_key(const struct shard_file *f, uint64_t index, struct wit_hash128 *out) {
    if (index >= shard_file_samples(f))
        return false;
    *out = f->tar ? tar_index_entry(f->tar, index)->key : f->samples.entries[index].key;
    return true;
}

int64_t shard_file_find(const struct shard_file *f, struct wit_hash128 key) {
    return f->tar ? tar_index_find(f->tar, key) : walker_table_find(&f->samples, key);
}

uint64_t shard_file_seek(const struct shard_file *f, struct wit_hash128 key) {
    uint64_t from = 0, to = f->samples.count;
    while (from < to) {
        uint64_t mid = from + (to - from) / 2;
        if (wit_hash128_cmp(f->samples.entries[mid].key, key) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

uint64_t shard_file_hidden_bytes(const struct shard_file *f) {
    return f->hidden_bytes;
}

/* Is this the header of the run of pages that the entry says? */
static int run_check(const struct shard_file *f, const struct walker_entry *e, const void *header,
                     struct wit_error *err) {
    if (walker_overflow_fits(header, e, walker_page_bytes(f->walker)))
        return 0;
    return wit_error_set(err, WIT_ECORRUPT, "%s: page %" PRIu64 " is not the start of a record",
                         f->path, e->offset / walker_page_bytes(f->walker));
}

/* Append the first `bytes` bytes of the value of an entry to buf: with the header of its overflow
 * run, which is checked and then dropped from the view. */
static int value_read(const struct shard_file *f, const struct walker_entry *e, size_t bytes,
                      struct wit_buf *buf, struct wit_str *out, struct wit_error *err) {
    size_t lead = e->overflow ? WALKER_PAGE_HEADER_BYTES : 0, start = buf->len;
    int st = wit_buf_reserve(buf, lead + bytes + 1); /* never a reserve of 0 */
    if (st < 0)
        return wit_error_set(err, st, "%s: a value of %" PRIu32 " bytes is over the buffer's %zu",
                             f->path, e->bytes, buf->max);
    st = walker_source_read(&f->source, buf->data + start, lead + bytes, e->offset - lead, err);
    if (st < 0)
        return st;
    if (lead && (st = run_check(f, e, buf->data + start, err)) < 0)
        return st;
    buf->len = start + lead + bytes;
    *out = wit_str_of(buf->data + start + lead, bytes);
    return 0;
}

/* The entry of a record that may be read. */
static int entry_find(const struct shard_file *f, uint64_t index, const struct walker_entry **out,
                      struct wit_error *err) {
    if (index >= f->samples.count)
        return wit_error_set(err, WIT_EINVAL, "%s has no record %" PRIu64, f->path, index);
    const struct walker_entry *e = &f->samples.entries[index];
    if (e->bytes > WIT_SHARDS_MAX_RECORD_BYTES)
        return wit_error_set(err, WIT_ECORRUPT, "%s: record %" PRIu64 " has %" PRIu32 " bytes",
                             f->path, index, e->bytes);
    *out = e;
    return 0;
}

/* The bytes of a record and its key. */
static int record_read(const struct shard_file *f, uint64_t index, struct wit_buf *buf,
                       struct wit_hash128 *key, struct wit_str *value, struct wit_error *err) {
    const struct walker_entry *e = NULL;
    if (f->tar && index < tar_index_samples(f->tar)) {
        const struct tar_entry *t = tar_index_entry(f->tar, index);
        *key = t->key;
        return tar_index_read(f->tar, t, buf, value, err);
    }
    int st = entry_find(f, index, &e, err);
    if (st < 0)
        return st;
    *key = e->key;
    return value_read(f, e, e->bytes, buf, value, err);
}

/* The sample in the value of a record. */
static int sample_decode(const struct shard_file *f, uint64_t index, struct wit_hash128 key,
                         struct wit_str value, bool verify, struct wit_shards_sample *out,
                         struct wit_error *err) {
    struct wit_shards_sample sample = { .key = key };
    int st = record_decode(value, &sample, err);
    if (st >= 0 && verify)
        st = record_verify(&sample, err);
    if (st < 0) {
        wit_error_wrap(err, "%s: record %" PRIu64, f->path, index);
        return st;
    }
    *out = sample;
    return 0;
}

int shard_file_read(const struct shard_file *f, uint64_t index, bool verify, struct wit_buf *buf,
                    struct wit_shards_sample *out, struct wit_error *err) {
    struct wit_hash128 key;
    struct wit_str value;
    wit_buf_reset(buf);
    int st = record_read(f, index, buf, &key, &value, err);
    return st < 0 ? st : sample_decode(f, index, key, value, verify, out, err);
}

int shard_file_front(const struct shard_file *f, uint64_t index, struct wit_buf *buf,
                     struct record_front *out, struct wit_error *err) {
    const struct walker_entry *e = NULL;
    struct wit_str head;
    size_t bytes;
    int st = entry_find(f, index, &e, err);
    if (st < 0)
        return st;
    wit_buf_reset(buf);
    st = value_read(f, e, e->bytes < FRONT_GUESS_BYTES ? e->bytes : FRONT_GUESS_BYTES, buf, &head,
                    err);
    if (st < 0)
        return st;
    st = record_front_length(wit_str_slice(head, 0,
                                           head.len < RECORD_HEADER_BYTES ? head.len
                                                                          : RECORD_HEADER_BYTES),
                             e->bytes, &bytes, err);
    if (st >= 0 && bytes > head.len) { /* many words */
        wit_buf_reset(buf);
        st = value_read(f, e, bytes, buf, &head, err);
        if (st < 0)
            return st;
    }
    if (st >= 0)
        st = record_front_decode(e->key, wit_str_slice(head, 0, bytes), e->bytes, out, err);
    if (st < 0)
        wit_error_wrap(err, "%s: record %" PRIu64, f->path, index);
    return st;
}

int shard_file_body(const struct shard_file *f, uint64_t index, const struct record_front *front,
                    void *out, struct wit_error *err) {
    const struct walker_entry *e = NULL;
    int st = entry_find(f, index, &e, err);
    if (st < 0)
        return st;
    uint64_t skip = e->bytes - front->image.bytes;
    st = walker_source_read(&f->source, out, front->image.bytes, e->offset + skip, err);
    if (st < 0)
        return st;
    st = record_body_verify(front, wit_str_of(out, front->image.bytes), err);
    if (st < 0)
        wit_error_wrap(err, "%s: record %" PRIu64, f->path, index);
    return st;
}

int shard_file_head(const struct shard_file *f, uint64_t index, size_t most, struct wit_buf *buf,
                    struct wit_str *out, uint64_t *bytes, struct wit_error *err) {
    const struct walker_entry *e = NULL;
    int st = entry_find(f, index, &e, err);
    wit_buf_reset(buf);
    if (st >= 0)
        st = value_read(f, e, e->bytes < most ? e->bytes : most, buf, out, err);
    if (st >= 0)
        *bytes = e->bytes;
    return st;
}

static int origin_load(struct shard_file *f, struct wit_error *err) {
    pthread_mutex_lock(&f->origin_lock);
    int st = f->origin_ready ? 0 : walker_table_read(f->walker, "origin", &f->origin, err);
    f->origin_ready = f->origin_ready || st >= 0;
    pthread_mutex_unlock(&f->origin_lock);
    return st;
}

int shard_file_origin(struct shard_file *f, struct wit_hash128 key, struct wit_buf *out,
                      struct wit_error *err) {
    struct wit_buf value = WIT_BUF_INIT(ORIGIN_MAX_BYTES + WALKER_PAGE_HEADER_BYTES + 1);
    struct wit_str lines;
    if (f->tar) {
        int64_t at = tar_index_find(f->tar, key);
        return at < 0 ? wit_error_set(err, WIT_ENOTFOUND, "%s has no origin of that key", f->path)
                      : tar_index_origin(f->tar, tar_index_entry(f->tar, (uint64_t)at), out, err);
    }
    int st = origin_load(f, err);
    if (st < 0)
        return st;
    int64_t index = walker_table_find(&f->origin, key);
    if (index < 0)
        return wit_error_set(err, WIT_ENOTFOUND, "%s has no origin of that key", f->path);
    st = value_read(f, &f->origin.entries[index], f->origin.entries[index].bytes, &value, &lines,
                    err);
    if (st >= 0 && (st = wit_buf_append_str(out, lines)) < 0)
        wit_error_set(err, st, "an origin of %zu bytes is over the buffer's ceiling", lines.len);
    wit_buf_finish(&value);
    return st;
}

void shard_file_prefetch(const struct shard_file *f, uint64_t from, uint64_t count) {
    if (f->tar) {
        tar_index_prefetch(f->tar, from, count);
        return;
    }
    if (from >= f->samples.count || count == 0)
        return;
    if (count > f->samples.count - from)
        count = f->samples.count - from;
    const struct walker_entry *first = &f->samples.entries[from], *last = first + count - 1;
    /* Written in key order, so the range is what lies between; a crafted file only gets a worse
     * hint. */
    if (last->offset + last->bytes > first->offset)
        (void)posix_fadvise(f->source.fd, (off_t)first->offset,
                            (off_t)(last->offset + last->bytes - first->offset),
                            POSIX_FADV_WILLNEED);
}

/* ---- measuring ------------------------------------------------------------------------------ */

/* One pass over the file: it is hashed piece by piece as it comes, and the records are checked in
 * the same bytes while they are in the cache. */
struct pass {
    const struct shard_file *f;
    struct wit_hasher *hasher;
    struct wit_buf
        window; /* bytes [at, at + window.len) of the file; those before are hashed too */
    uint64_t at;
    const volatile int *interrupt;
    int failed; /* the file could not be read on: each record is tried by itself, no file hash */
    struct wit_error why;
};

static int pass_begin(struct pass *p, const struct shard_file *f, const volatile int *interrupt,
                      struct wit_error *err) {
    *p = (struct pass){ .f = f,
                        .hasher = wit_hasher_create(),
                        .window = WIT_BUF_INIT(PASS_MAX_BYTES),
                        .interrupt = interrupt };
    return p->hasher ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory to hash %s", f->path);
}

static void pass_finish(struct pass *p) {
    wit_hasher_destroy(p->hasher);
    wit_buf_finish(&p->window);
}

/* Read on behind the window, dropping what lies before `keep`, until it has `bytes` from there. */
static int pass_read(struct pass *p, uint64_t keep, size_t bytes, struct wit_error *err) {
    const struct shard_file *f = p->f;
    uint64_t end = p->at + p->window.len;
    size_t had = keep < end ? (size_t)(end - keep) : 0;
    if (p->interrupt && *p->interrupt)
        return wit_error_set(err, WIT_ECANCELED, "interrupted while reading %s", f->path);
    if (had)
        memmove(p->window.data, p->window.data + (keep - p->at), had);
    p->at = end - had;
    p->window.len = had;
    size_t want = bytes > had + PASS_BYTES ? bytes - had : PASS_BYTES;
    uint64_t left = f->source.bytes - end;
    if (want > left)
        want = (size_t)left;
    int st = wit_buf_reserve(&p->window, want + 1);
    if (st < 0)
        return wit_error_set(err, st, "no memory to read %s", f->path);
    st = walker_source_read(&f->source, p->window.data + had, want, end, err);
    if (st < 0)
        return st;
    wit_hasher_update(p->hasher, p->window.data + had, want);
    p->window.len += want;
    return 0;
}

/* The bytes [offset, offset + bytes) of the file. NULL: they lie before the window, as those of a
 * value inside a page of keys may, or could not be read. */
static int pass_get(struct pass *p, uint64_t offset, size_t bytes, const uint8_t **out,
                    struct wit_error *err) {
    int st = 0;
    *out = NULL;
    if (offset < p->at || p->failed)
        return 0;
    while (st >= 0 && p->at + p->window.len < offset + bytes &&
           p->at + p->window.len < p->f->source.bytes)
        st = pass_read(p, offset, bytes, &p->why);
    if (st == WIT_ECANCELED || st == WIT_ENOMEM) {
        *err = p->why;
        return st;
    }
    p->failed = st;
    if (st >= 0 && p->at + p->window.len >= offset + bytes)
        *out = (const uint8_t *)p->window.data + (offset - p->at);
    return 0;
}

static int pass_end(struct pass *p, struct wit_hash128 *hash, struct wit_error *err) {
    int st = p->failed;
    if (st < 0)
        *err = p->why;
    while (st >= 0 && p->at + p->window.len < p->f->source.bytes)
        st = pass_read(p, UINT64_MAX, 0, err);
    if (st >= 0)
        *hash = wit_hasher_digest(p->hasher);
    return st;
}

/* The value of an entry: in the window of the pass where it lies ahead, else by a read into buf. */
static int pass_value(struct pass *p, const struct walker_entry *e, struct wit_buf *buf,
                      struct wit_str *out, struct wit_error *err) {
    size_t lead = e->overflow ? WALKER_PAGE_HEADER_BYTES : 0;
    const uint8_t *bytes;
    int st = pass_get(p, e->offset - lead, lead + e->bytes, &bytes, err);
    if (st < 0)
        return st;
    wit_buf_reset(buf);
    if (!bytes)
        return value_read(p->f, e, e->bytes, buf, out, err);
    if (lead && (st = run_check(p->f, e, bytes, err)) < 0)
        return st;
    *out = wit_str_of(bytes + lead, e->bytes);
    return 0;
}

struct measure {
    shard_fault_fn fault;
    void *user;
    struct wit_error err;
    int status; /* of the last fault */
};

static void note(struct measure *m, int st) {
    m->status = st;
    if (m->fault && st != WIT_ECANCELED)
        m->fault(m->user, m->err.text);
}

int shard_file_skim(struct shard_file *f, struct wit_error *err) {
    if (f->tar) /* its index was checked whole when it was opened */
        return 0;
    int st = origin_load(f, err);
    uint64_t records = f->samples.count + f->hidden.count, next = 0;
    if (st >= 0 && f->origin.count != records)
        st = wit_error_set(err, WIT_ECORRUPT, "%s: %" PRIu64 " samples but %" PRIu64 " origins",
                           f->path, records, f->origin.count);
    for (uint64_t i = 0; st >= 0 && i < records; i++) {
        struct wit_hash128 key = f->origin.entries[i].key;
        if (next < f->samples.count && wit_hash128_eq(key, f->samples.entries[next].key))
            next++;
        else if (!hidden_has(&f->hidden, key))
            st = wit_error_set(err, WIT_ECORRUPT,
                               "%s: origin %" PRIu64 " has a key that is no sample's", f->path, i);
    }
    return st;
}

/* Each record, hidden or not, has one origin under its key, and each origin's value can be read. */
static void origins_measure(struct shard_file *f, struct pass *pass, struct measure *m) {
    struct wit_buf buf = WIT_BUF_INIT(ORIGIN_MAX_BYTES + WALKER_PAGE_HEADER_BYTES + 1);
    struct wit_str lines;
    int st = origin_load(f, &m->err);
    if (st < 0) {
        note(m, st);
        return;
    }
    uint64_t records = f->samples.count + f->hidden.count, next = 0;
    if (f->origin.count != records)
        note(m,
             wit_error_set(&m->err, WIT_ECORRUPT, "%s: %" PRIu64 " samples but %" PRIu64 " origins",
                           f->path, records, f->origin.count));
    for (uint64_t i = 0; i < f->origin.count; i++) {
        const struct walker_entry *e = &f->origin.entries[i];
        if (e->bytes > ORIGIN_MAX_BYTES)
            st =
                wit_error_set(&m->err, WIT_ECORRUPT, "%s: origin %" PRIu64 " has %" PRIu32 " bytes",
                              f->path, i, e->bytes);
        else
            st = pass_value(pass, e, &buf, &lines, &m->err);
        bool is_sample =
            next < f->samples.count && wit_hash128_eq(e->key, f->samples.entries[next].key);
        next += is_sample;
        if (st < 0)
            note(m, st);
        else if (!is_sample && i < records && !hidden_has(&f->hidden, e->key))
            note(m,
                 wit_error_set(&m->err, WIT_ECORRUPT,
                               "%s: origin %" PRIu64 " has a key that is no sample's", f->path, i));
    }
    wit_buf_finish(&buf);
}

static void origins_measure_tar(struct shard_file *f, struct measure *m) {
    struct wit_buf buf = WIT_BUF_INIT(ORIGIN_MAX_BYTES);
    for (uint64_t i = 0; i < tar_index_samples(f->tar); i++) {
        wit_buf_reset(&buf);
        int st = tar_index_origin(f->tar, tar_index_entry(f->tar, i), &buf, &m->err);
        if (st < 0)
            note(m, st);
    }
    wit_buf_finish(&buf);
}

/* A record as it is checked: in the pass over the file, or from the tar where it lies. */
static int sample_measure(struct shard_file *f, uint64_t index, struct pass *pass,
                          struct wit_buf *buf, struct wit_shards_sample *out,
                          struct wit_error *err) {
    const struct walker_entry *e = NULL;
    struct wit_str value;
    if (f->tar) {
        if (pass->interrupt && *pass->interrupt)
            return wit_error_set(err, WIT_ECANCELED, "interrupted while reading %s", f->path);
        return shard_file_read(f, index, true, buf, out, err);
    }
    int st = entry_find(f, index, &e, err);
    if (st >= 0)
        st = pass_value(pass, e, buf, &value, err);
    return st < 0 ? st : sample_decode(f, index, e->key, value, true, out, err);
}

/* The records that are not hidden. */
static int samples_measure(struct shard_file *f, struct pass *pass, struct measure *m,
                           struct manifest_shard *measured) {
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES + WALKER_PAGE_HEADER_BYTES + 1);
    struct wit_shards_sample sample;
    int st = 0;
    for (uint64_t i = 0; i < shard_file_samples(f) && st != WIT_ECANCELED; i++) {
        st = sample_measure(f, i, pass, &buf, &sample, &m->err);
        if (st < 0) {
            note(m, st);
            continue;
        }
        measured->samples++;
        measured->pairs += sample.caption_count;
        measured->image_bytes += sample.image.len;
        measured->sum = wit_hash128_add(measured->sum, sample.hash);
    }
    wit_buf_finish(&buf);
    return st == WIT_ECANCELED ? st : 0;
}

int shard_file_measure(const char *dir, const char *file, int shard_bits,
                       const volatile int *interrupt, shard_fault_fn fault, void *user,
                       struct manifest_shard *measured, struct wit_error *err) {
    struct shard_file *f = NULL;
    struct pass pass = { .hasher = NULL, .window = WIT_BUF_INIT(0) };
    struct measure m = { .fault = fault, .user = user };
    measured->samples = measured->pairs = measured->image_bytes = measured->file_bytes = 0;
    measured->sum = (struct wit_hash128){ 0, 0 };
    int st = shard_file_open(dir, file, NULL, shard_bits, &f, &m.err);
    if (st >= 0)
        st = pass_begin(&pass, f, interrupt, &m.err);
    if (st < 0) {
        note(&m, st);
        goto out;
    }
    if ((st = prefix_check(f, measured->prefix, shard_bits, &m.err)) < 0)
        note(&m, st);
    if ((st = hidden_apply(f, dir, measured, &m.err)) < 0)
        note(&m, st);
    if (samples_measure(f, &pass, &m, measured) < 0)
        goto out;
    if (f->tar)
        origins_measure_tar(f, &m);
    else
        origins_measure(f, &pass, &m);
    measured->file_bytes = f->source.bytes;
    if ((st = pass_end(&pass, &measured->file_hash, &m.err)) < 0)
        note(&m, st);
out:
    pass_finish(&pass);
    shard_file_unref(f);
    if (m.status < 0 && err)
        *err = m.err;
    return m.status;
}
