/*
 * removed_carry.h: datasets made of others take over what was removed from those.
 */
#ifndef SHARDS_REMOVED_CARRY_H
#define SHARDS_REMOVED_CARRY_H

#include "remake.h"

/* Append the requests that hold in another dataset, without what is named already. Its time and
 * reason stay; `hash` says whose they are. */
int removed_carry(struct removed_log *log, const char *dir, struct wit_hash128 hash,
                  struct wit_error *err);
/* The dataset that is about to be published was made without them: note it, and write the log
 * where there is something in it. */
int removed_carried(struct removed_log *log, const struct manifest *m,
                    const struct remake_counts *counts, const char *dir, struct wit_error *err);

#endif
