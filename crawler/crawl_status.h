/*
 * crawl_status.h: DIR/crawl/status.json, written anew at each commit, tells others how far the
 * crawl is; DIR/crawl/runs.jsonl keeps the last status of every run; the file DIR/crawl/pause holds
 * a crawl. For people and other processes: the crawl itself believes none of the numbers.
 */
#ifndef CRAWLER_CRAWL_STATUS_H
#define CRAWLER_CRAWL_STATUS_H

#include "wit_crawler.h"

struct crawl_status {
    char path[WIT_PATH_MAX], runs_path[WIT_PATH_MAX], pause_path[WIT_PATH_MAX];
    int64_t started_s;
    uint64_t started_ms;
    uint64_t looked_ms; /* when the pause file was looked for */
    bool paused;
};

/* DIR/crawl must be there, and DIR be locked. The status that a killed run left goes to runs.jsonl.
 */
int crawl_status_open(struct crawl_status *s, const char *dir, struct wit_error *err);
/* state: "running", or how the run ended; then it is added to runs.jsonl too. */
int crawl_status_write(struct crawl_status *s, const char *state,
                       const struct wit_crawler_progress *p, struct wit_error *err);
/* Is the crawl held? Looks at most twice a second. */
bool crawl_status_is_paused(struct crawl_status *s, uint64_t now_ms);

#endif
