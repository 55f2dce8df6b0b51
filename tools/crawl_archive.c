/* crawl_archive.c: WARC and WAT files as the input of a crawl. */
#include "crawl_archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { COMPLAINTS_SHOWN = 20 };

void crawl_archive_init(struct crawl_archive *a, const char *command) {
    *a = (struct crawl_archive){ .command = command };
}

void crawl_archive_finish(struct crawl_archive *a) {
    wit_crawler_archive_feed_destroy(a->feed);
    wit_crawler_archive_close(a->archive);
    free(a->paths);
    *a = (struct crawl_archive){ .command = a->command };
}

int crawl_archive_add(struct crawl_archive *a, const char *path, struct wit_error *err) {
    if (a->count == a->cap) {
        size_t cap = a->cap ? 2 * a->cap : 16;
        const char **paths = wit_realloc_array(a->paths, cap, sizeof *paths);
        if (!paths)
            return wit_error_set(err, WIT_ENOMEM, "no memory for the names of archives");
        a->paths = paths;
        a->cap = cap;
    }
    a->paths[a->count++] = path;
    return 0;
}

/* The sentences are ours; of what stands in a file they have nothing. */
static void on_complaint(void *user, const char *sentence) {
    struct crawl_archive *a = user;
    if (a->complaints++ < COMPLAINTS_SHOWN)
        fprintf(stderr, "wit %s: %s\n", a->command, sentence);
    if (a->complaints == COMPLAINTS_SHOWN)
        fprintf(stderr, "wit %s: further broken records are only counted\n", a->command);
}

int crawl_archive_find(const char *command, const char **paths, size_t *count,
                       struct wit_error *err) {
    size_t named = *count, kept = 0;
    for (size_t i = 0; i < named; i++) {
        FILE *f = fopen(paths[i], "rb");
        if (f) {
            fclose(f);
            paths[kept++] = paths[i];
        } else {
            fprintf(stderr, "wit %s: archive '%s' is left out: %s\n", command, paths[i],
                    strerror(errno));
        }
    }
    *count = kept;
    if (named && kept == 0)
        return wit_error_set(err, WIT_ENOTFOUND, "none of the archives could be opened");
    return kept < named;
}

int crawl_archive_open(struct crawl_archive *a, const struct wit_crawler_config *crawl,
                       struct wit_error *err) {
    struct wit_crawler_archive_config cfg = wit_crawler_archive_config_default();
    int st = crawl_archive_find(a->command, a->paths, &a->count, err);
    a->left_out = st > 0;
    if (st < 0 || a->count == 0)
        return st;
    cfg.paths = a->paths;
    cfg.path_count = a->count;
    cfg.agent = crawl->user_agent;
    cfg.ignore = crawl->ignore;
    cfg.max_page_bytes = crawl->max_page_bytes;
    st = wit_crawler_archive_open(&cfg, &a->archive, err);
    return st < 0 ? st
                  : wit_crawler_archive_feed_create(a->archive, on_complaint, a, &a->feed, err);
}

bool crawl_archive_is_partial(const struct crawl_archive *a) {
    return a->complaints > 0 || a->left_out;
}
