/*
 * refusal_log.h: DIR/crawl/refused.jsonl: a line for each page and image that ended otherwise, for
 * each page whose candidates were refused, and for each domain that stopped, with the page at which
 * it did:
 * {"subject","url","depth","reason"}, depth of pages only. For people, and for a run that asks
 * again. A line is there before the refusal is committed, so none is missing; after a kill some may
 * stand twice and one may be cut short. What is asked for again gets a line that says so
 * (REFUSAL_AGAIN), and if it is refused again one more: of a URL the last line counts.
 */
#ifndef CRAWLER_REFUSAL_LOG_H
#define CRAWLER_REFUSAL_LOG_H

#include "wit_crawler.h"

#define REFUSAL_AGAIN "asked_again" /* no refusal any more */

struct refusal_log {
    int fd;               /* -1: not open */
    struct wit_buf lines; /* not written yet */
    char path[WIT_PATH_MAX];
};

#define REFUSAL_LOG_INIT                                                                           \
    { .fd = -1 }

struct refusal_line {
    enum wit_crawler_subject subject;
    struct wit_str url, reason;
    uint32_t depth; /* of a page: links from a seed */
};

/* DIR/crawl must be there. */
int refusal_log_open(struct refusal_log *log, const char *dir, struct wit_error *err);
int refusal_log_add(struct refusal_log *log, const struct refusal_line *line,
                    struct wit_error *err);
int refusal_log_sync(struct refusal_log *log, struct wit_error *err);
void refusal_log_close(struct refusal_log *log); /* what was not synced is forgotten */

/* Where the file of DIR is, for refusal_log_each alone. */
int refusal_log_path(struct refusal_log *log, const char *dir, struct wit_error *err);

/* Lines that are in the file now, in order; those that are not whole are skipped. fn returns 0 to
 * go on; another value ends it and is returned. Views last for the call. */
int refusal_log_each(const struct refusal_log *log,
                     int (*fn)(void *user, const struct refusal_line *line, struct wit_error *err),
                     void *user, struct wit_error *err);

#endif
