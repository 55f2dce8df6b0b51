/* crawl_task.c: the life of a task. */
#include "crawl_task.h"

#include "reactor.h"

#include <stdlib.h>

enum { HEADERS_MOST_BYTES = 64 << 10 };

struct crawl_task *crawl_task_create(enum wit_crawler_subject subject, struct wit_str url) {
    struct crawl_task *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->subject = subject;
    t->url = t->location = (struct wit_buf)WIT_BUF_INIT(1u << 20);
    t->digest = (struct wit_buf)WIT_BUF_INIT(16 + 2 * WIT_DIGEST_MAX_BYTES);
    t->headers = t->rights = (struct wit_buf)WIT_BUF_INIT(HEADERS_MOST_BYTES);
    if (wit_buf_append_str(&t->url, url) < 0) {
        crawl_task_destroy(t);
        return NULL;
    }
    return t;
}

void crawl_task_destroy(struct crawl_task *t) {
    if (!t)
        return;
    if (t->reactor && t->held_bytes)
        reactor_body_release(t->reactor, t->held_bytes);
    wit_buf_finish(&t->body);
    wit_buf_finish(&t->url);
    wit_buf_finish(&t->digest);
    wit_buf_finish(&t->location);
    wit_buf_finish(&t->headers);
    wit_buf_finish(&t->rights);
    wit_crawler_extractor_destroy(t->extractor);
    free(t);
}
