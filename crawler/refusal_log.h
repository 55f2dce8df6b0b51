/*
 * refusal_log.h: DIR/crawl/refused.jsonl: a line for each page and image that ended otherwise:
 * {"subject","url","reason"}. For people: nothing reads it back. A line is there before the refusal
 * is committed, so none is missing; after a kill some may stand twice and one may be cut short.
 */
#ifndef CRAWLER_REFUSAL_LOG_H
#define CRAWLER_REFUSAL_LOG_H

#include "wit_crawler.h"

struct refusal_log {
    int fd;               /* -1: not open */
    struct wit_buf lines; /* not written yet */
    char path[WIT_PATH_MAX];
};

#define REFUSAL_LOG_INIT                                                                           \
    { .fd = -1 }

/* DIR/crawl must be there. */
int refusal_log_open(struct refusal_log *log, const char *dir, struct wit_error *err);
int refusal_log_add(struct refusal_log *log, enum wit_crawler_subject subject, struct wit_str url,
                    const char *reason, struct wit_error *err);
int refusal_log_sync(struct refusal_log *log, struct wit_error *err);
void refusal_log_close(struct refusal_log *log); /* what was not synced is forgotten */

#endif
