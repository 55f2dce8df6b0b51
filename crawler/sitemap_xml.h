/*
 * sitemap_xml.h: the XML of a sitemap or feed, as it comes, to links and pairs of an extractor.
 * Elements are known by their local names and where they stand, not by namespaces: many sitemaps
 * forget to declare the image prefix. No DTD is processed.
 */
#ifndef SITEMAP_XML_H
#define SITEMAP_XML_H

#include "html_extract.h"

struct sitemap_xml;

struct sitemap_xml *sitemap_xml_create(struct wit_crawler_extractor *x); /* NULL: out of memory */
void sitemap_xml_destroy(struct sitemap_xml *m);

/* UTF-8, with or without a declaration, whose encoding does not count. What comes behind an error
 * or a ceiling is left out, and the page is truncated. Where a token that has grown too large is
 * given up depends on the sizes of these pieces: the caller makes them even. 0; 1: nothing that
 * comes counts any more; WIT_ENOMEM. */
int sitemap_xml_feed(struct sitemap_xml *m, struct wit_str utf8, bool last);

enum sitemap_xml_kind {
    SITEMAP_XML_NONE,  /* another root element, or none before the end */
    SITEMAP_XML_PAGES, /* urlset, rss, feed */
    SITEMAP_XML_INDEX  /* sitemapindex: its links are sitemaps */
};
/* After the last piece: what it was. Adds what the end cut off. */
enum sitemap_xml_kind sitemap_xml_end(struct sitemap_xml *m);

/* Counts an address of a sitemap, known or not: false if it is one too many. */
static inline bool sitemap_url_count(size_t *count) {
    return (*count)++ < WIT_CRAWLER_SITEMAP_MAX_URLS;
}

#endif
