/*
 * frontier.h: the pages a crawl knows: seen, waiting, taken, done. It is kept in DIR/crawl so that
 * a killed crawl goes on; what a page had in it is the collector's business.
 *
 * Pages wait by registrable domain, in each by depth and then in order of discovery, or in rounds
 * by the hash of their URL; domains take turns, more of them those whose pages have been giving
 * pairs that no page had before. As many domains as the window says are active at one time; the
 * pages of others, and what is more than a domain's share, are parked in files and come back when
 * there is room: so the order within a domain is that of what is not parked. A domain has a most of
 * pages, and one whose pages give nothing new stops: its pages wait for a run with a higher limit.
 * A page that was taken and not done at the last commit waits again after the next open. Belongs to
 * one thread. The collector's lock on DIR admits one process.
 */
#ifndef CRAWLER_FRONTIER_H
#define CRAWLER_FRONTIER_H

#include "wit_crawler.h"

enum { FRONTIER_ID_BYTES = 18 };

#define FRONTIER_REDIRECTED "redirected"      /* the reason of a page whose target took its place */
#define FRONTIER_NOT_NOVEL "domain_not_novel" /* of a domain: it stopped */

struct frontier_page {
    struct wit_str url;    /* canonical, no fragment */
    struct wit_str domain; /* registrable domain of its host */
    uint32_t depth;        /* links from a seed, up to 65,535 */
    uint32_t hops;         /* redirects that led here, up to 127 */
    bool sitemap_only;     /* outside the scope: it may be read as a sitemap, and as nothing else */
};

/* A page that was taken. */
struct frontier_taken {
    uint8_t id[FRONTIER_ID_BYTES]; /* for frontier_done */
    struct wit_str url;            /* lent until the next call */
    uint32_t depth, hops;
    bool sitemap_only;
};

enum frontier_added {
    FRONTIER_KNOWN, /* already, whatever came of it */
    FRONTIER_WAITS, /* it was new */
    FRONTIER_FULL   /* it is new, and its domain has as many pages as it may: not kept */
};

struct frontier_totals {
    uint64_t waiting, taken, read, refused;
    uint64_t sitemaps; /* of those that were read */
};

struct frontier;

/* What a frontier goes with, and the limits of a registrable domain. */
struct frontier_context {
    struct wit_hash128 collection; /* wit_shards_collector_id: another one's frontier is refused */
    struct wit_hash128 scope;      /* of the settings that say where pages may lie */
    bool rounds;      /* what a limit leaves out shall not depend on the order of discovery */
    bool keeps_scope; /* no page is asked for: the scope stays that of the last run */
    uint64_t domain_pages_most; /* known of a domain, whatever came of them; 0: no limit */
    /* Pages of a domain in a row without a new pair, then it stops; 0: it never does. */
    uint32_t barren_most;
    uint32_t window;       /* domains that are active at one time; 0: 16,384 */
    uint32_t share;        /* pages of a domain among those that may be taken; 0: 4,096 */
    uint64_t journal_most; /* parked pages before they become a file; 0: 262,144 */
};

/* Open or create DIR/crawl. WIT_EINVAL (the frontier belongs to another collection), WIT_ECORRUPT
 * (not a frontier of ours), WIT_EIO, WIT_ENOSPC, WIT_ENOMEM. */
int frontier_open(const char *dir, const struct frontier_context *context, struct frontier **out,
                  struct wit_error *err);
/* Was it last committed under another scope? Links that were left out then are not known. */
bool frontier_scope_changed(const struct frontier *f);
void frontier_close(struct frontier *f); /* does not commit; NULL is fine */

/* An enum frontier_added. */
int frontier_add(struct frontier *f, const struct frontier_page *page, struct wit_error *err);
/* The same for a seed: its domain is never full, and one that was refused waits again, and its
 * refusal no longer counts; one that redirects does not. */
int frontier_add_again(struct frontier *f, const struct frontier_page *page, struct wit_error *err);
/* Which waiting pages may be taken. At first: all. */
struct frontier_limits {
    uint32_t depth_most;
    uint64_t number_most; /* in rounds: hash of the URL */
};
#define FRONTIER_NO_LIMITS                                                                         \
    { UINT32_MAX, UINT64_MAX }
/* number_most 0: none. */
int frontier_limit(struct frontier *f, const struct frontier_limits *limits, struct wit_error *err);
/**
 * The limits of the next round: the pages of the least depth that waits in domains that have
 * not stopped, and of those the `budget`
 * whose URLs have the lowest hashes. Of the round before, no page may be taken and neither done nor
 * left.
 * @return 1; 0: no page waits, or the budget is 0
 */
int frontier_round(struct frontier *f, uint64_t budget, struct frontier_limits *out,
                   struct wit_error *err);
/* The next page within the limits, of a domain that has fewer than `most` taken pages and has
 * not stopped: 1, or 0 when there is none. Others wait on. */
int frontier_take(struct frontier *f, uint32_t most, struct frontier_taken *out,
                  struct wit_error *err);
/* Note a pair, by the hash of its words. 1: no page had it before; 0: some had. */
int frontier_pair_add(struct frontier *f, struct wit_hash128 pair, struct wit_error *err);
/* A taken page was read and had a new pair, or none. 1: with that its domain stopped, for this run
 * and those with the same limit. */
int frontier_yield(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], bool has_new_pair,
                   struct wit_error *err);
/* A taken page has been read (reason NULL), or ended for a reason, which is counted. `url` is that
 * of the page as it was taken. */
int frontier_done(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_str url,
                  const char *reason, struct wit_error *err);
/* A taken page came to nothing that counts: it stays taken, so the next run asks again, and its
 * domain may have another one in its place. */
int frontier_leave(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_error *err);
/* A page that was read was a sitemap. */
void frontier_count_sitemap(struct frontier *f);
/* Count what was refused of something else; frontier_done counts pages itself. */
int frontier_count(struct frontier *f, enum wit_crawler_subject subject, const char *reason,
                   uint64_t n, struct wit_error *err);
/* How far the feed of this identity was read: 1, or 0 when it is not begun. In place of another one
 * (*replaces) it begins, and that one's counts of rows are gone. */
int frontier_feed_begin(struct frontier *f, struct wit_hash128 identity,
                        struct wit_crawler_feed_position *out, bool *replaces,
                        struct wit_error *err);
/* What the next commit is to hold of it. */
void frontier_feed_reached(struct frontier *f, const struct wit_crawler_feed_position *at);
/* Durable from here on. After a failure (of any call) only close may follow. */
int frontier_commit(struct frontier *f, struct wit_error *err);

struct frontier_totals frontier_totals(const struct frontier *f);
/* Counts by subject, then reason. fn returns 0 to go on. */
int frontier_reasons(struct frontier *f,
                     int (*fn)(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                               uint64_t count),
                     void *user, struct wit_error *err);

#endif
