/*
 * crawl_pages.c: pages, from the frontier to the reactors and back: scope, limits, traps, what a
 * page leads to; seeds, and refusals that are asked for again.
 */
#include "crawl_rights.h"
#include "crawl_state.h"
#include "retry_reasons.h"
#include "url_traps.h"

enum {
    DOMAIN_FLIGHTS = 4,   /* pages of a domain at the reactors for each request it may have */
    ACTIVE_LEAST = 16384, /* domains */
    ACTIVE_MOST = 1 << 20,
    PAGES_OUT_MOST = 65536, /* at the reactors, so that slow domains leave room for others */
    LINKS_MOST = 10000,     /* followed of one page */
    DEPTH_MOST = 65535      /* that the frontier can hold */
};

/* ---- scope ----------------------------------------------------------------------------------- */

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

/* ---- out ------------------------------------------------------------------------------------- */

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
    if (c->rounds_over)
        return 0;
    int st = frontier_round(c->frontier, pages_budget(c), &limits, err);
    c->rounds_over = st <= 0 || limits.depth_most > c->cfg->max_depth;
    if (c->rounds_over)
        return st < 0 ? st : 0;
    st = frontier_limit(c->frontier, &limits, err);
    c->round_depth = limits.depth_most;
    return st < 0 ? st : 1;
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

/* Domains whose pages may be asked for: so many that those which are due fill the places in flight,
 * so few that their rules stay in memory until their next turn. */
static uint32_t active_domains_most(const struct wit_crawler_config *cfg) {
    uint64_t most = (uint64_t)DOMAIN_FLIGHTS * cfg->max_in_flight;
    return most > ACTIVE_MOST ? ACTIVE_MOST : most < ACTIVE_LEAST ? ACTIVE_LEAST : (uint32_t)most;
}

/* Pages that may start now; 0 when there is none. */
static int pages_start(struct crawl *c, struct wit_error *err) {
    struct frontier_taken page;
    int st = 0, started = 0;
    while (c->pages_out < PAGES_OUT_MOST && pages_budget(c) &&
           (st = frontier_take(c->frontier, c->domain_pages_most, &page, err)) > 0) {
        struct crawl_task *t = crawl_task_create(WIT_CRAWLER_PAGE, page.url);
        if (!t)
            return crawl_no_memory(err);
        memcpy(t->id, page.id, sizeof t->id);
        t->depth = page.depth;
        t->hops = page.hops;
        t->sitemap_only = page.sitemap_only;
        crawl_send(c, t);
        started = 1;
    }
    return st < 0 ? st : started;
}

int crawl_pages_send(struct crawl *c, struct wit_error *err) {
    if (c->cfg->seed_count == 0) /* links of pages that still wait would have no scope */
        return 0;
    int st = pages_start(c, err);
    while (st == 0 && c->cfg->rounds && c->pages_out == 0 && (st = round_begin(c, err)) > 0)
        st = pages_start(c, err);
    return st < 0 ? st : 0;
}

/* ---- in -------------------------------------------------------------------------------------- */

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
    c->rounds_over &= st != FRONTIER_WAITS;
    return st == FRONTIER_FULL
               ? frontier_count(c->frontier, WIT_CRAWLER_LINK, "domain_full", 1, err)
           : st < 0 ? st
                    : 0;
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
    if (st != 1)
        return st;
    struct refusal_line line = crawl_refusal_of(t, FRONTIER_NOT_NOVEL);
    line.subject = WIT_CRAWLER_DOMAIN;
    return crawl_refusal_note(c, &line, 1, err);
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
    return st == WIT_ENOMEM ? crawl_no_memory(err) : st >= 0;
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
int crawl_sitemaps_add(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
    struct wit_str lines = wit_buf_view(&t->location), line;
    struct wit_url origin = WIT_URL_INIT;
    int st = url_read(c, wit_buf_view(&t->url), NULL, err);
    if (st > 0)
        st = origin_is_in_scope(c);
    if (st > 0)
        st = wit_url_copy(&origin, &c->url) < 0 ? crawl_no_memory(err) : 1;
    for (size_t at = 0; st > 0 && wit_str_line_next(lines, &at, &line);) {
        int added = sitemap_add(c, line, &origin, err);
        st = added < 0 ? added : st;
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

/* A page's rights speak for all its candidates: one line names it. */
static int candidates_refuse(struct crawl *c, const struct crawl_task *t, const char *reason,
                             struct wit_error *err) {
    struct refusal_line line = crawl_refusal_of(t, reason);
    line.subject = WIT_CRAWLER_CANDIDATE;
    int st = frontier_count(c->frontier, line.subject, reason, t->page.pair_count, err);
    return st < 0 ? st : crawl_refusal_note(c, &line, t->page.pair_count, err);
}

static int pairs_keep(struct crawl *c, const struct crawl_task *t, struct wit_error *err) {
    const char *refused = wit_crawler_directives_refuse(page_directives(c, t));
    if (refused)
        return t->page.pair_count ? candidates_refuse(c, t, refused, err) : 0;
    int st = page_rights_begin(&c->rights, wit_buf_view(&t->rights), t->document, &t->page);
    if (st < 0)
        return crawl_no_memory(err);
    for (size_t i = 0; i < t->page.pair_count && st >= 0; i++) {
        const struct wit_crawler_pair *pair = &t->page.pairs[i];
        struct wit_shards_candidate cand = {
            .url = pair->url,
            .text = pair->text,
            .source = pair->source,
            .page = pair->page.len ? pair->page : wit_buf_view(&t->url),
        };
        st = pair_is_outside(c, pair, err);
        if (st != 0)
            continue;
        if (page_rights_of(&c->rights, pair, &cand.rights) < 0)
            return crawl_no_memory(err);
        st = wit_shards_collector_add_candidate(c->collector, &cand, err);
        if (st >= 0)
            st = crawl_candidate_judge(c, &cand, err);
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
            st = crawl_no_memory(err);
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

int crawl_page_done(struct crawl *c, struct crawl_task *t, struct wit_error *err) {
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
    if (st >= 0 && crawl_is_ours(t))
        st = frontier_leave(c->frontier, t->id, err);
    else if (st >= 0)
        st = frontier_done(c->frontier, t->id, wit_buf_view(&t->url), reason, err);
    if (st >= 0 && reason && !crawl_is_ours(t)) {
        const struct refusal_line line = crawl_refusal_of(t, reason);
        st = crawl_refusal_note(c, &line, 1, err);
    }
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

/* ---- where it begins ------------------------------------------------------------------------- */

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
            st = crawl_no_memory(err);
        else if (added)
            *hash = wit_hash128_add(*hash, domain_key(c));
    }
    return st;
}

int crawl_frontier_begin(struct crawl *c, struct wit_error *err) {
    struct frontier_context context = {
        .collection = wit_shards_collector_id(c->collector),
        .rounds = c->cfg->rounds,
        .keeps_scope = c->cfg->seed_count == 0,
        .domain_pages_most = c->cfg->max_domain_pages,
        .barren_most = c->cfg->max_barren_pages,
        .window = active_domains_most(c->cfg),
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
    st = frontier_limit(c->frontier, &limits, err);
    if (st < 0)
        return st;
    const struct frontier_totals known = frontier_totals(c->frontier);
    const struct wit_shards_collected had = wit_shards_collector_totals(c->collector);
    c->goes_on = known.waiting + known.read + known.refused + had.candidates > 0;
    c->domain_pages_most = domain_pages_most(c->cfg);
    return 0;
}

static int again_note(struct crawl *c, enum wit_crawler_subject subject, struct wit_str url,
                      uint32_t depth, struct wit_error *err) {
    const struct refusal_line line = {
        .subject = subject, .url = url, .depth = depth, .reason = WIT_STR(REFUSAL_AGAIN)
    };
    return refusal_log_add(&c->refusals, &line, err);
}

/* A page that may have been refused: then the log says that it is no more. */
static int page_again(struct crawl *c, const struct frontier_page *page, struct wit_error *err) {
    uint64_t refused = frontier_totals(c->frontier).refused;
    int st = frontier_add_again(c->frontier, page, err);
    if (st >= 0 && frontier_totals(c->frontier).refused < refused)
        st = again_note(c, WIT_CRAWLER_PAGE, page->url, page->depth, err);
    return st;
}

int crawl_seeds_add(struct crawl *c, struct wit_error *err) {
    int st = 0;
    for (size_t i = 0; i < c->cfg->seed_count && st >= 0; i++) {
        st = seed_parse(c, c->cfg->seeds[i], err);
        if (st < 0)
            break;
        const struct frontier_page page = {
            .url = wit_url_href(&c->url),
            .domain = wit_domain_registrable(wit_url_host(&c->url)),
        };
        st = page_again(c, &page, err);
    }
    return st < 0 ? st : 0;
}

/* ---- asking again ---------------------------------------------------------------------------- */

/* A line of an earlier run: what has been read or stored since, or was asked for again already, is
 * no refusal any more and stays as it is. */
static int refused_again(void *user, const struct refusal_line *line, struct wit_error *err) {
    struct crawl *c = user;
    int st;
    if ((line->subject != WIT_CRAWLER_IMAGE && line->subject != WIT_CRAWLER_PAGE) ||
        !retry_reasons_want(c->cfg->retry_failed, line->reason))
        return 0;
    if (line->subject == WIT_CRAWLER_IMAGE) {
        st = wit_shards_collector_forget_refusal(c->collector, line->url, err);
        if (st > 0)
            st = again_note(c, line->subject, line->url, 0, err);
    } else {
        st = wit_url_parse(&c->url, line->url, NULL, NULL);
        if (st < 0)
            return st == WIT_ENOMEM ? crawl_no_memory(err) : 0;
        const struct frontier_page page = {
            .url = line->url,
            .domain = wit_domain_registrable(wit_url_host(&c->url)),
            .depth = line->depth,
            .sitemap_only = !is_in_scope(c),
        };
        st = page_again(c, &page, err);
    }
    return st < 0 ? st : 0;
}

int crawl_refusals_again(struct crawl *c, struct wit_error *err) {
    return c->cfg->retry_failed ? refusal_log_each(&c->refusals, refused_again, c, err) : 0;
}
