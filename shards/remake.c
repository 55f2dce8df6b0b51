/* remake.c: threads, prefixes, image bytes. */
#include "key_walk.h"
#include "remake_plan.h"
#include "shard_make.h"
#include "shard_workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SAMPLE_OVERHEAD_BYTES = 4096, PROGRESS_EVERY = 256 };

struct run {
    const struct remake *job;
    struct manifest_shard *results; /* by prefix; samples == 0: no shard */
    struct remake_counts counts;
    /* Of an input whose shards hold several prefixes: how many of each of its own are made. */
    atomic_uint **made;
    atomic_uint next_prefix;
    atomic_ullong written;
    pthread_mutex_t lock; /* guards counts and what follows, and is held for job->progress */
    int status;           /* first failure of a worker */
    struct wit_error err;
};

struct wit_shards_remake_config wit_shards_remake_config_default(void) {
    return (struct wit_shards_remake_config){ .shard_bytes =
                                                  wit_shards_seal_config_default().shard_bytes,
                                              .shard_bits = -1 };
}

int remake_config_check(const struct wit_shards_remake_config *cfg, struct wit_error *err) {
    if (cfg->shard_bits <= WIT_SHARDS_MAX_BITS && cfg->shard_bytes > 0)
        return 0;
    return wit_error_set(err, WIT_EINVAL, "shards of %llu bytes, %d bits can't be",
                         (unsigned long long)cfg->shard_bytes, cfg->shard_bits);
}

void remade_report(const struct manifest *m, const struct remake_counts *counts,
                   struct wit_shards_remade *out) {
    static const struct remake_counts none;
    const struct remake_counts *c = counts ? counts : &none;
    *out = (struct wit_shards_remade){
        .samples = m->samples,
        .pairs = m->pairs,
        .image_bytes = m->image_bytes,
        .shards = m->count,
        .shared = c->shared,
        .collisions = c->collisions,
        .captions_cut = c->captions_cut,
        .changed = counts != NULL,
        .hash = m->hash,
    };
}

int remake_bits(uint64_t image_bytes, uint64_t samples, uint64_t shard_bytes) {
    uint64_t bytes = image_bytes + samples * SAMPLE_OVERHEAD_BYTES;
    int bits = 0;
    while (bits < WIT_SHARDS_MAX_BITS && bytes >> bits > shard_bytes)
        bits++;
    return bits;
}

/* ---- image bytes ---------------------------------------------------------------------------- */

struct bodies {
    struct run *run;
    const struct remake_plan *plan;
    uint32_t *held; /* by input: the prefix whose shards are open; UINT32_MAX: none */
};

static void held_release(const struct bodies *b, size_t input) {
    struct wit_shards_dataset *ds = b->run->job->inputs[input];
    if (b->held[input] != UINT32_MAX && !key_shards_are_shared(ds, b->run->job->shard_bits))
        key_prefix_release(ds, b->held[input]);
    b->held[input] = UINT32_MAX;
}

static void progress_tell(struct run *r) {
    uint64_t done = atomic_fetch_add(&r->written, 1) + 1;
    if (!r->job->progress || done % PROGRESS_EVERY)
        return;
    pthread_mutex_lock(&r->lock);
    r->job->progress(r->job->progress_user, done, r->job->progress_total);
    pthread_mutex_unlock(&r->lock);
}

static int body_give(void *user, uint64_t index, void *out, struct wit_error *err) {
    struct bodies *b = user;
    const struct remake_source *s = &b->plan->sources[index];
    const struct shard_writer_record *r = &b->plan->records[index];
    struct wit_shards_dataset *ds = b->run->job->inputs[s->input];
    uint32_t prefix = dataset_manifest(ds)->shards[s->shard].prefix;
    const struct record_front front = {
        .sample = { .key = r->key },
        .image = { .bytes = r->body_bytes, .hash = s->hash, .changed = s->changed },
    };
    struct shard_file *f = NULL;
    if (b->held[s->input] != prefix) {
        held_release(b, s->input);
        b->held[s->input] = prefix;
    }
    int st = dataset_file(ds, s->shard, &f, err);
    if (st < 0)
        return st;
    st = shard_file_body(f, s->index, &front, out, err);
    shard_file_unref(f);
    progress_tell(b->run);
    return st;
}

/* ---- one prefix ------------------------------------------------------------------------------ */

static int plan_write(struct run *r, const struct remake_plan *plan, struct manifest_shard *shard,
                      struct wit_error *err) {
    const struct remake *job = r->job;
    struct bodies bodies = { r, plan, wit_alloc_array(job->input_count, sizeof *bodies.held) };
    const struct shard_writer_input input = { .records = plan->records,
                                              .count = plan->count,
                                              .body = body_give,
                                              .user = &bodies,
                                              .interrupt = job->interrupt };
    if (!bodies.held)
        return wit_error_set(err, WIT_ENOMEM, "no memory to make shards in %s", job->out);
    for (size_t i = 0; i < job->input_count; i++)
        bodies.held[i] = UINT32_MAX;
    int st = shard_plan_digest(plan->records, plan->count, &shard->plan, err);
    if (st >= 0)
        st = shard_make(job->out, job->shard_bits, &input, shard, err);
    for (size_t i = 0; i < job->input_count; i++)
        held_release(&bodies, i);
    free(bodies.held);
    return st;
}

static void counts_add(struct run *r, const struct remake_counts *c) {
    pthread_mutex_lock(&r->lock);
    r->counts.duplicate_images += c->duplicate_images;
    r->counts.collisions += c->collisions;
    r->counts.captions_cut += c->captions_cut;
    r->counts.shared += c->shared;
    r->counts.removed_samples += c->removed_samples;
    r->counts.removed_pairs += c->removed_pairs;
    pthread_mutex_unlock(&r->lock);
}

/* The last of the prefixes that a shared shard has keys of closes it. */
static void shared_release(struct run *r, uint32_t prefix) {
    for (size_t i = 0; i < r->job->input_count; i++) {
        struct wit_shards_dataset *ds = r->job->inputs[i];
        if (!r->made[i])
            continue;
        int more = r->job->shard_bits - dataset_manifest(ds)->shard_bits;
        uint32_t own = prefix >> more;
        if (atomic_fetch_add(&r->made[i][own], 1) + 1 == 1u << more)
            key_prefix_release(ds, own);
    }
}

static int prefix_make(struct run *r, struct remake_planner *planner, uint32_t prefix,
                       struct wit_error *err) {
    struct remake_plan plan;
    struct manifest_shard shard = { .prefix = prefix, .run = r->job->run };
    int st = remake_planner_plan(planner, prefix, &plan, err);
    if (st < 0)
        return st;
    counts_add(r, &plan.counts);
    shard.pairs = plan.pairs;
    shard.image_bytes = plan.image_bytes;
    if (plan.count)
        st = plan_write(r, &plan, &shard, err);
    if (plan.count && st >= 0)
        r->results[prefix] = shard;
    remake_plan_finish(&plan);
    shared_release(r, prefix);
    return st;
}

static void failed(struct run *r, int st, const struct wit_error *err) {
    pthread_mutex_lock(&r->lock);
    if (r->status == 0) {
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
    struct remake_planner *planner = NULL;
    int st = remake_planner_create(r->job, &planner, &err);
    while (st >= 0 && !has_failed(r)) {
        uint32_t prefix = atomic_fetch_add(&r->next_prefix, 1);
        if (prefix >> r->job->shard_bits)
            break;
        if (!r->job->wanted || r->job->wanted[prefix])
            st = prefix_make(r, planner, prefix, &err);
    }
    if (st < 0)
        failed(r, st, &err);
    remake_planner_destroy(planner);
    return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int run_create(struct run *r, struct wit_error *err) {
    const struct remake *job = r->job;
    r->results = wit_alloc_array((size_t)1 << job->shard_bits, sizeof *r->results);
    r->made = wit_alloc_array(job->input_count, sizeof(atomic_uint *));
    bool ok = r->results && r->made;
    for (size_t i = 0; ok && i < job->input_count; i++)
        if (key_shards_are_shared(job->inputs[i], job->shard_bits)) {
            size_t prefixes = (size_t)1 << dataset_manifest(job->inputs[i])->shard_bits;
            r->made[i] = wit_alloc_array(prefixes, sizeof(atomic_uint));
            ok = r->made[i] != NULL;
        }
    if (ok)
        return 0;
    return wit_error_set(err, WIT_ENOMEM, "no memory for %d bits of prefixes", job->shard_bits);
}

static void run_finish(struct run *r) {
    for (size_t i = 0; r->made && i < r->job->input_count; i++)
        free(r->made[i]);
    free(r->made);
    free(r->results);
    pthread_mutex_destroy(&r->lock);
}

int remake_run(const struct remake *job, struct remade *out, struct wit_error *err) {
    struct run r = { .job = job };
    size_t prefixes = (size_t)1 << job->shard_bits, count = 0;
    if (pthread_mutex_init(&r.lock, NULL) != 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory to make shards in %s", job->out);
    int st = run_create(&r, err);
    if (st >= 0) {
        shard_workers_run(job->threads, prefixes, worker, &r);
        st = r.status;
        if (st < 0 && err)
            *err = r.err;
    }
    if (st >= 0) {
        for (size_t i = 0; i < prefixes; i++)
            if (r.results[i].samples)
                r.results[count++] = r.results[i];
        *out = (struct remade){ .shards = r.results, .count = count, .counts = r.counts };
        r.results = NULL;
    }
    run_finish(&r);
    return st;
}

void remade_finish(struct remade *r) {
    free(r->shards);
    *r = (struct remade){ .count = 0 };
}
