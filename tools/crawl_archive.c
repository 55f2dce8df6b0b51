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

static int path_check(const char *path, struct wit_error *err) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return wit_error_errno(err, errno, "cannot open '%s'", path);
    fclose(f);
    return 0;
}

int crawl_archive_open(struct crawl_archive *a, const struct wit_crawler_config *crawl,
                       struct wit_error *err) {
    struct wit_crawler_archive_config cfg = wit_crawler_archive_config_default();
    int st = 0;
    for (size_t i = 0; i < a->count && st >= 0; i++)
        st = path_check(a->paths[i], err);
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
    return a->complaints > 0;
}
