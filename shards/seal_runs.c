/* seal_runs.c: the shards of a prefix beside its plan. */
#include "seal_runs.h"
#include "shard_file.h"

#include <stdlib.h>

#define FRONT_MAX_BYTES (WIT_SHARDS_MAX_CAPTION_BYTES + 4096)
#define ORIGIN_MAX_BYTES ((size_t)512 << 20)

/* A shard of the prefix, walked along with the plan. */
struct run {
    struct shard_file *file;
    uint64_t next;
    struct wit_hash128 *gone; /* keys that are hidden from now on, ascending */
    uint64_t gone_count, gone_cap;
};

struct comparison {
    const char *dir;
    const struct plan *plan;
    struct run *runs;
    size_t run_count;
    struct plan_record *fresh;
    uint64_t fresh_count;
    struct wit_buf head, origin, value;
    const volatile int *interrupt;
};

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory to compare the shards of a prefix");
}

static int gone_add(struct run *r, struct wit_hash128 key, struct wit_error *err) {
    if (r->gone_count == r->gone_cap) {
        uint64_t cap = r->gone_cap ? 2 * r->gone_cap : 64;
        struct wit_hash128 *more = wit_realloc_array(r->gone, (size_t)cap, sizeof *more);
        if (!more)
            return no_memory(err);
        r->gone = more;
        r->gone_cap = cap;
    }
    r->gone[r->gone_count++] = key;
    return 0;
}

/* Is record `index` of a run what the plan says: 1, 0. */
static int same(struct comparison *c, struct run *r, uint64_t index, const struct plan_record *want,
                struct wit_error *err) {
    const char *front = c->plan->fronts.data + want->front_at;
    const char *origin = c->plan->origins.data + want->origin_at;
    struct wit_str head;
    uint64_t bytes;
    wit_buf_reset(&c->head);
    wit_buf_reset(&c->origin);
    int st = shard_file_head(r->file, index, want->front_bytes, &c->head, &head, &bytes, err);
    if (st < 0)
        return st;
    if (bytes != want->front_bytes + want->body_bytes ||
        !wit_str_eq(head, wit_str_of(front, want->front_bytes)))
        return 0;
    st = shard_file_origin(r->file, want->key, &c->origin, err);
    if (st < 0)
        return st;
    return wit_str_eq(wit_buf_view(&c->origin), wit_str_of(origin, want->origin_bytes));
}

/* Walk a run up to the key, or to its end: what it has before is in no plan any more. 1: it has the
 * key and the same record; 0: another version, which is gone; HAS_NOT. */
enum { HAS_NOT = 2 };
static int run_walk(struct comparison *c, struct run *r, const struct plan_record *want,
                    struct wit_error *err) {
    struct wit_hash128 key;
    int st = 0;
    while (st >= 0 && shard_file_key(r->file, r->next, &key)) {
        int order = want ? wit_hash128_cmp(key, want->key) : -1;
        if (order > 0)
            return HAS_NOT;
        uint64_t index = r->next++;
        st = order == 0 ? same(c, r, index, want, err) : 0;
        if (st == 0) {
            int added = gone_add(r, key, err);
            st = added < 0 ? added : 0;
        }
        if (order == 0)
            return st;
    }
    return st < 0 ? st : HAS_NOT;
}

static int records_compare(struct comparison *c, struct wit_error *err) {
    const struct plan *plan = c->plan;
    int st = 0;
    for (uint64_t i = 0; i < plan->count && st >= 0; i++) {
        bool is_same = false;
        if (c->interrupt && *c->interrupt)
            return wit_error_set(err, WIT_ECANCELED, "interrupted while sealing %s", c->dir);
        for (size_t k = 0; k < c->run_count && st >= 0; k++) {
            st = run_walk(c, &c->runs[k], &plan->records[i], err);
            is_same |= st == 1;
        }
        if (st >= 0 && !is_same)
            c->fresh[c->fresh_count++] = plan->records[i];
    }
    for (size_t k = 0; k < c->run_count && st >= 0; k++)
        st = run_walk(c, &c->runs[k], NULL, err);
    return st < 0 ? st : 0;
}

/* ---- deciding -------------------------------------------------------------------------------- */

static uint64_t records_bytes(const struct plan_record *records, uint64_t count) {
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++)
        bytes += records[i].front_bytes + records[i].body_bytes + records[i].origin_bytes;
    return bytes;
}

/* Hidden records are taken to be as large as the others of their file. */
static bool is_whole(const struct comparison *c, const struct manifest_shard *shards,
                     const struct runs_limits *limits) {
    uint64_t all = records_bytes(c->plan->records, c->plan->count), hidden = 0, left = 0;
    uint64_t fresh = records_bytes(c->fresh, c->fresh_count);
    for (size_t k = 0; k < c->run_count; k++) {
        uint64_t in_file = shards[k].samples + shards[k].hidden_count;
        uint64_t gone = shards[k].hidden_count + c->runs[k].gone_count;
        if (gone == in_file)
            continue; /* the file goes */
        hidden += (uint64_t)((double)shards[k].file_bytes * (double)gone / (double)in_file);
        left++;
    }
    uint64_t most = (uint64_t)((double)all * limits->percent / 100);
    return left + (c->fresh_count > 0) > limits->runs || fresh > most || hidden > most;
}

/* What the records that go add up to comes off the shard's numbers. */
static int numbers_take(struct comparison *c, struct run *r, struct manifest_shard *shard,
                        struct wit_error *err) {
    struct wit_shards_sample sample;
    int st = 0;
    for (uint64_t i = 0; i < r->gone_count && st >= 0; i++) {
        if (c->interrupt && *c->interrupt)
            return wit_error_set(err, WIT_ECANCELED, "interrupted while sealing %s", c->dir);
        int64_t index = shard_file_find(r->file, r->gone[i]);
        st = shard_file_read(r->file, (uint64_t)index, true, &c->value, &sample, err);
        if (st < 0)
            break;
        shard->samples--;
        shard->pairs -= sample.caption_count;
        shard->image_bytes -= sample.image.len;
        shard->sum = wit_hash128_sub(shard->sum, sample.hash);
    }
    return st;
}

static int change_fill(struct comparison *c, const struct manifest_shard *shards,
                       struct runs_change *out, struct wit_error *err) {
    int st = 0;
    out->kept = wit_alloc_array(c->run_count + 1, sizeof *out->kept);
    if (!out->kept)
        return no_memory(err);
    for (size_t k = 0; k < c->run_count && st >= 0; k++) {
        struct run *r = &c->runs[k];
        if (r->gone_count == shards[k].samples)
            continue;
        struct runs_kept *kept = &out->kept[out->kept_count++];
        kept->shard = shards[k];
        st = numbers_take(c, r, &kept->shard, err);
        kept->hide = (struct hidden_keys){ r->gone, r->gone_count };
        r->gone = NULL;
    }
    out->fresh = *c->plan;
    out->fresh.records = c->fresh;
    out->fresh.count = out->fresh.cap = (size_t)c->fresh_count;
    c->fresh = NULL;
    return st < 0 ? st : plan_part_total(&out->fresh, err);
}

static int runs_open(struct comparison *c, int shard_bits, const struct manifest_shard *shards,
                     size_t count, struct wit_error *err) {
    c->runs = wit_alloc_array(count + 1, sizeof *c->runs);
    c->fresh = wit_alloc_array(c->plan->count + 1, sizeof *c->fresh);
    if (!c->runs || !c->fresh)
        return no_memory(err);
    c->run_count = count;
    int st = 0;
    for (size_t k = 0; k < count && st >= 0; k++)
        st = shard_file_open(c->dir, shards[k].file, &shards[k], shard_bits, &c->runs[k].file, err);
    return st;
}

static void comparison_finish(struct comparison *c) {
    for (size_t k = 0; c->runs && k < c->run_count; k++) {
        shard_file_unref(c->runs[k].file);
        free(c->runs[k].gone);
    }
    free(c->runs);
    free(c->fresh);
    wit_buf_finish(&c->head);
    wit_buf_finish(&c->origin);
    wit_buf_finish(&c->value);
}

int runs_compare(const char *dir, int shard_bits, const struct manifest_shard *shards, size_t count,
                 const struct plan *plan, const struct runs_limits *limits,
                 const volatile int *interrupt, struct runs_change *out, struct wit_error *err) {
    struct comparison c = { .dir = dir,
                            .plan = plan,
                            .head = WIT_BUF_INIT(FRONT_MAX_BYTES),
                            .origin = WIT_BUF_INIT(ORIGIN_MAX_BYTES),
                            .value = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES + 64),
                            .interrupt = interrupt };
    struct runs_change change = { .whole = false };
    struct wit_error why = WIT_ERROR_INIT;
    int st = runs_open(&c, shard_bits, shards, count, &why);
    if (st >= 0)
        st = records_compare(&c, &why);
    if (st >= 0) {
        change.whole = is_whole(&c, shards, limits);
        if (!change.whole)
            st = change_fill(&c, shards, &change, &why);
    }
    comparison_finish(&c);
    if (st < 0) {
        runs_change_finish(&change);
        if (st == WIT_ENOMEM || st == WIT_ECANCELED) {
            if (err)
                *err = why;
            return st;
        }
        wit_log_warn("shards", "%s; its prefix is made anew from the logs", why.text);
        change = (struct runs_change){ .whole = true };
    }
    *out = change;
    return 0;
}

void runs_change_finish(struct runs_change *c) {
    for (size_t k = 0; k < c->kept_count; k++)
        hidden_finish(&c->kept[k].hide);
    free(c->kept);
    free(c->fresh.records); /* the texts are the plan's */
    *c = (struct runs_change){ .whole = false };
}

int runs_kept_hide(const char *dir, struct runs_kept *kept, struct wit_error *err) {
    struct hidden_keys old = { NULL, 0 }, all = { NULL, 0 };
    if (kept->hide.count == 0)
        return 0;
    int st = hidden_read(dir, &kept->shard, &old, err);
    if (st < 0)
        return st;
    all.keys = wit_alloc_array((size_t)(old.count + kept->hide.count), sizeof *all.keys);
    if (!all.keys)
        st = no_memory(err);
    for (uint64_t a = 0, b = 0; st >= 0 && all.count < old.count + kept->hide.count;) {
        bool from_old = b == kept->hide.count ||
                        (a < old.count && wit_hash128_cmp(old.keys[a], kept->hide.keys[b]) < 0);
        all.keys[all.count++] = from_old ? old.keys[a++] : kept->hide.keys[b++];
    }
    if (st >= 0)
        st = hidden_write(dir, &kept->shard, &all, err);
    hidden_finish(&old);
    hidden_finish(&all);
    return st;
}
