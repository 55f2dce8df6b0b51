/* crawl_metrics.h: how far a crawl is, for Prometheus. docs/crawler.md lists the names. */
#ifndef WIT_CRAWL_METRICS_H
#define WIT_CRAWL_METRICS_H

#include "metrics.h"
#include "wit_crawler.h"

void crawl_metrics_set(struct metrics *m, const struct wit_crawler_progress *p);

#endif
