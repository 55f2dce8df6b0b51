/* allowlist_grams.h: entries of an allowlist that are counted: words and bigrams of Wikipedia
 * dumps, titles of page views. */
#ifndef FILTER_ALLOWLIST_GRAMS_H
#define FILTER_ALLOWLIST_GRAMS_H

#include "wit_filter.h"

struct grams;

/* Count all inputs, or take up what an earlier call counted, and choose. Errors as of
 * wit_filter_allowlist_build. */
int grams_create(const struct wit_filter_build_config *cfg, const char *out_path,
                 struct wit_filter_build_report *report, struct grams **out, struct wit_error *err);
/* Call fn for words, bigrams and titles, best first; fn returns 0 or a negative status, which ends
 * the walk. The score: a count, PMI in bits, views. */
int grams_each(struct grams *g,
               int (*fn)(void *user, enum wit_filter_origin origin, struct wit_str entry,
                         double score),
               void *user);
/* Entries that were not even kept, since so many better ones of their origin fill the list. */
uint64_t grams_over_size(const struct grams *g);
/* `written`: the list is there, and the work folder goes. NULL is fine. */
void grams_destroy(struct grams *g, bool written);

#endif
