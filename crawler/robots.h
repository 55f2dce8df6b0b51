/* robots.h: robots.txt for the crawler's own use: asking with the work counted. */
#ifndef CRAWLER_ROBOTS_H
#define CRAWLER_ROBOTS_H

#include "wit_crawler_page.h"

/* wit_crawler_robots_allows, and *work grows by the octets looked at. When PATH_PATTERN_WORK_MOST
 * is spent the answer is no. */
bool robots_decide(const struct wit_crawler_robots *r, struct wit_str agent, struct wit_str path,
                   uint64_t *work);

#endif
