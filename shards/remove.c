/*
 * remove.c: a request from the log to the dataset.
 *
 * Order on disk: the request is in the log; the shards' new lists and runs are written; the log
 * says what is about to change; dataset.json is replaced; the log says that it was. A kill at any
 * point leaves a request that is not done, and the next call does it; where dataset.json was
 * replaced already, it is only noted, with the numbers of then.
 */
#include "publish.h"
#include "removal.h"
#include "text/wit_text.h"
#include "workplace.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define REQUEST_MAX_BYTES ((size_t)4 << 30)

struct wit_shards_remove_config wit_shards_remove_config_default(void) {
    return (struct wit_shards_remove_config){ .threads = 0 };
}

/* One call of wit_shards_remove. */
struct remove {
    const char *dir;
    const struct wit_shards_remove_config *cfg;
    struct removed_log log;
    struct wit_arena *arena; /* of the request */
    struct manifest old;
    bool has_dataset;
    bool *wanted; /* by entry: requests that are to be carried out now */
    struct wit_shards_removal_report report;
};

static int no_memory(const struct remove *r, struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory to remove from %s", r->dir);
}

/* ---- the request ----------------------------------------------------------------------------- */

static int entry_save(struct remove *r, struct wit_shards_removed_entry *e, struct wit_error *err) {
    e->at_s = wit_clock_wall_s();
    int st = removed_log_add(&r->log, e, err);
    return st < 0 || r->cfg->dry_run ? st : removed_log_save(r->dir, &r->log, err);
}

/* What is new of it becomes an entry; in a dry run of the memory's log only. */
static int request_note(struct remove *r, const struct wit_shards_removal *what,
                        struct wit_error *err) {
    struct removed_set known;
    struct wit_shards_removed_entry e = { .kind = WIT_SHARDS_REMOVED_REQUEST };
    int st = removed_set_make(&r->log, NULL, &known, err);
    if (st < 0)
        return st;
    st = removed_request_normal(what, &known, r->arena, &e.what, &r->report.items,
                                &r->report.known_items, err);
    if (st >= 0 && e.what.caption_count + known.caption_count > WIT_SHARDS_REMOVAL_MAX_CAPTIONS)
        st = wit_error_set(err, WIT_ELIMIT, "%zu patterns of captions are more than %u",
                           e.what.caption_count + known.caption_count,
                           WIT_SHARDS_REMOVAL_MAX_CAPTIONS);
    removed_set_finish(&known);
    if (st < 0 || r->report.items == 0)
        return st;
    st = entry_save(r, &e, err);
    if (st >= 0 && !r->cfg->dry_run)
        r->report.entry = r->log.count;
    return st;
}

/* ---- what is to be done ---------------------------------------------------------------------- */

/* The newest change that is not known to have happened, or NULL. Only the last one can be. */
static const struct wit_shards_removed_entry *change_open(const struct removed_log *log) {
    for (size_t i = log->count; i-- > 0;) {
        if (log->entries[i].kind == WIT_SHARDS_REMOVED_DONE)
            return NULL;
        if (log->entries[i].kind == WIT_SHARDS_REMOVED_CHANGE)
            return &log->entries[i];
    }
    return NULL;
}

/* Killed between dataset.json and the log: what had been about to change has. */
static int change_settle(struct remove *r, struct wit_error *err) {
    const struct wit_shards_removed_entry *open = change_open(&r->log);
    struct wit_hash128 state;
    if (!open || !r->has_dataset || r->cfg->dry_run)
        return 0;
    int st = dataset_identity(&r->old, &state, err);
    if (st < 0 || !wit_hash128_eq(state, open->state))
        return st;
    struct wit_shards_removed_entry done = { .kind = WIT_SHARDS_REMOVED_DONE,
                                             .refers = open->number };
    return entry_save(r, &done, err);
}

static int wanted_choose(struct remove *r, bool all, size_t *count, struct wit_error *err) {
    *count = 0;
    r->wanted = wit_alloc_array(r->log.count + 1, sizeof *r->wanted);
    if (!r->wanted)
        return no_memory(r, err);
    for (size_t i = 0; i < r->log.count; i++) {
        const struct wit_shards_removed_entry *e = &r->log.entries[i];
        r->wanted[i] =
            e->kind == WIT_SHARDS_REMOVED_REQUEST && e->lifted_by == 0 && (all || e->done_by == 0);
        *count += r->wanted[i];
    }
    return 0;
}

/* ---- doing it -------------------------------------------------------------------------------- */

static int requests_list(struct remove *r, struct wit_shards_removed_entry *e,
                         struct wit_error *err) {
    uint64_t *list = wit_arena_alloc(r->arena, r->log.count * sizeof *list + 1, sizeof *list);
    if (!list)
        return no_memory(r, err);
    for (size_t i = 0; i < r->log.count; i++)
        if (r->wanted[i])
            list[e->request_count++] = r->log.entries[i].number;
    e->requests = list;
    return 0;
}

/* The log says what happens before and after it does. */
static int dataset_change(struct remove *r, const struct manifest *now, bool changed,
                          struct wit_error *err) {
    struct wit_shards_removed_entry change = {
        .kind = WIT_SHARDS_REMOVED_CHANGE,
        .samples = r->report.samples,
        .pairs = r->report.pairs,
        .before = r->old.hash,
        .after = now->hash,
    };
    int st = requests_list(r, &change, err);
    if (st >= 0)
        st = dataset_identity(now, &change.state, err);
    if (st >= 0)
        st = entry_save(r, &change, err);
    struct wit_shards_removed_entry done = { .kind = WIT_SHARDS_REMOVED_DONE,
                                             .refers = r->log.count };
    if (st >= 0 && changed)
        st = dataset_publish(r->dir, now, err);
    return st < 0 ? st : entry_save(r, &done, err);
}

/* A seal that looks whether it has anything to do finds other inputs. A dataset without a
 * collection stays what it was made as. */
static void inputs_change(struct manifest *now) {
    uint8_t bytes[32];
    if (now->parents.len)
        return;
    wit_hash128_to_bytes(now->inputs, bytes);
    wit_hash128_to_bytes(now->hash, bytes + 16);
    now->inputs = wit_hash128_of(bytes, sizeof bytes);
}

static void report_fill(struct remove *r, const struct removal_counts *c,
                        const struct manifest *now) {
    r->report.samples = c->samples;
    r->report.pairs = c->pairs;
    r->report.changed_samples = c->changed_samples;
    r->report.unsure_pairs = c->unsure_pairs;
    r->report.changed = c->samples + c->changed_samples > 0;
    r->report.samples_left = r->old.samples - c->samples;
    r->report.pairs_left = r->old.pairs - c->pairs;
    r->report.after = now->hash;
}

static int carry_out(struct remove *r, struct wit_error *err) {
    struct manifest now = r->old; /* recipe and lineage stay */
    struct removed_set set = { .keys = NULL };
    struct removal_counts counts = { .samples = 0 };
    const struct removal_job job = { .dir = r->dir,
                                     .old = &r->old,
                                     .set = &set,
                                     .threads = r->cfg->threads,
                                     .dry_run = r->cfg->dry_run,
                                     .interrupt = r->cfg->interrupt };
    now.shards = NULL;
    int st = removed_set_make(&r->log, r->wanted, &set, err);
    if (st >= 0 && !r->cfg->dry_run)
        st = dataset_halves_remove(r->dir, err);
    if (st >= 0)
        st = removal_run(&job, &now.shards, &now.count, &counts, err);
    if (st >= 0 && !r->cfg->dry_run) {
        now.next_run += counts.changed_samples > 0;
        manifest_total(&now);
        inputs_change(&now);
    }
    if (st >= 0)
        report_fill(r, &counts, &now);
    if (st >= 0 && !r->cfg->dry_run)
        st = dataset_change(r, &now, r->report.changed, err);
    removed_set_finish(&set);
    free(now.shards);
    return st;
}

/* A folder that was only collected into has tombstones too, and no dataset yet. */
static int dataset_load(struct remove *r, struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    int st = manifest_load(r->dir, &r->old, &why);
    if (st == WIT_ENOTFOUND)
        return 0;
    if (st < 0) {
        if (err)
            *err = why;
        return st;
    }
    r->has_dataset = true;
    r->report.before = r->report.after = r->old.hash;
    r->report.samples_left = r->old.samples;
    r->report.pairs_left = r->old.pairs;
    return 0;
}

/* Before a request is noted that can't be carried out. */
static int place_check(const struct remove *r, struct wit_error *err) {
    struct manifest m = { .shard_bits = 0 };
    int st = manifest_load(r->dir, &m, NULL);
    const bool in_place = st >= 0 && m.shard_bits == MANIFEST_IN_PLACE;
    manifest_finish(&m);
    return in_place ? wit_error_set(err, WIT_EUNSUPPORTED,
                                    "%s is a dataset of samples that lie in tar files, where their "
                                    "bytes would stay: import them first",
                                    r->dir)
                    : 0;
}

static int remove_all(struct remove *r, const struct wit_shards_removal *what,
                      struct wit_error *err) {
    size_t count = 0;
    int st = place_check(r, err);
    if (st >= 0)
        st = removed_log_load(r->dir, &r->log, err);
    if (st >= 0 && what)
        st = request_note(r, what, err);
    if (st >= 0)
        st = dataset_load(r, err);
    if (st >= 0)
        st = change_settle(r, err);
    if (st >= 0 && r->has_dataset)
        st = wanted_choose(r, what == NULL, &count, err);
    if (st >= 0 && count)
        return carry_out(r, err);
    if (st >= 0 && r->has_dataset && !r->cfg->dry_run)
        st = dataset_strays_remove(r->dir, &r->old, err);
    return st;
}

static int dir_check(const char *dir, struct wit_error *err) {
    struct stat info;
    if (stat(dir, &info) < 0)
        return wit_error_errno(err, errno, "cannot look at %s", dir);
    return S_ISDIR(info.st_mode) ? 0 : wit_error_set(err, WIT_ENOTFOUND, "%s is no folder", dir);
}

int wit_shards_remove(const char *dir, const struct wit_shards_removal *what,
                      const struct wit_shards_remove_config *cfg,
                      struct wit_shards_removal_report *report, struct wit_error *err) {
    struct remove r = { .dir = dir, .cfg = cfg };
    struct dataset_lock lock = DATASET_LOCK_INIT;
    int st = dir_check(dir, err);
    if (st >= 0 && !cfg->dry_run)
        st = dataset_lock(dir, &lock, err);
    if (st >= 0 && !(r.arena = wit_arena_create(REQUEST_MAX_BYTES)))
        st = no_memory(&r, err);
    if (st >= 0)
        st = remove_all(&r, what, err);
    if (st >= 0)
        *report = r.report;
    removed_log_finish(&r.log);
    wit_arena_destroy(r.arena);
    manifest_finish(&r.old);
    free(r.wanted);
    dataset_unlock(&lock);
    return st < 0 ? st : 0;
}

/* ---- lifting --------------------------------------------------------------------------------- */

static int lift(struct removed_log *log, uint64_t entry, struct wit_str reason, struct wit_str note,
                struct wit_error *err) {
    if (reason.len == 0)
        return wit_error_set(err, WIT_EINVAL, "the reason of a lifting is empty");
    if (!wit_utf8_valid(reason) || !wit_utf8_valid(note))
        return wit_error_set(err, WIT_EINVAL, "reason or note of a lifting is not UTF-8");
    if (entry == 0 || entry > log->count ||
        log->entries[entry - 1].kind != WIT_SHARDS_REMOVED_REQUEST)
        return wit_error_set(err, WIT_ENOTFOUND, "entry %llu of removed.log is no request",
                             (unsigned long long)entry);
    if (log->entries[entry - 1].lifted_by)
        return wit_error_set(err, WIT_EEXIST, "entry %llu was lifted by entry %llu",
                             (unsigned long long)entry,
                             (unsigned long long)log->entries[entry - 1].lifted_by);
    const struct wit_shards_removed_entry e = { .kind = WIT_SHARDS_REMOVED_LIFT,
                                                .at_s = wit_clock_wall_s(),
                                                .what = { .reason = reason, .note = note },
                                                .refers = entry };
    return removed_log_add(log, &e, err);
}

int wit_shards_removed_lift(const char *dir, uint64_t entry, struct wit_str reason,
                            struct wit_str note, struct wit_error *err) {
    struct removed_log log = { .count = 0 };
    struct dataset_lock lock = DATASET_LOCK_INIT;
    int st = dataset_lock(dir, &lock, err);
    if (st >= 0)
        st = removed_log_load(dir, &log, err);
    if (st >= 0)
        st = lift(&log, entry, reason, note, err);
    if (st >= 0)
        st = removed_log_save(dir, &log, err);
    removed_log_finish(&log);
    dataset_unlock(&lock);
    return st < 0 ? st : 0;
}
