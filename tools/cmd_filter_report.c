/* wit filter report: what came of a list of queries. */
#include "cmd_filter.h"
#include "filter_report.h"
#include "selection.h"

#include <errno.h>
#include <stdlib.h>

/* ---- files of lines -------------------------------------------------------------------------- */

/* JSON lines into a file, one after another. */
struct lines_file {
    const char *path;
    FILE *file; /* NULL: nothing is written */
    struct wit_buf line;
};

static int lines_open(struct lines_file *f, const char *path, struct wit_error *err) {
    *f = (struct lines_file){ .path = path, .line = WIT_BUF_INIT((size_t)64 << 20) };
    f->file = path ? fopen(path, "we") : NULL;
    return path && !f->file ? wit_error_errno(err, errno, "cannot write %s", path) : 0;
}

static int lines_end(struct lines_file *f, struct wit_json_writer *w, struct wit_error *err) {
    wit_json_object_end(w);
    int st = wit_json_writer_finish(w);
    if (st >= 0)
        st = wit_buf_append_byte(&f->line, '\n');
    if (st < 0)
        wit_error_set(err, st, "no memory for a line of %s", f->path);
    else if (fwrite(f->line.data, 1, f->line.len, f->file) != f->line.len)
        st = wit_error_errno(err, errno, "cannot write %s", f->path);
    wit_buf_reset(&f->line);
    return st;
}

static int lines_close(struct lines_file *f, int st, struct wit_error *err) {
    if (f->file && fclose(f->file) != 0 && st >= 0)
        st = wit_error_errno(err, errno, "cannot write %s", f->path);
    wit_buf_finish(&f->line);
    return st;
}

static int unmatched_write(const struct filter_report *r, const char *path, struct wit_error *err) {
    struct lines_file f;
    int st = lines_open(&f, path, err);
    for (size_t i = 0; i < r->n && st >= 0 && f.file; i++) {
        struct wit_json_writer w;
        if (r->before[i])
            continue;
        wit_json_writer_init(&w, &f.line);
        wit_json_object_begin(&w);
        wit_json_key(&w, "id");
        wit_json_put_u64(&w, i);
        wit_json_key(&w, "entry");
        wit_json_put_str(&w, wit_filter_allowlist_entry(r->list, (uint32_t)i));
        st = lines_end(&f, &w, err);
    }
    return lines_close(&f, st, err);
}

/* ---- the candidates of a folder -------------------------------------------------------------- */

struct walk {
    struct selection *selection;
    struct wit_filter_matcher *matcher;
    struct wit_filter_pairs *pairs, *by_source; /* counted already */
    struct filter_report *report;
    uint64_t *after;
    struct lines_file refused;
};

/* What came of a pair. */
struct verdict {
    enum wit_filter_rule rule;
    bool is_refused, is_kept;
    const uint32_t *ids;
    size_t n;
};

static int judge(void *user, const struct wit_shards_candidate *cand, struct wit_error *err) {
    struct walk *w = user;
    bool want;
    if (cli_interrupted())
        return wit_error_set(err, WIT_ECANCELED, "interrupted");
    return selection_judge(w->selection, cand, &want, err);
}

static int verdict_of(struct walk *w, const struct wit_shards_candidate *cand,
                      struct wit_hash128 key, struct verdict *v, struct wit_error *err) {
    struct selection *s = w->selection;
    int st = selection_rule_of(s, cand, &v->rule, err);
    if (st < 0)
        return st;
    v->is_refused = st > 0;
    st = wit_filter_match(w->matcher, cand->text, &v->ids, &v->n, err);
    v->is_kept = st >= 0 && !v->is_refused &&
                 wit_filter_decide(s->list, wit_filter_balancer_counts(s->balancer), s->per_query,
                                   s->seed, key, v->ids, v->n);
    return st;
}

static void pairs_add(struct filter_report_pairs *p, const struct verdict *v) {
    p->found++;
    p->refused += v->is_refused;
    p->kept += v->is_kept;
    p->unmatched += !v->is_refused && v->n == 0;
    p->over_share += !v->is_refused && v->n && !v->is_kept;
}

static int refused_write(struct lines_file *f, const struct wit_shards_candidate *cand,
                         enum wit_filter_rule rule, struct wit_error *err) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, &f->line);
    wit_json_object_begin(&w);
    wit_json_key(&w, "url");
    wit_json_put_str(&w, cand->url);
    wit_json_key(&w, "text");
    wit_json_put_str(&w, cand->text);
    wit_json_key(&w, "page");
    wit_json_put_str(&w, cand->page);
    wit_json_key(&w, "source");
    wit_json_put_cstr(&w, wit_shards_source_name(cand->source));
    wit_json_key(&w, "rule");
    wit_json_put_cstr(&w, wit_filter_rule_name(rule));
    return lines_end(f, &w, err);
}

/* A pair for the first time. */
static void pair_count(struct walk *w, const struct verdict *v) {
    pairs_add(&w->report->all, v);
    if (v->is_refused)
        w->report->refused[v->rule]++;
    for (size_t i = 0; v->is_kept && i < v->n; i++)
        w->after[v->ids[i]]++;
}

static int look(void *user, const struct wit_shards_candidate *cand, struct wit_error *err) {
    struct walk *w = user;
    struct wit_hash128 key, of_source;
    struct verdict v;
    if (cli_interrupted())
        return wit_error_set(err, WIT_ECANCELED, "interrupted");
    int st = wit_filter_pair_key(cand->url, cand->text, &key, err);
    if (st < 0)
        return st;
    of_source = key;
    of_source.lo ^= (uint64_t)cand->source * UINT64_C(0x9e3779b97f4a7c15);
    st = wit_filter_pairs_add(w->by_source, of_source);
    if (st <= 0)
        return st < 0 ? wit_error_set(err, st, "no memory for the pairs of sources") : 0;
    int is_new = wit_filter_pairs_add(w->pairs, key);
    if (is_new < 0)
        return wit_error_set(err, is_new, "no memory for pairs");
    st = verdict_of(w, cand, key, &v, err);
    if (st < 0)
        return st;
    if ((unsigned)cand->source < REPORT_SOURCES)
        pairs_add(&w->report->sources[cand->source], &v);
    if (is_new)
        pair_count(w, &v);
    return v.is_refused && w->refused.file ? refused_write(&w->refused, cand, v.rule, err) : 0;
}

static int walk_open(struct walk *w, const struct filter_options *o, struct wit_error *err) {
    struct selection *s = w->selection;
    struct filter_report *r = w->report;
    r->list = s->list;
    r->n = wit_filter_allowlist_count(s->list);
    r->t = s->per_query;
    w->pairs = wit_filter_pairs_create();
    w->by_source = wit_filter_pairs_create();
    w->after = wit_alloc_array(r->n ? r->n : 1, sizeof *w->after);
    if (!w->pairs || !w->by_source || !w->after)
        return wit_error_set(err, WIT_ENOMEM, "no memory to report on %zu entries", r->n);
    r->after = w->after;
    r->has_pairs = true;
    int st = wit_filter_matcher_create(s->list, &w->matcher, err);
    return st < 0 ? st : lines_open(&w->refused, o->refused, err);
}

/* Two readings of the log, and two more for boilerplate: judge, review, look. */
static int folder_read(struct walk *w, const char *dir, struct wit_error *err) {
    char index[WIT_PATH_MAX];
    if (snprintf(index, sizeof index, "%s/collect/index.lmdb", dir) >= (int)sizeof index ||
        !wit_file_exists(index))
        return wit_error_set(err, WIT_ENOTFOUND, "nothing was collected in %s", dir);
    int st = wit_shards_candidates_each(dir, judge, w, err);
    if (st >= 0)
        st = selection_review(w->selection, dir, cli_interrupt_flag(), err);
    if (st >= 0)
        st = wit_shards_candidates_each(dir, look, w, err);
    w->report->before = wit_filter_balancer_counts(w->selection->balancer);
    return st < 0 ? st : 0;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int report_write(struct filter_job *j, const struct filter_report *r,
                        struct wit_error *err) {
    const struct filter_options *o = j->opt;
    struct wit_buf svg = WIT_BUF_INIT((size_t)1 << 20);
    int st = o->json ? filter_report_put(r, &j->out) : filter_report_print(r, &j->out);
    if (st >= 0 && o->svg)
        st = filter_report_svg(r, &svg);
    if (st < 0)
        wit_error_set(err, st, "no memory for the report");
    if (st >= 0 && o->svg)
        st = wit_file_write_atomic(o->svg, wit_buf_view(&svg), err);
    if (st >= 0)
        st = unmatched_write(r, o->unmatched, err);
    wit_buf_finish(&svg);
    return st;
}

static int folder_report(struct filter_job *j, struct wit_error *err) {
    const struct filter_options *o = j->opt;
    struct selection_config cfg = selection_config_default();
    struct selection s;
    struct filter_report r = { .list = NULL };
    struct walk w = { .selection = &s, .report = &r };
    wit_filter_matcher_destroy(j->matcher); /* the selection has its own */
    wit_filter_allowlist_destroy(j->list);
    j->matcher = NULL;
    j->list = NULL;
    cfg.allowlist = o->allowlist;
    cfg.per_query = o->per_query;
    cfg.seed = o->seed;
    cfg.has_hygiene = true;
    cfg.hygiene = o->hygiene;
    cfg.blocklist = o->blocklist;
    cfg.boilerplate = o->boilerplate_rule;
    int st = selection_open(&s, &cfg, err);
    if (st < 0)
        return st;
    st = walk_open(&w, o, err);
    if (st >= 0)
        st = folder_read(&w, o->files[0], err);
    st = lines_close(&w.refused, st, err);
    if (st >= 0)
        st = report_write(j, &r, err);
    wit_filter_matcher_destroy(w.matcher);
    wit_filter_pairs_destroy(w.pairs);
    wit_filter_pairs_destroy(w.by_source);
    free(w.after);
    selection_close(&s);
    return st;
}

/* Of a counts file alone: an entry keeps about min(count, t) of its own. */
static int counts_report(struct filter_job *j, struct wit_error *err) {
    struct filter_report r = {
        .list = j->list, .n = wit_filter_allowlist_count(j->list), .t = j->t, .before = j->counts
    };
    uint64_t *after = wit_alloc_array(r.n ? r.n : 1, sizeof *after);
    if (!after)
        return wit_error_set(err, WIT_ENOMEM, "no memory to report on %zu entries", r.n);
    for (size_t i = 0; i < r.n; i++)
        after[i] = r.before[i] < r.t ? r.before[i] : r.t;
    r.after = after;
    int st = report_write(j, &r, err);
    free(after);
    return st;
}

int filter_report_run(struct filter_job *j) {
    struct wit_error err = WIT_ERROR_INIT;
    if (j->opt->file_count + (j->counts != NULL) != 1)
        return cli_usage_error("filter", "report takes a folder or --counts, one of them");
    if (j->counts && j->opt->refused)
        return cli_usage_error("filter", "--refused is of a folder");
    cli_catch_interrupts();
    int st = j->counts ? counts_report(j, &err) : folder_report(j, &err);
    return st < 0 ? cli_fail("filter", &err) : filter_finish(j, CLI_DONE);
}
