/*
 * image_pool.h: threads that look at images before they are stored: digests that a list promised,
 * or against lists of blocked ones, a whole decode, making them smaller. Loops hand over what has
 * arrived and go on; each task comes back once, in the results mailbox.
 */
#ifndef CRAWLER_IMAGE_POOL_H
#define CRAWLER_IMAGE_POOL_H

#include "crawl_mailbox.h"

struct image_pool;

/* Is there anything to do with the image that takes a pool? Then it does the walk, too. */
bool image_pool_has_work(const struct image_pool *pool, const struct crawl_task *t);
/* What the loop does with another one: NULL, with `info`, or why an image is refused by what its
 * container says. */
const char *image_walk_refuse(const struct wit_crawler_config *cfg, struct wit_str bytes,
                              struct wit_image_info *info);

/* Starts the threads. `results` outlives the pool; room for `most` tasks at one time. WIT_ENOMEM,
 * WIT_EIO. */
int image_pool_create(const struct wit_crawler_config *cfg, struct crawl_mailbox *results,
                      size_t most, struct image_pool **out, struct wit_error *err);
/* A task with body and reactor, from that reactor's thread; the pool's until it is in the
 * mailbox. reactor_work_done is called before that. */
void image_pool_push(struct image_pool *pool, struct crawl_task *t);
/* Ends the threads; what they had not begun is destroyed. The reactors must have stopped and not
 * been destroyed. NULL is fine. */
void image_pool_destroy(struct image_pool *pool);

#endif
