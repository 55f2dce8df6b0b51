/*
 * retry_reasons.h: which refusals a run asks for again: their names, alone or by class. The names
 * are those of pages and images in docs/crawler.md; test_retry_reasons holds the two together.
 */
#ifndef CRAWLER_RETRY_REASONS_H
#define CRAWLER_RETRY_REASONS_H

#include "base/wit_base.h"

/* Is `wanted` a list of names and classes ("may-heal", "all"), parted by commas? WIT_EINVAL names
 * what is none. */
int retry_reasons_check(const char *wanted, struct wit_error *err);

/* Is a refusal for this reason among them? `wanted` has been checked. */
bool retry_reasons_want(const char *wanted, struct wit_str reason);

#endif
