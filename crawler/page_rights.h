/*
 * page_rights.h: what a page said of use, in the words that its candidates carry: "name: value\n"
 * lines as struct wit_shards_candidate has them. docs/crawler.md lists the names.
 */
#ifndef CRAWLER_PAGE_RIGHTS_H
#define CRAWLER_PAGE_RIGHTS_H

#include "wit_crawler_page.h"

/* Of one page, for all of its pairs. Zero bytes: nothing was said. */
struct page_rights {
    struct wit_buf page; /* lines that hold for each pair */
    struct wit_buf pair; /* those of the pair that was asked for last */
    size_t most_bytes;   /* of one pair */
    uint64_t left_out;   /* lines of the page that found no room */
};

void page_rights_init(struct page_rights *r);
void page_rights_finish(struct page_rights *r);

/**
 * Another page. `seen` holds lines of its headers and of its origin's files; signals and licences
 * are the page's own, but the licences of a sitemap are its images'. Each line counts once. A pair
 * carries at most 2 KiB, and less where the page has many: all of them together 4 MiB, or 256 bytes
 * for each. A last line "left-out: 3" tells how many others found no room.
 * @return 0, WIT_ENOMEM
 */
int page_rights_begin(struct page_rights *r, struct wit_str seen,
                      enum wit_crawler_document document, const struct wit_crawler_page *page);

/* Those of one of its pairs; a view until the next call. WIT_ENOMEM. */
int page_rights_of(struct page_rights *r, const struct wit_crawler_pair *pair, struct wit_str *out);

#endif
