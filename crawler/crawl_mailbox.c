/* crawl_mailbox.c: one lock, one condition, one list. */
#include "crawl_mailbox.h"

#include <time.h>

int crawl_mailbox_init(struct crawl_mailbox *m, struct wit_error *err) {
    pthread_condattr_t attr;
    *m = (struct crawl_mailbox){ .ready = false };
    if (pthread_condattr_init(&attr) != 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a mailbox");
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    bool cond = pthread_cond_init(&m->arrived, &attr) == 0;
    pthread_condattr_destroy(&attr);
    m->ready = cond && pthread_mutex_init(&m->lock, NULL) == 0;
    if (cond && !m->ready)
        pthread_cond_destroy(&m->arrived);
    return m->ready ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory for a mailbox");
}

void crawl_mailbox_finish(struct crawl_mailbox *m) {
    if (!m->ready)
        return;
    for (struct crawl_task *t; (t = crawl_list_pop(&m->tasks));)
        crawl_task_destroy(t);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->arrived);
    m->ready = false;
}

void crawl_mailbox_push(struct crawl_mailbox *m, struct crawl_task *t) {
    pthread_mutex_lock(&m->lock);
    crawl_list_push(&m->tasks, t);
    pthread_cond_signal(&m->arrived);
    pthread_mutex_unlock(&m->lock);
}

struct crawl_list crawl_mailbox_take(struct crawl_mailbox *m, uint32_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&m->lock);
    while (wait_ms && !m->tasks.first && pthread_cond_timedwait(&m->arrived, &m->lock, &until) == 0)
        continue;
    struct crawl_list taken = m->tasks;
    m->tasks = (struct crawl_list){ .first = NULL };
    pthread_mutex_unlock(&m->lock);
    return taken;
}
