/*
 * removal_run.c: a dataset without what was removed. Each prefix by one thread: its shards keep
 * their files and hide records, changed records of all of them become one further run.
 */
#include "removal.h"
#include "shard_make.h"
#include "shard_workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PLAN_MAX_BYTES ((size_t)64 << 30) /* texts of the changed records of one prefix */
#define FRONT_MAX_BYTES (2 * WIT_SHARDS_MAX_CAPTION_BYTES)
#define ORIGIN_MAX_BYTES ((size_t)1 << 30)

/* A record that changes: where its texts are, and where its image. */
struct changed {
    struct wit_hash128 key;
    size_t front_at, front_bytes, origin_at, origin_bytes;
    struct wit_hash128 image_hash;
    size_t body_bytes;
    uint64_t index;
    uint32_t shard, captions;
    uint8_t flags;
};

/* One thread's, of the prefix at hand. */
struct group {
    struct run *run;
    struct removal *removal;
    size_t from, to; /* its shards in the old manifest */
    struct changed *changed;
    size_t changed_count, changed_cap;
    struct wit_hash128 *hide; /* of the shard at hand, in the order of its keys */
    size_t hide_count, hide_cap;
    struct wit_buf fronts, origins; /* of changed */
    struct wit_buf front, origin, value;
    struct shard_file *file; /* open for body_give */
    uint32_t file_shard;
    struct removal_counts counts;
};

struct run {
    const struct removal_job *job;
    struct manifest_shard *results; /* by old shard; samples == 0: none is left of it */
    struct manifest_shard *fresh; /* by the last shard of a prefix: its new run, or samples == 0 */
    size_t *groups;               /* first shard of each prefix, and one end */
    size_t group_count;
    atomic_size_t next;
    pthread_mutex_t lock; /* guards what follows */
    struct removal_counts counts;
    int status; /* first failure of a worker */
    struct wit_error err;
};

static int no_memory(const struct run *r, struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory to remove from %s", r->job->dir);
}

static int room(const struct run *r, void **items, size_t count, size_t *cap, size_t size,
                struct wit_error *err) {
    if (count < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 64;
    void *bigger = wit_realloc_array(*items, more, size);
    if (!bigger)
        return no_memory(r, err);
    *items = bigger;
    *cap = more;
    return 0;
}

/* ---- records --------------------------------------------------------------------------------- */

static int hide(struct group *g, struct wit_hash128 key, struct wit_error *err) {
    int st = room(g->run, (void **)&g->hide, g->hide_count, &g->hide_cap, sizeof *g->hide, err);
    if (st >= 0)
        g->hide[g->hide_count++] = key;
    return st;
}

static int change_keep(struct group *g, size_t shard, uint64_t index, struct wit_hash128 key,
                       const struct record_front *front, const struct removal_verdict *v,
                       struct wit_error *err) {
    const struct changed c = {
        .key = key,
        .front_at = g->fronts.len,
        .front_bytes = v->front.len,
        .origin_at = g->origins.len,
        .origin_bytes = v->origin.len,
        .image_hash = front->image.hash,
        .body_bytes = front->image.bytes,
        .index = index,
        .shard = (uint32_t)shard,
        .captions = v->captions,
        .flags = front->image.changed,
    };
    int st = room(g->run, (void **)&g->changed, g->changed_count, &g->changed_cap,
                  sizeof *g->changed, err);
    if (st >= 0 && (wit_buf_append_str(&g->fronts, v->front) < 0 ||
                    wit_buf_append_str(&g->origins, v->origin) < 0))
        st = no_memory(g->run, err);
    if (st >= 0)
        g->changed[g->changed_count++] = c;
    return st;
}

/* The numbers of a shard without a record: its hash is that of the whole value. */
static int record_take_out(struct group *g, struct shard_file *f, uint64_t index,
                           struct manifest_shard *s, struct wit_error *err) {
    struct wit_shards_sample sample;
    int st = shard_file_read(f, index, true, &g->value, &sample, err);
    if (st < 0)
        return st;
    s->samples--;
    s->pairs -= sample.caption_count;
    s->image_bytes -= sample.image.len;
    s->sum = wit_hash128_sub(s->sum, sample.hash);
    return hide(g, sample.key, err);
}

static int record_work(struct group *g, struct shard_file *f, size_t shard, uint64_t index,
                       struct manifest_shard *s, struct wit_error *err) {
    struct wit_hash128 key;
    struct record_front front;
    struct removal_verdict v = { .fate = REMOVAL_STAYS };
    const struct removed_set *set = g->run->job->set;
    if (!shard_file_key(f, index, &key) ||
        (removal_is_by_key(g->removal) && !removed_set_has_key(set, key)))
        return 0;
    int st = shard_file_front(f, index, &g->front, &front, err);
    wit_buf_reset(&g->origin);
    if (st >= 0 && !removed_set_has_key(set, key))
        st = shard_file_origin(f, key, &g->origin, err);
    if (st >= 0)
        st = removal_judge(g->removal, key, &front, wit_buf_view(&g->origin), &v, err);
    if (st < 0 || v.fate == REMOVAL_STAYS)
        return st;
    g->counts.samples += v.fate == REMOVAL_GOES;
    g->counts.changed_samples += v.fate == REMOVAL_CHANGES;
    g->counts.pairs += front.sample.caption_count - (v.fate == REMOVAL_CHANGES ? v.captions : 0);
    g->counts.unsure_pairs += v.unsure;
    if (g->run->job->dry_run)
        return 0;
    if (v.fate == REMOVAL_CHANGES)
        st = change_keep(g, shard, index, key, &front, &v, err);
    return st < 0 ? st : record_take_out(g, f, index, s, err);
}

/* ---- shards ---------------------------------------------------------------------------------- */

/* Those that are hidden and those that will be, both in the order of keys and apart. */
static int hidden_extend(struct group *g, struct manifest_shard *s, struct wit_error *err) {
    struct hidden_keys old = { NULL, 0 }, all = { NULL, 0 };
    int st = hidden_read(g->run->job->dir, s, &old, err);
    if (st < 0)
        return st;
    all.keys = wit_alloc_array((size_t)old.count + g->hide_count, sizeof *all.keys);
    if (!all.keys)
        st = no_memory(g->run, err);
    for (size_t a = 0, b = 0; st >= 0 && (a < old.count || b < g->hide_count);) {
        bool first =
            b == g->hide_count || (a < old.count && wit_hash128_cmp(old.keys[a], g->hide[b]) < 0);
        all.keys[all.count++] = first ? old.keys[a++] : g->hide[b++];
    }
    if (st >= 0)
        st = hidden_write(g->run->job->dir, s, &all, err);
    hidden_finish(&all);
    hidden_finish(&old);
    return st;
}

static int shard_work(struct group *g, size_t shard, struct wit_error *err) {
    const struct removal_job *job = g->run->job;
    struct manifest_shard *s = &g->run->results[shard];
    struct shard_file *f = NULL;
    int st =
        shard_file_open(job->dir, s->file, &job->old->shards[shard], job->old->shard_bits, &f, err);
    g->hide_count = 0;
    for (uint64_t i = 0; st >= 0 && i < shard_file_samples(f); i++) {
        st = record_work(g, f, shard, i, s, err);
        if (st >= 0 && job->interrupt && *job->interrupt)
            st = wit_error_set(err, WIT_ECANCELED, "interrupted while removing from %s", job->dir);
    }
    shard_file_unref(f);
    if (st >= 0 && g->hide_count && s->samples)
        st = hidden_extend(g, s, err);
    return st;
}

static int body_give(void *user, uint64_t index, void *out, struct wit_error *err) {
    struct group *g = user;
    const struct removal_job *job = g->run->job;
    const struct changed *c = &g->changed[index];
    const struct record_front front = {
        .sample = { .key = c->key },
        .image = { .bytes = c->body_bytes, .hash = c->image_hash, .changed = c->flags },
    };
    int st = 0;
    if (!g->file || g->file_shard != c->shard) {
        const struct manifest_shard *old = &job->old->shards[c->shard];
        shard_file_unref(g->file);
        g->file = NULL;
        g->file_shard = c->shard;
        st = shard_file_open(job->dir, old->file, old, job->old->shard_bits, &g->file, err);
    }
    return st < 0 ? st : shard_file_body(g->file, c->index, &front, out, err);
}

static int changed_order(const void *x, const void *y) {
    const struct changed *a = x, *b = y;
    return wit_hash128_cmp(a->key, b->key);
}

/* The changed records of a prefix as its next run. */
static int fresh_make(struct group *g, struct manifest_shard *fresh, struct wit_error *err) {
    const struct removal_job *job = g->run->job;
    struct manifest_shard s = { .prefix = job->old->shards[g->from].prefix,
                                .run = job->old->next_run };
    qsort(g->changed, g->changed_count, sizeof *g->changed, changed_order);
    struct shard_writer_record *records = wit_alloc_array(g->changed_count, sizeof *records);
    if (!records)
        return no_memory(g->run, err);
    for (size_t i = 0; i < g->changed_count; i++) {
        const struct changed *c = &g->changed[i];
        records[i] = (struct shard_writer_record){
            .key = c->key,
            .front = wit_str_of(g->fronts.data + c->front_at, c->front_bytes),
            .origin = wit_str_of(g->origins.data + c->origin_at, c->origin_bytes),
            .body_bytes = c->body_bytes,
        };
        s.pairs += c->captions;
        s.image_bytes += c->body_bytes;
    }
    const struct shard_writer_input input = { .records = records,
                                              .count = g->changed_count,
                                              .body = body_give,
                                              .user = g,
                                              .interrupt = job->interrupt };
    int st = shard_plan_digest(records, g->changed_count, &s.plan, err);
    if (st >= 0)
        st = shard_make(job->dir, job->old->shard_bits, &input, &s, err);
    if (st >= 0)
        *fresh = s;
    shard_file_unref(g->file);
    g->file = NULL;
    free(records);
    return st;
}

static int group_work(struct group *g, struct wit_error *err) {
    const struct removal_job *job = g->run->job;
    int st = 0;
    if (removal_is_by_key(g->removal) &&
        !removed_set_has_prefix(job->set, job->old->shard_bits, job->old->shards[g->from].prefix))
        return 0;
    g->changed_count = 0;
    wit_buf_reset(&g->fronts);
    wit_buf_reset(&g->origins);
    for (size_t i = g->from; i < g->to && st >= 0; i++)
        st = shard_work(g, i, err);
    if (st >= 0 && g->changed_count)
        st = fresh_make(g, &g->run->fresh[g->to - 1], err);
    return st;
}

/* ---- all prefixes ---------------------------------------------------------------------------- */

static void settle(struct run *r, const struct group *g, int st, const struct wit_error *err) {
    pthread_mutex_lock(&r->lock);
    r->counts.samples += g->counts.samples;
    r->counts.pairs += g->counts.pairs;
    r->counts.changed_samples += g->counts.changed_samples;
    r->counts.unsure_pairs += g->counts.unsure_pairs;
    if (st < 0 && r->status == 0) {
        r->status = st;
        r->err = *err;
    }
    pthread_mutex_unlock(&r->lock);
}

static bool has_failed(struct run *r) {
    pthread_mutex_lock(&r->lock);
    bool yes = r->status != 0;
    pthread_mutex_unlock(&r->lock);
    return yes;
}

static void *worker(void *arg) {
    struct run *r = arg;
    struct wit_error err = WIT_ERROR_INIT;
    struct group g = { .run = r,
                       .fronts = WIT_BUF_INIT(PLAN_MAX_BYTES),
                       .origins = WIT_BUF_INIT(PLAN_MAX_BYTES),
                       .front = WIT_BUF_INIT(FRONT_MAX_BYTES),
                       .origin = WIT_BUF_INIT(ORIGIN_MAX_BYTES),
                       .value = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES) };
    int st = removal_create(r->job->set, &g.removal, &err);
    while (st >= 0 && !has_failed(r)) {
        size_t i = atomic_fetch_add(&r->next, 1);
        if (i >= r->group_count)
            break;
        g.from = r->groups[i];
        g.to = r->groups[i + 1];
        st = group_work(&g, &err);
    }
    settle(r, &g, st, &err);
    removal_destroy(g.removal);
    free(g.changed);
    free(g.hide);
    wit_buf_finish(&g.fronts);
    wit_buf_finish(&g.origins);
    wit_buf_finish(&g.front);
    wit_buf_finish(&g.origin);
    wit_buf_finish(&g.value);
    return NULL;
}

static int run_make(struct run *r, struct wit_error *err) {
    const struct manifest *old = r->job->old;
    r->results = wit_alloc_array(old->count + 1, sizeof *r->results);
    r->fresh = wit_alloc_array(old->count + 1, sizeof *r->fresh);
    r->groups = wit_alloc_array(old->count + 1, sizeof *r->groups);
    if (!r->results || !r->fresh || !r->groups)
        return no_memory(r, err);
    for (size_t i = 0; i < old->count; i++) {
        r->results[i] = old->shards[i];
        if (i == 0 || old->shards[i].prefix != old->shards[i - 1].prefix)
            r->groups[r->group_count++] = i;
    }
    r->groups[r->group_count] = old->count;
    return 0;
}

static int results_join(const struct run *r, struct manifest_shard **out, size_t *count,
                        struct wit_error *err) {
    const size_t old = r->job->old->count;
    size_t n = 0;
    struct manifest_shard *shards = wit_alloc_array(2 * old + 1, sizeof *shards);
    if (!shards)
        return no_memory(r, err);
    for (size_t i = 0; i < old; i++) {
        if (r->results[i].samples)
            shards[n++] = r->results[i];
        if (r->fresh[i].samples)
            shards[n++] = r->fresh[i];
    }
    *out = shards;
    *count = n;
    return 0;
}

int removal_run(const struct removal_job *job, struct manifest_shard **shards, size_t *count,
                struct removal_counts *counts, struct wit_error *err) {
    struct run r = { .job = job };
    if (pthread_mutex_init(&r.lock, NULL) != 0)
        return no_memory(&r, err);
    int st = run_make(&r, err);
    if (st >= 0 && r.group_count)
        shard_workers_run(job->threads, r.group_count, worker, &r);
    if (st >= 0 && r.status < 0) {
        st = r.status;
        if (err)
            *err = r.err;
    }
    *shards = NULL;
    *count = 0;
    if (st >= 0 && !job->dry_run)
        st = results_join(&r, shards, count, err);
    if (st >= 0)
        *counts = r.counts;
    free(r.results);
    free(r.fresh);
    free(r.groups);
    pthread_mutex_destroy(&r.lock);
    return st;
}
