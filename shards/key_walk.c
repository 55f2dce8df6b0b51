/* key_walk.c: a heap of shards by their next keys. */
#include "key_walk.h"

#include <assert.h>
#include <stdlib.h>

/* A shard at its next record. */
struct head {
    struct wit_hash128 key;
    struct key_record at;
    uint64_t end;
};

/* A dataset at one of its prefixes. */
struct source {
    struct wit_shards_dataset *ds;
    size_t next, end; /* shards that are not open yet */
    uint32_t prefix;  /* of those that are */
    size_t heads;     /* how many of them have records left */
};

struct key_walk {
    struct source *sources;
    size_t count;
    struct wit_hash128 from, to; /* keys [from, to]: both ends count */
    int bits;
    struct head *heap; /* by key */
    size_t heap_count, heap_cap;
    struct head *taken; /* what the last call gave out, to be moved on */
    struct key_record *records;
    size_t taken_count;
};

bool key_shards_are_shared(const struct wit_shards_dataset *ds, int bits) {
    return dataset_manifest(ds)->shard_bits < bits;
}

void key_prefix_release(struct wit_shards_dataset *ds, uint32_t prefix) {
    const struct manifest *m = dataset_manifest(ds);
    for (size_t i = dataset_prefix_begin(ds, prefix); i < m->count && m->shards[i].prefix == prefix;
         i++)
        wit_shards_shard_release(ds, i);
}

/* ---- the heap ------------------------------------------------------------------------------- */

static bool is_before(const struct head *a, const struct head *b) {
    int order = wit_hash128_cmp(a->key, b->key);
    return order ? order < 0 : a->at.input < b->at.input;
}

static void swap(struct head *a, struct head *b) {
    struct head t = *a;
    *a = *b;
    *b = t;
}

static void heap_push(struct key_walk *w, const struct head *h) {
    assert(w->heap_count < w->heap_cap);
    size_t i = w->heap_count++;
    w->heap[i] = *h;
    for (; i > 0 && is_before(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct head heap_pop(struct key_walk *w) {
    struct head top = w->heap[0];
    w->heap[0] = w->heap[--w->heap_count];
    for (size_t i = 0, child; (child = 2 * i + 1) < w->heap_count; i = child) {
        if (child + 1 < w->heap_count && is_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!is_before(&w->heap[child], &w->heap[i]))
            break;
        swap(&w->heap[child], &w->heap[i]);
    }
    return top;
}

/* Room for another head, given out or not. */
static int heap_room(struct key_walk *w, struct wit_error *err) {
    size_t more = w->heap_cap ? 2 * w->heap_cap : 16;
    if (w->heap_count + w->taken_count < w->heap_cap)
        return 0;
    struct head *heap = wit_realloc_array(w->heap, more, sizeof *heap);
    if (heap)
        w->heap = heap;
    struct head *taken = wit_realloc_array(w->taken, more, sizeof *taken);
    if (taken)
        w->taken = taken;
    struct key_record *records = wit_realloc_array(w->records, more, sizeof *records);
    if (records)
        w->records = records;
    if (!heap || !taken || !records)
        return wit_error_set(err, WIT_ENOMEM, "no memory to walk %zu shards", more);
    w->heap_cap = more;
    return 0;
}

/* ---- shards --------------------------------------------------------------------------------- */

static void source_close(const struct key_walk *w, struct source *s) {
    if (!key_shards_are_shared(s->ds, w->bits))
        key_prefix_release(s->ds, s->prefix);
}

static int head_open(struct key_walk *w, size_t input, size_t shard, struct wit_error *err) {
    struct source *s = &w->sources[input];
    struct head h = { .at = { .input = input, .shard = shard } };
    int st = heap_room(w, err);
    if (st >= 0)
        st = dataset_file(s->ds, shard, &h.at.file, err);
    if (st < 0)
        return st;
    h.at.index = shard_file_seek(h.at.file, w->from);
    h.end = shard_file_seek(h.at.file, w->to);
    struct wit_hash128 last;
    if (shard_file_key(h.at.file, h.end, &last) && wit_hash128_eq(last, w->to))
        h.end++;
    if (h.at.index >= h.end) {
        shard_file_unref(h.at.file);
        return 0;
    }
    (void)shard_file_key(h.at.file, h.at.index, &h.key);
    heap_push(w, &h);
    s->heads++;
    return 0;
}

/* Open the runs of the next prefix that has records, if there is one. */
static int source_open(struct key_walk *w, size_t input, struct wit_error *err) {
    struct source *s = &w->sources[input];
    const struct manifest *m = dataset_manifest(s->ds);
    while (s->heads == 0 && s->next < s->end) {
        s->prefix = m->shards[s->next].prefix;
        for (; s->next < s->end && m->shards[s->next].prefix == s->prefix; s->next++) {
            int st = head_open(w, input, s->next, err);
            if (st < 0)
                return st;
        }
        if (s->heads == 0)
            source_close(w, s);
    }
    return 0;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static void range_set(struct key_walk *w, uint32_t prefix) {
    w->from = (struct wit_hash128){ 0, 0 };
    w->to = (struct wit_hash128){ UINT64_MAX, UINT64_MAX };
    if (w->bits == 0)
        return;
    w->from.hi = (uint64_t)prefix << (64 - w->bits);
    w->to.hi = w->from.hi | UINT64_MAX >> w->bits;
}

int key_walk_create(struct wit_shards_dataset *const *datasets, size_t count, int bits,
                    uint32_t prefix, struct key_walk **out, struct wit_error *err) {
    struct key_walk *w = calloc(1, sizeof *w);
    if (w)
        w->sources = wit_alloc_array(count, sizeof *w->sources);
    if (!w || !w->sources) {
        key_walk_destroy(w);
        return wit_error_set(err, WIT_ENOMEM, "no memory to walk %zu datasets", count);
    }
    w->count = count;
    w->bits = bits;
    range_set(w, prefix);
    for (size_t i = 0; i < count; i++) {
        int own = dataset_manifest(datasets[i])->shard_bits;
        uint32_t last = manifest_prefix(w->to, own);
        w->sources[i] = (struct source){
            .ds = datasets[i],
            .next = dataset_prefix_begin(datasets[i], manifest_prefix(w->from, own)),
            .end = dataset_prefix_begin(datasets[i], last + 1),
        };
    }
    for (size_t i = 0; i < count; i++) {
        int st = source_open(w, i, err);
        if (st < 0) {
            key_walk_destroy(w);
            return st;
        }
    }
    *out = w;
    return 0;
}

/* Move the shards on that gave the last key. */
static int taken_advance(struct key_walk *w, struct wit_error *err) {
    while (w->taken_count) {
        struct head *h = &w->taken[--w->taken_count];
        struct source *s = &w->sources[h->at.input];
        if (++h->at.index < h->end) {
            (void)shard_file_key(h->at.file, h->at.index, &h->key);
            heap_push(w, h);
            continue;
        }
        shard_file_unref(h->at.file);
        if (--s->heads == 0) {
            size_t input = h->at.input;
            source_close(w, s);
            int st = source_open(w, input, err);
            if (st < 0)
                return st;
        }
    }
    return 0;
}

int key_walk_next(struct key_walk *w, struct wit_hash128 *key, const struct key_record **records,
                  size_t *count, struct wit_error *err) {
    int st = taken_advance(w, err);
    if (st < 0)
        return st;
    while (w->heap_count &&
           (w->taken_count == 0 || wit_hash128_eq(w->heap[0].key, w->taken[0].key))) {
        struct head h = heap_pop(w);
        if (w->taken_count && w->records[w->taken_count - 1].input == h.at.input) {
            char hex[WIT_HASH128_HEX];
            wit_hash128_to_hex(h.key, hex);
            w->taken[w->taken_count++] = h;
            return wit_error_set(err, WIT_ECORRUPT, "%s has sample %s in two runs of a prefix",
                                 dataset_dir(w->sources[h.at.input].ds), hex);
        }
        w->records[w->taken_count] = h.at;
        w->taken[w->taken_count++] = h;
    }
    if (w->taken_count == 0)
        return 0;
    *key = w->taken[0].key;
    *records = w->records;
    *count = w->taken_count;
    return 1;
}

void key_walk_destroy(struct key_walk *w) {
    if (!w)
        return;
    for (size_t i = 0; i < w->heap_count; i++)
        shard_file_unref(w->heap[i].at.file);
    for (size_t i = 0; i < w->taken_count; i++)
        shard_file_unref(w->taken[i].at.file);
    for (size_t i = 0; w->sources && i < w->count; i++)
        if (w->sources[i].ds && w->sources[i].heads)
            source_close(w, &w->sources[i]);
    free(w->sources);
    free(w->heap);
    free(w->taken);
    free(w->records);
    free(w);
}
