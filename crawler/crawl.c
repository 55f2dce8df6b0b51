/*
 * crawl.c: the coordinator: decides what is asked for, keeps what comes.
 *
 * It runs in the thread of wit_crawler_run and alone touches frontier, collector and judge. Pages
 * and images go to the reactor of their domain and come back through one mailbox. A commit is the
 * collector's, then the frontier's: a kill between the two asks for some pages again, and what they
 * say twice is a set at sealing.
 *
 * Images have no queue of their own on disk. Which of them are still to be asked for follows from
 * the candidates in the collector's log, the judge, and the outcomes in its index. A run that goes
 * on reads the log, slice by slice, and so does one that finds more images than may wait in memory.
 */
#include "blocked_log.h"
#include "crawl_limits.h"
#include "crawl_report.h"
#include "crawl_rights.h"
#include "crawl_status.h"
#include "image_pool.h"
#include "key_set.h"
#include "reactor.h"
#include "refusal_log.h"
#include "refusal_table.h"
#include "text/wit_text.h"
#include "url_traps.h"

#include <stdlib.h>

enum {
    TICK_MS = 50, /* longest sleep of the coordinator */
    PROGRESS_MS = 200,
    EXTRACTORS = 4,         /* and one for each reactor: pages read and not yet taken apart */
    DOMAIN_FLIGHTS = 4,     /* pages of a domain at the reactors for each request it may have */
    PAGES_OUT_MOST = 65536, /* at the reactors, so that slow domains leave room for others */
    LINKS_MOST = 10000,     /* followed of one page */
    LOG_SLICE = 5000,       /* candidates of the log judged between looking at what came back */
    DEPTH_MOST = 65535,     /* that the frontier can hold */
    FEED_SLICE = 1000,      /* items of the feed between looking at what came back */
    IMAGES_OUT_MOST = 20000 /* at the reactors: others wait in the log */
};

struct crawl {
    const struct wit_crawler_config *cfg;
    struct wit_shards_collector *collector;
    struct frontier *frontier;
    struct refusal_log refusals;
    struct reactor **reactors;
    struct crawl_limits *limits; /* shared by them */
    struct crawl_mailbox results;
    struct wit_queue *extractors;
    struct image_pool *image_pool; /* NULL: nothing is done with images */
    struct key_set images;         /* URLs at the reactors */
    /* The log as the queue of images: what stands before the position is on its way, has ended or
     * is not wanted. Behind it, if log_behind, are candidates that found no room. */
    uint64_t log_position;
    bool log_behind;
    unsigned slice; /* candidates of the log that may still be judged in this turn */
    bool feed_ended, feed_changed;
    uint32_t domain_pages_most;
    uint32_t round_depth; /* of the pages that are asked for, in rounds */
    size_t pages_out, images_out;
    struct key_set scope_domains; /* of the seeds, where there is no scope */
    struct wit_url url;
    struct wit_buf text; /* scratch */
    struct crawl_status status;
    bool paused;
    /* Of this run. */
    uint64_t run_pages, run_images, run_refused, fetched_bytes;
    struct refusal_table run_refusals;
    uint64_t committed_ms, progress_ms;
    bool changed;     /* since the last commit */
    unsigned ignored; /* enum wit_crawler_ignore: by this run and those before */
    bool goes_on;     /* after an earlier run */
};

struct wit_crawler_config wit_crawler_config_default(void) {
    return (struct wit_crawler_config){
        .user_agent = "witbot",
        .version = "0.1",
        .delay_ms = 1000,
        .concurrency = 1,
        .sitemaps = true,
        .ip_delay_ms = WIT_CRAWLER_IP_DELAY_DEFAULT,
        .reactors = 1,
        .max_in_flight = 256,
        .max_depth = 1000,
        .max_domain_pages = 1000000, /* twelve days of one domain at a request a second */
        .max_barren_pages = 1000,
        .max_page_bytes = (size_t)4 << 20,
        .max_image_bytes = (size_t)32 << 20,
        .max_held_bytes = (size_t)128 << 20,
        .deadline_ms = 30000,
        .retries = 2,
        .retry_ms = 2000,
        .max_rests = 6,
        .max_wait_ms = 300000,
        .commit_ms = 2000,
        .images = wit_image_reencode_config_default(),
    };
}

/* ---- settings ------------------------------------------------------------------------------- */

static bool is_product_token(const char *s) {
    if (!s || !*s)
        return false;
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '-' || *s == '_'))
            return false;
    return true;
}

/* What goes into a header line. */
static bool is_header_text(const char *s) {
    for (; s && *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F)
            return false;
    return true;
}

static int config_check(const struct wit_crawler_config *cfg, struct wit_error *err) {
    if (!cfg->dir || !*cfg->dir)
        return wit_error_set(err, WIT_EINVAL, "a crawl needs a directory");
    if (!is_product_token(cfg->user_agent))
        return wit_error_set(err, WIT_EINVAL,
                             "user agent '%s' is not a product token: letters, '-' and '_' only",
                             cfg->user_agent ? cfg->user_agent : "");
    if (!is_header_text(cfg->contact) || !is_header_text(cfg->version))
        return wit_error_set(err, WIT_EINVAL, "contact and version go into a header line");
    if (cfg->reactors == 0 || cfg->concurrency == 0)
        return wit_error_set(err, WIT_EINVAL, "reactors and concurrency must be at least 1");
    if (cfg->max_in_flight < cfg->reactors)
        return wit_error_set(err, WIT_EINVAL, "%u reactors can't share %u requests at one time",
                             cfg->reactors, cfg->max_in_flight);
    for (size_t i = 0; i < cfg->host_count; i++)
        if (cfg->hosts[i].concurrency == 0)
            return wit_error_set(err, WIT_EINVAL, "host '%s': concurrency must be at least 1",
                                 cfg->hosts[i].name);
    for (size_t i = 0; i < cfg->obey_agent_count; i++)
        if (!cfg->obey_agents[i] || !*cfg->obey_agents[i])
            return wit_error_set(err, WIT_EINVAL, "an agent to obey has no name");
    for (size_t i = 0; i < cfg->scope_count; i++)
        if (wit_str_find_byte(cfg->scope[i], '/', WIT_STR("https://").len) < 0)
            return wit_error_set(err, WIT_EINVAL,
                                 "scope '%.*s' must reach to a '/' behind the host",
                                 WIT_STR_FMT(cfg->scope[i]));
    if (cfg->max_image_bytes > WIT_SHARDS_MAX_IMAGE_BYTES)
        return wit_error_set(err, WIT_EINVAL, "an image has at most %zu bytes, not %zu",
                             WIT_SHARDS_MAX_IMAGE_BYTES, cfg->max_image_bytes);
    return wit_image_reencode_config_check(&cfg->images, err);
}

/* ---- scope ---------------------------------------------------------------------------------- */

/* The registrable domain of c->url as the set of them holds it. */
static struct wit_hash128 domain_key(const struct crawl *c) {
    struct wit_str domain = wit_domain_registrable(wit_url_host(&c->url));
    return wit_hash128_of(domain.data, domain.len);
}

/* May the page in c->url be asked for? */
static bool is_in_scope(const struct crawl *c) {
    struct wit_str href = wit_url_href(&c->url);
    for (size_t i = 0; i < c->cfg->scope_count; i++)
        if (wit_str_starts_with(href, c->cfg->scope[i]))
            return true;
    return c->cfg->scope_count == 0 && key_set_has(&c->scope_domains, domain_key(c));
}

/* ---- tasks out ------------------------------------------------------------------------------ */

/* To the reactor of the domain that the address belongs to; what is no address comes back at once.
 */
static void task_send(struct crawl *c, struct crawl_task *t) {
    *(t->subject == WIT_CRAWLER_PAGE ? &c->pages_out : &c->images_out) += 1;
    int st = wit_url_parse(&c->url, crawl_task_address(t), NULL, NULL);
    if (st < 0) {
        t->outcome = CRAWL_REFUSED;
        t->reason = st == WIT_ENOMEM ? "no_memory" : "bad_url";
        crawl_mailbox_push(&c->results, t);
        return;
    }
    struct wit_str domain = wit_domain_registrable(wit_url_host(&c->url));
    uint64_t hash = wit_hash64_of(domain.data, domain.len, 0);
    reactor_push(c->reactors[hash % c->cfg->reactors], t);
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the crawl");
}

static int image_want(struct crawl *c, const struct wit_shards_candidate *cand,
                      struct wit_error *err) {
    struct wit_str url = cand->url;
    if (wit_shards_collector_find(c->collector, url) != 0)
        return 0;
    if (c->images_out >= IMAGES_OUT_MOST) {
        c->log_behind = true; /* its candidate is in the log, or will be: see log_read */
        return 0;
    }
    int added = key_set_add(&c->images, wit_hash128_of(url.data, url.len));
    if (added <= 0)
        return added < 0 ? no_memory(err) : 0;
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_IMAGE, url);
    int st = t ? wit_buf_append_str(&t->digest, cand->digest) : WIT_ENOMEM;
    if (st < 0) {
        crawl_task_destroy(t);
        return wit_error_set(err, st, "no room for an image's task");
    }
    task_send(c, t);
    return 0;
}

static int candidate_judge(struct crawl *c, const struct wit_shards_candidate *cand,
                           struct wit_error *err) {
    bool want = true;
    int st = c->cfg->judge ? c->cfg->judge(c->cfg->user, cand, &want, err) : 0;
    return st < 0 || !want ? st : image_want(c, cand, err);
}

static int on_logged(void *user, const struct wit_shards_candidate *cand, struct wit_error *err) {
    struct crawl *c = user;
    int st = candidate_judge(c, cand, err);
    return st < 0 ? st : --c->slice == 0 || c->images_out >= IMAGES_OUT_MOST;
}

static int commit(struct crawl *c, struct wit_error *err);

/* 0: the end of what is committed was reached. */
static int log_slice(struct crawl *c, struct wit_error *err) {
    c->slice = LOG_SLICE;
    return wit_shards_candidates_from(c->cfg->dir, &c->log_position, on_logged, c, err);
}

static bool log_may_be_read(const struct crawl *c) {
    return c->log_behind && c->images_out <= IMAGES_OUT_MOST / 2;
}

/* Judge a slice of the log where images of it have had no room. At its end nothing is left behind,
 * once what was added since the last commit has been read too. */
static int log_read(struct crawl *c, struct wit_error *err) {
    int st = log_slice(c, err);
    if (st == 0 && c->changed) {
        st = commit(c, err);
        if (st >= 0)
            st = log_slice(c, err);
    }
    if (st == 0)
        c->log_behind = false;
    return st < 0 ? st : 0;
}

/* Pages that may still be asked for, over all runs. */
static uint64_t pages_budget(const struct crawl *c) {
    struct frontier_totals t = frontier_totals(c->frontier);
    uint64_t asked = t.taken + t.read + t.refused;
    if (c->cfg->max_pages == 0)
        return UINT64_MAX;
    return asked < c->cfg->max_pages ? c->cfg->max_pages - asked : 0;
}

/* When nothing of a round is on its way any more, the next begins. 0: there is none. */
static int round_begin(struct crawl *c, struct wit_error *err) {
    struct frontier_limits limits;
    int st = frontier_round(c->frontier, pages_budget(c), &limits, err);
    if (st <= 0 || limits.depth_most > c->cfg->max_depth)
        return st < 0 ? st : 0;
    frontier_limit(c->frontier, &limits);
    c->round_depth = limits.depth_most;
    return 1;
}

/* A domain's share of the pages at the reactors: enough for the quickest that the settings allow.
 */
static uint32_t domain_pages_most(const struct wit_crawler_config *cfg) {
    uint32_t most = cfg->concurrency;
    for (size_t i = 0; i < cfg->host_count; i++)
        if (cfg->hosts[i].concurrency > most)
            most = cfg->hosts[i].concurrency;
    return DOMAIN_FLIGHTS * most;
}

/* Pages that may start now; 0 when there is none. */
static int pages_start(struct crawl *c, struct wit_error *err) {
    struct frontier_taken page;
    int st = 0, started = 0;
    while (c->pages_out < PAGES_OUT_MOST && pages_budget(c) &&
           (st = frontier_take(c->frontier, c->domain_pages_most, &page, err)) > 0) {
        struct crawl_task *t = crawl_task_create(WIT_CRAWLER_PAGE, page.url);
        if (!t)
            return no_memory(err);
        memcpy(t->id, page.id, sizeof t->id);
        t->depth = page.depth;
        t->hops = page.hops;
        t->sitemap_only = page.sitemap_only;
        task_send(c, t);
        started = 1;
    }
    return st < 0 ? st : started;
}

static int pages_send(struct crawl *c, struct wit_error *err) {
    if (c->cfg->seed_count == 0) /* links of pages that still wait would have no scope */
        return 0;
    int st = pages_start(c, err);
    while (st == 0 && c->cfg->rounds && c->pages_out == 0 && (st = round_begin(c, err)) > 0)
        st = pages_start(c, err);
    return st < 0 ? st : 0;
}

/* ---- pages in ------------------------------------------------------------------------------- */

/* The page in c->url into the frontier if it is new, in scope or good as a sitemap, and
 * leads into no trap. */
static int page_add(struct crawl *c, uint32_t depth, uint32_t hops, bool sitemap,
                    struct wit_error *err) {
    bool in_scope = is_in_scope(c);
    if (depth > DEPTH_MOST || !(in_scope || sitemap))
        return 0;
    const char *trap = url_trap(&c->url);
    if (trap)
        return frontier_count(c->frontier, WIT_CRAWLER_LINK, trap, 1, err);
    const struct frontier_page page = {
        .url = wit_url_href(&c->url),
        .domain = wit_domain_registrable(wit_url_host(&c->url)),
        .depth = depth,
        .hops = hops,
        .sitemap_only = !in_scope,
    };
    int st = frontier_add(c->frontier, &page, err);
    return st == FRONTIER_FULL
               ? frontier_count(c->frontier, WIT_CRAWLER_LINK, "domain_full", 1, err)
           : st < 0 ? st
                    : 0;
}

/* By name in the log, by number for who looks. */
static int refusal_note(struct crawl *c, const struct crawl_task *t,
                        enum wit_crawler_subject subject, const char *reason,
                        struct wit_error *err) {
    const struct refusal_line line = { .subject = subject,
                                       .url = wit_buf_view(&t->url),
                                       .depth = t->depth,
                                       .reason = wit_str_from(reason) };
    c->run_refused += subject != WIT_CRAWLER_DOMAIN;
    if (refusal_table_add(&c->run_refusals, line.subject, line.reason, 1) < 0)
        return no_memory(err);
    return refusal_log_add(&c->refusals, &line, err);
}

/* Has the page a pair that no page had before? One such pair is noted, so a page costs one entry
 * at most, and a finite set of pairs runs out. */
static int is_novel(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    int st = 0;
    for (size_t i = 0; i < t->page.pair_count && st == 0; i++) {
        const struct wit_crawler_pair *pair = &t->page.pairs[i];
        const struct wit_hash128 hash =
            wit_hash128_add(wit_hash128_of(pair->url.data, pair->url.len),
                            wit_hash128_of(pair->text.data, pair->text.len));
        st = frontier_pair_add(c->frontier, hash, err);
    }
    return st;
}

static int page_judge(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    if (c->cfg->max_barren_pages == 0 || t->document == WIT_CRAWLER_SITEMAP)
        return 0;
    int novel = is_novel(c, t, err);
    int st = novel < 0 ? novel : frontier_yield(c->frontier, t->id, novel, err);
    return st == 1 ? refusal_note(c, t, WIT_CRAWLER_DOMAIN, FRONTIER_NOT_NOVEL, err) : st;
}

/* Of the page: what its origin's files say, its headers, and the document itself. */
static unsigned page_directives(const struct crawl *c, const struct crawl_task *t) {
    return wit_crawler_directives_combine(t->directives,
                                          crawl_rights_of_page(t->page.directives, c->cfg->ignore));
}

/* Into c->url: 1; 0: it is no URL. */
static int url_read(struct crawl *c, struct wit_str url, const struct wit_url *base,
                    struct wit_error *err) {
    int st = wit_url_parse(&c->url, url, base, NULL);
    return st == WIT_ENOMEM ? no_memory(err) : st >= 0;
}

/* What a robots.txt names, relative to its origin. */
static int sitemap_add(struct crawl *c, struct wit_str line, const struct wit_url *origin,
                       struct wit_error *err) {
    line = wit_str_trim(line); /* an empty one would be the origin itself */
    int st = line.len ? url_read(c, line, origin, err) : 0;
    if (st <= 0 || !wit_url_is_http(&c->url))
        return st < 0 ? st : 0;
    wit_url_remove_fragment(&c->url);
    return page_add(c, c->cfg->rounds ? c->round_depth + 1 : 0, 0, true, err);
}

/* May pages of the origin in c->url be asked for, some at least? */
static bool origin_is_in_scope(const struct crawl *c) {
    for (size_t i = 0; i < c->cfg->scope_count; i++)
        if (wit_str_starts_with(c->cfg->scope[i], wit_url_href(&c->url)))
            return true;
    return is_in_scope(c);
}

/* A robots.txt speaks for its origin: where that has no page for us, its sitemaps have none. */
static int sitemaps_add(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
    struct wit_str lines = wit_buf_view(&t->location);
    struct wit_url origin = WIT_URL_INIT;
    int st = url_read(c, wit_buf_view(&t->url), NULL, err);
    if (st > 0)
        st = origin_is_in_scope(c);
    if (st > 0)
        st = wit_url_copy(&origin, &c->url) < 0 ? no_memory(err) : 1;
    for (size_t at = 0; st > 0 && at < lines.len;) {
        ptrdiff_t end = wit_str_find_byte(lines, '\n', at);
        size_t to = end < 0 ? lines.len : (size_t)end;
        int added = sitemap_add(c, wit_str_slice(lines, at, to), &origin, err);
        st = added < 0 ? added : st;
        at = to + 1;
    }
    wit_url_finish(&origin);
    crawl_task_destroy(t);
    return st < 0 ? st : 0;
}

/* A sitemap speaks of pages, and those may lie where pages may not: 1: it is none of ours. */
static int pair_is_outside(struct crawl *c, const struct wit_crawler_pair *pair,
                           struct wit_error *err) {
    int st = pair->page.len ? url_read(c, pair->page, NULL, err) : 0;
    return st <= 0 ? st : !is_in_scope(c);
}

static int pairs_keep(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    const char *refused = wit_crawler_directives_refuse(page_directives(c, t));
    if (refused && t->page.pair_count)
        return frontier_count(c->frontier, WIT_CRAWLER_CANDIDATE, refused, t->page.pair_count, err);
    int st = 0;
    for (size_t i = 0; i < t->page.pair_count && st >= 0; i++) {
        const struct wit_crawler_pair *pair = &t->page.pairs[i];
        const struct wit_shards_candidate cand = {
            .url = pair->url,
            .text = pair->text,
            .source = pair->source,
            .page = pair->page.len ? pair->page : wit_buf_view(&t->url),
        };
        st = pair_is_outside(c, pair, err);
        if (st != 0)
            continue;
        st = wit_shards_collector_add_candidate(c->collector, &cand, err);
        if (st >= 0)
            st = candidate_judge(c, &cand, err);
    }
    return st < 0 ? st : 0;
}

/* Links lose their session id: with it, each visit would make the whole site new. Redirects keep
 * it: a server that wants one sends there whoever comes without.
 * The links of an index of sitemaps are sitemaps, if they are of its own domain (sitemaps.org). */
static int links_follow(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    size_t most = t->document == WIT_CRAWLER_SITEMAP ? WIT_CRAWLER_SITEMAP_MAX_URLS : LINKS_MOST;
    int st = url_read(c, crawl_task_address(t), NULL, err);
    if (st < 0 || page_directives(c, t) & WIT_CRAWLER_NOFOLLOW)
        return st < 0 ? st : 0;
    struct wit_hash128 own = domain_key(c);
    for (size_t i = 0; i < t->page.link_count && i < most && st >= 0; i++) {
        const struct wit_crawler_link *link = &t->page.links[i];
        st = link->nofollow ? 0 : url_read(c, link->url, NULL, err);
        if (st > 0 && url_session_remove(&c->url, &c->text) == WIT_ENOMEM)
            st = no_memory(err);
        if (st > 0)
            st = page_add(c, t->depth + 1, 0,
                          t->page.is_index && wit_hash128_eq(domain_key(c), own), err);
    }
    return st < 0 ? st : 0;
}

static int redirect_follow(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    int st = url_read(c, wit_buf_view(&t->location), NULL, err);
    return st > 0 ? page_add(c, t->depth + c->cfg->rounds, t->hops, t->sitemap_only, err) : st;
}

/* Our own want of memory is nothing that a page or an image can be refused for: a page stays taken
 * and an image's candidate in the log, so the next run asks again. */
static bool is_ours(const struct crawl_task *t) {
    return t->outcome == CRAWL_REFUSED && strcmp(t->reason, "no_memory") == 0;
}

static int page_done(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
    int st = 0;
    const char *reason = t->reason;
    c->pages_out--;
    if (t->outcome == CRAWL_REDIRECTED) { /* its target is a page like any other */
        reason = FRONTIER_REDIRECTED;
        st = redirect_follow(c, t, err);
    } else if (t->outcome == CRAWL_ARRIVED) {
        reason = NULL;
        c->run_pages++;
        st = pairs_keep(c, t, err);
        if (st >= 0)
            st = page_judge(c, t, err);
        if (st >= 0)
            st = links_follow(c, t, err);
        if (st >= 0 && t->document == WIT_CRAWLER_SITEMAP)
            frontier_count_sitemap(c->frontier);
    }
    if (st >= 0 && !is_ours(t))
        st = frontier_done(c->frontier, t->id, wit_buf_view(&t->url), reason, err);
    if (st >= 0 && reason && !is_ours(t))
        st = refusal_note(c, t, t->subject, reason, err);
    if (t->extractor)
        wit_crawler_extractor_trim(t->extractor);
    if (t->extractor && wit_queue_try_push(c->extractors, t->extractor) == 0) {
        t->extractor = NULL;
        for (unsigned i = 0; i < c->cfg->reactors; i++)
            reactor_wake(c->reactors[i]);
    }
    crawl_task_destroy(t);
    return st;
}

/* ---- images in ------------------------------------------------------------------------------ */

/* A blocked image is not named in refused.jsonl, so that no later run asks for it again. */
static int image_refused(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    struct wit_str url = wit_buf_view(&t->url), reason = wit_str_from(t->reason);
    const bool blocked = wit_str_eq(reason, WIT_STR(CRAWL_BLOCKED_HASH));
    int st = wit_shards_collector_add_refusal(c->collector, url, reason, err);
    if (st >= 0 && blocked)
        st = blocked_log_add(c->cfg->dir, c->cfg->blocklist, &t->blocked, url, err);
    if (st < 0 || !blocked)
        return st < 0 ? st : refusal_note(c, t, t->subject, t->reason, err);
    c->run_refused++;
    return refusal_table_add(&c->run_refusals, t->subject, reason, 1) < 0 ? no_memory(err) : 0;
}

static int image_done(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
    struct wit_str url = wit_buf_view(&t->url);
    int st = 0;
    c->images_out--;
    if (t->outcome == CRAWL_REDIRECTED) {
        task_send(c, t);
        return 0;
    }
    if (t->outcome == CRAWL_ARRIVED) {
        const struct wit_shards_fetched image = {
            .url = url,
            .final_url = crawl_task_address(t),
            .bytes = wit_buf_view(&t->body),
            .info = t->info,
            .changed = t->changed,
            .fetched_key = t->fetched_key,
            .fetched_width = t->fetched_width,
            .fetched_height = t->fetched_height,
            .fetched_at_s = t->fetched_at_s,
            .headers = wit_buf_view(&t->headers),
            .rights = wit_buf_view(&t->rights),
        };
        c->run_images++;
        st = wit_shards_collector_add_image(c->collector, &image, err);
    } else if (!is_ours(t)) {
        st = image_refused(c, t, err);
    }
    key_set_remove(&c->images, wit_hash128_of(url.data, url.len));
    crawl_task_destroy(t);
    return st;
}

/* ---- the feed ------------------------------------------------------------------------------- */

static int feed_item_refuse(struct crawl *c, const struct wit_crawler_feed_item *item,
                            const char *reason, struct wit_error *err) {
    const struct refusal_line line = { .subject = WIT_CRAWLER_ROW,
                                       .url = item->where,
                                       .reason = wit_str_from(reason) };
    int st = frontier_count(c->frontier, line.subject, reason, 1, err);
    if (st >= 0 && refusal_table_add(&c->run_refusals, line.subject, line.reason, 1) < 0)
        st = no_memory(err);
    return st < 0 || item->where.len == 0 ? st : refusal_log_add(&c->refusals, &line, err);
}

static int feed_item_take(struct crawl *c, const struct wit_crawler_feed_item *item,
                          struct wit_error *err) {
    if (item->reason)
        return feed_item_refuse(c, item, item->reason, err);
    int st = wit_shards_collector_add_candidate(c->collector, &item->candidate, err);
    if (st == WIT_EINVAL || st == WIT_ELIMIT)
        return feed_item_refuse(c, item, "row_too_long", err);
    return st < 0 ? st : candidate_judge(c, &item->candidate, err);
}

/* Is there room for what the next item may want? */
static bool feed_may_give(const struct crawl *c) {
    return c->cfg->feed && !c->feed_ended && !c->log_behind && c->images_out < IMAGES_OUT_MOST;
}

static int feed_pull(struct crawl *c, struct wit_error *err) {
    int st = 0;
    for (unsigned n = 0; n < FEED_SLICE && st >= 0 && feed_may_give(c); n++) {
        struct wit_crawler_feed_item item = { .reason = NULL };
        st = c->cfg->feed->next(c->cfg->feed->user, &item, err);
        if (st > 0)
            st = feed_item_take(c, &item, err);
        else
            c->feed_ended = true;
        c->changed = true;
    }
    return st;
}

static int feed_begin(struct crawl *c, struct wit_error *err) {
    const struct wit_crawler_feed *feed = c->cfg->feed;
    struct wit_crawler_feed_position at;
    if (!feed)
        return 0;
    int st = frontier_feed_begin(c->frontier, feed->identity, &at, &c->feed_changed, err);
    return st > 0 ? feed->seek(feed->user, &at, err) : st;
}

static struct wit_crawler_feed_position feed_tell(const struct crawl *c) {
    struct wit_crawler_feed_position at = { .rows = 0 };
    if (c->cfg->feed)
        c->cfg->feed->tell(c->cfg->feed->user, &at);
    return at;
}

/* ---- the run -------------------------------------------------------------------------------- */

static int task_done(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
    c->changed = true;
    c->fetched_bytes += t->wire_bytes;
    t->wire_bytes = 0;
    if (t->outcome == CRAWL_SITEMAPS)
        return sitemaps_add(c, t, err);
    return t->subject == WIT_CRAWLER_PAGE ? page_done(c, t, err) : image_done(c, t, err);
}

static void progress_fill(struct crawl *c, struct wit_crawler_progress *out) {
    struct frontier_totals f = frontier_totals(c->frontier);
    struct wit_shards_collected s = wit_shards_collector_totals(c->collector);
    refusal_table_sort_by_count(&c->run_refusals);
    *out = (struct wit_crawler_progress){
        .rows = feed_tell(c).rows,
        .pages = f.read,
        .images = s.images,
        .pages_refused = f.refused,
        .images_refused = s.refusals,
        .candidates = s.candidates,
        .image_bytes = s.image_bytes,
        .queued_pages = f.waiting,
        .in_flight = c->pages_out + c->images_out,
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
    struct wit_crawler_feed_position at = feed_tell(c);
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

static int commit(struct crawl *c, struct wit_error *err) {
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

/* Start what may start. */
static int tasks_send(struct crawl *c, struct wit_error *err) {
    int st = log_may_be_read(c) ? log_read(c, err) : 0;
    if (st >= 0)
        st = pages_send(c, err);
    return st < 0 ? st : feed_pull(c, err);
}

static bool is_done(const struct crawl *c) {
    return c->pages_out + c->images_out == 0 && !c->log_behind && !feed_may_give(c) && !c->paused;
}

static int commit_if_due(struct crawl *c, struct wit_error *err) {
    bool due = c->changed && wit_clock_ms() - c->committed_ms >= c->cfg->commit_ms;
    return due ? commit(c, err) : 0;
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
        bool more = !c->paused && (log_may_be_read(c) || feed_may_give(c));
        struct crawl_list back = crawl_mailbox_take(&c->results, more ? 0 : TICK_MS);
        st = results_take(c, &back, err);
        if (st >= 0)
            st = commit_if_due(c, err);
        progress_tell(c);
    }
    return st;
}

/* Into c->url. */
static int seed_parse(struct crawl *c, struct wit_str seed, struct wit_error *err) {
    int st = wit_url_parse(&c->url, seed, NULL, err);
    if (st == WIT_ENOMEM)
        return st;
    if (st < 0 || !wit_url_is_http(&c->url))
        return wit_error_set(err, WIT_EINVAL, "seed '%.*s' is not an http or https URL",
                             WIT_STR_FMT(seed));
    return wit_url_remove_fragment(&c->url);
}

/* Where pages may lie, and a hash of it that no order changes. */
static int scope_begin(struct crawl *c, struct wit_hash128 *hash, struct wit_error *err) {
    int st = 0;
    *hash = (struct wit_hash128){ 0, 0 };
    for (size_t i = 0; i < c->cfg->scope_count; i++)
        *hash = wit_hash128_add(*hash, wit_hash128_of(c->cfg->scope[i].data, c->cfg->scope[i].len));
    for (size_t i = 0; i < c->cfg->seed_count && st >= 0 && c->cfg->scope_count == 0; i++) {
        st = seed_parse(c, c->cfg->seeds[i], err);
        int added = st < 0 ? 0 : key_set_add(&c->scope_domains, domain_key(c));
        if (added < 0)
            st = no_memory(err);
        else if (added)
            *hash = wit_hash128_add(*hash, domain_key(c));
    }
    return st;
}

static int frontier_begin(struct crawl *c, struct wit_error *err) {
    struct frontier_context context = {
        .collection = wit_shards_collector_id(c->collector),
        .rounds = c->cfg->rounds,
        .keeps_scope = c->cfg->seed_count == 0,
        .domain_pages_most = c->cfg->max_domain_pages,
        .barren_most = c->cfg->max_barren_pages,
    };
    struct frontier_limits limits = FRONTIER_NO_LIMITS;
    int st = scope_begin(c, &context.scope, err);
    if (st >= 0)
        st = frontier_open(c->cfg->dir, &context, &c->frontier, err);
    if (st < 0)
        return st;
    if (c->cfg->rounds)
        limits.number_most = 0; /* nothing before the first round begins */
    limits.depth_most = c->cfg->max_depth;
    frontier_limit(c->frontier, &limits);
    const struct frontier_totals known = frontier_totals(c->frontier);
    c->goes_on = known.waiting + known.read + known.refused > 0;
    return 0;
}

static int seeds_add(struct crawl *c, struct wit_error *err) {
    int st = 0;
    for (size_t i = 0; i < c->cfg->seed_count && st >= 0; i++) {
        st = seed_parse(c, c->cfg->seeds[i], err);
        if (st < 0)
            break;
        const struct frontier_page page = {
            .url = wit_url_href(&c->url),
            .domain = wit_domain_registrable(wit_url_host(&c->url)),
        };
        st = frontier_add_again(c->frontier, &page, err);
    }
    return st < 0 ? st : 0;
}

/* ---- asking again --------------------------------------------------------------------------- */

static bool retry_wants(const char *wanted, struct wit_str reason) {
    char name[64];
    if (strcmp(wanted, "all") == 0)
        return true;
    if (strcmp(wanted, "may-heal") == 0) {
        snprintf(name, sizeof name, "%.*s", WIT_STR_FMT(reason));
        return wit_net_reason_heals(name) || strcmp(name, "robots_unreachable") == 0 ||
               strcmp(name, "host_gave_up") == 0;
    }
    for (const char *end; *wanted; wanted = *end ? end + 1 : end) {
        end = wanted + strcspn(wanted, ",");
        if (wit_str_eq(reason, wit_str_of(wanted, (size_t)(end - wanted))))
            return true;
    }
    return false;
}

/* A line of an earlier run: what has been read or stored since, or was asked for again already, is
 * no refusal any more and stays as it is. */
static int refused_again(void *user, const struct refusal_line *line, struct wit_error *err) {
    struct crawl *c = user;
    int st;
    if (!retry_wants(c->cfg->retry_failed, line->reason))
        return 0;
    if (line->subject == WIT_CRAWLER_IMAGE) {
        st = wit_shards_collector_forget_refusal(c->collector, line->url, err);
    } else {
        st = wit_url_parse(&c->url, line->url, NULL, NULL);
        if (st < 0)
            return st == WIT_ENOMEM ? no_memory(err) : 0;
        const struct frontier_page page = {
            .url = line->url,
            .domain = wit_domain_registrable(wit_url_host(&c->url)),
            .depth = line->depth,
            .sitemap_only = !is_in_scope(c),
        };
        st = frontier_add_again(c->frontier, &page, err);
    }
    return st < 0 ? st : 0;
}

static int refusals_again(struct crawl *c, struct wit_error *err) {
    return c->cfg->retry_failed ? refusal_log_each(&c->refusals, refused_again, c, err) : 0;
}

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
        return no_memory(err);
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
            return no_memory(err);
        wit_queue_push(c->extractors, x);
    }
    return c->extractors ? 0 : no_memory(err);
}

static int start(struct crawl *c, struct wit_error *err) {
    int st = extractors_make(c, err);
    c->domain_pages_most = domain_pages_most(c->cfg);
    c->log_behind = true; /* of earlier runs */
    if (st >= 0)
        st = crawl_mailbox_init(&c->results, err);
    if (st >= 0)
        st = wit_dir_make(c->cfg->dir, err);
    if (st >= 0)
        st = wit_shards_collector_open(c->cfg->dir, &c->collector, err);
    if (st >= 0)
        st = frontier_begin(c, err);
    if (st >= 0)
        st = crawl_rights_note(c->cfg->dir, c->cfg->ignore, &c->ignored, err);
    if (st >= 0)
        st = refusal_log_open(&c->refusals, c->cfg->dir, err);
    if (st >= 0)
        st = crawl_status_open(&c->status, c->cfg->dir, err);
    if (st >= 0)
        st = seeds_add(c, err);
    if (st >= 0)
        st = refusals_again(c, err);
    if (st >= 0 && image_pool_is_wanted(c->cfg))
        st = image_pool_create(c->cfg, &c->results, IMAGES_OUT_MOST, &c->image_pool, err);
    if (st >= 0)
        st = feed_begin(c, err);
    if (st >= 0)
        st = crawl_limits_create(c->cfg, &c->limits, err);
    if (st >= 0)
        st = reactors_start(c, err);
    return st < 0 ? st : commit(c, err);
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
    key_set_finish(&c->scope_domains);
    refusal_table_finish(&c->run_refusals);
    wit_url_finish(&c->url);
    wit_buf_finish(&c->text);
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
    report->rows = feed_tell(c).rows;
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
    int st = config_check(cfg, err);
    if (st < 0)
        return st;
    st = start(&c, err);
    if (st >= 0)
        st = work(&c, err);
    bool interrupted = st == WIT_ECANCELED || (st >= 0 && is_interrupted(&c));
    if (st >= 0 || interrupted) {
        struct wit_error late = WIT_ERROR_INIT;
        int kept = commit_as(&c, interrupted ? "interrupted" : "done", &late);
        if (kept >= 0)
            kept = crawl_report_fill(report, c.frontier, c.collector, &late);
        if (kept >= 0)
            report_complete(&c, report);
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
