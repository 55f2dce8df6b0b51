/* reactor_answers.c: what becomes of a page or an image that was asked for: handed back, asked for
 * again, taken apart, or over to the image threads. */
#include "crawl_rights.h"
#include "image_pool.h"
#include "page_type.h"
#include "reactor_state.h"

enum {
    ADDRESS_BUSY_WAIT_MS = 2000, /* until an address whose queue was full is asked again */
    READ_TURN_MS = 10,           /* pages are taken apart so long before the loop looks elsewhere */
    READ_PIECE_BYTES = 32768 /* between two looks at the clock; gzip makes a thousand times more */
};

/* ---- handing back --------------------------------------------------------------------------- */

void reactor_task_return(struct reactor *r, struct crawl_task *t, enum crawl_outcome outcome,
                         const char *reason) {
    t->outcome = outcome;
    t->reason = reason;
    crawl_mailbox_push(r->cfg.results, t);
}

void reactor_task_refuse(struct reactor *r, struct crawl_task *t, const char *reason) {
    reactor_task_return(r, t, CRAWL_REFUSED, reason);
}

void reactor_task_queue(struct reactor *r, struct crawl_task *t) {
    int st = polite_push(r->polite, t, wit_clock_ms());
    if (st < 0)
        reactor_task_refuse(r, t,
                            st == WIT_ENOMEM   ? "no_memory"
                            : st == WIT_ELIMIT ? "url_too_long"
                                               : "bad_url");
}

static void task_later(struct reactor *r, struct crawl_task *t, uint64_t wait_ms) {
    if (due_heap_put(&r->later, &t->due, wit_clock_ms() + wait_ms) < 0)
        reactor_task_refuse(r, t, "no_memory");
}

uint64_t reactor_retry_wait_ms(const struct reactor *r, unsigned tries) {
    return (uint64_t)r->cfg.crawl->retry_ms << 2 * (tries < 8 ? tries : 8);
}

/* ---- answers that are not what was asked for ------------------------------------------------ */

bool reactor_is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the answer to `from` leads, appended to out. */
int reactor_location_of(struct reactor *r, struct wit_str from,
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
uint64_t reactor_own_wait_ms(const char *reason) {
    return strcmp(reason, "no_memory") == 0      ? REACTOR_NO_MEMORY_WAIT_MS
           : strcmp(reason, "address_busy") == 0 ? ADDRESS_BUSY_WAIT_MS
                                                 : 0;
}

void reactor_task_failed(struct reactor *r, struct crawl_task *t, const char *reason,
                         uint64_t retry_after_ms) {
    const struct wit_crawler_config *cfg = r->cfg.crawl;
    t->failed_ms = wit_clock_ms();
    if (reactor_own_wait_ms(reason)) {
        task_later(r, t, reactor_own_wait_ms(reason));
    } else if (wit_net_reason_heals(reason) && t->tries < cfg->retries &&
               retry_after_ms <= cfg->max_wait_ms) {
        task_later(r, t, reactor_retry_wait_ms(r, t->tries++));
    } else {
        reactor_task_refuse(r, t, reason);
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
const char *reactor_on_image_headers(void *user, struct wit_str headers) {
    const struct crawl_task *t = user;
    return wit_crawler_directives_refuse(directives_of(t->reactor, t, headers));
}

void reactor_task_redirect(struct reactor *r, struct crawl_task *t,
                           const struct wit_net_response *response) {
    struct wit_buf location = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    /* What is said of the address that a page embeds is not lost on the way. */
    const char *refused =
        t->subject == WIT_CRAWLER_IMAGE
            ? wit_crawler_directives_refuse(directives_of(r, t, response->headers))
            : NULL;
    if (refused) {
        reactor_task_refuse(r, t, refused);
    } else if (t->hops >= REACTOR_HOPS_MOST) {
        reactor_task_refuse(r, t, "too_many_redirects");
    } else if (reactor_location_of(r, crawl_task_address(t), response, &location) < 0) {
        reactor_task_refuse(r, t, "bad_redirect");
    } else {
        wit_buf_finish(&t->location);
        t->location = location;
        t->hops++;
        reactor_task_return(r, t, CRAWL_REDIRECTED, NULL);
        return;
    }
    wit_buf_finish(&location);
}

/* ---- images --------------------------------------------------------------------------------- */

void reactor_image_arrived(struct reactor *r, struct crawl_task *t,
                           struct wit_net_response *response) {
    static const char *const kept[] = { "content-type", "etag", "last-modified" };
    const bool pooled = image_pool_has_work(r->cfg.images, t);
    const char *reason = wit_crawler_directives_refuse(directives_of(r, t, response->headers));
    if (!reason && !pooled)
        reason = image_walk_refuse(r->cfg.crawl, wit_buf_view(&response->body), &t->info);
    if (reason) {
        reactor_task_refuse(r, t, reason);
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
        reactor_task_return(r, t, CRAWL_ARRIVED, NULL);
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
size_t reactor_max_page_bytes(void *user, struct wit_str headers) {
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
        reactor_task_return(r, t, CRAWL_ARRIVED, NULL);
    else
        reactor_task_refuse(r, t,
                            status == WIT_ENOMEM                 ? "no_memory"
                            : t->document == WIT_CRAWLER_SITEMAP ? "not_a_sitemap"
                                                                 : "bad_page");
}

void reactor_unread_extract(struct reactor *r) {
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
bool reactor_is_extracting(const struct reactor *r) {
    return r->unread.first && r->unread.first->extractor;
}

void reactor_page_arrived(struct reactor *r, struct crawl_task *t,
                          struct wit_net_response *response) {
    struct wit_str charset;
    enum page_type type = type_of(t, response->headers, &charset);
    const char *reason = type_refuse(r, t, type);
    if (reason) {
        reactor_task_refuse(r, t, reason);
        return;
    }
    t->document = type == PAGE_TYPE_SITEMAP ? WIT_CRAWLER_SITEMAP : WIT_CRAWLER_HTML;
    t->directives = directives_of(r, t, response->headers);
    crawl_rights_keep(response->headers, &t->rights);
    if (wit_buf_append_str(&t->headers, charset) < 0) {
        reactor_task_refuse(r, t, "no_memory");
        return;
    }
    t->body = response->body; /* ours until it is read, in the pump's turns */
    response->body = (struct wit_buf)WIT_BUF_INIT(0);
    crawl_list_push(&r->unread, t);
}
