/*
 * repair.c: a damaged dataset is made whole.
 *
 * Order on disk: damaged files get a second name in DIR/damaged/N, synced; what was salvaged is
 * written as new runs; then the new dataset is published (publish.c), which takes the first names
 * of the damaged files away. So at no moment is a byte of them without a name.
 */
#include "wit_shards_repair.h"

#include "collect.h"
#include "publish.h"
#include "remanifest.h"
#include "salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20, ASIDES_MOST = 10000 };

struct repair {
    const char *dir;
    const struct wit_shards_repair_options *options;
    struct wit_shards_repair_report *report;
    struct manifest old;
    struct wit_buf recipe, tool;   /* of the old manifest, as JSON and as text */
    struct verdict *verdicts;      /* by shard of old */
    size_t next;                   /* shard whose verdict comes next */
    bool manifest_bad;             /* between loading it and verifying */
    struct manifest_shard *shards; /* of the result */
    size_t count;
};

/* ---- what is damaged ------------------------------------------------------------------------ */

static void on_fault(void *user, const struct wit_shards_fault *fault) {
    struct repair *r = user;
    if (strcmp(fault->file, "dataset.json") == 0) {
        r->manifest_bad = true;
        return;
    }
    struct verdict *v = &r->verdicts[r->next];
    if (!v->bad)
        snprintf(v->fault, sizeof v->fault, "%s", fault->text);
    v->bad = true;
}

static void on_checked(void *user, const struct wit_shards_checked *checked) {
    struct repair *r = user;
    r->report->damaged += r->verdicts[r->next].bad;
    r->next++;
}

/* The recipe and the maker's name, which go into the new manifest as they are. */
static int texts_load(struct repair *r, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(MANIFEST_MAX_BYTES);
    struct wit_json *root = NULL;
    struct wit_json_writer w;
    struct wit_str tool;
    int st = manifest_path(path, r->dir, err);
    if (st >= 0)
        st = wit_file_read(path, &text, err);
    if (st >= 0)
        st = wit_json_parse(wit_buf_view(&text), path, &root, err);
    if (st >= 0 && r->old.has_recipe) {
        wit_json_writer_init(&w, &r->recipe);
        wit_json_put_value(&w, wit_json_get(root, "recipe"));
        st = wit_json_writer_finish(&w);
    }
    if (st >= 0 && wit_json_string(wit_json_get(root, "wit"), &tool) >= 0)
        st = wit_buf_append_str(&r->tool, tool);
    wit_json_destroy(root);
    wit_buf_finish(&text);
    return st;
}

/* Without dataset.json: from the names and contents of the shards. What was collected is the better
 * source, but which pairs of it count is the user's to say. */
static int rebuild(struct repair *r, const struct wit_error *why, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = collect_path(path, r->dir, "index.lmdb", err);
    if (st < 0)
        return st;
    if (!r->options->salvage && !r->options->out && wit_file_exists(path))
        return wit_error_set(err, WIT_EEXIST,
                             "%s; %s/collect is there: the same job of 'wit build', or 'wit shards "
                             "seal' where every pair counts, makes it anew; or 'repair --salvage' "
                             "keeps what is in the shards",
                             why->text, r->dir);
    st = manifest_rebuild(r->dir, r->options->interrupt, &r->old, &r->verdicts, err);
    if (st < 0) {
        wit_error_wrap(err, "%s", why->text);
        return st;
    }
    r->report->rebuilt = true;
    for (size_t i = 0; i < r->old.count; i++)
        r->report->damaged += r->verdicts[i].bad;
    st = wit_buf_append_str(&r->tool, r->options->tool);
    return st < 0 ? wit_error_set(err, st, "no memory to repair %s", r->dir) : 0;
}

static int damage_find(struct repair *r, struct wit_error *err) {
    struct wit_shards_verify_report verified;
    const struct wit_shards_verify_options options = { .threads = r->options->threads,
                                                       .fault = on_fault,
                                                       .checked = on_checked,
                                                       .user = r,
                                                       .interrupt = r->options->interrupt };
    struct wit_error why = WIT_ERROR_INIT;
    int st = manifest_load(r->dir, &r->old, &why);
    if (st == WIT_ECORRUPT || st == WIT_EFORMAT || st == WIT_ENOTFOUND)
        return rebuild(r, &why, err);
    if (st < 0) {
        if (err)
            *err = why;
        return st;
    }
    if (r->old.shard_bits == MANIFEST_IN_PLACE)
        return wit_error_set(err, WIT_EUNSUPPORTED,
                             "%s is a dataset of samples that lie in tar files: with the damaged "
                             "indexes removed from %s/shards, the same 'wit shards index' makes "
                             "them anew",
                             r->dir, r->dir);
    r->verdicts = wit_alloc_array(r->old.count + 1, sizeof *r->verdicts);
    if (!r->verdicts)
        return wit_error_set(err, WIT_ENOMEM, "no memory to repair %s", r->dir);
    st = texts_load(r, err);
    if (st < 0)
        return st;
    st = wit_shards_verify(r->dir, &options, &verified, &why);
    if ((st < 0 && st != WIT_ECORRUPT) || r->manifest_bad) {
        if (err)
            *err = why;
        return st;
    }
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Copy a file under a temporary name, check its hash on the way, sync it, name it. */
static int file_copy(const char *from, const char *to, struct wit_hash128 hash,
                     const volatile int *interrupt, struct wit_error *err) {
    char temporary[WIT_PATH_MAX];
    struct wit_hasher *hasher = wit_hasher_create();
    char *chunk = malloc(COPY_BYTES);
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, st = 0;
    ssize_t got = 0;
    int n = snprintf(temporary, sizeof temporary, "%s.tmp", to);
    if (in < 0)
        st = wit_error_errno(err, errno, "cannot open %s", from);
    else if (n >= WIT_PATH_MAX)
        st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s", to);
    else if (!hasher || !chunk)
        st = wit_error_set(err, WIT_ENOMEM, "no memory to copy %s", from);
    else if ((out = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
        st = wit_error_errno(err, errno, "cannot create %s", temporary);
    while (st >= 0 && (got = read(in, chunk, COPY_BYTES)) > 0) {
        wit_hasher_update(hasher, chunk, (size_t)got);
        st = wit_fd_write_all(out, chunk, (size_t)got, temporary, err);
        if (st >= 0 && interrupt && *interrupt)
            st = wit_error_set(err, WIT_ECANCELED, "interrupted while copying %s", from);
    }
    if (got < 0)
        st = wit_error_errno(err, errno, "cannot read %s", from);
    if (st >= 0 && (hash.hi || hash.lo) && !wit_hash128_eq(hash, wit_hasher_digest(hasher)))
        st = wit_error_set(err, WIT_ECORRUPT, "%s changed while it was copied", from);
    if (st >= 0)
        st = wit_fd_sync(out, temporary, err);
    if (out >= 0 && close(out) < 0 && st >= 0)
        st = wit_error_errno(err, errno, "cannot close %s", temporary);
    if (st >= 0 && rename(temporary, to) < 0)
        st = wit_error_errno(err, errno, "cannot rename %s", temporary);
    if (st < 0 && out >= 0)
        (void)unlink(temporary);
    if (in >= 0)
        close(in);
    wit_hasher_destroy(hasher);
    free(chunk);
    return st;
}

/* A second name for a damaged file; a copy where the file system has no second names. A file that
 * is not there has nothing to keep. */
static int file_aside(const struct repair *r, const char *file, struct wit_error *err) {
    const struct wit_hash128 any = { 0, 0 };
    char from[WIT_PATH_MAX], to[WIT_PATH_MAX];
    int st = manifest_shard_path(from, r->dir, file, err);
    if (st < 0)
        return st;
    if (wit_path_join(to, r->report->aside, file) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", r->report->aside);
    if (link(from, to) == 0 || errno == ENOENT || errno == EEXIST)
        return 0;
    return file_copy(from, to, any, r->options->interrupt, err);
}

/* DIR/damaged/N, the first N that is free. */
static int aside_make(struct repair *r, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    for (unsigned n = 1; n < ASIDES_MOST; n++) {
        int len = snprintf(path, sizeof path, "%s/damaged/%u", r->dir, n);
        if (len >= WIT_PATH_MAX)
            return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", r->dir);
        if (wit_file_exists(path))
            continue;
        memcpy(r->report->aside, path, (size_t)len + 1);
        snprintf(path, sizeof path, "%s/damaged", r->dir);
        int st = wit_dir_make_synced(path, err);
        return st < 0 ? st : wit_dir_make_synced(r->report->aside, err);
    }
    return wit_error_set(err, WIT_ELIMIT, "%s/damaged is full of earlier repairs", r->dir);
}

/* dataset.json as it is, and the damaged shards with their lists of hidden keys. */
static int damaged_aside(struct repair *r, struct wit_error *err) {
    const struct wit_hash128 any = { 0, 0 };
    char from[WIT_PATH_MAX], to[WIT_PATH_MAX], hidden[MANIFEST_FILE_MAX];
    int st = aside_make(r, err);
    if (st >= 0)
        st = manifest_path(from, r->dir, err);
    if (st >= 0)
        st = manifest_path(to, r->report->aside, err);
    if (st >= 0 && wit_file_exists(from))
        st = file_copy(from, to, any, r->options->interrupt, err);
    for (size_t i = 0; i < r->old.count && st >= 0; i++) {
        const struct manifest_shard *s = &r->old.shards[i];
        if (!r->verdicts[i].bad)
            continue;
        st = file_aside(r, s->file, err);
        if (st < 0 || s->hidden_count == 0)
            continue;
        manifest_hidden_name(s, hidden);
        st = file_aside(r, hidden, err);
    }
    return st < 0 ? st : wit_dir_sync(r->report->aside, err);
}

/* ---- from what was collected ------------------------------------------------------------------
 */

/* Take the damaged shards' names away (they have others), or give them back. */
static int names_take(struct repair *r, bool back, struct wit_error *err) {
    char path[WIT_PATH_MAX], aside[WIT_PATH_MAX];
    for (size_t i = 0; i < r->old.count; i++) {
        const char *file = r->old.shards[i].file;
        if (!r->verdicts[i].bad)
            continue;
        int st = manifest_shard_path(path, r->dir, file, err);
        if (st < 0)
            return st;
        if (wit_path_join(aside, r->report->aside, file) < 0)
            return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", r->report->aside);
        if (!wit_file_exists(aside))
            continue; /* it was not there before */
        if (!back && unlink(path) < 0 && errno != ENOENT)
            return wit_error_errno(err, errno, "cannot remove %s", path);
        if (back && link(aside, path) < 0 && rename(aside, path) < 0)
            return wit_error_errno(err, errno, "cannot give %s its name back", path);
    }
    return 0;
}

static int seal_anew(struct repair *r, struct wit_error *err) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report sealed;
    struct wit_error why = WIT_ERROR_INIT;
    r->report->sealed = true;
    if (r->options->dry_run)
        return 0;
    int st = damaged_aside(r, err);
    if (st < 0)
        return st;
    cfg.shard_bits = r->old.shard_bits;
    if (r->old.transcoded || r->old.not_transcoded)
        cfg.transcode = WIT_SHARDS_TRANSCODE_BASELINE;
    cfg.threads = r->options->threads;
    cfg.tool = r->options->tool;
    cfg.interrupt = r->options->interrupt;
    cfg.guard_recipe = true;
    st = names_take(r, false, &why);
    if (st >= 0)
        st = wit_shards_seal(r->dir, &cfg, &sealed, &why);
    if (st < 0) {
        (void)names_take(r, true, NULL);
        if (st != WIT_ECANCELED)
            wit_error_wrap(&why,
                           "%s/collect could not give the damaged shards again ('repair "
                           "--salvage' keeps what can be read of them)",
                           r->dir);
        if (err)
            *err = why;
        return st;
    }
    r->report->samples = sealed.samples;
    r->report->pairs = sealed.pairs;
    r->report->shards = sealed.shards;
    r->report->hash = sealed.hash;
    return 0;
}

/* Does DIR/collect promise more than the damaged files? 1, 0, or a sentence. */
static int logs_ask(const struct repair *r, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = collect_path(path, r->dir, "index.lmdb", err);
    if (st < 0)
        return st;
    if (r->options->salvage || r->options->out || !wit_file_exists(path))
        return 0;
    if (!r->old.has_recipe)
        return 1;
    return wit_error_set(err, WIT_EEXIST,
                         "%s was sealed with a recipe, and %s/collect is there: with the damaged "
                         "shards moved out of %s/shards the same job of 'wit build' makes them "
                         "anew, with nothing lost; or 'repair --salvage' keeps what can be read",
                         r->dir, r->dir, r->dir);
}

/* ---- from what is left ------------------------------------------------------------------------
 */

static void shard_push(struct repair *r, const struct manifest_shard *s) {
    r->shards[r->count++] = *s;
}

/* A shard without faults goes along as it is. */
static int shard_keep(struct repair *r, const struct manifest_shard *s, struct wit_error *err) {
    const char *out = r->options->out;
    char from[WIT_PATH_MAX], to[WIT_PATH_MAX], hidden[MANIFEST_FILE_MAX];
    shard_push(r, s);
    if (r->options->dry_run || !out)
        return 0;
    int st = manifest_shard_path(from, r->dir, s->file, err);
    if (st >= 0)
        st = manifest_shard_path(to, out, s->file, err);
    if (st >= 0)
        st = file_copy(from, to, s->file_hash, r->options->interrupt, err);
    if (st >= 0 && s->hidden_count) {
        manifest_hidden_name(s, hidden);
        st = manifest_shard_path(from, r->dir, hidden, err);
        if (st >= 0)
            st = manifest_shard_path(to, out, hidden, err);
        if (st >= 0)
            st = file_copy(from, to, s->hidden_hash, r->options->interrupt, err);
    }
    return st;
}

static void lost_tell(struct repair *r, const struct manifest_shard *was, const char *fault,
                      const char *new_file, const struct salvage *found) {
    const struct wit_shards_repair_options *o = r->options;
    uint64_t lost = was->samples > found->count ? was->samples - found->count : 0;
    uint64_t named = lost ? found->lost_count : 0;
    const struct wit_shards_repaired told = {
        .file = was->file,
        .fault = fault,
        .new_file = found->count ? new_file : NULL,
        .samples = was->samples,
        .kept = found->count,
        .lost = lost,
        .lost_unnamed = lost > named ? lost - named : 0,
        .origins_lost = found->origins_lost,
    };
    r->report->lost += lost;
    r->report->lost_unnamed += told.lost_unnamed;
    r->report->origins_lost += told.origins_lost;
    if (o->repaired)
        o->repaired(o->user, &told);
    for (uint64_t i = 0; o->lost && i < named; i++)
        o->lost(o->user, was->file, found->lost[i]);
}

static int shard_salvage(struct repair *r, size_t index, struct wit_error *err) {
    const struct manifest_shard *was = &r->old.shards[index];
    const struct wit_shards_repair_options *o = r->options;
    struct hidden_keys hidden = { NULL, 0 };
    struct salvage found = { .source = { .fd = -1 } };
    int st = hidden_read(r->dir, was, &hidden, err);
    if (st < 0) {
        wit_error_wrap(err,
                       "which records of %s were removed is not known, and none may come back: "
                       "restore its list from a copy",
                       was->file);
        return st;
    }
    st = salvage_shard(r->dir, was, r->old.shard_bits, &hidden, o->interrupt, &found, err);
    struct manifest_shard is = { .prefix = was->prefix,
                                 .run = r->old.next_run,
                                 .samples = found.count,
                                 .pairs = found.plan.pairs,
                                 .image_bytes = found.plan.image_bytes,
                                 .sum = found.sum,
                                 .plan = found.plan.digest };
    manifest_file_name(&is, r->old.shard_bits, is.file);
    if (st >= 0 && found.count && !o->dry_run)
        st = salvage_write(&found, o->out ? o->out : r->dir, r->old.shard_bits, o->interrupt, &is,
                           err);
    if (st >= 0 && found.count)
        shard_push(r, &is);
    if (st >= 0)
        lost_tell(r, was, r->verdicts[index].fault, is.file, &found);
    salvage_finish(&found);
    hidden_finish(&hidden);
    return st;
}

static int shard_order(const void *x, const void *y) {
    const struct manifest_shard *a = x, *b = y;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return (a->run > b->run) - (a->run < b->run);
}

/* The folder of the result: new, or what a killed repair left. */
static int out_make(const char *out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_strings names = { NULL, 0 };
    int st = wit_dir_make_synced(out, err);
    if (st >= 0)
        st = wit_dir_list(out, &names, err);
    for (size_t i = 0; i < names.count && st >= 0; i++)
        if (strcmp(names.items[i], "shards") != 0)
            st = wit_error_set(err, WIT_EEXIST, "%s holds something already (%s)", out,
                               names.items[i]);
    wit_strings_finish(&names);
    if (st >= 0)
        st = manifest_shard_path(path, out, "", err);
    return st < 0 ? st : wit_dir_make_synced(path, err);
}

static int salvage_all(struct repair *r, struct wit_error *err) {
    const struct wit_shards_repair_options *o = r->options;
    int st = 0;
    r->shards = wit_alloc_array(r->old.count + 1, sizeof *r->shards);
    if (!r->shards)
        return wit_error_set(err, WIT_ENOMEM, "no memory to repair %s", r->dir);
    if (!o->dry_run)
        st = o->out ? out_make(o->out, err) : damaged_aside(r, err);
    for (size_t i = 0; i < r->old.count && st >= 0; i++)
        st = r->verdicts[i].bad ? shard_salvage(r, i, err) : shard_keep(r, &r->old.shards[i], err);
    if (st < 0)
        return st;
    qsort(r->shards, r->count, sizeof *r->shards, shard_order);
    struct manifest new = r->old;
    new.shards = r->shards;
    new.count = r->count;
    new.recipe = wit_buf_view(&r->recipe);
    new.tool = wit_buf_view(&r->tool);
    new.next_run++;
    new.inputs = (struct wit_hash128){ 0, 0 }; /* a seal must not take it for what it made */
    manifest_total(&new);
    r->report->samples = new.samples;
    r->report->pairs = new.pairs;
    r->report->shards = new.count;
    r->report->hash = new.hash;
    if (new.samples == 0)
        return wit_error_set(err, WIT_ENOTFOUND, "nothing of %s can be kept; it stays as it is",
                             r->dir);
    return o->dry_run ? 0 : dataset_publish(o->out ? o->out : r->dir, &new, err);
}

int wit_shards_repair(const char *dir, const struct wit_shards_repair_options *options,
                      struct wit_shards_repair_report *report, struct wit_error *err) {
    struct wit_shards_repair_report told = { .damaged = 0 };
    struct repair r = { .dir = dir,
                        .options = options,
                        .report = &told,
                        .recipe = WIT_BUF_INIT(MANIFEST_MAX_BYTES),
                        .tool = WIT_BUF_INIT(MANIFEST_MAX_BYTES) };
    struct dataset_lock lock = DATASET_LOCK_INIT; /* what others change meanwhile would be lost */
    int st = options->dry_run ? 0 : dataset_lock(dir, &lock, err);
    if (st >= 0)
        st = damage_find(&r, err);
    if (st >= 0 && told.damaged == 0 && !told.rebuilt) {
        told.samples = r.old.samples;
        told.pairs = r.old.pairs;
        told.shards = r.old.count;
        told.hash = r.old.hash;
    } else if (st >= 0) {
        st = told.rebuilt ? 0 : logs_ask(&r, err);
        if (st > 0) {
            dataset_lock_collect_give(&lock); /* to the seal */
            st = seal_anew(&r, err);
        } else if (st == 0)
            st = salvage_all(&r, err);
    }
    dataset_unlock(&lock);
    free(r.verdicts);
    free(r.shards);
    manifest_finish(&r.old);
    wit_buf_finish(&r.recipe);
    wit_buf_finish(&r.tool);
    if (st >= 0)
        *report = told;
    return st < 0 ? st : 0;
}
