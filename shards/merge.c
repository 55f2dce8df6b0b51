/* merge.c: the union of sealed datasets. */
#include "dataset.h"
#include "remake.h"
#include "removed_carry.h"
#include "workplace.h"

#include <stdlib.h>

#define PARENTS_MAX_BYTES MANIFEST_MAX_BYTES

/* A dataset that is merged; sorted, so that their order on a command line does not matter. */
struct input {
    struct wit_shards_dataset *ds;
    struct wit_hash128 identity;
};

struct merge {
    const struct wit_shards_remake_config *cfg;
    struct input *inputs;
    size_t count;
    struct manifest new;
    struct wit_buf parents;
    struct removed_log removed; /* of all inputs: the result's */
    struct removed_set stays_out;
};

static int input_order(const void *x, const void *y) {
    const struct input *a = x, *b = y;
    int order = wit_hash128_cmp(wit_shards_dataset_hash(a->ds), wit_shards_dataset_hash(b->ds));
    return order ? order : wit_hash128_cmp(a->identity, b->identity);
}

static int inputs_open(struct merge *m, const char *const *dirs, size_t count,
                       struct wit_error *err) {
    m->inputs = wit_alloc_array(count, sizeof *m->inputs);
    if (!m->inputs)
        return wit_error_set(err, WIT_ENOMEM, "no memory to merge %zu datasets", count);
    for (size_t i = 0; i < count; i++) {
        struct input *in = &m->inputs[m->count];
        int st = dataset_sealed_open(dirs[i], &in->ds, err);
        if (st < 0)
            return st;
        m->count++;
        st = dataset_identity(dataset_manifest(in->ds), &in->identity, err);
        if (st < 0)
            return st;
    }
    qsort(m->inputs, count, sizeof *m->inputs, input_order);
    return 0;
}

/* What was removed from one of them stays out of the result. */
static int removed_take(struct merge *m, struct wit_error *err) {
    int st = removed_log_init(&m->removed, err);
    for (size_t i = 0; i < m->count && st >= 0; i++)
        st = removed_carry(&m->removed, dataset_dir(m->inputs[i].ds),
                           wit_shards_dataset_hash(m->inputs[i].ds), err);
    return st < 0 ? st : removed_set_make(&m->removed, NULL, &m->stays_out, err);
}

/* What the result depends on. */
static int inputs_hash(const struct merge *m, struct wit_hash128 *out, struct wit_error *err) {
    static const char verb[] = "merge";
    struct wit_hash128 removed;
    struct wit_hasher *h = wit_hasher_create();
    uint8_t bytes[16];
    if (!h || removed_set_digest(&m->stays_out, &removed) < 0) {
        wit_hasher_destroy(h);
        return wit_error_set(err, WIT_ENOMEM, "no memory to merge datasets");
    }
    wit_hasher_update(h, verb, sizeof verb);
    for (size_t i = 0; i < m->count; i++) {
        wit_hash128_to_bytes(m->inputs[i].identity, bytes);
        wit_hasher_update(h, bytes, sizeof bytes);
    }
    wit_store_be32(bytes, WIT_SHARDS_FORMAT_MAJOR << 16 | WIT_SHARDS_FORMAT_MINOR);
    wit_store_be32(bytes + 4, (uint32_t)m->new.shard_bits);
    wit_hasher_update(h, bytes, 8);
    if (!removed_set_is_empty(&m->stays_out)) {
        wit_hash128_to_bytes(removed, bytes);
        wit_hasher_update(h, bytes, sizeof bytes);
    }
    *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

/* Counts of what the inputs left out, and who they are. */
static int lineage_take(struct merge *m, struct wit_error *err) {
    int st = wit_buf_append_byte(&m->parents, '[');
    for (size_t i = 0; i < m->count && st >= 0; i++) {
        const struct manifest *in = dataset_manifest(m->inputs[i].ds);
        m->new.dropped_pairs += in->dropped_pairs;
        m->new.collisions += in->collisions;
        m->new.captions_cut += in->captions_cut;
        if (i)
            st = wit_buf_append_byte(&m->parents, ',');
        if (st >= 0)
            st = manifest_parent_encode(in, &m->parents, err);
    }
    if (st >= 0)
        st = wit_buf_append_byte(&m->parents, ']');
    if (st < 0)
        return wit_error_set(err, st, "no room for the lineage of a merge");
    m->new.parents = wit_buf_view(&m->parents);
    m->new.made_by = WIT_STR("{\"verb\":\"merge\"}");
    m->new.tool = m->cfg->tool;
    m->new.next_run = 1;
    m->new.sealed_at_s = wit_clock_wall_s();
    return 0;
}

static void bits_choose(struct merge *m) {
    uint64_t bytes = 0, samples = 0;
    for (size_t i = 0; i < m->count; i++) {
        bytes += dataset_manifest(m->inputs[i].ds)->image_bytes;
        samples += dataset_manifest(m->inputs[i].ds)->samples;
    }
    m->new.shard_bits = m->cfg->shard_bits >= 0 ? m->cfg->shard_bits
                                                : remake_bits(bytes, samples, m->cfg->shard_bytes);
}

static int shards_make(struct merge *m, const char *out, struct remade *remade,
                       struct wit_error *err) {
    struct wit_shards_dataset **inputs = wit_alloc_array(m->count, sizeof(*inputs));
    uint64_t samples = 0;
    if (!inputs)
        return wit_error_set(err, WIT_ENOMEM, "no memory to merge %zu datasets", m->count);
    for (size_t i = 0; i < m->count; i++) {
        inputs[i] = m->inputs[i].ds;
        samples += wit_shards_dataset_samples(inputs[i]);
    }
    const struct remake job = {
        .inputs = inputs,
        .input_count = m->count,
        .out = out,
        .shard_bits = m->new.shard_bits,
        .threads = m->cfg->threads,
        .removed = &m->stays_out,
        .progress = m->cfg->progress,
        .progress_user = m->cfg->user,
        .progress_total = samples,
        .interrupt = m->cfg->interrupt,
    };
    int st = remake_run(&job, remade, err);
    free(inputs);
    return st;
}

static int merge_make(struct merge *m, struct workplace *place, struct wit_shards_remade *made,
                      struct wit_error *err) {
    struct remade remade = { .count = 0 };
    int st = lineage_take(m, err);
    if (st >= 0)
        st = shards_make(m, place->dir, &remade, err);
    if (st < 0)
        return st;
    m->new.shards = remade.shards;
    m->new.count = remade.count;
    m->new.duplicate_images = remade.counts.duplicate_images;
    m->new.collisions += remade.counts.collisions;
    m->new.captions_cut += remade.counts.captions_cut;
    manifest_total(&m->new);
    st = removed_carried(&m->removed, &m->new, &remade.counts, place->dir, err);
    if (st >= 0)
        st = workplace_publish(place, &m->new, err);
    if (st >= 0)
        remade_report(&m->new, &remade.counts, made);
    remade_finish(&remade);
    return st;
}

int wit_shards_merge(const char *const *dirs, size_t count, const char *out,
                     const struct wit_shards_remake_config *cfg, struct wit_shards_remade *made,
                     struct wit_error *err) {
    struct merge m = { .cfg = cfg, .parents = WIT_BUF_INIT(PARENTS_MAX_BYTES) };
    struct workplace place = WORKPLACE_INIT;
    struct manifest there = { .shard_bits = 0 };
    int st = count ? remake_config_check(cfg, err)
                   : wit_error_set(err, WIT_EINVAL, "there are no datasets to merge");
    if (st < 0)
        return st;
    st = inputs_open(&m, dirs, count, err);
    if (st >= 0)
        st = removed_take(&m, err);
    if (st < 0)
        goto out;
    bits_choose(&m);
    st = inputs_hash(&m, &m.new.inputs, err);
    if (st >= 0)
        st = workplace_open(&place, out, m.new.inputs, &there, err);
    if (st > 0)
        remade_report(&there, NULL, made);
    else if (st == 0)
        st = merge_make(&m, &place, made, err);
out:
    manifest_finish(&there);
    workplace_close(&place);
    for (size_t i = 0; i < m.count; i++)
        wit_shards_dataset_close(m.inputs[i].ds);
    free(m.inputs);
    wit_buf_finish(&m.parents);
    removed_set_finish(&m.stays_out);
    removed_log_finish(&m.removed);
    return st < 0 ? st : 0;
}
