/* crawl_feed.c: candidates that come from a feed. */
#include "crawl_state.h"

enum { FEED_SLICE = 1000 }; /* items of the feed between looking at what came back */

static int feed_item_refuse(struct crawl *c, const struct wit_crawler_feed_item *item,
                            const char *reason, struct wit_error *err) {
    const struct refusal_line line = { .subject = WIT_CRAWLER_ROW,
                                       .url = item->where,
                                       .reason = wit_str_from(reason) };
    int st = frontier_count(c->frontier, line.subject, reason, 1, err);
    return st < 0 ? st : crawl_refusal_note(c, &line, 1, err);
}

static int feed_item_take(struct crawl *c, const struct wit_crawler_feed_item *item,
                          struct wit_error *err) {
    if (item->reason)
        return feed_item_refuse(c, item, item->reason, err);
    int st = wit_shards_collector_add_candidate(c->collector, &item->candidate, err);
    if (st == WIT_EINVAL || st == WIT_ELIMIT)
        return feed_item_refuse(c, item, "row_too_long", err);
    return st < 0 ? st : crawl_candidate_judge(c, &item->candidate, err);
}

/* Is there room for what the next item may want? */
bool crawl_feed_may_give(const struct crawl *c) {
    return c->cfg->feed && !c->feed_ended && !c->log_behind && !image_shares_is_full(c->shares);
}

int crawl_feed_pull(struct crawl *c, struct wit_error *err) {
    int st = 0;
    for (unsigned n = 0; n < FEED_SLICE && st >= 0 && crawl_feed_may_give(c); n++) {
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

int crawl_feed_begin(struct crawl *c, struct wit_error *err) {
    const struct wit_crawler_feed *feed = c->cfg->feed;
    struct wit_crawler_feed_position at;
    if (!feed)
        return 0;
    int st = frontier_feed_begin(c->frontier, feed->identity, &at, &c->feed_changed, err);
    return st > 0 ? feed->seek(feed->user, &at, err) : st;
}

struct wit_crawler_feed_position crawl_feed_tell(const struct crawl *c) {
    struct wit_crawler_feed_position at = { .rows = 0 };
    if (c->cfg->feed)
        c->cfg->feed->tell(c->cfg->feed->user, &at);
    return at;
}
