/* compact.c: a dataset written anew in place, without what is no part of it any more. */
#include "dataset.h"
#include "publish.h"
#include "remake.h"

#include <stdlib.h>

enum { HIDDEN_SHARE = 5 /* where more than this part of the images is hidden */ };

#define BATCH_BYTES ((uint64_t)64 << 30) /* some shards for each of many threads */

struct compaction {
    const struct wit_shards_compact_config *cfg;
    const char *dir;
    struct wit_shards_dataset *ds;
    const struct manifest *old;
    int bits;
    bool *wanted;     /* by prefix of the new dataset: what is left to be written */
    bool *batch;      /* likewise: what is being written */
    uint64_t *hidden; /* by old shard: bytes of hidden records */
    struct wit_shards_compacted report;
};

struct wit_shards_compact_config wit_shards_compact_config_default(void) {
    return (struct wit_shards_compact_config){ .make = wit_shards_remake_config_default(),
                                               .batch_bytes = BATCH_BYTES };
}

/* ---- what is to be done ---------------------------------------------------------------------- */

static int hidden_measure(struct compaction *c, struct wit_error *err) {
    c->hidden = wit_alloc_array(c->old->count + 1, sizeof *c->hidden);
    if (!c->hidden)
        return wit_error_set(err, WIT_ENOMEM, "no memory to compact %s", c->dir);
    for (size_t i = 0; i < c->old->count; i++) {
        struct shard_file *f = NULL;
        if (c->old->shards[i].hidden_count == 0)
            continue;
        int st = dataset_file(c->ds, i, &f, err);
        if (st < 0)
            return st;
        c->hidden[i] = shard_file_hidden_bytes(f);
        shard_file_unref(f);
        wit_shards_shard_release(c->ds, i);
    }
    return 0;
}

static bool is_worth_it(const struct compaction *c, size_t from, size_t to) {
    if (to - from > 1)
        return true;
    const struct manifest_shard *s = &c->old->shards[from];
    if (c->cfg->purge && s->hidden_count)
        return true;
    return c->hidden[from] > (c->hidden[from] + s->image_bytes) / HIDDEN_SHARE;
}

static void going_tell(struct compaction *c, size_t i) {
    const struct manifest_shard *s = &c->old->shards[i];
    const struct wit_shards_compacting going = { .file = s->file,
                                                 .samples = s->samples,
                                                 .file_bytes = s->file_bytes,
                                                 .hidden = s->hidden_count,
                                                 .hidden_bytes = c->hidden[i] };
    c->report.shards_gone++;
    c->report.bytes_gone += s->file_bytes;
    c->report.bytes_left += s->file_bytes - c->hidden[i];
    c->report.hidden_gone += s->hidden_count;
    if (c->cfg->going)
        c->cfg->going(c->cfg->user, &going);
}

/* Which prefixes to write anew; how many old shards go with them. */
static int plan(struct compaction *c, struct wit_error *err) {
    const struct wit_shards_remake_config *make = &c->cfg->make;
    const bool all = c->bits != c->old->shard_bits;
    int st = hidden_measure(c, err);
    if (st < 0)
        return st;
    c->wanted = wit_alloc_array((size_t)1 << c->bits, sizeof *c->wanted);
    if (!c->wanted)
        return wit_error_set(err, WIT_ENOMEM, "no memory to compact %s", c->dir);
    for (size_t i = 0; all && i < (size_t)1 << c->bits; i++)
        c->wanted[i] = true;
    for (size_t from = 0, to; from < c->old->count; from = to) {
        for (to = from + 1;
             to < c->old->count && c->old->shards[to].prefix == c->old->shards[from].prefix;)
            to++;
        bool goes = all || is_worth_it(c, from, to);
        for (size_t i = from; i < to && goes; i++)
            going_tell(c, i);
        for (size_t i = from; i < to && !goes; i++)
            c->report.hidden_kept += c->old->shards[i].hidden_count;
        if (goes && !all)
            c->wanted[c->old->shards[from].prefix] = true;
    }
    return make->interrupt && *make->interrupt
               ? wit_error_set(err, WIT_ECANCELED, "interrupted while compacting %s", c->dir)
               : 0;
}

/* ---- doing it -------------------------------------------------------------------------------- */

/* The shards that stay and those that were made, by prefix, in place of those there are now. */
static int shards_join(const struct compaction *c, const struct remade *made, struct manifest *now,
                       struct wit_error *err) {
    const bool all = c->bits != now->shard_bits;
    size_t k = 0, count = 0;
    struct manifest_shard *shards = wit_alloc_array(now->count + made->count + 1, sizeof *shards);
    if (!shards)
        return wit_error_set(err, WIT_ENOMEM, "no memory to compact %s", c->dir);
    for (size_t i = 0; i < now->count && !all; i++) {
        const struct manifest_shard *s = &now->shards[i];
        if (c->batch[s->prefix])
            continue;
        while (k < made->count && made->shards[k].prefix < s->prefix)
            shards[count++] = made->shards[k++];
        shards[count++] = *s;
    }
    while (k < made->count)
        shards[count++] = made->shards[k++];
    free(now->shards);
    now->shards = shards;
    now->count = count;
    return 0;
}

static int content_check(const struct compaction *c, const struct manifest *new,
                         struct wit_error *err) {
    if (wit_hash128_eq(new->hash, c->old->hash) && new->pairs == c->old->pairs)
        return 0;
    return wit_error_set(err, WIT_ECORRUPT,
                         "%s: compacted, it would hold %llu samples and %llu pairs instead of %llu "
                         "and %llu, or others: nothing was changed; 'wit shards verify' says more",
                         c->dir, (unsigned long long)new->samples, (unsigned long long)new->pairs,
                         (unsigned long long)c->old->samples, (unsigned long long)c->old->pairs);
}

/* The next prefixes to write before the old ones of them go: into another number of prefixes, all.
 */
static bool batch_choose(struct compaction *c) {
    const struct manifest *old = c->old;
    const bool all = c->bits != old->shard_bits;
    uint64_t bytes = 0;
    bool any = false;
    for (size_t p = 0; p < (size_t)1 << c->bits; p++)
        c->batch[p] = all && c->wanted[p];
    for (size_t i = 0; i < old->count && !all; i++) {
        uint32_t prefix = old->shards[i].prefix;
        if (!c->wanted[prefix] || (bytes >= c->cfg->batch_bytes && any && !c->batch[prefix]))
            continue;
        c->batch[prefix] = any = true;
        bytes += old->shards[i].file_bytes;
    }
    for (size_t p = 0; p < (size_t)1 << c->bits; p++) {
        any |= c->batch[p];
        if (c->batch[p])
            c->wanted[p] = false;
    }
    return any;
}

/* Write a batch and let it count. Its run is a number that no shard has, the same one when a killed
 * compaction goes on. */
static int batch_write(struct compaction *c, struct manifest *now, struct wit_error *err) {
    const struct wit_shards_remake_config *make = &c->cfg->make;
    struct remade made = { .count = 0 };
    const struct remake job = {
        .inputs = &c->ds,
        .input_count = 1,
        .out = c->dir,
        .shard_bits = c->bits,
        .run = now->next_run,
        .threads = make->threads,
        .wanted = c->batch,
        .progress = make->progress,
        .progress_user = make->user,
        .progress_total = c->old->samples,
        .interrupt = make->interrupt,
    };
    int st = remake_run(&job, &made, err);
    if (st >= 0)
        st = shards_join(c, &made, now, err);
    if (st >= 0) {
        now->shard_bits = c->bits;
        now->next_run++;
        manifest_total(now);
        st = content_check(c, now, err);
    }
    if (st >= 0)
        st = dataset_publish(c->dir, now, err);
    if (st >= 0)
        remade_report(now, &made.counts, &c->report.made);
    remade_finish(&made);
    return st;
}

static int rewrite(struct compaction *c, struct wit_error *err) {
    struct manifest now = *c->old; /* recipe and lineage stay */
    now.shards = wit_alloc_array(now.count + 1, sizeof *now.shards);
    c->batch = wit_alloc_array((size_t)1 << c->bits, sizeof *c->batch);
    int st = now.shards && c->batch
                 ? 0
                 : wit_error_set(err, WIT_ENOMEM, "no memory to compact %s", c->dir);
    for (size_t i = 0; st >= 0 && i < now.count; i++)
        now.shards[i] = c->old->shards[i];
    while (st >= 0 && batch_choose(c))
        st = batch_write(c, &now, err);
    free(now.shards);
    return st;
}

static int compact(struct compaction *c, struct wit_error *err) {
    const struct wit_shards_remake_config *make = &c->cfg->make;
    int st = dataset_sealed_open(c->dir, &c->ds, err);
    if (st < 0)
        return st;
    c->old = dataset_manifest(c->ds);
    c->bits = c->old->shard_bits;
    if (c->cfg->reshard)
        c->bits = make->shard_bits >= 0
                      ? make->shard_bits
                      : remake_bits(c->old->image_bytes, c->old->samples, make->shard_bytes);
    st = plan(c, err);
    if (st < 0)
        return st;
    remade_report(c->old, NULL, &c->report.made);
    if (c->cfg->dry_run)
        return 0;
    st = dataset_halves_remove(c->dir, err);
    if (st < 0)
        return st;
    return c->report.shards_gone ? rewrite(c, err) : dataset_strays_remove(c->dir, c->old, err);
}

int wit_shards_compact(const char *dir, const struct wit_shards_compact_config *cfg,
                       struct wit_shards_compacted *out, struct wit_error *err) {
    struct compaction c = { .cfg = cfg, .dir = dir };
    struct dataset_lock lock = DATASET_LOCK_INIT;
    int st = remake_config_check(&cfg->make, err);
    if (st >= 0 && !cfg->dry_run)
        st = dataset_lock(dir, &lock, err);
    if (st >= 0)
        st = compact(&c, err);
    if (st >= 0)
        *out = c.report;
    dataset_unlock(&lock);
    wit_shards_dataset_close(c.ds);
    free(c.wanted);
    free(c.batch);
    free(c.hidden);
    return st < 0 ? st : 0;
}
