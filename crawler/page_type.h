/* page_type.h: what an answer to the request for a page is, by its Content-Type and its name. */
#ifndef CRAWLER_PAGE_TYPE_H
#define CRAWLER_PAGE_TYPE_H

#include "base/wit_base.h"

enum page_type { PAGE_TYPE_HTML, PAGE_TYPE_SITEMAP, PAGE_TYPE_OTHER };

/* headers: as wit_net_header_next reads them; target: path and query that were asked for. A sitemap
 * may turn out to be none: XML, text and gzip are read to know. *charset, if not NULL: the header's
 * parameter, or empty. */
enum page_type page_type_of(struct wit_str headers, struct wit_str target, struct wit_str *charset);

#endif
