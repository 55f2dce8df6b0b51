/*
 * pair_counter.h: how many distinct pairs there are among any number that are offered, in memory
 * that does not grow with them: hashes gather in a buffer, are sorted, and go to a temporary file
 * run by run; the count is that of a merge at the end. Exact but for collisions of 63-bit hashes.
 * Belongs to one thread.
 */
#ifndef WIT_PAIR_COUNTER_H
#define WIT_PAIR_COUNTER_H

#include "base/wit_base.h"

struct pair_counter;

/* `folder` takes the file, which has no name there; it need not exist before the first run is full.
 * `at_once`: hashes in memory, 0 for the default of a million (8 MB). WIT_ENOMEM, WIT_ELIMIT. */
int pair_counter_create(const char *folder, size_t at_once, struct pair_counter **out,
                        struct wit_error *err);
void pair_counter_destroy(struct pair_counter *c); /* NULL is fine */

/* Offer a pair; `marked` is a property of it, counted beside: the same each time.
 * WIT_EIO, WIT_ENOSPC, WIT_ENOMEM. */
int pair_counter_add(struct pair_counter *c, struct wit_str url, struct wit_str text, bool marked,
                     struct wit_error *err);

/* Distinct pairs so far, and those of them that are marked. More may be offered after. */
int pair_counter_count(struct pair_counter *c, uint64_t *distinct, uint64_t *marked,
                       struct wit_error *err);

#endif
