/*
 * sitemap.h: the bytes of a sitemap, as they come, to what an extractor gives: gzip is unpacked,
 * the encoding found, and XML, feeds and plain lists of URLs are told apart. wit_crawler_page.h
 * says what comes out; the extractor calls this for documents that are sitemaps.
 */
#ifndef SITEMAP_H
#define SITEMAP_H

#include "html_extract.h"

struct sitemap;

struct sitemap *sitemap_create(struct wit_crawler_extractor *x); /* NULL: out of memory */
void sitemap_destroy(struct sitemap *s);                         /* NULL is fine */

/* After the extractor has begun a page: WIT_ENOMEM. */
int sitemap_begin(struct sitemap *s);
/* 0, WIT_ENOMEM. */
int sitemap_feed(struct sitemap *s, struct wit_str bytes);
/* 0; WIT_EFORMAT: it was no sitemap; WIT_ENOMEM. *is_index: its links are sitemaps. */
int sitemap_end(struct sitemap *s, bool *is_index);

#endif
