/*
 * removed_set.h: the tombstones of some requests, sorted for asking.
 */
#ifndef SHARDS_REMOVED_SET_H
#define SHARDS_REMOVED_SET_H

#include "removed_log.h"

struct removed_set {
    struct wit_hash128 *keys;                    /* ascend, as the next two */
    struct wit_hash128 *urls, *domains;          /* hashes of the texts */
    struct wit_shards_removal_caption *captions; /* sorted; texts of the log */
    size_t key_count, url_count, domain_count, caption_count;
};

/* Those of the requests that hold and that `wanted` (by entry; NULL: all) has. Texts stay the
 * log's. WIT_ENOMEM, WIT_ELIMIT (patterns). */
int removed_set_make(const struct removed_log *log, const bool *wanted, struct removed_set *out,
                     struct wit_error *err);
void removed_set_finish(struct removed_set *s);
bool removed_set_is_empty(const struct removed_set *s);
bool removed_set_has_key(const struct removed_set *s, struct wit_hash128 key);
/* Does a key of a prefix have a tombstone? */
bool removed_set_has_prefix(const struct removed_set *s, int bits, uint32_t prefix);
bool removed_set_has_caption(const struct removed_set *s, struct wit_str text);
/* 1, 0, WIT_ENOMEM. */
int removed_set_has_url(const struct removed_set *s, struct wit_str url);
/* Does a request name this very URL or domain, in normal form, or this pattern? */
bool removed_set_names_url(const struct removed_set *s, struct wit_str url);
bool removed_set_names_domain(const struct removed_set *s, struct wit_str domain);
bool removed_set_names_caption(const struct removed_set *s,
                               const struct wit_shards_removal_caption *caption);
/* What a seal depends on; zero of an empty one. WIT_ENOMEM. */
int removed_set_digest(const struct removed_set *s, struct wit_hash128 *out);

/* A request in normal form, without what `known` has already, each thing once; how many it had of
 * each. Texts are put into the arena. WIT_EINVAL, WIT_ELIMIT, WIT_ENOMEM. */
int removed_request_normal(const struct wit_shards_removal *what, const struct removed_set *known,
                           struct wit_arena *arena, struct wit_shards_removal *out, uint64_t *items,
                           uint64_t *known_items, struct wit_error *err);

/* A domain as it is compared: lower case, ASCII, without "*." before it. WIT_EINVAL: it is none. */
int removed_domain_normal(struct wit_str domain, struct wit_buf *out, struct wit_error *err);
/* A URL as a crawl writes it: parsed, without a fragment. WIT_EINVAL: it is none of http. */
int removed_url_normal(struct wit_str url, struct wit_buf *out, struct wit_error *err);

/* The open log (wit_shards_removed.h) has a set. NULL is allowed and has an empty one. */
const struct removed_set *removed_set_of(const struct wit_shards_removed *r);

#endif
