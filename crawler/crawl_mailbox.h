/* crawl_mailbox.h: tasks handed from any thread to one. Its length is bounded by whoever limits how
 * many tasks exist: the coordinator. */
#ifndef CRAWLER_CRAWL_MAILBOX_H
#define CRAWLER_CRAWL_MAILBOX_H

#include "crawl_task.h"

#include <pthread.h>

struct crawl_mailbox {
    pthread_mutex_t lock; /* guards `tasks` and `ready` */
    pthread_cond_t arrived;
    struct crawl_list tasks;
    bool ready; /* lock and condition are there */
};

int crawl_mailbox_init(struct crawl_mailbox *m, struct wit_error *err);
void crawl_mailbox_finish(
    struct crawl_mailbox *m); /* destroys the tasks in it; zero bytes are fine */
void crawl_mailbox_push(struct crawl_mailbox *m, struct crawl_task *t); /* the task is its then */
/* Everything that is there, waiting for at most so long for something to come. */
struct crawl_list crawl_mailbox_take(struct crawl_mailbox *m, uint32_t wait_ms);

#endif
