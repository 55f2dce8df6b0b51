/*
 * image_shares.h: how many images of each domain may be at the reactors. A slow domain with many
 * must not take all the room: each may have half of what is free at that moment, and one. So one
 * alone gets a third, ten get a twelfth each, and there is always some room for one more.
 * (Choudhury and Hahne, Dynamic queue length thresholds for shared-memory packet switches, 1998.)
 *
 * What is over its share is parked here, in memory and in order, until others of its domain are
 * back. Memory is bounded; what finds no room is the caller's to remember.
 *
 * Domains are hashed into a table of fixed size: two that meet in one slot share one share. Belongs
 * to the coordinator.
 */
#ifndef CRAWLER_IMAGE_SHARES_H
#define CRAWLER_IMAGE_SHARES_H

#include "text/wit_text.h"

struct image_shares;

/* What one with the longest URL takes. */
#define IMAGE_SHARES_ONE_MOST (WIT_URL_MAX_BYTES + 1024u)

struct parked_image {
    struct parked_image *next;
    size_t url_len, digest_len;
    char text[]; /* the URL, then the digest */
};

/* `room` for images out, `parked_bytes` for those that wait. WIT_ENOMEM. */
int image_shares_create(size_t room, size_t parked_bytes, struct image_shares **out,
                        struct wit_error *err);
void image_shares_destroy(struct image_shares *s); /* with what is parked; NULL is fine */

/* May one more of this domain (any hash of it) go out? */
bool image_shares_may_go(const struct image_shares *s, uint64_t domain);
void image_shares_went(struct image_shares *s, uint64_t domain); /* one did, allowed or not */
void image_shares_back(struct image_shares *s, uint64_t domain); /* one is back */
size_t image_shares_out(const struct image_shares *s);

/* WIT_ELIMIT: no room, WIT_ENOMEM. Only while the domain has one out: who is back fetches it. */
int image_shares_park(struct image_shares *s, uint64_t domain, struct wit_str url,
                      struct wit_str digest);
/* The next of this domain, if its share allows: the caller frees it. NULL: none. */
struct parked_image *image_shares_unpark(struct image_shares *s, uint64_t domain);
/* May the next one find room neither out nor parked? */
bool image_shares_is_full(const struct image_shares *s);
/* Is so much room again that reading on is worth it? */
bool image_shares_is_half_empty(const struct image_shares *s);

#endif
