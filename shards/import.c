/*
 * import.c: sources one after the other into a collector.
 *
 * DIR/collect/imports.jsonl has a line for each source that was taken whole, written after the
 * commit that made it so: the same command again leaves those out. It is a shortcut and nothing
 * depends on it: a source that is read again brings images that are known and words that are a set.
 */
#include "import_sample.h"

#include "collect.h"
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { COMMIT_SAMPLES = 10000, DONE_LINE_MOST_BYTES = 1024 };
#define COMMIT_BYTES ((uint64_t)1 << 28)
#define DONE_MAX_BYTES ((size_t)1 << 30)

struct import {
    const char *dir;
    const struct wit_shards_import_config *cfg;
    struct wit_shards_collector *collector;
    struct import_maker *maker;
    struct import_parts parts;
    struct wit_hash128 *done; /* marks of sources that an earlier run took whole; sorted */
    size_t done_count;
    int done_fd; /* -1 */
    char done_path[WIT_PATH_MAX];
    uint64_t samples, bytes; /* since the last commit */
    struct wit_shards_import_report report;
};

struct wit_shards_import_config wit_shards_import_config_default(void) {
    return (struct wit_shards_import_config){ .from = WIT_SHARDS_IMPORT_WEBDATASET };
}

/* ---- what earlier runs took ------------------------------------------------------------------ */

static int mark_order(const void *x, const void *y) {
    const struct wit_hash128 *a = x, *b = y;
    return wit_hash128_cmp(*a, *b);
}

/* The mark in a line of this collection; false: it is another's, or was not written whole. */
static bool done_line(const struct import *im, struct wit_str line, struct wit_hash128 *mark) {
    struct wit_json *json = NULL;
    struct wit_hash128 id = { 0, 0 };
    struct wit_str text = { NULL, 0 };
    if (wit_json_parse(line, "a line", &json, NULL) < 0)
        return false;
    bool ours = wit_json_string(wit_json_get(json, "collect"), &text) == 0 &&
                wit_hash128_from_hex(text, &id) == 0 &&
                wit_hash128_eq(id, wit_shards_collector_id(im->collector)) &&
                wit_json_string(wit_json_get(json, "mark"), &text) == 0 &&
                wit_hash128_from_hex(text, mark) == 0;
    wit_json_destroy(json);
    return ours;
}

static int done_load(struct import *im, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(DONE_MAX_BYTES);
    int st = collect_path(im->done_path, im->dir, "imports.jsonl", err);
    if (st >= 0 && wit_file_exists(im->done_path))
        st = wit_file_read(im->done_path, &text, err);
    struct wit_str all = wit_buf_view(&text);
    size_t lines = 0;
    for (size_t i = 0; i < all.len; i++)
        lines += all.data[i] == '\n';
    if (st >= 0 && !(im->done = wit_alloc_array(lines + 1, sizeof *im->done)))
        st = wit_error_set(err, WIT_ENOMEM, "no memory for an import");
    for (size_t at = 0; st >= 0 && at < all.len;) {
        ptrdiff_t end = wit_str_find_byte(all, '\n', at);
        if (end < 0)
            break;
        im->done_count +=
            done_line(im, wit_str_slice(all, at, (size_t)end), &im->done[im->done_count]);
        at = (size_t)end + 1;
    }
    wit_buf_finish(&text);
    if (st < 0)
        return st;
    qsort(im->done, im->done_count, sizeof *im->done, mark_order);
    im->done_fd = open(im->done_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return im->done_fd < 0 ? wit_error_errno(err, errno, "cannot open %s", im->done_path) : 0;
}

/* A line of its own, also behind one that a kill has cut. */
static int done_note(struct import *im, const char *source, struct wit_hash128 mark,
                     struct wit_error *err) {
    struct wit_buf line = WIT_BUF_INIT(DONE_LINE_MOST_BYTES);
    char id[WIT_HASH128_HEX], hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(wit_shards_collector_id(im->collector), id);
    wit_hash128_to_hex(mark, hex);
    int st = wit_buf_printf(&line, "\n{\"collect\":\"%s\",\"mark\":\"%s\"}\n", id, hex);
    if (st < 0)
        return wit_error_set(err, st, "cannot note that %s was taken", source);
    st = wit_fd_write_all(im->done_fd, line.data, line.len, im->done_path, err);
    wit_buf_finish(&line);
    return st;
}

/* ---- samples -------------------------------------------------------------------------------- */

static int candidate_add(struct import *im, const struct import_sample *s, size_t i,
                         struct wit_error *err) {
    const struct import_words *w = &s->words[i];
    const struct wit_shards_candidate cand = { .url = s->places[w->place].url,
                                               .text = w->text,
                                               .source = w->source,
                                               .page = w->page,
                                               .extra = w->extra,
                                               .rights = w->rights };
    return wit_shards_collector_add_candidate(im->collector, &cand, err);
}

static int image_add(struct import *im, const struct import_sample *s, const struct import_place *p,
                     struct wit_error *err) {
    const struct wit_shards_fetched f = { .url = p->url,
                                          .final_url = p->final_url,
                                          .bytes = s->image,
                                          .info = s->info,
                                          .fetched_at_s = p->fetched_at_s,
                                          .headers = p->headers,
                                          .rights = p->rights };
    if (wit_shards_collector_holds(im->collector, p->url, s->key)) {
        im->report.known++;
        return 0;
    }
    int st = wit_shards_collector_add_image(im->collector, &f, err);
    if (st >= 0)
        im->bytes += s->image.len;
    return st;
}

/* Words first: a collection may have words without their image, not the other way round. */
static int sample_store(struct import *im, const struct import_sample *s, struct wit_error *err) {
    int st = 0;
    for (size_t i = 0; i < s->word_count && st >= 0; i++)
        st = candidate_add(im, s, i, err);
    for (size_t i = 0; i < s->place_count && st >= 0; i++)
        st = image_add(im, s, &s->places[i], err);
    return st;
}

static int sample_refuse(struct import *im, const struct import_sample *s, const char *reason,
                         struct wit_error *err) {
    int st = 0;
    im->report.refused++;
    for (size_t i = 0; i < s->word_count && st >= 0; i++) {
        st = candidate_add(im, s, i, err);
        st = st == WIT_ELIMIT || st == WIT_EINVAL ? 0 : st; /* then it can't be listed */
    }
    for (size_t i = 0; i < s->place_count && st >= 0; i++)
        st = wit_shards_collector_add_refusal(im->collector, s->places[i].url, wit_str_from(reason),
                                              err);
    return st;
}

static int commit(struct import *im, struct wit_error *err) {
    im->samples = im->bytes = 0;
    return wit_shards_collector_commit(im->collector, err);
}

static int sample_take(struct import *im, const char *source, struct wit_error *err) {
    struct import_sample sample;
    int st = import_sample_make(im->maker, source, &im->parts, &sample, err);
    if (st < 0)
        return st;
    im->report.samples++;
    im->report.facts_broken += sample.facts_broken;
    im->report.facts_left_out += sample.facts_left_out;
    if (sample.reason)
        return sample_refuse(im, &sample, sample.reason, err);
    st = sample_store(im, &sample, err);
    if (st == WIT_ELIMIT || st == WIT_EINVAL)
        return sample_refuse(im, &sample, "field_too_long", err);
    im->report.stored += st >= 0;
    return st;
}

/* Commit now and then, and before an interruption. */
static int progress(struct import *im, const char *source, struct wit_error *err) {
    const struct wit_shards_import_config *cfg = im->cfg;
    bool stop = cfg->interrupt && *cfg->interrupt;
    int st = 0;
    if (cfg->progress)
        cfg->progress(cfg->user, im->report.samples, im->report.refused);
    if (++im->samples >= COMMIT_SAMPLES || im->bytes >= COMMIT_BYTES || stop)
        st = commit(im, err);
    if (st >= 0 && stop)
        st = wit_error_set(err, WIT_ECANCELED, "interrupted in %s; the same command goes on",
                           source);
    return st;
}

/* `fault`: it is the source that can't be read, not the collection that can't be written. */
static int source_read(struct import *im, struct import_source *s, const char *source, bool *fault,
                       struct wit_error *err) {
    int st;
    while ((st = import_source_next(s, &im->parts, err)) > 0) {
        im->report.ignored += im->parts.ignored;
        st = sample_take(im, source, err);
        if (st >= 0)
            st = progress(im, source, err);
        if (st < 0)
            return st;
    }
    im->report.ignored += im->parts.ignored;
    *fault = st < 0 && st != WIT_ENOMEM;
    if (st < 0 || import_source_was_ended(s))
        return st;
    *fault = true;
    return wit_error_set(err, WIT_ECORRUPT,
                         "%s has no end: whoever wrote it was stopped, or it was cut", source);
}

/* ---- sources -------------------------------------------------------------------------------- */

static bool is_done(const struct import *im, struct wit_hash128 mark) {
    return bsearch(&mark, im->done, im->done_count, sizeof mark, mark_order) != NULL;
}

static void source_tell(struct import *im, const char *source, uint64_t before, bool kept,
                        const char *fault) {
    const struct wit_shards_imported told = {
        .source = source, .samples = im->report.samples - before, .kept = kept, .fault = fault
    };
    im->report.sources++;
    im->report.kept += kept;
    im->report.faults += fault != NULL;
    if (im->cfg->imported)
        im->cfg->imported(im->cfg->user, &told);
}

/* One tar or folder. What is wrong with it is told and is not a failure. */
static int source_take(struct import *im, const char *source, struct wit_error *err) {
    struct import_source *s = NULL;
    struct wit_error why = WIT_ERROR_INIT;
    struct wit_hash128 mark = { 0, 0 };
    uint64_t before = im->report.samples;
    bool kept = false, fault = false;
    int st = import_source_open(source, im->cfg->from, &s, &why);
    if (st >= 0)
        st = import_source_mark(s, &mark, &why);
    fault = st < 0 && st != WIT_ENOMEM;
    if (st >= 0 && !(kept = is_done(im, mark)))
        st = source_read(im, s, source, &fault, &why);
    import_source_close(s);
    if (st < 0 && !fault) {
        if (err)
            *err = why;
        return st;
    }
    int committed = kept ? 0 : commit(im, err);
    if (committed >= 0 && st >= 0 && !kept)
        committed = done_note(im, source, mark, err);
    if (committed >= 0)
        source_tell(im, source, before, kept, fault ? why.text : NULL);
    return committed;
}

static int on_source(void *user, const char *path, struct wit_error *err) {
    return source_take(user, path, err);
}

/* Sealing would not put a dataset in the place of one whose samples lie in tars. */
static int not_in_place(const char *dir, struct wit_error *err) {
    struct manifest m;
    if (manifest_load(dir, &m, NULL) < 0)
        return 0;
    bool in_place = m.shard_bits == MANIFEST_IN_PLACE;
    manifest_finish(&m);
    return in_place ? wit_error_set(err, WIT_EEXIST,
                                    "%s is a dataset of samples that lie in tar files: name "
                                    "another folder",
                                    dir)
                    : 0;
}

int wit_shards_import(const char *dir, const struct wit_shards_import_config *cfg,
                      struct wit_shards_import_report *report, struct wit_error *err) {
    struct import im = { .dir = dir, .cfg = cfg, .done_fd = -1 };
    if (cfg->source_count == 0)
        return wit_error_set(err, WIT_EINVAL, "there is nothing to import");
    import_parts_init(&im.parts);
    int st = not_in_place(dir, err);
    if (st >= 0)
        st = wit_shards_collector_open(dir, &im.collector, err);
    if (st >= 0)
        st = commit(&im, err); /* the collection's name is kept from here on */
    if (st >= 0)
        st = done_load(&im, err);
    if (st >= 0)
        st = import_maker_create(cfg, &im.maker, err);
    for (size_t i = 0; i < cfg->source_count && st >= 0; i++) {
        const char *source = cfg->sources[i];
        st = cfg->from == WIT_SHARDS_IMPORT_WEBDATASET
                 ? import_tars_each(source, on_source, &im, err)
                 : source_take(&im, source, err);
    }
    if (im.done_fd >= 0)
        close(im.done_fd);
    import_maker_destroy(im.maker);
    import_parts_finish(&im.parts);
    wit_shards_collector_close(im.collector);
    free(im.done);
    if (st >= 0)
        *report = im.report;
    return st < 0 ? st : 0;
}
