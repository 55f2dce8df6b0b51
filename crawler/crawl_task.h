/*
 * crawl_task.h: one page or image on its way from the coordinator through a reactor and back. It
 * has one owner at a time: the coordinator, a mailbox, or a reactor (its politeness or its client).
 */
#ifndef CRAWLER_CRAWL_TASK_H
#define CRAWLER_CRAWL_TASK_H

#include "address_queue.h"
#include "due_heap.h"
#include "frontier.h"
#include "wit_crawler.h"

struct polite_origin;
struct reactor;

enum crawl_outcome {
    CRAWL_REFUSED,    /* `reason` says why */
    CRAWL_REDIRECTED, /* to `location` */
    CRAWL_ARRIVED,    /* a page in `extractor` and `page`, or an image in `body` and `info` */
    CRAWL_SITEMAPS /* nobody's task: the robots.txt of the origin `url` names those in `location`,
                    * one a line */
};

/* A list names the image's digest: nothing of it is kept or written. */
#define CRAWL_BLOCKED_HASH "blocked_hash"

struct crawl_task {
    struct crawl_task *next; /* in its owner's list */
    enum wit_crawler_subject subject;
    uint8_t id[FRONTIER_ID_BYTES]; /* of a page, for the frontier */
    uint32_t depth, hops, tries;
    uint64_t failed_ms;      /* its last try did, by wit_clock_ms; 0: it had none */
    bool sitemap_only;       /* of a page: outside the scope, so it may be nothing else */
    uint64_t domain;         /* where it is asked for now: see crawl_send */
    struct wit_buf url;      /* what was wanted; canonical */
    struct wit_buf digest;   /* "sha256:<hex>": what the image's bytes must hash to; or empty */
    struct wit_buf location; /* where redirects have led so far; empty: nowhere */

    /* While a reactor has it. */
    struct polite_origin *origin; /* whose rules apply; NULL outside its domain's queue and slots */
    size_t target_at, target_len; /* path and query in the address that is asked for */
    struct due_item due;          /* waiting for its next try */
    struct address_turn turn;     /* at the address */
    bool unheard;                 /* its request was begun: see polite_heard */
    struct reactor *reactor;

    /* What came of it. */
    enum crawl_outcome outcome;
    const char *reason;
    struct wit_buf body;
    size_t held_bytes; /* of an image's body, for the reactor's client: told when it is freed */
    struct wit_image_info info;
    uint8_t changed; /* as struct wit_shards_fetched has it, and the next two */
    struct wit_hash128 fetched_key;
    uint32_t fetched_width, fetched_height;
    struct wit_crawler_blocked blocked; /* with reason CRAWL_BLOCKED_HASH */
    struct wit_buf headers, rights; /* as struct wit_shards_fetched has them; of a page that waits
                                     * to be read, headers is the charset that they name */
    enum wit_crawler_document document; /* of a page that arrived */
    size_t read_at;                     /* what the extractor has of its body */
    struct wit_crawler_extractor *extractor;
    struct wit_crawler_page page; /* lives as long as the extractor's page */
    unsigned directives;          /* of robots.txt and tdmrep.json, and then of the headers too */
    int64_t fetched_at_s;
    uint64_t wire_bytes; /* over all tries */
};

/* A list of tasks, first in first out. Zero bytes: empty. */
struct crawl_list {
    struct crawl_task *first, *last;
    size_t count;
};

static inline void crawl_list_push(struct crawl_list *l, struct crawl_task *t) {
    t->next = NULL;
    *(l->last ? &l->last->next : &l->first) = t;
    l->last = t;
    l->count++;
}

static inline void crawl_list_push_front(struct crawl_list *l, struct crawl_task *t) {
    t->next = l->first;
    l->first = t;
    if (!l->last)
        l->last = t;
    l->count++;
}

static inline struct crawl_task *crawl_list_pop(struct crawl_list *l) {
    struct crawl_task *t = l->first;
    if (t) {
        l->first = t->next;
        if (!l->first)
            l->last = NULL;
        t->next = NULL;
        l->count--;
    }
    return t;
}

/* Everything of `from` before everything of `to`; `from` is empty then. */
static inline void crawl_list_prepend(struct crawl_list *to, struct crawl_list *from) {
    if (!from->first)
        return;
    from->last->next = to->first;
    to->first = from->first;
    if (!to->last)
        to->last = from->last;
    to->count += from->count;
    *from = (struct crawl_list){ .first = NULL };
}

/* NULL: out of memory. */
struct crawl_task *crawl_task_create(enum wit_crawler_subject subject, struct wit_str url);
void crawl_task_destroy(struct crawl_task *t); /* NULL is fine; gives a body back to its client */

/* The address to ask for. */
static inline struct wit_str crawl_task_address(const struct crawl_task *t) {
    return wit_buf_view(t->location.len ? &t->location : &t->url);
}

#endif
