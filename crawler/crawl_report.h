/* crawl_report.h: fills the report of wit_crawler.h. */
#ifndef CRAWLER_CRAWL_REPORT_H
#define CRAWLER_CRAWL_REPORT_H

#include "frontier.h"

/* Everything but what is of this run only. On failure *report stays as it was. */
int crawl_report_fill(struct wit_crawler_report *report, struct frontier *frontier,
                      struct wit_shards_collector *collector, struct wit_error *err);

#endif
