/* crawl_archive.h: WARC and WAT files as the commands name them, as the input of a crawl. */
#ifndef WIT_CRAWL_ARCHIVE_H
#define WIT_CRAWL_ARCHIVE_H

#include "wit_crawler_warc.h"

struct crawl_archive {
    const char *command; /* for sentences */
    const char **paths;
    size_t count, cap;
    struct wit_crawler_archive *archive;
    struct wit_crawler_feed *feed;
    uint64_t complaints;
    bool left_out; /* a file could not be opened */
};

void crawl_archive_init(struct crawl_archive *a, const char *command);
void crawl_archive_finish(struct crawl_archive *a);

/* The name must outlive the archive. */
int crawl_archive_add(struct crawl_archive *a, const char *path, struct wit_error *err);
/* Of paths those that can be opened, in their order; the others are named on stderr. 1: some were
 * left out; WIT_ENOTFOUND: all were. */
int crawl_archive_find(const char *command, const char **paths, size_t *count,
                       struct wit_error *err);
/* Open what was named, for a crawl with these settings: a->feed stays NULL where no file was. What
 * can't be opened is left out now and not in the middle; WIT_ENOTFOUND: none can. */
int crawl_archive_open(struct crawl_archive *a, const struct wit_crawler_config *crawl,
                       struct wit_error *err);
/* Was a record broken, or a file left out? Each was named on stderr. */
bool crawl_archive_is_partial(const struct crawl_archive *a);

#endif
