/* verify.c: reads every byte of a dataset, or of its structure, and says what is wrong with it. */
#include "removed_set.h"
#include "shard_file.h"
#include "shard_workers.h"
#include "verified.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    FAULTS_MOST = 100, /* of one shard, in words; the rest is a number */
    LOOK_SETTLED_S = 2 /* clocks of file systems are that coarse */
};
#define FAULTS_MAX_BYTES ((size_t)1 << 20)

struct shard_check {
    struct manifest_shard measured;
    struct wit_buf faults; /* NUL-terminated sentences */
    uint64_t fault_count;
    bool full;                 /* every byte was read */
    struct verified_file look; /* before it was read; checked_at_s: by this check or before */
    int status;                /* WIT_ENOMEM and the like: could not be checked */
};

struct verify {
    const char *dir;
    const struct manifest *manifest;
    const struct wit_shards_verify_options *options;
    struct verified remembered; /* of earlier checks */
    struct shard_check *checks;
    atomic_size_t next;
};

static void on_fault(void *user, const char *text) {
    struct shard_check *c = user;
    if (c->fault_count++ < FAULTS_MOST)
        (void)wit_buf_append(&c->faults, text, strlen(text) + 1); /* over the ceiling: counted */
}

static void compare(struct shard_check *c, const struct manifest_shard *said, const char *what,
                    uint64_t is, uint64_t should) {
    char text[256];
    if (is == should)
        return;
    snprintf(text, sizeof text, "%s has %" PRIu64 " %s, dataset.json says %" PRIu64, said->file, is,
             what, should);
    on_fault(c, text);
}

static void compare_hash(struct shard_check *c, const struct manifest_shard *said, const char *what,
                         struct wit_hash128 is, struct wit_hash128 should) {
    char text[256], a[WIT_HASH128_HEX], b[WIT_HASH128_HEX];
    if (wit_hash128_eq(is, should))
        return;
    wit_hash128_to_hex(is, a);
    wit_hash128_to_hex(should, b);
    snprintf(text, sizeof text, "%s: %s is %s, dataset.json says %s", said->file, what, a, b);
    on_fault(c, text);
}

/* Everything but the values. */
static void shard_skim(struct verify *v, const struct manifest_shard *said, struct shard_check *c) {
    struct wit_error err = WIT_ERROR_INIT;
    struct shard_file *f = NULL;
    int st = shard_file_open(v->dir, said->file, said, v->manifest->shard_bits, &f, &err);
    if (st < 0)
        c->measured.samples = c->measured.pairs = c->measured.file_bytes = 0;
    else
        st = shard_file_skim(f, &err);
    if (st == WIT_ENOMEM)
        c->status = st;
    else if (st < 0)
        on_fault(c, err.text);
    shard_file_unref(f);
}

/* A hash that was just found right is remembered with the look of the file: not if that changed
 * meanwhile, nor if it changed so shortly before that a later change might look the same. */
static void look_keep(struct verify *v, const struct manifest_shard *said, struct shard_check *c,
                      int64_t began_at_s) {
    struct verified_file now;
    bool kept = c->fault_count == 0 && c->status == 0 && c->look.bytes &&
                c->look.ctime_ns / 1000000000 + LOOK_SETTLED_S < began_at_s &&
                verified_look(v->dir, said, &now, NULL) >= 0 && verified_same(&now, &c->look);
    c->look.checked_at_s = kept ? began_at_s : 0;
}

static void shard_verify(struct verify *v, size_t index) {
    const struct manifest_shard *said = &v->manifest->shards[index];
    struct shard_check *c = &v->checks[index];
    struct manifest_shard *is = &c->measured;
    int64_t began_at_s = wit_clock_wall_s();
    *is = *said;
    c->faults = (struct wit_buf)WIT_BUF_INIT(FAULTS_MAX_BYTES);
    /* The look of an index says nothing of the bytes of its tar: those are always read anew. */
    if (v->manifest->shard_bits != MANIFEST_IN_PLACE &&
        verified_look(v->dir, said, &c->look, NULL) >= 0)
        c->look.checked_at_s = verified_at(&v->remembered, &c->look);
    c->full = v->options->depth == WIT_SHARDS_VERIFY_FULL ||
              (v->options->depth == WIT_SHARDS_VERIFY_NEW && c->look.checked_at_s == 0);
    if (!c->full) {
        shard_skim(v, said, c);
        return;
    }
    int st = shard_file_measure(v->dir, said->file, v->manifest->shard_bits, v->options->interrupt,
                                on_fault, c, is, NULL);
    if (st == WIT_ENOMEM || st == WIT_ECANCELED)
        c->status = st;
    if (is->file_bytes == 0) { /* could not be opened: that was said */
        c->look.checked_at_s = 0;
        return;
    }
    compare(c, said, "bytes", is->file_bytes, said->file_bytes);
    compare(c, said, "samples", is->samples, said->samples);
    compare(c, said, "captions", is->pairs, said->pairs);
    compare(c, said, "image bytes", is->image_bytes, said->image_bytes);
    compare_hash(c, said, "the sum of its sample hashes", is->sum, said->sum);
    compare_hash(c, said, "its file hash", is->file_hash, said->file_hash);
    look_keep(v, said, c, began_at_s);
}

static void *worker(void *arg) {
    struct verify *v = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&v->next, 1);
        if (i >= v->manifest->count)
            return NULL;
        shard_verify(v, i);
    }
}

/* Hand on what was found; the first sentence of all goes into `first`. */
static void shard_report(const struct verify *v, size_t index, struct wit_error *first) {
    const struct wit_shards_verify_options *o = v->options;
    const struct shard_check *c = &v->checks[index];
    struct wit_shards_fault fault = { .file = v->manifest->shards[index].file };
    uint64_t told = 0;
    char text[64];
    for (size_t at = 0; at < c->faults.len; told++) {
        fault.text = c->faults.data + at;
        at += strlen(fault.text) + 1;
        if (first->status == 0)
            wit_error_set(first, WIT_ECORRUPT, "%s", fault.text);
        if (o->fault)
            o->fault(o->user, &fault);
    }
    if (o->fault && told < c->fault_count) {
        snprintf(text, sizeof text, "and %" PRIu64 " faults more", c->fault_count - told);
        fault.text = text;
        o->fault(o->user, &fault);
    }
    if (o->checked)
        o->checked(o->user, &(struct wit_shards_checked){ .file = fault.file,
                                                          .samples = c->measured.samples,
                                                          .pairs = c->measured.pairs,
                                                          .bytes = c->measured.file_bytes,
                                                          .bad = c->fault_count,
                                                          .full = c->full,
                                                          .checked_at_s = c->look.checked_at_s });
}

/* ---- several runs of a prefix ---------------------------------------------------------------- */

static int key_order(const void *a, const void *b) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)a, *(const struct wit_hash128 *)b);
}

/* The keys of shards [from, to); of those that can't be opened, which was said before, none. */
static int keys_gather(const struct verify *v, size_t from, size_t to, struct wit_hash128 *keys,
                       uint64_t most, uint64_t *count) {
    for (size_t i = from; i < to; i++) {
        const struct manifest_shard *said = &v->manifest->shards[i];
        struct shard_file *f = NULL;
        int st = shard_file_open(v->dir, said->file, said, v->manifest->shard_bits, &f, NULL);
        if (st == WIT_ENOMEM)
            return st;
        for (uint64_t k = 0; st >= 0 && k < shard_file_samples(f) && *count < most; k++)
            (void)shard_file_key(f, k, &keys[(*count)++]);
        shard_file_unref(f);
    }
    return 0;
}

/* A key is a sample in one run of its prefix at most. The fault is that of the last run. */
static int runs_verify(struct verify *v, size_t from, size_t to) {
    struct shard_check *last = &v->checks[to - 1];
    char text[256], hex[WIT_HASH128_HEX];
    uint64_t most = 0, count = 0;
    for (size_t i = from; i < to; i++)
        most += v->manifest->shards[i].samples;
    struct wit_hash128 *keys = wit_alloc_array((size_t)most + 1, sizeof *keys);
    int st = keys ? keys_gather(v, from, to, keys, most, &count) : WIT_ENOMEM;
    if (st >= 0)
        qsort(keys, (size_t)count, sizeof *keys, key_order);
    for (uint64_t i = 1; st >= 0 && i < count; i++) {
        if (!wit_hash128_eq(keys[i - 1], keys[i]))
            continue;
        wit_hash128_to_hex(keys[i], hex);
        snprintf(text, sizeof text, "%s: sample %s is in another run of its prefix too",
                 v->manifest->shards[to - 1].file, hex);
        on_fault(last, text);
    }
    free(keys);
    return st;
}

/* ---- what was removed ------------------------------------------------------------------------ */

/* No sample has a tombstone: a request that was not carried out shows here. */
static int shard_removed_verify(struct verify *v, size_t i,
                                const struct wit_shards_removed *removed) {
    const struct manifest_shard *said = &v->manifest->shards[i];
    struct shard_file *f = NULL;
    struct wit_hash128 key;
    char text[256], hex[WIT_HASH128_HEX];
    if (!removed_set_has_prefix(removed_set_of(removed), v->manifest->shard_bits, said->prefix))
        return 0;
    int st = shard_file_open(v->dir, said->file, said, v->manifest->shard_bits, &f, NULL);
    if (st < 0) /* that was said */
        return st == WIT_ENOMEM ? st : 0;
    for (uint64_t k = 0; shard_file_key(f, k, &key); k++) {
        if (!wit_shards_removed_key(removed, key))
            continue;
        wit_hash128_to_hex(key, hex);
        snprintf(text, sizeof text,
                 "%s: sample %s was to be removed and is there: 'wit shards remove' without names "
                 "carries it out",
                 said->file, hex);
        on_fault(&v->checks[i], text);
    }
    shard_file_unref(f);
    return 0;
}

static int removed_verify(struct verify *v) {
    struct wit_shards_removed *removed = NULL;
    struct wit_error why = WIT_ERROR_INIT;
    int st = wit_shards_removed_open(v->dir, &removed, &why);
    if ((st == WIT_ECORRUPT || st == WIT_ELIMIT) && v->manifest->count) {
        on_fault(&v->checks[0], why.text);
        return 0;
    }
    for (size_t i = 0; st >= 0 && i < v->manifest->count; i++)
        st = shard_removed_verify(v, i, removed);
    wit_shards_removed_close(removed);
    return st < 0 ? st : 0;
}

static int prefixes_verify(struct verify *v) {
    const struct manifest *m = v->manifest;
    int st = 0;
    for (size_t from = 0, to; from < m->count && st >= 0; from = to) {
        for (to = from + 1; to < m->count && m->shards[to].prefix == m->shards[from].prefix;)
            to++;
        if (to - from > 1)
            st = runs_verify(v, from, to);
    }
    return st;
}

/* What is known of the files now: of this check and of earlier ones. A cache: that it can't be kept
 * is no failure. */
static void remember(const struct verify *v) {
    struct wit_error err = WIT_ERROR_INIT;
    struct verified now = { wit_alloc_array(v->manifest->count + 1, sizeof *now.files), 0 };
    for (size_t i = 0; now.files && i < v->manifest->count; i++)
        if (v->checks[i].look.checked_at_s)
            now.files[now.count++] = v->checks[i].look;
    if (now.files && now.count && verified_save(v->dir, &now, &err) < 0)
        wit_log_debug("shards", "checked hashes are not remembered: %s", err.text);
    verified_finish(&now);
}

static int shards_verify(struct verify *v, struct wit_shards_verify_report *sum,
                         struct wit_error *err) {
    struct wit_error first = WIT_ERROR_INIT;
    v->checks = wit_alloc_array(v->manifest->count + 1, sizeof *v->checks);
    if (!v->checks)
        return wit_error_set(err, WIT_ENOMEM, "no memory to verify %s", v->dir);
    int st = verified_load(v->dir, &v->remembered, err);
    if (st >= 0) {
        shard_workers_run(v->options->threads, v->manifest->count, worker, v);
        st = prefixes_verify(v);
    }
    if (st >= 0)
        st = removed_verify(v);
    for (size_t i = 0; i < v->manifest->count; i++) {
        struct shard_check *c = &v->checks[i];
        if (c->status < 0)
            st = c->status;
        else
            shard_report(v, i, &first);
        sum->samples += c->measured.samples;
        sum->pairs += c->measured.pairs;
        sum->bytes += c->measured.file_bytes;
        sum->bad += c->fault_count;
        sum->shards++;
        sum->full += c->full;
        sum->remembered += !c->full && c->look.checked_at_s;
        wit_buf_finish(&c->faults);
    }
    if (st >= 0 && v->options->remember)
        remember(v);
    verified_finish(&v->remembered);
    free(v->checks);
    if (st < 0)
        return wit_error_set(err, st, "%s could not be checked: %s", v->dir,
                             wit_status_meaning(st));
    if (sum->bad)
        return wit_error_set(err, WIT_ECORRUPT, "%s: %" PRIu64 " fault%s; %s", v->dir, sum->bad,
                             sum->bad == 1 ? "" : "s, the first", first.text);
    return 0;
}

int wit_shards_verify(const char *dir, const struct wit_shards_verify_options *options,
                      struct wit_shards_verify_report *report, struct wit_error *err) {
    static const struct wit_shards_verify_options none;
    struct manifest manifest = { .shard_bits = 0 };
    struct wit_shards_verify_report sum = { .bad = 0 };
    struct wit_error why = WIT_ERROR_INIT;
    struct verify v = { .dir = dir, .manifest = &manifest, .options = options ? options : &none };
    int st = manifest_load(dir, &manifest, &why);
    if (st >= 0) {
        st = shards_verify(&v, &sum, &why);
    } else if (st == WIT_ECORRUPT || st == WIT_EFORMAT) {
        const struct wit_shards_fault fault = { .file = "dataset.json", .text = why.text };
        if (v.options->fault)
            v.options->fault(v.options->user, &fault);
        sum.bad = 1;
        st = why.status = WIT_ECORRUPT;
    }
    manifest_finish(&manifest);
    if (st < 0 && err)
        *err = why;
    if (st >= 0 || st == WIT_ECORRUPT)
        *report = sum;
    return st;
}
