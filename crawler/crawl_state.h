/*
 * crawl_state.h: what the files of the coordinator share: crawl.c runs it, crawl_pages.c and
 * crawl_image_queue.c say what is asked for and keep what comes, crawl_feed.c reads other inputs.
 * All of it belongs to the thread of wit_crawler_run. Functions return 0 or a status that ends the
 * crawl.
 */
#ifndef CRAWLER_CRAWL_STATE_H
#define CRAWLER_CRAWL_STATE_H

#include "crawl_limits.h"
#include "crawl_status.h"
#include "image_pool.h"
#include "image_shares.h"
#include "key_set.h"
#include "page_rights.h"
#include "reactor.h"
#include "refusal_log.h"
#include "refusal_table.h"
#include "text/wit_text.h"
#include "wit_shards_removed.h"

enum {
    CRAWL_IMAGES_OUT_MOST = 20000,       /* at the reactors */
    CRAWL_IMAGES_PARKED_BYTES = 16 << 20 /* of those over the share of their domain */
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
    struct image_pool *image_pool;
    struct key_set images;         /* URLs at the reactors, or parked */
    struct image_shares *shares;
    /* The log as the queue of images: what stands before the position is on its way, has ended or
     * is not wanted. Behind it, if log_behind, are candidates that found no room. */
    uint64_t log_position;
    bool log_behind;
    unsigned slice; /* candidates of the log that may still be judged in this turn */
    bool feed_ended, feed_changed;
    uint32_t domain_pages_most;
    uint32_t round_depth; /* of the pages that are asked for, in rounds */
    bool rounds_over;     /* none was left to begin; looking for one goes through all that wait */
    size_t pages_out;
    struct key_set scope_domains; /* of the seeds, where there is no scope */
    struct wit_url url;
    struct wit_buf text; /* scratch */
    struct page_rights rights; /* of the page at hand */
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

/* ---- crawl.c ---- */

int crawl_no_memory(struct wit_error *err);
/* To the reactor of the domain that the address belongs to; what is no address comes back at once.
 */
void crawl_send(struct crawl *c, struct crawl_task *t);
/* The hash of the domain that the address belongs to; 0 where it is none. WIT_ENOMEM. */
int crawl_domain_of(struct crawl *c, struct wit_str address, uint64_t *domain);
/* Everything that came so far is kept. */
int crawl_commit(struct crawl *c, struct wit_error *err);
/* `count` refusals: by number for who looks, by name in the log; without a URL they are only
 * counted. */
int crawl_refusal_note(struct crawl *c, const struct refusal_line *line, uint64_t count,
                       struct wit_error *err);
struct refusal_line crawl_refusal_of(const struct crawl_task *t, const char *reason);
/* Our own want of memory is nothing that a page or an image can be refused for: a page stays taken
 * and an image's candidate in the log, so the next run asks again. */
bool crawl_is_ours(const struct crawl_task *t);

/* ---- crawl_pages.c ---- */

int crawl_frontier_begin(struct crawl *c, struct wit_error *err);
int crawl_seeds_add(struct crawl *c, struct wit_error *err);
int crawl_refusals_again(struct crawl *c, struct wit_error *err); /* as cfg->retry_failed says */
int crawl_pages_send(struct crawl *c, struct wit_error *err);     /* those that may start */
int crawl_page_done(struct crawl *c, struct crawl_task *t, struct wit_error *err);
int crawl_sitemaps_add(struct crawl *c, struct crawl_task *t, struct wit_error *err);

/* ---- crawl_image_queue.c ---- */

/* A candidate in the log, or about to be: its image is asked for if the judge wants it. */
int crawl_candidate_judge(struct crawl *c, const struct wit_shards_candidate *cand,
                          struct wit_error *err);
bool crawl_log_may_be_read(const struct crawl *c);
/* Judge a slice of the log where images of it have had no room. */
int crawl_log_read(struct crawl *c, struct wit_error *err);
int crawl_image_done(struct crawl *c, struct crawl_task *t, struct wit_error *err);

/* ---- crawl_feed.c ---- */

int crawl_feed_begin(struct crawl *c, struct wit_error *err);
bool crawl_feed_may_give(
    const struct crawl *c); /* is there room for what the next item may want? */
int crawl_feed_pull(struct crawl *c, struct wit_error *err);
struct wit_crawler_feed_position crawl_feed_tell(const struct crawl *c); /* zero without a feed */

#endif
