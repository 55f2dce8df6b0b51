/*
 * reactor.h: one thread with one event loop that asks for pages and images. Tasks go in, and each
 * comes back once, with what came of it: in the results mailbox. What is on its way when the
 * reactor stops is destroyed.
 */
#ifndef CRAWLER_REACTOR_H
#define CRAWLER_REACTOR_H

#include "crawl_limits.h"
#include "crawl_mailbox.h"
#include "lateness.h"

struct reactor;

struct reactor_config {
    const struct wit_crawler_config *crawl; /* borrowed */
    struct crawl_mailbox *results;          /* outlives the reactor */
    struct wit_queue *extractors;           /* all that there are; outlives the reactors */
    struct crawl_limits *limits;            /* of all reactors; outlives them */
    struct image_pool *images; /* one that it has no work for goes to the results at once */
    uint32_t max_in_flight;    /* of this reactor */
    size_t max_held_bytes;
    bool goes_on; /* an earlier run may have asked until now */
};

/* Starts the thread. WIT_EINVAL, WIT_ENOMEM, WIT_EIO. */
int reactor_create(const struct reactor_config *cfg, struct reactor **out, struct wit_error *err);
/* Any thread. The task is the reactor's until it is in the mailbox. */
void reactor_push(struct reactor *r, struct crawl_task *t);
/* There are extractors again. Any thread. */
void reactor_wake(struct reactor *r);
/* While it pauses it starts no request; what is on its way goes on. Any thread. */
void reactor_pause(struct reactor *r, bool paused);
/* Registrable domains that it has something to do for, as of lately. Any thread. */
size_t reactor_hosts(const struct reactor *r);
/* What origins answered so far; added to *robots and *tdmrep. Any thread. */
void reactor_files(const struct reactor *r, struct wit_crawler_files *robots,
                   struct wit_crawler_files *tdmrep);
/* The image pool is done with an image of this reactor. Any thread. */
void reactor_work_done(struct reactor *r);
/* A task that came back is destroyed: its body counts as held no longer. Any thread. */
void reactor_body_release(struct reactor *r, size_t bytes);
/* Ends the thread; nothing comes back any more. What came back stays valid until destroy. */
void reactor_stop(struct reactor *r);
/* Adds how late its domains got their turns. After reactor_stop. */
void reactor_lateness(const struct reactor *r, struct lateness *sum);
/* Tasks that came back with a body must be destroyed before. NULL is fine. */
void reactor_destroy(struct reactor *r);

#endif
