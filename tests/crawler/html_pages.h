/*
 * html_pages.h: a page through the extractor, in pieces if so wished, and what came out as text
 * that can be compared: "alt|http://host/a.jpg|words" for a pair (and "|page" where it stands on
 * another one, "|licence" where it has one of its own), and so on.
 */
#ifndef HTML_PAGES_H
#define HTML_PAGES_H

#include "wit_crawler_page.h"

enum { HTML_PAGES_MAX_BYTES = 1 << 27 };

/* Extract with pieces of next(user) bytes (NULL: in one), each in its own memory, gone after the
 * call. 0 or the extractor's failure. */
int html_pages_extract(struct wit_crawler_extractor *x, const struct wit_crawler_page_source *from,
                       struct wit_str html, size_t (*next)(void *user), void *user,
                       struct wit_crawler_page *out, struct wit_error *err);

/* Append, a line each; abort when memory is out. */
void html_pages_put_pairs(const struct wit_crawler_page *page, struct wit_buf *out);
void html_pages_put_links(const struct wit_crawler_page *page, struct wit_buf *out);
void html_pages_put_rights(const struct wit_crawler_page *page, struct wit_buf *out);
void html_pages_put_all(const struct wit_crawler_page *page, struct wit_buf *out);

#endif
