/*
 * page_headers.h: what the headers of an answer say about it, wherever they were read: from the
 * network, or from an archive of earlier answers. Headers are "name: value\n" lines with names in
 * lower case, as wit_net_header_next reads them.
 */
#ifndef CRAWLER_PAGE_HEADERS_H
#define CRAWLER_PAGE_HEADERS_H

#include "wit_crawler_page.h"

/* enum wit_crawler_directive, of X-Robots-Tag (for everybody, and for our product token `agent`)
 * and of tdm-reservation. */
unsigned page_headers_directives(struct wit_str headers, struct wit_str agent);

#endif
