/*
 * selection.h: which pairs are kept: rules of captions and an allowlist with balancing, joined to
 * the crawl (which images are worth asking for) and to the seal (which pairs stay). Without a list
 * every caption that the rules let through is kept; without both, pairs are only counted.
 */
#ifndef WIT_SELECTION_H
#define WIT_SELECTION_H

#include "base/wit_base.h"
#include "pair_counter.h"
#include "wit_filter.h"
#include "wit_filter_hygiene.h"
#include "wit_shards.h"

struct selection_config {
    const char *allowlist; /* a list of queries; NULL: none */
    uint64_t per_query, seed;
    const char *folder; /* for a temporary file of pairs that are only counted; NULL: in memory */
    bool has_hygiene;   /* ask the rules */
    struct wit_filter_hygiene_config hygiene;
    const char *blocklist; /* a file: sets hygiene.blocklist; NULL: none */
    /* Asked with the others, unless that rule is off. */
    struct wit_filter_boilerplate_config boilerplate;
};
struct selection_config selection_config_default(void); /* nothing is refused */

struct selection {
    struct wit_filter_allowlist *list;
    struct wit_filter_balancer *balancer; /* of pairs that no rule refuses */
    struct pair_counter *counter; /* of pairs that are only counted: nothing is asked of them */
    bool all;                     /* there is no list */
    uint64_t per_query, seed;
    uint64_t distinct;  /* pairs offered so far; with a counter, when selection_count was called */
    uint64_t two_words; /* of those, with a text of two words or more */
    struct wit_filter_allowlist *blocklist;
    struct wit_filter_hygiene *hygiene;     /* NULL: no rule is asked */
    struct wit_filter_pairs *refused_pairs; /* those that a rule refuses */
    uint64_t refused[WIT_FILTER_RULES];     /* of those, by rule */
    bool has_boilerplate;
    struct wit_filter_boilerplate_config boilerplate;
    struct wit_filter_pairs *boilerplate_pairs; /* after the review */
    struct wit_buf recipe;
};

/* On failure nothing is to be closed. WIT_EINVAL: a setting is wrong. */
int selection_open(struct selection *s, const struct selection_config *cfg, struct wit_error *err);
void selection_close(struct selection *s);

/* Counts the pair, says whether it is worth fetching. What a rule refuses is no candidate of the
 * balancing. One thread. */
int selection_judge(struct selection *s, const struct wit_shards_candidate *cand, bool *want,
                    struct wit_error *err);
/* Bring `distinct` and `two_words` up to date. WIT_EIO, WIT_ENOMEM. */
int selection_count(struct selection *s, struct wit_error *err);
/*
 * What cannot be said before all is found: reads the candidates of DIR twice and finds the pairs
 * whose text is boilerplate on a site that shows them. They stay counted in the balancing: a count
 * that fell in the end would want pairs whose images nobody asked for. Nothing to do where the rule
 * is not asked. Memory: wit_filter_boilerplate's, given back in the end, and a set of these pairs.
 */
int selection_review(struct selection *s, const char *dir, const volatile int *interrupt,
                     struct wit_error *err);
/* keep, recipe and user of a seal, after every candidate has been judged, and the review. */
void selection_seal(struct selection *s, struct wit_shards_seal_config *cfg);

/* Does a rule refuse the caption? 1 and *rule, 0 or WIT_ENOMEM. The empty text of a list that
 * names images alone is no caption. Any thread. */
int selection_refuses(struct selection *s, struct wit_str text, enum wit_filter_rule *rule,
                      struct wit_error *err);

/* The same, and boilerplate, after the review. */
int selection_rule_of(struct selection *s, const struct wit_shards_candidate *cand,
                      enum wit_filter_rule *rule, struct wit_error *err);

#endif
