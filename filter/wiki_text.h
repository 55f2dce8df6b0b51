/*
 * wiki_text.h: pages of a MediaWiki export, and what a reader would see of one as plain text.
 * docs/filter.md has the rules as a table.
 */
#ifndef FILTER_WIKI_TEXT_H
#define FILTER_WIKI_TEXT_H

#include "base/wit_base.h"

#define WIKI_PAGE_MAX_BYTES                                                                        \
    (64u << 20) /* "<page>" to "</page>"; MediaWiki's own limit is 2 MB of text */

/* ---- the export's XML ----------------------------------------------------------------------- */

/* Names of namespaces whose links are no text: files, media and categories, in the wiki's language
 * and in English. */
struct wiki_names {
    struct wit_buf names; /* lower case in ASCII, "\n" before and behind each */
};

/* Read them from "<siteinfo>...</siteinfo>", which may be empty. 0, WIT_ELIMIT, WIT_ENOMEM. */
int wiki_names_read(struct wiki_names *n, struct wit_str head);
void wiki_names_finish(struct wiki_names *n);

struct wiki_page {
    struct wit_str title, text; /* as the file has them: XML character references in place */
    bool article;               /* namespace 0, no redirect, wikitext */
};

/* The next page at or behind *at in whole pages; *at moves behind it. False: none is left. Pages
 * without a text have an empty one. */
bool wiki_page_next(struct wit_str xml, size_t *at, struct wiki_page *page);

/* Append s with XML's five named and its numeric references replaced. 0, WIT_ELIMIT, WIT_ENOMEM. */
int wiki_xml_decode(struct wit_str s, struct wit_buf *out);

/* ---- wikitext -------------------------------------------------------------------------------- */

/**
 * Append what a reader sees of a page's wikitext: words of links, headings, lists and paragraphs;
 * without templates, tables, references, comments, formulas, code, files, categories and markup.
 * Any bytes; time and memory are linear in them. What is never closed is read as text.
 * @return 0, WIT_ELIMIT, WIT_ENOMEM
 */
int wiki_text_append(struct wit_str text, const struct wiki_names *names, struct wit_buf *out);

#endif
