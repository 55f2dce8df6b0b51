/*
 * seal.c: from logs to a dataset.
 *
 * Order on disk, so that a kill or a failing write at any point leaves the old dataset or the new
 * one: each shard is written under a temporary name, synced, renamed; then the folder is synced;
 * then dataset.json is replaced; only then files that it no longer names are removed. Names carry
 * the digest of what goes in, so a repeated seal takes up the shards that an interrupted one
 * finished.
 */
#include "publish.h"
#include "removed_set.h"
#include "seal_runs.h"
#include "seal_write.h"
#include "shard_workers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARD_BYTES_DEFAULT ((uint64_t)3 << 29) /* 1.5 GiB */
#define MEMORY_BYTES_DEFAULT ((uint64_t)1 << 30)
enum { RUNS_MOST = 255 };

struct wit_shards_seal_config wit_shards_seal_config_default(void) {
    return (struct wit_shards_seal_config){ .shard_bytes = SHARD_BYTES_DEFAULT,
                                            .shard_bits = -1,
                                            .memory_bytes = MEMORY_BYTES_DEFAULT,
                                            .max_runs = 8,
                                            .rewrite_percent = 50 };
}

int wit_shards_transcode_parse(struct wit_str name, enum wit_shards_transcode *out) {
    bool baseline = wit_str_eq(name, WIT_STR("baseline"));
    if (!baseline && !wit_str_eq(name, WIT_STR("none")))
        return WIT_EINVAL;
    *out = baseline ? WIT_SHARDS_TRANSCODE_BASELINE : WIT_SHARDS_TRANSCODE_NONE;
    return 0;
}

/* The shards of a prefix, by run. */
struct prefix_result {
    struct manifest_shard *shards;
    size_t count;
};

/* One call of wit_shards_seal. */
struct seal {
    const char *dir;
    const struct wit_shards_seal_config *cfg;
    struct join join;
    struct manifest old, new;
    bool had_old;
    struct prefix_result *results; /* by prefix */

    atomic_uint next_prefix;
    pthread_mutex_t lock; /* guards what follows, and the counts of `new` */
    uint64_t removed_images, removed_pairs;
    int status; /* first failure of a worker */
    struct wit_error err;
};

/* ---- what the last seal left ----------------------------------------------------------------- */

static struct wit_hash128 inputs_hash(const struct collect_commit *commit,
                                      const struct wit_shards_seal_config *cfg,
                                      struct wit_hash128 removed) {
    uint8_t bytes[COLLECT_COMMIT_BYTES + 16 + 4 + 8 + 4 + 1 + 16];
    uint8_t *p = bytes;
    collect_commit_put(commit, p);
    wit_hash128_to_bytes(wit_hash128_of(cfg->recipe.data, cfg->recipe.len),
                         p += COLLECT_COMMIT_BYTES);
    wit_store_be32(p += 16, WIT_SHARDS_FORMAT_MAJOR << 16 | WIT_SHARDS_FORMAT_MINOR);
    wit_store_be64(p += 4, cfg->shard_bytes);
    wit_store_be32(p += 8, (uint32_t)cfg->shard_bits);
    p[4] = (uint8_t)((cfg->keep != NULL) | cfg->transcode << 1);
    wit_hash128_to_bytes(removed, p + 5);
    return wit_hash128_of(bytes, sizeof bytes - (removed.hi || removed.lo ? 0 : 16));
}

/* What was removed stays out, and a seal depends on it. */
static int removed_load(struct seal *s, struct wit_hash128 *digest, struct wit_error *err) {
    int st = wit_shards_removed_open(s->dir, &s->join.removed, err);
    if (st >= 0 && (st = removed_set_digest(removed_set_of(s->join.removed), digest)) < 0)
        wit_error_set(err, st, "no memory to seal %s", s->dir);
    return st;
}

static int old_load(struct seal *s, struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    int st = manifest_load(s->dir, &s->old, &why);
    s->had_old = st >= 0;
    if (st < 0 && st != WIT_ENOTFOUND && st != WIT_ECORRUPT && st != WIT_EFORMAT) {
        if (err)
            *err = why;
        return st;
    }
    if (st < 0 && st != WIT_ENOTFOUND)
        wit_log_warn("shards", "%s; it is made anew from the logs", why.text);
    return 0;
}

/* Logs of another collection, or none: they can't say what the dataset should be. An empty one has
 * no id yet and is told apart by the samples that it does not give. */
static int lineage_check(const struct seal *s, struct wit_error *err) {
    const struct wit_hash128 id = s->join.commit.id;
    if (!s->had_old || s->old.samples == 0 || (!id.hi && !id.lo) ||
        wit_hash128_eq(s->old.collect, id))
        return 0;
    return wit_error_set(
        err, WIT_EEXIST,
        "%s/dataset.json was not made from %s/collect and a seal would replace its "
        "%llu samples: seal in a folder of its own and merge, or remove "
        "dataset.json first",
        s->dir, s->dir, (unsigned long long)s->old.samples);
}

static bool file_is_there(const struct seal *s, const char *name, uint64_t bytes) {
    char path[WIT_PATH_MAX];
    struct stat info;
    return manifest_shard_path(path, s->dir, name, NULL) >= 0 && stat(path, &info) == 0 &&
           S_ISREG(info.st_mode) && (uint64_t)info.st_size == bytes;
}

/* With its list of hidden keys. */
static bool shard_is_there(const struct seal *s, const struct manifest_shard *shard) {
    char hidden[MANIFEST_FILE_MAX];
    if (!file_is_there(s, shard->file, shard->file_bytes))
        return false;
    manifest_hidden_name(shard, hidden);
    return !shard->hidden_count || file_is_there(s, hidden, hidden_bytes(shard->hidden_count));
}

static bool nothing_changed(const struct seal *s, struct wit_hash128 inputs) {
    if (!s->had_old || !wit_hash128_eq(inputs, s->old.inputs))
        return false;
    for (size_t i = 0; i < s->old.count; i++)
        if (!shard_is_there(s, &s->old.shards[i]))
            return false;
    return true;
}

/* ---- one prefix ------------------------------------------------------------------------------ */

/* The shards that a prefix has; none where they can't stay: there are other prefixes now, or a file
 * is not there. */
static const struct manifest_shard *old_shards(const struct seal *s, uint32_t prefix,
                                               size_t *count) {
    size_t low = 0, high = s->old.count;
    *count = 0;
    if (!s->had_old || s->old.shard_bits != s->new.shard_bits)
        return NULL;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->old.shards[mid].prefix < prefix)
            low = mid + 1;
        else
            high = mid;
    }
    for (; high < s->old.count && s->old.shards[high].prefix == prefix; high++)
        if (!shard_is_there(s, &s->old.shards[high]))
            return NULL;
    *count = high - low;
    return s->old.shards + low;
}

/* What stays of the old shards, then a run of what is new; or the prefix anew. */
static int prefix_change(struct seal *s, struct planner *planner, uint32_t prefix,
                         const struct plan *plan, struct runs_change *change,
                         struct prefix_result *out, struct wit_error *err) {
    int st = 0;
    out->shards = wit_alloc_array(change->kept_count + 1, sizeof *out->shards);
    if (!out->shards)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the shards of a prefix");
    for (size_t i = 0; i < change->kept_count && st >= 0; i++) {
        st = runs_kept_hide(s->dir, &change->kept[i], err);
        out->shards[out->count++] = change->kept[i].shard;
    }
    const struct plan *fresh = change->whole ? plan : &change->fresh;
    out->shards[out->count] = (struct manifest_shard){ .prefix = prefix, .run = s->new.next_run };
    if (st >= 0 && fresh->count)
        st = plan_shard_make(planner, fresh, s->dir, s->new.shard_bits, &out->shards[out->count++],
                             err);
    return st;
}

static int plan_seal(struct seal *s, struct planner *planner, uint32_t prefix,
                     const struct plan *plan, struct wit_error *err) {
    const struct runs_limits limits = { s->cfg->max_runs, s->cfg->rewrite_percent };
    struct runs_change change = { .whole = true };
    size_t count;
    const struct manifest_shard *old = old_shards(s, prefix, &count);
    int st = 0;
    if (count == 1 && !old->hidden_count && wit_hash128_eq(old->plan, plan->digest)) {
        change = (struct runs_change){ .kept = wit_alloc_array(1, sizeof *change.kept) };
        if (!change.kept)
            return wit_error_set(err, WIT_ENOMEM, "no memory for the shards of a prefix");
        change.kept[change.kept_count++].shard = *old;
    } else if (count) {
        st = runs_compare(s->dir, s->new.shard_bits, old, count, plan, &limits, s->cfg->interrupt,
                          &change, err);
    }
    if (st >= 0)
        st = prefix_change(s, planner, prefix, plan, &change, &s->results[prefix], err);
    runs_change_finish(&change);
    return st;
}

static int prefix_seal(struct seal *s, struct planner *planner, uint32_t prefix,
                       struct wit_error *err) {
    int bits = s->new.shard_bits;
    struct plan plan;
    uint64_t from, to;
    int st = join_prefix_begin(&s->join, bits, prefix, &from, err);
    if (st >= 0)
        st = join_prefix_begin(&s->join, bits, (uint64_t)prefix + 1, &to, err);
    if (st >= 0)
        st = planner_plan(planner, from, to, &plan, err);
    if (st < 0)
        return st;
    pthread_mutex_lock(&s->lock);
    s->new.dropped_pairs += plan.dropped_pairs;
    s->new.duplicate_images += plan.duplicate_images;
    s->new.collisions += plan.collisions;
    s->new.captions_cut += plan.captions_cut;
    s->removed_images += plan.removed_images;
    s->removed_pairs += plan.removed_pairs;
    s->new.transcoded += plan.transcoded;
    s->new.not_transcoded += plan.not_transcoded;
    pthread_mutex_unlock(&s->lock);
    if (plan.count)
        st = plan_seal(s, planner, prefix, &plan, err);
    plan_finish(&plan);
    return st;
}

static void failed(struct seal *s, int st, const struct wit_error *err) {
    pthread_mutex_lock(&s->lock);
    if (s->status == 0) {
        s->status = st;
        s->err = *err;
    }
    pthread_mutex_unlock(&s->lock);
}

static bool has_failed(struct seal *s) {
    pthread_mutex_lock(&s->lock);
    bool yes = s->status != 0;
    pthread_mutex_unlock(&s->lock);
    return yes;
}

static void *worker(void *arg) {
    struct seal *s = arg;
    struct wit_error err = WIT_ERROR_INIT;
    struct planner *planner = NULL;
    int st = planner_create(&s->join, s->cfg, &planner, &err);
    while (st >= 0 && !has_failed(s)) {
        uint32_t prefix = atomic_fetch_add(&s->next_prefix, 1);
        if (prefix >> s->new.shard_bits)
            break;
        st = prefix_seal(s, planner, prefix, &err);
    }
    if (st < 0)
        failed(s, st, &err);
    planner_destroy(planner);
    return NULL;
}

/* ---- all prefixes ---------------------------------------------------------------------------- */

/* Growing data does not move every sample to another prefix at once: that waits until shards are
 * twice as large as asked for. */
static int bits_choose(const struct seal *s, int *out, struct wit_error *err) {
    const struct wit_shards_seal_config *cfg = s->cfg;
    uint64_t bytes;
    int bits = 0;
    if (cfg->shard_bits >= 0) {
        *out = cfg->shard_bits;
        return 0;
    }
    int st = join_image_bytes(&s->join, &bytes, err);
    if (st < 0)
        return st;
    while (bits < WIT_SHARDS_MAX_BITS && bytes >> bits > cfg->shard_bytes)
        bits++;
    if (s->had_old && s->old.samples && s->old.shard_bits + 1 == bits)
        bits--;
    *out = bits;
    return 0;
}

static bool same_shards(const struct manifest *a, const struct manifest *b) {
    if (a->count != b->count || a->shard_bits != b->shard_bits)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->shards[i].file, b->shards[i].file) != 0 ||
            a->shards[i].hidden_count != b->shards[i].hidden_count ||
            !wit_hash128_eq(a->shards[i].hidden_hash, b->shards[i].hidden_hash) ||
            !wit_hash128_eq(a->shards[i].file_hash, b->shards[i].file_hash))
            return false;
    return true;
}

/* The shards of all prefixes into the manifest. */
static int results_join(struct seal *s, struct wit_error *err) {
    size_t prefixes = (size_t)1 << s->new.shard_bits, count = 0;
    for (size_t i = 0; i < prefixes; i++)
        count += s->results[i].count;
    s->new.shards = wit_alloc_array(count + 1, sizeof *s->new.shards);
    if (!s->new.shards)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %zu shards", count);
    for (size_t i = 0; i < prefixes; i++)
        for (size_t k = 0; k < s->results[i].count; k++)
            s->new.shards[s->new.count++] = s->results[i].shards[k];
    return 0;
}

static void results_finish(struct seal *s) {
    for (size_t i = 0; s->results && i < (size_t)1 << s->new.shard_bits; i++)
        free(s->results[i].shards);
    free(s->results);
}

static int seal_all(struct seal *s, bool *changed, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = manifest_shard_path(path, s->dir, "", err);
    if (st >= 0)
        st = wit_dir_make_synced(path, err);
    if (st >= 0)
        st = dataset_halves_remove(s->dir, err);
    if (st >= 0)
        st = join_make(s->dir, s->cfg->memory_bytes, s->cfg->interrupt, &s->join, err);
    if (st >= 0)
        st = bits_choose(s, &s->new.shard_bits, err);
    if (st < 0)
        return st;
    s->new.next_run = s->had_old ? s->old.next_run : 0;
    s->results = wit_alloc_array((size_t)1 << s->new.shard_bits, sizeof *s->results);
    if (!s->results)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %d bits of prefixes",
                             s->new.shard_bits);
    shard_workers_run(s->cfg->threads, (size_t)1 << s->new.shard_bits, worker, s);
    if (s->status < 0) {
        if (err)
            *err = s->err;
        return s->status;
    }
    if ((st = results_join(s, err)) < 0)
        return st;
    manifest_total(&s->new);
    /* Logs only grow, so these are not the ones that the dataset came from, or keep() is wrong. */
    if (s->new.samples == 0 && s->had_old && s->old.samples > 0)
        return wit_error_set(err, WIT_ENOTFOUND,
                             "%s/collect gives no sample and the dataset has %llu: it stays as it "
                             "is",
                             s->dir, (unsigned long long)s->old.samples);
    *changed = !s->had_old || !same_shards(&s->old, &s->new);
    s->new.next_run += *changed;
    s->new.sealed_at_s = wit_clock_wall_s();
    return dataset_publish(s->dir, &s->new, err);
}

static int recipe_check(struct wit_str recipe, struct wit_error *err) {
    struct wit_json *parsed = NULL;
    if (recipe.len == 0)
        return 0;
    int st = wit_json_parse(recipe, "recipe", &parsed, err);
    wit_json_destroy(parsed);
    return st == WIT_EFORMAT ? WIT_EINVAL : st;
}

static void report_fill(const struct manifest *m, bool changed,
                        struct wit_shards_seal_report *report) {
    *report = (struct wit_shards_seal_report){
        .samples = m->samples,
        .pairs = m->pairs,
        .image_bytes = m->image_bytes,
        .shards = m->count,
        .dropped_pairs = m->dropped_pairs,
        .duplicate_images = m->duplicate_images,
        .collisions = m->collisions,
        .captions_cut = m->captions_cut,
        .transcoded = m->transcoded,
        .not_transcoded = m->not_transcoded,
        .changed = changed,
        .hash = m->hash,
    };
}

int wit_shards_seal(const char *dir, const struct wit_shards_seal_config *cfg,
                    struct wit_shards_seal_report *report, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct seal s = { .dir = dir, .cfg = cfg };
    struct wit_hash128 removed = { 0, 0 };
    bool changed = false;
    int lock_fd = -1;
    if (cfg->max_runs < 1 || cfg->max_runs > RUNS_MOST || cfg->rewrite_percent > 100)
        return wit_error_set(err, WIT_EINVAL, "%u runs a prefix, anew beyond %u %%, can't be",
                             cfg->max_runs, cfg->rewrite_percent);
    if (cfg->shard_bits > WIT_SHARDS_MAX_BITS || cfg->shard_bytes == 0)
        return wit_error_set(err, WIT_EINVAL, "shards of %llu bytes, %d bits can't be",
                             (unsigned long long)cfg->shard_bytes, cfg->shard_bits);
    int st = recipe_check(cfg->recipe, err);
    if (st >= 0)
        st = collect_path(path, dir, "index.lmdb", err);
    if (st < 0)
        return st;
    if (!wit_file_exists(path))
        return wit_error_set(err, WIT_ENOTFOUND, "there is nothing to seal: %s is not there", path);
    if (pthread_mutex_init(&s.lock, NULL) != 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory to seal %s", dir);
    st = lock_fd = collect_lock(dir, err);
    if (st >= 0)
        st = collect_commit_load(dir, &s.join.commit, err);
    if (st >= 0)
        st = removed_load(&s, &removed, err);
    if (st >= 0)
        st = old_load(&s, err);
    if (st >= 0 && s.had_old && s.old.shard_bits == MANIFEST_IN_PLACE)
        st = wit_error_set(err, WIT_EEXIST,
                           "%s/dataset.json is of samples that lie in tar files: seal a collection "
                           "in a folder of its own",
                           dir);
    if (st >= 0 && s.old.parents.len)
        st = wit_error_set(err, WIT_EEXIST,
                           "%s/dataset.json was made from other datasets, not from %s/collect, and "
                           "a seal would replace it: collect and seal in a folder of its own, then "
                           "merge",
                           dir, dir);
    if (st >= 0)
        st = lineage_check(&s, err);
    if (st >= 0 && cfg->guard_recipe && s.old.has_recipe && cfg->recipe.len == 0)
        st = wit_error_set(err, WIT_EEXIST,
                           "%s/dataset.json was sealed with a recipe, which chose its pairs: the "
                           "same job of 'wit build' seals it again; with dataset.json removed "
                           "first, every pair is kept",
                           dir);
    if (st < 0)
        goto out;
    s.new.recipe = cfg->recipe;
    s.new.tool = cfg->tool;
    s.new.collect = s.join.commit.id;
    s.new.inputs = inputs_hash(&s.join.commit, cfg, removed);
    if (nothing_changed(&s, s.new.inputs)) {
        st = dataset_strays_remove(dir, &s.old, err);
        if (st >= 0)
            report_fill(&s.old, false, report);
    } else {
        st = seal_all(&s, &changed, err);
        if (st >= 0)
            report_fill(&s.new, changed, report);
        if (st >= 0)
            report->spilled_bytes = s.join.spilled_bytes;
        if (st >= 0) {
            report->removed_images = s.removed_images;
            report->removed_pairs = s.removed_pairs;
        }
    }
out:
    if (lock_fd >= 0)
        close(lock_fd);
    join_finish(&s.join);
    results_finish(&s);
    manifest_finish(&s.old);
    manifest_finish(&s.new);
    pthread_mutex_destroy(&s.lock);
    return st < 0 ? st : 0;
}
