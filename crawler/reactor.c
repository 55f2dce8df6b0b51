/*
 * reactor.c: a loop that asks. All of it but what reactor.h names runs in the
 * reactor's thread.
 *
 * A task: inbox -> politeness -> client -> results
 *                      ^            |
 *                      +-- later <--+  (what may heal)
 */
#include "reactor.h"

#include "crawl_rights.h"
#include "image_pool.h"
#include "page_type.h"
#include "politeness.h"
#include "text/wit_text.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    HOPS_MOST = 5,               /* redirects in a row; RFC 9309, 2.3.1.2 asks for five */
    NO_MEMORY_WAIT_MS = 100,     /* until a body that had no room is asked for again */
    ADDRESS_BUSY_WAIT_MS = 2000, /* until an address whose queue was full is asked again */
    SITEMAPS_MOST = 1000,        /* that one robots.txt may name */
    READ_TURN_MS = 10,           /* pages are taken apart so long before the loop looks elsewhere */
    TURNS_MS = 10,               /* and so long requests are started, */
    REFUSALS_MS = 2,             /* or so long, where rules refuse: see path_pattern.h */
    READ_PIECE_BYTES = 32768 /* between two looks at the clock; gzip makes a thousand times more */
};

struct reactor {
    struct reactor_config cfg;
    struct wit_net *net;
    struct polite *polite;
    struct due_heap later;     /* tasks that wait for their next try */
    struct due_heap hops;      /* such files that are elsewhere, and wait for their turn */
    struct address_queue held; /* requests whose address is busy; not `active` */
    struct crawl_list unread;  /* pages that arrived; the first may be half taken apart */
    struct crawl_mailbox inbox;
    struct wit_url url, base; /* scratch */
    uint32_t active;          /* requests at the client */
    atomic_uint at_pool;      /* images at the pool; with `active` at most max_in_flight */
    atomic_bool stopping, paused;
    atomic_size_t hosts; /* for reactor_hosts */
    struct file_counts {
        atomic_size_t read, absent, unreachable;
    } robots, tdmrep; /* for reactor_files */
    pthread_t thread;
    bool running; /* the thread is there */
};

/* A request for robots.txt or tdmrep.json. */
struct robots_fetch {
    struct reactor *reactor;
    struct polite_origin *origin;
    bool tdmrep;
    unsigned hops;
    struct wit_buf url;
    struct due_item due;
    struct address_turn turn;
};

static void pump(struct reactor *r);
static void alarm_set(struct reactor *r);

/* ---- handing back --------------------------------------------------------------------------- */

static void task_return(struct reactor *r, struct crawl_task *t, enum crawl_outcome outcome,
                        const char *reason) {
    t->outcome = outcome;
    t->reason = reason;
    crawl_mailbox_push(r->cfg.results, t);
}

static void task_refuse(struct reactor *r, struct crawl_task *t, const char *reason) {
    task_return(r, t, CRAWL_REFUSED, reason);
}

static void task_queue(struct reactor *r, struct crawl_task *t) {
    int st = polite_push(r->polite, t, wit_clock_ms());
    if (st < 0)
        task_refuse(r, t,
                    st == WIT_ENOMEM   ? "no_memory"
                    : st == WIT_ELIMIT ? "url_too_long"
                                       : "bad_url");
}

static void task_later(struct reactor *r, struct crawl_task *t, uint64_t wait_ms) {
    if (due_heap_put(&r->later, &t->due, wit_clock_ms() + wait_ms) < 0)
        task_refuse(r, t, "no_memory");
}

static uint64_t retry_wait_ms(const struct reactor *r, unsigned tries) {
    return (uint64_t)r->cfg.crawl->retry_ms << 2 * (tries < 8 ? tries : 8);
}

/* ---- answers that are not what was asked for ------------------------------------------------ */

static bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the answer to `from` leads, appended to out. */
static int location_of(struct reactor *r, struct wit_str from,
                       const struct wit_net_response *response, struct wit_buf *out) {
    struct wit_str value;
    size_t at = 0;
    if (!wit_net_header_next(response->headers, WIT_STR("location"), &at, &value))
        return WIT_EFORMAT;
    int st = wit_url_parse(&r->base, from, NULL, NULL);
    if (st == 0)
        st = wit_url_parse(&r->url, value, &r->base, NULL);
    if (st == 0 && !wit_url_is_http(&r->url))
        st = WIT_EFORMAT;
    if (st == 0)
        st = wit_url_remove_fragment(&r->url);
    return st < 0 ? st : wit_buf_append_str(out, wit_url_href(&r->url));
}

/* How long to wait after what is no fault of the other side and no try; 0: it is one. */
static uint64_t own_wait_ms(const char *reason) {
    return strcmp(reason, "no_memory") == 0      ? NO_MEMORY_WAIT_MS
           : strcmp(reason, "address_busy") == 0 ? ADDRESS_BUSY_WAIT_MS
                                                 : 0;
}

static void task_failed(struct reactor *r, struct crawl_task *t, const char *reason,
                        uint64_t retry_after_ms) {
    const struct wit_crawler_config *cfg = r->cfg.crawl;
    t->failed_ms = wit_clock_ms();
    if (own_wait_ms(reason)) {
        task_later(r, t, own_wait_ms(reason));
    } else if (wit_net_reason_heals(reason) && t->tries < cfg->retries &&
               retry_after_ms <= cfg->max_wait_ms) {
        task_later(r, t, retry_wait_ms(r, t->tries++));
    } else {
        task_refuse(r, t, reason);
    }
}

/* ---- rights --------------------------------------------------------------------------------- */

/* What the files of its origin said of it, and now the headers. */
static unsigned directives_of(const struct reactor *r, const struct crawl_task *t,
                              struct wit_str headers) {
    const struct wit_crawler_config *cfg = r->cfg.crawl;
    return wit_crawler_directives_combine(t->directives,
                                          crawl_rights_of_headers(headers,
                                                                  wit_str_from(cfg->user_agent),
                                                                  cfg->ignore));
}

/* Before the first byte of an image: one that may not be used is not loaded. */
static const char *on_image_headers(void *user, struct wit_str headers) {
    const struct crawl_task *t = user;
    return wit_crawler_directives_refuse(directives_of(t->reactor, t, headers));
}

static void task_redirect(struct reactor *r, struct crawl_task *t,
                          const struct wit_net_response *response) {
    struct wit_buf location = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    /* What is said of the address that a page embeds is not lost on the way. */
    const char *refused =
        t->subject == WIT_CRAWLER_IMAGE
            ? wit_crawler_directives_refuse(directives_of(r, t, response->headers))
            : NULL;
    if (refused) {
        task_refuse(r, t, refused);
    } else if (t->hops >= HOPS_MOST) {
        task_refuse(r, t, "too_many_redirects");
    } else if (location_of(r, crawl_task_address(t), response, &location) < 0) {
        task_refuse(r, t, "bad_redirect");
    } else {
        wit_buf_finish(&t->location);
        t->location = location;
        t->hops++;
        task_return(r, t, CRAWL_REDIRECTED, NULL);
        return;
    }
    wit_buf_finish(&location);
}

/* ---- images --------------------------------------------------------------------------------- */

static void image_arrived(struct reactor *r, struct crawl_task *t,
                          struct wit_net_response *response) {
    static const char *const kept[] = { "content-type", "etag", "last-modified" };
    const bool pooled = image_pool_has_work(r->cfg.images, t);
    const char *reason = wit_crawler_directives_refuse(directives_of(r, t, response->headers));
    if (!reason && !pooled)
        reason = image_walk_refuse(r->cfg.crawl, wit_buf_view(&response->body), &t->info);
    if (reason) {
        task_refuse(r, t, reason);
        return;
    }
    for (size_t i = 0; i < WIT_COUNT_OF(kept); i++)
        crawl_headers_keep(response->headers, wit_str_from(kept[i]), &t->headers);
    crawl_rights_keep(response->headers, &t->rights);
    t->body = response->body; /* ours now, released when the task is destroyed */
    response->body = (struct wit_buf)WIT_BUF_INIT(0);
    t->held_bytes = t->body.len;
    t->reactor = r;
    t->fetched_at_s = wit_clock_wall_s();
    if (!pooled) {
        task_return(r, t, CRAWL_ARRIVED, NULL);
        return;
    }
    atomic_fetch_add(&r->at_pool, 1);
    image_pool_push(r->cfg.images, t);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static enum page_type type_of(const struct crawl_task *t, struct wit_str headers,
                              struct wit_str *charset) {
    struct wit_str address = crawl_task_address(t);
    return page_type_of(headers, wit_str_slice(address, t->target_at, t->target_at + t->target_len),
                        charset);
}

/* Sitemaps have a ceiling of their own. */
static size_t max_page_bytes(void *user, struct wit_str headers) {
    const struct crawl_task *t = user;
    const struct wit_crawler_config *cfg = t->reactor->cfg.crawl;
    return cfg->sitemaps && type_of(t, headers, NULL) == PAGE_TYPE_SITEMAP
               ? WIT_CRAWLER_SITEMAP_MAX_BYTES
               : cfg->max_page_bytes;
}

/* Why a page of this type is not read; NULL: it is. */
static const char *type_refuse(const struct reactor *r, const struct crawl_task *t,
                               enum page_type type) {
    if (type == PAGE_TYPE_SITEMAP && r->cfg.crawl->sitemaps)
        return NULL;
    if (t->sitemap_only)
        return "not_a_sitemap";
    return type == PAGE_TYPE_HTML ? NULL : "not_html";
}

/* Extractors are as many as there are: what a page holds can be large, and the coordinator may be
 * behind. A page that finds none waits with its body, which counts as held. */
static int extraction_begin(struct reactor *r, struct crawl_task *t) {
    void *extractor;
    const struct wit_crawler_page_source from = {
        .url = crawl_task_address(t),
        .charset = wit_buf_view(&t->headers),
        .agent = wit_str_from(r->cfg.crawl->user_agent),
        .document = t->document,
    };
    if (wit_queue_try_pop(r->cfg.extractors, &extractor) < 0)
        return WIT_EAGAIN;
    t->extractor = extractor;
    return wit_crawler_extractor_begin(t->extractor, &from, NULL);
}

/* WIT_EAGAIN: another turn, or another time, will go on. */
static int page_extract(struct reactor *r, struct crawl_task *t, uint64_t until_ms) {
    int st = t->extractor ? 0 : extraction_begin(r, t);
    while (st == 0 && t->read_at < t->body.len) {
        if (wit_clock_ms() >= until_ms)
            return WIT_EAGAIN;
        size_t left = t->body.len - t->read_at;
        size_t piece = left < READ_PIECE_BYTES ? left : READ_PIECE_BYTES;
        st = wit_crawler_extractor_feed(t->extractor, wit_str_of(t->body.data + t->read_at, piece),
                                        NULL);
        t->read_at += piece;
    }
    return st < 0 ? st : wit_crawler_extractor_end(t->extractor, &t->page, NULL);
}

static void page_extracted(struct reactor *r, struct crawl_task *t, int status) {
    wit_net_body_release(r->net, t->body.len);
    wit_buf_finish(&t->body);
    if (status == 0)
        task_return(r, t, CRAWL_ARRIVED, NULL);
    else
        task_refuse(r, t,
                    status == WIT_ENOMEM                 ? "no_memory"
                    : t->document == WIT_CRAWLER_SITEMAP ? "not_a_sitemap"
                                                         : "bad_page");
}

static void unread_extract(struct reactor *r) {
    uint64_t until_ms = wit_clock_ms() + READ_TURN_MS;
    for (struct crawl_task *t; (t = crawl_list_pop(&r->unread));) {
        int st = page_extract(r, t, until_ms);
        if (st == WIT_EAGAIN) {
            crawl_list_push_front(&r->unread, t);
            return;
        }
        page_extracted(r, t, st);
    }
}

/* Is a page half taken apart? Others wait for an extractor, and reactor_wake tells of those. */
static bool is_extracting(const struct reactor *r) {
    return r->unread.first && r->unread.first->extractor;
}

static void page_arrived(struct reactor *r, struct crawl_task *t,
                         struct wit_net_response *response) {
    struct wit_str charset;
    enum page_type type = type_of(t, response->headers, &charset);
    const char *reason = type_refuse(r, t, type);
    if (reason) {
        task_refuse(r, t, reason);
        return;
    }
    t->document = type == PAGE_TYPE_SITEMAP ? WIT_CRAWLER_SITEMAP : WIT_CRAWLER_HTML;
    t->directives = directives_of(r, t, response->headers);
    crawl_rights_keep(response->headers, &t->rights);
    if (wit_buf_append_str(&t->headers, charset) < 0) {
        task_refuse(r, t, "no_memory");
        return;
    }
    t->body = response->body; /* ours until it is read, in the pump's turns */
    response->body = (struct wit_buf)WIT_BUF_INIT(0);
    crawl_list_push(&r->unread, t);
}

/* ---- requests ------------------------------------------------------------------------------- */

static bool is_overload(int status) {
    return status == 429 || status == 503;
}

/* Milliseconds by Retry-After, 0 without one. */
static uint64_t retry_after_of(const struct wit_net_response *response) {
    uint32_t seconds;
    if (!wit_net_retry_after(response->headers, wit_clock_wall_s(), &seconds))
        return 0;
    return (uint64_t)seconds * 1000;
}

/* What the answer says of the server's mood. */
static enum pace_answer pace_of(const struct wit_net_response *response) {
    static const char *const failed[] = {
        "connect_refused", "connect_timeout", "connect_failed", "timeout",
        "too_slow",        "truncated",       "reset"
    };
    if (is_overload(response->status))
        return PACE_OVERLOADED;
    if (response->status == 403)
        return PACE_FORBIDDEN;
    if (response->status >= 500)
        return PACE_FAILED;
    for (size_t i = 0; i < WIT_COUNT_OF(failed) && response->reason; i++)
        if (strcmp(response->reason, failed[i]) == 0)
            return PACE_FAILED;
    return response->status ? PACE_FINE : PACE_SILENT;
}

/* One that found its address busy has not been sent, so it was no start. */
static void limits_settle(struct reactor *r, const struct wit_net_response *response) {
    crawl_limits_received(r->cfg.limits, response->wire_bytes, wit_clock_ms());
    if (response->reason && strcmp(response->reason, "address_busy") == 0)
        crawl_limits_unstart(r->cfg.limits);
}

/* A request is over: one that still waited for its address was none. */
static void request_over(struct reactor *r, struct address_turn *turn,
                         const struct wit_net_response *response) {
    r->active -= !address_queue_holds(turn);
    address_queue_leave(&r->held, turn);
    address_queue_heard(&r->held, turn, response->heard_ms);
}

static void on_response(void *user, struct wit_net_response *response) {
    struct crawl_task *t = user;
    struct reactor *r = t->reactor;
    t->reactor = NULL; /* no body of the client's in it */
    request_over(r, &t->turn, response);
    if (atomic_load(&r->stopping)) { /* its page or image is asked for again by the next run */
        t->origin = NULL;
        crawl_task_destroy(t);
        return;
    }
    polite_leaves(r->polite, t->origin, response->sent_ms);
    polite_heard(r->polite, t->origin, t, response->heard_ms);
    uint64_t retry_after_ms = is_overload(response->status) ? retry_after_of(response) : 0;
    if (response->status)
        polite_took(r->polite, t->origin, response->elapsed_ms);
    limits_settle(r, response);
    polite_done(r->polite, t, pace_of(response), retry_after_ms, wit_clock_ms());
    t->wire_bytes += response->wire_bytes;
    if (is_redirect(response->status))
        task_redirect(r, t, response);
    else if (response->reason)
        task_failed(r, t, response->reason, retry_after_ms);
    else if (t->subject == WIT_CRAWLER_PAGE)
        page_arrived(r, t, response);
    else
        image_arrived(r, t, response);
    pump(r);
}

/* A domain that may be asked for more than one at a time may be due by it; what is due now is asked
 * for by the alarm, since we are inside the client. */
static void answer_begins(struct reactor *r, struct polite_origin *o, struct crawl_task *t,
                          struct address_turn *turn) {
    uint64_t due_ms = polite_due_ms(r->polite), heard_ms = wit_clock_ms() + 1;
    address_queue_heard(&r->held, turn, heard_ms);
    polite_heard(r->polite, o, t, heard_ms);
    if (polite_due_ms(r->polite) < due_ms && !atomic_load(&r->stopping))
        alarm_set(r);
}

static void on_task_answer(void *user) {
    struct crawl_task *t = user;
    answer_begins(t->reactor, t->origin, t, &t->turn);
}

/* The address is known: its turn there, and the delay of the domain counts from it. */
static enum wit_net_turn address_turn_take(struct reactor *r, struct polite_origin *o,
                                           struct address_turn *turn,
                                           const struct wit_net_address *address,
                                           struct wit_net_transfer *transfer) {
    uint64_t leaves_ms = 0;
    address_queue_heard(&r->held, turn, 0); /* the address before did not answer */
    enum wit_net_turn st =
        address_queue_enter(&r->held, turn, address, transfer, wit_clock_ms(), &leaves_ms);
    if (st != WIT_NET_HOLD)
        return st;
    r->active--;
    polite_leaves(r->polite, o, leaves_ms);
    alarm_set(r);
    return st;
}

static enum wit_net_turn on_task_address(void *user, const struct wit_net_address *address,
                                         struct wit_net_transfer *transfer) {
    struct crawl_task *t = user;
    return address_turn_take(t->reactor, t->origin, &t->turn, address, transfer);
}

static void task_fetch(struct reactor *r, struct crawl_task *t) {
    const struct wit_crawler_config *cfg = r->cfg.crawl;
    struct wit_net_request req = wit_net_request_default(crawl_task_address(t));
    bool page = t->subject == WIT_CRAWLER_PAGE;
    req.accept = !page           ? "image/jpeg,image/png,image/webp,image/gif"
                 : cfg->sitemaps ? "text/html,application/xhtml+xml;q=0.9,application/xml;q=0.8,"
                                   "text/xml;q=0.8,application/rss+xml;q=0.8,"
                                   "application/atom+xml;q=0.8,application/gzip;q=0.5,"
                                   "text/plain;q=0.5"
                                 : "text/html,application/xhtml+xml;q=0.9";
    req.compressed = page;
    req.cut = page;
    req.max_body_bytes = page ? cfg->max_page_bytes : cfg->max_image_bytes;
    req.max_body_by = page ? max_page_bytes : NULL;
    req.on_headers = page ? NULL : on_image_headers;
    req.on_address = polite_origin_is_own(t->origin) ? NULL : on_task_address;
    req.on_answer = on_task_answer;
    req.deadline_ms = cfg->deadline_ms;
    req.names_since_ms = t->failed_ms;
    t->reactor = r;
    t->turn = (struct address_turn){ .started_ms = 0 };
    r->active++;
    int st = wit_net_fetch(r->net, &req, on_response, t, NULL);
    if (st < 0) {
        r->active--;
        t->reactor = NULL;
        polite_done(r->polite, t, PACE_FINE, 0, wit_clock_ms());
        task_refuse(r, t, st == WIT_ENOMEM ? "no_memory" : "bad_url");
    }
}

/* ---- robots.txt and tdmrep.json ------------------------------------------------------------- */

static void robots_fetch_destroy(struct robots_fetch *f) {
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
        task_return(r, t, CRAWL_SITEMAPS, NULL);
}

/* Wait and ask for the file once more? Done then. */
static bool file_retry(struct reactor *r, struct polite_origin *o, const char *reason,
                       const struct wit_net_response *response, uint64_t now_ms) {
    const struct wit_crawler_config *cfg = r->cfg.crawl;
    uint64_t asked_ms = is_overload(response->status) ? retry_after_of(response) : 0;
    if (own_wait_ms(reason))
        polite_robots_again(r->polite, o, own_wait_ms(reason), now_ms);
    else if (polite_origin_tries(o) < cfg->retries && asked_ms <= cfg->max_wait_ms)
        polite_robots_retry(r->polite, o, retry_wait_ms(r, polite_origin_tries(o)), now_ms);
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
    return address_turn_take(f->reactor, f->origin, &f->turn, address, transfer);
}

static void on_robots_answer(void *user) {
    struct robots_fetch *f = user;
    answer_begins(f->reactor, f->origin, NULL, &f->turn);
}

static int robots_ask(struct robots_fetch *f) {
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
    if (!is_redirect(response->status) || f->hops >= HOPS_MOST)
        return false;
    int st = location_of(r, wit_buf_view(&f->url), response, &location);
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
    request_over(r, &f->turn, response);
    if (atomic_load(&r->stopping)) {
        robots_fetch_destroy(f);
        return;
    }
    polite_leaves(r->polite, f->origin, response->sent_ms);
    polite_heard(r->polite, f->origin, NULL, response->heard_ms);
    if (response->status)
        polite_took(r->polite, f->origin, response->elapsed_ms);
    limits_settle(r, response);
    if (!robots_follow(f, response, &reason)) {
        polite_robots_answered(r->polite, f->origin, pace_of(response),
                               is_overload(response->status) ? retry_after_of(response) : 0,
                               wit_clock_ms());
        (f->tdmrep ? tdmrep_decide : robots_decide)(r, f->origin, reason, response);
        robots_fetch_destroy(f);
    }
    pump(r);
}

static void robots_start(struct reactor *r, struct polite_origin *o, bool tdmrep) {
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
        robots_ask(f) == 0)
        return;
    robots_fetch_destroy(f);
    polite_robots_again(r->polite, o, NO_MEMORY_WAIT_MS, wit_clock_ms());
}

/* ---- the loop ------------------------------------------------------------------------------- */

static struct crawl_task *task_of(struct due_item *item) {
    return (struct crawl_task *)((char *)item - offsetof(struct crawl_task, due));
}

static struct robots_fetch *hop_of(struct due_item *item) {
    return (struct robots_fetch *)((char *)item - offsetof(struct robots_fetch, due));
}

/* Images that the pool has not looked at count as requests: else bodies would pile up when it is
 * slower than the network. */
static bool has_room(const struct reactor *r) {
    return r->active + atomic_load(&r->at_pool) < r->cfg.max_in_flight;
}

/* For a request that is not at its address yet. */
static bool may_ask(const struct reactor *r) {
    return has_room(r) && r->held.waiting.count < ADDRESS_QUEUE_MOST;
}

/* Those whose address may be asked, before any others: they have waited. */
static void held_go(struct reactor *r, uint64_t now_ms) {
    for (struct wit_net_transfer *transfer;
         has_room(r) && (transfer = address_queue_next(&r->held, now_ms));) {
        r->active++;
        wit_net_go(transfer);
    }
}

/* When the first of them is due. */
static uint64_t hops_due_ms(const struct reactor *r) {
    const struct due_item *item = due_heap_first(&r->hops);
    return item ? item->at_ms : UINT64_MAX;
}

/* Requests like any other, as far as the limits of all of them go. */
static void hops_ask(struct reactor *r, uint64_t now_ms) {
    while (hops_due_ms(r) <= now_ms && may_ask(r) && crawl_limits_start(r->cfg.limits, now_ms)) {
        struct due_item *item = due_heap_first(&r->hops);
        struct robots_fetch *f = hop_of(item);
        due_heap_remove(&r->hops, item);
        if (robots_ask(f) == 0)
            continue;
        polite_robots_again(r->polite, f->origin, NO_MEMORY_WAIT_MS, now_ms);
        robots_fetch_destroy(f);
    }
}

/* What waited long enough queues again. */
static void later_queue(struct reactor *r, uint64_t now_ms) {
    for (struct due_item *item; (item = due_heap_first(&r->later)) && item->at_ms <= now_ms;) {
        due_heap_remove(&r->later, item);
        task_queue(r, task_of(item));
    }
}

/* Whoever is due, as long as there is room and the limits of all reactors allow. Refusals take no
 * turn of their domain, so a host may have thousands in a row, and hostile rules make each cost a
 * millisecond: the others' answers are looked at in between. */
static void turns_take(struct reactor *r, uint64_t now_ms) {
    struct polite_turn turn;
    const uint64_t begin_ms = wit_clock_ms();
    uint64_t until_ms = begin_ms + TURNS_MS;
    while (may_ask(r) && polite_due_ms(r->polite) <= now_ms && wit_clock_ms() < until_ms &&
           crawl_limits_start(r->cfg.limits, now_ms)) {
        enum polite_step step = polite_next(r->polite, now_ms, &turn);
        if (step == POLITE_NOTHING || step == POLITE_REFUSED)
            crawl_limits_unstart(r->cfg.limits);
        if (step == POLITE_REFUSED)
            until_ms = begin_ms + REFUSALS_MS;
        if (step == POLITE_FETCH)
            task_fetch(r, turn.task);
        else if (step == POLITE_ROBOTS || step == POLITE_TDMREP)
            robots_start(r, turn.origin, step == POLITE_TDMREP);
        else if (step == POLITE_REFUSED)
            task_refuse(r, turn.task, turn.reason);
    }
}

/* When held_go, hops_ask or turns_take may find something to do. */
static uint64_t asking_due_ms(const struct reactor *r) {
    uint64_t due_ms = polite_due_ms(r->polite), limits_ms = crawl_limits_due_ms(r->cfg.limits);
    uint64_t held_ms = has_room(r) ? address_queue_due_ms(&r->held) : UINT64_MAX;
    if (!may_ask(r))
        return held_ms;
    if (hops_due_ms(r) < due_ms)
        due_ms = hops_due_ms(r);
    if (limits_ms > due_ms)
        due_ms = limits_ms;
    return held_ms < due_ms ? held_ms : due_ms;
}

/* To when pump may find something to do. A reactor that pauses is woken by reactor_pause. */
static void alarm_set(struct reactor *r) {
    const struct due_item *retry = due_heap_first(&r->later);
    uint64_t alarm_ms = asking_due_ms(r);
    if (retry && retry->at_ms < alarm_ms)
        alarm_ms = retry->at_ms;
    if (atomic_load(&r->paused))
        alarm_ms = UINT64_MAX;
    if (is_extracting(r))
        alarm_ms = 0; /* after a look at the sockets */
    wit_net_alarm(r->net, alarm_ms);
}

/* Start what may start, and set the alarm to when more may. */
static void pump(struct reactor *r) {
    uint64_t now_ms = wit_clock_ms();
    if (atomic_load(&r->stopping))
        return;
    unread_extract(r);
    if (!atomic_load(&r->paused)) {
        held_go(r, now_ms);
        hops_ask(r, now_ms);
        later_queue(r, now_ms);
        turns_take(r, now_ms);
    }
    alarm_set(r);
    atomic_store_explicit(&r->hosts, polite_totals(r->polite).busy, memory_order_relaxed);
}

static void on_wake(void *user) {
    struct reactor *r = user;
    struct crawl_list arrived = crawl_mailbox_take(&r->inbox, 0);
    for (struct crawl_task *t; (t = crawl_list_pop(&arrived));) {
        if (atomic_load(&r->stopping))
            crawl_task_destroy(t);
        else
            task_queue(r, t);
    }
    pump(r);
}

static void on_alarm(void *user) {
    pump(user);
}

static void *reactor_main(void *user) {
    struct reactor *r = user;
    wit_net_run(r->net);
    return NULL;
}

/* ---- from outside --------------------------------------------------------------------------- */

static int client_create(struct reactor *r, struct wit_error *err) {
    const struct wit_crawler_config *crawl = r->cfg.crawl;
    struct wit_net_config cfg = wit_net_config_default();
    struct wit_buf agent = WIT_BUF_INIT(4096);
    int st = wit_buf_printf(&agent, "%s/%s", crawl->user_agent, crawl->version);
    if (st >= 0 && crawl->contact)
        st = wit_buf_printf(&agent, " (+%s)", crawl->contact);
    if (st >= 0)
        st = wit_buf_terminate(&agent);
    if (st < 0) {
        wit_error_set(err, st, "user agent and contact are too long");
    } else {
        cfg.user_agent = agent.data;
        cfg.allow = crawl->allow_net;
        cfg.allow_count = crawl->allow_net_count;
        cfg.dns_servers = crawl->dns_servers;
        cfg.max_held_bytes = r->cfg.max_held_bytes;
        cfg.on_wake = on_wake;
        cfg.on_alarm = on_alarm;
        cfg.user = r;
        st = wit_net_create(&cfg, &r->net, err);
    }
    wit_buf_finish(&agent);
    return st < 0 ? st : 0;
}

int reactor_create(const struct reactor_config *cfg, struct reactor **out, struct wit_error *err) {
    struct reactor *r = calloc(1, sizeof *r);
    if (!r)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a reactor");
    r->cfg = *cfg;
    r->url = r->base = (struct wit_url)WIT_URL_INIT;
    r->held.limits = cfg->limits;
    int st = crawl_mailbox_init(&r->inbox, err);
    if (st >= 0)
        st = polite_create(cfg->crawl, &r->polite, err);
    if (st >= 0 && cfg->goes_on)
        polite_go_on(r->polite, wit_clock_ms());
    if (st >= 0)
        st = client_create(r, err);
    if (st >= 0) {
        int rc = pthread_create(&r->thread, NULL, reactor_main, r);
        r->running = rc == 0;
        st = rc ? wit_error_errno(err, rc, "cannot start the thread of a reactor") : 0;
    }
    if (st < 0)
        reactor_destroy(r);
    else
        *out = r;
    return st;
}

void reactor_push(struct reactor *r, struct crawl_task *t) {
    crawl_mailbox_push(&r->inbox, t);
    wit_net_wake(r->net);
}

void reactor_wake(struct reactor *r) {
    wit_net_wake(r->net);
}

void reactor_pause(struct reactor *r, bool paused) {
    atomic_store(&r->paused, paused);
    wit_net_wake(r->net);
}

static void files_add(const struct file_counts *counts, struct wit_crawler_files *out) {
    out->read += atomic_load(&counts->read);
    out->absent += atomic_load(&counts->absent);
    out->unreachable += atomic_load(&counts->unreachable);
}

void reactor_files(const struct reactor *r, struct wit_crawler_files *robots,
                   struct wit_crawler_files *tdmrep) {
    files_add(&r->robots, robots);
    files_add(&r->tdmrep, tdmrep);
}

size_t reactor_hosts(const struct reactor *r) {
    return atomic_load_explicit(&r->hosts, memory_order_relaxed);
}

void reactor_work_done(struct reactor *r) {
    atomic_fetch_sub(&r->at_pool, 1);
    wit_net_wake(r->net);
}

void reactor_body_release(struct reactor *r, size_t bytes) {
    wit_net_body_release(r->net, bytes);
}

void reactor_stop(struct reactor *r) {
    atomic_store(&r->stopping, true);
    if (!r->running)
        return;
    wit_net_stop(r->net);
    pthread_join(r->thread, NULL);
    r->running = false;
}

void reactor_lateness(const struct reactor *r, struct lateness *sum) {
    lateness_add(sum, polite_lateness(r->polite));
}

void reactor_destroy(struct reactor *r) {
    if (!r)
        return;
    reactor_stop(r);
    wit_net_destroy(r->net); /* ends what is on its way: on_response, on_robots */
    for (struct due_item *item; (item = due_heap_first(&r->later));) {
        due_heap_remove(&r->later, item);
        crawl_task_destroy(task_of(item));
    }
    for (struct due_item *item; (item = due_heap_first(&r->hops));) {
        due_heap_remove(&r->hops, item);
        robots_fetch_destroy(hop_of(item));
    }
    for (struct crawl_task *t; (t = crawl_list_pop(&r->unread));)
        crawl_task_destroy(t);
    due_heap_finish(&r->later);
    due_heap_finish(&r->hops);
    address_queue_finish(&r->held);
    polite_destroy(r->polite);
    crawl_mailbox_finish(&r->inbox);
    wit_url_finish(&r->url);
    wit_url_finish(&r->base);
    free(r);
}
