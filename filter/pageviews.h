/* pageviews.h: titles of Wikimedia's hourly page view files and how often they were asked for. */
#ifndef FILTER_PAGEVIEWS_H
#define FILTER_PAGEVIEWS_H

#include "gram_table.h"

#define PAGEVIEWS_LINE_MAX_BYTES (1u << 16)

struct pageviews_line {
    struct wit_str project, title;
    uint64_t views;
};

/* One line, "en Main_Page 242 4737756101": project, title, views, bytes sent (which may be absent).
 * False: not such a line. */
bool pageviews_line_parse(struct wit_str line, struct pageviews_line *out);

/**
 * Add the views of a project's titles in one file, gzipped or plain, to a table of words. A title
 * is taken when its views in this hour are at least `hourly` and it holds no ":"; "_" becomes a
 * space; 255 bytes at most. Lines that are none are counted and passed over.
 * @param titles  out: lines taken; `bad`: lines that are none
 * @return 0, WIT_ENOTFOUND, WIT_EIO, WIT_ECORRUPT (gzip cut off or damaged), WIT_EFORMAT (no line
 * could be read), WIT_ECANCELED, WIT_ENOSPC, WIT_ENOMEM; sentences name the file
 */
int pageviews_count(const char *path, struct wit_str project, uint64_t hourly,
                    const volatile int *cancel, struct gram_table *t, uint64_t *titles,
                    uint64_t *bad, struct wit_error *err);

#endif
