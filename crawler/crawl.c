/*
 * crawl.c: the coordinator: runs a crawl from its first commit to its last.
 *
 * It runs in the thread of wit_crawler_run and alone touches frontier, collector and judge. Pages
 * and images go to the reactor of their domain and come back through one mailbox. A commit is the
 * collector's, then the frontier's: a kill between the two asks for some pages again, and what they
 * say twice is a set at sealing.
 */
#include "crawl_report.h"
#include "crawl_rights.h"
#include "crawl_state.h"
#include "lateness.h"

#include <stdlib.h>

enum {
    TICK_MS = 50, /* longest sleep of the coordinator */
    PROGRESS_MS = 200,
    EXTRACTORS = 4 /* and one for each reactor: pages read and not yet taken apart */
};

int crawl_no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the crawl");
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* To the reactor of the domain that the address belongs to; what is no address, or was removed,
 * comes back at once. */
void crawl_send(struct crawl *c, struct crawl_task *t) {
    int st = crawl_domain_of(c, crawl_task_address(t), &t->domain);
    if (t->subject == WIT_CRAWLER_PAGE)
        c->pages_out++;
    else
        image_shares_went(c->shares, t->domain);
    int removed = st < 0 ? 0
                         : wit_shards_removed_url(wit_shards_collector_removed(c->collector),
                                                  crawl_task_address(t));
    if (st < 0 || removed != 0) {
        st = st < 0 ? st : removed;
        t->outcome = CRAWL_REFUSED;
        t->reason = st > 0 ? WIT_SHARDS_REMOVED_REASON : st == WIT_ENOMEM ? "no_memory" : "bad_url";
        crawl_mailbox_push(&c->results, t);
        return;
    }
    reactor_push(c->reactors[t->domain % c->cfg->reactors], t);
}

int crawl_domain_of(struct crawl *c, struct wit_str address, uint64_t *domain) {
    int st = wit_url_parse(&c->url, address, NULL, NULL);
    *domain = 0;
    if (st < 0)
        return st;
    struct wit_str name = wit_domain_registrable(wit_url_host(&c->url));
    *domain = wit_hash64_of(name.data, name.len, 0);
    return 0;
}

int crawl_refusal_note(struct crawl *c, const struct refusal_line *line, uint64_t count,
                       struct wit_error *err) {
    bool ends_url = line->subject == WIT_CRAWLER_PAGE || line->subject == WIT_CRAWLER_IMAGE;
    c->run_refused += ends_url ? count : 0;
    if (refusal_table_add(&c->run_refusals, line->subject, line->reason, count) < 0)
        return crawl_no_memory(err);
    return line->url.len ? refusal_log_add(&c->refusals, line, err) : 0;
}

struct refusal_line crawl_refusal_of(const struct crawl_task *t, const char *reason) {
    return (struct refusal_line){ .subject = t->subject,
                                  .url = wit_buf_view(&t->url),
                                  .depth = t->depth,
                                  .reason = wit_str_from(reason) };
}

/* Our own want of memory is nothing that a page or an image can be refused for: a page stays taken
 * and an image's candidate in the log, so the next run asks again. */
bool crawl_is_ours(const struct crawl_task *t) {
    return t->outcome == CRAWL_REFUSED && strcmp(t->reason, "no_memory") == 0;
}

/* ---- keeping and telling --------------------------------------------------------------------- */

static void progress_fill(struct crawl *c, struct wit_crawler_progress *out) {
    struct frontier_totals f = frontier_totals(c->frontier);
    struct wit_shards_collected s = wit_shards_collector_totals(c->collector);
    refusal_table_sort_by_count(&c->run_refusals);
    *out = (struct wit_crawler_progress){
        .rows = crawl_feed_tell(c).rows,
        .pages = f.read,
        .images = s.images,
        .pages_refused = f.refused,
        .images_refused = s.refusals,
        .candidates = s.candidates,
        .image_bytes = s.image_bytes,
        .queued_pages = f.waiting,
        .in_flight = c->pages_out + image_shares_out(c->shares),
        .paused = c->paused,
        .run_pages = c->run_pages,
        .run_images = c->run_images,
        .run_refused = c->run_refused,
        .fetched_bytes = c->fetched_bytes,
        .refusals = c->run_refusals.rows,
        .refusal_count = c->run_refusals.count,
    };
    for (unsigned i = 0; c->reactors && i < c->cfg->reactors; i++)
        out->hosts += c->reactors[i] ? reactor_hosts(c->reactors[i]) : 0;
}

/* Everything that came so far is kept, and the status says `state`. */
static int commit_as(struct crawl *c, const char *state, struct wit_error *err) {
    struct wit_crawler_progress p;
    struct wit_crawler_feed_position at = crawl_feed_tell(c);
    if (c->cfg->feed)
        frontier_feed_reached(c->frontier, &at);
    int st = refusal_log_sync(&c->refusals, err);
    if (st >= 0)
        st = wit_shards_collector_commit(c->collector, err);
    if (st >= 0)
        st = frontier_commit(c->frontier, err);
    if (st >= 0) {
        progress_fill(c, &p);
        st = crawl_status_write(&c->status, state, &p, err);
    }
    c->committed_ms = wit_clock_ms();
    c->changed = false;
    return st;
}

int crawl_commit(struct crawl *c, struct wit_error *err) {
    return commit_as(c, "running", err);
}

static void progress_tell(struct crawl *c) {
    uint64_t now_ms = wit_clock_ms();
    struct wit_crawler_progress p;
    if (!c->cfg->progress || now_ms - c->progress_ms < PROGRESS_MS)
        return;
    progress_fill(c, &p);
    c->progress_ms = now_ms;
    c->cfg->progress(c->cfg->user, &p);
}

/* ---- the run --------------------------------------------------------------------------------- */

/* Does what DIR/crawl/pause asks for. */
static void pause_look(struct crawl *c) {
    bool paused = crawl_status_is_paused(&c->status, wit_clock_ms());
    if (paused == c->paused)
        return;
    c->paused = paused;
    c->changed = true; /* the status tells */
    for (unsigned i = 0; i < c->cfg->reactors; i++)
        reactor_pause(c->reactors[i], paused);
}

static bool is_interrupted(const struct crawl *c) {
    return c->cfg->interrupt && *c->cfg->interrupt;
}

static int task_done(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
    c->changed = true;
    c->fetched_bytes += t->wire_bytes;
    t->wire_bytes = 0;
    if (t->outcome == CRAWL_SITEMAPS)
        return crawl_sitemaps_add(c, t, err);
    return t->subject == WIT_CRAWLER_PAGE ? crawl_page_done(c, t, err)
                                          : crawl_image_done(c, t, err);
}

/* Start what may start. */
static int tasks_send(struct crawl *c, struct wit_error *err) {
    int st = crawl_log_may_be_read(c) ? crawl_log_read(c, err) : 0;
    if (st >= 0)
        st = crawl_pages_send(c, err);
    return st < 0 ? st : crawl_feed_pull(c, err);
}

static bool is_done(const struct crawl *c) {
    return c->pages_out + image_shares_out(c->shares) == 0 && !c->log_behind &&
           !crawl_feed_may_give(c) && !c->paused;
}

static int commit_if_due(struct crawl *c, struct wit_error *err) {
    bool due = c->changed && wit_clock_ms() - c->committed_ms >= c->cfg->commit_ms;
    return due ? crawl_commit(c, err) : 0;
}

/* What came back, until it is empty or the run ends. */
static int results_take(struct crawl *c, struct crawl_list *back, struct wit_error *err) {
    int st = 0;
    for (struct crawl_task *t; (t = crawl_list_pop(back));) {
        if (st >= 0 && !is_interrupted(c))
            st = task_done(c, t, err);
        else /* it was not, then: the next run asks again */
            crawl_task_destroy(t);
        if (st >= 0)
            st = commit_if_due(c, err);
    }
    return st;
}

/* Until nothing is on its way and nothing may start. */
static int work(struct crawl *c, struct wit_error *err) {
    int st = 0;
    while (st >= 0 && !is_interrupted(c)) {
        pause_look(c);
        st = c->paused ? 0 : tasks_send(c, err);
        if (st < 0 || is_done(c))
            break;
        bool more = !c->paused && (crawl_log_may_be_read(c) || crawl_feed_may_give(c));
        struct crawl_list back = crawl_mailbox_take(&c->results, more ? 0 : TICK_MS);
        st = results_take(c, &back, err);
        if (st >= 0)
            st = commit_if_due(c, err);
        progress_tell(c);
    }
    return st;
}

/* ---- starting and ending --------------------------------------------------------------------- */

static int reactors_start(struct crawl *c, struct wit_error *err) {
    const struct wit_crawler_config *cfg = c->cfg;
    struct reactor_config r = {
        .crawl = cfg,
        .results = &c->results,
        .extractors = c->extractors,
        .limits = c->limits,
        .images = c->image_pool,
        .max_held_bytes = cfg->max_held_bytes / cfg->reactors,
        .goes_on = c->goes_on,
    };
    int st = 0;
    c->reactors = wit_alloc_array(cfg->reactors, sizeof(struct reactor *));
    if (!c->reactors)
        return crawl_no_memory(err);
    for (unsigned i = 0; i < cfg->reactors && st >= 0; i++) {
        r.max_in_flight =
            cfg->max_in_flight / cfg->reactors + (i < cfg->max_in_flight % cfg->reactors);
        st = reactor_create(&r, &c->reactors[i], err);
    }
    return st;
}

static int extractors_make(struct crawl *c, struct wit_error *err) {
    unsigned count = EXTRACTORS + c->cfg->reactors;
    c->extractors = wit_queue_create(count);
    for (unsigned i = 0; i < count && c->extractors; i++) {
        struct wit_crawler_extractor *x = wit_crawler_extractor_create();
        if (!x)
            return crawl_no_memory(err);
        wit_queue_push(c->extractors, x);
    }
    return c->extractors ? 0 : crawl_no_memory(err);
}

static int start(struct crawl *c, struct wit_error *err) {
    int st = extractors_make(c, err);
    c->log_behind = true; /* of earlier runs */
    if (st >= 0)
        st = crawl_mailbox_init(&c->results, err);
    if (st >= 0)
        st = image_shares_create(CRAWL_IMAGES_OUT_MOST, CRAWL_IMAGES_PARKED_BYTES, &c->shares, err);
    if (st >= 0)
        st = wit_dir_make_synced(c->cfg->dir, err);
    if (st >= 0)
        st = wit_shards_collector_open(c->cfg->dir, &c->collector, err);
    if (st >= 0)
        st = crawl_frontier_begin(c, err);
    if (st >= 0)
        st = crawl_rights_note(c->cfg->dir, c->cfg->ignore, &c->ignored, err);
    if (st >= 0)
        st = refusal_log_open(&c->refusals, c->cfg->dir, err);
    if (st >= 0)
        st = crawl_status_open(&c->status, c->cfg->dir, err);
    if (st >= 0)
        st = crawl_seeds_add(c, err);
    if (st >= 0)
        st = crawl_refusals_again(c, err);
    if (st >= 0)
        st = image_pool_create(c->cfg, &c->results, CRAWL_IMAGES_OUT_MOST, &c->image_pool, err);
    if (st >= 0)
        st = crawl_feed_begin(c, err);
    if (st >= 0)
        st = crawl_limits_create(c->cfg, &c->limits, err);
    if (st >= 0)
        st = reactors_start(c, err);
    return st < 0 ? st : crawl_commit(c, err);
}

static void reactors_stop(struct crawl *c) {
    for (unsigned i = 0; c->reactors && i < c->cfg->reactors; i++)
        if (c->reactors[i])
            reactor_stop(c->reactors[i]);
}

static void stop(struct crawl *c) {
    reactors_stop(c);
    image_pool_destroy(c->image_pool);
    c->image_pool = NULL;
    crawl_mailbox_finish(&c->results); /* before the reactors, whose bodies it holds */
    for (unsigned i = 0; c->reactors && i < c->cfg->reactors; i++)
        reactor_destroy(c->reactors[i]);
    free(c->reactors);
    c->reactors = NULL;
    crawl_limits_destroy(c->limits);
    c->limits = NULL;
}

static void finish(struct crawl *c) {
    void *extractor;
    stop(c);
    while (c->extractors && wit_queue_try_pop(c->extractors, &extractor) == 0)
        wit_crawler_extractor_destroy(extractor);
    wit_queue_destroy(c->extractors);
    frontier_close(c->frontier);
    refusal_log_close(&c->refusals);
    wit_shards_collector_close(c->collector);
    key_set_finish(&c->images);
    image_shares_destroy(c->shares);
    key_set_finish(&c->scope_domains);
    refusal_table_finish(&c->run_refusals);
    wit_url_finish(&c->url);
    wit_buf_finish(&c->text);
    page_rights_finish(&c->rights);
}

/* Nothing more is kept, but who looks should learn of it, if the disk lets us. */
static void failed_tell(struct crawl *c) {
    struct wit_crawler_progress p;
    if (!c->frontier || !c->collector || !c->status.path[0])
        return;
    progress_fill(c, &p);
    crawl_status_write(&c->status, "failed", &p, NULL);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What neither frontier nor collector knows. */
static void report_complete(struct crawl *c, struct wit_crawler_report *report) {
    struct lateness late = { .total = 0 };
    reactors_stop(c);
    report->fetched_bytes = c->fetched_bytes;
    report->rows = crawl_feed_tell(c).rows;
    report->feed_changed = c->feed_changed;
    report->ignored = c->ignored;
    for (unsigned i = 0; c->reactors && i < c->cfg->reactors; i++)
        if (c->reactors[i]) {
            reactor_files(c->reactors[i], &report->robots, &report->tdmrep);
            reactor_lateness(c->reactors[i], &late);
        }
    report->late_p50_ms = lateness_quantile_ms(&late, 0.5);
    report->late_p99_ms = lateness_quantile_ms(&late, 0.99);
    report->late_most_ms = late.most_ms;
}

int wit_crawler_run(const struct wit_crawler_config *cfg, struct wit_crawler_report *report,
                    struct wit_error *err) {
    struct crawl c = { .cfg = cfg,
                       .url = WIT_URL_INIT,
                       .text = WIT_BUF_INIT(WIT_URL_MAX_BYTES),
                       .refusals = REFUSAL_LOG_INIT };
    int st = wit_crawler_config_check(cfg, err);
    if (st < 0)
        return st;
    page_rights_init(&c.rights);
    st = start(&c, err);
    if (st >= 0)
        st = work(&c, err);
    bool interrupted = st == WIT_ECANCELED || (st >= 0 && is_interrupted(&c));
    if (st >= 0 || interrupted) {
        struct wit_error late = WIT_ERROR_INIT;
        int kept = commit_as(&c, interrupted ? "interrupted" : "done", &late);
        if (kept >= 0)
            kept = crawl_report_fill(report, c.frontier, c.collector, &late);
        if (kept >= 0) {
            report_complete(&c, report);
            report->interrupted = interrupted;
        }
        if (kept < 0) {
            st = kept;
            interrupted = false;
            if (err)
                *err = late;
        } else if (interrupted) {
            st = wit_error_set(err, WIT_ECANCELED,
                               "interrupted; what came so far is kept, the same command goes on");
        }
    }
    if (st < 0 && !interrupted)
        failed_tell(&c);
    finish(&c);
    return st < 0 ? st : 0;
}
