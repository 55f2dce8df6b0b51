/* reactor_files.c: the files of an origin that come before anything else of it: robots.txt and
 * tdmrep.json. */
#include "reactor_state.h"

#include <stdlib.h>

enum { SITEMAPS_MOST = 1000 }; /* that one robots.txt may name */

/* ---- robots.txt and tdmrep.json ------------------------------------------------------------- */

void reactor_file_destroy(struct robots_fetch *f) {
    if (f)
        wit_buf_finish(&f->url);
    free(f);
}

/* An answer that says that there are no rules: 4xx (RFC 9309, 2.3.1.3), another 2xx, or a redirect
 * that leads nowhere. Anything else, a broken answer too, says nothing, and nothing is no
 * permission. */
static bool is_no_rules(const char *reason, int status) {
    return wit_str_starts_with(wit_str_from(reason), WIT_STR("http_")) && status >= 200 &&
           status < 500 && !wit_net_reason_heals(reason);
}

/* The coordinator decides which of them are asked for. What finds no memory is left out: they come
 * again when the rules are read anew. */
static void sitemaps_tell(struct reactor *r, const struct polite_origin *o,
                          const struct wit_crawler_robots *robots) {
    size_t count = wit_crawler_robots_sitemap_count(robots);
    if (count == 0 || !r->cfg.crawl->sitemaps)
        return;
    struct crawl_task *t = crawl_task_create(WIT_CRAWLER_PAGE, polite_origin_name(o));
    for (size_t i = 0; t && i < count && i < SITEMAPS_MOST; i++)
        wit_buf_printf(&t->location, "%.*s\n", WIT_STR_FMT(wit_crawler_robots_sitemap(robots, i)));
    if (t)
        reactor_task_return(r, t, CRAWL_SITEMAPS, NULL);
}

/* Wait and ask for the file once more? Done then. */
static bool file_retry(struct reactor *r, struct polite_origin *o, const char *reason,
                       const struct wit_net_response *response, uint64_t now_ms) {
    const struct wit_crawler_config *cfg = r->cfg.crawl;
    uint64_t asked_ms =
        reactor_is_overload(response->status) ? reactor_retry_after_of(response) : 0;
    if (reactor_own_wait_ms(reason))
        polite_robots_again(r->polite, o, reactor_own_wait_ms(reason), now_ms);
    else if (polite_origin_tries(o) < cfg->retries && asked_ms <= cfg->max_wait_ms)
        polite_robots_retry(r->polite, o, reactor_retry_wait_ms(r, polite_origin_tries(o)), now_ms);
    else
        return false;
    return true;
}

static void robots_decide(struct reactor *r, struct polite_origin *o, const char *reason,
                          const struct wit_net_response *response) {
    uint64_t now_ms = wit_clock_ms();
    struct wit_crawler_robots *robots = NULL;
    if (!reason &&
        wit_crawler_robots_parse(response->body.data, response->body.len, &robots, NULL) < 0)
        reason = "no_memory";
    bool absent = reason && is_no_rules(reason, response->status);
    if (reason && !absent && (wit_net_reason_heals(reason) || response->status) &&
        file_retry(r, o, reason, response, now_ms))
        return;
    atomic_fetch_add(!reason  ? &r->robots.read
                     : absent ? &r->robots.absent
                              : &r->robots.unreachable,
                     1);
    if (!reason)
        sitemaps_tell(r, o, robots); /* before a page that waits for the rules can be done */
    if (!reason || absent)
        polite_robots_allow(r->polite, o, robots, now_ms);
    else if (!response->status) /* the host itself is the trouble, and its name says more */
        polite_robots_deny(r->polite, o, reason, now_ms);
    else if (r->cfg.crawl->ignore & WIT_CRAWLER_IGNORE_ROBOTS)
        polite_robots_allow(r->polite, o, NULL, now_ms);
    else
        polite_robots_deny(r->polite, o, "robots_unreachable", now_ms);
}

/* Servers answer this path with anything, most of all with a page that says that it is not there:
 * what is no array of rules says nothing. */
static void tdmrep_decide(struct reactor *r, struct polite_origin *o, const char *reason,
                          const struct wit_net_response *response) {
    uint64_t now_ms = wit_clock_ms();
    struct wit_crawler_tdmrep *tdmrep = NULL;
    if (!reason && wit_crawler_tdmrep_parse(response->body.data, response->body.len, &tdmrep,
                                            NULL) == WIT_ENOMEM)
        reason = "no_memory";
    if (reason && wit_net_reason_heals(reason) && file_retry(r, o, reason, response, now_ms))
        return;
    bool answered = !reason || is_no_rules(reason, response->status);
    atomic_fetch_add(tdmrep     ? &r->tdmrep.read
                     : answered ? &r->tdmrep.absent
                                : &r->tdmrep.unreachable,
                     1);
    polite_tdmrep(r->polite, o, tdmrep, answered, now_ms);
}

static void on_robots(void *user, struct wit_net_response *response);

static enum wit_net_turn on_robots_address(void *user, const struct wit_net_address *address,
                                           struct wit_net_transfer *transfer) {
    struct robots_fetch *f = user;
    return reactor_address_take(f->reactor, f->origin, &f->turn, address, transfer);
}

static void on_robots_answer(void *user) {
    struct robots_fetch *f = user;
    reactor_answer_begins(f->reactor, f->origin, NULL, &f->turn);
}

int reactor_file_ask(struct robots_fetch *f) {
    struct reactor *r = f->reactor;
    struct wit_net_request req = wit_net_request_default(wit_buf_view(&f->url));
    req.accept = f->tdmrep ? "application/json,*/*;q=0.5" : "text/plain,*/*;q=0.5";
    req.compressed = true;
    req.cut = !f->tdmrep; /* half a JSON text is none */
    req.max_body_bytes = f->tdmrep ? WIT_CRAWLER_TDMREP_MAX_BYTES : WIT_CRAWLER_ROBOTS_MAX_BYTES;
    req.deadline_ms = r->cfg.crawl->deadline_ms;
    req.names_since_ms = polite_origin_tries(f->origin) ? wit_clock_ms() : 0;
    req.on_address = polite_origin_is_own(f->origin) ? NULL : on_robots_address;
    req.on_answer = on_robots_answer;
    f->turn = (struct address_turn){ .started_ms = 0 };
    r->active++;
    int st = wit_net_fetch(r->net, &req, on_robots, f, NULL);
    r->active -= st < 0;
    return st;
}

/* Asks for it again where the answer leads, when its domain's delay is over. False with the reason
 * that stands instead. */
static bool robots_follow(struct robots_fetch *f, const struct wit_net_response *response,
                          const char **reason) {
    struct reactor *r = f->reactor;
    struct wit_buf location = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    if (!reactor_is_redirect(response->status) || f->hops >= REACTOR_HOPS_MOST)
        return false;
    int st = reactor_location_of(r, wit_buf_view(&f->url), response, &location);
    if (st >= 0) {
        wit_buf_finish(&f->url);
        f->url = location;
        f->hops++;
        st = due_heap_put(&r->hops, &f->due,
                          polite_robots_hop(r->polite, f->origin, wit_clock_ms()));
    } else {
        wit_buf_finish(&location);
    }
    if (st == WIT_ENOMEM)
        *reason = "no_memory";
    return st >= 0;
}

static void on_robots(void *user, struct wit_net_response *response) {
    struct robots_fetch *f = user;
    struct reactor *r = f->reactor;
    const char *reason = response->reason;
    reactor_request_over(r, &f->turn, response);
    if (atomic_load(&r->stopping)) {
        reactor_file_destroy(f);
        return;
    }
    polite_leaves(r->polite, f->origin, response->sent_ms);
    polite_heard(r->polite, f->origin, NULL, response->heard_ms);
    if (response->status)
        polite_took(r->polite, f->origin, response->elapsed_ms);
    reactor_limits_settle(r, response);
    if (!robots_follow(f, response, &reason)) {
        polite_robots_answered(r->polite, f->origin, reactor_pace_of(response),
                               reactor_is_overload(response->status)
                                   ? reactor_retry_after_of(response)
                                   : 0,
                               wit_clock_ms());
        (f->tdmrep ? tdmrep_decide : robots_decide)(r, f->origin, reason, response);
        reactor_file_destroy(f);
    }
    reactor_pump(r);
}

void reactor_file_start(struct reactor *r, struct polite_origin *o, bool tdmrep) {
    struct robots_fetch *f = calloc(1, sizeof *f);
    struct wit_str name = polite_origin_name(o);
    if (f) {
        f->reactor = r;
        f->origin = o;
        f->tdmrep = tdmrep;
        f->url = (struct wit_buf)WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    }
    if (f &&
        wit_buf_printf(&f->url, "%.*s%s", WIT_STR_FMT(name),
                       tdmrep ? POLITE_TDMREP_PATH : "/robots.txt") >= 0 &&
        reactor_file_ask(f) == 0)
        return;
    reactor_file_destroy(f);
    polite_robots_again(r->polite, o, REACTOR_NO_MEMORY_WAIT_MS, wit_clock_ms());
}
