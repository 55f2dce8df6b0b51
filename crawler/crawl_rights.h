/*
 * crawl_rights.h: what strangers say of the use of their pages and images, less what the user
 * switched off. Families and their order: docs/crawler.md. Pure but for the note of what was
 * switched off, which stays with the directory.
 */
#ifndef CRAWLER_CRAWL_RIGHTS_H
#define CRAWLER_CRAWL_RIGHTS_H

#include "wit_crawler.h"

/* enum wit_crawler_directive of the headers of one answer; of robots meta elements and tdm-*; of
 * robots.txt. `ignore` is that of the settings. */
unsigned crawl_rights_of_headers(struct wit_str headers, struct wit_str agent, unsigned ignore);
unsigned crawl_rights_of_page(unsigned directives, unsigned ignore);
unsigned crawl_rights_of_robots(unsigned directives, unsigned ignore);

/* The headers that say something of rights, "name: value\n" each, appended. What has no room is
 * left out. */
void crawl_rights_keep(struct wit_str headers, struct wit_buf *out);

/* Lines of the headers with this name, likewise. */
void crawl_headers_keep(struct wit_str headers, struct wit_str name, struct wit_buf *out);

/* Note in DIR/crawl, which is there, that these are switched off; *all is what any run had. */
int crawl_rights_note(const char *dir, unsigned ignore, unsigned *all, struct wit_error *err);

#endif
