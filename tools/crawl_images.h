/*
 * crawl_images.h: the options of a crawl that say what is done with images before they are stored:
 * made smaller, decoded, held against lists of blocked hashes.
 */
#ifndef WIT_CRAWL_IMAGES_H
#define WIT_CRAWL_IMAGES_H

#include "wit_crawler.h"

#include <getopt.h>

/* Values of these options in a table for getopt_long: none of the command's own is so large. */
enum crawl_images_option {
    CRAWL_IMAGES_FIRST = 1000,
    CRAWL_IMAGES_RESIZE = CRAWL_IMAGES_FIRST,
    CRAWL_IMAGES_MODE,
    CRAWL_IMAGES_BIGGER,
    CRAWL_IMAGES_ENCODE,
    CRAWL_IMAGES_QUALITY,
    CRAWL_IMAGES_SKIP,
    CRAWL_IMAGES_LEAST,
    CRAWL_IMAGES_AREA,
    CRAWL_IMAGES_ASPECT,
    CRAWL_IMAGES_VERIFY,
    CRAWL_IMAGES_THREADS,
    CRAWL_IMAGES_BLOCK,
    CRAWL_IMAGES_END
};

/* Entries of that table. */
enum { CRAWL_IMAGES_OPTIONS = CRAWL_IMAGES_END - CRAWL_IMAGES_FIRST };
extern const struct option crawl_images_longs[CRAWL_IMAGES_OPTIONS];

extern const char crawl_images_help[]; /* lines of the page that --help prints */

struct crawl_images {
    bool has_size, has_mode, has_format, has_quality;
    struct wit_crawler_blocklist *blocklist;
};

/* Takes one option into cfg. WIT_EINVAL and what reading a list says. */
int crawl_images_option(struct crawl_images *images, struct wit_crawler_config *cfg, int option,
                        const char *value, struct wit_error *err);
/* When all options were taken: what is missing, what does not go together. WIT_EINVAL. */
int crawl_images_complete(struct crawl_images *images, struct wit_crawler_config *cfg,
                          struct wit_error *err);
void crawl_images_finish(struct crawl_images *images);

#endif
