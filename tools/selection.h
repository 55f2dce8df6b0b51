/*
 * selection.h: which pairs are kept: an allowlist with balancing, joined to the crawl (which images
 * are worth asking for) and to the seal (which pairs stay). Without a list everything is kept, and
 * pairs are only counted.
 */
#ifndef WIT_SELECTION_H
#define WIT_SELECTION_H

#include "base/wit_base.h"
#include "wit_filter.h"
#include "wit_shards.h"

struct selection {
    struct wit_filter_allowlist *list;
    struct wit_filter_balancer *balancer;
    bool all; /* there is no list */
    uint64_t per_query, seed;
    uint64_t distinct;  /* pairs offered so far */
    uint64_t two_words; /* of those, with a text of two words or more */
    struct wit_buf recipe;
};

/* allowlist NULL keeps all. On failure nothing is to be closed. */
int selection_open(struct selection *s, const char *allowlist, uint64_t per_query, uint64_t seed,
                   struct wit_error *err);
void selection_close(struct selection *s);

/* Counts the pair, says whether it is worth fetching. */
int selection_judge(struct selection *s, const struct wit_shards_candidate *cand, bool *want,
                    struct wit_error *err);
/* keep, recipe and user of a seal, after every candidate has been judged. */
void selection_seal(struct selection *s, struct wit_shards_seal_config *cfg);

#endif
