/*
 * blocked_log.h: DIR/crawl/blocked.jsonl: a line for each image that a list of blocked hashes
 * named:
 * {"time_s","list","kind","item","url"}. `item` is the SHA-256 of salt and listed hash, `url`
 * that of salt and URL, each cut to 32 hex digits; the salt is the 32 bytes in
 * DIR/crawl/blocked.salt. So the operator can tell whether a hash or a URL that he knows is meant,
 * and who only sees the log learns neither.
 */
#ifndef CRAWLER_BLOCKED_LOG_H
#define CRAWLER_BLOCKED_LOG_H

#include "wit_crawler_blocklist.h"

/* Append a line and sync it: such lines are rare, and none may be lost. DIR/crawl must be there;
 * both files are made if absent, readable for their owner only. */
int blocked_log_add(const char *dir, const struct wit_crawler_blocklist *list,
                    const struct wit_crawler_blocked *blocked, struct wit_str url,
                    struct wit_error *err);

#endif
